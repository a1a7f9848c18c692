// policy.yaml, key by key: what it means, and what is said about what it cannot mean.
#include "config/policy.h"

#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>

#include "config/kdump_conf.h"
#include "config/quantity.h"

namespace kdump {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Draft parsed(std::string_view policy, std::string_view kdump_conf = "") {
  Draft draft;
  read_kdump_conf(kdump_conf, "kdump.conf", draft);
  read_policy(policy, "policy.yaml", draft);
  finish(draft);
  return draft;
}

std::vector<std::string> described(const Settings& settings) {
  std::vector<std::string> list;
  for (const Target& target : settings.targets)
    list.push_back(target.describe());
  return list;
}

TEST(Policy, NothingChangesNothing) {
  for (const char* text : {"", "# all in comments\n", "---\n", "~\n", "\n\n"}) {
    SCOPED_TRACE(text);
    const Draft draft = parsed(text);
    EXPECT_THAT(draft.errors, IsEmpty());
    EXPECT_EQ(draft.loaded.settings.targets.size(), 1U);
    EXPECT_EQ(draft.loaded.settings.stall_limit, std::chrono::minutes(10));
    EXPECT_EQ(draft.loaded.settings.naming, "{ip}-{time}");
  }
}

TEST(Policy, ShippedFileIsTheDefaultsInComments) {
  const auto path = std::filesystem::path(KDUMP_SOURCE_DIR) / "config/policy.yaml";
  std::ifstream file(path);
  const std::string text(std::istreambuf_iterator<char>(file), {});
  ASSERT_FALSE(text.empty());
  EXPECT_THAT(parsed(text).errors, IsEmpty());
  // Its keys, taken in: lines that begin with '#' and no blank, and what is indented below them.
  std::string keys;
  bool in_key = false;
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\n', at);
    const std::string line = text.substr(at, end - at);
    at = end + 1;
    if (line.size() < 2 || line[0] != '#') {
      in_key = false;
    } else if (line[1] != ' ') {
      in_key = true;
    }
    if (in_key) keys += line.substr(1) + "\n";
  }
  const Draft draft = parsed(keys);
  ASSERT_THAT(draft.errors, IsEmpty()) << draft.errors.front().message();
  const Settings& settings = draft.loaded.settings;
  const Settings defaults = parsed("").loaded.settings;
  EXPECT_EQ(settings.targets.size(), 4U);
  EXPECT_EQ(settings.notify_command.size(), 4U);
  EXPECT_EQ(settings.stall_limit, defaults.stall_limit);
  EXPECT_EQ(settings.capture_limit, defaults.capture_limit);
  EXPECT_EQ(settings.hook_limit, defaults.hook_limit);
  EXPECT_EQ(settings.keep_free, defaults.keep_free);
  EXPECT_EQ(settings.when_short, defaults.when_short);
  EXPECT_EQ(settings.retention.keep, defaults.retention.keep);
  EXPECT_EQ(settings.naming, defaults.naming);
  EXPECT_EQ(settings.image_kind, defaults.image_kind);
  EXPECT_EQ(settings.prove_every, defaults.prove_every);
  // Every key is shown there.
  for (const char* name :
       {"targets", "limits.stall", "limits.capture", "limits.hook", "space.keep_free",
        "space.when_short", "retention.keep", "retention.max_bytes", "retention.max_age", "naming",
        "image", "notify", "prove_every"})
    EXPECT_EQ(draft.loaded.origins.count(name), 1U) << name;
}

TEST(Policy, Everything) {
  const Draft draft = parsed(
      "targets:\n"
      "  - sftp: kdump@backup\n"
      "    port: 2222\n"
      "    key: /root/k\n"
      "    path: /srv//crash/\n"
      "    stall_limit: 90s\n"
      "  - {nfs: 'h:/e', options: vers=4.2}\n"
      "  - kdump.conf\n"
      "  - ext4: LABEL=my disk\n"
      "  - raw: /dev/vdb\n"
      "  - vfat: UUID=12\n"
      "  - virtiofs: tag\n"
      "  - path: /var/spare\n"
      "  - ssh: a@b@[::1]\n"
      "limits: {stall: 2min, capture: 1h, hook: 30s}\n"
      "space:\n"
      "  keep_free: 20GiB\n"
      "  when_short: [stricter level, refuse]\n"
      "retention: {keep: 5, max_bytes: 100G, max_age: 30d}\n"
      "naming: '{hostname}_{time}'\n"
      "image: native\n"
      "notify: [/usr/bin/mail, -s, a b, '']\n"
      "prove_every: 0\n",
      "xfs /dev/vda1");
  ASSERT_THAT(draft.errors, IsEmpty()) << draft.errors.front().message();
  const Settings& s = draft.loaded.settings;
  EXPECT_THAT(described(s), ElementsAre("sftp kdump@backup", "nfs h:/e", "xfs /dev/vda1",
                                        "ext4 LABEL=my disk", "raw /dev/vdb", "vfat UUID=12",
                                        "virtiofs tag", "path /var/spare", "ssh a@b@[::1]"));
  EXPECT_EQ(s.targets[0].port, 2222);
  EXPECT_EQ(s.targets[0].key, "/root/k");
  EXPECT_EQ(s.targets[0].path, "/srv/crash");
  EXPECT_EQ(s.targets[0].stall_limit, std::chrono::seconds(90));
  EXPECT_EQ(s.targets[0].origin, "policy.yaml:2");
  EXPECT_EQ(s.targets[1].options, "vers=4.2");
  EXPECT_EQ(s.targets[2].origin, "kdump.conf:1");
  EXPECT_EQ(s.stall_limit, std::chrono::minutes(2));
  EXPECT_EQ(s.capture_limit, std::chrono::hours(1));
  EXPECT_EQ(s.hook_limit, std::chrono::seconds(30));
  EXPECT_EQ(s.keep_free, uint64_t{20} << 30);
  EXPECT_THAT(s.when_short, ElementsAre(WhenShort::stricter_level, WhenShort::refuse));
  EXPECT_EQ(s.retention.keep, 5U);
  EXPECT_EQ(s.retention.max_bytes, uint64_t{100} << 30);
  EXPECT_EQ(s.retention.max_age, std::chrono::hours(30 * 24));
  EXPECT_EQ(s.naming, "{hostname}_{time}");
  EXPECT_EQ(s.image_kind, ImageKind::native);
  EXPECT_THAT(s.notify_command, ElementsAre("/usr/bin/mail", "-s", "a b", ""));
  EXPECT_EQ(s.prove_every.count(), 0);
  EXPECT_EQ(draft.loaded.origins.at("limits.capture"), "policy.yaml:15");
}

TEST(Policy, KdumpConfMayBeTheDefaultPath) {
  const Draft draft = parsed("targets: [kdump.conf, {nfs: 'h:/e'}]", "path /crash");
  EXPECT_THAT(draft.errors, IsEmpty());
  EXPECT_EQ(draft.loaded.settings.targets.front().kind, TargetKind::path);
}

TEST(Policy, PathMayBeRelativeToTargetsOfTheList) {
  EXPECT_THAT(parsed("targets: [{nfs: 'h:/e'}]", "path crash").errors, IsEmpty());
  EXPECT_THAT(parsed("targets: [{nfs: 'h:/e'}, kdump.conf]", "path crash").errors,
              testing::SizeIs(1));
}

struct Bad {
  const char* text;
  const char* message;  // the first error, whole
};

const Bad kBad[] = {
    {"target: []", "policy.yaml:1:1: this file has no key 'target'; did you mean 'targets'?"},
    {"a: 1\nzzzzzzz: 1",
     "policy.yaml:1:1: this file has no key 'a'; it has targets, limits, space, retention, naming, "
     "image, notify, prove_every"},
    {"limits:\n  stal: 10min", "policy.yaml:2:3: limits has no key 'stal'; did you mean 'stall'?"},
    {"limits: 10min", "policy.yaml:1:9: limits takes 'key: value' lines"},
    {"- targets", "policy.yaml:1:1: this file takes 'key: value' lines"},
    {"image: auto\nimage: native", "policy.yaml:2:1: image is there twice; keep one of them"},
    {"[a]: 1", "policy.yaml:1:1: this file: a key is a word"},
    {"image: auto\n---\nimage: native",
     "policy.yaml:2:1: the file holds more than one YAML document"},
    {"limits: {stall: 10}",
     "policy.yaml:1:17: limits.stall is '10'; write a whole number with s, min, h or d, such as "
     "10min"},
    {"limits: {stall: 10 m}",
     "policy.yaml:1:17: limits.stall is '10 m'; write a whole number with s, min, h or d, such as "
     "10min"},
    {"limits: {stall: 0}",
     "policy.yaml:1:17: limits.stall is 0; write how long a target may stand still, such as 10min"},
    {"limits: {stall: [1s]}", "policy.yaml:1:17: limits.stall takes one value"},
    {"limits: {stall: ''}", "policy.yaml:1:17: limits.stall takes one value"},
    {"limits: {hook: 0}",
     "policy.yaml:1:16: limits.hook is 0; write how long a hook may take, such as 5min"},
    {"limits: {capture: 99999999999999999999s}",
     "policy.yaml:1:19: limits.capture is '99999999999999999999s'; write a whole number with s, "
     "min, h or d, such as 10min"},
    {"space: {keep_free: -1}",
     "policy.yaml:1:20: space.keep_free is '-1'; write a whole number with KiB, MiB, GiB or TiB, "
     "such as 20GiB"},
    {"space: {keep_free: 5%}",
     "policy.yaml:1:20: space.keep_free is '5%'; write a whole number with KiB, MiB, GiB or TiB, "
     "such as 20GiB"},
    {"space: {keep_free: 99999999TiB}",
     "policy.yaml:1:20: space.keep_free is '99999999TiB'; write a whole number with KiB, MiB, GiB "
     "or TiB, such as 20GiB"},
    {"space: {when_short: stricter}",
     "policy.yaml:1:21: space.when_short is 'stricter'; write stricter level, dmesg only or "
     "refuse"},
    {"space: {when_short: [refuse, dmesg only]}",
     "policy.yaml:1:30: space.when_short: nothing is tried after dmesg only or refuse; remove "
     "'dmesg only'"},
    {"space: {when_short: [refuse, refuse]}",
     "policy.yaml:1:30: space.when_short has 'refuse' twice"},
    {"space: {when_short: []}",
     "policy.yaml:1:21: space.when_short is empty; write stricter level, dmesg only or refuse"},
    {"retention: {keep: some}",
     "policy.yaml:1:19: retention.keep is 'some'; write a number of captures, or 0 for all of "
     "them"},
    {"naming: '{ip}'",
     "policy.yaml:1:9: naming is '{ip}'; without {time} a crash would meet the dump of another "
     "one"},
    {"naming: 'a/{time}'",
     "policy.yaml:1:9: naming is 'a/{time}'; write the name of one directory, without '/' or a dot "
     "in front"},
    {"naming: '.{time}'",
     "policy.yaml:1:9: naming is '.{time}'; write the name of one directory, without '/' or a dot "
     "in front"},
    {"naming: '{host}-{time}'",
     "policy.yaml:1:9: naming has '{host}'; it knows {ip}, {hostname} and {time}"},
    {"naming: '{time}-{'", "policy.yaml:1:9: naming has '{'; it knows {ip}, {hostname} and {time}"},
    {"naming: '{time}}'", "policy.yaml:1:9: naming has '}'; it knows {ip}, {hostname} and {time}"},
    {"naming: \"{time}\\n\"", "policy.yaml:1:9: naming holds a control character"},
    {"image: initramfs-tools",
     "policy.yaml:1:8: image is 'initramfs-tools'; write auto, native or dracut"},
    {"notify: mail root", "policy.yaml:1:9: notify takes a list: [/path/of/program, argument, …]"},
    {"notify: []", "policy.yaml:1:9: notify takes a list: [/path/of/program, argument, …]"},
    {"notify: [/bin/a, [b]]",
     "policy.yaml:1:18: notify takes a list of words: [/path/of/program, argument, …]"},
    {"notify: [mail]",
     "policy.yaml:1:9: notify runs 'mail'; write the program's whole path, from /"},
    {"prove_every: daily",
     "policy.yaml:1:14: prove_every is 'daily'; write a whole number with s, min, h or d, such as "
     "10min"},

    {"targets: kdump.conf",
     "policy.yaml:1:10: targets takes a list, first choice first: '- kdump.conf', '- sftp: "
     "user@host', …"},
    {"targets: []",
     "policy.yaml:1:10: targets takes a list, first choice first: '- kdump.conf', '- sftp: "
     "user@host', …"},
    {"targets:\n - local\n",
     "policy.yaml:2:4: a target is 'kdump.conf', for what that file says, or a map such as 'sftp: "
     "user@host'"},
    {"targets:\n - kdump.conf\n - kdump.conf\n",
     "policy.yaml:3:4: kdump.conf is in the list twice, first on line 2"},
    {"targets:\n - sftp: host\n",
     "policy.yaml:2:10: Invalid sftp destination 'host'; write user@host"},
    {"targets:\n - ext4: sda1\n",
     "policy.yaml:2:10: 'sda1' is not a device; write /dev/…, UUID=… or LABEL=…"},
    {"targets:\n - ext5: /dev/sda1\n",
     "policy.yaml:2:4: a target has no key 'ext5'; did you mean 'ext2'?"},
    {"targets:\n - sftp: a@b\n   ssh: a@b\n",
     "policy.yaml:3:9: one target is both sftp and ssh; begin each with a '-' of its own"},
    {"targets:\n - port: 22\n",
     "policy.yaml:2:4: a target needs one of ext2, ext3, ext4, xfs, btrfs, minix, vfat, virtiofs, "
     "raw, nfs, ssh, sftp, or a path on this host alone"},
    {"targets:\n - sftp: a@b\n   port: 0\n",
     "policy.yaml:3:10: port is '0'; write a number from 1 to 65535"},
    {"targets:\n - sftp: a@b\n   port: 65536\n",
     "policy.yaml:3:10: port is '65536'; write a number from 1 to 65535"},
    {"targets:\n - nfs: h:/e\n   port: 22\n",
     "policy.yaml:2:4: port goes with an ssh or sftp target, not with nfs"},
    {"targets:\n - path: /a\n   key: /k\n",
     "policy.yaml:2:4: key goes with an ssh or sftp target, not with path"},
    {"targets:\n - ssh: a@b\n   options: rw\n",
     "policy.yaml:2:4: options (of mount) go with a file system or nfs, not with ssh"},
    {"targets:\n - ssh: a@b\n   key: id_rsa\n",
     "policy.yaml:2:4: key is 'id_rsa'; write its whole path, from /"},
    {"targets:\n - raw: /dev/vdb\n   path: /a\n",
     "policy.yaml:2:4: a raw device has no path; remove the key"},
    {"targets:\n - ssh: a@b\n   path: ../a\n",
     "policy.yaml:3:10: path is '../a'; write it from '/' and without '..'"},
    {"targets:\n - ssh: a@b\n   path: a\n",
     "policy.yaml:3:10: path is 'a'; write it from '/' and without '..'"},
};

TEST(Policy, Bad) {
  for (const Bad& bad : kBad) {
    SCOPED_TRACE(bad.text);
    const Draft draft = parsed(bad.text);
    ASSERT_FALSE(draft.errors.empty());
    EXPECT_EQ(draft.errors.front().message(), bad.message);
  }
}

TEST(Policy, TargetLineThatTheListLeavesOut) {
  const char* const policy = "image: auto\ntargets:\n  - nfs: h:/e\n";
  for (const char* conf : {"\nxfs /dev/vda1", "\ndracut_args --mount \"/dev/vda1 /mnt xfs\""}) {
    const Draft draft = parsed(policy, conf);
    ASSERT_FALSE(draft.errors.empty());
    EXPECT_EQ(draft.errors.front().message(),
              "policy.yaml:2: the list of targets does not take in the one of kdump.conf:2; write "
              "'- kdump.conf' into the list, or remove that line");
  }
}

TEST(Policy, SyntaxErrorsSayWhere) {
  for (const char* text :
       {"a: [", "a: b: c", "\ta: b", "{", "a: 'x", "%YAML 9.9\n---\na: 1", "*x"}) {
    SCOPED_TRACE(text);
    const Draft draft = parsed(text);
    ASSERT_FALSE(draft.errors.empty());
    EXPECT_THAT(draft.errors.front().message(), HasSubstr("policy.yaml"));
  }
  EXPECT_EQ(parsed("a:\n  - b\n c").errors.front().message().substr(0, 31),
            "policy.yaml:3:2: not valid YAML");
}

TEST(Policy, HostileFilesEndInTime) {
  EXPECT_EQ(parsed(std::string(70'000, ' ')).errors.front().message(),
            "policy.yaml: the file is longer than 64KiB: this is no policy");
  EXPECT_EQ(parsed(std::string_view("a: \0", 4)).errors.front().message(),
            "policy.yaml: the file holds a NUL byte: this is not a text file");
  const std::string deep(60'000, '[');
  EXPECT_FALSE(parsed(deep).errors.empty());
  std::string blocks;
  for (int i = 0; i < 300; ++i)
    blocks += std::string(static_cast<size_t>(i), ' ') + "-\n";
  EXPECT_FALSE(parsed(blocks).errors.empty());
  std::string laughs = "a: &a [x, x, x, x, x, x, x, x, x]\n";
  for (char c = 'b'; c <= 'z'; ++c) {
    const std::string before(1, static_cast<char>(c - 1));
    laughs += std::string(1, c) + ": &" + c + " [*" + before;
    for (int i = 0; i < 8; ++i)
      laughs += ", *" + before;
    laughs += "]\n";
  }
  EXPECT_FALSE(parsed(laughs).errors.empty());
  EXPECT_FALSE(parsed("targets: &t [*t, *t]").errors.empty());
}

TEST(Quantity, Durations) {
  const std::pair<const char*, long> good[] = {
      {"0", 0},     {"90s", 90},   {"10min", 600}, {"10 min", 600},
      {"2h", 7200}, {"1d", 86400}, {" 3s ", 3},    {"3660d", 316'224'000}};
  for (const auto& [text, seconds] : good) {
    ASSERT_TRUE(parse_duration(text)) << text;
    EXPECT_EQ(parse_duration(text)->count(), seconds) << text;
  }
  for (const char* text : {"", "s", "1", "-1s", "1.5h", "1m", "1S", "3661d", "1s2", "0x1s"})
    EXPECT_FALSE(parse_duration(text)) << text;
  for (const char* text : {"0", "90s", "10min", "2h", "1d"})
    EXPECT_EQ(to_text(*parse_duration(text)), text);
  EXPECT_EQ(to_text(std::chrono::seconds(86400)), "1d");
}

TEST(Quantity, Sizes) {
  const std::pair<const char*, uint64_t> good[] = {{"0", 0},
                                                   {"5", 5},
                                                   {"5B", 5},
                                                   {"64MiB", 64 << 20},
                                                   {"64M", 64 << 20},
                                                   {"1 GiB", uint64_t{1} << 30},
                                                   {"2kB", 2000},
                                                   {"2GB", 2000000000},
                                                   {"16777215TiB", uint64_t{16777215} << 40}};
  for (const auto& [text, bytes] : good) {
    ASSERT_TRUE(parse_size(text)) << text;
    EXPECT_EQ(*parse_size(text), bytes) << text;
  }
  for (const char* text : {"", "MiB", "-1", "1.5G", "1mib", "16777216TiB", "1 2"})
    EXPECT_FALSE(parse_size(text)) << text;
  for (const char* text : {"0", "5", "64MiB", "1GiB", "3KiB", "2TiB"})
    EXPECT_EQ(size_text(*parse_size(text)), text);
}

}  // namespace
}  // namespace kdump
