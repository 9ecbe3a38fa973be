"""One word, one thing: what a name of mugrade's means does not hang on the file that it is in."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tests.conftest import ROOT

TWICE = {
    "check": "the command, and what a notebook puts above a check",
    "release": "the command, and a notebook as a student gets it",
    "upgrade": "what Alembic calls in each migration",
}


def public_names(path: Path) -> Iterator[str]:
    """The classes, functions and names of types that a file defines for others."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            yield node.name
        elif isinstance(node, ast.Assign):
            names = (target.id for target in node.targets if isinstance(target, ast.Name))
            yield from (name for name in names if name[:1].isupper() and not name.isupper())


def test_no_public_name_is_defined_in_two_files() -> None:
    homes: dict[str, list[str]] = defaultdict(list)
    for path in sorted((ROOT / "mugrade").rglob("*.py")):
        for name in {name for name in public_names(path) if not name.startswith("_")}:
            homes[name].append(path.relative_to(ROOT).as_posix())
    assert len(homes) > 500
    twice = {name: found for name, found in homes.items() if len(found) > 1}
    assert twice.keys() == TWICE.keys(), twice
