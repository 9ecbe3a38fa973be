"""Canvas: the CSV of Gradebook > Export, and the one that Gradebook > Import takes.

A column of points is called `NAME (ID)`; the row `Points Possible` says what it takes. Columns that
an import does not name stay as they are. Files that are uploaded as comments are called like what
was downloaded, up to the numbers.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath

from mugrade.grader.collect.index import read_index
from mugrade.grader.exports.feedback import FileNames
from mugrade.grader.exports.gradebook import PlatformTable
from mugrade.sheet import number_in

DOWNLOADED = re.compile(r"[^_ ].*?_(?:LATE_|late_)?\d+_\d{1,18}_")
POSSIBLE = "Points Possible"


def feedback_names(submitted: Path) -> FileNames:
    """How Canvas knows whose a file is: by the numbers of user and file in what was downloaded.

    `mugrade collect` has kept the names, below `submitted`. Raises Unreadable.
    """
    index = read_index(submitted)

    def names(student: str, stage: str) -> Iterator[str]:
        for hand_in in reversed(index.of(stage, student)):
            if found := DOWNLOADED.match(PurePath(hand_in.file).name):
                yield found.group()

    return names


class CanvasTable(PlatformTable):
    """Canvas's gradebook."""

    name = "Canvas"
    keys = ("SIS Login ID", "SIS User ID", "ID")
    kept = ("Student", "ID", "SIS User ID", "SIS Login ID", "Root Account", "Section")
    column = re.compile(r"(?P<name>.+) \(\d+\)")

    @property
    def missing(self) -> str:
        return next((n for n in ("Student", "ID") if self.sheet.column(n) is None), "")

    def maximum(self, row: Sequence[str], column: int) -> float | None:
        said = next((r[column] for r in self.sheet.rows if r[0].strip() == POSSIBLE), "")
        return number_in(said)
