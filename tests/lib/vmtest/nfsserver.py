"""An NFS server for the guests: nfs-ganesha (Debian's package) in a network namespace of the test's own, so that it has the
ports that every client expects, and several tests run side by side. The guest reaches it through QEMU's user network, which
ends in the namespace's loopback interface."""

import ctypes
import pathlib
import shutil
import signal
import subprocess
import time

from . import Skip, TestFailure, log_dir

CLONE_NEWNS, CLONE_NEWNET = 0x00020000, 0x40000000

CONFIG = """NFS_CORE_PARAM {{ Protocols = 3, 4; Enable_NLM = false; Enable_RQUOTA = false; mount_path_pseudo = true; }}
NFSv4 {{ Graceless = true; RecoveryBackend = fs; RecoveryRoot = {state}; Minor_Versions = 0, 1, 2; }}
EXPORT {{ Export_Id = 1; Path = {folder}; Pseudo = /export; Access_Type = RW; Squash = No_Root_Squash; Protocols = {versions};
         Transports = TCP; SecType = sys; FSAL {{ Name = VFS; }} }}
LOG {{ Default_Log_Level = EVENT; }}
"""


def enter_namespace():
    """A network and a /run for this process and its children alone. Before any thread is started, and after what needs the
    real network (fetching kernels)."""
    for program in ("ganesha.nfsd", "rpcbind", "rpcinfo"):
        if not shutil.which(program):
            raise Skip(f"no {program}: packaging/install-deps installs it")
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET | CLONE_NEWNS) != 0:
        raise Skip("no namespaces for an NFS server: only root can open files by handle")
    for words in (["mount", "--make-rprivate", "/"], ["mount", "-t", "tmpfs", "tmpfs", "/run"],
                  ["ip", "link", "set", "lo", "up"]):
        subprocess.run(words, check=True)


class NfsServer:
    """Exports `folder` as /export (and, to NFSv3, by that name as well) from entering to leaving."""

    def __init__(self, folder, work, title, versions="3, 4"):
        self.folder, self.work = pathlib.Path(folder), pathlib.Path(work)
        self.log = log_dir() / f"{title}.ganesha"
        self.versions = versions
        self.processes = []

    def __enter__(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        state = self.work / "nfs-state"
        state.mkdir()
        pathlib.Path("/run/ganesha").mkdir(exist_ok=True)
        config = self.work / "ganesha.conf"
        config.write_text(CONFIG.format(folder=self.folder, state=state, versions=self.versions))
        self.log.write_text("")
        self._start(["rpcbind", "-w", "-f"])
        self._wait("portmapper", 30)
        self.server = self._start(["ganesha.nfsd", "-F", "-L", self.log, "-f", config, "-p", "/run/ganesha/pid"])
        self._wait("mountd", 60)
        return self

    def _start(self, words):
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.processes.append(process)
        return process

    def _wait(self, service, seconds):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            run = subprocess.run(["rpcinfo", "-p", "127.0.0.1"], capture_output=True, text=True)
            if service in run.stdout:
                return
            if any(process.poll() is not None for process in self.processes):
                break
            time.sleep(0.2)
        self.__exit__()
        raise TestFailure(f"the NFS server of this test does not start ({service}): see {self.log}")

    def hang(self):
        """It holds its connections and says no more."""
        self.server.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.server.send_signal(signal.SIGCONT)

    def __exit__(self, *_):
        for process in reversed(self.processes):
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.terminate()
                try:
                    process.wait(15)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
