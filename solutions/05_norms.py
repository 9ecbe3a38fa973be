# %% [markdown] id="title-05"
# # 05 · Norms and dropout
#
# You will build the three layers that made deep networks easy to train and harder to overfit:
# `LayerNorm1d`, `BatchNorm1d` and `Dropout`. Two of them compute something else while training
# than afterwards, and one of them remembers what it has seen.
#
# - **Time**: about 40 minutes, three exercises.
# - **You need**: stages 00 (ops, broadcasting), 01 (`randb`) and 02 (`Module`, `Parameter`,
#   `Linear`).
# - **It grows**: `needle/nn/norm.py` and `needle/nn/dropout.py`.

# %% id="setup-05" role="given"
# %load_ext mugrade
import numpy as np

import needle as ndl
from mugrade import check, close, distribution, rng, show

# %% [markdown] id="norms-why"
# ## Keeping the numbers in range
#
# Stage 01 chose weights for which the activations neither die out nor explode. That holds at the
# start. Then training moves the weights, and nothing watches over the scale any more.
#
# A normalization layer restores it in every forward pass: subtract the mean, divide by the
# standard deviation. For a batch of shape (n, dim), n samples of dim features, there are two ways
# to take the mean, and they are two different layers.
#
# - Over the features of each sample, axis 1: n means, one a row. This is **LayerNorm**.
# - Over the samples, for each feature, axis 0: dim means, one a column. This is **BatchNorm**.
#
# Either way the means have one axis less than the batch, and must be copied back to its shape
# before anything can be subtracted. Broadcasting aligns shapes at the right: it adds new axes in
# front and never behind. The next cell tries it for means of both kinds. Look for the line that
# runs although it is wrong.

# %% id="align-right-demo" role="demo"
import matplotlib.pyplot as plt

for of, shape, target in (
    ("columns", (3,), (4, 3)),
    ("rows", (4,), (4, 3)),
    ("rows", (4, 1), (4, 3)),
    ("rows", (4,), (4, 4)),
):
    means = ndl.Tensor(np.arange(10.0, 10.0 * shape[0] + 1, 10.0).reshape(shape))
    try:
        copied = means.broadcast_to(target).numpy()
        outcome = f"first row {copied[0].tolist()}, first column {copied[:, 0].tolist()}"
    except ValueError:
        outcome = "ValueError"
    print(f"means of {of:7} {shape!s:6} to {target}: {outcome}")

# %% [markdown] id="align-right-lesson"
# The means of the columns, of shape (3,), go where they belong by themselves. Those of the rows,
# of shape (4,), have to be given their lost axis back, by a `reshape` to (4, 1). Without it a
# batch of 4 x 3 raises an error, and a square one of 4 x 4 runs: every column then gets a mean
# that belongs to a row.
#
# ## Exercise 1: LayerNorm
#
# For each row $x$ of the batch, with the mean and the variance over its dim entries,
#
# $$
# y = w \odot \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}} + b, \qquad
# \mu = \frac{1}{\text{dim}} \sum_j x_j, \qquad
# \sigma^2 = \frac{1}{\text{dim}} \sum_j (x_j - \mu)^2.
# $$
#
# - The variance is the **biased** one: divide by dim, not by dim - 1. It describes these
#   numbers and estimates no others.
# - $\epsilon$ stands **inside** the root. For a row of equal entries the derivative of
#   $\sqrt{\sigma^2}$ is infinite; that of $\sqrt{\sigma^2 + \epsilon}$ is not.
# - $w$ and $b$ have one entry for each feature and are trained. They start as ones and zeros, and
#   allow the network to undo the normalization where it harms.
# - $\mu$ and $\sigma^2$ are computed from $x$, so they are part of the graph. Part of the gradient
#   flows through them. Build everything from tensor ops and you get that part for nothing.

# %% id="norm-module" role="given" export="needle/nn/norm.py"
"""Layers that give activations mean 0 and variance 1."""

import numpy as np

from needle import init
from needle.autograd import Tensor
from needle.device import CPUDevice
from needle.nn.module import Module, Parameter


def demand_features(x: Tensor | np.ndarray, dim: int) -> None:
    """Raise ValueError unless x is a matrix with `dim` columns."""
    if len(x.shape) != 2 or x.shape[1] != dim:
        raise ValueError(
            f"a norm of {dim} features takes a matrix (n, {dim}), not {x.shape}: reshape"
        )


# %% id="layernorm" role="solution" export="needle/nn/norm.py"
class LayerNorm1d(Module):
    """Each sample normalized over its features, then scaled and shifted feature by feature.

    y = weight * (x - mean) / sqrt(var + eps) + bias, with the mean and the biased variance of
    each row. Parameters: `weight`, ones, and `bias`, zeros, both of shape (dim,), on `device` and
    of the given dtype. Training and evaluation are alike.

    Source: Ba, Kiros and Hinton, 2016, equation 4.
    """

    def __init__(
        self,
        dim: int,
        eps: float = 1e-5,
        device: CPUDevice | None = None,
        dtype: str = "float32",
    ) -> None:
        super().__init__()
        self.dim = dim
        self.eps = eps
        ### BEGIN SOLUTION
        self.weight = Parameter(init.ones(dim, device=device, dtype=dtype))
        self.bias = Parameter(init.zeros(dim, device=device, dtype=dtype))
        ### END SOLUTION

    def forward(self, x: Tensor) -> Tensor:
        """From shape (n, dim) to the same shape."""
        demand_features(x, self.dim)
        ### BEGIN SOLUTION
        column = (x.shape[0], 1)
        mean = x.sum(1).reshape(column) / self.dim
        deviation = x - mean.broadcast_to(x.shape)
        var = (deviation * deviation).sum(1).reshape(column) / self.dim
        std = (var + self.eps) ** 0.5
        normalized = deviation / std.broadcast_to(x.shape)
        return self.weight.broadcast_to(x.shape) * normalized + self.bias.broadcast_to(x.shape)
        ### END SOLUTION


# %% [markdown] id="layernorm-hints" role="hints" of="layernorm"
# 1. Which axis disappears when you average the features of a sample, and on which side of the
#    remaining one must it come back?
# 2. There is no `mean`: sum over axis 1, `reshape` to (n, 1), divide by `self.dim`, and
#    `broadcast_to(x.shape)` before you subtract. The variance is the same recipe on the squared
#    differences. `weight` and `bias` have shape (dim,) and align right as they are.
# 3. With `d` for `x` minus its broadcast mean and `var` of shape (n, 1): divide `d` by
#    `((var + self.eps) ** 0.5)` after `broadcast_to`, multiply by the broadcast weight, add the
#    broadcast bias. In `__init__` wrap `init.ones(...)` and `init.zeros(...)` in `Parameter`,
#    with `device` and `dtype`.

# %% id="nn-index-layernorm" role="index" export="needle/nn/__init__.py"
from needle.nn.norm import LayerNorm1d


# %% id="layernorm-forward" role="check" points=7
@check
def layernorm_forward():
    """Every sample is normalized by itself, over all of its features and over nothing else."""
    layer = ndl.nn.LayerNorm1d(3)
    yield layer(ndl.Tensor([[1.0, -2.0, 3.0], [10.0, 20.0, -60.0]]))
    yield layer(ndl.Tensor([[1.0, 2.0, 6.0], [0.0, -3.0, 0.0], [5.0, 4.0, -3.0], [7.0, 8.0, 0.5]]))
    ### BEGIN HIDDEN TESTS
    #: batches of several shapes, also a single row
    for shape in ((5, 4), (4, 4), (1, 6), (7, 2), (3, 50)):
        layer = ndl.nn.LayerNorm1d(shape[1])
        apart = np.tile(np.linspace(-3, 5, shape[1]), (shape[0], 1))  # no row of equal entries
        x = rng.permuted(apart, axis=1) + rng.random(shape) + rng.standard_normal((shape[0], 1))
        x = ndl.Tensor(x.astype("float32"))
        yield close(layer(x), rtol=1e-3, atol=1e-5)
        #: the same rows in eval mode
        layer.eval()
        yield close(layer(x), rtol=1e-3, atol=1e-5)
        #: x itself after both calls
        yield x
    ### END HIDDEN TESTS


# %% id="layernorm-eps" role="check" points=4
@check
def layernorm_eps():
    """eps is the argument and stands inside the root, where it keeps the slope finite."""
    yield ndl.nn.LayerNorm1d(3, eps=2.0)(ndl.Tensor([[2.0, 2.0, 2.0], [1.0, 2.0, -6.0]]))
    ### BEGIN HIDDEN TESTS
    #: other values of eps, rows of small entries
    for eps in (0.5, 1e-3):
        layer = ndl.nn.LayerNorm1d(6, eps=eps)
        yield layer(ndl.Tensor((0.05 * rng.standard_normal((3, 6))).astype("float32")))
    #: backward through a row of equal entries
    layer = ndl.nn.LayerNorm1d(3)
    x = ndl.Tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
    out_grad = rng.standard_normal((2, 3)).astype("float32")
    layer(x).backward(ndl.Tensor(out_grad))
    grad = out_grad if x.grad is None else x.grad.numpy()
    yield np.where(np.isfinite(grad), out_grad, np.float32(0))
    ### END HIDDEN TESTS


# %% id="layernorm-affine" role="check" points=5
@check
def layernorm_affine():
    """weight and bias are rows: one entry for each feature, the same for all samples."""
    layer = ndl.nn.LayerNorm1d(3)
    layer.weight.data, layer.bias.data = ndl.Tensor([2.0, -3.0, 0.5]), ndl.Tensor([1.0, 0.25, -4.0])
    x = ndl.Tensor([[1.0, 2.0, 6.0], [5.0, -3.0, 1.0]])
    y = layer(x)
    yield y
    y.backward(ndl.Tensor([[1.0, 0.0, 3.0], [2.0, -1.0, 0.5]]))
    yield close(layer.weight.grad, rtol=1e-3, atol=1e-5)
    yield layer.bias.grad
    ### BEGIN HIDDEN TESTS
    #: random weight and bias, also for a single row
    for shape in ((5, 4), (4, 4), (1, 6), (3, 20)):
        layer = ndl.nn.LayerNorm1d(shape[1])
        layer.weight.data = ndl.Tensor(rng.standard_normal(shape[1]).astype("float32"))
        layer.bias.data = ndl.Tensor(rng.standard_normal(shape[1]).astype("float32"))
        y = layer(ndl.Tensor((1 + 8 * rng.standard_normal(shape)).astype("float32")))
        yield close(y, rtol=1e-3, atol=1e-4)
        y.backward(ndl.Tensor(rng.standard_normal(shape).astype("float32")))
        yield close(layer.weight.grad, rtol=1e-3, atol=1e-4)
        yield close(layer.bias.grad, rtol=1e-3, atol=1e-5)
    ### END HIDDEN TESTS


# %% id="layernorm-parameters" role="check" points=3
@check
def layernorm_parameters():
    """An optimizer trains what parameters() finds, from a start that changes nothing."""
    layer = ndl.nn.LayerNorm1d(3)
    layer.weight.data = layer.weight.data * ndl.Tensor([2.0, 3.0, 5.0])
    layer.bias.data = layer.bias.data + ndl.Tensor([-1.0, 0.5, 7.0])
    yield np.sort(np.concatenate([theta.numpy() for theta in layer.parameters()]))
    ### BEGIN HIDDEN TESTS
    #: a fresh layer with another number of features
    layer = ndl.nn.LayerNorm1d(6)
    scale = ndl.Tensor(rng.standard_normal(6).astype("float32"))
    yield layer.weight * scale
    yield layer.bias - scale
    #: parameters() after weight and bias were assigned
    layer.weight.data, layer.bias.data = scale * 2.0, scale + 1.0
    yield np.sort(np.concatenate([theta.numpy() for theta in layer.parameters()]))
    #: a second layer, made after the first was changed
    yield layer.weight - ndl.nn.LayerNorm1d(6).bias
    ### END HIDDEN TESTS


# %% id="layernorm-gradients" role="check" points=7
@check
def layernorm_gradients():
    """Raising one feature shifts the mean and widens the row, so it moves all the other outputs."""
    layer = ndl.nn.LayerNorm1d(3)
    x = ndl.Tensor([[1.0, 2.0, 6.0], [0.0, 3.0, -1.0]])
    layer(x).backward(ndl.Tensor([[1.0, 0.0, 0.0], [2.0, -1.0, 0.5]]))
    yield close(x.grad, rtol=1e-3, atol=1e-5)
    ### BEGIN HIDDEN TESTS
    #: random rows and adjoints, also a single row
    for shape in ((5, 4), (4, 4), (1, 6), (3, 20)):
        apart = np.tile(np.linspace(-3, 5, shape[1]), (shape[0], 1))  # no row of equal entries
        x = ndl.Tensor((rng.permuted(apart, axis=1) + rng.random(shape)).astype("float32"))
        ndl.nn.LayerNorm1d(shape[1])(x).backward(
            ndl.Tensor(rng.standard_normal(shape).astype("float32"))
        )
        yield close(x.grad, rtol=1e-3, atol=1e-5)
    ### END HIDDEN TESTS


# %% id="layernorm-dtype" role="check" points=2
@check
def layernorm_dtype():
    """A layer of float64 has parameters of float64, and gives float64 for float64."""
    layer = ndl.nn.LayerNorm1d(3, dtype="float64")
    for value in (layer.weight, layer.bias):
        yield np.full(3, 7.0, dtype=value.dtype)
    x = ndl.Tensor(np.array([[1.0, 2.0, 6.0], [0.0, 3.0, -1.0]]))
    yield close(layer(x), rtol=1e-3, atol=1e-4)
    ### BEGIN HIDDEN TESTS
    #: a float64 batch of another shape
    layer = ndl.nn.LayerNorm1d(5, dtype="float64")
    x = ndl.Tensor(rng.permuted(np.tile(np.linspace(-3, 5, 5), (4, 1)), axis=1))
    yield close(layer(x), rtol=1e-3, atol=1e-4)
    ### END HIDDEN TESTS


# %% [markdown] id="batchnorm-why"
# ## Exercise 2: BatchNorm
#
# The same formula with the other axis: the mean and the biased variance of each *feature*, over
# the samples of the batch. Nothing needs a `reshape` now, since (dim,) aligns right.
#
# But there is a price. The output for a sample now depends on the samples it happens to share the
# batch with. While training, that is a little noise, and does no harm. Afterwards it cannot be
# allowed: the same picture must not be a 3 in one batch and an 8 in another, and a picture alone
# has no variance at all.
#
# So the layer keeps a running mean and a running variance of what it sees while training,
#
# $$
# \text{running} \leftarrow (1 - \text{momentum}) \cdot \text{running}
#   + \text{momentum} \cdot \text{batch},
# $$
#
# and uses these, as constants, in eval mode. They stand in for the mean and the variance of the
# whole data set, which one would have to compute anew after each change of a weight. (Like the
# batch's, our running variance is the biased one. PyTorch's is not, see the end of this notebook.)
#
# Four things are easy to get wrong:
#
# - The momentum is the share of the **new** value. (In stage 06 it will be the share of the old
#   one. The name is the field's, not ours.)
# - Training normalizes with the values of the batch and only *updates* the running ones; eval mode
#   only *uses* them. `self.training` says which mode it is.
# - The running values are plain tensors. As `Parameter` they would be trained. The optimizer would
#   change them.
# - They carry no graph. A running mean computed from `mean` itself remembers how that came about,
#   and so keeps every batch of the whole training in memory. `mean.data` is the same numbers
#   without their history.


# %% id="batchnorm" role="solution" export="needle/nn/norm.py"
class BatchNorm1d(Module):
    """Each feature normalized over the samples of the batch, then scaled and shifted.

    y = weight * (x - mean) / sqrt(var + eps) + bias. In training mode mean and var are the mean
    and the biased variance of each column, and update the running values:
    running = (1 - momentum) * running + momentum * batch. In eval mode they are the running values.
    Parameters: `weight`, ones, and `bias`, zeros. Plain tensors without a graph: `running_mean`,
    at first zeros, and `running_var`, at first ones. All four have shape (dim,), live on `device`
    and have the given dtype.

    Source: Ioffe and Szegedy, 2015, algorithm 1.
    """

    def __init__(
        self,
        dim: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        device: CPUDevice | None = None,
        dtype: str = "float32",
    ) -> None:
        super().__init__()
        self.dim = dim
        self.eps = eps
        self.momentum = momentum
        ### BEGIN SOLUTION
        self.weight = Parameter(init.ones(dim, device=device, dtype=dtype))
        self.bias = Parameter(init.zeros(dim, device=device, dtype=dtype))
        self.running_mean = init.zeros(dim, device=device, dtype=dtype)
        self.running_var = init.ones(dim, device=device, dtype=dtype)
        ### END SOLUTION

    def forward(self, x: Tensor) -> Tensor:
        """From shape (n, dim) to the same shape."""
        demand_features(x, self.dim)
        if self.training and x.shape[0] == 0:  # no rows, no mean
            return x
        ### BEGIN SOLUTION
        mean, var = self.running_mean, self.running_var
        if self.training:
            n = x.shape[0]
            mean = x.sum(0) / n
        deviation = x - mean.broadcast_to(x.shape)
        if self.training:
            var = (deviation * deviation).sum(0) / n
            old, new = 1 - self.momentum, self.momentum
            self.running_mean.data = old * self.running_mean.data + new * mean.data
            self.running_var.data = old * self.running_var.data + new * var.data
        std = (var + self.eps) ** 0.5
        scale = self.weight / std  # one factor for each feature, before it is broadcast
        return scale.broadcast_to(x.shape) * deviation + self.bias.broadcast_to(x.shape)
        ### END SOLUTION


# %% [markdown] id="batchnorm-hints" role="hints" of="batchnorm"
# 1. Where do mean and variance come from in each mode, and in which of the two modes does
#    anything change that outlives the call?
# 2. Let `mean` and `var`, both of shape (dim,), be the running values, unless `self.training`:
#    then sum over axis 0 and divide by the number of rows, and update the running values from
#    `mean.data` and `var.data`. From there on both modes share the formula.
# 3. The update: `self.running_mean.data` becomes (1 - momentum) times itself plus momentum times
#    `mean.data`; the variance alike. The formula: `x` minus the broadcast mean, divided by the
#    broadcast `(var + self.eps) ** 0.5`, times the broadcast weight, plus the broadcast bias. The
#    weight may be divided by the root while both are small, before it is broadcast.
#    In `__init__` only `weight` and `bias` are wrapped in `Parameter`.

# %% id="nn-index-batchnorm" role="index" export="needle/nn/__init__.py"
from needle.nn.norm import BatchNorm1d


# %% id="batchnorm-forward" role="check" points=7
@check
def batchnorm_forward():
    """While training, each feature is compared with the same feature of the other samples."""
    layer = ndl.nn.BatchNorm1d(2)
    yield layer(ndl.Tensor([[1.0, -30.0], [2.0, 10.0], [6.0, 5.0]]))
    yield layer(ndl.Tensor([[0.0, 1.0], [4.0, 2.0], [-1.0, 3.0], [2.0, 7.0]]))
    ### BEGIN HIDDEN TESTS
    #: batches of several shapes, also a single feature
    for shape in ((5, 4), (4, 4), (9, 1), (2, 7), (50, 3)):
        layer = ndl.nn.BatchNorm1d(shape[1])
        apart = np.tile(np.linspace(-3, 5, shape[0])[:, None], shape[1])  # no column of equal ones
        x = rng.permuted(apart, axis=0) + rng.random(shape) + rng.standard_normal(shape[1])
        x = ndl.Tensor(x.astype("float32"))
        yield close(layer(x), rtol=1e-3, atol=1e-5)
        #: the same batch a second time
        yield close(layer(x), rtol=1e-3, atol=1e-5)
        #: x itself after both calls
        yield x
    ### END HIDDEN TESTS


# %% id="batchnorm-eps" role="check" points=4
@check
def batchnorm_eps():
    """eps is the argument and stands inside the root, in both modes."""
    layer = ndl.nn.BatchNorm1d(2, eps=2.0)
    yield layer(ndl.Tensor([[2.0, 1.0], [2.0, 2.0], [2.0, -6.0]]))
    x = np.array([[2.0, 1.0], [2.5, -6.0], [4.5, 2.0]], dtype="float32")
    layer = ndl.nn.BatchNorm1d(2, eps=2.0)
    layer.running_mean.data, layer.running_var.data = ndl.Tensor(x.mean(0)), ndl.Tensor(x.var(0))
    layer.eval()
    yield layer(ndl.Tensor(x))
    ### BEGIN HIDDEN TESTS
    #: other values of eps, small variances
    for eps in (0.5, 1e-3):
        layer = ndl.nn.BatchNorm1d(3, eps=eps)
        x = ndl.Tensor((0.05 * rng.standard_normal((6, 3))).astype("float32"))
        yield layer(x)
    #: backward through a column of equal entries
    layer = ndl.nn.BatchNorm1d(2)
    x = ndl.Tensor([[0.0, 1.0], [0.0, 0.0], [0.0, 0.0]])
    out_grad = rng.standard_normal((3, 2)).astype("float32")
    layer(x).backward(ndl.Tensor(out_grad))
    grad = out_grad if x.grad is None else x.grad.numpy()
    yield np.where(np.isfinite(grad), out_grad, np.float32(0))
    ### END HIDDEN TESTS


# %% id="batchnorm-affine" role="check" points=5
@check
def batchnorm_affine():
    """weight and bias are rows: one entry for each feature, the same for all samples."""
    layer = ndl.nn.BatchNorm1d(3)
    layer.weight.data, layer.bias.data = ndl.Tensor([2.0, -3.0, 0.5]), ndl.Tensor([1.0, 0.25, -4.0])
    y = layer(ndl.Tensor([[1.0, -30.0, 2.0], [2.0, 10.0, 0.0], [6.0, 5.0, 1.0], [4.0, 0.0, -8.0]]))
    yield y
    y.backward(ndl.Tensor(np.float32([[1, 2, 0], [0, -3, 5], [0.5, 4, 1], [2, 0, -1]])))
    yield close(layer.weight.grad, rtol=1e-3, atol=1e-5)
    yield layer.bias.grad
    ### BEGIN HIDDEN TESTS
    #: random weight and bias, also a single feature
    for shape in ((5, 4), (4, 4), (9, 1), (20, 3)):
        layer = ndl.nn.BatchNorm1d(shape[1])
        layer.weight.data = ndl.Tensor(rng.standard_normal(shape[1]).astype("float32"))
        layer.bias.data = ndl.Tensor(rng.standard_normal(shape[1]).astype("float32"))
        y = layer(ndl.Tensor((1 + 8 * rng.standard_normal(shape)).astype("float32")))
        yield close(y, rtol=1e-3, atol=1e-4)
        y.backward(ndl.Tensor(rng.standard_normal(shape).astype("float32")))
        yield close(layer.weight.grad, rtol=1e-3, atol=1e-4)
        yield close(layer.bias.grad, rtol=1e-3, atol=1e-5)
        #: random weight and bias in eval mode after training
        layer.eval()
        x = ndl.Tensor((1 + rng.standard_normal(shape)).astype("float32"))
        weight, bias, y = layer.weight.numpy().copy(), layer.bias.numpy().copy(), layer(x).numpy()
        ones, zeros = np.ones(shape[1], dtype="float32"), np.zeros(shape[1], dtype="float32")
        layer.weight.data, layer.bias.data = ndl.Tensor(ones), ndl.Tensor(zeros)
        yield close(y - weight * layer(x).numpy() - bias + x.numpy(), rtol=1e-3, atol=1e-4)
    ### END HIDDEN TESTS


# %% id="batchnorm-running" role="check" points=8
@check
def batchnorm_running():
    """Each batch contributes the fraction momentum, and what came before keeps the rest."""
    layer = ndl.nn.BatchNorm1d(2)
    for rows in ([[1.0, -30.0], [2.0, 10.0], [6.0, 5.0]], [[4.0, 1.0], [-2.0, 7.0]]):
        layer(ndl.Tensor(rows))
        yield layer.running_mean
        yield layer.running_var
    ### BEGIN HIDDEN TESTS
    #: other values of momentum, also a batch of one sample
    for dim, momentum in ((4, 0.1), (3, 0.7), (5, 0.01)):
        layer = ndl.nn.BatchNorm1d(dim, momentum=momentum)
        for n in (2, 1, dim, 8):
            layer(ndl.Tensor((3 + 2 * rng.standard_normal((n, dim))).astype("float32")))
            yield layer.running_mean
            yield layer.running_var
    #: another eps, after a first batch
    fresh = ndl.nn.BatchNorm1d(4, eps=0.5)
    fresh(ndl.Tensor(rng.standard_normal((3, 4)).astype("float32")))
    yield fresh.running_mean
    yield fresh.running_var
    #: a fresh layer that has seen no batch
    fresh = ndl.nn.BatchNorm1d(4)
    yield fresh.running_mean.numpy() - rng.random(4, dtype="float32")
    yield fresh.running_var.numpy() * rng.random(4, dtype="float32")
    ### END HIDDEN TESTS


# %% id="batchnorm-eval" role="check" points=9
@check
def batchnorm_eval():
    """After training, what comes out for a sample may not depend on its neighbours."""
    layer = ndl.nn.BatchNorm1d(2)
    layer.running_mean.data = ndl.Tensor([2.0, -5.0])
    layer.running_var.data = ndl.Tensor([4.0, 0.25])
    layer.eval()
    yield layer(ndl.Tensor([[1.0, 10.0], [-50.0, 7.0], [6.0, 5.0]]))
    yield layer(ndl.Tensor([[1.0, 10.0]]))
    yield layer.running_mean
    yield layer.running_var
    ### BEGIN HIDDEN TESTS
    #: other running values, also a batch of one sample
    for shape in ((5, 4), (4, 4), (1, 3)):
        layer = ndl.nn.BatchNorm1d(shape[1])
        model = ndl.nn.Sequential(layer)
        layer.running_mean.data = ndl.Tensor(rng.standard_normal(shape[1]).astype("float32"))
        layer.running_var.data = ndl.Tensor((0.5 + rng.random(shape[1])).astype("float32"))
        model.eval()
        x = ndl.Tensor((1 + rng.standard_normal(shape)).astype("float32"))
        y = model(x)
        y.backward(ndl.Tensor(rng.standard_normal(shape).astype("float32")))
        yield close(y, rtol=1e-3, atol=1e-5)
        #: backward in eval mode
        yield close(x.grad, rtol=1e-3, atol=1e-5)
        #: the running values after a pass in eval mode
        yield layer.running_mean
        yield layer.running_var
        #: x itself after a pass in eval mode
        yield x
        #: train mode after eval mode
        layer = ndl.nn.BatchNorm1d(shape[1])
        layer.eval()
        layer.train()
        yield close(layer(ndl.Tensor(3 * rng.random((7, shape[1]), dtype="float32"))), atol=1e-3)
    ### END HIDDEN TESTS


# %% id="batchnorm-parameters" role="check" points=3
@check
def batchnorm_parameters():
    """weight and bias are trained; what the layer remembers is not."""
    layer = ndl.nn.BatchNorm1d(3)
    layer.weight.data = layer.weight.data * ndl.Tensor([2.0, 3.0, 5.0])
    layer.bias.data = layer.bias.data + ndl.Tensor([-1.0, 0.5, 7.0])
    yield np.sort(np.concatenate([theta.numpy() for theta in layer.parameters()]))
    ### BEGIN HIDDEN TESTS
    #: a fresh layer with another number of features
    layer = ndl.nn.BatchNorm1d(6)
    scale = ndl.Tensor(rng.standard_normal(6).astype("float32"))
    yield layer.weight * scale
    yield layer.bias - scale
    #: parameters() after a pass in train mode
    layer.weight.data, layer.bias.data = scale * 2.0, scale + 1.0
    layer(ndl.Tensor(rng.standard_normal((4, 6)).astype("float32")))
    yield np.sort(np.concatenate([theta.numpy() for theta in layer.parameters()]))
    ### END HIDDEN TESTS


# %% id="batchnorm-state" role="check" points=3
@check
def batchnorm_state():
    """What the layer remembers is no way back into yesterday's batch."""
    layer = ndl.nn.BatchNorm1d(2)
    x = np.array([[1.0, -30.0], [2.0, 10.0], [6.0, 5.0]], dtype="float32")
    for _ in range(2):
        layer(ndl.Tensor(x))
    for running in (layer.running_mean, layer.running_var):
        yield x * (1 if len(ndl.autograd.find_topo_sort([running])) == 1 else 2)
    ### BEGIN HIDDEN TESTS
    #: a batch, after later batches were walked backward
    layer = ndl.nn.BatchNorm1d(5)
    first = ndl.Tensor(rng.standard_normal((4, 5)).astype("float32"))
    layer(first).backward(ndl.Tensor(rng.standard_normal((4, 5)).astype("float32")))
    first.grad = None
    layer(ndl.Tensor(rng.standard_normal((4, 5)).astype("float32"))).backward()
    layer.eval()
    layer(ndl.Tensor(rng.standard_normal((3, 5)).astype("float32"))).backward()
    yield first.numpy() * (1 if first.grad is None else 2)
    #: the running values after both modes and backward
    for running in (layer.running_mean, layer.running_var):
        yield first.numpy() * (1 if len(ndl.autograd.find_topo_sort([running])) == 1 else 2)
    ### END HIDDEN TESTS


# %% id="batchnorm-gradients" role="check" points=7
@check
def batchnorm_gradients():
    """The mean and the variance are functions of the batch, and the gradient flows through them."""
    layer = ndl.nn.BatchNorm1d(2)
    x = ndl.Tensor([[1.0, 0.0], [2.0, 3.0], [6.0, -1.0]])
    layer(x).backward(ndl.Tensor([[1.0, 2.0], [0.0, -1.0], [0.0, 0.5]]))
    yield close(x.grad, rtol=1e-3, atol=1e-5)
    ### BEGIN HIDDEN TESTS
    #: random batches and adjoints, also a single feature
    for shape in ((5, 4), (4, 4), (6, 1), (20, 3)):
        apart = np.tile(np.linspace(-3, 5, shape[0])[:, None], shape[1])  # no column of equal ones
        x = ndl.Tensor((rng.permuted(apart, axis=0) + rng.random(shape)).astype("float32"))
        ndl.nn.BatchNorm1d(shape[1])(x).backward(
            ndl.Tensor(rng.standard_normal(shape).astype("float32"))
        )
        yield close(x.grad, rtol=1e-3, atol=1e-5)
    ### END HIDDEN TESTS


# %% id="batchnorm-dtype" role="check" points=2
@check
def batchnorm_dtype():
    """A layer of float64 has parameters and running values of float64."""
    layer = ndl.nn.BatchNorm1d(2, dtype="float64")
    for value in (layer.weight, layer.bias, layer.running_mean, layer.running_var):
        yield np.full(2, 3.0, dtype=value.dtype)
    x = ndl.Tensor(np.array([[1.0, -30.0], [2.0, 10.0], [6.0, 5.0]]))
    yield close(layer(x), rtol=1e-3, atol=1e-4)
    for value in (layer.running_mean, layer.running_var):
        yield np.full(2, 3.0, dtype=value.dtype)
    ### BEGIN HIDDEN TESTS
    #: a float64 batch of another shape
    layer = ndl.nn.BatchNorm1d(5, dtype="float64")
    x = ndl.Tensor(rng.permuted(np.tile(np.linspace(-3, 5, 5), (6, 1)).T, axis=0)[:, :5])
    yield close(layer(x), rtol=1e-3, atol=1e-4)
    #: the running values of a float64 layer after a batch
    for value in (layer.running_mean, layer.running_var):
        yield np.full(5, 3.0, dtype=value.dtype)
    ### END HIDDEN TESTS


# %% [markdown] id="which-axis-prose"
# ### Which axis is averaged
#
# The same batch three times: 8 samples of 6 features. Feature 4 is ten times as large as the
# others, and sample 2 lies 5 above the others in all features. The numbers on the right of each
# picture are the means of its rows, those below it the means of its columns.
#
# On the left both the odd row and the odd column stand out. LayerNorm (middle) makes every row
# mean zero: sample 2 looks like the others, and feature 4 still stands out. BatchNorm (right)
# makes every column mean zero: feature 4 is like the others, and the row of sample 2 is what is
# left to see.

# %% id="which-axis-demo" role="demo"
batch_rng = np.random.default_rng(3)


def rounded(mean):
    """One decimal, without a minus before zero."""
    return f"{mean:.1f}".replace("-0.0", "0.0")


batch = batch_rng.standard_normal((8, 6))
batch[:, 4] *= 10
batch[2] += 5
x = ndl.Tensor(batch, dtype="float32")
pictures = {
    "the batch": batch,
    "LayerNorm: every row has mean 0": ndl.nn.LayerNorm1d(6)(x).numpy(),
    "BatchNorm: every column has mean 0": ndl.nn.BatchNorm1d(6)(x).numpy(),
}
fig, axes = plt.subplots(1, 3, figsize=(12, 4.6), layout="constrained")
for ax, (title, values) in zip(axes, pictures.items(), strict=True):
    limit = np.abs(values).max()
    image = ax.imshow(values, cmap="PuOr", vmin=-limit, vmax=limit)
    for i, mean in enumerate(values.mean(axis=1)):
        ax.text(5.7, i, rounded(mean), va="center")
    columns = [f"{j}\n{rounded(mean)}" for j, mean in enumerate(values.mean(axis=0))]
    ax.set_xticks(range(6), columns)
    ax.set(title=title, xlabel="feature, and the mean of its column", ylabel="sample")
    fig.colorbar(image, ax=ax, location="bottom", label="value", shrink=0.8)
fig.suptitle("LayerNorm evens out the samples, BatchNorm the features")
show(
    "Three images of a batch of 8 samples and 6 features: as it is, with one odd row and one odd "
    "column; after LayerNorm, all row means are 0; after BatchNorm, all column means are 0."
)

# %% [markdown] id="neighbours-prose"
# ### One sample in many batches
#
# The same sample goes through three layers sixty times, each time with seven other samples that
# are drawn anew. The plot shows the first entry of what comes out for it.
#
# For LayerNorm (triangles) the points lie on a horizontal line. The neighbours do not exist for
# it. For BatchNorm in train mode (circles) they scatter widely. In eval mode (squares) the layer
# uses what it has remembered of 200 batches, and the line is flat again.

# %% id="neighbours-demo" role="demo"
sample = np.array([[1.5, -0.5, 0.3, 2.0]], dtype="float32")
neighbours_rng = np.random.default_rng(0)


def in_company(layer):
    """The first output for `sample` in a batch with seven random neighbours."""
    others = neighbours_rng.standard_normal((7, 4), dtype="float32")
    return float(layer(ndl.Tensor(np.concatenate([sample, others]))).numpy()[0, 0])


layernorm, batchnorm, remembered = (
    ndl.nn.LayerNorm1d(4),
    ndl.nn.BatchNorm1d(4),
    ndl.nn.BatchNorm1d(4),
)
for _ in range(200):
    in_company(remembered)
remembered.eval()
fig, ax = plt.subplots(figsize=(8, 4), layout="constrained")
for name, layer, marker, color in (
    ("BatchNorm, train mode", batchnorm, "o", "#D55E00"),
    ("BatchNorm, eval mode", remembered, "s", "#0072B2"),
    ("LayerNorm", layernorm, "^", "#009E73"),
):
    outputs = [in_company(layer) for _ in range(60)]
    print(f"{name:22} from {min(outputs):.3f} to {max(outputs):.3f}")
    ax.plot(outputs, marker, color=color, markersize=5, label=name)
ax.set(xlabel="number of the batch", ylabel="first entry of the sample's output")
ax.set_title("In train mode a sample's BatchNorm depends on its neighbours")
ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
show(
    "The output for one sample in 60 batches: scattered for BatchNorm in train mode, on a "
    "horizontal line for BatchNorm in eval mode and for LayerNorm."
)

# %% [markdown] id="running-mean-prose"
# ### How long the start is remembered
#
# A layer with momentum 0.1 is fed batches of 32 numbers whose true mean is 1. Its running mean
# begins at 0 and keeps 0.9 of itself at each step. So $0.9^t$ of the start is left: 35% after 10
# steps, 4% after 30.
#
# The running mean (solid) follows the curve $1 - 0.9^t$ (dashed) and then stays near 1, where the
# means of the single batches (dots) scatter about five times as much. Evaluate after ten steps,
# and a third of what eval mode believes about the data is still the zeros and ones of `__init__`.

# %% id="running-mean-demo" role="demo"
steps_rng = np.random.default_rng(2)
layer, running, of_batch = ndl.nn.BatchNorm1d(1), [0.0], []
for _ in range(60):
    batch = 1 + steps_rng.standard_normal((32, 1), dtype="float32")
    layer(ndl.Tensor(batch))
    of_batch.append(batch.mean())
    running.append(float(layer.running_mean.numpy()[0]))
steps = np.arange(61)
fig, ax = plt.subplots(figsize=(8, 4), layout="constrained")
ax.plot(steps[1:], of_batch, ".", color="0.6", label="mean of the batch")
ax.plot(steps, 1 - 0.9**steps, "--", color="#D55E00", lw=2.5, label="$1 - 0.9^t$")
ax.plot(steps, running, "-", color="#0072B2", label="running mean")
for t in (10, 30):
    ax.annotate(
        f"{0.9**t:.0%} of the start left",
        (t, 1 - 0.9**t),
        (t + 3, 0.4),
        arrowprops={"arrowstyle": "->"},
    )
ax.set(xlabel="training steps t", ylabel="mean of the feature")
ax.set_title("A running mean with momentum 0.1 needs about 30 steps to forget its start")
ax.legend(loc="lower right")
show(
    "The running mean rises from 0 to about 1 along 1 - 0.9^t: 35% of the start is left after 10 "
    "steps, 4% after 30; the means of the single batches scatter round 1."
)

# %% [markdown] id="norm-training-prose"
# ### What it buys
#
# Three rings of points, one class each, and a network of ten linear layers whose weights start 30%
# too small: a mistake of the kind that stage 01 warned of. It is trained with the loss of stage 04
# and plain steps along the gradient, at two learning rates, as it is and with a `BatchNorm1d` after
# each hidden layer.
#
# Without the norm (dashed) hardly any signal reaches the end. At the small rate the loss stays near
# $\log 3 = 1.10$, that of a guess, for most of the 100 steps; at the large one it jumps about. With
# the norm (solid) each layer gets numbers of the right size, whatever the weights. The loss falls
# from the first step, and the two rates, ten times apart, both work.

# %% id="norm-training-demo" role="demo"
rings_rng = np.random.default_rng(0)
label = np.arange(240) % 3
radius = 1 + label + 0.25 * rings_rng.standard_normal(240)
angle = rings_rng.uniform(0, 2 * np.pi, 240)
points = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def deep_network(norm, width=32, hidden=8):
    """Ten linear layers, with weights that are 30% too small."""
    np.random.seed(0)
    layers = [ndl.nn.Linear(2, width)]
    for _ in range(hidden):
        layers += [norm(width), ndl.nn.ReLU(), ndl.nn.Linear(width, width)]
    for layer in layers:
        if isinstance(layer, ndl.nn.Linear) and layer.in_features == width:
            layer.weight.data = 0.7 * layer.weight.data
    return ndl.nn.Sequential(*layers, ndl.nn.ReLU(), ndl.nn.Linear(width, 3))


def losses_of(model, rate, steps=100):
    """The loss at each step of plain gradient descent."""
    x, losses = ndl.Tensor(points, dtype="float32"), []
    for _ in range(steps):
        loss = ndl.nn.SoftmaxLoss()(model(x), ndl.Tensor(label))
        loss.backward()
        for param in model.parameters():
            param.data = param.data - rate * param.grad.data
        losses.append(loss.numpy().item())
    return losses


fig, ax = plt.subplots(figsize=(8, 4), layout="constrained")
for name, norm, line in (
    ("no norm", lambda width: ndl.nn.Identity(), "--"),
    ("BatchNorm1d", ndl.nn.BatchNorm1d, "-"),
):
    for rate, color in ((0.03, "#0072B2"), (0.3, "#D55E00")):
        losses = losses_of(deep_network(norm), rate)
        ax.plot(losses, line, color=color, label=f"{name}, rate {rate}: {losses[-1]:.2f}")
ax.axhline(np.log(3), color="0.6", linewidth=1)
ax.set(xlabel="step", ylabel="loss", title="With a norm the deep network trains at either rate")
ax.legend()
show(
    "Loss against step: with BatchNorm1d two solid curves fall to near 0; without it one dashed "
    "curve stays near log 3 for most of the run, and the other jumps up and down."
)

# %% [markdown] id="dropout-why"
# ## Exercise 3: Dropout
#
# A network with more weights than it needs can learn its examples by heart, unit by unit: one
# unit corrects what another has got wrong, for this example and no other. Dropout forbids such
# arrangements. In each training step every entry of the activations is set to zero with
# probability p, by an independent draw. No unit can rely on any other being there.
#
# Afterwards all units are there, so there would be more signal than the next layer has been
# trained for. Dividing the survivors by $1 - p$ while training repairs that in advance:
#
# $$
# y_i = \frac{m_i}{1 - p} \, x_i, \qquad m_i = 1 \text{ with probability } 1 - p, \text{ else } 0,
# \qquad E[y_i] = x_i.
# $$
#
# Eval mode then has nothing left to do: $y = x$.
#
# The draw is part of the contract, so that a seed means the same run everywhere: an entry is kept
# where `init.randb(*x.shape, p=1 - p)` is true. That p is the probability of true, hence of
# *staying*. (One check compares masks; all the others look at what any independent draw gives.)

# %% id="dropout-module" role="given" export="needle/nn/dropout.py"
"""Dropout: activations set to zero at random while training."""

import numpy as np

from needle import init
from needle.autograd import Tensor
from needle.nn.module import Module


# %% id="dropout" role="solution" export="needle/nn/dropout.py"
class Dropout(Module):
    """Entries set to zero with probability p while training, and nothing done otherwise.

    y = mask * x / (1 - p), where `mask` is one draw of init.randb with the shape of x that is true
    with probability 1 - p; in eval mode y = x and nothing is drawn. Any shape; the dtype stays;
    0 <= p <= 1.

    Source: Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov, 2014, sections 4 and 10.
    """

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"p is a probability, from 0 to 1, not {p}")
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """From any shape to the same shape."""
        if self.training and self.p == 1:  # nothing survives to be divided by 1 - p
            return x * 0.0
        ### BEGIN SOLUTION
        if not self.training:
            return x
        mask = init.randb(*x.shape, p=1 - self.p, dtype=x.dtype)
        return x * (mask / (1 - self.p))
        ### END SOLUTION


# %% [markdown] id="dropout-hints" role="hints" of="dropout"
# 1. What should come out in eval mode? And is p the probability of keeping an entry, or of losing
#    it?
# 2. `init.randb(*x.shape, p=..., dtype=x.dtype)` gives a tensor of ones and zeros that needs no
#    gradient. The p it takes is the probability of a one.
# 3. Unless `self.training`, return `x`. Else draw with `p=1 - self.p`, divide the draw by
#    `1 - self.p`, and return `x` times that.

# %% id="nn-index-dropout" role="index" export="needle/nn/__init__.py"
from needle.nn.dropout import Dropout


# %% id="dropout-forward" role="check" points=6
@check
def dropout_forward():
    """What is not dropped is divided by 1 - p; here those that were dropped are filled in again."""
    x = np.array([[1.0, -2.0, 3.0, 4.0, -5.0], [6.0, 7.0, -8.0, 9.0, 10.0]], dtype="float32")
    np.random.seed(7)
    y = ndl.nn.Dropout(0.4)(ndl.Tensor(x)).numpy()
    yield np.where(y == 0, x / 0.6, y)
    ### BEGIN HIDDEN TESTS
    #: other values of p, inputs of one to three axes
    for p in (0.5, 0.1, 0.75, 0.0):
        for shape in ((6, 5), (4, 4), (30,), (2, 3, 4)):
            x = ndl.Tensor((3 + rng.random(shape)).astype("float32"))
            layer = ndl.nn.Dropout(p)
            for _ in range(2):
                y = layer(x).numpy()
                yield np.where(y == 0, x.numpy() / (1 - p), y)
            #: x itself after two calls
            yield x
    #: a layer made without p
    x = (3 + rng.random((9, 3))).astype("float32")
    y = ndl.nn.Dropout()(ndl.Tensor(x)).numpy()
    yield np.where(y == 0, x / 0.5, y)
    ### END HIDDEN TESTS


# %% id="dropout-draw" role="check" points=3
@check
def dropout_draw():
    """The same seed must keep the same entries everywhere, those of randb: then x, else 2 x."""
    x = np.array([[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]], dtype="float32")
    for p in (0.25, 0.6):
        np.random.seed(7)
        kept = ndl.init.randb(2, 4, p=1 - p).numpy()
        np.random.seed(7)
        y = ndl.nn.Dropout(p)(ndl.Tensor(x)).numpy()
        yield x * (1 if ((y != 0) == kept).all() else 2)
    ### BEGIN HIDDEN TESTS
    #: other values of p, inputs of one to three axes
    for p in (0.5, 0.1, 0.8):
        for shape in ((6, 5), (30,), (2, 3, 4)):
            x = (3 + rng.random(shape)).astype("float32")
            np.random.seed(11)
            kept = ndl.init.randb(*shape, p=1 - p).numpy()
            np.random.seed(11)
            y = ndl.nn.Dropout(p)(ndl.Tensor(x)).numpy()
            yield x * (1 if ((y != 0) == kept).all() else 2)
    ### END HIDDEN TESTS


# %% id="dropout-distribution" role="check" points=5
@check
def dropout_distribution():
    """Each entry is dropped with probability p, on its own, and anew in every call."""
    layer, x = ndl.nn.Dropout(0.25), ndl.ones(110, 150)
    dropped = [(layer(x).numpy() == 0).astype("float64") for _ in range(2)]
    yield distribution(dropped[0])
    yield distribution(dropped[0].mean(axis=1))
    yield distribution(dropped[0].mean(axis=0))
    yield distribution(dropped[0] + 2 * dropped[1])
    ### BEGIN HIDDEN TESTS
    #: other values of p, many entries on three axes
    for p in (0.1, 0.5, 0.9):
        layer, x = ndl.nn.Dropout(p), ndl.Tensor(1 + rng.random((120, 3, 140), dtype="float32"))
        dropped = [(layer(x).numpy() == 0).astype("float64") for _ in range(2)]
        yield distribution(dropped[0])
        yield distribution(dropped[0].mean(axis=(0, 1)))
        yield distribution(dropped[0].mean(axis=(1, 2)))
        yield distribution(dropped[0] + 2 * dropped[1])
    ### END HIDDEN TESTS


# %% id="dropout-eval" role="check" points=4
@check
def dropout_eval():
    """A prediction is no lottery: in eval mode nothing is dropped and nothing is scaled."""
    layer = ndl.nn.Dropout(0.25)
    layer.eval()
    yield layer(ndl.Tensor([[1.0, -2.0, 3.0], [5.0, 7.0, -4.0]]))
    ### BEGIN HIDDEN TESTS
    #: eval mode after a pass in train mode
    for p in (0.2, 0.9):
        model = ndl.nn.Sequential(ndl.nn.Dropout(p))
        x = ndl.Tensor((3 + rng.standard_normal((5, 6))).astype("float32"))
        model(x)
        model.eval()
        np.random.seed(5)
        y = model(x)
        yield y
        #: the next random numbers after eval mode
        yield np.random.rand(3)
        #: backward in eval mode
        (y * 2.0).backward(ndl.Tensor(rng.standard_normal((5, 6)).astype("float32")))
        yield x.grad
        #: train mode again after eval mode
        model.train()
        many = ndl.ones(40, 50)
        yield x.numpy() * (1 if (model(many).numpy() == 0).any() else 2)
    ### END HIDDEN TESTS


# %% id="dropout-gradients" role="check" points=4
@check
def dropout_gradients():
    """An entry that was dropped cannot have caused the loss; a survivor has as its slope y / x."""
    x = ndl.Tensor([[1.0, -2.0, 3.0, 4.0, -5.0], [6.0, 7.0, -8.0, 9.0, 10.0]])
    out_grad = np.array([[1.0, -1.0, 2.0, 0.5, 6.0], [3.0, 1.0, -2.0, 4.0, -3.0]], dtype="float32")
    np.random.seed(7)
    y = ndl.nn.Dropout(0.25)(x)
    y.backward(ndl.Tensor(out_grad))
    slope = np.where(y.numpy() == 0, 0, y.numpy() / x.numpy())
    yield x.grad.numpy() - slope * out_grad + out_grad
    ### BEGIN HIDDEN TESTS
    #: other values of p, inputs of one to three axes
    for p, shape in ((0.5, (5, 6)), (0.8, (40,)), (0.3, (2, 3, 4))):
        x = ndl.Tensor((2 + rng.random(shape)).astype("float32"))
        y = ndl.nn.Dropout(p)(x)
        out_grad = rng.standard_normal(shape).astype("float32")
        y.backward(ndl.Tensor(out_grad))
        slope = np.where(y.numpy() == 0, 0, y.numpy() / x.numpy())
        yield x.grad.numpy() - slope * out_grad + out_grad
    ### END HIDDEN TESTS


# %% id="dropout-dtype" role="check" points=2
@check
def dropout_dtype():
    """Neither the draw nor the factor may change the dtype."""
    x = np.array([[1.0, -2.0, 3.0], [5.0, 7.0, -8.0]])
    for dtype in ("float32", "float64"):
        y = ndl.nn.Dropout(0.25)(ndl.Tensor(x, dtype=dtype)).numpy()
        yield x.astype(y.dtype)
    ### BEGIN HIDDEN TESTS
    #: another p, random entries of float32 and float64
    for dtype in ("float32", "float64"):
        x = ndl.Tensor(2 + rng.random((9, 8)), dtype=dtype)
        y = ndl.nn.Dropout(0.3)(x)
        yield x.numpy().astype(y.dtype)
        y = y.numpy()
        lost = dtype == "float64" and (y == y.astype("float32")).all()  # float32 on the way
        yield x.numpy() * (2 if lost else 1)
    ### END HIDDEN TESTS


# %% [markdown] id="expectation-prose"
# ### What the division buys
#
# A batch of ones goes through `Dropout(p)` for p from 0 to 0.9, 20,000 entries each. The plot
# shows the mean of what comes out.
#
# Divided by $1 - p$ (circles, solid) the mean stays at 1: the next layer sees the same amount of
# signal with dropout and without. Undivided (squares, dashed) it falls along the line $1 - p$. The
# shaded band is one standard deviation of a single entry to each side. It is
# $\sqrt{p / (1 - p)}$, which is 1 at $p = 0.5$ and 3 at $p = 0.9$: the mean is kept, and the noise
# is what one pays with.

# %% id="expectation-demo" role="demo"
np.random.seed(0)
probabilities = np.arange(0, 0.95, 0.1)
outputs = [ndl.nn.Dropout(p)(ndl.ones(100, 200)).numpy() for p in probabilities]
means, spreads = (np.array([f(y) for y in outputs]) for f in (np.mean, np.std))
print(f"means from {means.min():.3f} to {means.max():.3f}; deviation {spreads[5]:.2f} at p = 0.5")
fig, ax = plt.subplots(figsize=(8, 4), layout="constrained")
low, high = means - spreads, means + spreads
look = {"color": "#56B4E9", "alpha": 0.3, "label": "one standard deviation of an entry"}
ax.fill_between(probabilities, low, high, **look)
ax.plot(probabilities, means, "o-", color="#0072B2", label="survivors divided by 1 - p")
undivided = means * (1 - probabilities)
ax.plot(probabilities, undivided, "s--", color="#D55E00", label="survivors as they are")
ax.set(xlabel="p, the probability of zero", ylabel="mean output for an input of 1")
ax.set_title("Dividing by 1 - p keeps the expectation, at the price of noise")
ax.legend(loc="lower left")
show(
    "Mean output against p: constant at 1 with the division by 1 - p, with a band that widens to "
    "3 on each side; without it the mean falls along 1 - p."
)

# %% [markdown] id="end-05"
# ## What you built
#
# - `LayerNorm1d`: each sample normalized over its features, alike in both modes.
# - `BatchNorm1d`: each feature normalized over the batch while training, and by what the layer
#   remembers in eval mode.
# - `Dropout`: noise while training that keeps the expectation, and nothing in eval mode.
#
# **The same in PyTorch.** `nn.LayerNorm(dim)`, `nn.BatchNorm1d(dim)` and `nn.Dropout(p)`, with
# `train()` and `eval()`. One number differs: PyTorch normalizes with the biased variance of the
# batch, but keeps the *unbiased* one, times $n / (n - 1)$, in its running variance. For batches of
# 100 that is 1%, for batches of 2 it is a factor of two.
#
# ## What comes next
#
# Weights have gradients, and the activations stay in range. Stage 06 decides what to do with the
# gradients: it builds the optimizers. Its momentum and Adam's two moments are running means like
# yours, and Adam corrects for the start that they remember. In stage 08 the norms and dropout go
# into the residual blocks.
#
# ## Questions to think about
#
# Double-click a question, write below it, and run the cell. None of this is graded. Once you have
# answered and saved, `%mugrade hint` with the question's name, in a new cell, shows our answer.

# %% [markdown] id="bias-before-a-norm" role="answer"
# 1. **bias-before-a-norm**: A `Linear` layer directly before a `BatchNorm1d` has a bias. What is
#    its gradient, and what does that say about the bias? Is it the same before a `LayerNorm1d`?
#
# ### BEGIN SOLUTION
# Zero. The mean that is subtracted contains the bias, so nothing that the bias does arrives: leave
# it out. LayerNorm takes the mean over the *features*, which removes only what all entries of the
# bias have in common.
# ### END SOLUTION

# %% [markdown] id="variance-by-squares" role="answer"
# 2. **variance-by-squares**: One can compute the variance as the mean of the squares minus the
#    square of the mean. Try it in `float32` on a feature with mean 1000 and standard deviation 0.1.
#    What comes out, and why does stage 03 come to mind?
#
# ### BEGIN SOLUTION
# The squares are near $10^6$, where `float32` numbers are 0.06 apart, and the variance is 0.01:
# what comes out is rounding error, often 0 or negative. As in stage 03, subtract first, then take
# the function that grows.
# ### END SOLUTION

# %% [markdown] id="train-mode-in-a-test" role="answer"
# 3. **train-mode-in-a-test**: Someone forgets to call `eval()` and tests a network with BatchNorm
#    and dropout in train mode, in batches of 100 and then one picture at a time. What will they see
#    in each case, and what has happened to the running values in the meantime?
#
# ### BEGIN SOLUTION
# In batches of 100: a somewhat larger error, because dropout disturbs and each batch has its own
# mean. One picture at a time: its variance is 0 and the normalized picture is 0 in every entry, so
# the answer is the same for all. And the test data have moved the running values.
# ### END SOLUTION

# %% [markdown] id="references-05"
# ## References
#
# - Sergey Ioffe and Christian Szegedy, *Batch normalization: accelerating deep network training
#   by reducing internal covariate shift*, ICML 2015. arXiv:1502.03167.
# - Jimmy Lei Ba, Jamie Ryan Kiros and Geoffrey Hinton, *Layer normalization*, 2016.
#   arXiv:1607.06450.
# - Nitish Srivastava, Geoffrey Hinton, Alex Krizhevsky, Ilya Sutskever and Ruslan Salakhutdinov,
#   *Dropout: a simple way to prevent neural networks from overfitting*, JMLR 15, 2014.
# - Shibani Santurkar, Dimitris Tsipras, Andrew Ilyas and Aleksander Madry, *How does batch
#   normalization help optimization?*, NeurIPS 2018. arXiv:1805.11604.
