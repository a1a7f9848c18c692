"""A guest that serves a disk to another guest: by iSCSI or by NVMe over TCP, with the kernel's own targets. A wire of their own
is between the two, or two that both sides bond."""

import base64
import pathlib
import shutil
import struct
import zlib

from . import TestFailure, guest, log_dir, qemu

SERVER_IP, CLIENT_IP = "10.0.5.1", "10.0.5.2"
IQN = "iqn.2003-01.org.example:crash"
NQN = "nqn.2014-08.org.example:crash"
HOST_ID = "6b64756d-7064-4000-8000-0000000000aa"
HOST_NQN = f"nqn.2014-08.org.nvmexpress:uuid:{HOST_ID}"
USER, SECRET = "kdump", "a secret of 16 c"  # CHAP of LIO takes 12 to 16 characters everywhere


def nvme_secret(text):
    """As NVMe's DH-HMAC-CHAP has them: 01 is a key of 32 bytes, followed by its CRC."""
    key = text.encode().ljust(32, b".")
    return f"DHHC-1:01:{base64.b64encode(key + struct.pack('<I', zlib.crc32(key))).decode()}:"


NVME_SECRET, NVME_TARGET_SECRET = nvme_secret("of the host"), nvme_secret("of the target")

# Kernels that know DH-HMAC-CHAP have its ciphers built in.
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
@BOND@
busybox ip link set $nic up
busybox ip addr add {SERVER_IP}/24 dev $nic
mount -t configfs configfs /sys/kernel/config
cd /sys/kernel/config
"""

# The module makes a bond0 by itself, of another mode.
BOND = """for set in mode=802.3ad miimon=100 lacp_rate=fast; do
    echo ${set#*=} > /sys/class/net/bond0/bonding/${set%=*} || exit
done
for port in eth0 eth1; do
    busybox ip link set $port down && echo +$port > /sys/class/net/bond0/bonding/slaves || exit
done
nic=bond0
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
for set in generate_node_acls=1 cache_dynamic_acls=1 demo_mode_write_protect=0 authentication=0; do
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
SERVE["chap"] = SERVE["iscsi"].replace("authentication=0", "authentication=1")
SERVE["nvme-chap"] = SERVE["nvme"].replace("busybox ln -s", f"""
busybox mkdir hosts/{HOST_NQN}
printf '{NVME_SECRET}' > hosts/{HOST_NQN}/dhchap_key
printf '{NVME_TARGET_SECRET}' > hosts/{HOST_NQN}/dhchap_ctrl_key
echo ffdhe2048 > hosts/{HOST_NQN}/dhchap_dhgroup
echo 0 > subsystems/{NQN}/attr_allow_any_host
busybox ln -s /sys/kernel/config/nvmet/hosts/{HOST_NQN} subsystems/{NQN}/allowed_hosts/{HOST_NQN}
busybox ln -s""")

END = """
echo serving > /dev/ttyS1
while :; do sleep 1000; done
"""


class DiskServer:
    """From entering to leaving, `disk` (an image) is served as `how` says: "iscsi", "chap" (iSCSI with a password), "nvme",
    "nvme-chap" (with secrets of both sides). `devices`: what QEMU has to be told for the guest that is its client. `wires`: "one";
    "switch", at which the client has two NICs; "lacp", two that the server bonds with LACP."""

    def __init__(self, kernel, disk, work, title, how, wires="one"):
        self.kernel, self.disk, self.title, self.how = kernel, disk, title, how
        self.work = pathlib.Path(work, "disk-server")
        self.wires = wires
        numbers = (0, 1) if wires == "lacp" else (0,)
        self.network = tuple(word for number in numbers for word in self._nic(number, "on", f"52:54:00:6b:64:{9 + number:02x}"))
        self.devices = qemu.two_nics(self._wire("up", 0, "off")) if wires == "switch" else tuple(
            word for number in numbers for word in self._nic(number, "off", qemu.GUEST_MACS[number]))

    def _wire(self, name, number, is_server):
        return f"stream,id={name},server={is_server},addr.type=unix,addr.path={self.work}/wire{number}"

    def _nic(self, number, is_server, mac):
        # LACP puts links of one known speed together.
        return ("-netdev", self._wire(f"net{number}", number, is_server),
                "-device", f"virtio-net-pci,netdev=net{number},mac={mac},speed=1000,duplex=full")

    def __enter__(self):
        self.work.mkdir()
        bonded = self.wires == "lacp"
        init = BEGIN.replace("@BOND@", BOND if bonded else "nic=eth0") + SERVE[self.how] + END
        modules = MODULES["nvme" if self.how.startswith("nvme") else "iscsi"]
        guest.make_busybox_initramfs(self.kernel, init, self.work / "boot.img", (*modules, *(("bonding",) if bonded else ())))
        self.machine = qemu.Machine(self.kernel, self.work / "boot.img", "console=ttyS0 panic=5", [self.disk], self.work / "ram", 512,
                                    self.work, log_dir() / f"{self.title}.server-console", qemu.accelerator(self.kernel),
                                    network=self.network)
        if not self.machine.wait(lambda: "serving" in self.machine.reported(), 120):
            raise TestFailure(f"the guest that serves disks does not come up:\n{self.machine.console.tail()}")
        return self

    def __exit__(self, *_):
        self.machine.end()
        shutil.rmtree(self.work)
