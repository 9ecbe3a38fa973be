"""Inside the sandbox: the walls around one submission, built by the process that they enclose.

A fork of the nursery becomes the *keeper* of one submission, and forks the *guest*, which runs
student code. In namespaces of its own the keeper is process 1, which no signal from in there
reaches, and whose death takes everything with it; elsewhere it adopts what the guest leaves behind,
and hunts it down. The keeper kills the guest when the grader lets go of the leash, or when a limit
is passed on memory or processes, and reports how it ended.
"""

import contextlib
import ctypes
import gc
import json
import os
import platform
import resource
import select
import shutil
import signal
import socket
import struct
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from mugrade.sandbox.kernel import c_library, demand, die_with_parent, restrict_paths
from mugrade.sandbox.refusals import CLONE, CallFilter, Refusals, filter_calls

CLONE_USER, CLONE_MOUNTS = 0x10000000, 0x00020000
CLONE_REST = 0x2E000000  # control groups, host name, IPC, processes; no network is there anyway
MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_RDONLY, MS_REMOUNT, MS_PRIVATE = 2, 4, 8, 1, 32, 0x44000
PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 4, 36, 38
CAPABILITIES_V3 = 0x20080522
POLL = 50  # milliseconds between two looks at the memory
MAX_FILES = 256
SCRATCH = 64 << 20  # bytes that a submission may keep in files


@dataclass(frozen=True)
class Walls:
    """What encloses a submission, beside what encloses the nursery.

    `namespaces`: it has users, processes, mounts and IPC of its own. `seccomp`: what
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


def fork_keeper(walls: Walls) -> int:
    """Fork, if so walled into new namespaces but for mounts and network, with the same user.

    The C library's fork knows nothing of them, and takes another process in between. But it sees to
    locks that threads hold, which a library may have started.
    """
    if not walls.namespaces:
        return os.fork()
    ids = os.getuid(), os.getgid()
    call = CLONE.get(platform.machine())
    if call is None or len(os.listdir("/proc/self/task")) > 1:
        return _fork_twice(*ids)
    flags = CLONE_USER | CLONE_REST | signal.SIGCHLD
    pid = int(ctypes.PyDLL(None, use_errno=True).syscall(call, flags, None, None, None, None))
    demand(min(pid, 0))
    if pid == 0:
        with _or_end():
            _keep_user(*ids)
    return pid


def _fork_twice(user: int, group: int) -> int:
    """The fork that comes back as 0 is process 1; the one in between waits for it."""
    pid = os.fork()
    if pid == 0:
        with _or_end():
            demand(c_library().unshare(CLONE_USER))
            _keep_user(user, group)
            demand(c_library().unshare(CLONE_REST))
            if os.fork():
                _close_all_but()
                os.wait()
                os._exit(0)
    return pid


def _keep_user(user: int, group: int) -> None:
    """Be the same user in a new namespace of users."""
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{user} {user} 1"),
        ("gid_map", f"{group} {group} 1"),
    ):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
            file.write(text)


@contextlib.contextmanager
def _or_end() -> Iterator[None]:
    """End this process, and say why, where what is done raises."""
    try:
        yield
    except BaseException as error:
        os.write(2, f"{type(error).__name__}: {error}\n".encode())
        os._exit(1)


def be_keeper(ends: Ends, walls: Walls, work: Callable[[int, int], None]) -> NoReturn:
    """Be the keeper of one submission; `work` gets the descriptors of requests and reply."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    scratch = "/tmp" if walls.namespaces else tempfile.mkdtemp(prefix="mugrade-")
    if sys.platform == "linux":
        c_library().prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    news = _hear_of_deaths()
    ears, mouth = socket.socketpair()
    guest = os.fork()
    if guest == 0:
        _be_guest(ends, walls, scratch, mouth, work)
    _close_all_but(ends.leash, ends.fate, *news, ears.fileno())
    most = 2 * walls.processes
    refusals = Refusals(ears, select.poll(), lambda: _tree(0)[0] < most)
    brood = Brood(guest, news[0], ends.fate)
    with _or_end():
        try:
            cause: dict[str, Any] = _watch(brood, ends.leash, walls, refusals)
            if refusals.calls:
                cause["refused"] = sorted(refusals.calls)
            if cause:
                _say(ends.fate, cause)
        finally:  # whatever a submission did to its keeper
            _kill(brood)
            if not walls.namespaces:
                shutil.rmtree(scratch, ignore_errors=True)
    os._exit(0)


def _hear_of_deaths() -> tuple[int, int]:
    """A pipe into which a byte falls when a child ends."""
    news, wake = os.pipe()
    for end in (news, wake):
        os.set_blocking(end, False)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
    return news, wake


@dataclass
class Brood:
    """The guest, and whoever of its descendants became children of the keeper.

    `news`: where a byte arrives when one ends. `fate`: who wants to know how the guest ended.
    """

    guest: int
    news: int
    fate: int
    lives: bool = True

    def bury(self) -> None:
        """Wait for those that have ended."""
        os.read(self.news, 1 << 12)
        with contextlib.suppress(ChildProcessError):
            while (found := os.waitpid(-1, os.WNOHANG))[0]:
                if found[0] == self.guest:
                    self.lives = False
                    _say(self.fate, {"status": found[1]})
                    if os.getpid() != 1:
                        _kill_group(self.guest)  # before another process gets its number


def _kill_group(guest: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(guest, signal.SIGKILL)


def _say(fate: int, what: dict[str, Any]) -> None:
    with contextlib.suppress(BrokenPipeError):
        os.write(fate, json.dumps(what).encode() + b"\n")


def _watch(brood: Brood, leash: int, walls: Walls, refusals: Refusals) -> dict[str, Any]:
    """Wait for the end of the leash; returns which limit was passed, if any."""
    poll = refusals.poll
    poll.register(leash, 0)  # a hang-up is always reported
    poll.register(brood.news, select.POLLIN)
    usual = _usage(_own_number())[1]
    looked = time.monotonic()
    while True:
        for fd, event in poll.poll(POLL):
            if fd == leash:
                return {}
            if fd == brood.news:
                brood.bury()
            else:
                refusals.attend(fd, event)
        if time.monotonic() - looked < POLL / 1000:
            continue
        looked = time.monotonic()
        count, pages = _tree(usual)
        if count > walls.processes:
            return {"processes": count}
        if pages * resource.getpagesize() > walls.memory:
            return {"memory": pages * resource.getpagesize()}


def _kill(brood: Brood) -> None:
    """Kill everything below, and wait until it has ended."""
    if os.getpid() != 1:
        return _hunt(brood)
    with contextlib.suppress(ProcessLookupError):
        os.kill(-1, signal.SIGKILL)  # all but process 1 itself
    with contextlib.suppress(ChildProcessError):
        while True:
            os.wait()


def _hunt(brood: Brood) -> None:
    """Kill the descendants where nothing encloses them, the guest's group, and the guest."""
    quiet, rounds = 0, 0
    while quiet < 2 and rounds < 100:
        found = _descendants()
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        quiet, rounds = 0 if found else quiet + 1, rounds + 1  # a fork may hide from one look
    if brood.lives:
        _kill_group(brood.guest)
        os.kill(brood.guest, signal.SIGKILL)
        os.waitpid(brood.guest, 0)


def _tree(usual: int) -> tuple[int, int]:
    """Threads below this process, and the pages that they hold beyond what each began with."""
    usages = [_usage(pid) for pid in _descendants()]
    return sum(n for n, _ in usages), sum(max(0, pages - usual) for _, pages in usages)


def _descendants() -> set[int]:
    """The processes below this one, where there is a /proc to find them in."""
    parents = {}
    for name in os.listdir("/proc") if os.path.isdir("/proc/self") else ():
        if name.isdigit() and (parent := _parent(int(name))):
            parents[int(name)] = parent
    root = _own_number()
    found = {root}
    while new := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= new
    return found - {root}


def _own_number() -> int:
    """That of this process in /proc, which is that of the nursery."""
    try:
        return int(os.readlink("/proc/self"))
    except OSError:
        return os.getpid()


def _parent(pid: int) -> int:
    """The parent of a process, 0 if it has died, with all its threads."""
    try:
        state, parent, *rest = _stat(f"/proc/{pid}/stat")
        return 0 if state == b"Z" and int(rest[15]) <= 1 else int(parent)
    except (OSError, ValueError, IndexError):
        return 0


def _usage(pid: int) -> tuple[int, int]:
    """Threads and resident pages of a process, which its other threads show if the first ended."""
    try:
        fields = _stat(f"/proc/{pid}/stat")
        pages = [int(fields[21])]
        if fields[0] == b"Z":
            tasks = os.listdir(f"/proc/{pid}/task")
            pages += [int(_stat(f"/proc/{pid}/task/{task}/stat")[21]) for task in tasks]
        return int(fields[17]), max(pages)
    except (OSError, IndexError):
        return 0, 0


def _stat(path: str) -> list[bytes]:
    """What the kernel says of a process or thread after its name: state, parent and so on."""
    with open(path, "rb") as file:
        return file.read().rpartition(b")")[2].split()


def _be_guest(
    ends: Ends,
    walls: Walls,
    scratch: str,
    mouth: socket.socket,
    work: Callable[[int, int], None],
) -> NoReturn:
    """Go behind the walls, and work there."""
    with _or_end():
        _enter(ends, walls, scratch, mouth)
        work(ends.requests, ends.reply)
    os._exit(0)


def _enter(ends: Ends, walls: Walls, scratch: str, mouth: socket.socket) -> None:
    """Give up everything that student code must not have; the last step before it runs."""
    os.setsid()  # what it does to its group is not done to the keeper
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGINT, signal.SIGPIPE, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    if walls.namespaces:
        _furnish()
    os.chdir(scratch)
    os.environ.update(HOME=scratch, TMPDIR=scratch)
    tempfile.tempdir = scratch  # mkdtemp, above, has made it remember the system's
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
        _renounce(walls, scratch, mouth)
    mouth.close()
    gc.enable()


def _renounce(walls: Walls, scratch: str, mouth: socket.socket) -> None:
    """No new rights, no capabilities, no path and no system call that is not allowed."""
    libc = c_library()
    die_with_parent()
    demand(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    demand(libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
    if walls.readable is not None:
        restrict_paths(walls.readable, walls.listable, scratch)
    if walls.seccomp:
        demand(libc.capset(struct.pack("=Ii", CAPABILITIES_V3, 0), bytes(24)))
        filter_calls(walls.seccomp, mouth)


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
