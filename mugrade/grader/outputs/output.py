"""What every output can do."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from mugrade.course.model import Course
from mugrade.grader.policy import Standing
from mugrade.grader.store import Store

LOOK_AT, LONGEST = 1000, 255


class Output:
    """Something that is written below `out` of what counts; `name` is what people call it.

    A file says which attempt it was written for, so what is up to date is not written again. One
    that is `divisible` has a file for each result, so that several processes can write it.
    """

    name = ""
    title = ""
    divisible = False

    def __init__(self, out: Path, course: Course, store: Store) -> None:
        self.out, self.course, self.store = out, course, store

    @property
    def path(self) -> Path:
        """Where it is."""
        raise NotImplementedError

    def prepare(self) -> None:
        """Before a look at what is current."""

    def is_current(self, standing: Standing) -> bool:
        """Whether what is there says what counts."""
        return True

    def write(self, standings: Sequence[Standing]) -> bool:
        """Write some of what counts; whether this output knew of it what nobody else did."""
        return False

    def complete(self, standings: Sequence[Standing]) -> None:
        """Write what says something of all of them; raises OSError."""

    def forget(self, student: str) -> Iterator[str]:
        """Delete a student; a line for all that was done."""
        yield from ()

    def close(self) -> None:
        """Let go of what is open."""


def holds(path: Path, mark: str) -> bool:
    """Whether a file bears the mark near its end, so that it was also written to the end."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - LOOK_AT))
            return mark.encode() in file.read()
    except OSError:
        return False


def folder_of(student: str) -> str:
    """The student's name, shortened where no folder can be called that."""
    if len(student.encode()) <= LONGEST:
        return student
    return f"{student[:50]}-{hashlib.sha256(student.encode()).hexdigest()[:16]}"


def own_folder(parent: Path, student: str) -> Path | None:
    """The student's folder, if there is one that mugrade would write."""
    name = folder_of(student)
    written = name not in ("", "..") and name == Path(name).name
    return parent / name if written and (parent / name).is_dir() else None
