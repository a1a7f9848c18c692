// Files on an SSH server (SFTP version 3, with the extensions of OpenSSH's server).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "makedump/base/bytes.h"
#include "makedump/base/result.h"
#include "makedump/base/units.h"
#include "makedump/sink/sftp_packet.h"
#include "makedump/sink/ssh_session.h"

namespace kdump {

class SftpLink;
struct SftpOpenFile;

struct SftpEntry {
  std::string name;  // without "." and ".."
  SftpStat stat;
};

// What was to be written and was not confirmed.
struct SftpPiece {
  FileOffset at;
  std::vector<std::byte> bytes;
};

// A file that is being written. Many writes are under way at a time; what they hold is bounded.
class SftpFile {
 public:
  SftpFile(SftpFile&&) noexcept;
  SftpFile& operator=(SftpFile&&) noexcept;
  ~SftpFile();

  // Comes back before the server has answered: what went wrong is then told by a later call, at
  // the latest by sync(). Offsets may be in any order.
  Result<void> write_at(FileOffset at, Bytes bytes);
  // Sends what was held back to make whole requests of it, and takes the answers that are there.
  Result<void> push();
  // All was answered.
  Result<void> flush();
  // All of it is on stable storage; unsupported when the server has no fsync@openssh.com, in which
  // case all was answered, at least.
  Result<void> sync();

  // Bytes whose writes the server has answered.
  [[nodiscard]] uint64_t confirmed() const;
  // One past the last confirmed byte: the file is at least this long, if it is what it was.
  [[nodiscard]] uint64_t confirmed_end() const;
  // Of a file whose connection broke: what has to be written again. Nothing comes of this one then.
  std::vector<SftpPiece> take_unconfirmed();

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
  // One that is new, whatever the umask; `exists` if there is something of this name.
  Result<void> make_directory(const std::string& path, uint32_t mode);
  // A new file, mode 0600; exists or io (a server may not tell why) when there is one.
  Result<SftpFile> create(const std::string& path);
  // The same, or what is there is emptied.
  Result<SftpFile> create_or_empty(const std::string& path);
  // For writing; what is in it stays.
  Result<SftpFile> open_existing(const std::string& path);
  // Servers refuse it when there is a file `to`.
  Result<void> rename(const std::string& from, const std::string& to);
  // As rename(2). Where the server cannot, a file `to` is removed before.
  Result<void> replace(const std::string& from, const std::string& to);
  Result<void> remove(const std::string& path);
  // One that is empty.
  Result<void> remove_directory(const std::string& path);
  Result<void> set_mode(const std::string& path, uint32_t mode);
  // Nothing when there is no such file.
  Result<std::optional<SftpStat>> stat(const std::string& path);
  // bad_input when it is longer than `limit` bytes.
  Result<std::string> read_file(const std::string& path, size_t limit = size_t{1} << 20);
  // Links are what they are, not what they lead to. Names with a '/' are left out: no file has one.
  // too_big when there are more than `most`.
  Result<std::vector<SftpEntry>> list(const std::string& path, size_t most = 10000);
  // Room for others than root, in bytes; nothing when the server has no statvfs@openssh.com.
  Result<std::optional<uint64_t>> free_bytes(const std::string& path);

  // How long a server may think about one request while its connection is alive; else the
  // session's limit counts.
  void set_patience(std::chrono::milliseconds patience);
  // Bytes of writes under way: what has to be kept until it is confirmed. At least one request.
  void set_most_under_way(size_t bytes) { most_under_way_ = bytes; }
  // So that neither side takes the other for dead while there is nothing to send.
  Result<void> keep_alive();
  // The connection is of no use any more: not a refusal of the server's, which another connection
  // would get as well.
  [[nodiscard]] bool is_broken() const;

 private:
  friend class SshSession;
  Result<SftpFile> open(const std::string& path, uint32_t flags, const std::string& what);
  explicit Sftp(std::shared_ptr<SftpLink> link);
  Result<size_t> largest_write();
  // Shared with the files that it opened, which close themselves over it.
  std::shared_ptr<SftpLink> link_;
  size_t most_under_way_ = size_t{4} << 20;
  size_t piece_ = 0;  // of a write; 0: not asked yet
};

}  // namespace kdump
