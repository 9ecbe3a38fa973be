"""Which versions of the course have been in a folder: a text of theirs is nobody's answer."""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from mugrade.course.manifest import CELLS, ReleasedCell, released_cells
from mugrade.package.blocks import cell_body
from mugrade.student.workspace import Workspace

FOLDER = "released"


def remember_release(workspace: Workspace) -> None:
    """Keep a copy of the released cells that are in the folder now; raises WorkspaceError.

    The caller holds the workspace's lock.
    """
    try:
        content = (workspace.folder / CELLS).read_bytes()
    except OSError:
        return
    there = _copies(workspace)
    if there and there[-1].read_bytes() == content:
        return
    workspace.write_bytes(workspace.state / FOLDER / f"{len(there) + 1:04}.json", content)


def releases(workspace: Workspace) -> Iterator[list[ReleasedCell]]:
    """The cells of the versions that have been here, the oldest first, today's last."""
    for path in (*_copies(workspace), workspace.folder / CELLS):
        try:
            status = path.stat()
            yield _read(path, status.st_mtime_ns)
        except (OSError, ValueError):
            continue


def released_texts(workspace: Workspace, id: str) -> list[str]:
    """What the course has handed out as the cell `id`, the oldest first."""
    found = (c.source for cells in releases(workspace) for c in cells if c.id == id)
    return list(dict.fromkeys(map(cell_body, found)))


@lru_cache(8)
def _read(path: Path, changed: int) -> list[ReleasedCell]:
    return released_cells(path.read_bytes())


def _copies(workspace: Workspace) -> list[Path]:
    return sorted((workspace.state / FOLDER).glob("[0-9]*.json"))
