"""Outside the sandbox: how strong a sandbox this machine can build, and how it is started.

- strong: bubblewrap shows the nursery nothing but the interpreter, NumPy and mugrade, without a
  network; each submission gets namespaces of its own in there, and a filter of system calls.
- medium: no bubblewrap; Landlock lets a submission open nothing but what Python needs and its own
  scratch folder, and the filter takes the network away. It can still send signals.
- weak: processes with limits, which can read what the grader can read.

Which one holds is not a matter of what is installed: see probe.py, which tries to get out.
"""

import base64
import importlib.util
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

LIBRARIES = ("numpy",)
KERNELS = ("OPENBLAS_CORETYPE", "NPY_DISABLE_CPU_FEATURES")  # what a processor may need set
INSIDE = "/packages"
DEVICES = tuple(f"/dev/{name}" for name in ("null", "zero", "full", "random", "urandom"))
DENIED = """
    ptrace process_vm_readv process_vm_writev pidfd_getfd kcmp bpf perf_event_open userfaultfd
    io_uring_setup io_uring_enter io_uring_register keyctl add_key request_key shmget semget
    msgget mq_open memfd_create memfd_secret mount umount2 move_mount open_tree fsopen fsmount
    fsconfig fspick mount_setattr pivot_root chroot unshare setns open_by_handle_at
    name_to_handle_at fanotify_init socket init_module finit_module delete_module kexec_load
    kexec_file_load reboot swapon swapoff acct quotactl syslog settimeofday clock_settime
    adjtimex clock_adjtime sethostname setdomainname iopl ioperm personality modify_ldt vhangup
"""
CLONE_NEW = 0x7E020080  # any new namespace


@dataclass(frozen=True)
class Tier:
    """A strength of sandbox: strong, medium or weak."""

    name: str

    def command(self, program: Sequence[str]) -> list[str]:
        """The command that runs a program of this Python in the outer sandbox."""
        if self.name != "strong":
            return [sys.executable, *program]
        return [*_bubblewrap(), _interpreter(), "-S", *program]

    def environment(self) -> dict[str, str]:
        path = INSIDE if self.name == "strong" else str(Path(__file__).parents[2])
        return {
            "PYTHONPATH": path,
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONHASHSEED": "0",
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "PATH": "/usr/bin:/bin",
            **{name: os.environ[name] for name in KERNELS if name in os.environ},
        }

    def walls(self) -> dict[str, Any]:
        """The walls around each submission, as confine.Walls takes them, in JSON's types."""
        return {
            "namespaces": self.name == "strong",
            "seccomp": base64.b64encode(b"" if self.name == "weak" else seccomp_program()).decode(),
            "readable": [*_system(), *map(str, _packages()), *DEVICES]
            if self.name == "medium"
            else None,
        }


WEAK = Tier("weak")


def _bubblewrap() -> list[str]:
    """bubblewrap's command: an empty root, and read-only what Python needs to start."""
    program = shutil.which("bwrap")
    if program is None:
        raise OSError("bubblewrap (bwrap) is not installed")
    binds = [word for path in _system() for word in ("--ro-bind-try", path, path)]
    for source in _packages():
        binds += ["--ro-bind", str(source), f"{INSIDE}/{source.name}"]
    devices = [word for path in DEVICES for word in ("--dev-bind", path, path)]
    return [
        program,
        *("--unshare-all", "--new-session", "--uid", "65534", "--gid", "65534"),
        *("--cap-drop", "ALL", "--hostname", "sandbox"),
        *binds,
        *("--tmpfs", "/dev", *devices, "--dir", "/dev/shm", "--remount-ro", "/dev"),
        *("--proc", "/proc", "--dir", "/tmp", "--remount-ro", "/", "--chdir", "/tmp"),
    ]


def _interpreter() -> str:
    """This Python outside of any virtual environment."""
    return os.path.realpath(getattr(sys, "_base_executable", sys.executable))


def _system() -> list[str]:
    """Paths that Python itself needs: the system's libraries, the interpreter, its own modules."""
    own = [os.path.join(sys.base_prefix, name) for name in ("lib", "lib64")]
    return ["/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache", _interpreter(), *own]


def _packages() -> Iterator[Path]:
    """The folders of mugrade and of the libraries that submissions may import."""
    for name in ("mugrade", *LIBRARIES):
        spec = importlib.util.find_spec(name)
        assert spec is not None and spec.origin is not None, name
        folder = Path(spec.origin).parent
        yield folder
        if (binaries := folder.with_name(f"{name}.libs")).is_dir():
            yield binaries


@cache
def seccomp_program() -> bytes:
    """The filter as classic BPF; raises OSError where libseccomp is missing."""
    try:
        import pyseccomp as seccomp
    except (ImportError, RuntimeError, OSError) as error:
        raise OSError(f"libseccomp cannot be loaded: {error}") from None
    denied = seccomp.SyscallFilter(seccomp.ALLOW)
    for name in DENIED.split():
        try:
            denied.add_rule(seccomp.ERRNO(1), name)
        except (OSError, ValueError):  # not a system call of this processor or library
            continue
    for bit in (1 << n for n in range(32) if CLONE_NEW >> n & 1):
        denied.add_rule(seccomp.ERRNO(1), "clone", seccomp.Arg(0, seccomp.MASKED_EQ, bit, bit))
    denied.add_rule(seccomp.ERRNO(38), "clone3")  # the C library then calls clone, seen above
    with tempfile.TemporaryFile() as file:
        denied.export_bpf(file)
        file.seek(0)
        return file.read()
