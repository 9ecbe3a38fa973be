"""What a student's folder may know of a course: its manifest."""

import ast
import re

from mugrade.course.cells import Cell, Role
from mugrade.course.manifest import CheckEntry, Manifest, manifest_blocks
from mugrade.course.model import Course
from mugrade.course.written import handed_out
from mugrade.values.answers import HIDDEN_MARK


def make_manifest(course: Course) -> Manifest:
    """What a student's folder may know of the course."""
    blocks = [(s.name, c.role, c.export, c.block) for s in course.stages for c in s.exports]
    hints = {cell.of: split_hints(cell) for s in course.stages for cell in s.role(Role.HINTS)}
    checks = [
        CheckEntry(
            cell.id,
            stage.name,
            cell.points,
            cell.of,
            _docstring(cell),
            HIDDEN_MARK in cell.source,
            bool(hints.get(cell.of)),
            cell.optional,
        )
        for stage in course.stages
        for cell in stage.role(Role.CHECK)
    ]
    written = [
        CheckEntry(
            cell.id, stage.name, cell.points, cell.id, handed_out(cell), False, False, cell.optional
        )
        for stage in course.stages
        for cell in stage.role(Role.ANSWER)
    ]
    titles = {stage.name: stage.title for stage in course.stages}
    settings = course.settings
    limits = {name: settings.limits_of(name) for name in titles}
    return Manifest(
        course.package,
        titles,
        manifest_blocks(blocks),
        checks,
        hints,
        settings.libraries,
        dict(settings.data),
        {name: said["check"] for name, said in limits.items() if "check" in said},
        written,
    )


def _docstring(cell: Cell) -> str:
    functions = [n for n in ast.parse(cell.source).body if isinstance(n, ast.FunctionDef)]
    return ast.get_docstring(functions[0]) or ""


def split_hints(cell: Cell) -> list[str]:
    """The items of a numbered list, in order."""
    items = re.split(r"^\d+\.\s+", cell.source.strip(), flags=re.MULTILINE)
    return [" ".join(item.split()) for item in items[1:]]
