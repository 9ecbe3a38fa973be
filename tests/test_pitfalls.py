"""What a notebook's prose warns of shows on the inputs that the student sees."""

import pytest

from mugrade.course.model import Course
from mugrade.grader.grade import Grader
from tests.answers.named import NAMED
from tests.test_answers import asked, edited, table

ARRAYS = "arrays instead of tensors"
OPS = ("multiply", "divide", "power-scalar", "log", "relu", "transpose", "reshape")
OPS += ("summation", "unbroadcast", "matmul")
TWICE = "The check below differentiates each of your ops twice"
PITFALLS = [
    # stage, what the prose says, exercise, the wrong answer that does not heed it
    *(("00", TWICE, op, ARRAYS) for op in OPS),
    ("00", TWICE, "exp", "detached"),
    ("00", "For $n = 0$ the formula says", "power-scalar", "zero to the power of minus one"),
    ("00", "Differentiate $a^1$ twice", "power-scalar", "zero for n = 1"),
    ("00", "Do not protect it with a small constant", "log", "an epsilon in the denominator"),
    ("00", "choice is 0", "relu", "one at zero"),
    ("00", "None means the\nlast two", "transpose", "always the first two"),
    ("00", "may be negative, counting from the end", "transpose", "the sign of the axes is lost"),
    ("00", "do not rely on `self.shape`", "reshape", "to the new shape"),
    ("00", "Put an axis of length 1 where", "summation", "ones behind"),
    ("00", "as an int or as a tuple", "summation", "only the first of several axes"),
    ("00", "and may be negative", "summation", "negative axes are skipped"),
    ("00", "that `shape` lacks on the left", "unbroadcast", "the new axes shift nothing"),
    ("00", "keep what has been\nvisited in a set", "topo-sort", "looked up in a list"),
    ("00", "its `grad` stays None", "reverse-mode", "constants get a gradient too"),
    ("00", "looks whether the dtype is kept", "relu", "float64 out of float32"),
    ("00", "never visit a node twice", "topo-sort", "nodes more than once"),
    ("00", "Keep your own stack", "topo-sort", "recursive"),
    (
        "00",
        "must not get a contribution",
        "reverse-mode",
        "None for what requires no gradient is added",
    ),
    ("00", "Add contributions with `+`, never in place", "reverse-mode", "added up in place"),
    ("00", "a second call replaces", "reverse-mode", "added to the grad of an earlier call"),
    ("01", "from one place, NumPy's global state", "xavier-uniform", "a generator of its own"),
    ("01", "from one place, NumPy's global state", "kaiming-normal", "a generator of its own"),
    ("01", "`gain` makes up for", "xavier-uniform", "the gain is ignored"),
    ("01", "`gain` makes up for", "xavier-normal", "the gain stands under the root"),
    (
        "02",
        "The parameters must be leaves",
        "linear",
        "the parameter is transposed after it was wrapped",
    ),
    ("02", "first the weight, then the bias", "linear", "the bias is drawn before the weight"),
    ("02", "The bias has to be copied to every row", "linear", "the bias is added detached"),
    ("02", "(n, height, width, channels)", "flatten", "only three axes"),
    ("02", "The batch axis stays", "flatten", "everything becomes one row"),
    ("02", "chains can be links of other chains", "sequential", "a nested chain is skipped"),
    ("02", "learn only what to add to it", "residual", "the short cut is detached"),
    (
        "03",
        "The quotient would bring the overflow back",
        "logsumexp",
        "exp(z) / exp(node) overflows",
    ),
    ("03", "Broadcasting alone aligns right", "logsumexp", "out_grad is broadcast as it is"),
    ("03", "Ops, not arrays", "logsumexp", "computed on arrays"),
    (
        "04",
        "why not compute $p$ and take its logarithm",
        "logsoftmax",
        "the logarithm of the softmax",
    ),
    ("04", "The sum runs over the row", "logsoftmax", "out_grad is summed over columns"),
    ("04", "It is a **mean** over the batch", "softmax-loss", "the sum instead of the mean"),
    (
        "05",
        "Broadcasting aligns shapes at the right",
        "layernorm",
        "the means of the rows align right",
    ),
    ("05", "The variance is the **biased** one", "layernorm", "the variance with n - 1"),
    ("05", "stands **inside** the root", "layernorm", "eps outside the root"),
    ("05", "stands **inside** the root", "layernorm", "eps of its own"),
    ("05", "The same formula with the other axis", "batchnorm", "eps outside the root"),
    ("05", "so they are part of the graph", "layernorm", "mean and variance are detached"),
    ("05", "the share of the **new** value", "batchnorm", "the momentum on the wrong side"),
    (
        "05",
        "eval mode\n  only *uses* them",
        "batchnorm",
        "the running values are updated in eval mode",
    ),
    (
        "05",
        "As `Parameter` they would be trained",
        "batchnorm",
        "the running values are parameters",
    ),
    ("05", "They carry no graph", "batchnorm", "the running mean carries a graph"),
    ("05", "*staying*", "dropout", "p is the probability of staying"),
    ("05", "Dividing the survivors by $1 - p$", "dropout", "the survivors are not rescaled"),
    (
        "06",
        "somebody has given the gradient, the weight should stay",
        "decayed-gradient",
        "float64 out of float32",
    ),
    (
        "06",
        "somebody has given the gradient, the weight should stay",
        "decayed-gradient",
        "always float32",
    ),
    ("06", "**No graph.**", "decayed-gradient", "a graph on the gradient"),
    ("06", "**No graph.**", "sgd", "the state keeps the graph"),
    ("06", "**No graph.**", "adam", "the state keeps the graph"),
    ("06", "**In place.**", "sgd", "a new parameter object"),
    ("06", "**Gradients are read only.**", "adam", "the gradient is changed in place"),
    ("06", "**None is skipped.**", "sgd", "a missing gradient counts as zero"),
    ("06", "**None is skipped.**", "adam", "a missing gradient crashes"),
    ("06", "It is *one* norm over all parameters", "clip-grad-norm", "a norm for each parameter"),
    ("06", "if its norm exceeds $m$", "clip-grad-norm", "short gradients are stretched"),
    ("06", "the *square* of $10^{20}$ is beyond it", "clip-grad-norm", "squares overflow"),
    ("06", "the *square* of $10^{20}$ is beyond it", "clip-grad-norm", "float64 out of float32"),
    ("06", "The average itself\nis kept as it is", "sgd", "the corrected average is kept"),
    ("06", "may be older than you think", "hessian", "what was left in grad"),
    (
        "06",
        "a linear function\nhas a gradient that depends on nothing",
        "hessian",
        "a linear function crashes",
    ),
    ("07", "is *big-endian*", "parse-idx", "the sizes are little-endian"),
    ("07", "compare what\nthe header promises", "parse-idx", "what is left over is ignored"),
    ("07", "and a garbled one `zlib.error`", "read-idx", "a garbled file is a zlib.error"),
    ("07", "`EOFError`", "read-idx", "a file that ends too early is an EOFError"),
    ("07", "so leave it alone", "read-idx", "a missing file is a ValueError"),
    ("07", "not by the\n  largest pixel at hand", "mnist-dataset", "scaled by the largest pixel"),
    (
        "07",
        "They get one image, not a batch",
        "mnist-dataset",
        "the whole batch is transformed at once",
    ),
    (
        "07",
        "each time that it is asked for",
        "mnist-dataset",
        "transformed once, when the files are read",
    ),
    ("07", "It draws for\nevery image", "flip", "nothing is drawn if p is 0 or 1"),
    ("07", "excludes its upper end", "crop", "the largest shift never comes"),
    ("07", "**A new order in each epoch.**", "data-loader", "shuffled once"),
    ("07", "**No example is lost.**", "data-loader", "the last batch is always dropped"),
    (
        "07",
        "**An iteration owns its position.**",
        "data-loader",
        "the position is kept in the loader",
    ),
    ("07", "and twice at\n  once", "data-loader", "the order is kept in the loader"),
    ("07", "**One request a batch**", "data-loader", "one example at a time"),
    (
        "08",
        "Make the layers in the order",
        "residual-block",
        "the second linear layer is drawn first",
    ),
    ("08", "`hidden_dim // 2`", "mlp-resnet", "rounded up"),
    ("08", "each block is a block of its\nown", "mlp-resnet", "one block, many times"),
    ("08", "**The mode.**", "epoch", "no eval mode"),
    ("08", "**Old gradients.**", "epoch", "gradients are not reset"),
    ("08", "**The graph.**", "epoch", "the losses are summed as tensors"),
    ("08", "**The error rate.**", "epoch", "the accuracy"),
    ("08", "The seed comes first", "train-mnist", "seeded after the model"),
    ("09", "under `no_grad()`, and so must your replay", "profile", "the gradient builds a graph"),
    ("09", "Run `compute` on a *copy* of the op", "profile", "the op itself computes again"),
    ("09", "a `broadcast_to`) moves\nnone", "profile", "views move bytes too"),
    ("09", "$X$ may have more than two axes", "fast-linear", "matrices only"),
    ("09", "for nothing", "fast-linear", "the gradient of the data is computed too"),
    *(
        ("09", "so never\nwrite into them", exercise, "out_grad is overwritten")
        for exercise in ("fast-linear", "fast-layernorm", "fast-batchnorm")
    ),
    (
        "09",
        "do not destroy what\n`compute` has kept",
        "fast-layernorm",
        "what was kept is overwritten",
    ),
    (
        "09",
        "do not destroy what\n`compute` has kept",
        "fast-softmax-loss",
        "the kept softmax is overwritten",
    ),
    (
        "09",
        "The inputs and `g` belong to others",
        "fast-batchnorm",
        "the input is changed in place",
    ),
    (
        "09",
        "Subtract the maximum of each row first",
        "fast-softmax-loss",
        "the maximum is not subtracted",
    ),
    ("09", "\\sqrt{\\sigma^2 + \\epsilon}", "fast-layernorm", "eps outside the root"),
    (
        "09",
        "(biased, without $\\epsilon$)",
        "fast-batchnorm",
        "the variance is left with eps in it",
    ),
]


@pytest.mark.parametrize(("number", "says", "exercise", "name"), PITFALLS)
def test_a_pitfall_that_the_prose_names_shows_in_the_open(
    course: Course, grader: Grader, number: str, says: str, exercise: str, name: str
) -> None:
    stage = course.find(number)
    assert any(says in cell.source for cell in stage.role("prose")), "the prose says it no more"
    changed = {exercise: edited(stage, exercise, table(stage.name)[0][exercise][name])}
    shown = [part for part in grader.key.stages[stage.name].parts() if not part.hidden]
    found = asked(grader, stage, changed, shown)
    assert len(found.passed) < len(found.verdicts)


# 2^40 visits, or 50,000 looks through a list, give no value to tell it by
ENDLESS = {("topo-sort", "nodes more than once"), ("topo-sort", "looked up in a list")}


@pytest.mark.parametrize(
    ("exercise", "name"), sorted({pitfall[2:] for pitfall in PITFALLS} - ENDLESS)
)
def test_a_pitfall_that_the_prose_names_has_a_name(exercise: str, name: str) -> None:
    assert NAMED[exercise][name]
