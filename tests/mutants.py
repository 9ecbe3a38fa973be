"""`python -m tests.mutants [stage ...]`: all known answers, what they lose, what is said of them.

Those of `tests/answers`, whose names have been read and found true, and those that were written
from the notebooks alone. Every wrong answer is judged by the grader and with what a student's
notebook knows, alone, beside a neighbouring exercise that is not written, and beside one that is
wrong: neither may bring a name that is not true of it. Every right answer gets full points.
"""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table
from rich.text import Text

from mugrade.course.model import Stage
from mugrade.course.reading import load_course
from mugrade.grader.bundle import Outcome
from mugrade.package.blocks import cell_body
from mugrade.sandbox.limits import Limits
from mugrade.student.workspace import Workspace
from mugrade.values.compare import judge
from mugrade.values.mistakes import uncontradicted
from mugrade.values.verdict import Verdict
from tests.answers.named import ALSO, NAMED
from tests.answers.unseen import unseen as read_unseen
from tests.conftest import ROOT, STAGES, make_grader
from tests.test_answers import Edits, edited, outcome, table

Item = tuple[str, str, str, Edits]  # stage, exercise, name, answer


@dataclass(frozen=True)
class Mutant:
    """A wrong answer: the points that it loses, and the names that its failing checks give.

    `said` by the grader, `shown` in a notebook, `beside` a neighbour that is open or wrong.
    """

    stage: str
    exercise: str
    name: str
    lost: int
    said: tuple[str, ...]
    shown: tuple[str, ...]
    beside: tuple[tuple[str, ...], tuple[str, ...]]

    @property
    def expected(self) -> list[str]:
        return NAMED.get(self.exercise, {}).get(self.name, [])

    @property
    def also(self) -> list[str]:
        return ALSO.get(self.exercise, {}).get(self.name, [])

    @property
    def false(self) -> set[str]:
        """Names that nobody has read and found true of it; of unseen answers, all of them."""
        return {*self.said, *self.shown, *self.beside[0], *self.beside[1]} - {
            *self.expected,
            *self.also,
        }


def wrong_answers(stages: list[str]) -> Iterator[Item]:
    for stage in stages:
        for exercise, found in table(stage)[0].items():
            for name, edits in found.items():
                yield stage, exercise, name, edits


def right_answers(stages: list[str]) -> Iterator[tuple[str, str, str, str]]:
    for stage in stages:
        for exercise, found in table(stage)[1].items():
            for name, source in found.items():
                yield stage, exercise, name, source


class Trial:
    """The grader, and a student's folder as the course is handed out."""

    def __init__(self, stages: list[str]) -> None:
        self.grader = make_grader(load_course(Path(ROOT)), stages, Limits(check=5.0))
        self.workspace = Workspace.find(Path(ROOT) / "notebooks")
        self.of_others: dict[object, tuple[str, ...]] = {}

    def mutant(self, stage: str, exercise: str, name: str, edits: Edits) -> Mutant:
        here = self.grader.key.course.find(stage)
        changed = {exercise: edited(here, exercise, edits)}
        found = outcome(self.grader, here, changed, exercise)
        if found.passed == found.verdicts.keys():
            found = outcome(self.grader, here, changed)
        failed = found.verdicts.keys() - found.passed
        lost = sum(self.grader.key.manifest.check[id].points for id in failed)
        said = self._names(self.grader.key.stages[stage].named(found, changed, self.grader.sandbox))
        beside = tuple(
            self._beside(here, exercise, changed, other)
            for other in self._neighbours(here, exercise)
        )
        return Mutant(stage, exercise, name, lost, said, self._shown(found), beside)

    def right(self, stage: str, exercise: str, name: str, source: str) -> bool:
        """Whether a right answer gets full points."""
        changed = {exercise: cell_body(source)}
        found = outcome(self.grader, self.grader.key.course.find(stage), changed)
        return found.passed == found.verdicts.keys()

    def _neighbours(self, stage: Stage, exercise: str) -> Iterator[dict[str, str]]:
        """The exercise before it, or behind the first: not written, and wrong."""
        order = [cell.id for cell in stage.role("solution")]
        at = order.index(exercise)
        other = order[at - 1 if at else 1]
        yield {other: ""}
        yield {other: edited(stage, other, next(iter(table(stage.name)[0][other].values())))}

    def _beside(
        self, stage: Stage, exercise: str, changed: dict[str, str], other: dict[str, str]
    ) -> tuple[str, ...]:
        """What is said of the answer's own checks beside another exercise.

        Not what the other one brings beside the reference too: that is true of the other.
        """
        key = exercise, *other.items()
        if key not in self.of_others:
            self.of_others[key] = self._said(stage, exercise, other)
        said = self._said(stage, exercise, changed | other)
        return tuple(name for name in said if name not in self.of_others[key])

    def _said(self, stage: Stage, exercise: str, changed: dict[str, str]) -> tuple[str, ...]:
        """The names that an exercise's own checks give."""
        found = outcome(self.grader, stage, changed)
        verdicts = self.grader.key.stages[stage.name].named(found, changed, self.grader.sandbox)
        of = self.grader.key.manifest.check
        return self._names({id: v for id, v in verdicts.items() if of[id].of == exercise})

    def _shown(self, found: Outcome) -> tuple[str, ...]:
        """What the notebook says, with the answers and the mistakes that came with it."""
        known, verdicts = self.workspace.known, {}
        for id, miss in found.misses.items():
            if not miss.part.hidden:
                traces = uncontradicted(known.get(id, ()), found.passed, known)
                answers = self.workspace.answers["public"][id]
                verdicts[id] = judge(miss.values, answers, traces)
        return self._names(verdicts)

    @staticmethod
    def _names(verdicts: dict[str, Verdict]) -> tuple[str, ...]:
        return tuple(sorted({v.diagnosis.name for v in verdicts.values() if v.diagnosis}))


def main() -> None:
    wanted = [s for s in STAGES if not sys.argv[1:] or s[:2] in sys.argv[1:]]
    trial, console = Trial(wanted), Console()
    unseen = [a for stage in wanted for a in read_unseen(stage) if not a.overruled]
    groups = {
        "known": (list(wrong_answers(wanted)), list(right_answers(wanted))),
        "unseen": tuple(
            [(a.stage, a.exercise, a.name, a.source) for a in unseen if a.right is right]
            for right in (False, True)
        ),
    }
    failed = False
    for title, (wrong, right) in groups.items():
        with ThreadPoolExecutor(2) as pool:
            found = pool.map(lambda item: trial.mutant(*item), wrong)
            mutants = list(track(found, f"{title}, wrong", len(wrong), console=console))
            fair = pool.map(lambda item: trial.right(*item), right)
            fair = list(track(fair, f"{title}, right", len(right), console=console))
        unfair = [item for item, passed in zip(right, fair, strict=True) if not passed]
        console.print(_answers(mutants))
        console.print(_summary(title, wanted, mutants, right, unfair))
        for stage, exercise, name, _ in unfair:
            console.print(f"{stage[:2]} {exercise}: {name}: right, and loses points", markup=False)
        failed = failed or bool(unfair) or any(not m.lost for m in mutants)
        failed = failed or any(m.false for m in mutants if title == "known")
    trial.grader.close()
    raise SystemExit(failed)


def _answers(mutants: list[Mutant]) -> Table:
    shown = Table("stage", "exercise", "wrong answer", "lost", "named as", box=None, pad_edge=False)
    for m in mutants:
        known = m.exercise in NAMED and m.name in NAMED[m.exercise]
        said, style = ", ".join(m.said), "red" if known and list(m.said) != m.expected else ""
        said += f" (elsewhere: {', '.join(sorted(more))})" if (more := m.false - {*m.said}) else ""
        row = (m.stage[:2], m.exercise, m.name, str(m.lost), said)
        shown.add_row(*(Text(text, style=style) for text in row))
    return shown


def _summary(
    title: str, stages: list[str], mutants: list[Mutant], right: list[Item], unfair: list[Item]
) -> Table:
    """Counts for each stage and for all."""
    columns = (title, "wrong", "caught", "named", "in a notebook", "beside an open exercise",
               "beside a wrong one", "misnamed", "right", "unfair")  # fmt: skip
    shown = Table(*columns, box=None, pad_edge=False)
    for stage in (*stages, ""):
        here = [m for m in mutants if not stage or m.stage == stage]
        counts = (
            len(here),
            sum(m.lost > 0 for m in here),
            sum(bool(m.said) for m in here),
            sum(bool(m.shown) for m in here),
            *(sum(bool(m.beside[i]) for m in here) for i in (0, 1)),
            sum(bool(m.false) for m in here) if title == "known" else "",
            sum(not stage or item[0] == stage for item in right),
            sum(not stage or item[0] == stage for item in unfair),
        )
        shown.add_row(stage or "all", *map(str, counts))
    return shown


if __name__ == "__main__":
    main()
