"""`grades.csv`: a row for every check of every student."""

import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from mugrade import files
from mugrade.grader.outputs.output import Output
from mugrade.grader.policy import Standing
from mugrade.grader.report import write_csv

CSV = "grades.csv"


class Csv(Output):
    """The table, written anew each time: it says something of everybody."""

    name = "csv"

    @property
    def path(self) -> Path:
        return self.out / CSV

    def shares(self, standings: Sequence[Standing]) -> Iterator[Sequence[Standing]]:
        yield standings

    def write(self, standings: Iterable[Standing]) -> bool:
        with tempfile.NamedTemporaryFile(
            "w", newline="", encoding="utf-8", dir=self.out, delete=False
        ) as file:
            try:
                write_csv(file, standings)
                file.close()
                Path(file.name).chmod(0o644)
                files.replace(Path(file.name), self.path)
            except BaseException as error:
                os.unlink(file.name)
                if isinstance(error, OSError):
                    error.filename = self.path
                raise
        return False
