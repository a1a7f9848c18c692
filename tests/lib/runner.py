#!/usr/bin/python3
"""Behind tests/run: builds, finds the tests, runs them, and says how it went. One after the other, but for those in virtual
machines: an emulated guest keeps little more than one CPU busy, so as many run side by side as there are CPUs and memory for.

Every executable file in tests/<kind>/ is a test; makers of test data, named mk…, and anything with a dot in its name are
not. It runs from the repository's root with the build to test in
$KDUMPD_BUILD (programs in $KDUMPD_BUILD/bin). Exit status 0 is passed, 77 is skipped (its last line says why), anything
else is failed. Lines in its head may say more:

  # run: ARGUMENTS          run it with these arguments, in every run; several lines, several runs
  # run --all: ARGUMENTS    the same, but only under --all
  # timeout: SECONDS        instead of ten minutes
  # sanitizers              under --all, run it with the sanitizer builds too

Without a "run" line it runs once, without arguments. Kinds in ONLY_ALL run only under --all.
"""

import argparse
import concurrent.futures
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time

REPO = pathlib.Path(__file__).resolve().parents[2]
TESTS = REPO / "tests"
LOGS = REPO / "build" / "test-logs"
KINDS = ["lint", "unit", "golden", "cli", "oracle", "fuzz", "packaging", "vm", "bench"]  # cheap ones first; others follow by name
ONLY_ALL = {"bench"}
SKIP = 77
GUEST_GIB = 5  # what a test in a virtual machine may take, its files in the page cache included


def say(text=""):
    print(text, flush=True)


class Test:
    def __init__(self, name, command, timeout=600, build="build", counts_itself=False):
        self.name, self.command, self.timeout, self.build = name, command, timeout, build
        self.counts_itself = counts_itself  # ctest: its own tests are counted, not the one run
        self.process = None
        self.outcome, self.why, self.seconds = "", "", 0.0
        self.passed = self.failed = self.skipped = 0

    def run(self):
        LOGS.mkdir(parents=True, exist_ok=True)
        log = LOGS / (re.sub(r"[^A-Za-z0-9._-]+", "_", self.name)[:120] + ".log")
        environment = dict(os.environ, KDUMPD_BUILD=str(REPO / self.build), LC_ALL="C.UTF-8")
        environment["PATH"] = environment.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin"
        if shutil.which("ccache"):
            environment.setdefault("CMAKE_CXX_COMPILER_LAUNCHER", "ccache")
        start = time.monotonic()
        with open(log, "w") as out:
            process = self.process = subprocess.Popen(self.command, cwd=REPO, env=environment, stdin=subprocess.DEVNULL, stdout=out,
                                                      stderr=subprocess.STDOUT, start_new_session=True)
            try:
                status = process.wait(self.timeout)
            except subprocess.TimeoutExpired:
                status = None
            # A test's own children (a QEMU, say) do not outlive it.
            try:
                os.killpg(process.pid, signal.SIGTERM if status is None else signal.SIGKILL)
                if status is None:
                    time.sleep(3)
                    os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()
        self.seconds = time.monotonic() - start
        text = log.read_text(errors="replace")
        lines = [line for line in text.splitlines() if line.strip()] or [""]
        if status == 0:
            self.outcome, self.passed = "passed", 1
        elif status == SKIP:
            self.outcome, self.skipped = "skipped", 1
            self.why = lines[-1].removeprefix("SKIP: ")
        else:
            self.outcome, self.failed = "failed", 1
            self.why = f"no end within {self.timeout} s" if status is None else f"exit status {status}"
        if self.counts_itself:
            if match := re.search(r"(\d+)% tests passed, (\d+) tests failed out of (\d+)", text):
                failed, total = int(match.group(2)), int(match.group(3))
                skipped = len(re.findall(r"\*\*\*(?:Skipped|Not Run)", text))
                self.passed, self.failed, self.skipped = total - failed - skipped, max(failed, self.failed), skipped
                self.why = self.why or f"{total} tests"
            elif status == 0:  # an empty test suite is not a passed one
                self.outcome, self.passed, self.failed, self.why = "failed", 0, 1, "ctest found no tests"
        if self.outcome == "failed":
            say("\n".join([*("    " + line for line in lines[-60:]), f"    (all of it: {log.relative_to(REPO)})"]))

    def stop(self):
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)


def discovered(everything):
    kinds = [path.name for path in TESTS.iterdir() if path.is_dir() and path.name not in ("lib",)]
    kinds.sort(key=lambda kind: (KINDS.index(kind) if kind in KINDS else KINDS.index("vm"), kind))
    for kind in kinds:
        if kind in ONLY_ALL and not everything:
            continue
        for path in sorted((TESTS / kind).iterdir()):
            if not path.is_file() or not os.access(path, os.X_OK) or "." in path.name or path.name.startswith("mk"):
                continue
            head = path.read_bytes()[:8192].decode("utf-8", "replace").splitlines()[:60]
            always = [match.group(1) for line in head if (match := re.match(r"# run:(.*)", line))]
            long = [match.group(1) for line in head if (match := re.match(r"# run --all:(.*)", line))]
            timeout = next((int(match.group(1)) for line in head if (match := re.match(r"# timeout: *(\d+)", line))), 600)
            runs = always + (long if everything else [])
            if not always and not long:
                runs = [""]
            for arguments in runs:
                name = f"{kind}/{path.name} {arguments.strip()}".strip()
                yield Test(name, [str(path), *shlex.split(arguments)], timeout)
                if everything and any(re.match(r"# sanitizers\b", line) for line in head):
                    for preset in ("asan-ubsan", "tsan"):
                        yield Test(f"{name} ({preset})", [str(path), *shlex.split(arguments)], timeout * 5, f"build-{preset}")


def build_steps(preset, folder):
    # Configuring again is cheap and picks up new files; a build folder configured by another machine is not reused.
    yield Test(f"configure {preset}", ["cmake", "--preset", preset], 300, folder)
    yield Test(f"build {preset}", ["cmake", "--build", "--preset", preset], 3600, folder)


def unit_tests(preset, folder):
    jobs = str(os.cpu_count() or 1)
    return Test(f"unit ({preset})", ["ctest", "--preset", preset, "-j", jobs, "--timeout", "300"], 1800, folder, counts_itself=True)


def plan(options):
    tests = [*build_steps("release", "build"), unit_tests("release", "build")]
    found = list(discovered(options.all))
    if options.all:
        for preset in ("asan-ubsan", "tsan", "clang"):
            tests += [*build_steps(preset, f"build-{preset}"), unit_tests(preset, f"build-{preset}")]
    tests += found
    if options.only:
        chosen = [test for test in tests if test.command[0] != "cmake" and any(word in test.name for word in options.only)]
        builds = {"build", *(test.build for test in chosen)}
        tests = [test for test in tests if test in chosen or (test.command[0] == "cmake" and test.build in builds)]
    return tests


def guest_lanes():
    memory_gib = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 30
    return max(1, min(os.cpu_count() or 1, memory_gib // GUEST_GIB))


def main():
    parser = argparse.ArgumentParser(prog="tests/run", description="Builds kdumpd and runs its tests.")
    parser.add_argument("--all", action="store_true", help="the long ones too")
    parser.add_argument("--only", action="append", metavar="WORD", help="only tests with WORD in their name")
    parser.add_argument("--list", action="store_true", help="show what would run, run nothing")
    options = parser.parse_args()
    tests = plan(options)
    if options.list:
        say("\n".join(test.name for test in tests))
        return 0

    begin = time.monotonic()
    broken = set()

    def run(number, test):
        say(f"[{number}/{len(tests)}] {test.name} …")
        if test.build in broken:
            test.outcome, test.skipped, test.why = "skipped", 1, f"{test.build} was not built"
        else:
            test.run()
            if test.command[0] == "cmake" and test.outcome == "failed":
                broken.add(test.build)
        say(f"[{number}/{len(tests)}] {test.name}: {test.outcome} ({test.seconds:.0f} s){' ' + test.why if test.why else ''}")

    numbered = list(enumerate(tests, 1))
    apart = [item for item in numbered if item[1].name.startswith("vm/")]
    lanes = concurrent.futures.ThreadPoolExecutor(guest_lanes())
    try:
        for item in numbered:
            if item not in apart:
                run(*item)
        for guest in [lanes.submit(run, *item) for item in apart]:
            guest.result()
    except KeyboardInterrupt:
        say("interrupted")
        lanes.shutdown(wait=False, cancel_futures=True)
        for test in tests:
            test.stop()
        return 130

    say()
    width = max(len(test.name) for test in tests)
    for test in tests:
        say(f"{test.name:{width}}  {test.outcome:7}  {test.seconds:6.0f} s  {test.why}")
    passed, failed, skipped = (sum(getattr(test, what) for test in tests) for what in ("passed", "failed", "skipped"))
    say(f"\n{(time.monotonic() - begin) / 60:.1f} minutes; logs in {LOGS.relative_to(REPO)}/")
    say(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
