"""A wrong shape: axes kept, dropped, copied, summed or in another order."""

import itertools
from collections.abc import Iterator

import numpy as np

from mugrade.values.diagnosis.evidence import (
    Evidence,
    Rule,
    distinct,
    named_axes,
    rule,
    same,
    telling,
)
from mugrade.values.verdict import Diagnosis

RULES: list[Rule] = []


@rule(RULES)
def axes_in_another_order(e: Evidence) -> Diagnosis | None:
    n = e.expected.ndim
    if e.actual.ndim != n or not 2 <= n <= 4 or not telling(e.expected):
        return None
    for order in itertools.permutations(range(n)):
        if order != tuple(range(n)) and same(e.actual.transpose(order), e.expected):
            return Diagnosis(
                "the result is transposed" if n == 2 else "the axes are in another order",
                "the values are right, but "
                + e.told(f"your shape {e.actual.shape} has its", "the shape has its")
                + " axes exchanged",
                e.told(f"transpose it to {e.expected.shape}", "transpose it")
                + ", or exchange the factors of a product",
            )
    return None


@rule(RULES)
def axis_kept(e: Evidence) -> Diagnosis | None:
    if e.actual.ndim <= e.expected.ndim or not _same_in_order(e):
        return None
    if _without_ones(e.actual) != _without_ones(e.expected):
        return None
    return Diagnosis(
        "an axis of length 1 is left over",
        _two_shapes(e),
        "drop that axis: reshape at the end, or sum without keepdims",
    )


@rule(RULES)
def axis_dropped(e: Evidence) -> Diagnosis | None:
    if e.actual.ndim >= e.expected.ndim or not _same_in_order(e):
        return None
    if _without_ones(e.actual) != _without_ones(e.expected):
        return None
    return Diagnosis(
        "an axis of length 1 is missing",
        _two_shapes(e),
        f"put the axis back: reshape{e.told(f' to {e.expected.shape}', '')}, or sum with keepdims",
    )


@rule(RULES)
def not_reshaped(e: Evidence) -> Diagnosis | None:
    if not _same_in_order(e) or not telling(e.expected):
        return None
    return Diagnosis(
        "the values are not in the right shape",
        "the values and their order are right, the shape is "
        + e.told(f"{e.actual.shape}", "another"),
        e.told(f"reshape to {e.expected.shape}", "reshape to what is asked for"),
    )


@rule(RULES)
def sum_missing(e: Evidence) -> Diagnosis | None:
    if e.actual.size <= e.expected.size or not _close_values(e):
        return None
    for axes in _some_axes(e.actual.ndim):
        if not np.abs(e.actual).sum(tuple(set(range(e.actual.ndim)) - set(axes))).all():
            continue
        if same(e.actual.sum(axes).ravel(), e.expected.ravel()):
            where = f"{named_axes(axes)} of your {e.told(str(e.actual.shape), 'array')}"
            return Diagnosis(
                f"a sum over {named_axes(axes)} is missing",
                f"summed over {where}, it would be right; what is copied forward is summed back",
                "sum over the axes along which the input was copied, down to "
                + e.told(f"{e.expected.shape}", "its shape"),
            )
    return None


@rule(RULES)
def copied(e: Evidence) -> Diagnosis | None:
    if e.actual.size <= e.expected.size or not telling(e.expected):
        return None
    for axes in _some_axes(e.actual.ndim):
        one = e.actual[tuple(slice(1) if i in axes else slice(None) for i in range(e.actual.ndim))]
        if same(np.broadcast_to(one, e.actual.shape), e.actual) and same(
            one.ravel(), e.expected.ravel()
        ):
            return Diagnosis(
                f"the right values, copied along {named_axes(axes)}",
                f"along {named_axes(axes)} your array"
                + e.told(f" of shape {e.actual.shape}", "")
                + " repeats itself",
                "print the shapes: something was broadcast that should have stayed as it was",
            )
    return None


@rule(RULES)
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
                f"not copied along {named_axes(axes)}",
                f"broadcast along {named_axes(axes)}, "
                + e.told(f"your {a.shape} would be the right {shape}", "yours would be right"),
                "put an axis of length 1 where the copies belong, and broadcast",
            )
    return None


@rule(RULES)
def summed_too_far(e: Evidence) -> Diagnosis | None:
    if e.actual.size >= e.expected.size or not _close_values(e):
        return None
    for axes in _some_axes(e.expected.ndim):
        if same(e.expected.sum(axes).ravel(), e.actual.ravel()):
            return Diagnosis(
                f"one sum too many, over {named_axes(axes)}",
                f"yours is the right result summed over its {named_axes(axes)} as well",
                "sum over the axes that were asked for and no other",
            )
    return None


@rule(RULES)
def rows_missing(e: Evidence) -> Diagnosis | None:
    a, b = e.actual, e.expected
    if a.ndim != b.ndim or not a.ndim or a.shape[1:] != b.shape[1:] or not telling(a):
        return None
    if len(a) < len(b) and (same(a, b[: len(a)]) or same(a, b[-len(a) :])):
        end = "end" if same(a, b[: len(a)]) else "start"
        return Diagnosis(
            f"entries are missing at the {end}",
            "what is there is right, but along axis 0 there are "
            + e.told(f"{len(a)} entries, not {len(b)}", "too few entries"),
            "look at the bounds of the loop or slice",
        )
    return None


def _two_shapes(e: Evidence) -> str:
    shapes = f"the shape is {e.actual.shape} and not {e.expected.shape}"
    return f"the values are right, but {e.told(shapes, 'the shape is not')}"


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
