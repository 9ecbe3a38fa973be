"""The course as a book: what its pages hold and hide, and that only what changed is done again."""

import base64
import re
import struct
import tomllib
from pathlib import Path

import nbformat
import pytest
from PIL import Image

from book import runs
from book.commands import commands_page
from book.contents import PAPER, contents, made_pages, write_book
from book.glance import richest_picture
from book.pages import PICTURE, as_page, page_of, written_pages
from book.reference import reference_pages
from book.runs import executed, solved_notebook
from book.source import SourceFolder
from book.stages import stage_page
from mugrade.author.build import build_course
from mugrade.cli import app
from mugrade.course.cells import BEGIN_HIDDEN, BEGIN_RUBRIC, Role, stub, visible_lines
from mugrade.course.listing import split_hints
from mugrade.course.model import Course
from mugrade.course.reading import load_course
from mugrade.course.written import handed_out, model_answer, question
from mugrade.package.blocks import cell_body
from tests.conftest import ROOT, STAGES
from tests.tiny import write_course

TARGET = re.compile(r"(?<!!)\]\((?!https?:)([^()\s#]+)(?:#[^()\s]*)?\)")


@pytest.mark.parametrize("name", STAGES)
def test_a_stages_page_holds_tasks_hints_and_solutions(course: Course, name: str) -> None:
    stage = course.find(name)
    page = nbformat.reads(stage_page(stage, solved_notebook(stage)), as_version=4)
    cells = {cell.id: cell.source for cell in page.cells}
    for cell in stage.role(Role.SOLUTION):
        assert stub(cell.source) in cells[cell.id]
        assert cell_body(cell.source) in cells[cell.id]
    for cell in stage.role(Role.HINTS):
        places = [cells[cell.of].index(hint) for hint in split_hints(cell)]
        assert places == sorted(places) and len(places) > 1
        assert cells[cell.of].index("The solution") > places[-1]
    for cell in stage.role(Role.ANSWER):
        assert cells[cell.id].startswith(question(handed_out(cell)))
        assert (
            f"{{dropdown}} Our answer\n:class-container: answer\n\n{model_answer(cell)}"
            in (cells[cell.id])
        )
    for cell in stage.role(Role.PROSE):
        assert cell.id.startswith("links-") or cells[cell.id] == cell.source


@pytest.mark.parametrize("name", STAGES)
def test_no_page_holds_a_hidden_test(course: Course, name: str) -> None:
    stage = course.find(name)
    solved = solved_notebook(stage)
    page = stage_page(stage, solved)
    assert BEGIN_HIDDEN not in page and "HIDDEN TESTS" not in page
    assert BEGIN_RUBRIC not in page and "Mark scheme" not in page
    ran = {cell.id: cell.source for cell in solved.cells}
    for cell in stage.role(Role.CHECK):
        shown = {line for line in visible_lines(cell.source) if line.strip()}
        assert set(filter(str.strip, ran[cell.id].splitlines())) <= shown


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """The tiny course, built, to be changed."""
    build_course(load_course(write_course(tmp_path)))
    return tmp_path


def test_only_what_has_changed_is_run_again(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []
    monkeypatch.setattr(runs, "_run", lambda stage, notebook, folder: ran.append(stage.name))

    def write() -> None:
        write_book(load_course(own), SourceFolder(own / "source"), lambda text: None)

    write()
    write()
    assert ran == ["00_mean", "01_scale"]
    script = own / "solutions" / "01_scale.py"
    script.write_text(script.read_text().replace("# # 01 Scale", "# # 01 Scales"))
    write()
    assert len(ran) == 2, "prose is not run"
    script.write_text(
        script.read_text().replace("return np.random.randn", "return +np.random.randn")
    )
    write()
    assert ran[2:] == ["01_scale"]
    script = own / "solutions" / "00_mean.py"
    script.write_text(script.read_text().replace("x.sum() / x.size", "np.sum(x) / x.size"))
    write()
    assert ran[3:] == ["00_mean", "01_scale"], "a stage builds on those before it"


def test_a_stage_is_run_as_a_student_would_see_it(own: Path) -> None:
    course = load_course(own)
    page = stage_page(course.find("01"), executed(course, course.find("01")))
    assert "✓" in page and "scaler_centres" in page and "all visible inputs pass" in page
    assert "<style>" not in page


def test_the_front_page_offers_the_pdf_where_there_is_one(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "_run", lambda stage, notebook, folder: None)
    (own / "docs").mkdir()
    (own / "docs" / "index.md").write_text("# Means\n")
    source = SourceFolder(own / "source")
    for offered in (True, False):
        write_book(load_course(own), source, lambda text: None, offers_paper=offered)
        assert (PAPER in (own / "source" / "index.md").read_text()) == offered


def test_files_that_stay_the_same_are_not_written(tmp_path: Path) -> None:
    first = SourceFolder(tmp_path)
    first.write("a.md", "one")
    first.write("sub/b.md", "two")
    stamp = (tmp_path / "a.md").stat().st_mtime_ns
    second = SourceFolder(tmp_path)
    second.write("a.md", "one")
    assert second.changed == [] and (tmp_path / "a.md").stat().st_mtime_ns == stamp
    assert second.prune() == ["sub/b.md"] and not (tmp_path / "sub" / "b.md").exists()


def test_every_page_is_in_the_menu_and_no_link_leaves_it(course: Course) -> None:
    menu = contents(course).split()
    pages = dict(written_pages(course))
    assert set(menu) >= {path.removesuffix(".md") for path in pages} - {"index"}
    places = {*page_of(course).values(), *dict(made_pages(course))}
    for path, text in pages.items():
        assert "<picture" not in text, path
        assert {target for target in TARGET.findall(text)} <= places, path


def test_links_and_pictures_are_those_of_the_site() -> None:
    text = (
        "[a](student.md#x), [b](../CHANGELOG.md), [c](../LICENSE)\n```\n[d](../CHANGELOG.md)\n```\n"
        '<picture><source media="(m)" srcset="p-dark.png"><img alt="a plot" src="p.png"></picture>'
    )
    where = {"docs/student.md": "student.md", "CHANGELOG.md": "changelog.md"}
    page = as_page(text, "docs", where)
    assert "[a](student.md#x), [b](changelog.md), c\n```\n[d](../CHANGELOG.md)" in page
    assert "{image} p.png\n:alt: a plot\n:class: only-light" in page
    assert "{image} p-dark.png\n:alt: a plot\n:class: only-dark" in page


def plot(width: int, height: int, size: int, alt: str) -> nbformat.NotebookNode:
    png = bytes(16) + struct.pack(">II", width, height) + bytes(size)
    data = {"image/png": base64.b64encode(png).decode()}
    output = nbformat.v4.new_output("display_data", data, metadata={"image/png": {"alt": alt}})
    return nbformat.v4.new_code_cell(outputs=[output])


def test_a_card_shows_the_richest_plot_that_is_not_too_wide() -> None:
    plots = [plot(9, 4, 500, "wide"), plot(7, 4, 300, "rich"), plot(7, 4, 200, "poor")]
    assert richest_picture(nbformat.v4.new_notebook(cells=plots))[1] == "rich"
    assert richest_picture(nbformat.v4.new_notebook(cells=plots[:1]))[1] == "wide"
    assert richest_picture(nbformat.v4.new_notebook()) == (b"", "")


def test_drawn_pictures_are_there_for_whoever_reads_the_repository() -> None:
    for script in (ROOT / "docs").glob("*.py"):
        for theme in ("light", "dark"):
            assert (ROOT / "docs" / f"{script.stem}-{theme}.png").is_file(), script


def pictured() -> dict[str, set[str]]:
    """Name -> what is said in its place, of each picture of README and docs/, without its theme."""
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    found: dict[str, set[str]] = {}
    for dark, alt, light in (f for p in pages for f in PICTURE.findall(p.read_text())):
        name = Path(light).name.removesuffix("-light.png")
        assert Path(dark).name == f"{name}-dark.png"
        found.setdefault(name, set()).add(alt)
    return found


def told_in(name: str) -> str:
    """What could be read where a picture was taken, the same in both themes."""
    light, dark = (
        Image.open(ROOT / "docs" / f"{name}-{theme}.png").info["Description"]
        for theme in ("light", "dark")
    )
    assert light == dark
    return " ".join(light.split())


def test_a_picture_is_described_alike_everywhere() -> None:
    assert {name for name, alts in pictured().items() if len(alts) > 1} == set()
    files = {path.stem.rpartition("-")[0] for path in (ROOT / "docs").glob("*.png")}
    assert files == {*pictured()}


def test_the_front_picture_is_described_with_the_steps_that_it_shows() -> None:
    script = (ROOT / "docs" / "front.py").read_text()
    found = re.search(r"^STEPS = \((.*)\)$", script, re.MULTILINE)
    assert found
    steps = found[1].split(", ")
    (alt,) = pictured()["front"]
    assert re.findall(r"step (\d+)", alt) == [steps[0], steps[-1]]
    assert alt.startswith({4: "Four maps"}[len(steps)])


def test_the_pictures_of_checks_show_what_is_said_of_them(course: Course) -> None:
    (alt,) = pictured()["failing"]
    told = told_in("failing")
    points = next(c.points for c in course.find("05").role(Role.CHECK) if c.id == "dropout-forward")
    assert f"not passed dropout_forward 0 of {points} points" in told
    assert f"not passed, dropout_forward, 0 of {points} points" in alt
    rows = re.search(r"rows (.*) and (\w+);", alt)
    assert rows and all(f" {row} " in told for row in (*rows[1].split(", "), rows[2]))
    differ = re.search(r"(\d+) of (\d+) entries differ", told)
    assert differ and f"{differ[2]} squares in which {differ[1]} differ" in alt
    assert "dropout, hint 1 of" in told_in("hint")
    assert "passed dropout_forward all visible inputs pass; the grader tries others" in (
        told_in("passed")
    )


def test_the_picture_of_progress_shows_the_course_as_it_is(course: Course) -> None:
    told = told_in("progress")
    for stage in course.stages:
        checks = len([*stage.role(Role.CHECK)])
        assert re.search(rf"{re.escape(stage.title)} [^·]*? of {checks} ", told), stage.title
    for cell in course.find("05").role(Role.CHECK):
        assert re.search(rf"{cell.id.replace('-', '_')} [^_]*\b{cell.points} points", told), cell.id


def test_the_commands_page_has_every_command_and_option() -> None:
    page = commands_page()
    for command in app.registered_commands:
        assert command.callback and f"### mugrade {command.callback.__name__}\n" in page
    sources = "".join(p.read_text() for p in (ROOT / "mugrade" / "cli").glob("*.py"))
    for option in set(re.findall(r'typer\.Option\(\s*"(--[a-z-]+)"', sources)) - {"--version"}:
        assert re.search(rf"`{option}[ `]", page), option


def test_the_reference_holds_what_is_said_of_the_library(course: Course) -> None:
    page = dict(reference_pages(course))["library"]
    assert "Built in [03 · LogSumExp](../stages/03_logsumexp.ipynb)." in page
    assert "{py:function} logsumexp(a: Tensor, axes: int | tuple[int, ...] | None=None)" in page
    assert r"$\bar x_i = \bar y \, \partial y / \partial x_i$" in page
    assert "__init__" not in page and "_demand" not in page


def test_the_tools_of_the_site_are_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    tools = [text for text in project["optional-dependencies"]["site"] if "sphinx" in text]
    assert len(tools) == 4 and all("==" in text for text in tools)
