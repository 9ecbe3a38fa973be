"""Who is in the class, as a table says."""

import csv
from collections.abc import Mapping
from pathlib import Path

from mugrade.errors import Unreadable

STUDENT, NAME = ("student", "id", "username"), "name"
Roster = Mapping[str, str]


def read_roster(path: Path) -> Roster:
    """Student -> name, from a CSV file with a header; raises Unreadable.

    The student's id stands in the column student, or else id, or else username; a name, which may
    be absent, in the column name.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.reader(file, strict=True))
    except OSError as error:
        raise Unreadable(f"{path}: the roster cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise Unreadable(f"{path}: the roster is not UTF-8 text: save it as CSV UTF-8") from None
    except csv.Error as error:
        raise Unreadable(f"{path}: the roster is not CSV ({error})") from None
    header = [cell.strip().lower() for cell in rows[0]] if rows else []
    column = next((header.index(name) for name in STUDENT if name in header), None)
    if column is None:
        there = ", ".join(header) or "nothing"
        raise Unreadable(
            f"{path}: the roster's first line names no column {', '.join(STUDENT[:-1])} or "
            f"{STUDENT[-1]}; it says {there}"
        )
    named = header.index(NAME) if NAME in header else None
    return _students(path, rows, column, named)


def _students(path: Path, rows: list[list[str]], column: int, named: int | None) -> Roster:
    roster: dict[str, str] = {}
    for line, row in enumerate(rows[1:], 2):
        if not any(cell.strip() for cell in row):
            continue
        student = row[column].strip() if column < len(row) else ""
        if not student:
            raise Unreadable(f"{path}: row {line} of the roster names no student")
        if student in roster:
            raise Unreadable(f"{path}: row {line} of the roster names {student} again")
        roster[student] = row[named].strip() if named is not None and named < len(row) else ""
    if not roster:
        raise Unreadable(f"{path}: the roster names no student")
    return roster
