# %% flat
"""Adam on one flat array, block by block."""

from collections.abc import Iterable, Iterator
from itertools import groupby

import numpy as np

from needle import optim
from needle.autograd import Tensor
from needle.optim import demand_gradient

BLOCK = 1 << 17  # entries: five arrays of so many float32 numbers are 2.5 MiB


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
        a view again. Neighbouring parts are returned as one. ValueError for another shape than
        before, or a gradient of another one.
        """
        for param, view in zip(self.params, self.views, strict=True):
            if param.cached_data is not view:
                self.adopt(param, view)
        found = []
        places = zip(self.params, self.parts, strict=True)
        for present, group in groupby(places, lambda place: place[0].grad is not None):
            params, parts = zip(*group, strict=True)
            if present:
                for param in params:
                    demand_gradient(param)
                found.append(slice(parts[0].start, parts[-1].stop))
                grads = [param.grad.numpy().reshape(-1) for param in params]
                np.concatenate(grads, out=self.grad[found[-1]])
        return found

    @staticmethod
    def adopt(param: Tensor, view: np.ndarray) -> None:
        """Copy the parameter's values into the view and make that its array."""
        if param.shape != view.shape:
            raise ValueError(f"a parameter of {view.shape} has become one of {param.shape}")
        view[...] = param.numpy()
        param.data = Tensor.make_const(view)

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


# %% fast-adam
class Adam(optim.Adam):
    r"""optim.Adam with the same arguments and the same steps, in place and block by block.

    The parameters' arrays are changed in place: whoever wants the old values copies them. The
    averages are the arrays `u` and `v` of the `Flat`s in `flats`.
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 0.01,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        *,
        bias_correction: bool = True,
    ) -> None:
        super().__init__(
            params, lr, beta1, beta2, eps, weight_decay, bias_correction=bias_correction
        )
        self.lr, self.beta1, self.beta2, self.eps = lr, beta1, beta2, eps
        self.weight_decay, self.bias_correction, self.t = weight_decay, bias_correction, 0
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
