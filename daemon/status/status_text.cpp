// HostStatus for people: a word, and what there is to say of it.
#include <algorithm>
#include <array>
#include <cstdio>

#include "daemon/captures/capture_text.h"
#include "daemon/status/host_status.h"
#include "makedump/base/units.h"

namespace kdump {

namespace {

std::string when(int64_t at, int64_t now) {
  return time_text(at) + " (" + age_text(now - at) + ")";
}

class Lines {
 public:
  // What is said of the same thing in further lines stands below the first.
  void add(const std::string& word, const std::string& text) {
    std::string label = word == last_ ? "" : word;
    last_ = word;
    label.resize(std::max<size_t>(label.size(), 12), ' ');
    text_ += "  " + label + text + "\n";
  }
  void head(const std::string& text) { text_ += text + "\n"; }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_, last_;
};

void add_arming(Lines& lines, const HostStatus& status) {
  lines.add("armed", status.why);
  if (status.arming) {
    const ArmingState& arming = *status.arming;
    lines.add("last action",
              arming.action + (arming.ok ? ", done " : ", FAILED ") + when(arming.at, status.now));
    if (!arming.ok && arming.summary.find(arming.reason) == std::string::npos)
      lines.add("last action", arming.reason);
  }
  if (!status.config_problem.empty()) lines.add("config", status.config_problem);
  if (status.config)
    for (const std::string& warning : status.config->warnings)
      lines.add("config", "WARNING: " + warning);
}

void add_image(Lines& lines, const HostStatus& status) {
  const ImageStatus& image = status.image;
  std::string text = std::string(name_of(image.state)) + ": " + image.path;
  if (image.bytes != 0)
    text += ", " + human_bytes(image.bytes) + ", built " + when(image.built_at, status.now);
  lines.add("image", text);
  for (const std::string& reason : image.reasons)
    if (image.state != ImageStatus::State::missing) lines.add("image", reason);
}

void add_memory(Lines& lines, const HostStatus& status) {
  if (!status.reserved) return;
  std::string text = human_bytes(*status.reserved) + " reserved";
  if (status.memory) text += ", " + status.memory->describe();
  lines.add("memory", text);
  if (status.memory && *status.reserved != 0 && !status.memory->enough())
    lines.add("memory",
              "NOT ENOUGH: boot with a larger crashkernel=; 'kdumpctl estimate' tells more");
}

void add_size(Lines& lines, const HostStatus& status) {
  if (!status.size) return;
  const DumpSize& size = *status.size;
  std::array<char, 32> ratio{};
  (void)std::snprintf(ratio.data(), ratio.size(), "%.2f", size.ratio);
  lines.add("dump", "about " + human_bytes(size.likely) + " if this host crashed now, " +
                        human_bytes(size.at_most) + " at most");
  lines.add("dump", "level " + std::to_string(size.options.level) + " keeps " +
                        human_bytes(size.pages) + " of " + human_bytes(size.memory) + ", " +
                        (size.options.codec == "none"
                             ? "not compressed"
                             : size.options.codec + " makes " + ratio.data() + " of it") +
                        (size.ratio_of.empty() ? "" : " (as in " + size.ratio_of + ")"));
}

void add_targets(Lines& lines, const HostStatus& status) {
  for (size_t i = 0; i < status.targets.size(); ++i) {
    const TargetStatus& state = status.targets[i];
    const std::string word =
        status.targets.size() == 1 ? "target" : "target " + std::to_string(i + 1);
    lines.add(word, state.name + " (" + (state.origin.empty() ? "default" : state.origin) + ")");
    if (!state.proof) {
      lines.add(word, "not proved yet; 'kdumpctl test --dry-run' does it");
      continue;
    }
    const TargetProof& proof = *state.proof;
    if (proof.ok)
      lines.add(word, "proved to take a dump " + when(proof.at, status.now));
    else
      lines.add(word, "FAILED its proof " + when(proof.at, status.now) + ": " + proof.problem);
    if (proof.free_bytes)
      lines.add(word, human_bytes(*proof.free_bytes) + " free" +
                          (!state.roomy   ? ""
                           : *state.roomy ? ", enough"
                                          : ", TOO LITTLE for a dump of the likely size"));
  }
}

void add_captures(Lines& lines, const HostStatus& status) {
  if (status.crash_test) {
    lines.add("crash test", describe(*status.crash_test));
    if (status.crash_test->state != CrashTest::State::none &&
        status.image.built_at > status.crash_test->at)
      lines.add("crash test", "the image was built after it");
  }
  if (!status.config) return;
  constexpr size_t kMost = 3;
  if (status.captures.empty()) lines.add("captures", "none");
  for (size_t i = 0; i < std::min(status.captures.size(), kMost); ++i) {
    const Capture& capture = status.captures[i];
    lines.add("captures", printable(capture.id, 255) + ", " + std::string(name_of(capture.state)) +
                              ", " + human_bytes(capture.bytes) +
                              (capture.panic.empty() ? "" : ", " + capture.panic));
  }
  if (status.captures.size() > kMost)
    lines.add("captures", "and " + std::to_string(status.captures.size() - kMost) +
                              " older; 'kdumpctl list' shows all");
}

}  // namespace

std::string status_text(const HostStatus& status) {
  Lines lines;
  lines.head(!status.operational   ? "It cannot be told whether kdump is operational"
             : *status.operational ? "Kdump is operational"
                                   : "Kdump is not operational");
  add_arming(lines, status);
  add_image(lines, status);
  add_memory(lines, status);
  add_size(lines, status);
  add_targets(lines, status);
  add_captures(lines, status);
  for (const std::string& sentence : status.not_known)
    lines.add("not known", sentence);
  return lines.text();
}

}  // namespace kdump
