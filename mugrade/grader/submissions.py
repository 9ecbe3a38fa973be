"""What students hand in: where the notebooks lie, and the answers that are in them."""

import ast
import json
import os
import re
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

from mugrade.author.course import Course, Stage
from mugrade.blocks import STUB, Block, arrange, cell_body, export_path, is_module_path
from mugrade.errors import Unreadable
from mugrade.grader.archives import find_archives, unpack_all
from mugrade.manifest import BlockEntry, Manifest, digest
from mugrade.sandbox.loader import Piece
from mugrade.sandbox.process import Job

MAX_BYTES = 32 << 20
MAX_CELLS = 5_000
MAX_SOURCE = 1 << 18
MAX_SHARED = 1 << 12  # a larger cell is not kept in memory for the next notebook
DEFINITION = re.compile(r"^(?:class|def)\s+(\w+)", re.MULTILINE)
MAGIC = re.compile(r"^([ \t]*)(?:[%!?].*|[^#\n]*\?[ \t]*)$", re.MULTILINE)
NOT_PYTHON = (SyntaxError, ValueError, RecursionError, MemoryError)


@dataclass(frozen=True)
class Submission:
    """One student's notebook of one stage; `path` is None if there is none.

    `others` are notebooks in the student's folder that belong to no stage.
    """

    student: str
    stage: str
    path: Path | None
    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class SubmittedCell:
    """A code cell: its nbformat id, nbgrader's id for it, and its source."""

    id: str
    grade_id: str
    source: str


@dataclass(frozen=True)
class Candidate:
    """A cell that may answer an exercise: its position in the notebook, and whether it exports."""

    position: int
    exported: bool
    block: Block

    @property
    def stubs(self) -> int:
        """How many of the exercise's gaps are still open."""
        return len(STUB.findall(self.block.source))


@dataclass
class Answers:
    """A student's code for a stage: exercise -> source, module -> helpers, exercise -> problem."""

    exercises: dict[str, str] = field(default_factory=dict)
    helpers: dict[str, list[Block]] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)


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


def read_cells(path: Path) -> list[SubmittedCell]:
    """The code cells of a notebook, read as untrusted data; raises Unreadable."""
    return [cell for raw in read_raw_cells(path) if (cell := _cell(raw)) is not None]


def read_raw_cells(path: Path) -> list[Any]:
    """Whatever stands in a notebook's list of cells; raises Unreadable."""
    cells: list[Any] = read_raw_notebook(path)["cells"]
    return cells


def read_raw_notebook(path: Path) -> dict[str, Any]:
    """A notebook of which nothing is sure but that it has a list of cells; raises Unreadable."""
    try:
        data = json.loads(read_bytes(path).decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise Unreadable("it is not UTF-8 text") from None
    except (ValueError, RecursionError) as error:
        text = str(error).splitlines()[0][:100]
        raise Unreadable(f"it is not a complete notebook (JSON: {text})") from None
    cells = data.get("cells") if isinstance(data, dict) else None
    if not isinstance(cells, list):
        raise Unreadable("it has no cells: save it again from JupyterLab (notebook format 4)")
    if len(cells) > MAX_CELLS:
        raise Unreadable(f"it has {len(cells)} cells, more than {MAX_CELLS}")
    assert isinstance(data, dict)
    return data


def read_bytes(path: Path) -> bytes:
    try:
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode) or path.parent.is_symlink():
            raise Unreadable("it is not a regular file")
        if status.st_size > MAX_BYTES:
            raise Unreadable(f"it is larger than {MAX_BYTES >> 20} MB")
        return path.read_bytes()
    except OSError as error:
        raise Unreadable(f"it cannot be read ({error.strerror})") from None


def _cell(raw: Any) -> SubmittedCell | None:
    if not isinstance(raw, dict) or raw.get("cell_type") != "code":
        return None
    metadata = raw.get("metadata")
    nbgrader = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    grade_id = nbgrader.get("grade_id") if isinstance(nbgrader, dict) else None
    return SubmittedCell(_text(raw.get("id")), _text(grade_id), joined(raw.get("source")))


def joined(value: Any) -> str:
    """Text that a notebook holds as a string or as a list of lines."""
    if isinstance(value, list):
        return "".join(line for line in value if isinstance(line, str))
    return _text(value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def find_answers(cells: Iterable[SubmittedCell], manifest: Manifest, stage: str) -> Answers:
    """The answers to a stage's exercises and the student's own exported helpers.

    A cell answers the exercise whose symbols it defines, else the one whose id it has; `choose`
    decides between several. What a student added to a given cell is a helper.
    """
    entries = [b for b in manifest.blocks if b.stage == stage]
    candidates: dict[str, list[Candidate]] = {}
    answers = Answers()
    for position, cell in enumerate(cells):
        module = export_path(cell.source)
        try:
            block = _parsed(cell)
            entry = _identify(cell, block, module, entries, manifest)
            helper = block if entry is None else _additions(block, entry, entries)
        except NOT_PYTHON as error:
            if entry := _guess(cell, entries):
                text = f"{type(error).__name__}: {getattr(error, 'msg', error)}"
                answers.problems[entry.id] = text
            continue
        if entry is not None and entry.role == "solution":
            if module or _is_answer(cell, block, entry):
                found = candidates.setdefault(entry.id, [])
                found.append(Candidate(position, module is not None, block))
            continue
        target = entry.module if entry else module
        if target and helper.source and (entry or _may_extend(target, manifest, stage)):
            answers.helpers.setdefault(target, []).append(helper)
    required = {b.id: set(b.symbols) for b in entries}
    for id, found in candidates.items():
        if chosen := choose(found, required[id]):
            answers.exercises[id] = "\n\n\n".join(c.block.source for c in chosen)
            if not any(c.stubs for c in chosen):
                answers.problems.pop(id, None)
    return answers


def _parsed(cell: SubmittedCell) -> Block:
    """The cell as a block; IPython's magics count only where they keep it from being Python."""
    if len(cell.source) > MAX_SOURCE:
        raise ValueError(f"the cell is larger than {MAX_SOURCE >> 10} kB")
    parse = _parse_once if len(cell.source) <= MAX_SHARED else _parse
    return parse(cell.id, cell.source)


def _parse(id: str, source: str) -> Block:
    try:
        return _walked(Block(id, cell_body(source)))
    except SyntaxError:
        return _walked(Block(id, cell_body(MAGIC.sub(r"\1pass", source))))


_parse_once = lru_cache(256)(_parse)  # most cells of a class's notebooks are the course's own


def _walked(block: Block) -> Block:
    """The block, once all that is asked of it later has been found; raises NOT_PYTHON."""
    assert None not in (block.parsed, block.provides, block.needs, block.reads)
    return block


def _identify(
    cell: SubmittedCell,
    block: Block,
    module: str | None,
    entries: list[BlockEntry],
    manifest: Manifest,
) -> BlockEntry | None:
    among = [e for e in entries if e.module == module] or entries
    found = manifest.identify(block, among)
    return found or next((e for e in among if e.id == cell.grade_id and block.symbols), None)


def _guess(cell: SubmittedCell, entries: list[BlockEntry]) -> BlockEntry | None:
    """The exercise that a cell which is not Python was meant for."""
    names = set(DEFINITION.findall(cell.source))
    solutions = [e for e in entries if e.role == "solution"]
    by_name = (e for e in solutions if names & set(e.symbols))
    by_id = (e for e in solutions if e.id in (cell.id, cell.grade_id))
    return next(by_name, None) or next(by_id, None)


def _is_answer(cell: SubmittedCell, block: Block, entry: BlockEntry) -> bool:
    """Whether a cell without an export line is more than a trial that reuses a name."""
    defined = set(DEFINITION.findall(block.source)) & set(entry.symbols)
    return bool(defined) or entry.id in (cell.id, cell.grade_id)


def choose(candidates: Iterable[Candidate], required: set[str]) -> list[Candidate]:
    """The cells that count, in the notebook's order; together they cover the `required` symbols.

    The one with the fewest open gaps wins, then one that exports, then the last. An exported cell
    that was left without the symbols is kept: the student has split it.
    """
    missing = set(required)
    chosen: list[Candidate] = []
    for c in sorted(candidates, key=lambda c: (c.stubs, not c.exported, -c.position)):
        symbols = c.block.symbols
        if symbols & missing or (c.exported and not symbols & required):
            chosen.append(c)
            missing -= symbols - c.block.needs
    return sorted(chosen, key=lambda c: c.position)


def _additions(block: Block, entry: BlockEntry, entries: list[BlockEntry]) -> Block:
    """What a student added to a given cell: imports, and definitions of other names."""
    if entry.role == "solution" or entry.digest == digest(block.source):
        return Block("", "")
    course = {symbol for e in entries for symbol in e.symbols}
    statements = (s for s in block.tree.body if getattr(s, "module", "") != "__future__")
    pieces = (Block("", ast.unparse(statement)) for statement in statements)
    kept = (p.source for p in pieces if p.provides and not p.symbols & course)
    return Block(f"{entry.id}-additions", "\n".join(kept))


def _may_extend(module: str, manifest: Manifest, stage: str) -> bool:
    """Whether a student may put helpers into `module`: nothing of another stage is touched."""
    path = PurePosixPath(module)
    taken = {b.module for b in manifest.blocks if b.stage != stage}
    modules = {b.module for b in manifest.blocks}
    shadows = any(f"{folder}.py" in modules for folder in path.parents) or any(
        m.startswith(f"{path.with_suffix('')}/") for m in modules
    )
    inside = is_module_path(module) and module.startswith(f"{manifest.package}/")
    return inside and module not in taken and not shadows


def submission_job(
    course: Course,
    stage: Stage,
    answers: dict[str, Answers],
    names: Sequence[tuple[str, Sequence[str]]],
) -> Job:
    """A stage with the student's answers on top of the stages before it.

    Stages that are not in `answers` come from the reference; an exercise without an answer is its
    stub, which also stands in for an answer that raises while it is being defined.
    """
    package: dict[str, list[Piece]] = {}
    stages = [*course.before(stage), stage]
    reference = course.modules(stages)
    fallback = {c.id: c.unsolved for s in stages for c in s.role("solution")}
    given: dict[str, str] = {}
    for s in stages:
        if s.name in answers:
            own = answers[s.name].exercises
            given |= {c.id: own.get(c.id, fallback[c.id]) for c in s.role("solution")}
    helpers = [item for a in answers.values() for item in a.helpers.items()]
    for path, _ in helpers:
        reference.setdefault(path, [])
    for path, blocks in reference.items():
        own_blocks = [Block(b.id, given.get(b.id, b.source)) for b in blocks]
        extra = [b for p, found in helpers if p == path for b in found]
        placed = arrange([*own_blocks, *extra], [b.id for b in blocks])
        package[path] = [Piece(b.id, b.source, fallback.get(b.id, "")) for b in placed]
    return Job(package, stage.setup, names, course.files(stage))
