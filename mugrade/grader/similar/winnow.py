"""Fingerprints of a text of tokens, by winnowing.

Every K tokens in a row have a hash; of every W hashes in a row the smallest is kept, of equals the
last. So of what two texts share nothing of K + W - 1 tokens is missed, and nothing shorter than K
is found (Schleimer, Wilkerson and Aiken, SIGMOD 2003). A student's own name counts as the distance
to where it last stood within those K (Baker, JCSS 1996), so that what it is called does not matter.

Written here because copydetect, whose last release is of 2024, takes texts and not tokens, every
name for the same, and compares files two by two; Dolos is a program for Node.js.
"""

import zlib
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from mugrade.grader.similar.arranged import Token

K, W = 12, 4
SHORTEST = 6  # tokens; a function of less says nothing
Hashes = NDArray[np.uint64]
MULTIPLIER = 0x9E3779B97F4A7C15  # 2**64 / golden ratio, made odd
POWERS = np.array([pow(MULTIPLIER, i + 1, 1 << 64) for i in range(K)], dtype=np.uint64)


def grams(tokens: Sequence[Token]) -> Hashes:
    """The hash of every K tokens in a row; a short text is filled up, a very short one has none."""
    if len(tokens) < SHORTEST:
        return np.empty(0, np.uint64)
    last: dict[str, int] = {}
    codes = np.zeros(max(len(tokens), K), np.uint64)
    since = np.zeros(len(codes), np.uint64)
    for i, token in enumerate(tokens):
        if token.own:
            since[i] = i - last.get(token.own, i)
            last[token.own] = i
        else:
            codes[i] = _code(token.text)
    distances = sliding_window_view(since, K)
    known = np.where(distances <= np.arange(K, dtype=np.uint64), distances, 0)
    mixed = ((sliding_window_view(codes, K) + known) * POWERS).sum(axis=1, dtype=np.uint64)
    mixed ^= mixed >> np.uint64(32)
    scattered: Hashes = mixed * np.uint64(MULTIPLIER)
    return scattered


def winnowed(hashes: Hashes) -> NDArray[np.intp]:
    """Where the hashes that are kept stand."""
    if not len(hashes):
        return np.empty(0, np.intp)
    windows = sliding_window_view(hashes, min(W, len(hashes)))
    from_end = windows[:, ::-1].argmin(axis=1)
    found: NDArray[np.intp] = np.unique(np.arange(len(windows)) + windows.shape[1] - 1 - from_end)
    return found


@lru_cache(1 << 16)
def _code(text: str) -> int:
    """A number above every distance."""
    data = text.encode("utf-8", "backslashreplace")
    return zlib.crc32(data) << 31 | zlib.adler32(data) & 0x7FFFFFFF | 1 << 20
