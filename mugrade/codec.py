"""JSON read as dataclasses: what a file has to hold is what its class says.

cattrs takes about 30 ms to load, so this is imported where a file is read and not before. The
sandbox does without: a process in it starts at once, and holds nothing but the course's libraries.
Recorded answers and mistakes are no classes field by field: hooks for them are longer than to read
them by hand, as values/answers.py and values/mistakes.py do.
"""

import json
from collections.abc import Callable
from typing import Any, TypeVar, get_args, get_origin

from cattrs import Converter

Stored = TypeVar("Stored")
PLAIN: dict[type, tuple[type, ...]] = {k: (k,) for k in (bool, int, str)} | {float: (int, float)}
converter = Converter(detailed_validation=False)


def _of(value: Any, *kinds: type) -> Any:
    if type(value) not in kinds:
        raise TypeError(f"{type(value).__name__} in place of {kinds[-1].__name__}")
    return value


def _taken(value: Any, kind: Any) -> Any:
    """A value as it is, for cattrs makes a text of anything; or the member of an enumeration."""
    return _of(value, *PLAIN[kind]) if kind in PLAIN else kind(value)


for _kind in PLAIN:
    converter.register_structure_hook(_kind, _taken)


@converter.register_structure_hook_factory(
    lambda kind: getattr(kind, "__origin__", 0) in (list, tuple)
)
def _array(kind: type) -> Callable[[Any, Any], Any]:
    """A list, or a tuple of one: left to itself, cattrs takes a text letter by letter."""
    made: Any = get_origin(kind)
    element = get_args(kind)[0]
    structure = converter.get_structure_hook(element)

    def taken(value: Any, _: Any) -> Any:
        return made(structure(item, element) for item in _of(value, list))

    return taken


def read(content: str | bytes, kind: type[Stored]) -> Stored:
    """What a text of JSON holds; raises ValueError where it is broken or holds anything else."""
    try:
        return converter.structure(json.loads(content), kind)
    except (LookupError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise ValueError(str(error)) from error
