#include "initramfs/image/network_disks.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <optional>
#include <set>
#include <unistd.h>

#include "initramfs/image/network_host.h"
#include "initramfs/plan/rtnetlink.h"
#include "makedump/base/fd.h"

namespace kdump {

namespace {

namespace fs = std::filesystem;

// What sysfs shows where there is nothing to show (scsi_transport_iscsi, nvme).
bool is_nothing(const std::string& text) {
  return text == "(null)" || text == "none" || text == "<NULL>";
}

std::string attribute(const fs::path& path) {
  const auto text = read_text_file(path);
  if (!text) return "";
  std::string line = text->substr(0, text->find('\n'));
  return is_nothing(line) ? "" : line;
}

template <typename Number>
Number number_in(const std::string& text) {
  Number number = 0;
  (void)std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

// "traddr=192.0.2.1,trsvcid=4420,src_addr=…"
std::string part_of(const std::string& address, const std::string& key) {
  const std::string text = "," + address;
  const size_t at = text.find("," + key + "=");
  if (at == std::string::npos) return "";
  const size_t begin = at + key.size() + 2;
  return text.substr(begin, text.find(',', begin) - begin);
}

Error refuse(const std::string& disk, const std::string& what) {
  return {Errc::unsupported, "/dev/" + disk + " is " + what +
                                 ": no capture image of this version can have it again; name "
                                 "another file system in kdump.conf, such as ext4 UUID=…"};
}

// Numeric: the capture kernel has nobody to ask for names.
Result<std::string> numeric(std::string address) {
  if (address.size() > 2 && address.starts_with('[') && address.ends_with(']'))
    address = address.substr(1, address.size() - 2);
  if (parse_ip(address)) return address;
  return resolve_host(address);
}

class Finder {
 public:
  explicit Finder(std::string sysfs) : sysfs_(std::move(sysfs)) {}

  Result<void> look_at(const std::string& disk) {
    std::error_code failed;
    const fs::path real = fs::canonical(fs::path(sysfs_) / "class/block" / disk, failed);
    if (failed) return Error::from_errno("/dev/" + disk + " in sysfs", failed.value());
    const fs::path whole = fs::exists(real / "partition", failed) ? real.parent_path() : real;
    // What the initiator set up over the network looks like any other SCSI disk.
    for (fs::path above = whole; above.has_relative_path(); above = above.parent_path()) {
      const std::string name = above.filename();
      if (!name.starts_with("session")) continue;
      const fs::path session = above / "iscsi_session" / name;
      if (fs::exists(session, failed)) return add_session(disk, above, session);
    }
    // A namespace lies below its controller, or beside the controllers of its subsystem.
    for (fs::path above = whole.parent_path(); above.filename().string().starts_with("nvme");
         above = above.parent_path()) {
      KDUMP_TRY(add_controller(disk, above));
      std::set<fs::path> beside;  // sorted: the recipe of the same host is the same
      for (fs::directory_iterator it(above, failed), end; !failed && it != end;
           it.increment(failed))
        beside.insert(it->path());
      for (const fs::path& path : beside)
        KDUMP_TRY(add_controller(disk, path));
    }
    return {};
  }

  std::vector<NetworkDisk> take() { return std::move(found_); }

 private:
  Result<void> add_session(const std::string& disk, const fs::path& above,
                           const fs::path& session) {
    const std::string host = above.parent_path().filename();
    const std::string driver = attribute(above.parent_path() / "scsi_host" / host / "proc_name");
    if (driver != "iscsi_tcp")
      return refuse(disk, "an iSCSI disk over " + (driver.empty() ? "no known driver" : driver));
    const auto connection = connection_of(above);
    if (!connection) return refuse(disk, "an iSCSI disk without a connection");

    NetworkDisk found;
    found.kind = NetworkDisk::Kind::iscsi;
    // Where it logged in, which a target may have sent on to somewhere else.
    std::string address = attribute(*connection / "persistent_address");
    if (address.empty()) address = attribute(*connection / "address");
    auto known = numeric(address);
    if (!known) return std::move(known).error().context("/dev/" + disk);
    found.address = *std::move(known);
    found.port = number_in<uint16_t>(attribute(*connection / "persistent_port"));
    if (found.port == 0) found.port = number_in<uint16_t>(attribute(*connection / "port"));
    found.name = attribute(session / "targetname");
    found.host = attribute(session / "initiatorname");
    found.portal_group = number_in<uint16_t>(attribute(session / "tpgt"));
    found.user = attribute(session / "username");
    found.secret = attribute(session / "password");
    if (!found.user.empty() && found.secret.empty())
      return refuse(disk, "an iSCSI disk whose CHAP password the kernel does not show");
    found.their_user = attribute(session / "username_in");
    found.their_secret = attribute(session / "password_in");
    return add(disk, std::move(found));
  }

  static std::optional<fs::path> connection_of(const fs::path& above) {
    std::error_code failed;
    for (fs::directory_iterator it(above, failed), end; !failed && it != end;
         it.increment(failed)) {
      const std::string name = it->path().filename();
      if (!name.starts_with("connection")) continue;
      const fs::path connection = it->path() / "iscsi_connection" / name;
      if (std::error_code gone; fs::exists(connection, gone)) return connection;
    }
    return std::nullopt;
  }

  Result<void> add_controller(const std::string& disk, const fs::path& controller) {
    const std::string transport = attribute(controller / "transport");
    if (transport.empty() || transport == "pcie") return {};
    if (transport != "tcp") return refuse(disk, "an NVMe-oF disk over " + transport);
    // Linux 6.7 has it, with TLS. A connection without would send memory in the clear.
    if (!attribute(controller / "tls_key").empty())
      return refuse(disk, "an NVMe/TCP disk over TLS");
    const std::string address = attribute(controller / "address");
    NetworkDisk found;
    found.kind = NetworkDisk::Kind::nvme_tcp;
    auto known = numeric(part_of(address, "traddr"));
    if (!known) return std::move(known).error().context("/dev/" + disk);
    found.address = *std::move(known);
    found.port = number_in<uint16_t>(part_of(address, "trsvcid"));
    if (found.port == 0) found.port = 4420;  // IANA's for NVMe over fabrics
    found.name = attribute(controller / "subsysnqn");
    found.host = attribute(controller / "hostnqn");
    found.host_id = attribute(controller / "hostid");
    // Linux 6.0 (f50fff73d620).
    found.secret = attribute(controller / "dhchap_secret");
    found.their_secret = attribute(controller / "dhchap_ctrl_secret");
    return add(disk, std::move(found));
  }

  Result<void> add(const std::string& disk, NetworkDisk found) {
    if (found.name.empty() || found.host.empty() || found.port == 0)
      return refuse(disk, "a network disk that sysfs does not tell enough of");
    if (std::find(found_.begin(), found_.end(), found) == found_.end())
      found_.push_back(std::move(found));
    return {};
  }

  const std::string sysfs_;
  std::vector<NetworkDisk> found_;
};

}  // namespace

Result<std::vector<NetworkDisk>> network_disks_of(const BlockStack& stack,
                                                  const std::string& sysfs) {
  Finder finder(sysfs);
  for (const std::string& disk : stack.disks)
    KDUMP_TRY(finder.look_at(disk));
  return finder.take();
}

std::string find_iscsistart(const std::string& root) {
  for (const char* place : {"/usr/sbin/iscsistart", "/sbin/iscsistart"})
    if (::access((root + place).c_str(), X_OK) == 0) return root + place;
  return "";
}

}  // namespace kdump
