"""Ctrl-C: the first asks, the second ends."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

STATUS = 130
FINISHING = "finishing what is running; Ctrl-C again stops at once"


@dataclass
class Interrupt:
    """The first SIGINT or SIGTERM sets `asked`, another one ends the process at once."""

    first: Callable[[], None]
    second: Callable[[], None]
    asked: bool = False

    def handle(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            self.second()
            os._exit(STATUS)
        self.asked = True
        self.first()


@contextmanager
def interruptible(first: Callable[[], None], second: Callable[[], None]) -> Iterator[Interrupt]:
    """Call `first` and, before the end, `second`; only the main thread may listen for signals."""
    interrupt, previous = Interrupt(first, second), {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            previous[number] = signal.signal(number, interrupt.handle)
    try:
        yield interrupt
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
