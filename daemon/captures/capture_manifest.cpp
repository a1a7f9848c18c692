#include "daemon/captures/capture_manifest.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "daemon/captures/capture_text.h"
#include "makedump/base/units.h"

namespace kdump {

namespace {

using Json = nlohmann::ordered_json;

constexpr int kDeepest = 8;
constexpr size_t kLongestText = 400;
constexpr int64_t kLatest = 253402300799;  // the last second of the year 9999

const Json* find(const Json& in, std::initializer_list<const char*> path) {
  const Json* at = &in;
  for (const char* key : path) {
    if (!at->is_object()) return nullptr;
    const auto next = at->find(key);
    if (next == at->end()) return nullptr;
    at = &*next;
  }
  return at;
}

std::string text_at(const Json& in, std::initializer_list<const char*> path) {
  const Json* value = find(in, path);
  return value && value->is_string() ? printable(value->get_ref<const std::string&>(), kLongestText)
                                     : "";
}

uint64_t number_at(const Json& in, std::initializer_list<const char*> path) {
  const Json* value = find(in, path);
  return value && value->is_number_unsigned() ? value->get<uint64_t>() : 0;
}

int64_t time_at(const Json& in, std::initializer_list<const char*> path) {
  return static_cast<int64_t>(std::min<uint64_t>(number_at(in, path), kLatest));
}

double seconds_at(const Json& in, std::initializer_list<const char*> path) {
  const Json* value = find(in, path);
  const double seconds = value && value->is_number() ? value->get<double>() : 0;
  return seconds >= 0 && seconds < 1e9 ? seconds : 0;
}

std::optional<uint32_t> crc32_of(const std::string& text) {
  uint32_t crc = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), crc, 16);
  if (text.size() != 8 || error != std::errc() || end != text.data() + text.size())
    return std::nullopt;
  return crc;
}

Json parse(const std::string& text) {
  const auto not_too_deep = [](int depth, Json::parse_event_t /*event*/, Json& /*value*/) {
    return depth <= kDeepest;
  };
  return Json::parse(text, not_too_deep, false);
}

std::string decimal(double value) {
  std::array<char, 64> text{};
  (void)std::snprintf(text.data(), text.size(), "%.1f", value);
  return text.data();
}

// The labelled lines of `list ID`.
class Lines {
 public:
  void add(const std::string& label, const std::string& value) {
    if (value.empty()) return;
    const size_t width = 16;
    text_ +=
        "  " + label + std::string(width - std::min(label.size(), width - 1), ' ') + value + "\n";
  }
  void add_parts(const std::string& label, const std::vector<std::string>& parts) {
    std::string value;
    for (const std::string& part : parts)
      if (!part.empty()) value += (value.empty() ? "" : ", ") + part;
    add(label, value);
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

void add_pages(Lines& lines, const Json& manifest) {
  const Json* classes = find(manifest, {"pages", "classes"});
  const uint64_t page_size = number_at(manifest, {"page_size"});
  if (!classes || !classes->is_object() || page_size == 0) return;
  const auto amount = [page_size](uint64_t pages) {
    const auto bytes = checked_mul(pages, page_size);
    return std::to_string(pages) + " pages" + (bytes ? " (" + human_bytes(*bytes) + ")" : "");
  };
  lines.add("memory", amount(number_at(manifest, {"pages", "total"})));
  for (const auto& [name, count] : classes->items())
    if (count.is_number_unsigned() && count.get<uint64_t>() != 0)
      lines.add("  " + printable(name, 16), amount(count.get<uint64_t>()));
}

}  // namespace

bool read_manifest(const std::string& text, Capture& capture) {
  const Json manifest = parse(text);
  if (!manifest.is_object()) return false;
  capture.has_manifest = true;
  capture.kernel_release = text_at(manifest, {"kernel", "release"});
  capture.build_id = text_at(manifest, {"kernel", "build_id"});
  capture.panic = text_at(manifest, {"panic"});
  capture.target = text_at(manifest, {"capture", "target"});
  capture.hostname = text_at(manifest, {"hostname"});
  capture.error = text_at(manifest, {"error"});
  capture.codec = text_at(manifest, {"codec"});
  capture.crashed_at = time_at(manifest, {"crash_time"});
  if (const int64_t at = time_at(manifest, {"capture", "begin"})) capture.at = at;
  capture.peak_memory_kib = number_at(manifest, {"peak_memory_kib"});
  capture.least_available_kib = number_at(manifest, {"capture", "least_available_kib"});
  capture.dump_bytes = number_at(manifest, {"bytes_written"});
  const auto pages = checked_add(number_at(manifest, {"pages", "classes", "kept"}),
                                 number_at(manifest, {"pages", "classes", "zero"}));
  const auto stored =
      pages ? checked_mul(*pages, number_at(manifest, {"page_size"})) : std::nullopt;
  capture.stored_bytes = stored.value_or(0);
  capture.seconds = seconds_at(manifest, {"seconds"});
  capture.crc32 = crc32_of(text_at(manifest, {"crc32"}));
  return true;
}

std::string manifest_id(const std::string& text) {
  return text_at(parse(text), {"id"});
}

std::string describe_manifest(const std::string& text) {
  const Json manifest = parse(text);
  if (!manifest.is_object()) return "";
  Capture capture;
  (void)read_manifest(text, capture);
  Lines lines;
  lines.add("panic", capture.panic);
  lines.add_parts("kernel", {capture.kernel_release,
                             capture.build_id.empty() ? "" : "build-id " + capture.build_id});
  lines.add("host", capture.hostname);
  if (capture.crashed_at != 0) lines.add("crashed", time_text(capture.crashed_at));
  const int64_t begin = time_at(manifest, {"capture", "begin"});
  const int64_t end = time_at(manifest, {"capture", "end"});
  if (begin != 0)
    lines.add_parts("captured", {time_text(begin),
                                 end < begin ? "" : "took " + std::to_string(end - begin) + " s"});
  lines.add("target", capture.target);
  if (const Json* failed = find(manifest, {"capture", "failed_before"});
      failed && failed->is_array())
    for (const Json& failure : *failed)
      lines.add("failed before", text_at(failure, {"target"}) + ": " + text_at(failure, {"error"}));
  lines.add("error", capture.error);
  lines.add("no kernel log", text_at(manifest, {"capture", "log_error"}));
  if (capture.dump_bytes != 0)
    lines.add_parts("dump", {human_bytes(capture.dump_bytes), "compression " + capture.codec,
                             "level " + std::to_string(number_at(manifest, {"dump_level"})),
                             capture.crc32 ? "crc32 " + text_at(manifest, {"crc32"}) : ""});
  add_pages(lines, manifest);
  if (capture.seconds != 0)
    lines.add_parts("makedump",
                    {"took " + decimal(capture.seconds) + " s (filtering " +
                         decimal(seconds_at(manifest, {"filter_seconds"})) + " s, packing " +
                         decimal(seconds_at(manifest, {"pack_seconds"})) + " s)",
                     "threads " + std::to_string(number_at(manifest, {"threads"}))});
  if (capture.peak_memory_kib != 0)
    lines.add("peak memory", human_bytes(checked_mul(capture.peak_memory_kib, 1024).value_or(0)));
  if (capture.least_available_kib != 0)
    lines.add("least available",
              human_bytes(checked_mul(capture.least_available_kib, 1024).value_or(0)));
  if (const Json* warnings = find(manifest, {"warnings"}); warnings && warnings->is_array())
    for (const Json& warning : *warnings)
      if (warning.is_string())
        lines.add("warning", printable(warning.get_ref<const std::string&>(), kLongestText));
  lines.add("made by", "kdumpd " + text_at(manifest, {"version"}));
  return lines.take();
}

}  // namespace kdump
