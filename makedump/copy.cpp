#include "makedump/copy.h"

#include <algorithm>
#include <fcntl.h>
#include <sys/stat.h>
#include <vector>

#include "makedump/base/fd.h"
#include "makedump/output.h"
#include "makedump/progress.h"
#include "makedump/summary.h"

namespace kdump {

namespace {

constexpr size_t kBlock = size_t{1} << 20;
constexpr size_t kPage = 4096;

bool is_zero(Bytes bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
}

class Copier {
 public:
  Copier(const Fd& vmcore, const std::string& name, Sink& sink)
      : vmcore_(vmcore), name_(name), sink_(sink) {}

  // Nothing at the end of the vmcore.
  Result<size_t> copy_block(uint64_t at) {
    const auto got = pread_some(vmcore_, block_, FileOffset(at), name_);
    if (got) {
      KDUMP_TRY(write(at, Bytes(block_).first(*got)));
      return *got;
    }
    return copy_pages(at);
  }

  CopyReport report;

 private:
  // Some of the block cannot be read: as much of it as can be.
  Result<size_t> copy_pages(uint64_t at) {
    for (size_t into = 0; into < kBlock; into += kPage) {
      const MutBytes page(block_.data(), kPage);
      const auto got = pread_some(vmcore_, page, FileOffset(at + into), name_);
      if (!got) {
        report.unreadable += kPage;
        continue;
      }
      KDUMP_TRY(write(at + into, Bytes(page).first(*got)));
      if (*got < kPage) return into + *got;
    }
    return kBlock;
  }

  // What is zeros stays a hole; stretches between are written whole.
  Result<void> write(uint64_t at, Bytes bytes) {
    size_t begin = 0;
    for (size_t page = 0; page < bytes.size(); page += kPage) {
      const size_t length = std::min(kPage, bytes.size() - page);
      if (!is_zero(bytes.subspan(page, length))) continue;
      KDUMP_TRY(write_stretch(at, bytes, begin, page));
      begin = page + length;
    }
    return write_stretch(at, bytes, begin, bytes.size());
  }

  Result<void> write_stretch(uint64_t at, Bytes bytes, size_t begin, size_t end) {
    if (begin >= end) return {};
    report.written += end - begin;
    return sink_.write_at(FileOffset(at + begin), bytes.subspan(begin, end - begin));
  }

  const Fd& vmcore_;
  const std::string& name_;
  Sink& sink_;
  std::vector<std::byte> block_ = std::vector<std::byte>(kBlock);
};

}  // namespace

Result<CopyReport> run_copy(const Job& job) {
  KDUMP_TRY(refuse_same_file(job));
  KDUMP_TRY_ASSIGN(const Fd vmcore, open_file(job.vmcore, O_RDONLY));
  struct stat status {};
  if (::fstat(vmcore.get(), &status) != 0) return Error::from_errno(job.vmcore);
  const auto size = static_cast<uint64_t>(status.st_size);
  if (size == 0) return Error(Errc::bad_input, job.vmcore + ": is empty");
  if (job.room && size > *job.room) return too_big(job, size);

  KDUMP_TRY_ASSIGN(const auto sink, open_output(job));
  Copier copier(vmcore, job.vmcore, *sink);
  Progress progress(size / kPage, job.says(Job::kProgress));
  // An unreadable end must not go on for ever: the size is known.
  for (uint64_t at = 0; at < size;) {
    KDUMP_TRY_ASSIGN(const size_t copied, copier.copy_block(at));
    if (copied == 0) break;
    if (at == 0) KDUMP_TRY(sink->secure());
    at += copied;
    progress.update(at / kPage, copier.report.written);
  }
  copier.report.bytes = size;
  if (copier.report.unreadable >= size)
    return Error(Errc::bad_input, job.vmcore + ": nothing of it can be read");
  KDUMP_TRY(sink->extend_to(size));
  KDUMP_TRY(sink->commit());
  if (!job.manifest.empty())
    (void)publish_file(job.manifest, as_bytes(copy_json(copier.report)), 0600);
  return copier.report;
}

}  // namespace kdump
