"""Judges for what has more than one right answer.

What is written behind the value in `any_of` and `holds` stays outside the process of student code:
it is recorded from the reference's own run, and left out of what a submission is asked (`asked`).
"""

import ast
import builtins
import importlib
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, ClassVar

from mugrade.values import Category
from mugrade.values.close import Close
from mugrade.values.datum import Datum, NotData, to_datum
from mugrade.values.same import short
from mugrade.values.verdict import Verdict
from mugrade.values.wire import datum_from_json, datum_to_json

KEPT_OUTSIDE = ("any_of", "holds")
MODULE, UNKNOWN = "module", "unknown"


@dataclass(frozen=True)
class AnyOf:
    """What the reference yields, or one of `others`, in JSON's types; each compared by `Close`."""

    name: ClassVar[str] = "any_of"
    others: Sequence[Any] = ()

    def compare(self, actual: Datum, expected: Datum) -> Verdict | None:
        miss = Close().compare(actual, expected)
        for other in self.others if miss else ():
            if Close().compare(actual, datum_from_json(other)) is None:
                return None
        return miss and replace(miss, expected=f"{miss.expected}, or what is as right")


@dataclass(frozen=True)
class Holds:
    """A condition on the value: the `source` of a function that returns whether it is right.

    `names` are what it uses: data in JSON's types, or modules. `what` says it in words.
    """

    name: ClassVar[str] = "holds"
    source: str = ""
    names: Mapping[str, Any] = field(default_factory=dict)
    what: str = ""

    def compare(self, actual: Datum, expected: Datum) -> Verdict | None:
        scope = {name: _named(tree) for name, tree in self.names.items()}
        advice = "the condition is all that counts: test it yourself on what you return"
        try:
            if eval(self.source, scope)(actual):
                return None
            found = short(actual)
        except Exception as error:
            found = f"{short(actual)}, of which that cannot be said ({type(error).__name__})"
        return Verdict(Category.VALUE, found, self.what or self.source, advice=advice)

    @classmethod
    def of(cls, predicate: Callable[[Any], Any], what: str) -> "Holds":
        """The condition that a function is, but for its source, which its check has."""
        return cls("", {name: _tree(value) for name, value in _used(predicate)}, what)

    def recorded(self, source: str) -> "Holds":
        """The condition with its source; raises ValueError if it uses what cannot be kept."""
        for name, tree in self.names.items():
            if isinstance(tree, dict) and UNKNOWN in tree:
                raise ValueError(
                    f"the condition of holds(...) uses {name}, which is neither data nor a module "
                    f"({tree[UNKNOWN]})"
                )
        if not source:
            raise ValueError("write yield holds(value, lambda ...) as a statement of its own")
        return replace(self, source=source)


def _named(tree: Any) -> Any:
    if isinstance(tree, dict) and MODULE in tree:
        return importlib.import_module(tree[MODULE])
    return datum_from_json(tree)


def _tree(value: Any) -> Any:
    if isinstance(value, types.ModuleType):
        return {MODULE: value.__name__}
    try:
        return datum_to_json(to_datum(value))
    except NotData as error:
        return {UNKNOWN: str(error)}


def _used(predicate: Callable[[Any], Any]) -> Iterator[tuple[str, Any]]:
    """Names that a function takes from around it, and what they are."""
    if not isinstance(predicate, types.FunctionType):
        return
    code, cells = predicate.__code__, predicate.__closure__ or ()
    for name, cell in zip(code.co_freevars, cells, strict=True):
        yield name, cell.cell_contents
    for name in sorted(set(_global_names(code))):
        if name in predicate.__globals__ and not hasattr(builtins, name):
            yield name, predicate.__globals__[name]


def _global_names(code: types.CodeType) -> Iterator[str]:
    """Names of globals, and of attributes, which the compiler does not tell apart."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _global_names(constant)


def condition(yielded: ast.expr | None, function: ast.FunctionDef) -> str:
    """The source of the condition in `holds(value, condition)`; empty if it is another call.

    Raises ValueError if it is neither a lambda nor a function in the check that only returns.
    """
    if isinstance(yielded, ast.Call) and _name(yielded) == "worth" and yielded.args:
        return condition(yielded.args[0], function)
    if not isinstance(yielded, ast.Call) or _name(yielded) != Holds.name or len(yielded.args) < 2:
        return ""
    found = yielded.args[1]
    if isinstance(found, ast.Lambda):
        return ast.unparse(found)
    for node in ast.walk(function):
        if isinstance(node, ast.FunctionDef) and isinstance(found, ast.Name):
            (*before, last) = node.body
            returns = isinstance(last, ast.Return) and last.value
            if node.name == found.id and returns and not before:
                return ast.unparse(ast.Lambda(node.args, returns))
    raise ValueError("the condition of holds(...) must be a lambda")


@cache
def asked(source: str) -> str:
    """A check as a submission is asked it: with 0 for what its judges keep outside."""
    if not any(f"{name}(" in source for name in KEPT_OUTSIDE):
        return source
    lines = [line.encode() for line in source.split("\n")]
    for call in ast.walk(ast.parse(source)):
        if isinstance(call, ast.Call) and _name(call) in KEPT_OUTSIDE:
            for kept in (*call.args[1:], *(keyword.value for keyword in call.keywords)):
                _blank(lines, kept)
    return b"\n".join(lines).decode()


def _name(call: ast.Call) -> str:
    """The last name of what is called, also where a module is in front of it."""
    return getattr(call.func, "id", getattr(call.func, "attr", ""))


def _blank(lines: list[bytes], kept: ast.expr) -> None:
    """Put 0 in an expression's place, and blanks, so that no line becomes another."""
    first, last = kept.lineno, kept.end_lineno or kept.lineno
    for number in range(first, last + 1):
        line = lines[number - 1]
        start = kept.col_offset if number == first else 0
        stop = kept.end_col_offset or len(line) if number == last else len(line)
        blank = (b"0" if number == first else b"").ljust(stop - start)
        lines[number - 1] = line[:start] + blank + line[stop:]
