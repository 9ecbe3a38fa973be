"""Compare what a check yielded with recorded answers, and name what is wrong of the first miss."""

import ast
from collections.abc import Sequence
from dataclasses import replace
from itertools import zip_longest

import numpy as np

from mugrade.values import Category
from mugrade.values.answers import Answer, judged
from mugrade.values.close import Close, Judge
from mugrade.values.diagnosis.arrays import diagnose
from mugrade.values.diagnosis.data import diagnose_data
from mugrade.values.diagnosis.evidence import Evidence
from mugrade.values.diagnosis.exceptions import (
    A_COLLECTION,
    NO_GRADIENT,
    NO_RETURN,
    TOO_FEW,
    ExceptionRule,
    explain_exception,
)
from mugrade.values.distribution import Distribution
from mugrade.values.mistakes import Trace, recognise
from mugrade.values.observe import Kind, Observed
from mugrade.values.same import an, kind_of
from mugrade.values.verdict import PASS, Diagnosis, Verdict

UNSOLVED = "NotImplementedError"


def compare(values: Sequence[Observed], answers: Sequence[Answer]) -> Verdict:
    """Compare what a submission yielded with the answers, in order; the first miss counts."""
    verdict = _first_miss(values, answers)[1]
    return verdict if verdict.passed else replace(verdict, earned=_earned(values, answers))


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
    if verdict.passed:
        return verdict
    verdict = replace(verdict, earned=_earned(values, answers))
    if at == len(answers):
        return verdict
    return replace(verdict, diagnosis=_diagnosis(at, values, answers, known, rules))


def _earned(values: Sequence[Observed], answers: Sequence[Answer]) -> int:
    """The points of the parts that are right."""
    earned, right = 0, True
    for value, answer in zip(values, answers, strict=False) if _has_parts(answers) else ():
        right = right and value.is_right(answer.value, answer.judge)
        if answer.points:
            earned, right = earned + answer.points * right, True
    return earned


def _has_parts(answers: Sequence[Answer]) -> bool:
    return any(answer.points for answer in answers)


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
    rights, judges = [a.value for a in answers], [a.judge for a in answers]
    if found := recognise(at, values, rights, judges, known):
        return found
    answer = answers[at]
    if answer.array is None and values[at].kind in (Kind.ARRAY, Kind.DATUM):
        judge = answer.judge
        if not isinstance(judge, Close):
            return None
        return diagnose_data(values[at].value, answer.value, judge)
    if values[at].array is None:
        return _without_a_value(values[at], answer, rules)
    actuals = [value.array for value in values]
    return diagnose(
        Evidence(judges[at], [a.array for a in answers], actuals, at, answer.mixed, answer.hidden)
    )


def _without_a_value(
    value: Observed, answer: Answer, rules: Sequence[ExceptionRule]
) -> Diagnosis | None:
    """The mistake behind an exception, a list, or a gradient or result that is not there."""
    if value.kind == Kind.ERROR:
        return None if value.text.startswith(UNSOLVED) else explain_exception(value.text, rules)
    if value.kind in (Kind.DATUM, Kind.NO_DATUM):
        is_many = value.text in ("list", "tuple", "generator") and answer.array is not None
        return A_COLLECTION if is_many else None
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
    right = answer.array
    if value.array is None and right is not None:
        wanted = f"an array of shape {getattr(answer.judge, 'shape', right.shape)}"
        wrong: Verdict | None = _no_value(value, wanted)
    elif value.is_data and (value.kind != Kind.NOTHING or answer.value is None):
        wrong = answer.judge.compare(value.value, answer.value)
    else:
        wrong = _no_value(value, an(kind_of(answer.value)))
    if wrong is None:
        return PASS
    if answer.hidden:
        return replace(wrong, about=answer.about).concealed
    return replace(wrong, at=answer.shown)


def _no_value(value: Observed, expected: str) -> Verdict:
    """The verdict where something is expected that none of this is."""
    match value.kind:
        case Kind.ERROR if value.text.startswith(UNSOLVED):
            said = Category.UNSOLVED, "not written yet", "fill the cell in and run it"
        case Kind.ERROR:
            said = Category.ERROR, value.text, _advice(value.text)
        case Kind.DATUM | Kind.NO_DATUM:
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
    forms = [(a.shown, a.hidden, a.mixed, a.gradient, a.about, a.points) for a in (old, new)]
    judge = old.judge if isinstance(old.judge, Close) else Close()
    return (
        forms[0] == forms[1]
        and _same_judge(old.judge, new.judge)
        and judge.compare(new.value, old.value) is None
    )


def _same_judge(a: Judge, b: Judge) -> bool:
    """Whether two judges ask for the same, but for the rounding in a sample's statistics."""
    if not (isinstance(a, Distribution) and isinstance(b, Distribution)):
        return a == b
    x, y = ((j.mean / a.std, j.std / a.std, j.kurtosis, j.distinct) for j in (a, b))
    forms = [(j.shape, j.dtype) for j in (a, b)]
    return forms[0] == forms[1] and np.allclose(x, y, rtol=1e-4, atol=1e-4)
