"""What can be wrong with a student's folder: files, notebooks, the package, data."""

import gzip
import json
import tempfile
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from mugrade.course.cells import Role
from mugrade.course.exercises import StudentCode, find_code
from mugrade.course.manifest import Manifest, ReleasedCell
from mugrade.errors import Unreadable, WorkspaceError
from mugrade.package.blocks import render_module
from mugrade.package.ipynb import read_cells
from mugrade.sandbox.libraries import unknown_imports
from mugrade.student import Side
from mugrade.student.installation import (
    Finding,
    installation_findings,
    kernel_findings,
    kernelspec_finding,
)
from mugrade.student.notebook import Notebook, grade_id, notebook_path
from mugrade.student.sides import WRITTEN, Sides, disagreements, lost_answers
from mugrade.student.workspace import Workspace

MOST_NAMES = 6


def examine(workspace: Workspace) -> Iterator[Finding]:
    """Everything that is wrong, the installation first."""
    yield from installation_findings(workspace.manifest.libraries)
    yield from kernel_findings(workspace)
    yield from _folder_findings(workspace)
    try:
        yield from _course_findings(workspace)
    except WorkspaceError as error:
        yield Finding(str(workspace.folder), str(error))
        return
    yield from _data_findings(workspace)
    yield from _package_findings(workspace)
    for stage in workspace.manifest.stages:
        path = notebook_path(workspace, stage)
        if path.exists() or workspace.folder == workspace.root:
            yield from _stage_findings(workspace, stage, path)


def _folder_findings(workspace: Workspace) -> Iterator[Finding]:
    for folder in dict.fromkeys((workspace.root, workspace.folder, workspace.state)):
        try:
            if folder.exists() or folder == workspace.root:
                tempfile.TemporaryFile(dir=folder).close()
        except OSError as error:
            what = f"it cannot be written ({error.strerror})"
            yield Finding(str(folder), what, "move the course to a folder that you may write to")
    for path in sorted(workspace.state.glob("*.json")):
        try:
            right = isinstance(json.loads(path.read_text(encoding="utf-8")), dict)
        except (OSError, ValueError, RecursionError):
            right = False
        if not right:
            yield Finding(str(path), "it is broken", "delete it; mugrade check fills it again")


def _course_findings(workspace: Workspace) -> Iterator[Finding]:
    """Raises WorkspaceError for a file of the course that is broken or missing."""
    released = {cell.id for cell in workspace.released}
    public = workspace.answers["public"]
    missing = [c.id for c in workspace.manifest.checks if c.id not in released & public.keys()]
    if missing:
        what = f"course.json names checks that cells.json or answers.json lacks: {_names(missing)}"
        yield Finding(str(workspace.folder), what, "fetch the course again")


def _data_findings(workspace: Workspace) -> Iterator[Finding]:
    folder = workspace.folder
    for name in sorted({path for cell in workspace.cells for path in cell.data.split()}):
        if problem := _broken_file(folder / name):
            yield Finding(str(folder / name), problem, "fetch the course again")
    for part in sorted(folder.glob("data/*/*.part")):
        yield Finding(str(part), "a download broke off", f"mugrade data {part.parent.name}")


def _broken_file(path: Path) -> str:
    if not path.is_file():
        return "it is missing"
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            return "" if file.read(1 << 24) else "it is empty"
    except (OSError, EOFError, zlib.error):
        return "it cannot be read"


def _package_findings(workspace: Workspace) -> Iterator[Finding]:
    """Modules that something other than a cell has written to."""
    for path in dict.fromkeys(entry.module for entry in workspace.manifest.blocks):
        try:
            blocks = workspace.read_module(path)
            compile(render_module(blocks), path, "exec", dont_inherit=True)
        except WorkspaceError as error:
            yield Finding(path, _of_it(error, workspace.root / path))
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            todo = "delete the file, and run the cells that build it again"
            yield Finding(path, f"it is not Python ({error})", todo)
        else:
            if any(block.id == "top" for block in blocks):
                what = "it begins with text that no cell has written"
                yield Finding(path, what, "move that into a cell that exports it")


def _stage_findings(workspace: Workspace, stage: str, path: Path) -> Iterator[Finding]:
    try:
        notebook = Notebook.read(path)
        yield from _notebook_findings(workspace, stage, notebook)
        code = find_code(read_cells(path), workspace.manifest, stage)
        yield from import_findings(path.name, code, workspace.manifest)
        yield from difference_findings(workspace, stage, notebook)
        yield from _lost_findings(workspace, stage, notebook)
    except (WorkspaceError, Unreadable) as error:
        yield Finding(path.name, _of_it(error, path))


def _notebook_findings(workspace: Workspace, stage: str, notebook: Notebook) -> Iterator[Finding]:
    name = notebook.path.name
    graded = {entry.id for entry in workspace.manifest.answers(stage)}
    here = (cell for cell in workspace.released if cell.stage == stage)
    cells = [cell for cell in here if cell.role != Role.ANSWER or cell.id in graded]
    found = {cell.id: notebook.find(workspace, cell) for cell in cells}
    code = [cell for cell in cells if cell.kind == "code"]
    if text := [cell.id for cell in code if _is_text(found[cell.id], notebook)]:
        todo = "click the cell and press Esc, then Y"
        yield Finding(name, f"code is in a cell for text: {_names(text)}", todo)
    sides = disagreements(workspace, stage, notebook)
    # mugrade restore brings these back
    built = {s.entry.id for s in sides if s.fuller == Side.PACKAGE}
    if gone := [cell.id for cell in cells if not found[cell.id] and cell.id not in built]:
        yield Finding(name, f"cells are gone: {_names(gone)}", f"mugrade reset {' '.join(gone)}")
    if edited := [
        c.id for c in cells if c.role == Role.CHECK and _is_edited(c, found[c.id], notebook)
    ]:
        todo = f"they are graded as they were handed out: mugrade reset {' '.join(edited)}"
        yield Finding(name, f"checks were edited: {_names(edited)}", todo)
    ids = Counter(cell["id"] for _, cell in notebook.cells if isinstance(cell.get("id"), str))
    if not ids:
        yield Finding(name, "its cells have lost their ids", "save it again from JupyterLab 4")
    if twice := [cell.id for cell in cells if ids[cell.id] > 1]:
        todo = "delete the copies that you do not need"
        yield Finding(name, f"cells have the same id: {_names(twice)}", todo)
    nbgrader = {grade_id(cell) for cell in notebook.data["cells"] if isinstance(cell, dict)}
    if lost := [cell.id for cell in cells if found[cell.id] and cell.id not in nbgrader]:
        todo = "mugrade does without; for nbgrader copy your cells into a fresh notebook"
        yield Finding(name, f"cells have lost nbgrader's metadata: {_names(lost)}", todo)
    if problem := kernelspec_finding(_kernel_name(notebook)):
        yield Finding(name, problem, "choose another with Kernel > Change Kernel")


def _is_edited(cell: ReleasedCell, found: list[int], notebook: Notebook) -> bool:
    return bool(found) and notebook.source(found[0]).strip() != cell.source.strip()


def _is_text(found: list[int], notebook: Notebook) -> bool:
    return bool(found) and not notebook.is_code(found[0])


def _kernel_name(notebook: Notebook) -> str:
    metadata = notebook.data.get("metadata")
    spec = metadata.get("kernelspec") if isinstance(metadata, dict) else None
    name = spec.get("name") if isinstance(spec, dict) else None
    return name if isinstance(name, str) else "python3"


def import_findings(where: str, code: StudentCode, manifest: Manifest) -> Iterator[Finding]:
    """Libraries that exercises and helpers import and the grader does not have."""
    helpers = (block for blocks in code.helpers.values() for block in blocks)
    sources = {**code.exercises, **{block.id: block.source for block in helpers}}
    for id, source in sources.items():
        if names := unknown_imports(source, manifest.package, manifest.libraries):
            what = f"{id} imports {', '.join(names)}, which the grader does not have"
            yield Finding(where, what, f"write {id} without, or it is not graded")


def difference_findings(workspace: Workspace, stage: str, notebook: Notebook) -> Iterator[Finding]:
    """Exercises of which the package holds something else than the notebook."""
    name, number = notebook.path.name, stage[:2]
    found = list(disagreements(workspace, stage, notebook))
    ahead = [sides for sides in found if sides.fuller == Side.NOTEBOOK]
    if ids := [s.entry.id for s in ahead if not s.built and s.state[0] == WRITTEN]:
        yield Finding(name, f"the package lacks {_names(ids)}", "run the cells")
    if ids := [s.entry.id for s in ahead if s.built]:
        todo = f"run the cells, or mugrade restore {number}"
        yield Finding(name, f"the package holds only the stub of {_names(ids)}", todo)
    if ids := [s.entry.id for s in found if s.fuller == Side.PACKAGE]:
        what = f"your answers to {_names(ids)} are in the package, and not in the notebook"
        todo = "save the notebook, if they are in it; "
        todo += f"if not, mugrade restore {number} puts them there, and "
        todo += "running the cells as they are would put stubs into the package"
        yield Finding(name, what, todo)
    for sides in (s for s in found if not s.fuller):
        what = f"the package holds another {sides.entry.id}, {sides.dates}"
        yield Finding(name, what, _choices(sides, number))


def _choices(sides: Sides, number: str) -> str:
    """What can be done where both sides hold an answer; the newer comes first."""
    run = "run the cell to have the notebook's in both"
    restore = f"mugrade restore {number} --to notebook to have the package's"
    first, second = (run, restore) if sides.newer == Side.NOTEBOOK else (restore, run)
    return f"{first}, or {second}; the other is kept"


def _lost_findings(workspace: Workspace, stage: str, notebook: Notebook) -> Iterator[Finding]:
    """Exercises whose answer is neither in the notebook nor in the package any more."""
    for kept in lost_answers(workspace, stage, notebook):
        what = f"neither notebook nor package holds your answer to {kept.id} of {kept.time}"
        yield Finding(notebook.path.name, what, f"mugrade kept {kept.number} --restore")


def _names(ids: list[str]) -> str:
    more = f" and {len(ids) - MOST_NAMES} more" if len(ids) > MOST_NAMES else ""
    return ", ".join(ids[:MOST_NAMES]) + more


def _of_it(error: Exception, path: Path) -> str:
    """What an error says of a file that is named already."""
    return str(error).replace(str(path), "it", 1)
