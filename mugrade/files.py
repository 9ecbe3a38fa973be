"""Files that are there whole or not at all, also where another program has them open."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8)  # seconds in which a virus scanner or a backup lets go


class InUse(PermissionError):
    """A file that can be neither replaced nor removed: on Windows one that is open elsewhere."""

    def __str__(self) -> str:
        return (
            f"{self.filename} cannot be replaced: another program may have it open; "
            "close it there and try again"
        )


def write(path: Path, content: bytes, private: bool = False) -> None:
    """Write a file, in folders that are made for it, `private` ones for the user alone.

    Raises OSError, or InUse, which is one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        scratch.touch(0o600 if private else 0o666)
        scratch.write_bytes(content)
        replace(scratch, path)
    except BaseException:
        with contextlib.suppress(OSError):
            scratch.unlink(missing_ok=True)
        raise


def replace(source: Path, target: Path) -> None:
    """Give a file another's name and place; raises OSError."""
    _patiently(lambda: os.replace(source, target), target)


def remove(path: Path) -> None:
    """Remove a file, if it is there; raises OSError."""
    _patiently(lambda: path.unlink(missing_ok=True), path)


def with_parents(folder: Path) -> Iterator[Path]:
    """A folder and those above it, up to the first that belongs to somebody else."""
    here = folder.resolve()
    for above in (here, *here.parents):
        if not same_owner(here, above):
            return
        yield above


def same_owner(one: Path, other: Path) -> bool:
    """Whether two files or folders belong to the same user; Windows does not tell."""
    try:
        return one.stat().st_uid == other.stat().st_uid
    except OSError:
        return False


def _patiently(action: Callable[[], None], path: Path) -> None:
    for pause in (*PAUSES, 0.0):
        try:
            return action()
        except PermissionError as error:
            held = error
            time.sleep(pause)
    raise InUse(held.errno, held.strerror, str(path)) from None
