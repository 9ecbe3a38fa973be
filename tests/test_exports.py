"""What platforms take: their own tables with our points, and nothing else changed in them."""

import csv
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from mugrade.cli import app
from mugrade.course.model import Course
from mugrade.course.roster import Enrolled, folder_name
from mugrade.errors import Unreadable
from mugrade.grader.attempts import Basis
from mugrade.grader.exports.autograder import NOTHING
from mugrade.grader.exports.blackboard import BlackboardTable
from mugrade.grader.exports.canvas import CanvasTable
from mugrade.grader.exports.gradebook import NO_RESULT, PlatformTable, fill, find_columns
from mugrade.grader.exports.moodle import MoodleTable
from mugrade.grader.exports.totals import write_totals
from mugrade.grader.final import shown_points
from mugrade.grader.outputs.pages import Pages
from mugrade.grader.policy import Standing
from mugrade.grader.store import Store
from mugrade.sheet import Sheet
from mugrade.view.report import printable
from tests.conftest import ROOT, standing_of
from tests.test_share import result_of

CANVAS = """\
Student,ID,SIS User ID,SIS Login ID,Section,00_mean (71),Homework 2 (72),Final Score
,,,,,Manual Posting,,(read only)
    Points Possible,,,,,2,20,(read only)
"Lovelace, Ada",1,S-1,ada,A,,3,17
"Li, Wei",2,S-2,wei@school.example,A,1,4,18
"Li, Wei",3,S-3,wei3,B,0.5,,
"Student, Test",99,,abc,A,,,
"""
MOODLE = """\
\ufeffIdentifier,"Full name",ID number,"Email address",Status,Grade,"Maximum grade",\
"Grade can be changed","Last modified (grade)",Comments
Participant 411,"Ada O'Neil_Smith",,ada@school.example,"Submitted for grading - ",,2.00,Yes,-,
Participant 412,"Bob Li",7,bob@school.example,"No submission",1.50,2.00,No,"5 October, 9:00 AM",well
Participant 413,"Carl Li",8,carl@school.example,"No submission",,2.00,Yes,-,
"""
BLACKBOARD = (
    '"Last Name"\t"First Name"\t"Username"\t"Student ID"\t"Last Access"\t"Availability"\t'
    '"00_mean [Total Pts: 2 Score] |901"\t"Weighted Total [Total Pts: up to 30 Percentage] |902"\n'
    '"Lovelace"\t"Ada"\t"ada"\t"1"\t"2026-11-20 10:11:12"\t"Yes"\t""\t"3"\n'
    '"Li"\t"Wei"\t"wei"\t"2"\t""\t"Yes"\t"1"\t"4"\n'
)
Make = Callable[..., PlatformTable]


@pytest.fixture
def table(tmp_path: Path) -> Make:
    """Makes a platform's table of a text."""

    def make(kind: type[PlatformTable], text: str, encoding: str = "utf-8") -> PlatformTable:
        path = tmp_path / "Grades-CS 1-00_mean-5.csv"
        path.write_bytes(text.encode(encoding))
        return kind.read(path)

    return make


def standings(course: Course, *found: tuple[str, str]) -> list[Standing]:
    """What counts at the first stage: full points for a text with an exclamation mark."""
    return [standing_of(result_of(course, who, "00_mean", text)) for who, text in found]


# tables

CELL = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0\ufeff"))
LINES = st.text(st.sampled_from('ab\n,;\t" é'), max_size=6)


@given(
    st.lists(st.lists(CELL | LINES, min_size=3, max_size=3), min_size=1, max_size=4),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    st.sampled_from(",\t;"),
    st.booleans(),
    st.sampled_from(["\n", "\r\n"]),
)
def test_a_table_goes_back_as_it_came(
    rows: list[list[str]], encoding: str, separator: str, quoted: bool, newline: str
) -> None:
    header = ("Student", "ID", "Grade")
    sheet = Sheet(header, tuple(map(tuple, rows)), encoding, separator, quoted, newline)
    assert Sheet.of(sheet.content).rows == sheet.rows
    again = Sheet.of(sheet.content)
    assert (again.content, again.separator, again.quoted) == (sheet.content, separator, quoted)


@pytest.mark.parametrize("text", [CANVAS, MOODLE, BLACKBOARD])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_what_platforms_write_goes_back_to_the_byte(text: str, encoding: str) -> None:
    content = text.encode(encoding)
    assert Sheet.of(Sheet.of(content).content) == Sheet.of(content)
    assert Sheet.of(content).content.decode(encoding).count(",") == text.count(",")


@given(st.binary(max_size=300))
def test_what_is_no_table_is_one_sentence(content: bytes) -> None:
    for kind in (CanvasTable, MoodleTable, BlackboardTable):
        with suppress(UnicodeDecodeError, csv.Error, ValueError):
            sheet = Sheet.of(content)
            found = kind(Path("x.csv"), sheet)
            assert found.missing or found.columns() is not None


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "the table is not CSV (there is nothing in it)"),
        (b"\xff\xfeS", "is not UTF-8 text"),
        ("Zoë;1".encode("cp1252"), "is not UTF-8 text: save it as CSV UTF-8"),
        (b'Student,"ID\n', "the table is not CSV (unexpected end of data)"),
        (b"name,points\nada,3\n", "no table of Canvas's: there is no column Student; it has name"),
        (b"PK\x03\x04" + b"\0" * 50, "no table of Canvas's"),
    ],
)
def test_a_broken_file_is_one_sentence(tmp_path: Path, content: bytes, expected: str) -> None:
    path = tmp_path / "grades.csv"
    path.write_bytes(content)
    with pytest.raises(Unreadable) as caught:
        CanvasTable.read(path)
    assert str(caught.value).startswith(f"{path}: ") and expected in str(caught.value)
    with pytest.raises(Unreadable, match="No such file"):
        CanvasTable.read(tmp_path / "nowhere.csv")


# points

IDS = st.sampled_from(["ada", "S-2", "wei", "99", "wei3", "nobody", "Li, Wei", "ABC"])


@settings(max_examples=50)
@given(found=st.dictionaries(IDS, st.sampled_from(["", "a", "b!"])), zeros=st.booleans())
def test_only_the_points_of_those_who_are_there_change(
    tiny: Course, found: dict[str, str], zeros: bool
) -> None:
    table = CanvasTable(Path("x.csv"), Sheet.of(CANVAS.encode()))
    graded = standings(tiny, *found.items())
    filling = fill(table, {"00_mean": 5}, graded, zeros=zeros)
    known = {"ada": 2, "s-2": 3, "wei": 3, "wei3": 4, "99": 5, "abc": 5}
    owners: dict[int, list[Standing]] = {}
    for standing in graded:
        if standing.student.casefold() in known:
            owners.setdefault(known[standing.student.casefold()], []).append(standing)
    for number, before in enumerate(table.sheet.rows):
        after, expected = filling.sheet.rows[number], before[5]
        if len(owners.get(number, [])) == 1:
            (standing,) = owners[number]
            if zeros or found[standing.student]:
                expected = shown_points(standing.points)
        assert after == (*before[:5], expected)
    assert filling.sheet.header == (*table.sheet.header[:5], "00_mean (71)")
    left = {n for why, of in filling.left_out.items() if why != NO_RESULT for n in of}
    assert filling.written + len(left) == len(graded)


def test_every_reason_is_told(tiny: Course, table: Make) -> None:
    twice = CANVAS.replace("wei3", "WEI@other.example")
    graded = standings(tiny, ("ada", "a!"), ("wei", "b!"), ("eve", "c"), ("99", ""))
    canvas = table(CanvasTable, twice)
    filling = fill(canvas, find_columns(canvas, tiny, [], {}), graded)
    assert list(filling.lines) == [
        "1 may be several people of the table: wei",
        "1 have results and are not in the table: eve",
        "1 have handed in nothing (--zeros gives them 0): 99",
    ]
    assert [row[5] for row in filling.sheet.rows] == ["Manual Posting", "2", "2", "1", "0.5", ""]


def test_moodle_gets_its_own_worksheet_with_grades(tiny: Course, table: Make) -> None:
    moodle = table(MoodleTable, MOODLE)
    assert isinstance(moodle, MoodleTable)
    graded = standings(tiny, ("ada", "a!"), ("bob@school.example", "b!"), ("8", "c"))
    filling = fill(moodle, find_columns(moodle, tiny, [], {}), graded)
    before, after = MOODLE.splitlines(), filling.sheet.content.decode().splitlines()
    changed = [
        (b, a)
        for b, a in zip(before, after, strict=True)
        if a.replace('"', "") != b.replace('"', "")
    ]
    assert [a.split(",")[-5:][0] for _, a in changed] == ["2", "0"]
    assert list(filling.lines) == [
        "1 have a grade that Moodle does not let change: bob@school.example"
    ]
    assert list(moodle.feedback_names("ada", "00_mean")) == [
        "Ada O Neil Smith_411_assignfeedback_file_"
    ]
    assert list(moodle.feedback_names("nobody", "00_mean")) == []


def test_the_roster_knows_who_is_called_otherwise(tiny: Course, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(CANVAS.replace("S-2,wei@school.example", "S-2,w+li@school.example"))
    table = CanvasTable.read(path, [Enrolled("li.wei", aliases=frozenset({"S-2"}))])
    assert table.rows("li.wei") == table.rows("w+li") == table.rows("s-2") == [3]
    assert table.rows(folder_name("w+li@school.example")) == [3]
    assert table.rows("eve") == []


def test_one_assignments_table_is_the_stage_that_was_asked_for(tiny: Course, table: Make) -> None:
    moodle = table(MoodleTable, MOODLE)
    assert find_columns(moodle, tiny, ["01_scale"], {}) == {"01_scale": 5}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8"])
def test_blackboard_gets_tabs_and_its_own_encoding(
    tiny: Course, table: Make, encoding: str
) -> None:
    board = table(BlackboardTable, BLACKBOARD, encoding)
    filling = fill(board, find_columns(board, tiny, [], {}), standings(tiny, ("ADA", "a!")))
    lines = filling.sheet.content.decode(encoding).splitlines()
    assert lines[0].endswith('"Availability"\t"00_mean [Total Pts: 2 Score] |901"')
    assert [line.split("\t")[-1] for line in lines[1:]] == ['"2"', '"1"']


def test_a_column_that_takes_other_points_is_refused_or_scaled(tiny: Course, table: Make) -> None:
    canvas = table(CanvasTable, CANVAS)
    columns = find_columns(canvas, tiny, ["00_mean"], {"00_mean": "Homework 2"})
    graded = standings(tiny, ("ada", "a!"))
    with pytest.raises(Unreadable, match=r"00_mean gives 2 points, .* takes 20: add --scale"):
        fill(canvas, columns, graded)
    filling = fill(canvas, columns, graded, scale=True)
    assert [row[-1] for row in filling.sheet.rows] == ["", "20", "20", "4", "", ""]


@pytest.mark.parametrize(
    ("header", "stages", "said", "expected"),
    [
        ("Quiz (1)", [], {}, "no column is called like a stage; those for points are: Quiz"),
        ("Final Score", [], {}, "those for points are: none"),
        ("Quiz (1)", ["00_mean"], {}, r"no column for 00_mean \(Quiz\): name it with --column 00"),
        ("00_mean a (1),00_mean b (2)", [], {}, "several columns for 00_mean"),
        ("Quiz (1)", [], {"00_mean": "Quizz"}, r"no column for 00_mean \(Quiz\)"),
    ],
)
def test_a_column_that_is_not_clear_is_one_sentence(
    tiny: Course, table: Make, header: str, stages: list[str], said: dict[str, str], expected: str
) -> None:
    canvas = table(CanvasTable, f"Student,ID,{header}\n")
    with pytest.raises(Unreadable, match=expected):
        find_columns(canvas, tiny, stages, said)


def test_what_is_called_exactly_so_is_meant(tiny: Course, table: Make) -> None:
    canvas = table(CanvasTable, "Student,ID,00_mean (1),00_mean again (2)\n")
    assert find_columns(canvas, tiny, [], {}) == {"00_mean": 2}


@settings(max_examples=50)
@given(found=st.dictionaries(st.text(max_size=8), st.sampled_from(["", "a", "b!"])))
def test_totals_add_up_in_both_tables(
    tiny: Course, tmp_path_factory: pytest.TempPathFactory, found: dict[str, str]
) -> None:
    graded = standings(tiny, *found.items())
    totals = []
    for by_exercise in (False, True):
        path = tmp_path_factory.mktemp("totals") / "totals.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            assert write_totals(file, graded, by_exercise) == len(found)
        with path.open(encoding="utf-8", newline="") as file:
            _, *rows = csv.reader(file)
        assert all(sum(map(float, filter(None, row[1:-1]))) == float(row[-1]) for row in rows)
        totals.append([(row[0], row[-1]) for row in rows])
    assert totals[0] == totals[1]
    assert [float(points) for _, points in totals[0]] == [
        s.points for s in sorted(graded, key=lambda s: s.student)
    ]
    assert not any(name.startswith(("=", "+", "-", "@")) for name, _ in totals[0])
    assert len(totals[0]) == len({printable(name) for name in found}) or len(found) > 1


# the command


@pytest.fixture
def out(tiny: Course, tmp_path: Path) -> Path:
    """A folder of results with feedback pages."""
    out = tmp_path / "out"
    out.mkdir()
    texts = {"ada": "a!", "wei": "b", "eve": ""}
    found = [
        result_of(tiny, *one, text)
        for one, text in (((who, "00_mean"), text) for who, text in texts.items())
    ]
    with closing(Store.create(out / "results.db")) as store:
        store.add_all([(result, Basis("f")) for result in found])
        Pages(out, tiny, store).write(store.with_checks(store.standings(tiny.settings)))
    return out


def export(course: Course, out: Path, *words: str) -> tuple[int, str]:
    options = ["--course", str(course.root), "--out", str(out)]
    done = CliRunner().invoke(app, ["export", *words, *options])
    return done.exit_code, done.output


def test_the_platforms_file_is_filled_and_left_as_it_is(
    tiny: Course, out: Path, tmp_path: Path
) -> None:
    given = tmp_path / "gradebook.csv"
    given.write_text(CANVAS, encoding="utf-8")
    status, said = export(tiny, out, "canvas", str(given))
    assert status == 0 and "2 results written to" in said and "00_mean -> 00_mean (71)" in said
    written = out / "export" / "canvas-gradebook.csv"
    assert [row[-1] for row in Sheet.read(written).rows[2:]] == ["2", "0", "0.5", ""]
    assert given.read_text(encoding="utf-8") == CANVAS
    status, said = export(tiny, out, "canvas", str(given), "--to", str(given))
    assert status == 1 and "is what Canvas exported: name another file with --to" in said
    assert given.read_text(encoding="utf-8") == CANVAS
    again = export(tiny, out, "canvas", str(written), "--to", str(tmp_path / "again.csv"))
    assert again[0] == 0
    assert (tmp_path / "again.csv").read_bytes() == written.read_bytes()


def test_pages_go_to_moodle_under_its_numbers(tiny: Course, out: Path, tmp_path: Path) -> None:
    given = tmp_path / "Grades-00_mean.csv"
    given.write_text(MOODLE, encoding="utf-8")
    status, said = export(tiny, out, "moodle", str(given), "--feedback")
    assert status == 0 and "2 students have a page that is not in it: eve, wei" in said
    with zipfile.ZipFile(out / "export" / "moodle-feedback.zip") as archive:
        names = archive.namelist()
        assert names == ["Ada O Neil Smith_411_assignfeedback_file_00_mean.html"]
        assert b"passed" in archive.read(names[0])


def test_pages_go_to_canvas_under_the_names_that_it_gave_out(
    tiny: Course, out: Path, tmp_path: Path
) -> None:
    download, given = tmp_path / "download", tmp_path / "gradebook.csv"
    download.mkdir()
    notebook = (tiny.root / "notebooks" / "00_mean.ipynb").read_text(encoding="utf-8")
    for name in ("lovelaceada_LATE_1_678_00_mean-1.ipynb", "liwei_2_679_my_00_mean.ipynb"):
        (download / name).write_text(notebook.replace("}", f"}}{' ' * len(name)}", 1))
    given.write_text(CANVAS.replace("wei@school.example", "wei"), encoding="utf-8")
    course, where = ("--course", str(tiny.root)), ("--out", str(tmp_path))
    words = ["collect", str(download), *course, *where, "--roster", str(given), "--stage", "00"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    words = ["canvas", str(given), "--feedback", "--submitted", str(tmp_path)]
    status, said = export(tiny, out, *words)
    assert status == 0 and "2 pages written to" in said, said
    with zipfile.ZipFile(out / "export" / "canvas-feedback.zip") as archive:
        assert archive.namelist() == [
            "lovelaceada_LATE_1_678_00_mean.html",
            "liwei_2_679_00_mean.html",
        ]


@pytest.mark.parametrize("words", [("csv", "--feedback"), ("canvas", "gradebook.csv")])
def test_what_cannot_be_written_leaves_what_was_there(
    tiny: Course, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("gradebook.csv").write_text(CANVAS, encoding="utf-8")
    assert export(tiny, out, *words)[0] == 0
    before = {p: p.read_bytes() for p in (out / "export").iterdir()}
    full = OSError(28, "No space left on device")
    monkeypatch.setattr("mugrade.files.replace", lambda *paths: (_ for _ in ()).throw(full))
    status, said = export(tiny, out, *words)
    assert status == 1 and "cannot be written (No space left on device)" in said
    assert {p: p.read_bytes() for p in (out / "export").iterdir()} == before


def test_gradescope_gets_the_same_figures(tiny: Course, out: Path) -> None:
    assert export(tiny, out, "gradescope")[0] == 0
    for who, points in (("ada", 2), ("wei", 0), ("eve", 0)):
        path = out / "export" / "gradescope" / who / "00_mean" / "results.json"
        found = json.loads(path.read_text("ascii"))
        assert found["score"] == sum(test["score"] for test in found["tests"]) == points
        assert [test["max_score"] for test in found["tests"]] == [2]
    assert "nothing there" in found["output"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("canvas",), "mugrade export canvas FILE: say which file it exported"),
        (
            ("canvas", "nowhere.csv"),
            "nowhere.csv: the table cannot be read (No such file or directory)",
        ),
        (("csv", "--stage", "07"), "no stage 07"),
        (("canvas", "x.csv", "--column", "nonsense"), "say which stage's"),
        (
            ("canvas", "x.csv", "--exercises"),
            "--exercises says nothing about mugrade export canvas",
        ),
        (("csv", "x.csv"), "FILE says nothing about mugrade export csv: leave it out"),
        (("gradescope", "--scale"), "--scale says nothing about mugrade export gradescope"),
        (("csv", "--stage", "01"), "there are no results to export"),
    ],
)
def test_what_cannot_be_exported_is_one_sentence(
    tiny: Course, out: Path, words: tuple[str, ...], expected: str
) -> None:
    status, said = export(tiny, out, *words)
    assert status == 1 and expected in said


# an autograder


def test_an_autograder_grades_where_it_is_unpacked(tiny: Course, tmp_path: Path) -> None:
    options = ["--course", str(tiny.root), "--out", str(tmp_path / "out")]
    path = tmp_path / "autograder.zip"
    words = ["gradescope", "00", *options, "--to", str(path), "--accept-weak-sandbox"]
    assert CliRunner().invoke(app, words).exit_code == 0
    root = tmp_path / "autograder"
    with zipfile.ZipFile(path) as archive:
        modes = {i.filename: i.external_attr >> 16 for i in archive.infolist()}
        archive.extractall(root / "source")
    assert {n for n, mode in modes.items() if mode & 0o111} == {"setup.sh", "run_autograder"}
    assert not any("__pycache__" in name for name in modes)
    command = (root / "source" / "run_autograder").read_text().splitlines()[-1].split()
    assert command[0] == "exec" and command[4:] == [
        "/autograder",
        "00_mean",
        "--accept-weak-sandbox",
    ]
    subprocess.run(["bash", "-n", root / "source" / "setup.sh"], check=True)
    (root / "submission").mkdir()
    env = {**os.environ, "PYTHONPATH": str(root / "source" / "package"), "HOME": str(tmp_path)}

    def graded() -> dict[str, object]:
        words = [sys.executable, *command[2:4], str(root), *command[5:]]
        subprocess.run(words, cwd=tmp_path, env=env, check=True, capture_output=True, timeout=300)
        found: dict[str, object] = json.loads((root / "results" / "results.json").read_text())
        return found

    assert graded() == {"score": 0, "output": NOTHING.format("00_mean")}
    notebook = json.loads((tiny.root / "notebooks" / "00_mean.ipynb").read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        if cell["id"] == "mean":
            cell["source"] = "#| export stats/mean.py\ndef mean(x):\n    return np.mean(x)"
    text = json.dumps(notebook)
    (root / "submission" / "mine.ipynb").write_text("{", encoding="utf-8")
    found = graded()
    assert found["score"] == 0 and "not a complete notebook" in str(found["output"])
    (root / "submission" / "mine.ipynb").unlink()
    for name in ("00_mean.ipynb", "Copy of 00_mean (1).ipynb", "homework/my answers.IPYNB"):
        path = root / "submission" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        found = graded()
        assert found["score"] == 2 and found["output"] == "2/2", name
        path.unlink()


def test_an_autograder_asks_for_what_mugrade_asks_for(tiny: Course, tmp_path: Path) -> None:
    from mugrade.grader.exports.archive import requirements

    found = {r.partition(">")[0].partition("=")[0].partition("<")[0] for r in requirements(tiny)}
    assert {"numpy", "nbgrader", "sqlalchemy", "pyseccomp", "typer"} <= found
    assert not {"pytest", "jupyterlab", "distributed"} & found
    assert (ROOT / "mugrade" / "grader" / "templates" / "gradescope").is_dir()
