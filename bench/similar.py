"""`python -m bench.similar`: which planted copies `mugrade similar` finds, and whom it wrongs.

A class is made of the answers of tests/answers, which several people have written, right and wrong
ones: of a long exercise each is handed in once, of a short one, whose answers are right ones, by
several. Then somebody's answers to some stages are handed in by another, disguised, and honest
twins get the same answers to all short exercises of two stages. Precision is the share of listed
pairs that are copies, recall the share of copies that are listed. Half of the long answers are the
reference with a mistake, of which next to nothing can be seen.

At last a large class is read from a database, for seconds and memory.
"""

import ast
import json
import random
import resource
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from bench.disguise import DISGUISES, everything, renamed
from mugrade.course.cells import solution_lines
from mugrade.course.model import Course
from mugrade.course.reading import load_course
from mugrade.course.settings import Settings
from mugrade.grader.attempts import Basis
from mugrade.grader.results import PackedNotebook, Result, Status
from mugrade.grader.similar.look import look
from mugrade.grader.similar.reading import AnswerReader, known_prints
from mugrade.grader.similar.weigh import Comparison, Exercise, TwoStudents, Work, weigh_pairs
from mugrade.grader.store import Store
from mugrade.grader.submissions import Submission
from mugrade.package.blocks import cell_body
from mugrade.view.tables import table
from sample_class.students import rewrite, solved
from tests.answers.unseen import unseen

ROOT = Path(__file__).parent.parent
STUDENTS = 20  # there are hardly more different answers to most exercises
SHORT = 3  # lines of the reference's solution
SCOPES = (1, 2, 5)  # stages that a copy takes

Answers = dict[Exercise, str]
Class = dict[str, Answers]


def pools(course: Course) -> dict[Exercise, list[str]]:
    """Answers of several people to each exercise; right ones only where it is short."""
    found: dict[Exercise, list[str]] = {}
    for stage in course.stages:
        tables: Any = import_module(f"tests.answers.stage_{stage.name[:2]}")
        for cell in stage.role("solution"):
            of = [u for u in unseen(stage.name) if u.exercise == cell.id]
            sources = [*tables.RIGHT[cell.id].values(), *(u.source for u in of if u.right)]
            if len(solution_lines(cell.source)) > SHORT:
                sources += [u.source for u in of if not u.right]
                sources += [_edited(cell.source, e) for e in tables.WRONG[cell.id].values()]
            bodies = dict.fromkeys(cell_body(s).strip() for s in sources)
            found[stage.name, cell.id] = _thinned(filter(_is_python, bodies), cell.block.source)
    return found


def _edited(source: str, edits: str | Sequence[tuple[str, str]]) -> str:
    if isinstance(edits, str):
        return edits
    for old, new in edits:
        source = source.replace(old, new)
    return source


def _is_python(source: str) -> bool:
    try:
        ast.parse(source)
    except SyntaxError:
        return False
    return True


def _thinned(sources: Iterable[str], reference: str) -> list[str]:
    """Those of which no two have half of their lines in common; what the reference says aside."""
    kept: list[tuple[set[str], str]] = []
    for source in sources:
        lines = _lines(source) - _lines(reference)
        if all(2 * len(lines & other) < max(1, min(len(lines), len(other))) for other, _ in kept):
            kept.append((lines, source))
    return [source for _, source in kept]


def _lines(source: str) -> set[str]:
    return {"".join(line.split()) for line in source.splitlines()}


def honest(pool: dict[Exercise, list[str]], students: int, rng: random.Random) -> Class:
    """A class in which nobody has copied."""
    found: Class = {f"student{i:03}": {} for i in range(students)}
    for exercise, answers in pool.items():
        left: list[str] = []
        for own in found.values():
            left = left or rng.sample(answers, len(answers))
            own[exercise] = left.pop()
    return found


class Planted:
    """A class with copies, pair -> stages and disguise, and with honest twins."""

    def __init__(self, course: Course, pool: dict[Exercise, list[str]], seed: int) -> None:
        rng = random.Random(seed)
        self.answers = honest(pool, STUDENTS, rng)
        self.copies: dict[TwoStudents, tuple[int, str]] = {}
        self.stages: dict[TwoStudents, list[str]] = {}
        pairs = iter(list(zip(*[iter(self.answers)] * 2, strict=True)))
        names = list(DISGUISES)
        for i, count in enumerate(SCOPES * 2):
            pair, name = next(pairs), names[(len(SCOPES) * 2 * seed + i + seed) % len(names)]
            stages = rng.sample([stage.name for stage in course.stages], count)
            self._hand_on(pair, [e for e in pool if e[0] in stages], name, rng)
            self.copies[pair], self.stages[pair] = (count, name), stages
        short = {e for e in pool if _is_short(course, e)}
        self.twins = [next(pairs), next(pairs)]
        for pair in self.twins:
            stages = rng.sample(sorted({e[0] for e in short}), 2)
            self._hand_on(pair, [e for e in short if e[0] in stages], "verbatim", rng)

    def _hand_on(
        self, pair: TwoStudents, exercises: Iterable[Exercise], name: str, rng: random.Random
    ) -> None:
        one, other = pair
        for e in exercises:
            self.answers[other][e] = DISGUISES[name](self.answers[one][e], rng)


def _is_short(course: Course, exercise: Exercise) -> bool:
    cells = course.find(exercise[0]).role("solution")
    return any(c.id == exercise[1] and len(solution_lines(c.source)) <= SHORT for c in cells)


def measure(course: Course, classes: int, console: Console) -> None:
    """Print precision and recall over so many classes."""
    reader, pool, known = AnswerReader(course), pools(course), known_prints(course)

    @cache
    def work(exercise: Exercise, source: str) -> Work:
        return reader.work("", *exercise, source)

    def compared(answers: Class, stage: str = "") -> Comparison:
        works = [
            replace(work(exercise, source), student=student)
            for student, own in answers.items()
            for exercise, source in own.items()
            if exercise[0] == stage or not stage
        ]
        return weigh_pairs(works, known)

    listed, planted = Counter[tuple[int, str]](), Counter[tuple[int, str]]()
    wrong = twins = alone = alone_wrong = alone_planted = 0
    for seed in range(classes):
        found = Planted(course, pool, seed)
        pairs = {like.pair for like in compared(found.answers).pairs}
        planted.update(found.copies.values())
        listed.update(found.copies[pair] for pair in pairs & found.copies.keys())
        wrong += len(pairs - found.copies.keys())
        twins += len(pairs & set(found.twins))
        for pair, (stage, *others) in found.stages.items():
            if not others:
                within = {like.pair for like in compared(found.answers, stage).pairs}
                copied = {p for p, stages in found.stages.items() if stage in stages}
                alone, alone_planted = alone + (pair in within), alone_planted + 1
                alone_wrong += len(within - copied)
    console.print(_recalls(listed, planted))
    right = listed.total()
    console.print(
        f"{classes} classes of {STUDENTS}: precision {right / max(1, right + wrong):.2f} "
        f"({wrong} honest pairs listed, {twins} of {2 * classes} pairs of twins), "
        f"recall {right / planted.total():.2f}\n"
        f"one stage, looked at alone: recall {alone / alone_planted:.2f}, "
        f"{alone_wrong} honest pairs listed in {alone_planted} looks"
    )


def _recalls(listed: Counter[tuple[int, str]], planted: Counter[tuple[int, str]]) -> Any:
    found = table(("disguise", *(f"{count} stages" for count in SCOPES)))
    for name in DISGUISES:
        cells = [f"{listed[count, name]} of {planted[count, name]}" for count in SCOPES]
        found.add_row(name, *cells)
    return found


def submissions(course: Course, students: int) -> Iterator[tuple[Result, Basis]]:
    """A class of any size, no two of whose answers are the same text; two are copied."""
    rng = random.Random(0)
    answers = honest(pools(course), students, rng)
    one, other = list(answers)[:2]
    answers[other] = {e: everything(source, rng) for e, source in answers[one].items()}
    for stage in course.stages:
        blank = json.dumps(solved(course, stage))
        for student, own in answers.items():
            notebook = json.loads(blank)
            for exercise, source in own.items():
                if exercise[0] == stage.name:
                    rewrite(notebook, exercise[1], renamed(source, rng))
            packed = PackedNotebook.of(json.dumps(notebook).encode())
            submission = Submission(student, stage.name, None)
            yield Result(submission, Status.GRADED, notebook=packed), Basis("")


def weigh_large(course: Course, students: int, console: Console) -> None:
    """Print what a large class costs."""
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(Store.create(Path(folder) / "results.db")) as store,
    ):
        store.add_all(list(submissions(course, students)))
        began, used = time.perf_counter(), _used()
        looked = look(course, store, store.standings(Settings()))
        wall, cpu = time.perf_counter() - began, _used() - used
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    console.print(
        f"{students} students, {len(course.stages)} stages: {wall:.1f} s, {cpu:.1f} s of processor "
        f"time, at most {peak:.0f} MB; {len(looked.comparison.pairs)} pairs listed"
    )


def _used() -> float:
    """Seconds of processor time, of this process and those that it has waited for."""
    of = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in of)


def main(
    classes: Annotated[int, typer.Option(help="How many classes are made.")] = 48,
    students: Annotated[int, typer.Option(help="Of the large class.")] = 300,
) -> None:
    course, console = load_course(ROOT), Console()
    if classes:
        measure(course, classes, console)
    if students:
        weigh_large(course, students, console)


if __name__ == "__main__":
    typer.run(main)
