"""The author's side: `solutions/NN_name.py`, read and checked."""

import ast
import re
import tomllib
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from mugrade import files
from mugrade.author.percent import FormatError, read_percent
from mugrade.author.settings import Settings, read_settings
from mugrade.blocks import Block, cell_body, indices, is_module_path
from mugrade.diagnosis import Diagnosis
from mugrade.errors import CourseError
from mugrade.formula import readable
from mugrade.manifest import START

ROLES = {"prose", "given", "index", "solution", "check", "demo", "hints"}
ATTRIBUTES = {"id", "role", "points", "export", "of", "data"}
BEGIN_SOLUTION, END_SOLUTION = "### BEGIN SOLUTION", "### END SOLUTION"
BEGIN_HIDDEN, END_HIDDEN = "### BEGIN HIDDEN TESTS", "### END HIDDEN TESTS"
LONGEST_SHARED_LINE = 20
MISTAKE_KEYS = {"of", "name", "why", "try", "edits", "plain"}
LONGEST_TEXT = 100  # what a line of a message holds


@dataclass(frozen=True)
class Cell:
    """One cell of a stage's script; `line` is that of its header, `of` the exercise it serves."""

    id: str
    role: str
    source: str
    line: int
    points: int = 0
    export: str = ""
    of: str = ""
    data: str = ""

    @cached_property
    def block(self) -> Block:
        return Block(self.id, cell_body(self.source))

    @property
    def folded(self) -> bool:
        """Whether its code is folded away at first: what is given, and what only draws."""
        given = self.role == "given" and bool(self.export)
        return given or (self.role == "demo" and "plt." in self.source)

    @cached_property
    def unsolved(self) -> str:
        """What an exercise is before a student writes anything."""
        return cell_body(stub(self.source))


@dataclass(frozen=True)
class Mistake:
    """A mistake of which the course knows: edits of the exercise `of`, and how they are explained.

    `line` is where it stands; `plain` as in `mistakes.Trace`.
    """

    of: str
    edits: tuple[tuple[str, str], ...]
    diagnosis: Diagnosis
    line: int
    plain: bool = False

    @property
    def id(self) -> str:
        """What tells it from other mistakes of the course, wherever it stands."""
        return f"{zlib.crc32(repr((self.of, self.edits)).encode()):x}"

    def made_in(self, source: str) -> str:
        """The exercise's source with the mistake in it."""
        for old, new in self.edits:
            source = source.replace(old, new)
        return source


@dataclass(frozen=True)
class Stage:
    """One script: a notebook for the student, an assignment for nbgrader.

    `mistakes` are the entries of `mistakes/NN_name.toml`, known wrong answers to its exercises.
    """

    path: Path
    cells: tuple[Cell, ...]
    mistakes: tuple["Mistake", ...] = ()

    @property
    def name(self) -> str:
        return self.path.stem

    @cached_property
    def title(self) -> str:
        """The first heading of the notebook."""
        prose = "\n".join(cell.source for cell in self.cells if cell.role == "prose")
        heading = re.search(r"^# (.+)$", prose, re.MULTILINE)
        return heading.group(1).strip() if heading else self.name

    def role(self, *roles: str) -> Iterator[Cell]:
        return (cell for cell in self.cells if cell.role in roles)

    @property
    def exports(self) -> Iterator[Cell]:
        return (cell for cell in self.cells if cell.export)

    @property
    def setup(self) -> str:
        """The code that stands before every check: given cells that are not exported."""
        given = (cell.source for cell in self.role("given") if not cell.export)
        return "\n".join(line for source in given for line in plain_python(source))

    @property
    def data(self) -> list[str]:
        """The data files, below `notebooks/`, that the stage's checks may read."""
        return [path for cell in self.cells for path in cell.data.split()]

    @property
    def points(self) -> int:
        return sum(cell.points for cell in self.cells)

    @property
    def mistakes_path(self) -> Path:
        return self.path.parent / "mistakes" / f"{self.name}.toml"


@dataclass(frozen=True)
class Course:
    """All stages of a course folder, in order."""

    root: Path
    stages: tuple[Stage, ...]
    settings: Settings = field(default_factory=Settings)

    @property
    def package(self) -> str:
        """The name of the package that the cells build."""
        return next(cell.export for stage in self.stages for cell in stage.exports).split("/")[0]

    def modules(self, stages: Iterable[Stage] | None = None) -> dict[str, list[Block]]:
        """The reference package: module path -> its blocks; every folder has an `__init__.py`."""
        modules: dict[str, list[Block]] = {}
        for stage in self.stages if stages is None else stages:
            for cell in stage.exports:
                for init in indices(cell.export):
                    modules.setdefault(init, [])
                modules.setdefault(cell.export, []).append(cell.block)
        return modules

    def files(self, stage: Stage) -> dict[str, bytes]:
        """Path -> content of the data files of a stage."""
        return {path: (self.root / "notebooks" / path).read_bytes() for path in stage.data}

    def before(self, stage: Stage) -> tuple[Stage, ...]:
        return self.stages[: self.stages.index(stage)]

    def find(self, name: str) -> Stage:
        """The stage called `name`, or whose number it is (`3`, `03`)."""
        for stage in self.stages:
            if name == stage.name or name.zfill(2) == stage.name[:2]:
                return stage
        raise CourseError(f"no stage {name}: there are {', '.join(s.name for s in self.stages)}")


def plain_python(source: str) -> list[str]:
    """The lines of a cell without IPython's magics and shell escapes."""
    return [line for line in source.splitlines() if not line.lstrip().startswith(("%", "!"))]


def find_course(start: Path) -> Path:
    """The nearest folder at or above `start`, of the same owner, with `solutions/NN_name.py`."""
    for folder in files.with_parents(start):
        if any((folder / "solutions").glob("[0-9][0-9]_*.py")):
            return folder
    raise CourseError(f"{start}: no course here (no solutions/NN_name.py in it or above it)")


def load_course(root: Path) -> Course:
    """Read every stage of the course folder `root`; raises CourseError with all mistakes found."""
    scripts = sorted((root / "solutions").glob("[0-9][0-9]_*.py"))
    if not scripts:
        raise CourseError(f"{root}: no solutions/NN_name.py here")
    stages = [read_stage(script) for script in scripts]
    linked = (
        replace(stage, cells=(*stage.cells, links_cell(stages, i))) if stage.cells else stage
        for i, stage in enumerate(stages)
    )
    course = Course(root, tuple(linked), read_settings(root))
    problems = [f"{path.name}:{line}: {text}" for path, line, text in _problems(course)]
    if problems:
        raise CourseError("\n".join(problems))
    return course


def read_stage(path: Path) -> Stage:
    """Read one script in percent format."""
    cells = read_cells(path)
    if cells:
        last = cells[-1]
        cells.append(progress_cell(path.stem, last.line + last.source.count("\n") + 1))
    stage = Stage(path, tuple(cells))
    return replace(stage, mistakes=tuple(read_mistakes(stage.mistakes_path)))


def read_cells(path: Path) -> list[Cell]:
    """The cells of a script; raises CourseError where it cannot be read."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CourseError(f"{path}: cannot be read as UTF-8 text: {error}") from None
    try:
        raw_cells = list(read_percent(text))
    except FormatError as error:
        raise CourseError(f"{path.name}:{error.line}: {error}") from None
    cells: list[Cell] = []
    exercise = ""
    for raw in raw_cells:
        line, data = raw.line, raw.attributes
        role = str(data.get("role", "prose" if raw.markdown else ""))
        if unknown := set(data) - ATTRIBUTES:
            raise CourseError(f"{path.name}:{line}: unknown attribute {', '.join(sorted(unknown))}")
        id = str(data.get("id", ""))
        exercise = id if role == "solution" else exercise
        of = str(data.get("of", exercise if role in ("check", "hints") else ""))
        points, export = data.get("points", 0), str(data.get("export", ""))
        if not isinstance(points, int):
            raise CourseError(f"{path.name}:{line}: points={points!r} is not a whole number")
        files = str(data.get("data", ""))
        cells.append(Cell(id, role, raw.source, line, points, export, of, files))
    return cells


def links_cell(stages: Sequence[Stage], place: int) -> Cell:
    """The last cell of a notebook: to the stage before, the start, and the stage after."""
    here = stages[place]
    before, after = stages[:place][-1:], stages[place + 1 :][:1]
    found = [*(f"← {link(s)}" for s in before), f"[all stages]({START})"]
    text = " | ".join([*found, *(f"{link(s)} →" for s in after)])
    return Cell(f"links-{here.name[:2]}", "prose", text, here.cells[-1].line)


def link(stage: Stage) -> str:
    """Markdown that leads to a stage's notebook."""
    return f"[{stage.title}]({stage.name}.ipynb)"


def progress_cell(stage: str, line: int) -> Cell:
    """The cell at the end of a notebook that says how far the student has come."""
    source = f'from mugrade import progress\n\nprogress("{stage}")'
    return Cell(f"progress-{stage[:2]}", "demo", source, line)


def read_mistakes(path: Path) -> list[Mistake]:
    """The mistakes that a course declares for a stage; none if there is no such file."""
    if not path.is_file():
        return []
    text = path.read_text(encoding="utf-8")
    try:
        entries = tomllib.loads(text).get("mistake", [])
    except tomllib.TOMLDecodeError as error:
        raise CourseError(f"mistakes/{path.name}: {error}") from None
    lines = [i for i, line in enumerate(text.splitlines(), 1) if line.strip() == "[[mistake]]"]
    return [_mistake(path, line, entry) for line, entry in zip(lines, entries, strict=True)]


def _mistake(path: Path, line: int, entry: dict[str, Any]) -> Mistake:
    where = f"mistakes/{path.name}:{line}"
    texts = [entry.get(key, "") for key in ("of", "name", "why", "try")]
    edits = entry.get("edits", [])
    if set(entry) - MISTAKE_KEYS or not all(isinstance(t, str) and t for t in texts):
        raise CourseError(f"{where}: a mistake has of, name, why, try, edits and perhaps plain")
    if not edits or not all(
        isinstance(e, list) and len(e) == 2 and all(isinstance(text, str) for text in e)
        for e in edits
    ):
        raise CourseError(f"{where}: edits is a list of pairs [old text, new text]")
    if long := [text for text in texts if len(readable(text)) > LONGEST_TEXT]:
        raise CourseError(f"{where}: more than {LONGEST_TEXT} characters: {long[0]}")
    of, name, why, advice = texts
    pairs = tuple((old, new) for old, new in edits)
    return Mistake(of, pairs, Diagnosis(name, why, advice), line, bool(entry.get("plain")))


Problem = tuple[Path, int, str]


def _problems(course: Course) -> Iterator[Problem]:
    for stage in course.stages:
        if not stage.cells:
            yield stage.path, 1, "no cell in it: a cell begins with # %% and an id"
        for cell in stage.cells:
            yield from ((stage.path, line, text) for line, text in _cell_problems(cell))
    yield from _repeated_ids(course)
    yield from _missing_data(course)
    yield from _module_owners(course)
    yield from _missing_exercises(course)
    yield from _shown_solutions(course)
    yield from _impossible_mistakes(course)


def _cell_problems(cell: Cell) -> Iterator[tuple[int, str]]:
    where, source = cell.line, cell.source
    if not cell.id:
        yield where, 'cell without an id: write # %% id="..."'
    elif not re.fullmatch(r"[a-z0-9-]{1,60}", cell.id):
        yield where, f"id {cell.id!r}: only lower-case letters, digits and hyphens, at most 60"
    if cell.role not in ROLES:
        yield where, f"role {cell.role!r} of cell {cell.id}: one of {', '.join(sorted(ROLES))}"
        return
    if cell.role not in ("prose", "hints"):
        yield from _syntax(cell)
    marked = BEGIN_SOLUTION in source and END_SOLUTION in source
    if cell.role == "solution" and not marked:
        yield where, f"solution {cell.id} has no {BEGIN_SOLUTION} ... {END_SOLUTION}"
    if cell.role != "solution" and (BEGIN_SOLUTION in source or END_SOLUTION in source):
        yield where, f"{BEGIN_SOLUTION} in {cell.id}, which is not a solution"
    if cell.role == "check" and cell.points <= 0:
        yield where, f"check {cell.id} has no points: write points=3"
    if cell.role != "check" and cell.points:
        yield where, f"points on {cell.id}, which is not a check"
    if cell.role != "check" and ("BEGIN HIDDEN" in source or "END HIDDEN" in source):
        yield where + _offset(source, "HIDDEN"), f"hidden test in {cell.id}, which is not a check"
    if cell.role == "check":
        yield from _check_problems(cell)
    for begin, end in ((BEGIN_SOLUTION, END_SOLUTION), (BEGIN_HIDDEN, END_HIDDEN)):
        if not _paired(source, begin, end):
            yield (
                where + _offset(source, begin[4:]),
                f"{begin} and {end} of {cell.id} do not pair up",
            )
    if cell.export or cell.role == "index":
        yield from ((where, text) for text in _export_problems(cell))


def _check_problems(cell: Cell) -> Iterator[tuple[int, str]]:
    if f"def {cell.id.replace('-', '_')}(" not in cell.source or "@check" not in cell.source:
        yield (
            cell.line,
            f"check {cell.id} must hold one @check function {cell.id.replace('-', '_')}()",
        )
    if cell.source.partition(END_HIDDEN)[2].strip():
        yield cell.line, f"check {cell.id} goes on after {END_HIDDEN}: hidden tests come last"
    if "yield" not in cell.source:
        yield cell.line, f"check {cell.id} yields nothing"


def _export_problems(cell: Cell) -> Iterator[str]:
    path = PurePosixPath(cell.export)
    if cell.role not in ("given", "index", "solution"):
        yield f"export on {cell.id}: only given, index and solution cells are exported"
    if cell.role == "index" and path.name != "__init__.py":
        yield f"index {cell.id} goes to {cell.export or 'no file'}: only an __init__.py is an index"
        return
    if not is_module_path(cell.export):
        yield f"export={cell.export!r} of {cell.id}: a relative path such as needle/nn/norm.py"
    if path.parts and path.parts[0] != path.parts[0].lower():
        yield f"export={cell.export!r} of {cell.id}: a package's name is lower case"


def _syntax(cell: Cell) -> Iterator[tuple[int, str]]:
    try:
        ast.parse(
            "\n".join(
                line if not line.lstrip().startswith(("%", "!")) else ""
                for line in cell.source.splitlines()
            )
        )
    except SyntaxError as error:
        yield cell.line + (error.lineno or 0), f"{cell.id} is not Python: {error.msg}"


def _paired(source: str, begin: str, end: str) -> bool:
    marks = [line.strip() for line in source.splitlines() if line.strip() in (begin, end)]
    return marks == [begin, end] * (len(marks) // 2) and source.count(begin) == marks.count(begin)


def _offset(source: str, text: str) -> int:
    """How many lines below its header a cell first says `text`."""
    return 1 + source[: source.find(text)].count("\n") if text in source else 0


def _repeated_ids(course: Course) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for stage in course.stages:
        for cell in stage.cells:
            if cell.id and cell.id in seen:
                yield stage.path, cell.line, f"id {cell.id} is taken: {seen[cell.id]} has it"
            seen.setdefault(cell.id, f"{stage.path.name}:{cell.line}")


def _missing_data(course: Course) -> Iterator[Problem]:
    for stage in course.stages:
        for cell in stage.cells:
            for path in cell.data.split():
                inside = ".." not in PurePosixPath(path).parts and not path.startswith("/")
                if not inside or not (course.root / "notebooks" / path).is_file():
                    yield stage.path, cell.line, f"data of {cell.id}: there is no notebooks/{path}"


def _module_owners(course: Course) -> Iterator[Problem]:
    owners: dict[str, Stage] = {}
    for stage in course.stages:
        for cell in stage.exports:
            owner = owners.setdefault(cell.export, stage)
            if owner is not stage and not cell.export.endswith("/__init__.py"):
                yield stage.path, cell.line, f"{cell.export} belongs to {owner.path.name}"
            if cell.export.split("/")[0] != course.package:
                yield (
                    stage.path,
                    cell.line,
                    f"{cell.export} is outside the package {course.package}/",
                )


def _missing_exercises(course: Course) -> Iterator[Problem]:
    for stage in course.stages:
        exercises = {cell.id for cell in stage.role("solution")}
        for cell in stage.role("check", "hints"):
            if cell.of not in exercises:
                yield (
                    stage.path,
                    cell.line,
                    f'{cell.role} {cell.id}: of="{cell.of}" is no exercise here',
                )


def _impossible_mistakes(course: Course) -> Iterator[Problem]:
    """Mistakes of no exercise, and edits whose old text is not there exactly once."""
    for stage in course.stages:
        sources = {cell.id: cell.source for cell in stage.role("solution")}
        for mistake in stage.mistakes:
            where = stage.mistakes_path, mistake.line
            if mistake.of not in sources:
                yield *where, f'mistake of="{mistake.of}": no exercise of {stage.path.name}'
                continue
            source = sources[mistake.of]
            for old, new in mistake.edits:
                if (count := source.count(old) if old else 0) != 1:
                    yield *where, f"{old!r} stands {count} times in {mistake.of}, not once"
                source = source.replace(old, new) if old else source
            if not any(problem for problem in _syntax_of(mistake.of, source)):
                continue
            yield *where, f"the edits of {mistake.of} do not give Python"


def _syntax_of(id: str, source: str) -> Iterator[tuple[int, str]]:
    return _syntax(Cell(id, "solution", source, 0))


def _shown_solutions(course: Course) -> Iterator[Problem]:
    """Lines of a solution that a student's notebook would show elsewhere."""
    shown = {
        line.strip(): (stage, cell.line + offset)
        for stage in course.stages
        for cell in stage.cells
        if cell.role != "hints"
        for offset, line in enumerate(visible_lines(cell.source), 1)
    }
    for stage in course.stages:
        for cell in stage.role("solution"):
            for line in solution_lines(cell.source):
                if len(line) > LONGEST_SHARED_LINE and line in shown:
                    where, number = shown[line]
                    text = f"a line of the solution {cell.id} is shown to students: {line}"
                    yield where.path, number, text


def solution_lines(source: str) -> list[str]:
    """The stripped lines between solution markers."""
    regions = re.findall(rf"{BEGIN_SOLUTION}\n(.*?){END_SOLUTION}", source, re.DOTALL)
    return [line.strip() for region in regions for line in region.splitlines() if line.strip()]


def stub(source: str) -> str:
    """A solution cell with each region replaced by `raise NotImplementedError()`."""
    return re.sub(
        rf"^([ \t]*){BEGIN_SOLUTION}\n.*?{END_SOLUTION}[ \t]*$",
        r"\1raise NotImplementedError()",
        source,
        flags=re.DOTALL | re.MULTILINE,
    )


def visible_lines(source: str) -> list[str]:
    """The lines of a cell, blank where a solution or a hidden test stands."""
    lines, hidden = [], False
    for line in source.splitlines():
        hidden = hidden or line.strip() in (BEGIN_SOLUTION, BEGIN_HIDDEN)
        lines.append("" if hidden else line)
        hidden = hidden and line.strip() not in (END_SOLUTION, END_HIDDEN)
    return lines
