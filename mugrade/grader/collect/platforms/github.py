"""GitHub Classroom: a repository each, `03-logsumexp-adagauss`, with or without its `.git`.

What the names have in common is the assignment's. A repository says when it was last committed to.
"""

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from mugrade.course.roster import Enrolled
from mugrade.grader.collect.commits import last_commits
from mugrade.grader.collect.entries import GIT, Entry
from mugrade.grader.collect.origin import FILE_TIME, Claim, Origin, Person, Platform, in_common

BRANCHES = ("-main", "-master")
SHORTEST = 3  # letters that repositories of one assignment have in common


class GitHub(Platform):
    name = "GitHub Classroom"

    def claims(self, entries: Sequence[Entry], students: Sequence[Enrolled]) -> Iterator[Claim]:
        cloned = {
            e.path.parent: e.disk for e in entries if e.path.name == GIT and e.path.parent.name
        }
        beside = {path.parent for path in cloned}
        siblings = {path for path in _siblings(entries) if not beside or path.parent in beside}
        repositories = cloned.keys() | siblings
        users = _users(repositories, students)
        times = last_commits({path: disk for path, disk in cloned.items() if disk})
        for entry in entries:
            if entry.is_hidden:
                continue
            for folder in entry.path.parents:
                if folder in users:
                    when, clock = times.get(folder), "git"
                    if when is None:
                        when, clock = entry.since(len(folder.parts) - 1), FILE_TIME
                    who = Person(ids=(users[folder],))
                    yield entry, Origin((who,), when, clock if when else "")
                    break

    def recognises(self, entries: Sequence[Entry], students: Sequence[Enrolled]) -> bool:
        """Also that something of git is there, or a branch's name."""
        of_git = (part.startswith(GIT) for entry in entries for part in entry.path.parts)
        of_branch = (_bare_name(folder) != folder.name for folder in _siblings(entries))
        return (any(of_git) or any(of_branch)) and super().recognises(entries, students)


def _siblings(entries: Sequence[Entry]) -> set[PurePosixPath]:
    """Folders side by side whose names begin alike, up to a hyphen."""
    visible = [e.path for e in entries if not e.is_hidden and not e.opened]
    if not visible:
        return set()
    parents = [path.parts[:-1] for path in visible]
    base = PurePosixPath(*parents[0][: in_common(parents)])
    folders = {base / path.relative_to(base).parts[0] for path in visible if path.parent != base}
    return folders if len(_shared([f.name for f in folders])) >= SHORTEST else set()


def _shared(names: Sequence[str]) -> str:
    """What several names have in common before a hyphen."""
    return names[0][: in_common(names)].rpartition("-")[0] if len(names) > 1 else ""


def _users(folders: set[PurePosixPath], students: Sequence[Enrolled]) -> dict[PurePosixPath, str]:
    """Repository -> its user: whose id the name ends with, or what it has not in common."""
    names = {folder: _bare_name(folder) for folder in folders}
    shared = _shared(list(names.values()))
    known = sorted({id for s in students for id in (s.id, *s.aliases)}, key=len, reverse=True)
    found = {}
    for folder, name in names.items():
        ends = (id for id in known if name.lower().endswith(f"-{id}".lower()))
        found[folder] = next(ends, name[len(shared) + 1 :] if shared else name)
    return found


def _bare_name(folder: PurePosixPath) -> str:
    name = folder.name.removesuffix(".zip")
    return next((name.removesuffix(b) for b in BRANCHES if name.endswith(b)), name)
