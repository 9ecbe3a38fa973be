"""nbgrader's gradebook, in an nbgrader course of its own."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

from mugrade.course.model import Course
from mugrade.grader.ledger import GRADEBOOK
from mugrade.grader.models import MARK
from mugrade.grader.outputs.notebooks import Notebooks
from mugrade.grader.outputs.output import Output, batched, bears
from mugrade.grader.outputs.scores import Scores
from mugrade.grader.outputs.surroundings import released, write_course
from mugrade.grader.policy import Standing
from mugrade.grader.store import Store


class Gradebook(Output):
    """The notebooks come after the scores: where one bears the mark, they are there."""

    name = "gradebook"

    def __init__(self, out: Path, course: Course, store: Store) -> None:
        super().__init__(out, course, store)
        self.notebooks = Notebooks(out, course, store)

    @property
    def path(self) -> Path:
        return self.out / GRADEBOOK

    def shares(self, standings: Sequence[Standing]) -> Iterator[Sequence[Standing]]:
        """Where the gradebook is gone, our notebooks beside it do not say what it holds."""
        if not self.path.exists():
            for path in self.notebooks.path.glob("*/*/*.ipynb"):
                if bears(path, MARK):
                    path.unlink()
            self.notebooks.seen.clear()
        if late := [s for s in standings if not self.notebooks.is_current(s)]:
            yield late

    def write(self, standings: Iterable[Standing]) -> bool:
        write_course(self.out, self.course)
        is_news, stages = False, set[str]()
        with closing(Scores(self.path, self.course)) as scores:
            for some in batched(standings):
                stages |= {standing.stage for standing in some}
                while news := scores.put(some):
                    is_news = True
                    self.store.hear(news)
                    keys = sorted({(word.student, word.stage) for word in news})
                    some = [self.store.standing(*key, self.course.settings) for key in keys]
        for stage in stages:
            released(self.out, self.course.find(stage))  # all notebooks are made of it
        return is_news

    def forget(self, student: str) -> Iterator[str]:
        with closing(Scores(self.path, self.course)) as scores:
            if self.path.exists() and (count := scores.forget(student)):
                yield f"{self.path}: the student with {count} submissions deleted"
