"""Put a cell back as it was handed out, in notebook and package; the old text is kept."""

import difflib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from mugrade.blocks import Block, cell_body, replace
from mugrade.errors import WorkspaceError
from mugrade.manifest import ReleasedCell
from mugrade.student.notebook import Notebook, notebook_path, writable
from mugrade.student.workspace import Workspace

KEPT = "kept"


@dataclass(frozen=True)
class Reset:
    """What was done: where the old text is kept, and what was written; nothing if it was a stub.

    `copies` counts other cells of the notebook that define the same.
    """

    kept: Path | None
    written: tuple[Path, ...]
    copies: int = 0


def reset(workspace: Workspace, id: str) -> Reset:
    """Restore the cell `id`; raises WorkspaceError before anything has been written."""
    wanted = released_cell(workspace, id)
    with workspace.lock():
        notebook = Notebook.read(notebook_path(workspace, wanted.stage))
        found = notebook.find(workspace, wanted)
        cell = notebook.source(found[0]) if found else ""
        module, before, after = _module(workspace, wanted)
        changed = cell != wanted.source
        if not changed and before == after:
            return Reset(None, (), len(found[1:]))
        block = "\n\n\n".join(b.source for b in before if b not in after)
        kept = _keep(workspace, id, cell if changed else "", block)
        written = []
        if changed:
            _restore(workspace, notebook, found, wanted)
            written.append(notebook.path)
        if before != after:
            workspace.write_module(module, after)
            written.append(workspace.root / module)
    return Reset(kept, tuple(written), len(found[1:]))


def released_cell(workspace: Workspace, id: str) -> ReleasedCell:
    """The cell `id` as it was handed out; raises WorkspaceError if the course has none."""
    cells = {cell.id: cell for cell in workspace.released}
    if id in cells:
        return cells[id]
    exercises = sorted(cell.id for cell in cells.values() if cell.role == "solution")
    close = difflib.get_close_matches(id, cells, n=3) or exercises
    raise WorkspaceError(f"no cell {id} in this course: try {', '.join(close)}")


def _module(workspace: Workspace, wanted: ReleasedCell) -> tuple[str, list[Block], list[Block]]:
    """The module of a cell and its blocks before and after; the same if the cell is not in it."""
    entry = next((b for b in workspace.manifest.blocks if b.id == wanted.id), None)
    if entry is None:
        return "", [], []
    before = workspace.read_module(entry.module)
    if not any(block.id == wanted.id for block in before):
        return entry.module, before, before
    stub = Block(wanted.id, cell_body(wanted.source))
    order = [b.id for b in workspace.manifest.module(entry.module)]
    return entry.module, before, replace(before, stub, order)


def _restore(
    workspace: Workspace, notebook: Notebook, found: list[int], wanted: ReleasedCell
) -> None:
    if found:
        notebook.write_cell(found[0], wanted.source)
    else:
        notebook.insert(_place(workspace, notebook, wanted), wanted)
    workspace.write(notebook.path, notebook.text())


def _place(workspace: Workspace, notebook: Notebook, wanted: ReleasedCell) -> int:
    """After the cell that came before it and is still there, else after the first heading."""
    cells = [cell for cell in workspace.released if cell.stage == wanted.stage]
    for cell in reversed(cells[: cells.index(wanted)]):
        if found := notebook.find(workspace, cell):
            return found[0] + 1
    return min(1, len(notebook.data["cells"]))


def _keep(workspace: Workspace, id: str, cell: str, block: str) -> Path | None:
    """Write the old text of the cell, and that of the package where it is another."""
    pieces = [cell] if cell else []
    if block and block != cell_body(cell):
        pieces.append(f"# from the package\n{block}")
    if not pieces:
        return None
    time = datetime.now().strftime("%Y-%m-%d-%H%M%S")
    folder = workspace.state / KEPT
    names = (f"{id}-{time}{more}.py" for more in ("", *(f"-{n}" for n in range(2, 1000))))
    path = next(folder / name for name in names if not (folder / name).exists())
    workspace.write(path, writable("\n\n\n".join(pieces) + "\n"))
    return path
