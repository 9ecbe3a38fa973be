"""Rosters as platforms export them, and what they say about deadlines."""

import unicodedata
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mugrade.course.roster import Enrolled, folder_name, read_class, read_roster
from mugrade.course.settings import Late, Settings, read_settings
from mugrade.errors import CourseError, Unreadable
from mugrade.grader.models import Attempt
from mugrade.grader.policy import is_late, penalty

CANVAS = """Student,ID,SIS Login ID,Section,03 logsumexp (77)
    Points Possible,,,,100
"O'Neil-Smith, Zoë",12345,zos,Tuesday,
"Wei, Li",12346,liwei1,Monday,90
"Wei, Li",12347,liwei2,Monday,
"Student, Test",99,,,
"""
PARTICIPANTS = """First name,Last name,ID number,Email address,Groups,Roles
Zoë,O'Neil-Smith,s1,zoe@uni.edu,A,Student
Ada,Teacher,,ada@uni.edu,,Teacher
Li,Wei,,li@uni.edu,B,Student
"""
WORKSHEET = """Identifier,Full name,Email address,Status,Grade
Participant 4711,Zoë O'Neil-Smith,zoe@uni.edu,Submitted for grading,
"""
GRADESCOPE = """First Name,Last Name,SID,Email,Role,Sections
Zoë,O'Neil-Smith,s1,zoe@uni.edu,Student,A
Tea,Cher,,tea@uni.edu,Instructor,
"""
BLACKBOARD = '"Last Name"\t"First Name"\t"Username"\t"Student ID"\n"Neil"\t"Zoë"\t"zos"\t"77"\n'
BRIGHTSPACE = (
    "OrgDefinedId,Username,Last Name,First Name,Email,End-of-Line Indicator\n"
    "#77,#zos,Neil,Zoë,zoe@uni.edu,#\n"
)
GITHUB = '"identifier","github_username","github_id","name"\n"zoe@uni.edu","zos-hub","9","Zoë"\n'
GERMAN = "student;name;section\nzos;Zoë;Dienstag\n"


def put(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "roster.csv"
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize(
    ("text", "id", "name", "aliases"),
    [
        (CANVAS, "zos", "O'Neil-Smith, Zoë", {"12345"}),
        (PARTICIPANTS, "s1", "Zoë O'Neil-Smith", {"zoe@uni.edu"}),
        (WORKSHEET, "zoe@uni.edu", "Zoë O'Neil-Smith", {"4711", "Participant 4711"}),
        (GRADESCOPE, "s1", "Zoë O'Neil-Smith", {"zoe@uni.edu"}),
        (BRIGHTSPACE, "zos", "Zoë Neil", {"77", "zoe@uni.edu"}),
        (GITHUB, "zoe@uni.edu", "Zoë", {"9", "zos-hub"}),
        (GERMAN, "zos", "Zoë", set()),
    ],
)
def test_what_platforms_export(
    tmp_path: Path, text: str, id: str, name: str, aliases: set[str]
) -> None:
    first = read_class(put(tmp_path, text))[0]
    assert (first.id, first.name) == (id, name)
    assert first.aliases == aliases


def test_blackboard_writes_utf16(tmp_path: Path) -> None:
    assert read_roster(put(tmp_path, BLACKBOARD, "utf-16")) == {"zos": "Zoë Neil"}


def test_rows_that_are_no_students_are_left_out(tmp_path: Path) -> None:
    assert list(read_roster(put(tmp_path, CANVAS))) == ["zos", "liwei1", "liwei2"]
    assert list(read_roster(put(tmp_path, PARTICIPANTS))) == ["s1", "li@uni.edu"]
    assert list(read_roster(put(tmp_path, GRADESCOPE))) == ["s1"]


def test_one_student_under_two_ids_is_asked_about(tmp_path: Path) -> None:
    path = put(tmp_path, "id,email\nada,a@uni.edu\nada2,A@uni.edu\n")
    with pytest.raises(Unreadable, match=r"rows 2 and 3 .*: are ada and ada2 one student\?"):
        read_class(path)


def test_extensions_move_a_deadline_and_never_forward(tmp_path: Path) -> None:
    header = "student,extension,extension 03,extension_04_logsoftmax\n"
    rows = "ada,2 days,,\nbob,,12 h,\ncarl,,2027-03-08,2027-02-01T10:00:00+00:00\n"
    students = read_class(put(tmp_path, header + rows))
    due = datetime(2027, 3, 1, 12, tzinfo=UTC)
    settings = Settings(deadlines={"03": due, "04": due}, students=students)
    name, other = "03_logsumexp", "04_logsoftmax"
    assert settings.deadline(name) == settings.deadline(name, "dora") == due
    assert settings.deadline(name, "ada") == settings.deadline(other, "ada")
    assert settings.deadline(name, "ada") == due + timedelta(days=2)
    assert settings.deadline(name, "bob") == due + timedelta(hours=12)
    assert settings.deadline(other, "bob") == settings.deadline(other, "carl") == due
    assert settings.deadline(name, "carl") == datetime(2027, 3, 8, 23, 59, 59).astimezone()
    assert settings.deadline("05_norms", "ada") is None


def test_an_extension_that_cannot_be_meant_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match=r"row 2 of the roster: the extension next week is none"):
        read_class(put(tmp_path, "student,extension\nada,next week\n"))


def test_the_course_can_name_its_roster(tmp_path: Path) -> None:
    (tmp_path / "solutions").mkdir()
    toml = tmp_path / "solutions" / "course.toml"
    toml.write_text("[grading]\nroster = 'roster.csv'\n[deadlines]\n03 = 2027-03-01T12:00:00Z\n")
    with pytest.raises(CourseError, match=r"course.toml: grading.roster: .*cannot be read"):
        read_settings(tmp_path)
    put(tmp_path, "student,extension\nada,1 day\n")
    settings = read_settings(tmp_path)
    due = datetime(2027, 3, 1, 12, tzinfo=UTC)
    assert settings.deadline("03_x", "ada") == due + timedelta(days=1)
    assert settings.late_percent("03_x", due + timedelta(hours=1), "ada") == 0


def test_an_extension_counts_in_the_grade() -> None:
    due = datetime(2027, 3, 1, 12, tzinfo=UTC)
    ada = Enrolled("ada", extensions={"03": timedelta(days=1)})
    settings = Settings(deadlines={"03": due}, late=Late(10, 50), students=(ada,))
    for student, over, cost in (("ada", 24, 0), ("ada", 25, 10), ("bob", 1, 10), ("bob", 0, 0)):
        handed_in = due + timedelta(hours=over)
        attempt = Attempt(student=student, stage="03_x", max_points=100, handed_in=handed_in)
        assert penalty(attempt, settings) == cost
        assert is_late(attempt, settings) == bool(cost)


def test_after_the_cut_off_lateness_costs_everything() -> None:
    late = Late(10, 50, 0, 7)
    assert [late.percent(timedelta(days=d)) for d in (0, 1, 7, 7.1)] == [0, 10, 50, 100]


@given(st.text())
def test_an_id_becomes_the_name_of_a_folder_everywhere(id: str) -> None:
    name = folder_name(id)
    assert name and name == name.strip(". ") and len(name) <= 90
    assert not set(name) & set('<>:"/\\|?*+\0\n')
    assert name.split(".")[0].casefold() not in {"con", "prn", "aux", "nul", "com1", "lpt9"}


@given(st.text(), st.text())
def test_two_ids_are_two_folders(one: str, other: str) -> None:
    folders = {Enrolled(one).folder, Enrolled(other).folder}
    assert len(folders) == len({unicodedata.normalize("NFC", id) for id in (one, other)})


@pytest.mark.parametrize("id", ["ada", "a.b@uni.edu", "12345", "von_der_berg", "李伟"])
def test_a_usual_id_is_its_folder(id: str) -> None:
    assert folder_name(id) == id
