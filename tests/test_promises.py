"""What a hidden input demands, the task says, not a hint alone; of what kind it is, its check."""

import re
from collections.abc import Iterator

import pytest

from mugrade.course.model import Course, Stage
from mugrade.values.answers import _yields
from tests.answers.promises import PROMISES
from tests.conftest import STAGES

LONGEST_KIND = 60


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


@pytest.mark.parametrize("name", STAGES)
def test_every_hidden_yield_says_of_what_kind_its_input_is(course: Course, name: str) -> None:
    for cell in course.find(name).role("check"):
        hidden = [place for place in _yields(cell.source).values() if place.hidden]
        silent = [place.text for place in hidden if not place.about]
        assert silent == [], f"{cell.id}: nothing is said of these inputs"
        assert [p.about for p in hidden if len(p.about) > LONGEST_KIND] == [], cell.id
