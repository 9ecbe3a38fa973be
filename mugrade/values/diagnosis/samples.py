"""A random sample of another law."""

import math

import numpy as np

from mugrade.values.diagnosis.evidence import Evidence, Rule, rule
from mugrade.values.distribution import Distribution
from mugrade.values.verdict import Diagnosis

RULES: list[Rule] = []
SHAPES: list[Rule] = []


SAMPLE_FACTORS = (
    (math.sqrt(2), "the root of 2"),
    (math.sqrt(3), "the root of 3"),
    (2.0, "2"),
    (3.0, "3"),
    (math.sqrt(6), "the root of 6"),
    (math.sqrt(12), "the root of 12"),
)


@rule(RULES)
def no_spread(e: Evidence) -> Diagnosis | None:
    if e.actual.size and np.ptp(e.actual.astype(np.float64)) == 0:
        return Diagnosis(
            "every entry of the sample is the same",
            "all entries are equal, as if nothing had been drawn",
            "fill the array with random numbers, one for each entry",
        )
    return None


@rule(RULES)
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


@rule(RULES)
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
                    "check what scales it: a factor, or a root; U(-a, a) has deviation a / sqrt(3)",
                )
    return None


@rule(SHAPES)
def length_one(e: Evidence) -> Diagnosis | None:
    assert isinstance(e.judge, Distribution)
    a, b = e.actual.shape, tuple(e.judge.shape)
    if len(a) == len(b) or [n for n in a if n != 1] != [n for n in b if n != 1]:
        return None
    return Diagnosis(
        f"an axis of length 1 is {'missing' if len(a) < len(b) else 'left over'}",
        "the lengths of the other axes are right, but the number of axes is not",
        "draw the sample in its shape, or reshape it",
    )


@rule(SHAPES)
def turned(e: Evidence) -> Diagnosis | None:
    assert isinstance(e.judge, Distribution)
    a, b = e.actual.shape, tuple(e.judge.shape)
    if len(a) != 2 or a != b[::-1]:
        return None
    return Diagnosis(
        "the lengths of the two axes are exchanged",
        "the shape is the transpose of the one that is asked for",
        "exchange the two lengths where the sample is drawn",
    )


@rule(SHAPES)
def entries_in_another_shape(e: Evidence) -> Diagnosis | None:
    assert isinstance(e.judge, Distribution)
    if e.actual.size != math.prod(e.judge.shape):
        return None
    return Diagnosis(
        "the sample is not in the right shape",
        "the number of entries is right, their shape is not",
        "draw the sample in the shape that is asked for",
    )
