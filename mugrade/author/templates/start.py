# %% [markdown] id="start"
# # {title}
#
# You build a package, `{package}`, one cell at a time. Open the notebooks in their order:
#
# {stages}

# %% [markdown] id="start-how"
# ## How it goes
#
# Run every cell from the top. An exercise is a cell that you complete; it begins with `#| export`,
# and when it has run, it is part of your package. The cell below it checks it: run that at once. It
# says what is right and, where something is not, what differs and what to try.
#
# In a cell of your own:
#
# | command | what it does |
# | --- | --- |
# | `%mugrade hint EXERCISE` | a hint, one more each time; without a name, all exercises |
# | `%mugrade check 03` | run the checks of a stage again |
# | `%mugrade status` | what is built and passes |
# | `%mugrade reset EXERCISE` | put a cell back as it was handed out; your text is kept |
# | `%mugrade kept` | what was replaced, and how to get it back |
# | `%mugrade update` | the course's new version under your work |
# | `%mugrade doctor` | what is wrong with installation or notebooks, and what to do |
# | `%mugrade submit --student ID` | write the archive to hand in |
#
# In a terminal the same commands go without the `%`.

# %% [markdown] id="start-progress-prose"
# ## How far you are
#
# Run this cell whenever you want to know.

# %% id="start-progress" role="demo"
# %load_ext mugrade
from mugrade import progress

progress()
