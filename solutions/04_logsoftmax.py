# %% [markdown] id="title-04"
# # 04 · LogSoftmax and the softmax loss
#
# You will build `logsoftmax`, which turns logits into log-probabilities, and `SoftmaxLoss`, the
# number that a classifier is trained to make small. At the end a linear classifier learns to tell
# three clouds of points apart with them.
#
# - **Time**: about 30 minutes, two exercises.
# - **You need**: stages 00 (ops, gradients), 01 (`one_hot`), 02 (`Module`, `Linear`) and 03
#   (`logsumexp`).
# - **It grows**: `needle/ops/logsoftmax.py` and `needle/nn/loss.py`.

# %% id="setup-04" role="given"
# %load_ext mugrade
import numpy as np

import needle as ndl
from mugrade import check, close, rng, show

# %% [markdown] id="why-logsoftmax"
# ## From scores to log-probabilities
#
# The *softmax* turns a row of logits into probabilities, $p_i = e^{z_i} / \sum_j e^{z_j}$. A loss
# wants their logarithms, because the probability of many independent examples is a product, and
# products of small numbers vanish. So why not compute $p$ and take its logarithm?
#
# The next cell does that, with the maximum subtracted as in stage 03, so nothing overflows. Look
# at the last three rows. The digits go first. A class whose logit is 110 below the best has a
# probability of about $10^{-48}$, and `float32` ends near $10^{-45}$.

# %% id="log-of-softmax-demo" role="demo"
import matplotlib.pyplot as plt


def log_of_softmax(logits):
    """First the probabilities, then their logarithm; warnings are silenced."""
    with np.errstate(divide="ignore"):
        e = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.log(e / e.sum(axis=1, keepdims=True))


for gap in (1, 10, 80, 100, 110, 1000):
    naive = log_of_softmax(np.array([[0, -gap]], dtype="float32"))[0, 1]
    print(f"logits [0, {-gap:5d}]   log(softmax) of the second {naive:10.4f}")

# %% [markdown] id="why-log-directly"
# ## Exercise 1: the logarithm without the probability
#
# Take the logarithm on paper instead. It turns the quotient into a difference, and the
# exponential that underflowed is gone:
#
# $$
# \operatorname{logsoftmax}(z)_i = \log \frac{e^{z_i}}{\sum_j e^{z_j}}
#   = z_i - \operatorname{logsumexp}(z).
# $$
#
# For the gradient, let $g$ be what arrives from above (`out_grad`). Entry $i$ of the output is
# raised by $z_i$ directly, and *every* entry of the row is lowered by $z_i$ through the
# logsumexp, whose derivative is the softmax $s_i$. Collected,
#
# $$\frac{\partial L}{\partial z_i} = g_i - s_i \sum_j g_j.$$
#
# The sum runs over the row. And $s$ costs a single op, because the node holds its logarithm.
#
# The op works on a matrix of shape $(n, k)$, one row an example, and normalizes each row: axis 1.

# %% id="logsoftmax-module" role="given" export="needle/ops/logsoftmax.py" of="logsoftmax"
"""Log-probabilities from logits."""

import numpy as np

from needle.autograd import Tensor, TensorOp
from needle.ops.basic import exp


def demand_matrix(array: np.ndarray) -> None:
    """Raise ValueError unless the array has two axes."""
    if array.ndim != 2:
        raise ValueError(f"logsoftmax takes a matrix (n, k), not shape {array.shape}: reshape")


# %% id="logsoftmax" role="solution" export="needle/ops/logsoftmax.py"
class LogSoftmax(TensorOp):
    """logsoftmax(z) = z - logsumexp(z), for each row of a matrix of shape (n, k).

    The largest entry of the row is subtracted from z first: then the values are right for entries
    up to 1e8, in float32 too.
    """

    def compute(self, array: np.ndarray) -> np.ndarray:
        """Return the log-probabilities, shape (n, k), also where `exp` over- or underflows.

        The result has the dtype of `array`, which is left as it was.
        """
        demand_matrix(array)
        ### BEGIN SOLUTION
        shifted = array - np.max(array, axis=1, keepdims=True)
        return shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))
        ### END SOLUTION

    def gradient(self, out_grad: Tensor, node: Tensor) -> Tensor:
        """Return g - softmax(z) * sum(g), the sum over each row of g = out_grad.

        All shapes are (n, k). Built from ops, so that it can be differentiated again.
        """
        ### BEGIN SOLUTION
        row_sums = out_grad.sum(1).reshape((node.shape[0], 1))
        return out_grad - exp(node) * row_sums.broadcast_to(node.shape)
        ### END SOLUTION


def logsoftmax(a: Tensor) -> Tensor:
    """Return the log-probabilities of the rows of `a`, shape (n, k)."""
    return LogSoftmax()(a)


# %% [markdown] id="logsoftmax-hints" role="hints" of="logsoftmax"
# 1. Forward: each row has its own logsumexp, of shape (n,). Which shape must it have to be
#    subtracted from (n, k)? Backward: what is `exp(node)`?
# 2. Forward: subtract from each row its maximum (`keepdims=True`); then subtract the logarithm of
#    the sum of the exponentials of what is left. Backward: sum `out_grad` over axis 1, `reshape`
#    to (n, 1), `broadcast_to` (n, k); the ops on tensors do not align shapes for you.
# 3. Forward: with `shifted` for the first difference, return `shifted` minus `np.log(...)` of
#    `np.exp(shifted).sum(axis=1, keepdims=True)`. Backward: `out_grad` minus `exp(node)` times
#    the broadcast row sums; no `.numpy()` and no `.cached_data`.

# %% id="ops-index-logsoftmax" role="index" export="needle/ops/__init__.py" of="logsoftmax.py"

# %% id="needle-index-logsoftmax" role="index" export="needle/__init__.py" of="ops/__init__.py"


# %% id="logsoftmax-forward" role="check" points=10
@check
def logsoftmax_forward():
    """The exponentials of each row must sum to 1: a row is one example's probabilities."""
    yield close(ndl.logsoftmax(ndl.Tensor([[0.0, 0.0, 0.0], [2.0, -1.0, 0.5]])), dtype="float32")
    ### BEGIN HIDDEN TESTS
    #: other numbers of rows and classes, one large logit
    for shape in ((4, 6), (6, 4), (5, 5), (1, 9), (300, 10)):
        z = 3 * rng.standard_normal(shape, dtype="float32")
        z[0, 0] = 25
        yield close(ndl.logsoftmax(ndl.Tensor(z)), atol=1e-5, dtype="float32")
    ### END HIDDEN TESTS


# %% id="logsoftmax-dtype" role="check" points=3
@check
def logsoftmax_dtype():
    """One float64 in a float32 network makes everything after it float64, and twice as slow."""
    for dtype, last in (("float32", 3.0), ("float64", 5.0)):
        y = ndl.logsoftmax(ndl.Tensor([[1.0, -2.0, last], [0.5, 0.0, -1.0]], dtype=dtype))
        yield y
        yield y.op.gradient_as_tuple(y * 0.5, y)[0]
    ### BEGIN HIDDEN TESTS
    #: random logits in float64 or float32
    for dtype in ("float64", "float32"):
        y = ndl.logsoftmax(ndl.Tensor(rng.uniform(-2, 2, (5, 4)), dtype=dtype))
        yield y
        #: the gradient, for logits in float64 or float32
        yield y.op.gradient_as_tuple(y * 0.5, y)[0]
    ### END HIDDEN TESTS


# %% id="logsoftmax-leaves-its-input" role="check" points=3
@check
def logsoftmax_leaves_its_input():
    """The array belongs to the logits, which other ops read as well."""
    z = ndl.Tensor([[1.0, 2.0, 3.0], [-4.0, 0.5, 0.0]])
    ndl.logsoftmax(z)
    yield z
    ### BEGIN HIDDEN TESTS
    #: the logits themselves, after a backward pass
    z = ndl.Tensor(20 * rng.standard_normal((3, 5), dtype="float32"))
    ndl.logsoftmax(z).sum().backward()
    yield z
    ### END HIDDEN TESTS


# %% id="logsoftmax-is-stable" role="check" points=12
@check
def logsoftmax_is_stable():
    """The loss is about unlikely classes, and exp has rounded their probability to 0."""
    z = ndl.Tensor([[0.0, -200.0, 1.5], [1000.0, 1001.0, 998.0]])
    yield close(ndl.logsoftmax(z), rtol=1e-3, atol=1e-3, dtype="float32")
    ### BEGIN HIDDEN TESTS
    #: one logit in each row far below the others
    for gap in (95.0, 120.0, 600.0):
        z = rng.standard_normal((4, 5), dtype="float32")
        z[np.arange(4), rng.integers(0, 5, size=4)] -= np.float32(gap)
        yield close(ndl.logsoftmax(ndl.Tensor(z)), atol=1e-5, dtype="float32")
    #: rows far above zero, near it and far below
    offsets = np.array([[-2000.0], [0.0], [90.0], [2000.0]])
    z = (offsets + rng.standard_normal((4, 6))).astype("float32")
    yield close(ndl.logsoftmax(ndl.Tensor(z)), rtol=1e-3, atol=1e-3, dtype="float32")
    #: very large logits of both signs
    z = (1e5 * rng.standard_normal((4, 7))).astype("float32")
    yield close(ndl.logsoftmax(ndl.Tensor(z)), atol=0.1, dtype="float32")
    ### END HIDDEN TESTS


# %% id="logsoftmax-gradient" role="check" points=14
@check
def logsoftmax_gradient():
    """Raising one logit raises its own log-probability and lowers those of the whole row."""
    z = ndl.Tensor([[0.0, 1.0, -2.0], [2.0, 2.0, 0.5]])
    ndl.logsoftmax(z).backward(ndl.Tensor([[1.0, 0.0, 0.5], [3.0, -1.0, 2.0]]))
    yield close(z.grad, dtype="float32")
    ### BEGIN HIDDEN TESTS
    #: random logits and adjoints, perhaps a single row
    for shape in ((4, 6), (6, 4), (5, 5), (1, 7)):
        z = ndl.Tensor(rng.standard_normal(shape, dtype="float32"))
        ndl.logsoftmax(z).backward(ndl.Tensor(rng.standard_normal(shape, dtype="float32")))
        yield close(z.grad, atol=1e-5, dtype="float32")
    #: the sum of the squared log-probabilities
    z = ndl.Tensor(2 * rng.standard_normal((4, 3), dtype="float32"))
    (ndl.logsoftmax(z) ** 2).sum().backward()
    yield close(z.grad, atol=1e-4, dtype="float32")
    ### END HIDDEN TESTS


# %% id="logsoftmax-gradient-is-stable" role="check" points=8
@check
def logsoftmax_gradient_is_stable():
    """A softmax computed anew in the backward pass overflows where the forward pass did not."""
    z = ndl.Tensor([[1000.0, 1000.0, 998.0], [0.0, -200.0, 1.0]])
    ndl.logsoftmax(z).backward(ndl.Tensor([[1.0, 0.0, 0.5], [3.0, -1.0, 2.0]]))
    yield close(z.grad, rtol=1e-3, atol=1e-4, dtype="float32")
    ### BEGIN HIDDEN TESTS
    #: rows far above and far below zero, other adjoints
    offsets = np.array([[-130.0], [-105.0], [89.0], [120.0]], dtype="float32")
    for spread in (1, 15):
        z = ndl.Tensor(offsets + spread * rng.standard_normal((4, 5), dtype="float32"))
        ndl.logsoftmax(z).backward(ndl.Tensor(rng.standard_normal((4, 5), dtype="float32")))
        yield close(z.grad, rtol=1e-3, atol=1e-3, dtype="float32")
    ### END HIDDEN TESTS


# %% id="logsoftmax-second-derivative" role="check" points=10
@check
def logsoftmax_second_derivative():
    """Newton's method differentiates the gradient again, so it must lead back to the logits."""
    z = ndl.Tensor([[0.0, 1.0, 2.0], [-1.0, 0.5, 0.0]])
    out_grad = ndl.Tensor([[1.0, 2.0, 0.0], [0.5, -1.0, 3.0]])
    ndl.logsoftmax(z).backward(out_grad, create_graph=True)
    (z.grad * ndl.Tensor([[1.0, 0.0, -3.0], [2.0, 0.5, -1.0]])).sum().backward()
    yield close(z.grad, dtype="float32")
    ### BEGIN HIDDEN TESTS
    #: the gradient of the gradient, random logits
    for shape in ((3, 4), (4, 3), (3, 3)):
        z = ndl.Tensor(rng.standard_normal(shape, dtype="float32"))
        out_grad = ndl.Tensor(rng.standard_normal(shape, dtype="float32"))
        ndl.logsoftmax(z).backward(out_grad, create_graph=True)
        (z.grad * ndl.Tensor(rng.standard_normal(shape, dtype="float32"))).sum().backward()
        yield close(z.grad, atol=1e-4, dtype="float32")
    ### END HIDDEN TESTS


# %% [markdown] id="log-after-softmax-prose"
# ### What the difference bought
#
# The row is $[0, z]$, and the plot shows the log-probability of the second entry, which is $z$
# itself this far below 0. Your `logsoftmax` (solid) is a straight line from edge to edge. The
# logarithm of the softmax (thick, dashed) leaves it in steps that grow from left to right: from
# -87.3 on, `float32` has only denormal numbers, with fewer and fewer digits. Near -104 it ends.
# From there on it is `-inf`, the shaded region.

# %% id="log-after-softmax" role="demo"
z = -np.linspace(85, 115, 30_001, dtype="float32")
rows = np.stack([np.zeros_like(z), z], axis=1)
naive, stable = log_of_softmax(rows)[:, 1], ndl.logsoftmax(ndl.Tensor(rows)).numpy()[:, 1]
end = z[np.isneginf(naive)].max()
before = np.abs(naive - stable)[~np.isneginf(naive)].max()
print(f"log(softmax): wrong by up to {before:.2f} before the end, -inf from z = {end:.2f} on")

fig, ax = plt.subplots(figsize=(7, 4))
ax.axvspan(end, z[-1], color="0.9", label="log(softmax) is -inf here")
ax.plot(z, naive, "--", color="#D55E00", linewidth=4, label="log(softmax(z))")
ax.plot(z, stable, "-", color="#0072B2", linewidth=1.5, label="logsoftmax(z)")
ax.set(xlabel="z, with the row [0, z] in float32", ylabel="log-probability of the second entry")
ax.set(xlim=(z[0], z[-1]))  # from likely to unlikely
ax.set_title("log(softmax) falls to -inf near -104; logsoftmax stays linear")
ax.legend()
show(
    "Log-probability against z: the logarithm of the softmax falls to minus infinity near "
    "-104, logsoftmax goes on as a straight line."
)

# %% [markdown] id="why-softmax-loss"
# ## Exercise 2: the loss
#
# A batch is a matrix of logits, shape $(n, k)$, and for each row the number of the right class,
# $y$, shape $(n,)$. The **softmax loss**, also called cross-entropy, is the average surprise at
# the right answers:
#
# $$
# L = -\frac{1}{n} \sum_{r=1}^{n} \operatorname{logsoftmax}(z_r)_{y_r}
#   = \frac{1}{n} \sum_{r=1}^{n} \bigl( \operatorname{logsumexp}(z_r) - z_{r, y_r} \bigr).
# $$
#
# Four things to know about it:
#
# - A model that knows nothing gives all classes the same logit, and its loss is $\log k$,
#   whatever the labels. This is the first number to look at when a training run starts.
# - It is a **mean** over the batch, so that the size of the gradient, and with it a good learning
#   rate, does not depend on the size of the batch.
# - The two forms are equal on paper. In `float32` the second loses its digits when the logits are
#   large: for $z = (10^8, 10^8)$ it says 0, and the loss is $\log 2 = 0.69$. Your loss has to be
#   right, and its gradient too, for logits up to $10^8$: subtract large numbers from each other
#   before anything small is added to them.
# - `needle` has no indexing, so the next cell gives you an op for it: `pick(x, y)` takes entry
#   $y_r$ of each row $r$. Its gradient brings each adjoint back to the place of its entry, by a
#   product with `one_hot(k, y)`. Labels are data: no gradient flows to them.
#
# The first cell of the module imports `logsoftmax` and `logsumexp`. What else you want to use,
# import at the top of your own cell.

# %% id="loss-module" role="given" export="needle/nn/loss.py"
"""Losses: modules that end in a single number."""

import numpy as np

from needle.autograd import Tensor, TensorOp
from needle.init import demand_labels, one_hot
from needle.nn.module import Module
from needle.ops.logsoftmax import logsoftmax
from needle.ops.logsumexp import logsumexp


class Pick(TensorOp):
    """Entry labels[r] of each row r of a matrix: from shape (n, k) to (n,)."""

    def __init__(self, labels: np.ndarray) -> None:
        self.labels = labels

    def compute(self, array: np.ndarray) -> np.ndarray:
        if array.ndim != 2 or self.labels.shape != array.shape[:1]:
            raise ValueError(
                f"a matrix (n, k) wants labels (n,), the shapes are {array.shape} and "
                f"{self.labels.shape}: give one label for each row"
            )
        demand_labels(self.labels, array.shape[1])
        return array[np.arange(len(array)), self.labels]

    def gradient(self, out_grad: Tensor, node: Tensor) -> Tensor:
        n, k = node.inputs[0].shape
        column = out_grad.reshape((n, 1)).broadcast_to((n, k))
        return column * one_hot(k, Tensor(self.labels), dtype=out_grad.dtype)


def pick(x: Tensor, y: Tensor) -> Tensor:
    """Entry y[r] of each row r of x, for labels y of shape (n,)."""
    return Pick(y.numpy())(x)


# %% id="softmax-loss" role="solution" export="needle/nn/loss.py"
class SoftmaxLoss(Module):
    """The mean over a batch of -log p(right class), p the softmax of the logits."""

    def forward(self, logits: Tensor, y: Tensor) -> Tensor:
        """Return mean_r(-logsoftmax(z_r)[y_r]), a tensor of shape ().

        `logits` has shape (n, k); `y` has shape (n,) and holds integers of any type from 0 to
        k - 1. The loss has the dtype of the logits. It is right for logits up to 1e8, in float32
        too.
        """
        ### BEGIN SOLUTION
        n = logits.shape[0]
        log_p = pick(logsoftmax(logits), y)
        return -log_p.sum() / n
        ### END SOLUTION


# %% [markdown] id="softmax-loss-hints" role="hints" of="softmax-loss"
# 1. For one row the loss is minus one of its log-probabilities. You have an op that makes all of
#    them, for every row, without losing digits; which of them do you want?
# 2. `logsoftmax(logits)` has shape (n, k), and `pick` takes from it the log-probability of the
#    right class in each row: shape (n,). What is left is a sign and a mean. If the loss is wrong
#    for large logits only, look into your `logsoftmax`: it should subtract the maximum of the
#    row from the logits first, and from the difference the logarithm of the sum.
# 3. `.sum()` what `pick` gives, divide by `n = logits.shape[0]`, and change the sign. Do not
#    leave the graph: `logits.numpy()` would lose the gradient.

# %% id="nn-index-loss" role="index" export="needle/nn/__init__.py"
from needle.nn.loss import SoftmaxLoss


# %% id="softmax-loss-value" role="check" points=12
@check
def softmax_loss_value():
    """Equal logits cost log(k) an example, and the size of the batch must not change the scale."""
    loss = ndl.nn.SoftmaxLoss()
    equal, y = ndl.Tensor([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]]), ndl.Tensor(np.array([2, 0]))
    yield close(loss(equal, y), dtype="float32")
    logits, y = ndl.Tensor([[2.0, -1.1, 0.4], [0.3, 3.0, -2.2]]), ndl.Tensor(np.array([0, 2]))
    yield close(loss(logits, y), dtype="float32")
    ### BEGIN HIDDEN TESTS
    #: random logits and labels, one row or many
    for n, k in ((1, 4), (6, 4), (4, 6), (5, 5), (64, 10)):
        logits = 2 * rng.standard_normal((n, k), dtype="float32")
        y = ndl.Tensor(rng.integers(0, k, size=n))
        yield close(loss(ndl.Tensor(logits), y), dtype="float32")
    #: negative logits, one label for the whole batch
    logits = rng.standard_normal((7, 3), dtype="float32") - 5
    for label in (2, 0):
        yield close(loss(ndl.Tensor(logits), ndl.Tensor(np.full(7, label))), dtype="float32")
    ### END HIDDEN TESTS


# %% id="softmax-loss-dtypes" role="check" points=4
@check
def softmax_loss_dtypes():
    """The gradient gets the dtype of the loss, and labels come as whatever their file holds."""
    for dtype, integers, last in (("float32", "int64", 3.0), ("float64", "uint8", 5.0)):
        logits = ndl.Tensor([[2.0, -1.0, 0.5], [0.0, 1.0, last]], dtype=dtype)
        yield ndl.nn.SoftmaxLoss()(logits, ndl.Tensor(np.array([1, 0], dtype=integers)))
    ### BEGIN HIDDEN TESTS
    #: a larger batch, other pairs of dtypes for logits and labels
    for dtype, integers in (("float64", "int32"), ("float32", "uint8"), ("float32", "int8")):
        logits = ndl.Tensor(rng.standard_normal((100, 3)), dtype=dtype)  # 300 is no uint8
        y = ndl.Tensor(rng.integers(0, 3, size=100).astype(integers))
        yield ndl.nn.SoftmaxLoss()(logits, y)
    ### END HIDDEN TESTS


# %% id="softmax-loss-gradient" role="check" points=12
@check
def softmax_loss_gradient():
    """Training sees the loss through its gradient alone."""
    logits = ndl.Tensor([[0.0, 0.0, 0.0], [2.0, 1.0, -0.5]])
    ndl.nn.SoftmaxLoss()(logits, ndl.Tensor(np.array([1, 2]))).backward()
    yield close(logits.grad, dtype="float32")
    ### BEGIN HIDDEN TESTS
    #: a loss that is used several times, one row or more
    for n, k in ((1, 3), (6, 4), (4, 6), (5, 5)):
        logits = ndl.Tensor(2 * rng.standard_normal((n, k), dtype="float32"))
        labels = rng.integers(0, k, size=n)
        labels[0] = k - 1  # the last class is there
        loss = ndl.nn.SoftmaxLoss()(logits, ndl.Tensor(labels))
        (loss * 3.0 + loss * loss).backward()
        yield close(logits.grad, atol=1e-5, dtype="float32")
    #: the gradient of a weight that the logits come from
    weight = ndl.Tensor(rng.standard_normal((3, 4), dtype="float32"))
    logits = ndl.Tensor(rng.standard_normal((8, 3), dtype="float32")) @ weight
    ndl.nn.SoftmaxLoss()(logits, ndl.Tensor(rng.permutation(8) % 4)).backward()
    yield close(weight.grad, atol=1e-5, dtype="float32")
    ### END HIDDEN TESTS


# %% id="softmax-loss-is-stable" role="check" points=8
@check
def softmax_loss_is_stable():
    """A model that is sure and wrong must get a large finite loss, or one example ends the run."""
    unlikely, large = [[0.0, -150.0, 1.5], [3.0, 1.0, -2.0]], [[0.0, 300.0, 9.0], [500.0, 0.0, 5.0]]
    for rows in (unlikely, large):
        logits = ndl.Tensor(rows)
        loss = ndl.nn.SoftmaxLoss()(logits, ndl.Tensor(np.array([1, 0])))
        (loss * 3.0).backward()
        yield close(loss, dtype="float32")
        yield close(logits.grad, dtype="float32")
    ### BEGIN HIDDEN TESTS
    #: large logits, some rows sure and right, some wrong
    for scale in (90, 400, 1500):
        z = scale * rng.standard_normal((6, 5), dtype="float32")
        labels = rng.permutation(6) % 5  # each class is there
        z[0, labels[0]] = z[0].max() + scale  # sure and right
        z[1, labels[1]] = z[1].min() - 2 * scale  # sure and wrong
        z[2] += 4 * scale
        z[3] -= 4 * scale
        logits = ndl.Tensor(z)
        loss = ndl.nn.SoftmaxLoss()(logits, ndl.Tensor(labels))
        loss.backward()
        yield close(loss, rtol=1e-3, dtype="float32")
        #: the gradient, for large logits of both signs
        yield close(logits.grad, rtol=1e-3, atol=1e-3, dtype="float32")
    ### END HIDDEN TESTS


# %% id="softmax-loss-keeps-digits" role="check" points=4
@check
def softmax_loss_keeps_digits():
    """Where the logits are large, a loss near 1 is lost in the digits of the logsumexp."""
    logits = ndl.Tensor([[1e8, 1e8, 0.0], [1e6, 1e6 - 1.0, 1e6 - 2.0]])
    loss = ndl.nn.SoftmaxLoss()(logits, ndl.Tensor(np.array([0, 1])))
    loss.backward()
    yield close(loss, rtol=1e-3, dtype="float32")
    yield close(logits.grad, rtol=1e-3, atol=1e-3, dtype="float32")
    ### BEGIN HIDDEN TESTS
    #: logits close to each other, far from zero
    for offset, dtype in ((1e4, "float32"), (-1e6, "float32"), (1e7, "float32"), (1e8, "float64")):
        logits = ndl.Tensor((offset + rng.integers(0, 4, (6, 4))).astype(dtype))
        loss = ndl.nn.SoftmaxLoss()(logits, ndl.Tensor(rng.permutation(6) % 4))
        loss.backward()
        yield close(loss, rtol=1e-3, dtype="float32")
        #: the gradient, for close logits far from zero
        yield close(logits.grad, rtol=1e-3, atol=1e-3, dtype="float32")
    ### END HIDDEN TESTS


# %% [markdown] id="loss-gradient-prose"
# ### The gradient is the mistake
#
# The two formulas of this stage collapse into one of the simplest gradients there is: for one
# example it is $p - e_y$, the probabilities minus the one-hot row of the right class. The
# experiment prints both. Being right and sure gives a gradient near 0, a guess gives a middling
# one, and being sure and wrong gives the largest, which never exceeds 1 in any entry. That bound
# is why the pair of softmax and logarithm trains well: the loss is steep exactly where the model
# is wrong, and nowhere steeper than 1.

# %% id="loss-gradient" role="demo"
print("logits              loss     p - one_hot(y)          gradient, y = 0")
for row in ([5.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 5.0, 0.0]):
    logits, y = ndl.Tensor([row]), ndl.Tensor(np.array([0]))
    loss = ndl.nn.SoftmaxLoss()(logits, y)
    loss.backward()
    mistake = np.exp(ndl.logsoftmax(logits).numpy()) - np.eye(3)[:1]
    in_words = ["  ".join(f"{x:6.3f}" for x in r) for r in (mistake[0], logits.grad.numpy()[0])]
    print(f"{row!s:18} {loss.numpy():6.3f}   {in_words[0]}   {in_words[1]}")

# %% [markdown] id="first-classifier-prose"
# ## A first classifier
#
# Three clouds of 100 points in the plane, one `Linear(2, 3)` from stage 02, your loss, and 60
# steps of gradient descent by hand. The optimizers come in stage 06; until then a step is one
# line, and it goes through `.data` so that it leaves no graph behind.
#
# On the left is the loss at each step. The weights start at zero, so all logits are equal and the
# curve begins at $\log 3 = 1.10$, the dashed line: the loss of a guess. On the right are the
# points, one marker a class, on a background whose three shades show which class the trained
# model prefers. The borders are straight lines, because where two linear logits are equal is a
# straight line.

# %% id="first-classifier" role="demo"
points_rng = np.random.default_rng(0)
centres = np.array([[0.0, 2.0], [-1.8, -1.0], [1.8, -1.0]])
labels = np.repeat(np.arange(3), 100)
points = (centres[labels] + points_rng.standard_normal((300, 2))).astype("float32")

model, loss_of = ndl.nn.Linear(2, 3), ndl.nn.SoftmaxLoss()
for theta in model.parameters():
    theta.data = theta.data * 0.0
losses = []
for _ in range(60):
    loss = loss_of(model(ndl.Tensor(points)), ndl.Tensor(labels))
    loss.backward()
    losses.append(float(loss.numpy()))
    for theta in model.parameters():
        theta.data = theta.data - 0.5 * theta.grad.data
wrong = (model(ndl.Tensor(points)).numpy().argmax(axis=1) != labels).mean()
print(f"loss {losses[0]:.4f} at the first step, {losses[-1]:.4f} at the last; {wrong:.1%} wrong")

fig, (left, right) = plt.subplots(1, 2, figsize=(11, 4))
left.plot(losses, "-", color="#0072B2", label="softmax loss")
left.axhline(np.log(3), linestyle="--", color="#D55E00", label="log 3, the loss of a guess")
left.set(xlabel="step", ylabel="mean loss", ylim=(0, 1.2), title="loss")
left.legend()
side = np.linspace(-5, 5, 200, dtype="float32")
grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
preferred = model(ndl.Tensor(grid)).numpy().argmax(axis=1).reshape(200, 200)
right.contourf(side, side, preferred, levels=[-0.5, 0.5, 1.5, 2.5], colors=["0.95", "0.85", "0.75"])
for k, (marker, color) in enumerate((("o", "#0072B2"), ("^", "#D55E00"), ("s", "#009E73"))):
    chosen = points[labels == k]
    right.plot(chosen[:, 0], chosen[:, 1], marker, color=color, markersize=4, label=f"class {k}")
right.set(xlabel="first feature", ylabel="second feature", title="what the model prefers")
right.legend(loc="upper left")
fig.suptitle("The loss starts at log k, the price of a guess, and falls as the model learns")
fig.tight_layout()
show(
    "Left, the loss falling from log 3; right, three clouds of points, each on the region "
    "where the model prefers its class."
)

# %% [markdown] id="end-04"
# ## What you built
#
# - `LogSoftmax`: log-probabilities that stay right where the probabilities themselves have
#   underflowed, and a gradient that reads the softmax off the node.
# - `SoftmaxLoss`: the mean of $-\operatorname{logsoftmax}(z)_y$ over a batch, with the gradient
#   $(p - e_y) / n$, as exact for logits of a hundred million as for small ones.
#
# **The same in PyTorch.** `torch.log_softmax(z, dim=1)`, and `nn.CrossEntropyLoss()(logits,
# labels)`, which like yours wants logits, not probabilities.
#
# ## What comes next
#
# You can now train a shallow model. Deep ones are harder to start and easier to overfit: stage 05
# builds the layers that normalize activations, and dropout.
#
# ## Questions to think about
#
# Double-click a question, write below it, and run the cell. None of this is graded. Once you have
# answered and saved, `%mugrade hint` with the question's name, in a new cell, shows our answer.

# %% [markdown] id="digits-of-a-loss" role="answer"
# 1. **digits-of-a-loss**: On paper $\operatorname{logsumexp}(z) - z_y$ and
#    $-\operatorname{logsoftmax}(z)_y$ are the same. For $z = [0, 1, 2] + 10^4$ in `float32` and $y
#    = 2$ one gives 0.4072 and the other 0.4076. Which is which, and where did the digits go?
#
# ### BEGIN SOLUTION
# $\operatorname{logsumexp}(z)$ is about 10002.4076, and `float32` keeps three decimals of it; the
# difference from 10002 has lost the rest. `logsoftmax` subtracts the maximum first and computes
# with small numbers only: it gives 0.4076.
# ### END SOLUTION

# %% [markdown] id="first-loss" role="answer"
# 2. **first-loss**: A network for ten classes shows a loss of 2.30 in its first step and still 2.30
#    after an epoch. What has it learned? And what would you look for if the very first loss were 9?
#
# ### BEGIN SOLUTION
# $2.30 = \log 10$: nothing, it guesses. A first loss of 9 says that the model is sure of wrong
# answers before it has seen any: look at the scale of the weights, and of the inputs (pixels from 0
# to 255, for example).
# ### END SOLUTION

# %% [markdown] id="loss-without-minimum" role="answer"
# 3. **loss-without-minimum**: On examples that a linear model can separate, the loss has no
#    minimum. Why? Where do the weights go, and what could hold them back?
#
# ### BEGIN SOLUTION
# Twice the weights give twice the margin and a smaller loss, for ever: the loss goes to 0 only as
# the weights go to infinity. Weight decay holds them back, and so does stopping early.
# ### END SOLUTION

# %% [markdown] id="references-04"
# ## References
#
# - J. S. Bridle, *Probabilistic interpretation of feedforward classification network outputs*, in
#   Neurocomputing, Springer, 1990 (the name softmax, and why to train it this way).
# - I. Goodfellow, Y. Bengio, A. Courville, *Deep Learning*, MIT Press, 2016, sections 4.1 and
#   6.2.2.3.
# - P. Blanchard, D. J. Higham, N. J. Higham, *Accurately computing the log-sum-exp and softmax
#   functions*, IMA Journal of Numerical Analysis 41, 2021.
