"""The folder that Sphinx reads: a file is written where it differs, so little is built anew."""

from collections.abc import Iterable
from pathlib import Path

from mugrade import files


class SourceFolder:
    """Files below `folder`: all that this run has `written`, and what of it has `changed`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.written: set[Path] = set()
        self.changed: list[str] = []

    def write(self, path: str, content: str | bytes) -> None:
        """Have a file hold this."""
        target = self.folder / path
        data = content.encode("utf-8") if isinstance(content, str) else content
        self.written.add(target)
        if not target.is_file() or target.read_bytes() != data:
            files.write(target, data)
            self.changed.append(path)

    def prune(self) -> list[str]:
        """Remove what an earlier run has left and this one has not written."""
        stale = [path for path in self._files() if path not in self.written]
        for path in stale:
            files.remove(path)
        return [path.relative_to(self.folder).as_posix() for path in stale]

    def _files(self) -> Iterable[Path]:
        return sorted(path for path in self.folder.rglob("*") if path.is_file())
