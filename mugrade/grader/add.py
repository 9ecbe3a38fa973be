"""Finished results become rows of the results database, many in one transaction."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, delete, func, insert, select, tuple_
from sqlalchemy.orm import Session

from mugrade.grader.attempts import Basis, next_row
from mugrade.grader.models import Attempt, Base, CheckRow, Earlier, NotebookRow
from mugrade.grader.results import PackedNotebook, Result
from mugrade.grader.submissions import Key


def add_results(session: Session, finished: Sequence[tuple[Result, Basis]]) -> None:
    """Add results as their students' next attempts; the caller commits.

    That nothing was handed in replaces only that nothing was handed in before. Rows are added in
    the same order by everybody, so that no two graders wait for each other.
    """
    histories = _histories(session, {r.submission.key for r, _ in finished})
    absences = [a.id for history in histories.values() for a in history if a.number == 0]
    rows: dict[tuple[Key, int], tuple[dict[str, Any], Result]] = {}
    for result, basis in finished:
        key = result.submission.key
        row = next_row(histories[key], result, basis)
        histories[key].append(Attempt(**row))
        rows[key, row["number"]] = row, result
    if again := {key for key, number in rows if number == 0}:
        of_them = tuple_(Attempt.student, Attempt.stage).in_(again)
        delete_attempts(session, Attempt.id.in_(absences), of_them)
    _keep(session, (n for r, _ in finished for n in (r.notebook, *r.earlier.values()) if n))
    _insert(session, [rows[key] for key in sorted(rows)])


def _histories(session: Session, keys: Iterable[Key]) -> dict[Key, list[Attempt]]:
    found: dict[Key, list[Attempt]] = defaultdict(list)
    of = tuple_(Attempt.student, Attempt.stage).in_(keys)
    for attempt in session.scalars(select(Attempt).where(of)):
        found[attempt.student, attempt.stage].append(attempt)
    return found


def _keep(session: Session, notebooks: Iterable[PackedNotebook]) -> None:
    """Add the notebooks that are not kept yet."""
    of = {notebook.sha256: notebook.packed for notebook in notebooks}
    kept = set(session.scalars(select(NotebookRow.sha256).where(NotebookRow.sha256.in_(of))))
    new = [{"sha256": id, "packed": of[id]} for id in sorted(of.keys() - kept)]
    if new:
        session.execute(insert(NotebookRow), new)


def _insert(session: Session, rows: Sequence[tuple[dict[str, Any], Result]]) -> None:
    """Add attempts, with what they were graded on and their checks."""
    adding = insert(Attempt).returning(Attempt.id, sort_by_parameter_order=True)
    ids = session.scalars(adding, [row for row, _ in rows]).all()
    earlier, checks = [], []
    for id, (_, result) in zip(ids, rows, strict=True):
        for stage, notebook in result.earlier.items():
            earlier.append({"attempt_id": id, "stage": stage, "notebook": notebook.sha256})
        for position, grade in enumerate(result.grades):
            checks.append({"attempt_id": id, "position": position, **grade.columns})
    for table, of_attempts in ((Earlier, earlier), (CheckRow, checks)):
        if of_attempts:
            session.execute(insert(table), of_attempts)


def delete_attempts(session: Session, *which: ColumnElement[bool]) -> int:
    """Delete attempts with all that belongs to them; returns how many there were."""
    ids = select(Attempt.id).where(*which)
    for table in Base.metadata.sorted_tables:
        if "attempt_id" in table.columns:
            session.execute(delete(table).where(table.columns.attempt_id.in_(ids)))
    count = session.scalar(select(func.count()).where(*which)) or 0
    session.execute(delete(Attempt).where(*which))
    return count
