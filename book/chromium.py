"""A Chromium to look at pages with, without a window."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from mugrade.errors import MissingExtra

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
READY = """() => document.fonts.status === 'loaded'
    && [...document.querySelectorAll('.math')].every(math => math.querySelector('mjx-container'))
    && [...document.images].every(image => image.complete)"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """The system's, or the one that playwright has installed. Raises MissingExtra without one."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    with sync_playwright() as playwright:
        path = found or playwright.chromium.executable_path
        if not Path(path).is_file():
            raise MissingExtra(
                "Chromium: install your system's package chromium, or say "
                f"{sys.executable} -m playwright install chromium"
            )
        browser = playwright.chromium.launch(
            executable_path=path, args=list(FLAGS), handle_sigint=False
        )
        try:
            yield browser
        finally:
            browser.close()
