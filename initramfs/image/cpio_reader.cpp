// read_cpio: the archive of an image that is on this host already, judged before it is trusted.
#include <algorithm>
#include <array>
#include <charconv>
#include <set>
#include <sys/stat.h>

#include "initramfs/image/cpio.h"
#include "makedump/base/units.h"

namespace kdump {

namespace {

constexpr size_t kHeaderSize = 110;
constexpr uint64_t kLongestName = 4096;                 // PATH_MAX, with the NUL
constexpr size_t kMode = 1, kSize = 6, kNameSize = 11;  // of the header's 13 numbers

class Reader {
 public:
  Reader(Bytes archive, const std::string& name) : archive_(archive), name_(name) {}

  Result<std::vector<CpioFile>> read() {
    std::vector<CpioFile> files;
    std::set<std::string> seen;
    for (;;) {
      KDUMP_TRY_ASSIGN(CpioFile file, entry());
      if (file.path == "/TRAILER!!!") break;
      if (!seen.insert(file.path).second) return bad(file.path + " is there twice");
      files.push_back(std::move(file));
    }
    const Bytes rest = archive_.subspan(at_);
    if (std::any_of(rest.begin(), rest.end(), [](std::byte b) { return b != std::byte{0}; }))
      return bad("something follows the end of the archive");
    return files;
  }

 private:
  [[nodiscard]] Error bad(const std::string& why) const {
    return {Errc::bad_input, name_ + ": at " + hex(at_) + ": " + why};
  }

  // `length` bytes, and the padding behind them.
  Result<Bytes> take(uint64_t length) {
    if (length > archive_.size() - at_) return bad("cut short");
    const Bytes bytes = archive_.subspan(at_, length);
    at_ = std::min<uint64_t>(align_up(at_ + length, 4), archive_.size());
    return bytes;
  }

  Result<CpioFile> entry() {
    if (kHeaderSize > archive_.size() - at_) return bad("cut short");
    const std::string_view header = as_text(archive_.subspan(at_, kHeaderSize));
    if (!header.starts_with("070701")) return bad("no newc header (070701)");
    std::array<uint32_t, 13> numbers{};
    for (size_t i = 0; i < numbers.size(); ++i) {
      const char* const begin = header.data() + 6 + 8 * i;
      const auto [end, error] = std::from_chars(begin, begin + 8, numbers[i], 16);
      if (error != std::errc() || end != begin + 8) return bad("a number of the header is none");
    }
    const uint64_t name_size = numbers[kNameSize];
    if (name_size < 2 || name_size > kLongestName) return bad("a name of impossible length");
    // The header is no multiple of four: name and header are padded together.
    KDUMP_TRY_ASSIGN(const Bytes named, take(kHeaderSize + name_size));
    const std::string_view name = as_text(named.subspan(kHeaderSize));
    if (name.find('\0') != name.size() - 1) return bad("a name without end");
    CpioFile file;
    file.path = "/" + std::string(name.substr(0, name.size() - 1));
    if ((file.path + "/").find("/../") != std::string::npos) return bad(file.path + " leads out");
    file.mode = numbers[kMode];
    KDUMP_TRY_ASSIGN(file.content, take(numbers[kSize]));
    return file;
  }

  Bytes archive_;
  const std::string& name_;
  uint64_t at_ = 0;
};

}  // namespace

Result<std::vector<CpioFile>> read_cpio(Bytes archive, const std::string& name) {
  return Reader(archive, name).read();
}

}  // namespace kdump
