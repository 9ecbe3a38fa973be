# %% nn-index-module
from needle.nn.module import Module, Parameter


# %% nn-index-identity
from needle.nn.basic import Identity


# %% nn-index-linear
from needle.nn.basic import Linear


# %% nn-index-flatten
from needle.nn.basic import Flatten


# %% nn-index-relu
from needle.nn.basic import ReLU


# %% nn-index-sequential
from needle.nn.basic import Sequential


# %% nn-index-residual
from needle.nn.basic import Residual


# %% nn-index-loss
from needle.nn.loss import SoftmaxLoss
