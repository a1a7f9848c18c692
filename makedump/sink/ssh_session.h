// A connection to an SSH server: it has proved who it is, we have logged in, commands run on it.
// Every step has a time limit, also where libssh itself would wait without end.
//
// Not for several threads at a time. What a session hands out must not outlive it.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "makedump/base/bytes.h"
#include "makedump/base/result.h"
#include "makedump/sink/ssh_address.h"
#include "makedump/sink/ssh_keys.h"

namespace kdump {

struct SshConnection;
class Sftp;

// How a command on the other machine ended. Of each output the first 64 KiB are kept.
struct SshOutcome {
  int status = -1;  // -1: a signal ended it, or the server does not say
  std::string out, err;

  // The last line that it wrote to stderr, else its exit status: for messages.
  [[nodiscard]] std::string reason() const;
};

// A command that runs over there, and takes what is written.
class SshCommand {
 public:
  SshCommand(SshCommand&&) noexcept;
  SshCommand& operator=(SshCommand&&) noexcept;
  ~SshCommand();

  // To its stdin. Fails when it has ended: finish() knows why.
  Result<void> write(Bytes bytes);
  // Listens to the server, so that neither side takes the other for dead while nothing is sent.
  Result<void> keep_alive();
  // End of its stdin; waits until it has ended.
  Result<SshOutcome> finish();

 private:
  friend class SshSession;
  struct Channel;
  explicit SshCommand(std::unique_ptr<Channel> channel);
  std::unique_ptr<Channel> channel_;
};

// A question to a person: the prompt, and whether the answer may be seen. Empty when there is no
// answer.
using SshAsk = std::function<std::optional<std::string>(const std::string& prompt, bool echo)>;

class SshSession {
 public:
  // Decides about the host key before anything secret is sent; KnownHosts::check(), mostly.
  using Trust = std::function<Result<void>(const SshPublicKey&)>;

  // Connects and agrees on keys. `known` says which kinds of host key to ask for first, so that a
  // server with several shows the one that is known. `limit` is of each step, here and later on.
  static Result<SshSession> connect(const SshAddress& address, const KnownHosts& known,
                                    const Trust& trust, std::chrono::milliseconds limit);
  SshSession(SshSession&&) noexcept;
  SshSession& operator=(SshSession&&) noexcept;
  ~SshSession();

  // Each of these tries one way to log in: true when we are in, false when the server (or the
  // agent, or the person) refuses. A server may end the connection after too many.
  Result<bool> log_in(const SshKey& key);
  Result<bool> log_in_with_agent();  // the one that $SSH_AUTH_SOCK names
  // Password, or keyboard-interactive where that is what the server has for it.
  Result<bool> log_in_with_password(const SshAsk& ask);
  // "publickey, password": what the server would take, for messages.
  [[nodiscard]] std::string methods() const;

  Result<SshCommand> start(const std::string& command);
  // Whatever the exit status; the error is that it could not be run, or did not end in time.
  Result<SshOutcome> run(const std::string& command, std::string_view input = "");

  Result<Sftp> open_sftp();

  // Of each step from now on.
  void set_limit(std::chrono::milliseconds limit);

  [[nodiscard]] const std::string& name() const;  // "user@host", for messages
  [[nodiscard]] const SshPublicKey& host_key() const;
  [[nodiscard]] bool is_connected() const;
  // Our end of the connection, numeric; "" if it is gone.
  [[nodiscard]] std::string local_ip() const;

 private:
  explicit SshSession(std::unique_ptr<SshConnection> connection);
  Result<bool> log_in_by_keyboard(const SshAsk& ask);
  std::unique_ptr<SshConnection> connection_;
};

// Connects to a host whose key is known, and logs in with this key and nothing else. `key_name` is
// what messages call it. What another try would not change is bad_input or not_found (the host key)
// or usage (the key is refused).
Result<SshSession> log_in_with_only(const SshKey& key, const std::string& key_name,
                                    const SshAddress& address, const KnownHosts& known,
                                    std::chrono::milliseconds limit);

// What `df -Pk DIRECTORY` says that others than root may use, in bytes.
std::optional<uint64_t> room_in_df(const std::string& df);

// 'text' as one word of a POSIX shell.
std::string shell_quoted(std::string_view text);

}  // namespace kdump
