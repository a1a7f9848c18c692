// Files on an SSH server (SFTP version 3, with the extensions of OpenSSH's server).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "makedump/base/bytes.h"
#include "makedump/base/result.h"
#include "makedump/base/units.h"
#include "makedump/sink/ssh_session.h"

namespace kdump {

struct SftpStat {
  uint64_t size = 0;
  uint32_t mode = 0;  // as stat(2) has it, with the kind of file
};

// Inside: see the .cpp.
struct SftpLink;
struct SftpOpenFile;

// A file that is being written.
class SftpFile {
 public:
  SftpFile(SftpFile&&) noexcept;
  SftpFile& operator=(SftpFile&&) noexcept;
  ~SftpFile();

  // May come back before the server has answered: what went wrong is then told by a later call, at
  // the latest by sync(). Offsets may be in any order.
  Result<void> write_at(FileOffset at, Bytes bytes);
  // All of it is on stable storage; unsupported when the server has no fsync@openssh.com.
  Result<void> sync();

 private:
  friend class Sftp;
  explicit SftpFile(std::unique_ptr<SftpOpenFile> file);
  std::unique_ptr<SftpOpenFile> file_;
};

// Paths are absolute, or from the directory that the server starts in. Errors name them as
// user@host:path.
class Sftp {
 public:
  Sftp(Sftp&&) noexcept;
  Sftp& operator=(Sftp&&) noexcept;
  ~Sftp();

  // As mkdir -p. The server's umask has a say in `mode`.
  Result<void> make_directories(const std::string& path, uint32_t mode = 0777);
  // A new file, mode 0600; exists or io (a server may not tell why) when there is one.
  Result<SftpFile> create(const std::string& path);
  // For writing; what is in it stays.
  Result<SftpFile> open_existing(const std::string& path);
  // Servers refuse it when there is a file `to`.
  Result<void> rename(const std::string& from, const std::string& to);
  Result<void> remove(const std::string& path);
  Result<void> set_mode(const std::string& path, uint32_t mode);
  // Nothing when there is no such file.
  Result<std::optional<SftpStat>> stat(const std::string& path);
  // bad_input when it is longer than `limit` bytes.
  Result<std::string> read_file(const std::string& path, size_t limit = size_t{1} << 20);
  // Room for others than root, in bytes; nothing when the server has no statvfs@openssh.com.
  Result<std::optional<uint64_t>> free_bytes(const std::string& path);

 private:
  friend class SshSession;
  Result<SftpFile> open(const std::string& path, int flags, const std::string& what);
  explicit Sftp(std::shared_ptr<SftpLink> link);
  // Shared with the files that it opened, which close themselves over it.
  std::shared_ptr<SftpLink> link_;
};

}  // namespace kdump
