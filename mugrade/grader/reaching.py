"""Which checks of a stage run an exercise's code, so that it may be what they fail by."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import replace

from mugrade.course.cells import Role
from mugrade.course.model import Course, Stage
from mugrade.grader.bundle import CheckPart, Outcome
from mugrade.package.blocks import Block
from mugrade.reference.record import reference_job
from mugrade.reference.world import reference_limits
from mugrade.sandbox.job import Death, Job
from mugrade.sandbox.process import Process, Sandbox
from mugrade.values import Category
from mugrade.values.compare import compare


class Reaching:
    """The checks of a stage, asked of the reference without an exercise, each pair once."""

    def __init__(self, course: Course, stage: Stage, parts: Sequence[CheckPart]) -> None:
        self.job = reference_job(course, stage)
        self.limits = reference_limits(course, stage)
        self.whole = {part.task.id: part for part in parts}
        self.exercises = {cell.id: cell.of for cell in stage.role(Role.CHECK)}
        self.solutions = {cell.id: cell for cell in stage.role(Role.SOLUTION)}
        self.known: dict[str, dict[str, bool]] = {id: {} for id in self.solutions}

    def behind_a_failure(
        self, outcome: Outcome, written: Mapping[str, str], sandbox: Sandbox
    ) -> set[str]:
        """The checks that miss a value and run code of an earlier exercise that fails.

        `written`: exercise -> the submission's code, which may name more than the reference's.
        What is unwritten, or could not be loaded, gives no wrong values.
        """
        missing = {id for id in outcome.misses if outcome.verdicts[id].category != Category.ERROR}
        order = list(self.solutions)
        found: set[str] = set()
        for at, exercise in enumerate(order):
            later = {id for id in missing - found if self.exercises[id] in order[at + 1 :]}
            if not later or not self._fails(outcome, exercise):
                continue
            symbols = self.solutions[exercise].block.symbols
            named = {id for id in later if symbols & _names(written.get(self.exercises[id], ""))}
            found |= named | self._reach(exercise, later - named, sandbox)
        return found

    def _fails(self, outcome: Outcome, exercise: str) -> bool:
        own = {v.category for id, v in outcome.verdicts.items() if self.exercises[id] == exercise}
        failing = own - {Category.PASS, Category.UNSOLVED, Category.NOT_RUN}
        return bool(failing) and exercise not in outcome.unloaded

    def _reach(self, exercise: str, checks: Collection[str], sandbox: Sandbox) -> set[str]:
        known = self.known[exercise]
        if new := [id for id in checks if id not in known]:
            known.update(self._ask(exercise, new, sandbox))
        return {id for id in checks if known[id]}

    def _ask(self, exercise: str, checks: Sequence[str], sandbox: Sandbox) -> dict[str, bool]:
        """Whether the reference fails the checks if it lacks the exercise."""
        found = dict.fromkeys(checks, True)
        try:
            job = self._without(exercise)
            with closing(sandbox.start(job, self.limits, True)) as process:
                for id in checks:
                    found[id] = self._fails_in(process, self.whole[id])
        except Death:
            pass  # what was not asked is taken to depend on it
        return found

    @staticmethod
    def _fails_in(process: Process, part: CheckPart) -> bool:
        return not compare(process.run(part.task), part.answers).passed

    def _without(self, exercise: str) -> Job:
        stub = self.solutions[exercise].unsolved
        package = {
            path: [replace(p, source=stub) if p.id == exercise else p for p in pieces]
            for path, pieces in self.job.package.items()
        }
        return replace(self.job, package=package)


def _names(source: str) -> frozenset[str]:
    """The names of its module that the code reads; none if it is nested too deeply."""
    try:
        return Block("", source).reads
    except (RecursionError, MemoryError):
        return frozenset()
