"""The attempts of one student at one stage: shown, written back to a file, chosen by hand."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from mugrade.course.model import Course
from mugrade.course.settings import Settings
from mugrade.errors import Unreadable
from mugrade.grader.final import shown_points
from mugrade.grader.models import Attempt
from mugrade.grader.plan import opened_results
from mugrade.grader.policy import Standing
from mugrade.grader.publish import republish
from mugrade.grader.results import Status
from mugrade.grader.store import Filter, Store
from mugrade.grader.times import utc
from mugrade.view.report import printable
from mugrade.view.tables import table

POLICY = "policy"


def of_one_stage(store: Store, student: str, stage: str) -> list[Attempt]:
    """All attempts in the order of grading; raises Unreadable if there is none."""
    found = store.histories(Filter([student], [stage]))
    if not found:
        raise Unreadable(f"{store.name}: nothing of {printable(student)} at {printable(stage)}")
    return next(iter(found.values()))


def attempt_of(
    store: Store, settings: Settings, student: str, stage: str, number: int | None
) -> Attempt:
    """An attempt, or the one that counts, with its checks; raises Unreadable if there is none."""
    attempts = of_one_stage(store, student, stage)
    standing = store.standing(student, attempts[0].stage, settings)
    if number is not None:
        standing = replace(standing, attempt=_numbered(attempts, number))
    return next(store.with_checks([standing])).attempt


def history_table(attempts: Sequence[Attempt], standing: Standing) -> Table:
    """A row per attempt: when, by which mugrade, its automatic points, and whether it counts."""
    columns = ("attempt", "handed in", "graded", "mugrade", "automatic", "counts")
    found = table(columns, right=("attempt", "automatic"), whole=columns[1:])
    found.add_column("what went wrong", overflow="fold")
    for a in attempts:
        counts = a.number == standing.attempt.number
        again = "" if a.hand_in in (0, a.number) else f"what attempt {a.hand_in} graded, again"
        notes = (again, a.summary, standing.note if counts else "")
        found.add_row(
            str(a.number or ""),
            utc(a.handed_in) or "not known",
            utc(a.graded_at),
            a.mugrade,
            f"{a.points}/{a.max_points}",
            standing.why if counts else "",
            Text(printable("; ".join(filter(None, notes)))),
        )
    return found


def write_attempt(store: Store, attempts: Sequence[Attempt], number: int, path: Path) -> None:
    """Write what an attempt graded, byte for byte; raises Unreadable if it was not kept."""
    content = store.notebook(_numbered(attempts, number))
    if content is None:
        raise Unreadable(f"attempt {number}: its notebook was not kept")
    path.write_bytes(content)


def choose_by_hand(
    course: Course, out: Path, url: str | None, key: tuple[str, str], number: str, console: Console
) -> str:
    """Let an attempt count, or the policy decide again, and write all files; says what counts.

    Nothing is deleted, and the choice is kept with its date.
    """
    with opened_results(out, url, console) as store:
        attempts = of_one_stage(store, *key)
        student, stage = attempts[0].student, attempts[0].stage
        if number == POLICY:
            store.pin(student, stage, None)
        elif number.isdecimal():
            store.pin(student, stage, _numbered(attempts, int(number)).number)
        else:
            raise Unreadable(f"{printable(number)}: not the number of an attempt, nor {POLICY}")
        republish(out, course, store, console)
        standing = store.standing(student, stage, course.settings)
    shown = standing.attempt
    return (
        f"{printable(student)} {stage}: attempt {shown.number} counts ({standing.why}), "
        f"{shown_points(standing.points)} of {shown.max_points} points"
    )


def _numbered(attempts: Sequence[Attempt], number: int) -> Attempt:
    found = next((a for a in attempts if a.number == number and a.status != Status.MISSING), None)
    if found is None:
        there = ", ".join(str(a.number) for a in attempts if a.status != Status.MISSING)
        raise Unreadable(f"no attempt {number}: there are {there or 'none'}")
    return found
