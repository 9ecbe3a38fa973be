"""What stands out in a class: named mistakes, checks that tell little, what fails together."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mugrade.grader.glance import figures
from mugrade.grader.glance.cohort import Cohort, Item, StageClass
from mugrade.values.verdict import Diagnosis
from mugrade.view.formula import readable

MOST = 10  # mistakes and pairs that are listed
POOR = 0.1  # discrimination
TOGETHER = 0.3  # phi
LEAST = 3  # students who fail both of a pair


@dataclass(frozen=True)
class Made:
    """A mistake that has a name: who made it in which exercise, of how many who were graded."""

    stage: StageClass
    exercise: str
    diagnosis: Diagnosis
    checks: Sequence[str]
    students: Sequence[str]

    @property
    def name(self) -> str:
        return readable(self.diagnosis.name)

    @property
    def why(self) -> str:
        return readable(self.diagnosis.why)

    @property
    def advice(self) -> str:
        return readable(self.diagnosis.advice)

    @property
    def count(self) -> int:
        return len(self.students)

    @property
    def of(self) -> int:
        return len(self.stage.graded)

    @property
    def topic(self) -> str:
        return self.stage.topic(self.exercise)


@dataclass(frozen=True)
class Measured:
    """An item with its figures; `passed` of `asked` students had all of its points."""

    stage: StageClass
    item: Item
    asked: int
    passed: int
    failed: int
    difficulty: float | None
    discrimination: float | None


@dataclass(frozen=True)
class Doubt:
    """A check to look at, why, and what to do."""

    measured: Measured
    why: str
    advice: str


@dataclass(frozen=True)
class FailedTogether:
    """Two items of different exercises that the same students fail."""

    first: tuple[StageClass, Item]
    second: tuple[StageClass, Item]
    count: int
    phi: float


def mistakes_of(stage: StageClass) -> list[Made]:
    """The named mistakes of a stage, the commonest first; a student counts once for each."""
    exercise = {item.check: item.exercise for item in stage.items}
    who: dict[tuple[str, str], dict[str, None]] = {}
    checks: dict[tuple[str, str], dict[str, None]] = {}
    told: dict[tuple[str, str], Counter[Diagnosis]] = {}
    for student, work in stage.graded.items():
        for check, diagnosis in work.mistakes.items():
            key = exercise[check], diagnosis.name
            who.setdefault(key, {})[student] = None
            checks.setdefault(key, {})[check] = None
            told.setdefault(key, Counter())[diagnosis] += 1
    found = [
        Made(stage, key[0], _commonest(told[key]), [*checks[key]], [*students])
        for key, students in who.items()
    ]
    return sorted(found, key=lambda made: (-made.count, made.exercise, made.diagnosis.name))


def _commonest(told: Counter[Diagnosis]) -> Diagnosis:
    return min(told, key=lambda d: (-told[d], d.why, d.advice))


def commonest(cohort: Cohort) -> list[Made]:
    """The commonest mistakes of all stages."""
    found = [made for stage in cohort.begun for made in mistakes_of(stage)]
    return sorted(found, key=lambda made: -made.count)[:MOST]


def measured(stage: StageClass) -> list[Measured]:
    """The items of a stage with their figures."""
    shares = stage.shares
    asked = ~np.isnan(shares)
    full = (shares >= 1 - figures.FLAT).sum(0)
    figured = zip(
        stage.items,
        asked.sum(0),
        full,
        figures.difficulty(shares),
        figures.discrimination(shares, stage.worth),
        strict=True,
    )
    return [Measured(stage, item, int(n), int(k), int(n - k), p, r) for item, n, k, p, r in figured]


def doubts(items: Sequence[Measured]) -> Iterator[Doubt]:
    """The checks to look at before points are given out, each with its reason."""
    for m in items:
        if m.asked > 1 and not m.passed:
            yield Doubt(m, "nobody passes", "read the task and this check side by side")
        elif m.discrimination is not None and m.discrimination < 0:
            why = "those who are better in the rest of the stage fail it more often"
            yield Doubt(m, why, "read what the best of those who fail it wrote")
        elif m.discrimination is not None and m.discrimination < POOR:
            why = "passing it has little to do with the rest of the stage"
            yield Doubt(m, why, "see whether chance or a detail of form decides it")


def easy(items: Sequence[Measured]) -> list[Measured]:
    """The checks that everybody passes."""
    return [m for m in items if m.asked > 1 and m.passed == m.asked]


def failed_together(cohort: Cohort) -> list[FailedTogether]:
    """Items of different exercises that the same students fail; first what concerns most."""
    stages = cohort.begun
    items = [(stage, item) for stage in stages for item in stage.items]
    rows = {student: i for i, student in enumerate(cohort.students)}
    failed = np.full((len(rows), len(items)), np.nan)
    start = 0
    for stage in stages:
        at = [rows[student] for student in stage.graded]
        shares = stage.shares
        wrong = np.where(np.isnan(shares), np.nan, shares < 1 - figures.FLAT)
        failed[at, start : start + len(stage.items)] = wrong
        start += len(stage.items)
    found = [
        FailedTogether(items[i], items[j], n, r)
        for i, j, n, r in figures.phi(failed, LEAST)
        if r >= TOGETHER and _exercise(items[i]) != _exercise(items[j])
    ]
    return sorted(found, key=lambda pair: -pair.count * pair.phi)[:MOST]


def _exercise(asked: tuple[StageClass, Item]) -> tuple[str, str]:
    stage, item = asked
    return stage.name, item.exercise
