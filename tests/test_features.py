"""One omission costs once: a feature left out fails the checks named after it, and no other."""

from collections import defaultdict
from collections.abc import Iterator

import pytest

from mugrade.grader.grade import Grader
from tests.answers.features import FEATURES
from tests.test_answers import Edits, edited, outcome

# what computes with an exercise's function cannot be right where the function is wrong
BUILT_ON = defaultdict(set, {"stable-logsumexp": {"logsumexp"}, "logsoftmax": {"softmax-loss"}})
WHOLE = {  # of which no feature is taken out
    "by-hand", "relu-layer", "decayed-gradient", "flip", "crop", "residual-block", "mlp-resnet",
    "train-mnist", "profile", "fast-linear", "fast-dropout", "fast-softmax-loss",
}  # fmt: skip


def features() -> Iterator[object]:
    for stage, exercises in FEATURES.items():
        for exercise, found in exercises.items():
            for feature, (edits, falls) in found.items():
                yield pytest.param(stage, exercise, edits, falls, id=f"{exercise}: {feature}")


@pytest.mark.parametrize(("number", "exercise", "edits", "falls"), list(features()))
def test_one_omission_costs_once(
    grader: Grader, number: str, exercise: str, edits: Edits, falls: set[str]
) -> None:
    stage = grader.key.course.find(number)
    source = edited(stage, exercise, edits) if edits else ""
    found = outcome(grader, stage, {exercise: source}, secret=b"features")
    failed = found.verdicts.keys() - found.passed
    assert {
        id for id in failed if grader.key.manifest.check[id].of not in BUILT_ON[exercise]
    } == falls


@pytest.mark.parametrize("number", FEATURES)
def test_every_exercise_has_features(grader: Grader, number: str) -> None:
    exercises = {cell.id for cell in grader.key.course.find(number).role("solution")}
    assert exercises - FEATURES[number].keys() <= WHOLE
