"""Three made-up submissions to each stage, from the course itself, so that they never go stale."""

from collections.abc import Callable, Mapping

import nbformat

from mugrade.course.cells import FILLED_IN, Cell, Role
from mugrade.course.model import Course, Stage
from mugrade.course.written import PLACE, handed_out, model_answer

FOLDER = "sample"
Solve = Callable[[Stage, Cell], str | None]


def right(stage: Stage, exercise: Cell) -> str | None:
    """What the reference answers."""
    if exercise.role == Role.ANSWER:
        return handed_out(exercise).replace(PLACE, model_answer(exercise))
    return exercise.block.source


def wrong(stage: Stage, exercise: Cell) -> str | None:
    """The first mistake of which the course knows; none leaves the exercise open."""
    known = (mistake for mistake in stage.mistakes if mistake.of == exercise.id)
    return next((mistake.made_in(exercise.block.source) for mistake in known), None)


def empty(stage: Stage, exercise: Cell) -> str | None:
    """Nothing."""
    return None


STUDENTS: Mapping[str, Solve] = {"right": right, "wrong": wrong, "empty": empty}


def sample_class(
    course: Course, notebooks: Mapping[Stage, nbformat.NotebookNode]
) -> dict[str, nbformat.NotebookNode]:
    """Path -> notebook of each made-up student, for a course that has a folder for them."""
    if not (course.root / FOLDER).is_dir():
        return {}
    return {
        f"{FOLDER}/{student}/{stage.name}/{stage.name}.ipynb": _handed_in(stage, notebook, answer)
        for student, answer in STUDENTS.items()
        for stage, notebook in notebooks.items()
    }


def _handed_in(
    stage: Stage, notebook: nbformat.NotebookNode, answer: Solve
) -> nbformat.NotebookNode:
    exercises = {cell.id: cell for cell in stage.role(*FILLED_IN)}
    cells = []
    for node in notebook.cells:
        exercise = exercises.get(node.id)
        written = answer(stage, exercise) if exercise else None
        if exercise and written is not None:
            head = f"#| export {exercise.export}\n" if exercise.export else ""
            node = node | {"source": f"{head}{written}"}
        cells.append(node)
    return nbformat.from_dict(notebook | {"cells": cells})
