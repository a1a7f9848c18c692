// What the admin's programs bring into the image.
#include "initramfs/image/admin_programs.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "tests/unit/temp_dir.h"

namespace kdump {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

TEST(InterpreterOf, AsTheKernelReadsIt) {
  EXPECT_THAT(interpreter_of("#!/bin/sh\necho\n"), ElementsAre("/bin/sh"));
  EXPECT_THAT(interpreter_of("#! /bin/bash -eu\n"), ElementsAre("/bin/bash"));
  EXPECT_THAT(interpreter_of("#!/usr/bin/awk -f"), ElementsAre("/usr/bin/awk"));
  EXPECT_THAT(interpreter_of("#!/usr/bin/env bash\n"), ElementsAre("/usr/bin/env", "bash"));
  EXPECT_THAT(interpreter_of("#!/usr/bin/env -S A=b bash -e\n"),
              ElementsAre("/usr/bin/env", "bash"));
  // A shell would run these itself.
  EXPECT_THAT(interpreter_of("echo hello\n"), ElementsAre("/bin/sh"));
  EXPECT_THAT(interpreter_of("#!\n"), ElementsAre("/bin/sh"));
  EXPECT_THAT(interpreter_of(""), ElementsAre("/bin/sh"));
}

class AdminPrograms : public testing::Test {
 protected:
  void put(const std::string& path, const std::string& text, mode_t mode = 0755) {
    dir_.write(path.substr(1), text);
    ASSERT_EQ(::chmod(dir_.path(path.substr(1)).c_str(), mode), 0);
  }
  void put_program(const std::string& path) { put(path, "\177ELF " + path); }

  Result<std::vector<AdminFile>> files_of(const std::string& script, bool shell = false) {
    put("/opt/hook", script);
    return admin_files({{dir_.path("opt/hook"), "/opt/hook", "kdump.conf:3: kdump_pre"}}, shell,
                       dir_.path());
  }
  std::vector<std::string> places_of(const std::string& script) {
    std::vector<std::string> places;
    const auto files = files_of(script);
    if (!files) return {files.error().message()};
    for (const AdminFile& file : *files)
      places.push_back(file.image_path);
    return places;
  }
  std::string refusal_of(const std::string& script) {
    const auto files = files_of(script);
    return files ? "taken" : files.error().message();
  }

  TempDir dir_;
};

TEST_F(AdminPrograms, AProgramComesAlone) {
  put_program("/usr/bin/busybox");
  EXPECT_THAT(places_of("\177ELF"), ElementsAre("/opt/hook"));
}

TEST_F(AdminPrograms, AScriptBringsInterpreterAndToolbox) {
  put_program("/bin/sh");
  put_program("/bin/busybox");
  put_program("/usr/bin/mkdir");
  EXPECT_THAT(places_of("#!/bin/sh\n"),
              ElementsAre("/opt/hook", "/usr/bin/busybox", "/usr/bin/sh"));
  const auto files = files_of("#!/bin/sh\n");
  ASSERT_TRUE(files);
  EXPECT_TRUE(files->at(0).script);
  EXPECT_FALSE(files->at(2).script);
  EXPECT_EQ(files->at(2).source, dir_.path("bin/sh"));
}

TEST_F(AdminPrograms, ALinkToBusyboxIsMadeThere) {
  put_program("/usr/bin/busybox");
  dir_.link("bin/sh", dir_.path("usr/bin/busybox"));
  EXPECT_THAT(places_of("#!/bin/sh\n"), ElementsAre("/opt/hook", "/usr/bin/busybox"));
}

TEST_F(AdminPrograms, WithoutBusyboxTheHostsToolsCome) {
  put_program("/bin/sh");
  put_program("/usr/bin/mkdir");
  put_program("/sbin/ip");
  put_program("/usr/bin/firefox");
  put("/usr/bin/vi", "#!/bin/sh\n");
  EXPECT_THAT(places_of("#!/bin/sh\n"),
              ElementsAre("/opt/hook", "/usr/bin/mkdir", "/usr/bin/sh", "/usr/sbin/ip"));
}

TEST_F(AdminPrograms, EnvBringsBoth) {
  put_program("/usr/bin/env");
  put_program("/usr/bin/bash");
  EXPECT_THAT(places_of("#!/usr/bin/env bash\n"),
              ElementsAre("/opt/hook", "/usr/bin/bash", "/usr/bin/env"));
}

TEST_F(AdminPrograms, WhatCannotRunInTheImageIsRefusedByFileAndLine) {
  put_program("/bin/sh");
  put_program("/usr/bin/env");
  put_program("/usr/bin/python3");
  put("/usr/bin/wrapper", "#!/bin/sh\n");
  EXPECT_THAT(refusal_of("#!/bin/zsh\n"),
              AllOf(HasSubstr("kdump.conf:3: kdump_pre: "), HasSubstr("/opt/hook: is run by "),
                    HasSubstr("/bin/zsh, which is not on this host")));
  EXPECT_THAT(refusal_of("#!/usr/bin/env zsh\n"), HasSubstr("run by zsh, which is not on"));
  EXPECT_THAT(refusal_of("#!/usr/bin/python3\n"), HasSubstr("write the script for /bin/sh"));
  EXPECT_THAT(refusal_of("#!/usr/bin/env python3\n"), HasSubstr("write the script for /bin/sh"));
  EXPECT_THAT(refusal_of("#!/usr/bin/wrapper\n"), HasSubstr("is a script itself"));
  EXPECT_THAT(refusal_of("#!sh\n"), HasSubstr("which is not on this host"));
}

TEST_F(AdminPrograms, OnePlaceIsForOneFile) {
  put_program("/bin/tool");
  put_program("/usr/bin/tool");
  const AdminProgram one{dir_.path("bin/tool"), "/bin/tool", "a"};
  const AdminProgram other{dir_.path("usr/bin/tool"), "/usr/bin/tool", "b"};
  const auto both = admin_files({one, other}, false, dir_.path());
  ASSERT_FALSE(both);
  EXPECT_THAT(both.error().message(), HasSubstr("both want to be /usr/bin/tool"));
  const auto twice = admin_files({one, one}, false, dir_.path());
  ASSERT_TRUE(twice);
  EXPECT_EQ(twice->size(), 1U);
}

TEST_F(AdminPrograms, AShellIsBusyboxsOrTheHosts) {
  EXPECT_THAT(admin_files({}, true, dir_.path()).error().message(), HasSubstr("install busybox"));
  put_program("/bin/sh");
  put_program("/bin/bash");
  auto files = admin_files({}, true, dir_.path());
  ASSERT_TRUE(files);
  ASSERT_EQ(files->size(), 1U);
  EXPECT_EQ(files->front().image_path, "/usr/bin/bash");
  put_program("/bin/busybox");
  files = admin_files({}, true, dir_.path());
  ASSERT_TRUE(files);
  ASSERT_EQ(files->size(), 1U);
  EXPECT_EQ(files->front().image_path, "/usr/bin/busybox");
}

TEST_F(AdminPrograms, SettingsAndDirectoriesSayWhich) {
  put_program("/etc/kdump/pre.d/20-second");
  put_program("/etc/kdump/pre.d/10-first");
  put("/etc/kdump/post.d/README", "read me", 0644);
  put("/etc/kdump/post.d/script~", "#!/bin/sh\n");
  put("/etc/kdump/post.d/.hidden", "#!/bin/sh\n");
  LoadedSettings loaded;
  loaded.settings.kdump_pre = "/opt/pre";
  loaded.settings.extra_bins = {"/bin/a", "/bin/b"};
  loaded.origins["kdump_pre"] = "kdump.conf:7";
  std::vector<std::string> warnings;
  std::vector<std::string> places;
  const auto programs = admin_programs(loaded, dir_.path(), warnings);
  for (const AdminProgram& program : programs)
    places.push_back(program.image_path);
  EXPECT_THAT(places, ElementsAre("/opt/pre", "/bin/a", "/bin/b", "/etc/kdump/pre.d/10-first",
                                  "/etc/kdump/pre.d/20-second"));
  EXPECT_EQ(programs.front().origin, "kdump.conf:7: kdump_pre");
  EXPECT_EQ(programs.front().source, dir_.path("opt/pre"));
  EXPECT_THAT(warnings, ElementsAre(HasSubstr("post.d/README is not run")));
}

}  // namespace
}  // namespace kdump
