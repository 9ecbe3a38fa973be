# %% [markdown] id="title-01"
# # 01 · Initializers
#
# You will build the four functions that decide how large the random weights of a network are at
# the start: Xavier and Kaiming, each uniform and normal. Each is two lines of code. The work is
# in knowing which number belongs in them, and the last plot shows what a wrong number costs.
#
# - **Time**: about 20 minutes, four exercises.
# - **You need**: stage 00; the last plot runs on your own `matmul` and `relu`.
# - **It grows**: `needle/init.py`.

# %% id="setup-01" role="given"
# %load_ext mugrade
import numpy as np

import needle as ndl
from mugrade import check, distribution, show

# %% [markdown] id="init-randomness"
# ## Random numbers that can be repeated
#
# A run that cannot be repeated cannot be debugged. So every random number of the course comes
# from one place, NumPy's global state: after `np.random.seed(0)` the same program draws the same
# numbers.
#
# `rand` scales numbers that are uniform on [0, 1) to [low, high); `randn` scales standard normal
# ones. Both return float32, and tensors that need no gradient, unless asked for something else:
# it is the layer of the next stage that declares a tensor to be a parameter. Your four functions
# shall do the same: draw from NumPy's global state, and hand the keywords `device`, `dtype` and
# `requires_grad` on. What they return is a leaf: the numbers get their scale before they become a
# tensor, not by an op on it.

# %% id="init-random" role="given" export="needle/init.py"
"""Initializers: new tensors, constant or random, and the scale at which weights should start."""

import math
from typing import Any

import numpy as np

from needle.autograd import Tensor
from needle.device import CPUDevice


def rand(
    *shape: int,
    low: float = 0.0,
    high: float = 1.0,
    device: CPUDevice | None = None,
    dtype: Any = "float32",
    requires_grad: bool = False,
) -> Tensor:
    """A tensor of the given shape with entries uniform on [low, high)."""
    array = np.random.rand(*shape) * (high - low) + low
    return Tensor(array, device=device, dtype=dtype, requires_grad=requires_grad)


def randn(
    *shape: int,
    mean: float = 0.0,
    std: float = 1.0,
    device: CPUDevice | None = None,
    dtype: Any = "float32",
    requires_grad: bool = False,
) -> Tensor:
    """A tensor of the given shape with entries from N(mean, std^2)."""
    array = np.random.randn(*shape) * std + mean
    return Tensor(array, device=device, dtype=dtype, requires_grad=requires_grad)


def randb(
    *shape: int,
    p: float = 0.5,
    device: CPUDevice | None = None,
    dtype: Any = "bool",
    requires_grad: bool = False,
) -> Tensor:
    """A tensor of the given shape with entries that are true with probability p."""
    array = np.random.rand(*shape) <= p
    return Tensor(array, device=device, dtype=dtype, requires_grad=requires_grad)


# %% id="init-constant" role="given" export="needle/init.py"
def constant(
    *shape: int,
    c: float = 1.0,
    device: CPUDevice | None = None,
    dtype: Any = "float32",
    requires_grad: bool = False,
) -> Tensor:
    """A tensor of the given shape with every entry equal to c."""
    array = np.full(shape, c, dtype=dtype)
    return Tensor(array, device=device, dtype=dtype, requires_grad=requires_grad)


def ones(*shape: int, **kwargs: Any) -> Tensor:
    """A tensor of ones; takes the keywords of `constant`."""
    return constant(*shape, c=1.0, **kwargs)


def zeros(*shape: int, **kwargs: Any) -> Tensor:
    """A tensor of zeros; takes the keywords of `constant`."""
    return constant(*shape, c=0.0, **kwargs)


def ones_like(array: Tensor, **kwargs: Any) -> Tensor:
    """Ones with the shape and, unless `dtype` is given, the dtype of another tensor."""
    return ones(*array.shape, **{"dtype": array.dtype, **kwargs})


def zeros_like(array: Tensor, **kwargs: Any) -> Tensor:
    """Zeros with the shape and, unless `dtype` is given, the dtype of another tensor."""
    return zeros(*array.shape, **{"dtype": array.dtype, **kwargs})


def demand_labels(labels: np.ndarray, n: int) -> None:
    """Raise IndexError unless the labels are from 0 to n - 1, TypeError unless integers."""
    if labels.dtype.kind not in "iu":
        raise TypeError(f"labels are integers, not {labels.dtype}: convert them with .astype(int)")
    if (labels < 0).any():
        raise IndexError(f"label {labels.min()} is negative: {n} classes are 0 to {n - 1}")
    if (labels >= n).any():
        raise IndexError(f"label {labels.max()} is out of bounds: {n} classes are 0 to {n - 1}")


def one_hot(
    n: int,
    i: Tensor,
    device: CPUDevice | None = None,
    dtype: Any = "float32",
    requires_grad: bool = False,
) -> Tensor:
    """Rows of the n x n identity picked by the integers i: (...) becomes (..., n).

    IndexError for an i outside 0 .. n - 1.
    """
    labels = i.numpy() if isinstance(i, Tensor) else np.asarray(i)
    demand_labels(labels, n)
    array = np.eye(n, dtype=dtype)[labels]
    return Tensor(array, device=device, dtype=dtype, requires_grad=requires_grad)


# %% id="needle-index-init" role="index" export="needle/__init__.py"
from needle import init
from needle.init import ones, ones_like, zeros, zeros_like

# %% [markdown] id="init-not-equal"
# ## Why not start at zero?
#
# The next cell gives a network with two layers the same number for every weight and prints the
# gradient of the first layer, one column for each of its four hidden units.
#
# Look for two things. At 0.5 all four columns are equal: the units receive the same update, stay
# equal for ever, and four units do the work of one. At 0 the gradient vanishes altogether. Only
# random weights tell the units apart. How *large* should they be?

# %% id="init-not-equal-demo" role="demo"
for c in (0.5, 0.0):
    x = ndl.Tensor([[1.0, 2.0, -1.0], [0.5, -1.0, 3.0]])
    w1 = ndl.init.constant(3, 4, c=c, requires_grad=True)
    w2 = ndl.init.constant(4, 1, c=c, requires_grad=True)
    (ndl.relu(x @ w1) @ w2).sum().backward()
    print(f"every weight {c}: gradient of the first layer\n{w1.grad.numpy()}\n")

# %% [markdown] id="xavier-why"
# ## A layer multiplies the variance
#
# An output of $y = xW$ sums `fan_in` products, $y_j = \sum_i x_i w_{ij}$. With independent
# entries of mean zero, variances of products multiply and variances of sums add:
#
# $$\mathrm{Var}(y) = \text{fan\_in} \cdot \mathrm{Var}(w) \cdot \mathrm{Var}(x).$$
#
# Fifty layers multiply by that factor fifty times: $0.5^{50} \approx 10^{-15}$ leaves nothing of
# the signal, $2^{50} \approx 10^{15}$ drowns everything else. The factor should be 1, so
# $\mathrm{Var}(w) = 1/\text{fan\_in}$.
#
# The gradient travels the other way, $\partial L/\partial x = (\partial L/\partial y)\,W^\top$,
# and sums `fan_out` products; it asks for $\mathrm{Var}(w) = 1/\text{fan\_out}$. Xavier Glorot's
# compromise puts the mean of the two sizes in their place:
#
# $$\mathrm{Var}(w) = \text{gain}^2 \cdot \frac{2}{\text{fan\_in} + \text{fan\_out}}.$$
#
# `gain` makes up for what the activation function after the layer does to the scale; 1 for none.

# %% [markdown] id="xavier-uniform-why"
# ## Exercise 1: uniform, from a variance to a bound
#
# A uniform variable on $[-a, a]$ has variance $a^2/3$. Set that equal to the variance above and
# solve for $a$.


# %% id="xavier-uniform" role="solution" export="needle/init.py"
def xavier_uniform(fan_in: int, fan_out: int, gain: float = 1.0, **kwargs: Any) -> Tensor:
    """Weights from U(-a, a) that keep the variance in both directions, as far as one can.

    a = gain * sqrt(6 / (fan_in + fan_out)). The result, a leaf, has shape (fan_in, fan_out);
    device, dtype and requires_grad in `kwargs` are those of `rand`.

    Source: Glorot and Bengio, 2010, equation 16.
    """
    ### BEGIN SOLUTION
    bound = gain * math.sqrt(6 / (fan_in + fan_out))
    return rand(fan_in, fan_out, low=-bound, high=bound, **kwargs)
    ### END SOLUTION


# %% [markdown] id="xavier-uniform-hints" role="hints" of="xavier-uniform"
# 1. Which function above already draws uniform numbers between two ends, and what are the two
#    ends here?
# 2. The interval is symmetric: its lower end is minus its upper end. `math.sqrt` gives the upper
#    one, and `gain` stands outside the root because it scales the weights, not their variance.
# 3. Compute `a` as in the docstring, then return `rand` of `fan_in` and `fan_out` with `low`
#    minus `a`, `high` plus `a`, and hand `**kwargs` on so that `dtype` and `requires_grad`
#    arrive.


# %% id="xavier-uniform-spread" role="check" points=11
@check
def xavier_uniform_spread():
    """A variable spread evenly over an interval varies less than the interval's ends suggest."""
    yield distribution(ndl.init.xavier_uniform(100, 150), dtype="float32")
    yield distribution(ndl.init.xavier_uniform(50, 400), dtype="float32")
    ### BEGIN HIDDEN TESTS
    #: other sizes, one perhaps far larger than the other
    for fan_in, fan_out in ((400, 50), (500, 400), (7, 3000), (12000, 1)):
        yield distribution(ndl.init.xavier_uniform(fan_in, fan_out), dtype="float32")
    ### END HIDDEN TESTS


# %% id="xavier-uniform-gain" role="check" points=4
@check
def xavier_uniform_gain():
    """A tanh shrinks the signal a little, and a gain of 5 / 3 makes up for it."""
    yield distribution(ndl.init.xavier_uniform(100, 150, gain=2.0), dtype="float32")
    ### BEGIN HIDDEN TESTS
    #: another gain, given by position
    for gain in (0.3, 2**0.5, 5.0):
        yield distribution(ndl.init.xavier_uniform(120, 90, gain), dtype="float32")
        #: another gain, given by keyword
        yield distribution(ndl.init.xavier_uniform(90, 130, gain=gain), dtype="float32")
    ### END HIDDEN TESTS


# %% id="xavier-uniform-options" role="check" points=5
@check
def xavier_uniform_options():
    """A keyword that is lost on the way: another dtype, or weights that are never trained."""
    w = ndl.init.xavier_uniform(100, 150)  # float32, and no gradient is required
    yield distribution(w)
    yield distribution(w * (1.0 + w.requires_grad))
    yield distribution(ndl.init.xavier_uniform(100, 150, dtype="float64"))
    w = ndl.init.xavier_uniform(100, 150, requires_grad=True)
    (w * w).sum().backward()
    yield distribution(w.grad)
    yield distribution(w * (2.0 - w.is_leaf()))  # a leaf: it was computed from no tensor
    ### BEGIN HIDDEN TESTS
    #: other sizes, and no keywords
    w = ndl.init.xavier_uniform(70, 160)
    yield distribution(w * (1.0 + w.requires_grad))
    #: dtype and device as keywords
    yield distribution(ndl.init.xavier_uniform(150, 80, dtype="float64", device=ndl.cpu()))
    #: the gradient of float64 weights that require one
    w = ndl.init.xavier_uniform(160, 90, requires_grad=True, dtype="float64")
    (w * w).sum().backward()
    yield distribution(w.grad)
    ### END HIDDEN TESTS


# %% id="xavier-uniform-seed" role="check" points=5
@check
def xavier_uniform_seed():
    """One seed must repeat a whole run, and two draws in it must differ."""
    np.random.seed(0)
    first, other = ndl.init.xavier_uniform(100, 150), ndl.init.xavier_uniform(100, 150)
    np.random.seed(0)
    yield distribution(first + ndl.init.xavier_uniform(100, 150), dtype="float32")
    yield distribution(first - other, dtype="float32")
    ### BEGIN HIDDEN TESTS
    #: a draw repeated after the same seed, other sizes
    np.random.seed(11)
    first, other = ndl.init.xavier_uniform(70, 160), ndl.init.xavier_uniform(70, 160)
    np.random.seed(11)
    yield distribution(first + ndl.init.xavier_uniform(70, 160), dtype="float32")
    #: two draws, one after the other, other sizes
    yield distribution(first - other, dtype="float32")
    ### END HIDDEN TESTS


# %% [markdown] id="xavier-normal-why"
# ## Exercise 2: normal, the standard deviation itself
#
# A normal distribution needs no bound. Its standard deviation is the square root of the variance
# we want, and that is the whole difference.


# %% id="xavier-normal" role="solution" export="needle/init.py"
def xavier_normal(fan_in: int, fan_out: int, gain: float = 1.0, **kwargs: Any) -> Tensor:
    """Weights from N(0, std^2) with the variance of `xavier_uniform`.

    std = gain * sqrt(2 / (fan_in + fan_out)). The result, a leaf, has shape (fan_in, fan_out);
    device, dtype and requires_grad in `kwargs` are those of `randn`.

    Source: Glorot and Bengio, 2010, equation 12.
    """
    ### BEGIN SOLUTION
    std = gain * math.sqrt(2 / (fan_in + fan_out))
    return randn(fan_in, fan_out, mean=0, std=std, **kwargs)
    ### END SOLUTION


# %% [markdown] id="xavier-normal-hints" role="hints" of="xavier-normal"
# 1. `randn` takes a standard deviation. How does it follow from the variance derived above?
# 2. The square root of the variance is `gain` times `sqrt(2 / (fan_in + fan_out))`. The 6 of the
#    uniform case was this 2 times the 3 of the uniform distribution.
# 3. Compute `std` as in the docstring and return `randn` of `fan_in` and `fan_out` with that
#    `std`, mean 0, handing `**kwargs` on.


# %% id="xavier-normal-spread" role="check" points=11
@check
def xavier_normal_spread():
    """A normal distribution has no ends: its width is given by its standard deviation alone."""
    yield distribution(ndl.init.xavier_normal(100, 150), dtype="float32")
    yield distribution(ndl.init.xavier_normal(50, 400), dtype="float32")
    ### BEGIN HIDDEN TESTS
    #: other sizes, one perhaps far larger than the other
    for fan_in, fan_out in ((400, 50), (500, 400), (7, 3000), (12000, 1)):
        yield distribution(ndl.init.xavier_normal(fan_in, fan_out), dtype="float32")
    ### END HIDDEN TESTS


# %% id="xavier-normal-gain" role="check" points=4
@check
def xavier_normal_gain():
    """A tanh shrinks the signal a little, and a gain of 5 / 3 makes up for it."""
    yield distribution(ndl.init.xavier_normal(100, 150, gain=2.0), dtype="float32")
    ### BEGIN HIDDEN TESTS
    #: another gain, given by position
    for gain in (0.3, 2**0.5, 5.0):
        yield distribution(ndl.init.xavier_normal(120, 90, gain), dtype="float32")
        #: another gain, given by keyword
        yield distribution(ndl.init.xavier_normal(90, 130, gain=gain), dtype="float32")
    ### END HIDDEN TESTS


# %% id="xavier-normal-options" role="check" points=5
@check
def xavier_normal_options():
    """A float64 weight in a float32 network makes everything after it float64 too."""
    w = ndl.init.xavier_normal(100, 150)  # float32, and no gradient is required
    yield distribution(w)
    yield distribution(w * (1.0 + w.requires_grad))
    yield distribution(ndl.init.xavier_normal(100, 150, dtype="float64"))
    w = ndl.init.xavier_normal(100, 150, requires_grad=True)
    (w * 3.0 + w).sum().backward()
    yield distribution(w * w.grad)
    yield distribution(w * (2.0 - w.is_leaf()))  # a leaf: it was computed from no tensor
    ### BEGIN HIDDEN TESTS
    #: other sizes, and no keywords
    w = ndl.init.xavier_normal(70, 160)
    yield distribution(w * (1.0 + w.requires_grad))
    #: dtype and device as keywords
    yield distribution(ndl.init.xavier_normal(150, 80, dtype="float64", device=ndl.cpu()))
    #: the gradient of float64 weights that require one
    w = ndl.init.xavier_normal(160, 90, requires_grad=True, dtype="float64")
    (w * w).sum().backward()
    yield distribution(w.grad)
    ### END HIDDEN TESTS


# %% id="xavier-normal-seed" role="check" points=5
@check
def xavier_normal_seed():
    """What cannot be repeated cannot be debugged."""
    np.random.seed(0)
    first, other = ndl.init.xavier_normal(100, 150), ndl.init.xavier_normal(100, 150)
    np.random.seed(0)
    yield distribution(first + ndl.init.xavier_normal(100, 150), dtype="float32")
    yield distribution(first - other, dtype="float32")
    ### BEGIN HIDDEN TESTS
    #: a draw repeated after the same seed, other sizes
    np.random.seed(12)
    first, other = ndl.init.xavier_normal(70, 160), ndl.init.xavier_normal(70, 160)
    np.random.seed(12)
    yield distribution(first + ndl.init.xavier_normal(70, 160), dtype="float32")
    #: two draws, one after the other, other sizes
    yield distribution(first - other, dtype="float32")
    ### END HIDDEN TESTS


# %% [markdown] id="xavier-shapes"
# ### Two shapes, one spread
#
# Both functions aim at the same variance, and the variance is all that the argument above used.
# The histogram shows 300 x 200 weights from each: a flat box that ends at $\pm\sqrt{3}\,\sigma$
# and a bell that reaches beyond it. The dashed lines at $\pm\sigma$ belong to both.

# %% id="xavier-shapes-demo" role="demo"
import matplotlib.pyplot as plt

sigma = (2 / (300 + 200)) ** 0.5
bins = np.linspace(-4 * sigma, 4 * sigma, 81)
fig, ax = plt.subplots(figsize=(7, 3.5), layout="constrained")
for name, draw, color, line in (
    ("xavier_uniform", ndl.init.xavier_uniform, "#0072B2", "-"),
    ("xavier_normal", ndl.init.xavier_normal, "#D55E00", "-."),
):
    w = draw(300, 200).numpy()
    label = f"{name}, std {w.std():.4f}"
    ax.hist(w.ravel(), bins, histtype="step", color=color, linestyle=line, lw=2, label=label)
for edge in (-sigma, sigma):
    ax.axvline(edge, color="black", linestyle="--", lw=1)
ax.set_xlabel("weight")
ax.set_ylabel("number of weights")
ax.set_title("Different shapes, the same standard deviation")
ax.legend(loc="upper right")
ax.margins(y=0.25)
show("Two histograms of weights with the same standard deviation: a flat box and a bell.")

# %% [markdown] id="kaiming-why"
# ## Exercise 3: ReLU throws half of the signal away
#
# So far the layer was linear. A ReLU sets the negative half of a symmetric $y$ to zero, so the
# mean square of what is left is half of what it was:
#
# $$\mathrm{E}[\mathrm{relu}(y)^2] = \tfrac12 \mathrm{Var}(y).$$
#
# (It is the mean square that counts, not the variance: the next layer's sum adds up
# $\mathrm{E}[x_i^2]$, and a ReLU's output does not have mean zero.) One layer with its ReLU
# therefore multiplies by $\tfrac12\,\text{fan\_in}\cdot\mathrm{Var}(w)$, and Kaiming He's answer
# is
#
# $$\mathrm{Var}(w) = \frac{2}{\text{fan\_in}} = \frac{\text{gain}^2}{\text{fan\_in}},
# \qquad \text{gain} = \sqrt2.$$
#
# `nonlinearity` names the activation that the gain is for. We have one, and the next cell says so
# to anybody who asks for another. The bound of the uniform distribution follows from the variance
# as before.


# %% id="init-kaiming-relu" role="given" export="needle/init.py"
def _demand_relu(nonlinearity: str) -> None:
    """Raise ValueError for an activation whose gain is not known here."""
    if nonlinearity != "relu":
        raise ValueError(
            f"Kaiming initialization is written for nonlinearity='relu', not {nonlinearity!r}; "
            "for another activation use xavier_uniform or xavier_normal with a gain"
        )


# %% id="kaiming-uniform" role="solution" export="needle/init.py"
def kaiming_uniform(fan_in: int, fan_out: int, nonlinearity: str = "relu", **kwargs: Any) -> Tensor:
    """Weights from U(-a, a) that keep the mean square through a layer followed by a ReLU.

    a = gain * sqrt(3 / fan_in) with gain = sqrt(2). The result, a leaf, has shape
    (fan_in, fan_out); device, dtype and requires_grad in `kwargs` are those of `rand`.
    Raises ValueError for a nonlinearity other than "relu".

    Source: He, Zhang, Ren and Sun, 2015, equation 10.
    """
    _demand_relu(nonlinearity)
    if fan_in == 0:  # no weights, so no scale
        return rand(0, fan_out, **kwargs)
    ### BEGIN SOLUTION
    bound = math.sqrt(2) * math.sqrt(3 / fan_in)
    return rand(fan_in, fan_out, low=-bound, high=bound, **kwargs)
    ### END SOLUTION


# %% [markdown] id="kaiming-uniform-hints" role="hints" of="kaiming-uniform"
# 1. Which of `fan_in` and `fan_out` appears in the variance, and which only in the shape?
# 2. As with Xavier, the bound is the square root of three times the variance. The variance is `2
#    / fan_in`.
# 3. Let `a` be `math.sqrt(6 / fan_in)`, which is the docstring's formula multiplied out, and
#    return `rand` of `fan_in` and `fan_out` between minus `a` and `a`, handing `**kwargs` on.


# %% id="kaiming-uniform-spread" role="check" points=14
@check
def kaiming_uniform_spread():
    """Only the number of products that an output sums up decides how large the sum gets."""
    yield distribution(ndl.init.kaiming_uniform(100, 150), dtype="float32")
    yield distribution(ndl.init.kaiming_uniform(50, 400), dtype="float32")
    ### BEGIN HIDDEN TESTS
    #: other sizes, one perhaps far larger than the other
    for fan_in, fan_out in ((400, 50), (500, 400), (7, 3000), (12000, 1), (1, 12000)):
        yield distribution(ndl.init.kaiming_uniform(fan_in, fan_out), dtype="float32")
    #: nonlinearity given by position
    yield distribution(ndl.init.kaiming_uniform(120, 90, "relu"), dtype="float32")
    ### END HIDDEN TESTS


# %% id="kaiming-uniform-nonlinearity" role="check" points=1
@check
def kaiming_uniform_nonlinearity():
    """A gain that is meant for another activation is worse than an error."""

    def drawn(*names):
        # one letter of the name a draw: in capitals where ValueError was raised
        for name in names:
            try:
                ndl.init.kaiming_uniform(3, 2, nonlinearity=name)
                yield ord(name[0])
            except ValueError:
                yield ord(name[0].upper())

    yield np.array(list(drawn("relu", "tanh")))
    ### BEGIN HIDDEN TESTS
    #: several names of activations, relu among them
    yield np.array(list(drawn("sigmoid", "relu", "leaky_relu", "selu")))
    ### END HIDDEN TESTS


# %% id="kaiming-uniform-options" role="check" points=5
@check
def kaiming_uniform_options():
    """A weight that cannot ask for a gradient cannot be trained."""
    w = ndl.init.kaiming_uniform(100, 150)  # float32, and no gradient is required
    yield distribution(w)
    yield distribution(w * (1.0 + w.requires_grad))
    yield distribution(ndl.init.kaiming_uniform(100, 150, dtype="float64"))
    w = ndl.init.kaiming_uniform(100, 150, requires_grad=True)
    (w * w).sum().backward()
    yield distribution(w.grad)
    yield distribution(w * (2.0 - w.is_leaf()))  # a leaf: it was computed from no tensor
    ### BEGIN HIDDEN TESTS
    #: other sizes, and no keywords
    w = ndl.init.kaiming_uniform(70, 160)
    yield distribution(w * (1.0 + w.requires_grad))
    #: nonlinearity, dtype and device as keywords
    yield distribution(
        ndl.init.kaiming_uniform(150, 80, nonlinearity="relu", dtype="float64", device=ndl.cpu())
    )
    #: the gradient of float64 weights that require one
    w = ndl.init.kaiming_uniform(160, 90, requires_grad=True, dtype="float64")
    (w * w).sum().backward()
    yield distribution(w.grad)
    ### END HIDDEN TESTS


# %% id="kaiming-uniform-seed" role="check" points=5
@check
def kaiming_uniform_seed():
    """A seed stands for one network; a generator of its own would make it many."""
    np.random.seed(0)
    first, other = ndl.init.kaiming_uniform(100, 150), ndl.init.kaiming_uniform(100, 150)
    np.random.seed(0)
    yield distribution(first + ndl.init.kaiming_uniform(100, 150), dtype="float32")
    yield distribution(first - other, dtype="float32")
    ### BEGIN HIDDEN TESTS
    #: a draw repeated after the same seed, other sizes
    np.random.seed(13)
    first, other = ndl.init.kaiming_uniform(70, 160), ndl.init.kaiming_uniform(70, 160)
    np.random.seed(13)
    yield distribution(first + ndl.init.kaiming_uniform(70, 160), dtype="float32")
    #: two draws, one after the other, other sizes
    yield distribution(first - other, dtype="float32")
    ### END HIDDEN TESTS


# %% [markdown] id="kaiming-normal-why"
# ## Exercise 4: and the normal one
#
# From Kaiming's variance to a normal distribution it is the same step as from `xavier_uniform` to
# `xavier_normal`.


# %% id="kaiming-normal" role="solution" export="needle/init.py"
def kaiming_normal(fan_in: int, fan_out: int, nonlinearity: str = "relu", **kwargs: Any) -> Tensor:
    """Weights from N(0, std^2) with the variance of `kaiming_uniform`.

    std = gain / sqrt(fan_in) with gain = sqrt(2). The result, a leaf, has shape (fan_in, fan_out);
    device, dtype and requires_grad in `kwargs` are those of `randn`.
    Raises ValueError for a nonlinearity other than "relu".

    Source: He, Zhang, Ren and Sun, 2015, equation 10.
    """
    _demand_relu(nonlinearity)
    if fan_in == 0:  # no weights, so no scale
        return randn(0, fan_out, **kwargs)
    ### BEGIN SOLUTION
    std = math.sqrt(2) / math.sqrt(fan_in)
    return randn(fan_in, fan_out, mean=0, std=std, **kwargs)
    ### END SOLUTION


# %% [markdown] id="kaiming-normal-hints" role="hints" of="kaiming-normal"
# 1. What changes between `xavier_uniform` and `xavier_normal`? The same changes here.
# 2. The standard deviation is the square root of the variance `2 / fan_in`, without the 3 that
#    only the uniform distribution needs.
# 3. Let `std` be `math.sqrt(2 / fan_in)` and return `randn` of `fan_in` and `fan_out` with that
#    `std`, handing `**kwargs` on.


# %% id="kaiming-normal-spread" role="check" points=14
@check
def kaiming_normal_spread():
    """A factor that is wrong by 10 percent is a factor of 100 after fifty layers."""
    yield distribution(ndl.init.kaiming_normal(100, 150), dtype="float32")
    yield distribution(ndl.init.kaiming_normal(50, 400), dtype="float32")
    ### BEGIN HIDDEN TESTS
    #: other sizes, one perhaps far larger than the other
    for fan_in, fan_out in ((400, 50), (500, 400), (7, 3000), (12000, 1), (1, 12000)):
        yield distribution(ndl.init.kaiming_normal(fan_in, fan_out), dtype="float32")
    #: nonlinearity given by position
    yield distribution(ndl.init.kaiming_normal(120, 90, "relu"), dtype="float32")
    ### END HIDDEN TESTS


# %% id="kaiming-normal-nonlinearity" role="check" points=1
@check
def kaiming_normal_nonlinearity():
    """A gain that is meant for another activation is worse than an error."""

    def drawn(*names):
        # one letter of the name a draw: in capitals where ValueError was raised
        for name in names:
            try:
                ndl.init.kaiming_normal(3, 2, nonlinearity=name)
                yield ord(name[0])
            except ValueError:
                yield ord(name[0].upper())

    yield np.array(list(drawn("relu", "tanh")))
    ### BEGIN HIDDEN TESTS
    #: several names of activations, relu among them
    yield np.array(list(drawn("sigmoid", "relu", "leaky_relu", "selu")))
    ### END HIDDEN TESTS


# %% id="kaiming-normal-options" role="check" points=5
@check
def kaiming_normal_options():
    """The caller decides on the dtype and the gradient, and hands both over by keyword."""
    w = ndl.init.kaiming_normal(100, 150)  # float32, and no gradient is required
    yield distribution(w)
    yield distribution(w * (1.0 + w.requires_grad))
    yield distribution(ndl.init.kaiming_normal(100, 150, dtype="float64"))
    w = ndl.init.kaiming_normal(100, 150, requires_grad=True)
    (w * 3.0 + w).sum().backward()
    yield distribution(w * w.grad)
    yield distribution(w * (2.0 - w.is_leaf()))  # a leaf: it was computed from no tensor
    ### BEGIN HIDDEN TESTS
    #: other sizes, and no keywords
    w = ndl.init.kaiming_normal(70, 160)
    yield distribution(w * (1.0 + w.requires_grad))
    #: nonlinearity, dtype and device as keywords
    yield distribution(
        ndl.init.kaiming_normal(150, 80, nonlinearity="relu", dtype="float64", device=ndl.cpu())
    )
    #: the gradient of float64 weights that require one
    w = ndl.init.kaiming_normal(160, 90, requires_grad=True, dtype="float64")
    (w * w).sum().backward()
    yield distribution(w.grad)
    ### END HIDDEN TESTS


# %% id="kaiming-normal-seed" role="check" points=5
@check
def kaiming_normal_seed():
    """Two layers drawn one after the other must differ; two runs with one seed must not."""
    np.random.seed(0)
    first, other = ndl.init.kaiming_normal(100, 150), ndl.init.kaiming_normal(100, 150)
    np.random.seed(0)
    yield distribution(first + ndl.init.kaiming_normal(100, 150), dtype="float32")
    yield distribution(first - other, dtype="float32")
    ### BEGIN HIDDEN TESTS
    #: a draw repeated after the same seed, other sizes
    np.random.seed(14)
    first, other = ndl.init.kaiming_normal(70, 160), ndl.init.kaiming_normal(70, 160)
    np.random.seed(14)
    yield distribution(first + ndl.init.kaiming_normal(70, 160), dtype="float32")
    #: two draws, one after the other, other sizes
    yield distribution(first - other, dtype="float32")
    ### END HIDDEN TESTS


# %% [markdown] id="depth-why"
# ## What it buys: fifty layers
#
# The next cell draws fifty layers of 512 units with your `kaiming_normal` and sends 64 random
# rows through them four times: the same weights, at four scales. It plots the standard deviation
# of what comes out of each ReLU. The vertical axis is logarithmic, so a constant factor per layer
# is a straight line.
#
# - $N(0, 0.01^2)$, the habit of the years before 2010: 0.16 of the signal is left after each
#   layer. It ends near 1e-40, below the point where `float32` begins to lose digits (1.2e-38).
# - standard deviation $1/\sqrt{n}$, right for a linear layer: loses a factor of $\sqrt2$ a layer
#   and ends near 3e-8.
# - Kaiming: stays near 1.
# - Kaiming times 1.1: a slip of ten percent makes it about a hundred times too large.


# %% id="depth-demo" role="demo"
n = 512
kaiming = (2 / n) ** 0.5
recipes = {
    "1.1 x Kaiming": (1.1 * kaiming, "#D55E00", "--"),
    "Kaiming": (kaiming, "#009E73", "-"),
    "std 1/sqrt(n)": (n**-0.5, "#0072B2", "-."),
    "std 0.01": (0.01, "#000000", ":"),
}


def activation_std(stds, depth=50):
    """Standard deviation after each of `depth` ReLU layers, one column for each std of weights."""
    np.random.seed(0)
    signals, rows = [ndl.init.randn(64, n)] * len(stds), []
    for _ in range(depth):
        w = ndl.init.kaiming_normal(n, n) / kaiming
        signals = [ndl.relu(x @ (w * std)) for x, std in zip(signals, stds, strict=True)]
        rows.append([x.numpy().astype("float64").std() for x in signals])
    return np.array(rows)


measured = activation_std([std for std, _, _ in recipes.values()])
fig, ax = plt.subplots(figsize=(7, 4), layout="constrained")
for (name, (_, color, line)), values in zip(recipes.items(), measured.T, strict=True):
    label = f"{name}: ends at {values[-1]:.2g}"
    ax.semilogy(range(1, 51), values, color=color, linestyle=line, lw=2, label=label)
tiny = np.finfo("float32").tiny
ax.axhline(tiny, color="gray", lw=1, label=f"float32 loses digits below {tiny:.1e}")
ax.set_xlabel("layer")
ax.set_ylabel("standard deviation of the activations")
ax.set_title("Only Kaiming's scale carries a signal through 50 ReLU layers")
ax.legend(loc="lower left")
show(
    "Activation size against layer on a logarithmic scale: Kaiming stays near 1, 1.1 times "
    "Kaiming grows, the two others shrink in straight lines."
)

# %% [markdown] id="end-01"
# ## What you built
#
# `needle/init.py`: constants, random tensors, and weights whose scale lets a signal pass through
# a deep stack of layers neither dying nor exploding.
#
# **The same in PyTorch.** `torch.nn.init.xavier_uniform_(w)` and `kaiming_normal_(w,
# nonlinearity="relu")` fill a tensor that exists. Its weights have the shape (fan_out, fan_in), the
# other way round.
#
# **What comes next.** Stage 02 wraps a weight and a bias into `Linear`, the first layer, and
# draws both with your `kaiming_uniform`.
#
# ## Questions to think about
#
# Double-click a question, write below it, and run the cell. None of this is graded. Once you have
# answered and saved, `%mugrade hint` with the question's name, in a new cell, shows our answer.

# %% [markdown] id="fan-in-and-fan-out" role="answer"
# 1. **fan-in-and-fan-out**: A layer has `fan_in = 1000` and `fan_out = 10`. Under Xavier, by which
#    factor does its forward pass change the variance, by which its backward pass? What if the order
#    is turned round?
#
# ### BEGIN SOLUTION
# $\mathrm{Var}(w) = 2/1010$. Forward $1000 \cdot 2/1010 = 1.98$, backward $10 \cdot 2/1010 =
# 0.0198$. Turned round, the two change places.
# ### END SOLUTION

# %% [markdown] id="kaiming-and-other-widths" role="answer"
# 2. **kaiming-and-other-widths**: Kaiming looks at `fan_in` only. Why does the gradient of a
#    network in which every layer is drawn that way still neither vanish nor explode, even if the
#    widths differ from layer to layer? (Multiply the factors of two neighbouring layers.)
#
# ### BEGIN SOLUTION
# A layer from $n$ to $m$ features, with its ReLU, multiplies the gradient's variance by $\tfrac12 m
# \cdot 2/n = m/n$. In a product over all layers the widths between cancel; what is left is last
# width over first, however deep the network is.
# ### END SOLUTION

# %% [markdown] id="half-of-the-inputs" role="answer"
# 3. **half-of-the-inputs**: A layer that drops half of its inputs at random, without rescaling the
#    rest, should start with which variance?
#
# ### BEGIN SOLUTION
# Half of the inputs means half of the mean square, so twice the variance: $2/\text{fan\_in}$
# without a ReLU, $4/\text{fan\_in}$ with one.
# ### END SOLUTION

# %% [markdown] id="references-01"
# ## References
#
# - Xavier Glorot and Yoshua Bengio, *Understanding the difficulty of training deep feedforward
#   neural networks*, AISTATS 2010.
# - Kaiming He, Xiangyu Zhang, Shaoqing Ren and Jian Sun, *Delving deep into rectifiers:
#   surpassing human-level performance on ImageNet classification*, ICCV 2015. arXiv:1502.01852.
# - Andrew Saxe, James McClelland and Surya Ganguli, *Exact solutions to the nonlinear dynamics of
#   learning in deep linear neural networks*, ICLR 2014. arXiv:1312.6120.
