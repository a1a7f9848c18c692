"""Local targets, each on a disk of its own: how the disk is made, how kdump.conf spells it, and how the next boot of the same
guest gets at what was saved there."""

import os
import pathlib
import re
import shutil
import subprocess

from . import TestFailure, guest

UUID = guest.DUMP_UUID
PART_UUID = "6b64756d-7064-4000-8000-000000000003"
PART_LABEL = "kdump-part"
LABEL = "kdumplabel"
FIRST_SECTOR = 2048

# How the disk is attached: QEMU's words, the guest's modules, the disk's name there.
BUSES = {
    "virtio": (["-device", "virtio-blk-pci,drive=t,serial=kdump-target"], "", "/dev/vdc"),
    "nvme": (["-device", "nvme,drive=t,serial=kdump-target"], "modprobe nvme;", "/dev/nvme0n1"),
    "ahci": (["-device", "ahci,id=ahci", "-device", "ide-hd,bus=ahci.0,drive=t,serial=kdump-target"],
             "modprobe ahci; modprobe sd_mod;", "/dev/sda"),
    "usb": (["-device", "qemu-xhci", "-device", "usb-storage,id=target,drive=t,serial=kdump-target"],
            "modprobe xhci_pci; modprobe usb-storage; modprobe sd_mod;", "/dev/sda"),
}

MODULES = {"ext2": "ext4", "ext3": "ext4", "vfat": "vfat nls_cp437 nls_ascii nls_utf8"}

MAKE = {
    "ext2": ["mkfs.ext2", "-q", "-F", "-U", UUID, "-L", LABEL],
    "ext3": ["mkfs.ext3", "-q", "-F", "-U", UUID, "-L", LABEL],
    "ext4": ["mkfs.ext4", "-q", "-F", "-U", UUID, "-L", LABEL],
    "xfs": ["mkfs.xfs", "-q", "-f", "-m", f"uuid={UUID}", "-L", LABEL],
    "btrfs": ["mkfs.btrfs", "-q", "-f", "-U", UUID, "-L", LABEL],
    "vfat": ["mkfs.vfat", "-F", "32", "-i", "6B64756D", "-n", "KDUMPLABEL"],
    "minix": ["mkfs.minix", "-3"],
}


def tool(words, **options):
    environment = dict(os.environ, PATH=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    run = subprocess.run([str(word) for word in words], env=environment, capture_output=True, text=True, **options)
    if run.returncode != 0:
        raise TestFailure(f"{words[0]} failed: {run.stderr.strip() or run.stdout.strip()}")


class LocalTarget:
    """`spelled` is how kdump.conf names it: path, device, UUID, LABEL or PARTUUID."""

    def __init__(self, filesystem, spelled="device", bus="virtio", subvolume=False, mib=1024, drive="", extra=()):
        self.filesystem, self.spelled, self.bus, self.subvolume, self.mib = filesystem, spelled, bus, subvolume, mib
        self.drive = drive  # instead of "format=raw": how QEMU gets at the disk image, with {image} for it
        self.extra = list(extra)  # more of QEMU's words for the first boot
        self.partitioned = spelled == "PARTUUID"
        self.device = BUSES[bus][2]
        if self.partitioned:
            self.device += "p1" if bus == "nvme" else "1"
        self.colons, self.modes = filesystem != "vfat", filesystem != "vfat"
        self.uuid = "6B64-756D" if filesystem == "vfat" else UUID
        self.path = "/mnt/target/crash" if spelled == "path" else "/crash"
        self.directory = "/crash"  # on the file system, as the capture kernel mounts it
        if filesystem == "raw":
            self.path = self.directory = "/var/crash"  # where the next boot recovers to
        # Shell commands: what the first boot does before it arms itself, and how the second one gets at the capture.
        self.setup = self._setup()
        self.look = self._look()

    @property
    def is_raw(self):
        return self.filesystem == "raw"

    @property
    def line(self):
        """Of kdump.conf, which has no word for vfat."""
        return "" if self.filesystem == "vfat" else self.named

    @property
    def policy(self):
        return f"targets:\n - vfat: {self.named.split()[1]}\n   path: {self.path}\n" if self.filesystem == "vfat" else ""

    @property
    def named(self):
        value = {"path": "", "device": self.device, "UUID": f"UUID={self.uuid}", "PARTUUID": f"PARTUUID={PART_UUID}",
                 "LABEL": "LABEL=" + ("KDUMPLABEL" if self.filesystem == "vfat" else LABEL)}[self.spelled]
        return f"{self.filesystem} {value}" if value else ""

    @property
    def described(self):
        """As vmcore.json names it: as configured, or what `path` was found to be on."""
        return self.named or f"{self.filesystem} UUID={self.uuid}"

    def _setup(self):
        wait = f"for i in 1 2 3 4 5 6 7 8 9 10; do [ -b {self.device} ] && break; sleep 1; done; "
        load = BUSES[self.bus][1] + wait
        if self.is_raw:
            return load + f"[ -b {self.device} ]"
        modules = MODULES.get(self.filesystem, self.filesystem).split()
        load += "".join(f"modprobe {name}; " for name in modules)
        mount = f"mkdir -p /mnt/target && mount -t {self.filesystem} {self.device} /mnt/target"
        if self.subvolume:
            mount += (" && btrfs subvolume create /mnt/target/@crash && umount /mnt/target && "
                      f"mount -t btrfs -o subvol=@crash {self.device} /mnt/target")
        return load + mount + " && mkdir -p /mnt/target/crash"

    def _look(self):
        if self.is_raw:
            return self.setup
        option = " -o ro,subvol=@crash" if self.subvolume else " -o ro"
        load = self.setup.split("mkdir -p")[0]
        return (load + f"mkdir -p /mnt/target && mount -t {self.filesystem}{option} {self.device} /mnt/target && "
                "cp -a /mnt/target/crash/. /var/crash/ && umount /mnt/target")

    def install(self, root):
        # The kernel calls it by this name for what a mount needs.
        (root / "usr/sbin/modprobe").symlink_to("../bin/busybox")
        if self.subvolume:
            program = shutil.which("btrfs", path="/usr/bin:/usr/sbin:/bin:/sbin")
            shutil.copy2(program, root / "usr/bin")
            guest.copy_libraries(program, root)

    def attach(self, work, again=False):
        """QEMU's words; `again` for the second boot, which gets at the disk without what is in its way in the first."""
        image = work / "target"
        if not image.exists():
            self.make(image)
        drive = self.drive.format(image=image, work=work) if self.drive and not again else f"file={image},format=raw,cache=unsafe"
        return ["-drive", f"{drive},if=none,id=t", *BUSES[self.bus][0], *([] if again else self.extra)]

    def make(self, image):
        with open(image, "wb") as file:
            file.truncate(self.mib << 20)
        if not self.partitioned:
            if not self.is_raw:
                tool([*MAKE[self.filesystem], image])
            return
        tool(["sfdisk", "-q", image], input=f"label: gpt\nstart={FIRST_SECTOR}, uuid={PART_UUID}, name={PART_LABEL}\n")
        if self.is_raw:
            return
        # The file system is made apart and put into its place: not every mkfs takes an offset. The table's copy ends the disk.
        part = image.with_name("part")
        with open(part, "wb") as file:
            file.truncate((self.mib - 2) << 20)
        tool([*MAKE[self.filesystem], part])
        tool(["dd", f"if={part}", f"of={image}", "bs=1M", f"seek={FIRST_SECTOR * 512 >> 20}", "conv=notrunc,sparse"])
        part.unlink()

    def check_second_boot(self, steps, check):
        if steps.exit.get("after-crash") != 0:
            raise TestFailure(f"kdumpctl _after-crash of the second boot: {steps.text('after-crash')}")
        if self.is_raw:
            told = steps.text("after-crash")
            if not re.search(r"recovered the dump on raw \S+ to /var/crash/", told):
                raise TestFailure(f"the second boot recovers nothing from the raw device; it says:\n{told}")
            check("the second boot recovered the capture from the raw device")


TARGETS = {
    "raw": LocalTarget("raw"),
    "raw-partuuid": LocalTarget("raw", "PARTUUID"),
    "raw-nvme": LocalTarget("raw", bus="nvme"),
    "ext2": LocalTarget("ext2", "path"),
    "ext3": LocalTarget("ext3", "UUID"),
    "ext4": LocalTarget("ext4", "PARTUUID"),
    "ext4-usb": LocalTarget("ext4", "LABEL", bus="usb"),
    "xfs": LocalTarget("xfs", "LABEL"),
    "xfs-ahci": LocalTarget("xfs", "PARTUUID", bus="ahci"),
    "btrfs": LocalTarget("btrfs", "UUID"),
    "btrfs-subvolume": LocalTarget("btrfs", "path", subvolume=True),
    "vfat": LocalTarget("vfat", "device"),
    "minix": LocalTarget("minix", "device", mib=512),
}
