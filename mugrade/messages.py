"""The text of a check's outcome: at most eight lines that say what, where, why and what to try."""

import textwrap

from mugrade.answers import Verdict

WIDTH = 100
MEANING = {
    "pass": "passed",
    "unsolved": "not written yet",
    "shape": "the shape is wrong",
    "dtype": "the dtype is wrong",
    "value": "the value is wrong",
    "nothing": "there is no value",
    "not an array": "the value is neither a Tensor nor an array",
    "error": "an exception was raised",
    "timeout": "it took too long",
    "crash": "the process died",
    "protocol": "the process broke off",
    "not run": "it could not be run",
}


def headline(check: str, passed: bool, points: int) -> str:
    return f"{check.replace('-', '_')}   {points if passed else 0} of {points} points"


def message(check: str, verdict: Verdict, points: int, why: str, exercise: str) -> str:
    """The whole message; hidden inputs and their expected values are never part of it."""
    lines = [headline(check, verdict.passed, points)]
    if verdict.passed:
        return lines[0]
    if verdict.hidden:
        lines.append(_line("you", f"{MEANING[verdict.category]} on an input that is not shown"))
    else:
        lines += _both_sides(verdict)
    known = verdict.diagnosis
    rows = {
        "mistake": known.name if known else "",
        "why": known.why if known else why,
        "try": known.advice if known else verdict.advice,
        "hint": f"mugrade hint {exercise}" if exercise else "",
    }
    lines += [_line(key, text) for key, text in rows.items() if text]
    return "\n".join(lines)


def summary(verdict: Verdict) -> str:
    """What went wrong in a few words, for a table."""
    if verdict.diagnosis:
        return verdict.diagnosis.name
    return MEANING.get(verdict.category, verdict.category)


def _both_sides(verdict: Verdict) -> list[str]:
    actual = verdict.actual or MEANING.get(verdict.category, verdict.category)
    lines = [_line("you", actual)]
    if verdict.expected:
        lines.append(_line("expected", verdict.expected))
    if verdict.at:
        lines.append(_line("from", verdict.at))
    return lines


def _line(key: str, text: str) -> str:
    text = printable(" ".join(text.split()))
    return f"  {key:<9} {textwrap.shorten(text, WIDTH, placeholder=' ...')}"


def printable(text: str) -> str:
    """Untrusted text without the characters that steer a terminal or reorder a line."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
