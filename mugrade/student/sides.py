"""Notebook and package side by side: which of them holds an answer, and which is older."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from mugrade.course.exercises import find_code
from mugrade.course.manifest import BlockEntry
from mugrade.package.blocks import Block, cell_body, is_stub
from mugrade.package.ipynb import cells_in
from mugrade.student import Side, noted
from mugrade.student.kept import By, Kept, every_kept
from mugrade.student.notebook import Notebook
from mugrade.student.releases import released_texts
from mugrade.student.workspace import Workspace

NOTHING, BEGUN, WRITTEN = range(3)


@dataclass(frozen=True)
class Sides:
    """What the notebook (`mine`) and the package (`built`) hold of an exercise.

    `state` says how far each is: NOTHING but the stub, BEGUN with gaps left, or WRITTEN.
    """

    entry: BlockEntry
    mine: str
    built: str
    state: tuple[int, int]
    saved: float
    ran: float

    @property
    def fuller(self) -> Side | None:
        """The only side that has an answer; None where both have one."""
        mine, built = self.state
        return Side.NOTEBOOK if built == NOTHING else Side.PACKAGE if mine == NOTHING else None

    @property
    def ahead(self) -> Side | None:
        """The side whose answer is whole while the other's has gaps, if there is one."""
        mine, built = self.state
        return Side.NOTEBOOK if mine > built else Side.PACKAGE if built > mine else None

    @property
    def newer(self) -> Side:
        """The notebook if it was saved after the package got its text."""
        return Side.NOTEBOOK if self.saved > self.ran else Side.PACKAGE

    @property
    def dates(self) -> str:
        """When the package's text ran, and whether the notebook was saved before or after."""
        age = "newer" if self.newer == Side.NOTEBOOK else "older"
        return f"which ran {at(self.ran)}; the notebook is {age}, saved {at(self.saved)}"


def disagreements(workspace: Workspace, stage: str, notebook: Notebook) -> list[Sides]:
    """The exercises of a stage of which notebook and package hold different definitions."""
    found = (s for s in every_side(workspace, stage, notebook) if _differ(s))
    return [sides for sides in found if sides.state != (NOTHING, NOTHING)]


def every_side(workspace: Workspace, stage: str, notebook: Notebook) -> Iterator[Sides]:
    """What notebook and package hold of a stage's exercises, but for those that are borrowed."""
    written = find_code(cells_in(notebook.content), workspace.manifest, stage).exercises
    exported = workspace.exported(stage)
    saved = notebook.path.stat().st_mtime
    cells = {cell.id: cell for cell in workspace.released if cell.stage == stage}
    for entry in (e for e in workspace.manifest.exercises(stage) if e.id in cells):
        mine, built = written.get(entry.id, ""), exported.get(entry.id, "")
        if not mine and (found := notebook.find(workspace, cells[entry.id])):
            mine = cell_body(notebook.source(found[0]))
        if not _is_taken(workspace, entry):
            state = how_far(workspace, entry.id, mine), how_far(workspace, entry.id, built)
            yield Sides(entry, mine, built, state, saved, noted.ran(workspace, entry))


def lost_answers(workspace: Workspace, stage: str, notebook: Notebook) -> Iterator[Kept]:
    """The last answers to exercises of which there is nothing else, but for those reset."""
    kept = sorted(every_kept(workspace), key=lambda entry: (entry.time, entry.number))
    last = {entry.id: entry for entry in kept}
    for sides in every_side(workspace, stage, notebook):
        found = last.get(sides.entry.id)
        if found and sides.state == (NOTHING, NOTHING) and found.by != By.RESET:
            yield found


def how_far(workspace: Workspace, id: str, text: str) -> int:
    """Whether a text is NOTHING but what was handed out, is BEGUN with gaps left, or WRITTEN."""
    body = cell_body(text)
    if not body.strip() or body in released_texts(workspace, id):
        return NOTHING
    return BEGUN if is_stub(body) else WRITTEN


def _is_taken(workspace: Workspace, entry: BlockEntry) -> bool:
    blocks = workspace.read_module(entry.module)
    return any(block.id == entry.id and block.taken for block in blocks)


def _differ(sides: Sides) -> bool:
    """Whether both define what is asked for in different ways."""
    ours, theirs = definitions(sides.mine), definitions(sides.built)
    return any(ours.get(name) != theirs.get(name) for name in sides.entry.symbols)


def definitions(source: str) -> dict[str, str]:
    """Name -> what it is defined as, without comments and blanks."""
    return {
        name: ast.dump(statement)
        for statement in Block("", source).tree.body
        for name in Block("", ast.unparse(statement)).symbols
    }


def at(seconds: float) -> str:
    """A time as one reads it."""
    return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M:%S")
