"""A stage's checks with their hidden inputs, for a reader who has the course's solutions."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

from mugrade.course.cells import BEGIN_HIDDEN, END_HIDDEN
from mugrade.course.manifest import CheckEntry
from mugrade.course.model import Course
from mugrade.course.reading import find_course, load_course
from mugrade.errors import CourseError
from mugrade.reference.record import check_tasks, record_answers, reference_job
from mugrade.reference.rehearse import rehearse
from mugrade.reference.world import demand_world, reference_limits
from mugrade.sandbox.plain import for_trusted
from mugrade.student.checks import compared
from mugrade.student.workspace import Workspace
from mugrade.values.answers import Answer
from mugrade.values.mistakes import Known, uncontradicted
from mugrade.values.observe import Observed
from mugrade.view.report import Report


@dataclass
class Whole:
    """Check -> its source, what the reference yields, and the mistakes known there.

    The solutions lie open, so nothing of it counts as hidden. `passed`: the checks that have.
    """

    sources: Mapping[str, str]
    answers: Mapping[str, Sequence[Answer]]
    known: Known
    passed: set[str] = field(default_factory=set)

    def report_on(
        self, workspace: Workspace, entry: CheckEntry, values: Sequence[Observed]
    ) -> Report:
        """Compare what a check yielded with what the reference yields; notes that it passed."""
        known = uncontradicted(self.known.get(entry.id, ()), self.passed, self.known)
        report = compared(workspace, entry, values, self.answers[entry.id], known)
        self.passed |= {entry.id} if report.passed else set()
        return report


def solutions_of(workspace: Workspace, folder: Path | None) -> Course:
    """The course at or above `folder` or, without one, the workspace; raises CourseError."""
    start = folder or workspace.folder
    try:
        root = find_course(start)
    except CourseError:
        raise CourseError(
            f"no hidden inputs: there is no solutions/NN_name.py in {start} or above it; "
            "name a whole copy of the course with --solutions"
        ) from None
    return load_course(root)


def whole_checks(workspace: Workspace, course: Course, stage: str) -> Whole:
    """The checks of a stage in full, and what the reference makes of them.

    Raises CourseError, and MissingExtra where a library of the course is not installed.
    """
    found = course.find(stage)
    tasks = [replace(task, source=_laid_open(task.source)) for task in check_tasks(found)]
    wanted = {check.id for check in workspace.manifest.checks if check.stage == stage}
    if lacking := wanted - {task.id for task in tasks}:
        raise CourseError(f"{course.root} holds another course: it lacks {min(lacking)}")
    demand_world(course)
    with closing(for_trusted(course.settings.libraries)) as sandbox:
        answers = record_answers(course, found, tasks, sandbox)
        limits = reference_limits(course, found)
        known = rehearse(found, reference_job(course, found), tasks, answers, sandbox, limits)
    return Whole({task.id: task.source for task in tasks}, answers, known)


def _laid_open(source: str) -> str:
    """A check without the marks around its hidden part, line by line."""
    lines = source.split("\n")
    return "\n".join("" if line.strip() in (BEGIN_HIDDEN, END_HIDDEN) else line for line in lines)
