"""Dumps in the kdump-compressed format, as others see them: a small reader of its own for headers and bitmaps, and
libkdumpfile (which drgn uses) for everything in the pages. Nothing here shares code with makedump."""

import random
import struct
import sys

from . import Skip, TestFailure

PAGE = 4096


def bits(data, count):
    """Set bits of a bitmap, least significant bit first, as a bytearray with a 0 or 1 for each page."""
    table = [bytes(byte >> bit & 1 for bit in range(8)) for byte in range(256)]
    return bytearray(b"".join(table[byte] for byte in data))[:count]


class KdumpFile:
    def __init__(self, path):
        self.path = path
        with open(path, "rb") as file:
            head = file.read(464)
            if head[:8] != b"KDUMP   ":
                raise TestFailure(f"{path}: signature is {head[:8]!r}, not KDUMP")
            (self.version,) = struct.unpack_from("<i", head, 8)
            names = [head[12 + 65 * i : 12 + 65 * (i + 1)].split(b"\0")[0].decode() for i in range(6)]
            self.sysname, self.nodename, self.release, _, self.machine, _ = names
            (self.status, self.block_size, self.sub_blocks, self.bitmap_blocks) = struct.unpack_from("<Iiii", head, 424)
            file.seek(self.block_size)
            sub = file.read(104)
            (self.dump_level,) = struct.unpack_from("<i", sub, 8)
            (vmcoreinfo_at, vmcoreinfo_size) = struct.unpack_from("<QQ", sub, 32)
            (self.max_mapnr,) = struct.unpack_from("<Q", sub, 96)
            file.seek(vmcoreinfo_at)
            self.vmcoreinfo = file.read(vmcoreinfo_size).rstrip(b"\0").decode()
            half = self.bitmap_blocks // 2 * self.block_size
            file.seek((1 + self.sub_blocks) * self.block_size)
            self.exists = bits(file.read(half), self.max_mapnr)
            self.dumped = bits(file.read(half), self.max_mapnr)

    def check_header(self, release, dump_level):
        expected = {"version": 6, "sysname": "Linux", "release": release, "machine": "x86_64", "block_size": PAGE,
                    "dump_level": dump_level}
        for name, value in expected.items():
            if getattr(self, name) != value:
                raise TestFailure(f"dump header: {name} is {getattr(self, name)!r}, not {value!r}")
        if self.status & 8:
            raise TestFailure("dump header says the dump is incomplete")
        if f"OSRELEASE={release}" not in self.vmcoreinfo.splitlines():
            raise TestFailure(f"VMCOREINFO in the dump has no OSRELEASE={release}")
        extra = sum(1 for exists, dumped in zip(self.exists, self.dumped) if dumped and not exists)
        if extra:
            raise TestFailure(f"{extra} pages are dumped that do not exist (bitmap 2 without bitmap 1)")


def _open_libkdumpfile(path):
    try:
        import kdumpfile  # Debian's python3-libkdumpfile; the module of this name, not this file (absolute import)
    except ImportError:
        raise Skip("no python3-libkdumpfile for " + sys.executable) from None
    context = kdumpfile.kdumpfile(str(path))
    return kdumpfile, context


def count_readable(path, sample=2000):
    """How many of so many pages that bitmap 2 says are there libkdumpfile can read: for dumps that are cut short."""
    dump = KdumpFile(path)
    kdumpfile, context = _open_libkdumpfile(path)
    context.attr["addrxlat.ostype"] = "linux"
    kept = [pfn for pfn, bit in enumerate(dump.dumped) if bit]
    got = 0
    for pfn in random.Random(1).sample(kept, min(sample, len(kept))):
        try:
            context.read(kdumpfile.KDUMP_MACHPHYSADDR, pfn * PAGE, PAGE)
            got += 1
        except (kdumpfile.exceptions.KDumpBaseException, OSError):
            pass
    return got


def check_with_libkdumpfile(dump, ram_path, sample=4000, lowest=256, by_virtual_address=True):
    """Opens the dump in libkdumpfile and compares: VMCOREINFO, page bitmap, and page content with the guest's memory as
    the host sees it after the guest's end. The lowest MiB belongs to the capture kernel as well. Returns the number of
    compared pages."""
    kdumpfile, context = _open_libkdumpfile(dump.path)
    context.attr["addrxlat.ostype"] = "linux"
    info = context.attr["linux"]["vmcoreinfo"]["lines"]
    if info["OSRELEASE"] != dump.release:
        raise TestFailure(f"libkdumpfile: OSRELEASE is {info['OSRELEASE']!r}, not {dump.release!r}")
    if context.attr["arch"]["name"] != "x86_64" or context.attr["arch"]["page_size"] != PAGE:
        raise TestFailure("libkdumpfile does not see an x86_64 dump with 4096-byte pages")

    chooser = random.Random(1)  # the same pages for the same dump
    kept = [pfn for pfn, bit in enumerate(dump.dumped) if bit]
    left_out = [pfn for pfn, bit in enumerate(dump.dumped) if not bit and dump.exists[pfn]]
    above = [pfn for pfn in kept if pfn >= lowest]
    differing = []
    compared = chooser.sample(above, min(sample, len(above)))
    with open(ram_path, "rb") as ram:
        for pfn in compared:
            ram.seek(pfn * PAGE)
            if context.read(kdumpfile.KDUMP_MACHPHYSADDR, pfn * PAGE, PAGE) != ram.read(PAGE):
                differing.append(pfn)
    if differing:
        raise TestFailure(f"{len(differing)} of {len(compared)} sampled pages differ from the guest's memory, "
                          f"first pfns: {[hex(pfn) for pfn in sorted(differing)[:8]]}")
    # In a context of its own: libkdumpfile 0.5.1 can crash on a page that is left out once its cache has filled up, with
    # makedumpfile's dumps as with ours (one run in a hundred).
    _, fresh = _open_libkdumpfile(dump.path)
    for pfn in chooser.sample(left_out, min(500, len(left_out))):
        try:
            fresh.read(kdumpfile.KDUMP_MACHPHYSADDR, pfn * PAGE, PAGE)
        except kdumpfile.exceptions.NoDataException:
            continue
        raise TestFailure(f"libkdumpfile reads pfn {pfn:#x}, which bitmap 2 says is left out")
    if not by_virtual_address:
        return len(compared)
    # A read by virtual address goes through the page tables in the dump: a lost table page shows here.
    symbols = context.attr["linux"]["vmcoreinfo"]["SYMBOL"]
    name = context.read(kdumpfile.KDUMP_KVADDR, symbols["init_uts_ns"], 512)
    if dump.release.encode() not in name:
        raise TestFailure("libkdumpfile: init_uts_ns, read by virtual address, does not hold the kernel's release")
    return len(compared)
