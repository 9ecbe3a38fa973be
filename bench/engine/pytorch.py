"""PyTorch on the processor: eager, eager with its fused Adam, and compiled."""

from collections.abc import Callable

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from bench.engine import problem
from bench.engine.problem import Arrays, Batches, Function, Network, Step, System

NORMS = {"batch": nn.BatchNorm1d, "layer": nn.LayerNorm}


class Residual(nn.Module):
    def __init__(self, fn: nn.Module) -> None:
        super().__init__()
        self.fn = fn

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.relu(x + self.fn(x))


def mlp_resnet(network: Network, drop: float) -> nn.Module:
    wide, narrow, norm = network.hidden, network.hidden // 2, NORMS[network.norm]
    blocks = [
        Residual(
            nn.Sequential(
                nn.Linear(wide, narrow),
                norm(narrow),
                nn.ReLU(),
                nn.Dropout(drop),
                nn.Linear(narrow, wide),
                norm(wide),
            )
        )
        for _ in range(problem.BLOCKS)
    ]
    first, last = nn.Linear(problem.FEATURES, wide), nn.Linear(wide, problem.CLASSES)
    return nn.Sequential(first, nn.ReLU(), *blocks, last)


def trainer(fused: bool, compiled: bool) -> Callable[[Network, Arrays, float], Step]:
    def train(network: Network, weights: Arrays, drop: float) -> Step:
        model = mlp_resnet(network, drop)
        with torch.no_grad():
            for param, weight in zip(model.parameters(), weights, strict=True):
                param.copy_(torch.from_numpy(weight.T.copy()))
        opt = torch.optim.Adam(
            model.parameters(),
            problem.LR,
            problem.BETAS,
            problem.EPS,
            problem.WEIGHT_DECAY,
            fused=fused or None,
        )

        def loss_of(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            return functional.cross_entropy(model(x), y)

        evaluate = torch.compile(loss_of) if compiled else loss_of

        def step(x: np.ndarray, y: np.ndarray) -> float:
            loss = evaluate(torch.from_numpy(x), torch.from_numpy(y).long())
            opt.zero_grad()
            loss.backward()
            opt.step()
            return loss.item()

        return step

    return train


def call(
    evaluate: Callable[..., torch.Tensor], function: Function, constant: int | None = None
) -> Callable[[], list[torch.Tensor]]:
    inputs = [torch.tensor(a, requires_grad=i != constant) for i, a in enumerate(function.arrays)]
    out_grad = torch.from_numpy(function.out_grad)

    def once() -> list[torch.Tensor]:
        for x in inputs:
            x.grad = None
        value = evaluate(*inputs)
        value.backward(out_grad)
        return [value.detach(), *(x.grad for x in inputs if x.grad is not None)]

    return once


def chain(function: Function, constant: int | None) -> Callable[[], list[torch.Tensor]]:
    def evaluate(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        for _ in range(function.count):
            a = a + b
        return a

    return call(evaluate, function, constant)


def layernorm(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    return functional.layer_norm(x, x.shape[1:], weight, bias, problem.NORM_EPS)


def batchnorm(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    return functional.batch_norm(x, None, None, weight, bias, True, 0.1, problem.NORM_EPS)


class Changed(torch.utils.data.Dataset):
    """Each image mirrored or not, then cut from a black margin at a random place."""

    def __init__(self, images: torch.Tensor, labels: torch.Tensor) -> None:
        self.images, self.labels = images, labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        image = self.images[index]
        if torch.rand(()) < problem.FLIP:
            image = image.flip(1)
        pad, side = problem.PADDING, problem.SIDE
        top, left = torch.randint(2 * pad + 1, (2,)).tolist()
        margin = functional.pad(image, (pad, pad, pad, pad))
        return margin[top : top + side, left : left + side], self.labels[index]


def load(images: np.ndarray, labels: np.ndarray, augment: bool) -> Callable[[], Batches]:
    scaled, targets = torch.from_numpy(images / np.float32(255)), torch.from_numpy(labels)
    rows = torch.utils.data.TensorDataset(scaled.flatten(1), targets)
    dataset = Changed(scaled, targets) if augment else rows
    loader = torch.utils.data.DataLoader(dataset, problem.BATCH, shuffle=True)
    return lambda: iter(loader)


FUNCTIONS = {
    "chain": lambda function: chain(function, constant=1),
    "chain, both": lambda function: chain(function, constant=None),
    "logsumexp": lambda function: call(lambda x: x.logsumexp(1), function),
    "logsoftmax": lambda function: call(lambda x: x.log_softmax(1), function),
    "layernorm": lambda function: call(layernorm, function),
    "batchnorm": lambda function: call(batchnorm, function),
}
EAGER = System(trainer(fused=False, compiled=False), FUNCTIONS, load, torch.set_num_threads)
FUSED = System(trainer(fused=True, compiled=False), {}, None, torch.set_num_threads)
COMPILED = System(trainer(fused=True, compiled=True), {}, None, torch.set_num_threads)
