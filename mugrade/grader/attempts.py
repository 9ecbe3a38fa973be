"""What a result becomes in the history of a student's stage."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from mugrade.grader.models import Attempt
from mugrade.grader.results import Result, Status


@dataclass(frozen=True)
class Basis:
    """What a result was graded with: digests, versions and rules, as an Attempt holds them.

    `hand_in`: which of the student's earlier ones was graded again; None for what lies there now.
    """

    fingerprint: str
    mugrade: str = ""
    course: str = ""
    grader: str = ""
    rules: Mapping[str, Any] = field(default_factory=dict)
    hand_in: int | None = None


def in_order(attempts: Sequence[Attempt]) -> list[Attempt]:
    """Attempts in the order of handing in, and then of grading; absences, which are none, not."""
    found = (a for a in attempts if a.status != Status.MISSING)
    return sorted(found, key=lambda a: (a.hand_in, a.number))


def next_row(history: Sequence[Attempt], result: Result, basis: Basis) -> dict[str, Any]:
    """The row of the attempt that a result is, after all those of the same student and stage.

    When something was handed in is the earliest time that is known of the same file.
    """
    number, hand_in = _numbers(history, result, basis.hand_in)
    known = [a.handed_in for a in history if number and a.hand_in == hand_in]
    times = [time for time in (*known, result.submission.handed_in) if time]
    return {
        **Attempt.columns_of(result),
        **vars(basis),
        "number": number,
        "hand_in": hand_in,
        "handed_in": min(times, default=None),
        "notebook": result.notebook and result.notebook.sha256,
        "graded_at": datetime.now(UTC),
    }


def _numbers(history: Sequence[Attempt], result: Result, again: int | None) -> tuple[int, int]:
    """The number of the attempt, and of its hand-in: the last one, where its file is the same."""
    if result.status == Status.MISSING:
        return 0, 0
    number = max((a.number for a in history), default=0) + 1
    if again is not None:
        return number, again
    last = in_order(history)[-1:]
    sha256 = result.notebook and result.notebook.sha256
    return number, last[0].hand_in if last and last[0].notebook == sha256 else number
