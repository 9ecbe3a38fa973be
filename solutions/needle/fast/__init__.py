# %% fast-index-profile
from needle.fast import profile


# %% fast-index-memory
from needle.fast import memory


# %% fast-index-ops
from needle.fast import ops as ops


# %% fast-index-nn
from needle.fast import nn as nn


# %% fast-index-optim
from needle.fast import optim as optim


# %% fast-index-data
from needle.fast import data as data


# %% fast-index-models
from needle.fast import models as models

memory.keep_memory()
