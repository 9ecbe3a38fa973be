"""What grading a submission gives: a grade per check."""

import hashlib
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any

from mugrade.course.manifest import CheckEntry
from mugrade.grader.submissions import Submission
from mugrade.values import Category
from mugrade.values.verdict import Verdict
from mugrade.view.report import Report, printable, summary

LEVEL = 3  # of compression: half the time of zlib's own choice, for a tenth more bytes


@dataclass(frozen=True)
class Grade:
    """The outcome of one check for one student; `code` is the digest of what it judged."""

    check: CheckEntry
    verdict: Verdict
    code: str = ""

    @property
    def points(self) -> int:
        return self.verdict.points(self.check.points)

    @property
    def is_fine(self) -> bool:
        """Whether nothing went wrong: an answer was written, or a bonus was left alone."""
        category = self.verdict.category
        left_alone = self.check.optional and category == Category.UNSOLVED
        return category in (Category.PASS, Category.WRITTEN) or left_alone

    @property
    def report(self) -> Report:
        """The outcome as a student reads it."""
        return Report(self.check, self.verdict)

    @property
    def message(self) -> str:
        """The same as text; of a written answer, what the student wrote."""
        if self.check.is_written:
            return self.verdict.actual or summary(self.verdict)
        return self.report.text

    @cached_property
    def columns(self) -> dict[str, Any]:
        """What is stored of it; a worker makes it, and sends it along."""
        return {
            "check": self.check.id,
            "exercise": self.check.of,
            "code": self.code,
            "why": self.check.why,
            "category": str(self.verdict.category),
            "points": self.points,
            "max_points": self.check.max_points,
            "message": "\n".join(printable(line) for line in self.message.split("\n")),
            "verdict": json.dumps(asdict(self.verdict) | self._bonus),
        }

    @property
    def _bonus(self) -> dict[str, int]:
        """What an optional check is worth, which no column says."""
        return {"bonus": self.check.points} if self.check.optional else {}


@dataclass(frozen=True)
class PackedNotebook:
    """A notebook's bytes, compressed, under their hash."""

    sha256: str
    packed: bytes = field(repr=False)

    @classmethod
    def of(cls, content: bytes) -> "PackedNotebook":
        """Compress the bytes of a notebook, and hash them."""
        return cls(hashlib.sha256(content).hexdigest(), zlib.compress(content, LEVEL))

    @property
    def content(self) -> bytes:
        return zlib.decompress(self.packed)


class Status(StrEnum):
    """What became of a submission.

    FAILED: the grader itself could not do it, which is not the student's fault. LATE: graded, but
    handed in when it counts no more.
    """

    GRADED = "graded"
    MISSING = "missing"
    UNREADABLE = "unreadable"
    FAILED = "failed"
    LATE = "late"


@dataclass(frozen=True)
class Result:
    """One student's stage; a `reason` says why it was not graded.

    `tier` says how well the student's code was confined, `draws` which draw of the hidden inputs
    it got. `notebook` is what was graded, `earlier` the student's own stages that it was graded on.
    `refused`: the system calls that the sandbox did not let through.
    """

    submission: Submission
    status: Status
    reason: str = ""
    grades: Sequence[Grade] = field(default_factory=tuple)
    tier: str = ""
    draws: Mapping[str, int] = field(default_factory=dict)
    notebook: PackedNotebook | None = None
    earlier: Mapping[str, PackedNotebook] = field(default_factory=dict)
    refused: Sequence[str] = ()

    @property
    def points(self) -> int:
        """The automatic points, those of optional checks too."""
        return sum(grade.points for grade in self.grades)

    @property
    def max_points(self) -> int:
        """What there is to get, but for a bonus."""
        return sum(grade.check.max_points for grade in self.grades)

    @property
    def what_went_wrong(self) -> str:
        """A few words for the class's table, and what a teacher should know of the submission."""
        return "; ".join(text for text in (self._outcome, *self.submission.notes) if text)

    @property
    def _outcome(self) -> str:
        if self.status != Status.GRADED:
            return f"{self.status}: {self.reason}" if self.reason else self.status
        failed: dict[str, list[str]] = {}
        for grade in self.grades:
            if not grade.is_fine:
                failed.setdefault(summary(grade.verdict), []).append(grade.check.of)
        return "; ".join(f"{', '.join(dict.fromkeys(of))}: {text}" for text, of in failed.items())
