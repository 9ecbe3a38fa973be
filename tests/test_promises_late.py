"""What a hidden input demands, the task says: in its prose or its docstring, not in a hint alone
(stages 05 to 09)."""

import re
from collections.abc import Iterator

import pytest

from mugrade.author.course import Course, Stage

# stage -> check -> the kind of hidden input -> the sentence of the task that asks for it
PROMISES: dict[str, dict[str, dict[str, str]]] = {
    "05": {
        "layernorm-forward": {
            "other shapes": "From shape (n, dim) to the same shape.",
            "eval mode": "Training and evaluation are alike.",
        },
        "layernorm-eps": {"equal entries": "For a row of equal entries the derivative of"},
        "layernorm-parameters": {"the start": "Parameters: `weight`, ones, and `bias`, zeros"},
        "layernorm-gradients": {"the gradient": "Part of the gradient flows through them."},
        "layernorm-dtype": {"float64": "on `device` and of the given dtype"},
        "batchnorm-running": {
            "other momentums": "running = (1 - momentum) * running + momentum * batch",
            "the start": "at first zeros, and `running_var`, at first ones",
        },
        "batchnorm-affine": {
            "eval mode": "In eval mode they are the running values.",
        },
        "batchnorm-eval": {
            "running values afterwards": "eval mode only *uses* them",
        },
        "batchnorm-parameters": {"running values": "The running values are plain tensors."},
        "batchnorm-state": {"running values": "They carry no graph."},
        "batchnorm-dtype": {"float64": "All four have shape (dim,), live on `device` and have"},
        "dropout-forward": {
            "p of 0": "0 <= p <= 1",
            "three axes and one": "Any shape; the dtype stays",
            "the default": "p: float = 0.5",
        },
        "dropout-draw": {
            "a seed": "an entry is kept where `init.randb(*x.shape, p=1 - p)` is true",
        },
        "dropout-distribution": {
            "two calls": "In each training step every entry of the activations is set to zero "
            "with probability p, by an independent draw."
        },
        "dropout-eval": {"eval mode": "in eval mode y = x"},
        "dropout-dtype": {"float64": "the dtype stays"},
    },
    "06": {
        "decayed-gradient-adds": {
            "a parameter without axes": "It has the shape and the dtype of `param`",
        },
        "decayed-gradient-is-clean": {
            "a gradient with a graph": "and is part of no graph",
            "float64 for float32": "It has the shape and the dtype of `param`",
            "the old gradient afterwards": "`param` and `param.grad` are left as they were.",
        },
        "clip-is-careful": {
            "a gradient that two share": "because two parameters may share one",
            "no gradient": "parameters without a gradient are skipped and stay without one",
            "squares beyond float32": "summed in float64",
        },
        "clip-walks-once": {
            "a generator": "`params` may be an iterator, which can be walked only once.",
        },
        "sgd-skips": {"no gradient": "parameters without a gradient keep their value and their u"},
        "sgd-weight-decay": {
            "momentum and decay": "where beta = `momentum` and g is the gradient with weight decay"
        },
        "sgd-keeps-dtype": {"float64 for float32": "keeps each parameter's dtype"},
        "sgd-leaves-no-trace": {
            "gradients with a graph": "leaves gradients alone and no graph behind"
        },
        "adam-eps": {"zeros": "Where gradients are zero it turns 0/0 into 0."},
        "adam-skips": {
            "no gradient for a while": "without a gradient keep their value and their averages"
        },
        "adam-keeps-dtype": {"float64 for float32": "keeps each parameter's dtype"},
        "adam-leaves-no-trace": {
            "gradients with a graph": "leaves gradients alone and no graph behind"
        },
        "hessian-values": {
            "theta without axes": "theta may have any shape, () too.",
            "a matrix theta": "counted in row-major order",
        },
        "hessian-is-careful": {
            "a linear function": "a linear function has a gradient that depends on nothing, whose "
            "derivative is 0",
            "an array, not a tensor": "the result is an array, not a tensor",
            "theta.grad": "`theta` and `theta.grad` are left as they were.",
        },
        "newton-step-lands": {"theta of other shapes": "theta may have any shape"},
        "newton-step-refuses": {"no curvature": "Raises np.linalg.LinAlgError if H is singular."},
        "newton-step-is-careful": {
            "theta.grad": "`theta.grad` is left as it was.",
            "float32 and float64": "keeps its dtype",
        },
    },
    "07": {
        "idx-says": {
            "two damages": "The message says what was found: the first bytes, or how many bytes "
            "there are."
        },
        "idx-refused": {
            "headers that are cut": "if it is shorter or longer than the header says",
        },
        "idx-file-named": {"files": "Raises ValueError, which names the path"},
        "idx-file": {"no file": "FileNotFoundError if there is none"},
        "ndarray-indices": {
            "none and the last": "-1 is the last example, an array may name an example twice, or "
            "none at all."
        },
        "ndarray-tuples": {"one array": "An item is a tuple with one part for each array"},
        "ndarray-refused": {"lengths": "Raises ValueError if the arrays are not equally long."},
        "mnist-indices": {"none": "gives shapes (n, H, W, 1) and (n,), also for n = 0"},
        "mnist-transforms": {"draws": "each image transformed by a call of its own, in order"},
        "mnist-refused": {
            "axes": "Raises ValueError unless the images have 3 axes, the labels 1, and there are "
            "as many of both."
        },
        "flip-mirrors": {
            "the draws": "Return `img` mirrored if one `np.random.rand()` is less than p",
            "p of 0": "It draws for every image, flipped or not",
            "other dtypes": "an array of shape (H, W, C) and its dtype",
        },
        "crop-shifts": {
            "the draws": "(s, t) = `np.random.randint(-padding, padding + 1, size=2)`",
            "more padding than image": "img[i + s, j + t, c] where that exists, else 0",
        },
        "loader-tensors": {"kinds": "Batches as tuples of tensors that need no gradient"},
        "loader-shuffles": {
            "the draws": "one `np.random.permutation(n)` drawn for this iteration",
        },
        "loader-two-at-once": {"two": "Any number of iterations may be under way at once."},
        "loader-asks-once": {"requests": "Each batch is one call `dataset[indices]`"},
    },
    "08": {
        "epoch-evaluates": {
            "running statistics": "Without: in eval mode, nothing is changed.",
            "images of three axes": "A batch is a pair of images of shape (n, ...)",
        },
        "epoch-weighs": {
            "a short batch": "a short last batch counts for as many examples as it has",
        },
        "epoch-trains": {"dropout": "Seeds NumPy with 4 before it draws the first batch."},
    },
    "09": {
        "fast-linear-gradients": {
            "more axes": "$X$ may have more than two axes.",
        },
        "fast-linear-data": {
            "data": "The first layer sees data, which require no gradient.",
        },
        "fast-loss-value": {"large logits": "Subtract the maximum of each row first"},
        "fast-batchnorm-forward": {
            "the running values": "`compute` also leaves `self.mean` and `self.var` (biased, "
            "without $\\epsilon$)",
        },
        "fast-adam-state": {
            "in place": "`theta`, `u` and `v` have to be changed in place",
        },
    },
}


def plain(text: str) -> str:
    """A text on one line."""
    return re.sub(r"\s+", " ", text)


def task_of(stage: Stage, exercise: str) -> str:
    """The prose above an exercise, since the one before, and its cell without the solution."""
    text: list[str] = []
    for cell in stage.role("prose", "solution", "given"):
        if cell.id == exercise:
            return plain("\n".join([*text, cell.unsolved]))
        text = [] if cell.role == "solution" else [*text, cell.source]
    raise LookupError(exercise)


def promises() -> Iterator[object]:
    for stage, checks in PROMISES.items():
        for check, found in checks.items():
            for kind, sentence in found.items():
                yield pytest.param(stage, check, sentence, id=f"{check}: {kind}")


@pytest.mark.parametrize(("number", "check", "sentence"), list(promises()))
def test_the_task_asks_for_what_is_hidden(
    course: Course, number: str, check: str, sentence: str
) -> None:
    stage = course.find(number)
    (cell,) = (cell for cell in stage.role("check") if cell.id == check)
    assert sentence in task_of(stage, cell.of)
    assert cell.source.count("### BEGIN HIDDEN TESTS") == 1
