"""/proc/kpageflags, saved by the guest right before its panic: the kernel's own word on every page frame.

From it follows which pages a dump level must keep, by rules written for these flags (include/uapi/linux/
kernel-page-flags.h), not for struct page: an independent path to the same answer."""

import array

SLAB, LRU, BUDDY, ANON = 7, 5, 10, 12
SWAPCACHE, HEAD, TAIL, HUGE = 13, 15, 16, 17
HWPOISON, NOPAGE, OFFLINE, PGTABLE = 19, 20, 23, 26

ABSENT, KEEP, DROP = 0, 1, 2


def load(path):
    flags = array.array("Q")
    with open(path, "rb") as file:
        data = file.read()
    flags.frombytes(data[: len(data) // 8 * 8])
    return flags


def verdict_31(flags):
    """KEEP, DROP or ABSENT for each page at -d 31 (zero pages apart: they stay in the dump's bitmap)."""
    verdicts = bytearray(len(flags))
    previous = ABSENT
    for pfn, word in enumerate(flags):
        if word >> TAIL & 1 and not word >> HEAD & 1:
            # Per-page bits of tails mean different things in different kernels: the head speaks for them.
            verdict = DROP if word >> HWPOISON & 1 else previous
            verdicts[pfn] = verdict
            continue
        if word >> NOPAGE & 1:
            verdict = ABSENT
        elif word >> HWPOISON & 1 or word >> BUDDY & 1 or word >> OFFLINE & 1:
            verdict = DROP
        elif word >> SLAB & 1:
            verdict = KEEP  # before ANON and HUGE: other bits of slab pages are noise since 6.10
        elif word & (1 << ANON | 1 << HUGE | 1 << LRU | 1 << SWAPCACHE):
            verdict = DROP
        else:
            verdict = KEEP
        verdicts[pfn] = previous = verdict
    return verdicts


def compare(dump, flags, reservations, lowest=256):
    """Counts where a -d 31 dump and the page flags disagree. Returns (pages compared, lost, extra): lost pages are the
    ones the kernel's flags say to keep and the dump does not have."""
    verdicts = verdict_31(flags)
    count = min(len(verdicts), len(dump.exists))
    skip = bytearray(count)
    for first, last in reservations:  # the capture kernel's own memory is not the dead kernel's to dump
        for pfn in range(first >> 12, min((last >> 12) + 1, count)):
            skip[pfn] = 1
    compared, lost, extra = 0, [], []
    for pfn in range(lowest, count):
        if skip[pfn] or not dump.exists[pfn] or verdicts[pfn] == ABSENT:
            continue
        compared += 1
        if verdicts[pfn] == KEEP and not dump.dumped[pfn]:
            lost.append(pfn)
        elif verdicts[pfn] == DROP and dump.dumped[pfn]:
            extra.append(pfn)
    return compared, lost, extra
