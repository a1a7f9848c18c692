#include "daemon/watch/file_watch.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <sys/inotify.h>
#include <unistd.h>

namespace kdump {

namespace {

// Reading and opening for reading are not in it. IN_CREATE is for what comes without being written:
// directories and links. IN_ATTRIB is for modes: a key that others can read, a hook that cannot be
// run.
constexpr uint32_t kMask = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE |
                           IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;

bool is_scratch(const std::string& name) {
  return name.starts_with('.') || name.ends_with('~') || name.ends_with(".swp") ||
         name.ends_with(".dpkg-new") || name.ends_with(".dpkg-tmp");
}

}  // namespace

Result<FileWatch> FileWatch::open() {
  const int fd = ::inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  if (fd < 0) return Error::from_errno("inotify");
  return FileWatch(Fd(fd));
}

// An empty name: all that is in it.
bool FileWatch::add(const std::string& directory, const std::string& name) {
  const int wd = ::inotify_add_watch(fd_.get(), directory.c_str(), kMask);
  if (wd < 0) {
    if (errno != ENOENT && errno != ENOTDIR)
      problems_.push_back(Error::from_errno("watching " + directory).message());
    // Only what is not there yet is looked for further up.
    return errno != ENOENT && errno != ENOTDIR;
  }
  Directory& entry = wanted_[wd];
  entry.path = directory;
  if (name.empty())
    entry.all = true;
  else
    entry.names.insert(name);
  return true;
}

void FileWatch::add_file(const std::string& path) {
  std::filesystem::path at(path);
  while (at.has_relative_path()) {
    const std::string name = at.filename();
    at = at.parent_path();
    if (add(at, name)) return;
  }
}

void FileWatch::add_directory(const std::string& path) {
  // Its name, too: it may be a link that is turned to another one, or come and go.
  add_file(path);
  (void)add(path, "");
}

std::vector<std::string> FileWatch::watch(const std::vector<std::string>& files,
                                          const std::vector<std::string>& directories) {
  wanted_.clear();
  problems_.clear();
  const auto target_of = [](const std::string& path) -> std::string {
    std::error_code error;
    const auto target = std::filesystem::canonical(path, error);
    return error || target == path ? "" : target.string();
  };
  for (const std::string& file : files) {
    add_file(file);
    if (const std::string target = target_of(file); !target.empty()) add_file(target);
  }
  for (const std::string& directory : directories)
    add_directory(directory);
  for (const auto& [wd, directory] : directories_)
    if (!wanted_.contains(wd)) (void)::inotify_rm_watch(fd_.get(), wd);
  directories_ = std::exchange(wanted_, {});
  return std::exchange(problems_, {});
}

std::set<std::string> FileWatch::take_changes() {
  std::set<std::string> changes;
  alignas(inotify_event) std::array<char, 16384> buffer{};
  for (;;) {
    const ssize_t got = ::read(fd_.get(), buffer.data(), buffer.size());
    if (got <= 0) return changes;
    for (size_t at = 0; at + sizeof(inotify_event) <= static_cast<size_t>(got);) {
      inotify_event event{};
      std::memcpy(&event, buffer.data() + at, sizeof event);
      const std::string name = event.len == 0 ? "" : buffer.data() + at + sizeof event;
      at += sizeof event + event.len;
      if ((event.mask & IN_Q_OVERFLOW) != 0) changes.insert("/");
      const auto found = directories_.find(event.wd);
      if (found == directories_.end()) continue;
      const Directory& directory = found->second;
      if ((event.mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT)) != 0) {
        changes.insert(directory.path);
      } else if (!name.empty() &&
                 (directory.names.contains(name) || (directory.all && !is_scratch(name)))) {
        changes.insert((std::filesystem::path(directory.path) / name).string());
      }
      // The kernel has dropped the watch; its number may be given to another one.
      if ((event.mask & IN_IGNORED) != 0) directories_.erase(found);
    }
  }
}

}  // namespace kdump
