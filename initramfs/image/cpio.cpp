#include "initramfs/image/cpio.h"

#include <array>
#include <cstdio>
#include <limits>
#include <sys/stat.h>

#include "makedump/base/units.h"

namespace kdump {

namespace {

constexpr uint64_t kPage = 4096;
constexpr size_t kHeaderSize = 110;
constexpr uint64_t kLongestName = 4096;  // PATH_MAX: the kernel skips entries with longer names

void append(std::vector<std::byte>& to, std::string_view text) {
  const Bytes bytes = as_bytes(text);
  to.insert(to.end(), bytes.begin(), bytes.end());
}

void pad(std::vector<std::byte>& to) {
  to.resize(align_up(to.size(), 4));
}

struct Header {
  uint32_t inode = 0, mode = 0, links = 1, size = 0, major = 0, minor = 0;
};

void append_entry(std::vector<std::byte>& to, const Header& header, const std::string& name,
                  Bytes content) {
  // Times, owner, the archive's own device number and the checksum stay 0.
  const std::array<uint32_t, 13> fields = {header.inode,
                                           header.mode,
                                           0,
                                           0,
                                           header.links,
                                           0,
                                           header.size,
                                           0,
                                           0,
                                           header.major,
                                           header.minor,
                                           static_cast<uint32_t>(name.size() + 1),
                                           0};
  std::array<char, kHeaderSize + 1> text{};
  std::snprintf(text.data(), 7, "070701");
  for (size_t i = 0; i < fields.size(); ++i)
    std::snprintf(text.data() + 6 + 8 * i, 9, "%08X", fields[i]);
  append(to, {text.data(), kHeaderSize});
  append(to, name);
  to.push_back(std::byte{0});
  pad(to);
  to.insert(to.end(), content.begin(), content.end());
  pad(to);
}

}  // namespace

Result<void> CpioArchive::add(const std::string& path, Entry entry) {
  if (!path.starts_with('/') || path.ends_with('/') || path.find("//") != std::string::npos ||
      path.size() > kLongestName)
    return Error(Errc::internal, "image: \"" + path + "\" is not a path for an archive");
  for (size_t slash = path.find('/', 1); slash != std::string::npos;
       slash = path.find('/', slash + 1)) {
    const auto [parent, is_new] =
        entries_.try_emplace(path.substr(1, slash - 1), Entry{S_IFDIR | 0755, {}, 0, 0});
    if (!is_new && !S_ISDIR(parent->second.mode))
      return Error(Errc::exists, "image: " + path + ": /" + parent->first + " is no directory");
  }
  const auto [it, is_new] = entries_.try_emplace(path.substr(1), entry);
  if (!is_new && it->second != entry)
    return Error(Errc::exists, "image: " + path + " is there already, and differs");
  return {};
}

Result<void> CpioArchive::add_directory(const std::string& path, mode_t permissions) {
  return add(path, {S_IFDIR | permissions, {}, 0, 0});
}

Result<void> CpioArchive::add_file(const std::string& path, mode_t permissions,
                                   std::vector<std::byte> content) {
  if (content.size() > std::numeric_limits<uint32_t>::max())
    return Error(Errc::unsupported, "image: " + path + ": 4 GiB or more");
  return add(path, {S_IFREG | permissions, std::move(content), 0, 0});
}

Result<void> CpioArchive::add_symlink(const std::string& path, const std::string& target) {
  const Bytes bytes = as_bytes(target);
  return add(path, {S_IFLNK | 0777, {bytes.begin(), bytes.end()}, 0, 0});
}

Result<void> CpioArchive::add_character_device(const std::string& path, mode_t permissions,
                                               unsigned major, unsigned minor) {
  return add(path, {S_IFCHR | permissions, {}, major, minor});
}

uint64_t CpioArchive::unpacked_bytes() const {
  uint64_t sum = 0;
  for (const auto& [path, entry] : entries_)
    sum += align_up(entry.content.size(), kPage);
  return sum;
}

std::vector<std::byte> CpioArchive::encode() const {
  std::vector<std::byte> archive;
  uint64_t size = 0;
  for (const auto& [path, entry] : entries_)
    size += kHeaderSize + path.size() + entry.content.size() + 8;
  archive.reserve(size + kHeaderSize + 16);

  uint32_t inode = 0;
  for (const auto& [path, entry] : entries_) {
    Header header;
    header.inode = ++inode;
    header.mode = entry.mode;
    header.links = S_ISDIR(entry.mode) ? 2 : 1;
    header.size = static_cast<uint32_t>(entry.content.size());
    header.major = entry.major;
    header.minor = entry.minor;
    append_entry(archive, header, path, entry.content);
  }
  append_entry(archive, {}, "TRAILER!!!", {});
  return archive;
}

}  // namespace kdump
