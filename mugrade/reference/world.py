"""The world in which a course runs, the same for the reference and for students: what is there."""

import re
from collections.abc import Iterator

from mugrade.course.cells import Role
from mugrade.course.model import Course, Stage
from mugrade.course.tables import NAME
from mugrade.errors import CourseError
from mugrade.extras import demand_libraries
from mugrade.sandbox.libraries import unknown_imports
from mugrade.sandbox.limits import Limits

MAGIC = re.compile(r"^[ \t]*[%!].*$", re.MULTILINE)
GRADED = (Role.GIVEN, Role.INDEX, Role.SOLUTION, Role.CHECK)
LEAST = Limits(load=60, check=60, total=600)  # for a reference on a busy machine


def reference_limits(course: Course, stage: Stage) -> Limits:
    """The limits of a stage, with time enough for the reference."""
    return stage_limits(course, stage, Limits()).at_least(LEAST)


def stage_limits(course: Course, stage: Stage, usual: Limits) -> Limits:
    """What the course says of a stage's limits, and else the usual ones."""
    return usual.but(course.settings.limits_of(stage.name))


def demand_world(course: Course) -> None:
    """Raise unless this Python has the course's libraries, and its cells import no others.

    MissingExtra says what to install, CourseError which cell needs what course.toml does not name.
    """
    demand_libraries(course.settings.libraries)
    if found := [line for stage in course.stages for line in _others(course, stage)]:
        raise CourseError("\n".join(found))


def _others(course: Course, stage: Stage) -> Iterator[str]:
    libraries = course.settings.libraries
    for cell in stage.role(*GRADED):
        if "import" not in cell.source:
            continue
        source = MAGIC.sub("", cell.source)
        for name, line in unknown_imports(source, course.package, libraries).items():
            yield (
                f"{stage.path.name}:{cell.line + line}: {cell.id} imports {name}, which is none of "
                f"the course's libraries: name the one that brings it in {NAME}, for instance "
                f"libraries = [{_shown(libraries, name)}]"
            )


def _shown(libraries: tuple[str, ...], name: str) -> str:
    return ", ".join(f'"{text}"' for text in (*libraries, name))
