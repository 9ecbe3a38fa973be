"""`@check` in a notebook: run the check at once and compare with the recorded answers."""

import inspect
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from mugrade import streams
from mugrade.course.manifest import CheckEntry
from mugrade.errors import WorkspaceError
from mugrade.student import noted
from mugrade.student.kernels import leave_note
from mugrade.student.live import PackageFinder, Session
from mugrade.student.magic import run_command
from mugrade.student.reach import reached
from mugrade.student.stale import Runs, staleness
from mugrade.student.unbuilt import show_unsolved
from mugrade.student.workspace import Workspace
from mugrade.values import Category
from mugrade.values.answers import HIDDEN_MARK, Answer
from mugrade.values.compare import judge
from mugrade.values.mistakes import Trace, uncontradicted
from mugrade.values.observe import Observed, observe, seed_of
from mugrade.view.report import Report

Check = Callable[[], Any]


class CheckFailed(AssertionError):
    """A check did not pass; shows its message instead of a traceback.

    Where the panel has been `shown`, one line of it is enough.
    """

    def __init__(self, report: Report, shown: bool = False) -> None:
        super().__init__(report.text)
        self.lines = report.headline if shown else report.text

    def _render_traceback_(self) -> list[str]:
        return self.lines.splitlines()


class NoCourse(RuntimeError):
    """A check was run where no course is; shows one sentence instead of a traceback."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


def check(function: Check) -> Check:
    """Run a check, show its outcome, raise CheckFailed if a value differs from the reference's.

    The recorded answers decide: in a student's folder those of the public part, in an
    instructor's nbgrader tree those of the whole check.
    """
    workspace = current_workspace()
    id = function.__name__.replace("_", "-")
    entry = workspace.manifest.check.get(id)
    if entry is None:
        raise NoCourse(f"{function.__name__} is no check of this course")
    part = "full" if workspace.instructor and _has_hidden_part(function) else "public"
    values = observe(function, seed_of(id))
    try:
        report = report_on(workspace, entry, values, part, lambda: reached(function, seed_of(id)))
    except WorkspaceError as error:
        raise NoCourse(f"no recorded answers to {function.__name__}: {error}") from None
    if workspace.instructor is None:
        _remember(workspace, id, report.passed)
    _show(report)
    return function


def report_on(
    workspace: Workspace,
    entry: CheckEntry,
    values: Sequence[Observed],
    part: str = "public",
    reaches: Callable[[], set[str]] = set,
) -> Report:
    """Compare what a check yielded with the recorded answers; raises WorkspaceError.

    An exercise of an earlier stage is blamed only if the check `reaches` it.
    """
    answers = workspace.answers[part].get(entry.id)
    if answers is None:
        raise WorkspaceError(f"answers.json lacks {entry.id}: fetch the course again")
    shown = values if part == "full" else values[: len(answers)]
    known, passed = workspace.known, passing(workspace, entry.of)
    traces = uncontradicted(known.get(entry.id, ()), passed, known)
    report = compared(workspace, entry, shown, answers, traces, reaches)
    note = staleness(workspace, entry.of, runs_here())
    if not answers and not note:
        note = "only hidden inputs are checked"
    return replace(report, note=note, visible_only=entry.hidden and part == "public")


def compared(
    workspace: Workspace,
    entry: CheckEntry,
    values: Sequence[Observed],
    answers: Sequence[Answer],
    known: Sequence[Trace],
    reaches: Callable[[], set[str]] = set,
) -> Report:
    """The report on what a check yielded beside these answers; `known` mistakes are named."""
    verdict = judge(values, answers, known, workspace.rules)
    if verdict.category == Category.VALUE and (
        earlier := _failing_before(workspace, entry, reaches)
    ):
        verdict = replace(verdict, advice=earlier)
    return Report(entry, verdict)


def _show(report: Report) -> None:
    """Display the panel in a front end, else print the text; raise CheckFailed if it says so."""
    panel = _in_a_front_end()
    if panel:
        from IPython.display import display

        display(report)
    if not report.passed:
        raise CheckFailed(report, shown=panel)
    if not panel:
        print(report.text)


def _in_a_front_end() -> bool:
    """Whether something like JupyterLab runs the cell, which shows HTML and sends the cell's id.

    A terminal, nbclient and nbgrader send none: they take the text of the error.
    """
    from IPython.core.getipython import get_ipython

    request = getattr(get_ipython(), "parent_header", None) or {}
    return bool(request.get("metadata", {}).get("cellId"))


def _remember(workspace: Workspace, id: str, passed: bool) -> None:
    try:
        noted.remember(workspace, id, passed)
    except WorkspaceError as error:
        print(f"note: {error}")


def passing(workspace: Workspace, exercise: str) -> set[str]:
    """The checks of an exercise that its code has passed as it is now."""
    try:
        source, last_runs = workspace.source_digest(exercise), noted.last_runs(workspace)
    except WorkspaceError:
        return set()  # what is wrong is said where the outcome is remembered
    own = [check.id for check in workspace.manifest.checks if check.of == exercise]
    passed = {id for id in own if id in last_runs and last_runs[id].passed}
    return {id for id in passed if last_runs[id].good == source}


def _failing_before(
    workspace: Workspace, entry: CheckEntry, reaches: Callable[[], set[str]]
) -> str:
    """What to try if code of an earlier stage that the check reaches fails a check of its own."""
    last_runs = noted.last_runs(workspace)
    failing = [
        check
        for check in workspace.manifest.checks
        if check.stage < entry.stage
        and check.id in last_runs
        and not last_runs[check.id].passed
        and last_runs[check.id].seen == workspace.source_digest(check.of)
    ]
    used = reaches() if failing else set()
    for check in failing:
        if check.of in used:
            name = check.id.replace("-", "_")
            return f"look at {check.stage} first: {name} failed there when it last ran"
    return ""


def runs_here() -> Runs:
    """How the exercises' cells of this kernel last ran."""
    finders = (f for f in sys.meta_path if isinstance(f, PackageFinder))
    return next((finder.session.runs for finder in finders), Runs())


def _has_hidden_part(function: Check) -> bool:
    try:
        return HIDDEN_MARK in inspect.getsource(function)
    except OSError:
        return False


@cache
def current_workspace() -> Workspace:
    """The course that the kernel was started in, also after a change of directory."""
    try:
        return Workspace.find(Path.cwd())
    except WorkspaceError as error:
        raise NoCourse(str(error)) from None


def load_ipython_extension(shell: Any) -> None:
    """`%load_ext mugrade`: export the notebook's cells and let its checks find the course."""
    streams.ready()
    workspace = current_workspace()
    if any(isinstance(finder, PackageFinder) for finder in sys.meta_path):
        return
    if workspace.instructor:
        sys.stderr.name = "stdout"  # type: ignore[misc]  # nbgrader takes stderr for failure
    shell.register_magic_function(
        lambda line: run_command(line, workspace.folder), magic_name="mugrade"
    )
    session = Session(workspace, shell.user_ns)
    session.install()
    if workspace.instructor is None:
        leave_note(workspace)
    shell.set_custom_exc((NotImplementedError,), show_unsolved)
    shell.events.register("pre_run_cell", session.pre_run_cell)
    shell.events.register("post_run_cell", session.post_run_cell)
