"""The course as a book: what its pages hold and hide, and that only what changed is done again."""

import base64
import importlib.util
import itertools
import json
import re
import struct
import sys
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
from PIL import Image

from book import runs
from book.commands import commands_page
from book.contents import PAPER, contents, made_pages, write_book
from book.glance import richest_picture
from book.opening import colab_cell, released_notebook, with_opening
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
from mugrade.course.site import Site
from mugrade.course.written import handed_out, model_answer, question
from mugrade.errors import CourseError
from mugrade.package.blocks import cell_body
from tests.conftest import ROOT, STAGES
from tests.tiny import write_course

AT = "notebooks/00_mean.ipynb"
COLAB = f"https://colab.research.google.com/github/you/course/blob/main/{AT}"
COLAB_OF_A_BRANCH = COLAB.replace("main", "a/b")
BINDER = f"https://mybinder.org/v2/gh/you/course/a%2Fb?urlpath=lab/tree/{AT}"
TARGET = re.compile(r"(?<!!)\]\((?!https?:)([^()\s#]+)(?:#[^()\s]*)?\)")

SHOWN = re.compile(r"\{image\} (\S+)")


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


@pytest.mark.parametrize("name", STAGES)
def test_what_is_downloaded_is_what_students_get(course: Course, name: str) -> None:
    handed_out = (ROOT / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8")
    assert released_notebook(course.find(name)) == handed_out


@pytest.mark.parametrize(
    ("site", "links"),
    [
        (Site(), []),
        (Site("you/course", install="x"), []),
        (Site("you/course", "a/b", binder=True), [BINDER]),
        (Site("you/course", install="git+https://x", colab=True), [COLAB]),
        (Site("you/course", "a/b", "x", colab=True, binder=True), [COLAB_OF_A_BRANCH, BINDER]),
    ],
)
def test_a_page_links_to_what_is_switched_on(tiny: Course, site: Site, links: list[str]) -> None:
    course, stage = replace(tiny, settings=replace(tiny.settings, site=site)), tiny.stages[0]
    before = stage_page(stage, solved_notebook(stage))
    page = nbformat.reads(with_opening(before, course, stage), as_version=4)
    said = page.cells[0].source
    assert said.startswith("# 00 Mean\n\n:::{div} opening\n{download}`Download the notebook <")
    assert re.findall(r"https://[^)`\s\"]+", said.replace(site.install, "")) == links
    assert (colab_cell("stats", site.install) in said) == site.colab
    assert page.cells[1:] == nbformat.reads(before, as_version=4).cells[1:]


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


def test_what_a_script_draws_stands_below_its_cell(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "_run", lambda stage, notebook, folder: None)
    script, heard = own / "docs" / "drawn.py", list[str]()
    script.parent.mkdir()

    def draw(cell: str) -> list[str]:
        script.write_text(
            "import pathlib, sys, stats.mean\n"
            f"file = pathlib.Path(sys.argv[1]) / 'after-{cell}.html'\n"
            "file.write_text(f'<p>{stats.mean.__doc__}</p>')\n"
        )
        write_book(load_course(own), SourceFolder(own / "source"), heard.append)
        page = nbformat.read(own / "source" / "stages" / "00_mean.ipynb", as_version=4)
        return [cell.source for cell in page.cells if "<p>" in cell.source or cell.id == "mean"]

    task, below = draw("mean")
    assert (
        "Your turn: mean" in task
        and below == "```{raw} html\n<p>The mean of all entries.</p>\n```\n"
    )
    draw("mean")
    assert heard.count("drawing drawn.py") == 1
    below, task = draw("mean-imports")
    assert "entries.</p>" in below and "Your turn: mean" in task, "and no longer where it was"
    with pytest.raises(CourseError, match=r"after-median\.html.*no cell is called median"):
        draw("median")


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


def test_drawn_pictures_are_there_for_whoever_reads_the_repository(course: Course) -> None:
    shown = {name for _, text in written_pages(course) for name in SHOWN.findall(text)}
    assert {"front-light.png", "front-dark.png"} <= shown
    assert {name for name in shown if not (ROOT / "docs" / name).is_file()} == set()


def figure_script(name: str) -> Any:
    """A script of docs/ as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    assert spec and spec.loader
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_walk_shows_what_backward_computes() -> None:
    walk = figure_script("walk")
    x1, x2 = walk.START
    graph = walk.graph(x1, x2)
    assert graph.value("y") == x1**3 * x2 + x1 * x2
    h = 1e-6
    for name, ahead, behind in (
        ("x1", walk.graph(x1 + h, x2), walk.graph(x1 - h, x2)),
        ("x2", walk.graph(x1, x2 + h), walk.graph(x1, x2 - h)),
    ):
        slope = (ahead.value("y") - behind.value("y")) / (2 * h)
        assert graph.adjoint(name) == pytest.approx(slope)
    for name in graph.nodes.keys() - {"y"}:
        arrived = [grad for _, x, grad in graph.handed if x == name]
        assert graph.adjoint(name) == sum(arrived)
        assert len(arrived) == (2 if name in ("x1", "p") else 1)


def test_the_walk_says_each_number_that_it_shows() -> None:
    walk = figure_script("walk")
    graph = walk.graph(*walk.START)
    told = walk.walk(graph)
    html = walk.figure(told)
    for name in graph.nodes:
        assert re.search(rf"\b{name}\W= (.* = )?{graph.value(name):g}\b", said(told, f"v-{name}"))
        assert f"bar({name}) = " in said(told, f"a-{name}")
        assert said(told, f"a-{name}").endswith(f" = {graph.adjoint(name):g}.")
    for user, x, grad in graph.handed:
        assert f"{x} gets " in said(told, f"e-{user}-{x}")
        assert f" = {grad:g}." in said(told, f"e-{user}-{x}")
        assert f">{grad:g}</text>" in html
    assert html.count("<li ") == len(told.said) and "bar(" not in html
    assert "at x1\u00a0= 3.001, y is 120.112, which is 112 · 0.001 more" in told.said[-1][1]


def said(told: Any, part: str) -> str:
    """The sentence of the step in which a part of the picture comes."""
    return str(told.said[told.since[part]][1])


def numpy_path(method: str, rate: float, beta: float) -> np.ndarray:
    """161 points of what stage 06 writes down as formulas."""
    theta, u, v = np.array([-2.0, 1.0]), np.zeros(2), np.zeros(2)
    points = []
    for t in range(1, 162):
        points.append(theta - rate * u if method == "Nesterov" else theta)
        grad = points[-1] * (1.0, 25.0)
        u = beta * u + (1 - beta) * grad
        v = 0.999 * v + 0.001 * grad**2
        scaled = u / (1 - beta**t) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        theta = theta - rate * (scaled if method == "Adam" else u)
    return np.array(points)


@pytest.mark.parametrize("method", ["SGD", "Nesterov", "Adam"])
def test_the_paths_are_those_of_the_formulas(method: str) -> None:
    descent = figure_script("descent")
    for rate, beta in ((0.04, 0.0), (0.15, 0.9), (0.081, 0.5)):
        points = descent.run(method, rate, beta).points
        np.testing.assert_allclose(points, numpy_path(method, rate, beta)[: len(points)])


def test_the_paths_are_told_as_they_end() -> None:
    descent = figure_script("descent")
    ends = [descent.run(*each).said for each in descent.STILLS]
    for told, end in zip(ends, ("still 1.1 away", 97, "grows", 70, 58, 145), strict=True):
        assert (f"arrives after {end} steps" if isinstance(end, int) else end) in told
    for rate, beta in itertools.product(descent.RATES, descent.MOMENTA):
        edge = 0.08 * (1 + beta) / (1 - beta)
        assert descent.run("SGD", rate, beta).diverges == (rate > edge), "as the caption says"


def test_every_setting_of_the_sliders_has_its_path() -> None:
    descent = figure_script("descent")
    html = descent.figure()
    found = re.search(r'<script type="application/json">(.*)</script>', html)
    paths = json.loads(found[1]) if found else {}
    settings = itertools.product(descent.METHODS, descent.RATES, descent.MOMENTA)
    for i, (method, rate, beta) in enumerate(settings):
        key = descent.key(method, rate, beta)
        assert [*paths][i] == key and f'data-key="{key}">' in html
        run, (moves, told) = descent.run(method, rate, beta), paths[key]
        assert told == run.said
        pairs = np.reshape([int(n) for n in re.findall(r"-?\d+", moves)], (-1, 2))
        assert pairs.cumsum(axis=0).tolist() == [[*place] for place in run.drawn]
        if not run.diverges:
            off = run.points[-1] * (100, -100) - run.drawn[-1]
            assert abs(off).max() < 2, "the square is where the path ends"


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
