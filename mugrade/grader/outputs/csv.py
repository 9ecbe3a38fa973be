"""`grades.csv`: a row for every check of every student."""

import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from mugrade import files
from mugrade.grader.outputs.output import Output
from mugrade.grader.policy import Standing
from mugrade.grader.report import COLUMNS, write_csv
from mugrade.version import __version__

CSV, WRITTEN = "grades.csv", ".grades.csv"


class Csv(Output):
    """The table, written anew whenever something of it changes: it says something of everybody.

    A hidden file beside it says what it was written for, and how large and old it was then.
    """

    name = "csv"

    @property
    def path(self) -> Path:
        return self.out / CSV

    def shares(self, standings: Sequence[Standing]) -> Iterator[Sequence[Standing]]:
        if self._said() != self._mark(standing.mark for standing in standings):
            yield standings

    def _said(self) -> str:
        try:
            return (self.out / WRITTEN).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return ""

    def _mark(self, marks: Iterable[str]) -> str:
        """What the table is of and who writes it, and the state of its file, if it is there."""
        state = self.path.stat() if self.path.exists() else None
        of = hashlib.sha256(repr((__version__, COLUMNS, *marks)).encode()).hexdigest()
        return f"{of} {state and (state.st_size, state.st_mtime_ns)}"

    def write(self, standings: Iterable[Standing]) -> bool:
        marks: list[str] = []
        with tempfile.NamedTemporaryFile(
            "w", newline="", encoding="utf-8", dir=self.out, delete=False
        ) as file:
            try:
                write_csv(file, _noted(standings, marks))
                file.close()
                Path(file.name).chmod(0o644)
                files.replace(Path(file.name), self.path)
            except BaseException as error:
                os.unlink(file.name)
                if isinstance(error, OSError):
                    error.filename = self.path
                raise
        files.write(self.out / WRITTEN, self._mark(marks).encode())
        return False


def _noted(standings: Iterable[Standing], marks: list[str]) -> Iterator[Standing]:
    """The same; their marks are noted as they pass."""
    for standing in standings:
        marks.append(standing.mark)
        yield standing
