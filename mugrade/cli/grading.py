"""The command that grades a class."""

import os
import sys
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
    fail,
)

INTERRUPTED = 130


class On(StrEnum):
    """What a stage is graded on top of."""

    reference = "reference"
    own = "own"


def grade(
    submissions: Annotated[
        Path, typer.Argument(help="nbgrader's submitted/ or a folder per student.")
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
    yes: Annotated[bool, typer.Option("--yes", help="With --regrade: do not ask.")] = False,
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
    with console().status("reading the course"):
        from mugrade.author.course import find_course, load_course
        from mugrade.grader.run import Order, grade_class, regrade_class
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
