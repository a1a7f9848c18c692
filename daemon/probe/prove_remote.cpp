// Proofs of ssh and sftp targets.
#include "daemon/probe/prove.h"
#include "daemon/probe/ssh_login.h"
#include "makedump/sink/sink.h"
#include "makedump/sink/ssh_sftp.h"

namespace kdump {

namespace {

Result<SshSession> log_in(const ProofJob& job, const SshTarget& target, const Steps& steps) {
  steps.begin("logging in to " + target.address.describe());
  KDUMP_TRY_ASSIGN(const KnownHosts known, known_hosts_for(job.paths, target.address));
  return log_in_with_key(target, known, job.limit);
}

// Runs one command; its failure is told as "user@host: what: why".
Result<std::string> do_there(SshSession& session, const Steps& steps, const std::string& what,
                             const std::string& command, const std::string& input = "") {
  steps.begin(session.name() + ": " + what);
  KDUMP_TRY_ASSIGN(SshOutcome outcome, session.run(command, input));
  if (outcome.status == 0) return std::move(outcome.out);
  return Error(Errc::io, session.name() + ": " + what + ": " + outcome.reason());
}

Error changed_content(const std::string& where) {
  return {Errc::io, where + ": what was read back is not what was written"};
}

}  // namespace

Result<std::optional<uint64_t>> prove_ssh(const ProofJob& job, const Steps& steps) {
  const SshTarget target = ssh_target(job.paths, job.settings, job.target);
  KDUMP_TRY_ASSIGN(SshSession session, log_in(job, target, steps));
  const std::string path = job.directory + "/" + proof_file_name();
  const std::string temporary = incomplete_name(path);
  const std::string directory_word = shell_quoted(job.directory);
  const std::string path_word = shell_quoted(path), temporary_word = shell_quoted(temporary);

  // A login shell need not be a POSIX one; what comes after these words is the same to all.
  KDUMP_TRY(do_there(session, steps, "mkdir -p " + job.directory, "mkdir -p " + directory_word));
  const std::string content = proof_content();
  const auto clean_up = [&] { (void)session.run("rm -f " + temporary_word + " " + path_word); };
  const auto go = [&]() -> Result<void> {
    KDUMP_TRY(do_there(session, steps, "writing " + temporary, "umask 077; cat >" + temporary_word,
                       content));
    // Old ones take no argument, and sync everything.
    KDUMP_TRY(do_there(session, steps, "syncing " + temporary, "sync " + temporary_word));
    KDUMP_TRY(do_there(session, steps, "renaming to " + path,
                       "mv -f " + temporary_word + " " + path_word));
    KDUMP_TRY_ASSIGN(const std::string back,
                     do_there(session, steps, "reading " + path, "cat " + path_word));
    if (back != content) return changed_content(session.name() + ":" + path);
    return {};
  };
  auto done = go();
  if (!done) {
    clean_up();
    return std::move(done).error();
  }
  KDUMP_TRY(do_there(session, steps, "removing " + path, "rm " + path_word));
  // A restricted shell may have no df: the room is then unknown.
  const auto df = do_there(session, steps, "df " + job.directory, "df -Pk " + directory_word);
  return df ? room_in_df(*df) : std::nullopt;
}

Result<std::optional<uint64_t>> prove_sftp(const ProofJob& job, const Steps& steps) {
  const SshTarget target = ssh_target(job.paths, job.settings, job.target);
  KDUMP_TRY_ASSIGN(SshSession session, log_in(job, target, steps));
  const std::string path = job.directory + "/" + proof_file_name();
  const std::string temporary = incomplete_name(path);
  const std::string where = session.name() + ":";

  steps.begin(where + job.directory + ": making the directory");
  KDUMP_TRY_ASSIGN(Sftp sftp, session.open_sftp());
  KDUMP_TRY(sftp.make_directories(job.directory));
  const std::string content = proof_content();
  const auto go = [&]() -> Result<void> {
    steps.begin(where + temporary + ": writing");
    // What an earlier one left behind: SFTP replaces no file.
    (void)sftp.remove(temporary);
    (void)sftp.remove(path);
    KDUMP_TRY_ASSIGN(SftpFile file, sftp.create(temporary));
    KDUMP_TRY(file.write_at(FileOffset(0), as_bytes(content)));
    steps.begin(where + temporary + ": syncing");
    // Few servers but OpenSSH's can: the dump is then as safe as the server makes it.
    auto synced = file.sync();
    if (!synced && synced.error().code() != Errc::unsupported) return synced;
    return {};
  };
  const auto finish = [&]() -> Result<void> {
    KDUMP_TRY(go());
    steps.begin(where + path + ": renaming and reading back");
    KDUMP_TRY(sftp.rename(temporary, path));
    KDUMP_TRY_ASSIGN(const std::string back, sftp.read_file(path));
    if (back != content) return changed_content(where + path);
    return {};
  };
  auto done = finish();
  if (!done) {
    (void)sftp.remove(temporary);
    (void)sftp.remove(path);
    return std::move(done).error();
  }
  steps.begin(where + path + ": removing");
  KDUMP_TRY(sftp.remove(path));
  return sftp.free_bytes(job.directory);
}

}  // namespace kdump
