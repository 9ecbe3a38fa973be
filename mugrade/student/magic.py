"""`%mugrade check 03` in a cell: a command, with the Python and in the folder of the notebook."""

import os
import subprocess
import sys
from pathlib import Path


def run_command(line: str, folder: Path) -> None:
    """Run `mugrade` with the arguments in `line`, and print what it says as it says it.

    Nothing is asked: its standard input is empty. An interrupt ends it too.
    """
    from IPython.utils.process import arg_split

    command = [sys.executable, "-m", "mugrade", *arg_split(line, posix=os.name != "nt")]
    environment = os.environ | {"PYTHONIOENCODING": "utf-8", "COLUMNS": "100"}
    with subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    ) as process:
        assert process.stdout is not None
        try:
            for text in process.stdout:
                print(text, end="", flush=True)
        except KeyboardInterrupt:
            process.terminate()
            print("stopped")
