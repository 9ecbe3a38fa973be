"""An explanation as text, for a teacher: hidden inputs, values and answers too."""

import textwrap
from collections.abc import Collection, Iterator

import numpy as np

from mugrade.grader.explain import Explained, Explanation, Step
from mugrade.grader.inputs import Input
from mugrade.grader.times import utc
from mugrade.values.answers import Answer
from mugrade.values.close import Close, number
from mugrade.values.distribution import Distribution
from mugrade.values.observe import Kind, Observed
from mugrade.values.same import short
from mugrade.view.report import printable

LABEL = 12
WIDTH, SHOWN = 84, 60  # of a line, and entries of an array that is shown whole


def lines(found: Explanation, only: Collection[str] = ()) -> Iterator[str]:
    """Everything that an explanation says, a check after the other, or `only` some."""
    a, result = found.attempt, found.result
    handed_in = utc(a.handed_in) or "at an unknown time"
    yield f"{printable(a.student)} {a.stage}, attempt {a.number}, handed in {handed_in}"
    yield f"graded {utc(a.graded_at)} by mugrade {a.mugrade}: {a.points} of {a.max_points} points"
    yield from found.about
    yield f"graded again: {result.points} of {result.max_points} points"
    for check in found.checks:
        if only and check.grade.check.id not in only:
            continue
        yield ""
        yield from _check(check)
    yield ""
    yield from found.differs or ["same as the record"]


def _check(found: Explained) -> Iterator[str]:
    grade, part = found.grade, found.part
    yield from (printable(line) for line in grade.message.split("\n"))
    yield f"  the check, with seed {part.task.seed}:"
    yield from textwrap.indent(part.task.source, "    ").split("\n")
    if found.died:
        yield f"  {printable(found.died)}"
    for i, step in enumerate(found.steps, 1):
        hidden = " (hidden)" if step.answer.hidden else ""
        yield f"  yield {i}{hidden}"
        yield from _step(step)


def _step(step: Step) -> Iterator[str]:
    for given in step.inputs:
        yield from _row(given.name, _input(given))
    yield from _row("value", observed(step.value))
    yield from _row("answer", answer(step.answer))
    yield from _row("difference", difference(step.value, step.answer))


def _row(label: str, text: str) -> Iterator[str]:
    """A label, and the text beside it, or below where the label is long."""
    first, *more = text.split("\n")
    pad = " " * (4 + LABEL + 2)
    if len(label) > LABEL:
        yield f"    {printable(label)}"
        label = ""
    yield f"    {printable(label):<{LABEL}}  {printable(first)}"
    yield from (f"{pad}{printable(line)}" for line in more)


def _input(given: Input) -> str:
    return given.text if given.value.array is None else observed(given.value)


def observed(value: Observed | None) -> str:
    """What a submission yielded, in words or numbers."""
    if value is None:
        return "none: it did not come to this yield"
    if value.array is not None:
        return _array(value.array)
    return short(value.value) if value.kind == Kind.DATUM else f"{value.kind} {value.text}".strip()


def answer(right: Answer) -> str:
    """What is right, as its judge compares with it."""
    judge = right.judge
    if isinstance(judge, Distribution):
        said = f"mean {number(judge.mean)} and standard deviation {number(judge.std)}"
        return f"a sample of {judge.dtype} {judge.shape} with {said}"
    return short(right.value) if right.array is None else _array(right.array)


def _array(array: np.ndarray) -> str:
    text = np.array2string(array, max_line_width=WIDTH, separator=", ", threshold=SHOWN)
    return f"{array.dtype} {array.shape}" + ("\n" if "\n" in text else "  ") + text


def difference(value: Observed | None, right: Answer) -> str:
    """By how much a value is off, what is allowed, and what the judge says."""
    if value is None or not (value.is_data if right.array is None else value.array is not None):
        return "there is nothing to compare"
    miss = right.judge.compare(value.value, right.value)
    verdict = "right" if miss is None else f"wrong: {miss.actual}, and right is {miss.expected}"
    x, y = value.array, right.array
    if isinstance(right.judge, Close) and x is not None and y is not None and x.shape == y.shape:
        return f"{_largest(x, y)}, {_allowed(right.judge, y.dtype)}: {verdict}"
    return verdict


def _largest(value: np.ndarray, right: np.ndarray) -> str:
    if not right.size:
        return "no entries"
    with np.errstate(all="ignore"):
        same = (value == right) | ((value != value) & (right != right))
        off = np.where(same, 0.0, abs(value.astype("complex128") - right.astype("complex128")))
    place = np.unravel_index(np.argmax(np.where(np.isnan(off), np.inf, off)), off.shape)
    at = f" at {[int(i) for i in place]}" if place else ""
    return f"largest {number(off[place])}{at}"


def _allowed(judge: Close, dtype: np.dtype) -> str:
    rtol, atol = judge.tolerances(dtype)
    return f"allowed {atol:g} + {rtol:g} |answer|" if rtol or atol else "allowed none"
