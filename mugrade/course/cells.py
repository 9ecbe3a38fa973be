"""The cells of a stage's script, and the regions that a student's notebook does not show."""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from mugrade.package.blocks import Block, cell_body

BEGIN_SOLUTION, END_SOLUTION = "### BEGIN SOLUTION", "### END SOLUTION"
BEGIN_HIDDEN, END_HIDDEN = "### BEGIN HIDDEN TESTS", "### END HIDDEN TESTS"
BEGIN_RUBRIC, END_RUBRIC = "### BEGIN MARK SCHEME", "### END MARK SCHEME"


class Role(StrEnum):
    """What a cell of a stage's script is for; docs/writing-a-course.md explains each.

    OPTIONAL is what a script says: the cell is an optional check or, if it is text, an answer.
    """

    PROSE = "prose"
    GIVEN = "given"
    SOLUTION = "solution"
    CHECK = "check"
    OPTIONAL = "optional"
    ANSWER = "answer"
    HINTS = "hints"
    DEMO = "demo"
    INDEX = "index"


FILLED_IN = (Role.SOLUTION, Role.ANSWER)
"""The cells that a student fills in."""
TEXT = (Role.PROSE, Role.HINTS, Role.ANSWER)
"""The cells that hold no code."""


@dataclass(frozen=True)
class Cell:
    """One cell of a stage's script; `line` is that of its header, `of` what it serves.

    That is an exercise for a check or hints, a cell for a helper, a module for an index. `role` is
    a Role where nothing is wrong with the script. The points of an optional cell are a bonus.
    """

    id: str
    role: str
    source: str
    line: int
    points: int = 0
    export: str = ""
    of: str = ""
    data: str = ""
    optional: bool = False

    @cached_property
    def block(self) -> Block:
        """Its code as a block of a module."""
        return Block(self.id, cell_body(self.source))

    @property
    def folded(self) -> bool:
        """Whether its code is folded away at first: what is given, and what only draws."""
        given = self.role == Role.GIVEN and bool(self.export)
        return given or (self.role == Role.DEMO and "plt." in self.source)

    @cached_property
    def unsolved(self) -> str:
        """What an exercise is before a student writes anything."""
        return cell_body(stub(self.source))


def plain_python(source: str) -> list[str]:
    """The lines of a cell without IPython's magics and shell escapes."""
    return [line for line in source.splitlines() if not line.lstrip().startswith(("%", "!"))]


def solution_lines(source: str) -> list[str]:
    """The stripped lines between solution markers."""
    regions = re.findall(rf"{BEGIN_SOLUTION}\n(.*?){END_SOLUTION}", source, re.DOTALL)
    return [line.strip() for region in regions for line in region.splitlines() if line.strip()]


def stub(source: str) -> str:
    """A solution cell with each region replaced by `raise NotImplementedError()`."""
    return re.sub(
        rf"^([ \t]*){BEGIN_SOLUTION}\n.*?{END_SOLUTION}[ \t]*$",
        r"\1raise NotImplementedError()",
        source,
        flags=re.DOTALL | re.MULTILINE,
    )


def visible_lines(source: str) -> list[str]:
    """The lines of a cell, blank where a solution or a hidden test stands."""
    lines, hidden = [], False
    for line in source.splitlines():
        hidden = hidden or line.strip() in (BEGIN_SOLUTION, BEGIN_HIDDEN, BEGIN_RUBRIC)
        lines.append("" if hidden else line)
        hidden = hidden and line.strip() not in (END_SOLUTION, END_HIDDEN, END_RUBRIC)
    return lines
