// Stage 7: where the dump goes. Complete under its final name, or not there at all.
//
// Bytes go to a temporary name ("vmcore-incomplete", "vmcore-dmesg-incomplete.txt"); commit() syncs
// and renames. A destructor never publishes and never deletes: what was got so far stays, labelled
// by its name.
#pragma once

#include <memory>
#include <string>

#include "makedump/base/bytes.h"
#include "makedump/base/result.h"
#include "makedump/base/units.h"

namespace kdump {

class Sink {
 public:
  virtual ~Sink() = default;

  [[nodiscard]] virtual const std::string& name() const = 0;  // for messages: what is being written
  // Never called concurrently. Offsets may be in any order; holes read as zeros.
  virtual Result<void> write_at(FileOffset at, Bytes bytes) = 0;
  // The file is at least this long from now on.
  virtual Result<void> extend_to(uint64_t bytes) = 0;
  // What was written so far is found on stable storage, under its incomplete name, whatever happens
  // next to power or disk. Streams leave that to whoever takes them.
  virtual Result<void> secure() { return {}; }
  // Everything written is on stable storage and the final name exists. The last call but the
  // destructor.
  virtual Result<void> commit() = 0;
  // Nothing of worth was written: removes the temporary file.
  virtual void discard() = 0;
};

// "dir/vmcore" → "dir/vmcore-incomplete", "dir/vmcore-dmesg.txt" →
// "dir/vmcore-dmesg-incomplete.txt"
std::string incomplete_name(const std::string& path);

struct FileSinkOptions {
  bool overwrite = false;  // else an existing `path` is refused (Errc::exists)
};
// A regular file of mode 0600. A stale temporary file of an earlier, failed run is replaced; a link
// is never followed.
Result<std::unique_ptr<Sink>> open_file_sink(const std::string& path,
                                             const FileSinkOptions& options);

}  // namespace kdump
