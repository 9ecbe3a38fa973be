"""Outside of any sandbox: a process for code that one trusts, on every system.

It runs what nothing has to be protected from: a student's own checks and, where a system has no
fork, an author's reference. It may hang or die: that costs only itself.
"""

import multiprocessing
import os
import sys
import tempfile
from collections.abc import Callable
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Self

from mugrade.observe import Observed, describe
from mugrade.sandbox.process import Death, Job, Limits, Sandbox, Task, first_request
from mugrade.sandbox.tiers import WEAK
from mugrade.sandbox.worker import load, run_check, write_files


class Child:
    """A process that runs `serve(*arguments, pipe)`; a context manager that leaves none running.

    What comes back is unpickled.
    """

    def __init__(self, serve: Callable[..., None], *arguments: Any) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(*arguments, theirs), daemon=True)
        self.process.start()
        theirs.close()

    @property
    def alive(self) -> bool:
        return self.process.is_alive()

    def ask(self, request: object, seconds: float) -> Any:
        """The answer to a request; raises Death, and then the process is gone."""
        try:
            self.pipe.send(request)
        except OSError:
            raise self._died() from None
        return self.answer(seconds)

    def answer(self, seconds: float) -> Any:
        """What the process sends next; raises Death, and then the process is gone."""
        try:
            if self.pipe.poll(seconds):
                return self.pipe.recv()
        except (EOFError, OSError):
            raise self._died() from None
        self.close()
        raise Death("timeout", f"no answer within {seconds:.3g} seconds")

    def _died(self) -> Death:
        self.process.join(5)
        death = Death("crash", f"the process ended ({self.process.exitcode})")
        self.close()
        return death

    def close(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def silence() -> None:
    """Throw away what this process prints from now on, in any encoding."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    options: dict[str, Any] = {"encoding": "utf-8", "errors": "backslashreplace"}
    sys.stdout = sys.stderr = open(os.devnull, "w", **options)  # noqa: SIM115


class Plain:
    """What `Sandbox` is to an author's own course, on a system without fork."""

    def start(self, job: Job, limits: Limits, trusted: bool = True) -> "PlainProcess":
        """A process with the job loaded; raises Death. It is trusted in any case."""
        return PlainProcess(job, limits)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass


class PlainProcess(Child):
    """What `sandbox.process.Process` is, in a process of `Plain`."""

    def __init__(self, job: Job, limits: Limits) -> None:
        self.limits = limits
        self.scratch = tempfile.TemporaryDirectory(prefix="mugrade-", ignore_cleanup_errors=True)
        super().__init__(_serve, first_request(job, {}), self.scratch.name)
        self.failures: dict[str, str] = self._or_death(self.answer(limits.load))

    def run(self, task: Task, seconds: float | None = None) -> list[Observed]:
        """The values that a check yields; raises Death."""
        limit = self.limits.check if seconds is None else seconds
        values: list[Observed] = self._or_death(self.ask(task, limit))
        return values

    def _or_death(self, answer: Any) -> Any:
        """The answer, unless it is the exception that ended the process, in words."""
        if isinstance(answer, str):
            self.close()
            raise Death("crash", answer)
        return answer

    def close(self) -> None:
        super().close()
        self.scratch.cleanup()


def _serve(request: dict[str, Any], folder: str, pipe: Connection) -> None:
    silence()
    os.chdir(folder)
    try:
        write_files(request["files"])
        scope, failures = load(request, {})
        pipe.send(failures)
        while True:
            task = pipe.recv()
            pipe.send(run_check(task.source, task.seed, scope))
    except (Exception, SystemExit) as error:
        pipe.send(describe(error))


def for_trusted() -> Sandbox | Plain:
    """Where an author's reference runs: in processes that a sandbox forks, if there is fork."""
    return Sandbox(WEAK) if hasattr(os, "fork") else Plain()
