"""The hidden inputs: drawn once per course secret and check, and proved on the known mistakes.

A recorded mistake that passes what a check shows and fails the rest as the build draws it has to
fail it as the secret draws it, too. Where one passes, the check is drawn again.
"""

import hmac
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from mugrade.course.model import Course, Mistake, Stage
from mugrade.grader.bundle import CheckPart
from mugrade.reference.record import record_answers, reference_job
from mugrade.reference.rehearse import declared_at, made, own_first, trace_of
from mugrade.reference.world import reference_limits
from mugrade.sandbox.job import CheckTask
from mugrade.sandbox.process import Sandbox
from mugrade.values.compare import compare
from mugrade.values.mistakes import Known, Trace

DRAWS = 10  # of a check, before it is called too weak


@dataclass(frozen=True)
class Missed:
    """A mistake, the first part of a check that it fails, and what tells it there, if anything."""

    mistake: Mistake
    part: CheckPart
    trace: Trace | None


@dataclass(frozen=True)
class Draw:
    """The hidden part of a check as drawn for the time `counter`, and what mistakes make of it.

    Of those that must fail it; `passed` should be empty.
    """

    counter: int
    part: CheckPart
    missed: Sequence[Missed]
    passed: Sequence[Mistake]


def drawn(task: CheckTask, secret: bytes, counter: int) -> CheckTask:
    """The check with the inputs that a secret draws."""
    digest = hmac.digest(secret, f"{task.id}/{counter}".encode(), "sha256")
    return replace(task, seed=int.from_bytes(digest[:4]))


def hidden_parts(
    course: Course, stage: Stage, tasks: Sequence[CheckTask], sandbox: Sandbox
) -> dict[str, CheckPart]:
    """Check -> its hidden part, with what the reference answers; raises CourseError."""
    answers = record_answers(course, stage, tasks, sandbox) if tasks else {}
    return {task.id: CheckPart(task, answers[task.id], True) for task in tasks}


def known_of(missed: Iterable[Missed]) -> Known:
    """Check -> the traces of the mistakes that have missed it."""
    known: dict[str, list[Trace]] = {}
    for miss in missed:
        if miss.trace:
            known.setdefault(miss.part.task.id, []).append(miss.trace)
    return known


def too_weak(stage: Stage, draw: Draw) -> str:
    """What to say about a check that lets mistakes pass however it is drawn."""
    id, (first, *more) = draw.part.task.id, draw.passed
    others = f" and {len(more)} more" if more else ""
    return (
        f"{stage.path.name}: {id} is too weak: of {DRAWS} draws of its hidden inputs none tells "
        f"{declared_at(stage, first)}{others}; put the telling input in by hand"
    )


class Rehearsal:
    """The mistakes of a stage, made in the `parts` of its checks as they are built.

    Raises CourseError where one cannot be made.
    """

    def __init__(
        self, course: Course, stage: Stage, parts: Sequence[CheckPart], sandbox: Sandbox
    ) -> None:
        self.course, self.stage, self.parts, self.sandbox = course, stage, parts, sandbox
        self.job = reference_job(course, stage)
        self.limits = reference_limits(course, stage)
        self.missed = self._make(stage.mistakes, self._own_first)

    def draw(self, secret: bytes) -> dict[str, Draw]:
        """Check -> its hidden part as drawn: the first draw that lets no mistake pass, or least."""
        best: dict[str, Draw] = {}
        weak: Mapping[str, CheckTask] = {p.task.id: p.task for p in self.parts if p.hidden}
        for counter in range(DRAWS):
            for draw in self._drawn([drawn(t, secret, counter) for t in weak.values()], counter):
                id = draw.part.task.id
                if id not in best or len(draw.passed) < len(best[id].passed):
                    best[id] = draw
            weak = {id: task for id, task in weak.items() if best[id].passed}
        return best

    def again(self, secret: bytes, draws: Mapping[str, int]) -> dict[str, Draw]:
        """Check -> its hidden part as it was drawn for the times in `draws`, else the first."""
        of: dict[int, list[CheckTask]] = {}
        for task in (part.task for part in self.parts if part.hidden):
            counter = draws.get(task.id, 0)
            of.setdefault(counter, []).append(drawn(task, secret, counter))
        found = (draw for counter, tasks in of.items() for draw in self._drawn(tasks, counter))
        return {draw.part.task.id: draw for draw in found}

    def _drawn(self, tasks: Sequence[CheckTask], counter: int) -> Iterator[Draw]:
        """Draws of some checks, on which the mistakes that must fail them have been made."""
        parts = hidden_parts(self.course, self.stage, tasks, self.sandbox)
        must: dict[str, list[CheckPart]] = {}
        for miss in self.missed:
            if miss.part.hidden and miss.part.task.id in parts:
                must.setdefault(miss.mistake.id, []).append(parts[miss.part.task.id])
        mistakes = [mistake for mistake in self.stage.mistakes if mistake.id in must]
        missed = self._make(mistakes, lambda mistake: [must[mistake.id]])
        for part in parts.values():
            there = [miss for miss in missed if miss.part is part]
            failed = {miss.mistake.id for miss in there}
            passed = [m for m in mistakes if part in must[m.id] and m.id not in failed]
            yield Draw(counter, part, there, passed)

    def _own_first(self, mistake: Mistake) -> list[list[CheckPart]]:
        groups = own_first(self.stage, mistake)
        return [[part for part in self.parts if part.task.id in group] for group in groups]

    def _make(
        self,
        mistakes: Sequence[Mistake],
        asked: Callable[[Mistake], Sequence[Sequence[CheckPart]]],
    ) -> list[Missed]:
        """What the mistakes miss of what each is asked, all of them made side by side."""
        with ThreadPoolExecutor(self.sandbox.at_once) as pool:
            found = pool.map(lambda mistake: self._made(mistake, asked(mistake)), mistakes)
            return [miss for misses in found for miss in misses]

    def _made(self, mistake: Mistake, groups: Sequence[Sequence[CheckPart]]) -> list[Missed]:
        """What it misses of the first group of which it misses anything."""
        missed: dict[str, Missed] = {}
        with made(self.stage, mistake, self.job, self.sandbox, self.limits) as process:
            for group in groups:
                for part in [] if missed else group:
                    if part.task.id in missed:
                        continue
                    values = process.run(part.task)
                    if not compare(values, part.answers).passed:
                        told = trace_of(mistake, values, part.answers)
                        missed[part.task.id] = Missed(mistake, part, told)
        return list(missed.values())
