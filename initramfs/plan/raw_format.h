// A capture on a raw block device: what stands there on disk. Written by kdump-capture, read by the
// recovery at the host's next start. Integers are little-endian, everything begins at a multiple of
// 4096 bytes.
//
//   0           RawHeader, first copy
//   4096        RawHeader, second copy
//   8192 …      small files (the log, the manifest), in any order
//   dump_at …   the dump in the flattened form (format/flattened.h), up to the device's end
//
// The copies are written in turn, after what they speak of is on the device: whenever power fails,
// one of them is whole and true. The whole one with the higher sequence counts.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "makedump/base/bytes.h"
#include "makedump/base/result.h"

namespace kdump {

inline constexpr uint64_t kRawBlock = 4096;
inline constexpr uint64_t kRawFilesAt = 2 * kRawBlock;

struct RawFile {
  static constexpr size_t kEncodedSize = 64, kNameSize = 40;
  std::string name;     // as in the capture's directory
  uint64_t offset = 0;  // on the device
  uint64_t size = 0;
  uint32_t crc32 = 0;

  bool operator==(const RawFile&) const = default;
};

enum class RawDump : uint32_t { none, incomplete, complete };

struct RawHeader {
  static constexpr size_t kEncodedSize = kRawBlock;
  static constexpr char kSignature[] = "KDUMPRAW";
  static constexpr uint32_t kVersion = 1;
  static constexpr size_t kIdSize = 256, kMostFiles = 32, kFilesAt = 512;
  static constexpr size_t kChecksumAt = kEncodedSize - 4;  // CRC-32 of all before it

  uint64_t sequence = 0;
  uint64_t device_bytes = 0;  // of the device as it was
  uint64_t dump_at = 0;
  uint64_t dump_bytes = 0;  // of the flattened form, that are on the device for sure
  RawDump dump = RawDump::none;
  std::string id;  // name for the capture's directory
  std::vector<RawFile> files;

  bool operator==(const RawHeader&) const = default;
};

// Is there any header of ours, whole or not?
bool is_raw_header(Bytes block);

// no_space when there are more files, or longer names, than it has room for.
Result<std::array<std::byte, RawHeader::kEncodedSize>> encode(const RawHeader& header);

// Every number is hostile: what comes back lies within the device, which has `device_bytes`, and
// its names are file names. not_found if it is none of ours; bad_input if it is damaged.
Result<RawHeader> decode_raw_header(Bytes block, uint64_t device_bytes);

// May this be the name of a file or of a directory of ours?
bool is_raw_name(std::string_view name);

constexpr uint64_t to_raw_block(uint64_t bytes) {
  return (bytes + kRawBlock - 1) / kRawBlock * kRawBlock;
}

}  // namespace kdump
