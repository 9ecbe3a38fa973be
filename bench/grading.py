"""`python -m bench.grading`: what grading a submission costs, here and elsewhere.

The same thirty submissions of one stage, half of them wrong, are graded by `mugrade grade` with
one and two workers, by `nbgrader autograde`, by `otter run`, and by nobody: the floor is the same
student code and the same checks called in a warm process.

Each system grades a smaller and a larger class. The difference, divided by the number of the
others, is what one more submission costs; the rest is start-up. For the slow systems these are the
first few and all thirty; for `mugrade grade` the same thirty in ten classes together and in thirty,
because what it does once for a class (run the reference, make its known mistakes, start processes
that write files) is start-up, not what a submission costs. It is measured several times, with one
worker and two in turn, and the median counts: a machine that others use too is not always as fast.
CPU time is that of the whole process tree (bench/measure.py says how).

`--otter PYTHON` names the interpreter of an environment that has otter-grader beside mugrade:
`make bench-grading` makes one in build/bench. `--without nbgrader` leaves a system out, and
`--peers 6` lets nbgrader and otter, which are slow, grade no more than six of the submissions.
`--stage 00` takes another stage. The floor calls each check once, with its hidden inputs, also
where a grader stops at the shown ones: where checks compute for long, it may lie above the rest.
"""

import csv
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from bench.measure import Cost, adopt_orphans, run, scratch
from bench.otter import otter_notebook, write_autograder
from bench.submissions import COUNT, FEW, STAGE, hand_in, submissions
from mugrade.author.build import build_course, nbgrader_root
from mugrade.course.model import Course, Stage
from mugrade.course.reading import load_course
from mugrade.reference.record import check_tasks, record_answers
from mugrade.sandbox.probe import strongest
from mugrade.sandbox.process import Sandbox

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
ENVIRONMENT = {
    **os.environ,
    "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
    "PYTHONPATH": str(ROOT),
}
GET_OTTER = "not installed: make bench-grading installs it"
HEADINGS = ("CPU s", "over floor", "ratio", "wall s", "start CPU s", "start wall s", "same points")
TARGET_OVERHEAD, TARGET_SPEED_UP = 0.03, 1.85
Scores = dict[str, float]


@dataclass(frozen=True)
class System:
    """A row: `grade` takes a folder of submissions and a folder to write to."""

    name: str
    grade: Callable[[Path, Path], tuple[Cost, Scores]]
    sizes: tuple[int, int]


@dataclass(frozen=True)
class Row:
    """What a smaller and a larger class cost, and the points of the larger."""

    system: System
    small: Cost
    large: Cost
    scores: Scores

    @property
    def name(self) -> str:
        return self.system.name

    @property
    def each(self) -> Cost:
        """The cost of one more submission."""
        small, large = self.system.sizes
        more = large - small
        cpu, wall = self.large.cpu - self.small.cpu, self.large.wall - self.small.wall
        return Cost(cpu / more, wall / more)

    @property
    def start_up(self) -> Cost:
        small, _ = self.system.sizes
        each = self.each
        return Cost(self.small.cpu - small * each.cpu, self.small.wall - small * each.wall)


def floor(stage: str) -> Callable[[Path, Path], tuple[Cost, Scores]]:
    def grade(submitted: Path, out: Path) -> tuple[Cost, Scores]:
        command = [sys.executable, "-m", "bench.floor", str(ROOT), stage, str(submitted)]
        said: list[str] = []
        run(command, out, ENVIRONMENT, said.append)
        return Cost(**json.loads(said[0].splitlines()[-1])), {}

    return grade


def mugrade(stage: str, jobs: int) -> Callable[[Path, Path], tuple[Cost, Scores]]:
    def grade(submitted: Path, out: Path) -> tuple[Cost, Scores]:
        words = ["grade", str(submitted), "--course", str(ROOT), "--stage", stage]
        options = ["--out", str(out), "--jobs", str(jobs), "--accept-weak-sandbox"]
        command = [sys.executable, "-m", "mugrade", *words, *options]
        cost = run(command, out, ENVIRONMENT)
        scores: Scores = {}
        with (out / "grades.csv").open(encoding="utf-8") as file:
            for row in csv.DictReader(file):
                scores[row["student"]] = scores.get(row["student"], 0) + int(row["points"])
        return cost, scores

    return grade


def nbgrader(stage: str, instructor: Path) -> Callable[[Path, Path], tuple[Cost, Scores]]:
    def grade(submitted: Path, out: Path) -> tuple[Cost, Scores]:
        root = out / "course"
        shutil.copytree(instructor, root)
        shutil.copytree(submitted, root / "submitted")

        def call(*words: str) -> Cost:
            options = [f"--CourseDirectory.root={root}"]
            return run([sys.executable, "-m", "nbgrader", *words, *options], root, ENVIRONMENT)

        call("generate_assignment", stage, "--create", "--force")
        cost = call("autograde", stage, "--create")
        call("export", "--assignment", stage)
        with (root / "grades.csv").open(encoding="utf-8") as file:
            return cost, {r["student_id"]: float(r["score"]) for r in csv.DictReader(file)}

    return grade


def otter(
    python: Path, autograder: Path, stage: Stage
) -> Callable[[Path, Path], tuple[Cost, Scores]]:
    program = str(python.with_name("otter"))

    def grade(submitted: Path, out: Path) -> tuple[Cost, Scores]:
        total, scores = Cost(0, 0), Scores()
        for path in sorted(submitted.rglob("*.ipynb")):
            folder = out / path.parts[-3]
            folder.mkdir()
            notebook = folder / path.name
            notebook.write_text(otter_notebook(path.read_text("utf-8"), stage), encoding="utf-8")
            command = [program, "run", "-a", str(autograder), "-o", str(folder), str(notebook)]
            cost = run(command, folder, ENVIRONMENT)
            total = Cost(total.cpu + cost.cpu, total.wall + cost.wall)
            results = json.loads((folder / "results.json").read_text("utf-8"))
            scores[path.parts[-3]] = sum(test.get("score", 0) for test in results["tests"])
        return total, scores

    return grade


def instructor_course(folder: Path) -> Path:
    """The nbgrader course that `mugrade build` writes, below `folder`."""
    without = shutil.ignore_patterns("needle")
    shutil.copytree(ROOT / "solutions", folder / "solutions", ignore=without)
    data = Path("notebooks", "data", "digits")
    shutil.copytree(ROOT / data, folder / data)
    course = load_course(folder)
    build_course(course)
    return nbgrader_root(course)


def otter_autograder(course: Course, stage: Stage, folder: Path) -> Path:
    folder.mkdir()
    with closing(Sandbox(strongest().tier)) as sandbox:
        answers = record_answers(course, stage, check_tasks(stage), sandbox)
    return write_autograder(course, stage, answers, folder)


def measure(system: System, texts: Sequence[str], stage: str, folder: Path) -> Row:
    """Grade the smaller class and the larger one, which begins with the same submissions."""

    def grade(count: int) -> tuple[Cost, Scores]:
        submitted, out = folder / f"{count}" / "submitted", folder / f"{count}" / "out"
        hand_in([texts[i % COUNT] for i in range(count)], stage, submitted)
        out.mkdir()
        return system.grade(submitted, out)

    small, _ = grade(system.sizes[0])
    large, scores = grade(system.sizes[1])
    return Row(system, small, large, scores)


def in_turn(
    systems: Sequence[System], rounds: int, texts: Sequence[str], stage: str, folder: Path
) -> list[list[Row]]:
    """Measure one system after the other, and all of them again."""
    return [
        [measure(system, texts, stage, folder / f"{system.name} {i}") for system in systems]
        for i in range(rounds)
    ]


def table(rows: Sequence[Row], missing: Sequence[tuple[str, str]]) -> Table:
    bottom, own = rows[0], rows[1]
    shown = Table(box=None, pad_edge=False, header_style="bold")
    shown.add_column("system", no_wrap=True)
    for name in HEADINGS:
        shown.add_column(name, justify="right")
    for row in rows:
        start_up = row.start_up
        own_start = row is not bottom
        shown.add_row(
            row.name,
            f"{row.each.cpu:.3f}",
            f"{row.each.cpu - bottom.each.cpu:.3f}" if own_start else "",
            f"{row.each.cpu / own.each.cpu:.1f}",
            f"{row.each.wall:.3f}",
            f"{start_up.cpu:.1f}" if own_start else "",
            f"{start_up.wall:.1f}" if own_start else "",
            agreement(row, own) if row.scores else "",
        )
    for name, why in missing:
        shown.add_row(name)
        shown.caption = f"{name}: {why}"
    return shown


def agreement(row: Row, own: Row) -> str:
    """To how many submissions a system gives the points that `mugrade grade` gives."""
    common = row.scores.keys() & own.scores.keys()
    return f"{sum(row.scores[who] == own.scores[who] for who in common)}/{len(common)}"


def median(rows: Iterable[Row]) -> Row:
    """The one in the middle, by its seconds on the clock."""
    found = sorted(rows, key=lambda row: row.each.wall)
    return found[len(found) // 2]


def summary(rows: Sequence[Row], turns: Sequence[Sequence[Row]]) -> list[str]:
    """The targets, and what they came to."""
    of = {row.name: row for row in rows}
    bottom, one = rows[0].each, rows[1].each
    overhead = one.cpu - bottom.cpu
    lines = [f"mugrade: {overhead:.3f} CPU s over the floor (to reach: {TARGET_OVERHEAD})"]
    for name, times in (("nbgrader autograde", 25), ("otter run", 100)):
        if name in of:
            ratio = (of[name].each.cpu - bottom.cpu) / overhead
            lines.append(f"{name}: {ratio:.0f} times that (to reach: {times})")
    ratios = sorted(first.each.wall / second.each.wall for first, second in turns)
    found = ", ".join(f"{ratio:.2f}" for ratio in ratios)
    return [*lines, f"two workers: {found} times one (to reach: {TARGET_SPEED_UP})"]


def main(
    otter_python: Annotated[
        Path, typer.Option("--otter", help="The Python that has otter-grader.")
    ] = ROOT / "build" / "bench" / "bin" / "python",
    without: Annotated[list[str] | None, typer.Option(help="Leave out nbgrader or otter.")] = None,
    peers: Annotated[
        int, typer.Option(help="How many submissions nbgrader and otter grade.", min=2, max=COUNT)
    ] = COUNT,
    name: Annotated[str, typer.Option("--stage", help="The stage, by name or number.")] = STAGE,
    rounds: Annotated[int, typer.Option(help="How often mugrade is measured.", min=1)] = 3,
) -> None:
    """Measure everything once, and print the table."""
    console = Console()
    adopt_orphans()
    course = load_course(ROOT)
    stage = course.find(name)
    texts = submissions(course, stage)
    left_out = without or []
    sizes = (min(FEW, peers // 2), peers)
    with scratch() as place:
        folder = Path(place)
        bottom = System("floor", floor(stage.name), (FEW, COUNT))
        own = [
            System(f"mugrade, {text}", mugrade(stage.name, jobs), (10 * COUNT, 30 * COUNT))
            for jobs, text in ((1, "1 worker"), (2, "2 workers"))
        ]
        with console.status("mugrade"):
            turns = in_turn(own, rounds, texts, stage.name, folder)
            rows = [measure(bottom, texts, stage.name, folder / bottom.name)]
            rows += [median(turn[k] for turn in turns) for k in range(len(own))]
        systems, missing = [], []
        if "nbgrader" not in left_out:
            instructor = instructor_course(folder / "instructor")
            systems.append(System("nbgrader autograde", nbgrader(stage.name, instructor), sizes))
        if otter_python.with_name("otter").exists() and "otter" not in left_out:
            autograder = otter_autograder(course, stage, folder / "autograder")
            systems.append(System("otter run", otter(otter_python, autograder, stage), sizes))
        elif "otter" not in left_out:
            missing.append(("otter run", GET_OTTER))
        for system in systems:
            try:
                with console.status(system.name):
                    rows.append(measure(system, texts, stage.name, folder / system.name))
            except RuntimeError as error:
                missing.append((system.name, str(error).splitlines()[-1]))
    console.print(table(rows, missing))
    for line in summary(rows, turns):
        console.print(line, highlight=False)


if __name__ == "__main__":
    typer.run(main)
