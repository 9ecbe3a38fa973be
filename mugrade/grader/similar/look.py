"""Look through what counts of a class, and lay side by side what few have in common."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from mugrade.course.model import Course
from mugrade.errors import Unreadable
from mugrade.grader.policy import Standing
from mugrade.grader.results import Status
from mugrade.grader.similar.reading import Reader
from mugrade.grader.similar.weigh import Comparison, Exercise, Likeness, Work, compare
from mugrade.grader.store import Store
from mugrade.view.report import printable, summary

LOOKED_AT = (Status.GRADED, Status.LATE)
LINES, WIDTH = 400, 160  # of an answer that are shown


@dataclass(frozen=True)
class Passage:
    """Lines of an answer in a row; `holders` students have what stands there, 0: it is not shared."""

    text: str
    holders: int


@dataclass(frozen=True)
class SideBySide:
    """What two students have written for an exercise, with what is shared in it.

    `marks`: comments and names that few have; `lost`: checks at which both go wrong alike.
    """

    exercise: Exercise
    weight: float
    counts: Sequence[tuple[int, int]]
    sides: Sequence[tuple[str, Sequence[Passage]]]
    marks: Sequence[str]
    lost: Sequence[str]


@dataclass(frozen=True)
class Look:
    """What has come of looking: the pairs, and which notebooks were not compared, and why."""

    comparison: Comparison
    left_out: Sequence[tuple[str, str, str]]
    works: dict[tuple[str, Exercise], Work]
    lost: dict[str, dict[Exercise, set[str]]]
    reader: Reader

    def side_by_side(self, like: Likeness) -> Iterator[SideBySide]:
        """The exercises of a pair, the heaviest first."""
        for exercise in like.exercises:
            shared = like.shared[exercise]
            counts = defaultdict[int, int](int)
            for holders in shared.values():
                counts[holders] += 1
            works = [self.works[student, exercise] for student in like.pair]
            lines = [self.reader.lines(w.exercise[1], w.source, shared) for w in works]
            one, other = (self.lost.get(student, {}).get(exercise, set()) for student in like.pair)
            yield SideBySide(
                exercise,
                like.weights[exercise],
                sorted(counts.items()),
                [(w.student, _passages(w.source, of)) for w, of in zip(works, lines, strict=True)],
                [printable(mark) for mark in like.marks.get(exercise, ())],
                sorted(one & other),
            )


def look(
    course: Course,
    store: Store,
    standings: Sequence[Standing],
    told: Callable[[], object] = lambda: None,
) -> Look:
    """Compare the notebooks that count; `told` is called after each. Nothing is executed."""
    reader, works, left_out = Reader(course), list[Work](), list[tuple[str, str, str]]()
    for standing in sorted(standings, key=lambda s: (s.stage, s.student)):
        try:
            works += _read(reader, store, standing)
        except Unreadable as error:
            left_out.append((*standing.key, str(error)))
        told()
    comparison = compare(works, reader.known)
    listed = {student for like in comparison.pairs for student in like.pair}
    return Look(
        comparison,
        left_out,
        {(w.student, w.exercise): w for w in works if w.student in listed},
        _lost(store, [s for s in standings if s.student in listed]),
        reader,
    )


def _read(reader: Reader, store: Store, standing: Standing) -> list[Work]:
    """The answers in what counts of a student's stage; raises Unreadable."""
    if standing.status == Status.MISSING:
        return []
    if standing.status not in LOOKED_AT:
        raise Unreadable(standing.reason)
    if standing.stage not in reader.manifest.stages:
        raise Unreadable("the course has no such stage any more")
    content = store.notebook(standing.attempt)
    if content is None:
        raise Unreadable("its notebook was not kept")
    return reader.works(standing.student, standing.stage, content)


def _lost(store: Store, standings: Sequence[Standing]) -> dict[str, dict[Exercise, set[str]]]:
    """Student -> exercise -> the checks that it fails, and how."""
    found: dict[str, dict[Exercise, set[str]]] = defaultdict(lambda: defaultdict(set))
    for standing in store.with_checks(standings):
        for grade in standing.result.grades:
            if not grade.verdict.passed:
                text = printable(f"{grade.check.id}: {summary(grade.verdict)}")
                found[standing.student][standing.stage, grade.check.of].add(text)
    return found


def _passages(source: str, shared: dict[int, int]) -> list[Passage]:
    """The lines of a source, those together that as many have."""
    found: list[Passage] = []
    lines = source.split("\n")
    for number, line in enumerate(lines[:LINES], 1):
        text = printable(line.expandtabs(4))
        text = f"{text[:WIDTH]} ...\n" if len(text) > WIDTH else f"{text}\n"
        holders = shared.get(number, 0)
        if found and found[-1].holders == holders:
            text = found.pop().text + text
        found.append(Passage(text, holders))
    if len(lines) > LINES:
        found.append(Passage(f"... {len(lines) - LINES} lines more\n", 0))
    return found
