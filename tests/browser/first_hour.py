"""A student's first hour in a real JupyterLab and a real Chromium: `make browser`.

From `mugrade start` to the first check that passes, then what goes wrong on most first evenings,
the commands in a cell, and the course's next version. It prints how long the way to the first pass
is. The pictures it takes lie in build/browser.
"""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page

from mugrade.course.manifest import START, Manifest
from mugrade.view import visible
from tests.browser.jupyter import MODEL, browsing, find, run, serving, shoot, wait_for_kernel, write
from tests.conftest import ROOT

STAGE = "00_autograd"
FIRST = "by-hand"
OPEN = "raise NotImplementedError()"
ANSWER = "a_bar = p_bar * b + y_bar\n    b_bar = p_bar * a"
NEW = "This sentence is new in the second release."
LAYOUT = """id => {
    const widgets = jupyterapp.shell.currentWidget.content.widgets
    const index = widgets.findIndex(cell => cell.model.id === id)
    const top = cell => cell.node.getBoundingClientRect().top
    const above = widgets.slice(0, index)
    const last = widgets[widgets.length - 1].node.getBoundingClientRect().bottom
    return {
        pixels: Math.round(top(widgets[index]) - top(widgets[0])),
        height: Math.round(last - top(widgets[0])),
        code: above.filter(cell => cell.model.type === 'code').length,
        open: above.filter(cell => cell.model.type === 'code' && !cell.inputHidden).length,
    }
}"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `mugrade start` lays out, in a folder with a blank and an accent in its name."""
    folder = tmp_path_factory.mktemp("student") / "mon été"
    subprocess.run([sys.executable, "-m", "mugrade", "start", folder], check=True)
    return folder


@pytest.fixture(scope="module")
def page(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """What `mugrade lab` opens."""
    with serving(folder, tmp_path_factory.mktemp("home")) as lab, browsing() as page:
        page.goto(lab)
        wait_for_kernel(page, START)
        yield page


def shown(folder: Path, id: str) -> str:
    """The source of a cell as it was handed out."""
    cells = json.loads((folder / f"{STAGE}.ipynb").read_text(encoding="utf-8"))["cells"]
    return "".join(next(cell for cell in cells if cell["id"] == id)["source"])


def go_through(page: Page, last: str) -> None:
    """Run the cells of code from the first to this one."""
    ids = page.evaluate(
        """jupyterapp.shell.currentWidget.content.widgets
            .filter(cell => cell.model.type === 'code').map(cell => cell.model.id)"""
    )
    for id in ids[: ids.index(last) + 1]:
        run(page, id)


def below(page: Page, id: str, source: str) -> Locator:
    """Write a cell of one's own under another one, and run it."""
    find(page, id)
    page.keyboard.press("b")
    new = page.evaluate("jupyterapp.shell.currentWidget.content.activeCell.model.id")
    write(page, new, source)
    return run(page, new)


def test_the_first_page_leads_to_the_first_stage(page: Page) -> None:
    files = page.locator(".jp-DirListing-itemText").all_inner_texts()
    assert START in files and f"{STAGE}.ipynb" in files
    assert [name for name in files if name.endswith(".json")] == []
    assert page.locator("text=Create Assignment").count() == 0
    page.evaluate("jupyterapp.commands.execute('application:toggle-left-area')")
    progress = run(page, "start-progress")
    assert "The whole course" in progress.inner_text()
    shoot(page, progress, "start-progress")
    shoot(page, find(page, "start"), "start")
    find(page, "start").locator("a", has_text="Autograd").click()
    wait_for_kernel(page, f"{STAGE}.ipynb")


def test_the_first_check_passes(page: Page, folder: Path) -> None:
    layout = page.evaluate(LAYOUT, FIRST)
    began = time.perf_counter()
    go_through(page, "by-hand-demo")
    now = page.evaluate(LAYOUT, FIRST)
    write(page, FIRST, shown(folder, FIRST).replace(OPEN, ANSWER))
    assert "needle/byhand.py: adjoints_by_hand" in run(page, FIRST).inner_text()
    cell = run(page, "by-hand-adjoints")
    seconds = time.perf_counter() - began
    panel = cell.locator(".jp-OutputArea .mugrade")
    assert panel.get_attribute("aria-label") == f"Check by_hand_adjoints: passed, {visible.PASS}"
    shoot(page, cell, "first-pass")
    shoot(page, find(page, "by-hand-demo"), "by-hand")
    print(
        f"\nabove the first exercise: {now['pixels']} of {now['height']} pixels "
        f"({layout['pixels']} before anything has run), {layout['code']} cells of code, "
        f"{layout['open']} of them unfolded; run, typed and passed in {seconds:.0f} s"
    )


def test_a_run_that_failed_is_said(page: Page, folder: Path) -> None:
    write(page, FIRST, shown(folder, FIRST).replace(OPEN, f"{ANSWER}\n    c_bar ="))
    assert "SyntaxError" in run(page, FIRST).inner_text()
    cell = run(page, "by-hand-adjoints")
    said = " ".join(cell.locator(".jp-OutputArea .mugrade").inner_text().split())
    assert "this cell's last run failed" in said or "last run" in said
    shoot(page, cell, "failed-run")
    write(page, FIRST, shown(folder, FIRST).replace(OPEN, ANSWER))
    run(page, FIRST)
    assert "passed" in run(page, "by-hand-adjoints").inner_text()


def test_commands_in_a_cell(page: Page) -> None:
    page.evaluate("jupyterapp.commands.execute('docmanager:save')")
    manifest = Manifest.read(ROOT / "notebooks")
    checks = sum(check.stage == STAGE for check in manifest.checks)
    points = manifest.check["by-hand-adjoints"].points
    for command, said in {
        "%mugrade hint multiply": "multiply, hint 1 of 3",
        "%mugrade check 00": f"1/{checks} {points}/100",
        "%mugrade status": f"1/14 1/{checks}",
        "%mugrade doctor": "nothing is wrong",
    }.items():
        cell = below(page, "how-it-goes", command)
        assert said in " ".join(cell.inner_text().split()), command
        shoot(page, cell, command.removeprefix("%mugrade ").replace(" ", "-"))


def test_an_update_keeps_the_answer(page: Page, folder: Path, tmp_path: Path) -> None:
    page.evaluate("jupyterapp.commands.execute('docmanager:save')")
    second = tmp_path / "notebooks"
    shutil.copytree(ROOT / "notebooks", second, ignore=shutil.ignore_patterns("needle", ".*"))
    path = second / f"{STAGE}.ipynb"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("That is how it goes from here on.", NEW), encoding="utf-8")

    cell = below(page, "how-it-goes", f"%mugrade update {second}")
    shoot(page, cell, "update")
    page.evaluate("() => { jupyterapp.commands.execute('docmanager:reload') }")
    page.locator(".jp-Dialog").get_by_role("button", name="Reload").click()
    page.wait_for_function(
        """text => jupyterapp.shell.currentWidget.content.widgets
            .some(cell => cell.model.sharedModel.getSource().includes(text))""",
        arg=NEW,
    )
    assert ANSWER in page.evaluate(f"id => ({MODEL})(id).sharedModel.getSource()", FIRST)
    assert "passed" in run(page, "by-hand-adjoints").inner_text()
