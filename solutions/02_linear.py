# %% [markdown] id="title-02"
# # 02 · Linear
#
# You will build the first layers of `needle.nn`: `Linear`, `Flatten` and `ReLU`, and the two
# modules that put layers together, `Sequential` and `Residual`. At the end you have all that a
# deep network is made of, except a loss and an optimizer.
#
# - **Time**: about 30 minutes, five exercises.
# - **You need**: stage 00 (ops and their gradients) and `kaiming_uniform` of stage 01.
# - **It grows**: `needle/nn/module.py` and `needle/nn/basic.py`.

# %% id="setup-02" role="given"
# %load_ext mugrade
import numpy as np

import needle as ndl
from mugrade import check, close, distribution, rng, show

# %% [markdown] id="modules-why"
# ## Parameters and modules
#
# A network has dozens of weights. Whoever trains it wants them in one list, and does not want to
# write that list by hand. Two small classes settle this:
#
# - A `Parameter` is a tensor that is to be trained. The class is a mark, nothing more: it tells
#   weights from the tensors that a layer merely remembers.
# - A `Module` holds parameters and other modules as attributes, also inside lists, tuples and
#   dicts. `parameters()` walks through all of that and returns each parameter once, even if two
#   layers share it; `train()` and `eval()` set the flag `training` of every module below (some
#   layers of stage 05 behave differently while training). Calling a module calls its `forward`.
#
# Read the cell; you write five subclasses of `Module` below.

# %% id="nn-module" role="given" export="needle/nn/module.py"
"""Parameter and Module: the tensors that are trained, and the objects that hold them."""

from typing import Any

from needle.autograd import Tensor


class Parameter(Tensor):
    """A tensor to be trained: a leaf of the graph, which `Module.parameters` finds.

    As a condition it is always true, so that `if self.bias:` asks whether there is one.
    """

    __slots__ = ()

    def __bool__(self) -> bool:
        return True


class Module:
    """A function with parameters; subclasses define `forward`."""

    training: bool = True

    def parameters(self) -> list[Parameter]:
        """Every parameter of this module and of the modules in it, each once."""
        return [part for part in _parts(self) if isinstance(part, Parameter)]

    def train(self) -> None:
        """Put this module and every module in it into training mode."""
        self._set_training(True)

    def eval(self) -> None:
        """Put this module and every module in it into evaluation mode."""
        self._set_training(False)

    def _set_training(self, training: bool) -> None:
        for part in _parts(self):
            if isinstance(part, Module):
                part.training = training

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The output of the module for the given inputs."""
        raise NotImplementedError(f"{type(self).__name__} has no forward method")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.forward(*args, **kwargs)


def _parts(root: Module) -> list[Parameter | Module]:
    """Every parameter and module reached from root, in order of definition, each once."""
    found: list[Parameter | Module] = []
    seen: set[int] = set()  # ids: a module may hold itself, and a tensor may have two owners
    stack: list[Any] = [root]
    while stack:
        value = stack.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, Parameter | Module):
            found.append(value)
        stack.extend(reversed(_children(value)))
    return found


def _children(value: Any) -> list[Any]:
    """What a module's attributes, or a list, tuple or dict, hold."""
    if isinstance(value, Module):
        return list(vars(value).values())
    if isinstance(value, dict):
        return list(value.values())
    return list(value) if isinstance(value, list | tuple) else []


# %% id="nn-index-module" role="index" export="needle/nn/__init__.py" of="module.py"

# %% id="needle-index-nn" role="index" export="needle/__init__.py"
from needle import nn

# %% [markdown] id="modules-found"
# The next cell builds a module that holds parameters in every place allowed, one of them twice,
# and a tensor that is no parameter. Look at the printed list: four shapes, no duplicate, and the
# plain tensor of shape (9,) is not among them.


# %% id="modules-found-demo" role="demo"
class Holder(ndl.nn.Module):
    def __init__(self):
        self.weight = ndl.nn.Parameter(ndl.ones(1, 2))
        self.listed = [ndl.nn.Parameter(ndl.ones(3)), self.weight]
        self.named = {"scale": ndl.nn.Parameter(ndl.ones(4)), "itself": self}
        self.nested = ([ndl.nn.Parameter(ndl.ones(5, 6))],)
        self.remembered = ndl.ones(9)


print([parameter.shape for parameter in Holder().parameters()])

# %% [markdown] id="identity-example"
# ## A worked example: Identity
#
# The smallest module there is. It has no parameters and hands its input on. It looks useless, and
# is handy wherever a layer is expected and none is wanted.

# %% id="nn-basic" role="given" export="needle/nn/basic.py"
"""The basic layers, and the two ways to put layers together."""

import math

import numpy as np

from needle import init
from needle.autograd import Tensor
from needle.device import CPUDevice
from needle.nn.module import Module, Parameter
from needle.ops import relu


class Identity(Module):
    """Hand the input on unchanged."""

    def forward(self, x: Tensor) -> Tensor:
        """y = x, of any shape."""
        return x


# %% id="nn-index-identity" role="index" export="needle/nn/__init__.py"
from needle.nn.basic import Identity

# %% [markdown] id="linear-why"
# ## Exercise 1: Linear
#
# Each row $x$ of a batch becomes $xW + b$. Three details decide whether that trains:
#
# - **The bias has to be copied to every row.** $b$ has shape (1, out), the product has shape (n,
#   out). needle makes you write the copying, `broadcast_to`, because it has a gradient: what the
#   forward pass copies, the backward pass sums. The bias hears from every row.
# - **The parameters must be leaves.** A `Parameter` made from a tensor takes over its values and
#   nothing of its history.
# - **The order of the draws is part of the contract**: first the weight, then the bias, so that a
#   seed means the same network everywhere.
#
# With n rows, and the adjoint $\bar y$ of the output, the shapes fit in only one way:
#
# | step | shapes |
# | --- | --- |
# | $xW$ | (n, in) times (in, out) is (n, out) |
# | $+\, b$ | (1, out), copied to (n, out) |
# | $\bar b = \sum_{\text{rows}} \bar y$ | (n, out), summed to (1, out) |
# | $\bar W = x^\top \bar y$ | (in, n) times (n, out) is (in, out) |
# | $\bar x = \bar y\, W^\top$ | (n, out) times (out, in) is (n, in) |
#
# Your ops of stage 00 do the last three; you only write the first two.
#
# The bias is drawn with `kaiming_uniform` too. That function returns a matrix whose first size is
# the `fan_in`; we call it with `out_features` for `fan_in` and 1 for `fan_out`, so it comes out
# as a column of shape (out, 1) and has to be turned into a row. (It is a convention, kept so that
# results can be compared with those of other people who take this course. Starting biases at zero
# works as well.)


# %% id="linear" role="solution" export="needle/nn/basic.py"
class Linear(Module):
    """An affine map of the last axis.

    y = x W + b. Parameters: `weight` of shape (in_features, out_features), drawn first, by
    kaiming_uniform; `bias` of shape (1, out_features), drawn by kaiming_uniform with sizes
    (out_features, 1) and turned into a row, or None, with nothing drawn for it, if `bias` is false.
    Both live on `device` and have the given dtype. Training and evaluation are alike.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: CPUDevice | None = None,
        dtype: str = "float32",
    ) -> None:
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        ### BEGIN SOLUTION
        weight = init.kaiming_uniform(in_features, out_features, device=device, dtype=dtype)
        self.weight = Parameter(weight)
        self.bias: Parameter | None = None
        if bias:
            column = init.kaiming_uniform(out_features, 1, device=device, dtype=dtype)
            self.bias = Parameter(column.transpose())
        ### END SOLUTION

    def forward(self, x: Tensor) -> Tensor:
        """From shape (..., in_features), with two axes or more, to (..., out_features)."""
        ### BEGIN SOLUTION
        y = x @ self.weight
        if self.bias is None:
            return y
        return y + self.bias.broadcast_to(y.shape)
        ### END SOLUTION


# %% [markdown] id="linear-hints" role="hints" of="linear"
# 1. Which two tensors does the layer own, in which order are they drawn, and what makes
#    `parameters()` find them?
# 2. Draw with `init.kaiming_uniform(...)`, giving it `device` and `dtype`, and wrap each result
#    in `Parameter`. The bias comes out as (out, 1): transpose it before wrapping it, so that the
#    parameter itself is a leaf. In `forward` the bias must first get the shape of the product.
# 3. `self.weight` is `Parameter(...)` of a draw with sizes in, out. Then, if `bias` is true,
#    `self.bias` is `Parameter(...)` of the transpose of a draw with sizes out, 1. Forward: `y` is
#    `x @ self.weight`; return `y`, or `y` plus the bias after `broadcast_to(y.shape)` if there is
#    one.

# %% id="nn-index-linear" role="index" export="needle/nn/__init__.py"
from needle.nn.basic import Linear


# %% id="linear-draws" role="check" points=10
@check
def linear_draws():
    """Training starts from these numbers: their spread decides how it goes."""
    yield distribution(ndl.nn.Linear(100, 150).weight, dtype="float32")
    yield distribution(ndl.nn.Linear(2, 10000).bias, dtype="float32")
    bias, weight = sorted(ndl.nn.Linear(2, 3).parameters(), key=lambda p: p.numpy().size)
    yield np.array([bias.numpy().size, weight.numpy().size])
    ### BEGIN HIDDEN TESTS
    #: the weight of a layer with few inputs, many outputs
    found = ndl.nn.Linear(3, 12000).parameters()
    bias, weight = sorted(found, key=lambda p: p.numpy().size)
    yield distribution(weight, dtype="float32")
    #: the bias of a layer with few inputs, many outputs
    yield distribution(bias, dtype="float32")
    #: many inputs and a single output, a device given
    yield distribution(ndl.nn.Linear(11000, 1, device=ndl.cpu()).weight, dtype="float32")
    ### END HIDDEN TESTS


# %% id="linear-draws-in-order" role="check" points=3
@check
def linear_draws_in_order():
    """A seed means the same network everywhere only if everybody draws in the same order."""
    np.random.seed(21)
    weight, bias = ndl.init.kaiming_uniform(2, 13000), ndl.init.kaiming_uniform(13000, 1)
    np.random.seed(21)
    layer = ndl.nn.Linear(2, 13000)
    yield distribution(layer.weight + weight, dtype="float32")
    yield distribution(layer.bias.reshape((1, 13000)) + bias.transpose(), dtype="float32")
    ### BEGIN HIDDEN TESTS
    #: the weight after a seed, other sizes
    np.random.seed(5)
    weight, bias = ndl.init.kaiming_uniform(3, 12000), ndl.init.kaiming_uniform(12000, 1)
    np.random.seed(5)
    layer = ndl.nn.Linear(3, 12000)
    yield distribution(layer.weight + weight, dtype="float32")
    #: the bias after a seed, other sizes
    yield distribution(layer.bias.reshape((1, 12000)) + bias.transpose(), dtype="float32")
    ### END HIDDEN TESTS


# %% id="linear-dtype" role="check" points=3
@check
def linear_dtype():
    """One parameter of another dtype gives its dtype to everything that comes after it."""
    for dtype in ("float64", "float32"):
        layer = ndl.nn.Linear(2, 10000, dtype=dtype)
        yield distribution(layer.weight)
        yield distribution(layer.bias)
    ### BEGIN HIDDEN TESTS
    #: the weight, dtype float64 or not given
    for layer in (ndl.nn.Linear(4, 11000, dtype="float64"), ndl.nn.Linear(4, 11000)):
        yield distribution(layer.weight)
        #: the bias, dtype float64 or not given
        yield distribution(layer.bias)
    ### END HIDDEN TESTS


# %% id="linear-forward" role="check" points=12
@check
def linear_forward():
    """Every row of the batch gets the same map and the same bias."""
    layer = ndl.nn.Linear(2, 3)
    layer.weight.data = ndl.Tensor([[1.0, 2.0, -3.0], [4.0, 0.5, 6.0]], dtype=layer.weight.dtype)
    layer.bias.data = ndl.Tensor([[10.0, -20.0, 30.0]], dtype=layer.bias.dtype)
    x = ndl.Tensor([[1.0, 1.0], [0.0, 2.0], [-1.0, 3.0], [0.5, -2.0]])
    yield close(layer(x), dtype="float32")
    layer.eval()
    yield close(layer(x), dtype="float32")
    ### BEGIN HIDDEN TESTS
    #: random rows and parameters, perhaps a single row
    for n, fan_in, fan_out in ((5, 4, 3), (4, 4, 4), (1, 6, 2), (7, 3, 5)):
        layer = ndl.nn.Linear(fan_in, fan_out)
        weight, bias = rng.standard_normal((fan_in, fan_out)), rng.standard_normal((1, fan_out))
        layer.weight.data = ndl.Tensor(weight, dtype=layer.weight.dtype)
        layer.bias.data = ndl.Tensor(bias, dtype=layer.bias.dtype)
        x = ndl.Tensor(rng.standard_normal((n, fan_in), dtype="float32"))
        yield close(layer(x), atol=1e-5, dtype="float32")
    ### END HIDDEN TESTS


# %% id="linear-without-bias" role="check" points=3
@check
def linear_without_bias():
    """A norm that subtracts the mean comes next, and a bias before it would be for nothing."""
    layer = ndl.nn.Linear(2, 3, bias=False)
    yield np.array([parameter.numpy().size for parameter in layer.parameters()])
    layer.weight.data = ndl.Tensor([[1.0, 2.0, -3.0], [4.0, 0.5, 6.0]], dtype=layer.weight.dtype)
    x = ndl.Tensor([[1.0, 1.0], [0.0, 2.0], [-1.0, 3.0], [0.5, -2.0]])
    yield close(layer(x), dtype="float32")
    np.random.seed(22)
    ndl.init.rand(100, 120)  # the numbers that the weight takes
    after = ndl.init.rand(100, 120)
    np.random.seed(22)
    ndl.nn.Linear(100, 120, bias=False)
    yield distribution(after + ndl.init.rand(100, 120), dtype="float32")
    ### BEGIN HIDDEN TESTS
    #: the weight of a layer without bias, other sizes
    (weight,) = ndl.nn.Linear(100, 120, bias=False).parameters()
    yield distribution(weight, dtype="float32")
    #: random rows through a layer without bias
    layer = ndl.nn.Linear(3, 4, bias=False)
    layer.weight.data = ndl.Tensor(rng.standard_normal((3, 4)), dtype=layer.weight.dtype)
    x = ndl.Tensor(rng.standard_normal((5, 3), dtype="float32"))
    y = layer(x)
    yield close(y, atol=1e-5, dtype="float32")
    #: the gradients of a layer without bias
    y.backward(ndl.Tensor(rng.standard_normal(y.shape, dtype="float32")))
    yield close(x.grad, atol=1e-5, dtype="float32")
    yield close(layer.weight.grad, atol=1e-5, dtype="float32")
    ### END HIDDEN TESTS


# %% id="linear-on-more-axes" role="check" points=3
@check
def linear_on_more_axes():
    """A batch of sequences has an axis more, and each of their rows gets the same map."""
    layer = ndl.nn.Linear(2, 3)
    layer.weight.data = ndl.Tensor([[1.0, 2.0, -3.0], [4.0, 0.5, 6.0]], dtype=layer.weight.dtype)
    layer.bias.data = ndl.Tensor([[10.0, -20.0, 30.0]], dtype=layer.bias.dtype)
    x = [[[1.0, 1.0], [0.0, 2.0]], [[-1.0, 3.0], [0.5, -2.0]], [[2.0, 0.0], [-3.0, 1.0]]]
    yield close(layer(ndl.Tensor(x)), dtype="float32")
    ### BEGIN HIDDEN TESTS
    #: three or four axes, one of them perhaps of length 1
    for shape, fan_out in (((2, 3, 4), 5), ((2, 1, 3), 7), ((3, 1, 2, 2), 3)):
        layer = ndl.nn.Linear(shape[-1], fan_out)
        weight, bias = rng.standard_normal((shape[-1], fan_out)), rng.standard_normal((1, fan_out))
        layer.weight.data = ndl.Tensor(weight, dtype=layer.weight.dtype)
        layer.bias.data = ndl.Tensor(bias, dtype=layer.bias.dtype)
        x = ndl.Tensor(rng.standard_normal(shape, dtype="float32"))
        y = layer(x)
        yield close(y, atol=1e-5, dtype="float32")
        #: the gradients, for inputs of three or four axes
        y.backward(ndl.Tensor(rng.standard_normal(y.shape, dtype="float32")))
        for tensor in (x, layer.weight, layer.bias):
            yield close(tensor.grad, atol=1e-5, dtype="float32")
    ### END HIDDEN TESTS


# %% id="linear-gradients" role="check" points=11
@check
def linear_gradients():
    """What the forward pass copied to many rows, the backward pass has to collect again."""
    layer = ndl.nn.Linear(2, 4)
    weight = [[1.0, 2.0, -1.0, 0.5], [3.0, -4.0, 2.5, 1.5]]
    layer.weight.data = ndl.Tensor(weight, dtype=layer.weight.dtype)
    x = ndl.Tensor([[1.0, 0.0], [2.0, 1.0], [0.0, -5.0]])
    out_grad = [[1.0, 0.0, 2.0, -1.0], [0.5, 2.0, 1.0, 0.0], [3.0, -1.0, 0.5, 2.0]]
    layer(x).backward(ndl.Tensor(out_grad))
    yield close(layer.weight.grad, dtype="float32")
    yield close(layer.bias.grad, dtype="float32")
    yield close(x.grad, dtype="float32")
    ### BEGIN HIDDEN TESTS
    #: random rows and adjoints, perhaps a single row
    for n, fan_in in ((5, 4), (3, 3), (1, 6)):
        layer = ndl.nn.Linear(fan_in, 3)
        weight = rng.standard_normal((fan_in, 3))
        layer.weight.data = ndl.Tensor(weight, dtype=layer.weight.dtype)
        x = ndl.Tensor(rng.standard_normal((n, fan_in), dtype="float32"))
        y = layer(x)
        y.backward(ndl.Tensor(rng.standard_normal(y.shape, dtype="float32")))
        for tensor in (x, layer.weight, layer.bias):
            yield close(tensor.grad, atol=1e-5, dtype="float32")
    ### END HIDDEN TESTS


# %% [markdown] id="one-step-why"
# ## What one step does to the weights
#
# Training comes in stage 06, but one step of it needs no more than you have: a loss, its
# gradient, and $W \leftarrow W - \text{lr} \cdot \partial L/\partial W$. (Assigning to `.data`
# swaps the numbers of the parameter without writing the step into the graph.)
#
# The data are 500 noisy images of 8 x 8 pixels. Half show a cross, labelled $+1$, half a frame,
# labelled $-1$. A `Linear(64, 1)` without bias is asked for the label, and the loss is the mean
# squared error. The plot shows the 64 weights as an image: before the step, the change, and after
# it.
#
# Before, there is only noise. The change is a weighted sum of the images, each weighted by how
# wrong the output for it is and in which direction. So the cross appears in one colour and the
# frame in the other; where the two overlap, and where neither is, hardly anything happens.
# Afterwards both show through the noise, and the loss has fallen from 0.80 to 0.13.

# %% id="one-step-demo" role="demo"
import matplotlib.pyplot as plt

np.random.seed(5)
cross, frame = np.zeros((8, 8)), np.ones((8, 8))
cross[3:5, :] = cross[:, 3:5] = 1
frame[1:7, 1:7] = 0
labels = np.where(np.random.rand(500, 1) < 0.5, 1.0, -1.0)
clean = np.where(labels > 0, cross.ravel(), frame.ravel())
x = ndl.Tensor(0.2 * clean + 0.1 * np.random.randn(500, 64), dtype="float32")
y = ndl.Tensor(labels, dtype="float32")
model = ndl.nn.Linear(64, 1, bias=False)


def mean_squared_error():
    error = model(x) - y
    return (error * error).sum() / 500


loss, before = mean_squared_error(), model.weight.numpy()
loss.backward()
for parameter in model.parameters():
    parameter.data = parameter.data - 0.8 * parameter.grad.data
after = model.weight.numpy()

titles = (
    f"before: loss {loss.numpy():.2f}",
    "the change: $-$lr x gradient",
    f"after: loss {mean_squared_error().numpy():.2f}",
)
fig, axes = plt.subplots(1, 3, figsize=(10, 3.6), layout="constrained")
for ax, values, title in zip(axes, (before, after - before, after), titles, strict=True):
    picture = ax.imshow(values.reshape(8, 8), cmap="PuOr", vmin=-0.4, vmax=0.4)
    ax.set(title=title, xlabel="pixel column", ylabel="pixel row")
fig.colorbar(picture, ax=axes, label="weight")
fig.suptitle("One step writes the difference between the classes into the weights")
show(
    "Three 8 by 8 pictures of the weights: noise before the step, a cross and a frame of "
    "opposite signs as the change, both through the noise after it."
)

# %% [markdown] id="flatten-why"
# ## Exercise 2: Flatten
#
# `Linear` wants rows. An image is a block, so a batch of images, (n, height, width, channels),
# has to become (n, height · width · channels). The batch axis stays: two images must not end up
# in one row. A batch of single numbers, of shape (n,), becomes (n, 1): n rows of one entry.


# %% id="flatten" role="solution" export="needle/nn/basic.py"
class Flatten(Module):
    """Turn each element of a batch into one row, in training and in evaluation alike."""

    def forward(self, x: Tensor) -> Tensor:
        """From shape (n, a, b, ...) to (n, a * b * ...), in row-major order."""
        ### BEGIN SOLUTION
        return x.reshape((x.shape[0], math.prod(x.shape[1:])))
        ### END SOLUTION


# %% [markdown] id="flatten-hints" role="hints" of="flatten"
# 1. Which op of stage 00 changes the shape and keeps the order of the entries, and what is the
#    new shape?
# 2. The first size is `x.shape[0]`. The second is the product of all the others, however many
#    there are.
# 3. `math.prod(x.shape[1:])` is that product (1 if there are none). Return `x.reshape(...)` with
#    the pair of the two sizes.

# %% id="nn-index-flatten" role="index" export="needle/nn/__init__.py"
from needle.nn.basic import Flatten


# %% id="flatten-rows" role="check" points=8
@check
def flatten_rows():
    """One row per image, for images with any number of axes, and a way back for the gradient."""
    for shape in ((2, 3, 2), (2, 1, 3, 2)):
        x = ndl.Tensor(np.arange(12.0).reshape(shape))
        y = ndl.nn.Flatten()(x)
        yield y
    y.backward(y * 10)
    yield x.grad
    flatten = ndl.nn.Flatten()
    flatten.eval()
    yield flatten(x)
    ### BEGIN HIDDEN TESTS
    #: two to five axes, some perhaps of length 1
    for shape in ((3, 4), (4, 2, 3), (2, 3, 2, 2), (1, 3, 2), (5, 1, 1, 4), (2, 2, 3, 1, 2)):
        x = ndl.Tensor(rng.standard_normal(shape).astype("float32"))
        y = ndl.nn.Flatten()(x)
        yield y
        #: the gradient, for two to five axes
        y.backward(ndl.Tensor(rng.standard_normal(y.shape).astype("float32")))
        yield x.grad
    ### END HIDDEN TESTS


# %% id="flatten-numbers" role="check" points=2
@check
def flatten_numbers():
    """Nothing is a product of sizes too: that of no size at all is 1."""
    yield ndl.nn.Flatten()(ndl.Tensor([1.0, -2.0, 0.5]))
    ### BEGIN HIDDEN TESTS
    #: a batch of other numbers
    x = ndl.Tensor(rng.standard_normal(4).astype("float32"))
    y = ndl.nn.Flatten()(x)
    yield y
    #: the gradient, for a batch of numbers
    y.backward(ndl.Tensor(rng.standard_normal((4, 1)).astype("float32")))
    yield x.grad
    ### END HIDDEN TESTS


# %% [markdown] id="relu-layer-why"
# ## Exercise 3: ReLU
#
# Two linear layers in a row are one linear layer: $(xU)V = x(UV)$. What makes depth worth
# anything is a bend in between, and the simplest is $\max(x, 0)$. You have it as an op; as a
# module it can stand in a list of layers.


# %% id="relu-layer" role="solution" export="needle/nn/basic.py"
class ReLU(Module):
    """The rectified linear unit as a module."""

    def forward(self, x: Tensor) -> Tensor:
        """y = max(x, 0), entry by entry, of any shape, in training and in evaluation alike."""
        ### BEGIN SOLUTION
        return relu(x)
        ### END SOLUTION


# %% [markdown] id="relu-layer-hints" role="hints" of="relu-layer"
# 1. Which op that you know does this already, and is imported at the top of the module?
# 2. NumPy's `maximum` would give the right numbers, but its result is no node of the graph: no
#    gradient would come back.
# 3. Return the op `relu` of `x`.

# %% id="nn-index-relu" role="index" export="needle/nn/__init__.py"
from needle.nn.basic import ReLU


# %% id="relu-layer-bends" role="check" points=10
@check
def relu_layer_bends():
    """The gradient passes where the input was positive and stops where it was not."""
    x = ndl.Tensor([[-1.0, 2.0, -0.5], [3.0, -4.0, 8.0]])
    layer = ndl.nn.ReLU()
    y = layer(x)
    yield y
    y.backward(ndl.Tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]))
    yield x.grad
    layer.eval()
    yield layer(x * 0.5)
    ### BEGIN HIDDEN TESTS
    #: one to four axes, entries of both signs, small or large
    for shape, scale in (((7,), 1.0), ((4, 5), 0.01), ((2, 3, 4), 1000.0), ((2, 2, 2, 2), 3.0)):
        x = ndl.Tensor(scale * rng.standard_normal(shape), dtype="float32")
        y = ndl.nn.ReLU()(x)
        yield y
        #: the gradient, for one to four axes
        y.backward(ndl.Tensor(rng.standard_normal(shape).astype("float32")))
        yield x.grad
    ### END HIDDEN TESTS


# %% [markdown] id="sequential-why"
# ## Exercise 4: Sequential
#
# Most networks are a chain: the output of one module is the input of the next. `Sequential` is
# that chain, and is a module itself, so chains can be links of other chains.
#
# The modules are kept in `self.modules`, a tuple, which is one of the places where `parameters()`
# looks.


# %% id="sequential" role="solution" export="needle/nn/basic.py"
class Sequential(Module):
    """Modules one after the other.

    y = f_k(... f_2(f_1(x))). The modules are kept in `modules`, in this order; with none, y = x.
    Training and evaluation are alike, and each module stays in the mode in which it is.
    """

    def __init__(self, *modules: Module) -> None:
        super().__init__()
        self.modules = modules

    def forward(self, x: Tensor) -> Tensor:
        """Each module applied to the output of the one before it."""
        ### BEGIN SOLUTION
        for module in self.modules:
            x = module(x)
        return x
        ### END SOLUTION


# %% [markdown] id="sequential-hints" role="hints" of="sequential"
# 1. What does the second module get as its input?
# 2. Go through `self.modules` in order and remember the latest output. With no modules that is
#    the input itself.
# 3. In a `for` loop over `self.modules`, replace `x` by the module called on `x`; return `x`
#    after the loop.

# %% id="nn-index-sequential" role="index" export="needle/nn/__init__.py"
from needle.nn.basic import Sequential


# %% id="sequential-chains" role="check" points=8
@check
def sequential_chains():
    """Squaring and then adding is not adding and then squaring."""

    class Square(ndl.nn.Module):
        def forward(self, x):
            return x * x

    class Increase(ndl.nn.Module):
        def forward(self, x):
            return x + 3.0

    x = ndl.Tensor([[1.0, -2.0, 0.25], [0.5, 4.0, -1.0]])
    chain = ndl.nn.Sequential(Square(), Increase())
    yield chain(x)
    yield ndl.nn.Sequential(Increase(), Square())(x)
    first, more = Square(), Increase()
    nested = ndl.nn.Sequential(first, more, ndl.nn.Sequential(Square()), more, Square())
    yield nested(x * 0.25)
    more.eval()
    yield nested(x * 0.5)
    yield np.array([int(module.training) for module in (first, more)])
    nested.eval()
    yield nested(x * 0.25)
    ### BEGIN HIDDEN TESTS
    #: each module of a chain by itself
    x = ndl.Tensor(rng.standard_normal((3, 2)).astype("float32"))
    for module in chain.modules:
        yield module(x)
    #: random entries through the chain of two modules
    yield chain(x)
    #: a chain of a single module
    yield ndl.nn.Sequential(Increase())(x)
    #: chains inside a chain, some modules in it twice
    add = Increase()
    deep = ndl.nn.Sequential(add, chain, add, ndl.nn.Sequential(Square(), chain))
    yield deep(x)
    #: the gradient, for chains inside a chain
    y = deep(x)
    y.backward(ndl.Tensor(rng.standard_normal(y.shape).astype("float32")))
    yield x.grad
    ### END HIDDEN TESTS


# %% id="sequential-empty" role="check" points=2
@check
def sequential_empty():
    """A chain of nothing hands its input on: a network with no blocks is one too."""
    x = ndl.Tensor([[1.0, -2.0, 0.25], [0.5, 4.0, -1.0]])
    yield ndl.nn.Sequential()(x)
    ### BEGIN HIDDEN TESTS
    #: empty chains and an Identity inside a chain
    x = ndl.Tensor(rng.standard_normal((3, 2)).astype("float32"))
    y = ndl.nn.Sequential(ndl.nn.Sequential(), ndl.nn.Identity(), ndl.nn.Sequential())(x * 2.0)
    yield y
    #: the gradient, for empty chains inside a chain
    y.backward(ndl.Tensor(rng.standard_normal(y.shape).astype("float32")))
    yield x.grad
    ### END HIDDEN TESTS


# %% id="sequential-parameters" role="check" points=5
@check
def sequential_parameters():
    """A parameter that is not found is never trained."""

    class Scale(ndl.nn.Module):
        def __init__(self, factor):
            self.factor = ndl.nn.Parameter([factor])

        def forward(self, x):
            return x * self.factor.broadcast_to(x.shape)

    x = ndl.Tensor([1.0, -2.0, 0.5])
    chain = ndl.nn.Sequential(Scale(2.0), Scale(5.0))
    chain(x).sum().backward()
    first, second = sorted(chain.parameters(), key=lambda p: float(p.numpy()[0]))
    yield first.grad
    yield second.grad
    ### BEGIN HIDDEN TESTS
    #: a chain inside a chain, one module in both
    factors = rng.uniform(0.5, 2.0, 5)
    shared = Scale(factors[0])
    inner = ndl.nn.Sequential(*(Scale(factor) for factor in factors[1:]), shared)
    chain = ndl.nn.Sequential(shared, inner, ndl.nn.Identity())
    x = ndl.Tensor(rng.standard_normal(6).astype("float32"))
    y = chain(x)
    y.backward(ndl.Tensor(rng.standard_normal(6).astype("float32")))
    found = sorted(chain.parameters(), key=lambda p: float(p.numpy()[0]))
    for parameter, _ in zip(found, factors, strict=True):
        yield parameter.grad
    ### END HIDDEN TESTS


# %% [markdown] id="residual-why"
# ## Exercise 5: Residual
#
# Stack more and more layers and, from some depth on, the network gets worse, on its training data
# too. That is odd: the extra layers could just hand their input on. They find it hard to learn.
#
# So hand the input on anyway, and let the layers learn only what to add to it:
#
# $$y = x + f(x), \qquad \frac{\partial y}{\partial x} = I + \frac{\partial f}{\partial x}.$$
#
# The $I$ is what matters: however small the gradient of $f$ is, the gradient with respect to $x$
# is not.


# %% id="residual" role="solution" export="needle/nn/basic.py"
class Residual(Module):
    """A module with a way round it.

    y = x + fn(x), where fn keeps the shape of its input, and is called once.
    Training and evaluation are alike, and fn stays in the mode in which it is.

    Source: He, Zhang, Ren and Sun, 2016, equation 1.
    """

    def __init__(self, fn: Module) -> None:
        super().__init__()
        self.fn = fn

    def forward(self, x: Tensor) -> Tensor:
        """The input plus what the module makes of it."""
        ### BEGIN SOLUTION
        return x + self.fn(x)
        ### END SOLUTION


# %% [markdown] id="residual-hints" role="hints" of="residual"
# 1. The output is a sum of two tensors. Which two?
# 2. Call `self.fn` once (a module may draw random numbers or count its calls), and do not detach
#    the input: the gradient has to flow along both ways.
# 3. Return `x` plus `self.fn` called on `x`.

# %% id="nn-index-residual" role="index" export="needle/nn/__init__.py"
from needle.nn.basic import Residual


# %% id="residual-forward" role="check" points=8
@check
def residual_forward():
    """The module inside learns only what has to be added to its input."""

    class Grow(ndl.nn.Module):
        def forward(self, x):
            return x * x * 0.75 + 1.0

    grow = Grow()
    residual = ndl.nn.Residual(grow)
    x = ndl.Tensor([[1.0, -2.0, 0.25], [0.5, 4.0, -1.0]])
    yield residual(x)
    residual.eval()
    yield residual(x)
    modes = []
    for set_mode in (grow.eval, grow.train):
        set_mode()
        residual(x)
        modes.append(int(grow.training))
    yield np.array(modes)
    ### BEGIN HIDDEN TESTS
    #: random entries, the same module inside
    x = ndl.Tensor(rng.standard_normal((3, 4)).astype("float32"))
    yield residual(x)
    #: an Identity inside, a random matrix or its negative
    for z in (x, -x):  # one of them has a negative entry
        yield ndl.nn.Residual(ndl.nn.Identity())(z)
    #: a residual module inside another
    yield ndl.nn.Residual(ndl.nn.Residual(Grow()))(x)
    ### END HIDDEN TESTS


# %% id="residual-calls-once" role="check" points=2
@check
def residual_calls_once():
    """A module may draw random numbers: called twice, it is two different modules."""

    class Count(ndl.nn.Module):
        calls = 0

        def forward(self, x):
            self.calls += 1
            return x * 0.5

    count = Count()
    residual = ndl.nn.Residual(count)
    for row in ([1.0, -2.0, 0.25], [0.5, 4.0, -1.0]):
        residual(ndl.Tensor([row, row]))
        yield np.array([10 * count.calls, 3])
    ### BEGIN HIDDEN TESTS
    #: one more call, with random entries
    residual(ndl.Tensor(rng.standard_normal((3, 4)).astype("float32")))
    yield np.array([10 * count.calls, 3])
    ### END HIDDEN TESTS


# %% id="residual-gradients" role="check" points=10
@check
def residual_gradients():
    """The gradient has two ways back, and they add up."""

    class Scale(ndl.nn.Module):
        def __init__(self, factor):
            self.factor = ndl.nn.Parameter([factor])

        def forward(self, x):
            return x * x * self.factor.broadcast_to(x.shape)

    residual = ndl.nn.Residual(Scale(0.5))
    x = ndl.Tensor([[1.0, -2.0, 3.0], [0.5, 0.25, -1.0]])
    residual(x).backward(ndl.Tensor([[1.0, 2.0, -1.0], [3.0, 0.5, 4.0]]))
    yield x.grad
    (factor,) = residual.parameters()
    yield factor.grad
    ### BEGIN HIDDEN TESTS
    #: the input's gradient, a residual inside another
    for start in (0.0, 1.5, -0.7):
        residual = ndl.nn.Residual(ndl.nn.Residual(Scale(start)))
        x = ndl.Tensor(rng.standard_normal((3, 4)).astype("float32"))
        residual(x).backward(ndl.Tensor(rng.standard_normal((3, 4)).astype("float32")))
        yield x.grad
        #: the factor's gradient, a residual inside another
        (factor,) = residual.parameters()
        yield factor.grad
    ### END HIDDEN TESTS


# %% [markdown] id="depth-residual-why"
# ## What the short cut buys
#
# Stage 01 showed how narrow the path is on which a plain stack walks. Here is what happens off
# it. The next cell builds two stacks of fifty blocks, Linear, ReLU, Linear, one plain and one
# with a `Residual` round each block. All weights are half as large as they should be. A random
# gradient of size 1 goes in at the output, and the plot shows what is left of it at each block.
#
# Read it from right to left, the way of the gradient. In the plain stack it shrinks by the same
# factor at each block and arrives at the input as about 3e-23: the first layers learn nothing. In
# the residual stack it arrives as about 20. It has grown a little at each block, because the two
# ways back add up; with weights of full size it would grow out of bounds, which is why the blocks
# of stage 08 hold a normalization.


# %% id="depth-residual-demo" role="demo"
def half_linear():
    """A layer of 64 units whose weights have half of Kaiming's scale."""
    layer = ndl.nn.Linear(64, 64, bias=False)
    layer.weight.data = layer.weight.data * 0.5
    return layer


def gradient_sizes(wrap, depth=50):
    """Root mean square of the gradient at the input of each block, and at the output."""
    np.random.seed(0)
    values = [ndl.init.randn(128, 64, requires_grad=True)]
    for _ in range(depth):
        block = ndl.nn.Sequential(half_linear(), ndl.nn.ReLU(), half_linear())
        values.append(wrap(block)(values[-1]))
    values[-1].backward(ndl.init.randn(128, 64))
    return [np.sqrt(np.mean(value.grad.numpy().astype("float64") ** 2)) for value in values]


fig, ax = plt.subplots(figsize=(7, 4), layout="constrained")
for name, wrap, color, line in (
    ("residual", ndl.nn.Residual, "#009E73", "-"),
    ("plain", lambda block: block, "#D55E00", "--"),
):
    sizes = gradient_sizes(wrap)
    label = f"{name}: {sizes[0]:.2g} at the input"
    ax.semilogy(range(51), sizes, color=color, linestyle=line, lw=2, label=label)
ax.set_xlabel("blocks between the input and this point")
ax.set_ylabel("size of the gradient (root mean square)")
ax.set_title("With a way round each block the gradient reaches the first layer")
ax.legend(loc="lower right")
show(
    "Size of the gradient against depth on a logarithmic scale: nearly level in the residual "
    "stack, a straight line down to 3e-23 in the plain one."
)

# %% [markdown] id="end-02"
# ## What you built
#
# `needle.nn` with `Linear`, `Flatten`, `ReLU`, `Sequential` and `Residual`. A multilayer
# perceptron is now one expression:
#
#     nn.Sequential(nn.Flatten(), nn.Linear(784, 100), nn.ReLU(), nn.Linear(100, 10))
#
# **The same in PyTorch.** `nn.Linear(in, out)`, `nn.Flatten`, `nn.ReLU` and `nn.Sequential` are the
# same to use. Its `Linear` keeps the weight transposed, as (out, in), copies the bias behind your
# back, and draws both from $\pm 1/\sqrt{\text{in}}$.
#
# **What comes next.** The ten numbers that come out of it are to become probabilities, and their
# logarithm a loss. Done naively that overflows at an input of 89; stages 03 and 04 do it
# properly.
#
# ## Questions to think about
#
# Double-click a question, write below it, and run the cell. None of this is graded. Once you have
# answered and saved, `%mugrade hint` with the question's name, in a new cell, shows our answer.

# %% [markdown] id="bias-row-and-parameter" role="answer"
# 1. **bias-row-and-parameter**: `Linear` turns its column of biases into a row *before* it wraps it
#    in `Parameter`. What would `parameters()`, and an optimizer, see if it were wrapped first and
#    transposed afterwards?
#
# ### BEGIN SOLUTION
# `transpose` returns an ordinary tensor, the result of an op. `parameters()` would not find it, no
# optimizer would train it, and each forward pass would build on a graph that never ends.
# ### END SOLUTION

# %% [markdown] id="bias-gradient-is-a-sum" role="answer"
# 2. **bias-gradient-is-a-sum**: Why is the gradient of the bias a sum over the batch and not a
#    mean? Where does a mean come in, if there is one?
#
# ### BEGIN SOLUTION
# Every row's output contains the same $b$ with weight 1, and what comes back from several uses adds
# up. The mean is in the loss: it puts a $1/n$ into `out_grad`.
# ### END SOLUTION

# %% [markdown] id="narrower-residual" role="answer"
# 3. **narrower-residual**: `Residual` adds, so `fn` must keep the shape. How could one build a
#    residual block whose output is narrower than its input?
#
# ### BEGIN SOLUTION
# With a layer on the short way as well: $y = P x + f(x)$, where $P$ is a `Linear` to the new width.
# ### END SOLUTION

# %% [markdown] id="references-02"
# ## References
#
# - Vinod Nair and Geoffrey Hinton, *Rectified linear units improve restricted Boltzmann
#   machines*, ICML 2010.
# - Kaiming He, Xiangyu Zhang, Shaoqing Ren and Jian Sun, *Deep residual learning for image
#   recognition*, CVPR 2016. arXiv:1512.03385.
# - Andreas Veit, Michael Wilber and Serge Belongie, *Residual networks behave like ensembles of
#   relatively shallow networks*, NeurIPS 2016. arXiv:1605.06431.
