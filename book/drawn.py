"""Pictures of the pages: those beside them, and those that a script beside them draws.

`docs/NAME.py FOLDER` writes `NAME-light.png` and `NAME-dark.png` there, with the reference; it is
run again when script or reference have changed.
"""

import os
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
    folder.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {"PYTHONPATH": str(course.root / "solutions")}
    command = [sys.executable, str(script), str(folder)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise CourseError(f"{script.name}: {done.stderr.strip().splitlines()[-1]}")
    files.write(mark, wanted.encode())
