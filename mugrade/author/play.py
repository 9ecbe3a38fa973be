"""The build plays the student: every notebook from top to bottom, untouched and solved.

Where it runs there is what a student gets, and in the package the reference of the earlier stages.
What went through is not run again until something changes.
"""

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from mugrade import files
from mugrade.author.handout import Handout, handout
from mugrade.author.player import Fault, serve_cells
from mugrade.course.cells import TEXT, Cell, Role
from mugrade.course.manifest import CELLS, released_cells
from mugrade.course.model import Course, Stage
from mugrade.errors import CourseError
from mugrade.package.blocks import render_module
from mugrade.reference.cache import machine
from mugrade.reference.digest import course_digest, recording, sha256, sources
from mugrade.sandbox.job import Death
from mugrade.sandbox.plain import Child

CELL_SECONDS = 300.0
AT_ONCE = min(4, os.cpu_count() or 1)
UNSOLVED = ("NotImplementedError", "CheckFailed")
ROOMS = ("student", "view")
OWN = ("author/handout.py", "author/play.py", "author/player.py")
OPEN = (Role.CHECK, Role.DEMO)  # the cells in which an exercise that is not written shows


@dataclass(frozen=True)
class Played:
    """A cell in one of a notebook's two runs, and what it raised."""

    cell: Cell
    source: str
    solved: bool
    raised: Fault | None


def play_course(course: Course, committed: Mapping[str, str], tell: Callable[[str], None]) -> None:
    """Play every stage that has changed since it was last played.

    Raises CourseError with a line `file:line: what is wrong` for each finding.
    """
    handed_out = handout(course, committed)

    def play(stage: Stage) -> list[str]:
        path, wanted = _path(course, stage), _depends_on(course, stage, handed_out)
        if path.is_file() and path.read_text(encoding="utf-8") == wanted:
            return []
        tell(f"playing {stage.name}")
        if found := list(play_stage(course, stage, handed_out)):
            return found
        files.write(path, wanted.encode("utf-8"))
        return []

    with ThreadPoolExecutor(AT_ONCE) as pool:
        if found := [line for lines in pool.map(play, course.stages) for line in lines]:
            raise CourseError("\n".join(found))


def play_stage(course: Course, stage: Stage, handed_out: Handout) -> Iterator[str]:
    """What a student would stumble over in a stage, as `file:line: what it is`."""
    for solved in (False, True):
        try:
            for played in _run(course, stage, handed_out, solved):
                if problem := _problem(played):
                    yield f"{stage.path.name}:{played.cell.line}: {played.cell.id} {problem}"
        except Death as death:
            which = "solved" if solved else "untouched"
            yield f"{stage.path.name}:1: the {which} notebook does not run through: {death}"


def _run(course: Course, stage: Stage, handed_out: Handout, solved: bool) -> Iterator[Played]:
    """The cells of a stage's notebook, one after the other, in a folder of their own."""
    with tempfile.TemporaryDirectory(prefix="mugrade-", ignore_cleanup_errors=True) as scratch:
        folder = Path(scratch).resolve()
        for path, content in (handed_out | _package(course, stage)).items():
            files.write(folder / path, content)
        with closing(Child(serve_cells, folder, course.package)) as child:
            child.answer(CELL_SECONDS)
            for cell, source in _cells(stage, handed_out, solved):
                yield Played(cell, source, solved, child.ask((cell.id, source), CELL_SECONDS))


def _package(course: Course, stage: Stage) -> Handout:
    """What a student has who has solved all stages before one."""
    modules = course.modules(course.before(stage))
    return {path: render_module(b).encode() if b else b"" for path, b in modules.items()}


def _cells(stage: Stage, handed_out: Handout, solved: bool) -> Iterator[tuple[Cell, str]]:
    """The cells of code as they were handed out, or with the reference's answers in them."""
    of = {cell.id: cell for cell in stage.cells}
    for released in released_cells(handed_out[CELLS]):
        cell = of.get(released.id)
        if cell and released.stage == stage.name and cell.role not in TEXT:
            answered = solved and cell.role == Role.SOLUTION
            yield cell, f"#| export {cell.export}\n{cell.source}" if answered else released.source


def _problem(played: Played) -> str:
    cell, raised = played.cell, played.raised
    if played.solved:
        return f"fails in the solved notebook: {_told(raised)}" if raised else ""
    if raised is None:
        if cell.role == Role.CHECK and "yield" in played.source:
            return "passes before anything is written: let its visible part use the exercise"
        return ""
    if raised.kind not in UNSOLVED:
        return f"fails in the untouched notebook: {_told(raised)}"
    if cell.role not in OPEN:
        return "needs an exercise that is not written yet: move that into a demo or a check"
    return ""


def _told(raised: Fault | None) -> str:
    return f"{raised.kind}: {raised.text}" if raised else ""


def _depends_on(course: Course, stage: Stage, handed_out: Handout) -> str:
    """The hash of the stage as a student has it, and of the code that runs in a notebook."""
    here = Path(__file__).parents[1]
    rooms = (path for room in ROOMS for path in (here / room).rglob("*.py"))
    code = sources(path.relative_to(here).as_posix() for path in sorted(rooms))
    cells = [repr(cell) for cell in _cells(stage, handed_out, False)]
    return sha256(
        course_digest(course, stage), recording(), code, sources(OWN), cells, machine(course)
    )


def _path(course: Course, stage: Stage) -> Path:
    return course.root / "build" / "played" / f"{stage.name}.txt"
