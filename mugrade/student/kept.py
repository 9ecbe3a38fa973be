"""Texts that something else has replaced: each in a file of its own, which is never overwritten."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from mugrade import files
from mugrade.course.manifest import digest
from mugrade.errors import WorkspaceError
from mugrade.package.blocks import Block, cell_body
from mugrade.student.notebook import writable
from mugrade.student.releases import released_texts
from mugrade.student.workspace import Workspace

FOLDER = "kept"
NAME = re.compile(r"(\d{4,})-(.+)-([0-9a-f]{16})\.(?:py|md)")
HEAD = re.compile(r"# (\S+), replaced (\S+ \S+) in (.+) by (\w+)")


class By(StrEnum):
    """What has replaced a text: a cell that ran, or a command."""

    RUN = "run"
    TAKE = "take"
    RESET = "reset"
    RESTORE = "restore"
    UPDATE = "update"
    UNDO = "undo"


@dataclass(frozen=True)
class Kept:
    """A text that was replaced: when, in which file, and by what."""

    number: int
    path: Path
    id: str
    time: str
    where: str
    by: str
    fresh: bool = field(default=False, compare=False)

    @property
    def text(self) -> str:
        """The text as it was; raises WorkspaceError where its file has gone."""
        return _read(self.path).partition("\n")[2].removesuffix("\n")


def keep_text(
    workspace: Workspace, id: str, text: str, where: str, by: By, suffix: str = "py"
) -> Kept | None:
    """Keep a text that is about to be replaced; None for one that the course handed out.

    The same text again gets a new date, and no second file.

    The caller holds the workspace's lock. Raises WorkspaceError.
    """
    body = cell_body(text)
    if not body.strip() or body in released_texts(workspace, id):
        return None
    name = re.sub(r"[^\w.-]+", "-", id, flags=re.ASCII)[:40] or "cell"
    ending = f"-{name}-{digest(writable(body))}.{suffix}"
    there = list(_names(workspace))
    same = (found for found in there if found[1].name.endswith(ending))
    last = max((number for number, _ in there), default=0)
    number, path = next(same, (last + 1, _folder(workspace) / f"{last + 1:04}{ending}"))
    time = datetime.now().strftime("%Y-%m-%d %H:%M:%S")
    id = "-".join(writable(id).split()) or name
    entry = Kept(number, path, id, time, where, by, fresh=number > last)
    text = text if entry.fresh else entry.text
    head = f"# {id}, replaced {time} in {where} by {by}"
    workspace.write(path, writable(f"{head}\n{text}\n"))
    return entry


def keep_blocks(
    workspace: Workspace, before: Iterable[Block], after: Iterable[Block], path: str, by: By
) -> list[Kept]:
    """Keep the blocks of a module that are about to go, but not what was borrowed."""
    left = {block.source for block in after}
    gone = [block for block in before if not block.taken and block.source not in left]
    found = (keep_text(workspace, block.id, block.source, path, by) for block in gone)
    return [kept for kept in found if kept]


def withdraw(kept: Iterable[Kept]) -> None:
    """Remove what was kept just now and was not replaced after all."""
    for entry in kept:
        if entry.fresh:
            files.remove(entry.path)


def every_kept(workspace: Workspace) -> list[Kept]:
    """What has been kept, in order."""
    return [_entry(number, path) for number, path in _names(workspace)]


def find_kept(workspace: Workspace, number: int) -> Kept:
    """What was kept under a number; raises WorkspaceError if there is nothing."""
    for found, path in _names(workspace):
        if found == number:
            return _entry(number, path)
    raise WorkspaceError(f"nothing is kept as {number}: mugrade kept lists what is")


def _names(workspace: Workspace) -> Iterator[tuple[int, Path]]:
    for path in sorted(_folder(workspace).glob("*-*.*")):
        if match := NAME.fullmatch(path.name):
            yield int(match[1]), path


def _entry(number: int, path: Path) -> Kept:
    head = HEAD.fullmatch(_read(path).partition("\n")[0])
    match = NAME.fullmatch(path.name)
    assert match is not None
    id, time, where, by = head.groups() if head else (match[2], "", "", "")
    return Kept(number, path, id, time, where, by)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise WorkspaceError(f"{path} cannot be read ({error.strerror})") from None


def _folder(workspace: Workspace) -> Path:
    return workspace.state / FOLDER
