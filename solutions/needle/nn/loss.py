# %% loss-module
"""Losses: modules that end in a single number."""

import numpy as np

from needle.autograd import Tensor, TensorOp
from needle.init import demand_labels, one_hot
from needle.nn.module import Module
from needle.ops.logsoftmax import logsoftmax
from needle.ops.logsumexp import logsumexp


class Pick(TensorOp):
    """Entry labels[r] of each row r of a matrix: from shape (n, k) to (n,)."""

    def __init__(self, labels: np.ndarray) -> None:
        self.labels = labels

    def compute(self, array: np.ndarray) -> np.ndarray:
        if array.ndim != 2 or self.labels.shape != array.shape[:1]:
            raise ValueError(
                f"a matrix (n, k) wants labels (n,), the shapes are {array.shape} and "
                f"{self.labels.shape}: give one label for each row"
            )
        demand_labels(self.labels, array.shape[1])
        return array[np.arange(len(array)), self.labels]

    def gradient(self, out_grad: Tensor, node: Tensor) -> Tensor:
        n, k = node.inputs[0].shape
        column = out_grad.reshape((n, 1)).broadcast_to((n, k))
        return column * one_hot(k, Tensor(self.labels), dtype=out_grad.dtype)


def pick(x: Tensor, y: Tensor) -> Tensor:
    """Entry y[r] of each row r of x, for labels y of shape (n,)."""
    return Pick(y.numpy())(x)


# %% softmax-loss
class SoftmaxLoss(Module):
    """The mean over a batch of -log p(right class), p the softmax of the logits."""

    def forward(self, logits: Tensor, y: Tensor) -> Tensor:
        """Return mean_r(-logsoftmax(z_r)[y_r]), a tensor of shape ().

        `logits` has shape (n, k); `y` has shape (n,) and holds integers of any type from 0 to
        k - 1. The loss has the dtype of the logits. It is right for logits up to 1e8, in float32
        too.
        """
        n = logits.shape[0]
        log_p = pick(logsoftmax(logits), y)
        return -log_p.sum() / n
