# %% dropout-module
"""Dropout: activations set to zero at random while training."""

import numpy as np

from needle import init
from needle.autograd import Tensor
from needle.nn.module import Module


# %% dropout
class Dropout(Module):
    """Entries set to zero with probability p while training, and nothing done otherwise.

    y = mask * x / (1 - p), where `mask` is one draw of init.randb with the shape of x that is true
    with probability 1 - p; in eval mode y = x and nothing is drawn. Any shape; the dtype stays;
    0 <= p <= 1.

    Source: Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov, 2014, sections 4 and 10.
    """

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"p is a probability, from 0 to 1, not {p}")
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """From any shape to the same shape."""
        if self.training and self.p == 1:  # nothing survives to be divided by 1 - p
            return x * 0.0
        if not self.training:
            return x
        mask = init.randb(*x.shape, p=1 - self.p, dtype=x.dtype)
        return x * (mask / (1 - self.p))
