# %% norm-module
"""Layers that give activations mean 0 and variance 1."""

import numpy as np

from needle import init
from needle.autograd import Tensor
from needle.device import CPUDevice
from needle.nn.module import Module, Parameter


def demand_features(x: Tensor | np.ndarray, dim: int) -> None:
    """Raise ValueError unless x is a matrix with `dim` columns."""
    if len(x.shape) != 2 or x.shape[1] != dim:
        raise ValueError(
            f"a norm of {dim} features takes a matrix (n, {dim}), not {x.shape}: reshape"
        )


# %% layernorm
class LayerNorm1d(Module):
    """Each sample normalized over its features, then scaled and shifted feature by feature.

    y = weight * (x - mean) / sqrt(var + eps) + bias, with the mean and the biased variance of
    each row. Parameters: `weight`, ones, and `bias`, zeros, both of shape (dim,), on `device` and
    of the given dtype. Training and evaluation are alike.

    Source: Ba, Kiros and Hinton, 2016, equation 4.
    """

    def __init__(
        self,
        dim: int,
        eps: float = 1e-5,
        device: CPUDevice | None = None,
        dtype: str = "float32",
    ) -> None:
        super().__init__()
        self.dim = dim
        self.eps = eps
        self.weight = Parameter(init.ones(dim, device=device, dtype=dtype))
        self.bias = Parameter(init.zeros(dim, device=device, dtype=dtype))

    def forward(self, x: Tensor) -> Tensor:
        """From shape (n, dim) to the same shape."""
        demand_features(x, self.dim)
        column = (x.shape[0], 1)
        mean = x.sum(1).reshape(column) / self.dim
        deviation = x - mean.broadcast_to(x.shape)
        var = (deviation * deviation).sum(1).reshape(column) / self.dim
        std = (var + self.eps) ** 0.5
        normalized = deviation / std.broadcast_to(x.shape)
        return self.weight.broadcast_to(x.shape) * normalized + self.bias.broadcast_to(x.shape)


# %% batchnorm
class BatchNorm1d(Module):
    """Each feature normalized over the samples of the batch, then scaled and shifted.

    y = weight * (x - mean) / sqrt(var + eps) + bias. In training mode mean and var are the mean
    and the biased variance of each column, and update the running values:
    running = (1 - momentum) * running + momentum * batch. In eval mode they are the running values.
    Parameters: `weight`, ones, and `bias`, zeros. Plain tensors without a graph: `running_mean`,
    at first zeros, and `running_var`, at first ones. All four have shape (dim,), live on `device`
    and have the given dtype.

    Source: Ioffe and Szegedy, 2015, algorithm 1.
    """

    def __init__(
        self,
        dim: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        device: CPUDevice | None = None,
        dtype: str = "float32",
    ) -> None:
        super().__init__()
        self.dim = dim
        self.eps = eps
        self.momentum = momentum
        self.weight = Parameter(init.ones(dim, device=device, dtype=dtype))
        self.bias = Parameter(init.zeros(dim, device=device, dtype=dtype))
        self.running_mean = init.zeros(dim, device=device, dtype=dtype)
        self.running_var = init.ones(dim, device=device, dtype=dtype)

    def forward(self, x: Tensor) -> Tensor:
        """From shape (n, dim) to the same shape."""
        demand_features(x, self.dim)
        if self.training and x.shape[0] == 0:  # no rows, no mean
            return x
        mean, var = self.running_mean, self.running_var
        if self.training:
            n = x.shape[0]
            mean = x.sum(0) / n
        deviation = x - mean.broadcast_to(x.shape)
        if self.training:
            var = (deviation * deviation).sum(0) / n
            old, new = 1 - self.momentum, self.momentum
            self.running_mean.data = old * self.running_mean.data + new * mean.data
            self.running_var.data = old * self.running_var.data + new * var.data
        std = (var + self.eps) ** 0.5
        scale = self.weight / std  # one factor for each feature, before it is broadcast
        return scale.broadcast_to(x.shape) * deviation + self.bias.broadcast_to(x.shape)
