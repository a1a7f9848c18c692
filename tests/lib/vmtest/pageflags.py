"""/proc/kpageflags, saved by the guest right before its panic: the kernel's own word on every page frame.

From it follows which pages a dump level must keep, by rules written for these flags (include/uapi/linux/
kernel-page-flags.h), not for struct page: an independent path to the same answer."""

import array

LRU, SLAB, BUDDY, ANON = 5, 7, 10, 12
SWAPCACHE, HEAD, TAIL, HUGE = 13, 15, 16, 17
HWPOISON, NOPAGE, OFFLINE = 19, 20, 23
PRIVATE = 35  # bits from 32 on are kernel-internal ones: RESERVED 32, MLOCKED 33, MAPPEDTODISK 34, PRIVATE 35

ABSENT, KEEP, DROP = 0, 1, 2


def load(path):
    flags = array.array("Q")
    with open(path, "rb") as file:
        data = file.read()
    flags.frombytes(data[: len(data) // 8 * 8])
    return flags


def verdicts_of(flags, level=31):
    """KEEP, DROP or ABSENT for each page at a dump level (zero pages apart: they stay in the dump's bitmap)."""
    cache, private, user, free = level & 6, level & 4, level & 8, level & 16
    verdicts = bytearray(len(flags))
    previous = ABSENT
    for pfn, word in enumerate(flags):
        if word >> TAIL & 1 and not word >> HEAD & 1:
            # Per-page bits of tails mean different things in different kernels: the head speaks for them.
            verdicts[pfn] = DROP if word >> HWPOISON & 1 else previous
            continue
        if word >> NOPAGE & 1:
            verdict = ABSENT
        elif word & (1 << HWPOISON | 1 << OFFLINE):
            verdict = DROP  # at every level: reading them may stop the machine, or they are the hypervisor's
        elif word >> BUDDY & 1:
            verdict = DROP if free else KEEP
        elif word >> SLAB & 1:
            verdict = KEEP  # before ANON and HUGE: other bits of slab pages are noise since 6.10
        elif word & (1 << ANON | 1 << HUGE):
            verdict = DROP if user else KEEP
        elif word & (1 << LRU | 1 << SWAPCACHE):
            verdict = DROP if cache and (private or not word >> PRIVATE & 1) else KEEP
        else:
            verdict = KEEP
        verdicts[pfn] = previous = verdict
    return verdicts


def compare(dump, flags, reservations, level=31, lowest=256):
    """Counts where a dump and the page flags disagree. Returns (pages compared, lost, extra): lost pages are the
    ones the kernel's flags say to keep and the dump does not have."""
    verdicts = verdicts_of(flags, level)
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


def expect_agreement(what, dump, flags, reservations, level=31, lost_limit=10, fail=None):
    """Raises fail(text) if a dump and the page flags differ in more than 0.5 % of the pages, or more than a few are lost."""
    compared, lost, extra = compare(dump, flags, reservations, level)
    if compared < sum(dump.exists) * 3 // 4:
        raise fail(f"{what}: only {compared} pages could be compared with /proc/kpageflags")
    if len(lost) > lost_limit:
        shown = [f"{pfn:#x} flags {flags[pfn]:#x}" for pfn in lost[:8]]
        raise fail(f"{what}: {len(lost)} pages are lost that the kernel's page flags say to keep (at most {lost_limit}): {shown}")
    if (len(lost) + len(extra)) * 200 > compared:
        kinds = {}
        for pfn in extra:
            kinds[flags[pfn]] = kinds.get(flags[pfn], 0) + 1
        shown = [f"{count} with flags {word:#x}" for word, count in sorted(kinds.items(), key=lambda kind: -kind[1])[:6]]
        raise fail(f"{what}: {len(lost) + len(extra)} of {compared} pages differ from the kernel's page flags (at most 0.5 %): "
                   f"{len(lost)} lost; kept although to be dropped: {', '.join(shown)}")
    return compared, len(lost), len(extra)
