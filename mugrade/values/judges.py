"""Judges: how a value that left the student's code is compared with the reference's.

A check yields plain values, which `Close` compares, or values wrapped by one of the functions
below. The judge that counts is the one of the reference's own run.
"""

import contextlib
import io
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar

import numpy as np

from mugrade.values import Category
from mugrade.values.close import Close, Judge, Judged, compare_form
from mugrade.values.datum import Printed, Raised, to_datum
from mugrade.values.distribution import Distribution
from mugrade.values.holds import AnyOf, Holds
from mugrade.values.verdict import Verdict
from mugrade.values.wire import datum_to_json


@dataclass(frozen=True)
class Labels:
    """Predicted labels: at least the fraction `at_least` equals the true ones.

    The true labels are `solutions/labels/<truth>.npy`; they are read outside the sandbox.
    """

    name: ClassVar[str] = "labels"
    truth: str
    at_least: float

    def compare(self, actual: np.ndarray, expected: np.ndarray) -> Verdict | None:
        if actual.shape != expected.shape:
            return compare_form(actual, expected)
        accuracy = float((actual == expected).mean())
        if accuracy >= self.at_least:
            return None
        return Verdict(
            Category.VALUE,
            f"{accuracy:.1%} of the labels right",
            f"at least {self.at_least:.1%}",
            advice="look at some of those that are wrong, and at what they have in common",
        )


JUDGES = {judge.name: judge for judge in (Close, Distribution, Labels, AnyOf, Holds)}


def close(
    value: Any, rtol: float | None = None, atol: float | None = None, dtype: str | None = None
) -> Judged:
    """Ask for a comparison with other tolerances than the dtype's.

    With a `dtype`, floating-point values are converted to it first: a check that is not about
    dtypes judges the values alone, and a wrong dtype costs points in its own check only.
    """
    return Judged(value if dtype is None else _converted(value, dtype), Close(rtol, atol))


def _converted(value: Any, dtype: str) -> Any:
    """Floating-point values in another dtype; anything else as it is, for the judge to refuse."""
    if hasattr(value, "numpy") and not isinstance(value, type):
        value = value.numpy()
    if not isinstance(value, np.ndarray | np.generic) or value.dtype.kind != "f":
        return value
    with np.errstate(all="ignore"):
        return np.asarray(value).astype(dtype)


def distribution(value: Any, dtype: str | None = None) -> Judged:
    """Ask for a comparison of two random samples instead of their entries.

    With a `dtype`, floating-point samples are converted to it first, as by `close`.
    """
    return Judged(value if dtype is None else _converted(value, dtype), Distribution())


def labels(value: Any, truth: str, at_least: float) -> Judged:
    """Ask for predictions to be scored against labels that the student's process never sees."""
    return Judged(value, Labels(truth, at_least))


def any_of(value: Any, *others: Any) -> Judged:
    """Ask for what the reference yields, or for one of `others`, which are as right.

    Others are data; no submission sees them.
    """
    return Judged(value, AnyOf([datum_to_json(to_datum(other)) for other in others]))


def holds(value: Any, condition: Callable[[Any], Any], what: str = "") -> Judged:
    """Ask for a value of which a condition holds: a root, a permutation, whatever can be tested.

    The condition is a lambda, or a function of the check that only returns. It is evaluated on the
    value where no student code runs, as a submission never sees it, and may use modules and data of
    the check as they were in the reference's run. `what` says in words what is asked for.
    """
    return Judged(value, Holds.of(condition, what) if callable(condition) else Holds())


def worth(value: Any, points: int) -> Judged:
    """Let a part of a check give points of its own: this value, and those since the part before.

    The points of all parts are those of the check. A part is right if all its values are.
    """
    judged = value if isinstance(value, Judged) else Judged(value, Close())
    return replace(judged, points=points)


def raises(call: Callable[[], Any], message: bool = False) -> Any:
    """The exception that a call raises, to be yielded: its class counts, or one derived from it.

    With `message` its text counts too. What is not written yet passes through.
    """
    try:
        value = call()
    except NotImplementedError:
        raise
    except Exception as error:
        bases = [base.__name__ for base in type(error).__mro__[1:]]
        return Raised(type(error).__name__, bases, str(error) if message else "")
    return value


def printed(function: Callable[..., Any], *arguments: Any, **options: Any) -> Printed:
    """What a function prints when it is called so, to be yielded.

    Blanks at the ends of lines and empty lines at the end do not count.
    """
    with contextlib.redirect_stdout(io.StringIO()) as out:
        function(*arguments, **options)
    return Printed(out.getvalue())


def judge_to_json(judge: Judge) -> dict[str, Any]:
    return {"name": judge.name, **asdict(judge)}  # type: ignore[attr-defined, call-overload]


def judge_from_json(data: dict[str, Any]) -> Judge:
    return JUDGES[data["name"]](**{k: v for k, v in data.items() if k != "name"})
