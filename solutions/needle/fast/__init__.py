# %% fast-index
from needle.fast import memory, models, nn, ops, optim, profile

memory.keep_memory()
