"""A table for everything else: a row for each student, a column for each stage or exercise."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from typing import IO

from mugrade.grader.final import shown_points
from mugrade.grader.policy import Standing
from mugrade.view.report import printable
from mugrade.view.tables import safe

TOTAL, LATE = "total", "late"


def write_totals(file: IO[str], standings: Iterable[Standing], by_exercise: bool = False) -> int:
    """Write the table; returns how many students there are. An empty cell is no result.

    The columns add up to the total: with `by_exercise`, lateness has a column of its own, and so
    has what it cannot take because points are never below 0.
    """
    cells: dict[str, dict[str, float]] = {}
    columns: dict[str, None] = {}
    for standing in standings:
        row = cells.setdefault(standing.student, {})
        for name, points in _parts(standing, by_exercise).items():
            columns.setdefault(name)
            row[name] = row.get(name, 0) + points
    writer = csv.writer(file, quoting=csv.QUOTE_ALL)
    names = sorted(columns)
    writer.writerow(["student", *map(safe, names), TOTAL])
    for student in sorted(cells):
        writer.writerow([safe(printable(student)), *_row(cells[student], names)])
    return len(cells)


def _parts(standing: Standing, by_exercise: bool) -> Mapping[str, float]:
    if not by_exercise:
        return {standing.stage: standing.points}
    parts: dict[str, float] = {}
    for row in standing.attempt.checks:
        name = f"{standing.stage} {row.exercise}"
        parts[name] = parts.get(name, 0) + standing.scores[row.check].points
    if rest := round(standing.points - sum(parts.values()), 6):
        parts[f"{standing.stage} {LATE}"] = rest
    return parts


def _row(points: Mapping[str, float], names: Sequence[str]) -> list[str]:
    shown = [shown_points(points[name]) if name in points else "" for name in names]
    return [*map(safe, shown), shown_points(round(sum(points.values()), 6))]
