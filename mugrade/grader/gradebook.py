"""Where grades are kept: nbgrader's gradebook database and a CSV table."""

import csv
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mugrade.author.course import Course
from mugrade.grader.grade import Result
from mugrade.grader.submissions import Unreadable
from mugrade.messages import printable

COLUMNS = ("student", "stage", "check", "points", "max_points", "verdict")
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def write_gradebook(url: str, course: Course, results: Sequence[Result]) -> None:
    """Put the scores into nbgrader's database; one commit per submission.

    Manual scores and comments of the instructor stay as they are. Raises Unreadable if the
    database cannot be written.
    """
    from sqlalchemy.exc import DBAPIError

    try:
        _write_gradebook(url, course, results)
    except DBAPIError as error:
        raise Unreadable(
            f"{url.removeprefix('sqlite:///')}: cannot be written ({error.orig}); "
            "move it away, or close what uses it, and grade again"
        ) from None


def _write_gradebook(url: str, course: Course, results: Sequence[Result]) -> None:
    from nbgrader.api import Gradebook
    from sqlalchemy.exc import SAWarning

    _put_alembic_on_path()
    with warnings.catch_warnings(), Gradebook(url, course.package) as gradebook:
        warnings.simplefilter("ignore", SAWarning)  # of nbgrader's own queries
        for name in dict.fromkeys(r.submission.stage for r in results):
            gradebook.update_or_create_assignment(name)
            gradebook.update_or_create_notebook(name, name)
            for cell in course.find(name).role("solution"):
                gradebook.update_or_create_solution_cell(cell.id, name, name)
            for cell in course.find(name).role("check"):
                gradebook.update_or_create_grade_cell(
                    cell.id, name, name, max_score=cell.points, cell_type="code"
                )
        for result in results:
            student, stage = result.submission.student, result.submission.stage
            gradebook.update_or_create_student(student)
            if result.status == "missing":
                continue
            gradebook.update_or_create_submission(stage, student)
            for grade in result.grades:
                row = _row(gradebook, grade.check.id, stage, student)
                row.auto_score = grade.points
                row.needs_manual_grade = result.status == "failed"
            gradebook.db.commit()


def _row(gradebook: Any, check: str, stage: str, student: str) -> Any:
    """The row of a check, also of one that the course has gained since it was first graded."""
    from nbgrader.api import Grade, MissingEntry

    try:
        return gradebook.find_grade(check, stage, stage, student)
    except MissingEntry:
        cell = gradebook.find_grade_cell(check, stage, stage)
        notebook = gradebook.find_submission_notebook(stage, stage, student)
        gradebook.db.add(Grade(cell_id=cell.id, notebook=notebook))
        gradebook.db.commit()
        return gradebook.find_grade(check, stage, stage, student)


def _put_alembic_on_path() -> None:
    """nbgrader calls the program `alembic`, which lies beside this Python."""
    folder, path = str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)
    if folder not in path.split(os.pathsep):
        os.environ["PATH"] = f"{folder}{os.pathsep}{path}"


def write_csv(path: Path, results: Sequence[Result]) -> None:
    """One row per student, stage and check; cells that a spreadsheet would run are defused."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for result in results:
            who = (safe(printable(result.submission.student)), result.submission.stage)
            for grade in result.grades:
                entry = grade.check
                writer.writerow(
                    [*who, entry.id, grade.points, entry.points, grade.verdict.category]
                )


def safe(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text
