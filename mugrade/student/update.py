"""The course's new version under a student's work: answers and own cells stay, and undo."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from mugrade.course.cells import FILLED_IN, Role
from mugrade.course.manifest import CELLS, MANIFEST, START, Manifest, ReleasedCell, dump
from mugrade.errors import WorkspaceError
from mugrade.package.blocks import Block, arrange, cell_body, indices, render_module
from mugrade.student import noted
from mugrade.student.index import missing_indices
from mugrade.student.kept import By, Kept, keep_text
from mugrade.student.merge import History, Merged, Raw, cell_id, cell_source, merge, positions
from mugrade.student.notebook import Notebook
from mugrade.student.releases import releases, remember_release
from mugrade.student.snapshot import Snapshot
from mugrade.student.start import course_files
from mugrade.student.workspace import Workspace, read_manifest

WRITTEN_TO = {".ipynb", ".py"}  # what students write to, unlike the course's own files
Files = dict[str, bytes | None]  # path below the course's folder -> content, None to remove


@dataclass(frozen=True)
class CourseVersion:
    """A version of the course: what it is, its cells, and its notebooks by stage."""

    manifest: Manifest
    cells: list[ReleasedCell]
    notebooks: dict[str, Notebook]

    @classmethod
    def read(cls, folder: Path, also: Path | None = None) -> "CourseVersion":
        """The version in a folder, what it lacks taken from another; raises WorkspaceError."""
        where = [folder, also or folder]
        manifest = read_manifest(next((f for f in where if (f / MANIFEST).exists()), folder))
        cells = Workspace(next((f for f in where if (f / CELLS).exists()), folder), folder).cells
        names = (PurePosixPath(START).stem, *manifest.stages)
        paths = {stage: folder / f"{stage}.ipynb" for stage in names}
        there = {s: p for s, p in paths.items() if p.exists() or not (also or p.name == START)}
        return cls(manifest, cells, {s: Notebook.read(path) for s, path in there.items()})


@dataclass(frozen=True)
class Changed:
    """An exercise that the student has answered and whose stub is another now."""

    id: str
    old: str
    new: str
    written: str


@dataclass
class Update:
    """What an update does: the files that it writes, and what there is to say about it."""

    files: Files = field(default_factory=dict)
    notebooks: dict[str, Merged] = field(default_factory=dict)
    changed: list[Changed] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def update_course(workspace: Workspace, source: Path) -> Update:
    """Bring the version in `source` under the student's work.

    Raises WorkspaceError, before anything has been written, where that cannot be.
    """
    _demand_one_folder(workspace)
    with workspace.lock():
        version = CourseVersion.read(source)
        if version.manifest.package != workspace.manifest.package:
            raise WorkspaceError(
                f"{source} is the course of {version.manifest.package}, "
                f"and this one is of {workspace.manifest.package}"
            )
        remember_release(workspace)
        found = Update(_course_files(source, version))
        _plan(workspace, version, found)
        found.files[f".mugrade/{noted.PROGRESS}"] = _progress(workspace, version)
        _write(workspace, found, By.UPDATE)
    return found


def undo(workspace: Workspace) -> Update:
    """Put back what the last update replaced, but keep what was written since.

    Raises WorkspaceError where there is nothing to undo.
    """
    _demand_one_folder(workspace)
    with workspace.lock():
        last = Snapshot.last(workspace)
        if last is None:
            raise WorkspaceError("there is no update to undo")
        found = Update()
        _plan(workspace, CourseVersion.read(last.before, workspace.folder), found)
        touched = {PurePosixPath(path).suffix for path in last.changed_since(workspace)}
        mine = {path for path in last.paths if PurePosixPath(path).suffix in touched & WRITTEN_TO}
        found.files = {path: content for path, content in found.files.items() if path in mine}
        found.notebooks = {s: m for s, m in found.notebooks.items() if f"{s}.ipynb" in mine}
        found.files |= {path: last.content(path) for path in last.paths if path not in mine}
        _write(workspace, found, By.UNDO)
        last.mark_undone(workspace)
    return found


def _plan(workspace: Workspace, version: CourseVersion, found: Update) -> None:
    """Decide what becomes of notebooks and modules; writes nothing."""
    known = _known(workspace, version)
    stages = dict.fromkeys((*workspace.manifest.stages, *version.notebooks))
    mine = {
        stage: Notebook.read(path)
        for stage in stages
        if (path := workspace.folder / f"{stage}.ipynb").exists()
    }
    moved = _moved(mine, version, known)
    for stage, new in version.notebooks.items():
        if stage not in mine:
            found.files[f"{stage}.ipynb"] = new.content
            continue
        merged = merge(mine[stage], new.data["cells"], known, moved, moved)
        found.changed += _changed(merged, known, version)
        if merged.cells != mine[stage].data["cells"]:
            found.notebooks[stage] = merged
            mine[stage].data["cells"] = merged.cells
            found.files[f"{stage}.ipynb"] = mine[stage].text().encode("utf-8")
    _plan_modules(workspace, version, known, found)


def _known(workspace: Workspace, version: CourseVersion) -> dict[str, History]:
    """What the course has handed out so far, by id, and what it hands out for the first time."""
    symbols = {e.id: e.symbols for e in workspace.manifest.blocks if e.role == Role.SOLUTION}
    roles = {cell.id: cell.role for cell in version.cells}
    texts: dict[str, dict[str, None]] = {id: {} for id in roles}
    for cells in releases(workspace):
        for cell in cells:
            there, text = texts.setdefault(cell.id, {}), cell_body(cell.source).strip()
            there.pop(text, None)
            there[text] = None
            roles.setdefault(cell.id, cell.role)
    return {
        id: History(roles[id], tuple(found), tuple(symbols.get(id, ())))
        for id, found in texts.items()
    }


def _moved(
    mine: Mapping[str, Notebook], version: CourseVersion, known: Mapping[str, History]
) -> dict[str, Raw]:
    """Answers, by id, to exercises that are in another notebook now."""
    stage_of = {cell.id: cell.stage for cell in version.cells if cell.role in FILLED_IN}
    places = {stage: positions(book.data["cells"], known) for stage, book in mine.items()}
    found = {}
    for stage, notebook in mine.items():
        for id, position in places[stage].items():
            new = stage_of.get(id, stage)
            cell = notebook.data["cells"][position]
            there = new not in version.notebooks or id in places.get(new, {})
            if new != stage and not there and not known[id].has(cell_source(cell)):
                found[id] = cell
    return found


def _changed(
    merged: Merged, known: Mapping[str, History], version: CourseVersion
) -> Iterator[Changed]:
    """The answers that stay although the course's stub is another than it was."""
    stubs = {cell.id: cell.source for cell in version.cells if cell.role in FILLED_IN}
    for cell in merged.cells:
        id = cell_id(cell)
        texts = known[id].texts if id in known else ()
        new = cell_body(stubs[id]).strip() if id in stubs else ""
        written = cell_body(cell_source(cell)).strip() if id in stubs else ""
        if new and written != new and texts and texts[-1] != new:
            yield Changed(id, texts[-1], new, written)


def _plan_modules(
    workspace: Workspace, version: CourseVersion, known: Mapping[str, History], found: Update
) -> None:
    """What was handed out and has run becomes what is handed out now; answers move with it."""
    old = {entry.module for entry in workspace.manifest.blocks}
    paths = sorted(old | {entry.module for entry in version.manifest.blocks})
    before = {path: workspace.read_module(path) for path in paths}
    after = _moved_blocks(before, version, known, (workspace.manifest, version.manifest))
    files: Files = {}
    for path in (path for path in paths if after[path] != before[path]):
        order = [entry.id for entry in version.manifest.module(path)]
        text = render_module(arrange(after[path], order)) if after[path] else ""
        try:
            compile(text, path, "exec", dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            found.notes.append(f"the package is left as it is: {path} is not Python ({error})")
            return
        files |= {i: b"" for i in indices(path) if text and not (workspace.root / i).exists()}
        files[path] = text.encode("utf-8") if text or path.endswith("/__init__.py") else None
    found.files |= files
    found.notes += _borrowed(workspace, version, before)


def _borrowed(
    workspace: Workspace, version: CourseVersion, before: Mapping[str, list[Block]]
) -> list[str]:
    """What to say of borrowed stages whose reference is another now."""
    old = {entry.id: entry.digest for entry in workspace.manifest.blocks}
    taken = {block.id for blocks in before.values() for block in blocks if block.taken}
    entries = (e for e in version.manifest.blocks if e.id in taken and old.get(e.id) != e.digest)
    stages = dict.fromkeys(entry.stage for entry in entries)
    return [f"{s} is borrowed, and is another now: mugrade take {s[:2]}" for s in stages]


def _moved_blocks(
    before: Mapping[str, list[Block]],
    version: CourseVersion,
    known: Mapping[str, History],
    manifests: Iterable[Manifest],
) -> dict[str, list[Block]]:
    entries = {entry.id: entry for entry in version.manifest.blocks}
    texts = {cell.id: cell_body(cell.source) for cell in version.cells}
    after: dict[str, list[Block]] = {path: [] for path in before}
    there = {block.id for blocks in before.values() for block in blocks}
    index = {block.id for manifest in manifests for _, block in manifest.index}
    for path, blocks in before.items():
        for block in (b for b in blocks if b.id not in index):
            entry = entries.get(block.id)
            handed_out = block.id in known and known[block.id].has(block.source)
            if handed_out and not block.taken:
                if entry is None:
                    continue
                block = Block(block.id, texts[block.id])
            target = entry.module if entry and block.id in texts else path
            after[target].append(block)
    built = {entry.stage for id, entry in entries.items() if id in there}
    for id, entry in entries.items():
        if entry.stage in built and id not in there and id in texts and not known[id].texts:
            after[entry.module].append(Block(id, texts[id]))
    for path, block in missing_indices(version.manifest, lambda path: after.get(path, [])):
        after[path].append(block)
    return after


def _course_files(source: Path, version: CourseVersion) -> Files:
    """The files of the course that nobody writes to."""
    try:
        paths = [p for p in course_files(source, version.manifest) if not p.endswith(".ipynb")]
        return {path: (source / path).read_bytes() for path in paths}
    except OSError as error:
        raise WorkspaceError(
            f"{error.filename} cannot be read ({error.strerror}): fetch the course again"
        ) from None


def _progress(workspace: Workspace, version: CourseVersion) -> bytes | None:
    """The outcomes of those checks that are what they were."""
    old = {cell.id: cell.source for cell in workspace.released if cell.role == Role.CHECK}
    same = {cell.id for cell in version.cells if old.get(cell.id) == cell.source}
    path = workspace.state / noted.PROGRESS
    if not path.exists():
        return None
    data = workspace.recall(noted.PROGRESS)
    return dump({id: value for id, value in data.items() if id in same}).encode("utf-8")


def _write(workspace: Workspace, found: Update, by: By) -> None:
    """Keep what goes, take a snapshot of every file that changes, and write them."""
    found.files = {
        path: content
        for path, content in found.files.items()
        if content != _content(workspace.root / path)
    }
    for stage, merged in found.notebooks.items():
        for id, text, kind in merged.lost:
            suffix = "py" if kind == "code" else "md"
            kept = keep_text(workspace, id, text, f"{stage}.ipynb", by, suffix)
            found.kept += [kept] if kept else []
    if not found.files:
        return
    Snapshot.take(workspace, found.files, by)
    for path, content in found.files.items():
        workspace.put(workspace.root / path, content)
    remember_release(workspace)


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise WorkspaceError(f"{path} cannot be read ({error.strerror})") from None


def _demand_one_folder(workspace: Workspace) -> None:
    if workspace.root != workspace.folder or workspace.instructor:
        raise WorkspaceError(f"{workspace.folder} is one stage of a course: update a whole course")
