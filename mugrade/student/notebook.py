"""A student's notebook as a file: where it lies, its course cells, and one cell written anew.

It may have been edited by anything, so nothing in it is taken for granted but JSON and a list of
cells; whatever else stands in it is kept as it is.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mugrade.course.cells import Role
from mugrade.course.manifest import ReleasedCell
from mugrade.errors import Unreadable, WorkspaceError
from mugrade.package.blocks import Block, cell_body
from mugrade.package.ipynb import CELL_TYPES, joined, notebook_in, read_bytes
from mugrade.student.workspace import Workspace

FORM = re.compile(rb"\{(\r?\n)([ \t]+)\S")


@dataclass
class Notebook:
    """A notebook that can be read; `cells` are its code cells with their positions.

    It is written with the indentation and the ends of lines that it had.
    """

    path: Path
    data: dict[str, Any]
    content: bytes = b""

    @classmethod
    def read(cls, path: Path) -> "Notebook":
        """Raises WorkspaceError, in one sentence, for what is no notebook."""
        if not path.exists():
            raise WorkspaceError(f"{path} is missing: fetch the course again")
        try:
            content = read_bytes(path)
            return cls(path, notebook_in(content), content)
        except Unreadable as error:
            raise WorkspaceError(
                f"{path} is no notebook: {error}; "
                "try File > Revert Notebook to Checkpoint, or fetch the course again"
            ) from None

    @property
    def cells(self) -> list[tuple[int, dict[str, Any]]]:
        """Its cells of code, each with its position among all cells."""
        return [
            (i, cell)
            for i, cell in enumerate(self.data["cells"])
            if isinstance(cell, dict) and cell.get("cell_type") == "code"
        ]

    def find(self, workspace: Workspace, wanted: ReleasedCell) -> list[int]:
        """The positions of a cell and its copies, the likeliest first.

        By its id, then by nbgrader's, then by what it defines; last, turned into another kind.
        """
        found: dict[int, int] = {}
        for position, cell in enumerate(self.data["cells"]):
            if not isinstance(cell, dict) or cell.get("cell_type") not in CELL_TYPES:
                continue
            is_code = self.is_code(position)
            if wanted.id in (cell.get("id"), grade_id(cell)):
                other = cell["cell_type"] != wanted.kind
                found[position] = (cell.get("id") != wanted.id) + 3 * other
            elif is_code and _defines(workspace, wanted, self.source(position)):
                found[position] = 2
        return sorted(found, key=lambda position: (found[position], position))

    def is_code(self, position: int) -> bool:
        return self.kind(position) == "code"

    def kind(self, position: int) -> str:
        """What kind of cell is at a position."""
        return str(self.data["cells"][position].get("cell_type"))

    def source(self, position: int) -> str:
        """The text of the cell at a position."""
        return joined(self.data["cells"][position].get("source"))

    def write_cell(self, position: int, source: str, kind: str = "code") -> None:
        """Give a cell another source, and take away what the old one had printed."""
        cell = self.data["cells"][position]
        cell["cell_type"] = kind
        as_list = isinstance(cell.get("source"), list)
        cell["source"] = source.splitlines(keepends=True) if as_list else source
        if kind == "code":
            cell.pop("attachments", None)
            cell["outputs"], cell["execution_count"] = [], None
        else:
            cell.pop("outputs", None)
            cell.pop("execution_count", None)

    def insert(self, position: int, wanted: ReleasedCell, source: str) -> None:
        """Put a cell that is gone back before the cell at `position`."""
        kind = wanted.kind
        code: dict[str, Any] = {"execution_count": None, "outputs": []} if kind == "code" else {}
        cell: dict[str, Any] = {
            "cell_type": kind,
            "id": wanted.id,
            "metadata": {},
            "source": source.splitlines(keepends=True),
            **code,
        }
        if not any("id" in other for _, other in self.cells):
            del cell["id"]  # a format that knows none
        self.data["cells"].insert(position, cell)

    def text(self) -> str:
        """The whole as it is to be written, in the form that the file had."""
        form = FORM.match(self.content)
        line, indent = (part.decode() for part in form.groups()) if form else ("\n", " ")
        text = json.dumps(self.data, indent=indent, ensure_ascii=False)
        if not self.content or self.content.endswith(b"\n"):
            text += "\n"
        return writable(text.replace("\n", line))


def writable(text: str) -> str:
    """Text that can be written as UTF-8: halves of surrogate pairs become escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def notebook_path(workspace: Workspace, stage: str) -> Path:
    """Where the notebook of a stage lies, or should lie: in the folder or in one of its name."""
    name = f"{stage}.ipynb"
    paths = (workspace.folder / name, workspace.root / stage / name, workspace.root / name)
    return next((path for path in paths if path.exists()), paths[0])


def place_of(workspace: Workspace, notebook: Notebook, wanted: ReleasedCell) -> int:
    """After the cell that came before it and is still there, else after the first heading."""
    cells = [cell for cell in workspace.released if cell.stage == wanted.stage]
    before = cells[: cells.index(wanted)] if wanted in cells else []
    for cell in reversed(before):
        if found := notebook.find(workspace, cell):
            return found[0] + 1
    return min(1, len(notebook.data["cells"]))


def grade_id(cell: dict[str, Any]) -> str:
    """nbgrader's id of a cell, if it has one."""
    metadata = cell.get("metadata")
    nbgrader = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    found = nbgrader.get("grade_id") if isinstance(nbgrader, dict) else None
    return found if isinstance(found, str) else ""


def is_as_handed_out(cell: dict[str, Any]) -> bool:
    """Whether nbgrader's checksum of a cell is that of its text: nobody has edited it."""
    metadata = cell.get("metadata")
    nbgrader = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    if not isinstance(nbgrader, dict):
        return False
    grade, solution = bool(nbgrader.get("grade")), bool(nbgrader.get("solution"))
    locked = not solution and (grade or bool(nbgrader.get("locked")))
    points = nbgrader.get("points", 0) if grade else None
    parts = [joined(cell.get("source")), cell.get("cell_type"), grade, solution, locked]
    parts += [nbgrader.get("grade_id")]
    parts += [float(points)] if isinstance(points, int | float) else []
    text = "".join(map(str, parts)).encode("utf-8", "surrogatepass")
    return hashlib.md5(text, usedforsecurity=False).hexdigest() == nbgrader.get("checksum")


def _defines(workspace: Workspace, wanted: ReleasedCell, source: str) -> bool:
    """Whether a source defines what the wanted cell does; a check's function is its id."""
    block = Block("", cell_body(source))
    if wanted.role == Role.CHECK:
        return wanted.id.replace("-", "_") in block.symbols
    entries = [b for b in workspace.manifest.blocks if b.stage == wanted.stage]
    entry = workspace.manifest.identify(block, entries)
    return entry is not None and entry.id == wanted.id
