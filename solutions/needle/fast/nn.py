# %% fast-nn-linear
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


# %% fast-nn-dropout
class Dropout(plain.Dropout):
    """nn.Dropout in one op, with a shorter draw: the same seed drops other entries."""

    def forward(self, x: Tensor) -> Tensor:
        """From any shape to the same shape."""
        return fused.dropout(x, self.p) if self.training else x


# %% fast-nn-loss
class SoftmaxLoss(plain.SoftmaxLoss):
    """nn.SoftmaxLoss in one op."""

    def forward(self, logits: Tensor, y: Tensor) -> Tensor:
        """The mean loss of logits (n, k) for integer labels (n,), a tensor of shape ()."""
        return fused.softmax_loss(logits, y.numpy())


# %% fast-nn-layernorm
class LayerNorm1d(plain.LayerNorm1d):
    """nn.LayerNorm1d in one op."""

    def forward(self, x: Tensor) -> Tensor:
        """From shape (n, dim) to the same shape."""
        return fused.layernorm(x, self.weight, self.bias, self.eps)


# %% fast-nn-batchnorm
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
