"""A page for every student that leads to those of the stages."""

import zlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

from mugrade import files
from mugrade.grader.outputs.output import AT_ONCE, Output, bears
from mugrade.grader.outputs.pages import FEEDBACK, page_of, page_place, title_of
from mugrade.grader.policy import Standing
from mugrade.grader.report import index_page

INDEX = "index"


class IndexPages(Output):
    """A page per student; it bears the mark of all that it was written for."""

    name, reads_checks = INDEX, False

    @property
    def path(self) -> Path:
        return self.out / FEEDBACK / "<student>" / f"{INDEX}.html"

    def shares(self, standings: Sequence[Standing]) -> Iterator[Sequence[Standing]]:
        """All that counts of a student is in one share."""
        share: list[Standing] = []
        for student, found in groupby(standings, key=lambda standing: standing.student):
            of_student = list(found)
            if not bears(page_place(self.out, student, INDEX), mark_of(of_student)):
                share += of_student
            if len(share) >= AT_ONCE:
                yield share
                share = []
        if share:
            yield share

    def write(self, standings: Iterable[Standing]) -> bool:
        for student, found in groupby(standings, key=lambda standing: standing.student):
            of_student = list(found)
            titles = {s.stage: title_of(self.course, s.stage) for s in of_student}
            text = index_page(of_student, titles, self.course.settings.title, mark_of(of_student))
            files.write(page_of(self.out, student, INDEX), text.encode("utf-8", "replace"))
        return False


def mark_of(standings: Sequence[Standing]) -> str:
    """What the page of a student is recognised by."""
    marks = "\n".join(standing.mark for standing in standings)
    return f"mugrade-{INDEX}-{zlib.crc32(marks.encode()):08x}"
