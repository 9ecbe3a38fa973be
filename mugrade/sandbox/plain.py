"""Outside of any sandbox: a process for code that one trusts, on every system.

It runs what nothing has to be protected from: a student's own checks and, where a system has no
fork, an author's reference. It may hang or die: that costs only itself.
"""

import multiprocessing
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import Any

from mugrade.sandbox.guest import load, run_check, write_files
from mugrade.sandbox.job import CheckTask, Death, Job, compile_check
from mugrade.sandbox.libraries import Libraries
from mugrade.sandbox.limits import Limits
from mugrade.sandbox.loader import BlockImporter
from mugrade.sandbox.process import Sandbox, first_request
from mugrade.sandbox.tiers import WEAK
from mugrade.values import Category
from mugrade.values.observe import Observed, describe


class Child:
    """A process that runs `serve(*arguments, pipe)`, until it is closed.

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
        raise Death(Category.TIMEOUT, f"no answer within {seconds:.3g} seconds")

    def _died(self) -> Death:
        self.process.join(5)
        death = Death(Category.CRASH, f"the process ended ({self.process.exitcode})")
        self.close()
        return death

    def close(self) -> None:
        """End the process, whatever it does."""
        self.process.kill()
        self.process.join()
        self.pipe.close()


def silence() -> None:
    """Throw away what this process prints from now on, in any encoding."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    options: dict[str, Any] = {"encoding": "utf-8", "errors": "backslashreplace"}
    sys.stdout = sys.stderr = open(os.devnull, "w", **options)  # noqa: SIM115


class Plain:
    """What `Sandbox` is to an author's own course, on a system without fork.

    Its one process serves one job after another: to start a second process for each of a course's
    many mistakes would take minutes.
    """

    at_once = 1

    def __init__(self) -> None:
        self.scratch = tempfile.TemporaryDirectory(prefix="mugrade-", ignore_cleanup_errors=True)
        self.child: Child | None = None

    def start(self, job: Job, limits: Limits, trusted: bool = True) -> "PlainJob":
        """The process with the job loaded, and no other; raises Death. It is always trusted."""
        if self.child is None or not self.child.alive:
            self.child = Child(_serve, self.scratch.name)
        return PlainJob(self.child, job, limits)

    def close(self) -> None:
        if self.child:
            self.child.close()
        self.scratch.cleanup()


class PlainJob:
    """What `sandbox.process.Process` is, in the process of a `Plain`."""

    def __init__(self, child: Child, job: Job, limits: Limits) -> None:
        self.child, self.limits = child, limits
        self.failures: dict[str, str] = self._ask(first_request(job, {}), limits.load)

    def run(self, task: CheckTask, seconds: float | None = None) -> list[Observed]:
        """The values that a check yields; raises Death."""
        values: list[Observed] = self._ask(task, self.limits.check if seconds is None else seconds)
        return values

    def _ask(self, request: object, seconds: float) -> Any:
        answer = self.child.ask(request, seconds)
        if isinstance(answer, str):
            raise Death(Category.CRASH, answer)
        return answer

    def close(self) -> None:
        """The process stays, for the next job."""


def _serve(folder: str, pipe: Connection) -> None:
    """Answer jobs and their checks in `folder`; an exception is answered in words."""
    silence()
    os.chdir(folder)
    scope: dict[str, Any] = {}
    while True:
        request = pipe.recv()
        try:
            if isinstance(request, CheckTask):
                pipe.send(run_check(compile_check(request.source), request.seed, scope))
            else:
                _forget()
                write_files(request["files"])
                scope, failures = load(request, {})
                pipe.send(failures)
        except (Exception, SystemExit) as error:
            pipe.send(describe(error))


def _forget() -> None:
    """Unload the package of the job before."""
    for finder in [f for f in sys.meta_path if isinstance(f, BlockImporter)]:
        sys.meta_path.remove(finder)
        for name in finder.modules:
            sys.modules.pop(name, None)


def for_trusted(libraries: Libraries) -> Sandbox | Plain:
    """Where an author's reference runs: in processes that a sandbox forks, if there is fork."""
    return Sandbox(replace(WEAK, libraries=libraries)) if hasattr(os, "fork") else Plain()
