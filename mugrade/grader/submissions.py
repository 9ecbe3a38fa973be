"""Who has handed in what, and where it lies.

Whose a notebook is comes from outside: the student's folder, the archive's name, or the archive of
the whole class, which a teacher names. What lies inside says only which stage it is.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePath

from mugrade.archives import HIDDEN, Exhausted, Member, is_archive, opened_archive
from mugrade.course.roster import Roster
from mugrade.errors import Unreadable
from mugrade.grader.candidates import Candidate, place, take_last
from mugrade.grader.desk import Desk
from mugrade.grader.times import modified
from mugrade.view.report import printable

SUBMITTED = "submitted"
Confirm = Callable[[Sequence[str]], bool]


Key = tuple[str, str]  # student and stage


@dataclass(frozen=True)
class Submission:
    """One student's notebook of one stage; `path` is None if there is none.

    `others` are notebooks in the student's folder that belong to no stage, `passed_over` those of
    this stage that were not taken; `handed_in` is in UTC. `taken` says where in the student's
    folder or archive the notebook lay, `notes` what a teacher should know. What was handed in
    before what lies there now has a `turn` below 0.
    """

    student: str
    stage: str
    path: Path | None
    others: tuple[str, ...] = ()
    handed_in: datetime | None = None
    passed_over: tuple[str, ...] = ()
    taken: str = ""
    notes: tuple[str, ...] = ()
    turn: int = 0

    @property
    def key(self) -> Key:
        return self.student, self.stage


def by_student(submissions: Iterable[Submission]) -> dict[str, dict[str, Submission]]:
    """Student -> stage -> submission."""
    of: dict[str, dict[str, Submission]] = {}
    for s in submissions:
        of.setdefault(s.student, {})[s.stage] = s
    return of


def find_submissions(
    folder: Path,
    stages: Sequence[str],
    scratch: Path | None = None,
    roster: Roster | None = None,
    confirm: Confirm | None = None,
) -> list[Submission]:
    """Every student below `folder` with every stage that somebody handed in.

    Reads nbgrader's `submitted/<student>/<stage>/<stage>.ipynb`, plain folders
    `<student>/<stage>.ipynb`, and zip archives in these or called after a student, which are
    unpacked into `scratch`. If `folder` is an archive itself, it holds such folders of the whole
    class: whom the roster does not name has to be confirmed. Who is only in the roster has handed
    in nothing. Raises Unreadable if that is refused, or if there is no student at all.
    """
    desks = Desks(stages, scratch)
    if scratch and folder.is_file() and is_archive(folder):
        root = folder
        desks.read_class(folder)
        _demand_known(folder, set(desks.of) - {_utf8(folder.stem)} - set(roster or ()), confirm)
    else:
        root = folder / SUBMITTED if (folder / SUBMITTED).is_dir() else folder
        desks.read_folder(root)
    if not desks.of:
        raise Unreadable(f"{root}: no student's folder in it")
    handed_in = [stage for stage in stages if any(stage in d.notebooks for d in desks.of.values())]
    if not handed_in:
        why = "".join(f"; {printable(t)}" for d in desks.of.values() for t in d.problems[:1])
        raise Unreadable(f"{root}: no notebook called like a stage ({', '.join(stages)}){why}")
    known = {*desks.of, *(roster or ())}
    return [
        _submission(student, desks.of.get(student, Desk(student, stages)), stage, known, roster)
        for student in sorted(known)
        for stage in handed_in
    ]


class Desks:
    """What is found of each student."""

    def __init__(self, stages: Sequence[str], scratch: Path | None) -> None:
        self.stages, self.scratch = stages, scratch
        self.of: dict[str, Desk] = {}

    def desk(self, raw: str) -> Desk:
        """The desk of a student; raises Unreadable where two names would read the same."""
        name = _utf8(raw)
        desk = self.of.setdefault(name, Desk(raw, self.stages, self.scratch))
        if desk.raw != raw:
            raise Unreadable(f"two students are called {printable(name)}: rename the folder of one")
        return desk

    def read_folder(self, root: Path) -> None:
        """Students' folders and archives; raises Unreadable."""
        try:
            names = sorted(name for name in os.listdir(root) if not name.startswith(HIDDEN))
        except (NotADirectoryError, FileNotFoundError):
            raise Unreadable(f"{root}: no such folder of submissions") from None
        except OSError as error:
            raise Unreadable(f"{root}: cannot be read ({error.strerror})") from None
        archives, folders = list[Path](), list[Path]()
        for path in (root / name for name in names):
            if is_archive(path):
                archives += [path] if self.scratch else []
            elif _is_folder(path):
                folders.append(path)
        if folders and all(path.name in self.stages for path in folders):
            raise Unreadable(
                f"{root}: one student's folder; give the folder that holds all of them"
            )
        for path in archives:
            self.desk(path.stem).add_archive(path, path.name, modified(path))
        for path in folders:
            desk = self.desk(path.name)
            if path.is_symlink():
                desk.problems.append("a link in place of a folder, which is not followed")
            else:
                desk.add_folder(path, nbgrader=root.absolute().name == SUBMITTED)

    def read_class(self, path: Path) -> None:
        """The archive of a whole class; raises Unreadable."""
        handed_in = modified(path)
        try:
            with opened_archive(path) as members:
                for member in members:
                    self._read_member(member, path, handed_in)
        except Unreadable as error:
            raise Unreadable(f"{path}: {error}") from None

    def _read_member(self, member: Member, archive: Path, handed_in: datetime | None) -> None:
        student, inside = _owner(member, archive.stem, self.stages)
        if student is None:
            return
        desk = self.desk(student)
        if inside.suffix.lower() == ".zip" and not member.info.is_dir():
            desk.add_inner(member, inside, handed_in)
        elif desk.budget.left:
            try:
                desk.add_member(member, inside, archive.name, handed_in)
            except Exhausted as error:
                desk.problems.append(f"{archive.name} ({error})")


def _owner(member: Member, name: str, stages: Sequence[str]) -> tuple[str | None, PurePath]:
    """Whose a file in the archive of the class is, and its path in the student's folder."""
    path, first = member.path, member.path.parts[0]
    if member.is_outside or first in stages:
        return name, path
    if len(path.parts) > 1 or member.info.is_dir():
        return first, path.relative_to(first)
    if path.suffix.lower() == ".zip":
        return path.stem, path
    return (name if path.suffix.lower() == ".ipynb" else None), path


def _is_folder(path: Path) -> bool:
    """Also for a link, wherever it leads, unless it is to a file."""
    return os.path.isdir(path) or (path.is_symlink() and not os.path.isfile(path))


def _demand_known(archive: Path, strangers: set[str], confirm: Confirm | None) -> None:
    """Raise Unreadable if names inside an archive are those of students on its word alone."""
    if not strangers or (confirm and confirm(sorted(strangers))):
        return
    few = ", ".join(place(PurePath(name)) for name in sorted(strangers)[:5])
    more = ", ..." if len(strangers) > 5 else ""
    who = "1 student" if len(strangers) == 1 else f"{len(strangers)} students"
    raise Unreadable(
        f"{archive}: nothing is graded: only the archive says that it holds the work of {who} "
        f"({printable(few)}{more}): name the class with --roster FILE, or add --yes"
    )


def _submission(
    student: str, desk: Desk, stage: str, known: set[str], roster: Roster | None
) -> Submission:
    others = tuple(map(_utf8, (*desk.problems, *sorted(desk.others))))
    notes = ["not in the roster"] if roster is not None and student not in roster else []
    candidates = desk.candidates(stage)
    if not candidates:
        return Submission(student, stage, None, others, notes=tuple(notes))
    taken, over = take_last(stage, candidates)
    passed_over = tuple(_utf8(candidate.label) for candidate in over)
    if over:
        few = ", ".join(passed_over[:3]) + (", ..." if len(over) > 3 else "")
        notes.append(f"{taken.label} is taken, not {few}")
    notes += _claims(taken, student, stage, known)
    notes += desk.problems[:3]
    label, said = _utf8(taken.label), tuple(map(_utf8, notes))
    return Submission(student, stage, taken.path, others, taken.handed_in, passed_over, label, said)


def _claims(taken: Candidate, student: str, stage: str, known: set[str]) -> list[str]:
    """What an archive says of whose it is, if that is somebody else than whose it is."""
    parts = taken.inside.parts
    if not taken.archive or len(parts) < 2 or parts[0] == student:
        return []
    signed = parts == (parts[0], stage, f"{stage}.ipynb")  # as mugrade submit writes it
    said = parts[0] in known or (signed and parts[0] != PurePath(taken.archive).stem)
    return [f"{taken.archive} says {parts[0]} inside"] if said else []


def _utf8(name: str) -> str:
    """A file's name as text that can be written anywhere."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")
