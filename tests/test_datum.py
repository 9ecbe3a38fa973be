"""Data other than arrays: how they cross, how they are compared, how mistakes in them are named."""

import json
from collections import Counter, OrderedDict, defaultdict, namedtuple
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import IntEnum
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mugrade.sandbox.channel import VALUE, Frame, ProtocolError, frame_value, value_frame
from mugrade.values import Category
from mugrade.values.answers import Answer, answers_from_json, answers_to_json
from mugrade.values.close import Close
from mugrade.values.compare import judge
from mugrade.values.datum import (
    MAX_DEPTH,
    MAX_ITEMS,
    NotData,
    Printed,
    Raised,
    Table,
    size_of,
    to_datum,
)
from mugrade.values.mistakes import trace
from mugrade.values.observe import Observed, observe
from mugrade.values.same import first_difference
from mugrade.values.verdict import Diagnosis
from mugrade.values.wire import datum_from_json, datum_to_json

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
NUMBERS = st.integers() | st.floats(allow_nan=False) | st.complex_numbers(allow_nan=False)
TIMES = st.dates() | st.times() | st.datetimes() | st.timedeltas()
EXACT = st.decimals(allow_nan=False) | st.fractions()
ATOMS = st.none() | st.booleans() | NUMBERS | TEXTS | st.binary(max_size=6) | TIMES | EXACT
KEYS = st.none() | st.booleans() | st.integers() | TEXTS | st.tuples(st.integers(), TEXTS)
DATA = st.recursive(
    ATOMS | st.sets(KEYS, max_size=4) | st.builds(Printed, TEXTS),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(KEYS, inner, max_size=4)
    ),
    max_leaves=12,
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)
TAGS = ["complex", "bytes", "tuple", "set", "dict", "ndarray", "datetime", "date", "time"]
TAGS += ["timedelta", "Decimal", "Fraction", "Table", "Raised", "Printed", "other"]


def through(datum: Any) -> Any:
    return datum_from_json(json.loads(json.dumps(datum_to_json(datum))))


@given(DATA)
def test_data_cross_as_they_are(datum: Any) -> None:
    assert through(to_datum(datum)) == datum
    assert type(through(to_datum(datum))) is type(datum)
    assert first_difference(through(to_datum(datum)), datum, Close()) is None


@given(DATA, DATA)
def test_data_are_the_same_only_if_they_are_equal_and_of_one_type(a: Any, b: Any) -> None:
    if first_difference(a, b, Close(rtol=0, atol=0)) is None:
        assert a == b and type(a) is type(b)
    assert (first_difference([a], [a, b], Close()) is None) is False


@given(st.lists(DATA, max_size=3), DATA)
def test_a_difference_says_where_it_is(items: list[Any], other: Any) -> None:
    if first_difference(other, Ellipsis, Close()):
        found = first_difference([*items, [other]], [*items, ["what no strategy gives"]], Close())
        if found and other != "what no strategy gives":
            assert found.path == f"[{len(items)}][0]"


def is_data_or_refused(tree: Any) -> bool:
    try:
        found = datum_from_json(tree)
    except NotData:
        return True
    return size_of(found) >= 0 and type(to_datum(found)) is type(found)


@given(JSON)
def test_what_is_no_data_is_refused(tree: Any) -> None:
    assert is_data_or_refused(tree)


@given(st.sampled_from(TAGS), JSON)
def test_hostile_content_of_a_tag_is_refused(tag: str, content: Any) -> None:
    assert is_data_or_refused({tag: content})


@pytest.mark.parametrize(
    "tree",
    [
        {"Table": ["DataFrame", ["a"], ["int"], [0, 1], [[1]]]},
        {"Table": ["DataFrame", ["a", "b"], ["int"], [0], [[1]]]},
        {"Table": ["DataFrame", "a", "i", "0", "1"]},
        {"Raised": [1, [], ""]},
        {"Raised": ["ValueError", "", ""]},
        {"Printed": [["a"]]},
        {"ndarray": ["<f8", [2], ""]},
        {"ndarray": ["|O", [1], ""]},
        {"ndarray": ["<M8[s]", [0], ""]},
        {"ndarray": ["<f8", [-1], ""]},
        {"dict": [[[1], 2]]},
        {"set": [[1]]},
        {"Fraction": "1/0"},
        {"Decimal": "x"},
        {"tuple": 1},
        {"a": 1, "b": 2},
        {},
    ],
)
def test_data_of_a_wrong_form_are_refused(tree: Any) -> None:
    with pytest.raises(NotData):
        datum_from_json(tree)
    with pytest.raises(ProtocolError):
        header = {"kind": "datum", "text": "", "line": 0}
        frame_value(Frame(VALUE, header, json.dumps(tree).encode()))


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b"[" * 100_000, b" " * (1 << 23)])
def test_data_that_are_no_json_are_refused(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        frame_value(Frame(VALUE, {"kind": "datum", "text": "", "line": 0}, data))


class Colour(IntEnum):
    RED = 1


class Loud(str):
    def __str__(self) -> str:
        return "something else"


Pair = namedtuple("Pair", "a b")


@pytest.mark.parametrize(
    ("value", "datum"),
    [
        (np.float64(0.5), 0.5),
        ([np.int8(3), np.bool_(True)], [3, True]),
        (Counter("aab"), {"a": 2, "b": 1}),
        (OrderedDict(a=1), {"a": 1}),
        (defaultdict(list, a=[1]), {"a": [1]}),
        (Pair(1, "x"), (1, "x")),
        (frozenset({1}), {1}),
        (bytearray(b"a"), b"a"),
        (Loud("said"), "said"),
        ([Colour.RED], [1]),
        (datetime(2026, 1, 2, tzinfo=timezone(timedelta(hours=1))),) * 2,
    ],
)
def test_what_is_derived_from_a_type_counts_as_that_type(value: Any, datum: Any) -> None:
    found = to_datum(value)
    assert found == datum and type(found) is type(datum)
    assert through(found) == datum


def deep(depth: int) -> list[Any]:
    return [deep(depth - 1)] if depth else []


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (object(), "object"),
        ((i for i in ()), "generator"),
        (lambda: 0, "function"),
        ([1, {2: print}], "builtin_function_or_method"),
        (deep(MAX_DEPTH + 1), "nested"),
        ([0] * (MAX_ITEMS + 1), "items"),
        pytest.param(1 << 20_000, "bits", id="a large int"),
        ("x" * (1 << 25), "MB"),
        (np.ma.masked_array([1, 2], [0, 1]), "masked array"),
        ([np.array(["a"])], "array of <U1"),
    ],
)
def test_what_cannot_be_judged_is_named(value: Any, said: str) -> None:
    with pytest.raises(NotData, match=said):
        to_datum(value)


def test_what_holds_itself_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(NotData, match="nested"):
        to_datum(endless)


def test_a_mask_is_not_taken_off() -> None:
    def check() -> Any:
        yield np.ma.masked_array([1.0, 2.0], [False, True])

    (value,) = observe(check, 0)
    assert (value.kind, value.text) == ("no datum", "masked array")


def judged(actual: Any, expected: Any, hidden: bool = False) -> Any:
    """The verdict on data after they have crossed; the answer has been written and read."""
    answer = Answer(Close(), to_datum(expected), "f(x)", hidden)
    (read,) = answers_from_json(json.loads(json.dumps(answers_to_json([answer]))))

    def check() -> Any:
        yield actual

    (seen,) = observe(check, 0)
    frame = value_frame(seen)
    header = json.loads(json.dumps(frame.header))
    return judge([frame_value(Frame(frame.kind, header, frame.data))], [read])


TABLE = Table("DataFrame", ["a", "b"], ["int", "object"], [0, 1], [[1, 2], ["x", None]])


@pytest.mark.parametrize(
    ("actual", "expected"),
    [
        (None, None),
        (3, 3),
        (np.int32(3), 3),
        (np.float32(0.1), 0.1),
        (0.1 + 0.2, 0.3),
        ([float("nan"), -0.0], [float("nan"), 0.0]),
        ({"b": 1, "a": 2}, {"a": 2, "b": 1}),
        ({1, 2}, {2, 1}),
        (b"a", b"a"),
        (1 + 2j, 1 + 2j),
        ((np.ones(2), "x"), (np.ones(2), "x")),
        (date(2026, 1, 2), date(2026, 1, 2)),
        (Decimal("0.1"), Decimal("0.10")),
        (Fraction(1, 3), Fraction(2, 6)),
        (Printed("a \nb\n\n"), Printed("a\nb")),
        (Raised("IndexError", ["LookupError"], ""), Raised("LookupError", ["Exception"], "")),
        (TABLE, TABLE),
    ],
)
def test_right_data_pass(actual: Any, expected: Any) -> None:
    assert judged(actual, expected).passed
    assert judged(actual, expected, hidden=True).passed


EMPTY = Table("DataFrame", [], [], [], [])
OTHER = Raised("KeyError", ["LookupError", "Exception"], "")


@pytest.mark.parametrize(
    ("actual", "expected", "category", "you", "name"),
    [
        (3, 3.0, "type", "an int: 3", "an int where a float is right"),
        (3.0, 3, "type", "a float: 3.0", "a float where an int is right"),
        ("3", 3, "type", "a str: '3'", "a str where an int is right"),
        (True, 1, "type", "a bool: True", "a bool where an int is right"),
        ([1], (1,), "type", "a list: [1]", "a list where a tuple is right"),
        (np.ones(2), [1.0, 1.0], "type", "array of shape", "an array where a list is right"),
        (datetime(2026, 1, 2), date(2026, 1, 2), "type", "a datetime", "where a date is right"),
        (4, 3, "value", "4", "off by one"),
        (-2.5, 2.5, "value", "-2.5", "the sign is flipped"),
        (3.14, 3.14159, "value", "3.14", "a rounded number"),
        ("Ada", "ada", "value", "'Ada'", "upper and lower case differ"),
        (" ada\n", "ada", "value", "' ada", "blanks or line ends differ"),
        ("e\u0301", "é", "value", "", "the same letters in another form"),
        ("a, b", "a; b", "value", "", "punctuation differs"),
        ("ad", "ada", "value", "'ad'", "the text ends too early"),
        ([1], [1, 2], "value", "1 elements", "an element is missing"),
        ([1, 2, 3], [1, 2], "value", "3 elements", "an extra element"),
        ([1, 2], [1, 2, 2], "value", "2 elements", "occurs several times"),
        ([3, 2, 1], [1, 2, 3], "value", "3 at [0]", "the order is reversed"),
        ([2, 3, 1], [1, 2, 3], "value", "2 at [0]", "the right elements in another order"),
        ({}, {"a": 1}, "value", "no key 'a'", "a key is missing"),
        ({"1": 1}, {1: 1}, "value", "no key 1", "a key of another type"),
        ({"a": 1, "b": 2}, {"a": 1}, "value", "the key 'b'", "an extra key"),
        ({"a": [1, 2]}, {"a": [1, 3]}, "value", "2 at ['a'][1]", "off by one"),
        ({1}, {1, 2}, "value", "no element 2", "an element is missing"),
        ({1, 2, 3}, {1, 2}, "value", "the element 3", "an extra element"),
        (5, OTHER, "type", "an int: 5", "no exception is raised"),
        (Raised("ValueError", [], ""), OTHER, "value", "ValueError", "another exception"),
        (
            Raised("KeyError", [], "'b'"),
            Raised("KeyError", [], "'a'"),
            "value",
            "KeyError: 'b'",
            "another message",
        ),
        (Printed("A\n"), Printed("a\n"), "value", "'A", "upper and lower case differ"),
        (Table("Series", ["a"], ["int"], [0], [[1]]), TABLE, "type", "a Series", "a Series where"),
        (
            Table("DataFrame", [], [], [], []),
            TABLE,
            "value",
            "no column 'a'",
            "a column is missing",
        ),
        (
            Table("DataFrame", ["a", "b"], ["int", "object"], [0, 1], [[2, 1], [None, "x"]]),
            TABLE,
            "value",
            "2 at ['a'][0]",
            "the right rows in another order",
        ),
    ],
)
def test_wrong_data_fail_and_are_named(
    actual: Any, expected: Any, category: str, you: str, name: str
) -> None:
    verdict = judged(actual, expected)
    assert verdict.category == category and you in verdict.actual
    assert verdict.diagnosis and name in verdict.diagnosis.name
    assert verdict.expected and verdict.at == "f(x)"
    hidden = judged(actual, expected, hidden=True)
    assert hidden.category == category and hidden.diagnosis == verdict.diagnosis
    assert (hidden.actual, hidden.expected, hidden.at) == ("", "", "")


@given(DATA, DATA)
def test_a_diagnosis_quotes_no_value(actual: Any, expected: Any) -> None:
    """The same words for all values of two types, but for how the two are related."""
    verdict = judged(actual, expected, hidden=True)
    assert verdict.actual == verdict.expected == ""
    if verdict.diagnosis:
        texts = vars(verdict.diagnosis).values()
        assert all(len(text) <= 100 and "{" not in text for text in texts)


@pytest.mark.parametrize("actual", [[1.0, 2.0], 3, "x", None, {"a": 1}])
def test_data_where_an_array_is_right_are_no_array(actual: Any) -> None:
    wanted = Category.NOTHING if actual is None else Category.NOT_AN_ARRAY
    assert judged(actual, np.ones(2)).category == wanted


@given(DATA.filter(lambda d: size_of(d) > 1), DATA)
def test_a_mistake_in_data_is_known_again(wrong: Any, right: Any) -> None:
    if first_difference(wrong, right, Close()) is None or isinstance(wrong, bool | int | float):
        return
    answer = Answer(Close(), right, "f(x)", True)
    named = Diagnosis("a name", "why", "advice")
    seen = Observed("datum", wrong)
    made = trace(named, [seen], [right], [Close()])
    if made and made.prints[0].telling:
        assert judge([seen], [answer], [made]).diagnosis == named


def test_pandas_tables_are_data() -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(
        {
            "n": [1, 2],
            "x": [0.5, None],
            "s": ["a", None],
            "t": pd.to_datetime(["2026-01-02", None]),
        },
        index=["p", "q"],
    )
    found = to_datum(frame)
    assert found.columns == ["n", "x", "s", "t"]
    assert found.kinds == ["int", "float", "object", "datetime"]
    assert found.values == [[1, 2], [0.5, None], ["a", None], [datetime(2026, 1, 2), None]]
    assert found.index == ["p", "q"] and through(found) == found
    assert to_datum(frame["n"]).name == "Series"
    assert to_datum([pd.NA, pd.NaT, pd.Timestamp("2026-01-02")]) == [
        None,
        None,
        datetime(2026, 1, 2),
    ]
    assert judged(frame, frame).passed
    assert judged(frame.rename(columns={"n": "m"}), frame).diagnosis.name == "a column is missing"
    assert judged(frame["n"].astype(float), frame["n"]).category == "value"
    assert time(1) == through(to_datum(time(1)))
