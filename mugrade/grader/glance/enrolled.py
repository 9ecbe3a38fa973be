"""Who is in the class and in which section, as the columns of a roster say."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mugrade.grader.roster import STUDENT, read_roster

SECTION = ("section", "group")


@dataclass(frozen=True)
class Enrolled:
    """Student -> name, and student -> section; empty where none is told."""

    names: Mapping[str, str] = field(default_factory=dict)
    sections: Mapping[str, str] = field(default_factory=dict)


def read_enrolled(path: Path) -> Enrolled:
    """The students of a roster, with the column `section` or `group`; raises Unreadable."""
    names = read_roster(path)
    with path.open(newline="", encoding="utf-8-sig") as file:
        header, *rows = csv.reader(file)
    columns = [cell.strip().lower() for cell in header]
    section = next((columns.index(name) for name in SECTION if name in columns), None)
    if section is None:
        return Enrolled(names, dict.fromkeys(names, ""))
    student = next(columns.index(name) for name in STUDENT if name in columns)
    told = {row[student].strip(): row[section].strip() for row in rows if len(row) > section}
    return Enrolled(names, {who: told.get(who, "") for who in names})
