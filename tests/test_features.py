"""One omission costs once: a feature left out fails the checks that are named after it, no other.

Stages 00 to 04.
"""

from collections import defaultdict

import pytest

from mugrade.grader.grade import Grader
from tests.test_answers import Edits, edited, outcome

# exercise: feature left out: the edits, and the checks that may fail
Features = dict[str, dict[str, tuple[Edits, set[str]]]]

SECOND, KEPT = "second-order", "gradients-keep-dtype"
WIDE = "({0} * Tensor(np.ones({0}.shape)))"

FEATURES: dict[str, Features] = {
    "00": {
        "multiply": {
            "a graph": (
                [
                    (
                        "out_grad * b, out_grad * a",
                        "(out_grad * b).detach(), (out_grad * a).detach()",
                    )
                ],
                {SECOND},
            ),
            "the dtype": (
                [
                    (
                        "return out_grad",
                        f"out_grad = {WIDE.format('out_grad')}\n        return out_grad",
                    )
                ],
                {KEPT},
            ),
        },
        "divide": {
            "a graph": ([("out_grad / b", "(out_grad / b).detach()")], {SECOND}),
            "the dtype": ([("out_grad / b", f"{WIDE.format('out_grad')} / b")], {KEPT}),
        },
        "power-scalar": {
            "0 at 0 for n = 0": ([("if n == 0:", "if False:")], {"power-scalar-at-zero"}),
            "the dtype": (
                [("return out_grad * (n", f"return {WIDE.format('out_grad')} * (n")],
                {KEPT},
            ),
        },
        "log": {
            "a graph": ([("node.inputs[0]", "node.inputs[0].detach()")], {SECOND}),
            "the dtype": ([("out_grad /", f"{WIDE.format('out_grad')} /")], {KEPT}),
        },
        "exp": {
            "a graph": ([("out_grad * node", "out_grad * node.detach()")], {SECOND}),
            "the dtype": ([("out_grad *", f"{WIDE.format('out_grad')} *")], {KEPT}),
        },
        "relu": {
            "0 at 0": (
                [("node.numpy() > 0", "node.inputs[0].numpy() >= 0")],
                {"relu-at-zero"},
            ),
            "the dtype": (
                [("(node.numpy() > 0)", "Tensor((node.numpy() > 0).astype(float))")],
                {KEPT},
            ),
        },
        "transpose": {
            "axes": (
                [("self.axes)\n        ###", "None)\n        ###")],
                {"transpose-gradient-axes"},
            ),
        },
        "reshape": {
            "a graph": ([("out_grad.reshape", "out_grad.detach().reshape")], {SECOND}),
        },
        "summation": {
            "several axes": (
                [
                    (
                        "np.atleast_1d(self.axes)",
                        "[self.axes] if np.ndim(self.axes) == 0 else self.axes[:1]",
                    )
                ],
                {"summation-gradient-axes"},
            ),
            "None": (
                [("range(len(shape)) if self.axes is None else ", "")],
                {"summation-gradient-axes"},
            ),
            "negative axes": (
                [("kept[axis] = 1", "kept[axis] = 1 if axis >= 0 else kept[axis]")],
                {"summation-gradient-axes"},
            ),
        },
        "unbroadcast": {
            "a graph": (
                [("return x.sum(axes)", "x = x.detach()\n    return x.sum(axes)")],
                {SECOND},
            ),
        },
        "matmul": {
            "copies of b in a stack": (
                [("unbroadcast(a.transpose() @ out_grad, b.shape)", "a.transpose() @ out_grad")],
                {"matmul-gradient-of-stacks", SECOND},  # it has a stack in its hidden part
            ),
            "the dtype": (
                [
                    (
                        "a, b = node.inputs",
                        f"a, b = node.inputs\n        out_grad = {WIDE.format('out_grad')}",
                    )
                ],
                {KEPT},
            ),
        },
        "topo-sort": {
            "a stack of its own": (
                [
                    (
                        "    order: list[Value] = []\n",
                        "    order: list[Value] = []\n"
                        "    seen: set[Value] = set()\n\n"
                        "    def visit(node: Value) -> None:\n"
                        "        if node not in seen:\n"
                        "            seen.add(node)\n"
                        "            for x in node.inputs:\n"
                        "                visit(x)\n"
                        "            order.append(node)\n\n"
                        "    for output in node_list:\n"
                        "        visit(output)\n"
                        "    return order\n",
                    )
                ],
                {"topo-sort-deep"},
            ),
            "a set": (
                [
                    ("visited: set[Value] = set()", "visited: list[Value] = []"),
                    ("visited.add(node)", "visited.append(node)"),
                ],
                {"topo-sort-large"},
            ),
        },
        "reverse-mode": {
            "None for constants": (
                [("if x.requires_grad:", "if True:")],
                {"reverse-mode-constants"},
            ),
            "no gradient for constants": (
                [("if x.requires_grad:", "if x_grad is not None:")],
                {"reverse-mode-constants"},
            ),
            "a second call": (
                [
                    (
                        "grad = node.grad = grads.pop(node)",
                        "grad = grads.pop(node)\n"
                        "        node.grad = grad if node.grad is None else node.grad + grad",
                    )
                ],
                {"reverse-mode-again", SECOND},  # which is a second call
            ),
            "tuples": (
                [("grads[x] + x_grad if x in grads else x_grad", "grads.get(x, 0) + x_grad")],
                {"reverse-mode-tuples"},
            ),
            "a graph": (
                [("gradient_as_tuple(grad, node)", "gradient_as_tuple(grad.detach(), node)")],
                {SECOND},
            ),
        },
    },
    "01": {
        **{
            f"{law}-{kind}": {
                "the keywords": (
                    [(", **kwargs)\n    ### END", ")\n    ### END")],
                    {f"{law}-{kind}-options"},
                ),
                "the dtype": (
                    [
                        (
                            "    ### BEGIN SOLUTION\n",
                            "    ### BEGIN SOLUTION\n    kwargs['dtype'] = 'float64'\n",
                        )
                    ],
                    {f"{law}-{kind}-options"},
                ),
                "the global state": (
                    [
                        (
                            "    ### BEGIN SOLUTION\n",
                            "    ### BEGIN SOLUTION\n    np.random.seed(None)\n",
                        )
                    ],
                    {f"{law}-{kind}-seed"},
                ),
                **(
                    {"the gain": ([("gain * math", "math")], {f"{law}-{kind}-gain"})}
                    if law == "xavier"
                    else {
                        "only relu": (
                            [("    _demand_relu(nonlinearity)\n", "")],
                            {f"{law}-{kind}-nonlinearity"},
                        )
                    }
                ),
            }
            for law in ("xavier", "kaiming")
            for kind in ("uniform", "normal")
        },
    },
    "02": {
        "linear": {
            "the order of the draws": (
                [
                    (
                        "weight = init.kaiming_uniform",
                        "first = init.kaiming_uniform(out_features, 1, dtype=dtype)\n"
                        "        weight = init.kaiming_uniform",
                    ),
                    (
                        "init.kaiming_uniform(out_features, 1, device=device, dtype=dtype)",
                        "first",
                    ),
                ],
                {"linear-draws-in-order"},
            ),
            "the dtype": (
                [
                    (
                        "in_features, out_features, device=device, dtype=dtype",
                        "in_features, out_features",
                    )
                ],
                {"linear-dtype"},
            ),
            "float32 by default": (
                [("super().__init__()\n", "super().__init__()\n        dtype = 'float64'\n")],
                {"linear-dtype"},
            ),
            "no bias": ([("        if bias:\n", "        if True:\n")], {"linear-without-bias"}),
            "no bias in forward": (
                [("if self.bias is None:", "if False:")],
                {"linear-without-bias"},
            ),
            "more axes": (
                [("broadcast_to(y.shape)", "broadcast_to((x.shape[0], self.out_features))")],
                {"linear-on-more-axes"},
            ),
        },
        "flatten": {
            "plain numbers": (
                [("return x.reshape", "return x if len(x.shape) == 1 else x.reshape")],
                {"flatten-numbers"},
            ),
        },
        "sequential": {
            "nothing": (
                [
                    (
                        "for module in self.modules:",
                        "self.modules[0]\n        for module in self.modules:",
                    )
                ],
                {"sequential-empty"},
            ),
        },
        "residual": {
            "a single call": (
                [("return x + self.fn(x)", "self.fn(x)\n        return x + self.fn(x)")],
                {"residual-calls-once"},
            ),
        },
    },
    "03": {
        "stable-logsumexp": {
            "the dtype": (
                [("np.squeeze(result, axis=axes)", "np.squeeze(result, axis=axes).astype(float)")],
                {"logsumexp-keeps-dtype"},
            ),
            "float64": (
                [("    top = np.max(", '    array = array.astype("float32")\n    top = np.max(')],
                {"logsumexp-keeps-dtype"},
            ),
            "the input as it was": (
                [("np.exp(array - shift)", "np.exp(np.subtract(array, shift, out=array))")],
                {"logsumexp-leaves-its-input"},
            ),
            "the maximum": (
                [("np.where(np.isfinite(top), top, 0)", "np.zeros_like(top)")],
                {"logsumexp-is-stable", "logsumexp-infinities"},
            ),
            "infinities": (
                [("np.where(np.isfinite(top), top, 0)", "top")],
                {"logsumexp-infinities"},
            ),
            "several axes": (
                [
                    (
                        "    top = np.max(",
                        "    axes = np.ravel(axes)[0] if axes else axes\n    top = np.max(",
                    )
                ],
                {"logsumexp-axes"},
            ),
        },
        "logsumexp": {
            "the dtype": (
                [("exp(z - log_sum)", "exp(z - log_sum) * Tensor(np.ones(z.shape))")],
                {"logsumexp-gradient-keeps-dtype"},
            ),
            "None": (
                [
                    (
                        "range(len(z.shape)) if self.axes is None else np.atleast_1d(self.axes)",
                        "self.axes if isinstance(self.axes, tuple) else (self.axes,)",
                    )
                ],
                {"logsumexp-gradient-axes"},
            ),
            "negative axes": (
                [("kept[axis] = 1", "kept[axis] = 1 if axis >= 0 else kept[axis]")],
                {"logsumexp-gradient-axes"},
            ),
            "no overflow": (
                [("exp(z - log_sum)", "(exp(z) / exp(log_sum))")],
                {"logsumexp-gradient-is-stable"},
            ),
            "a graph": (
                [("exp(z - log_sum)", "exp(z - log_sum).detach()")],
                {"logsumexp-second-derivative"},
            ),
        },
    },
    "04": {
        "logsoftmax": {
            "the maximum": (
                [("array - np.max(array, axis=1, keepdims=True)", "array - 0")],
                {"logsoftmax-is-stable", "logsoftmax-gradient-is-stable"},
            ),
            "the dtype": (
                [("shifted = array - np.max", "shifted = array.astype(float) - np.max")],
                {"logsoftmax-dtype"},
            ),
            "float64": (
                [("shifted = array", 'array = array.astype("float32")\n        shifted = array')],
                {"logsoftmax-dtype"},
            ),
            "the dtype of the gradient": (
                [
                    (
                        "return out_grad",
                        f"out_grad = {WIDE.format('out_grad')}\n        return out_grad",
                    )
                ],
                {"logsoftmax-dtype"},
            ),
            "the input as it was": (
                [
                    (
                        "shifted = array - np.max(array, axis=1, keepdims=True)",
                        "array -= np.max(array, axis=1, keepdims=True)\n        shifted = array",
                    )
                ],
                {"logsoftmax-leaves-its-input"},
            ),
            "a stable softmax in the gradient": (
                [
                    (
                        "return out_grad - exp(node)",
                        "e = exp(node.inputs[0])\n"
                        "        s = e / e.sum(1).reshape((-1, 1)).broadcast_to(node.shape)\n"
                        "        return out_grad - s",
                    )
                ],
                {"logsoftmax-gradient-is-stable"},
            ),
            "a graph": ([("exp(node)", "exp(node.detach())")], {"logsoftmax-second-derivative"}),
        },
        "softmax-loss": {
            "the dtype": ([(".sum() / n", ".sum() / Tensor(n)")], {"softmax-loss-dtypes"}),
            "logsumexp": (
                [
                    (
                        "pick(logsoftmax(logits), y)",
                        "pick(logits, y) - log(exp(logits).sum(1))",
                    ),
                    ("n = logits", "from needle.ops import exp, log\n\n        n = logits"),
                ],
                {"softmax-loss-is-stable", "softmax-loss-keeps-digits"},
            ),
            "a gradient": (
                [("n = logits.shape[0]", "n = logits.shape[0]\n        logits = logits.detach()")],
                {"softmax-loss-gradient", "softmax-loss-is-stable", "softmax-loss-keeps-digits"},
            ),
        },
    },
}


# what computes with an exercise's function cannot be right where the function is wrong
BUILT_ON = defaultdict(set, {"stable-logsumexp": {"logsumexp"}, "logsoftmax": {"softmax-loss"}})


def cases() -> list[object]:
    return [
        pytest.param(number, exercise, edits, checks, id=f"{exercise}: {feature}")
        for number, exercises in FEATURES.items()
        for exercise, features in exercises.items()
        for feature, (edits, checks) in features.items()
    ]


@pytest.mark.parametrize(("number", "exercise", "edits", "checks"), cases())
def test_a_feature_left_out_costs_its_own_checks_only(
    grader: Grader, number: str, exercise: str, edits: Edits, checks: set[str]
) -> None:
    stage = grader.course.find(number)
    found = outcome(grader, stage, {exercise: edited(stage, exercise, edits)})
    failed = {id for id, verdict in found.verdicts.items() if not verdict.passed}
    assert {id for id in failed if grader.manifest.check[id].of not in BUILT_ON[exercise]} == checks


ONE_THING = {"by-hand", "relu-layer"}  # there is nothing in them that could be left out


@pytest.mark.parametrize("number", FEATURES)
def test_every_exercise_has_features(grader: Grader, number: str) -> None:
    exercises = {cell.id for cell in grader.course.find(number).role("solution")}
    assert exercises - set(FEATURES[number]) <= ONE_THING
