"""A whole Debian host as a folder: debootstrap's smallest variant with systemd, and the packages that a test wants on top.
Made once for each list of packages (a minute or two), then copied from the cache. Needs root and Debian's archive.

    root = work / "root"
    debian_root.make(root, ["dracut", "lvm2"])          # a copy that is yours to change
    debian_root.install_kernel(root, kernel)            # vmlinuz, config and most modules
    debian_root.on_console(root, steps)                 # a script that is run once the host is up
    debian_root.run(root, "dracut", "--version")        # a program inside, with /proc, /sys and /dev
"""

import contextlib
import fcntl
import hashlib
import os
import pathlib
import shutil
import subprocess

from . import Skip, TestFailure, cache_dir, say

# Counted up when what is made of the same list of packages changes.
LAYOUT = 1

# What every host has. mount and util-linux are essential anyway; kmod, udev and systemd are not in a minbase.
BASE = ["systemd", "systemd-sysv", "udev", "kmod", "dbus", "iproute2", "ca-certificates"]

STEPS_UNIT = """[Unit]
After=multi-user.target
[Service]
Type=oneshot
ExecStart=/usr/lib/guest/steps
TimeoutStartSec=infinity
IgnoreSIGPIPE=no
RemainAfterExit=yes
[Install]
WantedBy=multi-user.target
"""

# Nothing that a virtual machine of these tests has is driven by what is in here, and they are most of a kernel's modules.
LEFT_OUT = ["drivers/gpu", "drivers/media", "drivers/infiniband", "drivers/iio", "drivers/staging", "drivers/isdn", "drivers/usb",
            "drivers/net/wireless", "drivers/net/ethernet", "drivers/net/usb", "drivers/net/can", "drivers/hwmon", "drivers/mfd",
            "drivers/input", "drivers/leds", "drivers/platform", "drivers/comedi", "drivers/bluetooth", "drivers/mtd", "sound",
            "net/wireless", "net/mac80211", "net/bluetooth", "net/can", "net/batman-adv"]


def _suites():
    """("http://…", "bookworm", "main") for each suite of Debian's that apt on this machine has; the release itself first."""
    release = _os_release()
    run = subprocess.run(["apt-get", "indextargets", "--format", "$(SITE) $(RELEASE) $(COMPONENT)", "Created-By: Packages"],
                         capture_output=True, text=True)
    found = []
    for line in run.stdout.splitlines():
        words = tuple(line.split())
        if len(words) == 3 and words[2] == "main" and words[1].split("-")[0] == release and words not in found:
            found.append(words)
    found.sort(key=lambda words: len(words[1]))
    if not found or found[0][1] != release:
        raise Skip(f"apt knows no archive of Debian {release or '(this is no Debian)'}")
    return found


def _os_release():
    lines = pathlib.Path("/etc/os-release").read_text().splitlines()
    values = dict(line.split("=", 1) for line in lines if "=" in line)
    return values.get("VERSION_CODENAME", "").strip('"') if values.get("ID") == "debian" else ""


def _in_root(root, words, **options):
    """Runs a program with `root` as its root; its mounts go when it ends."""
    script = """set -e
for name in proc sys dev; do mount --rbind /$name "$0/$name"; done
mount -t tmpfs none "$0/run"
root=$0
exec chroot "$root" "$@"
"""
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive", "HOME": "/root"}
    return subprocess.run(["unshare", "--mount", "sh", "-c", script, str(root), *words], stdin=subprocess.DEVNULL,
                          env=environment, **options)


def run(root, *words, timeout=600):
    """A program inside; its output is the result, and a status other than 0 is a failure of the test."""
    done = _in_root(root, words, capture_output=True, text=True, timeout=timeout)
    if done.returncode != 0:
        raise TestFailure(f"{' '.join(words)} in the guest's root: exit {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


@contextlib.contextmanager
def _cached(kind, words):
    """(folder, whether it has to be filled); published under its name when the block ends well."""
    name = hashlib.sha256(" ".join([str(LAYOUT), kind, *words]).encode()).hexdigest()[:16]
    folder = cache_dir() / "debian" / f"{kind}-{name}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(folder.parent / f"{folder.name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.exists():
            yield folder, False
            return
        half = folder.parent / f"{folder.name}.new"
        shutil.rmtree(half, ignore_errors=True)
        yield half, True
        half.rename(folder)


def _copy(source, target):
    subprocess.run(["cp", "-a", "--reflink=auto", str(source), str(target)], check=True)


def _base():
    (site, release, _), *more = _suites()
    with _cached(f"{release}-base", BASE) as (folder, empty):
        if not empty:
            return folder
        say(f"debootstrap {release} (once)")
        done = subprocess.run(["debootstrap", "--variant=minbase", f"--include={','.join(BASE)}", release, folder, site],
                              capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise Skip(f"debootstrap cannot make a Debian host: {(done.stdout + done.stderr).strip().splitlines()[-1]}")
        (folder / "etc/apt/sources.list").write_text(
            "".join(f"deb {site} {suite} main\n" for site, suite, _ in _suites()))
        # Services of the packages are not to run on this machine.
        (folder / "usr/sbin/policy-rc.d").write_text("#!/bin/sh\nexit 101\n")
        (folder / "usr/sbin/policy-rc.d").chmod(0o755)
        (folder / "etc/hostname").write_text("guest\n")
        (folder / "etc/hosts").write_text("127.0.0.1 localhost\n127.0.1.1 guest\n")
        (folder / "etc/machine-id").write_text("6b64756d706400000000000000000002\n")
        # On the console without a password: these machines live for minutes.
        subprocess.run(["chroot", folder, "passwd", "-d", "root"], capture_output=True, check=True)
    return folder.parent / folder.name.removesuffix(".new")


def packages(names):
    """The cached host with these packages on top of the base. Not to be changed: make() copies it."""
    if os.geteuid() != 0:
        raise Skip("making a Debian host (debootstrap, chroot) needs root")
    for tool in ("debootstrap", "unshare"):
        if not shutil.which(tool):
            raise Skip(f"no {tool} here: packaging/install-deps installs it")
    names = sorted(names)
    base = _base()
    if not names:
        return base
    with _cached("host", [base.name, *names]) as (folder, empty):
        if not empty:
            return folder
        say(f"installing {' '.join(names)} into it (once)")
        _copy(base, folder)
        shutil.copy2(pathlib.Path("/etc/resolv.conf").resolve(), folder / "etc/resolv.conf")
        for words in (["apt-get", "update", "-q=2"],
                      ["apt-get", "install", "-y", "-q=2", "--no-install-recommends", *names],
                      ["apt-get", "clean"]):
            done = _in_root(folder, words, capture_output=True, text=True)
            if done.returncode != 0:
                raise Skip(f"{' '.join(words)} in a Debian host: {(done.stdout + done.stderr).strip()[-500:]}")
        for stale in (folder / "var/lib/apt/lists").glob("*_*"):
            stale.unlink()
    return folder.parent / folder.name.removesuffix(".new")


def make(root, names):
    """A copy below `root`, which must not exist yet."""
    _copy(packages(names), root)


def install_kernel(root, kernel, left_out=LEFT_OUT):
    """vmlinuz and config in /boot, modules in their place, without the folders in `left_out`."""
    for path in (kernel.vmlinuz, kernel.config):
        shutil.copy2(path, root / "boot")
    target = root / "usr/lib/modules" / kernel.release
    unwanted = {kernel.modules / "kernel" / name for name in left_out}
    shutil.copytree(kernel.modules, target, symlinks=True, dirs_exist_ok=True,
                    ignore=lambda folder, names: [name for name in names if pathlib.Path(folder, name) in unwanted])
    subprocess.run(["/sbin/depmod", "-b", root, kernel.release], check=True)


def on_console(root, steps):
    """`steps` is a shell script that runs once everything is up; guest.BOOT_INIT leads to this host's systemd."""
    folder = root / "usr/lib/guest"
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (("init", "#!/bin/sh\nexec /sbin/init\n"), ("steps", steps)):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    units = root / "etc/systemd/system"
    (units / "steps.service").write_text(STEPS_UNIT)
    wants = units / "multi-user.target.wants"
    wants.mkdir(exist_ok=True)
    (wants / "steps.service").symlink_to("../steps.service")
