"""The answers in a class's notebooks, with their fingerprints; nothing is executed."""

import re
import warnings
from collections.abc import Iterable, Iterator, Mapping

from mugrade.course.cells import Role, plain_python
from mugrade.course.exercises import StudentCode, find_code
from mugrade.course.listing import make_manifest
from mugrade.course.model import Course
from mugrade.errors import Unreadable
from mugrade.grader.similar.normal import normal_form
from mugrade.grader.similar.weigh import Work
from mugrade.grader.similar.winnow import K, grams, winnowed
from mugrade.package.blocks import Block, is_stub
from mugrade.package.ipynb import cells_in

MAX_CODE = 1 << 20  # characters of a notebook's code
MARK = re.compile(r"#(.*)|\b([A-Za-z_]\w{3,})\b")
CODE = (Role.GIVEN, Role.SOLUTION, Role.CHECK, Role.DEMO)


class AnswerReader:
    """Reads notebooks of a course, whose own comments and names are left out of what it finds."""

    def __init__(self, course: Course) -> None:
        self.manifest = make_manifest(course)
        self.symbols = {entry.id: entry.symbols for entry in self.manifest.blocks}
        self.said = marks_of("\n".join(_sources(course)))

    def works(self, student: str, stage: str, content: bytes) -> list[Work]:
        """The answers in a notebook, those that are written; raises Unreadable."""
        cells = cells_in(content)
        if (size := sum(len(c.source) for c in cells if c.kind == "code")) > MAX_CODE:
            raise Unreadable(f"it holds {size >> 10} kB of code, more than {MAX_CODE >> 10}")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)  # of the student's cells
            try:
                code = find_code(cells, self.manifest, stage)
                return [
                    self.work(student, stage, id, source)
                    for id, source in _with_helpers(code)
                    if not is_stub(source)
                ]
            except (MemoryError, RecursionError):
                raise Unreadable("its code is nested too deeply to read") from None

    def work(self, student: str, stage: str, id: str, source: str) -> Work:
        """An answer with all that is compared of it; raises Unreadable."""
        found = map(grams, normal_form(source, self.symbols[id]))
        prints = frozenset(h for hashes in found for h in hashes[winnowed(hashes)].tolist())
        return Work(student, (stage, id), source, prints, marks_of(source) - self.said)

    def lines(self, id: str, source: str, shared: Mapping[int, int]) -> dict[int, int]:
        """Line of an answer -> how many students have what stands there, where that is shared."""
        found: dict[int, int] = {}
        try:
            parts = normal_form(source, self.symbols[id])
        except Unreadable:  # how deep is too deep hangs on who asks
            return found
        for tokens in parts:
            for i, fingerprint in enumerate(grams(tokens).tolist()):
                if count := shared.get(fingerprint):
                    for line in {token.line for token in tokens[i : i + K]} - {0}:
                        found[line] = min(count, found.get(line, count))
        return found


def known_prints(course: Course) -> frozenset[int]:
    """The hashes of all that the course gives or its reference says, not only those kept."""
    return frozenset(h for of in _sources(course).items() for h in _all_grams(*of))


def _sources(course: Course) -> dict[str, Iterable[str]]:
    """The code of a course's cells, solved and as it is handed out -> the names it defines."""
    cells = [cell for stage in course.stages for cell in stage.role(*CODE)]
    return {s: c.block.symbols for c in cells for s in (c.block.source, c.unsolved)}


def _all_grams(source: str, given: Iterable[str]) -> list[int]:
    code = "\n".join(plain_python(source))
    try:
        return [h for tokens in normal_form(code, given) for h in grams(tokens).tolist()]
    except Unreadable:
        return []


def marks_of(source: str) -> frozenset[str]:
    """The comments of a source, and its names of four letters and more."""
    found = (comment.strip() or name for comment, name in MARK.findall(source))
    return frozenset(filter(None, found))


def _with_helpers(code: StudentCode) -> Iterator[tuple[str, str]]:
    """Each answer with those cells of the student's own that no answer before it uses."""
    waiting = [block for blocks in code.helpers.values() for block in blocks]
    for id, source in code.exercises.items():
        pieces = [source]
        for piece in pieces if waiting else ():
            reads = Block("", piece).reads
            pieces += [b.source for b in waiting if b.symbols & reads]
            waiting = [b for b in waiting if not b.symbols & reads]
        yield id, "\n\n\n".join(pieces)
