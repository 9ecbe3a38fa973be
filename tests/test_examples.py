"""The courses in `examples/`: built, and graded with right, unusual and wrong answers."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest

from mugrade.author.build import build_course
from mugrade.author.lint import weak_checks
from mugrade.course.model import Course
from mugrade.course.reading import load_course
from mugrade.grader.grade import Grader
from mugrade.grader.report import write_feedback
from mugrade.grader.results import Result
from mugrade.grader.submissions import Submission
from mugrade.sandbox.limits import Limits
from sample_class.students import Notebook, edit, rewrite, solved
from tests.conftest import ROOT, make_grader, standing_of


@dataclass(frozen=True)
class Case:
    """An answer: edits of the reference, or another source; the checks that it fails, the name."""

    stage: str
    exercise: str
    edits: tuple[tuple[str, str], ...] = ()
    source: str = ""
    fails: set[str] = field(default_factory=set)
    named: str = ""

    def write(self, notebook: Notebook) -> None:
        for old, new in self.edits:
            edit(notebook, self.exercise, old, new)
        if self.source:
            rewrite(notebook, self.exercise, self.source)


def wrong(stage: str, of: str, old: str, new: str, named: str, *fails: str) -> Case:
    return Case(stage, of, ((old, new),), "", set(fails), named)


DISTANCES = "distances-are-shortest"
UPPER = "[(c.upper(), n) for c, n in found]"
RUNS, STAIRS = "runs-of-a-text", "staircase-has-n-steps"
ORDER, CIRCLES = "order-leads-forwards", "order-refuses-circles"
ALGORITHMS = [
    Case(
        "00_sequences",
        "runs",
        source="import itertools\n\ndef runs(text):\n"
        "    return [(c, len(list(same))) for c, same in itertools.groupby(text)]",
    ),
    Case(
        "00_sequences",
        "find",
        source="import bisect\n\nclass Gone(KeyError):\n    pass\n\ndef find(items, wanted):\n"
        "    i = bisect.bisect_right(items, wanted) - 1\n"
        "    if i < 0 or items[i] != wanted:\n        raise Gone\n    return i",
    ),
    Case("00_sequences", "staircase", (('print("#" * width)', 'print("#" * width, "")'),)),
    Case(
        "01_graphs",
        "order",
        source="from graphlib import CycleError, TopologicalSorter\n\ndef order(graph):\n"
        "    before = {node: [a for a in graph if node in graph[a]] for node in graph}\n"
        "    return list(TopologicalSorter(before).static_order())",
    ),
    wrong("00_sequences", "runs", "(character, 1)", "[character, 1]", "a list where a tuple", RUNS),
    wrong("00_sequences", "runs", "+ 1", "+ 2", "", RUNS),
    wrong("00_sequences", "runs", "return found", "return found[::-1]", "is reversed", RUNS),
    wrong("00_sequences", "runs", "return found", "return found[:-1]", "is missing", RUNS),
    wrong("00_sequences", "runs", "return found", f"return {UPPER}", "case", RUNS),
    wrong("00_sequences", "runs", "return found", "return None", "nothing is returned", RUNS),
    wrong("00_sequences", "find", "return low", "return low + 1", "off by one", "find-finds"),
    wrong(
        "00_sequences", "find", "raise Lookup", "raise Value", "another exception", "find-says-no"
    ),
    wrong(
        "00_sequences",
        "find",
        'raise LookupError(f"{wanted} is not there")',
        "return -1",
        "no exception is raised",
        "find-says-no",
    ),
    wrong("00_sequences", "staircase", '"#"', '"x"', "", STAIRS),
    wrong("00_sequences", "staircase", "n + 1", "n", "ends too early", STAIRS),
    wrong("00_sequences", "staircase", "print(", "str(", "nothing is printed", STAIRS),
    wrong(
        "01_graphs",
        "distances",
        "for node in border:\n",
        "while border:\n        node = border.pop()\n",
        "the way of a depth-first search",
        DISTANCES,
    ),
    wrong("01_graphs", "distances", "{start: 0}", "{start: 1}", "off by one", DISTANCES),
    wrong("01_graphs", "order", "return found", "return found[::-1]", "leads backwards", ORDER),
    wrong("01_graphs", "order", "return found", "return sorted(found)", "", ORDER),
    wrong("01_graphs", "order", "raise ValueError", "raise KeyError", "another exception", CIRCLES),
]
FOREIGN = ("numpy", "array", "tensor", "gradient", "matplotlib", "dtype", "shape", "axis")


ROOTS, TABLES = "00_roots", "00_tables"
NUMERICS = [
    Case(
        ROOTS,
        "bisect",
        source="from scipy import optimize\n\ndef bisect(f, low, high, tol=1e-9):\n"
        "    return optimize.brentq(f, low, high, xtol=1e-12)",
    ),
    Case(ROOTS, "draw", (("axes.plot(x, f(x))", 'axes.plot(x, f(x), "r--", lw=3)'),)),
    Case(
        "01_walks",
        "ends",
        source="def ends(walks, n, rng):\n"
        "    return rng.choice([-1, 1], (walks, n)).sum(1).astype('int64')",
    ),
    wrong(
        ROOTS,
        "bisect",
        "(low + high) / 2\n    ###",
        "low + high\n    ###",
        "",
        "bisect-finds-a-root",
    ),
    wrong(ROOTS, "bisect", "raise ValueError", "raise KeyError", "another", "bisect-refuses"),
    wrong(ROOTS, "area", "limit=200)[0]", "limit=200)", "a tuple where", "area-between-curves"),
    wrong(
        ROOTS, "area", "abs(f(x) - g(x))", "f(x) - g(x)", "of the difference", "area-between-curves"
    ),
    wrong(ROOTS, "draw", "101", "100", "", "draw-shows-the-root"),
    wrong(ROOTS, "draw", '"x"', '"X"', "case", "draw-shows-the-root"),
    wrong(ROOTS, "draw", "axes.scatter([root], [0.0])", "pass", "missing", "draw-shows-the-root"),
    wrong("01_walks", "ends", "2 * rng", "rng", "", "ends-follow-the-law", "ends-are-even"),
]
WRANGLING = [
    Case(
        TABLES,
        "table",
        source="def table(rows):\n"
        "    frame = pd.DataFrame(rows, columns=['name', 'day', 'amount'])\n"
        "    frame['name'] = frame['name'].map(clean)\n    frame['day'] = frame['day'].map(day)\n"
        "    frame['amount'] = pd.to_numeric(frame['amount']).astype('float64')\n    return frame",
    ),
    Case(
        TABLES,
        "day",
        source="from datetime import datetime\n\ndef day(text):\n"
        "    form = '%d.%m.%Y' if '.' in text else '%Y-%m-%d'\n"
        "    return datetime.strptime(text.strip(), form).date()",
    ),
    wrong(
        TABLES,
        "clean",
        "word.capitalize()",
        "word.upper()",
        "case",
        "clean-names",
        "table-of-rows",
    ),
    wrong(TABLES, "clean", '" ".join', '"".join', "blanks", "clean-names"),
    wrong(
        TABLES,
        "day",
        "int(part) for part in",
        "part for part in",
        "",
        "day-in-two-forms",
        "table-of-rows",
    ),
    wrong(TABLES, "table", '"amount": pd', '"Amount": pd', "a column is missing", "table-of-rows"),
    wrong(TABLES, "table", '"nan"', '"0"', "", "table-of-rows"),
    wrong(TABLES, "totals", "ascending=False", "ascending=True", "order", "totals-by-name"),
    wrong(
        TABLES,
        "totals",
        '["amount"].sum().sort_values(',
        '[["amount"]].sum().sort_values("amount", ',
        "a DataFrame where",
        "totals-by-name",
    ),
]
HOSTILE = {
    "equal to everything": "class Equal(list):\n    __eq__ = lambda *both: True\n"
    "    __ne__ = lambda *both: False\n\ndef runs(text):\n    return Equal()",
    "a lying class": "class Lying:\n    __class__ = list\n"
    "    __iter__ = lambda self: iter(())\n\n"
    "def runs(text):\n    return Lying()",
    "a dict without end": "class Endless(dict):\n    def values(self):\n        while True:\n"
    "            yield 1\n\ndef runs(text):\n    return Endless(a=1)",
    "a text of another length": "class Odd(str):\n    __len__ = lambda self: 1 << 40\n\n"
    "def runs(text):\n    return [(Odd('a'), 3)]",
    "a list in itself": "def runs(text):\n    found = []\n    found.append(found)\n"
    "    return found",
    "a tensor of tensors": "class Tensor:\n    numpy = lambda self: Tensor()\n\n"
    "def runs(text):\n    return [Tensor()]",
    "a table by its name": "class DataFrame:\n    __module__ = 'pandas'\n"
    "    shape = (0, 1 << 40)\n\n"
    "def runs(text):\n    return DataFrame()",
    "a number without end": "def runs(text):\n    return 1 << (1 << 33)",
    "more than memory": "def runs(text):\n    return [('a', 3)] * (1 << 33)",
    "a judge of its own": "import mugrade.values.compare, mugrade.values.same as same\n"
    "same.first_difference = lambda *both: None\n\ndef runs(text):\n    return []",
    "the end of the process": "import os\n\ndef runs(text):\n    os._exit(0)",
    "frames of its own": "import os\n\ndef runs(text):\n    for fd in range(3, 99):\n        try:\n"
    "            os.write(fd, b'MGR1' + bytes(99))\n        except OSError:\n            pass\n"
    "    return []",
}
NEED = {"algorithms": (), "numerics": ("scipy",), "wrangling": ("pandas",)}


@pytest.fixture(scope="module")
def graders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Grader]]:
    """An example's grader, built when it is first asked for."""
    with ExitStack() as stack:

        @cache
        def grader(name: str) -> Grader:
            folder = tmp_path_factory.mktemp(name)
            return stack.enter_context(contextmanager(built)(name, folder))

        yield grader


def built(name: str, folder: Path) -> Iterator[Grader]:
    """The example, built, ready to grade."""
    shutil.copytree(ROOT / "examples" / name, folder, dirs_exist_ok=True)
    course = load_course(folder)
    build_course(course)
    stages = [stage.name for stage in course.stages]
    with closing(make_grader(course, stages, Limits(check=5.0), secret=b"a term")) as grader:
        yield grader


def graded(grader: Grader, folder: Path, case: Case) -> Result:
    course = grader.key.course
    notebook = solved(course, course.find(case.stage))
    case.write(notebook)
    path = folder / f"{case.stage}.ipynb"
    path.write_text(json.dumps(notebook), encoding="utf-8")
    return grader.grade(Submission("ada", case.stage, path), {})


@pytest.mark.parametrize(
    ("name", "case"),
    [
        (name, case)
        for name, cases in (
            ("algorithms", ALGORITHMS),
            ("numerics", NUMERICS),
            ("wrangling", WRANGLING),
        )
        for case in cases
    ],
    ids=lambda value: value if isinstance(value, str) else f"{value.exercise}-{value.named}",
)
def test_answers_to_an_example(
    graders: Callable[[str], Grader], tmp_path: Path, name: str, case: Case
) -> None:
    """All that has to be said of plain Python is said in its own words."""
    for library in NEED[name]:
        pytest.importorskip(library)
    result = graded(graders(name), tmp_path, case)
    assert {g.check.id for g in result.grades if not g.verdict.passed} == case.fails
    named = [g.verdict.diagnosis.name for g in result.grades if g.verdict.diagnosis]
    assert not case.named or any(case.named in name for name in named)
    page = tmp_path / "page.html"
    write_feedback(page, standing_of(result), "a title")
    said = [page.read_text("utf-8").partition("<body>")[2], *(g.message for g in result.grades)]
    foreign = [word for word in FOREIGN if word in str(said).lower()]
    assert not foreign or name != "algorithms"


@pytest.mark.parametrize("name", NEED)
def test_nothing_of_an_example_can_be_guessed(graders: Callable[[str], Grader], name: str) -> None:
    for library in NEED[name]:
        pytest.importorskip(library)
    course: Course = graders(name).key.course
    assert list(weak_checks(course)) == []
    assert {stage.points for stage in course.stages} == {100}


@pytest.mark.parametrize("source", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_answer_costs_itself(
    graders: Callable[[str], Grader], tmp_path: Path, source: str
) -> None:
    case = Case("00_sequences", "runs", source=source)
    result = graded(graders("algorithms"), tmp_path, case)
    assert result.status == "graded"
    assert {g.check.id for g in result.grades if not g.verdict.passed} == {RUNS}
