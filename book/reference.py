"""Reference pages of modules: what stands in their docstrings, which are Markdown with formulas.

Nothing is imported: signatures and texts are read from the source.
"""

import ast
import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import mugrade
from mugrade.course.cells import Role
from mugrade.course.model import Course
from mugrade.sandbox.loader import module_name

LOWER = ("values", "package", "course", "view", "sandbox", "reference")
ROOMS = {f"mugrade.{room}" for room in (*LOWER, "student", "author", "grader")}
LIBRARY = "The library as its stages leave it; each module is built by the cells of one stage."
NAMES = """\
# mugrade

What the notebooks of a course import from `mugrade`; [writing a course](../writing-a-course.md)
shows each at work.
"""
IN_ROOMS = """\
## Inside

The rooms of the code, for whoever changes it; [architecture](../architecture.md) says what each
knows.
"""
Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """A module by the name under which it is imported, and its syntax tree."""

    name: str
    tree: ast.Module

    @property
    def text(self) -> str:
        return docstring(self.tree)

    @property
    def public(self) -> list[Definition]:
        """The classes and functions that it defines for others and describes."""
        return [d for d in definitions(self.tree) if docstring(d)]


def read_modules(root: Path, package: str) -> list[Module]:
    """The modules of a package that lies in `root`, folders first."""
    found = []
    for path in sorted((root / package).rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found.append(Module(name, ast.parse(path.read_text(encoding="utf-8"))))
    return sorted(found, key=lambda module: module.name)


def reference_pages(course: Course) -> Iterator[tuple[str, str]]:
    """Name and text of each page: the course's library, mugrade's names, and its rooms."""
    library = read_modules(course.root / "solutions", course.package)
    yield "library", module_page(course.package, LIBRARY, library, _builders(course))
    modules = read_modules(Path(mugrade.__file__).parents[1], "mugrade")
    rooms = {module.name: module.text for module in modules if module.name in ROOMS}
    toctree = ("```{toctree}", ":maxdepth: 1", "", *rooms, "```", "")
    names = names_page(modules, "mugrade", mugrade.HOMES)
    yield "mugrade", "\n".join((NAMES, names, IN_ROOMS, *toctree))
    for room, text in rooms.items():
        inside = [module for module in modules if module.name.startswith(f"{room}.")]
        yield room, module_page(room, text, inside, {})


def _builders(course: Course) -> dict[str, str]:
    """Module -> a sentence with the stage that builds it."""
    return {
        module_name(cell.export): f"Built in [{stage.title}](../stages/{stage.name}.ipynb)."
        for stage in course.stages
        for cell in stage.exports
        if cell.role != Role.INDEX
    }


def docstring(node: ast.Module | Definition) -> str:
    """What is said of it, without indentation."""
    return inspect.cleandoc(ast.get_docstring(node, clean=False) or "")


def definitions(node: ast.Module | ast.ClassDef) -> Iterator[Definition]:
    """What is defined in it for others, in order; of an overloaded function the last."""
    last = {d.name: d for d in node.body if isinstance(d, Definition)}
    yield from (d for d in last.values() if not d.name.startswith("_"))


def module_page(
    title: str, introduction: str, modules: list[Module], notes: Mapping[str, str]
) -> str:
    """A page of some modules, a section for each that has something to say, with its note."""
    lines = [f"# {title}\n", f"{introduction}\n"]
    for module in modules:
        if module.text or module.public:
            lines += [f"## {module.name}\n", f"```{{py:module}} {module.name}\n```\n"]
            lines += [f"{module.text}\n", f"{notes.get(module.name, '')}\n"]
            lines += [described(d) for d in module.public]
    return "\n".join(lines)


def described(node: Definition) -> str:
    """A class with its methods, or a function, as a directive of Sphinx."""
    inner = []
    if isinstance(node, ast.ClassDef):
        inner = [_directive(_kind(d), d, "", 4) for d in definitions(node) if docstring(d)]
    kind = "class" if isinstance(node, ast.ClassDef) else "function"
    return _directive(kind, node, "\n".join(inner), 5)


def _directive(kind: str, node: Definition, inner: str, width: int) -> str:
    fence = "`" * width
    return f"{fence}{{py:{kind}}} {signature(node)}\n\n{docstring(node)}\n\n{inner}\n{fence}\n"


def _kind(node: Definition) -> str:
    marks = {d.id for d in node.decorator_list if isinstance(d, ast.Name)}
    if marks & {"property", "cached_property"}:
        return "property"
    return "classmethod" if "classmethod" in marks else "method"


def signature(node: Definition) -> str:
    """As one writes it, in one line; of a class that of `__init__`, or its fields."""
    if isinstance(node, ast.ClassDef):
        return f"{node.name}({_construction(node)})"
    if _kind(node) == "property":
        return node.name
    returns = f" -> {_plain(node.returns)}" if node.returns else ""
    return f"{node.name}({_arguments(node)}){returns}"


def _construction(node: ast.ClassDef) -> str:
    for item in node.body:
        if isinstance(item, ast.FunctionDef) and item.name == "__init__":
            return _arguments(item)
    if any("dataclass" in ast.unparse(d) for d in node.decorator_list):
        fields = (item for item in node.body if isinstance(item, ast.AnnAssign))
        return ", ".join(ast.unparse(f.target) for f in fields)
    return ""


def _arguments(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    arguments = ast.parse(ast.unparse(node)).body[0]
    assert isinstance(arguments, ast.FunctionDef | ast.AsyncFunctionDef)
    first = (*arguments.args.posonlyargs, *arguments.args.args)[:1]
    if first and first[0].arg in ("self", "cls"):
        (arguments.args.posonlyargs or arguments.args.args).pop(0)
    return _unquoted(ast.unparse(arguments.args))


def _plain(annotation: ast.expr) -> str:
    return _unquoted(ast.unparse(annotation))


def _unquoted(text: str) -> str:
    """Annotations without the quotes that a name takes which is defined further down."""
    return re.sub(r"'([A-Z][\w.]*(?:\[[^']*\])?(?: \| None)?)'", r"\1", text)


def names_page(modules: list[Module], package: str, names: Mapping[str, str]) -> str:
    """Descriptions of what a package offers by itself: name -> the module that defines it."""
    of = {module.name: module for module in modules}
    lines = [f"```{{py:module}} {package}\n```\n"]
    for name, home in names.items():
        lines += [described(node) for node in of[home].public if node.name == name]
    return "\n".join(lines)
