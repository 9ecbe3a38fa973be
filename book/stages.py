"""A stage as a page: prose, what ran, and each exercise as a task with hints and a solution."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import nbformat

from book.tables import markdown_table
from mugrade.course.cells import Cell, Role, stub
from mugrade.course.listing import split_hints
from mugrade.course.model import Stage
from mugrade.course.written import handed_out, model_answer, question
from mugrade.package.blocks import cell_body
from mugrade.values.verdict import Diagnosis

STYLE = re.compile(r"<style>.*?</style>\s*", re.DOTALL)
OF_NOTEBOOKS = ("links-", "progress-")  # cells that only a notebook has a use for
MISTAKES = 5  # that are shown of an exercise
NOTHING: Mapping[str, str] = {}
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def stage_page(
    stage: Stage, executed: nbformat.NotebookNode, below: Mapping[str, str] = NOTHING
) -> str:
    """The notebook that myst-nb makes a page of; nothing in it is run again.

    `below` holds HTML that follows a cell, by the cell's id.
    """
    ran = {cell.id: cell for cell in executed.cells}
    cells: list[nbformat.NotebookNode] = []
    for cell in stage.cells:
        cells += _nodes(stage, cell, ran)
        if cell.id in below:
            cells.append(_fragment(cell, below[cell.id]))
    metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    page = nbformat.v4.new_notebook(cells=cells, metadata=metadata)
    nbformat.validate(page)
    return f"{nbformat.writes(page)}\n"


def _nodes(
    stage: Stage, cell: Cell, ran: Mapping[str, nbformat.NotebookNode]
) -> Iterator[nbformat.NotebookNode]:
    if cell.id.startswith(OF_NOTEBOOKS):
        return
    if cell.role == Role.PROSE:
        yield nbformat.v4.new_markdown_cell(cell.source, id=cell.id)
    elif cell.role == Role.SOLUTION:
        known = [m.diagnosis for m in stage.mistakes if m.of == cell.id]
        card = exercise_card(cell, _hints(stage, cell), known)
        yield nbformat.v4.new_markdown_cell(card, id=cell.id)
    elif cell.role == Role.ANSWER:
        yield nbformat.v4.new_markdown_cell(question_card(cell), id=cell.id)
    elif cell.role == Role.CHECK:
        yield nbformat.v4.new_markdown_cell(check_card(cell, ran[cell.id]), id=cell.id)
    elif cell.role in (Role.GIVEN, Role.DEMO):
        yield _code(cell, ran[cell.id])


def _fragment(cell: Cell, html: str) -> nbformat.NotebookNode:
    return nbformat.v4.new_markdown_cell(_raw(html), id=f"after-{cell.id}")


def _hints(stage: Stage, exercise: Cell) -> list[str]:
    return [text for c in stage.role(Role.HINTS) if c.of == exercise.id for text in split_hints(c)]


def exercise_card(cell: Cell, hints: Sequence[str], known: Sequence[Diagnosis]) -> str:
    """The stub, hints of which each lies in the one before, the solution, and known mistakes."""
    deepest = ":" * (3 + len(hints))
    return "\n".join(
        (
            f"{deepest}:{{admonition}} Your turn: {cell.id}",
            ":class: exercise",
            _python(f"#| export {cell.export}\n{stub(cell.source)}"),
            *_unfolding(hints),
            *_dropdown("The solution", _python(cell_body(cell.source)), ":::", "solution"),
            *_mistakes(known),
            f"{deepest}:",
        )
    )


def question_card(cell: Cell) -> str:
    """A question to be answered in words, and our answer; no mark scheme."""
    folded = _dropdown("Our answer", model_answer(cell), ":::", "answer")
    return "\n".join((question(handed_out(cell)), "", *folded))


def check_card(cell: Cell, ran: nbformat.NotebookNode) -> str:
    """What a check asks of everybody's answer, and what it said of the reference's."""
    title = f"{cell.id.replace('-', '_')}, {cell.points} points"
    panel = "\n".join(_panels(ran))
    return "\n".join(_dropdown(title, f"{panel}{_python(ran.source)}", ":::", "check", "check"))


def _panels(ran: nbformat.NotebookNode) -> Iterator[str]:
    for output in ran.outputs:
        if html := output.get("data", {}).get("text/html"):
            yield _raw(STYLE.sub("", html))


def _mistakes(known: Sequence[Diagnosis]) -> list[str]:
    """Some of them, as a failing check tells them."""
    told = {diagnosis.name: diagnosis for diagnosis in known}
    rows = [(d.name, d.why, d.advice) for d in [*told.values()][:MISTAKES]]
    table = markdown_table(("mistake", "why it is one", "try"), rows)
    return _dropdown("Mistakes that a check names", table, ":::", "mistakes") if rows else []


def _unfolding(hints: Sequence[str]) -> list[str]:
    """Dropdowns, the first on the outside."""
    lines: list[str] = []
    for number in range(len(hints), 0, -1):
        fence = ":" * (3 + len(hints) - number)
        body = "\n".join((hints[number - 1], "", *lines))
        lines = _dropdown(f"Hint {number} of {len(hints)}", body, fence, "hint")
    return lines


def _dropdown(title: str, body: str, fence: str, kind: str, icon: str = "") -> list[str]:
    options = [f":class-container: {kind}", *([f":icon: {icon}"] if icon else [])]
    return [f"{fence}{{dropdown}} {title}", *options, "", body, fence, ""]


def _raw(html: str) -> str:
    return f"```{{raw}} html\n{html}\n```\n"


def _python(source: str) -> str:
    return f"\n````python\n{source}\n````\n"


def _code(cell: Cell, ran: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """A cell as it ran, its code folded where one reads on without it."""
    node = nbformat.v4.new_code_cell(ran.source, id=cell.id)
    if not cell.export:
        node.outputs = [_output(output, node) for output in ran.outputs]
    if prompt := _prompt(cell):
        prompts = {"code_prompt_show": prompt, "code_prompt_hide": prompt}
        node.metadata.setdefault("mystnb", {}).update(prompts)
        node.metadata["tags"] = ["hide-input"]
    return node


def _prompt(cell: Cell) -> str:
    if cell.folded:
        return f"Given: {cell.export}" if cell.export else "The code of this plot"
    return ""


def _output(output: nbformat.NotebookNode, node: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """A picture with its text, a panel without its style sheet, which the page has once."""
    data: Any = output.get("data", {})
    alt = output.get("metadata", {}).get("image/png", {}).get("alt")
    if alt and "image" not in node.metadata.get("mystnb", {}):
        data.pop("text/html", None)
        node.metadata.setdefault("mystnb", {})["image"] = {"alt": alt}
    elif "text/html" in data:
        data["text/html"] = STYLE.sub("", data["text/html"])
    output.pop("execution_count", None)
    if output.output_type == "execute_result":
        output["execution_count"] = None
    return output
