"""All that one student has handed in, in a folder and in archives; untrusted in every part."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path, PurePath

from mugrade.archives import (
    HIDDEN,
    MAX_FILES,
    MAX_INNER,
    Budget,
    Exhausted,
    Member,
    is_archive,
    opened_archive,
)
from mugrade.errors import Unreadable
from mugrade.grader.candidates import Candidate, place, stage_by_name
from mugrade.grader.times import collected, modified

LOOKED_AT = (".ipynb", ".zip")
MAX_UNPACKED = 256 << 20  # bytes of one student, unpacked in one or two seconds


@dataclass
class Desk:
    """What is found of one student: notebooks that are called like a stage, and the rest.

    `others` are notebooks that belong to no stage or lie where nobody looks for one, `problems`
    what could not be read. Archives are unpacked into `scratch`, and not looked into without it.
    """

    raw: str
    stages: Sequence[str]
    scratch: Path | None = None
    notebooks: dict[str, list[Candidate]] = field(default_factory=dict)
    others: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    budget: Budget = field(default_factory=lambda: Budget(MAX_UNPACKED))
    closed: Path | None = None

    def candidates(self, stage: str) -> list[Candidate]:
        """What might be the stage; all of a folder that may not be read might be."""
        closed = [Candidate(self.closed / f"{stage}.ipynb", PurePath())] if self.closed else []
        return self.notebooks.get(stage) or closed

    def add_folder(self, folder: Path, nbgrader: bool) -> None:
        """Add the student's folder; nbgrader's times count if `nbgrader` collected it."""
        try:
            for count, entry in enumerate(self._walk(folder)):
                if count == MAX_FILES:
                    raise Unreadable(f"more than {MAX_FILES} files in it")
                if entry.name.lower().endswith(LOOKED_AT) or entry.is_symlink():
                    inside = PurePath(entry.path[len(str(folder)) + 1 :])
                    self._add_file(Path(entry.path), inside, entry.is_symlink(), nbgrader)
        except Unreadable as error:
            self.problems.append(f"its folder ({error})")
        except OSError as error:
            self.problems.append(f"its folder cannot be read ({error.strerror})")
            self.closed = folder

    def _add_file(self, path: Path, inside: PurePath, is_link: bool, nbgrader: bool) -> None:
        where = inside.parts[:-1]
        if is_archive(path):
            if self.scratch and (not where or where in [(stage,) for stage in self.stages]):
                self.add_archive(path, place(inside), modified(path))
            else:
                self.others.append(place(inside))
        elif is_link and not where and path.name in self.stages:
            name = f"{path.name}.ipynb"
            self._add(path.name, Candidate(path / name, inside / name, "", modified(path)))
        elif is_link and os.path.isdir(path):
            self.problems.append(f"{place(inside)} (a link, which is not followed)")
        elif path.suffix.lower() == ".ipynb":
            stage = stage_by_name(path.name, self.stages)
            if stage and where in ((), (stage,)):
                said = collected(path.parent) if nbgrader and where else None
                self._add(stage, Candidate(path, inside, "", said or modified(path)))
            else:
                self.others.append(place(inside))

    def add_archive(self, path: Path, name: str, handed_in: datetime | None) -> None:
        """Add an archive that is the student's; whatever lies in there is the student's."""
        try:
            with opened_archive(path) as members:
                for member in members:
                    self.add_member(member, member.path, name, handed_in)
        except Unreadable as error:
            self.problems.append(f"{name} ({error})")

    def add_member(
        self, member: Member, inside: PurePath, name: str, handed_in: datetime | None
    ) -> None:
        """Add a file of the archive called `name`; raises Exhausted."""
        stage = stage_by_name(inside.name, self.stages)
        if member.info.is_dir() or inside.suffix.lower() not in (".ipynb", ".zip"):
            return
        if inside.suffix.lower() == ".zip":
            self.problems.append(f"{place(inside, name)} (an archive in an archive is not opened)")
        elif not stage:
            self.others.append(place(inside, name))
        else:
            try:
                path = self._written(member.read(self.budget), f"{stage}.ipynb")
                self._add(stage, Candidate(path, inside, name, handed_in))
            except Exhausted:
                raise
            except Unreadable as error:
                self.problems.append(f"{place(PurePath(inside.name), name)} ({error})")

    def add_inner(self, member: Member, inside: PurePath, handed_in: datetime | None) -> None:
        """Add an archive that lies in the archive of the whole class."""
        try:
            content = member.read(self.budget)
            if len(content) > MAX_INNER:
                raise Unreadable(f"it is larger than {MAX_INNER >> 20} MB: unpack what it is in")
            self.add_archive(self._written(content, "inner.zip"), place(inside), handed_in)
        except Unreadable as error:
            self.problems.append(f"{place(inside)} ({error})")

    def _add(self, stage: str, candidate: Candidate) -> None:
        self.notebooks.setdefault(stage, []).append(candidate)

    def _written(self, content: bytes, name: str) -> Path:
        """A file in `scratch` with the content; no name in an archive is ever a file's."""
        assert self.scratch
        path = self.scratch / self.raw / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.exists():
                digest = hashlib.sha256(content).hexdigest()
                path = path.with_name(f"{path.stem}-{digest[:16]}{path.suffix}")
            path.write_bytes(content)
        except OSError as error:
            raise Unreadable(str(error.strerror)) from None
        return path

    def _walk(self, folder: Path) -> Iterator[os.DirEntry[str]]:
        """Everything below a folder that is not hidden; links are not followed."""
        todo = [str(folder)]
        while todo:
            path = todo.pop(0)
            try:
                with os.scandir(path) as entries:
                    found = sorted(entries, key=lambda entry: entry.name)
            except OSError as error:
                if path == str(folder):
                    raise
                text = f"{place(Path(path).relative_to(folder))} cannot be read ({error.strerror})"
                self.problems.append(text)
                continue
            found = [entry for entry in found if not entry.name.startswith(HIDDEN)]
            yield from found
            todo += [entry.path for entry in found if entry.is_dir(follow_symlinks=False)]
