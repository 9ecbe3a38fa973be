"""Where two arrays differ, from the mask of wrong entries: in words, and as a picture."""

from collections.abc import Iterator

import numpy as np

from mugrade.values.picture import COLUMNS, RIGHT, ROWS, SOME, WRONG, Picture

SMALLEST = 6  # entries below which words are enough
LISTED = 4  # places that are told one by one
AXES = (("in row", "in rows"), ("in column", "in columns"))


def picture_of(wrong: np.ndarray) -> Picture | None:
    """The picture of a mask of wrong entries; None where words say as much."""
    if wrong.size < SMALLEST or not wrong.any() or wrong.all():
        return None
    shares = _pooled(wrong.reshape(-1, wrong.shape[-1]))
    marks = np.where(shares == 0, RIGHT, np.where(shares == 1, WRONG, SOME))
    return Picture(where(wrong), tuple("".join(row) for row in marks), _note(wrong, shares))


def where(wrong: np.ndarray) -> str:
    """How many entries of a mask are wrong and, if that can be said shortly, where."""
    count = int(wrong.sum())
    text = f"{count} of {wrong.size} entries differ"
    if count in (0, 1, wrong.size):
        return text
    if wrong.ndim == 2 and len(set(wrong.shape)) == 1 and not (wrong & ~_diagonal(wrong)).any():
        return f"{text}, all on the diagonal"
    places = list(_places(wrong))
    if wrong.ndim > 2:
        places = sorted(places)[:1]
    return f"{text}, all {' and '.join(place for _, place in places)}" if places else text


def _diagonal(wrong: np.ndarray) -> np.ndarray:
    return np.eye(len(wrong), dtype=bool)


def _places(wrong: np.ndarray) -> Iterator[tuple[float, str]]:
    """Along each axis that is not wrong throughout: the share of it that is, and its indices."""
    for axis, length in enumerate(wrong.shape):
        others = tuple(i for i in range(wrong.ndim) if i != axis)
        found = np.flatnonzero(wrong.any(axis=others)).tolist()
        listed = len(found) <= LISTED
        if len(found) == length or (not listed and found[-1] - found[0] + 1 == length):
            continue
        one, many = AXES[axis] if wrong.ndim == 2 else ("at index", "at indices")
        of = f" of axis {axis}" if wrong.ndim > 2 else ""
        yield len(found) / length, f"{one if len(found) == 1 else many} {_indices(found)}{of}"


def _indices(found: list[int]) -> str:
    if len(found) == 1:
        return str(found[0])
    if len(found) > LISTED or (len(found) > 2 and found[-1] - found[0] + 1 == len(found)):
        return f"{found[0]} to {found[-1]}"
    return f"{', '.join(map(str, found[:-1]))} and {found[-1]}"


def _pooled(wrong: np.ndarray) -> np.ndarray:
    """The share of wrong entries in each part of a table cut into few rows and columns."""
    shares = wrong.astype(np.float64)
    for axis, most in enumerate((ROWS, COLUMNS)):
        edges = _edges(wrong.shape[axis], most)
        sums = np.add.reduceat(shares, edges[:-1], axis)
        shares = sums / np.diff(edges).reshape((-1, 1) if axis == 0 else (1, -1))
    return np.where(shares > 1 - 1e-9, 1.0, shares)


def _edges(length: int, most: int) -> np.ndarray:
    return np.linspace(0, length, min(length, most) + 1).astype(int)


def _note(wrong: np.ndarray, shares: np.ndarray) -> str:
    table = wrong.reshape(-1, wrong.shape[-1])
    parts = []
    if wrong.ndim > 2:
        parts.append("the last axis runs across, the others down")
    if table.shape != shares.shape:
        high, wide = (
            int(np.diff(_edges(n, most)).max())
            for n, most in zip(table.shape, (ROWS, COLUMNS), strict=True)
        )
        parts.append(f"a mark stands for up to {high} x {wide} entries")
    return "; ".join(parts)
