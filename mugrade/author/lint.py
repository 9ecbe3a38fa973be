"""Warnings about checks that a submission could pass by guessing."""

from collections.abc import Iterator
from contextlib import closing

from mugrade.course.cells import Role
from mugrade.course.model import Course
from mugrade.reference.record import check_tasks, record_answers
from mugrade.reference.world import demand_world
from mugrade.sandbox.plain import for_trusted
from mugrade.values.answers import Answer
from mugrade.values.datum import size_of


def weak_checks(course: Course) -> Iterator[str]:
    """One line `file:line: warning` for each check whose answers are easy to guess.

    Raises CourseError if the reference does not answer its own checks or a cell imports what is no
    library of the course, and MissingExtra where one of these is not installed.
    """
    demand_world(course)
    for stage in course.stages:
        with closing(for_trusted(course.settings.libraries)) as sandbox:
            answers = record_answers(course, stage, check_tasks(stage), sandbox)
        for cell in stage.role(Role.CHECK):
            if all(is_guessable(answer) for answer in answers[cell.id]):
                where = f"{stage.path.name}:{cell.line}"
                yield f"{where}: check {cell.id} yields nothing but what can be guessed"
            if not any(answer.hidden for answer in answers[cell.id]):
                yield f"{stage.path.name}:{cell.line}: check {cell.id} has no hidden part"


def is_guessable(answer: Answer) -> bool:
    """None, a truth value, a single whole number, zeros and ones throughout, or what is empty."""
    array = answer.array
    if array is None:
        value = answer.value
        if isinstance(value, float):
            return value in (0.0, 1.0)
        return value is None or isinstance(value, int) or size_of(value) <= 1
    whole = array.dtype.kind in "biu" and array.size <= 1
    return whole or bool(((array == 0) | (array == 1)).all())
