"""nbgrader's gradebook database, which formgrader, feedback and export read."""

import os
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mugrade.author.course import Course, Stage
from mugrade.errors import Unreadable
from mugrade.grader.results import Result


def write_gradebook(
    url: str,
    course: Course,
    results: Iterable[Result],
    written: Callable[[Result], None] = lambda result: None,
) -> None:
    """Put the scores into nbgrader's database; one commit per submission, then `written` is called.

    Manual scores and comments of the instructor stay as they are. Raises Unreadable if the
    database cannot be written.
    """
    from sqlalchemy.exc import SQLAlchemyError

    try:
        _write_gradebook(url, course, results, written)
    except SQLAlchemyError as error:
        raise Unreadable(
            f"{url.removeprefix('sqlite:///')}: cannot be written "
            f"({getattr(error, 'orig', None) or error}); "
            "move it away, or close what uses it, and grade again"
        ) from None


def _write_gradebook(
    url: str, course: Course, results: Iterable[Result], written: Callable[[Result], None]
) -> None:
    from nbgrader.api import Gradebook
    from sqlalchemy.exc import SAWarning

    _put_alembic_on_path()
    with warnings.catch_warnings(), Gradebook(url, course.package) as gradebook:
        warnings.simplefilter("ignore", SAWarning)  # of nbgrader's own queries
        known: dict[str, Assignment] = {}
        for result in results:
            stage = course.find(result.submission.stage)
            if stage.name not in known:
                known[stage.name] = _put_assignment(gradebook, stage)
            _put_scores(gradebook, known[stage.name], result)
            gradebook.db.commit()
            written(result)


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


def _put_scores(gradebook: Any, assignment: Assignment, result: Result) -> None:
    """Add or change the rows of one submission; the caller commits."""
    from nbgrader.api import Comment, Grade

    notebook = _submitted_notebook(gradebook, assignment, result)
    if notebook is None:
        return
    for cell in assignment.solutions - {comment.cell_id for comment in notebook.comments}:
        notebook.comments.append(Comment(cell_id=cell))
    rows = {grade.cell_id: grade for grade in notebook.grades}
    for cell in assignment.gone & rows.keys():
        rows[cell].auto_score = 0
    for grade in result.grades:
        if (id := assignment.checks.get(grade.check.id)) is None:
            continue  # a check that the course no longer has
        if id not in rows:
            rows[id] = Grade(cell_id=id)
            notebook.grades.append(rows[id])
        rows[id].auto_score = grade.points
        rows[id].needs_manual_grade = result.status == "failed"


def _submitted_notebook(gradebook: Any, assignment: Assignment, result: Result) -> Any:
    """The submission's row, added where there is none; None if nothing was ever handed in."""
    from nbgrader.api import MissingEntry, Student, SubmittedAssignment, SubmittedNotebook

    student = result.submission.student
    try:
        return gradebook.find_submission_notebook(assignment.name, assignment.name, student)
    except MissingEntry:
        if result.status == "missing":
            return None
    db = gradebook.db
    if db.get(Student, student) is None:
        db.add(Student(id=student))
    keys = {"assignment_id": assignment.id, "student_id": student}
    submission = db.query(SubmittedAssignment).filter_by(**keys).one_or_none()
    notebook = SubmittedNotebook(notebook_id=assignment.notebook, grades=[], comments=[])
    notebook.assignment = submission or SubmittedAssignment(**keys)
    db.add(notebook)
    return notebook


def _put_alembic_on_path() -> None:
    """nbgrader calls the program `alembic`, which lies beside this Python."""
    folder, path = str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)
    if folder not in path.split(os.pathsep):
        os.environ["PATH"] = f"{folder}{os.pathsep}{path}"
