"""Which of a student's attempts at a stage counts, and why."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from mugrade.course.settings import Policy, Settings
from mugrade.grader.attempts import in_order
from mugrade.grader.final import NOTHING_SAID, CheckScore, Final, Reviews
from mugrade.grader.models import Attempt, CheckRow, Pin, Review
from mugrade.grader.results import Grade, Result, Status
from mugrade.values import Category
from mugrade.values.verdict import Verdict

NEVER = "nothing was handed in"
TOO_LATE = "handed in after the deadline"


@dataclass(frozen=True)
class Standing:
    """The attempt that counts for a student's stage: why, and what else there is to know.

    With `late` it gives no points, for none was handed in in time. `penalty`: what lateness costs;
    `reviews`: what a teacher has said, and then the attempt must have its checks, as it must where
    an answer waits for a teacher or a check is optional.
    """

    attempt: Attempt
    why: str
    note: str = ""
    late: bool = False
    penalty: float = 0
    reviews: Reviews = NOTHING_SAID

    @property
    def student(self) -> str:
        return self.attempt.student

    @property
    def stage(self) -> str:
        return self.attempt.stage

    @property
    def key(self) -> tuple[str, str]:
        return self.student, self.stage

    @property
    def status(self) -> Status:
        """That of the attempt, or that it came too late."""
        return Status.LATE if self.late else Status(self.attempt.status)

    @property
    def points(self) -> float:
        """What the student gets."""
        return self.final.points

    @cached_property
    def final(self) -> Final:
        """The grade, and what it is made of."""
        automatic = 0 if self.late else self.attempt.points
        scores = self.scores.values() if self.attempt.has_checks else ()
        return Final.of(automatic, scores, self.penalty)

    @cached_property
    def scores(self) -> dict[str, CheckScore]:
        """What each check gives; the attempt must have its checks."""
        return {row.check: self._score(row) for row in self.attempt.checks}

    def _score(self, row: CheckRow) -> CheckScore:
        found = self.reviews.score(row.check, row.code, 0 if self.late else row.points)
        judged = found.manual is not None or self.reviews.has_extra(row.check, row.code)
        waits = row.is_text and not judged and not self.late
        return replace(found, waits=waits, optional=row.optional)

    @property
    def reason(self) -> str:
        """Why it gives nothing, if it does not, and the note."""
        return "; ".join(filter(None, [TOO_LATE if self.late else self.attempt.reason, self.note]))

    @property
    def summary(self) -> str:
        """A few words for the class's table."""
        text = f"{self.status}: {TOO_LATE}" if self.late else self.attempt.summary
        return "; ".join(filter(None, [text, self.note, *self.look]))

    @property
    def look(self) -> list[str]:
        """The checks that need another look, and why; the answers that wait for one."""
        scores = self.scores.items() if self.attempt.has_checks else ()
        return [f"{check} {score.look}" for check, score in scores if score.look]

    @property
    def comments(self) -> list[tuple[str, Review, bool]]:
        """Exercise, what the teacher says of it last, and whether that was of other code."""
        codes = {row.exercise: row.code for row in self.attempt.checks}
        words = {r.cell: r for r in self.reviews.said}
        return [(id, r, codes.get(id, r.code) != r.code) for id, r in words.items() if r.comment]

    @cached_property
    def mark(self) -> str:
        """What files written for this are recognised by."""
        words = [(r.cell, r.code, *r.said) for r in self.reviews.said]
        of = self.why, self.note, self.late, self.penalty, words
        said = zlib.crc32(repr(of).encode("utf-8", "backslashreplace"))
        return f"{self.attempt.mark}-{said:08x}"

    @cached_property
    def result(self) -> Result:
        """What counts, as the files show it; the attempt must have its checks."""
        result = self.attempt.result
        if not self.late:
            return result
        verdict = Verdict(Category.NOT_RUN, TOO_LATE)
        grades = [Grade(grade.check, verdict) for grade in result.grades]
        return replace(result, status=self.status, reason=TOO_LATE, grades=grades)


def candidates(attempts: Sequence[Attempt], settings: Settings) -> list[Attempt]:
    """The attempts that the policy chooses from, in the order of handing in.

    One for each time that something was handed in: the last that could be graded, so that grading
    again replaces what it repeats.
    """
    graded = {a.hand_in: a for a in in_order(attempts) if a.status == Status.GRADED}
    found = list(graded.values())
    if settings.policy is Policy.before_deadline:
        found = [a for a in found if not is_late(a, settings)]
    return found if settings.policy is Policy.best else found[-1:]


def choose(
    attempts: Sequence[Attempt],
    settings: Settings,
    pin: Pin | None = None,
    reviews: Reviews = NOTHING_SAID,
) -> Standing:
    """What counts among all attempts at one stage of one student, of which there is at least one.

    What could not be graded never replaces what could, and no file never replaces a file. Where
    there are reviews, the attempts must have their checks.
    """
    chosen = _chosen(attempts, settings, pin, reviews)
    return replace(chosen, penalty=penalty(chosen.attempt, settings), reviews=reviews)


def _chosen(
    attempts: Sequence[Attempt], settings: Settings, pin: Pin | None, reviews: Reviews
) -> Standing:
    if pin and pin.number is not None:
        attempt = next(a for a in attempts if a.number == pin.number)
        note = f"attempt {pin.number} was chosen by hand on {pin.at:%Y-%m-%d}"
        return Standing(attempt, "chosen by hand", note)

    def weight(a: Attempt) -> tuple[float, int]:
        return Standing(a, "", "", False, penalty(a, settings), reviews).points, a.hand_in

    if found := candidates(attempts, settings):
        attempt = max(found, key=weight) if len(found) > 1 else found[0]
        return Standing(attempt, settings.policy, _later(attempt, attempts, settings))
    if late := candidates(attempts, replace(settings, policy=Policy.last)):
        return Standing(late[0], settings.policy, late=True)
    return _ungraded(attempts)


def penalty(attempt: Attempt, settings: Settings) -> float:
    """The points that the lateness of an attempt costs."""
    percent = settings.late_percent(attempt.stage, attempt.handed_in, attempt.student)
    return round(percent * attempt.max_points / 100, 6)


def is_late(attempt: Attempt, settings: Settings) -> bool:
    """Whether it was handed in after the deadline; where that is not known, it was not."""
    deadline = settings.deadline(attempt.stage, attempt.student)
    return bool(deadline and attempt.handed_in and attempt.handed_in > deadline)


def _ungraded(attempts: Sequence[Attempt]) -> Standing:
    """Something that cannot be read, else a failure of the grader, else that there is nothing."""
    of = {a.status: a for a in in_order(attempts)}
    if found := of.get(Status.UNREADABLE) or of.get(Status.FAILED):
        return Standing(found, "nothing could be graded")
    return Standing(next(a for a in attempts if a.number == 0), NEVER)


def _later(chosen: Attempt, attempts: Sequence[Attempt], settings: Settings) -> str:
    """What came after the attempt that counts, where that does not go without saying."""
    newest = in_order(attempts)[-1]
    if (newest.hand_in, newest.number) <= (chosen.hand_in, chosen.number):
        return ""
    if newest.status == Status.UNREADABLE:
        return f"a newer file could not be read: {newest.reason}"
    if newest.status == Status.FAILED:
        return f"attempt {newest.number} could not be graded: {newest.reason}"
    late = settings.policy is Policy.before_deadline and is_late(newest, settings)
    return f"attempt {newest.number} was {TOO_LATE}" if late else ""
