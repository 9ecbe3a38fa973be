"""The normal form of an answer: what is left of code whoever words and arranges it.

A preorder of the syntax tree, as Dolos has it (Maertens et al. 2022), with the source line of each
token. Gone are comments, docstrings, type hints, imports, formatting; the student's own names are
told apart only by where they recur. Functions are taken one by one, keywords are sorted, so are the
operands of + and *, a > b is b < a, and statements stand in an order of their own where none reads
or writes what another one writes.
"""

import ast
from collections.abc import Container, Iterable, Iterator, Sequence
from typing import NamedTuple

from mugrade.errors import Unreadable
from mugrade.grader.similar.arranged import Statement, Token, linear

MAX_NODES = 20_000  # of an answer's syntax tree; the longest reference answer of needle has 430
LONGEST_TEXT = 40
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
DEFINED = (*FUNCTIONS, ast.ClassDef)
STAY = (
    *(ast.Return, ast.Raise, ast.Break, ast.Continue, ast.Assert, ast.Global, ast.Nonlocal),
    *(ast.Yield, ast.YieldFrom, ast.Await, ast.ExceptHandler, ast.match_case),
)
BLOCKS = ("body", "handlers", "orelse", "finalbody", "cases")
HINTS = ("ctx", "annotation", "returns", "type_comment", "type_params", "simple", "kind")
IMPORTS = (ast.Import, ast.ImportFrom)
EFFECTS = "()"  # what statements change that are there for their effect


class Vocabulary(NamedTuple):
    """The names that are a student's own: all but methods, functions, attributes that are set."""

    names: frozenset[str]
    functions: frozenset[str]
    attributes: frozenset[str]

    @classmethod
    def of(cls, nodes: Iterable[ast.AST], given: Iterable[str]) -> "Vocabulary":
        """What the code binds, but for imports, methods and the names that the course has given."""
        names, functions, attributes = set[str](), set[str](), set[str]()
        theirs = set(given)
        for node in nodes:
            match node:
                case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
                    names.add(name)
                case ast.Attribute(attr=name, ctx=ast.Store()):
                    attributes.add(f".{name}")
                case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
                    names.add(name)
                case ast.alias(name=name, asname=other):
                    theirs.add(other or name.partition(".")[0])
                case ast.Module(body=body) | ast.FunctionDef(body=body):
                    functions |= {n.name for n in body if isinstance(n, DEFINED)}
        found = frozenset(functions - theirs)
        return cls(frozenset(names - theirs) | found, found, frozenset(attributes))


def normal_form(source: str, given: Iterable[str]) -> list[list[Token]]:
    """The tokens of each function, and of what stands outside of functions.

    `given` are names that are the course's. Raises Unreadable for what is no Python, or too much.
    """
    try:
        tree = ast.parse(source)
        nodes = list(_below(tree))
        if len(nodes) > MAX_NODES:
            raise Unreadable(f"an answer of {len(nodes)} syntax nodes, more than {MAX_NODES}")
        vocabulary = Vocabulary.of(nodes, given)
        return [
            linear([_statement(n, vocabulary) for n in part]) for part in _parts(tree.body) if part
        ]
    except (SyntaxError, ValueError) as error:
        text = getattr(error, "msg", str(error))
        raise Unreadable(f"an answer is no Python code ({text})") from None
    except (RecursionError, MemoryError):
        raise Unreadable("an answer is nested too deeply") from None


def _parts(body: Sequence[ast.stmt]) -> Iterator[list[ast.stmt]]:
    """Functions and methods, each for itself, and the rest of each class and of the module."""
    rest: list[ast.stmt] = []
    for node in body:
        if isinstance(node, FUNCTIONS):
            yield [node]
        elif isinstance(node, ast.ClassDef):
            *inner, others = _parts(node.body)
            yield from inner
            node.body = others
            yield [node]
        else:
            rest.append(node)
    yield [node for node in rest if not _says_nothing(node)]


def _statement(node: ast.AST, own: Vocabulary) -> Statement:
    """A statement, an `except` or a `case`, with those in its blocks."""
    blocks = [
        (name, [_statement(n, own) for n in found if not _says_nothing(n)])
        for name in BLOCKS
        if isinstance(found := getattr(node, name, None), list) and found
    ]
    head = _tokens(node, own)
    nodes = list(_below(node, BLOCKS))
    reads, writes = _effects(node, nodes)
    inner = [s for _, block in blocks for s in block]
    stays = any(isinstance(n, STAY) for n in nodes)
    if isinstance(node, DEFINED):
        reads = reads.union(*(s.reads | s.writes for s in inner))
    else:
        stays = stays or any(s.stays for s in inner)
        reads = reads.union(*(s.reads for s in inner))
        writes = writes.union(*(s.writes for s in inner))
    return Statement(head, blocks, frozenset(reads), frozenset(writes), stays)


def _says_nothing(node: ast.AST) -> bool:
    """Docstrings, other bare constants, `pass`, imports, and annotations without a value."""
    return (
        isinstance(node, (ast.Pass, *IMPORTS))
        or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        or (isinstance(node, ast.AnnAssign) and node.value is None)
    )


def _tokens(node: ast.AST, own: Vocabulary, line: int = 0) -> list[Token]:
    """The tokens of a node and all below it; of a statement, those before its first block."""
    line = getattr(node, "lineno", line)
    match node:
        case ast.Name(id=name) | ast.arg(arg=name):
            return [_name(name, line, own.names)]
        case ast.Attribute(value=value, attr=name):
            return [*_tokens(value, own, line), _name(f".{name}", line, own.attributes)]
        case ast.Constant(value=constant):
            return [Token(_constant(constant), "", line)]
        case ast.keyword(arg=name, value=value):
            return [Token(f"{name}=", "", line), *_tokens(value, own, line)]
        case ast.BinOp(left=left, op=ast.Add() | ast.Mult() as op, right=right):
            sides = sorted((_tokens(side, own, line) for side in (left, right)), key=_blind)
            return [Token(type(op).__name__, "", line), *sides[0], *sides[1]]
        case ast.Compare(left=left, ops=[ast.Gt() | ast.GtE() as op], comparators=[right]):
            less = ast.Lt() if isinstance(op, ast.Gt) else ast.LtE()
            return _tokens(ast.Compare(right, [less], [left]), own, line)
        case ast.AnnAssign(target=target, value=ast.expr() as value):
            return _tokens(ast.Assign([target], value), own, line)
        case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            first = [Token(type(node).__name__, "", line), _name(name, line, own.functions)]
            return first + _fields(node, own, line, {"name"})
    return [Token(type(node).__name__, "", line), *_fields(node, own, line)]


def _fields(node: ast.AST, own: Vocabulary, line: int, besides: Iterable[str] = ()) -> list[Token]:
    found: list[Token] = []
    for field, value in ast.iter_fields(node):
        is_block = field in BLOCKS and isinstance(value, list)
        if is_block or field in HINTS or field in besides:
            continue
        items = value if isinstance(value, list) else [value]
        if field == "keywords":
            items = sorted(items, key=lambda k: k.arg or "")
        for item in items:
            if isinstance(item, ast.AST):
                found += _tokens(item, own, line)
            elif isinstance(item, str):
                found.append(_name(item, line, own.names))
    return found


def _name(name: str, line: int, own: Iterable[str]) -> Token:
    return Token("", name, line) if name in own else Token(name, "", line)


def _constant(value: object) -> str:
    """A number or a word as it is written; what is said to people may be worded differently."""
    if isinstance(value, str | bytes):
        return repr(value) if len(value) < LONGEST_TEXT and len(value.split()) == 1 else "text"
    return repr(value)[:LONGEST_TEXT]


def _blind(tokens: Sequence[Token]) -> tuple[str, ...]:
    return tuple(token.text for token in tokens)


def _below(node: ast.AST, lists: Container[str] = ()) -> Iterator[ast.AST]:
    """The node and all below it, but for type hints and some lists; faster than `ast.walk`."""
    todo = [node]
    while todo:
        yield (one := todo.pop())
        for name in one._fields:
            value = None if name in HINTS else getattr(one, name, None)
            if isinstance(value, list) and name not in lists:
                todo += [v for v in value if isinstance(v, ast.AST)]
            elif isinstance(value, ast.AST):
                todo.append(value)


def _effects(node: ast.AST, nodes: Iterable[ast.AST]) -> tuple[set[str], set[str]]:
    """What the head of a statement reads and writes: names, and attributes of names."""
    reads, writes, inner = set(), set(), set()
    for n in nodes:
        path = _path(n)
        if path and isinstance(getattr(n, "ctx", None), ast.Load):
            reads.add(path)
        elif path:
            writes.add(path)
        elif isinstance(n, ast.comprehension):
            inner |= {t.id for t in ast.walk(n.target) if isinstance(t, ast.Name)}
    match node:
        case ast.AugAssign(target=target):
            reads.add(_path(target))
        case ast.Expr(value=value):
            receiver = value.func if isinstance(value, ast.Call) else value
            writes |= {EFFECTS, _path(getattr(receiver, "value", receiver))}
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            writes.add(name)
        case ast.ExceptHandler(name=str(name)):
            writes.add(name)
    return reads - inner - {""}, writes - inner - {""}


def _path(node: ast.AST) -> str:
    """`a.b` for that, and for an element of it; nothing for what is no name."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=name):
            return f"{above}.{name}" if (above := _path(value)) else ""
        case ast.Subscript(value=value) | ast.Starred(value=value):
            return _path(value)
    return ""
