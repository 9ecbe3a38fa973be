"""Results are stored one submission at a time, and nothing is graded twice or lost."""

import ast
import contextlib
import csv
import io
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from sqlalchemy import Engine, event
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from typer.testing import CliRunner

import mugrade.grader.grade
import mugrade.grader.run
from mugrade.cli import app
from mugrade.course.manifest import CheckEntry
from mugrade.course.model import Course
from mugrade.course.reading import load_course
from mugrade.course.settings import Settings
from mugrade.errors import Unreadable
from mugrade.grader.attempts import Basis
from mugrade.grader.fingerprint import JUDGING, Fingerprints
from mugrade.grader.models import Review
from mugrade.grader.outputs.scores import Scores
from mugrade.grader.plan import Order, planned
from mugrade.grader.policy import Standing
from mugrade.grader.publish import Publisher
from mugrade.grader.report import to_json, write_csv, write_feedback
from mugrade.grader.results import Grade, PackedNotebook, Result
from mugrade.grader.run import grade_class, regrade_class
from mugrade.grader.store import Filter, Store
from mugrade.grader.submissions import Submission, by_student, find_submissions
from mugrade.sandbox.limits import Limits
from mugrade.values.masks import picture_of
from mugrade.values.verdict import Diagnosis, Verdict
from tests.conftest import ROOT, make_grader, standing_of
from tests.test_grade import LIMITS, hand_in
from tests.tiny import write_course

STUDENTS = ("ada", "bob", "carl", "dora", "emmy", "fay")
WRONG = Verdict("error", "ValueError: \ud800\x00\x1b[2J", advice="look", hidden=True)


LAST = Settings()


def outcome(
    student: str = "ada", *verdicts: Verdict, status: str = "graded", notebook: bytes = b"1"
) -> Result:
    checks = [CheckEntry(f"check-{i}", "00_mean", 2, "mean", "Why.") for i in range(len(verdicts))]
    grades = [Grade(check, verdict) for check, verdict in zip(checks, verdicts, strict=True)]
    submission = Submission(student, "00_mean", None)
    kept = None if status == "missing" else PackedNotebook.of(notebook)
    return Result(submission, status, "", grades, "strong", notebook=kept)


def current(store: Store, student: str, stage: str) -> Standing | None:
    """What counts, with its checks."""
    found = store.standings(LAST, Filter([student], [stage]))
    return next(iter(store.with_checks(found)), None)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.create(tmp_path / "results.db")
    yield store
    store.close()


def test_what_comes_out_is_what_went_in(store: Store) -> None:
    picture = picture_of(np.eye(3, dtype=bool))
    drawn = Verdict("value", "1", "2", diagnosis=Diagnosis("a", "b", "c"), picture=picture)
    result = outcome("ada", Verdict("pass"), WRONG, drawn)
    store.add(result, Basis("f"))
    found = current(store, "ada", "00_mean")
    assert found is not None
    attempt = found.attempt
    assert found.result == replace(result, notebook=None)
    assert store.notebook(attempt) == b"1"
    assert (found.points, attempt.max_points, attempt.fingerprint) == (2, 6, "f")
    assert attempt.tier == "strong"
    assert not {"\ud800", "\x00", "\x1b"} & set(attempt.checks[1].message + found.summary)
    assert current(store, "ada", "01_scale") is None


def test_a_result_says_which_mugrade_gave_it(store: Store, tmp_path: Path) -> None:
    store.add(outcome("ada", WRONG), Basis("f", "0.0.9"))
    found = current(store, "ada", "00_mean")
    assert found is not None
    write_csv(table := io.StringIO(), [found])
    (row,) = csv.DictReader(io.StringIO(table.getvalue()))
    write_feedback(tmp_path / "page.html", found, "Mean")
    assert row["mugrade"] == json.loads(to_json([found]))[0]["mugrade"] == "0.0.9"
    assert "mugrade 0.0.9" in (tmp_path / "page.html").read_text()


def test_the_last_attempt_counts_and_the_others_stay(store: Store) -> None:
    store.add(outcome("ada", WRONG), Basis("1"))
    store.add(outcome("bob", WRONG), Basis("1"))
    store.add(outcome("ada", Verdict("pass")), Basis("2"))
    assert [(s.student, s.attempt.number, s.points) for s in store.standings(LAST)] == [
        ("ada", 2, 2),
        ("bob", 1, 0),
    ]
    assert [a.student for a in store.standings(LAST, Filter(below=2))] == ["bob"]
    assert [a.student for a in store.standings(LAST, Filter(students=["ada"], stages=["0"]))] == [
        "ada"
    ]
    assert store.standings(LAST, Filter(stages=["7"])) == []
    with contextlib.closing(sqlite3.connect(store.name)) as database:
        assert database.execute("SELECT count(*) FROM mugrade_checks").fetchone() == (3,)


def test_a_result_is_stored_whole_or_not_at_all(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.add(outcome("ada", Verdict("pass")), Basis("1"))

    def full(self: Session) -> None:
        raise OperationalError("COMMIT", {}, Exception("disk full"))

    monkeypatch.setattr(Session, "commit", full)
    with pytest.raises(Unreadable, match="disk full"):
        store.add(outcome("ada", WRONG, WRONG), Basis("2"))
    found = current(store, "ada", "00_mean")
    assert found is not None and (found.attempt.number, found.points) == (1, 2)
    assert len(found.attempt.checks) == 1


@pytest.mark.parametrize("content", [b"no database" * 99, b"SQLite format 3\0" + b"x" * 5000])
def test_what_is_no_store_is_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "results.db"
    path.write_bytes(content)
    for way in (Store.create, Store.open):
        with pytest.raises(Unreadable, match=r"results\.db: the results database cannot be used"):
            way(path)
    assert path.read_bytes() == content


def test_a_folder_and_a_store_of_another_version(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="unable to open"):
        Store.create(tmp_path)
    with contextlib.closing(sqlite3.connect(tmp_path / "old.db")) as old:
        old.execute("CREATE TABLE mugrade_attempts (id INTEGER)")
    with pytest.raises(Unreadable, match="not a results database of this mugrade"):
        Store.create(tmp_path / "old.db")


def test_a_store_that_breaks_later_is_one_sentence(store: Store) -> None:
    store.add(outcome("ada", WRONG), Basis("1"))
    with contextlib.closing(sqlite3.connect(store.name)) as database:
        database.execute("DROP TABLE mugrade_checks")
    with pytest.raises(Unreadable, match="no such table"):
        store.add(outcome("ada", WRONG), Basis("2"))


@pytest.mark.parametrize("url", ["postgresql+pg8000://u:geheim@host/db", "mysql+pymysql://u@h/d"])
def test_a_driver_that_is_missing(url: str) -> None:
    with pytest.raises(Unreadable, match="is not installed: pip install") as error:
        Store.create(url)
    assert "geheim" not in str(error.value)


def test_a_server_that_does_not_answer_is_one_sentence() -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(Unreadable, match="cannot be used"):
        Store.create("postgresql+psycopg://u:geheim@127.0.0.1:1/db")


def edited(tiny: Course, tmp_path: Path, old: str, new: str, stage: str = "stage_01") -> Course:
    return load_course(write_course(tmp_path / "edited", **{stage: (old, new)}))


def fingerprint(course: Course, folder: Path, limits: Limits = LIMITS, own: bool = False) -> str:
    found = by_student(find_submissions(folder, [s.name for s in course.stages]))["ada"]
    return Fingerprints(course, limits, own).of(found["01_scale"], found)


Edit = tuple[str, str, str]
SCALER_CHECK = "    x = np.arange(6.0)\n    yield"


@pytest.mark.parametrize(
    ("edit", "differs"),
    [
        (("stage_01", "np.arange(6.0)", "np.arange(7.0)"), True),
        (("stage_01", "yield Scaler(x)(3 * x)", "yield Scaler(x)(4 * x)"), True),
        (("stage_01", "points=3", "points=4"), True),
        (("stage_01", "(x - self.centre) / self.width", "x / self.width"), True),
        (("stage_01", "The scaled sample has mean 0", "Centred"), True),
        (("stage_01", "# # 01 Scale", "# # 01 Scaling"), False),
        (("stage_00", "x.sum() / x.size", "x.sum() / len(x)"), True),
        (("stage_00", "np.array([1.0, 2.0, 6.0])", "np.array([1.0, 2.0])"), False),
        (("stage_00", "What is a mean?", "What is it?"), False),
    ],
)
def test_what_of_the_course_decides(
    tiny: Course, tmp_path: Path, edit: Edit, differs: bool
) -> None:
    hand_in(tiny, tmp_path / "in" / "ada")
    stage, old, new = edit
    course = edited(tiny, tmp_path, old, new, stage)
    before, after = (fingerprint(c, tmp_path / "in") for c in (tiny, course))
    assert (before != after) == differs


def test_what_else_decides(tiny: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "in"
    hand_in(tiny, folder / "ada")
    hand_in(tiny, folder / "ada", "00_mean")
    seen = [fingerprint(tiny, folder), fingerprint(tiny, folder, own=True)]
    seen.append(fingerprint(tiny, folder, replace(LIMITS, check=6)))
    hand_in(tiny, folder / "ada", "00_mean", mean="def mean(x):\n    return x.sum()")
    assert fingerprint(tiny, folder) == seen[0]
    seen.append(fingerprint(tiny, folder, own=True))
    hand_in(tiny, folder / "ada", noise="def noise(n):\n    return n")
    seen.append(fingerprint(tiny, folder))
    (folder / "bob").mkdir()
    (folder / "ada" / "01_scale.ipynb").rename(folder / "ada" / "other.ipynb")
    hand_in(tiny, folder / "bob")
    seen.append(fingerprint(tiny, folder))
    monkeypatch.setattr("mugrade.grader.fingerprint.judging", lambda: "another mugrade")
    seen.append(fingerprint(tiny, folder))
    assert len(set(seen)) == len(seen)


@pytest.fixture
def folder(tiny: Course, tmp_path: Path) -> Path:
    """Three students, of whom one has nothing that can be read and one nothing at all."""
    hand_in(tiny, tmp_path / "in" / "ada")
    (tmp_path / "in" / "bob").mkdir()
    (tmp_path / "in" / "bob" / "01_scale.ipynb").write_text("{")
    (tmp_path / "in" / "carl").mkdir()
    return tmp_path / "in"


def order(course: Course, folder: Path, **options: object) -> Order:
    wanted = Order(course, folder, folder.parent / "out", LIMITS, jobs=2, accept_weak=True)
    return replace(wanted, **options)


def said(run: Callable[[Console], object]) -> str:
    screen = io.StringIO()
    run(Console(file=screen, width=140, color_system=None))
    return screen.getvalue()


def test_only_what_changed_is_graded_again(tiny: Course, folder: Path) -> None:
    def run(**options: object) -> str:
        return said(lambda c: grade_class(order(tiny, folder, **options), c)).splitlines()[-1]

    assert run() == "3 graded, 0 up to date"
    out = folder.parent / "out"
    pages = {path: path.stat().st_mtime_ns for path in out.rglob("*.html")}
    book = (out / "gradebook.db").read_bytes()
    assert run() == "0 graded, 3 up to date"
    hand_in(tiny, folder / "bob", noise="def noise(n):\n    return n")
    assert run() == "1 graded, 2 up to date"
    touched = {path for path, before in pages.items() if path.stat().st_mtime_ns != before}
    assert touched == {out / "feedback" / "bob" / f"{name}.html" for name in ("01_scale", "index")}
    assert (out / "gradebook.db").read_bytes() != book
    assert run(force=True) == "3 graded, 0 up to date"
    (out / "feedback" / "ada" / "01_scale.html").unlink()
    assert run() == "0 graded, 3 up to date"
    assert (out / "feedback" / "ada" / "01_scale.html").exists()


@pytest.mark.usefixtures("in_process")
def test_of_many_only_what_could_not_be_graded_is_shown(
    tiny: Course, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def names(screen: str) -> list[str]:
        return [name for name in ("ada", "bob", "carl") if f"\n{name} " in screen]

    monkeypatch.setattr(mugrade.grader.run, "FEW", 2)
    screen = said(lambda c: grade_class(order(tiny, folder), c))
    assert names(screen) == ["bob"] and "2 more: mugrade grades shows all" in screen
    hand_in(tiny, folder / "carl")
    screen = said(lambda c: grade_class(order(tiny, folder), c))
    assert names(screen) == ["carl"] and "2 more: mugrade grades shows all" in screen
    screen = said(lambda c: grade_class(order(tiny, folder), c))
    assert names(screen) == [] and "3 more: mugrade grades shows all" in screen
    monkeypatch.setattr(mugrade.grader.run, "FEW", 3)
    assert names(said(lambda c: grade_class(order(tiny, folder), c))) == ["ada", "bob", "carl"]


@pytest.mark.usefixtures("in_process")
def test_a_failure_of_the_grader_is_tried_again(
    tiny: Course, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(mugrade.grader.grade, "submission_job", None)
        assert "failed: TypeError" in said(lambda c: grade_class(order(tiny, folder), c))
    screen = said(lambda c: grade_class(order(tiny, folder), c))
    assert "1 graded, 2 up to date" in screen and "8/8" in screen


def test_a_part_of_a_class_leaves_the_rest_of_the_table(tiny: Course, folder: Path) -> None:
    hand_in(tiny, folder / "ada", "00_mean")
    said(lambda c: grade_class(order(tiny, folder), c))
    hand_in(tiny, folder / "ada", "00_mean", mean="def mean(x):\n    return x.sum()")
    screen = said(lambda c: grade_class(order(tiny, folder, stages=["00_mean"]), c))
    assert "01_scale" not in screen
    with (folder.parent / "out" / "grades.csv").open(newline="") as file:
        rows = {(r["student"], r["check"]): r for r in csv.DictReader(file)}
    assert rows["ada", "noise-is-normal"]["points"] == "5"
    assert rows["ada", "mean-of-three"]["points"] == "0"
    assert rows["carl", "mean-of-three"]["status"] == "missing"


def test_regrade_shows_who_moves_before_anything_is_written(
    tiny: Course, folder: Path, tmp_path: Path
) -> None:
    hand_in(tiny, folder / "carl", noise="def noise(n):\n    return n * np.ones(n)")
    said(lambda c: grade_class(order(tiny, folder), c))
    repaired = edited(tiny, tmp_path, "points=5", "points=4")
    files = {
        path: path.read_bytes() for path in (folder.parent / "out").rglob("*.*") if path.is_file()
    }

    def run(answer: bool) -> str:
        asked = order(repaired, folder)
        return said(lambda c: regrade_class(asked, c, lambda: answer))

    screen = run(False)
    (row,) = (line for line in screen.splitlines() if line.startswith("ada"))
    assert row.split() == ["ada", "01_scale", "8", "7", "-1", "noise-is-normal", "-1"]
    assert not any(line.startswith("carl") for line in screen.splitlines())
    assert "3 graded again: 1 move, by -1 points in all; 0 up to date" in screen
    assert "nothing is written" in screen
    kept = {p: p.read_bytes() for p in files if p.suffix in (".html", ".csv", ".ipynb")}
    assert kept == {p: content for p, content in files.items() if p in kept}
    stored = current(Store.open(folder.parent / "out" / "results.db"), "ada", "01_scale")
    assert stored is not None and stored.points == 8
    assert "7/7" in run(True)
    assert "0 graded again: 0 move, by +0 points in all; 3 up to date" in run(False)


def test_regrade_writes_nothing_where_nobody_can_be_asked(tiny: Course, folder: Path) -> None:
    accepted = ["--course", str(tiny.root), "--accept-weak-sandbox"]
    arguments = ["grade", str(folder), "--regrade", *accepted]
    out = folder.parent / "out"
    found = CliRunner().invoke(app, [*arguments, "--out", str(out)])
    assert found.exit_code == 1 and "add --yes" in found.output
    assert Store.open(out / "results.db").standings(LAST) == []
    assert not (out / "grades.csv").exists()
    found = CliRunner().invoke(app, [*arguments, "--out", str(out), "--yes"])
    assert found.exit_code == 0
    assert len(Store.open(out / "results.db").standings(LAST)) == 3


def test_two_graders_do_not_write_to_one_folder(tiny: Course, folder: Path) -> None:
    other = pytest.raises(Unreadable, match="another mugrade grade is writing there")
    with planned(order(tiny, folder), Console(file=io.StringIO())), other:
        grade_class(order(tiny, folder), Console(file=io.StringIO()))


@pytest.fixture
def slow(tiny: Course, tmp_path: Path) -> Path:
    """A folder of students whose cells wait until a file says go, each with a diary."""
    for student in STUDENTS:
        gate, diary = tmp_path / f"{student}.go", tmp_path / f"{student}.diary"
        wait = (
            "    import pathlib, time\n"
            f"    open({str(diary)!r}, 'a').write('x')\n"
            f"    while not pathlib.Path({str(gate)!r}).exists():\n        time.sleep(0.02)\n"
        )
        hand_in(
            tiny, tmp_path / "in" / student, "00_mean", mean=f"def mean(x):\n{wait}    return x"
        )
    return tmp_path / "in"


IN_THE_OPEN = """
import mugrade.grader.grading as grading
from mugrade.cli import app
from mugrade.sandbox.tiers import WEAK

grading.demand_sandbox = lambda *arguments: WEAK  # these cells wait for files of the test
app()
"""


def begin(tiny: Course, folder: Path) -> "subprocess.Popen[str]":
    program = [sys.executable, "-c", IN_THE_OPEN, "grade", str(folder), "--jobs", "2"]
    options = ["--course", str(tiny.root), "--out", str(folder.parent / "out"), "--seconds", "60"]
    return subprocess.Popen(
        [*program, *options],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "COLUMNS": "140"},
    )


def wait_for(happened: Callable[[], bool], process: "subprocess.Popen[str]") -> None:
    for _ in range(3000):
        if happened():
            return
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.02)
    raise AssertionError("it never happened")


def finish(folder: Path, *students: str) -> None:
    for student in students:
        (folder.parent / f"{student}.go").touch()


def begun(folder: Path) -> set[str]:
    return {path.stem for path in folder.parent.glob("*.diary")}


def stored(folder: Path) -> dict[str, int]:
    path = folder.parent / "out" / "results.db"
    if not path.exists():
        return {}
    with contextlib.closing(sqlite3.connect(path)) as database:
        query = "SELECT student, max(number) FROM mugrade_attempts GROUP BY student"
        with contextlib.suppress(sqlite3.OperationalError):
            return dict(database.execute(query))
    return {}


def test_after_kill_9_the_next_run_finishes_the_rest_and_only_that(
    tiny: Course, slow: Path
) -> None:
    process = begin(tiny, slow)
    finish(slow, "ada", "bob")
    wait_for(lambda: len(stored(slow)) == 2 and len(begun(slow)) == 4, process)
    process.kill()
    process.communicate()
    assert stored(slow) == {"ada": 1, "bob": 1}
    finish(slow, *STUDENTS)
    process = begin(tiny, slow)
    screen = process.communicate()[0]
    assert process.returncode == 0
    assert "4 graded, 2 up to date" in screen
    assert stored(slow) == dict.fromkeys(STUDENTS, 1)
    with (slow.parent / "out" / "grades.csv").open(newline="") as file:
        assert {row["student"] for row in csv.DictReader(file)} == set(STUDENTS)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_ctrl_c_finishes_what_is_running(
    tiny: Course, slow: Path, number: signal.Signals
) -> None:
    process = begin(tiny, slow)
    wait_for(lambda: len(begun(slow)) == 2, process)
    process.send_signal(number)
    time.sleep(0.5)
    finish(slow, *STUDENTS)
    screen = process.communicate()[0]
    assert process.returncode == 130
    assert "2 graded, 0 up to date" in screen
    assert "interrupted: 4 left; the same command again goes on with them" in screen
    assert begun(slow) == set(stored(slow)) and len(begun(slow)) == 2
    process = begin(tiny, slow)
    assert "4 graded, 2 up to date" in process.communicate()[0]


def test_the_second_ctrl_c_stops_at_once(tiny: Course, slow: Path) -> None:
    process = begin(tiny, slow)
    wait_for(lambda: len(begun(slow)) == 2, process)
    try:
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 130
        assert stored(slow) == {}
    finally:
        finish(slow, *STUDENTS)
        process.communicate()


NAMES = ["=1+1", "@sum", "[red]x", "a\x1b[31m", "b\u202ec", "<script>", "new\nline", "\u00e9" * 120]


def test_grades_prints_filters_and_exports(tiny: Course, tmp_path: Path) -> None:
    hand_in(tiny, tmp_path / "in" / "ada", "00_mean")
    for name in NAMES:
        (tmp_path / "in" / name).mkdir()
    said(lambda c: grade_class(order(tiny, tmp_path / "in"), c))

    def grades(*options: str) -> str:
        arguments = ["grades", "--out", str(tmp_path / "out"), *options]
        found = CliRunner().invoke(app, arguments, env={"COLUMNS": "300"})
        assert found.exit_code == 0, found.output
        return found.stdout

    screen = grades()
    assert "2/2" in screen and "[red]x" in screen
    assert not {"\x1b", "\u202e"} & set(screen)
    assert "ada" not in grades("--below", "1") and "=1+1" in grades("--below", "1")
    assert "ada" in grades("--student", "ada", "--stage", "0")
    assert "no result fits" in grades("--stage", "05")
    table = grades("--csv", "-")
    assert all(line.startswith('"') for line in table.splitlines())
    rows = list(csv.reader(io.StringIO(table)))
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for r in rows for cell in r)
    assert {"'=1+1", "'@sum"} <= {row[0] for row in rows}
    grades("--csv", str(tmp_path / "all.csv"))
    assert (tmp_path / "all.csv").read_text() == table
    found = {row["student"]: row for row in json.loads(grades("--json"))}
    assert found["ada"]["checks"][0]["points"] == found["ada"]["points"] == 2
    assert found["=1+1"]["status"] == "missing"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--out", "nowhere"], "no results there: run mugrade grade first"),
        (["--db", "broken.db"], "the results database cannot be used"),
        ([], "no course here"),
    ],
)
def test_grades_without_results_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], says: str
) -> None:
    (tmp_path / "broken.db").write_text("not a database at all")
    monkeypatch.chdir(tmp_path)
    found = CliRunner().invoke(app, ["grades", *arguments])
    assert found.exit_code == 1 and says in found.output
    assert len(found.output.splitlines()) == 1
    assert not (tmp_path / "nowhere").exists()


def imported(folder: Path, *arguments: str) -> set[str]:
    """The slow libraries that a command has imported."""
    program = (
        "import sys\nfrom mugrade.cli import app\n"
        f"app({list(arguments)!r}, standalone_mode=False)\n"
        "print('imported', *sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    found = subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return {"numpy", "nbformat", "nbgrader", "jupytext", "nbconvert"} & set(found.stdout.split())


def test_nothing_heavy_is_imported_that_is_not_needed(tiny: Course, folder: Path) -> None:
    options = ("--course", str(tiny.root), "--out", "out", "--seconds", "5")
    grade = ("grade", "in", *options, "--accept-weak-sandbox")
    assert not imported(folder.parent, *grade[:1], "--help")
    assert "nbgrader" in imported(folder.parent, *grade)
    assert not imported(folder.parent, *grade)
    assert not imported(folder.parent, "grades", "--out", "out")


def test_nbgrader_goes_on_from_the_results(tiny: Course, folder: Path, tmp_path: Path) -> None:
    notebook = hand_in(tiny, folder / "ada", scaler="class Scaler:\n    pass")
    raw = json.loads(notebook.read_text())
    evil = {"text/html": "<script>evil()</script>", "text/plain": "<script>evil()</script>"}
    raw["cells"][1]["outputs"] = [
        {"output_type": "display_data", "data": evil, "metadata": {}},
        {"output_type": "stream", "name": "stdout", "text": "\x1b]8;;evil()\x07"},
    ]
    prose = "<script>evil()</script> [x](java&#115;cript:evil)\n\n# title\udc80"
    raw["cells"].append({"cell_type": "markdown", "id": "x", "metadata": {}, "source": prose})
    raw["cells"] = [c for c in raw["cells"] if c["id"] != "noise-is-normal"]
    notebook.write_text(json.dumps(raw))
    said(lambda c: grade_class(order(tiny, folder), c))
    out = folder.parent / "out"
    shown = json.loads((out / "autograded/ada/01_scale/01_scale.ipynb").read_text())
    cells = {cell["id"]: cell for cell in shown["cells"]}
    assert cells["scaler"]["source"].endswith("class Scaler:\n    pass")
    assert "0 of 3 points" in cells["scaler-centres"]["outputs"][0]["text"]
    assert "5 of 5 points" in cells["noise-is-normal"]["outputs"][0]["text"]
    assert cells["scaler-centres"]["metadata"]["nbgrader"]["grade_id"] == "scaler-centres"
    assert "HIDDEN" not in json.dumps(shown) and "standard_normal" not in json.dumps(shown)
    for command in (["generate_feedback", "01_scale"], ["export"]):
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            [sys.executable, "-m", "nbgrader", *command],
            cwd=out,
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
    page = (out / "feedback/ada/01_scale/01_scale.html").read_text()
    assert "0 of 3 points" in page and "<script>evil" not in page
    assert 'href="java' not in page
    with (out / "nbgrader.csv").open() as file:
        scores = {r["student_id"]: float(r["score"]) for r in csv.DictReader(file) if r["score"]}
    assert (scores["ada"], scores["bob"]) == (5, 0)


def test_the_gradebook_is_written_in_one_transaction(tiny: Course, tmp_path: Path) -> None:
    from nbgrader.api import Gradebook

    grader = make_grader(tiny, ["00_mean"], LIMITS)
    paths = [hand_in(tiny, tmp_path / name, "00_mean") for name in ("ada", "bob", "carl")]
    results = [grader.grade(Submission(p.parent.name, "00_mean", p), {}) for p in paths]
    first, *others = map(standing_of, results)
    path, commits = tmp_path / "gradebook.db", []
    with contextlib.closing(Scores(path, tiny)) as scores:
        assert scores.put([first]) == []
        count = commits.append
        event.listen(Engine, "commit", count)
        try:
            assert scores.put(others) == []
        finally:
            event.remove(Engine, "commit", count)
    assert len(commits) == 1
    with Gradebook(f"sqlite:///{path}", tiny.package) as book:
        assert [s.score for s in book.assignment_submissions("00_mean")] == [2, 2, 2]


def test_an_nbgrader_course_that_is_there_keeps_its_settings(tiny: Course, folder: Path) -> None:
    out = folder.parent / "out"
    out.mkdir()
    (out / "nbgrader_config.py").write_text("c = get_config()")
    said(lambda c: grade_class(order(tiny, folder), c))
    assert (out / "nbgrader_config.py").read_text() == "c = get_config()"
    assert not (out / "source").exists()


def test_a_submission_that_vanishes_keeps_its_scores_in_both(tiny: Course, folder: Path) -> None:
    from nbgrader.api import Gradebook

    said(lambda c: grade_class(order(tiny, folder), c))
    shutil.rmtree(folder / "ada")
    (folder / "ada").mkdir()
    screen = said(lambda c: grade_class(order(tiny, folder), c))
    assert "8/8" in screen and "0 graded, 2 up to date" in screen
    out = folder.parent / "out"
    with Gradebook(f"sqlite:///{out / 'gradebook.db'}", tiny.package) as book:
        assert book.find_submission("01_scale", "ada").score == 8
    assert (out / "autograded/ada/01_scale/01_scale.ipynb").exists()


def test_what_could_not_be_published_is_made_up_for(
    tiny: Course, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gradebook that is locked for a moment loses nothing, and pages are there all the same."""

    def locked(scores: Scores, standings: Sequence[Standing]) -> list[Review]:
        raise Unreadable("locked")

    out = folder.parent / "out"
    with monkeypatch.context() as patch:
        patch.setattr(Scores, "put", locked)
        with pytest.raises(Unreadable, match="locked"):
            said(lambda c: grade_class(order(tiny, folder), c))
    assert {path.parent.name for path in (out / "feedback").rglob("*.html")} >= {"ada", "bob"}
    assert not list((out / "autograded").rglob("*.ipynb"))
    assert "0 graded" in said(lambda c: grade_class(order(tiny, folder), c))
    assert {path.parts[-3] for path in (out / "autograded").rglob("*.ipynb")} == {"ada", "bob"}


def test_a_gradebook_that_was_lost_is_written_again(tiny: Course, folder: Path) -> None:
    """Also where the grader was killed after it had made a new one."""
    from nbgrader.api import Gradebook

    out = folder.parent / "out"
    said(lambda c: grade_class(order(tiny, folder), c))
    (out / "gradebook.db").unlink()
    hand_in(tiny, folder / "ada", noise="def noise(n):\n    return n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Publisher, "finish", lambda *arguments: {})
        said(lambda c: grade_class(order(tiny, folder), c))
    said(lambda c: grade_class(order(tiny, folder), c))
    with Gradebook(f"sqlite:///{out / 'gradebook.db'}", tiny.package) as book:
        found = {s.student.id for s in book.assignment_submissions("01_scale")}
    assert found >= {"ada", "bob"}


NOT_JUDGING = {
    "__init__": "loads others when they are asked for",
    "course/__init__": "says what the folder is",
    "course/index": "the lines that it writes are hashed themselves",
    "course/percent": "the cells that it reads are hashed themselves",
    "course/problems": "refuses a course before anybody is graded on it",
    "course/settings": "which attempt counts, not what it gives; its limits are in the rules",
    "course/tables": "what it reads of limits and libraries is in the rules and the course's hash",
    "course/datasets": "what students fetch",
    "course/site": "links of the website",
    "course/mistakes": "names what is wrong already",
    "errors": "sentences",
    "codec": "how files are read that no verdict hangs on",
    "extras": "how to install what is missing",
    "files": "how a file is replaced",
    **dict.fromkeys(
        (
            *("archives", "grader/candidates", "grader/desk", "grader/results"),
            *("course/roster", "grader/submissions", "grader/times", "sheet"),
        ),
        "finds what was handed in, and holds what came of it",
    ),
    "grader/reaching": "whose mistake is named, not whether it is one",
    "sandbox/probe": "which sandbox holds, which is recorded with each result",
    "sandbox/plain": "runs what is trusted where nothing can be walled in; it grades nobody",
    "streams": "how a console shows text",
    "student/": "a student's notebook; the sandbox loads it for its names",
    "values/diagnosis/": "why a value is wrong, not whether",
    "values/mistakes": "names what is wrong already",
    "values/masks": "what a message shows",
    "values/picture": "what a message shows",
    "version": "is recorded with each result",
    "view/": "what a verdict says, and how it looks",
}


def imports(path: Path) -> Iterator[Path]:
    """The files of mugrade that a file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            names = [node.module or "", *(f"{node.module}.{a.name}" for a in node.names)]
        else:
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        for name in names:
            found = ROOT / name.replace(".", "/")
            yield from (f for f in (found.with_suffix(".py"), found / "__init__.py") if f.exists())


def test_what_could_change_a_verdict_makes_results_out_of_date() -> None:
    """All that judging imports is either hashed or has a reason why not."""
    package = ROOT / "mugrade"
    todo = [package / name for name in ("grader/pool.py", "grader/worker.py", "sandbox/nursery.py")]
    reached: set[Path] = set()
    while todo:
        path = todo.pop()
        if path.is_relative_to(package) and path not in reached:
            reached.add(path)
            todo += imports(path)
    names = {str(path.relative_to(package)) for path in reached}
    assert names >= set(JUDGING)
    excused = tuple(NOT_JUDGING)
    assert [n for n in sorted(names - set(JUDGING)) if not n.startswith(excused)] == []
