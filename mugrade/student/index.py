"""The lines of an `__init__.py` that offer what cells have built, written as it appears.

No notebook shows them, so nobody can skip one or run it too early.
"""

import ast
from collections.abc import Callable, Iterator

from mugrade.course.manifest import Manifest
from mugrade.package.blocks import Block, replace_block
from mugrade.student.workspace import Workspace

Modules = Callable[[str], list[Block]]  # path of a module -> its blocks


def complete_indices(workspace: Workspace) -> list[tuple[str, Block]]:
    """Write every index whose names are all there; returns (module, block) of each.

    Raises WorkspaceError where nothing can be written.
    """
    written = []
    for path, block in missing_indices(workspace.manifest, workspace.read_module):
        order = [entry.id for entry in workspace.manifest.module(path)]
        workspace.write_module(path, replace_block(workspace.read_module(path), block, order))
        written.append((path, block))
    return written


def missing_indices(manifest: Manifest, modules: Modules) -> Iterator[tuple[str, Block]]:
    """The indices, (module, block), that can be written and are not there, one after the other."""
    for path, block in manifest.index:
        if not any(b.id == block.id for b in modules(path)) and all(
            _is_there(manifest, modules, module, name, block.id)
            for module, name in _wanted(block)
            if module.split("/")[0] == manifest.package
        ):
            yield path, block


def _wanted(index: Block) -> Iterator[tuple[str, str]]:
    """What an index imports: (module, name)."""
    for node in ast.walk(index.tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.module.replace(".", "/"), alias.name) for alias in node.names)


def _is_there(manifest: Manifest, modules: Modules, module: str, name: str, index: str) -> bool:
    """Whether cells have built a name: what a module of the course defines, else a submodule."""
    for path in (f"{module}.py", f"{module}/__init__.py"):
        if any(name in block.provides for block in modules(path)):
            return True
        if name in _promised(manifest, path, index):
            return False
    below = {e.module for e in manifest.blocks if e.module.startswith(f"{module}/{name}/")}
    return any(modules(path) for path in (f"{module}/{name}.py", *below))


def _promised(manifest: Manifest, path: str, index: str) -> set[str]:
    """What the course's other cells give a module."""
    symbols = {symbol for entry in manifest.module(path) for symbol in entry.symbols}
    others = (b for module, b in manifest.index if module == path and b.id != index)
    return symbols.union(*(block.provides for block in others))
