#include "daemon/arm/arming_state.h"

#include <array>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <utility>

#include "makedump/base/fd.h"

namespace kdump {

namespace {

using nlohmann::json;

constexpr std::array kArmed = {
    std::pair{Armed::yes, "yes"},
    std::pair{Armed::with_older_image, "with_older_image"},
    std::pair{Armed::no, "no"},
};

const char* name_of(Armed armed) {
  for (const auto& [value, name] : kArmed)
    if (value == armed) return name;
  return "no";
}

Armed armed_of(const std::string& name) {
  for (const auto& [value, known] : kArmed)
    if (name == known) return value;
  return Armed::no;
}

}  // namespace

Result<ArmingState> read_arming_state(const HostPaths& paths) {
  KDUMP_TRY_ASSIGN(const std::string text, read_text_file(paths.arming_state()));
  const json value = json::parse(text, nullptr, /*allow_exceptions=*/false);
  try {
    ArmingState state;
    value.at("at").get_to(state.at);
    value.at("action").get_to(state.action);
    value.at("ok").get_to(state.ok);
    state.armed = armed_of(value.at("armed").get<std::string>());
    value.at("summary").get_to(state.summary);
    value.at("reason").get_to(state.reason);
    const json& holding = value.at("holding");
    holding.at("kernel").get_to(state.holding.kernel);
    holding.at("kernel_digest").get_to(state.holding.kernel_digest);
    holding.at("image").get_to(state.holding.image);
    holding.at("image_digest").get_to(state.holding.image_digest);
    holding.at("command_line").get_to(state.holding.command_line);
    holding.at("loaded_at").get_to(state.holding.loaded_at);
    return state;
  } catch (const json::exception&) {  // also when it is no JSON at all
    return Error(Errc::bad_input,
                 paths.arming_state() + ": not what kdumpctl wrote; 'kdumpctl restart' renews it");
  }
}

Result<void> write_arming_state(const HostPaths& paths, const ArmingState& state) {
  const std::string path = paths.arming_state();
  const std::string directory = std::filesystem::path(path).parent_path();
  if (::mkdir(directory.c_str(), 0755) == 0) {
    (void)::chmod(directory.c_str(), 0755);  // whatever the umask is
  } else if (errno != EEXIST) {
    return Error::from_errno(directory);
  }
  const json value = {{"at", state.at},
                      {"action", state.action},
                      {"ok", state.ok},
                      {"armed", name_of(state.armed)},
                      {"summary", state.summary},
                      {"reason", state.reason},
                      {"holding",
                       {{"kernel", state.holding.kernel},
                        {"kernel_digest", state.holding.kernel_digest},
                        {"image", state.holding.image},
                        {"image_digest", state.holding.image_digest},
                        {"command_line", state.holding.command_line},
                        {"loaded_at", state.holding.loaded_at}}}};
  // Paths and command lines need not be UTF-8.
  const std::string text = value.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
  return publish_file(path, as_bytes(text), 0644);
}

}  // namespace kdump
