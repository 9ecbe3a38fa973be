"""What runs in a student's notebook."""

from enum import StrEnum


class Side(StrEnum):
    """One of the two places that hold a student's answer."""

    NOTEBOOK = "notebook"
    PACKAGE = "package"

    @property
    def other(self) -> "Side":
        return Side.PACKAGE if self == Side.NOTEBOOK else Side.NOTEBOOK
