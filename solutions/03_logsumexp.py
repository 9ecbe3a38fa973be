# %% [markdown] id="title-03"
# # 03 · LogSumExp
#
# You will build `logsumexp`, first as a NumPy function that survives any input, then as an op of
# `needle` with a gradient. It is the heart of the softmax loss, and the smallest example of code
# that follows its formula and is still wrong.
#
# - **Time**: about 30 minutes, two exercises.
# - **You need**: stage 00 (ops, broadcasting, gradients).
# - **It grows**: `needle/ops/logsumexp.py`.

# %% id="setup-03" role="given"
# %load_ext mugrade
import numpy as np

import needle as ndl
from mugrade import check, close, rng, show

# %% [markdown] id="why-logsumexp"
# ## A formula that breaks
#
# A classifier gives each class a score, a *logit*. To turn $k$ logits into a loss we shall need
#
# $$\operatorname{logsumexp}(z) = \log \sum_{i=1}^{k} e^{z_i}.$$
#
# It is a soft version of the maximum: the largest entry rules the sum, and the logarithm takes
# the exponential back. So the result is harmless. It lies between $\max(z)$ and
# $\max(z) + \log k$. What happens on the way to it is not: the largest `float32` is about
# $3.4 \cdot 10^{38} = e^{88.72}$.
#
# The next cell writes the formula down as it stands. Look at which rows are lost, and at which
# end.

# %% id="naive-demo" role="demo"
import matplotlib.pyplot as plt


def naive_logsumexp(array, axes=None):
    """The formula, literally; NumPy's warnings are silenced so that only the values speak."""
    with np.errstate(over="ignore", divide="ignore"):
        return np.log(np.exp(array).sum(axis=axes))


for top in (1.0, 88.0, 89.0, 1000.0, -100.0, -104.0):
    row = np.array([top, top - 10], dtype="float32")
    print(f"z = [{row[0]:7.1f}, {row[1]:7.1f}]   naive {naive_logsumexp(row):10.4f}")

# %% [markdown] id="why-stable"
# ## Exercise 1: the same number by another road
#
# Above 88.72 the exponential overflows and the result is `inf`. Near -104 every exponential
# underflows to zero and the result is $\log 0$, `-inf`. In both cases the true answer is an
# ordinary number close to $\max(z)$.
#
# The way out is a property of the function itself. For every number $c$,
#
# $$\operatorname{logsumexp}(z + c) = \operatorname{logsumexp}(z) + c,$$
#
# because $e^{z_i + c} = e^{z_i} e^{c}$ and the factor $e^{c}$ leaves the sum. Read from right to
# left it says that you may shift the entries before you exponentiate, if you undo the shift after
# the logarithm. Which shift keeps every exponential at or below 1, and at least one of them at
# exactly 1? When several slices are reduced at once, each has its own.
#
# Infinities are inputs too. A *mask* gives a forbidden class the logit $-\infty$, so that it adds
# nothing to the sum.

# %% id="logsumexp-module" role="given" export="needle/ops/logsumexp.py"
"""The logarithm of a sum of exponentials, without overflow."""

import numpy as np

from needle.autograd import Tensor, TensorOp
from needle.ops.basic import exp


# %% id="stable-logsumexp" role="solution" export="needle/ops/logsumexp.py" of="logsumexp"
def stable_logsumexp(array: np.ndarray, axes: int | tuple[int, ...] | None = None) -> np.ndarray:
    """Return log(sum(exp(array))) over `axes`, finite whenever the entries are.

    `axes` is an int, a tuple of ints (each may be negative) or None for all axes; the reduced
    axes disappear from the shape. float32 stays float32, float64 stays float64, and `array` is
    left as it was.
    An entry of -inf adds nothing; a slice of nothing but -inf gives -inf, one with +inf gives +inf.
    Source: Blanchard, Higham and Higham (2021).
    """
    ### BEGIN SOLUTION
    top = np.max(array, axis=axes, keepdims=True)
    shift = np.where(np.isfinite(top), top, 0)  # inf - inf would be nan
    with np.errstate(divide="ignore", over="ignore"):
        total = np.sum(np.exp(array - shift), axis=axes, keepdims=True)
        result = np.log(total) + shift
    return np.squeeze(result, axis=axes)
    ### END SOLUTION


# %% [markdown] id="stable-logsumexp-hints" role="hints" of="stable-logsumexp"
# 1. You may add any number to all the entries of a slice, as long as you take it away from the
#    result. Which number makes the largest exponential exactly 1?
# 2. Take the maximum over `axes` with `keepdims=True`: it then broadcasts against `array`, one
#    maximum a slice. Where a maximum is not finite, shift by 0 instead, because `inf - inf` is
#    `nan`.
# 3. `top = array.max(axis=axes, keepdims=True)`, `shift = np.where(np.isfinite(top), top, 0)`,
#    then the logarithm of the sum of `np.exp(array - shift)`, with `keepdims=True`, plus `shift`;
#    `np.squeeze(..., axis=axes)` at the end removes the reduced axes.


# %% id="logsumexp-forward" role="check" points=8 of="stable-logsumexp"
@check
def logsumexp_forward():
    """The maximum alone is not the answer: entries near it raise the result by up to log(k)."""
    yield close(stable_logsumexp(np.array([0.0, 0.0], dtype="float32")), dtype="float32")
    rows = np.array([[0.0, 1.0, -2.0], [3.0, 3.0, 3.0]], dtype="float32")
    yield close(stable_logsumexp(rows, axes=1), dtype="float32")
    yield close(stable_logsumexp(np.array([0.5, 1.0, -1.0], dtype="float32")), dtype="float32")
    ### BEGIN HIDDEN TESTS
    #: a random vector, or one axis of a random matrix
    for shape, axes in (((7,), None), ((4, 6), 1), ((6, 4), 0), ((5, 5), 1), ((1, 9), 1)):
        z = rng.standard_normal(shape, dtype="float32")
        yield close(stable_logsumexp(z, axes=axes), dtype="float32")
    #: a long vector of entries near zero
    z = rng.uniform(-0.1, 0.1, size=(2000,)).astype("float32")
    yield close(stable_logsumexp(z), dtype="float32")
    ### END HIDDEN TESTS


# %% id="logsumexp-keeps-dtype" role="check" points=4 of="stable-logsumexp"
@check
def logsumexp_keeps_dtype():
    """float64 costs twice the memory and spreads to all that follows; float32 loses digits."""
    for dtype, last in (("float32", 0.5), ("float64", 3.0)):
        z = np.array([[0.0, 1.0, last], [2.0, -1.0, 1.0]], dtype=dtype)
        for axes in (1, None):
            yield stable_logsumexp(z.copy(), axes=axes)
    ### BEGIN HIDDEN TESTS
    #: an axis, a tuple or None, in float64 or float32
    for dtype in ("float64", "float32"):
        z = (3 * rng.standard_normal((5, 4))).astype(dtype)
        for axes in (1, None, (0,)):
            yield stable_logsumexp(z.copy(), axes=axes)
    #: a float64 vector, its entries far apart
    yield stable_logsumexp(np.array([0.0, -25.0]))  # 1.4e-11: nothing may be added to the sum
    ### END HIDDEN TESTS


# %% id="logsumexp-axes" role="check" points=12 of="stable-logsumexp"
@check
def logsumexp_axes():
    """The same op reduces rows, columns, several axes at once or everything, so `axes` decides."""
    cube = np.arange(8, dtype="float32").reshape(2, 2, 2)
    for axes in (0, 1, 2, -1, (0, 2), None):
        yield close(stable_logsumexp(cube.copy(), axes=axes), dtype="float32")
    yield close(stable_logsumexp(cube[:1, 0].copy(), axes=1), dtype="float32")
    ### BEGIN HIDDEN TESTS
    #: a cube, with any kind of axes, perhaps negative
    cube = rng.standard_normal((3, 3, 3), dtype="float32")
    for axes in (0, 1, -1, -3, (1,), (0, 1), (2, 0), (-1, 1), (-2, -3), (0, 1, 2), None):
        yield close(stable_logsumexp(cube.copy(), axes=axes), dtype="float32")
    #: four axes of different lengths, one of length 1
    box = rng.standard_normal((2, 1, 4, 3), dtype="float32")
    box[0, 0, 0] = 0
    for axes in (1, -2, (0, 3), (1, 2), None):
        yield close(stable_logsumexp(box.copy(), axes=axes), dtype="float32")
    ### END HIDDEN TESTS


# %% id="logsumexp-is-stable" role="check" points=14 of="stable-logsumexp"
@check
def logsumexp_is_stable():
    """exp overflows float32 from 88.73 on, and underflows to zero below -103.97."""
    yield close(stable_logsumexp(np.array([1000.0, 1000.0], dtype="float32")), dtype="float32")
    rows = np.array([[-200.0, -201.0, -300.0], [500.0, 300.0, -900.0]], dtype="float32")
    yield close(stable_logsumexp(rows, axes=1), dtype="float32")
    ### BEGIN HIDDEN TESTS
    #: large to huge entries of both signs
    for scale in (90, 1e4, 1e30):
        z = np.float32(scale) * rng.standard_normal((4, 7), dtype="float32")
        for axes in (0, 1, None):
            yield close(stable_logsumexp(z.copy(), axes=axes), dtype="float32")
    #: entries close to each other, far from zero
    for offset in (88.5, 300.0, -120.0, -3000.0):
        z = rng.random((5, 3), dtype="float32") + np.float32(offset)
        yield close(stable_logsumexp(z, axes=1), dtype="float32")
    #: slices far apart from each other, or all at once
    offsets = np.array([[-2000.0], [0.0], [2000.0]], dtype="float32")
    z = offsets + rng.standard_normal((3, 4), dtype="float32")
    z[1] += np.float32(0.5) - z[1].min()  # far from 0, where digits would be lost
    for rows, axes in ((z, 1), (z.T, 0), (z, None)):
        yield close(stable_logsumexp(rows.copy(), axes=axes), dtype="float32")
    ### END HIDDEN TESTS


# %% id="logsumexp-infinities" role="check" points=8 of="stable-logsumexp"
@check
def logsumexp_infinities():
    """A mask writes -inf into the logits, and inf - inf is nan."""
    inf = np.inf
    masked = np.array([[0.0, -inf, 1.0], [-inf, -inf, -inf], [inf, 0.0, -inf]], dtype="float32")
    yield close(stable_logsumexp(masked.copy(), axes=1), dtype="float32")
    ### BEGIN HIDDEN TESTS
    #: the matrix that is shown, over its columns or as a whole
    yield close(stable_logsumexp(masked.copy(), axes=0), dtype="float32")
    yield close(stable_logsumexp(masked.copy(), axes=None), dtype="float32")
    #: large entries, many of them -inf, a whole row too
    z = 100 * rng.standard_normal((6, 5), dtype="float32")
    z[rng.random((6, 5)) < 0.5] = -inf
    z[0, :2] = z[3] = -1000
    z[1, :2] = 100
    z[2] = -inf
    for axes in (1, 0):
        yield close(stable_logsumexp(z.copy(), axes=axes), dtype="float32")
    #: a vector of nothing but -inf
    yield close(stable_logsumexp(z[2].copy()), dtype="float32")
    ### END HIDDEN TESTS


# %% id="logsumexp-leaves-its-input" role="check" points=4 of="stable-logsumexp"
@check
def logsumexp_leaves_its_input():
    """The array belongs to a tensor that other ops read as well, the gradient of this one too."""
    z = np.array([[3.0, 1.0, -1.0], [0.0, 2.0, 0.5]], dtype="float32")
    yield close(stable_logsumexp(z, axes=1), dtype="float32")
    yield close(stable_logsumexp(z, axes=0), dtype="float32")
    ### BEGIN HIDDEN TESTS
    #: one random array, reduced over several axes in turn
    z = 30 + 5 * rng.standard_normal((4, 3), dtype="float32")
    for axes in (1, None, 0):
        yield close(stable_logsumexp(z, axes=axes), dtype="float32")
    #: the array itself, after it has been reduced
    yield z
    ### END HIDDEN TESTS


# %% [markdown] id="naive-against-stable-prose"
# ### What the shift bought
#
# The row is $[z, z - 10]$, so the exact result is $z + 0.000045$: a straight line. Both curves
# come from the functions of this notebook. The stable one (solid) follows the line through the
# whole range. The naive one (thick, dashed) lies on it only between the two shaded regions; it is
# `-inf` left of about -104, and `inf` right of 88.72.

# %% id="naive-against-stable" role="demo"
z = np.linspace(-150, 150, 30_001, dtype="float32")
rows = np.stack([z, z - 10], axis=1)
naive, stable = naive_logsumexp(rows, axes=1), stable_logsumexp(rows, axes=1)
low, high = z[np.isneginf(naive)].max(), z[np.isposinf(naive)].min()
print(f"naive: -inf up to z = {low:.2f}, inf from z = {high:.2f}")
print(f"stable: off the exact line by at most {np.abs(stable - (z + np.exp(-10.0))).max():.1e}")

fig, ax = plt.subplots(figsize=(7, 4))
ax.axvspan(z[0], low, color="0.9")
ax.axvspan(high, z[-1], color="0.9", label="naive is infinite here")
ax.plot(z, naive, "--", color="#D55E00", linewidth=5, label="naive: log(sum(exp(z)))")
ax.plot(z, stable, "-", color="#0072B2", linewidth=1.5, label="stable_logsumexp(z)")
ax.set(xlabel="z, with the row [z, z - 10] in float32", ylabel="logsumexp of the row")
ax.set_title("The naive formula breaks at 88.72, the shifted one nowhere")
ax.legend()
show(
    "The logsumexp of [z, z - 10] against z: the stable line is straight from -150 to 150, "
    "the naive one ends at -104 and at 88.72."
)

# %% [markdown] id="shift-invariance-prose"
# ### The identity as an experiment
#
# In exact arithmetic $f(z + c) - c$ is the same for every $c$. For $z = [0, 1, 2]$ it is 2.4076.
# In the table below the naive column loses digits on the negative side, then both ends break to
# `inf` and `-inf`. The stable column never breaks, but it does drift. At $c = 10^4$ the fourth
# decimal is wrong, and at $10^8$ nothing is left: `float32` numbers near $10^8$ are 8 apart, and
# the digits were lost in the sum $z + c$, before `logsumexp` saw them.

# %% id="shift-invariance" role="demo"
z = np.array([0.0, 1.0, 2.0], dtype="float32")
print("          c       naive      stable      float32 spacing at c")
for c in np.array([0, 50, -100, 100, -1000, 1e3, 1e4, 1e6, 1e8], dtype="float32"):
    by_formula, by_shift = naive_logsumexp(z + c) - c, stable_logsumexp(z + c) - c
    print(f"{c:11.0f} {by_formula:11.4f} {by_shift:11.4f} {np.spacing(abs(c)):20.1e}")

# %% [markdown] id="why-logsumexp-gradient"
# ## Exercise 2: the gradient
#
# Write $f = \operatorname{logsumexp}(z)$. The chain rule gives
#
# $$\frac{\partial f}{\partial z_i} = \frac{e^{z_i}}{\sum_j e^{z_j}} = e^{z_i - f},$$
#
# the **softmax**: positive numbers that sum to 1. The quotient would bring the overflow back. The
# last form is safe, because $z_i \le f$, and $f$ is already there: it is `node`, the tensor that
# the forward pass has computed.
#
# Two things are left to do.
#
# - **Shapes.** `node` and `out_grad` lack the axes that were reduced. Put them back with size 1
#   (`reshape`), then `broadcast_to` the shape of $z$. Broadcasting alone aligns right: for a
#   square matrix reduced over axis 1 it runs without complaint and is wrong.
# - **Ops, not arrays.** The gradient is built from ops on tensors, so that it can be
#   differentiated again.
#
# The shift does not appear. It cancels in the forward pass, so the result does not depend on it,
# and neither does the gradient.


# %% id="logsumexp" role="solution" export="needle/ops/logsumexp.py"
class LogSumExp(TensorOp):
    """log(sum(exp(z))) over `axes`: an int, a tuple of ints, or None for all axes."""

    def __init__(self, axes: int | tuple[int, ...] | None = None) -> None:
        self.axes = axes

    def compute(self, array: np.ndarray) -> np.ndarray:
        """Return the stable logsumexp of `array`."""
        return stable_logsumexp(array, self.axes)

    def gradient(self, out_grad: Tensor, node: Tensor) -> Tensor:
        """Return out_grad * softmax(z), with z = node.inputs[0].

        d node / d z_i = exp(z_i) / sum_j exp(z_j), the sum over `axes`; 0 where z_i is -inf.
        `out_grad` has the shape of `node`, the result has shape and dtype of z. Built from ops.
        """
        ### BEGIN SOLUTION
        (z,) = node.inputs
        axes = range(len(z.shape)) if self.axes is None else np.atleast_1d(self.axes)
        kept = list(z.shape)
        for axis in axes:
            kept[axis] = 1
        log_sum = node.reshape(tuple(kept)).broadcast_to(z.shape)
        grad = out_grad.reshape(tuple(kept)).broadcast_to(z.shape)
        return grad * exp(z - log_sum)
        ### END SOLUTION


def logsumexp(a: Tensor, axes: int | tuple[int, ...] | None = None) -> Tensor:
    """Return log(sum(exp(a))) over `axes`."""
    return LogSumExp(axes)(a)


# %% [markdown] id="logsumexp-hints" role="hints" of="logsumexp"
# 1. What is exp(z_i - f) if f is the logsumexp of the slice that z_i is in? Where does the
#    backward pass keep f, and which shape does it have?
# 2. Copy `list(z.shape)` and set the reduced axes to 1 (all of them when `self.axes` is None, one
#    when it is an int; a negative index works on a list as it is). `reshape` both `node` and
#    `out_grad` to that, then `broadcast_to(..., z.shape)`.
# 3. With `kept` for the shape of hint 2: the softmax is `exp` of z minus the broadcast `node`;
#    the answer is the broadcast `out_grad` times the softmax. Do not touch `.numpy()` or
#    `.cached_data`: everything in it is a tensor.

# %% id="ops-index-logsumexp" role="index" export="needle/ops/__init__.py" of="logsumexp.py"

# %% id="needle-index-logsumexp" role="index" export="needle/__init__.py" of="ops/__init__.py"


# %% id="logsumexp-gradient" role="check" points=12
@check
def logsumexp_gradient():
    """Raising one logit raises the result by that logit's share, times what arrives from above."""
    z = ndl.Tensor([[0.0, 1.0, 2.0], [-1.0, 1.0, 1.0]])
    ndl.logsumexp(z, axes=1).backward(ndl.Tensor([1.0, -2.0]))
    yield close(z.grad, dtype="float32")
    ### BEGIN HIDDEN TESTS
    #: the value, for random rows, perhaps a single one
    for shape in ((3, 5), (6, 2), (1, 4)):
        z = ndl.Tensor(rng.standard_normal(shape, dtype="float32"))
        f = ndl.logsumexp(z, axes=1)
        f.backward(ndl.Tensor(rng.standard_normal(f.shape, dtype="float32")))
        yield close(f, dtype="float32")
        #: the gradient, for random rows, perhaps a single one
        yield close(z.grad, dtype="float32")
    #: the sum of squared results, entries well above zero
    z = ndl.Tensor(20 + rng.standard_normal((4, 3), dtype="float32"))
    (ndl.logsumexp(z, axes=1) ** 2).sum().backward()
    yield close(z.grad, dtype="float32")
    ### END HIDDEN TESTS


# %% id="logsumexp-gradient-keeps-dtype" role="check" points=4 of="logsumexp"
@check
def logsumexp_gradient_keeps_dtype():
    """A gradient in float64 doubles the price of the whole backward pass."""
    for dtype, last in (("float32", 0.5), ("float64", 3.0)):
        f = ndl.logsumexp(ndl.Tensor([[0.0, 1.0, last], [2.0, -1.0, 1.0]], dtype=dtype), axes=1)
        yield f.op.gradient_as_tuple(ndl.Tensor([1.0, -2.0], dtype=dtype), f)[0]
    ### BEGIN HIDDEN TESTS
    #: columns of positive entries, in float64 or float32
    for dtype, offset in (("float64", 600), ("float32", 5)):  # float32 has four decimals at 600
        f = ndl.logsumexp(ndl.Tensor(offset + rng.standard_normal((4, 3)), dtype=dtype), axes=0)
        yield f.op.gradient_as_tuple(ndl.Tensor([1.0, -2.0, 0.5], dtype=dtype), f)[0]
    ### END HIDDEN TESTS


# %% id="logsumexp-gradient-axes" role="check" points=13
@check
def logsumexp_gradient_axes():
    """Broadcasting aligns right, so the axes that were reduced must be put back before it."""
    values = np.arange(4, dtype="float32").reshape(2, 2)
    for axes, out_grad in ((0, [1.0, -2.0]), (-1, [1.0, -2.0]), (None, 3.0)):
        z = ndl.Tensor(values)
        ndl.logsumexp(z, axes=axes).backward(ndl.Tensor(out_grad))
        yield close(z.grad, dtype="float32")
    ### BEGIN HIDDEN TESTS
    #: one, several or all of three axes, perhaps negative
    for shape in ((3, 3, 3), (2, 4, 3)):
        for axes in (0, 1, 2, -2, (1,), (0, 1), (2, 0), (-1, 1), (-3,), (0, 1, 2), None):
            z = ndl.Tensor(rng.standard_normal(shape, dtype="float32"))
            f = ndl.logsumexp(z, axes=axes)
            f.backward(ndl.Tensor(rng.standard_normal(f.shape).astype("float32")))
            yield close(z.grad, dtype="float32")
    ### END HIDDEN TESTS


# %% id="logsumexp-gradient-is-stable" role="check" points=11
@check
def logsumexp_gradient_is_stable():
    """The backward pass exponentiates too, and a nan in one gradient spreads to every weight."""
    z = ndl.Tensor([[1000.0, 1000.0, 999.0], [-500.0, -501.0, -1000.0]])
    ndl.logsumexp(z, axes=1).backward(ndl.Tensor([2.0, -1.0]))
    yield close(z.grad, rtol=1e-3, atol=1e-5, dtype="float32")
    ### BEGIN HIDDEN TESTS
    #: rows far from zero on both sides, in either dtype
    offsets = np.array([[-900.0], [-105.0], [89.0], [900.0]])
    for dtype in ("float32", "float64"):
        z = ndl.Tensor((offsets + rng.standard_normal((4, 5))).astype(dtype))
        f = ndl.logsumexp(z, axes=1)
        f.backward(ndl.Tensor(rng.standard_normal(4).astype(dtype)))
        yield close(z.grad, rtol=1e-3, atol=1e-5, dtype="float32")
    #: columns far from zero on both sides
    z = ndl.Tensor(offsets.T + rng.standard_normal((5, 4)))
    ndl.logsumexp(z, axes=0).backward(ndl.Tensor(rng.standard_normal(4)))
    yield close(z.grad, rtol=1e-3, atol=1e-5, dtype="float32")
    #: rows in which some entries are -inf
    masked = rng.standard_normal((3, 4), dtype="float32")
    masked[0, 1] = masked[1, 2:] = -np.inf
    z = ndl.Tensor(masked)
    ndl.logsumexp(z, axes=1).backward(ndl.Tensor(rng.standard_normal(3, dtype="float32")))
    yield close(z.grad, rtol=1e-3, atol=1e-5, dtype="float32")
    ### END HIDDEN TESTS


# %% id="logsumexp-second-derivative" role="check" points=10
@check
def logsumexp_second_derivative():
    """Newton's method differentiates the gradient again, so the gradient has to be a graph too."""
    z = ndl.Tensor([[0.0, 1.0, 2.0], [-1.0, 0.5, 0.0]])
    ndl.logsumexp(z, axes=1).backward(ndl.Tensor([2.0, -1.0]), create_graph=True)
    (z.grad * ndl.Tensor([[1.0, 0.0, -3.0], [2.0, 0.5, -1.0]])).sum().backward()
    yield close(z.grad, dtype="float32")
    ### BEGIN HIDDEN TESTS
    #: the gradient of the gradient, two or three axes
    for shape, axes in (((3, 4), 1), ((4, 3), 1), ((3, 5, 2), 1)):
        z = ndl.Tensor(rng.standard_normal(shape, dtype="float32"))
        f = ndl.logsumexp(z, axes=axes)
        out_grad = ndl.Tensor(rng.standard_normal(f.shape).astype("float32"))
        f.backward(out_grad, create_graph=True)
        (z.grad * ndl.Tensor(rng.standard_normal(shape, dtype="float32"))).sum().backward()
        yield close(z.grad, atol=1e-5, dtype="float32")
    ### END HIDDEN TESTS


# %% [markdown] id="smooth-maximum-prose"
# ## A maximum that can be differentiated
#
# For a row $[z, 0]$ the maximum is $\max(z, 0)$, which is ReLU: a corner at 0, and a gradient
# that jumps from 0 to 1. `logsumexp` rounds the corner off, by $\log 2 = 0.69$ at $z = 0$ and by
# less and less further out. Its gradient climbs smoothly. Near 0 both entries get a share of the
# credit; far out the larger one takes it all.
#
# The dash-dotted curve is $\frac{1}{4}\operatorname{logsumexp}(4z)$: multiply the logits before
# and divide after, and the corner sharpens. In the limit it is the maximum. All the gradients on
# the right were computed by your op.

# %% id="smooth-maximum" role="demo"
z = np.linspace(-5, 5, 201)
fig, (left, right) = plt.subplots(1, 2, figsize=(11, 4))
left.plot(z, np.maximum(z, 0), ":", color="black", linewidth=2.5, label="max(z, 0)")
right.plot(z, z > 0, ":", color="black", linewidth=2.5, label="gradient of max(z, 0)")
for sharpness, line, color in ((1, "-", "#0072B2"), (4, "-.", "#D55E00")):
    rows = ndl.Tensor(np.stack([z, np.zeros_like(z)], axis=1))
    f = ndl.logsumexp(rows * sharpness, axes=1) / sharpness
    f.backward()
    left.plot(z, f.numpy(), line, color=color, label=f"logsumexp, sharpness {sharpness}")
    right.plot(z, rows.grad.numpy()[:, 0], line, color=color, label=f"sharpness {sharpness}")
left.set(xlabel="z, with the row [z, 0]", ylabel="value", title="value")
right.set(xlabel="z, with the row [z, 0]", ylabel="gradient with respect to z", title="gradient")
left.legend()
right.legend()
fig.suptitle("logsumexp is a smooth maximum, and its gradient, the softmax, a smooth choice")
fig.tight_layout()
show(
    "Left, the maximum of z and 0 with a corner and two smooth curves above it; right, their "
    "gradients, a jump and two smooth steps from 0 to 1."
)

# %% [markdown] id="end-03"
# ## What you built
#
# - `stable_logsumexp`: the logarithm of a sum of exponentials for any input, by one identity,
#   $f(z + c) = f(z) + c$.
# - `LogSumExp`: the op, whose gradient is a softmax and reuses what the forward pass computed.
#
# **The same in PyTorch.** `torch.logsumexp(z, dim=1)`. It shifts by the maximum as yours does.
#
# ## What comes next
#
# Stage 04 subtracts this op from the logits and gets log-probabilities, then averages them into
# the loss that every later stage trains with.
#
# ## Questions to think about
#
# Double-click a question, write below it, and run the cell. None of this is graded. Once you have
# answered and saved, `%mugrade hint` with the question's name, in a new cell, shows our answer.

# %% [markdown] id="shift-has-no-gradient" role="answer"
# 1. **shift-has-no-gradient**: The shift $\max(z)$ depends on $z$, yet your gradient treats it as
#    if it were not there. Why is that exact and not an approximation? What is $\partial / \partial
#    c$ of $f(z - c) + c$?
#
# ### BEGIN SOLUTION
# $f(z - c) + c$ does not depend on $c$: its derivative by $c$ is $1 - \sum_i s_i = 0$, with the
# softmax $s$. So however $c$ depends on $z$, what comes by that way is multiplied by zero.
# ### END SOLUTION

# %% [markdown] id="softmax-that-misses-1" role="answer"
# 2. **softmax-that-misses-1**: `exp(z - node)` sums to 1.0004 instead of 1 when the logits are
#    near $10^4$ in `float32`, and to 0.97 near $10^6$. Where does the error come from? Which other
#    way to write the softmax would not have it, and what would that cost?
#
# ### BEGIN SOLUTION
# `node` is rounded: `float32` numbers near $10^4$ are 0.001 apart, near $10^6$ they are 0.06 apart,
# and half of that is in the exponent. $e^{z - \max z}$ divided by its own sum has no such error; it
# costs the exponentials and the sum a second time, or the memory to keep them.
# ### END SOLUTION

# %% [markdown] id="row-of-minus-infinity" role="answer"
# 3. **row-of-minus-infinity**: A row of nothing but `-inf` gives `-inf`. What does your gradient
#    give for it, and what should it be, if there is an answer at all?
#
# ### BEGIN SOLUTION
# NaN, because $-\infty - (-\infty)$ is. There is no right answer, for the limit depends on how the
# entries go to $-\infty$. Libraries that need one take 0: nothing was allowed, so nothing is to
# blame.
# ### END SOLUTION

# %% [markdown] id="references-03"
# ## References
#
# - P. Blanchard, D. J. Higham, N. J. Higham, *Accurately computing the log-sum-exp and softmax
#   functions*, IMA Journal of Numerical Analysis 41, 2021.
# - D. Goldberg, *What every computer scientist should know about floating-point arithmetic*, ACM
#   Computing Surveys 23, 1991.
# - S. Boyd, L. Vandenberghe, *Convex Optimization*, Cambridge University Press, 2004, section
#   3.1.5 (log-sum-exp is convex, and how close it is to the maximum).
