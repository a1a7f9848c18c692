#include "daemon/status/dry_run.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "daemon/arm/arm.h"
#include "daemon/arm/arming_state.h"
#include "daemon/arm/signature.h"
#include "daemon/captures/captures.h"
#include "daemon/crashkernel/need.h"
#include "daemon/probe/proof.h"
#include "daemon/status/dump_size.h"
#include "daemon/status/image_status.h"
#include "initramfs/image/image_check.h"
#include "makedump/base/units.h"

namespace kdump {

namespace {

using Outcome = Check::Outcome;

class DryRun {
 public:
  DryRun(const Host& host, std::chrono::seconds limit,
         const std::function<void(const Check&)>& tell)
      : host_(host), limit_(limit), tell_(tell) {}

  std::vector<Check> run() {
    check_loaded();
    if (check_config()) check_plan();
    check_kernel();
    check_image();
    if (settings_) {
      std::vector<std::string> problems;  // `kdumpctl list` tells them
      captures_ = find_captures(host_.paths, *settings_, problems);
    }
    if (!kernel_.empty() && image_there_) check_memory();
    if (settings_) check_targets();
    return std::move(checks_);
  }

 private:
  void add(Outcome outcome, const std::string& what, const std::string& text,
           const std::string& advice = "") {
    checks_.push_back({outcome, what, text, advice});
    tell_(checks_.back());
  }
  void ok(const std::string& what, const std::string& text) { add(Outcome::ok, what, text); }
  // Our errors say what to do themselves.
  void failed(const std::string& what, const Error& error) {
    add(Outcome::failed, what, error.message());
  }

  void check_loaded() {
    const auto loaded = crash_image_loaded(host_.paths);
    if (!loaded)
      failed("armed", loaded.error());
    else if (const auto state = read_arming_state(host_.paths);
             *loaded && state && state->armed == Armed::with_older_image)
      add(Outcome::warning, "armed", state->summary, "mend that, then run 'kdumpctl restart'");
    else if (*loaded)
      ok("armed", "a capture image is loaded");
    else
      add(Outcome::failed, "armed", "no capture image is loaded: a crash now would not be saved",
          "run 'kdumpctl start'");
  }

  bool check_config() {
    const auto loaded = load_settings(host_.paths.config_files());
    if (!loaded) {
      failed("config", loaded.error());
      return false;
    }
    settings_ = loaded->settings;
    ok("config", host_.paths.kdump_conf() + " and what goes with it can be understood");
    for (const std::string& warning : loaded->warnings)
      add(Outcome::warning, "config", warning);
    return true;
  }

  // What 'kdumpctl start' would do first.
  void check_plan() {
    auto plan = plan_arming(host_);
    if (!plan) return failed("arming", plan.error());
    kernel_ = plan->kernel.path;
    ok("arming", "dumps go to " + places_of(plan->capture));
    ok("command line", std::to_string(plan->command_line.size()) + " bytes of the " +
                           std::to_string(plan->kernel.command_line_size) +
                           " that the kernel takes");
  }

  void check_kernel() {
    if (kernel_.empty()) {
      const auto found = configured_kernel(host_);
      if (!found) return failed("kernel", found.error());
      kernel_ = found->path;
    }
    rules_ = read_signature_rules(host_.paths, release_);
    const auto is_signed = kernel_is_signed(kernel_);
    if (!is_signed) return failed("kernel", is_signed.error());
    // Whether the signature fits, only the kernel tells, when it loads.
    const std::string state = *is_signed ? " carries a signature" : " is not signed";
    if (*is_signed || !rules_.insists_on_kernels)
      return ok("kernel", kernel_ + state + "; this host is " + rules_.describe());
    add(Outcome::failed, "kernel",
        kernel_ + state + ", and the running kernel takes only what is: " + rules_.why,
        "install the distribution's own kernel package again");
  }

  void check_image() {
    const ImageStatus image = look_at_image(host_);
    if (image.state == ImageStatus::State::missing)
      return add(Outcome::failed, "image", image.path + " is not there",
                 "run 'kdumpctl rebuild' and 'kdumpctl restart'");
    image_there_ = true;
    if (image.state == ImageStatus::State::stale)
      for (const std::string& reason : image.reasons)
        add(Outcome::warning, "image", "is not what would be built now: " + reason,
            "run 'kdumpctl restart'");
    const auto contents = inspect_image(image.path, release_);
    if (!contents) {
      failed("image", contents.error());
      return;
    }
    ok("image", image.path + ": " + human_bytes(contents->packed_bytes) + ", " +
                    human_bytes(contents->unpacked_bytes) + " unpacked");
    check_programs(*contents);
    check_modules(*contents);
  }

  void check_programs(const ImageContents& contents) {
    for (const std::string& problem : contents.program_problems)
      add(Outcome::failed, "programs", problem, "run 'kdumpctl rebuild' and 'kdumpctl restart'");
    if (contents.program_problems.empty())
      ok("programs", std::to_string(contents.programs) + " with all of their " +
                         std::to_string(contents.libraries) + " libraries");
  }

  void check_modules(const ImageContents& contents) {
    for (const std::string& problem : contents.module_problems)
      add(Outcome::failed, "modules", problem, "run 'kdumpctl rebuild' and 'kdumpctl restart'");
    if (rules_.insists_on_modules)
      for (const std::string& name : contents.unsigned_modules)
        add(Outcome::failed, "modules",
            name + " is not signed, and the capture kernel will load only what is: " + rules_.why,
            "sign it, or choose a target that needs no such module");
    if (contents.module_problems.empty())
      ok("modules", std::to_string(contents.modules.size()) +
                        ", each after what it needs, all for " + release_);
  }

  void check_memory() {
    const auto need = needed_memory(host_, captures_);
    if (!need) return failed("memory", need.error());
    const std::string text = human_bytes(need->reserved) + " reserved, " + need->describe();
    if (need->enough())
      ok("memory", text);
    else
      add(Outcome::failed, "memory", text,
          "boot with a larger crashkernel= ('kdumpctl estimate' tells how much)");
  }

  void check_targets() {
    const auto size = predict_dump_size(host_.paths, *settings_, captures_);
    std::vector<TargetProof> proofs;
    for (const Target& target : settings_->targets) {
      TargetProof proof = prove_target(host_.paths, *settings_, target, limit_);
      const std::string name = name_of(*settings_, target);
      if (proof.ok)
        ok("target", name + ": written, synced, renamed, read back and removed");
      else
        add(Outcome::failed, "target", name + ": " + proof.problem);
      if (proof.ok) check_space(name, proof, size);
      proofs.push_back(std::move(proof));
    }
    // For status; who may not write there has been told by the proofs themselves.
    (void)write_proofs(host_.paths, proofs);
  }

  void check_space(const std::string& name, const TargetProof& proof,
                   const Result<DumpSize>& size) {
    if (!size) return failed("space", size.error());
    if (!proof.free_bytes)
      return add(Outcome::warning, "space", name + " does not tell how much room it has");
    const std::string text = name + ": " + human_bytes(*proof.free_bytes) +
                             " free, a dump takes about " + human_bytes(size->likely) + ", " +
                             human_bytes(size->at_most) + " at most";
    const uint64_t floor = settings_->keep_free;
    if (*proof.free_bytes < size->likely + floor)
      add(Outcome::failed, "space", text + "; " + human_bytes(floor) + " have to stay free",
          "make room, or name another target");
    else if (*proof.free_bytes < size->at_most + floor)
      add(Outcome::warning, "space", text, "make room to be on the safe side");
    else
      ok("space", text);
  }

  const Host& host_;
  const std::string release_ = configured_release(host_);
  const std::chrono::seconds limit_;
  const std::function<void(const Check&)>& tell_;
  std::vector<Check> checks_;
  std::optional<Settings> settings_;
  std::vector<Capture> captures_;
  SignatureRules rules_;
  std::string kernel_;
  bool image_there_ = false;
};

const char* name_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::ok:
      return "ok";
    case Outcome::warning:
      return "warning";
    case Outcome::failed:
      break;
  }
  return "failed";
}

}  // namespace

std::vector<Check> dry_run(const Host& host, std::chrono::seconds limit,
                           const std::function<void(const Check&)>& tell) {
  return DryRun(host, limit, tell).run();
}

bool all_passed(const std::vector<Check>& checks) {
  return std::none_of(checks.begin(), checks.end(),
                      [](const Check& check) { return check.outcome == Outcome::failed; });
}

std::string check_line(const Check& check) {
  std::string line = check.outcome == Outcome::ok        ? "[OK]"
                     : check.outcome == Outcome::warning ? "[WARNING]"
                                                         : "[FAILED]";
  line.resize(10, ' ');
  return line + check.what + ": " + check.text + (check.advice.empty() ? "" : "; " + check.advice) +
         "\n";
}

std::string checks_json(const std::vector<Check>& checks) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Check& check : checks)
    list.push_back({{"check", check.what},
                    {"outcome", name_of(check.outcome)},
                    {"text", check.text},
                    {"advice", check.advice}});
  const nlohmann::ordered_json json = {
      {"format", 1}, {"ok", all_passed(checks)}, {"checks", std::move(list)}};
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace kdump
