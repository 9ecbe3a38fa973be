"""Outside the sandbox: try to get out of it, and so find the strongest tier that holds here."""

import contextlib
import os
import select
import socket
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from mugrade.sandbox.process import Death, Job, Limits, Sandbox, SandboxError, Task
from mugrade.sandbox.tiers import Tier

TIERS = ("strong", "medium", "weak")
NEEDS = "install bubblewrap and libseccomp2 (apt install bubblewrap libseccomp2)"
ESCAPES = (
    "read the grader's files",
    "see the grader's environment",
    "use the network",
    "write outside its folder",
    "leave a process behind",
)
ATTEMPT = """
@check
def probe():
    import glob, os, socket, time

    def reads():
        return open({canary!r}).read() == {secret!r}

    def sees():
        for path in glob.glob("/proc/[0-9]*/environ"):
            try:
                if {environment!r} in open(path, "rb").read():
                    return True
            except OSError:
                pass
        return False

    def connects():
        return socket.create_connection(("127.0.0.1", {port}), 1) is not None

    def writes():
        open({canary!r} + ".written", "w").close()
        return True

    for attempt in (reads, sees, connects, writes):
        escaped = 0.0
        try:
            escaped = float(attempt())
        except Exception:
            pass
        yield np.array([escaped])
    if os.fork() == 0:
        os.setsid()
        if os.fork():
            os._exit(0)
        time.sleep(30)
        os._exit(0)
"""


@dataclass(frozen=True)
class Found:
    """The strongest tier that held, and for each stronger one why it did not."""

    tier: Tier
    missing: tuple[str, ...]


@cache
def strongest() -> Found:
    """Probe the tiers from the strongest on; the weak one is taken as it is."""
    missing = []
    for name in TIERS[:-1]:
        try:
            escapes = probe(Tier(name))
        except (SandboxError, Death) as error:
            missing.append(f"{name}: {error}")
        else:
            if not escapes:
                return Found(Tier(name), tuple(missing))
            missing.append(f"{name}: a submission can {', '.join(escapes)}")
    return Found(Tier(TIERS[-1]), tuple(missing))


def probe(tier: Tier) -> list[str]:
    """What a submission can do in a tier that none should; raises SandboxError or Death."""
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as server:
        canary, secret = Path(folder, "canary"), os.urandom(8).hex()
        canary.write_text(secret)
        attempt = ATTEMPT.format(
            canary=str(canary),
            secret=secret,
            environment=_own_environment(),
            port=server.getsockname()[1],
        )
        with Sandbox(tier) as sandbox:
            process = sandbox.start(Job({}, "import numpy as np", ()), Limits(load=10, check=10))
            output = os.dup(process.output.fd)
            with contextlib.closing(process):
                values = process.run(Task("probe", attempt, 0))
            escaped = [bool(v.array is not None and v.array.any()) for v in values]
            escaped.append(_still_open(output))
    return [text for text, did in zip(ESCAPES, escaped, strict=True) if did]


def _own_environment() -> bytes:
    """The environment with which the grader was started, as /proc shows it to who may look."""
    with contextlib.suppress(OSError):
        return Path("/proc/self/environ").read_bytes() or b"nothing"
    return b"nothing"


def _still_open(output: int) -> bool:
    """Whether somebody still holds the other end, now that the keeper says nobody is left."""
    with os.fdopen(output, "rb"):
        ready, _, _ = select.select([output], [], [], 1.0)
        return not ready
