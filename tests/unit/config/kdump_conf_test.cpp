// The line format of kdump.conf, case by case; where RHEL's own parser was tried, its verdict.
#include "config/kdump_conf.h"

#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>

#include "config/directives.h"

namespace kdump {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::filesystem::path kRepository = std::filesystem::path(KDUMP_SOURCE_DIR);

Draft parsed(std::string_view text) {
  Draft draft;
  read_kdump_conf(text, "kdump.conf", draft);
  finish(draft);
  return draft;
}

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
    {"raw /dev/vdb",
     [](const Settings& s) {
       EXPECT_EQ(s.targets.front().kind, TargetKind::raw);
       EXPECT_EQ(s.targets.front().device, "/dev/vdb");
     }},
    {"nfs my.server.com:/export/tmp",
     [](const Settings& s) {
       EXPECT_EQ(s.targets.front().kind, TargetKind::nfs);
       EXPECT_EQ(s.targets.front().nfs_source, "my.server.com:/export/tmp");
     }},
    {"nfs [fe80::1%eth0]:/export",
     [](const Settings& s) { EXPECT_EQ(s.targets.front().nfs_source, "[fe80::1%eth0]:/export"); }},
    {"ssh kdump@my.server.com\nsshkey /root/.ssh/key",
     [](const Settings& s) {
       EXPECT_EQ(s.targets.front().kind, TargetKind::ssh);
       EXPECT_EQ(s.targets.front().user, "kdump");
       EXPECT_EQ(s.targets.front().host, "my.server.com");
       EXPECT_EQ(s.sshkey, "/root/.ssh/key");
     }},
    {"ssh me@my.domain@[2001:db8::1]",
     [](const Settings& s) {
       EXPECT_EQ(s.targets.front().user, "me@my.domain");
       EXPECT_EQ(s.targets.front().host, "2001:db8::1");
       EXPECT_EQ(s.targets.front().describe(), "ssh me@my.domain@[2001:db8::1]");
     }},
    {"ssh a@2001:db8::1",
     [](const Settings& s) { EXPECT_EQ(s.targets.front().host, "2001:db8::1"); }},
    {"virtiofs myfs",
     [](const Settings& s) {
       EXPECT_EQ(s.targets.front().kind, TargetKind::filesystem);
       EXPECT_EQ(s.targets.front().type, "virtiofs");
       EXPECT_EQ(s.targets.front().device, "myfs");
     }},
    {"kdump_pre /usr/bin/pre\nkdump_post /usr/bin/post\nkdump_emergency /usr/bin/emergency",
     [](const Settings& s) {
       EXPECT_EQ(s.kdump_pre, "/usr/bin/pre");
       EXPECT_EQ(s.kdump_post, "/usr/bin/post");
       EXPECT_EQ(s.kdump_emergency, "/usr/bin/emergency");
     }},
    {"extra_bins /usr/bin/lftp   /sbin/a\nextra_modules gfs2 \t dlm",
     [](const Settings& s) {
       EXPECT_THAT(s.extra_bins, ElementsAre("/usr/bin/lftp", "/sbin/a"));
       EXPECT_THAT(s.extra_modules, ElementsAre("gfs2", "dlm"));
     }},
    {"failure_action shell",
     [](const Settings& s) { EXPECT_EQ(s.failure_action, FailureAction::shell); }},
    {"failure_action dump_to_rootfs",
     [](const Settings& s) { EXPECT_EQ(s.failure_action, FailureAction::dump_to_rootfs); }},
    {"fence_kdump_args -p 7410 -f auto -c 0 -i 10\nfence_kdump_nodes node1 node2",
     [](const Settings& s) {
       EXPECT_EQ(s.fence_kdump_args, "-p 7410 -f auto -c 0 -i 10");
       EXPECT_THAT(s.fence_kdump_nodes, ElementsAre("node1", "node2"));
     }},
    {"auto_reset_crashkernel no",
     [](const Settings& s) { EXPECT_FALSE(s.auto_reset_crashkernel); }},
    {"dracut_args --omit-drivers \"cfg80211 snd\" --add-drivers \"ext2 ext3\"",
     [](const Settings& s) {
       EXPECT_EQ(s.dracut_args, "--omit-drivers \"cfg80211 snd\" --add-drivers \"ext2 ext3\"");
       EXPECT_EQ(s.targets.front().kind, TargetKind::path);
     }},
    {"dracut_args -f --mount \"/dev/vda1 /mnt ext4 data=journal,noatime\" -a x\npath crash",
     [](const Settings& s) {
       EXPECT_EQ(s.dracut_args, "-f -a x");
       EXPECT_EQ(s.targets.front().kind, TargetKind::filesystem);
       EXPECT_EQ(s.targets.front().type, "ext4");
       EXPECT_EQ(s.targets.front().device, "/dev/vda1");
       EXPECT_EQ(s.targets.front().options, "data=journal,noatime");
       EXPECT_EQ(s.path, "/crash");
     }},
    {"dracut_args --mount='h:/e /mnt nfs4 defaults'",
     [](const Settings& s) {
       EXPECT_EQ(s.targets.front().kind, TargetKind::nfs);
       EXPECT_EQ(s.targets.front().nfs_source, "h:/e");
       EXPECT_EQ(s.targets.front().options, "");
     }},
    // Flattening is up to the target: with and without -F these are the same.
    {"ssh a@b\ncore_collector makedumpfile -F -l -d 31",
     [](const Settings& s) {
       EXPECT_TRUE(s.core_collector_given);
       EXPECT_THAT(s.core_collector, ElementsAre("makedumpfile", "-l", "-d", "31"));
     }},
    {"ssh a@b\ncore_collector makedumpfile -l --message-level 7 -d 31",
     [](const Settings& s) {
       EXPECT_THAT(s.core_collector,
                   ElementsAre("makedumpfile", "-l", "--message-level", "7", "-d", "31"));
     }},
    {"raw /dev/vdb\ncore_collector makedumpfile -Fld31",
     [](const Settings& s) {
       EXPECT_THAT(s.core_collector, ElementsAre("makedumpfile", "-l", "-d", "31"));
     }},
    {"ssh a@b\ncore_collector scp -q",
     [](const Settings& s) { EXPECT_THAT(s.core_collector, ElementsAre("scp", "-q")); }},
    {"core_collector /bin/cp --sparse=always",
     [](const Settings& s) {
       EXPECT_THAT(s.core_collector, ElementsAre("/bin/cp", "--sparse=always"));
     }},
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
    const Draft draft = parsed(good.text);
    ASSERT_TRUE(draft.errors.empty()) << draft.errors.front().message();
    EXPECT_THAT(draft.loaded.warnings, IsEmpty());
    good.check(draft.loaded.settings);
  }
}

struct Bad {
  std::string text, code, message;
};

// tests/cli/bad-kdump-conf.table, which tests of the commands read, too.
std::vector<Bad> bad_table() {
  std::ifstream file(kRepository / "tests/cli/bad-kdump-conf.table");
  std::vector<Bad> table;
  Bad bad;
  for (std::string line; std::getline(file, line);) {
    if (table.empty() && bad.text.empty() && line.starts_with("# ")) continue;
    if (line == "===") {
      table.push_back(std::exchange(bad, {}));
    } else if (line.starts_with("--- ")) {
      bad.code = line.substr(4);
    } else if (bad.code.empty()) {
      bad.text += line + "\n";
    } else {
      bad.message = line;
    }
  }
  return table;
}

std::string name_of(Errc code) {
  return code == Errc::usage         ? "usage"
         : code == Errc::unsupported ? "unsupported"
         : code == Errc::bad_input   ? "bad_input"
                                     : "?";
}

TEST(KdumpConf, Bad) {
  const std::vector<Bad> table = bad_table();
  ASSERT_GT(table.size(), 50U);
  for (Bad bad : table) {
    SCOPED_TRACE(bad.text);
    const Draft draft = parsed(bad.text);
    ASSERT_FALSE(draft.errors.empty());
    bad.message.replace(bad.message.find("FILE"), 4, "kdump.conf");
    EXPECT_EQ(draft.errors.front().message(), bad.message);
    EXPECT_EQ(name_of(draft.errors.front().code()), bad.code);
  }
}

TEST(KdumpConf, EveryWordHasAMeaningOrAnAdvice) {
  for (const DirectiveEntry& entry : directive_table()) {
    SCOPED_TRACE(entry.word);
    // A value that each of them may have.
    const std::string value = entry.word.starts_with("force_")  ? "1"
                              : entry.word.ends_with("_action") ? "reboot"
                              : entry.word == "default"         ? "reboot"
                              : entry.word == "nfs"             ? "host:/export"
                              : entry.word == "ssh"             ? "user@host"
                              : entry.word == "core_collector"  ? "makedumpfile"
                                                                : "/dev/vda1";
    const Draft draft = parsed(std::string(entry.word) + " " + value);
    EXPECT_EQ(draft.errors.empty(), entry.kind != Directive::deprecated);
    EXPECT_EQ(entry.advice.empty(), entry.kind != Directive::deprecated);
    if (entry.kind == Directive::deprecated) continue;
    const std::string name = names_target(entry.kind)                  ? "targets"
                             : entry.kind == Directive::default_action ? "failure_action"
                                                                       : std::string(entry.word);
    EXPECT_EQ(draft.loaded.origins.at(name), "kdump.conf:1");
  }
}

TEST(KdumpConf, AllErrorsAreFound) {
  const Draft draft = parsed("paht /a\nnet x\n\nfinal_action shell\npath relative\n");
  std::vector<std::string> messages;
  for (const Error& error : draft.errors)
    messages.push_back(error.message());
  EXPECT_THAT(
      messages,
      ElementsAre(HasSubstr("kdump.conf:1: Invalid"), HasSubstr("kdump.conf:2: Deprecated"),
                  HasSubstr("kdump.conf:4: final_action"), HasSubstr("kdump.conf:5: path")));
}

TEST(KdumpConf, ErrorsHaveAnEnd) {
  std::string text;
  for (int i = 0; i < 10'000; ++i)
    text += "junk\n";
  EXPECT_EQ(parsed(text).errors.size(), 100U);
}

struct Warned {
  const char* text;
  const char* warning;
};

const Warned kWarned[] = {
    {"core_collector makedumpfile -F -l",
     "kdump.conf:1: core_collector: '-F' has no effect: only dumps to ssh and raw targets are "
     "flattened"},
    {"core_collector makedumpfile -l --cyclic-buffer 2048",
     "kdump.conf:1: core_collector: '--cyclic-buffer' has no effect: memory use is bounded by "
     "itself"},
    {"core_collector makedumpfile --non-mmap -l",
     "kdump.conf:1: core_collector: '--non-mmap' has no effect: it is not needed"},
    {"auto_reset_crashkernel off",
     "kdump.conf:1: auto_reset_crashkernel is 'off', which counts as yes; write yes or no"},
};

TEST(KdumpConf, Warned) {
  for (const Warned& warned : kWarned) {
    SCOPED_TRACE(warned.text);
    const Draft draft = parsed(warned.text);
    EXPECT_THAT(draft.errors, IsEmpty());
    EXPECT_THAT(draft.loaded.warnings, ElementsAre(warned.warning));
    EXPECT_TRUE(draft.loaded.settings.auto_reset_crashkernel);
  }
}

TEST(KdumpConf, OldNameOfFailureActionWarnsTwice) {
  const Draft draft = parsed("\ndefault halt\n");
  EXPECT_THAT(draft.errors, IsEmpty());
  EXPECT_EQ(draft.loaded.settings.failure_action, FailureAction::halt);
  EXPECT_THAT(
      draft.loaded.warnings,
      ElementsAre("kdump.conf:2: option 'default' was renamed to 'failure_action' and will go "
                  "away one day",
                  "kdump.conf:2: write 'failure_action halt' instead of 'default halt'"));
}

TEST(KdumpConf, BinaryIsNotTaken) {
  const Draft draft = parsed(std::string_view("path /a\0b", 9));
  ASSERT_FALSE(draft.errors.empty());
  EXPECT_EQ(draft.errors.front().message(),
            "kdump.conf:1: the line holds a NUL byte: this is not a text file");
}

TEST(KdumpConf, MissingFile) {
  const auto loaded = load_settings({.kdump_conf = "/nonexistent/kdump.conf"});
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().message(),
            "Error: No kdump config file found! (/nonexistent/kdump.conf)");
}

TEST(KdumpConf, ShippedFileIsTheDefaults) {
  const auto loaded = load_settings({.kdump_conf = kRepository / "config/kdump.conf",
                                     .policy = kRepository / "config/policy.yaml",
                                     .sysconfig = "/nonexistent"});
  ASSERT_TRUE(loaded) << loaded.error().message();
  const Settings defaults = parsed("").loaded.settings;
  EXPECT_THAT(loaded->warnings, IsEmpty());
  EXPECT_EQ(loaded->settings.path, defaults.path);
  EXPECT_EQ(loaded->settings.core_collector, defaults.core_collector);
  EXPECT_EQ(loaded->settings.targets.front().kind, TargetKind::path);
}

// What stands in comments there can be written as it stands.
TEST(KdumpConf, ShippedFileKnowsEveryWord) {
  std::ifstream file(kRepository / "config/kdump.conf");
  std::string text(std::istreambuf_iterator<char>(file), {});
  for (const DirectiveEntry& entry : directive_table())
    if (entry.kind != Directive::deprecated && entry.kind != Directive::default_action) {
      EXPECT_THAT(text, HasSubstr(std::string(entry.word) + " ")) << entry.word;
    }
  for (size_t at = 0; (at = text.find("\n#", at)) != std::string::npos; ++at) {
    const std::string line = text.substr(at + 2, text.find('\n', at + 2) - at - 2);
    if (line.empty() || line.front() == ' ') continue;
    const Draft draft = parsed(line);
    EXPECT_TRUE(draft.errors.empty()) << line << ": " << draft.errors.front().message();
  }
}

}  // namespace
}  // namespace kdump
