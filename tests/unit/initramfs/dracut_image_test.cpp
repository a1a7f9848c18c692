#include "initramfs/image/dracut_image.h"

#include <algorithm>
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <sys/stat.h>

#include "initramfs/image/cpio.h"
#include "initramfs/image/dracut_recipe.h"
#include "initramfs/image/freshness.h"
#include "initramfs/image/image_record.h"
#include "makedump/base/fd.h"
#include "tests/unit/temp_dir.h"

namespace kdump {
namespace {

using testing::HasSubstr;

class DracutImage : public testing::Test {
 protected:
  DracutImage() {
    recipe_.kernel_release = "6.1.0";
    recipe_.plan = "the plan\n";
    recipe_.inputs.push_back({ImageInput::Kind::program, dir_.write("bin/dracut", ""), "dracut", 0,
                              "--force --install /usr/sbin/lvm"});
    const std::string capture = dir_.write("programs/kdump-capture", "capture");
    recipe_.inputs.push_back(
        {ImageInput::Kind::program, capture, "/usr/bin/kdump-capture", 0755, ""});
    recipe_.inputs.push_back(
        {ImageInput::Kind::file, dir_.write("key", "secret"), "/etc/keys/crash", 0400, ""});
    recipe_.inputs.push_back(
        {ImageInput::Kind::file, dir_.write("lvm.conf", "a"), "/etc/lvm/lvm.conf", 0, ""});
    std::filesystem::create_directories(dir_.path("state"));
    output_ = dir_.path("state/image");
  }

  // Plays dracut: packs what it was told to include, and `more`.
  RunDracut dracut(const std::vector<std::string>& more, int status = 0) {
    return [this, more, status](const std::vector<std::string>& argv,
                                const std::vector<std::string>& environment,
                                std::chrono::seconds) -> Result<DracutRun> {
      argv_ = argv;
      environment_ = environment;
      if (status != 0) return DracutRun{status, "dracut: fine\ndracut: ERROR: no lvm\nbye\n"};
      CpioArchive archive;
      const auto include = std::ranges::find(argv, "--include");
      for (const auto& entry : std::filesystem::recursive_directory_iterator(include[1])) {
        if (!entry.is_regular_file()) continue;
        struct stat info {};
        EXPECT_EQ(::stat(entry.path().c_str(), &info), 0);
        modes_[entry.path().string().substr(include[1].size())] = info.st_mode & 0777;
        const auto text = read_text_file(entry.path()).value();
        contents_[entry.path().string().substr(include[1].size())] = text;
        const Bytes bytes = as_bytes(text);
        EXPECT_TRUE(archive.add_file(entry.path().string().substr(include[1].size()), 0600,
                                     {bytes.begin(), bytes.end()}));
      }
      for (const std::string& path : more)
        EXPECT_TRUE(archive.add_file(path, 0755, {}));
      const auto encoded = archive.encode();
      EXPECT_TRUE(publish_file(argv[argv.size() - 2], encoded, 0600));
      return DracutRun{0, "all is well\n"};
    };
  }

  [[nodiscard]] std::vector<std::string> left_in_state() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(dir_.path("state")))
      names.push_back(entry.path().filename());
    std::ranges::sort(names);
    return names;
  }

  const std::vector<std::string> kWhole = {"/usr/bin/kdump-capture", "/usr/bin/makedump",
                                           "/usr/lib/systemd/system/kdump-capture.service",
                                           "/usr/sbin/lvm"};
  TempDir dir_;
  ImageRecipe recipe_;
  std::string output_;
  std::vector<std::string> argv_, environment_;
  std::map<std::string, mode_t> modes_;
  std::map<std::string, std::string> contents_;
};

TEST_F(DracutImage, IsPublishedWithItsRecord) {
  const auto report = build_dracut_image(recipe_, output_, dracut(kWhole));
  ASSERT_TRUE(report) << report.error().message();
  EXPECT_EQ(argv_.back(), "6.1.0");
  EXPECT_THAT(environment_,
              testing::Contains("KDUMPD_CAPTURE=" + dir_.path("programs/kdump-capture")));
  // Keys keep their mode on the way.
  EXPECT_EQ(modes_.at("/etc/keys/crash"), 0400u);
  EXPECT_EQ(modes_.at("/etc/kdump/capture.plan"), 0600u);
  EXPECT_FALSE(modes_.contains("/etc/lvm/lvm.conf")) << "dracut takes that from the host itself";

  const auto verified = verify_image(output_);
  ASSERT_TRUE(verified) << verified.error().message();
  ASSERT_TRUE(verified->record);
  EXPECT_EQ(verified->record->plan, "the plan\n");
  struct stat info {};
  ASSERT_EQ(::stat(output_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_THAT(left_in_state(), testing::ElementsAre("dracut.log", "image"));
}

TEST_F(DracutImage, BringsProgramsOfTheAdminAlong) {
  recipe_.inputs.push_back(
      {ImageInput::Kind::file, dir_.write("before", "#!/bin/sh\n"), "/opt/before", 0755, ""});
  recipe_.inputs.push_back(
      {ImageInput::Kind::program, dir_.write("tool", "\177ELF"), "/usr/bin/tool", 0755, ""});
  recipe_.inputs.push_back(
      {ImageInput::Kind::library, dir_.write("lib", "\177ELF"), "/lib/lib", 0755, ""});
  const auto report = build_dracut_image(recipe_, output_, dracut(kWhole));
  ASSERT_TRUE(report) << report.error().message();
  EXPECT_EQ(modes_.at("/opt/before"), 0755u);
  EXPECT_EQ(modes_.at("/usr/bin/tool"), 0755u);
  EXPECT_FALSE(modes_.contains("/lib/lib")) << "dracut knows where its loader finds it";
  EXPECT_FALSE(modes_.contains("/usr/bin/kdump-capture")) << "its module brings that";
}

TEST_F(DracutImage, ExtraModulesAreLoadedByName) {
  const auto list_of = [&] {
    EXPECT_TRUE(build_dracut_image(recipe_, output_, dracut(kWhole)));
    return contents_.at("/etc/kdump/modules");
  };
  EXPECT_EQ(list_of(), "");
  add_dracut_words(recipe_, {"--force-drivers", "loop dummy"});
  EXPECT_EQ(list_of(), "loop\ndummy\n");
}

TEST_F(DracutImage, WordsOfTheAdminComeLastAndStayWhole) {
  EXPECT_TRUE(dracut_command(ImageRecipe()).empty());
  add_dracut_words(recipe_, {"--omit-drivers", "cfg80211 snd", "it's"});
  EXPECT_THAT(dracut_command(recipe_),
              testing::ElementsAre(dir_.path("bin/dracut"), "--force", "--install", "/usr/sbin/lvm",
                                   "--omit-drivers", "cfg80211 snd", "it's"));
}

TEST_F(DracutImage, WhatDecidesWhatDracutBuildsMakesItOutdated) {
  ASSERT_TRUE(build_dracut_image(recipe_, output_, dracut(kWhole)));
  EXPECT_TRUE(image_freshness(recipe_, output_)->fresh());
  dir_.write("lvm.conf", "b");
  const auto freshness = image_freshness(recipe_, output_);
  ASSERT_TRUE(freshness);
  EXPECT_THAT(freshness->reasons, testing::ElementsAre(HasSubstr("lvm.conf changed")));
}

TEST_F(DracutImage, FailuresAreOneLineAndNameTheLog) {
  const auto report = build_dracut_image(recipe_, output_, dracut({}, 2));
  ASSERT_FALSE(report);
  EXPECT_THAT(report.error().message(), HasSubstr("status 2: dracut: ERROR: no lvm"));
  EXPECT_THAT(report.error().message(), HasSubstr(dir_.path("state/dracut.log")));
  EXPECT_THAT(read_text_file(dir_.path("state/dracut.log")).value(), HasSubstr("bye"));
  EXPECT_THAT(left_in_state(), testing::ElementsAre("dracut.log"));
}

TEST_F(DracutImage, AnImageThatLacksSomethingIsNotPublished) {
  for (const std::string& path : kWhole) {
    std::vector<std::string> less = kWhole;
    std::erase(less, path);
    const auto report = build_dracut_image(recipe_, output_, dracut(less));
    ASSERT_FALSE(report) << path;
    EXPECT_THAT(report.error().message(), HasSubstr(std::filesystem::path(path).filename()));
    EXPECT_FALSE(std::filesystem::exists(output_));
  }
}

TEST_F(DracutImage, NoImageAtAll) {
  const auto report =
      build_dracut_image(recipe_, output_, [](const auto&, const auto&, auto) -> Result<DracutRun> {
        return DracutRun{0, "oops\n"};
      });
  ASSERT_FALSE(report);
  EXPECT_THAT(report.error().message(), HasSubstr("dracut built no image: oops"));
}

}  // namespace
}  // namespace kdump
