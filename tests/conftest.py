"""Fixtures: the course itself, a tiny course, and their grading keys.

What they need is imported in them: it takes seconds, and most files of tests need none of it.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.tiny import write_course

if TYPE_CHECKING:
    from mugrade.course.model import Course
    from mugrade.grader.grade import Grader
    from mugrade.grader.policy import Standing
    from mugrade.grader.results import Result

settings.register_profile("course", deadline=None)
settings.load_profile("course")

ROOT = Path(__file__).parent.parent
STAGES = [path.stem for path in sorted((ROOT / "solutions").glob("[0-9][0-9]_*.py"))]


def standing_of(result: "Result") -> "Standing":
    """A result as the only one of its student and stage."""
    from mugrade.grader.attempts import Basis, next_row
    from mugrade.grader.models import Attempt
    from mugrade.grader.policy import Standing

    return Standing(Attempt.of(next_row((), result, Basis("", "0.1.0")), result), "last")


@pytest.fixture(scope="session")
def course() -> "Course":
    """The needle course."""
    from mugrade.course.reading import load_course

    return load_course(ROOT)


@pytest.fixture(scope="session")
def grader(course: "Course") -> "Grader":
    """The needle course, ready to grade every stage."""
    from mugrade.grader.grade import Grader
    from mugrade.sandbox.job import Limits

    return Grader(course, [stage.name for stage in course.stages], Limits(check=5.0))


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> "Course":
    """The tiny course, built; not to be changed."""
    from mugrade.author.build import build_course
    from mugrade.course.reading import load_course

    tiny = load_course(write_course(tmp_path_factory.mktemp("tiny")))
    build_course(tiny)
    return tiny
