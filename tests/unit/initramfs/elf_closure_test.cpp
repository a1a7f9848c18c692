#include "initramfs/image/elf_closure.h"

#include <algorithm>
#include <gtest/gtest.h>

#include "tests/unit/temp_dir.h"

namespace kdump {
namespace {

namespace fs = std::filesystem;

// This test itself is a program with libraries.
std::string self() {
  return fs::read_symlink("/proc/self/exe");
}

bool has(const std::vector<ElfDependency>& files, const std::string& beginning) {
  return std::any_of(files.begin(), files.end(), [&](const ElfDependency& file) {
    return fs::path(file.image_path).filename().string().starts_with(beginning);
  });
}

TEST(ElfClosure, FindsTheLoaderAndEveryLibrary) {
  const auto files = elf_closure({self()});
  ASSERT_TRUE(files) << files.error().message();
  EXPECT_TRUE(has(*files, "ld-") || has(*files, "ld64.")) << "the loader";
  EXPECT_TRUE(has(*files, "libc.so."));
  EXPECT_TRUE(has(*files, "libstdc++.so."));
  EXPECT_TRUE(has(*files, "libm.so.")) << "needed by libstdc++ at the least";
  for (const ElfDependency& file : *files)
    EXPECT_TRUE(fs::exists(file.source)) << file.source;
}

TEST(ElfClosure, EverythingButTheLoaderLiesBesideLibc) {
  const auto files = elf_closure({self()});
  ASSERT_TRUE(files);
  const auto libc = std::find_if(files->begin(), files->end(), [](const ElfDependency& file) {
    return file.image_path.ends_with("/libc.so.6");
  });
  ASSERT_NE(libc, files->end());
  size_t elsewhere = 0;
  for (const ElfDependency& file : *files)
    if (fs::path(file.image_path).parent_path() != fs::path(libc->image_path).parent_path())
      ++elsewhere;
  EXPECT_LE(elsewhere, 1U);
}

TEST(ElfClosure, NamesWhatIsNoProgram) {
  const TempDir dir;
  const std::string script = dir.write("script", "#!/bin/sh\n");
  const auto files = elf_closure({script});
  ASSERT_FALSE(files);
  EXPECT_EQ(files.error().message(), script + ": not an ELF file");
  EXPECT_EQ(elf_closure({dir.path("missing")}).error().code(), Errc::not_found);
}

TEST(ElfClosure, NamesAMissingLibrary) {
  if (!have_tool("cc")) GTEST_SKIP() << "no C compiler to make a library with";
  const TempDir dir;
  dir.write("lib.c", "int f(void) { return 1; }");
  dir.write("main.c", "int f(void); int main(void) { return f(); }");
  ASSERT_TRUE(run_tool("cd " + dir.path() +
                       " && cc -shared -fPIC -o libkdumptest.so lib.c && "
                       "cc -Wl,--no-as-needed -o main main.c -L. -lkdumptest"));
  const auto missing = elf_closure({dir.path("main")});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().message(), "shared library libkdumptest.so is not on this host");

  ASSERT_TRUE(
      run_tool("cd " + dir.path() + " && cc -Wl,-rpath,'$ORIGIN' -o main main.c -L. -lkdumptest"));
  const auto found = elf_closure({dir.path("main")});
  ASSERT_TRUE(found) << found.error().message();
  EXPECT_TRUE(has(*found, "libkdumptest.so"));
}

TEST(ElfClosure, EveryCutOfAProgramIsAnErrorNotACrash) {
  const TempDir dir;
  std::ifstream in("/bin/true", std::ios::binary);
  const std::string whole((std::istreambuf_iterator<char>(in)), {});
  ASSERT_GT(whole.size(), 1000U);
  for (size_t length = 0; length < whole.size(); length += 97) {
    const std::string cut = dir.write("cut", whole.substr(0, length));
    (void)elf_closure({cut});
    (void)loadable_part(cut);
  }
}

TEST(LoadablePart, RunsWithoutSectionsAndSymbols) {
  const auto part = loadable_part(self());
  ASSERT_TRUE(part) << part.error().message();
  EXPECT_LT(part->size(), fs::file_size(self()));
  const TempDir dir;
  const std::string copy = dir.write("copy", std::string(as_text(*part)));
  fs::permissions(copy, fs::perms::owner_all);
  EXPECT_TRUE(run_tool(copy + " --gtest_list_tests"));
}

TEST(LoadablePart, LeavesOtherFilesAlone) {
  const TempDir dir;
  const std::string script(200, '#');
  const auto part = loadable_part(dir.write("script", script));
  ASSERT_TRUE(part);
  EXPECT_EQ(as_text(*part), script);
}

}  // namespace
}  // namespace kdump
