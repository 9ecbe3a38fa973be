"""The command line: build, take, status, hint, data, grade, grades."""

import difflib
import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TransferSpeedColumn,
)
from rich.table import Table

from mugrade.author.course import CourseError
from mugrade.grader.submissions import Unreadable
from mugrade.student.workspace import Workspace, WorkspaceError

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
console = Console()
CourseFolder = Annotated[
    Path | None,
    typer.Option("--course", help="The course's folder; by default the one you are in."),
]
OutFolder = Annotated[
    Path | None, typer.Option("--out", help="Where results go; by default build/grades.")
]
Database = Annotated[
    str | None,
    typer.Option("--db", help="URL or file of the results; by default results.db in --out."),
]
RESULTS = Path("build") / "grades"
INTERRUPTED = 130


class On(StrEnum):
    """What a stage is graded on top of."""

    reference = "reference"
    own = "own"


class DataSet(StrEnum):
    """What `mugrade data` can fetch."""

    mnist = "mnist"


def fail(error: Exception | str) -> typer.Exit:
    """Print one clear sentence; the caller raises what this returns."""
    Console(stderr=True, soft_wrap=True).print(str(error), markup=False, highlight=False)
    return typer.Exit(1)


@app.command()
def build(
    course: CourseFolder = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail if anything committed differs.")
    ] = False,
) -> None:
    """Turn solutions/NN_name.py into notebooks, the reference package and an nbgrader course."""
    from mugrade.author.build import build as write
    from mugrade.author.build import check_build, nbgrader_root
    from mugrade.author.course import find_course, load_course

    try:
        found = load_course(find_course(course or Path.cwd()))
        with console.status("reading") as status:
            changed = (check_build if check else write)(found, status.update)
    except CourseError as error:
        raise fail(error) from None
    for path in changed:
        console.print(f"{'differs' if check else 'written'}  {path}", markup=False, highlight=False)
    if check and changed:
        raise fail(
            f"{len(changed)} files differ from solutions/NN_name.py: run mugrade build and commit"
        )
    if not changed:
        console.print("everything is up to date")
    if not check:
        console.print(
            f"instructor's nbgrader course: {nbgrader_root(found)}", markup=False, highlight=False
        )


@app.command()
def lint(course: CourseFolder = None) -> None:
    """Warn about checks that can be passed by guessing."""
    from mugrade.author.course import find_course, load_course
    from mugrade.author.lint import lint as warnings

    try:
        found = list(warnings(load_course(find_course(course or Path.cwd()))))
    except CourseError as error:
        raise fail(error) from None
    if found:
        raise fail("\n".join(found))
    console.print("no check can be passed by guessing")


@app.command()
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
        try:
            paths = take_stage(workspace, stage, course or workspace.folder)
        except (CourseError, WorkspaceError) as error:
            raise fail(error) from None
        console.print(f"took {stage}: {', '.join(paths)}", markup=False, highlight=False)


@app.command()
def status() -> None:
    """Show what is built, taken and passing, stage by stage."""
    from mugrade.student.progress import stage_progress

    workspace = find_workspace()
    table = Table(header_style="bold", box=None, pad_edge=False)
    for column in ("stage", "built", "taken", "checks passing", "points"):
        table.add_column(column, justify="left" if column == "stage" else "right")
    for stage in workspace.manifest.stages:
        try:
            row = stage_progress(workspace, stage)
        except WorkspaceError as error:
            raise fail(error) from None
        table.add_row(
            stage,
            f"{row.built}/{row.exercises}",
            str(row.taken or ""),
            f"{row.passing}/{row.checks}",
            f"{row.points}/{row.total}",
        )
    console.print(table)


@app.command()
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
    console.print(f"{exercise}, hint {number} of {len(found)}", style="bold", highlight=False)
    console.print(found[number - 1], markup=False, highlight=False)
    if number < len(found):
        console.print(f"next: mugrade hint {exercise} {number + 1}", style="dim", highlight=False)


@app.command()
def data(
    name: Annotated[DataSet, typer.Argument(help="The data set.")],
    mirror: Annotated[
        str | None, typer.Option(help="A URL or a folder to take the files from.")
    ] = None,
) -> None:
    """Download a data set into data/ beside the notebooks.

    Files that are there are left alone, and a download that broke off is continued.
    """
    from mugrade.student.data import MIRRORS, DataError, fetch

    folder = find_workspace().folder / "data" / name.value
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    try:
        with Progress(*columns, TransferSpeedColumn(), console=console) as progress:
            tasks: dict[str, TaskID] = {}

            def report(file: str, done: int, total: int | None) -> None:
                task = tasks.get(file)
                if task is None:
                    task = tasks[file] = progress.add_task(file, total=total)
                progress.update(task, completed=done, total=total)

            fetched = fetch(folder, (mirror,) if mirror else MIRRORS, report=report)
    except DataError as error:
        raise fail(error) from None
    said = f"fetched {len(fetched)} files into" if fetched else "everything is in"
    console.print(f"{said} {folder}", markup=False, highlight=False, soft_wrap=True)


@app.command()
def grade(
    submissions: Annotated[
        Path, typer.Argument(help="nbgrader's submitted/ or a folder per student.")
    ],
    course: CourseFolder = None,
    out: OutFolder = None,
    db: Database = None,
    stage: Annotated[list[str] | None, typer.Option(help="Only these stages.")] = None,
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
        bool, typer.Option("--regrade", help="Show who would move, and ask before writing.")
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
    try:
        with console.status("reading the course"):
            from mugrade.author.course import find_course, load_course
            from mugrade.grader.run import Order, grade_class, regrade_class
            from mugrade.sandbox.process import Limits

            found = load_course(find_course(course or Path.cwd()))
        names = [found.find(name).name for name in stage or []]
        folder = out or found.root / RESULTS
        limits = Limits(check=seconds, total=max(60.0, 6 * seconds))
        order = Order(
            found,
            submissions,
            folder,
            limits,
            names,
            own=on is On.own,
            jobs=jobs,
            url=db,
            force=force,
            accept_weak=accept_weak,
            scheduler=scheduler,
        )
        if regrade:
            complete = regrade_class(order, console, lambda: yes or _confirmed())
        else:
            complete = grade_class(order, console)
    except (CourseError, Unreadable) as error:
        raise fail(error) from None
    if not complete:
        raise typer.Exit(INTERRUPTED)


def _confirmed() -> bool:
    if not sys.stdin.isatty():
        raise fail("nothing is written: there is no terminal to ask on; add --yes to write it")
    return typer.confirm("write these results?")


@app.command()
def grades(
    course: CourseFolder = None,
    out: OutFolder = None,
    db: Database = None,
    student: Annotated[list[str] | None, typer.Option(help="Only these students.")] = None,
    stage: Annotated[list[str] | None, typer.Option(help="Only these stages, e.g. 03.")] = None,
    below: Annotated[float | None, typer.Option(help="Only with fewer points than this.")] = None,
    csv: Annotated[
        str | None, typer.Option(help="Write a row per check to this file; - prints it.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Print the results that count, as `mugrade grade` has stored them."""
    from mugrade.author.course import find_course
    from mugrade.grader.report import class_table, to_json, write_csv
    from mugrade.grader.store import NAME, Filter, Store

    try:
        folder = out or (None if db else find_course(course or Path.cwd()) / RESULTS)
        store = Store.open(db or Path(folder or ".") / NAME)
        found = store.all_current(Filter(student or (), stage or (), below))
        if json:
            typer.echo(to_json(store.with_checks(found)))
        elif csv == "-":
            write_csv(sys.stdout, store.with_checks(found))
        elif csv:
            with Path(csv).open("w", newline="", encoding="utf-8") as file:
                write_csv(file, store.with_checks(found))
        elif found:
            console.print(class_table(found))
        else:
            console.print("no result fits")
    except OSError as error:
        raise fail(f"{error.filename}: cannot be written ({error.strerror})") from None
    except (CourseError, Unreadable) as error:
        raise fail(error) from None


def find_stage(workspace: Workspace, name: str) -> str:
    """The stage's whole name; ends the command where there is no such stage."""
    try:
        return workspace.manifest.stage(name)
    except KeyError:
        stages = ", ".join(workspace.manifest.stages)
        raise fail(f"no stage {name}: there are {stages}") from None


def find_workspace() -> Workspace:
    """The workspace here, or in `notebooks/` below; ends the command where there is none."""
    here = Path.cwd()
    below = here / "notebooks"
    try:
        return Workspace.find(below if below.is_dir() else here)
    except WorkspaceError as error:
        raise fail(error) from None
