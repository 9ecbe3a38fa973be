"""A course that has nothing to do with tensors is told nothing of them; it needs no extras."""

import ast
import io
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

import mugrade
from mugrade.author.build import build_course
from mugrade.author.forgotten import forgotten
from mugrade.cli import app
from mugrade.course.model import Course
from mugrade.course.reading import load_course
from mugrade.grader.plan import Order
from mugrade.grader.run import grade_class
from mugrade.sandbox.limits import Limits
from mugrade.student.progress import take_stage
from mugrade.student.workspace import Workspace
from mugrade.values.diagnosis.exceptions import NO_GRADIENT, RULES
from tests.test_grade import hand_in

FOREIGN = re.compile(
    r"tensor|needle|gradient|\bgrad\b|\bfans?\b|\bgain\b|\btrain\b|eval mode|mnist|got shapes"
    r"|without a graph|still in memory",
    re.IGNORECASE,
)
STAGE = '''\
# %% [markdown] id="title-00"
# # 00 Totals

# %% id="setup-00" role="given"
# %load_ext mugrade
import numpy as np

import sums
from mugrade import check, distribution, rng

# %% id="totals-imports" role="given" export="sums/totals.py"
"""Totals."""

import numpy as np

# %% id="total" role="solution" export="sums/totals.py"
def total(x: np.ndarray) -> np.ndarray:
    """The sums of the columns."""
    ### BEGIN SOLUTION
    return x.sum(axis=0)
    ### END SOLUTION

# %% id="index-totals" role="index" export="sums/__init__.py"
from sums.totals import total

# %% id="total-of-two" role="check" points=2
@check
def total_of_two():
    """Every column has a sum."""
    yield total(np.array([[1.0, 2.0, 6.0], [3.0, 5.0, 9.0]]))

# %% id="total-of-noise" role="check" points=2
@check
def total_of_noise():
    """Sums of noise are noise."""
    yield distribution(total(rng.standard_normal((4, 4000))))
'''
SETTINGS = 'title = "Sums"\npackage = "sums"\nlibraries = ["numpy"]\n[points]\n00 = 4\n'
BODIES = {
    "right": "return x.sum(axis=0)",
    "unwritten": "raise NotImplementedError()",
    "nothing": "x.sum(axis=0)",
    "list": "return list(x.sum(axis=0))",
    "text": "return 'sum'",
    "shape": "return x.sum(axis=1)",
    "scalar": "return x.sum()",
    "dtype": "return x.sum(axis=0).astype('float32')",
    "twice": "return 2 * x.sum(axis=0)",
    "shifted": "return x.sum(axis=0) + 1",
    "swapped": "return x.sum(axis=0)[::-1]",
    "nan": "return x.sum(axis=0) * np.nan",
    "spread": "return x.sum(axis=0) * 1.4142135",
    "wide": "return x.sum(axis=0) * 3",
    "same": "return np.zeros_like(x[0])",
    "broadcast": "return np.ones((2, 3)) + np.ones(2)",
    "matmul": "return np.ones((2, 3)) @ np.ones((2, 3))",
    "none": "return None + 1",
    "reshape": "return x.reshape(7)",
    "axis": "return x.sum(axis=5)",
    "index": "return x[99]",
    "attribute": "return x.requires_grad",
    "name": "return undefined",
    "call": "return x.sum(1, 2, 3, 4, 5, 6, 7, 8, 9)",
    "recursion": "return total(x)",
    "memory": "raise MemoryError('too much')",
    "file": "return open('/nowhere')",
    "death": "import os; os._exit(3)",
    "flood": "while True: print('x' * 65536)",
    "hang": "while True: pass",
    "syntax": "return (",
}


@pytest.fixture(scope="module")
def sums(tmp_path_factory: pytest.TempPathFactory) -> Course:
    """A course without mistakes, hints or hidden parts, built."""
    root = tmp_path_factory.mktemp("sums")
    (root / "solutions").mkdir()
    (root / "solutions" / "00_totals.py").write_text(STAGE)
    (root / "solutions" / "course.toml").write_text(SETTINGS)
    course = load_course(root)
    build_course(course)
    return course


def cell(body: str) -> str:
    return f"def total(x):\n    {body}"


def texts(folder: Path) -> Iterator[tuple[str, str]]:
    """All text files below a folder, without the keys of JSON and what HTML does not show."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix in {".ipynb", ".json", ".html", ".csv", ".py", ".log"}:
            text = path.read_text(encoding="utf-8", errors="replace")
            yield path.name, re.sub(r"<(style|script)\b.*?</\1>", "", text, flags=re.DOTALL)


def foreign(told: Iterator[tuple[str, str]]) -> list[tuple[str, str]]:
    """Where a word stands that is not of this course: what is around it."""
    return [
        (name, text[max(0, match.start() - 60) : match.end() + 40])
        for name, text in told
        for match in FOREIGN.finditer(text.replace("requires_grad", ""))  # of an answer
    ]


def test_nothing_is_taken_for_forgotten(sums: Course) -> None:
    assert not [line for line in forgotten(sums) if "hint" in line]


def test_it_is_built_of_its_own_words(sums: Course) -> None:
    assert foreign(texts(sums.root)) == []


def test_a_class_is_graded_in_its_own_words(sums: Course, tmp_path: Path, in_process: None) -> None:
    for name, body in BODIES.items():
        path = hand_in(sums, tmp_path / "class" / name, "00_totals")
        write(path, cell(body))
    out, screen = tmp_path / "out", io.StringIO()
    order = Order(
        sums, tmp_path / "class", out, Limits(load=20, check=1, total=10), accept_weak=True
    )
    assert grade_class(order, Console(file=screen, width=300))
    told = [*texts(out), ("screen", screen.getvalue())]
    assert foreign(iter(told)) == []
    assert len([name for name, _ in told if name.endswith(".html")]) >= len(BODIES)
    assert not [name for name, text in told if "mugrade hint" in text and name.endswith(".html")]


def write(path: Path, source: str) -> None:
    notebook = json.loads(path.read_text("utf-8"))
    for found in notebook["cells"]:
        if found["id"] == "total":
            found["source"] = f"#| export sums/totals.py\n{source}"
    path.write_text(json.dumps(notebook))


def test_a_student_is_told_nothing_of_hints_where_there_are_none(
    sums: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "notebooks"
    shutil.copytree(sums.root / "notebooks", folder)
    take_stage(Workspace.find(folder), "00_totals", sums.root)
    monkeypatch.chdir(folder)
    passed = CliRunner().invoke(app, ["check"])
    assert passed.exit_code == 0
    module = folder / "sums" / "totals.py"
    module.write_text(module.read_text().replace("axis=0", "axis=1"))
    failed = CliRunner().invoke(app, ["check"], env={"COLUMNS": "100"})
    assert failed.exit_code == 1 and "expected" in failed.output
    assert "hint" not in passed.output + failed.output
    outcome = CliRunner().invoke(app, ["hint", "total"])
    assert (outcome.exit_code, outcome.output) == (1, "this course has no hints\n")


def test_no_message_of_mugrade_has_such_a_word() -> None:
    """Of the rooms that speak to students; a check that yields `x.grad` differentiates."""
    known = {NO_GRADIENT.name, NO_GRADIENT.why, NO_GRADIENT.advice, "grad", "gradient"}
    found = []
    for room in ("values", "view", "student", "sandbox", "cli", "grader"):
        for path in (Path(mugrade.__file__).parent / room).rglob("*.py"):
            for text in said(ast.parse(path.read_text("utf-8"))):
                if text not in known and FOREIGN.search(text):
                    found.append((path.name, text))
    assert found == []
    assert not [rule for rule in RULES if FOREIGN.search(" ".join(rule))]


def said(tree: ast.Module) -> Iterator[str]:
    """The texts in a module that are no docstrings."""
    kinds = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    bodies = [node.body[0] for node in ast.walk(tree) if isinstance(node, kinds) and node.body]
    docstrings = {id(first.value) for first in bodies if isinstance(first, ast.Expr)}
    for node in ast.walk(tree):
        text = node.value if isinstance(node, ast.Constant) else None
        if isinstance(text, str) and id(node) not in docstrings:
            yield text
