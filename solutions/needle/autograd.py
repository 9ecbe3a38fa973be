# %% autograd-imports
"""Tensors that remember how they were computed, and the derivatives that follow from it."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

import needle  # for the ops, which need this module first: they are looked up when they are used
from needle.device import CPUDevice, cpu, demand_cpu


# %% autograd-modes
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


# %% autograd-op
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


# %% autograd-value
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


# %% autograd-tensor
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


# %% autograd-tensor-tuple
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


# %% topo-sort
def find_topo_sort(node_list: Sequence[Value]) -> list[Value]:
    """Return the given nodes and all that they depend on, each once, inputs before outputs.

    The order is that of a depth-first search which visits inputs from left to right; any other in
    which inputs come before outputs will do. Graphs may be thousands of nodes deep, and the time
    grows as the number of nodes does, not as its square.
    """
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


# %% reverse-mode
def compute_gradient_of_variables(output: Tensor, out_grad: Tensor) -> None:
    r"""Fill `grad` of every node that requires it, and of no other, that `output` depends on.

    The adjoint of `output` itself is `out_grad`; that of another node v is
    $\sum_i \bar y_i \, \partial y_i / \partial v$ over the nodes y_i that have v as an input.
    A `grad` of an earlier call is replaced.
    """
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
