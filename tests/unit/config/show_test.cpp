#include "config/show.h"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "config/kdump_conf.h"
#include "config/policy.h"
#include "config/sysconfig.h"

namespace kdump {
namespace {

using testing::ContainsRegex;

LoadedSettings loaded(std::string_view conf, std::string_view policy, std::string_view sysconfig) {
  Draft draft;
  read_kdump_conf(conf, "kdump.conf", draft);
  read_policy(policy, "policy.yaml", draft);
  read_sysconfig(sysconfig, "kdump", draft);
  finish(draft);
  EXPECT_TRUE(draft.errors.empty()) << draft.errors.front().message();
  return draft.loaded;
}

// Set to something that is no default, each setting shows it and where it comes from.
TEST(Show, EverySetting) {
  const LoadedSettings all = loaded(
      "nfs h:/e\npath /crash\ncore_collector makedumpfile -c\nfailure_action shell\n"
      "final_action halt\nforce_rebuild 1\nsshkey /k\nkdump_pre /a\nkdump_post /b\n"
      "kdump_emergency /c\nextra_bins /d /e\nextra_modules f g\ndracut_args -x \"y z\"\n"
      "fence_kdump_nodes n1 n2\nfence_kdump_args -p 1\nauto_reset_crashkernel no\n",
      "targets:\n - kdump.conf\n - sftp: a@b\n   port: 23\n   key: /key\n   path: /p\n"
      "   stall_limit: 1min\n"
      "limits: {stall: 2min, capture: 1h, hook: 3min}\nspace: {keep_free: 1GiB, when_short: "
      "refuse}\n"
      "retention: {keep: 1, max_bytes: 2GiB, max_age: 3d}\nnaming: 'x{time}'\nimage: native\n"
      "notify: [/bin/n, 'o p']\nprove_every: 2d\n",
      "KDUMP_KERNELVER=1\nKDUMP_COMMANDLINE=ro\nKDUMP_COMMANDLINE_REMOVE=\nKDUMP_COMMANDLINE_"
      "APPEND=q\n"
      "FADUMP_COMMANDLINE_APPEND=r\nKEXEC_ARGS=-s\nKDUMP_BOOTDIR=/"
      "b\nKDUMP_IMG=i\nKDUMP_IMG_EXT=.g\n"
      "VMCORE_CREATION_NOTIFICATION=no\nKDUMP_STDLOGLVL=1\nKDUMP_SYSLOGLVL=2\nKDUMP_KMSGLOGLVL="
      "4\n");
  const std::pair<const char*, const char*> wanted[] = {
      {"targets\\[0\\]", "nfs h:/e  .*kdump.conf:1"},
      {"targets\\[1\\]", "sftp a@b, port 23, key /key, path /p, stall_limit 1min  .*policy.yaml:3"},
      {"path", "/crash .*kdump.conf:2"},
      {"core_collector", "makedumpfile -c .*kdump.conf:3"},
      {"failure_action", "shell .*kdump.conf:4"},
      {"final_action", "halt .*kdump.conf:5"},
      {"force_rebuild", "1 .*kdump.conf:6"},
      {"force_no_rebuild", "0 .*default"},
      {"sshkey", "/k .*kdump.conf:7"},
      {"kdump_pre", "/a .*kdump.conf:8"},
      {"kdump_post", "/b .*kdump.conf:9"},
      {"kdump_emergency", "/c .*kdump.conf:10"},
      {"extra_bins", "/d /e .*kdump.conf:11"},
      {"extra_modules", "f g .*kdump.conf:12"},
      {"dracut_args", "-x \"y z\" .*kdump.conf:13"},
      {"fence_kdump_nodes", "n1 n2 .*kdump.conf:14"},
      {"fence_kdump_args", "-p 1 .*kdump.conf:15"},
      {"auto_reset_crashkernel", "no .*kdump.conf:16"},
      {"limits.stall", "2min .*policy.yaml:8"},
      {"limits.capture", "1h .*policy.yaml:8"},
      {"limits.hook", "3min .*policy.yaml:8"},
      {"space.keep_free", "1GiB .*policy.yaml:9"},
      {"space.when_short", "refuse .*policy.yaml:9"},
      {"retention.keep", "1 .*policy.yaml:10"},
      {"retention.max_bytes", "2GiB .*policy.yaml:10"},
      {"retention.max_age", "3d .*policy.yaml:10"},
      {"naming", "x.time. .*policy.yaml:11"},
      {"image", "native .*policy.yaml:12"},
      {"notify", "/bin/n \"o p\" .*policy.yaml:13"},
      {"prove_every", "2d .*policy.yaml:14"},
      {"KDUMP_KERNELVER", "1 .*kdump:1"},
      {"KDUMP_COMMANDLINE", "ro .*kdump:2"},
      {"KDUMP_COMMANDLINE_REMOVE", "\"\" .*kdump:3"},
      {"KDUMP_COMMANDLINE_APPEND", "\"q\" .*kdump:4"},
      {"FADUMP_COMMANDLINE_APPEND", "\"r\" .*kdump:5"},
      {"KEXEC_ARGS", "-s .*kdump:6"},
      {"KDUMP_BOOTDIR", "/b .*kdump:7"},
      {"KDUMP_IMG", "i .*kdump:8"},
      {"KDUMP_IMG_EXT", ".g .*kdump:9"},
      {"VMCORE_CREATION_NOTIFICATION", "no .*kdump:10"},
      {"KDUMP_STDLOGLVL", "1 .*kdump:11"},
      {"KDUMP_SYSLOGLVL", "2 .*kdump:12"},
      {"KDUMP_KMSGLOGLVL", "4 .*kdump:13"},
  };
  const std::string text = "\n" + settings_text(all);
  for (const auto& [name, rest] : wanted)
    EXPECT_THAT(text, ContainsRegex("\n" + std::string(name) + " +" + rest + "\n"));
  EXPECT_EQ(std::ranges::count(text, '\n') - 1, static_cast<long>(std::size(wanted)));
  EXPECT_EQ(nlohmann::json::parse(settings_json(all))["settings"].size(), std::size(wanted));
}

TEST(Show, JsonHasUnits) {
  const auto json = nlohmann::json::parse(settings_json(loaded("default halt", "", "")));
  const auto& settings = json["settings"];
  EXPECT_EQ(settings["limits.stall"]["value"], 600);
  EXPECT_EQ(settings["space.keep_free"]["value"], 64 << 20);
  EXPECT_EQ(settings["force_rebuild"]["value"], false);
  EXPECT_EQ(settings["path"]["origin"], nullptr);
  EXPECT_EQ(settings["kdump_pre"]["value"], nullptr);
  EXPECT_EQ(settings["failure_action"]["origin"], "kdump.conf:1");
  EXPECT_EQ(settings["targets[0]"]["value"]["target"], "path /var/crash");
  EXPECT_EQ(settings["core_collector"]["value"].size(), 6U);
  EXPECT_EQ(json["warnings"].size(), 2U);
}

TEST(Show, BytesThatAreNoText) {
  EXPECT_TRUE(nlohmann::json::accept(settings_json(loaded("path /a\xff", "", ""))));
}

}  // namespace
}  // namespace kdump
