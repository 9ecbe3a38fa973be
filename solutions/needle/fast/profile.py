# %% profile-module
"""Where the time goes: the ops of a graph, one by one."""

import time
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np

from needle.autograd import Tensor, Value, find_topo_sort, no_grad


@dataclass
class Cost:
    """What all calls of one kind of op cost: seconds, and the bytes that `compute` moves."""

    calls: int = 0
    forward: float = 0.0
    backward: float = 0.0
    moved: int = 0


def nbytes(data: Any) -> int:
    """The size of an array, or of a tuple of arrays, in bytes."""
    return sum(map(nbytes, data)) if isinstance(data, tuple) else data.nbytes


def bytes_moved(node: Value) -> int:
    """What `compute` read and wrote: its inputs and its output, or nothing if that is a view."""
    inputs = [x.realize_cached_data() for x in node.inputs]
    output = node.realize_cached_data()
    if isinstance(output, tuple) or any(np.may_share_memory(output, x) for x in inputs):
        return 0
    return sum(map(nbytes, inputs)) + nbytes(output)


def shortest(clock: Callable[[], float], repeats: int, f: Callable[..., Any], *args: Any) -> float:
    """The shortest time that f(*args) took; whatever disturbs a measurement makes it longer."""
    times = []
    for _ in range(repeats):
        start = clock()
        f(*args)
        times.append(clock() - start)
    return min(times)


# %% profile
def profile(
    loss: Tensor, repeats: int = 5, clock: Callable[[], float] = time.perf_counter
) -> dict[str, Cost]:
    """What the ops in the graph of `loss` cost, under the names of their classes.

    Each `compute` (of a copy of the op) and each `gradient` (under no_grad) is timed by
    `shortest`, and a `Cost` has the sums over all calls of its kind. The entries are sorted by
    the sum of forward and backward, the largest first. ValueError before `loss.backward()`.
    """
    if loss.grad is None:
        raise ValueError("there are no gradients to replay yet: call backward() before profile")
    costs: dict[str, Cost] = {}
    for node in find_topo_sort([loss]):
        if node.op is None:
            continue
        cost = costs.setdefault(type(node.op).__name__, Cost())
        cost.calls += 1
        cost.moved += bytes_moved(node)
        arrays = [x.realize_cached_data() for x in node.inputs]
        cost.forward += shortest(clock, repeats, copy(node.op).compute, *arrays)
        with no_grad():
            cost.backward += shortest(clock, repeats, node.op.gradient, node.grad, node)
    return dict(sorted(costs.items(), key=lambda item: -item[1].forward - item[1].backward))
