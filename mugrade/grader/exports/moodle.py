"""Moodle: the grading worksheet of one assignment, as it is downloaded and uploaded again.

All columns are handed back; Moodle refuses a row whose `Last modified (grade)` is not its own.
Feedback files are known by the number in `Identifier`: `NAME_NUMBER_assignfeedback_file_FILE`.
"""

import re
from collections.abc import Iterator, Sequence

from mugrade.grader.exports.gradebook import PlatformTable
from mugrade.sheet import number_in

GRADE, MOST, OPEN = "Grade", "Maximum Grade", "Grade can be changed"
IDENTIFIER, FULL_NAME = "Identifier", "Full name"


class MoodleTable(PlatformTable):
    """Moodle's grading worksheet."""

    name = "Moodle"
    one_stage = True
    keys = ("ID number", "Username", "Email address", IDENTIFIER)

    @property
    def missing(self) -> str:
        return next((n for n in (IDENTIFIER, GRADE) if self.sheet.column(n) is None), "")

    def columns(self) -> dict[int, str]:
        place = self.sheet.column(GRADE)
        return {} if place is None else {place: self.path.stem}

    def maximum(self, row: Sequence[str], column: int) -> float | None:
        place = self.sheet.column(MOST)
        return None if place is None else number_in(row[place])

    def is_locked(self, row: Sequence[str]) -> bool:
        place = self.sheet.column(OPEN)
        return place is not None and row[place].strip().casefold() == "no"

    def feedback_names(self, student: str, stage: str) -> Iterator[str]:
        """How a student's feedback file has to begin; nothing where that is not clear."""
        places = self.rows(student)
        identifier, name = self.sheet.column(IDENTIFIER), self.sheet.column(FULL_NAME)
        if len(places) == 1 and identifier is not None:
            row = self.sheet.rows[places[0]]
            if found := re.search(r"\d+", row[identifier]):
                who = row[name] if name is not None else ""
                safe = re.sub(r"[\W_]+", " ", who).strip() or "Participant"
                yield f"{safe}_{found.group()}_assignfeedback_file_"
