// An image tells what it was made of, whether it is whole, and what makes it outdated.
#include "initramfs/image/freshness.h"

#include <chrono>
#include <csignal>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <iostream>
#include <random>
#include <set>
#include <sys/wait.h>
#include <unistd.h>

#include "initramfs/image/digest.h"
#include "initramfs/image/elf_closure.h"
#include "initramfs/image/image_builder.h"
#include "tests/unit/temp_dir.h"

namespace kdump {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(Digest, IsOfTheContent) {
  const TempDir dir;
  const std::string large(1'000'003, 'x');
  // As xxh128sum has them.
  EXPECT_EQ(content_digest({}), "99aa06d3014798d86001c324468d497f");
  const auto digest = file_digest(dir.write("large", large));
  ASSERT_TRUE(digest);
  EXPECT_EQ(digest->digest, content_digest(as_bytes(large)));
  EXPECT_EQ(digest->bytes, large.size());
  EXPECT_NE(content_digest(as_bytes(large)), content_digest(as_bytes(large + "x")));
  EXPECT_EQ(file_digest(dir.path("none")).error().code(), Errc::not_found);
}

class ImageFreshness : public testing::Test {
 protected:
  ImageFreshness() {
    CapturePlan plan;
    plan.targets.emplace_back();
    plan.targets.front().device = "UUID=1";
    plan.targets.front().filesystem = "ext4";
    plan.targets.front().directory = "/var/crash";
    plan.core_collector = {kMakedumpPath, "-l"};
    recipe_.kernel_release = "6.1";
    recipe_.plan = encode(plan);
    recipe_.inputs = {
        {ImageInput::Kind::program, dir_.write("capture", "capture"), "/init", 0755, ""},
        {ImageInput::Kind::library, dir_.write("libc", "libc"), "/lib/libc", 0755, ""},
        {ImageInput::Kind::module, dir_.write("a.ko", "a"), "/a.ko", 0644, ""},
        {ImageInput::Kind::module, dir_.write("b.ko", "b"), "/b.ko", 0644, "x=1"},
    };
    image_ = dir_.path("image");
    build();
  }

  void build() {
    const auto report = build_image(recipe_, image_);
    EXPECT_TRUE(report) << report.error().message();
  }
  std::vector<std::string> reasons() {
    const auto freshness = image_freshness(recipe_, image_);
    EXPECT_TRUE(freshness) << freshness.error().message();
    return freshness ? freshness->reasons : std::vector<std::string>{"error"};
  }

  TempDir dir_;
  ImageRecipe recipe_;
  std::string image_;
};

TEST_F(ImageFreshness, TheSameInputsAreFresh) {
  EXPECT_THAT(reasons(), IsEmpty());
  const std::string before = dir_.content("image");
  build();
  EXPECT_EQ(dir_.content("image"), before) << "the same inputs give another image";
}

TEST_F(ImageFreshness, EveryInputCounts) {
  dir_.write("libc", "libc 2");
  EXPECT_THAT(reasons(), ElementsAre(dir_.path("libc") + " changed"));
  dir_.write("a.ko", "b");
  EXPECT_THAT(reasons(),
              ElementsAre(dir_.path("libc") + " changed", dir_.path("a.ko") + " changed"));
  build();
  EXPECT_THAT(reasons(), IsEmpty());

  recipe_.inputs[3].options = "x=2";
  EXPECT_THAT(reasons(),
              ElementsAre(dir_.path("b.ko") + ": its options were 'x=1', and are 'x=2'"));
  recipe_.inputs[3].options = "x=1";

  std::swap(recipe_.inputs[2], recipe_.inputs[3]);
  EXPECT_THAT(reasons(), ElementsAre("modules are loaded in another order"));
  std::swap(recipe_.inputs[2], recipe_.inputs[3]);

  recipe_.inputs.push_back(
      {ImageInput::Kind::file, dir_.write("known_hosts", "k"), "/k", 0600, ""});
  EXPECT_THAT(reasons(), ElementsAre("file " + dir_.path("known_hosts") + " is needed now"));
  recipe_.inputs.pop_back();
  recipe_.inputs.erase(recipe_.inputs.begin() + 2);
  EXPECT_THAT(reasons(), ElementsAre("module " + dir_.path("a.ko") + " is not needed any more"));
}

TEST_F(ImageFreshness, ThePlanCountsLineByLine) {
  CapturePlan plan;
  plan.targets.emplace_back();
  plan.targets.front().device = "UUID=2";
  plan.targets.front().filesystem = "ext4";
  plan.targets.front().directory = "/var/crash";
  plan.core_collector = {kMakedumpPath, "-l"};
  plan.final_action = FinalAction::halt;
  recipe_.plan = encode(plan);
  EXPECT_THAT(reasons(), ElementsAre("device was UUID=1, and is UUID=2",
                                     "final_action was reboot, and is halt"));
  recipe_.zstd = false;
  EXPECT_THAT(reasons(), testing::Contains("its packing was zstd, and is none"));
}

TEST_F(ImageFreshness, PathsThatAreNotUtf8AreNotOutdatedForEver) {
  recipe_.inputs[1].source = dir_.write("lib\xff", "libc");
  build();
  EXPECT_THAT(reasons(), IsEmpty());
}

TEST_F(ImageFreshness, AnInputThatCannotBeReadIsAnError) {
  std::filesystem::remove(dir_.path("libc"));
  const auto freshness = image_freshness(recipe_, image_);
  ASSERT_FALSE(freshness);
  EXPECT_THAT(freshness.error().message(), HasSubstr(dir_.path("libc")));
}

TEST_F(ImageFreshness, MissingAndForeignImages) {
  dir_.write("image", "made by hand");
  auto freshness = image_freshness(recipe_, image_);
  ASSERT_TRUE(freshness);
  EXPECT_TRUE(freshness->usable);
  EXPECT_THAT(freshness->reasons, ElementsAre(image_ + ": was not built by kdumpd"));
  std::filesystem::remove(image_);
  std::filesystem::create_directory(image_);
  EXPECT_FALSE(image_freshness(recipe_, image_)) << "what cannot be read is not outdated";
  std::filesystem::remove(image_);
  freshness = image_freshness(recipe_, image_);
  ASSERT_TRUE(freshness);
  EXPECT_FALSE(freshness->usable);
  EXPECT_TRUE(freshness->missing);
  EXPECT_THAT(freshness->reasons, ElementsAre(image_ + " is not there"));
}

// Whatever happens to an image of ours, it is never taken for a good one. The padding and the
// numbers of the archive's end say nothing, but count all the same.
TEST_F(ImageFreshness, DamageIsSeenWhereverItIs) {
  const std::string good = dir_.content("image");
  for (size_t at = 0; at < good.size(); at += at < 1024 ? 1 : 5) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x20);
    dir_.write("image", bad);
    const auto freshness = image_freshness(recipe_, image_);
    ASSERT_TRUE(freshness);
    ASSERT_FALSE(freshness->fresh()) << "byte " << at << " is damaged";
  }
  for (size_t length = 0; length < good.size(); length += 3) {
    dir_.write("image", good.substr(0, length));
    const auto freshness = image_freshness(recipe_, image_);
    ASSERT_TRUE(freshness);
    ASSERT_FALSE(freshness->fresh()) << "cut to " << length;
    // Whoever can still read the beginning of the record knows that it was ours.
    if (length == 0 || length > 128) {
      ASSERT_FALSE(freshness->usable) << "cut to " << length;
    }
  }
  dir_.write("image", good + std::string(512, '\0'));
  EXPECT_THAT(reasons(), ElementsAre(HasSubstr("is damaged")));
}

TEST_F(ImageFreshness, TheRecordIsAnArchiveOfItsOwn) {
  const auto verified = verify_image(image_);
  ASSERT_TRUE(verified);
  ASSERT_TRUE(verified->record);
  EXPECT_EQ(verified->archive_offset % 512, 0u);
  EXPECT_EQ(verified->bytes, std::filesystem::file_size(image_));
  EXPECT_EQ(verified->digest, file_digest(image_)->digest);
  EXPECT_EQ(dir_.content("image").substr(verified->archive_offset, 4), "\x28\xb5\x2f\xfd");
  EXPECT_EQ(verified->record->files.size(), 4u);
}

// Killed at any moment, a builder leaves the old image or the new one, with the record of that one.
TEST_F(ImageFreshness, KilledBuildersLeaveAWholeImage) {
  ImageRecipe other = recipe_;
  other.inputs[1].source = dir_.write("other", std::string(300'000, 'o'));
  std::set<std::string> whole = {verify_image(image_)->digest};
  // Kills come before, in and after the first publishing, however fast this machine is.
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_TRUE(build_image(other, image_));
  const std::chrono::microseconds one_build =
      std::chrono::ceil<std::chrono::microseconds>(std::chrono::steady_clock::now() - begin);
  whole.insert(verify_image(image_)->digest);
  std::mt19937 random(1);
  std::set<std::string> found;
  // A machine that has got busy since needs more time for a build than it was seen to take.
  for (int round = 0; round < 100 || (found != whole && round < 400); ++round) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0)
      for (bool odd = round % 2 != 0;; odd = !odd)
        if (!build_image(odd ? other : recipe_, image_)) ::_exit(1);
    ::usleep(static_cast<useconds_t>(random() % (4 * one_build.count() * (1 + round / 50))));
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status)) << "a leftover of the last one is in the way";
    const auto verified = verify_image(image_);
    ASSERT_TRUE(verified) << verified.error().message();
    ASSERT_TRUE(verified->record);
    found.insert(verified->digest);
  }
  EXPECT_EQ(found, whole);
}

// Start with nothing to rebuild takes at most half a second, and this is most of it: programs with
// their libraries, and as much again in modules.
TEST(Freshness, IsToldQuickly) {
  const TempDir dir;
  ImageRecipe recipe;
  const std::string self = std::filesystem::read_symlink("/proc/self/exe");
  const auto libraries = elf_closure({self});
  ASSERT_TRUE(libraries);
  recipe.inputs.push_back({ImageInput::Kind::program, self, "/init", 0755, ""});
  uint64_t bytes = std::filesystem::file_size(self);
  for (const ElfDependency& library : *libraries) {
    recipe.inputs.push_back(
        {ImageInput::Kind::library, library.source, library.image_path, 0755, ""});
    bytes += std::filesystem::file_size(library.source);
  }
  std::string noise(size_t{16} << 20, '\0');
  std::mt19937 random(1);
  for (char& c : noise)
    c = static_cast<char>(random());
  recipe.inputs.push_back(
      {ImageInput::Kind::module, dir.write("large.ko", noise), "/large.ko", 0644, ""});
  bytes += noise.size();
  ASSERT_TRUE(build_image(recipe, dir.path("image")));

  const auto begin = std::chrono::steady_clock::now();
  const auto freshness = image_freshness(recipe, dir.path("image"));
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  ASSERT_TRUE(freshness);
  EXPECT_TRUE(freshness->fresh());
  std::cout << static_cast<double>(bytes) / 1048576.0 << " MiB of inputs and an image of "
            << static_cast<double>(std::filesystem::file_size(dir.path("image"))) / 1048576.0
            << " MiB compared in " << seconds.count() << " s\n";
  EXPECT_LT(seconds.count(), 0.5);
}

}  // namespace
}  // namespace kdump
