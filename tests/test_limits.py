"""The limits that a course sets hold where a stage is graded, and where a student checks it."""

import json
import re
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mugrade.author.build import build_course
from mugrade.cli import app
from mugrade.course.model import Course
from mugrade.course.reading import load_course
from mugrade.grader.fingerprint import Fingerprints
from mugrade.grader.pool import longest
from mugrade.grader.submissions import Submission
from mugrade.reference.world import reference_limits
from mugrade.sandbox.limits import Limits
from mugrade.student.progress import take_stage
from mugrade.student.workspace import Workspace
from tests.conftest import make_grader
from tests.test_grade import hand_in
from tests.tiny import write_course

HANGS = "def mean(x):\n    while True:\n        pass"
EATS = "def mean(x):\n    keep = np.ones(40 << 20)\n    while True:\n        pass"
BREEDS = """\
def mean(x):
    import threading, time
    for _ in range(12):
        threading.Thread(target=time.sleep, args=(9,), daemon=True).start()
    time.sleep(9)
"""
LIMITS = """
[limits]
check = 3
[limits.00_mean]
check = 2
memory = 100
processes = 9
"""


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Course:
    """The tiny course with limits, built."""
    root = write_course(tmp_path_factory.mktemp("limited"))
    (root / "solutions" / "course.toml").write_text(LIMITS)
    course = load_course(root)
    build_course(course)
    return course


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (HANGS, "no answer within 2 seconds"),
        (EATS, "it needed more than 100 MB of memory"),
        (BREEDS, r"it started \d+ processes and threads"),
    ],
)
def test_a_stage_is_graded_within_its_limits(
    limited: Course, tmp_path: Path, body: str, says: str
) -> None:
    with closing(make_grader(limited, ["00_mean"], Limits())) as grader:
        path = hand_in(limited, tmp_path / "ada", "00_mean", mean=body)
        (grade,) = grader.grade(Submission("ada", "00_mean", path), {}).grades
    assert grade.points == 0
    assert re.fullmatch(says, grade.verdict.actual)


def test_each_stage_has_its_own(limited: Course) -> None:
    grader = make_grader(limited, [], Limits())
    mean, scale = (grader.key.limits_of(stage.name) for stage in limited.stages)
    assert mean == Limits(check=2, memory=100 << 20, processes=9)
    assert scale == Limits(check=3)
    rules = Fingerprints(limited, Limits(), False).rules
    assert (rules["00_mean"]["limits"]["check"], rules["01_scale"]["limits"]["check"]) == (2, 3)
    assert longest(replace(scale, total=400)) > longest(scale)


def test_the_reference_has_room_enough(limited: Course) -> None:
    found = reference_limits(limited, limited.stages[0])
    assert found == Limits(load=60, check=60, total=600, memory=2 << 30)


def test_a_student_checks_within_the_courses_time(
    limited: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = json.loads((limited.root / "notebooks" / "course.json").read_text())
    assert data["seconds"] == {"00_mean": 2, "01_scale": 3}
    folder = limited.root / "notebooks"
    take_stage(Workspace.find(folder), "00_mean", limited.root)
    module = folder / "stats" / "mean.py"
    module.write_text(module.read_text().replace("return np", "while True: pass\n    return np"))
    monkeypatch.chdir(folder)
    assert "no answer within 2 seconds" in CliRunner().invoke(app, ["check", "00"]).output
    quick = CliRunner().invoke(app, ["check", "00", "--seconds", "0.5"])
    assert "no answer within 0.5 seconds" in quick.output
