"""A package's index is written as its parts appear, whatever is run, skipped or run too early."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mugrade.course.model import Course
from mugrade.package.blocks import replace_block
from mugrade.student.index import complete_indices
from mugrade.student.workspace import Workspace
from tests.conftest import ROOT
from tests.test_notebooks import package, student_folder


def run(workspace: Workspace, course: Course, ids: list[str]) -> None:
    """Write the reference's blocks of these cells as their cells would, one after the other."""
    exports = {cell.id: cell for stage in course.stages for cell in stage.exports}
    for id in ids:
        path, block = exports[id].export, exports[id].block
        order = [entry.id for entry in workspace.manifest.module(path)]
        with workspace.lock():
            workspace.write_module(path, replace_block(workspace.read_module(path), block, order))
            complete_indices(workspace)


def cells(course: Course) -> list[str]:
    """What a student runs of it, in order."""
    return [c.id for stage in course.stages for c in stage.exports if c.role != "index"]


def imported(workspace: Workspace, text: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", text], cwd=workspace.root, capture_output=True, text=True
    )
    return done.stdout.strip() or done.stderr.strip().splitlines()[-1]


@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_in_any_order_the_package_becomes_the_reference(
    course: Course, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = student_folder(tmp_path_factory.mktemp("student") / "notebooks")
    workspace = Workspace.find(folder)
    run(workspace, course, data.draw(st.permutations(cells(course))))
    assert package(folder / "needle") == package(ROOT / "solutions" / "needle")


def test_a_function_is_never_taken_for_the_module_of_its_name(
    course: Course, tmp_path: Path
) -> None:
    workspace = Workspace.find(student_folder(tmp_path / "notebooks"))
    ids = cells(course)
    run(workspace, course, ids[: ids.index("logsumexp")])
    assert "cannot import name 'logsumexp'" in imported(
        workspace, "from needle.ops.logsumexp import logsumexp"
    )
    assert imported(workspace, "import needle; print(needle.exp)").startswith("<function exp")
    run(workspace, course, ["logsumexp"])
    assert imported(workspace, "import needle; print(needle.logsumexp)").startswith(
        "<function logsumexp"
    )


def test_what_is_skipped_is_not_offered(course: Course, tmp_path: Path) -> None:
    workspace = Workspace.find(student_folder(tmp_path / "notebooks"))
    ids = cells(course)
    run(workspace, course, [i for i in ids[: ids.index("dropout")] if i != "batchnorm"])
    offered = (
        "from needle import nn; print([hasattr(nn, n) for n in ('LayerNorm1d', 'BatchNorm1d')])"
    )
    assert imported(workspace, offered) == "[True, False]"


def test_no_notebook_shows_an_index(course: Course) -> None:
    shown = "".join(path.read_text() for path in (ROOT / "notebooks").glob("*.ipynb"))
    indices = [c.id for stage in course.stages for c in stage.role("index")]
    assert indices and not [id for id in indices if f'"id": "{id}"' in shown]
