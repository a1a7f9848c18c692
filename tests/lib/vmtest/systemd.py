"""A guest whose PID 1 is this machine's own systemd, with udev, and one service that plays the test's steps."""

import argparse
import contextlib
import pathlib
import shutil
import subprocess
import tempfile

from . import Skip, TestFailure, guest, log_dir, qemu, say
from .kernel import fetch
from .mainjob import Steps

SYSTEMD = pathlib.Path("/usr/lib/systemd/systemd")
INIT = f"#!/bin/sh\nexec {SYSTEMD}\n"

# RemainAfterExit: what the steps start in the background stays.
UNIT = """[Unit]
After=kdumpd.service
[Service]
Type=oneshot
ExecStart=/usr/lib/guest/steps
TimeoutStartSec=infinity
IgnoreSIGPIPE=no
RemainAfterExit=yes
[Install]
WantedBy=multi-user.target
"""

TOOLS = ["systemctl", "journalctl", "systemd-tmpfiles", "udevadm"]
# Opened by name while running, so no program names them.
OPENED = ["libmount.so.1", "libblkid.so.1", "libseccomp.so.2", "libkmod.so.2"]
# What would fail again and again in a guest without logins and without D-Bus.
MASKED = ["getty.target", "dbus.service", "dbus.socket", "systemd-logind.service", "systemd-sysusers.service",
          "kmod-static-nodes.service"]


def install(root, steps):
    """systemd, udev and `steps` (a shell script, run when kdumpd.service has been started) into a root of guest.make_root()."""
    missing = [tool for tool in TOOLS if not shutil.which(tool)]
    if missing or not SYSTEMD.exists():
        raise Skip(f"this machine has no {', '.join(missing) or SYSTEMD} to run in the guest: install systemd and udev")
    libraries = next(pathlib.Path("/usr/lib").glob("**/libsystemd-shared-*.so")).parent
    for tree in ("/usr/lib/systemd", libraries, "/usr/lib/tmpfiles.d", "/usr/lib/udev/rules.d"):
        shutil.copytree(tree, root / str(tree)[1:], symlinks=True, dirs_exist_ok=True)
    for name in TOOLS:
        (root / "usr/bin" / name).unlink(missing_ok=True)
        shutil.copy2(shutil.which(name), root / "usr/bin" / name)
        guest.copy_libraries(f"/usr/bin/{name}", root)
    for program in pathlib.Path("/usr/lib/systemd").iterdir():
        if program.is_file() and program.read_bytes()[:4] == b"\x7fELF":
            guest.copy_libraries(program, root)
    for library in libraries.glob("libsystemd-*.so"):
        if "shared" in library.name:
            guest.copy_libraries(library, root)
    for name in OPENED:
        for library in pathlib.Path("/usr/lib").glob(f"*/{name}"):
            target = root / str(library)[1:]
            if not target.exists():
                shutil.copy2(library.resolve(), target)
    folder = root / "etc/systemd/system"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "steps.service").write_text(UNIT)
    script = root / "usr/lib/guest/steps"
    script.write_text(steps)
    script.chmod(0o755)
    for unit in MASKED:
        (folder / unit).symlink_to("/dev/null")
    for words in (["enable", "kdumpd.service", "steps.service"], ["set-default", "multi-user.target"]):
        run = subprocess.run(["systemctl", f"--root={root}", *words], capture_output=True, text=True)
        if run.returncode != 0:
            raise TestFailure(f"systemctl {' '.join(words)}: {run.stderr}")


def options(description):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("kernel", nargs="?", default="6.1", help="kernel flavour: 6.1 (default), 6.12")
    parser.add_argument("--build", default="", help="build folder with the programs (default: build)")
    return parser.parse_args()


class Host:
    """What a test of a running host has: its machine, its disk (an image file), and what it reported so far."""

    def __init__(self, kernel, machine, disk, work, report):
        self.kernel, self.machine, self.disk, self.work, self._report = kernel, machine, disk, work, report

    def steps(self):
        lines = self.machine.reported()
        self._report.write_text("\n".join(lines) + "\n")
        return Steps(lines)

    def wait_step(self, name, seconds):
        if not self.machine.wait(lambda: name in self.steps().exit, seconds):
            raise TestFailure(f"the guest does not come to its step {name}")
        return self.steps()

    def wait_end(self, seconds):
        ended = self.machine.wait_end(seconds)
        if not ended:
            raise TestFailure(f"the guest does not come to its end:\n{self.machine.console.tail()}")
        return self.steps()


@contextlib.contextmanager
def host(chosen, title, steps, kdump_conf="path /var/crash\n", prepare=lambda root: None, hotplug=False, append="",
         network=False):
    """A booted guest with our programs and these steps; `prepare` may change its root file system before. With `network` it has
    a NIC on QEMU's user network, to which guest.NETWORK gives addresses as eth0."""
    work = pathlib.Path(tempfile.mkdtemp(prefix="kdumpd-vm-", dir="/var/tmp"))
    try:
        kernel = fetch(chosen.kernel)
        accel = qemu.accelerator(kernel)
        root = work / "root"
        root.mkdir()
        guest.make_root(root, kernel, work, init=INIT)
        guest.install_product(root, kdump_conf, "", chosen.build or None)
        install(root, steps)
        prepare(root)
        disk = work / "root.ext4"
        guest.make_ext4(disk, 1536, guest.ROOT_UUID, root=root)
        shutil.rmtree(root)
        guest.make_busybox_initramfs(kernel, guest.BOOT_INIT, work / "boot.img", guest.NETWORK_MODULES if network else ())
        if network:
            append = f"{append} net.ifnames=0"
        say(f"booting {kernel.release} with systemd ({accel})")
        machine = qemu.Machine(kernel, work / "boot.img",
                               f"console=ttyS0 panic=5 root=/dev/vda rw crashkernel=160M {append}".strip(), [disk], work / "ram",
                               1024, work, log_dir() / f"{title}.console", accel, hotplug=hotplug,
                               network=qemu.USER_NETWORK if network else ("-net", "none"))
        report = log_dir() / f"{title}.report"
        running = Host(kernel, machine, disk, work, report)
        try:
            yield running
        except TestFailure as failure:
            raise TestFailure(f"{failure}\n(the guest's report: {report})") from None
        finally:
            running.steps()
            machine.end()
    finally:
        shutil.rmtree(work, ignore_errors=True)
