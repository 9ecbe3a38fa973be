"""A graded notebook for every submission in the gradebook, which nbgrader shows."""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from mugrade.grader.outputs.output import Output, folder_of, holds, own_folder
from mugrade.grader.policy import Standing
from mugrade.grader.results import Status

AUTOGRADED = "autograded"


class Notebooks(Output):
    """A notebook per submission; it bears the mark of what it was written for."""

    name = AUTOGRADED
    title = "graded notebooks"
    divisible = True

    @property
    def path(self) -> Path:
        return self.out / AUTOGRADED

    def is_current(self, standing: Standing) -> bool:
        if standing.stage not in {stage.name for stage in self.course.stages}:
            return True
        path = self._path_of(standing)
        if standing.status == Status.MISSING:
            return not path.exists()
        return holds(path, standing.mark)

    def write(self, standings: Sequence[Standing]) -> bool:
        from mugrade.grader.outputs.autograded import autograded_notebook, write_notebook

        for standing in standings:
            path = self._path_of(standing)
            if standing.status == Status.MISSING:
                path.unlink(missing_ok=True)
                continue
            stage, content = self.course.find(standing.stage), self.store.notebook(standing.attempt)
            write_notebook(autograded_notebook(stage, standing, content), path)
        return False

    def write_sources(self) -> None:
        """Write the instructor's notebooks, where nbgrader looks for them."""
        from mugrade.course.notebooks import source_notebook
        from mugrade.grader.outputs.autograded import write_notebook

        for stage in self.course.stages:
            name = stage.name
            write_notebook(source_notebook(stage), self.out / "source" / name / f"{name}.ipynb")

    def forget(self, student: str) -> Iterator[str]:
        if folder := own_folder(self.path, student):
            shutil.rmtree(folder)
            yield f"{folder}: deleted"

    def _path_of(self, standing: Standing) -> Path:
        student, stage = standing.key
        return self.path / folder_of(student) / stage / f"{stage}.ipynb"
