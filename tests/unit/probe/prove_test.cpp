// Proofs and the processes that they run in. Servers: tests/cli/prove has real ones.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

#include "daemon/probe/apart.h"
#include "daemon/probe/proof.h"
#include "makedump/sink/ssh_session.h"
#include "tests/unit/temp_dir.h"

namespace kdump {
namespace {

using std::chrono::milliseconds;
using Room = Result<std::optional<uint64_t>>;

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

TEST(RunApart, BringsTheAnswerBack) {
  EXPECT_EQ(run_apart([](const Steps&) -> Room { return std::optional<uint64_t>(4096); },
                      milliseconds(5000))
                .value(),
            std::optional<uint64_t>(4096));
  EXPECT_EQ(
      run_apart([](const Steps&) -> Room { return std::optional<uint64_t>(); }, milliseconds(5000))
          .value(),
      std::nullopt);
  const auto failed =
      run_apart([](const Steps&) -> Room { return Error(Errc::no_space, "/x: full\nto the brim"); },
                milliseconds(5000));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code(), Errc::no_space);
  EXPECT_EQ(failed.error().message(), "/x: full to the brim");
}

TEST(RunApart, BringsAnyTextBack) {
  std::string text("line\nsnake\nd0\nf1 x\n\0", 19);
  text.resize(3 << 20, '\n');
  const auto told = [](const std::string& answer) {
    return run_apart_for_text([&](const Steps&) -> Result<std::string> { return answer; },
                              milliseconds(5000))
        .value();
  };
  EXPECT_EQ(told(text), text);
  EXPECT_EQ(told(""), "");
}

TEST(RunApart, NamesTheStepThatDoesNotEnd) {
  const auto start = std::chrono::steady_clock::now();
  const auto hung = run_apart(
      [](const Steps& steps) -> Room {
        steps.begin("opening /x");
        steps.begin("syncing /x");
        for (;;)
          (void)::pause();
      },
      milliseconds(1000));
  ASSERT_FALSE(hung);
  EXPECT_EQ(hung.error().message(), "syncing /x: no end within 1 s: the device or server hangs");
  EXPECT_EQ(hung.error().code(), Errc::timed_out);
  EXPECT_LT(seconds_since(start), 4);
}

TEST(RunApart, EachStepHasTheWholeLimit) {
  const auto done = run_apart(
      [](const Steps& steps) -> Room {
        for (int i = 0; i < 4; ++i) {
          steps.begin("step");
          std::this_thread::sleep_for(milliseconds(400));
        }
        return std::optional<uint64_t>(1);
      },
      milliseconds(1000));
  EXPECT_TRUE(done);
}

TEST(RunApart, AChildThatDiesIsNoHang) {
  const auto died = run_apart(
      [](const Steps& steps) -> Room {
        steps.begin("reading /x");
        ::_exit(3);
      },
      milliseconds(5000));
  ASSERT_FALSE(died);
  EXPECT_EQ(died.error().message(), "reading /x: ended without an answer");
}

// One that is left behind in a dead disk's queue must not hold the caller's lock.
TEST(RunApart, TheChildHasNoneOfTheCallersDescriptors) {
  const TempDir dir;
  const Fd held(::open(dir.path().c_str(), O_RDONLY));  // not even one without O_CLOEXEC
  const int number = held.get();
  const auto seen = run_apart(
      [number, &dir](const Steps&) -> Room {
        std::error_code none;  // another file may have got the number
        const auto open =
            std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(number), none);
        return std::optional<uint64_t>(open == dir.path() ? 1 : 0);
      },
      milliseconds(5000));
  EXPECT_EQ(seen.value(), std::optional<uint64_t>(0));
}

TEST(ProveTarget, ADirectory) {
  const TempDir dir;
  HostPaths paths;
  paths.root = dir.path();
  Settings settings;
  settings.path = "/new/dumps";
  settings.keep_free = 1;
  const TargetProof proof =
      prove_target(paths, settings, settings.targets.front(), std::chrono::seconds(10));
  EXPECT_TRUE(proof.ok) << proof.problem;
  EXPECT_GT(proof.free_bytes.value_or(0), 1u);
  EXPECT_TRUE(std::filesystem::is_empty(dir.path("new/dumps")));
  EXPECT_GT(proof.at, 1500000000);

  settings.keep_free = UINT64_MAX;
  const TargetProof small =
      prove_target(paths, settings, settings.targets.front(), std::chrono::seconds(10));
  EXPECT_FALSE(small.ok);
  EXPECT_NE(small.problem.find("keep_free"), std::string::npos) << small.problem;
}

TEST(ProveTarget, RawAndFilesystemThatAreNotThere) {
  Settings settings;
  Target raw;
  raw.kind = TargetKind::raw;
  raw.device = "/dev/no-such-disk";
  const auto no_disk = prove_target({}, settings, raw, std::chrono::seconds(10));
  EXPECT_TRUE(no_disk.problem.starts_with("raw /dev/no-such-disk: no such block device"))
      << no_disk.problem;
  Target named;
  named.kind = TargetKind::filesystem;
  named.type = "ext4";
  named.device = "UUID=00000000-1111-2222-3333-444444444444";
  const auto no_filesystem = prove_target({}, settings, named, std::chrono::seconds(10));
  EXPECT_FALSE(no_filesystem.ok);
  EXPECT_TRUE(no_filesystem.problem.starts_with("ext4 UUID=00000000-1111-2222-3333-444444444444: "))
      << no_filesystem.problem;
}

// Takes connections, and never says a word.
class SilentServer {
 public:
  SilentServer() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* any = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(::bind(socket_.get(), any, size), 0);
    EXPECT_EQ(::listen(socket_.get(), 4), 0);
    EXPECT_EQ(::getsockname(socket_.get(), any, &size), 0);
    port_ = ntohs(address.sin_port);
  }
  [[nodiscard]] uint16_t port() const { return port_; }

 private:
  Fd socket_;
  uint16_t port_ = 0;
};

TEST(SshSession, AServerThatSaysNothingIsGivenUp) {
  const SilentServer server;
  const auto start = std::chrono::steady_clock::now();
  const SshAddress address{"u", "127.0.0.1", server.port()};
  const auto session = SshSession::connect(
      address, {}, [](const SshPublicKey&) -> Result<void> { return {}; }, milliseconds(1000));
  ASSERT_FALSE(session);
  EXPECT_EQ(session.error().message(),
            address.describe() +
                ": agreeing on keys: no answer within 1 s (the server or the "
                "network hangs)");
  EXPECT_EQ(session.error().code(), Errc::timed_out);
  EXPECT_LT(seconds_since(start), 5);
}

TEST(Proofs, AreReadAsTheyWereWritten) {
  const TempDir dir;
  HostPaths paths;
  paths.root = dir.path();
  EXPECT_TRUE(read_proofs(paths).empty());
  std::filesystem::create_directories(dir.path("var/lib"));
  TargetProof good;
  good.target = "ssh u@h";
  good.origin = "/etc/kdump.conf:3";
  good.at = 1790000000;
  good.ok = true;
  good.free_bytes = 1u << 30;
  TargetProof bad;
  bad.target = "path /x";
  bad.problem = "said \"no\"\xff";  // not UTF-8
  ASSERT_TRUE(write_proofs(paths, {good, bad}));
  const auto read = read_proofs(paths);
  ASSERT_EQ(read.size(), 2u);
  EXPECT_EQ(read[0].target, good.target);
  EXPECT_EQ(read[0].origin, good.origin);
  EXPECT_EQ(read[0].at, good.at);
  EXPECT_TRUE(read[0].ok);
  EXPECT_EQ(read[0].free_bytes, good.free_bytes);
  EXPECT_FALSE(read[1].ok);
  EXPECT_EQ(read[1].problem, "said \"no\"\xef\xbf\xbd");
  EXPECT_FALSE(read[1].free_bytes);
  for (const char* damaged :
       {"", "{", "[]", "{\"proofs\": 3}", "{\"proofs\": [{\"target\": 1}]}"}) {
    dir.write("var/lib/kdump/proof.json", damaged);
    EXPECT_TRUE(read_proofs(paths).empty()) << damaged;
  }
}

}  // namespace
}  // namespace kdump
