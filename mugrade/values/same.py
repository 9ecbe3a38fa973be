"""Where two data differ: the first place, and how."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

import numpy as np

from mugrade.values.datum import Datum, Printed, Raised, Table

LONGEST = 60  # characters of data in a message
NAMES = {"ndarray": "array", "NoneType": "None", "Raised": "exception", "Printed": "printed text"}


class How(StrEnum):
    """In what two data differ."""

    TYPE = "type"
    VALUE = "value"
    LENGTH = "length"
    MISSING = "missing"
    EXTRA = "extra"
    MESSAGE = "message"


class Tolerances(Protocol):
    """Says which numbers are near enough."""

    def right(self, actual: np.ndarray, expected: np.ndarray) -> np.ndarray: ...


@dataclass(frozen=True)
class Difference:
    """The first difference: `path` leads there, as one would write it behind the value.

    Of a missing or an extra key, column or element both sides are the containers, and `key` is it.
    """

    how: How
    actual: Datum
    expected: Datum
    path: str = ""
    key: Datum = None

    def within(self, step: str) -> "Difference":
        """The same, as seen from one container further out."""
        return replace(self, path=step + self.path)


def first_difference(actual: Datum, expected: Datum, close: Tolerances) -> Difference | None:
    """Where `actual` is not what is expected; None where it is.

    Types must agree, but for numbers of NumPy, which count as Python's. Floats, complex numbers
    and arrays may differ by the tolerances. The order of a dict's keys does not count, that of a
    table's columns and rows does.
    """
    if isinstance(actual, np.ndarray) and not actual.shape and not isinstance(expected, np.ndarray):
        actual = actual.item()
    if isinstance(expected, Raised) and isinstance(actual, Raised):
        return _of_exceptions(actual, expected)
    if type(actual) is not type(expected):
        return Difference(How.TYPE, actual, expected)
    match expected:
        case float() | complex():
            return None if _near(actual, expected, close) else _other(actual, expected)
        case list() | tuple():
            return _of_sequences(actual, expected, close)
        case dict():
            return _of_dicts(actual, expected, close)
        case set():
            return _of_sets(actual, expected)
        case np.ndarray():
            return _of_arrays(actual, expected, close)
        case Table():
            return _of_tables(actual, expected, close)
        case Printed():
            return (
                None
                if printed_lines(actual) == printed_lines(expected)
                else _other(actual, expected)
            )
    return None if actual == expected else _other(actual, expected)


def _other(actual: Datum, expected: Datum) -> Difference:
    return Difference(How.VALUE, actual, expected)


def _near(actual: complex, expected: complex, close: Tolerances) -> bool:
    return bool(close.right(*(np.asarray(x, dtype=_double(x)) for x in (actual, expected))))


def _double(number: complex) -> str:
    return "complex128" if isinstance(number, complex) else "float64"


def _of_sequences(
    actual: Sequence[Datum], expected: Sequence[Datum], close: Tolerances
) -> Difference | None:
    if len(actual) != len(expected):
        return Difference(How.LENGTH, actual, expected)
    found = (first_difference(a, e, close) for a, e in zip(actual, expected, strict=True))
    first = next(((i, d) for i, d in enumerate(found) if d), None)
    return first and first[1].within(f"[{first[0]}]")


def _of_dicts(
    actual: dict[Datum, Datum], expected: dict[Datum, Datum], close: Tolerances
) -> Difference | None:
    for key, value in expected.items():
        if key not in actual:
            return Difference(How.MISSING, actual, expected, key=key)
        if found := first_difference(actual[key], value, close):
            return found.within(f"[{short(key)}]")
    extra = next((key for key in actual if key not in expected), None)
    return (
        Difference(How.EXTRA, actual, expected, key=extra) if len(actual) > len(expected) else None
    )


def _of_sets(actual: set[Datum], expected: set[Datum]) -> Difference | None:
    for how, keys in ((How.MISSING, expected - actual), (How.EXTRA, actual - expected)):
        if keys:
            return Difference(how, actual, expected, key=min(keys, key=repr))
    return None


def _of_arrays(actual: np.ndarray, expected: np.ndarray, close: Tolerances) -> Difference | None:
    if actual.shape != expected.shape or actual.dtype != expected.dtype:
        return Difference(How.TYPE, actual, expected)
    right = close.right(actual, expected)
    if right.all():
        return None
    at = tuple(int(i) for i in np.argwhere(~right)[0])
    return Difference(
        How.VALUE, actual[at].item(), expected[at].item(), f"[{str(at)[1:-1].rstrip(',')}]"
    )


def _of_tables(actual: Table, expected: Table, close: Tolerances) -> Difference | None:
    if actual.name != expected.name:
        return Difference(How.TYPE, actual, expected)
    for how, here, there in (
        (How.MISSING, expected.columns, actual.columns),
        (How.EXTRA, actual.columns, expected.columns),
    ):
        if other := [column for column in here if column not in there]:
            return Difference(how, actual, expected, key=other[0])
    if found := first_difference(actual.columns, expected.columns, close):
        return found.within(".columns")
    if found := first_difference(actual.index, expected.index, close):
        return found.within(".index")
    for name, kinds, values in zip(
        expected.columns,
        zip(actual.kinds, expected.kinds, strict=True),
        zip(actual.values, expected.values, strict=True),
        strict=True,
    ):
        found = _of_columns(*values, close) or first_difference(*kinds, close)
        if found:
            return found.within(f"[{short(name)}]")
    return None


def _of_columns(actual: list[Datum], expected: list[Datum], close: Tolerances) -> Difference | None:
    """Of the values alone: as what numbers are stored is said of the whole column."""
    for i, (a, e) in enumerate(zip(actual, expected, strict=True)):
        if all(type(cell) in (int, float) for cell in (a, e)):
            found = None if _near(a, e, close) else _other(a, e)
        else:
            found = first_difference(a, e, close)
        if found:
            return found.within(f"[{i}]")
    return None


def _of_exceptions(actual: Raised, expected: Raised) -> Difference | None:
    if expected.name not in (actual.name, *actual.bases):
        return _other(actual, expected)
    if expected.message and actual.message.strip() != expected.message.strip():
        return Difference(How.MESSAGE, actual, expected)
    return None


def printed_lines(printed: Printed) -> list[str]:
    """The lines that were printed; blanks at their ends and empty lines at the end do not count."""
    return [line.rstrip() for line in printed.text.rstrip().splitlines()]


def kind_of(datum: Datum) -> str:
    """The type of data as people call it."""
    if isinstance(datum, Table):
        return datum.name
    name = type(datum).__name__
    return NAMES.get(name, name)


def an(kind: str) -> str:
    """A kind with its article."""
    if kind in ("None", "printed text"):
        return kind
    return f"{'an' if kind[:1].lower() in 'aeiou' else 'a'} {kind}"


def short(datum: Datum) -> str:
    """Data as Python would write them, cut where they are long."""
    match datum:
        case Printed():
            text = repr(datum.text)
        case Raised():
            text = f"{datum.name}: {datum.message}" if datum.message else datum.name
        case Table():
            text = f"{datum.name} with the columns {', '.join(map(str, datum.columns))}"
        case np.ndarray():
            text = f"array of shape {datum.shape} and dtype {datum.dtype}"
        case float():
            text = repr(datum) if math.isfinite(datum) else str(datum)
        case _:
            text = repr(datum)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 4]} ..."


def told(found: Difference) -> tuple[str, str]:
    """Both sides of a difference in words."""
    at = f" at {found.path}" if found.path else ""
    actual, expected, key = found.actual, found.expected, short(found.key)
    thing = "column" if isinstance(expected, Table) else "key"
    thing = "element" if isinstance(expected, set) else thing
    match found.how:
        case How.TYPE if kind_of(actual) != kind_of(expected):
            what = "" if actual is None else f": {short(actual)}"
            return f"{an(kind_of(actual))}{at}{what}", an(kind_of(expected))
        case How.LENGTH:
            return f"{len(actual)} elements{at}", f"{len(expected)} elements"
        case How.MISSING:
            return f"no {thing} {key}{at}", f"the {thing} {key}"
        case How.EXTRA:
            return f"the {thing} {key}{at}", f"no {thing} {key}"
        case How.MESSAGE:
            return f"{short(actual)}{at}", short(expected)
    return f"{short(actual)}{at}", short(expected)
