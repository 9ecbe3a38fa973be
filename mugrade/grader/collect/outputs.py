"""A notebook without its outputs, cut out of its text: what is too large is not parsed first."""

import re

from mugrade.errors import Unreadable

TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[\[\]{}]', re.DOTALL)
KEY = re.compile(rb'"(?:outputs|attachments)"')
COLON = re.compile(rb"\s*:\s*")
EMPTY = {ord("["): b"[]", ord("{"): b"{}"}
OF_A_CELL = 3  # how deep the keys of a cell are: notebook, cells, cell


def without_outputs(content: bytes) -> bytes:
    """The text with empty outputs and attachments; raises Unreadable where brackets do not close.

    What is no JSON otherwise stays so.
    """
    kept, start, depth, at = [], 0, 0, 0
    while token := TOKEN.search(content, at):
        at = token.end()
        first = content[token.start()]
        if first in b"[{":
            depth += 1
        elif first in b"]}":
            depth -= 1
        elif depth == OF_A_CELL and KEY.fullmatch(content, token.start(), at):
            colon = COLON.match(content, at)
            if colon and content[colon.end() : colon.end() + 1] in (b"[", b"{"):
                kept += [content[start : colon.end()], EMPTY[content[colon.end()]]]
                start = at = _end(content, colon.end())
    return b"".join([*kept, content[start:]])


def _end(content: bytes, at: int) -> int:
    """Where the value ends that begins with a bracket there."""
    depth = 0
    while token := TOKEN.search(content, at):
        at = token.end()
        depth += {b"[": 1, b"{": 1, b"]": -1, b"}": -1}.get(token[0], 0)
        if not depth:
            return at
    raise Unreadable("it is not a complete notebook (its outputs do not end)")
