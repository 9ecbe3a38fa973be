# %% fast-data
"""Whole batches, gathered and changed at once."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from needle import data as plain
from needle.data.dataset import Index


class RandomFlipHorizontal(plain.RandomFlipHorizontal):
    """data.RandomFlipHorizontal, also of a batch: each image has its own draw."""

    def __call__(self, img: np.ndarray) -> np.ndarray:
        """From shape (H, W, C) or (n, H, W, C) to the same shape and dtype."""
        if img.ndim == 3:
            return super().__call__(img)
        chosen = np.random.rand(len(img)) < self.p
        images = img.copy()
        images[chosen] = img[chosen, :, ::-1]
        return images


class RandomCrop(plain.RandomCrop):
    """data.RandomCrop, also of a batch: each image has its own two draws."""

    def __call__(self, img: np.ndarray) -> np.ndarray:
        """From shape (H, W, C) or (n, H, W, C) to the same shape and dtype."""
        if img.ndim == 3:
            return super().__call__(img)
        n, height, width, channels = img.shape
        pad = self.padding
        padded = np.zeros((n, height + 2 * pad, width + 2 * pad, channels), img.dtype)
        padded[:, pad : pad + height, pad : pad + width] = img
        windows = sliding_window_view(padded, (height, width), axis=(1, 2))
        top, left = (pad + np.random.randint(-pad, pad + 1, size=(n, 2))).T
        return np.moveaxis(windows[np.arange(n), top, left], 1, -1)


class NDArrayDataset(plain.NDArrayDataset):
    """data.NDArrayDataset that gathers the rows of a batch with `np.take`."""

    def __getitem__(self, index: Index) -> tuple[np.ndarray, ...]:
        """The entries of each array at `index`: an int, a slice or an array of ints."""
        if isinstance(index, np.ndarray) and index.dtype.kind in "iu":
            return tuple(array.take(index, axis=0) for array in self.arrays)
        return super().__getitem__(index)


class MNISTDataset(plain.MNISTDataset):
    """data.MNISTDataset whose transforms get a whole batch (n, H, W, 1) in one call."""

    def __getitem__(self, index: Index) -> tuple[np.ndarray, ...]:
        """The image and the label at an int, or the images and labels at several indices."""
        images = self.images[index] / np.float32(255)
        return self.apply_transforms(images), self.labels[index]
