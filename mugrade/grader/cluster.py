"""Grade on a cluster: the workers of a dask.distributed scheduler each start one of ours.

A submission travels once, as its compressed notebook, with others; the key of the course once to
each machine.
"""

import contextlib
import logging
import pickle
import platform
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address
from queue import Empty, Queue
from typing import Any
from urllib.parse import urlsplit

from mugrade.errors import MissingExtra, Unreadable
from mugrade.extras import demand_libraries
from mugrade.grader.grade import CourseKey, Grader
from mugrade.grader.pool import (
    KILLED,
    LATE,
    TICK,
    TOO_SLOW,
    TRIES,
    Ended,
    OfStudents,
    Worker,
    longest,
    unread,
)
from mugrade.grader.results import PackedNotebook, Result
from mugrade.grader.submissions import Submission, by_student
from mugrade.package.ipynb import read_bytes
from mugrade.sandbox.job import SandboxError
from mugrade.sandbox.libraries import Libraries
from mugrade.sandbox.probe import strongest
from mugrade.sandbox.process import Sandbox
from mugrade.sandbox.tiers import WEAK

AHEAD = 2  # tasks that are on their way, for each that is being worked on
AT_ONCE, ENOUGH = 16, 5.0  # submissions in a task; seconds after which it begins no other one
_own = threading.local()  # the worker of this thread of a dask worker


class Cluster:
    """A connection to a scheduler, `tls://host:port`, with the certificates of dask's settings.

    Raises Unreadable if nobody answers there, or if anybody who reaches it could run programs: over
    `tcp://` on another machine, unless the network is trusted.
    """

    def __init__(
        self,
        address: str,
        accept_weak: bool = False,
        timeout: float = 10.0,
        trust_network: bool = False,
    ) -> None:
        from distributed import Client

        if not trust_network:
            demand_private(address)
        logging.getLogger("distributed").setLevel(logging.ERROR)
        self.accept_weak = accept_weak
        try:
            self.client: Any = Client(address, timeout=timeout, set_as_default=False)
        except (OSError, TypeError, ValueError) as error:
            raise Unreadable(f"no scheduler at {address}: {error}") from None
        if not self.jobs:
            self.client.close()
            raise Unreadable(f"the scheduler at {address} has no workers: start some")

    @property
    def jobs(self) -> int:
        """How many submissions its workers grade at once."""
        return sum(self.client.nthreads().values())

    def pool(self, key: CourseKey) -> "ClusterPool":
        """What grades with a key on this cluster."""
        return ClusterPool(key, self)

    def close(self) -> None:
        self.client.close()


def demand_private(address: str) -> None:
    """Raise Unreadable if a scheduler may be open to others, who could run programs by it."""
    url = urlsplit(address)
    is_here = url.hostname == "localhost"
    with contextlib.suppress(ValueError):
        is_here = is_here or ip_address(url.hostname or "").is_loopback
    if url.scheme != "tls" and not is_here:
        raise Unreadable(
            f"{address}: whoever reaches an open scheduler runs programs on its workers, and on "
            "this machine: give it a certificate and write tls://, or add --trust-network if "
            "nobody else can reach it"
        )


@dataclass(frozen=True)
class Sent:
    """A submission that is on its way, with what is sent of it, and how long it may take."""

    submission: Submission
    notebook: PackedNotebook
    earlier: Mapping[str, PackedNotebook]
    seconds: float


class ClusterPool:
    """Grades on a cluster as Pool does here."""

    def __init__(self, key: CourseKey, cluster: Cluster) -> None:
        self.key, self.cluster, self.client = key, cluster, cluster.client
        self.pickled = self.client.scatter(pickle.dumps(key), broadcast=True)
        self.grader = Grader(key, Sandbox(WEAK))  # reads, and never runs anything

    def grade_all(
        self,
        submissions: Sequence[Submission],
        every: Sequence[Submission] = (),
        stopped: Callable[[], bool] = lambda: False,
    ) -> Iterator[Sequence[Result]]:
        """Yield results as they come, as Pool.grade_all does."""
        of = by_student([*submissions, *every])
        waiting = deque(submissions)
        packed = deque[Sent]()  # what came back, because there was no time for it or somebody died
        running: dict[Any, Sequence[Sent]] = {}
        done: Queue[Any] = Queue()
        while True:
            here: list[Result] = []
            while (
                (waiting or packed) and len(running) < AHEAD * self.cluster.jobs and not stopped()
            ):
                some = [packed.popleft()] if packed else self._some(waiting, of, here)
                if some:
                    future = self._submit(some)
                    running[future] = some
                    future.add_done_callback(done.put)
            yield here
            if not running:
                return
            come = [f for f in _arrived(done) if f in running]
            yield [r for f in come for r in self._results(f, running.pop(f), of, packed)]

    def _some(
        self, waiting: deque[Submission], of: OfStudents, here: list[Result]
    ) -> Sequence[Sent]:
        """The next submissions to send: fewer towards the end, so that all workers end at once.

        A result where there is nothing to send goes to `here`.
        """
        count = len(waiting) // (AHEAD * self.cluster.jobs)
        read: list[Sent] = []
        for _ in range(max(1, min(count, AT_ONCE))):
            submission = waiting.popleft()
            sent = self._read(submission, of[submission.student])
            if isinstance(sent, Result):
                here.append(sent)
            else:
                read.append(sent)
        return read

    def _read(self, submission: Submission, of_student: Mapping[str, Submission]) -> Sent | Result:
        """What to send; a result where there is nothing to send."""
        try:
            content = read_bytes(submission.path) if submission.path else None
        except Unreadable:
            content = None
        if content is None:
            return self.grader.grade(submission, of_student)
        earlier = self.key.earlier(submission.stage, of_student)
        return Sent(
            submission,
            PackedNotebook.of(content),
            earlier,
            longest(self.key.limits_of(submission.stage)),
        )

    def _submit(self, some: Sequence[Sent]) -> Any:
        libraries = self.key.course.settings.libraries
        arguments = self.pickled, libraries, self.cluster.accept_weak, some
        return self.client.submit(judge_there, *arguments, pure=False, retries=TRIES)

    def _results(
        self, future: Any, some: Sequence[Sent], of: OfStudents, packed: deque[Sent]
    ) -> Iterator[Result]:
        """What came of submissions; those that nothing came of are sent again, one by one."""
        from distributed import KilledWorker

        try:
            found: Sequence[Result | int] = future.result()
        except KilledWorker:
            found = [KILLED] if len(some) == 1 else []
        packed.extend(some[len(found) :])
        for sent, one in zip(some, found, strict=False):
            if isinstance(one, Result):
                yield replace(one, notebook=sent.notebook, earlier=sent.earlier)
            else:
                yield unread(self.key, sent.submission, of[sent.submission.student], one)

    def close(self) -> None:
        self.grader.close()


def _arrived(done: Queue[Any]) -> Iterator[Any]:
    """What has come, or what comes within a second."""
    with contextlib.suppress(Empty):
        yield done.get(timeout=TICK)
        while True:
            yield done.get_nowait()


def judge_there(
    pickled: bytes, libraries: Libraries, accept_weak: bool, some: Sequence[Sent]
) -> Sequence[Result | int]:
    """Judge the first submissions, those that ENOUGH seconds are enough for, but at least one.

    Of one at which workers of this thread end it is their exit status. Raises SandboxError if the
    sandbox is not strong, and MissingExtra where a library of the course is not installed.
    """
    began = time.monotonic()
    found: list[Result | int] = []
    for sent in some:
        if found and time.monotonic() > began + ENOUGH:
            break
        found.append(_judged(pickled, libraries, accept_weak, sent))
    return found


def _judged(pickled: bytes, libraries: Libraries, accept_weak: bool, sent: Sent) -> Result | int:
    status = 0
    for _ in range(TRIES):
        worker = _worker(pickled, libraries, accept_weak)
        try:
            worker.ask("judge", sent.submission, sent.notebook, sent.earlier)
            result: Result = worker.answer(sent.seconds)
            return result
        except Ended as ended:
            del _own.worker
            status = ended.status
            if status in (TOO_SLOW, LATE):
                break
    return status


def _worker(pickled: bytes, libraries: Libraries, accept_weak: bool) -> Worker:
    """The worker of this thread, which has this key."""
    if getattr(_own, "pickled", None) != pickled and hasattr(_own, "worker"):
        _own.worker.close()
        del _own.worker
    if not hasattr(_own, "worker"):
        demand_there(libraries)
        found = strongest()
        if found.reason and not accept_weak:
            raise SandboxError(f"a worker has no strong sandbox ({found.reason})")
        tier = replace(found.tier, libraries=libraries)
        worker = Worker(pickled, tier, tempfile.gettempdir())
        try:
            worker.answer()  # that it is ready
        except Ended as ended:
            raise SandboxError(f"a worker does not start: {ended}") from None
        _own.worker, _own.pickled = worker, pickled
    mine: Worker = _own.worker
    return mine


def demand_there(libraries: Libraries) -> None:
    """Raise MissingExtra, which names this machine, where a library of the course is missing."""
    try:
        demand_libraries(libraries)
    except MissingExtra as error:
        raise MissingExtra(f"on the worker {platform.node()}: {error}") from None
