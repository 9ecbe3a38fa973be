"""From the store to a class: what counts of everybody, as plain data."""

import re
from collections.abc import Iterable, Mapping, Sequence

from mugrade import codec
from mugrade.course.cells import Role
from mugrade.course.model import Course, Stage
from mugrade.course.settings import Settings
from mugrade.grader.final import CheckScore
from mugrade.grader.glance.cohort import Cohort, Item, StageClass, StageWork
from mugrade.grader.models import CheckRow
from mugrade.grader.policy import Standing
from mugrade.grader.results import Status
from mugrade.grader.store import Store
from mugrade.values import Category
from mugrade.values.verdict import Diagnosis, Verdict
from mugrade.view.formula import readable

HEADING = re.compile(r"^#{2,6}\s+(.+)$", re.MULTILINE)


def gathered(
    store: Store, course: Course, standings: Sequence[Standing], sections: Mapping[str, str]
) -> Cohort:
    """The class of whom something counts, and of all those whose section is told."""
    works: dict[str, dict[str, StageWork]] = {}
    items: dict[str, dict[str, Item]] = {}
    for standing in store.with_checks(standings):
        asked = items.setdefault(standing.stage, {})
        for row in standing.attempt.checks:
            asked.setdefault(row.check, Item(row.check, row.exercise, row.max_points))
        works.setdefault(standing.stage, {})[standing.student] = _work(standing)
    students = sorted({standing.student for standing in standings} | set(sections))
    known = {stage.name: stage for stage in course.stages}
    stages = [
        _stage(name, known.get(name), course.settings, items[name], found)
        for name, found in sorted(works.items())
    ]
    return Cohort(students, stages, sections)


def _work(standing: Standing) -> StageWork:
    attempt, status = standing.attempt, standing.status
    if status != Status.GRADED:
        return StageWork(status, handed_in=attempt.handed_in)
    share = standing.points / attempt.max_points if attempt.max_points else None
    return StageWork(
        status,
        share,
        attempt.handed_in,
        {row.check: _share(row, standing.scores[row.check]) for row in attempt.checks},
        {row.check: found for row in attempt.checks if (found := _mistake(row))},
    )


def _share(row: CheckRow, score: CheckScore) -> float:
    """The automatic points or, where a teacher gave one, the manual score, as a share."""
    if not row.max_points:
        return float(row.category == Category.PASS)
    points = score.automatic if score.manual is None else score.manual
    return min(1.0, max(0.0, points / row.max_points))


def _mistake(row: CheckRow) -> Diagnosis | None:
    if row.category == Category.PASS:
        return None
    return codec.read(row.verdict, Verdict).diagnosis


def _stage(
    name: str,
    stage: Stage | None,
    settings: Settings,
    asked: Mapping[str, Item],
    works: Mapping[str, StageWork],
) -> StageClass:
    """A stage; its checks in the course's order, and after them those that it has no more."""
    order = [cell.id for cell in stage.role(Role.CHECK)] if stage else []
    place = {check: i for i, check in enumerate(order)}
    items = sorted(asked.values(), key=lambda item: place.get(item.check, len(place)))
    title = readable(stage.title) if stage else name
    return StageClass(
        name, title, items, works, settings.deadline(name), topics_of(stage) if stage else {}
    )


def topics_of(stage: Stage) -> dict[str, str]:
    """Exercise -> the last heading above it."""
    topics, heading = {}, ""
    for cell in stage.cells:
        if cell.role == Role.PROSE:
            heading = _last(HEADING.findall(cell.source), heading)
        elif cell.role == Role.SOLUTION:
            topics[cell.id] = heading
    return topics


def _last(headings: Iterable[str], default: str) -> str:
    *_, last = [default, *headings]
    return readable(last.strip())
