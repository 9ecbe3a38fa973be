"""What a student's folder knows of the course: `course.json`, `answers.json`, `cells.json`."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from mugrade.course.cells import TEXT, Role
from mugrade.course.datasets import DataSet
from mugrade.errors import WorkspaceError
from mugrade.extras import LIBRARIES
from mugrade.package.blocks import Block

FORMAT = 1  # of all these files; what an older mugrade may ignore does not raise it
MANIFEST, ANSWERS, CELLS = "course.json", "answers.json", "cells.json"
SOLUTIONS = "solutions.json"  # the reference of those stages whose answers are out
INSTRUCTOR = "instructor"  # the folder of what students do not get
START = "00_start.ipynb"  # what one opens first


@dataclass(frozen=True)
class Format:
    """What of a manifest any mugrade can read."""

    format: int = FORMAT


@dataclass(frozen=True)
class BlockEntry:
    """A cell that is exported: where it goes and the symbols that it defines.

    The source of an index, the lines of an `__init__.py` that no notebook shows, is here.
    """

    id: str
    stage: str
    role: str
    module: str
    symbols: list[str]
    digest: str
    source: str = ""


@dataclass(frozen=True)
class CheckEntry:
    """A check: its points, the exercise it belongs to, and whether it has hidden inputs too.

    `hints`: whether there are some to its exercise; `optional`: its points are a bonus. A written
    answer is its own exercise, and its `why` is the cell as it was handed out.
    """

    id: str
    stage: str
    points: int
    of: str
    why: str
    hidden: bool = False
    hints: bool = True
    optional: bool = False

    @property
    def is_written(self) -> bool:
        """Whether it is a written answer, and no check."""
        return self.id == self.of

    @property
    def max_points(self) -> int:
        """What it adds to the points of its stage; a bonus comes on top of them."""
        return 0 if self.optional else self.points


@dataclass(frozen=True)
class ReleasedCell:
    """A cell as it was handed out; `data` are the files that it reads, separated by blanks."""

    id: str
    stage: str
    role: str
    source: str
    data: str = ""

    @property
    def kind(self) -> str:
        """Which kind of cell a notebook has for it."""
        return "markdown" if self.role in TEXT else "code"


@dataclass(frozen=True)
class Manifest:
    """The public part of a course, without solutions.

    `libraries` as requirements; `data` is what can be fetched; `seconds`: stage -> the time limit
    of each of its checks, where the course sets one; `written`: the answers in words.
    """

    package: str
    stages: dict[str, str]
    blocks: list[BlockEntry]
    checks: list[CheckEntry]
    hints: dict[str, list[str]]
    libraries: tuple[str, ...] = LIBRARIES
    data: dict[str, DataSet] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    written: list[CheckEntry] = field(default_factory=list)

    @classmethod
    def read(cls, folder: Path) -> "Manifest":
        """The manifest in a folder; raises WorkspaceError if it is of a newer mugrade.

        And OSError or ValueError if it cannot be read.
        """
        from mugrade import codec

        content = (folder / MANIFEST).read_bytes()
        if (found := codec.read(content, Format).format) > FORMAT:
            raise WorkspaceError(
                f"{folder / MANIFEST} has format {found} of a newer mugrade, and this one "
                f"knows {FORMAT}: upgrade mugrade"
            )
        return codec.read(content, cls)

    def to_json(self) -> dict[str, Any]:
        """What `read` reads, as `course.json` holds it."""
        entries = {"checks": self.checks, "written": self.written}
        some = {name: [_without_defaults(e) for e in of] for name, of in entries.items()}
        return {"format": FORMAT, **asdict(self), **some}

    @cached_property
    def order(self) -> list[str]:
        """The ids of the exported cells, in the course's order."""
        return [entry.id for entry in self.blocks]

    @cached_property
    def index(self) -> list[tuple[str, Block]]:
        """The indices, as (module, block), in the course's order."""
        entries = (entry for entry in self.blocks if entry.role == Role.INDEX)
        return [(entry.module, Block(entry.id, entry.source)) for entry in entries]

    @cached_property
    def check(self) -> dict[str, CheckEntry]:
        """The checks by id."""
        return {entry.id: entry for entry in self.checks}

    def exercises(self, stage: str) -> list[BlockEntry]:
        """What a student writes in a stage, in the course's order."""
        return [b for b in self.blocks if b.stage == stage and b.role == Role.SOLUTION]

    def answers(self, stage: str) -> list[CheckEntry]:
        """The written answers of a stage that give points."""
        return [entry for entry in self.written if entry.stage == stage and entry.points]

    def module(self, path: str) -> list[BlockEntry]:
        """The blocks of one module, in the course's order."""
        return [entry for entry in self.blocks if entry.module == path]

    def stage(self, name: str) -> str:
        """The stage called `name`, or whose number it is (`3`, `03`); raises KeyError."""
        for stage in self.stages:
            if name in (stage, stage[:2]) or name.zfill(2) == stage[:2]:
                return stage
        raise KeyError(name)

    def stage_of_module(self, module: str) -> str | None:
        """The stage that builds `needle.nn.norm` or, for a folder, its first module."""
        path = module.replace(".", "/")
        found = [b.stage for b in self.blocks if b.module in (f"{path}.py", f"{path}/__init__.py")]
        return found[0] if found else None

    def stage_of_symbol(self, symbol: str, module: str) -> str | None:
        """The stage that defines `symbol` in a module at or below `module`."""
        folder = module.replace(".", "/")
        found = [
            b.stage
            for b in self.blocks
            if symbol in b.symbols
            and (b.module == f"{folder}.py" or b.module.startswith(f"{folder}/"))
        ]
        return found[0] if found else None

    def identify(self, block: Block, among: list[BlockEntry]) -> BlockEntry | None:
        """The course's cell that a student's cell answers.

        By the symbols it defines, then by its id, then by its text; None for a helper of the
        student's own.
        """
        by_symbols = max(among, key=lambda b: len(block.symbols & set(b.symbols)), default=None)
        if by_symbols and block.symbols & set(by_symbols.symbols):
            return by_symbols
        for entry in among:
            if entry.id == block.id or entry.digest == digest(block.source):
                return entry
        return None


def _without_defaults(entry: CheckEntry) -> dict[str, Any]:
    """The entry, but for what older files do not say either."""
    usual = {"hints": True, "optional": False}
    return {name: said for name, said in asdict(entry).items() if usual.get(name) is not said}


def digest(source: str) -> str:
    """The first 16 hex digits of a source's SHA-256."""
    return hashlib.sha256(source.encode()).hexdigest()[:16]


def manifest_blocks(entries: Iterable[tuple[str, str, str, Block]]) -> list[BlockEntry]:
    """Entries from (stage, role, module, block)."""
    return [
        BlockEntry(
            block.id,
            stage,
            role,
            module,
            sorted(block.symbols),
            digest(block.source),
            block.source if role == Role.INDEX else "",
        )
        for stage, role, module, block in entries
    ]


def read_released(folder: Path) -> list[ReleasedCell]:
    """The cells of all notebooks, as they were handed out; in older courses no prose, no demos.

    Raises OSError or ValueError.
    """
    return released_cells((folder / CELLS).read_bytes())


def released_cells(content: bytes) -> list[ReleasedCell]:
    """The cells that a file of released cells holds; raises ValueError."""
    from mugrade import codec

    return codec.read(content, list[ReleasedCell])


@dataclass(frozen=True)
class ReleasedSolution:
    """A cell of the reference in a stage whose answers are out."""

    id: str
    stage: str
    module: str
    source: str


def read_solutions(folder: Path) -> list[ReleasedSolution]:
    """What is out of the reference, in the course's order; nothing where no such file is.

    Raises OSError or ValueError.
    """
    path = folder / SOLUTIONS
    return solutions_in(path.read_bytes()) if path.exists() else []


def solutions_in(content: bytes) -> list[ReleasedSolution]:
    """The reference's cells that a file of them holds; raises ValueError."""
    from mugrade import codec

    return codec.read(content, list[ReleasedSolution])


def dump(data: object) -> str:
    """JSON as the course's files hold it: sorted, indented, the same bytes every time."""
    return json.dumps(data, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
