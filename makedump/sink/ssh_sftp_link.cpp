#include "makedump/sink/ssh_sftp_link.h"

#include <algorithm>
#include <libssh/server.h>  // ssh_send_keepalive, which is for clients as well

namespace kdump {

namespace {

constexpr uint32_t kVersion = 3;
// What a server may send at once: a read of 256 KiB, or a page of a directory.
constexpr uint32_t kLongestPacket = uint32_t{512} << 10;
constexpr std::chrono::milliseconds kTurn{200};  // in which waiting looks around

}  // namespace

SftpStatus SftpReply::status() const {
  if (type != SftpType::status) return SftpStatus::failure;
  SftpReader reader(body);
  const uint32_t code = reader.u32();
  return reader.is_bad() ? SftpStatus::failure : static_cast<SftpStatus>(code);
}

Result<std::shared_ptr<SftpLink>> SftpLink::open(SshConnection& connection) {
  const std::string what = "starting SFTP (does this account have it?)";
  ssh::Channel channel;
  {
    const auto guard = connection.within_limit();
    channel.reset(::ssh_channel_new(connection.session.get()));
    if (!channel) return Error(Errc::no_memory, connection.name + ": no memory for a channel");
    if (::ssh_channel_open_session(channel.get()) != SSH_OK ||
        ::ssh_channel_request_sftp(channel.get()) != SSH_OK)
      return connection.failure(what);
  }
  std::shared_ptr<SftpLink> link(new SftpLink(connection, std::move(channel)));
  if (auto greeted = link->greet(); !greeted) {
    if (greeted.error().code() == Errc::timed_out) return std::move(greeted).error();
    return Error(Errc::io, connection.name + ": " + what + ": the server ended it");
  }
  return link;
}

SftpLink::~SftpLink() {
  const auto guard = connection_.within_limit();
  channel_.reset();
}

// The one exchange without numbers; the version that the server speaks stands where they are.
Result<void> SftpLink::greet() {
  const std::string head = sftp_head(SftpType::init, kVersion, 0);
  KDUMP_TRY(put(as_bytes(head)));
  asked_ = kVersion;
  while (!reply_)
    KDUMP_TRY(receive(true));
  const SftpReply reply = *std::exchange(reply_, std::nullopt);
  asked_.reset();
  if (reply.type != SftpType::version)
    return Error(Errc::unsupported, connection_.name + ": what answers is no SFTP server");
  SftpReader reader(reply.body);
  while (!reader.at_end() && !reader.is_bad()) {
    const std::string name(reader.text());
    extensions_[name] = reader.text();
  }
  return {};
}

Error SftpLink::break_with(Error why) {
  if (!broken_) {
    broken_ = why;
    connection_.watchdog.give_up();
  }
  return why;
}

Result<void> SftpLink::put(Bytes bytes) {
  if (broken_) return *broken_;
  auto since = Clock::now();
  while (!bytes.empty()) {
    // libssh would wait for room without looking at answers, and without end.
    const size_t window = ::ssh_channel_window_size(channel_.get());
    if (window == 0) {
      KDUMP_TRY_ASSIGN(const bool answer, take(kTurn));
      if (answer) since = Clock::now();
      KDUMP_TRY(wait_more(since));
      continue;
    }
    const size_t part = std::min(bytes.size(), window);
    const auto guard = connection_.within_limit();
    const int n = ::ssh_channel_write(channel_.get(), bytes.data(), static_cast<uint32_t>(part));
    if (n <= 0) return break_with(connection_.failure("sending"));
    bytes = bytes.subspan(static_cast<size_t>(n));
    checked_ = since = Clock::now();
  }
  return {};
}

Result<void> SftpLink::send(Bytes packet, uint32_t id, Listener& listener) {
  listeners_[id] = &listener;
  return put(packet);
}

void SftpLink::forget(const Listener& listener) {
  std::erase_if(listeners_, [&](const auto& entry) { return entry.second == &listener; });
}

Result<SftpReply> SftpLink::ask(SftpType type, const SftpBody& body) {
  const uint32_t id = next_id();
  asked_ = id;
  reply_.reset();
  KDUMP_TRY(put(as_bytes(sftp_head(type, id, body.bytes().size()) + body.bytes())));
  while (!reply_)
    KDUMP_TRY(receive(true));
  asked_.reset();
  return *std::exchange(reply_, std::nullopt);
}

Result<bool> SftpLink::take(std::chrono::milliseconds wait) {
  if (broken_) return *broken_;
  const auto guard = connection_.watchdog.expect_within(connection_.limit + wait);
  const int there = wait.count() == 0 ? ::ssh_channel_poll(channel_.get(), 0)
                                      : ::ssh_channel_poll_timeout(
                                            channel_.get(), static_cast<int>(wait.count()), 0);
  if (there == SSH_ERROR) return break_with(connection_.failure("waiting for an answer"));
  if (there == SSH_EOF || ::ssh_channel_is_eof(channel_.get()) != 0)
    if (there <= 0)
      return break_with(Error(Errc::io, connection_.name + ": the server ended the connection"));
  if (there <= 0) return false;
  const size_t before = input_.size();
  input_.resize(before + static_cast<size_t>(there));
  const int n = ::ssh_channel_read_nonblocking(channel_.get(), input_.data() + before,
                                               static_cast<uint32_t>(there), 0);
  input_.resize(before + static_cast<size_t>(std::max(n, 0)));
  if (n < 0) return break_with(connection_.failure("reading an answer"));
  checked_ = Clock::now();
  return deliver();
}

// Every whole packet of what has come.
Result<bool> SftpLink::deliver() {
  bool any = false;
  size_t at = 0;
  for (;;) {
    const auto length = load_at<uint32_t>(input_, at, ByteOrder::big);
    if (!length) break;
    if (*length < 1 + sizeof(uint32_t) || *length > kLongestPacket)
      return break_with(
          Error(Errc::bad_input, connection_.name + ": what the server sends is no SFTP"));
    if (input_.size() - at - sizeof(*length) < *length) break;
    const Bytes packet = Bytes(input_).subspan(at + sizeof(*length), *length);
    at += sizeof(*length) + *length;
    SftpReply reply;
    reply.type = static_cast<SftpType>(packet[0]);
    const auto id = load<uint32_t>(packet.data() + 1, ByteOrder::big);
    const Bytes body = packet.subspan(1 + sizeof(id));
    reply.body.assign(body.begin(), body.end());
    any = true;
    if (const auto listener = listeners_.find(id); listener != listeners_.end()) {
      Listener* const to = listener->second;
      listeners_.erase(listener);
      to->answered(id, reply.status());
    } else if (asked_ == id) {
      reply_ = std::move(reply);
    }  // else: of a file that did not wait for it
  }
  input_.erase(input_.begin(), input_.begin() + static_cast<ptrdiff_t>(at));
  return any;
}

// After `since` nothing was answered: is there still hope?
Result<void> SftpLink::wait_more(Clock::time_point since) {
  const auto now = Clock::now();
  const auto silent = now - since;
  if (silent < connection_.limit) return {};
  if (silent >= patience_) return break_with(connection_.out_of_time("waiting for an answer"));
  if (now - checked_ < connection_.limit / 2) return {};
  return keep_alive();
}

Result<void> SftpLink::receive(bool wait) {
  const auto since = Clock::now();
  for (;;) {
    KDUMP_TRY_ASSIGN(const bool answer, take(wait ? kTurn : std::chrono::milliseconds(0)));
    if (answer || !wait) return {};
    KDUMP_TRY(wait_more(since));
  }
}

Result<void> SftpLink::keep_alive() {
  if (broken_) return *broken_;
  const auto guard = connection_.within_limit();
  // Any answer will do; sshd refuses it, as it is meant to.
  if (::ssh_send_keepalive(connection_.session.get()) != SSH_OK ||
      ::ssh_is_connected(connection_.session.get()) == 0 || connection_.watchdog.fired())
    return break_with(connection_.failure("asking whether it is alive"));
  checked_ = Clock::now();
  return {};
}

}  // namespace kdump
