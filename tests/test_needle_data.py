"""IDX files, datasets, transforms and the loader: what needle promises."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from needle.autograd import Tensor
from needle.data import (
    DataLoader,
    Dataset,
    MNISTDataset,
    NDArrayDataset,
    RandomCrop,
    RandomFlipHorizontal,
)
from needle.data.idx import parse_idx, read_idx

from tests.conftest import ROOT

quick = settings(max_examples=40)
DIGITS = ROOT / "notebooks" / "data" / "digits"
MNIST = ROOT.parent / "shared" / "data" / "mnist"


def idx(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


def write(path: Path, content: bytes) -> str:
    path.write_bytes(gzip.compress(content))
    return str(path)


# IDX


@given(hnp.arrays("u1", hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=4)))
def test_what_was_written_is_read(array: np.ndarray) -> None:
    found = parse_idx(idx(array))
    assert (found.dtype, found.shape) == (np.uint8, array.shape)
    np.testing.assert_array_equal(found, array)


@given(st.binary(max_size=60))
def test_no_bytes_break_the_parser(content: bytes) -> None:
    try:
        assert idx(parse_idx(content)) == content
    except ValueError as error:
        assert str(error)


@given(st.data())
def test_a_cut_or_longer_file_is_refused(data: st.DataObject) -> None:
    whole = idx(np.arange(24, dtype="u1").reshape(2, 3, 4))
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    for content in (cut, whole + b"\0"):
        with pytest.raises(ValueError):
            parse_idx(content)


@pytest.mark.parametrize(
    "content",
    [b"", b"no gzip", gzip.compress(b"\0\0\x08\x01\0\0\0\x02a"), gzip.compress(b"\0\0\x08")],
    ids=["empty", "not gzip", "an entry too few", "a header cut"],
)
def test_a_broken_file_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.gz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"broken\.gz"):
        read_idx(path)


def test_a_cut_gzip_file_is_named(tmp_path: Path) -> None:
    whole = gzip.compress(idx(np.random.default_rng(0).integers(0, 256, 5000).astype("u1")))
    for size in (5, 100, len(whole) - 3):
        (tmp_path / "cut.gz").write_bytes(whole[:size])
        with pytest.raises(ValueError, match=r"cut\.gz"):
            read_idx(tmp_path / "cut.gz")


# datasets


def test_the_digits_of_the_course() -> None:
    data = MNISTDataset(
        str(DIGITS / "train-images-idx3-ubyte.gz"), str(DIGITS / "train-labels-idx1-ubyte.gz")
    )
    images, labels = data[:]
    assert (len(data), images.shape, labels.shape) == (1297, (1297, 8, 8, 1), (1297,))
    assert (images.dtype, images.min(), images.max()) == (np.float32, 0, 1)
    assert set(labels) == set(range(10))


@pytest.mark.skipif(not MNIST.exists(), reason="MNIST is not on this machine")
def test_mnist() -> None:
    data = MNISTDataset(
        str(MNIST / "train-images-idx3-ubyte.gz"), str(MNIST / "train-labels-idx1-ubyte.gz")
    )
    image, label = data[0]
    assert (len(data), image.shape, image.dtype, label) == (60000, (28, 28, 1), np.float32, 5)
    np.testing.assert_allclose(image.sum(), 27525 / 255, rtol=1e-5)
    images, labels = data[np.array([0, 1, 59999])]
    assert (images.shape, labels.tolist()) == ((3, 28, 28, 1), [5, 0, 8])


def test_counts_that_disagree_are_refused(tmp_path: Path) -> None:
    images = write(tmp_path / "images.gz", idx(np.zeros((3, 2, 2), "u1")))
    labels = write(tmp_path / "labels.gz", idx(np.zeros(2, "u1")))
    with pytest.raises(ValueError, match="3 images"):
        MNISTDataset(images, labels)
    with pytest.raises(ValueError, match="axes"):
        MNISTDataset(labels, images)
    with pytest.raises(ValueError):
        NDArrayDataset(np.zeros(3), np.zeros(4))


def test_transforms_go_image_by_image(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 4, 3)).astype("u1")
    images = write(tmp_path / "images.gz", idx(pixels))
    labels = write(tmp_path / "labels.gz", idx(np.arange(5, dtype="u1")))
    data = MNISTDataset(images, labels, [lambda x: x[::-1], lambda x: 2 * x])
    expected = 2 * (pixels[:, ::-1, :, np.newaxis] / np.float32(255))
    for index in (3, slice(1, 4), np.array([4, 0])):
        image, label = data[index]
        np.testing.assert_allclose(image, expected[index], rtol=1e-6)
        np.testing.assert_array_equal(label, np.arange(5)[index])


# transforms


@quick
@given(st.integers(0, 2**32 - 1), st.integers(0, 4), st.floats(0, 1))
def test_transforms_draw_what_they_promise(seed: int, padding: int, p: float) -> None:
    image = np.random.default_rng(seed).random((5, 6, 2), dtype="float32")
    kept = image.copy()
    np.random.seed(seed)
    mirrored, cropped = RandomFlipHorizontal(p)(image), RandomCrop(padding)(image)
    after = np.random.rand()
    np.random.seed(seed)
    flip = np.random.rand() < p
    s, t = np.random.randint(-padding, padding + 1, size=2)
    assert after == np.random.rand()
    np.testing.assert_array_equal(mirrored, image[:, ::-1] if flip else image)
    padded = np.pad(image, [(padding, padding), (padding, padding), (0, 0)])
    expected = padded[padding + s : padding + s + 5, padding + t : padding + t + 6]
    np.testing.assert_array_equal(cropped, expected)
    np.testing.assert_array_equal(image, kept)
    assert cropped.dtype == mirrored.dtype == np.float32


# the loader


@quick
@given(st.integers(1, 20), st.integers(1, 8), st.booleans(), st.integers(0, 99))
def test_an_epoch_holds_everything_once(n: int, size: int, shuffle: bool, seed: int) -> None:
    data = NDArrayDataset(np.arange(n, dtype="float32"), np.arange(n))
    loader = DataLoader(data, size, shuffle)
    np.random.seed(seed)
    orders = [np.random.permutation(n) if shuffle else np.arange(n) for _ in range(2)]
    np.random.seed(seed)
    for order in orders:
        batches = list(loader)
        assert [len(x.numpy()) for x, _ in batches] == [
            min(size, n - start) for start in range(0, n, size)
        ]
        for part in (0, 1):
            found = np.concatenate([batch[part].numpy() for batch in batches])
            np.testing.assert_array_equal(found, order)
        assert all(isinstance(batch, tuple) for batch in batches)
        assert not any(part.requires_grad for batch in batches for part in batch)


def test_two_iterators_at_once() -> None:
    loader = DataLoader(NDArrayDataset(np.arange(6)), 2)
    for (a,), (b,) in zip(loader, loader, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    first = iter(loader)
    next(first)
    assert len(list(loader)) == 3 and len(list(first)) == 2


def test_a_batch_is_one_call_with_an_array() -> None:
    calls: list[np.ndarray] = []

    class Asked(Dataset):
        def __len__(self) -> int:
            return 7

        def __getitem__(self, index: object) -> tuple[np.ndarray, ...]:
            assert isinstance(index, np.ndarray)
            calls.append(index)
            return index, 2 * index

    x, y = next(iter(DataLoader(Asked(), 3)))
    assert isinstance(x, Tensor)
    np.testing.assert_array_equal(y.numpy(), [0, 2, 4])
    assert len(calls) == 1
