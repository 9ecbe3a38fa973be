"""What the kernel offers and the standard library does not: raw system calls, and Landlock."""

import contextlib
import ctypes
import os
import signal
import struct
import sys
from collections.abc import Sequence
from functools import cache

LANDLOCK_CREATE_RULESET, LANDLOCK_ADD_RULE, LANDLOCK_RESTRICT_SELF = 444, 445, 446
LANDLOCK_RIGHTS = (13, 14, 15, 15, 16)  # how many rights to files versions 1 to 5 know
LANDLOCK_SCOPE = 0b11  # version 6: abstract sockets and signals stay among its own processes
PR_SET_PDEATHSIG = 1
CLONE_NEW = 0x7E020080  # a flag of clone for any new namespace
LANDLOCK_READ_DIR = 1 << 3
LANDLOCK_READ = 1 << 0 | 1 << 2 | LANDLOCK_READ_DIR  # execute, read files, list folders


def landlock_version() -> int:
    """The version of Landlock that this kernel knows; less than 1 if it has none."""
    return int(c_library().syscall(LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), 1))


def restrict_paths(readable: Sequence[str], listable: Sequence[str], writable: str) -> None:
    """Let this process and its children open nothing but these paths, by Landlock (Linux 5.13)."""
    libc = c_library()
    version = landlock_version()
    if version < 1:
        raise OSError(ctypes.get_errno(), "this kernel has no Landlock")
    rights = (1 << LANDLOCK_RIGHTS[min(version, len(LANDLOCK_RIGHTS)) - 1]) - 1
    attributes = struct.pack("=3Q", rights, 0, LANDLOCK_SCOPE)
    size = len(attributes) if version >= 6 else 8
    ruleset = libc.syscall(LANDLOCK_CREATE_RULESET, attributes, ctypes.c_size_t(size), 0)
    demand(min(ruleset, 0))
    allowed = dict.fromkeys(readable, LANDLOCK_READ) | dict.fromkeys(listable, LANDLOCK_READ_DIR)
    for path, wanted in {**allowed, writable: rights}.items():
        with contextlib.suppress(FileNotFoundError):
            fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
            mask = rights if os.path.isdir(path) else ~LANDLOCK_READ_DIR
            rule = struct.pack("=Qi", wanted & mask, fd)
            demand(libc.syscall(LANDLOCK_ADD_RULE, ruleset, 1, rule, 0))
            os.close(fd)
    demand(libc.syscall(LANDLOCK_RESTRICT_SELF, ruleset, 0))
    os.close(ruleset)


def die_with_parent() -> None:
    """Be killed when the thread that started this process ends; elsewhere nothing does that."""
    if sys.platform == "linux":
        demand(c_library().prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0))


@cache
def c_library() -> ctypes.CDLL:
    """The C library of this process, whose `errno` ctypes keeps."""
    return ctypes.CDLL(None, use_errno=True)


def demand(result: int) -> None:
    """Raise OSError if a call to the C library failed."""
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
