"""A release: the stages that students have by now, and the answers that are out.

It is extended, never shortened: what students have had stays, answers too.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from mugrade import codec
from mugrade.author.build import render_course
from mugrade.author.handout import handout, up_to
from mugrade.author.places import Destination
from mugrade.author.play import play_course
from mugrade.course.manifest import MANIFEST, SOLUTIONS, Manifest, solutions_in
from mugrade.course.model import Course, Stage
from mugrade.errors import CourseError


@dataclass(frozen=True)
class Released:
    """What a release holds: its stages, and those of them whose answers are out."""

    stages: tuple[str, ...]
    answers: tuple[str, ...]


def release_course(
    course: Course,
    place: Destination,
    last: Stage,
    answers: Iterable[Stage] = (),
    play: bool = True,
    tell: Callable[[str], None] = lambda text: None,
) -> Released:
    """Write the stages up to `last`, and the reference of those whose `answers` are out.

    Nothing is written unless a student could work with it, if `play` says to try. Raises
    CourseError, also where the place holds something else or a release that reaches further.
    """
    shown = up_to(course, last)
    out = {stage.name[:2] for stage in answers} | _out(shown, place)
    if early := sorted(out - {stage.name[:2] for stage in shown.stages}):
        raise CourseError(f"answers of {early[0]}: the release ends with {last.name}")
    committed, _ = render_course(shown, tell)
    if play:
        play_course(shown, committed, tell)
    with_answers = [stage for stage in shown.stages if stage.name[:2] in out]
    found = handout(shown, committed, with_answers)
    try:
        place.write(shown, found)
    except OSError as error:
        raise CourseError(f"{place} cannot be written ({error.strerror or error})") from None
    return Released(*(tuple(s.name for s in found) for found in (shown.stages, with_answers)))


def due_by(course: Course, time: datetime) -> list[Stage]:
    """The stages that have to be handed in by then; raises CourseError without any deadline."""
    deadlines = {stage: course.settings.deadline(stage.name) for stage in course.stages}
    if not any(deadlines.values()):
        raise CourseError("course.toml has no [deadlines], so no day says which stages are meant")
    return [stage for stage, deadline in deadlines.items() if deadline and deadline <= time]


def _out(shown: Course, place: Destination) -> set[str]:
    """The numbers of the stages whose answers are out already; raises CourseError."""
    try:
        manifest, answers = place.read(MANIFEST), place.read(SOLUTIONS)
        there = codec.read(manifest, Manifest) if manifest is not None else None
        released = solutions_in(answers) if answers is not None else []
    except OSError as error:
        raise CourseError(f"{place} cannot be read ({error.strerror or error})") from None
    except ValueError as error:
        raise CourseError(f"{place} holds a release that cannot be read: {error}") from None
    if there is not None:
        _demand_longer(shown, place, there)
    return {solution.stage[:2] for solution in released}


def _demand_longer(shown: Course, place: Destination, there: Manifest) -> None:
    if there.package != shown.package:
        raise CourseError(f"{place} holds the course of {there.package}: name another place")
    numbers: Sequence[str] = [stage.name[:2] for stage in shown.stages]
    if more := [name for name in there.stages if name[:2] not in numbers]:
        raise CourseError(
            f"{place} holds {more[-1]} already, and a release is not made shorter: "
            "name that stage, or another place"
        )
