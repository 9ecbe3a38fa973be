# %% nn-basic
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


# %% linear
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
        weight = init.kaiming_uniform(in_features, out_features, device=device, dtype=dtype)
        self.weight = Parameter(weight)
        self.bias: Parameter | None = None
        if bias:
            column = init.kaiming_uniform(out_features, 1, device=device, dtype=dtype)
            self.bias = Parameter(column.transpose())

    def forward(self, x: Tensor) -> Tensor:
        """From shape (..., in_features), with two axes or more, to (..., out_features)."""
        y = x @ self.weight
        if self.bias is None:
            return y
        return y + self.bias.broadcast_to(y.shape)


# %% flatten
class Flatten(Module):
    """Turn each element of a batch into one row, in training and in evaluation alike."""

    def forward(self, x: Tensor) -> Tensor:
        """From shape (n, a, b, ...) to (n, a * b * ...), in row-major order."""
        return x.reshape((x.shape[0], math.prod(x.shape[1:])))


# %% relu-layer
class ReLU(Module):
    """The rectified linear unit as a module."""

    def forward(self, x: Tensor) -> Tensor:
        """y = max(x, 0), entry by entry, of any shape, in training and in evaluation alike."""
        return relu(x)


# %% sequential
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
        for module in self.modules:
            x = module(x)
        return x


# %% residual
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
        return x + self.fn(x)
