"""Commands that look at a student's work: check, doctor."""

import json as js
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mugrade.cli.shared import (
    INTERRUPTED,
    Json,
    console,
    find_stage,
    find_workspace,
    say,
    say_of_hidden,
)
from mugrade.errors import WorkspaceError
from mugrade.extras import demand_libraries
from mugrade.view import visible

if TYPE_CHECKING:
    from rich.table import Table

    from mugrade.student.installation import Finding
    from mugrade.student.whole import Whole
    from mugrade.student.workspace import Workspace
    from mugrade.view.report import Report


CheckSeconds = Annotated[
    float | None,
    typer.Option(help="Time limit of one check; by default the course's.", min=0.1),
]
SECONDS = 10.0  # for one check, if neither the course nor the command line says it


@dataclass
class Ran:
    """The checks of one stage that ran, or the `problem` that kept them from it.

    Of exercises that are `unwritten` one line is said, however many checks they have.
    """

    stage: str
    total: int
    unwritten: list[str]
    problem: str = ""
    reports: "list[Report]" = field(default_factory=list)
    findings: "list[Finding]" = field(default_factory=list)

    @property
    def passing(self) -> int:
        return sum(report.passed for report in self.reports)

    def to_json(self) -> dict[str, Any]:
        """The stage for other programs."""
        checks = [report.to_json() for report in self.reports]
        findings = [asdict(finding) for finding in self.findings]
        return {
            "stage": self.stage,
            "problem": self.problem,
            "checks": checks,
            "findings": findings,
        }


Names = Annotated[
    list[str] | None, typer.Argument(help="Stages, e.g. 02; by default all that you built.")
]
Hidden = Annotated[
    bool, typer.Option("--hidden", help="Hidden inputs too, where the solutions are there.")
]
Solutions = Annotated[
    Path | None,
    typer.Option(help="Where they are; by default solutions/ here or in a folder above."),
]


def check(
    stages: Names = None,
    seconds: CheckSeconds = None,
    hidden: Hidden = False,
    solutions: Solutions = None,
    json: Json = False,
) -> None:
    """Run the checks of your package, as the notebooks would, in a process of their own.

    What your code prints is not shown.
    """
    workspace = find_workspace()
    demand_libraries(workspace.manifest.libraries)
    names = [find_stage(workspace, name) for name in stages or []] or _built(workspace)
    look = _solutions(workspace, solutions) if hidden or solutions else None
    ran: list[Ran] = []
    complete = True
    try:
        with _progress(workspace, names, quiet=json) as advance:
            for name in names:
                ran.append(_of_stage(workspace, name))
                limit = seconds or workspace.manifest.seconds.get(name, SECONDS)
                _run(workspace, ran[-1], limit, advance, look)
    except KeyboardInterrupt:
        complete = False
    if json:
        say(js.dumps({"complete": complete, "stages": [r.to_json() for r in ran]}, indent=1))
    else:
        _show(ran)
    if not complete:
        _say_what_is_done(ran, names)
        raise typer.Exit(INTERRUPTED)
    if any(r.problem or r.passing < r.total for r in ran):
        raise typer.Exit(1)


def doctor(json: Json = False) -> None:
    """Find what is wrong with the installation, the notebooks, the package and the data."""
    from mugrade.student.doctor import examine
    from mugrade.student.installation import Finding, installation_findings

    with console(stderr=True).status("looking"):
        try:
            found = list(examine(find_workspace()))
        except WorkspaceError as error:
            found = [*installation_findings(), Finding(str(Path.cwd()), str(error))]
    if json:
        say(js.dumps([asdict(finding) for finding in found], indent=1))
    for finding in () if json else found:
        say(str(finding))
    if found:
        raise typer.Exit(1)
    if not json:
        say("nothing is wrong")


def _built(workspace: "Workspace") -> list[str]:
    """The stages of which something is in the package."""
    found = [stage for stage in workspace.manifest.stages if workspace.exported(stage)]
    if not found:
        first = next(iter(workspace.manifest.stages))
        raise WorkspaceError(f"nothing is built yet: run the cells of {first}.ipynb")
    return found


def _of_stage(workspace: "Workspace", stage: str) -> Ran:
    from mugrade.student.progress import ExerciseState, stage_progress

    progress = stage_progress(workspace, stage)
    unwritten = [item.id for item in progress.items if item.state == ExerciseState.NOT_WRITTEN]
    return Ran(stage, progress.checks, unwritten)


def _run(
    workspace: "Workspace",
    ran: Ran,
    seconds: float,
    advance: Any,
    look: "Callable[[str], Whole] | None",
) -> None:
    from mugrade.course.exercises import StudentCode
    from mugrade.student.doctor import import_findings
    from mugrade.student.runner import run_checks

    manifest, code = workspace.manifest, StudentCode(workspace.exported(ran.stage))
    ran.findings += import_findings(ran.stage, code, manifest)
    whole = look(ran.stage) if look else None
    try:
        for report in run_checks(workspace, ran.stage, seconds, whole):
            ran.reports.append(report)
            advance(None if report.passed or report.check.of in ran.unwritten else report)
    except WorkspaceError as error:
        ran.problem = str(error)
        advance(ran.problem, ran.total - len(ran.reports))


def _solutions(workspace: "Workspace", folder: Path | None) -> "Callable[[str], Whole]":
    """What tells the whole checks of a stage; raises CourseError."""
    from mugrade.student.whole import solutions_of, whole_checks

    course = solutions_of(workspace, folder)
    return lambda stage: whole_checks(workspace, course, stage)


@contextmanager
def _progress(workspace: "Workspace", names: list[str], quiet: bool) -> Iterator[Any]:
    """A bar that vanishes when it is done, and above it what is said on the way."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    if quiet:
        yield lambda said, steps=1: None
        return
    columns = (TextColumn("checking"), BarColumn(), MofNCompleteColumn())
    shown = console()
    with Progress(
        *columns, console=shown, transient=True, disable=not shown.is_terminal
    ) as progress:
        total = sum(check.stage in names for check in workspace.manifest.checks)
        task = progress.add_task("checking", total=total)

        def advance(said: "Report | str | None", steps: int = 1) -> None:
            if said is not None:
                progress.console.print(said, markup=False, highlight=False, soft_wrap=True)
                progress.console.print()
            progress.advance(task, steps)

        yield advance


def _show(ran: list[Ran]) -> None:
    hidden = any(report.visible_only for r in ran for report in r.reports)
    console().print(_table(ran, hidden))
    say_of_hidden(hidden)
    for r in ran:
        if r.unwritten and not r.problem:
            advice = f"fill the cells in and run them, or: mugrade take {r.stage[:2]}"
            say(f"{r.stage}: not written yet: {', '.join(r.unwritten)}; {advice}")
    for finding in (finding for r in ran for finding in r.findings):
        say(str(finding))


def _table(ran: list[Ran], hidden: bool) -> "Table":
    from mugrade.view.tables import table

    numbers = visible.columns(hidden)
    found = table(("stage", *numbers), right=numbers)
    for r in ran:
        asked = [report for report in r.reports if not report.check.optional]
        points = sum(report.points for report in asked)
        possible = sum(report.check.points for report in asked)
        bonus = sum(report.points for report in r.reports) - points
        score = f"{points}/{possible}{f' + {bonus}' if bonus else ''}"
        row = (f"{r.passing}/{r.total}", score) if r.reports else ("-", "-")
        found.add_row(r.stage, *row)
    return found


def _say_what_is_done(ran: list[Ran], names: list[str]) -> None:
    done = sum(len(r.reports) for r in ran)
    left = [r.stage for r in ran if not r.problem and len(r.reports) < r.total]
    left += names[len(ran) :]
    say(f"stopped: {done} checks ran and are remembered; left: {', '.join(left)}", err=True)
