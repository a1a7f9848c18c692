"""Full vmcores of real kernels, for tests and benchmarks that run on the host: a guest fills its memory, crashes, and a
busybox capture image copies /proc/vmcore as it is. None of our programs takes part."""

import fcntl
import re
import pathlib
import shutil
import tempfile

from . import TestFailure, cache_dir, log_dir, say
from . import guest, qemu
from .kernel import fetch

INIT = r"""#!/bin/sh
export PATH=/usr/sbin:/usr/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs /run
echo 1000 > /proc/sys/vm/percpu_pagelist_high_fraction # no slow draining between snapshot and crash, see guest.py
say() { echo "$*" > /dev/ttyS1; }
grep "Crash kernel" /proc/iomem > /dev/ttyS1
kexec-load /boot/vmlinuz-* /capture.img "console=ttyS0 irqpoll nr_cpus=1 reset_devices cgroup_disable=memory mce=off numa=off panic=10 novmcoredd" \
    || say "guest: not armed"
memfill --dir /var/memfill --hwpoison > /run/memfill 2>&1 || say "guest: memfill failed"
cat /run/memfill > /dev/ttyS1
echo "kdumpd-marker: reference vmcore" > /dev/kmsg
echo 1 > /proc/sys/kernel/sysrq
say "guest: crashing"
crash-now /dev/vdb > /dev/ttyS1 2>&1
"""

CAPTURE_INIT = """#!/bin/sh
mount -t proc proc /proc
mount -t devtmpfs dev /dev
for module in /modules/*; do insmod $module; done
echo "realcore: size $(stat -c %s /proc/vmcore)"
dd if=/proc/vmcore of=/dev/vdc bs=1M conv=fsync && echo "realcore: complete"
reboot -f
"""


def get(flavour, cpu="max", memory_mib=2048):
    """The folder with vmcore, kpageflags, ram, iomem and console of one crash; made once, then kept in the cache."""
    kernel = fetch(flavour)
    folder = cache_dir() / "vmcores" / f"{kernel.release}-{memory_mib}-{re.sub('[^a-z0-9]+', '-', cpu)}"
    with open(cache_dir() / "vmcores.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "vmcore").exists():
            _make(kernel, cpu, memory_mib, folder)
    return folder


def _make(kernel, cpu, memory_mib, folder):
    say(f"crashing a guest for its full vmcore: kernel {kernel.release}, {memory_mib} MiB, cpu {cpu}")
    folder.mkdir(parents=True, exist_ok=True)
    work = pathlib.Path(tempfile.mkdtemp(prefix="kdumpd-realcore-", dir="/var/tmp"))
    try:
        root = work / "root"
        root.mkdir()
        guest.make_root(root, kernel, work, INIT)
        guest.make_busybox_initramfs(kernel, CAPTURE_INIT, root / "capture.img")
        guest.make_ext4(work / "root.ext4", 1536, guest.ROOT_UUID, root=root)
        guest.make_busybox_initramfs(kernel, guest.BOOT_INIT, work / "boot.img")
        disks = [work / "root.ext4", folder / "kpageflags", folder / "vmcore.raw"]
        for disk, mib in ((disks[1], 16), (disks[2], memory_mib + 64)):
            disk.unlink(missing_ok=True)
            with open(disk, "wb") as file:
                file.truncate(mib << 20)
        log = log_dir() / f"realcore-{folder.name}.console"
        machine = qemu.Machine(kernel, work / "boot.img", "console=ttyS0 panic=5 root=/dev/vda rw crashkernel=256M", disks,
                               folder / "ram", memory_mib, work, log, qemu.accelerator(kernel), cpu)
        try:
            ended = machine.wait_end(420)
            size = machine.console.find(r"realcore: size (\d+)")
            if not ended or not size or not machine.console.find("realcore: complete"):
                raise TestFailure(f"no vmcore of {kernel.release}; end of the console ({log}):\n{machine.console.tail()}")
        finally:
            machine.end()
        (folder / "report").write_text("\n".join(machine.reported()) + "\n")
        shutil.copy2(log, folder / "console")
        with open(disks[2], "r+b") as file:
            file.truncate(int(size[1].group(1)))
        disks[2].rename(folder / "vmcore")  # last: its name says that all of it is there
    finally:
        shutil.rmtree(work, ignore_errors=True)


def reservations(folder):
    return [tuple(int(part, 16) for part in match)
            for match in re.findall(r"([0-9a-f]+)-([0-9a-f]+) : Crash kernel", (folder / "report").read_text())]
