"""Every attempt stays, and only a new one, a regrade, a policy or a teacher changes what counts."""

import contextlib
import csv
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer import testing

import mugrade.grader.grading
from mugrade.cli import app
from mugrade.course.listing import make_manifest
from mugrade.course.model import Course
from mugrade.course.settings import Policy, Settings
from mugrade.grader.hashes import HASHES, KnownHashes
from mugrade.grader.plan import Order, Plan, make_plan
from mugrade.grader.results import Grade, PackedNotebook, Result
from mugrade.grader.store import Store
from mugrade.grader.submissions import Submission
from mugrade.sandbox.limits import Limits
from mugrade.values.verdict import Verdict
from tests.conftest import make_grader
from tests.test_grade import LIMITS, hand_in
from tests.tiny import write_course

STAGE = "00_mean"
DEADLINE = datetime(2027, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def judged(course: Course, submission: Submission) -> Result:
    """What a grader says that runs nothing: full points for a notebook that says good."""
    manifest = make_manifest(course)
    path = submission.path
    content = path.read_bytes() if path else b""
    status = "graded" if path else "missing"
    for word in ("unreadable", "failed"):
        status = word if word.encode() in content else status
    verdict = Verdict("pass" if b"good" in content else "value")
    checks = [entry for entry in manifest.checks if entry.stage == submission.stage]
    grades = [Grade(entry, verdict) for entry in checks]
    reason = "" if status == "graded" else "so it is"
    return Result(
        submission, status, reason, grades, notebook=PackedNotebook.of(content) if path else None
    )


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Grading runs nothing."""

    def grading(plan: Plan, todo: Iterable[Submission], *rest: object) -> Iterator[list[Result]]:
        return ([judged(plan.order.course, s)] for s in todo)

    monkeypatch.setattr(mugrade.grader.grading, "grading", grading)


@dataclass
class Class:
    """A class of a course, and what its teacher types."""

    course: Course
    root: Path

    def hand_in(
        self, student: str, text: str, when: datetime = DEADLINE, stage: str = STAGE
    ) -> None:
        path = self.root / "in" / student / f"{stage}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"cells": [], "metadata": {"text": text}}))
        os.utime(path, (when.timestamp(), when.timestamp()))

    def mugrade(self, *arguments: str) -> str:
        found = self.run(*arguments, "--out", str(self.root / "out"))
        assert found.exit_code == 0, found.output
        return found.output

    def run(self, *arguments: str) -> testing.Result:
        where = ["--course", str(self.course.root)]
        return testing.CliRunner().invoke(app, [*arguments, *where], env={"COLUMNS": "200"})

    def grade(self, *options: str) -> str:
        return self.mugrade("grade", str(self.root / "in"), *options)

    @property
    def csv(self) -> dict[str, dict[str, str]]:
        with (self.root / "out" / "grades.csv").open(newline="", encoding="utf-8") as file:
            return {row["student"]: row for row in csv.DictReader(file)}

    @property
    def points(self) -> dict[str, str]:
        return {student: row["points"] for student, row in self.csv.items()}


@pytest.fixture
def klass(tiny: Course, tmp_path: Path, quick: None) -> Class:
    return Class(tiny, tmp_path)


def test_who_hands_in_only_the_new_stage_keeps_the_points_of_the_old_one(
    tiny: Course, tmp_path: Path
) -> None:
    """Week 3 and week 4, as `mugrade submit` packs them, graded for good."""
    klass = Class(tiny, tmp_path)
    weak = "--accept-weak-sandbox"
    for student in ("ada", "bob"):
        hand_in(tiny, tmp_path / "in" / student, "00_mean")
    klass.grade(weak)
    shutil.rmtree(tmp_path / "in" / "bob")
    for student in ("ada", "bob"):
        hand_in(tiny, tmp_path / "in" / student, "01_scale")
    screen = klass.grade(weak)
    assert "missing" not in screen and screen.count("2/2") == screen.count("8/8") == 2


def test_absence_shows_only_where_nothing_was_ever_handed_in(klass: Class) -> None:
    klass.hand_in("ada", "good")
    (klass.root / "in" / "bob").mkdir()
    assert "bob" in klass.grade() and klass.csv["bob"]["status"] == "missing"
    (klass.root / "in" / "ada" / f"{STAGE}.ipynb").unlink()
    klass.hand_in("bob", "good")
    klass.grade("--force")
    assert klass.points == {"ada": "2", "bob": "2"}
    assert [klass.csv[s]["attempt"] for s in ("ada", "bob")] == ["1", "1"]


@pytest.mark.parametrize("text", ["unreadable", "failed"])
def test_what_cannot_be_graded_does_not_replace_what_could(klass: Class, text: str) -> None:
    klass.hand_in("ada", "good")
    klass.grade()
    klass.hand_in("ada", text)
    screen = klass.grade()
    assert klass.points == {"ada": "2"} and klass.csv["ada"]["status"] == "graded"
    said = {"unreadable": "a newer file could not be read", "failed": "attempt 2 could not be"}[
        text
    ]
    assert said in screen and said in klass.csv["ada"]["reason"]
    assert said in (klass.root / "out/feedback/ada/00_mean.html").read_text()
    klass.hand_in("ada", "good again")
    assert said not in klass.grade() and klass.points == {"ada": "2"}


def test_the_policy_decides(klass: Class, monkeypatch: pytest.MonkeyPatch) -> None:
    course = replace(klass.course, settings=Settings(deadlines={"00": DEADLINE}))
    monkeypatch.setattr("mugrade.course.reading.load_course", lambda root: course)
    for text, when in (
        ("good", -2 * DAY),
        ("bad", -DAY),
        ("good late", DAY),
        ("bad late", 2 * DAY),
    ):
        klass.hand_in("ada", text, DEADLINE + when)
        klass.grade()
    seen = {}
    for policy in Policy:
        klass.grade("--policy", policy)
        seen[str(policy)] = klass.csv["ada"]["attempt"], klass.points["ada"]
    assert seen == {"last": ("4", "0"), "best": ("3", "2"), "before-deadline": ("2", "0")}


def test_what_is_late_gives_nothing_where_the_deadline_decides(
    klass: Class, monkeypatch: pytest.MonkeyPatch
) -> None:
    course = replace(klass.course, settings=Settings(deadlines={"00": DEADLINE}))
    monkeypatch.setattr("mugrade.course.reading.load_course", lambda root: course)
    klass.hand_in("ada", "good", DEADLINE + DAY)
    assert "late: handed in after the deadline" in klass.grade("--policy", "before-deadline")
    assert (klass.points, klass.csv["ada"]["status"]) == ({"ada": "0"}, "late")
    klass.grade()
    assert (klass.points, klass.csv["ada"]["status"]) == ({"ada": "2"}, "graded")


def test_the_time_of_handing_in_is_the_first_one_that_is_known(klass: Class) -> None:
    """Copying the folder makes nobody late."""
    klass.hand_in("ada", "good", DEADLINE - DAY)
    klass.grade()
    klass.hand_in("ada", "good", DEADLINE + DAY)
    klass.grade("--force")
    assert klass.csv["ada"]["attempt"] == "2"
    assert klass.csv["ada"]["handed_in"] == "2027-02-28T00:00:00Z"


def test_the_history_shows_every_attempt_and_gives_its_notebook_back(klass: Class) -> None:
    for text in ("good", "bad", "good"):
        klass.hand_in("ada", text)
        klass.grade()
    klass.grade("--force")
    rows = [line.split() for line in klass.mugrade("grades", "--history", "ada", "0").splitlines()]
    assert [row[0] for row in rows] == ["attempt", "1", "2", "3", "4"]
    assert [next(x for x in row if "/" in x) for row in rows[1:]] == ["2/2", "0/2", "2/2", "2/2"]
    assert ["last" in row for row in rows[1:]] == [False, False, False, True]
    assert "what attempt 3 graded, again" in " ".join(rows[4])
    path = klass.root / "old.ipynb"
    klass.mugrade("grades", "--history", "ada", "0", "--attempt", "2", "--notebook", str(path))
    assert json.loads(path.read_text())["metadata"]["text"] == "bad"


def test_a_teacher_lets_an_earlier_attempt_count_and_takes_that_back(klass: Class) -> None:
    for text in ("good", "bad"):
        klass.hand_in("ada", text)
        klass.grade()
    assert "attempt 1 counts" in klass.mugrade("grades", "--use", "ada", "00", "1")
    assert klass.points == {"ada": "2"}
    page = klass.root / "out/feedback/ada/00_mean.html"
    assert "attempt 1 was chosen by hand on 20" in page.read_text()
    klass.hand_in("ada", "bad again")
    assert "attempt 1 was chosen by hand" in klass.grade() and klass.points == {"ada": "2"}
    assert "attempt 3 counts (last)" in klass.mugrade("grades", "--use", "ada", "00", "policy")
    assert klass.points == {"ada": "0"} and "by hand" not in page.read_text()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--history", "eve", "00"), "nothing of eve at 00"),
        (("--use", "ada", "00", "7"), "no attempt 7: there are 1"),
        (("--use", "ada", "00", "x"), "x: not the number of an attempt, nor policy"),
        (("--notebook", "x"), "need --history"),
    ],
)
def test_what_there_is_not_is_one_sentence(
    klass: Class, arguments: tuple[str, ...], says: str
) -> None:
    klass.hand_in("ada", "good")
    klass.grade()
    where = ("--course", str(klass.course.root), "--out", str(klass.root / "out"))
    found = testing.CliRunner().invoke(app, ["grades", *arguments, *where])
    assert found.exit_code == 1 and says in found.output


def test_regrade_grades_from_the_store_who_is_not_there_any_more(
    klass: Class, monkeypatch: pytest.MonkeyPatch
) -> None:
    klass.hand_in("ada", "good")
    klass.hand_in("bob", "good")
    klass.grade()
    shutil.rmtree(klass.root / "in" / "ada")
    monkeypatch.setattr("mugrade.grader.fingerprint.judging", lambda: "another mugrade")
    monkeypatch.setattr("mugrade.grader.plan.judging", lambda: "another mugrade")
    assert "given by another course or mugrade: 1 of these results" in klass.grade()
    assert "1 graded again: 0 move" in klass.grade("--regrade", "--yes")
    assert {s: row["attempt"] for s, row in klass.csv.items()} == {"ada": "2", "bob": "2"}
    assert "0 graded again: 0 move, by +0 points in all; 2 up to date" in klass.grade("--regrade")


def test_own_stages_that_are_not_there_come_from_the_store(tiny: Course, tmp_path: Path) -> None:
    klass = Class(tiny, tmp_path)
    options = ("--on", "own", "--accept-weak-sandbox")
    hand_in(tiny, tmp_path / "in" / "ada", "00_mean")
    klass.grade(*options)
    (tmp_path / "in" / "ada" / "00_mean.ipynb").unlink()
    hand_in(tiny, tmp_path / "in" / "ada", "01_scale")
    assert "8/8" in klass.grade(*options)
    with contextlib.closing(Store.open(tmp_path / "out" / "results.db")) as store:
        (first,), (second,) = store.histories().values()
        assert store.earlier(second) == {"00_mean": store.notebook(first)}
        assert second.rules["on"] == "own"
    assert "0 graded" in klass.grade(*options)


def test_one_student_is_graded_and_nobody_else(klass: Class) -> None:
    for text in ("good", "bad"):
        for student in ("ada", "bob"):
            klass.hand_in(student, text)
        assert "ada" in klass.grade(*(("--student", "ada") if text == "bad" else ()))
    assert klass.points == {"ada": "0", "bob": "2"}
    assert {s: row["attempt"] for s, row in klass.csv.items()} == {"ada": "2", "bob": "1"}


def test_settings_that_are_broken_are_not_passed_over(klass: Class, tmp_path: Path) -> None:
    klass.hand_in("ada", "good")
    klass.grade()
    root = write_course(tmp_path / "course")
    (root / "solutions" / "course.toml").write_text("[grading]\npolicy = 3")
    where = ("--course", str(root), "--out", str(klass.root / "out"))
    found = testing.CliRunner().invoke(app, ["grades", *where])
    assert found.exit_code == 1 and "grading.policy: 3 is none of" in found.output


def test_what_was_read_is_what_is_kept(tiny: Course, tmp_path: Path) -> None:
    path = hand_in(tiny, tmp_path / "ada", "00_mean")
    grader = make_grader(tiny, ["00_mean"], LIMITS)
    result = grader.grade(Submission("ada", "00_mean", path), {})
    assert result.notebook is not None and result.notebook.content == path.read_bytes()


STUDENTS = st.sampled_from(["ada", "bob"])
TEXTS = st.sampled_from(["good", "bad", "good 2", "unreadable", "failed"])
STEPS = st.one_of(
    st.tuples(st.just("hand in"), STUDENTS, TEXTS, st.integers(-2, 2)),
    st.tuples(st.just("empty folder"), STUDENTS),
    st.tuples(st.just("not there"), STUDENTS),
    st.tuples(st.just("grade"), st.sampled_from(Policy), st.integers(0, 3)),
    st.tuples(st.just("regrade"), st.sampled_from(Policy), st.integers(0, 3)),
    st.tuples(st.just("change the grader")),
    st.tuples(st.just("choose"), STUDENTS, st.integers(0, 3)),
)


@dataclass
class Weeks:
    """A course over some weeks: a step at a time, in a store that is opened anew for each."""

    course: Course
    root: Path
    present: dict[str, Submission] = field(default_factory=dict)
    version: int = 1

    def hand_in(self, student: str, text: str, days: int) -> None:
        path = self.root / f"{student}.ipynb"
        path.write_text(f"{student} {text}")
        self.present[student] = Submission(student, STAGE, path, (), DEADLINE + days * DAY)

    def grade(self, store: Store, policy: Policy, finished: int, stored: bool) -> None:
        """Grade, and be killed after some results; 3 are never reached."""
        course = replace(self.course, settings=rules(policy))
        limits = Limits(check=self.version)
        order = Order(course, self.root, self.root, limits, stored=stored)
        hashes = KnownHashes(self.root / HASHES)
        plan = make_plan(order, store, [*self.present.values()], self.root, hashes)
        hashes.keep()
        for submission in plan.todo[:finished]:
            result = judged(course, submission)
            store.add(result, plan.basis(result))
        if finished >= len(plan.todo):
            again = make_plan(order, store, [*self.present.values()], self.root, hashes)
            assert all(b"failed" in s.path.read_bytes() for s in again.todo if s.path)
            assert all(s.path for s in again.todo)

    def step(self, store: Store, name: str, *rest: object) -> None:
        match name, *rest:
            case "hand in", str(student), str(text), int(days):
                self.hand_in(student, text, days)
            case "empty folder", str(student):
                self.present[student] = Submission(student, STAGE, None)
            case "not there", str(student):
                self.present.pop(student, None)
            case (("grade" | "regrade"), Policy() as policy, int(finished)):
                self.grade(store, policy, finished, name == "regrade")
            case ("change the grader",):
                self.version += 1
            case "choose", str(student), int(number):
                numbers = [a.number for a in store.histories().get((student, STAGE), ())]
                store.pin(student, STAGE, number if number and number in numbers else None)


def rules(policy: Policy) -> Settings:
    return Settings(policy=policy, deadlines={STAGE: DEADLINE})


def counting(store: Store) -> dict[tuple[str, str], tuple[int, int, str]]:
    """What counts for each student by each policy."""
    return {
        (s.student, policy): (s.attempt.number, s.points, s.status)
        for policy in Policy
        for s in store.standings(rules(policy))
    }


def attempts(store: Store) -> dict[tuple[str, int], tuple[object, ...]]:
    """All attempts with what they graded; that nothing was handed in is none."""
    return {
        (a.student, a.number): (a.status, a.points, a.graded_at, a.handed_in, store.notebook(a))
        for history in store.histories().values()
        for a in history
        if a.number
    }


@settings(max_examples=60)
@given(st.lists(STEPS, max_size=14))
def test_whatever_happens_no_attempt_is_lost_and_no_grade_changes_by_itself(
    tiny: Course, steps: list[tuple[object, ...]]
) -> None:
    with tempfile.TemporaryDirectory() as name:
        weeks, path = Weeks(tiny, Path(name)), Path(name) / "results.db"
        Store.create(path).close()
        kept: dict[tuple[str, int], tuple[object, ...]] = {}
        grades: dict[tuple[str, str], tuple[int, int, str]] = {}
        for step in steps:
            with contextlib.closing(Store.open(path)) as store:
                weeks.step(store, *step)  # type: ignore[arg-type]
            with contextlib.closing(Store.open(path)) as store:
                found, now = attempts(store), counting(store)
            assert found.items() >= kept.items(), "an attempt is lost or changed"
            new = {student for student, _ in found.keys() - kept.keys()}
            chosen = {step[1]} if step[0] == "choose" else set()
            for (student, policy), (number, points, status) in now.items():
                if student not in new | chosen:
                    before = grades.get((student, policy))
                    assert before in (None, (number, points, status)), "a grade changed by itself"
                assert (status == "missing") == (not any(s == student for s, _ in found))
            for (student, _), (*_, content) in found.items():
                assert isinstance(content, bytes) and content.startswith(student.encode())
            kept, grades = found, now
