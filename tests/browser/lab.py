"""A student in a real JupyterLab and a real Chromium: `make browser`.

Not a part of the other tests: it needs a browser. The pictures it takes lie in build/browser.
"""

import io
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, sync_playwright

from mugrade import visible
from mugrade.answers import Answer, judge
from mugrade.grader.report import write_feedback
from mugrade.grader.results import Grade, Result
from mugrade.grader.submissions import Submission
from mugrade.judges import Close
from mugrade.manifest import CheckEntry
from mugrade.observe import Observed
from tests.conftest import ROOT, standing_of

STAGE = "05_norms"
SHOTS = ROOT / "build" / "browser"
COLOURS = 48  # in a picture, to keep it small
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
SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "notebook-extension/tracker": {"windowingMode": "none"},
}
WRONG = "init.randb(*x.shape, p=1 - self.p)\n        return x * mask"
RIGHT = f"{WRONG} / (1 - self.p)"
ANSWER = """\
#| export needle/nn/dropout.py
class Dropout(Module):
    def __init__(self, p=0.5):
        super().__init__()
        self.p = p

    def forward(self, x):
        if not self.training:
            return x
        mask = {}
"""
FIND = """id => {
    const notebook = jupyterapp.shell.currentWidget.content
    const index = notebook.widgets.findIndex(cell => cell.model.id === id)
    notebook.activeCellIndex = index
    notebook.mode = 'command'
    notebook.activate()
    notebook.widgets.forEach(cell => cell.node.removeAttribute('data-found'))
    notebook.widgets[index].node.setAttribute('data-found', id)
}"""
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


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A student's copy of the notebooks, with the stages before this one borrowed."""
    folder = tmp_path_factory.mktemp("student") / "notebooks"
    ignored = shutil.ignore_patterns("needle", ".mugrade", ".ipynb_checkpoints", "mnist")
    shutil.copytree(ROOT / "notebooks", folder, ignore=ignored)
    earlier = [f"{n:02}" for n in range(int(STAGE[:2]))]
    mugrade = [sys.executable, "-m", "mugrade"]
    subprocess.run([*mugrade, "take", *earlier, "--course", ROOT], cwd=folder, check=True)
    return folder


@pytest.fixture(scope="module")
def lab(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a JupyterLab in that folder."""
    home = tmp_path_factory.mktemp("home")
    for name, values in SETTINGS.items():
        path = home / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ["--no-browser", "--allow-root", f"--port={port}", "--IdentityProvider.token="]
    options += ["--LabApp.expose_app_in_browser=True", f"--ServerApp.root_dir={folder}"]
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "JUPYTER_CONFIG_DIR": str(home),
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
    }
    with (home / "log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options],
            env=environment,
            stdout=log,
            stderr=log,
        )
    try:
        yield _answering(f"http://127.0.0.1:{port}", home / "log")
    finally:
        server.terminate()
        server.wait()


def _answering(address: str, log: Path) -> str:
    for _ in range(300):
        try:
            urllib.request.urlopen(f"{address}/api", timeout=30).close()
            return address
        except urllib.error.URLError:
            time.sleep(0.2)
    raise AssertionError(f"JupyterLab does not answer: {log.read_text()}")


@pytest.fixture(scope="module")
def page(lab: str) -> Iterator[Page]:
    """The notebook, open in JupyterLab."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.exit(f"no browser found: install one of {', '.join(BROWSERS)}", 1)
    SHOTS.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=list(FLAGS))
        page = chromium.new_page(viewport={"width": 1000, "height": 1000})
        page.set_default_timeout(60_000)
        page.goto(f"{lab}/lab/tree/{STAGE}.ipynb?reset")
        page.wait_for_selector(".jp-Notebook .jp-Cell")
        page.wait_for_function(
            "() => window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel"
            "?.status === 'idle'"
        )
        page.evaluate("jupyterapp.commands.execute('application:toggle-left-area')")
        yield page
        chromium.close()


def find(page: Page, id: str) -> Locator:
    """Make a cell the active one."""
    page.evaluate(FIND, id)
    return page.locator(f'[data-found="{id}"]')


def run(page: Page, id: str) -> Locator:
    """Run a cell with the keyboard and wait for its end."""
    cell = find(page, id)
    before = cell.locator(".jp-InputPrompt").first.inner_text()
    page.keyboard.press("Shift+Enter")
    page.wait_for_function(
        """([id, before]) => {
            const now = document.querySelector(`[data-found="${id}"] .jp-InputPrompt`).innerText
            return now !== before && !now.includes('*')
        }""",
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
    """Look at a cell in both themes: its text can be read; take a picture."""
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
        small.save(SHOTS / f"{name}-{colours.lower()}.png", optimize=True)
    theme(page, "Light")


def test_a_student_fails_takes_a_hint_and_passes(page: Page) -> None:
    run(page, "setup-05")
    run(page, "dropout-module")
    write(page, "dropout", ANSWER.format(WRONG))
    assert "needle/nn/dropout.py: Dropout" in run(page, "dropout").inner_text()
    run(page, "nn-index-dropout")

    cell = run(page, "dropout-forward")
    panel = cell.locator(".jp-OutputArea .mugrade")
    assert panel.count() == 1 and panel.get_attribute("role") == "group"
    assert panel.get_attribute("aria-label") == "Check dropout_forward: not passed, 0 of 10 points"
    said = panel.inner_text()
    assert "not passed" in said and "mistake" in said and "!mugrade hint dropout" in said
    picture = panel.locator("svg[role=img]")
    assert "of 8 entries differ" in (picture.get_attribute("aria-label") or "")
    error = cell.locator('[data-mime-type="application/vnd.jupyter.stderr"], '
                         '[data-mime-type="application/vnd.jupyter.error"]')  # fmt: skip
    assert error.inner_text().split() == ["dropout_forward", "0", "of", "10", "points"]
    shoot(page, cell, "failing")

    find(page, "dropout-forward")
    page.keyboard.press("b")
    new = page.evaluate("jupyterapp.shell.currentWidget.content.activeCell.model.id")
    write(page, new, "!mugrade hint dropout")
    hint = run(page, new)
    assert "dropout, hint 1 of 3" in hint.inner_text()
    shoot(page, hint, "hint")

    write(page, "dropout", ANSWER.format(RIGHT))
    run(page, "dropout")
    cell = run(page, "dropout-forward")
    panel = cell.locator(".jp-OutputArea .mugrade")
    assert panel.get_attribute("aria-label") == f"Check dropout_forward: passed, {visible.PASS}"
    assert cell.locator(".jp-OutputArea-output").count() == 1
    shoot(page, cell, "passed")


def test_the_notebook_ends_with_progress(page: Page) -> None:
    run(page, "dropout-eval")
    run(page, "layernorm-forward")
    write(page, "dropout", ANSWER.format(RIGHT) + "\n    # unchanged otherwise")
    run(page, "dropout")
    run(page, "dropout-forward")
    cell = run(page, "progress-05")
    panel = cell.locator(".jp-OutputArea .mugrade")
    assert panel.get_attribute("role") == "group"
    said = panel.inner_text()
    for text in (
        "1 of 3 exercises built",
        "1 changed, visible inputs: 1 of 12 checks pass, worth 10 points",
        "dropout_forward passes on the visible inputs",
        "dropout_eval changed since it last passed: run it again",
        "layernorm_forward fails",
        "batchnorm_eval not run",
    ):
        assert text in " ".join(said.split())
    shoot(page, cell, "progress")


def test_a_plot_has_a_text(page: Page) -> None:
    run(page, "align-right-demo")
    cell = run(page, "expectation-demo")
    images = cell.locator(".jp-OutputArea img")
    assert images.count() == 1
    assert len(images.get_attribute("alt") or "") > 40
    assert images.evaluate("image => image.complete && image.naturalWidth > 100")


def test_formulas_are_typeset_and_values_are_not(page: Page) -> None:
    source = """\
from IPython.display import display
from mugrade.answers import Verdict
from mugrade.messages import Report
display(Report.of("a-check", Verdict("value", "$x$", "2"), 3, r"divide by $\\sqrt{n}$", "x"))"""
    find(page, "setup-05")
    page.keyboard.press("b")
    new = page.evaluate("jupyterapp.shell.currentWidget.content.activeCell.model.id")
    write(page, new, source)
    panel = run(page, new).locator(".mugrade")
    panel.locator("mjx-container").first.wait_for(state="attached")
    assert panel.locator("mjx-container").count() == 1
    assert "$x$" in panel.inner_text()
    shoot(page, panel, "formula")


def test_a_feedback_page_can_be_read_in_both_themes(page: Page, tmp_path: Path) -> None:
    expected = np.arange(40.0).reshape(8, 5)
    answer = Answer(Close(), expected, "f(x)", False)
    verdict = judge([Observed("array", expected + np.eye(8, 5))], [answer])
    entry = CheckEntry("a-check", STAGE, 4, "dropout", r"Divide by $\sqrt{n}$.")
    result = Result(Submission("ada", STAGE, None), "graded", "", [Grade(entry, verdict)])
    write_feedback(tmp_path / "page.html", standing_of(result), "Norms")
    browser = page.context.browser
    assert browser is not None
    other = browser.new_page()
    for colours in ("light", "dark"):
        other.emulate_media(color_scheme=colours)
        other.goto((tmp_path / "page.html").as_uri())
        other.evaluate("document.documentElement.style.background = 'Canvas'")
        body = other.locator("body")
        assert "Divide by sqrt(n)." in body.inner_text()
        assert body.locator("svg[role=img]").count() == 1
        found: list[Any] = body.evaluate(CONTRASTS)
        assert len(found) > 10
        assert [entry for entry in found if entry[1] < 4.5] == [], colours
    other.close()
