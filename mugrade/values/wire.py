"""Data as JSON, with a tag where JSON has no such type."""

import base64
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np

from mugrade.values.datum import ARRAYS, Datum, NotData, Printed, Raised, Table, to_datum


def datum_to_json(datum: Datum) -> Any:
    """Data in JSON's types; what these lack is an object with one key, its tag."""
    if datum is None or type(datum) in (bool, int, float, str):
        return datum
    if type(datum) is list:
        return [datum_to_json(item) for item in datum]
    return {type(datum).__name__: TAGS[type(datum).__name__].to_json(datum)}


def datum_from_json(tree: Any) -> Datum:
    """What `datum_to_json` has written; raises NotData for anything else, hostile as it may be."""
    try:
        return to_datum(_datum_from_json(tree))
    except NotData:
        raise
    except (ValueError, TypeError, ArithmeticError, LookupError, RecursionError):
        raise NotData("JSON that is no data") from None


def _datum_from_json(tree: Any) -> Datum:
    if isinstance(tree, list):
        return [_datum_from_json(item) for item in tree]
    if not isinstance(tree, dict):
        return tree
    ((tag, content),) = tree.items()
    return TAGS[tag].from_json(content)


@dataclass(frozen=True)
class Tag:
    """How data of a type is written in JSON's types, and read."""

    to_json: Callable[[Any], Any]
    from_json: Callable[[Any], Datum]


def _items(make: Callable[[Iterable[Any]], Datum]) -> Tag:
    return Tag(
        lambda d: [*map(datum_to_json, d)], lambda content: make(map(_datum_from_json, content))
    )


def _record(make: Any) -> Tag:
    return Tag(
        lambda d: [datum_to_json(part) for part in vars(d).values()],
        lambda content: make(*map(_datum_from_json, content)),
    )


def _array_to_json(array: np.ndarray) -> list[Any]:
    little = array.astype(array.dtype.newbyteorder("<"), copy=False)
    return [little.dtype.str, list(array.shape), base64.b64encode(little.tobytes()).decode()]


def _array_from_json(content: Any) -> np.ndarray:
    dtype, shape, data = content
    if np.dtype(dtype).kind not in ARRAYS or min(shape, default=0) < 0:
        raise NotData(f"array of {dtype}")
    return np.frombuffer(base64.b64decode(data), dtype).reshape(shape)


TAGS = {
    "complex": Tag(lambda d: [d.real, d.imag], lambda content: complex(*content)),
    "bytes": Tag(lambda d: base64.b64encode(d).decode(), base64.b64decode),
    "tuple": _items(tuple),
    "set": Tag(
        lambda d: sorted(map(datum_to_json, d), key=repr),
        lambda content: set(map(_datum_from_json, content)),
    ),
    "dict": Tag(
        lambda d: [[datum_to_json(key), datum_to_json(item)] for key, item in d.items()],
        lambda content: {_datum_from_json(key): _datum_from_json(item) for key, item in content},
    ),
    "ndarray": Tag(_array_to_json, _array_from_json),
    "datetime": Tag(datetime.isoformat, datetime.fromisoformat),
    "date": Tag(date.isoformat, date.fromisoformat),
    "time": Tag(time.isoformat, time.fromisoformat),
    "timedelta": Tag(
        lambda d: [d.days, d.seconds, d.microseconds], lambda content: timedelta(*content)
    ),
    "Decimal": Tag(str, Decimal),
    "Fraction": Tag(str, Fraction),
    **{make.__name__: _record(make) for make in (Table, Raised, Printed)},
}
