"""Recorded answers: what the reference yielded, and the verdict on what a submission yields."""

import ast
import base64
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from mugrade.values.diagnosis import diagnose
from mugrade.values.diagnosis.evidence import Diagnosis, Evidence
from mugrade.values.diagnosis.exceptions import (
    A_COLLECTION,
    NO_GRADIENT,
    NO_RETURN,
    TOO_FEW,
    explain,
)
from mugrade.values.judges import (
    JUDGES,
    Close,
    Distribution,
    Judge,
    Labels,
    Mismatch,
    judge_from_json,
    judge_to_json,
    same_judge,
)
from mugrade.values.mistakes import Trace, recognise
from mugrade.values.observe import Observed
from mugrade.values.picture import Picture

HIDDEN_MARK = "BEGIN HIDDEN TESTS"
UNSOLVED = "NotImplementedError"


@dataclass(frozen=True)
class Answer:
    """What the reference yielded at one place of a check, and the judge that compares with it.

    A `mixed` value is computed in the yield itself, as in `yield w.grad * (1 + w.requires_grad)`;
    a `gradient` is what the yield reads from `grad`. `about` says of what kind a hidden input is.
    """

    judge: Judge
    array: np.ndarray
    shown: str
    hidden: bool
    mixed: bool = False
    gradient: bool = False
    about: str = ""


@dataclass(frozen=True)
class Verdict:
    """The outcome of one check: `category` is `pass`, or what went wrong.

    Categories: pass, shape, dtype, value, nothing, not an array, error, unsolved; from the grader
    also timeout, crash, protocol, not run. `actual`, `expected` and `at` are empty for hidden
    inputs, and there is no `picture` of where they differ; `about` may say of what kind they are.
    `diagnosis` names the mistake, if it is
    known.
    """

    category: str
    actual: str = ""
    expected: str = ""
    at: str = ""
    advice: str = ""
    hidden: bool = False
    diagnosis: Diagnosis | None = None
    picture: Picture | None = None
    about: str = ""

    @property
    def passed(self) -> bool:
        return self.category == "pass"


PASS = Verdict("pass")
Loops = tuple[tuple[tuple[str, ...], str], ...]


def record(
    values: Sequence[Observed], source: str, truths: Mapping[str, np.ndarray]
) -> list[Answer]:
    """The answers of one check from the reference's own run of its `source`.

    Raises ValueError when the reference itself does not yield arrays.
    """
    places = _yields(source)
    answers = []
    turns: Counter[tuple[int, str]] = Counter()
    for value in values:
        if value.array is None:
            raise ValueError(f"the reference yields {value.kind} {value.text}".strip())
        place = places.get(value.line, Place())
        turn = dict(value.turn)
        key = value.line, place.variables(turn)
        turns[key] += 1
        shown = place.at(turn, turns[key])
        judge, array = _recorded(value.judge, value.array, truths)
        what = place.judged
        kind = _mixed(what), _gradient(what)
        answers.append(Answer(judge, array, shown, place.hidden, *kind, place.about))
    return answers


@dataclass(frozen=True)
class Place:
    """A yield in a check: its text, and the loops that it stands in, (names, over what).

    `about` is the last `#: text` above a hidden one.
    """

    text: str = ""
    hidden: bool = False
    judged: ast.expr | None = None
    loops: Loops = ()
    about: str = ""

    def variables(self, turn: Mapping[str, str]) -> str:
        """What the loops' variables are in a turn, as far as they are plain."""
        names = dict.fromkeys(name for names, _ in self.loops for name in names)
        return ", ".join(f"{name} = {turn[name]}" for name in names if name in turn)

    def at(self, turn: Mapping[str, str], number: int) -> str:
        """Where a value comes from, for people; empty if it is hidden."""
        if self.hidden:
            return ""
        variables = self.variables(turn)
        names, over = self.loops[-1] if self.loops else ((), "")
        place = "" if turn.keys() & set(names) or not over else f", number {number} of {over}"
        return f"{self.text}{place}" + (f"   {variables}" if variables else "")


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
        case Close():
            return judge, judge.recorded(array)
    return judge, array


def _yields(source: str) -> dict[int, Place]:
    """Line below the check's first -> the yield that stands there."""
    lines = source.splitlines()
    (function,) = (n for n in ast.parse(source).body if isinstance(n, ast.FunctionDef))
    first = function.decorator_list[0].lineno
    hidden_lines: dict[int, str] = {}
    inside, about = False, ""
    for number, line in enumerate(lines, 1):
        if HIDDEN_MARK in line:
            inside, about = True, ""
        about = line.partition("#:")[2].strip() if line.lstrip().startswith("#:") else about
        if inside:
            hidden_lines[number] = about
        inside = inside and "END HIDDEN TESTS" not in line
    places = {}
    for node, loops in _with_loops(function, ()):
        if isinstance(node, ast.Yield | ast.YieldFrom) and node.value is not None:
            hidden = node.lineno in hidden_lines
            about = hidden_lines.get(node.lineno, "")
            place = Place(ast.unparse(node.value), hidden, _judged(node.value), loops, about)
            for number in range(node.lineno, (node.end_lineno or node.lineno) + 1):
                places[number - first] = place
    return places


def _with_loops(node: ast.AST, loops: Loops) -> Iterator[tuple[ast.AST, Loops]]:
    """Every node below `node`, and the loops of the same function that it stands in."""
    yield node, loops
    if isinstance(node, ast.For):
        names = tuple(n.id for n in ast.walk(node.target) if isinstance(n, ast.Name))
        loops = (*loops, (names, ast.unparse(node.iter)))
    for child in ast.iter_child_nodes(node):
        yield from _with_loops(child, loops)


def _mixed(value: ast.expr | None) -> bool:
    """Whether a yield does arithmetic, or chooses, with what it yields."""
    return isinstance(value, ast.BinOp | ast.IfExp | ast.Compare | ast.BoolOp)


def _gradient(value: ast.expr | None) -> bool:
    return isinstance(value, ast.Attribute) and value.attr == "grad"


def _judged(value: ast.expr | None) -> ast.expr | None:
    """What is yielded, without the judge around it."""
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.args:
        return value.args[0] if value.func.id in JUDGES else value
    return value


def compare(values: Sequence[Observed], answers: Sequence[Answer]) -> Verdict:
    """Compare what a submission yielded with the answers, in order; the first miss counts."""
    return _first_miss(values, answers)[1]


def judge(
    values: Sequence[Observed], answers: Sequence[Answer], known: Sequence[Trace] = ()
) -> Verdict:
    """Compare, and name the mistake behind the first miss.

    `known` are the recorded mistakes of the check.
    """
    at, verdict = _first_miss(values, answers)
    if at == len(answers):
        return verdict
    return replace(verdict, diagnosis=_diagnosis(at, values, answers, known))


def _first_miss(values: Sequence[Observed], answers: Sequence[Answer]) -> tuple[int, Verdict]:
    """The place of the first answer that is missed, or their number, and the verdict."""
    for i, answer in enumerate(answers):
        value = values[i] if i < len(values) else Observed("nothing")
        verdict = _judge_one(value, answer)
        if not verdict.passed:
            return i, verdict
    if len(values) > len(answers):
        return len(answers), _judge_extra(values[len(answers)], any(a.hidden for a in answers))
    return len(answers), PASS


def _diagnosis(
    at: int, values: Sequence[Observed], answers: Sequence[Answer], known: Sequence[Trace]
) -> Diagnosis | None:
    """The mistake behind the first miss: one that the course has made too, or a rule's finding."""
    if at >= len(values):
        return TOO_FEW
    arrays, judges = [a.array for a in answers], [a.judge for a in answers]
    if found := recognise(at, values, arrays, judges, known):
        return found
    if values[at].array is None:
        return _without_a_value(values[at], answers[at])
    actuals, answer = [value.array for value in values], answers[at]
    return diagnose(Evidence(judges[at], arrays, actuals, at, answer.mixed, answer.hidden))


def _without_a_value(value: Observed, answer: Answer) -> Diagnosis | None:
    """The mistake behind an exception, a list, or a gradient or result that is not there."""
    if value.kind == "error":
        return None if value.text.startswith(UNSOLVED) else explain(value.text)
    if value.kind == "not an array":
        return A_COLLECTION if value.text in ("list", "tuple", "generator") else None
    if answer.gradient:
        return NO_GRADIENT
    what = _judged(ast.parse(answer.shown, mode="eval").body) if answer.shown else None
    return NO_RETURN if isinstance(what, ast.Call | ast.Name) else None


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
        case "error" if value.text.startswith(UNSOLVED):
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
        return Verdict(mismatch.kind, advice=mismatch.advice, hidden=True, about=answer.about)
    picture = Picture.of(mismatch.wrong) if mismatch.wrong is not None else None
    both = mismatch.actual, mismatch.expected
    return Verdict(mismatch.kind, *both, answer.shown, mismatch.advice, picture=picture)


def answers_to_json(answers: Sequence[Answer]) -> list[dict[str, Any]]:
    return [
        {
            "judge": judge_to_json(a.judge),
            "shown": a.shown,
            "hidden": a.hidden,
            **({"mixed": True} if a.mixed else {}),
            **({"gradient": True} if a.gradient else {}),
            **({"about": a.about} if a.about else {}),
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
            d.get("mixed", False),
            d.get("gradient", False),
            d.get("about", ""),
        )
        for d in data
    ]


def read_answers(path: Path, part: str) -> dict[str, list[Answer]]:
    """Recorded answers by check; `part` is `public` or `full`."""
    data = json.loads(path.read_text(encoding="utf-8"))
    return {id: answers_from_json(parts[part]) for id, parts in data.items() if part in parts}


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
        and same_judge(old.judge, new.judge)
        and judge.compare(new.array, old.array) is None
    )
