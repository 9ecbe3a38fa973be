"""A stage as a notebook: with the solutions, and as it is released."""

import json
from collections.abc import Sequence

import nbformat

from mugrade.course.cells import Cell, Role
from mugrade.course.model import Stage


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
    source = f"#| export {cell.export}\n{cell.source}" if cell.export else cell.source
    node = nbformat.v4.new_code_cell(source, id=cell.id)
    if cell.folded:
        node.metadata["jupyter"] = {"source_hidden": True}
    if cell.role != Role.DEMO:
        node.metadata["nbgrader"] = {
            "grade": cell.role == Role.CHECK,
            "solution": cell.role == Role.SOLUTION,
            "locked": cell.role != Role.SOLUTION,
            "task": False,
            "grade_id": cell.id,
            "schema_version": 3,
            **({"points": cell.points} if cell.role == Role.CHECK else {}),
            "cell_type": "code",
        }
    return node


def release(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The student's version, made by nbgrader's own preprocessors."""
    from nbgrader import preprocessors

    steps = (
        preprocessors.LockCells(),
        preprocessors.ClearSolutions(),
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
