"""The files that an update replaced, whole, as they were: what undo goes back to."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from mugrade.course.manifest import dump
from mugrade.errors import WorkspaceError
from mugrade.student.workspace import Workspace

FOLDER, RECORD, UNDONE = "updates", "record.json", "undone"


@dataclass(frozen=True)
class Record:
    """Path -> a digest of what an update wrote, empty for a file that it removed; and when."""

    files: dict[str, str]
    time: str = ""


@dataclass(frozen=True)
class Snapshot:
    """What an update found, and what it wrote, as `Record` has it."""

    folder: Path
    paths: dict[str, str]

    @classmethod
    def take(cls, workspace: Workspace, files: Mapping[str, bytes | None], by: str) -> None:
        """Copy every file that is about to be written; raises WorkspaceError."""
        there = sorted((workspace.state / FOLDER).glob("[0-9]*"))
        number = int(there[-1].name[:4]) + 1 if there else 1
        folder = workspace.state / FOLDER / f"{number:04}-{by}"
        for path in files:
            if (workspace.root / path).exists():
                workspace.write_bytes(
                    folder / "before" / path, (workspace.root / path).read_bytes()
                )
        paths = {path: _digest(content) for path, content in files.items()}
        time = datetime.now().isoformat(" ", "seconds")
        workspace.write(folder / RECORD, dump(asdict(Record(paths, time))))

    @classmethod
    def last(cls, workspace: Workspace) -> "Snapshot | None":
        """The last update that was not undone; raises WorkspaceError for a broken record."""
        from mugrade import codec

        for folder in sorted((workspace.state / FOLDER).glob("[0-9]*-update"), reverse=True):
            record = folder / RECORD
            if record.exists() and not (folder / UNDONE).exists():
                try:
                    return cls(folder, codec.read(record.read_bytes(), Record).files)
                except (OSError, ValueError):
                    raise WorkspaceError(
                        f"{record} is broken: copy what you miss from {folder / 'before'}"
                    ) from None
        return None

    @property
    def before(self) -> Path:
        """The folder with the files as they were."""
        return self.folder / "before"

    def content(self, path: str) -> bytes | None:
        """What a file held before the update; None if it was not there."""
        file = self.before / path
        return file.read_bytes() if file.exists() else None

    def changed_since(self, workspace: Workspace) -> list[str]:
        """The files that are not what the update wrote."""
        return [path for path in self.paths if self._now(workspace, path) != self.paths[path]]

    def mark_undone(self, workspace: Workspace) -> None:
        workspace.write(self.folder / UNDONE, "")

    def _now(self, workspace: Workspace, path: str) -> str:
        file = workspace.root / path
        return _digest(file.read_bytes() if file.exists() else None)


def _digest(content: bytes | None) -> str:
    return "" if content is None else hashlib.sha256(content).hexdigest()
