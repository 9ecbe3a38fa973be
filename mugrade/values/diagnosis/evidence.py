"""What a rule sees, what it says, and what rules are made of."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mugrade.values.close import TOLERANCES, Judge
from mugrade.values.distribution import Distribution
from mugrade.values.verdict import Diagnosis

LARGEST = 1 << 20
ENOUGH = 3  # distinct entries below which agreement may be chance


@dataclass(frozen=True)
class Evidence:
    """One check's values: the expected arrays, the actual ones, and the place `at` of the miss.

    A value that is no array is None; both lists may go on behind the miss. A `mixed` value
    was computed from results by the check itself, so that it says little about them. Of a `hidden`
    input no shape is told.
    """

    judge: Judge
    expecteds: Sequence[np.ndarray | None]
    actuals: Sequence[np.ndarray | None]
    at: int
    mixed: bool = False
    hidden: bool = False

    @property
    def expected(self) -> np.ndarray:
        """The array that is missed."""
        found = self.expecteds[self.at]
        assert found is not None
        return found

    @property
    def before(self) -> tuple[np.ndarray, np.ndarray] | None:
        """The expected and the actual array of the yield before, if both are arrays."""
        if not self.at:
            return None
        expected, actual = self.expecteds[self.at - 1], self.actuals[self.at - 1]
        return None if expected is None or actual is None else (expected, actual)

    @property
    def dtype(self) -> np.dtype:
        """The one that is asked for; of a sample, only its quantiles are in `expected`."""
        return (
            np.dtype(self.judge.dtype)
            if isinstance(self.judge, Distribution)
            else self.expected.dtype
        )

    @property
    def actual(self) -> np.ndarray:
        """The array that came instead; there must be one."""
        found = self.actuals[self.at]
        assert found is not None
        return found

    def told(self, shown: str, hidden: str) -> str:
        """One of two ways to say it: with the shapes of the input, or without."""
        return hidden if self.hidden else shown

    def others(self) -> Iterator[tuple[int, np.ndarray, np.ndarray | None]]:
        """Place, expected and actual value of the other yields that look like this one."""
        for i, (expected, actual) in enumerate(zip(self.expecteds, self.actuals, strict=False)):
            if i != self.at and expected is not None and expected.shape == self.expected.shape:
                yield i, expected, actual


Rule = Callable[[Evidence], Diagnosis | None]


def rule(rules: list[Rule]) -> Callable[[Rule], Rule]:
    """Add a rule behind those that stand above it."""

    def add(function: Rule) -> Rule:
        rules.append(function)
        return function

    return add


def same(a: np.ndarray, b: np.ndarray) -> bool:
    """Equal shapes and, up to a few times the rounding of the coarser dtype, equal values."""
    if a.shape != b.shape or not a.size:
        return False
    names = [x.dtype.name for x in (a, b)]
    rtol, atol = max(TOLERANCES.get(name, (0.0, 0.0)) for name in names)
    x, y = a.astype(np.float64), b.astype(np.float64)
    scale = np.abs(y[np.isfinite(y)]).max(initial=0.0)
    return bool(np.isclose(x, y, rtol=rtol, atol=min(atol, rtol * scale), equal_nan=True).all())


def distinct(a: np.ndarray, more_than: float = 0.0) -> int:
    """How many different finite entries there are, apart from zero."""
    x = a.astype(np.float64)
    finite = x[np.isfinite(x) & (np.abs(x) > more_than)]
    with np.errstate(over="ignore"):
        return len(np.unique(finite.astype(np.float32)))


def telling(a: np.ndarray) -> bool:
    """Whether agreement with the array can hardly be chance."""
    return distinct(a) >= ENOUGH


def named_axes(axes: Sequence[int]) -> str:
    """One axis or several, as a sentence names them."""
    names = " and ".join(str(axis) for axis in axes)
    return f"axis {names}" if len(axes) == 1 else f"axes {names}"


def all_differ(a: np.ndarray, axis: int, least: int) -> bool:
    """Whether there are at least so many slices along the axis, no two of them equal."""
    rows = np.moveaxis(a, axis, 0).reshape(a.shape[axis], -1)
    return len(rows) >= least and len(np.unique(rows, axis=0)) == len(rows)


def divided(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Entry by entry a / b; nan where both are zero, or too small to tell."""
    x, y = a.astype(np.float64), b.astype(np.float64)
    tiny = 1e-4 * np.abs(y).max(initial=0.0)
    return np.where((np.abs(y) <= tiny) & (np.abs(x) <= tiny), np.nan, x / y)


def subtracted(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Entry by entry a - b, in float64."""
    return a.astype(np.float64) - b.astype(np.float64)


def constant(numbers: np.ndarray, e: Evidence) -> float | None:
    """The one number that all of `numbers` are, if the array behind them is telling."""
    there = numbers[~np.isnan(numbers)]
    if e.expected.dtype.kind != "f" or not np.isfinite(e.actual).all() or not there.size:
        return None
    middle = float(np.median(there))
    if not np.isfinite(middle) or np.abs(there - middle).max() > 1e-4 * abs(middle):
        return None
    known = np.abs(e.expected[~np.isnan(numbers)].astype(np.float64))
    if np.ptp(known) < 0.2 * known.max():
        return None
    return middle if distinct(e.expected[~np.isnan(numbers)]) >= ENOUGH else None
