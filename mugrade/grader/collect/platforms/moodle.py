"""Moodle: folders `First Last_123456_assignsubmission_file_`, or files whose names begin so.

The number is the participant's in this assignment: in another one it is another.
"""

import re
from datetime import datetime

from mugrade.grader.collect.origin import Origin, Person, Platform, by_file_time


class Moodle(Platform):
    name = "Moodle"
    pattern = re.compile(
        r"(?P<name>.+?)_(?P<number>\d+)_assignsubmission_(?:file|onlinetext)_?(?P<file>.*)"
    )

    def origin(self, found: re.Match[str], stamp: datetime | None) -> Origin:
        who = Person(found["name"].strip(), passing=found["number"])
        return by_file_time(who, stamp, file=found["file"])
