"""The website in a real Chromium, after `make site`: `make browser-site`.

Every page: nothing wrong in the console, nothing asked of another host, every link leads somewhere,
every picture has a text, every formula is typeset, text can be read in both themes, and nothing
sticks out of a phone. Pictures of some pages lie in build/browser.
"""

import re
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urldefrag

import pytest
from playwright.sync_api import ConsoleMessage, Page, Request

from tests.browser.jupyter import CONTRASTS, SHOTS, browsing
from tests.conftest import ROOT, STAGES

SITE = ROOT / "build" / "site"
FILES = sorted(path.relative_to(SITE).as_posix() for path in SITE.rglob("*.html"))
PAGES = [path for path in FILES if not path.startswith("_static/")]
STAGE = "stages/03_logsumexp.html"
ID = re.compile(r'\bid="([^"]+)"')
SHOWN = {"front": "index.html", "stages": "stages/index.html", "stage": STAGE}
TYPESET = """() => [...document.querySelectorAll('.math')].every(
    math => math.querySelector('mjx-container'))"""
LINKS = "() => [...document.querySelectorAll('a[href]')].map(a => a.href)"
UNTOLD = """() => [...document.querySelectorAll('img:not([alt]), img[alt=""]')].map(i => i.src)"""
TOO_WIDE = """() => [...document.querySelectorAll('body *')].filter(node =>
    node.getBoundingClientRect().right > innerWidth + 1
    && node.checkVisibility() && !node.closest('pre, .pst-scrollable-table-container, mjx-container'
        + ', .bd-sidebar-primary, .bd-sidebar-secondary, dialog, .visually-hidden'))
    .map(node => node.outerHTML.slice(0, 120))"""


class Quiet(SimpleHTTPRequestHandler):
    """A server that prints nothing."""

    def log_message(self, *arguments: Any) -> None:
        pass


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Where the site is served."""
    assert PAGES, "make site comes first"
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(SITE)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


@pytest.fixture(scope="module")
def heard() -> list[str]:
    """What was said in the console or asked of another host since it was last cleared."""
    return []


@pytest.fixture(scope="module")
def page(address: str, heard: list[str]) -> Iterator[Page]:
    """A page of a browser that listens."""

    def said(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            heard.append(f"{message.type}: {message.text}")

    def asked(request: Request) -> None:
        if not request.url.startswith((address, "data:")):
            heard.append(f"asked for {request.url}")

    with browsing() as page:
        page.on("console", said)
        page.on("request", asked)
        page.on("pageerror", lambda error: heard.append(str(error)))
        yield page


def visit(page: Page, url: str, width: int = 1280, theme: Any = "light") -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=theme, media="screen")
    page.goto(url)
    page.add_style_tag(content="* { transition: none !important }")
    page.wait_for_function(TYPESET)


@pytest.mark.parametrize("name", PAGES)
def test_a_page(page: Page, address: str, heard: list[str], name: str) -> None:
    heard.clear()
    visit(page, address + name)
    assert page.evaluate(UNTOLD) == []
    assert page.locator("mjx-merror").count() == 0
    assert broken(page.evaluate(LINKS), address) == []
    for theme in ("light", "dark"):
        visit(page, address + name, theme=theme)
        found: list[Any] = page.locator("body").evaluate(CONTRASTS)
        assert [entry for entry in found if entry[1] < 4.5] == [], theme
    visit(page, address + name, width=360)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360, page.evaluate(TOO_WIDE)
    assert heard == []


def broken(links: list[str], address: str) -> list[str]:
    """The links of the site that lead to no file, or to no place in it."""
    found = []
    for link in links:
        url, place = urldefrag(link)
        if not url.startswith(address):
            continue
        target = SITE / (unquote(url.removeprefix(address)) or "index.html")
        if not target.is_file() or (place and unquote(place) not in ids(target.read_text())):
            found.append(link)
    return found


def ids(html: str) -> set[str]:
    return set(ID.findall(html))


def test_search_finds_a_name(page: Page, address: str, heard: list[str]) -> None:
    heard.clear()
    visit(page, address)
    page.keyboard.press("Control+k")
    page.keyboard.type("logaddexp")
    page.keyboard.press("Enter")
    result = page.locator("ul.search li a").first
    result.wait_for()
    assert "elsewhere.html" in (result.get_attribute("href") or "")
    assert heard == []


def test_the_keyboard_is_enough(page: Page, address: str) -> None:
    visit(page, address + STAGE)
    reached = set()
    for _ in range(400):
        page.keyboard.press("Tab")
        text = page.evaluate("document.activeElement.innerText || document.activeElement.title")
        reached.add(str(text).split("\n")[0].strip())
        if text and str(text).startswith("Hint 1 of 3"):
            break
    assert {"Skip to main content", "Commands", "Hint 1 of 3"} <= reached
    assert any("Search" in text for text in reached)
    for number in (1, 2, 3):
        page.keyboard.press("Enter")
        hint = page.locator("details.hint").nth(number - 1)
        assert hint.get_attribute("open") is not None
        page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.innerText").strip().startswith("The solution")
    page.keyboard.press("Enter")
    assert (
        "np.where(np.isfinite(top), top, 0)" in page.locator("details.solution").first.inner_text()
    )


def test_hints_open_one_by_one(page: Page, address: str) -> None:
    visit(page, address + STAGE)
    hints = page.locator("details.hint")
    assert [hints.nth(i).is_visible() for i in range(3)] == [True, False, False]
    hints.nth(0).locator("summary").first.click()
    assert [hints.nth(i).is_visible() for i in range(3)] == [True, True, False]


def test_paper_shows_what_is_folded(page: Page, address: str) -> None:
    visit(page, address + STAGE)
    page.emulate_media(media="print")
    solution = page.locator("details.solution .highlight").first
    assert solution.evaluate("node => node.getBoundingClientRect().height > 50")
    assert not page.locator(".bd-sidebar-primary").is_visible()


def test_the_front_page_fits_a_screen(page: Page, address: str) -> None:
    visit(page, address)
    doors = page.locator("#write-a-deep-learning-library > ul > li")
    boxes = [doors.nth(i).bounding_box() or {} for i in range(doors.count())]
    assert len({box["y"] for box in boxes}) == 1 and len(boxes) == 3
    assert all(box["y"] + box["height"] < 900 for box in boxes)


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_shows_its_plots(page: Page, address: str, name: str) -> None:
    visit(page, f"{address}stages/{name}.html")
    pictures = page.locator("article .cell_output img, article .output img")
    assert pictures.count() > 0
    for i in range(pictures.count()):
        pictures.nth(i).scroll_into_view_if_needed()
        assert pictures.nth(i).evaluate("image => image.complete && image.naturalWidth > 100")
        assert len(pictures.nth(i).get_attribute("alt") or "") > 40


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_pictures_are_taken(page: Page, address: str, theme: str, width: int) -> None:
    for name, path in SHOWN.items():
        visit(page, address + path, width, theme)
        shot = SHOTS / f"site-{name}-{theme}-{width}.png"
        page.screenshot(path=shot)
        assert shot.stat().st_size > 10_000
