"""Judges for what has more than one right answer, exceptions, what is printed, and figures."""

import json
import math
import textwrap
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mugrade import any_of, figure, holds, printed, raises, worth
from mugrade.sandbox.job import CheckTask, Job
from mugrade.sandbox.limits import Limits
from mugrade.sandbox.loader import Piece
from mugrade.sandbox.process import Sandbox
from mugrade.sandbox.tiers import WEAK
from mugrade.values.answers import Answer, answers_from_json, answers_to_json, record
from mugrade.values.compare import judge
from mugrade.values.datum import Printed, Raised
from mugrade.values.holds import asked
from mugrade.values.observe import Observed, observe
from mugrade.values.verdict import Verdict

NAMES = {"any_of": any_of, "holds": holds, "raises": raises, "printed": printed, "figure": figure}
NAMES["worth"] = worth


def yielded(body: str, **names: Any) -> tuple[list[Observed], str]:
    """What a check with this body yields, and its source."""
    source = f"def the_check():\n{textwrap.indent(textwrap.dedent(body).strip(), '    ')}\n"
    scope: dict[str, Any] = {**NAMES, "np": np, "math": math, **names}
    exec(source, scope)
    return observe(scope["the_check"], 0), f"@check\n{source}"


def recorded(body: str, **names: Any) -> list[Answer]:
    """The answers of a check, written and read."""
    values, source = yielded(body, **names)
    values = [replace(value, line=value.line + 1) for value in values]
    return answers_from_json(json.loads(json.dumps(answers_to_json(record(values, source, {})))))


def verdict(body: str, reference: dict[str, Any], student: dict[str, Any]) -> Verdict:
    return judge(yielded(body, **student)[0], recorded(body, **reference))


ROOT = """
low, high = 1, 2
yield holds(root(), lambda x: low < x < high and math.isclose(x * x, 2, rel_tol=1e-6), "a root")
"""


@pytest.mark.parametrize(
    ("value", "passes"),
    [
        (math.sqrt(2), True),
        (1.4142136, True),
        (np.float32(math.sqrt(2)), True),
        (-math.sqrt(2), False),
        (1.5, False),
        (None, False),
        ("x", False),
        (np.ones(2), False),
        (object(), False),
    ],
)
def test_whatever_fulfils_a_condition_passes(value: Any, passes: bool) -> None:
    found = verdict(ROOT, {"root": lambda: math.sqrt(2)}, {"root": lambda: value})
    assert found.passed == passes
    assert passes or found.expected


def test_a_condition_is_that_of_the_reference() -> None:
    """What student code makes of the check's variables, or says of the judge, changes nothing."""
    body = "x = given()\nyield holds(answer(), lambda y: y == 2 * x)"
    right = {"given": lambda: 3, "answer": lambda: 6}
    assert verdict(body, right, right).passed
    assert not verdict(body, right, {"given": lambda: 4, "answer": lambda: 8}).passed
    cheat = "yield holds(answer(), lambda y: True)"
    values, _ = yielded(cheat, answer=lambda: 8)
    assert not judge(values, recorded(body, **right)).passed


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ("def in_order(y):\n    return sorted(y) == y\nyield holds(s(), in_order)", [2, 1]),
        ("yield holds(s(), lambda y: np.all(np.diff(y) >= 0))", [2, 1]),
        ("for n in (1, 2):\n    yield holds(s(), lambda y: len(y) >= n)", [2]),
        ("yield holds(s(), lambda y: all(a <= b for a, b in zip(y, y[1:])))", [2, 1]),
        ("limit = {'least': [1]}\nyield holds(s(), lambda y: y[0] >= limit['least'][0])", [0]),
    ],
)
def test_conditions_use_modules_and_data(body: str, wrong: list[int]) -> None:
    assert verdict(body, {"s": lambda: [1, 2, 3]}, {"s": lambda: [2, 3, 4]}).passed
    assert not verdict(body, {"s": lambda: [1, 2, 3]}, {"s": lambda: wrong}).passed


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            "yield holds(s(), lambda y: helper(y))",
            "uses helper, which is neither data nor a module",
        ),
        ("yield holds(s(), len)", "must be a lambda"),
        ("def c(y):\n    y = y\n    return True\nyield holds(s(), c)", "must be a lambda"),
        ("yield from [holds(s(), lambda y: True)]", "statement of its own"),
        ("yield holds(s(), lambda y: len(y) > 1)", "does not hold of the reference's own value"),
        ("either = any_of\nyield either(s(), 2)", "by this name"),
    ],
)
def test_a_condition_that_cannot_be_kept_is_refused(body: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        recorded(body, s=lambda: [1], helper=lambda y: True)


@pytest.mark.parametrize(("value", "passes"), [(2, True), (3, True), (4, False), (2.0, False)])
def test_any_of_several_answers_passes(value: Any, passes: bool) -> None:
    found = verdict("yield any_of(f(), 3)", {"f": lambda: 2}, {"f": lambda: value})
    assert found.passed == passes
    assert passes or "as right" in found.expected


SOURCES = st.sampled_from(
    [
        "yield any_of(f(x), 1, 2)",
        "yield any_of((f(x)), (1), [2,\n   3])",
        "yield holds(f(x), lambda y: 'é' == y, what='ü')",
        "yield holds(f('é'), (lambda y:\n        y > secret), 'more')",
        "yield holds(any_of(f(x), 1), lambda y: (\n  True))",
        "yield f(x)",
        "yield close(f(x), rtol=1)",
    ]
)


@given(st.lists(SOURCES, min_size=1, max_size=4))
def test_a_submission_is_asked_without_what_is_right(lines: Sequence[str]) -> None:
    source = "def f():\n" + "\n".join(textwrap.indent(line, "    ") for line in lines)
    shown = asked(source)
    compile(shown, "check", "exec")
    assert shown.count("\n") == source.count("\n")
    assert "lambda" not in shown and "secret" not in shown and "any_of(f(x), 1" not in shown
    for line in ("yield f(x)", "yield close(f(x), rtol=1)"):
        assert shown.count(line) == "\n".join(lines).count(line)


def test_what_is_asked_is_judged_all_the_same() -> None:
    body = 'yield holds(f(), lambda y: y > 2, "more than 2")\nyield any_of(f(), 7)'
    answers = recorded(body, f=lambda: 5)
    _, source = yielded(body, f=lambda: 5)
    for value, passes in ((5, True), (7, True), (6, False), (1, False)):
        scope: dict[str, Any] = {**NAMES, "f": lambda value=value: value, "check": lambda f: f}
        exec(asked(source), scope)
        assert judge(observe(scope["the_check"], 0), answers).passed == passes


class Own(KeyError):
    pass


def fails(error: Exception) -> Callable[[], Any]:
    def call() -> Any:
        raise error

    return call


def test_an_exception_is_a_value() -> None:
    found = raises(fails(Own("no 'a'")))
    assert isinstance(found, Raised) and (found.name, found.message) == ("Own", "")
    assert found.bases[:2] == ["KeyError", "LookupError"]
    assert raises(fails(ValueError("text")), message=True).message == "text"
    assert raises(lambda: 3) == 3
    with pytest.raises(NotImplementedError):
        raises(fails(NotImplementedError()))


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (KeyError("a"), True),
        (Own("b"), True),
        (LookupError("a"), False),
        (ValueError("a"), False),
    ],
)
def test_an_exception_of_the_class_or_one_derived_from_it_passes(
    error: Exception, passes: bool
) -> None:
    body = "yield raises(f)"
    assert verdict(body, {"f": fails(KeyError("x"))}, {"f": fails(error)}).passed == passes


def test_what_is_not_written_yet_is_not_the_other_exception() -> None:
    found = verdict(
        "yield raises(f)", {"f": fails(KeyError("x"))}, {"f": fails(NotImplementedError())}
    )
    assert found.category == "unsolved"


def test_what_is_printed_is_a_value() -> None:
    assert printed(print, "a", "b", sep="-") == Printed("a-b\n")
    body = "yield printed(f, 2)"
    reference = {"f": lambda n: print("x\n" * n)}
    assert verdict(body, reference, {"f": lambda n: print("x \nx")}).passed
    found = verdict(body, reference, {"f": lambda n: print("X\nX")})
    assert found.diagnosis and found.diagnosis.name == "upper and lower case differ"
    returned = verdict(body, reference, {"f": lambda n: "x\nx"})
    assert not returned.passed


def drawn(label: str = "t", factor: float = 1.0, more: bool = False) -> Callable[[], None]:
    def draw() -> None:
        import matplotlib.pyplot as plt

        _, axes = plt.subplots()
        axes.plot([0, 1, 2], [0, factor, 4 * factor], "r--", label="f")
        axes.bar([0, 1], [1, 2])
        axes.scatter([0.0], [1.0])
        axes.set_xlabel(label)
        axes.set_title("a title")
        if more:
            axes.plot([0, 1], [1, 1])

    return draw


@pytest.mark.parametrize(
    ("draw", "at"),
    [
        (drawn("T"), "['x label']"),
        (drawn(factor=1.1), "['lines'][0]"),
        (drawn(more=True), "['lines']"),
        (lambda: None, "['axes']"),
    ],
)
def test_a_figure_is_judged_by_what_it_shows(draw: Callable[[], None], at: str) -> None:
    body = "draw()\nyield figure()"
    assert verdict(body, {"draw": drawn()}, {"draw": drawn()}).passed
    found = verdict(body, {"draw": drawn()}, {"draw": draw})
    assert not found.passed and at in found.actual


PARTS = """
yield f(0)
yield worth(f(1), 2)
yield worth(f(2), 1)
yield worth(holds(f(3), lambda y: y > 5), 4)
"""


@given(st.sets(st.integers(0, 3)))
def test_parts_that_are_right_give_their_points(wrong: set[int]) -> None:
    reference = {"f": lambda n: 10 + n}
    found = verdict(PARTS, reference, {"f": lambda n: -1 if n in wrong else 10 + n})
    earned = 2 * (not wrong & {0, 1}) + (2 not in wrong) + 4 * (3 not in wrong)
    assert found.passed == (not wrong) and found.points(7) == earned
    assert found.concealed.points(7) == earned


def test_an_exception_costs_the_part_that_it_ends_and_those_behind_it() -> None:
    def student(n: int) -> int:
        if n == 2:
            raise ValueError("no")
        return 10 + n

    found = verdict(PARTS, {"f": lambda n: 10 + n}, {"f": student})
    assert (found.category, found.earned) == ("error", 2)


def test_without_parts_it_is_all_or_nothing() -> None:
    found = verdict("yield f(1)\nyield f(2)", {"f": lambda n: n}, {"f": lambda n: min(n, 1)})
    assert found.points(7) == 0


NOSY = """
import sys

def f():
    frame, found = sys._getframe(1), []
    while frame:
        found += [str(c) for c in frame.f_code.co_consts if isinstance(c, str | int)]
        frame = frame.f_back
    return found
"""


@pytest.mark.parametrize("call", ["any_of(m.f(), 'secret')", "holds(m.f(), lambda y: 0, 'secret')"])
@pytest.mark.parametrize("module", ["", "mugrade."])
@pytest.mark.parametrize("trusted", [False, True])
def test_a_submission_finds_nothing_that_is_kept_outside(
    call: str, module: str, trusted: bool
) -> None:
    source = f"@check\ndef the_check():\n    yield {module}{call}\n"
    setup = "import mugrade, m\nfrom mugrade import any_of, holds"
    job = Job({"m.py": [Piece("f", NOSY)]}, setup, ())
    with (
        closing(Sandbox(WEAK)) as sandbox,
        closing(sandbox.start(job, Limits(), trusted)) as process,
    ):
        (found,) = process.run(CheckTask("the-check", source, 0))
    assert ("secret" in found.value) == trusted
