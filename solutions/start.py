# %% [markdown] id="start"
# # Write a deep-learning library
#
# In ten notebooks you write `needle`, a small library of the kind that PyTorch is a large one of:
# tensors that know their derivatives, layers, losses, optimizers, data loading. At the end a
# network of your own reads handwritten digits, and from the bytes of the file to the gradient of a
# batch norm nothing in it was written by anybody else. Then you make it fast.
#
# You need Python, NumPy, and a little calculus: derivatives and the chain rule.
#
# {stages}

# %% [markdown] id="start-how"
# ## How it goes
#
# Run every cell from the top, and read what is between them. An **exercise** is a cell that begins
# with `#| export` and holds the line `raise NotImplementedError()`. Replace that line, run the
# cell, and what you wrote is part of your `needle`; the next notebook imports it. The cell below is
# its **check**: run it at once. If something differs, it says so like this:
#
#     not passed  multiply_gradient  0 of 7 points
#       you       2 at [0] (2 of 2 entries differ)
#       expected  5
#       from      grad, number 1 of y.op.gradient_as_tuple(Tensor([1.0, 10.0]), y)
#       mistake   the two gradients are exchanged
#       why       each factor gets itself: the derivative of a * b by a is the other factor
#       try       write both partial derivatives down before you return them
#       hint      mugrade hint multiply
#
# Code that is given, or only draws, is folded away; click on its bar to read it.

# %% [markdown] id="start-help"
# ## Where help is
#
# In a cell of your own:
#
# | command | what it does |
# | --- | --- |
# | `%mugrade hint multiply` | a hint, one more each time; without a name, all exercises |
# | `%mugrade check 03` | run the checks of a stage again |
# | `%mugrade status` | what is built and passes |
# | `%mugrade reset multiply` | put a cell back as it was handed out; your text is kept |
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

# %% [markdown] id="start-words"
# ## Words
#
# - **Adjoint** of a value: how fast the loss grows with it, $\partial L / \partial v$. (00)
# - **Batch**: the examples that one step looks at. **Epoch**: one pass over all examples. (07, 08)
# - **Bias**: in a layer, what is added after the product (02); in an average, what its start at
#   zero still pulls (06).
# - **Broadcasting**: repeating an array along axes of length 1, aligned at the right. (00)
# - **Fan-in, fan-out**: how many numbers each output of a layer sums, and how many outputs each
#   input feeds. (01)
# - **Graph**: who was computed from whom. A **leaf** of it was given, not computed. (00)
# - **Logit**: a score before it becomes a probability, any real number. (03, 04)
# - **Loss**: the number that training makes small.
# - **Mode**, train or eval: whether a layer may use the batch and chance, or only what it has
#   learned. (05)
# - **Momentum**: in a running average of statistics the share of the new value (05), in an
#   optimizer the share of the old one (06).
# - **Op**: one operation that knows its derivative. (00)
# - **Parameter**: a tensor that is trained. (02)
# - **Regularization**: whatever keeps a network from learning its examples by heart. (05, 06, 08)
# - **Softmax**: exponentials divided by their sum; scores become probabilities. (03, 04)
