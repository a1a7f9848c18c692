#include "initramfs/image/digest.h"

#include <fcntl.h>
#include <memory>
#include <vector>
#include <xxhash.h>

namespace kdump {

namespace {

struct FreeState {
  void operator()(XXH3_state_t* state) const { XXH3_freeState(state); }
};

std::string as_hex(XXH128_hash_t hash) {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, hash);
  std::string text;
  for (const unsigned char byte : canonical.digest) {
    constexpr char kDigits[] = "0123456789abcdef";
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

}  // namespace

std::string content_digest(Bytes content) {
  return as_hex(XXH3_128bits(content.data(), content.size()));
}

Result<FileDigest> file_digest(const Fd& fd, const std::string& name) {
  const std::unique_ptr<XXH3_state_t, FreeState> state(XXH3_createState());
  if (!state) return Error(Errc::no_memory, name + ": digest");
  (void)XXH3_128bits_reset(state.get());
  std::vector<std::byte> buffer(size_t{256} << 10);
  FileDigest result;
  for (;;) {
    KDUMP_TRY_ASSIGN(const size_t n, pread_some(fd, buffer, FileOffset(result.bytes), name));
    (void)XXH3_128bits_update(state.get(), buffer.data(), n);
    result.bytes += n;
    if (n < buffer.size()) break;
  }
  result.digest = as_hex(XXH3_128bits_digest(state.get()));
  return result;
}

Result<FileDigest> file_digest(const std::string& path) {
  KDUMP_TRY_ASSIGN(const Fd fd, open_file(path, O_RDONLY));
  return file_digest(fd, path);
}

}  // namespace kdump
