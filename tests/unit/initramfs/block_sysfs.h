// Block devices in a made-up sysfs: what stands on what, for tests of whoever walks it.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "tests/unit/temp_dir.h"

namespace kdump {

// Just enough of sysfs: block devices in their places, with what they stand on.
class BlockSysfs {
 public:
  void block(const std::string& name, const std::string& place) {
    std::filesystem::create_directories(dir_.path("devices/" + place));
    dir_.link("class/block/" + name, dir_.path("devices/" + place));
    places_[name] = "devices/" + place;
  }
  void mapped(const std::string& name, const std::string& uuid, const std::string& mapper,
              const std::vector<std::string>& slaves) {
    block(name, "virtual/block/" + name);
    write(name, "dm/uuid", uuid);
    write(name, "dm/name", mapper);
    stand(name, slaves);
  }
  void stand(const std::string& name, const std::vector<std::string>& slaves) {
    std::filesystem::create_directories(dir_.path(places_[name] + "/slaves"));
    for (const std::string& slave : slaves)
      dir_.link(places_[name] + "/slaves/" + slave, dir_.path(places_[slave]));
  }
  void write(const std::string& name, const std::string& file, const std::string& text) {
    dir_.write(places_[name] + "/" + file, text + "\n");
  }
  void write_at(const std::string& path, const std::string& text) {
    dir_.write("devices/" + path, text + "\n");
  }
  [[nodiscard]] std::string root() const { return dir_.path(); }

 private:
  TempDir dir_;
  std::map<std::string, std::string> places_;
};

}  // namespace kdump
