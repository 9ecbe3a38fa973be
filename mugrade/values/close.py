"""The judge of most values: as close to what the reference yields as rounding asks for."""

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np

from mugrade.values import Category
from mugrade.values.datum import Datum
from mugrade.values.masks import picture_of, where
from mugrade.values.same import How, first_difference, told
from mugrade.values.verdict import Verdict

TOLERANCES = {"float16": (2e-2, 2e-3), "float32": (1e-4, 1e-6), "float64": (1e-7, 1e-9)}
TOLERANCES |= {"complex64": TOLERANCES["float32"], "complex128": TOLERANCES["float64"]}


class Judge(Protocol):
    """Compares what came with what is recorded; `compare` returns None where it is right."""

    def compare(self, actual: Datum, expected: Datum) -> Verdict | None: ...


@dataclass(frozen=True)
class Judged:
    """A value and the judge that its check asks for; `points` if it ends a part that has some."""

    value: Any
    judge: Judge
    points: int = 0


@dataclass(frozen=True)
class Close:
    """|actual - expected| <= atol + rtol |expected|, entry by entry; same shape and dtype.

    NaN equals NaN and an infinity the same infinity. Without tolerances the dtype decides
    (`TOLERANCES`); integers and booleans must be equal. Other data than arrays must be of the same
    types, and their floats as close as those of an array of float64.
    """

    name: ClassVar[str] = "close"
    rtol: float | None = None
    atol: float | None = None

    def compare(self, actual: Datum, expected: Datum) -> Verdict | None:
        if not isinstance(expected, np.ndarray):
            return compare_data(actual, expected, self)
        if miss := compare_form(actual, expected):
            return miss
        right = self.right(actual, expected)
        return None if right.all() else _wrong_value(actual, expected, ~right)

    def right(self, actual: np.ndarray, expected: np.ndarray) -> np.ndarray:
        """The mask of the entries that are right, of arrays of the same form."""
        equal: np.ndarray = actual == expected
        if equal.all():
            return equal
        rtol, atol = self.tolerances(expected.dtype)
        right: np.ndarray = equal | ((actual != actual) & (expected != expected))
        if rtol == atol == 0 or right.all():
            return right
        wanted = expected.astype(np.result_type(expected, 1.0), copy=False)
        with np.errstate(all="ignore"):
            near = abs(actual - wanted) <= atol + rtol * abs(wanted)
        right = right | (near & np.isfinite(wanted))
        return right

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
        picture=picture_of(wrong),
    )


def compare_data(actual: Datum, expected: Datum, close: Close) -> Verdict | None:
    """The verdict on data other than an array, None where they are right."""
    found = first_difference(actual, expected, close)
    if found is None:
        return None
    category = Category.TYPE if found.how == How.TYPE else Category.VALUE
    return Verdict(category, *told(found), advice="print both and compare them part by part")


def number(x: Any) -> str:
    """A number as messages show it."""
    return f"{float(x):.7g}" if np.asarray(x).dtype.kind == "f" else str(x)
