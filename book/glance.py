"""The stages on one page: a card for each with a plot of its own, and a table."""

import base64
import struct
from collections.abc import Iterator, Mapping

import nbformat

from book.tables import markdown_table
from mugrade.author.start_page import fact
from mugrade.course.cells import Role
from mugrade.course.model import Course, Stage

HEAD = """\
# The stages

Each stage is a notebook: prose creates a need, an exercise meets it, a check follows at once, and a
plot shows what it bought. Here each is run with the reference.
"""


def richest_picture(ran: nbformat.NotebookNode) -> tuple[bytes, str]:
    """The plot of a notebook that takes most bytes, as PNG, and its text; empty if there is none.

    One that is more than twice as wide as high is taken only where all are.
    """
    outputs = [output for cell in ran.cells for output in cell.get("outputs", ())]
    found = [
        (base64.b64decode(output.data["image/png"]), output.metadata["image/png"].get("alt", ""))
        for output in outputs
        if "image/png" in output.get("data", {})
    ]
    return max(found, key=lambda plot: (not _is_wide(plot[0]), len(plot[0])), default=(b"", ""))


def _is_wide(png: bytes) -> bool:
    width, height = struct.unpack(">II", png[16:24])
    return bool(width > 2 * height)


def glance_page(course: Course, pictured: Mapping[str, str]) -> str:
    """The page; of the stages that have a picture beside it `pictured` holds its text."""
    cards = [line for s in course.stages for line in _card(s, pictured.get(s.name, ""))]
    grid = ("::::{grid} 1 2 2 2", ":gutter: 3", "", *cards, "::::", "")
    return "\n".join((HEAD, *grid, _table(course)))


def _card(stage: Stage, alt: str) -> Iterator[str]:
    yield f":::{{grid-item-card}} {stage.title}"
    yield f":link: {stage.name}"
    yield ":link-type: doc"
    yield ":class-card: stage"
    if alt:
        yield f":img-bottom: {stage.name}.png"
        yield f":img-alt: {alt}"
    yield f"\n{fact(stage, 'Time')}\n:::\n"


def _table(course: Course) -> str:
    rows = []
    for stage in course.stages:
        exercises, checks = (len([*stage.role(role)]) for role in (Role.SOLUTION, Role.CHECK))
        link = f"[{stage.title}]({stage.name}.ipynb)"
        facts = fact(stage, "It grows"), fact(stage, "You need")
        rows.append((link, f"{exercises}", f"{checks}", *facts))
    heads = ("stage", "exercises", "checks", "it grows", "you need")
    return markdown_table(heads, rows)
