#include "initramfs/image/image_builder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/temp_dir.h"

namespace kdump {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

CapturePlan sample() {
  CapturePlan plan;
  plan.targets.emplace_back();
  plan.targets.front().device = "/dev/vda";
  plan.targets.front().filesystem = "ext4";
  plan.targets.front().mount_options = "rw";
  plan.targets.front().directory = "/var/crash";
  plan.core_collector = {kMakedumpPath, "-l", "-d", "31"};
  return plan;
}

class ImageBuilder : public testing::Test {
 protected:
  Error refusal(const CapturePlan& plan) {
    ImageOptions options;
    options.kernel_release = "6.1.0-test";
    options.modules_root = dir_.path();
    options.programs_directory = dir_.path();
    const auto recipe = image_recipe(plan, options);
    EXPECT_FALSE(recipe);
    return recipe ? Error(Errc::internal, "no refusal") : recipe.error();
  }

  TempDir dir_;
};

TEST_F(ImageBuilder, APlanThatCannotBeReadBackIsRefused) {
  CapturePlan plan = sample();
  plan.targets.front().directory = "/var/../../crash";
  EXPECT_THAT(refusal(plan).message(), HasSubstr("directory"));
  plan = sample();
  plan.targets.front().device = "";
  EXPECT_THAT(refusal(plan).message(), HasSubstr("device"));
}

TEST_F(ImageBuilder, MissingProgramsAreNamed) {
  const Error error = refusal(sample());
  EXPECT_EQ(error.code(), Errc::not_found);
  EXPECT_THAT(error.message(), HasSubstr(dir_.path("kdump-capture")));
}

TEST(ResolveTarget, AMissingDirectorySaysWhatToDo) {
  Settings settings;
  settings.path = "/no/such/directory";
  settings.core_collector = {"makedumpfile", "-l"};
  const auto plan = resolve_target(settings);
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().code(), Errc::not_found);
  EXPECT_THAT(plan.error().message(), HasSubstr("/no/such/directory"));
  EXPECT_THAT(plan.error().message(), HasSubstr("kdump.conf"));
}

TEST(ResolveTarget, ErrorsNameTheLineOfTheirTarget) {
  Settings settings;
  settings.core_collector = {"makedumpfile", "-l"};
  settings.targets = {{.kind = TargetKind::sftp,
                       .user = "a",
                       .host = "no-such-host.invalid",
                       .origin = "/etc/policy:3"}};
  const auto unknown = resolve_target(settings);
  ASSERT_FALSE(unknown);
  EXPECT_THAT(unknown.error().message(),
              StartsWith("/etc/policy:3: sftp a@no-such-host.invalid: "));
  settings.targets = {{.kind = TargetKind::filesystem,
                       .type = "ext4",
                       .device = "UUID=no-such-uuid",
                       .origin = "/etc/kdump.conf:4"}};
  const auto local = resolve_target(settings);
  ASSERT_FALSE(local);
  EXPECT_THAT(local.error().message(), StartsWith("/etc/kdump.conf:4: "));
}

TEST(ResolveTarget, WhereNothingStaysIsRefused) {
  Settings settings;
  settings.path = "/proc";
  settings.core_collector = {"makedumpfile", "-l"};
  const auto plan = resolve_target(settings);
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().code(), Errc::unsupported);
  EXPECT_THAT(plan.error().message(), HasSubstr("proc"));
}

TEST(ResolveTarget, UnknownTypesAndDevicesAreNamed) {
  Settings settings;
  settings.core_collector = {"makedumpfile", "-l"};
  settings.targets = {{.kind = TargetKind::filesystem, .type = "nfs", .device = "UUID=1"}};
  EXPECT_EQ(resolve_target(settings).error().code(), Errc::unsupported);
  settings.targets = {
      {.kind = TargetKind::filesystem, .type = "ext4", .device = "UUID=no-such-uuid"}};
  const auto plan = resolve_target(settings);
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().code(), Errc::not_found);
  EXPECT_THAT(plan.error().message(), HasSubstr("ext4 UUID=no-such-uuid"));
}

}  // namespace
}  // namespace kdump
