#include "initramfs/image/dracut_image.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <sys/stat.h>
#include <utility>

#include "initramfs/image/cpio.h"
#include "initramfs/image/dracut_recipe.h"
#include "initramfs/image/image_record.h"
#include "makedump/base/fd.h"
#include "makedump/compress/codec.h"

namespace kdump {

namespace {

namespace fs = std::filesystem;

constexpr int kCompressionLevel = 9;  // see image_builder.cpp
constexpr size_t kLargestImage = size_t{1} << 30;
// Seconds on a fast machine. Who waits for it, waits at boot.
constexpr std::chrono::seconds kLimit{600};

// A folder of our own, for root only, that goes with everything in it.
class Scratch {
 public:
  static Result<Scratch> make(const std::string& parent) {
    std::string path = parent + "/" + kDracutScratch + "XXXXXX";
    if (::mkdtemp(path.data()) == nullptr) return Error::from_errno(path);
    return Scratch(std::move(path));
  }
  Scratch(Scratch&& other) noexcept : path_(std::exchange(other.path_, "")) {}
  Scratch& operator=(Scratch&&) = delete;
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }

  [[nodiscard]] std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  explicit Scratch(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

Result<void> stage(const std::string& root, const std::string& image_path, mode_t mode,
                   std::string_view text) {
  const std::string path = root + image_path;
  std::error_code failed;
  fs::create_directories(fs::path(path).parent_path(), failed);
  if (failed) return Error::from_errno(path, failed.value());
  return publish_file(path, as_bytes(text), mode);
}

bool is_staged(const ImageInput& input) {
  return input.mode != 0 && input.image_path != kCapturePath &&
         (input.kind == ImageInput::Kind::file || input.kind == ImageInput::Kind::program);
}

// Files that are ours to bring along, in a tree that dracut includes as it is. What decides only
// how dracut works, it reads itself.
Result<void> stage_files(const ImageRecipe& recipe, const std::string& root) {
  KDUMP_TRY(stage(root, kPlanPath, 0600, recipe.plan));
  // Drivers are loaded by udev there. What dracut is told to load comes at some time, by systemd:
  // programs of the admin's count on it.
  std::string by_name;
  const auto command = dracut_command(recipe);
  if (const auto word = std::ranges::find(command, kForceDrivers);
      word != command.end() && word + 1 != command.end())
    by_name = word[1] + "\n";
  std::ranges::replace(by_name, ' ', '\n');
  KDUMP_TRY(stage(root, kModuleListPath, 0644, by_name));
  for (const ImageInput& input : recipe.inputs) {
    if (!is_staged(input)) continue;
    KDUMP_TRY_ASSIGN(const std::string text, read_text_file(input.source, kLargestImage));
    KDUMP_TRY(stage(root, input.image_path, input.mode, text));
  }
  return {};
}

// The last line that tells of a failure, else the last one.
std::string telling_line(const std::string& words) {
  std::string last, telling;
  for (size_t at = 0; at < words.size();) {
    const size_t end = std::min(words.find('\n', at), words.size());
    std::string line = words.substr(at, end - at);
    at = end + 1;
    while (!line.empty() && (line.back() == '\r' || line.back() == ' '))
      line.pop_back();
    if (line.empty()) continue;
    if (line.find("ERROR") != std::string::npos || line.find("FAILED") != std::string::npos ||
        line.find("annot ") != std::string::npos)
      telling = line;
    last = std::move(line);
  }
  return telling.empty() ? last : telling;
}

// dracut goes on when it cannot do what it was asked for, and says so among much else.
Result<void> check_content(Bytes archive, const ImageRecipe& recipe, const std::string& log_file) {
  KDUMP_TRY_ASSIGN(const auto files, read_cpio(archive, "what dracut built"));
  std::set<std::string> names, paths;
  for (const CpioFile& file : files) {
    paths.insert(fs::path(file.path).lexically_normal());
    names.insert(fs::path(file.path).filename());
  }
  const auto missing = [&](const std::string& what) {
    return Error(Errc::bad_input,
                 "dracut built an image without " + what + " (" + log_file + " says what it did)");
  };
  // Folders at the top are links into /usr.
  const auto has = [&](const std::string& path) {
    return paths.contains(path) || paths.contains("/usr" + path);
  };
  for (const char* path :
       {kCapturePath, kMakedumpPath, kPlanPath, "/lib/systemd/system/kdump-capture.service"})
    if (!has(path)) return missing(path);
  const auto command = dracut_command(recipe);
  for (size_t at = 0; at + 1 < command.size(); ++at)
    if (command[at] == "--install")
      if (const std::string name = fs::path(command[at + 1]).filename(); !names.contains(name))
        return missing(name);
  for (const ImageInput& input : recipe.inputs)
    if (is_staged(input) && !has(input.image_path)) return missing(input.image_path);
  return {};
}

}  // namespace

Result<ImageReport> build_dracut_image(const ImageRecipe& recipe, const std::string& output,
                                       const RunDracut& run) {
  const std::string parent = fs::path(output).parent_path();
  const std::string log_file = parent + "/dracut.log";
  // 1 What is built is what was recorded: an input that changes in between makes it look outdated.
  KDUMP_TRY_ASSIGN(const ImageRecord record, record_of(recipe));
  KDUMP_TRY_ASSIGN(const Scratch scratch, Scratch::make(parent));
  KDUMP_TRY(stage_files(recipe, scratch / "files"));

  // 2 dracut, with its temporary files in our folder: they hold keys.
  std::vector<std::string> argv = dracut_command(recipe);
  for (const std::string& word :
       {std::string("--tmpdir"), scratch.path(), std::string("--include"), scratch / "files",
        std::string("/"), scratch / "image", recipe.kernel_release})
    argv.push_back(word);
  std::vector<std::string> environment = {"TMPDIR=" + scratch.path()};
  for (const ImageInput& input : recipe.inputs)
    if (input.image_path == kCapturePath) environment.push_back("KDUMPD_CAPTURE=" + input.source);
  auto done = run(argv, environment, kLimit);
  if (!done) return std::move(done).error();
  KDUMP_TRY(publish_file(log_file, as_bytes(done->words), 0600));
  if (done->status != 0)
    return Error(Errc::io, "dracut failed with status " + std::to_string(done->status) + ": " +
                               telling_line(done->words) + " (all it said is in " + log_file + ")");
  auto archive = read_text_file(scratch / "image", kLargestImage);
  if (!archive)
    return Error(Errc::io, "dracut built no image: " + telling_line(done->words) +
                               " (all it said is in " + log_file + ")");
  KDUMP_TRY(check_content(as_bytes(*archive), recipe, log_file));

  // 3 One file with the record in front, which appears whole or not at all.
  ImageReport report;
  report.unpacked_bytes = archive->size();
  const Bytes unpacked = as_bytes(*archive);
  std::vector<std::byte> packed(unpacked.begin(), unpacked.end());
  if (recipe.zstd) {
    KDUMP_TRY_ASSIGN(packed, zstd_frame(packed, kCompressionLevel));
  }
  archive->clear();
  KDUMP_TRY_ASSIGN(const std::vector<std::byte> image, with_record(record, packed));
  KDUMP_TRY(publish_file(output, image, 0600));
  report.compressed_bytes = image.size();
  for (const ImageInput& input : recipe.inputs) {
    if (input.kind == ImageInput::Kind::library) report.libraries.push_back(input.image_path);
    if (input.kind == ImageInput::Kind::module) report.modules.push_back(input.image_path);
  }
  return report;
}

}  // namespace kdump
