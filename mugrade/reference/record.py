"""Run the reference: the package that the answers in the scripts make, and what it yields."""

from collections.abc import Iterable, Sequence
from contextlib import closing

import numpy as np

from mugrade.course.cells import Role
from mugrade.course.model import Course, Stage
from mugrade.errors import CourseError
from mugrade.reference.world import reference_limits
from mugrade.sandbox.job import CheckTask, Death, Job
from mugrade.sandbox.loader import Package, Piece, module_name
from mugrade.sandbox.plain import Plain
from mugrade.sandbox.process import Sandbox
from mugrade.values.answers import Answer, record
from mugrade.values.observe import seed_of


def reference_job(course: Course, stage: Stage) -> Job:
    """The reference of a stage and all before it, ready to run the stage's checks."""
    base = reference(course, course.before(stage))
    package = reference(course, [*course.before(stage), stage])
    return Job(package, stage.setup, check_names(stage), course.files(stage), base)


def reference(course: Course, stages: Sequence[Stage]) -> Package:
    """The package as the reference answers of some stages make it."""
    modules = course.modules(stages)
    return {path: [Piece(b.id, b.source) for b in blocks] for path, blocks in modules.items()}


def check_names(stage: Stage) -> list[tuple[str, list[str]]]:
    """Module and symbols: the names that a stage's cells leave in the notebook."""
    return [(module_name(cell.export), sorted(cell.block.symbols)) for cell in stage.exports]


def record_answers(
    course: Course, stage: Stage, tasks: Iterable[CheckTask], sandbox: Sandbox | Plain
) -> dict[str, list[Answer]]:
    """What the reference yields for every check; raises CourseError where it fails."""
    lines = {cell.id: cell.line for cell in stage.cells}
    whole = {cell.source: cell.points for cell in stage.role(Role.CHECK)}
    where = stage.path.name
    answers = {}
    try:
        job = reference_job(course, stage)
        with closing(sandbox.start(job, reference_limits(course, stage), trusted=True)) as process:
            if process.failures:
                raise CourseError(_failures(stage, process.failures))
            for task in tasks:
                where = f"{stage.path.name}:{lines[task.id]}: {task.id}"
                answers[task.id] = record(process.run(task), task.source, labels_of(course))
                if task.source in whole:
                    _demand_points(answers[task.id], whole[task.source])
    except (Death, ValueError) as error:
        raise CourseError(f"{where}: the reference fails: {error}") from None
    return answers


def _demand_points(answers: Sequence[Answer], points: int) -> None:
    """Raise ValueError if the parts of a whole check give other points than the check."""
    parts = sum(answer.points for answer in answers)
    if parts and not answers[-1].points:
        raise ValueError("what comes behind the last part gives nothing: it must be worth(...) too")
    if parts and parts != points:
        raise ValueError(f"its parts give {parts} points, and the check {points}")


def check_tasks(stage: Stage) -> list[CheckTask]:
    """The checks of a stage in full, with the inputs of the build."""
    return [CheckTask(cell.id, cell.source, seed_of(cell.id)) for cell in stage.role(Role.CHECK)]


def labels_of(course: Course) -> dict[str, np.ndarray]:
    """The true labels that `labels` judges score against, by name."""
    folder = course.root / "solutions" / "labels"
    return {p.stem: np.load(p, allow_pickle=False) for p in sorted(folder.glob("*.npy"))}


def _failures(stage: Stage, failures: dict[str, str]) -> str:
    lines = {cell.id: cell.line for cell in stage.cells}
    return "\n".join(
        f"{stage.path.name}:{lines.get(id, 1)}: {id}: {text}" for id, text in failures.items()
    )
