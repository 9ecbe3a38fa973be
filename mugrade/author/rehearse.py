"""Make the course's own mistakes: run the reference with each edit through its checks."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from mugrade.answers import Answer
from mugrade.author.course import CourseError, Mistake, Stage
from mugrade.blocks import cell_body
from mugrade.mistakes import Known, Trace, trace
from mugrade.sandbox.plain import Plain
from mugrade.sandbox.process import Death, Job, Limits, Sandbox, Task

LIMITS = Limits(load=60, check=60, total=600)


def rehearse(
    stage: Stage,
    job: Job,
    tasks: Sequence[Task],
    answers: Mapping[str, Sequence[Answer]],
    sandbox: Sandbox | Plain,
) -> Known:
    """The traces of a stage's mistakes in each check of their exercise.

    Of a mistake that these let pass, in the others: as of a gradient that is right but lacks a
    graph, where a later check differentiates it. `job` is the reference and `answers` what it
    yields for `tasks`. Raises CourseError.
    """
    of = {cell.id: cell.of for cell in stage.role("check")}
    known: dict[str, list[Trace]] = {}
    for mistake in stage.mistakes:
        own = [task for task in tasks if of[task.id] == mistake.of]
        others = [task for task in tasks if of[task.id] != mistake.of]
        made = _make(stage, mistake, job, own, answers, sandbox)
        made = made or _make(stage, mistake, job, others, answers, sandbox)
        if not made:
            raise CourseError(f"{_where(stage, mistake)}: no check tells it by a value")
        for check, found in made.items():
            known.setdefault(check, []).append(found)
    return known


def _make(
    stage: Stage,
    mistake: Mistake,
    job: Job,
    tasks: Sequence[Task],
    answers: Mapping[str, Sequence[Answer]],
    sandbox: Sandbox | Plain,
) -> dict[str, Trace]:
    """Check -> the trace of one mistake, of the checks that tell it."""
    made = {}
    try:
        with sandbox.start(_with(stage, mistake, job), LIMITS, trusted=True) as process:
            if process.failures:
                why = f"it does not load: {process.failures}"
                raise CourseError(f"{_where(stage, mistake)}: {why}")
            for task in tasks:
                arrays, judges = zip(*((a.array, a.judge) for a in answers[task.id]), strict=True)
                values = process.run(task)
                found = trace(mistake.diagnosis, values, arrays, judges, mistake.plain, mistake.id)
                if found:
                    made[task.id] = found
    except Death as death:
        raise CourseError(f"{_where(stage, mistake)}: {death}") from None
    return made


def _with(stage: Stage, mistake: Mistake, job: Job) -> Job:
    """The reference with the mistake in it."""
    (cell,) = (cell for cell in stage.role("solution") if cell.id == mistake.of)
    source = cell_body(mistake.made_in(cell.source))
    package = {
        path: [replace(p, source=source) if p.id == mistake.of else p for p in pieces]
        for path, pieces in job.package.items()
    }
    return replace(job, package=package)


def _where(stage: Stage, mistake: Mistake) -> str:
    return f"mistakes/{stage.mistakes_path.name}:{mistake.line}: {mistake.diagnosis.name}"
