"""Other systems, as far as they can be had on this one: what Windows lacks is taken away.

`python` runs with a `sitecustomize` that removes what only Unix has, from mugrade and from the
processes that it starts; with another console encoding, and no default encoding for files but
ASCII; but UTF-8 where this project lies in a folder with an accent, which Windows reads whatever
its encoding, and NumPy on a Linux that knows ASCII alone cannot be imported from.
"""

import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT

UNIX_ONLY = """\
import builtins, os, select, signal, socket

MODULES = {"fcntl", "grp", "pty", "pwd", "resource", "syslog", "termios", "tty"}
NAMES = {
    os: "fork forkpty setsid getpgid killpg wait nice mkfifo register_at_fork",
    signal: "SIGALRM SIGHUP SIGSTOP alarm pause setitimer",
    socket: "send_fds recv_fds",
    select: "poll",
}
imported = builtins.__import__


def without_unix(name, globals=None, *rest, **more):
    if name in MODULES and str((globals or {}).get("__name__")).startswith("mugrade"):
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    return imported(name, globals, *rest, **more)


import asyncio  # which needs some of it, as does
if os.name == "posix":
    import multiprocessing.popen_spawn_posix, multiprocessing.resource_tracker

builtins.__import__ = without_unix
for module, names in NAMES.items():
    for name in names.split():
        if hasattr(module, name):
            delattr(module, name)
"""


def environment(folder: Path, encoding: str = "utf-8") -> dict[str, str]:
    """Variables for a Python without what only Unix has; writes `sitecustomize` into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sitecustomize.py").write_text(UNIX_ONLY, encoding="utf-8")
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join((str(folder), str(ROOT))),
        "PYTHONIOENCODING": encoding,
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
        "LC_ALL": "C" if str(ROOT).isascii() else "C.UTF-8",
        "COLUMNS": "100",
    }


def python(
    folder: Path, *arguments: str, env: dict[str, str], said: str = ""
) -> subprocess.CompletedProcess[bytes]:
    """Run this Python in `folder`; what it prints is bytes."""
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, cwd=folder, env=env, input=said.encode(), capture_output=True, timeout=300
    )
