"""`solutions/mistakes/`: known wrong answers to a stage's exercises, and what exceptions mean."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mugrade.course.model import Mistake
from mugrade.errors import CourseError
from mugrade.values.diagnosis.exceptions import ExceptionRule
from mugrade.values.verdict import Diagnosis
from mugrade.view.formula import readable

RULES = "exceptions.toml"
TEXTS = ("name", "why", "try")
MISTAKE_KEYS = {"of", *TEXTS, "edits", "plain"}
LONGEST_TEXT = 100  # what a line of a message holds


def read_mistakes(path: Path) -> list[Mistake]:
    """The mistakes that a course declares for a stage; none if there is no such file."""
    return [_mistake(where, line, entry) for where, line, entry in _entries(path, "mistake")]


def read_rules(path: Path) -> list[ExceptionRule]:
    """The course's own rules about exceptions; none if there is no such file."""
    return [_rule(where, entry) for where, _, entry in _entries(path, "exception")]


def _entries(path: Path, kind: str) -> Iterator[tuple[str, int, Mapping[str, Any]]]:
    """Where each `[[kind]]` of a file stands, its line, and what it says; raises CourseError."""
    if not path.is_file():
        return
    try:
        text = path.read_text(encoding="utf-8")
        data = tomllib.loads(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise CourseError(f"mistakes/{path.name}: {error}") from None
    entries = data.get(kind, [])
    lines = [i for i, line in enumerate(text.splitlines(), 1) if line.strip() == f"[[{kind}]]"]
    if data.keys() - {kind} or not isinstance(entries, list) or len(lines) != len(entries):
        raise CourseError(f"mistakes/{path.name}: it holds tables [[{kind}]], and nothing else")
    for line, entry in zip(lines, entries, strict=True):
        yield f"mistakes/{path.name}:{line}", line, entry


def _mistake(where: str, line: int, entry: Mapping[str, Any]) -> Mistake:
    texts = [entry.get(key, "") for key in ("of", *TEXTS)]
    edits = entry.get("edits", [])
    if set(entry) - MISTAKE_KEYS or not all(isinstance(t, str) and t for t in texts):
        raise CourseError(f"{where}: a mistake has of, name, why, try, edits and perhaps plain")
    if not edits or not all(
        isinstance(e, list) and len(e) == 2 and all(isinstance(text, str) for text in e)
        for e in edits
    ):
        raise CourseError(f"{where}: edits is a list of pairs [old text, new text]")
    _demand_short(where, texts)
    of, name, why, advice = texts
    pairs = tuple((old, new) for old, new in edits)
    return Mistake(of, pairs, Diagnosis(name, why, advice), line, bool(entry.get("plain")))


def _rule(where: str, entry: Mapping[str, Any]) -> ExceptionRule:
    pattern, *texts = (entry.get(key, "") for key in ("pattern", *TEXTS))
    if entry.keys() - {"pattern", *TEXTS} or not all(
        isinstance(text, str) and text for text in (pattern, *texts)
    ):
        raise CourseError(f"{where}: an exception has pattern, name, why and try")
    _demand_short(where, texts)
    try:
        fits_all = re.search(pattern, "")
    except re.error as error:
        raise CourseError(f"{where}: {pattern!r} is no regular expression: {error}") from None
    if fits_all:
        raise CourseError(f"{where}: {pattern!r} is found in every text")
    return ExceptionRule(pattern, Diagnosis(*texts))


def _demand_short(where: str, texts: list[str]) -> None:
    if long := [text for text in texts if len(readable(text)) > LONGEST_TEXT]:
        raise CourseError(f"{where}: more than {LONGEST_TEXT} characters: {long[0]}")
