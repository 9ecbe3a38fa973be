"""What a teacher decides about a course: `solutions/course.toml`."""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any

from mugrade.course.datasets import DataSet
from mugrade.course.roster import Enrolled, Extension, read_class
from mugrade.course.site import Site, site_of
from mugrade.course.tables import (
    NAME,
    data_sets_of,
    libraries_of,
    limits_of,
    package_of,
    points_of,
    refused,
    subtable,
    unknown,
    value,
)
from mugrade.errors import CourseError, Unreadable
from mugrade.extras import LIBRARIES

FORMAT = 1
LATE = {"percent_per_day": 100, "most": 100, "grace_minutes": math.inf, "cut_off_days": math.inf}
DAY = timedelta(days=1)


class Policy(StrEnum):
    """Which of a student's attempts at a stage counts."""

    last = "last"
    best = "best"
    before_deadline = "before-deadline"


@dataclass(frozen=True)
class Late:
    """What lateness costs, in percent of a stage's points.

    `percent_per_day` for each day begun, `most` in all, and nothing within `grace_minutes`; after
    `cut_off_days` it costs everything.
    """

    percent_per_day: float = 0
    most: float = 100
    grace_minutes: float = 0
    cut_off_days: float = math.inf

    def percent(self, over: timedelta) -> float:
        """What it costs to be `over` the deadline."""
        if over <= timedelta(0) or over.total_seconds() <= 60 * self.grace_minutes:
            return 0
        if over / DAY > self.cut_off_days:
            return 100
        return min(self.most, self.percent_per_day * -(-over // DAY))


@dataclass(frozen=True)
class Settings:
    """What a course says of itself; what was not understood is in `warnings`.

    `deadlines`, `limits` and `points` are by a stage's name or number, limits for all of them by
    nothing; `libraries` are requirements. Without a `package` the cells say what they build.
    `students` are those of the course's own roster, with their extensions.
    """

    title: str = ""
    policy: Policy = Policy.last
    deadlines: Mapping[str, datetime] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    late: Late = Late()
    package: str = ""
    libraries: tuple[str, ...] = LIBRARIES
    limits: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    points: Mapping[str, int] = field(default_factory=dict)
    data: Mapping[str, DataSet] = field(default_factory=dict)
    students: tuple[Enrolled, ...] = ()
    site: Site = field(default_factory=Site)

    def deadline(self, stage: str, student: str = "") -> datetime | None:
        """When a stage had to be handed in, by a student; None if it never had to be."""
        found = next((self.deadlines[n] for n in _names(stage) if n in self.deadlines), None)
        of = self._extensions.get(student, {})
        longer = next((of[n] for n in (*_names(stage), "") if n in of), None)
        if not found or not longer:
            return found
        return found + longer if isinstance(longer, timedelta) else max(found, longer)

    @cached_property
    def _extensions(self) -> dict[str, Mapping[str, Extension]]:
        return {student.folder: student.extensions for student in self.students}

    def late_percent(self, stage: str, handed_in: datetime | None, student: str = "") -> float:
        """What lateness costs of a stage's points; nothing where it is not known."""
        deadline = self.deadline(stage, student)
        return self.late.percent(handed_in - deadline) if deadline and handed_in else 0

    def limits_of(self, stage: str) -> dict[str, float]:
        """What is said of the limits of a stage, and of all stages; `memory` is in MB."""
        found: dict[str, float] = {}
        for name in ("", *reversed(_names(stage))):
            found |= self.limits.get(name, {})
        return found

    def points_of(self, stage: str) -> int | None:
        """What the checks of a stage are to give together, or None if that is not said."""
        return next((self.points[n] for n in _names(stage) if n in self.points), None)

    def with_seconds(self, seconds: float) -> "Settings":
        """The same with one time limit for every check, whatever was said."""
        others = {
            name: {limit: said[limit] for limit in said.keys() - {"check", "total"}}
            for name, said in self.limits.items()
        }
        others[""] = {**others.get("", {}), "check": seconds}
        return replace(self, limits=others)


def read_settings(root: Path) -> Settings:
    """The settings of the course folder `root`; what is not said has its default.

    Raises CourseError where a value cannot be meant.
    """
    path = root / "solutions" / NAME
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Settings()
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise CourseError(f"{NAME}: cannot be read: {error}") from None
    number = value(data, "format", int, FORMAT, f"the number {FORMAT}")
    if number > FORMAT:
        raise CourseError(f"{NAME}: format {number} is of a newer mugrade: upgrade mugrade")
    grading, late = (subtable(data, key) for key in ("grading", "late"))
    stages = {name for p in path.parent.glob("*.py") for name in _names(p.stem)}
    return Settings(
        value(data, "title", str, "", "text"),
        _policy(grading),
        {stage: _deadline(stage, time) for stage, time in subtable(data, "deadlines").items()},
        late=_late(late),
        package=package_of(data),
        libraries=libraries_of(data),
        limits=limits_of(data),
        points=points_of(data),
        data=data_sets_of(data),
        site=site_of(data),
        warnings=tuple(unknown(data, stages)),
        students=_class(root, grading),
    )


def _policy(grading: Mapping[str, Any]) -> Policy:
    found = grading.get("policy", Policy.last)
    if found not in list(Policy):
        raise CourseError(f"{NAME}: grading.policy: {found!r} is none of {', '.join(Policy)}")
    return Policy(found)


def _class(root: Path, grading: Mapping[str, Any]) -> tuple[Enrolled, ...]:
    """The students of the course's own roster, if it has one."""
    if "roster" not in grading:
        return ()
    try:
        return read_class(root / value(grading, "roster", str, "", "the path of a CSV file"))
    except Unreadable as error:
        raise CourseError(f"{NAME}: grading.roster: {error}") from None


def _late(said: Mapping[str, Any]) -> Late:
    found = {name: said[name] for name in LATE.keys() & said.keys()}
    for name, number in sorted(found.items()):
        most = LATE[name]
        if type(number) not in (int, float) or not 0 <= number <= most or number == math.inf:
            wanted = "a number that is not negative" if most == math.inf else f"from 0 to {most}"
            raise refused(f"late.{name}", number, wanted)
    return Late(**found)


def _deadline(stage: str, time: Any) -> datetime:
    """With the offset that is written, else with that of this machine."""
    if not isinstance(time, datetime):
        raise CourseError(
            f"{NAME}: deadlines.{stage}: {time!s} is not a date with a time, "
            "such as 2026-03-01T23:59:59"
        )
    return time.astimezone() if time.tzinfo is None else time


def _names(stage: str) -> tuple[str, str]:
    """What a stage can be called."""
    return stage, stage[:2]
