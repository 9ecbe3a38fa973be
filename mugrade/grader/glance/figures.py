"""The statistics of a class: functions of plain arrays, in which NaN marks what was not asked.

Sources: Crocker and Algina, Introduction to Classical and Modern Test Theory (1986), chapter 14;
Ebel and Frisbie, Essentials of Educational Measurement (1991), chapter 13, for the thresholds.
"""

import numpy as np

ENOUGH = 10  # students, below which a correlation says nothing
FLAT = 1e-9  # a spread that is none
BINS = 10
CHANCE = 15.1  # chi-square with one degree of freedom, which chance exceeds once in 10,000 times


def difficulty(shares: np.ndarray) -> list[float | None]:
    """The mean share of points of each item, p = sum_i x_i / n; None where nobody was asked.

    `shares` is (students, items). A high p means an easy item.
    """
    asked = ~np.isnan(shares)
    count, total = asked.sum(0), np.where(asked, shares, 0.0).sum(0)
    return [float(t / n) if n else None for t, n in zip(total, count, strict=True)]


def discrimination(shares: np.ndarray, worth: np.ndarray) -> list[float | None]:
    """The corrected item-total correlation of each item: r(x_j, sum_{i != j} w_i x_i).

    The item itself is not part of the rest that it is held against. None for fewer than ten
    students, or where all have the same; of a pass or a fail it is a point-biserial correlation.
    """
    asked = ~np.isnan(shares)
    earned = np.where(asked, shares, 0.0) * worth
    possible = asked * worth
    found: list[float | None] = []
    for j in range(shares.shape[1]):
        rest, most = (a.sum(1) - a[:, j] for a in (earned, possible))
        rows = asked[:, j] & (most > 0)
        x, y = shares[rows, j], rest[rows] / most[rows]
        found.append(correlation(x, y) if len(x) >= ENOUGH else None)
    return found


def correlation(x: np.ndarray, y: np.ndarray) -> float | None:
    """Pearson's r; None where one of both does not vary."""
    if len(x) < 2 or np.ptp(x) < FLAT or np.ptp(y) < FLAT:
        return None
    a, b = x - x.mean(), y - y.mean()
    return float(np.clip(a @ b / np.sqrt((a @ a) * (b @ b)), -1, 1))


def ranks(x: np.ndarray) -> np.ndarray:
    """Ranks from 1; equal values share the mean of theirs."""
    _, place, count = np.unique(x, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    return (last - (count - 1) / 2)[place]


def rank_correlation(x: np.ndarray, y: np.ndarray) -> float | None:
    """Spearman's rho: Pearson's r of the ranks; None for fewer than ten pairs."""
    return correlation(ranks(x), ranks(y)) if len(x) >= ENOUGH else None


def phi(failed: np.ndarray, least: int) -> list[tuple[int, int, int, float]]:
    """Pairs of items (i, j) that are failed together: how often, and phi.

    `failed` is (students, items) of 0 and 1, NaN where one was not asked. With n of both, a and b
    of one and N who were asked both: phi = (N n - a b) / sqrt(a (N - a) b (N - b)), Pearson's r
    of 0 and 1. At least `least` fail both, and N phi^2, a chi-square, is more than chance gives.
    """
    asked = (~np.isnan(failed)).astype(np.float64)
    wrong = np.where(asked > 0, failed, 0.0)
    i, j = np.triu_indices(failed.shape[1], 1)
    both, total = (wrong.T @ wrong)[i, j], (asked.T @ asked)[i, j]
    of_one = wrong.T @ asked
    a, b = of_one[i, j], of_one[j, i]
    spread = a * (total - a) * b * (total - b)
    value = (total * both - a * b) / np.sqrt(np.where(spread > 0, spread, 1))
    close = (spread > 0) & (value > 0) & (total * value**2 > CHANCE)
    found = np.nonzero(close & (both >= least) & (total >= ENOUGH))[0]
    return [(int(i[k]), int(j[k]), int(both[k]), float(value[k])) for k in found]


def quartiles(x: np.ndarray) -> tuple[float, float, float] | None:
    """The quarter, the half and three quarters of the values lie below; None without values."""
    if not len(x):
        return None
    low, middle, high = np.quantile(x, (0.25, 0.5, 0.75))
    return float(low), float(middle), float(high)


def tenths(x: np.ndarray) -> list[int]:
    """How many shares lie in [0, 10%), [10%, 20%) ... [90%, 100%]; more than all counts as all."""
    place = np.minimum(np.floor(np.clip(x, 0, 1) * BINS + FLAT), BINS - 1).astype(int)
    return [int(n) for n in np.bincount(place, minlength=BINS)]


def quarters(x: np.ndarray) -> np.ndarray:
    """For each value in which quarter of the order it is, 0 to 3; equal ones are in the same."""
    if not len(x):
        return np.zeros(0, dtype=int)
    return np.minimum(np.floor(4 * (ranks(x) - 0.5) / len(x)), 3).astype(int)
