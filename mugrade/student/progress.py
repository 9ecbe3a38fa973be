"""Borrowed stages, and how far a student has come."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from mugrade.course.manifest import BlockEntry, CheckEntry
from mugrade.errors import CourseError
from mugrade.package.blocks import Block, is_stub, parse_module, replace_block
from mugrade.student import noted
from mugrade.student.kept import By, keep_blocks
from mugrade.student.workspace import Workspace
from mugrade.view import visible


class CheckState(StrEnum):
    """How a check went when it last ran; CHANGED: it passed, and the code is another since."""

    NOT_RUN = "not run"
    FAILS = "fails"
    CHANGED = "changed"
    PASSES = "passes"


class ExerciseState(StrEnum):
    """What the package holds of an exercise; TAKEN is borrowed."""

    NOT_WRITTEN = "not written"
    BUILT = "built"
    TAKEN = "taken"


@dataclass(frozen=True)
class CheckProgress:
    """A check: `passed` is None if it has not run, `changed` says that the code is another.

    Another than when the check last passed, that is; unknown where it never did. `hidden`: it
    has inputs too that only the grader tries; `optional`: its points are a bonus.
    """

    id: str
    points: int
    passed: bool | None
    changed: bool
    hidden: bool
    optional: bool = False

    @property
    def passes(self) -> bool:
        """Whether it passed with the code as it is now."""
        return self.passed is True and not self.changed

    @property
    def state(self) -> CheckState:
        if self.passed is None:
            return CheckState.NOT_RUN
        if not self.passed:
            return CheckState.FAILS
        return CheckState.CHANGED if self.changed else CheckState.PASSES

    @property
    def told(self) -> str:
        """The state in words."""
        if self.passes and self.hidden:
            return "passes on the visible inputs"
        if self.passed is None or not self.changed:
            return self.state
        if self.passed:
            return "changed since it last passed: run it again"
        return "fails, and has changed since it last passed"

    @property
    def name(self) -> str:
        return self.id.replace("-", "_")

    @property
    def score(self) -> str:
        """What it gives of what it is worth; no promise where the grader tries more inputs."""
        called = visible.points_called(self.optional)
        if self.passes and self.hidden:
            return f"worth {self.points} {called}"
        return f"{self.points if self.passes else 0} of {self.points} {called}"


@dataclass(frozen=True)
class ExerciseProgress:
    """An exercise with its checks."""

    id: str
    state: ExerciseState
    checks: tuple[CheckProgress, ...]


@dataclass(frozen=True)
class StageProgress:
    """One stage: its exercises one by one, and counts over them and their checks.

    `by_hand` are the points of written answers, which nothing here can give.
    """

    stage: str
    title: str
    items: tuple[ExerciseProgress, ...]
    by_hand: int = 0

    @property
    def counts(self) -> str:
        """What is built, taken, passes and has changed, in one line."""
        said = [f"{self.built} of {self.exercises} exercises built"]
        said += [f"{self.taken} of them taken"] if self.taken else []
        said += [f"{self.changed} changed"] if self.changed else []
        figures = self.passing, self.checks, self.points, self.total
        said += [visible.counts(*figures, self.hidden)]
        said += [f"{self.bonus} bonus points"] if self.bonus else []
        said += [f"{self.by_hand} more for written answers"] if self.by_hand else []
        return ", ".join(said)

    @property
    def summary(self) -> str:
        return f"{self.title}: {self.counts}"

    @property
    def every_check(self) -> list[CheckProgress]:
        return [check for item in self.items for check in item.checks]

    @property
    def exercises(self) -> int:
        return len(self.items)

    @property
    def built(self) -> int:
        """Exercises with an answer, borrowed or not."""
        return sum(item.state != ExerciseState.NOT_WRITTEN for item in self.items)

    @property
    def taken(self) -> int:
        return sum(item.state == ExerciseState.TAKEN for item in self.items)

    @property
    def checks(self) -> int:
        return len(self.every_check)

    @property
    def passing(self) -> int:
        return sum(check.passes for check in self.every_check)

    @property
    def changed(self) -> int:
        """Checks whose exercise is not what it was when they last passed."""
        return sum(check.changed for check in self.every_check)

    @property
    def hidden(self) -> bool:
        """Whether a check has inputs too that only the grader tries."""
        return any(check.hidden for check in self.every_check)

    @property
    def points(self) -> int:
        return sum(c.points for c in self.every_check if c.passes and not c.optional)

    @property
    def bonus(self) -> int:
        """What optional checks give on top of the points."""
        return sum(c.points for c in self.every_check if c.passes and c.optional)

    @property
    def score(self) -> str:
        """The points, of how many, and the bonus if there is one."""
        return f"{self.points} of {self.total}{f' + {self.bonus}' if self.bonus else ''}"

    @property
    def total(self) -> int:
        return sum(check.points for check in self.every_check if not check.optional)


def take_stage(workspace: Workspace, stage: str, start: Path) -> list[str]:
    """Put the reference's blocks of a stage into the package; returns the modules written.

    Raises CourseError where the course has no solutions, WorkspaceError where nothing can be
    written.
    """
    entries = [b for b in workspace.manifest.blocks if b.stage == stage]
    paths = list(dict.fromkeys(b.module for b in entries))
    reference = reference_modules(workspace, stage, paths, start)
    with workspace.lock():
        for path in paths:
            ids = {b.id for b in entries if b.module == path}
            blocks = workspace.read_module(path)
            order = [b.id for b in workspace.manifest.module(path)]
            for block in reference[path]:
                if block.id in ids:
                    blocks = replace_block(blocks, Block(block.id, block.source, taken=True), order)
            keep_blocks(workspace, workspace.read_module(path), blocks, path, By.TAKE)
            workspace.write_module(path, blocks)
    return paths


def reference_modules(
    workspace: Workspace, stage: str, paths: Iterable[str], start: Path
) -> dict[str, list[Block]]:
    """The reference's blocks in modules of a stage.

    From the course's solutions at or above `start`, else as far as the stage's answers are out.
    Raises CourseError.
    """
    from mugrade.course.reading import find_course

    try:
        solutions = find_course(start) / "solutions"
    except CourseError:
        return _released(workspace, stage, paths, start)
    return {path: _reference(solutions / path) for path in paths}


def _released(
    workspace: Workspace, stage: str, paths: Iterable[str], start: Path
) -> dict[str, list[Block]]:
    found = [solution for solution in workspace.solutions if solution.stage == stage]
    if not found:
        raise CourseError(
            f"{start} has no solutions to take {stage} from: mugrade update fetches them once "
            "they are out, or name a whole copy of the course with --course"
        )
    return {path: [Block(s.id, s.source) for s in found if s.module == path] for path in paths}


def _reference(path: Path) -> list[Block]:
    try:
        return parse_module(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        raise CourseError(
            f"{path} is missing or broken: fetch the course again, or run mugrade build"
        ) from None


def stage_progress(workspace: Workspace, stage: str) -> StageProgress:
    """How much of a stage is there and passes; raises WorkspaceError."""
    entries = workspace.manifest.exercises(stage)
    modules = {path: workspace.read_module(path) for path in {e.module for e in entries}}
    last_runs = noted.last_runs(workspace)
    items = []
    for entry in entries:
        blocks = [block for block in modules[entry.module] if block.id == entry.id]
        source = workspace.source_digest(entry.id)
        own = [check for check in workspace.manifest.checks if check.of == entry.id]
        checks = tuple(_check_progress(check, last_runs.get(check.id), source) for check in own)
        items.append(ExerciseProgress(entry.id, _state(entry, blocks), checks))
    answers = workspace.manifest.answers(stage)
    by_hand = sum(entry.max_points for entry in answers)
    return StageProgress(stage, workspace.manifest.stages[stage], tuple(items), by_hand)


def _check_progress(check: CheckEntry, last: noted.LastRun | None, source: str) -> CheckProgress:
    passed = last.passed if last else None
    changed = last is not None and bool(last.good) and last.good != source
    return CheckProgress(check.id, check.points, passed, changed, check.hidden, check.optional)


def _state(entry: BlockEntry, blocks: list[Block]) -> ExerciseState:
    """Built if the blocks define all that is asked for, none of them as a stub."""
    symbols = {symbol for block in blocks for symbol in block.symbols}
    if not symbols >= set(entry.symbols) or any(is_stub(b.source) for b in blocks):
        return ExerciseState.NOT_WRITTEN
    is_taken = any(block.taken for block in blocks)
    return ExerciseState.TAKEN if is_taken else ExerciseState.BUILT
