"""What a student handed in as a notebook that can be graded, or one sentence why it is none."""

import contextlib
import json
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mugrade.errors import Unreadable
from mugrade.grader.collect.outputs import without_outputs
from mugrade.package.ipynb import MAX_BYTES, SubmittedCell, cells_in

MAX_WITH_OUTPUTS = 256 << 20
LFS = b"version https://git-lfs.github.com/spec/"
MARKS = re.compile(rb"^(?:<{7} |>{7} |={7}\r?$)", re.MULTILINE)
CELL = re.compile(r"^# (?:%%.*|In\s?\[[\d ]*\]:?|<codecell>)[ \t]*$", re.MULTILINE)
OLD = re.compile(rb'"nbformat"\s*:\s*[123]\b')
HTML, PDF = re.compile(rb"\s*<(?:!doctype|html|head|body)\b", re.I), b"%PDF-"
ASK = "ask for the notebook, the .ipynb file"


@dataclass(frozen=True)
class Brought:
    """A notebook's bytes as they are written, what was done to them, and its cells."""

    content: bytes
    notes: tuple[str, ...]
    cells: tuple[SubmittedCell, ...]


def bring(content: bytes) -> Brought:
    """A notebook that can be read; what already can is left as it is. Raises Unreadable."""
    _refuse_others(content)
    notes: list[str] = []
    content = _in_utf8(content, notes)
    if len(content) > MAX_BYTES:
        content = without_outputs(content)
        notes.append("its outputs are left out")
        if len(content) > MAX_BYTES:
            raise Unreadable(f"it is larger than {MAX_BYTES >> 20} MB without its outputs")
    if OLD.search(content):
        content = _upgraded(content, notes)
    try:
        cells = tuple(cells_in(content))
    except Unreadable:
        if MARKS.search(content):
            raise Unreadable(
                f"it has git's marks of a merge conflict: {ASK} without them"
            ) from None
        raise
    return Brought(content, tuple(notes), cells)


def bring_script(content: bytes) -> Brought:
    """A script as a notebook: a cell for each of its own, or one. Raises Unreadable."""
    notes: list[str] = []
    text = _in_utf8(content, notes).decode("utf-8-sig")
    if len(content) > MAX_BYTES:
        raise Unreadable(f"it is larger than {MAX_BYTES >> 20} MB")
    cells: list[dict[str, Any]] = [
        {
            "cell_type": "code",
            "metadata": {},
            "execution_count": None,
            "outputs": [],
            "source": part,
        }
        for part in map(str.strip, CELL.split(text.replace("\r\n", "\n")))
        if part
    ]
    if not cells:
        raise Unreadable("it is empty")
    data = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}
    made = json.dumps(data, indent=1).encode()
    return Brought(made, (*notes, "made of a script"), tuple(cells_in(made)))


def _refuse_others(content: bytes) -> None:
    """Raise Unreadable for what is called like a notebook and is something else."""
    if not content.strip():
        raise Unreadable("it is empty")
    if content.startswith(LFS):
        raise Unreadable("it is a Git LFS pointer: git lfs pull gets the file itself")
    if content.startswith(PDF):
        raise Unreadable(f"it is a PDF: {ASK}")
    if HTML.match(content[:1000]):
        raise Unreadable(f"it is a web page: {ASK}")


def _in_utf8(content: bytes, notes: list[str]) -> bytes:
    """The text in UTF-8; raises Unreadable for bytes that are none in the usual encodings."""
    for encoding in _encodings(content):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if encoding == "utf-8":
            return content
        notes.append(f"it was {encoding}, and is written as UTF-8")
        return text.encode("utf-8", "surrogatepass")
    raise Unreadable("it is not UTF-8 text")


def _encodings(content: bytes) -> Iterator[str]:
    if content[:4] in (b"\xff\xfe\0\0", b"\0\0\xfe\xff"):
        yield "utf-32"
    elif content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        yield "utf-16"
    elif content[:4:2] == b"\0\0":
        yield "utf-16-be"
    elif content[1:4:2] == b"\0\0":
        yield "utf-16-le"
    else:
        yield "utf-8"
        yield "cp1252"


def _upgraded(content: bytes, notes: list[str]) -> bytes:
    """A notebook of nbformat 1 to 3 in today's; as it is where the number stands elsewhere."""
    import nbformat
    from nbformat.converter import convert
    from nbformat.v4 import writes

    try:
        data = json.loads(content.decode("utf-8-sig"))
        major = data["nbformat"]
        if major not in (1, 2, 3) or "cells" in data:
            return content
    except (ValueError, LookupError, TypeError, RecursionError):
        return content  # no notebook at all, as its reader will say
    try:
        with _silence():
            made = json.loads(writes(convert(nbformat.from_dict(data), 4)))
    except (ValueError, LookupError, TypeError, AttributeError, nbformat.ValidationError):
        raise Unreadable("it is of an old notebook format that cannot be converted") from None
    for cell in made["cells"]:
        cell.pop("id", None)  # drawn anew each time
    notes.append(f"converted from notebook format {major}")
    return json.dumps({**made, "nbformat_minor": 4}, indent=1).encode()


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Without what nbformat says of notebooks that are not valid."""
    from traitlets.log import get_logger

    logger: Any = get_logger()
    before, logger.disabled = logger.disabled, True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.disabled = before
