"""Grade on a cluster: the workers of a dask.distributed scheduler each start one of ours.

A submission travels once, as its compressed notebook; the key of the course once to each machine.
"""

import contextlib
import logging
import pickle
import platform
import tempfile
import threading
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
from mugrade.grader.pool import KILLED, LATE, TICK, TOO_SLOW, TRIES, Ended, Worker, longest, unread
from mugrade.grader.results import PackedNotebook, Result
from mugrade.grader.submissions import Submission, by_student
from mugrade.package.ipynb import read_bytes
from mugrade.sandbox.job import SandboxError
from mugrade.sandbox.libraries import Libraries
from mugrade.sandbox.probe import strongest
from mugrade.sandbox.process import Sandbox
from mugrade.sandbox.tiers import WEAK

AHEAD = 2  # submissions that are on their way, for each that is being graded
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
        running: dict[Any, Sent] = {}
        done: Queue[Any] = Queue()
        while True:
            here = []
            while waiting and len(running) < AHEAD * self.cluster.jobs and not stopped():
                submission = waiting.popleft()
                sent = self._read(submission, of[submission.student])
                if isinstance(sent, Result):
                    here.append(sent)
                    continue
                future = self._submit(sent)
                running[future] = sent
                future.add_done_callback(done.put)
            yield here
            if not running:
                return
            come = [f for f in _arrived(done) if f in running]
            yield [self._result(future, running.pop(future), of) for future in come]

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

    def _submit(self, sent: Sent) -> Any:
        libraries = self.key.course.settings.libraries
        arguments = self.pickled, libraries, self.cluster.accept_weak, sent
        return self.client.submit(judge_there, *arguments, pure=False, retries=TRIES)

    def _result(
        self, future: Any, sent: Sent, of: Mapping[str, Mapping[str, Submission]]
    ) -> Result:
        from distributed import KilledWorker

        try:
            found = future.result()
        except Ended as ended:
            found = ended.status
        except KilledWorker:
            found = KILLED
        if isinstance(found, Result):
            return replace(found, notebook=sent.notebook, earlier=sent.earlier)
        return unread(self.key, sent.submission, of[sent.submission.student], found)

    def close(self) -> None:
        self.grader.close()


def _arrived(done: Queue[Any]) -> Iterator[Any]:
    """What has come, or what comes within a second."""
    with contextlib.suppress(Empty):
        yield done.get(timeout=TICK)
        while True:
            yield done.get_nowait()


def judge_there(
    pickled: bytes, libraries: Libraries, accept_weak: bool, sent: Sent
) -> Result | int:
    """Judge a submission with the worker of this thread; the status of one that took too long.

    Raises Ended where it is worth trying again, SandboxError if the sandbox is not strong, and
    MissingExtra where a library of the course is not installed.
    """
    worker = _worker(pickled, libraries, accept_weak)
    try:
        worker.ask("judge", sent.submission, sent.notebook, sent.earlier)
        result: Result = worker.answer(sent.seconds)
        return result
    except Ended as ended:
        del _own.worker
        if ended.status in (TOO_SLOW, LATE):
            return ended.status
        raise


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
