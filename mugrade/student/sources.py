"""Where a course's new version comes from: a folder, a zip, a git remote, or this mugrade."""

import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mugrade.course.manifest import MANIFEST
from mugrade.errors import CourseError
from mugrade.student.start import bundled_course

LARGEST = 1 << 30  # bytes in an archive
SECONDS = 600


@contextmanager
def opened_source(source: str, here: Path) -> Iterator[Path]:
    """The folder with the notebooks of `source`; `here` is that of the student.

    Raises CourseError where there is no course, in one sentence.
    """
    with tempfile.TemporaryDirectory(prefix="mugrade-") as scratch:
        found = _notebooks(_fetched(source, here, Path(scratch)))
        if found is None:
            raise CourseError(f"{source} holds no course: there is no {MANIFEST} in it")
        if found.resolve() == here.resolve():
            raise CourseError(_itself(source))
        yield found


def _fetched(source: str, here: Path, scratch: Path) -> Path:
    if not source:
        return bundled_course()
    path = Path(source).expanduser()
    if path.is_file():
        _unpack(path, scratch)
        return scratch
    if path.is_dir() and _notebooks(path):
        return path
    _clone(source, here, scratch)
    return scratch / "clone"


def _notebooks(folder: Path) -> Path | None:
    """The highest folder with a course in it: itself, `notebooks/`, or one inside an archive."""
    for below in (folder, folder / "notebooks"):
        if (below / MANIFEST).is_file():
            return below
    inside = sorted(folder.glob(f"*/{MANIFEST}")) or sorted(folder.glob(f"*/*/{MANIFEST}"))
    return inside[0].parent if inside else None


def _itself(source: str) -> str:
    if source:
        return f"{source} is the folder that you are in: name the one with the new version"
    return (
        "this folder is the course that this mugrade came with: name where the new version is, a "
        "folder, a zip or a git remote, as in mugrade update origin"
    )


def _unpack(path: Path, scratch: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > LARGEST:
                raise CourseError(f"{path} is larger than any course: it is left alone")
            archive.extractall(scratch)
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError) as error:
        raise CourseError(f"{path} cannot be unpacked ({error}): download it again") from None


def _clone(source: str, here: Path, scratch: Path) -> None:
    """Fetch what is newest in a git repository: a URL, or a remote of the student's own clone."""
    if shutil.which("git") is None:
        raise CourseError(f"{source} is no folder and no archive here, and git is not installed")
    top = _git(["rev-parse", "--show-toplevel"], here) or str(here)
    remote, _, branch = source.partition("/")
    local = str(Path(source).resolve()) if Path(source).exists() else source
    url = _git(["remote", "get-url", remote], here) or local
    name = ["--branch", branch] if branch and url != local else []
    command = ["git", "clone", "--quiet", "--depth", "1", *name, "--", url, str(scratch / "clone")]
    try:
        done = subprocess.run(command, cwd=top, capture_output=True, text=True, timeout=SECONDS)
    except (OSError, subprocess.SubprocessError) as error:
        raise CourseError(f"git cannot fetch {source} ({type(error).__name__})") from None
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.startswith("fatal: ")]
        why = said[-1].removeprefix("fatal: ") if said else "git says nothing more"
        raise CourseError(f"{source} is no folder, no archive and no git remote here ({why})")


def _git(arguments: list[str], here: Path) -> str:
    """What git says; nothing where it cannot, or where this is no clone."""
    try:
        done = subprocess.run(["git", *arguments], cwd=here, capture_output=True, text=True)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
