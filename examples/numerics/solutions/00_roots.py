# %% [markdown] id="title-00"
# # 00 · Roots and areas
#
# Two classical problems, each solved by hand once and then left to SciPy.
#
# - **Time**: about 40 minutes, three exercises.
# - **It grows**: `numerics/roots.py`.

# %% id="setup-00" role="given"
# %load_ext mugrade
import numpy as np
from scipy import integrate, optimize

from mugrade import check, close, figure, holds, raises, rng

# %% [markdown] id="why-bisect"
# ## Exercise 1: bisection
#
# Where a continuous function changes its sign there is a root in between. Write
# `bisect(f, low, high, tol)`, which halves the interval until it is no wider than `tol`, and raise
# a `ValueError` if the sign does not change.


# %% id="bisect" role="solution" export="numerics/roots.py"
def bisect(f, low: float, high: float, tol: float = 1e-9) -> float:
    """A root of f in [low, high] within tol; raises ValueError if f does not change its sign."""
    ### BEGIN SOLUTION
    left = f(low)
    if left * f(high) > 0:
        raise ValueError("the sign does not change")
    while high - low > tol:
        middle = (low + high) / 2
        if left * f(middle) <= 0:
            high = middle
        else:
            low, left = middle, f(middle)
    return (low + high) / 2
    ### END SOLUTION


# %% id="bisect-finds-a-root" role="check" points=30
@check
def bisect_finds_a_root():
    """The sign changes within each interval that is kept."""
    yield close(bisect(lambda x: x * x - 2, 0.0, 2.0), atol=1e-8)
    yield holds(
        bisect(np.sin, 2.0, 10.0),
        lambda x: 2 < x < 10 and abs(np.sin(x)) < 1e-8,
        "any root of the sine between 2 and 10",
    )
    ### BEGIN HIDDEN TESTS
    #: a falling function
    shift = float(rng.uniform(-1, 1))
    yield close(bisect(lambda x: shift - x**3, -2.0, 2.0), atol=1e-8)
    ### END HIDDEN TESTS


# %% id="bisect-refuses" role="check" points=10
@check
def bisect_refuses():
    """Without a change of sign there may be no root at all."""
    yield raises(lambda: bisect(lambda x: x * x + 1, -1.0, 1.0))
    ### BEGIN HIDDEN TESTS
    #: a negative function
    yield raises(lambda: bisect(lambda x: -1.0, 0.0, 1.0))
    ### END HIDDEN TESTS


# %% id="bisect-hints" role="hints"
# 1. Which half can you throw away?
# 2. The product of two numbers is negative if their signs differ.
# 3. Compute f once in the middle, and keep the half in which the sign changes.

# %% [markdown] id="why-area"
# ## Exercise 2: an area
#
# `scipy.integrate.quad(f, a, b)` returns the integral and an estimate of its error. Write
# `area(f, g, a, b)`: the area between two curves that may cross.

# %% id="area-imports" role="given" export="numerics/roots.py"
import numpy as np
from scipy import integrate


# %% id="area" role="solution" export="numerics/roots.py"
def area(f, g, a: float, b: float) -> float:
    """The integral of |f - g| from a to b."""
    ### BEGIN SOLUTION
    return integrate.quad(lambda x: abs(f(x) - g(x)), a, b, limit=200)[0]
    ### END SOLUTION


# %% id="area-between-curves" role="check" points=30
@check
def area_between_curves():
    """Where the curves cross, the difference changes its sign and the area does not."""
    yield close(area(np.sin, np.cos, 0.0, np.pi), rtol=1e-5)
    ### BEGIN HIDDEN TESTS
    #: curves that cross several times
    wide = float(rng.uniform(5, 8))
    yield close(area(np.sin, lambda x: 0.0, 0.0, wide), rtol=1e-5)
    ### END HIDDEN TESTS


# %% id="area-hints" role="hints"
# 1. What does the integral of f - g count where g is above f?
# 2. Take the absolute value before you integrate.

# %% [markdown] id="why-draw"
# ## Exercise 3: draw it
#
# Write `draw(f, a, b, root)`: a figure with f as a line of 101 points, the root as one point, and
# "x" below the axis. Return its axes.


# %% id="draw" role="solution" export="numerics/roots.py"
def draw(f, a: float, b: float, root: float):
    """The axes of a new figure with f from a to b, and a root of it."""
    ### BEGIN SOLUTION
    import matplotlib.pyplot as plt

    _, axes = plt.subplots()
    x = np.linspace(a, b, 101)
    axes.plot(x, f(x))
    axes.scatter([root], [0.0])
    axes.set_xlabel("x")
    return axes
    ### END SOLUTION


# %% id="draw-shows-the-root" role="check" points=30
@check
def draw_shows_the_root():
    """What is drawn is data as well."""
    yield figure(draw(np.cos, 0.0, 3.0, np.pi / 2))
    ### BEGIN HIDDEN TESTS
    #: another function
    yield figure(draw(np.exp, -1.0, float(rng.uniform(1, 2)), 0.5))
    ### END HIDDEN TESTS


# %% id="draw-hints" role="hints"
# 1. `plt.subplots()` makes a figure and its axes.
# 2. `np.linspace(a, b, 101)` has both ends.

# %% id="index-00" role="index" export="numerics/__init__.py" of="roots.py"
