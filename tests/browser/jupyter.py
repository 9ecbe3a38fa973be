"""A JupyterLab and a Chromium that a test plays a student in."""

import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo
from playwright.sync_api import Locator, Page

from book.chromium import chromium
from tests.conftest import ROOT

SHOTS = ROOT / "build" / "browser"
COLOURS = 48  # in a picture, to keep it small
SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "notebook-extension/tracker": {"windowingMode": "none"},
}
FIND = """id => {
    const notebook = jupyterapp.shell.currentWidget.content
    const index = notebook.widgets.findIndex(cell => cell.model.id === id)
    notebook.activeCellIndex = index
    notebook.mode = 'command'
    notebook.activate()
    notebook.widgets.forEach(cell => cell.node.removeAttribute('data-found'))
    notebook.widgets[index].node.setAttribute('data-found', id)
}"""
MODEL = """id => jupyterapp.shell.currentWidget.content.widgets
    .find(cell => cell.model.id === id).model"""
CONTRASTS = """panel => {
    const parse = text => (text.match(/[\\d.]+/g) || [0, 0, 0, 0]).map(Number)
    const over = (top, below) => {
        const alpha = top.length > 3 ? top[3] : 1
        return [0, 1, 2].map(i => alpha * top[i] + (1 - alpha) * below[i])
    }
    const background = node => {
        const layers = []
        for (; node; node = node.parentElement)
            layers.push(parse(getComputedStyle(node).backgroundColor))
        return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255])
    }
    const luminance = rgb => {
        const [r, g, b] = rgb.map(v => v / 255).map(
            v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
        return 0.2126 * r + 0.7152 * g + 0.0722 * b
    }
    const contrast = node => {
        const below = background(node)
        const a = luminance(over(parse(getComputedStyle(node).color), below))
        const b = luminance(below)
        return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)
    }
    const walker = document.createTreeWalker(panel, NodeFilter.SHOW_TEXT)
    const found = []
    while (walker.nextNode()) {
        const node = walker.currentNode
        const parent = node.parentElement
        if (node.data.trim() && !parent.closest('style, title'))
            found.push([node.data.trim(), contrast(parent)])
    }
    return found
}"""


@contextmanager
def serving(folder: Path, home: Path) -> Iterator[str]:
    """The address of the JupyterLab that `mugrade lab` starts there, for somebody new to it."""
    for name, values in SETTINGS.items():
        path = home / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ["--no-browser", "--allow-root", f"--port={port}", "--IdentityProvider.token="]
    environment = os.environ | {
        "JUPYTER_CONFIG_DIR": str(home),
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
    }
    command = [sys.executable, "-m", "mugrade", "lab", str(folder), "--", *options]
    command.append("--LabApp.expose_app_in_browser=True")
    with (home / "log").open("w") as log:
        server = subprocess.Popen(
            command, env=environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        yield _answering(f"http://127.0.0.1:{port}", home / "log")
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait()


def _answering(address: str, log: Path) -> str:
    for _ in range(300):
        try:
            urllib.request.urlopen(f"{address}/api", timeout=30).close()
            return address
        except urllib.error.URLError:
            time.sleep(0.2)
    raise AssertionError(f"JupyterLab does not answer: {log.read_text()}")


@contextmanager
def browsing() -> Iterator[Page]:
    """An empty page of a browser."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1000, "height": 1000})
        page.set_default_timeout(60_000)
        yield page


def wait_for_kernel(page: Page, notebook: str) -> None:
    """Until the notebook is the one that is looked at, and its kernel ready."""
    page.wait_for_function(
        """name => {
            const widget = window.jupyterapp?.shell.currentWidget
            return widget?.context?.path === name
                && widget.sessionContext?.session?.kernel?.status === 'idle'
        }""",
        arg=notebook,
    )


def find(page: Page, id: str) -> Locator:
    """Make a cell the active one."""
    page.evaluate(FIND, id)
    return page.locator(f'[data-found="{id}"]')


def run(page: Page, id: str) -> Locator:
    """Run a cell with the keyboard and wait for its end."""
    find(page, id)
    before = page.evaluate(f"id => ({MODEL})(id).executionCount", id)
    page.keyboard.press("Shift+Enter")
    page.wait_for_function(
        f"""([id, before]) => {{
            const model = ({MODEL})(id)
            return model.executionCount && model.executionCount !== before
                && model.executionState === 'idle'
        }}""",
        arg=[id, before],
    )
    return find(page, id)


def write(page: Page, id: str, source: str) -> None:
    """Type a cell's source in place of the one it has."""
    find(page, id)
    for key in ("Enter", "Control+a", "Delete"):
        page.keyboard.press(key)
    page.keyboard.insert_text(source)
    page.keyboard.press("Escape")


def theme(page: Page, name: str) -> None:
    page.evaluate(
        "theme => jupyterapp.commands.execute('apputils:change-theme', {theme})",
        f"JupyterLab {name}",
    )
    page.wait_for_function(
        "light => document.body.dataset.jpThemeLight === light", arg=str(name == "Light").lower()
    )


def shoot(page: Page, cell: Locator, name: str) -> None:
    """Look at a cell in both themes: its text can be read; take a picture that holds it."""
    told = PngInfo()
    told.add_itxt("Description", cell.inner_text(), lang="en")
    for colours in ("Light", "Dark"):
        theme(page, colours)
        panels = cell.locator(".mugrade")
        for i in range(panels.count()):
            found: list[Any] = panels.nth(i).evaluate(CONTRASTS)
            assert found
            assert [entry for entry in found if entry[1] < 4.5] == [], colours
        cell.scroll_into_view_if_needed()
        picture = Image.open(io.BytesIO(cell.screenshot(animations="disabled")))
        small = picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
        small.save(SHOTS / f"{name}-{colours.lower()}.png", optimize=True, pnginfo=told)
    theme(page, "Light")
