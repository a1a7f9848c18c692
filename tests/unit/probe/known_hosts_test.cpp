#include <gtest/gtest.h>

#include "daemon/probe/propagate.h"
#include "tests/unit/temp_dir.h"

namespace kdump {
namespace {

SshPublicKey new_key() {
  return SshKey::generate(SshKey::Type::ed25519).value().public_key();
}

TEST(KnownHosts, FindsTheKeysOfAHostAsOpenSshWritesThem) {
  const SshPublicKey key = new_key();
  struct Row {
    const char* names;
    SshAddress address;
    bool found;
  };
  const std::vector<Row> rows = {
      {"host", {"u", "host", 22}, true},
      {"host", {"u", "HOST", 22}, true},
      {"host", {"u", "host", 2222}, false},
      {"host", {"u", "other", 22}, false},
      {"host", {"u", "hos", 22}, false},
      {"[host]:2222", {"u", "host", 2222}, true},
      {"[host]:2222", {"u", "host", 22}, false},
      {"a,host,b", {"u", "host", 22}, true},
      {"*.example.com", {"u", "x.example.com", 22}, true},
      {"*.example.com,!x.example.com", {"u", "x.example.com", 22}, false},
      {"fe80::1", {"u", "fe80::1", 22}, true},
      {"[fe80::1]:2222", {"u", "fe80::1", 2222}, true},
      {"#host", {"u", "host", 22}, false},
      {"@cert-authority host", {"u", "host", 22}, false},
  };
  for (const Row& row : rows) {
    KnownHosts known;
    known.add_text(std::string("\n# a comment\n") + row.names + " " + key.line() + " comment\n",
                   "x");
    const auto keys = known.keys_of(row.address);
    EXPECT_EQ(keys.size(), row.found ? 1u : 0u) << row.names << " " << row.address.host;
    if (!keys.empty()) {
      EXPECT_TRUE(keys.front().key == key);
      EXPECT_EQ(keys.front().where, "x:3");
    }
  }
}

TEST(KnownHosts, LinesThatMakeNoSenseKnowNothing) {
  KnownHosts known;
  known.add_text(
      "host\nhost ssh-ed25519\nhost ssh-ed25519 %%%\n|1|x host\n@revoked\n@revoked host\n \n", "x");
  EXPECT_TRUE(known.keys_of({"u", "host", 22}).empty());
}

TEST(KnownHosts, ARevokedKeyIsRefusedAlsoWhenAnotherLineKnowsIt) {
  const SshPublicKey key = new_key();
  KnownHosts known;
  known.add_text("host " + key.line() + "\n@revoked * " + key.line() + "\n", "x");
  const auto checked = known.check({"u", "host", 22}, key);
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().message(),
            "u@host: its host key ssh-ed25519 " + key.fingerprint + " is revoked by x:2");
}

TEST(KnownHosts, OneOfSeveralKeysIsEnough) {
  const SshPublicKey first = new_key(), second = new_key();
  KnownHosts known;
  known.add_text("host " + first.line() + "\nhost " + second.line() + "\n", "x");
  EXPECT_TRUE(known.check({"u", "host", 22}, second));
  EXPECT_EQ(known.check({"u", "host", 22}, new_key()).error().code(), Errc::bad_input);
  EXPECT_EQ(known.check({"u", "other", 22}, first).error().code(), Errc::not_found);
}

TEST(PinHostKey, ReplacesTheHostsOldKeyAndKeepsOthers) {
  const TempDir dir;
  HostPaths paths;
  paths.root = dir.path();
  std::filesystem::create_directories(dir.path("var/lib"));
  const SshPublicKey old_key = new_key(), fresh = new_key(), other = new_key();
  ASSERT_TRUE(pin_host_key(paths, {"u", "host", 22}, old_key));
  ASSERT_TRUE(pin_host_key(paths, {"u", "host2", 22}, other));
  ASSERT_TRUE(pin_host_key(paths, {"u", "host", 22}, fresh));
  EXPECT_EQ(dir.content("var/lib/kdump/known_hosts"),
            "host2 " + other.line() + "\nhost " + fresh.line() + "\n");
}

TEST(SshAddress, IsWrittenAsAPersonWouldWriteIt) {
  EXPECT_EQ((SshAddress{"u", "host", 22}.describe()), "u@host");
  EXPECT_EQ((SshAddress{"u", "host", 2222}.describe()), "u@[host]:2222");
  EXPECT_EQ((SshAddress{"u", "fe80::1", 22}.describe()), "u@[fe80::1]");
  EXPECT_EQ((SshAddress{"u", "fe80::1", 22}.known_name()), "fe80::1");
}

TEST(SshConfigPort, TheFirstFileThatSaysOneCounts) {
  const TempDir dir;
  const std::string first = dir.write("a", "Host h1\n  Port 2201\n");
  const std::string second = dir.write("b", "Host h1\n  Port 2202\nHost h2\n  Port 2203\n");
  EXPECT_EQ(ssh_config_port("h1", {first, second}), 2201);
  EXPECT_EQ(ssh_config_port("h2", {first, second}), 2203);
  EXPECT_EQ(ssh_config_port("h3", {first, second, dir.path("none")}), 22);
}

TEST(ShellQuoted, IsOneWord) {
  EXPECT_EQ(shell_quoted("a b'c$d"), "'a b'\\''c$d'");
}

}  // namespace
}  // namespace kdump
