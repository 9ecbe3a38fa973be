"""The nbgrader course around results: its settings, and the stages as nbgrader has them.

To make these nbgrader has to be loaded, which takes seconds; so they are kept with a mark of what
they were made of.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mugrade.course.model import Course, Stage
from mugrade.course.nbgrader import BEGIN_TEACHERS, CONFIG, END_TEACHERS, OF_RESULTS
from mugrade.grader.models import MARK
from mugrade.grader.outputs.autograded import write_notebook
from mugrade.grader.outputs.output import bears
from mugrade.reference.digest import sha256
from mugrade.version import __version__

RELEASED = ".released"


def write_course(out: Path, course: Course) -> None:
    """Write settings and sources, without which nbgrader lists no assignment.

    An nbgrader course that somebody else has put there is left as it is. Ours only grows, so that
    an older one is how the new one begins.
    """
    path = out / CONFIG
    text = OF_RESULTS.format(course=course.package, begin=BEGIN_TEACHERS, end=END_TEACHERS)
    there = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    if not text.startswith(there):
        return
    path.write_text(text, encoding="utf-8")
    for stage in course.stages:
        _keep(out / "source" / stage.name / f"{stage.name}.ipynb", stage, _source)


def released(out: Path, stage: Stage) -> dict[str, Any]:
    """The stage as students get it, with nbgrader's metadata."""
    path = out / RELEASED / f"{stage.name}.ipynb"
    _keep(path, stage, _released)
    found: dict[str, Any] = json.loads(path.read_text(encoding="ascii"))
    return found


def _keep(path: Path, stage: Stage, make: Callable[[Stage], dict[str, Any]]) -> None:
    """Make a notebook of a stage, unless it is there."""
    mark = f"{MARK}{sha256(__version__, stage.cells)[:16]}"
    if not bears(path, mark):
        made = make(stage)
        write_notebook({**made, "metadata": {**made["metadata"], "mugrade": mark}}, path)


def _source(stage: Stage) -> dict[str, Any]:
    from mugrade.course.notebooks import source_notebook

    found: dict[str, Any] = source_notebook(stage)
    return found


def _released(stage: Stage) -> dict[str, Any]:
    from mugrade.course.notebooks import release

    found: dict[str, Any] = release(_source(stage))
    return found
