# %% gradcheck
"""Gradients compared with central differences."""

from collections.abc import Callable

import numpy as np

from needle.autograd import Tensor


def central_difference(f: Callable[[Tensor], Tensor], x: Tensor, u: Tensor, step: float) -> float:
    r"""The derivative of the scalar f along u, $(f(x + h u) - f(x - h u)) / 2h$, up to $O(h^2)$."""
    x, u = x.detach(), u.detach()
    return float((f(x + step * u) - f(x - step * u)).numpy()) / (2 * step)


def gradient_check(
    f: Callable[..., Tensor], *inputs: Tensor, step: float = 1e-5, rtol: float = 1e-6, seed: int = 0
) -> list[tuple[float, float]]:
    """Compare `backward` with central differences, in float64, for each input of f in turn.

    Outputs are weighted and inputs moved at random. Returns a pair (by backward, by differences)
    for each input; AssertionError if they differ by more than `rtol` of their size or of 1.
    """
    rng = np.random.default_rng(seed)
    tensors = [Tensor(x, dtype="float64") for x in inputs]
    output = f(*tensors)
    weights = Tensor(rng.standard_normal(output.shape), requires_grad=False)
    (output * weights).sum().backward()
    pairs = []
    for i, x in enumerate(tensors):

        def scalar(moved: Tensor, i: int = i) -> Tensor:
            return (f(*tensors[:i], moved, *tensors[i + 1 :]) * weights).sum()

        u = Tensor(rng.standard_normal(x.shape))
        ours = 0.0 if x.grad is None else float((x.grad.numpy() * u.numpy()).sum())
        theirs = central_difference(scalar, x, u, step)
        pairs.append((ours, theirs))
        if not abs(ours - theirs) <= rtol * max(1.0, abs(ours), abs(theirs)):
            raise AssertionError(
                f"input {i}: backward says {ours:.8g}, central differences say {theirs:.8g}"
            )
    return pairs
