"""What a check's outcome looks like: as text, as HTML, in a terminal, as JSON, and as a picture."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from rich.console import Console

from mugrade.course.manifest import CheckEntry
from mugrade.values import Category
from mugrade.values.answers import Answer
from mugrade.values.close import Close
from mugrade.values.compare import judge
from mugrade.values.masks import LISTED, SMALLEST, picture_of, where
from mugrade.values.observe import Observed
from mugrade.values.picture import COLUMNS, RIGHT, ROWS, SOME, WRONG, Picture
from mugrade.values.verdict import Diagnosis, Verdict
from mugrade.view.formula import readable
from mugrade.view.report import MEANING, Report

HOSTILE = (
    "<script>alert(1)</script>\x1b[2J\u202e\" onload='x' {{ 7 * 7 }} $\\href{javascript:1}{x}$"
)
TEXTS = st.text(max_size=300) | st.just(HOSTILE)
MASKS = hnp.arrays(bool, hnp.array_shapes(min_dims=1, max_dims=4, max_side=7))
VOID = {"path", "rect"}


class Tree(HTMLParser):
    """The elements of a page, and its text; fails where tags do not pair up."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.open += [] if tag in VOID else [tag]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data if self.open[-1:] != ["style"] else ""

    def attributes(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def report(verdict: Verdict, why: str = "a docstring") -> Report:
    return Report(CheckEntry("a-check", "00_stage", 3, "an-exercise", why), verdict)


def in_terminal(shown: Any, width: int = 100) -> str:
    console = Console(width=width, color_system=None, force_terminal=False)
    with console.capture() as capture:
        console.print(shown)
    return capture.get()


def wrong_array(hidden: bool = False) -> Verdict:
    expected = np.arange(40.0).reshape(8, 5)
    actual = expected.copy()
    actual[:, 3] += 0.5
    answer = Answer(Close(), expected, "" if hidden else "f(x)", hidden)
    return judge([Observed("array", actual)], [answer])


verdicts = st.builds(
    Verdict,
    st.sampled_from(sorted(MEANING)),
    TEXTS,
    TEXTS,
    TEXTS,
    TEXTS,
    st.booleans(),
    st.none() | st.builds(Diagnosis, TEXTS, TEXTS, TEXTS),
    MASKS.map(picture_of),
)


def test_every_category_has_its_words() -> None:
    assert MEANING.keys() == set(Category)


@given(verdicts, TEXTS)
def test_every_form_is_safe_and_says_the_same(verdict: Verdict, why: str) -> None:
    found = report(verdict, why)
    lines = found.text.split("\n")
    assert len(lines) <= 8 and all(line.isprintable() and len(line) <= 120 for line in lines)
    tree = Tree(found.panel())
    assert {tag for tag, _ in tree.tags} <= {
        *("section", "style", "p", "span", "code", "dl", "dt", "dd"),
        *("svg", "title", "rect", "path", "small"),
    }
    assert {name for _, attributes in tree.tags for name in attributes} <= {
        *("class", "role", "aria-label", "aria-hidden", "width", "height", "viewbox", "d"),
    }
    for key, text in found.rows.items():
        assert key in tree.text and text in tree.text
        assert key in in_terminal(found)
    assert json.loads(json.dumps(found.to_json()))["passed"] == verdict.passed


@given(verdicts)
def test_hidden_inputs_are_shown_in_no_form(verdict: Verdict) -> None:
    secret = Verdict(
        verdict.category,
        "SECRET",
        "SECRET",
        "SECRET",
        "look",
        True,
        None,
        Picture("SECRET", ("x",)),
    )
    found = report(secret)
    forms = [found.text, found.panel(), in_terminal(found), json.dumps(found.to_json())]
    assert not any("SECRET" in form for form in forms)
    assert found.picture is None and "<svg" not in found.panel()


def test_a_hidden_miss_has_no_picture() -> None:
    assert wrong_array().picture is not None
    assert wrong_array(hidden=True).picture is None


def test_the_panel_is_read_aloud() -> None:
    tree = Tree(report(wrong_array()).panel())
    (section,) = tree.attributes("section")
    assert section["role"] == "group"
    assert section["aria-label"] == "Check a_check: not passed, 0 of 3 points"
    (svg,) = tree.attributes("svg")
    assert svg["role"] == "img"
    assert svg["aria-label"] == "8 of 40 entries differ, all in column 3"
    assert "not passed" in tree.text and "0 of 3 points" in tree.text
    passed = Tree(report(Verdict("pass")).panel())
    assert passed.attributes("section")[0]["aria-label"] == "Check a_check: passed, 3 of 3 points"
    assert "passed" in passed.text and "not passed" not in passed.text


def test_that_visible_inputs_pass_is_called_that() -> None:
    found = replace(report(Verdict("pass")), visible_only=True)
    said = "all visible inputs pass; the grader tries others"
    assert Tree(found.panel()).attributes("section")[0]["aria-label"].endswith(f"passed, {said}")
    assert found.text == f"a_check   {said}" and said in in_terminal(found)
    assert replace(report(wrong_array()), visible_only=True).score == "0 of 3 points"


def test_the_text_says_where_too() -> None:
    text = report(wrong_array()).text
    assert "  you       3.5 at [0, 3] (8 of 40 entries differ, all in column 3)" in text


def test_the_terminal_draws_the_picture() -> None:
    text = in_terminal(report(wrong_array()))
    assert text.count("...x.") == 8 and "x differs, . right" in text
    assert "✗ not passed  a_check  0 of 3 points" in text
    assert "✓ passed  a_check  3 of 3 points" in in_terminal(report(Verdict("pass")))


def test_json_for_tools() -> None:
    data = json.loads(json.dumps(report(wrong_array()).to_json()))
    assert data["picture"] == {
        "words": "8 of 40 entries differ, all in column 3",
        "rows": ["...x."] * 8,
    }
    assert (data["check"], data["points"], data["max_points"]) == ("a-check", 0, 3)
    assert data["you"].startswith("3.5 at [0, 3]") and data["hint"] == "mugrade hint an-exercise"


# formulas


@pytest.mark.parametrize(
    ("tex", "typed"),
    [
        (r"divide by $\sqrt{n}$", "divide by sqrt(n)"),
        (r"$\frac{1}{n} \sum_i x_i$", "1 / n sum_i x_i"),
        (r"$e^{z - \max z}$", "e^(z - max z)"),
        (r"$\frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}}$", "(x - mu) / sqrt(sigma^2 + epsilon)"),
        (r"$\beta_1 \cdot u$ and $1 \le i$", "beta_1 * u and 1 <= i"),
        ("it costs $3", "it costs $3"),
        ("no formula", "no formula"),
    ],
)
def test_formulas_are_readable_as_text(tex: str, typed: str) -> None:
    assert readable(tex) == typed


@given(st.text(r"\{}^_$ab1 ", max_size=30))
def test_nothing_of_tex_is_left(tex: str) -> None:
    assert not set(readable(f"${tex.replace('$', '')}x$")) & set("\\{}$")


def test_formulas_stay_for_the_notebook_and_are_typed_elsewhere() -> None:
    found = report(Verdict("value", "$x$", "2"), r"divide by $\sqrt{n}$")
    assert r"<dd>divide by $\sqrt{n}$</dd>" in found.panel()
    assert "<dd>divide by sqrt(n)</dd>" in found.panel(notebook=False)
    assert "why       divide by sqrt(n)" in found.text
    assert "<code>$x$</code>" in found.panel()  # MathJax leaves code alone


# pictures


def indices(words: str, axis: str) -> set[int]:
    """The indices that the words name along an axis: `in column 3`, `in rows 2 to 5`."""
    found = re.search(rf"{axis} ((?:\d+, )*\d+(?: and \d+| to \d+)?)", words)
    assert found, words
    numbers = [int(n) for n in re.findall(r"\d+", found.group(1))]
    return set(range(numbers[0], numbers[1] + 1)) if " to " in found.group(1) else set(numbers)


@given(MASKS)
def test_words_are_true_of_the_array(wrong: np.ndarray) -> None:
    words = where(wrong)
    assert words.startswith(f"{wrong.sum()} of {wrong.size} entries differ")
    at = np.argwhere(wrong)
    if wrong.sum() < 2 or ", all" not in words:
        return
    if "diagonal" in words:
        assert all(len(set(index)) == 1 for index in at.tolist())
        return
    for axis in range(wrong.ndim):
        name = ("rows?", "columns?")[axis] if wrong.ndim == 2 else r"(?:at index|at indices)"
        named = re.search(name, words) and (wrong.ndim < 3 or f"axis {axis}" in words)
        if named:
            real, told = set(at[:, axis].tolist()), indices(words, name)
            assert real <= told and {min(real), max(real)} <= told
            assert told == real or len(real) > LISTED
            assert len(told) < wrong.shape[axis]


@given(st.integers(2, 9), st.integers(2, 9), st.data())
def test_a_wrong_column_or_row_is_named(rows: int, columns: int, data: st.DataObject) -> None:
    wrong = np.zeros((rows, columns), bool)
    column, row = data.draw(st.integers(0, columns - 1)), data.draw(st.integers(0, rows - 1))
    wrong[:, column] = True
    assert where(wrong).endswith(f"differ, all in column {column}")
    assert where(wrong.T).endswith(f"differ, all in row {column}")
    wrong[:] = False
    wrong[row, :] = True
    assert where(wrong).endswith(f"differ, all in row {row}")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (np.eye(4, dtype=bool), "4 of 16 entries differ, all on the diagonal"),
        (np.ones((4, 4), bool), "16 of 16 entries differ"),
        (~np.eye(3, dtype=bool), "6 of 9 entries differ"),
        (np.arange(9) % 2 == 1, "4 of 9 entries differ, all at indices 1, 3, 5 and 7"),
        (np.arange(9) > 4, "4 of 9 entries differ, all at indices 5 to 8"),
        (np.arange(12) % 2 == 0, "6 of 12 entries differ, all at indices 0 to 10"),
        (np.add.outer(np.zeros((2, 3)), np.arange(4)) == 1, "6 of 24 entries differ, "
         "all at index 1 of axis 2"),
        (np.array([[0, 1, 1], [0, 0, 0], [0, 0, 0]], bool), "2 of 9 entries differ, "
         "all in row 0 and in columns 1 and 2"),
        (np.zeros((), bool) == 0, "1 of 1 entries differ"),
    ],
)  # fmt: skip
def test_words(wrong: np.ndarray, words: str) -> None:
    assert where(wrong) == words


@given(MASKS)
def test_a_small_picture_is_the_mask_itself(wrong: np.ndarray) -> None:
    picture = picture_of(wrong)
    worth_it = wrong.size >= SMALLEST and wrong.any() and not wrong.all()
    assert (picture is not None) == worth_it
    table = wrong.reshape(-1, wrong.shape[-1])
    if picture is None or len(table) > ROWS:
        return
    assert picture.words == where(wrong)
    drawn = np.array([list(row) for row in picture.rows])
    assert set(picture.legend) == {WRONG, RIGHT}
    np.testing.assert_array_equal(drawn == WRONG, table)
    assert picture.path(WRONG).count("M") == wrong.sum()


@given(st.integers(1, 300), st.integers(1, 300), st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_a_large_picture_stays_small_and_true(m: int, n: int, seed: int, share: float) -> None:
    wrong = np.random.default_rng(seed).random((m, n)) < share
    picture = picture_of(wrong)
    if picture is None:
        return
    assert len(picture.rows) == min(m, ROWS) and len(picture.rows[0]) == min(n, COLUMNS)
    row_edges = np.linspace(0, m, len(picture.rows) + 1).astype(int)
    column_edges = np.linspace(0, n, len(picture.rows[0]) + 1).astype(int)
    for i, row in enumerate(picture.rows):
        for j, mark in enumerate(row):
            part = wrong[row_edges[i] : row_edges[i + 1], column_edges[j] : column_edges[j + 1]]
            assert mark == (WRONG if part.all() else SOME if part.any() else RIGHT)
    assert ("a mark stands for" in picture.note) == (m > ROWS or n > COLUMNS)
