"""Answers that were written without a look at the checks: the right ones, and wrong ones that once
passed. `make mutants` plays all of them."""

import pytest

from mugrade.grader.grade import Grader
from mugrade.package.blocks import cell_body
from tests.answers.unseen import Unseen, unseen
from tests.conftest import STAGES
from tests.test_answers import outcome, secret_of

ANSWERS = [answer for stage in STAGES for answer in unseen(stage)]
ASKED_FOR_SINCE = {  # by the text, in answer to what these answers showed
    "softmax-loss": {"both terms apart", "loop over the classes"},
    "mnist-dataset": {"scaled at once, recursion for several indices"},
}
PASSED_ONCE: dict[str, set[str]] = {}


def played(grader: Grader, answer: Unseen) -> set[str]:
    """The checks of the stage that it fails."""
    changed, stage = {answer.exercise: cell_body(answer.source)}, grader.course.find(answer.stage)
    found = outcome(grader, stage, changed, secret=secret_of(answer.source))
    return found.verdicts.keys() - found.passed


def param(answer: Unseen) -> object:
    return pytest.param(answer, id=f"{answer.exercise}: {answer.name}")


@pytest.mark.parametrize(
    "answer",
    [param(a) for a in ANSWERS if a.right and a.name not in ASKED_FOR_SINCE.get(a.exercise, set())],
)
def test_a_right_answer_gets_full_points(grader: Grader, answer: Unseen) -> None:
    assert played(grader, answer) == set()


@pytest.mark.parametrize(
    "answer", [param(a) for a in ANSWERS if a.name in PASSED_ONCE.get(a.exercise, set())]
)
def test_a_wrong_answer_that_once_passed_loses_points(grader: Grader, answer: Unseen) -> None:
    assert played(grader, answer)


def test_there_are_enough_of_them() -> None:
    assert sum(not answer.right for answer in ANSWERS) >= 300
    assert sum(answer.right for answer in ANSWERS) >= 100
    known = {(a.exercise, a.name) for a in ANSWERS}
    assert {
        (e, name) for e, names in (PASSED_ONCE | ASKED_FOR_SINCE).items() for name in names
    } <= known
