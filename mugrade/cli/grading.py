"""The command that grades a class."""

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mugrade.cli.shared import (
    INTERRUPTED,
    RESULTS,
    AcceptWeak,
    CourseFolder,
    Database,
    OutFolder,
    PolicyOption,
    Stages,
    Students,
    Verbose,
    console,
    demand_fork,
    fail,
    read_course,
    say,
    wrapped,
)
from mugrade.course.settings import Policy
from mugrade.extras import require
from mugrade.garbage import nothing_to_collect

if TYPE_CHECKING:
    from mugrade.course.model import Course
    from mugrade.grader.plan import Order

CORES = os.cpu_count() or 1


class On(StrEnum):
    """What a stage is graded on top of."""

    reference = "reference"
    own = "own"


Handed = Annotated[
    Path,
    typer.Argument(
        help="nbgrader's submitted/, a folder or archive per student, or a class's archive."
    ),
]
OnOption = Annotated[
    On, typer.Option("--on", help="Earlier stages from the reference, or the student's own.")
]
Jobs = Annotated[int, typer.Option("--jobs", help="Submissions graded at once.", min=1)]
Seconds = Annotated[
    float | None,
    typer.Option("--seconds", help="Time limit of one check; by default the course's.", min=0.1),
]
Force = Annotated[bool, typer.Option("--force", help="Grade again what is up to date too.")]
Regrade = Annotated[
    bool,
    typer.Option(
        "--regrade",
        help="Show who would move, also of those who are not there now; ask before writing.",
    ),
]
RosterFile = Annotated[
    Path | None,
    typer.Option("--roster", help="The class: a CSV file, also as platforms export it."),
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask about an archive or --regrade.")]
Scheduler = Annotated[
    str | None,
    typer.Option("--scheduler", help="Grade on a dask cluster, tls://host:port, not here."),
]
TrustNetwork = Annotated[
    bool,
    typer.Option("--trust-network", help="Nobody else reaches the scheduler: it may be tcp://."),
]


def grade(
    submissions: Handed,
    course: CourseFolder = None,
    out: OutFolder = None,
    db: Database = None,
    stage: Stages = None,
    student: Students = None,
    policy: PolicyOption = None,
    on: OnOption = On.reference,
    jobs: Jobs = CORES,
    seconds: Seconds = None,
    force: Force = False,
    regrade: Regrade = False,
    roster: RosterFile = None,
    yes: Yes = False,
    accept_weak: AcceptWeak = False,
    scheduler: Scheduler = None,
    trust_network: TrustNetwork = False,
    verbose: Verbose = False,
) -> None:
    """Grade a class: every stage of every student, with a table, a gradebook and feedback pages.

    What has not changed since it was last graded is not graded again.
    """
    demand_fork()
    require("grade", "cluster" if scheduler else "grade")
    with nothing_to_collect():
        found = _course(course, policy, seconds)
        from mugrade.course.roster import names_of, read_roster
        from mugrade.grader.plan import Order
        from mugrade.sandbox.limits import Limits

    names = [found.find(name).name for name in stage or []]
    order = Order(found, submissions, out or found.root / RESULTS, Limits(), names, student or ())
    order = replace(order, own=on is On.own, jobs=jobs, url=db, force=force)
    order = replace(order, scheduler=scheduler, trust_network=trust_network)
    known = read_roster(roster) if roster else names_of(found.settings.students) or None
    order = replace(order, roster=known, accept_weak=accept_weak)
    order = replace(order, confirm_class=lambda names: yes or _are_students(names))
    _run(order, regrade, lambda: yes or _confirmed())


def _course(folder: Path | None, policy: Policy | None, seconds: float | None) -> "Course":
    """The course with what the options say instead of its settings; these' warnings are shown."""
    with console().status("reading the course"):
        found = read_course(folder)
    if seconds:
        found = replace(found, settings=found.settings.with_seconds(seconds))
    if policy:
        found = replace(found, settings=replace(found.settings, policy=policy))
    for warning in found.settings.warnings:
        typer.echo(warning, err=True)
    return found


def _run(order: "Order", regrade: bool, confirm: Callable[[], bool]) -> None:
    from mugrade.grader.run import grade_class, regrade_class

    if regrade:
        complete = regrade_class(order, console(), confirm)
    else:
        complete = grade_class(order, console())
    if not complete:
        raise typer.Exit(INTERRUPTED)


def _confirmed() -> bool:
    if not sys.stdin.isatty():
        raise fail("nothing is written: there is no terminal to ask on; add --yes to write it")
    return typer.confirm("write these results?")


def _are_students(names: Sequence[str]) -> bool:
    if not sys.stdin.isatty():
        return False
    from mugrade.view.report import printable

    say("only the archive says that it holds the work of")
    say(wrapped(printable(", ".join(names))))
    return typer.confirm(f"grade these {len(names)} as students?")
