"""Outside the sandbox: try to get out of it, and so find the strongest tier that holds here."""

import contextlib
import os
import select
import socket
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from mugrade.sandbox.job import CheckTask, Death, Job, SandboxError
from mugrade.sandbox.limits import Limits
from mugrade.sandbox.process import Sandbox
from mugrade.sandbox.tiers import WEAK, Strength, Tier, bubblewraps, seccomp_programs

KERNEL = Path("/proc/sys")
SWITCHES = (  # a setting of the kernel, the value that forbids user namespaces, what to do
    (
        "kernel/apparmor_restrict_unprivileged_userns",
        "1",
        "AppArmor lets only programs with a profile use namespaces: write one that says `userns,` "
        "for that bwrap, or sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0",
    ),
    (
        "kernel/unprivileged_userns_clone",
        "0",
        "user namespaces are switched off: sudo sysctl kernel.unprivileged_userns_clone=1",
    ),
    (
        "user/max_user_namespaces",
        "0",
        "user namespaces are switched off: sudo sysctl user.max_user_namespaces=10000",
    ),
)
CONTAINER = (
    "if this is a container, its system call filter and its masks on /proc forbid it: docker run "
    "--security-opt seccomp=unconfined --security-opt systempaths=unconfined"
)
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
    """The strongest tier that held; unless it is the strong one, why not, and what to do."""

    tier: Tier
    reason: str = ""


@cache
def strongest() -> Found:
    """Probe the tiers from the strongest on; the weak one is taken as it is."""
    try:
        seccomp_programs()
    except OSError as error:
        return Found(WEAK, str(error))
    programs = bubblewraps()
    reasons = []
    for program in programs or [""]:
        strong = Tier(Strength.STRONG, program)
        failure = _failure(strong)
        if not failure:
            return Found(strong)
        reasons.append(f"strong by {program or 'bubblewrap'}: {failure}")
    if programs:
        reasons.append(advice())
    failure = _failure(Tier(Strength.MEDIUM))
    if not failure:
        return Found(Tier(Strength.MEDIUM), "; ".join(reasons))
    return Found(WEAK, "; ".join([*reasons, f"medium: {failure}"]))


def _failure(tier: Tier) -> str:
    """Why a tier does not hold here; empty if it does."""
    try:
        escapes = probe(tier)
    except (SandboxError, Death) as error:
        return str(error)
    return f"a submission can {', '.join(escapes)}" if escapes else ""


def advice() -> str:
    """What to do where bubblewrap is there and may not make its namespaces."""
    return "; ".join([*(advice for *switch, advice in SWITCHES if _is_set(*switch)), CONTAINER])


def _is_set(name: str, value: str) -> bool:
    try:
        return (KERNEL / name).read_text().strip() == value
    except OSError:
        return False


def probe(tier: Tier) -> list[str]:
    """What a submission can do in a tier that none should; raises SandboxError or Death."""
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as server:
        canary, secret = Path(folder, "canary"), os.urandom(8).hex()
        canary.write_text(secret, encoding="ascii")
        attempt = ATTEMPT.format(
            canary=str(canary),
            secret=secret,
            environment=_own_environment(),
            port=server.getsockname()[1],
        )
        with contextlib.closing(Sandbox(tier)) as sandbox:
            job = Job({}, "import numpy as np", ())
            process = sandbox.start(job, Limits(load=10, check=10), trusted=True)
            output = os.dup(process.printed.fd)
            with contextlib.closing(process):
                values = process.run(CheckTask("probe", attempt, 0))
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
