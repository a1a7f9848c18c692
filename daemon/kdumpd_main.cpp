// kdumpd: arms the host at start and on SIGHUP, and tells systemd in one line how things are.
//
// SIGTERM ends it and leaves the host armed: at shutdown, everything gets that signal long before
// the kernel is done. Disarming is the unit's ExecStop=, `kdumpctl stop`.
#include <csignal>
#include <malloc.h>
#include <sys/stat.h>

#include "daemon/arm/service.h"
#include "daemon/host/host.h"
#include "daemon/host/instance_lock.h"
#include "daemon/watch/notify.h"
#include "makedump/base/log.h"

namespace {

using namespace kdump;

ServiceState locked(const Host& host, ServiceState (*action)(const Host&)) {
  auto lock = lock_instance(host.paths);
  if (!lock) {
    log::error(lock.error().message());
    return {false, Armed::no, "Not armed: " + lock.error().message()};
  }
  ServiceState state = action(host);
  // Building takes tens of MiB for a second; what follows is sleep, for months.
  (void)::malloc_trim(0);
  return state;
}

int run() {
  // Blocked from the start: a signal during the first build waits for it to end.
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGHUP, SIGTERM, SIGINT})
    sigaddset(&signals, number);
  (void)::sigprocmask(SIG_BLOCK, &signals, nullptr);

  auto host = Host::real();
  if (!host) {
    log::error(host.error().message());
    return 1;
  }

  ServiceState state = locked(*host, start_service);
  if (state.armed == Armed::no) {
    notify_status(state.summary);
    return 1;
  }
  notify_ready(state.summary);

  for (;;) {
    const int number = ::sigwaitinfo(&signals, nullptr);
    if (number == SIGTERM || number == SIGINT) break;
    if (number != SIGHUP) continue;  // interrupted
    notify_reloading();
    state = locked(*host, restart_service);
    notify_ready(state.summary);
  }
  const auto loaded = crash_image_loaded(host->paths);
  notify_stopping(loaded && *loaded ? "Ended; the host stays armed" : "Not armed: stopped");
  return 0;
}

}  // namespace

int main(int argc, char** /*argv*/) {
  ::umask(0077);
  log::open("kdump", log::Where::journal_stream);
  if (argc != 1) {
    log::error("kdumpd takes no arguments; it is started by systemd as kdumpd.service");
    return 1;
  }
  return run();
}
