// kdumpctl test
#include <algorithm>
#include <cstdio>
#include <memory>
#include <poll.h>
#include <unistd.h>

#include "daemon/arm/kexec.h"
#include "daemon/commands/command.h"
#include "daemon/host/instance_lock.h"
#include "daemon/status/crash_test.h"
#include "daemon/status/dry_run.h"
#include "makedump/base/log.h"

namespace kdump {

namespace {

constexpr int kOk = 0, kFailed = 1;
constexpr std::chrono::seconds kProofLimit{60};

struct TestOptions {
  bool force = false;
  bool dry_run = false;
  bool json = false;
};

int run_dry(const Host& host, bool json) {
  const auto tell = [json](const Check& check) {
    if (json) return;
    (void)std::fputs(check_line(check).c_str(), stdout);
    (void)std::fflush(stdout);
  };
  const std::vector<Check> checks = dry_run(host, kProofLimit, tell);
  if (json) (void)std::fputs(checks_json(checks).c_str(), stdout);
  return all_passed(checks) ? kOk : kFailed;
}

bool confirmed() {
  log::warning(
      "this crashes the host now, to see whether its dump is saved: all that runs on it ends, and "
      "what is not on disk yet is lost");
  (void)std::fputs("Crash this host? (y/N) ", stderr);
  std::string answer;
  for (int c = 0; (c = std::getchar()) != EOF && c != '\n';)
    answer += static_cast<char>(c);
  return answer == "y" || answer == "Y" || answer == "yes";
}

int crash(const Host& host, bool force) {
  const auto loaded = crash_image_loaded(host.paths);
  if (!loaded || !*loaded) {
    log::error(loaded ? "Kdump is not operational: nothing would be saved; run 'kdumpctl start'"
                      : loaded.error().message());
    return kFailed;
  }
  if (!force && !confirmed()) {
    log::error("not confirmed: nothing was done");
    return kFailed;
  }
  const auto lock = lock_instance(host.paths);
  if (!lock) {
    log::error(lock.error().message());
    return kFailed;
  }
  log::error(crash_for_test(host).message());
  return kFailed;
}

}  // namespace

void add_test_commands(Commands& commands) {
  const auto options = std::make_shared<TestOptions>();
  CLI::App& test = commands.add(
      "test", "crash this host to see whether its dump is saved, or check all that needs no crash",
      Access::change_unlocked, [options](const Host& host) {
        return options->dry_run ? run_dry(host, options->json) : crash(host, options->force);
      });
  CLI::Option* force = test.add_flag("--force", options->force, "crash without asking");
  CLI::Option* dry_run =
      test.add_flag("--dry-run", options->dry_run,
                    "do not crash: look into the image and at signatures, room and memory, and "
                    "write to each target")
          ->excludes(force);
  test.add_flag("--json", options->json, "with --dry-run: for programs")->needs(dry_run);
}

}  // namespace kdump
