"""What students get of a course, as files of one folder: path -> content."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import PurePosixPath

from mugrade.course.cells import Role
from mugrade.course.manifest import SOLUTIONS, ReleasedSolution, dump
from mugrade.course.model import Course, Stage
from mugrade.course.reading import links_cell
from mugrade.course.written import model_answer
from mugrade.errors import CourseError

Handout = dict[str, bytes]
NOTEBOOKS = "notebooks/"


def up_to(course: Course, stage: Stage) -> Course:
    """The course as if `stage` were its last one, with no link to what comes after it."""
    stages = [*course.before(stage), stage]
    if stages[-1] is not course.stages[-1]:
        last = links_cell(stages, len(stages) - 1)
        stages[-1] = replace(stage, cells=(*stage.cells[:-1], last))
    return replace(course, stages=tuple(stages))


def handout(course: Course, committed: Mapping[str, str], answers: Sequence[Stage] = ()) -> Handout:
    """The notebooks, what stands beside them, their data, and the reference of some stages.

    `committed` is what the build renders for the course. Raises CourseError.
    """
    found = {
        path.removeprefix(NOTEBOOKS): text.encode("utf-8")
        for path, text in committed.items()
        if path.startswith(NOTEBOOKS)
    }
    for stage in course.stages:
        found |= data_files(course, stage)
    if answers:
        found[SOLUTIONS] = dump([asdict(s) for s in solutions(course, answers)]).encode("utf-8")
    return found


def data_files(course: Course, stage: Stage) -> Handout:
    """All files of the folders in which the stage's data lie; raises CourseError."""
    found: Handout = {}
    folder = course.root / "notebooks"
    for data in sorted({PurePosixPath(path).parent for path in stage.data}):
        try:
            paths = sorted(path for path in (folder / data).iterdir() if path.is_file())
            found |= {f"{data}/{path.name}": path.read_bytes() for path in paths}
        except OSError as error:
            raise CourseError(f"{error.filename} cannot be read ({error.strerror})") from None
    return found


def solutions(course: Course, stages: Sequence[Stage]) -> list[ReleasedSolution]:
    """The reference of some stages, cell by cell, in the course's order; then what is in words."""
    return [
        ReleasedSolution(cell.id, stage.name, cell.export, cell.block.source)
        for stage in course.stages
        if stage in stages
        for cell in stage.exports
    ] + [
        ReleasedSolution(cell.id, stage.name, "", model_answer(cell))
        for stage in stages
        for cell in stage.role(Role.ANSWER)
    ]
