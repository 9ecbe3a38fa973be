# %% init-random
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


# %% init-constant
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


# %% xavier-uniform
def xavier_uniform(fan_in: int, fan_out: int, gain: float = 1.0, **kwargs: Any) -> Tensor:
    """Weights from U(-a, a) that keep the variance in both directions, as far as one can.

    a = gain * sqrt(6 / (fan_in + fan_out)). The result, a leaf, has shape (fan_in, fan_out);
    device, dtype and requires_grad in `kwargs` are those of `rand`.

    Source: Glorot and Bengio, 2010, equation 16.
    """
    bound = gain * math.sqrt(6 / (fan_in + fan_out))
    return rand(fan_in, fan_out, low=-bound, high=bound, **kwargs)


# %% xavier-normal
def xavier_normal(fan_in: int, fan_out: int, gain: float = 1.0, **kwargs: Any) -> Tensor:
    """Weights from N(0, std^2) with the variance of `xavier_uniform`.

    std = gain * sqrt(2 / (fan_in + fan_out)). The result, a leaf, has shape (fan_in, fan_out);
    device, dtype and requires_grad in `kwargs` are those of `randn`.

    Source: Glorot and Bengio, 2010, equation 12.
    """
    std = gain * math.sqrt(2 / (fan_in + fan_out))
    return randn(fan_in, fan_out, mean=0, std=std, **kwargs)


# %% init-kaiming-relu
def _demand_relu(nonlinearity: str) -> None:
    """Raise ValueError for an activation whose gain is not known here."""
    if nonlinearity != "relu":
        raise ValueError(
            f"Kaiming initialization is written for nonlinearity='relu', not {nonlinearity!r}; "
            "for another activation use xavier_uniform or xavier_normal with a gain"
        )


# %% kaiming-uniform
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
    bound = math.sqrt(2) * math.sqrt(3 / fan_in)
    return rand(fan_in, fan_out, low=-bound, high=bound, **kwargs)


# %% kaiming-normal
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
    std = math.sqrt(2) / math.sqrt(fan_in)
    return randn(fan_in, fan_out, mean=0, std=std, **kwargs)
