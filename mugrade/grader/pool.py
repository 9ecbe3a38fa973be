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
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any

import mugrade
from mugrade.grader.grade import CourseKey
from mugrade.grader.results import Result, Status
from mugrade.grader.submissions import Submission, by_student
from mugrade.sandbox.job import SandboxError
from mugrade.sandbox.limits import Limits
from mugrade.sandbox.tiers import Tier

log = logging.getLogger(__name__)

OfStudents = Mapping[str, Mapping[str, Submission]]  # student -> stage -> submission

TOO_SLOW, KILLED = -getattr(signal, "SIGXCPU", 24), -getattr(signal, "SIGKILL", 9)
LATE = -1000  # in place of an exit status
TRIES = 3  # for a submission at which a worker has died, which may not be why
TICK = 1.0  # seconds without a result
QUICK = 1.0  # seconds for a submission; then the next one lies ready for its worker
AHEAD_BYTES = 4096  # which a socket holds on every system
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
    is killed lies in `scratch`. `tasks` are submissions that it has been given: one is being
    graded, the next may lie ready, if the last one was done in no time. It and its sandbox stay on
    the processor number `core`, if there is one.
    """

    def __init__(
        self,
        key: bytes,
        tier: Tier,
        scratch: str,
        allowance: Allowance = ALLOWANCE,
        core: int | None = None,
    ) -> None:
        self.ready, self.late, self.quick = False, False, False
        self.tasks: deque[Submission] = deque()
        self.began, self.core = math.inf, core
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
            self.connection.send((tier, allowance, core))

    @property
    def is_busy(self) -> bool:
        """Whether it will answer."""
        return not self.ready or bool(self.tasks)

    @property
    def is_free(self) -> bool:
        """Whether it may be given a submission to begin with."""
        return self.ready and not self.tasks

    def give(self, submission: Submission, of_student: Mapping[str, Submission]) -> bool:
        """Give it a submission to grade, now or next; False if it does not take it now.

        It may have ended, as it will say. While it is busy it takes only what is surely let through
        to it: both would wait for each other.
        """
        request = ForkingPickler.dumps(("grade", submission, of_student))
        if self.tasks and len(request) > AHEAD_BYTES:
            return False
        try:
            self.connection.send_bytes(request)
        except OSError:
            return False
        self.tasks.append(submission)
        if len(self.tasks) == 1:
            self.begin()
        return True

    def begin(self) -> None:
        """Note that it begins with the first of its tasks."""
        self.began = time.monotonic() if self.tasks else math.inf

    def done(self) -> Submission | None:
        """Take the first of its tasks away, if it has any."""
        task = self.tasks.popleft() if self.tasks else None
        self.quick = time.monotonic() - self.began < QUICK
        self.begin()
        return task

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
        self.cores = cores() if jobs == len(cores()) else []

    def grade_all(
        self,
        submissions: Sequence[Submission],
        every: Sequence[Submission] = (),
        stopped: Callable[[], bool] = lambda: False,
    ) -> Iterator[Sequence[Result]]:
        """Yield results as they come, in any order, and nothing where none comes for a second.

        Raises SandboxError if no worker starts. `every`: what students handed in of other stages,
        which a stage may be graded on. Once `stopped` says so no other submission is given out;
        those that workers have are finished.
        """
        of = by_student([*submissions, *every])
        waiting = deque(sorted(submissions, key=lambda s: s.stage))  # a sandbox has one stage ready
        while waiting or any(worker.tasks for worker in self.workers.values()):
            if stopped():
                waiting.clear()
            self._hand_out(waiting, of)
            come = [self._result(worker, waiting, of) for worker in self._answering()]
            if not stopped():
                self._hand_out(waiting, of)  # before anything is done with the results
            yield [result for result in come if result]

    def _hand_out(self, waiting: deque[Submission], of: OfStudents) -> None:
        """Give what is waiting to those who are free, and hire more if there are too few.

        Where there is much, those who are quick get their next one, so that they need not wait.
        """
        free = [worker for worker in self.workers.values() if worker.is_free]
        quick = [w for w in self.workers.values() if w.quick and len(w.tasks) == 1]
        much = len(waiting) - len(free) > self.jobs
        for worker in [*free, *(quick if much else ())][: len(waiting)]:
            submission = waiting.popleft()
            if not worker.give(submission, of[submission.student]):
                waiting.appendleft(submission)
        starting = sum(not worker.ready for worker in self.workers.values())
        for _ in range(min(len(waiting) - starting, self.jobs - len(self.workers))):
            arguments = self.pickled, self.tier, self.scratch.name, self.allowance
            worker = Worker(*arguments, self._free_core())
            self.workers[worker.connection] = worker

    def _free_core(self) -> int | None:
        """A processor for one more worker, where there is one for each."""
        taken = {worker.core for worker in self.workers.values()}
        return next((core for core in self.cores if core not in taken), None)

    def _answering(self) -> Iterator[Worker]:
        """Workers that have answered or ended; one that takes too long is ended."""
        for connection in wait([*self.workers], timeout=TICK):
            assert isinstance(connection, Connection)
            yield self.workers[connection]
        for worker in self.workers.values():
            if worker.tasks:
                seconds = longest(self.key.limits_of(worker.tasks[0].stage))
                if time.monotonic() > worker.began + seconds:
                    worker.late = True
                    worker.popen.kill()

    def _result(self, worker: Worker, waiting: deque[Submission], of: OfStudents) -> Result | None:
        """What a worker says of its submission; None if it has none, or if it is tried again."""
        try:
            answer: Result | None = worker.answer()
            if worker.ready:
                worker.done()
            worker.ready = True
            return answer
        except Ended as ended:
            return self._lost(worker, ended, waiting, of)

    def _lost(
        self, worker: Worker, ended: Ended, waiting: deque[Submission], of: OfStudents
    ) -> Result | None:
        """What becomes of the submission at which a worker has ended; None if it is tried again."""
        del self.workers[worker.connection]
        if not worker.ready:
            raise SandboxError(f"a worker does not start: {ended}") from None
        spent = time.monotonic() - worker.began
        task = worker.done()
        waiting.extendleft(reversed(worker.tasks))
        how = status_name(ended.status)
        if task is None:
            log.warning("a worker has ended (%s), and another one is started", how)
            return None
        self.tries[task] += 1
        log.warning("%s %s: its worker has ended (%s)", task.student, task.stage, how)
        slow = ended.status in (TOO_SLOW, LATE) and spent > QUICK  # not the one before it
        if slow or self.tries[task] == TRIES:
            return unread(self.key, task, of[task.student], ended.status, self.allowance.seconds)
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


def cores() -> Sequence[int]:
    """The processors that this process may use, where the system says so."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


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
