"""What the VM tests are made of: kernels to crash, guests to crash them in, and the checks of what was saved.

kernel.py     Debian's own kernel packages, fetched and unpacked, never installed
qemu.py       the machine: accelerator, command line, console lines with the host's time on them
guest.py      the guest's disk: root file system, module tree, init script, kdump.conf
nfsserver.py  an NFS server in a network of its own
taggedwire.py a wire between it and a guest on which one VLAN talks
systemd.py    a guest with systemd as its PID 1
debian_root.py  a whole Debian host with any packages, from debootstrap and a cache
pageflags.py  what the kernel itself said about every page, just before the panic
physmem.py    damage to the guest's memory, from outside
kdumpfile.py  an independent reader of the kdump-compressed format's headers and bitmaps, and libkdumpfile for the pages
targets.py    local targets: disks of every kind, and what the next boot finds on them
mainjob.py    arm, fill, crash, save, check: the whole main job as one function
"""

import os
import pathlib
import sys

REPO = pathlib.Path(__file__).resolve().parents[3]
SKIP = 77  # exit status of a test that could not run; tests/run counts it as skipped, never as passed


class TestFailure(Exception):
    """An assertion about the product that did not hold."""


class Skip(Exception):
    """The test cannot run here, and why."""


def say(text):
    print(text, flush=True)


def cache_dir():
    path = pathlib.Path(os.environ.get("KDUMPD_TEST_CACHE", "/var/tmp/kdumpd-test-cache"))
    path.mkdir(parents=True, exist_ok=True)
    return path


def log_dir():
    """Console logs and small results stay here after a run, next to the build."""
    path = REPO / "build" / "test-logs"
    path.mkdir(parents=True, exist_ok=True)
    return path


def main(function):
    """Runs a test's main function and turns its outcome into an exit status and one last line."""
    try:
        function()
    except Skip as reason:
        say(f"SKIP: {reason}")
        sys.exit(SKIP)
    except TestFailure as failure:
        say(f"FAIL: {failure}")
        sys.exit(1)
