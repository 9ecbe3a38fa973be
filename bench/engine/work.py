"""The workloads, as something that any system can be asked to do.

A `Job` is a workload made ready: `check` gives numbers that are the same for every system, within
the workload's tolerance, and `run` does once what is timed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import ClassVar

import numpy as np

from bench.engine import problem
from bench.engine.problem import Function, Network, System

CHECKED_STEPS = 5


@dataclass(frozen=True)
class Job:
    check: Callable[[], list[float]]
    run: Callable[[], object]


@dataclass(frozen=True)
class Training:
    """A step; checked by the first losses without dropout, whose masks each system draws itself."""

    name: str
    network: Network
    title: ClassVar[str] = "one training step, ms"
    tolerance: ClassVar[float] = 5e-3

    @property
    def group(self) -> str:
        return self.name

    def job(self, system: System) -> Job:
        network, batches = self.network, self.network.batches()
        step, supply = system.train(network, network.weights(), problem.DROP), cycle(batches)

        def check() -> list[float]:
            exact = system.train(network, network.weights(), 0.0)
            return [exact(*batches[i % len(batches)]) for i in range(CHECKED_STEPS)]

        return Job(check, lambda: step(*next(supply)))

    def shown(self, seconds: float) -> float:
        return seconds * 1e3


@dataclass(frozen=True)
class Calling:
    """A function and its gradients; checked by the products of both with a random array."""

    name: str
    function: Function
    group: ClassVar[str] = "W3"
    tolerance: ClassVar[float] = 1e-3

    @property
    def title(self) -> str:
        each = "one add in a chain" if self.function.count > 1 else "one function"
        return f"{each}, forward and backward, us"

    def job(self, system: System) -> Job | None:
        if self.name not in system.functions:
            return None
        call = system.functions[self.name](self.function)

        def check() -> list[float]:
            rng = np.random.default_rng(6)
            arrays = [np.asarray(array) for array in call()]
            return [
                float(np.vdot(array, rng.standard_normal(array.shape)) / array.size**0.5)
                for array in arrays
            ]

        return Job(check, call)

    def shown(self, seconds: float) -> float:
        return seconds * 1e6 / self.function.count


@dataclass(frozen=True)
class Loading:
    """An epoch; checked by the number of images, the sum of the labels and the mean pixel."""

    name: str
    count: int
    augment: bool
    group: ClassVar[str] = "W4"
    title: ClassVar[str] = "loading, thousands of samples a second"
    tolerance: ClassVar[float] = 1e-2

    def job(self, system: System) -> Job | None:
        if system.load is None:
            return None
        epoch = system.load(*problem.images(self.count), self.augment)

        def check() -> list[float]:
            sums = np.zeros(4)
            for x, y in epoch():
                pixels, labels = np.asarray(x), np.asarray(y, float)
                sums += len(labels), labels.sum(), pixels.sum(dtype=float), pixels.size
            return [float(sums[0]), float(sums[1]), float(sums[2] / sums[3])]

        def run() -> None:
            for _ in epoch():
                pass

        return Job(check, run)

    def shown(self, seconds: float) -> float:
        return self.count / seconds / 1e3


Work = Training | Calling | Loading


def workloads() -> list[Work]:
    return [
        *(Training(name, network) for name, network in problem.NETWORKS.items()),
        *(Calling(name, function) for name, function in problem.functions().items()),
        Loading("as they are", 60_000, augment=False),
        Loading("flip and crop", 60_000, augment=True),
    ]


def differs(numbers: Sequence[float], right: Sequence[float], tolerance: float) -> str:
    """The first number that is not the right one, in words; nothing if all are."""
    for i, (number, wanted) in enumerate(zip(numbers, right, strict=True)):
        if not abs(number - wanted) <= tolerance * max(1, abs(wanted)):
            return f"{number:.6g} where the limit has {wanted:.6g} (number {i + 1})"
    return ""
