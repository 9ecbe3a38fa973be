"""Wrong values: not finite, exchanged, scaled, shifted, changed by a function."""

import itertools
import math
from collections.abc import Iterator

import numpy as np

from mugrade.values.diagnosis.evidence import (
    Evidence,
    Rule,
    constant,
    distinct,
    divided,
    rule,
    same,
    subtracted,
    telling,
)
from mugrade.values.verdict import Diagnosis

RULES: list[Rule] = []


@rule(RULES)
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


@rule(RULES)
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


@rule(RULES)
def all_zero(e: Evidence) -> Diagnosis | None:
    if e.actual.any() or not telling(e.expected):
        return None
    return Diagnosis(
        "every entry is zero",
        "zeros come from a result that was never filled in, a factor 0, or a graph that is cut",
        "print the factors and the parts it is put together from",
    )


@rule(RULES)
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


@rule(RULES)
def swapped(e: Evidence) -> Diagnosis | None:
    for _, expected, actual in e.others():
        if actual is None or _variants(expected, e.expected):
            continue
        if same(e.actual, expected) and same(actual, e.expected):
            return Diagnosis(
                "two results are exchanged",
                "this value is right for another yield of the check, and that one's is right here",
                "look for two things in the wrong order, such as operands, steps or parts",
            )
    return None


@rule(RULES)
def unchanged(e: Evidence) -> Diagnosis | None:
    if e.before is None:
        return None
    right, previous = e.before
    if not telling(e.expected) or same(e.expected, right):
        return None
    if previous.dtype != e.actual.dtype or not same(e.actual, previous):
        return None
    if _variants(e.expected, right):
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


@rule(RULES)
def accumulated(e: Evidence) -> Diagnosis | None:
    if e.before is None or not telling(e.expected):
        return None
    previous, _ = e.before
    if previous.shape != e.expected.shape or not telling(previous):
        return None
    if same(e.expected, previous) or not same(e.actual - e.expected, previous):
        return None
    return Diagnosis(
        "the value before is added",
        "this is the right value plus the one yielded before: it accumulates",
        "start afresh, do not add to what was there",
    )


@rule(RULES)
def sign(e: Evidence) -> Diagnosis | None:
    if not telling(e.expected) or not same(-1.0 * e.actual, e.expected):
        return None
    return Diagnosis(
        "the sign is flipped",
        "every entry is the negative of the right one",
        "look for a minus that is missing or one too many, or a difference the wrong way round",
    )


@rule(RULES)
def constant_factor(e: Evidence) -> Diagnosis | None:
    factor = constant(divided(e.actual, e.expected), e)
    if factor is None or factor == 0 or abs(factor - 1) < 0.01:
        return None
    for n, times, part, why in _named_numbers(e):
        if math.isclose(abs(factor), n, rel_tol=1e-4):
            name = f"every entry is {times} as large as it should be"
            why = f"your value divided by the right one is {why} everywhere"
        elif math.isclose(abs(factor), 1 / n, rel_tol=1e-4):
            name = f"every entry is {part} of what it should be"
            why = f"the right value divided by yours is {why} everywhere"
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


def _named_numbers(e: Evidence) -> Iterator[tuple[float, str, str, str]]:
    """Numbers that a factor may be: the number, its name and its inverse's, where it is from."""
    yield 2, "2 times", "1/2", "2"
    for axis, n in enumerate(e.expected.shape):
        if n > 2:
            yield _length(e, n, f"the length of axis {axis}")
    if e.expected.ndim > 1 and e.expected.size > 2:
        yield _length(e, e.expected.size, "its size")


def _length(e: Evidence, n: int, what: str) -> tuple[float, str, str, str]:
    """A length, as a number if it may be told."""
    told = e.told(str(n), "n")
    return n, f"{told} times", f"1/{told}", f"{told}, {what},"


@rule(RULES)
def constant_shift(e: Evidence) -> Diagnosis | None:
    shift = constant(subtracted(e.actual, e.expected), e)
    if shift is None:
        return None
    return Diagnosis(
        "every entry is off by the same amount",
        "your value minus the right one is the same number everywhere",
        "look for a term that is missing, there twice, or a constant one off",
    )


@rule(RULES)
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
