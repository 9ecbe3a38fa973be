"""The tables of the results database."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    DateTime,
    Float,
    ForeignKey,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
    inspect,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from sqlalchemy.types import TypeDecorator

from mugrade import codec
from mugrade.course.manifest import CheckEntry
from mugrade.grader.results import Grade, Result, Status
from mugrade.grader.submissions import Submission
from mugrade.values import Category
from mugrade.values.verdict import Verdict
from mugrade.view.report import printable

FIRST, HEAD = "1", "3"  # schemas; the first did not say its number
REVISION_TABLE = "mugrade_revision"
MARK = "mugrade-"


class Base(DeclarativeBase):
    """The tables of the results database; a row that is about a student has a `student`."""


REVISIONS = Table(
    REVISION_TABLE, Base.metadata, Column("version_num", String(32), primary_key=True)
)


class Utc(TypeDecorator[datetime]):
    """A time with its zone, which the database holds in UTC without one."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value and value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value and value.replace(tzinfo=UTC)


class NotebookRow(Base):
    """A notebook as it was handed in, compressed; equal ones are kept once."""

    __tablename__ = "mugrade_notebooks"

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    packed: Mapped[bytes] = mapped_column(LargeBinary)


class Attempt(Base):
    """One grading of one student's stage.

    `hand_in` is the number of the first attempt at what was handed in: those that graded it again
    share it. That nothing was handed in is no attempt; it has the number 0. `course` and `grader`
    are digests of what it was graded with, `rules` are limits and the way of grading.
    """

    __tablename__ = "mugrade_attempts"
    __table_args__ = (UniqueConstraint("student", "stage", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    student: Mapped[str]
    stage: Mapped[str]
    number: Mapped[int]
    hand_in: Mapped[int]
    notebook: Mapped[str | None] = mapped_column(ForeignKey(NotebookRow.sha256), index=True)
    taken: Mapped[str]
    passed_over: Mapped[list[str]] = mapped_column(JSON)
    notes: Mapped[list[str]] = mapped_column(JSON)
    handed_in: Mapped[datetime | None] = mapped_column(Utc)
    graded_at: Mapped[datetime] = mapped_column(Utc)
    fingerprint: Mapped[str]
    mugrade: Mapped[str]
    course: Mapped[str]
    grader: Mapped[str]
    rules: Mapped[dict[str, Any]] = mapped_column(JSON)
    draws: Mapped[dict[str, int]] = mapped_column(JSON)
    status: Mapped[str]
    reason: Mapped[str]
    summary: Mapped[str]
    points: Mapped[int]
    max_points: Mapped[int]
    tier: Mapped[str]
    checks: Mapped[list["CheckRow"]] = relationship(
        back_populates="attempt", order_by="CheckRow.position", cascade="all, delete-orphan"
    )

    @classmethod
    def of(cls, row: Mapping[str, Any], result: Result) -> "Attempt":
        """An attempt that is not stored, with its checks."""
        checks = [CheckRow(position=i, **grade.columns) for i, grade in enumerate(result.grades)]
        return cls(**row, checks=checks)

    @staticmethod
    def columns_of(result: Result) -> dict[str, Any]:
        """The columns that a result fills, whichever attempt it becomes."""
        submission = result.submission
        return {
            "student": submission.student,
            "stage": submission.stage,
            "taken": printable(submission.taken),
            "passed_over": [printable(path) for path in submission.passed_over],
            "notes": list(submission.notes),
            "handed_in": submission.handed_in,
            "draws": dict(result.draws),
            "status": str(result.status),
            "reason": printable(result.reason),
            "summary": printable(result.what_went_wrong),
            "points": result.points,
            "max_points": result.max_points,
            "tier": str(result.tier),
        }

    @property
    def has_checks(self) -> bool:
        """Whether its checks are here, and not only in the database."""
        return "checks" not in inspect(self).unloaded

    @property
    def mark(self) -> str:
        """What files written for this attempt are recognised by."""
        return f"{MARK}{self.number}-{self.graded_at:%Y%m%dT%H%M%S%f}"

    @property
    def submission(self) -> Submission:
        """What was handed in; without the path of the notebook."""
        return Submission(
            self.student,
            self.stage,
            None,
            (),
            self.handed_in,
            tuple(self.passed_over),
            self.taken,
            tuple(self.notes),
        )

    @property
    def result(self) -> Result:
        """What was graded; without the notebook."""
        grades = [row.grade(self.stage) for row in self.checks]
        how = self.tier, self.draws
        return Result(self.submission, Status(self.status), self.reason, grades, *how)


class Earlier(Base):
    """A notebook of the student's own earlier stage, on top of which an attempt was graded."""

    __tablename__ = "mugrade_earlier"

    attempt_id: Mapped[int] = mapped_column(ForeignKey(Attempt.id), primary_key=True)
    stage: Mapped[str] = mapped_column(primary_key=True)
    notebook: Mapped[str] = mapped_column(ForeignKey(NotebookRow.sha256), index=True)


@dataclass(frozen=True)
class _Bonus:
    """What of a verdict's JSON is no part of the verdict."""

    bonus: int = 0


class CheckRow(Base):
    """The outcome of one check; `verdict` is the whole Verdict as JSON.

    `code` is the digest of the code that it judged. A written answer is a row too, of which the
    message is the text. What an optional check is worth is a `bonus` in the JSON, and its
    `max_points` are 0: all of them together are those of the attempt.
    """

    __tablename__ = "mugrade_checks"
    __table_args__ = (UniqueConstraint("attempt_id", "check"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    attempt_id: Mapped[int] = mapped_column(ForeignKey(Attempt.id), index=True)
    position: Mapped[int]
    check: Mapped[str]
    exercise: Mapped[str]
    code: Mapped[str] = mapped_column(default="", server_default="")
    why: Mapped[str]
    category: Mapped[str]
    points: Mapped[int]
    max_points: Mapped[int]
    message: Mapped[str]
    verdict: Mapped[str]
    attempt: Mapped[Attempt] = relationship(back_populates="checks")

    def grade(self, stage: str) -> Grade:
        """The grade again; `stage` is that of the attempt."""
        failed = self.category != Category.PASS
        hints = not failed or "\n  hint " in self.message  # which names them, if there are any
        of = self.check, stage, self.max_points or self.bonus, self.exercise, self.why
        entry = CheckEntry(*of, hints=hints, optional=self.optional)
        return Grade(entry, codec.read(self.verdict, Verdict), self.code)

    @property
    def optional(self) -> bool:
        """Whether its points are a bonus; others always add to the maximum."""
        return self.max_points == 0

    @property
    def bonus(self) -> int:
        """What it is worth beyond the maximum."""
        return codec.read(self.verdict, _Bonus).bonus if self.optional else 0

    @property
    def is_text(self) -> bool:
        """Whether it is an answer in words, which somebody has to read."""
        return self.category == Category.WRITTEN


class Pin(Base):
    """A teacher's word that an attempt counts, or none again; the last one of a stage holds."""

    __tablename__ = "mugrade_pins"

    id: Mapped[int] = mapped_column(primary_key=True)
    student: Mapped[str]
    stage: Mapped[str]
    number: Mapped[int | None]
    at: Mapped[datetime] = mapped_column(Utc)


class Review(Base):
    """A teacher's word in the formgrader about a cell: a check's scores, an exercise's comment.

    It was given for code with the digest `code`; the last one for the same code holds. Without
    `manual` it says that the automatic points are right.
    """

    __tablename__ = "mugrade_reviews"

    id: Mapped[int] = mapped_column(primary_key=True)
    student: Mapped[str]
    stage: Mapped[str]
    cell: Mapped[str]
    code: Mapped[str]
    manual: Mapped[float | None] = mapped_column(Float)
    extra: Mapped[float] = mapped_column(Float, default=0)
    comment: Mapped[str] = mapped_column(default="")
    at: Mapped[datetime] = mapped_column(Utc)

    @property
    def said(self) -> tuple[float | None, float, str]:
        """All that is said in the formgrader, to compare with what it says now."""
        return self.manual, self.extra, self.comment
