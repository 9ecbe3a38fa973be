"""An attempt graded again from what was kept, with every input, value and answer."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from mugrade.course.model import Course
from mugrade.errors import Unreadable
from mugrade.extras import versions
from mugrade.grader.bundle import Bundle, CheckPart, Outcome
from mugrade.grader.drawn import SECRET
from mugrade.grader.fingerprint import judging
from mugrade.grader.grade import CourseKey, Grader
from mugrade.grader.inputs import Input, steps, traced
from mugrade.grader.key import StageKey
from mugrade.grader.models import Attempt, CheckRow
from mugrade.grader.plan import written
from mugrade.grader.results import Grade, Result
from mugrade.grader.store import Store
from mugrade.grader.submissions import Submission
from mugrade.grader.versions import GradedCourse, course_of
from mugrade.reference.digest import named_libraries
from mugrade.reference.record import reference_job
from mugrade.reference.world import demand_world, reference_limits
from mugrade.sandbox.job import Death
from mugrade.sandbox.limits import Limits
from mugrade.sandbox.process import Sandbox
from mugrade.sandbox.tiers import Tier
from mugrade.values import Category
from mugrade.values.answers import Answer
from mugrade.values.observe import Observed
from mugrade.version import __version__
from mugrade.view.report import MEANING


@dataclass(frozen=True)
class Step:
    """One yield of a check: what goes in, what the submission gave, what is right.

    `value` is None where the submission never came to it.
    """

    inputs: Sequence[Input]
    value: Observed | None
    answer: Answer


@dataclass(frozen=True)
class Explained:
    """A check as it is graded now, with its steps; `died` says how the process ended, if it did."""

    grade: Grade
    part: CheckPart
    steps: Sequence[Step] = ()
    died: str = ""


@dataclass(frozen=True)
class Explanation:
    """What an attempt comes to today, `about` with what, and where that differs from the record."""

    attempt: Attempt
    result: Result
    checks: Sequence[Explained]
    about: Sequence[str]
    differs: Sequence[str] = field(default_factory=tuple)


def explain_attempt(
    store: Store, attempt: Attempt, course: Course, secret: bytes, tier: Tier
) -> Explanation:
    """Grade an attempt, which has its checks, again; nothing is stored.

    Raises Unreadable if what it graded was not kept.
    """
    if not attempt.notebook:
        what = f"attempt {attempt.number}: its notebook was not kept"
        raise Unreadable(what if attempt.number else "nothing was handed in")
    stage, digest, when = attempt.stage, attempt.course, attempt.graded_at
    with (
        course_of(course, stage, digest, when) as version,
        TemporaryDirectory(prefix="mugrade-") as scratch,
    ):
        demand_world(version.course)
        settings = version.course.settings
        tier = replace(tier, libraries=settings.libraries)
        submission = written(attempt, store, Path(scratch))
        earlier = dict(_earlier(store, attempt, Path(scratch)))
        own = attempt.rules.get("on") == "own"
        limits = Limits(**attempt.rules.get("limits", {}))
        with closing(Sandbox(tier)) as sandbox:
            there = version.course.find(stage)
            found = StageKey(version.course, there, sandbox, secret, attempt.draws)
            recorded = replace(version.course, settings=replace(settings, limits={}))
            key = CourseKey(recorded, {stage: found}, limits, own)
            return _explained(Listening(key, sandbox), attempt, submission, earlier, version)


class Listening(Grader):
    """A grader that keeps what it has asked."""

    def __init__(self, key: CourseKey, sandbox: Sandbox) -> None:
        super().__init__(key, sandbox)
        self.asked: list[Bundle] = []

    def run(self, bundle: Bundle) -> Outcome:
        self.asked.append(bundle)
        return super().run(bundle)


def read_secret(out: Path) -> bytes:
    """What draws the hidden inputs of the results in `out`; raises Unreadable if it is gone."""
    try:
        return (out / SECRET).read_bytes().strip()
    except OSError as error:
        raise Unreadable(
            f"{out / SECRET}: cannot be read ({error.strerror}); without it the hidden inputs "
            "cannot be drawn again: put it back from its backup"
        ) from None


def _explained(
    grader: Listening,
    attempt: Attempt,
    submission: Submission,
    earlier: dict[str, Submission],
    version: GradedCourse,
) -> Explanation:
    result = grader.grade(submission, earlier)
    of = {part.task.id: (bundle, part) for bundle in grader.asked for part in bundle.parts}
    checks = [_check(grader, g, *of[g.check.id]) for g in result.grades if g.check.id in of]
    differs = [*_differences(attempt, result)]
    return Explanation(attempt, result, checks, [*_about(attempt, result, version)], differs)


def _earlier(store: Store, attempt: Attempt, scratch: Path) -> Iterator[tuple[str, Submission]]:
    """The student's own earlier stages, as files again."""
    for stage, content in store.earlier(attempt).items():
        path = scratch / f"{stage}.ipynb"
        path.write_bytes(content)
        yield stage, Submission(attempt.student, stage, path)


def _check(grader: Grader, grade: Grade, bundle: Bundle, part: CheckPart) -> Explained:
    """A check asked once more, in a process of its own, to its end."""
    values, died = _values(grader.sandbox, bundle, part)
    inputs = _inputs(grader, part)
    found = [
        Step(
            inputs[i] if i < len(inputs) else (),
            values[i] if i < len(values) else None,
            answer,
        )
        for i, answer in enumerate(part.answers)
    ]
    return Explained(grade, part, found, died)


def _values(sandbox: Sandbox, bundle: Bundle, part: CheckPart) -> tuple[list[Observed], str]:
    try:
        with closing(sandbox.start(bundle.job, bundle.limits)) as process:
            return process.run(part.task, bundle.limits.check), ""
    except Death as death:
        return [], f"{MEANING[death.category]}: {death}"


def _inputs(grader: Grader, part: CheckPart) -> list[list[Input]]:
    """What goes into each yield, from the reference's run of the same check with the same seed."""
    check = traced(part.task)
    (key,) = grader.key.stages.values()
    job, limits = reference_job(key.course, key.stage), reference_limits(key.course, key.stage)
    try:
        with closing(grader.sandbox.start(job, limits, trusted=True)) as process:
            return steps(process.run(check.task), check.marks)
    except Death:
        return []


def _about(attempt: Attempt, result: Result, version: GradedCourse) -> Iterator[str]:
    """With what it is graded today, and with what it was."""
    yield version.text
    if attempt.grader != judging():
        yield f"judged by mugrade {attempt.mugrade} then, and {__version__} now"
    then, now = attempt.rules.get("libraries", {}), versions(named_libraries(version.course))
    if then != now:
        yield f"with {_named(then)} then, and {_named(now)} now"
    if attempt.tier != result.tier:
        yield f"in the {attempt.tier or 'unknown'} sandbox then, the {result.tier or 'unknown'} now"


def _named(libraries: Mapping[str, str]) -> str:
    return (
        ", ".join(f"{name} {version}" for name, version in libraries.items()) or "other libraries"
    )


def _differences(attempt: Attempt, result: Result) -> Iterator[str]:
    """A sentence for all that is not as it was recorded."""
    if attempt.status != result.status:
        yield f"the record says {attempt.status}, now it is {result.status}: {result.reason}"
    before = {row.check: row for row in attempt.checks}
    for grade in result.grades:
        row, id = before.pop(grade.check.id, None), grade.check.id
        if row is None:
            yield f"{id}: the record has no such check, now it gives {_given(grade)}"
        elif (row.category, row.points, row.max_points) != _of(grade):
            yield f"{id}: the record says {_recorded(row)}, now it is {_given(grade)}"
        elif row.message != grade.columns["message"]:
            yield f"{id}: {_given(grade)} as in the record, with another message"
    for id, row in before.items():
        yield f"{id}: the record says {_recorded(row)}, now there is no such check"
    if dict(attempt.draws) != dict(result.draws) and result.draws:
        yield f"the record says that inputs were drawn {attempt.draws}, now {result.draws}"


def _of(grade: Grade) -> tuple[Category, int, int]:
    return grade.verdict.category, grade.points, grade.check.max_points


def _given(grade: Grade) -> str:
    return _points(*_of(grade))


def _recorded(row: CheckRow) -> str:
    return _points(Category(row.category), row.points, row.max_points)


def _points(category: Category, points: int, most: int) -> str:
    return f"{points} of {most} points ({MEANING[category]})"
