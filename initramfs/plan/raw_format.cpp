#include "initramfs/plan/raw_format.h"

#include <algorithm>
#include <cstring>

#include "makedump/compress/crc32.h"

namespace kdump {

namespace {

constexpr std::string_view kSignature(RawHeader::kSignature, sizeof(RawHeader::kSignature) - 1);

// Offsets of the members in the block.
constexpr size_t kVersionAt = 8, kDumpStateAt = 12, kSequenceAt = 16, kDeviceBytesAt = 24,
                 kDumpAtAt = 32, kDumpBytesAt = 40, kFileCountAt = 48, kIdAt = 64;
// And of a file's entry.
constexpr size_t kOffsetAt = 40, kSizeAt = 48, kCrcAt = 56;

static_assert(kIdAt + RawHeader::kIdSize <= RawHeader::kFilesAt);
static_assert(RawHeader::kFilesAt + RawHeader::kMostFiles * RawFile::kEncodedSize <=
              RawHeader::kChecksumAt);

void put_text(std::byte* to, std::string_view text) {
  std::memcpy(to, text.data(), text.size());
}

std::string text_at(Bytes block, size_t at, size_t length) {
  const std::string_view text = as_text(block.subspan(at, length));
  return std::string(text.substr(0, text.find('\0')));
}

Error damaged(const std::string& what) {
  return {Errc::bad_input, "the header of the capture is damaged: " + what};
}

Result<RawFile> decode_file(Bytes entry, uint64_t dump_at) {
  RawFile file;
  file.name = text_at(entry, 0, RawFile::kNameSize);
  file.offset = load<uint64_t>(entry.data() + kOffsetAt);
  file.size = load<uint64_t>(entry.data() + kSizeAt);
  file.crc32 = load<uint32_t>(entry.data() + kCrcAt);
  if (!is_raw_name(file.name)) return damaged("a file has no name that one may have");
  if (file.offset < kRawFilesAt || file.offset % kRawBlock != 0 || file.offset > dump_at ||
      file.size > dump_at - file.offset)
    return damaged("file " + file.name + " does not lie where files do");
  return file;
}

}  // namespace

bool is_raw_name(std::string_view name) {
  const auto fine = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("._:+-@=,[]%").find(c) != std::string_view::npos;
  };
  return !name.empty() && name.front() != '.' && name.size() < RawHeader::kIdSize &&
         std::all_of(name.begin(), name.end(), fine);
}

bool is_raw_header(Bytes block) {
  return as_text(block).starts_with(kSignature);
}

Result<std::array<std::byte, RawHeader::kEncodedSize>> encode(const RawHeader& header) {
  if (header.files.size() > RawHeader::kMostFiles)
    return Error(Errc::no_space, "more files than a raw device has entries for");
  if (header.id.size() >= RawHeader::kIdSize)
    return Error(Errc::usage, header.id + ": name too long for a raw device");
  std::array<std::byte, RawHeader::kEncodedSize> block{};
  put_text(block.data(), kSignature);
  store(block.data() + kVersionAt, RawHeader::kVersion);
  store(block.data() + kDumpStateAt, static_cast<uint32_t>(header.dump));
  store(block.data() + kSequenceAt, header.sequence);
  store(block.data() + kDeviceBytesAt, header.device_bytes);
  store(block.data() + kDumpAtAt, header.dump_at);
  store(block.data() + kDumpBytesAt, header.dump_bytes);
  store(block.data() + kFileCountAt, static_cast<uint32_t>(header.files.size()));
  put_text(block.data() + kIdAt, header.id);
  std::byte* entry = block.data() + RawHeader::kFilesAt;
  for (const RawFile& file : header.files) {
    if (file.name.size() >= RawFile::kNameSize)
      return Error(Errc::usage, file.name + ": name too long for a raw device");
    put_text(entry, file.name);
    store(entry + kOffsetAt, file.offset);
    store(entry + kSizeAt, file.size);
    store(entry + kCrcAt, file.crc32);
    entry += RawFile::kEncodedSize;
  }
  store(block.data() + RawHeader::kChecksumAt,
        crc32(0, Bytes(block).first(RawHeader::kChecksumAt)));
  return block;
}

Result<RawHeader> decode_raw_header(Bytes block, uint64_t device_bytes) {
  if (block.size() < RawHeader::kEncodedSize || !is_raw_header(block))
    return Error(Errc::not_found, "no capture");
  if (load<uint32_t>(block.data() + RawHeader::kChecksumAt) !=
      crc32(0, block.first(RawHeader::kChecksumAt)))
    return damaged("its checksum is wrong");
  if (const auto version = load<uint32_t>(block.data() + kVersionAt);
      version != RawHeader::kVersion)
    return damaged("its version is " + std::to_string(version) + ", not " +
                   std::to_string(RawHeader::kVersion));
  RawHeader header;
  header.sequence = load<uint64_t>(block.data() + kSequenceAt);
  header.device_bytes = load<uint64_t>(block.data() + kDeviceBytesAt);
  header.dump_at = load<uint64_t>(block.data() + kDumpAtAt);
  header.dump_bytes = load<uint64_t>(block.data() + kDumpBytesAt);
  const auto dump = load<uint32_t>(block.data() + kDumpStateAt);
  if (dump > static_cast<uint32_t>(RawDump::complete)) return damaged("no such state of a dump");
  header.dump = static_cast<RawDump>(dump);
  if (header.dump_at < kRawFilesAt || header.dump_at % kRawBlock != 0 ||
      header.dump_at > device_bytes || header.dump_bytes > device_bytes - header.dump_at)
    return damaged("the dump does not lie within the device");
  header.id = text_at(block, kIdAt, RawHeader::kIdSize);
  if (!is_raw_name(header.id)) return damaged("the capture has no name that one may have");
  const auto count = load<uint32_t>(block.data() + kFileCountAt);
  if (count > RawHeader::kMostFiles) return damaged("it has " + std::to_string(count) + " files");
  for (size_t i = 0; i < count; ++i) {
    const Bytes entry =
        block.subspan(RawHeader::kFilesAt + i * RawFile::kEncodedSize, RawFile::kEncodedSize);
    KDUMP_TRY_ASSIGN(RawFile file, decode_file(entry, header.dump_at));
    for (const RawFile& other : header.files)
      if (other.name == file.name) return damaged("two files are called " + file.name);
    header.files.push_back(std::move(file));
  }
  return header;
}

}  // namespace kdump
