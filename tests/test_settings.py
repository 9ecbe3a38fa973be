"""solutions/course.toml: what is said holds, what is not understood is said."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mugrade.author.forgotten import forgotten
from mugrade.course.datasets import DataFile, DataSet
from mugrade.course.reading import load_course
from mugrade.course.settings import Late, Policy, Settings, read_settings
from mugrade.course.site import Site
from mugrade.errors import CourseError
from mugrade.sandbox.limits import Limits
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


WHOLE = f"""
package = "stats"
libraries = ["SciPy >= 1.11", "numpy"]
[limits]
check = 30
memory = 4096
[limits.01]
check = 90
total = 400
processes = 128
[points]
00 = 2
01_scale = 8
[data.people]
mirrors = ["https://example.org/people/"]
files = [{{name = "people.csv", size = 30, sha256 = "{"0" * 64}"}}]
"""


def test_what_a_course_says_of_its_world_holds(root: Path) -> None:
    found = written(root, WHOLE)
    assert found.warnings == ()
    assert (found.package, found.libraries) == ("stats", ("numpy", "SciPy>=1.11"))
    assert found.limits_of("00_mean") == {"check": 30, "memory": 4096}
    of_scale = {"check": 90, "memory": 4096, "total": 400, "processes": 128}
    assert found.limits_of("01_scale") == of_scale
    assert [found.points_of(s) for s in ("00_mean", "01_scale", "02_more")] == [2, 8, None]
    files = (DataFile("people.csv", 30, "0" * 64),)
    assert found.data == {"people": DataSet(("https://example.org/people",), files)}
    assert load_course(root).settings == found


def test_limits_are_what_the_course_says_or_the_usual_ones(root: Path) -> None:
    usual = Limits(check=5)
    assert usual.but({}) == usual
    found = usual.but({"check": 30, "memory": 4096})
    assert found == Limits(check=30, total=180, memory=4 << 30)
    assert usual.but({"check": 30, "total": 31}).total == 31


@given(st.floats(0.1, 1e6))
def test_seconds_of_the_command_line_override_all_that_is_said(seconds: float) -> None:
    said = {"": {"check": 3.0, "memory": 9.0}, "01": {"check": 7.0, "total": 8.0, "load": 1.0}}
    found = Settings(limits=said).with_seconds(seconds)
    assert found.limits_of("00_mean") == {"check": seconds, "memory": 9}
    assert found.limits_of("01_scale") == {"check": seconds, "memory": 9, "load": 1}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[points]\n01 = 9", "01_scale.py:1: its checks give 8 points, and course.toml says 9"),
        ("package = 'other'", "course.toml:1: package: the cells build stats, and not other"),
    ],
)
def test_what_the_cells_contradict_is_one_sentence(root: Path, text: str, says: str) -> None:
    written(root, text)
    with pytest.raises(CourseError, match=f"^{says}") as error:
        load_course(root)
    assert len(str(error.value).splitlines()) == 1


def test_points_that_are_said_are_not_guessed(root: Path) -> None:
    written(root, "[points]\n00 = 2\n01 = 8\n")
    assert not [line for line in forgotten(load_course(root)) if "points" in line]


def test_what_is_not_understood_is_a_warning_each(root: Path) -> None:
    found = written(
        root,
        "colour = 1\n[limits]\nspeed = 1\n07.check = 1\n01.speed = 3\n[points]\n08 = 1\n"
        "[grading]\npolcy = 'best'\n[late]\nper_day = 3\n[site]\nrepo = 'x'\n"
        "[deadlines]\n07 = 2027-01-01T00:00:00Z",
    )
    assert found.policy is Policy.last
    assert [w.split(" is ")[0] for w in found.warnings] == [
        "course.toml: colour",
        "course.toml: grading.polcy",
        "course.toml: late.per_day",
        "course.toml: site.repo",
        "course.toml: deadlines.07",
        "course.toml: limits.07",
        "course.toml: limits.speed",
        "course.toml: points.08",
        "course.toml: limits.01.speed",
    ]


def a_file(
    name: str = "'y'",
    size: str = "1",
    sha256: str = f"'{'0' * 64}'",
    mirrors: str = "['https://x']",
    files: str = "",
    twice: bool = False,
) -> str:
    """A data set with one file, or with two of the same name."""
    file = f"{{name = {name}, size = {size}, sha256 = {sha256}}}"
    return f"[data.x]\nmirrors = {mirrors}\nfiles = {files or [file, file][: 1 + twice]}".replace(
        '"', ""
    )


REPOSITORY = "repository = 'https://github.com/you/course.git'"


def test_what_a_course_says_of_its_site_holds(root: Path) -> None:
    found = written(root, f"[site]\n{REPOSITORY}\nbranch = 'a/b'\ninstall = 'x'\ncolab = true")
    assert (found.site, found.warnings) == (Site("you/course", "a/b", "x", colab=True), ())


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
        ("package = 3", "package: 3 is not text"),
        ("package = 'a-b'", "package: 'a-b' is not a name for a package"),
        ("package = 'A'", "package: 'A' is not a name for a package"),
        ("libraries = 'scipy'", "libraries: 'scipy' is not a list"),
        ("libraries = [3]", "libraries: 3 is not a library with its versions"),
        ("libraries = ['scipy=1']", "libraries: 'scipy=1' is not a library with its versions"),
        ("libraries = ['']", "libraries: '' is not a library with its versions"),
        ("libraries = ['a @ https://x/a.whl']", "libraries: 'a @ .*' is not a library with"),
        ("libraries = ['a-b', 'A_b>1']", "libraries: A_b is named twice"),
        ("limits = 3", "limits: 3 is not a table"),
        ("[limits]\ncheck = 0", "limits.check: 0 is not above 0"),
        ("[limits]\ncheck = '9'", "limits.check: '9' is not above 0"),
        ("[limits]\nload = nan", "limits.load: nan is not above 0"),
        ("[limits]\ntotal = inf", "limits.total: inf is not above 0"),
        ("[limits]\ncheck = {}", "limits.check: {} is not above 0"),
        ("[limits]\nmemory = 1.5", "limits.memory: 1.5 is not a whole number from 1 to 1048576"),
        ("[limits]\nmemory = true", "limits.memory: True is not a whole number"),
        ("[limits]\nprocesses = 5000", "limits.processes: 5000 is not a whole number from 1 to"),
        ("[limits.01]\ncheck = -1", "limits.01.check: -1 is not above 0"),
        ("points = 100", "points: 100 is not a table"),
        ("[points]\n00 = 0", "points.00: 0 is not a whole number above 0"),
        ("[points]\n00 = 1.5", "points.00: 1.5 is not a whole number above 0"),
        ("data = []", r"data: \[\] is not a table"),
        ("data.x = 3", "data.x: 3 is not a table with mirrors and files"),
        ("[data.'a/b']", "data.a/b: a name has lower-case letters, digits and hyphens"),
        (a_file(mirrors="[]"), r"data.x.mirrors: \[\] is not a list of URLs"),
        (a_file(mirrors="['/tmp']"), r"data.x.mirrors: \['/tmp'\] is not a list of URLs"),
        (a_file(mirrors="['http://[']"), "data.x.mirrors: .* is not a list of URLs"),
        (a_file(files="[]"), r"data.x.files: \[\] is not a list of tables with name, size and"),
        (a_file(files="[3]"), "data.x.files: 3 is not a table with name, size and sha256"),
        (a_file(name="'../y'"), "data.x.files.name: '../y' is not the name of a file"),
        (a_file(name="'..'"), "data.x.files.name: '..' is not the name of a file"),
        (a_file(name="3"), "data.x.files.name: 3 is not the name of a file"),
        (a_file(size="-1"), "data.x.files.size: -1 is not a number of bytes"),
        (a_file(size="true"), "data.x.files.size: True is not a number of bytes"),
        (a_file(sha256="'00'"), "data.x.files.sha256: '00' is not a SHA-256"),
        (a_file(twice=True), "data.x.files: a name is there twice"),
        ("site = 3", "site: 3 is not a table"),
        ("[site]\nrepository = 'you/course'", "site.repository: .* is not a repository on GitHub"),
        ("[site]\nbranch = '-x'", "site.branch: '-x' is not the name of a branch"),
        ("[site]\ninstall = 'a\"b'", "site.install: .* is not what pip installs, such as"),
        ("[site]\ninstall = 3", "site.install: 3 is not what pip installs"),
        ("[site]\ncolab = 'yes'", "site.colab: 'yes' is not true or false"),
        ("[site]\nbinder = true", "site.binder needs site.repository, a repository on GitHub"),
        (f"[site]\ncolab = true\n{REPOSITORY}", "site.colab needs site.install, what pip installs"),
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
