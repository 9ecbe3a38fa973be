"""Tables in a terminal: without lines, and numbers to the right; text for spreadsheets."""

from collections.abc import Collection

from rich.console import JustifyMethod
from rich.table import Table

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def table(
    columns: Collection[str] = (), right: Collection[str] = (), whole: Collection[str] = ()
) -> Table:
    """An empty table; what stands in the columns `whole` is not broken."""
    found = Table(header_style="bold", box=None, pad_edge=False)
    for name in columns:
        justify: JustifyMethod = "right" if name in right else "left"
        found.add_column(name, justify=justify, no_wrap=name in whole)
    return found


def safe(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text
