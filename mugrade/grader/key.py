"""The key of a stage: its checks, what the reference answers, which mistakes are known."""

import threading
from collections.abc import Container, Mapping, Sequence
from dataclasses import replace

from mugrade.answers import Answer, Verdict, judge
from mugrade.author.build import (
    REFERENCE_LIMITS,
    check_names,
    check_tasks,
    record_answers,
    reference,
    reference_job,
)
from mugrade.author.course import Course, CourseError, Stage
from mugrade.author.rehearse import rehearse
from mugrade.grader.bundle import Bundle, Outcome, Part, run
from mugrade.mistakes import Known, shown_part, uncontradicted
from mugrade.sandbox.loader import Package
from mugrade.sandbox.process import Sandbox, Task


class StageKey:
    """What the grader knows of a stage; threads may share it.

    Raises CourseError if the reference does not get full points when it is graded like a student.
    """

    def __init__(self, course: Course, stage: Stage, sandbox: Sandbox) -> None:
        self.course, self.stage, self.sandbox = course, stage, sandbox
        self.tasks: Sequence[Task] = check_tasks(stage)
        self.exercises = {cell.id: cell.of for cell in stage.role("check")}
        self.names: Sequence[tuple[str, Sequence[str]]] = check_names(stage)
        self.base: Package = reference(course, course.before(stage))
        self.lock = threading.Lock()
        self.variants: dict[str, Mapping[str, Sequence[Answer]]] = {}
        self.mistakes: dict[str, Known] = {}
        self._grade_reference()

    def _grade_reference(self) -> None:
        job = reference_job(self.course, self.stage)
        bundle = Bundle(job, self.parts(), self.exercises, REFERENCE_LIMITS)
        for id, verdict in run(bundle, self.sandbox).verdicts.items():
            if not verdict.passed:
                where = f"{self.stage.path.name}: {id}"
                found = f"{verdict.category} {verdict.actual}".strip()
                raise CourseError(f"{where}: the reference does not agree with itself: {found}")

    def answers(self, variant: str = "") -> Mapping[str, Sequence[Answer]]:
        """What the reference yields in one variant of the hidden inputs; run once."""
        with self.lock:
            if variant not in self.variants:
                tasks = [replace(task, variant=variant) for task in self.tasks]
                self.variants[variant] = record_answers(
                    self.course, self.stage, tasks, self.sandbox
                )
            return self.variants[variant]

    def known(self, variant: str) -> Known:
        """The traces of the recorded mistakes in one variant of the hidden inputs; made once."""
        answers = self.answers(variant)
        with self.lock:
            if variant not in self.mistakes:
                tasks = [replace(task, variant=variant) for task in self.tasks]
                job = reference_job(self.course, self.stage)
                found = rehearse(self.stage, job, tasks, answers, self.sandbox)
                self.mistakes[variant] = found
            return self.mistakes[variant]

    def parts(self, variant: str = "", only: Container[str] | None = None) -> list[Part]:
        """All that a submission is asked: what is shown, and the whole in one variant.

        Of every check, or only of those of some exercises.
        """
        shown, whole = self.answers(), self.answers(variant)
        return [
            part
            for task in self.tasks
            if only is None or self.exercises[task.id] in only
            for part in Part.of(task, variant, shown[task.id], whole[task.id])
        ]

    def named(self, outcome: Outcome) -> dict[str, Verdict]:
        """The verdicts, with the mistakes named that the values tell and no passed check denies.

        Only in the first exercise that fails: the later ones may fail because they use it.
        """
        verdicts = dict(outcome.verdicts)
        failed = (of for id, of in self.exercises.items() if id in verdicts.keys() - outcome.passed)
        first = next(failed, "")
        for id, miss in outcome.misses.items():
            if self.exercises[id] != first:
                continue
            known = self.known(miss.part.task.variant)
            traces = uncontradicted(known.get(id, ()), outcome.passed, known)
            if not miss.part.hidden:
                traces = shown_part(traces, len(miss.part.answers))
            found = judge(miss.values, miss.part.answers, traces).diagnosis
            verdicts[id] = replace(verdicts[id], diagnosis=found)
        return verdicts
