"""`mugrade grade` from submissions to results: grade what is out of date, store, show, write."""

import contextlib
import os
import secrets
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout
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

from mugrade.author.course import Course
from mugrade.errors import Unreadable
from mugrade.grader.fingerprint import Fingerprints
from mugrade.grader.interrupt import Interrupt
from mugrade.grader.moved import Move, show_moves
from mugrade.grader.publish import Publisher
from mugrade.grader.report import class_table
from mugrade.grader.results import Result
from mugrade.grader.roster import Roster
from mugrade.grader.store import NAME, Attempt, Store
from mugrade.grader.submissions import Confirm, Submission, by_student, find_submissions
from mugrade.messages import printable
from mugrade.sandbox.probe import strongest
from mugrade.sandbox.process import Limits
from mugrade.sandbox.tiers import WEAK, Tier

LOCK = ".mugrade.lock"
SECRET = ".secret"
FINISHING = "finishing what is running; Ctrl-C again stops at once"


@dataclass(frozen=True)
class Order:
    """What is to be graded, how, and where results go; no `stages` means all of them.

    `confirm_class` is asked about students of whom only the archive of a class says that they are.
    """

    course: Course
    folder: Path
    out: Path
    limits: Limits
    stages: Sequence[str] = ()
    own: bool = False
    jobs: int = 1
    url: str | None = None
    force: bool = False
    accept_weak: bool = False
    scheduler: str | None = None
    roster: Roster | None = None
    confirm_class: Confirm | None = None


@dataclass(frozen=True)
class Plan:
    """The submissions of an order, and which of them have no result that is up to date."""

    order: Order
    store: Store
    every: Sequence[Submission]
    chosen: Sequence[Submission]
    fingerprints: Mapping[Submission, str]
    old: Mapping[tuple[str, str], Attempt]

    @property
    def todo(self) -> list[Submission]:
        return [s for s in self.chosen if self.order.force or not self._up_to_date(s)]

    def _up_to_date(self, submission: Submission) -> bool:
        """A failure of the grader itself is tried again."""
        attempt = self.old.get((submission.student, submission.stage))
        return (
            attempt is not None
            and attempt.status != "failed"
            and attempt.fingerprint == self.fingerprints[submission]
        )


def grade_class(order: Order, console: Console) -> bool:
    """Grade what is out of date, store and publish each result; False if it was interrupted."""
    with planned(order, console) as plan, closing(publishing(plan)) as publisher:
        todo = plan.todo
        graded = 0
        with stopping(console) as (bar, interrupt):
            for result in grading(plan, todo, bar, interrupt):
                attempt = plan.store.add(result, plan.fingerprints[result.submission])
                publisher.add(result, attempt.mark)
                graded += 1
        finish(plan, publisher, console)
    left = len(todo) - graded
    console.print(f"{graded} graded, {len(plan.chosen) - len(todo)} up to date", highlight=False)
    if left:
        console.print(
            f"interrupted: {left} left; the same command again goes on with them", highlight=False
        )
    return not left


def regrade_class(order: Order, console: Console, confirm: Callable[[], bool]) -> bool:
    """Grade what is out of date and show what would move; stored only once it is confirmed."""
    with planned(order, console) as plan:
        todo = plan.todo
        with stopping(console) as (bar, interrupt):
            results = list(grading(plan, todo, bar, interrupt))
        if len(results) < len(todo):
            console.print("interrupted: nothing is written")
            return False
        results.sort(key=lambda r: (r.submission.student, r.submission.stage))
        before = {(a.student, a.stage): a for a in plan.store.with_checks(list(plan.old.values()))}
        moves = [Move(before.get((r.submission.student, r.submission.stage)), r) for r in results]
        show_moves(moves, len(plan.chosen) - len(todo), console)
        if not results:
            return True
        if not confirm():
            console.print("nothing is written")
            return True
        for result in results:
            plan.store.add(result, plan.fingerprints[result.submission])
        with closing(publishing(plan)) as publisher:
            finish(plan, publisher, console)
    return True


@contextmanager
def planned(order: Order, console: Console) -> Iterator[Plan]:
    """What there is to do, with the store open and nobody else writing there."""
    with tempfile.TemporaryDirectory(prefix="mugrade-") as scratch:
        stages = [stage.name for stage in order.course.stages]
        every = find_submissions(
            order.folder, stages, Path(scratch), order.roster, order.confirm_class
        )
        yield from _planned(order, every, console)


def _planned(order: Order, every: Sequence[Submission], console: Console) -> Iterator[Plan]:
    chosen = [s for s in every if not order.stages or s.stage in order.stages]
    if not chosen:
        raise Unreadable(f"{order.folder}: nobody has handed in {', '.join(order.stages)}")
    demand_writable(order.out)
    lock = FileLock(order.out / LOCK, timeout=0)
    try:
        with lock, closing(Store.create(order.url or order.out / NAME)) as store:
            with console.status("looking for what has changed"):
                of = by_student(every)
                prints = Fingerprints(order.course, order.limits, order.own)
                fingerprints = {s: prints.of(s, of[s.student]) for s in chosen}
                old = {(a.student, a.stage): a for a in store.all_current()}
            yield Plan(order, store, every, chosen, fingerprints, old)
    except Timeout:
        raise Unreadable(f"{order.out}: another mugrade grade is writing there") from None


def grading(
    plan: Plan, todo: Sequence[Submission], bar: Progress, interrupt: Interrupt
) -> Iterator[Result]:
    """Grade `todo`, one result at a time as they come."""
    if not todo:
        return
    task = bar.add_task("running the reference", total=None)
    from mugrade.grader.cluster import Cluster
    from mugrade.grader.grade import Grader

    order = plan.order
    stages = dict.fromkeys(s.stage for s in todo)
    secret = own_secret(order.out / SECRET)
    with contextlib.ExitStack() as stack:
        jobs, elsewhere, tier = order.jobs, None, WEAK  # here only the reference runs
        if order.scheduler:
            cluster = stack.enter_context(Cluster(order.scheduler, order.accept_weak))
            jobs, elsewhere = cluster.jobs, cluster.run
        else:
            tier = demand_sandbox(order.accept_weak, bar.console)
        grader = Grader(order.course, stages, order.limits, order.own, tier, secret, elsewhere)
        stack.callback(grader.close)
        for text in grader.too_weak:
            bar.console.print(text, markup=False, highlight=False)
        bar.remove_task(task)
        task = bar.add_task("grading", total=len(todo))
        for result in grader.grade_all(todo, jobs, plan.every, lambda: interrupt.asked):
            yield result
            name = f"{printable(result.submission.student)} {result.submission.stage}"
            bar.update(task, advance=1, description=FINISHING if interrupt.asked else name)


def demand_sandbox(accept_weak: bool, console: Console) -> Tier:
    """The strongest sandbox that holds here; raises Unreadable if it is not strong enough."""
    found = strongest()
    if not found.reason:
        return found.tier
    if not accept_weak:
        raise Unreadable(
            f"no strong sandbox ({found.reason}): if you trust every submission, "
            "add --accept-weak-sandbox"
        )
    console.print(f"sandbox: {found.tier.name} ({found.reason})", markup=False, highlight=False)
    return found.tier


def own_secret(path: Path) -> bytes:
    """The secret that seeds hidden inputs: made once, readable by the grader only, then kept.

    Whoever has it, and the draws of a result, can draw the same inputs again, which is what an
    appeal needs.
    """
    with contextlib.suppress(FileExistsError):
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        os.write(fd, secrets.token_hex(32).encode())
        os.close(fd)
    secret = path.read_bytes().strip()
    if not secret:
        raise Unreadable(f"{path}: the secret of the hidden inputs is empty; delete the file")
    return secret


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

    with bar, Interrupt(first, second) as interrupt:
        yield bar, interrupt


def publishing(plan: Plan) -> Publisher:
    notebooks = {(s.student, s.stage): s.path for s in plan.every}
    return Publisher(plan.order.out, plan.order.course, plan.store, notebooks)


def finish(plan: Plan, publisher: Publisher, console: Console) -> None:
    """Show the table of what is there, and write what is out of date from the store."""
    attempts = plan.store.all_current()
    stages = {s.stage for s in plan.chosen}
    console.print(class_table([a for a in attempts if a.stage in stages]))
    with console.status("writing") as status:
        paths = publisher.finish(attempts, status.update)
    for name, path in paths.items():
        console.print(f"{name:<10} {path}", markup=False, highlight=False, soft_wrap=True)


def demand_writable(out: Path) -> None:
    """Make the folder, and raise Unreadable before hours of grading if nothing can go there."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=out).close()
    except OSError as error:
        raise Unreadable(f"{out}: results cannot be written there ({error.strerror})") from None
