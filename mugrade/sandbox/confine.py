"""Inside the sandbox: the walls around one submission, built by the process that they enclose.

A fork of the nursery becomes the *keeper* of one submission. It forks an *init*, which forks the
*guest* that runs student code. In namespaces of its own the init is process 1, so that its death
takes everything with it; elsewhere the keeper hunts down what the init adopted. The keeper kills
the init when the grader lets go of the leash, or when a limit is passed on memory or processes,
and reports how the guest ended.
"""

import contextlib
import ctypes
import gc
import json
import os
import resource
import select
import shutil
import signal
import socket
import struct
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from mugrade.sandbox.kernel import c_library, demand, restrict_paths
from mugrade.sandbox.refusals import CallFilter, Refusals, filter_calls

CLONE_USER, CLONE_MOUNTS = 0x10000000, 0x00020000
CLONE_REST = 0x6E000000  # control groups, host name, IPC, processes, network
MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_RDONLY, MS_REMOUNT, MS_PRIVATE = 2, 4, 8, 1, 32, 0x44000
PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 4, 36, 38
CAPABILITIES_V3 = 0x20080522
POLL = 50  # milliseconds between two looks at the memory
MAX_FILES = 256
SCRATCH = 64 << 20  # bytes that a submission may keep in files


@dataclass(frozen=True)
class Walls:
    """What encloses a submission, beside what encloses the nursery.

    `namespaces`: it has users, processes, mounts, network and IPC of its own. `seccomp`: what
    filters its system calls, or nothing. `readable`: the only paths that it sees,
    beside its scratch folder and the names in folders that are `listable`; None for all. `memory`:
    bytes for all its processes; `processes`: how many of these and their threads there may be,
    twice as many being a hard limit.
    """

    namespaces: bool = False
    seccomp: CallFilter | None = None
    readable: Sequence[str] | None = None
    listable: Sequence[str] = ()
    memory: int = 2 << 30
    processes: int = 64


@dataclass(frozen=True)
class Ends:
    """The descriptors of one submission, as the grader passes them in, in this order."""

    requests: int
    reply: int
    output: int
    leash: int
    fate: int


def be_keeper(ends: Ends, walls: Walls, work: Callable[[int, int], None]) -> NoReturn:
    """Be the keeper of one submission; `work` gets the descriptors of requests and reply."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    scratch = "/tmp"
    if walls.namespaces:
        _leave_namespaces()
    else:
        scratch = tempfile.mkdtemp(prefix="mugrade-")
    life, theirs = os.pipe()
    ears, mouth = socket.socketpair()
    init = os.fork()
    if init == 0:
        given = ends.requests, ends.reply, ends.output, ends.fate, theirs, mouth.fileno()
        _close_all_but(*given)
        _init(ends, walls, scratch, mouth, work)
    _close_all_but(ends.leash, ends.fate, life, ears.fileno())
    most = 2 * walls.processes
    refusals = Refusals(ears, select.poll(), lambda: _tree(init, 0)[0] < most)
    cause: dict[str, Any] = _watch(init, ends.leash, life, walls, refusals)
    if refusals.calls:
        cause["refused"] = sorted(refusals.calls)
    if cause:
        os.write(ends.fate, json.dumps(cause).encode() + b"\n")
    _kill(init, walls)
    if not walls.namespaces:
        shutil.rmtree(scratch, ignore_errors=True)
    os._exit(0)


def _watch(init: int, leash: int, life: int, walls: Walls, refusals: Refusals) -> dict[str, int]:
    """Wait for the end of the init or of the leash; returns which limit was passed, if any."""
    poll = refusals.poll
    poll.register(leash, 0)  # a hang-up is always reported
    poll.register(life, 0)
    usual = _usage(os.getpid())[1]
    looked = time.monotonic()
    while True:
        for fd, event in poll.poll(POLL):
            if fd in (leash, life):
                return {}
            refusals.attend(fd, event)
        if time.monotonic() - looked < POLL / 1000:
            continue
        looked = time.monotonic()
        count, pages = _tree(init, usual)
        if count > walls.processes:
            return {"processes": count}
        if pages * resource.getpagesize() > walls.memory:
            return {"memory": pages * resource.getpagesize()}


def _kill(init: int, walls: Walls) -> None:
    """Kill the init and everything below it; with namespaces of its own the kernel does that."""
    quiet, rounds = 0, 0
    while not walls.namespaces and quiet < 2 and rounds < 100:
        found = _descendants(init)
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        quiet, rounds = 0 if found else quiet + 1, rounds + 1  # a fork may hide from one look
    if not walls.namespaces:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(init, signal.SIGKILL)
    os.kill(init, signal.SIGKILL)
    os.waitpid(init, 0)


def _tree(root: int, usual: int) -> tuple[int, int]:
    """Threads below a process, and the pages that they hold beyond what each began with."""
    usages = [_usage(pid) for pid in _descendants(root)]
    return sum(n for n, _ in usages), sum(max(0, pages - usual) for _, pages in usages)


def _descendants(root: int) -> set[int]:
    """The processes below another, where there is a /proc to find them in."""
    parents = {}
    for name in os.listdir("/proc") if os.path.isdir("/proc/self") else ():
        if name.isdigit() and (parent := _parent(int(name))):
            parents[int(name)] = parent
    found = {root}
    while new := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= new
    return found - {root}


def _parent(pid: int) -> int:
    """The parent of a process, 0 if it has died."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            state, parent, *_ = file.read().rpartition(b")")[2].split()
        return 0 if state == b"Z" else int(parent)
    except (OSError, ValueError):
        return 0


def _usage(pid: int) -> tuple[int, int]:
    """Threads and resident pages of a process."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        return int(fields[17]), int(fields[21])
    except (OSError, IndexError):
        return 0, 0


def _init(
    ends: Ends,
    walls: Walls,
    scratch: str,
    mouth: socket.socket,
    work: Callable[[int, int], None],
) -> NoReturn:
    """Start the guest, and report its wait status when it ends."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if walls.namespaces:
        _furnish()
    elif sys.platform == "linux":
        c_library().prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    os.chdir(scratch)
    os.environ.update(HOME=scratch, TMPDIR=scratch)
    tempfile.tempdir = scratch  # mkdtemp, above, has made it remember the system's
    guest = os.fork()
    if guest == 0:
        try:
            _enter(ends, walls, scratch, mouth)
            work(ends.requests, ends.reply)
        except BaseException as error:
            os.write(2, f"{type(error).__name__}: {error}\n".encode())
            os._exit(1)
        os._exit(0)
    for fd in (ends.requests, ends.reply, mouth.fileno()):
        os.close(fd)
    while True:  # until the keeper ends it: whoever the guest leaves behind becomes its child
        try:
            pid, status = os.wait()
        except ChildProcessError:
            signal.pause()
        if pid == guest:
            os.write(ends.fate, json.dumps({"status": status}).encode() + b"\n")


def _enter(ends: Ends, walls: Walls, scratch: str, mouth: socket.socket) -> None:
    """Give up everything that student code must not have; the last step before it runs."""
    for number in (signal.SIGINT, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(ends.output, 1)
    os.dup2(ends.output, 2)
    _close_all_but(0, 1, 2, ends.requests, ends.reply, mouth.fileno())
    limits = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: SCRATCH,
        resource.RLIMIT_NOFILE: MAX_FILES,
    }
    if sys.platform == "linux":  # macOS refuses to lower it
        limits[resource.RLIMIT_AS] = walls.memory + (1 << 30)
    if walls.namespaces:
        limits[resource.RLIMIT_NPROC] = 2 * walls.processes
    for limit, value in limits.items():
        hard = resource.getrlimit(limit)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(limit, (value, value))
    if sys.platform == "linux":
        os.setpgid(0, 0)  # what it does to its group is not done to the init
        _renounce(walls, scratch, mouth)
    mouth.close()
    gc.enable()


def _renounce(walls: Walls, scratch: str, mouth: socket.socket) -> None:
    """No new rights, no capabilities, no path and no system call that is not allowed."""
    libc = c_library()
    demand(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    demand(libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
    if walls.readable is not None:
        restrict_paths(walls.readable, walls.listable, scratch)
    if walls.seccomp:
        demand(libc.capset(struct.pack("=Ii", CAPABILITIES_V3, 0), bytes(24)))
        filter_calls(walls.seccomp, mouth)


def _leave_namespaces() -> None:
    """New namespaces of all kinds but mounts, with the same user; the next fork is process 1."""
    user, group = os.getuid(), os.getgid()
    demand(c_library().unshare(CLONE_USER))
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{user} {user} 1"),
        ("gid_map", f"{group} {group} 1"),
    ):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
            file.write(text)
    demand(c_library().unshare(CLONE_REST))


def _furnish() -> None:
    """Mounts of its own: an empty /tmp and /dev/shm of limited size, and next to nothing in /proc.

    Libraries that look there for shared ones, to set their threads, find an empty list.
    """
    demand(c_library().unshare(CLONE_MOUNTS))
    _mount(b"none", b"/", None, MS_PRIVATE)
    plain = MS_NOSUID | MS_NODEV
    _mount(b"tmpfs", b"/tmp", b"tmpfs", plain, b"size=%d,nr_inodes=8192,mode=0700" % SCRATCH)
    _mount(b"tmpfs", b"/dev/shm", b"tmpfs", plain, b"size=%d,nr_inodes=256,mode=0700" % SCRATCH)
    _mount(b"tmpfs", b"/proc", b"tmpfs", plain | MS_NOEXEC, b"size=4k,nr_inodes=3")
    os.mkdir("/proc/self")
    os.close(os.open("/proc/self/maps", os.O_CREAT | os.O_RDONLY, 0o444))
    _mount(b"none", b"/proc", None, plain | MS_NOEXEC | MS_RDONLY | MS_REMOUNT, None)


def _mount(
    source: bytes, target: bytes, kind: bytes | None, flags: int, options: bytes | None = None
) -> None:
    demand(c_library().mount(source, target, kind, ctypes.c_ulong(flags), options))


def _close_all_but(*kept: int) -> None:
    previous = 2
    for fd in sorted(fd for fd in kept if fd > 2):
        os.closerange(previous + 1, fd)
        previous = fd
    os.closerange(previous + 1, 1 << 16)
