"""Who would move if new results replaced the old ones."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from mugrade.grader.final import CheckScore, shown_points
from mugrade.grader.policy import Standing
from mugrade.grader.results import Status
from mugrade.view.report import printable
from mugrade.view.tables import table


@dataclass(frozen=True)
class Move:
    """What counts of a student's stage before and after, both with their checks.

    `before` is None where nothing was graded.
    """

    before: Standing | None
    after: Standing

    @property
    def difference(self) -> float:
        """The points that are gained or lost."""
        return self.after.points - (self.before.points if self.before else 0)

    @property
    def checks(self) -> list[str]:
        """What each check gained or lost, and what lateness costs more or less."""
        old, new = self.before.scores if self.before else {}, self.after.scores
        none = CheckScore(0)
        change = {id: new.get(id, none).points - old.get(id, none).points for id in {**old, **new}}
        change["late penalty"] = (self.before.penalty if self.before else 0) - self.after.penalty
        return [f"{id} {points:+g}" for id, points in change.items() if points]

    @property
    def has_moved(self) -> bool:
        """Whether there is anything to show."""
        new = self.before is None or self.before.status != self.after.status
        return bool(new or self.checks)


def show_moves(moves: Sequence[Move], graded: int, fresh: int, console: Console) -> None:
    """A row for each stage that moves, and what it comes to."""
    columns = ("student", "stage", "before", "after", "difference")
    found = table(columns, right=columns[2:], whole=columns)
    found.add_column("what moves", overflow="fold")
    moved = [move for move in moves if move.has_moved]
    for move in moved:
        before, after = move.before, move.after
        status = "" if after.status == Status.GRADED else after.summary
        found.add_row(
            Text(printable(after.student)),
            after.stage,
            shown_points(before.points) if before else "new",
            shown_points(after.points),
            f"{move.difference:+g}",
            Text("; ".join(filter(None, [status, ", ".join(move.checks)]))),
        )
    if moved:
        console.print(found)
    total = sum(move.difference for move in moves)
    console.print(
        f"{graded} graded again: {len(moved)} move, by {total:+g} points in all; "
        f"{fresh} up to date",
        highlight=False,
    )
