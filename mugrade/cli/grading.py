"""The command that grades a class."""

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from mugrade.cli.shared import (
    RESULTS,
    CourseFolder,
    Database,
    OutFolder,
    PolicyOption,
    console,
    demand_fork,
    fail,
    say,
    wrapped,
)
from mugrade.extras import require

INTERRUPTED = 130


class On(StrEnum):
    """What a stage is graded on top of."""

    reference = "reference"
    own = "own"


def grade(
    submissions: Annotated[
        Path,
        typer.Argument(
            help="nbgrader's submitted/, a folder or archive per student, or a class's archive."
        ),
    ],
    course: CourseFolder = None,
    out: OutFolder = None,
    db: Database = None,
    stage: Annotated[list[str] | None, typer.Option(help="Only these stages.")] = None,
    student: Annotated[list[str] | None, typer.Option(help="Only these students.")] = None,
    policy: PolicyOption = None,
    on: Annotated[
        On, typer.Option(help="Earlier stages from the reference, or the student's own.")
    ] = On.reference,
    jobs: Annotated[int, typer.Option(help="Submissions graded at once.", min=1)] = os.cpu_count()
    or 1,
    seconds: Annotated[float, typer.Option(help="Time limit of one check.", min=0.1)] = 10.0,
    force: Annotated[
        bool, typer.Option("--force", help="Grade again what is up to date too.")
    ] = False,
    regrade: Annotated[
        bool,
        typer.Option(
            "--regrade",
            help="Show who would move, also of those who are not there now; ask before writing.",
        ),
    ] = False,
    roster: Annotated[
        Path | None,
        typer.Option(help="Who is in the class: CSV with a column student, id or username."),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not ask about a class's archive or --regrade.")
    ] = False,
    accept_weak: Annotated[
        bool,
        typer.Option("--accept-weak-sandbox", help="Grade even where student code can get out."),
    ] = False,
    scheduler: Annotated[
        str | None, typer.Option(help="Grade on a dask cluster, tcp://host:port, not here.")
    ] = None,
) -> None:
    """Grade a class: every stage of every student, with a table, a gradebook and feedback pages.

    What has not changed since it was last graded is not graded again.
    """
    demand_fork()
    require("grade", "cluster" if scheduler else "grade")
    with console().status("reading the course"):
        from mugrade.course.reading import find_course, load_course
        from mugrade.grader.plan import Order
        from mugrade.grader.roster import read_roster
        from mugrade.grader.run import grade_class, regrade_class
        from mugrade.sandbox.process import Limits

        found = load_course(find_course(course or Path.cwd()))
        if policy:
            found = replace(found, settings=replace(found.settings, policy=policy))
    for warning in found.settings.warnings:
        typer.echo(warning, err=True)
    names = [found.find(name).name for name in stage or []]
    folder = out or found.root / RESULTS
    limits = Limits(check=seconds, total=max(60.0, 6 * seconds))
    order = Order(
        found,
        submissions,
        folder,
        limits,
        names,
        student or (),
        own=on is On.own,
        jobs=jobs,
        url=db,
        force=force,
        accept_weak=accept_weak,
        scheduler=scheduler,
        roster=read_roster(roster) if roster else None,
        confirm_class=lambda names: yes or _are_students(names),
    )
    if regrade:
        complete = regrade_class(order, console(), lambda: yes or _confirmed())
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
