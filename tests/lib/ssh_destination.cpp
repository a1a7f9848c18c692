// A capture's way to an SSH server without the crash: what kdump-capture does with a destination,
// for tests/cli/ssh-destination and tests/bench/sftp.
//
//   ssh_destination sftp|ssh ADDRESS PORT USER KEY KNOWN_HOSTS DIRECTORY STALL_SECONDS FILE [LOG]
//
// FILE is a flattened dump, LOG the kernel's log.
#include "initramfs/capture/ssh_destination.h"

#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "initramfs/plan/plan_words.h"
#include "makedump/base/fd.h"

namespace {

using namespace kdump;
using Clock = std::chrono::steady_clock;

Result<void> send(DumpStream& stream, const char* file, unsigned pause_ms) {
  KDUMP_TRY_ASSIGN(const Fd fd, open_file(file, O_RDONLY));
  std::vector<std::byte> buffer(size_t{64} << 10);
  uint64_t sent = 0;
  for (;;) {
    const ssize_t n = ::read(fd.get(), buffer.data(), buffer.size());
    if (n <= 0) return {};
    KDUMP_TRY(stream.write(Bytes(buffer).first(static_cast<size_t>(n))));
    sent += static_cast<uint64_t>(n);
    if (sent % (uint64_t{1} << 20) == 0) {
      stream.tick();
      if (pause_ms != 0) std::this_thread::sleep_for(std::chrono::milliseconds(pause_ms));
    }
  }
}

// $KDUMP_TEST_INTERFACE, in the words of a plan, leads to the server.
Result<NetworkPlan> network_towards(const std::string& address) {
  NetworkPlan network;
  const char* const words = std::getenv("KDUMP_TEST_INTERFACE");
  if (!words) return network;
  KDUMP_TRY_ASSIGN(
      const InterfacePlan interface,
      decode_interface(words_of_plan_line(words).value_or(std::vector<std::string>())));
  network.interfaces.push_back(interface);
  network.routes.push_back({address + "/32", "", interface.name, ""});
  return network;
}

Result<void> run(char** argv) {
  TargetPlan target;
  target.kind = std::string(argv[1]) == "sftp" ? TargetKind::sftp : TargetKind::ssh;
  target.host = target.address = argv[2];
  target.port = static_cast<uint16_t>(std::atoi(argv[3]));
  target.user = argv[4];
  target.key = argv[5];
  target.directory = argv[7];
  target.stall_limit = std::chrono::seconds(std::atoi(argv[8]));
  target.described = std::string(argv[1]) + " " + target.user + "@" + target.host;
  KDUMP_TRY_ASSIGN(const NetworkPlan network, network_towards(target.address));
  WorkerState state;
  KDUMP_TRY_ASSIGN(const auto to, target.kind == TargetKind::sftp
                                      ? make_sftp_destination(target, network, state, argv[6])
                                      : make_exec_destination(target, state, argv[6]));
  KDUMP_TRY(to->reach());
  std::printf("ip %s\n", to->local_ip().c_str());
  KDUMP_TRY_ASSIGN(const std::string directory, to->make_directory("capture"));
  std::printf("directory %s\n", directory.c_str());
  KDUMP_TRY_ASSIGN(const auto room, to->room());
  std::printf("room %llu\n", static_cast<unsigned long long>(room.value_or(0)));
  if (argv[10]) {
    KDUMP_TRY_ASSIGN(const std::string log, read_text_file(argv[10], size_t{64} << 20));
    KDUMP_TRY(to->publish("vmcore-dmesg.txt", log));
  }
  const char* const pause = std::getenv("KDUMP_TEST_PAUSE_MS");
  const auto begin = Clock::now();
  const auto save = [&]() -> Result<void> {
    KDUMP_TRY_ASSIGN(const auto stream, to->open_stream());
    auto done = send(*stream, argv[9], pause ? static_cast<unsigned>(std::atoi(pause)) : 0);
    if (done) done = stream->commit();
    std::printf("confirmed %llu\n", static_cast<unsigned long long>(stream->confirmed()));
    return done;
  };
  auto saved = save();
  std::printf("seconds %.3f\n", std::chrono::duration<double>(Clock::now() - begin).count());
  const auto told = to->publish("vmcore.json", saved ? "{\"state\": \"complete\"}" : "{}");
  if (!told) std::printf("not told: %s\n", told.error().message().c_str());
  KDUMP_TRY(to->leave());
  return saved;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 10) return 2;
  const auto done = run(argv);
  if (done) return 0;
  std::printf("error %s\n", done.error().message().c_str());
  return 1;
}
