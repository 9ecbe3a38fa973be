"""Import a package from blocks in memory; a block that fails costs only itself."""

import __future__

import contextlib
import importlib
import sys
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from typing import Any

from mugrade.package.blocks import indices
from mugrade.values.observe import describe


@dataclass(frozen=True)
class Piece:
    """A block to run; `fallback` runs in its place if it raises."""

    id: str
    source: str
    fallback: str = ""


Package = Mapping[str, Sequence[Piece]]  # module path -> its blocks, in order


def package_to_json(package: Package) -> dict[str, list[list[str]]]:
    return {path: [[p.id, p.source, p.fallback] for p in package[path]] for path in package}


def package_from_json(data: Mapping[str, Sequence[Sequence[str]]]) -> Package:
    return {path: [Piece(*piece) for piece in data[path]] for path in data}


def modules_of(package: Package) -> dict[str, tuple[str, Sequence[Piece]]]:
    """Module name -> its path and blocks.

    A folder without an `__init__.py` gets an empty one, and comes before a file of its name.
    """
    inits = {init for path in package for init in indices(path)}
    paths = [*sorted(package.keys() - inits), *sorted(inits)]
    return {module_name(path): (path, package.get(path, ())) for path in paths}


def extends(package: Package, base: Package) -> bool:
    """Whether a process that has imported `base` can go on to import `package`.

    It holds every module of `base` with the same blocks; an `__init__.py` may have more after them.
    """
    modules = modules_of(package)
    for name, (path, pieces) in modules_of(base).items():
        found_path, found = modules.get(name, ("", ()))
        more = len(found) - len(pieces)
        first = [(p.id, p.source) for p in found[: len(pieces)]]
        if found_path != path or first != [(p.id, p.source) for p in pieces]:
            return False
        if more and not path.endswith("/__init__.py"):
            return False
    return True


def added(package: Package, base: Package) -> Package:
    """The modules of a package that extends `base` which have blocks that `base` lacks."""
    return {path: p for path, p in package.items() if len(p) > len(base.get(path, ()))}


def _nobody(id: str) -> None:
    """Tell nobody which block is being run."""


def load_package(
    package: Package, base: Package | None = None, tell: Callable[[str], None] = _nobody
) -> dict[str, str]:
    """Import every module of a package; returns block id -> the exception that it raised.

    `base` is what this process has imported before, and `package` extends it: only what has new
    blocks is imported again, in the order in which the modules ask for each other. `tell` is told
    which block is being run, or nothing.
    """
    importer = BlockImporter(package, tell)
    sys.meta_path.insert(0, importer)
    for name, (_, pieces) in modules_of(base or {}).items():
        if len(importer.modules[name][1]) > len(pieces):
            del sys.modules[name]
    for name in sorted(importer.modules):
        importlib.import_module(name)
    importer.tell = _nobody
    return importer.failures


class BlockImporter(MetaPathFinder, Loader):
    """Finds the modules of a package; tells which block runs, and notes which failed."""

    def __init__(self, package: Package, tell: Callable[[str], None]) -> None:
        self.modules, self.tell = modules_of(package), tell
        self.running = [""]  # one block within another, where it imports that one's module
        self.failures: dict[str, str] = {}

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name not in self.modules:
            return None
        is_package = self.modules[name][0].endswith("/__init__.py")
        return ModuleSpec(name, self, is_package=is_package)

    def exec_module(self, module: types.ModuleType) -> None:
        for name, child in list(sys.modules.items()):
            if name.rpartition(".")[0] == module.__name__:  # imported before its package was again
                setattr(module, name.rpartition(".")[2], child)
        for piece in self.modules[module.__name__][1]:
            with self._told(piece.id):
                self._run(piece, module)

    def _run(self, piece: Piece, module: types.ModuleType) -> None:
        try:
            _run(piece.source, piece.id, module)
        except (Exception, SystemExit) as error:
            self.failures[piece.id] = describe(error)
            with contextlib.suppress(Exception):
                _run(piece.fallback, piece.id, module)

    @contextlib.contextmanager
    def _told(self, id: str) -> Iterator[None]:
        self.running.append(id)
        self.tell(id)
        yield
        self.running.pop()
        self.tell(self.running[-1])


def compile_block(source: str, id: str, scope: Mapping[str, Any]) -> types.CodeType:
    """Compile a block under the `__future__` imports that its module's earlier blocks have made."""
    flags = 0
    for value in scope.values():
        if isinstance(value, __future__._Feature):
            flags |= value.compiler_flag
    name = f"{scope['__name__']} [{id}]"
    code: types.CodeType = compile(source, name, "exec", flags, dont_inherit=True)
    return code


def _run(source: str, id: str, module: types.ModuleType) -> None:
    exec(compile_block(source, id, vars(module)), vars(module))


def module_name(path: str) -> str:
    """`needle/nn/norm.py` -> `needle.nn.norm`; `needle/nn/__init__.py` -> `needle.nn`."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
