"""`python -m tests.portable [stage ...]`: what is true on one processor is true on every one.

Matrix products and NumPy's loops round differently on each generation of processors. Under each
kernel that this one can be told to use, and under its own, every known answer is run; the checks
and the mistakes are those of the same kernel, of the machine's own for answers of another, and the
other way round. Points and names must not change, nor what is committed.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np
from numpy._core import _multiarray_umath
from rich.console import Console
from rich.progress import track
from rich.table import Table

from mugrade.course.reading import load_course
from mugrade.grader.grade import Grader
from mugrade.package.blocks import cell_body
from mugrade.sandbox.job import CheckTask, Death, Job
from mugrade.sandbox.limits import Limits
from mugrade.sandbox.process import Process, Sandbox
from mugrade.sandbox.tiers import Tier
from mugrade.values.observe import Observed
from tests.conftest import ROOT, STAGES, make_grader
from tests.mutants import wrong_answers
from tests.test_answers import edited, outcome, table

OWN = "its own"
FEATURES: Mapping[str, bool] = _multiarray_umath.__cpu_features__
DISPATCHED = [name for name in _multiarray_umath.__cpu_dispatch__ if FEATURES[name]]
OPENBLAS = {"Prescott": "SSE3", "Nehalem": "SSE42", "Haswell": "AVX2", "SkylakeX": "AVX512_SKX"}


def kernels() -> dict[str, dict[str, str]]:
    """Name -> the variables that select it; those that this processor and this NumPy have."""
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]["name"]
    found = {OWN: {}}
    if "openblas" in blas:
        there = (name for name, needs in OPENBLAS.items() if FEATURES.get(needs))
        found |= {name: {"OPENBLAS_CORETYPE": name} for name in there}
    if DISPATCHED:
        found["no SIMD"] = {"NPY_DISABLE_CPU_FEATURES": " ".join(DISPATCHED)}
    return found


def another() -> dict[str, str]:
    """The variables that select another kernel than the one that is used here."""
    own = os.environ.get("OPENBLAS_CORETYPE", "Haswell" if FEATURES.get("AVX") else "Nehalem")
    return {"OPENBLAS_CORETYPE": "Prescott" if own == "Nehalem" else "Nehalem"}


@dataclass(frozen=True)
class Elsewhere(Tier):
    """A tier whose processes compute as on another processor."""

    variables: Mapping[str, str] = field(default_factory=dict, hash=False)

    def environment(self) -> dict[str, str]:
        return super().environment() | dict(self.variables)


class Replay:
    """A sandbox for one submission that runs each part once, however often it is asked."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox, self.tier = sandbox, sandbox.tier
        self.seen: dict[CheckTask, list[Observed] | Death] = {}
        self.process: Process | None = None
        self.refused: set[int] = set()

    def start(self, job: Job, limits: Limits) -> Self:
        self.process = self.process or self.sandbox.start(job, limits)
        self.failures = self.process.failures
        return self

    def run(self, task: CheckTask, seconds: float) -> list[Observed]:
        assert self.process is not None
        if task not in self.seen:
            try:
                self.seen[task] = self.process.run(task, seconds)
            except Death as death:
                self.seen[task] = death
        found = self.seen[task]
        if isinstance(found, Death):
            self.end()
            raise found
        return found

    def close(self) -> None:
        """The process stays for the next question."""

    def end(self) -> None:
        if self.process is not None:
            self.process.close()
        self.process = None


@dataclass(frozen=True)
class Answer:
    """A right or wrong answer to an exercise: its source, and whether all points are due."""

    stage: str
    exercise: str
    name: str
    source: str
    right: bool


@dataclass(frozen=True)
class Judged:
    """The checks that an answer passes, and the names of its mistakes."""

    passed: frozenset[str]
    names: tuple[str, ...]


def answers(grader: Grader, stages: list[str]) -> Iterator[Answer]:
    for stage, exercise, name, edits in wrong_answers(stages):
        source = edited(grader.key.course.find(stage), exercise, edits)
        yield Answer(stage, exercise, name, source, False)
    for stage in stages:
        for exercise, found in table(stage)[1].items():
            for name, source in found.items():
                yield Answer(stage, exercise, name, cell_body(source), True)


def judged(grader: Grader, answer: Answer, sandbox: Replay) -> Judged:
    """What the grader says of an answer that runs in a sandbox elsewhere.

    Of the checks of its own exercise or, if it passes these, of all.
    """
    stage, changed = grader.key.course.find(answer.stage), {answer.exercise: answer.source}
    for only in (answer.exercise, ""):
        found = outcome(grader, stage, changed, only, sandbox=sandbox)
        if found.passed < found.verdicts.keys():
            break
    verdicts = grader.key.stages[answer.stage].named(
        found, {answer.exercise: answer.source}, grader.sandbox
    )
    names = sorted({v.diagnosis.name for v in verdicts.values() if v.diagnosis})
    return Judged(frozenset(found.passed), tuple(names))


def everywhere(graders: Mapping[str, Grader], answer: Answer) -> dict[tuple[str, str], Judged]:
    """(kernel of the reference, kernel of the answer) -> what becomes of it."""
    found = {}
    for kernel, grader in graders.items():
        replay = Replay(grader.sandbox)
        for reference in graders if kernel == OWN else (OWN, kernel):
            found[reference, kernel] = judged(graders[reference], answer, replay)
        replay.end()
    return found


@dataclass
class Row:
    """What one kernel makes of a stage's answers."""

    points: int = 0
    named: int = 0
    differences: list[str] = field(default_factory=list)


def add(rows: dict[tuple[str, str], Row], grader: Grader, answer: Answer, found: dict) -> None:
    own = found[OWN, OWN]
    for (reference, kernel), here in found.items():
        row = rows.setdefault((reference if kernel == OWN else kernel, answer.stage), Row())
        if reference == kernel:
            row.points += sum(grader.key.manifest.check[id].points for id in here.passed)
            row.named += bool(here.names)
        if here != own:
            what = f"{sorted(here.passed ^ own.passed)} {here.names} for {own.names}"
            row.differences.append(f"{answer.exercise}: {answer.name}: {what}")
        elif answer.right and here.names:
            row.differences.append(f"{answer.exercise}: {answer.name}: {here.names}")


def differing(variables: Mapping[str, str], *options: str) -> list[str]:
    """What `mugrade build --check` finds to differ."""
    command = [sys.executable, "-m", "mugrade", "build", "--check", *options]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | variables, capture_output=True, text=True
    )
    return (done.stdout + done.stderr).splitlines() if done.returncode else []


def compare(wanted: list[str], console: Console) -> dict[tuple[str, str], Row]:
    rows: dict[tuple[str, str], Row] = {}
    course = load_course(Path(ROOT))
    with ExitStack() as stack, ThreadPoolExecutor(2) as pool:
        found = zip(kernels(), pool.map(differing, kernels().values()), strict=True)
        for kernel, lines in track(found, "build --check", len(kernels()), console=console):
            rows[kernel, "build"] = Row(differences=lines)
        limits = Limits(check=10.0)
        graders = {
            kernel: make_grader(course, wanted, limits, Elsewhere("weak", variables))
            for kernel, variables in kernels().items()
        }
        for grader in graders.values():
            stack.callback(grader.close)
        items = list(answers(graders[OWN], wanted))
        found = zip(items, pool.map(lambda a: everywhere(graders, a), items), strict=True)
        for answer, result in track(found, "answers", len(items), console=console):
            add(rows, graders[OWN], answer, result)
    return rows


def main() -> None:
    wanted = [s for s in STAGES if not sys.argv[1:] or s[:2] in sys.argv[1:]]
    console = Console()
    rows = compare(wanted, console)
    shown = Table("kernel", "stage", "points", "named", "differences", box=None, pad_edge=False)
    for kernel in kernels():
        for stage in ("build", *wanted):
            row = rows[kernel, stage]
            figures = row.points, row.named, len(row.differences)
            shown.add_row(kernel, stage, *map(str, figures))
    console.print(shown)
    lines = [f"{k}: {s}: {line}" for (k, s), row in rows.items() for line in row.differences]
    print("\n".join(lines) or "no differences")
    raise SystemExit(bool(lines))


if __name__ == "__main__":
    main()
