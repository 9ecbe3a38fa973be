"""What a plain `pip install mugrade` leaves out, and how to get it."""

import importlib.util

from mugrade.errors import MissingExtra

GRADE = ("alembic", "nbformat", "nbgrader", "sqlalchemy")
IMPORTED = {  # extra -> what its commands import
    "author": ("nbformat", "nbgrader"),
    "grade": GRADE,
    "cluster": (*GRADE, "distributed"),
}


def require(command: str, extra: str) -> None:
    """Raise MissingExtra where something is missing that a command needs and an extra brings."""
    for name in IMPORTED[extra]:
        if not is_installed(name):
            raise MissingExtra(f"mugrade {command} needs {name}: {install(extra)}")


def is_installed(name: str) -> bool:
    """Whether a package can be imported; it is not loaded."""
    return importlib.util.find_spec(name) is not None


def install(extra: str) -> str:
    """How to install an extra; the quotes are those that every shell understands."""
    return f'pip install "mugrade[{extra}]"'
