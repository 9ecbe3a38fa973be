"""Name the mistake behind a wrong value, where the values alone can tell.

A rule is a function from `Evidence` to a `Diagnosis` or None, marked with `@rule`; `diagnose` asks
the rules in the order in which they stand here, from the specific to the general, and the first
that speaks counts. A rule states what it has seen, and only when it is all but certain: a wrong
explanation is worse than none. No text holds a number that is not a shape or a dtype's limit, so
that it may be shown for hidden inputs too.
"""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mugrade.judges import TOLERANCES, Close, Distribution, Judge

LARGEST = 1 << 20
ENOUGH = 3  # distinct entries below which agreement may be chance


@dataclass(frozen=True)
class Diagnosis:
    """A mistake with its name: what was done, why that is wrong, what to try."""

    name: str
    why: str
    advice: str


@dataclass(frozen=True)
class Evidence:
    """One check's values: the expected arrays, the actual ones, and the place `at` of the miss.

    An actual value that is no array is None; both lists may go on behind the miss. A `mixed` value
    was computed from results by the check itself, so that it says little about them.
    """

    judge: Judge
    expecteds: Sequence[np.ndarray]
    actuals: Sequence[np.ndarray | None]
    at: int
    mixed: bool = False

    @property
    def expected(self) -> np.ndarray:
        return self.expecteds[self.at]

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
        found = self.actuals[self.at]
        assert found is not None
        return found

    def others(self) -> Iterator[tuple[int, np.ndarray, np.ndarray | None]]:
        """Place, expected and actual value of the other yields that look like this one."""
        for i, (expected, actual) in enumerate(zip(self.expecteds, self.actuals, strict=False)):
            if i != self.at and expected.shape == self.expected.shape:
                yield i, expected, actual


Rule = Callable[[Evidence], Diagnosis | None]
SHAPE_RULES: list[Rule] = []
DTYPE_RULES: list[Rule] = []
VALUE_RULES: list[Rule] = []
SAMPLE_RULES: list[Rule] = []


def rule(rules: list[Rule]) -> Callable[[Rule], Rule]:
    """Add a rule behind those that stand above it."""

    def add(function: Rule) -> Rule:
        rules.append(function)
        return function

    return add


def diagnose(evidence: Evidence) -> Diagnosis | None:
    """The first rule's explanation of the value at `evidence.at`, or None."""
    if evidence.mixed or evidence.actuals[evidence.at] is None or not _readable(evidence):
        return None
    with np.errstate(all="ignore"):
        return next(filter(None, (ask(evidence) for ask in _rules(evidence))), None)


def _readable(e: Evidence) -> bool:
    arrays = (a for a in (*e.expecteds, *e.actuals) if a is not None)
    return all(a.size <= LARGEST and a.dtype.kind != "c" for a in arrays)


def _rules(e: Evidence) -> list[Rule]:
    if isinstance(e.judge, Distribution):
        rules = SAMPLE_RULES if e.actual.shape == e.judge.shape else []
    elif isinstance(e.judge, Close):
        rules = VALUE_RULES if e.actual.shape == e.expected.shape else SHAPE_RULES
    else:
        return []
    return DTYPE_RULES if rules is not SHAPE_RULES and e.actual.dtype != e.dtype else rules


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


def _axes(axes: Sequence[int]) -> str:
    names = " and ".join(str(axis) for axis in axes)
    return f"axis {names}" if len(axes) == 1 else f"axes {names}"


@rule(SHAPE_RULES)
def axes_in_another_order(e: Evidence) -> Diagnosis | None:
    n = e.expected.ndim
    if e.actual.ndim != n or not 2 <= n <= 4 or not telling(e.expected):
        return None
    for order in itertools.permutations(range(n)):
        if order != tuple(range(n)) and same(e.actual.transpose(order), e.expected):
            return Diagnosis(
                "the result is transposed" if n == 2 else "the axes are in another order",
                f"the values are right, but your shape {e.actual.shape} has its axes exchanged",
                f"transpose it to {e.expected.shape}, or exchange the factors of a product",
            )
    return None


@rule(SHAPE_RULES)
def axis_kept(e: Evidence) -> Diagnosis | None:
    if e.actual.ndim <= e.expected.ndim or not _same_in_order(e):
        return None
    if _without_ones(e.actual) != _without_ones(e.expected):
        return None
    return Diagnosis(
        "an axis of length 1 is left over",
        f"the values are right, but the shape is {e.actual.shape} and not {e.expected.shape}",
        "drop that axis: reshape at the end, or sum without keepdims",
    )


@rule(SHAPE_RULES)
def axis_dropped(e: Evidence) -> Diagnosis | None:
    if e.actual.ndim >= e.expected.ndim or not _same_in_order(e):
        return None
    if _without_ones(e.actual) != _without_ones(e.expected):
        return None
    return Diagnosis(
        "an axis of length 1 is missing",
        f"the values are right, but the shape is {e.actual.shape} and not {e.expected.shape}",
        f"put the axis back: reshape to {e.expected.shape}, or sum with keepdims",
    )


@rule(SHAPE_RULES)
def not_reshaped(e: Evidence) -> Diagnosis | None:
    if not _same_in_order(e) or not telling(e.expected):
        return None
    return Diagnosis(
        "the values are not in the right shape",
        f"the values and their order are right, the shape is {e.actual.shape}",
        f"reshape to {e.expected.shape}",
    )


@rule(SHAPE_RULES)
def sum_missing(e: Evidence) -> Diagnosis | None:
    if e.actual.size <= e.expected.size or not _close_values(e):
        return None
    for axes in _some_axes(e.actual.ndim):
        if not np.abs(e.actual).sum(tuple(set(range(e.actual.ndim)) - set(axes))).all():
            continue
        if same(e.actual.sum(axes).ravel(), e.expected.ravel()):
            where = f"{_axes(axes)} of your {e.actual.shape}"
            return Diagnosis(
                f"a sum over {_axes(axes)} is missing",
                f"summed over {where}, it would be right; what is copied forward is summed back",
                f"sum over the axes along which the input was copied, down to {e.expected.shape}",
            )
    return None


@rule(SHAPE_RULES)
def copied(e: Evidence) -> Diagnosis | None:
    if e.actual.size <= e.expected.size or not telling(e.expected):
        return None
    for axes in _some_axes(e.actual.ndim):
        one = e.actual[tuple(slice(1) if i in axes else slice(None) for i in range(e.actual.ndim))]
        if same(np.broadcast_to(one, e.actual.shape), e.actual) and same(
            one.ravel(), e.expected.ravel()
        ):
            return Diagnosis(
                f"the right values, copied along {_axes(axes)}",
                f"along {_axes(axes)} your array of shape {e.actual.shape} repeats itself",
                "print the shapes: something was broadcast that should have stayed as it was",
            )
    return None


@rule(SHAPE_RULES)
def not_copied(e: Evidence) -> Diagnosis | None:
    a, shape = e.actual, e.expected.shape
    if distinct(a) < 2 or a.ndim > len(shape):
        return None
    for kept in itertools.combinations(range(len(shape)), a.ndim):
        put_back = a.reshape(
            [a.shape[kept.index(i)] if i in kept else 1 for i in range(len(shape))]
        )
        stretches = all(m in (1, n) for m, n in zip(put_back.shape, shape, strict=True))
        if stretches and same(np.broadcast_to(put_back, shape), e.expected):
            axes = [i for i, (m, n) in enumerate(zip(put_back.shape, shape, strict=True)) if m < n]
            return Diagnosis(
                f"not copied along {_axes(axes)}",
                f"broadcast along {_axes(axes)}, your {a.shape} would be the right {shape}",
                "put an axis of length 1 where the copies belong, and broadcast",
            )
    return None


@rule(SHAPE_RULES)
def summed_too_far(e: Evidence) -> Diagnosis | None:
    if e.actual.size >= e.expected.size or not _close_values(e):
        return None
    for axes in _some_axes(e.expected.ndim):
        if same(e.expected.sum(axes).ravel(), e.actual.ravel()):
            return Diagnosis(
                f"one sum too many, over {_axes(axes)}",
                f"yours is the right result summed over its {_axes(axes)} as well",
                "sum over the axes that were asked for and no other",
            )
    return None


@rule(SHAPE_RULES)
def rows_missing(e: Evidence) -> Diagnosis | None:
    a, b = e.actual, e.expected
    if a.ndim != b.ndim or not a.ndim or a.shape[1:] != b.shape[1:] or not telling(a):
        return None
    if len(a) < len(b) and (same(a, b[: len(a)]) or same(a, b[-len(a) :])):
        end = "end" if same(a, b[: len(a)]) else "start"
        return Diagnosis(
            f"entries are missing at the {end}",
            f"what is there is right, but along axis 0 there are {len(a)} entries, not {len(b)}",
            "look at the bounds of the loop or slice",
        )
    return None


def _without_ones(a: np.ndarray) -> list[int]:
    return [n for n in a.shape if n != 1]


def _same_in_order(e: Evidence) -> bool:
    return e.actual.size == e.expected.size and same(e.actual.ravel(), e.expected.ravel())


def _close_values(e: Evidence) -> bool:
    """Whether sums of one array could tell something about the other."""
    return telling(e.expected) and telling(e.actual) and e.actual.ndim <= 4 >= e.expected.ndim


def _some_axes(n: int) -> Iterator[tuple[int, ...]]:
    for count in range(1, n + 1):
        yield from itertools.combinations(range(n), count)


@rule(DTYPE_RULES)
def widened(e: Evidence) -> Diagnosis | None:
    if (e.actual.dtype.name, e.dtype.name) != ("float64", "float32"):
        return None
    return Diagnosis(
        "float64 comes out of float32",
        "a float64 array or NumPy scalar takes part; np.zeros, np.random and np.float64 make them",
        "print the dtype line by line; create arrays with the input's dtype, use Python's floats",
    )


@rule(DTYPE_RULES)
def narrowed(e: Evidence) -> Diagnosis | None:
    if (e.actual.dtype.name, e.dtype.name) != ("float32", "float64"):
        return None
    return Diagnosis(
        "float32 comes out where float64 is asked for",
        "the dtype that was asked for or came in is not the one that goes on",
        "look for a dtype that is written down as float32, or a default that was not overridden",
    )


@rule(DTYPE_RULES)
def integers(e: Evidence) -> Diagnosis | None:
    if e.actual.dtype.kind not in "iub" or e.dtype.kind != "f":
        return None
    return Diagnosis(
        f"{e.actual.dtype} comes out where {e.dtype} is asked for",
        "whole numbers or truth values were never made into floats",
        "give the array its dtype where it is created",
    )


@rule(DTYPE_RULES)
def floats(e: Evidence) -> Diagnosis | None:
    if e.actual.dtype.kind != "f" or e.dtype.kind not in "iub":
        return None
    return Diagnosis(
        f"{e.actual.dtype} comes out where {e.dtype} is asked for",
        "whole numbers or truth values were made into floats on the way",
        "keep the dtype of what came in: look where an array is created or converted",
    )


@rule(VALUE_RULES)
def not_finite(e: Evidence) -> Diagnosis | None:
    a, b = e.actual, e.expected
    if a.dtype.kind != "f" or not np.isfinite(b).all():
        return None
    largest = float(np.finfo(a.dtype).max)
    smallest = float(np.finfo(a.dtype).smallest_subnormal)
    if np.isnan(a).any() and not (b % 1).any():
        return None  # among whole numbers a check may mean something by nan
    if np.isnan(a).any():
        return Diagnosis(
            "nan where a number is right",
            "nan comes from inf - inf, inf / inf, 0 * inf, 0 / 0, or the root or log of a negative "
            "number",
            f"find the first nan or inf: {a.dtype} overflows at exp({math.log(largest):.2f})",
        )
    single = float(np.finfo(np.float32).max)
    if np.isinf(a).any() and (np.abs(b[np.isinf(a)].astype(np.float64)) > single).all():
        return Diagnosis(
            "inf where only float32 ends",
            f"float32 ends at {single:.1e}; the right value is larger, and {a.dtype} can hold it",
            "look for a float32 on the way: a dtype that is written down, or a default",
        )
    if np.isposinf(a).any():
        return Diagnosis(
            "inf where a number is right",
            f"a step overflows or divides by 0: {a.dtype} ends at {largest:.1e}, at "
            f"exp({math.log(largest):.2f})",
            "find the step that gives inf, and rewrite it so that it stays small",
        )
    if np.isneginf(a).any():
        return Diagnosis(
            "-inf where a number is right",
            f"-inf is the log of 0, or an overflow: {a.dtype} rounds exp(z) to 0 below "
            f"z = {math.log(smallest) - math.log(2):.1f}",
            "find the step that gives it: an exp that is 0 before its log is taken?",
        )
    return None


@rule(VALUE_RULES)
def not_infinite(e: Evidence) -> Diagnosis | None:
    wrong = np.isinf(e.expected) & (e.actual != e.expected)
    if e.actual.dtype.kind != "f" or not wrong.any():
        return None
    found, right = e.actual[wrong], "-inf" if np.isneginf(e.expected[wrong]).all() else "inf"
    if np.isnan(found).any():
        return Diagnosis(
            f"nan where {right} is right",
            "an infinity goes in, and inf - inf, inf / inf and 0 * inf are nan",
            "find the first step that gives nan, and what it should give for an infinity",
        )
    if np.isfinite(found).any():
        return Diagnosis(
            f"a finite number where {right} is right",
            "an infinity goes in, or the log of 0 is taken; what comes out of it is infinite too",
            "follow an infinity step by step: exp(-inf) is 0, log(0) is -inf, and -inf + 1 is -inf",
        )
    return None


@rule(VALUE_RULES)
def all_zero(e: Evidence) -> Diagnosis | None:
    if e.actual.any() or not telling(e.expected):
        return None
    return Diagnosis(
        "every entry is zero",
        "zeros come from a result that was never filled in, a factor 0, or a graph that is cut",
        "print the factors and the parts it is put together from",
    )


@rule(VALUE_RULES)
def transposed(e: Evidence) -> Diagnosis | None:
    n = e.expected.ndim
    if not 2 <= n <= 4 or not telling(e.expected):
        return None
    copies = any(
        same(e.expected, np.roll(e.expected, 1, axis))
        for axis in range(n)
        if e.expected.shape[axis] > 1
    )
    for order in itertools.permutations(range(n)):
        turned = e.actual.transpose(order)
        if order == tuple(range(n)) or not same(turned, e.expected):
            continue
        if copies:
            return Diagnosis(
                "copied along the wrong axis",
                "the numbers are right, but they repeat along one axis and should along another",
                "put an axis of length 1 where the copies belong before you broadcast",
            )
        if distinct(e.expected) >= 5:
            return Diagnosis(
                "the result is transposed" if n == 2 else "the axes are in another order",
                "with two axes exchanged it would be right; equal lengths hide it in the shape",
                "try an example whose axes have different lengths, and print the shapes",
            )
    return None


@rule(VALUE_RULES)
def swapped(e: Evidence) -> Diagnosis | None:
    for _, expected, actual in e.others():
        if actual is None or _variants(expected, e.expected):
            continue
        if same(e.actual, expected) and same(actual, e.expected):
            return Diagnosis(
                "two results are exchanged",
                "this value is right for another yield of the check, and that one's is right here",
                "look for two things in the wrong order, such as gradients, operands or layers",
            )
    return None


@rule(VALUE_RULES)
def unchanged(e: Evidence) -> Diagnosis | None:
    previous = e.actuals[e.at - 1] if e.at else None
    if previous is None or not telling(e.expected) or same(e.expected, e.expecteds[e.at - 1]):
        return None
    if previous.dtype != e.actual.dtype or not same(e.actual, previous):
        return None
    if _variants(e.expected, e.expecteds[e.at - 1]):
        return None
    return Diagnosis(
        "nothing has changed since the value before",
        "this value equals the one yielded before it, though something happened in between",
        "look for a result that is computed but not stored, or an argument that is ignored",
    )


def _variants(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two arrays hold much the same entries, so that to be either one is soon done."""
    common = np.intersect1d(a, b).size
    fewest = min(np.unique(a).size, np.unique(b).size)
    return not telling(a) or not telling(b) or 2 * common > fewest


@rule(VALUE_RULES)
def accumulated(e: Evidence) -> Diagnosis | None:
    if not e.at or not telling(e.expected):
        return None
    previous = e.expecteds[e.at - 1]
    if previous.shape != e.expected.shape or not telling(previous):
        return None
    if same(e.expected, previous) or not same(e.actual - e.expected, previous):
        return None
    return Diagnosis(
        "the value before is added",
        "this is the right value plus the one yielded before: it accumulates",
        "start afresh, do not add to what was there",
    )


@rule(VALUE_RULES)
def sign(e: Evidence) -> Diagnosis | None:
    if not telling(e.expected) or not same(-1.0 * e.actual, e.expected):
        return None
    return Diagnosis(
        "the sign is flipped",
        "every entry is the negative of the right one",
        "look for a minus that is missing or one too many, or a difference the wrong way round",
    )


@rule(VALUE_RULES)
def constant_factor(e: Evidence) -> Diagnosis | None:
    factor = _constant(_divided(e.actual, e.expected), e)
    if factor is None or factor == 0 or abs(factor - 1) < 0.01:
        return None
    for n, what in _named_numbers(e):
        if math.isclose(abs(factor), n, rel_tol=1e-4):
            name = f"every entry is {what[0]} as large as it should be"
            why = f"your value divided by the right one is {n} everywhere{what[2]}"
        elif math.isclose(abs(factor), 1 / n, rel_tol=1e-4):
            name = f"every entry is {what[1]} of what it should be"
            why = f"the right value divided by yours is {n} everywhere{what[2]}"
        else:
            continue
        break
    else:
        name = "every entry is off by the same factor"
        why = "your value divided by the right one is the same number everywhere"
    flipped = ", with the sign flipped" if factor < 0 else ""
    return Diagnosis(
        name + flipped,
        why,
        "look for a factor that is missing, or there twice: a mean's 1/N, a rate, a power's 2",
    )


def _named_numbers(e: Evidence) -> Iterator[tuple[float, tuple[str, str, str]]]:
    """Numbers that a factor may be: the number, its name and its inverse's, where it is from."""
    yield 2, ("2 times", "1/2", "")
    for axis, n in enumerate(e.expected.shape):
        if n > 2:
            yield n, (f"{n} times", f"1/{n}", f", the length of axis {axis}")
    if e.expected.ndim > 1 and e.expected.size > 2:
        yield e.expected.size, (f"{e.expected.size} times", f"1/{e.expected.size}", ", its size")


@rule(VALUE_RULES)
def constant_shift(e: Evidence) -> Diagnosis | None:
    shift = _constant(_subtracted(e.actual, e.expected), e)
    if shift is None:
        return None
    return Diagnosis(
        "every entry is off by the same amount",
        "your value minus the right one is the same number everywhere",
        "look for a term that is missing, there twice, or a constant one off",
    )


@rule(VALUE_RULES)
def elementwise(e: Evidence) -> Diagnosis | None:
    if not telling(e.expected) or e.expected.dtype.kind != "f":
        return None
    x = e.expected
    known = (
        ("the square of the right value", x**2, "a root is missing, or a square too many"),
        ("the root of the right value", np.sqrt(x), "a root too many, or a square is missing"),
        ("the reciprocal of the right value", 1 / x, "divide the other way round"),
        ("the absolute value of the right one", np.abs(x), "the sign was lost: find where"),
        ("one minus the right value", 1 - x, "the complement was meant: exchange the two"),
        ("the exponential of the right value", np.exp(x), "the logarithm is missing"),
        ("the logarithm of the right value", np.log(x), "the logarithm is one too many"),
    )
    for name, value, advice in known:
        if telling(value) and not same(value, x) and same(e.actual, value):
            return Diagnosis(f"it is {name}", f"every entry is {name}", advice)
    return None


def _all_differ(a: np.ndarray, axis: int, least: int) -> bool:
    """Whether there are at least so many slices along the axis, no two of them equal."""
    rows = np.moveaxis(a, axis, 0).reshape(a.shape[axis], -1)
    return len(rows) >= least and len(np.unique(rows, axis=0)) == len(rows)


@rule(VALUE_RULES)
def another_order(e: Evidence) -> Diagnosis | None:
    a, b = e.actual, e.expected
    if not telling(b):
        return None
    for axis in range(b.ndim):
        if _all_differ(b, axis, ENOUGH) and same(np.flip(a, axis), b):
            return Diagnosis(
                f"the result is reversed along axis {axis}",
                f"read backwards along axis {axis}, yours is right",
                "look at which axis is reversed, and whether it should be",
            )
    for axis in range(b.ndim):
        for step in (1, -1):
            if _all_differ(b, axis, ENOUGH + 2) and same(np.roll(a, step, axis), b):
                return Diagnosis(
                    f"the result is off by one along axis {axis}",
                    f"moved by one along axis {axis}, yours is right",
                    "look for an index or a counter that starts one too early or too late",
                )
    rows = [np.sort(x.reshape(len(x), -1).astype(np.float64), axis=0) for x in (a, b) if x.ndim]
    if len(rows) == 2 and len(b) >= ENOUGH and same(*rows) and telling(rows[0][:, 0]):
        return Diagnosis(
            "the right entries in another order",
            "along axis 0 the same values are there, but not at the same places",
            "look at the order in which they are visited or drawn",
        )
    return None


@rule(VALUE_RULES)
def shift_of_each_row(e: Evidence) -> Diagnosis | None:
    return _along_an_axis(e, _subtracted, "amount", "what is added or subtracted along that axis")


@rule(VALUE_RULES)
def factor_of_each_row(e: Evidence) -> Diagnosis | None:
    return _along_an_axis(e, _divided, "factor", "what is multiplied or divided along that axis")


def _along_an_axis(
    e: Evidence, compare: Callable[[np.ndarray, np.ndarray], np.ndarray], what: str, where: str
) -> Diagnosis | None:
    """Speak when the difference or ratio is one number along an axis, and another beside it."""
    b = e.expected
    if b.ndim != 2 or b.dtype.kind != "f" or not np.isfinite(e.actual).all():
        return None
    neutral, size = (1.0, 1.0) if what == "factor" else (0.0, float(np.abs(b).max(initial=0.0)))
    for axis in range(2):
        moved = [np.moveaxis(x, axis, 1) for x in (e.actual, b)]
        lines = [(x, y) for x, y in zip(*moved, strict=True)]
        if len(lines) < 2 or any(distinct(y) <= ENOUGH for _, y in lines):
            continue
        found = [_constant(compare(x, y), Evidence(e.judge, [y], [x], 0)) for x, y in lines]
        if not any(f is None or abs(f - neutral) < 0.01 * size for f in found):
            line = ("column", "row")[axis]
            return Diagnosis(
                f"each {line} is off by {'an' if what == 'amount' else 'a'} {what} of its own",
                f"within a {line}, the {what} between yours and the right one is the same",
                f"check {where}, and over which axis it was computed",
            )
    return None


def _divided(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Entry by entry a / b; nan where both are zero, or too small to tell."""
    x, y = a.astype(np.float64), b.astype(np.float64)
    tiny = 1e-4 * np.abs(y).max(initial=0.0)
    return np.where((np.abs(y) <= tiny) & (np.abs(x) <= tiny), np.nan, x / y)


def _subtracted(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a.astype(np.float64) - b.astype(np.float64)


def _constant(numbers: np.ndarray, e: Evidence) -> float | None:
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


SAMPLE_FACTORS = (
    (math.sqrt(2), "the root of 2"),
    (math.sqrt(3), "the root of 3"),
    (2.0, "2"),
    (3.0, "3"),
    (math.sqrt(6), "the root of 6"),
    (math.sqrt(12), "the root of 12"),
)


@rule(SAMPLE_RULES)
def no_spread(e: Evidence) -> Diagnosis | None:
    if e.actual.size and np.ptp(e.actual.astype(np.float64)) == 0:
        return Diagnosis(
            "every entry of the sample is the same",
            "nothing was drawn: all entries are equal",
            "fill the array with random numbers, one for each entry",
        )
    return None


@rule(SAMPLE_RULES)
def clipped(e: Evidence) -> Diagnosis | None:
    assert isinstance(e.judge, Distribution)
    x = e.actual.ravel()
    often = 0.005 * x.size
    if e.judge.distinct < 0.9 or not ((x == x.min()).sum() > often < (x == x.max()).sum()):
        return None
    return Diagnosis(
        "the sample is clipped",
        "many entries are exactly the largest, and many the smallest: the tails were cut off",
        "leave the sample as it was drawn",
    )


@rule(SAMPLE_RULES)
def wrong_spread(e: Evidence) -> Diagnosis | None:
    assert isinstance(e.judge, Distribution)
    x = e.actual.astype(np.float64).ravel()
    if not np.isfinite(x).all():
        return None
    mean, std = float(x.mean()), float(x.std())
    error = std * math.sqrt(max(e.judge.kurtosis - 1, 0.1) / (2 * x.size))
    if abs(mean - e.judge.mean) > 6 * std * math.sqrt(2 / x.size):
        return None
    for factor, text in SAMPLE_FACTORS:
        for ratio, size in ((factor, "large"), (1 / factor, "small")):
            if abs(std - ratio * e.judge.std) < 3 * math.sqrt(1 + ratio**2) * error < 0.05 * std:
                return Diagnosis(
                    f"the sample's spread is too {size} by {text}",
                    f"its standard deviation is too {size} by {text}",
                    "check the gain, the fans and the root; U(-a, a) has deviation a / sqrt(3)",
                )
    return None
