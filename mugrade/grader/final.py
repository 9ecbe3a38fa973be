"""What a grade is made of: automatic points or a manual score, bonus, extra credit, late penalty.

A manual score is about the code that it was given for; for other code the automatic points count,
and the check needs another look. Extra credit and comments stay. Of a written answer the text is
the code, and no automatic points are given: it waits for a teacher.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mugrade.grader.models import Review

WAITS = "waits for a teacher"


@dataclass(frozen=True)
class CheckScore:
    """What one check gives; `earlier` is what a teacher said of other code, if of this nothing.

    `waits`: it is a written answer of which nobody has said anything yet; `optional`: a bonus.
    """

    automatic: float
    manual: float | None = None
    extra: float = 0
    earlier: Review | None = None
    waits: bool = False
    optional: bool = False

    @property
    def points(self) -> float:
        return (self.automatic if self.manual is None else self.manual) + self.extra

    @property
    def look(self) -> str:
        """Why the check needs a look, or another one, if it does."""
        if self.earlier is None:
            return WAITS if self.waits else ""
        score = "" if self.earlier.manual is None else shown_points(self.earlier.manual)
        extra = f"+{shown_points(self.earlier.extra)}" if self.earlier.extra else ""
        other = "another text" if self.waits else "other code"
        return f"needs another look: {score}{extra} was given for {other}"


@dataclass(frozen=True)
class Final:
    """A grade and what it is made of; `manual` is what manual scores add to the automatic points.

    points = automatic + bonus + manual + extra - late, and never below 0. `bonus` are the automatic
    points of optional checks.
    """

    automatic: float
    manual: float = 0
    extra: float = 0
    late: float = 0
    bonus: float = 0

    @classmethod
    def of(cls, automatic: float, scores: Iterable[CheckScore], late: float) -> "Final":
        """The grade of a stage whose checks give `automatic` points.

        They have `scores` where a teacher has said something, or there is a bonus.
        """
        scores = list(scores)
        manual = sum(s.manual - s.automatic for s in scores if s.manual is not None)
        bonus = sum(s.automatic for s in scores if s.optional)
        return cls(automatic - bonus, manual, sum(s.extra for s in scores), late, bonus)

    @property
    def points(self) -> float:
        return max(0, self.automatic + self.bonus + self.manual + self.extra - self.late)


@dataclass(frozen=True)
class Reviews:
    """What teachers have said of one stage of one student, in the order of saying."""

    said: Sequence[Review] = ()

    def last(self, cell: str, code: str | None = None) -> Review | None:
        """The last word about a cell, or about its code."""
        words = (r for r in reversed(self.said) if r.cell == cell and code in (None, r.code))
        return next(words, None)

    def score(self, check: str, code: str, automatic: float) -> CheckScore:
        """What a check with these automatic points gives for this code."""
        last, here = self.last(check), self.last(check, code)
        if last is None:
            return CheckScore(automatic)
        other = last if last.manual is not None or last.extra else None
        if here:
            return CheckScore(automatic, here.manual, last.extra)
        return CheckScore(automatic, None, last.extra, other)

    def has_extra(self, check: str, code: str) -> bool:
        """Whether a teacher has given extra credit for this code."""
        here = self.last(check, code)
        return here is not None and bool(here.extra)

    def comment(self, exercise: str) -> str:
        """The last comment on an exercise, or nothing."""
        last = self.last(exercise)
        return last.comment if last else ""

    def is_news(self, word: Review, waits: bool) -> bool:
        """Whether the formgrader says of a cell and its code what is not known of them yet.

        `waits`: whether it still asks for a look.
        """
        score = self.score(word.cell, word.code, 0)
        known = score.manual, score.extra, self.comment(word.cell)
        return known != word.said or (score.earlier is not None and not waits)


NOTHING_SAID = Reviews()


def shown_points(points: float) -> str:
    """Points without a fraction that is none."""
    return f"{points:.10g}"
