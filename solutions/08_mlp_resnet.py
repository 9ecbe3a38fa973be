# %% [markdown] id="title-08"
# # 08 · MLP-ResNet
#
# Everything you have built now works together. You will put the layers together to a residual
# network, write the loop that trains it, and teach it to read handwritten digits. Then you look at
# what it gets wrong, and at what keeps it from learning its examples by heart.
#
# - **Time**: about 40 minutes, four exercises.
# - **You need**: all stages before this one.
# - **It grows**: `needle/models.py`, the application.

# %% id="setup-08" role="given" data="data/digits/train-images-idx3-ubyte.gz data/digits/train-labels-idx1-ubyte.gz data/digits/t10k-images-idx3-ubyte.gz"
# %load_ext mugrade
import gzip
import tempfile

import numpy as np

import needle as ndl
from mugrade import check, close, labels, rng, show

# %% [markdown] id="helpers-prose"
# Two helpers for the checks, so that you can see what they do. `refill` makes a network
# comparable with another one that was put together in another order; `write_digits` writes a tiny
# data set into a folder.


# %% id="refill" role="given"
def refill(module):
    """Give each parameter numbers that depend on its shape alone, so that no order matters.

    Parameters that start out constant, the scales and shifts of a norm, stay near where they were.
    """
    for parameter in module.parameters():
        array = parameter.numpy()
        centre = array if np.ptp(array) == 0 else np.zeros_like(array)
        noise = np.random.default_rng(array.shape).normal(scale=0.5, size=array.shape)
        parameter.data = ndl.Tensor((centre + noise).astype(array.dtype))
    return module


# %% id="write-digits" role="given"
def write_digits(folder, n_train, n_test, rng):
    """Noisy images of 5 x 3 pixels, in ten classes, under the names of MNIST's files."""
    prototypes = rng.integers(0, 256, (10, 5, 3))
    for part, n in (("train", n_train), ("t10k", n_test)):
        truth = rng.integers(0, 10, n)
        images = np.clip(prototypes[truth] + rng.normal(0, 60, (n, 5, 3)), 0, 255)
        for kind, array in (("images-idx3", images), ("labels-idx1", truth)):
            head = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
            with gzip.open(f"{folder}/{part}-{kind}-ubyte.gz", "wb") as file:
                file.write(head + array.astype("uint8").tobytes())


# %% [markdown] id="residual-block-why"
# ## Exercise 1: a block
#
# Stage 02 ended with a warning. A way round each block keeps the gradient from vanishing, but the
# two ways back add up, and in a deep stack the sum grows out of bounds. The cure is a
# normalization inside the block. With dropout added, the block of this stage is
#
#     x -> Linear(dim, hidden_dim) -> norm -> ReLU -> Dropout
#       -> Linear(hidden_dim, dim) -> norm -> f(x)
#     y  = ReLU(x + f(x))
#
# All of it exists: `Linear`, `ReLU`, `Sequential` and `Residual` from stage 02, the norms and
# `Dropout` from stage 05.
#
# Two things to watch:
#
# - `norm` is a class, not a layer. The block makes two layers with it, of different sizes.
# - **Make the layers in the order in which data pass through them.** Each one draws its weights
#   when it is made, so the order decides which network a seed stands for.
#
# Two ways to write it are equally right: a function that returns modules put together, or a
# subclass of `Module`. The stub is a function. The name is written like a class, because
# whoever calls it need not know.

# %% id="models-module" role="given" export="needle/models.py"
"""The application: a residual network of linear layers, and how it is trained."""

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from needle import nn
from needle.data import DataLoader, MNISTDataset
from needle.optim import Adam, Optimizer


# %% id="residual-block" role="solution" export="needle/models.py"
def ResidualBlock(
    dim: int,
    hidden_dim: int,
    norm: Callable[[int], nn.Module] = nn.BatchNorm1d,
    drop_prob: float = 0.1,
) -> nn.Module:
    """A module that maps (n, dim) to (n, dim), with a way round it.

    y = ReLU(x + f(x)), where f is a linear layer to `hidden_dim` features, a norm, a ReLU, dropout
    with probability `drop_prob`, a linear layer back to `dim` features, and a second norm.
    `norm` is called with the number of features.

    Source: He, Zhang, Ren and Sun, 2016, with linear layers for convolutions.
    """
    ### BEGIN SOLUTION
    fn = nn.Sequential(
        nn.Linear(dim, hidden_dim),
        norm(hidden_dim),
        nn.ReLU(),
        nn.Dropout(drop_prob),
        nn.Linear(hidden_dim, dim),
        norm(dim),
    )
    return nn.Sequential(nn.Residual(fn), nn.ReLU())
    ### END SOLUTION


# %% [markdown] id="residual-block-hints" role="hints" of="residual-block"
# 1. Which module takes another one and adds its input to what that returns? Which part of the
#    block is inside it, and which single layer comes after it?
# 2. Six layers in a row make one `nn.Sequential`. Put it into `nn.Residual`. The second
#    `nn.ReLU()` stands outside, behind the sum.
# 3. Return an `nn.Sequential` of two modules, `nn.Residual(fn)` and `nn.ReLU()`, where `fn` is
#    the `nn.Sequential` of the six: linear, `norm(hidden_dim)`, ReLU, dropout with `drop_prob`,
#    linear back, `norm(dim)`.

# %% id="needle-index-models" role="index" export="needle/__init__.py"
from needle import models


# %% id="residual-block-forward" role="check" points=12
@check
def residual_block_forward():
    """The inner path ends in a norm, the sum in a ReLU: each layer has its one place."""
    block = refill(ResidualBlock(3, 2, drop_prob=0.0))
    x = ndl.Tensor([[1.0, -2.0, 0.5], [0.0, 3.0, -1.0], [2.0, 1.0, 1.0]])
    yield close(block(x), rtol=1e-3, atol=1e-5)
    ### BEGIN HIDDEN TESTS
    #: other sizes and norms, in train mode
    norms = (ndl.nn.BatchNorm1d, ndl.nn.LayerNorm1d, lambda dim: ndl.nn.Identity())
    for n, dim, hidden_dim in ((6, 4, 7), (9, 5, 3), (8, 4, 4)):
        x = ndl.Tensor(rng.standard_normal((n, dim)).astype("float32"))
        for norm in norms:
            block = refill(ResidualBlock(dim, hidden_dim, norm=norm, drop_prob=0.0))
            yield close(block(x), rtol=1e-3, atol=1e-5)
            #: other sizes and norms, in eval mode
            block.eval()
            yield close(block(x), rtol=1e-3, atol=1e-5)
    #: a block with the weights that it drew
    np.random.seed(int(rng.integers(1000)))
    block = ResidualBlock(7, 5, norm=ndl.nn.LayerNorm1d, drop_prob=0.0)  # as it was drawn
    x = ndl.Tensor(rng.standard_normal((6, 7)).astype("float32"))
    yield close(block(x), rtol=1e-3, atol=1e-5)
    ### END HIDDEN TESTS


# %% id="residual-block-dropout" role="check" points=10
@check
def residual_block_dropout():
    """Dropout hides some of the hidden features while training, and none of them afterwards."""
    block = refill(ResidualBlock(3, 5, drop_prob=0.25))
    x = ndl.Tensor([[1.0, -2.0, 0.5], [0.0, 3.0, -1.0], [2.0, 1.0, 1.0]])
    np.random.seed(0)
    yield close(block(x), rtol=1e-3, atol=1e-5)
    block.eval()
    yield close(block(x), rtol=1e-3, atol=1e-5)
    ### BEGIN HIDDEN TESTS
    #: other norms and values of drop_prob
    x = ndl.Tensor(rng.standard_normal((8, 6)).astype("float32"))
    for drop_prob in (0.05, 0.4, 0.9):
        for norm in (ndl.nn.BatchNorm1d, ndl.nn.LayerNorm1d, lambda dim: ndl.nn.Identity()):
            block = refill(ResidualBlock(6, 20, norm=norm, drop_prob=drop_prob))
            np.random.seed(int(rng.integers(1000)))
            yield close(block(x), rtol=1e-3, atol=1e-5)
            #: eval mode after train mode
            block.eval()
            yield close(block(x), rtol=1e-3, atol=1e-5)
            #: train mode again after eval mode
            block.train()
            np.random.seed(int(rng.integers(1000)))
            yield close(block(x), rtol=1e-3, atol=1e-5)
    #: the default norm and drop_prob
    block = refill(ResidualBlock(6, 40))
    np.random.seed(11)
    yield close(block(x), rtol=1e-3, atol=1e-5)
    ### END HIDDEN TESTS


# %% id="residual-block-gradients" role="check" points=6
@check
def residual_block_gradients():
    """A layer that parameters() does not find, or that is made twice, is not trained as meant."""
    block = refill(ResidualBlock(3, 2, norm=ndl.nn.LayerNorm1d, drop_prob=0.0))
    x = ndl.Tensor([[1.0, -2.0, 0.5], [0.0, 3.0, -1.0], [2.0, 1.0, 1.0]])
    block(x).backward(ndl.Tensor([[1.0, 2.0, 0.5], [-1.0, 1.0, 3.0], [0.5, -2.0, 1.0]]))
    yield close(x.grad, rtol=1e-3, atol=1e-4)
    yield np.array(sorted(parameter.numpy().size for parameter in block.parameters()))
    ### BEGIN HIDDEN TESTS
    #: the gradient of x, with either norm and dropout
    for norm in (ndl.nn.BatchNorm1d, ndl.nn.LayerNorm1d):
        block = refill(ResidualBlock(4, 6, norm=norm, drop_prob=0.2))
        x = ndl.Tensor(rng.standard_normal((8, 4)).astype("float32"))
        y = block(x)
        y.backward(ndl.Tensor(rng.standard_normal(y.shape).astype("float32")))
        yield close(x.grad, rtol=1e-3, atol=1e-4)
        #: gradients of the parameters, either norm and dropout
        found = block.parameters()
        for parameter in sorted(found, key=lambda p: (p.shape, float(p.numpy().mean()))):
            yield close(parameter.grad, rtol=1e-3, atol=1e-4)
    ### END HIDDEN TESTS


# %% [markdown] id="mlp-resnet-why"
# ## Exercise 2: the network
#
# A linear layer and a ReLU bring the input to `hidden_dim` features. Then come `num_blocks`
# residual blocks, each narrow in the middle: `hidden_dim // 2` features. A last linear layer makes
# one logit a class out of what is left.
#
#     Linear(dim, hidden_dim) -> ReLU -> ResidualBlock -> ... -> ResidualBlock
#                             -> Linear(hidden_dim, num_classes)
#
# No softmax at the end: `SoftmaxLoss` wants logits (stage 04). And each block is a block of its
# own; a list that holds the same one three times has the parameters of one.


# %% id="mlp-resnet" role="solution" export="needle/models.py"
def MLPResNet(
    dim: int,
    hidden_dim: int = 100,
    num_blocks: int = 3,
    num_classes: int = 10,
    norm: Callable[[int], nn.Module] = nn.BatchNorm1d,
    drop_prob: float = 0.1,
) -> nn.Module:
    """A residual classifier: rows of `dim` features in, `num_classes` logits a row out.

    A linear layer to `hidden_dim`, a ReLU, `num_blocks` blocks with `hidden_dim // 2` features
    inside, and a linear layer to the logits, made in this order. `norm` and `drop_prob` are those
    of every block.
    """
    ### BEGIN SOLUTION
    blocks = [nn.Linear(dim, hidden_dim), nn.ReLU()]
    for _ in range(num_blocks):
        blocks.append(ResidualBlock(hidden_dim, hidden_dim // 2, norm, drop_prob))
    return nn.Sequential(*blocks, nn.Linear(hidden_dim, num_classes))
    ### END SOLUTION


# %% [markdown] id="mlp-resnet-hints" role="hints" of="mlp-resnet"
# 1. Which modules are there always, and which ones depend on `num_blocks`? What goes in and out
#    of a block, and how wide is it in the middle?
# 2. Collect the modules in a list, front to back: linear, ReLU, then in a loop a new block each
#    time, then the last linear layer. `nn.Sequential(*modules)` takes them out of the list.
# 3. The block to add in the loop is `ResidualBlock(hidden_dim, hidden_dim // 2, ...)` with `norm`
#    and `drop_prob` handed on. The last layer is `nn.Linear` from `hidden_dim` to `num_classes`.


# %% id="mlp-resnet-forward" role="check" points=12
@check
def mlp_resnet_forward():
    """Depth, width, norm and dropout are the caller's choice, down to no block at all."""
    x = ndl.Tensor([[1.0, -2.0, 0.5], [0.0, 3.0, -1.0], [2.0, 1.0, 1.0], [-1.0, 1.0, 0.0]])
    for num_blocks in (0, 1):
        model = refill(MLPResNet(3, 8, num_blocks, num_classes=2, drop_prob=0.0))
        yield close(model(x), rtol=1e-3, atol=1e-5)
    model = refill(MLPResNet(3, 9, 1, 2, norm=ndl.nn.LayerNorm1d, drop_prob=0.0))
    yield close(model(x), rtol=1e-3, atol=1e-5)
    ### BEGIN HIDDEN TESTS
    #: other depths and widths, also odd, with dropout or not
    options = (
        {"hidden_dim": 9, "num_blocks": 2, "num_classes": 4, "norm": ndl.nn.LayerNorm1d},
        {"hidden_dim": 6, "num_blocks": 3, "num_classes": 5, "norm": ndl.nn.BatchNorm1d},
        {"hidden_dim": 7, "num_blocks": 5, "num_classes": 3, "norm": ndl.nn.LayerNorm1d},
        {"hidden_dim": 8, "num_blocks": 0, "num_classes": 6},
    )
    for number, option in enumerate(options):
        x = ndl.Tensor(rng.standard_normal((10, 5)).astype("float32"))
        for drop_prob in (0.0, 0.3):
            model = refill(MLPResNet(5, **option, drop_prob=drop_prob))
            np.random.seed(number)
            yield close(model(x), rtol=1e-3, atol=1e-4)
            #: other depths and widths, also odd, in eval mode
            model.eval()
            yield close(model(x), rtol=1e-3, atol=1e-4)
    ### END HIDDEN TESTS


# %% id="mlp-resnet-draws" role="check" points=10
@check
def mlp_resnet_draws():
    """A seed means the same network everywhere if the layers draw in the order of the data."""
    x = ndl.Tensor([[1.0, -2.0, 0.5], [0.0, 3.0, -1.0], [2.0, 1.0, 1.0], [-1.0, 1.0, 0.0]])
    np.random.seed(4)
    model = MLPResNet(3, 8, num_blocks=2, num_classes=2, drop_prob=0.0)
    yield close(model(x), rtol=1e-3, atol=1e-4)
    yield np.array(sorted(parameter.numpy().size for parameter in model.parameters()))
    ### BEGIN HIDDEN TESTS
    #: seeded networks of other sizes, with dropout
    for dim, hidden_dim, num_blocks in ((6, 9, 0), (4, 6, 1), (7, 8, 4)):
        np.random.seed(dim)
        model = MLPResNet(dim, hidden_dim, num_blocks, norm=ndl.nn.LayerNorm1d)
        x = ndl.Tensor(rng.standard_normal((5, dim)).astype("float32"))
        np.random.seed(dim + 1)
        yield close(model(x), rtol=1e-3, atol=1e-4)
    #: a seeded network with all defaults
    np.random.seed(int(rng.integers(1000)))
    model = MLPResNet(12)
    x = ndl.Tensor(rng.standard_normal((6, 12)).astype("float32"))
    np.random.seed(3)
    yield close(model(x), rtol=1e-3, atol=1e-4)
    #: the gradients of a network with all defaults
    y = model(x)
    y.backward(ndl.Tensor(rng.standard_normal(y.shape).astype("float32")))
    sizes = [float((p.grad.numpy().astype("float64") ** 2).sum()) for p in model.parameters()]
    yield close(np.sort(np.array(sizes)), rtol=1e-2, atol=1e-6)
    ### END HIDDEN TESTS


# %% [markdown] id="norm-in-blocks-prose"
# ### What the norm buys
#
# The next cell builds the network with 1 to 60 blocks, once with `BatchNorm1d` and once with
# `Identity` for the norm. A batch of random numbers goes in, random labels make a loss, and the
# plot shows the size of the gradient that arrives at the very first weight.
#
# Look at the vertical axis, which counts in powers of ten. Without a norm each block adds as much
# as it got, so values and gradients grow by a constant factor a block: an almost straight line
# upwards. With the norm what a block adds has a fixed size, and the line rises far more slowly.

# %% id="norm-in-blocks" role="demo"
import matplotlib.pyplot as plt


def first_gradient(norm, num_blocks):
    """Root mean square of the gradient of the first layer's weight, at the start of training."""
    np.random.seed(0)
    model = ndl.models.MLPResNet(20, 32, num_blocks, norm=norm, drop_prob=0.0)
    x, y = ndl.init.randn(64, 20), ndl.Tensor(np.random.randint(0, 10, 64))
    ndl.nn.SoftmaxLoss()(model(x), y).backward()
    return np.sqrt((model.parameters()[0].grad.numpy().astype("float64") ** 2).mean())


depths = [1, 5, 10, 20, 40, 60]
fig, ax = plt.subplots(figsize=(7, 4), layout="constrained")
for name, norm, color, line in (
    ("without a norm", lambda dim: ndl.nn.Identity(), "#D55E00", "s--"),
    ("with BatchNorm1d", ndl.nn.BatchNorm1d, "#009E73", "o-"),
):
    sizes = [first_gradient(norm, depth) for depth in depths]
    ax.semilogy(depths, sizes, line, color=color, label=f"{name}: {sizes[-1]:.1g} at 60 blocks")
ax.set(xlabel="number of blocks", ylabel="gradient of the first weight (root mean square)")
ax.set_title("Without a norm the gradient explodes with depth, with one it grows slowly")
ax.legend()
show(
    "Gradient of the first weight against the number of blocks, on a logarithmic axis: a steep "
    "straight line without a norm, up to 100 million, and a much flatter one with BatchNorm1d."
)

# %% [markdown] id="epoch-why"
# ## Exercise 3: one pass over the data
#
# An *epoch* shows every example to the model once, batch by batch. With an optimizer it trains;
# without one it only measures. The loop is short, and most of the mistakes that one can make in
# it do not crash. They make a model that is a little worse than it should be, and nobody knows
# why. Know them before you write it:
#
# - **The mode.** Train mode with an optimizer, eval mode without, and it has to be set *each time*:
#   the epoch before may have left the other one.
# - **Old gradients.** A parameter that took no part in this batch still has the gradient of an
#   earlier one. `reset_grad` removes it.
# - **The graph.** A loss tensor holds on to every array that it was computed from. Sum up the
#   *number* `float(loss.numpy())` instead, or memory grows with every batch.
# - **The error rate.** The fraction of examples whose largest logit is not that of their label.
#   (The handout of the course this one grew from calls it accuracy. It is the opposite.)
#
# Images arrive as (n, height, width, channels), the model wants rows: `nn.Flatten` makes them.
# And `epoch` begins with `np.random.seed(4)`. So a run can be repeated to the last digit,
# which is worth much while you look for a mistake. It has a price: every epoch sees the batches in
# the same order and hides the same features. What that does to dropout, you will see below.


# %% id="epoch" role="solution" export="needle/models.py"
def epoch(
    dataloader: Iterable[Any], model: nn.Module, opt: Optimizer | None = None
) -> tuple[float, float]:
    """Go through the data once; return the error rate and the mean loss, two numbers.

    With `opt`: in train mode, one step a batch. Without: in eval mode, nothing is changed.
    A batch is a pair of images of shape (n, ...), to be flattened to (n, features), and labels of
    shape (n,). The loss is `nn.SoftmaxLoss`. Both figures are means over all examples, of the
    logits before the step; a short last batch counts for as many examples as it has. Seeds NumPy
    with 4 before it draws the first batch.
    """
    ### BEGIN SOLUTION
    np.random.seed(4)
    if opt is None:
        model.eval()
    else:
        model.train()
    flatten, loss_of = nn.Flatten(), nn.SoftmaxLoss()
    examples, wrong, total_loss = 0, 0, 0.0
    for x, y in dataloader:
        logits = model(flatten(x))
        loss = loss_of(logits, y)
        if opt is not None:
            opt.reset_grad()
            loss.backward()
            opt.step()
        n = y.shape[0]
        examples += n
        wrong += int((logits.numpy().argmax(axis=1) != y.numpy()).sum())
        total_loss += float(loss.numpy()) * n  # the loss is a mean over the batch
    if examples == 0:
        raise ValueError("there is no mean over no examples: the dataloader gave no batch")
    return wrong / examples, total_loss / examples
    ### END SOLUTION


# %% [markdown] id="epoch-hints" role="hints" of="epoch"
# 1. What happens once, before the first batch? What happens for every batch, and which part of
#    that only if there is an optimizer?
# 2. Once: the seed, then `model.train()` or `model.eval()`. Every batch: flatten, logits, loss;
#    with `opt` also `reset_grad`, `backward`, `step`, in this order. Then count: compare
#    `logits.numpy().argmax(axis=1)` with `y.numpy()`, and add up `float(loss.numpy())`.
# 3. Keep three running numbers: `examples`, `wrong` and the sum of the losses, each batch's loss
#    times its number of examples. After the loop divide the last two by `examples`, and return
#    the pair.


# %% id="epoch-evaluates" role="check" points=7
@check
def epoch_evaluates():
    """To measure a model is to leave it as it is: no step, no dropout, no new statistics."""
    images = np.array([1, 2, -1, 0.5, 0, 3, -2, 1, 4, -3, 2, -0.5], "float32").reshape(6, 2, 1)
    truth = np.array([2, 2, 2, 0, 1, 2])
    loader = ndl.data.DataLoader(ndl.data.NDArrayDataset(images, truth), 2)
    model = refill(ndl.nn.Sequential(ndl.nn.Linear(2, 5), ndl.nn.Dropout(), ndl.nn.Linear(5, 3)))
    for parameter in model.parameters():
        parameter.grad = ndl.Tensor(np.ones(parameter.shape, "float32"))
    yield close(np.array(epoch(loader, model), "float64"), rtol=1e-3, atol=1e-5)
    yield model.parameters()[0].grad  # nothing is changed, this neither
    ### BEGIN HIDDEN TESTS
    #: images of one to three axes, labels of dtype uint8
    for shape, batch_size, classes in (((2, 3, 2), 6, 3), ((4, 4, 1), 30, 5), ((7,), 1, 4)):
        n, k = 30, classes
        images = rng.standard_normal((n, *shape)).astype("float32")
        truth = rng.integers(0, k, n).astype("uint8")
        loader = ndl.data.DataLoader(ndl.data.NDArrayDataset(images, truth), batch_size)
        rows = images.reshape(n, -1)
        norm = ndl.nn.BatchNorm1d(6)
        layers = ndl.nn.Linear(rows.shape[1], 6), norm, ndl.nn.ReLU(), ndl.nn.Dropout(0.4)
        model = refill(ndl.nn.Sequential(*layers, ndl.nn.Linear(6, k)))
        model(ndl.Tensor(2 * rows + 1))  # other statistics than those of the batches
        last = model.parameters()[-1]
        last.grad = ndl.Tensor(np.ones(last.shape, "float32"))
        yield close(np.array(epoch(loader, model), "float64"), rtol=1e-3, atol=1e-5)
        #: the running values afterwards
        yield close(norm.running_mean, rtol=1e-3, atol=1e-5)
        yield close(norm.running_var, rtol=1e-3, atol=1e-5)
        #: the parameters afterwards
        yield from model.parameters()
        #: a gradient afterwards that was there before
        yield last.grad
    ### END HIDDEN TESTS


# %% id="epoch-weighs" role="check" points=4
@check
def epoch_weighs():
    """The last batch is short: the mean over all examples is not the mean of the batches' means."""
    images = np.array([1, 2, -1, 0.5, 0, 3, -2, 1, 4, -3], "float32").reshape(5, 2)
    truth = np.array([0, 2, 0, 1, 2])
    loader = ndl.data.DataLoader(ndl.data.NDArrayDataset(images, truth), 2)
    model = refill(ndl.nn.Linear(2, 3))
    yield close(np.array(epoch(loader, model), "float64"), rtol=1e-3, atol=1e-5)
    opt = ndl.optim.SGD(model.parameters(), lr=0.5)
    yield close(np.array(epoch(loader, model, opt), "float64"), rtol=1e-3, atol=1e-5)
    ### BEGIN HIDDEN TESTS
    #: a last batch that is short, without an optimizer
    for n, batch_size, classes in ((11, 4, 3), (7, 6, 4), (3, 10, 5)):
        images = rng.standard_normal((n, 3, 2)).astype("float32")
        images[-1] *= 5  # in the short batch
        dataset = ndl.data.NDArrayDataset(images, rng.integers(0, classes, n))
        loader = ndl.data.DataLoader(dataset, batch_size)
        model = refill(ndl.nn.Linear(6, classes))
        yield close(np.array(epoch(loader, model), "float64"), rtol=1e-3, atol=1e-5)
        #: a last batch that is short, with an optimizer
        opt = ndl.optim.SGD(model.parameters(), lr=0.2)
        yield close(np.array(epoch(loader, model, opt), "float64"), rtol=1e-3, atol=1e-5)
    ### END HIDDEN TESTS


# %% id="epoch-trains" role="check" points=10
@check
def epoch_trains():
    """With an optimizer each batch moves the weights, in train mode whatever came before."""
    images = np.array([1, 2, -1, 0.5, 0, 3, -2, 1, 4, -3, 2, -0.5], "float32").reshape(6, 2, 1)
    truth = np.array([0, 2, 1, 1, 0, 2])
    loader = ndl.data.DataLoader(ndl.data.NDArrayDataset(images, truth), 2)
    model = refill(ndl.nn.Sequential(ndl.nn.Linear(2, 5), ndl.nn.Dropout(), ndl.nn.Linear(5, 3)))
    opt = ndl.optim.SGD(model.parameters(), lr=0.5)
    for _ in range(2):
        yield close(np.array(epoch(loader, model, opt), "float64"), rtol=1e-3, atol=1e-5)
        yield close(np.array(epoch(loader, model), "float64"), rtol=1e-3, atol=1e-5)
    yield np.random.random(3)  # a measurement draws nothing, so these come right after the seed
    shuffled = ndl.data.DataLoader(ndl.data.NDArrayDataset(images, truth), 2, shuffle=True)
    np.random.seed(1)
    yield close(np.array(epoch(shuffled, model, opt), "float64"), rtol=1e-3, atol=1e-5)
    ### BEGIN HIDDEN TESTS
    #: other optimizers, shuffled, a model left in eval mode
    for optimizer, options in (
        (ndl.optim.SGD, {"lr": 0.2}),
        (ndl.optim.SGD, {"lr": 0.1, "momentum": 0.8, "weight_decay": 0.1}),
        (ndl.optim.Adam, {"lr": 0.02}),
    ):
        images = rng.standard_normal((24, 3, 2, 1)).astype("float32")
        truth = rng.integers(0, 3, 24).astype("uint8")
        dataset = ndl.data.NDArrayDataset(images, truth)
        loader = ndl.data.DataLoader(dataset, 8, shuffle=True)
        norm = ndl.nn.BatchNorm1d(3)
        layers = ndl.nn.Linear(6, 10), ndl.nn.ReLU(), ndl.nn.Dropout(0.3)
        # No bias before the norm: its gradient is rounding, which Adam would make full steps of.
        model = refill(ndl.nn.Sequential(*layers, ndl.nn.Linear(10, 3, bias=False), norm))
        opt = optimizer(model.parameters(), **options)
        model.eval()
        yield close(np.array(epoch(loader, model, opt), "float64"), rtol=2e-3, atol=1e-4)
        #: the running mean after an epoch of training
        yield close(norm.running_mean, rtol=2e-3, atol=1e-4)
        #: a measurement after an epoch of training
        yield close(np.array(epoch(loader, model), "float64"), rtol=2e-3, atol=1e-4)
        #: training again after a measurement
        yield close(np.array(epoch(loader, model, opt), "float64"), rtol=2e-3, atol=1e-4)
        #: the parameters after two epochs of training
        for number in (0, 1, 2):
            yield close(model.parameters()[number], rtol=5e-3, atol=5e-4)
    ### END HIDDEN TESTS


# %% id="epoch-resets-gradients" role="check" points=5
@check
def epoch_resets_gradients():
    """A parameter that was not used in this batch must not move by an earlier batch's gradient."""

    class Turns(ndl.nn.Module):
        """Two layers that take turns, a batch each."""

        def __init__(self, *layers):
            self.layers, self.turn = layers, 0

        def forward(self, x):
            self.turn += 1
            return self.layers[self.turn % 2](x)

    class Descent(ndl.optim.Optimizer):
        """Gradient descent, for the parameters that have a gradient."""

        def step(self):
            for theta in self.params:
                if theta.grad is not None:
                    theta.data = ndl.Tensor(theta.numpy() - 0.3 * theta.grad.numpy())

        def reset_grad(self):
            for theta in self.params:
                theta.grad = None

    images = np.array([[1.0, 2.0], [-1.0, 0.5], [0.0, 3.0], [-2.0, 1.0]], "float32")
    loader = ndl.data.DataLoader(ndl.data.NDArrayDataset(images, np.array([0, 1, 1, 0])), 1)
    model = refill(Turns(ndl.nn.Linear(2, 2), ndl.nn.Linear(2, 2)))
    epoch(loader, model, Descent(model.parameters()))
    yield close(model.layers[0].weight, rtol=1e-3, atol=1e-5)
    ### BEGIN HIDDEN TESTS
    #: the other one of the two layers that take turns
    yield close(model.layers[1].weight, rtol=1e-3, atol=1e-5)
    #: more batches for two layers that take turns
    images = rng.standard_normal((15, 3, 2)).astype("float32")
    dataset = ndl.data.NDArrayDataset(images, rng.integers(0, 4, 15))
    model = refill(Turns(ndl.nn.Linear(6, 4), ndl.nn.Linear(6, 4)))
    epoch(ndl.data.DataLoader(dataset, 3), model, Descent(model.parameters()))
    for layer in model.layers:
        yield close(layer.weight, rtol=1e-3, atol=1e-5)
        yield close(layer.bias, rtol=1e-3, atol=1e-5)
    ### END HIDDEN TESTS


# %% id="epoch-lets-go" role="check" points=4
@check
def epoch_lets_go():
    """A loss that is kept keeps its whole graph, and memory grows with every batch."""
    import weakref

    class Jealous(ndl.nn.Module):
        """A linear layer that fails if its inputs of four earlier batches are still alive."""

        def __init__(self, fan_in, fan_out):
            self.layer, self.inputs = ndl.nn.Linear(fan_in, fan_out), []

        def forward(self, x):
            self.inputs = [input for input in self.inputs if input() is not None]
            if len(self.inputs) > 3:
                raise MemoryError("four earlier batches are still in memory")
            x = x * 1.0
            self.inputs.append(weakref.ref(x))
            return self.layer(x)

    images = np.linspace(-1, 1, 22, dtype="float32").reshape(11, 2)
    loader = ndl.data.DataLoader(ndl.data.NDArrayDataset(images, np.arange(11) % 3), 1)
    model = refill(Jealous(2, 3))
    opt = ndl.optim.SGD(model.parameters(), lr=0.1)
    yield close(np.array(epoch(loader, model, opt), "float64"), rtol=1e-3, atol=1e-5)
    ### BEGIN HIDDEN TESTS
    #: more batches, with Adam and without an optimizer
    images = rng.standard_normal((24, 3, 2)).astype("float32")
    dataset = ndl.data.NDArrayDataset(images, rng.integers(0, 3, 24))
    model = refill(Jealous(6, 3))
    opt = ndl.optim.Adam(model.parameters(), lr=0.01)
    for arguments in ((model, opt), (model,)):
        figures = epoch(ndl.data.DataLoader(dataset, 2), *arguments)
        yield close(np.array(figures, "float64"), rtol=1e-3, atol=1e-5)
    #: the weight after training and a measurement
    yield close(model.layer.weight, rtol=1e-3, atol=1e-5)
    ### END HIDDEN TESTS


# %% id="epoch-learns-digits" role="check" points=6
@check
def epoch_learns_digits():
    """In the end only this counts: digits that the model has never seen."""
    folder = "data/digits"
    files = f"{folder}/train-images-idx3-ubyte.gz", f"{folder}/train-labels-idx1-ubyte.gz"
    dataset = ndl.data.MNISTDataset(*files)
    np.random.seed(0)
    model = ndl.nn.Sequential(ndl.nn.Linear(64, 10))
    opt = ndl.optim.SGD(model.parameters(), lr=0.5)
    few = ndl.data.DataLoader(ndl.data.NDArrayDataset(*dataset[:400]), 20, shuffle=True)
    yield close(np.array(epoch(few, model, opt), "float64"), rtol=1e-2, atol=6e-3)
    ### BEGIN HIDDEN TESTS
    #: unseen digits after several epochs of training
    with gzip.open(f"{folder}/t10k-images-idx3-ubyte.gz") as file:
        unseen = np.frombuffer(file.read()[16:], dtype="uint8").reshape(-1, 64)
    hidden = ndl.nn.Linear(64, 60), ndl.nn.BatchNorm1d(60), ndl.nn.ReLU(), ndl.nn.Dropout(0.1)
    model = ndl.nn.Sequential(*hidden, ndl.nn.Linear(60, 10))
    opt = ndl.optim.Adam(model.parameters(), lr=0.01)
    loader = ndl.data.DataLoader(dataset, batch_size=50, shuffle=True)
    for _ in range(6):
        epoch(loader, model, opt)
    model.eval()
    logits = model(ndl.Tensor(unseen.astype("float32") / 255)).numpy()
    yield labels(logits.argmax(axis=1), "digits-test", at_least=0.92)
    ### END HIDDEN TESTS


# %% [markdown] id="first-training-prose"
# ### The first training
#
# The digits that came with the course: 1,297 images of 8 x 8 pixels to learn from, and 500 others
# to be tested with. They lie in `data/digits`, beside the notebooks, in files of MNIST's format,
# so your parser of stage 07 reads them.
# The next cell trains for ten epochs, in about a second, and prints a line for each. Look at the
# two error rates: that on the training data goes to zero, that on the test data stops at one or
# two in a hundred. `ProgressBar` comes with IPython; it is the bar that fills up.

# %% id="first-training" role="demo"
from IPython.display import ProgressBar

folder = "data/digits"
train_digits = ndl.data.MNISTDataset(
    f"{folder}/train-images-idx3-ubyte.gz", f"{folder}/train-labels-idx1-ubyte.gz"
)
test_digits = ndl.data.MNISTDataset(
    f"{folder}/t10k-images-idx3-ubyte.gz", f"{folder}/t10k-labels-idx1-ubyte.gz"
)
train_loader = ndl.data.DataLoader(train_digits, batch_size=100, shuffle=True)
test_loader = ndl.data.DataLoader(test_digits, batch_size=500)


def new_reader():
    """A network for the digits and its optimizer, always the same."""
    np.random.seed(0)
    model = ndl.models.MLPResNet(64)
    return model, ndl.optim.Adam(model.parameters(), lr=0.01, weight_decay=0.001)


reader, opt = new_reader()
for number in ProgressBar(10):
    error, loss = ndl.models.epoch(train_loader, reader, opt)
    test_error, test_loss = ndl.models.epoch(test_loader, reader)
    print(f"epoch {number + 1:2d}   train {error:.4f}, loss {loss:.4f}", end="   ")
    print(f"test {test_error:.4f}, loss {test_loss:.4f}")

# %% [markdown] id="train-mnist-why"
# ## Exercise 4: the whole experiment
#
# One function that loads the data, makes the model and the optimizer, trains, and reports four
# numbers: what the last epoch of training gave, and what the test data give after it. An
# experiment that is a function can be repeated, and compared with the same one under another
# setting.
#
# - The seed comes first, 4 again, and then the model. So the initial weights are fixed too.
# - The training data are shuffled, the test data need not be.
# - The optimizer is a class that you are given, as `norm` was. Hand it `lr` and `weight_decay` by
#   name: `SGD` and `Adam` do not have them in the same place.
# - The number of features is that of an image, whatever its size. Our digits have 8 x 8 pixels,
#   MNIST's have 28 x 28, and the same function trains on both.


# %% id="train-mnist" role="solution" export="needle/models.py"
def train_mnist(
    batch_size: int = 100,
    epochs: int = 10,
    optimizer: Callable[..., Optimizer] = Adam,
    lr: float = 0.001,
    weight_decay: float = 0.001,
    hidden_dim: int = 100,
    data_dir: str = "data",
) -> tuple[float, float, float, float]:
    """Train an MLPResNet; return train error, train loss, test error and test loss.

    Reads train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, t10k-images-idx3-ubyte.gz and
    t10k-labels-idx1-ubyte.gz in `data_dir`. Seeds NumPy with 4, then makes the model with
    `hidden_dim` and otherwise the defaults, and trains it for `epochs` epochs on shuffled batches.
    The first two figures are those of the last epoch, the others those of the test data after it.
    """
    if epochs < 1:
        raise ValueError(f"there are no figures after {epochs} epochs: train for one or more")
    ### BEGIN SOLUTION
    np.random.seed(4)
    train, test = (
        MNISTDataset(
            f"{data_dir}/{part}-images-idx3-ubyte.gz", f"{data_dir}/{part}-labels-idx1-ubyte.gz"
        )
        for part in ("train", "t10k")
    )
    image, _ = train[0]
    model = MLPResNet(math.prod(image.shape), hidden_dim)
    opt = optimizer(model.parameters(), lr=lr, weight_decay=weight_decay)
    train_batches = DataLoader(train, batch_size, shuffle=True)
    for _ in range(epochs):
        train_error, train_loss = epoch(train_batches, model, opt)
    test_error, test_loss = epoch(DataLoader(test, batch_size), model)
    return train_error, train_loss, test_error, test_loss
    ### END SOLUTION


# %% [markdown] id="train-mnist-hints" role="hints" of="train-mnist"
# 1. Which six objects does the experiment need: data (twice), loaders (twice), and which two
#    more? Which of them draw random numbers when they are made?
# 2. Seed, then two `MNISTDataset`s from the file names, `MLPResNet` with `math.prod` of the shape
#    of the first image, and the optimizer by `optimizer(model.parameters(), lr=..., ...)`. Call
#    `epoch` with the optimizer `epochs` times and keep the last pair; call it once without.
# 3. Order: `np.random.seed(4)`, data sets, model, optimizer, the training loader with
#    `shuffle=True`, the loop, then `epoch` on a loader of the test data without an optimizer.
#    Return the two pairs as four numbers.


# %% id="train-mnist-figures" role="check" points=8
@check
def train_mnist_figures():
    """Four numbers, two of the data it learned from and two of data that it never saw."""
    with tempfile.TemporaryDirectory() as folder:
        write_digits(folder, 120, 60, np.random.default_rng(1682482244))
        # Plain SGD: Adam turns the rounding in the gradient of a bias before a norm into full steps.
        options = {"optimizer": ndl.optim.SGD, "lr": 0.02, "weight_decay": 1e-5, "hidden_dim": 16}
        figures = np.array(train_mnist(20, 2, **options, data_dir=folder), "float64")
    yield close(figures[[0, 2]], rtol=0.0, atol=0.02)
    yield close(figures[[1, 3]], rtol=5e-3)
    ### BEGIN HIDDEN TESTS
    #: the two errors for more data, default hidden_dim
    with tempfile.TemporaryDirectory() as folder:
        write_digits(folder, 200, 100, rng)
        plain = {"optimizer": ndl.optim.SGD, "lr": 0.02, "weight_decay": 0.0, "data_dir": folder}
        for options in ({"epochs": 1, "batch_size": 50}, {"epochs": 3}):
            figures = np.array(train_mnist(**options, **plain), "float64")
            yield close(figures[[0, 2]], rtol=0.0, atol=0.02)
            #: the two losses for more data, default hidden_dim
            yield close(figures[[1, 3]], rtol=5e-3)
    ### END HIDDEN TESTS


# %% id="train-mnist-settings" role="check" points=6
@check
def train_mnist_settings():
    """A setting that is ignored makes every comparison of two settings a comparison of nothing."""
    with tempfile.TemporaryDirectory() as folder:
        write_digits(folder, 60, 30, rng)
        for epochs, options in ((3, {"lr": 0.05}), (2, {"lr": 0.02, "weight_decay": 0.8})):
            figures = train_mnist(30, epochs, ndl.optim.SGD, **options, data_dir=folder)
            yield close(np.array(figures, "float64")[[1, 3]], rtol=5e-3)

    ### BEGIN HIDDEN TESTS
    def named(params, *, lr, weight_decay):
        return ndl.optim.SGD(params, lr, weight_decay=2 * weight_decay)

    #: the two errors under other settings, also the defaults
    with tempfile.TemporaryDirectory() as folder:
        write_digits(folder, 200, 100, rng)
        for options in (
            {"batch_size": 20, "epochs": 1, "optimizer": named, "lr": 0.02, "weight_decay": 0.5},
            {"batch_size": 50, "epochs": 2, "optimizer": ndl.optim.SGD, "lr": 0.05},
            {"batch_size": 50, "epochs": 2, "lr": 0.005},
            {"batch_size": 50, "epochs": 3, "hidden_dim": 10, "lr": 0.005},
            {},
        ):
            figures = np.array(train_mnist(**options, data_dir=folder), "float64")
            yield close(figures[[0, 2]], rtol=0.0, atol=0.05)
            #: the two losses under other settings, also the defaults
            yield close(figures[[1, 3]], rtol=0.03)  # Adam makes much of rounding
    ### END HIDDEN TESTS


# %% [markdown] id="train-mnist-runs-prose"
# ### Three runs
#
# First the function with its defaults, on our digits, then with a larger learning rate: the
# defaults were chosen for MNIST, which has 46 times as many images and so takes 46 times as many
# steps an epoch. Ten epochs with batches of 100 are 130 steps for us, too few at a rate of 0.001.
#
# If MNIST itself lies in `data/mnist` (`mugrade data mnist` fetches it), the third run is two
# epochs of plain SGD on it, with 480 small steps: about 32 in 100 are still wrong. Adam, with the
# defaults and ten epochs, a minute's work, gets that down to 3 in 100.

# %% id="train-mnist-runs" role="demo"
from pathlib import Path

for name, options in (
    ("digits, defaults", {"data_dir": "data/digits"}),
    ("digits, lr 0.01", {"data_dir": "data/digits", "lr": 0.01}),
    (
        "MNIST, SGD",
        {"data_dir": "data/mnist", "batch_size": 250, "epochs": 2, "weight_decay": 0.01}
        | {"optimizer": ndl.optim.SGD},
    ),
):
    if len(list(Path(options["data_dir"]).glob("*-ubyte.gz"))) < 4:
        print(f"{name:17} left out: its four files are not in {options['data_dir']}")
        continue
    figures = ndl.models.train_mnist(**options)
    print(f"{name:17} train {figures[0]:.4f}, loss {figures[1]:.4f}", end="   ")
    print(f"test {figures[2]:.4f}, loss {figures[3]:.4f}")

# %% [markdown] id="confusion-prose"
# ## What it gets wrong
#
# An error rate is one number. A *confusion matrix* says which errors: row $i$, column $j$ counts
# the test images of digit $i$ that were read as digit $j$. The diagonal is what was right, about
# fifty each. In the picture it is left grey, so that the few errors beside it stand out, in
# orange, each with its count. The model is that of the first training, trained again.
#
# Below it, the errors themselves: the images that were read wrongly, beginning with
# the largest loss, that is, with the smallest probability for the true digit. Ask for each whether
# you would have known.

# %% id="confusion" role="demo"
reader, opt = new_reader()
for _ in range(10):
    ndl.models.epoch(train_loader, reader, opt)
error, _ = ndl.models.epoch(test_loader, reader)  # and it leaves the model in eval mode
images, truth = test_digits[:]
log_p = ndl.logsoftmax(reader(ndl.Tensor(images.reshape(-1, 64)))).numpy()
read = log_p.argmax(axis=1)
confusion = np.zeros((10, 10), dtype=int)
np.add.at(confusion, (truth, read), 1)

fig, ax = plt.subplots(figsize=(5.5, 5), layout="constrained")
errors = confusion - np.diag(np.diag(confusion))
ax.imshow(np.where(np.eye(10), np.nan, errors), cmap="Oranges", vmin=0, vmax=5)
ax.set_facecolor("0.85")
for i, j in zip(*confusion.nonzero(), strict=True):
    ax.text(j, i, confusion[i, j], ha="center", va="center", weight="bold" if i != j else None)
ax.set(xlabel="read as", ylabel="true digit", xticks=range(10), yticks=range(10))
ax.set_title(f"{errors.sum()} of 500 unseen digits are read wrongly, an error of {error:.3f}")
show(
    "A table of true digit against the digit read: counts of about fifty along the diagonal, and "
    "a few small counts beside it."
)

wrong = np.flatnonzero(read != truth)
worst = wrong[np.argsort(log_p[wrong, truth[wrong]])][:8]
fig, axes = plt.subplots(1, 8, figsize=(11, 2.4), layout="constrained")
for ax in axes:
    ax.axis("off")
for ax, i in zip(axes, worst, strict=False):
    ax.imshow(images[i, ..., 0], cmap="gray_r")
    ax.set_title(f"a {truth[i]}, read as {read[i]}\nwith p = {np.exp(log_p[i].max()):.2f}", size=9)
fig.suptitle("The true digit seemed least likely in the leftmost image")
show("Up to eight blurred digits of 8 x 8 pixels, each with its label and what was read.")

# %% [markdown] id="regularization-prose"
# ## Explicit regularization
#
# A network with more weights than examples can learn any labels by heart, wrong ones as well.
# Weight decay and dropout are there to make that harder. Our digits are too clean to show it, so
# the next cell takes 300 of them and replaces the labels of two fifths by random digits. About a
# tenth of those are right by chance; 92 labels, 31 in 100, are wrong. A network that fits these
# labels perfectly has learned 92 mistakes, and one that ignores them has a training error of 0.31.
#
# Four networks learn from them. Left, their error on the labels that they were given; the grey
# line is at 0.31. Right, the error on the 500 unseen digits, whose labels are right.
#
# - Without regularization (solid) the left curve falls to almost zero. The right one is at its
#   best early, then climbs to about twice that: the network unlearns what it knew.
# - Weight decay (dashed) learns some of the mistakes, dropout (dash-dotted) hardly any: their left
#   curves stay near the grey line. On the right, dropout ends at half the error of the first.
# - The dotted network has dropout as well, but NumPy is seeded alike before each epoch, as in
#   `epoch`. The same example then always loses the same features, and the network learns it by
#   heart *with that mask*: with the masks its training error is 0, though the left curve, measured
#   without them, does not show it. Most of what dropout had gained on the right is lost.
#
# This is the price of a fixed seed. To repeat a run it is enough to seed once, at its beginning.

# %% id="regularization" role="demo"
images, truth = train_digits[:300]
draw = np.random.default_rng(0)
given = np.where(draw.random(300) < 0.4, draw.integers(0, 10, 300), truth)
print(f"{(given != truth).sum()} of 300 labels are wrong")
noisy = ndl.data.NDArrayDataset(images, given)


def error_curves(drop_prob, weight_decay, seeds):
    """Errors on the noisy labels and on the test data after each epoch; a seed for each epoch."""
    np.random.seed(0)
    model = ndl.models.MLPResNet(64, norm=ndl.nn.LayerNorm1d, drop_prob=drop_prob)
    opt = ndl.optim.Adam(model.parameters(), lr=0.003, weight_decay=weight_decay)
    flatten, loss_of = ndl.nn.Flatten(), ndl.nn.SoftmaxLoss()
    errors = []
    for seed in seeds:
        np.random.seed(seed)
        model.train()
        for x, y in ndl.data.DataLoader(noisy, 50, shuffle=True):
            opt.reset_grad()
            loss_of(model(flatten(x)), y).backward()
            opt.step()
        loaders = ndl.data.DataLoader(noisy, 300), test_loader
        errors.append([ndl.models.epoch(loader, model)[0] for loader in loaders])
    return np.array(errors)


epochs = range(1, 26)
fig, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained", sharey=True)
left.axhline((given != truth).mean(), color="0.7")
for name, options, color, line in (
    ("none", (0.0, 0.0, epochs), "#D55E00", "-"),
    ("weight decay 0.2", (0.0, 0.2, epochs), "#0072B2", "--"),
    ("dropout 0.5", (0.5, 0.0, epochs), "#009E73", "-."),
    ("dropout, same masks", (0.5, 0.0, [4] * 25), "#CC79A7", ":"),
):
    errors = error_curves(*options)
    print(f"{name:20} last five epochs: test error {errors[-5:, 1].mean():.2f}")
    left.plot(epochs, errors[:, 0], line, color=color, linewidth=2)
    right.plot(epochs, errors[:, 1], line, color=color, linewidth=2, label=name)
left.set(xlabel="epoch", ylabel="error", title="on the labels it learned from, 31% wrong")
right.set(xlabel="epoch", title="on 500 unseen digits", ylim=(0, 0.6))
right.legend()
fig.suptitle("Weight decay and dropout learn fewer of the wrong labels and more of the digits")
show(
    "Error against epochs for four networks. On the noisy labels only the one without "
    "regularization falls to almost zero; on unseen digits it climbs again and ends highest, "
    "dropout ends lowest, weight decay and dropout with the same masks lie between."
)

# %% [markdown] id="implicit-prose"
# ## Implicit regularization
#
# There is a second kind, which nobody writes down: that of the method itself. Take the smallest
# model that can learn anything by heart, a linear one with 30 weights for 10 examples,
#
# $$\min_w \; \tfrac{1}{2} \, \| X w - y \|^2.$$
#
# Infinitely many $w$ make the loss zero. Which one does gradient descent find? Each gradient is
# $X^\top (X w - y)$, a combination of the rows of $X$. Started at zero, $w$ never leaves the span
# of those rows, and there lies exactly one solution: the one with the smallest norm, that of the
# pseudo-inverse, $X^+ y$. No penalty was needed. Started elsewhere, whatever part of the
# start is perpendicular to all the rows stays in $w$ for ever.
#
# The plot shows that. Left, the loss goes to zero from all three starts. Right, the distance to
# $X^+ y$: from zero (solid) it goes to zero as well, down to rounding errors; from the random
# starts (dashed, dotted) it falls to a level and stays there. The cell prints what is left, next
# to the length of the part of the start that lies across the rows: the same numbers.

# %% id="implicit" role="demo"
draw = np.random.default_rng(8)
matrix, target = draw.standard_normal((10, 30)), draw.standard_normal((10, 1))
inverse = np.linalg.pinv(matrix)
smallest = inverse @ target
across = np.eye(30) - inverse @ matrix  # projects on what is perpendicular to every row

fig, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
for name, scale, color, line in (
    ("from zero", 0.0, "#0072B2", "-"),
    ("random, std 0.1", 0.1, "#D55E00", "--"),
    ("random, std 1", 1.0, "#009E73", ":"),
):
    start = scale * draw.standard_normal((30, 1))
    w, losses, distances = ndl.nn.Parameter(ndl.Tensor(start)), [], []
    opt = ndl.optim.SGD([w], lr=0.01)
    for _ in range(500):
        loss = ((ndl.Tensor(matrix) @ w - ndl.Tensor(target)) ** 2).sum() / 2
        losses.append(loss.numpy())
        distances.append(np.linalg.norm(w.numpy() - smallest))
        loss.backward()
        opt.step()
    left.semilogy(losses, line, color=color, linewidth=2, label=name)
    right.semilogy(distances, line, color=color, linewidth=2, label=name)
    rest = np.linalg.norm(across @ start)
    print(f"{name:16} distance at the end {distances[-1]:.1e}, across the rows {rest:.1e}")
left.set(xlabel="step", ylabel="loss", title="all of them fit the data")
right.set(xlabel="step", ylabel="distance to the smallest solution", title="one finds the smallest")
right.legend()
fig.suptitle("Gradient descent from zero finds the solution with the smallest norm, unasked")
show(
    "Left, the losses of three runs of gradient descent fall to zero. Right, the distance to the "
    "solution of smallest norm falls to zero from a start at zero only, the two others level off."
)

# %% [markdown] id="end-08"
# ## What you built
#
# - `ResidualBlock` and `MLPResNet`: a network of any depth, put together from your own layers.
# - `epoch` and `train_mnist`: the loop, and an experiment that anybody can repeat.
#
# And with them all of `needle`. Every number in this notebook, from the bytes of a file to the
# gradient of a batch norm, came out of code that you wrote.
#
# **The same in PyTorch.** The loop is the same, line by line: `model.train()`, `opt.zero_grad()`,
# `loss.backward()`, `opt.step()`, and `loss.item()` for the number without its graph.
#
# ## What comes next
#
# Your library is right; stage 09 makes it fast. And the questions are yours from here on. Whatever
# you export from a notebook of your own becomes part of your `needle` as all of this did: a
# convolution, a learning rate that falls, two networks that vote. MNIST has 60,000 digits to try
# them on.
#
# ## Questions to think about
#
# Double-click a question, write below it, and run the cell. None of this is graded. Once you have
# answered and saved, `%mugrade hint` with the question's name, in a new cell, shows our answer.

# %% [markdown] id="train-error-above-test-error" role="answer"
# 1. **train-error-above-test-error**: In the first epoch of the first training the training error
#    is *larger* than the test error. Which two things differ between the two measurements?
#
# ### BEGIN SOLUTION
# It is an average over the epoch, so most of it was measured with worse weights than those that are
# tested; and it is measured in train mode, with dropout and the statistics of single batches.
# ### END SOLUTION

# %% [markdown] id="test-data-that-choose" role="answer"
# 2. **test-data-that-choose**: The test error in the plot of the noisy labels is lowest after a few
#    epochs. If you stop there, and report that error, what have you used the test data for? What
#    would you need?
#
# ### BEGIN SOLUTION
# To choose the number of epochs. The error that you report is then too good, for the choice was
# made to make it small. You need a third set of examples, for choices alone.
# ### END SOLUTION

# %% [markdown] id="adam-and-the-span" role="answer"
# 3. **adam-and-the-span**: Gradient descent from zero finds the smallest solution in the Euclidean
#    norm. Adam is gradient descent with a step of its own for each entry. Does $w$ stay in the span
#    of the rows of $X$? Try it in the last cell.
#
# ### BEGIN SOLUTION
# No. A step of its own for each entry turns the direction, so $w$ leaves the span and ends at
# another solution. In the last cell the distance stays above 0 from all three starts.
# ### END SOLUTION

# %% [markdown] id="references-08"
# ## References
#
# - Kaiming He, Xiangyu Zhang, Shaoqing Ren and Jian Sun, *Deep residual learning for image
#   recognition*, CVPR 2016. arXiv:1512.03385.
# - Sergey Ioffe and Christian Szegedy, *Batch normalization: accelerating deep network training by
#   reducing internal covariate shift*, ICML 2015. arXiv:1502.03167.
# - Nitish Srivastava, Geoffrey Hinton, Alex Krizhevsky, Ilya Sutskever and Ruslan Salakhutdinov,
#   *Dropout: a simple way to prevent neural networks from overfitting*, JMLR 15, 2014.
# - Chiyuan Zhang, Samy Bengio, Moritz Hardt, Benjamin Recht and Oriol Vinyals, *Understanding deep
#   learning requires rethinking generalization*, ICLR 2017. arXiv:1611.03530. Random labels, and
#   in section 5 the smallest solution.
# - Suriya Gunasekar, Jason Lee, Daniel Soudry and Nathan Srebro, *Characterizing implicit bias in
#   terms of optimization geometry*, ICML 2018. arXiv:1802.08246.
# - Yann LeCun, Corinna Cortes and Christopher Burges, *The MNIST database of handwritten
#   digits*, 1998.
