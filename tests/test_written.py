"""Written answers and bonus points: what a student writes is kept, shown, and graded by hand."""

import csv
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mugrade.author.build import build_course, nbgrader_root
from mugrade.author.forgotten import forgotten
from mugrade.author.handout import solutions
from mugrade.course.cells import Role
from mugrade.course.listing import make_manifest
from mugrade.course.manifest import CheckEntry
from mugrade.course.model import Course
from mugrade.course.notebooks import release, source_notebook
from mugrade.course.reading import load_course
from mugrade.course.written import PLACE, find_written, handed_out, own_words, question
from mugrade.errors import CourseError
from mugrade.grader.grade import Grader
from mugrade.grader.outputs.autograded import autograded_notebook
from mugrade.grader.report import write_feedback
from mugrade.grader.results import Result
from mugrade.grader.submissions import Submission
from mugrade.package.ipynb import SubmittedCell
from tests.asked import LAST, MODEL, MORE, QUESTION, SCHEME, WHY, write_asking
from tests.conftest import make_grader, standing_of
from tests.test_grade import LIMITS, hand_in

STAGE = "01_scale"
HANDED_OUT = f"{QUESTION}\n\n{PLACE}"


@pytest.fixture(scope="session")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Course:
    """The course with questions, built; not to be changed."""
    course = load_course(write_asking(tmp_path_factory.mktemp("asked")))
    build_course(course)
    return course


@pytest.fixture(scope="module")
def grader(asked: Course) -> Grader:
    return make_grader(asked, [STAGE], LIMITS)


def cells_of(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(path.read_text())["cells"]
    return found


def write_answers(path: Path, **answers: str) -> None:
    """Write below the questions of a notebook; `_` in a name for `-`."""
    data = json.loads(path.read_text())
    for cell in data["cells"]:
        if (text := answers.get(cell["id"].replace("-", "_"))) is not None:
            cell["source"] = "".join(cell["source"]).replace(PLACE, text)
    path.write_text(json.dumps(data))


# the script


def test_what_students_get_holds_no_model_answer_and_no_mark_scheme(asked: Course) -> None:
    notebooks = asked.root / "notebooks"
    cell = next(c for c in cells_of(notebooks / f"{STAGE}.ipynb") if c["id"] == "why-scale")
    assert "".join(cell["source"]) == HANDED_OUT
    assert cell["metadata"]["nbgrader"]["points"] == 4
    for path in notebooks.rglob("*.*"):
        for hidden in (MODEL, SCHEME, "Fish and maps", "Whatever is true", "MARK SCHEME"):
            assert hidden not in path.read_text("utf-8"), path


def test_a_question_without_points_is_prose_to_nbgrader(asked: Course) -> None:
    stage = asked.find(STAGE)
    for notebook in (source_notebook(stage), release(source_notebook(stage))):
        of = {cell.id: cell for cell in notebook.cells}
        assert "nbgrader" not in of["muse"].metadata and PLACE in of["muse"].source
        said = of["why-scale"].metadata.nbgrader
        assert (said.grade, said.solution, said.locked, said.task) == (True, True, False, False)


def test_the_instructors_notebook_has_answer_and_scheme(asked: Course) -> None:
    path = nbgrader_root(asked) / "source" / STAGE / f"{STAGE}.ipynb"
    cell = next(c for c in cells_of(path) if c["id"] == "why-scale")
    source = "".join(cell["source"])
    assert source.index("BEGIN SOLUTION") < source.index(MODEL) < source.index(SCHEME)
    assert source.index(SCHEME) < source.index("END SOLUTION")


def test_a_bonus_and_a_question_do_not_count_among_the_points(asked: Course) -> None:
    assert asked.find(STAGE).points == 3 + 5 + 4
    manifest = make_manifest(asked)
    assert {e.id: (e.max_points, e.points) for e in manifest.written} == {
        "why-scale": (4, 4),
        "muse": (0, 0),
        "essay": (0, 3),
    }
    assert manifest.check["noise-again"].optional and not manifest.check["noise-is-normal"].optional


def test_answers_that_are_out_are_out_in_words_too(asked: Course) -> None:
    found = {s.id: s.source for s in solutions(asked, [asked.find(STAGE)])}
    assert found["why-scale"] == MODEL and found["muse"] == "Fish and maps."


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        (' id="why-scale"', "", 2, 'cell without an id: write # %% id="..."'),
        ("points=4", "points=-1", 2, "answer why-scale has -1 points: 0 or more"),
        ("# ### BEGIN SOLUTION\n", "", 2, "answer why-scale has no ### BEGIN SOLUTION"),
        ("# ### END MARK SCHEME\n", "", 9, "### END MARK SCHEME of why-scale do not pair up"),
        ("[markdown] id", "id", 2, "an answer is text: write # %% [markdown] above it"),
        ('role="answer" points=4', 'role="optional"', 2, "no points, so there is no bonus"),
        (' role="answer" points=4', "", 9, "mark scheme in why-scale, which is no answer"),
        ("points=4", 'points=4 export="stats/why.py"', 2, "export on why-scale"),
    ],
)
def test_what_an_author_does_wrong_is_one_sentence(
    tmp_path: Path, old: str, new: str, line: int, said: str
) -> None:
    assert old in WHY
    root = write_asking(tmp_path, WHY.replace(old, new))
    head, last, _ = (root / "solutions" / f"{STAGE}.py").read_text().partition(LAST)
    before = (head + last).count("\n")
    with pytest.raises(CourseError) as caught:
        load_course(root)
    lines = str(caught.value).splitlines()
    assert any(s.startswith(f"{STAGE}.py:{before + line}: ") and said in s for s in lines), lines


def test_points_without_a_scheme_are_named(tmp_path: Path) -> None:
    more = re.sub(r"# ### BEGIN MARK.*END MARK SCHEME\n", "", WHY, flags=re.DOTALL)
    (said,) = (s for s in forgotten(load_course(write_asking(tmp_path, more))) if "why-scale" in s)
    assert "nothing says what its points are for" in said


# what is found of it

ENTRY = CheckEntry("why-scale", STAGE, 4, "why-scale", HANDED_OUT)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
WORDS = TEXTS.map(str.strip).filter(lambda t: t and PLACE not in t and not t.startswith(QUESTION))


@given(
    WORDS, st.sampled_from(["{q}\n\n{t}", "{q}\n\n{p}\n{t}", "{q}\n{t}\n\n{p}", "{t}", "{p} {t}"])
)
def test_what_is_written_is_found_whatever_is_left_of_the_question(text: str, form: str) -> None:
    assert own_words(form.format(q=QUESTION, p=PLACE, t=text), HANDED_OUT) == text


@given(st.sampled_from(["{q}\n\n{p}", "{q}", "{p}", "", " \n ", "{q} {p}\n\n"]))
def test_what_was_handed_out_is_no_answer(form: str) -> None:
    assert own_words(form.format(q=QUESTION, p=PLACE), HANDED_OUT) == ""


PLACES = st.sampled_from([("why-scale", ""), ("x", "why-scale"), ("", "why-scale"), ("y", "")])
KINDS = st.sampled_from(["markdown", "raw", "code"])


@given(st.lists(st.tuples(PLACES, KINDS, WORDS), min_size=1, max_size=4))
def test_no_copy_and_no_piece_is_lost(cells: list[tuple[tuple[str, str], str, str]]) -> None:
    found = find_written(
        (SubmittedCell(*ids, f"{QUESTION}\n\n{text}", kind) for ids, kind, text in cells), [ENTRY]
    )
    known = [text for ids, _, text in cells if ids != ("y", "")]
    others = [text for ids, kind, text in cells if ids == ("y", "") and kind != "code"]
    assert all(text in found["why-scale"] for text in known or others)


# grading


def grade(grader: Grader, path: Path) -> Result:
    return grader.grade(Submission("ada", STAGE, path), {})


def test_an_answer_waits_and_an_empty_one_does_not(
    asked: Course, grader: Grader, tmp_path: Path
) -> None:
    path = hand_in(asked, tmp_path)
    found = {g.check.id: g.verdict for g in grade(grader, path).grades}
    assert found.keys() == {
        *("scaler-centres", "noise-is-normal", "noise-again", "why-scale", "essay")
    }
    assert {id for id, v in found.items() if v.category == "unsolved"} == {"why-scale", "essay"}
    write_answers(path, why_scale="Because.", muse="Fish.")
    result = grade(grader, path)
    (waits,) = (g for g in result.grades if g.verdict.category == "written")
    assert (waits.check.id, waits.message, waits.points) == ("why-scale", "Because.", 0)
    assert (result.points, result.max_points) == (3 + 5 + 2, 3 + 5 + 4)
    assert standing_of(result).look == ["why-scale waits for a teacher"]
    assert standing_of(result).final.bonus == 2


BREAKS: dict[str, Any] = {
    "twice": lambda cells, cell: cells.append({**cell, "source": "And so on."}),
    "missing": lambda cells, cell: cells.remove(cell),
    "code": lambda cells, cell: cell.update(cell_type="code", outputs=[], execution_count=None),
    "raw": lambda cells, cell: cell.update(cell_type="raw"),
    "long": lambda cells, cell: cell.update(source="`" * 5 + "a\n" * (1 << 19)),
    "html": lambda cells, cell: cell.update(
        source="<script>alert(1)</script><img src=x onerror=y>"
    ),
    "no source": lambda cells, cell: cell.update(source=None),
    "no metadata": lambda cells, cell: (cell.pop("metadata"), cell.pop("id")),
    "surrogates": lambda cells, cell: cell.update(source="\ud800 \x1b[31m \u2063"),
}


@pytest.mark.parametrize("name", BREAKS)
def test_a_broken_answer_is_one_row(
    asked: Course, grader: Grader, tmp_path: Path, name: str
) -> None:
    path = hand_in(asked, tmp_path)
    write_answers(path, why_scale="Because.")
    data = json.loads(path.read_text())
    cell = next(c for c in data["cells"] if c["id"] == "why-scale")
    BREAKS[name](data["cells"], cell)
    path.write_text(json.dumps(data))
    result = grade(grader, path)
    (row,) = (g for g in result.grades if g.check.id == "why-scale")
    assert (result.status, result.points, row.points) == ("graded", 10, 0)
    unanswered = name in ("missing", "no source")
    assert row.verdict.category == ("unsolved" if unanswered else "written")
    if name in ("twice", "code", "raw", "no metadata"):
        assert row.message.startswith("Because.")
    page = shown_page(result, tmp_path)
    assert "<script>" not in page and "<img" not in page and "\x1b" not in page
    assert len(page) < 200_000
    notebook = autograded_notebook(released(asked), standing_of(result), path.read_bytes())
    nbformat.validate(nbformat.from_dict(notebook))
    graded = [c["id"] for c in notebook["cells"] if c["metadata"].get("nbgrader", {}).get("grade")]
    assert sorted(graded) == sorted(g.check.id for g in result.grades)


def released(course: Course) -> dict[str, Any]:
    found: dict[str, Any] = release(source_notebook(course.find(STAGE)))
    return found


def shown_page(result: Result, folder: Path) -> str:
    write_feedback(folder / "page.html", standing_of(result), "Scale")
    return (folder / "page.html").read_text("utf-8")


MARKUP = st.lists(
    st.sampled_from(["<script>", "</blockquote>", "<img src=x onerror=alert(1)>", "```", "`", "\n"])
    | st.sampled_from(["[a](javascript:alert(1))", "&lt;", "{{ 7 * 7 }}", "-->", "\\<b>", "~~~"])
    | TEXTS,
    min_size=1,
).map(" ".join)
MARKUP = MARKUP.map(str.strip).filter(bool)


@given(text=MARKUP)
def test_no_answer_becomes_markup(
    asked: Course, tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    from nbconvert.exporters import HTMLExporter

    from mugrade.grader.by_hand import written_grades

    (entry, *_) = make_manifest(asked).answers(STAGE)
    grades = list(written_grades([entry], {entry.id: text}))
    result = Result(Submission("ada", STAGE, None), "graded", "", grades)  # type: ignore[arg-type]
    page = shown_page(result, tmp_path_factory.mktemp("page"))
    body = page.partition("<blockquote>")[2].partition("</blockquote>")[0]
    assert page.count("<blockquote>") == 1 and "<" not in body
    notebook = autograded_notebook(released(asked), standing_of(result), None, {entry.id: SCHEME})
    cells = [c for c in notebook["cells"] if c["id"] == entry.id]
    html, _ = HTMLExporter(template_name="basic").from_notebook_node(
        nbformat.from_dict({**notebook, "cells": cells})
    )
    inner = html.partition("<pre>")[2].partition("</pre>")[0]
    assert html.count("<pre>") == 1 and not re.search(r"<(?!/?(code|span)\b)", inner)
    outer = html.replace(inner, "")
    assert "script" not in outer and "onerror" not in outer and "javascript" not in outer


def test_the_mark_scheme_is_for_the_formgrader_alone(
    asked: Course, grader: Grader, tmp_path: Path
) -> None:
    path = hand_in(asked, tmp_path)
    write_answers(path, why_scale="Because.")
    standing = standing_of(grade(grader, path))
    notebook = autograded_notebook(
        released(asked), standing, path.read_bytes(), {"why-scale": SCHEME}
    )
    ids = [cell["id"] for cell in notebook["cells"]]
    assert ids.index("why-scale") == ids.index("why-scale-rubric") + 1
    assert SCHEME in notebook["cells"][ids.index("why-scale-rubric")]["source"]
    assert SCHEME not in shown_page(grade(grader, path), tmp_path)


def columns(path: Path, *names: str) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return [[row[name] for name in names] for row in csv.DictReader(file)]


def roles(course: Course) -> Sequence[str]:
    return [cell.role for cell in course.find(STAGE).cells]


def test_the_script_says_optional_and_means_a_check_or_an_answer(asked: Course) -> None:
    assert Role.OPTIONAL not in roles(asked) and roles(asked).count(Role.ANSWER) == 3
    assert question(handed_out(next(asked.find(STAGE).role(Role.ANSWER)))) == QUESTION
    assert MORE.count('role="optional"') == 2
