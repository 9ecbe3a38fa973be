"""What a teacher decides about a course: `solutions/course.toml`."""

import math
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from mugrade.errors import CourseError

NAME = "course.toml"
FORMAT = 1
LIMITS = {"percent_per_day": 100, "most": 100, "grace_minutes": math.inf}
KEYS = {
    "": {"format", "title", "grading", "deadlines", "late"},
    "grading": {"policy"},
    "late": set(LIMITS),
}
DAY = timedelta(days=1)


class Policy(StrEnum):
    """Which of a student's attempts at a stage counts."""

    last = "last"
    best = "best"
    before_deadline = "before-deadline"


@dataclass(frozen=True)
class Late:
    """What lateness costs, in percent of a stage's points.

    `percent_per_day` for each day begun, `most` in all, and nothing within `grace_minutes`.
    """

    percent_per_day: float = 0
    most: float = 100
    grace_minutes: float = 0

    def percent(self, over: timedelta) -> float:
        """What it costs to be `over` the deadline."""
        if over <= timedelta(0) or over.total_seconds() <= 60 * self.grace_minutes:
            return 0
        return min(self.most, self.percent_per_day * -(-over // DAY))


@dataclass(frozen=True)
class Settings:
    """`deadlines` are by a stage's name or number; what was not understood is in `warnings`."""

    title: str = ""
    policy: Policy = Policy.last
    deadlines: Mapping[str, datetime] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    late: Late = Late()

    def deadline(self, stage: str) -> datetime | None:
        """When a stage had to be handed in, or None if it never had to be."""
        return next((self.deadlines[n] for n in _names(stage) if n in self.deadlines), None)

    def late_percent(self, stage: str, handed_in: datetime | None) -> float:
        """What lateness costs of a stage's points; nothing where it is not known."""
        deadline = self.deadline(stage)
        return self.late.percent(handed_in - deadline) if deadline and handed_in else 0


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
    number = _value(data, "format", int, FORMAT, f"the number {FORMAT}")
    if number > FORMAT:
        raise CourseError(f"{NAME}: format {number} is of a newer mugrade: upgrade mugrade")
    grading, late = (_value(data, key, dict, {}, "a table") for key in ("grading", "late"))
    return Settings(
        _value(data, "title", str, "", "text"),
        _policy(grading),
        {stage: _deadline(stage, time) for stage, time in _deadlines(data).items()},
        tuple(_unknown(data, {name for p in path.parent.glob("*.py") for name in _names(p.stem)})),
        _late(late),
    )


def _value(table: Mapping[str, Any], key: str, kind: type, default: Any, wanted: str) -> Any:
    found = table.get(key, default)
    if not isinstance(found, kind) or (kind is int and isinstance(found, bool)):
        raise CourseError(f"{NAME}: {key}: {found!r} is not {wanted}")
    return found


def _policy(grading: Mapping[str, Any]) -> Policy:
    found = grading.get("policy", Policy.last)
    if found not in list(Policy):
        raise CourseError(f"{NAME}: grading.policy: {found!r} is none of {', '.join(Policy)}")
    return Policy(found)


def _late(table: Mapping[str, Any]) -> Late:
    found = {name: table[name] for name in LIMITS.keys() & table.keys()}
    for name, value in sorted(found.items()):
        most = LIMITS[name]
        if type(value) not in (int, float) or not 0 <= value <= most or value == math.inf:
            wanted = "a number that is not negative" if most == math.inf else f"from 0 to {most}"
            raise CourseError(f"{NAME}: late.{name}: {value!r} is not {wanted}")
    return Late(**found)


def _deadlines(data: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = _value(data, "deadlines", dict, {}, "a table")
    return found


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


def _unknown(data: Mapping[str, Any], stages: set[str]) -> Iterator[str]:
    for table, known in {**KEYS, "deadlines": stages}.items():
        found = data.get(table, {}) if table else data
        for key in sorted(found.keys() - known):
            name = f"{table}.{key}" if table else key
            yield f"{NAME}: {name} is nothing that this mugrade knows, and changes nothing"
