// Whose a capture is where several hosts save into one directory. Nobody's file system says so
// there: all of them log in with the same account.
#pragma once

#include <optional>
#include <string>

namespace kdump {

struct HostNames {
  std::string hostname;  // as uname says it
  std::string ip;        // that the server sees; "" if it is not known
  std::string naming;    // of the policy
};

enum class Whose {
  ours,     // by its manifest, which is of this very directory
  perhaps,  // by its name alone, or by a hostname that tells hosts from each other badly
  of_another,
};

// Whether the host's name, or its address, stands in the directory's name where `naming` puts it.
bool is_named_after(const std::string& name, const HostNames& host);

Whose whose_capture(const std::string& name, const std::optional<std::string>& manifest,
                    const HostNames& host);

}  // namespace kdump
