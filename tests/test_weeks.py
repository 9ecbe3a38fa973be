"""Weeks of work in any order: each answer that ever ran is in the package, a notebook, or kept."""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mugrade.course.manifest import read_released
from mugrade.course.model import Course
from mugrade.errors import WorkspaceError
from mugrade.package.blocks import cell_body, export_path
from mugrade.package.ipynb import read_cells
from mugrade.student.kept import every_kept, find_kept
from mugrade.student.live import Session
from mugrade.student.progress import take_stage
from mugrade.student.reset import reset_cell
from mugrade.student.restore import bring_back, restore_stage
from mugrade.student.unbuilt import ExportError
from mugrade.student.update import undo, update_course
from mugrade.student.workspace import Workspace
from tests.test_cli_reset import cell, edit
from tests.test_live import student_folder
from tests.test_update import add, second, write

__all__ = ["second"]
STAGES = ("00_mean", "01_scale")
TEXTS = {
    "mean": "def mean(x):\n    return {}",
    "noise": "def noise(n):\n    return {}",
    "scaler": "class Scaler:\n    def __call__(self, x):\n        return {}",
    "own": "def own():\n    return {}",
}


class Weeks:
    """A student's folders, one after the other, and every text that has run in them."""

    def __init__(self, base: Path, releases: list[Course]) -> None:
        self.base, self.releases = base, releases
        self.folders = [student_folder(releases[0], base / "first")]
        add(self.folder, "mean", "#| export stats/mean.py\n1", "00_mean", "own")
        self.stubs = {cell_body(c.source) for r in releases for c in read_released(notebooks(r))}
        self.ran: set[str] = set()
        self.session = Session(Workspace.find(self.folder), {})

    @property
    def folder(self) -> Path:
        return self.folders[-1]

    @property
    def workspace(self) -> Workspace:
        return Workspace.find(self.folder)

    @contextmanager
    def kernel(self) -> Iterator[None]:
        """A kernel of the last folder, as far as exporting needs one."""
        path, finders = sys.path[:], sys.meta_path[:]
        self.session = Session(self.workspace, {})
        self.session.install()
        try:
            yield
        finally:
            sys.path[:], sys.meta_path[:] = path, finders
            for name in [n for n in sys.modules if n.partition(".")[0] == "stats"]:
                del sys.modules[name]

    def edit(self, id: str, value: str) -> None:
        for stage in STAGES:
            data = edit(self.folder, stage)
            for c in data["cells"]:
                if c["id"] == id:
                    path = export_path("".join(c["source"]))
                    text = f"#| export {path}\n" + TEXTS[id].format(value)
                    c["source"] = text.splitlines(keepends=True)
            write(self.folder, data, stage)

    def run(self, id: str) -> None:
        found = [c for s in STAGES for c in edit(self.folder, s)["cells"] if c["id"] == id]
        for source in ("".join(c["source"]) for c in found):
            path = export_path(source)
            with self.kernel(), suppress(ExportError, WorkspaceError):
                self.session.export(source, path or "", id)
                self.ran |= {cell_body(source)} - self.stubs

    def copy_cell(self, id: str, value: str) -> None:
        """The student copies a cell and goes on in the copy."""
        for stage in STAGES:
            data = edit(self.folder, stage)
            if id in [c["id"] for c in data["cells"]]:
                place = data["cells"].index(cell(data, id))
                data["cells"].insert(place + 1, dict(cell(data, id)))
                write(self.folder, data, stage)
                self.edit(id, value)

    def reset(self, id: str) -> None:
        reset_cell(self.workspace, id)

    def take(self, stage: int) -> None:
        release = bool(self.workspace.manifest.module("stats/noise.py"))
        take_stage(self.workspace, STAGES[stage], self.releases[release].root)

    def update(self, release: int) -> None:
        update_course(self.workspace, notebooks(self.releases[release]))

    def unpack(self, release: int) -> None:
        """The teacher's new notebooks over the student's: what was only there is lost."""
        for path in notebooks(self.releases[release]).iterdir():
            shutil.copy(path, self.folder / path.name)

    def undo(self) -> None:
        undo(self.workspace)

    def restore(self, to: str) -> None:
        for stage in self.workspace.manifest.stages:
            restore_stage(self.workspace, stage, to)

    def bring_back(self, number: int) -> None:
        bring_back(self.workspace, find_kept(self.workspace, number))

    def copy(self, everything: bool) -> None:
        """Go on in a copied folder or, on another machine, with the notebooks alone."""
        new = self.base / f"folder-{len(self.folders)}"
        hidden = () if everything else (".mugrade", "stats")
        shutil.copytree(self.folder, new, ignore=shutil.ignore_patterns(*hidden))
        self.folders.append(new.resolve())

    def texts(self) -> set[str]:
        """What is found in packages, notebooks and among what is kept."""
        found = set()
        for folder in self.folders:
            workspace = Workspace.find(folder)
            for module in (folder / "stats").glob("*.py"):
                blocks = workspace.read_module(f"stats/{module.name}")
                found |= {block.source for block in blocks}
            for path in folder.glob("*.ipynb"):
                found |= {cell_body(c.source) for c in read_cells(path)}
            found |= {cell_body(entry.text) for entry in every_kept(workspace)}
        return found


def notebooks(release: Course) -> Path:
    return release.root / "notebooks"


exercises = st.sampled_from(["mean", "noise", "scaler", "own"])
values = st.sampled_from(["1", "2", "3"])
steps = st.one_of(
    st.tuples(st.just("edit"), exercises, values),
    st.tuples(st.just("run"), exercises),
    st.tuples(st.just("copy_cell"), exercises, values),
    st.tuples(st.just("reset"), st.sampled_from(["mean", "noise", "scaler"])),
    st.tuples(st.just("take"), st.integers(0, 1)),
    st.tuples(st.sampled_from(["update", "update", "unpack"]), st.integers(0, 1)),
    st.tuples(st.just("undo")),
    st.tuples(st.just("restore"), st.sampled_from(["", "notebook", "package"])),
    st.tuples(st.just("bring_back"), st.integers(1, 3)),
    st.tuples(st.just("copy"), st.booleans()),
)
UNPACKED = [("edit", "mean", "1"), ("run", "mean"), ("unpack", 1), ("run", "mean"), ("restore", "")]
MOVED = [("edit", "noise", "1"), ("run", "noise"), ("update", 1), ("edit", "noise", "2")]


RAN = [("edit", "mean", "1"), ("run", "mean"), ("edit", "mean", "2")]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=st.lists(steps, max_size=14))
@example(history=UNPACKED)
@example(history=[*RAN, ("take", 0)])
@example(history=[*RAN, ("reset", "mean")])
@example(history=[*RAN, ("restore", "package")])
@example(history=[*RAN, ("copy_cell", "mean", "3"), ("run", "mean"), ("restore", "notebook")])
@example(history=[*MOVED, ("run", "noise"), ("undo",), ("run", "noise")])
@example(history=[*MOVED, ("copy", False), ("restore", ""), ("reset", "noise")])
def test_no_answer_that_ran_is_ever_lost(
    tiny: Course, second: Course, tmp_path: Path, history: list
) -> None:
    with tempfile.TemporaryDirectory(dir=tmp_path) as base:
        weeks = Weeks(Path(base), [tiny, second])
        for name, *arguments in history:
            with suppress(WorkspaceError):
                getattr(weeks, name)(*arguments)
            assert weeks.ran <= weeks.texts(), (name, *arguments)


def test_a_term(tiny: Course, second: Course, tmp_path: Path) -> None:
    """Two releases, an undo, a folder unpacked over one's own, and a second machine."""
    weeks = Weeks(tmp_path, [tiny, second])
    answers = {id: TEXTS[id].format(1) for id in ("mean", "noise", "scaler")}
    for id in answers:
        weeks.edit(id, "1")
        weeks.run(id)
    weeks.update(1)
    weeks.undo()
    weeks.update(1)
    weeks.unpack(1)
    weeks.restore("")
    for stage in STAGES:
        sources = [cell_body(c.source) for c in read_cells(weeks.folder / f"{stage}.ipynb")]
        mine = {id: text for id, text in answers.items() if text in sources}
        assert mine.keys() == ({"mean", "noise"} if stage == "00_mean" else {"scaler"})
    weeks.copy(False)
    weeks.restore("")
    assert answers["noise"] in (weeks.folder / "stats" / "noise.py").read_text()
    assert answers["scaler"] in (weeks.folder / "stats" / "scale.py").read_text()
    with weeks.kernel():
        import stats  # type: ignore[import-not-found]

        assert stats.mean(0) == 1
    with pytest.raises(WorkspaceError, match="no update to undo"):
        weeks.undo()
