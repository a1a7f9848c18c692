#include "makedump/format/diskdump.h"

#include <algorithm>
#include <limits>

namespace kdump {

namespace {

constexpr size_t kUtsFieldSize = 65;  // __NEW_UTS_LEN + 1

void put_uts_field(std::byte* to, const std::string& text) {
  // A field that fills all 65 bytes would have no NUL, and readers print it with %s.
  std::memcpy(to, text.data(), std::min(text.size(), kUtsFieldSize - 1));
}

}  // namespace

void encode(const KdumpHeader& header, ByteOrder order, MutBytes out) {
  std::fill(out.begin(), out.end(), std::byte{0});
  std::byte* const at = out.data();
  std::memcpy(at, "KDUMP   ", 8);
  store<uint32_t>(at + 8, KdumpHeader::kVersion, order);

  const Utsname& uts = header.utsname;
  size_t field = 12;
  for (const std::string* text :
       {&uts.sysname, &uts.nodename, &uts.release, &uts.version, &uts.machine, &uts.domainname}) {
    put_uts_field(at + field, *text);
    field += kUtsFieldSize;
  }

  store<uint64_t>(at + 408, header.time_sec, order);  // struct timeval; microseconds stay 0
  store<uint32_t>(at + 424, header.status, order);
  store<uint32_t>(at + 428, header.block_size, order);
  store<uint32_t>(at + 432, header.sub_hdr_size, order);
  store<uint32_t>(at + 436, header.bitmap_blocks, order);
  constexpr uint64_t kMax32 = std::numeric_limits<uint32_t>::max();
  store<uint32_t>(at + 440, static_cast<uint32_t>(std::min(header.max_mapnr, kMax32)), order);
  // 444 … 459 (total_ram_blocks, device_blocks, written_blocks, current_cpu) are relics of dumps to
  // a partition: no reader looks at them.
  store<uint32_t>(at + 460, header.nr_cpus, order);
}

void encode(const KdumpSubHeader& header, ByteOrder order, MutBytes out) {
  std::fill_n(out.begin(), KdumpSubHeader::kEncodedSize, std::byte{0});
  std::byte* const at = out.data();
  store<uint64_t>(at + 0, header.phys_base, order);
  store<uint32_t>(at + 8, header.dump_level, order);
  // 12 … 31 (split, start_pfn, end_pfn) stay 0: the dump is one file.
  store<uint64_t>(at + 32, header.offset_vmcoreinfo, order);
  store<uint64_t>(at + 40, header.size_vmcoreinfo, order);
  store<uint64_t>(at + 48, header.offset_note, order);
  store<uint64_t>(at + 56, header.size_note, order);
  // 64 … 79 (eraseinfo) and 80 … 95 (start_pfn_64, end_pfn_64) stay 0.
  store<uint64_t>(at + 96, header.max_mapnr, order);
}

void encode(const PageDescriptor& descriptor, ByteOrder order, std::byte* out) {
  store<uint64_t>(out + 0, descriptor.offset, order);
  store<uint32_t>(out + 8, descriptor.size, order);
  store<uint32_t>(out + 12, descriptor.flags, order);
  store<uint64_t>(out + 16, 0, order);  // page_flags: no reader uses them
}

}  // namespace kdump
