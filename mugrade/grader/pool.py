"""Workers on this machine: submissions go out to them, results come back as they come.

It is made by hand, for the death of one worker, at any moment, costs nobody else anything: each has
a socket of its own. concurrent.futures and loky give up all that is waiting when one dies; in
Pebble they share a lock, with which one can die.
"""

import contextlib
import logging
import math
import os
import pickle
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import mugrade
from mugrade.grader.grade import CourseKey
from mugrade.grader.results import Result, Status
from mugrade.grader.submissions import Submission, by_student
from mugrade.sandbox.job import Limits, SandboxError
from mugrade.sandbox.tiers import Tier

log = logging.getLogger(__name__)

OfStudents = Mapping[str, Mapping[str, Submission]]  # student -> stage -> submission

TOO_SLOW, KILLED = -getattr(signal, "SIGXCPU", 24), -getattr(signal, "SIGKILL", 9)
LATE = -1000  # in place of an exit status
TRIES = 3  # for a submission at which a worker has died, which may not be why
TICK = 1.0  # seconds without a result
PATIENCE = 60.0  # seconds beyond those that the sandbox may take
ALONE = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # as many workers as cores


@dataclass(frozen=True)
class Allowance:
    """What a worker may use: seconds of processor time for a submission, bytes beyond its start."""

    seconds: int = 10
    memory: int = 2 << 30


ALLOWANCE = Allowance()


class Ended(Exception):
    """A worker has ended; `status` is its exit status, negative for a signal."""

    def __init__(self, status: int, said: str = "") -> None:
        super().__init__(status, said)
        self.status, self.said = status, said

    def __str__(self) -> str:
        return ": ".join(filter(None, [status_name(self.status), self.said]))


class Worker:
    """A worker process, as the head sees it. `key` is a pickled CourseKey.

    It answers once when it is ready, and then once for each request. What it leaves behind when it
    is killed lies in `scratch`. `task` is the submission that it has been given, if any.
    """

    def __init__(
        self, key: bytes, tier: Tier, scratch: str, allowance: Allowance = ALLOWANCE
    ) -> None:
        self.ready, self.late = False, False
        self.task: Submission | None = None
        self.deadline = math.inf
        self.stderr = tempfile.TemporaryFile()  # noqa: SIM115 (closed in close)
        ours, theirs = socket.socketpair()
        home = str(Path(mugrade.__file__).parents[1])
        path = os.pathsep.join(filter(None, [home, os.environ.get("PYTHONPATH")]))
        with theirs:
            self.popen = subprocess.Popen(
                [sys.executable, "-P", "-m", "mugrade.grader.worker", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stderr=self.stderr,
                pass_fds=(theirs.fileno(),),
                env={**os.environ, **ALONE, "PYTHONPATH": path, "TMPDIR": scratch},
                start_new_session=True,
            )
        self.connection = Connection(ours.detach())
        with contextlib.suppress(OSError):  # why it has ended, `answer` says
            self.connection.send_bytes(key)
            self.connection.send((tier, allowance))

    @property
    def is_busy(self) -> bool:
        """Whether it will answer."""
        return not self.ready or self.task is not None

    def ask(self, *request: Any) -> None:
        """Send a method of Grader and its arguments; raises Ended."""
        try:
            self.connection.send(request)
        except OSError:
            raise self._ended() from None

    def answer(self, seconds: float | None = None) -> Any:
        """What it says next; raises Ended, also for one that takes longer and is ended."""
        try:
            if not self.connection.poll(seconds):
                self.late = True
                self.popen.kill()
            return self.connection.recv()
        except (EOFError, OSError, pickle.UnpicklingError):
            raise self._ended() from None

    def _ended(self) -> Ended:
        """How it has ended; it is ended if it has not done so by itself."""
        try:
            status = self.popen.wait(timeout=1)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            status = self.popen.wait()
        self.stderr.seek(0)
        said = self.stderr.read().decode(errors="replace").strip().rpartition("\n")[2]
        self.close()
        return Ended(LATE if self.late else status, said)

    def close(self) -> None:
        """Hang up, at which it ends by itself; one that does not is killed."""
        self.connection.close()
        self.stderr.close()
        try:
            self.popen.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()


class Pool:
    """Grades on `jobs` workers of this machine."""

    def __init__(
        self, key: CourseKey, tier: Tier, jobs: int, allowance: Allowance = ALLOWANCE
    ) -> None:
        self.key, self.tier, self.jobs, self.allowance = key, tier, jobs, allowance
        self.pickled = pickle.dumps(key)
        self.scratch = tempfile.TemporaryDirectory(prefix="mugrade-")
        self.workers: dict[Connection, Worker] = {}
        self.tries: Counter[Submission] = Counter()

    def grade_all(
        self,
        submissions: Sequence[Submission],
        every: Sequence[Submission] = (),
        stopped: Callable[[], bool] = lambda: False,
    ) -> Iterator[Sequence[Result]]:
        """Yield results as they come, in any order, and nothing where none comes for a second.

        Raises SandboxError if no worker starts. `every`: what students handed in of other stages,
        which a stage may be graded on. Once `stopped` says so no other submission is begun; those
        that are running are finished.
        """
        of = by_student([*submissions, *every])
        waiting = deque(sorted(submissions, key=lambda s: s.stage))  # a sandbox has one stage ready
        while waiting or any(worker.task for worker in self.workers.values()):
            if stopped():
                waiting.clear()
            self._hand_out(waiting, of)
            come = [self._result(worker, waiting, of) for worker in self._answering()]
            if not stopped():
                self._hand_out(waiting, of)  # before anything is done with the results
            yield [result for result in come if result]

    def _hand_out(self, waiting: deque[Submission], of: OfStudents) -> None:
        """Give what is waiting to those who are free, and hire more if there are too few."""
        for worker in [w for w in self.workers.values() if not w.is_busy][: len(waiting)]:
            submission = waiting.popleft()
            try:
                worker.ask("grade", submission, of[submission.student])
                worker.task = submission
                worker.deadline = time.monotonic() + longest(self.key.limits_of(submission.stage))
            except Ended as ended:
                log.warning("a worker has ended (%s), and another one is started", ended)
                del self.workers[worker.connection]
                waiting.appendleft(submission)
        starting = sum(not worker.ready for worker in self.workers.values())
        for _ in range(min(len(waiting) - starting, self.jobs - len(self.workers))):
            worker = Worker(self.pickled, self.tier, self.scratch.name, self.allowance)
            self.workers[worker.connection] = worker

    def _answering(self) -> Iterator[Worker]:
        """Workers that have answered or ended; one that takes too long is ended."""
        busy = [connection for connection, worker in self.workers.items() if worker.is_busy]
        for connection in wait(busy, timeout=TICK):
            assert isinstance(connection, Connection)
            yield self.workers[connection]
        for worker in self.workers.values():
            if worker.task and time.monotonic() > worker.deadline:
                worker.late = True
                worker.popen.kill()

    def _result(self, worker: Worker, waiting: deque[Submission], of: OfStudents) -> Result | None:
        """What a worker says of its submission; None if it has none, or if it is tried again."""
        task, worker.task = worker.task, None
        try:
            answer: Result | None = worker.answer()
            worker.ready = True
            return answer
        except Ended as ended:
            del self.workers[worker.connection]
            if task is None:
                raise SandboxError(f"a worker does not start: {ended}") from None
            self.tries[task] += 1
            how = status_name(ended.status)
            log.warning("%s %s: its worker has ended (%s)", task.student, task.stage, how)
            if ended.status in (TOO_SLOW, LATE) or self.tries[task] == TRIES:
                return unread(
                    self.key, task, of[task.student], ended.status, self.allowance.seconds
                )
            waiting.appendleft(task)
            return None

    def close(self) -> None:
        """End all workers, whatever they are doing."""
        for worker in self.workers.values():
            if worker.is_busy:
                worker.popen.kill()
        for worker in self.workers.values():
            worker.close()
        self.scratch.cleanup()


def unread(
    key: CourseKey,
    submission: Submission,
    of_student: Mapping[str, Submission],
    status: int,
    seconds: int = ALLOWANCE.seconds,
) -> Result:
    """The result of a submission at which workers have ended, which had so many seconds.

    What somebody else has ended, or what waited too long, is not the submission's fault.
    """
    kind, reason = Status.UNREADABLE, f"whatever reads it ends ({status_name(status)})"
    if status == TOO_SLOW:
        reason = f"it took longer than {seconds} s to read"
    elif status == KILLED:
        kind, reason = Status.FAILED, "its workers were killed"
    elif status == LATE:
        kind, reason = (
            Status.FAILED,
            f"no answer within {longest(key.limits_of(submission.stage)):.0f} s",
        )
    return key.unread(submission, of_student, kind, reason)


def longest(limits: Limits) -> float:
    """The seconds after which a submission should be done: it may be run twice."""
    return 2 * (limits.total + 2 * limits.load) + PATIENCE


def status_name(status: int) -> str:
    """An exit status as people call it."""
    if status == LATE:
        return "it took too long"
    try:
        return signal.Signals(-status).name if status < 0 else f"status {status}"
    except ValueError:
        return f"signal {-status}"
