"""Where a release is written: a folder, an archive, a branch, nbgrader's tree of assignments."""

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mugrade import files
from mugrade.author.handout import Handout, data_files
from mugrade.course.manifest import MANIFEST
from mugrade.course.model import Course
from mugrade.errors import CourseError

EARLIEST = (1980, 1, 1, 0, 0, 0)  # the time of every file in an archive: the same bytes every time
STATE = ".mugrade"


class Destination(Protocol):
    """Where a release is written; its `str` is what messages call it.

    Both methods raise OSError or, with one sentence, CourseError.
    """

    def read(self, name: str) -> bytes | None:
        """A file of the release that is there, None if there is none."""

    def write(self, course: Course, found: Handout) -> None:
        """Write the files of a course; what is there and not of the course stays."""


@dataclass(frozen=True)
class Folder:
    """A folder of its own, that students copy or a server hands out."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    def read(self, name: str) -> bytes | None:
        self._demand_room()
        return self._content(name)

    def _demand_room(self) -> None:
        """Raise CourseError for a folder of something else."""
        if (self.path / STATE).exists():
            raise CourseError(f"{self} is a student's folder: name another one")
        if (self.path.parent / "solutions").is_dir() and self.path.name == "notebooks":
            raise CourseError(f"{self} holds what mugrade build writes: name another folder")
        if self.path.exists() and not self.path.is_dir():
            raise CourseError(f"{self} is a file: name a folder, or an archive that ends in .zip")
        if self.path.is_dir() and any(self.path.iterdir()) and not (self.path / MANIFEST).exists():
            raise CourseError(f"{self} holds other things: name an empty folder, or a new one")

    def write(self, course: Course, found: Handout) -> None:
        """What a student reads first is written last, so that it never names what is missing."""
        for path in sorted(found, key=lambda path: (path == MANIFEST, path.endswith(".ipynb"))):
            if self._content(path) != found[path]:
                files.write(self.path / path, found[path])
        for old in self.path.glob("[0-9][0-9]_*.ipynb"):
            if old.name not in found:
                files.remove(old)

    def _content(self, name: str) -> bytes | None:
        path = self.path / name
        return path.read_bytes() if path.exists() else None


@dataclass(frozen=True)
class Archive:
    """A zip with one folder in it, called like the archive."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    def read(self, name: str) -> bytes | None:
        if not self.path.exists():
            return None
        try:
            with zipfile.ZipFile(self.path) as archive:
                if self._inside(MANIFEST) not in archive.namelist():
                    raise CourseError(f"{self} holds no release: name another archive")
                inside = self._inside(name)
                return archive.read(inside) if inside in archive.namelist() else None
        except zipfile.BadZipFile:
            raise CourseError(f"{self} is no archive: name another one") from None

    def write(self, course: Course, found: Handout) -> None:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(found):
                entry = zipfile.ZipInfo(self._inside(path), EARLIEST)
                entry.external_attr = 0o644 << 16
                archive.writestr(entry, found[path], zipfile.ZIP_DEFLATED)
        files.write(self.path, buffer.getvalue())

    def _inside(self, name: str) -> str:
        return f"{self.path.stem}/{name}"


@dataclass(frozen=True)
class Assignments:
    """nbgrader's release tree: a folder per stage, with all that its notebook needs beside it."""

    root: Path

    def __str__(self) -> str:
        return str(self.root / "release")

    def read(self, name: str) -> bytes | None:
        found = sorted((self.root / "release").glob(f"[0-9][0-9]_*/{name}"))
        return found[-1].read_bytes() if found else None

    def write(self, course: Course, found: Handout) -> None:
        data = {path for stage in course.stages for path in data_files(course, stage)}
        shared = [path for path in found if not path.endswith(".ipynb") and path not in data]
        for stage in course.stages:
            wanted = [f"{stage.name}.ipynb", *data_files(course, stage), *shared]
            for path in wanted:
                files.write(self.root / "release" / stage.name / path, found[path])
