#include "makedump/sink/ssh_session.h"

#include <algorithm>
#include <fcntl.h>
#include <libssh/server.h>  // ssh_send_keepalive, which is for clients as well
#include <netdb.h>
#include <sstream>
#include <sys/auxv.h>
#include <sys/socket.h>

#include "makedump/base/units.h"
#include "makedump/sink/ssh_connection.h"
#include "makedump/sink/ssh_sftp.h"

namespace kdump {

namespace {

constexpr size_t kKeptOutput = 65536;
// A server that keeps asking is not answered for ever.
constexpr int kMostRounds = 8;

std::string seconds_of(std::chrono::milliseconds limit) {
  return std::to_string(std::max<int64_t>(1, limit.count() / 1000)) + " s";
}

// libssh tells more than one line sometimes.
std::string one_line(const char* text) {
  std::string out = text ? text : "";
  out.resize(std::min(out.find_first_of("\r\n"), out.size()));
  return out.empty() ? "the connection broke" : out;
}

// Known types first, the others after them: as ssh asks, so that a host with several keys is not
// taken for another one.
std::string preferred_algorithms(const std::vector<KnownHosts::Known>& known) {
  const std::vector<std::pair<std::string, std::string>> algorithms = {
      {"ssh-ed25519", "ssh-ed25519"},
      {"ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256"},
      {"ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384"},
      {"ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521"},
      {"ssh-rsa", "rsa-sha2-512,rsa-sha2-256"}};
  std::string first, then;
  for (const auto& [type, names] : algorithms) {
    const std::string& wanted = type;  // clang 14 captures no structured binding
    const bool is_known = std::any_of(known.begin(), known.end(), [&](const KnownHosts::Known& k) {
      return k.key.type == wanted;
    });
    (is_known ? first : then) += names + ",";
  }
  std::string all = first + then;
  all.pop_back();
  return all;
}

bool has_fast_aes() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("aes") != 0 && __builtin_cpu_supports("pclmul") != 0;
#elif defined(__aarch64__)
  constexpr unsigned long kAes = 1UL << 3, kPmull = 1UL << 4;
  return (::getauxval(AT_HWCAP) & (kAes | kPmull)) == (kAes | kPmull);
#else
  return true;  // POWER and z have it since long
#endif
}

// What this CPU does fastest; the others for servers that insist.
const char* preferred_ciphers() {
  return has_fast_aes()
             ? "aes128-gcm@openssh.com,aes256-gcm@openssh.com,chacha20-poly1305@openssh.com,"
               "aes128-ctr,aes256-ctr"
             : "chacha20-poly1305@openssh.com,aes128-gcm@openssh.com,aes256-gcm@openssh.com,"
               "aes128-ctr,aes256-ctr";
}

Result<void> set_option(const SshConnection& connection, ssh_options_e option, const void* value) {
  if (::ssh_options_set(connection.session.get(), option, value) == SSH_OK) return {};
  return connection.failure("preparing the connection");
}

Result<void> set_options(const SshConnection& connection, const KnownHosts& known, int socket) {
  const auto& address = connection.address;
  // The host's ssh_config is for ssh; after a crash there is none.
  const bool process_config = false;
  const unsigned port = address.port;
  // The watchdog comes first: what it says is the same everywhere.
  const long seconds = static_cast<long>(connection.limit.count() / 1000) + 2;
  const std::string algorithms = preferred_algorithms(known.keys_of(address));
  KDUMP_TRY(set_option(connection, SSH_OPTIONS_PROCESS_CONFIG, &process_config));
  KDUMP_TRY(set_option(connection, SSH_OPTIONS_HOST, address.host.c_str()));
  KDUMP_TRY(set_option(connection, SSH_OPTIONS_PORT, &port));
  KDUMP_TRY(set_option(connection, SSH_OPTIONS_USER, address.user.c_str()));
  KDUMP_TRY(set_option(connection, SSH_OPTIONS_TIMEOUT, &seconds));
  KDUMP_TRY(set_option(connection, SSH_OPTIONS_HOSTKEYS, algorithms.c_str()));
  // Dumps are compressed, and there may be one slow CPU.
  KDUMP_TRY(set_option(connection, SSH_OPTIONS_COMPRESSION, "no"));
  const char* const ciphers = preferred_ciphers();
  KDUMP_TRY(set_option(connection, SSH_OPTIONS_CIPHERS_C_S, ciphers));
  KDUMP_TRY(set_option(connection, SSH_OPTIONS_CIPHERS_S_C, ciphers));
  // It looks for a home directory otherwise, which an image without accounts has not.
  KDUMP_TRY(set_option(connection, SSH_OPTIONS_SSH_DIR, "/nonexistent"));
  // Else it would look into files of its own choice for the kinds of key to ask for.
  KDUMP_TRY(set_option(connection, SSH_OPTIONS_KNOWNHOSTS, "/dev/null"));
  KDUMP_TRY(set_option(connection, SSH_OPTIONS_GLOBAL_KNOWNHOSTS, "/dev/null"));
  return set_option(connection, SSH_OPTIONS_FD, &socket);
}

// What came of one step of logging in; nothing when the server wants more.
Result<bool> answer_of(const SshConnection& connection, int code, const std::string& what) {
  switch (code) {
    case SSH_AUTH_SUCCESS:
      return true;
    case SSH_AUTH_DENIED:
    case SSH_AUTH_PARTIAL:  // a second factor: nothing that runs unattended has one
      return false;
    default:
      return connection.failure(what);
  }
}

}  // namespace

Error SshConnection::out_of_time(const std::string& what) const {
  return {Errc::timed_out, name + ": " + what + ": no answer within " + seconds_of(limit) +
                               " (the server or the network hangs)"};
}

Error SshConnection::failure(const std::string& what) const {
  if (watchdog.fired()) return out_of_time(what);
  return {Errc::io, name + ": " + what + ": " + one_line(::ssh_get_error(session.get()))};
}

std::string SshOutcome::reason() const {
  std::string text = err;
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r'))
    text.pop_back();
  if (!text.empty()) return text.substr(text.rfind('\n') + 1);
  return status < 0 ? "it was killed" : "exit status " + std::to_string(status);
}

std::string shell_quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text)
    out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

// The fourth column of the last line.
std::optional<uint64_t> room_in_df(const std::string& df) {
  std::istringstream lines(df);
  std::string line, last;
  while (std::getline(lines, line))
    if (!line.empty()) last = line;
  std::istringstream columns(last);
  std::string device, total, used;
  uint64_t kib = 0;
  if (!(columns >> device >> total >> used >> kib)) return std::nullopt;
  return checked_mul(kib, 1024);
}

SshSession::SshSession(std::unique_ptr<SshConnection> connection)
    : connection_(std::move(connection)) {}
SshSession::SshSession(SshSession&&) noexcept = default;
SshSession& SshSession::operator=(SshSession&&) noexcept = default;
SshSession::~SshSession() = default;

const std::string& SshSession::name() const {
  return connection_->name;
}
const SshPublicKey& SshSession::host_key() const {
  return connection_->host_key;
}

void SshSession::set_limit(std::chrono::milliseconds limit) {
  connection_->limit = limit;
}

Result<SshSession> log_in_with_only(const SshKey& key, const std::string& key_name,
                                    const SshAddress& address, const KnownHosts& known,
                                    std::chrono::milliseconds limit) {
  const auto trust = [&](const SshPublicKey& shown) { return known.check(address, shown); };
  KDUMP_TRY_ASSIGN(SshSession session, SshSession::connect(address, known, trust, limit));
  KDUMP_TRY_ASSIGN(const bool in, session.log_in(key));
  if (in) return session;
  return Error(Errc::usage, session.name() + ": refuses the key " + key_name + " (" +
                                key.public_key().fingerprint +
                                "): 'kdumpctl propagate' installs it there");
}

bool SshSession::is_connected() const {
  return !connection_->watchdog.fired() && ::ssh_is_connected(connection_->session.get()) != 0;
}

std::string SshSession::local_ip() const {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  auto* const to = reinterpret_cast<sockaddr*>(&address);
  char text[NI_MAXHOST] = "";
  if (::getsockname(::ssh_get_fd(connection_->session.get()), to, &size) != 0 ||
      ::getnameinfo(to, size, text, sizeof(text), nullptr, 0, NI_NUMERICHOST) != 0)
    return "";
  return text;
}

Result<SshSession> SshSession::connect(const SshAddress& address, const KnownHosts& known,
                                       const Trust& trust, std::chrono::milliseconds limit) {
  KDUMP_TRY_ASSIGN(Fd socket, connect_tcp(address, limit));
  Fd watched(::fcntl(socket.get(), F_DUPFD_CLOEXEC, 0));
  if (!watched) return Error::from_errno(address.describe() + ": dup");
  auto connection = std::make_unique<SshConnection>(address, std::move(watched), limit);
  connection->session.reset(::ssh_new());
  if (!connection->session)
    return Error(Errc::no_memory, connection->name + ": no memory for a connection");
  KDUMP_TRY(set_options(*connection, known, socket.get()));

  {
    const auto guard = connection->within_limit();
    (void)socket.release();  // libssh's from here
    if (::ssh_connect(connection->session.get()) != SSH_OK)
      return connection->failure("agreeing on keys");
    ssh_key key = nullptr;
    if (::ssh_get_server_publickey(connection->session.get(), &key) != SSH_OK)
      return connection->failure("reading the host key");
    const ssh::Key owned(key);
    KDUMP_TRY_ASSIGN(connection->host_key, describe_public_key(key));
  }
  // Without a limit: a person may be asked. The server has one (LoginGraceTime).
  KDUMP_TRY(trust(connection->host_key));
  // Servers tell their methods only in answer to a request.
  const auto guard = connection->within_limit();
  const int none = ::ssh_userauth_none(connection->session.get(), nullptr);
  if (none == SSH_AUTH_ERROR) return connection->failure("asking how to log in");
  return SshSession(std::move(connection));
}

std::string SshSession::methods() const {
  const int list = ::ssh_userauth_list(connection_->session.get(), nullptr);
  std::string text;
  const auto add = [&](int bit, const char* name) {
    if ((list & bit) != 0) text += (text.empty() ? "" : ", ") + std::string(name);
  };
  add(SSH_AUTH_METHOD_PUBLICKEY, "publickey");
  add(SSH_AUTH_METHOD_PASSWORD, "password");
  add(SSH_AUTH_METHOD_INTERACTIVE, "keyboard-interactive");
  add(SSH_AUTH_METHOD_GSSAPI_MIC, "gssapi");
  return text.empty() ? "nothing that is known here" : text;
}

Result<bool> SshSession::log_in(const SshKey& key) {
  const auto guard = connection_->within_limit();
  return answer_of(*connection_,
                   ::ssh_userauth_publickey(connection_->session.get(), nullptr, key.get()),
                   "logging in with a key");
}

Result<bool> SshSession::log_in_with_agent() {
  const auto guard = connection_->within_limit();
  const int answer = ::ssh_userauth_agent(connection_->session.get(), nullptr);
  // No agent is an error to libssh. It is one way less to us, as long as the connection stands.
  if (answer == SSH_AUTH_ERROR && !connection_->watchdog.fired() &&
      ::ssh_is_connected(connection_->session.get()) != 0)
    return false;
  return answer_of(*connection_, answer, "logging in with the agent");
}

Result<bool> SshSession::log_in_with_password(const SshAsk& ask) {
  const int list = ::ssh_userauth_list(connection_->session.get(), nullptr);
  if ((list & SSH_AUTH_METHOD_PASSWORD) == 0)
    return (list & SSH_AUTH_METHOD_INTERACTIVE) != 0 ? log_in_by_keyboard(ask)
                                                     : Result<bool>(false);
  const auto password = ask(connection_->name + "'s password: ", false);
  if (!password) return false;
  const auto guard = connection_->within_limit();
  return answer_of(*connection_,
                   ::ssh_userauth_password(connection_->session.get(), nullptr, password->c_str()),
                   "logging in with a password");
}

Result<bool> SshSession::log_in_by_keyboard(const SshAsk& ask) {
  ssh_session session = connection_->session.get();
  for (int round = 0; round < kMostRounds; ++round) {
    {
      const auto guard = connection_->within_limit();
      const int answer = ::ssh_userauth_kbdint(session, nullptr, nullptr);
      if (answer != SSH_AUTH_INFO) return answer_of(*connection_, answer, "logging in");
    }
    const int prompts = ::ssh_userauth_kbdint_getnprompts(session);
    for (int i = 0; i < prompts; ++i) {
      char echo = 0;
      const auto number = static_cast<unsigned>(i);
      const char* prompt = ::ssh_userauth_kbdint_getprompt(session, number, &echo);
      const auto answer = ask(connection_->name + ": " + (prompt ? prompt : ""), echo != 0);
      if (!answer) return false;
      if (::ssh_userauth_kbdint_setanswer(session, number, answer->c_str()) != SSH_OK)
        return connection_->failure("logging in");
    }
  }
  return false;
}

// -- commands

struct SshCommand::Channel {
  SshConnection& connection;
  ssh::Channel channel;

  ~Channel() {
    const auto guard = connection.within_limit();
    channel.reset();
  }

  // Reads until the other side closes the stream.
  Result<std::string> read_all(bool errors) {
    std::string kept;
    char buffer[8192];
    for (;;) {
      // As long as something comes, it works.
      const auto guard = connection.within_limit();
      const int n = ::ssh_channel_read(channel.get(), buffer, sizeof(buffer), errors ? 1 : 0);
      if (n == 0) return kept;
      if (n < 0) return connection.failure("waiting for a command");
      kept.append(buffer, std::min(static_cast<size_t>(n), kKeptOutput - kept.size()));
    }
  }
};

SshCommand::SshCommand(std::unique_ptr<Channel> channel) : channel_(std::move(channel)) {}
SshCommand::SshCommand(SshCommand&&) noexcept = default;
SshCommand& SshCommand::operator=(SshCommand&&) noexcept = default;
SshCommand::~SshCommand() = default;

Result<void> SshCommand::write(Bytes bytes) {
  constexpr size_t kMost = size_t{1} << 20;
  while (!bytes.empty()) {
    const auto guard = channel_->connection.within_limit();
    const size_t piece = std::min(bytes.size(), kMost);
    const int n =
        ::ssh_channel_write(channel_->channel.get(), bytes.data(), static_cast<uint32_t>(piece));
    if (n <= 0) return channel_->connection.failure("sending to a command");
    bytes = bytes.subspan(static_cast<size_t>(n));
  }
  return {};
}

Result<void> SshCommand::keep_alive() {
  SshConnection& connection = channel_->connection;
  const auto guard = connection.within_limit();
  // Any answer will do; sshd refuses it, as it is meant to.
  if (::ssh_send_keepalive(connection.session.get()) == SSH_OK &&
      ::ssh_is_connected(connection.session.get()) != 0 && !connection.watchdog.fired())
    return {};
  return connection.failure("asking whether it is alive");
}

Result<SshOutcome> SshCommand::finish() {
  {
    // Fails when it has ended already: then there is nothing to send it.
    const auto guard = channel_->connection.within_limit();
    (void)::ssh_channel_send_eof(channel_->channel.get());
  }
  SshOutcome outcome;
  KDUMP_TRY_ASSIGN(outcome.out, channel_->read_all(false));
  KDUMP_TRY_ASSIGN(outcome.err, channel_->read_all(true));
  const auto guard = channel_->connection.within_limit();
  outcome.status = ::ssh_channel_get_exit_status(channel_->channel.get());
  if (channel_->connection.watchdog.fired())
    return channel_->connection.out_of_time("waiting for a command");
  return outcome;
}

Result<SshCommand> SshSession::start(const std::string& command) {
  const auto guard = connection_->within_limit();
  ssh::Channel channel(::ssh_channel_new(connection_->session.get()));
  if (!channel) return Error(Errc::no_memory, connection_->name + ": no memory for a command");
  if (::ssh_channel_open_session(channel.get()) != SSH_OK)
    return connection_->failure("opening a channel");
  if (::ssh_channel_request_exec(channel.get(), command.c_str()) != SSH_OK)
    return connection_->failure("running a command");
  return SshCommand(std::unique_ptr<SshCommand::Channel>(
      new SshCommand::Channel{*connection_, std::move(channel)}));
}

Result<SshOutcome> SshSession::run(const std::string& command, std::string_view input) {
  KDUMP_TRY_ASSIGN(SshCommand running, start(command));
  auto written = running.write(as_bytes(input));
  auto outcome = running.finish();
  // Whoever does not read to the end has a reason, which counts more than that we noticed.
  if (!written && outcome && outcome->status == 0) return std::move(written).error();
  return outcome;
}

}  // namespace kdump
