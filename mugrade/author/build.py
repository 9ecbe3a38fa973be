"""From the author's scripts to what is committed and handed out.

`mugrade build` writes `notebooks/` (for students), `solutions/PACKAGE/` (the reference as an
ordinary library) and `build/nbgrader/` (the instructor's nbgrader course, ignored by git).
"""

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path, PurePosixPath
from typing import Any

import nbformat

from mugrade import files
from mugrade.author.playable import demand_playable
from mugrade.author.sample import FOLDER, STUDENTS, sample_class
from mugrade.author.start_page import start_cells
from mugrade.course.cells import Role
from mugrade.course.listing import make_manifest
from mugrade.course.manifest import (
    ANSWERS,
    CELLS,
    INSTRUCTOR,
    MANIFEST,
    START,
    ReleasedCell,
    dump,
)
from mugrade.course.model import Course, Stage
from mugrade.course.nbgrader import CONFIG, OF_COURSE
from mugrade.course.notebooks import notebook, release, source_notebook
from mugrade.errors import CourseError
from mugrade.package.blocks import render_module
from mugrade.reference.cache import Records, last_records, records_of
from mugrade.reference.world import demand_world
from mugrade.sandbox.job import CheckTask
from mugrade.sandbox.plain import for_trusted
from mugrade.values.answers import Answer, answers_to_json, read_answers
from mugrade.values.compare import kept_answers
from mugrade.values.diagnosis.exceptions import KEY, rules_to_json
from mugrade.values.judges import Labels
from mugrade.values.mistakes import (
    MISTAKES,
    Known,
    kept_traces,
    known_to_json,
    read_known,
    shown_part,
)
from mugrade.values.observe import seed_of

Tree = dict[str, str]
Tell = Callable[[str], None]


def build_course(
    course: Course, tell: Tell = lambda text: None, only: Sequence[Stage] = ()
) -> list[str]:
    """Write everything; returns the paths below the course's root that changed.

    Of stages beside `only`, if some are named, the answers stay as they were recorded last.
    """
    return write_rendered(course, *render_course(course, tell, only))


def write_rendered(course: Course, committed: Tree, instructor: Tree) -> list[str]:
    """Write what `render_course` has made; returns the paths below the course's root that changed.

    The nbgrader course is written whole each time.
    """
    changed = differences(course, committed)
    for path in changed:
        _write(course.root, path, committed.get(path))
    _write_instructor(course, instructor)
    return changed


def check_build(
    course: Course, tell: Tell = lambda text: None, only: Sequence[Stage] = ()
) -> list[str]:
    """The committed paths that differ from what the scripts say; writes nothing."""
    return differences(course, render_course(course, tell, only)[0])


def not_run(course: Course, only: Sequence[Stage]) -> list[str]:
    """The stages beside `only` in which something has changed since they were recorded."""
    found = []
    for stage in course.stages if only else ():
        last = last_records(course, stage, shown_tasks(stage, release(source_notebook(stage))))
        if last and not last.current and stage not in only:
            found.append(stage.name)
    return found


def render_course(course: Course, tell: Tell, only: Sequence[Stage] = ()) -> tuple[Tree, Tree]:
    """The committed files and the instructor's nbgrader tree, as path -> text."""
    demand_world(course)
    tell("notebooks")
    demand_playable(course)
    instructor = {stage: source_notebook(stage) for stage in course.stages}
    student = {stage: release(instructor[stage]) for stage in course.stages}
    records = _records(course, student, tell, only)
    package = {
        path: render_module(blocks) if blocks else "" for path, blocks in course.modules().items()
    }
    page = start_cells(course)
    released = [ReleasedCell(c.id, PurePosixPath(START).stem, c.role, c.source) for c in page]
    released += [cell for s in course.stages for cell in _released(s, student[s])]
    shared = {
        MANIFEST: dump(make_manifest(course).to_json()),
        ANSWERS: _public_answers(course, records.public),
        MISTAKES: _public_mistakes(course, records.known, records.public),
        CELLS: dump([asdict(cell) for cell in released]),
    }
    committed = {f"solutions/{path}": text for path, text in package.items()}
    committed |= {f"notebooks/{name}": text for name, text in shared.items()}
    committed |= {f"notebooks/{stage.name}.ipynb": _text(nb) for stage, nb in student.items()}
    committed[f"notebooks/{START}"] = _text(notebook(page))
    committed |= {path: _text(nb) for path, nb in sample_class(course, student).items()}
    return committed, _instructor_tree(course, instructor, package, shared, records)


def _records(
    course: Course,
    student: Mapping[Stage, nbformat.NotebookNode],
    tell: Tell,
    only: Sequence[Stage],
) -> Records:
    """What the reference yields in all stages; it is run again in `only`, if that names some."""
    every = Records({}, {}, {})
    with closing(for_trusted(course.settings.libraries)) as sandbox:
        for stage, shown in student.items():
            tell(f"answers and mistakes of {stage.name}")
            tasks = shown_tasks(stage, shown)
            last = last_records(course, stage, tasks) if only and stage not in only else None
            every |= last.records if last else records_of(course, stage, tasks, sandbox)
    _keep_labels_secret(course, every.public)
    return every


def _instructor_tree(
    course: Course,
    notebooks: Mapping[Stage, nbformat.NotebookNode],
    package: Tree,
    shared: Tree,
    records: Records,
) -> Tree:
    """nbgrader's course, and what only the instructor may know of the checks."""
    tree = {f"{INSTRUCTOR}/{path}": text for path, text in package.items()}
    tree |= {f"source/{s.name}/{s.name}.ipynb": _text(nb) for s, nb in notebooks.items()}
    tree |= {f"source/{s.name}/{name}": text for s in notebooks for name, text in shared.items()}
    tree[CONFIG] = OF_COURSE.format(course=course.package, root=str(nbgrader_root(course)))
    parts = {"public": records.public, "full": records.full}
    answers = {
        id: {part: answers_to_json(found[id]) for part, found in parts.items()}
        for id in records.full
    }
    tree[f"{INSTRUCTOR}/{ANSWERS}"] = dump(answers)
    tree[f"{INSTRUCTOR}/{MISTAKES}"] = _mistakes(course, records.known)
    return tree


def nbgrader_root(course: Course) -> Path:
    """Where the instructor's nbgrader course is built."""
    return course.root.resolve() / "build" / "nbgrader"


def _released(stage: Stage, notebook: nbformat.NotebookNode) -> Iterable[ReleasedCell]:
    """The cells of a student's notebook, for commands that run, compare, restore or update them."""
    of = {cell.id: cell for cell in stage.cells}
    for node in notebook.cells:
        if cell := of.get(node.id):
            yield ReleasedCell(cell.id, stage.name, cell.role, node.source, cell.data)


def _keep_labels_secret(course: Course, public: dict[str, list[Answer]]) -> None:
    """Raise CourseError if a shown part would hand out the labels it is scored against."""
    for stage in course.stages:
        for cell in stage.role(Role.CHECK):
            if any(isinstance(answer.judge, Labels) for answer in public[cell.id]):
                where = f"{stage.path.name}:{cell.line}"
                raise CourseError(f"{where}: {cell.id} yields labels() outside its hidden tests")


def shown_tasks(stage: Stage, notebook: nbformat.NotebookNode) -> list[CheckTask]:
    """The checks of a stage as they stand in a student's notebook."""
    ids = {cell.id for cell in stage.role(Role.CHECK)}
    return [CheckTask(c.id, c.source, seed_of(c.id)) for c in notebook.cells if c.id in ids]


def _public_answers(course: Course, answers: dict[str, list[Answer]]) -> str:
    """The public answers; each that is on disk stays where its judge sees no difference."""
    try:
        old = read_answers(course.root / "notebooks" / ANSWERS, "public")
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        old = {}
    kept = {id: kept_answers(old.get(id, []), new) for id, new in answers.items()}
    return dump({id: {"public": answers_to_json(kept[id])} for id in kept})


def _public_mistakes(course: Course, known: Known, public: Mapping[str, Sequence[Answer]]) -> str:
    """The mistakes as the shown parts tell them; as with the answers, each on disk may stay."""
    old = read_known(course.root / "notebooks")
    shown = {id: shown_part(traces, len(public[id])) for id, traces in known.items()}
    new = {id: traces for id, traces in shown.items() if traces}
    kept = {id: kept_traces(old.get(id, []), traces) for id, traces in new.items()}
    return _mistakes(course, kept)


def _mistakes(course: Course, known: Known) -> str:
    """What is known of mistakes, with the course's own rules about exceptions, if it has some."""
    rules = {KEY: rules_to_json(course.rules)} if course.rules else {}
    return dump({**known_to_json(known), **rules})


def differences(course: Course, committed: Tree) -> list[str]:
    """Paths of generated files that are missing, different, or no longer wanted."""
    stale = {p for p in _generated(course) if p not in committed}
    wrong = {p for p, text in committed.items() if _read(course.root / p) != text}
    return sorted(stale | wrong)


def _generated(course: Course) -> Iterable[str]:
    for path in (course.root / "notebooks").glob("*.ipynb"):
        yield f"notebooks/{path.name}"
    for path in (course.root / "solutions" / course.package).rglob("*.py"):
        yield path.relative_to(course.root).as_posix()
    for student in STUDENTS:
        for path in (course.root / FOLDER / student).rglob("*.ipynb"):
            yield path.relative_to(course.root).as_posix()


def _write_instructor(course: Course, tree: Tree) -> None:
    root = nbgrader_root(course)
    for folder in ("source", INSTRUCTOR):
        shutil.rmtree(root / folder, ignore_errors=True)
    for path, text in tree.items():
        _write(root, path, text)
    for stage in course.stages:
        for data in {PurePosixPath(path).parent for path in stage.data}:
            shutil.copytree(course.root / "notebooks" / data, root / "source" / stage.name / data)


def _read(path: Path) -> str | None:
    try:
        return path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def _write(root: Path, path: str, text: str | None) -> None:
    if text is None:
        files.remove(root / path)
        return
    files.write(root / path, text.encode("utf-8"))


def _text(notebook: Any) -> str:
    return f"{nbformat.writes(notebook)}\n"
