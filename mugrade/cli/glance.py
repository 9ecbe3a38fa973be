"""The command that writes the class at a glance."""

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from mugrade.cli.shared import (
    CourseFolder,
    Database,
    OutFolder,
    Stages,
    console,
    course_and_results,
    fail,
    say,
    shown,
)
from mugrade.extras import require


def report(
    course: CourseFolder = None,
    out: OutFolder = None,
    db: Database = None,
    stage: Stages = None,
    roster: Annotated[
        Path | None,
        typer.Option(help="A CSV of the class; its column section says who is in which."),
    ] = None,
    section: Annotated[str, typer.Option(help="Only this section of the roster.")] = "",
    anonymous: Annotated[
        bool, typer.Option("--anonymous", help="Name no student, so that it can be shown.")
    ] = False,
    to: Annotated[
        Path | None, typer.Option(help="The page's file; by default report.html in --out.")
    ] = None,
) -> None:
    """Write one page about the class: what to say on Monday, and what that is drawn from."""
    require("report", "grade")
    from mugrade.course.roster import read_class
    from mugrade.grader.glance import GLANCE
    from mugrade.grader.glance.enrolled import Enrolment
    from mugrade.grader.glance.write import Wanted, write_glance
    from mugrade.grader.ledger import GRADEBOOK, listen
    from mugrade.grader.store import NAME, Store

    found, folder = course_and_results(course, out)
    students = read_class(roster) if roster else found.settings.students
    if section and not students:
        raise fail("--section needs --roster FILE, a table with a column section")
    path = to or folder / GLANCE
    try:
        with closing(Store.open(db or folder / NAME)) as store, console().status("reading"):
            listen(store, folder / GRADEBOOK)
            wanted = Wanted(stage or (), section, anonymous, Enrolment.of(students))
            write_glance(path, store, found, wanted)
    except OSError as error:
        raise fail(f"{error.filename}: cannot be written ({error.strerror})") from None
    say(shown(path))
