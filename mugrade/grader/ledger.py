"""What teachers say in the formgrader, read from nbgrader's gradebook.

Beside nbgrader's tables the gradebook has one of ours: of each submitted notebook the digests of
the code that it shows, so that it is known what a score or a comment was given for.
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, inspect, text
from sqlalchemy.exc import SQLAlchemyError

from mugrade.errors import Unreadable
from mugrade.grader.final import NOTHING_SAID, Reviews
from mugrade.grader.models import Review
from mugrade.grader.store import Store
from mugrade.grader.submissions import Key

GRADEBOOK = "gradebook.db"
SHOWN = "mugrade_shown"
CREATE = f"CREATE TABLE IF NOT EXISTS {SHOWN} (notebook_id TEXT PRIMARY KEY, codes TEXT NOT NULL)"
SHOW = f"INSERT OR REPLACE INTO {SHOWN} VALUES (:notebook, :codes)"
FORGET = f"DELETE FROM {SHOWN} WHERE notebook_id NOT IN (SELECT id FROM submitted_notebook)"
OF_NOTEBOOK = """
JOIN base_cell ON base_cell.id = cell_id
JOIN submitted_notebook AS submitted ON submitted.id = said.notebook_id
JOIN notebook ON notebook.id = submitted.notebook_id
JOIN submitted_assignment ON submitted_assignment.id = submitted.assignment_id
JOIN assignment ON assignment.id = submitted_assignment.assignment_id
WHERE notebook.name = assignment.name
"""
LISTED = "(SELECT value FROM json_each(:{}))"
OF_HEARD = f"""said.notebook_id IN (
    SELECT shown.id FROM submitted_notebook AS shown
    JOIN submitted_assignment AS handed_in ON handed_in.id = shown.assignment_id
    WHERE handed_in.student_id IN {LISTED.format("heard")}
)"""
OF_COMMENTED = "said.notebook_id IN (SELECT notebook_id FROM comment WHERE manual_comment <> '')"
SAME = "same.name = base_cell.name AND same.notebook_id = base_cell.notebook_id"
SAID = f"""
SELECT submitted.id AS notebook, student_id AS student, assignment.name AS stage,
    base_cell.name AS cell, manual_score AS manual, extra_credit AS extra, (
        SELECT manual_comment FROM base_cell AS same JOIN comment ON comment.cell_id = same.id
        WHERE {SAME} AND same.type = 'SolutionCell' AND comment.notebook_id = said.notebook_id
    ) AS comment, needs_manual_grade AS waits
FROM grade AS said {OF_NOTEBOOK} {{some}}
    AND (manual_score IS NOT NULL OR extra_credit <> 0 OR {OF_COMMENTED} OR {OF_HEARD})
UNION ALL
SELECT submitted.id, student_id, assignment.name, base_cell.name, NULL, NULL, manual_comment, 1
FROM comment AS said {OF_NOTEBOOK} {{some}}
    AND (manual_comment <> '' OR {OF_HEARD})
    AND NOT EXISTS (SELECT 1 FROM base_cell AS same WHERE {SAME} AND same.type = 'GradeCell')
"""  # of a written answer the comment comes with the score: both are of the same cell


def note_shown(connection: Connection, codes: Mapping[str, Mapping[str, str]]) -> None:
    """Note which code, by cell, submitted notebooks show from now on."""
    rows = [{"notebook": id, "codes": json.dumps(dict(of))} for id, of in codes.items()]
    connection.execute(text(SHOW), rows)


def news(
    connection: Connection, reviews: Mapping[Key, Reviews], notebooks: Sequence[str] | None = None
) -> Iterator[Review]:
    """What the gradebook says, of all submissions or of some, that is not known from before."""
    heard = {student for student, _ in reviews}
    rows = _rows(connection, SAID, "submitted.id", notebooks, heard)
    shown = _shown(connection, {row.notebook for row in rows})
    for row in rows:
        said = reviews.get((row.student, row.stage), NOTHING_SAID)
        if not said.said and not (row.extra or row.comment) and row.manual is None:
            continue
        codes = json.loads(shown.get(row.notebook, "null"))
        if codes is not None and row.cell not in codes:
            continue  # of a check that was gone
        word = _word(row, codes[row.cell] if codes else "")
        if said.is_news(word, row.waits):
            yield word


def _word(row: Any, code: str) -> Review:
    return Review(
        student=row.student,
        stage=row.stage,
        cell=row.cell,
        code=code,
        manual=row.manual,
        extra=row.extra or 0,
        comment=row.comment or "",
        at=datetime.now(UTC),
    )


def _shown(connection: Connection, notebooks: Collection[str]) -> dict[str, str]:
    """Submitted notebook -> its codes as JSON; a gradebook of mugrade 0.1 does not know any."""
    if not inspect(connection).has_table(SHOWN):
        return {}
    query = f"SELECT notebook_id, codes FROM {SHOWN} WHERE true {{some}}"
    return {
        row.notebook_id: row.codes for row in _rows(connection, query, "notebook_id", notebooks)
    }


def _rows(
    connection: Connection,
    query: str,
    column: str,
    notebooks: Collection[str] | None,
    heard: Collection[str] = (),
) -> Sequence[Any]:
    """What a query answers of all submitted notebooks, or of some."""
    some = "" if notebooks is None else f"AND {column} IN {LISTED.format('notebooks')}"
    lists = {"notebooks": json.dumps(list(notebooks or ())), "heard": json.dumps(list(heard))}
    return connection.execute(text(query.format(some=some)), lists).all()


def listen(store: Store, path: Path) -> int:
    """Keep in the store what is new in the gradebook at `path`, if there is one.

    Returns how much that was; raises Unreadable.
    """
    if not path.exists():
        return 0
    engine = create_engine(f"sqlite:///{path.resolve()}")
    try:
        with closing(engine.connect()) as connection:
            found = list(news(connection, store.reviews()))
    except SQLAlchemyError as error:
        raise Unreadable(
            f"{path}: cannot be read ({getattr(error, 'orig', None) or error}); "
            "move it away, or close what uses it"
        ) from None
    finally:
        engine.dispose()
    if found:
        store.hear(found)
    return len(found)
