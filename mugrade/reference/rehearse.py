"""Make the course's own mistakes: run the reference with each edit through its checks."""

import ast
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace

from mugrade.course.cells import Role
from mugrade.course.model import Mistake, Stage
from mugrade.errors import CourseError
from mugrade.package.blocks import cell_body
from mugrade.sandbox.job import CheckTask, Death, Job
from mugrade.sandbox.limits import Limits
from mugrade.sandbox.plain import Plain, PlainJob
from mugrade.sandbox.process import Process, Sandbox
from mugrade.values.answers import Answer
from mugrade.values.mistakes import Known, Trace, trace
from mugrade.values.observe import Observed


def rehearse(
    stage: Stage,
    job: Job,
    tasks: Sequence[CheckTask],
    answers: Mapping[str, Sequence[Answer]],
    sandbox: Sandbox | Plain,
    limits: Limits,
) -> Known:
    """The traces of a stage's mistakes in each check of their exercise.

    Of a mistake that these let pass, in the others: as of a gradient that is right but lacks a
    graph, where a later check differentiates it. `job` is the reference and `answers` what it
    yields for `tasks`. Raises CourseError.
    """

    def traces(mistake: Mistake) -> dict[str, Trace]:
        with made(stage, mistake, job, sandbox, limits) as process:
            for group in own_first(stage, mistake):
                runs = ((t.id, process.run(t)) for t in tasks if t.id in group)
                told = {id: trace_of(mistake, values, answers[id]) for id, values in runs}
                if found := {id: trace for id, trace in told.items() if trace}:
                    return found
        raise CourseError(f"{declared_at(stage, mistake)}: no check tells it by a value")

    known: dict[str, list[Trace]] = {}
    with ThreadPoolExecutor(sandbox.at_once) as pool:
        for found in pool.map(traces, stage.mistakes):
            for check, told in found.items():
                known.setdefault(check, []).append(told)
    return known


def own_first(stage: Stage, mistake: Mistake) -> tuple[set[str], set[str]]:
    """The ids of the checks of the mistake's exercise, and of all the others."""
    own = {cell.id for cell in stage.role(Role.CHECK) if cell.of == mistake.of}
    return own, {cell.id for cell in stage.role(Role.CHECK)} - own


@contextmanager
def made(
    stage: Stage, mistake: Mistake, job: Job, sandbox: Sandbox | Plain, limits: Limits
) -> Iterator[Process | PlainJob]:
    """A process with the reference in which the mistake is made; raises CourseError."""
    try:
        wrong = _with(stage, mistake, job)
        with closing(sandbox.start(wrong, limits, trusted=True)) as process:
            if process.failures:
                why = f"it does not load: {process.failures}"
                raise CourseError(f"{declared_at(stage, mistake)}: {why}")
            yield process
    except Death as death:
        raise CourseError(f"{declared_at(stage, mistake)}: {death}") from None


def trace_of(
    mistake: Mistake, values: Sequence[Observed], answers: Sequence[Answer]
) -> Trace | None:
    """What tells the mistake in a check that yielded `values`."""
    rights, judges = [a.value for a in answers], [a.judge for a in answers]
    return trace(mistake.diagnosis, values, rights, judges, mistake.plain, mistake.id)


def declared_at(stage: Stage, mistake: Mistake) -> str:
    """Where the course declares the mistake, and its name."""
    return f"mistakes/{stage.mistakes_path.name}:{mistake.line}: {mistake.diagnosis.name}"


def _with(stage: Stage, mistake: Mistake, job: Job) -> Job:
    """The reference with the mistake in it; raises CourseError if that is no code."""
    (cell,) = (cell for cell in stage.role(Role.SOLUTION) if cell.id == mistake.of)
    source = cell_body(mistake.made_in(cell.source))
    try:
        ast.parse(source)
    except SyntaxError as error:
        raise CourseError(
            f"{declared_at(stage, mistake)}: its edits do not give Python: {error.msg}"
        ) from None
    package = {
        path: [replace(p, source=source) if p.id == mistake.of else p for p in pieces]
        for path, pieces in job.package.items()
    }
    return replace(job, package=package)
