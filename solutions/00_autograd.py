# %% [markdown] id="title-00"
# # 00 · Autograd
#
# You will build the engine of a deep-learning library: tensors that remember how they were
# computed, a derivative for each operation, and the walk back through the graph that turns those
# small derivatives into the gradient of a whole network. Everything after this notebook stands on
# it.
#
# - **Time**: two to three hours, fourteen exercises, most of them one to three lines long. The
#   first takes five minutes.
# - **You need**: Python, NumPy, the chain rule.
# - **It grows**: `needle/autograd.py`, `needle/ops/basic.py`.
#
# Run each cell as you come to it.

# %% id="setup-00" role="given"
# %load_ext mugrade
import numpy as np

import needle as ndl
from mugrade import check, close, rng, show

# %% [markdown] id="by-hand-prose"
# ## A graph of a few numbers
#
# Take $y = (a + b)\, b$ at $a = 2$ and $b = 3$. In two steps: $s = a + b = 5$, then
# $y = s\, b = 15$. Let one of the numbers grow by a tiny bit: how many times that bit does $y$
# grow? The answer is called the **adjoint** of the number, written $\bar a$ for that of $a$. We
# find all of them in one walk, from the end to the beginning.
#
# - **The end.** $y$ grows exactly as fast as itself: $\bar y = 1$. Every walk begins with this one.
# - **A product**, $y = s\, b$. If $s$ grows by a bit, $y$ grows by $b = 3$ bits, so
#   $\bar s = \bar y \cdot b = 3$. And what arrives at this $b$ is $\bar y \cdot s = 5$.
# - **A sum**, $s = a + b$. It grows by as much as either of its terms, so each gets what $s$ has:
#   3 for $a$, and 3 for this $b$.
# - **The same number twice.** $b$ entered both steps, and when it grows, $y$ grows for both
#   reasons: $\bar b = 5 + 3 = 8$. It would be the same for $b \cdot b$, where both uses are in one
#   step.
#
# There are no more cases than these. Each step multiplies what comes from above by a derivative of
# its own, once for each of its arguments; where ways meet, the contributions add up. That is the
# chain rule. And you need not believe it: at $b = 3.001$, $y$ is $5.001 \cdot 3.001 = 15.008$,
# which is $8 \cdot 0.001$ more.
#
# The picture shows the walk. (Code that only draws is folded away; click on the bar to see it.)

# %% id="by-hand-demo" role="demo"
import matplotlib.pyplot as plt

BLUE, ORANGE, GREEN, RED, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#999999"


def draw_graph(axis, boxes, arrows):
    """Boxes, name -> (x, y, value, adjoint), and arrows between them that carry a text."""
    for name, (x, y, value, adjoint) in boxes.items():
        box = {"boxstyle": "round", "facecolor": "white", "edgecolor": BLUE}
        text = f"{name}\n$v$ = {value:.3g}\n$\\bar v$ = {adjoint:.3g}"
        axis.text(x, y, text, ha="center", va="center", bbox=box, zorder=3)
    for source, target, text in arrows:
        (x0, y0), (x1, y1) = boxes[source][:2], boxes[target][:2]
        style = {"arrowstyle": "->", "color": GREY, "shrinkA": 32, "shrinkB": 32}
        axis.annotate("", (x1, y1), (x0, y0), arrowprops=style)
        axis.text((x0 + x1) / 2, (y0 + y1) / 2 + 0.12, text, ha="center", color=RED)
    xs, ys = zip(*(place[:2] for place in boxes.values()), strict=True)
    axis.set(xlim=(min(xs) - 1, max(xs) + 1), ylim=(min(ys) - 0.8, max(ys) + 0.8))
    axis.set_axis_off()


boxes = {
    "a": (0, 0, 2, 3),
    "b": (0, -1.8, 3, 8),
    "s = a + b": (2.4, 0, 5, 3),
    "y = s b": (4.8, -0.9, 15, 1),
}
arrows = [
    ("a", "s = a + b", "3"),
    ("b", "s = a + b", "3"),
    ("b", "y = s b", "5"),
    ("s = a + b", "y = s b", "3"),
]
figure, axis = plt.subplots(figsize=(8, 3.6), layout="constrained")
draw_graph(axis, boxes, arrows)
axis.set_title("Values flow to the right; adjoints flow back, one contribution an arrow")
show(
    "A graph: a = 2 and b = 3 lead to s = 5, and s and b to y = 15. The adjoints are 1 for y, "
    "3 for s, 3 for a, and 8 for b, which gets 5 from the product and 3 from the sum."
)

# %% [markdown] id="why-by-hand"
# ## Exercise 1: walk it yourself
#
# The next graph is $y = a\, b + a$, in two steps: $p = a\, b$, then $y = p + a$. Start with
# $\bar y = 1$, pass the sum, then the product, and write down what arrives at $a$ and at $b$:
# replace the line `raise NotImplementedError()` by two. Then run the cell, and the check below it.

# %% id="by-hand" role="solution" export="needle/byhand.py"
"""One graph, walked by hand before there is an engine that does it."""


def adjoints_by_hand(a: float, b: float) -> tuple[float, float]:
    """The adjoints of a and b in y = a b + a, where p = a b and y = p + a."""
    y_bar = 1.0
    p_bar = y_bar  # a sum hands on what it gets
    ### BEGIN SOLUTION
    a_bar = p_bar * b + y_bar
    b_bar = p_bar * a
    ### END SOLUTION
    return a_bar, b_bar


# %% id="needle-index-byhand" role="index" export="needle/__init__.py"
from needle import byhand

# %% [markdown] id="by-hand-hints" role="hints" of="by-hand"
# 1. Along how many arrows does something come back to a? And to b?
# 2. By way of the product, a gets `p_bar` times b, and b gets `p_bar` times a. Which of the two
#    entered the sum as well?
# 3. The adjoint of a is `p_bar` times b, plus `y_bar`, which comes from the sum directly. The
#    adjoint of b is `p_bar` times a.


# %% id="by-hand-adjoints" role="check" points=2
@check
def by_hand_adjoints():
    """What a number gets back is the sum over all its uses."""
    a_bar, b_bar = adjoints_by_hand(3.0, 7.0)
    yield np.array(float(a_bar))
    yield np.array(float(b_bar))
    ### BEGIN HIDDEN TESTS
    #: other numbers of either sign
    for _ in range(4):
        a, b = rng.uniform(-3, 3, 2)
        for adjoint in adjoints_by_hand(float(a), float(b)):
            yield np.array(float(adjoint))
    ### END HIDDEN TESTS


# %% [markdown] id="how-it-goes"
# That is how it goes from here on. A cell that begins with `#| export` becomes part of your package
# when you run it: `needle/byhand.py` now holds your function. The check below an exercise compares
# what your code computes with what it should, and says what differs. When you are stuck,
# `%mugrade hint multiply` in a cell of your own gives a hint for the exercise called `multiply`;
# ask again, and it tells you more.

# %% [markdown] id="why-autograd"
# ## One number, a million parameters
#
# Training asks this question over and over: if this parameter grew a little, how much would the
# loss change? You could answer by trying, as above with 3.001. For a million parameters that is a
# million runs through the network for a single step.
#
# The walk back answers for all of them at once, at about the price of two or three runs. It is
# called **reverse-mode differentiation**. Write $\bar v = \partial L / \partial v$ for the adjoint
# of an intermediate value $v$, where $L$ is the loss. If $v$ is used to compute
# $y_1, \dots, y_k$, then
#
# $$\bar v = \sum_{i=1}^{k} \bar y_i \, \frac{\partial y_i}{\partial v}.$$
#
# Every term needs two things: the adjoint of something computed *later*, and the derivative of
# *one* operation. So an operation has to know only its own derivative, and somebody has to
# remember who was computed from whom. The first is an `Op`, the second a graph.

# %% [markdown] id="about-modes"
# ## The graph
#
# The next cells are given, and folded: run them, and open each once, without haste. They are the
# vocabulary of the course, and you will complete what they leave open.
#
# First the device, a formality here, and two switches. Normally the result of an operation is
# computed at once and remembers its inputs. Under `no_grad()` it remembers nothing; under `lazy()`
# it is not computed before somebody asks.

# %% id="device-cpu" role="given" export="needle/device.py"
"""Where the numbers live: in this course always in the memory of the processor."""

from dataclasses import dataclass


@dataclass(frozen=True)
class CPUDevice:
    """The processor, computing with NumPy."""

    def __repr__(self) -> str:
        return "needle.cpu()"


def cpu() -> CPUDevice:
    """The device that every tensor is on."""
    return CPUDevice()


def all_devices() -> list[CPUDevice]:
    """Every device there is."""
    return [cpu()]


def demand_cpu(device: object) -> None:
    """Raise RuntimeError for a device that does not exist here."""
    if device not in (cpu(), "cpu"):
        raise RuntimeError(f"there is no device {device!r}: write needle.cpu(), or leave it out")


# %% id="autograd-imports" role="given" export="needle/autograd.py"
"""Tensors that remember how they were computed, and the derivatives that follow from it."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

import needle  # for the ops, which need this module first: they are looked up when they are used
from needle.device import CPUDevice, cpu, demand_cpu

# %% id="autograd-modes" role="given" export="needle/autograd.py"


class Modes(threading.local):
    """What happens to the result of an op, in this thread."""

    recording = True  # results remember their op and inputs
    lazy = False  # results are computed when they are asked for


modes = Modes()


@contextmanager
def no_grad() -> Iterator[None]:
    """Inside `with no_grad():` results remember nothing, so no gradient can flow through them."""
    before, modes.recording = modes.recording, False
    try:
        yield
    finally:
        modes.recording = before


@contextmanager
def lazy() -> Iterator[None]:
    """Inside `with lazy():` ops only build the graph; values are computed when asked for."""
    before, modes.lazy = modes.lazy, True
    try:
        yield
    finally:
        modes.lazy = before


# %% [markdown] id="about-op"
# An `Op` is a pair of functions. `compute` takes arrays and returns an array; it knows nothing of
# graphs. `gradient` takes the adjoint of the output, called `out_grad`, and returns the adjoints
# of the inputs; it works on tensors. That is the whole secret of second derivatives: a gradient is
# computed by the same operations as everything else, so it has a graph too.

# %% id="autograd-op" role="given" export="needle/autograd.py"


class Op:
    """A function that can be computed, and whose derivative is known.

    `op(x, y)` makes a node of the graph: the op, its inputs and (unless lazy) its value.
    """

    def compute(self, *args: Any) -> Any:
        """The value: arrays in, an array out (a tuple of arrays out for a `TensorTupleOp`)."""
        raise NotImplementedError

    def gradient(self, out_grad: Any, node: Any) -> Any:
        r"""The adjoint of each input, given the adjoint `out_grad` of the output `node`.

        $\bar x_i = \bar y \, \partial y / \partial x_i$, tensors of the shapes of `node.inputs`,
        made with ops so that they can be differentiated again. One tensor if there is one input,
        a tuple otherwise. An input that requires no gradient may get None.
        """
        raise NotImplementedError

    def gradient_as_tuple(self, out_grad: Any, node: Any) -> tuple[Any, ...]:
        """`gradient`, as a tuple also if there is one input.

        Where inputs of several dtypes met, each adjoint is brought to the dtype of its input.
        """
        grads = self.gradient(out_grad, node)
        if not isinstance(grads, tuple):
            return (grads,)
        dtype = getattr(node.cached_data, "dtype", None)
        for x in node.inputs:
            if getattr(x.cached_data, "dtype", dtype) != dtype:
                return tuple([in_dtype_of(*pair) for pair in zip(node.inputs, grads, strict=True)])
        return grads


class TensorOp(Op):
    """An op whose output is one tensor."""

    def __call__(self, *inputs: "Value") -> "Tensor":
        return Tensor.make_from_op(self, inputs)


class TensorTupleOp(Op):
    """An op whose output is a tuple of tensors."""

    def __call__(self, *inputs: "Value") -> "TensorTuple":
        return TensorTuple.make_from_op(self, inputs)


# %% [markdown] id="about-value"
# A node of the graph holds its value, the op that made it and the op's inputs. A node without an op
# is a **leaf**: data, or a parameter. Look at what `make_from_op` does *not* keep. If none of the
# inputs requires a gradient, the result forgets where it came from, and memory can be freed.

# %% id="autograd-value" role="given" export="needle/autograd.py"


def as_array(data: Any) -> Any:
    """What an op has computed as an ndarray (0-d for a scalar) or as a tuple of them."""
    if type(data) is np.ndarray:
        return data
    return tuple(map(np.asarray, data)) if isinstance(data, tuple) else np.asarray(data)


def in_dtype_of(x: Any, grad: Any) -> Any:
    """The adjoint of x in the dtype of x, if that is a floating-point one."""
    if grad is None or not isinstance(x, Tensor) or x.dtype.kind != "f" or grad.dtype == x.dtype:
        return grad
    return needle.ops.basic.AsType(x.dtype)(grad)


def demand_tensors(op: Op, inputs: Sequence[Any]) -> None:
    """Say which of the inputs is no tensor, if that is what went wrong."""
    for x in inputs:
        if not isinstance(x, Value):
            name, got = type(op).__name__, type(x).__name__
            raise TypeError(
                f"{name} takes tensors, not {got}: write Tensor(...) around it"
            ) from None


class Value:
    """A node of the graph: a value, the op that made it, and the op's inputs."""

    __slots__ = ("__weakref__", "_grad", "cached_data", "inputs", "op", "requires_grad")

    cached_data: Any  # None until a lazy node is realized
    op: Op | None  # None for a leaf
    inputs: "tuple[Value, ...]"
    requires_grad: bool
    _grad: Any

    @classmethod
    def make_const(cls, data: Any, requires_grad: bool = False) -> Any:
        """A leaf around the data, without a copy."""
        node = cls.__new__(cls)
        node.cached_data = data
        node.op = None
        node.inputs = ()
        node.requires_grad = requires_grad
        node._grad = None
        return node

    @classmethod
    def make_from_op(cls, op: Op, inputs: "tuple[Value, ...]") -> Any:
        """The output of the op; it keeps op and inputs only if somebody will need them."""
        lazy = modes.lazy
        arrays = []
        requires_grad = False
        try:
            for x in inputs:
                requires_grad = requires_grad or x.requires_grad
                data = x.cached_data
                if data is None and not lazy:
                    data = x.realize_cached_data()
                arrays.append(data)
        except AttributeError:
            demand_tensors(op, inputs)
            raise
        node = cls.__new__(cls)
        node._grad = None
        node.requires_grad = requires_grad and modes.recording
        if node.requires_grad or lazy:
            node.op, node.inputs = op, inputs
        else:
            node.op, node.inputs = None, ()
        if lazy:
            node.cached_data = None
        else:
            data = op.compute(*arrays)
            node.cached_data = data if type(data) is np.ndarray else as_array(data)
        return node

    def realize_cached_data(self) -> Any:
        """The value of the node, computed now if that has not happened yet."""
        if self.cached_data is None:
            self.compute_missing_values()
        return self.cached_data

    def compute_missing_values(self) -> None:
        """Compute this node and what it depends on, inputs first, each node once."""
        stack: list[Value] = [self]
        while stack:
            node = stack[-1]
            missing = [x for x in node.inputs if x.cached_data is None]
            if missing:
                stack.extend(missing)
                continue
            stack.pop()
            if node.cached_data is None:
                assert node.op is not None
                arrays = [x.cached_data for x in node.inputs]
                node.cached_data = as_array(node.op.compute(*arrays))
                if not node.requires_grad:  # nobody will ask how it was made
                    node.op, node.inputs = None, ()

    @property
    def grad(self) -> Any:
        """The adjoint of the node; None where `backward` has not been.

        It has the node's shape: ValueError for another, unless one of the two is still to be
        computed (`lazy`).
        """
        return self._grad

    @grad.setter
    def grad(self, grad: Any) -> None:
        try:
            fits = grad is None or grad.cached_data.shape == self.cached_data.shape
        except AttributeError:
            fits = True  # a tuple has no shape, and a lazy node has none yet
        if not fits:
            source = f"the output of {type(self.op).__name__}" if self.op else "a leaf"
            raise ValueError(
                f"a gradient of shape {grad.cached_data.shape} for {source} of shape "
                f"{self.cached_data.shape}: an op's gradient has the shape of the op's input, "
                "so look at the ops that this tensor went into"
            )
        self._grad = grad

    def is_leaf(self) -> bool:
        """Whether the node is an input of the graph rather than the result of an op."""
        return self.op is None


# %% [markdown] id="about-tensor"
# A `Tensor` is a node whose value is one array. Its operators only look up the op and call it. The
# ops are in `needle.ops`, which is built on this module; so that `a + b` can be written all the
# same, an operator reaches ahead to them when it is used, by which time both modules are there.
#
# Three things in a tensor are choices, and each of them will save you trouble later.
#
# - `float32` stays `float32`. A Python number beside a tensor never changes its type, and a NumPy
#   scalar, which would, is turned into a Python number first.
# - `x.data` shares memory with `x` and has no history. Assigning to it changes the value of a
#   parameter without leaving a trace in any graph.
# - A tensor owns its values: `Tensor(array)` copies.

# %% id="autograd-tensor" role="given" export="needle/autograd.py"


def number(scalar: Any) -> Any:
    """The scalar as a Python number, which, unlike NumPy's, never changes an array's dtype."""
    if isinstance(scalar, (int, float)):
        return float(scalar) if isinstance(scalar, np.float64) else scalar
    if isinstance(scalar, (np.generic, np.ndarray)):
        return scalar.item()
    raise TypeError(f"neither a number nor a tensor: {scalar!r}; write Tensor(...) around an array")


def holds_float64(data: Any) -> bool:
    """Whether NumPy's float64 is in the data, which Python's numbers are not."""
    if isinstance(data, (list, tuple)):
        return any(map(holds_float64, data))
    return getattr(data, "dtype", None) == np.float64


class Tensor(Value):
    """An array that remembers how it was computed.

    From an array, nested lists, a number or another tensor; the values are copied. Floating-point
    Python data becomes float32, an ndarray keeps its dtype, also in a list, and `dtype` decides if
    it is given. TypeError for anything but numbers.
    """

    __slots__ = ()
    __array_ufunc__ = None  # so that array + tensor asks the tensor, not NumPy

    inputs: tuple[Any, ...]

    def __init__(
        self,
        array: Any,
        *,
        device: CPUDevice | None = None,
        dtype: Any = None,
        requires_grad: bool = True,
    ) -> None:
        if isinstance(array, Tensor):
            array = array.realize_cached_data()
        if device is not None:
            demand_cpu(device)
        source = array if isinstance(array, np.ndarray) else np.asarray(array)
        if dtype is None and source.dtype == np.float64 and not holds_float64(array):
            dtype = np.float32
        if source.dtype.kind not in "biufc":  # before NumPy reads "1" as a number and None as nan
            raise TypeError(f"a tensor is made of numbers, not of {type(array).__name__}: {array}")
        data = np.array(source, dtype=dtype)
        self.cached_data = data
        self.op = None
        self.inputs = ()
        self.requires_grad = requires_grad
        self._grad = None

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each axis."""
        return self.realize_cached_data().shape

    @property
    def dtype(self) -> np.dtype:
        """The type of the entries."""
        return self.realize_cached_data().dtype

    @property
    def device(self) -> CPUDevice:
        """Where the numbers live."""
        return cpu()

    def numpy(self) -> np.ndarray:
        """The array itself, not a copy."""
        return self.realize_cached_data()

    def detach(self) -> "Tensor":
        """The same values, in the same memory, outside the graph."""
        return Tensor.make_const(self.realize_cached_data())

    @property
    def data(self) -> "Tensor":
        """The same memory, outside the graph."""
        return self.detach()

    @data.setter
    def data(self, value: "Tensor") -> None:
        if not isinstance(value, Tensor):
            raise TypeError(f"data is a Tensor, not a {type(value).__name__}: use Tensor(...)")
        if value.dtype != self.dtype:
            raise TypeError(
                f"data of dtype {value.dtype} for a tensor of dtype {self.dtype}: "
                f"convert it with Tensor(value, dtype='{self.dtype}')"
            )
        self.cached_data = value.realize_cached_data()

    def backward(self, out_grad: "Tensor | None" = None, create_graph: bool = False) -> None:
        """Leave the gradient of this tensor in `grad` of every tensor it was computed from.

        `out_grad` is the adjoint of this tensor, ones by default. With `create_graph` the
        gradients remember how they were computed, so that they can be differentiated again.
        RuntimeError where there is no graph to walk.
        """
        if not self.requires_grad:
            raise RuntimeError(
                "backward from a tensor without a graph: nothing that it was computed from "
                "requires a gradient, or it was made under no_grad; to differentiate a gradient "
                "again, get it by backward(create_graph=True)"
            )
        if out_grad is None:
            out_grad = Tensor.make_const(np.ones(self.shape, self.dtype))
        elif not isinstance(out_grad, Tensor):
            name = type(out_grad).__name__
            raise TypeError(f"out_grad is a Tensor, not a {name}: use Tensor(...)")
        elif out_grad.shape != self.shape:
            raise ValueError(f"out_grad of shape {out_grad.shape} for an output of {self.shape}")
        elif out_grad.dtype != self.dtype:
            out_grad = Tensor(out_grad, dtype=self.dtype, requires_grad=False)
        if create_graph:
            compute_gradient_of_variables(self, out_grad)
        else:
            with no_grad():
                compute_gradient_of_variables(self, out_grad.detach())

    def constant(self, value: Any) -> "Tensor":
        """A number or an array as a tensor of this shape (and float dtype) without gradient."""
        dtype = self.dtype if self.dtype.kind == "f" else None
        array = np.array(value, dtype)
        if array.shape != self.shape:
            array = np.broadcast_to(array, self.shape)
        return Tensor.make_const(array)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """What `np.array(x)` gives; RuntimeError if that would lose a gradient."""
        if self.requires_grad:
            raise RuntimeError(
                "NumPy got a tensor that requires a gradient, which would be lost: "
                "use an op of needle, or write .numpy() if it may be"
            )
        return np.array(self.numpy(), dtype, copy=copy)

    def __bool__(self) -> bool:
        """Whether the only entry is not 0; RuntimeError if there is not exactly one."""
        if self.numpy().size != 1:
            raise RuntimeError(
                f"the truth value of an array of shape {self.shape} is ambiguous: ask whether "
                "the tensor `is None`, or write .numpy().any() or .numpy().all()"
            )
        return bool(self.numpy().item())

    def __eq__(self, other: object) -> Any:
        return self.compare(other, np.equal, False)

    def __ne__(self, other: object) -> Any:
        return self.compare(other, np.not_equal, True)

    __hash__ = object.__hash__  # by identity: tensors are keys, and nodes of graphs

    def compare(self, other: Any, compare: np.ufunc, differ: bool) -> Any:
        """Entry by entry, without gradient, with a number, an array or a tensor of this shape."""
        if isinstance(other, Tensor):
            result = Comparison.make_const(None)  # not computed before somebody asks
            result.op, result.inputs = needle.ops.basic.Compare(compare), (self, other)
            result.truth = (self is not other) == differ
            return result
        if isinstance(other, (int, float, np.generic, np.ndarray)):
            return Tensor.make_const(compare(self.numpy(), self.constant(other).numpy()))
        return NotImplemented

    def __add__(self, other: Any) -> "Tensor":
        if isinstance(other, Tensor):
            return needle.ops.basic.EWiseAdd()(self, other)
        if isinstance(other, np.ndarray):
            return self + self.constant(other)
        return needle.ops.basic.AddScalar(other)(self)

    def __sub__(self, other: Any) -> "Tensor":
        if isinstance(other, np.ndarray):
            other = self.constant(other)
        return self + -(other if isinstance(other, Tensor) else number(other))

    def __rsub__(self, other: Any) -> "Tensor":
        return -self + other

    def __mul__(self, other: Any) -> "Tensor":
        if isinstance(other, Tensor):
            return needle.ops.basic.EWiseMul()(self, other)
        if isinstance(other, np.ndarray):
            return self * self.constant(other)
        return needle.ops.basic.MulScalar(other)(self)

    def __truediv__(self, other: Any) -> "Tensor":
        if isinstance(other, Tensor):
            return needle.ops.basic.EWiseDiv()(self, other)
        if isinstance(other, np.ndarray):
            return self / self.constant(other)
        return needle.ops.basic.DivScalar(other)(self)

    def __rtruediv__(self, other: Any) -> "Tensor":
        return self.constant(other) / self

    def __pow__(self, other: Any) -> "Tensor":
        if isinstance(other, Tensor):
            return needle.ops.basic.EWisePow()(self, other)
        if isinstance(other, np.ndarray):
            return self ** self.constant(other)
        return needle.ops.basic.PowerScalar(other)(self)

    def __rpow__(self, other: Any) -> "Tensor":
        return self.constant(other) ** self

    def __matmul__(self, other: "Tensor") -> "Tensor":
        return needle.ops.basic.MatMul()(self, other)

    def __neg__(self) -> "Tensor":
        return needle.ops.basic.Negate()(self)

    __radd__ = __add__
    __rmul__ = __mul__
    matmul = __matmul__

    def sum(self, axes: int | tuple[int, ...] | None = None) -> "Tensor":
        """The sum over the axes, over all of them by default."""
        return needle.ops.basic.Summation(axes)(self)

    def broadcast_to(self, shape: tuple[int, ...]) -> "Tensor":
        """Repeated along new leading axes and along axes of length 1."""
        return needle.ops.basic.BroadcastTo(shape)(self)

    def reshape(self, shape: Any, *more: int) -> "Tensor":
        """The same entries in the same order, in another shape: a tuple, or several numbers."""
        return needle.ops.basic.Reshape((shape, *more) if more else shape)(self)

    def transpose(self, axes: tuple[int, int] | None = None) -> "Tensor":
        """Two axes swapped, the last two by default."""
        return needle.ops.basic.Transpose(axes)(self)

    def __repr__(self) -> str:
        return f"needle.Tensor({self.realize_cached_data()})"

    def __str__(self) -> str:
        return str(self.realize_cached_data())


class Comparison(Tensor):
    """Which entries of two tensors are equal, or which are not.

    As a condition it says whether the two are one tensor (or are not), so that a node is found in
    a list of nodes.
    """

    __slots__ = ("truth",)

    truth: bool

    def __bool__(self) -> bool:
        return self.truth


# %% [markdown] id="about-tensor-tuple"
# Some operations have several outputs. A `TensorTuple` is the node for them.

# %% id="autograd-tensor-tuple" role="given" export="needle/autograd.py"


class TensorTuple(Value):
    """Several tensors as one node, for ops with several outputs."""

    __slots__ = ()

    def __len__(self) -> int:
        return len(self.realize_cached_data())

    def __getitem__(self, index: int) -> "Tensor":
        return needle.ops.basic.TupleGetItem(range(len(self))[index])(self)

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    def detach(self) -> "TensorTuple":
        """The same values, in the same memory, outside the graph."""
        return TensorTuple.make_const(self.realize_cached_data())

    def tuple(self) -> tuple[Tensor, ...]:
        """The tensors in it."""
        return tuple(self)

    def __add__(self, other: "TensorTuple") -> "TensorTuple":
        return needle.ops.basic.make_tuple(*(a + b for a, b in zip(self, other, strict=True)))

    def __repr__(self) -> str:
        return f"needle.TensorTuple{self.tuple()}"


# %% [markdown] id="about-first-ops"
# ## Operations, worked out for you
#
# The simplest derivatives come complete. Compare each `gradient` with its formula: for
# $y = a + b$ both derivatives are 1, so both inputs receive `out_grad` as it is; for $y = c\,a$ the
# input receives `out_grad` times $c$. Notice what never appears: the loss, or the rest of the
# network. `out_grad` is all that an operation needs to know about them.
#
# Element-wise operations here demand equal shapes. NumPy would stretch the smaller operand
# silently; you will write the `broadcast_to` yourself, because that stretching has a gradient of
# its own, and it is where most hand-written gradients go wrong.

# %% id="ops-imports" role="given" export="needle/ops/basic.py"
"""The ops everything else is made of: what they compute and what their gradients are."""

from contextlib import suppress

import numpy as np

from needle.autograd import Tensor, TensorOp, TensorTuple, TensorTupleOp, in_dtype_of, number

# %% id="ops-different-shapes" role="given" export="needle/ops/basic.py" of="ops-add"


def different_shapes(a: np.ndarray, b: np.ndarray) -> ValueError:
    """What element-wise ops raise, because they do not broadcast behind your back."""
    advice = "no broadcasting makes them equal"
    with suppress(ValueError):
        common = np.broadcast_shapes(a.shape, b.shape)
        small = " and ".join(f"{x.shape}" for x in (a, b) if x.shape != common)
        advice = f"write .broadcast_to({common}) after the operand of shape {small}"
    return ValueError(f"an element-wise op got shapes {a.shape} and {b.shape}: {advice}")


# %% id="ops-add" role="given" export="needle/ops/basic.py"


class EWiseAdd(TensorOp):
    r"""$y = a + b$, so $\partial y / \partial a = \partial y / \partial b = 1$."""

    def compute(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        if a.shape != b.shape:
            raise different_shapes(a, b)
        return a + b

    def gradient(self, out_grad: Tensor, node: Tensor) -> tuple[Tensor, Tensor]:
        return out_grad, out_grad


def add(a: Tensor, b: Tensor) -> Tensor:
    """Element by element, for equal shapes."""
    return EWiseAdd()(a, b)


# %% id="ops-scalar" role="given" export="needle/ops/basic.py"


class AddScalar(TensorOp):
    """$y = a + c$ with a number c."""

    def __init__(self, scalar: float) -> None:
        self.scalar = number(scalar)

    def compute(self, a: np.ndarray) -> np.ndarray:
        if self.scalar < 0 and a.dtype.kind == "u":  # NumPy takes no negative number for these
            return a - -self.scalar
        return a + self.scalar

    def gradient(self, out_grad: Tensor, node: Tensor) -> Tensor:
        return out_grad


class MulScalar(TensorOp):
    r"""$y = c \, a$ with a number c."""

    def __init__(self, scalar: float) -> None:
        self.scalar = number(scalar)

    def compute(self, a: np.ndarray) -> np.ndarray:
        return a * self.scalar

    def gradient(self, out_grad: Tensor, node: Tensor) -> Tensor:
        return out_grad * self.scalar


class DivScalar(TensorOp):
    """$y = a / c$ with a number c."""

    def __init__(self, scalar: float) -> None:
        self.scalar = number(scalar)

    def compute(self, a: np.ndarray) -> np.ndarray:
        return a / self.scalar

    def gradient(self, out_grad: Tensor, node: Tensor) -> Tensor:
        return out_grad / self.scalar


class Negate(TensorOp):
    """$y = -a$."""

    def compute(self, a: np.ndarray) -> np.ndarray:
        return -a

    def gradient(self, out_grad: Tensor, node: Tensor) -> Tensor:
        return -out_grad


def add_scalar(a: Tensor, scalar: float) -> Tensor:
    """a + scalar."""
    return AddScalar(scalar)(a)


def mul_scalar(a: Tensor, scalar: float) -> Tensor:
    """a * scalar."""
    return MulScalar(scalar)(a)


def divide_scalar(a: Tensor, scalar: float) -> Tensor:
    """a / scalar."""
    return DivScalar(scalar)(a)


def negate(a: Tensor) -> Tensor:
    """-a."""
    return Negate()(a)


# %% id="ops-of-tensor" role="given" export="needle/ops/basic.py" of="autograd-tensor"


class AsType(TensorOp):
    """The same numbers in another dtype."""

    def __init__(self, dtype: np.dtype) -> None:
        self.dtype = dtype

    def compute(self, a: np.ndarray) -> np.ndarray:
        return a.astype(self.dtype)

    def gradient(self, out_grad: Tensor, node: Tensor) -> Tensor:
        return in_dtype_of(node.inputs[0], out_grad)


class Compare(TensorOp):
    """Where a and b are equal, or where they are not; it has no gradient."""

    def __init__(self, compare: np.ufunc) -> None:
        self.compare = compare

    def compute(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        if a.shape != b.shape:
            raise different_shapes(a, b)
        return self.compare(a, b)


# %% id="ops-index" role="index" export="needle/ops/__init__.py"
from needle.ops import basic

# %% id="needle-index" role="index" export="needle/__init__.py"
from needle import autograd, ops
from needle.autograd import Tensor
from needle.device import all_devices, cpu

# %% [markdown] id="static-dynamic-prose"
# ## Two ways to run a graph
#
# That is enough to run something. The next cell builds $y = 2(a + b)$ and, beside it, an
# expression that must fail, first eagerly and then lazily. `Loud` is an ordinary op that reports
# when it is computed.
#
# Watch *when* each line appears. Eagerly, the value is there as soon as the line has run, and a
# mistake shows up where it was made; Python's own `if` and `for` can look at values, so the graph
# may be another one each time. PyTorch works this way. Lazily, the graph exists before any number
# does, only what the chosen output needs is computed, and the mistake stays silent until somebody
# asks for its value. The first TensorFlow worked this way, and could therefore optimize a graph
# before it ran. Caffe went further still: the network was a fixed list of layers, each holding its
# output and its gradient in place.
#
# One more difference: of a lazy graph you may ask for *any* node, and only what that node needs is
# computed. Eagerly you get what your lines compute, in their order, wanted or not.


# %% id="static-dynamic-demo" role="demo"
class Loud(TensorOp):
    """The sum of two tensors, computed with an announcement."""

    def __init__(self, name):
        self.name = name

    def compute(self, a, b):
        print(f"    computing {self.name}")
        return a + b


def build():
    a, b = Tensor([1.0, 2.0]), Tensor([10.0, 20.0])
    print("  y = 2 (a + b)")
    y = Loud("a + b")(a, b) * 2
    print("  z = a + b + (a vector of another length)")
    z = Loud("z")(Loud("a + b once more")(a, b), Tensor([1.0, 2.0, 3.0]))
    return y, z


print("eagerly")
try:
    build()
except ValueError as error:
    print(f"    {error}")

print("lazily")
with ndl.autograd.lazy():
    y, z = build()
print("  the graph is built; now we ask for y")
print(f"  y = {y}")

# %% [markdown] id="why-multiply"
# ## Exercise 2: a product
#
# Now it is your turn. `compute` is given in every exercise; you write `gradient`.
#
# For $y = a\,b$, how fast does $y$ grow with $a$? As fast as $b$ says. An adjoint is a *number for
# each entry*, and everything here acts entry by entry, so what you return for $a$ has the shape of
# $a$. The inputs of the operation are in `node.inputs`, a tuple of tensors, in order.
#
# Write it with tensors and operators, not with arrays. `out_grad.numpy()` would give the right
# numbers and a dead end: the gradient would have no graph, and could not be differentiated again.

# %% id="multiply" role="solution" export="needle/ops/basic.py"


class EWiseMul(TensorOp):
    r"""$y = a b$, element by element."""

    def compute(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        if a.shape != b.shape:
            raise different_shapes(a, b)
        return a * b

    def gradient(self, out_grad: Tensor, node: Tensor) -> tuple[Tensor, Tensor]:
        ### BEGIN SOLUTION
        a, b = node.inputs
        return out_grad * b, out_grad * a
        ### END SOLUTION


def multiply(a: Tensor, b: Tensor) -> Tensor:
    """Element by element, for equal shapes."""
    return EWiseMul()(a, b)


# %% [markdown] id="multiply-hints" role="hints" of="multiply"
# 1. If `a` grows by a tiny amount and `b` stays, by how much does the product grow, in units of
#    that amount?
# 2. The derivative with respect to each factor is the other factor. The chain rule multiplies it by
#    the adjoint of the output.
# 3. Unpack `node.inputs` into `a` and `b`. The adjoint of `a` is `out_grad` times `b`; that of `b`
#    is `out_grad` times `a`. Return both, in this order.


# %% id="multiply-gradient" role="check" points=6
@check
def multiply_gradient():
    """Each factor's derivative is what the product does when only that factor moves."""
    y = Tensor([2.0, -3.0, 0.5]) * Tensor([5.0, 7.0, -4.0])
    for grad in y.op.gradient_as_tuple(Tensor([1.0, 10.0, -2.0]), y):
        yield close(grad, dtype="float32")
    ### BEGIN HIDDEN TESTS
    #: random factors, from a single number to three axes
    for shape in ((), (4,), (3, 5), (2, 1, 3)):
        a, b, v = (Tensor(rng.standard_normal(shape).astype("float32")) for _ in range(3))
        y = a * b
        for grad in y.op.gradient_as_tuple(v, y):
            yield close(grad, dtype="float32")
    #: a tensor multiplied by itself
    x, v = (Tensor(rng.standard_normal((3, 4)).astype("float32")) for _ in range(2))
    y = x * x
    for grad in y.op.gradient_as_tuple(v, y):
        yield close(grad, dtype="float32")
    ### END HIDDEN TESTS


# %% [markdown] id="why-divide"
# ## Exercise 3: a quotient
#
# For $y = a / b$ the two derivatives are not alike. In the numerator $y$ is linear; in the
# denominator it is $a \cdot b^{-1}$, and the power rule brings a sign and a square.
#
# There is a shorter way to write the second one. It uses a value that has been computed already:
# `node` is the output $y$ itself, and it is as good a tensor as the inputs are.

# %% id="divide" role="solution" export="needle/ops/basic.py"


class EWiseDiv(TensorOp):
    r"""$y = a / b$, element by element."""

    def compute(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        if a.shape != b.shape:
            raise different_shapes(a, b)
        return a / b

    def gradient(self, out_grad: Tensor, node: Tensor) -> tuple[Tensor, Tensor]:
        ### BEGIN SOLUTION
        b = node.inputs[1]
        a_grad = out_grad / b
        return a_grad, -(a_grad * node)
        ### END SOLUTION


def divide(a: Tensor, b: Tensor) -> Tensor:
    """Element by element, for equal shapes."""
    return EWiseDiv()(a, b)


# %% [markdown] id="divide-hints" role="hints" of="divide"
# 1. Write the quotient as a times b^-1. What does the power rule say about b^-1?
# 2. The derivative by a is 1 / b, that by b is -a / b^2, which is also -y / b.
# 3. The first is `out_grad / b`. The second is the negative of that, times `a / b`, and `a / b` is
#    `node`.


# %% id="divide-gradient" role="check" points=7
@check
def divide_gradient():
    """A larger denominator makes the quotient smaller, by the square."""
    for a, b in (([6.0, 1.0, -5.0], [2.0, -4.0, 0.5]), ([2e-6, 1e-6, -3e-6], [1e-6, -3e-6, 2e-6])):
        y = Tensor(a) / Tensor(b)
        for grad in y.op.gradient_as_tuple(Tensor([1.0, 10.0, -2.0]), y):
            yield close(grad, dtype="float32")
    ### BEGIN HIDDEN TESTS
    #: entries of either sign, from no axis to three axes
    for shape in ((), (4,), (3, 5), (2, 1, 3)):
        a, v = (Tensor(rng.standard_normal(shape).astype("float32")) for _ in range(2))
        b = rng.choice([-1, 1], shape) * rng.uniform(0.3, 3, shape)
        y = a / Tensor(np.array(b, dtype="float32"))
        for grad in y.op.gradient_as_tuple(v, y):
            yield close(grad, dtype="float32")
    #: tiny numerators, denominators and adjoints
    a, b, v = (Tensor(rng.uniform(1e-6, 2e-6, (3, 4)).astype("float32")) for _ in range(3))
    y = a / b
    for grad in y.op.gradient_as_tuple(v, y):
        yield close(grad, dtype="float32")
    ### END HIDDEN TESTS


# %% [markdown] id="why-power"
# ## Exercise 4: a power
#
# $y = a^n$ with a fixed number $n$, kept in `self.scalar`. The power rule you know, but machines
# find a corner in it. For $n = 0$ the formula says $0 \cdot a^{-1}$, which at $a = 0$ is zero times
# infinity: NaN. The function is the constant 1 there, and its derivative is 0 everywhere. This is
# no idle case. Differentiate $a^1$ twice and you are in it.

# %% id="power-scalar" role="solution" export="needle/ops/basic.py"


class PowerScalar(TensorOp):
    r"""$y = a^n$ with a number n; the gradient is 0 for n = 0, also where a = 0."""

    def __init__(self, scalar: float) -> None:
        self.scalar = number(scalar)

    def compute(self, a: np.ndarray) -> np.ndarray:
        return a**self.scalar

    def gradient(self, out_grad: Tensor, node: Tensor) -> Tensor:
        ### BEGIN SOLUTION
        (a,) = node.inputs
        n = self.scalar
        if n == 0:
            return out_grad * 0
        return out_grad * (n * a ** (n - 1))
        ### END SOLUTION


def power_scalar(a: Tensor, scalar: float) -> Tensor:
    """a ** scalar."""
    return PowerScalar(scalar)(a)


# %% [markdown] id="power-scalar-hints" role="hints" of="power-scalar"
# 1. What does the power rule say about a^n, and what is left to do with `out_grad`?
# 2. The derivative is n a^(n-1). Tensors understand `**` with a number. Which n makes the second
#    factor infinite at a = 0 although the first is zero?
# 3. If `self.scalar` is 0, return `out_grad * 0`; otherwise `out_grad` times `n`, times the input
#    to the power `n - 1`.


# %% id="power-scalar-gradient" role="check" points=5
@check
def power_scalar_gradient():
    """The power rule must hold for negative numbers, for fractions, and where a is 0."""
    for n, a in (
        (2, [1.0, -2.0, 4.0]),
        (-1, [1.0, -2.0, 4.0]),
        (0.5, [4.0, 9.0, 2.0]),
        (1, [4.0, 0.0, -2.0]),
    ):
        y = Tensor(a) ** n
        (grad,) = y.op.gradient_as_tuple(Tensor([1.3, 10.7, -2.1]), y)
        yield close(grad, dtype="float32")
    ### BEGIN HIDDEN TESTS
    #: a positive whole exponent, zeros among the entries
    for n in (1, 2, 3, 4.0):
        a = rng.standard_normal((3, 4)).astype("float32")
        a[1] = 0
        y = Tensor(a) ** n
        (grad,) = y.op.gradient_as_tuple(Tensor(rng.uniform(1, 2, (3, 4)).astype("float32")), y)
        yield close(grad, dtype="float32")
    #: a negative or fractional exponent, positive entries
    for n in (0.5, -0.5, -2, 1.5, np.float64(2.5)):
        y = Tensor(rng.uniform(0.3, 3, (2, 5)).astype("float32")) ** n
        (grad,) = y.op.gradient_as_tuple(Tensor(rng.standard_normal((2, 5)).astype("float32")), y)
        yield close(grad, dtype="float32")
    ### END HIDDEN TESTS


# %% id="power-scalar-at-zero" role="check" points=2
@check
def power_scalar_at_zero():
    """A constant has the derivative 0 everywhere, and 0 times infinity is nan."""
    for n in (0, 3):
        y = Tensor([4.0, 0.0, -2.0]) ** n
        (grad,) = y.op.gradient_as_tuple(Tensor([1.3, 10.7, -2.1]), y)
        yield close(grad, dtype="float32")
    ### BEGIN HIDDEN TESTS
    #: a row of zeros, the exponent zero or positive
    for n in (0, 0.0, 2):
        a = rng.standard_normal((3, 4)).astype("float32")
        a[1] = 0
        y = Tensor(a) ** n
        (grad,) = y.op.gradient_as_tuple(Tensor(rng.uniform(1, 2, (3, 4)).astype("float32")), y)
        yield close(grad, dtype="float32")
    ### END HIDDEN TESTS


# %% [markdown] id="why-log"
# ## Exercises 5 and 6: logarithm and exponential
#
# A probability of a whole data set is a product of thousands of small numbers; its logarithm is a
# sum. That is why losses are full of logarithms, and undoing them takes an exponential. Both
# derivatives are a line long. For $e^a$, remember once more that `node` is the output.
#
# The logarithm's derivative grows without bound near zero. Do not protect it with a small constant
# in the denominator: where $a$ is $10^{-6}$, the derivative really is a million.

# %% id="log" role="solution" export="needle/ops/basic.py"


class Log(TensorOp):
    r"""$y = \ln a$."""

    def compute(self, a: np.ndarray) -> np.ndarray:
        return np.log(a)

    def gradient(self, out_grad: Tensor, node: Tensor) -> Tensor:
        ### BEGIN SOLUTION
        return out_grad / node.inputs[0]
        ### END SOLUTION


def log(a: Tensor) -> Tensor:
    """The natural logarithm."""
    return Log()(a)


# %% [markdown] id="log-hints" role="hints" of="log"
# 1. How steep is the logarithm at 1, at 10, at 0.1?
# 2. The derivative of ln a is 1 / a.
# 3. Divide `out_grad` by the input, `node.inputs[0]`.


# %% id="log-gradient" role="check" points=4
@check
def log_gradient():
    """The smaller the number, the steeper its logarithm."""
    for a in ([1.0, 2.0, 0.1], [1e-6, 3e-6, 7e-7]):
        y = log(Tensor(a))
        (grad,) = y.op.gradient_as_tuple(Tensor([1.0, 10.0, -2.0]), y)
        yield close(grad, dtype="float32")
    ### BEGIN HIDDEN TESTS
    #: random entries, ordinary, large or tiny
    for low, high in ((0.1, 10), (100, 1000), (1e-7, 1e-6)):
        y = log(Tensor(rng.uniform(low, high, (3, 4)).astype("float32")))
        (grad,) = y.op.gradient_as_tuple(Tensor(rng.standard_normal((3, 4)).astype("float32")), y)
        yield close(grad, dtype="float32")
    ### END HIDDEN TESTS


# %% id="exp" role="solution" export="needle/ops/basic.py"


class Exp(TensorOp):
    r"""$y = e^a$."""

    def compute(self, a: np.ndarray) -> np.ndarray:
        return np.exp(a)

    def gradient(self, out_grad: Tensor, node: Tensor) -> Tensor:
        ### BEGIN SOLUTION
        return out_grad * node
        ### END SOLUTION


def exp(a: Tensor) -> Tensor:
    """e to the power of a."""
    return Exp()(a)


# %% [markdown] id="exp-hints" role="hints" of="exp"
# 1. Which function is its own derivative?
# 2. The derivative of e^a is e^a, and that has been computed already.
# 3. Multiply `out_grad` by `node`.


# %% id="exp-gradient" role="check" points=4
@check
def exp_gradient():
    """The exponential grows as fast as it is large."""
    y = exp(Tensor([0.0, 1.0, -2.0]))
    (grad,) = y.op.gradient_as_tuple(Tensor([1.0, 10.0, -3.0]), y)
    yield close(grad, dtype="float32")
    ### BEGIN HIDDEN TESTS
    #: random entries of both signs, small or large
    for scale in (0.1, 1, 5):
        y = exp(Tensor((scale * rng.standard_normal((3, 4))).astype("float32")))
        (grad,) = y.op.gradient_as_tuple(Tensor(rng.standard_normal((3, 4)).astype("float32")), y)
        yield close(grad, dtype="float32")
    ### END HIDDEN TESTS


# %% [markdown] id="about-power"
# With the logarithm at hand, the general power $a^b$ can be written, base and exponent both
# tensors. It comes complete, as an example of care. The exponent's derivative holds $\ln a$, which
# at $a = 0$ is $-\infty$ and times zero would be NaN, so zeros are replaced before the logarithm is
# taken; and where the exponent requires no gradient, no logarithm is taken at all. Where both $a$
# and $b$ are 0, you have met the corner in exercise 4.

# %% id="ops-power" role="given" export="needle/ops/basic.py"


class EWisePow(TensorOp):
    r"""$y = a^b$: $\partial y / \partial a = b a^{b-1}$, $\partial y / \partial b = y \ln a$.

    Where a = 0, the second is 0 (its limit, for b > 0), and so is the first for b = 0.
    """

    def compute(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        if a.shape != b.shape:
            raise different_shapes(a, b)
        return a**b

    def gradient(self, out_grad: Tensor, node: Tensor) -> tuple[Tensor | None, Tensor | None]:
        a, b = node.inputs
        zero = a.numpy() == 0
        both = zero & (b.numpy() == 0)  # 0 times 1 / 0 would be nan, so 1 takes the place of a
        a_grad = out_grad * b * (a + both) ** (b - 1) if a.requires_grad else None
        if not b.requires_grad:  # log(a) may not exist, and nobody needs it
            return a_grad, None
        return a_grad, out_grad * node * log(a + zero)  # 1 in place of 0: its logarithm is 0


def power(a: Tensor, b: Tensor) -> Tensor:
    """a ** b, element by element, for equal shapes."""
    return EWisePow()(a, b)


# %% [markdown] id="why-relu"
# ## Exercise 7: a kink
#
# $\max(a, 0)$ is the favourite nonlinearity of deep networks: cheap, and its derivative is 1 or 0.
# At $a = 0$ there is no derivative; any number between 0 and 1 is a *subgradient*, and the usual
# choice is 0.
#
# Which entries are positive is not something to differentiate: a tiny change of $a$ does not change
# the answer. So here, and only here, you may look at the arrays themselves, with `.numpy()`. An
# array next to a tensor is treated as a constant of the tensor's dtype.

# %% id="relu" role="solution" export="needle/ops/basic.py"


class ReLU(TensorOp):
    r"""$y = \max(a, 0)$; the gradient at 0 is taken to be 0."""

    def compute(self, a: np.ndarray) -> np.ndarray:
        return np.maximum(a, 0)

    def gradient(self, out_grad: Tensor, node: Tensor) -> Tensor:
        ### BEGIN SOLUTION
        return out_grad * (node.numpy() > 0)
        ### END SOLUTION


def relu(a: Tensor) -> Tensor:
    """a where it is positive, 0 elsewhere."""
    return ReLU()(a)


# %% [markdown] id="relu-hints" role="hints" of="relu"
# 1. What does a tiny change of an input do to the output if the input is 3? And if it is -3?
# 2. `out_grad` passes where the input is positive, and is replaced by 0 elsewhere. A comparison of
#    an array with 0 gives such a mask.
# 3. `node.numpy() > 0` is the mask (the output is positive exactly where the input is). Multiply
#    `out_grad` by it.


# %% id="relu-gradient" role="check" points=4
@check
def relu_gradient():
    """What was cut off does not matter to the loss, whatever the adjoint that comes from above."""
    y = relu(Tensor([-1.0, -0.5, 2.0, 3.0, 0.25]))
    (grad,) = y.op.gradient_as_tuple(Tensor([10.0, -20.0, 30.0, -4.0, 7.0]), y)
    yield close(grad, dtype="float32")
    ### BEGIN HIDDEN TESTS
    #: one or two axes, entries of both signs, perhaps tiny
    for shape, scale in (((50,), 1), ((6, 7), 3), ((5, 4), 1e-6)):
        y = relu(Tensor((scale * rng.standard_normal(shape)).astype("float32")))
        (grad,) = y.op.gradient_as_tuple(Tensor(rng.standard_normal(shape).astype("float32")), y)
        yield close(grad, dtype="float32")
    ### END HIDDEN TESTS


# %% id="relu-at-zero" role="check" points=2
@check
def relu_at_zero():
    """At 0 there is no derivative, and everybody who trains networks takes 0 for it."""
    y = relu(Tensor([0.0, -1.0, 2.0]))
    (grad,) = y.op.gradient_as_tuple(Tensor([10.0, 20.0, -3.0]), y)
    yield close(grad, dtype="float32")
    ### BEGIN HIDDEN TESTS
    #: a matrix in which many entries are zero
    a = rng.standard_normal((6, 5)).astype("float32") * (rng.uniform(size=(6, 5)) < 0.6)
    a[0, :2] = 0, 2
    y = relu(Tensor(a.astype("float32")))
    (grad,) = y.op.gradient_as_tuple(Tensor(rng.standard_normal((6, 5)).astype("float32")), y)
    yield close(grad, dtype="float32")
    ### END HIDDEN TESTS


# %% [markdown] id="why-transpose"
# ## Exercises 8 and 9: moving entries around
#
# Two operations change no number at all, only places. Their gradient has nothing to multiply; it
# must bring each adjoint back to the place its entry came from. Ask of each: what undoes it?
#
# `Transpose` swaps two axes. Its `axes` may be negative, counting from the end, and None means the
# last two, so that a stack of matrices is transposed matrix by matrix.

# %% id="transpose" role="solution" export="needle/ops/basic.py"


class Transpose(TensorOp):
    """Two axes swapped, the last two if `axes` is None."""

    def __init__(self, axes: tuple[int, int] | None = None) -> None:
        if axes is not None and len(axes) != 2:
            raise ValueError(f"transpose swaps two axes, not {axes}: give a pair, such as (0, 1)")
        self.axes = axes

    def compute(self, a: np.ndarray) -> np.ndarray:
        first, second = (-2, -1) if self.axes is None else self.axes
        try:
            return a.swapaxes(first, second)
        except np.exceptions.AxisError as error:
            raise IndexError(
                f"axis {error.axis} is out of bounds for array of shape {a.shape}: two axes that "
                "are there can be swapped"
            ) from None

    def gradient(self, out_grad: Tensor, node: Tensor) -> Tensor:
        ### BEGIN SOLUTION
        return out_grad.transpose(self.axes)
        ### END SOLUTION


def transpose(a: Tensor, axes: tuple[int, int] | None = None) -> Tensor:
    """Two axes swapped, the last two by default."""
    return Transpose(axes)(a)


# %% [markdown] id="transpose-hints" role="hints" of="transpose"
# 1. You swap two axes of an array. What must you do to have the first array back?
# 2. A swap is its own inverse. Which axes were swapped is in `self.axes`.
# 3. Return `out_grad.transpose(...)` with the same axes; `transpose` understands None as well.


# %% id="transpose-gradient" role="check" points=3
@check
def transpose_gradient():
    """Each adjoint belongs to the entry that moved, not to the place it moved to."""
    y = Tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]).transpose()
    yield y.op.gradient_as_tuple(Tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), y)[0]
    cube = Tensor([[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]]])
    y = cube.transpose()
    yield y.op.gradient_as_tuple(cube, y)[0]
    ### BEGIN HIDDEN TESTS
    #: a matrix or a stack of matrices, square or not
    for shape in ((3, 3), (2, 3, 4), (3, 3, 3), (2, 1, 4, 3)):
        y = Tensor(rng.standard_normal(shape).astype("float32")).transpose()
        yield y.op.gradient_as_tuple(Tensor(rng.standard_normal(y.shape).astype("float32")), y)[0]
    ### END HIDDEN TESTS


# %% id="transpose-gradient-axes" role="check" points=3
@check
def transpose_gradient_axes():
    """Which two axes were swapped is not always the same, so the gradient has to ask."""
    cube = Tensor([[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]]])
    for axes in ((0, 1), (0, -1)):
        y = cube.transpose(axes)
        yield y.op.gradient_as_tuple(cube, y)[0]
    ### BEGIN HIDDEN TESTS
    #: a pair of axes in any order, each perhaps negative
    cases = [((2, 3, 4), (0, 1)), ((2, 3, 4), (2, 0)), ((3, 3, 3), (-3, 1))]
    cases += [((2, 3, 4, 5), (-1, 1)), ((2, 2, 2, 2), (0, -2)), ((4, 4), (0, 1))]
    for shape, axes in cases:
        y = Tensor(rng.standard_normal(shape).astype("float32")).transpose(axes)
        yield y.op.gradient_as_tuple(Tensor(rng.standard_normal(y.shape).astype("float32")), y)[0]
    ### END HIDDEN TESTS


# %% [markdown] id="why-reshape"
# `Reshape` reads the entries in order and writes them into another shape. One length may be -1,
# "whatever is left", so do not rely on `self.shape` to tell you about the input. Either shape may
# be `()`, that of a single number.

# %% id="reshape" role="solution" export="needle/ops/basic.py"


class Reshape(TensorOp):
    """The same entries in the same order, in another shape."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape

    def compute(self, a: np.ndarray) -> np.ndarray:
        return a.reshape(self.shape)

    def gradient(self, out_grad: Tensor, node: Tensor) -> Tensor:
        ### BEGIN SOLUTION
        return out_grad.reshape(node.inputs[0].shape)
        ### END SOLUTION


def reshape(a: Tensor, shape: tuple[int, ...]) -> Tensor:
    """The same entries in the same order, in another shape."""
    return Reshape(shape)(a)


# %% [markdown] id="reshape-hints" role="hints" of="reshape"
# 1. The entries kept their order. Which shape do their adjoints need?
# 2. An adjoint always has the shape of the value it belongs to; here, the shape of the input.
# 3. Reshape `out_grad` to `node.inputs[0].shape`.


# %% id="reshape-gradient" role="check" points=5
@check
def reshape_gradient():
    """An adjoint has the shape of its value."""
    y = Tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]).reshape((3, 2))
    yield y.op.gradient_as_tuple(Tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), y)[0]
    y = Tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]).reshape((-1,))
    yield y.op.gradient_as_tuple(Tensor([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), y)[0]
    ### BEGIN HIDDEN TESTS
    #: new shapes, perhaps with -1 in them, or ()
    cases = [((4, 6), (3, 8)), ((4, 6), (-1,)), ((24,), (2, -1, 3)), ((2, 3, 4), (4, 3, 2))]
    for shape, new in [*cases, ((1, 1), ()), ((3, 1, 2), (6, 1)), ((4, 4), (2, 8))]:
        y = Tensor(rng.standard_normal(shape).astype("float32")).reshape(new)
        yield y.op.gradient_as_tuple(Tensor(rng.standard_normal(y.shape).astype("float32")), y)[0]
    ### END HIDDEN TESTS


# %% [markdown] id="broadcasting-prose"
# ## Broadcasting aligns right
#
# A bias of shape (3,) is added to every row of a (4, 3) matrix. To do so it is copied four times.
# The rule for such copies fits in two sentences. Shapes are compared from the *right*; missing axes
# on the left are added with length 1. An axis of length 1 may then be stretched to any length, and
# no other axis may change.
#
# The first three panels of the plot show arrays that were broadcast to (3, 4); equal numbers are
# copies of one entry. A (4,) vector becomes equal rows. To become equal columns, a (3,) vector must
# first be reshaped to (3, 1). A single number fills everything. The last panel is the classic trap:
# add shapes (3, 1) and (3,) in NumPy, say predictions and labels, and the result is a (3, 3) table,
# without any complaint.


# %% id="broadcasting-demo" role="demo"
def show_grid(axis, array, title):
    """The entries of a matrix as coloured squares."""
    axis.imshow(array, cmap="cividis", vmin=0, vmax=array.max() + 1, alpha=0.6)
    for i, j in np.ndindex(array.shape):
        axis.text(j, i, f"{array[i, j]:g}", ha="center", va="center")
    axis.set(title=title, xlabel="axis 1", ylabel="axis 0")
    axis.set_xticks(range(array.shape[1]))
    axis.set_yticks(range(array.shape[0]))


row, column = np.arange(4.0), np.arange(3.0).reshape(3, 1)
figure, panels = plt.subplots(1, 4, figsize=(12, 3), layout="constrained")
show_grid(panels[0], np.broadcast_to(row, (3, 4)), "(4,) to (3, 4): equal rows")
show_grid(panels[1], np.broadcast_to(column, (3, 4)), "(3, 1) to (3, 4): equal columns")
show_grid(panels[2], np.broadcast_to(2.0, (3, 4)), "() to (3, 4): all equal")
show_grid(panels[3], column + 10 * np.arange(3.0), "(3, 1) + (3,): a (3, 3) table")
figure.suptitle("Broadcasting compares shapes from the right")
show(
    "Four grids of numbers: a row repeated downwards, a column repeated to the right, one "
    "number everywhere, and the 3 by 3 table that (3, 1) + (3,) becomes."
)

# %% [markdown] id="about-broadcast"
# `BroadcastTo` makes the copies. Its `gradient` calls `unbroadcast`, which does not exist yet; you
# will write it in the exercise after next.

# %% id="ops-broadcast" role="given" export="needle/ops/basic.py"


class BroadcastTo(TensorOp):
    """Repeated along new leading axes and along axes of length 1."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape

    def compute(self, a: np.ndarray) -> np.ndarray:
        try:
            return np.broadcast_to(a, self.shape)
        except ValueError:
            raise ValueError(
                f"shape {a.shape} could not be broadcast to {self.shape}: they align right, and "
                "only axes of length 1 can be stretched; reshape first"
            ) from None

    def gradient(self, out_grad: Tensor, node: Tensor) -> Tensor:
        return unbroadcast(out_grad, node.inputs[0].shape)


def broadcast_to(a: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Repeated along new leading axes and along axes of length 1."""
    return BroadcastTo(shape)(a)


# %% [markdown] id="why-summation"
# ## Exercise 10: a sum
#
# A sum over some axes forgets those axes. Each entry enters its sum with weight 1, so every entry
# receives the adjoint of the sum that it went into: the gradient of a sum is a *copy*.
#
# Take care of where the copies go. Summing a (3, 4) matrix over axis 1 leaves (3,), and by the rule
# above a (3,) vector does not broadcast to (3, 4); worse, a (3, 3) matrix would not complain and
# copy the wrong way. Put an axis of length 1 where the sum removed one, then broadcast. The axes
# may be given as None, as an int or as a tuple, and may be negative. A tensor of shape `()` has no
# axes, and its sum over all of them, None, is itself.

# %% id="summation" role="solution" export="needle/ops/basic.py"


class Summation(TensorOp):
    """The sum over `axes`: all of them (None), one (an int) or some (a tuple); they disappear."""

    def __init__(self, axes: int | tuple[int, ...] | None = None) -> None:
        self.axes = axes

    def compute(self, a: np.ndarray) -> np.ndarray:
        return a.sum(self.axes)

    def gradient(self, out_grad: Tensor, node: Tensor) -> Tensor:
        ### BEGIN SOLUTION
        shape = node.inputs[0].shape
        axes = range(len(shape)) if self.axes is None else np.atleast_1d(self.axes)
        kept = list(shape)
        for axis in axes:
            kept[axis] = 1
        return out_grad.reshape(tuple(kept)).broadcast_to(shape)
        ### END SOLUTION


def summation(a: Tensor, axes: int | tuple[int, ...] | None = None) -> Tensor:
    """The sum over the axes, over all of them by default."""
    return Summation(axes)(a)


# %% [markdown] id="summation-hints" role="hints" of="summation"
# 1. If one entry grows by 1, which sum grows, and by how much? Whose adjoint does the entry
#    receive?
# 2. Two steps: reshape `out_grad` to the shape of the input with length 1 at every axis that was
#    summed, then `broadcast_to` the shape of the input.
# 3. Start from `list(node.inputs[0].shape)`, set the entries at the summed axes to 1 (all of them
#    if `self.axes` is None, one if it is an int; negative indices work in a list), and reshape to
#    that as a tuple.


# %% id="summation-gradient" role="check" points=4
@check
def summation_gradient():
    """A sum's adjoint goes to every entry that was summed, and to no other."""
    y = Tensor([[1.0, 2.0], [3.0, 4.0]]).sum(axes=1)
    yield y.op.gradient_as_tuple(Tensor([10.0, -20.0]), y)[0]
    y = Tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]).sum(axes=0)
    yield y.op.gradient_as_tuple(Tensor([10.0, -20.0, 5.0]), y)[0]
    ### BEGIN HIDDEN TESTS
    #: one axis of one to three, all perhaps equally long
    for shape, axes in (((3, 3), 0), ((3, 4), 1), ((5,), 0), ((2, 1, 3), 1), ((3, 3, 3), 2)):
        y = Tensor(rng.standard_normal(shape).astype("float32")).sum(axes)
        yield y.op.gradient_as_tuple(Tensor(rng.standard_normal(y.shape).astype("float32")), y)[0]
    ### END HIDDEN TESTS


# %% id="summation-gradient-axes" role="check" points=4
@check
def summation_gradient_axes():
    """A loss is summed over everything, a bias over all axes but one."""
    cube = Tensor([[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]]])
    for axes in (-2, (0, -1), None):
        y = cube.sum(axes)
        yield y.op.gradient_as_tuple(y * 10, y)[0]
    ### BEGIN HIDDEN TESTS
    #: None, a negative axis, or a tuple in any order
    cases = [((3, 3), (1,)), ((3, 3), -1), ((2, 3, 4), None), ((5,), None), ((), None)]
    cases += [((3, 3, 3), (0, 2)), ((3, 3, 3), (-1, 0)), ((2, 3, 4), (-2,))]
    cases += [((2, 2, 2, 2), (1, -1)), ((2, 2, 2, 2), (3, 0, 1))]
    for shape, axes in cases:
        y = Tensor(rng.standard_normal(shape).astype("float32")).sum(axes)
        yield y.op.gradient_as_tuple(Tensor(rng.standard_normal(y.shape).astype("float32")), y)[0]
    ### END HIDDEN TESTS


# %% [markdown] id="why-unbroadcast"
# ## Exercise 11: undoing a broadcast
#
# The mirror image. Broadcasting uses one entry many times, so by the sum in the chain rule its
# adjoint is the *sum* over all its copies: forward copies, backward sums.
#
# `unbroadcast(x, shape)` takes a tensor `x`, say an adjoint of shape (4, 2, 5), and the shape that
# was broadcast to it, say (2, 1), and sums over everything that broadcasting copied: over the axes
# that `shape` lacks on the left, and over those that have length 1 in it. What comes out has
# exactly the shape `shape`, which is `()` if a single number was broadcast, and `x.shape` if
# nothing was copied.

# %% id="unbroadcast" role="solution" export="needle/ops/basic.py" of="matmul"


def unbroadcast(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Return x summed over what broadcasting from `shape` to `x.shape` copied; it has `shape`.

    `shape` may have fewer axes than x (they align right) and axes of length 1.
    """
    ### BEGIN SOLUTION
    new = len(x.shape) - len(shape)
    stretched = (new + i for i, n in enumerate(shape) if n == 1 and x.shape[new + i] != 1)
    axes = (*range(new), *stretched)
    return x.sum(axes).reshape(shape) if axes else x
    ### END SOLUTION


# %% [markdown] id="unbroadcast-hints" role="hints" of="unbroadcast"
# 1. Write the two shapes below each other, aligned right. Over which axes does an entry have
#    copies?
# 2. The first `len(x.shape) - len(shape)` axes are new; of the others, those where `shape` says 1
#    and `x.shape` does not were stretched. Sum over all of them at once. What does `sum` do to axes
#    of length 1?
# 3. Collect the axes in a tuple, return `x.sum(axes).reshape(shape)`: reshaping puts back the
#    axes of length 1. Keep in mind that axis `i` of `shape` is axis `new + i` of `x`.


# %% id="unbroadcast-sums" role="check" points=8
@check
def unbroadcast_sums():
    """An entry that was copied answers for all of its copies."""
    x = Tensor([[1.0, 2.0, 3.0], [10.0, -20.0, 50.0]])
    for shape in ((3,), (2, 1), (), (2, 3)):
        yield unbroadcast(x, shape)
    yield unbroadcast(Tensor([[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]]]), (1, 2))
    ### BEGIN HIDDEN TESTS
    #: fewer axes, axes of length 1, or nothing copied
    cases = [((3, 3), (3,)), ((3, 3), (1, 3)), ((3, 3), (3, 1)), ((3, 3), (1, 1)), ((3, 3), (1,))]
    cases += [((3, 3), (3, 3)), ((4, 2, 5), (2, 1)), ((4, 2, 5), (1, 2, 5)), ((2, 2, 2), (2, 1, 2))]
    cases += [((4, 2, 5), (5,)), ((1, 4), (1, 1)), ((1, 3), (3,)), ((1, 3), (1, 3)), ((3, 1), (1,))]
    for large, small in cases:
        yield unbroadcast(Tensor(rng.standard_normal(large).astype("float32")), small)
        #: the gradient of broadcast_to for such shapes
        y = Tensor(rng.standard_normal(small).astype("float32")).broadcast_to(large)
        yield y.op.gradient_as_tuple(Tensor(rng.standard_normal(large).astype("float32")), y)[0]
    ### END HIDDEN TESTS


# %% [markdown] id="why-matmul"
# ## Exercise 12: the matrix product
#
# Nearly all the time of a network goes into this one. Write out an entry, $y_{ij} = \sum_k a_{ik}
# b_{kj}$, and ask who depends on $a_{ik}$: all of row $i$ of $y$, with weights $b_{kj}$. So
#
# $$\bar a_{ik} = \sum_j \bar y_{ij} \, b_{kj}.$$
#
# That is again a matrix product; find the transposes. Shapes are a good guide: with $a$ of shape
# (n, k), $b$ of shape (k, m) and `out_grad` of shape (n, m), there is only one way to multiply two
# of them, transposed or not, into something of shape (n, k).
#
# The product also works on stacks of matrices, and broadcasts the axes in front: (8, n, k) times
# (k, m) is (8, n, m). The one matrix $b$ was then used eight times. You have just written the
# function for that.

# %% id="matmul" role="solution" export="needle/ops/basic.py"


class MatMul(TensorOp):
    """The matrix product of the last two axes; the axes before them are broadcast.

    Shapes (..., n, k) and (..., k, m) give (..., n, m).
    """

    def compute(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        if a.ndim < 2 or b.ndim < 2:
            raise ValueError(f"matmul takes matrices, not shapes {a.shape} and {b.shape}: reshape")
        try:
            return a @ b
        except ValueError:
            raise ValueError(
                f"matmul: shapes {a.shape} and {b.shape} do not fit as (..., n, k) and (..., k, m) "
                "do; transpose or reshape one of them"
            ) from None

    def gradient(self, out_grad: Tensor, node: Tensor) -> tuple[Tensor | None, Tensor | None]:
        ### BEGIN SOLUTION
        a, b = node.inputs
        a_grad = b_grad = None
        if a.requires_grad:
            a_grad = unbroadcast(out_grad @ b.transpose(), a.shape)
        if b.requires_grad:
            b_grad = unbroadcast(a.transpose() @ out_grad, b.shape)
        return a_grad, b_grad
        ### END SOLUTION


def matmul(a: Tensor, b: Tensor) -> Tensor:
    """The matrix product of the last two axes."""
    return MatMul()(a, b)


# %% [markdown] id="matmul-hints" role="hints" of="matmul"
# 1. `out_grad` has shape (n, m), and `b` has (k, m), or (m, k) once transposed. Which product of
#    the two has shape (n, k)? Ask the same for `b`.
# 2. The gradient of A is that of Y times B^T, that of B is A^T times that of Y. `transpose()` swaps
#    the last two axes and leaves the stack alone. What shapes come out if one operand was a stack
#    and the other was not?
# 3. For a: the product of `out_grad` and `b.transpose()`; for b: the product of `a.transpose()` and
#    `out_grad`. Pass each through `unbroadcast` with the shape of its input.


# %% id="matmul-gradient" role="check" points=5
@check
def matmul_gradient():
    """The adjoints are matrix products too, in the only order that their shapes allow."""
    y = Tensor([[1.0, 2.0], [3.0, 4.0]]) @ Tensor([[5.0, 6.0], [7.0, 8.0]])
    for grad in y.op.gradient_as_tuple(Tensor([[1.0, 0.0], [10.0, 100.0]]), y):
        yield close(grad, dtype="float32")
    ### BEGIN HIDDEN TESTS
    #: two random matrices whose lengths may be equal or 1
    for n, k, m in ((2, 3, 4), (3, 3, 3), (1, 5, 2), (4, 1, 4), (1, 1, 1)):
        a, b = (Tensor(rng.standard_normal(s).astype("float32")) for s in ((n, k), (k, m)))
        y = a @ b
        for grad in y.op.gradient_as_tuple(
            Tensor(rng.standard_normal((n, m)).astype("float32")), y
        ):
            yield close(grad, dtype="float32")
    ### END HIDDEN TESTS


# %% id="matmul-gradient-of-stacks" role="check" points=5
@check
def matmul_gradient_of_stacks():
    """A matrix that multiplied a whole stack was copied for each, even if nobody wrote the copy."""
    y = Tensor([[[1.0, 2.0]], [[3.0, 4.0]]]) @ Tensor([[1.0], [10.0]])
    for grad in y.op.gradient_as_tuple(Tensor([[[1.0]], [[100.0]]]), y):
        yield close(grad, dtype="float32")
    ### BEGIN HIDDEN TESTS
    #: a stack on one side or both, broadcast or alike
    cases = [((3, 3, 3), (3, 3, 3)), ((4, 2, 3), (3, 5)), ((2, 3), (4, 3, 5))]
    cases += [((2, 3), (2, 1, 3, 3)), ((5, 1, 2, 3), (4, 3, 2)), ((1, 3, 3), (2, 3, 3))]
    for shapes in cases:
        a, b = (Tensor(rng.standard_normal(shape).astype("float32")) for shape in shapes)
        y = a @ b
        for grad in y.op.gradient_as_tuple(
            Tensor(rng.standard_normal(y.shape).astype("float32")), y
        ):
            yield close(grad, dtype="float32")
    ### END HIDDEN TESTS


# %% [markdown] id="about-tuples"
# The last ops are given: they pack tensors into a tuple, take one out again, and compute two
# outputs at once. Then all names go where the rest of the course looks for them, in `needle.ops`
# and in `needle` itself.

# %% id="ops-tuples" role="given" export="needle/ops/basic.py"


class MakeTensorTuple(TensorTupleOp):
    """Several tensors in, one tuple out."""

    def compute(self, *args: np.ndarray) -> tuple[np.ndarray, ...]:
        return args

    def gradient(self, out_grad: TensorTuple, node: TensorTuple) -> tuple[Tensor, ...]:
        return out_grad.tuple()


class TupleGetItem(TensorOp):
    """One entry of a tuple; the gradient of the others is 0."""

    def __init__(self, index: int) -> None:
        self.index = index

    def compute(self, a: tuple[np.ndarray, ...]) -> np.ndarray:
        return a[self.index]

    def gradient(self, out_grad: Tensor, node: Tensor) -> TensorTuple:
        arrays = node.inputs[0].realize_cached_data()
        grads = [Tensor.make_const(np.zeros_like(array)) for array in arrays]
        grads[self.index] = out_grad
        return make_tuple(*grads)


class FusedAddScalars(TensorTupleOp):
    """$(a, b)$ to $(a + c_0, b + c_1)$ in one op."""

    def __init__(self, c0: float, c1: float) -> None:
        self.c0, self.c1 = number(c0), number(c1)

    def compute(self, a: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        if len(a) != 2:
            raise ValueError(
                f"fused_add_scalars takes a pair, not {len(a)} tensors: leave some out"
            )
        return a[0] + self.c0, a[1] + self.c1

    def gradient(self, out_grad: TensorTuple, node: TensorTuple) -> TensorTuple:
        return out_grad


def make_tuple(*args: Tensor) -> TensorTuple:
    """Several tensors as one node."""
    return MakeTensorTuple()(*args)


def tuple_get_item(value: TensorTuple, index: int) -> Tensor:
    """One of the tensors of a tuple."""
    return TupleGetItem(index)(value)


def fused_add_scalars(value: TensorTuple, c0: float, c1: float) -> TensorTuple:
    """c0 added to the first tensor of a pair, c1 to the second."""
    return FusedAddScalars(c0, c1)(value)


# %% id="ops-index-basic" role="index" export="needle/ops/__init__.py" of="basic.py"

# %% id="needle-index-ops" role="index" export="needle/__init__.py" of="ops/__init__.py"

# %% [markdown] id="why-topo-sort"
# ## Exercise 13: in which order?
#
# Every operation knows its derivative; now they must be asked in the right order. The chain rule
# needs the adjoints of *everything computed from* $v$ before it can give that of $v$. An order in
# which inputs come before outputs is called topological; walked from its end, it is what we need.
#
# The textbook way is a depth-first search: visit the inputs of a node, left to right, then append
# the node itself, and never visit a node twice. Twice would be expensive: in `y = y + y`, written
# forty times, there are $2^{40}$ ways from the end to the beginning, but only 41 nodes.
#
# The textbook writes it recursively. But a graph may be thousands of nodes deep, and
# Python gives up at about a thousand calls. Keep your own stack, in a list. And keep what has been
# visited in a set: asking a *list* whether it holds a node takes as long as the list is, and the
# checks walk through graphs of forty thousand nodes, for which the grader has a few seconds.

# %% id="topo-sort" role="solution" export="needle/autograd.py"


def find_topo_sort(node_list: Sequence[Value]) -> list[Value]:
    """Return the given nodes and all that they depend on, each once, inputs before outputs.

    The order is that of a depth-first search which visits inputs from left to right; any other in
    which inputs come before outputs will do. Graphs may be thousands of nodes deep, and the time
    grows as the number of nodes does, not as its square.
    """
    ### BEGIN SOLUTION
    order: list[Value] = []
    visited: set[Value] = set()
    stack: list[Any] = list(reversed(node_list))
    while stack:
        node = stack.pop()
        if node is None:  # all inputs of the node below it are in the order
            order.append(stack.pop())
        elif node not in visited:
            visited.add(node)
            stack += [node, None, *reversed(node.inputs)]
    return order
    ### END SOLUTION


# %% [markdown] id="topo-sort-hints" role="hints" of="topo-sort"
# 1. A recursive function remembers two kinds of nodes for you: those still to be visited, and those
#    whose inputs are being visited. How can one list remember both?
# 2. Put a mark on the stack together with the node: the first time it is popped, push it again,
#    marked, and its inputs above it. When the marked one comes up, all its inputs are in the order.
#    A set keeps what has been visited.
# 3. Push pairs `(node, False)`. On popping `(node, True)`, append the node to the order. On popping
#    `(node, False)`, skip it if it has been visited; otherwise remember it, push `(node, True)`,
#    then `(x, False)` for each input `x`, in reverse so that the leftmost is popped first.


# %% id="topo-sort-order" role="check" points=4
@check
def topo_sort_order():
    """An output can be computed only when all its inputs are there."""

    def paths(outputs, nodes):
        # the number of ways that lead from a leaf to each node, counted in the order given
        ways = {}
        for node in find_topo_sort(outputs):
            here = sum(ways.get(x, 0) for x in node.inputs) if node.inputs else 1
            ways[node] = ways.get(node, 0) + here
        return np.array([ways.get(node, 0) for node in nodes] + [sum(ways.values())])

    a, b = Tensor([1.0]), Tensor([2.0])
    c = a + b
    d = c * a
    yield paths([d], [a, b, c, d])
    ### BEGIN HIDDEN TESTS
    #: a graph in which nodes are used several times
    e = d * c + a
    yield paths([e + d], [a, b, c, d, e, Tensor([0.0]), a * b])
    #: a list of two outputs, one computed from the other
    yield paths([c, e], [a, b, c, d, e])
    #: a list in which one output stands twice
    yield paths([e, c, e], [e, d, c, b, a])
    #: a leaf alone
    yield paths([a], [a, b])
    #: a graph with a tensor that requires no gradient
    constant = Tensor([3.0], requires_grad=False)
    f = exp(a * constant) + constant * d
    yield paths([f], [a, b, c, d, constant, *f.inputs, f.inputs[0].inputs[0], f])
    #: two outputs of a random graph of sums
    for _ in range(4):
        nodes = [Tensor([float(i)]) for i in range(3)]
        for _ in range(30):
            i, j = rng.integers(max(len(nodes) - 6, 0), len(nodes), 2)
            nodes.append(nodes[i] + nodes[j])
        yield paths(nodes[-2:], nodes)
    #: a graph with a TensorTuple in it
    pair = make_tuple(a, c)
    yield paths([pair[0] + pair[1]], [a, b, c, pair])
    ### END HIDDEN TESTS


# %% id="topo-sort-deep" role="check" points=3
@check
def topo_sort_deep():
    """A long training script can make a graph deeper than Python's stack."""
    y = x = Tensor([1.0])
    for _ in range(40):
        y = y + y
    yield np.array([sum(n is node for n in find_topo_sort([y])) for node in (x, y.inputs[0], y)])
    for _ in range(1_050):
        y = y + 1.0
    yield np.array(len(find_topo_sort([y])))
    ### BEGIN HIDDEN TESTS
    #: a deep chain that uses one leaf at every step
    nodes = [x]
    for _ in range(1_050):
        nodes.append(nodes[-1] + x)
    place = {node: i for i, node in enumerate(find_topo_sort([nodes[-1]]))}
    yield np.array([place[node] for node in nodes])
    ### END HIDDEN TESTS


# %% id="topo-sort-large" role="check" points=2
@check
def topo_sort_large():
    """Twice as many nodes should take twice as long, not four times."""
    y = make_tuple(*(Tensor(float(i)) for i in range(40_000)))
    place = {node: i for i, node in enumerate(find_topo_sort([y]))}
    yield np.array([len(place), place[y], sum(place[x] < place[y] for x in y.inputs)])
    ### BEGIN HIDDEN TESTS
    #: one entry of a very long tuple, times a number
    y = make_tuple(*(Tensor(float(i)) for i in range(41_000)))[0] * 2.0
    place = {node: i for i, node in enumerate(find_topo_sort([y]))}
    yield np.array([len(place), place[y], sum(place[x] < place[y] for x in place)])
    ### END HIDDEN TESTS


# %% [markdown] id="why-reverse-mode"
# ## Exercise 14: reverse accumulation
#
# Everything is in place. Begin with the adjoint of the output, walk the order from its end, and at
# each node do what the formula at the top of this notebook says. (The output's own adjoint is given
# to you; `backward` takes ones. For a single number that is the $\bar y = 1$ of the first walk; for
# an array it means the gradient of the sum of its entries.)
#
#
# 1. its adjoint is the sum of all contributions that have arrived; keep it in `node.grad`, which
#    has the shape of the node and refuses any other;
# 2. ask its op for the adjoints of the inputs, by `node.op.gradient_as_tuple(adjoint, node)`, and
#    hand one contribution to each.
#
# All nodes computed from this one stand later in the order, so when you come to it, the sum is
# complete. Three warnings.
#
# - A leaf has no op to ask; and an input that requires no gradient may get None from an op, and
#   must not get a contribution: its `grad` stays None.
# - Add contributions with `+`, never in place: `EWiseAdd` hands the *same* tensor to both its
#   inputs, and changing it for one would change it for the other.
# - A node may also be a `TensorTuple`, and then its adjoint is one too. Two of them add up with
#   `+`, but a number and a tuple do not.
#
# Contributions begin anew with every call, so a second call replaces what `grad` held.

# %% id="reverse-mode" role="solution" export="needle/autograd.py"


def compute_gradient_of_variables(output: Tensor, out_grad: Tensor) -> None:
    r"""Fill `grad` of every node that requires it, and of no other, that `output` depends on.

    The adjoint of `output` itself is `out_grad`; that of another node v is
    $\sum_i \bar y_i \, \partial y_i / \partial v$ over the nodes y_i that have v as an input.
    A `grad` of an earlier call is replaced.
    """
    ### BEGIN SOLUTION
    grads: dict[Value, Any] = {output: out_grad}
    for node in reversed(find_topo_sort([output])):
        if node not in grads:
            continue
        grad = node.grad = grads.pop(node)
        if node.op is None:
            continue
        for x, x_grad in zip(node.inputs, node.op.gradient_as_tuple(grad, node), strict=True):
            if x.requires_grad:
                grads[x] = grads[x] + x_grad if x in grads else x_grad
    ### END SOLUTION


# %% [markdown] id="reverse-mode-hints" role="hints" of="reverse-mode"
# 1. Which node's adjoint do you know before you start? When you come to a node in reversed
#    topological order, who may still want to contribute to it?
# 2. Keep a dictionary from nodes to the sum of what has arrived so far, beginning with
#    `{output: out_grad}`. For each node of the reversed order: take its entry out, store it, ask
#    the op, add each answer to the entry of its input, or create the entry.
# 3. In the loop: skip the node if nothing has arrived; `grad = node.grad = grads.pop(node)`; if
#    there is an op, go through `zip(node.inputs, ...)` of inputs and adjoints, skip inputs with
#    `requires_grad` False, and set `grads[x]` to the adjoint, plus what was there.


# %% id="reverse-mode-gradients" role="check" points=5
@check
def reverse_mode_gradients():
    """A value that is used several times answers for every use."""
    a, b = Tensor([2.0]), Tensor([5.0])
    c = a * b
    y = c + a
    y.backward(Tensor([10.0]))
    for x in (a, b, c, y):
        yield close(x.grad, dtype="float32")
    ### BEGIN HIDDEN TESTS
    #: a larger graph in which nodes are used several times
    a, b, c, v = (Tensor(rng.uniform(0.5, 2, (3, 4)).astype("float32")) for _ in range(4))
    s = a + b
    y = (s + a) * b + s * s * s / c - exp(a) * c + s
    y.backward(v)
    for x in (a, b, c, s, y):
        yield close(x.grad, dtype="float32")
    #: a sum inside a sum, one tensor in both
    a, b = (Tensor(rng.uniform(0.5, 2, (3, 4)).astype("float32")) for _ in range(2))
    y = a + (a + b)
    y.backward(v)
    for x in (a, b, y):
        yield close(x.grad, dtype="float32")
    #: a single number, used twice in each of many steps
    y = x = Tensor([1.5])
    for _ in range(40):
        y = y * 0.5 + y * 0.25
    y.backward()
    yield close(x.grad * 1e5, dtype="float32")
    ### END HIDDEN TESTS


# %% id="reverse-mode-constants" role="check" points=2
@check
def reverse_mode_constants():
    """Data is not trained: a gradient for it costs time and memory, and nobody reads it."""
    a, constant = Tensor([2.0, 3.0]), Tensor([3.0, -1.0], requires_grad=False)
    y = a * constant + a**constant * a**constant
    y.backward(Tensor([1.0, 10.0]))
    yield close(a.grad, dtype="float32")
    yield np.array([x.grad is not None for x in (a, constant, y)])
    ### BEGIN HIDDEN TESTS
    #: a graph with constants, and with an op on a constant
    a, b, v = (Tensor(rng.uniform(0.5, 2, (3, 4)).astype("float32")) for _ in range(3))
    constant = Tensor(rng.uniform(0.5, 2, (3, 4)).astype("float32"), requires_grad=False)
    more = constant + 1
    y = constant * a + log(b) * more / constant + more - a**constant
    y.backward(v)
    for x in (a, b, y):
        yield close(x.grad, dtype="float32")
    #: whether each tensor has a gradient, constants too
    yield np.array([x.grad is not None for x in (a, b, y, constant, more)])
    ### END HIDDEN TESTS


# %% id="reverse-mode-again" role="check" points=2
@check
def reverse_mode_again():
    """In a training loop each step needs its own gradient, not the sum of all before."""
    a, b = Tensor([2.0, -1.0]), Tensor([5.0, 3.0])
    y = a * b + a
    for out_grad in ([10.0, 1.0], [-2.0, 3.0]):
        y.backward(Tensor(out_grad))
        for x in (a, b):
            yield close(x.grad, dtype="float32")
    ### BEGIN HIDDEN TESTS
    #: a second call on one graph, with another adjoint
    a, b, v = (Tensor(rng.uniform(0.5, 2, (3, 4)).astype("float32")) for _ in range(3))
    y = a * b + exp(a)
    y.backward()
    y.backward(v)
    for x in (a, b, y):
        yield close(x.grad, dtype="float32")
    #: a call on a new graph of the same leaves
    (a / b).backward(v)
    for x in (a, b):
        yield close(x.grad, dtype="float32")
    ### END HIDDEN TESTS


# %% id="reverse-mode-networks" role="check" points=3
@check
def reverse_mode_networks():
    """The same walk serves for two numbers and for a network."""
    x, w = Tensor([[1.0, 2.0], [-1.0, 0.5], [3.0, 2.0]]), Tensor([[1.0, -1.0], [0.5, 3.0]])
    relu(x @ w).backward()
    yield close(w.grad, dtype="float32")
    yield close(x.grad, dtype="float32")
    ### BEGIN HIDDEN TESTS
    #: a network with biases, a way round and a softmax
    x = Tensor(rng.standard_normal((6, 5)).astype("float32"))
    shapes = (5, 8), (8,), (8, 3), (1, 3), (5, 3)
    # small weights keep every probability far from 0, where the logarithm is another check's
    draws = [(0.3 * rng.standard_normal(s)).astype("float32") for s in shapes]
    w1, b1, w2, b2, w3 = theta = [Tensor(draw) for draw in draws]
    hidden = relu(x @ w1 + b1.broadcast_to((6, 8)))
    logits = hidden @ w2 + x @ w3 + b2.broadcast_to((6, 3))
    p = exp(logits) / exp(logits).sum(axes=1).reshape((6, 1)).broadcast_to((6, 3))
    loss = -log(p) / 18 + 0.01 * (hidden**2).sum(axes=1).reshape((6, 1)).broadcast_to((6, 3))
    loss.backward()
    for tensor in (*theta, hidden, logits, x):
        yield close(tensor.grad, dtype="float32")
    ### END HIDDEN TESTS


# %% id="reverse-mode-tuples" role="check" points=1
@check
def reverse_mode_tuples():
    """An op with several outputs hears from each of them."""
    a, b = Tensor([2.0, -1.0]), Tensor([0.5, 3.0])
    pair = fused_add_scalars(make_tuple(a, b), 1.0, -1.0)
    (pair[0] * pair[1]).backward(Tensor([1.0, 10.0]))
    for x in (a, b):
        yield close(x.grad, dtype="float32")
    ### BEGIN HIDDEN TESTS
    #: a pair made of one tensor, one entry of it used twice
    w, v = (Tensor(rng.uniform(0.5, 1, (3,)).astype("float32")) for _ in range(2))
    pair = fused_add_scalars(make_tuple(w, w * 2), 1.0, -1.0)
    (pair[0] * pair[1] + pair[1]).backward(v)
    yield close(w.grad, dtype="float32")
    ### END HIDDEN TESTS


# %% [markdown] id="graph-prose"
# ## What you have built, in one picture
#
# The plot takes $y = \ln x_1 + x_1 x_2$ at $x_1 = 2$, $x_2 = 5$ and draws its graph with your
# `find_topo_sort`. Each box holds a value $v$, computed from left to right, and below it the
# adjoint $\bar v$, computed from right to left by your loop. Two arrows leave $x_1$; its adjoint is
# $1/2$, by way of the logarithm, plus 5, by way of the product. The last line puts the graph of the
# first exercise through your engine.


# %% id="graph-demo" role="demo"
def place_nodes(order):
    """A position for each node: to the right of all its inputs, one below the other."""
    column, place, height = {}, {}, {}
    for node in order:
        column[node] = 1 + max((column[x] for x in node.inputs), default=-1)
        height[column[node]] = height.get(column[node], 0) + 1
        place[node] = (2.2 * column[node], -1.4 * height[column[node]] - 0.5 * column[node])
    return place


def graph_of(output, names):
    """The boxes and arrows of everything that the output was computed from."""
    place = place_nodes(ndl.autograd.find_topo_sort([output]))
    name = {node: names.get(node, type(node.op).__name__) for node in place}
    boxes = {name[n]: (*place[n], float(n.numpy()), float(n.grad.numpy())) for n in place}
    return boxes, [(name[x], name[node], "") for node in place for x in node.inputs]


x1, x2 = ndl.Tensor(2.0), ndl.Tensor(5.0)
y = ndl.log(x1) + x1 * x2
y.backward()
figure, axis = plt.subplots(figsize=(8, 4), layout="constrained")
draw_graph(axis, *graph_of(y, {x1: "$x_1$", x2: "$x_2$", y: "y"}))
axis.set_title("Values flow to the right, adjoints to the left")
show(
    "A graph from left to right: two inputs, a product, a logarithm and their sum, each box "
    "with its value and its adjoint."
)

a, b = ndl.Tensor(2.0), ndl.Tensor(5.0)
(a * b + a).backward()
print(f"exercise 1: by your engine {a.grad} and {b.grad}, by hand {adjoints_by_hand(2.0, 5.0)}")

# %% [markdown] id="second-order-prose"
# ## A gradient of a gradient
#
# Your gradients are made of ops, so they can have a graph as well. Ordinarily nobody needs it, and
# `backward` runs under `no_grad`, which saves memory. With `create_graph=True` it does not, and the
# gradient is an expression like any other: you can compute with it, and differentiate it again.

# %% id="second-order-demo" role="demo"
x = ndl.Tensor([1.0, 2.0, 3.0])
y = x**4
derivatives = [y]
for _ in range(4):
    derivatives[-1].backward(create_graph=True)
    derivatives.append(x.grad)
for k, values in enumerate(derivatives):
    print(f"derivative {k} of x**4 at 1, 2, 3: {values}")

# %% [markdown] id="why-second-order"
# The check below differentiates each of your ops twice. It fails where a gradient was computed with
# arrays instead of tensors: right the first time, and zero the second. The check after it asks each
# of them for a gradient in `float32` and one in `float64`, and looks whether the dtype is kept.


# %% id="second-order" role="check" points=3 of="reverse-mode"
@check
def second_order():
    """A gradient made of arrays has no graph: its own gradient is lost."""
    x = Tensor([1.0, 2.0, 3.0, 0.5, -1.0])
    (x * x * x).backward(create_graph=True)
    x.grad.backward()
    yield close(x.grad, dtype="float32")

    def twice(f):
        # d/da of a weighted sum of the entries of d f / da and d f / db
        a, b = Tensor([[1.0, 2.0], [3.0, 0.5]]), Tensor([[2.0, 0.5], [1.0, 4.0]])
        y = f(a, b)
        y.backward(Tensor(np.ones(y.shape, dtype="float32")), create_graph=True)
        (a.grad * Tensor([[1.0, 0.7], [-2.0, 0.3]]) + b.grad).backward()
        return close(a.grad, dtype="float32")

    yield twice(lambda a, b: (a / b) ** 2)
    yield twice(lambda a, b: a**3 * b)
    yield twice(lambda a, b: log(a) * exp(a * b))
    yield twice(lambda a, b: relu(a + b - 2.6) ** 2)
    yield twice(lambda a, b: a.transpose() ** 2 * b)
    yield twice(lambda a, b: a.reshape((4,)) ** 2 * b.reshape((4,)))
    yield twice(lambda a, b: (a * b).sum(axes=1) ** 2)
    yield twice(lambda a, b: (a * b).sum(axes=0).broadcast_to((2, 2)) ** 2 * b)
    yield twice(lambda a, b: a @ b @ a)
    ### BEGIN HIDDEN TESTS
    #: the gradient of the gradient, by the first matrix
    stack = Tensor(rng.uniform(0.5, 2, (2, 3, 3)).astype("float32"))
    functions = [
        lambda a, b: a * b * a,
        lambda a, b: (a / b) ** 2,
        lambda a, b: a**3 * b**-2,
        lambda a, b: a**b,
        lambda a, b: log(a) * exp(b),
        lambda a, b: exp(a * b),
        lambda a, b: relu(a - b) ** 2,
        lambda a, b: a.transpose() ** 2 * b,
        lambda a, b: a.reshape((9,)) ** 2 * b.transpose().reshape((-1,)),
        lambda a, b: a.sum(axes=1) ** 2 * b.sum(axes=(0,)),
        lambda a, b: a.sum(axes=0).broadcast_to((3, 3)) * b * a,
        lambda a, b: a @ b @ a,
        lambda a, b: (stack @ a) * (b @ stack),
    ]
    for f in functions:
        draws = rng.uniform(0.5, 2, (4, 3, 3)).astype("float32")
        draws[:, 0, 0] = 2.5, 1.0, 0.25, 1.0  # a is larger than b there, and u smaller than v
        a, b, u, v = map(Tensor, draws)
        y = f(a, b)
        y.backward(Tensor(rng.uniform(0.5, 2, y.shape).astype("float32")), create_graph=True)
        (a.grad * u + b.grad * v).backward()
        yield close(a.grad, rtol=1e-4, atol=1e-5, dtype="float32")
        #: the gradient of the gradient, by the second matrix
        yield close(b.grad, rtol=1e-4, atol=1e-5, dtype="float32")


### END HIDDEN TESTS


# %% id="gradients-keep-dtype" role="check" points=2 of="reverse-mode"
@check
def gradients_keep_dtype():
    """One float64 array in a gradient makes everything that is computed from it float64."""

    def gradients(dtype, scale):
        # what each op gives back, in one row
        a, b = (Tensor(scale * x, dtype=dtype) for x in rng.uniform(0.5, 2, (2, 3, 3)))
        outputs = [a * b, a / b, a**3, a**0, a**0.5, log(a), exp(a), relu(a - b)]
        outputs += [a.transpose(), a.reshape((9,)), a.sum(axes=0), a @ b]
        for y in outputs:
            yield from y.op.gradient_as_tuple(y * 0.5, y)
        yield unbroadcast(a, (3, 1))

    for grad in gradients("float32", 1.0):
        yield grad
    for grad in gradients("float64", 3.0):
        yield grad
    ### BEGIN HIDDEN TESTS
    #: other square matrices, in float64 or float32
    for dtype in ("float64", "float32"):
        for grad in gradients(dtype, 2.0):
            yield grad
    ### END HIDDEN TESTS


# %% [markdown] id="memory-prose"
# ## Who keeps the graph alive?
#
# A graph lives as long as somebody holds its output. In a training loop that is the variable
# `loss`, and the next step overwrites it: the old graph is freed at once, whole. The cell below
# counts live tensors during 40 steps. One loop writes down `loss.numpy()`, the number; the other
# writes down `loss`, and with it, without meaning to, the graph of every step.
#
# Look at the slopes. One line is flat. The other grows by eight tensors a step, and with it grows
# the memory: had the batch been large, so would be each of the eight.

# %% id="memory-demo" role="demo"
import gc


def count_tensors():
    return sum(isinstance(thing, ndl.Tensor) for thing in gc.get_objects())


def live_tensors(keep, checkpoints):
    """How many more tensors are alive after some of the steps than before the first."""
    generator = np.random.default_rng(0)
    x = ndl.Tensor(generator.standard_normal((20, 5)), requires_grad=False)
    w = ndl.Tensor(generator.standard_normal((5, 1)))
    before, counts, kept = count_tensors(), [], []
    for step in range(max(checkpoints) + 1):
        loss = ((x @ w) ** 2).sum() / 20
        loss.backward()
        w.data = w.data - 0.01 * w.grad
        kept.append(keep(loss))
        if step in checkpoints:
            counts.append(count_tensors() - before)
    return counts


steps = range(0, 41, 10)
figure, axis = plt.subplots(figsize=(7, 3.5), layout="constrained")
axis.plot(steps, live_tensors(lambda loss: loss, steps), "s-", color=RED, label="loss")
axis.plot(steps, live_tensors(lambda loss: loss.numpy(), steps), "o--", color=BLUE, label="number")
axis.set(xlabel="step", ylabel="live tensors", title="Keep the number, not its graph")
axis.legend(title="what is written down")
show(
    "Live tensors against step: rising steadily where the loss is kept, flat where its number "
    "is kept."
)

# %% [markdown] id="gradcheck-prose"
# ## How do you know that a gradient is right?
#
# By trying, after all. Along a direction $u$ the derivative is nearly
#
# $$\frac{f(x + h u) - f(x - h u)}{2 h},$$
#
# a central difference. It is slow and inexact, but it shares no code with your gradients, so the
# two will hardly make the same mistake. `gradient_check` compares them for any function of tensors.
# Instead of going through all entries it takes a random direction for the inputs and a random
# weight for the outputs, which makes one number of each side.

# %% id="gradcheck" role="given" export="needle/gradcheck.py"
"""Gradients compared with central differences."""

from collections.abc import Callable

import numpy as np

from needle.autograd import Tensor


def central_difference(f: Callable[[Tensor], Tensor], x: Tensor, u: Tensor, step: float) -> float:
    r"""The derivative of the scalar f along u, $(f(x + h u) - f(x - h u)) / 2h$, up to $O(h^2)$."""
    x, u = x.detach(), u.detach()
    return float((f(x + step * u) - f(x - step * u)).numpy()) / (2 * step)


def gradient_check(
    f: Callable[..., Tensor], *inputs: Tensor, step: float = 1e-5, rtol: float = 1e-6, seed: int = 0
) -> list[tuple[float, float]]:
    """Compare `backward` with central differences, in float64, for each input of f in turn.

    Outputs are weighted and inputs moved at random. Returns a pair (by backward, by differences)
    for each input; AssertionError if they differ by more than `rtol` of their size or of 1.
    """
    rng = np.random.default_rng(seed)
    tensors = [Tensor(x, dtype="float64") for x in inputs]
    output = f(*tensors)
    weights = Tensor(rng.standard_normal(output.shape), requires_grad=False)
    (output * weights).sum().backward()
    pairs = []
    for i, x in enumerate(tensors):

        def scalar(moved: Tensor, i: int = i) -> Tensor:
            return (f(*tensors[:i], moved, *tensors[i + 1 :]) * weights).sum()

        u = Tensor(rng.standard_normal(x.shape))
        ours = 0.0 if x.grad is None else float((x.grad.numpy() * u.numpy()).sum())
        theirs = central_difference(scalar, x, u, step)
        pairs.append((ours, theirs))
        if not abs(ours - theirs) <= rtol * max(1.0, abs(ours), abs(theirs)):
            raise AssertionError(
                f"input {i}: backward says {ours:.8g}, central differences say {theirs:.8g}"
            )
    return pairs


# %% id="gradcheck-demo" role="demo"
from needle.gradcheck import gradient_check

a, b = (ndl.Tensor(np.random.default_rng(i).uniform(0.5, 2, (3, 3))) for i in range(2))
for f in (ndl.multiply, ndl.divide, ndl.power, ndl.matmul, lambda a, b: ndl.log(a @ ndl.exp(b))):
    for ours, theirs in gradient_check(f, a, b):
        print(
            f"{getattr(f, '__name__', 'f'):10} backward {ours:12.8f}   differences {theirs:12.8f}"
        )


class Wrong(ndl.ops.EWiseMul):
    """A product with its gradients swapped."""

    def gradient(self, out_grad, node):
        return super().gradient(out_grad, node)[::-1]


try:
    gradient_check(lambda a, b: Wrong()(a, b), a, b)
except AssertionError as error:
    print(f"\n{error}")

# %% [markdown] id="step-size-prose"
# ### The step is a compromise
#
# Which $h$ is best? The smaller it is, the better the difference quotient approaches the
# derivative: the error of the formula shrinks like $h^2$. But the two values of $f$ become nearly
# equal, and their difference loses digits: the error of rounding grows like $\varepsilon / h$,
# where $\varepsilon$ is the precision of the dtype. The plot shows both, as a V. What it measures
# is the derivative of a sum of 100 terms by one of its entries, the worst of 20.
#
# Look for the bottom of each V. In `float64` it lies between $10^{-5}$ and $10^{-4}$, with an error
# of about $10^{-9}$. In `float32` it lies above $10^{-2}$, and no $h$ brings the error below
# $10^{-4}$; where its line lies flat at 1, the step is too small to change $x$ at all. That is why
# gradients are checked in `float64`, whatever the network runs in.

# %% id="step-size-demo" role="demo"
from needle.gradcheck import central_difference


def softplus(x):
    return ndl.log(ndl.exp(x) + 1).sum()


def worst_error(dtype, step):
    """The largest relative error of central differences among 20 entries of 100."""
    x = ndl.Tensor(np.random.default_rng(0).uniform(-1, 1, 100), dtype=dtype)
    softplus(x).backward()
    units = [ndl.Tensor(row, dtype=dtype) for row in np.eye(100)[:20]]
    differences = np.array([central_difference(softplus, x, unit, step) for unit in units])
    return np.abs(differences / x.grad.numpy()[:20] - 1).max()


steps = np.logspace(-12, 0, 37)
figure, axis = plt.subplots(figsize=(7, 4), layout="constrained")
for dtype, color, style in (("float64", BLUE, "o-"), ("float32", RED, "s--")):
    errors = [worst_error(dtype, step) for step in steps]
    best = int(np.argmin(errors))
    axis.loglog(steps, errors, style, color=color, label=dtype, markersize=4)
    print(f"{dtype}: smallest error {errors[best]:.0e} at h = {steps[best]:.0e}")
axis.set(xlabel="step h", ylabel="largest relative error")
axis.set_title("Too small a step is as bad as too large a one")
axis.legend()
show(
    "Error of central differences against step size, two V shapes: float64 reaches about "
    "1e-9, float32 stays above 1e-4."
)

# %% [markdown] id="end-00"
# ## What you built
#
# Thirteen small functions that together differentiate any program written with them: eleven that
# know one operation each, one that finds an order, and one that walks it. The last two will not
# change again. Whatever the course adds from now on is an op with its own `gradient`, or something
# made of ops that needs none.
#
# **The same in PyTorch.** An `Op` is a `torch.autograd.Function`, whose `forward` and `backward`
# are `compute` and `gradient`; `loss.backward()`, `create_graph`, `no_grad` and `detach` have the
# names you know, and `torch.autograd.gradcheck` compares with differences. One habit differs:
# there, `backward` *adds* to what `grad` holds, so a training loop has to call `zero_grad`.
#
# ## What comes next
#
# Stage 01 asks with which numbers a network should begin, and answers with the arithmetic of
# variances: after fifty layers a small mistake in the scale is either 0 or infinity.
#
# ## Questions to think about
#
# Double-click a question, write below it, and run the cell. None of this is graded. Once you have
# answered and saved, `%mugrade hint` with the question's name, in a new cell, shows our answer.

# %% [markdown] id="when-forward-mode" role="answer"
# 1. **when-forward-mode**: Reverse mode computes one output's derivatives by all inputs in one
#    walk. *Forward* mode would carry the derivative by one input along with each value. For which
#    shapes of a function is that the better choice?
#
# ### BEGIN SOLUTION
# For few inputs and many outputs: one forward walk gives the derivatives of *all* outputs by one
# input. A loss is the opposite, one output and a million inputs.
# ### END SOLUTION

# %% [markdown] id="which-adjoints-to-keep" role="answer"
# 2. **which-adjoints-to-keep**: The adjoint of every intermediate value is kept in `grad`. Which of
#    them does training need? How much memory would be saved by dropping the others, and what would
#    you lose?
#
# ### BEGIN SOLUTION
# Only those of the leaves that are trained. The others take about as much memory as the values
# themselves. Without them you could no longer look at the adjoint of a hidden value, as the plot of
# the graph does. PyTorch drops them, unless `retain_grad` asks for one.
# ### END SOLUTION

# %% [markdown] id="what-a-compiler-may-change" role="answer"
# 3. **what-a-compiler-may-change**: A lazily built graph can be looked at before it runs. Name two
#    things that a compiler could improve in the graph of $\log(e^a / e^b)$, and one that it must
#    not.
#
# ### BEGIN SOLUTION
# It could run the three element-wise ops in one pass over memory, and let them share one array. It
# must not, unasked, compute $a - b$ instead: the same on paper, but for $a = b = 100$ the graph
# says NaN in `float32`. A compiler that changes results, be it for the better, cannot be trusted.
# ### END SOLUTION

# %% [markdown] id="references-00"
# ## References
#
# - A. Griewank and A. Walther, *Evaluating Derivatives*, 2nd ed., SIAM, 2008.
# - A. G. Baydin, B. A. Pearlmutter, A. A. Radul, J. M. Siskind, "Automatic Differentiation in
#   Machine Learning: a Survey", JMLR 18, 2018.
# - Y. Jia et al., "Caffe: Convolutional Architecture for Fast Feature Embedding", ACM
#   Multimedia, 2014.
# - M. Abadi et al., "TensorFlow: A System for Large-Scale Machine Learning", OSDI, 2016.
# - A. Paszke et al., "PyTorch: An Imperative Style, High-Performance Deep Learning Library",
#   NeurIPS, 2019.
# - T. Chen and J. Z. Kolter, *Deep Learning Systems* (CMU 10-414/714), whose library `needle`
#   follows.
