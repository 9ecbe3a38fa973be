"""Import a package from blocks in memory; a block that fails costs only itself."""

import __future__

import contextlib
import sys
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import PurePosixPath
from typing import Any

from mugrade.observe import describe


@dataclass(frozen=True)
class Piece:
    """A block to run; `fallback` runs in its place if it raises."""

    id: str
    source: str
    fallback: str = ""


class BlockImporter(MetaPathFinder, Loader):
    """Finds the modules of a package given as module path -> pieces; notes what failed.

    A folder without an `__init__.py` gets an empty one, and comes before a file of its name.
    """

    def __init__(self, modules: Mapping[str, Sequence[Piece]]) -> None:
        folders = {folder for path in modules for folder in PurePosixPath(path).parents[:-1]}
        indices = {f"{folder}/__init__.py" for folder in folders}
        given = {
            path: modules.get(path, ()) for path in [*sorted(modules.keys() - indices), *indices]
        }
        self.modules = {module_name(path): (path, pieces) for path, pieces in given.items()}
        self.failures: dict[str, str] = {}

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name not in self.modules:
            return None
        is_package = self.modules[name][0].endswith("/__init__.py")
        return ModuleSpec(name, self, is_package=is_package)

    def exec_module(self, module: types.ModuleType) -> None:
        for piece in self.modules[module.__name__][1]:
            try:
                _run(piece.source, piece.id, module)
            except (Exception, SystemExit) as error:
                self.failures[piece.id] = describe(error)
                with contextlib.suppress(Exception):
                    _run(piece.fallback, piece.id, module)

    def load(self) -> dict[str, str]:
        """Import every module; returns block id -> the exception that it raised."""
        sys.meta_path.insert(0, self)
        for name in sorted(self.modules):
            __import__(name)
        return self.failures


def compile_block(source: str, id: str, scope: Mapping[str, Any]) -> types.CodeType:
    """Compile a block under the `__future__` imports that its module's earlier blocks have made."""
    flags = 0
    for value in scope.values():
        if isinstance(value, __future__._Feature):
            flags |= value.compiler_flag
    return compile(source, f"{scope['__name__']} [{id}]", "exec", flags, dont_inherit=True)


def _run(source: str, id: str, module: types.ModuleType) -> None:
    exec(compile_block(source, id, vars(module)), vars(module))


def module_name(path: str) -> str:
    """`needle/nn/norm.py` -> `needle.nn.norm`; `needle/nn/__init__.py` -> `needle.nn`."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
