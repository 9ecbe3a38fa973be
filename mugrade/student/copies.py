"""Notebooks under another name that hold answers: which of several is a stage's."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mugrade.course.exercises import find_code
from mugrade.errors import Unreadable, WorkspaceError
from mugrade.package.ipynb import read_cells
from mugrade.student.notebook import notebook_path
from mugrade.student.sides import NOTHING, at, definitions, how_far
from mugrade.student.workspace import Workspace


@dataclass(frozen=True)
class NotebookCopy:
    """A notebook with answers to a stage: exercise -> source; `saved` in seconds since 1970."""

    path: Path
    stage: str
    exercises: dict[str, str]
    saved: float

    @property
    def told(self) -> str:
        """What is in it, in a few words to choose by."""
        held = ", ".join(self.exercises) or "no answer"
        return f"{self.path.name} holds {held} and was saved {at(self.saved)}"


@dataclass(frozen=True)
class Rivals:
    """The notebook of a stage's own name, and others that hold answers to it."""

    own: NotebookCopy
    others: tuple[NotebookCopy, ...]

    @property
    def contested(self) -> bool:
        """Whether another one may be meant: it has more, or something else and is newer."""
        return any(
            other.exercises.keys() - self.own.exercises.keys() or other.saved > self.own.saved
            for other in self.others
        )

    @property
    def every(self) -> list[NotebookCopy]:
        """All of them, those with answers first, the newest first."""
        return sorted((self.own, *self.others), key=lambda c: (not c.exercises, -c.saved))

    @property
    def choice(self) -> str:
        """What there is to choose from, in one sentence."""
        told = "; ".join(copy.told for copy in self.every)
        return f"{self.own.stage}: {told}: say which with --from, as in {named(self.every[0].path)}"


def rivals(workspace: Workspace) -> dict[str, Rivals]:
    """Stages that more than one notebook answers, and differently."""
    manifest = workspace.manifest
    own = {stage: notebook_path(workspace, stage) for stage in manifest.stages}
    paths = {*workspace.folder.glob("*.ipynb"), *workspace.root.glob("*.ipynb")}
    others = sorted(path for path in paths - {*own.values()} if not path.name.startswith("."))
    found = {}
    for stage in manifest.stages if others else ():
        mine = _copy(workspace, own[stage], stage) or NotebookCopy(own[stage], stage, {}, 0.0)
        copies = [c for path in others if (c := _copy(workspace, path, stage))]
        differing = tuple(c for c in copies if _differs(workspace, c, mine))
        if differing:
            found[stage] = Rivals(mine, differing)
    return found


def stage_of_notebook(workspace: Workspace, path: Path) -> str:
    """The stage that a notebook is about: by its name, else what it has most answers to.

    Raises WorkspaceError where it has none.
    """
    if path.stem in workspace.manifest.stages:
        return path.stem
    found = list(_copies(workspace, path))
    if not found:
        raise WorkspaceError(f"{path} holds no answer to any stage of the course")
    return max(found, key=lambda copy: len(copy.exercises)).stage


def named(path: Path) -> str:
    """The option that chooses a notebook, as one would type it."""
    return f'--from "{path.name}"' if " " in path.name else f"--from {path.name}"


def _copies(workspace: Workspace, path: Path) -> Iterator[NotebookCopy]:
    for stage in workspace.manifest.stages:
        if (found := _copy(workspace, path, stage)) and found.exercises:
            yield found


def _copy(workspace: Workspace, path: Path, stage: str) -> NotebookCopy | None:
    """What a notebook answers of a stage, if it can be read."""
    try:
        found = find_code(read_cells(path), workspace.manifest, stage).exercises
    except Unreadable:
        return None
    exercises = {id: s for id, s in found.items() if how_far(workspace, id, s) != NOTHING}
    return NotebookCopy(path, stage, exercises, path.stat().st_mtime)


def _differs(workspace: Workspace, other: NotebookCopy, own: NotebookCopy) -> bool:
    """Whether another notebook defines something that the stage's own does not."""
    symbols = {e.id: e.symbols for e in workspace.manifest.blocks if e.id in other.exercises}
    for id, source in other.exercises.items():
        mine, theirs = definitions(own.exercises.get(id, "")), definitions(source)
        if any(mine.get(name) != theirs.get(name) for name in symbols[id]):
            return True
    return False
