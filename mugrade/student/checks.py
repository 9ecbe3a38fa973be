"""`@check` in a notebook: run the check at once and compare with the recorded answers."""

import inspect
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from mugrade.answers import HIDDEN_MARK, Verdict, judge
from mugrade.manifest import CheckEntry
from mugrade.messages import message
from mugrade.observe import Observed, observe, seed_of
from mugrade.student.kernels import leave_note
from mugrade.student.live import PackageFinder, Session, show_unsolved
from mugrade.student.workspace import Workspace, WorkspaceError

Check = Callable[[], Any]


class CheckFailed(AssertionError):
    """A check did not pass; shows its message instead of a traceback."""

    def _render_traceback_(self) -> list[str]:
        return str(self).splitlines()


class NoCourse(RuntimeError):
    """A check was run where no course is; shows one sentence instead of a traceback."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


def check(function: Check) -> Check:
    """Run a check, print its outcome, raise CheckFailed if a value differs from the reference's.

    The recorded answers decide: in a student's folder those of the public part, in an
    instructor's nbgrader tree those of the whole check.
    """
    workspace = _workspace()
    id = function.__name__.replace("_", "-")
    entry = workspace.manifest.check.get(id)
    if entry is None:
        raise NoCourse(f"{function.__name__} is no check of this course")
    part = "full" if workspace.instructor and _has_hidden_part(function) else "public"
    try:
        answers = workspace.answers[part][id]
    except (WorkspaceError, KeyError) as error:
        raise NoCourse(f"no recorded answers to {function.__name__}: {error}") from None
    values = observe(function, seed_of(id))
    verdict = verdict_on(workspace, entry, values, part)
    text = message(id, verdict, entry.points, entry.why, entry.of)
    if workspace.instructor is None:
        _remember(workspace, id, verdict.passed)
    if not verdict.passed:
        raise CheckFailed(text)
    print(text if answers else f"{text}\n  note      only hidden inputs are checked")
    return function


def verdict_on(
    workspace: Workspace, entry: CheckEntry, values: Sequence[Observed], part: str = "public"
) -> Verdict:
    """Compare what a check yielded with the recorded answers; raises WorkspaceError."""
    answers = workspace.answers[part].get(entry.id)
    if answers is None:
        raise WorkspaceError(f"no recorded answers to {entry.id}: fetch the course again")
    shown = values if part == "full" else values[: len(answers)]
    verdict = judge(shown, answers, workspace.known.get(entry.id, ()))
    if verdict.category == "value" and (earlier := _failing_before(workspace, entry.stage)):
        return replace(verdict, advice=earlier)
    return verdict


def _remember(workspace: Workspace, id: str, passed: bool) -> None:
    try:
        workspace.remember(id, passed)
    except WorkspaceError as error:
        print(f"note: {error}")


def _failing_before(workspace: Workspace, stage: str) -> str:
    """What to try if a check of an earlier stage fails too: the mistake may be there."""
    manifest, outcomes = workspace.manifest, workspace.outcomes()
    failing = {id for id, outcome in outcomes.items() if not outcome.passed}
    paths = dict.fromkeys(block.module for block in manifest.blocks)
    taken = {block.id for path in paths for block in workspace.read_module(path) if block.taken}
    for check in manifest.checks:
        if check.stage < stage and check.id in failing and check.of not in taken:
            name = check.id.replace("-", "_")
            return f"look at {check.stage} first: {name} failed there when it last ran"
    return ""


def _has_hidden_part(function: Check) -> bool:
    try:
        return HIDDEN_MARK in inspect.getsource(function)
    except OSError:
        return False


@cache
def _workspace() -> Workspace:
    """The course that the kernel was started in, also after a change of directory."""
    try:
        return Workspace.find(Path.cwd())
    except WorkspaceError as error:
        raise NoCourse(str(error)) from None


def load_ipython_extension(shell: Any) -> None:
    """`%load_ext mugrade`: export the notebook's cells and let its checks find the course."""
    workspace = _workspace()
    if any(isinstance(finder, PackageFinder) for finder in sys.meta_path):
        return
    if workspace.instructor:
        sys.stderr.name = "stdout"  # type: ignore[misc]  # nbgrader takes stderr for failure
    session = Session(workspace, shell.user_ns)
    session.install()
    if workspace.instructor is None:
        leave_note(workspace)
    shell.set_custom_exc((NotImplementedError,), show_unsolved)
    shell.events.register("pre_run_cell", session.pre_run_cell)
    shell.events.register("post_run_cell", session.post_run_cell)
