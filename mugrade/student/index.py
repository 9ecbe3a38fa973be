"""The lines of an `__init__.py` that offer what cells have built, written as it appears.

No notebook shows them, so nobody can skip one or run it too early.
"""

import ast
from collections.abc import Iterator

from mugrade.blocks import Block, replace
from mugrade.manifest import Manifest
from mugrade.student.workspace import Workspace


def complete_indices(workspace: Workspace) -> list[tuple[str, Block]]:
    """Write every index whose names are all there; returns (module, block) of each.

    Raises WorkspaceError where nothing can be written.
    """
    written = []
    for module, block in workspace.manifest.index:
        blocks = workspace.read_module(module)
        if any(b.id == block.id for b in blocks) or not _possible(workspace, block):
            continue
        order = [entry.id for entry in workspace.manifest.module(module)]
        workspace.write_module(module, replace(blocks, block, order))
        written.append((module, block))
    return written


def _possible(workspace: Workspace, index: Block) -> bool:
    package = workspace.manifest.package
    return all(
        _is_there(workspace, module, name, index.id)
        for module, name in _wanted(index)
        if module.split("/")[0] == package
    )


def _wanted(index: Block) -> Iterator[tuple[str, str]]:
    """What an index imports: (module, name)."""
    for node in ast.walk(index.tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.module.replace(".", "/"), alias.name) for alias in node.names)


def _is_there(workspace: Workspace, module: str, name: str, index: str) -> bool:
    """Whether cells have built a name: what a module of the course defines, else a submodule."""
    for path in (f"{module}.py", f"{module}/__init__.py"):
        if any(name in block.provides for block in workspace.read_module(path)):
            return True
        if name in _promised(workspace.manifest, path, index):
            return False
    files = (workspace.root / module / f"{name}.py", workspace.root / module / name / "__init__.py")
    return any(file.is_file() for file in files)


def _promised(manifest: Manifest, path: str, index: str) -> set[str]:
    """What the course's other cells give a module."""
    symbols = {symbol for entry in manifest.module(path) for symbol in entry.symbols}
    others = (b for module, b in manifest.index if module == path and b.id != index)
    return symbols.union(*(block.provides for block in others))
