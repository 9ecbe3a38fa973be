"""What a student hands in: notebooks, in an archive that mugrade and nbgrader both take."""

import hashlib
import io
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from mugrade.archives import Budget, Member, opened_archive
from mugrade.course.exercises import find_code
from mugrade.errors import Unreadable, WorkspaceError
from mugrade.package.blocks import is_stub
from mugrade.package.ipynb import cells_in, read_cells
from mugrade.student import Side
from mugrade.student.doctor import difference_findings, import_findings
from mugrade.student.notebook import Notebook, notebook_path
from mugrade.student.progress import CheckState, ExerciseState, StageProgress, stage_progress
from mugrade.student.sides import disagreements
from mugrade.student.workspace import Workspace

STUDENT, SUBMITTED = "student.json", "submitted"
NAME = re.compile(r"[A-Za-z0-9](?:[\w.@+-]{0,62}[\w@+-])?", re.ASCII)
EPOCH = (1980, 1, 1, 0, 0, 0)  # the oldest date that a zip archive can hold


@dataclass(frozen=True)
class HandIn:
    """A stage that is handed in: its notebook, the exercises written in it, and warnings.

    `answers`: what is answered in words.
    """

    stage: str
    path: Path
    written: tuple[str, ...]
    missing: tuple[str, ...]
    progress: StageProgress
    warnings: tuple[str, ...]
    answers: tuple[str, ...] = ()


def student_id(workspace: Workspace, given: str | None) -> str:
    """Who hands in: as given, and remembered, or as remembered; raises WorkspaceError."""
    found = given or workspace.recall(STUDENT).get("id")
    if not isinstance(found, str):
        raise WorkspaceError("say who you are: mugrade submit --student ID; it is remembered")
    if not NAME.fullmatch(found) or found in workspace.manifest.stages:
        raise WorkspaceError(f"{found!r} is no id: letters, digits and . _ - @ + make one")
    if given:
        workspace.note(STUDENT, "id", given)
    return found


def hand_in(workspace: Workspace, stage: str, chosen: Path | None = None) -> HandIn:
    """What a stage's notebook, or the one that was chosen, holds.

    Raises WorkspaceError for one that is broken or missing.
    """
    path = chosen or notebook_path(workspace, stage)
    notebook = Notebook.read(path)
    code = find_code(read_cells(path), workspace.manifest, stage)
    progress = stage_progress(workspace, stage)
    ids = [item.id for item in progress.items]
    written = tuple(i for i in ids if i in code.exercises and not is_stub(code.exercises[i]))
    missing = tuple(i for i in ids if i not in written)
    warnings = [f"{i} cannot be loaded: {text}" for i, text in code.problems.items()]
    findings = [
        *import_findings(path.name, code, workspace.manifest),
        *difference_findings(workspace, stage, notebook),
    ]
    warnings += [f"{finding.what}: {finding.todo}" for finding in findings]
    taken = (item.id for item in progress.items if item.state == ExerciseState.TAKEN)
    if borrowed := [id for id in taken if id in missing]:
        warnings.append(f"borrowed, so there is nothing to hand in: {', '.join(borrowed)}")
    elif missing:
        warnings.append(f"not written: {', '.join(missing)}")
    asked = [entry.id for entry in workspace.manifest.answers(stage)]
    answers = tuple(id for id in asked if code.answers[id])
    if unanswered := [id for id in asked if id not in answers]:
        warnings.append(f"not answered: {', '.join(unanswered)}")
    warnings += _of_checks(progress)
    return HandIn(stage, path, written, missing, progress, tuple(warnings), answers)


def _of_checks(progress: StageProgress) -> list[str]:
    """Checks of which it is not known that they pass."""
    todo = f"mugrade check {progress.stage[:2]}"
    said = {
        CheckState.FAILS: "failed",
        CheckState.CHANGED: "passed before the code changed",
        CheckState.NOT_RUN: "not run",
    }
    found = []
    for state, text in said.items():
        if ids := [check.id for check in progress.every_check if check.state == state]:
            count = "1 check" if len(ids) == 1 else f"{len(ids)} checks"
            found.append(f"{count} {text}: {', '.join(ids)}; {todo}")
    return found


def written_stages(workspace: Workspace, chosen: Mapping[str, Path]) -> list[HandIn]:
    """The stages whose notebook is there and of which something is written, if only elsewhere.

    Raises WorkspaceError where nothing is, or no notebook has it.
    """
    paths = {s: chosen.get(s, notebook_path(workspace, s)) for s in workspace.manifest.stages}
    there = [hand_in(workspace, s, path) for s, path in paths.items() if path.exists()]
    found = [item for item in there if item.written or item.answers or item.stage in chosen]
    built = [item for item in there if item not in found and _is_built(workspace, item)]
    if built and not found:
        numbers = " ".join(item.stage[:2] for item in built)
        raise WorkspaceError(
            "your answers are in the package, and not in the notebooks that lie here: "
            f"mugrade restore {numbers} puts them there"
        )
    if not found:
        raise WorkspaceError("nothing is written yet: name a stage to hand it in nevertheless")
    return [item for item in there if item in found or item in built]


def _is_built(workspace: Workspace, item: HandIn) -> bool:
    """Whether the package holds answers that the notebook lacks."""
    found = disagreements(workspace, item.stage, Notebook.read(item.path))
    return any(sides.fuller == Side.PACKAGE for sides in found)


def archive(student: str, items: Sequence[HandIn]) -> bytes:
    """A zip archive with `student`/`stage`/`stage`.ipynb; the same bytes for the same notebooks."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for item in items:
            entry = zipfile.ZipInfo(f"{student}/{item.stage}/{item.stage}.ipynb", EPOCH)
            entry.compress_type, entry.create_system = zipfile.ZIP_DEFLATED, 3
            entry.external_attr = 0o100644 << 16
            file.writestr(entry, item.path.read_bytes())
    return buffer.getvalue()


def store(workspace: Workspace, student: str, content: bytes) -> Path:
    """Keep a copy of what is handed in, under the time; raises WorkspaceError."""
    time = datetime.now().strftime("%Y-%m-%d-%H%M%S")
    path = workspace.state / SUBMITTED / f"{time}-{student}-{receipt(content)}.zip"
    workspace.write_bytes(path, content)
    return path


@dataclass(frozen=True)
class Content:
    """A notebook in an archive: whose and which it is, what is answered in it and what is open."""

    student: str
    stage: str
    answered: tuple[str, ...]
    open: tuple[str, ...]


def contents(workspace: Workspace, path: Path) -> list[Content]:
    """What is in an archive that was handed in; raises Unreadable, in one sentence."""
    try:
        with opened_archive(path) as packed:
            books = [item for item in packed if item.path.suffix == ".ipynb"]
            return [_content(workspace, item) for item in books]
    except Unreadable as error:
        raise Unreadable(f"{path}: {error}") from None


def _content(workspace: Workspace, item: Member) -> Content:
    stage, student = item.path.stem, item.path.parts[0]
    if stage not in workspace.manifest.stages:
        return Content(student, str(item.path), (), ())
    manifest = workspace.manifest
    code = find_code(cells_in(item.read(Budget())), manifest, stage)
    found = {id for id, source in code.exercises.items() if not is_stub(source)}
    found |= {id for id, text in code.answers.items() if text}
    ids = [entry.id for entry in manifest.exercises(stage)]
    ids += [entry.id for entry in manifest.answers(stage)]
    answered = tuple(id for id in ids if id in found)
    return Content(student, stage, answered, tuple(id for id in ids if id not in answered))


def receipt(content: bytes) -> str:
    """The first digits of an archive's SHA-256, to tell one from another."""
    return checksum(content)[:12]


def checksum(content: bytes) -> str:
    """The SHA-256 of an archive."""
    return hashlib.sha256(content).hexdigest()
