"""What a hidden input demands, the task says in its prose or docstring, not in a hint alone."""

import re
from collections.abc import Iterator

import pytest

from mugrade.author.course import Course, Stage
from tests.answers.promises import PROMISES


def task_of(stage: Stage, exercise: str) -> str:
    """What stands between the exercise before and this one, and its stub, in one line."""
    text: list[str] = []
    for cell in stage.role("prose", "solution", "given"):
        if cell.id == exercise:
            return " ".join("\n".join([*text, cell.unsolved]).split())
        prose = re.sub("^# ?", "", cell.source, flags=re.MULTILINE)
        text = [] if cell.role == "solution" else [*text, prose]
    raise LookupError(exercise)


def promises() -> Iterator[object]:
    for stage, named in PROMISES.items():
        for name, found in named.items():
            for kind, sentence in found.items():
                yield pytest.param(stage, name, sentence, id=f"{name}: {kind}")


@pytest.mark.parametrize(("number", "name", "sentence"), list(promises()))
def test_the_task_asks_for_what_is_hidden(
    course: Course, number: str, name: str, sentence: str
) -> None:
    stage = course.find(number)
    checks = [cell for cell in stage.role("check") if name in (cell.id, cell.of)]
    assert sentence in task_of(stage, checks[0].of)
    assert any("### BEGIN HIDDEN TESTS" in cell.source for cell in checks)


def test_a_hint_is_no_task(course: Course) -> None:
    stage = course.find("03")
    assert "np.isfinite(top)" not in task_of(stage, "stable-logsumexp")
    assert "np.isfinite(top)" in "".join(cell.source for cell in stage.role("hints"))
