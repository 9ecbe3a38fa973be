"""The book printed: a PDF with numbered pages, and these numbers in its table of contents."""

import io
from collections.abc import Callable
from pathlib import Path

from pikepdf import ObjectStreamMode, Pdf
from playwright.sync_api import Page

from book.chromium import READY, chromium

SECONDS = 600  # for formulas, and for a print
NUMBER = """pages => document.querySelectorAll('[data-page]').forEach(
    node => { node.textContent = pages[node.dataset.page] })"""


def printed(path: Path, tell: Callable[[str], None]) -> bytes:
    """The PDF of a page in which what has `data-page` says on which page that id is.

    It is printed twice: where something is, is known from the first time. Raises MissingExtra.
    """
    with chromium() as browser:
        page = browser.new_page(color_scheme="light")
        page.set_default_timeout(1000 * SECONDS)
        tell("typesetting the book")
        page.goto(path.as_uri())
        page.wait_for_function(READY)
        tell("printing it once, to number its pages")
        numbers = page_numbers(_print(page))
        tell(f"printing {max(numbers.values(), default=1)} pages")
        page.evaluate(NUMBER, numbers)
        return packed(_print(page))


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


def _print(page: Page) -> bytes:
    return bytes(
        page.pdf(prefer_css_page_size=True, print_background=True, outline=True, tagged=True)
    )
