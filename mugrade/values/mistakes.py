"""Mistakes that the course has made itself: a wrong value is recognised because it is known.

A course declares mistakes as edits of its reference (`solutions/mistakes/NN_name.toml`). The build
makes each of them, runs the checks and records a `Trace`: a few numbers for each value from the
first miss on. A submission that errs at the same place in the same way has made that mistake.
"""

import json
import math
import re
import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mugrade.values.close import Close, Judge
from mugrade.values.datum import Datum
from mugrade.values.diagnosis.evidence import ENOUGH, distinct
from mugrade.values.diagnosis.exceptions import ExceptionRule, rules_from_json
from mugrade.values.distribution import Distribution
from mugrade.values.observe import Kind, Observed
from mugrade.values.verdict import Diagnosis
from mugrade.values.wire import datum_to_json

MISTAKES = "mistakes.json"
PROJECTIONS = 4
MOST = 6  # values of a check that are compared, from the first miss on
HUGE = 1e30  # beyond it, squares overflow: there every value is as good as infinite
FRACTION = r"-?\d+\.\d+(e[-+]?\d+)?|-?\d+e[-+]?\d+"
RELATIVE, ROUNDING = 1e-4, {"float16": 4e-3, "float32": 4e-6, "float64": 1e-11}


@dataclass(frozen=True)
class Print:
    """The fingerprint of one wrong value.

    `form` is its kind, dtype and shape and where it is not finite; `numbers` are projections of
    the error (value minus answer) on fixed vectors, of a random sample its moments; `slack` is
    how far two prints of the same mistake may differ, on any processor: by rounding, and by what
    the answer's judge allows, each. It tells nothing if the error is trivial.
    """

    form: str
    numbers: np.ndarray
    slack: float
    telling: bool = False

    def matches(self, other: "Print") -> bool:
        """Whether both are of the same mistake: equal in form, and in numbers but for the slack."""
        slack = max(self.slack, other.slack)
        return self.form == other.form and bool((abs(self.numbers - other.numbers) <= slack).all())


@dataclass(frozen=True)
class Trace:
    """What one mistake makes of one check: the place of the first miss and the prints from it on.

    `plain` mistakes are known by trivial values too, because nothing else gives these. `mistake`
    tells which one it is: two may be explained alike.
    """

    diagnosis: Diagnosis
    at: int
    prints: Sequence[Print]
    plain: bool = False
    mistake: str = "0"


Known = Mapping[str, Sequence[Trace]]  # by check


def fingerprint(value: Observed, answer: Datum, judge: Judge) -> Print:
    """The fingerprint of a value where `answer` was expected."""
    a = value.array
    if value.kind == Kind.DATUM:
        return _print_of_datum(value.value)
    if a is None or a.dtype.kind == "c":
        error = value.text.partition(":")[0]
        return Print(f"{value.kind} {error}".strip(), np.zeros(PROJECTIONS), 0.0)
    form = f"{a.dtype.name} {'x'.join(map(str, a.shape))}"
    if isinstance(judge, Distribution):
        return _print_of_sample(form, a.astype(np.float64).ravel())
    if not isinstance(judge, Close):
        return Print(form, np.zeros(PROJECTIONS), 0.0)
    x = a.astype(np.float64).ravel()
    fits = isinstance(answer, np.ndarray) and answer.shape == a.shape
    y = answer.astype(np.float64).ravel() if fits else np.zeros_like(x)
    strange = ~np.isfinite(x)
    if strange.any():
        codes = np.where(np.isnan(x), 3, np.where(x > 0, 1, 2)) * strange
        form += f" {zlib.crc32(codes.astype(np.uint8).tobytes()):x}"
    x, y = np.clip(np.where(strange | ~np.isfinite(y), 0.0, (x, y)), -HUGE, HUGE)
    error, root = x - y, float(np.sqrt(x.size))
    of_x, of_y, size = (float(np.linalg.norm(v)) for v in (x, y, error))
    rounding = ROUNDING.get(a.dtype.name, 1e-11) * (of_x + of_y)
    allowed = (judge.rtol or 0.0) * of_y + (judge.atol or 0.0) * root
    least = max(4 * rounding, allowed) / max(root, 1.0)
    enough = distinct(error, least) >= min(ENOUGH, 1 + x.size // 2)
    telling = enough and bool(x.any()) and not _round(error)
    return Print(form, _projections(error), RELATIVE * size + rounding + 2 * allowed, telling)


def _print_of_datum(datum: Datum) -> Print:
    """Numbers count with six digits: the others may be another processor's."""
    text = re.sub(
        FRACTION, lambda found: f"{float(found[0]):.6g}", json.dumps(datum_to_json(datum))
    )
    is_trivial = datum is None or isinstance(datum, bool | int | float) or not datum
    form = f"datum {zlib.crc32(text.encode()):x}"
    return Print(form, np.zeros(PROJECTIONS), 0.0, not is_trivial)


def _print_of_sample(form: str, x: np.ndarray) -> Print:
    if x.size < 2 or not np.isfinite(x).all() or not x.std() > 0:
        return Print(f"{form} no sample", np.zeros(PROJECTIONS), 0.0)
    mean, std = float(x.mean()), float(x.std())
    kurtosis = float((((x - mean) / std) ** 4).mean())
    slack = 5 * std * float(np.sqrt(max(kurtosis - 1, 1.0) / (2 * x.size)))
    law = std * (kurtosis > 2.1)  # a normal sample has 3, a uniform one 1.8, a sum of two 2.4
    return Print(form, np.array([mean, std, law, 0.0]), slack, slack < 0.04 * std)


def _round(error: np.ndarray) -> bool:
    """Whether there are few numbers, with errors so simple that many a mistake makes them."""
    return error.size <= 2 and not (np.round(4 * error, 5) % 1).any()


def _projections(error: np.ndarray) -> np.ndarray:
    """Sums of the entries with signs and weights that nothing else follows."""
    index = np.arange(1.0, error.size + 1)
    rows = (np.sin(frequency * index * index + index) for frequency in (0.7, 1.3, 2.1, 2.9))
    return np.array([float(row @ error) for row in rows])


def trace(
    diagnosis: Diagnosis,
    values: Sequence[Observed],
    answers: Sequence[Datum],
    judges: Sequence[Judge],
    plain: bool = False,
    mistake: str = "0",
) -> Trace | None:
    """The trace of a mistake in a check, or None if it passes or its values are too close."""
    at = first_miss(values, answers, judges)
    if at is None or at >= len(values) or not _tells(values[at]):
        return None
    return Trace(diagnosis, at, _prints(at, values, answers, judges), plain, mistake)


def _tells(value: Observed) -> bool:
    """Whether a value may be known again; None and exceptions have many causes."""
    return value.kind in (Kind.ARRAY, Kind.DATUM)


def first_miss(
    values: Sequence[Observed], answers: Sequence[Datum], judges: Sequence[Judge]
) -> int | None:
    """The first place at which a value is not the answer."""
    for at, (answer, judge) in enumerate(zip(answers, judges, strict=True)):
        if at >= len(values) or not values[at].is_right(answer, judge):
            return at
    return None


def _prints(
    at: int,
    values: Sequence[Observed],
    answers: Sequence[Datum],
    judges: Sequence[Judge],
) -> list[Print]:
    places = range(at, min(len(values), len(answers), at + MOST))
    return [fingerprint(values[i], answers[i], judges[i]) for i in places]


def recognise(
    at: int,
    values: Sequence[Observed],
    answers: Sequence[Datum],
    judges: Sequence[Judge],
    known: Sequence[Trace],
) -> Diagnosis | None:
    """The recorded mistake that gives these values from the first miss on, if only one does."""
    here = [k for k in known if k.at == at]
    if not here or not _tells(values[at]):
        return None
    prints = _prints(at, values, answers, judges)
    found = [k for k in here if _agree(k.prints, prints)]
    if len({k.diagnosis for k in found}) != 1:
        return None
    return found[0].diagnosis if found[0].plain or any(p.telling for p in prints) else None


def _agree(a: Sequence[Print], b: Sequence[Print]) -> bool:
    return len(a) == len(b) and all(x.matches(y) for x, y in zip(a, b, strict=True))


def uncontradicted(traces: Sequence[Trace], passed: Collection[str], known: Known) -> list[Trace]:
    """The traces of the mistakes that would not have failed a check that has passed."""
    denied = {t.mistake for check in passed for t in known.get(check, ())}
    return [t for t in traces if t.mistake not in denied]


def shown_part(traces: Sequence[Trace], shown: int) -> list[Trace]:
    """The traces of what is visible: the first `shown` values of a check."""
    return [replace(t, prints=t.prints[: shown - t.at]) for t in traces if t.at < shown]


def kept_traces(old: Sequence[Trace], new: Sequence[Trace]) -> list[Trace]:
    """The new traces, each as it was recorded before where that one recognises it."""
    before = {trace.mistake: trace for trace in old}
    return [a if (a := before.get(b.mistake)) and _same(a, b) else b for b in new]


def _same(a: Trace, b: Trace) -> bool:
    heads = [(t.mistake, t.diagnosis, t.at, t.plain) for t in (a, b)]
    return heads[0] == heads[1] and _agree(a.prints, b.prints)


def known_to_json(known: Known) -> dict[str, Any]:
    """Traces by check; every mistake is explained once."""
    every = {t.mistake: t.diagnosis for traces in known.values() for t in traces}
    return {
        "diagnoses": {id: [d.name, d.why, d.advice] for id, d in every.items()},
        "traces": {
            check: [
                f"{t.mistake} {t.at} {int(t.plain)}"
                + "".join(f"|{_print_to_text(p)}" for p in t.prints)
                for t in traces
            ]
            for check, traces in known.items()
            if traces
        },
    }


def known_from_json(data: Mapping[str, Any]) -> dict[str, list[Trace]]:
    texts = {id: Diagnosis(*text) for id, text in data["diagnoses"].items()}
    known: dict[str, list[Trace]] = {}
    for check, lines in data["traces"].items():
        for line in lines:
            head, *prints = line.split("|")
            id, at, plain = head.split()
            found = [_print_from_text(p) for p in prints]
            made = Trace(texts[id], int(at), found, plain == "1", id)
            known.setdefault(check, []).append(made)
    return known


def _print_to_text(p: Print) -> str:
    """The print with the digits that its slack leaves meaningful."""
    slack = float(f"{p.slack:.2g}")
    numbers = np.round(p.numbers, 1 - math.floor(math.log10(slack))) if slack else p.numbers
    if not (abs(numbers) > slack / 10).any():
        return f"{p.form};"
    return f"{p.form};{' '.join(f'{number:.7g}' for number in [*numbers, slack])}"


def _print_from_text(text: str) -> Print:
    form, _, data = text.partition(";")
    *numbers, slack = map(float, data.split()) if data else [0.0] * (PROJECTIONS + 1)
    return Print(form, np.array(numbers), slack)


def read_known(folder: Path) -> dict[str, list[Trace]]:
    """The recorded mistakes in a folder; none if they cannot be read, for nothing hangs on them."""
    try:
        return known_from_json(json.loads((folder / MISTAKES).read_text(encoding="utf-8")))
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return {}


def released_rules(folder: Path) -> list[ExceptionRule]:
    """The course's rules about exceptions in a folder; none if they cannot be read."""
    try:
        return rules_from_json(json.loads((folder / MISTAKES).read_text(encoding="utf-8")))
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return []
