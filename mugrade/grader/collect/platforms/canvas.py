"""Canvas: `gaussada_LATE_12345_678910_03_logsumexp-1.ipynb`, all in one folder or archive.

The sort name without blanks, a mark, the ids of user and file, and the student's own name of the
file, in which `-1` numbers what was handed in again. The mark is in small letters where all of
the name is. The times are those of the download.
"""

import re
from datetime import datetime
from pathlib import PurePath

from mugrade.grader.collect.origin import Origin, Person, Platform

ONLINE = "online.html"  # a text or a link in place of a file
AGAIN = re.compile(r".*-(\d{1,2})")


class Canvas(Platform):
    name = "Canvas"
    pattern = re.compile(
        r"(?P<name>[^_ ].*?)_(?P<late>LATE_|late_)?(?P<user>\d+)_"
        r"(?:(?P<id>\d{1,18})_(?P<file>.+)|(?:text|link)\.html)"
    )

    def origin(self, found: re.Match[str], stamp: datetime | None) -> Origin:
        file = found["file"] or ONLINE
        again = AGAIN.fullmatch(PurePath(file).stem)
        order = int(again[1]) if again else 0, int(found["id"] or 0)
        who = Person(found["name"], (found["user"],))
        return Origin((who,), None, "", order, bool(found["late"]), file)
