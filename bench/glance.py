"""`python -m bench.glance`: what `mugrade report` costs for a class, in seconds and memory.

The class is made up and put straight into a results database: a student has an ability, a check a
difficulty, and the logistic model says who passes; who fails makes one of the mistakes that the
course knows of the exercise, in a notebook that holds it.
"""

import json
import random
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from math import exp
from pathlib import Path
from typing import Annotated

import typer

from bench.grading import ENVIRONMENT, ROOT
from bench.measure import run
from mugrade.course.listing import make_manifest
from mugrade.course.manifest import CheckEntry
from mugrade.course.model import Course, Mistake, Stage
from mugrade.course.reading import load_course
from mugrade.grader.attempts import Basis
from mugrade.grader.results import Grade, PackedNotebook, Result, Status
from mugrade.grader.store import NAME, Store
from mugrade.grader.submissions import Submission
from mugrade.values import Category
from mugrade.values.verdict import Verdict
from sample_class.students import cell, solved

SECTIONS = ("Mon 10", "Mon 14", "Tue 10", "Tue 14", "Wed 10")
FIRST = datetime(2026, 9, 7, 8, tzinfo=UTC)
DAY, WEEK = timedelta(days=1), timedelta(days=7)
BASIS = Basis("made up", "0")


class MadeUpClass:
    """Results of students called student000, student001 ... at every stage of a course."""

    def __init__(self, course: Course, students: int, seed: int = 0) -> None:
        self.course, self.random = course, random.Random(seed)
        self.checks: dict[str, list[CheckEntry]] = {}
        for entry in make_manifest(course).checks:
            self.checks.setdefault(entry.stage, []).append(entry)
        self.ability = {f"student{i:03}": self.random.gauss(1.2, 1.2) for i in range(students)}
        self.hard = {c.id: self.random.gauss(0, 1) for found in self.checks.values() for c in found}
        self.notebooks: dict[tuple[str, int], PackedNotebook] = {}

    def results(self) -> Iterator[Result]:
        for week, stage in enumerate(self.course.stages):
            for student in self.ability:
                yield self._result(stage, student, FIRST + week * WEEK)

    def _result(self, stage: Stage, student: str, start: datetime) -> Result:
        ability, chance = self.ability[student], self.random.random()
        handed_in = start + self.random.betavariate(5 + ability.real, 2) * 7.2 * DAY
        submission = Submission(student, stage.name, None, handed_in=handed_in)
        status = Status.GRADED
        if chance < 0.04 + 0.1 * (ability < 0):
            status = Status.MISSING
        elif chance > 0.995:
            status = Status.UNREADABLE
        if status != Status.GRADED:
            unknown = Verdict(Category.NOT_RUN)
            grades = [Grade(entry, unknown) for entry in self.checks[stage.name]]
            return Result(submission, status, "it cannot be read", grades)
        made = self._mistake(stage)
        grades = [Grade(e, self._verdict(e, ability, made)) for e in self.checks[stage.name]]
        return Result(submission, status, "", grades, notebook=self._notebook(stage, made))

    def _mistake(self, stage: Stage) -> Mistake | None:
        """One of the stage's, the first ones more often."""
        known = stage.mistakes
        if not known:
            return None
        return known[min(int(self.random.expovariate(0.5)), len(known) - 1)]

    def _verdict(self, entry: CheckEntry, ability: float, made: Mistake | None) -> Verdict:
        passes = 1 / (1 + exp(-(ability - self.hard[entry.id])))
        if self.random.random() < passes:
            return Verdict(Category.PASS)
        named = made.diagnosis if made and made.of == entry.of else None
        return Verdict(Category.VALUE, "1.0", "2.0", "at [0]", diagnosis=named)

    def _notebook(self, stage: Stage, made: Mistake | None) -> PackedNotebook:
        """The solved notebook with the mistake in it."""
        key = stage.name, stage.mistakes.index(made) if made else -1
        if key not in self.notebooks:
            notebook = solved(self.course, stage)
            if made:
                exercise = cell(notebook, made.of)
                exercise["source"] = made.made_in(exercise["source"])
            self.notebooks[key] = PackedNotebook.of(json.dumps(notebook).encode())
        return self.notebooks[key]


def make_up(course: Course, folder: Path, students: int) -> Path:
    """A folder of results, and beside it a roster with sections."""
    folder.mkdir(parents=True, exist_ok=True)
    made = MadeUpClass(course, students)
    with closing(Store.create(folder / NAME)) as store:
        store.add_all([(result, BASIS) for result in made.results()])
    rows = (f"{who},{SECTIONS[i % len(SECTIONS)]}" for i, who in enumerate(made.ability))
    (folder / "roster.csv").write_text("\n".join(["student,section", *rows, ""]))
    return folder


def main(
    students: Annotated[int, typer.Option(help="In the class.", min=1)] = 300,
    keep: Annotated[Path | None, typer.Option(help="Make the class here, and keep it.")] = None,
) -> None:
    """Make up a class, write its report, with and without sections."""
    course = load_course(ROOT)
    with tempfile.TemporaryDirectory() as name:
        out = make_up(course, keep or Path(name) / "out", students)
        words = ["-m", "bench.head", "report", "--course", str(ROOT), "--out", str(out)]
        for more in ([], ["--roster", str(out / "roster.csv")]):
            said: list[str] = []
            cost = run([sys.executable, *words, *more], out, ENVIRONMENT, said.append)
            own = json.loads(said[0].splitlines()[-1])
            size = (out / "report.html").stat().st_size / 1e6
            print(
                f"{students} students, {len(course.stages)} stages"
                f"{f', {len(SECTIONS)} sections' if more else ''}: {cost.wall:.1f} s "
                f"({own['head']:.1f} s of processor time), {own['peak'] or 0:.0f} MB at most, "
                f"page {size:.1f} MB"
            )


if __name__ == "__main__":
    typer.run(main)
