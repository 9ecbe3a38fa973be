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
    "05": {
        "layernorm": [
            Left("eps", [("(var + self.eps) ** 0.5", "var**0.5")], {"layernorm-eps"}),
            Left(
                "the choice of eps",
                [("(var + self.eps) ** 0.5", "(var + 1e-5) ** 0.5")],
                {"layernorm-eps"},
            ),
            Left(
                "the weight",
                [("self.weight.broadcast_to(x.shape) * normalized", "normalized")],
                {"layernorm-affine"},
            ),
            Left("the bias", [(" + self.bias.broadcast_to(x.shape)", "")], {"layernorm-affine"}),
            Left(
                "being parameters",
                [
                    ("Parameter(init.ones(dim, ", "(init.ones(dim, requires_grad=True, "),
                    ("Parameter(init.zeros(dim, ", "(init.zeros(dim, requires_grad=True, "),
                ],
                {"layernorm-parameters"},
            ),
            Left(
                "dtypes",
                [
                    ("init.ones(dim, device=device, dtype=dtype)", "init.ones(dim)"),
                    ("init.zeros(dim, device=device, dtype=dtype)", "init.zeros(dim)"),
                ],
                {"layernorm-dtype"},
            ),
            Left(
                "gradients",
                [("column = (x", "x = Tensor(x.numpy())\n        column = (x")],
                {"layernorm-gradients"},
            ),
        ],
        "batchnorm": [
            Left("eps", [("(var + self.eps) ** 0.5", "var**0.5")], {"batchnorm-eps"}),
            Left(
                "the weight",
                [("scale = self.weight / std", "scale = std**-1.0")],
                {"batchnorm-affine"},
            ),
            Left("the bias", [(" + self.bias.broadcast_to(x.shape)", "")], {"batchnorm-affine"}),
            Left(
                "running values",
                [
                    ("self.running_mean.data = old * self.running_mean.data", "_ = 0.0"),
                    ("self.running_var.data = old * self.running_var.data", "_ = 0.0"),
                ],
                {"batchnorm-running"},
            ),
            Left(
                "the choice of a momentum",
                [("old, new = 1 - self.momentum, self.momentum", "old, new = 0.9, 0.1")],
                {"batchnorm-running"},
            ),
            Left(
                "eval mode",
                [
                    ("if self.training:\n            n", "if True:\n            n"),
                    ("if self.training:\n            var", "if True:\n            var"),
                ],
                {"batchnorm-eval"},
            ),
            Left(
                "running values that are no parameters",
                [
                    ("running_mean = init.zeros(dim", "running_mean = Parameter(init.zeros(dim"),
                    (
                        "dtype=dtype)\n        self.running_var = init.ones(dim, "
                        "device=device, dtype=dtype)",
                        "dtype=dtype))\n        self.running_var = Parameter(init.ones(dim, "
                        "device=device, dtype=dtype))",
                    ),
                ],
                {"batchnorm-parameters"},
            ),
            Left(
                "running values without a graph",
                [
                    ("self.running_var.data = ", "self.running_var = "),
                    ("self.running_var.data + new * var.data", "self.running_var + new * var"),
                ],
                {"batchnorm-state"},
            ),
            Left(
                "dtypes",
                [
                    (
                        "weight = Parameter(init.ones(dim, device=device, dtype=dtype))",
                        "weight = Parameter(init.ones(dim))",
                    ),
                    (
                        "bias = Parameter(init.zeros(dim, device=device, dtype=dtype))",
                        "bias = Parameter(init.zeros(dim))",
                    ),
                    (
                        "mean = init.zeros(dim, device=device, dtype=dtype)",
                        "mean = init.zeros(dim)",
                    ),
                    ("var = init.ones(dim, device=device, dtype=dtype)", "var = init.ones(dim)"),
                ],
                {"batchnorm-dtype"},
            ),
            Left(
                "gradients",
                [("n = x.shape[0]", "x = Tensor(x.numpy())\n            n = x.shape[0]")],
                {"batchnorm-gradients"},
            ),
        ],
        "dropout": [
            Left("rescaling", [(" / (1 - self.p)", "")], {"dropout-forward"}),
            Left("eval mode", [("if not self.training:", "if False:")], {"dropout-eval"}),
            Left(
                "the draw that is agreed on",
                [
                    (
                        "init.randb(*x.shape, p=1 - self.p, dtype=x.dtype)",
                        "Tensor(np.random.uniform(size=x.shape) >= self.p, dtype=x.dtype)",
                    )
                ],
                {"dropout-draw"},
            ),
            Left(
                "NumPy's global state",
                [
                    (
                        "init.randb(*x.shape, p=1 - self.p, dtype=x.dtype)",
                        "Tensor(np.random.default_rng().random(x.shape) >= self.p, dtype=x.dtype)",
                    )
                ],
                {"dropout-draw"},
            ),
            Left("gradients", [("return x * (", "return x.detach() * (")], {"dropout-gradients"}),
        ],
    },
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
