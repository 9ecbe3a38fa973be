"""Put a cell back as it was handed out, in notebook and package; the old text is kept."""

import difflib
from dataclasses import dataclass
from pathlib import Path

from mugrade.course.cells import Role
from mugrade.course.manifest import ReleasedCell
from mugrade.errors import WorkspaceError
from mugrade.package.blocks import Block, cell_body, replace_block
from mugrade.student.kept import By, Kept, keep_blocks, keep_text
from mugrade.student.notebook import Notebook, notebook_path, place_of
from mugrade.student.workspace import Workspace


@dataclass(frozen=True)
class Reset:
    """What was done: where the old text is kept, and what was written; nothing if it was a stub.

    `copies` counts other cells of the notebook that define the same.
    """

    kept: tuple[Kept, ...]
    written: tuple[Path, ...]
    copies: int = 0


def reset_cell(workspace: Workspace, id: str) -> Reset:
    """Restore the cell `id`; raises WorkspaceError before anything has been written."""
    wanted = released_cell(workspace, id)
    with workspace.lock():
        notebook = Notebook.read(notebook_path(workspace, wanted.stage))
        found = notebook.find(workspace, wanted)
        cell = notebook.source(found[0]) if found else ""
        module, before, after = _module(workspace, wanted)
        changed = not found or cell != wanted.source or notebook.kind(found[0]) != wanted.kind
        if not changed and before == after:
            return Reset((), (), len(found[1:]))
        suffix = "py" if wanted.kind == "code" else "md"
        kept = [keep_text(workspace, id, cell, notebook.path.name, By.RESET, suffix)]
        kept += keep_blocks(workspace, before, after, module, By.RESET)
        written = []
        if changed:
            _restore(workspace, notebook, found, wanted)
            written.append(notebook.path)
        if before != after:
            workspace.write_module(module, after)
            written.append(workspace.root / module)
    return Reset(
        tuple(dict.fromkeys(entry for entry in kept if entry)), tuple(written), len(found[1:])
    )


def released_cell(workspace: Workspace, id: str) -> ReleasedCell:
    """The cell `id` as it was handed out; raises WorkspaceError if the course has none."""
    cells = {cell.id: cell for cell in workspace.released}
    if id in cells:
        return cells[id]
    exercises = sorted(cell.id for cell in cells.values() if cell.role == Role.SOLUTION)
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
    return entry.module, before, replace_block(before, stub, order)


def _restore(
    workspace: Workspace, notebook: Notebook, found: list[int], wanted: ReleasedCell
) -> None:
    if found:
        notebook.write_cell(found[0], wanted.source, wanted.kind)
    else:
        notebook.insert(place_of(workspace, notebook, wanted), wanted, wanted.source)
    workspace.write(notebook.path, notebook.text())
