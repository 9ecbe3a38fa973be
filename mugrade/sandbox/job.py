"""What a sandbox is told: the code and the checks; and how it says that a process died."""

import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mugrade.errors import MugradeError
from mugrade.sandbox.loader import Package
from mugrade.values import Category
from mugrade.values.holds import asked

DEATHS = {
    Category.TIMEOUT,
    Category.CRASH,
    Category.MEMORY,
    Category.OUTPUT,
    Category.PROTOCOL,
}


@dataclass(frozen=True)
class Job:
    """What a process is given before the first check.

    Code, the names that checks see, and the data files that lie in its folder. `base` is the part
    of the package that many jobs share, which is loaded once for all of them.
    """

    package: Package
    setup: str
    names: Sequence[tuple[str, Sequence[str]]]
    files: Mapping[str, bytes] = field(default_factory=dict)
    base: Package = field(default_factory=dict)


@dataclass(frozen=True)
class CheckTask:
    """One check: its id, source, and the seed of its inputs, of 32 bits."""

    id: str
    source: str
    seed: int

    def told(self, trusted: bool) -> str:
        """The source that a process is given: others than trusted ones do not see what is right."""
        return self.source if trusted else asked(self.source)


def compile_check(source: str) -> types.CodeType:
    """The code of a check; raises SyntaxError."""
    return compile(source, "check", "exec", dont_inherit=True, optimize=0)


class Death(Exception):
    """The process gave no usable answer.

    `category` is one of DEATHS. `block`: which one it was loading, as it said itself, or empty.
    """

    def __init__(self, category: Category, text: str, block: str = "") -> None:
        super().__init__(text)
        self.category, self.block = category, block


class SandboxError(MugradeError):
    """The sandbox itself could not be started."""
