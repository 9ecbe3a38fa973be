"""The percent format: a script of cells, each below a header `# %% [markdown] name="text"`.

A reader of our own for what course scripts use of it, since importing jupytext takes a second. A
test holds the two against each other.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

HEADER = re.compile(r"^# %%(?:\s|$)")
KIND = re.compile(r"\s*\[markdown\](?=\s|$)")
ATTRIBUTE = re.compile(r'\s+(\w+)=(?:"([^"]*)"|(-?\d+)|(-?\d*\.\d+))(?=\s|$)')
MAGIC = re.compile(r"^(\s*)# (?=%[A-Za-z%]|![^\s])")


class FormatError(Exception):
    """What is wrong, and in which line."""

    def __init__(self, line: int, text: str) -> None:
        super().__init__(text)
        self.line = line


@dataclass(frozen=True)
class RawCell:
    """A cell of a script; `line` is that of its header, counted from 1."""

    line: int
    markdown: bool
    attributes: dict[str, str | int | float]
    source: str


def read_percent(text: str) -> Iterator[RawCell]:
    """The cells of a script; raises FormatError."""
    lines = text.splitlines()
    starts = [i for i, line in enumerate(lines) if HEADER.match(line)]
    if any(line.strip() for line in lines[: starts[0] if starts else None]):
        raise FormatError(1, "text before the first cell")
    for start, end in pairwise([*starts, len(lines)]):
        header = lines[start][len("# %%") :]
        kind = KIND.match(header)
        attributes = _attributes(header[kind.end() :] if kind else header, start + 1)
        body = "\n".join(_line(line, bool(kind)) for line in lines[start + 1 : end])
        yield RawCell(start + 1, bool(kind), attributes, body.rstrip())


def _attributes(text: str, line: int) -> dict[str, str | int | float]:
    found: dict[str, str | int | float] = {}
    position = 0
    while match := ATTRIBUTE.match(text, position):
        name, quoted, whole, number = match.groups()
        found[name] = int(whole) if whole else float(number) if number else quoted
        position = match.end()
    if text[position:].strip():
        raise FormatError(line, 'attributes are name="text" or name=number')
    return found


def _line(line: str, markdown: bool) -> str:
    if markdown:
        return line.removeprefix("# ") if line != "#" else ""
    return MAGIC.sub(r"\1", line)
