"""`python -m bench.engine`: how fast needle is, beside the limit and beside others.

Each system runs in a process of its own with a fixed number of threads, and all take turns: a
fraction of a second for each, then again, so that a busy moment of the machine hits all alike.
Shown are medians and their ratio to the limit, which is the same mathematics in hand-written
NumPy (bench/engine/limit.py). Before it is timed, a workload is checked: the first losses without
dropout, the values and gradients of a function, what a loader hands out are those of the limit,
or the row says what differs.

With one thread the time is that of the processor, which other programs on the machine do not
lengthen; with two it is that of the clock, so keep the machine quiet. `make bench-engine` installs
the other systems in build/engine. Ctrl-C prints what has been measured.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from statistics import median
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from bench.engine.process import Process
from bench.engine.systems import SYSTEMS
from bench.engine.work import Work, differs, workloads

LIMIT, MEMORY = "limit", "W5"
MEMORY_STEPS = 200


@dataclass
class Results:
    """What has been measured with a number of threads; `seconds[work][system]`."""

    threads: int
    seconds: dict[str, dict[str, float]] = field(default_factory=dict)
    memory: dict[str, dict[str, float]] = field(default_factory=dict)
    notes: dict[str, list[str]] = field(default_factory=dict)

    def note(self, system: str, text: str) -> None:
        notes = self.notes.setdefault(text, [])
        notes.extend([] if system in notes else [system])


@contextmanager
def started(names: Sequence[str], results: Results) -> Iterator[dict[str, Process]]:
    """A process for each system that is installed."""
    processes: dict[str, Process] = {}
    try:
        for name in names:
            process = processes[name] = Process(name, results.threads)
            answer = process.answer()
            if "ready" not in answer:
                results.note(name, answer.get("missing") or answer["failed"])
                processes.pop(name).stop()
        yield processes
    finally:
        for process in processes.values():
            process.stop()


def measure(
    work: Work, processes: dict[str, Process], results: Results, rounds: int, seconds: float
) -> None:
    """Check the workload in every system, then time it in turns."""
    ready: list[str] = []
    right: list[float] | None = None
    for name, process in processes.items():
        answer = process.ask(prepare=work.name)
        numbers = answer.get("numbers")
        if "failed" in answer:
            results.note(name, f"{work.name}: {answer['failed']}")
        elif numbers is not None:
            right = numbers if name == LIMIT else right
            if right and (difference := differs(numbers, right, work.tolerance)):
                results.note(name, f"{work.name}: {difference}")
            ready.append(name)
    times: dict[str, list[float]] = {name: [] for name in ready}
    for _ in range(rounds):
        for name in ready:
            times[name] += processes[name].ask(seconds=seconds).get("times", [])
        results.seconds[work.name] = {name: median(t) for name, t in times.items() if t}


def measure_memory(names: Sequence[str], results: Results) -> None:
    """In fresh processes, so that what was done before does not count."""
    for name in names:
        with started([name], Results(results.threads)) as processes:
            for process in processes.values():
                results.memory[name] = process.ask(memory=MEMORY_STEPS)


def table(results: Results, works: Sequence[Work]) -> Table:
    """A row for each system, for each workload the median and its ratio to the limit."""
    grid = Table(box=None, pad_edge=False, header_style="bold")
    grid.add_column("system", no_wrap=True)
    for work in works:
        grid.add_column(work.name, justify="right", no_wrap=True)
        grid.add_column("ratio", justify="right", no_wrap=True)
    for name in SYSTEMS:
        row: list[str] = []
        for work in works:
            medians = results.seconds[work.name]
            known = name in medians
            row.append(f"{work.shown(medians[name]):.4g}" if known else "")
            limit = medians.get(LIMIT)
            row.append(f"{medians[name] / limit:.2f}" if known and limit else "")
        if any(row):
            grid.add_row(name, *row)
    return grid


def memory_table(results: Results) -> Table:
    grid = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("system", "peak", "after the second step"):
        grid.add_column(name, justify="left" if name == "system" else "right", no_wrap=True)
    for name, answer in results.memory.items():
        if "peak" in answer:
            grid.add_row(name, f"{answer['peak']:.1f}", f"{answer['later']:.1f}")
    return grid


def show(console: Console, results: Results, works: Sequence[Work]) -> None:
    threads = f"{results.threads} thread{'s' * (results.threads > 1)}"
    done = [work for work in works if results.seconds.get(work.name)]
    for title, group in groupby(done, lambda work: work.title):
        console.print(f"{title}, {threads}", style="bold", highlight=False)
        console.print(table(results, list(group)), "")
    if results.memory:
        title = f"memory of W2 over {MEMORY_STEPS} steps, MB, {threads}"
        console.print(title, style="bold", highlight=False)
        console.print(memory_table(results), "")
    for text, names in results.notes.items():
        who = ", ".join(name.strip() for name in names)
        console.print(f"{who}: {text}", highlight=False, markup=False)


def chosen(names: Sequence[str] | None, known: Sequence[str], what: str) -> list[str]:
    """Those of the known names that were asked for, all by default."""
    unknown = set(names or ()) - {name.strip() for name in known}
    if unknown:
        choice = ", ".join(name.strip() for name in known)
        raise typer.BadParameter(f"no {what} {', '.join(sorted(unknown))}: choose from {choice}")
    return [name for name in known if not names or name.strip() in names]


def main(
    threads: Annotated[list[int] | None, typer.Option(min=1, help="How many threads.")] = None,
    work: Annotated[list[str] | None, typer.Option(help="Only this workload, such as W1.")] = None,
    system: Annotated[list[str] | None, typer.Option(help="Only this system.")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="How many turns each system gets.")] = 15,
    seconds: Annotated[float, typer.Option(min=0, help="How long a turn is.")] = 0.2,
) -> None:
    """Measure every workload in every system, with one thread and with two."""
    console = Console()
    console = Console(width=max(console.width, 100))
    works = workloads()
    groups = list(dict.fromkeys(each.group for each in works))
    wanted = chosen(work, [*groups, MEMORY], "workload")
    works = [each for each in works if each.group in wanted]
    names = chosen(system, list(SYSTEMS), "system")
    counts = threads or [1, 2]
    everything = [Results(count) for count in counts]
    try:
        with Progress(console=console, transient=True) as progress:
            task = progress.add_task("", total=len(counts) * (len(works) + (MEMORY in wanted)))
            for results in everything:
                with started(names, results) as processes:
                    for each in works:
                        text = f"{each.name}, threads: {results.threads}"
                        progress.update(task, description=text)
                        measure(each, processes, results, rounds, seconds)
                        progress.advance(task)
                if MEMORY in wanted:
                    progress.update(task, description="memory")
                    measure_memory(list(processes), results)
                    progress.advance(task)
    except KeyboardInterrupt:
        console.print("stopped: this is what has been measured")
    for results in everything:
        show(console, results, works)


if __name__ == "__main__":
    typer.run(main)
