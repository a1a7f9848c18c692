"""What the command line tests share: small vmcores, running makedump, and telling how it went."""
import importlib.machinery
import importlib.util
import json
import os
import pathlib
import resource
import signal
import subprocess
import sys
import tempfile
import traceback

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
REPO = HERE.parents[1]
GOLDEN = HERE.parent / "golden"
sys.path.insert(0, str(GOLDEN))
TIME_LIMIT = 60
STATUSES = (1, 3, 4, 5, 6)  # of failures, as makedump --help has them

# Six MiB in all, so that it can be cut, copied and written often.
SMALL = """kernel era=6.1 phys=0x1200000
map vmemmap=4K
ram 0x1000-0x9f000 0x1000000-0x1600000
page 0x1080-0x10ff anon
page 0x1100-0x110f free order=4
log "Linux version" at=0
log "the end" at=1.5
"""


def makedump_path():
    build = os.environ.get("KDUMPD_BUILD", "build")
    path = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("MAKEDUMP", f"{build}/bin/makedump")
    if not os.access(path, os.X_OK):
        sys.exit(f"{path}: no such program: build it first")
    return str(pathlib.Path(path).resolve())


def load_mkvmcore():
    loader = importlib.machinery.SourceFileLoader("mkvmcore", str(GOLDEN / "mkvmcore"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("mkvmcore", loader))
    loader.exec_module(module)
    return module


MAKEDUMP = makedump_path()
MKVMCORE = load_mkvmcore()


def make_vmcore(path, more="", base=SMALL):
    core = MKVMCORE.Vmcore()
    core.parse(base + more)
    core.build()
    core.write(path)


class Run:
    """makedump, run in the folder `cwd`, as a person would call it."""

    def __init__(self, *args, cwd, file_limit=None, stdin=None):
        def limit():
            if file_limit is not None:
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # so that write fails with EFBIG
                resource.setrlimit(resource.RLIMIT_FSIZE, (file_limit, file_limit))

        try:
            done = subprocess.run([MAKEDUMP, *args], cwd=cwd, capture_output=True, timeout=TIME_LIMIT, check=False,
                                  preexec_fn=limit, stdin=stdin)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"no end within {TIME_LIMIT} s: makedump {' '.join(args)}") from None
        self.status = done.returncode
        self.out = done.stdout.decode(errors="backslashreplace")
        self.err = done.stderr.decode(errors="backslashreplace")

    def check_status(self, status):
        expected = STATUSES if status is None else (status,)
        assert self.status in expected, f"status {self.status}, not {status or 'a documented one'}, stderr:\n{self.err}"

    def fails(self, message, status=None):
        """This one line, and a status that --help lists: this one."""
        expected = f"makedump: {message}\n"
        assert self.err == expected, f"status {self.status}, stderr:\n{self.err}expected:\n{expected}"
        self.check_status(status)
        assert self.out == "", f"stdout: {self.out}"

    def fails_saying(self, *parts, status=None):
        """One line that holds these parts, and a status that --help lists: this one."""
        self.check_status(status)
        assert self.err.startswith("makedump: ") and self.err.count("\n") == 1, f"stderr:\n{self.err}"
        missing = [part for part in parts if part not in self.err]
        assert not missing, f"{missing} not in: {self.err}"

    def succeeds(self):
        assert self.status == 0, f"status {self.status}, stderr:\n{self.err}"


def save_capture(folder, vmcore, begin, hostname="db1"):
    """A capture, as the capture kernel leaves it: makedump's files, completed by what kdump-capture adds."""
    folder.mkdir(mode=0o700)
    Run("-l", "-d", "31", "--manifest", "vmcore.json", vmcore, "vmcore", cwd=folder).succeeds()
    Run("--dump-dmesg", vmcore, "vmcore-dmesg.txt", cwd=folder).succeeds()
    manifest = json.loads((folder / "vmcore.json").read_text())
    manifest.update(id=folder.name, state="complete", error="", hostname=hostname, crash_time=begin - 4, seconds=1.25,
                    filter_seconds=0.25, pack_seconds=1.0, threads=2, peak_memory_kib=20480,
                    capture={"target": "ext4 UUID=1-2", "failed_before": [{"target": "nfs host:/x", "error": "no answer"}],
                             "begin": begin, "end": begin + 9, "least_available_kib": 40960, "log_error": ""})
    (folder / "vmcore.json").write_text(json.dumps(manifest))
    return folder


def run_tests(module_globals):
    """Calls every test_… with a folder of its own; prints a line for each and the sum; ends the program."""
    passed = failed = 0
    for name, function in list(module_globals.items()):
        if not name.startswith("test_"):
            continue
        title = name[5:].replace("_", " ")
        with tempfile.TemporaryDirectory(prefix="cli-") as folder:
            try:
                function(pathlib.Path(folder))
                passed += 1
                print(f"ok      {title}", flush=True)
            except AssertionError as error:
                failed += 1
                print(f"FAILED  {title}\n    " + str(error).replace("\n", "\n    "), flush=True)
            except Exception:  # a test that cannot run has failed, the others still run
                failed += 1
                print(f"FAILED  {title}\n    " + traceback.format_exc().replace("\n", "\n    "), flush=True)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed or not passed else 0)
