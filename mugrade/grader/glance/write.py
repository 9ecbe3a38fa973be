"""From the store to the page."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from mugrade import files
from mugrade.course.model import Course
from mugrade.errors import Unreadable
from mugrade.garbage import nothing_to_collect
from mugrade.grader.glance.enrolled import Enrolment
from mugrade.grader.glance.examples import Examples
from mugrade.grader.glance.gather import gathered
from mugrade.grader.glance.page import PageFrame, glance_page
from mugrade.grader.glance.screen import Screen
from mugrade.grader.store import Filter, Store


@dataclass(frozen=True)
class Wanted:
    """What the page is to be about; an empty `section` is the whole class."""

    stages: Sequence[str] = ()
    section: str = ""
    anonymous: bool = False
    enrolled: Enrolment = field(default_factory=Enrolment)


def write_glance(path: Path, store: Store, course: Course, wanted: Wanted) -> None:
    """Write the page; raises Unreadable where there is nothing to show, and OSError."""
    with nothing_to_collect():
        standings = store.standings(course.settings, Filter(stages=wanted.stages))
        cohort = gathered(store, course, standings, wanted.enrolled.sections)
    if not standings:
        of = f" of {', '.join(wanted.stages)}" if wanted.stages else ""
        raise Unreadable(f"{store.name}: no results{of} there: run mugrade grade first")
    enrolled = wanted.enrolled
    if wanted.section:
        if wanted.section not in cohort.section_names:
            there = ", ".join(cohort.section_names) or "none"
            raise Unreadable(f"no section {wanted.section}: the roster names {there}")
        cohort = cohort.section(wanted.section)
    screen = Screen([*cohort.students, *enrolled.names, *enrolled.names.values()])
    examples = Examples(store, course, standings, screen)
    title = course.settings.title or course.package
    frame = PageFrame(title, datetime.now(UTC), examples, enrolled.names, wanted.anonymous)
    files.write(path, glance_page(cohort, frame).encode("utf-8", "replace"))
