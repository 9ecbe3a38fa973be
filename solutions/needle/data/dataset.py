# %% data-dataset-module
"""Datasets: examples by number."""

import os
from collections.abc import Callable, Sequence

import numpy as np

from needle.data.idx import read_idx

Index = int | slice | np.ndarray
Transform = Callable[[np.ndarray], np.ndarray]


class Dataset:
    """Examples by number; subclasses define `__getitem__` and `__len__`.

    An index is an int, a slice or an array of ints. The last two ask for several examples at
    once, which are stacked along a new first axis.
    """

    def __init__(self, transforms: Sequence[Transform] | None = None) -> None:
        self.transforms = transforms

    def __getitem__(self, index: Index) -> tuple[np.ndarray, ...]:
        """The parts of an example, such as an image and its label, or of several examples."""
        raise NotImplementedError(f"{type(self).__name__} has no __getitem__ method")

    def __len__(self) -> int:
        """How many examples there are."""
        raise NotImplementedError(f"{type(self).__name__} has no __len__ method")

    def apply_transforms(self, x: np.ndarray) -> np.ndarray:
        """One image after all transforms, in order."""
        for transform in self.transforms or ():
            x = transform(x)
        return x


# %% ndarray-dataset
class NDArrayDataset(Dataset):
    """Arrays of equal length n; example i is made of the i-th entry of each.

    An item is a tuple with one part for each array, of the array's dtype. For k indices a part of
    an array of shape (n, ...) has shape (k, ...), for an int it has shape (...).
    Raises ValueError if the arrays are not equally long.
    """

    def __init__(self, *arrays: np.ndarray) -> None:
        super().__init__()
        lengths = [len(array) for array in arrays]
        if len(set(lengths)) > 1:
            raise ValueError(f"the arrays hold {lengths} examples: give as many in each")
        self.arrays = arrays

    def __getitem__(self, index: Index) -> tuple[np.ndarray, ...]:
        """The entries of each array at `index`: an int, a slice or an array of ints."""
        return tuple(array[index] for array in self.arrays)

    def __len__(self) -> int:
        """n, the number of examples."""
        return len(self.arrays[0])


# %% mnist-dataset
class MNISTDataset(Dataset):
    """Grey images and their labels from two gzipped IDX files, such as those of MNIST.

    An item is (image, label): the image float32 in [0, 1], pixel / 255, of shape (H, W, 1) and
    passed through `apply_transforms`; the label uint8. A slice or an array of n indices gives
    shapes (n, H, W, 1) and (n,), also for n = 0, each image transformed by a call of its own, in
    order.
    Raises ValueError unless the images have 3 axes, the labels 1, and there are as many of both.
    """

    def __init__(
        self,
        image_filename: str,
        label_filename: str,
        transforms: Sequence[Transform] | None = None,
    ) -> None:
        super().__init__(transforms)
        images, labels = read_idx(image_filename), read_idx(label_filename)
        if images.ndim != 3 or labels.ndim != 1:
            raise ValueError(
                f"{image_filename} should hold images (3 axes) and {label_filename} labels (1), "
                f"they have {images.ndim} and {labels.ndim} axes"
            )
        if len(images) != len(labels):
            raise ValueError(
                f"{image_filename} holds {len(images)} images, "
                f"{label_filename} {len(labels)} labels"
            )
        self.images = images[..., np.newaxis]  # bytes: a quarter of the memory of float32
        self.labels = labels

    def __getitem__(self, index: Index) -> tuple[np.ndarray, ...]:
        """The image and the label at an int, or the images and labels at several indices."""
        images, labels = self.images[index] / np.float32(255), self.labels[index]
        if images.ndim == 3:
            return self.apply_transforms(images), labels
        if self.transforms and len(images):
            images = np.stack([self.apply_transforms(image) for image in images])
        return images, labels

    def __len__(self) -> int:
        """How many images there are."""
        return len(self.labels)
