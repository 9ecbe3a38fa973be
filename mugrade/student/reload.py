"""Run a block again in a module that is in use, so that objects made before stay valid.

IPython's autoreload runs a whole file again once it was saved, and then mends the old objects. Here
one block is run, a class stays the same object while its statement runs, so that `super()` and
`isinstance` hold in between, and all is undone if the block raises.
"""

import builtins
import contextlib
import gc
import io
import linecache
import types
from collections.abc import Iterator, Mapping
from typing import Any, TypeGuard

from mugrade.package.blocks import Block
from mugrade.sandbox.loader import compile_block

KEPT = {"__dict__", "__weakref__", "__slots__", "__module__"}
FUNCTION_PARTS = ("__code__", "__defaults__", "__kwdefaults__", "__doc__", "__dict__")
Saved = list[tuple[type, tuple[type, ...], dict[str, Any]]]


def run_blocks(
    module: types.ModuleType, before: list[Block], after: list[Block], again: Block | None = None
) -> dict[str, Any]:
    """Bring a module from the blocks that it has run to those that it should have run.

    Runs the blocks that are new, `again`, and those that bind again what these bind, and
    forgets the names that no block provides any more. Returns the former values of the names that
    stand for another object now.
    """
    scope = vars(module)
    old = dict(scope)
    stale = {name for block in before if block not in after for name in block.provides}
    for block in after:
        if block == again or block not in before or block.provides & stale:
            run_block(block, module)
            stale |= block.provides
    gone = _provided(before) - _provided(after)
    for name in gone & scope.keys():
        del scope[name]
    changed = _provided(after) & scope.keys() & old.keys()
    return {name: old[name] for name in changed if scope[name] is not old[name]}


def run_block(block: Block, module: types.ModuleType) -> None:
    """Execute a block in the module's namespace, in silence; undone if it raises.

    A class statement that redefines a class updates that class in place, a function gets its new
    code: instances, subclasses and names imported elsewhere follow.
    """
    scope = vars(module)
    before = dict(scope)
    saved: Saved = []
    try:
        with (
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
            _class_statements(scope, before, saved),
        ):
            code = compile_block(block.source, block.id, scope)
            lines = block.source.splitlines(keepends=True)
            linecache.cache[code.co_filename] = (len(block.source), None, lines, code.co_filename)
            exec(code, scope)
    except BaseException:
        for old, bases, attributes in reversed(saved):
            if old.__bases__ != bases:
                old.__bases__ = bases
            _set_attributes(old, attributes)
        scope.clear()
        scope.update(before)
        raise
    for name, new in list(scope.items()):
        if _same_function(before.get(name), new):
            scope[name] = _update_function(before[name], new)


def _provided(blocks: list[Block]) -> set[str]:
    return {name for block in blocks for name in block.provides}


@contextlib.contextmanager
def _class_statements(
    scope: dict[str, Any], before: dict[str, Any], saved: Saved
) -> Iterator[None]:
    """Let class statements at the top level of `scope` update the classes in `before`."""
    original = builtins.__build_class__

    def build(body: Any, name: str, *bases: Any, **options: Any) -> type:
        new: type = original(body, name, *bases, **options)
        old = before.get(name)
        if body.__globals__ is not scope or not _same_class(old, new) or new.__qualname__ != name:
            return new
        kept = _update_class(old, new, saved)
        if "__class__" in body.__code__.co_cellvars:
            _redirect_super(new, kept)
        return kept

    vars(builtins)["__build_class__"] = build
    try:
        yield
    finally:
        vars(builtins)["__build_class__"] = original


def _same_function(old: Any, new: Any) -> bool:
    """Whether `new` is another version of `old` that fits into it."""
    if old is new or not all(isinstance(f, types.FunctionType) for f in (old, new)):
        return False
    return _form(old) == _form(new) and old.__globals__ is new.__globals__


def _form(function: types.FunctionType) -> tuple[str, str, int]:
    return function.__module__, function.__qualname__, len(function.__closure__ or ())


def _update_function(old: types.FunctionType, new: types.FunctionType) -> types.FunctionType:
    for part in (*FUNCTION_PARTS, _annotations(new)):
        setattr(old, part, getattr(new, part))
    for cell, source in zip(old.__closure__ or (), new.__closure__ or (), strict=True):
        cell.cell_contents = source.cell_contents
    return old


def _annotations(function: types.FunctionType) -> str:
    """Where a function's annotations are: since Python 3.14 they may name what is not there yet."""
    return "__annotate__" if getattr(function, "__annotate__", None) else "__annotations__"


def _same_class(old: Any, new: type) -> TypeGuard[type]:
    """Whether `new` is another version of `old` with the same memory layout."""
    return (
        isinstance(old, type)
        and (old.__module__, old.__qualname__) == (new.__module__, new.__qualname__)
        and type(old) is type(new)
        and type(old).__setattr__ is type.__setattr__
        and vars(old).get("__slots__") == vars(new).get("__slots__")
    )


def _update_class(old: type, new: type, saved: Saved) -> type:
    """Give `old` the bases and attributes of `new`; where the bases do not fit, take `new`."""
    former = old, old.__bases__, dict(vars(old))
    try:
        if old.__bases__ != new.__bases__:
            old.__bases__ = new.__bases__
    except TypeError:
        return new
    saved.append(former)
    _set_attributes(old, vars(new))
    return old


def _redirect_super(new: type, kept: type) -> None:
    """Let `super()` and `__class__` in the methods of `new` mean `kept`."""
    for holder in gc.get_referrers(new):
        if isinstance(holder, types.CellType):
            holder.cell_contents = kept


def _set_attributes(cls: type, attributes: Mapping[str, Any]) -> None:
    for name in vars(cls).keys() - attributes.keys() - KEPT:
        delattr(cls, name)
    for name, value in list(attributes.items()):
        if name not in KEPT and not isinstance(value, types.MemberDescriptorType):
            setattr(cls, name, value)
