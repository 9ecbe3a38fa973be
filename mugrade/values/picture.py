"""A picture of where two arrays differ: a few rows of characters.

Not an image: characters can be read aloud, kept with a result and printed in a terminal.
"""

from dataclasses import dataclass

RIGHT, SOME, WRONG = ".", "/", "x"
ROWS, COLUMNS = 12, 32
CELL = 10


@dataclass(frozen=True)
class Picture:
    """A map of an array: a character for each entry, or for several of a large one.

    `words` say the same as `rows`: it can be read aloud.
    """

    words: str
    rows: tuple[str, ...]
    note: str = ""

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
