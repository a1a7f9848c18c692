// Teams: the kernel knows no more than that there is one, what it does is teamd's.
#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "initramfs/image/host_interfaces.h"
#include "makedump/base/fd.h"

namespace kdump {

namespace {

using nlohmann::json;

// xmit_hash_policy of bonds, as the kernel numbers it; teamd's is a list of what is hashed.
std::string hash_policy(const json& runner) {
  constexpr char kLayer2[] = "0", kLayer34[] = "1", kLayer23[] = "2";
  const auto hashed = runner.find("tx_hash");
  if (hashed == runner.end() || !hashed->is_array()) return kLayer2;
  std::string policy = kLayer2;
  for (const json& part : *hashed) {
    const std::string name = part.is_string() ? part.get<std::string>() : "";
    if (name == "l4" || name == "tcp" || name == "udp" || name == "sctp") return kLayer34;
    if (name == "l3" || name == "ip" || name == "ipv4" || name == "ipv6") policy = kLayer23;
  }
  return policy;
}

// The port of the highest priority, if they differ from the usual 0; "" otherwise.
std::string preferred_port(const json& configuration) {
  const auto ports = configuration.find("ports");
  if (ports == configuration.end() || !ports->is_object()) return "";
  std::string preferred;
  int64_t highest = 0;
  for (const auto& [name, port] : ports->items()) {
    if (!port.is_object()) continue;
    const auto prio = port.find("prio");
    if (prio == port.end() || !prio->is_number_integer()) continue;
    if (const auto value = prio->get<int64_t>(); value > highest) {
      highest = value;
      preferred = name;
    }
  }
  return preferred;
}

// Arguments of the teamd of this team; none if it does not run.
std::vector<std::string> arguments_of_teamd(const std::string& team, const std::string& proc) {
  std::error_code failed;
  for (std::filesystem::directory_iterator it(proc, failed), end; !failed && it != end;
       it.increment(failed)) {
    const std::string name = it->path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    const auto line = read_text_file(it->path() / "cmdline");
    if (!line) continue;
    std::vector<std::string> words;
    for (size_t at = 0; at < line->size();) {
      const size_t stop = std::min(line->find('\0', at), line->size());
      words.push_back(line->substr(at, stop - at));
      at = stop + 1;
    }
    if (words.empty() || std::filesystem::path(words.front()).filename() != "teamd") continue;
    const auto named = std::find(words.begin(), words.end(), team);
    if (named != words.begin() && named != words.end() &&
        (*(named - 1) == "-t" || *(named - 1) == "--team-dev"))
      return words;
  }
  return {};
}

}  // namespace

Result<std::vector<std::string>> bond_options_of_teamd(const std::string& configuration,
                                                       const std::string& where) {
  const json parsed = json::parse(configuration, nullptr, false);
  if (!parsed.is_object()) return Error(Errc::bad_input, where + " is no JSON");
  const json runner = parsed.value("runner", json::object());
  const auto named = runner.is_object() ? runner.find("name") : runner.end();
  const std::string name =
      named != runner.end() && named->is_string() ? named->get<std::string>() : "";
  std::vector<std::string> options;
  if (name == "activebackup") {
    options = {"mode=active-backup"};
    if (const std::string port = preferred_port(parsed); !port.empty())
      options.push_back("primary=" + port);
  } else if (name == "lacp") {
    const auto fast = runner.find("fast_rate");
    options = {"mode=802.3ad", "xmit_hash_policy=" + hash_policy(runner)};
    if (fast != runner.end() && fast->is_boolean() && fast->get<bool>())
      options.emplace_back("lacp_rate=1");
  } else if (name == "loadbalance") {
    options = {"mode=balance-xor", "xmit_hash_policy=" + hash_policy(runner)};
  } else if (name == "roundrobin") {
    options = {"mode=balance-rr"};
  } else if (name == "broadcast") {
    options = {"mode=broadcast"};
  } else {
    return Error(Errc::unsupported, where + ": no bond does what runner \"" + name + "\" does");
  }
  options.emplace_back("miimon=100");
  return options;
}

Result<std::vector<std::string>> bond_options_of_team(const std::string& team,
                                                      const std::string& proc) {
  const std::vector<std::string> words = arguments_of_teamd(team, proc);
  for (size_t i = 0; i + 1 < words.size(); ++i) {
    if (words[i] == "-c" || words[i] == "--config")
      return bond_options_of_teamd(words[i + 1], "teamd's configuration");
    if (words[i] != "-f" && words[i] != "--config-file") continue;
    KDUMP_TRY_ASSIGN(const std::string text, read_text_file(words[i + 1]));
    return bond_options_of_teamd(text, words[i + 1]);
  }
  return Error(Errc::not_found,
               words.empty() ? "no teamd runs for it" : "its teamd was started without -c or -f");
}

}  // namespace kdump
