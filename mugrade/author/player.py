"""A process that runs the cells of one notebook after another, as a student's kernel does."""

import os
import sys
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from mugrade.sandbox.plain import silence

MUGRADES = ("MUGRADE_COURSE",)


@dataclass(frozen=True)
class Fault:
    """The exception that ended a cell, by the name of its class and in words."""

    kind: str
    text: str


def serve_cells(folder: Path, package: str, pipe: Connection) -> None:
    """Answer each cell, given as (id, source), with what it raised, or None."""
    silence()
    _enter(folder, package)
    shell = _shell()
    pipe.send(None)
    while True:
        id, source = pipe.recv()
        result = shell.run_cell(source, cell_id=id)
        error = result.error_before_exec or result.error_in_exec
        pipe.send(Fault(type(error).__name__, _words(error)) if error else None)


def _enter(folder: Path, package: str) -> None:
    """Work in a student's folder, in which no package but the student's own is found."""
    os.chdir(folder)
    os.environ.update(MPLBACKEND="agg", IPYTHONDIR=str(folder / ".ipython"))
    for name in MUGRADES:
        os.environ.pop(name, None)
    sys.path[:] = [path for path in sys.path if path and not (Path(path) / package).is_dir()]


def _shell() -> Any:
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    return InteractiveShell.instance(config=config)


def _words(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]
