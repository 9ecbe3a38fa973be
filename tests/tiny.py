"""A course of two stages that has nothing to do with needle, for tests of mugrade itself."""

from pathlib import Path

STAGES = {
    "00_mean.py": '''\
# %% [markdown] id="title-00"
# # 00 Mean

# %% id="setup-00" role="given"
# %load_ext mugrade
import numpy as np

import stats
from mugrade import check, distribution, rng

# %% id="mean-imports" role="given" export="stats/mean.py"
"""Means."""

import numpy as np

# %% id="mean" role="solution" export="stats/mean.py"
def mean(x: np.ndarray) -> np.ndarray:
    """The mean of all entries."""
    ### BEGIN SOLUTION
    return np.asarray(x.sum() / x.size, dtype=x.dtype)
    ### END SOLUTION

# %% [markdown] id="mean-hints" role="hints" of="mean"
# 1. What is a mean?
# 2. Sum, then divide.
# 3. By the number of entries.

# %% id="index-mean" role="index" export="stats/__init__.py"
from stats.mean import mean

# %% id="mean-of-three" role="check" points=2
@check
def mean_of_three():
    """A mean divides by the number of entries."""
    yield stats.mean(np.array([1.0, 2.0, 6.0]))
    ### BEGIN HIDDEN TESTS
    yield mean(rng.standard_normal((4, 5)).astype("float32"))
    ### END HIDDEN TESTS
''',
    "01_scale.py": '''\
# %% [markdown] id="title-01"
# # 01 Scale

# %% id="setup-01" role="given"
# %load_ext mugrade
import numpy as np

import stats
from mugrade import check, distribution, rng

# %% id="scale-imports" role="given" export="stats/scale.py"
"""A class that centres and scales."""

import numpy as np

from stats.mean import mean

# %% id="scaler" role="solution" export="stats/scale.py"
class Scaler:
    """Remembers the mean and the deviation of a sample."""

    def __init__(self, x: np.ndarray) -> None:
        ### BEGIN SOLUTION
        self.centre = mean(x)
        self.width = np.sqrt(mean((x - self.centre) ** 2))
        ### END SOLUTION

    def __call__(self, x: np.ndarray) -> np.ndarray:
        ### BEGIN SOLUTION
        return (x - self.centre) / self.width
        ### END SOLUTION

# %% id="scaler-centres" role="check" points=3
@check
def scaler_centres():
    """The scaled sample has mean 0."""
    x = np.arange(6.0)
    yield Scaler(x)(x)
    ### BEGIN HIDDEN TESTS
    x = rng.standard_normal(50)
    yield Scaler(x)(3 * x)
    ### END HIDDEN TESTS

# %% id="noise" role="solution" export="stats/scale.py"
def noise(n: int) -> np.ndarray:
    """A standard normal sample of n entries."""
    ### BEGIN SOLUTION
    return np.random.randn(n)
    ### END SOLUTION

# %% id="noise-is-normal" role="check" points=5
@check
def noise_is_normal():
    """A standard normal sample has mean 0 and deviation 1."""
    yield distribution(noise(20_000))
''',
}


def write_course(root: Path, **edits: tuple[str, str]) -> Path:
    """Write the course below `root`; `edits` replaces text in a stage, keyed by `stage_NN`."""
    (root / "solutions").mkdir(parents=True, exist_ok=True)
    for name, text in STAGES.items():
        old, new = edits.get(f"stage_{name[:2]}", ("", ""))
        assert old in text
        (root / "solutions" / name).write_text(text.replace(old, new) if old else text)
    return root
