"""The libraries that a submission may import wherever it is graded, and which ones it asks for."""

import ast
import sys
from collections.abc import Iterable, Iterator

from mugrade.blocks import Block

LIBRARIES = ("numpy", "matplotlib")


def unknown_imports(sources: Iterable[str], package: str) -> list[str]:
    """The modules that code imports and the grader does not have, by name."""
    known = {*sys.stdlib_module_names, *LIBRARIES, "mpl_toolkits", "mugrade", package}
    found = {name for source in sources for name in _imported(Block("", source).tree)}
    return sorted(found - known)


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]
