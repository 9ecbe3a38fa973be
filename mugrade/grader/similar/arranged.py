"""Statements in an order that does not depend on who has arranged them, nor on names.

Within a block those that may change places are sorted by what they say, as far as none of them has
to wait for another (Kahn 1962). What names are called does not matter: where statements differ in
nothing else, a name is known by the places where it stands, which is found in rounds, as colours
are refined in a test for isomorphic graphs (Weisfeiler and Leman 1968).
"""

import heapq
import zlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

ROUNDS = 10  # at most; two or three tell apart what can be told


class Token(NamedTuple):
    """A word of the normal form: its text or, for a student's own name, that; and its line."""

    text: str
    own: str
    line: int


class Statement(NamedTuple):
    """A statement: its tokens, its blocks by kind, what it reads and writes.

    One that `stays` changes places with nothing.
    """

    head: list[Token]
    blocks: list[tuple[str, list["Statement"]]]
    reads: frozenset[str]
    writes: frozenset[str]
    stays: bool


Colours = Mapping[str, int]  # own name -> what it is known by
Rank = tuple[int, int]


def linear(statements: Sequence[Statement]) -> list[Token]:
    """The tokens of a block, whose statements are put in order."""
    return _linear(statements, _colours(list(_all(statements))))


def _linear(block: Sequence[Statement], colours: Colours) -> list[Token]:
    written = [_written(statement, colours) for statement in block]
    found: list[Token] = []
    for start, stop in _runs(block):
        keys = [(_hash(w, {}), _hash(w, colours)) for w in written[start:stop]]
        for i in _in_order(block[start:stop], keys):
            found += written[start + i]
    return found


def _written(statement: Statement, colours: Colours) -> list[Token]:
    found = list(statement.head)
    for kind, block in statement.blocks:
        found += [Token(kind, "", 0), *_linear(block, colours)]
    return found


def _runs(block: Sequence[Statement]) -> Iterator[tuple[int, int]]:
    """Where statements stand in a row that may change places; one that stays stands alone."""
    start = 0
    for i, statement in enumerate(block):
        if statement.stays:
            yield start, i
            yield i, i + 1
            start = i + 1
    yield start, len(block)


def _in_order(block: Sequence[Statement], keys: Sequence[Rank]) -> list[int]:
    """Of all orders that keep what depends on each other, the one with the smallest keys."""
    after: dict[int, set[int]] = _dependencies(block)
    waits = [0] * len(block)
    for later in after.values():
        for i in later:
            waits[i] += 1
    ready = [(keys[i], i) for i in range(len(block)) if not waits[i]]
    heapq.heapify(ready)
    order = []
    while ready:
        _, i = heapq.heappop(ready)
        order.append(i)
        for j in after.get(i, ()):
            waits[j] -= 1
            if not waits[j]:
                heapq.heappush(ready, (keys[j], j))
    return order


def _dependencies(block: Sequence[Statement]) -> dict[int, set[int]]:
    """Statement -> those that have to come after it: they read what it writes, or the reverse."""
    after: dict[int, set[int]] = defaultdict(set)
    writer: dict[str, int] = {}
    readers: dict[str, list[int]] = defaultdict(list)
    for i, statement in enumerate(block):
        for name in statement.reads | statement.writes:
            if name in writer:
                after[writer[name]].add(i)
        for name in statement.writes:
            for reader in readers.pop(name, ()):
                after[reader].add(i)
            writer[name] = i
        for name in statement.reads - statement.writes:
            readers[name].append(i)
    return after


def _colours(statements: Sequence[Statement]) -> Colours:
    """What each own name is known by: all the places where it stands."""
    colours: Colours = {}
    for _ in range(ROUNDS):
        known = len(set(colours.values()))
        places: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for statement in statements:
            said = _hash(statement.head, colours)
            for i, token in enumerate(statement.head):
                if token.own:
                    places[token.own].append((said, i))
        colours = {own: zlib.crc32(repr(sorted(found)).encode()) for own, found in places.items()}
        if len(set(colours.values())) == known:
            break
    return colours


def _all(statements: Sequence[Statement]) -> Iterator[Statement]:
    for statement in statements:
        yield statement
        for _, block in statement.blocks:
            yield from _all(block)


def _hash(tokens: Sequence[Token], colours: Colours) -> int:
    words = [token.text or str(colours.get(token.own, 0)) for token in tokens]
    return zlib.crc32("\0".join(words).encode("utf-8", "backslashreplace"))
