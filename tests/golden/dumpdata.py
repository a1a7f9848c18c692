#!/usr/bin/python3
"""Prints what a kdump-compressed dump holds.

    dumpdata.py DUMP [--header] [--bitmaps] [--pages] [--vmcoreinfo] [--against VMCORE]

Without an option: header and bitmaps. --pages adds a digest of each page; --against compares every
page of the dump with the vmcore that it was made from.

Reads independently of the program that is tested: written from the format's description; page data
is decoded by zlib and by the codecs' own shared libraries.
"""
import argparse
import ctypes
import hashlib
import mmap
import os
import struct
import sys
import zlib

FLAG_NAMES = {0: "raw", 1: "zlib", 2: "lzo", 4: "snappy", 0x20: "zstd"}
ZERO_PAGE = bytes(4096)


class FormatError(Exception):
    pass


def ranges_text(numbers):
    """[1, 2, 3, 7] -> "0x1-0x3 0x7"; "none" when empty. The numbers are sorted."""
    out, begin, last = [], None, None

    def close():
        if begin is not None:
            out.append(f"{begin:#x}" if begin == last else f"{begin:#x}-{last:#x}")

    for number in numbers:
        if last is not None and number == last + 1:
            last = number
            continue
        close()
        begin = last = number
    close()
    return " ".join(out) or "none"


def read_notes(area):
    """[(name, type, descriptor, offset of the descriptor)]"""
    notes, at = [], 0
    while at + 12 <= len(area):
        name_size, desc_size, kind = struct.unpack_from("<III", area, at)
        if name_size == 0:
            break
        name = area[at + 12:at + 12 + name_size].rstrip(b"\0").decode()
        desc_at = at + 12 + (name_size + 3) // 4 * 4
        notes.append((name, kind, area[desc_at:desc_at + desc_size], desc_at))
        at = desc_at + (desc_size + 3) // 4 * 4
    return notes


class Vmcore:
    """An ELF vmcore: memory by physical address."""

    def __init__(self, path):
        self.file = open(path, "rb")
        self.cache = {}  # page frame -> its bytes: a vmcore is compared with many dumps of it
        header = self.file.read(64)
        if header[:6] != b"\x7fELF\x02\x01":
            raise FormatError(f"{path}: no little-endian ELF64 file")
        phoff, = struct.unpack_from("<Q", header, 32)
        count, = struct.unpack_from("<H", header, 56)
        self.loads, self.notes_area = [], b""
        for i in range(count):
            self.file.seek(phoff + 56 * i)
            kind, _, offset, _, phys, file_size, _, _ = struct.unpack("<IIQQQQQQ", self.file.read(56))
            if kind == 1:
                self.loads.append((phys, file_size, offset))
            elif kind == 4:
                self.file.seek(offset)
                self.notes_area += self.file.read(file_size)

    def pfns(self):
        out = set()
        for phys, size, _ in self.loads:
            out.update(range(phys >> 12, (phys + size + 4095) >> 12))
        return out

    def page(self, pfn):
        """The page's bytes; what the file lacks of it is zero."""
        if pfn not in self.cache:
            page = self.read_page(pfn)
            self.cache[pfn] = ZERO_PAGE if page == ZERO_PAGE else page
        return self.cache[pfn]

    def read_page(self, pfn):
        out = bytearray(4096)
        for phys, size, offset in self.loads:
            begin, end = max(phys, pfn << 12), min(phys + size, (pfn + 1) << 12)
            if begin < end:
                self.file.seek(offset + begin - phys)
                out[begin - (pfn << 12):end - (pfn << 12)] = self.file.read(end - begin)
        return bytes(out)


class Decoders:
    """The codecs' libraries, loaded when a page needs them."""

    def __init__(self):
        self.libraries = {}

    def library(self, name, soname):
        if name not in self.libraries:
            self.libraries[name] = ctypes.CDLL(soname)
        return self.libraries[name]

    def decode(self, flags, data, size):
        out = ctypes.create_string_buffer(size)
        length = ctypes.c_size_t(size)
        if flags == 0:
            return data
        if flags == 1:
            return zlib.decompress(data)
        if flags == 2:
            lzo = self.library("lzo", "liblzo2.so.2")
            if lzo.lzo1x_decompress_safe(data, ctypes.c_size_t(len(data)), out, ctypes.byref(length), None):
                raise FormatError("lzo data is damaged")
            return out.raw[:length.value]
        if flags == 4:
            snappy = self.library("snappy", "libsnappy.so.1")
            if snappy.snappy_uncompress(data, ctypes.c_size_t(len(data)), out, ctypes.byref(length)):
                raise FormatError("snappy data is damaged")
            return out.raw[:length.value]
        if flags == 0x20:
            zstd = self.library("zstd", "libzstd.so.1")
            zstd.ZSTD_decompress.restype = ctypes.c_size_t
            got = zstd.ZSTD_decompress(out, ctypes.c_size_t(size), data, ctypes.c_size_t(len(data)))
            if got > size:
                raise FormatError("zstd data is damaged")
            return out.raw[:got]
        raise FormatError(f"unknown page flags {flags:#x}")


class Dump:
    """A kdump-compressed file, version 6."""

    UTSNAME = ("sysname", "nodename", "release", "version", "machine", "domainname")

    def __init__(self, path):
        self.file = open(path, "rb")
        if os.path.getsize(path) == 0:
            raise FormatError(f"{path}: is empty")
        self.data = mmap.mmap(self.file.fileno(), 0, access=mmap.ACCESS_READ)
        self.decoders = Decoders()
        data = self.data
        if data[:8] != b"KDUMP   ":
            raise FormatError(f"{path}: no kdump-compressed file")
        self.version, = struct.unpack_from("<I", data, 8)
        self.utsname = {}
        for i, name in enumerate(self.UTSNAME):
            field = data[12 + 65 * i:12 + 65 * (i + 1)]
            if field[-1] != 0:
                raise FormatError(f"utsname.{name} does not end")
            self.utsname[name] = field.split(b"\0")[0].decode()
        self.time_sec, self.time_usec = struct.unpack_from("<QQ", data, 408)
        (self.status, self.block_size, self.sub_hdr_size, self.bitmap_blocks, self.max_mapnr_32, self.total_ram_blocks,
         self.device_blocks, self.written_blocks, self.current_cpu, self.nr_cpus) = struct.unpack_from("<10I", data, 424)
        block = self.block_size
        (self.phys_base, self.dump_level, self.split, self.start_pfn, self.end_pfn, self.offset_vmcoreinfo,
         self.size_vmcoreinfo, self.offset_note, self.size_note, self.offset_eraseinfo, self.size_eraseinfo,
         self.start_pfn_64, self.end_pfn_64, self.max_mapnr) = struct.unpack_from("<qii QQ QQ QQ QQ QQQ", data, block)
        half = self.bitmap_blocks * block // 2
        at = (1 + self.sub_hdr_size) * block
        if at + 2 * half > len(data):
            raise FormatError(f"{path}: its bitmaps end behind its end")
        self.bitmap1 = self.pfns_of(at, half)
        self.bitmap2 = self.pfns_of(at + half, half)
        self.table = at + 2 * half
        self.descriptors = {}
        for i, pfn in enumerate(self.bitmap2):
            self.descriptors[pfn] = struct.unpack_from("<QIIQ", data, self.table + 24 * i)
        self.data_begin = self.table + 24 * len(self.bitmap2)

    def pfns_of(self, begin, size):
        """Memory far apart makes bitmaps of gigabytes that are holes of the file: those are passed over."""
        out, at, end = [], begin, begin + size
        while at < end:
            try:
                at = max(at, os.lseek(self.file.fileno(), at, os.SEEK_DATA))
            except OSError:  # nothing but a hole up to the file's end
                break
            stop = min(end, os.lseek(self.file.fileno(), at, os.SEEK_HOLE))
            for block in range(at, stop, len(ZERO_PAGE)):
                bitmap = self.data[block:min(stop, block + len(ZERO_PAGE))]
                if bitmap != ZERO_PAGE[:len(bitmap)]:
                    first = (block - begin) * 8
                    out += [first + byte * 8 + bit for byte, bits in enumerate(bitmap) if bits
                            for bit in range(8) if bits >> bit & 1]
            at = stop
        return out

    def vmcoreinfo(self):
        return self.data[self.offset_vmcoreinfo:self.offset_vmcoreinfo + self.size_vmcoreinfo]

    def notes(self):
        return self.data[self.offset_note:self.offset_note + self.size_note]

    def page(self, pfn):
        offset, size, flags, _ = self.descriptors[pfn]
        if size > self.block_size:
            raise FormatError(f"page {pfn:#x}: {size} bytes are more than a block")
        if flags == 0 and size != self.block_size:
            raise FormatError(f"page {pfn:#x}: raw with {size} bytes")
        if offset < self.data_begin or offset + size > len(self.data):
            raise FormatError(f"page {pfn:#x}: its data at {offset:#x} lies outside of the data area")
        page = self.decoders.decode(flags, self.data[offset:offset + size], self.block_size)
        if len(page) != self.block_size:
            raise FormatError(f"page {pfn:#x}: decodes to {len(page)} bytes")
        return page


def print_header(dump):
    print("version", dump.version)
    for name, value in dump.utsname.items():
        print(name, value or "-")
    print("time", f"{dump.time_sec}.{dump.time_usec:06}")
    print("status", f"{dump.status:#x}")
    for name in ("block_size", "sub_hdr_size", "bitmap_blocks", "max_mapnr_32", "nr_cpus", "dump_level", "split",
                 "start_pfn_64", "end_pfn_64", "max_mapnr", "size_vmcoreinfo", "size_note", "offset_eraseinfo",
                 "size_eraseinfo"):
        print(name, getattr(dump, name))
    print("phys_base", hex(dump.phys_base))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("dump")
    for flag in ("--header", "--bitmaps", "--pages", "--vmcoreinfo"):
        parser.add_argument(flag, action="store_true")
    parser.add_argument("--against", metavar="VMCORE")
    args = parser.parse_args()
    dump = Dump(args.dump)
    everything = not (args.header or args.bitmaps or args.pages or args.vmcoreinfo or args.against)
    if args.header or everything:
        print_header(dump)
    if args.bitmaps or everything:
        print("exists", ranges_text(dump.bitmap1))
        print("dumped", ranges_text(dump.bitmap2))
    if args.vmcoreinfo:
        print(dump.vmcoreinfo().decode(), end="")
    if args.pages:
        for pfn, (_, size, flags, _) in dump.descriptors.items():
            print(f"{pfn:#x} {FLAG_NAMES.get(flags, hex(flags))} {size} {hashlib.sha256(dump.page(pfn)).hexdigest()[:16]}")
    if args.against:
        core = Vmcore(args.against)
        different = [pfn for pfn in dump.bitmap2 if dump.page(pfn) != core.page(pfn)]
        print("different", ranges_text(different))
        return 1 if different else 0
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except FormatError as error:
        sys.exit(f"dumpdata.py: {error}")
