// The kdump-compressed ("diskdump") format, version 6, as crash, drgn and libkdumpfile read it. One
// struct for each structure on disk; encode only; no I/O.
//
// Layout, in blocks of the dead kernel's page size, integers in its byte order (64-bit machines):
//   block 0                 KdumpHeader
//   block 1 …               KdumpSubHeader, then the ELF notes as they stood in the vmcore
//   1 + sub_hdr_size        bitmap 1 (frames that exist), then bitmap 2 (frames in the dump), each
//   bitmap_blocks / 2 blocks … + bitmap_blocks       PageDescriptor[], one for each bit of bitmap
//   2, in the order of frames … behind them           page data, anywhere
#pragma once

#include <string>

#include "makedump/base/bytes.h"
#include "makedump/base/units.h"

namespace kdump {

struct Utsname {  // each field is cut to 64 bytes; readers want sysname, release, version and
                  // machine not empty
  std::string sysname, nodename, release, version, machine, domainname;
};

struct KdumpHeader {
  static constexpr size_t kEncodedSize = 464;
  static constexpr uint32_t kVersion = 6;
  static constexpr uint32_t kStatusIncomplete = 0x8;  // DUMP_DH_COMPRESSED_INCOMPLETE

  Utsname utsname;
  uint64_t time_sec = 0;       // when the kernel crashed (CRASHTIME)
  uint32_t status = 0;         // Codec bits | kStatusIncomplete
  uint32_t block_size = 0;     // the dead kernel's page size: readers take it for that
  uint32_t sub_hdr_size = 0;   // blocks
  uint32_t bitmap_blocks = 0;  // both bitmaps
  uint64_t max_mapnr = 0;      // saturated to 32 bits here, whole in the sub-header
  uint32_t nr_cpus = 0;
};
// out.size() == block_size; the rest of the block is zeroed.
void encode(const KdumpHeader& header, ByteOrder order, MutBytes out);

struct KdumpSubHeader {
  static constexpr size_t kEncodedSize = 104;
  uint64_t phys_base = 0;
  uint32_t dump_level = 0;
  uint64_t offset_vmcoreinfo = 0, size_vmcoreinfo = 0;  // file offsets and bytes; inside the notes
  uint64_t offset_note = 0, size_note = 0;
  uint64_t max_mapnr = 0;
};
// out.size() ≥ kEncodedSize; the first kEncodedSize bytes are written.
void encode(const KdumpSubHeader& header, ByteOrder order, MutBytes out);

struct PageDescriptor {
  static constexpr size_t kEncodedSize = 24;
  uint64_t offset = 0;  // 0: this page was lost (the dump is incomplete)
  uint32_t size = 0;    // never above the block size
  uint32_t flags = 0;   // Codec; 0 is a raw page of exactly block size
};
void encode(const PageDescriptor& descriptor, ByteOrder order, std::byte* out);

}  // namespace kdump
