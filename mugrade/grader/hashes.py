"""What files hold, in a number that is not worked out again while they stay as they are."""

import contextlib
import hashlib
import json
import os
import time
import zlib
from pathlib import Path
from typing import Any

from mugrade import files
from mugrade.package.ipynb import read_bytes, status_of

HASHES = ".hashes.json"
SETTLED = 2_000_000_000  # nanoseconds after which a clock has moved on since a file was written


class KnownHashes:
    """The SHA-256 of files, of which `path` keeps those that were asked for.

    A file is taken for the one that was read before if it lies at the same place, is the same inode
    and has the same size and times of change, which no program can set: what git does with its
    index. One that had just been changed when it was read is read again.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.known = _kept(path)
        self.asked: dict[str, list[int | str]] = {}

    def of(self, path: Path) -> str:
        """The hash of a notebook's file; raises Unreadable."""
        now = time.time_ns()
        status = status_of(path)
        inode = f"{status.st_dev}:{status.st_ino}"
        place = zlib.crc32(os.fsencode(path))  # without a student's name
        stamp = [place, status.st_size, status.st_mtime_ns, status.st_ctime_ns]
        match self.known.get(inode):
            case [*seen, str(found)] if seen == stamp:
                self.asked[inode] = [*stamp, found]
                return found
        found = sha256_of(path)
        if status.st_ctime_ns < now - SETTLED:
            self.asked[inode] = [*stamp, found]
        return found

    def keep(self) -> None:
        """Keep what was asked for; where that cannot be written, files are read again."""
        if self.asked != self.known:
            with contextlib.suppress(OSError):
                files.write(self.path, json.dumps(self.asked).encode(), private=True)


def sha256_of(path: Path) -> str:
    """The hash of a notebook's file; raises Unreadable."""
    return hashlib.sha256(read_bytes(path)).hexdigest()


def _kept(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
