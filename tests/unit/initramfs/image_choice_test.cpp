#include "initramfs/image/image_choice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kdump {
namespace {

using testing::HasSubstr;

constexpr char kDracut[] = "/usr/bin/dracut";

CapturePlan plan() {
  CapturePlan plan;
  plan.targets.resize(2);
  plan.targets[0].device = "UUID=plain";
  plan.targets[1].device = "/dev/mapper/crash";
  return plan;
}

// The second target is on `what`.
AssemblyOf on(const std::string& what) {
  return [what](const TargetPlan& target) {
    return target.device == "/dev/mapper/crash" ? what : std::string();
  };
}

TEST(ImageChoice, NativeWhereThatIsEnough) {
  EXPECT_EQ(choose_image(plan(), ImageKind::automatic, kDracut, on("")).value(), ImageKind::native);
  EXPECT_EQ(choose_image(plan(), ImageKind::native, "", on("")).value(), ImageKind::native);
  EXPECT_EQ(why_dracut(plan(), on("")), "");
}

TEST(ImageChoice, DracutForWhatUserspaceAssembles) {
  EXPECT_EQ(why_dracut(plan(), on("LVM")), "/dev/mapper/crash is on LVM");
  EXPECT_EQ(choose_image(plan(), ImageKind::automatic, kDracut, on("LVM")).value(),
            ImageKind::dracut);
  const auto native = choose_image(plan(), ImageKind::native, kDracut, on("LVM"));
  ASSERT_FALSE(native);
  EXPECT_THAT(native.error().message(), HasSubstr("image: auto"));
  EXPECT_THAT(native.error().message(), HasSubstr("/dev/mapper/crash is on LVM"));
}

TEST(ImageChoice, ForcedDracut) {
  EXPECT_EQ(choose_image(plan(), ImageKind::dracut, kDracut, on("")).value(), ImageKind::dracut);
}

TEST(ImageChoice, WhatToInstallIsSaid) {
  for (const ImageKind asked : {ImageKind::automatic, ImageKind::dracut}) {
    const auto choice = choose_image(plan(), asked, "", on("LUKS"));
    ASSERT_FALSE(choice);
    EXPECT_EQ(choice.error().code(), Errc::unsupported);
    EXPECT_THAT(choice.error().message(), HasSubstr("/dev/mapper/crash is on LUKS"));
    EXPECT_THAT(choice.error().message(), HasSubstr("apt install dracut-core"));
  }
}

TEST(ImageChoice, PlainTargetsAreNotLookedFor) {
  CapturePlan plain = plan();
  plain.targets[1].device = "/dev/gone";
  EXPECT_EQ(why_dracut(plain), "");
}

}  // namespace
}  // namespace kdump
