# %% [markdown] id="title-09"
# # 09 · Make it fast
#
# You will find out where your library spends its time, and remove what is not arithmetic.
#
# - **You need**: all stages before this one.
# - **It grows**: `needle/fast/`.

# %% id="setup-09" role="given"
# %load_ext mugrade
import numpy as np

import needle as ndl
from mugrade import check, close, distribution, rng, show

# %% id="fast-ops-module" role="given" export="needle/fast/ops.py"
"""Ops that do the work of several at once, with gradients that were derived by hand."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from needle import init, nn, ops
from needle.autograd import Tensor, TensorOp, Value, compute_gradient_of_variables, modes

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
        return super().__call__(*inputs)

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
        return tuple(None if a is None else Tensor.make_const(a) for a in arrays)


def with_parameters(layer: nn.Module, weight: Tensor, bias: Tensor) -> nn.Module:
    """The layer, with these tensors for its weight and its bias."""
    vars(layer).update(weight=weight, bias=bias)
    return layer


def demand_features(x: np.ndarray, dim: int) -> None:
    """Raise ValueError unless x is a matrix with `dim` columns."""
    if x.ndim != 2 or x.shape[1] != dim:
        raise ValueError(f"a norm of {dim} features takes a matrix (n, {dim}), not {x.shape}")


def sum_rows(a: np.ndarray) -> np.ndarray:
    """The sum over axis 0 of a matrix, as a product with a row of ones."""
    return np.ones(len(a), a.dtype) @ a


# %% id="fast-linear" role="solution" export="needle/fast/ops.py"
class Linear(FusedOp):
    """y = x W + b, for x of shape (..., k), W of shape (k, m) and b of shape (1, m)."""

    def plain(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        y = x @ weight
        return y + bias.broadcast_to(y.shape)

    def compute(self, x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
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
    return Linear()(x, weight, bias)


# %% id="fast-relu" role="solution" export="needle/fast/ops.py"
class ReLU(FusedOp):
    """y = max(x, 0), of any shape."""

    def plain(self, x: Tensor) -> Tensor:
        return ops.relu(x)

    def compute(self, x: np.ndarray) -> np.ndarray:
        ### BEGIN SOLUTION
        return np.maximum(x, 0)
        ### END SOLUTION

    def derivatives(self, g: np.ndarray, node: Tensor) -> Arrays:
        ### BEGIN SOLUTION
        return (g * (node.numpy() > 0),)
        ### END SOLUTION


def relu(x: Tensor) -> Tensor:
    """max(x, 0)."""
    return ReLU()(x)


# %% id="fast-dropout" role="solution" export="needle/fast/ops.py"
class Dropout(FusedOp):
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
    return Dropout(init.randb(*x.shape, p=1 - p).numpy(), p)(x)


# %% id="fast-softmax-loss" role="solution" export="needle/fast/ops.py"
class SoftmaxLoss(FusedOp):
    """The mean of logsumexp(z_r) - z_r[labels_r] over the n rows z_r of a matrix of logits."""

    def __init__(self, labels: np.ndarray) -> None:
        self.labels = labels

    def plain(self, logits: Tensor) -> Tensor:
        return nn.SoftmaxLoss()(logits, Tensor(self.labels, requires_grad=False))

    def compute(self, logits: np.ndarray) -> np.ndarray:
        if logits.ndim != 2 or self.labels.shape != logits.shape[:1]:
            shapes = f"{logits.shape} and {self.labels.shape}"
            raise ValueError(f"logits (n, k) want labels (n,), the shapes are {shapes}")
        ### BEGIN SOLUTION
        rows = np.arange(len(logits))
        shifted = logits - logits.max(axis=1, keepdims=True)
        right_logits = shifted[rows, self.labels]
        exps = np.exp(shifted, out=shifted)
        sums = exps.sum(axis=1)
        self.softmax = np.divide(exps, sums[:, None], out=exps)
        return np.mean(np.log(sums) - right_logits)
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
    return SoftmaxLoss(labels)(logits)


# %% id="fast-layernorm" role="solution" export="needle/fast/ops.py"
class LayerNorm(FusedOp):
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
        deviation = x - (x @ np.ones(dim, x.dtype) / dim)[:, None]
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
    return LayerNorm(eps)(x, weight, bias)


# %% id="fast-batchnorm" role="solution" export="needle/fast/ops.py"
class BatchNorm(FusedOp):
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


# %% id="fast-nn-module" role="given" export="needle/fast/nn.py"
"""The layers of needle.nn, each with one op of its own."""

import numpy as np

from needle import nn
from needle.autograd import Tensor
from needle.fast import ops


class Linear(nn.Linear):
    """nn.Linear in one op."""

    def forward(self, x: Tensor) -> Tensor:
        """From shape (..., in_features), with two axes or more, to (..., out_features)."""
        bias = self.bias
        return super().forward(x) if bias is None else ops.linear(x, self.weight, bias)


class ReLU(nn.ReLU):
    """nn.ReLU with one pass over the gradient."""

    def forward(self, x: Tensor) -> Tensor:
        """y = max(x, 0), entry by entry, of any shape."""
        return ops.relu(x)


class Dropout(nn.Dropout):
    """nn.Dropout in one op, with the same draw."""

    def forward(self, x: Tensor) -> Tensor:
        """From any shape to the same shape."""
        return ops.dropout(x, self.p) if self.training else x


class SoftmaxLoss(nn.SoftmaxLoss):
    """nn.SoftmaxLoss in one op."""

    def forward(self, logits: Tensor, y: Tensor) -> Tensor:
        """The mean loss of logits (n, k) for integer labels (n,), a tensor of shape ()."""
        return ops.softmax_loss(logits, y.numpy())


class LayerNorm1d(nn.LayerNorm1d):
    """nn.LayerNorm1d in one op."""

    def forward(self, x: Tensor) -> Tensor:
        """From shape (n, dim) to the same shape."""
        return ops.layernorm(x, self.weight, self.bias, self.eps)


class BatchNorm1d(nn.BatchNorm1d):
    """nn.BatchNorm1d in one op while training; in eval mode it is nn.BatchNorm1d."""

    def forward(self, x: Tensor) -> Tensor:
        """From shape (n, dim) to the same shape."""
        return self.of_the_batch(x) if self.training else super().forward(x)

    def of_the_batch(self, x: Tensor) -> Tensor:
        """Normalized by the batch's mean and variance, which update the running values."""
        op = ops.BatchNorm(self.eps)
        y = op(x, self.weight, self.bias)
        y.numpy()
        for running, batch in ((self.running_mean, op.mean), (self.running_var, op.var)):
            mixed = (1 - self.momentum) * running.numpy() + self.momentum * batch
            running.data = Tensor.make_const(mixed)
        return y


# %% id="flat" role="given" export="needle/fast/optim.py"
"""Adam on one flat array, block by block."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from needle import optim
from needle.autograd import Tensor

BLOCK = 1 << 16  # entries: five arrays of so many float32 numbers are 1.25 MiB


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
        a view again. Neighbouring parts are returned as one. ValueError for a changed shape.
        """
        found: list[slice] = []
        for param, view, part in zip(self.params, self.views, self.parts, strict=True):
            if param.numpy() is not view:
                if param.shape != view.shape:
                    raise ValueError(f"a parameter of {view.shape} has become one of {param.shape}")
                view[...] = param.numpy()
                param.data = Tensor.make_const(view)
            if param.grad is not None:
                self.grad[part] = param.grad.numpy().reshape(-1)
                start = found.pop().start if found and found[-1].stop == part.start else part.start
                found.append(slice(start, part.stop))
        return found

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


# %% id="fast-adam" role="solution" export="needle/fast/optim.py"
class Adam(optim.Adam):
    r"""optim.Adam with the same arguments and the same steps, in place and block by block.

    The parameters' arrays are changed in place: whoever wants the old values copies them. The
    averages are the arrays `u` and `v` of the `Flat`s in `flats`.
    """

    def __init__(self, params: Iterable[Tensor], *args: Any, **kwargs: Any) -> None:
        super().__init__(params, *args, **kwargs)
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


# %% id="fast-models-module" role="given" export="needle/fast/models.py"
"""Networks that exist already, made fast."""

from typing import Any

import needle
from needle import nn
from needle.fast import nn as fast
from needle.nn.module import _parts

FASTER = {
    nn.Linear: fast.Linear,
    nn.ReLU: fast.ReLU,
    nn.Dropout: fast.Dropout,
    nn.SoftmaxLoss: fast.SoftmaxLoss,
    nn.LayerNorm1d: fast.LayerNorm1d,
    nn.BatchNorm1d: fast.BatchNorm1d,
}


def faster(module: nn.Module) -> nn.Module:
    """The same module, after each plain layer in it has become the fast one, in place.

    A fast layer has the attributes of the plain one, so parameters and running values stay.
    """
    for part in _parts(module):
        part.__class__ = FASTER.get(type(part), type(part))
    return module


def MLPResNet(*args: Any, **kwargs: Any) -> nn.Module:
    """needle.models.MLPResNet, of fast layers: the same arguments, the same draws."""
    return faster(needle.models.MLPResNet(*args, **kwargs))


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

    After `loss.backward()` each node knows its inputs, its op and its gradient: each `compute`
    and each `gradient` is run again, `repeats` times, and its shortest time counts. `compute`
    runs on a copy of the op, for the op itself may have to remember what it saved.
    The first entry is that of the largest sum of forward and backward.
    """
    costs: dict[str, Cost] = {}
    ### BEGIN SOLUTION
    for node in find_topo_sort([loss]):
        if node.op is None or node.grad is None:
            continue
        cost = costs.setdefault(type(node.op).__name__, Cost())
        cost.calls += 1
        cost.moved += bytes_moved(node)
        arrays = [x.realize_cached_data() for x in node.inputs]
        cost.forward += shortest(clock, repeats, copy(node.op).compute, *arrays)
        with no_grad():
            cost.backward += shortest(clock, repeats, node.op.gradient, node.grad, node)
    return dict(sorted(costs.items(), key=lambda item: -item[1].forward - item[1].backward))
    ### END SOLUTION


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


# %% id="fast-index" role="given" export="needle/fast/__init__.py"
from needle.fast import memory, models, nn, ops, optim, profile

memory.keep_memory()

# %% id="needle-index-fast" role="given" export="needle/__init__.py"
from needle import fast
