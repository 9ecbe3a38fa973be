"""The unit of work: one submission's stage with its checks, run and compared.

A bundle can be pickled, and holds no path of the instructor's machine: whoever has a sandbox can
run it, here or on a worker of a cluster.
"""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from mugrade.answers import UNSOLVED, Answer, Verdict, compare
from mugrade.author.course import visible_lines
from mugrade.observe import Observed
from mugrade.sandbox.process import Death, Job, Limits, Process, Sandbox, Task

MAX_RESTARTS = 3
DEATHS = {"timeout", "crash", "memory", "output", "protocol"}


@dataclass(frozen=True)
class Part:
    """What of a check is run at once, the shown inputs or all; and the answers to compare with."""

    task: Task
    answers: Sequence[Answer]
    hidden: bool

    @classmethod
    def of(
        cls, task: Task, variant: str, answers: Sequence[Answer], whole: Sequence[Answer]
    ) -> "Iterator[Part]":
        """The shown part of a check and, if it hides something, the whole in a variant."""
        shown = [answer for answer in answers if not answer.hidden]
        if shown or not answers:
            yield cls(replace(task, source="\n".join(visible_lines(task.source))), shown, False)
        if len(shown) < len(answers):
            yield cls(replace(task, variant=variant), whole, True)


@dataclass(frozen=True)
class Bundle:
    """A submission's stage as a job, and what it is asked.

    `exercises`: check -> its exercise. `problems`: exercise -> why its cell cannot be run.
    """

    job: Job
    parts: Sequence[Part]
    exercises: Mapping[str, str]
    limits: Limits
    problems: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Miss:
    """The part of a check that was answered wrongly, and the answer."""

    part: Part
    values: Sequence[Observed]


@dataclass
class Outcome:
    """The verdict of every check, of those that missed with what they yielded, and the tier.

    `unloaded`: exercise -> why its cell could not be loaded.
    """

    tier: str
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    misses: dict[str, Miss] = field(default_factory=dict)
    unloaded: dict[str, str] = field(default_factory=dict)

    @property
    def passed(self) -> set[str]:
        return {id for id, verdict in self.verdicts.items() if verdict.passed}


def run(bundle: Bundle, sandbox: Sandbox) -> Outcome:
    """Ask a submission everything; a death costs the check that was running, the rest go on.

    All shown parts come before the first hidden one, after which no text that student code wrote
    is let through: it may quote what it has seen. Exercises at which the process died come last.
    """
    outcome = Outcome(sandbox.tier.name)
    deaths: Counter[str] = Counter()
    deadline = time.monotonic() + bundle.limits.total
    left = list(bundle.parts)
    while left and deaths.total() <= MAX_RESTARTS and time.monotonic() < deadline:
        left.sort(key=lambda part: (deaths[bundle.exercises[part.task.id]], part.hidden))
        try:
            process = sandbox.start(bundle.job, bundle.limits)
        except Death as death:
            verdict = Verdict(death.category, f"while the cells were being defined: {death}")
            outcome.verdicts |= {part.task.id: verdict for part in left}
            return outcome
        with process:
            left = _loaded(bundle, process, left, outcome)
            left, died_at = _ask(bundle, process, left, deadline, outcome)
        deaths.update(died_at)
    reason = "too many crashes before it" if deaths.total() > MAX_RESTARTS else "no time was left"
    outcome.verdicts |= {part.task.id: Verdict("not run", reason) for part in left}
    return outcome


def _loaded(
    bundle: Bundle, process: Process, parts: Sequence[Part], outcome: Outcome
) -> list[Part]:
    """The parts that can be asked; the others are of an exercise whose cell is not loaded."""
    exercises = bundle.exercises
    broken = {id: x for id, x in process.failures.items() if not x.startswith(UNSOLVED)}
    broken |= bundle.problems
    outcome.unloaded |= {id: text for id, text in broken.items() if id in exercises.values()}
    for part in parts:
        if (exercise := exercises[part.task.id]) in outcome.unloaded:
            verdict = _not_graded(exercise, outcome.unloaded[exercise])
            outcome.verdicts[part.task.id] = verdict
    return [part for part in parts if exercises[part.task.id] not in outcome.unloaded]


def _ask(
    bundle: Bundle, process: Process, parts: Sequence[Part], deadline: float, outcome: Outcome
) -> tuple[list[Part], list[str]]:
    """Run parts until the process dies; returns what is left, and the exercise it died at."""
    left, seen = list(parts), False
    while left and (seconds := deadline - time.monotonic()) > 0:
        part = left.pop(0)
        id = part.task.id
        verdict = _run(process, part, min(bundle.limits.check, seconds), outcome)
        seen = seen or part.hidden
        outcome.verdicts[id] = conceal(verdict) if seen else verdict
        if not verdict.passed:
            left = [part for part in left if part.task.id != id]
        if verdict.category in DEATHS:
            return left, [bundle.exercises[id]]
    return left, []


def _run(process: Process, part: Part, seconds: float, outcome: Outcome) -> Verdict:
    try:
        values = process.run(part.task, seconds)
    except Death as death:
        return Verdict(death.category, str(death))
    verdict = compare(values, part.answers)
    if not verdict.passed:
        outcome.misses[part.task.id] = Miss(part, values)
    return verdict


def conceal(verdict: Verdict) -> Verdict:
    """The verdict without text of the student's process."""
    if verdict.passed or verdict.category in DEATHS:
        return verdict
    return Verdict(verdict.category, advice=verdict.advice, hidden=True)


def _not_graded(exercise: str, why: str) -> Verdict:
    """The verdict on a check of a cell that could not be loaded."""
    text = f"not graded, because {exercise} could not be loaded: {why}"
    return Verdict("error", text, advice="run the cell on its own, as code, in a fresh kernel")
