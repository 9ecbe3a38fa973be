"""The command line's page, from the commands themselves."""

import inspect
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, Union, get_args, get_origin, get_type_hints

from typer.models import ArgumentInfo, OptionInfo

from book.tables import markdown_table
from mugrade.cli import KEEPING, OF_A_STUDENT, OF_A_TEACHER

Command = Callable[..., None]
GROUPS: dict[str, tuple[Command, ...]] = {
    "For students": (*OF_A_STUDENT, *KEEPING),
    "For teachers and authors": OF_A_TEACHER,
}
INTRODUCTION = """\
# Commands

`mugrade --help` lists them, and `mugrade COMMAND --help` says of each what stands here. In a cell
of a notebook a `%` stands before them: `%mugrade hint multiply`.
"""


@dataclass(frozen=True)
class Parameter:
    """An argument or an option of a command; `kind` is its type without None."""

    name: str
    info: ArgumentInfo | OptionInfo
    kind: Any
    required: bool

    @property
    def is_option(self) -> bool:
        return isinstance(self.info, OptionInfo)

    @property
    def many(self) -> bool:
        return get_origin(self.kind) is list

    @property
    def written(self) -> str:
        """As one types it: `--stage TEXT`, or `STAGES...`."""
        if not self.is_option:
            return self.info.metavar or self.name.upper() + ("..." if self.many else "")
        names = self._names or (f"--{self.name.replace('_', '-')}",)
        return f"{', '.join(names)} {self._value}".strip()

    @property
    def _names(self) -> tuple[str, ...]:
        """In `Annotated`, what is written first stands where typer keeps the default."""
        first = self.info.default
        return (*((first,) if isinstance(first, str) else ()), *(self.info.param_decls or ()))

    @property
    def _value(self) -> str:
        kind = get_args(self.kind)[0] if self.many else self.kind
        if kind is bool:
            return ""
        if isinstance(kind, type) and issubclass(kind, Enum):
            return "|".join(str(choice.value) for choice in kind)
        names = {"str": "TEXT", "int": "NUMBER", "float": "NUMBER", "Path": "PATH"}
        return self.info.metavar or names.get(getattr(kind, "__name__", ""), "VALUE")


def commands_page() -> str:
    """Every command: what it does, what it takes, its options."""
    lines = [INTRODUCTION]
    for title, functions in GROUPS.items():
        lines.append(f"## {title}\n")
        lines += [line for function in functions for line in _described(function)]
    return "\n".join(lines)


def parameters(command: Command) -> list[Parameter]:
    """What a command takes, in order."""
    hints = get_type_hints(command, include_extras=True)
    found = []
    for name, parameter in inspect.signature(command).parameters.items():
        kind, *extras = get_args(hints[name])
        for info in extras:
            if isinstance(info, ArgumentInfo | OptionInfo):
                required = parameter.default is inspect.Parameter.empty
                found.append(Parameter(name, info, _without_none(kind), required))
    return found


def usage(command: Command) -> str:
    """The command with what it takes; what may be left out stands in brackets."""
    found = parameters(command)
    words = [f"mugrade {_name(command)}"]
    words += ["[OPTIONS]"] if any(p.is_option for p in found) else []
    given = [p for p in found if not p.is_option]
    return " ".join((*words, *(_bracketed(p) for p in given)))


def _bracketed(given: Parameter) -> str:
    return given.written if given.required or "[" in given.written else f"[{given.written}]"


def _name(command: Command) -> str:
    return command.__name__.replace("_", "-")


def _without_none(kind: Any) -> Any:
    if get_origin(kind) in (Union, types.UnionType):
        return next(k for k in get_args(kind) if k is not type(None))
    return kind


def _described(command: Command) -> Iterator[str]:
    yield f"### mugrade {_name(command)}\n"
    yield f"```text\n{usage(command)}\n```\n"
    yield (inspect.getdoc(command) or "") + "\n"
    for head, options in (("argument", False), ("option", True)):
        found = [p for p in parameters(command) if p.is_option == options]
        if found:
            rows = [(f"`{p.written}`", p.info.help or "") for p in found]
            yield markdown_table((head, "what it says"), rows)
