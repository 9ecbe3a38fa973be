"""Whether a check's outcome is about what its exercise's cell holds now."""

import time
from dataclasses import dataclass, field

from mugrade.course.manifest import BlockEntry
from mugrade.errors import WorkspaceError
from mugrade.package.blocks import cell_body, is_stub
from mugrade.student.notebook import Notebook, notebook_path
from mugrade.student.workspace import Workspace


@dataclass
class Runs:
    """How the exercises' cells of this kernel last ran: which failed, and when others went well."""

    failed: set[str] = field(default_factory=set)
    exported: dict[str, float] = field(default_factory=dict)

    def note(self, id: str, good: bool) -> None:
        """Note that the cell of an exercise has run, and whether it went well."""
        self.failed.discard(id)
        if good:
            self.exported[id] = time.time()
        else:
            self.failed.add(id)


def staleness(workspace: Workspace, exercise: str, runs: Runs) -> str:
    """What a check judges instead of the cell as it is; empty where it judges just that."""
    if exercise in runs.failed:
        return f"the last run of {exercise} failed; this is about the version before it"
    entry = next((b for b in workspace.manifest.blocks if b.id == exercise), None)
    try:
        if entry is not None and _edited_since(workspace, entry, runs):
            return f"the cell of {exercise} has changed since it ran; run it, then this one"
    except (OSError, WorkspaceError):
        pass  # a notebook that cannot be read says nothing
    return ""


def _edited_since(workspace: Workspace, entry: BlockEntry, runs: Runs) -> bool:
    """Whether the notebook, saved after the cell ran, holds another text than the package."""
    path = notebook_path(workspace, entry.stage)
    module = workspace.root / entry.module
    ran = runs.exported.get(entry.id) or module.stat().st_mtime
    if path.stat().st_mtime <= ran:
        return False
    notebook = Notebook.read(path)
    wanted = (cell for cell in workspace.released if cell.id == entry.id)
    found = [i for cell in wanted for i in notebook.find(workspace, cell)]
    texts = [cell_body(notebook.source(i)).strip() for i in found]
    blocks = workspace.read_module(entry.module)
    here = [b.source.strip() for b in blocks if b.id == entry.id and not b.taken]
    return bool(texts and here) and not is_stub(texts[0]) and here[0] not in texts
