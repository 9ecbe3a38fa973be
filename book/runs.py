"""Stages run with the reference, as a student who has solved everything would see them.

What was run lies in `build/book/runs`, and is run again when something changes that it shows.
"""

import asyncio
import json
import os
import signal
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

import mugrade
from mugrade import files
from mugrade.author.handout import data_files
from mugrade.course.cells import Cell, Role
from mugrade.course.manifest import ANSWERS, CELLS, MANIFEST
from mugrade.course.model import Course, Stage
from mugrade.course.notebooks import release, source_notebook
from mugrade.errors import CourseError
from mugrade.package.blocks import render_module
from mugrade.reference.cache import machine
from mugrade.reference.digest import course_digest, recording, sha256, sources
from mugrade.values.mistakes import MISTAKES

BESIDE = (MANIFEST, ANSWERS, MISTAKES, CELLS)  # the notebooks
SHOWN = (Role.GIVEN, Role.SOLUTION, Role.CHECK, Role.DEMO)
ROOMS = ("student", "view")
SECONDS = 600  # of a cell
QUIET = ["--IPKernelApp.log_level=40"]


def run_folder(course: Course) -> Path:
    """Where executed notebooks are kept."""
    return course.root / "build" / "book" / "runs"


def is_current(course: Course, stage: Stage) -> bool:
    """Whether a stage has been run as it is now."""
    try:
        found = nbformat.read(run_folder(course) / f"{stage.name}.ipynb", as_version=4)
    except (OSError, ValueError):
        return False
    return bool(found.metadata.get("depends_on") == _depends_on(course, stage))


def executed(course: Course, stage: Stage) -> nbformat.NotebookNode:
    """The solved notebook of a stage with its outputs, run now if that is needed.

    Raises CourseError where a cell fails.
    """
    path = run_folder(course) / f"{stage.name}.ipynb"
    if not is_current(course, stage):
        notebook = solved_notebook(stage)
        with tempfile.TemporaryDirectory(prefix="book-", ignore_cleanup_errors=True) as scratch:
            folder = Path(scratch).resolve()
            _lay_out(course, stage, folder)
            _run(stage, notebook, folder)
        notebook.metadata["depends_on"] = _depends_on(course, stage)
        files.write(path, f"{nbformat.writes(notebook)}\n".encode())
    return nbformat.read(path, as_version=4)


def solved_notebook(stage: Stage) -> nbformat.NotebookNode:
    """What students get, with the reference in the place of stubs; no hidden tests."""
    source = source_notebook(stage)
    notebook = release(source)
    for cell, full in zip(notebook.cells, source.cells, strict=True):
        if cell.cell_type == "code" and cell.metadata.get("nbgrader", {}).get("solution"):
            cell.source = full.source
    return notebook


def _lay_out(course: Course, stage: Stage, folder: Path) -> None:
    """What a student has beside the notebook who has solved the stages before this one."""
    for name in BESIDE:
        files.write(folder / name, (course.root / "notebooks" / name).read_bytes())
    for path, content in (f for s in course.stages for f in data_files(course, s).items()):
        files.write(folder / path, content)
    for path, blocks in course.modules(course.before(stage)).items():
        files.write(folder / path, render_module(blocks).encode() if blocks else b"")


def _run(stage: Stage, notebook: nbformat.NotebookNode, folder: Path) -> None:
    where = {"metadata": {"path": str(folder)}}
    client = NotebookClient(
        notebook, timeout=SECONDS, resources=where, kernel_name="python3", extra_arguments=QUIET
    )

    def name_cell(cell: nbformat.NotebookNode, **kwargs: Any) -> None:
        """As JupyterLab does, by which mugrade knows that panels can be seen."""
        assert client.kc
        client.kc.session.metadata["cellId"] = cell.id

    client.on_cell_execute = name_cell
    client.on_notebook_start = _end_when_interrupted
    try:
        with _environment(IPYTHONDIR=str(folder / ".ipython")):
            client.execute()
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
    except CellExecutionError as error:
        what = f"{error.ename}: {error.evalue}"
        raise CourseError(f"{stage.path.name}: the solved notebook stops: {what}") from None


def _end_when_interrupted(notebook: nbformat.NotebookNode) -> None:
    """Let Ctrl-C end the kernel too, and not only its client as nbclient's own handler does."""
    task = asyncio.current_task()
    with suppress(NotImplementedError):  # on Windows
        if task:
            asyncio.get_running_loop().add_signal_handler(signal.SIGINT, task.cancel)


@contextmanager
def _environment(**changes: str) -> Iterator[None]:
    """A kernel that finds this course and no other, and no settings of the user."""
    before = os.environ.copy()
    os.environ.pop("MUGRADE_COURSE", None)
    os.environ.update(changes)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _depends_on(course: Course, stage: Stage) -> str:
    """The hash of all that a run shows: code, checks, their answers, and what runs them."""
    here = Path(mugrade.__file__).parent
    rooms = (path for room in ROOMS for path in (here / room).rglob("*"))
    code = sources(p.relative_to(here).as_posix() for p in sorted(rooms) if _is_source(p))
    cells = [asdict(replace(cell, line=0)) for cell in stage.role(*SHOWN)]
    told = (course_digest(course, stage), recording(), code, cells, _answers(course, stage))
    return sha256(told, machine(course), Path(__file__).read_bytes())


def _is_source(path: Path) -> bool:
    return path.suffix in (".py", ".html", ".css")


def _answers(course: Course, stage: Stage) -> list[Any]:
    try:
        found: Mapping[str, Any] = json.loads((course.root / "notebooks" / ANSWERS).read_bytes())
    except OSError as error:
        raise CourseError(f"{error.filename} is missing: run mugrade build first") from None
    return [found.get(cell.id) for cell in _checks(stage)]


def _checks(stage: Stage) -> Iterator[Cell]:
    return stage.role(Role.CHECK)
