"""What a teacher looks at: a page with answers side by side, and a table for the terminal."""

from pathlib import Path

from jinja2 import Environment, PackageLoader
from rich.table import Table
from rich.text import Text

from mugrade import files
from mugrade.grader.similar.look import Look
from mugrade.grader.similar.weigh import LEAST
from mugrade.grader.similar.winnow import K
from mugrade.view.report import printable
from mugrade.view.tables import table

PAGE = "similar.html"
MOST_PAIRS = 50  # on the page
NO_ACCUSATION = (
    "This page shows passages that the answers of two students share and few others have. It is "
    "not an accusation: read both answers, and talk to both students."
)


def write_page(path: Path, look: Look, course: str) -> None:
    """One self-contained page with all that is said of the pairs; everything is escaped."""
    loader = PackageLoader("mugrade.grader", "templates")
    template = Environment(
        loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True
    ).get_template(PAGE)
    pairs = look.comparison.pairs
    text = template.render(
        lead=NO_ACCUSATION,
        course=course,
        comparison=look.comparison,
        pairs=[(like, list(look.side_by_side(like))) for like in pairs[:MOST_PAIRS]],
        more=len(pairs[MOST_PAIRS:]),
        left_out=look.left_out,
        shown=printable,
        words=K,
        least=LEAST,
        held_by=held_by,
    )
    files.write(path, text.encode("utf-8", "replace"))


def held_by(holders: int) -> str:
    """How many have a passage, in words."""
    others = holders - 2
    return f"these two and {others} other{'s' * (others > 1)}" if others else "only these two"


def pairs_table(look: Look) -> Table:
    """A row per pair: what it weighs, how much is shared, and where most of it."""
    found = table()
    for name in ("one", "other"):
        found.add_column(name, max_width=40, overflow="fold")
    for name in ("weight", "pieces"):
        found.add_column(name, justify="right", no_wrap=True)
    found.add_column("most of it in", overflow="fold")
    for like in look.comparison.pairs:
        where = ", ".join(f"{id} ({stage[:2]})" for stage, id in like.exercises[:3])
        more = f" and {len(like.exercises) - 3} more" if len(like.exercises) > 3 else ""
        found.add_row(
            *(Text(printable(student)) for student in like.pair),
            f"{like.weight:.0f}",
            str(like.count),
            Text(where + more),
        )
    return found
