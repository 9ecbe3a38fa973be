"""A notebook as untrusted data: its cells, or one sentence why they cannot be read."""

import json
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mugrade.errors import Unreadable

MAX_BYTES = 32 << 20
MAX_CELLS = 5_000
CELL_TYPES = ["code", "markdown", "raw"]


@dataclass(frozen=True)
class SubmittedCell:
    """A cell: its nbformat id, nbgrader's id for it, its source, and whether it is code."""

    id: str
    grade_id: str
    source: str
    kind: str = "code"


def read_cells(path: Path) -> list[SubmittedCell]:
    """The cells of a notebook, read as untrusted data; raises Unreadable."""
    return cells_in(read_bytes(path))


def cells_in(content: bytes) -> list[SubmittedCell]:
    """The cells of a notebook's bytes; raises Unreadable."""
    return [cell for raw in raw_cells_in(content) if (cell := _cell(raw)) is not None]


def raw_cells_in(content: bytes) -> list[Any]:
    """Whatever stands in a notebook's list of cells; raises Unreadable."""
    cells: list[Any] = notebook_in(content)["cells"]
    return cells


def notebook_in(content: bytes) -> dict[str, Any]:
    """A notebook of which nothing is sure but that it has a list of cells; raises Unreadable."""
    try:
        data = json.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise Unreadable("it is not UTF-8 text") from None
    except (ValueError, RecursionError) as error:
        text = str(error).splitlines()[0][:100]
        raise Unreadable(f"it is not a complete notebook (JSON: {text})") from None
    cells = data.get("cells") if isinstance(data, dict) else None
    if not isinstance(cells, list):
        raise Unreadable("it has no cells: save it again from JupyterLab (notebook format 4)")
    if len(cells) > MAX_CELLS:
        raise Unreadable(f"it has {len(cells)} cells, more than {MAX_CELLS}")
    assert isinstance(data, dict)
    return data


def read_bytes(path: Path) -> bytes:
    """What the file of a notebook holds; raises Unreadable, also for a link."""
    status_of(path)
    try:
        return path.read_bytes()
    except OSError as error:
        raise Unreadable(f"it cannot be read ({error.strerror})") from None


def status_of(path: Path) -> os.stat_result:
    """What the system says of the file of a notebook; raises Unreadable, also for a link."""
    try:
        status = os.lstat(path)
    except OSError as error:
        raise Unreadable(f"it cannot be read ({error.strerror})") from None
    if not stat.S_ISREG(status.st_mode) or os.path.islink(os.path.dirname(path)):
        raise Unreadable("it is not a regular file")
    if status.st_size > MAX_BYTES:
        raise Unreadable(f"it is larger than {MAX_BYTES >> 20} MB")
    return status


def _cell(raw: Any) -> SubmittedCell | None:
    if not isinstance(raw, dict) or raw.get("cell_type") not in CELL_TYPES:
        return None
    metadata = raw.get("metadata")
    nbgrader = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    grade_id = nbgrader.get("grade_id") if isinstance(nbgrader, dict) else None
    source, kind = joined(raw.get("source")), raw["cell_type"]
    return SubmittedCell(_text(raw.get("id")), _text(grade_id), source, kind)


def joined(value: Any) -> str:
    """Text that a notebook holds as a string or as a list of lines, with line ends as Unix has."""
    if isinstance(value, list):
        value = "".join(line for line in value if isinstance(line, str))
    return _text(value).replace("\r\n", "\n")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
