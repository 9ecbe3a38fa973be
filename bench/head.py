"""`python -m bench.head ARGUMENTS`: mugrade, and at the end what its process has cost.

Seconds of processor time, and the most memory in MB where Linux tells it.
"""

import json
import re
import time
from pathlib import Path

from mugrade.cli import app


def main() -> None:
    try:
        app()
    finally:
        print(json.dumps({"head": time.process_time(), "peak": peak()}))


def peak() -> float | None:
    """The most memory of this process alone; getrusage also counts what it was forked from."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return None
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else None


if __name__ == "__main__":
    main()
