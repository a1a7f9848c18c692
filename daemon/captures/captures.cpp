#include "daemon/captures/captures.h"

#include <algorithm>
#include <dirent.h>
#include <fcntl.h>
#include <memory>
#include <unistd.h>

#include "daemon/captures/capture_files.h"
#include "daemon/captures/capture_manifest.h"
#include "daemon/captures/places.h"
#include "initramfs/plan/manifest.h"

namespace kdump {

namespace {

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

Result<std::vector<std::string>> names_in(const CapturePlace& place) {
  const std::unique_ptr<DIR, CloseDirectory> listing(::opendir(place.directory.c_str()));
  if (!listing) return Error::from_errno(place.directory);
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(listing.get()))
    if (is_capture_name(entry->d_name)) names.emplace_back(entry->d_name);
  return names;
}

// Of all files of a capture: of its dump, if there is one, else of any.
int64_t modified_at(const CaptureListing& files) {
  if (const CaptureFile* dump = files.dump()) return dump->status.st_mtime;
  int64_t latest = 0;
  for (const CaptureFile& file : files.files())
    if (is_capture_file(file.name)) latest = std::max<int64_t>(latest, file.status.st_mtime);
  return latest;
}

Capture::State state_of(const CaptureListing& files) {
  if (files.dump()) return Capture::State::complete;
  if (files.incomplete_dump()) return Capture::State::incomplete;
  return files.has_log() ? Capture::State::dmesg_only : Capture::State::failed;
}

// On a file system of this host alone, whoever is root there made it. On a shared one it has to say
// that it is this host's.
bool is_ours(const Capture& capture, const CaptureFiles& files, const CapturePlace& place) {
  const uid_t owner = files.status().st_uid;
  if (owner != 0 && owner != ::geteuid()) return false;
  return !place.shared || is_name_of_host(capture.hostname, place.hostname);
}

void find_in(const CapturePlace& place, std::vector<Capture>& captures,
             std::vector<std::string>& problems) {
  const auto names = names_in(place);
  if (!names) {
    // Not there yet: nothing was saved.
    if (names.error().sys_errno() != ENOENT) problems.push_back(names.error().message());
    return;
  }
  const Fd parent(::open(place.directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  size_t refused = 0;
  for (const std::string& name : *names) {
    const auto files = CaptureFiles::open(parent, name, place.directory + "/" + name);
    if (files && files->holds_capture()) {
      std::optional<std::string> manifest;
      if (files->find(kManifestName))
        if (auto text = files->read(kManifestName, kLongestManifest)) manifest = std::move(*text);
      captures.push_back(describe_capture(name, place.directory + "/" + name, *files, manifest));
      captures.back().ours = is_ours(captures.back(), *files, place);
    }
    if (!files && files.error().sys_errno() == EACCES) ++refused;
    if (!files && files.error().code() == Errc::io && files.error().sys_errno() != EACCES)
      problems.push_back(files.error().message());
  }
  if (refused != 0)
    problems.push_back(place.directory + ": only root can look into " + std::to_string(refused) +
                       (refused == 1 ? " capture" : " captures") + " there");
}

}  // namespace

std::string_view name_of(Capture::State state) {
  switch (state) {
    case Capture::State::complete:
      return "complete";
    case Capture::State::incomplete:
      return "incomplete";
    case Capture::State::dmesg_only:
      return "dmesg_only";
    case Capture::State::failed:
      break;
  }
  return "failed";
}

Capture describe_capture(const std::string& id, const std::string& directory,
                         const CaptureListing& files, const std::optional<std::string>& manifest) {
  Capture capture;
  capture.id = id;
  capture.directory = directory;
  capture.at = modified_at(files);
  capture.state = state_of(files);
  for (const CaptureFile& file : files.files())
    capture.bytes += static_cast<uint64_t>(file.status.st_blocks) * 512;
  if (const CaptureFile* dump = files.dump()) capture.dump = dump->name;
  capture.test = id.starts_with("kdump-test-");
  if (manifest) (void)read_manifest(*manifest, capture);
  return capture;
}

bool is_before(const Capture& a, const Capture& b) {
  return a.at != b.at ? a.at > b.at : a.directory > b.directory;
}

std::vector<Capture> find_captures(const HostPaths& paths, const Settings& settings,
                                   std::vector<std::string>& problems) {
  std::vector<Capture> captures;
  for (const CapturePlace& place : capture_places(paths, settings, problems))
    find_in(place, captures, problems);
  std::sort(captures.begin(), captures.end(), is_before);
  return captures;
}

}  // namespace kdump
