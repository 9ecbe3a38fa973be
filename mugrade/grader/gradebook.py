"""nbgrader's gradebook database, which formgrader, feedback and export read."""

import os
import sys
import warnings
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from mugrade.author.course import Course, Stage
from mugrade.errors import Unreadable
from mugrade.grader.results import Result
from mugrade.grader.vacuum import vacuum


class Scores:
    """nbgrader's gradebook at `url`, opened for the first result.

    Manual scores and comments of the instructor stay as they are.
    """

    def __init__(self, url: str, course: Course) -> None:
        self.url, self.course = url, course
        self.assignments: dict[str, Assignment] = {}
        self.opened = ExitStack()

    def put(self, result: Result) -> None:
        """Add or change the scores of one submission, in one commit.

        Raises Unreadable if the database cannot be written.
        """
        from sqlalchemy.exc import SAWarning, SQLAlchemyError

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SAWarning)  # of nbgrader's own queries
            try:
                self._put(result)
            except SQLAlchemyError as error:
                self.close()
                raise Unreadable(
                    f"{self.url.removeprefix('sqlite:///')}: cannot be written "
                    f"({getattr(error, 'orig', None) or error}); "
                    "move it away, or close what uses it, and grade again"
                ) from None

    def _put(self, result: Result) -> None:
        book = self._book
        stage = self.course.find(result.submission.stage)
        if stage.name not in self.assignments:
            self.assignments[stage.name] = _put_assignment(book, stage)
        _put_scores(book.db, self.assignments[stage.name], result)
        book.db.commit()

    def forget(self, student: str) -> int:
        """Delete a student with all scores and comments; returns how many submissions that were."""
        from nbgrader.api import MissingEntry

        try:
            count = len(self._book.student_submissions(student))
            self._book.remove_student(student)
        except MissingEntry:
            return 0
        vacuum(self._book.engine)
        return count

    @cached_property
    def _book(self) -> Any:
        from nbgrader.api import Gradebook

        _put_alembic_on_path()
        return self.opened.enter_context(Gradebook(self.url, self.course.package))

    def close(self) -> None:
        """Close the database; the next result opens it again."""
        self.opened.close()
        self.assignments.clear()
        vars(self).pop("_book", None)


@dataclass(frozen=True)
class Assignment:
    """The keys of a stage's rows; the rows themselves would be read again after each commit.

    `checks`: those of the course by name. `gone`: those that the course no longer has.
    """

    name: str
    id: str
    notebook: str
    solutions: frozenset[str]
    checks: Mapping[str, str]
    gone: frozenset[str]


def _put_assignment(gradebook: Any, stage: Stage) -> Assignment:
    name = stage.name
    assignment = gradebook.update_or_create_assignment(name)
    notebook = gradebook.update_or_create_notebook(name, name)
    for cell in stage.role("solution"):
        gradebook.update_or_create_solution_cell(cell.id, name, name)
    for cell in stage.role("check"):
        gradebook.update_or_create_grade_cell(
            cell.id, name, name, max_score=cell.points, cell_type="code"
        )
    checks = {cell.id for cell in stage.role("check")}
    gone = [cell for cell in notebook.grade_cells if cell.name not in checks]
    for cell in gone:
        cell.max_score = 0
    return Assignment(
        name,
        assignment.id,
        notebook.id,
        frozenset(cell.id for cell in notebook.solution_cells),
        {cell.name: cell.id for cell in notebook.grade_cells if cell.name in checks},
        frozenset(cell.id for cell in gone),
    )


def _put_scores(db: Any, assignment: Assignment, result: Result) -> None:
    """Add or change the rows of one submission; the caller commits."""
    from nbgrader.api import Comment, Grade
    from sqlalchemy import insert, select, update

    notebook = _submitted_notebook(db, assignment, result)
    if notebook is None:
        return
    commented = db.scalars(select(Comment.cell_id).filter_by(notebook_id=notebook))
    bare = assignment.solutions.difference(commented)
    if bare:
        db.execute(insert(Comment), [{"cell_id": cell, "notebook_id": notebook} for cell in bare])
    there = dict(db.execute(select(Grade.cell_id, Grade.id).filter_by(notebook_id=notebook)).all())
    scores = dict.fromkeys(assignment.gone & there.keys(), 0) | {
        assignment.checks[grade.check.id]: grade.points
        for grade in result.grades
        if grade.check.id in assignment.checks  # else the course no longer has it
    }
    rows = [
        {"cell_id": cell, "auto_score": score, "needs_manual_grade": result.status == "failed"}
        for cell, score in scores.items()
    ]
    old = [{**row, "id": there[row["cell_id"]]} for row in rows if row["cell_id"] in there]
    new = [{**row, "notebook_id": notebook} for row in rows if row["cell_id"] not in there]
    if old:
        db.execute(update(Grade), old)
    if new:
        db.execute(insert(Grade), new)


def _submitted_notebook(db: Any, assignment: Assignment, result: Result) -> str | None:
    """The submission's notebook, added where there is none; None if nothing was ever handed in."""
    from nbgrader.api import Student, SubmittedAssignment, SubmittedNotebook

    of_student = {"assignment_id": assignment.id, "student_id": result.submission.student}
    submission = _find(db, SubmittedAssignment, **of_student)
    of_submission = {"assignment_id": submission, "notebook_id": assignment.notebook}
    notebook = _find(db, SubmittedNotebook, **of_submission)
    if notebook or result.status == "missing":
        return notebook
    if _find(db, Student, id=result.submission.student) is None:
        _add(db, Student, id=result.submission.student)
    if submission is None:
        of_submission["assignment_id"] = _add(db, SubmittedAssignment, **of_student)
    return _add(db, SubmittedNotebook, **of_submission)


def _find(db: Any, table: Any, **columns: Any) -> str | None:
    """The id of the row with these values."""
    from sqlalchemy import select

    found: str | None = db.scalar(select(table.id).filter_by(**columns))
    return found


def _add(db: Any, table: Any, **columns: Any) -> str:
    """Add a row with these values; returns its id."""
    from nbgrader.api import new_uuid
    from sqlalchemy import insert

    row = {"id": new_uuid(), **columns}
    db.execute(insert(table), [row])
    id: str = row["id"]
    return id


def _put_alembic_on_path() -> None:
    """nbgrader calls the program `alembic`, which lies beside this Python."""
    folder, path = str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)
    if folder not in path.split(os.pathsep):
        os.environ["PATH"] = f"{folder}{os.pathsep}{path}"
