"""A wire between a guest and the test's network namespace on which only one VLAN talks: what a switch's trunk port does."""

import fcntl
import pathlib
import select
import socket
import struct
import subprocess
import threading

from .qemu import GUEST_MAC

TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x0002, 0x1000


class TaggedWire:
    """From entering to leaving: interface "wire" of this namespace, with `address`, is VLAN `vid` of the guest's NIC. Frames
    without that tag lead nowhere."""

    def __init__(self, work, vid, address):
        self.vid, self.address = vid, address
        self.ours, self.theirs = pathlib.Path(work, "wire-host"), pathlib.Path(work, "wire-guest")
        self.tagged = 0
        self.netdev = f"dgram,id=up,local.type=unix,local.path={self.theirs},remote.type=unix,remote.path={self.ours}"
        self.devices = ("-netdev", self.netdev, "-device", f"virtio-net-pci,netdev=up,mac={GUEST_MAC}")

    def __enter__(self):
        self.tap = open("/dev/net/tun", "r+b", buffering=0)
        fcntl.ioctl(self.tap, TUNSETIFF, struct.pack("16sH22x", b"wire", IFF_TAP | IFF_NO_PI))
        subprocess.run(["ip", "addr", "add", self.address, "dev", "wire"], check=True)
        subprocess.run(["ip", "link", "set", "wire", "up"], check=True)
        self.link = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.link.bind(str(self.ours))
        self.end = threading.Event()
        self.thread = threading.Thread(target=self._relay, daemon=True)
        self.thread.start()
        return self

    def _relay(self):
        tag = struct.pack("!HH", 0x8100, self.vid)
        while not self.end.is_set():
            ready, _, _ = select.select([self.tap, self.link], [], [], 0.5)
            if self.link in ready:
                frame = self.link.recv(65536)
                if frame[12:16] == tag:
                    self.tagged += 1
                    self.tap.write(frame[:12] + frame[16:])
            if self.tap in ready:
                frame = self.tap.read(65536)
                try:
                    self.link.sendto(frame[:12] + tag + frame[12:], str(self.theirs))
                except OSError:
                    pass  # no guest yet, or none any more

    def __exit__(self, *_):
        self.end.set()
        self.thread.join()
        self.link.close()
        self.tap.close()
