"""A real OpenSSH server on loopback for the tests of ssh and sftp targets, with accounts of its own.

enter_own_accounts() puts the test into a mount namespace in which /etc/passwd and /etc/shadow are the test's: a user with
a password is there, and the machine's own accounts are never touched.
"""
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time

USER, PASSWORD, UID = "backup1", "correct horse", 64123
SKIP = 77
# perl is a part of every Debian and RHEL; Python's crypt is not a part of Python any more.
HASH = ["perl", "-e", 'print crypt($ARGV[0], q($6$kdumptest$))', PASSWORD]


def enter_own_accounts():
    """Goes on in a mount namespace of its own, or ends the test as skipped."""
    if os.geteuid() != 0:
        print("SKIP: not root: accounts for an SSH server cannot be made")
        sys.exit(SKIP)
    if not find_sshd():
        print("SKIP: no sshd here (package openssh-server)")
        sys.exit(SKIP)
    if os.environ.get("KDUMP_OWN_ACCOUNTS") != "yes":
        command = ["unshare", "--mount", "--propagation", "private", sys.executable, *sys.argv]
        os.execvpe("unshare", command, dict(os.environ, KDUMP_OWN_ACCOUNTS="yes"))


def find_sshd():
    return shutil.which("sshd", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")  # sshd wants its full path


def run(*command, **options):
    return subprocess.run(command, check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL, **options).stdout


def new_key(path, kind="ed25519", passphrase=""):
    pathlib.Path(path).unlink(missing_ok=True)
    run("ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-f", str(path))
    return fingerprint(path)


def fingerprint(path):
    return run("ssh-keygen", "-lf", str(path)).split()[1]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def over_var_crash(folder):
    """The server's /var/crash is folder/server/var/crash, in this namespace."""
    dumps = folder / "server/var/crash"
    dumps.mkdir(parents=True)
    pathlib.Path("/var/crash").mkdir(exist_ok=True)
    run("mount", "--bind", str(dumps), "/var/crash")
    run("chown", str(UID), str(dumps))
    return dumps


class SshServer:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.chmod(0o755)
        self.home = self.folder / "home"
        self.log = self.folder / "sshd.log"
        self.key = self.folder / "host_ed25519"
        self.fingerprint = new_key(self.key)
        self.port = free_port()
        self.process = None
        self.clear_home()
        password = subprocess.run(HASH, check=True, capture_output=True, text=True).stdout
        self.over("/etc/passwd", f"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
                  f"sshd:x:102:65534::/run/sshd:/usr/sbin/nologin\n{USER}:x:{UID}:65534::{self.home}:/bin/sh\n", 0o644)
        self.over("/etc/shadow", f"root:*:19000:0:99999:7:::\nsshd:!:19000::::::\n{USER}:{password}:19000:0:99999:7:::\n", 0o600)
        os.makedirs("/run/sshd", mode=0o755, exist_ok=True)

    def over(self, path, text, mode):
        """Puts a file of ours over the machine's, in this namespace."""
        ours = self.folder / pathlib.Path(path).name
        ours.write_text(text)
        ours.chmod(mode)
        run("mount", "--bind", str(ours), path)

    def clear_home(self):
        shutil.rmtree(self.home, ignore_errors=True)
        self.home.mkdir(mode=0o755)
        os.chown(self.home, UID, 65534)

    @property
    def authorized_keys(self):
        return self.home / ".ssh/authorized_keys"

    def authorize(self, *public_keys):
        self.authorized_keys.parent.mkdir(mode=0o700, exist_ok=True)
        self.authorized_keys.write_text("".join(pathlib.Path(key).read_text() for key in public_keys))
        for path in (self.authorized_keys.parent, self.authorized_keys):
            os.chown(path, UID, 65534)
        self.authorized_keys.chmod(0o600)

    def start(self, *more):
        """`more` are lines of sshd_config that count before ours."""
        self.stop()
        config = self.folder / "sshd_config"
        subsystem = "" if any(line.startswith("Subsystem") for line in more) else "Subsystem sftp internal-sftp"
        config.write_text("\n".join(more) + f"""
Port {self.port}
ListenAddress 127.0.0.1
HostKey {self.key}
PidFile none
UsePAM no
PasswordAuthentication yes
KbdInteractiveAuthentication no
{subsystem}
LogLevel VERBOSE
""")
        self.process = subprocess.Popen([find_sshd(), "-D", "-f", str(config), "-E", str(self.log)],
                                        stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                    # Where nobody listens yet, a socket can come to be connected to itself.
                    if connection.getsockname() != connection.getpeername():
                        return
            except OSError:
                assert self.process.poll() is None, f"sshd ended: {self.log.read_text()}"
                time.sleep(0.05)
        raise AssertionError("sshd does not listen")

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(10)
            self.process = None
