"""Outside the sandbox: start it, put one submission's stage in, and bring its values back."""

import base64
import contextlib
import json
import logging
import marshal
import os
import secrets
import selectors
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Hashable, Iterator, Sequence
from functools import cache
from typing import Any

from mugrade.sandbox.channel import (
    END,
    FORK,
    LOADED,
    LOADING,
    MAX_OUTPUT,
    MAX_TEXT,
    READY,
    Closed,
    Flood,
    Frame,
    Printout,
    ProtocolError,
    Silence,
    frame_value,
    read_frames,
    write_all,
)
from mugrade.sandbox.job import CheckTask, Death, Job, SandboxError, compile_check
from mugrade.sandbox.libraries import to_load
from mugrade.sandbox.limits import Limits
from mugrade.sandbox.loader import Package, added, extends, package_to_json
from mugrade.sandbox.tiers import Tier
from mugrade.values import Category
from mugrade.values.observe import Observed

log = logging.getLogger(__name__)

EXITED = "the process exited with status"
GRACE = 0.05  # seconds that a guest has to end by itself


class Sandbox:
    """Where submissions run; once it is closed nothing is left running. Threads may share it.

    Each `base` of a job has a nursery, a process that has loaded it and what the setup imports of
    the libraries, and is forked per submission. With `most`, those used longest ago end.
    """

    at_once = os.cpu_count() or 1  # jobs that keep the machine busy

    def __init__(self, tier: Tier, most: int | None = None) -> None:
        self.tier, self.most = tier, most
        self.nurseries: dict[Hashable, Nursery] = {}
        self.lock = threading.Lock()

    def start(self, job: Job, limits: Limits, trusted: bool = False) -> "Process":
        """A process with the job loaded; raises Death or SandboxError."""
        base = job.base if extends(job.package, job.base) else {}
        loaded = to_load(job.setup, self.tier.libraries)
        asked = limits.memory, limits.processes, loaded
        key = *asked, *((path, *pieces) for path, pieces in base.items())
        with self.lock:
            if key not in self.nurseries or not self.nurseries[key].alive:
                if dead := self.nurseries.pop(key, None):
                    dead.close()
                    log.warning("the %s sandbox has died, and is started again", self.tier.name)
                self._make_room()
                self.nurseries[key] = Nursery(self.tier, base, limits, loaded)
            nursery = self.nurseries[key] = self.nurseries.pop(key)  # used last
        return Process(nursery, job, limits, trusted)

    def _make_room(self) -> None:
        while self.most is not None and len(self.nurseries) >= self.most:
            self.nurseries.pop(next(iter(self.nurseries))).close()

    def close(self) -> None:
        """End the nurseries."""
        for nursery in self.nurseries.values():
            nursery.close()


class Nursery:
    """The outer sandbox, with a process in it that forks one keeper per submission."""

    def __init__(
        self, tier: Tier, base: Package, limits: Limits, loaded: Sequence[str] = ()
    ) -> None:
        self.base = base
        self.control, theirs = socket.socketpair()
        self.said = tempfile.TemporaryFile()  # noqa: SIM115 (closed in close)
        program = ["-P", "-s", "-m", "mugrade.sandbox.nursery", str(theirs.fileno())]
        try:
            line = {"base": package_to_json(base), "loaded": loaded, **tier.walls(limits)}
            self.popen = subprocess.Popen(
                tier.command(program),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=self.said,
                pass_fds=(theirs.fileno(),),
                env=tier.environment(),
                start_new_session=True,
            )
        except OSError as error:
            self.control.close()
            self.said.close()
            raise SandboxError(str(error)) from None
        finally:
            theirs.close()
        assert self.popen.stdin is not None
        with contextlib.suppress(BrokenPipeError), self.popen.stdin as stdin:
            stdin.write(json.dumps(line).encode() + b"\n")
        with contextlib.suppress(ConnectionError):
            if self.control.recv(len(READY)) == READY:
                return
        self.popen.wait()
        self.said.seek(0)
        said = self.said.read().decode(errors="replace").strip().splitlines()
        self.close()
        raise SandboxError(f"the {tier.name} sandbox does not start: {said[-1] if said else ''}")

    @property
    def alive(self) -> bool:
        return self.popen.poll() is None

    def fork(self, fds: Sequence[int]) -> None:
        """Start the processes of one submission with these descriptors (confine.Ends)."""
        try:
            socket.send_fds(self.control, [FORK], fds)
        except OSError as error:
            raise SandboxError(f"the sandbox has died: {error}") from None

    def close(self) -> None:
        """Hang up, at which the nursery ends by itself; one that does not is killed."""
        self.control.close()
        self.said.close()
        try:
            self.popen.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()


class Process:
    """A guest with a submission loaded; once it is closed nothing is left running."""

    def __init__(self, nursery: Nursery, job: Job, limits: Limits, trusted: bool = False) -> None:
        self.limits, self.trusted = limits, trusted
        self.heard = True  # whether its last words may be told
        self.has_begun = False  # whether it has said anything
        self.refused: set[int] = set()
        requests, self.requests = os.pipe()
        self.reply, reply = os.pipe()
        output, output_end = os.pipe()
        leash, self.leash = os.pipe()
        self.fate, fate = os.pipe()
        self.printed = Printout(output)
        os.set_blocking(self.requests, False)
        theirs = (requests, reply, output_end, leash, fate)
        try:
            nursery.fork(theirs)
        except SandboxError:
            self.close()
            raise
        finally:
            for fd in theirs:
                os.close(fd)
        try:
            self.failures = self._load(first_request(job, nursery.base))
            self.heard = trusted
        except BaseException:
            self.close()
            raise

    def run(self, task: CheckTask, seconds: float | None = None) -> list[Observed]:
        """The values that a check yields; raises Death. Who is not trusted is told less of it."""
        request = {"code": code_of(task.told(self.trusted)), "seed": task.seed}
        *frames, last = self._ask(request, self.limits.check if seconds is None else seconds)
        try:
            if last.kind != END:
                raise ProtocolError("not the end of a check")
            return [frame_value(frame, self.trusted) for frame in frames]
        except ProtocolError as error:
            raise Death(Category.PROTOCOL, str(error)) from None

    def _load(self, request: dict[str, Any]) -> dict[str, str]:
        """Block id -> the exception that it raised; raises Death, which says in which block."""
        block: Any = ""
        try:
            for frame in self._ask(request, self.limits.load):
                self.has_begun = True
                if frame.kind == LOADED:
                    return _failures(frame)
                if frame.kind != LOADING:
                    break
                block = frame.header.get("block")
                self.heard = self.trusted or not block
            raise Death(Category.PROTOCOL, "not the answer to the first request")
        except Death as death:
            death.block = block if isinstance(block, str) else ""
            raise

    def _ask(self, request: dict[str, Any], seconds: float) -> Iterator[Frame]:
        """The frames of an answer, the last of them END or LOADED; raises Death."""
        nonce = secrets.token_bytes(16)
        line = json.dumps({**request, "nonce": nonce.hex()}).encode() + b"\n"
        deadline = time.monotonic() + seconds
        try:
            write_all(self.requests, line, deadline)
            yield from read_frames(self.reply, nonce, deadline, self.printed)
        except Silence:
            raise Death(Category.TIMEOUT, f"no answer within {seconds:.3g} seconds") from None
        except ProtocolError as error:
            raise Death(Category.PROTOCOL, str(error)) from None
        except Flood:
            raise Death(Category.OUTPUT, f"it printed more than {MAX_OUTPUT >> 20} MB") from None
        except (Closed, BrokenPipeError):
            raise self._death() from None

    def _death(self) -> Death:
        """How the guest ended, as its keeper tells."""
        fate: dict[str, int] = {}
        with selectors.DefaultSelector() as selector:
            selector.register(self.fate, selectors.EVENT_READ)
            while not fate and selector.select(1.0) and (text := os.read(self.fate, 1 << 12)):
                fate = self._hear(text)
        if "memory" in fate:
            limit = self.limits.memory >> 20
            return Death(Category.MEMORY, f"it needed more than {limit} MB of memory")
        if "processes" in fate:
            return Death(Category.CRASH, f"it started {fate['processes']} processes and threads")
        if not fate and not self.has_begun:
            raise SandboxError("the sandbox ended before the submission was begun")
        if "status" not in fate:
            return Death(Category.CRASH, "the process closed its pipe")
        status = os.waitstatus_to_exitcode(fate["status"])
        if status < 0:
            return Death(Category.CRASH, f"the process was ended by {_signal_name(-status)}")
        said = self._last_words() if self.heard else ""
        return Death(Category.CRASH, ": ".join(filter(None, [f"{EXITED} {status}", said])))

    def _last_words(self) -> str:
        """The last line that it printed: Python says there why it ended."""
        os.set_blocking(self.printed.fd, False)
        with contextlib.suppress(BlockingIOError, Flood):
            while self.printed.drain():
                pass
        return self.printed.last_line()

    def _hear(self, text: bytes) -> dict[str, int]:
        """What the keeper says of the end; what it has refused is noted."""
        fate: dict[str, Any] = {}
        for line in text.splitlines():
            fate |= json.loads(line)
        self.refused.update(fate.pop("refused", ()))
        return fate

    def close(self) -> None:
        """Let go of the leash, and wait until the keeper says that nothing is left.

        A guest at rest ends by itself when no request can come any more; the kernel counts what
        it has used only then, not when the whole namespace is killed with it in it.
        """
        os.close(self.requests)
        with selectors.DefaultSelector() as selector:
            selector.register(self.fate, selectors.EVENT_READ)
            selector.select(GRACE)
            for fd in (self.leash, self.reply, self.printed.fd):
                os.close(fd)
            while selector.select(5.0) and (text := os.read(self.fate, 1 << 12)):
                self._hear(text)
        os.close(self.fate)


@cache
def code_of(source: str) -> str:
    """The code of a check, the same for all submissions, as a guest of the same Python takes it."""
    return base64.b64encode(marshal.dumps(compile_check(source))).decode()


def first_request(job: Job, base: Package) -> dict[str, Any]:
    """What a guest that has `base` is told before the first check, in JSON's types."""
    return {
        "package": package_to_json(added(job.package, base)),
        "setup": job.setup,
        "names": job.names,
        "files": {path: base64.b64encode(job.files[path]).decode() for path in job.files},
    }


def _failures(loaded: Frame) -> dict[str, str]:
    failures = loaded.header.get("failures")
    if not isinstance(failures, dict):
        raise Death(Category.PROTOCOL, "not the answer to the first request")
    return {id: text[:MAX_TEXT] for id, text in failures.items() if isinstance(text, str)}


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
