"""What results and records depend on, as hashes: whatever has the same hash is up to date."""

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import mugrade
from mugrade.course.cells import Cell, Role
from mugrade.course.model import Course, Stage
from mugrade.course.written import handed_out
from mugrade.extras import LIBRARIES

GRADED = (Role.GIVEN, Role.INDEX, Role.SOLUTION, Role.CHECK)
RECORDING = ("course", "package", "values", "sandbox", "reference")
EVIDENCE = "evidence.py"  # of the diagnosis: what tells values apart, known mistakes too


def course_digest(course: Course, stage: Stage) -> str:
    """The hash of all of a course that a stage is graded with.

    Prose and hints are not, nor are model answers and what gives no points.
    """
    return sha256(
        _labels(course), _content(course, stage), *([n] if (n := named_libraries(course)) else [])
    )


def named_libraries(course: Course) -> tuple[str, ...]:
    """The libraries that the course has chosen; none where it leaves that to mugrade."""
    libraries = course.settings.libraries
    return () if libraries == LIBRARIES else libraries


@cache
def recording() -> str:
    """The hash of the sources that run the reference, and that read and write what it yields.

    Rules of the diagnosis are asked only about what students yield.
    """
    folder = Path(mugrade.__file__).parent
    found = (path for room in RECORDING for path in (folder / room).rglob("*.py"))
    recording = (path for path in found if path.parent.name != "diagnosis" or path.name == EVIDENCE)
    return sources(path.relative_to(folder).as_posix() for path in sorted(recording))


def sources(paths: Iterable[str]) -> str:
    """The hash of some of mugrade's own files."""
    folder = Path(mugrade.__file__).parent
    return sha256(*((path, (folder / path).read_bytes()) for path in paths))


def sha256(*parts: object) -> str:
    """The hash of values that their `repr` tells apart."""
    return hashlib.sha256(repr(parts).encode("utf-8", "backslashreplace")).hexdigest()


def _content(course: Course, stage: Stage) -> list[Any]:
    """Code that the stage is graded on top of, its checks, and the data they read."""
    cells = [c for s in course.before(stage) for c in s.exports]
    cells += stage.role(*GRADED)
    written = (replace(c, source=handed_out(c)) for c in stage.role(Role.ANSWER) if c.points)
    files = {path: sha256(content) for path, content in course.files(stage).items()}
    return [[_said(cell) for cell in (*cells, *written)], files]


def _said(cell: Cell) -> dict[str, Any]:
    """All of a cell but its place; not what older courses could not say."""
    said = vars(replace(cell, line=0))
    return {name: what for name, what in said.items() if name != "optional" or what}


def _labels(course: Course) -> list[tuple[str, str]]:
    folder = course.root / "solutions" / "labels"
    return [(path.name, sha256(path.read_bytes())) for path in sorted(folder.glob("*.npy"))]
