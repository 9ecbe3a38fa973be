"""Everything that is kept of a student, deleted."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from rich.console import Console

from mugrade.course.model import Course
from mugrade.errors import Unreadable
from mugrade.grader.gradebook import Scores
from mugrade.grader.migrate import backups
from mugrade.grader.plan import opened
from mugrade.grader.publish import (
    AUTOGRADED,
    CSV,
    FEEDBACK,
    GRADEBOOK,
    folder_of,
    gradebook_url,
    republish,
)
from mugrade.grader.store import Store
from mugrade.grader.vacuum import vacuum
from mugrade.view.report import printable


def forget_student(
    student: str, course: Course, out: Path, url: str | None, console: Console
) -> list[str]:
    """Delete a student everywhere below `out` and in the results; a line for all that was done.

    Raises Unreadable if nothing was there. Stopped half-way, it goes on when called again.
    """
    with opened(out, url, console) as store:
        done = [*_forget_files(student, out), *_forget_scores(student, course, out)]
        attempts, notebooks = store.forget(student)
        if store.is_file:
            vacuum(store.engine)
        if attempts:
            done.append(f"{store.name}: {attempts} results and {notebooks} notebooks deleted")
        if not done:
            raise Unreadable(f"{out}: nothing is kept of {printable(student)}")
        republish(out, course, store, console)
        return [*done, f"{out / CSV}: written again", *_left(out, store)]


def _forget_files(student: str, out: Path) -> Iterator[str]:
    name = folder_of(student)
    if name in ("", "..") or name != Path(name).name:
        return  # no folder that mugrade would write
    for folder in (out / FEEDBACK / name, out / AUTOGRADED / name):
        if folder.is_dir():
            shutil.rmtree(folder)
            yield f"{folder}: deleted"


def _forget_scores(student: str, course: Course, out: Path) -> Iterator[str]:
    if (out / GRADEBOOK).exists():
        with closing(Scores(gradebook_url(out), course)) as scores:
            if count := scores.forget(student):
                yield f"{out / GRADEBOOK}: the student with {count} submissions deleted"


def _left(out: Path, store: Store) -> Iterator[str]:
    """What may still speak of the student, and is not ours to change."""
    paths = [*(backups(Path(store.name)) if store.is_file else ()), *out.glob("nbgrader.csv")]
    yield from (f"{path}: not touched; delete it once you do not need it" for path in paths)
    if not store.is_file:
        yield f"{store.name}: its own backups are yours to clean"
    yield "what was handed in still lies where it was: delete it too, or it is graded again"
