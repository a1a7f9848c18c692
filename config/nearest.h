// "Did you mean …": the known word that a mistyped one is closest to.
#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace kdump {

// Nothing when no word is close enough to be what was meant.
std::optional<std::string_view> nearest_word(std::string_view wrong,
                                             std::span<const std::string_view> known);

}  // namespace kdump
