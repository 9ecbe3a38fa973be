"""Each rule about exceptions names one that Python, NumPy or this course really raises."""

import functools
import gzip
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from mugrade.course.mistakes import read_rules
from mugrade.errors import CourseError
from mugrade.values.diagnosis.exceptions import RULES, explain_exception
from mugrade.values.mistakes import released_rules
from mugrade.values.observe import describe
from tests.conftest import ROOT

OWN = read_rules(ROOT / "solutions" / "mistakes" / "exceptions.toml")


def deep() -> None:
    deep()


def unsolved() -> None:
    raise NotImplementedError()


def no_graph() -> None:
    raise RuntimeError("backward from a tensor without a graph")


def assert_nothing() -> None:
    assert not CASES


def no_memory() -> None:
    raise MemoryError("four earlier batches are still in memory")


def data_with_gradient() -> None:
    raise ValueError("this tensor requires a gradient")


def data_of_another_dtype() -> None:
    raise TypeError("data of dtype float64 for a tensor of dtype float32: convert it")


def negative_label() -> None:
    raise IndexError("label -1 is negative: 3 classes are 0 to 2")


def other_out_grad() -> None:
    raise ValueError("out_grad of shape (4,) for an output of (4, 1)")


def other_gradient() -> None:
    raise ValueError("a gradient of shape (4,) for a leaf of shape (1, 4): an op's gradient has")


def two_shapes() -> None:
    raise ValueError("add got shapes (2, 3) and (2,): make them equal")


def stopped() -> Iterator[None]:
    raise StopIteration
    yield


class NoIterator:
    def __iter__(self) -> Iterator[None]:
        return []  # type: ignore[return-value]


class NoArray:
    __array_ufunc__ = None


def unpack(values: list[int]) -> int:
    (only,) = values
    return only


CASES: dict[str, Callable[[], object]] = {
    "a single number is treated as a sequence": lambda: tuple(3),
    "None is used as if it were a value": lambda: None + 1,
    "two shapes do not fit together": lambda: np.ones((2, 3)) + np.ones(2),
    "the inner dimensions of a matrix product differ": lambda: np.ones((2, 3)) @ np.ones((2, 3)),
    "two axes that meet have different lengths": lambda: np.linalg.solve(np.eye(2), np.ones(3)),
    "an array has too few axes": lambda: np.matmul(np.ones(()), np.ones(2)),
    "the axes that are named are not those of the array": lambda: np.transpose(
        np.ones((2, 3, 4)), (1, 0)
    ),
    "a reshape to another number of entries": lambda: np.ones(6).reshape(4),
    "an axis that the array does not have": lambda: np.ones(3).sum(axis=1),
    "an axis is named twice": lambda: np.ones((2, 2)).sum(axis=(0, 0)),
    "an index beyond the end": lambda: np.ones(3)[3],
    "a negative number is used as an index": negative_label,
    "an array is used as a condition": lambda: bool(np.ones(3)),
    "parts of different shapes are put into one array": lambda: np.array([[1, 2], [3]]),
    "a result of another dtype is written in place": lambda: np.add(
        np.ones(2), 1, out=np.ones(2, "float32"), casting="same_kind", dtype="complex64"
    ),
    "a slice is not understood as an index": lambda: int(slice(2)),
    "an array stands where another object is expected": lambda: np.ones(2).requires_grad,
    "there are more or fewer values than expected": lambda: unpack([]),
    "a function is called with other arguments than it takes": lambda: unpack(),
    "a number is added to what is no number": lambda: sum([object()]),  # type: ignore[list-item]
    "the function calls itself too often": deep,
    "a read-only array is written to": lambda: np.broadcast_to(1.0, 3).fill(0),
    "a name that is not defined": lambda: undefined,  # noqa: F821
    "an error of gzip comes out as it is": lambda: gzip.decompress(b"no gzip"),
    "struct has too few or too many bytes to unpack": lambda: struct.unpack(">I", b""),
    "an assertion does not hold": assert_nothing,
    "nothing is there to be put together": lambda: np.stack([]),
    "a generator raises StopIteration": lambda: next(stopped()),
    "what __iter__ returns is no iterator": lambda: iter(NoIterator()),
    "a file that is not there": lambda: Path("/nowhere").read_text(),
    "an attribute that does not exist": lambda: [].shape,
}


COURSE: dict[str, Callable[[], object]] = {
    "None is used as if it were a value": lambda: None + 1,
    "two shapes do not fit together": two_shapes,
    "the output and the gradient that goes into it have different shapes": other_out_grad,
    "a gradient has another shape than its tensor": other_gradient,
    "a dtype is not handed on": data_of_another_dtype,
    "a function of NumPy is called on a tensor": lambda: np.exp(NoArray()),
    "the graph is cut": no_graph,
    "what should be forgotten is kept": no_memory,
    "data that require a gradient": data_with_gradient,
}


def text_of(function: Callable[[], object]) -> str:
    with pytest.raises(Exception) as error:
        function()
    return describe(error.value)


@pytest.mark.parametrize("name", CASES)
def test_an_exception_is_named(name: str) -> None:
    found = explain_exception(text_of(CASES[name]))
    assert found is not None and found.name == name


@pytest.mark.parametrize("name", COURSE)
def test_an_exception_of_the_course_is_named(name: str) -> None:
    found = explain_exception(text_of(COURSE[name]), OWN)
    assert found is not None and found.name == name


def test_every_rule_has_its_case() -> None:
    assert [name for _, name, *_ in RULES] == list(CASES)
    assert [rule.diagnosis.name for rule in OWN] == list(COURSE)


def test_the_courses_rules_are_released() -> None:
    assert released_rules(ROOT / "notebooks") == OWN
    assert released_rules(ROOT) == []


RULE = """
[[exception]]
pattern = 'odd'
name = "a"
why = "b"
try = "c"
"""


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("'odd'", "'od(d'", r"2: 'od\(d' is no regular expression: "),
        ("'odd'", "'odd|'", r"2: 'odd\|' is found in every text$"),
        ("'odd'", "3", "2: an exception has pattern, name, why and try$"),
        ('try = "c"', "", "2: an exception has pattern, name, why and try$"),
        ('try = "c"', 'try = "c"\nof = "x"', "2: an exception has pattern, name, why and try$"),
        ('"b"', f'"{"b" * 101}"', "2: more than 100 characters: "),
        ("[[exception]]", "[exception]", r" it holds tables \[\[exception\]\], and nothing else$"),
        ("[[exception]]", "[[mistake]]", r" it holds tables \[\[exception\]\], and nothing else$"),
        ("[[exception]]", "[[", " "),
    ],
)
def test_a_rule_that_cannot_be_meant_is_one_sentence(
    tmp_path: Path, old: str, new: str, says: str
) -> None:
    path = tmp_path / "exceptions.toml"
    path.write_text(RULE)
    assert len(read_rules(path)) == 1
    path.write_text(RULE.replace(old, new))
    with pytest.raises(CourseError, match=rf"^mistakes/exceptions.toml:{says}"):
        read_rules(path)


@pytest.mark.parametrize(
    "function",
    [
        unsolved,
        lambda: 1 / 0,
        lambda: int("one"),
        lambda: {}["key"],
    ],
)
def test_others_are_left_alone(function: Callable[[], object]) -> None:
    assert explain_exception(text_of(function)) is None


def test_an_empty_shape_says_too_little() -> None:
    """A scalar fits any shape, so a library that refuses one has another reason."""
    text = "ValueError: an op got shapes () and (1,): make them equal"
    assert explain_exception(text, OWN) is None


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("a single number is treated as a sequence", lambda: 3 in 5),  # type: ignore[operator]
        ("nothing is there to be put together", lambda: functools.reduce(np.add, [])),
        ("nothing is there to be put together", lambda: max([])),
        ("nothing is there to be put together", lambda: np.zeros(0).max()),
        ("an array has too few axes", lambda: np.linalg.inv(np.ones(2))),
        ("two shapes do not fit together", lambda: np.einsum("ij,jk", np.eye(2), np.eye(3))),
    ],
)
def test_other_texts_of_the_same(name: str, function: Callable[[], object]) -> None:
    found = explain_exception(text_of(function))
    assert found is not None and found.name == name
