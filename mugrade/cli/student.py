"""Commands of a student: take, status, hint, data."""

import difflib
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from mugrade.cli.shared import CourseFolder, console, fail, find_stage, find_workspace, say

if TYPE_CHECKING:
    from rich.progress import TaskID


class DataSet(StrEnum):
    """What `mugrade data` can fetch."""

    mnist = "mnist"


def take(
    stages: Annotated[list[str], typer.Argument(help="Stages, e.g. 02 or 02_linear.")],
    course: CourseFolder = None,
) -> None:
    """Borrow stages: put the reference's code into your package, marked as taken.

    Your own cells stay in your notebook; running them again puts them back.
    """
    from mugrade.student.progress import take_stage

    workspace = find_workspace()
    for stage in [find_stage(workspace, name) for name in stages]:
        paths = take_stage(workspace, stage, course or workspace.folder)
        say(f"took {stage}: {', '.join(paths)}")


def status() -> None:
    """Show what is built, taken and passing, stage by stage."""
    from rich.table import Table

    from mugrade.student.progress import stage_progress

    workspace = find_workspace()
    table = Table(header_style="bold", box=None, pad_edge=False)
    for column in ("stage", "built", "taken", "checks passing", "points"):
        table.add_column(column, justify="left" if column == "stage" else "right")
    for stage in workspace.manifest.stages:
        row = stage_progress(workspace, stage)
        table.add_row(
            stage,
            f"{row.built}/{row.exercises}",
            str(row.taken or ""),
            f"{row.passing}/{row.checks}",
            f"{row.points}/{row.total}",
        )
    console().print(table)


def hint(
    exercise: Annotated[
        str, typer.Argument(help="The exercise's id, as a failing check names it.")
    ],
    number: Annotated[int, typer.Argument(help="Which hint: 1 asks, 3 nearly tells.", min=1)] = 1,
) -> None:
    """Show a hint for an exercise, from a question to nearly the answer."""
    hints = find_workspace().manifest.hints
    if exercise not in hints:
        close = difflib.get_close_matches(exercise, hints, n=3) or sorted(hints)
        raise fail(f"no hints for {exercise}: try {', '.join(close)}")
    found = hints[exercise]
    number = min(number, len(found))
    typer.secho(f"{exercise}, hint {number} of {len(found)}", bold=True)
    say(found[number - 1])
    if number < len(found):
        typer.secho(f"next: mugrade hint {exercise} {number + 1}", dim=True)


def data(
    name: Annotated[DataSet, typer.Argument(help="The data set.")],
    mirror: Annotated[
        str | None, typer.Option(help="A URL or a folder to take the files from.")
    ] = None,
) -> None:
    """Download a data set into data/ beside the notebooks.

    Files that are there are left alone, and a download that broke off is continued.
    """
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TransferSpeedColumn,
    )

    from mugrade.student.data import MIRRORS, fetch

    folder = find_workspace().folder / "data" / name.value
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, TransferSpeedColumn(), console=console()) as progress:
        tasks: dict[str, TaskID] = {}

        def report(file: str, done: int, total: int | None) -> None:
            task = tasks.get(file)
            if task is None:
                task = tasks[file] = progress.add_task(file, total=total)
            progress.update(task, completed=done, total=total)

        fetched = fetch(folder, (mirror,) if mirror else MIRRORS, report=report)
    say(f"{f'fetched {len(fetched)} files into' if fetched else 'everything is in'} {folder}")
