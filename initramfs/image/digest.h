// Content digests: whether a file is what it was, which its modification time does not tell.
//
// XXH3 with 128 bits: tens of MiB are looked at on each start, in virtual machines without
// acceleration, too. It notices damage and change; it is no defence against an attacker, and need
// not be: everything that is digested belongs to root.
#pragma once

#include <cstdint>
#include <string>

#include "makedump/base/bytes.h"
#include "makedump/base/fd.h"
#include "makedump/base/result.h"

namespace kdump {

// 32 hexadecimal digits.
std::string content_digest(Bytes content);

struct FileDigest {
  std::string digest;
  uint64_t bytes = 0;
};

// Of the whole file. `name` is what errors call it.
Result<FileDigest> file_digest(const Fd& fd, const std::string& name);
Result<FileDigest> file_digest(const std::string& path);

}  // namespace kdump
