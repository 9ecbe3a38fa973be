"""Run a stage's checks outside of a notebook: in a fresh process, on the package as it lies there.

It is the student's own code on the student's own machine, so nothing walls it in; but a check
that hangs or dies costs only itself.
"""

import importlib
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from mugrade.course.cells import Role, plain_python
from mugrade.course.manifest import BlockEntry, CheckEntry
from mugrade.errors import WorkspaceError
from mugrade.package.blocks import export_path
from mugrade.sandbox.guest import bind, run_check
from mugrade.sandbox.job import Death
from mugrade.sandbox.loader import module_name
from mugrade.sandbox.plain import Child, silence
from mugrade.student import noted
from mugrade.student.checks import report_on
from mugrade.student.live import Session
from mugrade.student.notebook import notebook_path
from mugrade.student.unbuilt import NotBuilt, how_to_build
from mugrade.student.whole import Whole
from mugrade.student.workspace import Workspace
from mugrade.values import Category
from mugrade.values.observe import Observed, describe, seed_of
from mugrade.values.verdict import Verdict
from mugrade.view.report import Report

LOAD_SECONDS = 60.0
ADVICE = {
    Category.TIMEOUT: "look for a loop that does not end; more time with --seconds",
    Category.CRASH: "run the check in the notebook and see what it does last",
}


def run_checks(
    workspace: Workspace, stage: str, seconds: float, whole: Whole | None = None
) -> Iterator[Report]:
    """The report of every check of a stage, remembered as it comes.

    As the student's folder knows it or, if that is given, the `whole` check. Once one has taken
    longer than `seconds`, the others of its exercise are left out.
    Raises WorkspaceError where the package cannot be loaded or the course is broken.
    """
    if not workspace.exported(stage):
        raise WorkspaceError(how_to_build(stage, stage))
    released = {cell.id: cell.source for cell in workspace.released if cell.stage == stage}
    sources = whole.sources if whole else released
    left = [check for check in workspace.manifest.checks if check.stage == stage]
    if missing := [check.id for check in left if check.id not in sources]:
        raise WorkspaceError(f"cells.json lacks {missing[0]}: fetch the course again")
    hung: dict[str, str] = {}
    while left:
        with _loaded(workspace, stage) as child:
            while left and child.alive:
                check = left.pop(0)
                if check.of in hung:
                    verdict = Verdict(Category.NOT_RUN, f"{hung[check.of]} above took too long")
                    yield _report(check, verdict)
                    continue
                asked = child, sources[check.id], seconds
                report = _run(workspace, check, *asked, whole.report_on if whole else report_on)
                if report.verdict.category == Category.TIMEOUT:
                    hung[check.of] = report.name
                noted.remember(workspace, check.id, report.passed)
                yield report


def _run(
    workspace: Workspace,
    check: CheckEntry,
    child: Child,
    source: str,
    seconds: float,
    report_of: Callable[[Workspace, CheckEntry, Sequence[Observed]], Report],
) -> Report:
    if check.of not in workspace.exported(check.stage):
        where = f"run its cell in {check.stage}.ipynb, or: mugrade take {check.stage[:2]}"
        missing = f"{check.of} is not in your package yet"
        return _report(check, Verdict(Category.UNSOLVED, missing, advice=where))
    try:
        report = report_of(workspace, check, child.ask((check.id, source), seconds))
    except Death as death:
        advice = ADVICE[death.category]
        return _report(check, Verdict(death.category, str(death), advice=advice))
    if report.verdict.actual.startswith("NameError"):
        advice = "export what it uses, or define it in an exported cell"
        return replace(report, verdict=report.verdict.advised(advice))
    return report


def _report(check: CheckEntry, verdict: Verdict) -> Report:
    return Report(check, verdict, visible_only=check.hidden)


@contextmanager
def _loaded(workspace: Workspace, stage: str) -> Iterator[Child]:
    """A process with a stage's package loaded; raises WorkspaceError."""
    with closing(Child(serve_checks, workspace.folder, stage)) as child:
        try:
            problem = child.answer(LOAD_SECONDS)
        except Death as death:
            raise WorkspaceError(f"{stage} cannot be loaded: {death}") from None
        if problem:
            raise WorkspaceError(problem)
        yield child


def serve_checks(folder: Path, stage: str, pipe: Connection) -> None:
    """In the new process: load the package, say what is wrong with it, then answer checks."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent is told, and ends this process
    silence()
    scope: dict[str, Any] = {"__name__": "__main__"}
    try:
        workspace = Workspace.find(folder)
        here = notebook_path(workspace, stage).parent
        os.chdir(here if here.is_dir() else folder)
        _prepare(workspace, stage, scope)
    except (NotBuilt, WorkspaceError) as error:
        return pipe.send(str(error))
    except (Exception, SystemExit) as error:
        text = f"{stage}: the package does not load ({describe(error)}): mugrade doctor says more"
        return pipe.send(text)
    pipe.send("")
    while True:
        check, source = pipe.recv()
        pipe.send(run_check(source, seed_of(check), scope))


def _prepare(workspace: Workspace, stage: str, scope: dict[str, Any]) -> None:
    """Import the package and leave in `scope` what the stage's notebook has above its checks."""
    Session(workspace, scope).install()
    given = [c for c in workspace.released if (c.stage, c.role) == (stage, Role.GIVEN)]
    lines = [line for c in given if not export_path(c.source) for line in plain_python(c.source)]
    exec(compile("\n".join(lines), stage, "exec"), scope)
    entries = [block for block in workspace.manifest.blocks if block.stage == stage]
    for path in dict.fromkeys(entry.module for entry in entries):
        if workspace.read_module(path):
            importlib.import_module(module_name(path))
    bind(scope, [_names(entry) for entry in entries])


def _names(entry: BlockEntry) -> tuple[str, list[str]]:
    return module_name(entry.module), entry.symbols
