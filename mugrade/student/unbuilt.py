"""What a notebook says where something is not built yet."""

import importlib
import linecache
import types
from typing import Any

from mugrade.course.manifest import Manifest
from mugrade.values.observe import describe


class NotBuilt(ImportError):
    """A part of the package that no notebook has built yet."""

    def _render_traceback_(self) -> list[str]:
        return [f"NotBuilt: {self}"]


class ExportError(Exception):
    """A cell that ran in the notebook but does not work in its module."""


def why_not(error: BaseException, path: str) -> str:
    """Why a cell that ran in the notebook does not run in its module."""
    return (
        f"{path} does not run with this cell: {describe(error)}. "
        "What a module uses must be imported or defined in its own exported cells"
    )


def show_unsolved(shell: Any, kind: type, error: Any, trace: Any, tb_offset: Any = None) -> None:
    """Show an exercise's placeholder that was reached as one sentence."""
    last = trace
    while last.tb_next is not None:
        last = last.tb_next
    code = last.tb_frame.f_code
    if "YOUR CODE HERE" in linecache.getline(code.co_filename, last.tb_lineno - 1):
        text = f"{code.co_qualname} is not written yet: fill its cell in and run it, then this one"
        error._render_traceback_ = lambda: [text]
    shell.showtraceback((kind, error, trace), tb_offset=tb_offset)


def how_to_build(name: str, stage: str) -> str:
    """What to do about a name that is not built yet."""
    return f"{name} is not built yet: run its cell in {stage}.ipynb, or: mugrade take {stage[:2]}"


def say_what_is_missing(module: types.ModuleType, manifest: Manifest) -> None:
    """Let the module's missing attributes be imported, or say which notebook builds them."""

    def missing(name: str) -> Any:
        full = f"{module.__name__}.{name}"
        if manifest.stage_of_module(full):
            return importlib.import_module(full)
        stage = manifest.stage_of_symbol(name, module.__name__)
        if stage is not None and not name.startswith("_"):
            raise NotBuilt(how_to_build(full, stage), name=full)
        raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")

    vars(module).setdefault("__getattr__", missing)
