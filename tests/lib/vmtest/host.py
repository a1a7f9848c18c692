"""A real Debian host with our package, as tests/vm/host crashes it: its disk is made once for a package and a kernel, and copied
for each case. What a case does is a piece of shell, put into the copy.

    disk = host.disk(work, packages["kdumpd"], kernel, "crash() { echo c > /proc/sysrq-trigger; }")
    steps, console = host.boot(kernel, disk, work, "host-oops-1")
"""

import dataclasses
import fcntl
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from . import REPO, Skip, TestFailure, debian_root, guest, kernel as kernels, log_dir, qemu, say
from .mainjob import Steps

# In the order of a host's life. A case says in shell what is different with it: before() when the host is armed, crash() to end the
# first boot, after() in the second, and `thorough` if the host's own view of itself is asked for.
STEPS = r"""#!/bin/sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
step() { # NAME COMMAND…
    name=$1
    shift
    "$@" > /run/step 2>&1
    status=$?
    sed "s/^/$name| /" /run/step > /dev/ttyS1
    echo "$name: exit $status" > /dev/ttyS1
    return $status
}
until_so() { # COMMAND…: within five minutes; what it said the last time
    for wait in $(seq 300); do
        "$@" > /run/until 2>&1 && cat /run/until && return 0
        sleep 1
    done
    cat /run/until
    return 1
}
armed() { systemctl show -p StatusText kdumpd | grep "Armed for $(uname -r):"; }
crasher() { insmod "/usr/lib/guest/crasher-$(uname -r).ko" how="$1"; }
image=/var/lib/kdump/initramfs-$(uname -r)kdump.img

thorough=
before() { :; }
crash() { echo c > /proc/sysrq-trigger; }
after() { :; }
. /usr/lib/guest/case

if [ ! -e /var/lib/crashed-once ]; then
    step enabled systemctl is-enabled kdumpd
    step armed until_so armed
    if [ -n "$thorough" ]; then
        step status kdumpctl status
        step json kdumpctl status --json
        step dry kdumpctl test --dry-run
        # udev has looked at all devices, and kdumpd has had the time to act upon what it heard of them.
        udevadm settle --timeout=120
        sleep 12
        step journal journalctl -b -o cat -u kdumpd
        step modes stat -c "%a %n" /var/lib/kdump /var/crash $image
    fi
    before
    touch /var/lib/crashed-once
    sync -f /var/lib
    echo "guest: crashing" > /dev/ttyS1
    crash
    # Longer than any case takes from here to its panic, on a busy machine.
    sleep 600
    echo "guest: still alive" > /dev/ttyS1
else
    step armed-again until_so armed
    step told until_so sh -c "journalctl -b -o cat -u kdumpd-after-crash | grep -F 'saved: '"
    step status-again kdumpctl status
    step list kdumpctl list --json
    step verify kdumpctl list --verify
    step files sh -c 'stat -c "%a %n" /var/crash/127*/ /var/crash/127*/*'
    step journal journalctl -b -o cat -u kdumpd
    step failed systemctl --failed --no-legend --plain
    after
    sync
fi
systemctl poweroff -f
"""


def build_crasher(kernel, into):
    """tests/vm/crasher.c for this kernel."""
    source = REPO / "tests/vm/crasher.c"
    with tempfile.TemporaryDirectory(prefix="module-", dir="/var/tmp") as work:
        shutil.copy(source, work)
        pathlib.Path(work, "Makefile").write_text("obj-m := crasher.o\n")
        build = subprocess.run(["make", "-C", kernels.headers(kernel), f"M={work}", "modules"], capture_output=True, text=True)
        if build.returncode != 0:
            raise TestFailure(f"{source} does not compile for {kernel.release}:\n{build.stdout}{build.stderr}")
        shutil.copy(pathlib.Path(work, "crasher.ko"), into)


def _depends(package):
    done = subprocess.run(["dpkg-deb", "-f", package, "Depends"], capture_output=True, text=True, check=True)
    return [re.split(r"[ (|]", item.strip())[0] for item in done.stdout.split(",") if item.strip()]


def _fill(root, package, kernel, more):
    debian_root.make(root, [*_depends(package), *more])
    debian_root.install_kernel(root, kernel)
    (root / "etc/fstab").write_text(f"UUID={guest.ROOT_UUID} / ext4 defaults 0 1\n")
    shutil.copy(package, root / "var/tmp")
    debian_root.run(root, "apt-get", "install", "-y", "-q=2", f"/var/tmp/{package.name}")
    (root / "var/tmp" / package.name).unlink()
    # From here on services may be started: the host is one of its own.
    (root / "usr/sbin/policy-rc.d").unlink()
    debian_root.on_console(root, STEPS)
    build_crasher(kernel, root / f"usr/lib/guest/crasher-{kernel.release}.ko")


def _base_disk(package, kernel, more):
    """The disk of a host on which nothing has happened yet; kept for the package that was last asked for, once for each `more`."""
    made_of = hashlib.sha256(package.read_bytes())
    for file in (REPO / "tests/vm/crasher.c", pathlib.Path(__file__), pathlib.Path(debian_root.__file__), pathlib.Path(guest.__file__)):
        made_of.update(file.read_bytes())
    made_of.update(kernel.root.name.encode())
    disk = REPO / "build/test-hosts" / ("-".join(more) or "plain") / f"{made_of.hexdigest()[:16]}.ext4"
    if not disk.exists():
        shutil.rmtree(disk.parent, ignore_errors=True)
        disk.parent.mkdir(parents=True)
        half = disk.with_suffix(".new")
        with tempfile.TemporaryDirectory(prefix="host-", dir="/var/tmp") as work:
            root = pathlib.Path(work, "root")
            _fill(root, package, kernel, more)
            say("making its disk (once for this package)")
            guest.make_ext4(half, 2048, guest.ROOT_UUID, root=root)
        half.rename(disk)
    return disk


def disk(work, package, kernel, case, more=()):
    """A disk that is yours, below `work`. `case`: shell, see STEPS. `more`: packages that the host has besides what ours needs."""
    if os.geteuid() != 0:
        raise Skip("making a Debian host (debootstrap, chroot) needs root")
    copy = work / "root.ext4"
    (REPO / "build").mkdir(exist_ok=True)
    with open(REPO / "build/test-hosts.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another case may be making it, or throw it away for another package's
        subprocess.run(["cp", "--sparse=always", "--reflink=auto", _base_disk(package, kernel, more), copy], check=True)
    script = work / "case"
    script.write_text(case + "\n")
    wrote = subprocess.run(["debugfs", "-w", "-R", f"write {script} /usr/lib/guest/case", copy], capture_output=True, text=True)
    if "Allocated inode" not in wrote.stdout:
        raise TestFailure(f"debugfs cannot write into {copy}: {wrote.stdout}{wrote.stderr}")
    return copy


@dataclasses.dataclass
class Way:
    """How a host boots and what it has for it."""
    initramfs: pathlib.Path = None  # None: one that mounts /dev/vda
    root: str = "root=/dev/vda"
    crashkernel: str = "160M"
    mib: int = 1024


def boot(kernel, disks, work, title, during=None, network=("-net", "none"), way=Way()):
    """One boot of the host to its end: (what its steps said, its console). `during`: called with the machine when the host is
    about to crash. `network`: see qemu.Machine."""
    image = way.initramfs
    if not image:
        image = work / f"boot-{kernel.release}.img"
        guest.make_busybox_initramfs(kernel, guest.BOOT_INIT, image)
    accel = qemu.accelerator(kernel)
    say(f"booting Debian with {kernel.release} ({accel})")
    machine = qemu.Machine(kernel, image, f"console=ttyS0 panic=5 {way.root} rw crashkernel={way.crashkernel}", disks,
                           work / "ram", way.mib, work, log_dir() / f"{title}.console", accel, network=network)
    try:
        if during and machine.wait(lambda: "guest: crashing" in machine.reported(), 900):
            during(machine)
        ended = machine.wait_end(900)
        lines = machine.reported()
        (log_dir() / f"{title}.report").write_text("\n".join(lines) + "\n")
        if not ended or "guest: still alive" in lines:
            raise TestFailure(f"{title}: the host does not come to its end:\n{machine.console.tail()}")
        return Steps(lines), machine.console
    finally:
        machine.end()
