// An SFTP server: the dump is written there as it is here, at its offsets. A connection that breaks
// is made again, and the dump goes on where it was.
#include <algorithm>
#include <sys/sysinfo.h>
#include <thread>

#include "initramfs/capture/capture_log.h"
#include "initramfs/capture/network.h"
#include "initramfs/capture/ssh_destination.h"
#include "makedump/base/units.h"
#include "makedump/sink/flattened_decoder.h"
#include "makedump/sink/sink.h"
#include "makedump/sink/ssh_sftp.h"

namespace kdump {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::seconds;

constexpr seconds kReachLimit{90};  // for a server that does not answer at the first try
constexpr seconds kIdle{10};        // without a byte sent, somebody may forget the connection
constexpr size_t kLeastUnderWay = size_t{512} << 10, kMostUnderWay = size_t{4} << 20;
constexpr size_t kUnderWayAgain = size_t{256} << 10;  // while what was under way is kept as well

// A link is full when its bandwidth times its round trip is under way: 4 MiB are 200 MiB/s at
// 20 ms. Where memory is short, it is less.
size_t bytes_under_way() {
  struct sysinfo memory {};
  if (::sysinfo(&memory) != 0) return kLeastUnderWay;
  return std::clamp<size_t>(memory.freeram * memory.mem_unit / 16, kLeastUnderWay, kMostUnderWay);
}

// The server, and SFTP on it.
class SftpServer {
 public:
  SftpServer(const TargetPlan& target, const NetworkPlan& network, WorkerState& state,
             const std::string& known_hosts)
      : ssh(target, state, known_hosts), network_(network), state_(state) {}

  Result<void> connect(Clock::time_point until) {
    sftp_.reset();
    KDUMP_TRY(ssh.connect(until));
    KDUMP_TRY_ASSIGN(sftp_, ssh.session().open_sftp());
    sftp_->set_patience(ssh.stall_limit());
    sftp_->set_most_under_way(bytes_under_way());
    return {};
  }

  [[nodiscard]] bool is_up() const { return sftp_ && !sftp_->is_broken(); }
  [[nodiscard]] Sftp& sftp() { return *sftp_; }

  // Does something that may be done twice, again when the connection breaks under it, and goes on
  // for as long as a target may stall. Once that was not enough it never is again.
  template <class Work>
  Result<void> persist(const Work& work) {
    const auto until = Clock::now() + ssh.stall_limit();
    bool told = false;
    for (;;) {
      Result<void> done;
      if (!is_up()) done = connect_again();
      if (done) done = work();
      if (done || (is_up() && sftp_) || !SshServer::is_passing(done.error())) return done;
      if (given_up_ || Clock::now() >= until) {
        given_up_ = true;
        if (!told) return done;
        return std::move(done).error().context(
            "the connection broke, and could not be made again "
            "within " +
            std::to_string(ssh.stall_limit().count()) + " s");
      }
      if (!told) {
        say_warning(done.error().message() + "; connecting again");
        ssh.doing("connecting again");
      }
      told = true;
      std::this_thread::sleep_for(seconds(1));
    }
  }

  void disconnect() {
    sftp_.reset();
    ssh.disconnect();
  }

  SshServer ssh;

 private:
  // It may have been the link that went, with all that was on it. Whoever is in the way of that is
  // told if the server cannot be reached either.
  Result<void> connect_again() {
    sftp_.reset();
    ssh.disconnect();
    const auto up = bring_network_back(network_, state_, ssh.target().address, ssh.step_limit());
    ssh.doing("connecting again");
    auto connected = connect(Clock::now());
    if (!connected && !up && SshServer::is_passing(connected.error()))
      return Error(Errc::timed_out, up.error().message());
    return connected;
  }

  const NetworkPlan& network_;
  WorkerState& state_;
  std::optional<Sftp> sftp_;  // after the session, whose end it must not see
  bool given_up_ = false;
};

class SftpStream final : public DumpStream {
 public:
  SftpStream(SftpServer& server, std::string path)
      : server_(server),
        path_(std::move(path)),
        temporary_(incomplete_name(path_)),
        decoder_("the dump for " + server.ssh.target().name(),
                 [this](uint64_t at, Bytes bytes) { return put(FileOffset(at), bytes); }) {}

  Result<void> open() {
    return server_.persist([this]() -> Result<void> {
      KDUMP_TRY_ASSIGN(file_, server_.sftp().create_or_empty(temporary_));
      return server_.sftp().set_mode(temporary_, 0600);
    });
  }

  Result<void> write(Bytes bytes) override {
    last_ = Clock::now();
    return decoder_.feed(bytes);
  }

  void tick() override {
    if (!server_.is_up() || !file_) return;
    // What went wrong is told by the next write, which can do something about it.
    (void)file_->push();
    if (Clock::now() - last_ < kIdle) return;
    last_ = Clock::now();
    (void)server_.sftp().keep_alive();
  }

  Result<void> commit() override {
    KDUMP_TRY(decoder_.finish());
    server_.ssh.doing("syncing vmcore");
    KDUMP_TRY(with_file([this] {
      auto synced = file_->sync();
      // Few servers but OpenSSH's can: the dump is then as safe as the server makes it.
      return !synced && synced.error().code() == Errc::unsupported ? Result<void>() : synced;
    }));
    keep_unconfirmed();
    return server_.persist([this]() -> Result<void> {
      Sftp& sftp = server_.sftp();
      KDUMP_TRY_ASSIGN(const auto there, sftp.stat(temporary_));
      if (!there && renaming_) return {};  // the answer was lost, not the request
      if (there && there->size < size_)
        return Error(Errc::io, temporary_ + " on the server has " + human_bytes(there->size) +
                                   " instead of " + human_bytes(size_));
      renaming_ = true;
      return sftp.replace(temporary_, path_);
    });
  }

  [[nodiscard]] uint64_t confirmed() const override {
    return confirmed_ + (file_ ? file_->confirmed() : 0);
  }

 private:
  Result<void> put(FileOffset at, Bytes bytes) {
    size_ = std::max(size_, at.v + bytes.size());
    return with_file([this, at, bytes] { return file_->write_at(at, bytes); });
  }

  // Does something with the file, and all of it again on another connection if this one breaks.
  template <class Work>
  Result<void> with_file(const Work& work) {
    // It must not outlive its connection.
    if (file_ && !server_.is_up()) keep_unconfirmed();
    return server_.persist([this, &work]() -> Result<void> {
      if (!file_ || !unconfirmed_.empty()) KDUMP_TRY(reopen());
      auto done = work();
      if (!done && !server_.is_up()) keep_unconfirmed();
      return done;
    });
  }

  void keep_unconfirmed() {
    unconfirmed_ = file_->take_unconfirmed();
    confirmed_ += file_->confirmed();
    confirmed_end_ = std::max(confirmed_end_, file_->confirmed_end());
    file_.reset();
  }

  // On a new connection: what was not confirmed is written again.
  Result<void> reopen() {
    Sftp& sftp = server_.sftp();
    KDUMP_TRY_ASSIGN(const auto there, sftp.stat(temporary_));
    // A server that lost its power lost what it had not written yet.
    if (!there || there->size < confirmed_end_)
      return Error(Errc::bad_input,
                   server_.ssh.target().name() + ": " + temporary_ + " has " +
                       human_bytes(there ? there->size : 0) + " instead of the " +
                       human_bytes(confirmed_end_) +
                       " that were confirmed before the connection broke: it cannot be continued");
    sftp.set_most_under_way(kUnderWayAgain);
    KDUMP_TRY_ASSIGN(SftpFile again, sftp.open_existing(temporary_));
    for (const SftpPiece& piece : unconfirmed_)
      KDUMP_TRY(again.write_at(piece.at, piece.bytes));
    KDUMP_TRY(again.flush());
    confirmed_ += again.confirmed();
    confirmed_end_ = std::max(confirmed_end_, again.confirmed_end());
    unconfirmed_.clear();
    sftp.set_most_under_way(bytes_under_way());
    KDUMP_TRY_ASSIGN(file_, sftp.open_existing(temporary_));
    say("connected to " + server_.ssh.target().name() + " again: the dump goes on at " +
        human_bytes(confirmed_));
    return {};
  }

  SftpServer& server_;
  const std::string path_, temporary_;
  FlattenedDecoder decoder_;
  std::optional<SftpFile> file_;
  std::vector<SftpPiece> unconfirmed_;
  uint64_t confirmed_ = 0;      // over connections before this one
  uint64_t confirmed_end_ = 0;  // the file was this long then
  uint64_t size_ = 0;           // of the dump
  Clock::time_point last_ = Clock::now();
  bool renaming_ = false;
};

class SftpDestination final : public Destination {
 public:
  SftpDestination(const TargetPlan& target, const NetworkPlan& network, WorkerState& state,
                  const std::string& known_hosts)
      : server_(target, network, state, known_hosts), target_(target) {}

  Result<void> reach() override {
    KDUMP_TRY(server_.connect(Clock::now() + std::min(kReachLimit, target_.stall_limit)));
    local_ip_ = server_.ssh.local_ip();
    return {};
  }

  [[nodiscard]] std::string local_ip() const override { return local_ip_; }

  Result<std::string> make_directory(const std::string& name) override {
    server_.ssh.doing("making a directory");
    Sftp& sftp = server_.sftp();
    if (!target_.directory.empty()) KDUMP_TRY(sftp.make_directories(target_.directory));
    for (int attempt = 1; attempt < 1000; ++attempt) {
      const std::string path =
          below(target_.directory, attempt == 1 ? name : name + "-" + std::to_string(attempt));
      auto made = sftp.make_directory(path, 0700);
      if (made) {
        directory_ = path;
        return path;
      }
      if (made.error().code() != Errc::exists) return std::move(made).error();
    }
    return Error(Errc::exists,
                 below(target_.directory, name) + ": there are a thousand of this name");
  }

  Result<std::optional<uint64_t>> room() override {
    server_.ssh.doing("looking how much room there is");
    std::optional<uint64_t> room;
    KDUMP_TRY(server_.persist([&]() -> Result<void> {
      KDUMP_TRY_ASSIGN(room, server_.sftp().free_bytes(directory_));
      return {};
    }));
    return room;
  }

  Result<void> publish(const std::string& name, std::string_view text) override {
    server_.ssh.doing("writing " + name);
    const std::string path = below(directory_, name), temporary = incomplete_name(path);
    return server_.persist([&]() -> Result<void> {
      Sftp& sftp = server_.sftp();
      KDUMP_TRY_ASSIGN(SftpFile file, sftp.create_or_empty(temporary));
      auto written = file.write_at(FileOffset(0), as_bytes(text));
      if (written) written = file.sync();
      if (!written && written.error().code() != Errc::unsupported) {
        if (server_.is_up()) (void)sftp.remove(temporary);
        return written;
      }
      return sftp.replace(temporary, path);
    });
  }

  [[nodiscard]] std::optional<std::string> path_of(const std::string& /*name*/) const override {
    return std::nullopt;
  }

  Result<std::unique_ptr<DumpStream>> open_stream() override {
    auto stream = std::make_unique<SftpStream>(server_, below(directory_, dump_name()));
    KDUMP_TRY(stream->open());
    return std::unique_ptr<DumpStream>(std::move(stream));
  }

  Result<void> leave() override {
    server_.ssh.doing("disconnecting");
    server_.disconnect();
    return {};
  }

 private:
  SftpServer server_;
  const TargetPlan& target_;
  std::string directory_, local_ip_;  // directory: of the capture, on the server
};

}  // namespace

Result<std::unique_ptr<Destination>> make_sftp_destination(const TargetPlan& target,
                                                           const NetworkPlan& network,
                                                           WorkerState& state,
                                                           const std::string& known_hosts) {
  return std::unique_ptr<Destination>(
      std::make_unique<SftpDestination>(target, network, state, known_hosts));
}

}  // namespace kdump
