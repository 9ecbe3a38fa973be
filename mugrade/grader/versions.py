"""The course as it was when something was graded, out of the git repository that it lies in."""

import io
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mugrade.course.model import Course
from mugrade.course.reading import load_course
from mugrade.errors import CourseError
from mugrade.reference.digest import course_digest

SAFELY: Any = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}  # Python 3.11.4 on
MOST = 30  # versions that are looked at, those nearest in time first


@dataclass(frozen=True)
class GradedCourse:
    """A course, and in words which one it is; `same` is whether it is that of the record."""

    course: Course
    text: str
    same: bool


@contextmanager
def course_of(course: Course, stage: str, digest: str, at: datetime) -> Iterator[GradedCourse]:
    """The version of a stage that has the digest, else the course as it is now."""
    if _is(course, stage, digest):
        yield GradedCourse(course, "the course is the same", True)
        return
    for commit in _commits(course.root, at):
        with TemporaryDirectory(prefix="mugrade-course-") as name:
            old = _checked_out(course.root, commit, Path(name))
            if old and _is(old, stage, digest):
                text = f"the course has changed since; graded with that of then, {commit[:12]}"
                yield GradedCourse(old, text, True)
                return
    text = "the course has changed since, and its git repository has not the version of then"
    yield GradedCourse(course, text, False)


def _is(course: Course, stage: str, digest: str) -> bool:
    try:
        return course_digest(course, course.find(stage)) == digest
    except (CourseError, OSError):
        return False


def _commits(root: Path, at: datetime) -> list[str]:
    """The commits that changed the course, those nearest in time first."""
    lines = _git(root, "log", "--format=%ct %H", "--", "solutions").decode().split("\n")
    found = [line.split() for line in lines if line]
    found.sort(key=lambda pair: abs(int(pair[0]) - at.timestamp()))
    return [commit for _, commit in found[:MOST]]


def _checked_out(root: Path, commit: str, target: Path) -> Course | None:
    """The course of a commit; None where it is none that this mugrade reads."""
    try:
        with tarfile.open(fileobj=io.BytesIO(_git(root, "archive", commit))) as files:
            files.extractall(target, **SAFELY)
        return load_course(target)
    except (tarfile.TarError, OSError, CourseError):
        return None


def _git(root: Path, *arguments: str) -> bytes:
    """What git prints; nothing where there is no git or no repository."""
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True)
    except OSError:
        return b""
    return done.stdout if done.returncode == 0 else b""
