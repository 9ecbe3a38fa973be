"""The command that grades an attempt again and shows everything."""

from contextlib import closing
from typing import Annotated

import typer

from mugrade.cli.shared import (
    AcceptWeak,
    CourseFolder,
    Database,
    OutFolder,
    console,
    course_and_results,
    demand_fork,
    fail,
    say,
)
from mugrade.extras import require


def explain(
    student: Annotated[str, typer.Argument(help="As mugrade grades names the student.")],
    stage: Annotated[str, typer.Argument(help="A stage's name or number, e.g. 03.")],
    attempt: Annotated[
        int | None, typer.Option(help="Which attempt; by default the one that counts.")
    ] = None,
    check: Annotated[list[str] | None, typer.Option(help="Show only these checks.")] = None,
    course: CourseFolder = None,
    out: OutFolder = None,
    db: Database = None,
    accept_weak: AcceptWeak = False,
) -> None:
    """Grade a stored attempt again, and show every input, value and answer, hidden ones too.

    Nothing is stored. What differs from the record is said at the end.
    """
    demand_fork()
    require("explain", "grade")
    from mugrade.grader.apart import apart
    from mugrade.grader.explain import explain_attempt, read_secret
    from mugrade.grader.explained import lines
    from mugrade.grader.grading import demand_sandbox
    from mugrade.grader.history import attempt_of
    from mugrade.grader.store import NAME, Store

    found, folder = course_and_results(course, out)
    tier = demand_sandbox(accept_weak, console(stderr=True))

    def explained() -> tuple[list[str], list[str]]:
        """The checks that there are, and what is said of those that were asked for."""
        with closing(Store.open(db or folder / NAME)) as store:
            of = attempt_of(store, found.settings, student, stage, attempt)
            result = explain_attempt(store, of, found, read_secret(folder), tier)
        return [c.grade.check.id for c in result.checks], list(lines(result, check or ()))

    there, said = apart(explained, console(stderr=True).status("grading again"))
    if unknown := sorted({*(check or ())} - {*there}):
        raise fail(f"no check {', '.join(unknown)}: there are {', '.join(there)}")
    for line in said:
        say(line)
