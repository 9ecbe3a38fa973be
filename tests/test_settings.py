"""solutions/course.toml: what is said holds, what is not understood is said."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mugrade.course.reading import load_course
from mugrade.course.settings import Late, Policy, Settings, read_settings
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
    [late]
    percent_per_day = 12.5
    most = 40
    """
    found = written(root, text)
    assert found.late == Late(12.5, 40, 0)
    assert (found.title, found.policy, found.warnings) == ("Means", Policy.best, ())
    assert found.deadline("00_mean") == datetime(2027, 3, 1, 9, tzinfo=UTC)
    assert found.deadline("01_scale") == datetime(2027, 3, 1, 10).astimezone()
    assert found.deadline("02_more") is None
    assert load_course(root).settings == found


def test_what_is_not_understood_is_a_warning_each(root: Path) -> None:
    found = written(
        root,
        "colour = 1\n[grading]\npolcy = 'best'\n[late]\nper_day = 3\n"
        "[deadlines]\n07 = 2027-01-01T00:00:00Z",
    )
    assert found.policy is Policy.last
    assert [w.split(" is ")[0] for w in found.warnings] == [
        "course.toml: colour",
        "course.toml: grading.polcy",
        "course.toml: late.per_day",
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
        ("late = 3", "late: 3 is not a table"),
        ("[late]\npercent_per_day = 'ten'", "late.percent_per_day: 'ten' is not from 0 to 100"),
        ("[late]\nmost = 101", "late.most: 101 is not from 0 to 100"),
        ("[late]\nmost = nan", "late.most: nan is not from 0 to 100"),
        ("[late]\ngrace_minutes = -1", "late.grace_minutes: -1 is not a number that is not neg"),
        ("[late]\ngrace_minutes = inf", "late.grace_minutes: inf is not a number"),
        ("[late]\ngrace_minutes = true", "late.grace_minutes: True is not a number"),
    ],
)
def test_what_cannot_be_meant_is_one_sentence(root: Path, text: str, says: str) -> None:
    with pytest.raises(CourseError, match=f"^course.toml: {says}") as error:
        written(root, text)
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("over", "percent"),
    [
        (timedelta(days=-1), 0),
        (timedelta(0), 0),
        (timedelta(minutes=30), 0),
        (timedelta(minutes=30, seconds=1), 10),
        (timedelta(days=1), 10),
        (timedelta(days=1, seconds=1), 20),
        (timedelta(days=9), 45),
    ],
)
def test_lateness_costs_by_the_day_begun(over: timedelta, percent: float) -> None:
    assert Late(10, 45, 30).percent(over) == percent
    deadline = datetime(2027, 3, 1, tzinfo=UTC)
    found = Settings(deadlines={"00": deadline}, late=Late(10, 45, 30))
    assert found.late_percent("00_mean", deadline + over) == percent
    assert found.late_percent("00_mean", None) == found.late_percent("01", deadline + over) == 0


def test_this_course_says_nothing_that_is_not_understood() -> None:
    assert read_settings(ROOT).warnings == ()
