"""Blackboard: the file of Grade Center > Work Offline > Download, and of Upload.

A column of points is called `NAME [Total Pts: 100 Score] |ID`; a student is known by the user name.
The file is UTF-16 with tabs, or CSV, and goes back as it came.
"""

import re
from collections.abc import Sequence

from mugrade.grader.exports.gradebook import PlatformTable
from mugrade.sheet import Sheet, number_in

COLUMN = re.compile(r"(?P<name>.+?) \[[^\d\]]*(?P<most>[\d.,]*)[^\]]*\] ?\|\d+")
OF_STUDENT = ("Last Name", "First Name", "Username", "Student ID", "Availability")


class BlackboardTable(PlatformTable):
    """Blackboard's grade centre."""

    name = "Blackboard"
    keys = ("Username", "Student ID")

    @property
    def missing(self) -> str:
        return "" if self.sheet.column("Username") is not None else "Username"

    def columns(self) -> dict[int, str]:
        found = ((i, COLUMN.fullmatch(name.strip())) for i, name in enumerate(self.sheet.header))
        return {i: match["name"] for i, match in found if match}

    def maximum(self, row: Sequence[str], column: int) -> float | None:
        match = COLUMN.fullmatch(self.sheet.header[column].strip())
        return number_in(match["most"]) if match else None

    def written(self, columns: Sequence[int], sheet: Sheet) -> Sheet:
        places = (sheet.column(name) for name in OF_STUDENT)
        return sheet.only([*(place for place in places if place is not None), *columns])
