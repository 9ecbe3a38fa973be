# %% [markdown] id="title-00"
# # 00 · Sequences
#
# Lists, tuples, texts and exceptions: three functions that a program needs every day.
#
# - **Time**: about 30 minutes, three exercises.
# - **It grows**: `algorithms/sequences.py`.

# %% id="setup-00" role="given"
# %load_ext mugrade
from mugrade import any_of, check, printed, raises, rng

# %% [markdown] id="why-runs"
# ## Exercise 1: runs
#
# `"aaab"` is three times `a` and once `b`. Write `runs(text)`, which says so: a list of pairs
# (character, how often in a row), from left to right. An empty text has no runs.


# %% id="runs" role="solution" export="algorithms/sequences.py"
def runs(text: str) -> list[tuple[str, int]]:
    """The characters of a text, each with how often it stands there in a row."""
    ### BEGIN SOLUTION
    found: list[tuple[str, int]] = []
    for character in text:
        if found and found[-1][0] == character:
            found[-1] = character, found[-1][1] + 1
        else:
            found.append((character, 1))
    return found
    ### END SOLUTION


# %% id="runs-of-a-text" role="check" points=20
@check
def runs_of_a_text():
    """A run ends where another character begins, and may come again later."""
    yield runs("aaab")
    yield runs("")
    ### BEGIN HIDDEN TESTS
    #: a text of few letters
    yield runs("".join(rng.choice(list("xy"), 40)))
    ### END HIDDEN TESTS


# %% id="runs-hints" role="hints"
# 1. What do you have to remember while you walk along the text?
# 2. The last run is the only one that can still grow.
# 3. Compare each character with that of the last run: either it grows, or a new one begins.

# %% [markdown] id="why-find"
# ## Exercise 2: find
#
# Write `find(items, wanted)` for a sorted list: an index at which `wanted` stands. If it is not
# there, raise a `LookupError`. If it stands there several times, any of its places is right.


# %% id="find" role="solution" export="algorithms/sequences.py"
def find(items: list[int], wanted: int) -> int:
    """An index of `wanted` in sorted items; raises LookupError if it is not there."""
    ### BEGIN SOLUTION
    low, high = 0, len(items)
    while low < high:
        middle = (low + high) // 2
        if items[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    if low == len(items) or items[low] != wanted:
        raise LookupError(f"{wanted} is not there")
    return low
    ### END SOLUTION


# %% id="find-finds" role="check" points=20
@check
def find_finds():
    """Half of what is left is thrown away with each comparison."""
    yield find([2, 3, 5, 7], 5)
    yield any_of(find([1, 4, 4, 6], 4), 2)
    ### BEGIN HIDDEN TESTS
    #: a long list
    items = sorted(int(n) for n in rng.choice(1000, 100, replace=False))
    yield [find(items, items[place]) for place in (0, 99, *map(int, rng.integers(1, 99, 5)))]
    ### END HIDDEN TESTS


# %% id="find-says-no" role="check" points=10
@check
def find_says_no():
    """What is not there has no index, not even -1."""
    yield raises(lambda: find([2, 3, 5, 7], 4))
    ### BEGIN HIDDEN TESTS
    #: beyond both ends
    yield raises(lambda: find([2, 3, 5, 7], 9))
    yield raises(lambda: find([2, 3, 5, 7], 1))
    yield raises(lambda: find([], 1))
    ### END HIDDEN TESTS


# %% id="find-hints" role="hints"
# 1. Look at the one in the middle: which half can it not be in?
# 2. Keep two indices, between which it must be.
# 3. What is true when both are the same?

# %% [markdown] id="why-staircase"
# ## Exercise 3: print
#
# Write `staircase(n)`, which prints n steps of the sign `#`, the first of one sign, the last of n.


# %% id="staircase" role="solution" export="algorithms/sequences.py"
def staircase(n: int) -> None:
    """Print n lines, of 1 to n signs."""
    ### BEGIN SOLUTION
    for width in range(1, n + 1):
        print("#" * width)
    ### END SOLUTION


# %% id="staircase-has-n-steps" role="check" points=50
@check
def staircase_has_n_steps():
    """What is printed is what counts here, not what is returned."""
    yield printed(staircase, 3)
    ### BEGIN HIDDEN TESTS
    #: no step, and many
    yield printed(staircase, 0)
    yield printed(staircase, int(rng.integers(5, 9)))
    ### END HIDDEN TESTS


# %% id="staircase-hints" role="hints"
# 1. How do you print one line of n signs?
# 2. Which numbers does the loop run through, and is n among them?

# %% id="index-00" role="index" export="algorithms/__init__.py" of="sequences.py"
