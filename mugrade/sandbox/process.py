"""Run one submission's stage in a process of its own and bring its values back."""

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import mugrade
from mugrade.observe import Observed, seed_of
from mugrade.sandbox.channel import (
    END,
    LOADED,
    MAX_TEXT,
    Closed,
    Frame,
    ProtocolError,
    Silence,
    frame_value,
    read_frames,
)
from mugrade.sandbox.loader import Piece


@dataclass(frozen=True)
class Job:
    """What a process is given before the first check.

    Code, the names that checks see, and the data files that lie in its folder.
    """

    package: Mapping[str, Sequence[Piece]]
    setup: str
    names: Sequence[tuple[str, Sequence[str]]]
    files: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Task:
    """One check: its id, source, and the variant that its inputs are drawn from."""

    id: str
    source: str
    variant: str = ""


@dataclass(frozen=True)
class Limits:
    """Wall-clock seconds: to load the package, for one check, and for the whole submission."""

    load: float = 20.0
    check: float = 10.0
    total: float = 60.0


class Death(Exception):
    """The process gave no usable answer; `category` is timeout, crash or protocol."""

    def __init__(self, category: str, text: str) -> None:
        super().__init__(text)
        self.category = category


class Process:
    """A worker with a submission loaded; a context manager that leaves nothing running."""

    def __init__(self, job: Job, limits: Limits, trusted: bool = False) -> None:
        self.limits, self.trusted = limits, trusted
        self.folder = tempfile.TemporaryDirectory(prefix="mugrade-", ignore_cleanup_errors=True)
        self.reply, theirs = os.pipe()
        try:
            self._write_files(job.files)
            self.popen = self._spawn(theirs)
        except OSError:
            os.close(self.reply)
            self.folder.cleanup()
            raise
        finally:
            os.close(theirs)
        package = {p: [(x.id, x.source, x.fallback) for x in job.package[p]] for p in job.package}
        request = {"package": package, "setup": job.setup, "names": job.names}
        try:
            self.failures = _failures(self._ask(request, limits.load))
        except BaseException:
            self.close()
            raise

    def _write_files(self, files: Mapping[str, bytes]) -> None:
        for path, content in files.items():
            target = Path(self.folder.name, path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)

    def _spawn(self, reply: int) -> subprocess.Popen[bytes]:
        environment = {
            "PYTHONPATH": str(Path(mugrade.__file__).parent.parent),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONHASHSEED": "0",
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "HOME": self.folder.name,
            "PATH": "/usr/bin:/bin",
        }
        return subprocess.Popen(
            [sys.executable, "-P", "-s", "-m", "mugrade.sandbox.worker", str(reply)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(reply,),
            cwd=self.folder.name,
            env=environment,
            start_new_session=True,
        )

    def run(self, task: Task, seconds: float | None = None) -> list[Observed]:
        """The values that a check yields; raises Death."""
        request = {"source": task.source, "seed": seed_of(task.id, task.variant)}
        *frames, last = self._ask(request, self.limits.check if seconds is None else seconds)
        try:
            if last.kind != END:
                raise ProtocolError("not the end of a check")
            return [frame_value(frame, self.trusted) for frame in frames]
        except ProtocolError as error:
            raise Death("protocol", str(error)) from None

    def _ask(self, request: dict[str, Any], seconds: float) -> list[Frame]:
        nonce = secrets.token_bytes(16)
        line = json.dumps({**request, "nonce": nonce.hex()}).encode() + b"\n"
        deadline = time.monotonic() + seconds
        assert self.popen.stdin is not None
        try:
            self.popen.stdin.write(line)
            self.popen.stdin.flush()
            return list(read_frames(self.reply, nonce, deadline))
        except Silence:
            raise Death("timeout", f"no answer within {seconds:.3g} seconds") from None
        except ProtocolError as error:
            raise Death("protocol", str(error)) from None
        except (Closed, BrokenPipeError):
            raise Death("crash", self._last_words()) from None

    def _last_words(self) -> str:
        try:
            status = self.popen.wait(timeout=1)
        except subprocess.TimeoutExpired:
            return "the process closed its pipe"
        if status < 0:
            return f"the process was ended by {_signal_name(-status)}"
        return f"the process exited with status {status}"

    def close(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait()
        if self.popen.stdin is not None:
            with contextlib.suppress(BrokenPipeError):  # what was never sent
                self.popen.stdin.close()
        os.close(self.reply)
        self.folder.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _failures(frames: Sequence[Frame]) -> dict[str, str]:
    """Block id -> the exception that it raised, from the answer to the first request."""
    *more, last = frames
    failures = last.header.get("failures")
    if more or last.kind != LOADED or not isinstance(failures, dict):
        raise Death("protocol", "not the answer to the first request")
    return {id: text[:MAX_TEXT] for id, text in failures.items() if isinstance(text, str)}


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
