"""Borrowed stages, and how far a student has come."""

from dataclasses import dataclass
from pathlib import Path

from mugrade.blocks import Block, is_stub, parse_module, replace
from mugrade.errors import CourseError
from mugrade.manifest import BlockEntry
from mugrade.student.workspace import Workspace


@dataclass(frozen=True)
class Progress:
    """Counts for one stage; `built` are exercises with an answer, `taken` the borrowed ones."""

    exercises: int
    built: int
    taken: int
    checks: int
    passing: int
    points: int
    total: int


def take_stage(workspace: Workspace, stage: str, start: Path) -> list[str]:
    """Put the reference's blocks of a stage into the package; returns the modules written.

    Raises CourseError where the course has no solutions, WorkspaceError where nothing can be
    written.
    """
    from mugrade.author.course import find_course

    try:
        solutions = find_course(start) / "solutions"
    except CourseError:
        raise CourseError(
            f"{start} has no solutions to take {stage} from: "
            "name a whole copy of the course with --course"
        ) from None
    entries = [b for b in workspace.manifest.blocks if b.stage == stage]
    paths = list(dict.fromkeys(b.module for b in entries))
    reference = {path: _reference(solutions / path) for path in paths}
    with workspace.lock():
        for path in paths:
            ids = {b.id for b in entries if b.module == path}
            blocks = workspace.read_module(path)
            order = [b.id for b in workspace.manifest.module(path)]
            for block in reference[path]:
                if block.id in ids:
                    blocks = replace(blocks, Block(block.id, block.source, taken=True), order)
            workspace.write_module(path, blocks)
    return paths


def _reference(path: Path) -> list[Block]:
    try:
        return parse_module(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        raise CourseError(
            f"{path} is missing or broken: fetch the course again, or run mugrade build"
        ) from None


def stage_progress(workspace: Workspace, stage: str) -> Progress:
    """How much of a stage is there and passes."""
    manifest = workspace.manifest
    exercises = [b for b in manifest.blocks if b.stage == stage and b.role == "solution"]
    blocks = [b for path in {e.module for e in exercises} for b in workspace.read_module(path)]
    checks = [c for c in manifest.checks if c.stage == stage]
    outcome = workspace.progress()
    passing = [c for c in checks if outcome.get(c.id) is True]
    own = [(e, [b for b in blocks if b.id == e.id]) for e in exercises]
    return Progress(
        exercises=len(exercises),
        built=sum(_is_built(entry, found) for entry, found in own),
        taken=sum(any(block.taken for block in found) for _, found in own),
        checks=len(checks),
        passing=len(passing),
        points=sum(c.points for c in passing),
        total=sum(c.points for c in checks),
    )


def _is_built(entry: BlockEntry, blocks: list[Block]) -> bool:
    """Whether the blocks of an exercise define all that it asks for, none of them as a stub."""
    symbols = {symbol for block in blocks for symbol in block.symbols}
    return symbols >= set(entry.symbols) and not any(is_stub(b.source) for b in blocks)
