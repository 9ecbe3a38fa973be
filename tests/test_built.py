"""What is said when the last check of the course passes, and not before."""

from pathlib import Path

import pytest

from mugrade.course.model import Course
from mugrade.student.progress import take_stage
from mugrade.student.workspace import Workspace
from tests.test_checks import CHECK, kernel
from tests.test_cli_check import mugrade
from tests.test_live import SCALE, Kernel
from tests.test_panels import Tree

__all__ = ["kernel"]
HELPER = "#| export stats/mean.py\n\n# how long\ndef length(x):\n    return x.size"


@pytest.fixture
def last(kernel: Kernel, tiny: Course) -> Kernel:
    """A course of which the last stage is borrowed, and its checks not run since."""
    kernel.run(HELPER, "my-helper")
    kernel.run(CHECK)
    take_stage(Workspace.find(kernel.folder), "01_scale", tiny.root)
    kernel.run("from mugrade import progress")
    return kernel


def test_it_is_said_when_the_last_check_passes(last: Kernel) -> None:
    assert "is written" not in mugrade("status").output
    mugrade("check", "1")
    said = [
        "stats is written: 3 exercises in 2 stages, 2 of them borrowed, "
        "5 lines of your own beside 15 others",
        "  stats/mean.py      5  mean",
        "  stats/scale.py     0  Scaler, noise",
        "It is a package like any other: wherever Python finds this folder, `import stats` "
        "imports what you wrote.",
    ]
    assert mugrade("status").output.splitlines()[-4:] == said
    assert last.value("progress('1').text").splitlines()[:4] == said
    text = Tree(last.value("progress()._repr_mimebundle_()")["text/html"]).text
    assert said[0] in text and said[-1] in text and "Scaler, noise" in text


def test_it_is_not_said_of_code_that_has_not_passed(last: Kernel) -> None:
    mugrade("check", "1")
    last.run(SCALE + "def noise(n): return np.random.randn(n)", "noise")
    assert "is written" not in mugrade("status").output
    assert "is written" not in last.value("progress().text")


def test_a_course_that_is_borrowed_is_not_written(
    last: Kernel, tiny: Course, tmp_path: Path
) -> None:
    take_stage(Workspace.find(last.folder), "00_mean", tiny.root)
    mugrade("check", "0", "1")
    assert "2/2" in mugrade("status").output
    assert "is written" not in mugrade("status").output
