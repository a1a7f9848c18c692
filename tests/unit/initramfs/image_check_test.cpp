#include "initramfs/image/image_check.h"

#include <elf.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "initramfs/image/cpio.h"
#include "initramfs/image/elf_closure.h"
#include "initramfs/image/elf_file.h"
#include "makedump/compress/codec.h"
#include "tests/unit/temp_dir.h"

namespace kdump {
namespace {

constexpr char kRelease[] = "6.1.0-56-amd64";

std::vector<std::byte> bytes_of(std::string_view text) {
  const Bytes bytes = as_bytes(text);
  return {bytes.begin(), bytes.end()};
}

// An object file with one section of content: .modinfo, as modpost makes it.
std::string fake_module(const std::string& name, const std::string& depends,
                        const std::string& release = kRelease, bool is_signed = false) {
  std::string modinfo = "license=GPL" + std::string(1, '\0') + "depends=" + depends +
                        std::string(1, '\0') + "name=" + name + std::string(1, '\0') +
                        "vermagic=" + release + " SMP preempt mod_unload modversions " +
                        std::string(1, '\0');
  const std::string names =
      std::string(1, '\0') + ".modinfo" + std::string(1, '\0') + ".shstrtab" + std::string(1, '\0');
  Elf64_Ehdr header{};
  std::copy_n("\177ELF\2\1\1", 7, header.e_ident);
  header.e_type = ET_REL;
  header.e_machine = EM_X86_64;
  header.e_version = EV_CURRENT;
  header.e_ehsize = sizeof(header);
  header.e_shentsize = sizeof(Elf64_Shdr);
  header.e_shnum = 3;
  header.e_shstrndx = 2;
  std::array<Elf64_Shdr, 3> sections{};
  sections[1] = {1, SHT_PROGBITS, 0, 0, sizeof(header), modinfo.size(), 0, 0, 1, 0};
  sections[2] = {10, SHT_STRTAB, 0, 0, sizeof(header) + modinfo.size(), names.size(), 0, 0, 1, 0};
  header.e_shoff = sizeof(header) + modinfo.size() + names.size();
  std::string file(reinterpret_cast<const char*>(&header), sizeof(header));
  file += modinfo + names;
  file.append(reinterpret_cast<const char*>(sections.data()), sizeof(sections));
  if (is_signed) file += "PKCS#7~Module signature appended~\n";
  return file;
}

class ImageCheck : public testing::Test {
 protected:
  ImageCheck() {
    CapturePlan plan;
    plan.targets.emplace_back();
    plan.targets.front().device = "UUID=1";
    plan.targets.front().filesystem = "ext4";
    plan.targets.front().directory = "/var/crash";
    plan.core_collector = {kMakedumpPath};
    files_[kPlanPath] = encode(plan);
    files_[kModuleListPath] = "/lib/a.ko\n/lib/b.ko opt=1 x\n";
    files_["/lib/a.ko"] = fake_module("a", "");
    files_["/lib/b.ko"] = fake_module("b-c", "a", kRelease, true);
    // This test is a program with libraries.
    const std::string self = std::filesystem::read_symlink("/proc/self/exe");
    const auto content = read(self);
    files_["/init"] = content;
    files_[kMakedumpPath] = content;
    const auto closure = elf_closure({self});
    for (const ElfDependency& library : *closure)
      files_[library.image_path] = read(library.source);
    libraries_ = closure->size();
  }

  static std::string read(const std::string& path) {
    const auto part = loadable_part(path);
    return part ? std::string(as_text(*part)) : "";
  }

  Result<ImageContents> inspect() {
    CpioArchive archive;
    for (const auto& [path, content] : files_)
      EXPECT_TRUE(archive.add_file(path, path == not_executable_ ? 0644 : 0755, bytes_of(content)));
    for (const auto& [path, target] : links_)
      EXPECT_TRUE(archive.add_symlink(path, target));
    auto encoded = archive.encode();
    if (packed_) encoded = *zstd_frame(encoded, 1);
    return inspect_image(dir_.write("image", std::string(as_text(encoded))), kRelease);
  }

  std::map<std::string, std::string> files_, links_;
  std::string not_executable_;
  size_t libraries_ = 0;
  bool packed_ = false;
  TempDir dir_;
};

TEST_F(ImageCheck, AWholeImageHasNothingToComplainAbout) {
  for (const bool packed : {false, true}) {
    packed_ = packed;
    const auto contents = inspect();
    ASSERT_TRUE(contents) << contents.error().message();
    EXPECT_EQ(contents->program_problems, std::vector<std::string>{});
    EXPECT_EQ(contents->module_problems, std::vector<std::string>{});
    EXPECT_EQ(contents->programs, 2U);
    EXPECT_EQ(contents->libraries, libraries_);
    EXPECT_EQ(contents->modules, (std::vector<std::string>{"a", "b_c"}));
    EXPECT_EQ(contents->unsigned_modules, std::vector<std::string>{"a"});
    EXPECT_EQ(contents->plan.targets.front().device, "UUID=1");
    EXPECT_GT(contents->unpacked_bytes, 1000U);
  }
}

TEST_F(ImageCheck, AnImageThatDracutBuiltHasLinksAndNoListOfModules) {
  CapturePlan plan = *decode_capture_plan(files_[kPlanPath], "plan");
  plan.image = ImageKind::dracut;
  files_[kPlanPath] = encode(plan);
  files_.erase(kModuleListPath);
  files_["/usr/bin/kdump-capture"] = files_["/init"];
  files_.erase("/init");
  files_[std::string("/usr/lib/modules/") + kRelease + "/kernel/dm-mod.ko.xz"] = "packed";
  // Libraries under their full names in /usr, with links to them; /lib is a link as well.
  std::map<std::string, std::string> moved;
  for (const auto& [path, content] : files_) {
    const bool is_library = path.find(".so") != std::string::npos;
    const std::string to = is_library && !path.starts_with("/usr/") ? "/usr" + path : path;
    moved[is_library ? to + ".full" : to] = content;
    if (is_library) links_[to] = std::filesystem::path(to + ".full").filename();
  }
  files_ = moved;
  const auto contents = inspect();
  ASSERT_TRUE(contents) << contents.error().message();
  EXPECT_EQ(contents->program_problems, std::vector<std::string>{});
  EXPECT_EQ(contents->module_problems, std::vector<std::string>{});
  EXPECT_EQ(contents->modules, std::vector<std::string>{"dm_mod"});
  EXPECT_EQ(contents->programs, 2U);

  files_.erase("/usr/bin/kdump-capture");
  EXPECT_EQ(inspect()->program_problems,
            std::vector<std::string>{"/usr/bin/kdump-capture is not in it"});
}

TEST_F(ImageCheck, NamesEveryLibraryThatIsMissing) {
  std::erase_if(
      files_, [](const auto& file) { return file.first.find("/libc.so.6") != std::string::npos; });
  const auto contents = inspect();
  ASSERT_TRUE(contents);
  ASSERT_FALSE(contents->program_problems.empty());
  EXPECT_EQ(contents->program_problems[0].substr(0, 38), "/init needs libc.so.6, which is not in");
}

TEST_F(ImageCheck, NamesWhatDoesNotRun) {
  not_executable_ = "/init";
  files_[kMakedumpPath] = "#!/bin/sh\n";
  const auto contents = inspect();
  ASSERT_TRUE(contents);
  EXPECT_EQ(contents->program_problems,
            (std::vector<std::string>{"/init is not in it", "/usr/bin/makedump: not an ELF file"}));
}

TEST_F(ImageCheck, NamesModulesThatCannotBeLoaded) {
  files_[kModuleListPath] = "/lib/b.ko\n/lib/a.ko\n/lib/gone.ko\n/lib/text.ko\n/lib/old.ko\n";
  files_["/lib/text.ko"] = "text";
  files_["/lib/old.ko"] = fake_module("old", "", "6.1.0-55-amd64");
  const auto contents = inspect();
  ASSERT_TRUE(contents);
  EXPECT_EQ(
      contents->module_problems,
      (std::vector<std::string>{"/lib/b.ko needs a, which is not loaded before it",
                                "/lib/gone.ko is not in it", "/lib/text.ko: not an ELF file",
                                "/lib/old.ko is for kernel 6.1.0-55-amd64, not 6.1.0-56-amd64"}));
}

TEST_F(ImageCheck, RefusesWhatIsNoImage) {
  const auto message = [&](const std::string& content) {
    const auto contents = inspect_image(dir_.write("image", content), kRelease);
    return contents ? "" : contents.error().message();
  };
  const std::string path = dir_.path("image");
  EXPECT_EQ(message(""), path +
                             ": the capture image is damaged (it is empty); 'kdumpctl rebuild' "
                             "makes a new one");
  EXPECT_EQ(message("\x28\xb5\x2f\xfdxxx"), path + ": compressed file is damaged");
  EXPECT_EQ(message(std::string(200, 'x')), path + ": at 0x0: no newc header (070701)");
  files_.erase(kPlanPath);
  EXPECT_EQ(inspect().error().message(), path + ": it holds no /etc/kdump/capture.plan");
  EXPECT_EQ(inspect_image(dir_.path("none"), kRelease).error().code(), Errc::not_found);
}

TEST(CpioReader, GivesBackWhatWasWritten) {
  CpioArchive archive;
  ASSERT_TRUE(archive.add_file("/init", 0755, bytes_of("program")));
  ASSERT_TRUE(archive.add_symlink("/usr/bin/makedumpfile", "makedump"));
  ASSERT_TRUE(archive.add_character_device("/dev/kmsg", 0600, 1, 11));
  const auto encoded = archive.encode();
  const auto files = read_cpio(encoded, "image");
  ASSERT_TRUE(files) << files.error().message();
  std::string text;
  for (const CpioFile& file : *files)
    text += file.path + " " + std::to_string(file.mode & S_IFMT) + " " +
            std::string(as_text(file.content)) + "\n";
  EXPECT_EQ(text,
            "/dev 16384 \n/dev/kmsg 8192 \n/init 32768 program\n/usr 16384 \n/usr/bin 16384 \n"
            "/usr/bin/makedumpfile 40960 makedump\n");
}

TEST(CpioReader, NoCutAndNoChangedByteLeadsAstray) {
  CpioArchive archive;
  ASSERT_TRUE(archive.add_file("/a", 0644, bytes_of("content")));
  ASSERT_TRUE(archive.add_file("/b", 0644, bytes_of("more")));
  const auto encoded = archive.encode();
  for (size_t length = 0; length + 4 < encoded.size(); ++length) {
    const std::vector<std::byte> cut(encoded.begin(),
                                     encoded.begin() + static_cast<ptrdiff_t>(length));
    EXPECT_FALSE(read_cpio(cut, "image")) << length;
  }
  for (size_t at = 0; at < encoded.size(); ++at)
    for (const char c : {'\0', 'F', '/', '.'}) {
      auto changed = encoded;
      changed[at] = static_cast<std::byte>(c);
      (void)read_cpio(changed, "image");  // under the sanitizers: reads nothing outside
    }
}

TEST(CpioReader, RefusesPathsThatLeadElsewhere) {
  const auto with_names = [](const std::string& one, const std::string& other) {
    CpioArchive archive;
    EXPECT_TRUE(archive.add_file("/aa", 0644, bytes_of("1")));
    EXPECT_TRUE(archive.add_file("/bb", 0644, bytes_of("2")));
    const auto encoded = archive.encode();
    std::string text(as_text(encoded));
    text.replace(text.find("aa"), 2, one);
    text.replace(text.find("bb"), 2, other);
    const auto files = read_cpio(as_bytes(text), "image");
    return files ? "" : files.error().message();
  };
  EXPECT_EQ(with_names("aa", "bb"), "");
  EXPECT_EQ(with_names("..", "bb"), "image: at 0x74: /.. leads out");
  EXPECT_EQ(with_names("xy", "xy"), "image: at 0xf0: /xy is there twice");
}

}  // namespace
}  // namespace kdump
