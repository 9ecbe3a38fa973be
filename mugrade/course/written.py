"""Written answers: what a script says of one, and what a student has made of it.

A script has question, model answer and mark scheme in one cell of text, the latter two between
`### BEGIN SOLUTION` and `### BEGIN MARK SCHEME` and their ends. nbgrader allows a mark scheme in
cells of another kind alone, so that its notebook has it in the solution's region; what students
get has neither.
"""

import re
from collections.abc import Container, Iterable, Sequence

from mugrade.course.cells import (
    BEGIN_RUBRIC,
    BEGIN_SOLUTION,
    END_RUBRIC,
    END_SOLUTION,
    Cell,
)
from mugrade.course.manifest import CheckEntry
from mugrade.package.ipynb import SubmittedCell

PLACE = "Write your answer here."
SOLUTION = re.compile(rf"^{BEGIN_SOLUTION}\n(.*?){END_SOLUTION}[ \t]*$", re.DOTALL | re.MULTILINE)
RUBRIC = re.compile(rf"^{BEGIN_RUBRIC}\n(.*?){END_RUBRIC}[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)


def handed_out(cell: Cell) -> str:
    """An answer's cell as a student gets it: the question, and a place to write."""
    return SOLUTION.sub(PLACE, _without_rubric(cell))


def model_answer(cell: Cell) -> str:
    """What the author answers."""
    return "\n\n".join(text.strip() for text in SOLUTION.findall(cell.source))


def rubric(cell: Cell) -> str:
    """What a good answer gets points for; nothing where the author does not say."""
    return "\n\n".join(text.strip() for text in RUBRIC.findall(cell.source))


def for_teachers(cell: Cell) -> str:
    """An answer's cell as nbgrader takes it, the mark scheme below the model answer."""
    scheme = f"\n**Mark scheme**\n\n{rubric(cell)}\n" if rubric(cell) else ""
    return _without_rubric(cell).replace(END_SOLUTION, f"{scheme}{END_SOLUTION}")


def _without_rubric(cell: Cell) -> str:
    return RUBRIC.sub("", cell.source).strip()


def question(handed_out: str) -> str:
    """What of an answer's cell, as it was handed out, is not the place to write."""
    return "\n\n".join(filter(None, _around(handed_out)))


def own_words(text: str, handed_out: str) -> str:
    """What a student wrote into an answer's cell, without what was handed out around it."""
    head, tail = _around(handed_out)
    text = text.strip().removeprefix(head).strip().removesuffix(tail).strip()
    return text.removeprefix(PLACE).removesuffix(PLACE).strip()


def find_written(cells: Iterable[SubmittedCell], entries: Sequence[CheckEntry]) -> dict[str, str]:
    """Answer -> what a student wrote, nothing if that is nowhere.

    Found by a cell's id or nbgrader's, whatever kind of cell it is by now; if nothing is written
    there, by the question that a text begins with. Several cells, copies or pieces, are one answer.
    """
    cells = list(cells)
    ids = {entry.id for entry in entries}
    others = [cell for cell in cells if not {cell.id, cell.grade_id} & ids and cell.kind != "code"]
    return {
        entry.id: _joined(entry, (cell for cell in cells if _is_of(cell, entry, ids)))
        or _joined(entry, (cell for cell in others if _begins_with(cell, entry)))
        for entry in entries
    }


def _is_of(cell: SubmittedCell, entry: CheckEntry, ids: Container[str]) -> bool:
    """Whether a cell has the id of an answer; nbgrader's counts if its own is of no other."""
    return cell.id == entry.id or (cell.grade_id == entry.id and cell.id not in ids)


def _begins_with(cell: SubmittedCell, entry: CheckEntry) -> bool:
    head, _ = _around(entry.why)
    return bool(head) and cell.source.strip().startswith(head)


def _joined(entry: CheckEntry, cells: Iterable[SubmittedCell]) -> str:
    texts = dict.fromkeys(own_words(cell.source, entry.why) for cell in cells)
    return "\n\n".join(filter(None, texts))


def _around(handed_out: str) -> tuple[str, str]:
    head, _, tail = handed_out.partition(PLACE)
    return head.strip(), tail.strip()
