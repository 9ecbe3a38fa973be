# %% ops-imports
"""The ops everything else is made of: what they compute and what their gradients are."""

from contextlib import suppress

import numpy as np

from needle.autograd import Tensor, TensorOp, TensorTuple, TensorTupleOp, in_dtype_of, number


# %% ops-different-shapes
def different_shapes(a: np.ndarray, b: np.ndarray) -> ValueError:
    """What element-wise ops raise, because they do not broadcast behind your back."""
    advice = "no broadcasting makes them equal"
    with suppress(ValueError):
        common = np.broadcast_shapes(a.shape, b.shape)
        small = " and ".join(f"{x.shape}" for x in (a, b) if x.shape != common)
        advice = f"write .broadcast_to({common}) after the operand of shape {small}"
    return ValueError(f"an element-wise op got shapes {a.shape} and {b.shape}: {advice}")


# %% ops-add
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


# %% ops-scalar
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


# %% ops-of-tensor
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


# %% multiply
class EWiseMul(TensorOp):
    r"""$y = a b$, element by element."""

    def compute(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        if a.shape != b.shape:
            raise different_shapes(a, b)
        return a * b

    def gradient(self, out_grad: Tensor, node: Tensor) -> tuple[Tensor, Tensor]:
        a, b = node.inputs
        return out_grad * b, out_grad * a


def multiply(a: Tensor, b: Tensor) -> Tensor:
    """Element by element, for equal shapes."""
    return EWiseMul()(a, b)


# %% divide
class EWiseDiv(TensorOp):
    r"""$y = a / b$, element by element."""

    def compute(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        if a.shape != b.shape:
            raise different_shapes(a, b)
        return a / b

    def gradient(self, out_grad: Tensor, node: Tensor) -> tuple[Tensor, Tensor]:
        b = node.inputs[1]
        a_grad = out_grad / b
        return a_grad, -(a_grad * node)


def divide(a: Tensor, b: Tensor) -> Tensor:
    """Element by element, for equal shapes."""
    return EWiseDiv()(a, b)


# %% power-scalar
class PowerScalar(TensorOp):
    r"""$y = a^n$ with a number n; the gradient is 0 for n = 0, also where a = 0."""

    def __init__(self, scalar: float) -> None:
        self.scalar = number(scalar)

    def compute(self, a: np.ndarray) -> np.ndarray:
        return a**self.scalar

    def gradient(self, out_grad: Tensor, node: Tensor) -> Tensor:
        (a,) = node.inputs
        n = self.scalar
        if n == 0:
            return out_grad * 0
        return out_grad * (n * a ** (n - 1))


def power_scalar(a: Tensor, scalar: float) -> Tensor:
    """a ** scalar."""
    return PowerScalar(scalar)(a)


# %% log
class Log(TensorOp):
    r"""$y = \ln a$."""

    def compute(self, a: np.ndarray) -> np.ndarray:
        return np.log(a)

    def gradient(self, out_grad: Tensor, node: Tensor) -> Tensor:
        return out_grad / node.inputs[0]


def log(a: Tensor) -> Tensor:
    """The natural logarithm."""
    return Log()(a)


# %% exp
class Exp(TensorOp):
    r"""$y = e^a$."""

    def compute(self, a: np.ndarray) -> np.ndarray:
        return np.exp(a)

    def gradient(self, out_grad: Tensor, node: Tensor) -> Tensor:
        return out_grad * node


def exp(a: Tensor) -> Tensor:
    """e to the power of a."""
    return Exp()(a)


# %% ops-power
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


# %% relu
class ReLU(TensorOp):
    r"""$y = \max(a, 0)$; the gradient at 0 is taken to be 0."""

    def compute(self, a: np.ndarray) -> np.ndarray:
        return np.maximum(a, 0)

    def gradient(self, out_grad: Tensor, node: Tensor) -> Tensor:
        return out_grad * (node.numpy() > 0)


def relu(a: Tensor) -> Tensor:
    """a where it is positive, 0 elsewhere."""
    return ReLU()(a)


# %% transpose
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
        return out_grad.transpose(self.axes)


def transpose(a: Tensor, axes: tuple[int, int] | None = None) -> Tensor:
    """Two axes swapped, the last two by default."""
    return Transpose(axes)(a)


# %% reshape
class Reshape(TensorOp):
    """The same entries in the same order, in another shape."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape

    def compute(self, a: np.ndarray) -> np.ndarray:
        return a.reshape(self.shape)

    def gradient(self, out_grad: Tensor, node: Tensor) -> Tensor:
        return out_grad.reshape(node.inputs[0].shape)


def reshape(a: Tensor, shape: tuple[int, ...]) -> Tensor:
    """The same entries in the same order, in another shape."""
    return Reshape(shape)(a)


# %% ops-broadcast
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


# %% summation
class Summation(TensorOp):
    """The sum over `axes`: all of them (None), one (an int) or some (a tuple); they disappear."""

    def __init__(self, axes: int | tuple[int, ...] | None = None) -> None:
        self.axes = axes

    def compute(self, a: np.ndarray) -> np.ndarray:
        return a.sum(self.axes)

    def gradient(self, out_grad: Tensor, node: Tensor) -> Tensor:
        shape = node.inputs[0].shape
        axes = range(len(shape)) if self.axes is None else np.atleast_1d(self.axes)
        kept = list(shape)
        for axis in axes:
            kept[axis] = 1
        return out_grad.reshape(tuple(kept)).broadcast_to(shape)


def summation(a: Tensor, axes: int | tuple[int, ...] | None = None) -> Tensor:
    """The sum over the axes, over all of them by default."""
    return Summation(axes)(a)


# %% unbroadcast
def unbroadcast(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Return x summed over what broadcasting from `shape` to `x.shape` copied; it has `shape`.

    `shape` may have fewer axes than x (they align right) and axes of length 1.
    """
    new = len(x.shape) - len(shape)
    stretched = (new + i for i, n in enumerate(shape) if n == 1 and x.shape[new + i] != 1)
    axes = (*range(new), *stretched)
    return x.sum(axes).reshape(shape) if axes else x


# %% matmul
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
        a, b = node.inputs
        a_grad = b_grad = None
        if a.requires_grad:
            a_grad = unbroadcast(out_grad @ b.transpose(), a.shape)
        if b.requires_grad:
            b_grad = unbroadcast(a.transpose() @ out_grad, b.shape)
        return a_grad, b_grad


def matmul(a: Tensor, b: Tensor) -> Tensor:
    """The matrix product of the last two axes."""
    return MatMul()(a, b)


# %% ops-tuples
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
