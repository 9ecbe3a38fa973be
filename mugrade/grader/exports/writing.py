"""What counts, written as a platform takes it."""

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from mugrade import files
from mugrade.course.model import Course
from mugrade.errors import Unreadable
from mugrade.garbage import nothing_to_collect
from mugrade.grader.exports.blackboard import BlackboardTable
from mugrade.grader.exports.canvas import CanvasTable, feedback_names
from mugrade.grader.exports.feedback import FileNames, by_folder, write_feedback_zip
from mugrade.grader.exports.gradebook import PlatformTable, fill, find_columns
from mugrade.grader.exports.gradescope import RESULTS_JSON, results_of
from mugrade.grader.exports.moodle import MoodleTable
from mugrade.grader.exports.totals import write_totals
from mugrade.grader.ledger import GRADEBOOK, listen
from mugrade.grader.outputs.output import folder_of
from mugrade.grader.policy import Standing
from mugrade.grader.store import NAME, Filter, Store
from mugrade.grader.submissions import SUBMITTED

TABLES: Mapping[str, type[PlatformTable]] = {
    "canvas": CanvasTable,
    "moodle": MoodleTable,
    "blackboard": BlackboardTable,
}


@dataclass(frozen=True)
class Export:
    """What is exported of the results in `out`: `stages`, or all of them.

    `said`: stage -> the column that takes its points. `submitted` is where `mugrade collect` wrote.
    """

    course: Course
    out: Path
    url: str | None = None
    stages: Sequence[str] = ()
    said: Mapping[str, str] = field(default_factory=dict)
    scale: bool = False
    zeros: bool = False
    by_exercise: bool = False
    submitted: Path = Path(SUBMITTED)

    def write(
        self, platform: str, table: Path | None, target: Path, feedback: bool
    ) -> Iterator[str]:
        """Write it to `target`, a folder unless its name has a suffix; a line for all that is done.

        Raises Unreadable.
        """
        with closing(Store.open(self.url or self.out / NAME)) as store, nothing_to_collect():
            listen(store, self.out / GRADEBOOK)
            standings = store.standings(self.course.settings, Filter((), self.stages))
            if not standings:
                raise Unreadable(f"{store.name}: there are no results to export")
            if self.by_exercise or platform == "gradescope":
                standings = list(store.with_checks(standings))
        names: FileNames = by_folder
        if platform in TABLES:
            if table is None:
                raise Unreadable(f"mugrade export {platform} FILE: say which file it exported")
            filled = TABLES[platform].read(table, self.course.settings.students)
            path = _file(target, f"{platform}-{table.name}")
            yield from self._fill(filled, standings, table, path)
            if isinstance(filled, MoodleTable):
                names = filled.feedback_names
            elif feedback and isinstance(filled, CanvasTable):
                names = feedback_names(self.submitted)
        elif platform == "csv":
            yield self._totals(standings, _file(target, "totals.csv"))
        else:
            yield from self._results(standings, target)
        if feedback:
            yield from self._feedback(standings, target, platform, names)

    def _fill(
        self, table: PlatformTable, standings: Sequence[Standing], given: Path, path: Path
    ) -> Iterator[str]:
        if path.exists() and path.samefile(given):
            raise Unreadable(f"{path}: is what {table.name} exported: name another file with --to")
        columns = find_columns(table, self.course, self.stages, self.said)
        filling = fill(table, columns, standings, scale=self.scale, zeros=self.zeros)
        filling.sheet.write(path)
        for stage, column in columns.items():
            yield f"{stage} -> {table.sheet.header[column]}"
        yield f"{filling.written} results written to {path}"
        yield from filling.lines

    def _totals(self, standings: Sequence[Standing], path: Path) -> str:
        file = io.StringIO(newline="")
        count = write_totals(file, standings, self.by_exercise)
        try:
            files.write(path, file.getvalue().encode())
        except OSError as error:
            raise Unreadable(f"{path}: cannot be written ({error.strerror})") from None
        return f"{count} students written to {path}"

    def _results(self, standings: Sequence[Standing], target: Path) -> Iterator[str]:
        for standing in standings:
            folder = target / "gradescope" / folder_of(standing.student) / standing.stage
            text = json.dumps(results_of(standing))
            try:
                files.write(folder / RESULTS_JSON, text.encode("ascii"))
            except OSError as error:
                raise Unreadable(f"{folder}: cannot be written ({error.strerror})") from None
        yield f"{len(standings)} files {RESULTS_JSON} written below {target / 'gradescope'}"

    def _feedback(
        self, standings: Sequence[Standing], target: Path, platform: str, names: FileNames
    ) -> Iterator[str]:
        path = (target.parent if target.suffix else target) / f"{platform}-feedback.zip"
        count, left = write_feedback_zip(path, self.out, standings, names)
        yield f"{count} pages written to {path}"
        if left:
            few = ", ".join(left[:5]) + (", ..." if len(left) > 5 else "")
            yield f"{len(left)} students have a page that is not in it: {few}"


def _file(target: Path, name: str) -> Path:
    """The file to write: `target` itself, if it is called like one."""
    return target if target.suffix else target / name
