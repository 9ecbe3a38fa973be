"""The book printed: a PDF with numbered pages, and these numbers in its table of contents."""

import io
from collections.abc import Callable, Mapping
from pathlib import Path

from pikepdf import ObjectStreamMode, Pdf
from playwright.sync_api import Browser, Error

from book.chromium import READY, chromium
from mugrade.errors import CourseError

SECONDS = 600  # for formulas, and for a print
TIMES = 5
NUMBER = """pages => document.querySelectorAll('[data-page]').forEach(
    node => { node.textContent = pages[node.dataset.page] ?? '000' })"""


def printed(path: Path, tell: Callable[[str], None]) -> bytes:
    """The PDF of a page in which what has `data-page` says on which page that id is.

    Where something is, is known once it has been printed, so it is printed again until that is what
    it says. Raises MissingExtra, and CourseError where Chromium fails.
    """
    try:
        with chromium() as browser:
            return packed(_numbered(browser, path, tell))
    except Error as error:
        raise CourseError(f"the book is not printed: {error.message.splitlines()[0]}") from error


def _numbered(browser: Browser, path: Path, tell: Callable[[str], None]) -> bytes:
    said: dict[str, int] = {}
    for _ in range(TIMES):
        tell(f"printing {max(said.values())} pages" if said else "printing it, to count pages")
        pdf = _print(browser, path, said)
        found = page_numbers(pdf)
        if found == said:
            return pdf
        said = found
    raise CourseError(f"the book is not printed: its pages differ each of {TIMES} times")


def page_numbers(pdf: bytes) -> dict[str, int]:
    """The page of each id that a link leads to, from 1."""
    with Pdf.open(io.BytesIO(pdf)) as book:
        of = {page.objgen: number for number, page in enumerate(book.pages, 1)}
        places = book.Root.get("/Dests", {})
        return {name[1:]: of[place[0].objgen] for name, place in places.items()}


def packed(pdf: bytes) -> bytes:
    """The same in half the bytes: what is said of its structure is compressed too."""
    small = io.BytesIO()
    with Pdf.open(io.BytesIO(pdf)) as book:
        book.save(small, object_stream_mode=ObjectStreamMode.generate)
    return small.getvalue()


def _print(browser: Browser, path: Path, said: Mapping[str, int]) -> bytes:
    """From a page of its own: Chromium breaks one that it has printed before a little otherwise."""
    page = browser.new_page(color_scheme="light")
    page.set_default_timeout(1000 * SECONDS)
    page.emulate_media(media="print")
    page.goto(path.as_uri())
    page.wait_for_function(READY)
    page.evaluate(NUMBER, said)
    pdf = page.pdf(prefer_css_page_size=True, print_background=True, outline=True, tagged=True)
    page.close()
    return bytes(pdf)
