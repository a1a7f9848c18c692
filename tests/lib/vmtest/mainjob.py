"""The main job as one function: a real kernel is armed, filled, crashed and saved in a throwaway machine, and every claim
about the result is checked. tests/vm/main-job and tests/demo are thin callers of it."""

import dataclasses
import json
import pathlib
import re
import shutil
import stat
import subprocess
import tempfile
import time
import zlib

from . import REPO, TestFailure, log_dir, say
from . import guest, kdumpfile, pageflags, qemu
from .kernel import fetch

# For a Job's extra_step: the file system that the plan names is no longer on the disk that was the target.
VANISHED = "umount /mnt/target && dd if=/dev/zero of=/dev/vdc bs=1M count=8 conv=fsync"
MARKER = "kdumpd-marker: printed right before the crash, 7c0ffee7"


@dataclasses.dataclass
class Remote:
    """A target on this machine, reached through QEMU's user network: the guest gets a NIC and addresses."""
    line: str                   # of kdump.conf: "nfs 10.0.2.2:/export"
    folder: pathlib.Path | None  # what of this machine is the target's "/"; None: it fails, and the guest's disk gets the dump
    disk: pathlib.Path | None = None  # instead of `folder`: an image with an ext4 that somebody serves as a disk
    described: str = ""         # as vmcore.json calls the target; as the line, if empty
    ip: str = qemu.GUEST_IP     # that captures are named after
    policy: str = ""            # policy.yaml
    prepare: object = None      # called with the guest's root folder before its disk is made: keys, /etc/hosts …
    network: str = guest.NETWORK  # shell words in the guest
    devices: tuple = qemu.USER_NETWORK
    modules: tuple = guest.NETWORK_MODULES
    image_mib: int = 14         # at most so large is the capture image
    local_disk: bool = False    # the guest has an ext4 target disk (vdc) as well, for a target after this one
    failed_before: tuple = ()   # targets that vmcore.json has to tell of as failed
    dump_name: str = "vmcore"   # vmcore.flat: in the flattened form


@dataclasses.dataclass
class Job:
    kernel: str = "6.1"
    crashkernel: str = "128M"
    memory_mib: int = 2048
    cpu: str = "max"
    target: str = "root"        # root | device | uuid | label: how kdump.conf spells where the dump goes
    collector: str = "makedump -l --message-level 7 -d 31"
    fill: int = 100             # per cent of the whole memory mix
    lost_limit: int = 10        # pages that may be freed between the look at the page flags and the crash
    extra_step: str = ""        # a shell command run in the guest after arming
    failure_action: str = "reboot"
    expect_failure: tuple = ()  # the dump must fail: what kdump-capture's lines have to say (regular expressions)
    ends_with: str = "failure action"  # or "final action", where the policy is content with less
    append: str = ""            # more words for the first kernel's command line
    conf: str = ""              # more lines of kdump.conf
    final_action: str = "reboot"
    files: dict = dataclasses.field(default_factory=dict)  # path in the guest → text of an executable, or a program of this host
    nothing_saved: bool = False  # with expect_failure: not even the log
    saved_on: str = ""          # "root": there, whatever the target is
    deadline: int = 420         # seconds for everything from boot to the capture kernel's reboot
    keep: str = ""              # folder to keep the dump, the guest's memory and its page flags in
    build: str = ""             # another build folder than build/
    name: str = ""
    local: object = None        # a target of targets.py instead of `target`; what came of it is seen by a second boot
    policy: str = ""            # policy.yaml
    bad_makedump: str = ""      # faults of tests/vm/bad-makedump.cpp, which then is makedump in the image
    armed: object = None        # called with (machine, work) when the guest is armed, before extra_step ends
    during: object = None       # called with (machine, work) when the capture kernel has started
    dmesg_first: bool = True    # the log has to be saved before the dump
    stuck: bool = False         # nothing of the capture kernel is expected but that the machine ends
    after: object = None        # called with (Saved, machine, check) instead of the checks of a good dump
    remote: Remote | None = None  # instead of `target`

    @property
    def has_target_disk(self):
        return not self.local and self.target != "root" or bool(self.remote and self.remote.local_disk)

    def store(self, disks):
        """Where the captures are: walk() and fetch()."""
        if self.remote and self.remote.folder:
            return guest.HostFolder(self.remote.folder)
        if self.remote and self.remote.disk:
            return guest.Ext4(self.remote.disk)
        return guest.Ext4(disks[2] if self.has_target_disk and self.saved_on != "root" else disks[0])

    @property
    def title(self):
        return self.name or f"main-job-{self.kernel}-{self.crashkernel}-{self.target}"


@dataclasses.dataclass
class Result:
    accel: str = ""
    release: str = ""
    checks: list = dataclasses.field(default_factory=list)
    image_bytes: int = 0
    image_path: str = ""
    dump_dir: str = ""
    seconds_to_dmesg: float = 0.0
    seconds_to_vmcore: float = 0.0
    files: dict = dataclasses.field(default_factory=dict)  # path below the capture's folder → text, of small ones
    seconds_from_crash: float = 0.0
    dump_bytes: int = 0
    dmesg: str = ""
    manifest: dict = dataclasses.field(default_factory=dict)
    pages_compared: int = 0
    flags_compared: int = 0
    lost: int = 0
    extra: int = 0
    dump_path: str = ""


class Steps:
    """The guest's report: lines "NAME| text" and "NAME: exit STATUS" from the second serial port."""

    def __init__(self, lines):
        self.exit, self.output = {}, {}
        for line in lines:
            if match := re.match(r"([a-z-]+): exit (\d+)$", line):
                self.exit[match.group(1)] = int(match.group(2))
            elif match := re.match(r"([a-z-]+)\| ?(.*)$", line):
                self.output.setdefault(match.group(1), []).append(match.group(2))

    def text(self, name):
        return "\n".join(self.output.get(name, []))


SPELLED = {"root": "", "device": "ext4 /dev/vdc", "uuid": f"ext4 UUID={guest.DUMP_UUID}", "label": f"ext4 LABEL={guest.DUMP_LABEL}"}


def kdump_conf(job):
    target = job.local.line if job.local else SPELLED[job.target]
    if job.remote:
        target = job.remote.line
    return f"""# Written by the test. Comments, blank lines and odd spacing are part of what is tested.

{target}
path   {job.local.path if job.local else "/var/crash"}
core_collector {job.collector}
#final_action poweroff
final_action {job.final_action}
failure_action {job.failure_action}
{job.conf}
"""


def guest_conf(job):
    words = {"TARGET_DISK": "/dev/vdc" if job.has_target_disk else "", "TARGET_PATH": "/var/crash", "MARKER": MARKER,
             "MEMFILL": f"--scale {job.fill} --hwpoison", "EXTRA_STEP": job.extra_step,
             "SETUP": job.local.setup if job.local else "", "LOOK": job.local.look if job.local else "",
             "NETWORK": job.remote.network if job.remote else ""}
    quoted = {name: "'" + value.replace("'", "'\\''") + "'" for name, value in words.items()}
    return "".join(f"{name}={value}\n" for name, value in quoted.items())


def run(job, progress=say):
    """Runs the job; raises TestFailure on the first thing that is not as it must be."""
    base = pathlib.Path(tempfile.mkdtemp(prefix="kdumpd-vm-", dir="/var/tmp"))
    try:
        return _run(job, base, progress)
    finally:
        shutil.rmtree(base, ignore_errors=True)


def _run(job, work, progress):
    result = Result()

    def check(what):
        result.checks.append(what)
        progress(f"  ok: {what}")

    kernel = fetch(job.kernel)
    result.release = kernel.release
    result.accel = qemu.accelerator(kernel)

    progress(f"guest disk: root file system with kernel {kernel.release} and our programs")
    root = work / "root"
    root.mkdir()
    guest.make_root(root, kernel, work)
    guest.install_product(root, kdump_conf(job), guest_conf(job), job.build or None)
    guest.add_files(root, job.files)
    policy = job.policy or (job.remote.policy if job.remote else "")
    if policy:
        (root / "etc/kdump").mkdir(exist_ok=True)
        (root / "etc/kdump/policy.yaml").write_text(policy)
    if job.remote and job.remote.prepare:
        job.remote.prepare(root)
    if job.local:
        job.local.install(root)
    if job.bad_makedump:
        guest.install_bad_makedump(root, job.build or None)
    disks = [work / "root.ext4", work / "kpageflags"]
    guest.make_ext4(disks[0], 1536, guest.ROOT_UUID, root=root)
    shutil.rmtree(root)
    with open(disks[1], "wb") as file:
        file.truncate(16 << 20)
    extra = job.local.attach(work) if job.local else []
    if job.has_target_disk:
        disks.append(work / "target.ext4")
        guest.make_ext4(disks[2], 1024, guest.DUMP_UUID, label=guest.DUMP_LABEL)
    guest.make_busybox_initramfs(kernel, guest.BOOT_INIT, work / "boot.img", job.remote.modules if job.remote else ())

    cmdline = f"console=ttyS0 panic=5 root=/dev/vda rw crashkernel={job.crashkernel} {job.append}".strip()
    if job.bad_makedump:
        cmdline += f" bad-makedump={job.bad_makedump}"
    progress(f"booting it ({result.accel}, 2 CPUs, {job.memory_mib} MiB, crashkernel={job.crashkernel})")
    log = log_dir() / f"{job.title}.console"
    machine = qemu.Machine(kernel, work / "boot.img", cmdline, disks, work / "ram", job.memory_mib, work, log, result.accel, job.cpu,
                           extra, network=job.remote.devices if job.remote else ("-net", "none"))
    try:
        _crash_and_save(job, machine, result, check, progress)
    except TestFailure as failure:
        report = log_dir() / f"{job.title}.report"
        report.write_text("\n".join(machine.reported()) + "\n")
        raise TestFailure(f"{failure}\nguest's report: {report}\nend of the console ({log}):\n{machine.console.tail()}") from None
    finally:
        machine.end()
    if job.local:
        _look(job, kernel, disks, work, result, check, progress)
    if job.after:
        job.after(Saved(guest.Ext4(disks[0]), work), machine, check)
        return result
    if job.expect_failure:
        if "of=/dev/vdc" in job.extra_step:
            return result  # the test itself wiped the target: nothing to look at
        disk = job.store(disks)
        published = [path for path, _, _ in disk.walk("/var/crash") if path.endswith("/vmcore")]
        if published:
            raise TestFailure(f"a dump that failed is there under its final name: {published}")
        check("no vmcore under its final name")
        if job.nothing_saved:
            return result
        _check_manifest_of_failure(disk, work, check)
        return result
    _check_files(job, kernel, disks, work, machine, result, check, progress)
    return result


def _wait_end(job, machine, seconds):
    """Whether the machine came to the end that it was to come to."""
    action = job.failure_action if job.expect_failure and job.ends_with == "failure action" else job.final_action
    if action != "halt":
        return machine.wait_end(seconds)
    if not machine.wait(lambda: machine.console.find(r"reboot: System halted") or machine.process.poll() is not None, seconds):
        return False
    time.sleep(5)  # and stays so
    return machine.process.poll() is None


def _crash_and_save(job, machine, result, check, progress):
    start = time.monotonic()

    def left():
        return max(5.0, job.deadline - (time.monotonic() - start))

    def reported(line):
        return any(text.startswith(line) for text in machine.reported())

    if not machine.wait(lambda: reported("guest: up"), min(150, left())):
        raise TestFailure("the guest does not reach its init script")
    progress("guest is up; kdumpctl start")
    if not machine.wait(lambda: reported("images: exit"), left()):
        raise TestFailure("the guest does not get through kdumpctl start")
    steps = Steps(machine.reported())

    if job.local and steps.exit.get("setup") != 0:
        raise TestFailure(f"the guest's target is not set up: {steps.text('setup')}")
    if job.remote and job.remote.network and steps.exit.get("network") != 0:
        raise TestFailure(f"the guest has no network:\n{steps.text('network')}")

    # kdumpctl's contract: 3 and "not operational" before, 0 and "operational" after.
    if steps.exit.get("status-before") != 3 or "Kdump is not operational" not in steps.text("status-before"):
        raise TestFailure(f"kdumpctl status before start: exit {steps.exit.get('status-before')}, expected 3 and "
                          f"\"Kdump is not operational\"; it says:\n{steps.text('status-before')}")
    check("kdumpctl status before start: exit 3, \"Kdump is not operational\"")
    if steps.exit.get("start") != 0:
        raise TestFailure(f"kdumpctl start: exit {steps.exit.get('start')}; it says:\n{steps.text('start')}")
    check("kdumpctl start: exit 0")
    if steps.exit.get("status-after") != 0 or "Kdump is operational" not in steps.text("status-after"):
        raise TestFailure(f"kdumpctl status after start: exit {steps.exit.get('status-after')}, expected 0 and "
                          f"\"Kdump is operational\"; it says:\n{steps.text('status-after')}")
    check("kdumpctl status after start: exit 0, \"Kdump is operational\"")
    if steps.text("loaded").strip() != "1":
        raise TestFailure("the kernel says that no crash image is loaded, although kdumpctl says so")
    check("/sys/kernel/kexec_crash_loaded is 1")

    images = [line.split(" ", 2) for line in steps.output.get("images", [])]
    images = [(int(size), path) for size, _, path in images]
    if not images:
        raise TestFailure("kdumpctl start left no capture image (*kdump*.img) on the root file system")
    result.image_bytes, result.image_path = max(images)
    most = job.remote.image_mib if job.remote else 8
    if result.image_bytes > most << 20:
        raise TestFailure(f"the capture image has {result.image_bytes} bytes, more than {most} MiB")
    check(f"capture image {result.image_path}: {result.image_bytes / (1 << 20):.1f} MiB (at most {most})")

    if job.armed:
        job.armed(machine, machine.report.parent)
    if job.extra_step and steps.exit.get("extra") != 0:
        if not machine.wait(lambda: reported("extra: exit"), left()) or Steps(machine.reported()).exit.get("extra") != 0:
            raise TestFailure(f"extra step failed:\n{Steps(machine.reported()).text('extra')}")
    progress("filling memory")
    if not machine.wait(lambda: reported("memfill: exit"), left()):
        raise TestFailure("memory is not filled in time")
    steps = Steps(machine.reported())
    if steps.exit["memfill"] != 0:
        raise TestFailure(f"memfill: exit {steps.exit['memfill']}:\n{steps.text('memfill')}")
    for line in steps.output.get("memfill", []):
        progress(f"    {line.removeprefix('memfill: ')}")
    if not machine.wait(lambda: reported("guest: crashing"), left()):
        raise TestFailure("the guest does not come to its crash")
    progress("crashing it; the capture kernel takes over")
    console = machine.console
    if job.during:
        started = machine.wait(lambda: len(console.find_all(r"\] Linux version ")) > 1, left())
        if not started:
            raise TestFailure("the capture kernel does not start")
        job.during(machine, machine.report.parent)
    ended = _wait_end(job, machine, left())

    crash = console.find(r"sysrq: Trigger a crash|Kernel panic - not syncing")
    if not crash:
        raise TestFailure("the guest did not panic")
    # "Linux version" comes first in every kernel's log; the second one on this console is the capture kernel's.
    first_line = console.find(r"\] Linux version ", after=crash[0])
    if not first_line:
        raise TestFailure("the capture kernel says nothing: it did not start, or died before its console came up")
    if job.stuck:
        if not ended:
            raise TestFailure(f"the machine did not end within {job.deadline} s")
        return
    if job.expect_failure:
        _check_failure(job, console, ended, check)
        return
    saved = [(when, match.group(1)) for when, match in console.find_all(r"kdump-capture: saved (?:raw )?(\S+)")]
    dmesg = next((entry for entry in saved if entry[1].endswith("/vmcore-dmesg.txt")), None)
    name = job.remote.dump_name if job.remote else "vmcore"
    vmcore = next((entry for entry in saved if entry[1].endswith(f"/{name}")), None)
    if not vmcore:
        words = "\n".join(match.string for _, match in console.find_all(r"kdump-capture: |makedump|Out of memory|oom-kill|deadlocked"))
        why = "the capture kernel saved no vmcore" + ("" if ended else f" within {job.deadline} s")
        if console.find(r"System is deadlocked on memory|Out of memory", after=first_line[0]):
            why += " (it ran out of memory)"
        raise TestFailure(f"{why}; what it said:\n{words}")
    if job.dmesg_first and (not dmesg or dmesg[0] > vmcore[0]):
        raise TestFailure("vmcore-dmesg.txt was not saved before vmcore")
    if job.dmesg_first:
        check("vmcore-dmesg.txt is saved first, then vmcore")
    if not ended:
        raise TestFailure(f"the machine did not reboot within {job.deadline} s")
    if not console.find(rf"kdump-capture: final action: {job.final_action}"):
        raise TestFailure(f"the capture kernel ended without \"kdump-capture: final action: {job.final_action}\"")
    check(f"final action {job.final_action} happened")
    result.dump_dir = str(pathlib.PurePosixPath(vmcore[1]).parent)
    result.seconds_to_dmesg = (dmesg or vmcore)[0] - first_line[0]
    result.seconds_to_vmcore = vmcore[0] - first_line[0]
    result.seconds_from_crash = vmcore[0] - crash[0]


class Saved:
    """What the second boot found, by name; `manifest` is vmcore.json, `text(name)` a small file."""

    def __init__(self, disk, work):
        self.disk, self.work = disk, work
        paths = {path: size for path, mode, size in disk.walk("/var/crash") if stat.S_ISREG(mode)}
        self.files = {path.rpartition("/")[2]: (path, size) for path, size in paths.items()}
        self.folders = {path.rpartition("/")[0] for path in paths if path.count("/") > 3}
        self.manifest = json.loads(self.text("vmcore.json")) if "vmcore.json" in self.files else {}

    def fetch(self, name):
        if name not in self.files:
            raise TestFailure(f"{name} was not saved; there are {sorted(self.files)}")
        return pathlib.Path(self.disk.fetch(self.files[name][0], self.work / f"saved-{name}"))

    def text(self, name):
        return self.fetch(name).read_text(errors="replace")


def _look(job, kernel, disks, work, result, check, progress):
    """The same host once more: it finds what its own death left behind, and puts it below /var/crash of its root disk."""
    progress("booting it again, to look at what was saved")
    log = log_dir() / f"{job.title}.second-console"
    second = work / "second"  # its report is another one
    second.mkdir()
    machine = qemu.Machine(kernel, work / "boot.img", "console=ttyS0 panic=5 root=/dev/vda rw", disks, work / "second-ram", 1024, second,
                           log, result.accel, job.cpu, job.local.attach(work, again=True))
    try:
        ended = machine.wait_end(job.deadline)
        steps = Steps(machine.reported())
        report = log_dir() / f"{job.title}.second-report"
        report.write_text("\n".join(machine.reported()) + "\n")
        if not ended or "guest: looked" not in machine.reported() or steps.exit.get("look") != 0:
            raise TestFailure(f"the second boot does not come to its end (report: {report}):\n{steps.text('look')}\n{machine.console.tail()}")
    finally:
        machine.end()
        (work / "second-ram").unlink(missing_ok=True)
    for line in steps.output.get("after-crash", []) + steps.output.get("list", []):
        progress(f"    {line}")
    job.local.check_second_boot(steps, check)


def _check_failure(job, console, ended, check):
    words = [match.group(0) for _, match in console.find_all(r"kdump-capture: .*")]
    for expected in job.expect_failure:
        # One line that says it all: an admin reads the last screen of a console.
        line = next((line for line in words if re.search(expected, line)), None)
        if not line:
            said = "\n".join(words)
            raise TestFailure(f"no line of kdump-capture matches {expected!r}; it said:\n{said}")
        check(f"the console says: {line}")
    action = job.final_action if job.ends_with == "final action" else job.failure_action
    if not any(line == f"kdump-capture: {job.ends_with}: {action}" for line in words):
        raise TestFailure(f"kdump-capture does not say \"{job.ends_with}: {action}\"")
    if any(line.startswith("kdump-capture: saved") and line.endswith("/vmcore") for line in words):
        raise TestFailure("kdump-capture claims to have saved a vmcore")
    if not ended:
        raise TestFailure(f"the machine did not end within {job.deadline} s: the failure action did not happen")
    check(f"{job.ends_with} {action} happened")


def _check_files(job, kernel, disks, work, machine, result, check, progress):
    progress("taking the dump off the guest's disk")
    disk = job.store(disks)
    ip = job.remote.ip if job.remote and job.remote.folder else "127.0.0.1"
    paths = {path: (mode, size) for path, mode, size in disk.walk("/var/crash")}
    folders = [path for path, (mode, _) in paths.items() if stat.S_ISDIR(mode)]
    pattern = rf"/var/crash/{re.escape(ip)}-\d{{4}}-\d\d-\d\d-\d\d:\d\d:\d\d"
    if job.local and not job.local.colons:
        pattern = pattern.replace(r"\d:", r"\d-")
    if len(folders) != 1 or not re.fullmatch(pattern, folders[0]):
        raise TestFailure(f"expected one folder {pattern}, found {folders}")
    folder = folders[0]
    check(f"dump folder {folder}")
    leftovers = [path for path in paths if "incomplete" in path]
    if leftovers:
        raise TestFailure(f"left behind: {leftovers}")
    check("no *-incomplete left")
    saved_as = job.remote.dump_name if job.remote else "vmcore"
    for name in ("vmcore-dmesg.txt", saved_as):
        mode = paths.get(f"{folder}/{name}", (0, 0))[0]
        if not mode:
            raise TestFailure(f"{folder}/{name} is not there")
        if stat.S_IMODE(mode) != 0o600 and not (job.local and not job.local.modes):
            raise TestFailure(f"{folder}/{name} has mode {stat.S_IMODE(mode):04o}, not 0600")
    if stat.S_IMODE(paths[folder][0]) != 0o700 and not (job.local and not job.local.modes):
        raise TestFailure(f"{folder} has mode {stat.S_IMODE(paths[folder][0]):04o}, not 0700")
    check("the folder has mode 0700, both files 0600")

    keep = pathlib.Path(job.keep) if job.keep else work
    keep.mkdir(parents=True, exist_ok=True)
    for path, (mode, size) in paths.items():
        name = path.removeprefix(f"{folder}/")
        if stat.S_ISREG(mode) and size < 1 << 20 and "/" not in name:
            result.files[name] = pathlib.Path(disk.fetch(path, work / "small")).read_text(errors="replace")
    for name in ("vmcore-dmesg.txt", saved_as, "vmcore.json"):
        if f"{folder}/{name}" in paths:
            disk.fetch(f"{folder}/{name}", keep / name)
    if saved_as == "vmcore.flat":
        with open(keep / saved_as, "rb") as stream:
            makedump = pathlib.Path(job.build or REPO / "build") / "bin/makedump"
            subprocess.run([makedump, "-R", keep / "vmcore"], stdin=stream, check=True, capture_output=True)
        check("makedump -R makes a dump of vmcore.flat")
    result.dump_path = str(keep / "vmcore")
    result.dump_bytes = (keep / "vmcore").stat().st_size
    result.dmesg = (keep / "vmcore-dmesg.txt").read_text(errors="replace")
    if MARKER not in result.dmesg:
        raise TestFailure("the marker written to /dev/kmsg is not in vmcore-dmesg.txt")
    if "Kernel panic - not syncing" not in result.dmesg:
        raise TestFailure("the panic is not in vmcore-dmesg.txt")
    check("marker and panic are in vmcore-dmesg.txt")
    if (keep / "vmcore.json").exists():
        result.manifest = json.loads((keep / "vmcore.json").read_text())
    else:
        raise TestFailure(f"{folder}/vmcore.json, the dump's manifest, is not there")
    _check_manifest(job, result.manifest, folder, keep / "vmcore", kernel, check)

    dump = kdumpfile.KdumpFile(keep / "vmcore")
    dump.check_header(kernel.release, 31)
    check(f"dump header: version {dump.version}, dump level {dump.dump_level}, {sum(dump.exists)} pages exist, "
          f"{sum(dump.dumped)} are in it")
    result.pages_compared = kdumpfile.check_with_libkdumpfile(dump, work / "ram")
    check(f"libkdumpfile opens it; {result.pages_compared} sampled pages equal the dead kernel's memory")

    if shutil.which("makedumpfile"):
        out = work / "peer-dmesg.txt"
        peer = subprocess.run(["makedumpfile", "--dump-dmesg", keep / "vmcore", out], capture_output=True, text=True)
        if peer.returncode != 0 or MARKER not in out.read_text(errors="replace"):
            raise TestFailure(f"Debian's makedumpfile --dump-dmesg does not read the dump: {peer.stdout}{peer.stderr}")
        check("Debian's makedumpfile --dump-dmesg reads it")
    else:
        raise TestFailure("makedumpfile is not installed: packaging/install-deps installs it")

    reservations = [tuple(int(part, 16) for part in match.groups())
                    for match in (re.search(r"([0-9a-f]+)-([0-9a-f]+) : Crash kernel", line)
                                  for line in Steps(machine.reported()).output.get("iomem", [])) if match]
    if not reservations:
        raise TestFailure("/proc/iomem of the guest shows no \"Crash kernel\" reservation")
    flags = pageflags.load(disks[1])
    compared, lost, extra = pageflags.expect_agreement("vmcore", dump, flags, reservations, lost_limit=job.lost_limit, fail=TestFailure)
    result.flags_compared, result.lost, result.extra = compared, lost, extra
    check(f"page flags agree: of {compared} pages {lost} lost, {extra} too many "
          f"({(lost + extra) / compared:.2%}, at most 0.50 %)")
    if job.keep:
        shutil.copy2(work / "ram", keep / "ram")
        shutil.copy2(disks[1], keep / "kpageflags")


def _check_manifest(job, manifest, folder, dump, kernel, check):
    """What makedump and kdump-capture say of the capture, against what is known from outside."""
    capture = manifest["capture"]
    codec = next((name for word, name in (("-c", "zlib"), ("-p", "snappy"), ("-z", "zstd")) if word in job.collector.split()), "lzo")
    expected = {"id": folder.rpartition("/")[2], "state": "complete", "error": "", "hostname": "guest", "test": False,
                "panic": "sysrq: Trigger a crash", "bytes_written": dump.stat().st_size, "codec": codec, "dump_level": 31,
                "crc32": f"{zlib.crc32(dump.read_bytes()):08x}"}
    wrong = {key: manifest.get(key) for key, value in expected.items() if manifest.get(key) != value}
    if manifest["kernel"]["release"] != kernel.release:
        wrong["kernel"] = manifest["kernel"]
    # As configured, or the file system that was found below the path.
    on_root = not job.has_target_disk or job.saved_on == "root"
    target, directory = f"ext4 UUID={guest.ROOT_UUID}" if on_root else SPELLED[job.target] or SPELLED["uuid"], folder
    if job.local:
        target, directory = job.local.described, f"{job.local.directory}/{folder.rpartition('/')[2]}"
    failed = [f"ext4 UUID={guest.DUMP_UUID}"] if job.saved_on == "root" else []
    if job.remote:
        failed = list(job.remote.failed_before)
        if job.remote.folder or job.remote.disk:
            target = job.remote.described or job.remote.line
    told = [entry["target"] for entry in capture["failed_before"]]
    if (capture["target"], capture["directory"], told, capture["log_error"]) != (target, directory, failed, ""):
        wrong["capture"] = capture
        expected["capture"] = (target, directory, failed)
    if not manifest["crash_time"] <= capture["begin"] <= capture["end"] <= manifest["crash_time"] + job.deadline:
        wrong["times"] = (manifest["crash_time"], capture)
    if not 0 < capture["least_available_kib"] < 1 << 20:
        wrong["least_available_kib"] = capture["least_available_kib"]
    if wrong:
        raise TestFailure(f"vmcore.json says {wrong}, expected {expected}")
    check(f"vmcore.json: {manifest['panic']}; crc32 {manifest['crc32']}; {capture['least_available_kib'] >> 10} MiB available at the least")


def _check_manifest_of_failure(disk, work, check):
    """The target has room for the log alone; what is there says so."""
    path, = [path for path, _, _ in disk.walk("/var/crash") if path.endswith("/vmcore.json")]
    disk.fetch(path, work / "vmcore.json")
    manifest = json.loads((work / "vmcore.json").read_text())
    told = (manifest["state"], manifest["panic"], "there is room for 0 B" in manifest["error"])
    if told != ("dmesg_only", "sysrq: Trigger a crash", True):
        raise TestFailure(f"vmcore.json of the capture that failed says: {manifest}")
    check(f"vmcore.json: {manifest['state']}, {manifest['error']}")


def summary(result):
    """The figures, as the demo and the logs show them."""
    mib = 1 << 20
    lines = [f"accelerator {result.accel}, kernel {result.release}",
             f"capture kernel's first line → dump synced: {result.seconds_to_vmcore:.1f} s "
             f"(log after {result.seconds_to_dmesg:.1f} s; from the crash {result.seconds_from_crash:.1f} s)",
             f"capture image {result.image_bytes / mib:.1f} MiB, dump {result.dump_bytes / mib:.1f} MiB"]
    peak = result.manifest.get("peak_memory_kib")
    if peak:
        lines.append(f"makedump: peak memory {peak / 1024:.1f} MiB, {result.manifest.get('threads')} thread(s), "
                     f"{result.manifest.get('seconds')} s")
    return lines


def check_console(name, *patterns):
    """What the capture kernel said, in this order."""
    console = (log_dir() / f"{name}.console").read_text(errors="replace")
    rest = console[console.rindex("] Linux version "):]
    for pattern in patterns:
        found = re.search(pattern, rest)
        if not found:
            raise TestFailure(f"the capture kernel does not say {pattern!r} then")
        say(f"  ok: the capture kernel says: {found.group(0)}")
        rest = rest[found.end():]
