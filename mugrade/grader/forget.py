"""Everything that is kept of a student, deleted."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from rich.console import Console

from mugrade import files
from mugrade.course.model import Course
from mugrade.errors import Unreadable
from mugrade.grader.exports import EXPORTED
from mugrade.grader.glance import GLANCE
from mugrade.grader.hashes import HASHES
from mugrade.grader.log import forget_in_log
from mugrade.grader.migrate import backups
from mugrade.grader.outputs.csv import CSV
from mugrade.grader.plan import opened_results
from mugrade.grader.publish import Publisher, republish
from mugrade.grader.similar.page import PAGE
from mugrade.grader.store import Filter, Store
from mugrade.grader.vacuum import vacuum
from mugrade.view.report import printable

OF_ALL = {GLANCE: "report", PAGE: "similar", EXPORTED: "export"}


def forget_student(
    student: str, course: Course, out: Path, url: str | None, console: Console
) -> list[str]:
    """Delete a student everywhere below `out` and in the results; a line for all that was done.

    Raises Unreadable if nothing was there. Stopped half-way, it goes on when called again.
    """
    with opened_results(out, url, console) as store:
        done = list(_without_all(out)) if store.histories(Filter([student])) else []
        with closing(Publisher(out, course, store)) as publisher:
            done += [line for output in publisher.outputs for line in output.forget(student)]
        attempts, notebooks = store.forget(student)
        done += forget_in_log(out, student)
        (out / HASHES).unlink(missing_ok=True)
        if store.is_file:
            vacuum(store.engine)
        if attempts:
            done.append(f"{store.name}: {attempts} results and {notebooks} notebooks deleted")
        if not done:
            raise Unreadable(f"{out}: nothing is kept of {printable(student)}")
        republish(out, course, store, console)
        return [*done, f"{out / CSV}: written again", *_left(out, store)]


def _without_all(out: Path) -> Iterator[str]:
    """Delete what is written of the whole class at once, in which the student may be."""
    for name, command in OF_ALL.items():
        path = out / name
        if path.is_dir():
            shutil.rmtree(path)
        elif path.exists():
            files.remove(path)
        else:
            continue
        yield f"{path}: deleted; mugrade {command} writes it again"


def _left(out: Path, store: Store) -> Iterator[str]:
    """What may still speak of the student, and is not ours to change."""
    paths = [*(backups(Path(store.name)) if store.is_file else ()), *out.glob("nbgrader.csv")]
    yield from (f"{path}: not touched; delete it once you do not need it" for path in paths)
    if not store.is_file:
        yield f"{store.name}: its own backups are yours to clean"
    yield "what was handed in still lies where it was: delete it too, or it is graded again"
