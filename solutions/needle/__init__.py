# %% needle-index-byhand
from needle import byhand


# %% needle-index
from needle import autograd, ops
from needle.autograd import Tensor
from needle.device import all_devices, cpu


# %% needle-index-ops
from needle.ops import (
    add,
    add_scalar,
    broadcast_to,
    divide,
    divide_scalar,
    exp,
    fused_add_scalars,
    log,
    make_tuple,
    matmul,
    mul_scalar,
    multiply,
    negate,
    power,
    power_scalar,
    relu,
    reshape,
    summation,
    transpose,
    tuple_get_item,
)


# %% needle-index-init
from needle import init
from needle.init import ones, ones_like, zeros, zeros_like


# %% needle-index-nn
from needle import nn


# %% needle-index-logsumexp
from needle.ops import logsumexp


# %% needle-index-logsoftmax
from needle.ops import logsoftmax


# %% needle-index-optim
from needle import optim


# %% needle-index-data
from needle import data


# %% needle-index-models
from needle import models


# %% needle-index-fast
from needle import fast
