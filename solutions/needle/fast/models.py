# %% fast-models-module
"""Networks that exist already, made fast."""

from collections.abc import Mapping
from typing import Any

import needle
from needle import nn as plain
from needle.fast import nn as fast
from needle.nn.module import Module, _parts

Layers = Mapping[type, type]
FASTER: Layers = {
    plain.Linear: fast.Linear,
    plain.ReLU: fast.ReLU,
    plain.Dropout: fast.Dropout,
    plain.SoftmaxLoss: fast.SoftmaxLoss,
    plain.LayerNorm1d: fast.LayerNorm1d,
    plain.BatchNorm1d: fast.BatchNorm1d,
}


def faster(module: Module, layers: Layers = FASTER) -> Module:
    """The same module, after each plain layer in it has become the fast one, in place.

    A fast layer has the attributes of the plain one, so parameters and running values stay. Of a
    class that is not in `layers`, also of your own, nothing is changed.
    """
    for part in _parts(module):
        part.__class__ = layers.get(type(part), type(part))
    return module


def MLPResNet(*args: Any, **kwargs: Any) -> Module:
    """needle.models.MLPResNet, of fast layers: the same arguments, the same draws."""
    return faster(needle.models.MLPResNet(*args, **kwargs))
