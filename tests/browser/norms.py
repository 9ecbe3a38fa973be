"""A student in a real JupyterLab and a real Chromium, in the middle of the course: `make browser`.

Not a part of the other tests: it needs a browser. The pictures it takes lie in build/browser; `make
pictures` puts those into docs/ that the pages there show.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page

from mugrade.course.manifest import CheckEntry, Manifest
from mugrade.grader.report import write_feedback
from mugrade.grader.results import Grade, Result
from mugrade.grader.submissions import Submission
from mugrade.values.answers import Answer
from mugrade.values.close import Close
from mugrade.values.compare import judge
from mugrade.values.observe import Observed
from mugrade.view import visible
from tests.browser.jupyter import (
    CONTRASTS,
    browsing,
    find,
    run,
    serving,
    shoot,
    wait_for_kernel,
    write,
)
from tests.conftest import ROOT, standing_of

STAGE = "05_norms"
COURSE = Manifest.read(ROOT / "notebooks")
CHECKS = sum(check.stage == STAGE for check in COURSE.checks)
WORTH = COURSE.check["dropout-forward"].points
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
def page(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """The notebook, open in JupyterLab."""
    with serving(folder, tmp_path_factory.mktemp("home")) as lab, browsing() as page:
        page.goto(f"{lab}/lab/tree/{STAGE}.ipynb?reset")
        wait_for_kernel(page, f"{STAGE}.ipynb")
        page.evaluate("jupyterapp.commands.execute('application:toggle-left-area')")
        yield page


def test_a_student_fails_takes_a_hint_and_passes(page: Page) -> None:
    run(page, "setup-05")
    run(page, "dropout-module")
    write(page, "dropout", ANSWER.format(WRONG))
    assert "needle/nn/dropout.py: Dropout" in run(page, "dropout").inner_text()

    cell = run(page, "dropout-forward")
    panel = cell.locator(".jp-OutputArea .mugrade")
    assert panel.count() == 1 and panel.get_attribute("role") == "group"
    label = f"Check dropout_forward: not passed, 0 of {WORTH} points"
    assert panel.get_attribute("aria-label") == label
    said = panel.inner_text()
    assert "not passed" in said and "mistake" in said and "%mugrade hint dropout" in said
    picture = panel.locator("svg[role=img]")
    assert re.search(r"\d of \d+ entries differ", picture.get_attribute("aria-label") or "")
    error = cell.locator('[data-mime-type="application/vnd.jupyter.stderr"], '
                         '[data-mime-type="application/vnd.jupyter.error"]')  # fmt: skip
    assert error.inner_text().split() == f"dropout_forward 0 of {WORTH} points".split()
    shoot(page, cell, "failing")

    find(page, "dropout-forward")
    page.keyboard.press("b")
    new = page.evaluate("jupyterapp.shell.currentWidget.content.activeCell.model.id")
    write(page, new, "%mugrade hint dropout")
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
        f"1 changed, visible inputs: 1 of {CHECKS} checks pass, worth {WORTH} points",
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
from mugrade.course.manifest import CheckEntry
from mugrade.values.verdict import Verdict
from mugrade.view.report import Report
entry = CheckEntry("a-check", "05_norms", 3, "x", r"divide by $\\sqrt{n}$")
display(Report(entry, Verdict("value", "$x$", "2")))"""
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
