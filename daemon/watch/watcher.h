// kdumpd's heart: waits until something happens that may matter to what is loaded, lets it settle,
// has kdumpctl look into it, and tells systemd how things are. run() is the contents page.
//
// It decides nothing about arming: what is fresh, what fits and what is loaded is kdumpctl's to
// know, which runs as a child, so that kdumpd stays small and alive whatever happens to it.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "daemon/arm/arming_state.h"
#include "daemon/host/host_paths.h"
#include "daemon/watch/device_watch.h"
#include "daemon/watch/event_loop.h"
#include "daemon/watch/file_watch.h"
#include "daemon/watch/job.h"
#include "daemon/watch/mount_watch.h"
#include "daemon/watch/route_watch.h"
#include "daemon/watch/throttle.h"
#include "daemon/watch/watch_list.h"

namespace kdump {

struct WatchOptions {
  HostPaths paths;
  std::string kdumpctl;  // path of the program
  WatchList fixed;       // watched whatever `kdumpctl _watch` says
  std::chrono::milliseconds settle{1500}, longest{10'000};
  std::chrono::seconds job_limit{300};  // to build and load
  std::chrono::seconds proof_limit{1800};
  std::chrono::seconds first_proof{300};  // after start, when hosts are busy
  std::chrono::seconds first_retry{10};
};

class Watcher {
 public:
  Watcher(WatchOptions options, EventLoop& loop);

  // Arms, and watches until SIGTERM or SIGINT, which leave the host armed. Those two, SIGHUP and
  // SIGCHLD have to be blocked. Returns the exit status: 1 if the host could not be armed.
  Result<int> run();

 private:
  Result<void> listen();
  void arm_first();
  void first_done(const JobEnd& end);

  void on_files();
  void on_hangup();
  void add(const Work& work);
  void set_due_timer();
  void work_is_due();
  void do_work(const Work& work);
  void work_done(const Work& work, const JobEnd& end);
  void settle();
  void retry(const Work& work);

  void ask_list(const std::function<void()>& then);
  void apply(const WatchList& list);
  void watch_files();
  void watch_routes();
  void watch_mounts();
  bool open_mounts();

  void set_proof_timer(std::chrono::seconds delay);
  void prove();

  bool run_job(const std::vector<std::string>& words,
               const std::function<void(const JobEnd&)>& then);
  [[nodiscard]] std::optional<bool> loaded() const;
  [[nodiscard]] std::optional<ArmingState> state() const;
  [[nodiscard]] std::string status() const;
  void check_reservation();

  WatchOptions options_;
  EventLoop& loop_;
  Throttle throttle_;
  WatchList list_;  // with the fixed ones
  Job job_;
  Job proof_;  // beside it: a network may be slow, and hotplug does not wait for it

  bool ready_ = false;   // systemd was told so
  bool busy_ = false;    // a job was started and has not been answered for
  int tries_ = 0;        // of what ended in an odd way
  std::string trouble_;  // "" or what status line and journal say about kdumpctl itself
  bool proof_failed_ = false;
  uint64_t reserved_ = 0;

  std::optional<FileWatch> files_;
  std::optional<DeviceWatch> devices_;
  std::optional<RouteWatch> routes_;
  std::optional<MountWatch> mounts_;
  std::vector<EventSource> signals_;
  EventSource files_source_, routes_source_, mounts_source_, due_timer_, proof_timer_;
  bool due_timer_set_ = false;
};

}  // namespace kdump
