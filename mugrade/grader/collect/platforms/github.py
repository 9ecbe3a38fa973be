"""GitHub Classroom: a repository each, `03-logsumexp-adagauss`, with or without its `.git`.

What the names have in common is the assignment's. A repository says when it was last committed to.
"""

from collections.abc import Iterator, Sequence, Set
from pathlib import PurePosixPath

from mugrade.course.roster import Enrolled
from mugrade.grader.collect.commits import last_commits
from mugrade.grader.collect.entries import GIT, Entry
from mugrade.grader.collect.origin import FILE_TIME, Claim, Origin, Person, Platform, in_common
from mugrade.grader.collect.people import plain

BRANCHES = ("-main", "-master")
SHORTEST = 3  # letters that repositories of one assignment have in common


class GitHub(Platform):
    name = "GitHub Classroom"

    def claims(self, entries: Sequence[Entry], students: Sequence[Enrolled]) -> Iterator[Claim]:
        cloned = {
            e.path.parent: e.disk for e in entries if e.path.name == GIT and e.path.parent.name
        }
        users = _users(_above(cloned.keys() | _siblings(entries)), students)
        times = last_commits({path: disk for path, disk in cloned.items() if disk})
        for entry in entries:
            folder = next((f for f in reversed(entry.path.parents) if f in users), None)
            if folder and not entry.is_hidden:
                depth = len(folder.parts) - 1
                when, clock = times.get(folder), "git"
                if when is None:
                    when, clock = entry.since(depth), FILE_TIME
                who = Person(ids=(users[folder],))
                yield entry, Origin((who,), when, clock if when else "", depth=depth)

    def depth(self, entries: Sequence[Entry], students: Sequence[Enrolled]) -> int | None:
        """Only where something of git is there, or a branch's name."""
        of_git = (part.startswith(GIT) for entry in entries for part in entry.path.parts)
        of_branch = (_bare_name(folder) != folder.name for folder in _siblings(entries))
        return super().depth(entries, students) if any(of_git) or any(of_branch) else None


def _siblings(entries: Sequence[Entry]) -> set[PurePosixPath]:
    """Folders side by side whose names begin alike, up to a hyphen."""
    visible = [e.path for e in entries if not e.is_hidden and not e.opened]
    if not visible:
        return set()
    parents = [path.parts[:-1] for path in visible]
    base = PurePosixPath(*parents[0][: in_common(parents)])
    folders = {base / path.relative_to(base).parts[0] for path in visible if path.parent != base}
    return folders if len(_shared([f.name for f in folders])) >= SHORTEST else set()


def _above(folders: Set[PurePosixPath]) -> set[PurePosixPath]:
    """Those above all others: what is in a repository is its student's."""
    highest = min((len(folder.parts) for folder in folders), default=0)
    return {folder for folder in folders if len(folder.parts) == highest}


def _shared(names: Sequence[str]) -> str:
    """What several names have in common before a hyphen, or one before its last."""
    return names[0][: in_common(names)].rpartition("-")[0] if names else ""


def _users(folders: Set[PurePosixPath], students: Sequence[Enrolled]) -> dict[PurePosixPath, str]:
    """Repository -> its user: what stands behind the assignment, which is the same for all.

    It ends at that hyphen of what they have in common behind which most users are known.
    """
    known = {plain(id) for s in students for id in (s.id, *s.aliases)}
    names = {folder: _bare_name(folder) for folder in folders}
    words = _shared(list(names.values())).split("-")
    starts = ["".join(f"{word}-" for word in words[:i]) for i in range(len(words), -1, -1)]

    def count(start: str) -> int:
        return sum(plain(name[len(start) :]) in known for name in names.values())

    best = max(starts, key=count) if words != [""] else ""
    return {folder: name[len(best) :] for folder, name in names.items()}


def _bare_name(folder: PurePosixPath) -> str:
    name = folder.name.removesuffix(".zip")
    return next((name.removesuffix(b) for b in BRANCHES if name.endswith(b)), name)
