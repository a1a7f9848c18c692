// An SFTP server at the other end of a channel: requests go out, answers come back in any order and
// are matched by number, many at a time. libssh's own SFTP waits for the answer to each write,
// which costs a round trip for each 32 KiB.
//
// Only the ssh_ files include this.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "makedump/sink/sftp_packet.h"
#include "makedump/sink/ssh_connection.h"

namespace kdump {

struct SftpReply {
  SftpType type = SftpType::status;
  std::vector<std::byte> body;

  // Of a reply that is a status; `failure` for any other.
  [[nodiscard]] SftpStatus status() const;
};

class SftpLink {
  using Clock = std::chrono::steady_clock;

 public:
  // Who sent requests without waiting for each.
  class Listener {
   public:
    virtual ~Listener() = default;
    virtual void answered(uint32_t id, SftpStatus status) = 0;
  };

  static Result<std::shared_ptr<SftpLink>> open(SshConnection& connection);

  // Sends a request and waits for its answer, whatever it says.
  Result<SftpReply> ask(SftpType type, const SftpBody& body);

  // A request whose answer goes to `listener`, until forget() of it.
  uint32_t next_id() { return ++last_id_; }
  Result<void> send(Bytes packet, uint32_t id, Listener& listener);
  void forget(const Listener& listener);
  // Takes answers that are there, and waits for one if `wait`. timed_out when none comes for the
  // limit of a step, or for `patience` as long as the connection itself is alive: a server whose
  // disk hangs is not one that is gone.
  Result<void> receive(bool wait);

  // Sends nothing for the dump now, so that something else has to be sent now and then.
  Result<void> keep_alive();

  void set_patience(std::chrono::milliseconds patience) { patience_ = patience; }
  // The connection is of no use any more.
  [[nodiscard]] bool is_broken() const { return broken_.has_value(); }
  [[nodiscard]] bool has_extension(const std::string& name) const {
    return extensions_.contains(name);
  }

  [[nodiscard]] SshConnection& connection() const { return connection_; }
  [[nodiscard]] std::string name_of(const std::string& path) const {
    return connection_.name + ":" + path;
  }
  ~SftpLink();
  SftpLink(const SftpLink&) = delete;
  SftpLink& operator=(const SftpLink&) = delete;

 private:
  SftpLink(SshConnection& connection, ssh::Channel channel)
      : connection_(connection), channel_(std::move(channel)) {}
  Result<void> greet();
  Result<void> put(Bytes bytes);
  // What has come up to `wait`; true if there was an answer among it.
  Result<bool> take(std::chrono::milliseconds wait);
  Result<bool> deliver();
  Result<void> wait_more(Clock::time_point since);
  Error break_with(Error why);

  SshConnection& connection_;
  ssh::Channel channel_;
  std::chrono::milliseconds patience_{0};
  std::map<std::string, std::string> extensions_;
  std::map<uint32_t, Listener*> listeners_;
  std::optional<uint32_t> asked_;
  std::optional<SftpReply> reply_;
  std::vector<std::byte> input_;  // begins with a packet
  std::optional<Error> broken_;
  Clock::time_point checked_ = Clock::now();  // when the connection was last known to be alive
  uint32_t last_id_ = 0;
};

}  // namespace kdump
