"""Hints, one more each time; and the reference, once the exercise's checks pass."""

from mugrade.errors import CourseError, WorkspaceError
from mugrade.student.progress import reference_modules, stage_progress
from mugrade.student.workspace import Workspace

HINTS = "hints.json"


def next_hint(workspace: Workspace, exercise: str) -> int:
    """The number of the hint that comes after the last one shown."""
    shown = workspace.recall(HINTS).get(exercise)
    return shown + 1 if isinstance(shown, int) and shown >= 0 else 1


def remember_hint(workspace: Workspace, exercise: str, number: int) -> None:
    """Note how far the hints of an exercise have been shown; raises WorkspaceError."""
    if number >= next_hint(workspace, exercise):
        workspace.note(HINTS, exercise, number)


def solved(workspace: Workspace, exercise: str) -> bool:
    """Whether an exercise has checks, and all of them pass with the code as it is now."""
    for stage in {c.stage for c in workspace.manifest.checks if c.of == exercise}:
        for item in stage_progress(workspace, stage).items:
            if item.id == exercise:
                return bool(item.checks) and all(check.passes for check in item.checks)
    return False


def own_source(workspace: Workspace, exercise: str) -> str:
    """What the student's package holds of an exercise; raises WorkspaceError."""
    (module,) = {b.module for b in workspace.manifest.blocks if b.id == exercise}
    return "\n\n\n".join(b.source for b in workspace.read_module(module) if b.id == exercise)


def reference_source(workspace: Workspace, exercise: str) -> tuple[str, str]:
    """The module and the reference's answer; empty where the course has no solutions."""
    entry = next(b for b in workspace.manifest.blocks if b.id == exercise)
    module = entry.module
    try:
        blocks = reference_modules(workspace, entry.stage, [module], workspace.folder)[module]
    except (CourseError, WorkspaceError):
        return module, ""
    return module, "\n\n\n".join(b.source for b in blocks if b.id == exercise)
