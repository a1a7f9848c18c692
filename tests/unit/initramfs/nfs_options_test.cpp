// How the capture kernel mounts what the host mounts, in the words of mount(2).
#include "initramfs/plan/nfs_options.h"

#include <gmock/gmock.h>

namespace kdump {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

TEST(NfsOptions, Kept) {
  struct Case {
    const char *options, *kept;
  };
  // As /proc/self/mountinfo and fstab have them.
  const Case cases[] = {
      {"", "rw"},
      {"ro,vers=4.2,rsize=262144,wsize=262144,namlen=255,hard,proto=tcp,timeo=600,retrans=2,"
       "sec=sys,clientaddr=192.0.2.7,local_lock=none,addr=192.0.2.9",
       "rw,vers=4.2,rsize=262144,wsize=262144,sec=sys"},
      {"rw,vers=3,proto=tcp6,mountaddr=::1,mountvers=3,mountport=20048,mountproto=udp6,"
       "local_lock=none,addr=::1",
       "rw,vers=3,mountvers=3,mountport=20048"},
      {"_netdev,nfsvers=4.1,bg,fsc,nconnect=4,noresvport", "rw,vers=4.1,noresvport"},
      {"v4.0,soft,intr,noac,x-systemd.automount", "rw,vers=4.0"},
      {"v3,udp,port=2050", "rw,vers=3,udp,port=2050"},
      {"vers=4,minorversion=1", "rw,vers=4,minorversion=1"},
      {"xprtsec=none,sec=none", "rw,sec=none"},
  };
  for (const Case& c : cases) {
    const auto kept = nfs_options_for_capture(c.options);
    ASSERT_TRUE(kept) << kept.error().message();
    EXPECT_EQ(*kept, c.kept);
  }
}

TEST(NfsOptions, WhatNeedsADaemonIsRefused) {
  for (const char* option :
       {"sec=krb5", "sec=krb5p", "xprtsec=tls", "xprtsec=mtls", "rdma", "proto=rdma6"}) {
    const auto kept = nfs_options_for_capture(std::string("rw,") + option);
    ASSERT_FALSE(kept) << option;
    EXPECT_EQ(kept.error().code(), Errc::unsupported);
    EXPECT_THAT(kept.error().message(), HasSubstr(std::string("mount option ") + option));
  }
}

TEST(NfsOptions, Versions) {
  EXPECT_THAT(nfs_versions("rw,vers=4.1"), ElementsAre("4.1"));
  EXPECT_THAT(nfs_versions("rw,vers=3"), ElementsAre("3"));
  EXPECT_THAT(nfs_versions("rw,vers=4,minorversion=1"), ElementsAre("4.1"));
  EXPECT_THAT(nfs_versions("rw,vers=4"), ElementsAre("4.2", "4.1", "4.0"));
  EXPECT_THAT(nfs_versions("rw"), ElementsAre("4.2", "4.1", "4.0", "3"));
}

TEST(NfsOptions, MountData) {
  const NfsMount mount{"192.0.2.9", "192.0.2.7", std::chrono::seconds(60)};
  EXPECT_EQ(nfs_mount_data("rw,vers=4,minorversion=2,rsize=4096", "4.2", mount),
            "vers=4.2,rsize=4096,soft,retrans=2,timeo=200,clientaddr=192.0.2.7,addr=192.0.2.9");
  EXPECT_EQ(nfs_mount_data("rw,vers=3,mountport=20048", "3", mount),
            "vers=3,mountport=20048,soft,retrans=2,timeo=200,nolock,addr=192.0.2.9");
  // A limit that nobody waits for, and none: an hour is the kernel's most.
  EXPECT_THAT(nfs_mount_data("rw", "3", {"::1", "::1", std::chrono::seconds(0)}),
              AllOf(HasSubstr(",timeo=10,"), Not(HasSubstr("clientaddr"))));
  EXPECT_THAT(nfs_mount_data("rw", "4.2", {"::1", "::1", std::chrono::hours(100)}),
              HasSubstr(",timeo=6000,"));
}

TEST(NfsOptions, Host) {
  EXPECT_EQ(nfs_host("nas.example:/a:/b"), "nas.example");
  EXPECT_EQ(nfs_host("[fe80::1%eth0]:/export"), "fe80::1%eth0");
  EXPECT_EQ(nfs_host("/dev/vda1"), "");
}

}  // namespace
}  // namespace kdump
