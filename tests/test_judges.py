"""Judges accept what is right, refuse what is wrong, and say which of the two forms it has."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mugrade.course.manifest import CheckEntry
from mugrade.values.answers import Answer, answers_from_json, answers_to_json, record
from mugrade.values.close import TOLERANCES, Close
from mugrade.values.compare import judge, kept_answers
from mugrade.values.distribution import Distribution
from mugrade.values.judges import Labels, close, distribution, judge_from_json, judge_to_json
from mugrade.values.observe import Observed
from mugrade.view.report import Report

DTYPES = ("float16", "float32", "float64", "complex64", "complex128", "int64", "uint8", "bool")
ARRAYS = st.sampled_from(DTYPES).flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0))
)
LAWS = {
    "normal": lambda rng, n: rng.standard_normal(n),
    "uniform": lambda rng, n: rng.uniform(-(3**0.5), 3**0.5, n),
    "laplace": lambda rng, n: rng.laplace(0, 0.5**0.5, n),
    "exponential": lambda rng, n: rng.exponential(1, n) - 1,
    "coin": lambda rng, n: rng.choice([-1.0, 1.0], n),
    "dropout": lambda rng, n: rng.choice([-0.5, 2.0], n, p=[0.8, 0.2]),
}
quick = settings(max_examples=60)
SEEDS = st.integers(0, 2**32 - 1)
SIZES = st.integers(100, 3000)


def kind(judge, actual, expected):
    mismatch = judge.compare(np.asarray(actual), np.asarray(expected))
    return mismatch.category if mismatch else "pass"


def compare(actual, reference):
    """The outcome for a sample, against what is recorded of the reference's."""
    law, quantiles = Distribution().recorded(reference)
    return kind(law, actual, quantiles)


@quick
@given(ARRAYS)
def test_every_array_is_close_to_itself(x):
    assert kind(Close(), x.copy(), x) == "pass"
    assert kind(Close(rtol=0, atol=0), x.copy(), x) == "pass"


@quick
@given(ARRAYS, ARRAYS)
def test_form_is_told_before_values(x, y):
    outcome = kind(Close(), x, y)
    if x.shape != y.shape:
        assert outcome == "shape"
    elif x.dtype != y.dtype:
        assert outcome == "dtype"
    else:
        assert outcome in ("pass", "value")


@quick
@given(
    st.sampled_from(sorted(TOLERANCES)),
    st.floats(1e-2, 1e3),
    st.floats(0, 0.5) | st.floats(4, 1e3),
    SEEDS,
)
def test_the_tolerance_is_that_of_the_dtype(dtype, scale, share, seed):
    rtol, atol = TOLERANCES[dtype]
    rng = np.random.default_rng(seed)
    expected = (scale * rng.standard_normal(20)).astype(dtype)
    error = share * (atol + rtol * np.abs(expected.astype("complex128")))
    actual = (expected + error).astype(dtype)
    assert kind(Close(), actual, expected) == ("pass" if share < 1 else "value")


@quick
@given(ARRAYS.filter(lambda x: x.size), st.floats(0, 0.5), st.floats(0, 2), st.data())
def test_entry_by_entry_it_is_what_numpy_calls_close(x, rtol, atol, data):
    entries = st.sampled_from([*x.ravel()]) | hnp.from_dtype(x.dtype)
    actual = data.draw(hnp.arrays(x.dtype, x.shape, elements=entries))
    with np.errstate(all="ignore"):
        wanted = np.isclose(actual, x, rtol=rtol, atol=atol, equal_nan=True)
    np.testing.assert_array_equal(Close(rtol, atol).right(actual, x), wanted)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "complex64"])
def test_what_is_not_finite_equals_only_itself(dtype):
    values = np.array([np.nan, np.inf, -np.inf, 0, np.finfo(dtype).max], dtype)
    for i, expected in enumerate(values):
        for j, actual in enumerate(values):
            assert kind(Close(), actual, expected) == ("pass" if i == j else "value")
            assert kind(Close(rtol=0, atol=0), actual, expected) == ("pass" if i == j else "value")


@quick
@given(st.sampled_from(["int64", "uint64", "int8", "bool"]), st.data())
def test_whole_numbers_must_be_equal(dtype, data):
    pair = data.draw(hnp.arrays(dtype, 2))
    assert (kind(Close(), pair[0], pair[1]) == "pass") == (pair[0] == pair[1])


def test_large_whole_numbers_do_not_round():
    assert kind(Close(), np.int64(2**53 + 1), np.int64(2**53)) == "value"
    assert kind(Close(atol=1), np.array([3]), np.array([4])) == "pass"


def test_a_scalar_is_not_broadcast():
    assert kind(Close(), np.float64(1), np.ones(3)) == "shape"
    assert kind(Close(), np.ones((1, 3)), np.ones(3)) == "shape"
    assert kind(Close(), np.ones(0), np.ones(3)) == "shape"


def test_the_first_wrong_entry_is_named():
    mismatch = Close().compare(np.array([[1.0, 2.0], [3.0, 5.0]]), np.array([[1.0, 2], [3, 4]]))
    assert mismatch is not None
    assert mismatch.actual == "5 at [1, 1] (1 of 4 entries differ)"
    assert mismatch.expected == "4"


@quick
@given(st.sampled_from(sorted(LAWS)), SIZES, SEEDS, st.floats(1e-30, 1e30), st.floats(-9, 9))
def test_every_sample_of_the_law_passes(law, size, seed, scale, centre):
    rng = np.random.default_rng(seed)
    reference, actual = (scale * (centre + LAWS[law](rng, size)) for _ in range(2))
    assert compare(actual, reference) == "pass"


@quick
@given(st.sampled_from(sorted(LAWS)), SEEDS, st.sampled_from([0.5, 0.7, 1.4, 2.0, -3.0, 0.0]))
def test_another_scale_fails(law, seed, scale):
    rng = np.random.default_rng(seed)
    assert compare(scale * LAWS[law](rng, 4000), LAWS[law](rng, 4000)) == "value"


@quick
@given(st.sampled_from(sorted(LAWS)), SEEDS, st.sampled_from([-1.0, 0.3, 5.0, np.nan, np.inf]))
def test_another_centre_fails(law, seed, shift):
    rng = np.random.default_rng(seed)
    assert compare(shift + LAWS[law](rng, 4000), LAWS[law](rng, 4000)) == "value"


@quick
@given(st.permutations(sorted(LAWS)), SEEDS)
def test_another_law_of_the_same_mean_and_deviation_fails(laws, seed):
    rng = np.random.default_rng(seed)
    assert compare(LAWS[laws[0]](rng, 12_000), LAWS[laws[1]](rng, 12_000)) == "value"


@quick
@given(SEEDS, st.sampled_from([2, 5, 60]))
def test_a_sample_that_repeats_its_rows_fails(seed, times):
    rng = np.random.default_rng(seed)
    repeated = np.repeat(rng.standard_normal((6000 // times, 2)), times, axis=0)
    assert compare(repeated, rng.standard_normal((6000, 2))) == "value"


def test_a_sample_that_happens_to_have_fewer_different_entries_passes():
    rng = np.random.default_rng(0)
    x, y = np.zeros((2, 12_000))
    x[:1200], y[:1060] = 10 * rng.standard_normal(1200), 10 * rng.standard_normal(1060)
    assert compare(y, x) == "pass"
    y[500:1060] = y[:560]
    assert compare(y, x) == "value"


def test_shape_and_dtype_of_a_sample_are_told_apart():
    x = np.random.default_rng(0).standard_normal((40, 50))
    assert compare(x.T, x) == "shape"
    assert compare(x.astype("float32"), x) == "dtype"
    assert compare(x[:0], x) == "shape"


def test_entries_that_cancel_beyond_the_range_of_floats_fail():
    x = np.random.default_rng(0).standard_normal(2000)
    y = x.copy()
    y[:2], y[2:4] = 1.7e308, -1.7e308
    assert compare(y, x) == "value"


@pytest.mark.parametrize(
    "sample",
    [np.zeros(500), np.ones((20, 30)), np.arange(9.0), np.full(500, np.nan), np.zeros(500, "c8")],
    ids=["zeros", "ones", "few", "nan", "complex"],
)
def test_a_reference_without_a_law_is_refused(sample):
    with pytest.raises(ValueError, match="distribution needs"):
        Distribution().recorded(sample)


@quick
@given(st.integers(1, 200), st.floats(0, 1), st.floats(0, 1), SEEDS)
def test_labels_need_the_fraction_that_is_asked_for(size, share, at_least, seed):
    truth = np.random.default_rng(seed).integers(0, 10, size)
    right = round(share * size)
    predicted = np.where(np.arange(size) < right, truth, (truth + 1) % 10)
    outcome = kind(Labels("t", at_least), predicted, truth)
    assert outcome == ("pass" if right / size >= at_least else "value")


@pytest.mark.parametrize("predicted", [np.int64(3), np.full((5, 1), 3), np.zeros(0, int)])
def test_labels_are_not_broadcast(predicted):
    assert kind(Labels("t", 0.0), predicted, np.full(5, 3)) == "shape"


def test_labels_that_are_nan_are_wrong():
    assert kind(Labels("t", 0.1), np.full(5, np.nan), np.full(5, 3)) == "value"


@pytest.mark.parametrize(
    "judge", [Close(), Close(1e-3, 0.0), Labels("t", 0.9), Distribution((2, 3), "float32", 1, 2)]
)
def test_judges_survive_json(judge):
    assert judge_from_json(json.loads(json.dumps(judge_to_json(judge)))) == judge


@quick
@given(ARRAYS)
def test_recorded_answers_survive_json(x):
    source = "@check\ndef f():\n    yield x\n"
    (answer,) = record([Observed("array", x, line=2)], source, {})
    (again,) = answers_from_json(json.loads(json.dumps(answers_to_json([answer]))))
    assert (again.judge, again.shown, again.hidden) == (answer.judge, "x", False)
    assert kind(Close(), again.array, x) == "pass"


STATED = st.sampled_from([Close(1e-3, 1e-5), Close(5e-3), Close(0.0, 0.02), Close(atol=0.0)])
REALS = hnp.arrays(st.sampled_from(["float32", "float64"]), hnp.array_shapes(max_dims=2))


@quick
@given(REALS, STATED)
def test_an_answer_is_recorded_with_the_digits_that_its_judge_asks_for(x, judge):
    (answer,) = record(
        [Observed("array", x, line=2, judge=judge)], "@check\ndef f():\n    yield x", {}
    )
    rtol, atol = judge.tolerances(x.dtype)
    assert kind(Close(rtol / 100, atol / 100 + 1e-30), answer.array, x) == "pass"
    assert Close().recorded(x) is x


@quick
@given(REALS, st.one_of(STATED, st.just(Close())), st.floats(-2, 2), st.booleans())
def test_what_is_recorded_stays_while_its_own_judge_sees_no_difference(x, judge, times, hidden):
    rtol, atol = judge.tolerances(x.dtype)
    with np.errstate(all="ignore"):
        moved = (x + times * (atol + rtol * abs(x))).astype(x.dtype)
    old, new = (Answer(judge, array, "x", hidden) for array in (x, moved))
    (kept,) = kept_answers([old], [new])
    assert kept is (old if kind(judge, moved, x) == "pass" else new)
    for other in (replace(old, hidden=not hidden), replace(old, judge=Close(0.3)), None):
        assert kept_answers([other] if other else [], [old]) == [old]


def test_labels_and_samples_are_written_anew_when_they_are_others():
    truth = np.arange(100) % 10
    one_moved = Answer(Labels("t", 0.5), np.append(truth[1:], 3), "", True)
    assert kept_answers([Answer(Labels("t", 0.5), truth, "", True)], [one_moved])[0] is one_moved
    sample = np.random.default_rng(0).standard_normal(5000)
    law, again, wider = (
        Answer(*Distribution().recorded(x), "", True)
        for x in (sample, sample * (1 + 1e-9), sample * 1.001)
    )
    assert kept_answers([law], [again])[0] is law
    assert kept_answers([law], [wider])[0] is wider


def answers_of(*arrays, hidden=False):
    lines = "\n".join(f"    yield x[{i}]" for i in range(len(arrays)))
    mark = "    ### BEGIN HIDDEN TESTS\n" if hidden else ""
    values = [Observed("array", a, line=2 + hidden + i) for i, a in enumerate(arrays)]
    return record(values, f"@check\ndef f():\n{mark}{lines}\n", {})


@pytest.mark.parametrize(
    ("values", "category"),
    [
        ([Observed("array", np.ones(2))], "pass"),
        ([Observed("array", np.ones(3))], "shape"),
        ([Observed("array", np.ones(2, "float32"))], "dtype"),
        ([Observed("array", np.zeros(2))], "value"),
        ([], "nothing"),
        ([Observed("nothing")], "nothing"),
        ([Observed("datum", [1.0], text="list")], "not an array"),
        ([Observed("no datum", text="generator")], "not an array"),
        ([Observed("error", text="ValueError: no")], "error"),
        ([Observed("error", text="NotImplementedError")], "unsolved"),
        ([Observed("array", np.ones(2)), Observed("error", text="ValueError: no")], "error"),
        ([Observed("array", np.ones(2)), Observed("array", np.ones(2))], "value"),
    ],
)
@pytest.mark.parametrize("hidden", [False, True])
def test_verdicts(values, category, hidden):
    verdict = judge(values, answers_of(np.ones(2), hidden=hidden))
    assert verdict.category == category
    if hidden:
        assert (verdict.actual, verdict.expected, verdict.at) == ("", "", "")


KINDS = """@check
def f():
    #: not a hidden one
    yield a
    ### BEGIN HIDDEN TESTS
    yield b
    #: negative axes
    for axis in (-1, -2):
        yield g(b, axis)
    #: no rows
    yield g(c, 0)
    ### END HIDDEN TESTS
    yield d
"""


F = CheckEntry("f", "00_stage", 3, "f", "why")


def test_a_hidden_miss_says_of_what_kind_the_input_is():
    lines = [3, 5, 8, 8, 10, 12]
    answers = record([Observed("array", np.ones(2), line=n) for n in lines], KINDS, {})
    assert [a.about for a in answers] == ["", "", *["negative axes"] * 2, "no rows", ""]
    assert [a.about for a in answers_from_json(answers_to_json(answers))] == [
        a.about for a in answers
    ]
    right = [Observed("array", np.ones(2))] * 4
    verdict = judge([*right, Observed("error", text="IndexError: 7")], answers)
    said = Report(F, verdict).text
    assert "an exception was raised on an input that is not shown: no rows" in said
    assert "7" not in said
    assert "no rows" not in Report(F, judge([], answers)).text
    other = replace(answers[4], about="one row")
    assert kept_answers([other], [answers[4]]) == [answers[4]]


@pytest.mark.parametrize("ask", [close, distribution])
def test_a_check_that_is_not_about_dtypes_takes_any_floating_point_dtype(ask):
    wide = np.linspace(-1, 1, 200)
    assert ask(wide, dtype="float32").value.dtype == np.float32
    assert ask(wide).value.dtype == np.float64
    for kept in (np.arange(3), np.array([True]), None, "text", 1.5):
        assert ask(kept, dtype="float32").value is kept
