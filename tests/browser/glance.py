"""The class at a glance in a real Chromium: `make browser`.

Light, dark, on paper and on a telephone; it asks nobody for anything. The pictures it takes lie in
build/browser.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Page
from typer.testing import CliRunner

from bench.glance import make_up
from mugrade.cli import app
from mugrade.course.model import Course
from tests.browser.jupyter import CONTRASTS, SHOTS, browsing
from tests.conftest import ROOT

STUDENTS = 40
OVERFLOW = "document.documentElement.scrollWidth - window.innerWidth"


@pytest.fixture(scope="module")
def path(course: Course, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report on a class that is made up, with sections."""
    out = make_up(course, tmp_path_factory.mktemp("class"), STUDENTS)
    where = ["--course", str(ROOT), "--out", str(out), "--roster", str(out / "roster.csv")]
    found = CliRunner().invoke(app, ["report", *where])
    assert found.exit_code == 0, found.output
    return out / "report.html"


@pytest.fixture(scope="module")
def asked() -> list[str]:
    return []


@pytest.fixture(scope="module")
def page(path: Path, asked: list[str]) -> Iterator[Page]:
    """The page, and in `asked` whatever it asks for."""
    with browsing() as page:
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.as_uri())
        yield page


def look(page: Page, name: str) -> None:
    """What is seen fits, can be read, and is kept as a picture."""
    assert page.evaluate(OVERFLOW) <= 0
    found: list[Any] = page.locator("body").evaluate(CONTRASTS)
    assert len(found) > 100 and [entry for entry in found if entry[1] < 4.5] == []
    page.screenshot(path=SHOTS / f"report-{name}.png", full_page=True)


def test_it_asks_for_nothing_but_itself(page: Page, path: Path, asked: list[str]) -> None:
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert asked == [path.as_uri()]
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = false)")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 360])
def test_it_can_be_read_anywhere(page: Page, scheme: Literal["light", "dark"], width: int) -> None:
    page.emulate_media(media="screen", color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    look(page, f"{scheme}-{width}")


def test_on_paper_it_is_black_on_white(page: Page, tmp_path: Path) -> None:
    page.emulate_media(media="print", color_scheme="dark")
    page.set_viewport_size({"width": 642, "height": 900})
    look(page, "print")
    assert page.evaluate("getComputedStyle(document.querySelector('h2')).color") == "rgb(0, 0, 0)"
    page.pdf(path=tmp_path / "page.pdf", format="A4")
    assert (tmp_path / "page.pdf").stat().st_size > 20_000


def test_a_section_is_shown_alone_by_keyboard_too(page: Page) -> None:
    def shown() -> list[str]:
        views = page.locator(".view")
        found = [views.nth(i) for i in range(views.count())]
        return [str(view.get_attribute("id")) for view in found if view.is_visible()]

    page.emulate_media(media="screen", color_scheme="light")
    assert shown() == ["all"]
    page.locator("#show-section-1").check()
    assert shown() == ["section-1"]
    page.locator("#show-section-1").press("ArrowRight")
    assert shown() == ["section-2"]
    page.locator("#show-all").check()
