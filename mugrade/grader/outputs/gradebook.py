"""nbgrader's gradebook, and a graded notebook for every submission in it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from mugrade.course.model import Course
from mugrade.course.nbgrader import CONFIG, OF_RESULTS
from mugrade.grader.ledger import GRADEBOOK
from mugrade.grader.models import MARK
from mugrade.grader.outputs.output import Output, folder_of, holds, own_folder
from mugrade.grader.outputs.scores import Scores
from mugrade.grader.policy import Standing
from mugrade.grader.results import Status
from mugrade.grader.store import Store

AUTOGRADED = "autograded"


class Gradebook(Output):
    """The notebook comes after the scores: where it bears the mark, they are there."""

    name = "gradebook"
    title = "nbgrader's gradebook"

    def __init__(self, out: Path, course: Course, store: Store) -> None:
        super().__init__(out, course, store)
        self.scores = Scores(f"sqlite:///{self.path.resolve()}", course)
        self.stages = {stage.name for stage in course.stages}
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
        if standing.stage not in self.stages:
            return True
        path = self._autograded(standing)
        if standing.status == Status.MISSING:
            return not path.exists()
        return holds(path, standing.mark)

    def write(self, standing: Standing) -> Standing:
        from mugrade.grader.outputs.autograded import autograded_notebook, write_notebook

        self._begin()
        while news := self.scores.put(standing):
            self.store.hear(news)
            standing = self.store.standing(*standing.key, self.course.settings)
        path = self._autograded(standing)
        if standing.status == Status.MISSING:
            path.unlink(missing_ok=True)
            return standing
        stage, content = self.course.find(standing.stage), self.store.notebook(standing.attempt)
        write_notebook(autograded_notebook(stage, standing, content), path)
        return standing

    def forget(self, student: str) -> Iterator[str]:
        if folder := own_folder(self.out / AUTOGRADED, student):
            shutil.rmtree(folder)
            yield f"{folder}: deleted"
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
        from mugrade.course.notebooks import source_notebook
        from mugrade.grader.outputs.autograded import write_notebook

        path = self.out / CONFIG
        text = OF_RESULTS.format(course=self.course.package)
        if path.exists() and path.read_text(encoding="utf-8", errors="replace") != text:
            return
        path.write_text(text, encoding="utf-8")
        for stage in self.course.stages:
            name = stage.name
            write_notebook(source_notebook(stage), self.out / "source" / name / f"{name}.ipynb")

    def _autograded(self, standing: Standing) -> Path:
        student, stage = standing.key
        return self.out / AUTOGRADED / folder_of(student) / stage / f"{stage}.ipynb"
