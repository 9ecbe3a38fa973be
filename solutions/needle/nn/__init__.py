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


# %% nn-index-layernorm
from needle.nn.norm import LayerNorm1d


# %% nn-index-batchnorm
from needle.nn.norm import BatchNorm1d


# %% nn-index-dropout
from needle.nn.dropout import Dropout
