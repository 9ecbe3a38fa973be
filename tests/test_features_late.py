"""One omission costs once: with one feature of an exercise left out, only the checks that are
named after it fail (stages 05 to 09)."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from mugrade.grader.grade import Grader
from tests.test_answers import Edits, edited, outcome


@dataclass(frozen=True)
class Left:
    """A feature of an exercise that is left out by edits, and the checks that may fail for it.

    No edits at all leave the whole exercise open.
    """

    out: str
    edits: Edits
    falls: set[str]


FEATURES: dict[str, dict[str, list[Left]]] = {
    "06": {
        "clip-grad-norm": [
            Left(
                "the exercise", [], {"clip-keeps-direction", "clip-is-careful", "clip-walks-once"}
            ),
            Left(
                "iterators",
                [
                    (
                        "        for param in found:",
                        "        for param in [p for p in params if p.grad is not None]:",
                    )
                ],
                {"clip-walks-once"},
            ),
        ],
        "sgd": [
            Left(
                "momentum",
                [("beta * before + (1 - beta) * grad", "grad * 1.0")],
                {"sgd-momentum", "sgd-unbiased", "sgd-nesterov"},  # both are kinds of momentum
            ),
            Left(
                "weight decay",
                [("decayed_gradient(param, self.weight_decay)", "decayed_gradient(param)")],
                {"sgd-weight-decay"},
            ),
            Left(
                "unbiased",
                [("u / (1 - beta**self.t) if self.unbiased else u", "u")],
                {"sgd-unbiased"},
            ),
            Left("nesterov", [("step + u - before", "step")], {"sgd-nesterov"}),
            Left(
                "parameters without a gradient",
                [("            if param.grad is None:\n                continue\n", "")],
                {"sgd-skips"},
            ),
            Left(
                "dtypes",
                [
                    (
                        "decayed_gradient(param, self.weight_decay).numpy()",
                        "param.grad.numpy() + self.weight_decay * param.numpy()",
                    )
                ],
                {"sgd-keeps-dtype"},
            ),
            Left(
                "being without a graph",
                [
                    (
                        "decayed_gradient(param, self.weight_decay).numpy()",
                        "Tensor(param.grad, dtype=param.dtype) + self.weight_decay * param",
                    )
                ],
                {"sgd-leaves-no-trace"},
            ),
        ],
        "adam": [
            Left(
                "the correction",
                [("if self.bias_correction:", "if False:")],
                {"adam-corrected"},
            ),
            Left(
                "the choice of a correction",
                [("if self.bias_correction:", "if True:")],
                {"adam-uncorrected"},
            ),
            Left("eps", [("(v / c2) ** 0.5 + self.eps", "(v / c2) ** 0.5")], {"adam-eps"}),
            Left(
                "eps in the right place",
                [("(v / c2) ** 0.5 + self.eps", "(v / c2 + self.eps**2) ** 0.5")],
                {"adam-eps"},
            ),
            Left(
                "weight decay",
                [("decayed_gradient(param, self.weight_decay)", "decayed_gradient(param)")],
                {"adam-weight-decay"},
            ),
            Left(
                "parameters without a gradient",
                [("            if param.grad is None:\n                continue\n", "")],
                {"adam-skips"},
            ),
            Left(
                "being without a graph",
                [
                    (
                        "decayed_gradient(param, self.weight_decay).numpy()",
                        "Tensor(param.grad, dtype=param.dtype) + self.weight_decay * param",
                    ),
                    ("u *= ", "u = u * "),
                    ("u += ", "u = self.u[i] = u + "),
                    ("v *= ", "v = v * "),
                    ("v += ", "v = self.v[i] = v + "),
                    ("param.numpy() - self.lr", "param.data - self.lr"),
                ],
                {"adam-leaves-no-trace"},
            ),
        ],
        "hessian": [
            Left(
                "functions that are linear",
                [("if grad is not None and grad.requires_grad:", "if True:")],
                {"hessian-is-careful"},
            ),
        ],
        "newton-step": [
            Left(
                "singular Hessians",
                [
                    ("np.linalg.solve(", "np.linalg.lstsq("),
                    ("reshape(-1))\n", "reshape(-1), rcond=None)[0]\n"),
                ],
                {"newton-step-refuses"},
            ),
            Left(
                "theta's gradient", [("x = Tensor(theta)", "x = theta")], {"newton-step-is-careful"}
            ),
        ],
    },
}


def features() -> Iterator[object]:
    for stage, exercises in FEATURES.items():
        for exercise, found in exercises.items():
            for left in found:
                yield pytest.param(stage, exercise, left, id=f"{exercise}: {left.out}")


@pytest.mark.parametrize(("number", "exercise", "left"), list(features()))
def test_one_omission_costs_once(grader: Grader, number: str, exercise: str, left: Left) -> None:
    stage = grader.course.find(number)
    source = edited(stage, exercise, left.edits) if left.edits else ""
    found = outcome(grader, stage, {exercise: source}, secret=b"features")
    assert {id for id, verdict in found.verdicts.items() if not verdict.passed} == left.falls
