"""The process in which a submission runs: reads requests on stdin, answers on a pipe of its own.

Started as `python -m mugrade.sandbox.worker FD`. The first request holds the package and the
cells that stand before every check; each later one holds one check.
"""

import json
import os
import sys
from collections.abc import Callable
from typing import Any

from mugrade.observe import observe
from mugrade.sandbox.channel import END, LOADED, Frame, encode, value_frame
from mugrade.sandbox.loader import BlockImporter, Piece


def main(reply: int) -> None:
    with os.fdopen(os.dup(0), encoding="utf-8") as requests:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        first = json.loads(requests.readline())
        scope, failures = load(first)
        _send(reply, first, Frame(LOADED, {"failures": failures}))
        for line in requests:
            request = json.loads(line)
            for value in run_check(request["source"], request["seed"], scope):
                _send(reply, request, value)
            _send(reply, request, Frame(END, {}))


def load(request: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Import the package; returns the names that checks see, and what failed."""
    package = {path: [Piece(*p) for p in pieces] for path, pieces in request["package"].items()}
    failures = BlockImporter(package).load()
    scope: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(request["setup"], "setup", "exec"), scope)
    for module, names in request["names"]:
        found = vars(sys.modules[module])
        scope.update({name: found[name] for name in names if name in found})
    return scope, failures


def run_check(source: str, seed: int, scope: dict[str, Any]) -> list[Frame]:
    """The values of one check as frames."""
    functions: list[Callable[[], Any]] = []
    own = {**scope, "check": functions.append}
    exec(compile(source, "check", "exec"), own)
    return [value_frame(value) for value in observe(functions[0], seed)]


def _send(reply: int, request: dict[str, Any], frame: Frame) -> None:
    data = memoryview(encode(bytes.fromhex(request["nonce"]), frame))
    while data:
        data = data[os.write(reply, data) :]


if __name__ == "__main__":
    main(int(sys.argv[1]))
