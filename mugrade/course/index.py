"""The line of an index, written from what the cells of its stage export."""

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from mugrade.course.cells import Cell, Role

LONGEST_LINE = 100
Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def with_imports(cells: Sequence[Cell]) -> list[Cell]:
    """The cells, each index without lines of its own with the import of what it is `of`."""
    return [
        replace(cell, source=offered(cell, cells))
        if cell.role == Role.INDEX and cell.of and not cell.source
        else cell
        for cell in cells
    ]


def offered(index: Cell, cells: Sequence[Cell]) -> str:
    """The import of the public names that cells give the module an index is `of`, or nothing.

    Of an `__init__.py` it is the functions that its own indices are of: one folder up, a class of
    the same name may be another thing.
    """
    path = _module(index)
    nodes = list(_public(path, cells))
    for below in (cell for cell in cells if cell.role == Role.INDEX and cell.export == path):
        found = _public(_module(below), cells)
        nodes += (node for node in found if not isinstance(node, ast.ClassDef))
    return _import(path, sorted({node.name for node in nodes}))


def _module(index: Cell) -> str:
    """The path of the module that an index is `of`, which is named from the index's folder."""
    return str(PurePosixPath(index.export).parent / index.of)


def _public(path: str, cells: Iterable[Cell]) -> Iterator[Definition]:
    """The definitions in a module but for helpers, which are `_name` or in a cell `of` another."""
    for cell in cells:
        if cell.export == path and not cell.of:
            for node in cell.block.tree.body:
                if isinstance(node, Definition) and not node.name.startswith("_"):
                    yield node


def _import(path: str, names: Sequence[str]) -> str:
    module = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    line = f"from {module} import {', '.join(names)}"
    if len(line) > LONGEST_LINE:
        line = f"from {module} import (\n" + "".join(f"    {name},\n" for name in names) + ")"
    return line if names else ""
