"""The ledger: a row for every student of the roster, and one for every file of a download."""

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from rich.table import Table
from rich.text import Text

from mugrade.course.roster import Enrolled
from mugrade.grader.collect.gather import ASKED, HANDED_IN, UNREADABLE
from mugrade.grader.collect.index import Fate, Index, Received, chosen
from mugrade.grader.collect.place import told_time
from mugrade.grader.times import utc
from mugrade.view.report import printable
from mugrade.view.tables import safe, table

LEDGER = "ledger.csv"
PRESENT, LATE_IN, ABSENT, UNUSABLE = "present", "late", "absent", "unusable"
USED, EARLIER, AGAIN = "used", "earlier", "same"


@dataclass(frozen=True)
class Account:
    """A row of the ledger, about a student or about a file."""

    row: str
    stage: str
    student: str
    name: str = ""
    section: str = ""
    status: str = ""
    attempt: str = ""
    handed_in: str = ""
    clock: str = ""
    deadline: str = ""
    late_by: str = ""
    file: str = ""
    download: str = ""
    why: str = ""


class Accounts:
    """Makes the rows; `deadline` says when a student's stage was due."""

    def __init__(
        self,
        index: Index,
        students: Sequence[Enrolled],
        deadlines: Mapping[tuple[str, str], datetime | None],
    ) -> None:
        self.index, self.deadlines = index, deadlines
        self.students = {student.folder: student for student in students}
        self.whys: dict[tuple[str, str], list[str]] = defaultdict(list)
        for fate in (f for fates in index.fates.values() for f in fates if f.why):
            for student in fate.students:
                self.whys[fate.stage, student].append(fate.why)

    def rows(self, stages: Iterable[str]) -> list[Account]:
        """Students by stage, then files by download."""
        found = [row for stage in stages for row in self.of_students(stage)]
        return [*found, *self.of_files(self.index.fates)]

    def of_students(self, stage: str) -> Iterator[Account]:
        """Everybody in the roster, and who else has handed in."""
        for folder in sorted({*self.students, *self.index.hand_ins.get(stage, {})}):
            who = self.students.get(folder, Enrolled(folder))
            why = "" if not self.students or folder in self.students else "not in the roster"
            handed_in = self.index.of(stage, folder)
            due = self.deadlines.get((stage, folder))
            base = (stage, folder, who.name, who.section)
            if handed_in:
                yield self._handed_in(base, handed_in, due, why)
            else:
                unread = self._unread(stage, folder)
                status = UNUSABLE if unread else ABSENT
                why = "; ".join(unread) or "no notebook was handed in"
                yield Account("student", *base, status, deadline=utc(due), why=why)

    def _handed_in(
        self,
        base: tuple[str, str, str, str],
        all_of: Sequence[Received],
        due: datetime | None,
        why: str,
    ) -> Account:
        taken = chosen(all_of)
        late = lateness(taken, due)
        status = LATE_IN if late is not None else PRESENT
        if not taken.is_readable:
            unread = self._unread(*base[:2]) or ["its notebook cannot be read"]
            status, why = UNUSABLE, "; ".join((*filter(None, [why]), *unread))
        number = f"{all_of.index(taken) + 1} of {len(all_of)}"
        return Account(
            *("student", *base, status, number, utc(told_time(taken, due))),
            *(taken.clock or ("platform" if late is not None else ""), utc(due)),
            *(_period(late) if late else "", taken.file, taken.download, why),
        )

    def _unread(self, stage: str, folder: str) -> list[str]:
        """Why the files that a student did hand in are no notebook of the stage."""
        return list(dict.fromkeys(self.whys.get((stage, folder), ())))[:3]

    def of_files(self, asked: Iterable[str]) -> Iterator[Account]:
        """Every file that has been looked at, for each time that one was asked."""
        return (self._of_file(fate) for each in asked for fate in self.index.fates[each])

    def _of_file(self, fate: Fate) -> Account:
        status, attempt, hand_in = fate.status, "", None
        for student in fate.students if fate.sha256 else ():
            handed_in = self.index.of(fate.stage, student)
            same = [h for h in handed_in if h.sha256 == fate.sha256]
            if same:
                hand_in = same[0]
                attempt = f"{handed_in.index(hand_in) + 1} of {len(handed_in)}"
                if status == HANDED_IN:
                    status = _became(fate, hand_in, chosen(handed_in))
        names = [self.students[s].name for s in fate.students if s in self.students]
        return Account(
            *("file", fate.stage, "; ".join(fate.students), "; ".join(filter(None, names)), ""),
            *(status, attempt, utc(hand_in.when) if hand_in else ""),
            *(hand_in.clock if hand_in else "", "", "", fate.file, fate.download, fate.why),
        )


def _became(fate: Fate, hand_in: Received, taken: Received) -> str:
    if (hand_in.file, hand_in.download) != (fate.file, fate.download):
        return AGAIN
    return USED if hand_in == taken else EARLIER


def lateness(hand_in: Received, due: datetime | None) -> timedelta | None:
    """How late it was: nothing where it was in time, zero where only that it was late is known."""
    if hand_in.when is None:
        return timedelta(0) if hand_in.is_late else None
    over = hand_in.when - due if due else timedelta(0)
    return over if over > timedelta(0) else None


def _period(over: timedelta) -> str:
    minutes = int(over.total_seconds() + 59) // 60
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    return " ".join(f"{n} {unit}" for n, unit in ((days, "d"), (hours, "h"), (minutes, "min")) if n)


def as_csv(rows: Iterable[Account]) -> bytes:
    """The rows, safe for spreadsheets, which recognise the encoding by its mark."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, quoting=csv.QUOTE_ALL)
    writer.writerow(Account.__dataclass_fields__)
    for row in rows:
        writer.writerow(safe(printable(text)) for text in vars(row).values())
    return file.getvalue().encode("utf-8-sig", "backslashreplace")


def to_look_at(rows: Iterable[Account]) -> Table | None:
    """Students and files that need a look: who is late or absent, what could not be used.

    Each is there once: a student for all files, and somebody unknown for all of theirs.
    """
    found = table(("stage", "student", "name", "status", "why"), whole=("stage", "status"))
    told_of = set[tuple[str, str]]()
    for row in rows:
        if row.row == "student":
            needs, key = row.status != PRESENT, (row.stage, row.student)
        else:
            needs = row.status in (ASKED, UNREADABLE)
            key = (row.stage, row.student) if row.student else ("", row.why)
        if needs and key not in told_of:
            told_of.add(key)
            why = row.why if row.status != LATE_IN else f"by {row.late_by or 'an unknown time'}"
            cells = (row.stage, row.student or row.file, row.name, row.status, why)
            found.add_row(*(Text(printable(text)) for text in cells))
    return found if found.row_count else None


def counted(rows: Iterable[Account]) -> str:
    """How many files and students of which status."""
    of = Counter((row.row, row.status) for row in rows)

    def told_of(kind: str) -> str:
        return ", ".join(f"{n} {status}" for (row, status), n in sorted(of.items()) if row == kind)

    return f"students: {told_of('student') or 'none'}; files: {told_of('file') or 'none'}"
