"""Inside the sandbox: the process in which a submission runs.

The first request holds the package, the cells that stand before every check and the data files;
each later one holds the code of one check. Requests are lines of JSON, answers are frames
(channel.py). Before a block of the package is run, a frame says which; whoever reads that does not
trust it.
"""

import base64
import json
import marshal
import os
import sys
import types
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import IO, Any

import mugrade
import mugrade.view.plots  # loaded before the fork, not once for each submission
from mugrade.sandbox.channel import END, LOADED, LOADING, Frame, encode, value_frame
from mugrade.sandbox.loader import Package, load_package, package_from_json
from mugrade.values.observe import Observed, observe


def work(requests: int, reply: int, base: Package) -> None:
    """Answer requests until there are no more; `base` is what has been imported already."""
    with os.fdopen(requests, encoding="utf-8") as lines, os.fdopen(reply, "wb") as answers:
        first = json.loads(lines.readline())
        write_files(first["files"])

        def tell(block: str) -> None:
            _send(answers, first, [Frame(LOADING, {"block": block})])

        scope, failures = load(first, base, tell)
        _send(answers, first, [Frame(LOADED, {"failures": failures})])
        for line in lines:
            request = json.loads(line)
            code = marshal.loads(base64.b64decode(request["code"]))
            values = run_check(code, request["seed"], scope)
            _send(answers, request, [*map(value_frame, values), Frame(END, {})])


def write_files(files: Mapping[str, str]) -> None:
    """Put data files, given as path -> base64, below the working directory."""
    for path, content in files.items():
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_bytes(base64.b64decode(content))


def load(
    request: dict[str, Any], base: Package, tell: Callable[[str], None] = lambda block: None
) -> tuple[dict[str, Any], dict[str, str]]:
    """Import the package; returns the names that checks see, and what failed."""
    failures = load_package({**base, **package_from_json(request["package"])}, base, tell)
    vars(mugrade)["check"] = None  # a notebook's needs Jupyter; run_check has its own
    scope: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(request["setup"], "setup", "exec"), scope)
    bind(scope, request["names"])
    return scope, failures


def bind(scope: dict[str, Any], names: Iterable[tuple[str, Iterable[str]]]) -> None:
    """Give the checks the names that a notebook would have: module and symbols, where they are."""
    for module, symbols in names:
        found = vars(sys.modules.get(module, types.ModuleType(module)))
        scope.update({name: found[name] for name in symbols if name in found})


def run_check(code: types.CodeType, seed: int, scope: dict[str, Any]) -> list[Observed]:
    """The values of one check."""
    functions: list[Callable[[], Any]] = []
    own = {**scope, "check": functions.append}
    exec(code, own)
    return observe(functions[0], seed)


def _send(answers: IO[bytes], request: dict[str, Any], frames: Iterable[Frame]) -> None:
    for frame in frames:
        answers.write(encode(bytes.fromhex(request["nonce"]), frame))
    answers.flush()
