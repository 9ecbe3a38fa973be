"""An example of a mistake: what somebody wrote, without what would tell who it was."""

import ast
from collections.abc import Mapping, Sequence
from functools import cache

from mugrade.course.exercises import NOT_PYTHON, find_code
from mugrade.course.listing import make_manifest
from mugrade.course.model import Course
from mugrade.errors import Unreadable
from mugrade.grader.glance.screen import Screen, vocabulary
from mugrade.grader.policy import Standing
from mugrade.grader.store import Store
from mugrade.grader.submissions import Key
from mugrade.package.ipynb import cells_in

TRIED, LONGEST = 6, 60  # notebooks for an example, and its lines
WITH_DOCSTRING = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


class Examples:
    """Finds examples in the notebooks of those whose results count."""

    def __init__(
        self, store: Store, course: Course, standings: Sequence[Standing], screen: Screen
    ) -> None:
        self.store, self.course, self.screen = store, course, screen
        self.standings: Mapping[Key, Standing] = {s.key: s for s in standings}
        self.manifest = make_manifest(course)
        self._words = cache(self._words_of)
        self._written = cache(self._written_by)

    def of(self, stage: str, exercise: str, students: Sequence[str]) -> str:
        """The code of one of the students for an exercise, or nothing if there is none to show.

        Not in the order of names, so that it does not tell the first of them.
        """
        attempts = {student: self.standings[student, stage].attempt for student in students}
        kept = [who for who in students if attempts[who].notebook]
        for student in sorted(kept, key=lambda who: attempts[who].notebook or "")[:TRIED]:
            code = self._written(student, stage).get(exercise, "")
            if code and not self.screen.tells(code, self._words(stage)):
                return code
        return ""

    def _words_of(self, stage: str) -> set[str]:
        cells = (cell for s in self.course.stages if s.name == stage for cell in s.cells)
        return vocabulary(cell.source for cell in cells)

    def _written_by(self, student: str, stage: str) -> dict[str, str]:
        """Exercise -> what the student wrote for it, bare."""
        content = self.store.notebook(self.standings[student, stage].attempt)
        try:
            code = find_code(cells_in(content or b""), self.manifest, stage)
        except Unreadable:
            return {}
        return {exercise: bare(source) for exercise, source in code.exercises.items()}


def bare(source: str) -> str:
    """Code without comments and docstrings, in one layout; nothing if it is no Python."""
    try:
        tree = ast.parse(source)
        for node in ast.walk(tree):
            if isinstance(node, WITH_DOCSTRING) and ast.get_docstring(node) is not None:
                node.body = node.body[1:] or [ast.Pass()]
        lines = ast.unparse(tree).splitlines()
    except NOT_PYTHON:
        return ""
    return "\n".join([*lines[:LONGEST], *["..."][: len(lines) > LONGEST]])
