"""mugrade: checks that yield values, notebooks that grow a package, and the grader of both."""

import os
from typing import TYPE_CHECKING, Any

# The matrices of a course are small: a second thread for them costs more than it brings, and ten
# times as much on a machine that others use too. NumPy asks when it is loaded, which is below.
for variable in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

from mugrade.judges import close, distribution, labels
from mugrade.observe import rng
from mugrade.student.plots import show

if TYPE_CHECKING:
    from mugrade.student.checks import check, load_ipython_extension
    from mugrade.student.overview import progress

__all__ = [
    "check",
    "close",
    "distribution",
    "labels",
    "load_ipython_extension",
    "progress",
    "rng",
    "show",
]


def __getattr__(name: str) -> Any:
    """Load what a notebook needs when it asks: the grader's processes do without."""
    if name in ("check", "load_ipython_extension"):
        from mugrade.student import checks

        return getattr(checks, name)
    if name == "progress":
        from mugrade.student import overview

        return overview.progress
    raise AttributeError(f"module 'mugrade' has no attribute {name!r}")
