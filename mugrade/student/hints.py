"""Hints, one more each time; and the reference, once the exercise's checks pass.

Of a question that is answered in words, the author's answer once there is one of the student's own.
"""

from mugrade.course.cells import Role
from mugrade.course.manifest import CheckEntry
from mugrade.course.written import find_written, model_answer
from mugrade.errors import CourseError, WorkspaceError
from mugrade.package.ipynb import cells_in
from mugrade.student.notebook import Notebook, notebook_path
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


def own_answer(workspace: Workspace, entry: CheckEntry) -> str:
    """What the saved notebook holds of an answer in words; raises WorkspaceError."""
    notebook = Notebook.read(notebook_path(workspace, entry.stage))
    return find_written(cells_in(notebook.content), [entry])[entry.id]


def authors_answer(workspace: Workspace, entry: CheckEntry) -> str:
    """What the author answers; empty where the course has no solutions."""
    from mugrade.course.reading import find_course, read_stage

    out = (solution.source for solution in workspace.solutions if solution.id == entry.id)
    try:
        script = find_course(workspace.folder) / "solutions" / f"{entry.stage}.py"
        cells = read_stage(script).role(Role.ANSWER)
    except CourseError:
        return next(out, "")
    return next((model_answer(cell) for cell in cells if cell.id == entry.id), "")
