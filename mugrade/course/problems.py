"""What is wrong with a course before anything of it is run."""

import re
import symtable
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from mugrade.course.cells import (
    BEGIN_HIDDEN,
    BEGIN_RUBRIC,
    BEGIN_SOLUTION,
    END_HIDDEN,
    END_RUBRIC,
    END_SOLUTION,
    FILLED_IN,
    TEXT,
    Cell,
    Role,
    solution_lines,
    visible_lines,
)
from mugrade.course.index import offered
from mugrade.course.model import Course, Stage
from mugrade.course.tables import NAME
from mugrade.package.blocks import is_module_path

LONGEST_SHARED_LINE = 20
REGIONS = (
    (BEGIN_SOLUTION, END_SOLUTION),
    (BEGIN_HIDDEN, END_HIDDEN),
    (BEGIN_RUBRIC, END_RUBRIC),
)
Problem = tuple[Path, int, str]


def problems(course: Course) -> Iterator[Problem]:
    """Every problem of a course: the file, the line, and what is wrong there."""
    for stage in course.stages:
        if not stage.cells:
            yield stage.path, 1, "no cell in it: a cell begins with # %% and an id"
        for cell in stage.cells:
            yield from ((stage.path, line, text) for line, text in _cell_problems(cell))
    yield from _other_package(course)
    yield from _other_points(course)
    yield from _repeated_ids(course)
    yield from _missing_data(course)
    yield from _module_owners(course)
    yield from _missing_exercises(course)
    yield from _idle_helpers(course)
    yield from _odd_indices(course)
    yield from _shown_solutions(course)
    yield from _impossible_mistakes(course)


def _cell_problems(cell: Cell) -> Iterator[tuple[int, str]]:
    where, source = cell.line, cell.source
    if not cell.id:
        yield where, 'cell without an id: write # %% id="..."'
    elif not re.fullmatch(r"[a-z0-9-]{1,60}", cell.id):
        yield where, f"id {cell.id!r}: only lower-case letters, digits and hyphens, at most 60"
    if cell.role not in set(Role):
        yield where, f"role {cell.role!r} of cell {cell.id}: one of {', '.join(sorted(Role))}"
        return
    if cell.role not in TEXT:
        yield from _syntax(cell)
    marked = BEGIN_SOLUTION in source and END_SOLUTION in source
    if cell.role in FILLED_IN and not marked:
        yield where, f"{cell.role} {cell.id} has no {BEGIN_SOLUTION} ... {END_SOLUTION}"
    if cell.role not in FILLED_IN and (BEGIN_SOLUTION in source or END_SOLUTION in source):
        yield where, f"{BEGIN_SOLUTION} in {cell.id}, which is not a solution"
    if cell.role == Role.CHECK and cell.points <= 0:
        yield where, f"check {cell.id} has no points: write points=3"
    if cell.role == Role.ANSWER:
        yield from _answer_problems(cell)
    elif cell.role != Role.CHECK and cell.points:
        yield where, f"points on {cell.id}, which is neither a check nor an answer"
    if cell.role != Role.ANSWER and (BEGIN_RUBRIC in source or END_RUBRIC in source):
        yield where + _offset(source, "MARK"), f"mark scheme in {cell.id}, which is no answer"
    if cell.role != Role.CHECK and ("BEGIN HIDDEN" in source or "END HIDDEN" in source):
        yield where + _offset(source, "HIDDEN"), f"hidden test in {cell.id}, which is not a check"
    if cell.role == Role.CHECK:
        yield from _check_problems(cell)
    for begin, end in REGIONS:
        if not _paired(source, begin, end):
            yield (
                where + _offset(source, begin[4:]),
                f"{begin} and {end} of {cell.id} do not pair up",
            )
    if cell.export or cell.role == Role.INDEX:
        yield from ((where, text) for text in _export_problems(cell))


def _answer_problems(cell: Cell) -> Iterator[tuple[int, str]]:
    source = cell.source
    if cell.points < 0:
        yield cell.line, f"answer {cell.id} has {cell.points} points: 0 or more"
    if cell.optional and not cell.points:
        yield cell.line, f"optional {cell.id} has no points, so there is no bonus: write points=2"
    if source.count(BEGIN_SOLUTION) > 1:
        yield cell.line, f"answer {cell.id} has {BEGIN_SOLUTION} twice: one model answer"
    solution, _, after = source.partition(BEGIN_SOLUTION)[2].partition(END_SOLUTION)
    if BEGIN_RUBRIC in solution and BEGIN_RUBRIC not in after:
        yield cell.line, f"answer {cell.id}: its mark scheme stands below {END_SOLUTION}"


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
    if cell.role not in (Role.GIVEN, Role.INDEX, Role.SOLUTION):
        yield f"export on {cell.id}: only given, index and solution cells are exported"
    if cell.role == Role.INDEX and path.name != "__init__.py":
        yield f"index {cell.id} goes to {cell.export or 'no file'}: only an __init__.py is an index"
        return
    if not is_module_path(cell.export):
        yield f"export={cell.export!r} of {cell.id}: a relative path such as needle/nn/norm.py"
    if path.parts and path.parts[0] != path.parts[0].lower():
        yield f"export={cell.export!r} of {cell.id}: a package's name is lower case"


def _syntax(cell: Cell) -> Iterator[tuple[int, str]]:
    try:
        symtable.symtable(
            "\n".join(
                line if not line.lstrip().startswith(("%", "!")) else ""
                for line in cell.source.splitlines()
            ),
            cell.id,
            "exec",
        )
    except SyntaxError as error:
        yield cell.line + (error.lineno or 0), f"{cell.id} is not Python: {error.msg}"


def _paired(source: str, begin: str, end: str) -> bool:
    marks = [line.strip() for line in source.splitlines() if line.strip() in (begin, end)]
    return marks == [begin, end] * (len(marks) // 2) and source.count(begin) == marks.count(begin)


def _offset(source: str, text: str) -> int:
    """How many lines below its header a cell first says `text`."""
    return 1 + source[: source.find(text)].count("\n") if text in source else 0


def _other_package(course: Course) -> Iterator[Problem]:
    """That course.toml names another package than the cells build, or that they build none."""
    cells = [cell for stage in course.stages for cell in stage.exports]
    named, first = course.settings.package, cells[0].export.partition("/")[0] if cells else ""
    where = course.root / "solutions" / NAME, 1
    if named and first and named != first:
        yield *where, f"package: the cells build {first}, and not {named}"
    elif not cells and any(stage.cells for stage in course.stages):
        path = course.stages[0].path
        yield path, 1, 'no cell is exported: write export="package/module.py" on an exercise'


def _other_points(course: Course) -> Iterator[Problem]:
    for stage in course.stages:
        wanted = course.settings.points_of(stage.name)
        if wanted is not None and stage.points != wanted:
            text = f"its checks give {stage.points} points, and {NAME} says {wanted}: change one"
            yield stage.path, 1, text


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
            if cell.export.split("/")[0] != course.package and not course.settings.package:
                yield (
                    stage.path,
                    cell.line,
                    f"{cell.export} is outside the package {course.package}/",
                )


def _missing_exercises(course: Course) -> Iterator[Problem]:
    for stage in course.stages:
        exercises = {cell.id for cell in stage.role(Role.SOLUTION)}
        for cell in stage.role(Role.CHECK, Role.HINTS):
            if cell.of not in exercises:
                yield (
                    stage.path,
                    cell.line,
                    f'{cell.role} {cell.id}: of="{cell.of}" is no exercise here',
                )


def _idle_helpers(course: Course) -> Iterator[Problem]:
    """Cells that help one which is not there."""
    for stage in course.stages:
        exported = {cell.id for cell in stage.role(Role.GIVEN, Role.SOLUTION) if cell.export}
        for cell in stage.role(Role.GIVEN, Role.SOLUTION):
            if cell.of and cell.of not in exported:
                text = f'{cell.role} {cell.id}: of="{cell.of}" is no exported cell here'
                yield stage.path, cell.line, text


def _odd_indices(course: Course) -> Iterator[Problem]:
    """Indices that offer nothing, or what both their lines and their `of` say."""
    for stage in course.stages:
        for cell in stage.role(Role.INDEX):
            line = offered(cell, stage.cells) if cell.of else cell.source
            if cell.source not in ("", line):
                text = f'has lines and of="{cell.of}": leave one of them out'
            elif not line and cell.of:
                text = f'is of="{cell.of}", for which no cell here exports a public name'
            elif not line:
                text = 'has no lines: write an import, or of="module.py" for the names of a module'
            else:
                continue
            yield stage.path, cell.line, f"index {cell.id} {text}"


def _impossible_mistakes(course: Course) -> Iterator[Problem]:
    """Mistakes of no exercise, and edits whose old text is not there exactly once."""
    for stage in course.stages:
        sources = {cell.id: cell.source for cell in stage.role(Role.SOLUTION)}
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


def _shown_solutions(course: Course) -> Iterator[Problem]:
    """Lines of a solution that a student's notebook would show elsewhere."""
    shown = {
        line.strip(): (stage, cell.line + offset)
        for stage in course.stages
        for cell in stage.cells
        if cell.role != Role.HINTS
        for offset, line in enumerate(visible_lines(cell.source), 1)
    }
    for stage in course.stages:
        for cell in stage.role(Role.SOLUTION):
            for line in solution_lines(cell.source):
                if len(line) > LONGEST_SHARED_LINE and line in shown:
                    where, number = shown[line]
                    text = f"a line of the solution {cell.id} is shown to students: {line}"
                    yield where.path, number, text
