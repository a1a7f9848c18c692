#include "makedump/sink/ssh_sftp.h"

#include <algorithm>
#include <fcntl.h>
#include <sys/stat.h>

#include "makedump/sink/ssh_connection.h"

namespace kdump {

namespace {

constexpr mode_t kPrivate = 0600;
// Every server takes packets of 32 KiB of data; larger ones are up to it.
constexpr size_t kPiece = 32768;

// What SFTP version 3 says, in the words of this system; 0 for the word "failure", which is all
// that it has for a full disk, a read-only file system and more.
int errno_of(int code) {
  switch (code) {
    case SSH_FX_NO_SUCH_FILE:
    case SSH_FX_NO_SUCH_PATH:
      return ENOENT;
    case SSH_FX_PERMISSION_DENIED:
      return EACCES;
    case SSH_FX_FILE_ALREADY_EXISTS:
      return EEXIST;
    case SSH_FX_OP_UNSUPPORTED:
      return EOPNOTSUPP;
    case SSH_FX_WRITE_PROTECT:
      return EROFS;
    default:
      return 0;
  }
}

}  // namespace

struct SftpLink {
  SshConnection& connection;
  ssh::SftpSession sftp;

  ~SftpLink() {
    const auto guard = connection.within_limit();
    sftp.reset();
  }

  [[nodiscard]] std::string name_of(const std::string& path) const {
    return connection.name + ":" + path;
  }

  // Of the last request, about `path`.
  [[nodiscard]] Error failure(const std::string& path, const std::string& what) const {
    const std::string where = path + ": " + what;
    if (connection.watchdog.fired()) return connection.out_of_time(where);
    const int code = ::sftp_get_error(sftp.get());
    if (const int error = errno_of(code))
      return Error::from_errno(name_of(path) + ": " + what, error);
    if (code == SSH_FX_FAILURE)
      return {Errc::io, name_of(path) + ": " + what + ": the server refuses, and does not say why"};
    return connection.failure(where);
  }

  [[nodiscard]] std::optional<uint64_t> room(const std::string& path) const {
    if (::sftp_extension_supported(sftp.get(), "statvfs@openssh.com", "2") == 0)
      return std::nullopt;
    const ssh::Room room(::sftp_statvfs(sftp.get(), path.c_str()));
    if (!room) return std::nullopt;
    return checked_mul(room->f_bavail, room->f_frsize);
  }

  // A full disk has no word of its own: whoever may have met one asks for the room that is left.
  [[nodiscard]] Error write_failure(const std::string& path, const std::string& what) const {
    Error error = failure(path, what);
    if (::sftp_get_error(sftp.get()) != SSH_FX_FAILURE || connection.watchdog.fired()) return error;
    const auto left = room(path);
    if (left && *left < kPiece) return Error::from_errno(name_of(path) + ": " + what, ENOSPC);
    return error;
  }
};

struct SftpOpenFile {
  std::shared_ptr<SftpLink> link;
  std::string path;
  ssh::SftpHandle handle;

  ~SftpOpenFile() {
    const auto guard = link->connection.within_limit();
    handle.reset();
  }
};

SftpFile::SftpFile(std::unique_ptr<SftpOpenFile> file) : file_(std::move(file)) {}
SftpFile::SftpFile(SftpFile&&) noexcept = default;
SftpFile& SftpFile::operator=(SftpFile&&) noexcept = default;
SftpFile::~SftpFile() = default;

Result<void> SftpFile::write_at(FileOffset at, Bytes bytes) {
  const SftpLink& link = *file_->link;
  while (!bytes.empty()) {
    const auto guard = file_->link->connection.within_limit();
    const size_t piece = std::min(bytes.size(), kPiece);
    const std::string what = "write at " + hex(at);
    if (::sftp_seek64(file_->handle.get(), at.v) != 0) return link.failure(file_->path, what);
    const ssize_t n = ::sftp_write(file_->handle.get(), bytes.data(), piece);
    if (n <= 0) return link.write_failure(file_->path, what);
    bytes = bytes.subspan(static_cast<size_t>(n));
    at += static_cast<uint64_t>(n);
  }
  return {};
}

Result<void> SftpFile::sync() {
  const SftpLink& link = *file_->link;
  if (::sftp_extension_supported(link.sftp.get(), "fsync@openssh.com", "1") == 0)
    return Error(Errc::unsupported,
                 link.name_of(file_->path) + ": fsync: the server has no fsync@openssh.com");
  const auto guard = file_->link->connection.within_limit();
  if (::sftp_fsync(file_->handle.get()) != 0) return link.write_failure(file_->path, "fsync");
  return {};
}

Sftp::Sftp(std::shared_ptr<SftpLink> link) : link_(std::move(link)) {}
Sftp::Sftp(Sftp&&) noexcept = default;
Sftp& Sftp::operator=(Sftp&&) noexcept = default;
Sftp::~Sftp() = default;

Result<Sftp> SshSession::open_sftp() {
  const auto guard = connection_->within_limit();
  ssh::SftpSession sftp(::sftp_new(connection_->session.get()));
  if (!sftp) return connection_->failure("starting SFTP (does this account have it?)");
  if (::sftp_init(sftp.get()) != SSH_OK)
    return connection_->failure("starting SFTP (does this account have it?)");
  return Sftp(std::shared_ptr<SftpLink>(new SftpLink{*connection_, std::move(sftp)}));
}

Result<std::optional<SftpStat>> Sftp::stat(const std::string& path) {
  const auto guard = link_->connection.within_limit();
  const ssh::Attributes attributes(::sftp_stat(link_->sftp.get(), path.c_str()));
  if (attributes) return std::optional(SftpStat{attributes->size, attributes->permissions});
  if (errno_of(::sftp_get_error(link_->sftp.get())) == ENOENT) return std::optional<SftpStat>();
  return link_->failure(path, "stat");
}

Result<void> Sftp::make_directories(const std::string& path, uint32_t mode) {
  KDUMP_TRY_ASSIGN(const auto there, stat(path));
  if (there && S_ISDIR(there->mode)) return {};
  if (there) return Error::from_errno(link_->name_of(path) + ": mkdir", ENOTDIR);
  const size_t slash = path.find_last_of('/');
  if (slash != std::string::npos && slash != 0)
    KDUMP_TRY(make_directories(path.substr(0, slash), mode));
  const auto guard = link_->connection.within_limit();
  if (::sftp_mkdir(link_->sftp.get(), path.c_str(), mode) == 0) return {};
  return link_->failure(path, "mkdir");
}

Result<SftpFile> Sftp::open(const std::string& path, int flags, const std::string& what) {
  const auto guard = link_->connection.within_limit();
  ssh::SftpHandle file(::sftp_open(link_->sftp.get(), path.c_str(), flags, kPrivate));
  if (!file) return link_->write_failure(path, what);
  return SftpFile(std::unique_ptr<SftpOpenFile>(new SftpOpenFile{link_, path, std::move(file)}));
}

Result<SftpFile> Sftp::create(const std::string& path) {
  return open(path, O_WRONLY | O_CREAT | O_EXCL, "create");
}

Result<SftpFile> Sftp::open_existing(const std::string& path) {
  return open(path, O_WRONLY, "open");
}

Result<void> Sftp::rename(const std::string& from, const std::string& to) {
  const auto guard = link_->connection.within_limit();
  if (::sftp_rename(link_->sftp.get(), from.c_str(), to.c_str()) == 0) return {};
  return link_->failure(to, "rename from " + from);
}

Result<void> Sftp::remove(const std::string& path) {
  const auto guard = link_->connection.within_limit();
  if (::sftp_unlink(link_->sftp.get(), path.c_str()) == 0) return {};
  return link_->failure(path, "remove");
}

Result<void> Sftp::set_mode(const std::string& path, uint32_t mode) {
  const auto guard = link_->connection.within_limit();
  if (::sftp_chmod(link_->sftp.get(), path.c_str(), mode) == 0) return {};
  return link_->failure(path, "chmod");
}

Result<std::string> Sftp::read_file(const std::string& path, size_t limit) {
  SftpOpenFile file{link_, path, nullptr};
  {
    const auto guard = link_->connection.within_limit();
    file.handle.reset(::sftp_open(link_->sftp.get(), path.c_str(), O_RDONLY, 0));
    if (!file.handle) return link_->failure(path, "open");
  }
  std::string text, buffer(kPiece, '\0');
  for (;;) {
    const auto guard = link_->connection.within_limit();
    const ssize_t n = ::sftp_read(file.handle.get(), buffer.data(), buffer.size());
    if (n < 0) return link_->failure(path, "read at " + hex(text.size()));
    if (n == 0) return text;
    text.append(buffer, 0, static_cast<size_t>(n));
    if (text.size() > limit)
      return Error(Errc::bad_input, link_->name_of(path) + ": longer than " + human_bytes(limit));
  }
}

Result<std::optional<uint64_t>> Sftp::free_bytes(const std::string& path) {
  const auto guard = link_->connection.within_limit();
  return link_->room(path);
}

}  // namespace kdump
