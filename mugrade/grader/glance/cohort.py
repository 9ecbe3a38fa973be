"""A class as plain data: what came of every student at every stage, check by check."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property

import numpy as np

from mugrade.grader.glance.words import quoted
from mugrade.grader.results import Status
from mugrade.values.verdict import Diagnosis

ABSENT = Status.MISSING


@dataclass(frozen=True)
class Item:
    """A check as a question that the class was asked, with the points it is worth."""

    check: str
    exercise: str
    points: int


@dataclass(frozen=True)
class StageWork:
    """What a student handed in for a stage, and what came of it.

    `share` is the grade as a share of the stage's points, None where nothing counts or nothing is
    to be had. `shares` are those of the checks, by the code alone: no extra credit, no penalty.
    `mistakes`: check -> the mistake that was named.
    """

    status: Status
    share: float | None = None
    handed_in: datetime | None = None
    shares: Mapping[str, float] = field(default_factory=dict)
    mistakes: Mapping[str, Diagnosis] = field(default_factory=dict)

    @property
    def is_graded(self) -> bool:
        return self.status == Status.GRADED


@dataclass(frozen=True)
class StageClass:
    """What a class has made of a stage; who is not in `works` has handed in nothing.

    `topics`: exercise -> the heading that it stands under.
    """

    name: str
    title: str
    items: Sequence[Item]
    works: Mapping[str, StageWork]
    deadline: datetime | None = None
    topics: Mapping[str, str] = field(default_factory=dict)

    @property
    def number(self) -> str:
        return self.name.partition("_")[0]

    @cached_property
    def graded(self) -> dict[str, StageWork]:
        return {who: work for who, work in self.works.items() if work.is_graded}

    @cached_property
    def grades(self) -> np.ndarray:
        """The shares of points of those who are graded, and have points to get."""
        found = [work.share for work in self.graded.values() if work.share is not None]
        return np.array(found, dtype=np.float64)

    @cached_property
    def shares(self) -> np.ndarray:
        """(students who are graded, items): shares of points, NaN where one was not asked."""
        rows = [
            [work.shares.get(item.check, np.nan) for item in self.items]
            for work in self.graded.values()
        ]
        return np.array(rows, dtype=np.float64).reshape(len(self.graded), len(self.items))

    @cached_property
    def worth(self) -> np.ndarray:
        """The points of the items."""
        return np.array([item.points for item in self.items], dtype=np.float64)

    def count(self, status: Status) -> int:
        return sum(work.status == status for work in self.works.values())

    def topic(self, exercise: str) -> str:
        """Where the lecture speaks of an exercise: a heading, and the stage that it stands in."""
        heading = self.topics.get(exercise, "")
        return f"{quoted(heading)} in {self.title}" if heading else self.title


@dataclass(frozen=True)
class Cohort:
    """The students of a class, or of a section of it, and the stages in the course's order."""

    students: Sequence[str]
    stages: Sequence[StageClass]
    sections: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def section_names(self) -> list[str]:
        """The sections that students of this class are in."""
        return sorted({self.sections.get(student, "") for student in self.students} - {""})

    def section(self, name: str) -> "Cohort":
        """The class without those who are not in a section."""
        there = [student for student in self.students if self.sections.get(student) == name]
        return replace(self, students=there, stages=_restricted(self.stages, set(there)))

    def absent(self, stage: StageClass) -> int:
        """How many have handed in nothing."""
        there = sum(work.status != ABSENT for work in stage.works.values())
        return len(self.students) - there

    @cached_property
    def begun(self) -> list[StageClass]:
        """The stages that somebody was graded for."""
        return [stage for stage in self.stages if stage.graded]

    @cached_property
    def latest(self) -> StageClass | None:
        """The last stage that at least a third as many were graded for as for any."""
        most = max((len(stage.graded) for stage in self.begun), default=0)
        return next((s for s in reversed(self.begun) if 3 * len(s.graded) >= most), None)


def _restricted(stages: Sequence[StageClass], students: Collection[str]) -> list[StageClass]:
    return [
        replace(stage, works={who: w for who, w in stage.works.items() if who in students})
        for stage in stages
    ]
