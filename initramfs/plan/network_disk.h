// Disks that the network brings: what the healthy host's kernel was connected to, so that
// kdump-capture can connect to it again.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "makedump/base/result.h"

namespace kdump {

struct NetworkDisk {
  enum class Kind {
    iscsi,     // a session of the kernel's initiator over TCP
    nvme_tcp,  // a controller of NVMe over TCP
  } kind = Kind::iscsi;
  std::string address;        // of the portal, numeric
  uint16_t port = 0;          // as connected, never 0
  std::string name;           // iSCSI: the target's IQN; NVMe: the subsystem's NQN
  std::string host;           // the name that this host calls itself: initiator's IQN, host NQN
  std::string host_id;        // NVMe: UUID of the host
  uint16_t portal_group = 0;  // iSCSI: the target portal group tag
  std::string user, secret;   // CHAP (NVMe: DH-HMAC-CHAP, without a user), "" for none
  std::string their_user, their_secret;  // that the target proves itself with

  // "iSCSI iqn.2003-01.org.example:crash at 192.0.2.1:3260": for messages.
  [[nodiscard]] std::string describe() const;
  bool operator==(const NetworkDisk&) const = default;
};

// The words of a capture plan's line ("kind=iscsi address=…"), and back. Secrets are in them: the
// plan is for root only.
std::vector<std::string> encode(const NetworkDisk& disk);
Result<NetworkDisk> decode_network_disk(const std::vector<std::string>& words);

}  // namespace kdump
