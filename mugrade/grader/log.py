"""What happened while a class was graded, for who asks afterwards: one file beside the results.

It names students, checks and causes, as the results do; never a student's code, nor an input or a
value of a check.
"""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

from mugrade.view.report import printable

LOG = "mugrade.log"
LARGEST, OLDER = 1 << 20, 3  # bytes of a file, and how many full ones are kept


class OneLine(logging.Formatter):
    """A line per event, without the characters with which a name could forge another."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        return printable(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:
        return "\n".join(map(printable, super().formatException(ei).splitlines()))


class LogFile(RotatingFileHandler):
    """The file in the folder `out`; what cannot be written there is said once, and lost."""

    def __init__(self, out: Path) -> None:
        super().__init__(out / LOG, "a", LARGEST, OLDER, "utf-8", True, "backslashreplace")
        self.setFormatter(OneLine("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))

    def handleError(self, record: logging.LogRecord) -> None:
        logging.getLogger("mugrade").removeHandler(self)
        reason = getattr(sys.exc_info()[1], "strerror", None)
        print(f"{self.baseFilename}: cannot be written ({reason})", file=sys.stderr)


@contextmanager
def logged(out: Path) -> Iterator[None]:
    """Write what `mugrade` tells into the file in `out`, which has to be there."""
    logger, handler = logging.getLogger("mugrade"), LogFile(out)
    level, logger.level = logger.level, logging.INFO
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.level = level
        handler.close()


def forget_in_log(out: Path, student: str) -> Iterator[str]:
    """Delete the lines that name a student; a line for each file in which there were some."""
    name = printable(student)
    for path in sorted(out.glob(f"{LOG}*")):
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        if any(f": {name} " in line for line in lines):
            kept = [line for line in lines if name not in line]
            path.write_text("".join(kept), encoding="utf-8")
            yield f"{path}: {len(lines) - len(kept)} lines deleted"
