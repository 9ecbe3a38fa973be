"""The libraries that a submission may import wherever it is graded, and which ones it asks for."""

import ast
import sys
from collections.abc import Iterator

from mugrade.blocks import Block

LIBRARIES = ("numpy", "matplotlib")


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
