"""Name the mistake behind a wrong array."""

import numpy as np

from mugrade.values.close import Close
from mugrade.values.diagnosis import dtypes, rows, samples, shapes, values
from mugrade.values.diagnosis.evidence import LARGEST, Evidence, Rule
from mugrade.values.distribution import Distribution
from mugrade.values.verdict import Diagnosis

VALUE_RULES = [*values.RULES, *rows.RULES]


def diagnose(evidence: Evidence) -> Diagnosis | None:
    """The first rule's explanation of the value at `evidence.at`, or None."""
    if evidence.mixed or evidence.actuals[evidence.at] is None or not _readable(evidence):
        return None
    with np.errstate(all="ignore"):
        return next(filter(None, (ask(evidence) for ask in _rules(evidence))), None)


def _readable(e: Evidence) -> bool:
    arrays = (a for a in (*e.expecteds, *e.actuals) if a is not None)
    return all(a.size <= LARGEST and a.dtype.kind != "c" for a in arrays)


def _rules(e: Evidence) -> list[Rule]:
    if isinstance(e.judge, Distribution):
        rules = samples.RULES if e.actual.shape == e.judge.shape else samples.SHAPES
    elif isinstance(e.judge, Close):
        rules = VALUE_RULES if e.actual.shape == e.expected.shape else shapes.RULES
    else:
        return []
    of_shapes = rules is shapes.RULES or rules is samples.SHAPES
    return rules if of_shapes or e.actual.dtype == e.dtype else dtypes.RULES
