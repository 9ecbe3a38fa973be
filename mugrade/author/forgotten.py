"""What an author may have forgotten, in the order in which the scripts say it."""

import ast
from collections import Counter
from collections.abc import Container, Iterator, Sequence

from mugrade.course.cells import BEGIN_RUBRIC, TEXT, Cell, Role, plain_python
from mugrade.course.model import Course, Stage
from mugrade.course.written import rubric
from mugrade.package.blocks import Block
from mugrade.sandbox.loader import module_name


def forgotten(course: Course) -> Iterator[str]:
    """One line `file: what is missing` for what need not be wrong, and mostly is."""
    said = course.settings.points_of
    totals = Counter(stage.points for stage in course.stages if said(stage.name) is None)
    (usual, count), *_ = totals.most_common(1) or [(0, 0)]
    imported = {name for s in course.stages for cell in s.cells for name in _imports(cell)}
    asked = [(Role.CHECK, "no check judges it")]
    if any(cell for stage in course.stages for cell in stage.role(Role.HINTS)):
        asked.append((Role.HINTS, "it has no hints"))
    for stage in course.stages:
        guessed = said(stage.name) is None and 2 * count > totals.total()
        if guessed and stage.points != usual:
            yield f"{stage.path.name}: {stage.points} points in all, where most stages have {usual}"
        yield from _unserved(stage, asked)
        yield from _without_scheme(stage)
        yield from _imported_nowhere(stage, imported)


def _unserved(stage: Stage, asked: Sequence[tuple[Role, str]]) -> Iterator[str]:
    for role, missing in asked:
        served = {cell.of for cell in stage.role(role)}
        for cell in stage.role(Role.SOLUTION):
            if cell.id not in served:
                yield f"{stage.path.name}:{cell.line}: exercise {cell.id}: {missing}"


def _without_scheme(stage: Stage) -> Iterator[str]:
    for cell in stage.role(Role.ANSWER):
        if cell.points and not rubric(cell):
            text = f"answer {cell.id}: nothing says what its points are for: write {BEGIN_RUBRIC}"
            yield f"{stage.path.name}:{cell.line}: {text}"


def _imported_nowhere(stage: Stage, imported: Container[str]) -> Iterator[str]:
    """Modules that neither an index nor any other cell of the course imports."""
    for path in dict.fromkeys(cell.export for cell in stage.exports):
        name = module_name(path)
        if not path.endswith("/__init__.py") and name not in imported:
            yield f"{stage.path.name}: {path}: no index and no other cell imports {name}"


def _imports(cell: Cell) -> Iterator[str]:
    """The modules, and what may be modules, that a cell imports anywhere."""
    code = "" if cell.role in TEXT else "\n".join(plain_python(cell.source))
    for node in ast.walk(Block(cell.id, code).tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
