"""nbgrader's gradebook database, which formgrader, feedback and export read."""

import os
import sys
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from mugrade.author.course import Course, Stage
from mugrade.grader.results import Result
from mugrade.grader.submissions import Unreadable


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
        known: set[str] = set()
        for result in results:
            stage = course.find(result.submission.stage)
            if stage.name not in known:
                _put_assignment(gradebook, stage)
                known.add(stage.name)
            _put_scores(gradebook, stage, result)
            gradebook.db.commit()
            written(result)


def _put_assignment(gradebook: Any, stage: Stage) -> None:
    name = stage.name
    gradebook.update_or_create_assignment(name)
    gradebook.update_or_create_notebook(name, name)
    for cell in stage.role("solution"):
        gradebook.update_or_create_solution_cell(cell.id, name, name)
    for cell in stage.role("check"):
        gradebook.update_or_create_grade_cell(
            cell.id, name, name, max_score=cell.points, cell_type="code"
        )


def _put_scores(gradebook: Any, stage: Stage, result: Result) -> None:
    """Add or change the rows of one submission; the caller commits."""
    from nbgrader.api import Comment, Grade

    notebook = _submitted_notebook(gradebook, stage.name, result)
    if notebook is None:
        return
    comments = {comment.cell_id for comment in notebook.comments}
    rows = {grade.cell_id: grade for grade in notebook.grades}
    for cell in notebook.notebook.solution_cells:
        if cell.id not in comments:
            gradebook.db.add(Comment(cell_id=cell.id, notebook=notebook))
    cells = {cell.name: cell.id for cell in notebook.notebook.grade_cells}
    for grade in result.grades:
        if (id := cells.get(grade.check.id)) is None:
            continue  # a check that the course no longer has
        row = rows.get(id)
        if row is None:
            row = Grade(cell_id=id, notebook=notebook)
            gradebook.db.add(row)
        row.auto_score = grade.points
        row.needs_manual_grade = result.status == "failed"


def _submitted_notebook(gradebook: Any, stage: str, result: Result) -> Any:
    """The submission's row, added where there is none; None if nothing was ever handed in."""
    from nbgrader.api import MissingEntry, Student, SubmittedAssignment, SubmittedNotebook

    name = result.submission.student
    try:
        student = gradebook.find_student(name)
    except MissingEntry:
        student = Student(id=name)
        gradebook.db.add(student)
    try:
        return gradebook.find_submission_notebook(stage, stage, name)
    except MissingEntry:
        if result.status == "missing":
            return None
    submission = SubmittedAssignment(assignment=gradebook.find_assignment(stage), student=student)
    notebook = SubmittedNotebook(
        notebook=gradebook.find_notebook(stage, stage), assignment=submission
    )
    gradebook.db.add(submission)
    return notebook


def _put_alembic_on_path() -> None:
    """nbgrader calls the program `alembic`, which lies beside this Python."""
    folder, path = str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)
    if folder not in path.split(os.pathsep):
        os.environ["PATH"] = f"{folder}{os.pathsep}{path}"
