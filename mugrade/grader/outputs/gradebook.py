"""nbgrader's gradebook, in an nbgrader course of its own."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from mugrade.course.model import Course
from mugrade.course.nbgrader import CONFIG, OF_RESULTS
from mugrade.grader.ledger import GRADEBOOK
from mugrade.grader.models import MARK
from mugrade.grader.outputs.notebooks import AUTOGRADED, Notebooks
from mugrade.grader.outputs.output import Output, holds
from mugrade.grader.outputs.scores import Scores
from mugrade.grader.policy import Standing
from mugrade.grader.store import Store


class Gradebook(Output):
    """The notebooks come after the scores: where one bears the mark, they are there."""

    name = "gradebook"
    title = "nbgrader's gradebook"

    def __init__(self, out: Path, course: Course, store: Store) -> None:
        super().__init__(out, course, store)
        self.scores = Scores(self.path, course)
        self.notebooks = Notebooks(out, course, store)
        self.begun = False

    @property
    def path(self) -> Path:
        return self.out / GRADEBOOK

    def prepare(self) -> None:
        """Where the gradebook is gone, our notebooks beside it no longer say what it holds."""
        if not self.path.exists():
            for path in (self.out / AUTOGRADED).glob("*/*/*.ipynb"):
                if holds(path, MARK):
                    path.unlink()

    def is_current(self, standing: Standing) -> bool:
        return self.notebooks.is_current(standing)

    def write(self, standings: Sequence[Standing]) -> bool:
        self._begin()
        is_news = False
        while news := self.scores.put(standings):
            is_news = True
            self.store.hear(news)
            keys = sorted({(word.student, word.stage) for word in news})
            standings = [self.store.standing(*key, self.course.settings) for key in keys]
        return is_news

    def forget(self, student: str) -> Iterator[str]:
        if self.path.exists() and (count := self.scores.forget(student)):
            yield f"{self.path}: the student with {count} submissions deleted"

    def close(self) -> None:
        self.scores.close()

    def _begin(self) -> None:
        """Before the first scores: an nbgrader course around them."""
        if not self.begun:
            self.prepare()
            self._nbgrader_course()
            self.begun = True

    def _nbgrader_course(self) -> None:
        """Settings and sources, without which nbgrader lists no assignment.

        An nbgrader course that somebody else has put there is left as it is.
        """
        path = self.out / CONFIG
        text = OF_RESULTS.format(course=self.course.package)
        if path.exists() and path.read_text(encoding="utf-8", errors="replace") != text:
            return
        path.write_text(text, encoding="utf-8")
        self.notebooks.write_sources()
