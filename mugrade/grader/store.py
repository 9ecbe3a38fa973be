"""The results database: one row per student, stage, check and attempt."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from sqlalchemy import (
    URL,
    ForeignKey,
    Select,
    UniqueConstraint,
    create_engine,
    event,
    func,
    insert,
    inspect,
    make_url,
    or_,
    select,
)
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    Session,
    mapped_column,
    relationship,
    selectinload,
)

from mugrade.answers import Verdict
from mugrade.diagnosis import Diagnosis
from mugrade.errors import Unreadable
from mugrade.grader.results import Grade, Result
from mugrade.grader.submissions import Submission
from mugrade.manifest import CheckEntry
from mugrade.messages import printable
from mugrade.picture import Picture

NAME = "results.db"
MARK = "mugrade-"
VERSION = "mugrade"  # the key, in a stored verdict, of the version that gave it
NO_URL = (
    "--db: not a database URL: write sqlite:///results.db or "
    "postgresql://user:password@host/database"
)
VERDICT = {field.name for field in fields(Verdict)}


class Base(DeclarativeBase):
    """The tables of the results database."""


class Attempt(Base):
    """One grading of one student's stage; the one with the highest number counts."""

    __tablename__ = "mugrade_attempts"
    __table_args__ = (UniqueConstraint("student", "stage", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    student: Mapped[str]
    stage: Mapped[str]
    number: Mapped[int]
    fingerprint: Mapped[str]
    status: Mapped[str]
    reason: Mapped[str]
    summary: Mapped[str]
    points: Mapped[int]
    max_points: Mapped[int]
    tier: Mapped[str] = mapped_column(default="")
    graded_at: Mapped[datetime]
    checks: Mapped[list["CheckRow"]] = relationship(
        back_populates="attempt", order_by="CheckRow.position", cascade="all, delete-orphan"
    )

    @property
    def mark(self) -> str:
        """What files written for this attempt are recognised by."""
        return f"{MARK}{self.number}-{self.graded_at:%Y%m%dT%H%M%S%f}"

    @property
    def result(self) -> Result:
        """What was graded; without the path of the notebook."""
        submission = Submission(self.student, self.stage, None)
        grades = [row.grade(self.stage) for row in self.checks]
        return Result(submission, self.status, self.reason, grades, self.tier, self.version)

    @property
    def version(self) -> str:
        """The mugrade that graded it; empty for those of before it was noted."""
        return next((json.loads(row.verdict).get(VERSION, "") for row in self.checks), "")


class CheckRow(Base):
    """The outcome of one check; `verdict` is the whole Verdict as JSON, and who gave it."""

    __tablename__ = "mugrade_checks"
    __table_args__ = (UniqueConstraint("attempt_id", "check"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    attempt_id: Mapped[int] = mapped_column(ForeignKey("mugrade_attempts.id"), index=True)
    position: Mapped[int]
    check: Mapped[str]
    exercise: Mapped[str]
    why: Mapped[str]
    category: Mapped[str]
    points: Mapped[int]
    max_points: Mapped[int]
    message: Mapped[str]
    verdict: Mapped[str]
    attempt: Mapped[Attempt] = relationship(back_populates="checks")

    @staticmethod
    def columns_of(grade: Grade, version: str) -> dict[str, Any]:
        entry = grade.check
        return {
            "check": entry.id,
            "exercise": entry.of,
            "why": entry.why,
            "category": grade.verdict.category,
            "points": grade.points,
            "max_points": entry.points,
            "message": "\n".join(printable(line) for line in grade.message.split("\n")),
            "verdict": json.dumps({**asdict(grade.verdict), VERSION: version}),
        }

    def grade(self, stage: str) -> Grade:
        entry = CheckEntry(self.check, stage, self.max_points, self.exercise, self.why)
        stored = json.loads(self.verdict)
        verdict = Verdict(**{name: stored[name] for name in VERDICT & set(stored)})
        if isinstance(verdict.diagnosis, dict):
            verdict = replace(verdict, diagnosis=Diagnosis(**verdict.diagnosis))
        if isinstance(verdict.picture, dict):
            found = Picture(**{**verdict.picture, "rows": tuple(verdict.picture["rows"])})
            verdict = replace(verdict, picture=found)
        return Grade(entry, verdict)


@dataclass(frozen=True)
class Filter:
    """Which results are asked for; an empty sequence means all."""

    students: Sequence[str] = ()
    stages: Sequence[str] = ()
    below: float | None = None

    def apply(self, query: Select[Any]) -> Select[Any]:
        if self.students:
            query = query.where(Attempt.student.in_(self.students))
        if self.stages:
            numbers = [f"{stage.zfill(2)[:2]}_%" for stage in self.stages if stage.isdecimal()]
            named = [Attempt.stage.like(number) for number in numbers]
            query = query.where(or_(Attempt.stage.in_(self.stages), *named))
        return query if self.below is None else query.where(Attempt.points < self.below)


class Store:
    """Results, kept in any database that SQLAlchemy reaches; raises Unreadable."""

    def __init__(self, url: str | Path) -> None:
        self.url = _url(url)
        with self._sentence():
            try:
                self.engine = create_engine(self.url)
            except ImportError as error:
                raise Unreadable(
                    f"{self.name}: the driver {error.name} is not installed: pip install "
                    f"{error.name}, or name another one, such as {self.url.get_backend_name()}+..."
                ) from None
            except ArgumentError:
                raise Unreadable(NO_URL) from None
            if self.url.get_backend_name() == "sqlite":
                event.listen(self.engine, "connect", _set_up_sqlite)

    @property
    def name(self) -> str:
        """The database as a person would call it, without its password."""
        if self.url.get_backend_name() == "sqlite":
            return self.url.database or "the database in memory"
        return self.url.render_as_string(hide_password=True)

    @classmethod
    def open(cls, url: str | Path) -> Self:
        """An existing store, with the tables that this version of mugrade reads and writes."""
        store = cls(url)
        if store.url.get_backend_name() == "sqlite" and not Path(store.name).exists():
            raise Unreadable(f"{store.name}: no results there: run mugrade grade first")
        with store._sentence():
            inspector = inspect(store.engine)
            for table in Base.metadata.sorted_tables:
                there = inspector.has_table(table.name)
                found = {c["name"] for c in inspector.get_columns(table.name)} if there else set()
                if not found >= set(table.columns.keys()):
                    raise Unreadable(
                        f"{store.name}: not a results database of this mugrade; "
                        "move it away, or name another with --db"
                    )
        return store

    @classmethod
    def create(cls, url: str | Path) -> Self:
        """The store at `url`, made if nothing is there; what holds other data is left alone."""
        store = cls(url)
        with store._sentence():
            tables = set(inspect(store.engine).get_table_names())
            if not tables or (store.url.get_backend_name() != "sqlite" and not tables & TABLES):
                Base.metadata.create_all(store.engine)
        return cls.open(url)

    def add(self, result: Result, fingerprint: str) -> Attempt:
        """Store a finished result as the student's next attempt, in one transaction.

        What is returned is without its checks.
        """
        student, stage = result.submission.student, result.submission.stage
        last = select(func.coalesce(func.max(Attempt.number), 0) + 1)
        number = last.where(Attempt.student == student, Attempt.stage == stage).scalar_subquery()
        row = {
            "student": student,
            "stage": stage,
            "number": number,
            "fingerprint": fingerprint,
            "status": result.status,
            "reason": printable(result.reason),
            "summary": printable(result.what_went_wrong),
            "points": result.points,
            "max_points": sum(grade.check.points for grade in result.grades),
            "tier": result.tier,
            "graded_at": datetime.now(UTC).replace(tzinfo=None),
        }
        with self._sentence(), Session(self.engine, expire_on_commit=False) as session:
            attempt = session.scalars(insert(Attempt).values(row).returning(Attempt)).one()
            key = {"attempt_id": attempt.id}
            checks = [
                {**key, "position": i, **CheckRow.columns_of(grade, result.version)}
                for i, grade in enumerate(result.grades)
            ]
            if checks:
                session.execute(insert(CheckRow), checks)
            session.commit()
        return attempt

    def current(self, student: str, stage: str) -> Attempt | None:
        """The result that counts, with its checks."""
        found = self.all_current(Filter([student], [stage]))
        return next(iter(self.with_checks(found)), None)

    def all_current(self, wanted: Filter = Filter()) -> list[Attempt]:
        """The results that count, without their checks, by student and stage."""
        latest = (
            select(Attempt.student, Attempt.stage, func.max(Attempt.number).label("number"))
            .group_by(Attempt.student, Attempt.stage)
            .subquery()
        )
        query = select(Attempt).join(
            latest,
            (Attempt.student == latest.c.student)
            & (Attempt.stage == latest.c.stage)
            & (Attempt.number == latest.c.number),
        )
        with self._sentence(), Session(self.engine) as session:
            found = session.scalars(wanted.apply(query)).all()
            session.expunge_all()
        return sorted(found, key=lambda a: (a.student, a.stage))

    def with_checks(self, attempts: Sequence[Attempt]) -> Iterator[Attempt]:
        """The same attempts with their checks, a few hundred at a time."""
        for start in range(0, len(attempts), 500):
            ids = [attempt.id for attempt in attempts[start : start + 500]]
            query = select(Attempt).where(Attempt.id.in_(ids)).options(selectinload(Attempt.checks))
            with self._sentence(), Session(self.engine) as session:
                found = {attempt.id: attempt for attempt in session.scalars(query)}
                session.expunge_all()
            yield from (found[id] for id in ids)

    def close(self) -> None:
        self.engine.dispose()

    @contextmanager
    def _sentence(self) -> Iterator[None]:
        """Turn what a database may answer into one sentence."""
        try:
            yield
        except SQLAlchemyError as error:
            is_file = self.url.get_backend_name() == "sqlite"
            way = "move it away" if is_file else "see that it runs and lets you in"
            text = str(getattr(error, "orig", None) or error).splitlines()[0]
            raise Unreadable(
                f"{self.name}: the results database cannot be used ({printable(text)}); "
                f"{way}, or name another with --db"
            ) from None


TABLES = set(Base.metadata.tables)


def _url(url: str | Path) -> URL:
    """A database URL; a plain path is an SQLite file."""
    if "://" not in str(url):
        return URL.create("sqlite", database=str(url))
    try:
        return make_url(str(url))
    except (ArgumentError, ValueError):
        raise Unreadable(NO_URL) from None


def _set_up_sqlite(connection: Any, record: Any) -> None:
    for setting in ("busy_timeout = 30000", "journal_mode = WAL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {setting}")
