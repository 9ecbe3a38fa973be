"""The notebook that nbgrader's formgrader and feedback show: what was handed in, and messages.

A submission's notebook is rebuilt from plain text: of its metadata nothing is kept, of its outputs
only text and images. Prose that is not the course's own becomes a comment: nbgrader's pages would
run HTML in it. For the same reason a written answer is shown letter by letter, below what gives
points, which is for teachers alone. nbgrader's metadata is that of the instructor's notebook.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mugrade.course.nbgrader import BEGIN_TEACHERS, END_TEACHERS
from mugrade.course.written import question
from mugrade.errors import Unreadable
from mugrade.grader.policy import Standing
from mugrade.grader.results import Grade, Status
from mugrade.package.ipynb import joined, raw_cells_in
from mugrade.values import Category
from mugrade.view.report import printable

MAX_TEXT = 50_000
MAX_IMAGE = 4 << 20
Node = Mapping[str, Any]  # of a notebook, as nbformat has it
BACKTICKS = re.compile("`+")
BASE64 = re.compile(r"[A-Za-z0-9+/=\s]*")


def autograded_notebook(
    released: Mapping[str, Any],
    standing: Standing,
    content: bytes | None,
    rubrics: Mapping[str, str] | None = None,
    mark: str = "",
) -> Node:
    """The notebook to show for a result; where none can be read there are only the checks.

    `released` is the stage as students get it, `rubrics` what points of its answers are for.
    """
    try:
        raw = raw_cells_in(content) if content else []
    except Unreadable:
        raw = []
    given = {cell["id"]: cell for cell in released["cells"]}
    grades = (grade for grade in standing.result.grades if grade.check.id in given)
    shown = {g.check.id: _graded(g, given[g.check.id], standing, rubrics or {}) for g in grades}
    cells = list(_cells(raw, given, shown))
    there = {cell["id"] for cell in cells}
    cells += [cell for id in given if id not in there for cell in shown.get(id, ())]
    metadata = {**released["metadata"], "mugrade": mark or standing.mark}
    return {"nbformat": 4, "nbformat_minor": 5, "cells": cells, "metadata": metadata}


def write_notebook(notebook: Node, path: Path) -> None:
    """Write a notebook in ASCII, in which any text can be written, also what no encoding takes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(notebook, sort_keys=True) + "\n", encoding="ascii")


def _cells(
    raw: list[Any], given: Mapping[str, Node], graded: Mapping[str, Sequence[Node]]
) -> Iterator[Node]:
    """The cells handed in; the first with a course's id is taken for that cell.

    `graded` are what is shown for checks and answers.
    """
    seen: set[str] = set()
    for i, data in enumerate(raw):
        if not isinstance(data, dict):
            continue
        id, source = data.get("id"), _plain(joined(data.get("source")))
        cell = given.get(id) if isinstance(id, str) and id not in seen else None
        if cell is not None and cell["cell_type"] == data.get("cell_type"):
            seen.add(cell["id"])
        else:
            cell = None
        if cell is not None and cell["id"] in graded:
            yield from graded[cell["id"]]
        elif data.get("cell_type") != "code":
            yield cell if cell and cell["source"] == source else _comment(source, i)
        else:
            outputs = data.get("outputs")
            shown = [_output(o) for o in outputs] if isinstance(outputs, list) else []
            id = cell["id"] if cell else f"handed-in-{i}"
            metadata = cell["metadata"] if cell else {}
            yield _code(id, source, metadata, [output for output in shown if output])


def _code(id: str, source: str, metadata: Node, outputs: Sequence[Node] = ()) -> Node:
    return {
        "id": id,
        "cell_type": "code",
        "metadata": metadata,
        "execution_count": None,
        "source": source,
        "outputs": list(outputs),
    }


def _comment(text: str, position: int) -> Node:
    """A student's prose as a comment, which is shown as it is written."""
    lines = (f"# {line}" for line in text.splitlines())
    return _code(f"handed-in-{position}", "\n".join(lines), {})


def _checked(cell: Node, message: str) -> Node:
    """A check as students see it, with its message for an output."""
    return _code(cell["id"], cell["source"], cell["metadata"], [_stream("stdout", f"{message}\n")])


def _graded(
    grade: Grade, cell: Node, standing: Standing, rubrics: Mapping[str, str]
) -> Sequence[Node]:
    """What is shown for a check, or for a written answer."""
    result, id = standing.result, grade.check.id
    cell = _worth_0(cell) if grade.check.optional else cell
    if grade.check.is_written:
        text = grade.message if grade.verdict.category == Category.WRITTEN else ""
        return list(_answered(cell, text, rubrics.get(id, "")))
    graded = result.status == Status.GRADED
    message = grade.message if graded else printable(result.what_went_wrong)
    return [_checked(cell, "\n".join(filter(None, [message, standing.scores[id].look])))]


def _worth_0(cell: Node) -> Node:
    """A bonus as the gradebook has it: the formgrader takes both for one."""
    nbgrader = {**cell["metadata"]["nbgrader"], "points": 0}
    return {**cell, "metadata": {**cell["metadata"], "nbgrader": nbgrader}}


def _answered(cell: Node, text: str, rubric: str) -> Iterator[Node]:
    """A written answer as text that nothing in it can end, below what its points are for."""
    if rubric:
        scheme = f"{BEGIN_TEACHERS}\n\n{rubric}\n\n{END_TEACHERS}"
        yield _text(f"{cell['id'][:56]}-rubric", scheme, {})
    fence = "`" * max([3, *(1 + len(run) for run in BACKTICKS.findall(text))])
    asked = question(cell["source"])
    shown = f"{asked}\n\n{fence}\n{text}\n{fence}" if text else cell["source"]
    yield _text(cell["id"], shown, cell["metadata"])


def _text(id: str, source: str, metadata: Node) -> Node:
    return {"id": id, "cell_type": "markdown", "metadata": metadata, "source": source}


def _output(data: Any) -> Node | None:
    """The text or the image of an output; nothing that a browser would run."""
    if not isinstance(data, dict):
        return None
    if data.get("output_type") == "error":
        text = f"{joined(data.get('ename'))}: {joined(data.get('evalue'))}"
        return _stream("stderr", _plain(text))
    mime = data.get("data")
    if not isinstance(mime, dict):
        return _stream("stdout", _plain(joined(data.get("text"))))
    image = joined(mime.get("image/png"))
    if image and len(image) <= MAX_IMAGE and BASE64.fullmatch(image):
        return _display({"image/png": image})
    return _display({"text/plain": _plain(joined(mime.get("text/plain")))})


def _stream(name: str, text: str) -> Node:
    return {"output_type": "stream", "name": name, "text": text}


def _display(data: Mapping[str, str]) -> Node:
    return {"output_type": "display_data", "data": data, "metadata": {}}


def _plain(text: str) -> str:
    """Text of a sane length, without terminal escapes, which nbconvert turns into markup."""
    more = len(text) - MAX_TEXT
    kept = text if more <= 0 else f"{text[:MAX_TEXT]}\n... ({more} more characters)"
    if "".join(kept.split()).isprintable():
        return kept
    return "".join(c if c.isprintable() or c.isspace() else "\ufffd" for c in kept)
