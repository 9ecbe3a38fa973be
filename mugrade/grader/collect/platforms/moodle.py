"""Moodle: folders `First Last_123456_assignsubmission_file_`, or files whose names begin so.

The number is the participant's in this assignment: in another one it is another.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from mugrade.course.roster import Enrolled
from mugrade.grader.collect.entries import Entry
from mugrade.grader.collect.origin import Claim, Origin, Person, Platform, by_file_time


class Moodle(Platform):
    name = "Moodle"
    pattern = re.compile(
        r"(?P<name>.+?)_(?P<number>\d+)_assignsubmission_(?:file|onlinetext)_?(?P<file>.*)"
    )

    def claims(self, entries: Sequence[Entry], students: Sequence[Enrolled]) -> Iterator[Claim]:
        """Several assignments side by side have numbers of their own."""
        for entry, origin in super().claims(entries, students):
            place = "/".join(entry.path.parts[: origin.depth])
            people = tuple(replace(person, place=place) for person in origin.people)
            yield entry, replace(origin, people=people)

    def origin(self, found: re.Match[str], stamp: datetime | None) -> Origin:
        who = Person(found["name"].strip(), passing=found["number"])
        return by_file_time(who, stamp, file=found["file"])
