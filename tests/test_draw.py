"""One draw of the hidden inputs per course secret and check, proved on the known mistakes."""

import io
import json
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import nbformat
import numpy as np
import pytest
from rich.console import Console

from mugrade.author.build import build_course
from mugrade.course.model import Course
from mugrade.course.reading import load_course
from mugrade.grader import draw
from mugrade.grader.draw import drawn
from mugrade.grader.drawn import DRAWS, SECRET
from mugrade.grader.grade import Grader
from mugrade.grader.key import StageKey
from mugrade.grader.keys import KEYS
from mugrade.grader.plan import Order
from mugrade.grader.rehearsed import Rehearsed
from mugrade.grader.results import Result
from mugrade.grader.run import grade_class
from mugrade.grader.store import Store
from mugrade.grader.submissions import Submission
from mugrade.sandbox.job import CheckTask
from mugrade.sandbox.process import Sandbox
from mugrade.sandbox.tiers import WEAK
from mugrade.values.answers import answers_to_json
from mugrade.values.observe import seed_of
from tests.conftest import make_grader
from tests.test_grade import LIMITS, hand_in
from tests.tiny import write_course

CHECK, STAGE = "mean-of-three", "00_mean"
INPUTS = 'rng.standard_normal((4, 5)).astype("float32")'
NEGATIVE_AT_TIMES = "np.sign(rng.standard_normal()) * rng.random(3)"
MISTAKE = """
[[mistake]]
of = "mean"
name = "the mean of the sizes"
why = "signs count"
try = "leave abs out"
edits = [["x.sum()", "abs(x).sum()"]]
"""
SIZES = "def mean(x):\n    return np.asarray(abs(x).sum() / x.size, dtype=x.dtype)"
NAIVE = """\
#| export needle/ops/logsumexp.py
def stable_logsumexp(array, axes=None):
    return np.log(np.exp(array).sum(axis=axes))
"""
Weak = Callable[[str], Course]


@pytest.fixture
def weak(tmp_path: Path) -> Weak:
    """The tiny course with a recorded mistake that the shown input does not tell."""

    def write(inputs: str) -> Course:
        root = write_course(tmp_path / "course", stage_00=(INPUTS, inputs))
        (root / "solutions" / "mistakes").mkdir()
        (root / "solutions" / "mistakes" / f"{STAGE}.toml").write_text(MISTAKE)
        build_course(load_course(root))
        return load_course(root)

    return write


@contextmanager
def grader_of(course: Course, stage: str, secret: bytes) -> Iterator[Grader]:
    with closing(make_grader(course, [stage], LIMITS, secret=secret)) as grader:
        yield grader


def grade_sizes(course: Course, grader: Grader) -> Result:
    """The result of a student who made the recorded mistake."""
    path = hand_in(course, course.root / "ada", STAGE, mean=SIZES)
    return grader.grade(Submission("ada", STAGE, path), {})


def negative(seed: int) -> bool:
    return bool(np.random.default_rng(seed).standard_normal() < 0)


def test_equal_cells_get_equal_points(course: Course, tmp_path: Path) -> None:
    path = course.root / "notebooks" / "03_logsumexp.ipynb"
    notebook = nbformat.reads(path.read_text("utf-8"), as_version=4)
    (cell,) = (cell for cell in notebook.cells if cell.id == "stable-logsumexp")
    cell.source = NAIVE
    submissions = []
    for number in range(24):
        notebook.metadata["saved"] = number
        path = tmp_path / f"student-{number}.ipynb"
        path.write_text(nbformat.writes(notebook), encoding="utf-8")
        submissions.append(Submission(path.stem, "03_logsumexp", path))
    with grader_of(course, "03_logsumexp", b"some secret") as grader:
        points = {result.points for result in map(lambda s: grader.grade(s, {}), submissions)}
    assert len(points) == 1


@pytest.mark.parametrize("secret", [b"0", b"1", b"2", b"3", b"4"])
def test_a_check_is_drawn_until_its_known_mistakes_fail(weak: Weak, secret: bytes) -> None:
    assert negative(seed_of(CHECK)), "else the mistake is not recorded to fail"
    seeds = [drawn(CheckTask(CHECK, "", 0), secret, counter).seed for counter in range(draw.DRAWS)]
    counter = [negative(seed) for seed in seeds].index(True)
    course = weak(NEGATIVE_AT_TIMES)
    with grader_of(course, STAGE, secret) as grader:
        result = grade_sizes(course, grader)
    assert result.draws == ({CHECK: counter} if counter else {})
    assert result.points == 0 and grader.key.too_weak == []
    assert [g.verdict.diagnosis.name for g in result.grades if g.verdict.diagnosis] == [
        "the mean of the sizes"
    ]


def test_a_check_that_no_draw_makes_tell_is_named_and_used(weak: Weak) -> None:
    number = np.random.default_rng(seed_of(CHECK)).integers(1 << 30)
    course = weak(f"np.full(3, 1.0 - 2.0 * (rng.integers(1 << 30) == {number}))")
    hand_in(course, course.root / "submitted" / "ada", STAGE, mean=SIZES)
    screen = io.StringIO()
    out = course.root / "out"
    order = Order(course, course.root / "submitted", out, LIMITS, accept_weak=True)
    grade_class(order, Console(file=screen, width=300))
    assert "mean-of-three is too weak" in screen.getvalue()
    assert "mistakes/00_mean.toml:2: the mean of the sizes" in screen.getvalue()
    assert f'"ada","{STAGE}","graded"' in (course.root / "out" / "grades.csv").read_text()


@pytest.mark.parametrize("first", [False, True])
def test_who_gets_other_inputs_is_out_of_date(weak: Weak, first: bool) -> None:
    course = weak(NEGATIVE_AT_TIMES)
    mistakes = course.root / "solutions" / "mistakes" / f"{STAGE}.toml"
    text = mistakes.read_text()
    out = course.root / "out"
    out.mkdir()
    secrets = (b"%d" % number for number in range(99))
    secret = next(
        s for s in secrets if negative(drawn(CheckTask(CHECK, "", 0), s, 0).seed) == first
    )
    (out / SECRET).write_bytes(secret)
    hand_in(course, course.root / "submitted" / "ada", STAGE)

    def graded() -> str:
        screen = io.StringIO()
        now = load_course(course.root)
        order = Order(now, course.root / "submitted", out, LIMITS, accept_weak=True)
        grade_class(order, Console(file=screen, width=300))
        (line,) = (line for line in screen.getvalue().splitlines() if " up to date" in line)
        return line

    mistakes.write_text("")
    assert graded() == "1 graded, 0 up to date"
    mistakes.write_text(text)
    same, other = "0 graded, 1 up to date", "1 graded, 0 up to date"
    assert graded() == (same if first else other)
    assert graded() == same
    for broken in ("{", "[]", '{"00_mean": 3}', '{"00_mean": {"of": ""}}'):
        (out / DRAWS).write_text(broken)
        assert graded() == same


def test_without_a_secret_the_inputs_are_those_of_the_build(weak: Weak) -> None:
    course = weak(NEGATIVE_AT_TIMES)
    with grader_of(course, STAGE, b"") as grader:
        assert [part.task.seed for part in grader.key.stages[STAGE].parts()] == [seed_of(CHECK)] * 2
        assert grade_sizes(course, grader).points == 0


def test_a_secret_draws_every_check_and_every_counter_anew() -> None:
    draws = [
        drawn(CheckTask(check, "", 0), secret, counter).seed
        for check in ("one", "two")
        for secret in (b"a", b"b")
        for counter in range(draw.DRAWS)
    ]
    assert len(set(draws)) == len(draws) and max(draws) < 1 << 32


def test_what_was_found_out_is_kept_and_nothing_is_run_again(
    weak: Weak, monkeypatch: pytest.MonkeyPatch
) -> None:
    course = weak(NEGATIVE_AT_TIMES)
    out = course.root / "out"

    def graded(student: str) -> dict[str, tuple[float, str]]:
        hand_in(course, course.root / "submitted" / student, STAGE, mean=SIZES)
        order = Order(course, course.root / "submitted", out, LIMITS, accept_weak=True)
        assert grade_class(order, Console(file=io.StringIO(), width=300))
        with closing(Store.open(out / "results.db")) as store:
            found = store.with_checks(store.standings(course.settings))
            return {s.student: (s.points, s.attempt.checks[0].message) for s in found}

    def runs(*arguments: object) -> None:
        raise AssertionError("the reference is run")

    path = out / KEYS / f"{STAGE}.json"
    first = graded("ada")["ada"]
    assert path.stat().st_mode & 0o777 == 0o600
    kept = path.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr("mugrade.grader.key.record_answers", runs)
        assert graded("bob") == {"ada": first, "bob": first}
    others = b"{", b"[]", b"\xff", kept[:-9], kept.replace(b'"data"', b'"date"')
    for number, broken in enumerate(others):
        path.write_bytes(broken)
        assert graded(f"student{number}")["ada"] == first
        assert path.read_bytes() == kept
    monkeypatch.setattr("mugrade.grader.keys.machine", lambda: "another")
    with monkeypatch.context() as patch:
        patch.setattr("mugrade.grader.key.record_answers", runs)
        with pytest.raises(AssertionError, match="the reference is run"):
            graded("carl")


def test_what_is_kept_of_a_key_is_the_key(course: Course) -> None:
    stage, secret = course.find("03"), b"kept"
    with closing(Sandbox(WEAK)) as sandbox:
        made = StageKey(course, stage, sandbox, secret)
        data = json.loads(json.dumps(made.rehearsed.to_json()))
        found = StageKey(
            course, stage, sandbox, secret, kept=Rehearsed.from_json(data, stage, secret)
        )
        assert found.rehearsed.to_json() == data
        assert found.draws == made.draws and found.too_weak == made.too_weak
        both = zip(made.parts(), found.parts(), strict=True)
        assert all(
            (a.task, a.hidden, answers_to_json(a.answers))
            == (b.task, b.hidden, answers_to_json(b.answers))
            for a, b in both
        )
        traces = [[m.trace for m in key.known_to_miss(sandbox)] for key in (made, found)]
    assert len(traces[0]) == len(traces[1]) > 30
    for a, b in zip(*traces, strict=True):
        assert (a is None) == (b is None)
        assert a is None or b is None or (a.diagnosis, a.at) == (b.diagnosis, b.at)
        assert a is None or all(x.matches(y) for x, y in zip(a.prints, b.prints, strict=True))
