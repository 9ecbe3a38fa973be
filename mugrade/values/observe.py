"""Run a check and collect the values that it yields; light enough for the grader's processes."""

import contextlib
import hashlib
import os
import sys
import types
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np

from mugrade.values.close import Close, Judge, Judged
from mugrade.values.datum import Datum, NotData, own_array, to_datum

DEFAULT = Close()
PLAIN = {bool, int, float, str}
LONGEST_PLAIN = 40
FLOAT_WARNINGS: Any = {"divide": "warn", "over": "warn", "under": "ignore", "invalid": "warn"}
rng = np.random.default_rng(0)


class Kind(StrEnum):
    """What a `yield` gave: an array, None, other data, something that is none, or an exception.

    An exception ended the check.
    """

    ARRAY = "array"
    NOTHING = "nothing"
    DATUM = "datum"
    NO_DATUM = "no datum"
    ERROR = "error"


@dataclass(frozen=True)
class Observed:
    """What one `yield` of a check gave.

    `value` is the array or other data (datum.py), `text` the name of its type or the exception;
    `line` counts from the check's first line.
    `turn` are the check's plain variables at that moment, (name, text), which say where it was.
    """

    kind: Kind
    value: Datum = None
    text: str = ""
    line: int = 0
    judge: Judge = DEFAULT
    turn: tuple[tuple[str, str], ...] = ()
    points: int = 0

    @property
    def array(self) -> np.ndarray | None:
        """The value, if it is an array."""
        return self.value if isinstance(self.value, np.ndarray) else None

    @property
    def is_data(self) -> bool:
        """Whether there is something that can be compared."""
        return self.kind in (Kind.ARRAY, Kind.NOTHING, Kind.DATUM)

    def is_right(self, answer: Datum, judge: Judge) -> bool:
        """Whether a judge has nothing to say against it."""
        comparable = self.array is not None if isinstance(answer, np.ndarray) else self.is_data
        return comparable and judge.compare(self.value, answer) is None


def seed_of(check_id: str) -> int:
    """The seed of a check's inputs where no course secret draws them: a hash of its id."""
    return int.from_bytes(hashlib.sha256(f"{check_id}/".encode()).digest()[:4])


def observe(function: Callable[[], Any], seed: int) -> list[Observed]:
    """All values that the check yields, copied as they come; an exception is the last of them.

    The check sees a fresh `rng`, and NumPy's global state is seeded for it and restored after it.
    """
    state = np.random.get_state()
    np.random.seed(seed)
    try:
        with quiet_stderr(), warnings.catch_warnings(), np.errstate(**FLOAT_WARNINGS):
            warnings.simplefilter("default")
            return list(_values(seeded(function, seed)))
    finally:
        np.random.set_state(state)


def seeded(function: Callable[[], Any], seed: int) -> Callable[[], Any]:
    """The same function with a fresh generator under its global name `rng`."""
    scope = {**function.__globals__, "rng": np.random.default_rng(seed)}
    code, closure = function.__code__, function.__closure__
    return types.FunctionType(code, scope, function.__name__, closure=closure)


def _values(function: Callable[[], Any]) -> Iterator[Observed]:
    first = function.__code__.co_firstlineno
    try:
        generator = function()
        if not isinstance(generator, types.GeneratorType):
            return
        for value in generator:
            frame = generator.gi_frame
            seen = _observed(value, frame.f_lineno - first if frame else 0)
            if isinstance(value, Judged) and value.points:
                seen = replace(seen, points=value.points)
            yield replace(seen, turn=tuple(_plain(frame.f_locals))) if frame else seen
    except (Exception, SystemExit) as error:
        yield Observed(Kind.ERROR, text=describe(error), line=_line_of(error, function) - first)


def _plain(variables: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Numbers, texts and short tuples of them, as they would be written."""
    for name, value in variables.items():
        parts = value if type(value) is tuple else (value,)
        if all(part is None or type(part) in PLAIN for part in parts):
            text = repr(value)
            if len(text) <= LONGEST_PLAIN:
                yield name, text


def _observed(value: Any, line: int) -> Observed:
    judge: Judge = DEFAULT
    if isinstance(value, Judged):
        value, judge = value.value, value.judge
    if hasattr(value, "numpy") and not isinstance(value, type):
        value = value.numpy()
    if value is None:
        return Observed(Kind.NOTHING, line=line, judge=judge)
    try:
        if isinstance(value, np.ndarray | np.generic):
            return Observed(Kind.ARRAY, own_array(value), line=line, judge=judge)
        return Observed(Kind.DATUM, to_datum(value), type(value).__name__, line, judge)
    except NotData as refused:
        return Observed(Kind.NO_DATUM, None, str(refused), line, judge)


def describe(error: BaseException) -> str:
    """The exception in one short line, also one that cannot say what it is."""
    try:
        lines = str(error).strip().splitlines()
    except Exception:
        lines = []
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__


def _line_of(error: BaseException, function: Callable[[], Any]) -> int:
    """The line of the check at which the exception passed through it."""
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code is function.__code__:
            return trace.tb_lineno
        trace = trace.tb_next
    return function.__code__.co_firstlineno


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
    """Send what is written on standard error to standard output: nbgrader takes it for failure."""
    sys.stdout.flush()
    sys.stderr.flush()
    saved = os.dup(2)
    try:
        os.dup2(1, 2)
        with contextlib.redirect_stdout(sys.stdout), contextlib.redirect_stderr(sys.stdout):
            yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
