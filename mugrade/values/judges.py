"""Judges: how a value that left the student's code is compared with the reference's.

A check yields plain values, which `Close` compares, or values wrapped by `close`, `distribution`
or `labels`. The judge that counts is the one of the reference's own run.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Protocol

import numpy as np

from mugrade.values import Category
from mugrade.values.picture import Picture, where
from mugrade.values.verdict import Verdict

TOLERANCES = {"float16": (2e-2, 2e-3), "float32": (1e-4, 1e-6), "float64": (1e-7, 1e-9)}
TOLERANCES |= {"complex64": TOLERANCES["float32"], "complex128": TOLERANCES["float64"]}
STANDARD_ERRORS = 6.0
QUANTILES = 256
SMALLEST_SAMPLE = 100
KS_COEFFICIENT = 2.7  # sqrt(-log(alpha / 2) / 2) at alpha = 1e-6


class Judge(Protocol):
    """Compares two arrays; `compare` returns None when the actual one is right."""

    def compare(self, actual: np.ndarray, expected: np.ndarray) -> Verdict | None: ...


@dataclass(frozen=True)
class Judged:
    """A value and the judge that its check asks for."""

    value: Any
    judge: Judge


@dataclass(frozen=True)
class Close:
    """|actual - expected| <= atol + rtol |expected|, entry by entry; same shape and dtype.

    NaN equals NaN and an infinity the same infinity. Without tolerances the dtype decides
    (`TOLERANCES`); integers and booleans must be equal.
    """

    name: ClassVar[str] = "close"
    rtol: float | None = None
    atol: float | None = None

    def compare(self, actual: np.ndarray, expected: np.ndarray) -> Verdict | None:
        if miss := compare_form(actual, expected):
            return miss
        if (actual == expected).all():
            return None
        rtol, atol = self.tolerances(expected.dtype)
        if rtol == atol == 0:
            right = (actual == expected) | ((actual != actual) & (expected != expected))
        else:
            with np.errstate(all="ignore"):
                right = np.isclose(actual, expected, rtol=rtol, atol=atol, equal_nan=True)
        return None if right.all() else _wrong_value(actual, expected, ~right)

    def tolerances(self, dtype: np.dtype) -> tuple[float, float]:
        """The relative and the absolute one for a dtype."""
        rtol, atol = TOLERANCES.get(dtype.name, (0.0, 0.0))
        return rtol if self.rtol is None else self.rtol, atol if self.atol is None else self.atol

    def recorded(self, array: np.ndarray) -> np.ndarray:
        """The array with no more digits than a judge with tolerances of its own asks for.

        It stays within a hundredth of the tolerance.
        """
        if self == Close() or array.dtype.kind != "f":
            return array
        rtol, atol = self.tolerances(array.dtype)
        x = array.astype(np.float64)
        with np.errstate(all="ignore"):
            unit = 10.0 ** np.floor(np.log10((atol + rtol * abs(x)) / 100))
            rounded = np.round(x / unit) * unit
            return np.where(unit > np.spacing(abs(array)), rounded, x).astype(array.dtype)


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
            return Verdict(
                Category.VALUE,
                "entries that are not finite",
                "finite entries",
                advice="look for nan",
            )
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
                "standard deviation",
                std,
                self.std,
                "check what scales the sample: a factor, or a root",
            )
        x = np.sort(x)
        if _ks_distance(x, expected) > KS_COEFFICIENT * math.sqrt(2 / x.size) + 1 / QUANTILES:
            return Verdict(
                Category.VALUE,
                "another distribution with the same mean and deviation",
                "the distribution asked for",
                advice="uniform and normal samples differ",
            )
        distinct = 1 + np.count_nonzero(x[1:] != x[:-1])
        spread = math.sqrt(2 * self.distinct * (1 - self.distinct) * x.size)
        if distinct < 0.9 * self.distinct * x.size - STANDARD_ERRORS * spread:
            return Verdict(
                Category.VALUE,
                f"{distinct} different entries among {x.size}",
                "independent entries",
                advice="draw every entry, do not repeat a row",
            )
        return None


@dataclass(frozen=True)
class Labels:
    """Predicted labels: at least the fraction `at_least` equals the true ones.

    The true labels are `solutions/labels/<truth>.npy`; they are read outside the sandbox.
    """

    name: ClassVar[str] = "labels"
    truth: str
    at_least: float

    def compare(self, actual: np.ndarray, expected: np.ndarray) -> Verdict | None:
        if actual.shape != expected.shape:
            return compare_form(actual, expected)
        accuracy = float((actual == expected).mean())
        if accuracy >= self.at_least:
            return None
        return Verdict(
            Category.VALUE,
            f"{accuracy:.1%} of the labels right",
            f"at least {self.at_least:.1%}",
            advice="look at some of those that are wrong, and at what they have in common",
        )


JUDGES = {judge.name: judge for judge in (Close, Distribution, Labels)}


def close(
    value: Any, rtol: float | None = None, atol: float | None = None, dtype: str | None = None
) -> Judged:
    """Ask for a comparison with other tolerances than the dtype's.

    With a `dtype`, floating-point values are converted to it first: a check that is not about
    dtypes judges the values alone, and a wrong dtype costs points in its own check only.
    """
    return Judged(value if dtype is None else _converted(value, dtype), Close(rtol, atol))


def _converted(value: Any, dtype: str) -> Any:
    """Floating-point values in another dtype; anything else as it is, for the judge to refuse."""
    if hasattr(value, "numpy") and not isinstance(value, type):
        value = value.numpy()
    if not isinstance(value, np.ndarray | np.generic) or value.dtype.kind != "f":
        return value
    with np.errstate(all="ignore"):
        return np.asarray(value).astype(dtype)


def distribution(value: Any, dtype: str | None = None) -> Judged:
    """Ask for a comparison of two random samples instead of their entries.

    With a `dtype`, floating-point samples are converted to it first, as by `close`.
    """
    return Judged(value if dtype is None else _converted(value, dtype), Distribution())


def labels(value: Any, truth: str, at_least: float) -> Judged:
    """Ask for predictions to be scored against labels that the student's process never sees."""
    return Judged(value, Labels(truth, at_least))


def judge_to_json(judge: Judge) -> dict[str, Any]:
    return {"name": judge.name, **asdict(judge)}  # type: ignore[attr-defined, call-overload]


def judge_from_json(data: dict[str, Any]) -> Judge:
    return JUDGES[data["name"]](**{k: v for k, v in data.items() if k != "name"})


def compare_form(actual: np.ndarray, expected: np.ndarray) -> Verdict | None:
    """The verdict on another shape or dtype, if it is one."""
    if actual.shape != expected.shape:
        return Verdict(
            Category.SHAPE,
            f"shape {actual.shape}",
            f"shape {expected.shape}",
            advice="print the shapes on the way, axis by axis",
        )
    if actual.dtype != expected.dtype:
        return Verdict(
            Category.DTYPE,
            f"dtype {actual.dtype}",
            f"dtype {expected.dtype}",
            advice="look for a NumPy call or a constant that changes the dtype",
        )
    return None


def _wrong_value(actual: np.ndarray, expected: np.ndarray, wrong: np.ndarray) -> Verdict:
    index = tuple(int(i) for i in np.argwhere(wrong)[0])
    place = f" at {list(index)}" if index else ""
    share = f" ({where(wrong)})" if wrong.size > 1 else ""
    return Verdict(
        Category.VALUE,
        f"{number(actual[index])}{place}{share}",
        number(expected[index]),
        advice="work the smallest example out by hand and compare",
        picture=Picture.of(wrong),
    )


def _statistic(name: str, actual: float, expected: float, advice: str) -> Verdict:
    return Verdict(
        Category.VALUE,
        f"{name} {number(actual)}",
        f"{name} about {number(expected)}",
        advice=advice,
    )


def _ks_distance(sample: np.ndarray, quantiles: np.ndarray) -> float:
    """The largest difference between a sorted sample's distribution function and `quantiles`'."""
    levels = np.searchsorted(quantiles, quantiles, side="right") / quantiles.size
    below = np.searchsorted(sample, quantiles, side="right") / sample.size
    return float(np.abs(below - levels).max())


def number(x: Any) -> str:
    """A number as messages show it."""
    return f"{float(x):.7g}" if np.asarray(x).dtype.kind == "f" else str(x)
