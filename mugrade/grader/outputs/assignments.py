"""A stage as an assignment of nbgrader's gradebook, which nbgrader itself makes and changes.

It takes seconds to load, so that it is asked only where something is not yet as it should be.
"""

import warnings
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, select
from sqlalchemy.exc import SAWarning

from mugrade.course.cells import FILLED_IN, Cell, Role
from mugrade.course.model import Course, Stage

Tables = Mapping[str, Table]
GRADED, SOLVED = "GradeCell", "SolutionCell"  # kinds of cell, as nbgrader calls them


@dataclass(frozen=True)
class Assignment:
    """The keys of a stage's rows: `solutions` and `cells`, which are the checks, by name.

    A written answer is in both. A check whose points are a bonus is worth 0 there, and gets its
    points all the same: so nbgrader adds up as mugrade does, and its field for extra credit is left
    to the teacher.
    """

    id: str
    notebook: str
    solutions: Mapping[str, str]
    cells: Mapping[str, str]


def assignment_in(db: Connection, tables: Tables, stage: Stage) -> Assignment | None:
    """The rows of a stage, if they are as the course has them now."""
    assignment, notebook = tables["assignment"], tables["notebook"]
    cell, graded = tables["base_cell"], tables["grade_cells"]
    of_stage = (assignment.c.name == stage.name) & (notebook.c.name == stage.name)
    both = assignment.join(notebook, notebook.c.assignment_id == assignment.c.id)
    found = db.execute(
        select(assignment.c.id, notebook.c.id.label("notebook")).select_from(both).where(of_stage)
    ).first()
    if found is None:
        return None
    every = cell.outerjoin(graded, graded.c.id == cell.c.id)
    columns = cell.c.id, cell.c.name, cell.c.type, graded.c.max_score
    rows = db.execute(
        select(*columns).select_from(every).where(cell.c.notebook_id == found.notebook)
    ).all()
    worth = {row.name: row.max_score for row in rows if row.type == GRADED and row.max_score}
    solutions = {row.name: row.id for row in rows if row.type == SOLVED}
    cells = {row.name: row.id for row in rows if row.type == GRADED}
    wanted, written = _graded(stage), {cell.id for cell in _filled_in(stage)}
    most = {cell.id: cell.points for cell in wanted if not cell.optional}
    there = solutions.keys() >= written and all(cell.id in cells for cell in wanted)
    if worth != most or not there:
        return None
    return Assignment(found.id, found.notebook, solutions, cells)


def put_assignment(url: str, course: Course, stage: Stage, checks: Collection[str]) -> None:
    """Make or change the rows of a stage; of `checks`, one that it has no more is worth nothing."""
    with nbgraders_gradebook(url, course) as book:
        name = stage.name
        book.update_or_create_assignment(name)
        notebook = book.update_or_create_notebook(name, name)
        for cell in _filled_in(stage):
            book.update_or_create_solution_cell(cell.id, name, name)
        points = {cell.id: 0 if cell.optional else cell.points for cell in _graded(stage)}
        answers = {cell.id for cell in stage.role(Role.ANSWER)}
        gone = {cell.name for cell in notebook.grade_cells} | {*checks}
        for check, worth in (dict.fromkeys(sorted(gone), 0) | points).items():
            kind = "markdown" if check in answers else "code"
            book.update_or_create_grade_cell(check, name, name, max_score=worth, cell_type=kind)
        book.db.commit()


def _graded(stage: Stage) -> list[Cell]:
    return [cell for cell in stage.role(Role.CHECK, Role.ANSWER) if cell.points]


def _filled_in(stage: Stage) -> list[Cell]:
    """The cells that a teacher can comment on: exercises, and answers that give points."""
    return [c for c in stage.role(*FILLED_IN) if c.role == Role.SOLUTION or c.points]


@contextmanager
def nbgraders_gradebook(url: str, course: Course) -> Iterator[Any]:
    """The gradebook in nbgrader's own hands; it is made if there is none."""
    from nbgrader import api

    api.get_alembic_version = _newest_revision
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)  # of nbgrader's own queries
        with api.Gradebook(url, course.package) as book:
            yield book


def _newest_revision() -> str | None:
    """Of nbgrader's tables; nbgrader itself starts a program to ask, which takes seconds."""
    import nbgrader
    from alembic.script import ScriptDirectory

    return ScriptDirectory(str(Path(nbgrader.__file__).parent / "alembic")).get_current_head()
