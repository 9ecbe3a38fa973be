"""What a student has written when the last check of the course passes, module by module."""

from collections.abc import Sequence
from dataclasses import dataclass

from mugrade.course.cells import Role
from mugrade.student.progress import ExerciseState, StageProgress
from mugrade.student.workspace import Workspace


@dataclass(frozen=True)
class BuiltModule:
    """A module: the exercises' public names that are in it, and its lines that are not blank.

    `lines` are the student's, `others` were given or borrowed.
    """

    module: str
    names: tuple[str, ...]
    lines: int
    others: int


@dataclass(frozen=True)
class Built:
    """The whole package."""

    package: str
    exercises: int
    stages: int
    modules: tuple[BuiltModule, ...]
    taken: tuple[str, ...]

    @property
    def summary(self) -> str:
        """What there is, in one line."""
        own, others = (sum(getattr(m, k) for m in self.modules) for k in ("lines", "others"))
        borrowed = f", {len(self.taken)} of them borrowed" if self.taken else ""
        return (
            f"{self.package} is written: {self.exercises} exercises in {self.stages} stages"
            f"{borrowed}, {own:,} lines of your own beside {others:,} others"
        )

    @property
    def next(self) -> str:
        """What can be done with it."""
        return (
            f"It is a package like any other: wherever Python finds this folder, "
            f"`import {self.package}` imports what you wrote."
        )

    @property
    def text(self) -> str:
        width = max(len(m.module) for m in self.modules)
        rows = (f"  {m.module:<{width}}  {m.lines:>4}  {', '.join(m.names)}" for m in self.modules)
        return "\n".join((self.summary, *rows, self.next))


def what_was_built(workspace: Workspace, course: Sequence[StageProgress]) -> Built | None:
    """None before every check passes with the code as it is now, and if all is borrowed.

    Raises WorkspaceError.
    """
    if not all(check.passes for stage in course for check in stage.every_check):
        return None
    items = [item for stage in course for item in stage.items]
    taken = tuple(item.id for item in items if item.state == ExerciseState.TAKEN)
    written = {item.id for item in items} - set(taken)
    if not written:
        return None
    paths = dict.fromkeys(b.module for b in workspace.manifest.blocks if b.role == Role.SOLUTION)
    modules = tuple(_module(workspace, path, written) for path in paths)
    return Built(workspace.manifest.package, len(items), len(course), modules, taken)


def _module(workspace: Workspace, module: str, written: set[str]) -> BuiltModule:
    entries = {block.id: block for block in workspace.manifest.module(module)}
    exercises = [entry for entry in entries.values() if entry.role == Role.SOLUTION]
    names = (name for e in exercises for name in e.symbols if not name.startswith("_"))
    lines = {True: 0, False: 0}
    for block in workspace.read_module(module):
        own = block.id in written or block.id not in entries
        lines[own] += sum(bool(line.strip()) for line in block.source.splitlines())
    return BuiltModule(module, tuple(names), lines[True], lines[False])
