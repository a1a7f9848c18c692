#include "daemon/arm/service.h"

#include "makedump/base/log.h"
#include "makedump/base/units.h"

namespace kdump {

namespace {

Armed armed_now(const Host& host) {
  const auto loaded = crash_image_loaded(host.paths);
  return loaded && *loaded ? Armed::with_older_image : Armed::no;
}

// Nothing was touched yet: what was loaded before still is.
ServiceState give_up(const Host& host, const std::string& why) {
  log::error(why);
  ServiceState state;
  state.armed = armed_now(host);
  state.summary = state.armed == Armed::no
                      ? "Not armed: " + why
                      : "Armed with the image loaded before, not with what is configured: " + why;
  if (state.armed != Armed::no) log::warning("the capture image loaded before stays armed");
  return state;
}

std::string describe(const Host& host, const ArmPlan& plan) {
  std::string text = "Armed for " + host.release;
  if (!plan.capture.device.empty())
    text += ": dumps go to " + plan.capture.device + " in " + plan.capture.directory;
  return text + ", " + human_bytes(plan.reserved) + " reserved";
}

ServiceState load(const Host& host, const ArmPlan& plan) {
  const LoadOutcome outcome = load_planned(host, plan);
  ServiceState state;
  state.ok = outcome.loaded == Loaded::new_image;
  for (const std::string& problem : outcome.problems)
    state.ok ? log::warning(problem) : log::error(problem);
  const std::string why = outcome.problems.empty() ? "" : outcome.problems.front();
  switch (outcome.loaded) {
    case Loaded::new_image:
      state.armed = Armed::yes;
      state.summary = describe(host, plan);
      break;
    case Loaded::kept:
      state.armed = Armed::with_older_image;
      state.summary = "Armed with the image loaded before, not with what is configured: " + why;
      log::warning("the capture image loaded before stays armed");
      break;
    case Loaded::last_good:
      state.armed = Armed::with_older_image;
      state.summary = "Armed with the last image that worked, not with what is configured: " + why;
      log::warning("the last capture image that worked is armed instead");
      break;
    case Loaded::nothing:
      state.armed = Armed::no;
      state.summary = "Not armed: " + why;
      log::error("no capture image is loaded now: a crash would not be saved");
      break;
  }
  return state;
}

Result<uint64_t> build(const Host& host, const ArmPlan& plan) {
  log::info("Rebuilding " + plan.image);
  return build_planned(host, plan);
}

Result<uint64_t> make_image(const Host& host, const ArmPlan& plan) {
  return image_is_fresh(plan) ? check_planned(host, plan) : build(host, plan);
}

ServiceState say_started(ServiceState state) {
  if (state.ok)
    log::info("Starting kdump: [OK]");
  else
    log::error("Starting kdump: [FAILED]");
  return state;
}

}  // namespace

ServiceState start_service(const Host& host) {
  auto plan = plan_arming(host);
  if (!plan) return say_started(give_up(host, plan.error().message()));
  for (const std::string& warning : plan->warnings)
    log::warning(warning);
  const auto loaded = crash_image_loaded(host.paths);
  if (loaded && *loaded) {
    log::warning("Kdump already running");
    return {true, Armed::with_older_image,
            "Armed with an image that was loaded before; 'kdumpctl restart' loads what is "
            "configured now"};
  }
  if (auto image = make_image(host, *plan); !image)
    return say_started(give_up(host, image.error().message()));
  return say_started(load(host, *plan));
}

ServiceState restart_service(const Host& host) {
  auto plan = plan_arming(host);
  if (!plan) return say_started(give_up(host, plan.error().message()));
  for (const std::string& warning : plan->warnings)
    log::warning(warning);
  if (auto image = make_image(host, *plan); !image)
    return say_started(give_up(host, image.error().message()));
  // No unload in between: the load itself replaces the old image, in the shortest time possible.
  ServiceState state = load(host, *plan);
  if (state.ok) log::info("Stopping kdump: [OK]");
  return say_started(std::move(state));
}

ServiceState reload_service(const Host& host) {
  auto plan = plan_reload(host);
  if (!plan) return say_started(give_up(host, plan.error().message()));
  return say_started(load(host, *plan));
}

ServiceState stop_service(const Host& host) {
  auto loaded = crash_image_loaded(host.paths);
  if (!loaded) {
    log::error(loaded.error().message());
    log::error("Stopping kdump: [FAILED]");
    return {false, Armed::no, "Not armed: " + loaded.error().message()};
  }
  // Unloading nothing would only count against kernel.kexec_load_limit_panic.
  if (*loaded) {
    if (auto unloaded = unload_crash_image(host.paths, host.kexec_file_load); !unloaded) {
      log::error(unloaded.error().message());
      log::error("Stopping kdump: [FAILED]");
      return {false, Armed::with_older_image, "Still armed: " + unloaded.error().message()};
    }
  }
  log::info("Stopping kdump: [OK]");
  return {true, Armed::no, "Not armed: stopped"};
}

ServiceState rebuild_service(const Host& host) {
  auto plan = plan_arming(host);
  if (!plan) return give_up(host, plan.error().message());
  for (const std::string& warning : plan->warnings)
    log::warning(warning);
  auto image = build(host, *plan);
  if (!image) return give_up(host, image.error().message());
  return {true, armed_now(host), "Built " + plan->image + ", " + human_bytes(*image)};
}

int report_status(const Host& host) {
  const auto loaded = crash_image_loaded(host.paths);
  if (!loaded) {
    log::error(loaded.error().message());
    return loaded.error().code() == Errc::not_found ? 3 : 1;
  }
  log::info(*loaded ? "Kdump is operational" : "Kdump is not operational");
  return *loaded ? 0 : 3;
}

int report_reserved_memory(const Host& host) {
  const auto bytes = reserved_bytes(host.paths);
  if (!bytes) {
    log::error(bytes.error().message());
    return 1;
  }
  log::info("Reserved " + std::to_string(*bytes >> 20) + "MB memory for crash kernel");
  return 0;
}

}  // namespace kdump
