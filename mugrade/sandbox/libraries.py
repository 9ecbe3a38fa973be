"""The libraries that a submission may import wherever it is graded, and which ones it asks for.

A course names them as requirements, such as `scipy>=1.11`.
"""

import ast
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

from mugrade.errors import MissingExtra
from mugrade.extras import LIBRARIES, demand_libraries
from mugrade.package.blocks import Block

OWN = ("numpy",)  # what mugrade itself needs in a sandbox

Libraries = tuple[str, ...]


@cache
def library_paths(libraries: Libraries = LIBRARIES) -> list[Path]:
    """The folders and modules of the libraries, and of all that these require themselves.

    Raises MissingExtra for a library that is not installed.
    """
    distributions: dict[str, Distribution] = {}
    waiting = [Requirement(text) for text in (*OWN, *libraries)]
    while waiting:
        asked = waiting.pop()
        if _applies(asked) and (key := f"{asked.name} {sorted(asked.extras)}") not in distributions:
            distributions[key] = found = _installed(asked)
            waiting += _required(found, asked.extras)
    return sorted({path for found in distributions.values() for path in _top_level(found)})


def _installed(asked: Requirement) -> Distribution:
    try:
        return distribution(asked.name)
    except PackageNotFoundError:
        demand_libraries([asked.name])
        raise MissingExtra(f"{asked.name} is not installed") from None


def _applies(asked: Requirement, extra: str = "") -> bool:
    return asked.marker is None or asked.marker.evaluate({"extra": extra})


def _required(found: Distribution, extras: set[str]) -> Iterator[Requirement]:
    for requirement in map(Requirement, found.requires or ()):
        if any(_applies(requirement, extra) for extra in ("", *extras)):
            requirement.marker = None
            yield requirement


def _top_level(found: Distribution) -> Iterator[Path]:
    """What a distribution has put directly into site-packages, but for what describes it."""
    for name in {file.parts[0] for file in found.files or ()}:
        if not name.endswith((".dist-info", ".pth")) and name not in ("..", "__pycache__"):
            yield Path(str(found.locate_file(name)))


@cache
def importable(libraries: Libraries = LIBRARIES) -> frozenset[str]:
    """The modules that the libraries bring; of one that is not installed, its name for them."""
    names: set[str] = set()
    for name in (Requirement(text).name for text in libraries):
        paths: list[Path] = []
        with suppress(PackageNotFoundError):
            paths = [*_top_level(distribution(name))]
        names.update(path.name.partition(".")[0] for path in paths)
        names.add(re.sub(r"[-.]+", "_", name).lower())
    return frozenset(names)


def unknown_imports(source: str, package: str, libraries: Libraries = LIBRARIES) -> dict[str, int]:
    """The modules that code imports and the grader does not have, and the first line of each."""
    known = {*sys.stdlib_module_names, *importable(libraries), "mugrade", package}
    found: dict[str, int] = {}
    for node in _imports(source):
        relative = isinstance(node, ast.ImportFrom) and node.level
        modules = [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module]
        for top in {name.partition(".")[0] for name in modules if name and not relative} - known:
            found[top] = min(node.lineno, found.get(top, node.lineno))
    return dict(sorted(found.items()))


@cache
def to_load(source: str, libraries: Libraries) -> tuple[str, ...]:
    """The modules of the libraries that code imports, which can be loaded before it is run."""
    known = importable(libraries)
    return tuple(sorted({n for n in _names(source) if n.partition(".")[0] in known}))


def _names(source: str) -> Iterator[str]:
    """The modules that code imports, and what it takes from them, which may be modules too."""
    for node in _imports(source):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _imports(source: str) -> Iterator[ast.Import | ast.ImportFrom]:
    nodes = ast.walk(Block("", source).tree) if "import" in source else ()
    return (node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom))
