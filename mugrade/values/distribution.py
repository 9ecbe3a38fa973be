"""The judge of random samples."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mugrade.values import Category
from mugrade.values.close import compare_form, number
from mugrade.values.verdict import Verdict

STANDARD_ERRORS = 6.0
QUANTILES = 256
SMALLEST_SAMPLE = 100
KS_COEFFICIENT = 2.7  # sqrt(-log(alpha / 2) / 2) at alpha = 1e-6


@dataclass(frozen=True)
class Distribution:
    """A random sample: the reference's shape, dtype, mean, standard deviation and law.

    Mean and standard deviation may differ by six standard errors of the two samples, the
    distribution functions by the two-sample Kolmogorov-Smirnov bound at 1e-6. A sample that
    repeats itself is refused: its different entries may be six standard errors fewer than nine
    tenths of the reference's. What is recorded of the reference's sample are its statistics and
    `QUANTILES` quantiles.
    """

    name: ClassVar[str] = "distribution"
    shape: tuple[int, ...] = ()
    dtype: str = ""
    mean: float = 0.0
    std: float = 0.0
    kurtosis: float = 0.0
    distinct: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(self.shape))

    def recorded(self, sample: np.ndarray) -> tuple["Distribution", np.ndarray]:
        """The judge that knows the statistics of the reference's sample, and its quantiles.

        Raises ValueError for a sample from which no law can be told.
        """
        if sample.size < SMALLEST_SAMPLE or sample.dtype.kind not in "biuf":
            raise ValueError(f"a distribution needs {SMALLEST_SAMPLE} real entries or more")
        x = sample.ravel().astype(np.float64)
        mean, std = float(x.mean()), float(x.std())
        if not 0 < std < math.inf:
            raise ValueError("a distribution needs finite entries that are not all equal")
        kurtosis = float((((x - mean) / std) ** 4).mean())
        distinct = np.unique(x).size / x.size
        quantiles = np.quantile(x, (np.arange(QUANTILES) + 0.5) / QUANTILES)
        return Distribution(
            sample.shape, sample.dtype.name, mean, std, kurtosis, distinct
        ), quantiles

    def compare(self, actual: np.ndarray, expected: np.ndarray) -> Verdict | None:
        form = np.broadcast_to(np.zeros((), self.dtype), self.shape)
        if miss := compare_form(actual, form):
            return miss
        x = actual.ravel().astype(np.float64)
        if not np.isfinite(x).all():
            return _wrong("entries that are not finite", "finite entries", "look for nan")
        mean_bound = STANDARD_ERRORS * self.std * math.sqrt(2 / x.size)
        std_bound = (
            STANDARD_ERRORS * self.std * math.sqrt(max(self.kurtosis - 1, 0.1) / (2 * x.size))
        )
        with np.errstate(all="ignore"):
            mean, std = x.mean(), x.std()
        if not abs(mean - self.mean) <= mean_bound:
            return _statistic("mean", mean, self.mean, "check where the sample is centred")
        if not abs(std - self.std) <= std_bound:
            return _statistic(
                "standard deviation", std, self.std, "check what scales it: a factor, or a root"
            )
        x = np.sort(x)
        if _ks_distance(x, expected) > KS_COEFFICIENT * math.sqrt(2 / x.size) + 1 / QUANTILES:
            said = "another distribution with the same mean and deviation"
            return _wrong(said, "the distribution asked for", "uniform and normal samples differ")
        distinct = 1 + np.count_nonzero(x[1:] != x[:-1])
        spread = math.sqrt(2 * self.distinct * (1 - self.distinct) * x.size)
        if distinct < 0.9 * self.distinct * x.size - STANDARD_ERRORS * spread:
            said = f"{distinct} different entries among {x.size}"
            return _wrong(said, "independent entries", "draw every entry, do not repeat a row")
        return None


def _statistic(name: str, actual: float, expected: float, advice: str) -> Verdict:
    return _wrong(f"{name} {number(actual)}", f"{name} about {number(expected)}", advice)


def _wrong(actual: str, expected: str, advice: str) -> Verdict:
    return Verdict(Category.VALUE, actual, expected, advice=advice)


def _ks_distance(sample: np.ndarray, quantiles: np.ndarray) -> float:
    """The largest difference between a sorted sample's distribution function and `quantiles`'."""
    levels = np.searchsorted(quantiles, quantiles, side="right") / quantiles.size
    below = np.searchsorted(sample, quantiles, side="right") / sample.size
    return float(np.abs(below - levels).max())
