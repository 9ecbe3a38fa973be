"""What can be wrong with a student's folder: files, notebooks, the package, data."""

import ast
import gzip
import json
import tempfile
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from mugrade.blocks import Block, is_stub, render_module
from mugrade.errors import Unreadable, WorkspaceError
from mugrade.grader.exercises import Answers, find_answers
from mugrade.ipynb import read_cells
from mugrade.libraries import unknown_imports
from mugrade.manifest import BlockEntry, ReleasedCell
from mugrade.student.installation import (
    Finding,
    installation_findings,
    kernel_findings,
    kernelspec_finding,
)
from mugrade.student.notebook import Notebook, grade_id, notebook_path
from mugrade.student.workspace import Workspace

MOST_NAMES = 6


def examine(workspace: Workspace) -> Iterator[Finding]:
    """Everything that is wrong, the installation first."""
    yield from installation_findings()
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
    for name in sorted({path for cell in workspace.released for path in cell.data.split()}):
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
        answers = find_answers(read_cells(path), workspace.manifest, stage)
        yield from import_findings(path.name, answers, workspace.manifest.package)
        yield from difference_findings(workspace, stage, notebook)
    except (WorkspaceError, Unreadable) as error:
        yield Finding(path.name, _of_it(error, path))


def _notebook_findings(workspace: Workspace, stage: str, notebook: Notebook) -> Iterator[Finding]:
    name = notebook.path.name
    cells = [cell for cell in workspace.released if cell.stage == stage]
    found = {cell.id: notebook.find(workspace, cell) for cell in cells}
    if gone := [cell.id for cell in cells if not found[cell.id]]:
        yield Finding(name, f"cells are gone: {_names(gone)}", f"mugrade reset {' '.join(gone)}")
    if edited := [
        c.id for c in cells if c.role == "check" and _is_edited(c, found[c.id], notebook)
    ]:
        todo = f"they are graded as they were handed out: mugrade reset {' '.join(edited)}"
        yield Finding(name, f"checks were edited: {_names(edited)}", todo)
    ids = Counter(cell["id"] for _, cell in notebook.cells if isinstance(cell.get("id"), str))
    if not ids:
        yield Finding(name, "its cells have lost their ids", "save it again from JupyterLab 4")
    if twice := [cell.id for cell in cells if ids[cell.id] > 1]:
        todo = "delete the copies that you do not need"
        yield Finding(name, f"cells have the same id: {_names(twice)}", todo)
    nbgrader = {grade_id(cell) for _, cell in notebook.cells}
    if lost := [cell.id for cell in cells if found[cell.id] and cell.id not in nbgrader]:
        todo = "mugrade does without; for nbgrader copy your cells into a fresh notebook"
        yield Finding(name, f"cells have lost nbgrader's metadata: {_names(lost)}", todo)
    if problem := kernelspec_finding(_kernel_name(notebook)):
        yield Finding(name, problem, "choose another with Kernel > Change Kernel")


def _is_edited(cell: ReleasedCell, found: list[int], notebook: Notebook) -> bool:
    return bool(found) and notebook.source(found[0]).strip() != cell.source.strip()


def _kernel_name(notebook: Notebook) -> str:
    metadata = notebook.data.get("metadata")
    spec = metadata.get("kernelspec") if isinstance(metadata, dict) else None
    name = spec.get("name") if isinstance(spec, dict) else None
    return name if isinstance(name, str) else "python3"


def import_findings(where: str, answers: Answers, package: str) -> Iterator[Finding]:
    """Libraries that answers and helpers import and the grader does not have."""
    helpers = (block for blocks in answers.helpers.values() for block in blocks)
    sources = {**answers.exercises, **{block.id: block.source for block in helpers}}
    for id, source in sources.items():
        if names := unknown_imports(source, package):
            what = f"{id} imports {', '.join(names)}, which the grader does not have"
            yield Finding(where, what, f"write {id} without, or it is not graded")


def difference_findings(workspace: Workspace, stage: str, notebook: Notebook) -> Iterator[Finding]:
    """Exercises of which the package holds something else than the notebook."""
    answers = find_answers(read_cells(notebook.path), workspace.manifest, stage).exercises
    exported = workspace.exported(stage)
    absent, other = [], []
    for entry in (b for b in workspace.manifest.blocks if b.id in answers):
        own, block = answers[entry.id], exported.get(entry.id)
        if block is None and not is_stub(own):
            absent.append(entry.id)
        elif block and _differ(own, block, entry) and not _is_taken(workspace, entry):
            other.append(entry.id)
    name = notebook.path.name
    if absent:
        yield Finding(name, f"the package lacks {_names(absent)}", "run the cells")
    if other:
        todo = "run the cells again and save the notebook"
        yield Finding(name, f"the package holds another {_names(other)}", todo)


def _is_taken(workspace: Workspace, entry: BlockEntry) -> bool:
    blocks = workspace.read_module(entry.module)
    return any(block.id == entry.id and block.taken for block in blocks)


def _differ(own: str, block: str, entry: BlockEntry) -> bool:
    """Whether two sources define what is asked for in different ways."""
    mine, theirs = _definitions(own), _definitions(block)
    return any(mine.get(name) != theirs.get(name) for name in entry.symbols)


def _definitions(source: str) -> dict[str, str]:
    """Name -> what it is defined as, without comments and blanks."""
    return {
        name: ast.dump(statement)
        for statement in Block("", source).tree.body
        for name in Block("", ast.unparse(statement)).symbols
    }


def _names(ids: list[str]) -> str:
    more = f" and {len(ids) - MOST_NAMES} more" if len(ids) > MOST_NAMES else ""
    return ", ".join(ids[:MOST_NAMES]) + more


def _of_it(error: Exception, path: Path) -> str:
    """What an error says of a file that is named already."""
    return str(error).replace(str(path), "it", 1)
