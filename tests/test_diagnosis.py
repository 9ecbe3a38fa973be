"""Each rule of the diagnosis speaks where it should and is silent where it cannot know."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mugrade.author.build import build_course
from mugrade.course.manifest import CheckEntry
from mugrade.course.reading import load_course
from mugrade.errors import CourseError
from mugrade.values.answers import Answer
from mugrade.values.close import Close
from mugrade.values.compare import judge
from mugrade.values.diagnosis.arrays import diagnose
from mugrade.values.diagnosis.evidence import Evidence
from mugrade.values.distribution import Distribution
from mugrade.values.mistakes import (
    Print,
    Trace,
    kept_traces,
    known_from_json,
    known_to_json,
    read_known,
    recognise,
    trace,
    uncontradicted,
)
from mugrade.values.observe import Observed
from mugrade.values.verdict import Diagnosis, Verdict
from mugrade.view.report import Report
from tests.tiny import write_course

rng = np.random.default_rng(7)
X = rng.standard_normal((4, 3)).astype("float32")
Y = rng.standard_normal((4, 3)).astype("float32")


def name(actual: np.ndarray, expected: np.ndarray, mixed: bool = False) -> str:
    found = diagnose(Evidence(Close(), [expected], [actual], 0, mixed))
    return found.name if found else ""


STACK = rng.standard_normal((5, 4, 3)).astype("float32")
ROOTS = np.abs(X) + 1
MASKED = np.where(X > 0, X, -np.inf).astype("float32")
SPOKEN = {
    "transposed": (X.T, X, "the result is transposed"),
    "transposed square": (X[:3].T, X[:3], "the result is transposed"),
    "three axes": (STACK.transpose(1, 0, 2), STACK, "the axes are in another order"),
    "kept": (X[:, None], X, "an axis of length 1 is left over"),
    "dropped": (X[:, 0], X[:, :1], "an axis of length 1 is missing"),
    "flat": (X.ravel(), X, "the values are not in the right shape"),
    "not summed": (STACK, STACK.sum(0), "a sum over axis 0 is missing"),
    "summed": (X.sum(1), X, "one sum too many, over axis 1"),
    "not copied": (X[:, :1], np.repeat(X[:, :1], 3, 1), "not copied along axis 1"),
    "nor put back": (X[:, 0], np.repeat(X[:, :1], 3, 1), "not copied along axis 1"),
    "copied": (np.repeat(X[None], 5, 0), X, "the right values, copied along axis 0"),
    "short": (X[:3], X, "entries are missing at the end"),
    "float64": (X.astype("float64"), X, "float64 comes out of float32"),
    "float32": (X, X.astype("float64"), "float32 comes out where float64 is asked for"),
    "no bytes": (X, X.astype("uint8"), "float32 comes out where uint8 is asked for"),
    "bytes": (X.astype("uint8"), X, "uint8 comes out where float32 is asked for"),
    "inf": (np.where(X > 0, np.inf, X).astype("f4"), X, "inf where a number is right"),
    "nan": (np.where(X > 0, np.nan, X).astype("f4"), X, "nan where a number is right"),
    "-inf": (np.where(X > 0, -np.inf, X).astype("f4"), X, "-inf where a number is right"),
    "no infinity": (np.nan_to_num(MASKED), MASKED, "a finite number where -inf is right"),
    "0 * inf": (np.where(X > 0, X, np.nan).astype("f4"), MASKED, "nan where -inf is right"),
    "inf among integers": (X * np.inf, np.ones_like(X), "inf where a number is right"),
    "overflow of float32": (
        X * np.inf + 0.0 * ROOTS.astype("f8"),
        1e45 * X.astype("f8"),
        "inf where only float32 ends",
    ),
    "zeros": (0 * X, X, "every entry is zero"),
    "negative": (-X, X, "the sign is flipped"),
    "twice": (2 * X, X, "every entry is 2 times as large as it should be"),
    "a mean of rows": (X / 4, X, "every entry is 1/4 of what it should be"),
    "a factor": (X * np.float32(1.37), X, "every entry is off by the same factor"),
    "a shift": (X + np.float32(0.5), X, "every entry is off by the same amount"),
    "squares": (ROOTS**2, ROOTS, "it is the square of the right value"),
    "absolute": (np.abs(X), X, "it is the absolute value of the right one"),
    "flipped": (X[:, ::-1], X, "the result is reversed along axis 1"),
    "mirrored": (
        np.stack([X, X[:, ::-1], X[:, ::-1], X]),
        np.stack([X, X, X[:, ::-1], X[:, ::-1]]),
        "other parts are reversed than should be",
    ),
    "permuted": (X[[2, 0, 3, 1]], X, "the right entries in another order"),
    "columns": (X + np.float32([1, 2, 3]), X, "each column is off by an amount of its own"),
}


@pytest.mark.parametrize("case", SPOKEN)
def test_a_rule_names_what_it_sees(case: str) -> None:
    actual, expected, text = SPOKEN[case]
    assert name(np.ascontiguousarray(actual), expected) == text


@pytest.mark.parametrize("case", SPOKEN)
def test_of_a_hidden_input_no_shape_is_told(case: str) -> None:
    actual, expected, name = SPOKEN[case]
    one = np.ascontiguousarray(actual)
    found = diagnose(Evidence(Close(), [expected], [one], 0, hidden=True))
    assert found is not None and found.name == name.replace("1/4", "1/n")
    said = f"{found.name} {found.why} {found.advice}"
    assert not re.search(r"\(\d+,|\d entries|\b[345] (times|everywhere)", said), said


@pytest.mark.parametrize("case", SPOKEN)
def test_a_mixed_value_is_not_explained(case: str) -> None:
    actual, expected, _ = SPOKEN[case]
    assert name(actual, expected, mixed=True) == ""


def test_trivial_values_prove_nothing() -> None:
    one = np.ones((3, 3), "float32")
    assert name(2 * one, one) == name(-one, one) == name(0 * one, one) == ""
    assert name(np.float32([2.0]), np.float32([1.0])) == ""
    assert name(np.ones((3, 4), "f4"), np.ones((4, 3), "f4")) == ""
    assert name(np.float32([[1, 2], [3, 1]]), np.float32([[1, 3], [2, 1]])) == ""


def test_a_ratio_needs_entries_that_differ() -> None:
    close = np.float32([1000.1, 1000.2, 1000.3, 1000.4])
    assert name(close * np.float32(1.01), close) == ""


@given(hnp.arrays("float32", (4, 5), elements=st.floats(-100, 100, width=32)))
def test_noise_is_not_explained(a: np.ndarray) -> None:
    expected = rng.standard_normal((4, 5)).astype("float32")
    b = (a + rng.standard_normal((4, 5))).astype("float32")
    assert name(b, expected) == ""


ARRAYS = hnp.arrays(
    st.sampled_from(["f2", "f4", "f8", "i4", "u1", "?", "c8"]), hnp.array_shapes(min_dims=0)
)


@settings(max_examples=300)
@given(ARRAYS, ARRAYS, ARRAYS)
def test_no_value_breaks_the_rules(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> None:
    empty = np.zeros((0, 3), a.dtype)
    for actual, expected in ((a, b), (a, a.copy()), (a.T, a), (empty, a), (a, empty)):
        diagnose(Evidence(Close(), [c, expected], [c, actual], 1))
        diagnose(Evidence(Close(), [expected, c], [actual, c], 0))


def test_other_yields_tell_what_is_exchanged_stale_or_piled_up() -> None:
    def said(expecteds: list[np.ndarray], actuals: list[np.ndarray], at: int) -> str:
        found = diagnose(Evidence(Close(), expecteds, actuals, at))
        return found.name if found else ""

    assert said([X, Y], [Y, X], 0) == "two results are exchanged"
    assert said([X, Y], [X, X], 1) == "nothing has changed since the value before"
    assert said([X, Y], [X, X + Y], 1) == "the value before is added"
    assert said([X, X[::-1]], [X[::-1], X], 0) == "the result is reversed along axis 0"


def test_the_spread_of_a_sample() -> None:
    sample = rng.standard_normal((200, 100))
    judged, quantiles = Distribution().recorded(sample)

    def said(x: np.ndarray) -> str:
        found = diagnose(Evidence(judged, [quantiles], [x], 0))
        return found.name if found else ""

    assert said(sample * np.sqrt(2)) == "the sample's spread is too large by the root of 2"
    assert said(sample / 2) == "the sample's spread is too small by 2"
    assert said(0 * sample) == "every entry of the sample is the same"
    assert said(sample.clip(-2, 2)) == "the sample is clipped"
    assert said(sample.astype("float32")) == "float32 comes out where float64 is asked for"
    assert said(sample + 1) == said(sample * 1.2) == said(sample[:, :50]) == ""
    assert said(sample.T) == "the lengths of the two axes are exchanged"
    assert said(sample[:, None]) == "an axis of length 1 is left over"
    assert said(sample.ravel()) == "the sample is not in the right shape"


KNOWN = Diagnosis("squared", "it is squared", "take it as it is")


def answers(*arrays: np.ndarray, hidden: bool = False) -> list[Answer]:
    return [Answer(Close(), a, "" if hidden else "f(x)", hidden) for a in arrays]


def values(*arrays: np.ndarray) -> list[Observed]:
    return [Observed("array", a) for a in arrays]


def test_a_recorded_mistake_is_recognised_up_to_rounding_and_through_json() -> None:
    made = trace(KNOWN, values(X, Y**2 + X), [X, Y], [Close()] * 2)
    assert made is not None and made.at == 1
    known = known_from_json(known_to_json({"a-check": [made]}))["a-check"]
    assert kept_traces(known, [made])[0] is known[0]
    again = values(X, (Y.astype("f8") ** 2 + X).astype("f4") * np.float32(1 + 1e-7))
    assert recognise(1, again, [X, Y], [Close()] * 2, known) == KNOWN
    other = values(X, Y**2 + 1.01 * X)
    assert recognise(1, other, [X, Y], [Close()] * 2, known) is None


JUDGES = st.sampled_from([Close(), Close(1e-3, 1e-5), Close(5e-3), Close(0.0, 0.02), Close(0.1)])
NOISE = hnp.arrays("float32", X.shape, elements=st.floats(-1, 1, width=32))


def allowed(judge: Close, x: np.ndarray) -> np.ndarray:
    """How far processors may differ: by rounding, or by half of the tolerance that is stated."""
    rtol, atol = (1e-6, 1e-7) if judge == Close() else judge.tolerances(x.dtype)
    return (atol + rtol * abs(x)) / 2


@given(JUDGES, NOISE, st.floats(3, 100))
def test_a_recorded_mistake_stays_on_another_processor_and_not_when_it_is_another(
    judge: Close, noise: np.ndarray, times: float
) -> None:
    wrong = X**2 + 10 * X
    here, there, other = (
        trace(KNOWN, values(w.astype("f4")), [X], [judge])
        for w in (wrong, wrong + noise * allowed(judge, X), wrong * times)
    )
    assert here and there and other
    recorded = known_from_json(known_to_json({"a-check": [here, replace(other, mistake="1")]}))
    kept = kept_traces(recorded["a-check"], [there, other])
    assert kept[0] is recorded["a-check"][0] and kept[1] is other


def test_an_error_within_the_tolerance_tells_nothing() -> None:
    zeros, rounding = np.zeros((1, 4), "f4"), np.float32([[3e-7, -1e-7, 2e-7, 1e-8]])
    judges = [Close(), Close(1e-3, 1e-4)]
    traces = [trace(KNOWN, values(Y, r), [X, zeros], judges) for r in (rounding, -rounding)]
    assert traces[0] and traces[1]
    assert kept_traces(traces[:1], traces[1:])[0] is traces[0]


def test_two_explanations_of_the_same_values_are_none() -> None:
    judges = [Close()]
    a = trace(KNOWN, values(Y), [X], judges)
    b = trace(Diagnosis("another", "b", "c"), values(Y), [X], judges)
    assert a and b
    assert recognise(0, values(Y), [X], judges, [a, b]) is None
    assert recognise(0, values(Y), [X], judges, [a, a]) == KNOWN


def test_a_check_that_passed_denies_the_one_mistake_and_not_another_explained_alike() -> None:
    fails, passes = (trace(KNOWN, values(Y), [X], [Close()], mistake=id) for id in "ab")
    assert fails and passes
    known = known_from_json(known_to_json({"one": [fails, passes], "two": [passes]}))
    assert uncontradicted(known["one"], {"two"}, known) == known["one"][:1]
    assert uncontradicted(known["one"], set(), known) == known["one"]


def test_a_result_that_is_not_there_is_named_where_that_is_plain() -> None:
    def said(value: Observed | None, shown: str) -> str:
        answer = replace(answers(X)[0], shown=shown, gradient=".grad" in shown)
        found = judge([value] if value else [], [answer]).diagnosis
        return found.name if found else ""

    none = Observed("nothing")
    assert said(none, "f(x)") == said(none, "y") == "nothing is returned"
    assert said(none, "distribution(f(x))") == "nothing is returned"
    assert said(none, "x.grad") == said(none, "close(x.grad, rtol=1)") == "there is no gradient"
    assert said(none, "") == said(Observed("datum", "f", text="str"), "f(x)") == ""
    assert said(Observed("datum", [1], text="list"), "") == ("a list or tuple in place of an array")
    assert said(None, "") == "fewer results than there should be"


def test_trivial_values_tell_a_recorded_mistake_only_if_it_says_so() -> None:
    one, two = np.array(1.0), np.array(2.0)
    for plain in (False, True):
        made = trace(KNOWN, values(two), [one], [Close()], plain)
        assert made
        found = recognise(0, values(two), [one], [Close()], [made])
        assert found == (KNOWN if plain else None)


CHECK = CheckEntry("a-check", "00_stage", 3, "x", "docstring")


def test_a_right_answer_has_no_diagnosis() -> None:
    made = trace(KNOWN, values(Y), [X], [Close()])
    assert made
    assert judge(values(X), answers(X), [made]) == Verdict("pass")


def test_a_hidden_mismatch_is_named_without_its_values() -> None:
    verdict = judge(values(X * np.float32(1.2345)), answers(X, hidden=True))
    text = Report(CHECK, verdict).text
    assert "off by the same factor" in text and "1.23" not in text
    assert verdict.actual == verdict.expected == ""


def test_a_message_has_at_most_eight_lines() -> None:
    verdict = judge(values(2 * X), answers(X))
    text = Report(CHECK, verdict).text
    assert len(text.splitlines()) == 8
    assert "docstring" not in text


EDIT = 'edits = [["x.sum() / x.size", "x.sum() / (x.size - 1)"]]'
TOML = f"""
[[mistake]]
of = "mean"
name = "divided by n - 1"
why = "that is for variances"
try = "divide by n"
{EDIT}
"""


def course_with(root: Path, toml: str) -> Path:
    write_course(root)
    (root / "solutions" / "mistakes").mkdir()
    (root / "solutions" / "mistakes" / "00_mean.toml").write_text(toml)
    return root


def test_the_build_records_what_a_mistake_yields(tmp_path: Path) -> None:
    course = load_course(course_with(tmp_path, TOML))
    build_course(course)
    (public,) = read_known(tmp_path / "notebooks")["mean-of-three"]
    (full,) = read_known(tmp_path / "build" / "nbgrader" / "instructor")["mean-of-three"]
    assert public.diagnosis.name == full.diagnosis.name == "divided by n - 1"
    assert (len(public.prints), len(full.prints)) == (1, 2)
    assert build_course(course) == []


LATER = '''
# %% id="scaler-has-two-numbers" role="check" points=1 of="noise"
@check
def scaler_has_two_numbers():
    """What a scaler remembers."""
    yield np.array([0.5, len(vars(Scaler(np.arange(3.0))))])
'''
UNSEEN = """
[[mistake]]
of = "scaler"
name = "it keeps the sample"
why = "two numbers are enough"
try = "keep those"
edits = [["self.centre = mean(x)", "self.x = x\\n        self.centre = mean(x)"]]
"""


def test_a_mistake_that_its_own_checks_let_pass_is_recorded_where_it_fails(tmp_path: Path) -> None:
    last = "    yield distribution(noise(20_000))\n"
    write_course(tmp_path, stage_01=(last, last + LATER))
    (tmp_path / "solutions" / "mistakes").mkdir()
    (tmp_path / "solutions" / "mistakes" / "01_scale.toml").write_text(UNSEEN)
    build_course(load_course(tmp_path))
    (found,) = read_known(tmp_path / "notebooks")["scaler-has-two-numbers"]
    assert found.diagnosis.name == "it keeps the sample"


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (EDIT, 'edits = [["x", "y"]]', "00_mean.toml:2: 'x' stands"),
        (EDIT, 'edits = [["x.sum()", "x.sum("]]', "do not give Python"),
        ('of = "mean"', 'of = "men"', 'of="men": no exercise'),
        ('why = "that is for variances"\n', "", "a mistake has of, name, why"),
        ("try = ", "[", "mistakes/00_mean.toml"),
        ("that is for variances", "x" * 101, "more than 100 characters"),
        (EDIT, 'edits = ["x.sum()"]', "list of pairs"),
    ],
)
def test_a_mistake_that_cannot_be_made_is_refused(
    tmp_path: Path, old: str, new: str, problem: str
) -> None:
    with pytest.raises(CourseError) as error:
        build_course(load_course(course_with(tmp_path, TOML.replace(old, new))))
    assert problem in str(error.value)


def test_a_mistake_that_no_check_sees_is_refused(tmp_path: Path) -> None:
    harmless = TOML.replace("(x.size - 1)", "(x.size - 0)")
    course = load_course(course_with(tmp_path, harmless))
    with pytest.raises(CourseError, match="no check tells it by a value"):
        build_course(course)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"diagnoses": []}',
        '{"diagnoses": [], "traces": {"a-check": ["0 0 0|float32 2;"]}}',
        '{"diagnoses": [["a", "b", "c"]], "traces": {"a-check": ["0 0"]}}',
        '{"diagnoses": [["a", "b", "c"]], "traces": {"a-check": ["0 0 0|float32 2;?"]}}',
    ],
)
def test_a_damaged_record_of_mistakes_names_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "mistakes.json").write_text(text, encoding="utf-8")
    assert read_known(tmp_path) == {}


@given(
    numbers=st.lists(st.floats(-1e6, 1e6), min_size=4, max_size=4),
    slack=st.floats(1e-12, 1e6) | st.sampled_from([0.00999, 0.0995, 0.995, 9.96e-5]),
)
def test_a_recorded_mistake_that_is_read_is_written_the_same(
    numbers: list[float], slack: float
) -> None:
    known = {
        "a-check": [Trace(Diagnosis("a", "b", "c"), 0, [Print("f", np.array(numbers), slack)])]
    }
    once = known_to_json(known)
    assert known_to_json(known_from_json(once)) == once
