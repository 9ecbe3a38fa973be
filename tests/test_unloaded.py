"""A cell that cannot be loaded costs itself alone, and what costs it is said beforehand."""

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mugrade.author.build import build_course
from mugrade.course.exercises import find_code
from mugrade.course.listing import make_manifest
from mugrade.course.model import Course
from mugrade.course.reading import load_course
from mugrade.grader.bundle import Bundle
from mugrade.grader.grade import Grader
from mugrade.grader.submissions import Submission
from mugrade.package.ipynb import SubmittedCell, read_cells
from mugrade.sandbox.libraries import library_paths, unknown_imports
from mugrade.sandbox.limits import Limits
from mugrade.student.doctor import import_findings
from mugrade.values.verdict import Verdict
from tests.conftest import ROOT, STAGES, make_grader
from tests.test_grade import SOLVED, hand_in
from tests.tiny import write_course

USES_SCALER = "return Scaler(np.array([-1.0, 1.0]))(np.random.randn(n))"
NOISE = f"def noise(n):\n    {USES_SCALER}"
LIMITS = Limits(load=20, check=5, total=60, memory=300 << 20)
DEADLY = {
    "import os; os._exit(0)": "the process exited with status 0",
    "import os; os.kill(os.getpid(), 9)": "the process was ended by SIGKILL",
    "import ctypes; ctypes.string_at(0)": "the process was ended by SIGSEGV",
    "raise KeyboardInterrupt": "the process exited with status 1",
    "keep = [b'x' * (1 << 24) for _ in range(99)]": "it needed more than 300 MB of memory",
    "while True: print('x' * 65536)": "it printed more than 16 MB",
    "import os; os.closerange(3, 64)": "the process exited with status 1",
}
TELL = """\
import os, sys
frame = sys._getframe()
while "tell" not in frame.f_locals or frame.f_code.co_name != "work":
    frame = frame.f_back
tell = frame.f_locals["tell"]
"""  # what says which block is being loaded
Grade = Callable[..., dict[str, Verdict]]


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    """The tiny course, in which `noise` is made with a `Scaler`."""
    edit = ("return np.random.randn(n)", USES_SCALER)
    course = load_course(write_course(tmp_path_factory.mktemp("course"), stage_01=edit))
    build_course(course)
    return course


@pytest.fixture(scope="module")
def key(course: Course) -> Grader:
    return make_grader(course, ["01_scale"], LIMITS)


@pytest.fixture
def grade(course: Course, key: Grader, tmp_path: Path) -> Grade:
    def run(load: float = LIMITS.load, helper: str = "", **cells: str) -> dict[str, Verdict]:
        path = hand_in(course, tmp_path / "ada", "01_scale", **{"noise": NOISE, **cells})
        if helper:
            add_cell(path, helper)
        grader = copy.copy(key)
        grader.key = copy.copy(key.key)
        grader.key.limits = replace(LIMITS, load=load)
        result = grader.grade(Submission("ada", "01_scale", path), {})
        return {grade.check.id: grade.verdict for grade in result.grades}

    return run


def add_cell(path: Path, source: str) -> None:
    """Put a cell of the student's own before the others."""
    notebook = json.loads(path.read_text("utf-8"))
    cell = {"cell_type": "code", "id": "own", "metadata": {}, "outputs": []}
    notebook["cells"].insert(0, {**cell, "execution_count": None, "source": source})
    path.write_text(json.dumps(notebook))


@pytest.mark.parametrize(
    ("before", "why"),
    [
        ("import pandas", "ModuleNotFoundError: No module named 'pandas'"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("raise SystemExit", "SystemExit"),
        ("def (", "SyntaxError"),
    ],
)
def test_a_cell_that_cannot_be_loaded_costs_itself_alone(
    grade: Grade, before: str, why: str
) -> None:
    verdicts = grade(scaler=f"{before}\n{SOLVED['scaler']}")
    assert verdicts["noise-is-normal"].passed
    lost = verdicts["scaler-centres"]
    assert lost.actual.startswith(f"not graded, because scaler could not be loaded: {why}")


@pytest.mark.parametrize("line", DEADLY)
def test_a_cell_that_ends_the_process_costs_itself_alone(grade: Grade, line: str) -> None:
    verdicts = grade(scaler=f"{line}\n{SOLVED['scaler']}")
    assert verdicts["noise-is-normal"].passed
    why = f"not graded, because scaler could not be loaded: {DEADLY[line]}"
    assert verdicts["scaler-centres"].actual == why


def test_a_cell_that_never_ends_costs_itself_alone(grade: Grade) -> None:
    verdicts = grade(load=3, scaler=f"{SOLVED['scaler']}\nwhile True: pass")
    assert verdicts["noise-is-normal"].passed
    assert verdicts["scaler-centres"].actual == (
        "not graded, because scaler could not be loaded: "
        "it was still running when the 3 seconds to load all cells were over"
    )


def test_each_of_several_is_found(grade: Grade) -> None:
    endless = f"{SOLVED['scaler']}\nwhile True: pass"
    verdicts = grade(load=4, scaler=endless, noise=f"import os; os.abort()\n{NOISE}")
    assert "the 4 seconds to load all cells" in verdicts["scaler-centres"].actual
    assert verdicts["noise-is-normal"].actual.endswith("the process was ended by SIGABRT")


def test_a_helper_that_ends_the_process_costs_what_uses_it(grade: Grade) -> None:
    uses = NOISE.replace("np.random.randn(n)", "own(np.random.randn(n))")
    helper = "#| export stats/scale.py\nimport os\ndef own(x):\n    return x\nos._exit(1)"
    verdicts = grade(helper=helper, noise=uses)
    assert verdicts["scaler-centres"].passed
    assert verdicts["noise-is-normal"].actual.startswith("NameError")


def test_what_has_ended_the_process_once_is_not_loaded_again(
    grade: Grade, key: Grader, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Bundle] = []
    run = key.run
    monkeypatch.setattr(key, "run", lambda bundle: asked.append(bundle) or run(bundle))
    helper = "#| export stats/scale.py\nimport os\nos._exit(1)"
    assert grade(helper=helper, scaler="import pandas")["noise-is-normal"].passed
    sources = [[p.source for p in b.job.package["stats/scale.py"]] for b in asked]
    assert ["os._exit" in "\n".join(found) for found in sources] == [True, False]


def test_a_block_that_imports_another_is_not_blamed_for_it(grade: Grade) -> None:
    verdicts = grade(
        helper="#| export stats/zeta.py\nimport os\nos._exit(1)",
        scaler=f"import stats.zeta\n{SOLVED['scaler']}",
    )
    assert all(verdict.passed for verdict in verdicts.values())


def test_a_block_is_blamed_for_itself_after_it_has_imported_another(grade: Grade) -> None:
    verdicts = grade(
        helper="#| export stats/zeta.py\nzeta = 1",
        scaler=f"import os, stats.zeta\n{SOLVED['scaler']}\nos._exit(stats.zeta.zeta)",
    )
    assert verdicts["noise-is-normal"].passed
    assert verdicts["scaler-centres"].actual.endswith("the process exited with status 1")


def test_a_module_may_be_loaded_again_in_a_check(grade: Grade) -> None:
    again = "def noise(n):\n    import importlib\n    import stats.scale\n    "
    again += f"{USES_SCALER.replace('Scaler', 'importlib.reload(stats.scale).Scaler')}"
    assert all(verdict.passed for verdict in grade(noise=again).values())


@pytest.mark.parametrize(
    "claim",
    [
        "'noise'",
        "'scaler'",
        "'scale-imports'",
        "'nobody'",
        "''",
        "['noise']",
        "{}",
        "1",
        "'x' * 9**5",
    ],
)
def test_who_blames_another_cell_gains_nothing(grade: Grade, claim: str) -> None:
    liar = f"{TELL}tell({claim})\nos._exit(0)"
    verdicts = grade(scaler=f"{SOLVED['scaler']}\n{liar}")
    lost = verdicts["scaler-centres"]
    assert not lost.passed and lost.actual.endswith("the process exited with status 0")
    assert verdicts["noise-is-normal"].passed == (claim == "'scaler'")
    assert all(verdict.passed for verdict in grade().values())


def test_who_blames_all_by_turns_has_lost_all(grade: Grade) -> None:
    liar = f"{TELL}import random\ntell(random.choice(['noise', 'scaler']))\nos._exit(0)"
    verdicts = grade(
        scaler=f"{liar}\n{SOLVED['scaler']}", noise=NOISE.replace("np.random", "5 + np.random")
    )
    assert not any(verdict.passed for verdict in verdicts.values())


def test_claims_without_end_meet_the_limit(grade: Grade) -> None:
    liar = f"{TELL}while True: tell('noise')"
    verdicts = grade(load=2, scaler=f"{SOLVED['scaler']}\n{liar}")
    assert not any(verdict.passed for verdict in verdicts.values())


def test_what_is_wrong_beside_it_stays_wrong(grade: Grade) -> None:
    wrong = NOISE.replace("np.random.randn(n)", "5 + np.random.randn(n)")
    verdicts = grade(scaler=f"import pandas\n{SOLVED['scaler']}", noise=wrong)
    assert {id: verdict.passed for id, verdict in verdicts.items()} == {
        "scaler-centres": False,
        "noise-is-normal": False,
    }
    assert "pandas" not in verdicts["noise-is-normal"].actual


def test_the_reference_that_stands_in_is_not_read_out(grade: Grade, course: Course) -> None:
    spy = "def noise(n):\n    raise ValueError(Scaler.__call__.__code__.co_code.hex())"
    told = grade(scaler=f"import pandas\n{SOLVED['scaler']}", noise=spy)["noise-is-normal"]
    (reference,) = (c for c in course.find("01_scale").cells if c.id == "scaler")
    scope: dict[str, Any] = {"np": np}
    exec(reference.block.source, scope)
    assert told.actual.startswith("ValueError: ")
    assert scope["Scaler"].__call__.__code__.co_code.hex() not in told.actual


def test_an_exercise_that_is_not_written_is_no_cell_that_cannot_be_loaded(grade: Grade) -> None:
    verdicts = grade(scaler="class Scaler:\n    # YOUR CODE HERE\n    raise NotImplementedError()")
    assert "not graded" not in verdicts["scaler-centres"].actual


@pytest.mark.parametrize(
    "line",
    ["files = !ls", "t = %timeit -o pass", "    \t%time 1", "x = np.eye(2)?"],
)
def test_magics_that_assign_cost_nothing(grade: Grade, line: str) -> None:
    shown = line if not line.startswith(" ") else f"if True:\n{line}"
    assert all(v.passed for v in grade(scaler=f"{SOLVED['scaler']}\n{shown}").values())


@pytest.mark.parametrize("kind", ["markdown", "raw"])
def test_an_answer_that_is_no_code_cell_is_reported_as_that(course: Course, kind: str) -> None:
    cells = [SubmittedCell("x", "", SOLVED["scaler"], kind)]
    found = find_code(cells, make_manifest(course), "01_scale")
    assert found.problems == {"scaler": f"its code is in a {kind} cell"}
    cells.append(SubmittedCell("y", "", SOLVED["scaler"]))
    assert find_code(cells, make_manifest(course), "01_scale").problems == {}


@pytest.mark.parametrize("stage", STAGES)
def test_the_prose_of_a_notebook_is_no_answer(stage: str) -> None:
    course = load_course(ROOT)
    cells = read_cells(ROOT / "notebooks" / f"{stage}.ipynb")
    assert find_code(cells, make_manifest(course), stage).problems == {}


def test_imports_that_the_grader_does_not_have_are_said_beforehand(course: Course) -> None:
    source = f"import matplotlib.pyplot as plt\nimport pandas as pd, scipy.special\n{NOISE}"
    cells = [SubmittedCell("noise", "", f"#| export stats/scale.py\n{source}")]
    answers = find_code(cells, make_manifest(course), "01_scale")
    (finding,) = import_findings("01_scale.ipynb", answers, make_manifest(course))
    assert finding.what == "noise imports pandas, scipy, which the grader does not have"
    assert unknown_imports("from . import x\nimport os, stats, numpy.linalg", "stats") == {}


def test_a_plot_costs_nothing(grade: Grade) -> None:
    plot = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()\nplt.savefig('x.png')"
    assert all(verdict.passed for verdict in grade(scaler=f"{SOLVED['scaler']}\n{plot}").values())


def test_the_libraries_come_with_all_that_they_require() -> None:
    names = {path.name for path in library_paths()}
    assert {"numpy", "matplotlib", "PIL", "pillow.libs", "dateutil"} <= names
    assert not names & {"mugrade", "IPython", "nbgrader", "scipy", "rich"}
    assert all(path.exists() for path in library_paths())
