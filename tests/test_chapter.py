"""docs/writing-a-course.md: the course in it is built and graded, and it leaves nothing out."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.main import get_command

import mugrade
from mugrade.author.build import build_course
from mugrade.author.forgotten import forgotten
from mugrade.author.playable import obstacles
from mugrade.cli import app
from mugrade.course.cells import Role
from mugrade.course.mistakes import LONGEST_TEXT, MISTAKE_KEYS
from mugrade.course.model import Course
from mugrade.course.reading import ATTRIBUTES, load_course
from mugrade.grader.submissions import Submission
from mugrade.sandbox.limits import Limits
from tests.conftest import ROOT, make_grader

CHAPTER = (ROOT / "docs" / "writing-a-course.md").read_text(encoding="utf-8")
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"`((?:solutions|notebooks)/[\w/.]+)`:\s*\Z")
FENCES = [
    (CHAPTER[: match.start()], language, text)
    for match in FENCED.finditer(CHAPTER)
    for language, text in [match.groups()]
]
COMMANDS = [
    line.partition("#")[0].strip()
    for _, language, text in FENCES
    if not language
    for line in text.splitlines()
    if line.startswith("mugrade ")
]


def write_chapter(root: Path, monkeypatch: pytest.MonkeyPatch) -> Course:
    """The course of the chapter, file by file as a reader would write it, built."""
    (root / "sample").mkdir()
    monkeypatch.chdir(root)
    for before, language, text in FENCES:
        if named := NAMED.search(before):
            path = root / named.group(1)
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a", encoding="utf-8") as file:
                file.write(text)
        elif language == "python":
            exec(compile(text, "chapter", "exec"), {})
    course = load_course(root)
    build_course(course)
    return course


def test_the_course_of_the_chapter_builds_and_grades(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    course = write_chapter(tmp_path, monkeypatch)
    assert list(obstacles(course)) == []
    assert [line for line in forgotten(course) if "points in all" not in line] == []
    stages = [stage.name for stage in course.stages]
    assert stages == ["00_middle", "01_days"] and course.stages[0].mistakes
    grader = make_grader(course, stages, Limits())
    found = {
        (student, stage): grader.grade(Submission(student, stage, path), {})
        for student in ("right", "wrong", "empty")
        for stage in stages
        for path in (tmp_path / "sample" / student / stage / f"{stage}.ipynb",)
    }
    for (student, stage), result in found.items():
        asked = list(course.find(stage).role(Role.CHECK, Role.ANSWER))
        assert len(result.grades) == len(asked)
        waits = [g.check.id for g in result.grades if g.verdict.category == "written"]
        assert waits == ["warm-winter"] * ((student, stage) == ("right", "01_days"))
        passed = [g.verdict.passed for g in result.grades if not g.check.is_written]
        assert all(passed) if student == "right" else not any(passed), (student, stage, passed)
    (grade,) = found["wrong", "00_middle"].grades
    assert grade.verdict.diagnosis and grade.verdict.diagnosis.name == "the rows are counted"


def test_a_complete_stage_has_about_thirty_lines() -> None:
    _, _, text = next(fence for fence in FENCES if fence[1] == "python")
    assert 25 <= sum(bool(line) for line in text.splitlines()) <= 35


def table(head: str) -> Iterator[str]:
    """What the first column of a table names."""
    rows = CHAPTER.partition(f"| {head} |")[2].partition("\n\n")[0].splitlines()
    return (found for row in rows for found in re.findall(r"^\| `(\w+)", row))


def test_every_attribute_role_judge_and_key_is_explained() -> None:
    assert {*table("attribute")} == ATTRIBUTES.keys()
    assert {*table("role")} == {*Role}
    assert {*table("key")} == MISTAKE_KEYS
    assert {*table("judge")} == {*mugrade.JUDGES, "figure"}
    assert f"at most {LONGEST_TEXT} characters" in CHAPTER


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_of_the_chapter_exists(line: str) -> None:
    _, name, *arguments = shlex.split(line)
    command = get_command(app).commands[name]  # type: ignore[attr-defined]
    assert command.make_context(name, arguments).info_name == name
