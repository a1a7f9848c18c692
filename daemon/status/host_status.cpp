#include "daemon/status/host_status.h"

#include <algorithm>
#include <ctime>
#include <sys/stat.h>

#include "daemon/arm/arm.h"
#include "daemon/status/image_status.h"
#include "makedump/base/units.h"

namespace kdump {

namespace {

class Look {
 public:
  explicit Look(const Host& host) : host_(host) { status_.now = ::time(nullptr); }

  HostStatus take() {
    read_config();
    look_at_captures();
    look_at_memory();
    status_.image = look_at_image(host_);
    look_at_targets();
    look_at_test();
    look_at_arming();
    return std::move(status_);
  }

 private:
  void not_known(const std::string& what, const Error& error) {
    status_.not_known.push_back(what + ": " + error.message());
  }

  void read_config() {
    auto loaded = load_settings(host_.paths.config_files());
    if (loaded)
      status_.config = *std::move(loaded);
    else
      status_.config_problem = loaded.error().message();
  }

  void look_at_captures() {
    if (!status_.config) return;
    std::vector<std::string> problems;
    status_.captures = find_captures(host_.paths, status_.config->settings, problems);
    for (std::string& problem : problems)
      status_.not_known.push_back("captures: " + std::move(problem));
  }

  void look_at_memory() {
    if (const auto reserved = reserved_bytes(host_.paths)) status_.reserved = *reserved;
    if (auto need = needed_memory(host_, status_.captures))
      status_.memory = *std::move(need);
    else
      not_known("needed memory", need.error());
    if (!status_.config) return;
    auto size = predict_dump_size(host_.paths, status_.config->settings, status_.captures);
    if (size)
      status_.size = *std::move(size);
    else
      not_known("size of a dump", size.error());
  }

  void look_at_targets() {
    if (!status_.config) return;
    const Settings& settings = status_.config->settings;
    std::vector<TargetProof> proofs;
    // An empty list is also what somebody else than root gets.
    struct stat info {};
    if (::stat(host_.paths.proof().c_str(), &info) != 0 && errno == EACCES)
      not_known("proofs of targets", Error::from_errno(host_.paths.proof()));
    else
      proofs = read_proofs(host_.paths);
    for (const Target& target : settings.targets) {
      TargetStatus state;
      state.name = name_of(settings, target);
      state.origin = target.origin;
      const auto proof =
          std::find_if(proofs.begin(), proofs.end(), [&target](const TargetProof& one) {
            return one.target == target.describe() && one.origin == target.origin;
          });
      if (proof != proofs.end()) state.proof = *proof;
      if (state.proof && state.proof->free_bytes && status_.size)
        state.roomy = *state.proof->free_bytes >= status_.size->likely + settings.keep_free;
      status_.targets.push_back(std::move(state));
    }
  }

  void look_at_test() {
    if (!status_.config) return;
    auto test = look_for_crash_test(host_.paths, status_.config->settings);
    if (test)
      status_.crash_test = *std::move(test);
    else
      not_known("the last crash test", test.error());
  }

  void look_at_arming() {
    auto arming = read_arming_state(host_.paths);
    if (arming)
      status_.arming = *std::move(arming);
    else if (arming.error().code() != Errc::not_found)
      not_known("the last arming", arming.error());
    const auto loaded = crash_image_loaded(host_.paths);
    if (loaded) status_.operational = *loaded;
    status_.why = loaded ? why() : loaded.error().message();
  }

  // The record tells best, as long as it says what the kernel says.
  [[nodiscard]] std::string why() const {
    const bool armed = *status_.operational;
    if (status_.arming && (status_.arming->armed != Armed::no) == armed)
      return status_.arming->summary;
    if (armed)
      return "Armed by another program than kdumpctl; 'kdumpctl restart' loads what is configured";
    if (status_.reserved && *status_.reserved == 0)
      return "Not armed: no memory is reserved for a crash kernel; boot with crashkernel= on the "
             "kernel command line ('kdumpctl reset-crashkernel' sets it)";
    if (auto allowed = check_loading_allowed(host_.paths); !allowed)
      return "Not armed: " + allowed.error().message();
    if (!status_.config_problem.empty()) return "Not armed: " + status_.config_problem;
    if (status_.arming)
      return "Not armed: what kdumpctl had loaded is gone; 'kdumpctl start' loads it again";
    return "Not armed: nothing was loaded since this host booted; 'kdumpctl start' does it now, "
           "'systemctl enable --now kdumpd' now and at each boot";
  }

  const Host& host_;
  HostStatus status_;
};

}  // namespace

HostStatus look_at_host(const Host& host) {
  return Look(host).take();
}

std::string_view name_of(ImageStatus::State state) {
  switch (state) {
    case ImageStatus::State::fresh:
      return "fresh";
    case ImageStatus::State::stale:
      return "stale";
    case ImageStatus::State::missing:
      return "missing";
    case ImageStatus::State::unknown:
      break;
  }
  return "unknown";
}

std::string name_of(const Settings& settings, const Target& target) {
  if (target.kind != TargetKind::path || !target.path.empty()) return target.describe();
  return target.describe() + settings.path;
}

std::string age_text(int64_t seconds) {
  constexpr int64_t kMinute = 60, kHour = 60 * kMinute, kDay = 24 * kHour;
  if (seconds < kMinute) return "just now";
  if (seconds < 2 * kHour) return std::to_string(seconds / kMinute) + " min ago";
  if (seconds < 2 * kDay) return std::to_string(seconds / kHour) + " h ago";
  return std::to_string(seconds / kDay) + " d ago";
}

}  // namespace kdump
