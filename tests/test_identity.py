"""Whose a notebook is comes from outside; what lies inside says only which stage it is."""

import contextlib
import io
import json
import os
import pty
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path, PurePath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from typer.testing import CliRunner

from mugrade.cli import app
from mugrade.course.model import Course
from mugrade.course.roster import read_roster
from mugrade.course.settings import Settings
from mugrade.errors import Unreadable
from mugrade.grader.fingerprint import Fingerprints
from mugrade.grader.plan import Order
from mugrade.grader.run import grade_class
from mugrade.grader.store import NAME, Store
from mugrade.grader.submissions import Submission, find_submissions
from mugrade.package.ipynb import read_cells
from tests.test_archives import NOTEBOOK, STAGES, pack
from tests.test_grade import LIMITS, hand_in

MEAN, SCALE = "00_mean/00_mean.ipynb", "01_scale/01_scale.ipynb"
DAY = 86_400
THEN = 1_700_000_000
Found = dict[tuple[str, str], Submission]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


def put(path: Path, content: bytes = NOTEBOOK, day: int = 0) -> Path:
    """A file that was written so many days after some moment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (THEN + day * DAY,) * 2)
    return path


def packed(path: Path, day: int = 0, **contents: bytes) -> Path:
    """An archive of notebooks, given as stage=content, as `mugrade submit` writes it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as file:
        for stage, content in contents.items():
            file.writestr(f"{path.stem}/{stage[1:]}/{stage[1:]}.ipynb", content)
    os.utime(path, (THEN + day * DAY,) * 2)
    return path


def day(number: int) -> datetime:
    return datetime.fromtimestamp(THEN + number * DAY, UTC)


def find(root: Path, roster: Sequence[str] | None = None, yes: bool = False) -> Found:
    table = None if roster is None else dict.fromkeys(roster, "")
    confirm = (lambda names: True) if yes else None
    (root.parent / "scratch").mkdir(exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=root.parent / "scratch"))
    found = find_submissions(root, STAGES, scratch, table, confirm)
    return {(s.student, s.stage): s for s in found}


def students(found: Found) -> list[str]:
    return sorted({student for student, _ in found})


def content(submission: Submission) -> bytes:
    assert submission.path is not None
    return submission.path.read_bytes()


def test_a_name_inside_takes_nothing_from_anybody(root: Path) -> None:
    pack(root / "bob.zip", f"bob/{MEAN}", content=NOTEBOOK + b" ")
    pack(root / "mallory.zip", f"bob/{MEAN}")
    found = find(root)
    assert students(found) == ["bob", "mallory"]
    assert content(found["bob", "00_mean"]) == NOTEBOOK + b" "
    assert found["bob", "00_mean"].notes == ()
    assert content(found["mallory", "00_mean"]) == NOTEBOOK
    assert found["mallory", "00_mean"].notes == ("mallory.zip says bob inside",)


def test_a_name_inside_makes_no_row(root: Path) -> None:
    pack(root / "submitted" / "mallory" / "x.zip", f"bob/{MEAN}")
    found = find(root)
    assert students(found) == ["mallory"]
    assert content(found["mallory", "00_mean"]) == NOTEBOOK


def test_forty_folders_in_an_archive_are_one_student(root: Path) -> None:
    names = [f"student{i:02}/{MEAN}" for i in range(40)]
    with zipfile.ZipFile(root / "mallory.zip", "w") as file:
        for i, name in enumerate(names):
            file.writestr(name, NOTEBOOK + b" " * i)
    (submission,) = find(root).values()
    assert submission.student == "mallory" and content(submission) == NOTEBOOK
    assert submission.passed_over == tuple(f"{name} in mallory.zip" for name in names[1:])


def test_folders_of_a_platform_that_hold_equally_called_archives(root: Path) -> None:
    for i, student in enumerate(("Ada L_1_file_", "Bob B_2_file_")):
        archive = root / student / "notebooks.zip"
        pack(archive, "notebooks/00_mean.ipynb", content=NOTEBOOK + b" " * i)
    found = find(root)
    assert [(s.student, content(s)) for s in found.values()] == [
        ("Ada L_1_file_", NOTEBOOK),
        ("Bob B_2_file_", NOTEBOOK + b" "),
    ]
    assert all(s.notes == () for s in found.values())


@pytest.mark.parametrize("link", ["ada", "{outside}", "nowhere", "bob"])
def test_a_link_in_place_of_a_student_is_a_row_with_a_reason(root: Path, link: str) -> None:
    put(root / "ada" / MEAN)
    put(root.parent / "outside" / MEAN)
    (root / "bob").symlink_to(link.format(outside=root.parent / "outside"))
    found = find(root)
    assert content(found["ada", "00_mean"]) == NOTEBOOK
    assert found["bob", "00_mean"].path is None
    assert found["bob", "00_mean"].others == ("a link in place of a folder, which is not followed",)


def test_a_link_to_a_folder_is_named_and_not_followed(root: Path) -> None:
    put(root / "ada" / MEAN)
    put(root / "bob" / SCALE)
    (root / "bob" / "more").symlink_to(root / "ada")
    bob = find(root)["bob", "01_scale"]
    assert bob.notes == ("more (a link, which is not followed)",)


def test_the_newest_of_several_is_taken_and_the_others_are_named(root: Path) -> None:
    put(root / "ada" / "00_mean.ipynb", NOTEBOOK + b"1", day=1)
    put(root / "ada" / "00_mean (1).ipynb", NOTEBOOK + b"3", day=3)
    packed(root / "ada.zip", 2, _00_mean=NOTEBOOK + b"2", _01_scale=NOTEBOOK)
    packed(root / "ada" / "late.zip", 0, _00_mean=NOTEBOOK + b"0")
    mean, scale = find(root).values()
    assert (content(mean), mean.taken) == (NOTEBOOK + b"3", "00_mean (1).ipynb")
    assert mean.handed_in == day(3)
    over = ("00_mean.ipynb", f"ada/{MEAN} in ada.zip", f"late/{MEAN} in late.zip")
    assert sorted(mean.passed_over) == sorted(over)
    assert "00_mean (1).ipynb is taken, not " in mean.notes[0]
    assert all(name in mean.notes[0] for name in over)
    assert (scale.handed_in, scale.passed_over, scale.notes) == (day(2), (), ())


def test_equal_notebooks_are_one_that_came_with_the_first(root: Path) -> None:
    put(root / "ada" / "00_mean.ipynb", day=2)
    put(root / "ada" / "00_mean (1).ipynb", day=5)
    packed(root / "ada.zip", 1, _00_mean=NOTEBOOK)
    put(root / "ada" / "00_mean (2).ipynb", NOTEBOOK + b" ", day=4)
    (mean,) = find(root).values()
    assert (content(mean), mean.handed_in) == (NOTEBOOK, day(1))
    assert mean.passed_over == ("00_mean (2).ipynb",)


def test_of_those_that_came_at_once_the_name_decides(root: Path) -> None:
    for i, name in enumerate(("00_mean-Copy1.ipynb", "00_mean.ipynb", "00_mean/00_mean.ipynb")):
        put(root / "ada" / name, NOTEBOOK + b" " * i)
    (mean,) = find(root).values()
    assert mean.path == root / "ada" / MEAN
    assert mean.passed_over == ("00_mean.ipynb", "00_mean-Copy1.ipynb")


def test_what_is_no_file_is_never_taken_before_one_that_is(root: Path) -> None:
    put(root / "ada" / "00_mean.ipynb")
    (root / "ada" / "00_mean (1).ipynb").symlink_to("/etc/passwd")
    os.mkfifo(root / "ada" / "00_mean (2).ipynb")
    (mean,) = find(root).values()
    assert content(mean) == NOTEBOOK
    assert set(mean.passed_over) == {"00_mean (1).ipynb", "00_mean (2).ipynb"}


@pytest.mark.parametrize(
    ("text", "hour"),
    [
        ("2023-11-20 10:11:12.131415 UTC", 10),
        ("2023-11-20 10:11:12 UTC\n", 10),
        ("2023-11-20 10:11:12.131415", 10),
        ("2023-11-20 10:11:12.131415 CET", 9),
        ("2023-11-20 10:11:12.131415 Asia/Tokyo", 1),
        ("2023-11-20 10:11:12 +0200", 8),
        ("2023-11-20T10:11:12-05:00", 15),
    ],
)
def test_when_nbgrader_collected_it(root: Path, text: str, hour: int) -> None:
    put(root / "submitted" / "ada" / MEAN)
    put(root / "submitted" / "ada" / "00_mean" / "timestamp.txt", text.encode())
    for folder in (root, root / "submitted"):
        (mean,) = find(folder).values()
        assert mean.handed_in is not None
        assert mean.handed_in.replace(microsecond=0) == datetime(2023, 11, 20, hour, 11, 12, 0, UTC)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"10",
        b"yesterday",
        b"2023-11-20",
        b"2023-99-20 10:11:12 UTC",
        b"0001-01-01 00:00:00 +0900",
        b"2023-11-20 10:11:12 Nowhere/Land",
        b"2023-11-20 10:11:12 ../../etc/passwd",
        b"2023-11-20 10:11:12 Europe",
        b"\xff\x00",
        b" " * 10_000_000 + b"2023-11-20 10:11:12 UTC",
    ],
)
def test_a_time_that_says_nothing_is_ignored(root: Path, text: bytes) -> None:
    put(root / "submitted" / "ada" / MEAN, day=7)
    put(root / "submitted" / "ada" / "00_mean" / "timestamp.txt", text)
    (mean,) = find(root).values()
    assert mean.handed_in == day(7)


@pytest.mark.parametrize("kind", ["link", "FIFO", "folder", "plain layout", "archive"])
def test_a_time_that_is_not_nbgraders_is_ignored(root: Path, kind: str) -> None:
    said = b"2023-01-01 00:00:00 UTC"
    folder = root / ("plain" if kind == "plain layout" else "submitted")
    time = folder / "ada" / "00_mean" / "timestamp.txt"
    time.parent.mkdir(parents=True)
    match kind:
        case "link":
            time.symlink_to(put(root / "time", said))
        case "FIFO":
            os.mkfifo(time)
        case "folder":
            time.mkdir()
        case "archive":
            with zipfile.ZipFile(folder / "ada.zip", "w") as file:
                file.writestr("ada/00_mean/timestamp.txt", said)
                file.writestr(f"ada/{MEAN}", NOTEBOOK)
            os.utime(folder / "ada.zip", (THEN + 7 * DAY,) * 2)
        case _:
            put(time, said)
    if kind != "archive":
        put(folder / "ada" / MEAN, day=7)
    (mean,) = find(folder).values()
    assert mean.handed_in == day(7)


def test_no_archive_takes_the_place_of_another_students_file(root: Path) -> None:
    pack(root / "ada.zip", "ada.ipynb", "00_mean.ipynb", "../bob/00_mean.ipynb")
    pack(root / "bob.zip", "../ada/00_mean.ipynb", "00_mean.ipynb", content=NOTEBOOK + b" ")
    found = find(root)
    assert content(found["ada", "00_mean"]) == NOTEBOOK
    assert content(found["bob", "00_mean"]) == NOTEBOOK + b" "
    assert found["ada", "00_mean"].others[-1] == "ada.ipynb in ada.zip"


def test_an_archive_in_an_archive_is_named(root: Path) -> None:
    inner = pack(root.parent / "inner.zip", "00_mean.ipynb").read_bytes()
    with zipfile.ZipFile(root / "ada.zip", "w") as file:
        file.writestr("more/old.zip", inner)
        file.writestr("01_scale.ipynb", NOTEBOOK)
    (scale,) = find(root).values()
    assert scale.notes == ("more/old.zip in ada.zip (an archive in an archive is not opened)",)


def test_what_one_student_packs_takes_no_room_from_another(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mugrade.grader.desk.MAX_UNPACKED", 1 << 20)
    for i in range(20):
        pack(root / "eve" / f"{i}.zip", "00_mean.ipynb", content=bytes(100_000 + i))
    pack(root / "fay.zip", "00_mean.ipynb")
    found = find(root)
    assert content(found["fay", "00_mean"]) == NOTEBOOK
    unpacked = [p for p in root.parent.rglob("*.ipynb") if not p.is_relative_to(root)]
    assert sum(p.stat().st_size for p in unpacked) <= (1 << 20) + len(NOTEBOOK)
    assert "it unpacks to more than 1 MB" in str(found["eve", "00_mean"].notes)


def test_two_folders_that_read_alike_are_not_one_student(root: Path) -> None:
    os.mkdir(os.fsencode(root) + b"/b\xe9la")
    put(root / "b\\xe9la" / MEAN)
    with pytest.raises(Unreadable, match="two students are called"):
        find(root)


def class_archive(root: Path) -> Path:
    """A class as a platform packs it: notebooks, an archive of a student, a folder without any."""
    inner = packed(root.parent / "bob.zip", 0, _00_mean=NOTEBOOK + b"bob").read_bytes()
    with zipfile.ZipFile(root / "class.zip", "w") as file:
        file.writestr("ada/00_mean.ipynb", NOTEBOOK + b"ada")
        file.writestr("Bob_2_file_/bob.zip", inner)
        file.writestr("carl/report.pdf", b"")
        file.writestr("dora/", b"")
        file.writestr("emmy.zip", inner)
        file.writestr("README.txt", b"")
        file.writestr("__MACOSX/ada/._00_mean.ipynb", b"")
        file.writestr("../fay/00_mean.ipynb", NOTEBOOK + b"fay")
    return root / "class.zip"


def test_the_archive_of_a_class_holds_students(root: Path) -> None:
    found = find(class_archive(root), yes=True)
    assert {student: s.path and s.path.read_bytes()[-3:] for (student, _), s in found.items()} == {
        "ada": b"ada",
        "Bob_2_file_": b"bob",
        "carl": None,
        "dora": None,
        "emmy": b"bob",
        "class": None,
    }
    assert "00_mean.ipynb in class.zip" in found["class", "00_mean"].others[0]
    assert found["emmy", "00_mean"].notes == ("emmy.zip says bob inside",)


def test_students_in_an_archive_are_in_the_roster_or_confirmed(root: Path) -> None:
    path = pack(root / "class.zip", *(f"{name}/{MEAN}" for name in ("ada", "bob", "carl")))
    with pytest.raises(Unreadable, match=r"3 students \(ada, bob, carl\): .*--roster FILE.*--yes"):
        find(path)
    with pytest.raises(Unreadable, match=r"1 student \(bob\)"):
        find(path, ["ada", "carl", "dora"])
    assert students(find(path, ["ada", "bob", "carl"])) == ["ada", "bob", "carl"]
    asked: list[Sequence[str]] = []
    find_submissions(path, STAGES, root, {"carl": ""}, lambda names: bool(asked.append(names)) or 1)
    assert asked == [["ada", "bob"]]
    assert students(find(pack(root / "ada.zip", f"ada/{MEAN}", SCALE))) == ["ada"]


def test_who_is_not_in_the_roster_is_graded_and_named(root: Path) -> None:
    put(root / "ada" / MEAN)
    put(root / "gaussada_123" / MEAN)
    found = find(root, ["ada", "gauss"])
    assert found["ada", "00_mean"].notes == ()
    assert found["gaussada_123", "00_mean"].path
    assert found["gaussada_123", "00_mean"].notes == ("not in the roster",)


@pytest.mark.parametrize(
    ("text", "students"),
    [
        ("student\nada\nbob\n", {"ada": "", "bob": ""}),
        ("\ufeffName,ID\r\nAda L.,ada\r\n\r\n", {"ada": "Ada L."}),
        ('id,username,name\n17,ada,"L, A"\n18,bob\n', {"17": "L, A", "18": ""}),
        ("id,student\n17,ada\n", {"ada": ""}),
        ("username,section\n ada , 2\n", {"ada": ""}),
    ],
)
def test_rosters(tmp_path: Path, text: str, students: dict[str, str]) -> None:
    assert read_roster(put(tmp_path / "roster.csv", text.encode())) == students


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the roster is not CSV (there is nothing in it)"),
        (b"First name,Note\nAda,a@b\n", "it says first name, note"),
        (b"student\n\n", "names no student"),
        (b"student,name\nada,A\n,B\n", "row 3 of the roster names no student"),
        (b"student\nada\nbob\nada\n", "row 4 of the roster names ada again"),
        (b"student\n\xff\xfe\n", "not UTF-8"),
        (b'student\n"ada', "not CSV"),
        (b"student\n" + b"x" * 200_000, "not CSV"),
        (None, "cannot be read"),
    ],
)
def test_a_broken_roster_is_one_sentence(tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "roster.csv"
    if content is not None:
        put(path, content)
    with pytest.raises(Unreadable, match=r"^[^\n]+$") as error:
        read_roster(path)
    assert said in str(error.value) and str(path) in str(error.value)


def test_the_row_says_what_was_not_taken(tiny: Course, tmp_path: Path) -> None:
    path = hand_in(tiny, tmp_path / "in" / "ada", "00_mean")
    older = put(path.with_name("00_mean (1).ipynb"), path.read_bytes() + b" ", day=1)
    out = tmp_path / "out"
    order = Order(tiny, tmp_path / "in", out, LIMITS, accept_weak=True)
    printed = Console(file=io.StringIO(), width=200)
    said = "00_mean.ipynb is taken, not 00_mean (1).ipynb"
    assert grade_class(order, printed)
    assert said in printed.file.getvalue()  # type: ignore[attr-defined]
    attempt = Store.open(out / NAME).standing("ada", "00_mean", Settings()).attempt
    assert (attempt.status, attempt.summary) == ("graded", said)
    prints = Fingerprints(tiny, LIMITS, own=False)
    before = prints.of(find(tmp_path / "in")["ada", "00_mean"], {})
    older.unlink()
    assert prints.of(find(tmp_path / "in")["ada", "00_mean"], {}) != before


def test_grading_the_archive_of_a_class(tiny: Course, tmp_path: Path) -> None:
    solved = hand_in(tiny, tmp_path / "ada", "00_mean").read_bytes()
    path = pack(tmp_path / "class.zip", f"ada/{MEAN}", f"\x1bob/{MEAN}", content=solved)
    roster = put(tmp_path / "roster.csv", b"username,name\nada,Ada\n")

    def grade(*options: str) -> tuple[int, str]:
        command = ["grade", str(path), "--course", str(tiny.root), "--out", str(tmp_path / "out")]
        outcome = CliRunner().invoke(app, [*command, "--accept-weak-sandbox", *options])
        return outcome.exit_code, outcome.output

    code, text = grade()
    assert code == 1 and "2 students (\ufffdob, ada)" in text
    assert "--roster FILE" in text and "--yes" in text and "\x1b" not in text
    code, text = grade("--roster", str(roster))
    assert code == 1 and "1 student (\ufffdob)" in text
    code, text = grade("--roster", str(tmp_path / "gone.csv"))
    assert code == 1 and re.search(r"^\S+gone.csv: the roster cannot be read[^\n]+$", text, re.M)
    assert not (tmp_path / "out" / NAME).exists()
    code, text = grade("--yes", "--roster", str(roster))
    assert code == 0, text
    assert re.search(r"ada +00_mean +2/2 *\n", text) and "not in the roster" in text


def test_the_question_names_the_students_and_no_means_no(tiny: Course, tmp_path: Path) -> None:
    path = pack(tmp_path / "class.zip", f"ada/{MEAN}", f"bob/{MEAN}")
    out = tmp_path / "out"
    command = ["grade", str(path), "--course", str(tiny.root), "--out", str(out)]
    ours, theirs = pty.openpty()
    with contextlib.ExitStack() as stack:
        for fd in (ours, theirs):
            stack.callback(os.close, fd)
        os.write(ours, b"n\n")
        said = subprocess.run(
            [sys.executable, "-m", "mugrade", *command],
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
        )
    assert said.returncode == 1 and not out.exists()
    assert "ada, bob\n" in said.stdout and "grade these 2 as students? [y/N]" in said.stdout
    assert "nothing is graded" in said.stdout.splitlines()[-1]


HOSTILE = ("bob", "ada", "mallory", "..", "submitted", "notebooks", "00_mean", "C:", "x" * 300, "é")
NAMES = ("00_mean.ipynb", "00_mean (1).ipynb", "01_scale.ipynb", "01_scale_bob.ipynb", "bob.ipynb")
INSIDE = st.tuples(st.lists(st.sampled_from(HOSTILE), max_size=4), st.sampled_from(NAMES)).map(
    lambda found: "/".join([*found[0], found[1]])
)
HandIn = tuple[str, str, list[str], int]  # student, place, paths in an archive, day
PLACES = ("{}.zip", "{}/work.zip", "{}/00_mean/x.zip", "{}/old/y.ZIP")
FOLDERS = ("{}", "{}/00_mean", "{}/01_scale", "{}/bob/00_mean")


@st.composite
def deliveries(draw: st.DrawFn) -> list[HandIn]:
    student = st.sampled_from(("ada", "bob", "mallory", "Ada L_12"))
    zipped = st.tuples(student, st.sampled_from(PLACES), st.lists(INSIDE, max_size=4))
    plain = st.tuples(
        student,
        st.tuples(st.sampled_from(FOLDERS), st.sampled_from(NAMES)).map("/".join),
        st.just([]),
    )
    found = draw(st.lists(zipped | plain, min_size=1, max_size=8, unique_by=lambda d: d[:2]))
    return [(*delivery, draw(st.integers(0, 3))) for delivery in found]


def deliver(
    root: Path, hand_ins: Sequence[tuple[str, str, list[str], int]]
) -> dict[bytes, tuple[str, ...]]:
    """Write what is handed in; what every notebook holds, and the names of where it lies."""
    lies: dict[bytes, tuple[str, ...]] = {}
    for student, place, inside, when in hand_ins:
        path = root / place.format(student)
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".ipynb":
            text = json.dumps({"cells": [], "of": student, "n": len(lies)}).encode()
            lies[text] = (path.name,)
            put(path, text, when)
            continue
        with zipfile.ZipFile(path, "w") as file:
            for name in dict.fromkeys(inside):
                text = json.dumps({"cells": [], "of": student, "n": len(lies)}).encode()
                file.writestr(name, text)
                hidden = path.parent.name == "old"  # where no archive is opened
                lies[text] = (path.name,) if hidden else (PurePath(name).name, path.name)
        os.utime(path, (THEN + when * DAY,) * 2)
    return lies


@settings(max_examples=200)
@given(hand_ins=deliveries())
def test_nobodys_file_touches_another_and_none_vanishes(
    hand_ins: list[HandIn],
) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name) / "in"
        root.mkdir()
        lies = deliver(root, hand_ins)
        before = {p: p.read_bytes() for p in root.rglob("*") if p.is_file()}
        try:
            found = find(root)
        except Unreadable as error:
            assert "no notebook called like a stage" in str(error)
            return
        assert students(found) == sorted({student for student, *_ in hand_ins})
        for text, where in lies.items():
            student = json.loads(text)["of"]
            rows = [s for s in found.values() if s.student == student]
            taken = any(s.path and s.path.read_bytes() == text for s in rows)
            named = [name for s in rows for name in (*s.passed_over, *s.others)]
            assert taken or any(all(part in text for part in where) for text in named), where
        for submission in found.values():
            if submission.path:
                assert json.loads(content(submission))["of"] == submission.student
                assert submission.handed_in is not None and read_cells(submission.path) == []
        assert {p: p.read_bytes() for p in root.rglob("*") if p.is_file()} == before
        assert {p.name for p in Path(name).iterdir()} == {"in", "scratch"}


@settings(max_examples=100)
@given(inside=st.lists(INSIDE, min_size=1, max_size=8, unique=True))
def test_a_class_is_who_has_a_folder_in_its_archive(inside: list[str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        path = pack(Path(name) / "class.zip", *inside)
        parts = [PurePath(text.removeprefix("submitted/")).parts for text in inside]
        bare = {len(p) == 1 or ".." in p or p[0] in STAGES for p in parts}
        expected = {p[0] for p in parts if len(p) > 1 and ".." not in p and p[0] not in STAGES}
        asked: list[str] = []

        def confirm(names: Sequence[str]) -> bool:
            asked.extend(names)
            return True

        scratch = Path(name) / "scratch"
        try:
            found = find_submissions(path, STAGES, scratch, None, confirm)
        except Unreadable as error:
            assert "no notebook called like a stage" in str(error)
            return
        assert {s.student for s in found} == expected | ({"class"} if True in bare else set())
        assert asked == sorted(expected)
        assert {p.name for p in Path(name).iterdir()} <= {"class.zip", "scratch"}
