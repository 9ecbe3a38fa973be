# %% [markdown] id="title-01"
# # 01 · Random walks
#
# - **Time**: about 20 minutes, one exercise.
# - **You need**: nothing of stage 00.
# - **It grows**: `numerics/walks.py`.

# %% id="setup-01" role="given"
# %load_ext mugrade
import numpy as np

from mugrade import check, distribution, holds, rng

# %% id="walks-imports" role="given" export="numerics/walks.py"
import numpy as np

# %% [markdown] id="why-ends"
# ## Exercise 1: where walks end
#
# A walk begins at 0 and goes one step up or down, n times, each with the same chance. Write
# `ends(walks, n, rng)`: where so many walks end, as an array of integers (`int64`). `rng` is a
# generator of NumPy's.


# %% id="ends" role="solution" export="numerics/walks.py"
def ends(walks: int, n: int, rng: np.random.Generator) -> np.ndarray:
    """Where independent walks of n steps end: sums of n numbers that are 1 or -1."""
    ### BEGIN SOLUTION
    return 2 * rng.binomial(n, 0.5, walks) - n
    ### END SOLUTION


# %% id="ends-follow-the-law" role="check" points=60
@check
def ends_follow_the_law():
    """The mean of a walk's end is 0, and its variance the number of steps."""
    yield distribution(ends(5000, 100, rng))
    ### BEGIN HIDDEN TESTS
    #: short walks
    yield distribution(ends(5000, 9, rng))
    ### END HIDDEN TESTS


# %% id="ends-are-even" role="check" points=40
@check
def ends_are_even():
    """After an even number of steps a walk is at an even place."""
    yield holds(
        ends(200, 6, rng),
        lambda found: found.shape == (200,) and {-2, 0, 2} <= set(found) <= set(range(-6, 7, 2)),
        "200 even numbers from -6 to 6, of several kinds",
    )
    ### BEGIN HIDDEN TESTS
    #: no walk, and no step
    yield ends(0, 6, rng)
    yield ends(3, 0, rng)
    ### END HIDDEN TESTS


# %% id="ends-hints" role="hints"
# 1. What is the sum of n steps, if k of them go up?
# 2. How many go up? That is a binomial number.
# 3. k steps up and n - k down end at 2k - n.

# %% id="index-01" role="index" export="numerics/__init__.py" of="walks.py"
