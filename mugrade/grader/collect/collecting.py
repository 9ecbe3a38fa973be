"""`mugrade collect` from a download to `submitted/` and its ledger."""

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path

from mugrade import files
from mugrade.course.model import Course
from mugrade.course.roster import Enrolled
from mugrade.course.settings import Settings
from mugrade.errors import Unreadable
from mugrade.grader.collect.account import LEDGER, Account, Accounts, as_csv
from mugrade.grader.collect.entries import Entry, Reader
from mugrade.grader.collect.gather import Gathered, Gatherer, hand_ins
from mugrade.grader.collect.index import Fate, Index, keep, read_index, write_index
from mugrade.grader.collect.origin import Origin, Platform
from mugrade.grader.collect.people import Ask, Register
from mugrade.grader.collect.place import notice, put_in_place
from mugrade.grader.collect.platforms import PLATFORMS
from mugrade.grader.collect.stages import StageFinder
from mugrade.grader.submissions import Key


@dataclass(frozen=True)
class Collection:
    """What is to be collected: a download, into `submitted`; no `stages` means all of the course.

    `platform` is asked instead of all, `deadline` holds instead of the course's.
    """

    course: Course
    download: Path
    submitted: Path
    stages: Sequence[str] = ()
    students: Sequence[Enrolled] = ()
    roster: str = ""
    platform: str = ""
    deadline: datetime | None = None
    ask: Ask | None = None


@dataclass(frozen=True)
class Collected:
    """What came of it: the platform's name, the ledger's rows of this download, what is new."""

    platform: str
    rows: Sequence[Account]
    changed: int
    ledger: Path


def collect_download(order: Collection) -> Collected:
    """Read a download, write what is new of it, and the ledger. Raises Unreadable."""
    index = read_index(order.submitted)
    index.roster = order.roster or index.roster
    wanted = order.stages or [stage.name for stage in order.course.stages]
    try:
        order.submitted.mkdir(parents=True, exist_ok=True)
        with (
            tempfile.TemporaryDirectory(prefix="mugrade-") as scratch,
            closing(Reader(Path(scratch))) as reader,
        ):
            platform, found = _gathered(order, index, reader, wanted)
        return _written(order, index, platform, found, wanted)
    except OSError as error:
        raise Unreadable(
            f"{error.filename or order.submitted}: {error.strerror or error}"
        ) from None


def _gathered(
    order: Collection, index: Index, reader: Reader, wanted: Sequence[str]
) -> tuple[str, list[Gathered]]:
    entries = reader.entries(order.download)
    platform = _platform(order, entries)
    origins: dict[Entry, Origin] = dict(platform.claims(entries, order.students))
    people = {person: None for origin in origins.values() for person in origin.people}
    whose = Register(order.students, index.answers, order.ask).resolve(people)
    gatherer = Gatherer(
        order.download.name,
        StageFinder(order.course),
        wanted,
        partial(keep, order.submitted),
    )
    return platform.name, gatherer.gather(entries, origins, whose)


def _platform(order: Collection, entries: Sequence[Entry]) -> Platform:
    if order.platform:
        return PLATFORMS[order.platform]
    *known, folders = PLATFORMS.values()
    depths = {p: at for p in known if (at := p.depth(entries, order.students)) is not None}
    return min(depths, key=depths.__getitem__, default=folders)


def _written(
    order: Collection, index: Index, platform: str, found: Sequence[Gathered], wanted: Sequence[str]
) -> Collected:
    new = sorted(hand_ins(found), key=lambda one: one[2].file)  # whatever the order of an archive
    for stage, student in sorted({(stage, student) for stage, student, _ in new}):
        notice(order.submitted, index, stage, student)
    for stage, student, hand_in in new:
        index.add(stage, student, hand_in)
    asked = f"{','.join(order.stages)} {order.download.absolute()}"
    index.fates[asked] = [*_gone(index.fates.get(asked, ()), found), *(g.fate for g in found)]
    if order.deadline:
        index.deadlines |= {stage: order.deadline.isoformat() for stage in wanted}
    due = _deadlines(order, index)
    write_index(order.submitted, index)  # first: what is interrupted now goes on with it
    changed = sum(
        put_in_place(order.submitted, index, stage, student, due.get((stage, student)))
        for stage in wanted
        for student in index.hand_ins.get(stage, ())
    )
    accounts = Accounts(index, order.students, due)
    stages = [s.name for s in order.course.stages if s.name in {*order.stages, *index.hand_ins}]
    ledger = order.submitted / LEDGER
    files.write(ledger, as_csv(accounts.rows(stages)))
    shown = [row for stage in stages if stage in wanted for row in accounts.of_students(stage)]
    shown += accounts.of_files([asked])
    return Collected(platform, shown, changed, ledger)


def _gone(before: Sequence[Fate], found: Sequence[Gathered]) -> list[Fate]:
    """Files that were handed in, and are not in a newer download of the same name."""
    there = {one.fate.file for one in found}
    return [fate for fate in before if fate.sha256 and fate.file not in there]


def _deadlines(order: Collection, index: Index) -> Mapping[Key, datetime | None]:
    """When each student's stage was due, with the extensions of the roster."""
    given = {stage: datetime.fromisoformat(text) for stage, text in index.deadlines.items()}
    known: Settings = order.course.settings
    settings = replace(
        known,
        deadlines={**known.deadlines, **given},
        students=tuple(order.students) or known.students,
    )
    people = {s.folder for s in order.students}.union(*index.hand_ins.values())
    stages = {*index.hand_ins, *order.stages}
    return {(stage, who): settings.deadline(stage, who) for stage in stages for who in people}
