"""A platform's table of grades: whose its rows are, and where the points of a stage stand."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import ClassVar

from mugrade.course.model import Course
from mugrade.course.roster import Enrolled, folder_name
from mugrade.errors import Unreadable
from mugrade.grader.final import shown_points
from mugrade.grader.policy import Standing
from mugrade.grader.results import Status
from mugrade.sheet import Sheet
from mugrade.view.report import printable

EMAIL, FEW = "@", 5
NO_RESULT = "of the table have no result"


@dataclass(frozen=True)
class PlatformTable:
    """What a platform gave out; its subclasses say what the columns mean.

    `also`: a student -> other ids of the roster. `keys` are the columns by which a student may be
    known, from the surest on; with `one_stage` one column takes points, however it is called,
    else those that look like `column`. Beside points only the columns `kept` go back, or all.
    """

    path: Path
    sheet: Sheet
    also: Mapping[str, Sequence[str]] = field(default_factory=dict, hash=False)
    name = ""
    one_stage = False
    keys: ClassVar[Sequence[str]] = ()
    kept: ClassVar[Sequence[str]] = ()
    column: ClassVar[re.Pattern[str]] = re.compile("")

    @classmethod
    def read(cls, path: Path, students: Iterable[Enrolled] = ()) -> "PlatformTable":
        """The table in a file; raises Unreadable, also where it is another platform's."""
        also = {s.folder: (s.id, *sorted(s.aliases)) for s in students}
        found = cls(path, Sheet.read(path), also)
        if missing := found.missing:
            there = ", ".join(map(printable, found.sheet.header[:8]))
            raise Unreadable(
                f"{path}: no table of {cls.name}'s: there is no column {missing}; it has {there}"
            )
        return found

    @property
    def missing(self) -> str:
        """A column that the platform's own tables have and this one has not."""
        raise NotImplementedError

    def columns(self) -> dict[int, str]:
        """The places of the columns that take points, and what they are called."""
        found = (
            (i, self.column.fullmatch(name.strip())) for i, name in enumerate(self.sheet.header)
        )
        return {i: match["name"] for i, match in found if match}

    def maximum(self, row: Sequence[str], column: int) -> float | None:
        """The most points that a cell takes, if the table says so."""
        raise NotImplementedError

    def is_locked(self, row: Sequence[str]) -> bool:
        """Whether the platform would not take points for this row."""
        return False

    def written(self, columns: Sequence[int], sheet: Sheet) -> Sheet:
        """What is handed back of the sheet, whose `columns` have been filled."""
        places = (sheet.column(name) for name in self.kept)
        beside = [place for place in places if place is not None]
        return sheet.only([*beside, *columns]) if beside else sheet

    @cached_property
    def rows_of(self) -> list[Mapping[str, list[int]]]:
        """For each key: what stands there, in small letters -> rows; of emails also their names.

        Also as the student's folder is called.
        """
        places = [place for name in self.keys if (place := self.sheet.column(name)) is not None]
        found: list[Mapping[str, list[int]]] = []
        for place in places:
            whole: dict[str, list[int]] = {}
            local: dict[str, list[int]] = {}
            for number, row in enumerate(self.sheet.rows):
                said = row[place].strip().casefold()
                for text in {said, folder_name(row[place].strip()).casefold()} if said else ():
                    whole.setdefault(text, []).append(number)
                if EMAIL in said:
                    local.setdefault(said.partition(EMAIL)[0], []).append(number)
            found += [whole, local]
        return found

    def rows(self, student: str) -> list[int]:
        """The rows that may be a student's: those of the surest key that knows the name.

        Or else one of the names that the roster has for the student.
        """
        names = [student, *self.also.get(student, ())]
        known = (
            rows[name.casefold()]
            for name in names
            for rows in self.rows_of
            if name.casefold() in rows
        )
        return next(known, [])


@dataclass
class Filling:
    """What became of an export: points written, and whoever was left out with the reason."""

    sheet: Sheet
    written: int = 0
    left_out: dict[str, dict[str, None]] = field(default_factory=dict)

    def leave_out(self, why: str, student: str) -> None:
        self.left_out.setdefault(why, {}).setdefault(student)

    @property
    def lines(self) -> Iterator[str]:
        """A line for each reason."""
        for why, students in self.left_out.items():
            few = ", ".join(map(printable, islice(students, FEW)))
            few += ", ..." if len(students) > FEW else ""
            yield f"{len(students)} {why}: {few}"


def find_columns(
    table: PlatformTable, course: Course, stages: Sequence[str], said: Mapping[str, str]
) -> dict[str, int]:
    """Stage -> the column for its points: as `said`, or called like the stage; raises Unreadable.

    Stages that are asked for must have one; if none is, all that have one are meant.
    """
    names = table.columns()
    if table.one_stage and len(stages) == len(names) == 1:
        return dict(zip(stages, names, strict=True))
    found: dict[str, int] = {}
    for stage in course.stages:
        if stages and stage.name not in stages:
            continue
        wanted = [said[stage.name]] if stage.name in said else [stage.name, stage.title]
        places = [
            p for p, name in names.items() if any(letters_of(w) in letters_of(name) for w in wanted)
        ]
        exact = [p for p in places if names[p] in wanted or table.sheet.header[p] in wanted]
        places = exact or places
        if len(places) == 1:
            found[stage.name] = places[0]
        elif stages or places or stage.name in said:
            there = ", ".join(map(printable, (names[p] for p in places or names)))
            what = "several columns" if places else "no column"
            raise Unreadable(
                f"{table.path}: {what} for {stage.name} ({there}): name it with "
                f'--column {stage.name[:2]} "NAME"'
            )
    if not found:
        there = ", ".join(map(printable, names.values())) or "none"
        raise Unreadable(
            f"{table.path}: no column is called like a stage; those for points are: {there}; "
            'name one with --column 03 "NAME"'
        )
    return found


def letters_of(name: str) -> str:
    """A name's letters and digits, in small letters."""
    return re.sub(r"[\W_]+", "", name.casefold())


def fill(
    table: PlatformTable,
    columns: Mapping[str, int],
    standings: Sequence[Standing],
    *,
    scale: bool = False,
    zeros: bool = False,
) -> Filling:
    """The table with the points that count; whoever has none keeps what stood there.

    Points are never changed without being asked for: where a column takes another number of points
    than the stage gives, Unreadable is raised, unless `scale`. With `zeros`, who has handed in
    nothing gets 0.
    """
    rows = [list(row) for row in table.sheet.rows]
    found = Filling(table.sheet)
    wanted = [standing for standing in standings if standing.stage in columns]
    owners: dict[int, set[str]] = {}
    for standing in wanted:
        for place in table.rows(standing.student):
            owners.setdefault(place, set()).add(standing.student)
    for standing in wanted:
        places = table.rows(standing.student)
        if any(len(owners[place]) > 1 for place in places):
            found.leave_out("share a row of the table", standing.student)
        elif why := _left_out(table, standing, places, zeros):
            found.leave_out(why, standing.student)
        else:
            column = columns[standing.stage]
            rows[places[0]][column] = _points(table, standing, rows[places[0]], column, scale)
            found.written += 1
    for number, row in enumerate(table.sheet.rows):
        if number not in owners and (name := _name(table, row)):
            found.leave_out(NO_RESULT, name)
    filled = replace(table.sheet, rows=tuple(map(tuple, rows)))
    found.sheet = table.written(list(columns.values()), filled)
    return found


def _left_out(table: PlatformTable, standing: Standing, places: Sequence[int], zeros: bool) -> str:
    """Why a result is not written, if it is not."""
    if not places:
        return "have results and are not in the table"
    if len(places) > 1:
        return "may be several people of the table"
    if standing.status == Status.MISSING:
        return "" if zeros else "have handed in nothing (--zeros gives them 0)"
    if standing.status in (Status.FAILED, Status.UNREADABLE):
        return "could not be graded"
    if table.is_locked(table.sheet.rows[places[0]]):
        return f"have a grade that {table.name} does not let change"
    return ""


def _points(
    table: PlatformTable, standing: Standing, row: Sequence[str], column: int, scale: bool
) -> str:
    most, maximum = standing.attempt.max_points, table.maximum(row, column)
    points = standing.points
    if maximum is not None and most and maximum != most:
        if not scale:
            raise Unreadable(
                f"{table.path}: {standing.stage} gives {most} points, and the column "
                f"{printable(table.sheet.header[column])} takes {shown_points(maximum)}: "
                "add --scale, or change the column on the platform"
            )
        points = round(points * maximum / most, 2)
    return shown_points(points)


def _name(table: PlatformTable, row: Sequence[str]) -> str:
    """What the surest key says of a row, if it is a student's."""
    places = (table.sheet.column(name) for name in table.keys)
    return next((row[p] for p in places if p is not None and row[p].strip()), "")
