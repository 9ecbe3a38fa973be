"""What every output can do."""

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from mugrade.course.model import Course
from mugrade.grader.policy import Standing
from mugrade.grader.store import Store

DATE = (1980, 1, 1, 0, 0, 0)  # in archives: the same content makes the same archive
LOOK_AT, LONGEST = 1000, 255
AT_ONCE = 100  # results, in one share of the work or one transaction


class Output:
    """Something that is written below `out` of what counts; `name` is what people call it.

    A file says which attempt it was written for, so what is up to date is not written again.
    Whether it `reads_checks` of results, or only what a table of the class says.
    """

    name, reads_checks = "", True

    def __init__(self, out: Path, course: Course, store: Store) -> None:
        self.out, self.course, self.store = out, course, store

    @property
    def path(self) -> Path:
        """Where it is."""
        raise NotImplementedError

    def shares(self, standings: Sequence[Standing]) -> Iterator[Sequence[Standing]]:
        """What of all that counts is to be written: shares that may be written side by side."""
        yield from batched([s for s in standings if not self.is_current(s)])

    def is_current(self, standing: Standing) -> bool:
        """Whether what is there says what counts."""
        raise NotImplementedError

    def write(self, standings: Iterable[Standing]) -> bool:
        """Write a share of results, with their checks if it reads them; raises OSError.

        Returns whether this output knew of them what nobody else did.
        """
        raise NotImplementedError

    def forget(self, student: str) -> Iterator[str]:
        """Delete a student; a line for all that was done."""
        yield from ()


def batched(standings: Iterable[Standing]) -> Iterator[Sequence[Standing]]:
    """Some of them at a time."""
    rest = iter(standings)
    while some := list(islice(rest, AT_ONCE)):
        yield some


def bears(path: str | Path, mark: str) -> bool:
    """Whether a file bears the mark near its end, so that it was also written to the end."""
    try:
        fd = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        return mark.encode() in os.pread(fd, LOOK_AT, max(0, os.fstat(fd).st_size - LOOK_AT))
    except OSError:  # a folder
        return False
    finally:
        os.close(fd)


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
