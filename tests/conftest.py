"""Fixtures: the course itself, a tiny course, and their grading keys.

What they need is imported in them: it takes seconds, and most files of tests need none of it.
"""

import os
import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from filelock import FileLock
from hypothesis import settings

from tests.tiny import write_course

if TYPE_CHECKING:
    from mugrade.course.model import Course
    from mugrade.grader.grade import CourseKey, Grader
    from mugrade.grader.key import StageKey
    from mugrade.grader.policy import Standing
    from mugrade.grader.results import Result
    from mugrade.grader.submissions import Submission
    from mugrade.sandbox.limits import Limits
    from mugrade.sandbox.process import Sandbox
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


def course_key(
    course: "Course",
    stages: Sequence[str],
    limits: "Limits",
    sandbox: "Sandbox",
    secret: bytes = b"",
    draws: Mapping[str, int] | None = None,
) -> "CourseKey":
    """The key of some stages, found out in a sandbox."""
    from mugrade.grader.grade import CourseKey
    from mugrade.grader.key import StageKey

    found = {s: StageKey(course, course.find(s), sandbox, secret, draws) for s in stages}
    return CourseKey(course, found, limits)


def make_grader(
    course: "Course",
    stages: Sequence[str],
    limits: "Limits",
    tier: "Tier | None" = None,
    secret: bytes = b"",
    draws: Mapping[str, int] | None = None,
) -> "Grader":
    """A grader with a sandbox of its own, by default the strongest that holds here."""
    from mugrade.grader.grade import Grader
    from mugrade.sandbox.probe import strongest
    from mugrade.sandbox.process import Sandbox

    found = tier or strongest().tier
    sandbox = Sandbox(replace(found, libraries=course.settings.libraries))
    return Grader(course_key(course, stages, limits, sandbox, secret, draws), sandbox)


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
    ) -> "Iterator[list[Result]]":
        from mugrade.grader.submissions import by_student

        of = by_student([*submissions, *every])
        for submission in submissions:
            if not stopped():
                yield [self.grader.grade(submission, of[submission.student])]

    def close(self) -> None:
        self.grader.close()


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Grade without workers, which take a moment to start, and do not see what a test patches."""
    monkeypatch.setattr("mugrade.grader.grading.Pool", Here)


@pytest.fixture(scope="session", autouse=True)
def alembic_is_asked_once() -> Iterator[None]:
    """nbgrader starts a program for each new gradebook, which says the same every time."""
    from nbgrader import api

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(api, "get_alembic_version", cache(api.get_alembic_version))
        yield


@pytest.fixture(scope="session")
def course() -> "Course":
    """The needle course."""
    from mugrade.course.reading import load_course

    return load_course(ROOT)


class SharedStages(dict[str, "StageKey"]):
    """Keys of stages, each made when it is first asked for, once for all test processes."""

    def __init__(self, course: "Course", folder: Path, sandbox: "Sandbox") -> None:
        self.course, self.folder, self.sandbox = course, folder, sandbox

    def __missing__(self, name: str) -> "StageKey":
        from mugrade.grader.key import StageKey

        path = self.folder / f"{name}.key"
        with FileLock(f"{path}.lock"):
            if not path.exists():
                key = StageKey(self.course, self.course.find(name), self.sandbox)
                key.known_to_miss(self.sandbox)
                path.write_bytes(pickle.dumps(key))
        self[name] = pickle.loads(path.read_bytes())
        return self[name]


@pytest.fixture(scope="session")
def grader(course: "Course", tmp_path_factory: pytest.TempPathFactory) -> "Grader":
    """The needle course, ready to grade every stage."""
    from mugrade.grader.grade import CourseKey, Grader
    from mugrade.sandbox.limits import Limits
    from mugrade.sandbox.probe import strongest
    from mugrade.sandbox.process import Sandbox

    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # of all test processes
    sandbox = Sandbox(strongest().tier)
    key = CourseKey(course, SharedStages(course, folder, sandbox), Limits(check=5.0))
    return Grader(key, sandbox)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> "Course":
    """The tiny course, built; not to be changed."""
    from mugrade.author.build import build_course
    from mugrade.course.reading import load_course

    tiny = load_course(write_course(tmp_path_factory.mktemp("tiny")))
    build_course(tiny)
    return tiny
