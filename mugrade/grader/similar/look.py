"""Look through what counts of a class, and lay side by side what few have in common."""

import multiprocessing
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from operator import attrgetter

from mugrade.course.model import Course
from mugrade.errors import Unreadable
from mugrade.garbage import nothing_to_collect
from mugrade.grader.policy import Standing
from mugrade.grader.results import Status
from mugrade.grader.similar.reading import AnswerReader, known_prints
from mugrade.grader.similar.weigh import Comparison, Exercise, Likeness, Work, weigh_pairs
from mugrade.grader.store import Store
from mugrade.view.report import printable, summary

LOOKED_AT = (Status.GRADED, Status.LATE)
LINES, WIDTH = 400, 160  # of an answer that are shown
ENDED = "a process that reads notebooks was ended: look at one stage after the other, with --stage"
WORTH, CHUNK = 100, 10  # notebooks for which a process is started, and that it gets at once


@dataclass(frozen=True)
class Passage:
    """Lines of an answer in a row, and how many students have what stands there; 0: not shared."""

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
    reader: AnswerReader

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


def look(course: Course, store: Store, standings: Sequence[Standing]) -> Look:
    """Compare the notebooks that count, stage by stage. Nothing is executed."""
    reader, works, left_out = AnswerReader(course), list[Work](), list[tuple[str, str, str]]()
    handed_in = sorted((s for s in standings if s.status != Status.MISSING), key=attrgetter("key"))
    by_stage = sorted(handed_in, key=attrgetter("stage"))
    with nothing_to_collect(), _mapping(len(handed_in)) as mapped:
        for _, some in groupby(by_stage, key=attrgetter("stage")):
            found = [(s.student, s.stage, _content(reader, store, s)) for s in some]
            for one, read in zip(found, mapped(partial(_read, reader), found), strict=True):
                if isinstance(read, str):
                    left_out.append((one[0], one[1], read))
                else:
                    works += read
    comparison = weigh_pairs(works, known_prints(course))
    listed = {student for like in comparison.pairs for student in like.pair}
    return Look(
        comparison,
        left_out,
        {(w.student, w.exercise): w for w in works if w.student in listed},
        _lost(store, [s for s in standings if s.student in listed]),
        reader,
    )


@contextmanager
def _mapping(notebooks: int) -> Iterator[Callable[..., Iterable[list[Work] | str]]]:
    """What applies a function to many notebooks: `map`, or processes where that is worth it."""
    jobs = min(os.cpu_count() or 1, notebooks // WORTH)
    if jobs < 2:
        yield map
    else:
        spawn = multiprocessing.get_context("spawn")
        try:
            with ProcessPoolExecutor(jobs, spawn) as pool:
                yield partial(pool.map, chunksize=CHUNK)
        except BrokenProcessPool:
            raise Unreadable(ENDED) from None


def _content(reader: AnswerReader, store: Store, standing: Standing) -> bytes | str:
    """The notebook that counts, or why it is not compared."""
    if standing.status not in LOOKED_AT:
        return standing.reason
    if standing.stage not in reader.manifest.stages:
        return "the course has no such stage any more"
    content = store.notebook(standing.attempt)
    return "its notebook was not kept" if content is None else content


def _read(reader: AnswerReader, notebook: tuple[str, str, bytes | str]) -> list[Work] | str:
    """The answers in a notebook, or why it is not compared."""
    student, stage, content = notebook
    try:
        with nothing_to_collect():
            return content if isinstance(content, str) else reader.works(student, stage, content)
    except Unreadable as error:
        return str(error)


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
    lines = source.replace("\r", "\n").split("\n")
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
