"""Zip archives of submissions, as `mugrade submit` or a learning platform makes them.

They are untrusted data. Nothing is read but what is asked for, and no more of it than the limits
allow; no path in an archive is ever one outside of it. zipfile reads; what is by hand here are the
limits, for zipfile takes a table of contents and a member of any size into memory.
"""

import contextlib
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath, PurePosixPath

from mugrade.errors import Unreadable

MAX_ARCHIVE = 1 << 30  # bytes, and as many when it is unpacked
MAX_FILES = 10_000
MAX_DIRECTORY = 4 << 20  # bytes of its table of contents
MAX_NOTEBOOK = 32 << 20
MAX_INNER = 64 << 20  # of an archive in an archive
END, END_SIZE, LOCATOR64 = b"PK\5\6", 22, b"PK\6\7"
IS_UTF8 = 0x800
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
CHUNK = 1 << 16
BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, struct.error, NotImplementedError)
HIDDEN = (".", "__MACOSX")


class Exhausted(Unreadable):
    """More is packed than may be unpacked."""


@dataclass
class Budget:
    """How many bytes may still be unpacked, of `most`."""

    most: int = MAX_ARCHIVE
    left: int = field(init=False)

    def __post_init__(self) -> None:
        self.left = self.most

    def spend(self, count: int) -> None:
        """Raises Exhausted if that is not left."""
        self.left = max(0, self.left - count)
        if not self.left:
            raise Exhausted(f"it unpacks to more than {self.most >> 20} MB")


@dataclass(frozen=True)
class Member:
    """A file or folder in an open archive, and its path there."""

    archive: zipfile.ZipFile
    info: zipfile.ZipInfo
    path: PurePosixPath

    @property
    def is_outside(self) -> bool:
        """Whether its path is none in the archive."""
        return self.path.is_absolute() or ".." in self.path.parts

    def read(self, budget: Budget, most: int | None = None) -> bytes:
        """Its content, cut one byte after the most that it may be; raises Unreadable."""
        if most is None:
            most = MAX_INNER if self.path.suffix.lower() == ".zip" else MAX_NOTEBOOK
        most = min(budget.left, most)
        content = b"".join(self.chunks(most))[: most + 1]
        budget.spend(len(content))
        return content

    def chunks(self, most: int) -> Iterator[bytes]:
        """Its content, until that is more than `most`, whatever size it says; raises Unreadable."""
        if self.is_outside:
            raise Unreadable("its path leads out of the archive")
        if stat.S_ISLNK(self.info.external_attr >> 16):
            raise Unreadable("it is a link")
        if self.info.flag_bits & 1:
            raise Unreadable("it is encrypted")
        if self.info.compress_type not in METHODS:
            raise Unreadable("it is packed in another way than zip's usual ones")
        try:
            with self.archive.open(self.info) as file:
                while most >= 0 and (chunk := file.read(CHUNK)):
                    most -= len(chunk)
                    yield chunk
        except (*BROKEN, OSError, RuntimeError):
            raise Unreadable("it is damaged") from None


@contextlib.contextmanager
def opened_archive(path: Path) -> Iterator[list[Member]]:
    """What an archive holds that is not hidden, with its path there without `submitted/`.

    Raises Unreadable for one that is broken or larger than allowed.
    """
    with opened_whole(path) as members:
        yield list(_files(members))


@contextlib.contextmanager
def opened_whole(path: Path) -> Iterator[list[Member]]:
    """All that an archive holds; raises Unreadable for one that is broken or too large."""
    try:
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode):
            raise Unreadable("it is not a regular file")
        if status.st_size > MAX_ARCHIVE:
            raise Unreadable(f"it is larger than {MAX_ARCHIVE >> 20} MB")
        _demand_small_directory(path, status.st_size)
        with zipfile.ZipFile(path) as archive:
            if len(archive.infolist()) > MAX_FILES:
                raise Unreadable(f"it holds more than {MAX_FILES} files")
            yield [Member(archive, info, _path(info)) for info in archive.infolist()]
    except BROKEN:
        raise Unreadable("it is not a complete zip archive") from None
    except OSError as error:
        raise Unreadable(f"it cannot be read ({error.strerror})") from None


def _demand_small_directory(path: Path, size: int) -> None:
    """Look at the table of contents before zipfile reads it into memory, whatever its size."""
    with path.open("rb") as file:
        file.seek(max(0, size - (1 << 16) - END_SIZE))
        tail = file.read()
    if LOCATOR64 in tail:
        raise Unreadable("it is a zip64 archive")
    at = tail.find(END)
    while at >= 0 and len(tail) >= at + 16:
        if struct.unpack_from("<I", tail, at + 12)[0] > MAX_DIRECTORY:
            raise Unreadable(f"it holds more than {MAX_FILES} files")
        at = tail.find(END, at + 1)


def _path(info: zipfile.ZipInfo) -> PurePosixPath:
    """The path as text; macOS packs names in UTF-8 and does not say so."""
    name = info.filename
    if not info.flag_bits & IS_UTF8:
        with contextlib.suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    return PurePosixPath(name.replace("\\", "/"))


def _files(members: Iterable[Member]) -> Iterator[Member]:
    for member in members:
        path = member.path
        if path.parts[:1] == ("submitted",) and len(path.parts) > 1:
            path = path.relative_to("submitted")
        if path.name and not is_hidden(path):
            yield replace(member, path=path)


def is_archive(path: Path) -> bool:
    """Whether a file, or a link, is called like a zip archive."""
    return path.suffix.lower() == ".zip" and (path.is_symlink() or not os.path.isdir(path))


def is_hidden(path: PurePath) -> bool:
    """Whether a system or an editor put it there: checkpoints, resource forks."""
    return any(part.startswith(HIDDEN) and part != ".." for part in path.parts)
