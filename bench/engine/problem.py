"""What every system has to do: the same networks, weights, batches and arrays, in float32.

W1, W2, W2b  one training step of an MLP-ResNet (stage 08) on 784 features and 10 classes: the
             forward pass, the backward pass, Adam with weight decay
W3           one add of 10 elements in a chain of 1,000, and four functions of a (128, 1000)
             matrix, forward and backward
W4           an epoch over 60,000 images of 28 x 28, shuffled, in batches of 128, as they are and
             after a random flip and a random crop
W5           the memory of W2 over 200 steps
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

FEATURES, CLASSES, BLOCKS, DROP = 784, 10, 3, 0.1
LR, WEIGHT_DECAY, BETAS, EPS = 1e-3, 1e-3, (0.9, 0.999), 1e-8
NORM_EPS, MOMENTUM = 1e-5, 0.1
SIDE, BATCH, FLIP, PADDING = 28, 128, 0.5, 3

Arrays = Sequence[np.ndarray]
Step = Callable[[np.ndarray, np.ndarray], float]
Batches = Iterable[tuple[Any, Any]]


@dataclass(frozen=True)
class Network:
    """An MLP-ResNet, and how many rows it is trained on at a time."""

    hidden: int
    rows: int
    norm: str  # "batch" or "layer"

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """The shapes of the parameters in the order of the forward pass.

        Weight and bias of a linear layer, weight and bias of a norm.
        """
        wide, narrow = self.hidden, self.hidden // 2
        inner = [(wide, narrow), *[(narrow,)] * 3, (narrow, wide), *[(wide,)] * 3]
        return [(FEATURES, wide), (wide,), *inner * BLOCKS, (wide, CLASSES), (CLASSES,)]

    def weights(self) -> list[np.ndarray]:
        """Fresh initial values: Kaiming's for matrices, ones and zeros for norms, zero biases."""
        rng = np.random.default_rng(1)
        arrays = [np.zeros(shape, "float32") for shape in self.shapes]
        for array in arrays:
            if array.ndim == 2:
                bound = np.sqrt(6 / len(array))
                array[:] = rng.uniform(-bound, bound, array.shape)
        for scale in arrays[4:-2:4]:
            scale[:] = 1
        return arrays

    def batches(self, count: int = 4) -> list[tuple[np.ndarray, np.ndarray]]:
        """Images in [0, 1] and labels."""
        rng = np.random.default_rng(2)
        return [
            (
                rng.random((self.rows, FEATURES), dtype="float32"),
                rng.integers(CLASSES, size=self.rows, dtype="uint8"),
            )
            for _ in range(count)
        ]


NETWORKS = {
    "W1": Network(hidden=100, rows=100, norm="batch"),
    "W2": Network(hidden=512, rows=256, norm="batch"),
    "W2b": Network(hidden=512, rows=256, norm="layer"),
}


@dataclass(frozen=True)
class Function:
    """The arrays a function is called with; `out_grad` is the adjoint of its value."""

    arrays: tuple[np.ndarray, ...]
    out_grad: np.ndarray
    count: int = 1  # how many operations one call is made of


def functions(rows: int = 128, columns: int = 1000, links: int = 1000) -> dict[str, Function]:
    """The functions of W3 by name.

    `chain` adds an array that needs no gradient, `chain, both` one that needs it, `links` times.
    Weight and bias of the norms come after their input and get gradients like it.
    """
    rng = np.random.default_rng(3)

    def normal(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape, dtype="float32")

    x, scale, shift = normal(rows, columns), normal(columns), normal(columns)
    chain = Function((normal(10), normal(10)), normal(10), links)
    norm = Function((x, scale, shift), normal(rows, columns))
    return {
        "chain": chain,
        "chain, both": chain,
        "logsumexp": Function((x,), normal(rows)),
        "logsoftmax": Function((x,), normal(rows, columns)),
        "layernorm": norm,
        "batchnorm": norm,
    }


def images(count: int = 60_000) -> tuple[np.ndarray, np.ndarray]:
    """Bytes of shape (count, 28, 28) and labels."""
    rng = np.random.default_rng(4)
    pixels = rng.integers(256, size=(count, SIDE, SIDE), dtype="uint8")
    return pixels, rng.integers(CLASSES, size=count, dtype="uint8")


@dataclass(frozen=True)
class System:
    """What a system does with it; None where it has no such thing.

    `train(network, weights, drop)` gives a function that makes one step on a batch and returns
    the loss before it. `functions[name](function)` gives a function without arguments that
    returns the value and the gradients. `load(images, labels, augment)` gives a function without
    arguments that goes through the data in batches, in a new order each time: images in [0, 1],
    as rows of 784 if not `augment`, and labels. `threads` is told how many threads to use.
    """

    train: Callable[[Network, Arrays, float], Step]
    functions: dict[str, Callable[[Function], Callable[[], Iterable[Any]]]]
    load: Callable[[np.ndarray, np.ndarray, bool], Callable[[], Batches]] | None = None
    threads: Callable[[int], None] = lambda count: None
