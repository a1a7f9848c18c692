// The line format of kdump.conf, case by case; where RHEL's own parser was tried, its verdict.
#include "config/kdump_conf.h"

#include <filesystem>
#include <gmock/gmock.h>

#include "config/directives.h"

namespace kdump {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct Good {
  const char* text;
  void (*check)(const Settings&);
};

const Good kGood[] = {
    {"",
     [](const Settings& s) {
       EXPECT_EQ(s.targets.front().kind, TargetKind::path);
       EXPECT_EQ(s.path, "/var/crash");
       EXPECT_THAT(s.core_collector,
                   ElementsAre("makedumpfile", "-l", "--message-level", "7", "-d", "31"));
       EXPECT_EQ(s.failure_action, FailureAction::reboot);
       EXPECT_EQ(s.final_action, FinalAction::reboot);
       EXPECT_EQ(s.rebuild, Rebuild::when_needed);
     }},
    {"# path /a\n\n   \t\n#\n", [](const Settings& s) { EXPECT_EQ(s.path, "/var/crash"); }},
    {"path /a", [](const Settings& s) { EXPECT_EQ(s.path, "/a"); }},
    {"  \tpath \t /a/b \t \n", [](const Settings& s) { EXPECT_EQ(s.path, "/a/b"); }},
    {"path /a\r\nfinal_action halt\r\n",
     [](const Settings& s) {
       EXPECT_EQ(s.path, "/a");
       EXPECT_EQ(s.final_action, FinalAction::halt);
     }},
    // everything after the first # goes, even inside quotes
    {"path /a#b", [](const Settings& s) { EXPECT_EQ(s.path, "/a"); }},
    {"ext4 UUID=1\npath \"a #b\"", [](const Settings& s) { EXPECT_EQ(s.path, "/\"a"); }},
    {"path /a # b", [](const Settings& s) { EXPECT_EQ(s.path, "/a"); }},
    // one pair of quotes, around the whole value
    {"path \"/a b\"", [](const Settings& s) { EXPECT_EQ(s.path, "/a b"); }},
    {"path \"/x\" \"y\"", [](const Settings& s) { EXPECT_EQ(s.path, "/x\" \"y"); }},
    {"path /a\"", [](const Settings& s) { EXPECT_EQ(s.path, "/a\""); }},
    {"path //a///b/./c/", [](const Settings& s) { EXPECT_EQ(s.path, "/a/b/c"); }},
    {"path /", [](const Settings& s) { EXPECT_EQ(s.path, "/"); }},
    {"ext4 UUID=12\npath crash", [](const Settings& s) { EXPECT_EQ(s.path, "/crash"); }},
    {"path crash\next4 UUID=12", [](const Settings& s) { EXPECT_EQ(s.path, "/crash"); }},
    {"xfs /dev/vda1",
     [](const Settings& s) {
       ASSERT_EQ(s.targets.size(), 1U);
       EXPECT_EQ(s.targets.front().type, "xfs");
       EXPECT_EQ(s.targets.front().device, "/dev/vda1");
     }},
    {"btrfs \"LABEL=my disk\"",
     [](const Settings& s) { EXPECT_EQ(s.targets.front().device, "LABEL=my disk"); }},
    {"failure_action halt",
     [](const Settings& s) { EXPECT_EQ(s.failure_action, FailureAction::halt); }},
    {"failure_action poweroff\nfinal_action poweroff",
     [](const Settings& s) {
       EXPECT_EQ(s.failure_action, FailureAction::poweroff);
       EXPECT_EQ(s.final_action, FinalAction::poweroff);
     }},
    {"force_rebuild 1", [](const Settings& s) { EXPECT_EQ(s.rebuild, Rebuild::always); }},
    {"force_no_rebuild 1\nforce_rebuild 0",
     [](const Settings& s) { EXPECT_EQ(s.rebuild, Rebuild::never); }},
    {"force_no_rebuild 0\nforce_rebuild 0",
     [](const Settings& s) { EXPECT_EQ(s.rebuild, Rebuild::when_needed); }},
    {"auto_reset_crashkernel yes\nsshkey /root/.ssh/key\npath /a",
     [](const Settings& s) { EXPECT_EQ(s.path, "/a"); }},
    {"core_collector makedumpfile -c",
     [](const Settings& s) { EXPECT_THAT(s.core_collector, ElementsAre("makedumpfile", "-c")); }},
    {"core_collector /usr/sbin/makedump -zd17 --num-threads=4",
     [](const Settings& s) {
       EXPECT_THAT(s.core_collector,
                   ElementsAre("makedump", "-z", "-d", "17", "--num-threads", "4"));
     }},
    {"core_collector \"makedumpfile -p -d 1\"",
     [](const Settings& s) {
       EXPECT_THAT(s.core_collector, ElementsAre("makedumpfile", "-p", "-d", "1"));
     }},
};

TEST(KdumpConf, Good) {
  for (const Good& good : kGood) {
    SCOPED_TRACE(good.text);
    const auto loaded = parse_kdump_conf(good.text, "kdump.conf");
    ASSERT_TRUE(loaded) << loaded.error().message();
    EXPECT_THAT(loaded->warnings, IsEmpty());
    good.check(loaded->settings);
  }
}

struct Bad {
  const char* text;
  Errc code;
  const char* message;  // the whole one
};

const Bad kBad[] = {
    {"paht /a", Errc::usage,
     "kdump.conf:1: Invalid kdump config option paht; did you mean 'path'?"},
    {"\n\nPATH /a", Errc::usage, "kdump.conf:3: Invalid kdump config option PATH"},
    {"nfs4 h:/e", Errc::usage,
     "kdump.conf:1: Invalid kdump config option nfs4; did you mean 'nfs'?"},
    {"vfat /dev/sda1", Errc::usage, "kdump.conf:1: Invalid kdump config option vfat"},
    {"override_resettable 1", Errc::usage,
     "kdump.conf:1: Invalid kdump config option override_resettable"},
    {"path=/a", Errc::usage,
     "kdump.conf:1: Invalid kdump config option path=/a; write a blank, not '=', between "
     "'path' and its value"},

    {"path", Errc::usage,
     "kdump.conf:1: Invalid kdump config value for option 'path': it is empty; write a value or "
     "remove the line"},
    {"path \"\"", Errc::usage,
     "kdump.conf:1: Invalid kdump config value for option 'path': it is empty; write a value or "
     "remove the line"},
    {"path # /a", Errc::usage,
     "kdump.conf:1: Invalid kdump config value for option 'path': it is empty; write a value or "
     "remove the line"},
    {"nfs", Errc::usage,
     "kdump.conf:1: Invalid kdump config value for option 'nfs': it is empty; write a value or "
     "remove the line"},

    {"path /a\n#\npath /a", Errc::usage,
     "kdump.conf:3: Duplicated kdump config value of option path: the first one is on line 1; keep "
     "one of them"},
    {"failure_action halt\ndefault halt", Errc::usage,
     "kdump.conf:2: Duplicated kdump config value of option failure_action: the first one is on "
     "line 1; keep one of them"},
    {"auto_reset_crashkernel yes\nauto_reset_crashkernel no", Errc::usage,
     "kdump.conf:2: Duplicated kdump config value of option auto_reset_crashkernel: the first one "
     "is on line 1; keep one of them"},
    {"ext4 /dev/vda1\nxfs /dev/vdb1", Errc::usage,
     "kdump.conf:2: More than one dump targets specified: xfs here, and another on line 1; keep "
     "one of them"},
    {"ext4 /dev/vda1\next4 /dev/vda1", Errc::usage,
     "kdump.conf:2: More than one dump targets specified: ext4 here, and another on line 1; keep "
     "one of them"},

    {"net host:/export", Errc::usage,
     "kdump.conf:1: Deprecated kdump config option: net; write 'nfs host:/export' or 'ssh "
     "user@host'"},
    {"blacklist", Errc::usage,
     "kdump.conf:1: Deprecated kdump config option: blacklist; remove the line: only modules that "
     "the target needs are loaded"},

    {"failure_action panic", Errc::usage,
     "kdump.conf:1: failure_action is 'panic'; write one of reboot, halt, poweroff"},
    {"default Reboot", Errc::usage,
     "kdump.conf:1: default is 'Reboot'; write one of reboot, halt, poweroff"},
    {"failure_action shell", Errc::unsupported,
     "kdump.conf:1: failure_action shell is not supported by this version of kdumpd: the capture "
     "environment has no shell and does not mount the root file system; write reboot, halt or "
     "poweroff"},
    {"default dump_to_rootfs", Errc::unsupported,
     "kdump.conf:1: default dump_to_rootfs is not supported by this version of kdumpd: the capture "
     "environment has no shell and does not mount the root file system; write reboot, halt or "
     "poweroff"},
    {"final_action shell", Errc::usage,
     "kdump.conf:1: final_action is 'shell'; write one of reboot, halt, poweroff"},
    {"force_rebuild yes", Errc::usage, "kdump.conf:1: force_rebuild is 'yes'; write 0 or 1"},
    {"force_rebuild 1\nforce_no_rebuild 1", Errc::usage,
     "kdump.conf:2: force_rebuild and force_no_rebuild are both 1; set one of them to 0"},

    {"path var/crash", Errc::usage,
     "kdump.conf:1: path is 'var/crash'; without a target it must be absolute: write '/var/crash'"},
    {"ext4 UUID=1\npath /a/../b", Errc::usage,
     "kdump.conf:2: path is '/a/../b'; write it without '..'"},
    {"ext4 sda1", Errc::usage,
     "kdump.conf:1: 'sda1' is not a device; write /dev/…, UUID=… or LABEL=…"},
    {"ext4 UUID=", Errc::usage,
     "kdump.conf:1: 'UUID=' is not a device; write /dev/…, UUID=… or LABEL=…"},
    {"ext4 /dev/vda1 /dev/vdb1", Errc::usage,
     "kdump.conf:1: '/dev/vda1 /dev/vdb1' is not a device; write /dev/…, UUID=… or LABEL=…"},

    {"core_collector cp --sparse=always", Errc::unsupported,
     "kdump.conf:1: core_collector: only makedumpfile (this is makedump) can write the dump, not "
     "'cp'; write 'makedumpfile -l --message-level 7 -d 31'"},
    {"core_collector scp", Errc::unsupported,
     "kdump.conf:1: core_collector: scp goes with an ssh target, which this version cannot do"},
    {"core_collector makedumpfile -l -d 32", Errc::usage,
     "kdump.conf:1: core_collector: -d takes a number from 0 to 31, not '32'"},
    {"core_collector makedumpfile -l -d", Errc::usage,
     "kdump.conf:1: core_collector: -d needs a number"},
    {"core_collector makedumpfile -d -l", Errc::usage,
     "kdump.conf:1: core_collector: -d takes a number from 0 to 31, not '-l'"},
    {"core_collector makedumpfile -d 1,31", Errc::unsupported,
     "kdump.conf:1: core_collector: more than one dump level (-d 1,31) is not there yet: write the "
     "strictest one, for example '-d 31'"},
    {"core_collector makedumpfile -F -l -d 31", Errc::unsupported,
     "kdump.conf:1: core_collector: makedump does not take '-F': dumps on a local file system are "
     "never flattened: leave it out"},
    {"core_collector makedumpfile -El", Errc::unsupported,
     "kdump.conf:1: core_collector: makedump does not take '-E': dumps are written in the "
     "kdump-compressed format only: leave it out"},
    {"core_collector makedumpfile --mesage-level 7", Errc::usage,
     "kdump.conf:1: core_collector: makedump has no option '--mesage-level'; did you mean "
     "'--message-level'?"},
    {"core_collector makedumpfile -l=1", Errc::usage,
     "kdump.conf:1: core_collector: makedump has no option '-='"},
    {"core_collector makedumpfile -l /proc/vmcore", Errc::usage,
     "kdump.conf:1: core_collector: do not name files ('/proc/vmcore'): the dump's source and "
     "place are added at the crash"},
    {"core_collector makedumpfile -l | gzip", Errc::usage,
     "kdump.conf:1: core_collector: do not name files ('|'): the dump's source and place are added "
     "at the crash"},
};

TEST(KdumpConf, Bad) {
  for (const Bad& bad : kBad) {
    SCOPED_TRACE(bad.text);
    const auto loaded = parse_kdump_conf(bad.text, "kdump.conf");
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().message(), bad.message);
    EXPECT_EQ(loaded.error().code(), bad.code);
  }
}

TEST(KdumpConf, EveryWordIsRefusedOrHasAnEffect) {
  for (const DirectiveEntry& entry : directive_table()) {
    SCOPED_TRACE(entry.word);
    // A value that each of them may have.
    const bool is_number = entry.word.starts_with("force_");
    const bool is_action = entry.word.ends_with("_action") || entry.word == "default";
    const bool is_collector = entry.word == "core_collector";
    const std::string text = std::string(entry.word) + (is_number      ? " 1"
                                                        : is_action    ? " reboot"
                                                        : is_collector ? " makedumpfile"
                                                                       : " /dev/vda1");
    const auto loaded = parse_kdump_conf(text, "kdump.conf");
    switch (entry.kind) {
      case Directive::other_target:
      case Directive::other_feature:
        ASSERT_FALSE(loaded);
        EXPECT_EQ(loaded.error().code(), Errc::unsupported);
        EXPECT_EQ(loaded.error().message(), "kdump.conf:1: '" + std::string(entry.word) +
                                                "' is not supported by this version of kdumpd; " +
                                                std::string(entry.advice));
        EXPECT_FALSE(entry.advice.empty());
        break;
      case Directive::deprecated:
        ASSERT_FALSE(loaded);
        EXPECT_EQ(loaded.error().code(), Errc::usage);
        EXPECT_FALSE(entry.advice.empty());
        break;
      default:
        EXPECT_TRUE(loaded) << loaded.error().message();
    }
  }
}

TEST(KdumpConf, OldNameOfFailureActionWarnsTwice) {
  const auto loaded = parse_kdump_conf("\ndefault halt\n", "/etc/kdump.conf");
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->settings.failure_action, FailureAction::halt);
  EXPECT_THAT(
      loaded->warnings,
      ElementsAre("/etc/kdump.conf:2: option 'default' was renamed to 'failure_action' and will go "
                  "away one day",
                  "/etc/kdump.conf:2: write 'failure_action halt' instead of 'default halt'"));
}

TEST(KdumpConf, BinaryIsNotTaken) {
  const auto loaded = parse_kdump_conf(std::string_view("path /a\0b", 9), "kdump.conf");
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().message(),
            "kdump.conf:1: the line holds a NUL byte: this is not a text file");
}

TEST(KdumpConf, MissingFile) {
  const auto loaded = load_settings({.kdump_conf = "/nonexistent/kdump.conf"});
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().message(),
            "Error: No kdump config file found! (/nonexistent/kdump.conf)");
}

TEST(KdumpConf, ShippedFileIsTheDefaults) {
  const auto file = std::filesystem::path(__FILE__).parent_path() / "../../../config/kdump.conf";
  const auto loaded = load_settings({.kdump_conf = file});
  ASSERT_TRUE(loaded) << loaded.error().message();
  const auto defaults = parse_kdump_conf("", "nothing");
  ASSERT_TRUE(defaults);
  EXPECT_THAT(loaded->warnings, IsEmpty());
  EXPECT_EQ(loaded->settings.path, defaults->settings.path);
  EXPECT_EQ(loaded->settings.core_collector, defaults->settings.core_collector);
  EXPECT_EQ(loaded->settings.targets.front().kind, TargetKind::path);
}

}  // namespace
}  // namespace kdump
