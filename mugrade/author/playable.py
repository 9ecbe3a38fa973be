"""What keeps a student's notebook from running, found without running anything."""

import ast
import builtins
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from mugrade.course.cells import Cell, Role
from mugrade.course.model import Course, Stage
from mugrade.errors import CourseError
from mugrade.package.blocks import Block, indices, without_magics
from mugrade.sandbox.loader import module_name

EXTENSION = re.compile(r"^%load_ext mugrade\b", re.MULTILINE)
CODE = (Role.GIVEN, Role.SOLUTION, Role.CHECK, Role.DEMO)
GIVEN_BY_PYTHON = {*dir(builtins), "__name__", "__file__", "get_ipython", "display"}


@dataclass
class Importable:
    """What cells have built so far: modules and folders by name, and what each of them defines."""

    modules: set[str] = field(default_factory=set)
    symbols: dict[str, set[str]] = field(default_factory=dict)

    def add(self, cell: Cell) -> None:
        """Take over what a cell writes into its module; that is offered in every folder above."""
        above = [module_name(path) for path in indices(cell.export)]
        for module in (module_name(cell.export), *above):
            self.modules.add(module)
            self.symbols.setdefault(module, set()).update(cell.block.symbols)

    def has(self, module: str, name: str = "") -> bool:
        """Whether a module can be imported, or a name from it."""
        if not name:
            return module in self.modules
        return f"{module}.{name}" in self.modules or name in self.symbols.get(module, ())


def demand_playable(course: Course) -> None:
    """Raise CourseError, a line for each finding, where a student's notebook could not run."""
    if found := list(obstacles(course)):
        raise CourseError("\n".join(found))


def obstacles(course: Course) -> Iterator[str]:
    """One line `file:line: what is wrong, and what mends it` for each obstacle."""
    later, built = Importable(), Importable({course.package})
    for stage in course.stages:
        for cell in stage.exports:
            later.add(cell)
    for stage in course.stages:
        yield from _not_exported(stage)
        yield from _not_loaded(stage)
        yield from _too_early(stage, built, later)
        yield from _unbound(stage)


def _at(stage: Stage, line: int, text: str) -> str:
    return f"{stage.path.name}:{line}: {text}"


def _not_exported(stage: Stage) -> Iterator[str]:
    for cell in stage.role(Role.SOLUTION):
        if not cell.export:
            text = f'exercise {cell.id} is exported nowhere: write export="package/module.py"'
            yield _at(stage, cell.line, text)


def _not_loaded(stage: Stage) -> Iterator[str]:
    """A notebook without the extension exports nothing and finds no course."""
    for cell in stage.role(*CODE):
        if EXTENSION.search(cell.source):
            return
        if cell.export or cell.role == Role.CHECK:
            text = f"no cell above {cell.id} loads mugrade: write %load_ext mugrade above it"
            yield _at(stage, cell.line, text)
            return


def _too_early(stage: Stage, built: Importable, later: Importable) -> Iterator[str]:
    """Imports of what is only built further down, or in a later stage."""
    for cell in stage.cells:
        if cell.role in CODE:
            for line, module, name in _imports(cell):
                if later.has(module, name) and not built.has(module, name):
                    what = f"{module}.{name}" if name else module
                    text = f"{cell.id} imports {what}, which is built below it: import it there"
                    yield _at(stage, cell.line + line, text)
        if cell.export and cell.role != Role.INDEX:
            built.add(cell)


def _imports(cell: Cell) -> Iterator[tuple[int, str, str]]:
    """Line, module and perhaps the name that a cell imports from it as soon as it runs."""
    for node in _at_once(_code(cell).tree, cell.role == Role.CHECK):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name, "") for alias in node.names)
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.lineno, node.module, ""
            yield from ((node.lineno, node.module, alias.name) for alias in node.names)


def _at_once(node: ast.AST, also_in_functions: bool) -> Iterator[ast.AST]:
    """The nodes below one, without what only runs when a function is called."""
    for child in ast.iter_child_nodes(node):
        yield child
        if also_in_functions or not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _at_once(child, also_in_functions)


def _unbound(stage: Stage) -> Iterator[str]:
    """Names in checks that neither a given cell above nor an exercise binds."""
    bound = set(GIVEN_BY_PYTHON)
    for cell in stage.cells:
        block = _code(cell)
        if cell.role == Role.GIVEN and not cell.export:
            if _imports_all(block):
                return
            bound |= block.provides
        if cell.export:
            bound |= block.symbols
        if cell.role == Role.CHECK:
            for name in sorted(block.reads - block.provides - bound):
                text = f"check {cell.id} uses {name}, which no given cell above binds: {_way(name)}"
                yield _at(stage, cell.line + _line(cell, name), text)


def _way(name: str) -> str:
    return f"import or define {name} in a given cell that is not exported"


def _code(cell: Cell) -> Block:
    """The code of a cell, line by line as it stands in the script; none if it is prose."""
    return Block(cell.id, without_magics(cell.source) if cell.role in CODE else "")


def _imports_all(block: Block) -> bool:
    return "*" in block.imports


def _line(cell: Cell, name: str) -> int:
    """The first line of a cell's code that reads a name."""
    nodes: Iterable[ast.AST] = ast.walk(_code(cell).tree)
    found = (n.lineno for n in nodes if isinstance(n, ast.Name) and n.id == name)
    return min(found, default=0)
