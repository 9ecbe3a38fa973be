"""Where two arrays differ: in words, and as a picture of a few rows of characters.

Not as an image: characters can be read aloud, kept with a result and printed in a terminal.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

RIGHT, SOME, WRONG = ".", "/", "x"
SMALLEST = 6  # entries below which words are enough
ROWS, COLUMNS = 12, 32
LISTED = 4  # places that are told one by one
CELL = 10
AXES = (("in row", "in rows"), ("in column", "in columns"))


@dataclass(frozen=True)
class Picture:
    """A map of an array: a character for each entry, or for several of a large one.

    `words` say the same as `rows`: it can be read aloud.
    """

    words: str
    rows: tuple[str, ...]
    note: str = ""

    @classmethod
    def of(cls, wrong: np.ndarray) -> "Picture | None":
        """The picture of a mask of wrong entries; None where words say as much."""
        if wrong.size < SMALLEST or not wrong.any() or wrong.all():
            return None
        shares = _pooled(wrong.reshape(-1, wrong.shape[-1]))
        marks = np.where(shares == 0, RIGHT, np.where(shares == 1, WRONG, SOME))
        return cls(where(wrong), tuple("".join(row) for row in marks), _note(wrong, shares))

    @property
    def legend(self) -> dict[str, str]:
        """What the characters that occur mean."""
        meaning = {WRONG: "differs", SOME: "differs in part", RIGHT: "right"}
        return {mark: text for mark, text in meaning.items() if mark in "".join(self.rows)}

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the drawing."""
        return CELL * len(self.rows[0]), CELL * len(self.rows)

    @property
    def scale(self) -> float:
        """How much larger than `size` it is drawn."""
        return 1.6 if len(self.rows[0]) <= COLUMNS // 2 else 1.0

    def path(self, mark: str) -> str:
        """The outline of all places with this mark: a square, a triangle or a dot."""
        shape = {WRONG: "m1 1h8v8h-8z", SOME: "m1 9h8v-8z", RIGHT: "m4 4h2v2h-2z"}[mark]
        places = (
            (CELL * x, CELL * y)
            for y, row in enumerate(self.rows)
            for x, found in enumerate(row)
            if found == mark
        )
        return "".join(f"M{x} {y}{shape}" for x, y in places)


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
