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
    "07": {
        "parse-idx": [
            Left(
                "what the messages say",
                [
                    ('f"it begins with {list(content[:4])}, not', '"it begins with something, not'),
                    ('f"it has {len(content)} bytes, the header {shape} asks for {size}"', '"no"'),
                ],
                {"idx-says"},
            ),
        ],
        "read-idx": [
            Left("the path", [("{path} is no", "this is no")], {"idx-file-named"}),
        ],
        "ndarray-dataset": [
            Left("tuples", [("return tuple(", "return list(")], {"ndarray-tuples"}),
            Left(
                "unequal lengths",
                [("if len(set(lengths)) > 1:", "if False:")],
                {"ndarray-refused"},
            ),
        ],
        "mnist-dataset": [
            Left("empty indices", [(" and len(images):", ":")], {"mnist-indices"}),
            Left(
                "transforms",
                [("super().__init__(transforms)", "super().__init__(None)")],
                {"mnist-transforms", "mnist-indices"},
            ),
            Left(
                "unequal lengths",
                [("if len(images) != len(labels):", "if False:")],
                {"mnist-refused"},
            ),
        ],
        "data-loader": [
            Left("tuples", [("yield tuple(", "yield list(")], {"loader-tensors"}),
            Left("data without a gradient", [(", requires_grad=False", "")], {"loader-tensors"}),
            Left(
                "shuffling",
                [("np.random.permutation(n) if self.shuffle else np.arange(n)", "np.arange(n)")],
                {"loader-shuffles"},
            ),
            Left(
                "the permutation that is agreed on",
                [("np.random.permutation(n) if", "np.random.default_rng(5).permutation(n) if")],
                {"loader-shuffles"},
            ),
        ],
    },
    "08": {
        "epoch": [
            Left(
                "the weight of a short batch",
                [
                    ("examples += n", "examples += 1"),
                    ("wrong += int((", "wrong += float(("),
                    ("y.numpy()).sum())", "y.numpy()).mean())"),
                    ("float(loss.numpy()) * n", "float(loss.numpy())"),
                ],
                {"epoch-weighs"},
            ),
            Left(
                "resetting the gradients",
                [("            opt.reset_grad()\n", "")],
                {"epoch-resets-gradients"},
            ),
            Left(
                "letting go of the losses",
                [
                    ("total_loss = 0, 0, 0.0", "total_loss = 0, 0, 0.0\n    kept = []"),
                    (
                        "        n = y.shape[0]\n",
                        "        n = y.shape[0]\n        kept.append(loss)\n",
                    ),
                ],
                {"epoch-lets-go"},
            ),
        ],
    },
    "09": {
        "fast-layernorm": [
            Left("the choice of eps", [("var + self.eps", "var + 1e-5")], {"fast-layernorm-eps"}),
        ],
        "fast-batchnorm": [
            Left(
                "the choice of eps",
                [("self.var + self.eps", "self.var + 1e-5")],
                {"fast-batchnorm-eps"},
            ),
        ],
        "fast-adam": [
            Left(
                "weight decay",
                [("        grad += np.multiply(theta, self.weight_decay, out=scratch)\n", "")],
                {"fast-adam-weight-decay"},
            ),
            Left(
                "the choice of a correction",
                [
                    ("self.beta1**self.t if self.bias_correction else 1.0", "self.beta1**self.t"),
                    ("self.beta2**self.t if self.bias_correction else 1.0", "self.beta2**self.t"),
                ],
                {"fast-adam-uncorrected"},
            ),
            Left(
                "the choice of eps",
                [("scratch += self.eps", "scratch += 1e-8")],
                {"fast-adam-eps"},
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
