"""The notebook to start from: what the course is, and its stages."""

import re
from dataclasses import replace
from importlib.resources import as_file, files

from mugrade.course.cells import Cell
from mugrade.course.model import Course, Stage
from mugrade.course.reading import link, script_cells

FACT = r"^- \*\*{name}\*\*: (.*?)(?=\n\n|\n- |\Z)"


def start_cells(course: Course) -> list[Cell]:
    """The cells of `solutions/start.py`, or of a page that suits any course.

    `{title}`, `{package}` and `{stages}`, a table, are filled in; raises CourseError.
    """
    values = {
        "{title}": course.settings.title or course.package,
        "{package}": course.package,
        "{stages}": stage_table(course),
    }
    own = course.root / "solutions" / "start.py"
    with as_file(files("mugrade.author") / "templates" / "start.py") as standard:
        cells = script_cells(own if own.is_file() else standard)
    return [_filled(cell, values) for cell in cells]


def _filled(cell: Cell, values: dict[str, str]) -> Cell:
    source = cell.source
    for name, text in values.items():
        source = source.replace(name, text)
    return replace(cell, source=source)


def stage_table(course: Course) -> str:
    """Markdown: each stage with a link, its time, and what it needs."""
    rows = [f"| {link(s)} | {fact(s, 'Time')} | {fact(s, 'You need')} |" for s in course.stages]
    return "\n".join(("| stage | time | you need |", "| --- | --- | --- |", *rows))


def fact(stage: Stage, name: str) -> str:
    """What a stage's first cell says after `- **name**:`, in one line."""
    found = re.search(FACT.format(name=name), stage.cells[0].source, re.MULTILINE | re.DOTALL)
    return " ".join(found.group(1).split()).rstrip(".") if found else ""
