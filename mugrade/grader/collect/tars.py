"""Tar archives, packed or not: read once from front to end, within limits."""

import bz2
import gzip
import lzma
import tarfile
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import IO, Any

from mugrade.archives import CHUNK, MAX_ARCHIVE, MAX_FILES, Budget
from mugrade.errors import Unreadable

OPENERS: dict[str, Callable[[Path], Any]] = {
    **dict.fromkeys((".tar.gz", ".tgz"), gzip.open),
    **dict.fromkeys((".tar.bz2", ".tbz2"), bz2.open),
    **dict.fromkeys((".tar.xz", ".txz"), lzma.open),
    ".tar": lambda path: path.open("rb"),
}
BROKEN_TAR = (tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError)
MAX_HEADER = 1 << 16
IN_HEADERS = (
    *(tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE),
    *(tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK),
)
Unpacked = tuple[PurePosixPath, Path | None, datetime | None, str]


def is_tar(name: str) -> bool:
    """Whether a file is called like a tar archive that can be read."""
    return name.lower().endswith(tuple(OPENERS))


def archive_ending(name: str) -> str:
    """What an archive's name ends with; nothing for a file that is none."""
    return next((end for end in (".zip", *OPENERS) if name.lower().endswith(end)), "")


def unpacked(path: Path, place: Callable[[str], Path], budget: Budget) -> Iterator[Unpacked]:
    """Name, file with the content, time and problem of each member that is no folder.

    `place` says where a file may be written. Raises Unreadable for an archive that is broken or
    holds too much; what came before is there.
    """
    try:
        with (
            OPENERS[archive_ending(path.name)](path) as packed,
            _opened(_Counted(packed)) as archive,
        ):
            for number, info in enumerate(archive):
                if number >= MAX_FILES:
                    raise Unreadable(f"it holds more than {MAX_FILES} files")
                name = PurePosixPath(info.name.replace("\\", "/"))
                if info.isfile() and not info.issparse():
                    target = place(name.name)
                    yield name, target, _when(info), _copy(archive, info, target, budget)
                elif not info.isdir():
                    yield name, None, _when(info), "it is a link or another special file"
    except BROKEN_TAR:
        raise Unreadable("it is not a complete tar archive") from None


class _Info(tarfile.TarInfo):
    """A header whose own length is bounded: tarfile takes it into memory."""

    @classmethod
    def frombuf(cls, buf: Any, encoding: Any, errors: Any) -> Any:
        found = super().frombuf(buf, encoding, errors)
        if found.type in IN_HEADERS and found.size > MAX_HEADER:
            raise tarfile.ReadError("header too long")
        return found


class _Counted:
    """A stream that ends with Unreadable after as much as one archive may unpack to."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.budget = file, Budget(MAX_ARCHIVE)

    def read(self, size: int) -> bytes:
        content = self.file.read(size)
        self.budget.spend(len(content))
        return content


def _opened(stream: Any) -> tarfile.TarFile:
    return tarfile.open(fileobj=stream, mode="r|", tarinfo=_Info)


def _copy(archive: tarfile.TarFile, info: tarfile.TarInfo, target: Path, budget: Budget) -> str:
    """Write a member to a file; returns why that cannot be."""
    source = archive.extractfile(info)
    if source is None:
        return "it is damaged"
    with source, target.open("wb") as file:
        while chunk := source.read(CHUNK):
            budget.spend(len(chunk))
            file.write(chunk)
    return ""


def _when(info: tarfile.TarInfo) -> datetime | None:
    try:
        return datetime.fromtimestamp(info.mtime, UTC) if info.mtime else None
    except (ValueError, OverflowError, OSError):
        return None
