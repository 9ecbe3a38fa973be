"""The course as it comes with mugrade, laid out in a folder of the student's own."""

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

import mugrade
from mugrade.course.manifest import ANSWERS, CELLS, MANIFEST, SOLUTIONS, START, Manifest
from mugrade.errors import CourseError, WorkspaceError
from mugrade.student.workspace import Workspace, read_manifest
from mugrade.values.mistakes import MISTAKES

NAMED = 3


def bundled_course() -> Path:
    """The notebooks that came with mugrade: in a wheel beside it, or those of a checkout."""
    beside = Path(mugrade.__file__).parents[1]
    for folder in (beside / "mugrade_course", beside / "notebooks"):
        if (folder / MANIFEST).is_file():
            return folder
    raise CourseError("no course came with this mugrade: install it again")


def lay_out(source: Path, folder: Path) -> Manifest:
    """Copy the course's notebooks, files and data into `folder`.

    Raises WorkspaceError where something of it is there already, or nothing can be written.
    """
    manifest = read_manifest(source)
    try:
        files = {path: (source / path).read_bytes() for path in course_files(source, manifest)}
    except OSError as error:
        raise WorkspaceError(
            f"{error.filename} cannot be read ({error.strerror}): fetch the course again"
        ) from None
    try:
        _demand_room(folder, {PurePosixPath(path).parts[0] for path in files})
        _write(folder, files)
    except OSError as error:
        raise WorkspaceError(
            f"{folder} cannot be written ({error.strerror}): name a folder that you may write to"
        ) from None
    return manifest


def course_files(source: Path, manifest: Manifest) -> Iterator[str]:
    """What a student gets of a folder of notebooks, which may hold somebody's work besides."""
    yield from (MANIFEST, ANSWERS, CELLS, MISTAKES)
    yield from (name for name in (SOLUTIONS,) if (source / name).is_file())
    yield from (f"{name}.ipynb" for name in (PurePosixPath(START).stem, *manifest.stages))
    released = Workspace(source, source, None, manifest).cells
    read = {path for cell in released for path in cell.data.split()}
    for data in sorted({PurePosixPath(path).parent for path in read}):
        found = sorted((source / data).iterdir())
        yield from (f"{data}/{path.name}" for path in found if path.is_file())


def _demand_room(folder: Path, names: set[str]) -> None:
    here = folder.resolve()
    for above in (here, *here.parents):
        if (above / MANIFEST).is_file():
            raise WorkspaceError(f"{above} holds a course already: go on there")
    there = sorted(p.name for p in here.glob("*") if p.name in names or p.suffix == ".ipynb")
    if there:
        more = f" and {len(there) - NAMED} more" if len(there) > NAMED else ""
        raise WorkspaceError(
            f"{folder} holds {', '.join(there[:NAMED])}{more}, and is left as it is: "
            "name another folder"
        )


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    """All files or, on a full disk, none."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".mugrade-", dir=folder) as scratch:
        for path, content in files.items():
            target = Path(scratch, path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        for item in list(Path(scratch).iterdir()):
            item.rename(folder / item.name)
