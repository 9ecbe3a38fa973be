"""nbgrader, unmodified, works on what the build writes, and agrees with `mugrade grade`."""

import csv
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import nbformat
import pytest

from mugrade.author.build import build_course, nbgrader_root
from mugrade.course.model import Course, Stage
from mugrade.course.reading import load_course
from mugrade.grader.submissions import find_submissions
from mugrade.sandbox.limits import Limits
from sample_class.students import STUDENTS, hand_in
from tests.conftest import ROOT, STAGES, make_grader

AT_ONCE = ("03_logsumexp",)  # the others by `make long`: a minute each
FINISHED_BY_NBGRADER = ("ada", "emmy", "noor", "carl", "lise", "sofia", "hedy")


def nbgrader(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [sys.executable, "-m", "nbgrader", *arguments],
        cwd=root,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def instructor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An instructor's nbgrader course with the sample class handed in."""
    root = tmp_path_factory.mktemp("instructor")
    shutil.copytree(ROOT / "solutions", root / "solutions", ignore=shutil.ignore_patterns("needle"))
    shutil.copytree(ROOT / "notebooks" / "data" / "digits", root / "notebooks" / "data" / "digits")
    for record in (ROOT / "build" / "records").glob("[0-9]*.json"):  # of `mugrade build --check`
        (root / "build" / "records").mkdir(parents=True, exist_ok=True)
        shutil.copy(record, root / "build" / "records")
    course = load_course(root)
    build_course(course)
    hand_in(root, nbgrader_root(course) / "class")
    return nbgrader_root(course)


def scores(root: Path, stage: str) -> dict[str, float]:
    assert nbgrader(root, "export", "--assignment", stage).returncode == 0
    with (root / "grades.csv").open() as file:
        return {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)}


@pytest.mark.parametrize(
    "stage",
    [s if s in AT_ONCE else pytest.param(s, marks=pytest.mark.long) for s in STAGES],
)
def test_release_validate_autograde_feedback_export(
    instructor: Path, stage: str, course: Course
) -> None:
    released = nbgrader(instructor, "generate_assignment", stage, "--create", "--force")
    assert released.returncode == 0, released.stderr
    mine = nbformat.read(ROOT / "notebooks" / f"{stage}.ipynb", as_version=4)
    theirs = nbformat.read(instructor / "release" / stage / f"{stage}.ipynb", as_version=4)
    assert mine.cells == theirs.cells

    valid = nbgrader(instructor, "validate", f"source/{stage}/{stage}.ipynb")
    assert "Success" in valid.stdout + valid.stderr
    empty = nbgrader(instructor, "validate", f"release/{stage}/{stage}.ipynb")
    checks = list(course.find(stage).role("check"))
    assert f"FAILED ON {len(checks)} CELL" in (empty.stdout + empty.stderr).upper()

    submitted = instructor / "submitted"
    for student in different_submissions(instructor / "class", stage):
        shutil.copytree(instructor / "class" / student / stage, submitted / student / stage)
        if student != "ada":
            drop_demos(submitted / student / stage / f"{stage}.ipynb", course.find(stage))
    shutil.copytree(instructor / "release" / stage, submitted / "zero" / stage)
    graded = nbgrader(instructor, "autograde", stage, "--create")
    assert graded.returncode == 0, graded.stderr
    theirs = scores(instructor, stage)
    assert theirs["ada"] == 100
    assert theirs["zero"] == 0
    grader = make_grader(course, [stage], Limits())
    for submission in find_submissions(submitted, [stage]):
        if submission.path is not None:
            mine = grader.grade(submission, {})
            assert mine.points == theirs[submission.student], submission.student

    assert nbgrader(instructor, "generate_feedback", stage).returncode == 0
    for page in (instructor / "feedback").glob(f"*/{stage}/*.html"):
        text = page.read_text("utf-8")
        assert "HIDDEN TESTS" not in text
        for line in hidden_lines([check.source for check in checks]):
            assert line not in text, f"{page}: {line}"
    assert not list((instructor / "source" / stage).glob("needle"))
    assert not list((instructor / "release" / stage).glob("needle"))


def drop_demos(path: Path, stage: Stage) -> None:
    """Leave out the cells that plot and train: no check needs them, and they take most time."""
    demos = {cell.id for cell in stage.role("demo")}
    notebook = json.loads(path.read_text("utf-8"))
    notebook["cells"] = [cell for cell in notebook["cells"] if cell.get("id") not in demos]
    path.write_text(json.dumps(notebook), encoding="utf-8")


def test_the_formgrader_shows_the_class(instructor: Path) -> None:
    stage = STAGES[-1]
    assert nbgrader(instructor, "generate_assignment", stage, "--create", "--force").returncode == 0
    submitted = instructor / "submitted" / "grace" / stage
    shutil.copytree(instructor / "release" / stage, submitted)
    assert (
        nbgrader(instructor, "autograde", stage, "--create", "--student", "grace").returncode == 0
    )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = [f"--port={port}", "--no-browser", "--allow-root", "--IdentityProvider.token="]
    server = subprocess.Popen(
        [sys.executable, "-m", "jupyter_server", *options],
        cwd=instructor,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        base = f"http://127.0.0.1:{port}/formgrader"
        rows = json.loads(fetch(f"{base}/api/submissions/{stage}"))
        (row,) = (row for row in rows if row["student"] == "grace")
        assert (row["score"], row["max_score"], row["autograded"]) == (0, 100, True)
        assert stage in fetch(f"{base}/manage_submissions/{stage}")
    finally:
        server.terminate()
        server.wait()


def fetch(url: str) -> str:
    """The page at `url`, as soon as the server is up."""
    for _ in range(150):
        try:
            with urllib.request.urlopen(url, timeout=30) as page:
                return page.read().decode()
        except urllib.error.URLError as error:
            if not isinstance(error.reason, ConnectionRefusedError):
                raise
            time.sleep(0.2)
    raise AssertionError(f"nothing answers at {url}")


def different_submissions(folder: Path, stage: str) -> list[str]:
    """Students whom nbgrader can grade; of those with the same answers, the first."""
    found: dict[bytes, str] = {}
    for student in FINISHED_BY_NBGRADER:
        path = folder / student / stage / f"{stage}.ipynb"
        if path.exists() and (student, stage) != ("hedy", "01_initializers"):
            found.setdefault(path.read_bytes(), student)
    return list(found.values())


def hidden_lines(sources: list[str]) -> list[str]:
    """Long lines of the hidden parts of checks that no public part has too."""
    parts = [source.partition("### BEGIN HIDDEN TESTS") for source in sources]
    public = "\n".join(public for public, _, _ in parts)
    lines = [line.strip() for _, _, hidden in parts for line in hidden.splitlines()]
    return [
        line for line in lines if len(line) > 20 and "HIDDEN" not in line and line not in public
    ]


def test_the_sample_class_covers_what_a_class_holds() -> None:
    assert len(STUDENTS) >= 8
    assert all(student.__doc__ for student in STUDENTS)
