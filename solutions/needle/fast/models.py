# %% fast-models-module
"""Networks that exist already, made fast."""

from typing import Any

import needle
from needle import nn
from needle.fast import nn as fast
from needle.nn.module import _parts

FASTER = {
    nn.Linear: fast.Linear,
    nn.ReLU: fast.ReLU,
    nn.Dropout: fast.Dropout,
    nn.SoftmaxLoss: fast.SoftmaxLoss,
    nn.LayerNorm1d: fast.LayerNorm1d,
    nn.BatchNorm1d: fast.BatchNorm1d,
}


def faster(module: nn.Module) -> nn.Module:
    """The same module, after each plain layer in it has become the fast one, in place.

    A fast layer has the attributes of the plain one, so parameters and running values stay.
    """
    for part in _parts(module):
        part.__class__ = FASTER.get(type(part), type(part))
    return module


def MLPResNet(*args: Any, **kwargs: Any) -> nn.Module:
    """needle.models.MLPResNet, of fast layers: the same arguments, the same draws."""
    return faster(needle.models.MLPResNet(*args, **kwargs))
