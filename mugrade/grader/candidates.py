"""Notebooks of one student that are called like one stage: which of them is taken."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path, PurePath

from mugrade.errors import Unreadable
from mugrade.package.ipynb import read_bytes

LONGEST = 120


@dataclass(frozen=True)
class Candidate:
    """A notebook that can be read at `path`, and where it lay: in an archive, or in a folder.

    `handed_in` is in UTC; None if nobody can say.
    """

    path: Path
    inside: PurePath
    archive: str = ""
    handed_in: datetime | None = None

    @property
    def label(self) -> str:
        return place(self.inside, self.archive)


def place(inside: PurePath, archive: str = "") -> str:
    """Where a student has put a file, in a length that can be read."""
    text = str(inside)
    if len(text) > LONGEST:
        text = f"{text[: LONGEST // 2]}...{text[-LONGEST // 2 :]}"
    return f"{text} in {archive}" if archive else text


def stage_by_name(name: str, stages: Sequence[str]) -> str | None:
    """The stage that a notebook is called like: the longest one that its name begins with."""
    named = [stage for stage in stages if name.startswith(stage)]
    return max(named, key=len, default=None) if name.endswith(".ipynb") else None


def take_last(stage: str, candidates: Sequence[Candidate]) -> tuple[Candidate, list[Candidate]]:
    """The notebook that was handed in last, and those with other contents.

    Equal ones are one, handed in when the first of them was. Of those that came at once, the one
    that is called like the stage, in a folder called so, counts. What is no file counts last.
    """
    if len(candidates) == 1:
        return candidates[0], []
    equal: dict[tuple[bool, str], list[Candidate]] = {}
    for candidate in sorted(candidates, key=lambda c: _preference(c, stage)):
        equal.setdefault(_content(candidate), []).append(candidate)
    taken = max(equal, key=lambda content: (content[0], max(map(_when, equal[content]))))
    over = [c for content, group in equal.items() if content != taken for c in group]
    first = min(equal[taken], key=_when)
    return replace(equal[taken][0], handed_in=first.handed_in), over


def _preference(candidate: Candidate, stage: str) -> tuple[bool, bool, int, str]:
    inside = candidate.inside
    named, sorted_in = inside.name == f"{stage}.ipynb", inside.parent.name == stage
    return not named, not sorted_in, len(inside.parts), f"{inside} in {candidate.archive}"


def _content(candidate: Candidate) -> tuple[bool, str]:
    """Whether it is a file, and what tells its content from another's."""
    try:
        return True, hashlib.sha256(read_bytes(candidate.path)).hexdigest()
    except Unreadable:
        return False, str(candidate.path)


def _when(candidate: Candidate) -> datetime:
    return candidate.handed_in or datetime.min.replace(tzinfo=UTC)
