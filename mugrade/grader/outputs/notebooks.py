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
        self.stages = {stage.name for stage in course.stages}
        self.given: dict[str, dict[str, Any]] = {}

    @property
    def path(self) -> Path:
        return self.out / AUTOGRADED

    def is_current(self, standing: Standing) -> bool:
        if standing.stage not in self.stages:
            return True
        path = self._path_of(standing)
        if standing.status == Status.MISSING:
            return not path.exists()
        return bears(path, self._mark(standing))

    def write(self, standings: Iterable[Standing]) -> bool:
        for standing in standings:
            path = self._path_of(standing)
            if standing.status == Status.MISSING:
                path.unlink(missing_ok=True)
            else:
                content = self.store.notebook(standing.attempt)
                given, schemes = self._released(standing.stage), self._rubrics(standing.stage)
                mark = self._mark(standing)
                write_notebook(autograded_notebook(given, standing, content, schemes, mark), path)
        return False

    def _released(self, stage: str) -> dict[str, Any]:
        if stage not in self.given:
            self.given[stage] = released(self.out, self.course.find(stage))
        return self.given[stage]

    def _rubrics(self, stage: str) -> dict[str, str]:
        return {cell.id: rubric(cell) for cell in self.course.find(stage).role(Role.ANSWER)}

    def _mark(self, standing: Standing) -> str:
        """With what the points of answers are for: that is shown, and judges nothing."""
        said = "".join(self._rubrics(standing.stage).values())
        return f"{standing.mark}-{digest(said)}" if said else standing.mark

    def forget(self, student: str) -> Iterator[str]:
        if folder := own_folder(self.path, student):
            shutil.rmtree(folder)
            yield f"{folder}: deleted"

    def _path_of(self, standing: Standing) -> Path:
        student, stage = standing.key
        return Path(self.out, AUTOGRADED, folder_of(student), stage, f"{stage}.ipynb")
