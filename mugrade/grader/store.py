"""The results database: every attempt of every student, and what counts of them."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from sqlalchemy import URL, Select, create_engine, delete, event, func, inspect, or_, select
from sqlalchemy.exc import ArgumentError, IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session, selectinload

from mugrade.course.settings import Settings
from mugrade.errors import Unreadable
from mugrade.grader.add import add_results, delete_attempts
from mugrade.grader.attempts import Basis
from mugrade.grader.database import NO_URL, from_json, set_up_sqlite, url_of
from mugrade.grader.final import NOTHING_SAID, Reviews
from mugrade.grader.migrate import bring_up_to_date, create_tables
from mugrade.grader.models import Attempt, Base, CheckRow, Earlier, NotebookRow, Pin, Review
from mugrade.grader.policy import Standing, choose
from mugrade.grader.results import PackedNotebook, Result
from mugrade.grader.submissions import Key
from mugrade.values import Category
from mugrade.view.report import printable

NAME = "results.db"
TRIES = 10  # to store what another grader stores at the same time


@dataclass(frozen=True)
class Filter:
    """Which results are asked for; an empty sequence means all."""

    students: Sequence[str] = ()
    stages: Sequence[str] = ()
    below: float | None = None

    def apply(self, query: Select[Any], table: type[Attempt | Pin | Review]) -> Select[Any]:
        """The query, restricted to the students and stages that are asked for."""
        if self.students:
            query = query.where(table.student.in_(self.students))
        if self.stages:
            numbers = [f"{stage.zfill(2)[:2]}_%" for stage in self.stages if stage.isdecimal()]
            named = [table.stage.like(number) for number in numbers]
            query = query.where(or_(table.stage.in_(self.stages), *named))
        return query


class Store:
    """Results, kept in any database that SQLAlchemy reaches; raises Unreadable.

    `said` is what there is to tell about opening it.
    """

    def __init__(self, url: str | Path | URL) -> None:
        self.url, self.said = url_of(url), ""
        with self._sentence():
            try:
                self.engine = create_engine(self.url, json_deserializer=from_json)
            except ImportError as error:
                raise Unreadable(
                    f"{self.name}: the driver {error.name} is not installed: pip install "
                    f"{error.name}, or name another one, such as {self.url.get_backend_name()}+..."
                ) from None
            except ArgumentError:
                raise Unreadable(NO_URL) from None
            if self.is_file:
                event.listen(self.engine, "connect", set_up_sqlite)

    @property
    def is_file(self) -> bool:
        return self.url.get_backend_name() == "sqlite"

    @property
    def is_in_memory(self) -> bool:
        return self.is_file and self.url.database in (None, "", ":memory:")

    @property
    def name(self) -> str:
        """The database as a person would call it, without its password."""
        if self.is_file:
            return self.url.database or "the database in memory"
        return self.url.render_as_string(hide_password=True)

    @classmethod
    def open(cls, url: str | Path) -> Self:
        """An existing store; one of an older mugrade is backed up and brought up to date."""
        store = cls(url)
        if store.is_file and not Path(store.name).exists():
            raise Unreadable(f"{store.name}: no results there: run mugrade grade first")
        with store._sentence():
            store.said = bring_up_to_date(store.engine, store.name)
        return store

    @classmethod
    def create(cls, url: str | Path) -> Self:
        """The store at `url`, made if nothing is there; what holds other data is left alone."""
        store = cls(url)
        with store._sentence():
            tables = set(inspect(store.engine).get_table_names())
            if not tables or (not store.is_file and not tables & set(Base.metadata.tables)):
                if store.is_file:
                    with store.engine.connect() as connection:
                        connection.exec_driver_sql("PRAGMA journal_mode = WAL")
                create_tables(store.engine)
        return cls.open(url)

    def add(self, result: Result, basis: Basis) -> None:
        """Store a finished result as the student's next attempt."""
        self.add_all([(result, basis)])

    def add_all(self, finished: Sequence[tuple[Result, Basis]]) -> None:
        """Store finished results as their students' next attempts, in one transaction.

        That nothing was handed in replaces only that nothing was handed in before.
        """
        if not finished:
            return
        with self._session() as session:
            for left in reversed(range(TRIES)):
                try:
                    add_results(session, finished)
                    return session.commit()
                except IntegrityError:  # another grader has just stored one of the same number
                    session.rollback()
                    if not left:
                        raise

    def histories(self, wanted: Filter = Filter()) -> dict[Key, list[Attempt]]:
        """All attempts by student and stage in the order of grading.

        They are without their checks, but where a teacher has said something or has to, and where
        there is a bonus.
        """
        query = select(Attempt).order_by(Attempt.student, Attempt.stage, Attempt.number)
        reviewed = (Attempt.student == Review.student) & (Attempt.stage == Review.stage)
        unusual = (CheckRow.category == Category.WRITTEN) | (CheckRow.max_points == 0)
        of_attempt = (CheckRow.attempt_id == Attempt.id) & unusual
        found: dict[Key, list[Attempt]] = defaultdict(list)
        with self._session() as session:
            for attempt in session.scalars(wanted.apply(query, Attempt)):
                found[attempt.student, attempt.stage].append(attempt)
            said = select(Review.id).where(reviewed).exists()
            some = query.where(said | select(CheckRow.id).where(of_attempt).exists())
            some = wanted.apply(some, Attempt)
            session.scalars(some.options(selectinload(Attempt.checks))).all()
            session.expunge_all()
        return {key: found[key] for key in sorted(found)}

    def pins(self, wanted: Filter = Filter()) -> dict[Key, Pin]:
        """What a teacher has chosen by hand, by student and stage."""
        with self._session() as session:
            pins = session.scalars(wanted.apply(select(Pin).order_by(Pin.id), Pin)).all()
            session.expunge_all()
        return {(pin.student, pin.stage): pin for pin in pins}

    def reviews(self, wanted: Filter = Filter()) -> dict[Key, Reviews]:
        """What teachers have said in the formgrader, by student and stage."""
        found: dict[Key, list[Review]] = defaultdict(list)
        query = select(Review).order_by(Review.id)
        with self._session() as session:
            for review in session.scalars(wanted.apply(query, Review)):
                found[review.student, review.stage].append(review)
            session.expunge_all()
        return {key: Reviews(said) for key, said in found.items()}

    def hear(self, words: Iterable[Review]) -> None:
        """Keep what a teacher has said in the formgrader."""
        with self._session() as session:
            session.add_all(words)
            session.commit()

    def standings(self, settings: Settings, wanted: Filter = Filter()) -> list[Standing]:
        """The results that count, by student and stage.

        They are without their checks, but where a teacher has said something.
        """
        pins, reviews = self.pins(wanted), self.reviews(wanted)
        found = [
            choose(attempts, settings, pins.get(key), reviews.get(key, NOTHING_SAID))
            for key, attempts in self.histories(wanted).items()
        ]
        return [s for s in found if wanted.below is None or s.points < wanted.below]

    def standing(self, student: str, stage: str, settings: Settings) -> Standing:
        """What counts of one stage of one student, who has an attempt at it; with its checks."""
        return next(self.with_checks(self.standings(settings, Filter([student], [stage]))))

    def with_checks(self, standings: Sequence[Standing]) -> Iterator[Standing]:
        """The same with the checks of their attempts, a few hundred at a time."""
        for start in range(0, len(standings), 500):
            some = standings[start : start + 500]
            ids = [standing.attempt.id for standing in some]
            query = select(Attempt).where(Attempt.id.in_(ids)).options(selectinload(Attempt.checks))
            with self._session() as session:
                found = {attempt.id: attempt for attempt in session.scalars(query)}
                session.expunge_all()
            yield from (replace(s, attempt=found[s.attempt.id]) for s in some)

    def notebook(self, attempt: Attempt) -> bytes | None:
        """What the attempt graded, as it was handed in; None where it was not kept."""
        with self._session() as session:
            row = session.get(NotebookRow, attempt.notebook) if attempt.notebook else None
            return PackedNotebook(row.sha256, row.packed).content if row else None

    def earlier(self, attempt: Attempt) -> dict[str, bytes]:
        """The student's own earlier stages that the attempt was graded on."""
        query = select(Earlier.stage, NotebookRow).join(
            NotebookRow, NotebookRow.sha256 == Earlier.notebook
        )
        with self._session() as session:
            found = session.execute(query.where(Earlier.attempt_id == attempt.id)).all()
            return {stage: PackedNotebook(row.sha256, row.packed).content for stage, row in found}

    def pin(self, student: str, stage: str, number: int | None) -> None:
        """Let an attempt count, whatever the policy says; with None the policy decides again."""
        with self._session() as session:
            at = datetime.now(UTC)
            session.add(Pin(student=student, stage=stage, number=number, at=at))
            session.commit()

    def forget(self, student: str) -> tuple[int, int]:
        """Delete a student's rows, and the notebooks that nobody else has handed in.

        Returns how many attempts and notebooks there were.
        """
        with self._session() as session:
            attempts = delete_attempts(session, Attempt.student == student)
            for table in Base.metadata.sorted_tables:
                if "student" in table.columns:
                    session.execute(delete(table).where(table.columns.student == student))
            kept = select(Attempt.notebook).where(Attempt.notebook.is_not(None))
            used = kept.union(select(Earlier.notebook))
            unused = NotebookRow.sha256.not_in(used)
            notebooks = session.scalar(select(func.count()).where(unused)) or 0
            session.execute(delete(NotebookRow).where(unused))
            session.commit()
        return attempts, notebooks

    def close(self) -> None:
        self.engine.dispose()

    @contextmanager
    def _session(self) -> Iterator[Session]:
        with self._sentence(), Session(self.engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def _sentence(self) -> Iterator[None]:
        """Turn what a database may answer into one sentence."""
        try:
            yield
        except SQLAlchemyError as error:
            way = "move it away" if self.is_file else "see that it runs and lets you in"
            text = str(getattr(error, "orig", None) or error).splitlines()[0]
            raise Unreadable(
                f"{self.name}: the results database cannot be used ({printable(text)}); "
                f"{way}, or name another with --db"
            ) from None
