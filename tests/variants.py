"""`python -m tests.variants [stage ...] [--secrets 300]`: points that hang on what is drawn.

Courses with different secrets draw different hidden inputs, and an answer must get the same points
in all of them. Every known answer, wrong or right, is loaded once; of each check that its shown
part does not settle, the hidden part is run as one secret after another draws it. What is reported
passes in some courses and fails in others.

A check that computes for long is drawn less often, and so is one where no draw makes a difference:
a check of another exercise in which the answer gives the very bits of the reference, or one that it
fails by a shape or a dtype, or first at a yield that no draw changes. One that ends the process or
the time in its first draws is drawn no more.
"""

import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.progress import Progress

from mugrade.course.exercises import StudentCode
from mugrade.course.model import Course, Stage
from mugrade.course.reading import load_course
from mugrade.grader.assemble import submission_job
from mugrade.grader.bundle import CheckPart
from mugrade.grader.draw import drawn, hidden_parts
from mugrade.grader.key import StageKey
from mugrade.package.blocks import cell_body
from mugrade.reference.record import reference_job
from mugrade.sandbox.job import CheckTask, Death, Job
from mugrade.sandbox.limits import Limits
from mugrade.sandbox.process import Process, Sandbox
from mugrade.sandbox.tiers import WEAK
from mugrade.values.answers import Answer
from mugrade.values.close import Close
from mugrade.values.compare import compare
from mugrade.values.mistakes import first_miss
from mugrade.values.observe import Observed
from tests.conftest import ROOT, STAGES
from tests.test_answers import edited, table

LIMITS = Limits(check=10.0)
WORKERS = 2 * (os.cpu_count() or 1)  # each waits for its process half of the time
SECONDS = 6.0  # that the reference may take for a check in all its draws
FEWEST = 12  # draws of a check
ENOUGH = 3  # draws unlike the others tell enough


@dataclass(frozen=True)
class Known:
    """An answer of the tables, in place of one exercise of the reference."""

    exercise: str
    name: str
    source: str


class Runner:
    """A process with one answer in it, started again when it dies."""

    def __init__(self, key: StageKey, known: Known, sandbox: Sandbox) -> None:
        self.sandbox, self.job = sandbox, _job(key, known)
        self.process: Process | None = None

    def run(self, part: CheckPart, tries: int = 2) -> Sequence[Observed]:
        """What the part of a check yields; nothing if it kills the process.

        What takes too long is tried again, for the machine may have been busy.
        """
        try:
            if self.process is None:
                self.process = self.sandbox.start(self.job, LIMITS)
            return self.process.run(part.task)
        except Death as death:
            self.close()
            again = death.category == "timeout" and tries > 1
            return self.run(part, tries - 1) if again else []

    def close(self) -> None:
        if self.process is not None:
            self.process.close()
            self.process = None


class Search:
    """The checks of a stage as they are shown and, secret after secret, drawn."""

    def __init__(
        self,
        key: StageKey,
        sandbox: Sandbox,
        secrets: int,
        pool: ThreadPoolExecutor,
        checks: Sequence[str],
    ) -> None:
        self.key, self.sandbox, self.pool = key, sandbox, pool
        hidden = [part.task.id for part in key.built if part.hidden]
        self.draws: dict[str, list[CheckPart]] = {
            id: [] for id in hidden if not checks or id in checks
        }
        with closing(sandbox.start(reference_job(key.course, key.stage), LIMITS)) as process:
            most = {t.id: min(secrets, affordable(process, t)) for t in key.tasks}

        def draw(number: int) -> dict[str, CheckPart]:
            wanted = [t for t in key.tasks if t.id in self.draws and number < most[t.id]]
            tasks = [drawn(task, b"%d" % number, 0) for task in wanted]
            return hidden_parts(key.course, key.stage, tasks, sandbox)

        for parts in pool.map(draw, range(secrets)):
            for id, part in parts.items():
                self.draws[id].append(part)
        self.fixed = {id: fixed_yields(parts) for id, parts in self.draws.items()}

    def undecided(self, known: Known) -> list[str]:
        """A line for each check that the answer passes in some draws and fails in others."""
        with closing(Runner(self.key, known, self.sandbox)) as runner:
            shown = [part for part in self.key.built if not part.hidden]
            settled = {p.task.id for p in shown if not compare(runner.run(p), p.answers).passed}
            lines = [self._line(runner, known, id) for id in self.draws if id not in settled]
        return [line for line in lines if line]

    def _line(self, runner: Runner, known: Known, id: str) -> str:
        own = self.key.exercises[id] == known.exercise
        passed, decided, died = [], True, 0
        for part in self.draws[id]:
            values = runner.run(part)
            verdict = compare(values, part.answers)
            passed.append(verdict.passed)
            died += not values
            decided = decided and (
                (not own and _equal(values, part.answers))
                or verdict.category in ("shape", "dtype")
                or _miss(values, part) in self.fixed[id]
            )
            rarer = min(sum(passed), len(passed) - sum(passed))
            dead = died == len(passed) >= ENOUGH
            if rarer >= ENOUGH or dead or (decided and len(passed) >= FEWEST):
                break
        if len(set(passed)) < 2:
            return ""
        ratio = f"{sum(passed)} of {len(passed)}"
        return f"{self.key.stage.name[:2]} {known.exercise}: {known.name}: {id} passes {ratio}"


def affordable(process: Process, task: CheckTask) -> int:
    """How often a check is drawn, by the time that the reference takes for it."""
    seconds = []
    for _ in range(3):
        began = time.perf_counter()
        process.run(task)
        seconds.append(time.perf_counter() - began)
    return max(FEWEST, int(SECONDS / min(seconds)))


def fixed_yields(parts: Sequence[CheckPart]) -> set[int]:
    """The places at which the reference gives the same bits in every draw."""
    columns = zip(*(part.answers for part in parts), strict=False)
    return {
        at
        for at, answers in enumerate(columns)
        if isinstance(answers[0].judge, Close) and len({a.array.tobytes() for a in answers}) == 1
    }


def _miss(values: Sequence[Observed], part: CheckPart) -> int | None:
    """The place of the first miss."""
    arrays, judges = zip(*((a.array, a.judge) for a in part.answers), strict=True)
    return first_miss(values, arrays, judges)


def _job(key: StageKey, known: Known) -> Job:
    exercises = {cell.id: cell_body(cell.source) for cell in key.stage.role("solution")}
    answers = StudentCode(exercises | {known.exercise: known.source})
    return submission_job(key, {key.stage.name: answers})


def _equal(values: Sequence[Observed], answers: Sequence[Answer]) -> bool:
    """Whether the values are bit for bit those of the reference, where entries are compared."""
    return len(values) == len(answers) and all(
        v.array is not None
        and np.array_equal(v.array, a.array, equal_nan=a.array.dtype.kind in "fc")
        for v, a in zip(values, answers, strict=True)
        if isinstance(a.judge, Close)
    )


def known_answers(stage: Stage) -> Iterator[Known]:
    wrong, right = table(stage.name)
    for exercise, found in wrong.items():
        for name, edits in found.items():
            yield Known(exercise, name, edited(stage, exercise, edits))
    for exercise, sources in right.items():
        for name, source in sources.items():
            yield Known(exercise, f"(right) {name}", cell_body(source))


def search(course: Course, stage: Stage, secrets: int, checks: Sequence[str], bar: Progress) -> int:
    """Print what is found in a stage as it is found; returns how much that is."""
    count = 0
    task = bar.add_task(f"{stage.name}: the reference", total=None)
    with closing(Sandbox(WEAK)) as sandbox, ThreadPoolExecutor(WORKERS) as pool:
        searched = Search(StageKey(course, stage, sandbox), sandbox, secrets, pool, checks)
        known = list(known_answers(stage))
        bar.update(task, description=stage.name, total=len(known))
        for lines in pool.map(searched.undecided, known):
            count += len(lines)
            for line in lines:
                bar.console.print(line, markup=False, highlight=False, soft_wrap=True)
            bar.advance(task)
    bar.remove_task(task)
    fewer = {id: len(parts) for id, parts in searched.draws.items() if len(parts) < secrets}
    told = "".join(f", {id} in {n}" for id, n in fewer.items())
    bar.console.print(
        f"{stage.name}: {len(known)} answers in {secrets} draws{told}: {count} undecided",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    return count


def main(
    stages: Annotated[list[str] | None, typer.Argument(help="Numbers or names; all.")] = None,
    secrets: Annotated[int, typer.Option(help="How many courses to try.", min=2)] = 300,
    check: Annotated[list[str] | None, typer.Option(help="Only these checks.")] = None,
) -> None:
    """Look for answers whose points depend on the course's secret."""
    course = load_course(Path(ROOT))
    began = time.perf_counter()
    with Progress(console=Console(), transient=True) as bar:
        found = sum(
            search(course, course.find(s), secrets, check or (), bar) for s in stages or STAGES
        )
        seconds = time.perf_counter() - began
        bar.console.print(f"{found} undecided, {seconds:.0f} s", highlight=False)
    raise typer.Exit(found > 0)


if __name__ == "__main__":
    typer.run(main)
