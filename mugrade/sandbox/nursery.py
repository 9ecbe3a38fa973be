"""Inside the sandbox: a process with all loaded that submissions share; it forks for each.

Started as `python -m mugrade.sandbox.nursery FD`, with its settings in one line of JSON on stdin.
For each FORK on the socket FD, which brings the descriptors of one submission, it forks a
keeper. It never runs student code itself, and ends when the grader closes the socket.
"""

import base64
import contextlib
import gc
import importlib
import json
import os
import resource
import socket
import sys
from typing import Any

from mugrade.sandbox.channel import FORK, READY
from mugrade.sandbox.confine import Ends, Walls, be_keeper, fork_keeper
from mugrade.sandbox.guest import work
from mugrade.sandbox.loader import Package, load_package, package_from_json
from mugrade.sandbox.refusals import CallFilter


def main(fd: int) -> None:
    """Load the reference, say that it is done, and fork until the grader is gone."""
    for limit in (resource.RLIMIT_CPU, resource.RLIMIT_AS):  # those of whoever started it
        soft, hard = resource.getrlimit(limit)
        if soft != hard:
            resource.setrlimit(limit, (hard, hard))
    with socket.socket(fileno=fd) as control:
        settings = json.loads(sys.stdin.buffer.readline())
        base = package_from_json(settings["base"])
        for name in settings["loaded"]:
            load_library(name)
        load_package(base)
        control.send(READY)
        gc.collect()
        gc.freeze()
        serve(control, settings, base)


def load_library(name: str) -> None:
    """Import a module, if it is one and can be; a submission that needs it says why it cannot."""
    before = {*sys.modules}
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        pass
    except Exception:
        for new in sys.modules.keys() - before:
            del sys.modules[new]


def serve(control: socket.socket, settings: dict[str, Any], base: Package) -> None:
    """Fork a keeper for every five descriptors that arrive."""
    seccomp = settings["seccomp"]
    walls = Walls(
        namespaces=settings["namespaces"],
        seccomp=CallFilter(*map(base64.b64decode, seccomp)) if seccomp else None,
        readable=settings.get("readable"),
        listable=settings.get("listable", ()),
        memory=settings["memory"],
        processes=settings["processes"],
    )
    while True:
        message, fds, _, _ = socket.recv_fds(control, len(FORK), 5)
        if not message:
            return reap(0)
        try:
            pid = fork_keeper(walls)
        except OSError:
            pid = -1  # the grader hears that nobody is there
        if pid == 0:
            be_keeper(Ends(*fds), walls, lambda requests, reply: work(requests, reply, base))
        for fd in fds:
            os.close(fd)
        reap(os.WNOHANG)


def reap(options: int) -> None:
    """Wait for keepers, so that what a submission has used is counted as the grader's children."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, options)[0]:
            pass


if __name__ == "__main__":
    main(int(sys.argv[1]))
