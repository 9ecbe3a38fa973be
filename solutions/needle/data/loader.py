# %% data-loader-module
"""From a dataset to batches of tensors."""

from collections.abc import Iterator

import numpy as np

from needle.autograd import Tensor
from needle.data.dataset import Dataset


# %% data-loader
class DataLoader:
    """The examples of a dataset in batches, in order or shuffled."""

    def __init__(self, dataset: Dataset, batch_size: int = 1, shuffle: bool = False) -> None:
        if batch_size < 1:
            raise ValueError(f"a batch holds one example or more, not {batch_size}")
        self.dataset = dataset
        self.batch_size = batch_size
        self.shuffle = shuffle

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        """Batches as tuples of tensors that need no gradient, one for each part of an example.

        The order is 0 .. n-1, or one `np.random.permutation(n)` drawn for this iteration. Each
        batch is one call `dataset[indices]` with an array of indices, made anew in every
        iteration; the last one holds what is left. Any number of iterations may be under way at
        once.
        """
        n = len(self.dataset)
        order = np.random.permutation(n) if self.shuffle else np.arange(n)
        for start in range(0, n, self.batch_size):
            batch = self.dataset[order[start : start + self.batch_size]]
            yield tuple(Tensor(part, requires_grad=False) for part in batch)
