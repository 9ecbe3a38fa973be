"""nbgrader's gradebook database, which formgrader, feedback and export read."""

import os
import sys
import warnings
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from mugrade.course.cells import Role
from mugrade.course.model import Course, Stage
from mugrade.errors import Unreadable
from mugrade.grader import ledger
from mugrade.grader.final import CheckScore
from mugrade.grader.models import Review
from mugrade.grader.policy import Standing
from mugrade.grader.results import Result, Status
from mugrade.grader.vacuum import vacuum


class Scores:
    """nbgrader's gradebook at `url`, opened for the first result.

    Comments of the teacher stay as they are, manual scores where they were given for the same code.
    """

    def __init__(self, url: str, course: Course) -> None:
        self.url, self.course = url, course
        self.assignments: dict[str, Assignment] = {}
        self.opened = ExitStack()

    def put(self, standing: Standing) -> list[Review]:
        """Add or change the scores of one submission, in one commit.

        If the teacher has said there what `standing` does not know, nothing is written, and that
        is returned. Raises Unreadable if the database cannot be written.
        """
        from sqlalchemy.exc import SAWarning, SQLAlchemyError

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SAWarning)  # of nbgrader's own queries
            try:
                return self._put(standing)
            except SQLAlchemyError as error:
                self.close()
                raise Unreadable(
                    f"{self.url.removeprefix('sqlite:///')}: cannot be written "
                    f"({getattr(error, 'orig', None) or error}); "
                    "move it away, or close what uses it, and grade again"
                ) from None
            except BaseException:
                self.close()  # nothing half done is left open
                raise

    def _put(self, standing: Standing) -> list[Review]:
        assignment, db = self._assignment(standing), self._book.db
        db.connection().exec_driver_sql("BEGIN IMMEDIATE")  # the formgrader has to wait
        notebook = _submitted_notebook(db, assignment, standing.result)
        found: list[Review] = []
        if notebook is not None:
            known = {standing.key: standing.reviews}
            found = list(ledger.news(db.connection(), known, notebook))
        if found:
            db.rollback()
            return found
        if notebook is not None:
            _put_scores(db, assignment, notebook, standing)
        db.commit()
        return []

    def _assignment(self, standing: Standing) -> "Assignment":
        """The stage's rows; a check that the course no longer has is worth nothing there."""
        book, stage = self._book, self.course.find(standing.stage)
        name = stage.name
        if name not in self.assignments:
            self.assignments[name] = _put_assignment(book, stage)
        cells = self.assignments[name].cells
        for check in standing.scores.keys() - cells.keys():
            kind = {"max_score": 0, "cell_type": "code"}
            cells[check] = book.update_or_create_grade_cell(check, name, name, **kind).id
            book.db.commit()
        return self.assignments[name]

    def forget(self, student: str) -> int:
        """Delete a student with all scores and comments; returns how many submissions that were."""
        from nbgrader.api import MissingEntry

        try:
            count = len(self._book.student_submissions(student))
            self._book.remove_student(student)
        except MissingEntry:
            return 0
        self._book.db.connection().exec_driver_sql(ledger.FORGET)
        self._book.db.commit()
        vacuum(self._book.engine)
        return count

    @cached_property
    def _book(self) -> Any:
        from nbgrader.api import Gradebook

        _put_alembic_on_path()
        book = self.opened.enter_context(Gradebook(self.url, self.course.package))
        book.db.connection().exec_driver_sql(ledger.CREATE)
        book.db.commit()
        return book

    def close(self) -> None:
        """Close the database; the next result opens it again."""
        self.opened.close()
        self.assignments.clear()
        vars(self).pop("_book", None)


@dataclass(frozen=True)
class Assignment:
    """The keys of a stage's rows; the rows themselves would be read again after each commit.

    `solutions` and `cells`, which are the checks, by name.
    """

    name: str
    id: str
    notebook: str
    solutions: dict[str, str]
    cells: dict[str, str]


def _put_assignment(gradebook: Any, stage: Stage) -> Assignment:
    name = stage.name
    assignment = gradebook.update_or_create_assignment(name)
    notebook = gradebook.update_or_create_notebook(name, name)
    for cell in stage.role(Role.SOLUTION):
        gradebook.update_or_create_solution_cell(cell.id, name, name)
    for cell in stage.role(Role.CHECK):
        gradebook.update_or_create_grade_cell(
            cell.id, name, name, max_score=cell.points, cell_type="code"
        )
    checks = {cell.id for cell in stage.role(Role.CHECK)}
    for cell in notebook.grade_cells:
        if cell.name not in checks:
            cell.max_score = 0
    found = Assignment(
        name,
        assignment.id,
        notebook.id,
        {cell.name: cell.id for cell in notebook.solution_cells},
        {cell.name: cell.id for cell in notebook.grade_cells},
    )
    gradebook.db.commit()
    return found


def _put_scores(db: Any, assignment: Assignment, notebook: str, standing: Standing) -> None:
    """Add or change the rows of one submission; the caller commits."""
    from nbgrader.api import Comment, Grade, SubmittedNotebook
    from sqlalchemy import insert, select, update

    commented = set(db.scalars(select(Comment.cell_id).filter_by(notebook_id=notebook)))
    bare = [
        {"cell_id": id, "notebook_id": notebook, "manual_comment": _comment(standing, name)}
        for name, id in assignment.solutions.items()
        if id not in commented
    ]
    if bare:
        db.execute(insert(Comment), bare)
    there = dict(db.execute(select(Grade.cell_id, Grade.id).filter_by(notebook_id=notebook)).all())
    rows = [{"cell_id": id, **_scores(standing, name)} for name, id in assignment.cells.items()]
    old = [{**row, "id": there[row["cell_id"]]} for row in rows if row["cell_id"] in there]
    given = {assignment.cells[check] for check in standing.scores}
    new = [row for row in rows if row["cell_id"] in given - there.keys()]
    if old:
        db.execute(update(Grade), old)
    if new:
        db.execute(insert(Grade), [{**row, "notebook_id": notebook} for row in new])
    late = {"late_submission_penalty": standing.penalty or None}
    db.execute(update(SubmittedNotebook), [{"id": notebook, **late}])
    ledger.note_shown(db.connection(), notebook, _codes(assignment, standing))


def _scores(standing: Standing, check: str) -> dict[str, Any]:
    """The columns of a check; nothing of a check that was not graded."""
    score = standing.scores.get(check, CheckScore(0))
    failed = standing.status == Status.FAILED and score.manual is None
    return {
        "auto_score": score.automatic,
        "manual_score": score.manual,
        "extra_credit": score.extra or None,
        "needs_manual_grade": bool(score.look) or (failed and check in standing.scores),
    }


def _comment(standing: Standing, exercise: str) -> str | None:
    return standing.reviews.comment(exercise) or None


def _codes(assignment: Assignment, standing: Standing) -> dict[str, str]:
    """Cell -> the digest of its code."""
    checks = standing.attempt.checks
    of = {row.exercise: row.code for row in checks} | {row.check: row.code for row in checks}
    return dict.fromkeys(assignment.solutions, "") | of


def _submitted_notebook(db: Any, assignment: Assignment, result: Result) -> str | None:
    """The submission's notebook, added where there is none; None if nothing was ever handed in."""
    from nbgrader.api import Student, SubmittedAssignment, SubmittedNotebook

    of_student = {"assignment_id": assignment.id, "student_id": result.submission.student}
    submission = _find(db, SubmittedAssignment, **of_student)
    of_submission = {"assignment_id": submission, "notebook_id": assignment.notebook}
    notebook = _find(db, SubmittedNotebook, **of_submission)
    if notebook or result.status == Status.MISSING:
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
