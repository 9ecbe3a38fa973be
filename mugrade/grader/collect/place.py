"""nbgrader's `submitted/<student>/<stage>/`, as the index says; what lay there is kept."""

import contextlib
import hashlib
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mugrade import files
from mugrade.errors import Unreadable
from mugrade.grader.collect.index import Index, Received, chosen, content_of, keep
from mugrade.grader.submissions import SUBMITTED
from mugrade.grader.times import TIMESTAMP, collected
from mugrade.package.ipynb import read_bytes

LITTLE = timedelta(minutes=1)
BY_HAND = "put there by hand"


def submitted_in(out: Path) -> Path:
    """The folder `submitted/` that a command writes to: `out` itself, or in it."""
    return out if out.absolute().name == SUBMITTED else out / SUBMITTED


def notice(submitted: Path, index: Index, stage: str, student: str) -> None:
    """Take what somebody else has put into a student's folder for a hand-in; raises OSError."""
    path = submitted / student / stage / f"{stage}.ipynb"
    with contextlib.suppress(Unreadable):
        content = read_bytes(path)
        sha256 = hashlib.sha256(content).hexdigest()
        if all(h.sha256 != sha256 for h in index.of(stage, student)):
            when = collected(path.parent)
            time, clock = (when.isoformat(), TIMESTAMP) if when else ("", "")
            there = str(path.relative_to(submitted))
            index.add(
                stage,
                student,
                Received(keep(submitted, [student], content), there, BY_HAND, time, clock),
            )


def put_in_place(
    submitted: Path, index: Index, stage: str, student: str, deadline: datetime | None
) -> bool:
    """Write what counts of a student's stage; returns whether anything changed. Raises OSError."""
    taken = chosen(index.of(stage, student))
    folder = submitted / student / stage
    path = folder / f"{stage}.ipynb"
    changed = _sha256(path) != taken.sha256
    if changed:
        files.write(path, content_of(submitted, student, taken.sha256).read_bytes())
    when = told_time(taken, deadline)
    if when != collected(folder):
        changed = True
        if when is None:
            files.remove(folder / TIMESTAMP)
        else:
            files.write(folder / TIMESTAMP, _nbgraders(when))
    if when is None:
        with contextlib.suppress(OSError):
            os.utime(path, (0, 0))  # nobody knows when; see times.modified
    return changed


def told_time(hand_in: Received, deadline: datetime | None) -> datetime | None:
    """When something was handed in, as grading is told it.

    What a platform marks as late without a time is taken to be a little late.
    """
    if hand_in.when or not hand_in.is_late or deadline is None:
        return hand_in.when
    return (deadline + LITTLE).astimezone(UTC)


def _nbgraders(when: datetime) -> bytes:
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f} UTC".encode()


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(read_bytes(path)).hexdigest()
    except Unreadable:
        return ""
