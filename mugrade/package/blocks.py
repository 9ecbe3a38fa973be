"""Blocks: the pieces of a module that cells write, and how a module is put together from them."""

import ast
import re
import symtable
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import PurePosixPath

EXPORT = re.compile(r"^#\|[ \t]*export[ \t]+(\S+)[ \t]*\r?(?:\n|\Z)", re.MULTILINE)
LIKE_EXPORT = re.compile(r"^#[ \t]*\|[ \t]*export\b.*", re.IGNORECASE)
SOLUTION_MARK = re.compile(r"^[ \t]*###[ \t]*(?:BEGIN|END) SOLUTION[ \t]*(?:\n|\Z)", re.MULTILINE)
HEADER = re.compile(r"^# %% (\S+)( taken)?$", re.MULTILINE)
STUB = re.compile(
    r"^[ \t]*# YOUR CODE HERE[ \t]*(?:\r?\n[ \t]*)+raise NotImplementedError\(\)", re.MULTILINE
)
SCOPES = (
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.Lambda,
    ast.ListComp,
    ast.SetComp,
    ast.DictComp,
    ast.GeneratorExp,
)


@lru_cache(1024)
def indices(module: str) -> tuple[str, ...]:
    """What makes packages of a module's folders: `a/b/c.py` needs `a/b/__init__.py` and another."""
    return tuple(f"{folder}/__init__.py" for folder in PurePosixPath(module).parents[:-1])


@dataclass(frozen=True)
class Block:
    """The part of a module that one cell wrote; `taken` marks one borrowed from the reference.

    A source that is not Python defines nothing and reads nothing.
    """

    id: str
    source: str
    taken: bool = False

    def __reduce__(self) -> tuple[type["Block"], tuple[str, str, bool]]:
        return Block, (self.id, self.source, self.taken)  # a symbol table cannot be pickled

    @cached_property
    def table(self) -> symtable.SymbolTable:
        """The symbols of the code; none if it is not Python."""
        try:
            return symtable.symtable(self.source, self.id, "exec")
        except (SyntaxError, ValueError):
            return symtable.symtable("", self.id, "exec")

    @cached_property
    def parsed(self) -> ast.Module:
        """The syntax tree; raises what `ast.parse` raises."""
        return ast.parse(self.source)

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree; an empty one if it is not Python."""
        try:
            return self.parsed
        except (SyntaxError, ValueError):
            return ast.Module([], [])

    @cached_property
    def symbols(self) -> frozenset[str]:
        """The functions, classes and variables that the block defines at its top level."""
        return frozenset(_defined(self.tree))

    @cached_property
    def imports(self) -> frozenset[str]:
        """The names that the block imports at its top level."""
        return frozenset(_imported(self.tree))

    @cached_property
    def provides(self) -> frozenset[str]:
        """The symbols and the imported names of the block."""
        return self.symbols | self.imports

    @cached_property
    def needs(self) -> frozenset[str]:
        """The names that the block reads while its module is being imported."""
        return frozenset(_read_on_import(self.tree))

    @cached_property
    def reads(self) -> frozenset[str]:
        """The names of its module that the block reads, on import or when it is called."""
        return frozenset(_globals_read(self.table))


def export_path(source: str) -> str | None:
    """The module file a cell exports to, or None: `#| export needle/init.py` on a line."""
    match = EXPORT.search(source)
    return match.group(1) if match else None


def misspelt_export(source: str) -> str | None:
    """The first line of a cell that was meant to export it and does not."""
    match = LIKE_EXPORT.match(source)
    return match.group() if match and export_path(source) is None else None


def is_module_path(text: str) -> bool:
    """Whether `text` is a relative path of a Python module inside a package."""
    return re.fullmatch(r"[A-Za-z_]\w*(/[A-Za-z_]\w*)+\.py", text, re.ASCII) is not None


def cell_body(source: str) -> str:
    """The source of a cell as it stands in its module: no directive, no solution markers."""
    source = source.replace("\r\n", "\n")
    source = SOLUTION_MARK.sub("", EXPORT.sub("", source, count=1))
    return HEADER.sub(r"#  %% \1", source).strip("\n")


def without_magics(source: str) -> str:
    """A cell whose magics, shell escapes and questions do nothing; what they assign is None."""
    return "\n".join(_without_magic(line) for line in source.split("\n"))


def _without_magic(line: str) -> str:
    code = line.strip(" \t")
    indent = line[: len(line) - len(line.lstrip(" \t"))]
    if code.startswith(("%", "!", "?")) or (code.endswith("?") and "#" not in code):
        return f"{indent}pass"
    target, equals, value = code.partition("=")
    return f"{indent}{target}= None" if equals and value.lstrip().startswith(("%", "!")) else line


def is_stub(source: str) -> bool:
    """Whether the cell still holds the placeholder that nbgrader puts in place of a solution."""
    return STUB.search(source) is not None


def parse_module(text: str) -> list[Block]:
    """The blocks of a module file; text before the first header is a block called `top`."""
    pieces = HEADER.split(text)
    blocks = [Block("top", pieces[0].strip("\n"))] if pieces[0].strip() else []
    for id, taken, source in zip(pieces[1::3], pieces[2::3], pieces[3::3], strict=True):
        blocks.append(Block(id, source.strip("\n"), taken is not None))
    return blocks


def render_module(blocks: Iterable[Block]) -> str:
    """The text of the module file that holds these blocks."""
    return (
        "\n\n\n".join(
            f"# %% {block.id}{' taken' * block.taken}\n{block.source}" for block in blocks
        )
        + "\n"
    )


def replace_block(
    blocks: Iterable[Block], new: Block, order: list[str], required: frozenset[str] = frozenset()
) -> list[Block]:
    """The module's blocks after a cell ran: `new` replaces its former self and what it redefines.

    A former self that defines one of the `required` symbols which nothing newer defines stays
    before it: the student has split the cell.
    """
    kept = [new]
    covered = set(new.symbols)
    for old in reversed(list(blocks)):
        if old.id == new.id:
            superseded = (old.symbols & required) <= covered
        else:
            superseded = bool(old.symbols) and old.symbols <= new.symbols
        if not superseded:
            kept.insert(0, old)
            covered |= old.symbols
    return arrange(kept, order)


def arrange(blocks: list[Block], order: list[str]) -> list[Block]:
    """The course's blocks in the course's order, and a student's helpers among them.

    A helper stands before the first block that uses it while being imported, be it through other
    functions, else at the end.
    """
    rank = {id: i for i, id in enumerate(order)}
    known = sorted((b for b in blocks if b.id in rank), key=lambda block: rank[block.id])
    helpers = [b for b in blocks if b.id not in rank]
    if not helpers:
        return known
    provider = {name: block for block in [*known, *helpers] for name in block.provides}
    placed: list[Block] = []
    waiting = [*known, *helpers]

    def place(block: Block) -> None:
        waiting.remove(block)
        later = {name for other in waiting if other.id in rank for name in other.provides}
        for name in _used_on_import(block, provider):
            helper = provider[name]
            possible = name in block.needs or not helper.needs & later
            if helper in waiting and helper.id not in rank and possible:
                place(helper)
        placed.append(block)

    while waiting:
        place(waiting[0])
    return placed


def _used_on_import(block: Block, provider: dict[str, Block]) -> list[str]:
    """Provided names that importing the block may read, also through the functions it calls."""
    found: dict[str, None] = {}
    pending = sorted(block.needs - block.provides, reverse=True)
    while pending:
        name = pending.pop()
        if name in provider and name not in found:
            found[name] = None
            pending += sorted(provider[name].reads, reverse=True)
    return list(found)


def _defined(tree: ast.Module) -> Iterator[str]:
    for node in _top_level(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.ClassDef(name=name) | ast.Name(id=name, ctx=ast.Store()):
                yield name


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in _top_level(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                yield alias.asname or alias.name.partition(".")[0]


def _top_level(node: ast.AST) -> Iterator[ast.AST]:
    """What runs in the module's own scope, also inside `if`, `try`, `for` and `with`."""
    for child in ast.iter_child_nodes(node):
        yield child
        if not isinstance(child, SCOPES):
            yield from _top_level(child)


def _read_on_import(node: ast.AST) -> Iterator[str]:
    """Names evaluated when the statement runs; the bodies of functions run later."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        yield node.id
    later: list[ast.AST] = []
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        later = [*node.body]
    elif isinstance(node, ast.Lambda):
        later = [node.body]
    for child in ast.iter_child_nodes(node):
        if child not in later:
            yield from _read_on_import(child)


def _globals_read(table: symtable.SymbolTable) -> Iterator[str]:
    for symbol in table.get_symbols():
        at_top = table.get_type() == "module"
        if symbol.is_referenced() and (at_top or symbol.is_global()):
            yield symbol.get_name()
    for child in table.get_children():
        yield from _globals_read(child)
