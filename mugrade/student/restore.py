"""Answers from the package back into the notebooks, and from the notebooks into the package.

What is replaced on the way is kept; a stub never replaces an answer.
"""

from dataclasses import dataclass, field

from mugrade.course.manifest import ReleasedCell
from mugrade.errors import WorkspaceError
from mugrade.package.blocks import (
    Block,
    cell_body,
    export_path,
    is_module_path,
    render_module,
    replace_block,
)
from mugrade.student import Side, noted
from mugrade.student.index import complete_indices
from mugrade.student.kept import By, Kept, keep_blocks, keep_text
from mugrade.student.notebook import Notebook, notebook_path, place_of
from mugrade.student.sides import Sides, disagreements, lost_answers
from mugrade.student.workspace import Workspace


@dataclass
class Restored:
    """What was done in one stage: exercises by where they went to, and what is left to decide."""

    stage: str
    notebook: Notebook
    into: dict[Side, list[str]] = field(default_factory=lambda: {side: [] for side in Side})
    kept: list[Kept] = field(default_factory=list)
    undecided: list[Sides] = field(default_factory=list)
    lost: list[Kept] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def restore_stage(workspace: Workspace, stage: str, to: Side | None = None) -> Restored:
    """Give each side of a stage what only the other has; `to` decides where both have an answer.

    Raises WorkspaceError, before anything has been written, for a notebook that cannot be read.
    """
    with workspace.lock():
        notebook = Notebook.read(notebook_path(workspace, stage))
        done = Restored(stage, notebook)
        for sides in disagreements(workspace, stage, notebook):
            target = sides.fuller.other if sides.fuller else to
            if not target:
                done.undecided.append(sides)
            elif target == sides.ahead:
                done.problems.append(f"{sides.entry.id}: the {target}'s stays, the other has gaps")
            elif target == (to or target) and _carry(workspace, done, sides, target):
                done.into[target].append(sides.entry.id)
        if done.into[Side.NOTEBOOK]:
            workspace.write(notebook.path, notebook.text())
        if to != Side.NOTEBOOK:
            _complete(workspace, done)
            complete_indices(workspace)
        _say_what_is_left(workspace, done)
    return done


def bring_back(workspace: Workspace, kept: Kept) -> tuple[Notebook, Kept | None]:
    """Put a kept text into its cell; returns the notebook and what the cell held.

    Raises WorkspaceError for a text that was in no cell of the course.
    """
    wanted = next((cell for cell in workspace.released if cell.id == kept.id), None)
    if wanted is None:
        raise WorkspaceError(
            f"{kept.id} is no cell of the course: copy its text into a cell, from {kept.path}"
        )
    with workspace.lock():
        notebook = Notebook.read(notebook_path(workspace, wanted.stage))
        before = _put(workspace, notebook, wanted, kept.text)
        workspace.write(notebook.path, notebook.text())
    return notebook, before


def _carry(workspace: Workspace, done: Restored, sides: Sides, target: Side) -> bool:
    """Copy an answer to one side; False if it cannot be put there."""
    entry = sides.entry
    if target == Side.PACKAGE:
        return _build(workspace, done, entry.module, Block(entry.id, sides.mine))
    wanted = next(cell for cell in workspace.released if cell.id == entry.id)
    if kept := _put(workspace, done.notebook, wanted, sides.built):
        done.kept.append(kept)
    return True


def _put(workspace: Workspace, notebook: Notebook, wanted: ReleasedCell, text: str) -> Kept | None:
    """Write a text into its cell, which may be gone; returns what of that is kept."""
    path = export_path(wanted.source)
    if path and not export_path(text):
        text = f"#| export {path}\n{text}"
    found = notebook.find(workspace, wanted)
    if not found:
        notebook.insert(place_of(workspace, notebook, wanted), wanted, text)
        return None
    before, kind = notebook.source(found[0]), wanted.kind
    suffix = "py" if kind == "code" else "md"
    kept = keep_text(workspace, wanted.id, before, notebook.path.name, By.RESTORE, suffix)
    notebook.write_cell(found[0], text, kind)
    return kept


def _build(workspace: Workspace, done: Restored, path: str, block: Block) -> bool:
    """Write a block into its module, if both are Python."""
    before = workspace.read_module(path)
    after = replace_block(before, block, [entry.id for entry in workspace.manifest.module(path)])
    try:
        compile(block.source, block.id, "exec", dont_inherit=True)
        compile(render_module(after), path, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        done.problems.append(f"{block.id} is not put into the package: it is not Python ({error})")
        return False
    done.kept += keep_blocks(workspace, before, after, path, By.RESTORE)
    workspace.write_module(path, after)
    noted.note_run(workspace, block.id)
    return True


def _complete(workspace: Workspace, done: Restored) -> None:
    """Add the notebook's other exported cells that the package lacks, if it has any answer."""
    if not workspace.exported(done.stage):
        return
    for position, _ in done.notebook.cells:
        source = done.notebook.source(position)
        path = export_path(source)
        if not path or not is_module_path(path) or not path.startswith(_package(workspace)):
            continue
        id = str(done.notebook.data["cells"][position].get("id") or "")
        block = Block(id, cell_body(source))
        entry = workspace.manifest.identify(block, workspace.manifest.module(path))
        block = Block(entry.id if entry else id or "-".join(sorted(block.provides)), block.source)
        there = workspace.read_module(path)
        names = {name for other in there for name in other.symbols}
        if block.id and not any(b.id == block.id for b in there) and not block.symbols & names:
            _build(workspace, done, path, block)


def _say_what_is_left(workspace: Workspace, done: Restored) -> None:
    notebook = Notebook.read(done.notebook.path)
    done.lost = list(lost_answers(workspace, done.stage, notebook))
    left = {sides.entry.id for sides in disagreements(workspace, done.stage, notebook)}
    for id in sorted(left.intersection(done.into[Side.NOTEBOOK])):
        text = "another cell of the notebook defines it too, and counts: delete one of them"
        done.problems.append(f"{id}: {text}")


def _package(workspace: Workspace) -> str:
    return f"{workspace.manifest.package}/"
