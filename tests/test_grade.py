"""Grading a class: every verdict, what honest code may do, what dishonest code cannot."""

import contextlib
import copy
import csv
import io
import json
import os
import re
import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
from rich.console import Console
from typer.testing import CliRunner

import mugrade.grader.bundle
from mugrade.author.build import build_course
from mugrade.cli import app
from mugrade.course.model import Course
from mugrade.course.notebooks import release, source_notebook
from mugrade.course.reading import load_course
from mugrade.errors import CourseError
from mugrade.grader.final import Reviews
from mugrade.grader.grade import Grader, Result
from mugrade.grader.outputs.autograded import autograded_notebook
from mugrade.grader.outputs.scores import Scores
from mugrade.grader.plan import Order
from mugrade.grader.report import write_feedback
from mugrade.grader.run import grade_class
from mugrade.grader.submissions import Submission, find_submissions
from mugrade.reference.record import reference_job
from mugrade.sandbox.job import Death
from mugrade.sandbox.limits import Limits
from mugrade.values.verdict import Verdict
from mugrade.view.tables import safe
from tests.conftest import make_grader, standing_of
from tests.tiny import write_course

LIMITS = Limits(load=20, check=5, total=60)
EXPORT = "#| export stats/{}.py\n"
MEAN = "def mean(x):\n    return np.asarray(x.sum() / x.size, dtype=x.dtype)"
SCALER = """\
class Scaler:
    def __init__(self, x):
        self.centre, self.width = x.mean(), x.std()

    def __call__(self, x):
        y = (x - self.centre) / self.width
        {}
"""
NOISE = "def noise(n):\n    {}\n    return np.random.randn(n)"
SOLVED = {"mean": MEAN, "scaler": SCALER.format("return y"), "noise": NOISE.format("pass")}
MODULE = {"mean": "mean", "scaler": "scale", "noise": "scale"}
CHECKS = {"scaler-centres", "noise-is-normal"}
HIDDEN = re.compile(r"standard_normal\(50\)|3 \* x|BEGIN HIDDEN|standard_normal\(\(4, 5\)\)")

WRITE_EVERYWHERE = """\
import contextlib, os
        for fd in range(3, 256):
            with contextlib.suppress(OSError):
                os.write(fd, bytes(99))"""

Cells = dict[str, str]
Grade = Callable[..., dict[str, Verdict]]


def hand_in(course: Course, folder: Path | bytes, stage: str = "01_scale", **cells: str) -> Path:
    """Write a solved notebook into a student's folder, with some cells answered otherwise."""
    notebook = json.loads((course.root / "notebooks" / f"{stage}.ipynb").read_text("utf-8"))
    for cell in notebook["cells"]:
        if cell["id"] in SOLVED:
            answer = cells.get(cell["id"], SOLVED[cell["id"]])
            cell["source"] = EXPORT.format(MODULE[cell["id"]]) + answer
    os.makedirs(folder, exist_ok=True)
    path = Path(os.fsdecode(folder)) / f"{stage}.ipynb"
    path.write_text(json.dumps(notebook))
    return path


@pytest.fixture(scope="module")
def key(tiny: Course) -> Grader:
    return make_grader(tiny, ["00_mean", "01_scale"], LIMITS)


@pytest.fixture
def result(tiny: Course, key: Grader, tmp_path: Path) -> Callable[..., Result]:
    """Grade 01_scale with some cells answered otherwise."""

    def run(limits: Limits = LIMITS, **cells: str) -> Result:
        grader = copy.copy(key)
        grader.key = copy.copy(key.key)
        grader.key.limits = limits
        path = hand_in(tiny, tmp_path / "ada", **cells)
        return grader.grade(Submission("ada", "01_scale", path), {})

    return run


@pytest.fixture
def grade(result: Callable[..., Result]) -> Grade:
    def run(limits: Limits = LIMITS, **cells: str) -> dict[str, Verdict]:
        return {g.check.id: g.verdict for g in result(limits, **cells).grades}

    return run


def categories(verdicts: dict[str, Verdict]) -> dict[str, str]:
    assert set(verdicts) == CHECKS
    return {id: verdict.category for id, verdict in verdicts.items()}


def scaled(statement: str) -> Cells:
    """Cells in which the scaler ends with another statement; `y` is the right value."""
    return {"scaler": SCALER.format(statement)}


def test_the_solution_gets_all_points(result: Callable[..., Result]) -> None:
    found = result()
    assert (found.status, found.points, found.what_went_wrong) == ("graded", 8, "")


@pytest.mark.parametrize(
    ("statement", "category"),
    [
        ("return y + 1", "value"),
        ("return y * np.nan", "value"),
        ("return 0 * y", "value"),
        ("return y[:, None]", "shape"),
        ("return y[0]", "shape"),
        ("return np.float64(0)", "shape"),
        ("return y.astype('float32')", "dtype"),
        ("return y.astype(np.longdouble)", "not an array"),
        ("return list(y)", "not an array"),
        ("return None", "nothing"),
        ("raise ValueError('so\\nnot')", "error"),
        ("raise ValueError('\\ud800\\x1b[31m')", "error"),
        ("raise NotImplementedError()", "unsolved"),
        ("return y if y[0] < -1.4 and len(y) == 6 and y.std() < 2 else y.sum()", "shape"),
    ],
)
def test_wrong_answers(grade: Grade, statement: str, category: str) -> None:
    assert categories(grade(**scaled(statement))) == {
        "scaler-centres": category,
        "noise-is-normal": "pass",
    }


@pytest.mark.parametrize(
    ("statement", "category", "text"),
    [
        ("import os; os._exit(0)", "crash", "exited with status 0"),
        ("import ctypes; ctypes.string_at(0)", "crash", "SIGSEGV"),
        ("import os; os.kill(os.getpid(), 9)", "crash", "SIGKILL"),
        ("import os; os.kill(os.getpid(), 41)", "crash", "signal 41"),
        ("import os; os.killpg(0, 9)", "crash", "SIGKILL"),
        ("import os; os.abort()", "crash", "SIGABRT"),
        ("import os; os.closerange(3, 999); return y", "crash", "process"),
        (f"{WRITE_EVERYWHERE}\n        return y", "protocol", "frame"),
    ],
)
def test_a_death_costs_one_check(grade: Grade, statement: str, category: str, text: str) -> None:
    verdicts = grade(**scaled(statement))
    assert categories(verdicts) == {"scaler-centres": category, "noise-is-normal": "pass"}
    assert text in verdicts["scaler-centres"].actual


def test_endless_recursion_costs_one_check(grade: Grade) -> None:
    verdicts = grade(**scaled("import sys; sys.setrecursionlimit(10**9); self(x)"))
    found = categories(verdicts)
    assert found["noise-is-normal"] == "pass"
    assert found["scaler-centres"] in ("crash", "error")  # up to the interpreter


@pytest.mark.parametrize(
    "statement",
    [
        "while True: pass",
        "import time; time.sleep(99)",
        "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)",
        "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65)); sum(iter(int, 1))",
    ],
)
def test_a_timeout_costs_one_check(grade: Grade, statement: str) -> None:
    limits = Limits(load=20, check=1.5, total=60)
    verdicts = grade(limits, **scaled(statement))
    assert categories(verdicts) == {"scaler-centres": "timeout", "noise-is-normal": "pass"}


def test_a_process_that_dies_between_two_checks(tiny: Course, key: Grader) -> None:
    task = key.key.stages["01_scale"].tasks[0]
    last = "import os, threading; threading.Timer(0.2, os._exit, [7]).start()"
    job = reference_job(tiny, tiny.find("01_scale"))
    with contextlib.closing(key.sandbox.start(job, LIMITS)) as process:
        assert len(process.run(replace(task, source=f"{last}\n{task.source}"))) == 2
        time.sleep(0.5)
        with pytest.raises(Death, match="status 7") as death:
            process.run(task)
    assert death.value.category == "crash"


@pytest.mark.parametrize(
    "line", ["raise KeyError('x')", "import sys; sys.exit()", "x = (", "1 / 0"]
)
def test_a_cell_that_raises_costs_only_itself(grade: Grade, line: str) -> None:
    verdicts = grade(noise=f"{SOLVED['noise']}\n{line}")
    assert categories(verdicts) == {"scaler-centres": "pass", "noise-is-normal": "error"}
    assert re.search("KeyError|SystemExit|SyntaxError|Zero", verdicts["noise-is-normal"].actual)


def test_checks_that_die_cost_no_other_exercise(tiny: Course, tmp_path: Path) -> None:
    check = (
        '# %% id="again-{0}" role="check" points=1\n@check\ndef again_{0}():\n'
        '    """Again."""\n    yield Scaler(np.arange(6.0))(np.arange(6.0))\n\n'
    )
    first = '# %% id="noise" role'
    more = "".join(check.format(i) for i in range(6))
    course = load_course(write_course(tmp_path, stage_01=(first, more + first)))
    path = hand_in(tiny, tmp_path / "ada", **scaled("import os; os._exit(1)"))
    grader = make_grader(course, ["01_scale"], LIMITS)
    found = grader.grade(Submission("ada", "01_scale", path), {})
    assert [g.verdict.category for g in found.grades] == ["crash"] * 4 + ["not run"] * 3 + ["pass"]


def test_what_is_left_after_too_many_deaths_is_not_run(
    grade: Grade, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mugrade.grader.bundle, "MAX_RESTARTS", 0)
    assert categories(grade(**scaled("import os; os._exit(1)"))) == {
        "scaler-centres": "crash",
        "noise-is-normal": "not run",
    }


@pytest.mark.parametrize("how", ["os._exit(len(x))", "os.kill(os.getpid(), len(x))"])
def test_a_death_tells_nothing_of_hidden_inputs(result: Callable[..., Result], how: str) -> None:
    found = result(**scaled(f"import os\n        if len(x) != 6: {how}\n        return y"))
    (grade,) = (g for g in found.grades if g.check.id == "scaler-centres")
    assert (grade.verdict.category, grade.verdict.actual) == ("crash", "")
    assert "the process died on an input that is not shown" in grade.message


def test_an_array_far_too_large_is_not_looked_into(grade: Grade) -> None:
    verdict = grade(**scaled("return np.zeros(32 << 20, 'i1')"))["scaler-centres"]
    assert (verdict.category, verdict.diagnosis, verdict.picture) == ("shape", None, None)


def test_what_is_left_without_time_is_not_run(grade: Grade) -> None:
    limits = Limits(load=20, check=20, total=1.5)
    assert categories(grade(limits, **scaled("while True: pass"))) == {
        "scaler-centres": "timeout",
        "noise-is-normal": "not run",
    }


@pytest.mark.parametrize(
    "statement",
    [
        "import warnings; warnings.warn('slow'); np.log(np.zeros(3))",
        "import sys; print('x' * 10**6); sys.stderr.write('y' * 10**6)",
        "import os; os.write(1, b'x' * 10**5); os.write(2, b'y' * 10**5)",
        "import subprocess, sys; subprocess.run([sys.executable, '-c', 'print(1)'], check=True)",
        "import threading; threading.Thread(target=print, args=('x',)).start()",
        "import threading, time; threading.Thread(target=time.sleep, args=(99,)).start()",
        "import pathlib; pathlib.Path('x.txt').write_text('x'); open('x.txt').read()",
        "import logging; logging.error('x'); import gc; gc.collect()",
        "np.random.seed(0); np.seterr(all='raise'); np.set_printoptions(precision=2)",
        "y = np.asfortranarray(y); y = np.repeat(y, 2)[::2]; y.flags.writeable = False",
        "y = y.view(type('Sub', (np.ndarray,), {}))",
        "y = y.astype('>f8')",
        "return type('Tensor', (), {'numpy': lambda self: y})()",
    ],
)
def test_honest_habits_cost_nothing(grade: Grade, statement: str) -> None:
    verdicts = grade(**scaled(f"{statement}\n        return y"))
    assert set(categories(verdicts).values()) == {"pass"}


EQUAL = "class Equal{}:\n    def __eq__(self, other): return True\n    __ne__ = __hash__ = __eq__\n"
LAZY = "class Lazy:\n    def __array__(self, *a, **k): return np.zeros(6)\n"


@pytest.mark.parametrize(
    ("before", "statement", "category"),
    [
        ("", "return np.array(list(y), dtype=object)", "not an array"),
        (EQUAL.format(""), "return Equal()", "not an array"),
        (EQUAL.format(""), "return np.array([Equal()] * 6)", "not an array"),
        (EQUAL.format("(np.ndarray)"), "return np.zeros(6).view(Equal)", "value"),
        (LAZY, "return Lazy()", "not an array"),
        ("", "return np.ma.array(np.zeros(6), mask=True)", "not an array"),
        ("", "return np.zeros(6, dtype=[('a', 'f8')])", "not an array"),
        ("", "return np.array(['0'] * 6)", "not an array"),
        ("", "return (v for v in y)", "not an array"),
        ("", "return np.array([])", "shape"),
        ("", "from mugrade import close; return close(0 * y, atol=1e9)", "value"),
        ("", "return type('T', (), {'numpy': lambda self: 1 / 0})()", "error"),
        ("", "return type('T', (), {'__getattr__': lambda self, name: 1 / 0})()", "error"),
    ],
)
def test_hostile_values_are_only_values(
    grade: Grade, before: str, statement: str, category: str
) -> None:
    verdicts = grade(scaler=f"{before}\n{SCALER.format(statement)}")
    assert categories(verdicts) == {"scaler-centres": category, "noise-is-normal": "pass"}


FORGE = """\
import sys
from mugrade.sandbox.channel import END, Frame, encode, value_frame
from mugrade.values.observe import Observed
frame = sys._getframe()
while "reply" not in frame.f_locals: frame = frame.f_back
nonce = bytes.fromhex(frame.f_locals["request"]["nonce"])
import os
for f in (value_frame(Observed("array", np.zeros(6))), Frame(END, {"verdict": "pass"})):
    os.write(frame.f_locals["reply"], encode(nonce, f))
""".replace("\n", "\n        ")


@pytest.mark.parametrize(
    ("before", "statement"),
    [
        ("check = lambda f: f\nimport mugrade\nmugrade.check = check", "return 0 * y"),
        ("import numpy.testing\nnumpy.testing.assert_allclose = print", "return 0 * y"),
        ("np.allclose = np.isclose = np.array_equal = lambda *a, **k: True", "return 0 * y"),
        ("import builtins\nbuiltins.all = builtins.any = lambda *a: True", "return 0 * y"),
        ("import mugrade.values.judges as j\nj.Close.compare = lambda *a: None", "return 0 * y"),
        ("import mugrade.values.compare as a\na.judge = lambda *a: a.PASS", "return 0 * y"),
        ("import mugrade.values.observe as o\no.observe = lambda *a: []", "return 0 * y"),
        ("import mugrade.sandbox.guest as w\nw.run_check = lambda *a: []", "return 0 * y"),
        ("", FORGE + "\n        return 0 * y"),
        ('print(\'{"scaler-centres": "pass"}\')', "x -= x; return x"),
        ("", "for v in range(6): x[v] = 0\n        return x"),
        ("import atexit, os\natexit.register(os._exit, 0)", "raise SystemExit(0)"),
    ],
)
def test_a_submission_cannot_judge_itself(
    result: Callable[..., Result], before: str, statement: str
) -> None:
    found = result(scaler=f"{before}\n{SCALER.format(statement)}")
    assert "scaler-centres" not in {g.check.id for g in found.grades if g.verdict.passed}


SPY = """\
SEEN = []


def spy():
    import os, sys
    frame = sys._getframe()
    while frame:
        if frame.f_code.co_name == "run_check":
            SEEN.append(frame.f_locals["source"])
        frame = frame.f_back
    with open("seen", "a+") as file, open(os.path.expanduser("~/seen"), "a+") as other:
        for notes in (file, other):
            notes.seek(0)
            SEEN.append(notes.read())
            notes.write(max(SEEN, key=len))
    return repr(max(SEEN, key=len)[-150:])


"""


@pytest.mark.parametrize(
    ("statement", "noise"),
    [
        ("raise ValueError(spy())", "pass"),
        ("spy(); return y", "raise ValueError(spy())"),
        ("if len(x) == 50: raise ValueError(spy())\n        return y", "pass"),
        ("raise type(spy(), (Exception,), {})", "pass"),
        ("return type(spy(), (), {})()", "pass"),
        ("if len(x) == 50: import os; os._exit(0)\n        spy(); return y", "pass"),
    ],
)
def test_nothing_hidden_comes_out(
    tiny: Course, result: Callable[..., Result], tmp_path: Path, statement: str, noise: str
) -> None:
    scaler = SPY + SCALER.format(statement)
    found = result(scaler=scaler, noise=NOISE.format(noise))
    path = tmp_path / "ada" / "01_scale.ipynb"
    write_feedback(tmp_path / "page.html", standing_of(found), "Scale")
    notebook = autograded_notebook(
        release(source_notebook(tiny.find("01_scale"))), standing_of(found), path.read_bytes()
    )
    nbformat.validate(json.loads(json.dumps(notebook)))
    texts = [repr(found), (tmp_path / "page.html").read_text(), json.dumps(notebook)]
    assert not any(HIDDEN.search(text) for text in texts)
    if statement.startswith(("raise V", "return")):
        assert "Scaler(x)(x)" in repr(found), "the spy sees nothing: this test proves nothing"


def test_a_hidden_miss_is_told_without_its_values(result: Callable[..., Result]) -> None:
    found = result(**scaled("return y if len(x) == 6 else y + 0.123"))
    (miss,) = (g for g in found.grades if not g.verdict.passed)
    assert miss.verdict.hidden and not re.search(r"\d\.\d", miss.message.split("points")[1])
    assert "on an input that is not shown" in miss.message


def submit(tiny: Course, root: Path) -> Path:
    """Students of every kind, two stages."""
    for stage in ("00_mean", "01_scale"):
        hand_in(tiny, root / "ada", stage)
    hand_in(tiny, root / "bob", "00_mean", mean="def mean(x):\n    return x.sum()")
    hand_in(
        tiny,
        root / "bob",
        "01_scale",
        scaler=SCALER.format("return y").replace(
            "x.mean(), x.std()", "mean(x), np.sqrt(mean((x - mean(x)) ** 2))"
        ),
    )
    (root / "carl").mkdir()
    (root / "carl" / "01_scale.ipynb").write_text('{"cells": [')
    (root / "dora").mkdir()
    os.mkfifo(root / "dora" / "00_mean.ipynb")
    return root


def run(course: Course, folder: Path, out: Path, *stages: str, own: bool = False) -> str:
    """Grade a class; returns what the terminal shows."""
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=120, color_system=None)
    order = Order(course, folder, out, LIMITS, list(stages), own=own, jobs=2, accept_weak=True)
    grade_class(order, console)
    return screen.getvalue()


def table(out: Path) -> dict[tuple[str, str], tuple[int, str]]:
    with (out / "grades.csv").open(newline="", encoding="utf-8") as file:
        return {
            (row["student"], row["check"]): (int(row["points"]), row["verdict"])
            for row in csv.DictReader(file)
        }


def test_a_class_end_to_end(tiny: Course, tmp_path: Path) -> None:
    folder, out = submit(tiny, tmp_path / "in"), tmp_path / "out"
    screen = run(tiny, folder, out)
    lost = (0, "not run")
    assert table(out) == {
        ("ada", "mean-of-three"): (2, "pass"),
        ("ada", "scaler-centres"): (3, "pass"),
        ("ada", "noise-is-normal"): (5, "pass"),
        ("bob", "mean-of-three"): (0, "value"),
        ("bob", "scaler-centres"): (3, "pass"),
        ("bob", "noise-is-normal"): (5, "pass"),
        **{(s, c): lost for s in ("carl", "dora") for c in ("mean-of-three", *CHECKS)},
    }
    assert "it is not a complete notebook" in screen
    assert "it is not a regular file" in screen
    pages = {p.relative_to(out / "feedback").as_posix() for p in out.rglob("*.html")}
    students = ("ada", "bob", "carl", "dora")
    names = ["index", *(stage.name for stage in tiny.stages)]
    assert pages == {f"{student}/{name}.html" for student in students for name in names}
    assert "2 of 2 points" in (out / "feedback/ada/00_mean.html").read_text()


def test_on_own_a_mistake_costs_in_later_stages_too(
    tiny: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Scores, "put", lambda scores, standings: [])
    folder = submit(tiny, tmp_path / "in")
    run(tiny, folder, tmp_path / "out", "01_scale", own=True)
    found = table(tmp_path / "out")
    assert found["ada", "scaler-centres"] == (3, "pass")
    assert found["bob", "scaler-centres"] == (0, "value")
    assert ("ada", "mean-of-three") not in found


NAMES = [
    "[red]ada",
    "[|b]",
    "[bold]b[]",
    "[link=x",
    ":smile:",
    "=1+1",
    "@sum",
    "a\x1b[31m\x07",
    "a\u202eb",
    "<script>alert(1)</script".replace("/", "|"),
    "new\nline",
    "{{ 7 * 1234567 }}",
    "x" * 200,
]


def test_names_steer_nothing(tiny: Course, tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    hand_in(tiny, os.fsencode(folder) + b"/b\xe9la", "00_mean")
    for name in NAMES:
        (folder / name).mkdir()
    screen = run(tiny, folder, out)
    assert all(text in screen for text in ("[red]ada", "[bold]b[]", ":smile:", "b\\xe9la"))
    assert not {"\x07", "\u202e"} & set(screen) and "\x1b[31m" not in screen
    students = {student for student, _ in table(out)}
    assert len(students) == len(NAMES) + 1
    assert {"'=1+1", "'@sum", "b\\xe9la"} <= students
    assert not any(s.startswith(("=", "+", "-", "@")) for s in students)
    pages = [page.read_text("utf-8") for page in (out / "feedback").rglob("*.html")]
    assert len(pages) == 2 * (len(NAMES) + 1)
    assert not any("<script" in page or "8641969" in page for page in pages)


@pytest.mark.parametrize("text", ["=x", "+1", "-1", "@x", "\t=x", "\r=x", "\n=x", "＝x"])
def test_no_cell_of_the_table_is_a_formula(text: str) -> None:
    assert safe(text) == f"'{text}"
    assert safe(f"x{text}") == f"x{text}"


def test_feedback_is_escaped(result: Callable[..., Result], tmp_path: Path) -> None:
    found = result(**scaled(r"raise ValueError('<script>\x1b[2J\u202e\udc80</script>')"))
    write_feedback(tmp_path / "page.html", standing_of(found), "Scale")
    page = (tmp_path / "page.html").read_text("utf-8")
    assert "&lt;script&gt;" in page and "<script" not in page
    assert not {"\x1b", "\u202e", "\udc80"} & set(page)


def test_one_failure_of_the_grader_stops_nobody(
    tiny: Course, key: Grader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand_in(tiny, tmp_path / "ada")
    hand_in(tiny, tmp_path / "bob", noise="def noise(n):\n    return 'fail'")
    job = mugrade.grader.grade.submission_job

    def broken(key, code):
        if "fail" in str(code):
            raise ZeroDivisionError("by nothing")
        return job(key, code)

    monkeypatch.setattr(mugrade.grader.grade, "submission_job", broken)
    found = [key.grade(s, {}) for s in find_submissions(tmp_path, ["01_scale"])]
    found.sort(key=lambda result: result.submission.student)
    assert [(r.status, r.points) for r in found] == [("graded", 8), ("failed", 0)]
    assert found[1].what_went_wrong == "failed: ZeroDivisionError: by nothing"


def write_gradebook(path: Path, course: Course, results: Sequence[Result]) -> None:
    with contextlib.closing(Scores(path, course)) as scores:
        for standing in map(standing_of, results):
            while said := scores.put([standing]):
                standing = replace(standing, reviews=Reviews([*standing.reviews.said, *said]))


def test_the_gradebook_agrees_and_keeps_what_the_instructor_wrote(
    tiny: Course, key: Grader, tmp_path: Path
) -> None:
    from nbgrader.api import Gradebook

    url = f"sqlite:///{tmp_path / 'gradebook.db'}"
    where = ("01_scale", "01_scale", "ada")
    path = hand_in(tiny, tmp_path / "in" / "ada", noise="def noise(n):\n    return n")
    submission = Submission("ada", "01_scale", path)
    write_gradebook(tmp_path / "gradebook.db", tiny, [key.grade(submission, {})])
    with Gradebook(url, tiny.package) as book:
        assert book.find_submission("01_scale", "ada").score == 3
        assert book.find_assignment("01_scale").max_score == 8
        row = book.find_grade("noise-is-normal", *where)
        assert (row.auto_score, row.max_score, row.needs_manual_grade) == (0, 5, False)
        row.manual_score, row.extra_credit = 2, 1
        book.find_comment("noise", *where).manual_comment = "nearly"
        book.db.commit()
    same = "def noise(n):\n    return n"
    hand_in(tiny, tmp_path / "in" / "ada", scaler="def other():\n    pass", noise=same)
    write_gradebook(tmp_path / "gradebook.db", tiny, [key.grade(submission, {})])
    with Gradebook(url, tiny.package) as book:
        assert book.find_submission("01_scale", "ada").score == 2 + 1
        row = book.find_grade("noise-is-normal", *where)
        assert (row.auto_score, row.manual_score, row.extra_credit) == (0, 2, 1)
        assert book.find_comment("noise", *where).comment == "nearly"
        assert len(book.students) == len(book.assignment_submissions("01_scale")) == 1


def test_a_check_that_comes_and_goes(tiny: Course, key: Grader, tmp_path: Path) -> None:
    from nbgrader.api import Gradebook

    url = f"sqlite:///{tmp_path / 'gradebook.db'}"
    submission = Submission("ada", "01_scale", hand_in(tiny, tmp_path / "in" / "ada"))
    write_gradebook(tmp_path / "gradebook.db", tiny, [key.grade(submission, {})])
    more = (
        '\n# %% id="noise-again" role="check" points=4\n@check\ndef noise_again():\n'
        '    """Again."""\n    yield distribution(noise(500))\n'
    )
    last = "yield distribution(noise(20_000))\n"
    course = load_course(write_course(tmp_path, stage_01=(last, last + more)))
    results = [make_grader(course, ["01_scale"], LIMITS).grade(submission, {})]
    write_gradebook(tmp_path / "gradebook.db", course, results)
    with Gradebook(url, tiny.package) as book:
        assert book.find_submission("01_scale", "ada").score == results[0].points == 12
    write_gradebook(tmp_path / "gradebook.db", tiny, [key.grade(submission, {})])
    with Gradebook(url, tiny.package) as book:
        assert book.find_submission("01_scale", "ada").score == 8
        assert book.find_assignment("01_scale").max_score == 8


def test_a_submission_that_nbgrader_knows_without_its_notebook(
    tiny: Course, key: Grader, tmp_path: Path
) -> None:
    from nbgrader.api import Gradebook

    url = f"sqlite:///{tmp_path / 'gradebook.db'}"
    submission = Submission("ada", "01_scale", hand_in(tiny, tmp_path / "in" / "ada"))
    with Gradebook(url, tiny.package) as book:
        book.add_assignment("01_scale")
        book.add_student("ada")
        book.add_submission("01_scale", "ada")
    write_gradebook(tmp_path / "gradebook.db", tiny, [key.grade(submission, {})])
    with Gradebook(url, tiny.package) as book:
        assert book.find_submission("01_scale", "ada").score == 8


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["in", "--stage", "07"], "no stage 07: there are 00_mean, 01_scale"),
        (["gone"], "no such folder"),
        (["empty"], "no student's folder"),
        (["none"], "no notebook called like a stage"),
        (["in", "--student", "adda"], "nobody is called adda: there is ada"),
        (["in", "--student", "x"], "nobody is called x: there is ada, eve"),
        (["in", "--stage", "01"], "nobody has handed in 01_scale"),
        (["in/eve"], "one student's folder"),
        (["in", "--out", "taken"], "grades.csv: cannot be written (Is a directory)"),
        (["in", "--out", "broken"], "results.db: the results database cannot be used (file is"),
        (["in", "--out", "foreign"], "results.db: not a results database of this mugrade"),
        (["in", "--db", "nowhere://x"], "--db: not a database URL"),
        (["in", "--db", "postgresql+pg8000://u:geheim@h/d"], "the driver pg8000 is not installed"),
        (["in", "--out", "full"], "gradebook.db: cannot be written (file is not a database)"),
        (["in", "--out", "in/ada/00_mean.ipynb"], "results cannot be written there"),
        (["in", "--course", "empty"], "no course here"),
    ],
)
def test_mistakes_are_one_sentence(
    tiny: Course,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    says: str,
) -> None:
    hand_in(tiny, tmp_path / "in" / "ada", "00_mean")
    hand_in(tiny, tmp_path / "in" / "eve" / "00_mean", "00_mean")
    (tmp_path / "taken" / "grades.csv").mkdir(parents=True)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "gradebook.db").write_text("no database")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "results.db").write_text("no database at all")
    (tmp_path / "foreign").mkdir()
    with contextlib.closing(sqlite3.connect(tmp_path / "foreign" / "results.db")) as foreign:
        foreign.execute("CREATE TABLE grade (points INTEGER)")
    (tmp_path / "empty").mkdir()
    (tmp_path / "none" / "ada").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    command = ["grade", "--course", str(tiny.root), "--accept-weak-sandbox", *arguments]
    outcome = CliRunner().invoke(app, command)
    assert outcome.exit_code == 1
    assert isinstance(outcome.exception, SystemExit)
    *table, sentence = outcome.output.splitlines()
    assert says in sentence and "geheim" not in sentence
    assert not table or "student" in "".join(table)


PARTS = (
    "    yield Scaler(x)(x)\n    ### BEGIN HIDDEN TESTS\n",
    "    yield worth(Scaler(x)(x), 1)\n    ### BEGIN HIDDEN TESTS\n"
    "    yield worth(np.ones(2) * bool(Scaler(x).width), 1)\n",
)


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Grader:
    """The tiny course with a check of three parts, of which one is shown."""
    root = write_course(tmp_path_factory.mktemp("parts"), stage_01=PARTS)
    script = root / "solutions" / "01_scale.py"
    text = script.read_text().replace("import check, distribution, rng", "import check, rng, worth")
    text = text.replace("    yield Scaler(x)(3 * x)\n", "    yield worth(Scaler(x)(3 * x), 1)\n")
    script.write_text(text.replace("yield distribution(noise(20_000))", "yield noise(3).dtype.num"))
    course = load_course(root)
    build_course(course)
    return make_grader(course, ["01_scale"], LIMITS)


@pytest.mark.parametrize(
    ("statement", "points"),
    [
        ("return y", 3),
        ("return y + (len(x) == 6)", 2),
        ("return y + (len(x) == 50)", 2),
        ("return y + 1", 1),
        ("os._exit(1)", 0),
    ],
)
def test_parts_of_a_check_give_points_shown_or_not(
    parts: Grader, tmp_path: Path, statement: str, points: int
) -> None:
    path = hand_in(parts.key.course, tmp_path, **scaled(statement))
    result = parts.grade(Submission("ada", "01_scale", path), {})
    (grade,) = [g for g in result.grades if g.check.id == "scaler-centres"]
    assert grade.points == grade.columns["points"] == points
    assert f"{points} of 3 points" in grade.message


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("3 * x), 1)", "3 * x), 2)", "its parts give 4 points, and the check 3"),
        ("worth(Scaler(x)(3 * x), 1)", "Scaler(x)(3 * x)", "behind the last part"),
    ],
)
def test_parts_that_do_not_add_up_are_refused(
    parts: Grader, tmp_path: Path, old: str, new: str, said: str
) -> None:
    source = parts.key.course.root / "solutions"
    (tmp_path / "solutions").mkdir()
    for script in source.glob("*.py"):
        (tmp_path / "solutions" / script.name).write_text(script.read_text().replace(old, new))
    with pytest.raises(CourseError, match=said):
        make_grader(load_course(tmp_path), ["01_scale"], LIMITS)
