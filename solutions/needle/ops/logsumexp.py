# %% logsumexp-module
"""The logarithm of a sum of exponentials, without overflow."""

import numpy as np

from needle.autograd import Tensor, TensorOp
from needle.ops.basic import exp


# %% stable-logsumexp
def stable_logsumexp(array: np.ndarray, axes: int | tuple[int, ...] | None = None) -> np.ndarray:
    """Return log(sum(exp(array))) over `axes`, finite whenever the entries are.

    `axes` is an int, a tuple of ints (each may be negative) or None for all axes; the reduced
    axes disappear from the shape. float32 stays float32, float64 stays float64, and `array` is
    left as it was.
    An entry of -inf adds nothing; a slice of nothing but -inf gives -inf, one with +inf gives +inf.
    Source: Blanchard, Higham and Higham (2021).
    """
    top = np.max(array, axis=axes, keepdims=True)
    shift = np.where(np.isfinite(top), top, 0)  # inf - inf would be nan
    with np.errstate(divide="ignore", over="ignore"):
        total = np.sum(np.exp(array - shift), axis=axes, keepdims=True)
        result = np.log(total) + shift
    return np.squeeze(result, axis=axes)


# %% logsumexp
class LogSumExp(TensorOp):
    """log(sum(exp(z))) over `axes`: an int, a tuple of ints, or None for all axes."""

    def __init__(self, axes: int | tuple[int, ...] | None = None) -> None:
        self.axes = axes

    def compute(self, array: np.ndarray) -> np.ndarray:
        """Return the stable logsumexp of `array`."""
        return stable_logsumexp(array, self.axes)

    def gradient(self, out_grad: Tensor, node: Tensor) -> Tensor:
        """Return out_grad * softmax(z), with z = node.inputs[0].

        d node / d z_i = exp(z_i) / sum_j exp(z_j), the sum over `axes`; 0 where z_i is -inf.
        `out_grad` has the shape of `node`, the result has shape and dtype of z. Built from ops.
        """
        (z,) = node.inputs
        axes = range(len(z.shape)) if self.axes is None else np.atleast_1d(self.axes)
        kept = list(z.shape)
        for axis in axes:
            kept[axis] = 1
        log_sum = node.reshape(tuple(kept)).broadcast_to(z.shape)
        grad = out_grad.reshape(tuple(kept)).broadcast_to(z.shape)
        return grad * exp(z - log_sum)


def logsumexp(a: Tensor, axes: int | tuple[int, ...] | None = None) -> Tensor:
    """Return log(sum(exp(a))) over `axes`."""
    return LogSumExp(axes)(a)
