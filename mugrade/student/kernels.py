"""Which kernels are at work on a course: each leaves a note, and holds its lock while it lives."""

import atexit
import contextlib
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from mugrade.course.manifest import dump
from mugrade.errors import WorkspaceError
from mugrade.student.workspace import Workspace


@dataclass(frozen=True)
class Kernel:
    """A running kernel: its notebook, its interpreter, and when it began (seconds since 1970)."""

    pid: int
    notebook: str
    executable: str
    started: float


def leave_note(workspace: Workspace) -> None:
    """Let `running` know of this kernel; a folder that cannot be written has other troubles."""
    notebook = Path(os.environ.get("JPY_SESSION_NAME", "")).name
    kernel = Kernel(os.getpid(), notebook, sys.executable, time.time())
    path = _folder(workspace) / f"{kernel.pid}.json"
    with contextlib.suppress(WorkspaceError, OSError, Timeout, NotImplementedError):
        workspace.write(path, dump(asdict(kernel)))
        lock = FileLock(path.with_suffix(".lock"), timeout=0)
        lock.acquire()
        atexit.register(_remove, path, lock)


def running(workspace: Workspace) -> Iterator[Kernel]:
    """The kernels whose lock is held; the notes of others are removed."""
    from mugrade import codec

    for path in sorted(_folder(workspace).glob("*.json")):
        lock = FileLock(path.with_suffix(".lock"), timeout=0)
        try:
            lock.acquire()
        except (Timeout, OSError):
            with contextlib.suppress(OSError, ValueError):
                yield codec.read(path.read_bytes(), Kernel)
            continue
        _remove(path, lock)


def _remove(path: Path, lock: FileLock) -> None:
    with contextlib.suppress(OSError):
        lock.release()
        path.unlink(missing_ok=True)
        path.with_suffix(".lock").unlink(missing_ok=True)


def _folder(workspace: Workspace) -> Path:
    return workspace.state / "kernels"
