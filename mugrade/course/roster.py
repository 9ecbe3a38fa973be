"""Who is in the class, as a table says: one of the teacher's own, or what a platform exports."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from hashlib import sha256
from pathlib import Path

from mugrade.errors import Unreadable
from mugrade.sheet import Sheet

STUDENT = ("student", "id", "username")
CANVAS = ("sis login id", "sis user id", "integration id")
OTHERS = ("sid", "student id", "id number", "orgdefinedid", "identifier")
EMAIL = ("email", "email address", "e-mail", "e-mail address")
IDS = (*STUDENT, *CANVAS, *OTHERS, *EMAIL)
ALSO = ("also", "github_username", "github_id")
NAME = ("name", "full name", "student name")
FIRST = ("first name", "firstname", "given name")
LAST = ("last name", "surname", "lastname", "family name")
SECTION = ("section", "sections", "group", "groups")
ROLE = ("role", "roles")
STAFF = ("instructor", "ta", "reader", "teacher", "non-editing teacher", "manager")
EXTENSION = "extension"
PERIOD = re.compile(r"\+?(\d{1,4}(?:\.\d+)?) ?(d|days?|h|hours?)", re.I | re.ASCII)
PARTICIPANT = re.compile(r"\D+?(\d+)")  # as Moodle's grading worksheet numbers a row

FORBIDDEN = re.compile(r'[<>:"/\\|?*+\x00-\x1f\x7f\ud800-\udfff]')
DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.I)
LONGEST = 80

Roster = Mapping[str, str]
Extension = datetime | timedelta


@dataclass(frozen=True)
class Enrolled:
    """A student of the class; `aliases` are other ids, `extensions` by a stage's name or number.

    An extension without a stage holds for all: another deadline, or how much later it is.
    """

    id: str
    name: str = ""
    section: str = ""
    aliases: frozenset[str] = frozenset()
    extensions: Mapping[str, Extension] = field(default_factory=dict, hash=False)

    @property
    def folder(self) -> str:
        """The id as a folder's name."""
        return folder_name(self.id)


def read_roster(path: Path) -> Roster:
    """Student, as the folder is called -> name; raises Unreadable."""
    return names_of(read_class(path))


def names_of(students: Iterable[Enrolled]) -> Roster:
    """Student, as the folder is called -> name."""
    return {student.folder: student.name for student in students}


def read_class(path: Path) -> tuple[Enrolled, ...]:
    """The students of a CSV file with a header, which may be a platform's; raises Unreadable.

    The id is what stands in the first column of IDS that says something; of a Canvas gradebook, in
    which `Student` is a name, it is the login.
    """
    sheet = Sheet.read(path, "roster")
    header = [cell.strip().lower() for cell in sheet.header]
    columns = _Columns(header)
    if not columns.ids:
        there = ", ".join(header) or "nothing"
        raise Unreadable(
            f"{path}: the roster's first line names no column {', '.join(STUDENT[:-1])} or "
            f"{STUDENT[-1]}; it says {there}"
        )
    found = [(line, row) for line, row in enumerate(sheet.rows, 2) if columns.is_student(row)]
    students = [(line, _student(path, line, columns, row)) for line, row in found]
    _demand_apart(path, students)
    if not students:
        raise Unreadable(f"{path}: the roster names no student")
    return tuple(student for _, student in students)


def folder_name(id: str) -> str:
    """An id as the name of a folder on every file system; what has to be changed has a mark."""
    text = unicodedata.normalize("NFC", id)
    safe = FORBIDDEN.sub("-", text).strip(". ")[:LONGEST].rstrip(". ")
    if safe and safe == text and not DEVICE.fullmatch(safe):
        return safe
    mark = sha256(id.encode("utf-8", "backslashreplace")).hexdigest()[:6]
    return f"{safe.replace('.', '-')}_{mark}"


class _Columns:
    """Where in a row what stands."""

    def __init__(self, header: Sequence[str]) -> None:
        self.at = {name: header.index(name) for name in reversed(header)}
        self.is_canvas = {"student", "id"} <= self.at.keys() and any(
            name in self.at for name in (*CANVAS, *SECTION)
        )
        self.is_worksheet = "identifier" in self.at and "status" in self.at
        order = (*CANVAS, "id") if self.is_canvas else IDS
        skipped = {"identifier"} if self.is_worksheet else set()
        self.ids = [name for name in order if name in self.at and name not in skipped]
        self.names = ("student", *NAME) if self.is_canvas else NAME
        self.extensions = [name for name in header if name.startswith(EXTENSION)]

    def said(self, row: Sequence[str], *names: str) -> Iterator[str]:
        """What stands in the columns, where that is anything."""
        for name in names:
            at = self.at.get(name, len(row))
            if at < len(row) and (text := row[at].strip().removeprefix("#")):
                yield text

    def first(self, row: Sequence[str], *names: str) -> str:
        return next(self.said(row, *names), "")

    def is_student(self, row: Sequence[str]) -> bool:
        """Neither empty, nor staff, nor one of Canvas's rows about points."""
        if not any(cell.strip() for cell in row):
            return False
        if self.is_canvas and self.first(row, "student") in (
            "",
            "Points Possible",
            "Student, Test",
        ):
            return False
        return self.first(row, *ROLE).lower() not in STAFF

    def name(self, row: Sequence[str]) -> str:
        both = " ".join((self.first(row, *FIRST), self.first(row, *LAST))).strip()
        return self.first(row, *self.names) or both

    def aliases(self, row: Sequence[str]) -> Iterator[str]:
        """Other ids: what stands in all the columns of ids, and in those for nothing else."""
        yield from self.said(row, *(n for n in IDS if n != "student" or not self.is_canvas))
        for text in self.said(row, *ALSO):
            yield from (part.strip() for part in text.split(";"))
        if self.is_worksheet and (number := PARTICIPANT.fullmatch(self.first(row, "identifier"))):
            yield number[1]


def _student(path: Path, line: int, columns: _Columns, row: Sequence[str]) -> Enrolled:
    id = columns.first(row, *columns.ids)
    if not id:
        raise Unreadable(f"{path}: row {line} of the roster names no student")
    extensions = {}
    for name in columns.extensions:
        if text := columns.first(row, name):
            stage = name.removeprefix(EXTENSION).strip(" _:-")
            extensions[stage] = _extension(f"{path}: row {line} of the roster", text)
    aliases = frozenset(filter(None, columns.aliases(row))) - {id}
    section = columns.first(row, *SECTION)
    return Enrolled(id, columns.name(row), section, aliases, extensions)


def _extension(where: str, text: str) -> Extension:
    """A date is that day's end here, a time without an offset one of this machine."""
    if period := PERIOD.fullmatch(text):
        amount = float(period[1])
        return timedelta(days=amount) if period[2][0] in "dD" else timedelta(hours=amount)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise Unreadable(
            f"{where}: the extension {text} is none such as 3 days, 12 h or 2027-03-08T23:59:59"
        ) from None
    if len(text) <= len("2027-03-08"):
        found = datetime.combine(found, time(23, 59, 59))
    return found.astimezone() if found.tzinfo is None else found


def _demand_apart(path: Path, students: Sequence[tuple[int, Enrolled]]) -> None:
    """Raise Unreadable where two rows are about one student, or may be."""
    ids: set[str] = set()
    seen: dict[str, tuple[int, Enrolled]] = {}
    for line, student in students:
        if student.id in ids:
            raise Unreadable(f"{path}: row {line} of the roster names {student.id} again")
        ids.add(student.id)
        for text in sorted({student.id, *student.aliases}):
            first, other = seen.setdefault(text.casefold(), (line, student))
            if other is not student:
                raise Unreadable(
                    f"{path}: rows {first} and {line} of the roster both say {text}: are "
                    f"{other.id} and {student.id} one student? Leave one row, or correct it"
                )
