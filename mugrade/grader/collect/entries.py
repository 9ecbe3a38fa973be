"""The files of a download, with archives opened as if they were folders; untrusted in every part.

Nothing is read but what is asked for, except archives in archives and tar archives, which are
written into a scratch folder.
"""

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count, islice
from pathlib import Path, PurePosixPath

from mugrade.archives import MAX_ARCHIVE, MAX_FILES, Budget, Member, is_hidden, opened_whole
from mugrade.errors import Unreadable
from mugrade.grader.collect.tars import archive_ending, is_tar, unpacked
from mugrade.grader.times import modified

DEEPEST = 4  # archives in archives
MOST = 200_000  # files of a download, and of an archive in it that may be a whole class's
AT_ONCE = 16
GIT = ".git"
Moment = datetime | None


@dataclass(frozen=True)
class Entry:
    """A file, or a `.git` folder as a whole; `stamps` say when each part of its path was written.

    `problem`: why it cannot be read. An archive that was opened is `opened`; its files follow.
    """

    path: PurePosixPath
    stamps: tuple[Moment, ...]
    source: Callable[[Budget, int], bytes]
    problem: str = ""
    opened: bool = False
    disk: Path | None = None

    def read(self, budget: Budget, most: int) -> bytes:
        """Its content; raises Unreadable, also where that is more than `most` bytes."""
        if self.problem:
            raise Unreadable(self.problem)
        content = self.source(budget, most)
        if len(content) > most:
            raise Unreadable(f"it is larger than {most >> 20} MB")
        return content

    def since(self, at: int) -> Moment:
        """When the file or archive was written that the path names first from a part on."""
        return next((stamp for stamp in self.stamps[at:] if stamp), None)

    @property
    def is_hidden(self) -> bool:
        """Whether a system or an editor put it there."""
        return is_hidden(self.path)


def nothing(budget: Budget, most: int) -> bytes:
    """What is read of an entry that is no file."""
    return b""


class Reader:
    """Lists downloads; what it unpacks is in `scratch`, and to be read until it is closed."""

    def __init__(self, scratch: Path) -> None:
        self.scratch, self.numbers = scratch, count()
        self.budget = Budget()
        self.zips: dict[Path, tuple[ExitStack, Sequence[Member]]] = {}

    def entries(self, download: Path) -> list[Entry]:
        """Every file of a folder or archive; raises Unreadable if it is none that can be read."""
        if not os.path.lexists(download):
            raise Unreadable(f"{download}: no such file or folder")
        if download.is_dir():
            found = self._of_folder(download)
        elif kind := _opener(download.name):
            found = kind(self, download, PurePosixPath(), (modified(download),), 1)
        else:
            raise Unreadable(f"{download}: neither a folder nor a .zip or .tar.gz archive")
        entries: list[Entry] = []
        try:
            for entry in found:
                entries.append(entry)
                if len(entries) > MOST:
                    raise Unreadable(f"it holds more than {MOST} files")
        except Unreadable as error:
            raise Unreadable(f"{download}: {error}") from None
        except OSError as error:
            raise Unreadable(f"{download}: cannot be read ({error.strerror})") from None
        return entries

    def close(self) -> None:
        """Close what is open."""
        for stack, _ in self.zips.values():
            stack.close()
        self.zips.clear()

    def _of_folder(self, root: Path) -> Iterator[Entry]:
        todo = [root]
        while todo:
            folder = todo.pop()
            try:
                with os.scandir(folder) as found:
                    items = sorted(found, key=lambda item: item.name)
            except OSError as error:
                if folder == root:
                    raise
                inside = PurePosixPath(folder.relative_to(root).as_posix())
                why = f"it cannot be read ({error.strerror})"
                yield Entry(inside, (None,) * len(inside.parts), nothing, why)
                continue
            for item in items:
                path = Path(item.path)
                if item.is_dir(follow_symlinks=False) and item.name != GIT:
                    todo.append(path)
                else:
                    yield from self._on_disk(path, PurePosixPath(path.relative_to(root).as_posix()))

    def _on_disk(self, path: Path, inside: PurePosixPath) -> Iterator[Entry]:
        stamps = (*(None for _ in inside.parts[1:]), modified(path))
        entry = Entry(inside, stamps, _of_disk(path), disk=path)
        mode = path.lstat().st_mode
        if stat.S_ISDIR(mode):
            yield replace(entry, source=nothing)
        elif not stat.S_ISREG(mode):
            what = "a link, which is not followed" if stat.S_ISLNK(mode) else "no regular file"
            yield replace(entry, problem=f"it is {what}")
        else:
            yield from self._maybe_opened(entry, lambda: path, 1)

    def _maybe_opened(self, entry: Entry, path: Callable[[], Path], depth: int) -> Iterator[Entry]:
        """An entry and, if it is an archive, what is in it; a broken one is its own entry only."""
        opener = None if entry.is_hidden else _opener(entry.path.name)
        if opener is None:
            yield entry
            return
        try:
            if depth > DEEPEST:
                raise Unreadable(f"more than {DEEPEST} archives, one in the other")
            if depth <= 2:  # it may be one student's
                self.budget = Budget()
            most = MOST if depth == 1 else MAX_FILES
            found = opener(self, path(), entry.path, entry.stamps, depth)
            inner = list(islice(found, most + 1))
            if len(inner) > most:
                raise Unreadable(f"it holds more than {most} files")
            yield replace(entry, opened=True)
            yield from inner
        except Unreadable as error:
            yield replace(entry, problem=str(error))

    def _of_zip(
        self, path: Path, inside: PurePosixPath, stamps: Sequence[Moment], depth: int
    ) -> Iterator[Entry]:
        git: set[PurePosixPath] = set()
        for number, member in enumerate(self._members(path)):
            if member.info.is_dir():
                continue
            where, problem = _placed(member.path)
            times = (*stamps[: len(inside.parts)], *(None for _ in where.parts[1:]))
            entry = Entry(inside / where, (*times, _packed(member)), nothing, problem)
            if folder := _git(entry.path):
                if folder not in git:
                    yield Entry(folder, entry.stamps[: len(folder.parts)], nothing)
                git.add(folder)
                continue
            entry = replace(entry, source=self._of_member(path, number))
            if problem:
                yield entry
            else:
                unpack = self._unpacking(path, number, entry.path.name)
                yield from self._maybe_opened(entry, unpack, depth + 1)

    def _of_tar(
        self, path: Path, inside: PurePosixPath, stamps: Sequence[Moment], depth: int
    ) -> Iterator[Entry]:
        for name, content, when, problem in unpacked(path, self._place, self.budget):
            where, outside = _placed(name)
            times = (*stamps[: len(inside.parts)], *(None for _ in where.parts[1:]), when)
            source = _of_disk(content) if content else nothing
            entry = Entry(inside / where, times, source, outside or problem)
            if content and not entry.problem:
                yield from self._maybe_opened(entry, _same(content), depth + 1)
            else:
                yield entry

    def _members(self, path: Path) -> Sequence[Member]:
        """What is in a zip archive; the last few are kept open."""
        if path not in self.zips:
            if len(self.zips) >= AT_ONCE:
                oldest, _ = self.zips.pop(next(iter(self.zips)))
                oldest.close()
            stack = ExitStack()
            self.zips[path] = stack, stack.enter_context(opened_whole(path))
        else:
            self.zips[path] = self.zips.pop(path)
        return self.zips[path][1]

    def _of_member(self, path: Path, number: int) -> Callable[[Budget, int], bytes]:
        return lambda budget, most: self._members(path)[number].read(budget, most)

    def _unpacking(self, path: Path, number: int, name: str) -> Callable[[], Path]:
        def unpack() -> Path:
            target = self._place(name)
            with target.open("wb") as file:
                for chunk in self._members(path)[number].chunks(MAX_ARCHIVE):
                    self.budget.spend(len(chunk))
                    file.write(chunk)
            return target

        return unpack

    def _place(self, name: str) -> Path:
        """A new file in the scratch folder; of a name in an archive only the ending counts."""
        return self.scratch / f"{next(self.numbers)}{archive_ending(name)}"


Opener = Callable[[Reader, Path, PurePosixPath, Sequence[Moment], int], Iterator[Entry]]


def _opener(name: str) -> Opener | None:
    if name.lower().endswith(".zip"):
        return Reader._of_zip
    return Reader._of_tar if is_tar(name) else None


def _same(path: Path) -> Callable[[], Path]:
    return lambda: path


def _of_disk(path: Path) -> Callable[[Budget, int], bytes]:
    def read(budget: Budget, most: int) -> bytes:
        try:
            with path.open("rb") as file:
                return file.read(most + 1)
        except OSError as error:
            raise Unreadable(f"it cannot be read ({error.strerror})") from None

    return read


def _placed(path: PurePosixPath) -> tuple[PurePosixPath, str]:
    """A path inside an archive, and why it is none."""
    parts = [part for part in path.parts if part not in ("..", "/", "//")]
    outside = len(parts) < len(path.parts) or not parts
    why = "its path leads out of the archive" if outside else ""
    return PurePosixPath(*(parts or ["(no name)"])), why


def _git(path: PurePosixPath) -> PurePosixPath | None:
    """The `.git` folder that a path leads into."""
    if GIT not in path.parts:
        return None
    return PurePosixPath(*path.parts[: path.parts.index(GIT) + 1])


def _packed(member: Member) -> Moment:
    """When a member was written, by the clock of whoever packed it, which is taken for ours."""
    try:
        return datetime(*member.info.date_time).astimezone()
    except (ValueError, OverflowError, OSError):
        return None
