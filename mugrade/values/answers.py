"""Recorded answers: what the reference yielded, and the verdict on what a submission yields."""

import ast
import base64
import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mugrade.values.close import Close, Judge
from mugrade.values.datum import Datum, size_of
from mugrade.values.distribution import Distribution
from mugrade.values.holds import AnyOf, Holds, asked, condition
from mugrade.values.judges import JUDGES, Labels, judge_from_json, judge_to_json
from mugrade.values.observe import Kind, Observed
from mugrade.values.same import an, kind_of
from mugrade.values.wire import datum_from_json, datum_to_json

HIDDEN_MARK = "BEGIN HIDDEN TESTS"


@dataclass(frozen=True)
class Answer:
    """What the reference yielded at one place of a check, and the judge that compares with it.

    A `mixed` value is computed in the yield itself, as in `yield w.grad * (1 + w.requires_grad)`;
    a `gradient` is what the yield reads from `grad`. `about` says of what kind a hidden input is;
    `points` are those of the part of the check that ends here.
    """

    judge: Judge
    value: Datum
    shown: str
    hidden: bool
    mixed: bool = False
    gradient: bool = False
    about: str = ""
    points: int = 0

    @property
    def array(self) -> np.ndarray | None:
        """The value, if it is an array."""
        return self.value if isinstance(self.value, np.ndarray) else None

    @property
    def size(self) -> int:
        """About how many numbers it takes to answer right."""
        shape = getattr(self.judge, "shape", None)
        return size_of(self.value) if shape is None else math.prod(shape)


Loops = tuple[tuple[tuple[str, ...], str], ...]


def record(
    values: Sequence[Observed], source: str, truths: Mapping[str, np.ndarray]
) -> list[Answer]:
    """The answers of one check from the reference's own run of its `source`.

    Raises ValueError when the reference itself yields what is no data.
    """
    places = _yields(source)
    answers = []
    turns: Counter[tuple[int, str]] = Counter()
    for value in values:
        if not value.is_data:
            refused = f"{an(value.text)}, which cannot be compared"
            error = value.kind == Kind.ERROR
            raise ValueError(f"the reference yields {value.text if error else refused}")
        place = places.get(value.line, Place())
        turn = dict(value.turn)
        key = value.line, place.variables(turn)
        turns[key] += 1
        shown = place.at(turn, turns[key])
        wanted = value.judge
        if isinstance(wanted, Holds):
            wanted = wanted.recorded(place.condition)
        if isinstance(wanted, AnyOf | Holds):
            _demand_kept_outside(wanted, value.value, source)
        judge, recorded = _recorded(wanted, value.value, truths)
        what = place.judged
        kind = _mixed(what), _gradient(what)
        answers.append(
            Answer(judge, recorded, shown, place.hidden, *kind, place.about, value.points)
        )
    return answers


@dataclass(frozen=True)
class Place:
    """A yield in a check: its text, and the loops that it stands in, (names, over what).

    `about` is the last `#: text` above a hidden one, `condition` what `holds` asks for.
    """

    text: str = ""
    hidden: bool = False
    judged: ast.expr | None = None
    loops: Loops = ()
    about: str = ""
    condition: str = ""

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


def _demand_kept_outside(judge: AnyOf | Holds, value: Datum, source: str) -> None:
    """Raise ValueError where a submission would be told what is right, or the reference is not."""
    if asked(source) == source:
        raise ValueError(f"call {judge.name}(...) by this name, or a submission sees what is right")
    if miss := judge.compare(value, value):
        raise ValueError(f"{miss.expected} does not hold of the reference's own value")


def _recorded(judge: Judge, value: Datum, truths: Mapping[str, np.ndarray]) -> tuple[Judge, Datum]:
    """The judge, and what it compares with: not always the reference's value."""
    if not isinstance(value, np.ndarray):
        if isinstance(judge, Distribution | Labels):
            raise ValueError(f"{judge.name}(...) judges arrays, and this is {an(kind_of(value))}")
        return judge, value
    match judge:
        case Distribution():
            return judge.recorded(value)
        case Labels(truth=truth) if truth not in truths:
            raise ValueError(f"there are no labels called {truth!r} in solutions/labels")
        case Labels(truth=truth):
            return judge, truths[truth]
        case Close():
            return judge, judge.recorded(value)
    return judge, value


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
            what = judged(node.value), loops, about, condition(node.value, function)
            place = Place(ast.unparse(node.value), hidden, *what)
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


def judged(value: ast.expr | None) -> ast.expr | None:
    """What is yielded, without the judge around it."""
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.args:
        return judged(value.args[0]) if value.func.id in {*JUDGES, "worth"} else value
    return value


def answers_to_json(answers: Sequence[Answer]) -> list[dict[str, Any]]:
    return [
        {
            "judge": judge_to_json(a.judge),
            "shown": a.shown,
            "hidden": a.hidden,
            **({"mixed": True} if a.mixed else {}),
            **({"gradient": True} if a.gradient else {}),
            **({"about": a.about} if a.about else {}),
            **({"points": a.points} if a.points else {}),
            **_value_to_json(a.value),
        }
        for a in answers
    ]


def _value_to_json(value: Datum) -> dict[str, Any]:
    if not isinstance(value, np.ndarray):
        return {"datum": datum_to_json(value)}
    data = base64.b64encode(np.ascontiguousarray(value).tobytes()).decode("ascii")
    return {"dtype": value.dtype.str, "shape": list(value.shape), "data": data}


def _value_from_json(d: Mapping[str, Any]) -> Datum:
    if "datum" in d:
        return datum_from_json(d["datum"])
    return np.frombuffer(base64.b64decode(d["data"]), d["dtype"]).reshape(d["shape"])


def answers_from_json(data: Sequence[dict[str, Any]]) -> list[Answer]:
    return [
        Answer(
            judge_from_json(d["judge"]),
            _value_from_json(d),
            d["shown"],
            d["hidden"],
            d.get("mixed", False),
            d.get("gradient", False),
            d.get("about", ""),
            d.get("points", 0),
        )
        for d in data
    ]


def read_answers(path: Path, part: str) -> dict[str, list[Answer]]:
    """Recorded answers by check; `part` is `public` or `full`."""
    data = json.loads(path.read_text(encoding="utf-8"))
    return {id: answers_from_json(parts[part]) for id, parts in data.items() if part in parts}
