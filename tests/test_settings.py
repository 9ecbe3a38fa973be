"""solutions/course.toml: what is said holds, what is not understood is said."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from mugrade.author.course import load_course
from mugrade.author.settings import Policy, Settings, read_settings
from mugrade.errors import CourseError
from tests.conftest import ROOT
from tests.tiny import write_course


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_course(tmp_path)


def written(root: Path, text: str) -> Settings:
    (root / "solutions" / "course.toml").write_text(text)
    return read_settings(root)


def test_a_course_without_settings_has_the_defaults(root: Path) -> None:
    assert read_settings(root) == Settings("", Policy.last, {}, ())


def test_what_is_said_holds(root: Path) -> None:
    text = """
    format = 1
    title = "Means"
    [grading]
    policy = "best"
    [deadlines]
    00 = 2027-03-01T10:00:00+01:00
    01_scale = 2027-03-01T10:00:00
    """
    found = written(root, text)
    assert (found.title, found.policy, found.warnings) == ("Means", Policy.best, ())
    assert found.deadline("00_mean") == datetime(2027, 3, 1, 9, tzinfo=UTC)
    assert found.deadline("01_scale") == datetime(2027, 3, 1, 10).astimezone()
    assert found.deadline("02_more") is None
    assert load_course(root).settings == found


def test_what_is_not_understood_is_a_warning_each(root: Path) -> None:
    found = written(
        root, "colour = 1\n[grading]\npolcy = 'best'\n[deadlines]\n07 = 2027-01-01T00:00:00Z"
    )
    assert found.policy is Policy.last
    assert [w.split(" is ")[0] for w in found.warnings] == [
        "course.toml: colour",
        "course.toml: grading.polcy",
        "course.toml: deadlines.07",
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("format = 2", "format 2 is of a newer mugrade: upgrade mugrade"),
        ("format = true", "format: True is not the number 1"),
        ("title = 3", "title: 3 is not text"),
        ("grading = 3", "grading: 3 is not a table"),
        ("[grading]\npolicy = 'first'", "grading.policy: 'first' is none of last, best"),
        ("[grading]\npolicy = ['last']", "grading.policy: .* is none of"),
        ("[deadlines]\n00 = 2027-03-01", "deadlines.00: 2027-03-01 is not a date with a time"),
        ("[deadlines]\n00 = 'monday'", "deadlines.00: monday is not a date with a time"),
        ("title = ", "cannot be read"),
    ],
)
def test_what_cannot_be_meant_is_one_sentence(root: Path, text: str, says: str) -> None:
    with pytest.raises(CourseError, match=f"^course.toml: {says}") as error:
        written(root, text)
    assert len(str(error.value).splitlines()) == 1


def test_this_course_says_nothing_that_is_not_understood() -> None:
    assert read_settings(ROOT).warnings == ()
