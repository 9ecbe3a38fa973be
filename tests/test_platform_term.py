"""A class whose students hand in on every platform there is, and whose grades go back to them."""

import csv
import io
import json
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from mugrade.course.model import Course
from mugrade.course.reading import load_course
from mugrade.sheet import Sheet
from tests import downloads
from tests.downloads import CLASS, LAYOUTS, PLATFORMS, STAGE, THEN, Handed, Student
from tests.test_term import Term

RIGHT = "def mean(x):\n    return np.asarray(x.sum() / x.size, dtype=x.dtype)  # {}"
WRONG = "def mean(x):\n    return x.sum()  # {}"
RULES = """\
[grading]
policy = "best"
roster = "roster.csv"
[deadlines]
00 = 2026-11-21T00:00:00Z
[late]
percent_per_day = 10
most = 50
"""
NAME = f"{STAGE}.ipynb"
ORDER = [CLASS[i] for i in (1, 2, 0, 3, 4, 5, 6, 7, 8, 9, 10)]  # con never hands in anything


@pytest.fixture
def term(tiny: Course, tmp_path: Path) -> Term:
    shutil.copytree(tiny.root, tmp_path / "course")
    downloads.roster(tmp_path / "course")
    (tmp_path / "course" / "solutions" / "course.toml").write_text(RULES)
    course = replace(load_course(tmp_path / "course"), root=tmp_path / "course")
    return Term(course, tmp_path)


def collect(term: Term, platform: str, *handed: Handed) -> None:
    """What a platform gives out of some hand-ins, in one layout or another."""
    layout = list(LAYOUTS)[len(platform) % len(LAYOUTS)]
    name = f"{platform}-{handed[0].when:%d}"
    download = LAYOUTS[layout](PLATFORMS[platform](handed), term.root / name)
    words = ["collect", str(download), "--stage", "00", "--out", str(term.root)]
    found = term.run(*words)
    assert found.exit_code == 0, found.output


def grade(term: Term) -> dict[str, float]:
    term.mugrade("grade", str(term.root / "submitted"), "--accept-weak-sandbox")
    rows = json.loads(term.mugrade("grades", "--json"))
    return {row["student"]: row["points"] for row in rows if row["stage"] == STAGE}


def answer(student: Student, source: str, days: int = 0) -> Handed:
    text = source.format(f"{student.number} {days}")
    when = THEN + timedelta(days=days)
    return Handed(student, NAME, downloads.notebook(text), when, again=int(days > 0))


def test_grades_go_back_to_where_the_work_came_from(term: Term) -> None:
    wrong = {"zos", "ada", "b_ob"}
    first = [answer(s, WRONG if s.id in wrong else RIGHT) for s in ORDER]
    for i, platform in enumerate(PLATFORMS):
        collect(term, platform, first[i % len(first)], first[(i + 3) % len(first)])
    expected = {s.id: 0.0 if s.id in wrong else 2.0 for s in ORDER} | {"con_": 0.0}
    found = grade(term)
    absent = next(name for name in found if name.startswith("con_"))
    assert found == {s: p for s, p in expected.items() if s != "con_"} | {absent: 0.0}

    with term.formgrader() as book:
        row = book.find_grade("mean-of-three", STAGE, STAGE, "b_ob")
        row.manual_score, row.needs_manual_grade = 1.0, False

    # zos is right and two days late, ada is wrong again, lw88 was right before
    late = [answer(CLASS[0], RIGHT, 2), answer(CLASS[6], WRONG, 2), answer(CLASS[5], WRONG, 2)]
    collect(term, "blackboard", *late)
    found = grade(term)
    changed = {"zos": 1.6, "ada": 0.0, "lw88": 2.0, "b_ob": 1.0}
    assert {who: found[who] for who in changed} == changed

    assert canvas(term, found) == moodle(term, found) == blackboard(term, found)
    term.mugrade("export", "csv")
    with (term.root / "out" / "export" / "totals.csv").open(encoding="utf-8") as file:
        assert {r["student"]: float(r["total"]) for r in csv.DictReader(file)} == found
    term.mugrade("export", "gradescope")
    for path in (term.root / "out" / "export" / "gradescope").rglob("results.json"):
        assert json.loads(path.read_text())["score"] == found[path.parts[-3]]


def exported(term: Term, platform: str, rows: list[list[str]]) -> list[tuple[str, ...]]:
    """The rows of the platform's table as they go back."""
    path = term.root / f"{platform}.csv"
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    path.write_bytes(text.getvalue().encode("utf-8-sig"))
    term.mugrade("export", platform, str(path), "--stage", "00")
    return list(Sheet.read(term.root / "out" / "export" / f"{platform}-{path.name}").rows)


def checked(rows: dict[str, str], found: dict[str, float]) -> dict[str, float]:
    """Student -> points, of all that have handed in something; the others' cell is as it was."""
    assert rows.pop("con") == ""
    points = {who: float(said) for who, said in rows.items()}
    assert points == {who: found[who] for who in points} and len(points) == len(ORDER)
    return points


def canvas(term: Term, found: dict[str, float]) -> dict[str, float]:
    header = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", f"{STAGE} (71)"]
    most = ["    Points Possible", "", "", "", "", "2"]
    rows = [[f"{s.last}, {s.first}", str(s.number), "", s.id, "A", ""] for s in CLASS]
    out = exported(term, "canvas", [header, most, *rows])
    return checked({row[3]: row[5] for row in out[1:]}, found)


def moodle(term: Term, found: dict[str, float]) -> dict[str, float]:
    header = ["Identifier", "Full name", "Email address", "Status", "Grade", "Maximum Grade"]
    rows = [
        [f"Participant {s.number + 5000}", s.name, f"{s.id}@uni.edu", "-", "", "2.00"]
        for s in CLASS
    ]
    out = exported(term, "moodle", [header, *rows])
    return checked({row[2].partition("@")[0]: row[4] for row in out}, found)


def blackboard(term: Term, found: dict[str, float]) -> dict[str, float]:
    header = ["Last Name", "First Name", "Username", f"{STAGE} [Total Pts: 2 Score] |901"]
    rows = [[s.last, s.first, s.id, ""] for s in CLASS]
    out = exported(term, "blackboard", [header, *rows])
    return checked({row[2]: row[3] for row in out}, found)
