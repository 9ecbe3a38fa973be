"""Who is in the class and in which section, for a report."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self

from mugrade.course.roster import Enrolled


@dataclass(frozen=True)
class Enrolment:
    """Student -> name, and student -> section; empty where none is told."""

    names: Mapping[str, str] = field(default_factory=dict)
    sections: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, students: Iterable[Enrolled]) -> Self:
        """That of the students of a roster."""
        known = list(students)
        return cls({s.folder: s.name for s in known}, {s.folder: s.section for s in known})
