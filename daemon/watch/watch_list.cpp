#include "daemon/watch/watch_list.h"

#include <charconv>

namespace kdump {

WatchList fixed_watch_list(const HostPaths& paths, const std::string& release,
                           const std::string& programs) {
  WatchList list;
  list.files = {paths.kdump_conf(), paths.policy(),
                // Both, as the one that is not there may appear and the other one go.
                paths.rhel_sysconfig(), paths.debian_sysconfig(), paths.fstab(),
                programs + "/kdump-capture"};
  list.directories = {paths.hooks() + "/pre.d",
                      paths.hooks() + "/post.d",
                      paths.hooks() + "/emergency.d",
                      paths.modprobe_d(),
                      paths.boot(),
                      paths.all_modules(),
                      paths.modules(release)};
  return list;
}

std::string encode(const WatchList& list) {
  std::string text;
  for (const std::string& file : list.files)
    text += "file " + file + "\n";
  for (const std::string& directory : list.directories)
    text += "directory " + directory + "\n";
  for (const std::string& device : list.devices)
    text += "device " + device + "\n";
  for (const std::string& mount : list.mounts)
    text += "mount " + mount + "\n";
  if (list.network) text += "network\n";
  return text + "prove-every " + std::to_string(list.prove_every.count()) + "\n";
}

Result<WatchList> decode_watch_list(std::string_view text) {
  WatchList list;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const std::string_view word = line.substr(0, line.find(' '));
    const std::string value(line.substr(std::min(line.size(), word.size() + 1)));
    long seconds = 0;
    if (word == "file" && !value.empty()) {
      list.files.push_back(value);
    } else if (word == "directory" && !value.empty()) {
      list.directories.push_back(value);
    } else if (word == "device" && !value.empty()) {
      list.devices.push_back(value);
    } else if (word == "mount" && !value.empty()) {
      list.mounts.push_back(value);
    } else if (word == "network" && value.empty()) {
      list.network = true;
    } else if (word == "prove-every" &&
               std::from_chars(value.data(), value.data() + value.size(), seconds).ec ==
                   std::errc() &&
               seconds >= 0) {
      list.prove_every = std::chrono::seconds(seconds);
    } else {
      return Error(Errc::bad_input, "'" + std::string(line) + "' is no line of a watch list");
    }
  }
  return list;
}

}  // namespace kdump
