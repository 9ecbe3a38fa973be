"""What people look at after grading: tables, and a feedback page per submission."""

import csv
import json
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import IO, Any

from jinja2 import Environment, PackageLoader, Template
from markupsafe import Markup
from rich.table import Table
from rich.text import Text

from mugrade.grader.results import Result
from mugrade.grader.store import Attempt
from mugrade.messages import printable, summary
from mugrade.panel import page_panel, style

COLUMNS = (
    "student",
    "stage",
    "status",
    "check",
    "points",
    "max_points",
    "verdict",
    "reason",
    "mugrade",
)
LONGEST = 40
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def class_table(attempts: Sequence[Attempt]) -> Table:
    """Student, stage, points, what went wrong."""
    table = Table(title=None, header_style="bold", pad_edge=False, box=None)
    table.add_column("student", max_width=LONGEST, overflow="fold")
    table.add_column("stage", max_width=LONGEST, overflow="fold")
    table.add_column("points", justify="right", no_wrap=True)
    table.add_column("what went wrong", overflow="fold")
    previous = ""
    for attempt in attempts:
        student = printable(attempt.student)
        table.add_row(
            Text(student if student != previous else ""),
            Text(printable(attempt.stage)),
            f"{attempt.points}/{attempt.max_points}",
            Text(printable(attempt.summary)),
        )
        previous = student
    return table


def write_csv(file: IO[str], attempts: Iterable[Attempt]) -> None:
    """One row per student, stage and check; cells that a spreadsheet would run are defused."""
    writer = csv.writer(file, quoting=csv.QUOTE_ALL)
    writer.writerow(COLUMNS)
    for a in attempts:
        for row in a.checks:
            who = [printable(a.student), a.stage, a.status, row.check]
            what = [row.points, row.max_points, row.category, printable(a.reason), a.version]
            writer.writerow([safe(x) if isinstance(x, str) else x for x in (*who, *what)])


def safe(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text


def to_json(attempts: Iterable[Attempt]) -> str:
    """Everything that is known of the results, for other programs."""
    columns = ("student", "stage", "number", "status", "reason", "points", "max_points", "tier")
    of_check = ("check", "exercise", "category", "points", "max_points", "message")

    def row(a: Attempt) -> dict[str, Any]:
        checks = [{name: getattr(c, name) for name in of_check} for c in a.checks]
        graded_at = f"{a.graded_at.isoformat(timespec='seconds')}Z"
        graded = {"graded_at": graded_at, "mugrade": a.version}
        return {n: getattr(a, n) for n in columns} | graded | {"checks": checks}

    return json.dumps([row(a) for a in attempts], indent=1)


@cache
def _page() -> Template:
    loader = PackageLoader("mugrade.grader", "templates")
    return Environment(loader=loader, autoescape=True).get_template("feedback.html")


def write_feedback(path: Path, result: Result, title: str, mark: str = "") -> None:
    """One self-contained page for a submission; everything is escaped."""
    text = _page().render(
        result=result,
        student=printable(result.submission.student),
        title=title,
        total=sum(grade.check.points for grade in result.grades),
        status=printable(result.what_went_wrong) if result.status != "graded" else "",
        outcome=summary,
        mark=mark,
        style=Markup(style()),
        panel=lambda report: Markup(page_panel(report)),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", errors="replace")
