"""Blackboard: the file of Grade Center > Work Offline > Download, and of Upload.

A column of points is called `NAME [Total Pts: 100 Score] |ID`; a student is known by the user name.
The file is UTF-16 with tabs, or CSV, and goes back as it came.
"""

import re
from collections.abc import Sequence

from mugrade.grader.exports.gradebook import PlatformTable
from mugrade.sheet import number_in


class BlackboardTable(PlatformTable):
    """Blackboard's grade centre."""

    name = "Blackboard"
    keys = ("Username", "Student ID")
    kept = ("Last Name", "First Name", "Username", "Student ID", "Availability")
    column = re.compile(r"(?P<name>.+?) \[[^\d\]]*(?P<most>[\d.,]*)[^\]]*\] ?\|\d+")

    @property
    def missing(self) -> str:
        return "" if self.sheet.column("Username") is not None else "Username"

    def maximum(self, row: Sequence[str], column: int) -> float | None:
        match = self.column.fullmatch(self.sheet.header[column].strip())
        return number_in(match["most"]) if match else None
