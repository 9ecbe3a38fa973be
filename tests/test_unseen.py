"""Answers that were written without a look at the checks: the right ones, and wrong ones that once
passed. `make mutants` plays all of them."""

import pytest

from mugrade.grader.grade import Grader
from mugrade.package.blocks import cell_body
from tests.answers.unseen import OVERRULED, Unseen, unseen
from tests.conftest import STAGES
from tests.test_answers import outcome, secret_of

ANSWERS = [answer for stage in STAGES for answer in unseen(stage)]
PASSED_ONCE = {
    "reverse-mode": {"data that require no gradient get one"},
    "xavier-uniform": {"scaled afterwards by an op: with requires_grad no leaf"},
    "kaiming-uniform": {"any nonlinearity accepted", "AssertionError for another nonlinearity"},
    "kaiming-normal": {"ValueError forgotten"},
    "linear": {"bias drawn although it is not wanted"},
    "relu-layer": {"only in train mode"},
    "sequential": {"all modules put into train mode", "in eval mode only the first module"},
    "softmax-loss": {"flat index in the labels' own dtype: uint8 overflows"},
    "batchnorm": {"running values float32 whatever the dtype"},
    "dropout": {"draws in eval mode too, random stream moved on"},
    "sgd": {
        "average of gradient scaled by lr, so a change of lr acts late",
        "Nesterov's weight decay at theta instead of the value the parameter holds",
    },
    "adam": {
        "no gradient treated as zero: momentum still moves it",
        "update recorded in the graph",
        "index counts only parameters with a gradient",
    },
    "newton-step": {
        "pseudo-inverse, singular matrix not noticed",
        "singular swallowed, gradient step instead",
    },
    "parse-idx": {"product of the sizes in 32 bits overflows"},
    "read-idx": {"errors of the parser do not name the file", "message without the path"},
    "ndarray-dataset": {
        "only neighbours of the first compared: the last one escapes",
        "list instead of a tuple",
    },
    "data-loader": {
        "lists instead of tuples",
        "all batches made before the first is handed out, shared by a cache",
        "indices as a list",
    },
    "epoch": {
        "mean of the batch means",
        "mean loss over the batches, not the examples",
        "seeds only when training",
        "backward in eval too: parameters' grad left behind",
        "per-batch count from the loader's batch_size",
    },
    "profile": {"total time of the repeats"},
    "fast-layernorm": {"h worked out again from the output, wrong where a weight is 0"},
}


def played(grader: Grader, answer: Unseen) -> set[str]:
    """The checks of the stage that it fails."""
    changed, stage = (
        {answer.exercise: cell_body(answer.source)},
        grader.key.course.find(answer.stage),
    )
    found = outcome(grader, stage, changed, secret=secret_of(answer.source))
    return found.verdicts.keys() - found.passed


def param(answer: Unseen) -> object:
    return pytest.param(answer, id=f"{answer.exercise}: {answer.name}")


@pytest.mark.parametrize("answer", [param(a) for a in ANSWERS if a.right and not a.overruled])
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
    listed = (*PASSED_ONCE.items(), *OVERRULED.items())
    assert {(exercise, name) for exercise, names in listed for name in names} <= known
