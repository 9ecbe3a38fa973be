"""`python -m bench.scale`: what a class of any size costs on any number of cores, calculated.

Measured, with everything written, by grading a smaller and a larger class of the same thirty
submissions of one stage: the processor time of the head, which finds, hands out, receives and
stores, and that of all others, the workers with their sandboxes and the processes that write files.
The difference, divided by the number of submissions between, is what one more costs; the rest is
start-up. The head is measured once with two workers of its own and once with two of a cluster,
whose scheduler is another process. Of what travels and of what stays the bytes are counted. A
run that finds nothing new is measured by itself.

Calculated, for a number of submissions N and of cores c:

    hours = (start-up + N * max(others / c, head)) / 3600; with one core others + head

Assumed: every core is as fast as those measured; submissions are like the sample, right and wrong
in turn, and none of them hangs (one that does holds its core for the limit of `mugrade grade
--seconds`); all workers are there from the beginning; the network carries what the last column
says; the head is one process, so it uses one core however many it has.
"""

import json
import pickle
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer
from distributed import LocalCluster
from rich.console import Console
from rich.table import Table

from bench.grading import ENVIRONMENT, ROOT
from bench.measure import adopt_orphans, run, scratch
from bench.submissions import COUNT, STAGE, hand_in, submissions
from mugrade.course.reading import load_course
from mugrade.course.settings import Settings
from mugrade.grader.results import PackedNotebook
from mugrade.grader.store import Store

SIZES = (10 * COUNT, 50 * COUNT)
STORED = 3000
CORES = (1, 2, 8, 32, 64, 128)


@dataclass(frozen=True)
class Each:
    """What one submission costs: seconds of processor time, and bytes."""

    start: float
    head: float
    others: float
    sent: float
    kept: float

    def hours(self, count: int, cores: int) -> float:
        return (self.start + count * self.seconds(cores)) / 3600

    def seconds(self, cores: int) -> float:
        return self.others + self.head if cores == 1 else max(self.others / cores, self.head)

    def bound(self, cores: int) -> str:
        return "the others" if self.others / cores > self.head else "the head"

    def megabits(self, cores: int) -> float:
        return self.sent / self.seconds(cores) * 8 / 1e6


@dataclass(frozen=True)
class Class:
    """What a whole class has cost: seconds of processor time and on the clock, bytes."""

    head: float
    others: float
    wall: float
    sent: float
    kept: float


def graded(folder: Path, texts: Sequence[str], count: int, scheduler: str) -> Class:
    """Grade a class of so many with everything written; on a cluster others are not counted."""
    submitted, out = folder / "submitted", folder / "out"
    hand_in([texts[i % COUNT] for i in range(count)], STAGE, submitted)
    out.mkdir()
    said: list[str] = []
    command = grading(submitted, out, ["--scheduler", scheduler] if scheduler else ["--jobs", "2"])
    cost = run(command, folder, ENVIRONMENT, said.append, alone=not scheduler)
    head = json.loads(said[0].splitlines()[-1])["head"]
    kept = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    return Class(head, cost.cpu - head, cost.wall, sent(out / "results.db"), kept)


def grading(submitted: Path, out: Path, options: Sequence[str]) -> list[str]:
    """The command that grades a class, and prints what its head has cost."""
    words = ["grade", str(submitted), "--course", str(ROOT), "--out", str(out)]
    return [sys.executable, "-m", "bench.head", *words, "--accept-weak-sandbox", *options]


def nothing_new(folder: Path, texts: Sequence[str]) -> float:
    """The seconds on the clock of a run that finds STORED results, and nothing new."""
    hand_in([texts[i % COUNT] for i in range(STORED)], STAGE, folder / "submitted")
    command = grading(folder / "submitted", folder / "out", ["--jobs", "2"])
    return [run(command, folder, ENVIRONMENT).wall for _ in range(3)][-1]


def sent(path: Path) -> float:
    """The bytes that travel of the notebooks and results of a class."""
    with closing(Store.open(path)) as store:
        found = list(store.with_checks(store.standings(Settings())))
        contents = (store.notebook(standing.attempt) or b"" for standing in found)
        packed = sum(len(PackedNotebook.of(content).packed) for content in contents)
    results = [standing.attempt.result for standing in found]
    return packed + sum(len(pickle.dumps((r, [g.columns for g in r.grades]))) for r in results)


def measured(folder: Path, texts: Sequence[str], scheduler: str = "") -> Each:
    """The cost of one submission, with workers here or of a cluster."""
    small, large = SIZES
    few = graded(folder / "few", texts, small, scheduler)
    many = graded(folder / "many", texts, large, scheduler)

    def each(cost: str) -> float:
        return (getattr(many, cost) - getattr(few, cost)) / (large - small)

    start = few.wall - small * each("wall")
    return Each(start, each("head"), each("others"), each("sent"), each("kept"))


def table(each: Each, count: int) -> Table:
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("cores", "hours", "times one core", "bound by", "Mbit/s"):
        shown.add_column(name, justify="left" if name == "bound by" else "right")
    for cores in CORES:
        hours = each.hours(count, cores)
        shown.add_row(
            str(cores),
            f"{hours:.2f}",
            f"{each.hours(count, 1) / hours:.1f}",
            each.bound(cores),
            f"{each.megabits(cores):.0f}",
        )
    return shown


def main(
    count: Annotated[int, typer.Option(help="Submissions of one stage.", min=1)] = 100_000,
) -> None:
    """Measure one submission, calculate many."""
    console = Console()
    adopt_orphans()
    course = load_course(ROOT)
    texts = submissions(course, course.find(STAGE))
    workers = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with scratch() as name, console.status("measuring"):
        here = measured(Path(name) / "here", texts)
        again = nothing_new(Path(name) / "again", texts)  # first: a cluster leaves a process
        with LocalCluster(**workers) as local:
            there = measured(Path(name) / "there", texts, local.scheduler_address)
    console.print(f"with nothing new: {again:.2f} s for {STORED:,} results", highlight=False)
    for each, where in ((here, "here"), (replace(here, head=there.head), "on a cluster")):
        console.print(
            f"{where}, each of {count:,} submissions of {STAGE}: head {each.head * 1e3:.2f} ms, "
            f"others {each.others * 1e3:.1f} ms, {each.sent / 1e3:.0f} kB sent, "
            f"{each.kept / 1e3:.0f} kB kept; start-up {each.start:.1f} s",
            highlight=False,
        )
        console.print(table(each, count))


if __name__ == "__main__":
    typer.run(main)
