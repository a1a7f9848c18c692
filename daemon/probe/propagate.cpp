#include "daemon/probe/propagate.h"

#include <filesystem>
#include <sstream>
#include <sys/stat.h>
#include <unistd.h>

#include "makedump/base/fd.h"
#include "makedump/sink/ssh_sftp.h"

namespace kdump {

namespace {

constexpr int kPasswordTries = 3;            // as ssh has it
constexpr uint32_t kWritableByOthers = 022;  // sshd takes no keys from a file that is

Result<SshKey> key_pair(const SshTarget& target, const PropagateOptions& options) {
  auto key = SshKey::read(target.key_file);
  if (key) {
    options.tell("using the key that is there: " + target.key_file + " (" + key->public_key().type +
                 ")");
    return key;
  }
  if (key.error().code() != Errc::not_found) return key;
  KDUMP_TRY_ASSIGN(SshKey made, SshKey::generate(options.type));
  const std::string folder = std::filesystem::path(target.key_file).parent_path();
  std::error_code failed;
  if (std::filesystem::create_directories(folder, failed)) (void)::chmod(folder.c_str(), 0700);
  char name[256] = "";
  (void)::gethostname(name, sizeof(name) - 1);
  KDUMP_TRY(made.write(target.key_file, std::string("kdump@") + name));
  options.tell("made a new key: " + target.key_file + " (" + made.public_key().type + ")");
  return made;
}

// Trusts a host key that is pinned, or that root's ssh knows, or that a person says is right.
Result<void> decide_about(const SshPublicKey& shown, const HostPaths& paths,
                          const SshAddress& address, const PropagateOptions& options) {
  KnownHosts pinned;
  KDUMP_TRY(pinned.add_file(paths.pinned_hosts()));
  auto as_pinned = pinned.check(address, shown);
  if (as_pinned) return {};
  KDUMP_TRY_ASSIGN(const KnownHosts of_ssh, hosts_that_ssh_knows(paths));
  auto as_ssh_knows = of_ssh.check(address, shown);
  // What root's ssh was told since counts more than what was pinned before.
  if (as_ssh_knows) return {};
  for (auto* checked : {&as_pinned, &as_ssh_knows})
    if (checked->error().code() != Errc::not_found) return std::move(*checked).error();

  const std::string key = shown.type + " " + shown.fingerprint;
  if (options.accept_new) {
    options.tell(address.describe() + ": took its host key unseen: " + key);
    return {};
  }
  options.tell(address.describe() + ": its host key is not known here: " + key);
  options.tell(
      "compare it on that machine: for f in /etc/ssh/ssh_host_*_key.pub; do ssh-keygen "
      "-lf $f; done");
  const auto answer = options.ask("Is this its key (yes/no, or its fingerprint)? ", true);
  if (answer && (*answer == "yes" || *answer == shown.fingerprint)) return {};
  return Error(Errc::usage, address.describe() +
                                ": the host key was not confirmed, so nothing was done (a script "
                                "may use --accept-new)");
}

// Ways to log in the first time that need nobody: the key itself, root's keys, an agent.
Result<bool> log_in_unattended(SshSession& session, const HostPaths& paths,
                               const PropagateOptions& options) {
  std::vector<std::string> files = {paths.root_ssh() + "/id_ed25519",
                                    paths.root_ssh() + "/id_ecdsa", paths.root_ssh() + "/id_rsa"};
  if (!options.identity.empty()) files = {options.identity};
  for (const std::string& file : files) {
    const auto key = SshKey::read(file);
    if (!key && !options.identity.empty()) return key.error();
    if (!key) continue;  // not there, or with a passphrase: an agent may have it
    KDUMP_TRY_ASSIGN(const bool in, session.log_in(*key));
    if (in) return true;
  }
  return session.log_in_with_agent();
}

Result<bool> log_in_with_password(SshSession& session, const SshAsk& ask) {
  bool no_answer = false;
  const SshAsk once = [&](const std::string& prompt, bool echo) {
    auto answer = ask(prompt, echo);
    no_answer = !answer;
    return answer;
  };
  for (int tries = 0; tries < kPasswordTries && !no_answer; ++tries) {
    KDUMP_TRY_ASSIGN(const bool in, session.log_in_with_password(once));
    if (in) return true;
  }
  return false;
}

// True: it was added; false: it was there.
Result<bool> add_by_command(SshSession& session, const SshPublicKey& key,
                            const std::string& comment) {
  // The login shell may be any; it only starts this one. A last line without its end would swallow
  // the new one. SELinux wants its label.
  // clang-format off
  static constexpr std::string_view kScript = R"sh(cd || exit 1
umask 077
read -r key && read -r comment || exit 1
file=.ssh/authorized_keys
mkdir -p .ssh || exit 1
if grep -qs "^$key" $file; then
  echo there
else
  if [ -s $file ] && [ -n "$(tail -c 1 $file)" ]; then echo >>$file || exit 1; fi
  printf '%s %s\n' "$key" "$comment" >>$file || exit 1
  echo added
fi
chmod go-w .ssh $file || exit 1
if command -v restorecon >/dev/null 2>&1; then restorecon -F .ssh $file >/dev/null 2>&1; fi
exit 0)sh";
  // clang-format on
  KDUMP_TRY_ASSIGN(const SshOutcome outcome, session.run("exec sh -c " + shell_quoted(kScript),
                                                         key.line() + "\n" + comment + "\n"));
  if (outcome.status == 0) return outcome.out.starts_with("added");
  return Error(Errc::io,
               session.name() + ": adding the key to ~/.ssh/authorized_keys: " + outcome.reason());
}

// For accounts that have SFTP and no shell.
Result<bool> add_by_sftp(SshSession& session, const SshPublicKey& key, const std::string& comment) {
  const std::string folder = ".ssh", file = folder + "/authorized_keys";
  KDUMP_TRY_ASSIGN(Sftp sftp, session.open_sftp());
  KDUMP_TRY(sftp.make_directories(folder, 0700));
  KDUMP_TRY_ASSIGN(const auto there, sftp.stat(file));
  std::string text;
  if (there) {
    KDUMP_TRY_ASSIGN(text, sftp.read_file(file));
  }
  std::istringstream lines(text);
  bool found = false;
  for (std::string line; std::getline(lines, line);)
    found = found || line.starts_with(key.line());
  if (!found) {
    // At its end, in place: it may be a link, and half a line there does no harm to the others.
    KDUMP_TRY_ASSIGN(SftpFile out, there ? sftp.open_existing(file) : sftp.create(file));
    const std::string before = text.empty() || text.back() == '\n' ? "" : "\n";
    KDUMP_TRY(out.write_at(FileOffset(text.size()),
                           as_bytes(before + key.line() + " " + comment + "\n")));
    (void)out.sync();  // not every server can
  }
  for (const std::string& path : {folder, file}) {
    KDUMP_TRY_ASSIGN(const auto now, sftp.stat(path));
    if (now && (now->mode & kWritableByOthers) != 0)
      KDUMP_TRY(sftp.set_mode(path, now->mode & 07777 & ~kWritableByOthers));
  }
  return !found;
}

Result<void> install(const SshTarget& target, TargetKind kind, const HostPaths& paths,
                     const SshKey& key, const PropagateOptions& options) {
  KDUMP_TRY_ASSIGN(const KnownHosts known, known_hosts_for(paths, target.address));
  const auto trust = [&](const SshPublicKey& shown) { return known.check(target.address, shown); };
  const auto connect = [&] {
    return SshSession::connect(target.address, known, trust, options.limit);
  };
  KDUMP_TRY_ASSIGN(SshSession session, connect());
  KDUMP_TRY_ASSIGN(const bool installed, session.log_in(key));
  if (installed) {
    options.tell(session.name() + " has the key already");
    return {};
  }
  auto in = log_in_unattended(session, paths, options);
  if (!in && !options.identity.empty()) return std::move(in).error();
  if (!in || !*in) {
    // A server counts tries, and may have had enough of ours: this one starts afresh.
    KDUMP_TRY_ASSIGN(session, connect());
    KDUMP_TRY_ASSIGN(const bool by_password, log_in_with_password(session, options.ask));
    if (!by_password)
      return Error(Errc::io, session.name() +
                                 ": cannot log in to install the key (the server takes " +
                                 session.methods() +
                                 "): give a password, or a key that it knows with --identity FILE");
  }
  char name[256] = "";
  (void)::gethostname(name, sizeof(name) - 1);
  const std::string comment = std::string("kdump@") + name;
  KDUMP_TRY_ASSIGN(const bool added, kind == TargetKind::sftp
                                         ? add_by_sftp(session, key.public_key(), comment)
                                         : add_by_command(session, key.public_key(), comment));
  options.tell(target.key_file + (added ? " was added to" : " is already in") + " ~" +
               target.address.user + "/.ssh/authorized_keys on " + target.address.host);
  return {};
}

}  // namespace

Result<void> pin_host_key(const HostPaths& paths, const SshAddress& address,
                          const SshPublicKey& key) {
  const std::string name = address.known_name();
  std::string text, kept;
  if (::access(paths.pinned_hosts().c_str(), F_OK) == 0) {
    KDUMP_TRY_ASSIGN(text, read_text_file(paths.pinned_hosts()));
  }
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    if (!line.starts_with(name + " ")) kept += line + "\n";
  kept += name + " " + key.line() + "\n";
  if (kept == text) return {};
  (void)::mkdir(paths.state().c_str(), 0700);
  return publish_file(paths.pinned_hosts(), as_bytes(kept), 0600);
}

Result<void> propagate_key(const HostPaths& paths, const SshTarget& target, TargetKind kind,
                           const PropagateOptions& options) {
  KDUMP_TRY_ASSIGN(const SshKey key, key_pair(target, options));
  {
    KDUMP_TRY_ASSIGN(const KnownHosts known, known_hosts_for(paths, target.address));
    const auto trust = [&](const SshPublicKey& shown) {
      return decide_about(shown, paths, target.address, options);
    };
    KDUMP_TRY_ASSIGN(const SshSession session,
                     SshSession::connect(target.address, known, trust, options.limit));
    KDUMP_TRY(pin_host_key(paths, target.address, session.host_key()));
  }
  KDUMP_TRY(install(target, kind, paths, key, options));

  KDUMP_TRY_ASSIGN(const KnownHosts pinned, known_hosts_for(paths, target.address));
  auto proof = log_in_with_key(target, pinned, options.limit);
  if (!proof)
    return Error(proof.error().code(),
                 proof.error().message() +
                     "; if it was installed just now, sshd does not take it: look at its log "
                     "(permissions of the home directory or ~/.ssh, AuthorizedKeysFile, "
                     "PubkeyAuthentication)");
  options.tell("logging in to " + proof->name() + " with this key alone works");
  return {};
}

}  // namespace kdump
