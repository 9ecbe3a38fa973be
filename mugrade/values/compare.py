"""Compare what a check yielded with recorded answers, and name what is wrong of the first miss."""

import ast
from collections.abc import Sequence
from dataclasses import replace
from itertools import zip_longest

import numpy as np

from mugrade.values import Category
from mugrade.values.answers import Answer, judged
from mugrade.values.diagnosis import diagnose
from mugrade.values.diagnosis.evidence import Evidence
from mugrade.values.diagnosis.exceptions import (
    A_COLLECTION,
    NO_GRADIENT,
    NO_RETURN,
    TOO_FEW,
    ExceptionRule,
    explain_exception,
)
from mugrade.values.judges import Close, Distribution, Judge
from mugrade.values.mistakes import Trace, recognise
from mugrade.values.observe import Kind, Observed
from mugrade.values.verdict import PASS, Diagnosis, Verdict

UNSOLVED = "NotImplementedError"


def compare(values: Sequence[Observed], answers: Sequence[Answer]) -> Verdict:
    """Compare what a submission yielded with the answers, in order; the first miss counts."""
    return _first_miss(values, answers)[1]


def judge(
    values: Sequence[Observed],
    answers: Sequence[Answer],
    known: Sequence[Trace] = (),
    rules: Sequence[ExceptionRule] = (),
) -> Verdict:
    """Compare, and name the mistake behind the first miss.

    `known` are the recorded mistakes of the check, `rules` the course's own about exceptions.
    """
    at, verdict = _first_miss(values, answers)
    if at == len(answers):
        return verdict
    return replace(verdict, diagnosis=_diagnosis(at, values, answers, known, rules))


def _first_miss(values: Sequence[Observed], answers: Sequence[Answer]) -> tuple[int, Verdict]:
    """The place of the first answer that is missed, or their number, and the verdict."""
    for i, answer in enumerate(answers):
        value = values[i] if i < len(values) else Observed(Kind.NOTHING)
        verdict = _judge_one(value, answer)
        if not verdict.passed:
            return i, verdict
    if len(values) > len(answers):
        return len(answers), _judge_extra(values[len(answers)], any(a.hidden for a in answers))
    return len(answers), PASS


def _diagnosis(
    at: int,
    values: Sequence[Observed],
    answers: Sequence[Answer],
    known: Sequence[Trace],
    rules: Sequence[ExceptionRule],
) -> Diagnosis | None:
    """The mistake behind the first miss: one that the course has made too, or a rule's finding."""
    if at >= len(values):
        return TOO_FEW
    arrays, judges = [a.array for a in answers], [a.judge for a in answers]
    if found := recognise(at, values, arrays, judges, known):
        return found
    if values[at].array is None:
        return _without_a_value(values[at], answers[at], rules)
    actuals, answer = [value.array for value in values], answers[at]
    return diagnose(Evidence(judges[at], arrays, actuals, at, answer.mixed, answer.hidden))


def _without_a_value(
    value: Observed, answer: Answer, rules: Sequence[ExceptionRule]
) -> Diagnosis | None:
    """The mistake behind an exception, a list, or a gradient or result that is not there."""
    if value.kind == Kind.ERROR:
        return None if value.text.startswith(UNSOLVED) else explain_exception(value.text, rules)
    if value.kind == Kind.NOT_AN_ARRAY:
        return A_COLLECTION if value.text in ("list", "tuple", "generator") else None
    if answer.gradient:
        return NO_GRADIENT
    what = judged(ast.parse(answer.shown, mode="eval").body) if answer.shown else None
    return NO_RETURN if isinstance(what, ast.Call | ast.Name) else None


def _judge_extra(value: Observed, hidden: bool) -> Verdict:
    """What comes after the last answer is wrong, an exception as much as one more value."""
    if value.kind == Kind.ERROR:
        return Verdict(Category.ERROR, "" if hidden else value.text, hidden=hidden)
    return Verdict(Category.VALUE, "" if hidden else "one value too many", hidden=hidden)


def _judge_one(value: Observed, answer: Answer) -> Verdict:
    if value.array is None:
        wrong: Verdict | None = _no_array(value, getattr(answer.judge, "shape", answer.array.shape))
    else:
        wrong = answer.judge.compare(value.array, answer.array)
    if wrong is None:
        return PASS
    if answer.hidden:
        return replace(wrong, about=answer.about).concealed
    return replace(wrong, at=answer.shown)


def _no_array(value: Observed, shape: Sequence[int]) -> Verdict:
    """The verdict where an array of this shape is expected and none came."""
    expected = f"an array of shape {shape}"
    match value.kind:
        case Kind.ERROR if value.text.startswith(UNSOLVED):
            said = Category.UNSOLVED, "not written yet", "fill the cell in and run it"
        case Kind.ERROR:
            said = Category.ERROR, value.text, _advice(value.text)
        case Kind.NOT_AN_ARRAY:
            advice = "return what the docstring says: an array, or what holds one"
            said = Category.NOT_AN_ARRAY, f"a {value.text}", advice
        case _:
            said = Category.NOTHING, "None", "is a return missing, or something never set?"
    category, actual, advice = said
    return Verdict(category, actual, expected, advice=advice)


def _advice(error: str) -> str:
    """What to try after an exception."""
    match error.partition(":")[0]:
        case "NameError":
            return "run the cells above, also after a restart; else the name is misspelt"
        case "NotBuilt":
            return "build that part, or borrow its stage, and run this cell again"
    return "call it on its own in a new cell and read the traceback"


def kept_answers(old: Sequence[Answer], new: Sequence[Answer]) -> list[Answer]:
    """The new answers, each as it was recorded before where its own judge sees no difference."""
    pairs = zip_longest(old[: len(new)], new)
    return [a if a is not None and _agree(a, b) else b for a, b in pairs]


def _agree(old: Answer, new: Answer) -> bool:
    """Whether both say the same of the yield, and the new value is right by the old one."""
    forms = [(a.shown, a.hidden, a.mixed, a.gradient, a.about) for a in (old, new)]
    judge = old.judge if isinstance(old.judge, Close) else Close()
    return (
        forms[0] == forms[1]
        and _same_judge(old.judge, new.judge)
        and judge.compare(new.array, old.array) is None
    )


def _same_judge(a: Judge, b: Judge) -> bool:
    """Whether two judges ask for the same, but for the rounding in a sample's statistics."""
    if not (isinstance(a, Distribution) and isinstance(b, Distribution)):
        return a == b
    x, y = ((j.mean / a.std, j.std / a.std, j.kurtosis, j.distinct) for j in (a, b))
    forms = [(j.shape, j.dtype) for j in (a, b)]
    return forms[0] == forms[1] and np.allclose(x, y, rtol=1e-4, atol=1e-4)
