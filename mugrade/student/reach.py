"""Which of a package's cells a check reaches: where to look, and where not."""

import contextlib
import io
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from mugrade.values.observe import observe


def reached(function: Callable[[], Any], seed: int) -> set[str]:
    """The ids of the blocks whose code runs when the check is run once more, in silence."""
    found: set[str] = set()

    def note(frame: FrameType, event: str, arg: Any) -> None:
        name = frame.f_code.co_filename  # of a block: module [id]
        if event == "call" and name.endswith("]"):
            found.add(name[name.rindex("[") + 1 : -1])

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            observe(function, seed)
    finally:
        sys.setprofile(before)
    return found
