"""A file that holds anything else than its class says is refused, and never read halfway."""

import json
import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from hypothesis import given
from hypothesis import strategies as st

from mugrade import codec
from mugrade.course.manifest import CELLS, MANIFEST, Manifest, ReleasedCell, dump
from mugrade.course.model import Course
from mugrade.errors import WorkspaceError
from mugrade.grader.drawn import Drawn
from mugrade.student.kernels import Kernel, running
from mugrade.student.snapshot import Record, Snapshot
from mugrade.student.workspace import Workspace, read_manifest
from mugrade.values.picture import Picture
from mugrade.values.verdict import Diagnosis, Verdict
from tests.conftest import ROOT

KERNEL = Kernel(1, "a.ipynb", "python", 0.5)
DIAGNOSIS = Diagnosis("a name", "why", "advice")
STORED: dict[Any, Any] = {
    Manifest: json.loads((ROOT / "notebooks" / MANIFEST).read_bytes()),
    list[ReleasedCell]: json.loads((ROOT / "notebooks" / CELLS).read_bytes())[:9],
    Kernel: asdict(KERNEL),
    Record: {"files": {"a.py": "12", "b.py": ""}, "time": "2026-01-01"},
    dict[str, Drawn]: {"00_mean": {"of": "12", "draws": {"a-check": 1}}},
    Verdict: asdict(
        Verdict("value", "1", "2", "f(x)", "look", True, DIAGNOSIS, Picture("words", (".x", "x.")))
    ),
}
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)


@st.composite
def damaged(draw: st.DrawFn, data: Any) -> Any:
    """The same but for one value: it is another, or gone."""
    if not isinstance(data, dict | list) or not data or draw(st.integers(0, 4)) == 0:
        return draw(ANYTHING)
    key = draw(st.sampled_from([*data] if isinstance(data, dict) else range(len(data))))
    copy = data.copy()
    if draw(st.integers(0, 4)) == 0:
        del copy[key]
    else:
        copy[key] = draw(damaged(data[key]))
    return copy


def text(data: Any) -> str:
    """A text that json reads as the same."""
    return json.dumps(data, default=asdict)


@pytest.mark.parametrize("kind", STORED, ids=str)
def test_what_is_stored_comes_back_as_it_was(kind: Any) -> None:
    content = text(STORED[kind])
    assert agrees(json.loads(text(codec.read(content, kind))), json.loads(content))


@pytest.mark.parametrize("kind", STORED, ids=str)
@given(data=st.data())
def test_damage_is_a_value_error_or_costs_nothing(kind: Any, data: st.DataObject) -> None:
    content = text(data.draw(damaged(STORED[kind])))
    try:
        found = codec.read(content, kind)
    except ValueError:
        return
    assert agrees(json.loads(text(found)), json.loads(content))


def agrees(found: Any, stored: Any) -> bool:
    """Whether all that was read stands there so; what does not, is so by default."""
    if isinstance(found, dict) and isinstance(stored, dict):
        return all(agrees(found[key], stored[key]) for key in found.keys() & stored.keys())
    if isinstance(found, list) and isinstance(stored, list):
        return len(found) == len(stored) and all(map(agrees, found, stored))
    return text(found) == text(stored)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 10**5, b"NaN", b'"\\ud800"'])
@pytest.mark.parametrize("kind", STORED, ids=str)
def test_what_is_no_json_is_a_value_error(kind: Any, content: bytes) -> None:
    with pytest.raises(ValueError):
        codec.read(content, kind)


@pytest.fixture
def folder(tiny: Course, tmp_path: Path) -> Path:
    """A student's folder of the tiny course."""
    return Path(shutil.copytree(tiny.root / "notebooks", tmp_path / "course"))


@pytest.mark.parametrize("name", [MANIFEST, CELLS])
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"stage": "00_mean"', '"stage": 0'),
        ('"role": "solution"', '"role": ["solution"]'),
        ('"id": "mean"', '"id": null'),
        ('"id": "mean"', '"it": "mean"'),
    ],
)
def test_a_value_of_another_type_is_one_sentence(
    folder: Path, name: str, old: str, new: str
) -> None:
    whole = (folder / name).read_text()
    assert old in whole
    (folder / name).write_text(whole.replace(old, new))
    with pytest.raises(WorkspaceError, match=rf"{name} is broken .*: fetch the course again"):
        Workspace.find(folder).cells  # noqa: B018


@pytest.mark.parametrize(
    "change", [{"stages": []}, {"hints": {"mean": 3}}, {"package": None}, {"format": "one"}]
)
def test_a_manifest_of_other_types_is_one_sentence(folder: Path, change: dict[str, Any]) -> None:
    data = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps({**data, **change}))
    with pytest.raises(WorkspaceError, match=r"is broken \((Type|Attribute)Error\)"):
        read_manifest(folder)


@pytest.mark.parametrize(
    "note", ["{", "3", '{"pid": 1}', json.dumps(asdict(KERNEL) | {"pid": "1"})]
)
def test_a_broken_note_of_a_kernel_tells_of_none(folder: Path, note: str) -> None:
    workspace = Workspace.find(folder)
    path = workspace.state / "kernels" / "1.json"
    workspace.write(path, dump(asdict(KERNEL)))
    with FileLock(path.with_suffix(".lock")):
        assert list(running(workspace)) == [KERNEL]
        path.write_text(note)
        assert list(running(workspace)) == []


@pytest.mark.parametrize("record", ["{", "3", "{}", '{"files": 3}', '{"files": {"a.py": null}}'])
def test_a_broken_record_of_an_update_names_the_copies(folder: Path, record: str) -> None:
    workspace = Workspace.find(folder)
    Snapshot.take(workspace, {"course.json": b"{}"}, "update")
    last = Snapshot.last(workspace)
    assert last and list(last.paths) == ["course.json"]
    (last.folder / "record.json").write_text(record)
    with pytest.raises(WorkspaceError, match=r"is broken: copy what you miss from .*before"):
        Snapshot.last(workspace)


def test_neither_the_sandbox_nor_a_notebooks_imports_load_cattrs() -> None:
    program = (
        "import mugrade.sandbox.nursery, mugrade.sandbox.guest, sys\n"
        "from mugrade import check, close, distribution, labels, progress, rng, show\n"
        "print('cattrs' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, cwd=ROOT)
    assert found.stdout.split() == [b"False"], found.stderr
