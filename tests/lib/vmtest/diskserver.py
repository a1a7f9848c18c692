"""A guest that serves a disk to another guest: by iSCSI or by NVMe over TCP, with the kernel's own targets. A wire of their own
is between the two."""

import pathlib
import shutil

from . import TestFailure, guest, log_dir, qemu

SERVER_IP, CLIENT_IP = "10.0.5.1", "10.0.5.2"
IQN = "iqn.2003-01.org.example:crash"
NQN = "nqn.2014-08.org.example:crash"
USER, SECRET = "kdump", "a secret of 16 c"  # CHAP of LIO takes 12 to 16 characters everywhere

MODULES = {
    "iscsi": ("virtio_net", "configfs", "target_core_mod", "target_core_iblock", "md5", "sha256_generic", "iscsi_target_mod"),
    "nvme": ("virtio_net", "configfs", "nvmet", "nvmet_tcp"),
}

BEGIN = f"""#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
for module in /modules/*; do insmod $module; done
for wait in 1 2 3 4 5 6 7 8 9 10; do [ -b /dev/vda ] && break; sleep 1; done
busybox ip link set lo up
busybox ip link set eth0 up
busybox ip addr add {SERVER_IP}/24 dev eth0
mount -t configfs configfs /sys/kernel/config
cd /sys/kernel/config
"""

SERVE = {
    "iscsi": f"""
busybox mkdir -p target/core/iblock_0/disk
echo udev_path=/dev/vda > target/core/iblock_0/disk/control
echo 1 > target/core/iblock_0/disk/enable
group=target/iscsi/{IQN}/tpgt_1
busybox mkdir -p $group/np/{SERVER_IP}:3260 $group/lun/lun_0
busybox ln -s ../../../../../core/iblock_0/disk $group/lun/lun_0/disk ||
    busybox ln -s /sys/kernel/config/target/core/iblock_0/disk $group/lun/lun_0/disk
for set in generate_node_acls=1 cache_dynamic_acls=1 demo_mode_write_protect=0 authentication=@CHAP@; do
    echo ${{set#*=}} > $group/attrib/${{set%=*}}
done
printf '{USER}' > $group/auth/userid
printf '{SECRET}' > $group/auth/password
echo 1 > $group/enable
""",
    "nvme": f"""
cd nvmet
busybox mkdir -p subsystems/{NQN}/namespaces/1 ports/1
echo 1 > subsystems/{NQN}/attr_allow_any_host
printf /dev/vda > subsystems/{NQN}/namespaces/1/device_path
echo 1 > subsystems/{NQN}/namespaces/1/enable
echo tcp > ports/1/addr_trtype
echo ipv4 > ports/1/addr_adrfam
echo {SERVER_IP} > ports/1/addr_traddr
echo 4420 > ports/1/addr_trsvcid
busybox ln -s /sys/kernel/config/nvmet/subsystems/{NQN} ports/1/subsystems/{NQN}
""",
}

END = """
echo serving > /dev/ttyS1
while :; do sleep 1000; done
"""


class DiskServer:
    """From entering to leaving, `disk` (an image) is served as `how` says: "iscsi", "chap" (iSCSI with a password), "nvme".
    `devices`: what QEMU has to be told for the guest that is its client; with `bonded` that has two NICs."""

    def __init__(self, kernel, disk, work, title, how, bonded=False):
        self.kernel, self.disk, self.title, self.how = kernel, disk, title, how
        self.work = pathlib.Path(work, "disk-server")
        wire = f"addr.type=unix,addr.path={self.work}/wire"
        self.network = ("-netdev", f"stream,id=net0,server=on,{wire}",
                        "-device", "virtio-net-pci,netdev=net0,mac=52:54:00:6b:64:09")
        self.devices = qemu.two_nics(f"stream,id=up,server=off,{wire}") if bonded else (
            "-netdev", f"stream,id=net0,server=off,{wire}", "-device", f"virtio-net-pci,netdev=net0,mac={qemu.GUEST_MAC}")

    def __enter__(self):
        self.work.mkdir()
        kind = "nvme" if self.how == "nvme" else "iscsi"
        init = BEGIN + SERVE[kind].replace("@CHAP@", "1" if self.how == "chap" else "0") + END
        guest.make_busybox_initramfs(self.kernel, init, self.work / "boot.img", MODULES[kind])
        self.machine = qemu.Machine(self.kernel, self.work / "boot.img", "console=ttyS0 panic=5", [self.disk], self.work / "ram", 512,
                                    self.work, log_dir() / f"{self.title}.server-console", qemu.accelerator(self.kernel),
                                    network=self.network)
        if not self.machine.wait(lambda: "serving" in self.machine.reported(), 120):
            raise TestFailure(f"the guest that serves disks does not come up:\n{self.machine.console.tail()}")
        return self

    def __exit__(self, *_):
        self.machine.end()
        shutil.rmtree(self.work)
