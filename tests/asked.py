"""The tiny course with a question that gives points, one that gives none, and two bonuses."""

from pathlib import Path

from tests.tiny import write_course

MODEL = "So that no feature drowns the others."
SCHEME = "2 points for the units, 2 for an example."
QUESTION = "**Why** is a sample scaled, with $\\sigma$?"
PLACE = "Write your answer here."
LAST = "    yield distribution(noise(20_000))\n"
WHY = f"""
# %% [markdown] id="why-scale" role="answer" points=4
# {QUESTION}
#
# ### BEGIN SOLUTION
# {MODEL}
# ### END SOLUTION
#
# ### BEGIN MARK SCHEME
# {SCHEME}
# ### END MARK SCHEME
"""
MORE = f"""{WHY}
# %% [markdown] id="muse" role="answer"
# What is scaled in nature?
#
# ### BEGIN SOLUTION
# Fish and maps.
# ### END SOLUTION

# %% id="noise-again" role="optional" points=2
@check
def noise_again():
    \"\"\"A short sample is normal too.\"\"\"
    yield distribution(noise(5_000))

# %% [markdown] id="essay" role="optional" points=3
# ### BEGIN SOLUTION
# An essay.
# ### END SOLUTION
# ### BEGIN MARK SCHEME
# Whatever is true.
# ### END MARK SCHEME
"""


def write_asking(root: Path, more: str = MORE) -> Path:
    """Write the course below `root`, with other cells at its end."""
    return write_course(root, stage_01=(LAST, LAST + more))
