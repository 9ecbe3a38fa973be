# %% data-transforms-module
"""Random changes of an image that leave its label true."""

import numpy as np


# %% flip
class RandomFlipHorizontal:
    """Mirror an image, left to right, with probability p."""

    def __init__(self, p: float = 0.5) -> None:
        self.p = p

    def __call__(self, img: np.ndarray) -> np.ndarray:
        """Return `img` mirrored if one `np.random.rand()` is less than p, else as it is.

        result[i, j, c] = img[i, W - 1 - j, c]; an array of shape (H, W, C) and its dtype; `img` is
        left as it was.
        """
        return img[:, ::-1] if np.random.rand() < self.p else img


# %% crop
class RandomCrop:
    """Surround an image with zeros and cut a piece of its own size out at a random place."""

    def __init__(self, padding: int = 3) -> None:
        self.padding = padding

    def __call__(self, img: np.ndarray) -> np.ndarray:
        """Return `img` shifted by (s, t) = `np.random.randint(-padding, padding + 1, size=2)`.

        result[i, j, c] = img[i + s, j + t, c] where that exists, else 0; an array of shape
        (H, W, C) and its dtype; `img` is left as it was.
        """
        pad = self.padding
        height, width, channels = img.shape
        padded = np.zeros((height + 2 * pad, width + 2 * pad, channels), dtype=img.dtype)
        padded[pad : pad + height, pad : pad + width] = img
        top, left = pad + np.random.randint(-pad, pad + 1, size=2)
        return padded[top : top + height, left : left + width]
