"""Students who fall behind: by what they miss, and by how they stand to the class's median."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from mugrade.grader.glance.cohort import Cohort, StageClass

RECENT = 2  # stages, of those that are due
HALF = 0.5  # of the class: so many have been graded, and a stage without a deadline is due
LOW = 0.5  # of the points
GAP = 0.25  # of the points, below the class's median
FALL = 0.3  # of the points, against the class


@dataclass(frozen=True)
class Behind:
    """A student, why, the shares of points in the stages that are due, and where that leads."""

    student: str
    why: str
    shares: Sequence[float | None]
    standing: float


def due(cohort: Cohort, now: datetime) -> list[StageClass]:
    """The stages whose deadline is over; of those that have none, what half of the class has."""
    return [
        stage
        for stage in cohort.begun
        if (
            stage.deadline < now
            if stage.deadline
            else len(stage.graded) >= HALF * len(cohort.students)
        )
    ]


def falling_behind(cohort: Cohort, now: datetime) -> list[Behind]:
    """Who falls behind, the farthest first.

    With d_s a student's share of points at stage s less the class's median, and nothing handed in
    as 0: nothing is graded of the last two stages that are due; or less than half of their points
    is had, and the mean of d over them is below -0.25; or it lies 0.3 below that over those before.
    """
    stages = due(cohort, now)
    if len(stages) < RECENT:
        return []
    medians = np.array([np.median(s.grades) if len(s.grades) else 0.0 for s in stages])
    found = (_behind(student, stages, medians) for student in cohort.students)
    return sorted((b for b in found if b), key=lambda b: (b.standing, b.student))


def _behind(student: str, stages: Sequence[StageClass], medians: np.ndarray) -> Behind | None:
    works = (stage.graded.get(student) for stage in stages)
    shares = [work.share if work else None for work in works]
    had = np.array([share or 0.0 for share in shares])
    distance = had - medians
    recent, before = distance[-RECENT:].mean(), distance[:-RECENT]
    change = recent - before.mean() if len(before) else 0.0
    why = "; ".join(_reasons(shares[-RECENT:], had, recent, change, stages[-RECENT:]))
    return Behind(student, why, shares, float(recent)) if why else None


def _reasons(
    shares: Sequence[float | None],
    had: np.ndarray,
    recent: float,
    change: float,
    stages: Sequence[StageClass],
) -> Iterator[str]:
    where = " and ".join(stage.number for stage in stages)
    mean = had[-RECENT:].mean()
    if all(share is None for share in shares):
        yield f"nothing graded of {where}"
    elif mean < LOW and recent < -GAP:
        yield f"{mean:.0%} of the points of {where}"
    if change <= -FALL:
        yield f"{had[:-RECENT].mean():.0%} before that"
