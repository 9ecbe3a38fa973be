"""What an order to grade comes to: the submissions, and which of them have to be graded."""

import logging
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout
from rich.console import Console

from mugrade.course.model import Course
from mugrade.course.roster import Roster
from mugrade.course.settings import Settings
from mugrade.errors import Unreadable
from mugrade.garbage import nothing_to_collect
from mugrade.grader.attempts import Basis, in_order
from mugrade.grader.drawn import Draws
from mugrade.grader.final import NOTHING_SAID, Reviews
from mugrade.grader.fingerprint import Fingerprints, handed_in, judging
from mugrade.grader.hashes import HASHES, KnownHashes
from mugrade.grader.log import logged
from mugrade.grader.models import Attempt, Pin
from mugrade.grader.policy import Standing, candidates, choose
from mugrade.grader.results import Result, Status
from mugrade.grader.store import NAME, Store
from mugrade.grader.submissions import Confirm, Key, Submission, by_student, find_submissions
from mugrade.grader.turns import earlier_turns
from mugrade.reference.world import demand_world
from mugrade.sandbox.limits import Limits
from mugrade.view.report import printable

if TYPE_CHECKING:
    from mugrade.grader.keys import Keys

log = logging.getLogger(__name__)

LOCK = ".mugrade.lock"


@dataclass(frozen=True)
class Order:
    """What is to be graded, how, and where results go; no `stages` or `students` means all.

    With `stored`, also what was handed in earlier and lies in the folder no more. `confirm_class`
    is asked about students of whom only the archive of a class says that they are.
    """

    course: Course
    folder: Path
    out: Path
    limits: Limits
    stages: Sequence[str] = ()
    students: Sequence[str] = ()
    own: bool = False
    jobs: int = 1
    url: str | None = None
    force: bool = False
    stored: bool = False
    accept_weak: bool = False
    scheduler: str | None = None
    trust_network: bool = False
    roster: Roster | None = None
    confirm_class: Confirm | None = None

    @property
    def settings(self) -> Settings:
        return self.course.settings

    def wants(self, student: str, stage: str) -> bool:
        """Whether a student's stage is asked for."""
        return (not self.stages or stage in self.stages) and (
            not self.students or student in self.students
        )


@dataclass(frozen=True)
class Plan:
    """The submissions of an order, and which of them have no result that is up to date.

    `present` lies in the folder, `earlier` was handed in before that, `again` is graded again from
    the store, and `every` is what students' later stages are graded on if that is their own.
    """

    order: Order
    store: Store
    present: Sequence[Submission]
    every: Sequence[Submission]
    again: Mapping[Submission, Attempt]
    histories: Mapping[Key, Sequence[Attempt]]
    pins: Mapping[Key, Pin]
    reviews: Mapping[Key, Reviews]
    prints: Fingerprints
    draws: Draws
    scratch: Path
    earlier: Sequence[Submission] = ()

    @cached_property
    def chosen(self) -> list[Submission]:
        """What was ordered; that nothing lies there is no news where something once did."""
        wanted = (s for s in self.present if self.order.wants(s.student, s.stage))
        earlier = (s for s in self.earlier if self.order.wants(s.student, s.stage))
        here = (s for s in wanted if s.path or not in_order(self._history(s)))
        return [*earlier, *here, *self.again]

    @cached_property
    def todo(self) -> list[Submission]:
        """What has to be graded: all that is chosen and is not up to date."""
        of = by_student(self.every)
        return [s for s in self.chosen if self.order.force or not self._up_to_date(s, of)]

    def _up_to_date(self, s: Submission, of: Mapping[str, Mapping[str, Submission]]) -> bool:
        """A failure of the grader itself is tried again, and other inputs are asked again."""
        if s.turn:
            return False
        history = self._history(s)
        if s in self.again:
            history = [a for a in history if a.hand_in == self.again[s].hand_in]
        last = (in_order(history) or history)[-1:]
        return bool(
            last
            and last[0].status != Status.FAILED
            and last[0].fingerprint == self.prints.of(s, of.get(s.student, {}))
            and self._has_its_draws(last[0])
        )

    def _has_its_draws(self, attempt: Attempt) -> bool:
        """Whether an attempt was asked what would be asked now."""
        return attempt.status != Status.GRADED or attempt.draws == self._draws_of(attempt.stage)

    def _draws_of(self, stage: str) -> Mapping[str, int]:
        known = self.draws.known(stage)
        return self.keys.draws_of(stage) if known is None else known

    @cached_property
    def keys(self) -> "Keys":
        """The keys of the stages; they load all that grades, which a plan alone does not need."""
        from mugrade.grader.keys import Keys

        return Keys(self.draws)

    def _history(self, submission: Submission) -> Sequence[Attempt]:
        return self.histories.get((submission.student, submission.stage), ())

    def basis(self, result: Result) -> Basis:
        """What the result of a submission of this plan was graded with."""
        again = self.again.get(result.submission)
        return replace(self.prints.basis(result), hand_in=again.hand_in if again else None)

    def standing(self, key: Key, more: Sequence[Attempt] = ()) -> Standing | None:
        """What counts of a student's stage before this order, or with more attempts."""
        attempts = [*self.histories.get(key, ()), *more]
        settings = self.order.settings
        said = self.reviews.get(key, NOTHING_SAID)
        return choose(attempts, settings, self.pins.get(key), said) if attempts else None

    @property
    def standings(self) -> list[Standing]:
        """What counts of everybody before this order."""
        return [found for key in self.histories if (found := self.standing(key))]

    @property
    def stale(self) -> int:
        """How many results of what lies in the folder no more another course or mugrade gave."""
        here = {(s.student, s.stage) for s in (*self.present, *self.again) if s.path}
        gone = [key for key in self.histories if key not in here and self.order.wants(*key)]
        attempts = [standing.attempt for key in gone if (standing := self.standing(key))]
        now = {(stage, course, judging()) for stage, course in self.prints.courses.items()}
        known = [a for a in attempts if a.notebook and a.stage in self.prints.courses]
        return sum(
            (a.stage, a.course, a.grader) not in now or not self._has_its_draws(a) for a in known
        )


@contextmanager
def planned(order: Order, console: Console) -> Iterator[Plan]:
    """What there is to do, with the store open and nobody else writing there.

    Raises MissingExtra and CourseError where the course cannot be run here.
    """
    demand_world(order.course)
    with tempfile.TemporaryDirectory(prefix="mugrade-") as name:
        stages = [stage.name for stage in order.course.stages]
        present = find_submissions(
            order.folder, stages, Path(name), order.roster, order.confirm_class
        )
        with opened_results(order.out, order.url, console) as store:
            with console.status("looking for what has changed"), nothing_to_collect():
                hashes = KnownHashes(order.out / HASHES)
                plan = make_plan(order, store, present, Path(name), hashes)
                _demand_known(order, {*by_student(present), *(key[0] for key in plan.histories)})
                if not plan.todo and not plan.chosen:
                    who, what = ", ".join(order.students), ", ".join(order.stages)
                    text = f"{who or 'nobody'} has handed in {what or 'nothing'}"
                    raise Unreadable(f"{order.folder}: {text}")
                if not order.stages and not order.students:
                    hashes.keep()
            yield plan


@contextmanager
def opened_results(out: Path, url: str | None, console: Console) -> Iterator[Store]:
    """The results of the folder `out`, to write to; nobody else does until this ends."""
    demand_writable(out)
    try:
        with (
            FileLock(out / LOCK, timeout=0),
            closing(Store.create(url or out / NAME)) as store,
            logged(out),
        ):
            if store.said:
                log.info(store.said)
                console.print(store.said, markup=False, highlight=False, soft_wrap=True)
            yield store
    except Timeout:
        raise Unreadable(f"{out}: another mugrade grade is writing there") from None


def demand_writable(out: Path) -> None:
    """Make the folder, and raise Unreadable before hours of grading if nothing can go there."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=out).close()
    except OSError as error:
        raise Unreadable(f"{out}: results cannot be written there ({error.strerror})") from None


def _demand_known(order: Order, names: Collection[str]) -> None:
    """Raise Unreadable if nobody is called what a student was called in the order."""
    for name in order.students:
        if name not in names:
            near = get_close_matches(name, names) or sorted(names)[:5]
            there = ", ".join(map(printable, near))
            raise Unreadable(
                f"{order.folder}: nobody is called {printable(name)}: there is {there}"
            )


def make_plan(
    order: Order, store: Store, present: Sequence[Submission], scratch: Path, hashes: KnownHashes
) -> Plan:
    """The plan for what lies in the folder and, where that is asked for, in the store."""
    prints = Fingerprints(order.course, order.limits, order.own, hashes.of)
    reviews = store.reviews()  # first: what they are about is read with its checks
    histories, pins = store.histories(), store.pins()
    draws = Draws(order.out, order.course, prints.courses)
    plan = Plan(
        order, store, present, present, {}, histories, pins, reviews, prints, draws, scratch
    )
    plan = replace(plan, earlier=list(earlier_turns(order.folder, present, histories)))
    if order.own:
        there = {(s.student, s.stage) for s in present if s.path}
        counting = (plan.standing(key) for key in plan.histories if key not in there)
        stored = [written(s.attempt, store, scratch) for s in counting if s and s.attempt.notebook]
        plan = replace(plan, every=[*present, *stored])
    return replace(plan, again=dict(_again(plan))) if order.stored else plan


def _again(plan: Plan) -> Iterator[tuple[Submission, Attempt]]:
    """What may count by the policy, and lies in the folder no more."""
    there = {(s.student, s.stage, handed_in(s)) for s in plan.present}
    stages = {stage.name for stage in plan.order.course.stages}
    for (student, stage), history in plan.histories.items():
        if stage in stages and plan.order.wants(student, stage):
            for a in candidates(history, plan.order.settings) or in_order(history)[-1:]:
                if a.notebook and (student, stage, a.notebook) not in there:
                    yield written(a, plan.store, plan.scratch), a


def written(attempt: Attempt, store: Store, scratch: Path) -> Submission:
    """What an attempt graded, as a file again."""
    path = scratch / f"attempt-{attempt.id}.ipynb"
    path.write_bytes(store.notebook(attempt) or b"")
    return replace(attempt.submission, path=path)
