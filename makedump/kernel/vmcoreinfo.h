// VMCOREINFO: what the dead kernel said about itself, "key=value" lines in an ELF note
// (kernel/vmcore_info.c).
//
// Never ask for a version: ask for the key. SYMBOL is hexadecimal; OFFSET, SIZE, LENGTH decimal;
// NUMBER signed decimal or 0x….
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "makedump/base/bytes.h"
#include "makedump/base/result.h"
#include "makedump/base/units.h"

namespace kdump {

class VmcoreInfo {
 public:
  // `where` ("/proc/vmcore: VMCOREINFO") opens every error message about this text. bad_input when
  // the keys without which nothing can be done (OSRELEASE, PAGESIZE) are missing or nonsense.
  static Result<VmcoreInfo> parse(std::string_view text, std::string where);

  // Absent, or not a number: nothing.
  [[nodiscard]] std::optional<VirtAddr> symbol(std::string_view name) const;
  [[nodiscard]] std::optional<uint64_t> size(std::string_view name) const;
  [[nodiscard]] std::optional<uint64_t> offset(std::string_view name) const;
  [[nodiscard]] std::optional<uint64_t> length(std::string_view name) const;
  [[nodiscard]] std::optional<int64_t> number(std::string_view name) const;
  // Any key by its full spelling: "OSRELEASE", "BUILD-ID", "KERNELOFFSET", "SYMBOL(prb)".
  [[nodiscard]] std::optional<std::string_view> value(std::string_view key) const;

  // The same, where the caller can't go on without it: bad_input that names the key.
  [[nodiscard]] Result<VirtAddr> require_symbol(std::string_view name) const;
  [[nodiscard]] Result<uint64_t> require_size(std::string_view name) const;
  [[nodiscard]] Result<uint64_t> require_offset(std::string_view name) const;
  [[nodiscard]] Result<int64_t> require_number(std::string_view name) const;

  [[nodiscard]] PageSize page_size() const { return page_size_; }
  [[nodiscard]] std::string_view osrelease() const { return *value("OSRELEASE"); }
  [[nodiscard]] const std::string& where() const { return where_; }
  // The note's text as it stood in the input.
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string where_;
  std::string text_;
  std::map<std::string, std::string, std::less<>> values_;
  PageSize page_size_;
};

}  // namespace kdump
