#include "daemon/captures/capture_text.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <nlohmann/json.hpp>

#include "daemon/captures/capture_manifest.h"
#include "makedump/base/units.h"
#include "makedump/compress/crc32.h"

namespace kdump {

namespace {

using Json = nlohmann::ordered_json;

Json as_json(const Capture& capture) {
  Json json = {
      {"id", capture.id},
      {"directory", capture.directory},
      {"time", capture.at},
      {"state", name_of(capture.state)},
      {"bytes", capture.bytes},
      {"dump", capture.dump},
      {"test", capture.test},
      {"ours", capture.ours},
      {"remote", capture.remote_target.has_value()},
      {"manifest", capture.has_manifest},
      {"kernel_release", capture.kernel_release},
      {"build_id", capture.build_id},
      {"panic", capture.panic},
      {"crash_time", capture.crashed_at},
      {"target", capture.target},
      {"hostname", capture.hostname},
      {"error", capture.error},
      {"dump_bytes", capture.dump_bytes},
      {"seconds", capture.seconds},
      {"peak_memory_kib", capture.peak_memory_kib},
      {"least_available_kib", capture.least_available_kib},
      {"crc32", nullptr},
  };
  if (capture.crc32) json["crc32"] = crc32_text(*capture.crc32);
  return json;
}

}  // namespace

std::string time_text(int64_t at) {
  const auto time = static_cast<time_t>(at);
  tm local{};
  std::array<char, 64> text{};
  if (!::localtime_r(&time, &local) ||
      std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &local) == 0)
    return "?";
  return text.data();
}

std::string printable(std::string_view text, size_t longest) {
  std::string out(text.substr(0, longest));
  for (char& c : out) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte >= 0x7f) c = '?';
  }
  return out;
}

std::string captures_table(const std::vector<Capture>& captures) {
  if (captures.empty()) return "";
  std::vector<std::array<std::string, 6>> rows = {
      {"ID", "TIME", "KERNEL", "STATE", "SIZE", "PANIC"}};
  const auto or_dash = [](const std::string& text) { return text.empty() ? "-" : text; };
  for (const Capture& capture : captures)
    rows.push_back({printable(capture.id, 255), time_text(capture.at),
                    or_dash(capture.kernel_release), std::string(name_of(capture.state)),
                    human_bytes(capture.bytes), or_dash(capture.panic)});
  std::array<size_t, 6> widths{};
  for (const auto& row : rows)
    for (size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], row[i].size());
  std::string table;
  for (const auto& row : rows) {
    for (size_t i = 0; i + 1 < row.size(); ++i)
      table += row[i] + std::string(widths[i] - row[i].size() + 2, ' ');
    table += row.back() + "\n";
  }
  return table;
}

std::string captures_json(const std::vector<Capture>& captures,
                          const std::vector<std::string>& problems) {
  Json list = Json::array();
  for (const Capture& capture : captures)
    list.push_back(as_json(capture));
  const Json all = {{"captures", std::move(list)}, {"problems", problems}};
  return all.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string capture_text(const Capture& capture) {
  std::string text = printable(capture.id, 255) + (capture.test ? " (kdumpctl test)\n" : "\n");
  const auto line = [&text](const std::string& label, const std::string& value) {
    text += "  " + label + std::string(16 - label.size(), ' ') + value + "\n";
  };
  line("directory", printable(capture.directory, 4096));
  line("state", std::string(name_of(capture.state)));
  line("on disk", human_bytes(capture.bytes));
  if (!capture.has_manifest) {
    line("captured", time_text(capture.at));
    line("manifest", "none");
  }
  return text;
}

}  // namespace kdump
