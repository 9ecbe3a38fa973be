"""The rows of submissions to one assignment in nbgrader's gradebook, many at once."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, Table, bindparam, insert, select, update

from mugrade.grader import ledger
from mugrade.grader.final import CheckScore
from mugrade.grader.models import Review
from mugrade.grader.outputs.assignments import Assignment, Tables
from mugrade.grader.policy import Standing
from mugrade.grader.results import Status

Of = Mapping[str, Standing]  # the id of a submitted notebook -> what counts


def put_scores(
    db: Connection, tables: Tables, assignment: Assignment, standings: Sequence[Standing]
) -> list[Review]:
    """Add or change the rows of submissions; the caller commits.

    If the teacher has said there what a standing does not know, nothing of it is written, and that
    is returned.
    """
    notebooks = _notebooks(db, tables, assignment, standings)
    there = [standing for standing in standings if standing.student in notebooks]
    known = {standing.key: standing.reviews for standing in there}
    news = list(ledger.news(db, known, list(notebooks.values())))
    untold = {word.student for word in news}
    if of := {notebooks[s.student]: s for s in there if s.student not in untold}:
        _put(db, tables["comment"], of, _comments(assignment, of), change=False)
        _put(db, tables["grade"], of, _grades(assignment, of))
        _put_penalties(db, tables["submitted_notebook"], of)
        ledger.note_shown(db, {id: _codes(assignment, standing) for id, standing in of.items()})
    return news


def _notebooks(
    db: Connection, tables: Tables, assignment: Assignment, standings: Sequence[Standing]
) -> dict[str, str]:
    """Student -> submitted notebook, added where there is none and something was handed in."""
    student, notebook = tables["student"], tables["submitted_notebook"]
    submission = tables["submitted_assignment"]
    names = [standing.student for standing in standings]
    handed_in = submission.c.assignment_id == assignment.id
    of = _pairs(db, submission.c.student_id, submission.c.id, names, handed_in)
    of_stage = notebook.c.notebook_id == assignment.notebook
    there = _pairs(db, notebook.c.assignment_id, notebook.c.id, list(of.values()), of_stage)
    found = {name: there[id] for name, id in of.items() if id in there}
    new = [s.student for s in standings if s.status != Status.MISSING and s.student not in found]
    known = _pairs(db, student.c.id, student.c.id, new)
    _add(db, student, [{"id": name} for name in new if name not in known])
    ids = {name: _new_id() for name in new if name not in of}
    both = {"assignment_id": assignment.id}
    _add(db, submission, [{"id": id, "student_id": name, **both} for name, id in ids.items()])
    made = {name: _new_id() for name in new}
    of_both = {"notebook_id": assignment.notebook, "flagged": False}
    rows = ((id, (of | ids)[name]) for name, id in made.items())
    _add(db, notebook, [{"id": id, "assignment_id": whose, **of_both} for id, whose in rows])
    return found | made


def _pairs(db: Connection, key: Any, value: Any, keys: Sequence[str], *more: Any) -> dict[str, str]:
    """Two columns of the rows with some keys."""
    rows = db.execute(select(key, value).where(key.in_(keys), *more))
    return {key: value for key, value in rows}


def _add(db: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        db.execute(insert(table), rows)


def _put(
    db: Connection, table: Table, of: Of, rows: Iterator[dict[str, Any]], change: bool = True
) -> None:
    """Add the rows of submitted notebooks' cells, and change those that are there, if at all.

    Nothing is added of what nobody was given a score for.
    """
    c = table.c
    there = select(c.notebook_id, c.cell_id, c.id).where(c.notebook_id.in_(of))
    ids = {(notebook, cell): id for notebook, cell, id in db.execute(there)}
    new, old = [], []
    for row in rows:
        is_given, key = row.pop("is_given"), (row["notebook_id"], row["cell_id"])
        if key in ids:
            old.append({**row, "of": ids[key]})
        elif is_given:
            new.append({**row, "id": _new_id()})
    _add(db, table, new)
    if old and change:
        db.execute(update(table).where(c.id == bindparam("of")), old)


def _comments(assignment: Assignment, of: Of) -> Iterator[dict[str, Any]]:
    """A comment for each exercise, which is the teacher's; empty where nothing was said."""
    for notebook, standing in of.items():
        for name, cell in assignment.solutions.items():
            text = standing.reviews.comment(name) or None
            yield {
                "notebook_id": notebook,
                "cell_id": cell,
                "manual_comment": text,
                "is_given": True,
            }


def _grades(assignment: Assignment, of: Of) -> Iterator[dict[str, Any]]:
    """The scores of each check; zero for one that was not graded, where there is a row of it.

    None for an answer that waits for a teacher; nbgrader adds no extra credit to that.
    """
    for notebook, standing in of.items():
        for name, cell in assignment.cells.items():
            score = standing.scores.get(name, CheckScore(0))
            failed = standing.status == Status.FAILED and score.manual is None
            is_given = name in standing.scores
            yield {
                "notebook_id": notebook,
                "cell_id": cell,
                "auto_score": None if score.waits and not score.extra else score.automatic,
                "manual_score": score.manual,
                "extra_credit": score.extra or None,
                "needs_manual_grade": bool(score.look) or (failed and is_given),
                "is_given": is_given,
            }


def _put_penalties(db: Connection, notebook: Table, of: Of) -> None:
    rows = [{"of": id, "late_submission_penalty": s.penalty or None} for id, s in of.items()]
    db.execute(update(notebook).where(notebook.c.id == bindparam("of")), rows)


def _codes(assignment: Assignment, standing: Standing) -> dict[str, str]:
    """Cell -> the digest of its code."""
    checks = standing.attempt.checks
    of = {row.exercise: row.code for row in checks} | {row.check: row.code for row in checks}
    return dict.fromkeys(assignment.solutions, "") | of


def _new_id() -> str:
    return uuid4().hex
