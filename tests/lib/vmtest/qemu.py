"""The machine the guest runs in: QEMU with KVM where that truly boots a guest, with TCG otherwise."""

import json
import os
import pathlib
import re
import socket
import subprocess
import tempfile
import threading
import time

from . import Skip, TestFailure, cache_dir, say

QEMU = "qemu-system-x86_64"

# QEMU's user network, as a guest sees it: the host's loopback addresses behind a router, no rights needed.
HOST_IP, HOST_IP6 = "10.0.2.2", "fec0::2"
GUEST_IP, GUEST_IP6 = "10.0.2.15", "fec0::15"
GUEST_MAC = "52:54:00:6b:64:01"
GUEST_MACS = (GUEST_MAC, "52:54:00:6b:64:02")
USER_NETWORK = ("-netdev", "user,id=net0", "-device", f"virtio-net-pci,netdev=net0,mac={GUEST_MAC}")


def two_nics(uplink="user,id=up"):
    """nic0 and nic1 on one switch, whose third port leads to the netdev "up"."""
    words = ["-netdev", uplink, "-netdev", "hubport,id=trunk,hubid=0,netdev=up"]
    for number, mac in enumerate(GUEST_MACS):
        words += ["-netdev", f"hubport,id=port{number},hubid=0", "-device", f"virtio-net-pci,id=nic{number},netdev=port{number},mac={mac}"]
    return tuple(words)


def write_initramfs(files, out):
    """A newc archive, uncompressed. files: name → (mode, bytes); directories are made as needed; a str is a symlink."""
    entries = {}
    for name, content in files.items():
        for parent in reversed(pathlib.PurePosixPath(name).parents):
            if str(parent) != ".":
                entries.setdefault(str(parent), (0o040755, b""))
        if isinstance(content, str):
            entries[name] = (0o120777, content.encode())
        else:
            entries[name] = (0o100000 | content[0], content[1])
    entries["TRAILER!!!"] = (0, b"")
    with open(out, "wb") as archive:
        for inode, (name, (mode, data)) in enumerate(entries.items(), 1):
            fields = [inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0]
            header = b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
            archive.write(header + b"\0" * (-len(header) % 4) + data + b"\0" * (-len(data) % 4))


def accelerator(kernel):
    """"kvm" if a guest truly boots with it within a short deadline, else "tcg". The answer holds until the next reboot:
    there are machines that have /dev/kvm and never get a guest to run."""
    wish = os.environ.get("KDUMPD_TEST_ACCEL")
    if wish:
        return wish
    boot_id = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    known = cache_dir() / f"accel-{boot_id}"
    if known.exists():
        return known.read_text().strip()
    answer = "kvm" if os.access("/dev/kvm", os.R_OK | os.W_OK) and _kvm_boots(kernel) else "tcg"
    for stale in cache_dir().glob("accel-*"):
        stale.unlink()
    known.write_text(answer + "\n")
    say(f"accelerator: {answer}")
    return answer


def _kvm_boots(kernel):
    init = b"#!/bin/sh\necho kvm-guest-is-alive\nexec poweroff -f\n"
    busybox = find_busybox().read_bytes()
    with tempfile.TemporaryDirectory() as work:
        image = pathlib.Path(work, "initramfs")
        write_initramfs({"init": (0o755, init), "bin/busybox": (0o755, busybox), "bin/sh": "busybox",
                         "bin/echo": "busybox", "bin/poweroff": "busybox",
                         "dev/keep": (0o644, b"")}, image)
        command = [QEMU, "-M", "pc", "-accel", "kvm", "-cpu", "host", "-smp", "2", "-m", "512", "-nographic",
                   "-no-reboot", "-net", "none", "-kernel", kernel.vmlinuz, "-initrd", image,
                   "-append", "console=ttyS0 panic=-1"]
        try:
            run = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=25)
        except subprocess.TimeoutExpired:
            return False
        # The script's echo needs /dev/console, which an archive made by anyone cannot hold: the kernel's own line will do.
        return b"Run /init as init process" in run.stdout


def find_busybox():
    for path in ("/bin/busybox", "/usr/bin/busybox", "/sbin/busybox"):
        path = pathlib.Path(path)
        if path.exists():
            return path
    raise Skip("no busybox: install busybox-static")


class Console:
    """Reads the guest's serial console, puts the host's time on every line, and keeps them."""

    def __init__(self, stream, log):
        self.lines = []  # (seconds since start, text)
        self.ended = None  # seconds since start, when QEMU has closed it
        self._changed = threading.Condition()
        self._stream = stream
        self._log = log
        self._start = time.monotonic()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        with open(self._log, "w", buffering=1, errors="replace") as log:
            rest = b""
            while chunk := os.read(self._stream.fileno(), 65536):
                now = time.monotonic() - self._start
                rest += chunk
                *whole, rest = rest.split(b"\n")
                with self._changed:
                    for raw in whole:
                        # Firmware and terminal handshakes leave escape sequences and carriage returns.
                        text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\x1bc|\r", "", raw.decode("utf-8", "replace"))
                        self.lines.append((now, text))
                        log.write(f"{now:9.3f} {text}\n")
                    self._changed.notify_all()
            with self._changed:
                self.ended = time.monotonic() - self._start
                if rest:
                    self.lines.append((self.ended, rest.decode("utf-8", "replace")))
                self._changed.notify_all()

    def join(self):
        self._thread.join(10)

    def find(self, pattern, after=-1.0):
        """First line (time, match) that matches, later than a time."""
        expression = re.compile(pattern)
        with self._changed:
            for when, text in self.lines:
                if when >= after and (match := expression.search(text)):
                    return when, match
        return None

    def find_all(self, pattern):
        expression = re.compile(pattern)
        with self._changed:
            return [(when, match) for when, text in self.lines if (match := expression.search(text))]

    def tail(self, count=25):
        with self._changed:
            return "\n".join(f"  {when:8.3f} {text}" for when, text in self.lines[-count:])


class Machine:
    """One run of QEMU. `disks` are raw images in order (vda, vdb …); `ram` is a file that is the guest's memory: offset ==
    physical address up to 3 GiB, and after QEMU's end it still holds the dead kernel's pages, as the capture kernel
    touches only its reservation and the lowest MiB. With `hotplug`, memory and a CPU can be plugged in through monitor().
    `network` are QEMU's words for NICs, such as USER_NETWORK. With `firmware` (QEMU's words, machine type and all) that boots
    from a disk, and no kernel is given to it.

    It is made when its kernel has come to its init. An emulated CPU can trip over code that the kernel patches at run time
    (seen: 6.12, in sched_clock_cpu(), at the first static key): a kernel that dies before a first program has run is
    booted again, which is said. Nothing of kdumpd's has run by then."""

    BOOTS = 3

    def __init__(self, kernel, initramfs, cmdline, disks, ram, memory_mib, work, log, accel, cpu="max", extra=(),
                 hotplug=False, network=("-net", "none"), firmware=()):
        if memory_mib > 3072:
            raise ValueError("more than 3 GiB: file offset and physical address would differ")
        ram.unlink(missing_ok=True)
        self.report = work / "report"  # second serial port: the guest's own words, no kernel messages in between
        accel_options = ["-accel", "kvm"] if accel == "kvm" else ["-accel", "tcg,thread=multi"]
        if accel == "kvm":
            cpu = cpu.replace("max", "host", 1)
        memory, cpus = (f"{memory_mib},slots=4,maxmem=8G", "2,maxcpus=4,sockets=4") if hotplug else (memory_mib, 2)
        self.cpu_type = f"{cpu.split(',')[0]}-x86_64-cpu"
        # Under load an emulated timer ticks too seldom for the kernel's check of the IO-APIC, which then panics.
        cmdline = f"{cmdline} no_timer_check"
        boot = firmware or ("-M", "pc,memory-backend=ram", "-kernel", kernel.vmlinuz, "-initrd", initramfs, "-append", cmdline)
        command = [QEMU, *boot, *accel_options, "-cpu", cpu, "-smp", str(cpus), "-m", str(memory),
                   "-object", f"memory-backend-file,id=ram,size={memory_mib}M,mem-path={ram},share=on",
                   "-display", "none", "-no-reboot", *network, "-monitor", "none",
                   "-serial", "stdio", "-serial", f"file:{self.report}"]
        for number, disk in enumerate(disks):
            # cache=unsafe: what the guest synced survives the guest's crash; the host is not going to crash.
            command += ["-drive", f"file={disk},if=none,id=d{number},format=raw,cache=unsafe",
                        "-device", f"virtio-blk-pci,drive=d{number},serial=disk{number}"]
        command += ["-qmp", f"unix:{work}/qmp,server=on,wait=off"]
        command += list(extra)
        self.qmp = work / "qmp"
        self.command = [str(word) for word in command]
        for boot in range(1, self.BOOTS + 1):
            self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            self.console = Console(self.process.stdout, log)
            self.wait(lambda: self.console.find(r"Run /init as init process"), 120)
            if boot == self.BOOTS or not self._died_as_a_machine():
                break
            say(f"    the guest's kernel dies before its init (boot {boot}, {log}.{boot}): booting it again")
            os.rename(log, f"{log}.{boot}")

    def _died_as_a_machine(self):
        """QEMU has ended, and the kernel got as far as its first lines and not as far as its init."""
        return (self.process.poll() is not None and self.console.find(r"\] Linux version ")
                and not self.console.find(r"Run /init as init process"))

    def type(self, text):
        """Keys on the serial console."""
        try:
            self.process.stdin.write(text.encode())
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # QEMU has ended: whoever waits for an answer will see that

    def monitor(self, *commands):
        """Each command is (name, arguments), in the words of QMP; an error of QEMU is a failure."""
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(30)
            link.connect(str(self.qmp))
            stream = link.makefile("rw")
            stream.readline()  # the greeting
            for name, arguments in (("qmp_capabilities", {}), *commands):
                stream.write(json.dumps({"execute": name, "arguments": arguments}) + "\n")
                stream.flush()
                while "event" in (answer := json.loads(stream.readline())):
                    pass
                if "error" in answer:
                    raise TestFailure(f"QEMU does not {name} {arguments}: {answer['error']['desc']}")

    def reported(self):
        try:
            return self.report.read_text(errors="replace").replace("\r", "").splitlines()
        except FileNotFoundError:
            return []

    def wait(self, condition, seconds):
        """Polls until condition() is true, QEMU ends or the deadline passes; returns the last truth."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if condition():
                return True
            if self.process.poll() is not None:
                self.console.join()
                return bool(condition())
            time.sleep(0.1)
        return bool(condition())

    def wait_end(self, seconds):
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        self.console.join()
        return True

    def end(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.console.join()
