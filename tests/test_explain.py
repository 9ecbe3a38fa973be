"""An appeal has an answer: what was graded is graded again, and everything is shown."""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from mugrade.cli import app
from mugrade.course.model import Course
from mugrade.course.reading import load_course
from mugrade.course.settings import Settings
from mugrade.errors import Unreadable
from mugrade.grader.apart import apart
from mugrade.grader.explain import explain_attempt, read_secret
from mugrade.grader.history import attempt_of
from mugrade.grader.inputs import steps, traced
from mugrade.grader.pool import Allowance
from mugrade.grader.store import Store
from mugrade.reference.record import check_tasks, record_answers, reference_job
from mugrade.sandbox.job import CheckTask
from mugrade.sandbox.limits import Limits
from mugrade.sandbox.process import Sandbox
from mugrade.sandbox.tiers import WEAK
from tests.test_grade import SOLVED, hand_in, run, scaled
from tests.tiny import write_course

OFF = "return y if len(x) == 6 else y + 0.125"


@pytest.fixture(scope="module")
def graded(tiny: Course, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A class in a git repository: ada's first attempt is wrong, her second one right."""
    root = tmp_path_factory.mktemp("graded")
    course = load_course(write_course(root))
    (root / ".gitignore").write_text("build\nin\n")
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "a course"]):
        who = ("-c", "user.name=t", "-c", "user.email=t@example.org")
        subprocess.run(["git", "-C", str(root), *who, *command], check=True)
    shutil.copytree(tiny.root / "notebooks", root / "notebooks")
    hand_in(course, root / "in" / "ada", **scaled(OFF))
    run(course, root / "in", root / "out", "01_scale")
    hand_in(course, root / "in" / "ada")
    run(course, root / "in", root / "out", "01_scale")
    return root


def explain(root: Path, *arguments: str, code: int = 0) -> str:
    where = ("--course", str(root), "--out", str(root / "out"), "--accept-weak-sandbox")
    found = CliRunner().invoke(app, ["explain", *arguments, *where], env={"COLUMNS": "200"})
    assert found.exit_code == code, found.output
    return found.output


def test_every_input_value_and_answer_is_shown_hidden_ones_too(graded: Path) -> None:
    before = (graded / "out" / "results.db").read_bytes()
    said = explain(graded, "ada", "01", "--attempt", "1")
    assert "attempt 1, handed in 20" in said and said.count("5 of 8 points") == 2
    for text in ("yield 2 (hidden)", "3 * x  ", "largest 0.125 at ", "every entry is off by the"):
        assert text in said
    assert "allowed 1e-09 + 1e-07 |answer|: wrong" in said and "a sample of float64" in said
    assert said.splitlines()[-1] == "same as the record"
    assert (graded / "out" / "results.db").read_bytes() == before
    assert "graded again: 8 of 8 points" in explain(graded, "ada", "01")


def test_the_inputs_are_those_that_the_submission_got(graded: Path) -> None:
    """What is shown of `x` and the value fits together."""
    course = load_course(graded)
    with closing(Store.open(graded / "out" / "results.db")) as store:
        attempt = attempt_of(store, Settings(), "ada", "01", 2)
        found = explain_attempt(store, attempt, course, read_secret(graded / "out"), WEAK)
    _, hidden = found.checks[0].steps
    x, value = hidden.inputs[0].value.array, hidden.value and hidden.value.array
    assert x is not None and x.size == 50
    np.testing.assert_allclose(value, (3 * x - x.mean()) / x.std())


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("eve", "01"), "nothing of eve at 01"),
        (("ada", "01", "--attempt", "7"), "no attempt 7: there are 1, 2"),
        (("ada", "01", "--check", "x"), "no check x: there are scaler-centres, noise-is-normal"),
    ],
)
def test_what_there_is_not_is_one_sentence(
    graded: Path, arguments: tuple[str, ...], says: str
) -> None:
    assert says in explain(graded, *arguments, code=1).splitlines()[-1]


def test_what_differs_from_the_record_is_said(graded: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(graded, tmp_path / "copy"))
    with closing(sqlite3.connect(root / "out" / "results.db")) as database:
        database.execute("UPDATE mugrade_checks SET points = 0, category = 'value'")
        database.execute("UPDATE mugrade_attempts SET grader = 'another', mugrade = '0.0.9'")
        database.commit()
    said = explain(root, "ada", "01")
    assert "judged by mugrade 0.0.9 then, and 0." in said and "same as the record" not in said
    now = "0 of 5 points (the value is wrong), now it is 5 of 5 points (passed)"
    assert f"noise-is-normal: the record says {now}" in said


def test_a_course_that_has_changed_is_taken_from_its_repository(
    graded: Path, tmp_path: Path
) -> None:
    root = Path(shutil.copytree(graded, tmp_path / "copy"))
    write_course(root, stage_01=("Scaler(x)(3 * x)", "Scaler(x)(4 * x)"))
    said = explain(root, "ada", "01", "--attempt", "1")
    assert "graded with that of then" in said and "Scaler(x)(3 * x)" in said
    assert said.splitlines()[-1] == "same as the record"
    shutil.rmtree(root / ".git")
    said = explain(root, "ada", "01", "--attempt", "1")
    assert "has not the version of then" in said and "Scaler(x)(4 * x)" in said


def test_without_the_secret_nothing_is_guessed(graded: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(graded, tmp_path / "copy"))
    (root / "out" / ".secret").unlink()
    assert "the hidden inputs cannot be drawn again" in explain(root, "ada", "01", code=1)
    assert not (root / "out" / ".secret").exists()


def test_an_attempt_on_own_stages_and_one_that_dies(tiny: Course, tmp_path: Path) -> None:
    root, folder = tmp_path, tmp_path / "in"
    shutil.copytree(tiny.root, root, dirs_exist_ok=True)
    hand_in(tiny, folder / "ada", "00_mean", mean="def mean(x):\n    return x.sum()")
    cell = SOLVED["scaler"].replace("x.mean()", "mean(x)").replace("return y", "y[9]")
    hand_in(tiny, folder / "ada", "01_scale", scaler=cell, noise="def noise(n):\n    exit(3)")
    run(tiny, folder, root / "out", "01_scale", own=True)
    said = explain(root, "ada", "01")
    assert "IndexError" in said and "none: it did not come to this yield" in said
    assert said.splitlines()[-1] == "same as the record"


CHECK = '''\
@check
def tried():
    """Every form of a yield."""
    w = np.arange(3.0)
    for k in (1, 2):
        yield np.multiply(rng.random(3), k)[0]
    yield np.concatenate([*map(np.sqrt, [w, w])])
    yield close((lambda a: a * 2)(w + 1), rtol=0.1)
    yield np.array([sum(v for v in w)]) * np.full(2, fill_value=rng.random())
    ### BEGIN HIDDEN TESTS
    later = yield w
    yield w.T
    ### END HIDDEN TESTS
'''


def test_tracing_changes_no_value_and_shows_what_goes_in(tiny: Course) -> None:
    stage = tiny.find("01_scale")
    task = CheckTask("tried", CHECK, 7)
    check = traced(task)
    scope = "from mugrade import close\n"
    with closing(Sandbox(WEAK)) as sandbox:
        job = reference_job(tiny, stage)
        with closing(sandbox.start(job, Limits(), trusted=True)) as process:
            plain = process.run(CheckTask(task.id, scope + CHECK, 7))
            found = process.run(CheckTask(task.id, scope + check.task.source, 7))
    first = min(check.marks)
    assert first > 0
    inputs = steps(found, check.marks)
    assert len(inputs) == len(plain) == 7
    names = [[given.name for given in step] for step in inputs]
    assert names[:2] == [["k", "rng.random(3)"]] * 2 and inputs[1][0].text == "2"
    given = inputs[1][1].value.array
    assert given is not None and plain[1].array == given[0] * 2
    assert names[3] == ["w", "w + 1"] and names[6] == ["w"]


def test_every_check_of_the_course_can_be_traced(course: Course) -> None:
    for stage in course.stages:
        for task in check_tasks(stage):
            assert traced(task).marks


def test_traced_checks_of_a_stage_have_inputs_for_each_answer(tiny: Course) -> None:
    stage = tiny.find("01_scale")
    job = reference_job(tiny, stage)
    with closing(Sandbox(WEAK)) as sandbox:
        answers = record_answers(tiny, stage, check_tasks(stage), sandbox)
        for task in check_tasks(stage):
            check = traced(task)
            with closing(sandbox.start(job, Limits(), trusted=True)) as process:
                assert len(steps(process.run(check.task), check.marks)) == len(answers[task.id])


def _think() -> None:
    while True:
        pass


@pytest.mark.parametrize(
    ("work", "says"),
    [
        (_think, "it took longer than 1 s to read"),
        (lambda: bytearray(1 << 30), "reading it needs more than 256 MB"),
        (lambda: os.kill(os.getpid(), 9), r"whatever reads it ends \(SIGKILL\)"),
        (lambda: read_secret(Path("/nowhere")), "put it back from its backup"),
    ],
)
def test_what_hurts_the_reader_is_one_sentence(work: Callable[[], object], says: str) -> None:
    with pytest.raises(Unreadable, match=says):
        apart(work, allowance=Allowance(1, 256 << 20))


def test_what_is_done_apart_comes_back() -> None:
    assert apart(lambda: [os.getpid(), 1 << 70]) != [os.getpid(), 1 << 70]
    assert apart(lambda: "text") == "text"


def test_a_fault_of_ours_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        apart(lambda: 1 // 0)
