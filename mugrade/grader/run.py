"""`mugrade grade` from submissions to results: grade what is out of date, store, show, write."""

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from itertools import chain

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from mugrade.grader.attempts import next_row
from mugrade.grader.interrupt import FINISHING, Interrupt, interruptible
from mugrade.grader.models import Attempt
from mugrade.grader.moved import Move, show_moves
from mugrade.grader.outputs.output import AT_ONCE
from mugrade.grader.plan import Order, Plan, planned
from mugrade.grader.policy import Standing
from mugrade.grader.publish import Publisher
from mugrade.grader.report import class_table
from mugrade.grader.results import Result, Status
from mugrade.grader.submissions import Key, Submission

FEW = 100  # results that are shown when a class is graded


def grade_class(order: Order, console: Console) -> bool:
    """Grade what is out of date, store and publish each result; False if it was interrupted."""
    with planned(order, console) as plan:
        todo = plan.todo
        graded, count = set[Key](), 0
        with stopping(console) as (bar, interrupt), closing(Finished(plan)) as finished:
            for results in _graded(plan, todo, bar, interrupt):
                finished.add(results)
                graded |= {result.submission.key for result in results}
                count += len(results)
        publish(plan, console, graded)
    left = len(todo) - count
    console.print(f"{count} graded, {len(plan.chosen) - len(todo)} up to date", highlight=False)
    if left:
        console.print(
            f"interrupted: {left} left; the same command again goes on with them", highlight=False
        )
    return not left


def regrade_class(order: Order, console: Console, confirm: Callable[[], bool]) -> bool:
    """Grade what is out of date and show what would move; stored only once it is confirmed.

    What was handed in earlier, and lies in the folder no more, is graded from the store.
    """
    with planned(replace(order, stored=True), console) as plan:
        todo = plan.todo
        with stopping(console) as (bar, interrupt):
            results = list(chain.from_iterable(_graded(plan, todo, bar, interrupt)))
        if len(results) < len(todo):
            console.print("interrupted: nothing is written")
            return False
        show_moves(_moves(plan, results), len(results), len(plan.chosen) - len(todo), console)
        if not results:
            return True
        if not confirm():
            console.print("nothing is written")
            return True
        with closing(Finished(plan)) as finished:
            for result in results:
                finished.add([result])
        publish(plan, console, {result.submission.key for result in results})
    return True


def _moves(plan: Plan, results: Sequence[Result]) -> list[Move]:
    """What counts now and what would with the results, of each student's stage."""
    of: dict[Key, list[Attempt]] = defaultdict(list)
    for result in results:
        key = result.submission.student, result.submission.stage
        history = [*plan.histories.get(key, ()), *of[key]]
        of[key].append(Attempt.of(next_row(history, result, plan.basis(result)), result))
    now = [standing for key in of if (standing := plan.standing(key))]
    before = {standing.key: standing for standing in plan.store.with_checks(now)}
    moves = []
    for key in sorted(of):
        after = plan.standing(key, of[key])
        if after and after.attempt not in of[key]:
            (after,) = plan.store.with_checks([after])
        if after:
            moves.append(Move(before.get(key), after))
    return moves


def _graded(
    plan: Plan, todo: Sequence[Submission], bar: Progress, interrupt: Interrupt
) -> Iterator[Sequence[Result]]:
    """Grade `todo`, and yield what has come; what grades is loaded if there is something to do."""
    if todo:
        from mugrade.grader.grading import grading

        yield from grading(plan, todo, bar, interrupt)


class Rate(ProgressColumn):
    """Submissions per second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.1f}/s" if task.speed else "")


@contextmanager
def stopping(console: Console) -> Iterator[tuple[Progress, Interrupt]]:
    """A progress bar; the first Ctrl-C lets finish what is running, the second one does not."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeRemainingColumn(),
    )
    bar = Progress(*columns, console=console, transient=True)

    def first() -> None:
        for task in bar.task_ids:
            bar.update(task, description=FINISHING)

    def second() -> None:
        console.show_cursor(True)

    with bar, interruptible(first, second) as interrupt:
        yield bar, interrupt


class Finished:
    """Results on their way into the store, a second's together: a transaction takes its time."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.results = plan, list[Result]()
        self.stored = time.monotonic()

    def add(self, results: Sequence[Result]) -> None:
        """Store results, now or soon; to be called often, be it with nothing."""
        self.results += results
        if len(self.results) >= AT_ONCE or time.monotonic() - self.stored > 1:
            self.close()

    def close(self) -> None:
        """Store what is left."""
        results, self.results = self.results, []
        self.plan.store.add_all([(result, self.plan.basis(result)) for result in results])
        self.stored = time.monotonic()


def worth_showing(wanted: Sequence[Standing], graded: Collection[Key]) -> Sequence[Standing]:
    """All of a class of few; of many what was graded now, or of that what could not be."""
    if len(wanted) <= FEW:
        return wanted
    now = [standing for standing in wanted if standing.key in graded]
    if len(now) <= FEW:
        return now
    return [s for s in now if s.status in (Status.UNREADABLE, Status.FAILED)][:FEW]


def publish(plan: Plan, console: Console, graded: Collection[Key]) -> None:
    """Show what has been graded, and write what is out of date from the store."""
    order = plan.order
    with closing(Publisher(order.out, order.course, plan.store, order.jobs)) as publisher:
        standings = publisher.standings(None if graded else plan)
        stages = {s.stage for s in (*plan.present, *plan.again)}
        wanted = [s for s in standings if s.stage in stages and order.wants(*s.key)]
        if shown := worth_showing(wanted, graded):
            console.print(class_table(shown))
        if others := len(wanted) - len(shown):
            console.print(f"{others} more: mugrade grades shows all", highlight=False)
        with console.status("writing") as status:
            paths = publisher.finish(standings, status.update)
    for name, path in paths.items():
        console.print(f"{name:<10} {path}", markup=False, highlight=False, soft_wrap=True)
    if plan.stale:
        console.print(
            f"not in {order.folder}, and given by another course or mugrade: {plan.stale} of "
            "these results; mugrade grade --regrade shows who would move",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
