"""What the tests of packages share: building them, and telling what became of a folder."""
import fcntl
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from vmtest import REPO, TestFailure, say  # noqa: E402


def output(*words, **options):
    """What a program prints; a status other than 0 is a failure of the test."""
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, stdin=subprocess.DEVNULL, **options)
    if done.returncode != 0:
        raise TestFailure(f"{' '.join(map(str, words))}: exit {done.returncode}:\n{(done.stdout + done.stderr)[-4000:]}")
    return done.stdout


def expect(good, what):
    if not good:
        raise TestFailure(what)
    say(f"ok: {what}")


def build(kind, work, *options):
    """The packages, by the first word of their name."""
    folder = work / "packages"
    say(f"packaging/build {kind} {' '.join(options)}")
    output(REPO / "packaging/build", kind, "--work", work / "build", "--output", folder, *options)
    return found(kind, folder)


def quick(kind):
    """The packages of this very tree, built with --quick once, for all tests that install them; and the folder they are in."""
    if os.environ.get("KDUMPD_TEST_PACKAGES"):  # those that are there already
        folder = pathlib.Path(os.environ["KDUMPD_TEST_PACKAGES"])
        return found(kind, folder), folder
    state = output("git", "ls-files", "-s", cwd=REPO) + output("git", "diff", "HEAD", cwd=REPO)
    folder = REPO / "build/test-packages" / f"{kind}-{hashlib.sha256(state.encode()).hexdigest()[:16]}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(folder.parent / f"{kind}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another test may be building them
        if not folder.exists():
            for old in folder.parent.glob(f"{kind}-*"):
                shutil.rmtree(old)
            with tempfile.TemporaryDirectory(prefix="packages-", dir="/var/tmp") as work:
                build(kind, pathlib.Path(work), "--quick")
                half = folder.with_suffix(".new")
                shutil.copytree(pathlib.Path(work, "packages"), half)
                half.rename(folder)
    return {name: folder / file.name for name, file in found(kind, folder).items()}, folder


def found(kind, folder):
    return {file.name.split("_")[0] if kind == "deb" else file.name.split("-0.")[0]: file for file in sorted(folder.glob(f"*.{kind}"))
            if "dbgsym" not in file.name and "debuginfo" not in file.name and "debugsource" not in file.name}


def other_version(package, version, work, change=lambda root: None):
    """The same package as another version; `change` may change its files, which it gets as a folder."""
    folder = work / f"version-{version}"
    output("dpkg-deb", "-R", package, folder)
    control = folder / "DEBIAN/control"
    control.write_text(re.sub(r"^Version: .*$", f"Version: {version}", control.read_text(), flags=re.MULTILINE))
    change(folder)
    (folder / "DEBIAN/md5sums").unlink()
    made = work / f"{package.name.split('_')[0]}_{version}.deb"
    output("dpkg-deb", "--root-owner-group", "-Zgzip", "-b", folder, made)
    shutil.rmtree(folder)
    return made


def tree(root, left_out=()):
    """Every path below `root` with what it is: links by their target, files by size, so that two of these can be compared."""
    found = {}
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if os.path.relpath(os.path.join(folder, name), root) not in left_out]
        for name in folders + files:
            path = os.path.join(folder, name)
            short = os.path.relpath(path, root)
            if short in left_out:
                continue
            if os.path.islink(path):
                found[short] = "-> " + os.readlink(path)
            else:
                found[short] = "folder" if os.path.isdir(path) else f"{os.path.getsize(path)} bytes"
    return found


def differences(before, after):
    return sorted([f"gone: {path}" for path in before.keys() - after.keys()] +
                  [f"left behind: {path}" for path in after.keys() - before.keys()] +
                  [f"changed: {path} ({before[path]}, now {after[path]})" for path in before.keys() & after.keys()
                   if before[path] != after[path]])
