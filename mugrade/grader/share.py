"""Files of their own for many results, written by as many processes as there are cores."""

import logging
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import cached_property
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

from sqlalchemy import URL

from mugrade.course.model import Course
from mugrade.grader.outputs.output import Output
from mugrade.grader.policy import Standing
from mugrade.grader.store import Store
from mugrade.sandbox.kernel import die_with_parent

log = logging.getLogger(__name__)

AT_ONCE = 100  # results, for which a process is asked or a transaction made
WORTH_IT = 2 * AT_ONCE  # results, below which starting processes takes longer than writing
AHEAD = 2  # requests that wait for each process

_scribe: "Scribe"  # of this process


class Scribe:
    """Writes results as outputs of a kind, with a store of its own."""

    def __init__(self, out: Path, course: Course, url: URL) -> None:
        self.out, self.course, self.store = out, course, Store(url)

    def write(self, make: type[Output], standings: Sequence[Standing]) -> int:
        """Write results, given without their checks; returns how many."""
        output = make(self.out, self.course, self.store)
        output.write(list(self.store.with_checks(standings)))
        return len(standings)


class Scribes:
    """Processes that each have a Scribe; the caller closes them."""

    def __init__(self, out: Path, course: Course, store: Store, jobs: int) -> None:
        self.of = out, course, store.url
        self.jobs = 1 if store.is_in_memory else jobs

    def are_worth_it(self, count: int) -> bool:
        return self.jobs > 1 and count >= WORTH_IT

    def write(self, make: type[Output], standings: Sequence[Standing]) -> Iterator[int]:
        """Write results, and tell of how many that is done.

        Ends early if a process has died; raises OSError if something cannot be written.
        """
        some = batches(standings)
        try:
            waiting = {self._ask(make, s) for s in islice(some, AHEAD * self.jobs)}
            while waiting:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                waiting |= {self._ask(make, s) for s in islice(some, len(done))}
                yield sum(future.result() for future in done)
        except BrokenProcessPool as error:
            log.warning("a process that writes files has ended (%s)", error)
            self.close()

    def _ask(self, make: type[Output], standings: Sequence[Standing]) -> "Future[int]":
        return self._pool.submit(_write, make, standings)

    @cached_property
    def _pool(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(self.jobs, get_context("spawn"), _begin, self.of)

    def close(self) -> None:
        if pool := vars(self).pop("_pool", None):
            pool.shutdown(cancel_futures=True)


def batches(standings: Sequence[Standing]) -> Iterator[Sequence[Standing]]:
    """A few of them at a time."""
    for start in range(0, len(standings), AT_ONCE):
        yield standings[start : start + AT_ONCE]


def _begin(out: Path, course: Course, url: URL) -> None:
    global _scribe
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_parent()
    _scribe = Scribe(out, course, url)


def _write(make: type[Output], standings: Sequence[Standing]) -> int:
    return _scribe.write(make, standings)
