"""A student's notebook as a file: where it lies, its course cells, and one cell written anew.

It may have been edited by anything, so nothing in it is taken for granted but JSON and a list of
cells; whatever else stands in it is kept as it is.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mugrade.blocks import Block, cell_body
from mugrade.errors import Unreadable, WorkspaceError
from mugrade.ipynb import joined, read_raw_notebook
from mugrade.manifest import ReleasedCell
from mugrade.student.workspace import Workspace


@dataclass
class Notebook:
    """A notebook that can be read; `cells` are its code cells with their positions."""

    path: Path
    data: dict[str, Any]

    @classmethod
    def read(cls, path: Path) -> "Notebook":
        """Raises WorkspaceError, in one sentence, for what is no notebook."""
        if not path.exists():
            raise WorkspaceError(f"{path} is missing: fetch the course again")
        try:
            return cls(path, read_raw_notebook(path))
        except Unreadable as error:
            raise WorkspaceError(
                f"{path} is no notebook: {error}; "
                "try File > Revert Notebook to Checkpoint, or fetch the course again"
            ) from None

    @property
    def cells(self) -> list[tuple[int, dict[str, Any]]]:
        return [
            (i, cell)
            for i, cell in enumerate(self.data["cells"])
            if isinstance(cell, dict) and cell.get("cell_type") == "code"
        ]

    def find(self, workspace: Workspace, wanted: ReleasedCell) -> list[int]:
        """The positions of a cell and its copies, the likeliest first.

        By its id, then by nbgrader's, then by what it defines.
        """
        found: dict[int, int] = {}
        for position, cell in self.cells:
            if wanted.id in (cell.get("id"), grade_id(cell)):
                found[position] = 0 if cell.get("id") == wanted.id else 1
            elif _defines(workspace, wanted, joined(cell.get("source"))):
                found[position] = 2
        return sorted(found, key=lambda position: (found[position], position))

    def source(self, position: int) -> str:
        return joined(self.data["cells"][position].get("source"))

    def write_cell(self, position: int, source: str) -> None:
        """Give a code cell another source, and take away what the old one had printed."""
        cell = self.data["cells"][position]
        as_list = isinstance(cell.get("source"), list)
        cell["source"] = source.splitlines(keepends=True) if as_list else source
        cell["outputs"], cell["execution_count"] = [], None

    def insert(self, position: int, wanted: ReleasedCell) -> None:
        """Put a cell that is gone back before the cell at `position`."""
        cell: dict[str, Any] = {
            "cell_type": "code",
            "execution_count": None,
            "id": wanted.id,
            "metadata": {},
            "outputs": [],
            "source": wanted.source.splitlines(keepends=True),
        }
        if not any("id" in other for _, other in self.cells):
            del cell["id"]  # a format that knows none
        self.data["cells"].insert(position, cell)

    def text(self) -> str:
        return writable(json.dumps(self.data, indent=1, ensure_ascii=False) + "\n")


def writable(text: str) -> str:
    """Text that can be written as UTF-8: halves of surrogate pairs become escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def notebook_path(workspace: Workspace, stage: str) -> Path:
    """Where the notebook of a stage lies, or should lie: in the folder or in one of its name."""
    name = f"{stage}.ipynb"
    paths = (workspace.folder / name, workspace.root / stage / name, workspace.root / name)
    return next((path for path in paths if path.exists()), paths[0])


def grade_id(cell: dict[str, Any]) -> str:
    """nbgrader's id of a cell, if it has one."""
    metadata = cell.get("metadata")
    nbgrader = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    found = nbgrader.get("grade_id") if isinstance(nbgrader, dict) else None
    return found if isinstance(found, str) else ""


def _defines(workspace: Workspace, wanted: ReleasedCell, source: str) -> bool:
    """Whether a source defines what the wanted cell does; a check's function is its id."""
    block = Block("", cell_body(source))
    if wanted.role == "check":
        return wanted.id.replace("-", "_") in block.symbols
    entries = [b for b in workspace.manifest.blocks if b.stage == wanted.stage]
    entry = workspace.manifest.identify(block, entries)
    return entry is not None and entry.id == wanted.id
