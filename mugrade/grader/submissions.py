"""Who has handed in what, and where it lies."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from mugrade.errors import Unreadable
from mugrade.grader.archives import find_archives, unpack_all


@dataclass(frozen=True)
class Submission:
    """One student's notebook of one stage; `path` is None if there is none.

    `others` are notebooks in the student's folder that belong to no stage, `passed_over` those of
    this stage that were not taken; `handed_in` is in UTC.
    """

    student: str
    stage: str
    path: Path | None
    others: tuple[str, ...] = ()
    handed_in: datetime | None = None
    passed_over: tuple[str, ...] = ()


def find_submissions(
    folder: Path, stages: Sequence[str], scratch: Path | None = None
) -> list[Submission]:
    """Every student below `folder` with every stage that somebody handed in.

    Reads nbgrader's `submitted/<student>/<stage>/<stage>.ipynb` and plain folders
    `<student>/<stage>.ipynb`; also such folders in zip archives, which are unpacked into
    `scratch`. Raises Unreadable if there is no student at all.
    """
    root = folder / "submitted" if (folder / "submitted").is_dir() else folder
    archives = find_archives(root) if scratch else []
    if not root.is_dir() and not archives:
        raise Unreadable(f"{folder}: no such folder of submissions")
    students = _student_folders(root) if root.is_dir() else []
    if students and all(student.name in stages for student in students):
        raise Unreadable(f"{root}: one student's folder; give the folder that holds all of them")
    problems: dict[str, list[str]] = {}
    if archives and scratch:
        blamed = unpack_all(archives, root, stages, scratch).problems
        problems = {_utf8(name): [*map(_utf8, texts)] for name, texts in blamed.items()}
        packed = {path.parent for path in archives}
        students = [s for s in students if s not in packed or any(s.rglob("*.ipynb"))]
        students += _student_folders(scratch)
    of: dict[str, list[Path]] = {name: [] for name in problems}
    for student in students:
        of.setdefault(_name(student), []).append(student)
    if not of:
        raise Unreadable(f"{root}: no student's folder in it")
    found = {s: {stage: _first(of[s], stage, stages) for stage in stages} for s in sorted(of)}
    handed_in = [stage for stage in stages if any(found[s][stage] for s in found)]
    if not handed_in:
        why = "".join(f"; {text}" for texts in problems.values() for text in texts[:1])
        raise Unreadable(f"{root}: no notebook called like a stage ({', '.join(stages)}){why}")
    others = {s: [name for path in of[s] for name in _others(path, stages)] for s in of}
    seen = {s: (*problems.get(s, ()), *others[s]) for s in of}
    return [Submission(s, stage, found[s][stage], seen[s]) for s in found for stage in handed_in]


def _student_folders(root: Path) -> list[Path]:
    try:
        return sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))
    except OSError as error:
        raise Unreadable(f"{root}: cannot be read ({error.strerror})") from None


def _first(folders: Iterable[Path], stage: str, stages: Sequence[str]) -> Path | None:
    """The student's notebook of a stage, from the first of his folders that has one."""
    return next((p for folder in folders if (p := _notebook(folder, stage, stages))), None)


def by_student(submissions: Iterable[Submission]) -> dict[str, dict[str, Submission]]:
    """Student -> stage -> submission."""
    of: dict[str, dict[str, Submission]] = {}
    for s in submissions:
        of.setdefault(s.student, {})[s.stage] = s
    return of


def _others(student: Path, stages: Sequence[str]) -> tuple[str, ...]:
    """Where in the student's folder, at most two folders deep, notebooks lie that nobody reads."""
    if student.is_symlink():
        return ()
    try:
        found = [p for depth in ("", "*/", "*/*/") for p in student.glob(f"{depth}*.ipynb")]
    except OSError:
        return ()
    paths = sorted(p.relative_to(student) for p in found if not _is_read(p, student, stages))
    return tuple(_utf8(str(path)) for path in paths if not str(path).startswith("."))


def _is_read(path: Path, student: Path, stages: Sequence[str]) -> bool:
    return any(path.name.startswith(s) and path.parent in (student, student / s) for s in stages)


def _name(student: Path) -> str:
    return _utf8(student.name)


def _utf8(name: str) -> str:
    """A file's name as text that can be written anywhere."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _notebook(student: Path, stage: str, stages: Sequence[str]) -> Path | None:
    """The student's notebook of a stage: under its own name, else the first that begins with it."""
    folders = [student / stage, student]
    others = tuple(s for s in stages if s.startswith(stage) and s != stage)
    try:
        similar = [p for folder in folders for p in sorted(folder.glob(f"{stage}*.ipynb"))]
        paths = [folder / f"{stage}.ipynb" for folder in folders]
        paths += [p for p in similar if not others or not p.name.startswith(others)]
        return next((p for p in paths if p.exists() or p.is_symlink()), None)
    except OSError:
        return student / f"{stage}.ipynb"
