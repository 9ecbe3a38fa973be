"""Inside the sandbox: who answers the system calls that the filter does not let through.

The filter asks a listener (seccomp_unotify(2), Linux 5.5). The guest sends that to its keeper and
lets go of it before student code runs. The keeper refuses each call and notes its number; but a new
process or thread may come while there are not too many, for no limit of the kernel binds root.
Where a kernel knows no listeners, or the keeper has ended, calls are refused all the same.
"""

import contextlib
import ctypes
import errno
import fcntl
import os
import platform
import re
import select
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, field

from mugrade.sandbox.kernel import CLONE_NEW, c_library, demand

SECCOMP = {"x86_64": 317, "aarch64": 277}  # the number of the system call
CLONE, FORKS = {"x86_64": 56, "aarch64": 220}, {"x86_64": (57, 58)}
SET_FILTER, NEW_LISTENER, PR_SET_SECCOMP = 1, 1 << 3, 22
RECEIVE, SEND = 0xC0502100, 0xC0182101  # ioctls
NOTICE = struct.Struct("=QIIiI8xQ40x")  # id, pid, flags; the call's number, first argument
ANSWER = struct.Struct("=QqiI")  # id, value, error, flags
GO_ON, SINCE = 1, (5, 5)  # a flag: the kernel does what was asked for; the first that knows it


@dataclass(frozen=True)
class CallFilter:
    """Two programs that filter system calls: one asks a listener, one is for where none can be."""

    asking: bytes
    refusing: bytes


def filter_calls(programs: CallFilter, mouth: socket.socket) -> None:
    """CallFilter this process's system calls, and send the listener; raises OSError."""
    asking, refusing = (
        ctypes.create_string_buffer(code, len(code))
        for code in (programs.asking, programs.refusing)
    )
    number = SECCOMP.get(platform.machine(), -1) if kernel_version() >= SINCE else -1
    listener = int(c_library().syscall(number, SET_FILTER, NEW_LISTENER, _fprog(asking)))
    if listener < 0:
        demand(c_library().prctl(PR_SET_SECCOMP, 2, _fprog(refusing), 0, 0))
        return
    with contextlib.suppress(OSError):
        socket.send_fds(mouth, [b"!"], [listener])
    os.close(listener)


def kernel_version(release: str = platform.release()) -> tuple[int, ...]:
    """The first two numbers of a kernel's release, whatever else it says; none if it has none."""
    found = re.match(r"(\d+)\.(\d+)", release)
    return tuple(map(int, found.groups())) if found else ()


def _fprog(program: "ctypes.Array[ctypes.c_char]") -> bytes:
    """How many instructions a program has, and where it lies: what the kernel takes."""
    return struct.pack("@HP", len(program) // 8, ctypes.addressof(program))


@dataclass
class Refusals:
    """The keeper's end: it answers what comes to its listeners; `calls` are the refused numbers.

    Processes and threads may be made while `is_room`.
    """

    ears: socket.socket
    poll: select.poll
    is_room: Callable[[], bool]
    calls: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.poll.register(self.ears, select.POLLIN)

    def attend(self, fd: int, event: int) -> None:
        """Deal with what `poll` reports of a descriptor."""
        if fd == self.ears.fileno():
            _, found, _, _ = socket.recv_fds(self.ears, 1, 1)
            self.poll.unregister(self.ears)
            for listener in found:
                self.poll.register(listener, select.POLLIN)
        elif event & select.POLLIN:
            self._answer(fd)
        else:
            self.poll.unregister(fd)  # nobody is left who could call

    def _answer(self, listener: int) -> None:
        notice = bytearray(NOTICE.size)
        with contextlib.suppress(OSError):  # the caller has died meanwhile
            fcntl.ioctl(listener, RECEIVE, notice)
            id, _, _, number, _, first = NOTICE.unpack(notice)
            answer = ANSWER.pack(id, 0, *self._decide(number, first))
            while True:
                try:
                    fcntl.ioctl(listener, SEND, answer)
                    break
                except InterruptedError:  # by the end of somebody else
                    continue

    def _decide(self, number: int, first: int) -> tuple[int, int]:
        """The error and the flags of the answer to a call with this first argument."""
        machine = platform.machine()
        is_clone = number == CLONE.get(machine) and not first & CLONE_NEW
        if is_clone or number in FORKS.get(machine, ()):
            return (0, GO_ON) if self.is_room() else (-errno.EAGAIN, 0)
        self.calls.add(number)
        return -errno.EPERM, 0
