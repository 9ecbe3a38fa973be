"""Windows and macOS, as far as they can be had on Linux."""

import json
import os
import pkgutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

import mugrade as package
from mugrade import files, streams
from mugrade.author.build import check_build
from mugrade.course.model import Course
from mugrade.errors import WorkspaceError
from mugrade.student import noted
from mugrade.student.progress import take_stage
from mugrade.student.workspace import Workspace
from tests import elsewhere
from tests.test_cli_check import folder, mugrade, write_mean
from tests.test_live import DRIVER, GOOD_MEAN, IMPORTS, student_folder
from tests.tiny import write_course

__all__ = ["folder"]
GREEK = "Is θ̂ = ∑ xᵢ / N ≤ ∞, as naïve as that ✓?"


@pytest.fixture
def away(tiny: Course, tmp_path: Path) -> Path:
    """A course with Greek texts, in a folder with blanks and accents; half of it is wrong."""
    (tmp_path / "Zoë's course").mkdir()
    folder = student_folder(tiny, tmp_path / "Zoë's course" / "día 1")
    course = json.loads((folder / "course.json").read_text(encoding="utf-8"))
    course["hints"]["mean"] = [GREEK]
    file = {"name": "greek", "size": 1, "sha256": "0" * 64}
    course["data"] = {"letters": {"mirrors": [], "files": [file]}}
    for check in course["checks"]:
        check["why"] = GREEK
    (folder / "course.json").write_text(json.dumps(course), encoding="utf-8")
    for stage in tiny.stages:
        take_stage(Workspace.find(folder), stage.name, tiny.root)
    write_mean(folder, "print('α ✓'); return x.sum()  # naïve")
    return folder


def command(
    folder: Path, *arguments: str, encoding: str = "utf-8"
) -> subprocess.CompletedProcess[bytes]:
    """A command of mugrade on a system that has no Unix in it."""
    env = elsewhere.environment(folder.parent / "site", encoding)
    return elsewhere.python(folder, "-m", "mugrade", *arguments, env=env)


# without what only Unix has


def test_everything_but_the_inside_of_the_sandbox_can_be_imported(tmp_path: Path) -> None:
    programs = {"mugrade.__main__", "mugrade.grader.worker", "mugrade.sandbox.nursery"}
    inside = {*programs, "mugrade.sandbox.confine", "mugrade.sandbox.refusals"}
    found = pkgutil.walk_packages(package.__path__, "mugrade.")
    names = sorted({module.name for module in found} - inside)
    lines = "\n".join(f"import {name}" for name in names)
    env = elsewhere.environment(tmp_path / "site")
    done = elsewhere.python(tmp_path, "-c", lines, env=env)
    assert done.returncode == 0, done.stderr.decode()


def test_cells_are_exported_and_checked(away: Path) -> None:
    env = elsewhere.environment(away.parent / "site")
    cells = ["%load_ext mugrade\nimport numpy as np\nimport stats", IMPORTS, GOOD_MEAN]
    cells += ["from mugrade import check\n@check\ndef mean_of_three():\n    yield mean(np.ones(3))"]
    done = elsewhere.python(away, "-c", DRIVER, env=env, said="\n".join(map(json.dumps, cells)))
    said = [json.loads(line)[0] for line in done.stdout.decode().splitlines()]
    assert said[1:3] == ["stats/mean.py: mean-imports\n", "stats/mean.py: mean\n"], done.stderr
    assert "2 points" in said[3]


def test_the_course_is_built_and_linted(tiny: Course) -> None:
    done = command(tiny.root, "build", "--check")
    assert (done.returncode, done.stdout.decode()) == (0, "everything is up to date\n")
    done = command(tiny.root, "lint")
    assert done.returncode == 1 and b"has no hidden part" in done.stderr
    assert check_build(tiny) == []


def test_a_reference_that_fails_is_named(tiny: Course, tmp_path: Path) -> None:
    root = write_course(tmp_path, stage_00=("x.sum() / x.size", "x.sum() / none"))
    done = command(root, "build")
    said = done.stderr.decode().strip()
    assert done.returncode == 1 and "NameError" in said and said.startswith("00_mean.py:")


def test_grading_says_what_it_needs(tiny: Course) -> None:
    done = command(tiny.root, "grade", "notebooks")
    assert done.returncode == 1
    assert done.stderr.decode().splitlines() == [
        "grading needs Linux or macOS: on Windows run it in WSL 2"
    ]


# consoles

COMMANDS = {
    "check": (1, "not passed"),
    "hint mean": (0, "hint 1 of 1"),
    "status": (0, "00_mean"),
    "doctor": (1, "mean"),
    "reset mean": (0, "is as it was handed out"),
    "take 00": (0, "took 00_mean"),
    "submit 0 --student zoe": (0, "receipt"),
    "data letters --mirror nowhere": (1, "could not be fetched"),
    "--help": (0, "Commands"),
    "check --help": (0, "Usage"),
    "hint nothing-like-θ": (1, "no hints for nothing-like-"),
}
ONE_AFTER_ANOTHER = """
import json, sys
from mugrade.cli import app
for arguments in json.load(sys.stdin):
    try:
        app(arguments)
    except SystemExit as end:
        for stream in (sys.stdout, sys.stderr):
            print(chr(30), int(end.code or 0), flush=True, file=stream)
"""


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_every_command_speaks_in_the_consoles_encoding(
    away: Path, tiny: Course, encoding: str
) -> None:
    lines = [line.split() for line in COMMANDS]
    for line in lines:
        line += ["--course", str(tiny.root)] * (line[0] == "take")
    env = elsewhere.environment(away.parent / "site", encoding)
    done = elsewhere.python(away, "-c", ONE_AFTER_ANOTHER, env=env, said=json.dumps(lines))
    assert done.returncode == 0, done.stderr.decode(encoding)
    texts = [out.decode(encoding).split("\x1e") for out in (done.stdout, done.stderr)]
    for i, (line, (status, expected)) in enumerate(COMMANDS.items()):
        assert expected in texts[0][i] + texts[1][i], line
        assert texts[0][i + 1].split()[0] == str(status), line


def test_what_the_encoding_lacks_is_written_so_that_it_can_be_read(away: Path) -> None:
    done = command(away, "hint", "mean", encoding="ascii")
    assert b"Is theta = sum xi / N <= inf, as naive as that +?" in done.stdout
    done = command(away, "check", "0", encoding="cp1252")
    assert done.stdout.decode("cp1252").startswith("x not passed  mean_of_three")
    assert "as naïve as that +?" in done.stdout.decode("cp1252")


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("Ωμέγα", "Omegamuepsilongammaalpha"),
        ("λ → σ", "lambda -> sigma"),
        ("½ “quoted” …", '1/2 "quoted" ...'),
        ("漢 \udc80", "? ?"),
    ],
)
def test_letters_and_signs_have_names(text: str, written: str) -> None:
    streams.ready()
    assert text.encode("ascii", streams.READABLE).decode() == written


@pytest.mark.skipif(os.name == "nt", reason="there is no sh")
@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_terminal_that_is_not_there_costs_nothing(folder: Path, closed: str) -> None:
    write_mean(folder, "print('α'); return x.mean()")
    line = f'exec "{sys.executable}" -m mugrade check {closed}'
    done = subprocess.run(["sh", "-c", line], cwd=folder, capture_output=True, timeout=100)
    assert done.returncode == 0, done
    last_runs = noted.last_runs(Workspace.find(folder))
    assert [run.passed for run in last_runs.values()] == [True] * 3


# files that somebody else has open


class Held:
    """os.replace on Windows, while another program has the file open for the first `times`."""

    def __init__(self, times: float) -> None:
        self.left = times
        self.replace = os.replace

    def __call__(self, source: Any, target: Any) -> None:
        if self.left > 0:
            self.left -= 1
            raise PermissionError(13, "The process cannot access the file", str(target))
        self.replace(source, target)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were made, without making them."""
    made: list[float] = []
    monkeypatch.setattr(files.time, "sleep", made.append)
    return made


def test_a_file_that_is_let_go_is_replaced(
    folder: Path, monkeypatch: pytest.MonkeyPatch, waits: list[float]
) -> None:
    monkeypatch.setattr(os, "replace", Held(2))
    assert mugrade("hint", "mean").exit_code == 0
    assert len(waits) == 2 and Workspace.find(folder).recall("hints.json") == {"mean": 1}


COMMANDS_THAT_WRITE = ("hint mean", "check 0", "take 00", "reset mean", "submit 0 --student zoe")


@pytest.mark.parametrize("line", COMMANDS_THAT_WRITE)
def test_a_file_that_stays_open_is_said_in_one_sentence(
    folder: Path, tiny: Course, line: str, monkeypatch: pytest.MonkeyPatch, waits: list[float]
) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    monkeypatch.setattr(os, "replace", Held(float("inf")))
    course = ["--course", str(tiny.root)] if line.startswith("take") else []
    outcome = mugrade(*line.split(), *course)
    assert outcome.exit_code == 1
    sentence = "cannot be replaced: another program may have it open; close it there and try again"
    assert outcome.output.count(sentence) == 1 and 0 < sum(waits) < 5
    after = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert {path: after[path] for path in before} == before
    assert not [path for path in folder.rglob(".*.*") if path.is_file()]


def test_a_module_that_stays_open_cannot_be_removed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, waits: list[float]
) -> None:
    def held(path: Path, missing_ok: bool = False) -> None:
        raise PermissionError(13, "The process cannot access the file", str(path))

    monkeypatch.setattr(Path, "unlink", held)
    with pytest.raises(WorkspaceError, match="another program may have it open"):
        Workspace.find(folder).write_module("stats/mean.py", [])


def test_files_have_the_same_line_ends_everywhere(away: Path, tiny: Course) -> None:
    module = away / "stats" / "mean.py"
    module.write_bytes(module.read_bytes().replace(b"\n", b"\r\n"))
    assert command(away, "take", "00", "--course", str(tiny.root)).returncode == 0
    assert command(away, "submit", "0", "--student", "zoe").returncode == 0
    assert b"\r" not in module.read_bytes()
    with zipfile.ZipFile(away / "zoe.zip") as archive:
        assert archive.namelist() == ["zoe/00_mean/00_mean.ipynb"]
