# %% fast-ops-module
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


# %% fused-op
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


# %% fast-relu
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


# %% fast-linear
class FusedLinear(FusedOp):
    """y = x W + b, for x of shape (..., k), W of shape (k, m) and b of shape (1, m)."""

    def plain(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        y = x @ weight
        return y + bias.broadcast_to(y.shape)

    def compute(self, x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
        demand_rows(x, weight)
        y = x @ weight
        y += bias
        return y

    def derivatives(self, g: np.ndarray, node: Tensor) -> Arrays:
        x, weight = node.inputs[0], node.inputs[1].numpy()
        rows, g_rows = x.numpy().reshape(-1, len(weight)), g.reshape(-1, g.shape[-1])
        x_grad = g @ weight.T if x.requires_grad else None
        return x_grad, rows.T @ g_rows, sum_rows(g_rows)[None]


def linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """x W + b, in one op."""
    return FusedLinear()(x, weight, bias)


# %% draw-keep
def draw_keep(shape: tuple[int, ...], p: float) -> np.ndarray:
    """Booleans, true with probability 1 - p to within 2**-17, from NumPy's global state."""
    bits = np.random.randint(1 << 16, size=shape, dtype=np.uint16)
    return bits >= round(p * (1 << 16))


# %% fast-dropout
class FusedDropout(FusedOp):
    """y = keep * x / (1 - p), `keep` an array of booleans of the shape of x."""

    def __init__(self, keep: np.ndarray, p: float) -> None:
        self.keep, self.p = keep, p

    def plain(self, x: Tensor) -> Tensor:
        return x * self.keep / (1 - self.p)

    def compute(self, x: np.ndarray) -> np.ndarray:
        self.factor = np.multiply(self.keep, 1 / (1 - self.p), dtype=x.dtype)
        return x * self.factor

    def derivatives(self, g: np.ndarray, node: Tensor) -> Arrays:
        return (g * self.factor,)


def dropout(x: Tensor, p: float) -> Tensor:
    """x with each entry 0 with probability p, the others divided by 1 - p."""
    if x.dtype.kind != "f":
        raise TypeError(f"dropout takes floats, not {x.dtype}: use Tensor(x, dtype='float32')")
    if p == 1:  # nothing survives to be divided by 1 - p
        return x * 0.0
    return FusedDropout(draw_keep(x.shape, p), p)(x)


# %% fast-softmax-loss
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
        rows = np.arange(len(logits))
        shifted = logits - logits.max(axis=1, keepdims=True)
        right_logits = shifted[rows, self.labels]
        exps = np.exp(shifted, out=shifted)
        sums = exps.sum(axis=1)
        self.softmax = np.divide(exps, sums[:, None], out=exps)
        return (np.log(sums) - right_logits).sum() / len(logits)

    def derivatives(self, g: np.ndarray, node: Tensor) -> Arrays:
        n = len(self.labels)
        logits_grad = self.softmax * (g / n)
        logits_grad[np.arange(n), self.labels] -= g / n
        return (logits_grad,)


def softmax_loss(logits: Tensor, labels: np.ndarray) -> Tensor:
    """The mean cross-entropy of the labels under the softmax of the logits."""
    return FusedSoftmaxLoss(labels)(logits)


# %% fast-layernorm
class FusedLayerNorm(FusedOp):
    """Each row normalized, scaled by weight and shifted by bias: (n, dim) to (n, dim)."""

    def __init__(self, eps: float) -> None:
        self.eps = eps

    def plain(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        layer = nn.LayerNorm1d(x.shape[1], self.eps, dtype=str(weight.dtype))
        return with_parameters(layer, weight, bias)(x)

    def compute(self, x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
        demand_features(x, len(weight))
        dim = x.shape[1]
        deviation = x - (sum_columns(x) / dim)[:, None]
        var = np.vecdot(deviation, deviation) / dim
        self.std = np.sqrt(var + self.eps)[:, None]
        self.normalized = np.divide(deviation, self.std, out=deviation)
        y = self.normalized * weight
        y += bias
        return y

    def derivatives(self, g: np.ndarray, node: Tensor) -> Arrays:
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


def layernorm(x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    """Each row normalized, then scaled and shifted."""
    return FusedLayerNorm(eps)(x, weight, bias)


# %% fast-batchnorm
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
        n = len(x)
        self.mean = sum_rows(x) / n
        self.deviation = x - self.mean
        self.var = sum_rows(self.deviation * self.deviation) / n
        self.std = np.sqrt(self.var + self.eps)
        y = self.deviation * (weight / self.std)
        y += bias
        return y

    def derivatives(self, g: np.ndarray, node: Tensor) -> Arrays:
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
