# %% logsoftmax-module
"""Log-probabilities from logits."""

import numpy as np

from needle.autograd import Tensor, TensorOp
from needle.ops.basic import exp


def demand_matrix(array: np.ndarray) -> None:
    """Raise ValueError unless the array has two axes."""
    if array.ndim != 2:
        raise ValueError(f"logsoftmax takes a matrix (n, k), not shape {array.shape}: reshape")


# %% logsoftmax
class LogSoftmax(TensorOp):
    """logsoftmax(z) = z - logsumexp(z), for each row of a matrix of shape (n, k).

    The largest entry of the row is subtracted from z first: then the values are right for entries
    up to 1e8, in float32 too.
    """

    def compute(self, array: np.ndarray) -> np.ndarray:
        """Return the log-probabilities, shape (n, k), also where `exp` over- or underflows.

        The result has the dtype of `array`, which is left as it was.
        """
        demand_matrix(array)
        shifted = array - np.max(array, axis=1, keepdims=True)
        return shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))

    def gradient(self, out_grad: Tensor, node: Tensor) -> Tensor:
        """Return g - softmax(z) * sum(g), the sum over each row of g = out_grad.

        All shapes are (n, k). Built from ops, so that it can be differentiated again.
        """
        row_sums = out_grad.sum(1).reshape((node.shape[0], 1))
        return out_grad - exp(node) * row_sums.broadcast_to(node.shape)


def logsoftmax(a: Tensor) -> Tensor:
    """Return the log-probabilities of the rows of `a`, shape (n, k)."""
    return LogSoftmax()(a)
