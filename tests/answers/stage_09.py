"""Answers to stage 09 that must lose points (WRONG) and that must not (RIGHT)."""

Edits = list[tuple[str, str]]

WRONG: dict[str, dict[str, Edits]] = {}

RIGHT: dict[str, dict[str, str]] = {}
