"""What would tell who somebody is: ids and names, kept out of what is shown of a student's code."""

import re
from collections.abc import Collection, Iterable
from functools import cached_property

WORD = re.compile(r"[^\W_]+")
SHORTEST = 3  # letters of a part of a name that tell who it is


class Screen:
    """Knows how the students of a class are called.

    A word of the course's own tells nothing, also where somebody is called so.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self.names = frozenset(name.casefold() for name in names if name.strip())

    @cached_property
    def _parts(self) -> frozenset[str]:
        """The words of all names, and the names that are one word, however short."""
        words = {word for name in self.names for word in WORD.findall(name)}
        return frozenset(word for word in words if len(word) >= SHORTEST or word in self.names)

    @cached_property
    def _inside(self) -> re.Pattern[str]:
        """Names and their parts that tell also as a part of something longer."""
        long = (text for text in self.names | self._parts if len(text) >= SHORTEST)
        return re.compile("|".join(map(re.escape, sorted(long))) or r"(?!)")

    def tells(self, text: str, vocabulary: Collection[str] = ()) -> bool:
        """Whether a text tells a name: one of its words is or holds a part of it.

        Words of the `vocabulary`, the course's own in lower case, tell nothing.
        """
        folded = text.casefold()
        left = WORD.sub(lambda word: "" if word[0] in vocabulary else word[0], folded)
        return bool(self._inside.search(left)) or not self._parts.isdisjoint(WORD.findall(left))


def vocabulary(texts: Iterable[str]) -> set[str]:
    """The words of some texts, in lower case."""
    return {word for text in texts for word in WORD.findall(text.casefold())}
