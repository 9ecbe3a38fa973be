"""A random sample of another law."""

import math

import numpy as np

from mugrade.diagnosis.evidence import Diagnosis, Evidence, Rule, rule
from mugrade.judges import Distribution

RULES: list[Rule] = []


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
                    "check the gain, the fans and the root; U(-a, a) has deviation a / sqrt(3)",
                )
    return None
