// What cannot be done yet is refused at arming, by file and line. A case goes when its entry in
// support.cpp goes.
#include "initramfs/image/support.h"

#include <gmock/gmock.h>

#include "tests/unit/temp_dir.h"

namespace kdump {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

struct Files {
  const char* kdump_conf;
  const char* policy;
};

Result<LoadedSettings> loaded(const Files& files) {
  const TempDir dir;
  return load_settings({.kdump_conf = dir.write("kdump.conf", files.kdump_conf),
                        .policy = dir.write("policy.yaml", files.policy),
                        .sysconfig = dir.path("nothing")});
}

const Files kFine[] = {
    {"", ""},
    {"path /crash\nfailure_action halt\nfinal_action poweroff", ""},
    {"nfs h:/e", ""},
    {"virtiofs tag", ""},
    {"ext4 UUID=1\ncore_collector /usr/sbin/makedumpfile -c -d 17", ""},
    {"dracut_args --mount \"/dev/vda1 /mnt xfs defaults\"", ""},
    {"raw /dev/vdb", ""},
    {"ssh a@b\npath /dumps", ""},
    {"", "targets: [{sftp: a@b}]"},
    {"auto_reset_crashkernel no\nsshkey /k\nforce_rebuild 1", ""},
    {"", "retention: {keep: 3}\nprove_every: 2d\nnotify: [/bin/true]\nimage: native"},
    {"", "targets: [kdump.conf]"},
    {"", "targets: [{vfat: /dev/vda1}]"},
    {"dracut_args --mount \"/dev/a /b ext4 noatime\"", ""},
    {"", "targets:\n - kdump.conf\n - ext4: /dev/vda1"},
    {"", "targets: [{path: /a}, {xfs: /dev/vda1, path: /a, stall_limit: 1min}]"},
    {"kdump_pre /a\nkdump_post /b\nkdump_emergency /c", ""},
    {"failure_action shell", ""},
    {"fence_kdump_nodes a\nfence_kdump_args -c 0", ""},
    {"default dump_to_rootfs", ""},
    {"extra_bins /a /b\nextra_modules a b", ""},
    {"", "limits: {stall: 1min, capture: 1h}\nspace: {keep_free: 1G, when_short: refuse}"},
};

TEST(Support, Fine) {
  for (const Files& files : kFine) {
    SCOPED_TRACE(std::string(files.kdump_conf) + "\n" + files.policy);
    const auto settings = loaded(files);
    ASSERT_TRUE(settings) << settings.error().message();
    EXPECT_THAT(unsupported_settings(*settings), IsEmpty());
    EXPECT_TRUE(check_capture_support(*settings));
  }
}

struct Refused {
  Files files;
  const char* where;  // the end of the file's name, and the line
  const char* what;
};

const Refused kRefused[] = {
    {{"fence_kdump_args a", ""}, "kdump.conf:1: ", "fence_kdump_args is not supported"},
    {{"core_collector cp --sparse=always", ""},
     "kdump.conf:1: ",
     "core_collector cp is not supported"},
};

TEST(Support, Refused) {
  for (const Refused& refused : kRefused) {
    SCOPED_TRACE(std::string(refused.files.kdump_conf) + "\n" + refused.files.policy);
    const auto settings = loaded(refused.files);
    ASSERT_TRUE(settings) << settings.error().message();
    const auto supported = check_capture_support(*settings);
    ASSERT_FALSE(supported);
    EXPECT_EQ(supported.error().code(), Errc::unsupported);
    EXPECT_THAT(supported.error().message(), HasSubstr(refused.where));
    EXPECT_THAT(supported.error().message(), HasSubstr(refused.what));
    EXPECT_THAT(supported.error().message(), HasSubstr("by this version of kdumpd; "));
  }
}

TEST(Support, EveryGapIsNamed) {
  const auto settings = loaded({"fence_kdump_args a\ncore_collector cp\n", ""});
  ASSERT_TRUE(settings);
  EXPECT_EQ(unsupported_settings(*settings).size(), 2U);
}

}  // namespace
}  // namespace kdump
