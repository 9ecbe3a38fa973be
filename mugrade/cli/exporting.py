"""The commands that hand results on: export, gradescope."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mugrade.cli.shared import (
    AcceptWeak,
    CourseFolder,
    Database,
    OutFolder,
    Stages,
    console,
    course_and_results,
    fail,
    say,
)
from mugrade.extras import require

if TYPE_CHECKING:
    from mugrade.course.model import Course


class To(StrEnum):
    """Who takes the points."""

    canvas = "canvas"
    moodle = "moodle"
    blackboard = "blackboard"
    gradescope = "gradescope"
    csv = "csv"


OF_TABLES = {"FILE", "--column", "--scale", "--zeros"}
TAKEN = {To.csv: {"--exercises"}, To.gradescope: set[str]()}
PlatformArgument = Annotated[To, typer.Argument(help="Who takes the points.")]
TableFile = Annotated[
    Path | None,
    typer.Argument(help="What the platform exported: it is filled in, so that its ids match."),
]
ColumnNames = Annotated[
    list[str] | None,
    typer.Option("--column", metavar="STAGE=NAME", help="Which column takes a stage's points."),
]
Scale = Annotated[
    bool, typer.Option("--scale", help="Convert points where a column takes another number.")
]
Zeros = Annotated[bool, typer.Option("--zeros", help="Who has handed in nothing gets 0 points.")]
ByExercise = Annotated[
    bool, typer.Option("--exercises", help="With csv: a column for each exercise.")
]
WithFeedback = Annotated[
    bool, typer.Option("--feedback", help="Also an archive of pages that the platform takes.")
]
CollectedIn = Annotated[
    Path, typer.Option("--submitted", help="Where mugrade collect has put submitted/.")
]
ExportTarget = Annotated[
    Path | None,
    typer.Option("--to", help="The file or folder to write, in place of the usual one."),
]


def export(
    platform: PlatformArgument,
    table: TableFile = None,
    course: CourseFolder = None,
    out: OutFolder = None,
    db: Database = None,
    stage: Stages = None,
    column: ColumnNames = None,
    scale: Scale = False,
    zeros: Zeros = False,
    exercises: ByExercise = False,
    feedback: WithFeedback = False,
    submitted: CollectedIn = Path("."),
    to: ExportTarget = None,
) -> None:
    """Write what counts as a platform takes it; the platform's own file is left as it is."""
    require("export", "grade")
    from mugrade.grader.collect.place import submitted_in
    from mugrade.grader.exports import EXPORTED
    from mugrade.grader.exports.writing import Export

    _demand_used(
        platform,
        {
            "FILE": bool(table),
            "--column": bool(column),
            "--scale": scale,
            "--zeros": zeros,
            "--exercises": exercises,
        },
    )
    found, folder = course_and_results(course, out)
    stages = [found.find(name).name for name in stage or []]
    said = dict(_column(found, text) for text in column or ())
    there = submitted_in(submitted)
    job = Export(found, folder, db, stages, said, scale, zeros, exercises, there)
    target = to or folder / EXPORTED
    with console().status("writing"):
        lines = list(job.write(platform, table, target, feedback))
    for line in lines:
        say(line)


def _demand_used(platform: To, given: Mapping[str, bool]) -> None:
    """End the command where something was given that would make no difference."""
    for name in (name for name, is_given in given.items() if is_given):
        if name not in TAKEN.get(platform, OF_TABLES):
            raise fail(f"{name} says nothing about mugrade export {platform}: leave it out")


def gradescope(
    stage: Annotated[str, typer.Argument(help="The stage that is graded there, e.g. 03.")],
    course: CourseFolder = None,
    out: OutFolder = None,
    accept_weak: AcceptWeak = False,
    to: ExportTarget = None,
) -> None:
    """Write the archive of an autograder for Gradescope, which grades a stage as grade does here.

    It holds the answers and the secret of the hidden inputs, and is for teachers only.
    """
    require("gradescope", "grade")
    from mugrade.grader.exports import EXPORTED
    from mugrade.grader.exports.archive import write_autograder

    found, folder = course_and_results(course, out)
    path = to or folder / EXPORTED / f"gradescope-{found.find(stage).name}.zip"
    size = write_autograder(path, found, found.find(stage), folder, accept_weak)
    say(f"{path}: {size >> 10} kB, to upload under Configure Autograder")


def _column(course: "Course", text: str) -> tuple[str, str]:
    stage, sign, name = text.partition("=")
    if not sign or not name.strip():
        raise fail(f'--column {text}: say which stage\'s, for instance --column "03=Homework 3"')
    return course.find(stage.strip()).name, name.strip()
