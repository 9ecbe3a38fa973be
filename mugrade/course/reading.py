"""`solutions/NN_name.py`, and what lies beside it, read into a course."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, get_type_hints

from mugrade import files
from mugrade.course.cells import Cell, Role
from mugrade.course.index import with_imports
from mugrade.course.manifest import START
from mugrade.course.mistakes import RULES, read_mistakes, read_rules
from mugrade.course.model import Course, Stage
from mugrade.course.percent import FormatError, RawCell, read_percent
from mugrade.course.problems import problems
from mugrade.course.settings import read_settings
from mugrade.errors import CourseError

GIVEN = ("source", "line", "optional")
ATTRIBUTES = {n: kind for n, kind in get_type_hints(Cell).items() if n not in GIVEN}
KINDS = {int: "a whole number", str: 'text in "..."'}


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
    rules = tuple(read_rules(root / "solutions" / "mistakes" / RULES))
    course = Course(root, tuple(linked), read_settings(root), rules)
    if found := [f"{path.name}:{line}: {text}" for path, line, text in problems(course)]:
        raise CourseError("\n".join(found))
    return course


def read_stage(path: Path) -> Stage:
    """Read one script in percent format."""
    cells = with_imports(script_cells(path))
    if cells:
        last = cells[-1]
        cells.append(progress_cell(path.stem, last.line + last.source.count("\n") + 1))
    stage = Stage(path, tuple(cells))
    return replace(stage, mistakes=tuple(read_mistakes(stage.mistakes_path)))


def script_cells(path: Path) -> list[Cell]:
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
        if problem := _wrong_attribute(raw):
            raise CourseError(f"{path.name}:{raw.line}: {problem}")
        given: dict[str, Any] = {"id": "", "role": Role.PROSE if raw.markdown else ""}
        given |= raw.attributes
        if given["role"] == Role.OPTIONAL:
            given |= {"role": Role.ANSWER if raw.markdown else Role.CHECK, "optional": True}
        exercise = given["id"] if given["role"] == Role.SOLUTION else exercise
        if given["role"] in (Role.CHECK, Role.HINTS):
            given.setdefault("of", exercise)
        cells.append(Cell(**given, source=raw.source, line=raw.line))
    return cells


def _wrong_attribute(raw: RawCell) -> str:
    for name, value in raw.attributes.items():
        kind = ATTRIBUTES.get(name)
        if kind is None:
            return f"unknown attribute {name}"
        if not isinstance(value, kind):
            return f"{name}={value!r} is not {KINDS[kind]}"
    if raw.attributes.get("role") == Role.ANSWER and not raw.markdown:
        return "an answer is text: write # %% [markdown] above it"
    return ""


def links_cell(stages: Sequence[Stage], place: int) -> Cell:
    """The last cell of a notebook: to the stage before, the start, and the stage after."""
    here = stages[place]
    before, after = stages[:place][-1:], stages[place + 1 :][:1]
    found = [*(f"← {link(s)}" for s in before), f"[all stages]({START})"]
    text = " | ".join([*found, *(f"{link(s)} →" for s in after)])
    return Cell(f"links-{here.name[:2]}", Role.PROSE, text, here.cells[-1].line)


def link(stage: Stage) -> str:
    """Markdown that leads to a stage's notebook."""
    return f"[{stage.title}]({stage.name}.ipynb)"


def progress_cell(stage: str, line: int) -> Cell:
    """The cell at the end of a notebook that says how far the student has come."""
    source = f'from mugrade import progress\n\nprogress("{stage}")'
    return Cell(f"progress-{stage[:2]}", Role.DEMO, source, line)
