# %% keep-memory
"""What the C library does with memory that is not needed any more."""

import numpy as np


def keep_memory() -> None:
    """Let this process keep what it frees, up to some tens of MiB, and use it again.

    A graph dies at the end of each step, and the C library of Linux hands so much freed memory
    back to the system, which fills it with zeros before the next step gets it. The limits rise
    with the largest block that was ever freed, up to 32 MiB, so one is made and freed here; it is
    never touched and costs nothing. Elsewhere nothing happens.
    Source: mallopt(3), M_MMAP_THRESHOLD.
    """
    np.empty(31 << 20, np.uint8)
