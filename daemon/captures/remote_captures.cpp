#include "daemon/captures/remote_captures.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <sys/utsname.h>

#include "daemon/arm/ssh_files.h"
#include "daemon/captures/capture_manifest.h"
#include "daemon/captures/remote_listing.h"
#include "daemon/captures/whose_capture.h"
#include "daemon/probe/apart.h"
#include "daemon/probe/ssh_login.h"
#include "initramfs/plan/manifest.h"
#include "makedump/sink/ssh_sftp.h"

namespace kdump {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kStepLimit{10};
// A session watches over its own steps. Logging in is several of them, and a name is looked up.
constexpr std::chrono::seconds kPatience{45};
constexpr std::chrono::seconds kLookLimit{60};  // at all captures of a server
constexpr size_t kMostDirectories = 10000, kMostCaptures = 500;
// Of all servers, a manifest is some KiB.
constexpr size_t kLongestRemoteManifest = size_t{256} << 10;

bool is_ssh(const Target& target) {
  return target.kind == TargetKind::ssh || target.kind == TargetKind::sftp;
}

// Ours are made of these, whatever the host is called: nothing else is ever put into a path.
bool is_plain_name(std::string_view name) {
  return !name.empty() && name.front() != '.' && name.front() != '-' &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  std::string_view("._:@+-").find(c) != std::string_view::npos;
         });
}

CaptureListing as_listing(const std::vector<SftpEntry>& entries) {
  std::vector<CaptureFile> files;
  for (const SftpEntry& entry : entries) {
    CaptureFile file;
    file.name = entry.name;
    file.status.st_mode = entry.stat.mode;
    file.status.st_size = static_cast<off_t>(entry.stat.size);
    file.status.st_mtime = static_cast<time_t>(entry.stat.mtime);
    files.push_back(std::move(file));
  }
  return CaptureListing(std::move(files));
}

// A server, in the process that talks to it.
class Server {
 public:
  static Result<Server> reach(const HostPaths& paths, const Settings& settings,
                              const Target& target, const Steps& steps) {
    SshTarget ssh = ssh_target(paths, settings, target);
    steps.begin("logging in to " + ssh.address.describe());
    KDUMP_TRY_ASSIGN(const KnownHosts known, known_hosts_for(paths, ssh.address));
    KDUMP_TRY_ASSIGN(SshSession session, log_in_with_key(ssh, known, kStepLimit));
    steps.begin(session.name() + ": starting SFTP");
    auto sftp = session.open_sftp();
    if (!sftp && target.kind == TargetKind::ssh && sftp.error().code() != Errc::timed_out)
      return Error(Errc::unsupported,
                   "its account has no SFTP: look into " + ssh.directory + " there");
    if (!sftp) return std::move(sftp).error();
    utsname names{};
    (void)::uname(&names);
    HostNames host{names.nodename, session.local_ip(), settings.naming};
    return Server(std::move(ssh.directory), std::move(session), *std::move(sftp), std::move(host),
                  steps);
  }

  Result<RemoteListing> look() {
    RemoteListing listing;
    begin("listing", directory_);
    const auto entries = sftp_.list(directory_, kMostDirectories);
    if (!entries && entries.error().code() == Errc::not_found) return listing;
    if (!entries) return entries.error();
    std::vector<const SftpEntry*> order = to_look_into(*entries);
    if (order.size() > kMostCaptures) {
      listing.problems.push_back(session_.name() + ":" + directory_ + ": holds " +
                                 std::to_string(order.size()) + " captures: only the newest " +
                                 std::to_string(kMostCaptures) + " were looked into");
      order.resize(kMostCaptures);
    }
    const auto until = Clock::now() + kLookLimit;
    size_t looked_into = 0;
    for (const SftpEntry* entry : order) {
      if (Clock::now() >= until || sftp_.is_broken()) {
        listing.problems.push_back(session_.name() + ":" + directory_ + ": only " +
                                   std::to_string(looked_into) + " of " +
                                   std::to_string(order.size()) + " captures were looked into: " +
                                   (sftp_.is_broken() ? "the connection broke" : "it is slow"));
        break;
      }
      ++looked_into;
      // One that is gone by now, or that another account made, is none to tell of.
      if (auto capture = look_into(entry->name)) listing.captures.push_back(*std::move(capture));
    }
    return listing;
  }

  Result<void> remove(const std::string& name) {
    const std::string path = path_of(name);
    begin("listing", directory_);
    KDUMP_TRY_ASSIGN(const auto entries, sftp_.list(directory_, kMostDirectories));
    const auto there = std::find_if(entries.begin(), entries.end(),
                                    [&name](const SftpEntry& entry) { return entry.name == name; });
    if (there == entries.end() || !S_ISDIR(there->stat.mode))
      return Error(Errc::not_found, session_.name() + ":" + path + ": is not there any more");
    KDUMP_TRY_ASSIGN(const RemoteCapture capture, look_into(name));
    if (!capture.ours || !capture.files.dump())
      return Error(Errc::usage, session_.name() + ":" + path +
                                    ": is not what it was when it was listed: not removed");
    KDUMP_TRY_ASSIGN(const auto files, capture.files.removal_order(session_.name() + ":" + path));
    for (const std::string& file : files) {
      begin("removing", path + "/" + file);
      KDUMP_TRY(sftp_.remove(path + "/" + file));
    }
    begin("removing", path);
    return sftp_.remove_directory(path);
  }

 private:
  Server(std::string directory, SshSession session, Sftp sftp, HostNames host, const Steps& steps)
      : directory_(std::move(directory)),
        session_(std::move(session)),
        sftp_(std::move(sftp)),
        host_(std::move(host)),
        steps_(steps) {}

  void begin(const std::string& what, const std::string& path) {
    steps_.begin(session_.name() + ":" + path + ": " + what);
  }
  [[nodiscard]] std::string path_of(const std::string& name) const {
    return directory_ == "/" ? "/" + name : directory_ + "/" + name;
  }

  // Those that look like ours first, then the newest.
  [[nodiscard]] std::vector<const SftpEntry*> to_look_into(
      const std::vector<SftpEntry>& entries) const {
    std::vector<const SftpEntry*> order;
    for (const SftpEntry& entry : entries)
      if (S_ISDIR(entry.stat.mode) && is_plain_name(entry.name) && is_capture_name(entry.name))
        order.push_back(&entry);
    std::sort(order.begin(), order.end(), [this](const SftpEntry* a, const SftpEntry* b) {
      const bool first = is_named_after(a->name, host_), second = is_named_after(b->name, host_);
      return first != second ? first : a->stat.mtime > b->stat.mtime;
    });
    return order;
  }

  // not_found for what is no capture of ours.
  Result<RemoteCapture> look_into(const std::string& name) {
    const std::string path = path_of(name);
    begin("listing", path);
    KDUMP_TRY_ASSIGN(const auto entries, sftp_.list(path, kMostCaptureFiles));
    RemoteCapture capture;
    capture.name = name;
    capture.files = as_listing(entries);
    const Error not_ours(Errc::not_found, session_.name() + ":" + path + ": no capture of ours");
    if (!capture.files.holds_capture()) return not_ours;
    if (capture.files.find(kManifestName)) {
      begin("reading", path + "/" + kManifestName);
      if (auto text = sftp_.read_file(path + "/" + kManifestName, kLongestRemoteManifest))
        capture.manifest = *std::move(text);
    }
    const Whose whose = whose_capture(name, capture.manifest, host_);
    if (whose == Whose::of_another) return not_ours;
    capture.ours = whose == Whose::ours;
    return capture;
  }

  std::string directory_;
  SshSession session_;
  Sftp sftp_;  // after the session, whose end it must not see
  HostNames host_;
  const Steps& steps_;
};

Result<RemoteListing> look_apart(const HostPaths& paths, const Settings& settings,
                                 const Target& target) {
  const auto work = [&](const Steps& steps) -> Result<std::string> {
    KDUMP_TRY_ASSIGN(Server server, Server::reach(paths, settings, target, steps));
    KDUMP_TRY_ASSIGN(const RemoteListing listing, server.look());
    return encode(listing);
  };
  KDUMP_TRY_ASSIGN(const std::string text, run_apart_for_text(work, kPatience));
  return decode_remote_listing(text);
}

}  // namespace

std::vector<Capture> find_all_captures(const HostPaths& paths, const Settings& settings,
                                       std::vector<std::string>& problems) {
  std::vector<Capture> captures = find_captures(paths, settings, problems);
  std::set<std::string> looked_at;
  for (size_t i = 0; i < settings.targets.size(); ++i) {
    const Target& target = settings.targets[i];
    if (!is_ssh(target)) continue;
    const SshTarget ssh = ssh_target(paths, settings, target);
    const std::string where = ssh.address.describe() + ":" + ssh.directory;
    if (!looked_at.insert(where).second) continue;
    const auto listing = look_apart(paths, settings, target);
    if (!listing) {
      problems.push_back(target.describe() +
                         ": captures on it are not listed: " + listing.error().message());
      continue;
    }
    problems.insert(problems.end(), listing->problems.begin(), listing->problems.end());
    for (const RemoteCapture& each : listing->captures) {
      captures.push_back(describe_capture(each.name,
                                          where + (where.ends_with('/') ? "" : "/") + each.name,
                                          each.files, each.manifest));
      captures.back().ours = each.ours;
      captures.back().remote_target = i;
      captures.back().manifest_text = each.manifest.value_or("");
    }
  }
  std::sort(captures.begin(), captures.end(), is_before);
  return captures;
}

Result<void> remove_remote_capture(const HostPaths& paths, const Settings& settings,
                                   const Capture& capture) {
  if (!capture.remote_target || *capture.remote_target >= settings.targets.size())
    return Error(Errc::internal, capture.directory + ": is on no server");
  if (!capture.may_be_given_up())
    return Error(Errc::usage, capture.directory +
                                  (capture.ours ? ": is not complete" : ": may be another host's") +
                                  ": not removed; if it is to go, remove it on the server");
  const auto work = [&](const Steps& steps) -> Result<std::string> {
    KDUMP_TRY_ASSIGN(Server server, Server::reach(paths, settings,
                                                  settings.targets[*capture.remote_target], steps));
    KDUMP_TRY(server.remove(capture.id));
    return std::string();
  };
  KDUMP_TRY(run_apart_for_text(work, kPatience));
  return {};
}

}  // namespace kdump
