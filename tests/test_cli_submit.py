"""`mugrade submit`: says what is handed in, and what it writes is graded and collected."""

import hashlib
import json
import os
import shutil
import zipfile
from pathlib import Path

import pytest

from mugrade.author.build import build_course, nbgrader_root
from mugrade.cli import submitting
from mugrade.course.model import Course
from mugrade.course.reading import load_course
from mugrade.student.submit import NAME
from mugrade.student.workspace import Workspace
from mugrade.version import __version__
from mugrade.view import visible
from tests.test_cli_check import folder, mugrade, write_mean
from tests.test_cli_reset import MINE, written
from tests.test_nbgrader import nbgrader
from tests.tiny import write_course

__all__ = ["folder"]
RIGHT = MINE.replace("x.max()", "x.sum() / x.size")


@pytest.fixture
def mine(folder: Path) -> Path:
    """A student's folder in which stage 00 is written, run and checked."""
    written(folder, RIGHT)
    write_mean(folder, "return x.sum() / x.size")
    mugrade("check", "0")
    return folder


def test_it_says_what_is_handed_in_and_writes_it(mine: Path) -> None:
    outcome = mugrade("submit", "--student", "ada")
    assert outcome.exit_code == 0
    head, row, note, last = outcome.output.splitlines()
    assert head.split() == ["stage", "written", "visible", "inputs", "pass", "worth"]
    assert note == visible.NOTE
    assert row.split() == ["00_mean", "1/1", "1/1", "2/2"]
    assert last.startswith("ada.zip: 1 notebook of ada, ") and " receipt " in last
    assert last.endswith(f", mugrade {__version__}")
    with zipfile.ZipFile("ada.zip") as file:
        assert file.namelist() == ["ada/00_mean/00_mean.ipynb"]
        assert file.read(file.namelist()[0]) == (mine / "00_mean.ipynb").read_bytes()


def test_the_same_notebooks_give_the_same_bytes(mine: Path) -> None:
    mugrade("submit", "1", "0", "--student", "ada")
    first = Path("ada.zip").read_bytes()
    (mine / "00_mean.ipynb").touch()
    with zipfile.ZipFile("ada.zip") as file:
        assert {entry.date_time for entry in file.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    mugrade("submit", "0", "1", "--out", "again.zip")
    assert Path("again.zip").read_bytes() == first


def test_who_hands_in_is_asked_once(mine: Path) -> None:
    outcome = mugrade("submit")
    assert outcome.exit_code == 1
    assert outcome.output == "say who you are: mugrade submit --student ID; it is remembered\n"
    mugrade("submit", "--student", "ada")
    assert mugrade("submit").exit_code == 0
    (mine / ".mugrade" / "student.json").write_text("{")
    assert mugrade("submit").output.startswith("say who you are")
    (mine / ".mugrade" / "student.json").write_text('{"id": ["ada"]}')
    assert mugrade("submit").output.startswith("say who you are")


@pytest.mark.parametrize("id", ["../x", "a/b", ".ada", "a b", "ada.", "", "00_mean", "x" * 99, "ä"])
def test_an_id_is_a_file_name_everywhere(mine: Path, id: str) -> None:
    outcome = mugrade("submit", "--student", id)
    assert outcome.exit_code == 1 and len(outcome.output.splitlines()) == 1
    assert not list(mine.glob("*.zip"))


@pytest.mark.parametrize("id", ["a", "ada", "ada.lovelace@example.org", "s-123_4", "A+b"])
def test_ids_of_many_schools_are_taken(id: str) -> None:
    assert NAME.fullmatch(id)


def test_it_warns_of_what_may_surprise(mine: Path) -> None:
    written(mine, MINE)
    lines = mugrade("submit", "0", "1", "--student", "ada").output.splitlines()
    assert any(
        line.startswith("00_mean: the package holds another mean, which ran ") for line in lines
    )
    assert "01_scale: borrowed, so there is nothing to hand in: scaler, noise" in lines
    assert (
        "01_scale: 2 checks not run: scaler-centres, noise-is-normal; mugrade check 01"
    ) in lines
    write_mean(mine, "return x.max()")
    lines = mugrade("submit", "0").output.splitlines()
    said = "1 check passed before the code changed: mean-of-three; mugrade check 00"
    assert f"00_mean: {said}" in lines
    mugrade("check", "0")
    assert "00_mean: 1 check failed: mean-of-three; mugrade check 00" in (
        mugrade("submit", "0").output.splitlines()
    )
    written(mine, "def (")
    assert any(
        "mean cannot be loaded: SyntaxError" in line
        for line in mugrade("submit", "0").output.splitlines()
    )


def test_nothing_written_is_nothing_to_hand_in(folder: Path) -> None:
    outcome = mugrade("submit", "--student", "ada")
    assert (outcome.exit_code, list(folder.glob("*.zip"))) == (1, [])
    assert outcome.output.startswith("nothing is written yet: name a stage")
    assert mugrade("submit", "0").exit_code == 0


def test_what_only_the_package_holds_is_not_forgotten(mine: Path, tiny: Course) -> None:
    """As where cells ran in a notebook that lies elsewhere."""
    fresh = (tiny.root / "notebooks" / "00_mean.ipynb").read_bytes()
    (mine / "00_mean.ipynb").write_bytes(fresh)
    outcome = mugrade("submit", "--student", "ada")
    assert (outcome.exit_code, list(mine.glob("*.zip"))) == (1, [])
    assert outcome.output == (
        "your answers are in the package, and not in the notebooks that lie here: "
        "mugrade restore 00 puts them there\n"
    )
    assert mugrade("restore", "00").exit_code == 0
    assert mugrade("submit").exit_code == 0


def test_a_broken_notebook_is_not_handed_in(mine: Path) -> None:
    (mine / "01_scale.ipynb").write_text("{")
    outcome = mugrade("submit", "--student", "ada")
    assert outcome.exit_code == 1 and "01_scale.ipynb is no notebook" in outcome.output
    assert not list(mine.glob("*.zip"))
    assert mugrade("submit", "0").exit_code == 0


def test_an_archive_that_cannot_be_written_is_one_sentence(mine: Path) -> None:
    (mine / "taken").mkdir()
    outcome = mugrade("submit", "--student", "ada", "--out", "taken")
    assert outcome.exit_code == 1
    assert outcome.output == "taken cannot be written: name another file with --out\n"


def test_json_says_the_same(mine: Path) -> None:
    data = json.loads(mugrade("submit", "--student", "ada", "--json").output)
    assert (data["student"], data["archive"]) == ("ada", "ada.zip")
    assert data["mugrade"] == __version__
    (stage,) = data["stages"]
    assert (stage["written"], stage["points"], stage["warnings"]) == (["mean"], 2, [])
    assert stage["checks"] == {"mean-of-three": "passes"} and stage["visible_only"] is True


# notebooks under another name


def rename(folder: Path, name: str, saved: int) -> Path:
    """Stage 00 under another name, beside a notebook of its own as it was handed out."""
    path = folder / "00_mean.ipynb"
    other = path.rename(folder / name)
    shutil.copy(other, path)
    mugrade("reset", "mean")
    os.utime(other, (saved, saved))
    return other


@pytest.mark.parametrize("saved", [1_000_000_000, 2_000_000_000])
def test_answers_under_another_name_are_not_left_out(mine: Path, saved: int) -> None:
    other = rename(mine, "my means (copy).ipynb", saved)
    outcome = mugrade("submit", "--student", "ada")
    assert outcome.exit_code == 1 and not list(mine.glob("*.zip"))
    (line,) = outcome.output.splitlines()
    assert "my means (copy).ipynb holds mean and was saved " in line
    assert "00_mean.ipynb holds no answer" in line and "say which with --from, as in " in line
    outcome = mugrade("submit", "--student", "ada", "--from", "my means (copy).ipynb")
    assert outcome.exit_code == 0, outcome.output
    with zipfile.ZipFile("ada.zip") as file:
        assert file.namelist() == ["ada/00_mean/00_mean.ipynb"]
        assert file.read(file.namelist()[0]) == other.read_bytes()
    assert mugrade("submit", "--from", "00_mean.ipynb").exit_code == 0
    with zipfile.ZipFile("ada.zip") as file:
        assert file.read(file.namelist()[0]) == (mine / "00_mean.ipynb").read_bytes()


def test_a_terminal_is_asked(mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = rename(mine, "copy.ipynb", 1_000_000_000)
    paths, notes = submitting._choose(Workspace.find(mine), ["01_scale"], [], ask=True)
    assert (paths, notes) == ({}, [])
    monkeypatch.setattr(submitting.sys, "stdin", Terminal())
    answers = iter([7, 1])
    monkeypatch.setattr(submitting.typer, "prompt", lambda *args, **options: next(answers))
    paths, _ = submitting._choose(Workspace.find(mine), [], [], ask=True)
    assert paths == {"00_mean": other}


class Terminal:
    def isatty(self) -> bool:
        return True


def test_an_older_copy_is_said_and_left(mine: Path) -> None:
    other = mine / "00_mean-Copy1.ipynb"
    shutil.copy(mine / "00_mean.ipynb", other)
    assert "Copy1" not in mugrade("submit", "--student", "ada").output
    other.write_text(other.read_text().replace("x.sum()", "x.min()"))
    os.utime(other, (1_000_000_000, 1_000_000_000))
    outcome = mugrade("submit")
    assert outcome.exit_code == 0
    assert "00_mean: 00_mean-Copy1.ipynb holds mean and was saved 2001" in outcome.output
    os.utime(other, (2_000_000_000, 2_000_000_000))
    assert mugrade("submit").exit_code == 1
    assert mugrade("submit", "1").exit_code == 0


@pytest.mark.parametrize("content", ["", "{", '{"cells": []}', "[" * 10**5])
def test_other_notebooks_are_no_trouble(mine: Path, content: str) -> None:
    (mine / "scratch.ipynb").write_text(content)
    assert mugrade("submit", "--student", "ada").exit_code == 0
    outcome = mugrade("submit", "--from", "scratch.ipynb")
    assert outcome.output == "scratch.ipynb holds no answer to any stage of the course\n"


# what was handed in


def test_a_copy_of_each_archive_is_kept(mine: Path) -> None:
    mugrade("submit", "--student", "ada")
    written(mine, f"{RIGHT}  # again")
    mugrade("submit")
    copies = sorted((mine / ".mugrade" / "submitted").iterdir())
    assert len(copies) == 2 and all("-ada-" in path.name for path in copies)
    assert copies[-1].read_bytes() != copies[0].read_bytes()
    assert Path("ada.zip").read_bytes() in [path.read_bytes() for path in copies]


def test_it_says_what_is_in_an_archive(mine: Path) -> None:
    receipt = mugrade("submit", "0", "1", "--student", "ada").output.split("receipt ")[1][:12]
    outcome = mugrade("submit", "--check", "ada.zip")
    sha = hashlib.sha256(Path("ada.zip").read_bytes()).hexdigest()
    assert outcome.output.splitlines() == [
        "00_mean of ada: 1/1 answered",
        "01_scale of ada: 0/2 answered, open: scaler, noise",
        f"ada.zip: receipt {receipt}, sha256 {sha}",
    ]
    data = json.loads(mugrade("submit", "--check", "ada.zip", "--json").output)
    assert (data["sha256"], data["stages"][1]["open"]) == (sha, ["scaler", "noise"])


@pytest.mark.parametrize("content", [None, b"", b"PK broken"])
def test_what_is_no_archive_is_one_sentence(mine: Path, content: bytes | None) -> None:
    if content is not None:
        (mine / "x.zip").write_bytes(content)
    outcome = mugrade("submit", "--check", "x.zip")
    assert outcome.exit_code == 1 and outcome.output.startswith("x.zip: it ")


def test_mugrade_grade_takes_it(mine: Path, tiny: Course, tmp_path: Path) -> None:
    mugrade("submit", "--student", "ada", "--out", str(tmp_path / "in" / "ada.zip"))
    command = ["grade", str(tmp_path / "in"), "--course", str(tiny.root)]
    out = ["--out", str(tmp_path / "out"), "--accept-weak-sandbox"]
    outcome = mugrade(*command, *out)
    assert outcome.exit_code == 0, outcome.output
    row = next(line.split() for line in outcome.output.splitlines() if line.startswith("ada"))
    assert row[:3] == ["ada", "00_mean", "2/2"]
    assert "0 graded, 1 up to date" in mugrade(*command, *out).output


def test_nbgrader_collects_it(mine: Path, tmp_path: Path) -> None:
    course = load_course(write_course(tmp_path / "course"))
    build_course(course)
    root = nbgrader_root(course)
    assert nbgrader(root, "generate_assignment", "00_mean", "--create").returncode == 0
    archive = root / "downloaded" / "00_mean" / "archive"
    archive.mkdir(parents=True)
    for id in ("ada", "bob.b@example.org"):
        mugrade("submit", "0", "1", "--student", id, "--out", f"{archive}/late_{id}_17.zip")
    outcome = nbgrader(root, "zip_collect", "00_mean")
    assert outcome.returncode == 0, outcome.stderr
    collected = sorted(
        path.relative_to(root / "submitted") for path in root.glob("submitted/*/*/*")
    )
    assert [path.as_posix() for path in collected] == [
        "ada/00_mean/00_mean.ipynb",
        "bob.b@example.org/00_mean/00_mean.ipynb",
    ]
    for path in collected:
        assert (root / "submitted" / path).read_bytes() == (mine / "00_mean.ipynb").read_bytes()
    shutil.rmtree(root)


def test_what_the_grader_cannot_import_is_said_by_three_commands(mine: Path) -> None:
    written(mine, f"import pandas\n{RIGHT}")
    write_mean(mine, "import pandas\n    return x.sum() / x.size")
    said = "mean imports pandas, which the grader does not have"
    for command in (["check", "0"], ["doctor"], ["submit", "0", "--student", "ada"]):
        assert said in " ".join(mugrade(*command).output.split())
