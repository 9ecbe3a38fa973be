"""nbgrader's exchange: folders `student+assignment+2026-11-20 10:11:12.131415 UTC+uuid`."""

import re
from datetime import datetime

from mugrade.grader.collect.origin import Origin, Person, Platform
from mugrade.grader.times import parsed_time


class Exchange(Platform):
    name = "nbgrader's exchange"
    pattern = re.compile(r"(?P<student>[^+*]+)\+[^+]+\+(?P<time>\d{4}-\d\d-\d\d [^+]+)(?:\+.*)?")

    def origin(self, found: re.Match[str], stamp: datetime | None) -> Origin:
        try:
            when = parsed_time(found["time"])
        except (ValueError, OverflowError, KeyError):
            when = None
        return Origin((Person(ids=(found["student"],)),), when, "name" if when else "")
