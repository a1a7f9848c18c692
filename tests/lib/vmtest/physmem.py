"""The guest's physical memory as the host sees it, a file: what a broken kernel or broken hardware does to it."""

import mmap
import random
import re
import struct

KERNEL_MAP = 0xFFFFFFFF80000000
VMEMMAP = 0xFFFFEA0000000000  # of x86_64 with 4-level page tables and nokaslr
PAGE, STRUCT_PAGE = 4096, 64


def _mapped(path):
    with open(path, "r+b") as file:
        return mmap.mmap(file.fileno(), 0)


def wipe(path, pattern):
    """Zeros from each match to the end of its page; returns how many there were."""
    with _mapped(path) as ram:
        places = [match.start() for match in re.finditer(pattern, ram)]
        for at in places:
            end = (at // PAGE + 1) * PAGE
            ram[at:end] = bytes(end - at)
    return len(places)


def cut_notes(path):
    """The sizes of the CPUs' ELF notes become larger than the space they are in; returns how many there were."""
    header = struct.Struct("<III")  # Elf64_Nhdr
    with _mapped(path) as ram:
        places = [match.start() for match in re.finditer(rb"\x05\0\0\0..\0\0\x01\0\0\0CORE\0\0\0\0", ram, re.S)]
        for at in places:
            length, _, kind = header.unpack_from(ram, at)
            header.pack_into(ram, at, length, 0xFFFFFF, kind)
    return len(places)


def _vmcoreinfo(ram):
    match = re.search(rb"OSRELEASE=[^\n]*\nBUILD-ID=[^\0]*", ram)
    return match.group(0).decode() if match else ""


def _translate(ram, root, address):
    table = root
    for shift in (39, 30, 21, 12):
        entry, = struct.unpack_from("<Q", ram, table + (address >> shift & 511) * 8)
        if not entry & 1:
            return None
        frame = entry & 0x000FFFFFFFFFF000
        if shift in (30, 21) and entry & 0x80:
            return (frame & ~((1 << shift) - 1)) | address & ((1 << shift) - 1)
        table = frame
    return table | address & (PAGE - 1)


def damage_page_array(path, memory_mib, seed, pages=200):
    """Random bytes over pages of the dead kernel's struct page array; returns how many."""
    chooser = random.Random(seed)
    with _mapped(path) as ram:
        info = _vmcoreinfo(ram)
        symbol = re.search(r"^SYMBOL\(swapper_pg_dir\)=([0-9a-f]+)$", info, re.M)
        base = re.search(r"^NUMBER\(phys_base\)=(-?\d+)$", info, re.M)
        if not symbol or not base:
            return 0
        root = int(symbol[1], 16) - KERNEL_MAP + int(base[1])
        array = range(0, (memory_mib << 20) // PAGE * STRUCT_PAGE, PAGE)
        places = [_translate(ram, root, VMEMMAP + at) for at in chooser.sample(array, min(pages, len(array)))]
        places = [place for place in places if place is not None]
        for place in places:
            ram[place:place + PAGE] = chooser.randbytes(PAGE)
    return len(places)
