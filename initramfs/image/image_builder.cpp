#include "initramfs/image/image_builder.h"

#include "initramfs/image/cpio.h"
#include "initramfs/image/elf_closure.h"
#include "initramfs/image/module_file.h"
#include "makedump/base/fd.h"
#include "makedump/compress/codec.h"

namespace kdump {

namespace {

// Faster levels cost memory in the capture kernel (the packed image is there next to the unpacked
// one until it is unpacked), higher ones cost seconds at every rebuild for a few percent.
constexpr int kCompressionLevel = 9;

constexpr size_t kLargestFile = size_t{64} << 20;  // firmware has some mebibytes

// What is needed before devtmpfs is mounted, and where things get mounted.
Result<void> add_skeleton(CpioArchive& archive) {
  KDUMP_TRY(archive.add_character_device("/dev/console", 0600, 5, 1));
  KDUMP_TRY(archive.add_character_device("/dev/kmsg", 0600, 1, 11));
  KDUMP_TRY(archive.add_character_device("/dev/null", 0666, 1, 3));
  for (const char* directory :
       {"/proc", "/sys", "/run", "/tmp", "/usr/bin", "/usr/sbin", kTargetMountPoint})
    KDUMP_TRY(archive.add_directory(directory));
  // The program knows by its name what it is to be (initramfs/program).
  KDUMP_TRY(archive.add_symlink(kMakedumpPath, "/init"));
  // Scripts call programs by either path.
  KDUMP_TRY(archive.add_symlink("/bin", "usr/bin"));
  KDUMP_TRY(archive.add_symlink("/sbin", "usr/sbin"));
  return archive.add_symlink("/usr/bin/makedumpfile", "makedump");
}

Result<void> add_text(CpioArchive& archive, const std::string& path, mode_t mode,
                      const std::string& text) {
  const Bytes bytes = as_bytes(text);
  return archive.add_file(path, mode, {bytes.begin(), bytes.end()});
}

Result<std::vector<std::byte>> content_of(const ImageInput& input) {
  switch (input.kind) {
    case ImageInput::Kind::program:
    case ImageInput::Kind::library:
      return loadable_part(input.source);
    case ImageInput::Kind::module:
      return read_module_file(input.source);
    case ImageInput::Kind::file:
      break;
  }
  KDUMP_TRY_ASSIGN(const std::string text, read_text_file(input.source, kLargestFile));
  const Bytes bytes = as_bytes(text);
  return std::vector<std::byte>(bytes.begin(), bytes.end());
}

Result<void> add_inputs(CpioArchive& archive, const ImageRecipe& recipe, ImageReport& report) {
  std::string modules;
  for (const ImageInput& input : recipe.inputs) {
    KDUMP_TRY_ASSIGN(auto content, content_of(input));
    KDUMP_TRY(archive.add_file(input.image_path, input.mode, std::move(content)));
    if (input.kind == ImageInput::Kind::library) report.libraries.push_back(input.image_path);
    if (input.kind != ImageInput::Kind::module) continue;
    modules += input.image_path + (input.options.empty() ? "" : " " + input.options) + "\n";
    report.modules.push_back(input.image_path);
  }
  return add_text(archive, kModuleListPath, 0644, modules);
}

}  // namespace

Result<ImageReport> build_image(const ImageRecipe& recipe, const std::string& output) {
  ImageReport report;
  CpioArchive archive;

  // 1 What goes into it. The record's digests are taken first: an input that changes in between
  // makes an image that looks outdated, and is built once more, not one that looks right.
  KDUMP_TRY_ASSIGN(const ImageRecord record, record_of(recipe));
  KDUMP_TRY(add_skeleton(archive));
  KDUMP_TRY(add_inputs(archive, recipe, report));
  KDUMP_TRY(add_text(archive, kPlanPath, 0600, recipe.plan));

  // 2 One file of it, which appears whole or not at all.
  report.unpacked_bytes = archive.unpacked_bytes();
  std::vector<std::byte> packed = archive.encode();
  if (recipe.zstd) {
    KDUMP_TRY_ASSIGN(packed, zstd_frame(packed, kCompressionLevel));
  }
  KDUMP_TRY_ASSIGN(const std::vector<std::byte> image, with_record(record, packed));
  KDUMP_TRY(publish_file(output, image, 0600));
  report.compressed_bytes = image.size();
  return report;
}

}  // namespace kdump
