"""Plain folders or archives, one for each student, and nbgrader's `submitted/`.

With a roster students' folders are where the first is called like one, else where there are some
side by side; what lies below says nothing of whose it is. In `submitted/` nbgrader's
`timestamp.txt` says when.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import PurePosixPath

from mugrade.archives import Budget
from mugrade.course.roster import Enrolled
from mugrade.errors import Unreadable
from mugrade.grader.collect.entries import Entry
from mugrade.grader.collect.origin import FILE_TIME, Claim, Origin, Person, Platform, in_common
from mugrade.grader.collect.people import plain
from mugrade.grader.submissions import SUBMITTED
from mugrade.grader.times import TIMESTAMP, parsed_time

ENDINGS = (".zip", ".tar.gz", ".tgz", ".tar")


class Folders(Platform):
    name = "folders"

    def claims(self, entries: Sequence[Entry], students: Sequence[Enrolled]) -> Iterator[Claim]:
        known = {plain(text) for s in students for text in (s.id, s.folder, s.name, *s.aliases)}
        visible = [entry for entry in entries if not entry.is_hidden]
        depth = _depth(visible, known)
        times = dict(_times(visible, depth))
        for entry in visible:
            folders = _folders(entry)
            if depth < len(folders):
                when, clock = times.get(entry.path.parent), TIMESTAMP
                if when is None:
                    when, clock = entry.since(depth), FILE_TIME
                name = folders[depth]
                who = Person(name, (name,))
                yield entry, Origin((who,), when, clock if when else "", depth=depth)


def _folders(entry: Entry) -> list[str]:
    """The folders that a file is in, of archives without their endings, and itself if it is one."""
    parts = entry.path.parts if _bare(entry.path.name) != entry.path.name else entry.path.parts[:-1]
    return [_bare(part) for part in parts]


def _bare(name: str) -> str:
    return next((name[: -len(e)] for e in ENDINGS if name.lower().endswith(e)), name)


def _depth(entries: Sequence[Entry], known: set[str]) -> int:
    """Which part of a path is a student's: the first where one is known, else by the shape."""
    paths = [folders for entry in entries if not entry.opened and (folders := _folders(entry))]
    if not paths:
        return 0
    at = min((i for p in paths for i, name in enumerate(p) if plain(name) in known), default=None)
    if at is not None:
        return at
    shared = in_common(paths)
    if SUBMITTED in paths[0][:shared]:
        return paths[0].index(SUBMITTED) + 1
    beside = {p[shared] for p in paths if len(p) > shared}
    return shared if len(beside) > 1 or not shared else shared - 1


def _times(entries: Sequence[Entry], depth: int) -> Iterator[tuple[PurePosixPath, datetime]]:
    """Folder -> when nbgrader got it, below `submitted/`, where it is no file of the student's."""
    for entry in entries:
        parts = entry.path.parts
        if entry.path.name != TIMESTAMP or len(parts) != depth + 3:
            continue
        root = parts[depth - 1] if depth else entry.disk and entry.disk.absolute().parts[-4]
        try:
            if root == SUBMITTED:
                text = entry.read(Budget(), 100).decode("ascii").strip()
                if when := parsed_time(text):
                    yield entry.path.parent, when
        except (Unreadable, ValueError, OverflowError, KeyError):
            continue
