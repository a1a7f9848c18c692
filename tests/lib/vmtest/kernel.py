"""Debian's kernels, as their packages hold them: vmlinuz, config and modules, unpacked into the cache, not installed."""

import fcntl
import os
import re
import shutil
import subprocess

from . import Skip, cache_dir, say


def version_key(name):
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


class Kernel:
    def __init__(self, flavour, root):
        self.flavour = flavour
        self.root = root
        self.release = next((root / "lib/modules").iterdir()).name
        self.vmlinuz = root / f"boot/vmlinuz-{self.release}"
        self.config = root / f"boot/config-{self.release}"
        self.modules = root / f"lib/modules/{self.release}"


def _candidates(flavour):
    """Unsigned packages of one flavour that apt knows a version of, newest first."""
    run = subprocess.run(["apt-cache", "pkgnames", f"linux-image-{flavour}"], capture_output=True, text=True)
    # 6.1 must not find 6.12, and only the plain kernel is wanted: not cloud, not rt, not dbg.
    wanted = re.compile(rf"linux-image-{re.escape(flavour)}\.\d[0-9.+a-z]*(-\d+)?-amd64-unsigned")
    names = [name for name in run.stdout.split() if wanted.fullmatch(name)]
    return sorted(names, key=version_key, reverse=True)


def _known_to_apt(name):
    run = subprocess.run(["apt-cache", "policy", name], capture_output=True, text=True)
    candidate = re.search(r"Candidate: (\S+)", run.stdout)
    return bool(candidate) and candidate.group(1) != "(none)"


def _download(wanted, into):
    """`wanted`: NAME, or NAME=VERSION"""
    into.mkdir(parents=True, exist_ok=True)
    name, _, version = wanted.partition("=")
    pattern = f"{name}_{version.replace(':', '%3a')}*.deb"
    have = sorted(into.glob(pattern))
    if have:
        return have[-1]
    say(f"downloading {name}")
    run = subprocess.run(["apt-get", "download", "-q=2", wanted], cwd=into, capture_output=True, text=True)
    have = sorted(into.glob(pattern))
    if run.returncode == 0 and have:
        return have[-1]
    for leftover in into.glob(pattern):
        leftover.unlink()
    return None


def fetch(flavour):
    """The newest kernel of a flavour ("6.1", "6.12"). Without a network, the newest one in the cache."""
    cache = cache_dir()
    with open(cache / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two tests may want the same kernel at the same time
        names = [name for name in _candidates(flavour)[:4] if _known_to_apt(name)]
        if not names and os.geteuid() == 0:
            say("apt knows no kernel packages yet: apt-get update")
            subprocess.run(["apt-get", "update", "-q=2"], capture_output=True)
            names = [name for name in _candidates(flavour)[:4] if _known_to_apt(name)]
        for name in names:
            deb = _download(name, cache / "debs")
            if deb:
                return _unpack(flavour, deb, cache)
        wanted = re.compile(rf"linux-image-{re.escape(flavour)}\.\d.*-amd64-unsigned_.*\.deb")
        cached = [deb for deb in (cache / "debs").glob("*.deb") if wanted.fullmatch(deb.name)]
        if cached:
            newest = max(cached, key=lambda deb: version_key(deb.name))
            say(f"apt offers no {flavour} kernel now: using {newest.name} from the cache")
            return _unpack(flavour, newest, cache)
    raise Skip(f"no package linux-image-{flavour}*-amd64-unsigned: apt offers none and none is cached in {cache}")


def fetch_signed(kernel):
    """The same kernel as Debian signs it for Secure Boot, with modules that it takes under lockdown."""
    cache = cache_dir()
    version = kernel.root.name.split("_")[1]
    with open(cache / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _unpack(kernel.flavour, _needed(f"linux-image-{kernel.release}={version}", cache), cache)


def _unpack(flavour, deb, cache):
    root = cache / "kernels" / deb.stem
    done = root / ".unpacked"
    if not done.exists():
        say(f"unpacking {deb.name}")
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir(parents=True)
        subprocess.run(["dpkg", "-x", deb, root], check=True)
        release = next((root / "lib/modules").iterdir()).name
        subprocess.run(["depmod", "-b", root, release], check=True)
        done.touch()
    return Kernel(flavour, root)


def _needed(wanted, cache):
    deb = _download(wanted, cache / "debs")
    if not deb:
        raise Skip(f"apt offers no package {wanted} now")
    return deb


def headers(kernel):
    """Where modules for this kernel are built: `make -C` this folder `M=`…"""
    cache = cache_dir()
    root = cache / "headers" / kernel.release
    folder = root / f"usr/src/linux-headers-{kernel.release}"
    series = re.match(r"\d+\.\d+", kernel.release).group()
    version = kernel.root.name.split("_")[1]
    with open(cache / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (root / ".unpacked").exists():
            return folder
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir(parents=True)
        common = kernel.release.removesuffix("-amd64") + "-common"
        for name in (f"linux-headers-{kernel.release}", f"linux-headers-{common}", f"linux-kbuild-{series}"):
            subprocess.run(["dpkg", "-x", _needed(f"{name}={version}", cache), root], check=True)
        # It names the other folder as it is when installed.
        makefile = folder / "Makefile"
        makefile.write_text(makefile.read_text().replace("/usr/src", f"{root}/usr/src"))
        (root / ".unpacked").touch()
    return folder


def unpacked(name):
    """Folder with the files of a Debian package: unpacked into the cache, not installed."""
    cache = cache_dir()
    with open(cache / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        deb = _needed(name, cache)
        root = cache / "packages" / deb.stem
        if not (root / ".unpacked").exists():
            shutil.rmtree(root, ignore_errors=True)
            root.mkdir(parents=True)
            subprocess.run(["dpkg", "-x", deb, root], check=True)
            (root / ".unpacked").touch()
        return root


def debug_vmlinux(kernel):
    """vmlinux with debug symbols (Debian's crash needs it): about 1 GB to fetch, so only on request."""
    cache = cache_dir()
    root = cache / "debug" / kernel.release
    vmlinux = root / f"usr/lib/debug/boot/vmlinux-{kernel.release}"
    if vmlinux.exists():
        return vmlinux
    deb = _download(f"linux-image-{kernel.release}-dbg", cache / "debs")
    if not deb:
        raise Skip(f"cannot download linux-image-{kernel.release}-dbg")
    say(f"unpacking vmlinux from {deb.name}")
    half = root.with_name(root.name + ".new")  # what was interrupted is not to be taken for whole
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir(parents=True)
    # Only vmlinux: the modules' symbols are several GB. dpkg-deb's tar stream is read to its end either way.
    pack = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", deb], stdout=subprocess.PIPE)
    subprocess.run(["tar", "-x", "-C", half, "./usr/lib/debug/boot"], stdin=pack.stdout, check=True)
    pack.stdout.close()
    pack.wait()
    shutil.rmtree(root, ignore_errors=True)
    half.rename(root)
    deb.unlink()
    return vmlinux
