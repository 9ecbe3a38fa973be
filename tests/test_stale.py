"""A panel says if it is about older code, and blames only what the check reached."""

import json
import os
import time
from pathlib import Path

import pytest

from mugrade.course.manifest import dump
from mugrade.course.model import Course
from tests.test_live import GOOD_MEAN, IMPORTS, MEAN, SCALE, Kernel, kernel

__all__ = ["kernel"]
CHECK = "@check\ndef mean_of_three():\n    yield stats.mean(np.array([1.0, 2.0, 6.0]))"
OLDER = "the last run of mean failed; this is about the version before it"
EDITED = "the cell of mean has changed since it ran; run it, then this one"


def build(kernel: Kernel) -> None:
    kernel.run("from mugrade import check")
    kernel.run(IMPORTS)
    kernel.run(GOOD_MEAN, "mean")


def save(kernel: Kernel, source: str, later: float) -> None:
    """The student saves the notebook with this text in the exercise's cell."""
    path = kernel.folder / "00_mean.ipynb"
    data = json.loads(path.read_text())
    (cell,) = (cell for cell in data["cells"] if cell.get("id") == "mean")
    cell["source"] = source
    path.write_text(json.dumps(data))
    os.utime(path, (time.time() + later,) * 2)


@pytest.mark.parametrize(
    "broken",
    ["def mean(x):\n    return x.sum( / x.size", "def mean(x):\n    pass\nraise ValueError"],
)
@pytest.mark.parametrize("cell_id", ["mean", None])
def test_after_a_run_that_failed_the_panel_says_what_it_is_about(
    kernel: Kernel, broken: str, cell_id: str | None
) -> None:
    build(kernel)
    assert OLDER not in kernel.run(CHECK).text
    assert kernel.run(MEAN + broken, cell_id).error is not None
    assert OLDER in kernel.run(CHECK).text
    kernel.run(GOOD_MEAN, cell_id)
    assert OLDER not in kernel.run(CHECK).text


def test_an_edit_that_was_saved_and_not_run_is_said(kernel: Kernel) -> None:
    build(kernel)
    save(kernel, GOOD_MEAN, later=10)
    assert EDITED not in kernel.run(CHECK).text
    save(kernel, GOOD_MEAN + "  # no", later=10)
    assert EDITED in kernel.run(CHECK).text
    save(kernel, GOOD_MEAN + "  # no", later=-10)  # saved before the last run
    assert EDITED not in kernel.run(CHECK).text
    kernel.run(GOOD_MEAN + "  # no", "mean")
    save(kernel, GOOD_MEAN + "  # no", later=10)
    assert EDITED not in kernel.run(CHECK).text


def test_a_course_that_lacks_the_cell_says_nothing_of_edits(kernel: Kernel) -> None:
    build(kernel)
    path = kernel.folder / "cells.json"
    path.write_text(dump([c for c in json.loads(path.read_text()) if c["id"] != "mean"]))
    kernel.restart()
    kernel.run("from mugrade import check")
    save(kernel, GOOD_MEAN + "  # no", later=10)
    output = kernel.run(CHECK)
    assert output.error is None and EDITED not in output.text


def test_a_note_leaves_at_most_eight_lines(kernel: Kernel) -> None:
    build(kernel)
    kernel.run(GOOD_MEAN.replace("x.size", "(x.size - 1)"), "mean")
    kernel.run(MEAN + "def mean(x):\n    return x.sum( / x.size", "mean")
    error = kernel.run(CHECK).error
    assert error is not None and OLDER in str(error) and len(str(error).splitlines()) <= 8


def scaled(kernel: Kernel, body: str) -> str:
    """What the check of the second stage says of a scaler."""
    kernel.run(SCALE + "import numpy as np\n\nfrom stats.mean import mean", "scale-imports")
    kernel.run(SCALE + body, "scaler")
    check = "@check\ndef scaler_centres():\n    x = np.arange(6.0)\n    yield Scaler(x)(x)"
    return str(kernel.run(check).error)


WITH_MEAN = """class Scaler:
    def __init__(self, x):
        self.centre, self.deviation = mean(x), x.std()
    def __call__(self, x):
        return np.sin(3 * x * self.centre) / self.deviation
"""
WITHOUT = WITH_MEAN.replace("mean(x), x.std()", "x.mean() + 1, x.std()")
BLAMED = "look at 00_mean first"


def test_only_what_the_check_reached_is_blamed(kernel: Kernel) -> None:
    build(kernel)
    kernel.run(GOOD_MEAN.replace("x.size", "(x.size - 1)"), "mean")
    assert kernel.run(CHECK).error is not None
    assert BLAMED in scaled(kernel, WITH_MEAN)
    assert BLAMED not in scaled(kernel, WITHOUT)


def test_a_failure_of_code_that_is_there_no_more_is_not_blamed(kernel: Kernel) -> None:
    build(kernel)
    kernel.run(GOOD_MEAN.replace("x.size", "(x.size - 1)"), "mean")
    assert kernel.run(CHECK).error is not None
    kernel.run(GOOD_MEAN.replace("x.size", "(x.size + 1)"), "mean")  # another, not checked yet
    assert BLAMED not in scaled(kernel, WITH_MEAN)


def test_what_an_older_mugrade_noted_blames_nobody(kernel: Kernel, tiny: Course) -> None:
    build(kernel)
    kernel.run(GOOD_MEAN.replace("x.size", "(x.size - 1)"), "mean")
    note = {"mean-of-three": {"passed": False, "good": ""}}
    Path(kernel.folder, ".mugrade").mkdir(exist_ok=True)
    Path(kernel.folder, ".mugrade", "progress.json").write_text(dump(note))
    assert BLAMED not in scaled(kernel, WITH_MEAN)
