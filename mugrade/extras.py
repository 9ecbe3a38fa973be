"""What has to be installed beside a plain `pip install mugrade`, and how to get it."""

import importlib.metadata
import importlib.util
import sys
from collections.abc import Iterable

from mugrade.errors import MissingExtra

LIBRARIES = ("numpy", "matplotlib")  # of a course that names none
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


def lacking(asked: str, who: str) -> tuple[str, str] | None:
    """Why a requirement of `who` is not met by this Python, and what to do; None if it is met.

    Raises packaging's InvalidRequirement.
    """
    from packaging.requirements import Requirement

    wanted = Requirement(asked)
    if wanted.marker and not wanted.marker.evaluate():
        return None
    python = f'"{sys.executable}"' if " " in sys.executable else sys.executable
    todo = f'{python} -m pip install "{wanted.name}{wanted.specifier}"'
    try:
        version = importlib.metadata.version(wanted.name)
    except importlib.metadata.PackageNotFoundError:
        return f"{wanted.name} is not installed, {who} needs it", todo
    if wanted.specifier.contains(version, prereleases=True):
        return None
    return f"{wanted.name} {version} is installed, {who} needs {wanted.specifier}", todo


def demand_libraries(libraries: Iterable[str]) -> None:
    """Raise MissingExtra, with a sentence for each library of a course that this Python lacks."""
    found = filter(None, (lacking(text, "the course") for text in libraries))
    if lines := [f"{sys.prefix}: {what}; {todo}" for what, todo in found]:
        raise MissingExtra("\n".join(lines))


def versions(libraries: Iterable[str]) -> dict[str, str]:
    """The installed versions of a course's libraries; empty where one is not installed."""
    from packaging.requirements import Requirement

    found = {}
    for name in sorted(Requirement(text).name for text in libraries):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = ""
    return found
