"""A feedback page for every submission."""

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from mugrade.course.model import Course
from mugrade.course.settings import Settings
from mugrade.errors import CourseError
from mugrade.grader.outputs.output import Output, bears, folder_of, own_folder
from mugrade.grader.policy import Standing
from mugrade.grader.report import write_feedback
from mugrade.grader.store import Filter, Store

FEEDBACK = "feedback"


class Pages(Output):
    """A page per submission; it bears the mark of what it was written for."""

    name = FEEDBACK

    @property
    def path(self) -> Path:
        return self.out / FEEDBACK

    def is_current(self, standing: Standing) -> bool:
        return bears(page_place(self.out, *standing.key), standing.mark)

    def write(self, standings: Iterable[Standing]) -> bool:
        for standing in standings:
            page = page_of(self.out, *standing.key)
            write_feedback(
                page, standing, title_of(self.course, standing.stage), self.course.settings.title
            )
        return False

    def forget(self, student: str) -> Iterator[str]:
        if folder := own_folder(self.path, student):
            shutil.rmtree(folder)
            yield f"{folder}: deleted"


def title_of(course: Course, stage: str) -> str:
    """What a page calls a stage, also one that the course has no more."""
    try:
        return course.find(stage).title
    except CourseError:
        return stage


def page_of(out: Path, student: str, stage: str) -> Path:
    """The feedback page."""
    return Path(page_place(out, student, stage))


def page_place(out: Path, student: str, stage: str) -> str:
    """The path of the feedback page as text, which is made in a third of the time."""
    return f"{out}/{FEEDBACK}/{folder_of(student)}/{stage}.html"


def stale(out: Path, store: Store, settings: Settings) -> int:
    """How many pages do not say yet what a teacher has said in the formgrader."""
    students = sorted({student for student, _ in store.reviews()})
    found = store.standings(settings, Filter(students)) if students else []
    said = (s for s in found if s.reviews.said)
    return sum(not bears(page_of(out, *s.key), s.mark) for s in said)
