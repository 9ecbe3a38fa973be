# %% [markdown] id="title-09"
# # 09 · Make it fast
#
# You have written a library that is right. Now you find out where it spends its time, and take
# away what is not arithmetic, until little more is left than the matrix products that any
# library has to do.
#
# - **Time**: about an hour, seven exercises. The two norms are the largest.
# - **You need**: all stages before this one.
# - **It grows**: `needle/fast/`, a package of drop-ins. Nothing that you wrote before is changed:
#   the plain ops stay, and say what the fast ones have to compute.

# %% id="setup-09" role="given"
import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # read when NumPy is loaded: so restart, then run this

# %load_ext mugrade
import time

import numpy as np

import needle as ndl
from mugrade import check, close, rng, show

# %% [markdown] id="measure-why"
# ## Measure first
#
# Everybody believes they know where a program spends its time, and almost everybody is wrong. So
# the first thing to build is a way to look.
#
# The patient is the network of stage 08, at the size of MNIST: 784 inputs, three blocks of 100
# features, batches of 100 rows, Adam with weight decay. The data are random numbers, since time
# does not depend on what they mean. The next cell takes the time of the three parts of a step, of
# each the shortest of 50: whatever else the machine has to do makes a measurement longer, never
# shorter. And everything here is measured on one thread, for which the first cell has set a
# variable: with several, much of what one sees is how they wait for each other.

# %% id="three-parts" role="demo"
batch_rng = np.random.default_rng(0)
x = ndl.Tensor(batch_rng.random((100, 784), dtype="float32"), requires_grad=False)
y = ndl.Tensor(batch_rng.integers(0, 10, 100), requires_grad=False)
np.random.seed(0)
model = ndl.models.MLPResNet(784)
opt = ndl.optim.Adam(model.parameters(), lr=0.001, weight_decay=0.001)

times = []
for _ in range(50):
    clock = [time.perf_counter()]
    loss = ndl.nn.SoftmaxLoss()(model(x), y)
    clock.append(time.perf_counter())
    opt.reset_grad()
    loss.backward()
    clock.append(time.perf_counter())
    opt.step()
    times.append(np.diff([*clock, time.perf_counter()]))
for part, seconds in zip(("forward", "backward", "step"), np.min(times, axis=0), strict=True):
    print(f"{part:9} {1e3 * seconds:6.2f} ms")

# %% [markdown] id="profile-why"
# ## Exercise 1: a profiler
#
# Which ops are they, and what should they cost? You have the answer in your hands. The graph of a
# loss is a recording of the step: each node holds its op, its inputs, its value and, after
# `backward`, its gradient. So you can play every op again, alone, and take its time.
#
# - `compute` wants the arrays of `node.inputs`; `gradient` wants `node.grad` and the node.
# - Nodes without an op are leaves. They cost nothing.
# - The backward pass runs under `no_grad()`, and so must your replay: otherwise each gradient
#   would build a graph of its own, and you would measure that too.
# - Run `compute` on a *copy* of the op. Some ops of this stage keep what they will need for
#   their gradient, and a profiler should not change what it looks at.
#
# Beside the time stand the *bytes moved*: what an op has to read and to write. A core adds and
# multiplies faster than memory can bring the numbers, so for most ops it is the bytes that
# decide. `bytes_moved` counts them; a view (a `reshape`, a `transpose`, a `broadcast_to`) moves
# none.
#
# `shortest` takes the time of one call, again the shortest of several. The clock is an argument,
# so that it can be tested.

# %% id="profile-module" role="given" export="needle/fast/profile.py"
"""Where the time goes: the ops of a graph, one by one."""

import time
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np

from needle.autograd import Tensor, Value, find_topo_sort, no_grad


@dataclass
class Cost:
    """What all calls of one kind of op cost: seconds, and the bytes that `compute` moves."""

    calls: int = 0
    forward: float = 0.0
    backward: float = 0.0
    moved: int = 0


def nbytes(data: Any) -> int:
    """The size of an array, or of a tuple of arrays, in bytes."""
    return sum(map(nbytes, data)) if isinstance(data, tuple) else data.nbytes


def bytes_moved(node: Value) -> int:
    """What `compute` read and wrote: its inputs and its output, or nothing if that is a view."""
    inputs = [x.realize_cached_data() for x in node.inputs]
    output = node.realize_cached_data()
    if isinstance(output, tuple) or any(np.may_share_memory(output, x) for x in inputs):
        return 0
    return sum(map(nbytes, inputs)) + nbytes(output)


def shortest(clock: Callable[[], float], repeats: int, f: Callable[..., Any], *args: Any) -> float:
    """The shortest time that f(*args) took; whatever disturbs a measurement makes it longer."""
    times = []
    for _ in range(repeats):
        start = clock()
        f(*args)
        times.append(clock() - start)
    return min(times)


# %% id="profile" role="solution" export="needle/fast/profile.py"
def profile(
    loss: Tensor, repeats: int = 5, clock: Callable[[], float] = time.perf_counter
) -> dict[str, Cost]:
    """What the ops in the graph of `loss` cost, under the names of their classes.

    Each `compute` (of a copy of the op) and each `gradient` (under no_grad) is timed by
    `shortest`, and a `Cost` has the sums over all calls of its kind. The entries are sorted by
    the sum of forward and backward, the largest first. ValueError before `loss.backward()`.
    """
    if loss.grad is None:
        raise ValueError("there are no gradients to replay yet: call backward() before profile")
    costs: dict[str, Cost] = {}
    ### BEGIN SOLUTION
    for node in find_topo_sort([loss]):
        if node.op is None:
            continue
        cost = costs.setdefault(type(node.op).__name__, Cost())
        cost.calls += 1
        cost.moved += bytes_moved(node)
        arrays = [x.realize_cached_data() for x in node.inputs]
        cost.forward += shortest(clock, repeats, copy(node.op).compute, *arrays)
        with no_grad():
            cost.backward += shortest(clock, repeats, node.op.gradient, node.grad, node)
    ### END SOLUTION
    return dict(sorted(costs.items(), key=lambda item: -item[1].forward - item[1].backward))


# %% [markdown] id="profile-hints" role="hints" of="profile"
# 1. Which function of stage 00 lists all nodes that a loss was computed from? What tells a leaf
#    from a node that an op has made?
# 2. For each node with an op find its `Cost`, by `costs.setdefault(type(node.op).__name__,
#    Cost())`, and add to its four fields. `shortest(clock, repeats, f, *arguments)` takes the
#    time of `f(*arguments)`.
# 3. The arrays are `[x.realize_cached_data() for x in node.inputs]`. Forward: add
#    `shortest(clock, repeats, copy(node.op).compute, *arrays)`. Backward, inside `with no_grad():`,
#    add the time of `node.op.gradient` with `node.grad` and `node`.

# %% id="fast-index-profile" role="index" export="needle/fast/__init__.py"
from needle.fast import profile

# %% id="needle-index-fast" role="index" export="needle/__init__.py"
from needle import fast

# %% [markdown] id="slow-op-prose"
# The checks use two ops whose durations are known, and a clock that only these ops move.


# %% id="slow-op" role="given"
class Clock:
    """A clock that stands still until an op lets time pass."""

    now = 0.0

    def __call__(self):
        return self.now


class Slow(ndl.autograd.TensorOp):
    """y = 3 a; of each four calls the third is undisturbed, the others take 10 s longer."""

    def __init__(self, clock, forward, backward):
        self.clock, self.forward, self.backward = clock, forward, backward
        self.runs, self.pulls, self.seen = [], [], 0

    def take(self, seconds, calls):
        self.clock.now += seconds if len(calls) % 4 == 2 else seconds + 10.0
        calls.append(seconds)

    def compute(self, a):
        self.take(self.forward, self.runs)
        self.seen += 1
        return 3 * a

    def gradient(self, out_grad, node):
        seconds = self.backward + 100.0 * ndl.autograd.modes.recording
        if node.grad is not None and (out_grad.numpy() != node.grad.numpy()).any():
            seconds += 1000.0  # that is not the gradient to be played again
        self.take(seconds, self.pulls)
        return out_grad * 3


class Slower(Slow):
    """The same under another name."""


def as_row(cost):
    """The four figures of a `Cost`, the times to a hundredth of a second."""
    return np.array([cost.calls, cost.moved, *np.round([cost.forward, cost.backward], 2)])


# %% id="profile-costs" role="check" points=8
@check
def profile_costs():
    """Each op is played again, forward and backward, and added to the others of its kind."""
    clock = Clock()
    a = ndl.Tensor(np.ones((4, 5), "float32"))
    loss = Slow(clock, 0.25, 2.0)(Slow(clock, 0.5, 1.0)(a))
    loss.backward()
    costs = ndl.fast.profile.profile(loss, clock=clock)
    yield np.array([len(costs), sum(isinstance(name, str) for name in costs)])
    yield as_row(costs["Slow"])
    b = a.reshape((5, 4)) * 2.0
    loss = (b * b + b).sum()  # b is used three times
    loss.backward()
    costs = ndl.fast.profile.profile(loss, clock=clock)
    yield as_row(costs["Reshape"])
    yield as_row(costs["MulScalar"])
    yield as_row(costs["Summation"])
    ### BEGIN HIDDEN TESTS
    #: a graph with branches, other values of repeats
    profile = ndl.fast.profile.profile
    for repeats in (1, 3, 8):
        for shape in ((2, 3), (7,)):
            clock = Clock()
            a = ndl.Tensor(rng.standard_normal(shape).astype("float32"))
            ops = [Slower(clock, *rng.integers(1, 9, 2).astype("float64")) for _ in range(3)]
            b = ops[1](ops[0](a))
            loss = (ops[2](b) * b + a).sum()
            loss.backward()
            costs = profile(loss, repeats, clock)
            for name in ("Slower", "EWiseMul", "EWiseAdd", "Summation"):
                yield as_row(costs[name])
    #: float64, with views among the ops
    a = ndl.Tensor(rng.standard_normal((3, 4)))
    loss = (ndl.logsumexp(a.reshape((4, 3)).transpose(), axes=0) * 2.0).sum()
    loss.backward()
    costs = profile(loss, clock=Clock())
    for name in ("Reshape", "Transpose", "LogSumExp", "MulScalar", "Summation"):
        yield as_row(costs[name])
    #: how many kinds of ops were found
    yield np.array([len(costs), 7.5])
    ### END HIDDEN TESTS


# %% id="profile-order" role="check" points=4
@check
def profile_order():
    """The op to look at comes first, and nothing has changed because somebody looked."""
    clock = Clock()
    a = ndl.Tensor(np.ones((4, 5), "float32"))
    loss = Slow(clock, 1.0, 2.0)(Slower(clock, 3.0, 4.0)(a))
    loss.backward()
    costs = ndl.fast.profile.profile(loss, clock=clock)
    yield np.stack([as_row(cost) for cost in costs.values()])
    yield np.array([loss.op.seen, clock.now])
    ### BEGIN HIDDEN TESTS
    #: other durations, and a third kind of op
    for forward, backward in ((1.0, 5.0), (9.0, 5.0), (0.5, 0.25)):
        clock = Clock()
        a = ndl.Tensor(rng.standard_normal((2, 6)))
        first, second = Slow(clock, forward, backward), Slower(clock, 2.0, 3.0)
        loss = second(first(a)).sum()
        loss.backward()
        costs = ndl.fast.profile.profile(loss, 4, clock)
        yield np.stack([as_row(cost) for cost in costs.values()])
        #: the ops and the clock afterwards
        yield np.array([first.seen, second.seen, len(first.runs), len(second.runs), clock.now])
        #: the gradient of a leaf afterwards
        yield a.grad
    ### END HIDDEN TESTS


# %% [markdown] id="profile-table-prose"
# ### What it finds
#
# The profile of the last plain step above. Each bar is one kind of op, forward (dark) and backward
# (light), all its calls together; the number behind it is the count of calls.
#
# The matrix products are what the network is *for*, and they have a bar. All other bars are what
# your library does around them. The line below the plot compares the sum of all bars with the
# time of forward and backward that you measured before: what the bars leave is the graph itself,
# the making of nodes, the sorting, the adding up of gradients.

# %% id="profile-table" role="demo"
import matplotlib.pyplot as plt


def bars(costs, title):
    """A bar for each kind of op."""
    _, ax = plt.subplots(figsize=(8, 0.34 * len(costs) + 1.2), layout="constrained")
    names = [f"{name}  ({cost.calls})" for name, cost in costs.items()]
    forward = np.array([1e6 * cost.forward for cost in costs.values()])
    backward = np.array([1e6 * cost.backward for cost in costs.values()])
    ax.barh(names, forward, color="#0072B2", label="forward")
    ax.barh(names, backward, left=forward, color="#56B4E9", label="backward")
    ax.invert_yaxis()
    ax.set(xlabel="microseconds a step", title=title)
    ax.legend(loc="lower right")


costs = ndl.fast.profile.profile(loss)
bars(costs, "The plain step: a bar for the matrix products, many for what is round them")
show(
    "Time of each kind of op in one training step, in microseconds; beside the matrix products "
    "broadcasts, sums, powers and element-wise ops take the larger part together.",
)
played = 1e3 * sum(cost.forward + cost.backward for cost in costs.values())
whole = 1e3 * np.min(times, axis=0)[:2].sum()
print(f"all ops played alone {played:.2f} ms, forward and backward took {whole:.2f} ms")
print(f"nodes in the graph   {len(ndl.autograd.find_topo_sort([loss]))}")
for name, cost in costs.items():
    print(f"{name:12} {cost.calls:3d} calls   {cost.moved / 1e6:6.2f} MB moved forward")

# %% [markdown] id="allocation-prose"
# ## Allocation
#
# Every op makes a new array, and when the loss dies all of them are freed. Where does the memory
# go? The C library of Linux keeps small pieces for later, but when much is free at the end of its
# region it gives that back to the system. The next step asks for it again, and the system hands
# out pages filled with zeros, one by one, each on first touch. That is called a page fault.
#
# The next cell plays ten steps that make 40 arrays of 512 KiB and drop them all at once, and
# counts faults and time. Then `keep_memory` tells the C library to keep what it has, and the same
# ten steps run again. On systems other than Linux, or where something large had been freed
# before, both lines are alike.

# %% id="keep-memory" role="given" export="needle/fast/memory.py"
"""What the C library does with memory that is not needed any more."""

import numpy as np


def keep_memory() -> None:
    """Let this process keep what it frees, up to some tens of MiB, and use it again.

    A graph dies at the end of each step, and the C library of Linux hands so much freed memory
    back to the system, which fills it with zeros before the next step gets it. The limits rise
    with the largest block that was ever freed, up to 32 MiB, so one is made and freed here; it is
    never touched and costs nothing. Elsewhere nothing happens.
    Source: mallopt(3), M_MMAP_THRESHOLD.
    """
    np.empty(31 << 20, np.uint8)


# %% id="fast-index-memory" role="index" export="needle/fast/__init__.py"
from needle.fast import memory

# %% id="allocation-demo" role="demo"
try:
    import resource
except ImportError:  # not on Windows
    resource = None


def faults():
    """The page faults of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt if resource else 0


activations = np.ones((256, 512), "float32")


def ten_steps():
    """Microseconds and page faults for each array that is made."""
    start, before = time.perf_counter(), faults()
    for _ in range(10):
        graph = [activations + 1.0 for _ in range(40)]
        del graph
    return 1e6 * (time.perf_counter() - start) / 400, (faults() - before) / 400


ten_steps()
print("{:6.1f} us and {:6.1f} page faults an array".format(*ten_steps()))
ndl.fast.memory.keep_memory()
ten_steps()
print("{:6.1f} us and {:6.1f} page faults an array, after keep_memory".format(*ten_steps()))

# %% [markdown] id="overhead-prose"
# `needle.fast` will do that when it is imported. One could go further and keep a pool of buffers.
# The program at the end of this notebook, the limit, makes every array once, so you will see how
# much there is to gain. It would cost the rule that nobody changes an array behind your back.
#
# ## Graph overhead
#
# What costs an op that computes almost nothing? The next cell adds two tensors of ten numbers a
# thousand times, and walks back. Set beside it is the addition alone.

# %% id="overhead-demo" role="demo"
ten = ndl.Tensor(np.ones(10, "float32"))
array = ten.numpy()


def chain():
    """A thousand additions in a row."""
    total = ten
    for _ in range(1000):
        total = total + ten
    return total


def fastest(f, rounds=7):
    """The shortest time of a call, in microseconds."""
    return 1e6 * ndl.fast.profile.shortest(time.perf_counter, rounds, f)


forward = fastest(chain) / 1000
both = fastest(lambda: chain().backward()) / 1000
print(
    f"numpy's addition      {fastest(lambda: [array + array for _ in range(1000)]) / 1000:5.2f} us"
)
print(f"an op, forward        {forward:5.2f} us")
print(f"the same and backward {both:5.2f} us")

# %% [markdown] id="fused-why"
# ## Fusion
#
# Some of that can be saved in the engine, and has been: nodes are small, and without a graph
# nothing is remembered. The rest is the price of a node. So the cure is *fewer nodes*: one op for
# what took ten. It saves the passes over memory as well: ten ops that each read and write an
# array of activations move ten times what one op needs that keeps them in the cache.
#
# The price is that somebody has to derive the gradient by hand. That is you.
#
# `FusedOp` is the frame. A fused op says three things:
#
# - `plain`, given: what it computes, in ops that you have. It is the definition, and it is what is
#   differentiated a second time: under `backward(create_graph=True)` the gradient is that of
#   `plain`, and so second derivatives stay right.
# - `compute`: the same, arrays in, array out. What the gradient will need it keeps in `self`.
# - `derivatives(g, node)`: arrays again. `g` is the adjoint of the output. `node.inputs` are the
#   inputs, `node.numpy()` is the output. One array for each input, or None for one that requires
#   no gradient.
#
# Two rules. The inputs and `g` belong to others (`a + b` hands the same `g` to both), so never
# write into them. And `backward` may be called twice on the same graph, so do not destroy what
# `compute` has kept. Arrays that you have made yourself in the same call, you may overwrite:
# `y += bias` instead of `y + bias` saves an array and a pass.

# %% id="fast-ops-module" role="given" export="needle/fast/ops.py"
"""Ops that do the work of several at once, with gradients that were derived by hand."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from needle import nn, ops
from needle.autograd import Tensor, TensorOp, Value, compute_gradient_of_variables, modes
from needle.init import demand_labels
from needle.nn import Module
from needle.nn.norm import demand_features

Arrays = tuple[np.ndarray | None, ...]


# %% id="fused-op" role="given" export="needle/fast/ops.py"
def gradients_by_ops(
    f: Callable[..., Tensor], inputs: Sequence[Tensor], out_grad: Tensor
) -> tuple[Tensor | None, ...]:
    """The gradients of f(*inputs) as part of the graph, so that they can be differentiated again.

    f is computed from leaves with the values of the inputs, so that the walk back ends there.
    Afterwards the leaves are tied to the inputs, and a later walk gets past them.
    """
    leaves = [Tensor.make_const(x.numpy(), x.requires_grad) for x in inputs]
    compute_gradient_of_variables(f(*leaves), out_grad)
    grads = tuple(leaf.grad for leaf in leaves)
    for leaf, x in zip(leaves, inputs, strict=True):
        leaf.grad = None
        if x.requires_grad:
            leaf.op, leaf.inputs = ops.Reshape(x.shape), (x,)
    return grads


class FusedOp(TensorOp):
    """An op made of several others: `plain` says what it is, in ops that already exist.

    `compute` and `derivatives` do the same with arrays. What `compute` saves for `derivatives` is
    kept in the object, so an object serves one call, and RuntimeError is raised at the second.
    A gradient that is to be differentiated again (`create_graph`) is that of `plain`.
    """

    called = False

    def __call__(self, *inputs: Value) -> Tensor:
        if self.called:
            name = type(self).__name__
            raise RuntimeError(f"a {name} remembers one call: make a new object for the next")
        self.called = True
        return Tensor.make_from_op(self, inputs)

    def plain(self, *inputs: Any) -> Tensor:
        """The output, made of ops that already exist."""
        raise NotImplementedError

    def derivatives(self, g: np.ndarray, node: Tensor) -> Arrays:
        """The adjoint of each input from that of the output; None where none is required."""
        raise NotImplementedError

    def gradient(self, out_grad: Tensor, node: Tensor) -> tuple[Tensor | None, ...]:
        """`derivatives` as tensors; those of `plain` if they are to be differentiated again."""
        if modes.recording:
            return gradients_by_ops(self.plain, node.inputs, out_grad)
        arrays = self.derivatives(out_grad.numpy(), node)
        return tuple([None if a is None else Tensor.make_const(a) for a in arrays])


def with_parameters(layer: Module, weight: Tensor, bias: Tensor) -> Module:
    """The layer, with these tensors for its weight and its bias."""
    vars(layer).update(weight=weight, bias=bias)
    return layer


def demand_rows(x: np.ndarray, weight: np.ndarray) -> None:
    """Raise ValueError unless x has two axes or more, the last as long as the weight."""
    if x.ndim < 2 or x.shape[-1] != len(weight):
        raise ValueError(
            f"a linear layer of {len(weight)} features takes (..., n, {len(weight)}), "
            f"not {x.shape}: reshape"
        )


@lru_cache(maxsize=64)
def ones(n: int, dtype: np.dtype) -> np.ndarray:
    """The same vector of n ones for everybody, not to be written into."""
    array = np.ones(n, dtype)
    array.flags.writeable = False
    return array


def sum_rows(a: np.ndarray) -> np.ndarray:
    """The sum over axis 0 of a matrix, as a product with a vector of ones."""
    return ones(len(a), a.dtype) @ a


def sum_columns(a: np.ndarray) -> np.ndarray:
    """The sum over axis 1 of a matrix, as a product with a vector of ones."""
    return a @ ones(a.shape[1], a.dtype)


# %% id="fast-index-ops" role="index" export="needle/fast/__init__.py"
from needle.fast import ops as ops

# %% [markdown] id="fast-relu-prose"
# ### One to look at: ReLU
#
# The plain ReLU is one op already, but its gradient makes an array of booleans, turns it into an
# array of floats, makes a tensor of it, and multiplies. Arrays alone do it in two passes. Nothing
# is kept: the output tells where the input was positive.


# %% id="fast-relu" role="given" export="needle/fast/ops.py"
class FusedReLU(FusedOp):
    """y = max(x, 0), of any shape."""

    def plain(self, x: Tensor) -> Tensor:
        return ops.relu(x)

    def compute(self, x: np.ndarray) -> np.ndarray:
        zeros = np.zeros(x.shape[-1:], x.dtype)  # NumPy is slower at comparing with a number
        return np.maximum(x, zeros)

    def derivatives(self, g: np.ndarray, node: Tensor) -> Arrays:
        return (g * (node.numpy() > 0),)


def relu(x: Tensor) -> Tensor:
    """max(x, 0)."""
    return FusedReLU()(x)


# %% [markdown] id="fast-linear-why"
# ## Exercise 2: Linear in one op
#
# $Y = X W + b$ was a product, a broadcast and a sum: three nodes, and two arrays of the size of Y
# that nobody needs. With $G$ for the adjoint of $Y$, stages 00 and 02 gave
#
# $$
# \bar X = G W^\top, \qquad \bar W = X^\top G, \qquad \bar b = \text{the sum of the rows of } G.
# $$
#
# - $X$ may have more than two axes. Then all but the last count as rows: `reshape` them to one
#   axis, which is free, and both sums are products of matrices again.
# - The first layer sees data, which require no gradient. Its $\bar X$ would be the largest product
#   of the whole backward pass, for nothing.
# - `sum_rows` (given above) adds the rows up as a product with a vector of ones. The library for
#   matrix products does that faster than `np.sum`.


# %% id="fast-linear" role="solution" export="needle/fast/ops.py"
class FusedLinear(FusedOp):
    """y = x W + b, for x of shape (..., k), W of shape (k, m) and b of shape (1, m)."""

    def plain(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        y = x @ weight
        return y + bias.broadcast_to(y.shape)

    def compute(self, x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
        demand_rows(x, weight)
        ### BEGIN SOLUTION
        y = x @ weight
        y += bias
        return y
        ### END SOLUTION

    def derivatives(self, g: np.ndarray, node: Tensor) -> Arrays:
        ### BEGIN SOLUTION
        x, weight = node.inputs[0], node.inputs[1].numpy()
        rows, g_rows = x.numpy().reshape(-1, len(weight)), g.reshape(-1, g.shape[-1])
        x_grad = g @ weight.T if x.requires_grad else None
        return x_grad, rows.T @ g_rows, sum_rows(g_rows)[None]
        ### END SOLUTION


def linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """x W + b, in one op."""
    return FusedLinear()(x, weight, bias)


# %% [markdown] id="fast-linear-hints" role="hints" of="fast-linear"
# 1. Which of the three gradients needs which input, and which needs none? What shape must each of
#    them have?
# 2. `compute`: the product is your own array, so the bias can be added in place. `derivatives`:
#    reshape X to (-1, k) and g to (-1, m). `sum_rows` returns shape (m,), and the bias has shape
#    (1, m): `[None]` puts an axis in front.
# 3. Return three arrays: `g @ weight.T` if `node.inputs[0].requires_grad` else None,
#    `rows.T @ g_rows`, and `sum_rows(g_rows)[None]`.

# %% id="fast-nn-linear" role="given" export="needle/fast/nn.py"
"""The layers of needle.nn, each with one op of its own."""

import numpy as np

from needle import nn as plain
from needle.autograd import Tensor
from needle.fast import ops as fused


class Linear(plain.Linear):
    """nn.Linear in one op."""

    def forward(self, x: Tensor) -> Tensor:
        """From shape (..., in_features), with two axes or more, to (..., out_features)."""
        bias = self.bias
        return super().forward(x) if bias is None else fused.linear(x, self.weight, bias)


class ReLU(plain.ReLU):
    """nn.ReLU with one pass over the gradient."""

    def forward(self, x: Tensor) -> Tensor:
        """y = max(x, 0), entry by entry, of any shape."""
        return fused.relu(x)


# %% id="fast-index-nn" role="index" export="needle/fast/__init__.py"
from needle.fast import nn as nn


# %% [markdown] id="tried-prose"
# Three helpers for the checks. `unwritten` tells whether an array is still what it was: 1 if it is,
# 0 if somebody has written into it. `given_back` asks the op itself for its gradients, so that a
# check sees the shape of each; `backward` would stop at a wrong one. `tried` runs an op forward,
# and backward twice.


# %% id="tried" role="given"
from types import SimpleNamespace


def unwritten(tensor, before):
    """1 if the tensor still holds these values, 0 if not."""
    return np.array(float((tensor.numpy() == before).all()))


def given_back(y, g):
    """For each input of the op that made y what it gets back for the adjoint g, as its `grad`."""
    with ndl.autograd.no_grad():
        return [SimpleNamespace(grad=grad) for grad in y.op.gradient_as_tuple(g, y)]


def tried(rng, f, shape, *inputs):
    """What f gives, its gradients for two random out_grads, and what was left alone."""
    values = [x.numpy().copy() for x in inputs]
    y = f(*inputs)
    yield close(y, rtol=1e-3, atol=1e-5)
    for _ in range(2):
        values_of_g = rng.standard_normal(shape).astype(y.dtype)
        g = ndl.Tensor(values_of_g.copy())
        for x in given_back(y, g):
            yield close(x.grad, rtol=1e-3, atol=1e-4)
        yield unwritten(g, values_of_g)
    for x, before in zip(inputs, values, strict=True):
        yield unwritten(x, before)


def random_tensor(rng, *shape, dtype="float32"):
    """Entries from N(0, 1)."""
    return ndl.Tensor(rng.standard_normal(shape).astype(dtype))


# %% id="fast-linear-forward" role="check" points=4
@check
def fast_linear_forward():
    """A row of the output is a row of the input times the weight, plus the bias."""
    x = ndl.Tensor([[1.0, 2.0], [3.0, -1.0], [0.0, 1.0]])
    weight = ndl.Tensor([[1.0, 0.5, -1.0], [2.0, 0.0, 1.0]])
    yield ndl.fast.ops.linear(x, weight, ndl.Tensor([[10.0, 20.0, 30.0]]))
    square, bias = ndl.Tensor([[1.0, 0.5], [2.0, -1.0]]), ndl.Tensor([[10.0, 20.0]])
    values = x.numpy().copy(), bias.numpy().copy()
    yield ndl.fast.ops.linear(x, square, bias)
    yield unwritten(x, values[0])
    yield unwritten(bias, values[1])
    ### BEGIN HIDDEN TESTS
    #: two axes and more, also one row, float32 and float64
    for shape, m in (((4, 3), 5), ((1, 6), 2), ((2, 5, 3), 3), ((2, 1, 4, 3), 1)):
        for dtype in ("float32", "float64"):
            x = random_tensor(rng, *shape, dtype=dtype)
            weight = random_tensor(rng, shape[-1], m, dtype=dtype)
            bias = random_tensor(rng, 1, m, dtype=dtype)
            values = x.numpy().copy(), bias.numpy().copy()
            yield ndl.fast.ops.linear(x, weight, bias)
            #: whether x and bias were left alone
            yield unwritten(x, values[0])
            yield unwritten(bias, values[1])
    ### END HIDDEN TESTS


# %% id="fast-linear-gradients" role="check" points=8
@check
def fast_linear_gradients():
    """The weight is used by every row, the bias too: their gradients are sums over the rows."""
    x = ndl.Tensor([[1.0, 2.0], [3.0, -1.0], [0.0, 1.0]])
    weight = ndl.Tensor([[1.0, 0.5, -1.0], [2.0, 0.0, 1.0]])
    bias = ndl.Tensor([[10.0, 20.0, 30.0]])
    y = ndl.fast.ops.linear(x, weight, bias)
    g = ndl.Tensor([[1.0, 0.0, 2.0], [0.0, -1.0, 1.0], [3.0, 1.0, 0.0]])
    to_x, to_weight, to_bias = given_back(y, g)
    yield to_x.grad
    yield to_weight.grad
    yield to_bias.grad
    stack = ndl.Tensor([[[1.0, 2.0], [3.0, -1.0]], [[0.5, 4.0], [-2.0, 1.0]]])
    yield from tried(rng, ndl.fast.ops.linear, (2, 2, 3), stack, weight, bias)
    ### BEGIN HIDDEN TESTS
    #: float32 and float64, two axes and more, backward twice
    for shape, m in (((4, 3), 5), ((1, 6), 2), ((3, 3), 3), ((2, 5, 3), 4), ((2, 1, 4, 3), 1)):
        for dtype in ("float32", "float64"):
            inputs = (
                random_tensor(rng, *shape, dtype=dtype),
                random_tensor(rng, shape[-1], m, dtype=dtype),
                random_tensor(rng, 1, m, dtype=dtype),
            )
            yield from tried(rng, ndl.fast.ops.linear, (*shape[:-1], m), *inputs)
    ### END HIDDEN TESTS


# %% id="fast-linear-data" role="check" points=2
@check
def fast_linear_data():
    """Nobody asks for the gradient of the data, so nobody should compute it."""

    def sizes(requires_grad):
        x = ndl.Tensor(np.ones((4, 3), "float32"), requires_grad=requires_grad)
        layer = ndl.fast.nn.Linear(3, 2)
        g = np.ones((4, 2), "float32")
        node = ndl.fast.ops.linear(x, layer.weight, layer.bias)
        arrays = node.op.derivatives(g, node)
        return np.array([0.5 if a is None else np.abs(a).sum() for a in arrays], "float64")

    for requires_grad in (True, False):
        np.random.seed(0)
        yield close(sizes(requires_grad), rtol=1e-3)
    ### BEGIN HIDDEN TESTS
    #: three axes, an x that requires a gradient or does not
    inputs = random_tensor(rng, 2, 5, 3), random_tensor(rng, 3, 4), random_tensor(rng, 1, 4)
    for requires_grad in (True, False):
        inputs[0].requires_grad = requires_grad
        node = ndl.fast.ops.linear(*inputs)
        g = rng.standard_normal(node.shape).astype("float32")
        for array in node.op.derivatives(g, node):
            yield np.full(3, 0.5) if array is None else close(array, rtol=1e-3, atol=1e-4)
    ### END HIDDEN TESTS


# %% [markdown] id="fast-dropout-why"
# ## Exercise 3: dropout in one pass
#
# `x * mask / (1 - p)` is a boolean array turned into floats, a product and a division, and as
# much again on the way back. But every entry is multiplied by one of two numbers, 0 and
# $1 / (1 - p)$. Make an array of these *factors* once; then forward and backward are one product
# each.
#
# The draw itself costs more than both. Stage 05 draws 53 random bits an entry, for a number between
# 0 and 1, and then asks only whether it is below $1 - p$. `draw_keep` draws 16 bits, and meets p
# to within 1 / 131072. It is another draw: the same seed drops other entries than the plain layer
# does, with the same probability. This is the only place in this stage where fast and plain differ.


# %% id="draw-keep" role="given" export="needle/fast/ops.py"
def draw_keep(shape: tuple[int, ...], p: float) -> np.ndarray:
    """Booleans, true with probability 1 - p to within 2**-17, from NumPy's global state."""
    bits = np.random.randint(1 << 16, size=shape, dtype=np.uint16)
    return bits >= round(p * (1 << 16))


# %% id="fast-dropout" role="solution" export="needle/fast/ops.py"
class FusedDropout(FusedOp):
    """y = keep * x / (1 - p), `keep` an array of booleans of the shape of x."""

    def __init__(self, keep: np.ndarray, p: float) -> None:
        self.keep, self.p = keep, p

    def plain(self, x: Tensor) -> Tensor:
        return x * self.keep / (1 - self.p)

    def compute(self, x: np.ndarray) -> np.ndarray:
        ### BEGIN SOLUTION
        self.factor = np.multiply(self.keep, 1 / (1 - self.p), dtype=x.dtype)
        return x * self.factor
        ### END SOLUTION

    def derivatives(self, g: np.ndarray, node: Tensor) -> Arrays:
        ### BEGIN SOLUTION
        return (g * self.factor,)
        ### END SOLUTION


def dropout(x: Tensor, p: float) -> Tensor:
    """x with each entry 0 with probability p, the others divided by 1 - p."""
    if x.dtype.kind != "f":
        raise TypeError(f"dropout takes floats, not {x.dtype}: use Tensor(x, dtype='float32')")
    if p == 1:  # nothing survives to be divided by 1 - p
        return x * 0.0
    return FusedDropout(draw_keep(x.shape, p), p)(x)


# %% [markdown] id="fast-dropout-hints" role="hints" of="fast-dropout"
# 1. By which number is an entry multiplied that is kept, and by which one that is not? Is it the
#    same number on the way back?
# 2. `np.multiply(self.keep, number, dtype=x.dtype)` turns true and false into that number and 0,
#    in one pass and in the right dtype. Keep the result in `self`.
# 3. `compute`: with `self.factor` for those numbers, return `x * self.factor`. `derivatives`:
#    return a tuple of one array, `g` times the same factor.


# %% id="fast-nn-dropout" role="given" export="needle/fast/nn.py"
class Dropout(plain.Dropout):
    """nn.Dropout in one op, with a shorter draw: the same seed drops other entries."""

    def forward(self, x: Tensor) -> Tensor:
        """From any shape to the same shape."""
        return fused.dropout(x, self.p) if self.training else x


# %% id="fast-dropout-forward" role="check" points=4
@check
def fast_dropout_forward():
    """An entry that stays makes up for those that go, and float32 stays float32."""
    np.random.seed(7)
    x = ndl.Tensor([[1.0, 2.0, 0.0, 4.0], [-5.0, 6.0, 7.0, -8.0]])
    values = x.numpy().copy()
    yield ndl.fast.ops.dropout(x, 0.25)
    yield unwritten(x, values)
    ### BEGIN HIDDEN TESTS
    #: other values of p, one axis or more, float32 and float64
    for p in (0.5, 0.1, 0.8, 0.0):
        for shape in ((6, 5), (30,), (2, 3, 4)):
            for dtype in ("float32", "float64"):
                x = random_tensor(rng, *shape, dtype=dtype)
                values = x.numpy().copy()
                yield ndl.fast.nn.Dropout(p)(x)
                #: whether x was left alone
                yield unwritten(x, values)
                #: the function, float32 and float64
                yield ndl.fast.ops.dropout(x, p)
    ### END HIDDEN TESTS


# %% id="fast-dropout-gradients" role="check" points=6
@check
def fast_dropout_gradients():
    """The gradient passes where the entry has passed, and is scaled as the entry was."""
    np.random.seed(7)
    x = ndl.Tensor([[1.0, 2.0, 0.0, 4.0], [-5.0, 6.0, 7.0, -8.0]])
    y = ndl.fast.ops.dropout(x, 0.25)
    y.backward(ndl.Tensor([[1.0, -1.0, 2.0, 0.5], [3.0, 1.0, -2.0, 4.0]]))
    yield x.grad
    yield from tried(rng, lambda x: ndl.fast.ops.dropout(x, 0.25), (2, 4), x)
    ### BEGIN HIDDEN TESTS
    #: other values of p, float32 and float64, backward twice
    for p, shape in ((0.5, (5, 6)), (0.8, (40,)), (0.3, (2, 3, 4)), (0.0, (3, 3))):
        for dtype in ("float32", "float64"):
            x = random_tensor(rng, *shape, dtype=dtype)
            yield from tried(rng, lambda x, p=p: ndl.fast.ops.dropout(x, p), shape, x)
    #: an x of zeros, and a second op before backward
    x = ndl.Tensor(np.zeros((4, 6), "float32"))
    y = ndl.fast.ops.dropout(x, 0.4)
    ndl.fast.ops.dropout(x, 0.7)
    y.backward(random_tensor(rng, 4, 6))
    yield x.grad
    ### END HIDDEN TESTS


# %% [markdown] id="fast-softmax-loss-why"
# ## Exercise 4: the loss in one op
#
# For a row $z$ of logits with the label $c$ the loss is $\ln \sum_j e^{z_j} - z_c$. Its derivative
# by $z_j$ is
#
# $$
# \frac{\partial}{\partial z_j} \Big( \ln \sum_i e^{z_i} - z_c \Big)
#   = \frac{e^{z_j}}{\sum_i e^{z_i}} - [\,j = c\,],
# $$
#
# the probability that the model gives to class $j$, minus the one that it should have given. The
# loss is the mean over n rows, so everything is divided by n, and multiplied by the adjoint `g`
# of the loss, a number (an array of shape ()).
#
# - Subtract the maximum of each row first, as in stage 03. The difference of the two terms does
#   not change.
# - `a[rows, labels]`, with `rows = np.arange(n)`, picks one entry of each row, as `pick` does in
#   stage 04. It can be assigned to as well, which needs no one-hot matrix.
# - The probabilities are all that the gradient needs. Keep them.


# %% id="fast-softmax-loss" role="solution" export="needle/fast/ops.py"
class FusedSoftmaxLoss(FusedOp):
    """The mean of logsumexp(z_r) - z_r[labels_r] over the n rows z_r of a matrix of logits."""

    def __init__(self, labels: np.ndarray) -> None:
        self.labels = labels

    def plain(self, logits: Tensor) -> Tensor:
        return nn.SoftmaxLoss()(logits, Tensor(self.labels, requires_grad=False))

    def compute(self, logits: np.ndarray) -> np.ndarray:
        if logits.ndim != 2 or self.labels.shape != logits.shape[:1]:
            shapes = f"{logits.shape} and {self.labels.shape}"
            raise ValueError(f"logits (n, k) want labels (n,), the shapes are {shapes}")
        demand_labels(self.labels, logits.shape[1])
        ### BEGIN SOLUTION
        rows = np.arange(len(logits))
        shifted = logits - logits.max(axis=1, keepdims=True)
        right_logits = shifted[rows, self.labels]
        exps = np.exp(shifted, out=shifted)
        sums = exps.sum(axis=1)
        self.softmax = np.divide(exps, sums[:, None], out=exps)
        return (np.log(sums) - right_logits).sum() / len(logits)
        ### END SOLUTION

    def derivatives(self, g: np.ndarray, node: Tensor) -> Arrays:
        ### BEGIN SOLUTION
        n = len(self.labels)
        logits_grad = self.softmax * (g / n)
        logits_grad[np.arange(n), self.labels] -= g / n
        return (logits_grad,)
        ### END SOLUTION


def softmax_loss(logits: Tensor, labels: np.ndarray) -> Tensor:
    """The mean cross-entropy of the labels under the softmax of the logits."""
    return FusedSoftmaxLoss(labels)(logits)


# %% [markdown] id="fast-softmax-loss-hints" role="hints" of="fast-softmax-loss"
# 1. Which three things do you need of each row: which maximum, which sum, which single entry? And
#    which array serves both the sum and the gradient?
# 2. `shifted = logits - logits.max(axis=1, keepdims=True)`, then the exponentials of it and their
#    sums over axis 1. The loss is the mean of `np.log(sums)` minus the shifted logits of the
#    labels. Divide the exponentials by their sums and keep that.
# 3. `derivatives`: take `self.softmax * (g / n)`, a new array, subtract `g / n` at
#    `[np.arange(n), self.labels]`, and return it in a tuple.


# %% id="fast-nn-loss" role="given" export="needle/fast/nn.py"
class SoftmaxLoss(plain.SoftmaxLoss):
    """nn.SoftmaxLoss in one op."""

    def forward(self, logits: Tensor, y: Tensor) -> Tensor:
        """The mean loss of logits (n, k) for integer labels (n,), a tensor of shape ()."""
        return fused.softmax_loss(logits, y.numpy())


# %% id="fast-loss-value" role="check" points=6
@check
def fast_loss_value():
    """The same number as in stage 04, also where exp would overflow."""
    logits = ndl.Tensor([[1.0, 2.0, 3.0], [1000.0, 1001.0, 0.0]])
    values = logits.numpy().copy()
    yield ndl.fast.ops.softmax_loss(logits, np.array([2, 0]))
    yield unwritten(logits, values)
    ### BEGIN HIDDEN TESTS
    #: small and huge logits, also one row, float32 and float64
    for n, k, scale in ((4, 3, 1.0), (1, 5, 30.0), (7, 2, 1e4), (3, 3, 0.01)):
        for dtype in ("float32", "float64"):
            z = rng.standard_normal((n, k))
            z[:, 0] += np.sign(z[:, 0] - z[:, 1])  # at 1e4 they are far apart
            logits = ndl.Tensor((scale * z).astype(dtype))
            labels = rng.integers(0, k, n)
            values = logits.numpy().copy()
            yield close(ndl.fast.ops.softmax_loss(logits, labels), rtol=1e-4, atol=1e-5)
            #: whether the logits were left alone
            yield unwritten(logits, values)
            #: the layer, with labels of dtype uint8
            loss = ndl.fast.nn.SoftmaxLoss()(logits, ndl.Tensor(labels.astype("uint8")))
            yield close(loss, rtol=1e-4, atol=1e-5)
    ### END HIDDEN TESTS


# %% id="fast-loss-gradients" role="check" points=8
@check
def fast_loss_gradients():
    """Probability minus truth, a share of 1 / n for each row, times the adjoint of the loss."""
    logits = ndl.Tensor([[1.0, 2.0, 3.0], [0.0, 0.5, 0.0]])
    (3.0 * ndl.fast.ops.softmax_loss(logits, np.array([2, 0]))).backward()
    yield logits.grad
    yield from tried(rng, lambda z: ndl.fast.ops.softmax_loss(z, np.array([2, 0])), (), logits)
    ### BEGIN HIDDEN TESTS
    #: small and huge logits, also one row, float32 and float64
    for n, k, scale in ((4, 3, 1.0), (1, 5, 30.0), (7, 2, 1e4), (3, 3, 0.01)):
        for dtype in ("float32", "float64"):
            z = rng.standard_normal((n, k))
            z[:, 0] += np.sign(z[:, 0] - z[:, 1])  # at 1e4 they are far apart
            logits = ndl.Tensor((scale * z).astype(dtype))
            labels = rng.integers(0, k, n)
            values = logits.numpy().copy()
            loss = ndl.fast.ops.softmax_loss(logits, labels)
            for _ in range(2):
                loss.backward()
                yield close(logits.grad, rtol=1e-3, atol=1e-5)
                #: a random adjoint of the loss, float32 and float64
                loss.backward(ndl.Tensor(rng.standard_normal(), dtype=dtype))
                yield close(logits.grad, rtol=1e-3, atol=1e-5)
            #: whether the logits were left alone
            yield unwritten(logits, values)
    ### END HIDDEN TESTS


# %% [markdown] id="fast-layernorm-why"
# ## Exercise 5: LayerNorm in one op
#
# This is where the plain library loses most: about twenty nodes for one layer. And this is the
# derivation that one does once in a lifetime.
#
# Take one row $x$ with $k$ entries. With $d = x - \mu$ and $s = \sqrt{\sigma^2 + \epsilon}$ the
# layer computes $h = d / s$ and $y = w \odot h + b$. Let $g$ be the adjoint of $y$.
#
# **Weight and bias** see every row: $\bar w$ is the sum over the rows of $g \odot h$, and $\bar b$
# the sum of $g$. A weight may be 0: then the output no longer tells what $h$ was, so keep $h$.
#
# **The row.** First $\bar h = g \odot w$. Now $h_j = d_j / s$ depends on $d$ in two ways. Directly,
# which gives $\bar h_j / s$. And through $s$: its adjoint is
# $\bar s = -\sum_j \bar h_j d_j / s^2 = -\tfrac{1}{s} \sum_j \bar h_j h_j$, and from
# $s^2 = \tfrac{1}{k} \sum_j d_j^2 + \epsilon$ follows $\partial s / \partial d_j = d_j / (k s) =
# h_j / k$. Together
#
# $$
# \bar d_j = \frac{1}{s} \Big( \bar h_j - h_j \cdot \frac{1}{k} \sum_i \bar h_i h_i \Big).
# $$
#
# Last, $d_j = x_j - \mu$. Each $x_j$ enters directly and, with $1/k$, through the mean, so
# $\bar x_j = \bar d_j - \tfrac{1}{k} \sum_i \bar d_i$. The mean of $h$ over the row is zero, so
# the second term of $\bar d$ has no part in that sum. What is left:
#
# $$
# \bar x = \frac{1}{s} \Big( \bar h - \text{mean}(\bar h)
#   - h \cdot \text{mean}(\bar h \odot h) \Big).
# $$
#
# Three terms: the gradient as it came, less its mean (a shift of the row changes nothing), less
# its part along $h$ (a stretch of the row changes nothing). What is left is perpendicular to both.
#
# A mean over a row of something times $w$ is a product with a vector, and those are fast:
# $\text{mean}(\bar h)$ is `g @ w / k`, for all rows at once.


# %% id="fast-layernorm" role="solution" export="needle/fast/ops.py"
class FusedLayerNorm(FusedOp):
    """Each row normalized, scaled by weight and shifted by bias: (n, dim) to (n, dim)."""

    def __init__(self, eps: float) -> None:
        self.eps = eps

    def plain(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        layer = nn.LayerNorm1d(x.shape[1], self.eps, dtype=str(weight.dtype))
        return with_parameters(layer, weight, bias)(x)

    def compute(self, x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
        demand_features(x, len(weight))
        ### BEGIN SOLUTION
        dim = x.shape[1]
        deviation = x - (sum_columns(x) / dim)[:, None]
        var = np.vecdot(deviation, deviation) / dim
        self.std = np.sqrt(var + self.eps)[:, None]
        self.normalized = np.divide(deviation, self.std, out=deviation)
        y = self.normalized * weight
        y += bias
        return y
        ### END SOLUTION

    def derivatives(self, g: np.ndarray, node: Tensor) -> Arrays:
        ### BEGIN SOLUTION
        x, weight, _ = node.inputs
        dim = x.shape[1]
        products = g * self.normalized
        weight_grad, bias_grad = sum_rows(products), sum_rows(g)
        if not x.requires_grad:
            return None, weight_grad, bias_grad
        through_var = (products @ weight.numpy() / dim)[:, None]
        through_mean = (g @ weight.numpy() / dim)[:, None]
        x_grad = g * weight.numpy()
        x_grad -= np.multiply(self.normalized, through_var, out=products)
        x_grad -= through_mean
        x_grad /= self.std
        return x_grad, weight_grad, bias_grad
        ### END SOLUTION


def layernorm(x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    """Each row normalized, then scaled and shifted."""
    return FusedLayerNorm(eps)(x, weight, bias)


# %% [markdown] id="fast-layernorm-hints" role="hints" of="fast-layernorm"
# 1. Which two arrays of the forward pass does the formula for the gradient contain, and what are
#    their shapes? Which of the sums run along a row, which along a column?
# 2. Keep $h$, of shape (n, dim), and $s$, as (n, 1). `np.vecdot(d, d)` sums the squares along each
#    row. In `derivatives` make $g \odot h$ once: `sum_rows` of it is the weight's gradient, and
#    `@ weight` over dim gives the mean of $\bar h \odot h$ of each row.
# 3. With `products = g * h`: the gradient of x is
#    `(g * w - (g @ w / dim)[:, None] - h * (products @ w / dim)[:, None]) / s`, where w is
#    `weight.numpy()`. In place, term by term, it is faster; it may overwrite what you made
#    here, not g and not h.


# %% id="fast-nn-layernorm" role="given" export="needle/fast/nn.py"
class LayerNorm1d(plain.LayerNorm1d):
    """nn.LayerNorm1d in one op."""

    def forward(self, x: Tensor) -> Tensor:
        """From shape (n, dim) to the same shape."""
        return fused.layernorm(x, self.weight, self.bias, self.eps)


# %% id="fast-layernorm-forward" role="check" points=5
@check
def fast_layernorm_forward():
    """Each row has mean 0 and variance 1 before the weight and the bias."""
    x = ndl.Tensor([[1.0, -2.0, 3.0], [10.0, 20.0, -60.0]])
    weight, bias = ndl.Tensor([1.0, 2.0, -1.0]), ndl.Tensor([0.0, 10.0, 20.0])
    values = x.numpy().copy()
    yield ndl.fast.ops.layernorm(x, weight, bias, 1e-5)
    yield unwritten(x, values)
    ### BEGIN HIDDEN TESTS
    #: several shapes, also a single row, float32 and float64
    for shape, eps in (((5, 4), 1e-5), ((4, 4), 1e-5), ((1, 6), 1e-5), ((3, 50), 1e-5)):
        for dtype in ("float32", "float64"):
            apart = np.tile(np.linspace(-36, 60, shape[1]), (shape[0], 1))  # far from eps
            x = ndl.Tensor((rng.permuted(apart, axis=1) + rng.random(shape)).astype(dtype))
            weight, bias = (random_tensor(rng, shape[1], dtype=dtype) for _ in range(2))
            values = x.numpy().copy()
            yield close(ndl.fast.ops.layernorm(x, weight, bias, eps), rtol=1e-3, atol=1e-5)
            #: whether x was left alone
            yield unwritten(x, values)
    ### END HIDDEN TESTS


# %% id="fast-layernorm-eps" role="check" points=2
@check
def fast_layernorm_eps():
    """eps is the argument, and stands inside the root."""
    inputs = random_tensor(rng, 2, 3), random_tensor(rng, 3), random_tensor(rng, 3)
    yield ndl.fast.ops.layernorm(*inputs, 2.0)
    ### BEGIN HIDDEN TESTS
    #: other values of eps
    for eps in (0.5, 1e-3):
        inputs = random_tensor(rng, 4, 6), random_tensor(rng, 6), random_tensor(rng, 6)
        yield ndl.fast.ops.layernorm(*inputs, eps)
        #: other values of eps, rows of small entries
        inputs[0].data = ndl.Tensor(0.05 * inputs[0].numpy())
        yield ndl.fast.ops.layernorm(*inputs, eps)
    ### END HIDDEN TESTS


# %% id="fast-layernorm-gradients" role="check" points=11
@check
def fast_layernorm_gradients():
    """Neither a shift nor a stretch of the row may change anything, so neither has a gradient."""
    x = ndl.Tensor([[1.0, 2.0, 6.0], [0.0, 3.0, 1.0]])
    weight, bias = ndl.Tensor([1.0, 2.0, -1.0]), ndl.Tensor([0.0, 10.0, 20.0])
    y = ndl.fast.ops.layernorm(x, weight, bias, 1e-5)
    g = ndl.Tensor([[1.0, 0.0, 0.0], [2.0, -1.0, 0.5]])
    to_x, to_weight, to_bias = given_back(y, g)
    yield close(to_x.grad, rtol=1e-3, atol=1e-5)
    yield close(to_weight.grad, rtol=1e-3, atol=1e-5)
    yield to_bias.grad
    inputs = random_tensor(rng, 2, 3), random_tensor(rng, 3), random_tensor(rng, 3)
    inputs[0].data = ndl.Tensor([[4.0, -3.0, 0.5], [2.0, 5.0, -8.0]])
    yield from tried(rng, lambda *a: ndl.fast.ops.layernorm(*a, eps=1e-5), (2, 3), *inputs)
    weight = ndl.Tensor([0.0, 2.0, -1.0])
    g = ndl.Tensor([[1.0, -2.0, 0.5], [0.25, 3.0, -1.0]])
    ndl.fast.ops.layernorm(x, weight, bias, 1e-5).backward(g)
    yield close(x.grad, rtol=1e-3, atol=1e-5)
    yield close(weight.grad, rtol=1e-3, atol=1e-5)
    ### BEGIN HIDDEN TESTS
    #: several shapes, float32 and float64, backward twice
    for shape, eps in (((5, 4), 1e-5), ((4, 4), 1e-5), ((1, 6), 1e-5), ((3, 20), 1e-5)):
        for dtype in ("float32", "float64"):
            apart = np.tile(np.linspace(-36, 60, shape[1]), (shape[0], 1))  # far from eps
            inputs = (
                ndl.Tensor((rng.permuted(apart, axis=1) + rng.random(shape)).astype(dtype)),
                random_tensor(rng, shape[1], dtype=dtype),
                random_tensor(rng, shape[1], dtype=dtype),
            )
            yield from tried(
                rng, lambda *inputs, eps=eps: ndl.fast.ops.layernorm(*inputs, eps), shape, *inputs
            )
    #: a weight of which some entries are 0
    inputs = random_tensor(rng, 4, 5), random_tensor(rng, 5), random_tensor(rng, 5)
    apart = rng.permuted(np.tile(np.linspace(-36, 60, 5), (4, 1)), axis=1)
    inputs[0].data = ndl.Tensor((apart + rng.random((4, 5))).astype("float32"))
    inputs[1].data = ndl.Tensor(inputs[1].numpy() * np.float32([1, 0, 1, 1, 0]))
    y = ndl.fast.ops.layernorm(*inputs, 1e-5)
    y.backward(random_tensor(rng, 4, 5))
    yield close(inputs[0].grad, rtol=1e-3, atol=1e-4)
    yield close(inputs[1].grad, rtol=1e-3, atol=1e-4)
    ### END HIDDEN TESTS


# %% [markdown] id="fast-batchnorm-why"
# ## Exercise 6: BatchNorm in one op
#
# The same derivation with columns for rows: $\mu$ and $s$ belong to a column, and the means run
# over its $n$ samples. One thing is simpler. The weight is constant along a column, so
# $\bar h = w g$ and the two means are sums that you need anyway:
#
# $$
# \text{mean}(\bar h) = \frac{w \bar b}{n}, \qquad
# \text{mean}(\bar h \odot h) = \frac{w \bar w}{n}, \qquad
# \bar x = \frac{w}{s} \Big( g - \frac{\bar b}{n} - h \cdot \frac{\bar w}{n} \Big).
# $$
#
# - Everything but $g$, $h$ and $d$ is a row of dim numbers, which costs nothing. So compute
#   with rows as long as you can: $w \odot d / s$ is one pass over the batch if $w / s$ comes
#   first, and two if it does not. Then you need not even keep $h$: keep $d$ and $s$. (A weight may
#   be 0, so the output does not tell what they were.)
# - `compute` also leaves `self.mean` and `self.var` (biased, without $\epsilon$), for the layer
#   has to update its running values. In eval mode the layer is the plain one.


# %% id="fast-batchnorm" role="solution" export="needle/fast/ops.py"
class FusedBatchNorm(FusedOp):
    """Each column normalized, scaled by weight and shifted by bias: (n, dim) to (n, dim).

    Leaves the mean and the biased variance of the columns in `mean` and `var`.
    """

    def __init__(self, eps: float) -> None:
        self.eps = eps

    def plain(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        layer = nn.BatchNorm1d(x.shape[1], self.eps, dtype=str(weight.dtype))
        return with_parameters(layer, weight, bias)(x)

    def compute(self, x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
        demand_features(x, len(weight))
        ### BEGIN SOLUTION
        n = len(x)
        self.mean = sum_rows(x) / n
        self.deviation = x - self.mean
        self.var = sum_rows(self.deviation * self.deviation) / n
        self.std = np.sqrt(self.var + self.eps)
        y = self.deviation * (weight / self.std)
        y += bias
        return y
        ### END SOLUTION

    def derivatives(self, g: np.ndarray, node: Tensor) -> Arrays:
        ### BEGIN SOLUTION
        x, weight, _ = node.inputs
        n = len(g)
        products = g * self.deviation
        weight_grad, bias_grad = sum_rows(products) / self.std, sum_rows(g)
        if not x.requires_grad:
            return None, weight_grad, bias_grad
        x_grad = np.multiply(self.deviation, weight_grad / (n * self.std), out=products)
        np.subtract(g, x_grad, out=x_grad)
        x_grad -= bias_grad / n
        x_grad *= weight.numpy() / self.std
        return x_grad, weight_grad, bias_grad
        ### END SOLUTION


# %% [markdown] id="fast-batchnorm-hints" role="hints" of="fast-batchnorm"
# 1. Which axis do all sums run over now, and which function given above sums over it? Which of the
#    two sums in the gradient of x have you computed already for weight and bias?
# 2. `compute`: mean, deviation, variance and `self.std`, the root of the variance plus eps; the
#    output is `deviation * (weight / std)` plus the bias. `derivatives`: `sum_rows(g * deviation)
#    / std` is the gradient of the weight, `sum_rows(g)` that of the bias.
# 3. With n rows and $h$ = deviation / std: `(g - bias_grad / n - deviation * (weight_grad / (n *
#    std))) * (weight / std)`, in which every bracket without g or deviation is a row. None, if
#    `node.inputs[0]` requires no gradient.


# %% id="fast-nn-batchnorm" role="given" export="needle/fast/nn.py"
class BatchNorm1d(plain.BatchNorm1d):
    """nn.BatchNorm1d in one op while training; in eval mode it is nn.BatchNorm1d."""

    def forward(self, x: Tensor) -> Tensor:
        """From shape (n, dim) to the same shape."""
        return self.of_the_batch(x) if self.training and x.shape[0] else super().forward(x)

    def of_the_batch(self, x: Tensor) -> Tensor:
        """Normalized by the batch's mean and variance, which update the running values."""
        op = fused.FusedBatchNorm(self.eps)
        y = op(x, self.weight, self.bias)
        y.numpy()
        for running, batch in ((self.running_mean, op.mean), (self.running_var, op.var)):
            before = running.numpy()
            change = self.momentum * (batch - before)
            running.cached_data = np.add(before, change, dtype=before.dtype)
        return y


# %% id="fast-batchnorm-forward" role="check" points=5
@check
def fast_batchnorm_forward():
    """Each column has mean 0 and variance 1 before the weight and the bias."""
    x = ndl.Tensor([[1.0, -30.0], [2.0, 10.0], [6.0, 5.0]])
    op = ndl.fast.ops.FusedBatchNorm(1e-5)
    values = x.numpy().copy()
    yield op(x, ndl.Tensor([1.0, -2.0]), ndl.Tensor([0.0, 10.0]))
    yield op.mean
    yield op.var
    yield unwritten(x, values)
    ### BEGIN HIDDEN TESTS
    #: several shapes, also one feature, float32 and float64
    for shape, eps in (((5, 4), 1e-5), ((4, 4), 1e-5), ((6, 1), 1e-5), ((50, 3), 1e-5)):
        for dtype in ("float32", "float64"):
            apart = np.tile(np.linspace(-36, 60, shape[0])[:, None], shape[1])  # far from eps
            x = ndl.Tensor((rng.permuted(apart, axis=0) + rng.random(shape)).astype(dtype))
            weight, bias = (random_tensor(rng, shape[1], dtype=dtype) for _ in range(2))
            op = ndl.fast.ops.FusedBatchNorm(eps)
            values = x.numpy().copy()
            yield close(op(x, weight, bias), rtol=1e-3, atol=1e-5)
            yield close(op.mean, rtol=1e-3, atol=1e-5)
            yield close(op.var, rtol=1e-3, atol=1e-5)
            #: whether x was left alone
            yield unwritten(x, values)
    #: the layer in train mode, with another momentum
    layer = ndl.fast.nn.BatchNorm1d(3, momentum=0.3)
    for _ in range(3):
        yield close(layer(random_tensor(rng, 40, 3)), rtol=1e-3, atol=1e-4)
        yield close(layer.running_mean, rtol=1e-3, atol=1e-5)
        yield close(layer.running_var, rtol=1e-3, atol=1e-5)
    #: the layer in eval mode after training
    layer.eval()
    yield close(layer(random_tensor(rng, 2, 3)), rtol=1e-3, atol=1e-5)
    ### END HIDDEN TESTS


# %% id="fast-batchnorm-eps" role="check" points=2
@check
def fast_batchnorm_eps():
    """eps is the argument, stands inside the root, and is no part of the variance that is kept."""
    inputs = random_tensor(rng, 5, 3), random_tensor(rng, 3), random_tensor(rng, 3)
    op = ndl.fast.ops.FusedBatchNorm(2.0)
    yield op(*inputs)
    yield close(op.var, rtol=1e-3)
    ### BEGIN HIDDEN TESTS
    #: other values of eps
    for eps in (0.5, 1e-3):
        inputs = random_tensor(rng, 7, 4), random_tensor(rng, 4), random_tensor(rng, 4)
        yield ndl.fast.ops.FusedBatchNorm(eps)(*inputs)
        #: other values of eps, columns of small entries
        inputs[0].data = ndl.Tensor(0.05 * inputs[0].numpy())
        yield ndl.fast.ops.FusedBatchNorm(eps)(*inputs)
    ### END HIDDEN TESTS


# %% id="fast-batchnorm-gradients" role="check" points=11
@check
def fast_batchnorm_gradients():
    """Neither a shift nor a stretch of a column may change anything."""
    x = ndl.Tensor([[1.0, 0.0], [2.0, 3.0], [6.0, 1.0]])
    weight, bias = ndl.Tensor([1.0, -2.0]), ndl.Tensor([0.0, 10.0])
    y = ndl.fast.ops.FusedBatchNorm(1e-5)(x, weight, bias)
    g = ndl.Tensor([[1.0, 2.0], [0.0, -1.0], [0.0, 0.5]])
    to_x, to_weight, to_bias = given_back(y, g)
    yield close(to_x.grad, rtol=1e-3, atol=1e-5)
    yield close(to_weight.grad, rtol=1e-3, atol=1e-5)
    yield to_bias.grad
    op = ndl.fast.ops.FusedBatchNorm(eps=1e-5)
    inputs = random_tensor(rng, 4, 3), random_tensor(rng, 3), random_tensor(rng, 3)
    rows = [[4.0, -3.0, 0.5], [2.0, 5.0, -8.0], [-1.0, 3.0, 6.0], [7.0, 0.0, 1.0]]
    inputs[0].data = ndl.Tensor(rows)
    yield from tried(rng, op, (4, 3), *inputs)
    weight = ndl.Tensor([0.0, -2.0])
    y = ndl.fast.ops.FusedBatchNorm(1e-5)(x, weight, bias)
    y.backward(ndl.Tensor([[1.0, -2.0], [0.5, 3.0], [-1.0, 0.25]]))
    yield close(x.grad, rtol=1e-3, atol=1e-5)
    yield close(weight.grad, rtol=1e-3, atol=1e-5)
    ### BEGIN HIDDEN TESTS
    #: several shapes, float32 and float64, backward twice
    for shape, eps in (((5, 4), 1e-5), ((4, 4), 1e-5), ((6, 1), 1e-5), ((20, 3), 1e-5)):
        for dtype in ("float32", "float64"):
            apart = np.tile(np.linspace(-36, 60, shape[0])[:, None], shape[1])  # far from eps
            inputs = (
                ndl.Tensor((rng.permuted(apart, axis=0) + rng.random(shape)).astype(dtype)),
                random_tensor(rng, shape[1], dtype=dtype),
                random_tensor(rng, shape[1], dtype=dtype),
            )
            yield from tried(
                rng,
                lambda *inputs, eps=eps: ndl.fast.ops.FusedBatchNorm(eps)(*inputs),
                shape,
                *inputs,
            )
    #: a weight of which some entries are 0
    inputs = random_tensor(rng, 5, 4), random_tensor(rng, 4), random_tensor(rng, 4)
    apart = rng.permuted(np.tile(np.linspace(-36, 60, 5)[:, None], 4), axis=0)
    inputs[0].data = ndl.Tensor((apart + rng.random((5, 4))).astype("float32"))
    inputs[1].data = ndl.Tensor(inputs[1].numpy() * np.float32([1, 0, 1, 0]))
    y = ndl.fast.ops.FusedBatchNorm(1e-5)(*inputs)
    y.backward(random_tensor(rng, 5, 4))
    yield close(inputs[0].grad, rtol=1e-3, atol=1e-4)
    yield close(inputs[1].grad, rtol=1e-3, atol=1e-4)
    ### END HIDDEN TESTS


# %% [markdown] id="fast-adam-why"
# ## Memory traffic: Adam
#
# An optimizer does no matrix product at all. For each parameter it reads four numbers (the
# parameter, its gradient, its two averages) and writes three. The plain `step` does that in some
# fifteen operations a parameter, and each of them makes an array: for a large layer every pass goes
# out to memory and back, for a bias of 100 numbers every pass is nothing but overhead.
#
# Two changes cure both.
#
# - **One flat array.** `Flat` puts all parameters one after the other into one array `theta`, and
#   makes each parameter's own array a view of its part. The gradients are copied into another one.
#   Then the network has *one* parameter, and no biases.
# - **Blocks.** The whole step is done for one block of entries, then for the next. A block and its
#   gradients and averages fit into a cache, so the many passes over it never reach memory, and no
#   scratch array is larger than a block. `BLOCK` is its size.
#
# `Flat` is given. Look at `gather`: whoever assigns to `param.data` between two steps finds the
# new value respected, and a parameter without a gradient stays as it is.

# %% id="flat" role="given" export="needle/fast/optim.py"
"""Adam on one flat array, block by block."""

from collections.abc import Iterable, Iterator
from itertools import groupby

import numpy as np

from needle import optim
from needle.autograd import Tensor
from needle.optim import demand_gradient

BLOCK = 1 << 17  # entries: five arrays of so many float32 numbers are 2.5 MiB


class Flat:
    """Parameters of one dtype whose entries stand one after the other in the array `theta`.

    So do their gradients in `grad` and their averages in `u` and `v`, which are zero at first.
    Each parameter's own array is a view of its part of `theta`.
    """

    def __init__(self, params: list[Tensor]) -> None:
        self.params = params
        ends = np.cumsum([param.numpy().size for param in params]).tolist()
        self.parts = [slice(a, b) for a, b in zip([0, *ends], ends, strict=False)]
        self.theta, self.grad, self.u, self.v = np.zeros((4, ends[-1]), params[0].dtype)
        self.views = self.views_of(self.theta)

    def views_of(self, flat: np.ndarray) -> list[np.ndarray]:
        """For each parameter its part of a flat array, in its shape."""
        return [
            flat[part].reshape(p.shape) for p, part in zip(self.params, self.parts, strict=True)
        ]

    def gather(self) -> list[slice]:
        """Bring parameters and gradients in; return the parts of the arrays that have gradients.

        A parameter whose `data` was assigned since the last time is copied in, and its array is
        a view again. Neighbouring parts are returned as one. ValueError for another shape than
        before, or a gradient of another one.
        """
        for param, view in zip(self.params, self.views, strict=True):
            if param.cached_data is not view:
                self.adopt(param, view)
        found = []
        places = zip(self.params, self.parts, strict=True)
        for present, group in groupby(places, lambda place: place[0].grad is not None):
            params, parts = zip(*group, strict=True)
            if present:
                for param in params:
                    demand_gradient(param)
                found.append(slice(parts[0].start, parts[-1].stop))
                grads = [param.grad.numpy().reshape(-1) for param in params]
                np.concatenate(grads, out=self.grad[found[-1]])
        return found

    @staticmethod
    def adopt(param: Tensor, view: np.ndarray) -> None:
        """Copy the parameter's values into the view and make that its array."""
        if param.shape != view.shape:
            raise ValueError(f"a parameter of {view.shape} has become one of {param.shape}")
        view[...] = param.numpy()
        param.data = Tensor.make_const(view)

    def blocks(self) -> Iterator[tuple[np.ndarray, ...]]:
        """`theta`, `grad`, `u` and `v` where there are gradients, at most BLOCK entries of each."""
        for part in self.gather():
            for start in range(part.start, part.stop, BLOCK):
                block = slice(start, min(start + BLOCK, part.stop))
                yield self.theta[block], self.grad[block], self.u[block], self.v[block]


def flats_of(params: Iterable[Tensor]) -> list[Flat]:
    """One `Flat` for each dtype. ValueError if a parameter is there twice."""
    by_dtype: dict[np.dtype, dict[int, Tensor]] = {}
    for param in params:
        group = by_dtype.setdefault(param.dtype, {})
        if id(param) in group:
            raise ValueError("a parameter was given twice: the fast Adam keeps one place for each")
        group[id(param)] = param
    return [Flat(list(group.values())) for group in by_dtype.values()]


# %% [markdown] id="fast-adam-exercise"
# ## Exercise 7: the step, in place
#
# Stage 06 had, with $t$ counted from 1 and $\lambda$ for the weight decay,
#
# $$
# g \leftarrow g + \lambda \theta, \quad
# u \leftarrow \beta_1 u + (1 - \beta_1) g, \quad
# v \leftarrow \beta_2 v + (1 - \beta_2) g^2, \quad
# \theta \leftarrow \theta
#   - \mu \, \frac{u / (1 - \beta_1^t)}{\sqrt{v / (1 - \beta_2^t)} + \epsilon}.
# $$
#
# Write it for the arrays of one block. `theta`, `u` and `v` have to be changed in place, for they
# are parts of larger arrays. New arrays are allowed, but none is needed, and each costs time:
# `u *= beta` works in place, `np.multiply(a, b, out=scratch)` puts the product where you say, and
# `grad` is a copy that you may use up. The corrections are numbers, so let them meet the arrays as
# late as possible, and together with other numbers.


# %% id="fast-adam" role="solution" export="needle/fast/optim.py"
class Adam(optim.Adam):
    r"""optim.Adam with the same arguments and the same steps, in place and block by block.

    The parameters' arrays are changed in place: whoever wants the old values copies them. The
    averages are the arrays `u` and `v` of the `Flat`s in `flats`.
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 0.01,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        *,
        bias_correction: bool = True,
    ) -> None:
        super().__init__(
            params, lr, beta1, beta2, eps, weight_decay, bias_correction=bias_correction
        )
        self.lr, self.beta1, self.beta2, self.eps = lr, beta1, beta2, eps
        self.weight_decay, self.bias_correction, self.t = weight_decay, bias_correction, 0
        self.flats = flats_of(self.params)

    def step(self) -> None:
        """One step for each parameter that has a gradient."""
        self.t += 1
        for flat in self.flats:
            scratch = np.empty(min(BLOCK, flat.theta.size), flat.theta.dtype)
            for theta, grad, u, v in flat.blocks():
                self.update(theta, grad, u, v, scratch[: theta.size])

    def update(
        self,
        theta: np.ndarray,
        grad: np.ndarray,
        u: np.ndarray,
        v: np.ndarray,
        scratch: np.ndarray,
    ) -> None:
        """The step number `self.t`, counted from 1, on one block of equal length of each array.

        `theta`, `u` and `v` are changed in place. `grad` and `scratch` may be overwritten.
        """
        ### BEGIN SOLUTION
        correct1 = 1 - self.beta1**self.t if self.bias_correction else 1.0
        correct2 = 1 - self.beta2**self.t if self.bias_correction else 1.0
        grad += np.multiply(theta, self.weight_decay, out=scratch)
        u *= self.beta1
        u += np.multiply(grad, 1 - self.beta1, out=scratch)
        v *= self.beta2
        grad *= grad
        v += np.multiply(grad, 1 - self.beta2, out=grad)
        np.sqrt(v, out=scratch)
        scratch *= correct2**-0.5
        scratch += self.eps
        np.divide(u, scratch, out=scratch)
        scratch *= self.lr / correct1
        theta -= scratch
        ### END SOLUTION


# %% [markdown] id="fast-adam-hints" role="hints" of="fast-adam"
# 1. In which order must g, u, v and theta be updated, and from which line on is g itself not
#    needed any more?
# 2. `grad += np.multiply(theta, decay, out=scratch)` adds a product without a new array. `u` is the
#    same in two lines. For `v` square the gradient in place first. Then the root of v goes into
#    scratch, is scaled, and gets eps.
# 3. The last four: `scratch *= correct2**-0.5`, `scratch += self.eps`, `np.divide(u, scratch,
#    out=scratch)`, and `theta -= scratch` after `scratch *= self.lr / correct1`. Without
#    `bias_correction` both corrections are 1.

# %% id="fast-index-optim" role="index" export="needle/fast/__init__.py"
from needle.fast import optim as optim


# %% id="trained" role="given"
def trained(rng, shapes, steps, missing=(), dtype="float32", **settings):
    """Parameters of some shapes after steps with random gradients, which eps is nothing beside.

    Those in `missing` get none.
    """
    params = [ndl.nn.Parameter(random_tensor(rng, *shape, dtype=dtype)) for shape in shapes]
    opt = ndl.fast.optim.Adam(params, **settings)
    for step in range(steps):
        opt.reset_grad()
        for i, param in enumerate(params):
            if (step, i) not in missing:
                grad = rng.choice([-20.0, 20.0], param.shape) * (1 + rng.random(param.shape))
                param.grad = ndl.Tensor(grad.astype(dtype))
        opt.step()
    return params, opt


# %% id="fast-adam-steps" role="check" points=5
@check
def fast_adam_steps():
    """The same steps as those of the plain Adam."""
    params, _ = trained(rng, [(2, 3), (4,)], 3, lr=0.1)
    yield from params
    ### BEGIN HIDDEN TESTS
    #: other settings, float32 and float64, one step and more
    for settings in ({}, {"lr": 0.02}, {"beta1": 0.5, "beta2": 0.7}, {"lr": 0.5, "beta1": 0.0}):
        for dtype in ("float32", "float64"):
            for steps in (1, 4):
                params, _ = trained(rng, [(3, 4), (1, 5), (2,)], steps, dtype=dtype, **settings)
                for param in params:
                    yield close(param, rtol=1e-3, atol=1e-5)
    ### END HIDDEN TESTS


# %% id="fast-adam-weight-decay" role="check" points=2
@check
def fast_adam_weight_decay():
    """The decay goes through both averages, as if the gradient had held it from the start."""
    start = np.array([1.0, -2.0, 0.5, 4.0])
    theta, twin = ndl.Tensor(start.copy()), ndl.Tensor(start.copy())
    opt = ndl.fast.optim.Adam([theta], lr=0.1, weight_decay=0.5)
    by_penalty = ndl.fast.optim.Adam([twin], lr=0.1)
    for grad in ([1.0, 0.5, -2.0, 0.1], [0.3, -1.0, 4.0, 2.0], [-2.0, 0.1, 0.7, 1.0]):
        theta.grad = ndl.Tensor(np.array(grad))
        twin.grad = ndl.Tensor(np.array(grad) + 0.5 * twin.numpy())
        opt.step()
        by_penalty.step()
        yield theta.numpy() - twin.numpy() + start
    ### BEGIN HIDDEN TESTS
    #: other values of weight_decay, small gradients
    for weight_decay in (0.05, 0.4):
        start = 3 + rng.standard_normal((4, 2))
        theta, twin = ndl.Tensor(start.copy()), ndl.Tensor(start.copy())
        opt = ndl.fast.optim.Adam([theta], lr=0.1, weight_decay=weight_decay)
        by_penalty = ndl.fast.optim.Adam([twin], lr=0.1)
        for _ in range(6):
            grad = 0.2 * rng.standard_normal((4, 2))
            theta.grad, twin.grad = ndl.Tensor(grad), ndl.Tensor(grad + weight_decay * twin.numpy())
            opt.step()
            by_penalty.step()
            yield theta.numpy() - twin.numpy() + start
    ### END HIDDEN TESTS


# %% id="fast-adam-uncorrected" role="check" points=2
@check
def fast_adam_uncorrected():
    """With bias_correction=False the averages are used as they are, from the first step on."""
    params, _ = trained(rng, [(2, 3)], 2, lr=0.1, beta2=0.99, bias_correction=False)
    yield from params
    ### BEGIN HIDDEN TESTS
    #: the default betas, a single step and several
    for steps in (1, 4):
        params, _ = trained(rng, [(3, 4), (2,)], steps, lr=0.02, bias_correction=False)
        for param in params:
            yield close(param, rtol=1e-3, atol=1e-5)
    ### END HIDDEN TESTS


# %% id="fast-adam-eps" role="check" points=1
@check
def fast_adam_eps():
    """eps is the argument, and is added to the corrected root."""
    theta = ndl.Tensor([1.0, -2.0, 3.0, 5.0])
    opt = ndl.fast.optim.Adam([theta], lr=0.1, beta1=0.0, beta2=0.0, eps=0.5)
    for grad in ([0.25, -100.0, 0.0, 2.0], [-0.1, 0.7, 0.0, 3.0]):
        theta.grad = ndl.Tensor(grad)
        opt.step()
        yield theta
    ### BEGIN HIDDEN TESTS
    #: one step with each of two values of eps
    grad, steps = ndl.Tensor(1 + rng.random(3)), []
    for eps in (0.5, 3.5):
        theta = ndl.Tensor(np.zeros(3))
        opt = ndl.fast.optim.Adam([theta], 0.1, beta1=0.0, beta2=0.9, eps=eps)
        theta.grad = grad
        opt.step()
        steps.append(theta.numpy().copy())
    yield 1 / steps[0] - 1 / steps[1]
    ### END HIDDEN TESTS


# %% id="fast-adam-state" role="check" points=4
@check
def fast_adam_state():
    """Averages go on from step to step, block by block, also past a parameter that had a rest."""
    _, opt = trained(rng, [(2,), (3,)], 2, missing={(1, 0)}, lr=0.1)
    yield opt.flats[0].u
    yield opt.flats[0].v
    ### BEGIN HIDDEN TESTS
    #: gradients missing at some steps, even all of a step
    for missing in ({(0, 1), (2, 1)}, {(1, 0), (1, 2)}, {(0, 0), (0, 1), (0, 2), (2, 2)}):
        params, opt = trained(rng, [(2, 3), (4,), (1, 2)], 4, missing)
        for array in (*params, opt.flats[0].u, opt.flats[0].v):
            yield close(array, rtol=1e-3, atol=1e-5)
    #: a parameter of more than one block beside a small one
    (large, small), opt = trained(rng, [(400, 400), (30,)], 2, lr=0.1)
    for array in (large.numpy()[::60, ::80], small, opt.flats[0].u[-100:], opt.flats[0].v[::9999]):
        yield close(array, rtol=1e-3, atol=1e-5)
    ### END HIDDEN TESTS


# %% [markdown] id="blocks-prose"
# ### How large is a block?
#
# The next cell runs your `update` over four million entries, 16 MB in each array, in blocks of
# different sizes, and plots the time for each entry. Blocks of a thousand are slow: the calls
# into NumPy cost more than what they compute. From some tens of thousands on the calls do not
# count. With larger blocks the arrays leave one cache after the other, and how much that costs
# depends on your machine: the further right, the more of it is the speed of its memory.

# %% id="blocks-demo" role="demo"
entries = 1 << 22
four = np.ones((4, entries), "float32")
scratch = np.empty(entries, "float32")
opt = ndl.fast.optim.Adam([ndl.nn.Parameter(ndl.Tensor([1.0]))])
opt.t = 1


def blockwise(size):
    """One step over all entries, in blocks of this size."""
    for start in range(0, entries, size):
        theta, grad, u, v = four[:, start : start + size]
        opt.update(theta, grad, u, v, scratch[: theta.size])


sizes = [1 << power for power in range(10, 23, 2)]
per_entry = [1e3 * fastest(lambda size=size: blockwise(size), 5) / entries for size in sizes]
fig, ax = plt.subplots(figsize=(8, 4), layout="constrained")
ax.semilogx(sizes, per_entry, "o-", color="#0072B2", base=2)
ax.axvline(ndl.fast.optim.BLOCK, color="#D55E00", linestyle="--", label="BLOCK")
ax.set(xlabel="entries in a block", ylabel="nanoseconds an entry", ylim=(0, None))
ax.set_title("Small blocks pay for the calls of NumPy, not for arithmetic")
ax.legend()
show(
    "Time of an Adam step for each entry against the size of a block: high for small blocks, "
    "then falling to a flat bottom."
)
for size, nanoseconds in zip(sizes, per_entry, strict=True):
    print(f"blocks of {size:8d}   {nanoseconds:5.2f} ns an entry")

# %% [markdown] id="fast-data-prose"
# ## Batches of images
#
# One thing lies outside the step: a batch must be there before anything can be learned from it.
# The transforms of stage 07 take one image at a time, so 128 images with a flip and a crop are 256
# calls and 256 draws. But a batch is an array too. All coins are thrown at once, and the mask
# of those that fell on the right side picks the images to mirror. For the crop there is a view that
# holds every window of every image, without a copy, and one index picks a window for each.
#
# Picking the rows of a batch can be faster, too: `array[index]` is ready for indices of any kind,
# `np.take(array, index, axis=0)` only for whole rows, each of which it copies in one go.
#
# A transform alone makes the same draws as before. Two of them do not: the first draws for the
# whole batch, then the second, where they used to take turns. So the same seed changes the images
# in another way.

# %% id="fast-data" role="given" export="needle/fast/data.py"
"""Whole batches, gathered and changed at once."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from needle import data as plain
from needle.data.dataset import Index


class RandomFlipHorizontal(plain.RandomFlipHorizontal):
    """data.RandomFlipHorizontal, also of a batch: each image has its own draw."""

    def __call__(self, img: np.ndarray) -> np.ndarray:
        """From shape (H, W, C) or (n, H, W, C) to the same shape and dtype."""
        if img.ndim == 3:
            return super().__call__(img)
        chosen = np.random.rand(len(img)) < self.p
        images = img.copy()
        images[chosen] = img[chosen, :, ::-1]
        return images


class RandomCrop(plain.RandomCrop):
    """data.RandomCrop, also of a batch: each image has its own two draws."""

    def __call__(self, img: np.ndarray) -> np.ndarray:
        """From shape (H, W, C) or (n, H, W, C) to the same shape and dtype."""
        if img.ndim == 3:
            return super().__call__(img)
        n, height, width, channels = img.shape
        pad = self.padding
        padded = np.zeros((n, height + 2 * pad, width + 2 * pad, channels), img.dtype)
        padded[:, pad : pad + height, pad : pad + width] = img
        windows = sliding_window_view(padded, (height, width), axis=(1, 2))
        top, left = (pad + np.random.randint(-pad, pad + 1, size=(n, 2))).T
        return np.moveaxis(windows[np.arange(n), top, left], 1, -1)


class NDArrayDataset(plain.NDArrayDataset):
    """data.NDArrayDataset that gathers the rows of a batch with `np.take`."""

    def __getitem__(self, index: Index) -> tuple[np.ndarray, ...]:
        """The entries of each array at `index`: an int, a slice or an array of ints."""
        if isinstance(index, np.ndarray) and index.dtype.kind in "iu":
            return tuple(array.take(index, axis=0) for array in self.arrays)
        return super().__getitem__(index)


class MNISTDataset(plain.MNISTDataset):
    """data.MNISTDataset whose transforms get a whole batch (n, H, W, 1) in one call."""

    def __getitem__(self, index: Index) -> tuple[np.ndarray, ...]:
        """The image and the label at an int, or the images and labels at several indices."""
        images = self.images[index] / np.float32(255)
        return self.apply_transforms(images), self.labels[index]


# %% id="fast-index-data" role="index" export="needle/fast/__init__.py"
from needle.fast import data as data

# %% id="fast-data-demo" role="demo"
for name, space in (("image by image", ndl.data), ("batch by batch", ndl.fast.data)):
    files = [f"data/digits/train-{part}-ubyte.gz" for part in ("images-idx3", "labels-idx1")]
    changes = [space.RandomFlipHorizontal(), space.RandomCrop(1)]
    loader = ndl.data.DataLoader(space.MNISTDataset(*files, changes), 128, shuffle=True)
    start = time.perf_counter()
    count = sum(len(labels.numpy()) for _, labels in loader)
    print(f"{name}   {count / (time.perf_counter() - start) / 1e3:6.0f} thousand images a second")

# %% [markdown] id="fast-models-prose"
# ## The network
#
# No layer has to be put together again. A fast layer is a subclass of the plain one with the same
# attributes; only `forward` differs. So a network becomes fast when each of its layers changes
# its class. `faster` does that with any network that you have built, also with a trained one, and
# `needle.fast.models.MLPResNet` is that of stage 08 after it.

# %% id="fast-models-module" role="given" export="needle/fast/models.py"
"""Networks that exist already, made fast."""

from collections.abc import Mapping
from typing import Any

import needle
from needle import nn as plain
from needle.fast import nn as fast
from needle.nn.module import Module, _parts

Layers = Mapping[type, type]
FASTER: Layers = {
    plain.Linear: fast.Linear,
    plain.ReLU: fast.ReLU,
    plain.Dropout: fast.Dropout,
    plain.SoftmaxLoss: fast.SoftmaxLoss,
    plain.LayerNorm1d: fast.LayerNorm1d,
    plain.BatchNorm1d: fast.BatchNorm1d,
}


def faster(module: Module, layers: Layers = FASTER) -> Module:
    """The same module, after each plain layer in it has become the fast one, in place.

    A fast layer has the attributes of the plain one, so parameters and running values stay. Of a
    class that is not in `layers`, also of your own, nothing is changed.
    """
    for part in _parts(module):
        part.__class__ = layers.get(type(part), type(part))
    return module


def MLPResNet(*args: Any, **kwargs: Any) -> Module:
    """needle.models.MLPResNet, of fast layers: the same arguments, the same draws."""
    return faster(needle.models.MLPResNet(*args, **kwargs))


# %% id="fast-index-models" role="index" export="needle/fast/__init__.py"
from needle.fast import models as models

memory.keep_memory()

# %% [markdown] id="same-training-prose"
# ### The same training, faster
#
# First the proof that nothing else has changed. Both networks learn the digits of stage 08 for
# eight epochs, from the same seed, and without dropout, whose draws differ. The losses are printed
# side by side; they agree as long as float32 lets them, because a rounding error in the seventh
# digit grows from step to step. The last line is the time.

# %% id="same-training" role="demo"
folder = "data/digits"
digits = ndl.data.MNISTDataset(
    f"{folder}/train-images-idx3-ubyte.gz", f"{folder}/train-labels-idx1-ubyte.gz"
)
histories, seconds = [], []
for makes, trains in ((ndl.models, ndl.optim), (ndl.fast.models, ndl.fast.optim)):
    np.random.seed(0)
    reader = makes.MLPResNet(64, drop_prob=0.0)
    opt = trains.Adam(reader.parameters(), lr=0.01, weight_decay=0.001)
    loader = ndl.data.DataLoader(digits, batch_size=100, shuffle=True)
    start = time.perf_counter()
    histories.append([ndl.models.epoch(loader, reader, opt) for _ in range(8)])
    seconds.append(time.perf_counter() - start)
for number, (before, after) in enumerate(zip(*histories, strict=True), 1):
    print(f"epoch {number}   plain {before[0]:.4f}, loss {before[1]:.6f}", end="   ")
    print(f"fast {after[0]:.4f}, loss {after[1]:.6f}")
print(f"plain {seconds[0]:.2f} s, fast {seconds[1]:.2f} s")

# %% [markdown] id="limit-prose"
# ### The limit
#
# How fast could it be? The next cell is the same training step without any library: one function
# for this network and no other, its backward pass written line by line, every array allocated
# once. Nobody would want to change a line of it. But it shows what NumPy itself needs, and
# everything above is what a library costs.


# %% id="limit" role="demo"
class ByHand:
    """MLPResNet(784), its loss, its gradients and Adam written out, every array made once."""

    def __init__(self, network, x, y):
        self.opt = ndl.fast.optim.Adam(network.parameters(), lr=0.001, weight_decay=0.001)
        (self.flat,) = self.opt.flats
        self.flat.gather()
        self.theta, self.grad = self.flat.views, self.flat.views_of(self.flat.grad)
        self.x, self.y, self.n = x.numpy(), y.numpy(), len(x.numpy())
        self.one, self.arrays, self.kept, self.running = np.ones((1, self.n), "float32"), {}, {}, {}

    def array(self, name, i, like):
        """The array of this name and number, made at the first call."""
        if (name, i) not in self.arrays:
            self.arrays[name, i] = np.empty(like, "float32")
        return self.arrays[name, i]

    def linear(self, i, x):
        shape = self.n, self.theta[i].shape[1]
        y = np.matmul(x, self.theta[i], out=self.array("linear", i, shape))
        y += self.theta[i + 1]
        return y

    def linear_back(self, i, x, g):
        np.matmul(x.T, g, out=self.grad[i])
        np.matmul(self.one, g, out=self.grad[i + 1])
        return np.matmul(g, self.theta[i].T, out=self.array("back", i, x.shape)) if i else None

    def norm(self, i, x):
        mean = self.one @ x / self.n
        d = np.subtract(x, mean, out=self.array("deviation", i, x.shape))
        y = np.multiply(d, d, out=self.array("norm", i, x.shape))
        var = self.one @ y / self.n
        for batch, name in ((mean, "mean"), (var, "var")):
            running = self.running.setdefault((name, i), np.full(batch.shape, name == "var", "f4"))
            running *= 0.9
            running += 0.1 * batch
        self.kept[i] = d, np.sqrt(var + 1e-5)
        np.multiply(d, self.theta[i] / self.kept[i][1], out=y)
        y += self.theta[i + 1]
        return y

    def norm_back(self, i, g):
        d, std = self.kept[i]
        products = np.multiply(g, d, out=self.array("products", i, g.shape))
        np.divide(self.one @ products, std, out=self.grad[i][None])
        np.matmul(self.one, g, out=self.grad[i + 1][None])
        np.multiply(d, self.grad[i] / (self.n * std), out=products)
        np.subtract(g, products, out=products)
        products -= self.grad[i + 1] / self.n
        products *= self.theta[i] / std
        return products

    def block(self, i, x):
        """A residual block whose first parameter is number i."""
        h = self.norm(i + 2, self.linear(i, x))
        np.maximum(h, 0, out=h)
        h *= np.multiply(ndl.fast.ops.draw_keep(h.shape, 0.1), 1 / 0.9, dtype="float32")
        y = self.norm(i + 6, self.linear(i + 4, h))
        y += x
        np.maximum(y, 0, out=y)
        self.kept[i] = x, h, y
        return y

    def block_back(self, i, g):
        x, h, y = self.kept[i]
        g *= y > 0
        g_h = self.linear_back(i + 4, h, self.norm_back(i + 6, g))
        g_h *= h > 0
        g_h *= 1 / 0.9
        g += self.linear_back(i, x, self.norm_back(i + 2, g_h))
        return g

    def step(self):
        """One training step; returns the loss."""
        first, last, rows = self.linear(0, self.x), len(self.theta) - 2, np.arange(self.n)
        h = np.maximum(first, 0, out=first)
        for i in range(2, last, 8):
            h = self.block(i, h)
        z = self.linear(last, h)
        z -= z.max(axis=1, keepdims=True)
        right = z[rows, self.y]
        np.exp(z, out=z)
        sums = z.sum(axis=1, keepdims=True)
        z /= sums * self.n
        z[rows, self.y] -= 1 / self.n
        g = self.linear_back(last, h, z)
        for i in reversed(range(2, last, 8)):
            g = self.block_back(i, g)
        g *= first > 0
        self.linear_back(0, self.x, g)
        self.opt.t += 1
        for start in range(0, self.flat.theta.size, ndl.fast.optim.BLOCK):
            block = slice(start, start + ndl.fast.optim.BLOCK)
            theta, grad = self.flat.theta[block], self.flat.grad[block]
            scratch = self.array("scratch", theta.size, theta.shape)
            self.opt.update(theta, grad, self.flat.u[block], self.flat.v[block], scratch)
        return (np.log(sums[:, 0]) - right).mean()


def needle_step(layers, adam):
    """A training step of the network with some of its layers made fast, and an Adam."""
    np.random.seed(0)
    network = ndl.fast.models.faster(ndl.models.MLPResNet(784), layers)
    loss_of = ndl.fast.models.faster(ndl.nn.SoftmaxLoss(), layers)
    opt = adam(network.parameters(), lr=0.001, weight_decay=0.001)

    def step():
        opt.reset_grad()
        loss = loss_of(network(x), y)
        loss.backward()
        opt.step()
        return loss.numpy()

    return step


def by_hand():
    """The same step without a library."""
    np.random.seed(0)
    return ByHand(ndl.models.MLPResNet(784), x, y).step


for step in (needle_step(ndl.fast.models.FASTER, ndl.fast.optim.Adam), by_hand()):
    np.random.seed(1)
    print("losses of five steps", *(f"{step():.5f}" for _ in range(5)))

# %% [markdown] id="each-change-prose"
# ### After each change
#
# The network of the beginning, eight times: as it was, after each of six changes (each bar has
# those of the bars above it too), and the limit. If PyTorch is installed, it is the last bar. The
# steps are taken in turns, so that a disturbance hits all alike, and a bar is the shortest step.
#
# Before you look: which change do you expect to bring most? The profile at the beginning had the
# answer.

# %% id="each-change" role="demo"
import importlib.util


def torch_step():
    """The same step by PyTorch, in eager mode."""
    import torch
    from torch import nn

    torch.set_num_threads(1)

    class Residual(nn.Module):
        def __init__(self, fn):
            super().__init__()
            self.fn = fn

        def forward(self, x):
            return self.fn(x) + x

    def block():
        narrow = nn.Linear(100, 50), nn.BatchNorm1d(50), nn.ReLU(), nn.Dropout(0.1)
        return Residual(nn.Sequential(*narrow, nn.Linear(50, 100), nn.BatchNorm1d(100))), nn.ReLU()

    blocks = [part for _ in range(3) for part in block()]
    network = nn.Sequential(nn.Linear(784, 100), nn.ReLU(), *blocks, nn.Linear(100, 10))
    loss_of = nn.CrossEntropyLoss()
    opt = torch.optim.Adam(network.parameters(), lr=0.001, weight_decay=0.001)
    inputs, targets = torch.from_numpy(x.numpy()), torch.from_numpy(y.numpy())

    def step():
        opt.zero_grad()
        loss_of(network(inputs), targets).backward()
        opt.step()

    return step


steps = {"plain": needle_step({}, ndl.optim.Adam)}
layers = {}
for layer in (
    ndl.nn.Linear,
    ndl.nn.ReLU,
    ndl.nn.Dropout,
    ndl.nn.SoftmaxLoss,
    ndl.nn.BatchNorm1d,
):
    layers[layer] = ndl.fast.models.FASTER[layer]
    steps[f"+ {layer.__name__}"] = needle_step(dict(layers), ndl.optim.Adam)
steps["+ Adam"] = needle_step(layers, ndl.fast.optim.Adam)
steps["the limit, by hand"] = by_hand()
if importlib.util.find_spec("torch"):
    steps["PyTorch"] = torch_step()

taken = {name: [] for name in steps}
for _ in range(60):
    for name, step in steps.items():
        start = time.perf_counter()
        step()
        taken[name].append(1e3 * (time.perf_counter() - start))
best = {name: min(values) for name, values in taken.items()}
limit = best["the limit, by hand"]

fig, ax = plt.subplots(figsize=(8, 4.2), layout="constrained")
colors = ["#0072B2" if name[0] in "p+" else "#999999" for name in best]
drawn = ax.barh(list(best), list(best.values()), color=colors)
ax.bar_label(drawn, [f"{value:.2f} ms" for value in best.values()], padding=3)
ax.axvline(limit, color="#D55E00", linestyle="--")
ax.invert_yaxis()
ax.margins(x=0.12)
ax.set(xlabel="milliseconds a training step")
ax.set_title("The norms and Adam bring the most of what there was to gain")
show(
    "Bars for the time of a training step, from the plain one through six changes to the limit: "
    "the fused norms and the flat Adam make it much shorter, and the last is near the limit."
)
for name, value in best.items():
    print(f"{name:20} {value:6.2f} ms   {value / limit:5.2f} times the limit")

# %% [markdown] id="second-profile-prose"
# ### The second profile
#
# The same picture as at the beginning, for the fast network. `FusedLinear` is on top, as it should
# be: it holds the matrix products, and they are the same as before. What else there is, is of
# the size of the batch and passes over it once or twice.

# %% id="second-profile" role="demo"
network = ndl.fast.models.MLPResNet(784)
for _ in range(3):
    loss = ndl.fast.nn.SoftmaxLoss()(network(x), y)
    loss.backward()
costs = ndl.fast.profile.profile(loss)
bars(costs, "The fast step: fewer kinds of ops, and the matrix products first")
show(
    "Time of each kind of op in one fast training step, in microseconds: the linear layers first, "
    "then the norms, ReLU, the loss, dropout and the additions.",
)
print(f"nodes in the graph   {len(ndl.autograd.find_topo_sort([loss]))}")

# %% [markdown] id="end-09"
# ## What you built
#
# - `profile`: a graph played again, op by op, with times and bytes.
# - Fused ops with gradients derived by hand: `linear`, `dropout`, `softmax_loss`, `layernorm`,
#   `batchnorm`, and the layers that use them.
# - `Adam` on one flat array, in blocks.
# - Transforms that change a whole batch of images at once.
# - `faster`, which makes a network that exists use all that.
#
# ## What was left out
#
# A change that gains less than it takes to explain is no gain. Tried and taken out again, with the
# share of a step (of this network, one thread) that each of them saved:
#
# - A ReLU and the dropout behind it as one op, a sum and the ReLU behind it as another, found by a
#   `Sequential` that looks at pairs: 1 to 3%, for 60 lines.
# - Adam with $u / (1 - \beta_1)$ and $v / (1 - \beta_2)$ in place of $u$ and $v$, which saves two
#   of its passes: 2%, for another formula than the one that everybody knows.
# - The gradients fetched block by block, and not copied into one flat array first: nothing for this
#   network, 1% for one that is five times as wide.
#
# **The same in PyTorch.** `torch.compile(model)` looks for fusions by itself, and
# `torch.optim.Adam(params, fused=True)` updates all parameters in one pass.
#
# ## What comes next
#
# This is the last notebook. Your library now has two halves: one that says what is computed, and
# one that does it quickly and is checked against the first. Every library that you will use has
# grown like that. Whatever you export from a notebook of your own becomes part of your `needle`
# as all of this did.
#
# ## Questions to think about
#
# Double-click a question, write below it, and run the cell. None of this is graded. Once you have
# answered and saved, `%mugrade hint` with the question's name, in a new cell, shows our answer.

# %% [markdown] id="bias-before-a-fused-norm" role="answer"
# 1. **bias-before-a-fused-norm**: A `Linear` directly before a `BatchNorm1d` adds a bias that the
#    norm takes away again. What would the fused gradient of that bias be, and what could you leave
#    out of the network?
#
# ### BEGIN SOLUTION
# Zero, up to rounding: in each column the gradient behind the norm sums to zero. You could leave
# the bias out of every `Linear` before a norm.
# ### END SOLUTION

# %% [markdown] id="recompute-from-the-output" role="answer"
# 2. **recompute-from-the-output**: ReLU keeps nothing for its gradient, BatchNorm keeps the
#    deviations. Which of the fused ops could compute what they keep again from the output instead?
#    What would that cost, and what would it save in a network of a hundred blocks?
#
# ### BEGIN SOLUTION
# The norms could: the deviations are $(y - b) / w$ times the standard deviation, as long as no $w$
# is 0. That costs one more pass over each batch and saves an array of the batch's size for each
# norm, two hundred of them in a hundred blocks. Dropout could read its mask off the zeros of its
# output, if no input were 0.
# ### END SOLUTION

# %% [markdown] id="fusions-of-a-compiler" role="answer"
# 3. **fusions-of-a-compiler**: Compilers find such fusions by themselves, from a graph that they
#    see before it runs. Which of yours could a program find, and which took a theorem?
#
# ### BEGIN SOLUTION
# A program finds chains of element-wise ops, copies that nobody needs, and arrays that can be used
# again. The gradients of the norms and of the softmax loss took algebra: terms that cancel over a
# whole row or column.
# ### END SOLUTION

# %% [markdown] id="references-09"
# ## References
#
# - Samuel Williams, Andrew Waterman and David Patterson, *Roofline: an insightful visual
#   performance model for multicore architectures*, Communications of the ACM 52, 2009.
# - Ulrich Drepper, *What every programmer should know about memory*, 2007.
# - Donald Knuth, *Structured programming with go to statements*, Computing Surveys 6, 1974. On
#   small efficiencies, and on the three per cent that matter.
# - Sergey Ioffe and Christian Szegedy, *Batch normalization: accelerating deep network training by
#   reducing internal covariate shift*, ICML 2015. arXiv:1502.03167. The gradient, in section 3.
# - Tianqi Chen and others, *TVM: an automated end-to-end optimizing compiler for deep learning*,
#   OSDI 2018. arXiv:1802.04799. Section 3 is on operator fusion.
