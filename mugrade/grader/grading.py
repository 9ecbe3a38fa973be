"""Grading what has to be graded, by a pool of workers here or on a cluster."""

import contextlib
import logging
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import chain

from rich.console import Console
from rich.progress import Progress

from mugrade.errors import Unreadable
from mugrade.grader.grade import CourseKey
from mugrade.grader.interrupt import FINISHING, Interrupt
from mugrade.grader.plan import Plan
from mugrade.grader.pool import Pool
from mugrade.grader.results import Result, Status
from mugrade.grader.submissions import Submission
from mugrade.grader.turns import in_turn
from mugrade.sandbox.job import DEATHS
from mugrade.sandbox.probe import strongest
from mugrade.sandbox.process import Sandbox
from mugrade.sandbox.tiers import WEAK, Tier
from mugrade.view.report import printable

log = logging.getLogger(__name__)


def grading(
    plan: Plan, todo: Sequence[Submission], bar: Progress, interrupt: Interrupt
) -> Iterator[Sequence[Result]]:
    """Grade `todo`, and yield what has come, at least once a second."""
    task = bar.add_task("running the reference", total=None)
    order = plan.order
    with contextlib.ExitStack() as stack:
        tier, cluster = WEAK, None  # here only the reference runs
        if order.scheduler:
            from mugrade.grader.cluster import Cluster

            found = Cluster(order.scheduler, order.accept_weak, trust_network=order.trust_network)
            cluster = stack.enter_context(closing(found))
        else:
            tier = demand_sandbox(order.accept_weak, bar.console)
        tier = replace(tier, libraries=order.course.settings.libraries)
        key = make_key(plan, {s.stage for s in todo}, tier)
        for text in key.too_weak:
            bar.console.print(text, markup=False, highlight=False)
        bar.remove_task(task)
        task = bar.add_task("grading", total=len(todo))
        workers = cluster.pool(key) if cluster else Pool(key, tier, order.jobs)
        stack.enter_context(closing(workers))
        turns = (workers.grade_all(s, plan.every, lambda: interrupt.asked) for s in in_turn(todo))
        for results in chain.from_iterable(turns):
            yield results
            for result in results:
                tell(result)
                name = " ".join(map(printable, result.submission.key))
                bar.update(task, advance=1, description=FINISHING if interrupt.asked else name)


def make_key(plan: Plan, stages: Collection[str], tier: Tier) -> CourseKey:
    """The key of what is to be graded; what it takes time to find out is kept."""
    order = plan.order
    wanted = [stage.name for stage in order.course.stages if stage.name in stages]
    with closing(Sandbox(tier)) as sandbox:
        keys = {name: plan.keys.key(name, sandbox) for name in wanted}
    return CourseKey(order.course, keys, order.limits, order.own)


def tell(result: Result) -> None:
    """Log a result, and what the sandbox had to stop or to refuse."""
    student, stage = result.submission.student, result.submission.stage
    points = f"{result.points} points" if result.status == Status.GRADED else result.reason
    log.log(
        logging.WARNING if result.status == Status.FAILED else logging.INFO,
        "%s %s: %s, %s",
        student,
        stage,
        result.status,
        points,
    )
    if result.refused:
        calls = ", ".join(result.refused)
        log.info("%s %s: the sandbox refused it system calls: %s", student, stage, calls)
    for grade in result.grades:
        verdict = grade.verdict
        if verdict.category in DEATHS:
            why = verdict.actual or verdict.category
            log.info("%s %s: %s: %s", student, stage, grade.check.id, why)


def demand_sandbox(accept_weak: bool, console: Console) -> Tier:
    """The strongest sandbox that holds here; raises Unreadable if it is not strong enough."""
    found = strongest()
    log.info("sandbox: %s %s", found.tier.name, found.reason and f"({found.reason})")
    if not found.reason:
        return found.tier
    if not accept_weak:
        raise Unreadable(
            f"no strong sandbox ({found.reason}): if you trust every submission, "
            "add --accept-weak-sandbox"
        )
    console.print(f"sandbox: {found.tier.name} ({found.reason})", markup=False, highlight=False)
    return found.tier
