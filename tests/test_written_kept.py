"""What a student writes into an answer's cell is never lost: by update, undo, reset or restore."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mugrade.author.build import build_course
from mugrade.course.model import Course
from mugrade.course.reading import load_course
from mugrade.errors import WorkspaceError
from mugrade.student.doctor import examine
from mugrade.student.kept import every_kept
from mugrade.student.progress import stage_progress
from mugrade.student.reset import reset_cell
from mugrade.student.restore import bring_back
from mugrade.student.submit import hand_in, written_stages
from mugrade.student.update import undo, update_course
from mugrade.student.workspace import Workspace
from tests.asked import MODEL, MORE, PLACE, QUESTION, write_asking
from tests.test_cli_check import mugrade
from tests.test_cli_reset import cell, edit, save
from tests.test_live import student_folder

STAGES = ("00_mean", "01_scale")
IDS = ("why-scale", "muse", "essay")
MUSE = MORE[MORE.index('# %% [markdown] id="muse"') : MORE.index('# %% id="noise-again"')]


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> list[Course]:
    """The course with questions, and as its author changes it: reworded, moved, gone."""
    roots = [write_asking(tmp_path_factory.mktemp(name)) for name in ("one", "two")]
    later = MORE.replace("**Why**", "*Why*").replace(MUSE, "").partition('# %% [markdown] id="ess')
    write_asking(roots[1], later[0])
    first = roots[1] / "solutions" / "00_mean.py"
    first.write_text(f"{first.read_text()}\n{MUSE}")
    courses = [load_course(root) for root in roots]
    for course in courses:
        build_course(course)
    return courses


@pytest.fixture
def folder(releases: list[Course], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    found = student_folder(releases[0], tmp_path / "notebooks")
    monkeypatch.chdir(found)
    return found


def cells(folder: Path) -> Iterator[tuple[str, Any, dict[str, Any]]]:
    for stage in STAGES:
        data = edit(folder, stage)
        yield from ((stage, data, found) for found in data["cells"])


def source(found: dict[str, Any]) -> str:
    return "".join(found["source"])


def write(folder: Path, id: str, text: str, kind: str = "markdown", copied: bool = False) -> bool:
    """Write below what is in a cell, or in a copy of it; whether it is there."""
    for stage, data, found in cells(folder):
        if found.get("id") == id:
            if copied:
                found = {**found, "id": f"copy-{len(data['cells'])}"}
                data["cells"].append(found)
            found["cell_type"] = kind
            found["source"] = f"{source(found)}\n{text}"
            if kind == "code":
                found |= {"outputs": [], "execution_count": None}
            save(folder, data, stage)
            return True
    return False


def everything(folder: Path) -> str:
    kept = [entry.text for entry in every_kept(Workspace.find(folder))]
    return "\n".join([*kept, *(source(found) for _, _, found in cells(folder))])


STEPS = st.one_of(
    st.tuples(
        st.just("write"),
        st.sampled_from(IDS),
        st.sampled_from(["markdown", "markdown", "code", "raw"]),
        st.booleans(),
    ),
    st.tuples(st.just("reset"), st.sampled_from(IDS)),
    st.tuples(st.just("update"), st.integers(0, 1)),
    st.tuples(st.just("undo")),
    st.tuples(st.just("restore"), st.integers(0, 3)),
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STEPS, max_size=7))
@example([("write", "muse", "markdown", False), ("update", 1), ("reset", "muse"), ("update", 0)])
@example([("write", "essay", "code", True), ("update", 1), ("undo",), ("restore", 0)])
def test_no_history_loses_a_word(releases: list[Course], steps: list[tuple[Any, ...]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = student_folder(releases[0], Path(name).resolve() / "notebooks")
        words: list[str] = []
        for step in steps:
            workspace = Workspace.find(folder)
            match step:
                case "write", id, kind, copied:
                    word = f"word {len(words)} <b>of</b> mine"
                    words += [word] if write(folder, id, word, kind, copied) else []
                case "reset", id:
                    with suppress(WorkspaceError):
                        reset_cell(workspace, id)
                case "update", number:
                    update_course(workspace, releases[number].root / "notebooks")
                case ("undo",):
                    with suppress(WorkspaceError):
                        undo(workspace)
                case "restore", number if number < len(every_kept(workspace)):
                    with suppress(WorkspaceError):
                        bring_back(workspace, every_kept(workspace)[number])
            there = everything(folder)
            assert [word for word in words if word not in there] == []


def test_an_answer_goes_with_its_question_to_another_stage(
    releases: list[Course], folder: Path
) -> None:
    write(folder, "muse", "Ships.")
    write(folder, "why-scale", "Because.")
    update_course(Workspace.find(folder), releases[1].root / "notebooks")
    assert source(cell(edit(folder, "00_mean"), "muse")).endswith("Ships.")
    why = cell(edit(folder, "01_scale"), "why-scale")
    assert source(why) == f"{QUESTION}\n\n{PLACE}\nBecause."
    assert why["metadata"]["nbgrader"]["points"] == 4


def test_a_reworded_question_reaches_who_has_not_answered(
    releases: list[Course], folder: Path
) -> None:
    update_course(Workspace.find(folder), releases[1].root / "notebooks")
    assert source(cell(edit(folder, "01_scale"), "why-scale")).startswith("*Why* is")


def test_of_two_copies_the_written_one_is_the_answer(releases: list[Course], folder: Path) -> None:
    data = edit(folder, "01_scale")
    pristine = cell(data, "why-scale")
    data["cells"].append(json.loads(json.dumps(pristine)) | {"source": "Mine."})
    save(folder, data, "01_scale")
    update_course(Workspace.find(folder), releases[1].root / "notebooks")
    assert source(cell(edit(folder, "01_scale"), "why-scale")) == "Mine."


def test_reset_and_back(folder: Path) -> None:
    before = cell(edit(folder, "01_scale"), "why-scale")
    write(folder, "why-scale", "Because.", "code")
    assert mugrade("reset", "why-scale").exit_code == 0
    after = cell(edit(folder, "01_scale"), "why-scale")
    assert {**after, "source": source(after)} == {**before, "source": source(before)}
    (kept,) = every_kept(Workspace.find(folder))
    assert kept.path.suffix == ".md" and kept.text.endswith("Because.")
    assert mugrade("kept", str(kept.number), "--restore").exit_code == 0
    found = cell(edit(folder, "01_scale"), "why-scale")
    assert found["cell_type"] == "markdown" and source(found).endswith("Because.")


def test_an_answer_that_is_gone_is_brought_back_where_it_was(folder: Path) -> None:
    before = edit(folder, "01_scale")
    data = edit(folder, "01_scale")
    data["cells"].remove(cell(data, "why-scale"))
    data["cells"].remove(cell(data, "muse"))
    save(folder, data, "01_scale")
    said = [str(finding) for finding in examine(Workspace.find(folder))]
    assert sum("cells are gone: why-scale;" in text or "gone: why-scale" in text for text in said)
    assert not any("muse" in text for text in said)
    mugrade("reset", "why-scale", "muse")
    ids = [found["id"] for found in edit(folder, "01_scale")["cells"]]
    assert ids == [found["id"] for found in before["cells"]]


def test_what_is_handed_in_says_what_is_answered(folder: Path) -> None:
    workspace = Workspace.find(folder)
    assert "not answered: why-scale, essay" in hand_in(workspace, "01_scale").warnings
    write(folder, "why-scale", "Because.")
    (item,) = written_stages(workspace, {})
    assert item.answers == ("why-scale",) and "not answered: essay" in item.warnings


def test_the_authors_answer_is_for_who_has_answered(releases: list[Course], folder: Path) -> None:
    refused = mugrade("hint", "why-scale")
    assert refused.exit_code == 1 and "is not answered yet" in refused.output
    write(folder, "why-scale", "Because.")
    assert "has no answer of its own" in mugrade("hint", "why-scale").output
    shutil.copytree(releases[0].root / "solutions", folder.parent / "solutions")
    assert MODEL in " ".join(mugrade("hint", "why-scale").output.split())


def test_status_tells_points_bonus_and_what_is_graded_by_hand(folder: Path) -> None:
    assert "0/8" in mugrade("status").output
    found = stage_progress(Workspace.find(folder), "01_scale")
    checks = tuple(replace(check, passed=True) for check in found.items[1].checks)
    passing = replace(found, items=(replace(found.items[1], checks=checks),))
    assert passing.counts.endswith("5 of 5 points, 2 bonus points, 4 more for written answers")
    assert checks[1].score == "2 of 2 bonus points" and passing.score == "5 of 5 + 2"
