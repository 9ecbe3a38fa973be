# %% models-module
"""The application: a residual network of linear layers, and how it is trained."""

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from needle import nn
from needle.data import DataLoader, MNISTDataset
from needle.optim import Adam, Optimizer


# %% residual-block
def ResidualBlock(
    dim: int,
    hidden_dim: int,
    norm: Callable[[int], nn.Module] = nn.BatchNorm1d,
    drop_prob: float = 0.1,
) -> nn.Module:
    """A module that maps (n, dim) to (n, dim), with a way round it.

    y = ReLU(x + f(x)), where f is a linear layer to `hidden_dim` features, a norm, a ReLU, dropout
    with probability `drop_prob`, a linear layer back to `dim` features, and a second norm.
    `norm` is called with the number of features.

    Source: He, Zhang, Ren and Sun, 2016, with linear layers for convolutions.
    """
    fn = nn.Sequential(
        nn.Linear(dim, hidden_dim),
        norm(hidden_dim),
        nn.ReLU(),
        nn.Dropout(drop_prob),
        nn.Linear(hidden_dim, dim),
        norm(dim),
    )
    return nn.Sequential(nn.Residual(fn), nn.ReLU())


# %% mlp-resnet
def MLPResNet(
    dim: int,
    hidden_dim: int = 100,
    num_blocks: int = 3,
    num_classes: int = 10,
    norm: Callable[[int], nn.Module] = nn.BatchNorm1d,
    drop_prob: float = 0.1,
) -> nn.Module:
    """A residual classifier: rows of `dim` features in, `num_classes` logits a row out.

    A linear layer to `hidden_dim`, a ReLU, `num_blocks` blocks with `hidden_dim // 2` features
    inside, and a linear layer to the logits, made in this order. `norm` and `drop_prob` are those
    of every block.
    """
    blocks = [nn.Linear(dim, hidden_dim), nn.ReLU()]
    for _ in range(num_blocks):
        blocks.append(ResidualBlock(hidden_dim, hidden_dim // 2, norm, drop_prob))
    return nn.Sequential(*blocks, nn.Linear(hidden_dim, num_classes))


# %% epoch
def epoch(
    dataloader: Iterable[Any], model: nn.Module, opt: Optimizer | None = None
) -> tuple[float, float]:
    """Go through the data once; return the error rate and the mean loss, two numbers.

    With `opt`: in train mode, one step a batch. Without: in eval mode, nothing is changed.
    A batch is a pair of images of shape (n, ...), to be flattened to (n, features), and labels of
    shape (n,). The loss is `nn.SoftmaxLoss`. Both figures are means over all examples, of the
    logits before the step; a short last batch counts for as many examples as it has. Seeds NumPy
    with 4 before it draws the first batch.
    """
    np.random.seed(4)
    if opt is None:
        model.eval()
    else:
        model.train()
    flatten, loss_of = nn.Flatten(), nn.SoftmaxLoss()
    examples, wrong, total_loss = 0, 0, 0.0
    for x, y in dataloader:
        logits = model(flatten(x))
        loss = loss_of(logits, y)
        if opt is not None:
            opt.reset_grad()
            loss.backward()
            opt.step()
        n = y.shape[0]
        examples += n
        wrong += int((logits.numpy().argmax(axis=1) != y.numpy()).sum())
        total_loss += float(loss.numpy()) * n  # the loss is a mean over the batch
    if examples == 0:
        raise ValueError("there is no mean over no examples: the dataloader gave no batch")
    return wrong / examples, total_loss / examples


# %% train-mnist
def train_mnist(
    batch_size: int = 100,
    epochs: int = 10,
    optimizer: Callable[..., Optimizer] = Adam,
    lr: float = 0.001,
    weight_decay: float = 0.001,
    hidden_dim: int = 100,
    data_dir: str = "data",
) -> tuple[float, float, float, float]:
    """Train an MLPResNet; return train error, train loss, test error and test loss.

    Reads train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, t10k-images-idx3-ubyte.gz and
    t10k-labels-idx1-ubyte.gz in `data_dir`. Seeds NumPy with 4, then makes the model with
    `hidden_dim` and otherwise the defaults, and trains it for `epochs` epochs on shuffled batches.
    The first two figures are those of the last epoch, the others those of the test data after it.
    """
    if epochs < 1:
        raise ValueError(f"there are no figures after {epochs} epochs: train for one or more")
    np.random.seed(4)
    train, test = (
        MNISTDataset(
            f"{data_dir}/{part}-images-idx3-ubyte.gz", f"{data_dir}/{part}-labels-idx1-ubyte.gz"
        )
        for part in ("train", "t10k")
    )
    image, _ = train[0]
    model = MLPResNet(math.prod(image.shape), hidden_dim)
    opt = optimizer(model.parameters(), lr=lr, weight_decay=weight_decay)
    train_batches = DataLoader(train, batch_size, shuffle=True)
    for _ in range(epochs):
        train_error, train_loss = epoch(train_batches, model, opt)
    test_error, test_loss = epoch(DataLoader(test, batch_size), model)
    return train_error, train_loss, test_error, test_loss
