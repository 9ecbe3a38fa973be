"""Brightspace: folders `12345-678910 - First Last - Nov 20, 2026 1011 AM`, or files that begin so.

The time is the server's, and taken for one of this machine's zone.
"""

import re
from datetime import datetime

from mugrade.grader.collect.origin import Origin, Person, Platform

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
TIME = re.compile(
    r"(?:(?P<month>[A-Z][a-z]+)\.? (?P<day>\d{1,2})|(?P<day2>\d{1,2}) (?P<month2>[A-Z][a-z]+)\.?),?"
    r" (?P<year>\d{4}) (?P<hour>\d{1,2}):?(?P<minute>\d\d)(?: (?P<half>[AP])M)?",
    re.ASCII,
)


class Brightspace(Platform):
    name = "Brightspace"
    pattern = re.compile(
        r"(?P<user>\d+)-\d+ ?- ?(?P<name>.+?) ?- ?"
        r"(?P<time>[\w.]+ [\w.]+,? \d{4} \d{1,2}:?\d\d(?: [AP]M)?)(?: ?- ?(?P<file>.+))?"
    )

    def origin(self, found: re.Match[str], stamp: datetime | None) -> Origin:
        who = Person(found["name"], (found["user"],))
        when = _moment(found["time"])
        return Origin((who,), when, "name" if when else "", file=found["file"] or "")


def _moment(text: str) -> datetime | None:
    said = TIME.fullmatch(text)
    if not said:
        return None
    hour = int(said["hour"])
    if said["half"]:
        hour = hour % 12 + 12 * (said["half"] == "P")
    try:
        month = MONTHS.index((said["month"] or said["month2"])[:3].lower()) + 1
        day = int(said["day"] or said["day2"])
        return datetime(int(said["year"]), month, day, hour, int(said["minute"])).astimezone()
    except (ValueError, OverflowError, OSError):
        return None
