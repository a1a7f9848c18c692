// The packets of SFTP version 3 (draft-ietf-secsh-filexfer-02), with the extensions of OpenSSH's
// server: putting them together and taking them apart. No I/O.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "makedump/base/bytes.h"

namespace kdump {

enum class SftpType : uint8_t {
  init = 1,
  version = 2,
  open = 3,
  close = 4,
  read = 5,
  write = 6,
  setstat = 9,
  opendir = 11,
  readdir = 12,
  remove = 13,
  mkdir = 14,
  rmdir = 15,
  stat = 17,
  rename = 18,
  status = 101,
  handle = 102,
  data = 103,
  name = 104,
  attrs = 105,
  extended = 200,
  extended_reply = 201,
};

enum class SftpStatus : uint32_t {
  ok = 0,
  eof = 1,
  no_such_file = 2,
  permission_denied = 3,
  failure = 4,  // a full disk, a file that exists, …: it has no other word for them
  unsupported = 8,
};

// The body of a packet, behind its type and number.
class SftpBody {
 public:
  SftpBody& u32(uint32_t value);
  SftpBody& u64(uint64_t value);
  SftpBody& text(std::string_view text);  // with its length
  SftpBody& mode(uint32_t mode);          // attributes: the mode alone
  [[nodiscard]] const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

// "length type number" that go in front of a body of so many bytes.
std::string sftp_head(SftpType type, uint32_t id, size_t body_bytes);

// Reads what a server sent, which may be anything: what is not there is zero or empty, and
// is_bad().
class SftpReader {
 public:
  explicit SftpReader(Bytes bytes) : rest_(bytes) {}
  uint32_t u32();
  uint64_t u64();
  std::string_view text();
  [[nodiscard]] bool is_bad() const { return bad_; }
  [[nodiscard]] bool at_end() const { return rest_.empty(); }

 private:
  Bytes rest_;
  bool bad_ = false;
};

struct SftpStat {
  uint64_t size = 0;
  uint32_t mode = 0;  // as stat(2) has it, with the kind of file
  uint64_t mtime = 0;
};
SftpStat read_attributes(SftpReader& reader);

}  // namespace kdump
