// /etc/sysconfig/kdump read as data: where a value is one, what sh makes of it.
#include "config/sysconfig.h"

#include <gmock/gmock.h>

#include "config/assignments.h"
#include "tests/unit/temp_dir.h"

namespace kdump {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct Word {
  const char* text;
  const char* value;  // of A
};

const Word kWords[] = {
    {"A=b", "b"},
    {"A=", ""},
    {"A=\"\"", ""},
    {"  A=b  # c", "b"},
    {"A=b#c", "b#c"},
    {"A=\"b # c\"", "b # c"},
    {"A='b \"c\" $d `e`'", "b \"c\" $d `e`"},
    {"A=\"b 'c'\"", "b 'c'"},
    {"A=b'c d'\"e f\"g", "bc de fg"},
    {"A=\"b\\\"c\\$d\\`e\\\\f\\g\"", "b\"c$d`e\\f\\g"},
    {"A=b\\ c\\$d", "b c$d"},
    {"A=\"b \\\nc\"", "b c"},
    {"A=b\\\nc", "bc"},
    {"A=\"b\nc\"", "b\nc"},
    {"A='b\nc'", "b\nc"},
    {"export A=b", "b"},
    {"export\tA=b", "b"},
    {"A=b; B=c", "b"},
    {"B=c A=b", "b"},
    {"A=b\nA=c", "c"},
    {"A=b\nA+=c\nA+=\" d\"", "bc d"},
    {"A+=b", "b"},
    {"# A=x\n\n#\nA=b\n", "b"},
    {"A=b\r\nB=c\r\n", "b"},
    {"A=$", "$"},
    {"A=\"5$\"", "5$"},
    {"A=a=b", "a=b"},
    {"_1=x\nA=b", "b"},
};

TEST(Assignments, Values) {
  for (const Word& word : kWords) {
    SCOPED_TRACE(word.text);
    const Assignments read = read_assignments(word.text, "file");
    ASSERT_THAT(read.errors, IsEmpty()) << read.errors.front().message();
    ASSERT_NE(read.find("A"), nullptr);
    EXPECT_EQ(read.find("A")->value, word.value);
  }
}

// The same, from a real shell.
TEST(Assignments, ValuesAreThoseOfAShell) {
  if (!have_tool("bash")) GTEST_SKIP() << "no bash here";
  for (const Word& word : kWords) {
    if (std::string_view(word.text).find('\r') != std::string_view::npos) continue;
    SCOPED_TRACE(word.text);
    const TempDir dir;
    dir.write("file", word.text);
    dir.write("script", ". ./file; printf %s \"$A\" > value");
    ASSERT_TRUE(run_tool("cd " + dir.path() + " && bash script"));
    EXPECT_EQ(dir.content("value"), word.value);
  }
}

struct Refused {
  const char* text;
  const char* message;
};

constexpr char kNeedsShell[] =
    ": $… stands for something that only a shell knows; this file is read as data, not run: write "
    "the value itself, or \\$ for the letter";
constexpr char kRuns[] =
    "would run a command; this file is read as data, not run: write the value itself";

const Refused kRefused[] = {
    {"A=$(id)",
     "file:1: $(…) would run a command; this file is read as data, not run: write the "
     "value itself"},
    {"\nA=\"x $(id)\"",
     "file:2: $(…) would run a command; this file is read as data, not run: "
     "write the value itself"},
    {"A=`id`",
     "file:1: `…` would run a command; this file is read as data, not run: write the "
     "value itself"},
    {"A=${B:-c}",
     "file:1: $… stands for something that only a shell knows; this file is read as "
     "data, not run: write the value itself, or \\$ for the letter"},
    {"if true; then A=b; fi",
     "file:1: 'if' is not NAME=\"value\": this file is read as data, not run as shell"},
    {"[ -e /x ] && A=b",
     "file:1: '[' is not NAME=\"value\": this file is read as data, not run as shell"},
    {". /etc/other",
     "file:1: '.' is not NAME=\"value\": this file is read as data, not run as "
     "shell"},
    {"A = b", "file:1: 'A' is not NAME=\"value\": this file is read as data, not run as shell"},
    {"A=b | c", "file:1: '|' is not NAME=\"value\": this file is read as data, not run as shell"},
    {"A=b|c", "file:1: '|' needs quotes around it: write NAME=\"value\""},
    {"A=(b c)", "file:1: '(' needs quotes around it: write NAME=\"value\""},
    {"A=<b", "file:1: '<' needs quotes around it: write NAME=\"value\""},
    {"A=b&", "file:1: '&' needs quotes around it: write NAME=\"value\""},
    {"A=\"b\nc", "file:1: the quote \" is left open"},
    {"\n\nA='b", "file:3: the quote ' is left open"},
    {"1A=b", "file:1: '1A=b' is not NAME=\"value\": this file is read as data, not run as shell"},
    {"A-B=c",
     "file:1: 'A-B=c' is not NAME=\"value\": this file is read as data, not run as "
     "shell"},
};

TEST(Assignments, WhatNeedsAShellIsRefused) {
  for (const Refused& refused : kRefused) {
    SCOPED_TRACE(refused.text);
    const Assignments read = read_assignments(refused.text, "file");
    ASSERT_FALSE(read.errors.empty());
    EXPECT_EQ(read.errors.front().message(), refused.message);
  }
  for (const char* text : {"A=$B", "A=\"$B\"", "A=x$B", "A=$1", "A=$@", "A=\"$$\"", "A=$'x'"}) {
    SCOPED_TRACE(text);
    const Assignments read = read_assignments(text, "file");
    ASSERT_EQ(read.errors.size(), 1U);
    EXPECT_EQ(read.errors.front().message(), std::string("file:1") + kNeedsShell);
  }
  EXPECT_EQ(read_assignments("A=`x`\nB=$(y)\n", "f").errors.size(), 2U);
  EXPECT_THAT(read_assignments("A=`x`", "f").errors.front().message(), testing::EndsWith(kRuns));
}

TEST(Assignments, HostileFilesEndInTime) {
  std::string text;
  for (int i = 0; i < 100'000; ++i)
    text += "A+=x\n";
  EXPECT_EQ(read_assignments(text, "f").find("A")->value.size(), 100'000U);
  text.clear();
  for (int i = 0; i < 100'000; ++i)
    text += "A" + std::to_string(i) + "=\n";
  EXPECT_EQ(read_assignments(text, "f").all.size(), 100'000U);
}

Draft parsed(std::string_view text) {
  Draft draft;
  read_sysconfig(text, "kdump", draft);
  return draft;
}

TEST(Sysconfig, EveryVariable) {
  const Draft draft = parsed(
      "KDUMP_KERNELVER=6.1.0-1\n"
      "KDUMP_COMMANDLINE=\"ro console=ttyS0\"\n"
      "KDUMP_COMMANDLINE_REMOVE=\"quiet debug\"\n"
      "KDUMP_COMMANDLINE_APPEND=\"nr_cpus=1 a=\\\"b c\\\"\"\n"
      "FADUMP_COMMANDLINE_APPEND=nr_cpus=16\n"
      "KEXEC_ARGS=\"-s\"\n"
      "KDUMP_BOOTDIR=/boot/efi\n"
      "KDUMP_IMG=Image\n"
      "KDUMP_IMG_EXT=.gz\n"
      "VMCORE_CREATION_NOTIFICATION=no\n"
      "KDUMP_STDLOGLVL=4\nKDUMP_SYSLOGLVL=2\nKDUMP_KMSGLOGLVL=1\n");
  ASSERT_THAT(draft.errors, IsEmpty());
  EXPECT_THAT(draft.loaded.warnings, IsEmpty());
  const Sysconfig& s = draft.loaded.settings.sysconfig;
  EXPECT_EQ(s.kernel_release, "6.1.0-1");
  EXPECT_EQ(s.command_line, "ro console=ttyS0");
  EXPECT_EQ(s.remove, "quiet debug");
  EXPECT_EQ(s.append, "nr_cpus=1 a=\"b c\"");
  EXPECT_EQ(s.fadump_append, "nr_cpus=16");
  EXPECT_EQ(s.kexec_args, "-s");
  EXPECT_EQ(s.boot_directory, "/boot/efi");
  EXPECT_EQ(s.image, "Image");
  EXPECT_EQ(s.image_extension, ".gz");
  EXPECT_FALSE(s.creation_notification);
  EXPECT_EQ(s.std_log_level, 4);
  EXPECT_EQ(s.sys_log_level, 2);
  EXPECT_EQ(s.kmsg_log_level, 1);
  EXPECT_EQ(draft.loaded.origins.at("KDUMP_IMG_EXT"), "kdump:9");
  EXPECT_EQ(draft.loaded.origins.size(), 13U);
}

TEST(Sysconfig, EmptyIsNotAbsent) {
  const Sysconfig& set = parsed("KDUMP_COMMANDLINE_REMOVE=\"\"").loaded.settings.sysconfig;
  EXPECT_EQ(set.remove, "");
  EXPECT_EQ(set.append, std::nullopt);
}

TEST(Sysconfig, BadValues) {
  const Refused bad[] = {
      {"KDUMP_STDLOGLVL=5", "kdump:1: KDUMP_STDLOGLVL is '5'; write a number from 0 to 4"},
      {"KDUMP_SYSLOGLVL=", "kdump:1: KDUMP_SYSLOGLVL is ''; write a number from 0 to 4"},
      {"KDUMP_KMSGLOGLVL=-1", "kdump:1: KDUMP_KMSGLOGLVL is '-1'; write a number from 0 to 4"},
      {"KDUMP_KERNELVER=../x", "kdump:1: KDUMP_KERNELVER is '../x'; write a name without '/'"},
      {"\nKDUMP_IMG=a/b", "kdump:2: KDUMP_IMG is 'a/b'; write a name without '/'"},
      {"KDUMP_IMG=", "kdump:1: KDUMP_IMG is empty; write vmlinuz, or remove the line"},
      {"KDUMP_IMG_EXT=/", "kdump:1: KDUMP_IMG_EXT is '/'; write a name without '/'"},
      {"KDUMP_BOOTDIR=boot", "kdump:1: KDUMP_BOOTDIR is 'boot'; write a path from /"},
      {"KDUMP_COMMANDLINE=a\x01", "kdump:1: KDUMP_COMMANDLINE holds a control character"},
  };
  for (const Refused& refused : bad) {
    SCOPED_TRACE(refused.text);
    const Draft draft = parsed(refused.text);
    ASSERT_EQ(draft.errors.size(), 1U);
    EXPECT_EQ(draft.errors.front().message(), refused.message);
  }
}

TEST(Sysconfig, Warnings) {
  const Refused warned[] = {
      {"KDUMP_COMANDLINE=x",
       "kdump:1: KDUMP_COMANDLINE is not known and has no effect; did you "
       "mean 'KDUMP_COMMANDLINE'?"},
      {"KDUMP_MYSTERIOUS_THING=x",
       "kdump:1: KDUMP_MYSTERIOUS_THING is not known and has no effect"},
      {"KEXEC_ARGS='-s --no-checks'",
       "kdump:1: KEXEC_ARGS: '--no-checks' has no effect: kdumpd does not run kexec, it loads the "
       "kernel itself"},
      {"KDUMP_SAVEDIR=file:///var/crash\nKDUMP_STDLOGLVL=9",
       "kdump: this is the file of openSUSE's kdump, and is not used; 'kdumpctl config import "
       "--from suse' makes kdumpd's files of it"},
  };
  for (const Refused& warning : warned) {
    SCOPED_TRACE(warning.text);
    const Draft draft = parsed(warning.text);
    EXPECT_THAT(draft.errors, IsEmpty());
    EXPECT_THAT(draft.loaded.warnings, ElementsAre(warning.message));
  }
  EXPECT_THAT(parsed("MY_OWN=1\nPATH=/bin").loaded.warnings, IsEmpty());
}

TEST(Sysconfig, MissingFileSetsNothing) {
  const auto sysconfig = load_sysconfig("/nonexistent/kdump");
  ASSERT_TRUE(sysconfig);
  EXPECT_EQ(sysconfig->append, std::nullopt);
  EXPECT_EQ(sysconfig->image, "vmlinuz");
}

// What RHEL ships: its words are this machine's defaults.
TEST(Sysconfig, CommandLineSettingsComeFromIt) {
  Settings settings;
  auto line = command_line_settings(settings, "x86_64");
  ASSERT_TRUE(line);
  EXPECT_THAT(line->append, testing::HasSubstr("nr_cpus=1"));
  settings.sysconfig.command_line = "ro";
  settings.sysconfig.remove = "a";
  settings.sysconfig.append = "";
  line = command_line_settings(settings, "m68k");  // needs no defaults now
  ASSERT_TRUE(line);
  EXPECT_EQ(line->base, "ro");
  EXPECT_EQ(line->remove, "a");
  EXPECT_EQ(line->append, "");
  settings.sysconfig.remove.reset();
  EXPECT_FALSE(command_line_settings(settings, "m68k"));
}

}  // namespace
}  // namespace kdump
