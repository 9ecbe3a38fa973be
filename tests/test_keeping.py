"""What a stub, a reset or a borrowed stage replaces is kept, and comes back."""

import json
import os
from pathlib import Path

import pytest

from mugrade import files
from mugrade.course.model import Course
from mugrade.errors import WorkspaceError
from mugrade.student.kept import every_kept, keep_text
from mugrade.student.progress import take_stage
from mugrade.student.workspace import COURSE, Workspace
from tests.test_cli_check import folder, mugrade, write_mean
from tests.test_cli_doctor import found, installed
from tests.test_cli_reset import MINE, cell, edit, released, save, written
from tests.test_live import GOOD_MEAN, IMPORTS, MEAN, Kernel, kernel

__all__ = ["folder", "installed", "kernel"]
STUB = "#| export stats/mean.py\n" + (
    "def mean(x):\n    # YOUR CODE HERE\n    raise NotImplementedError()"
)
BODY = "def mean(x):\n    return x.max()"


def source(folder: Path, id: str = "mean", stage: str = "00_mean") -> str:
    return "".join(cell(edit(folder, stage), id)["source"])


def texts(folder: Path) -> list[str]:
    return [entry.text for entry in every_kept(Workspace.find(folder))]


# what replaces


def test_a_stub_that_runs_says_what_it_has_replaced(kernel: Kernel) -> None:
    kernel.run(IMPORTS)
    kernel.run(GOOD_MEAN)
    output = kernel.run(released(kernel.folder))
    assert "note: this is the stub of mean, and your answer was in its place" in output.text
    assert "mugrade kept 1 --restore puts it back" in output.text
    assert texts(kernel.folder) == [GOOD_MEAN.removeprefix(MEAN)]


def test_every_version_that_ran_is_kept_without_a_word(kernel: Kernel) -> None:
    kernel.run(released(kernel.folder))
    for number in range(3):
        output = kernel.run(MEAN + f"def mean(x): return {number}")
        assert output.text == "stats/mean.py: mean\n"
    kernel.run(MEAN + "def mean(x): return 0")
    kernel.run(MEAN + "def mean(x): return 1")
    assert texts(kernel.folder) == [f"def mean(x): return {n}" for n in range(3)]


def test_a_helper_that_another_cell_takes_over_is_kept(kernel: Kernel) -> None:
    kernel.run(MEAN + "def helper(): return 1", "first")
    kernel.run(MEAN + "def helper(): return 2", "second")
    (entry,) = every_kept(Workspace.find(kernel.folder))
    assert (entry.id, entry.text, entry.by) == ("first", "def helper(): return 1", "run")


def test_what_could_not_replace_anything_leaves_nothing(kernel: Kernel) -> None:
    kernel.run(GOOD_MEAN)
    kernel.run("hidden = 3")
    assert "not exported" in kernel.run(MEAN + "def mean(x): return x\ny = hidden").text
    assert texts(kernel.folder) == []


def test_a_borrowed_stage_keeps_what_it_replaces(kernel: Kernel, tiny: Course) -> None:
    kernel.run(GOOD_MEAN)
    for _ in range(2):
        take_stage(Workspace.find(kernel.folder), "00_mean", tiny.root)
    assert texts(kernel.folder) == [GOOD_MEAN.removeprefix(MEAN)]


@pytest.mark.parametrize("id", ["mean", "a/b", "../x", "vscode-notebook-cell:/x#W0s", "", "é" * 90])
def test_a_cell_may_be_called_anything(folder: Path, id: str) -> None:
    workspace = Workspace.find(folder)
    with workspace.lock():
        first = keep_text(workspace, id, "one\n\udcff", "[a] b.ipynb", "run")
        assert first and first.text == "one\n\\udcff"
        assert keep_text(workspace, id, "one\n\udcff", "c.ipynb", "reset") == first or first.time
    (entry,) = every_kept(workspace)
    assert entry.path.parent == folder / ".mugrade" / "kept"
    assert (entry.where, entry.by) == ("c.ipynb", "reset")
    assert "c.ipynb" in mugrade("kept").output
    assert mugrade("kept", "1").output == "one\n\\udcff\n"


def test_the_list_names_number_date_and_place(folder: Path) -> None:
    assert mugrade("kept").output == "nothing has been replaced yet\n"
    written(folder)
    mugrade("reset", "mean")
    head, row, last = mugrade("kept").output.splitlines()
    assert head.split() == ["number", "replaced", "cell", "in", "by", "lines"]
    assert row.split()[0] == "1" and row.split()[3:] == ["mean", "00_mean.ipynb", "reset", "3"]
    assert last == "in .mugrade/kept; mugrade kept 1 shows the last"
    assert mugrade("kept", "1").output == f"{MINE}\n"
    outcome = mugrade("kept", "2")
    assert outcome.output == "nothing is kept as 2: mugrade kept lists what is\n"
    assert outcome.exit_code == 1


def test_a_kept_text_comes_back_and_what_was_there_is_kept(folder: Path) -> None:
    written(folder)
    mugrade("reset", "mean")
    written(folder, MINE.replace("max", "min"))
    outcome = mugrade("kept", "1", "--restore")
    assert outcome.exit_code == 0 and "is in 00_mean.ipynb again" in outcome.output
    assert source(folder) == MINE
    assert texts(folder) == [MINE, MINE.replace("max", "min")]
    mugrade("kept", "2", "--restore")
    assert source(folder) == MINE.replace("max", "min")


def test_what_ran_comes_back_as_a_cell_that_exports(kernel: Kernel) -> None:
    kernel.run(GOOD_MEAN)
    kernel.run(STUB)
    mugrade("kept", "1", "--restore")
    assert source(kernel.folder) == GOOD_MEAN
    kernel.run(MEAN + "x = 1", "own")
    kernel.run(MEAN + "x = 2", "own")
    outcome = mugrade("kept", "2", "--restore")
    assert outcome.exit_code == 1 and outcome.output.startswith("own is no cell of the course")


# notebook and package


@pytest.fixture
def fresh(folder: Path) -> Path:
    """Notebooks as they were handed out, and an answer to mean in the package."""
    write_mean(folder, "return x.max()")
    return folder


def test_stubs_unpacked_over_answers_are_told_from_answers(fresh: Path) -> None:
    (line,) = found(fresh)
    assert line == (
        "00_mean.ipynb: your answers to mean are in the package, and not in the notebook; "
        "save the notebook, if they are in it; if not, mugrade restore 00 puts them there, and "
        "running the cells as they are would put stubs into the package"
    )
    outcome = mugrade("restore")
    assert outcome.output.startswith("00_mean.ipynb: from the package: mean\n")
    assert source(fresh) == f"{MEAN}{BODY}"
    assert found(fresh) == []
    assert mugrade("restore").output == "notebooks and package hold the same answers\n"


def test_after_the_stubs_have_run_the_answer_is_still_named(kernel: Kernel) -> None:
    kernel.run(IMPORTS)
    kernel.run(GOOD_MEAN)
    kernel.run(released(kernel.folder))
    lost = [line for line in found(kernel.folder) if "neither notebook nor package" in line]
    assert len(lost) == 1 and lost[0].endswith("; mugrade kept 1 --restore")
    assert "mugrade kept 1 --restore" in mugrade("restore", "0").output
    mugrade("kept", "1", "--restore")
    assert not [line for line in found(kernel.folder) if "neither" in line]
    kernel.run(source(kernel.folder))
    mugrade("reset", "mean")
    assert not [line for line in found(kernel.folder) if "neither" in line]


def test_a_package_that_is_gone_is_rebuilt_from_the_notebooks(folder: Path) -> None:
    before = (folder / "stats" / "mean.py").read_text().replace(" taken", "")
    data = written(folder)
    data["cells"].append(
        {**cell(data), "id": "own", "source": f"{MEAN}def own():\n    return 3", "metadata": {}}
    )
    save(folder, data)
    (folder / "stats" / "mean.py").unlink()
    outcome = mugrade("restore", "0")
    assert outcome.output.startswith("package: from 00_mean.ipynb: mean")
    after = (folder / "stats" / "mean.py").read_text()
    assert after.split("# %% mean\n")[0] == before.split("# %% mean\n")[0]
    assert after.endswith(f"# %% mean\n{BODY}\n\n\n# %% own\ndef own():\n    return 3\n")


@pytest.mark.parametrize("to", ["notebook", "package"])
def test_two_answers_are_left_until_one_is_chosen(fresh: Path, to: str) -> None:
    other = MINE.replace("max", "min")
    written(fresh, other)
    os.utime(fresh / "00_mean.ipynb", (2_000_000_000, 2_000_000_000))
    outcome = mugrade("restore")
    assert outcome.output.startswith("the package holds another mean, which ran ")
    assert "; the notebook is newer, saved 2033" in outcome.output
    said = "to have the newer in both: mugrade restore 00 --to package\n"
    assert outcome.output.endswith(said)
    os.utime(fresh / "00_mean.ipynb", (1_000_000_000, 1_000_000_000))
    assert "restore 00 --to notebook\n" in mugrade("restore").output
    assert (source(fresh), texts(fresh)) == (other, [])
    outcome = mugrade("restore", "0", "--to", to)
    assert "replaced, and kept as 1: mean in" in outcome.output
    left = f"{MEAN}{BODY}" if to == "notebook" else other
    assert source(fresh) == left
    assert left.removeprefix(MEAN) in (fresh / "stats" / "mean.py").read_text()
    assert texts(fresh) == ([other] if to == "notebook" else [BODY])
    assert found(fresh) == []


@pytest.mark.parametrize("to", ["notebook", "package"])
def test_a_stub_is_never_restored(fresh: Path, to: str) -> None:
    if to == "package":
        mugrade("restore", "--to", to)
        assert BODY in (fresh / "stats" / "mean.py").read_text()
        return
    written(fresh)
    write_mean(fresh, "# YOUR CODE HERE\n    raise NotImplementedError()")
    assert "mean: the notebook's stays" in mugrade("restore", "--to", to).output
    assert source(fresh) == MINE


def test_what_is_not_python_is_not_put_into_the_package(fresh: Path) -> None:
    written(fresh, f"{MEAN}def mean(x) return")
    outcome = mugrade("restore", "--to", "package")
    assert "mean is not put into the package: it is not Python" in outcome.output
    assert BODY in (fresh / "stats" / "mean.py").read_text()


def test_a_borrowed_answer_is_nobodys(folder: Path) -> None:
    before = source(folder)
    assert mugrade("restore").output == "notebooks and package hold the same answers\n"
    assert source(folder) == before


def test_a_copy_of_a_cell_that_counts_instead_is_named(fresh: Path) -> None:
    data = edit(fresh)
    stub = released(fresh)
    cell(data)["source"] = f"{MEAN}# mine"
    data["cells"].append({**cell(data), "id": "copy", "source": f"{MEAN}def mean(x): return 0"})
    save(fresh, data)
    outcome = mugrade("restore", "--to", "notebook")
    assert "mean: another cell of the notebook defines it too, and counts" in outcome.output
    assert stub != source(fresh)


def test_a_cell_that_is_gone_comes_back_with_its_answer(fresh: Path) -> None:
    data = edit(fresh)
    order = [c["id"] for c in data["cells"]]
    save(
        fresh, {**data, "cells": [c for c in data["cells"] if c["id"] not in ("mean", "setup-00")]}
    )
    lines = found(fresh)
    assert "00_mean.ipynb: cells are gone: setup-00; mugrade reset setup-00" in lines
    mugrade("restore")
    mugrade("reset", "setup-00")
    assert [c["id"] for c in edit(fresh)["cells"]] == order
    assert source(fresh) == f"{MEAN}{BODY}"


# what is no edit


def test_line_ends_are_no_edit(folder: Path) -> None:
    data = edit(folder)
    for c in data["cells"]:
        c["source"] = [line.replace("\n", "\r\n") for line in c["source"]]
    save(folder, data)
    assert found(folder) == []
    assert mugrade("reset", "mean-of-three").output == "mean-of-three is as it was handed out\n"


def test_a_cell_with_line_ends_of_windows_is_exported(kernel: Kernel) -> None:
    assert kernel.run(GOOD_MEAN.replace("\n", "\r\n")).text == "stats/mean.py: mean\n"


def test_code_in_a_cell_for_text_is_called_that(folder: Path) -> None:
    data = written(folder)
    write_mean(folder, "return x.max()")
    cell(data)["cell_type"] = "markdown"
    save(folder, data)
    (line,) = found(folder)
    assert line == (
        "00_mean.ipynb: code is in a cell for text: mean; click the cell and press Esc, then Y"
    )
    mugrade("reset", "mean")
    assert cell(edit(folder))["cell_type"] == "code" and texts(folder) == [MINE]


@pytest.mark.parametrize("indent", [1, 2, "\t"])
@pytest.mark.parametrize("end", ["", "\n"])
@pytest.mark.parametrize("line", ["\n", "\r\n"])
def test_a_file_keeps_its_form(folder: Path, indent: str | int, end: str, line: str) -> None:
    data = edit(folder)
    data["metadata"]["mine"] = {"ä": [1, {}]}
    text = (json.dumps(data, indent=indent, ensure_ascii=False) + end).replace("\n", line)
    path = folder / "00_mean.ipynb"
    path.write_bytes(text.encode())
    mugrade("reset", "mean")
    assert path.read_bytes() == text.encode()
    cell(data)["source"] = MINE.splitlines(keepends=True)
    edited = (json.dumps(data, indent=indent, ensure_ascii=False) + end).replace("\n", line)
    path.write_bytes(edited.encode())
    mugrade("reset", "mean")
    assert path.read_bytes() == text.encode()


# whose the course is


def test_a_course_above_counts_only_with_the_same_owner(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    below = folder / "work"
    below.mkdir()
    assert Workspace.find(below).folder == folder
    same = files.same_owner
    monkeypatch.setattr(
        files, "same_owner", lambda one, other: other != folder and same(one, other)
    )
    with pytest.raises(WorkspaceError, match="somebody else's, and is not used"):
        Workspace.find(below)
    monkeypatch.setenv(COURSE, str(folder))
    assert Workspace.find(below).folder == folder


def test_a_course_that_was_put_into_ones_folder_does_not_count(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    same, planted = files.same_owner, folder / "course.json"
    monkeypatch.setattr(
        files, "same_owner", lambda one, other: other != planted and same(one, other)
    )
    with pytest.raises(WorkspaceError, match="trust it with MUGRADE_COURSE="):
        Workspace.find(folder)


@pytest.mark.skipif(os.name == "nt" or os.getuid() != 0, reason="only root gives files away")
def test_owners_are_those_of_the_file_system(folder: Path) -> None:
    (folder / "work").mkdir()
    os.chown(folder / "course.json", 12345, -1)
    with pytest.raises(WorkspaceError, match="somebody else's"):
        Workspace.find(folder / "work")
    os.chown(folder, 12345, -1)
    with pytest.raises(WorkspaceError, match="somebody else's"):
        Workspace.find(folder / "work")
    assert Workspace.find(folder).folder == folder
