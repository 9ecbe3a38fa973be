"""What a check puts in before each yield: its own variables, and what it computes in the call."""

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mugrade.sandbox.job import CheckTask
from mugrade.values.judges import JUDGES
from mugrade.values.observe import Kind, Observed

TEXT, VALUE, YIELD = "text", "value", "yield"
SHOW = '''
def _told(x):
    """A plain value as text; of others the type."""
    import numpy
    plain = (bool, int, float, complex, str, tuple, list, dict, type(None))
    text = repr(x) if isinstance(x, plain) else type(x).__name__
    return numpy.frombuffer(text[:300].encode("ascii", "backslashreplace"), "uint8")
'''


@dataclass(frozen=True)
class Input:
    """Something that goes into a yield: an expression of the check, and what it is."""

    name: str
    value: Observed
    text: str


@dataclass(frozen=True)
class Traced:
    """A check that yields its inputs too; `marks`: line -> what is yielded there, and its name."""

    task: CheckTask
    marks: Mapping[int, tuple[str, str]]


def traced(task: CheckTask) -> Traced:
    """The check rewritten so that each yield comes after its inputs.

    What a call is given is computed once, and in the order in which it was.
    """
    function = _function(ast.parse(task.source))
    tracer = _Tracer(_own_names(function))
    function.body = tracer.visit_all(function.body)
    source = SHOW + ast.unparse(ast.fix_missing_locations(function))
    again = _function(ast.parse(source))
    first = min(d.lineno for d in again.decorator_list)
    lines = sorted(n.lineno - first for n in _own_nodes(again) if isinstance(n, ast.Yield))
    return Traced(replace(task, source=source), dict(zip(lines, tracer.marks, strict=True)))


def _own_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes below, without those of functions that are defined there."""
    for child in ast.iter_child_nodes(node):
        yield child
        if not isinstance(child, ast.FunctionDef | ast.Lambda | ast.ClassDef):
            yield from _own_nodes(child)


def steps(values: Sequence[Observed], marks: Mapping[int, tuple[str, str]]) -> list[list[Input]]:
    """The inputs of each yield, in order, of what a traced check has yielded."""
    found: list[list[Input]] = []
    here: list[Input] = []
    text = ""
    for value in values:
        kind, name = marks.get(value.line, (YIELD, ""))
        if kind == TEXT and value.array is not None:
            text = value.array.tobytes().decode("ascii", "replace")
        elif kind == VALUE and text != "function":
            here.append(Input(name, value, text))
        elif kind == YIELD and value.kind != Kind.ERROR:
            found.append(here)
            here = []
    return found


class _Tracer(ast.NodeTransformer):
    def __init__(self, own: set[str]) -> None:
        self.own = own
        self.marks: list[tuple[str, str]] = []

    def visit_all(self, body: list[ast.stmt]) -> list[ast.stmt]:
        found: list[ast.stmt] = []
        for statement in body:
            new = self.visit(statement)
            found += new if isinstance(new, list) else [new]
        return found

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.Lambda:
        return node

    def visit_Yield(self, node: ast.Yield) -> ast.Yield:
        self.marks.append((YIELD, ""))
        return node

    def visit_Expr(self, node: ast.Expr) -> Any:
        if not isinstance(node.value, ast.Yield) or node.value.value is None:
            return self.generic_visit(node)
        value = node.value.value
        names = [n.id for n in ast.walk(value) if isinstance(n, ast.Name)]
        before = [
            self._shown(name, _bound(name)) for name in dict.fromkeys(names) if name in self.own
        ]
        for name, label, computed in _computed(value):
            before.append([ast.Assign([ast.Name(name, ast.Store())], computed)])
            if label:
                before.append(self._shown(label, ast.Name(name, ast.Load())))
        self.marks.append((YIELD, ""))
        return [statement for statements in before for statement in statements] + [node]

    def _shown(self, label: str, value: ast.expr) -> list[ast.stmt]:
        told = ast.Call(ast.Name("_told", ast.Load()), [value], [])
        self.marks += [(TEXT, label), (VALUE, label)]
        return [ast.Expr(ast.Yield(told)), ast.Expr(ast.Yield(value))]


def _computed(value: ast.expr) -> Iterator[tuple[str, str, ast.expr]]:
    """Name, label and expression of what a yield's first call computes, which gets the name."""
    call = _first_call(value)
    if call is None or any(isinstance(a, ast.Starred) for a in call.args):
        return
    if any(isinstance(node, ast.Call) for node in ast.walk(call.func)):
        function, call.func = call.func, ast.Name("_function", ast.Load())
        yield "_function", "", function
    for i, argument in enumerate(call.args):
        if _is_computed(argument):
            call.args[i] = ast.Name(f"_input_{i}", ast.Load())
            yield f"_input_{i}", ast.unparse(argument), argument
    for keyword in call.keywords:
        if keyword.arg and _is_computed(keyword.value):
            name, computed = f"_input_{keyword.arg}", keyword.value
            keyword.value = ast.Name(name, ast.Load())
            yield name, f"{keyword.arg}={ast.unparse(computed)}", computed


def _bound(name: str) -> ast.expr:
    """A variable; a function, which is never shown, where it has no value yet."""
    return ast.parse(f"locals().get({name!r}, _told)", mode="eval").body


def _first_call(value: ast.expr) -> ast.Call | None:
    """The call that is made first, not that of a judge around it."""
    while not isinstance(value, ast.Call):
        if isinstance(value, ast.Attribute | ast.Subscript):
            value = value.value
        elif isinstance(value, ast.BinOp):
            value = value.left
        else:
            return None
    is_judge = isinstance(value.func, ast.Name) and value.func.id in JUDGES and value.args
    return _first_call(value.args[0]) if is_judge else value


def _is_computed(argument: ast.expr) -> bool:
    kinds = ast.Call | ast.BinOp | ast.Subscript | ast.Attribute
    return isinstance(argument, kinds)


def _function(tree: ast.Module) -> ast.FunctionDef:
    """The check itself, without what stands before it."""
    return next(n for n in tree.body if isinstance(n, ast.FunctionDef) and n.decorator_list)


def _own_names(function: ast.FunctionDef) -> set[str]:
    stored = (n for n in ast.walk(function) if isinstance(n, ast.Name))
    return {name.id for name in stored if isinstance(name.ctx, ast.Store)}
