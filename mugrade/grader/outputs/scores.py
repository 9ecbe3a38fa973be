"""nbgrader's gradebook database, which formgrader, feedback and export read."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from sqlalchemy import Engine, MetaData, Table, create_engine, inspect
from sqlalchemy.exc import SQLAlchemyError

from mugrade.course.model import Course
from mugrade.errors import Unreadable
from mugrade.grader import ledger
from mugrade.grader.models import Review
from mugrade.grader.outputs.assignments import (
    Assignment,
    assignment_in,
    nbgraders_gradebook,
    put_assignment,
)
from mugrade.grader.outputs.submitted import put_scores
from mugrade.grader.policy import Standing
from mugrade.grader.vacuum import vacuum


class Scores:
    """nbgrader's gradebook at `path`, opened for the first result.

    Comments of the teacher stay as they are, manual scores where they were given for the same code.
    """

    def __init__(self, path: Path, course: Course) -> None:
        self.path, self.course = path, course
        self.url = f"sqlite:///{path.resolve()}"
        self.assignments: dict[str, Assignment] = {}

    def put(self, standings: Sequence[Standing]) -> list[Review]:
        """Add or change the scores of submissions, in one transaction.

        If the teacher has said there what a standing does not know, nothing of it is written, and
        that is returned. Raises Unreadable if the database cannot be written.
        """
        of: dict[str, list[Standing]] = defaultdict(list)
        for standing in standings:
            of[standing.stage].append(standing)
        with self._sentence():
            found = {stage: self._assignment(stage, some) for stage, some in of.items()}
            with self._engine.connect() as db:
                db.exec_driver_sql("BEGIN IMMEDIATE")  # the formgrader has to wait
                news = [
                    word
                    for stage, some in of.items()
                    for word in put_scores(db, self._tables, found[stage], some)
                ]
                db.commit()
        return news

    def _assignment(self, name: str, standings: Sequence[Standing]) -> Assignment:
        """The stage's rows; a check that the course no longer has is worth nothing there."""
        checks = {check for standing in standings for check in standing.scores}
        found = self.assignments.get(name) or self._read(name)
        if found is None or not checks <= found.cells.keys():
            put_assignment(self.url, self.course, self.course.find(name), checks)
            found = self._read(name)
            assert found is not None
        self.assignments[name] = found
        return found

    def _read(self, name: str) -> Assignment | None:
        with self._engine.connect() as db:
            return assignment_in(db, self._tables, self.course.find(name))

    def forget(self, student: str) -> int:
        """Delete a student with all scores and comments; returns how many submissions that were."""
        from nbgrader.api import MissingEntry

        with nbgraders_gradebook(self.url, self.course) as book:
            try:
                count = len(book.student_submissions(student))
                book.remove_student(student)
            except MissingEntry:
                return 0
        with self._engine.begin() as db:
            db.exec_driver_sql(ledger.FORGET)
        vacuum(self._engine)
        return count

    @cached_property
    def _engine(self) -> Engine:
        engine = create_engine(self.url)
        if not inspect(engine).has_table("assignment"):
            with nbgraders_gradebook(self.url, self.course):
                pass
        with engine.begin() as db:
            db.exec_driver_sql(ledger.CREATE)
        return engine

    @cached_property
    def _tables(self) -> Mapping[str, Table]:
        metadata = MetaData()
        metadata.reflect(self._engine)
        return metadata.tables

    @contextmanager
    def _sentence(self) -> Iterator[None]:
        """Turn what the database may answer into one sentence; nothing half done is left open."""
        try:
            yield
        except SQLAlchemyError as error:
            self.close()
            raise Unreadable(
                f"{self.path}: cannot be written ({getattr(error, 'orig', None) or error}); "
                "move it away, or close what uses it, and grade again"
            ) from None

    def close(self) -> None:
        """Close the database; the next result opens it again."""
        if engine := vars(self).pop("_engine", None):
            engine.dispose()
        vars(self).pop("_tables", None)
        self.assignments.clear()
