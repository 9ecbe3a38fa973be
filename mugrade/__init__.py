"""mugrade: checks that yield values, notebooks that grow a package, and the grader of both."""

import importlib
import os
from typing import TYPE_CHECKING, Any

# The matrices of a course are small: a second thread for them costs more than it brings, and ten
# times as much on a machine that others use too. NumPy asks when it is loaded, which is later.
for variable in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

if TYPE_CHECKING:
    from mugrade.values.figure import figure
    from mugrade.values.judges import any_of, close, distribution, holds, labels
    from mugrade.values.judges import printed, raises, worth
    from mugrade.values.observe import rng
    from mugrade.student.checks import check, load_ipython_extension
    from mugrade.student.overview import progress
    from mugrade.view.plots import show
    from mugrade.version import __version__

JUDGES = ("any_of", "close", "distribution", "holds", "labels", "printed", "raises", "worth")
__all__ = [
    "__version__",
    "any_of",
    "check",
    "close",
    "distribution",
    "figure",
    "holds",
    "labels",
    "load_ipython_extension",
    "printed",
    "progress",
    "raises",
    "rng",
    "show",
    "worth",
]
HOMES = {
    **dict.fromkeys(("check", "load_ipython_extension"), "mugrade.student.checks"),
    **dict.fromkeys(JUDGES, "mugrade.values.judges"),
    "figure": "mugrade.values.figure",
    "progress": "mugrade.student.overview",
    "rng": "mugrade.values.observe",
    "show": "mugrade.view.plots",
    "__version__": "mugrade.version",
}


def __getattr__(name: str) -> Any:
    """Load what a notebook needs when it asks: a command and the grader's processes need less."""
    if name not in HOMES:
        raise AttributeError(f"module 'mugrade' has no attribute {name!r}")
    return getattr(importlib.import_module(HOMES[name]), name)
