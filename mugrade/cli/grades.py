"""Commands on results that are there: grades, forget."""

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mugrade.cli.shared import (
    RESULTS,
    CourseFolder,
    Database,
    Json,
    OutFolder,
    PolicyOption,
    Stages,
    Students,
    console,
    course_and_results,
    fail,
    say,
)
from mugrade.course.settings import Policy, Settings, read_settings
from mugrade.errors import CourseError
from mugrade.extras import require

if TYPE_CHECKING:
    from mugrade.grader.policy import Standing
    from mugrade.grader.store import Store

OLD = "pages older than the formgrader: {}; mugrade grades --write writes them again"
Below = Annotated[float | None, typer.Option("--below", help="Only with fewer points than this.")]
CsvOption = Annotated[
    str | None, typer.Option("--csv", help="Write a row per check to this file; - prints it.")
]
HistoryOption = Annotated[
    tuple[str, str] | None,
    typer.Option("--history", metavar="STUDENT STAGE", help="Every attempt at a stage."),
]
Number = Annotated[
    int | None,
    typer.Option("--attempt", help="With --notebook: which one; by default what counts."),
]
NotebookOption = Annotated[
    Path | None,
    typer.Option("--notebook", help="With --history: write what was handed in to this file."),
]
Write = Annotated[
    bool, typer.Option("--write", help="Write grades.csv and the feedback pages again.")
]
Todo = Annotated[
    bool, typer.Option("--todo", help="Only what waits for a teacher, one row for each.")
]
Use = Annotated[
    tuple[str, str, str] | None,
    typer.Option(
        metavar="STUDENT STAGE NUMBER",
        help="Let this attempt count; with the word policy for a number, the policy decides again.",
    ),
]


def grades(
    course: CourseFolder = None,
    out: OutFolder = None,
    db: Database = None,
    student: Students = None,
    stage: Stages = None,
    below: Below = None,
    policy: PolicyOption = None,
    csv: CsvOption = None,
    json: Json = False,
    history: HistoryOption = None,
    attempt: Number = None,
    notebook: NotebookOption = None,
    use: Use = None,
    write: Write = False,
    todo: Todo = False,
) -> None:
    """Print the results that count, with what was said in the formgrader since."""
    require("grades", "grade")
    from mugrade.grader.store import Filter

    if (notebook or attempt) and not history:
        raise fail("--notebook and --attempt need --history STUDENT STAGE")
    if use:
        return _use(course, out, db, *use)
    if write:
        return _write(course, out, db)
    with _results(course, out, db, policy) as (store, settings):
        if history:
            return _history(store, settings, *history, attempt, notebook)
        found = store.standings(settings, Filter(student or (), stage or (), below))
        if todo:
            found = [standing for standing in found if standing.look]
        _show(store, found, csv, json, todo)


def forget(
    student: Annotated[str, typer.Argument(help="As mugrade grades names the student.")],
    course: CourseFolder = None,
    out: OutFolder = None,
    db: Database = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete everything that is kept of a student: results, notebooks, pages, gradebook rows."""
    require("forget", "grade")
    from mugrade.grader.forget import forget_student

    found, folder = course_and_results(course, out)
    if not yes and not sys.stdin.isatty():
        raise fail("nothing is deleted: there is no terminal to ask on; add --yes to delete it")
    if not yes and not typer.confirm(f"delete everything that is kept of {student}, for ever?"):
        return say("nothing is deleted")
    for line in forget_student(student, found, folder, db, console()):
        say(line)


@contextmanager
def _results(
    course: Path | None, out: Path | None, db: str | None, policy: Policy | None
) -> Iterator[tuple["Store", Settings]]:
    """The store, and by which rules its results count; what goes wrong is one sentence."""
    from mugrade.course.reading import find_course
    from mugrade.grader.ledger import GRADEBOOK, listen
    from mugrade.grader.outputs.pages import stale
    from mugrade.grader.store import NAME, Store

    folder = out or (None if db else find_course(course or Path.cwd()) / RESULTS)
    root = _root(course, folder)
    settings = read_settings(root) if root else Settings()
    if policy:
        settings = replace(settings, policy=policy)
    try:
        with closing(Store.open(db or Path(folder or ".") / NAME)) as store:
            if folder:
                listen(store, folder / GRADEBOOK)
            old = stale(folder, store, settings) if folder and not policy else 0
            news = OLD.format(old) if old else ""
            for text in filter(None, (store.said, *settings.warnings, news)):
                typer.echo(text, err=True)
            yield store, settings
    except OSError as error:
        raise fail(f"{error.filename}: cannot be written ({error.strerror})") from None


def _root(course: Path | None, out: Path | None) -> Path | None:
    """The course whose rules hold: the named one, the one here, or the one that `out` lies in."""
    from mugrade.course.reading import find_course

    if course:
        return find_course(course)
    for start in filter(None, (Path.cwd(), out)):
        with suppress(CourseError):
            return find_course(start)
    return None


def _show(store: "Store", found: "list[Standing]", csv: str | None, json: bool, todo: bool) -> None:
    from mugrade.grader.report import class_table, to_json, todo_table, write_csv

    if json:
        say(to_json(store.with_checks(found)))
    elif csv == "-":
        write_csv(sys.stdout, store.with_checks(found))
    elif csv:
        with Path(csv).open("w", newline="", encoding="utf-8") as file:
            write_csv(file, store.with_checks(found))
    elif found:
        console().print(todo_table(found) if todo else class_table(found))
    else:
        say("nothing waits for a teacher" if todo else "no result fits")


def _use(
    course: Path | None, out: Path | None, db: str | None, student: str, stage: str, number: str
) -> None:
    from mugrade.grader.history import choose_by_hand

    found, folder = course_and_results(course, out)
    say(choose_by_hand(found, folder, db, (student, stage), number, console()))


def _write(course: Path | None, out: Path | None, db: str | None) -> None:
    from mugrade.grader.outputs.csv import CSV
    from mugrade.grader.outputs.pages import FEEDBACK
    from mugrade.grader.plan import opened_results
    from mugrade.grader.publish import republish

    found, folder = course_and_results(course, out)
    with opened_results(folder, db, console()) as store:
        republish(folder, found, store, console())
    say(f"{folder / CSV} and {folder / FEEDBACK} say what counts now")


def _history(
    store: "Store",
    settings: Settings,
    student: str,
    stage: str,
    number: int | None,
    notebook: Path | None,
) -> None:
    """Show every attempt, or write the notebook of one."""
    from mugrade.grader.history import history_table, of_one_stage, write_attempt

    attempts = of_one_stage(store, student, stage)
    standing = store.standing(student, attempts[0].stage, settings)
    if notebook:
        number = standing.attempt.number if number is None else number
        write_attempt(store, attempts, number, notebook)
        say(f"attempt {number} of {student} at {attempts[0].stage}: {notebook}")
    else:
        console().print(history_table(attempts, standing))
