// start_once ROOT RELEASE: what `kdumpctl start` does on the host whose files are below ROOT. Two
// things are played: the target (a server, so that no disk of this machine has to be asked; its
// file system brings more modules than a disk has) and the system call. What the kernel does in
// that call is timed by tests/vm/arming.
#include <cstdio>
#include <string>

#include "daemon/arm/service.h"
#include "daemon/host/host.h"

namespace {

kdump::Result<kdump::CapturePlan> plan_of(const kdump::Settings& settings) {
  kdump::CapturePlan plan;
  kdump::TargetPlan& target = plan.targets.emplace_back();
  target.kind = kdump::TargetKind::nfs;
  target.described = "nfs server.example:/export";
  target.device = "server.example:/export";
  target.filesystem = "nfs4";
  target.directory = settings.path;
  target.host = "server.example";
  target.address = "192.0.2.7";
  plan.core_collector = settings.core_collector;
  plan.core_collector.front() = kdump::kMakedumpPath;
  return plan;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: start_once ROOT RELEASE\n");
    return 2;
  }
  auto host = kdump::Host::real();
  if (!host) {
    std::fprintf(stderr, "start_once: %s\n", host.error().message().c_str());
    return 1;
  }
  host->paths.root = argv[1];
  host->release = argv[2];
  host->resolve_target = plan_of;
  host->kexec_file_load = [](int, int, const std::string&, unsigned long) { return 0; };
  return kdump::start_service(*host).ok ? 0 : 1;
}
