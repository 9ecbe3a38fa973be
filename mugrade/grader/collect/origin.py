"""Where a file of a download comes from, as a platform says, and what all platforms share."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from mugrade.course.roster import Enrolled
from mugrade.grader.collect.entries import Entry

FILE_TIME = "file"
LONGEST_NAME = 300


@dataclass(frozen=True)
class Person:
    """A student as a platform has it.

    `ids` are the platform's for ever, `passing` is one for this download only, or for what is at
    one `place` in it.
    """

    name: str = ""
    ids: tuple[str, ...] = ()
    passing: str = ""
    place: str = ""

    @property
    def label(self) -> str:
        """What tells a student from others in this download."""
        return self._with(self.ids[:1] or (self.passing,))

    @property
    def lasting(self) -> str:
        """What a student is called in every download of the platform."""
        if self.ids and not self.ids[0].isdecimal():
            return self.ids[0]
        return self._with(self.ids[:1])

    def _with(self, ids: tuple[str, ...]) -> str:
        return "_".join(dict.fromkeys(filter(None, (self.name, *ids))))


@dataclass(frozen=True)
class Origin:
    """Who handed a file in, and when, if the platform says; `clock` is what says it.

    `order` tells attempts of one time apart, `is_late` is the platform's mark, `file` what the
    student called it, where that is not its name in the download. `depth`: which part of the path
    says all this; what lies below is the student's, and says nothing of whose it is.
    """

    people: tuple[Person, ...]
    handed_in: datetime | None = None
    clock: str = ""
    order: tuple[int, ...] = ()
    is_late: bool = False
    file: str = ""
    depth: int = 0


Claim = tuple[Entry, Origin]


class Platform:
    """How the downloads of one platform look: a part of each path matches `pattern`."""

    name = ""
    pattern = re.compile("")

    def claims(self, entries: Sequence[Entry], students: Sequence[Enrolled]) -> Iterator[Claim]:
        """The files of which the platform says whose they are."""
        for entry, found, at in self.matches(entries):
            origin = replace(self.origin(found, entry.since(at)), depth=at)
            is_its_name = at == len(entry.path.parts) - 1
            yield entry, origin if is_its_name else replace(origin, file="")

    def matches(self, entries: Sequence[Entry]) -> Iterator[tuple[Entry, re.Match[str], int]]:
        """The first part of each path that matches, and which it is."""
        for entry in entries:
            for at, part in enumerate(entry.path.parts if not entry.is_hidden else ()):
                if len(part) <= LONGEST_NAME and (found := self.pattern.fullmatch(part)):
                    yield entry, found, at
                    break

    def origin(self, found: re.Match[str], stamp: datetime | None) -> Origin:
        """What the part of a path says; `stamp` is when the file was written."""
        raise NotImplementedError

    def depth(self, entries: Sequence[Entry], students: Sequence[Enrolled]) -> int | None:
        """Which part of the paths looks like this platform's; None if too few of them do.

        At least half do, and half of what is there above. Of two platforms the one above counts: a
        student can imitate the other, but only below.
        """
        claims = [(e.path.parts, o.depth) for e, o in self.claims(entries, students)]
        if not claims:
            return None
        depth = min(at for _, at in claims)
        seen = [e.path.parts for e in entries if not e.is_hidden and not e.opened]
        for level in range(1, depth + 2):
            there = {parts[:level] for parts in seen if len(parts) >= level}
            claimed = {parts[:level] for parts, at in claims if at == depth}
            if len(there) > 2 * len(claimed):
                return None
        return depth


def by_file_time(who: Person, stamp: datetime | None, file: str = "") -> Origin:
    """What a student handed in when the file was written."""
    return Origin((who,), stamp, FILE_TIME if stamp else "", file=file)


def in_common(several: Iterable[Sequence[str]]) -> int:
    """With how many elements, or letters, all of them begin alike."""
    found = sorted(several, key=tuple)
    first, last = found[0], found[-1]
    differ = (i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b)
    return next(differ, min(len(first), len(last)))
