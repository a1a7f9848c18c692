// The words of settings that are one of a few: read from kdump.conf, written into the capture
// image, shown to people. One list for all of them; a header alone, so that kdump-capture links no
// parser.
#pragma once

#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "config/settings.h"

namespace kdump {

inline constexpr std::array kFailureActionNames = {
    std::pair{FailureAction::reboot, std::string_view("reboot")},
    std::pair{FailureAction::halt, std::string_view("halt")},
    std::pair{FailureAction::poweroff, std::string_view("poweroff")},
    std::pair{FailureAction::shell, std::string_view("shell")},
    std::pair{FailureAction::dump_to_rootfs, std::string_view("dump_to_rootfs")},
};

inline constexpr std::array kFinalActionNames = {
    std::pair{FinalAction::reboot, std::string_view("reboot")},
    std::pair{FinalAction::halt, std::string_view("halt")},
    std::pair{FinalAction::poweroff, std::string_view("poweroff")},
};

inline constexpr std::array kWhenShortNames = {
    std::pair{WhenShort::stricter_level, std::string_view("stricter level")},
    std::pair{WhenShort::dmesg_only, std::string_view("dmesg only")},
    std::pair{WhenShort::refuse, std::string_view("refuse")},
};

inline constexpr std::array kImageKindNames = {
    std::pair{ImageKind::automatic, std::string_view("auto")},
    std::pair{ImageKind::native, std::string_view("native")},
    std::pair{ImageKind::dracut, std::string_view("dracut")},
};

template <class Value, size_t N>
constexpr std::string_view name_in(const std::array<std::pair<Value, std::string_view>, N>& names,
                                   Value value) {
  for (const auto& [known, name] : names)
    if (known == value) return name;
  return "?";
}

template <class Value, size_t N>
constexpr std::optional<Value> value_in(
    const std::array<std::pair<Value, std::string_view>, N>& names, std::string_view wanted) {
  for (const auto& [value, name] : names)
    if (name == wanted) return value;
  return std::nullopt;
}

}  // namespace kdump
