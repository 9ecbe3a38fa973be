"""A graded notebook for every submission in the gradebook, which nbgrader shows."""

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from mugrade.course.cells import Role
from mugrade.course.manifest import digest
from mugrade.course.model import Course
from mugrade.course.written import rubric
from mugrade.grader.outputs.autograded import autograded_notebook, write_notebook
from mugrade.grader.outputs.output import Output, bears, folder_of, own_folder
from mugrade.grader.outputs.surroundings import released
from mugrade.grader.policy import Standing
from mugrade.grader.results import Status
from mugrade.grader.store import Store

AUTOGRADED = "autograded"


class Notebooks(Output):
    """A notebook per submission; it bears the mark of what it was written for."""

    name = AUTOGRADED

    def __init__(self, out: Path, course: Course, store: Store) -> None:
        super().__init__(out, course, store)
        self.rubrics = {
            stage.name: {cell.id: rubric(cell) for cell in stage.role(Role.ANSWER)}
            for stage in course.stages
        }
        self.given: dict[str, dict[str, Any]] = {}
        self.seen: dict[str, str] = {}  # place -> the mark that was found there

    @property
    def path(self) -> Path:
        return self.out / AUTOGRADED

    def is_current(self, standing: Standing) -> bool:
        if standing.stage not in self.rubrics:
            return True
        place = self._place_of(standing)
        if standing.status == Status.MISSING:
            return not Path(place).exists()
        mark = self._mark(standing)
        if self.seen.get(place) != mark and bears(place, mark):
            self.seen[place] = mark
        return self.seen.get(place) == mark

    def write(self, standings: Iterable[Standing]) -> bool:
        for standing in standings:
            path = Path(self._place_of(standing))
            if standing.status == Status.MISSING:
                path.unlink(missing_ok=True)
            else:
                content = self.store.notebook(standing.attempt)
                given, schemes = self._released(standing.stage), self.rubrics[standing.stage]
                mark = self._mark(standing)
                write_notebook(autograded_notebook(given, standing, content, schemes, mark), path)
        return False

    def _released(self, stage: str) -> dict[str, Any]:
        if stage not in self.given:
            self.given[stage] = released(self.out, self.course.find(stage))
        return self.given[stage]

    def _mark(self, standing: Standing) -> str:
        """With what the points of answers are for: that is shown, and judges nothing."""
        said = "".join(self.rubrics[standing.stage].values())
        return f"{standing.mark}-{digest(said)}" if said else standing.mark

    def forget(self, student: str) -> Iterator[str]:
        if folder := own_folder(self.path, student):
            shutil.rmtree(folder)
            yield f"{folder}: deleted"

    def _place_of(self, standing: Standing) -> str:
        student, stage = standing.key
        return f"{self.out}/{AUTOGRADED}/{folder_of(student)}/{stage}/{stage}.ipynb"
