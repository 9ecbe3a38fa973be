"""Where a notebook runs: the folder of the course's files and of the package that grows there."""

import atexit
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from mugrade import files
from mugrade.course.cells import Role
from mugrade.course.manifest import (
    ANSWERS,
    CELLS,
    INSTRUCTOR,
    MANIFEST,
    SOLUTIONS,
    Manifest,
    ReleasedCell,
    ReleasedSolution,
    digest,
    dump,
    read_released,
    read_solutions,
)
from mugrade.errors import WorkspaceError
from mugrade.package.blocks import Block, indices, parse_module, render_module

if TYPE_CHECKING:  # they need NumPy, which most commands do without
    from mugrade.values.answers import Answer
    from mugrade.values.diagnosis.exceptions import ExceptionRule
    from mugrade.values.mistakes import Known

COURSE = "MUGRADE_COURSE"  # names the course's folder, whoever owns it
LOCK_SECONDS = 20.0


@dataclass(frozen=True)
class Workspace:
    """`folder` holds course.json, `root` the package; `instructor` the recorded hidden answers."""

    folder: Path
    root: Path
    instructor: Path | None = None
    manifest: Manifest = field(default=None, compare=False)  # type: ignore[assignment]

    @classmethod
    def find(cls, start: Path) -> "Workspace":
        """The workspace that MUGRADE_COURSE names, else that at or above `start`.

        A folder above counts as long as the owner stays the same: in a folder that many may write
        to, somebody could have put a course there.

        Inside an instructor's nbgrader tree the package grows in a fresh temporary folder, on top
        of the reference of the earlier stages.
        """
        named = os.environ.get(COURSE)
        here = Path(named or start).resolve()
        above = list(files.with_parents(here))
        course = (f / MANIFEST for f in ([here] if named else above))
        manifest_file = next((f for f in course if named or _is_trusted(f)), None)
        if manifest_file is None or not manifest_file.is_file():
            raise _no_course(here)
        folder = manifest_file.parent
        manifest = read_manifest(folder)
        keys = (f / INSTRUCTOR / ANSWERS for f in above)
        instructor = next((f.parent for f in keys if _is_trusted(f)), None)
        if instructor:
            root = Path(tempfile.mkdtemp(prefix="mugrade-"))
            atexit.register(shutil.rmtree, root, ignore_errors=True)
            workspace = cls(folder, root, instructor, manifest)
            workspace.write_earlier(folder.name)
            return workspace
        root = folder.parent if folder.name in manifest.stages else folder
        return cls(folder, root, None, manifest)

    @property
    def state(self) -> Path:
        """The folder of what mugrade remembers here."""
        return self.root / ".mugrade"

    @cached_property
    def answers(self) -> "dict[str, dict[str, list[Answer]]]":
        """Recorded answers: part (`public`, `full`) -> check -> answers."""
        from mugrade.values.answers import read_answers

        path = (self.instructor or self.folder) / ANSWERS
        try:
            return {part: read_answers(path, part) for part in ("public", "full")}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise _broken(path, error) from None

    @cached_property
    def released(self) -> list[ReleasedCell]:
        """The given, solution, check and answer cells as they were handed out, in order."""
        restorable = (Role.GIVEN, Role.SOLUTION, Role.CHECK, Role.ANSWER)
        return [cell for cell in self.cells if cell.role in restorable]

    @cached_property
    def cells(self) -> list[ReleasedCell]:
        """All cells of the notebooks as they were handed out, in order."""
        try:
            return read_released(self.folder)
        except (OSError, ValueError) as error:
            raise _broken(self.folder / CELLS, error) from None

    @cached_property
    def solutions(self) -> list[ReleasedSolution]:
        """What is out of the reference, in the course's order."""
        try:
            return read_solutions(self.folder)
        except (OSError, ValueError) as error:
            raise _broken(self.folder / SOLUTIONS, error) from None

    @cached_property
    def known(self) -> "Known":
        """The recorded mistakes: in an instructor's tree of the whole checks."""
        from mugrade.values.mistakes import read_known

        return read_known(self.instructor or self.folder)

    @cached_property
    def rules(self) -> "list[ExceptionRule]":
        """What the course says of its own exceptions."""
        from mugrade.values.mistakes import released_rules

        return released_rules(self.instructor or self.folder)

    def read_module(self, path: str) -> list[Block]:
        """The blocks of a module of the student's package; none if it is not built."""
        try:
            return parse_module((self.root / path).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return []
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            raise WorkspaceError(
                f"{self.root / path} cannot be read ({why}): "
                "move it away and run the cells that build it again"
            ) from None

    def exported(self, stage: str) -> dict[str, str]:
        """Exercise -> what the package holds of it, for those of a stage that are there."""
        entries = self.manifest.exercises(stage)
        modules = {path: self.read_module(path) for path in {e.module for e in entries}}
        sources = {
            e.id: "\n\n\n".join(b.source for b in modules[e.module] if b.id == e.id)
            for e in entries
        }
        return {id: source for id, source in sources.items() if source}

    def write_module(self, path: str, blocks: list[Block]) -> None:
        """Write a module atomically, and an empty `__init__.py` into each new folder above it.

        Without blocks an `__init__.py` is empty and any other module removed.
        """
        for init in indices(path):
            if not (self.root / init).exists():
                self.write(self.root / init, "")
        if blocks or path.endswith("/__init__.py"):
            self.write(self.root / path, render_module(blocks) if blocks else "")
        else:
            self.put(self.root / path, None)

    def write(self, path: Path, text: str) -> None:
        """Write a file atomically; raises WorkspaceError where that is not allowed."""
        self.write_bytes(path, text.encode("utf-8"))

    def write_bytes(self, path: Path, content: bytes) -> None:
        """Write a file atomically; raises WorkspaceError where that is not allowed."""
        with _said(path):
            files.write(path, content)

    def put(self, path: Path, content: bytes | None) -> None:
        """Write a file atomically, or remove it; raises WorkspaceError."""
        if content is not None:
            return self.write_bytes(path, content)
        with _said(path):
            files.remove(path)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other notebooks from writing at the same time; raises WorkspaceError."""
        try:
            self.state.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.state / "lock", timeout=LOCK_SECONDS)
            lock.acquire()
        except Timeout:
            raise WorkspaceError(
                f"another notebook has been writing to {self.root} for long: "
                "wait for its cell to end, then run this one again"
            ) from None
        except OSError as error:
            raise WorkspaceError(
                f"{self.root} cannot be written ({error.strerror or error}): "
                "move the course to a folder that you may write to"
            ) from None
        try:
            yield
        finally:
            lock.release()

    def write_earlier(self, stage: str) -> None:
        """Put the reference of the stages before `stage` into the package."""
        assert self.instructor is not None
        names = list(self.manifest.stages)
        earlier = set(names[: names.index(stage)]) if stage in names else set()
        ids = {b.id for b in self.manifest.blocks if b.stage in earlier}
        for path in sorted({b.module for b in self.manifest.blocks if b.stage in earlier}):
            text = (self.instructor / path).read_text(encoding="utf-8")
            self.write_module(path, [b for b in parse_module(text) if b.id in ids])

    def recall(self, name: str) -> dict[str, Any]:
        """What a file of the state holds; nothing if it is missing or broken."""
        try:
            data = json.loads((self.state / name).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        return data if isinstance(data, dict) else {}

    def note(self, name: str, key: str, value: Any) -> None:
        """Write one entry of a file of the state; raises WorkspaceError."""
        with self.lock():
            self.write(self.state / name, dump({**self.recall(name), key: value}))

    def source_digest(self, exercise: str) -> str:
        """A digest of what the package holds of an exercise; empty if it is not there."""
        paths = {entry.module for entry in self.manifest.blocks if entry.id == exercise}
        blocks = (block for path in sorted(paths) for block in self.read_module(path))
        source = "\n".join(block.source for block in blocks if block.id == exercise)
        return digest(source) if source else ""


def _is_trusted(file: Path) -> bool:
    """Whether a file is there, and its folder's owner has put it there."""
    return file.is_file() and files.same_owner(file.parent, file)


def _no_course(here: Path) -> WorkspaceError:
    """Why there is no course at `here`: none at all, or one of somebody else's."""
    for folder in (here, *here.parents):
        if (folder / MANIFEST).is_file():
            return WorkspaceError(
                f"{folder / MANIFEST} is somebody else's, and is not used: work in a folder of "
                f"your own, or trust it with {COURSE}={folder} in the environment"
            )
    below = sorted(path.parent.name for path in here.glob(f"*/{MANIFEST}") if _is_trusted(path))
    go = [f'cd "{name}", in a cell %cd "{name}"' for name in below[:1]]
    todo = f": {go[0]}" if go else "; mugrade start makes one"
    return WorkspaceError(
        f"no {MANIFEST} in {here} or above it: work in the folder of the course's notebooks{todo}"
    )


def read_manifest(folder: Path) -> Manifest:
    """The manifest in `folder`; raises WorkspaceError if it is broken."""
    try:
        return Manifest.read(folder)
    except (OSError, ValueError) as error:
        raise _broken(folder / MANIFEST, error) from None


@contextmanager
def _said(path: Path) -> Iterator[None]:
    """Say in one sentence why `path` cannot be written."""
    try:
        yield
    except files.InUse as error:
        raise WorkspaceError(str(error)) from None
    except OSError as error:
        raise WorkspaceError(
            f"{path} cannot be written ({error.strerror}): "
            "move the course to a folder that you may write to"
        ) from None


def _broken(path: Path, error: Exception) -> WorkspaceError:
    if isinstance(error, FileNotFoundError):
        return WorkspaceError(f"{path} is missing: fetch the course again")
    what = type(error.__cause__ or error).__name__
    return WorkspaceError(f"{path} is broken ({what}): fetch the course again")
