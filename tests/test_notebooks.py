"""Notebooks on a clean kernel: solved ones rebuild the package, students' own ones never break."""

import re
import shutil
from itertools import pairwise
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from mugrade.author.build import nbgrader_root
from mugrade.course.manifest import ANSWERS, MANIFEST
from mugrade.course.model import Course
from mugrade.course.notebooks import source_notebook
from tests.conftest import ROOT, STAGES

ONE_SENTENCE = {"CheckFailed", "NotImplementedError", "NotBuilt"}
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^(#+) (.+)", re.MULTILINE)


def student_folder(folder: Path, root: Path = ROOT) -> Path:
    """A student's copy of the course: what stands beside the notebooks."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in (MANIFEST, ANSWERS):
        shutil.copy(root / "notebooks" / name, folder / name)
    if (digits := root / "notebooks" / "data" / "digits").is_dir():
        shutil.copytree(digits, folder / "data" / "digits", dirs_exist_ok=True)
    return folder


def execute(notebook: nbformat.NotebookNode, folder: Path, allow_errors: bool = False) -> None:
    where = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=120, allow_errors=allow_errors, resources=where).execute()


def package(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*.py"))}


def borrow(folder: Path, course: Course, stages: tuple) -> None:
    """Put the reference of some stages into a student's folder."""
    from mugrade.student.progress import take_stage
    from mugrade.student.workspace import Workspace

    for stage in stages:
        take_stage(Workspace.find(folder), stage.name, course.root)


def test_solved_notebooks_in_order_rebuild_the_package(course: Course, tmp_path: Path) -> None:
    """Each needs only those before it, for there is nothing else."""
    folder = student_folder(tmp_path / "notebooks")
    for stage in course.stages:
        notebook = source_notebook(stage)
        execute(notebook, folder)
        for cell in notebook.cells:
            assert not any(o.get("name") == "stderr" for o in cell.get("outputs", [])), cell.id
    assert package(folder / course.package) == package(ROOT / "solutions" / course.package)


@pytest.mark.parametrize("name", STAGES)
def test_a_students_notebook_runs_through_without_a_traceback(
    course: Course, tmp_path: Path, name: str
) -> None:
    folder = student_folder(tmp_path / "notebooks")
    stage = course.find(name)
    borrow(folder, course, course.before(stage))
    notebook = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
    execute(notebook, folder, allow_errors=True)
    roles = {cell.id: cell.role for cell in stage.cells}
    for cell in notebook.cells:
        errors = [o for o in cell.get("outputs", []) if o.output_type == "error"]
        if roles[cell.id] in ("given", "solution"):
            assert errors == [], f"{cell.id}: {errors}"
        if roles[cell.id] == "check":
            assert [e.ename for e in errors] == ["CheckFailed"], cell.id
        for error in errors:
            assert error.ename in ONE_SENTENCE, f"{cell.id}: {error.ename}: {error.evalue}"
            assert len(error.traceback) <= 8


def test_a_tiny_course_works_alike(tiny: Course, tmp_path: Path) -> None:
    folder = student_folder(tmp_path / "notebooks", tiny.root)
    for stage in tiny.stages:
        execute(source_notebook(stage), folder)
    assert package(folder / "stats") == package(tiny.root / "solutions" / "stats")
    assert nbgrader_root(tiny).is_dir()


@pytest.mark.parametrize("name", STAGES)
def test_headings_nest(name: str) -> None:
    notebook = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
    cells = (cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    prose = FENCED.sub("", "\n\n".join(cells))
    levels = [len(marks) for marks, _ in HEADING.findall(prose)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(below <= above + 1 for above, below in pairwise(levels))
    exercises = {len(marks) for marks, text in HEADING.findall(prose) if "Exercise" in text}
    assert exercises == {2}
