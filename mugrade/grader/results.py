"""What grading a submission gives: a grade per check."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mugrade.answers import Verdict
from mugrade.grader.submissions import Submission
from mugrade.manifest import CheckEntry
from mugrade.messages import Report, summary
from mugrade.version import __version__


@dataclass(frozen=True)
class Grade:
    """The outcome of one check for one student."""

    check: CheckEntry
    verdict: Verdict

    @property
    def points(self) -> int:
        return self.check.points if self.verdict.passed else 0

    @property
    def report(self) -> Report:
        entry = self.check
        return Report.of(entry.id, self.verdict, entry.points, entry.why, entry.of)

    @property
    def message(self) -> str:
        return self.report.text


@dataclass(frozen=True)
class Result:
    """One student's stage: `status` is graded, or missing, unreadable or failed with a `reason`.

    Failed means that the grader itself could not do it, which is not the student's fault. `tier`
    says how well the student's code was confined, `version` which mugrade graded it, and `draws`
    which checks had their hidden inputs drawn again, and how often: with the secret, it repeats
    what was asked.
    """

    submission: Submission
    status: str
    reason: str = ""
    grades: Sequence[Grade] = field(default_factory=tuple)
    tier: str = ""
    version: str = __version__
    draws: Mapping[str, int] = field(default_factory=dict)

    @property
    def points(self) -> int:
        return sum(grade.points for grade in self.grades)

    @property
    def what_went_wrong(self) -> str:
        """A few words for the class's table, and what a teacher should know of the submission."""
        return "; ".join(text for text in (self._outcome, *self.submission.notes) if text)

    @property
    def _outcome(self) -> str:
        if self.status != "graded":
            return f"{self.status}: {self.reason}" if self.reason else self.status
        failed: dict[str, list[str]] = {}
        for grade in self.grades:
            if not grade.verdict.passed:
                failed.setdefault(summary(grade.verdict), []).append(grade.check.of)
        return "; ".join(f"{', '.join(dict.fromkeys(of))}: {text}" for text, of in failed.items())
