"""A course: its stages with their cells, and the mistakes that it knows."""

import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from mugrade.course.cells import Cell, Role, plain_python
from mugrade.course.settings import Settings
from mugrade.errors import CourseError
from mugrade.package.blocks import Block, indices
from mugrade.values.diagnosis.exceptions import ExceptionRule
from mugrade.values.verdict import Diagnosis


@dataclass(frozen=True)
class Mistake:
    """A mistake of which the course knows: edits of the exercise `of`, and how they are explained.

    `line` is where it stands; `plain` as in `mistakes.Trace`.
    """

    of: str
    edits: tuple[tuple[str, str], ...]
    diagnosis: Diagnosis
    line: int
    plain: bool = False

    @property
    def id(self) -> str:
        """What tells it from other mistakes of the course, wherever it stands."""
        return f"{zlib.crc32(repr((self.of, self.edits)).encode()):x}"

    def made_in(self, source: str) -> str:
        """The exercise's source with the mistake in it."""
        for old, new in self.edits:
            source = source.replace(old, new)
        return source


@dataclass(frozen=True)
class Stage:
    """One script: a notebook for the student, an assignment for nbgrader.

    `mistakes` are the entries of `mistakes/NN_name.toml`, known wrong answers to its exercises.
    """

    path: Path
    cells: tuple[Cell, ...]
    mistakes: tuple["Mistake", ...] = ()

    @property
    def name(self) -> str:
        return self.path.stem

    @cached_property
    def title(self) -> str:
        """The first heading of the notebook."""
        prose = "\n".join(cell.source for cell in self.cells if cell.role == Role.PROSE)
        heading = re.search(r"^# (.+)$", prose, re.MULTILINE)
        return heading.group(1).strip() if heading else self.name

    def role(self, *roles: str) -> Iterator[Cell]:
        """The cells that have one of the roles."""
        return (cell for cell in self.cells if cell.role in roles)

    @property
    def exports(self) -> Iterator[Cell]:
        """The cells that become blocks of the package."""
        return (cell for cell in self.cells if cell.export)

    @property
    def setup(self) -> str:
        """The code that stands before every check: given cells that are not exported."""
        given = (cell.source for cell in self.role(Role.GIVEN) if not cell.export)
        return "\n".join(line for source in given for line in plain_python(source))

    @property
    def data(self) -> list[str]:
        """The data files, below `notebooks/`, that the stage's checks may read."""
        return [path for cell in self.cells for path in cell.data.split()]

    @property
    def points(self) -> int:
        """What its checks and answers give together, without what is a bonus."""
        return sum(cell.points for cell in self.cells if not cell.optional)

    @property
    def mistakes_path(self) -> Path:
        return self.path.parent / "mistakes" / f"{self.name}.toml"


@dataclass(frozen=True)
class Course:
    """All stages of a course folder, in order, and its own rules about exceptions."""

    root: Path
    stages: tuple[Stage, ...]
    settings: Settings = field(default_factory=Settings)
    rules: tuple[ExceptionRule, ...] = ()

    @property
    def package(self) -> str:
        """The name of the package that the cells build."""
        paths = (cell.export for stage in self.stages for cell in stage.exports)
        return self.settings.package or next(paths, "").partition("/")[0]

    def modules(self, stages: Iterable[Stage] | None = None) -> dict[str, list[Block]]:
        """The reference package: module path -> its blocks; every folder has an `__init__.py`."""
        modules: dict[str, list[Block]] = {}
        for stage in self.stages if stages is None else stages:
            for cell in stage.exports:
                for init in indices(cell.export):
                    modules.setdefault(init, [])
                modules.setdefault(cell.export, []).append(cell.block)
        return modules

    def files(self, stage: Stage) -> dict[str, bytes]:
        """Path -> content of the data files of a stage."""
        return {path: (self.root / "notebooks" / path).read_bytes() for path in stage.data}

    def before(self, stage: Stage) -> tuple[Stage, ...]:
        """The stages that come before one, which it builds on."""
        return self.stages[: self.stages.index(stage)]

    def find(self, name: str) -> Stage:
        """The stage called `name`, or whose number it is (`3`, `03`)."""
        for stage in self.stages:
            if name == stage.name or name.zfill(2) == stage.name[:2]:
                return stage
        raise CourseError(f"no stage {name}: there are {', '.join(s.name for s in self.stages)}")
