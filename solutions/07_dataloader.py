# %% [markdown] id="title-07"
# # 07 · Dataset and DataLoader
#
# You will build `needle.data`: a parser for the file format of MNIST, datasets that hand out one
# example or many, two random transforms of images, and the `DataLoader` that turns a dataset into
# shuffled batches of tensors, epoch after epoch.
#
# - **Time**: about 40 minutes, seven exercises.
# - **You need**: `Tensor` of stage 00.
# - **It grows**: `needle/data/`, with `idx.py`, `dataset.py`, `transforms.py` and `loader.py`.

# %% id="setup-07" role="given" data="data/digits/train-images-idx3-ubyte.gz"
# %load_ext mugrade
import numpy as np

import needle as ndl
from mugrade import check, rng

# %% [markdown] id="idx-why"
# ## Exercise 1: bytes that are an array
#
# MNIST is four files in a format called IDX. It is as plain as a format can be: a header that
# says how many axes there are and how long each is, then the entries.
#
# | bytes | what they say | for 3 labels |
# | --- | --- | --- |
# | 2 | always zero | 0, 0 |
# | 1 | the type of the entries: 8 is *unsigned byte* | 8 |
# | 1 | the number of axes, $d$ | 1 |
# | 4 each | the $d$ sizes, 32-bit integers, most significant byte first | 0, 0, 0, 3 |
# | 1 each | the entries, last axis fastest | 5, 0, 4 |
#
# The first four bytes are the *magic number*: 0x00000803, or 2051, for images, and 0x00000801,
# or 2049, for labels. Most significant byte first is *big-endian*; your processor does it the
# other way round, and would read the 3 as 50,331,648.
#
# A parser reads files that somebody else made and the network brought. If it believes them, a
# download that broke off becomes a smaller data set, and nobody notices. So it has to compare what
# the header promises with what is there.
#
# The next cell writes the format: the checks make their files with it.

# %% id="idx-writer" role="given" data="data/digits/train-labels-idx1-ubyte.gz"
import gzip
import os
import struct
import tempfile


def pack_idx(array):
    """An array of unsigned bytes as the content of an IDX file."""
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.tobytes()


def write_file(folder, name, content):
    """Write bytes into a file and return its path."""
    path = os.path.join(folder, name)
    with open(path, "wb") as file:
        file.write(content)
    return path


def write_idx(folder, name, array):
    """Write an array into a gzipped IDX file and return its path."""
    return write_file(folder, name, gzip.compress(pack_idx(array)))


def summary(function, *args):
    """One number for what is read: nan for a ValueError, -1 for a FileNotFoundError."""
    try:
        found = function(*args)
    except ValueError:
        return np.nan
    except FileNotFoundError:
        return -1.0
    entries = np.ravel(found)
    return float(entries @ np.arange(1.0, 1 + entries.size))


def complaint(function, *args):
    """The message of the ValueError that is raised; empty if there is none."""
    try:
        function(*args)
    except ValueError as error:
        return str(error)
    return ""


# %% id="data-idx-module" role="given" export="needle/data/idx.py"
"""IDX, the file format of MNIST."""

import gzip
import math
import os
import struct
import zlib

import numpy as np


# %% id="parse-idx" role="solution" export="needle/data/idx.py"
def parse_idx(content: bytes) -> np.ndarray:
    """Return the array of unsigned bytes that the content of an IDX file holds.

    Bytes 0, 0, 8, then d, the number of axes; d sizes, each a big-endian unsigned 32-bit integer;
    the entries, one byte each, in C order. The result has dtype uint8 and these sizes, d >= 1.
    Raises ValueError if the content begins otherwise, or if it is shorter or longer than the
    header says. The message says what was found: the first bytes, or how many bytes there are.
    Source: LeCun, Cortes and Burges, the MNIST database.
    """
    ### BEGIN SOLUTION
    if content[:3] != b"\0\0\x08" or len(content) < 4:
        raise ValueError(f"it begins with {list(content[:4])}, not with 0, 0, 8 and a size")
    start = 4 + 4 * content[3]
    if len(content) < start:
        raise ValueError(f"{len(content)} bytes do not hold a header of {start}")
    shape = struct.unpack(f">{content[3]}I", content[4:start])
    size = start + math.prod(shape)
    if len(content) != size:
        raise ValueError(f"it has {len(content)} bytes, the header {shape} asks for {size}")
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(shape)
    ### END SOLUTION


# %% [markdown] id="parse-idx-hints" role="hints" of="parse-idx"
# 1. `content[3]` is a number: the count of axes. At which byte do the entries begin, as a formula
#    of it? How long must `content` be in all?
# 2. `struct.unpack(">3I", twelve_bytes)` reads three big-endian unsigned integers;
#    `np.frombuffer(content, dtype=..., offset=...)` sees the rest as an array. Before each, make
#    sure that the bytes are there: `struct` raises an error of its own if they are not.
# 3. With `start = 4 + 4 * content[3]`: refuse unless the first three bytes are `b"\0\0\x08"`,
#    unless there are `start` bytes, and unless `len(content)` equals `start` plus the product of
#    the sizes (`math.prod`). Then `np.frombuffer` from `start` on, reshaped to the sizes.

# %% id="data-index-parse" role="index" export="needle/data/__init__.py"
from needle.data.idx import parse_idx

# %% id="needle-index-data" role="index" export="needle/__init__.py"
from needle import data


# %% id="idx-parsed" role="check" points=7
@check
def idx_parsed():
    """A wrong byte order or a wrong start gives an array too, and its pixels are noise."""
    yield ndl.data.parse_idx(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 200, 1]))
    yield ndl.data.parse_idx(bytes([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 255]))
    ### BEGIN HIDDEN TESTS
    #: other numbers of axes, also long and empty ones
    for shape in ((5,), (300,), (3, 4, 2), (7, 28, 28), (2, 3, 4, 5), (1, 1), (0, 8, 8), (260, 1)):
        yield ndl.data.parse_idx(pack_idx(rng.integers(0, 256, shape, dtype="uint8")))
    ### END HIDDEN TESTS


# %% id="idx-refused" role="check" points=7
@check
def idx_refused():
    """Nobody looks at 60,000 images: damage must raise ValueError, which is nan here."""
    whole = bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 200, 1])
    wrong_type = bytes([0, 0, 13, 1, 0, 0, 0, 3, 7, 200, 1])
    contents = [whole, wrong_type, whole[:-1], whole + b"\0", whole[:6], whole[:2], b""]
    contents.append(b"\1" + whole[1:])
    yield np.array([summary(ndl.data.parse_idx, content) for content in contents])
    ### BEGIN HIDDEN TESTS
    #: contents that are whole, cut, lengthened or altered
    images = rng.integers(1, 256, (4, 3, 5), dtype="uint8")
    whole = pack_idx(images)
    contents = [
        whole,
        b"\1" + whole[1:],
        b"\0\1" + whole[2:],
        whole[:2] + b"\x09" + whole[3:],
        whole[:2] + b"\0" + whole[3:],
        whole[:-15],
        whole[:-7],
        whole + bytes(15),
        whole + b"\n",
        whole[:16],
        whole[:15],
        whole[:12],
        whole[:4],
        whole[:3],
        whole[:4] + bytes([255, 255, 255, 255]) + whole[8:],
        whole[:4] + bytes([0, 0, 0, 3]) + whole[8:],
        whole[:4] + bytes([0, 0, 0, 5]) + whole[8:],
        whole[:3] + b"\2" + whole[4:],
        whole[:3] + b"\4" + whole[4:],
        bytes([0, 0, 8, 2, 0, 1, 0, 0, 0, 1, 0, 0]),  # 2**32 entries, of which 32 bits keep none
        pack_idx(images.reshape(-1)),
        pack_idx(images)[::-1],
    ]
    for content in contents:
        yield np.array([summary(ndl.data.parse_idx, c) for c in (content, whole)])
    ### END HIDDEN TESTS


# %% id="idx-says" role="check" points=2
@check
def idx_says():
    """Two files that are damaged differently deserve two messages: 3 where they differ, else 2."""
    whole = bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 200, 1])
    pairs = [(whole[:-1], whole[:-2]), (whole + b"\7", whole + b"\7\7")]
    pairs.append((b"\0\0\x0d" + whole[3:], b"\0\0\x0b" + whole[3:]))
    said = [[complaint(ndl.data.parse_idx, content) for content in pair] for pair in pairs]
    yield np.array([2 + (one != other) for one, other in said])
    ### BEGIN HIDDEN TESTS
    #: pairs of contents with the same kind of damage
    images = rng.integers(1, 256, (4, 3, 5), dtype="uint8")
    whole = pack_idx(images)
    pairs = [(whole[:-15], whole[:-9]), (whole + bytes(15), whole + bytes(4))]
    pairs.append((b"\0\0\x0b" + whole[3:], b"\0\0\x0e" + whole[3:]))
    for pair in pairs:
        one, other = (complaint(ndl.data.parse_idx, content) for content in pair)
        yield images[0] // 2 + (one != other)
    ### END HIDDEN TESTS


# %% [markdown] id="read-idx-why"
# ## Exercise 2: the file
#
# The files come gzipped. `gzip.open(path).read()` returns the unpacked bytes, and complains when
# they are damaged, but in three languages: a file that is not gzip, or whose checksum is wrong,
# raises `gzip.BadGzipFile`, one that ends too early `EOFError`, and a garbled one `zlib.error`.
#
# Whoever calls you has a path in hand and wants one answer to the question whether it can be
# used. Translate all of this into a `ValueError` that names the file. A file that does not exist
# is another matter; `FileNotFoundError` says all there is to say, so leave it alone. (It is an
# `OSError`, and so is `BadGzipFile`. Catch the right one.)


# %% id="read-idx" role="solution" export="needle/data/idx.py"
def read_idx(path: str | os.PathLike[str]) -> np.ndarray:
    """Return the array of unsigned bytes in the gzipped IDX file at `path`.

    Raises ValueError, which names the path, for a file that is not gzip, is damaged, ends too
    early or is not IDX; FileNotFoundError if there is none.
    """
    ### BEGIN SOLUTION
    try:
        with gzip.open(path) as file:
            return parse_idx(file.read())
    except (gzip.BadGzipFile, EOFError, zlib.error, ValueError) as error:
        raise ValueError(f"{path} is no gzipped IDX file: {error}") from None
    ### END SOLUTION


# %% [markdown] id="read-idx-hints" role="hints" of="read-idx"
# 1. Which exceptions can come out of `gzip.open(path).read()`, and which of them is about the
#    content of the file?
# 2. Do the reading and the parsing inside one `try`. An `except` clause takes a tuple of classes:
#    `gzip.BadGzipFile`, `EOFError`, `zlib.error`, and `ValueError` to add the path to what
#    `parse_idx` says.
# 3. In the `try`: `with gzip.open(path) as file:` and return `parse_idx` of what it reads. In the
#    `except ... as error`: `raise ValueError(...) from None`, with `path` and `error` in an
#    f-string.

# %% id="data-index-read" role="index" export="needle/data/__init__.py"
from needle.data.idx import read_idx


# %% id="idx-file" role="check" points=6
@check
def idx_file():
    """A download that broke off leaves a file that looks like any other; nan is a ValueError."""
    with tempfile.TemporaryDirectory() as folder:
        labels = np.array([3, 1, 4, 1, 5], dtype="uint8")
        good = write_idx(folder, "labels.gz", labels)
        yield ndl.data.read_idx(good)
        cut = write_file(folder, "cut.gz", gzip.compress(pack_idx(labels))[:-9])
        plain = write_file(folder, "plain.gz", pack_idx(labels))
        other = write_file(folder, "other.gz", gzip.compress(b"not IDX at all"))
        packed = gzip.compress(pack_idx(labels))
        garbled = write_file(folder, "garbled.gz", packed[:10] + b"\xff" * 8 + packed[18:])
        nowhere = os.path.join(folder, "nowhere.gz")
        paths = [good, cut, plain, other, garbled, nowhere]
        yield np.array([summary(ndl.data.read_idx, path) for path in paths])
        ### BEGIN HIDDEN TESTS
        #: a whole file of images
        images = rng.integers(0, 256, (6, 5, 4), dtype="uint8")
        good = write_idx(folder, "images.gz", images)
        yield ndl.data.read_idx(good)
        #: files that are cut, altered, not gzip or not IDX
        packed = gzip.compress(pack_idx(images), 9)
        # not packed, so that what is flipped is a stored byte and only the checksum knows
        stored = gzip.compress(pack_idx(images), 0)
        flipped = stored[:50] + bytes([stored[50] ^ 1]) + stored[51:]
        contents = [
            packed,
            packed[:-1],
            packed[:-8],
            packed[: len(packed) // 2],
            packed[:5],
            packed[:-8] + bytes(8),
            flipped,
            packed[:12] + b"\xff" * 20 + packed[32:],
            b"<html>404</html>",
            pack_idx(images),
            gzip.compress(pack_idx(images)[:-20]),
            gzip.compress(pack_idx(images) + bytes(20)),
            gzip.compress(b""),
        ]
        for content in contents:
            path = write_file(folder, "other.gz", content)
            yield np.array([summary(ndl.data.read_idx, p) for p in (path, good)])
        #: a path into a folder that does not exist
        paths = [good, os.path.join(folder, "none", "labels.gz"), good]
        yield np.array([summary(ndl.data.read_idx, path) for path in paths])
        ### END HIDDEN TESTS


# %% id="idx-file-named" role="check" points=2
@check
def idx_file_named():
    """There are four files: which of them is damaged? 3 where the message names it, else 2."""
    with tempfile.TemporaryDirectory() as folder:
        packed = gzip.compress(pack_idx(np.array([3, 1, 4, 1, 5], dtype="uint8")))
        cut = write_file(folder, "cut-off.gz", packed[:-9])
        other = write_file(folder, "something-else.gz", gzip.compress(b"not IDX at all"))
        plain = write_file(folder, "plain-text.gz", b"not packed at all")
        paths = [cut, other, plain]
        said = [complaint(ndl.data.read_idx, path) for path in paths]
        names = [os.path.basename(path) for path in paths]
        yield np.array([2 + (name in text) for name, text in zip(names, said, strict=True)])
        ### BEGIN HIDDEN TESTS
        #: files that are cut, too long, garbled or not gzip
        images = rng.integers(0, 256, (6, 5, 4), dtype="uint8")
        packed = gzip.compress(pack_idx(images), 9)
        contents = {
            "too-short.gz": gzip.compress(pack_idx(images)[:-20]),
            "too-long.gz": gzip.compress(pack_idx(images) + bytes(20)),
            "half.gz": packed[: len(packed) // 2],
            "garbled.gz": packed[:12] + b"\xff" * 20 + packed[32:],
            "page.gz": b"<html>404</html>",
        }
        for name, content in contents.items():
            text = complaint(ndl.data.read_idx, write_file(folder, name, content))
            yield images[0] // 2 + (name in text)
        ### END HIDDEN TESTS


# %% [markdown] id="dataset-why"
# ## Exercise 3: a dataset is a list, as far as anybody can tell
#
# Training needs two things of its data: how many examples there are, and the i-th of them. That
# is all a `Dataset` promises, as `__len__` and `__getitem__`. Where the examples lie, in memory,
# in a file or nowhere because they are computed, is its own affair.
#
# One thing is added here: an index need not be a single number. A slice, or an array of numbers,
# asks for a whole batch in one call. NumPy indexes an array that way in compiled code, while
# collecting a hundred examples one by one and stacking them is a Python loop. All is as NumPy has
# it: -1 is the last example, an array may name an example twice, or none at all.
#
# The next cell holds the base class. It also keeps the transforms, functions from an image to an
# image, of which more below. The first dataset you write wraps arrays of equal length: `arrays[0]`
# may hold the inputs and `arrays[1]` the labels.

# %% id="data-dataset-module" role="given" export="needle/data/dataset.py"
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


# %% id="ndarray-dataset" role="solution" export="needle/data/dataset.py"
class NDArrayDataset(Dataset):
    """Arrays of equal length n; example i is made of the i-th entry of each.

    An item is a tuple with one part for each array, of the array's dtype. For k indices a part of
    an array of shape (n, ...) has shape (k, ...), for an int it has shape (...).
    Raises ValueError if the arrays are not equally long.
    """

    def __init__(self, *arrays: np.ndarray) -> None:
        super().__init__()
        ### BEGIN SOLUTION
        lengths = [len(array) for array in arrays]
        if len(set(lengths)) > 1:
            raise ValueError(f"the arrays hold {lengths} examples: give as many in each")
        self.arrays = arrays
        ### END SOLUTION

    def __getitem__(self, index: Index) -> tuple[np.ndarray, ...]:
        """The entries of each array at `index`: an int, a slice or an array of ints."""
        ### BEGIN SOLUTION
        return tuple(array[index] for array in self.arrays)
        ### END SOLUTION

    def __len__(self) -> int:
        """n, the number of examples."""
        ### BEGIN SOLUTION
        return len(self.arrays[0])
        ### END SOLUTION


# %% [markdown] id="ndarray-dataset-hints" role="hints" of="ndarray-dataset"
# 1. What does NumPy give for `array[3]`, `array[2:5]` and `array[np.array([4, 0, 4])]`? Is there
#    anything left to do for each kind of index?
# 2. Keep the arrays in `self.arrays` after comparing their lengths. `__getitem__` indexes each of
#    them with the same `index`; the number of examples is not the number of arrays.
# 3. `__getitem__` returns a `tuple(...)` over `self.arrays` of each array at `index`; `__len__`
#    is the length of the first array; `__init__` raises ValueError if the set of the lengths has
#    more than one member.

# %% id="data-index-dataset" role="index" export="needle/data/__init__.py"
from needle.data.dataset import Dataset, NDArrayDataset


# %% id="ndarray-items" role="check" points=5
@check
def ndarray_items():
    """An image that comes with another image's label teaches the wrong thing."""
    inputs = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]], dtype="float32")
    labels = np.array([10, 20, 30, 40])
    dataset = ndl.data.NDArrayDataset(inputs, labels)
    for index in (2, slice(1, 3), np.array([3, 0, 3])):
        x, y = dataset[index]
        yield x
        yield y
    yield np.array([len(dataset), len(ndl.data.NDArrayDataset(labels[:3]))])
    ### BEGIN HIDDEN TESTS
    #: one array or several, each kind of index
    n = int(rng.integers(20, 40))
    arrays = (
        rng.standard_normal((n, 3, 2)).astype("float32"),
        rng.integers(0, 256, n, dtype="uint8"),
        rng.standard_normal((n, 4)),
        rng.random(n) < 0.5,
    )
    order = rng.permutation(n)
    for parts in (1, 3, 4):
        dataset = ndl.data.NDArrayDataset(*arrays[:parts])
        for index in (0, 7, slice(3, 12), order, order[:5]):
            for part in dataset[index]:
                yield np.asarray(part)
        #: the lengths of a dataset and of the parts of an item
        yield np.array([len(dataset), *map(len, dataset[order[:6]])])
    ### END HIDDEN TESTS


# %% id="ndarray-indices" role="check" points=2
@check
def ndarray_indices():
    """Counted from the end, named twice, or none at all: as NumPy has it."""
    inputs = np.array([[1.0, 2.0, -5.0], [3.0, 4.0, 0.5], [5.0, 6.0, 7.0]], dtype="float32")
    dataset = ndl.data.NDArrayDataset(inputs, np.array([10, 20, 30]))
    for index in (-1, np.array([2, -2, 2]), slice(None, None, -2), np.array([], dtype=int)):
        for part in dataset[index]:
            yield np.asarray(part)
    ### BEGIN HIDDEN TESTS
    #: negative and NumPy ints, slices with steps, short arrays
    n = int(rng.integers(20, 40))
    arrays = (
        rng.standard_normal((n, 3, 2)).astype("float32"),
        rng.integers(0, 256, n, dtype="uint8"),
    )
    dataset = ndl.data.NDArrayDataset(*arrays)
    order = rng.permutation(n)
    for index in (-3, np.int64(5), slice(None, None, 3), slice(8, 2, -1), order[:1], order[:0]):
        for part in dataset[index]:
            yield np.asarray(part)
    #: an array with a repeated and a negative index
    for part in dataset[np.array([2, 2, -1, 5])]:
        yield np.asarray(part)
    ### END HIDDEN TESTS


# %% id="ndarray-tuples" role="check" points=1
@check
def ndarray_tuples():
    """An item is a tuple, also if it has one part."""
    labels = np.array([10, 20, 30, 40])
    for arrays in ((labels,), (labels / 8, labels)):
        item = ndl.data.NDArrayDataset(*arrays)[2]
        yield labels * (1 if isinstance(item, tuple) else 2)
    ### BEGIN HIDDEN TESTS
    #: the same array given twice, each kind of index
    values = rng.standard_normal(9)
    dataset = ndl.data.NDArrayDataset(values, values)
    for index in (4, slice(2, 5), rng.permutation(9)):
        yield values * (1 if isinstance(dataset[index], tuple) else 2)
    ### END HIDDEN TESTS


# %% id="ndarray-refused" role="check" points=2
@check
def ndarray_refused():
    """Arrays of unequal length do not belong together; nan stands for a ValueError."""

    def length(*arrays):
        return len(ndl.data.NDArrayDataset(*arrays))

    inputs, labels = np.ones((4, 2)), np.array([10, 20, 30, 40])
    pairs = [(inputs, labels), (inputs, labels[:3]), (inputs[:1], labels)]
    yield np.array([summary(length, *pair) for pair in pairs])
    ### BEGIN HIDDEN TESTS
    #: pairs and triples of arrays, some cut, also to nothing
    n = int(rng.integers(20, 40))
    arrays = rng.standard_normal((n, 3, 2)), rng.integers(0, 256, n), rng.standard_normal((n, 4))
    for cut in (n - 1, 1, 0, n):
        groups = (arrays[0], arrays[1][:cut]), (arrays[2][:cut], arrays[0]), arrays
        yield np.array([summary(length, *group) for group in groups])
        #: three arrays, the last one cut or not
        yield np.array([summary(length, *arrays[:2], arrays[2][:cut]), summary(length, *arrays)])
        #: three arrays, the middle one cut or not
        middle = arrays[0], arrays[1][:cut], arrays[2]
        yield np.array([summary(length, *middle), summary(length, *arrays)])
    ### END HIDDEN TESTS


# %% [markdown] id="mnist-why"
# ## Exercise 4: images
#
# Now the two come together: a dataset of the images in one IDX file and the labels in another.
# Between the file and the network three things happen.
#
# - **Scale.** Pixels from 0 to 255 are large inputs, and the initial weights of stage 01 were made
#   for inputs near 1. Dividing by 255 gives `float32` in [0, 1]. Divide by 255 and not by the
#   largest pixel at hand, or the same grey means one thing in training and another in the test.
# - **Shape.** Code for images expects height x width x channels, H x W x C. Ours are grey: C = 1.
# - **Transforms.** They get one image, not a batch. A transform draws random numbers, so each image
#   has to be transformed by its own call, each time that it is asked for.
#
# Labels stay as they are, `uint8`. Whether you scale all images at once or those that are asked for
# is up to you; the second way keeps bytes in memory, a quarter of what `float32` takes.


# %% id="mnist-dataset" role="solution" export="needle/data/dataset.py"
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
        ### BEGIN SOLUTION
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
        ### END SOLUTION

    def __getitem__(self, index: Index) -> tuple[np.ndarray, ...]:
        """The image and the label at an int, or the images and labels at several indices."""
        ### BEGIN SOLUTION
        images, labels = self.images[index] / np.float32(255), self.labels[index]
        if images.ndim == 3:
            return self.apply_transforms(images), labels
        if self.transforms and len(images):
            images = np.stack([self.apply_transforms(image) for image in images])
        return images, labels
        ### END SOLUTION

    def __len__(self) -> int:
        """How many images there are."""
        ### BEGIN SOLUTION
        return len(self.labels)
        ### END SOLUTION


# %% [markdown] id="mnist-dataset-hints" role="hints" of="mnist-dataset"
# 1. What can be done once, when the files are read, and what has to be done each time an example
#    is asked for?
# 2. In `__init__`: read both files, compare axes and lengths, and give the images the shape
#    (n, H, W, 1). In `__getitem__`: index images and labels alike and divide the images by
#    `np.float32(255)`; one image has 3 axes, several have 4, and then `apply_transforms` must see
#    them one at a time.
# 3. For several images: `np.stack` of a list in which `apply_transforms` is called on each image,
#    and only if there are transforms and images (a stack of nothing fails, and without transforms
#    the loop would only cost time). For one image: `apply_transforms` of it.

# %% id="data-index-mnist" role="index" export="needle/data/__init__.py"
from needle.data.dataset import MNISTDataset


# %% id="mnist-items" role="check" points=8
@check
def mnist_items():
    """The network's first layer was initialized for inputs near 1, in float32."""
    with tempfile.TemporaryDirectory() as folder:
        pixels = np.array([0, 51, 102, 153, 7, 5, 1, 2, 3, 4, 6, 10, 9, 8, 70, 60, 33, 90], "uint8")
        pixels = pixels.reshape(3, 2, 3)
        images = write_idx(folder, "images.gz", pixels)
        labels = write_idx(folder, "labels.gz", np.array([5, 0, 4], dtype="uint8"))
        dataset = ndl.data.MNISTDataset(images, labels)
        for index in (0, slice(0, 2), np.array([2, 0])):
            image, label = dataset[index]
            yield image
            yield label
        ### BEGIN HIDDEN TESTS
        #: images of other sizes, none with a fully white pixel
        for n, height, width in ((12, 28, 28), (9, 3, 5), (30, 8, 8), (11, 1, 1)):
            pixels = rng.integers(0, 200, (n, height, width), dtype="uint8")
            images = write_idx(folder, "images.gz", pixels)
            labels = write_idx(folder, "labels.gz", rng.integers(0, 256, n, dtype="uint8"))
            dataset = ndl.data.MNISTDataset(images, labels)
            order = rng.permutation(n)
            for index in (0, 7, slice(2, 6), order):
                for part in dataset[index]:
                    yield np.asarray(part)
            #: the lengths of a dataset and of a batch
            yield np.array([len(dataset), len(dataset[order[:5]][0])])
        #: an image that is white all over
        pixels = np.full((2, 3, 3), 255, dtype="uint8")
        images = write_idx(folder, "images.gz", pixels)
        labels = write_idx(folder, "labels.gz", np.array([1, 7], dtype="uint8"))
        yield ndl.data.MNISTDataset(images, labels)[1][0] * rng.random((3, 3, 1), dtype="float32")
        #: a batch of the digits of the course
        digits = "data/digits/train-images-idx3-ubyte.gz", "data/digits/train-labels-idx1-ubyte.gz"
        dataset = ndl.data.MNISTDataset(*digits)
        for part in dataset[rng.integers(0, len(dataset), 20)]:
            yield np.asarray(part)
        ### END HIDDEN TESTS


# %% id="mnist-indices" role="check" points=2
@check
def mnist_indices():
    """Counted from the end, named twice, or none at all: as NumPy has it."""

    def negative(image):
        return 1 - image

    with tempfile.TemporaryDirectory() as folder:
        images = write_idx(folder, "images.gz", np.arange(238, 256, dtype="uint8").reshape(3, 2, 3))
        labels = write_idx(folder, "labels.gz", np.array([5, 0, 4], dtype="uint8"))
        dataset = ndl.data.MNISTDataset(images, labels)
        for index in (-1, np.array([2, -2, 2]), slice(None, None, -2), np.array([], dtype=int)):
            for part in dataset[index]:
                yield np.asarray(part)
        ### BEGIN HIDDEN TESTS
        #: all kinds of indices, without and with a transform
        n = 11
        pixels = rng.integers(0, 200, (n, 3, 5), dtype="uint8")
        pixels[:, 0, 0] = 255
        images = write_idx(folder, "images.gz", pixels)
        labels = write_idx(folder, "labels.gz", rng.integers(0, 256, n, dtype="uint8"))
        order = rng.permutation(n)
        for transforms in (None, [negative]):
            dataset = ndl.data.MNISTDataset(images, labels, transforms)
            for index in (-2, np.int64(5), slice(None, None, -3), order[:1], order[:0]):
                for part in dataset[index]:
                    yield np.asarray(part)
            #: the item for a whole permutation
            yield pixels[0] * (1 if isinstance(dataset[order], tuple) else 2)
        ### END HIDDEN TESTS


# %% id="mnist-transforms" role="check" points=8
@check
def mnist_transforms():
    """One draw for a whole batch would move all its images alike."""

    def brighten(image):
        return image + np.float32(np.random.rand())

    with tempfile.TemporaryDirectory() as folder:
        pixels = np.array([255, 51, 0, 255, 102, 204], dtype="uint8").reshape(3, 1, 2)
        pixels[2, 0, 0] = 255  # what the largest pixel is for is another check's question
        images = write_idx(folder, "images.gz", pixels)
        labels = write_idx(folder, "labels.gz", np.array([5, 0, 4], dtype="uint8"))
        dataset = ndl.data.MNISTDataset(images, labels, [brighten])
        for index in (1, slice(0, 3), np.array([0, 0])):
            yield dataset[index][0]
        ### BEGIN HIDDEN TESTS

        def upside_down(image):
            return image[::-1]

        def double(image):
            return 2 * image + np.float32(image.shape[-1])

        def mask(image):
            return image * (np.random.rand(*image.shape) < 0.5)

        #: pairs of transforms, some random, one that turns images over
        n = 14
        pixels = rng.integers(0, 256, (n, 4, 3), dtype="uint8")
        pixels[:, 0, 0] = 255  # what the largest pixel is for is another check's question
        images = write_idx(folder, "images.gz", pixels)
        labels = write_idx(folder, "labels.gz", rng.integers(0, 10, n, dtype="uint8"))
        order = rng.permutation(n)
        for transforms in ([brighten, double], [double, brighten], [mask, upside_down]):
            dataset = ndl.data.MNISTDataset(images, labels, transforms)
            for index in (3, 3, slice(1, 9, 2), order, order[:4]):
                for part in dataset[index]:
                    yield np.asarray(part)
        #: an empty list, None or a tuple of transforms
        for transforms in ([], None, (double,)):
            for part in ndl.data.MNISTDataset(images, labels, transforms=transforms)[order]:
                yield np.asarray(part)
        #: the next random numbers after all these calls
        yield np.random.rand(3)
        ### END HIDDEN TESTS


# %% id="mnist-refused" role="check" points=4
@check
def mnist_refused():
    """Files of two data sets fit together without an error; nan stands for a ValueError."""

    def first_image(*paths):
        return ndl.data.MNISTDataset(*paths)[0][0]

    with tempfile.TemporaryDirectory() as folder:
        pixels = np.arange(255, 237, -1, dtype="uint8").reshape(3, 2, 3)
        images = write_idx(folder, "images.gz", pixels)
        names = ("labels.gz", "few.gz", "many.gz")
        labels, few, many = (
            write_idx(folder, name, np.arange(n, dtype="uint8"))
            for name, n in zip(names, (3, 2, 4), strict=True)
        )
        pairs = [(images, labels), (images, few), (images, many), (labels, images)]
        yield np.array([summary(first_image, *pair) for pair in pairs])
        ### BEGIN HIDDEN TESTS
        #: files of unequal length or with wrong numbers of axes
        n = int(rng.integers(5, 9))
        pixels = rng.integers(1, 256, (n, 4, 3), dtype="uint8")
        pixels[:, 0, 0] = 255
        images = write_idx(folder, "images.gz", pixels)
        flat = write_idx(folder, "flat.gz", pixels.reshape(n, 12))
        deep = write_idx(folder, "deep.gz", pixels[..., None])
        labels, few, one = (
            write_idx(folder, name, rng.integers(0, 10, k, dtype="uint8"))
            for name, k in zip(names, (n, n - 1, 1), strict=True)
        )
        column = write_idx(folder, "column.gz", rng.integers(0, 10, (n, 1), dtype="uint8"))
        good, few_images = (images, labels), write_idx(folder, "some.gz", pixels[:-1])
        pairs = [(images, few), (images, one), (few_images, labels), (flat, labels), (flat, few)]
        pairs += [(deep, labels), (labels, labels), (images, column), (images, images)]
        for pair in pairs:
            yield np.array([summary(first_image, *p) for p in (pair, good)])
        ### END HIDDEN TESTS


# %% [markdown] id="flip-why"
# ## Exercise 5: a random flip
#
# A network with more parameters than there are images can learn them by heart. The cheapest
# remedy is more images, and the cheapest way to those is to change the ones there are in ways
# that leave their labels true. A cat that looks to the left is a cat when it looks to the right.
#
# `RandomFlipHorizontal(p)` mirrors an image, left and right changing places, with probability $p$:
# it draws one number from `np.random.rand()` and flips if that is less than $p$. It draws for
# every image, flipped or not, so that a seed fixes what happens to all of them.

# %% id="data-transforms-module" role="given" export="needle/data/transforms.py"
"""Random changes of an image that leave its label true."""

import numpy as np


# %% id="flip" role="solution" export="needle/data/transforms.py"
class RandomFlipHorizontal:
    """Mirror an image, left to right, with probability p."""

    def __init__(self, p: float = 0.5) -> None:
        self.p = p

    def __call__(self, img: np.ndarray) -> np.ndarray:
        """Return `img` mirrored if one `np.random.rand()` is less than p, else as it is.

        result[i, j, c] = img[i, W - 1 - j, c]; an array of shape (H, W, C) and its dtype; `img` is
        left as it was.
        """
        ### BEGIN SOLUTION
        return img[:, ::-1] if np.random.rand() < self.p else img
        ### END SOLUTION


# %% [markdown] id="flip-hints" role="hints" of="flip"
# 1. Which of the three axes, H, W and C, runs from left to right?
# 2. A slice with step -1 walks an axis backwards. Draw the number first, and exactly once.
# 3. `img[:, ::-1]` is the mirror image; return it if `np.random.rand()` is less than `self.p`,
#    otherwise `img`.

# %% id="data-index-flip" role="index" export="needle/data/__init__.py"
from needle.data.transforms import RandomFlipHorizontal


# %% id="flip-mirrors" role="check" points=10
@check
def flip_mirrors():
    """Upside down, or with its colours swapped, a cat is no longer what a camera would see."""
    img = np.array([[1, 2, 3], [4, 5, 6]], dtype="float32").reshape(2, 3, 1)
    yield ndl.data.RandomFlipHorizontal(p=1.0)(img)
    yield ndl.data.RandomFlipHorizontal(p=0.0)(img)
    flip = ndl.data.RandomFlipHorizontal()
    yield np.stack([flip(img) for _ in range(6)])
    ### BEGIN HIDDEN TESTS
    #: other values of p, also images of several channels
    for shape, p in (((28, 28, 1), 0.5), ((3, 5, 3), 0.2), ((6, 2, 2), 0.9), ((1, 4, 1), 0.5)):
        flip = ndl.data.RandomFlipHorizontal(p)
        img = rng.standard_normal(shape).astype("float32")
        yield np.stack([flip(img) for _ in range(40)])
        #: img itself after many calls
        yield img
        #: the next random numbers after many calls
        yield np.random.rand(3)
    #: a uint8 image, p at its upper end
    yield ndl.data.RandomFlipHorizontal(1)(rng.integers(0, 256, (3, 4, 3), dtype="uint8"))
    #: a float64 image, p at its lower end
    yield ndl.data.RandomFlipHorizontal(0)(rng.standard_normal((3, 4, 2)))
    #: the next random numbers, after p at its ends
    yield np.random.rand(3)
    ### END HIDDEN TESTS


# %% [markdown] id="crop-why"
# ## Exercise 6: a random crop
#
# A digit that is written a little further up is the same digit. `RandomCrop(padding)` surrounds
# the image with `padding` rows and columns of zeros, and cuts a piece of the original size out of
# that, at a random place. Seen from inside, the image moves by up to `padding` pixels each way;
# what leaves the frame is lost, and zeros come in on the other side.
#
# The place is `np.random.randint(-padding, padding + 1, size=2)`, a shift along the height and one
# along the width. (`randint` excludes its upper end, hence the 1.) No shift at all cuts out the
# original.


# %% id="crop" role="solution" export="needle/data/transforms.py"
class RandomCrop:
    """Surround an image with zeros and cut a piece of its own size out at a random place."""

    def __init__(self, padding: int = 3) -> None:
        self.padding = padding

    def __call__(self, img: np.ndarray) -> np.ndarray:
        """Return `img` shifted by (s, t) = `np.random.randint(-padding, padding + 1, size=2)`.

        result[i, j, c] = img[i + s, j + t, c] where that exists, else 0; an array of shape
        (H, W, C) and its dtype; `img` is left as it was.
        """
        ### BEGIN SOLUTION
        pad = self.padding
        height, width, channels = img.shape
        padded = np.zeros((height + 2 * pad, width + 2 * pad, channels), dtype=img.dtype)
        padded[pad : pad + height, pad : pad + width] = img
        top, left = pad + np.random.randint(-pad, pad + 1, size=2)
        return padded[top : top + height, left : left + width]
        ### END SOLUTION


# %% [markdown] id="crop-hints" role="hints" of="crop"
# 1. In the image with its margin, at which row and column does the original begin? Where does the
#    piece begin after a shift by (s, t)?
# 2. `np.pad(img, ((p, p), (p, p), (0, 0)))` puts p zeros before and after the first two axes and
#    none along the channels; to write `img` into the middle of larger zeros does the same, four
#    times as fast. The piece begins at row p + s and column p + t and is H x W large.
# 3. Draw both shifts in one call of `np.random.randint` with `size=2` and add `self.padding` to
#    get `top` and `left`. Return the padded image from `top` to `top + height` and from `left` to
#    `left + width`.

# %% id="data-index-crop" role="index" export="needle/data/__init__.py"
from needle.data.transforms import RandomCrop


# %% id="crop-shifts" role="check" points=12
@check
def crop_shifts():
    """What leaves the frame on one side must not come back on the other."""
    img = np.array([[1, 2, 3], [4, 5, 6]], dtype="float32").reshape(2, 3, 1)
    crop = ndl.data.RandomCrop(padding=1)
    for _ in range(6):
        yield crop(img)
    yield ndl.data.RandomCrop(padding=0)(img)
    ### BEGIN HIDDEN TESTS
    #: other paddings, also larger than the image
    for shape, padding in (((28, 28, 1), 3), ((5, 8, 3), 2), ((9, 4, 2), 5), ((2, 3, 1), 4)):
        crop = ndl.data.RandomCrop(padding)
        img = rng.standard_normal(shape).astype("float32")
        yield np.stack([crop(img) for _ in range(30)])
        #: img itself after many calls
        yield img
        #: the next random numbers after many calls
        yield np.random.rand(3)
    #: uint8 images and the default padding
    crop = ndl.data.RandomCrop()
    yield np.stack([crop(rng.integers(1, 256, (6, 7, 3), dtype="uint8")) for _ in range(40)])
    #: a float64 image, with padding and without
    yield ndl.data.RandomCrop(2)(rng.standard_normal((4, 6, 1)) + 3)
    yield ndl.data.RandomCrop(0)(rng.standard_normal((4, 6, 1)))
    #: the next random numbers, also after no padding
    yield np.random.rand(3)
    ### END HIDDEN TESTS


# %% [markdown] id="batch-grid-why"
# ### A batch, before and after
#
# The course comes with 1,297 handwritten digits for training, 8 x 8 pixels each, packed as MNIST
# is. They lie in `data/digits`, beside the notebooks. The plot shows the first 24 of them twice: on
# the left as they are, on the right as a dataset with both transforms hands them out, a flip with
# probability 0.5 and a crop with a padding of 2.
#
# Compare the grids place by place. The label above each image is the same on both sides. The
# pixels have moved, each image its own way: half are mirrored, some have lost an edge, some are
# nearly where they were. Run the cell again without the seed and the right side changes.
#
# Then look at what the flip did to the digits 2, 3 and 7. Nobody writes them that way, and a
# mirrored image is not what the test will ask for. Whether a transform leaves the label true is a
# question about the data: for cats a flip is right, for digits only the crop is.

# %% id="batch-grid" role="demo"
import matplotlib.pyplot as plt

from mugrade import show

digits = ("data/digits/train-images-idx3-ubyte.gz", "data/digits/train-labels-idx1-ubyte.gz")
transforms = [ndl.data.RandomFlipHorizontal(0.5), ndl.data.RandomCrop(2)]
np.random.seed(12)
before, labels = ndl.data.MNISTDataset(*digits)[:24]
after, _ = ndl.data.MNISTDataset(*digits, transforms)[:24]

fig = plt.figure(figsize=(9, 4.8), layout="constrained")
halves = fig.subfigures(1, 2, wspace=0.06)
for half, images, name in zip(halves, (before, after), ("as stored", "flip and crop"), strict=True):
    half.suptitle(name)
    for ax, image, label in zip(half.subplots(4, 6).flat, images, labels, strict=True):
        ax.imshow(image[..., 0], cmap="gray_r", vmin=0, vmax=1)
        ax.set_title(str(label), fontsize=9, pad=2)
        ax.set(xticks=[], yticks=[])
fig.suptitle("Every image of a batch moves its own way, and keeps its label")
show(
    "Two grids of the same 24 digits with equal labels: upright and centred on the left, shifted "
    "by up to two pixels and half of them mirrored on the right."
)

# %% [markdown] id="loader-why"
# ## Exercise 7: the DataLoader
#
# A step of training looks at a batch of examples, and an *epoch* at all of them, batch after
# batch. The `DataLoader` sits between the dataset and that loop:
#
#     for images, labels in loader:
#         ...
#
# Four things make it right.
#
# - **A new order in each epoch.** With `shuffle=True` it permutes the indices by one
#   `np.random.permutation(n)` whenever an iteration begins. In a fixed order the same images
#   always share a batch, and if the file is sorted, a batch has a single class.
# - **No example is lost.** Ten examples in batches of four are 4 + 4 + 2.
# - **An iteration owns its position.** A loader can be iterated any number of times, and twice at
#   once. If the position is kept in the loader, a second loop moves the first one's.
# - **One request a batch**: `dataset[indices]`, with an array of indices.
#
# In Python, `__iter__` may return any object with `__next__`, or it may be a *generator*: if
# `yield` stands in it, each call makes a new iteration with local variables of its own.

# %% id="data-loader-module" role="given" export="needle/data/loader.py"
"""From a dataset to batches of tensors."""

from collections.abc import Iterator

import numpy as np

from needle.autograd import Tensor
from needle.data.dataset import Dataset


# %% id="data-loader" role="solution" export="needle/data/loader.py"
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
        ### BEGIN SOLUTION
        n = len(self.dataset)
        order = np.random.permutation(n) if self.shuffle else np.arange(n)
        for start in range(0, n, self.batch_size):
            batch = self.dataset[order[start : start + self.batch_size]]
            yield tuple(Tensor(part, requires_grad=False) for part in batch)
        ### END SOLUTION


# %% [markdown] id="data-loader-hints" role="hints" of="data-loader"
# 1. What changes from one epoch to the next, and so must not be made in `__init__`? Who owns the
#    position of an iteration, if two of them run at once?
# 2. Write `__iter__` as a generator. First the order: `np.arange(n)`, or a permutation if
#    `self.shuffle`. Then a loop over `range(0, n, self.batch_size)`; a slice that reaches beyond
#    the end of an array is simply shorter.
# 3. In the loop, ask the dataset for `order[start : start + self.batch_size]`, and yield a `tuple`
#    in which each part of the answer is a `Tensor` with `requires_grad=False`.

# %% id="data-index-loader" role="index" export="needle/data/__init__.py"
from needle.data.loader import DataLoader


# %% [markdown] id="loader-helpers-prose"
# The checks use a dataset that computes its examples, and notes how many were asked for at once.


# %% id="loader-helpers" role="given"
class Numbers:
    """Example i is the row (i, i / 2) with the label i * i modulo 251."""

    def __init__(self, n):
        self.n, self.asked = n, []

    def __len__(self):
        return self.n

    def __getitem__(self, index):
        i = np.arange(self.n)[index]
        self.asked.append(np.size(i))
        return np.stack([i, i / 2], axis=-1).astype("float32"), (i * i % 251).astype("uint8")


def values(tensor):
    """The entries of a batch's tensor."""
    return tensor.numpy()


# %% id="loader-batches" role="check" points=6
@check
def loader_batches():
    """An example that never comes is never learned from."""
    for x, y in ndl.data.DataLoader(Numbers(5), batch_size=2):
        yield values(x)
        yield values(y)
    ### BEGIN HIDDEN TESTS
    #: other batch sizes, also above the length
    for n, batch_size in ((10, 4), (12, 3), (7, 10), (5, 5), (9, 8), (3, 1)):
        for x, y in ndl.data.DataLoader(Numbers(n), batch_size):
            yield values(x)
            yield values(y)
    #: the default batch size
    for x, y in ndl.data.DataLoader(Numbers(3)):
        yield values(x)
        yield values(y)
    #: the next random numbers after loops without shuffle
    yield np.random.rand(3)  # nothing was drawn
    #: an NDArrayDataset of one array and of several
    arrays = rng.standard_normal((7, 2, 3)), rng.integers(0, 9, 7), rng.random(7) < 0.5
    for count in (1, 3):
        for batch in ndl.data.DataLoader(ndl.data.NDArrayDataset(*arrays[:count]), 3, False):
            for part in batch:
                yield values(part)
    ### END HIDDEN TESTS


# %% id="loader-tensors" role="check" points=2
@check
def loader_tensors():
    """A batch is a tuple of tensors, and nobody wants the gradient of a pixel."""
    for batch in ndl.data.DataLoader(Numbers(5), batch_size=2):
        yield values(batch[0]) * (1 if isinstance(batch, tuple) else 3)
        yield values(batch[0]) * (2 if batch[0].requires_grad else 1)
    ### BEGIN HIDDEN TESTS
    #: float64 arrays, in order and shuffled
    arrays = rng.standard_normal((7, 2, 3)), rng.standard_normal(7)
    for shuffle in (False, True):
        for batch in ndl.data.DataLoader(ndl.data.NDArrayDataset(*arrays), 3, shuffle):
            yield arrays[1] * (1 if isinstance(batch, tuple) else 3)
            yield arrays[1] * (2 if any(part.requires_grad for part in batch) else 1)
    ### END HIDDEN TESTS


# %% id="loader-shuffles" role="check" points=6
@check
def loader_shuffles():
    """In a fixed order the same examples meet in a batch again and again."""
    loader = ndl.data.DataLoader(Numbers(8), batch_size=3, shuffle=True)
    for _ in range(2):
        epoch = [np.zeros((0, 3), dtype="float32")]
        epoch += [np.concatenate([values(x), values(y)[:, None]], axis=1) for x, y in loader]
        yield np.concatenate(epoch)
    ### BEGIN HIDDEN TESTS
    #: several epochs, other batch sizes, also above the length
    for n, batch_size in ((100, 32), (17, 1), (30, 30), (8, 50)):
        loader = ndl.data.DataLoader(Numbers(n), batch_size=batch_size, shuffle=True)
        for _ in range(3):
            for x, y in loader:
                yield values(x)
                yield values(y)
        #: the next random numbers after several epochs
        yield np.random.rand(3)  # one permutation for each epoch was drawn
    #: one more epoch after another seed
    np.random.seed(int(rng.integers(1000)))
    for x, y in loader:
        yield values(x)
        yield values(y)
    ### END HIDDEN TESTS


# %% id="loader-two-at-once" role="check" points=4
@check
def loader_two_at_once():
    """Who looks at the next batch while a loop is running must not move that loop."""
    loader = ndl.data.DataLoader(Numbers(5), batch_size=2)
    for (x, _), (other, _) in zip(loader, loader, strict=True):
        yield values(x)
        yield values(other)
    loader = ndl.data.DataLoader(Numbers(6), batch_size=2, shuffle=True)
    for epoch in zip(*zip(loader, loader, strict=True), strict=True):
        yield np.sort(np.concatenate([values(x)[:, 0] for x, _ in epoch]))
    ### BEGIN HIDDEN TESTS
    #: a loop with another one inside it
    loader = ndl.data.DataLoader(Numbers(7), batch_size=3)
    for x, y in loader:
        yield values(x)
        yield values(y)
        #: the loop inside another one
        inner = [np.concatenate([values(u), values(v)[:, None]], axis=1) for u, v in loader]
        yield np.concatenate(inner)
    #: two iterators of one loader, asked in turn
    first = iter(loader)
    yield values(next(first)[0])
    second = iter(loader)
    yield values(next(second)[0])
    yield values(next(first)[1])
    yield values(next(second)[1])
    #: a loop that is left in the middle
    for x, _ in loader:  # left in the middle
        yield values(x)
        break
    #: a loop after one that was left in the middle
    for x, _ in loader:
        yield values(x)
    #: an iterator that rested while other loops ran
    yield values(next(first)[0])
    #: a shuffled loop inside another one
    loader = ndl.data.DataLoader(Numbers(9), batch_size=2, shuffle=True)
    outer = []
    for x, _ in loader:
        outer.append(values(x)[:, 0])
        yield np.sort(np.concatenate([values(u)[:, 0] for u, _ in loader]))
    #: a shuffled loop with others inside it
    yield np.sort(np.concatenate(outer))
    ### END HIDDEN TESTS


# %% id="loader-asks-once" role="check" points=4
@check
def loader_asks_once():
    """One request a batch runs in compiled code, one request an example in Python."""
    dataset = Numbers(7)
    loader = ndl.data.DataLoader(dataset, batch_size=3)
    for x, _ in loader:
        yield values(x)
    yield np.array(dataset.asked)
    batches = sum(1 for _ in loader)  # another epoch asks anew
    yield np.array([*dataset.asked, batches])
    ### BEGIN HIDDEN TESTS
    #: the batches of other sizes, in order and shuffled
    for n, batch_size, shuffle in ((23, 5, True), (64, 16, False), (10, 100, True)):
        dataset = Numbers(n)
        yield np.sort([x.shape[0] for x, _ in ndl.data.DataLoader(dataset, batch_size, shuffle)])
        #: the requests for batches of other sizes
        yield np.array([*sorted(dataset.asked), n])

    class Noting(Numbers):
        def __getitem__(self, index):
            lists.append(1.5 if isinstance(index, (list, tuple)) else 0.5)
            return super().__getitem__(index)

    #: whether the indices come as an array, in order and shuffled
    for shuffle in (False, True):
        lists = []
        for _ in ndl.data.DataLoader(Noting(8), 3, shuffle):
            pass
        yield np.array(lists)
    ### END HIDDEN TESTS


# %% [markdown] id="loader-speed-why"
# ### What one request a batch buys
#
# The next cell takes an epoch of your loader over 60,000 made-up images of 28 x 28 pixels, as many
# as MNIST has, in batches of 100. Then it gets the same batches from the same dataset image by
# image, stacking them in a Python loop. Where these lines were written the first took less than a
# tenth of a second and the second seven times as long; look at your own two numbers. While the
# loader works, the network waits.

# %% id="loader-speed" role="demo"
from time import perf_counter


def one_by_one(dataset, batch_size):
    """The batches of an unshuffled loader, made example by example."""
    for start in range(0, len(dataset), batch_size):
        examples = [dataset[i] for i in range(start, min(start + batch_size, len(dataset)))]
        yield tuple(ndl.Tensor(np.stack(part)) for part in zip(*examples, strict=True))


images = np.zeros((60_000, 28, 28, 1), dtype="float32")
images += np.random.rand(28, 28, 1).astype("float32")
dataset = ndl.data.NDArrayDataset(images, np.arange(60_000) % 10)
for name, batches in (
    ("one request a batch", ndl.data.DataLoader(dataset, batch_size=100)),
    ("one request an image", one_by_one(dataset, 100)),
):
    begin = perf_counter()
    count = sum(1 for _ in batches)
    print(f"{name:21} {count} batches in {perf_counter() - begin:.2f} s")

# %% [markdown] id="end-07"
# ## What you built
#
# `needle.data`, from the bytes of a file to the batch that a network is trained on:
#
#     train = ndl.data.MNISTDataset("train-images...", "train-labels...", [RandomCrop(2)])
#     for images, labels in ndl.data.DataLoader(train, batch_size=100, shuffle=True):
#         ...
#
# **The same in PyTorch.** `torch.utils.data.Dataset` and `DataLoader(dataset, batch_size,
# shuffle=True)`. Its loader asks for one example at a time and stacks them, and hides the cost
# behind `num_workers` processes; `torchvision.transforms` has the flip and the crop.
#
# **What comes next.** Layers, losses, optimizers and data are there. Stage 08 puts them together:
# a residual network, an epoch of training, and the first digits it has never seen. If you are
# online, `mugrade data mnist` in a terminal fetches MNIST itself into `data/mnist`.
#
# ## Questions to think about
#
# Double-click a question, write below it, and run the cell. None of this is graded. Once you have
# answered and saved, `%mugrade hint` with the question's name, in a new cell, shows our answer.

# %% [markdown] id="mean-of-batch-means" role="answer"
# 1. **mean-of-batch-means**: The last batch may be smaller than the others. What does that mean for
#    the mean loss of an epoch, if you average the means of the batches?
#
# ### BEGIN SOLUTION
# The examples of the short batch would count more than the others. Weigh each mean by the size of
# its batch, or add up sums and divide once.
# ### END SOLUTION

# %% [markdown] id="transforms-of-test-images" role="answer"
# 2. **transforms-of-test-images**: Should the transforms be applied to the test images as well? To
#    the training images when the training error is measured?
#
# ### BEGIN SOLUTION
# No: you want the error on pictures as they are, and the same one each time. For the training error
# neither, if you want to compare the two.
# ### END SOLUTION

# %% [markdown] id="loader-beside-the-network" role="answer"
# 3. **loader-beside-the-network**: The loader makes a batch while the network waits, and the
#    network computes while the loader waits. What would have to change so that both work at once,
#    and what would then become of `np.random.seed`?
#
# ### BEGIN SOLUTION
# A thread or a process would have to prepare the next batch. What it draws then mixes with the
# draws of the network in an order that depends on the clock, so each side needs a generator of its
# own, and a seed that follows from the epoch and the number of the batch.
# ### END SOLUTION

# %% [markdown] id="references-07"
# ## References
#
# - Yann LeCun, Léon Bottou, Yoshua Bengio and Patrick Haffner, *Gradient-based learning applied to
#   document recognition*, Proceedings of the IEEE 86(11), 1998.
# - Connor Shorten and Taghi Khoshgoftaar, *A survey on image data augmentation for deep learning*,
#   Journal of Big Data 6, 2019.
# - Léon Bottou, *Curiously fast convergence of some stochastic gradient descent algorithms*, 2009,
#   on orders with and without reshuffling.
# - Ethem Alpaydin and Cenk Kaynak, *Optical recognition of handwritten digits*, UCI Machine
#   Learning Repository, 1998, CC BY 4.0: the digits.
