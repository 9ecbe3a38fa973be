# %% loss-module
"""Losses: modules that end in a single number."""

import numpy as np

from needle.autograd import Tensor
from needle.init import one_hot
from needle.nn.module import Module
from needle.ops.logsumexp import logsumexp


# %% softmax-loss
class SoftmaxLoss(Module):
    """The mean over a batch of -log p(right class), p the softmax of the logits."""

    def forward(self, logits: Tensor, y: Tensor) -> Tensor:
        """Return mean_r(logsumexp(z_r) - z_r[y_r]), a tensor of shape ().

        `logits` has shape (n, k); `y` has shape (n,) and holds integers of any type from 0 to
        k - 1. The loss has the dtype of the logits.
        """
        n, k = logits.shape
        right_class = one_hot(k, y)
        right_logits = (logits * right_class).sum(1)
        return (logsumexp(logits, axes=1) - right_logits).sum() / n
