"""Wrong values that are right up to their order, or up to a number for each row."""

from collections.abc import Callable

import numpy as np

from mugrade.values.diagnosis.evidence import (
    ENOUGH,
    Evidence,
    Rule,
    all_differ,
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
def other_parts_reversed(e: Evidence) -> Diagnosis | None:
    a, b = e.actual, e.expected
    for axis in range(1, b.ndim):
        if len(b) < ENOUGH or not all(all_differ(part, axis - 1, 2) for part in b):
            continue
        kinds = [(same(x, y), same(x, np.flip(y, axis - 1))) for x, y in zip(a, b, strict=True)]
        if all(any(kind) for kind in kinds) and len({kind[0] for kind in kinds}) == 2:
            return Diagnosis(
                "other parts are reversed than should be",
                f"each part is right as it is or read backwards along axis {axis}: what decides "
                "about that has another outcome",
                "look at the draw or the condition: how often it is made, and what it is compared "
                "with",
            )
    return None


@rule(RULES)
def another_order(e: Evidence) -> Diagnosis | None:
    a, b = e.actual, e.expected
    if not telling(b):
        return None
    for axis in range(b.ndim):
        if all_differ(b, axis, ENOUGH) and same(np.flip(a, axis), b):
            return Diagnosis(
                f"the result is reversed along axis {axis}",
                f"read backwards along axis {axis}, yours is right",
                "look at which axis is reversed, and whether it should be",
            )
    for axis in range(b.ndim):
        for step in (1, -1):
            if all_differ(b, axis, ENOUGH + 2) and same(np.roll(a, step, axis), b):
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


@rule(RULES)
def shift_of_each_row(e: Evidence) -> Diagnosis | None:
    return _along_an_axis(e, subtracted, "amount", "what is added or subtracted along that axis")


@rule(RULES)
def factor_of_each_row(e: Evidence) -> Diagnosis | None:
    return _along_an_axis(e, divided, "factor", "what is multiplied or divided along that axis")


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
        found = [constant(compare(x, y), Evidence(e.judge, [y], [x], 0)) for x, y in lines]
        if not any(f is None or abs(f - neutral) < 0.01 * size for f in found):
            line = ("column", "row")[axis]
            return Diagnosis(
                f"each {line} is off by {'an' if what == 'amount' else 'a'} {what} of its own",
                f"within a {line}, the {what} between yours and the right one is the same",
                f"check {where}, and over which axis it was computed",
            )
    return None
