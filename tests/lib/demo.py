#!/usr/bin/python3
"""Behind tests/demo: runs the main job with its checks and shows what came out."""

import argparse
import pathlib
import shutil
import subprocess
import sys
import tempfile

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS / "lib"))
from vmtest import kernel, main, mainjob, say  # noqa: E402


def show_classes(manifest):
    pages = manifest.get("pages", {})
    total = pages.get("total", 0)
    classes = {name: count for name, count in pages.get("classes", {}).items() if count}
    say(f"\n{'page class':<16}{'pages':>12}{'MiB':>10}{'share':>9}")
    for name, count in sorted(classes.items(), key=lambda entry: -entry[1]):
        say(f"{name:<16}{count:>12}{count / 256:>10.1f}{count / total if total else 0:>9.1%}")
    say(f"{'all':<16}{sum(classes.values()):>12}{total / 256:>10.1f}{'':>9}")


def show_figures(result, crashkernel):
    mib = 1 << 20
    peak = result.manifest.get("peak_memory_kib", 0) / 1024
    rows = [("capture kernel's first line to synced dump", f"{result.seconds_to_vmcore:.1f} s", "at most 10 s (TCG, 2 cores)"),
            ("  of that, to the saved kernel log", f"{result.seconds_to_dmesg:.1f} s", ""),
            ("crash to synced dump", f"{result.seconds_from_crash:.1f} s", ""),
            ("makedump alone", f"{result.manifest.get('seconds', 0):.1f} s", ""),
            ("capture image", f"{result.image_bytes / mib:.1f} MiB", "at most 8 MiB"),
            ("reserved memory", f"crashkernel={crashkernel}", "128M has to do"),
            ("makedump's peak memory", f"{peak:.1f} MiB", "at most 32 MiB"),
            ("dump", f"{result.dump_bytes / mib:.1f} MiB", f"{result.manifest.get('codec', '?')}, "
                                                            f"dump level {result.manifest.get('dump_level', '?')}")]
    say(f"\n{'figure':<46}{'measured':<22}aim")
    for name, measured, aim in rows:
        say(f"{name:<46}{measured:<22}{aim}")
    say(f"(kernel {result.release}, accelerator {result.accel})")


def show_peer(flavour):
    say(f"\n==> makedump beside Debian's makedumpfile, on this machine, with a full vmcore of kernel {flavour}")
    sys.stdout.flush()
    subprocess.run([TESTS / "bench" / "dump", "--rounds", "5", flavour], check=True)


def show_crash(flavour, dump):
    if not shutil.which("crash"):
        say("crash is not installed: packaging/install-deps installs it")
        return False
    vmlinux = kernel.debug_vmlinux(kernel.fetch(flavour))
    say("\n==> Debian's crash: sys, bt")
    run = subprocess.run(["crash", "-s", "--no_crashrc", vmlinux, dump], input="sys\nbt\nquit\n", capture_output=True, text=True)
    say(run.stdout + run.stderr)
    return "PANIC:" in run.stdout


def run():
    parser = argparse.ArgumentParser(prog="tests/demo")
    parser.add_argument("--kernel", default="6.1")
    parser.add_argument("--crashkernel", default="128M")
    parser.add_argument("--crash", action="store_true")
    parser.add_argument("--keep", default="", metavar="DIR")
    options = parser.parse_args()
    keep = options.keep or tempfile.mkdtemp(prefix="kdumpd-demo-", dir="/var/tmp")
    try:
        job = mainjob.Job(kernel=options.kernel, crashkernel=options.crashkernel, keep=keep, name="demo")
        result = mainjob.run(job, progress=lambda line: say(line if line.startswith(" ") else f"==> {line}"))
        say("\n==> what vmcore-dmesg.txt says")
        for pattern in ("Kernel panic", "RIP: "):
            say(next((line for line in result.dmesg.splitlines() if pattern in line), f"(no line with {pattern!r})"))
        show_classes(result.manifest)
        show_figures(result, options.crashkernel)
        show_peer(options.kernel)
        if options.crash and not show_crash(options.kernel, result.dump_path):
            sys.exit("demo: crash did not open the dump")
        if options.keep:
            say(f"\nkept in {options.keep}: vmcore, vmcore-dmesg.txt, vmcore.json, ram (the guest's memory), kpageflags")
    finally:
        if not options.keep:
            shutil.rmtree(keep, ignore_errors=True)


main(run)
