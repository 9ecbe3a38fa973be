"""A stage as a notebook: with the solutions, and as it is released."""

import json
import sys
from collections.abc import Sequence
from typing import Any

# jsonschema would make 38 grammars with it, for a second, of what no notebook holds.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]

import nbformat  # noqa: E402

from mugrade.course.cells import FILLED_IN, Cell, Role  # noqa: E402
from mugrade.course.model import Stage  # noqa: E402
from mugrade.course.written import PLACE, for_teachers, handed_out  # noqa: E402


def source_notebook(stage: Stage) -> nbformat.NotebookNode:
    """The instructor's notebook: solutions, hidden tests and nbgrader's metadata (schema 3)."""
    return notebook([c for c in stage.cells if c.role not in (Role.HINTS, Role.INDEX)])


def notebook(cells: Sequence[Cell]) -> nbformat.NotebookNode:
    """A notebook of some cells, with nbgrader's metadata."""
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    nodes = [_notebook_cell(cell) for cell in cells]
    made = nbformat.v4.new_notebook(cells=nodes, metadata=metadata)
    nbformat.validate(made)
    return made


def _notebook_cell(cell: Cell) -> nbformat.NotebookNode:
    if cell.role == Role.PROSE:
        return nbformat.v4.new_markdown_cell(cell.source, id=cell.id)
    if cell.role == Role.ANSWER:
        text = for_teachers(cell) if cell.points else handed_out(cell)
        node = nbformat.v4.new_markdown_cell(text, id=cell.id)
    else:
        source = f"#| export {cell.export}\n{cell.source}" if cell.export else cell.source
        node = nbformat.v4.new_code_cell(source, id=cell.id)
    if cell.folded:
        node.metadata["jupyter"] = {"source_hidden": True}
    if cell.role != Role.DEMO and (cell.role != Role.ANSWER or cell.points):
        node.metadata["nbgrader"] = _metadata(cell, node.cell_type)
    return node


def _metadata(cell: Cell, cell_type: str) -> dict[str, Any]:
    """What nbgrader has to know of a cell.

    Text that is filled in has to be graded, and by hand: so an answer without points is prose.
    nbgrader alone cannot grade above a maximum: there, a bonus is a part of it.
    """
    graded = cell.role in (Role.CHECK, Role.ANSWER)
    return {
        "grade": graded,
        "solution": cell.role in FILLED_IN,
        "locked": cell.role not in FILLED_IN,
        "task": False,
        "grade_id": cell.id,
        "schema_version": 3,
        **({"points": cell.points} if graded else {}),
        "cell_type": cell_type,
    }


def release(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The student's version, made by nbgrader's own preprocessors."""
    from nbgrader import preprocessors

    steps = (
        preprocessors.LockCells(),
        preprocessors.ClearSolutions(text_stub=PLACE),
        preprocessors.ClearOutput(),
        preprocessors.CheckCellMetadata(),
        preprocessors.ClearHiddenTests(),
        preprocessors.ComputeChecksums(),
    )
    notebook = nbformat.from_dict(json.loads(json.dumps(notebook)))
    for step in steps:
        notebook, _ = step.preprocess(notebook, {})
    nbformat.validate(notebook)
    return notebook
