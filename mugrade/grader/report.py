"""What people look at after grading: the class's table and a feedback page per submission."""

from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, PackageLoader
from rich.table import Table
from rich.text import Text

from mugrade.author.course import Course
from mugrade.grader.grade import Result
from mugrade.messages import printable, summary


def class_table(results: Sequence[Result], course: Course) -> Table:
    """Student, stage, points, what went wrong."""
    table = Table(title=None, header_style="bold", pad_edge=False, box=None)
    for name, justify in (("student", "left"), ("stage", "left"), ("points", "right")):
        table.add_column(name, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    table.add_column("what went wrong", overflow="fold")
    previous = ""
    for result in results:
        student = printable(result.submission.student)
        total = course.find(result.submission.stage).points
        table.add_row(
            Text(student if student != previous else ""),
            result.submission.stage,
            f"{result.points}/{total}",
            Text(printable(result.what_went_wrong)),
        )
        previous = student
    return table


def write_feedback(folder: Path, results: Sequence[Result], course: Course) -> None:
    """One self-contained page per submission, `<student>/<stage>.html`; everything is escaped."""
    loader = PackageLoader("mugrade.grader", "templates")
    page = Environment(loader=loader, autoescape=True).get_template("feedback.html")
    for result in results:
        stage = course.find(result.submission.stage)
        path = folder / result.submission.student / f"{stage.name}.html"
        path.parent.mkdir(parents=True, exist_ok=True)
        text = page.render(
            result=result,
            student=printable(result.submission.student),
            title=stage.title,
            total=stage.points,
            status=printable(result.what_went_wrong) if result.status != "graded" else "",
            outcome=summary,
        )
        path.write_text(text, encoding="utf-8")
