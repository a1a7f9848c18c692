#include "makedump/sink/ssh_sftp.h"

#include <algorithm>
#include <sys/stat.h>

#include "makedump/sink/ssh_sftp_link.h"

namespace kdump {

namespace {

constexpr uint32_t kPrivate = 0600;
// Every server takes packets of 32 KiB of data; larger ones are up to it.
constexpr size_t kPiece = 32768;
// Fewer requests are less work for both sides; beyond this there is nothing to be had.
constexpr size_t kLargestPiece = size_t{128} << 10;

constexpr uint32_t kRead = 1, kWrite = 2, kCreate = 8, kTruncate = 16, kExclusive = 32;

constexpr char kFsync[] = "fsync@openssh.com";
constexpr char kStatvfs[] = "statvfs@openssh.com";
constexpr char kLimits[] = "limits@openssh.com";
constexpr char kPosixRename[] = "posix-rename@openssh.com";

// What SFTP version 3 says, in the words of this system; 0 for the word "failure", which is all
// that it has for a full disk, a read-only file system and more.
int errno_of(SftpStatus status) {
  switch (status) {
    case SftpStatus::no_such_file:
      return ENOENT;
    case SftpStatus::permission_denied:
      return EACCES;
    case SftpStatus::unsupported:
      return EOPNOTSUPP;
    default:
      return 0;
  }
}

Error refusal(const SftpLink& link, SftpStatus status, const std::string& path,
              const std::string& what) {
  const std::string where = link.name_of(path) + ": " + what;
  if (const int error = errno_of(status)) return Error::from_errno(where, error);
  return {Errc::io, where + ": the server refuses, and does not say why"};
}

Error nonsense(const SftpLink& link, const std::string& path, const std::string& what) {
  return {Errc::bad_input,
          link.name_of(path) + ": " + what + ": the server's answer makes no sense"};
}

// A request about `path` that is answered by a status.
Result<void> done_with(const SftpLink& link, Result<SftpReply> reply, const std::string& path,
                       const std::string& what) {
  if (!reply) return std::move(reply).error();
  const SftpStatus status = reply->status();
  if (status == SftpStatus::ok) return {};
  return refusal(link, status, path, what);
}

Result<std::optional<uint64_t>> room(SftpLink& link, const std::string& path) {
  if (!link.has_extension(kStatvfs)) return std::optional<uint64_t>();
  KDUMP_TRY_ASSIGN(const SftpReply reply,
                   link.ask(SftpType::extended, SftpBody().text(kStatvfs).text(path)));
  if (reply.type != SftpType::extended_reply) return std::optional<uint64_t>();
  SftpReader reader(reply.body);
  (void)reader.u64();  // f_bsize
  const uint64_t unit = reader.u64();
  (void)reader.u64();  // f_blocks
  (void)reader.u64();  // f_bfree
  const uint64_t available = reader.u64();
  if (reader.is_bad()) return nonsense(link, path, "statvfs");
  return checked_mul(available, unit);
}

// A full disk has no word of its own: whoever may have met one asks for the room that is left.
Error write_refusal(SftpLink& link, SftpStatus status, const std::string& path,
                    const std::string& what) {
  if (status == SftpStatus::failure) {
    // Of the directory: the file may not be there.
    const size_t slash = path.find_last_of('/');
    const auto left = room(link, slash == std::string::npos ? "." : path.substr(0, slash + 1));
    if (left && *left && **left < kPiece)
      return Error::from_errno(link.name_of(path) + ": " + what, ENOSPC);
  }
  return refusal(link, status, path, what);
}

}  // namespace

// -- a file

struct SftpOpenFile final : SftpLink::Listener {
  // A write under way: its packet, with room in front of the data for a head of any length.
  struct Write {
    uint32_t id = 0;
    FileOffset at;
    size_t size = 0;
    std::vector<std::byte> packet;
  };

  std::shared_ptr<SftpLink> link;
  std::string path, handle;
  size_t piece = kPiece, most = 0;

  size_t head_room = 0;
  Write gathering;               // not sent yet
  std::vector<Write> under_way;  // in the order in which they were sent
  size_t bytes_under_way = 0;
  std::vector<std::vector<std::byte>> spare;
  uint64_t confirmed = 0, confirmed_end = 0;
  SftpStatus refused = SftpStatus::ok;  // the first
  FileOffset refused_at;

  SftpOpenFile(std::shared_ptr<SftpLink> over, std::string of, std::string its_handle)
      : link(std::move(over)), path(std::move(of)), handle(std::move(its_handle)) {
    head_room = sftp_head(SftpType::write, 0, 0).size() +
                SftpBody().text(handle).u64(0).u32(0).bytes().size();
  }
  SftpOpenFile(const SftpOpenFile&) = delete;
  SftpOpenFile& operator=(const SftpOpenFile&) = delete;

  ~SftpOpenFile() override {
    if (!link->is_broken()) (void)flush();
    link->forget(*this);
    if (!link->is_broken()) (void)link->ask(SftpType::close, SftpBody().text(handle));
  }

  void answered(uint32_t id, SftpStatus status) override {
    const auto write = std::find_if(under_way.begin(), under_way.end(),
                                    [id](const Write& each) { return each.id == id; });
    if (write == under_way.end()) return;
    bytes_under_way -= write->size;
    if (status == SftpStatus::ok) {
      confirmed += write->size;
      confirmed_end = std::max(confirmed_end, write->at.v + write->size);
    } else if (refused == SftpStatus::ok) {
      refused = status;
      refused_at = write->at;
    }
    spare.push_back(std::move(write->packet));
    under_way.erase(write);
  }

  Result<void> check() {
    if (refused == SftpStatus::ok) return {};
    return write_refusal(*link, refused, path, "write at " + hex(refused_at));
  }

  Result<void> gather(FileOffset at, Bytes bytes) {
    while (!bytes.empty()) {
      if (gathering.size != 0 && gathering.at.v + gathering.size != at.v)
        KDUMP_TRY(send_gathered());
      if (gathering.size == 0) begin(at);
      const size_t part = std::min(bytes.size(), piece - gathering.size);
      gathering.packet.insert(gathering.packet.end(), bytes.begin(),
                              bytes.begin() + static_cast<ptrdiff_t>(part));
      gathering.size += part;
      at += part;
      bytes = bytes.subspan(part);
      if (gathering.size == piece) KDUMP_TRY(send_gathered());
    }
    return {};
  }

  void begin(FileOffset at) {
    gathering.at = at;
    if (gathering.packet.capacity() == 0 && !spare.empty()) {
      gathering.packet = std::move(spare.back());
      spare.pop_back();
    }
    gathering.packet.clear();
    gathering.packet.reserve(head_room + piece);
    gathering.packet.resize(head_room);
  }

  Result<void> send_gathered() {
    if (gathering.size == 0) return {};
    while (!under_way.empty() && bytes_under_way + gathering.size > most)
      KDUMP_TRY(link->receive(true));
    KDUMP_TRY(check());
    gathering.id = link->next_id();
    SftpBody body;
    body.text(handle).u64(gathering.at.v).u32(static_cast<uint32_t>(gathering.size));
    const std::string head =
        sftp_head(SftpType::write, gathering.id, body.bytes().size() + gathering.size) +
        body.bytes();
    std::copy_n(as_bytes(head).begin(), head.size(), gathering.packet.begin());
    under_way.push_back(std::exchange(gathering, Write()));
    bytes_under_way += under_way.back().size;
    // The packet's bytes stay where they are when answers come in between; the entry may not.
    const Bytes packet(under_way.back().packet);
    return link->send(packet, under_way.back().id, *this);
  }

  Result<void> flush() {
    KDUMP_TRY(send_gathered());
    while (!under_way.empty())
      KDUMP_TRY(link->receive(true));
    return check();
  }
};

SftpFile::SftpFile(std::unique_ptr<SftpOpenFile> file) : file_(std::move(file)) {}
SftpFile::SftpFile(SftpFile&&) noexcept = default;
SftpFile& SftpFile::operator=(SftpFile&&) noexcept = default;
SftpFile::~SftpFile() = default;

Result<void> SftpFile::write_at(FileOffset at, Bytes bytes) {
  // Also when nothing was sent: what could not be told yet is kept for another connection.
  auto gathered = file_->gather(at, bytes);
  if (!gathered) return gathered;
  KDUMP_TRY(file_->link->receive(false));
  return file_->check();
}

Result<void> SftpFile::push() {
  KDUMP_TRY(file_->send_gathered());
  KDUMP_TRY(file_->link->receive(false));
  return file_->check();
}

Result<void> SftpFile::flush() {
  return file_->flush();
}

Result<void> SftpFile::sync() {
  KDUMP_TRY(flush());
  SftpLink& link = *file_->link;
  if (!link.has_extension(kFsync))
    return Error(Errc::unsupported,
                 link.name_of(file_->path) + ": fsync: the server has no fsync@openssh.com");
  KDUMP_TRY_ASSIGN(const SftpReply reply,
                   link.ask(SftpType::extended, SftpBody().text(kFsync).text(file_->handle)));
  if (reply.status() == SftpStatus::ok) return {};
  return write_refusal(link, reply.status(), file_->path, "fsync");
}

uint64_t SftpFile::confirmed() const {
  return file_->confirmed;
}

uint64_t SftpFile::confirmed_end() const {
  return file_->confirmed_end;
}

std::vector<SftpPiece> SftpFile::take_unconfirmed() {
  std::vector<SftpPiece> pieces;
  const auto take = [&](SftpOpenFile::Write& write) {
    if (write.size == 0) return;
    write.packet.erase(write.packet.begin(),
                       write.packet.begin() + static_cast<ptrdiff_t>(file_->head_room));
    pieces.push_back({write.at, std::move(write.packet)});
  };
  for (auto& write : file_->under_way)
    take(write);
  take(file_->gathering);
  file_->link->forget(*file_);
  file_->under_way.clear();
  file_->gathering = {};
  return pieces;
}

// -- the server

Sftp::Sftp(std::shared_ptr<SftpLink> link) : link_(std::move(link)) {}
Sftp::Sftp(Sftp&&) noexcept = default;
Sftp& Sftp::operator=(Sftp&&) noexcept = default;
Sftp::~Sftp() = default;

Result<Sftp> SshSession::open_sftp() {
  KDUMP_TRY_ASSIGN(auto link, SftpLink::open(*connection_));
  return Sftp(std::move(link));
}

void Sftp::set_patience(std::chrono::milliseconds patience) {
  link_->set_patience(patience);
}

Result<void> Sftp::keep_alive() {
  return link_->keep_alive();
}

bool Sftp::is_broken() const {
  return link_->is_broken();
}

Result<std::optional<SftpStat>> Sftp::stat(const std::string& path) {
  KDUMP_TRY_ASSIGN(const SftpReply reply, link_->ask(SftpType::stat, SftpBody().text(path)));
  if (reply.type == SftpType::attrs) {
    SftpReader reader(reply.body);
    const SftpStat stat = read_attributes(reader);
    if (reader.is_bad()) return nonsense(*link_, path, "stat");
    return std::optional(stat);
  }
  if (reply.status() == SftpStatus::no_such_file) return std::optional<SftpStat>();
  return refusal(*link_, reply.status(), path, "stat");
}

Result<void> Sftp::make_directories(const std::string& path, uint32_t mode) {
  KDUMP_TRY_ASSIGN(const auto there, stat(path));
  if (there && S_ISDIR(there->mode)) return {};
  if (there) return Error::from_errno(link_->name_of(path) + ": mkdir", ENOTDIR);
  const size_t slash = path.find_last_of('/');
  if (slash != std::string::npos && slash != 0)
    KDUMP_TRY(make_directories(path.substr(0, slash), mode));
  KDUMP_TRY_ASSIGN(const SftpReply made,
                   link_->ask(SftpType::mkdir, SftpBody().text(path).mode(mode)));
  if (made.status() == SftpStatus::ok) return {};
  return write_refusal(*link_, made.status(), path, "mkdir");
}

Result<void> Sftp::make_directory(const std::string& path, uint32_t mode) {
  KDUMP_TRY_ASSIGN(const SftpReply made,
                   link_->ask(SftpType::mkdir, SftpBody().text(path).mode(mode)));
  if (made.status() == SftpStatus::ok) return set_mode(path, mode);
  KDUMP_TRY_ASSIGN(const auto there, stat(path));
  if (there) return Error::from_errno(link_->name_of(path) + ": mkdir", EEXIST);
  return write_refusal(*link_, made.status(), path, "mkdir");
}

Result<size_t> Sftp::largest_write() {
  if (piece_ != 0) return piece_;
  piece_ = kPiece;
  if (!link_->has_extension(kLimits)) return piece_;
  KDUMP_TRY_ASSIGN(const SftpReply reply, link_->ask(SftpType::extended, SftpBody().text(kLimits)));
  SftpReader reader(reply.body);
  (void)reader.u64();  // of a packet
  (void)reader.u64();  // of a read
  const uint64_t write = reader.u64();
  if (reply.type == SftpType::extended_reply && !reader.is_bad() && write > kPiece)
    piece_ = static_cast<size_t>(std::min<uint64_t>(write, kLargestPiece));
  return piece_;
}

Result<SftpFile> Sftp::open(const std::string& path, uint32_t flags, const std::string& what) {
  KDUMP_TRY_ASSIGN(const SftpReply reply,
                   link_->ask(SftpType::open, SftpBody().text(path).u32(flags).mode(kPrivate)));
  if (reply.type != SftpType::handle) return write_refusal(*link_, reply.status(), path, what);
  SftpReader reader(reply.body);
  std::string handle(reader.text());
  if (reader.is_bad()) return nonsense(*link_, path, what);
  auto file = std::make_unique<SftpOpenFile>(link_, path, std::move(handle));
  file->most = most_under_way_;
  KDUMP_TRY_ASSIGN(file->piece, largest_write());
  return SftpFile(std::move(file));
}

Result<SftpFile> Sftp::create(const std::string& path) {
  return open(path, kWrite | kCreate | kExclusive, "create");
}

Result<SftpFile> Sftp::create_or_empty(const std::string& path) {
  return open(path, kWrite | kCreate | kTruncate, "create");
}

Result<SftpFile> Sftp::open_existing(const std::string& path) {
  return open(path, kWrite, "open");
}

Result<void> Sftp::rename(const std::string& from, const std::string& to) {
  return done_with(*link_, link_->ask(SftpType::rename, SftpBody().text(from).text(to)), to,
                   "rename from " + from);
}

Result<void> Sftp::replace(const std::string& from, const std::string& to) {
  if (link_->has_extension(kPosixRename))
    return done_with(
        *link_, link_->ask(SftpType::extended, SftpBody().text(kPosixRename).text(from).text(to)),
        to, "rename from " + from);
  auto renamed = rename(from, to);
  if (renamed || is_broken() || !remove(to)) return renamed;
  return rename(from, to);
}

Result<void> Sftp::remove(const std::string& path) {
  return done_with(*link_, link_->ask(SftpType::remove, SftpBody().text(path)), path, "remove");
}

Result<void> Sftp::remove_directory(const std::string& path) {
  return done_with(*link_, link_->ask(SftpType::rmdir, SftpBody().text(path)), path, "rmdir");
}

Result<void> Sftp::set_mode(const std::string& path, uint32_t mode) {
  return done_with(*link_, link_->ask(SftpType::setstat, SftpBody().text(path).mode(mode)), path,
                   "chmod");
}

Result<std::string> Sftp::read_file(const std::string& path, size_t limit) {
  KDUMP_TRY_ASSIGN(const SftpReply opened,
                   link_->ask(SftpType::open, SftpBody().text(path).u32(kRead).u32(0)));
  if (opened.type != SftpType::handle) return refusal(*link_, opened.status(), path, "open");
  const SftpOpenFile file(link_, path, std::string(SftpReader(opened.body).text()));
  std::string text;
  for (;;) {
    const std::string what = "read at " + hex(text.size());
    KDUMP_TRY_ASSIGN(
        const SftpReply reply,
        link_->ask(SftpType::read, SftpBody().text(file.handle).u64(text.size()).u32(kPiece)));
    if (reply.type != SftpType::data) {
      if (reply.status() == SftpStatus::eof) return text;
      return refusal(*link_, reply.status(), path, what);
    }
    const std::string_view data = SftpReader(reply.body).text();
    if (data.empty()) return nonsense(*link_, path, what);
    text += data;
    if (text.size() > limit)
      return Error(Errc::bad_input, link_->name_of(path) + ": longer than " + human_bytes(limit));
  }
}

Result<std::vector<SftpEntry>> Sftp::list(const std::string& path, size_t most) {
  KDUMP_TRY_ASSIGN(const SftpReply opened, link_->ask(SftpType::opendir, SftpBody().text(path)));
  if (opened.type != SftpType::handle) return refusal(*link_, opened.status(), path, "opendir");
  const SftpOpenFile directory(link_, path, std::string(SftpReader(opened.body).text()));
  std::vector<SftpEntry> entries;
  for (;;) {
    KDUMP_TRY_ASSIGN(const SftpReply reply,
                     link_->ask(SftpType::readdir, SftpBody().text(directory.handle)));
    if (reply.type != SftpType::name) {
      if (reply.status() == SftpStatus::eof) return entries;
      return refusal(*link_, reply.status(), path, "readdir");
    }
    SftpReader reader(reply.body);
    const uint32_t count = reader.u32();
    if (count == 0) return nonsense(*link_, path, "readdir");
    for (uint32_t i = 0; i < count && !reader.is_bad(); ++i) {
      SftpEntry entry;
      entry.name = reader.text();
      (void)reader.text();  // as ls -l would say it
      entry.stat = read_attributes(reader);
      const bool is_name = !entry.name.empty() && entry.name != "." && entry.name != ".." &&
                           entry.name.find('/') == std::string::npos;
      if (!reader.is_bad() && is_name) entries.push_back(std::move(entry));
    }
    if (reader.is_bad()) return nonsense(*link_, path, "readdir");
    if (entries.size() > most)
      return Error(Errc::too_big,
                   link_->name_of(path) + ": more than " + std::to_string(most) + " files in it");
  }
}

Result<std::optional<uint64_t>> Sftp::free_bytes(const std::string& path) {
  return room(*link_, path);
}

}  // namespace kdump
