"""Training with the reference: it learns what it should, and memory does not grow."""

import gc
import resource
from pathlib import Path

import needle as ndl
import numpy as np
import pytest
from needle.models import MLPResNet, epoch, train_mnist

from tests.conftest import ROOT

DIGITS = ROOT / "notebooks" / "data" / "digits"
MNIST = ROOT.parent / "shared" / "data" / "mnist"
SLACK = 8 * 2**20  # bytes


def digits(part: str) -> ndl.data.MNISTDataset:
    names = (f"{part}-{kind}-ubyte.gz" for kind in ("images-idx3", "labels-idx1"))
    return ndl.data.MNISTDataset(*(str(DIGITS / name) for name in names))


def live_tensors() -> int:
    gc.collect()
    return sum(isinstance(thing, ndl.Tensor) for thing in gc.get_objects())


def resident_bytes() -> int:
    """The memory of this process that is in use now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def test_ten_epochs_learn_the_digits_and_leave_nothing_behind() -> None:
    np.random.seed(0)
    model = MLPResNet(64)
    opt = ndl.optim.Adam(model.parameters(), lr=0.01, weight_decay=0.001)
    train = ndl.data.DataLoader(digits("train"), batch_size=100, shuffle=True)
    test = ndl.data.DataLoader(digits("t10k"), batch_size=100)
    tensors, memory = {}, {}
    for number in range(1, 11):
        epoch(train, model, opt)
        error, _ = epoch(test, model)
        tensors[number], memory[number] = live_tensors(), resident_bytes()
    assert tensors[10] <= tensors[2]
    assert memory[10] <= memory[2] + SLACK
    assert error < 0.04


def test_train_mnist_on_the_digits() -> None:
    train_error, _, test_error, _ = train_mnist(lr=0.01, data_dir=str(DIGITS))
    assert train_error < 0.01
    assert test_error < 0.04


@pytest.mark.skipif(not MNIST.is_dir(), reason=f"MNIST is not in {MNIST}")
def test_the_loss_of_an_untrained_model_on_mnist_is_the_mean_over_the_examples() -> None:
    names = ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz")
    np.random.seed(1)
    loader = ndl.data.DataLoader(ndl.data.MNISTDataset(*(str(MNIST / n) for n in names)), 150)
    np.testing.assert_allclose(epoch(loader, MLPResNet(784, 10)), (0.9164, 4.137814), atol=1e-5)


@pytest.mark.long
@pytest.mark.skipif(not MNIST.is_dir(), reason=f"MNIST is not in {MNIST}")
def test_two_epochs_of_sgd_on_mnist() -> None:
    figures = train_mnist(250, 2, ndl.optim.SGD, 0.001, 0.01, 100, str(MNIST))
    assert abs(figures[2] - 0.3245) < 0.02
