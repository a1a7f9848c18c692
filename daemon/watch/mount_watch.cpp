#include "daemon/watch/mount_watch.h"

#include <fcntl.h>
#include <set>
#include <sstream>
#include <utility>

namespace kdump {

namespace {

constexpr char kMountinfo[] = "/proc/self/mountinfo";

struct Mount {
  int id = 0, parent = 0;
  std::string point, what;
};

// mountinfo has blanks, tabs, newlines and backslashes as \040 and so on.
std::string unescaped(std::string_view text) {
  const auto is_octal = [](char c) { return c >= '0' && c <= '7'; };
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size() && is_octal(text[i + 1]) && is_octal(text[i + 2]) &&
        is_octal(text[i + 3])) {
      out += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 +
                               (text[i + 3] - '0'));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

// "36 35 98:0 /mnt1 /mnt/parent rw,noatime master:1 - ext3 /dev/root rw,errors=continue"
std::vector<Mount> parse(std::string_view mountinfo) {
  std::vector<Mount> mounts;
  std::istringstream lines{std::string(mountinfo)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    Mount mount;
    std::string device, root, type;
    if (!(words >> mount.id >> mount.parent >> device >> root >> mount.point)) continue;
    if (const size_t dash = line.find(" - "); dash != std::string::npos)
      type = line.substr(dash + 3, line.find(' ', dash + 3) - dash - 3);
    mount.point = unescaped(mount.point);
    mount.what = device + " " + root + " " + type;
    mounts.push_back(std::move(mount));
  }
  return mounts;
}

bool is_below(std::string_view path, std::string_view point) {
  return point == "/" || path == point ||
         (path.starts_with(point) && path.substr(point.size()).starts_with('/'));
}

// The mount that is come upon first on the way from `from` to the path.
const Mount* next_mount(const std::vector<Mount>& mounts, int from, std::string_view path) {
  const Mount* next = nullptr;
  for (const Mount& mount : mounts)
    if (mount.parent == from && mount.id != from && is_below(path, mount.point) &&
        (!next || mount.point.size() < next->point.size()))
      next = &mount;
  return next;
}

std::string now() {
  const auto text = read_text_file(kMountinfo, size_t{16} << 20);
  return text ? *text : "";
}

}  // namespace

std::string mount_that_holds(std::string_view mountinfo, std::string_view path) {
  const std::vector<Mount> mounts = parse(mountinfo);
  const Mount* holder = nullptr;
  std::set<int> ids;
  for (const Mount& mount : mounts)
    ids.insert(mount.id);
  // The root's parent is not in the list.
  for (const Mount& mount : mounts)
    if (!holder && is_below(path, mount.point) &&
        (mount.parent == mount.id || !ids.contains(mount.parent)))
      holder = &mount;
  // As many steps as there are mounts at most, whatever the text says.
  for (size_t step = 0; holder && step < mounts.size(); ++step) {
    const Mount* const next = next_mount(mounts, holder->id, path);
    if (!next) break;
    holder = next;
  }
  return holder ? holder->what : "";
}

Result<MountWatch> MountWatch::open() {
  KDUMP_TRY_ASSIGN(Fd fd, open_file(kMountinfo, O_RDONLY));
  MountWatch watch(std::move(fd));
  watch.at_start_ = now();
  return watch;
}

void MountWatch::watch(const std::vector<std::string>& paths) {
  const std::string mountinfo = at_start_.empty() ? now() : std::exchange(at_start_, {});
  std::map<std::string, std::string> held_by;
  for (const std::string& path : paths) {
    const auto known = held_by_.find(path);
    held_by[path] = known != held_by_.end() ? known->second : mount_that_holds(mountinfo, path);
  }
  held_by_ = std::move(held_by);
}

bool MountWatch::take_changes() {
  if (held_by_.empty()) return false;
  const std::string mountinfo = now();
  bool changed = false;
  for (auto& [path, holder] : held_by_) {
    std::string holds = mount_that_holds(mountinfo, path);
    changed |= holds != holder;
    holder = std::move(holds);
  }
  return changed;
}

}  // namespace kdump
