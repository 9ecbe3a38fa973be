"""A wrong dtype."""

from mugrade.values.diagnosis.evidence import Evidence, Rule, rule
from mugrade.values.verdict import Diagnosis

RULES: list[Rule] = []


@rule(RULES)
def widened(e: Evidence) -> Diagnosis | None:
    if (e.actual.dtype.name, e.dtype.name) != ("float64", "float32"):
        return None
    return Diagnosis(
        "float64 comes out of float32",
        "a float64 array or NumPy scalar takes part; np.zeros, np.random and np.float64 make them",
        "print the dtype line by line; create arrays with the input's dtype, use Python's floats",
    )


@rule(RULES)
def narrowed(e: Evidence) -> Diagnosis | None:
    if (e.actual.dtype.name, e.dtype.name) != ("float32", "float64"):
        return None
    return Diagnosis(
        "float32 comes out where float64 is asked for",
        "the dtype that was asked for or came in is not the one that goes on",
        "look for a dtype that is written down as float32, or a default that was not overridden",
    )


@rule(RULES)
def integers(e: Evidence) -> Diagnosis | None:
    if e.actual.dtype.kind not in "iub" or e.dtype.kind != "f":
        return None
    return Diagnosis(
        f"{e.actual.dtype} comes out where {e.dtype} is asked for",
        "whole numbers or truth values were never made into floats",
        "give the array its dtype where it is created",
    )


@rule(RULES)
def floats(e: Evidence) -> Diagnosis | None:
    if e.actual.dtype.kind != "f" or e.dtype.kind not in "iub":
        return None
    return Diagnosis(
        f"{e.actual.dtype} comes out where {e.dtype} is asked for",
        "whole numbers or truth values were made into floats on the way",
        "keep the dtype of what came in: look where an array is created or converted",
    )
