"""`mugrade new`: a course that works as it is, stages and exercises for it, and no odd name."""

import re
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from mugrade.author.build import build_course, check_build
from mugrade.author.forgotten import forgotten
from mugrade.author.new import TEMPLATES, new_course, new_exercise, new_stage
from mugrade.author.playable import obstacles
from mugrade.cli import app
from mugrade.course.model import Course
from mugrade.course.reading import load_course
from mugrade.errors import CourseError
from tests.test_build import files
from tests.tiny import write_course


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Course:
    """A new course, built; not to be changed."""
    root = tmp_path_factory.mktemp("new") / "my-course"
    new_course(root)
    course = load_course(root)
    build_course(course)
    return course


@pytest.fixture
def copy(fresh: Course, tmp_path: Path) -> Path:
    return shutil.copytree(fresh.root, tmp_path / "copy")


def mugrade(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": "100"})


def test_every_file_of_the_template_is_there_and_every_name_filled_in(fresh: Course) -> None:
    root = TEMPLATES / "course"
    wanted = {p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file()}
    assert {name.removesuffix(".jinja") for name in wanted} <= files(fresh.root).keys()
    for name, content in files(fresh.root).items():
        assert b"{{" not in content or name.startswith("build"), name
    assert fresh.package == "my_course" and fresh.settings.title == "My course"
    assert fresh.settings.warnings == ()


def test_nothing_is_wrong_with_a_new_course_and_nothing_forgotten(fresh: Course) -> None:
    assert list(obstacles(fresh)) == [] and list(forgotten(fresh)) == []
    assert check_build(fresh) == []
    for word in (
        "close(",
        "distribution(",
        "labels(",
        "HIDDEN",
        "#: ",
        "plt.",
        "data=",
        "optional",
        "MARK",
    ):
        assert any(word in path.read_text() for path in (fresh.root / "solutions").glob("*.py"))


@pytest.mark.usefixtures("in_process")
def test_the_sample_class_is_graded_as_its_names_say(copy: Path) -> None:
    arguments = ("grade", str(copy / "sample"), "--course", str(copy), "--stage", "00")
    done = mugrade(*arguments, "--accept-weak-sandbox")
    assert done.exit_code == 0, done.output
    text = " ".join(done.output.split())
    assert "right 00_summary 8 +1 9/10 two-numbers waits for a teacher" in text
    assert "empty 00_summary 0/10 mean, spread, two-numbers: not written yet" in text
    assert "wrong 00_summary 1/10 mean: the rows are counted, not the entries" in text


def test_the_sample_follows_the_course(copy: Path) -> None:
    script = copy / "solutions" / "00_summary.py"
    old = "return np.asarray(np.sum(x) / np.size(x))"
    script.write_text(script.read_text().replace(old, "return np.asarray(np.sum(x)/ np.size(x))"))
    stale = copy / "sample" / "right" / "09_old" / "09_old.ipynb"
    stale.parent.mkdir()
    stale.write_text("{}")
    course = load_course(copy)
    assert "sample/right/00_summary/00_summary.ipynb" in check_build(course)
    build_course(course)
    assert check_build(course) == [] and not stale.exists()


def test_a_course_without_the_folder_has_no_sample(tmp_path: Path) -> None:
    course = load_course(write_course(tmp_path))
    build_course(course)
    assert not (tmp_path / "sample").exists()


def test_what_is_added_builds_as_it_is(copy: Path) -> None:
    done = mugrade("new", "--stage", "moving_windows", "--course", str(copy))
    assert done.exit_code == 0 and "02_moving_windows.py" in done.output
    for stage in ("00", "02"):
        name = f"median_{stage}"
        done = mugrade("new", "--exercise", name, "--stage", stage, "--course", str(copy))
        assert done.exit_code == 0, done.output
    assert mugrade("new", "--exercise", "last_one", "--course", str(copy)).exit_code == 0
    for path in (copy / "solutions").glob("*.py"):
        text = path.read_text()
        assert len(re.findall(r"[^\n]\n# %%", text)) == 0, path.name
        assert max(map(len, text.splitlines())) <= 100, path.name
    course = load_course(copy)
    assert [stage.name for stage in course.stages][-1] == "02_moving_windows"
    assert [c.id for c in course.stages[-1].role("solution")] == [
        "moving-windows-example",
        "median-02",
        "last-one",
    ]
    assert list(obstacles(course)) == [] and build_course(course)
    index = (copy / "solutions" / "my_course" / "__init__.py").read_text()
    assert "from my_course.moving_windows import last_one, median_02" in index


def test_an_exercise_brings_the_names_that_its_check_needs(tmp_path: Path) -> None:
    names = "import numpy as np\n\nimport stats\nfrom mugrade import check, distribution, rng\n"
    course = load_course(
        write_course(tmp_path, stage_00=(names, "import stats\nfrom mugrade import check\n"))
    )
    new_exercise(course, course.stages[0], "median")
    found = load_course(tmp_path)
    assert not [line for line in obstacles(found) if "median" in line]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--stage", "kinds"],
        ["--stage", "Kinds"],
        ["--stage", "more-kinds"],
        ["--stage", "class"],
        ["--stage", ""],
        ["--stage", "ä"],
        ["--stage", "a__b"],
        ["--stage", 41 * "a"],
        ["--exercise", "mean"],
        ["--exercise", "kinds"],
        ["--exercise", "spread_of_four"],
        ["--exercise", "two words"],
        ["--exercise", "median", "--stage", "07"],
        ["--exercise", "../median"],
        [],
        ["another", "--stage", "filters"],
    ],
)
def test_a_name_that_cannot_be_is_one_sentence(copy: Path, arguments: list[str]) -> None:
    before = files(copy)
    done = mugrade("new", *arguments, "--course", str(copy))
    assert done.exit_code == 1 and len(done.output.splitlines()) == 1, done.output
    assert "Traceback" not in done.output and files(copy) == before


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("numpy", "there is a package numpy already"),
        ("json", "there is a package json already"),
        ("3d", "begins with a letter"),
        ("___", "begins with a letter"),
        ("class", "is a word of Python"),
        ("full", "is there already, and not empty"),
        ("file", "is there already, and not empty"),
        ("file/below", "cannot be made"),
        (50 * "a", "at most 40 characters"),
    ],
)
def test_a_folder_that_cannot_be_a_course_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").touch()
    (tmp_path / "file").touch()
    before = files(tmp_path)
    done = mugrade("new", name)
    assert done.exit_code == 1 and said in done.output, done.output
    assert len(done.output.splitlines()) == 1 and files(tmp_path) == before


def test_an_empty_folder_becomes_a_course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "Beans and more"
    folder.mkdir()
    monkeypatch.chdir(folder)
    assert mugrade("new", ".").exit_code == 0
    assert load_course(folder).package == "beans_and_more"


def test_there_is_a_last_number(tmp_path: Path) -> None:
    write_course(tmp_path)
    (tmp_path / "solutions" / "01_scale.py").rename(tmp_path / "solutions" / "99_scale.py")
    with pytest.raises(CourseError, match="at most 100 stages"):
        new_stage(load_course(tmp_path), "filters")
