"""The work of writing what counts, in shares: done here, or by as many processes as are of use."""

import logging
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
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

FEW = 4  # shares, which are written before processes would have started
AHEAD = 2  # shares that wait for each process
NOT_TO_BE_HAD = (OSError, ImportError, NotImplementedError)  # where there are no semaphores

_scribe: "Scribe"  # of this process


@dataclass(frozen=True)
class Share:
    """Results, without their checks, that an output is to write."""

    make: type[Output]
    standings: Sequence[Standing]


@dataclass(frozen=True)
class Written:
    """What became of a share: whether there was news, or why it could not be written."""

    is_news: bool = False
    error: Exception | None = None


class Scribe:
    """Writes shares, from a store of its own."""

    def __init__(self, out: Path, course: Course, store: Store) -> None:
        self.out, self.course, self.store = out, course, store

    def write(self, share: Share) -> Written:
        """Write a share."""
        try:
            output = share.make(self.out, self.course, self.store)
            some = share.standings
            read = self.store.with_checks(some) if output.reads_checks else some
            return Written(output.write(read))
        except Exception as error:  # it must not stop the others
            return Written(error=error)


class Scribes:
    """Write shares in `jobs` processes, where there are more than a few; the caller closes them."""

    def __init__(self, here: Scribe, jobs: int) -> None:
        self.here = here
        self.jobs = 1 if here.store.is_in_memory else jobs

    def write(self, shares: Sequence[Share]) -> Iterator[tuple[Share, Written]]:
        """Write all shares, in any order; what processes leave over, or cannot, is written here."""
        left = dict(enumerate(shares))
        if self.jobs > 1 and (len(shares) > FEW or "_pool" in vars(self)):
            for number, written in self._elsewhere(shares):
                yield left.pop(number), written
        for share in left.values():
            yield share, self.here.write(share)

    def _elsewhere(self, shares: Sequence[Share]) -> Iterator[tuple[int, Written]]:
        """The numbers of shares that processes have written, until one dies or cannot be had."""
        waiting, running = iter(enumerate(shares)), dict[Future[Written], int]()
        try:
            while True:
                for number, share in islice(waiting, AHEAD * self.jobs - len(running)):
                    running[self._pool.submit(_write, share)] = number
                if not running:
                    return
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    yield running[future], future.result()
                    del running[future]
        except (BrokenProcessPool, *NOT_TO_BE_HAD) as error:
            log.warning("the processes that write files cannot be used (%s)", error)
            self.close()

    @cached_property
    def _pool(self) -> ProcessPoolExecutor:
        here = self.here
        of = here.out, here.course, here.store.url
        return ProcessPoolExecutor(self.jobs, get_context("spawn"), _begin, of)

    def close(self) -> None:
        if pool := vars(self).pop("_pool", None):
            pool.shutdown(cancel_futures=True)


def _begin(out: Path, course: Course, url: URL) -> None:
    global _scribe
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_parent()
    _scribe = Scribe(out, course, Store(url))


def _write(share: Share) -> Written:
    return _scribe.write(share)
