"""`python -m tests.mutants [stage ...]`: all known wrong answers, what they lose, what is said."""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from mugrade.author.course import load_course
from mugrade.grader.grade import Grader
from mugrade.sandbox.process import Limits
from tests.answers.named import NAMED
from tests.conftest import ROOT, STAGES
from tests.test_answers import Edits, table, verdicts_on_edits


@dataclass(frozen=True)
class Mutant:
    """A wrong answer: the points that it loses, and the names that its failing checks give."""

    stage: str
    exercise: str
    name: str
    lost: int
    said: tuple[str, ...]

    @property
    def expected(self) -> list[str]:
        return NAMED.get(self.exercise, {}).get(self.name, [])


def mutants(grader: Grader, stages: list[str]) -> Iterator[Mutant]:
    with ThreadPoolExecutor(2) as pool:
        yield from pool.map(lambda item: _mutant(grader, *item), wrong_answers(stages))


def wrong_answers(stages: list[str]) -> Iterator[tuple[str, str, str, Edits]]:
    for stage in stages:
        for exercise, found in table(stage)[0].items():
            for name, edits in found.items():
                yield stage, exercise, name, edits


def _mutant(grader: Grader, stage: str, exercise: str, name: str, edits: Edits) -> Mutant:
    found = verdicts_on_edits(grader, grader.course.find(stage), exercise, edits)
    failed = {id: verdict for id, verdict in found.items() if not verdict.passed}
    lost = sum(grader.manifest.check[id].points for id in failed)
    said = sorted({v.diagnosis.name for v in failed.values() if v.diagnosis})
    return Mutant(stage, exercise, name, lost, tuple(said))


def main() -> None:
    wanted = [s for s in STAGES if not sys.argv[1:] or s[:2] in sys.argv[1:]]
    grader = Grader(load_course(Path(ROOT)), wanted, Limits(check=5.0))
    shown = Table("stage", "exercise", "wrong answer", "lost", "named as", box=None, pad_edge=False)
    total = named = wrong = 0
    for m in mutants(grader, wanted):
        said, style = ", ".join(m.said), "" if list(m.said) == m.expected else "red"
        row = (m.stage[:2], m.exercise, m.name, str(m.lost), said)
        shown.add_row(*(Text(text, style=style) for text in row))
        total, named = total + 1, named + bool(m.said)
        wrong += list(m.said) != m.expected
    console = Console()
    console.print(shown)
    console.print(f"{total} wrong answers, {named} named ({named / total:.0%}), {wrong} misnamed")
    raise SystemExit(wrong > 0)


if __name__ == "__main__":
    main()
