"""Inside the sandbox: who answers the system calls that the filter does not let through.

The filter asks a listener (seccomp_unotify(2), Linux 5.0). The guest sends that to its keeper and
lets go of it before student code runs; the keeper refuses each call and notes its number. Where a
kernel knows no listeners, or the keeper has ended, calls are refused all the same.
"""

import contextlib
import ctypes
import errno
import fcntl
import os
import platform
import select
import socket
import struct
from dataclasses import dataclass, field

from mugrade.sandbox.kernel import c_library, demand

SECCOMP = {"x86_64": 317, "aarch64": 277}  # the number of the system call
SET_FILTER, NEW_LISTENER, PR_SET_SECCOMP = 1, 1 << 3, 22
NOTIFY, REFUSE = 0x7FC00000, 0x00050000 | errno.EPERM  # what a filter returns
RETURN = 0x06  # the instruction of BPF
RECEIVE, SEND = 0xC0502100, 0xC0182101  # ioctls
NOTICE = struct.Struct("=QIIiI56x")  # id, pid, flags; the call's number, its architecture
ANSWER = struct.Struct("=QqiI")  # id, value, error, flags


def filter_calls(program: bytes, mouth: socket.socket) -> None:
    """Filter this process's system calls, and send the listener; raises OSError."""
    asking, refusing = (
        ctypes.create_string_buffer(code, len(code)) for code in (program, quiet(program))
    )
    number = SECCOMP.get(platform.machine(), -1)
    listener = int(c_library().syscall(number, SET_FILTER, NEW_LISTENER, _fprog(asking)))
    if listener < 0:
        demand(c_library().prctl(PR_SET_SECCOMP, 2, _fprog(refusing), 0, 0))
        return
    with contextlib.suppress(OSError):
        socket.send_fds(mouth, [b"!"], [listener])
    os.close(listener)


def _fprog(program: "ctypes.Array[ctypes.c_char]") -> bytes:
    """How many instructions a program has, and where it lies: what the kernel takes."""
    return struct.pack("@HP", len(program) // 8, ctypes.addressof(program))


def quiet(program: bytes) -> bytes:
    """The program that refuses where another one asks a listener."""
    return b"".join(
        struct.pack("=HBBI", code, yes, no, REFUSE if (code, k) == (RETURN, NOTIFY) else k)
        for code, yes, no, k in struct.iter_unpack("=HBBI", program)
    )


@dataclass
class Refusals:
    """The keeper's end: it refuses what comes to its listeners; `calls` are the numbers."""

    ears: socket.socket
    poll: select.poll
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
            self._refuse(fd)
        else:
            self.poll.unregister(fd)  # nobody is left who could call

    def _refuse(self, listener: int) -> None:
        notice = bytearray(NOTICE.size)
        with contextlib.suppress(OSError):  # the caller has died meanwhile
            fcntl.ioctl(listener, RECEIVE, notice)
            id, _, _, number, _ = NOTICE.unpack(notice)
            self.calls.add(number)
            fcntl.ioctl(listener, SEND, ANSWER.pack(id, 0, -errno.EPERM, 0))
