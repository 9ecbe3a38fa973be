"""What a student may do to somebody else's code so that it looks like another's.

Each takes and returns the source of an answer, which means the same afterwards.
"""

import ast
import io
import random
import tokenize
from collections.abc import Callable, Iterator

WORDS = ("alpha", "beta", "gamma", "delta", "kappa", "mu", "nu", "omega", "phi", "rho", "tau", "xi")
NOTES = ("first this", "now the next step", "as in the lecture", "this took me a while", "done")
Disguise = Callable[[str, random.Random], str]


def verbatim(source: str, rng: random.Random) -> str:
    """Change nothing."""
    return source


def commented(source: str, rng: random.Random) -> str:
    """Other comments, and more of them."""
    lines = source.splitlines()
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    for token in [t for t in tokens if t.type == tokenize.COMMENT]:
        row, column = token.start
        lines[row - 1] = lines[row - 1][:column] + f"# {rng.choice(NOTES)}"
    starts = {n.lineno for n in ast.walk(ast.parse(source)) if isinstance(n, ast.stmt)}
    for row in sorted(starts, reverse=True):
        if rng.random() < 0.3:
            lines.insert(row - 1, f"{_indent(lines[row - 1])}# {rng.choice(NOTES)}")
    return "\n".join(lines)


def renamed(source: str, rng: random.Random) -> str:
    """Other names for the variables of functions, and another layout."""
    tree = ast.parse(source)
    for function in [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)]:
        stored = {n.id for n in ast.walk(function) if _is_stored(n)}
        stored -= {n.arg for n in ast.walk(function) if isinstance(n, ast.arg)}
        fresh = [f"{a}_{b}" for a in WORDS for b in WORDS]
        rng.shuffle(fresh)
        names = dict(zip(sorted(stored), fresh, strict=False))
        for node in ast.walk(function):
            if isinstance(node, ast.Name):
                node.id = names.get(node.id, node.id)
            if isinstance(node, ast.ExceptHandler) and node.name:
                node.name = names.get(node.name, node.name)
    return ast.unparse(tree)


def reordered(source: str, rng: random.Random) -> str:
    """Neighbouring assignments that do not touch each other change places; so do methods."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            methods = [n for n in node.body if isinstance(n, ast.FunctionDef)]
            rng.shuffle(methods)
            node.body = [n for n in node.body if n not in methods] + methods
        for body in (getattr(node, name, None) for name in ("body", "orelse")):
            for i in range(len(body) - 1 if isinstance(body, list) else 0):
                if _may_swap(body[i], body[i + 1]):
                    body[i], body[i + 1] = body[i + 1], body[i]
        if isinstance(node, ast.Call) and all(k.arg for k in node.keywords):
            rng.shuffle(node.keywords)
    return ast.unparse(tree)


def extracted(source: str, rng: random.Random) -> str:
    """One expression goes into a function of its own."""
    tree = ast.parse(source)
    for function in _functions(tree):
        stored = {n.id for n in ast.walk(function) if _is_stored(n)}
        own = stored | {argument.arg for argument in function.args.args}
        for node in function.body:
            if isinstance(node, ast.Assign) and _may_go(node.value):
                names = {n.id for n in ast.walk(node.value) if isinstance(n, ast.Name)} & own
                call = f"_{rng.choice(WORDS)}({', '.join(sorted(names))})"
                helper = f"def {call}:\n    return {ast.unparse(node.value)}\n\n\n"
                node.value = ast.parse(call, mode="eval").body
                return helper + ast.unparse(tree)
    return source


def _may_go(value: ast.expr) -> bool:
    nodes = list(ast.walk(value))
    return len(nodes) > 8 and not any(isinstance(n, ast.comprehension | ast.Lambda) for n in nodes)


def everything(source: str, rng: random.Random) -> str:
    """All of these, one after the other."""
    for disguise in (extracted, reordered, renamed, commented):
        source = disguise(source, rng)
    return source


def _functions(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    for node in tree.body:
        for n in node.body if isinstance(node, ast.ClassDef) else [node]:
            if isinstance(n, ast.FunctionDef):
                yield n


def _is_stored(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _may_swap(one: ast.stmt, other: ast.stmt) -> bool:
    if not isinstance(one, ast.Assign) or not isinstance(other, ast.Assign):
        return False
    targets = [{ast.unparse(t) for t in _targets(s)} for s in (one, other)]
    texts = [{ast.unparse(n) for n in ast.walk(s) if isinstance(n, ast.expr)} for s in (one, other)]
    return not targets[0] & texts[1] and not targets[1] & texts[0]


def _targets(statement: ast.Assign) -> Iterator[ast.expr]:
    for target in statement.targets:
        yield from (n for n in ast.walk(target) if isinstance(n, ast.Name | ast.Attribute))


DISGUISES: dict[str, Disguise] = {
    disguise.__name__: disguise
    for disguise in (verbatim, commented, renamed, reordered, extracted, everything)
}
