"""Ours, Debian's kdump-tools and a bare image on the same Debian host: one disk with all three of them, one of which is armed
before the crash. What is measured is the same for all: how little memory does, and how long it takes from panic to reboot."""

import dataclasses
import json
import re
import shutil
import subprocess
import time

from . import TestFailure, debian_root, guest, log_dir, qemu
from .kernel import fetch

SYSTEMS = ("bare", "ours", "kdump-tools")

# PID 1 of the host up to its crash: nothing of systemd is needed for that. kdump-tools' capture kernel does boot systemd, as it
# does everywhere.
INIT = r"""#!/bin/sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev 2>/dev/null
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /tmp
mount -o remount,rw /
say() { echo "$*" > /dev/ttyS1; }
word() { sed -n "s/.*$1=\([^ ]*\).*/\1/p" /proc/cmdline; }
say "guest: up"
rm -rf /var/crash
mkdir -p /var/crash
case $(word guest.arm) in
ours) kdumpctl start ;;
kdump-tools) kdump-config load ;;
bare) kexec-load /boot/vmlinuz-* /usr/lib/guest/bare.img \
      "console=ttyS0 irqpoll nr_cpus=1 reset_devices cgroup_disable=memory mce=off numa=off panic=10 novmcoredd" ;;
esac > /run/said 2>&1
sed "s/^/arm| /" /run/said > /dev/ttyS1
say "arm: loaded $(cat /sys/kernel/kexec_crash_loaded)"
stat -L -c "image| %s %n" /var/lib/kdump/initramfs-*kdump.img /var/lib/kdump/initrd.img-* > /dev/ttyS1 2>/dev/null
if [ "$(cat /sys/kernel/kexec_crash_loaded)" != 1 ]; then poweroff -f; fi
mkdir -p /var/memfill
memfill --dir /var/memfill --scale $(word guest.fill) > /run/said 2>&1
say "memfill: exit $?"
sync
echo 1 > /proc/sys/kernel/sysrq
say "guest: crashing"
echo c > /proc/sysrq-trigger
"""


@dataclasses.dataclass
class Outcome:
    works: bool = False
    why: str = ""             # if not
    seconds: float = 0.0      # panic to reboot
    image_bytes: int = 0
    dump_bytes: int = 0
    console: object = None


class Host:
    def __init__(self, work, flavour, build=None):
        self.work, self.kernel = work, fetch(flavour)
        self.accel = qemu.accelerator(self.kernel)
        root = work / "root"
        debian_root.make(root, ["kdump-tools", "makedumpfile", "initramfs-tools", "busybox"])
        debian_root.install_kernel(root, self.kernel)
        guest.install_product(root, "path /var/crash\ncore_collector makedump -l --message-level 7 -d 31\n", "", build)
        for tool in ("memfill", "kexec-load"):
            shutil.copy2(guest.build_tool(tool, work), root / "usr/bin")
        (root / "usr/lib/guest").mkdir(parents=True, exist_ok=True)
        qemu.write_initramfs({"init": (0o755, guest.build_tool("bare-init", work).read_bytes())}, root / "usr/lib/guest/bare.img")
        (root / "usr/lib/guest/init").write_text(INIT)
        (root / "usr/lib/guest/init").chmod(0o755)
        (root / "etc/fstab").write_text(f"UUID={guest.ROOT_UUID} / ext4 defaults 0 1\n")
        settings = root / "etc/default/kdump-tools"
        settings.write_text(re.sub(r"(?m)^#? *USE_KDUMP=.*$", "USE_KDUMP=1", settings.read_text()))
        self.disk = work / "root.ext4"
        guest.make_ext4(self.disk, 3072, guest.ROOT_UUID, root=root)
        shutil.rmtree(root)
        guest.make_busybox_initramfs(self.kernel, guest.BOOT_INIT, work / "boot.img")

    def crash(self, system, crashkernel, fill=10, deadline=600, disk_mib_s=None):
        """Arms `system`, crashes, and looks at what was saved. The disk may be slow from the crash on."""
        outcome = Outcome()
        log = log_dir() / f"peer-{self.kernel.release}-{system}-{crashkernel}.console"
        cmdline = (f"console=ttyS0 panic=5 root=/dev/vda rw crashkernel={crashkernel} "
                   f"guest.arm={system} guest.fill={fill}")
        machine = qemu.Machine(self.kernel, self.work / "boot.img", cmdline, [self.disk], self.work / "ram", 2048, self.work, log,
                               self.accel)
        try:
            self._watch(machine, system, outcome, deadline, disk_mib_s)
        finally:
            machine.end()
        outcome.console = machine.console
        return outcome

    def _watch(self, machine, system, outcome, deadline, disk_mib_s):
        end = time.monotonic() + deadline

        def reported(line):
            return any(text.startswith(line) for text in machine.reported())

        if not machine.wait(lambda: reported("guest: crashing") or reported("arm: loaded 0"), deadline):
            raise TestFailure(f"the guest does not come to its crash:\n{machine.console.tail()}")
        for line in machine.reported():
            if match := re.match(r"image\| (\d+) (\S+)", line):
                if ("initramfs-" in match[2]) == (system == "ours"):
                    outcome.image_bytes = int(match[1])
        if reported("arm: loaded 0"):
            outcome.why = "cannot be armed: " + " / ".join(line[5:] for line in machine.reported() if line.startswith("arm| "))
            return
        if disk_mib_s:
            limits = dict.fromkeys(("bps", "bps_rd", "iops", "iops_rd", "iops_wr"), 0)
            machine.monitor(("block_set_io_throttle", {"device": "d0", "bps_wr": int(disk_mib_s * (1 << 20)), **limits}))
        # A capture kernel that is out of memory may go on dying for minutes: its words are enough.
        dead = r"System is deadlocked on memory|Kernel panic - not syncing: (?!sysrq).*"
        console = machine.console
        ended = machine.wait(lambda: console.find(dead) or machine.process.poll() is not None, end - time.monotonic())
        crash = console.find(r"Kernel panic - not syncing: sysrq")
        if not crash:
            raise TestFailure(f"the guest did not panic:\n{console.tail()}")
        if match := console.find(dead, after=crash[0]):
            outcome.why = match[1].group(0)
            return
        if not ended:
            outcome.why = f"not done within {deadline} s"
            return
        machine.wait_end(10)  # until all that it said is read
        outcome.seconds = console.ended - crash[0]
        if system == "bare":
            outcome.works = bool(console.find("bare: works"))
        else:
            outcome.dump_bytes = self._saved(system)
            outcome.works = outcome.dump_bytes > 0
        if not outcome.works:
            out = console.find(r"Out of memory", after=crash[0])
            outcome.why = "saved nothing" + (" (out of memory)" if out else "")

    def _saved(self, system):
        """Bytes of the dump on the disk; 0 if there is none that is complete."""
        disk = guest.Ext4(self.disk)
        for path, _, size in disk.walk("/var/crash"):
            name = path.rpartition("/")[2]
            if system == "kdump-tools" and re.fullmatch(r"dump\.\d+", name):
                return size
            if system == "ours" and name == "vmcore":
                manifest = self.work / "vmcore.json"
                manifest.unlink(missing_ok=True)
                disk.fetch(f"{path}.json", manifest)
                return size if json.loads(manifest.read_text())["state"] == "complete" else 0
        return 0
