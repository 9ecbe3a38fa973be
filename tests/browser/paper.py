"""The book on paper, after `make paper`: `make browser-paper`.

All code, plots and formulas are there and nothing is cut off, links lead inside the book, and the
table of contents tells the truth.
"""

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page
from pypdf import PdfReader
from pypdf.generic import Destination

from book.chromium import READY
from book.contents import PAPER
from mugrade.course.cells import Role
from mugrade.course.model import Course
from mugrade.package.blocks import cell_body
from tests.browser.jupyter import CONTRASTS, browsing
from tests.conftest import ROOT, STAGES

PRINTED = ROOT / "build" / "book" / "paper.html"
WIDTH = round(174 / 25.4 * 96)  # of A4 between its margins, in pixels
MEGABYTES = 20
WIDER = """() => [...document.querySelectorAll('body *')].filter(node =>
    node.getBoundingClientRect().right > innerWidth + 1 && node.checkVisibility()
    && !node.ownerSVGElement && !node.closest('mjx-assistive-mml'))
    .map(node => node.outerHTML.slice(0, 120))"""
UNTYPESET = r"""() => {
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), found = []
    while (walker.nextNode())
        if (!walker.currentNode.parentElement.closest('pre, code, script, style, mjx-container')
                && /\$[^$]+\$|\\[([a-z]/.test(walker.currentNode.data))
            found.push(walker.currentNode.data)
    return found
}"""
PLOTS = """id => document.querySelectorAll(`#${id} img`).length"""
CODE = "() => [...document.querySelectorAll('pre')].map(node => node.textContent)"


WITHOUT = """
from book.chromium import chromium
from mugrade.errors import MissingExtra
try:
    with chromium():
        pass
except MissingExtra as error:
    print(error)
"""


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """What is printed, as wide as a sheet of paper."""
    with browsing() as page:
        page.set_viewport_size({"width": WIDTH, "height": 900})
        page.emulate_media(media="print", color_scheme="light")
        page.goto(PRINTED.as_uri())
        page.wait_for_function(READY)
        yield page


@cache
def book() -> PdfReader:
    path = ROOT / "build" / "site" / PAPER
    assert path.is_file(), "make paper comes first"
    return PdfReader(path)


@cache
def texts() -> list[str]:
    """What each page says, without whitespace."""
    return [compact(page.extract_text()) for page in book().pages]


@cache
def outline() -> dict[str, int]:
    """The page of each chapter, from 0."""
    parts = [entry for entry in book().outline if isinstance(entry, list)]
    return {title: page for part in parts for title, page in entries(part)}


def entries(outline: list[Any]) -> Iterator[tuple[str, int]]:
    """Title and page, from 0, of what stands on one level."""
    for entry in outline:
        if isinstance(entry, Destination):
            yield str(entry.title), book().get_destination_page_number(entry) or 0


def compact(text: str) -> str:
    return re.sub(r"\s", "", text)


def pages_of(title: str) -> range:
    """The pages of a chapter, from 0."""
    parts = dict(entries(book().outline))
    starts = sorted({*outline().values(), *parts.values(), len(book().pages)})
    first = outline()[title]
    return range(first, next(start for start in starts if start > first))


def test_without_a_chromium_one_is_told_how_to_get_it(tmp_path: Path) -> None:
    environment = os.environ | {"PATH": "", "PLAYWRIGHT_BROWSERS_PATH": str(tmp_path)}
    command = [sys.executable, "-c", WITHOUT]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.startswith("Chromium: install your system's package chromium, or say ")
    assert done.stdout.count("\n") == 1 and done.stderr == ""


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_is_a_chapter_with_all_of_its_code(course: Course, name: str) -> None:
    stage = course.find(name)
    said = "".join(texts()[i] for i in pages_of(stage.title))
    for cell in stage.role(Role.SOLUTION):
        for line in cell_body(cell.source).splitlines():
            assert compact(line) in said, (cell.id, line)


def test_no_line_of_code_is_cut_off(page: Page) -> None:
    said = "".join(texts())
    lines = {line for code in page.evaluate(CODE) for line in code.splitlines()}
    assert len(lines) > 3000
    assert [line for line in lines if compact(line) not in said] == []


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_has_its_plots(page: Page, course: Course, name: str) -> None:
    plots = page.evaluate(PLOTS, f"stages-{name}")
    pages = [book().pages[i] for i in pages_of(course.find(name).title)]
    assert 0 < plots <= sum(len(images(page)) for page in pages)


def images(page: Any) -> list[Any]:
    objects = page["/Resources"].get("/XObject", {})
    return [name for name in objects if objects[name]["/Subtype"] == "/Image"]


def test_formulas_are_typeset(page: Page) -> None:
    assert page.locator(".math mjx-container").count() > 400
    assert page.locator("mjx-merror").count() == 0
    assert page.evaluate(UNTYPESET) == []


def test_nothing_sticks_out_of_the_paper(page: Page) -> None:
    assert page.evaluate(WIDER) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= WIDTH


def test_it_is_dark_on_white(page: Page) -> None:
    found: list[Any] = page.locator("body").evaluate(CONTRASTS)
    assert [entry for entry in found if entry[1] < 4.5] == []
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.locator(".only-dark").count() == 0


def test_links_lead_inside_the_book_or_to_the_web(page: Page) -> None:
    ids = Counter(re.findall(r'\bid="([^"]+)"', PRINTED.read_text(encoding="utf-8")))
    assert [id for id, times in ids.items() if times > 1] == []
    places = {name.lstrip("/") for name in book().named_destinations}
    links = [note for sheet in book().pages for note in annotations(sheet)]
    inside = {str(link["/Dest"]).lstrip("/") for link in links if "/Dest" in link}
    outside = {str(link["/A"]["/URI"]) for link in links if "/A" in link}
    assert len(inside) > 100 and inside <= places
    assert all(url.startswith("https://") for url in outside), outside


def annotations(sheet: Any) -> list[Any]:
    notes = [note.get_object() for note in sheet.get("/Annots", [])]
    return [note for note in notes if note["/Subtype"] == "/Link"]


def test_the_contents_tell_on_which_page_a_chapter_is() -> None:
    first = min(outline().values())
    contents = "".join(texts()[:first])
    assert len(outline()) > len(STAGES)
    for title, number in outline().items():
        assert f"{compact(title)}{number + 1}" in contents, title


def test_pages_are_numbered_and_say_which_chapter_it_is(course: Course) -> None:
    for stage in course.stages:
        for number in pages_of(stage.title):
            assert f"{compact(stage.title)}{number + 1}" in texts()[number]


def test_it_can_be_sent_around() -> None:
    assert (ROOT / "build" / "site" / PAPER).stat().st_size < MEGABYTES * 1_000_000
    assert book().metadata and book().metadata.title == "Write a deep-learning library"
    assert {tuple(map(round, page.mediabox[2:])) for page in book().pages} <= {(595, 842)}
