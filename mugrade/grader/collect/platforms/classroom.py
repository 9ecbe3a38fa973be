"""Google Classroom, from Drive: `First Last - Copy of 03_logsumexp.ipynb`, all in one folder.

What is only called `Copy of 03_logsumexp.ipynb` has nobody's name; in a folder that is called
after a student it is that student's, as everywhere.
"""

import re
from datetime import datetime

from mugrade.grader.collect.origin import Origin, Person, Platform, by_file_time


class Classroom(Platform):
    name = "Google Classroom"
    pattern = re.compile(r"(?P<name>.+?) - (?P<file>.+\.[A-Za-z0-9]{2,5})")

    def origin(self, found: re.Match[str], stamp: datetime | None) -> Origin:
        return by_file_time(Person(found["name"]), stamp, file=found["file"])
