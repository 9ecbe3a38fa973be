"""Name the mistake behind a wrong value, where the values alone can tell.

A rule is a function from `Evidence` to a `Diagnosis` or None, marked with `@rule`; `diagnose` asks
the rules of one kind in the order in which they stand, from the specific to the general, and the
first that speaks counts. A rule states what it has seen, and only when it is all but certain: a
wrong explanation is worse than none. No text holds a number that is not a shape or a dtype's
limit, so that it may be shown for hidden inputs too.
"""

import numpy as np

from mugrade.values.diagnosis import dtypes, rows, samples, shapes, values
from mugrade.values.diagnosis.evidence import LARGEST, Evidence, Rule
from mugrade.values.verdict import Diagnosis
from mugrade.values.close import Close
from mugrade.values.distribution import Distribution

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
