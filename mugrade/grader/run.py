"""`mugrade grade` from submissions to results: grade, show, write."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from mugrade.author.course import Course
from mugrade.grader.grade import Grader, Result
from mugrade.grader.gradebook import write_csv, write_gradebook
from mugrade.grader.report import class_table, write_feedback
from mugrade.grader.submissions import Unreadable, find_submissions
from mugrade.messages import printable
from mugrade.sandbox.process import Limits


def grade_class(
    course: Course,
    folder: Path,
    out: Path,
    stages: Sequence[str],
    limits: Limits,
    own: bool,
    jobs: int,
    console: Console,
) -> None:
    """Grade every submission below `folder`; results go to `out` and the table to `console`."""
    every = find_submissions(folder, [stage.name for stage in course.stages])
    submissions = [s for s in every if not stages or s.stage in stages]
    if not submissions:
        raise Unreadable(f"{folder}: nobody has handed in {', '.join(stages)}")
    demand_writable(out)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("running the reference", total=len(submissions))
        grader = Grader(course, dict.fromkeys(s.stage for s in submissions), limits, own)

        def done(result: Result) -> None:
            name = f"{printable(result.submission.student)} {result.submission.stage}"
            bar.update(task, advance=1, description=name)

        results = grader.grade_all(submissions, jobs, done, every)
    console.print(class_table(results, course))
    paths = write_results(out, course, results)
    if len(results) < len(submissions):
        console.print(f"interrupted: {len(results)} of {len(submissions)} submissions are graded")
    for name, path in paths.items():
        console.print(f"{name:<10} {path}", markup=False, highlight=False, soft_wrap=True)


def demand_writable(out: Path) -> None:
    """Make the folder, and raise Unreadable before hours of grading if nothing can go there."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=out).close()
    except OSError as error:
        raise Unreadable(f"{out}: results cannot be written there ({error.strerror})") from None


def write_results(out: Path, course: Course, results: Sequence[Result]) -> dict[str, Path]:
    """Write gradebook, table and feedback pages; returns what is where.

    The gradebook comes last: if it cannot be written, the rest is there. Raises Unreadable.
    """
    paths = {
        "gradebook": out / "gradebook.db",
        "csv": out / "grades.csv",
        "feedback": out / "feedback",
    }
    try:
        write_csv(paths["csv"], results)
        write_feedback(paths["feedback"], results, course)
    except OSError as error:
        raise Unreadable(f"{error.filename}: cannot be written ({error.strerror})") from None
    write_gradebook(f"sqlite:///{paths['gradebook'].resolve()}", course, results)
    return paths
