// Tells when files change that need not be there yet, by inotify on the directories they are in:
// editors and package managers put a new file in the place of the old one, which a watch on the
// file would not survive.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "makedump/base/fd.h"
#include "makedump/base/result.h"

namespace kdump {

class FileWatch {
 public:
  static Result<FileWatch> open();

  // Readable when something happened in a watched directory.
  [[nodiscard]] int fd() const { return fd_.get(); }

  // From now on these are watched, and nothing else. Symbolic links are watched as what they are
  // and as what they lead to. What is not there is waited for in the nearest directory that is; so
  // call it again after changes. Returns what could not be watched, as sentences.
  std::vector<std::string> watch(const std::vector<std::string>& files,
                                 const std::vector<std::string>& directories);

  // Paths that changed since the last call; never waits. Hidden files and editors' backups in
  // directories do not count. "/" stands for "too much to tell".
  std::set<std::string> take_changes();

 private:
  struct Directory {
    std::string path;
    bool all = false;             // anything in it counts
    std::set<std::string> names;  // else these
  };

  explicit FileWatch(Fd fd) : fd_(std::move(fd)) {}
  bool add(const std::string& directory, const std::string& name);
  void add_file(const std::string& path);
  void add_directory(const std::string& path);

  Fd fd_;
  std::map<int, Directory> directories_;  // by watch descriptor
  std::map<int, Directory> wanted_;       // while watch() collects them
  std::vector<std::string> problems_;
};

}  // namespace kdump
