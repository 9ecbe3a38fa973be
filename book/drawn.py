"""Pictures of the pages: those beside them, and those that a script beside them draws.

`docs/NAME.py FOLDER` writes `NAME-light.png` and `NAME-dark.png` there, with the reference, or
`after-CELL.html`, which a stage's page shows below the cell of that id. It is run again when
script or reference have changed.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from book.pages import docs_folder
from mugrade import files
from mugrade.course.model import Course
from mugrade.errors import CourseError
from mugrade.package.blocks import render_module
from mugrade.reference.cache import machine
from mugrade.reference.digest import sha256

BELOW = "after-*.html"


def pictures(course: Course, tell: Callable[[str], None]) -> Iterator[tuple[str, bytes]]:
    """Name and content of each; raises CourseError."""
    for script in _scripts(course):
        _draw(course, script, _folder(course, script), tell)
    drawn = dict(drawn_pictures(course))
    yield from drawn.items()
    for path in sorted(docs_folder(course).glob("*.png")):
        if path.name not in drawn:
            yield path.name, path.read_bytes()


def drawn_pictures(course: Course) -> Iterator[tuple[str, bytes]]:
    """Those that scripts have drawn."""
    for script in _scripts(course):
        for path in sorted(_folder(course, script).glob("*.png")):
            yield path.name, path.read_bytes()


def fragments(course: Course) -> dict[str, str]:
    """HTML that scripts have drawn, by the id of the cell that it stands below.

    Raises CourseError where no stage has such a cell.
    """
    found = [path for script in _scripts(course) for path in _folder(course, script).glob(BELOW)]
    drawn = {path.stem.removeprefix("after-"): path.read_text(encoding="utf-8") for path in found}
    for id in drawn.keys() - {cell.id for stage in course.stages for cell in stage.cells}:
        raise CourseError(f"after-{id}.html, which a script of docs/ draws: no cell is called {id}")
    return drawn


def _scripts(course: Course) -> list[Path]:
    return sorted(docs_folder(course).glob("*.py"))


def _folder(course: Course, script: Path) -> Path:
    return course.root / "build" / "book" / "drawn" / script.stem


def _draw(course: Course, script: Path, folder: Path, tell: Callable[[str], None]) -> None:
    mark = folder / "depends_on"
    modules = {path: render_module(blocks) for path, blocks in course.modules().items() if blocks}
    wanted = sha256(script.read_bytes(), modules, machine(course))
    if mark.is_file() and mark.read_text() == wanted:
        return
    tell(f"drawing {script.name}")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    environment = os.environ | {"PYTHONPATH": str(course.root / "solutions")}
    command = [sys.executable, str(script), str(folder)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise CourseError(f"{script.name}: {done.stderr.strip().splitlines()[-1]}")
    files.write(mark, wanted.encode())
