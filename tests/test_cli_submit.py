"""`mugrade submit`: says what is handed in, and what it writes is graded and collected."""

import json
import shutil
import zipfile
from pathlib import Path

import pytest

from mugrade import visible
from mugrade.author.build import build, nbgrader_root
from mugrade.author.course import Course, load_course
from mugrade.student.submit import NAME
from mugrade.version import __version__
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
    assert (
        "00_mean: the package holds another mean: run the cells again and save the notebook"
    ) in lines
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
    build(course)
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
