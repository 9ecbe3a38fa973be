"""Points that a teacher gives, and bonus points: one figure in every table, page and gradebook."""

import contextlib
import csv
import json
import re
import shutil
import tempfile
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from typer.testing import CliRunner

from mugrade.author.build import build_course, nbgrader_root
from mugrade.cli import app
from mugrade.course.listing import make_manifest
from mugrade.course.model import Course
from mugrade.course.nbgrader import CONFIG
from mugrade.course.reading import load_course
from mugrade.grader.attempts import Basis
from mugrade.grader.by_hand import written_grades
from mugrade.grader.outputs.scores import Scores
from mugrade.grader.outputs.surroundings import write_course as write_surroundings
from mugrade.grader.report import class_table, todo_table
from mugrade.grader.results import Grade, PackedNotebook, Result
from mugrade.grader.store import Store
from mugrade.grader.submissions import Submission
from mugrade.values.verdict import Verdict
from tests.asked import MODEL, SCHEME, write_asking
from tests.test_final import DEADLINE, STAGE, STUDENT, Term
from tests.test_grade import hand_in
from tests.test_nbgrader import nbgrader
from tests.test_written import write_answers

MOST = {"scaler-centres": 3, "noise-is-normal": 5, "noise-again": 2}
TEXTS = {"why-scale": 4, "essay": 3}


@pytest.fixture(scope="session")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Course:
    """The course with questions, built; not to be changed."""
    course = load_course(write_asking(tmp_path_factory.mktemp("asked")))
    build_course(course)
    return course


@pytest.fixture(scope="module")
def blank(asked: Course, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A class's folder in which nothing was graded yet, with all its databases."""
    out = tmp_path_factory.mktemp("blank")
    Store.create(out / "results.db").close()
    with contextlib.closing(Scores(out / "gradebook.db", asked)) as scores:
        assert scores.put([]) == []
    return out


@dataclass
class Asked(Term):
    """A term in which code that ends with `!` is right, and other cells are answered in words."""

    def grade(self) -> None:
        manifest = make_manifest(self.course)
        grades = [
            Grade(
                e, Verdict("pass" if self.codes[e.id].endswith("!") else "value"), self.codes[e.id]
            )
            for e in manifest.checks
            if e.stage == STAGE
        ]
        grades += written_grades(manifest.answers(STAGE), self.codes)
        content = PackedNotebook.of(repr(self.codes).encode())
        submission = Submission(
            STUDENT, STAGE, None, handed_in=DEADLINE + timedelta(days=self.days)
        )
        result = Result(submission, "graded", "", grades, notebook=content)
        with self.publisher() as publisher:
            publisher.store.add(result, Basis("f", "0.2.0"))
            publisher.finish(publisher.standings(), lambda text: None)

    @property
    def book(self) -> tuple[float, float, bool]:
        """nbgrader's own score after the penalty, its maximum, and whether something waits."""
        with self.formgrader() as book:
            found = book.find_submission(STAGE, STUDENT)  # type: ignore[attr-defined]
            points = max(0.0, found.score - found.late_submission_penalty)
            return points, found.max_score, found.needs_manual_grade

    @property
    def rows(self) -> list[dict[str, str]]:
        with (self.out / "grades.csv").open(newline="", encoding="utf-8") as file:
            return [{k: v.removeprefix("'") for k, v in r.items()} for r in csv.DictReader(file)]

    @property
    def page(self) -> str:
        return (self.out / "feedback" / STUDENT / f"{STAGE}.html").read_text("utf-8")


@pytest.fixture
def term(asked: Course, blank: Path, tmp_path: Path) -> Asked:
    return Asked(asked, Path(shutil.copytree(blank, tmp_path / "out")))


def codes(**said: str) -> dict[str, str]:
    return {id: said.get(id.replace("-", "_"), "") for id in (*MOST, *TEXTS)}


def test_an_answer_waits_is_scored_and_waits_again_with_another_text(term: Asked) -> None:
    term.hand_in(codes(scaler_centres="!", why_scale="Because."), -1)
    assert term.standing.look == ["why-scale waits for a teacher"]
    assert term.book == (3, 12, True) and term.standing.points == 3
    assert "waits for a teacher" in term.page and "Because." in term.page
    term.score("why-scale", 2.5, None)
    term.comment("why-scale", "nearly <i>right</i>")
    term.use(None)
    assert term.book == (5.5, 12, False) and term.standing.look == []
    assert "2.5 of 4" in term.page and "nearly &lt;i&gt;right" in term.page
    assert term.page.count("<blockquote>") == 2
    term.comment("why-scale", None)
    term.use(None)
    assert term.book == (5.5, 12, False) and "nearly" not in term.page
    term.hand_in(codes(scaler_centres="!", why_scale="Because.  \n"), -1)  # the same words
    assert term.book == (5.5, 12, False) and term.standing.points == 5.5
    term.hand_in(codes(scaler_centres="!", why_scale="Therefore."), -1)
    said = "why-scale needs another look: 2.5 was given for another text"
    assert term.standing.look == [said] and term.book == (3, 12, True)
    term.score("why-scale", 4, None)
    term.use(None)
    assert term.book == (7, 12, False) and term.standing.points == 7
    term.use(1)
    assert term.book == (5.5, 12, False)


def test_nothing_written_waits_for_nobody(term: Asked) -> None:
    term.hand_in(codes(), -1)
    assert term.book == (0, 12, False) and term.standing.look == []
    assert "why-scale: not written yet" in " ".join(term.standing.summary.split())


def test_a_bonus_comes_on_top_and_is_called_one(term: Asked) -> None:
    term.hand_in(dict.fromkeys(MOST, "!") | codes() | {"noise-again": "!"}, -1)
    assert term.standing.points == 2 and term.standing.final.bonus == 2
    term.hand_in({**codes(why_scale="So."), **dict.fromkeys(MOST, "!")}, -1)
    term.score("why-scale", 4, None)
    term.use(None)
    assert term.book == (14, 12, False) and term.standing.points == 14
    assert "<dt>bonus</dt><dd>+2</dd>" in term.page and "2 of 2 bonus" in term.page
    row = next(row for row in term.rows if row["check"] == "noise-again")
    assert (row["points"], row["max_points"], row["bonus"]) == ("2", "0", "2")
    shown = json.loads((term.out / "autograded" / STUDENT / STAGE / f"{STAGE}.ipynb").read_text())
    of = {c["id"]: c["metadata"].get("nbgrader", {}).get("points") for c in shown["cells"]}
    assert (of["noise-again"], of["essay"], of["why-scale"]) == (0, 0, 4)
    with (console := Console(width=120)).capture() as printed:
        console.print(class_table([term.standing]))
    assert all(text in printed.get() for text in ("bonus", "+2", "14/12"))


def test_an_optional_answer_is_given_extra_credit(term: Asked) -> None:
    term.hand_in(codes(essay="Long ago."), -1)
    assert term.standing.look == ["essay waits for a teacher"]
    term.score("essay", None, 2)
    term.use(None)
    assert term.book == (2, 12, False) and term.standing.points == 2
    assert term.standing.look == []


def test_what_waits_is_a_row_of_the_todo_list(term: Asked) -> None:
    term.hand_in(codes(why_scale="Because.", essay="Once."), -1)
    where = ("--course", str(term.course.root), "--out", str(term.out), "--todo")
    said = CliRunner().invoke(app, ["grades", *where], env={"COLUMNS": "120"})
    assert said.exit_code == 0, said.output
    rows = [line.split() for line in said.output.splitlines()[1:]]
    assert [row[:3] for row in rows] == [["ada", STAGE, "why-scale"], ["ada", STAGE, "essay"]]
    assert all(" ".join(row[3:]) == "waits for a teacher" for row in rows)
    term.score("why-scale", 1, None)
    term.score("essay", None, 1)
    said = CliRunner().invoke(app, ["grades", *where], env={"COLUMNS": "120"})
    assert said.output.splitlines()[-1] == "nothing waits for a teacher"
    assert todo_table([term.standing]).row_count == 0


def test_settings_of_an_older_mugrade_learn_to_hide_mark_schemes(
    asked: Course, tmp_path: Path
) -> None:
    path = tmp_path / CONFIG
    write_surroundings(tmp_path, asked)
    new = path.read_text("utf-8")
    assert new.count("ClearHiddenTests") == 4
    path.write_text(new.partition("c.GenerateFeedback")[0], encoding="utf-8")
    write_surroundings(tmp_path, asked)
    assert path.read_text("utf-8") == new
    path.write_text("# mine", encoding="utf-8")
    write_surroundings(tmp_path, asked)
    assert path.read_text("utf-8") == "# mine"


def test_a_mark_scheme_that_changes_reaches_the_formgrader(term: Asked) -> None:
    term.hand_in(codes(why_scale="Because."), -1)
    path = term.out / "autograded" / STUDENT / STAGE / f"{STAGE}.ipynb"
    assert SCHEME in path.read_text()
    stage = replace(
        term.course.find(STAGE),
        cells=tuple(
            replace(c, source=c.source.replace(SCHEME, "4 points for units."))
            for c in term.course.find(STAGE).cells
        ),
    )
    term.course = replace(term.course, stages=(term.course.stages[0], stage))
    term.use(None)
    assert "4 points for units." in path.read_text() and SCHEME not in path.read_text()


def test_extra_credit_counts_while_an_answer_waits(term: Asked) -> None:
    term.hand_in(codes(), -1)
    term.score("essay", None, 1)
    term.hand_in(codes(essay="So."), -1)
    demand_one_figure(term)
    assert term.book == (1, 12, True)


CODES, WORDS = st.sampled_from(["A", "B!", "C!"]), st.sampled_from(["", "So.", "Why not?"])
HANDED_IN = st.fixed_dictionaries(
    {**dict.fromkeys(MOST, CODES), **dict.fromkeys(TEXTS, WORDS)}  # type: ignore[dict-item]
)
STEPS = st.one_of(
    st.tuples(st.just("hand in"), HANDED_IN, st.sampled_from([-1, 0.5, 9])),
    st.tuples(
        st.just("score"),
        st.sampled_from(sorted(MOST | TEXTS)),
        st.none() | st.sampled_from([0, 1.5, 3]),
        st.none() | st.sampled_from([0, 1]),
    ),
    st.tuples(st.just("comment"), st.sampled_from(["why-scale", "noise"]), st.sampled_from("xy")),
    st.tuples(st.just("grade")),
)


@settings(max_examples=15)
@given(HANDED_IN, st.lists(STEPS, max_size=6))
def test_every_mix_of_points_adds_up_everywhere(
    asked: Course, blank: Path, first: dict[str, str], steps: list[tuple[Any, ...]]
) -> None:
    with tempfile.TemporaryDirectory() as name:
        term = Asked(asked, Path(shutil.copytree(blank, Path(name) / "out")))
        term.hand_in(first, -1)
        for step in steps:
            match step:
                case "hand in", said, days:
                    term.hand_in(said, days)
                case "score", cell, manual, extra:
                    term.score(cell, manual, extra)
                case "comment", cell, text:
                    term.comment(cell, text)
                case ("grade",):
                    term.grade()
        term.use(None)
        demand_one_figure(term)


def demand_one_figure(term: Asked) -> None:
    found = term.standing
    points, most, waits = term.book
    assert (points, most) == (found.points, found.attempt.max_points) == (found.points, 12)
    assert waits == bool(found.look)
    rows = term.rows
    total = sum(float(row["points"]) for row in rows) - float(rows[0]["late"])
    assert max(0, total) == pytest.approx(points) == float(rows[0]["final"])
    assert sum(float(row["max_points"]) for row in rows) == most
    assert f"<strong>{points:g} of {most:g} points</strong>" in term.page
    final = found.final
    parts = final.automatic + final.bonus + final.manual + final.extra - final.late
    assert max(0, parts) == pytest.approx(points)
    right = sum(MOST[id] for id in MOST if term.codes[id].endswith("!"))
    bonus = 2 if term.codes["noise-again"].endswith("!") else 0
    assert (final.automatic, final.bonus) == (right - bonus, bonus)
    said = {id for id, score in found.scores.items() if score.look}
    listed = {text.partition(" ")[0] for text in found.look}
    assert said == listed == {id for id in said if id in term.page}


@pytest.fixture(scope="module")
def instructor(asked: Course, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An instructor's nbgrader course with the notebook released."""
    root = tmp_path_factory.mktemp("instructor")
    shutil.copytree(asked.root, root, dirs_exist_ok=True)
    course = load_course(root)
    build_course(course)
    done = nbgrader(nbgrader_root(course), "generate_assignment", STAGE, "--create")
    assert done.returncode == 0, done.stderr
    return root


def submit(root: Path, student: str, **answers: str) -> None:
    """Hand in what nbgrader has released, solved where there are answers."""
    folder = nbgrader_root(load_course(root)) / "submitted" / student / STAGE
    shutil.copytree(folder.parents[2] / "release" / STAGE, folder)
    if answers:
        solved = hand_in(load_course(root), folder)
        write_answers(solved, **answers)


def test_nbgraders_real_round(instructor: Path) -> None:
    from nbgrader.api import Gradebook

    course = load_course(instructor)
    root = nbgrader_root(course)
    mine = nbformat.read(instructor / "notebooks" / f"{STAGE}.ipynb", as_version=4)
    theirs = nbformat.read(root / "release" / STAGE / f"{STAGE}.ipynb", as_version=4)
    assert mine.cells == theirs.cells
    submit(instructor, "ada", why_scale="Because of <b>units</b>.", muse="Fish.")
    submit(instructor, "zoe")
    done = nbgrader(root, "autograde", STAGE, "--create")
    assert done.returncode == 0, done.stderr
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}", course.package) as book:
        assert book.find_submission(STAGE, "zoe").needs_manual_grade is False
        ada = book.find_submission(STAGE, "ada")
        assert (ada.score, ada.needs_manual_grade) == (3 + 5 + 2, True)
        waiting = [g.name for n in ada.notebooks for g in n.grades if g.needs_manual_grade]
        assert waiting == ["why-scale"]
        book.find_grade("why-scale", STAGE, STAGE, "ada").manual_score = 3
        book.db.commit()
        assert book.find_submission(STAGE, "ada").score == 13

    def mugrade(*arguments: str) -> str:
        where = ("--course", str(instructor))
        said = CliRunner().invoke(app, [*arguments, *where], env={"COLUMNS": "120"})
        assert said.exit_code == 0, said.output
        return " ".join(said.output.split())

    out = instructor / "build" / "grades"
    told = mugrade("grade", str(root / "submitted"), "--stage", "01", "--accept-weak-sandbox")
    assert "ada 01_scale 8 +2 10/12 why-scale waits for a teacher" in told
    with Gradebook(f"sqlite:///{out / 'gradebook.db'}", course.package) as book:
        grade = book.find_grade("why-scale", STAGE, STAGE, "ada")
        assert (grade.max_score, grade.auto_score, grade.needs_manual_grade) == (4, None, True)
        assert grade.cell_type == "markdown"
        grade.manual_score, grade.needs_manual_grade = 3, False
        book.db.commit()
    mugrade("grades", "--write")
    page = (out / "feedback" / "ada" / f"{STAGE}.html").read_text("utf-8")
    assert "<strong>13 of 12 points</strong>" in page and "3 of 4" in page
    assert "Because of &lt;b&gt;units&lt;/b&gt;." in page
    assert "ada 01_scale 8 +2 +3 13/12" in mugrade("grades")
    done = nbgrader(out, "export")
    assert done.returncode == 0, done.stderr
    with (out / "nbgrader.csv").open(newline="") as file:
        of = {(r["student_id"], r["assignment"]): r for r in csv.DictReader(file)}
    assert (float(of["ada", STAGE]["score"]), float(of["ada", STAGE]["max_score"])) == (13, 12)
    shown = (out / "autograded" / "ada" / STAGE / f"{STAGE}.ipynb").read_text()
    assert SCHEME in shown and MODEL not in shown
    done = nbgrader(out, "generate_feedback", STAGE)
    assert done.returncode == 0, done.stderr
    feedback = (out / "feedback" / "ada" / STAGE / f"{STAGE}.html").read_text("utf-8")
    assert SCHEME not in feedback and "Mark scheme" not in feedback
    assert re.search(r"Because of &lt;b&gt;units", feedback)
