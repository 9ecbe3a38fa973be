"""Tables in Markdown."""

from collections.abc import Sequence


def markdown_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of cells, each in one line."""
    lines = (heads, ["---"] * len(heads), *([_cell(text) for text in row] for row in rows))
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
