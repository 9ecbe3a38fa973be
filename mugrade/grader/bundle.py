"""One submission's stage with its checks: run in a sandbox, and compared."""

import time
from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace

from mugrade.course.cells import visible_lines
from mugrade.sandbox.job import DEATHS, CheckTask, Death, Job
from mugrade.sandbox.limits import Limits
from mugrade.sandbox.process import Process, Sandbox
from mugrade.sandbox.tiers import call_name
from mugrade.values import Category
from mugrade.values.answers import Answer
from mugrade.values.compare import UNSOLVED, compare
from mugrade.values.datum import size_of
from mugrade.values.observe import Observed
from mugrade.values.verdict import Verdict

MAX_RESTARTS = 3
MAX_KEPT = 1 << 17  # entries in the values of a check, where the answers have fewer


@dataclass(frozen=True)
class CheckPart:
    """What of a check is run at once, the shown inputs or all; and the answers to compare with."""

    task: CheckTask
    answers: Sequence[Answer]
    hidden: bool

    @property
    def has_points(self) -> bool:
        """Whether parts of the check give points of their own, also behind a miss."""
        return any(answer.points for answer in self.answers)

    @classmethod
    def of(cls, task: CheckTask, answers: Sequence[Answer]) -> "Iterator[CheckPart]":
        """The shown part of a check and, if it hides something, the whole."""
        shown = [answer for answer in answers if not answer.hidden]
        if shown or not answers:
            yield cls(replace(task, source="\n".join(visible_lines(task.source))), shown, False)
        if len(shown) < len(answers):
            yield cls(task, answers, True)


@dataclass(frozen=True)
class Bundle:
    """A submission's stage as a job, and what it is asked.

    `exercises`: check -> its exercise. `problems`: exercise -> why its cell cannot be run.
    """

    job: Job
    parts: Sequence[CheckPart]
    exercises: Mapping[str, str]
    limits: Limits
    problems: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Miss:
    """A part of a check that was answered wrongly, and what it yielded, if that is not too much."""

    part: CheckPart
    values: Sequence[Observed]


@dataclass
class Outcome:
    """The verdict of every check, of those that missed with what they yielded, and the tier.

    `unloaded`: exercise -> why its cell could not be loaded. `died`: blocks, exercises or helpers,
    that were left out because the process died while it loaded them. `refused`: system calls.
    """

    tier: str
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    misses: dict[str, Miss] = field(default_factory=dict)
    unloaded: dict[str, str] = field(default_factory=dict)
    died: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)

    @property
    def passed(self) -> set[str]:
        """The ids of the checks that passed."""
        return {id for id, verdict in self.verdicts.items() if verdict.passed}


class Loading:
    """Starts the processes of a submission, without the cells at which one has died.

    Such a cell is its stub from then on, and `bundle.problems` says why. What a process says about
    where it died can cost only its own submission. Loads that fail take no more than `spare`
    seconds together: each at most half of what is left.
    """

    def __init__(self, bundle: Bundle, sandbox: Sandbox) -> None:
        self.bundle, self.sandbox = bundle, sandbox
        self.spare = 2 * bundle.limits.load

    def start(self) -> Process:
        """A process with all loaded that can be; raises the Death of one that no cell explains."""
        while True:
            began = time.monotonic()
            limits = replace(self.bundle.limits, load=min(self.bundle.limits.load, self.spare / 2))
            try:
                return self.sandbox.start(self.bundle.job, limits)
            except Death as death:
                self.spare -= time.monotonic() - began
                self.bundle = _without(self.bundle, death, limits.load)

    @property
    def total(self) -> float:
        """The seconds that the submission has: what loads took which failed is not counted."""
        limits = self.bundle.limits
        return limits.total + 2 * limits.load - self.spare


def _without(bundle: Bundle, death: Death, seconds: float) -> Bundle:
    """The bundle with the block at which it died left out; raises the Death if there is none."""
    package = bundle.job.package
    if not any(p.id == death.block and p.source != p.fallback for b in package.values() for p in b):
        raise death
    slow = f"it was still running when the {seconds:.2g} seconds to load all cells were over"
    why = slow if death.category == Category.TIMEOUT else str(death)
    job = left_out(bundle.job, {death.block})
    return replace(bundle, job=job, problems={**bundle.problems, death.block: why})


def left_out(job: Job, ids: Container[str]) -> Job:
    """The job with the fallbacks of some blocks in their places."""
    package = {
        path: [replace(p, source=p.fallback) if p.id in ids else p for p in pieces]
        for path, pieces in job.package.items()
    }
    return replace(job, package=package)


def run_bundle(bundle: Bundle, sandbox: Sandbox) -> Outcome:
    """Ask a submission everything; a death costs the check that was running, the rest go on.

    All shown parts come before the first hidden one, after which no text that student code wrote
    is let through: it may quote what it has seen. Exercises at which the process died come last.
    """
    outcome = Outcome(sandbox.tier.name)
    deaths: Counter[str] = Counter()
    began, loading = time.monotonic(), Loading(bundle, sandbox)
    left = list(bundle.parts)
    while left and deaths.total() <= MAX_RESTARTS and time.monotonic() < began + loading.total:
        left.sort(key=lambda part: (deaths[bundle.exercises[part.task.id]], part.hidden))
        try:
            process = loading.start()
        except Death as death:
            verdict = Verdict(death.category, f"while the cells were being defined: {death}")
            outcome.verdicts |= {part.task.id: verdict for part in left}
            return outcome
        outcome.died |= loading.bundle.problems.keys() - bundle.problems.keys()
        with closing(process):
            left = _loaded(loading.bundle, process, left, outcome)
            left, died_at = _ask(bundle, process, left, began + loading.total, outcome)
        outcome.refused |= {call_name(number) for number in process.refused}
        deaths.update(died_at)
    reason = "too many crashes before it" if deaths.total() > MAX_RESTARTS else "no time was left"
    outcome.verdicts |= {part.task.id: Verdict(Category.NOT_RUN, reason) for part in left}
    return outcome


def _loaded(
    bundle: Bundle, process: Process, parts: Sequence[CheckPart], outcome: Outcome
) -> list[CheckPart]:
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
    bundle: Bundle, process: Process, parts: Sequence[CheckPart], deadline: float, outcome: Outcome
) -> tuple[list[CheckPart], list[str]]:
    """Run parts until the process dies; returns what is left, and the exercise it died at."""
    left, seen = list(parts), False
    while left and (seconds := deadline - time.monotonic()) > 0:
        part = left.pop(0)
        id = part.task.id
        verdict = _run(process, part, min(bundle.limits.check, seconds), outcome)
        seen = seen or part.hidden
        told = verdict.concealed if seen else verdict
        before = outcome.verdicts.get(id)
        if before and not before.passed:  # a miss that was shown is told; all that is right counts
            told = before if verdict.passed else replace(before, earned=verdict.earned)
        outcome.verdicts[id] = told
        if not verdict.passed and not part.has_points:
            left = [part for part in left if part.task.id != id]
        if verdict.category in DEATHS:
            return left, [bundle.exercises[id]]
    return left, []


def _run(process: Process, part: CheckPart, seconds: float, outcome: Outcome) -> Verdict:
    try:
        values = process.run(part.task, seconds)
    except Death as death:
        return Verdict(death.category, str(death))
    verdict = compare(values, part.answers)
    if not verdict.passed and _is_small(values, part.answers):
        outcome.misses[part.task.id] = Miss(part, values)
    return verdict


def _is_small(values: Sequence[Observed], answers: Sequence[Answer]) -> bool:
    """Whether values are kept to name the mistake: they are no larger than it takes."""
    given = sum(size_of(value.value) for value in values)
    return given <= max(MAX_KEPT, 4 * sum(answer.size for answer in answers))


def _not_graded(exercise: str, why: str) -> Verdict:
    """The verdict on a check of a cell that could not be loaded."""
    text = f"not graded, because {exercise} could not be loaded: {why}"
    return Verdict(
        Category.ERROR, text, advice="run the cell on its own, as code, in a fresh kernel"
    )
