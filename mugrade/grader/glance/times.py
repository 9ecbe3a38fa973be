"""When students hand in, held against the points that they get."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mugrade.grader.glance import figures
from mugrade.grader.glance.cohort import StageClass

HOUR = 3600
LEADS = (-168, -72, -24, -3, 0)  # hours; what comes before the deadline is negative
BEFORE = (
    *("more than a week before", "3 to 7 days before", "1 to 3 days before"),
    *("3 to 24 hours before", "the last 3 hours", "after the deadline"),
)
QUARTERS = ("the first quarter", "the second quarter", "the third quarter", "the last quarter")


@dataclass(frozen=True)
class Span:
    """A span of hand-in times; how many shares of points fell into it, and their quartiles."""

    name: str
    count: int
    quartiles: tuple[float, float, float] | None


@dataclass(frozen=True)
class Timing:
    """Spans of hand-in times over some stages, and Spearman's rho of time and points of each."""

    spans: Sequence[Span]
    rho: Sequence[tuple[StageClass, float | None]]
    to_deadline: bool


def timing(stages: Sequence[StageClass]) -> Timing:
    """Hand-in times against the deadlines, where there are some, else in the class's order."""
    with_deadline = [stage for stage in stages if stage.deadline]
    used = with_deadline or stages
    names = BEFORE if with_deadline else QUARTERS
    places, shares, rho = [np.zeros(0, dtype=int)], [np.zeros(0)], []
    for stage in used:
        seconds, share = _times(stage)
        if with_deadline:
            places.append(np.digitize(seconds / HOUR, LEADS, right=True))
        elif np.unique(seconds).size > 1:
            places.append(figures.quarters(seconds))
        else:
            continue
        shares.append(share)
        rho.append((stage, figures.rank_correlation(seconds, share)))
    place, share = np.concatenate(places), np.concatenate(shares)
    spans = [
        Span(name, int((place == i).sum()), figures.quartiles(share[place == i]))
        for i, name in enumerate(names)
    ]
    return Timing(spans, rho, bool(with_deadline))


def _times(stage: StageClass) -> tuple[np.ndarray, np.ndarray]:
    """Seconds after the deadline, or after some moment, and shares of points."""
    known = [
        (work.handed_in.timestamp(), work.share)
        for work in stage.graded.values()
        if work.handed_in and work.share is not None
    ]
    end = stage.deadline.timestamp() if stage.deadline else 0.0
    table = np.array(known, dtype=np.float64).reshape(-1, 2)
    return table[:, 0] - end, table[:, 1]
