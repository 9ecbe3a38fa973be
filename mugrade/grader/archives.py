"""Zip archives of submissions, as `mugrade submit` or a learning platform makes them.

They are untrusted data. Nothing is written but notebooks, as regular files below one folder, and no
more of them than the limits allow.
"""

import contextlib
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from mugrade.errors import Unreadable

MAX_ARCHIVE = 1 << 30  # bytes, and as many when it is unpacked
MAX_FILES = 10_000
MAX_DIRECTORY = 4 << 20  # bytes of its table of contents
MAX_NOTEBOOK = 32 << 20
DEEPEST = 4  # a student's folder, two more, and the notebook
END, END_SIZE, LOCATOR64 = b"PK\5\6", 22, b"PK\6\7"
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
CHUNK = 1 << 16
BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, struct.error, NotImplementedError)


@dataclass
class Unpacked:
    """The folder of students that was filled, and what of whom could not be unpacked.

    `origin`: file -> the archive it is from, None if two archives hold different ones.
    """

    folder: Path
    problems: dict[str, list[str]] = field(default_factory=dict)
    origin: dict[Path, Path | None] = field(default_factory=dict)

    def blame(self, student: str, text: str) -> None:
        self.problems.setdefault(student, []).append(text)


def find_archives(folder: Path) -> list[Path]:
    """The archive that `folder` is, or those that lie in it and in its students' folders."""
    if folder.is_file():
        return [folder] if folder.suffix.lower() == ".zip" else []
    try:
        found = [*folder.glob("*.[zZ][iI][pP]"), *folder.glob("*/*.[zZ][iI][pP]")]
    except OSError as error:
        raise Unreadable(f"{folder}: cannot be read ({error.strerror})") from None
    return sorted(path for path in found if not path.name.startswith("."))


def unpack_all(
    archives: Sequence[Path], root: Path, stages: Sequence[str], folder: Path
) -> Unpacked:
    """Unpack the notebooks of archives below `root` into `folder`/student/.

    A notebook is of the student whose folder it lies in, else of the one that the archive, or the
    folder of the archive, is called after. A bad archive is a problem of that student.
    """
    unpacked = Unpacked(folder)
    for path in archives:
        name = path.stem if path == root or path.parent == root else path.parent.name
        try:
            _unpack(path, name, stages, unpacked)
        except Unreadable as error:
            unpacked.blame(name, f"{path.name} ({error})")
    return unpacked


def _unpack(path: Path, name: str, stages: Sequence[str], unpacked: Unpacked) -> None:
    left = MAX_ARCHIVE
    with _opened(path) as archive:
        for entry, student, inside in _notebooks(archive, name, stages):
            target = unpacked.folder / student / inside
            try:
                content = _read(archive, entry, min(left, MAX_NOTEBOOK))
            except Unreadable as error:
                unpacked.blame(student, f"{inside.name} in {path.name} ({error})")
                continue
            left -= min(len(content), left)
            if not left:
                raise Unreadable(f"it unpacks to more than {MAX_ARCHIVE >> 20} MB")
            _write(path, target, content, student, unpacked)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """The archive; raises Unreadable for one that is broken or larger than allowed."""
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
            yield archive
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


def _notebooks(
    archive: zipfile.ZipFile, name: str, stages: Sequence[str]
) -> Iterator[tuple[zipfile.ZipInfo, str, PurePosixPath]]:
    """Each notebook, whose it is, and its path in the student's folder."""
    for entry in archive.infolist():
        path = PurePosixPath(entry.filename.replace("\\", "/"))
        parts = path.parts[1:] if path.parts[:1] == ("submitted",) else path.parts
        hidden = any(part.startswith((".", "__MACOSX")) for part in parts)
        if entry.is_dir() or path.suffix != ".ipynb" or hidden or path.is_absolute():
            continue
        bare = len(parts) == 1 or parts[0] in stages
        student, inside = (name, parts) if bare else (parts[0], parts[1:])
        if len(inside) < DEEPEST:
            yield entry, student, PurePosixPath(*inside)


def _read(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, most: int) -> bytes:
    """At most one byte more than `most`, whatever size the archive says; raises Unreadable."""
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise Unreadable("it is a link")
    if entry.flag_bits & 1:
        raise Unreadable("it is encrypted")
    if entry.compress_type not in METHODS:
        raise Unreadable("it is packed in another way than zip's usual ones")
    content = bytearray()
    try:
        with archive.open(entry) as file:
            while len(content) <= most and (chunk := file.read(CHUNK)):
                content += chunk
    except (*BROKEN, OSError, RuntimeError):
        raise Unreadable("it is damaged") from None
    return bytes(content[: most + 1])


def _write(path: Path, target: Path, content: bytes, student: str, unpacked: Unpacked) -> None:
    try:
        if target not in unpacked.origin:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
            unpacked.origin[target] = path
        elif (other := unpacked.origin[target]) and target.read_bytes() != content:
            target.unlink()
            unpacked.origin[target] = None
            text = f"{target.name} in {other.name} and another in {path.name}"
            unpacked.blame(student, text)
    except OSError as error:
        unpacked.blame(student, f"{target.name} in {path.name} ({error.strerror})")
