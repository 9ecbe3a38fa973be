"""Four weeks of a course, with a teacher in the formgrader between them."""

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from nbgrader.api import Gradebook

from mugrade.course.model import Course
from mugrade.course.reading import load_course
from tests.test_grade import hand_in
from tests.test_history import Class

MEAN, SCALE = "00_mean", "01_scale"
WRONG = "def mean(x):\n    return x.sum()"
OTHER = "def mean(x):\n    return np.asarray(x.mean(), dtype=x.dtype)"
RULES = """\
[grading]
policy = "best"
[deadlines]
00 = 2027-03-07T00:00:00Z
[late]
percent_per_day = 5
most = 30
"""


class Term(Class):
    """The class, graded for good."""

    def week(self, number: int, *notebooks: tuple[str, str, dict[str, str]]) -> str:
        """A fresh folder with what comes in that week; the grades that stand then."""
        folder = self.root / "in"
        shutil.rmtree(folder, ignore_errors=True)
        when = datetime(2027, 3, 7 * number - 1, tzinfo=UTC).timestamp()
        for student, stage, cells in notebooks:
            path = hand_in(self.course, folder / student, stage, **cells)
            os.utime(path, (when, when))
        self.grade("--accept-weak-sandbox")
        return self.mugrade("grades")

    def standing(self) -> dict[tuple[str, str], float]:
        rows = json.loads(self.mugrade("grades", "--json"))
        graded = (row for row in rows if row["status"] != "missing")
        return {(row["student"], row["stage"]): row["points"] for row in graded}

    @contextlib.contextmanager
    def formgrader(self) -> Iterator[Gradebook]:
        url = f"sqlite:///{self.root / 'out' / 'gradebook.db'}"
        with Gradebook(url, self.course.package) as book:
            yield book
            book.db.commit()

    def exported(self) -> dict[tuple[str, str], float]:
        """nbgrader's own figures."""
        with self.formgrader() as book:
            return {
                (s.student.id, s.assignment.name): max(0.0, s.score - s.late_submission_penalty)
                for s in book.db.query(type(book.find_submission(MEAN, "ada")))
            }


@pytest.fixture
def term(tiny: Course, tmp_path: Path) -> Term:
    shutil.copytree(tiny.root, tmp_path / "course")
    (tmp_path / "course" / "solutions" / "course.toml").write_text(RULES)
    course = replace(load_course(tmp_path / "course"), root=tmp_path / "course")
    return Term(course, tmp_path)


def test_a_term(term: Term) -> None:
    def same_figures() -> None:
        ours, theirs = term.standing(), term.exported()
        assert ours == {key: theirs[key] for key in ours}

    term.week(1, ("ada", MEAN, {}), ("bob", MEAN, {"mean": WRONG}))
    assert term.standing() == {("ada", MEAN): 2, ("bob", MEAN): 0}
    same_figures()

    with term.formgrader() as book:
        row = book.find_grade("mean-of-three", MEAN, MEAN, "bob")
        row.manual_score, row.extra_credit, row.needs_manual_grade = 1.0, 0.5, False
        book.find_comment("mean", MEAN, MEAN, "bob").manual_comment = "the idea is right"
    term.mugrade("grades", "--write")
    assert term.standing()["bob", MEAN] == 1.5
    assert "the idea is right" in (
        term.root / "out" / "feedback" / "bob" / f"{MEAN}.html"
    ).read_text(encoding="utf-8")
    same_figures()

    # bob is absent, ada hands in the next stage, cara comes late
    term.week(2, ("ada", SCALE, {}), ("cara", MEAN, {}))
    assert term.standing() == {
        ("ada", MEAN): 2,
        ("ada", SCALE): 8,
        ("bob", MEAN): 1.5,
        ("cara", MEAN): 1.4,
    }
    same_figures()

    # bob mends his work: other code, so the manual score waits for another look
    said = term.week(3, ("bob", MEAN, {"mean": OTHER}), ("bob", SCALE, {"noise": "noise = 3"}))
    assert "mean-of-three needs another look: 1+0.5 was given for other code" in " ".join(
        said.split()
    )
    same_figures()
    with term.formgrader() as book:
        assert book.find_submission(MEAN, "bob").needs_manual_grade
        row = book.find_grade("mean-of-three", MEAN, MEAN, "bob")
        row.manual_score, row.needs_manual_grade = None, False
    term.mugrade("grades", "--write")
    assert "another look" not in term.mugrade("grades")
    same_figures()

    # the last week holds only one stage, and a worse attempt at it
    before = term.standing()
    term.week(4, ("ada", SCALE, {"noise": "def noise(n):\n    return np.zeros(n)"}))
    assert term.standing() == before
    assert term.standing()["ada", SCALE] == 8
    same_figures()
    history = term.mugrade("grades", "--history", "ada", "01")
    assert history.count("2027-03-") == 2
