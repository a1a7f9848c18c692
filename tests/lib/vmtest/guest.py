"""The guest's disk: a small but honest host. Its root file system lies on ext4 on a virtio disk, kernel, config and module
tree are where a distribution puts them, and our programs are installed as their build leaves them. busybox plays the rest
of the user space; nothing of it gets into the capture image."""

import lzma
import os
import pathlib
import shutil
import stat
import subprocess

from . import REPO, Skip, TestFailure, say
from .qemu import GUEST_IP, GUEST_IP6, HOST_IP, HOST_IP6, find_busybox, write_initramfs

ROOT_UUID = "6b64756d-7064-4000-8000-000000000001"
DUMP_UUID = "6b64756d-7064-4000-8000-000000000002"
DUMP_LABEL = "kdump-target"

# What a capture image may want to load, and the guest itself. Whole folders, so that libkmod has choices to make.
MODULE_FOLDERS = ["arch/x86/crypto", "crypto", "lib", "fs", "mm",
                  "block", "drivers/virtio", "drivers/usb/common", "drivers/usb/core", "drivers/usb/host",
                  "drivers/usb/storage", "drivers/block", "drivers/ata", "drivers/scsi", "drivers/nvme", "drivers/char/hw_random",
                  "drivers/watchdog", "drivers/firmware/efi", "drivers/net/virtio_net.ko", "drivers/net/net_failover.ko", "net/core", "net/sunrpc",
                  "net/dns_resolver", "net/8021q", "net/802", "net/llc", "net/bridge/bridge.ko", "net/tls", "drivers/net/bonding"]

NETWORK_MODULES = ("virtio_net",)
# The shell words that give the guest its addresses on QEMU's user network. No DAD: it takes seconds, and nobody else is there.
NETWORK = f"""for setting in accept_dad accept_ra; do echo 0 > /proc/sys/net/ipv6/conf/eth0/$setting; done
ip link set lo up && ip link set eth0 up || exit
ip addr add {GUEST_IP}/24 dev eth0 && ip route add default via {HOST_IP} || exit
ip -6 addr add {GUEST_IP6}/64 dev eth0 && ip -6 route add default via {HOST_IP6} || exit
for wait in 1 2 3 4 5 6 7 8 9 10; do ping -c 1 -W 1 {HOST_IP} && exit; done
exit 1"""

PROGRAMS = ["kdumpctl", "kdumpd", "kdump-capture", "kdump-capture-ssh", "makedump"]

INIT = r"""#!/bin/sh
# The guest's PID 1: arms itself, fills memory, crashes. Its words go to the second serial port, where no kernel message
# gets in between; the harness asserts on them.
export PATH=/usr/sbin:/usr/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev 2>/dev/null
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /tmp
# Since 6.7 the kernel sizes its per-CPU lists of free pages by load and drains them second by second afterwards: hundreds of
# pages would turn from "nothing known" to "free" between the snapshot of the page flags and the crash.
echo 1000 > /proc/sys/vm/percpu_pagelist_high_fraction
mount -t debugfs debugfs /sys/kernel/debug 2>/dev/null
hostname guest
. /etc/guest.conf

say() { echo "$*" > /dev/ttyS1; }

step() { # NAME COMMAND…: every line of output as "NAME| line", then "NAME: exit STATUS"
    name=$1
    shift
    "$@" > /run/step 2>&1
    status=$?
    sed "s/^/$name| /" /run/step > /dev/ttyS1
    say "$name: exit $status"
    return $status
}

# The second boot looks at what the first one's death left behind.
if [ -e /var/lib/guest-crashed ]; then
    step look sh -c "$LOOK"
    step after-crash kdumpctl _after-crash
    step list kdumpctl list --verify
    sync
    say "guest: looked"
    poweroff -f
fi

if [ -n "$NETWORK" ]; then step network sh -c "$NETWORK"; fi
if [ -n "$SETUP" ]; then step setup sh -c "$SETUP"; fi
if [ -n "$TARGET_DISK" ]; then
    mkdir -p /mnt/target
    mount -t ext4 "$TARGET_DISK" /mnt/target || say "cannot mount $TARGET_DISK"
    mkdir -p "/mnt/target$TARGET_PATH"
fi

say "guest: up"
step iomem grep -e "Crash kernel" /proc/iomem
step status-before kdumpctl status
step start kdumpctl start
step status-after kdumpctl status
step loaded cat /sys/kernel/kexec_crash_loaded
step images find / -xdev -type f -name "*kdump*.img" -exec stat -c "%s %a %n" {} ";"
if [ -n "$EXTRA_STEP" ]; then step extra sh -c "$EXTRA_STEP"; fi
if [ -n "$LOOK" ]; then touch /var/lib/guest-crashed; sync; fi

step memfill memfill --dir /var/memfill $MEMFILL
echo "$MARKER" > /dev/kmsg
step meminfo grep -e MemTotal -e MemFree -e AnonPages -e HugePages_Total /proc/meminfo
echo 1 > /proc/sys/kernel/sysrq
say "guest: crashing"
crash-now /dev/vdb > /dev/ttyS1 2>&1
sleep 120
say "guest: still alive"
poweroff -f
"""

# Loads what the root disk needs and moves there. Load order is worked out on the host by modprobe.
BOOT_INIT = """#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
for module in /modules/*; do insmod $module; done
for wait in 1 2 3 4 5 6 7 8 9 10; do [ -b /dev/vda ] && break; sleep 1; done
mount -t ext4 /dev/vda /root || poweroff -f
mount --move /dev /root/dev
umount /sys /proc
exec switch_root /root /usr/lib/guest/init
"""


def install_programs(root, build=None):
    """Our programs as `cmake --install` leaves them, and every shared library they need."""
    build = pathlib.Path(build or REPO / "build")
    missing = [name for name in PROGRAMS if not (build / "bin" / name).exists()]
    if missing:
        raise TestFailure(f"{build}/bin has no {', '.join(missing)}: build first (cmake --build {build})")
    environment = dict(os.environ, DESTDIR=str(root))
    install = subprocess.run(["cmake", "--install", build, "--prefix", "/usr"], env=environment, capture_output=True, text=True)
    if install.returncode != 0:
        raise TestFailure(f"cmake --install failed: {install.stderr.strip()}")
    found = {path.name: path for path in (root / "usr").rglob("*") if path.name in PROGRAMS and path.is_file()}
    for name in PROGRAMS:
        if name not in found:
            raise TestFailure(f"cmake --install does not install {name}")
    for program in found.values():
        copy_libraries(program, root)


def install_bad_makedump(root, build=None):
    """bad-capture, a kdump-capture whose makedump is that of tests/vm/bad-makedump.cpp, in its place. The image has one program
    for both: bad-capture is initramfs/program/main.cpp with makedump_main defined as bad_makedump_main, which
    tests/vm/bad-makedump.cpp has in namespace kdump, linked with kdump_capture and kdump_makedump."""
    program = pathlib.Path(build or REPO / "build") / "bin" / "bad-capture"
    if not program.exists():
        raise TestFailure(f"{program} is not there: build first")
    place, = (path for path in (root / "usr/libexec").rglob("kdump-capture"))
    place.unlink()
    shutil.copy2(program, place)
    copy_libraries(program, root)


def copy_libraries(program, root, already=()):
    """`already`: folders with libraries that are in the guest by now, and not on this host."""
    environment = dict(os.environ, LD_LIBRARY_PATH=":".join(already))
    run = subprocess.run(["ldd", program], capture_output=True, text=True, env=environment)
    for line in run.stdout.splitlines():
        words = line.split()
        path = words[2] if "=>" in words and len(words) > 2 else words[0]
        if not path.startswith("/"):
            if "=>" in words:
                raise TestFailure(f"{program}: shared library {words[0]} not found")
            continue
        if any(path.startswith(f"{folder}/") for folder in already):
            continue
        # /lib is a link to /usr/lib on the host and in the guest: keep the path, write through the guest's own links.
        inside = pathlib.Path(path)
        if inside.parts[1] in ("lib", "lib64"):
            inside = pathlib.Path("/usr", *inside.parts[1:])
        target = root / inside.relative_to("/")
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(pathlib.Path(path).resolve(), target)


def install_busybox(root):
    shutil.copy2(find_busybox(), root / "usr/bin/busybox")
    listing = subprocess.run([find_busybox(), "--list"], capture_output=True, text=True, check=True)
    for name in listing.stdout.split():
        link = root / "usr/bin" / name
        if not link.exists():
            link.symlink_to("busybox")


def install_kernel(root, kernel):
    boot = root / "boot"
    boot.mkdir(exist_ok=True)
    shutil.copy2(kernel.vmlinuz, boot)
    shutil.copy2(kernel.config, boot)
    target = root / "usr/lib/modules" / kernel.release
    target.mkdir(parents=True)
    for path in kernel.modules.glob("modules.*"):
        shutil.copy2(path, target)
    for folder in MODULE_FOLDERS:
        for source in kernel.modules.glob(f"kernel/{folder}*"):
            copy = target / source.relative_to(kernel.modules)
            if copy.exists():
                continue
            copy.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, copy)
            else:
                shutil.copy2(source, copy)


def build_tool(name, work):
    """One of the tests' own C++ programs; static, as the guest has only the libraries our programs need."""
    source = REPO / "tests/vm" / f"{name}.cpp"
    cached = REPO / "build" / "test-tools" / name
    if not cached.exists() or cached.stat().st_mtime < source.stat().st_mtime:
        subprocess.run(["g++", "-std=c++20", "-O2", "-static", "-o", work / name, source], check=True)
        cached.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(work / name, cached)
    return cached


def make_root(root, kernel, work, init=INIT):
    """A root file system without our programs: what any Debian host with this kernel has."""
    for folder in ("usr/bin", "usr/sbin", "usr/lib/guest", "usr/lib64", "etc", "var/crash", "var/lib", "var/log", "proc", "sys",
                   "dev", "run", "tmp", "mnt", "root"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for link in ("bin", "sbin", "lib", "lib64"):
        (root / link).symlink_to(f"usr/{link}")
    install_kernel(root, kernel)
    install_busybox(root)
    for tool in ("memfill", "crash-now", "kexec-load"):
        shutil.copy2(build_tool(tool, work), root / "usr/bin")
    (root / "etc/fstab").write_text(f"UUID={ROOT_UUID} / ext4 defaults 0 1\n")
    (root / "etc/hostname").write_text("guest\n")
    (root / "etc/machine-id").write_text("6b64756d706400000000000000000001\n")
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (root / "etc/group").write_text("root:x:0:\n")
    (root / "etc/os-release").write_text('ID=kdumpd-test\nNAME="kdumpd test guest"\n')
    script = root / "usr/lib/guest/init"
    script.write_text(init)
    script.chmod(0o755)


def install_product(root, kdump_conf, guest_conf, build=None):
    install_programs(root, build)
    # After our own files: what the build installs as defaults (an /etc/kdump.conf, say) is replaced by the test's.
    (root / "etc/kdump.conf").write_text(kdump_conf)
    (root / "etc/guest.conf").write_text(guest_conf)
    if pathlib.Path("/sbin/ldconfig").exists():
        subprocess.run(["/sbin/ldconfig", "-r", root], capture_output=True)


def add_files(root, files):
    """Executables: a text, or a program of this host by its path, with its libraries."""
    for path, content in files.items():
        target = root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, pathlib.Path):
            shutil.copy2(content.resolve(), target)
            copy_libraries(content, root)
        else:
            target.write_text(content)
        target.chmod(0o755)


def make_ext4(image, mib, uuid, label=None, root=None):
    image.unlink(missing_ok=True)
    with open(image, "wb") as file:
        file.truncate(mib << 20)
    command = ["mkfs.ext4", "-q", "-F", "-U", uuid, "-E", "root_owner=0:0,lazy_itable_init=1", "-m", "0"]
    if label:
        command += ["-L", label]
    if root:
        command += ["-d", str(root)]
    if os.geteuid() != 0:
        command = ["unshare", "--map-root-user", *command]  # so that the guest's files belong to its root
    environment = dict(os.environ, PATH=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    subprocess.run(command + [str(image)], check=True, env=environment)


def needed_modules(kernel, more=()):
    """name → bytes, in load order, of what reaches an ext4 file system on a virtio disk, and `more`: as modprobe says it,
    uncompressed."""
    environment = dict(os.environ, PATH=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    run = subprocess.run(["modprobe", "-d", kernel.root, "-S", kernel.release, "--show-depends", "-a",
                          "virtio_pci", "virtio_blk", "crc32c_generic", "ext4", *more],
                         capture_output=True, text=True, env=environment)
    modules = []
    for line in run.stdout.splitlines():
        if line.startswith("insmod "):
            path = pathlib.Path(line.split()[1])
            if path not in modules:
                modules.append(path)
    if not modules:
        raise Skip(f"modprobe finds no virtio_blk in {kernel.root}: {run.stderr.strip()}")
    found = {}
    for number, path in enumerate(modules):
        data = path.read_bytes()
        if path.suffix == ".xz":
            data = lzma.decompress(data)
        elif path.suffix == ".zst":
            data = subprocess.run(["zstd", "-dcq", path], capture_output=True, check=True).stdout
        found[f"{number:02}-{path.name.split('.')[0]}.ko"] = data
    return found


def make_busybox_initramfs(kernel, init, out, modules=()):
    """An initramfs of busybox, the modules for virtio disks with ext4, and one script. The first kernel's way to its root
    file system; also the plainest capture image there is. `modules`: more to be loaded by the script."""
    files = {"init": (0o755, init.encode()), "bin/busybox": (0o755, find_busybox().read_bytes())}
    for name in ("sh", "mount", "umount", "insmod", "sleep", "switch_root", "poweroff", "reboot", "dd", "stat", "sync", "["):
        files[f"bin/{name}"] = "busybox"
    for folder in ("proc", "sys", "dev", "root"):
        files[f"{folder}/.keep"] = (0o644, b"")
    for name, data in needed_modules(kernel, modules).items():
        files[f"modules/{name}"] = (0o644, data)
    write_initramfs(files, out)


class Ext4:
    """Reads an ext4 image with debugfs: no mount, no root needed."""

    def __init__(self, image):
        self.image = image
        environment = dict(os.environ, PATH=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
        self.environment = environment
        # The guest died with the root file system mounted; what the capture kernel did afterwards may still be in the
        # journal. -p replays it and repairs nothing else that would hide damage.
        check = subprocess.run(["e2fsck", "-p", image], capture_output=True, text=True, env=environment)
        if check.returncode not in (0, 1):
            raise TestFailure(f"e2fsck finds the target's file system damaged after the dump: {check.stdout.strip()}")

    def _debugfs(self, request):
        run = subprocess.run(["debugfs", "-R", request, self.image], capture_output=True, text=True, env=self.environment)
        return run.stdout

    def listing(self, folder):
        """name → (mode, size) of a folder's entries."""
        entries = {}
        for line in self._debugfs(f'ls -p "{folder}"').splitlines():
            fields = line.split("/")  # /inode/mode/uid/gid/name/size/
            if len(fields) >= 7 and fields[1].isdigit() and fields[5] not in (".", ".."):
                entries[fields[5]] = (int(fields[2], 8), int(fields[6] or 0))
        return entries

    def fetch(self, path, to):
        self._debugfs(f'dump "{path}" "{to}"')
        if not pathlib.Path(to).exists():
            raise TestFailure(f"debugfs cannot read {path} from {self.image}")
        return to

    def walk(self, folder):
        """Every path below a folder, with its mode and size."""
        for name, (mode, size) in sorted(self.listing(folder).items()):
            path = f"{folder.rstrip('/')}/{name}"
            yield path, mode, size
            if stat.S_ISDIR(mode):
                yield from self.walk(path)


class HostFolder:
    """What Ext4 is for an image, for a folder of this machine: where a server lets the guest write."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)

    def _below(self, path):
        return self.folder / path.lstrip("/")

    def walk(self, folder):
        start = self._below(folder)
        for path in sorted(start.rglob("*")):
            status = path.lstat()
            yield f"/{path.relative_to(self.folder)}", status.st_mode, status.st_size

    def fetch(self, path, to):
        shutil.copyfile(self._below(path), to)
        return to
