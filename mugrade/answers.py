"""Recorded answers: what the reference yielded, and the verdict on what a submission yields."""

import ast
import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mugrade.judges import (
    Close,
    Distribution,
    Judge,
    Labels,
    Mismatch,
    judge_from_json,
    judge_to_json,
)
from mugrade.observe import Observed

HIDDEN_MARK = "BEGIN HIDDEN TESTS"


@dataclass(frozen=True)
class Answer:
    """What the reference yielded at one place of a check, and the judge that compares with it."""

    judge: Judge
    array: np.ndarray
    shown: str
    hidden: bool


@dataclass(frozen=True)
class Verdict:
    """The outcome of one check: `category` is `pass`, or what went wrong.

    Categories: pass, shape, dtype, value, nothing, not an array, error, unsolved; from the grader
    also timeout, crash, protocol, not run. `actual`, `expected` and `at` are empty for hidden
    inputs.
    """

    category: str
    actual: str = ""
    expected: str = ""
    at: str = ""
    advice: str = ""
    hidden: bool = False

    @property
    def passed(self) -> bool:
        return self.category == "pass"


PASS = Verdict("pass")


def record(
    values: Sequence[Observed], source: str, truths: Mapping[str, np.ndarray]
) -> list[Answer]:
    """The answers of one check from the reference's own run of its `source`.

    Raises ValueError when the reference itself does not yield arrays.
    """
    places = _yields(source)
    answers = []
    for value in values:
        if value.array is None:
            raise ValueError(f"the reference yields {value.kind} {value.text}".strip())
        shown, hidden = places.get(value.line, ("", False))
        answers.append(Answer(*_recorded(value.judge, value.array, truths), shown, hidden))
    return answers


def _recorded(
    judge: Judge, array: np.ndarray, truths: Mapping[str, np.ndarray]
) -> tuple[Judge, np.ndarray]:
    """The judge, and the array that it compares with: not always the reference's value."""
    match judge:
        case Distribution():
            return judge.recorded(array)
        case Labels(truth=truth) if truth not in truths:
            raise ValueError(f"there are no labels called {truth!r} in solutions/labels")
        case Labels(truth=truth):
            return judge, truths[truth]
    return judge, array


def _yields(source: str) -> dict[int, tuple[str, bool]]:
    """Line below the check's first -> the yielded expression, and whether it is hidden."""
    lines = source.splitlines()
    (function,) = (n for n in ast.parse(source).body if isinstance(n, ast.FunctionDef))
    first = function.decorator_list[0].lineno
    hidden_lines = set()
    inside = False
    for number, line in enumerate(lines, 1):
        inside = inside or HIDDEN_MARK in line
        if inside:
            hidden_lines.add(number)
        inside = inside and "END HIDDEN TESTS" not in line
    places = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Yield | ast.YieldFrom) and node.value is not None:
            shown = "" if node.lineno in hidden_lines else ast.unparse(node.value)
            for line_number in range(node.lineno, (node.end_lineno or node.lineno) + 1):
                places[line_number - first] = (shown, node.lineno in hidden_lines)
    return places


def judge(values: Sequence[Observed], answers: Sequence[Answer]) -> Verdict:
    """Compare what a submission yielded with the answers, in order; the first miss counts."""
    for i, answer in enumerate(answers):
        value = values[i] if i < len(values) else Observed("nothing")
        verdict = _judge_one(value, answer)
        if not verdict.passed:
            return verdict
    if len(values) > len(answers):
        return _judge_extra(values[len(answers)], any(a.hidden for a in answers))
    return PASS


def _judge_extra(value: Observed, hidden: bool) -> Verdict:
    """What comes after the last answer is wrong, an exception as much as one more value."""
    if value.kind == "error":
        return Verdict("error", "" if hidden else value.text, hidden=hidden)
    return Verdict("value", "" if hidden else "one value too many", hidden=hidden)


def _judge_one(value: Observed, answer: Answer) -> Verdict:
    if value.array is not None:
        mismatch = answer.judge.compare(value.array, answer.array)
        return _verdict(mismatch, answer) if mismatch else PASS
    shape = getattr(answer.judge, "shape", answer.array.shape)
    expected = f"an array of shape {shape}"
    match value.kind:
        case "error" if value.text.startswith("NotImplementedError"):
            mismatch = Mismatch(
                "unsolved", "not written yet", expected, "fill the cell in and run it"
            )
        case "error":
            mismatch = Mismatch("error", value.text, expected, _advice(value.text))
        case "not an array":
            mismatch = Mismatch(
                "not an array",
                f"a {value.text}",
                expected,
                "return what the docstring says, a Tensor or an array",
            )
        case _:
            mismatch = Mismatch(
                "nothing", "None", expected, "is a return missing, or a gradient never set?"
            )
    return _verdict(mismatch, answer)


def _advice(error: str) -> str:
    """What to try after an exception."""
    match error.partition(":")[0]:
        case "NameError":
            return "run the cells above, also after a restart; else the name is misspelt"
        case "NotBuilt":
            return "build that part, or borrow its stage, and run this cell again"
    return "call it on its own in a new cell and read the traceback"


def _verdict(mismatch: Mismatch, answer: Answer) -> Verdict:
    if answer.hidden:
        return Verdict(mismatch.kind, advice=mismatch.advice, hidden=True)
    return Verdict(mismatch.kind, mismatch.actual, mismatch.expected, answer.shown, mismatch.advice)


def answers_to_json(answers: Sequence[Answer]) -> list[dict[str, Any]]:
    return [
        {
            "judge": judge_to_json(a.judge),
            "shown": a.shown,
            "hidden": a.hidden,
            "dtype": a.array.dtype.str,
            "shape": list(a.array.shape),
            "data": base64.b64encode(np.ascontiguousarray(a.array).tobytes()).decode("ascii"),
        }
        for a in answers
    ]


def answers_from_json(data: Sequence[dict[str, Any]]) -> list[Answer]:
    return [
        Answer(
            judge_from_json(d["judge"]),
            np.frombuffer(base64.b64decode(d["data"]), d["dtype"]).reshape(d["shape"]),
            d["shown"],
            d["hidden"],
        )
        for d in data
    ]


def same_answers(old: Sequence[Answer], new: Sequence[Answer]) -> bool:
    """Whether recorded answers agree up to what two processors may differ by."""
    return len(old) == len(new) and all(
        (a.shown, a.hidden, type(a.judge)) == (b.shown, b.hidden, type(b.judge))
        and np.shape(a.array) == np.shape(b.array)
        and Close().compare(a.array, b.array) is None
        for a, b in zip(old, new, strict=True)
    )


def dump(data: object) -> str:
    """JSON as the course's files hold it: sorted, indented, the same bytes every time."""
    return json.dumps(data, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
