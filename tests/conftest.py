"""Fixtures: the course itself, a tiny course, and their grading keys.

What they need is imported in them: it takes seconds, and most files of tests need none of it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.tiny import write_course

if TYPE_CHECKING:
    from mugrade.course.model import Course
    from mugrade.grader.grade import CourseKey, Grader
    from mugrade.grader.policy import Standing
    from mugrade.grader.results import Result
    from mugrade.grader.submissions import Submission
    from mugrade.sandbox.job import Limits
    from mugrade.sandbox.tiers import Tier

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


def make_grader(
    course: "Course",
    stages: Sequence[str],
    limits: "Limits",
    tier: "Tier | None" = None,
    secret: bytes = b"",
    draws: Mapping[str, int] | None = None,
) -> "Grader":
    """A grader with a sandbox of its own, by default the strongest that holds here."""
    from mugrade.grader.grade import CourseKey, Grader
    from mugrade.sandbox.probe import strongest
    from mugrade.sandbox.process import Sandbox

    sandbox = Sandbox(tier or strongest().tier)
    key = CourseKey(course, stages, limits, sandbox, secret=secret, draws=draws)
    return Grader(key, sandbox)


class Here:
    """What Pool does, in this process: one after the other, and without its limits."""

    def __init__(self, key: "CourseKey", tier: "Tier", jobs: int = 1) -> None:
        from mugrade.grader.grade import Grader
        from mugrade.sandbox.process import Sandbox

        self.grader = Grader(key, Sandbox(tier))

    def grade_all(
        self,
        submissions: "Sequence[Submission]",
        every: "Sequence[Submission]" = (),
        stopped: Callable[[], bool] = lambda: False,
    ) -> "Iterator[Result]":
        from mugrade.grader.submissions import by_student

        of = by_student([*submissions, *every])
        for submission in submissions:
            if not stopped():
                yield self.grader.grade(submission, of[submission.student])

    def close(self) -> None:
        self.grader.close()


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Grade without workers, which take a moment to start, and do not see what a test patches."""
    monkeypatch.setattr("mugrade.grader.pool.Pool", Here)


@pytest.fixture(scope="session")
def course() -> "Course":
    """The needle course."""
    from mugrade.course.reading import load_course

    return load_course(ROOT)


@pytest.fixture(scope="session")
def grader(course: "Course") -> "Grader":
    """The needle course, ready to grade every stage."""
    from mugrade.sandbox.job import Limits

    return make_grader(course, [stage.name for stage in course.stages], Limits(check=5.0))


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> "Course":
    """The tiny course, built; not to be changed."""
    from mugrade.author.build import build_course
    from mugrade.course.reading import load_course

    tiny = load_course(write_course(tmp_path_factory.mktemp("tiny")))
    build_course(tiny)
    return tiny
