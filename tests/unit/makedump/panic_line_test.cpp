#include "makedump/panic_line.h"

#include <gtest/gtest.h>
#include <vector>

namespace kdump {
namespace {

std::string panic_of(const std::vector<std::string>& lines) {
  PanicLine panic;
  for (const std::string& line : lines)
    panic.see(line + "\n");
  return panic.text();
}

TEST(PanicLine, SysrqIsTheCauseOfItsPanic) {
  EXPECT_EQ(panic_of({"[   40.125000] sysrq: Trigger a crash",
                      "[   40.125100] Kernel panic - not syncing: sysrq triggered crash",
                      "[   40.125200] CPU: 1 PID: 1 Comm: crash-now Not tainted 6.1.0"}),
            "sysrq: Trigger a crash");
}

TEST(PanicLine, AnOopsIsTheCauseOfAFatalException) {
  EXPECT_EQ(panic_of({"[    1.000000] BUG: kernel NULL pointer dereference, address: 00000008",
                      "[    1.000001] #PF: supervisor write access in kernel mode",
                      "[    1.000002] Oops: 0002 [#1] PREEMPT SMP NOPTI",
                      "[    1.000003] Kernel panic - not syncing: Fatal exception in interrupt"}),
            "BUG: kernel NULL pointer dereference, address: 00000008");
}

TEST(PanicLine, AnOopsByItselfIsOne) {
  const std::string gpf = "Oops: general protection fault, probably for non-canonical address 0x1";
  EXPECT_EQ(panic_of({"[    1.0] " + gpf}), gpf);
  std::vector<std::string> log = {"[    1.0] BUG: soft lockup"};
  log.insert(log.end(), 20, "[    2.0] days go by");
  log.push_back("[    3.0] " + gpf);
  EXPECT_EQ(panic_of(log), gpf);
}

TEST(PanicLine, APanicThatSaysMoreCounts) {
  EXPECT_EQ(panic_of({"[    1.0] BUG: soft lockup - CPU#1 stuck for 22s!",
                      "[    9.0][   T77] Kernel panic - not syncing: hung_task: blocked tasks"}),
            "Kernel panic - not syncing: hung_task: blocked tasks");
}

TEST(PanicLine, TheLastOneCounts) {
  EXPECT_EQ(panic_of({"[    1.0] BUG: first", "[    2.0] BUG: second"}), "BUG: second");
}

TEST(PanicLine, QuotesDoNotCount) {
  EXPECT_EQ(panic_of({"[    1.0] app[7]: Kernel panic - not syncing: just kidding",
                      "[    1.0] systemd[1]: BUG: no", "", "[", "[]", "[[[[", "no stamp"}),
            "");
}

TEST(PanicLine, IsBoundedAndPrintable) {
  EXPECT_EQ(panic_of({"[    1.0] BUG: a\tb\rc\v \n"}), "BUG: a b c");
  EXPECT_EQ(panic_of({"[    1.0] BUG: " + std::string(100000, 'x')}).size(), 200U);
}

}  // namespace
}  // namespace kdump
