"""Which cells of a notebook answer which exercise."""

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import PurePosixPath

from mugrade.course.cells import Role
from mugrade.course.manifest import BlockEntry, Manifest, digest
from mugrade.course.written import find_written
from mugrade.package.blocks import (
    STUB,
    Block,
    cell_body,
    export_path,
    is_module_path,
    without_magics,
)
from mugrade.package.ipynb import SubmittedCell

MAX_SOURCE = 1 << 18
MAX_SHARED = 1 << 12  # a larger cell is not kept in memory for the next notebook
DEFINITION = re.compile(r"^(?:class|def)\s+(\w+)", re.MULTILINE)
NOT_PYTHON = (SyntaxError, ValueError, RecursionError, MemoryError)


@dataclass(frozen=True)
class CandidateCell:
    """A cell that may answer an exercise: its position in the notebook, and whether it exports."""

    position: int
    exported: bool
    block: Block

    @property
    def stubs(self) -> int:
        """How many of the exercise's gaps are still open."""
        return len(STUB.findall(self.block.source))


@dataclass
class StudentCode:
    """A student's code for a stage: exercise -> source, module -> helpers, exercise -> problem.

    `unread`: exercise -> sources of cells meant for it that are no Python code. `answers`: what is
    written in words, by cell.
    """

    exercises: dict[str, str] = field(default_factory=dict)
    helpers: dict[str, list[Block]] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    unread: dict[str, list[str]] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)

    def digest(self, exercise: str) -> str:
        """The digest of all that the student wrote for an exercise, or that it may use."""
        helpers = [(path, b.source) for path, blocks in self.helpers.items() for b in blocks]
        written = self.exercises.get(exercise), self.unread.get(exercise), sorted(helpers)
        return digest(repr(written))

    def misplace(self, cell: SubmittedCell, meant: BlockEntry | None, why: str) -> None:
        """Note a cell that cannot answer the exercise that it was meant for."""
        if meant:
            self.problems[meant.id] = why
            self.unread.setdefault(meant.id, []).append(cell.source)


def find_code(cells: Iterable[SubmittedCell], manifest: Manifest, stage: str) -> StudentCode:
    """What a student has written for a stage: exercises, and exported helpers of their own.

    A cell answers the exercise whose symbols it defines, else the one whose id it has;
    `choose_cells` decides between several. What a student added to a given cell is a helper.
    """
    entries = [b for b in manifest.blocks if b.stage == stage]
    candidates: dict[str, list[CandidateCell]] = {}
    cells = list(cells)
    written = [entry for entry in manifest.written if entry.stage == stage]
    code = StudentCode(answers=find_written(cells, written))
    for position, cell in enumerate(cells):
        if cell.kind != "code":
            code.misplace(cell, _guess(cell, entries), f"its code is in a {cell.kind} cell")
            continue
        module = export_path(cell.source)
        try:
            block = _parsed(cell)
            entry = _identify(cell, block, module, entries, manifest)
            helper = block if entry is None else _additions(block, entry, entries)
        except NOT_PYTHON as error:
            text = f"{type(error).__name__}: {getattr(error, 'msg', error)}"
            code.misplace(cell, _guess(cell, entries), text)
            continue
        if entry is not None and entry.role == Role.SOLUTION:
            if module or _is_answer(cell, block, entry):
                found = candidates.setdefault(entry.id, [])
                found.append(CandidateCell(position, module is not None, block))
            continue
        target = entry.module if entry else module
        if target and helper.source and (entry or _may_extend(target, manifest, stage)):
            code.helpers.setdefault(target, []).append(helper)
    required = {b.id: set(b.symbols) for b in entries}
    for id, found in candidates.items():
        if chosen := choose_cells(found, required[id]):
            code.exercises[id] = "\n\n\n".join(c.block.source for c in chosen)
            if not any(c.stubs for c in chosen):
                code.problems.pop(id, None)
    return code


def _parsed(cell: SubmittedCell) -> Block:
    """The cell as a block; IPython's magics count only where they keep it from being Python."""
    if len(cell.source) > MAX_SOURCE:
        raise ValueError(f"the cell is larger than {MAX_SOURCE >> 10} kB")
    parse = _parse_once if len(cell.source) <= MAX_SHARED else _parse
    return parse(cell.id, cell.source)


def _parse(id: str, source: str) -> Block:
    try:
        return _walked(Block(id, cell_body(source)))
    except SyntaxError:
        return _walked(Block(id, cell_body(without_magics(source))))


_parse_once = lru_cache(256)(_parse)  # most cells of a class's notebooks are the course's own


def _walked(block: Block) -> Block:
    """The block, once all that is asked of it later has been found; raises NOT_PYTHON."""
    assert None not in (block.parsed, block.provides, block.needs, block.reads)
    return block


def _identify(
    cell: SubmittedCell,
    block: Block,
    module: str | None,
    entries: list[BlockEntry],
    manifest: Manifest,
) -> BlockEntry | None:
    among = [e for e in entries if e.module == module] or entries
    found = manifest.identify(block, among)
    return found or next((e for e in among if e.id == cell.grade_id and block.symbols), None)


def _guess(cell: SubmittedCell, entries: list[BlockEntry]) -> BlockEntry | None:
    """The exercise that a cell which is no Python code was meant for."""
    names = set(DEFINITION.findall(cell.source))
    solutions = [e for e in entries if e.role == Role.SOLUTION]
    by_name = (e for e in solutions if names & set(e.symbols))
    by_id = (e for e in solutions if e.id in (cell.id, cell.grade_id))
    return next(by_name, None) or next(by_id, None)


def _is_answer(cell: SubmittedCell, block: Block, entry: BlockEntry) -> bool:
    """Whether a cell without an export line is more than a trial that reuses a name."""
    defined = set(DEFINITION.findall(block.source)) & set(entry.symbols)
    return bool(defined) or entry.id in (cell.id, cell.grade_id)


def choose_cells(candidates: Iterable[CandidateCell], required: set[str]) -> list[CandidateCell]:
    """The cells that count, in the notebook's order; together they cover the `required` symbols.

    The one with the fewest open gaps wins, then one that exports, then the last. An exported cell
    that was left without the symbols is kept: the student has split it.
    """
    missing = set(required)
    chosen: list[CandidateCell] = []
    for c in sorted(candidates, key=lambda c: (c.stubs, not c.exported, -c.position)):
        symbols = c.block.symbols
        if symbols & missing or (c.exported and not symbols & required):
            chosen.append(c)
            missing -= symbols - c.block.needs
    return sorted(chosen, key=lambda c: c.position)


def _additions(block: Block, entry: BlockEntry, entries: list[BlockEntry]) -> Block:
    """What a student added to a given cell: imports, and definitions of other names."""
    if entry.role == Role.SOLUTION or entry.digest == digest(block.source):
        return Block("", "")
    course = {symbol for e in entries for symbol in e.symbols}
    statements = (s for s in block.tree.body if getattr(s, "module", "") != "__future__")
    pieces = (Block("", ast.unparse(statement)) for statement in statements)
    kept = (p.source for p in pieces if p.provides and not p.symbols & course)
    return Block(f"{entry.id}-additions", "\n".join(kept))


def _may_extend(module: str, manifest: Manifest, stage: str) -> bool:
    """Whether a student may put helpers into `module`: nothing of another stage is touched."""
    path = PurePosixPath(module)
    taken = {b.module for b in manifest.blocks if b.stage != stage}
    modules = {b.module for b in manifest.blocks}
    shadows = any(f"{folder}.py" in modules for folder in path.parents) or any(
        m.startswith(f"{path.with_suffix('')}/") for m in modules
    )
    inside = is_module_path(module) and module.startswith(f"{manifest.package}/")
    return inside and module not in taken and not shadows
