"""Commands of a student: take, status, hint, data."""

import difflib
from typing import TYPE_CHECKING, Annotated

import typer

from mugrade.cli.shared import (
    CourseFolder,
    console,
    fail,
    find_stage,
    find_workspace,
    reload_advice,
    say,
    say_of_hidden,
    shown,
    wrapped,
)
from mugrade.view import visible

if TYPE_CHECKING:
    from rich.progress import TaskID

    from mugrade.course.datasets import DataSet
    from mugrade.course.manifest import CheckEntry
    from mugrade.student.workspace import Workspace


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
    """Show what is built, taken and passing, and what has changed since it passed."""
    from mugrade.student.built import what_was_built
    from mugrade.student.progress import CheckState, stage_progress
    from mugrade.view.tables import table

    workspace = find_workspace()
    rows = [stage_progress(workspace, stage) for stage in workspace.manifest.stages]
    passing, points = visible.columns(any(row.hidden for row in rows))
    numbers = ("built", "taken", passing, "changed since", points)
    found = table(("stage", *numbers), right=numbers)
    for row in rows:
        found.add_row(
            row.stage,
            f"{row.built}/{row.exercises}",
            str(row.taken or ""),
            f"{row.passing}/{row.checks}",
            str(sum(check.state == CheckState.CHANGED for check in row.every_check) or ""),
            row.score.replace(" of ", "/"),
        )
    console().print(found)
    say_of_hidden(any(row.hidden for row in rows))
    for row in rows:
        changed = [i.id for i in row.items if any(c.state == CheckState.CHANGED for c in i.checks)]
        if changed:
            text = f"{row.stage}: changed since its checks passed: {', '.join(changed)}"
            say(f"{text}; mugrade check {row.stage[:2]}")
    if built := what_was_built(workspace, rows):
        say(f"\n{built.text}")


def hint(
    exercise: Annotated[
        str, typer.Argument(help="The exercise's id, as a failing check names it.")
    ] = "",
    number: Annotated[
        int | None, typer.Argument(help="Which hint; by default one more than last time.", min=1)
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All hints at once.")] = False,
) -> None:
    """Show one more hint for an exercise each time, from a question to nearly the answer.

    Without a name, list the exercises. Once its checks pass, your answer is compared with the
    reference's; of a question, once you have answered it, the author's answer is shown.
    """
    from mugrade.student.hints import next_hint, remember_hint, solved
    from mugrade.view.formula import readable

    workspace = find_workspace()
    if not exercise:
        return _list_exercises(workspace)
    if asked := next((e for e in workspace.manifest.written if e.id == exercise), None):
        return _say_answer(workspace, asked)
    hints = workspace.manifest.hints.get(exercise, [])
    passes = solved(workspace, exercise)
    if not hints and (number or every or not passes):
        known = sorted(workspace.manifest.hints)
        if not known:
            raise fail("this course has no hints")
        close = difflib.get_close_matches(exercise, known, n=3) or known
        raise fail(f"no hints for {exercise}: try {', '.join(close)}")
    if passes and number is None and not every:
        return _compare(workspace, exercise)
    number = min(number or next_hint(workspace, exercise), len(hints))
    for i in range(1, len(hints) + 1) if every else [number]:
        say(f"{exercise}, hint {i} of {len(hints)}", bold=True)
        say(wrapped(readable(hints[i - 1])))
    remember_hint(workspace, exercise, len(hints) if every else number)
    if number < len(hints) and not every:
        say(f"one more: mugrade hint {exercise}", dim=True)


def _list_exercises(workspace: "Workspace") -> None:
    for stage in workspace.manifest.stages:
        say(stage, bold=True)
        say(wrapped(", ".join(entry.id for entry in workspace.manifest.exercises(stage))))


def _say_answer(workspace: "Workspace", asked: "CheckEntry") -> None:
    """Show what the author answers, to who has answered."""
    from mugrade.student.hints import authors_answer, own_answer
    from mugrade.view.formula import readable

    if not own_answer(workspace, asked):
        raise fail(f"{asked.id} is not answered yet: write into its cell and save the notebook")
    found = authors_answer(workspace, asked)
    if not found:
        return say(f"{asked.id} is answered; this copy of the course has no answer of its own")
    say(f"{asked.id}, as the author answers it:", bold=True)
    for paragraph in found.split("\n\n"):
        say(wrapped(readable(paragraph)))


def _compare(workspace: "Workspace", exercise: str) -> None:
    """Show how the reference's answer differs, where the course comes with its solutions."""
    from mugrade.student.hints import own_source, reference_source

    where, source = reference_source(workspace, exercise)
    if not source:
        return say(f"the checks of {exercise} pass; this copy of the course has no reference")
    own = own_source(workspace, exercise)
    lines = list(difflib.unified_diff(own.split("\n"), source.split("\n"), n=99, lineterm=""))[3:]
    say(f"the checks of {exercise} pass; - yours, + the reference ({where}):", bold=True)
    say("\n" + ("\n".join(lines) or f"{source}\n\nthe same as yours"))


def reset(
    ids: Annotated[list[str], typer.Argument(help="Cells, as hints and checks name them.")],
) -> None:
    """Put cells back as they were handed out, in the notebook and in your package.

    The old text is kept, and nothing is asked.
    """
    from mugrade.student.reset import released_cell, reset_cell

    workspace = find_workspace()
    for cell in [released_cell(workspace, id) for id in ids]:
        id = cell.id
        done = reset_cell(workspace, id)
        if not done.written:
            say(f"{id} is as it was handed out")
            continue
        say(f"{id} is as it was handed out, in {' and '.join(map(shown, done.written))}")
        for kept in done.kept:
            back = f"mugrade kept {kept.number} --restore"
            say(f"  the old text: {shown(kept.path)}; {back} brings it back")
        if done.copies:
            say(f"  note: {done.copies} more of the notebook's cells define the same")
        if notebooks := [path for path in done.written if path.suffix == ".ipynb"]:
            say(reload_advice(notebooks[0]))


def data(
    name: Annotated[str, typer.Argument(help="The data set, as the course names it.")],
    mirror: Annotated[
        str | None, typer.Option(help="A URL or a folder to take the files from.")
    ] = None,
) -> None:
    """Download a data set of the course into data/ beside the notebooks.

    Files that are there are left alone, and a download that broke off is continued.
    """
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TransferSpeedColumn,
    )

    from mugrade.student.data import fetch

    workspace = find_workspace()
    asked = _data_set(workspace, name)
    folder = workspace.folder / "data" / name
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, TransferSpeedColumn(), console=console()) as progress:
        tasks: dict[str, TaskID] = {}

        def report(file: str, done: int, total: int | None) -> None:
            task = tasks.get(file)
            if task is None:
                task = tasks[file] = progress.add_task(file, total=total)
            progress.update(task, completed=done, total=total)

        fetched = fetch(folder, (mirror,) if mirror else asked.mirrors, asked.files, report)
    say(f"{f'fetched {len(fetched)} files into' if fetched else 'everything is in'} {folder}")


def _data_set(workspace: "Workspace", name: str) -> "DataSet":
    known = workspace.manifest.data
    if name not in known:
        there = f"there is {', '.join(known)}" if known else "the course has none"
        raise typer.BadParameter(f"no data set {name}: {there}", param_hint="name")
    return known[name]
