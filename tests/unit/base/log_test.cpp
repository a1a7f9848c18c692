#include "makedump/base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <unistd.h>
#include <vector>

namespace kdump {
namespace {

std::vector<std::string> written;

void keep(log::Level level, std::string_view line) {
  written.push_back(std::to_string(static_cast<int>(level)) + " " + std::string(line));
}

TEST(Log, AWriterGetsWholeLinesThatSayHowBadTheyAre) {
  written.clear();
  log::open("who", keep, log::Level::info);
  log::error("broken {}");  // what looks like a format is text
  log::warning("odd");
  log::info("");
  log::debug("nobody asked");
  EXPECT_THAT(written, testing::ElementsAre("0 who: broken {}", "1 who: WARNING: odd", "2 who: "));
}

// journald takes the priority from the front of the line; a person's stderr has none.
TEST(Log, PrioritiesAreForTheJournalAlone) {
  testing::internal::CaptureStderr();
  log::open("who", log::Where::journal_stream, log::Level::debug);
  log::error("a");
  log::debug("b");
  log::open("who", log::Where::standard_error);
  log::warning("c");
  log::debug("d");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "<3>who: a\n<7>who: b\nwho: WARNING: c\n");
}

}  // namespace
}  // namespace kdump
