"""A release: what students get by now, wherever it is written, and how it grows."""

import json
import os
import subprocess
import zipfile
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from mugrade.author.branch import Branch
from mugrade.author.places import Archive, Assignments, Destination, Folder
from mugrade.author.release import due_by, release_course
from mugrade.cli import app
from mugrade.course.cells import solution_lines
from mugrade.course.manifest import MANIFEST, SOLUTIONS
from mugrade.course.model import Course
from mugrade.course.reading import load_course
from mugrade.errors import CourseError
from mugrade.student.sources import opened_source
from mugrade.student.update import update_course
from mugrade.student.workspace import Workspace
from tests.test_cli_reset import cell, edit, save
from tests.tiny import write_course

COURSE = """\
title = "Statistics"

[deadlines]
00 = 2027-03-01T23:00:00
01 = 2027-03-08T23:00:00
"""
ANSWER = "#| export stats/mean.py\ndef mean(x):\n    return np.asarray(x.mean(), dtype=x.dtype)"


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    """The tiny course with deadlines, in a repository of git; not built."""
    root = write_course(tmp_path_factory.mktemp("course"))
    (root / "solutions" / "course.toml").write_text(COURSE)
    git(root, "init", "--quiet", "--initial-branch", "main")
    git(root, "config", "user.name", "A")
    git(root, "config", "user.email", "a@example.org")
    git(root, "add", "solutions/course.toml")
    git(root, "commit", "--quiet", "--message", "a course")
    return load_course(root)


def git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=True)
    return done.stdout


def release(course: Course, place: Destination, last: int, answers: tuple[int, ...] = ()) -> None:
    out = [course.stages[i] for i in answers]
    release_course(course, place, course.stages[last], out, play=False)


def files(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def mugrade(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": "100"})


def test_nothing_of_later_stages_and_no_solution_is_handed_out(
    course: Course, tmp_path: Path
) -> None:
    release(course, Folder(tmp_path / "out"), 0)
    found = files(tmp_path / "out")
    assert sorted(name for name in found if name.endswith(".ipynb")) == [
        "00_mean.ipynb",
        "00_start.ipynb",
    ]
    text = b"\n".join(found.values()).decode()
    for later in ("01_scale", "01 Scale", "scaler", "noise", "stats/scale.py"):
        assert later not in text
    for stage in course.stages:
        for exercise in stage.role("solution"):
            assert not any(line in text for line in solution_lines(exercise.source))
    assert SOLUTIONS not in found and "HIDDEN" not in text


def test_a_whole_release_is_what_the_build_writes(tiny: Course, tmp_path: Path) -> None:
    release(tiny, Folder(tmp_path / "out"), 1)
    assert files(tmp_path / "out") == files(tiny.root / "notebooks")


def places(course: Course, tmp_path: Path) -> list[Destination]:
    return [
        Folder(tmp_path / "out"),
        Archive(tmp_path / "stats.zip"),
        Branch(course.root, f"students-{tmp_path.name}"),
        Assignments(tmp_path / "nbgrader"),
    ]


@pytest.mark.parametrize("which", range(4))
def test_a_release_grows_and_is_not_made_shorter(
    course: Course, tmp_path: Path, which: int
) -> None:
    place = places(course, tmp_path)[which]
    release(course, place, 0, (0,))
    first = json.loads(place.read(MANIFEST) or b"")
    assert list(first["stages"]) == ["00_mean"]
    release(course, place, 1)
    assert list(json.loads(place.read(MANIFEST) or b"")["stages"]) == ["00_mean", "01_scale"]
    assert {s["stage"] for s in json.loads(place.read(SOLUTIONS) or b"")} == {"00_mean"}
    with pytest.raises(CourseError, match=r"holds 01_scale already"):
        release(course, place, 0)


def test_every_place_holds_the_same(course: Course, tmp_path: Path) -> None:
    folder, archive, branch, tree = places(course, tmp_path)
    for place in (folder, archive, branch, tree):
        release(course, place, 1)
    wanted = files(tmp_path / "out")
    with zipfile.ZipFile(tmp_path / "stats.zip") as opened:
        assert {n.removeprefix("stats/"): opened.read(n) for n in opened.namelist()} == wanted
    assert isinstance(branch, Branch)
    listed = git(course.root, "ls-tree", "-r", "--name-only", branch.name).split()
    assert {name: branch.read(name) for name in listed} == wanted
    for stage in course.stages:
        own = files(tmp_path / "nbgrader" / "release" / stage.name)
        assert own.items() <= wanted.items() and f"{stage.name}.ipynb" in own


def test_a_branch_leaves_the_working_tree_alone(course: Course, tmp_path: Path) -> None:
    branch = Branch(course.root, "week-one")
    before = git(course.root, "status", "--porcelain"), git(course.root, "rev-parse", "HEAD")
    for last in (0, 1, 1):
        release(course, branch, last)
    after = git(course.root, "status", "--porcelain"), git(course.root, "rev-parse", "HEAD")
    assert after[1] == before[1] and "notebooks" not in after[0]
    subjects = git(course.root, "log", "--format=%s", "week-one").splitlines()
    assert subjects == ["Statistics: up to 01 Scale", "Statistics: up to 00 Mean"]


def test_a_student_goes_on_with_the_next_release_and_loses_nothing(
    course: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive, here = Archive(tmp_path / "stats.zip"), tmp_path / "ada"
    release(course, archive, 0)
    with zipfile.ZipFile(archive.path) as opened:
        opened.extractall(here)
    folder = here / "notebooks"
    assert mugrade("start", str(folder), "--course", str(here / "stats")).exit_code == 0
    data = edit(folder, "00_mean")
    cell(data, "mean")["source"] = ANSWER.splitlines(keepends=True)
    save(folder, data, "00_mean")
    monkeypatch.chdir(folder)
    refused = mugrade("take", "00")
    assert refused.exit_code == 1 and "once they are out" in " ".join(refused.output.split())
    release(course, archive, 1, (0,))
    with opened_source(str(archive.path), folder) as source:
        update_course(Workspace.find(folder), source)
    assert "".join(cell(edit(folder, "00_mean"), "mean")["source"]) == ANSWER
    assert "01_scale.ipynb" in "".join(cell(edit(folder, "00_mean"), "links-00")["source"])
    assert (folder / "01_scale.ipynb").is_file()
    taken = mugrade("take", "00")
    assert taken.exit_code == 0 and "x.sum() / x.size" in (folder / "stats" / "mean.py").read_text()
    refused = mugrade("take", "01")
    assert refused.exit_code == 1 and "once they are out" in " ".join(refused.output.split())


def test_a_broken_file_of_solutions_is_one_sentence(
    course: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release(course, Folder(tmp_path / "out"), 0, (0,))
    (tmp_path / "out" / SOLUTIONS).write_text("{")
    monkeypatch.chdir(tmp_path / "out")
    refused = mugrade("take", "00")
    assert refused.exit_code == 1 and "is broken" in refused.output


def test_stages_are_due_by_their_deadlines(course: Course) -> None:
    first = due_by(course, datetime(2027, 3, 2).astimezone())
    assert [stage.name for stage in first] == ["00_mean"]
    assert due_by(course, datetime(2027, 2, 1).astimezone()) == []
    without = replace(course, settings=replace(course.settings, deadlines={}))
    with pytest.raises(CourseError, match=r"has no \[deadlines\]"):
        due_by(without, datetime(2027, 3, 2).astimezone())


def test_the_command_says_what_is_out(course: Course, tmp_path: Path) -> None:
    arguments = ("release", str(tmp_path / "out"), "--course", str(course.root), "--no-play")
    done = mugrade(*arguments, "--until", "2027-03-01")
    assert done.exit_code == 0 and "1 stage up to 00_mean, no answers" in done.output
    done = mugrade(*arguments, "--until", "2027-03-01", "--answers-until", "2027-02-01")
    assert done.exit_code == 0 and "1 stage up to 00_mean, no answers" in done.output
    done = mugrade(*arguments, "--answers-until", "2027-03-01")
    assert done.exit_code == 0 and "2 stages up to 01_scale, answers of 00_mean" in done.output


def student(folder: Path) -> None:
    (folder / ".mugrade").mkdir(parents=True)


def other_things(folder: Path) -> None:
    folder.mkdir()
    (folder / "thesis.txt").write_text("")


def other_course(folder: Path) -> None:
    folder.mkdir()
    empty = {"package": "needle", "stages": {}, "blocks": [], "checks": [], "hints": {}}
    (folder / MANIFEST).write_text(json.dumps({"format": 1, **empty}))


def broken(folder: Path) -> None:
    folder.mkdir()
    (folder / MANIFEST).write_text("{")


@pytest.mark.parametrize("spoil", [student, other_things, other_course, broken, Path.touch])
def test_a_folder_of_something_else_is_left_alone(course: Course, tmp_path: Path, spoil) -> None:
    folder = tmp_path / "out"
    spoil(folder)
    before = files(tmp_path)
    done = mugrade("release", str(folder), "--course", str(course.root), "--no-play")
    assert done.exit_code == 1 and len(done.output.splitlines()) == 1, done.output
    assert files(tmp_path) == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--stage", "7"], "no stage 7"),
        (["--stage", "0", "--with-answers", "01"], "the release ends with 00_mean"),
        (["--stage", "0", "--until", "2027-03-01"], "leave one of them out"),
        (["--until", "2027-02-01"], "no stage is due by 2027-02-01"),
        (["--branch", "main"], "is checked out"),
        (["--branch", "no branch"], "can be no branch"),
        (["x", "--nbgrader"], "goes to one place"),
        (["notebooks.txt/x"], "cannot be"),
    ],
)
def test_what_cannot_be_released_is_one_sentence(
    course: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notebooks.txt").touch()
    done = mugrade("release", *arguments, "--course", str(course.root), "--no-play")
    assert done.exit_code == 1 and said in done.output, done.output
    assert len(done.output.splitlines()) == 1 and os.listdir(tmp_path) == ["notebooks.txt"]


def test_an_archive_of_something_else_is_left_alone(course: Course, tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    for content in (b"", b"PK\x05\x06" + 18 * b"\0"):
        path.write_bytes(content)
        with pytest.raises(CourseError, match=r"name another"):
            release(course, Archive(path), 0)
        assert path.read_bytes() == content
