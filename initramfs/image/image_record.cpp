#include "initramfs/image/image_record.h"

#include <algorithm>
#include <charconv>
#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>

#include "initramfs/image/cpio.h"
#include "initramfs/image/digest.h"
#include "makedump/base/units.h"

namespace kdump {

namespace {

using nlohmann::json;

constexpr std::string_view kName = "kdump-image.json";
// newc: thirteen fields of eight digits behind the magic number, then the name and its NUL.
constexpr size_t kSizeField = 6 + size_t{8} * 6;
constexpr size_t kNameField = 110;
constexpr size_t kContent = 128;  // kNameField + sizeof name and NUL, rounded up to 4
constexpr uint64_t kArchiveAlignment = 512;
constexpr size_t kLongestRecord = size_t{4} << 20;
constexpr uint64_t kLargestImage = uint64_t{1} << 30;

json to_json(const ImageRecord& record) {
  json files = json::array();
  for (const RecordedFile& file : record.files)
    files.push_back({{"kind", file.kind},
                     {"source", file.source},
                     {"image_path", file.image_path},
                     {"options", file.options},
                     {"mode", file.mode},
                     {"digest", file.digest}});
  return {{"builder", record.builder},
          {"kernel_release", record.kernel_release},
          {"packing", record.packing},
          {"plan", record.plan},
          {"files", std::move(files)}};
}

std::string to_text(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

ImageRecord from_json(const json& value) {  // throws json::exception
  ImageRecord record;
  value.at("builder").get_to(record.builder);
  value.at("kernel_release").get_to(record.kernel_release);
  value.at("packing").get_to(record.packing);
  value.at("plan").get_to(record.plan);
  for (const json& entry : value.at("files")) {
    RecordedFile file;
    entry.at("kind").get_to(file.kind);
    entry.at("source").get_to(file.source);
    entry.at("image_path").get_to(file.image_path);
    entry.at("options").get_to(file.options);
    entry.at("mode").get_to(file.mode);
    entry.at("digest").get_to(file.digest);
    record.files.push_back(std::move(file));
  }
  return record;
}

// The record's own archive.
Result<std::vector<std::byte>> front(const std::string& text) {
  CpioArchive archive;
  const Bytes bytes = as_bytes(text);
  KDUMP_TRY(archive.add_file("/" + std::string(kName), 0600, {bytes.begin(), bytes.end()}));
  std::vector<std::byte> encoded = archive.encode();
  encoded.resize(align_up(encoded.size(), kArchiveAlignment));
  return encoded;
}

Error damaged(const std::string& name, const std::string& what) {
  return {Errc::bad_input, name + ": the capture image is damaged (" + what +
                               "); 'kdumpctl rebuild' makes a new one"};
}

bool has_record(Bytes image) {
  return image.size() >= kContent && as_text(image.first(6)) == "070701" &&
         as_text(image.subspan(kNameField, kContent - kNameField)).starts_with(kName);
}

// Of an image that has one. Cut short, it must not pass for one that was made by somebody else.
Result<std::string_view> record_text(Bytes image, const std::string& name) {
  const std::string_view digits = as_text(image.subspan(kSizeField, 8));
  uint32_t size = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), size, 16);
  if (error != std::errc() || end != digits.data() + digits.size() || size > kLongestRecord ||
      size > image.size() - kContent)
    return damaged(name, "its record is cut short");
  return as_text(image.subspan(kContent, size));
}

Result<ImageRecord> judge(Bytes image, std::string_view text, const std::string& name,
                          uint64_t& archive_offset) {
  const json value = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (value.is_discarded()) return damaged(name, "its record cannot be read");
  KDUMP_TRY_ASSIGN(const std::vector<std::byte> head, front(std::string(text)));
  if (image.size() < head.size() || !std::equal(head.begin(), head.end(), image.begin()))
    return damaged(name, "its head is not what was written");
  archive_offset = head.size();
  const Bytes archive = image.subspan(head.size());
  try {
    if (value.at("archive_bytes").get<uint64_t>() != archive.size())
      return damaged(name, human_bytes(archive.size()) + " instead of " +
                               human_bytes(value.at("archive_bytes").get<uint64_t>()));
    if (value.at("archive_digest").get<std::string>() != content_digest(archive))
      return damaged(name, "its content is not what was written");
    return from_json(value);
  } catch (const json::exception&) {
    return damaged(name, "its record has not the members that it must have");
  }
}

}  // namespace

Result<std::vector<std::byte>> with_record(const ImageRecord& record, Bytes archive) {
  json value = to_json(record);
  value["archive_bytes"] = archive.size();
  value["archive_digest"] = content_digest(archive);
  KDUMP_TRY_ASSIGN(std::vector<std::byte> image, front(to_text(value)));
  image.insert(image.end(), archive.begin(), archive.end());
  return image;
}

ImageRecord as_recorded(const ImageRecord& record) {
  return from_json(json::parse(to_text(to_json(record))));
}

Result<VerifiedImage> verify_image(Bytes image, const std::string& name) {
  VerifiedImage verified;
  verified.digest = content_digest(image);
  verified.bytes = image.size();
  if (image.empty()) return damaged(name, "it is empty");
  if (!has_record(image)) return verified;
  KDUMP_TRY_ASSIGN(const std::string_view text, record_text(image, name));
  KDUMP_TRY_ASSIGN(verified.record, judge(image, text, name, verified.archive_offset));
  return verified;
}

Result<VerifiedImage> verify_image(const Fd& fd, const std::string& name) {
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return Error::from_errno(name);
  if (static_cast<uint64_t>(status.st_size) > kLargestImage)
    return Error(Errc::bad_input,
                 name + ": larger than " + human_bytes(kLargestImage) + ": not a capture image");
  std::vector<std::byte> content(static_cast<size_t>(status.st_size));
  KDUMP_TRY_ASSIGN(const size_t length, pread_some(fd, content, FileOffset(0), name));
  return verify_image(Bytes(content).first(length), name);
}

Result<VerifiedImage> verify_image(const std::string& path) {
  KDUMP_TRY_ASSIGN(const Fd fd, open_file(path, O_RDONLY));
  return verify_image(fd, path);
}

}  // namespace kdump
