// Debian's and openSUSE's files, variable by variable: what becomes of them, or what is said.
#include "config/import.h"

#include <gmock/gmock.h>

namespace kdump {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct Case {
  const char* text;
  const char* kdump_conf;          // without its first line
  const char* policy;              // likewise
  std::vector<const char*> notes;  // parts of them
};

std::string without_head(const std::string& text) {
  if (text.empty()) return "";
  EXPECT_THAT(text, testing::StartsWith("# Made by 'kdumpctl config import' from file\n"));
  return text.substr(text.find('\n') + 1);
}

void check(ImportFrom from, const Case& wanted) {
  SCOPED_TRACE(wanted.text);
  const auto imported = import_settings(from, wanted.text, "file", "x86_64");
  ASSERT_TRUE(imported) << imported.error().message();
  EXPECT_EQ(without_head(imported->kdump_conf), wanted.kdump_conf);
  EXPECT_EQ(without_head(imported->policy), wanted.policy);
  ASSERT_EQ(imported->notes.size(), wanted.notes.size()) << testing::PrintToString(imported->notes);
  for (size_t i = 0; i < wanted.notes.size(); ++i)
    EXPECT_THAT(imported->notes[i], HasSubstr(wanted.notes[i]));
}

const Case kDebian[] = {
    {"", "", "", {}},
    {"USE_KDUMP=1\nKDUMP_COREDIR=/srv/crash", "path /srv/crash\n", "", {}},
    {"USE_KDUMP=0", "", "", {"file:1: USE_KDUMP: kdumpd is switched off with 'systemctl"}},
    {"MAKEDUMP_ARGS=\"-F -c -d 17\"", "core_collector makedumpfile -c -d 17\n", "", {}},
    {"MAKEDUMP_ARGS=\"-E\"",
     "",
     "",
     {"MAKEDUMP_ARGS: core_collector: makedump does not take '-E'"}},
    {"KDUMP_FAIL_CMD=\"/sbin/halt -p\"", "failure_action halt\n", "", {}},
    {"KDUMP_FAIL_CMD=bash", "failure_action shell\n", "", {}},
    {"KDUMP_FAIL_CMD=beep", "", "", {"'beep' is no failure_action"}},
    {"KDUMP_NUM_DUMPS=3", "", "retention:\n  keep: 3\n", {}},
    {"KDUMP_NUM_DUMPS=0", "", "", {}},
    {"KDUMP_NUM_DUMPS=x", "", "", {"'x' is no number"}},
    {"HOSTTAG=hostname", "", "naming: \"{hostname}-{time}\"\n", {}},
    {"HOSTTAG=ip", "", "", {}},
    {"NFS=h:/e", "nfs h:/e\n", "", {}},
    {"NFS=h:/e\nNFS_TIMEO=600\nNFS_RETRANS=3",
     "",
     "targets:\n  - nfs: \"h:/e\"\n    options: \"timeo=600,retrans=3\"\n",
     {}},
    {"SSH=a@b\nSSH_KEY=/k", "ssh a@b\nsshkey /k\n", "", {}},
    {"SSH=b", "", "", {"SSH: Invalid ssh destination 'b'; write user@host"}},
    {"NFS=h:/e\nSSH=a@b",
     "nfs h:/e\n",
     "targets:\n  - kdump.conf\n  - ssh: \"a@b\"\n",
     {"SSH: kdump-tools saves to every target"}},
    {"FTP=a:/b", "", "", {"there is no ftp target"}},
    {"KDUMP_DUMP_DMESG=0", "", "", {"always saved"}},
    {"KDUMP_COREDIR='/a#b'", "", "", {"'/a#b' cannot be written into kdump.conf"}},
    {"KDUMP_KERNEL=/a\nKDUMP_INITRD=/b\nKDUMP_COMPRESSION=xz\nKDUMP_KEXEC_ARGS=-c\n"
     "KDUMP_SYSCTL=a=1\nSSH_KDUMP_RETRY=4",
     "",
     "",
     {"SSH_KDUMP_RETRY", "KDUMP_KERNEL", "KDUMP_INITRD", "KDUMP_COMPRESSION", "KDUMP_KEXEC_ARGS",
      "KDUMP_SYSCTL"}},
    {"SOMETHING=1\nEMPTY=", "", "", {"file:1: SOMETHING: has no counterpart, and is left out"}},
};

TEST(Import, Debian) {
  for (const Case& wanted : kDebian)
    check(ImportFrom::debian, wanted);
}

const char kPlain[] = "core_collector makedumpfile -c -d 31\n";

const Case kSuse[] = {
    {"KDUMP_SAVEDIR=/var/crash", "path /var/crash\ncore_collector makedumpfile -c -d 31\n", "", {}},
    {"KDUMP_SAVEDIR=file:///srv", "path /srv\ncore_collector makedumpfile -c -d 31\n", "", {}},
    {"KDUMP_SAVEDIR=nfs://h/e", "nfs h:/e\npath /\ncore_collector makedumpfile -c -d 31\n", "", {}},
    {"KDUMP_SAVEDIR=ssh://a@b/c",
     "ssh a@b\npath /c\ncore_collector makedumpfile -c -d 31\n",
     "",
     {}},
    {"KDUMP_SAVEDIR=ssh://b", "ssh root@b\ncore_collector makedumpfile -c -d 31\n", "", {}},
    {"KDUMP_SAVEDIR=sftp://a:secret@[::1]:2222/c",
     "path /c\ncore_collector makedumpfile -c -d 31\n",
     "targets:\n  - sftp: \"a@[::1]\"\n    port: 2222\n",
     {"the password is left out"}},
    {"KDUMP_SAVEDIR=sftp://a@b:0/c", kPlain, "", {"'0' is no port"}},
    {"KDUMP_SAVEDIR=cifs://b/c", kPlain, "", {"there is no cifs target"}},
    {"KDUMP_SAVEDIR='/a /b'",
     "path /a\ncore_collector makedumpfile -c -d 31\n",
     "",
     {"only the first of its 2 places"}},
    {"KDUMP_DUMPFORMAT=lzo\nKDUMP_DUMPLEVEL=17", "core_collector makedumpfile -l -d 17\n", "", {}},
    {"KDUMP_DUMPFORMAT=zstd\nMAKEDUMPFILE_OPTIONS='--num-threads 2'",
     "core_collector makedumpfile -z -d 31 --num-threads 2\n",
     "",
     {}},
    {"KDUMP_DUMPFORMAT=ELF", kPlain, "", {"'ELF' cannot be had"}},
    {"KDUMP_DUMPLEVEL=99", "", "", {"-d takes a number from 0 to 31, not '99'"}},
    {"KDUMP_KEEP_OLD_DUMPS=5\nKDUMP_FREE_DISK_SIZE=64",
     kPlain,
     "retention:\n  keep: 5\nspace:\n  keep_free: 64MiB\n",
     {}},
    {"KDUMP_KEEP_OLD_DUMPS=0", kPlain, "", {}},
    {"KDUMP_KEEP_OLD_DUMPS=-1", kPlain, "retention:\n  keep: 1\n", {}},
    {"KDUMP_CONTINUE_ON_ERROR=false",
     "core_collector makedumpfile -c -d 31\nfailure_action shell\n",
     "",
     {}},
    {"KDUMP_CONTINUE_ON_ERROR=true\nKDUMP_IMMEDIATE_REBOOT=yes", kPlain, "", {}},
    {"KDUMP_IMMEDIATE_REBOOT=no", kPlain, "", {"no shell follows"}},
    {"KDUMP_PRESCRIPT=/a\nKDUMP_POSTSCRIPT='/b c'",
     "core_collector makedumpfile -c -d 31\nkdump_pre /a\n",
     "",
     {"'/b c' is a command"}},
    {"KDUMP_REQUIRED_PROGRAMS='/a /b'\nKDUMP_SSH_IDENTITY=/k",
     "core_collector makedumpfile -c -d 31\nextra_bins /a /b\nsshkey /k\n",
     "",
     {}},
    {"KDUMP_CPUS=4\nKDUMP_SMTP_SERVER=x\nKDUMP_HOST_KEY=y\nKDUMP_NETCONFIG=auto\nKEXEC_OPTIONS=-d\n"
     "KDUMP_TRANSFER=z\nKDUMP_NET_TIMEOUT=30\nKDUMP_VERBOSE=3",
     kPlain,
     "",
     {"KDUMP_CPUS", "KDUMP_SMTP_SERVER", "KDUMP_HOST_KEY", "KDUMP_NETCONFIG", "KDUMP_NET_TIMEOUT",
      "KEXEC_OPTIONS", "KDUMP_TRANSFER", "KDUMP_VERBOSE: has no counterpart"}},
};

TEST(Import, Suse) {
  for (const Case& wanted : kSuse)
    check(ImportFrom::suse, wanted);
}

TEST(Import, ParametersAreAddedToThoseOfTheMachine) {
  const auto imported = import_settings(
      ImportFrom::debian,
      "KDUMP_CMDLINE='ro console=ttyS0'\n"
      "KDUMP_CMDLINE_APPEND='reset_devices systemd.unit=kdump-tools-dump.service nr_cpus=1 x=\"a "
      "b\"'\n",
      "file", "s390x");
  ASSERT_TRUE(imported);
  EXPECT_EQ(without_head(imported->sysconfig),
            "KDUMP_COMMANDLINE=\"ro console=ttyS0\"\n"
            "KDUMP_COMMANDLINE_APPEND=\"nr_cpus=1 cgroup_disable=memory numa=off "
            "udev.children-max=2 panic=10 transparent_hugepage=never novmcoredd vmcp_cma=0 cma=0 "
            "hugetlb_cma=0 reset_devices x=\\\"a b\\\"\"\n");
  // Nothing that the machine does not get anyway: no file.
  const auto same =
      import_settings(ImportFrom::suse, "KDUMP_COMMANDLINE_APPEND=nr_cpus=1", "file", "x86_64");
  ASSERT_TRUE(same);
  EXPECT_EQ(same->sysconfig, "");
}

TEST(Import, WhatCannotBeIsAnError) {
  const auto relative =
      import_settings(ImportFrom::debian, "KDUMP_COREDIR=crash", "file", "x86_64");
  ASSERT_FALSE(relative);
  EXPECT_EQ(relative.error().message(),
            "file: what it says makes no valid files: kdump.conf:2: path is 'crash'; without a "
            "target it must be absolute: write '/crash'");
  const auto shell = import_settings(ImportFrom::suse, "A=`x`", "file", "x86_64");
  ASSERT_FALSE(shell);
  EXPECT_THAT(shell.error().message(), HasSubstr("file:1: `…` would run a command"));
}

TEST(Import, Recognised) {
  EXPECT_EQ(*recognise_import("USE_KDUMP=1", "file"), ImportFrom::debian);
  EXPECT_EQ(*recognise_import("KDUMP_SAVEDIR=/a", "file"), ImportFrom::suse);
  const auto neither = recognise_import("KDUMP_COMMANDLINE=ro", "file");
  ASSERT_FALSE(neither);
  EXPECT_EQ(neither.error().code(), Errc::not_found);
}

}  // namespace
}  // namespace kdump
