#include "daemon/captures/verify.h"

#include <algorithm>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

#include "daemon/captures/capture_files.h"
#include "makedump/base/fd.h"
#include "makedump/compress/crc32.h"

namespace kdump {

namespace {

constexpr size_t kBlock = size_t{1} << 20;

// Where the next data, or the next hole, begins; `end` where the file system cannot tell.
uint64_t seek(const Fd& fd, uint64_t at, uint64_t end, int whence) {
  const off_t found = ::lseek(fd.get(), static_cast<off_t>(at), whence);
  if (found < 0) return whence == SEEK_DATA && errno != ENXIO ? at : end;
  return std::min(static_cast<uint64_t>(found), end);
}

Verdict damaged(std::string why) {
  return {Verdict::Kind::damaged, std::move(why)};
}

}  // namespace

Result<uint32_t> crc32_of_file(const Fd& fd, const std::string& name) {
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return Error::from_errno(name);
  const auto size = static_cast<uint64_t>(status.st_size);
  std::vector<std::byte> block(kBlock);
  uint32_t crc = 0;
  for (uint64_t at = 0; at < size;) {
    const uint64_t data = std::max(at, seek(fd, at, size, SEEK_DATA));
    crc = crc32_combine(crc, crc32_of_zeros(data - at), data - at);
    const uint64_t hole = std::max(data, seek(fd, data, size, SEEK_HOLE));
    for (at = data; at < hole;) {
      const MutBytes part = MutBytes(block).first(std::min<uint64_t>(block.size(), hole - at));
      KDUMP_TRY_ASSIGN(const size_t got, pread_some(fd, part, FileOffset(at), name));
      if (got < part.size())
        return Error(Errc::bad_input, name + ": got shorter while it was read");
      crc = crc32(crc, part);
      at += got;
    }
  }
  return crc;
}

Verdict verify_capture(const Capture& capture) {
  if (capture.dump.empty()) return {Verdict::Kind::not_known, "there is no complete dump"};
  if (!capture.crc32) return {Verdict::Kind::not_known, "no manifest has its checksum"};
  if (capture.remote_target)
    return {Verdict::Kind::not_known, "it is on a server and is not fetched: 'crc32 " +
                                          capture.dump + "' there should say " +
                                          crc32_text(*capture.crc32)};
  const std::string path = capture.directory + "/" + capture.dump;
  const auto open = open_capture(capture.directory);
  if (!open) return damaged(open.error().message());
  const auto fd = open->files.open_file(capture.dump);
  if (!fd) return damaged(fd.error().message());
  struct stat status {};
  if (::fstat(fd->get(), &status) == 0 &&
      static_cast<uint64_t>(status.st_size) != capture.dump_bytes)
    return damaged("it has " + std::to_string(status.st_size) + " bytes, " +
                   std::to_string(capture.dump_bytes) + " were written");
  const auto crc = crc32_of_file(*fd, path);
  if (!crc) return damaged(crc.error().message());
  if (*crc != *capture.crc32)
    return damaged("its crc32 is " + crc32_text(*crc) + ", that of what was written " +
                   crc32_text(*capture.crc32));
  return {Verdict::Kind::ok, ""};
}

}  // namespace kdump
