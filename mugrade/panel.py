"""Reports and progress for the eye: HTML for notebooks and pages, rich for terminals."""

from functools import cache
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader
from rich.console import Group
from rich.table import Table
from rich.text import Text

from mugrade import visible
from mugrade.messages import VALUES, Report

if TYPE_CHECKING:
    from mugrade.student.built import Built
    from mugrade.student.progress import Progress

PASSED, FAILED = "\u2713 passed", "\u2717 not passed"


def panel(report: Report) -> str:
    """The report as HTML for a notebook, escaped; MathJax typesets its formulas."""
    return _render("report.html", report=report, rows=report.rows, notebook=True, values=VALUES)


def page_panel(report: Report) -> str:
    """The report for a page with `style()` and without MathJax."""
    rows = report.plain_rows
    return _render("report.html", report=report, rows=rows, notebook=False, values=VALUES)


def style() -> str:
    """The style sheet of panels, for a page that shows many."""
    return _render("panel.css")


def progress_panel(here: "Progress | None", course: "list[Progress]", built: "Built | None") -> str:
    """How far the course has come, perhaps one stage of it, and what was built in the end."""
    hidden = any(stage.hidden for stage in course)
    note, names = visible.NOTE * hidden, visible.columns(hidden)
    values = {"here": here, "course": course, "built": built, "columns": names, "note": note}
    return _render("progress.html", **values)


def terminal(report: Report) -> Group:
    """The report for rich: the lines of its text, and the picture below."""
    word, style = (PASSED, "green") if report.passed else (FAILED, "red")
    head = Text.assemble((word, f"bold {style}"), f"  {report.name}  {report.score}")
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for key, text in report.plain_rows.items():
        table.add_row(Text(f"  {key}", style="bold"), Text(text))
    parts = [head, table] if report.rows else [head]
    if report.picture:
        legend = ", ".join(f"{mark} {text}" for mark, text in report.picture.legend.items())
        table.add_row(Text("  where", style="bold"), Text("\n".join(report.picture.rows)))
        table.add_row("", Text("; ".join(filter(None, (legend, report.picture.note)))))
    return Group(*parts)


def _render(template: str, **values: object) -> str:
    return _templates().get_template(template).render(**values)


@cache
def _templates() -> Environment:
    loader = PackageLoader("mugrade", "templates")
    return Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
