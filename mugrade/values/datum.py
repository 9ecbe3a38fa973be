"""Data that a check yields beside arrays: numbers, texts, containers, dates, tables, exceptions.

What is yielded becomes data of the types below, which cross as JSON (wire.py). Nothing is pickled,
and outside no method of a student's object is called.
"""

import math
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np

MAX_DEPTH = 32
MAX_ITEMS = 100_000  # in all containers of a value together
MAX_BITS = 1 << 13  # of an int: Python writes no more than 4,300 digits
MAX_BYTES = 1 << 24  # of all texts, bytes and arrays in a value
ARRAYS = "biufc"  # the kinds of dtypes that cross

Datum = Any
"""None, bool, int, float, complex, str, bytes, list, tuple, dict, set, date, time, datetime,
timedelta, Decimal, Fraction, numpy.ndarray, Table, Raised or Printed."""


class NotData(ValueError):
    """What is no data; the text says what it is."""


@dataclass(frozen=True)
class Table:
    """A DataFrame of pandas, or a Series as a table of one column; what is missing is None.

    `kinds`: `bool`, `int`, `float`, `datetime`, `timedelta` or `object` of each column.
    """

    name: str
    columns: list[Datum]
    kinds: list[str]
    index: list[Datum]
    values: list[list[Datum]]  # by column

    @property
    def is_regular(self) -> bool:
        """Whether each column has a name, a kind and a value for each row."""
        lengths = {len(column) for column in self.values if isinstance(column, list)}
        return (
            len(self.columns) == len(self.kinds) == len(self.values)
            and lengths <= {len(self.index)}
            and all(isinstance(column, list) for column in self.values)
        )


@dataclass(frozen=True)
class Raised:
    """An exception: its class, the classes that this is derived from, and its message."""

    name: str
    bases: list[str]
    message: str


@dataclass(frozen=True)
class Printed:
    """What was printed."""

    text: str


def to_datum(value: Any) -> Datum:
    """A value as data; raises NotData if it is of another type, too large or too deep.

    A tensor is the array in it, a number of NumPy's one of Python's, and what is derived from a
    type of Python's is of that type.
    """
    return _Reader().read(value)


def is_masked(value: Any) -> bool:
    """Whether it is a masked array; NumPy loads these only when somebody uses them."""
    masked = sys.modules.get("numpy.ma")
    return masked is not None and isinstance(value, masked.MaskedArray)


def own_array(value: Any) -> np.ndarray:
    """An array of its own; raises NotData for a masked one, and for other than numbers and bools.

    What a mask hides is no number, and nobody must see it as one.
    """
    if is_masked(value):
        raise NotData("masked array")
    array = np.array(value, order="C", subok=False)
    if array.dtype.kind not in ARRAYS:
        raise NotData(f"array of {array.dtype}")
    return array


class _Reader:
    """Reads one value, and counts what it holds."""

    def __init__(self) -> None:
        self.items = self.bytes = self.depth = 0

    def read(self, value: Any) -> Datum:
        self.items += 1
        if self.items > MAX_ITEMS:
            raise NotData(f"value of more than {MAX_ITEMS} items")
        if self.depth > MAX_DEPTH:
            raise NotData(f"value nested more than {MAX_DEPTH} deep")
        self.depth += 1
        try:
            return self._read(value)
        finally:
            self.depth -= 1

    def _read(self, value: Any) -> Datum:
        for kind, read in READERS:
            if isinstance(value, kind):
                return read(self, value)
        if hasattr(value, "numpy") and not isinstance(value, type):
            return self.array(value.numpy())
        if type(value).__module__.partition(".")[0] == "pandas":
            return self.of_pandas(value)
        raise NotData(type(value).__name__)

    def all(self, values: Iterable[Any]) -> list[Datum]:
        return [self.read(value) for value in values]

    def keys(self, values: Iterable[Any]) -> list[Datum]:
        """What must be hashable as data too."""
        found = self.all(values)
        try:
            hash(tuple(found))
        except TypeError:
            raise NotData("key that is no plain value") from None
        return found

    def sized(self, value: Any) -> Any:
        """A text, bytes or an array, which count."""
        self.bytes += value.nbytes if isinstance(value, np.ndarray) else len(value)
        if self.bytes > MAX_BYTES:
            raise NotData(f"value of more than {MAX_BYTES >> 20} MB")
        return value

    def record(self, value: Table | Raised | Printed) -> Datum:
        """One of ours; of student code's making only if its parts are what they must be."""
        found = type(value)(*self.all(vars(value).values()))
        for part, wanted in zip(vars(found).values(), SHAPES[type(found)], strict=True):
            if not wanted(part):
                raise NotData(f"{type(value).__name__} that is none")
        if isinstance(found, Table) and not found.is_regular:
            raise NotData("Table that is none")
        return found

    def whole(self, value: int) -> int:
        if value.bit_length() > MAX_BITS:
            raise NotData(f"int of more than {MAX_BITS} bits")
        return value

    def array(self, value: Any) -> np.ndarray:
        return self.sized(own_array(value))  # type: ignore[no-any-return]

    def of_pandas(self, value: Any) -> Datum:
        """Recognised by name: pandas is loaded only by those who use it."""
        name = type(value).__name__
        if name in ("NAType", "NaTType"):
            return None
        if name == "DataFrame":
            columns = [value.iloc[:, i] for i in range(value.shape[1])]
            return self._table(name, value, list(value.columns), columns)
        if name == "Series":
            return self._table(name, value, [value.name], [value])
        if name.endswith("Index"):
            return self.all(value.tolist())
        raise NotData(name)

    def _table(self, name: str, value: Any, names: list[Any], columns: list[Any]) -> Table:
        kinds = [_kind(str(column.dtype).lower()) for column in columns]
        values = [self.all(map(_missing_is_none, column.tolist())) for column in columns]
        return Table(name, self.all(names), kinds, self.all(value.index.tolist()), values)


def _missing_is_none(cell: Any) -> Any:
    return None if isinstance(cell, float) and math.isnan(cell) else cell


def _kind(dtype: str) -> str:
    """The kind of a column, in words that no version of pandas changes."""
    for kind in ("bool", "float", "datetime", "timedelta", "int"):
        if dtype.removeprefix("u").startswith(kind):
            return kind
    return "object"


def _datetime(value: datetime) -> datetime | None:
    """Of Python's type, though it be a Timestamp, or a NaT, which is no time."""
    if type(value).__name__ == "NaTType":
        return None
    return datetime.fromisoformat(datetime.isoformat(value, timespec="microseconds"))


def _is_text(part: Datum) -> bool:
    return type(part) is str


def _is_list(part: Datum) -> bool:
    return type(part) is list


SHAPES: dict[type, Sequence[Callable[[Datum], bool]]] = {
    Table: (_is_text, _is_list, _is_list, _is_list, _is_list),
    Raised: (_is_text, _is_list, _is_text),
    Printed: (_is_text,),
}
READERS: list[tuple[Any, Callable[[_Reader, Any], Datum]]] = [
    (type(None), lambda reader, value: None),
    ((Raised, Printed, Table), lambda reader, value: reader.record(value)),
    ((bool, np.bool_), lambda reader, value: bool(value)),
    ((int, np.integer), lambda reader, value: reader.whole(int(value))),
    ((float, np.floating), lambda reader, value: float(value)),
    ((complex, np.complexfloating), lambda reader, value: complex(value)),
    (str, lambda reader, value: reader.sized(str.__str__(value))),
    ((bytes, bytearray), lambda reader, value: reader.sized(bytes(value))),
    (list, lambda reader, value: reader.all(value)),
    (tuple, lambda reader, value: tuple(reader.all(value))),
    (
        dict,
        lambda reader, value: dict(
            zip(reader.keys(value), reader.all(value.values()), strict=True)
        ),
    ),
    ((set, frozenset), lambda reader, value: set(reader.keys(value))),
    (np.ndarray, lambda reader, value: reader.array(value)),
    (datetime, lambda reader, value: _datetime(value)),
    (date, lambda reader, value: date(value.year, value.month, value.day)),
    (time, lambda reader, value: time.fromisoformat(time.isoformat(value))),
    (timedelta, lambda reader, value: timedelta(value.days, value.seconds, value.microseconds)),
    (Decimal, lambda reader, value: Decimal(value)),
    (Fraction, lambda reader, value: Fraction(reader.whole(value.numerator), value.denominator)),
]


def size_of(datum: Datum) -> int:
    """About how many numbers it holds; eight characters count as one."""
    if isinstance(datum, np.ndarray):
        return datum.size
    if isinstance(datum, str | bytes):
        return 1 + len(datum) // 8
    if isinstance(datum, dict):
        return 1 + sum(size_of(key) + size_of(item) for key, item in datum.items())
    if isinstance(datum, list | tuple | set):
        return 1 + sum(map(size_of, datum))
    if isinstance(datum, Table | Raised | Printed):
        return size_of(list(vars(datum).values()))
    return 1
