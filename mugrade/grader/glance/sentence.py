"""What to say on Monday: the one thing that helps most of the class, in a sentence."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mugrade.grader.glance.behind import Behind
from mugrade.grader.glance.cohort import Cohort, StageClass
from mugrade.grader.glance.findings import Doubt, Measured, measured, mistakes_of
from mugrade.grader.glance.words import quoted, sentence

MANY = 0.2  # of a class, and never only one
HARD = 0.5  # of those who were asked fail it


@dataclass(frozen=True)
class Monday:
    """What to say first, and what else to do before the lesson."""

    first: str
    then: Sequence[str] = ()


def monday(cohort: Cohort, behind: Sequence[Behind], doubts: Sequence[Doubt]) -> Monday:
    """The commonest mistake of the latest stage, else its hardest check, else that all is well."""
    stage = cohort.latest
    if stage is None:
        return Monday("Nobody has been graded yet: there is nothing to say of the class.")
    return Monday(_first(stage), [*_then(cohort, stage, behind, doubts)])


def _first(stage: StageClass) -> str:
    n = len(stage.graded)
    common = next(iter(mistakes_of(stage)), None)
    if common and common.count >= max(min(2, n), MANY * n):
        what = f"{common.count} of {n} made the mistake {quoted(common.name)}"
        return f"Repeat {common.topic}: {what}. What helps: {sentence(common.advice)}"
    hardest = max(measured(stage), key=_fails, default=None)
    if hardest and hardest.failed >= min(2, n) and _fails(hardest) >= HARD:
        topic = stage.topic(hardest.item.exercise)
        counts = f"{hardest.failed} of {hardest.asked}"
        return f"Repeat {topic}: {counts} do not have all points for {hardest.item.check}."
    if not len(stage.grades):
        return f"{_graded(n)} for {stage.title}, which gives no points."
    median = f"the median is {np.median(stage.grades):.0%} of the points"
    return f"Nothing needs to be said to all: {_graded(n)} for {stage.title}, and {median}."


def _fails(m: Measured) -> float:
    return m.failed / m.asked if m.asked else 0.0


def _graded(n: int) -> str:
    return f"{n} {'is' if n == 1 else 'are'} graded"


def _then(
    cohort: Cohort, stage: StageClass, behind: Sequence[Behind], doubts: Sequence[Doubt]
) -> Iterator[str]:
    here = [doubt for doubt in doubts if doubt.measured.stage is stage]
    if here:
        names = ", ".join(doubt.measured.item.check for doubt in here[:3])
        more = f" and {len(here) - 3} more" if len(here) > 3 else ""
        yield f"Before you give out points, look at {names}{more}."
    if behind:
        who = "1 student falls" if len(behind) == 1 else f"{len(behind)} students fall"
        yield f"{who} behind: ask what is in the way."
    if absent := cohort.absent(stage):
        has = "has" if absent == 1 else "have"
        yield f"{absent} of {len(cohort.students)} {has} handed in nothing for {stage.title}."
