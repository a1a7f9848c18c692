#include "makedump/job.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <vector>

namespace kdump {
namespace {

using testing::HasSubstr;

Result<Job> parse(std::vector<std::string> words) {
  std::vector<char*> argv;
  argv.reserve(words.size());
  for (std::string& word : words)
    argv.push_back(word.data());
  return parse_job(argv);
}

std::string error_of(std::vector<std::string> words) {
  const auto job = parse(std::move(words));
  return job ? "no error" : job.error().message();
}

TEST(Job, TheLineOfRhel) {
  const auto job = parse({"-l", "--message-level", "7", "-d", "31", "/proc/vmcore", "/x/vmcore"});
  ASSERT_TRUE(job) << job.error().message();
  EXPECT_EQ(job->kind, Job::Kind::dump);
  EXPECT_EQ(job->codec, Codec::lzo);
  EXPECT_EQ(job->dump_level.bits, 31U);
  EXPECT_EQ(job->message_level, 7U);
  EXPECT_EQ(job->vmcore, "/proc/vmcore");
  EXPECT_EQ(job->output, "/x/vmcore");
  EXPECT_EQ(job->threads, 0U);
}

TEST(Job, OptionsInAnyPlaceAndJoined) {
  const auto job = parse({"in", "-cd17", "out", "-f", "--num-threads=3"});
  ASSERT_TRUE(job) << job.error().message();
  EXPECT_EQ(job->codec, Codec::zlib);
  EXPECT_EQ(job->dump_level.bits, 17U);
  EXPECT_TRUE(job->overwrite);
  EXPECT_EQ(job->threads, 3U);
}

TEST(Job, Dmesg) {
  const auto job = parse({"--dump-dmesg", "in", "log"});
  ASSERT_TRUE(job);
  EXPECT_EQ(job->kind, Job::Kind::dmesg);
}

TEST(Job, CheckParamsNeedsNoFiles) {
  const auto job = parse({"--check-params", "-l", "-d", "31"});
  ASSERT_TRUE(job);
  EXPECT_EQ(job->kind, Job::Kind::check_params);
  EXPECT_FALSE(parse({"--check-params", "-d", "32"}));
}

TEST(Job, RefusesWithWhatToDo) {
  EXPECT_THAT(error_of({"-d", "32", "a", "b"}), HasSubstr("-d: '32' is not a number from 0 to 31"));
  EXPECT_THAT(error_of({"-d", "-1", "a", "b"}), HasSubstr("is not a number"));
  EXPECT_THAT(error_of({"-d", "1,31", "a", "b"}), HasSubstr("give one level"));
  EXPECT_THAT(error_of({"-c", "-l", "a", "b"}), HasSubstr("give one of them"));
  EXPECT_THAT(error_of({"-E", "a", "b"}), HasSubstr("-E: makedumpfile has this option"));
  EXPECT_THAT(error_of({"--split", "a", "b"}), HasSubstr("--split: makedumpfile has"));
  EXPECT_THAT(error_of({"--nonsense", "a", "b"}), HasSubstr("--nonsense: no such option"));
  EXPECT_THAT(error_of({"-q", "a", "b"}), HasSubstr("-q: no such option"));
  EXPECT_THAT(error_of({"a", "b", "-d"}), HasSubstr("-d: needs a value"));
  EXPECT_THAT(error_of({"a"}), HasSubstr("expected VMCORE and DUMPFILE, got 1 file names"));
  EXPECT_THAT(error_of({"--dump-dmesg"}), HasSubstr("VMCORE and LOGFILE"));
}

}  // namespace
}  // namespace kdump
