"""The libraries that a submission may import wherever it is graded, and which ones it asks for."""

import ast
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement

from mugrade.package.blocks import Block

LIBRARIES = ("numpy", "matplotlib")


def library_paths() -> list[Path]:
    """The folders and modules of the libraries, and of all that these require themselves."""
    distributions: dict[str, Distribution] = {}
    waiting = [*LIBRARIES]
    while waiting:
        if (name := waiting.pop()) not in distributions:
            distributions[name] = found = distribution(name)
            waiting += _required(found)
    return sorted({path for found in distributions.values() for path in _top_level(found)})


def _required(found: Distribution) -> Iterator[str]:
    for requirement in map(Requirement, found.requires or ()):
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield requirement.name


def _top_level(found: Distribution) -> Iterator[Path]:
    """What a distribution has put directly into site-packages, but for what describes it."""
    for name in {file.parts[0] for file in found.files or ()}:
        if not name.endswith((".dist-info", ".pth")) and name not in ("..", "__pycache__"):
            yield Path(str(found.locate_file(name)))


def unknown_imports(source: str, package: str) -> list[str]:
    """The modules that code imports and the grader does not have, by name."""
    known = {*sys.stdlib_module_names, *LIBRARIES, "mpl_toolkits", "mugrade", package}
    return sorted({*_imported(Block("", source).tree)} - known)


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]
