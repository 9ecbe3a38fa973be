"""Where a file of a download comes from, as a platform says, and what all platforms share."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from mugrade.course.roster import Enrolled
from mugrade.grader.collect.entries import Entry

FILE_TIME = "file"


@dataclass(frozen=True)
class Person:
    """A student as a platform has it.

    `ids` are the platform's for ever, `passing` is one for this download only.
    """

    name: str = ""
    ids: tuple[str, ...] = ()
    passing: str = ""

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
    student called it, where that is not its name in the download.
    """

    people: tuple[Person, ...]
    handed_in: datetime | None = None
    clock: str = ""
    order: tuple[int, ...] = ()
    is_late: bool = False
    file: str = ""


Claim = tuple[Entry, Origin]


class Platform:
    """How the downloads of one platform look: a part of each path matches `pattern`."""

    name = ""
    pattern = re.compile("")

    def claims(self, entries: Sequence[Entry], students: Sequence[Enrolled]) -> Iterator[Claim]:
        """The files of which the platform says whose they are."""
        for entry in entries:
            for at, part in enumerate(entry.path.parts if not entry.is_hidden else ()):
                if found := self.pattern.fullmatch(part):
                    origin = self.origin(found, entry.since(at))
                    is_its_name = at == len(entry.path.parts) - 1
                    yield entry, origin if is_its_name else replace(origin, file="")
                    break

    def origin(self, found: re.Match[str], stamp: datetime | None) -> Origin:
        """What the part of a path says; `stamp` is when the file was written."""
        raise NotImplementedError

    def recognises(self, entries: Sequence[Entry], students: Sequence[Enrolled]) -> bool:
        """Whether at least half of the files look like this platform's."""
        seen = sum(not entry.is_hidden and not entry.opened for entry in entries)
        claimed = {e.path for e, _ in self.claims(entries, students) if not e.opened}
        return 0 < seen <= 2 * len(claimed)


def by_file_time(who: Person, stamp: datetime | None, file: str = "") -> Origin:
    """What a student handed in when the file was written."""
    return Origin((who,), stamp, FILE_TIME if stamp else "", file=file)


def in_common(several: Iterable[Sequence[str]]) -> int:
    """With how many elements, or letters, all of them begin alike."""
    found = sorted(several, key=tuple)
    first, last = found[0], found[-1]
    differ = (i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b)
    return next(differ, min(len(first), len(last)))
