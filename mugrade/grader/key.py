"""The key of a stage: its checks, what the reference answers, which mistakes are known."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import replace

from mugrade.course.cells import Role
from mugrade.course.model import Course, Stage
from mugrade.errors import CourseError
from mugrade.grader.bundle import Bundle, CheckPart, Outcome, run_bundle
from mugrade.grader.draw import Draw, Missed, Rehearsal, known_of, too_weak
from mugrade.grader.reaching import Reaching
from mugrade.grader.rehearsed import Rehearsed, parts_of
from mugrade.reference.record import (
    check_names,
    check_tasks,
    record_answers,
    reference,
    reference_job,
)
from mugrade.reference.world import reference_limits
from mugrade.sandbox.job import CheckTask
from mugrade.sandbox.loader import Package
from mugrade.sandbox.process import Sandbox
from mugrade.values.compare import judge
from mugrade.values.mistakes import uncontradicted
from mugrade.values.verdict import Verdict


class StageKey:
    """What the grader knows of a stage: data, found out in `sandbox`, that a worker is sent.

    With a secret its hidden inputs are drawn and proved, or drawn as often as `draws` says; without
    one they are those of the build. With what was `kept` of an earlier key nothing is run. Raises
    CourseError if the reference does not get full points when it is graded like a student.
    """

    def __init__(
        self,
        course: Course,
        stage: Stage,
        sandbox: Sandbox,
        secret: bytes = b"",
        draws: Mapping[str, int] | None = None,
        kept: Rehearsed | None = None,
    ) -> None:
        self.course, self.stage = course, stage
        self.tasks: Sequence[CheckTask] = check_tasks(stage)
        self.exercises = {cell.id: cell.of for cell in stage.role(Role.CHECK)}
        self.names: Sequence[tuple[str, Sequence[str]]] = check_names(stage)
        self.base: Package = reference(course, course.before(stage))
        self.files: Mapping[str, bytes] = course.files(stage)
        self._missed: Sequence[Missed] | None = None
        self.drawn: Mapping[str, Draw] = {}
        if kept:
            self.built, self._missed, self.drawn = kept.parts, kept.missed, kept.drawn
        else:
            answers = record_answers(course, stage, self.tasks, sandbox)
            self.built = parts_of(stage, answers)
            if secret:
                self._draw(Rehearsal(course, stage, self.built, sandbox), secret, draws)
        self.reaching = Reaching(course, stage, self.built)
        if not kept:
            self._grade_reference(sandbox)

    def _draw(self, rehearsal: Rehearsal, secret: bytes, draws: Mapping[str, int] | None) -> None:
        self._missed = rehearsal.missed
        self.drawn = rehearsal.draw(secret) if draws is None else rehearsal.again(secret, draws)

    @property
    def rehearsed(self) -> Rehearsed:
        """What took time to find out."""
        return Rehearsed(self.built, self._missed or (), self.drawn)

    @property
    def too_weak(self) -> list[str]:
        """A sentence about each check that no draw makes tell all known mistakes."""
        return [too_weak(self.stage, draw) for draw in self.drawn.values() if draw.passed]

    @property
    def draws(self) -> dict[str, int]:
        """Check -> how often its inputs were drawn again, if they were."""
        return {id: draw.counter for id, draw in self.drawn.items() if draw.counter}

    def parts(self, only: Container[str] | None = None) -> list[CheckPart]:
        """All that a submission is asked: of every check, or only of those of some exercises."""
        return [
            self.drawn[part.task.id].part if part.hidden and self.drawn else part
            for part in self.built
            if only is None or self.exercises[part.task.id] in only
        ]

    def named(
        self, outcome: Outcome, written: Mapping[str, str], sandbox: Sandbox
    ) -> dict[str, Verdict]:
        """The verdicts, with the mistakes named that the values tell and no passed check denies.

        Behind an earlier failure that a check depends on, only exceptions are explained: its
        values may be wrong because of that. `written`: exercise -> the submission's code.
        """
        verdicts = dict(outcome.verdicts)
        missed = self.known_to_miss(sandbox) if outcome.misses else []
        behind = self.reaching.behind_a_failure(outcome, written, sandbox)
        for id in outcome.misses.keys() - behind:
            miss = outcome.misses[id]
            here = known_of(known for known in missed if known.part.hidden == miss.part.hidden)
            traces = uncontradicted(here.get(id, ()), outcome.passed, known_of(missed))
            found = judge(miss.values, miss.part.answers, traces, self.course.rules).diagnosis
            verdicts[id] = replace(verdicts[id], diagnosis=found)
        return verdicts

    def known_to_miss(self, sandbox: Sandbox) -> list[Missed]:
        """What the known mistakes miss of the parts that are asked; made when first asked for."""
        if self._missed is None:
            self._missed = Rehearsal(self.course, self.stage, self.built, sandbox).missed
        missed = [m for m in self._missed if not (m.part.hidden and self.drawn)]
        return [*missed, *(miss for draw in self.drawn.values() for miss in draw.missed)]

    def _grade_reference(self, sandbox: Sandbox) -> None:
        job = reference_job(self.course, self.stage)
        limits = reference_limits(self.course, self.stage)
        bundle = Bundle(job, self.parts(), self.exercises, limits)
        for id, verdict in run_bundle(bundle, sandbox).verdicts.items():
            if not verdict.passed:
                where = f"{self.stage.path.name}: {id}"
                found = f"{verdict.category} {verdict.actual}".strip()
                raise CourseError(f"{where}: the reference does not agree with itself: {found}")
