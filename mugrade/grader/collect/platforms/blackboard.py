"""Blackboard: `Assignment 3_jdoe_attempt_2026-11-20-10-11-12_03_logsumexp.ipynb`, and a .txt each.

The text file, which ends with the time, says name and user. Where it is missing, a user is what
the names have not in common.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from mugrade.archives import Budget
from mugrade.course.roster import Enrolled
from mugrade.errors import Unreadable
from mugrade.grader.collect.entries import Entry
from mugrade.grader.collect.origin import Claim, Origin, Person, Platform, in_common

SAID = re.compile(r"Name:[ \t]*(?P<name>[^\r\n]{0,200}?)[ \t]*\((?P<user>[^()\r\n]{1,100})\)\s")
MAX_TEXT = 1 << 20
DESCRIPTION = "description.txt"  # the platform's own file, whatever the assignment is called


class Blackboard(Platform):
    name = "Blackboard"
    pattern = re.compile(
        r"(?P<before>.+)_attempt_(?P<time>\d{4}(?:-\d\d){5})(?:_(?P<file>.+)|(?P<text>\.txt))"
    )

    def claims(self, entries: Sequence[Entry], students: Sequence[Enrolled]) -> Iterator[Claim]:
        found = list(self.matches(entries))
        people = _people([(entry, match) for entry, match, _ in found])
        for entry, match, at in found:
            when = _time(match["time"])
            clock = "name" if when else ""
            is_its_name = at == len(entry.path.parts) - 1
            file = (match["file"] or DESCRIPTION) if is_its_name else ""
            who = people[match["before"]]
            yield entry, Origin((who,), when, clock, file=file, depth=at)


def _people(found: Sequence[tuple[Entry, re.Match[str]]]) -> Mapping[str, Person]:
    """Assignment and user as the names have them -> who that is."""
    all_of = {match["before"] for _, match in found}
    shared = min(all_of)[: in_common(all_of)].rpartition("_")[0] if len(all_of) > 1 else ""
    people = {}
    for before in all_of:
        user = before[len(shared) + 1 :] if shared else before.rpartition("_")[2]
        people[before] = Person(ids=(user,))
    for entry, match in found:
        said = SAID.match(_text(entry)) if match["text"] else None
        if said and match["before"].endswith(f"_{said['user']}"):
            people[match["before"]] = Person(said["name"], (said["user"],))
    return people


def _text(entry: Entry) -> str:
    try:
        return entry.read(Budget(), MAX_TEXT).decode("utf-8-sig", "replace")
    except Unreadable:
        return ""


def _time(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y-%m-%d-%H-%M-%S").astimezone()
    except (ValueError, OverflowError, OSError):
        return None
