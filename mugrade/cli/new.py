"""The command that begins a course, a stage or an exercise."""

from pathlib import Path
from typing import Annotated

import typer

from mugrade.cli.shared import CourseFolder, fail, read_course, say, shown
from mugrade.extras import install, is_installed


def new(
    folder: Annotated[
        Path | None, typer.Argument(help="A new folder, for a small course that works.")
    ] = None,
    course: CourseFolder = None,
    stage: Annotated[
        str | None,
        typer.Option(
            "--stage", help="Add a stage of that name; with --exercise, the stage it goes to."
        ),
    ] = None,
    exercise: Annotated[
        str | None,
        typer.Option("--exercise", help="Add an exercise to --stage, by default to the last one."),
    ] = None,
) -> None:
    """Begin a course; or add a stage or an exercise to the one at hand, ready to be rewritten.

    What exists is never overwritten.
    """
    from mugrade.author.new import new_course, new_exercise, new_stage

    if (folder is None) == (stage is None and exercise is None):
        raise fail(
            "name a folder for a new course, as in mugrade new my-course, or, in a course, "
            "--stage NAME or --exercise NAME"
        )
    if folder is not None:
        found = new_course(folder)
        say(f"{folder}: {len(found)} files; README.md says what is where")
        steps = [] if is_installed("nbgrader") else [install("author")]
        quoted = f'"{folder}"' if " " in str(folder) else str(folder)
        return say(f"next: {', then '.join([*steps, f'cd {quoted}', 'mugrade build'])}")
    at_hand = read_course(course)
    if exercise is None:
        path = new_stage(at_hand, stage or "")
    else:
        to = at_hand.find(stage) if stage else at_hand.stages[-1]
        path = new_exercise(at_hand, to, exercise)
    say(f"written  {shown(path.resolve())}; edit it, then mugrade build")
