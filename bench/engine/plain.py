"""needle as the stages 00 to 08 leave it."""

import gzip
import struct
import tempfile
from collections.abc import Callable
from typing import Any

import needle as ndl
import numpy as np
from needle import models, nn, optim

from bench.engine import problem
from bench.engine.problem import Arrays, Batches, Function, Network, Step, System

NORMS = {"batch": nn.BatchNorm1d, "layer": nn.LayerNorm1d}


def trainer(model: nn.Module, loss_of: nn.Module, weights: Arrays, adam: Any) -> Step:
    """A step of the model, whose parameters start from the weights."""
    params = model.parameters()
    for param, weight in zip(params, weights, strict=True):
        param.data = ndl.Tensor(weight.reshape(param.shape))
    beta1, beta2 = problem.BETAS
    opt = adam(params, problem.LR, beta1, beta2, problem.EPS, problem.WEIGHT_DECAY)

    def step(x: np.ndarray, y: np.ndarray) -> float:
        images, labels = ndl.Tensor(x, requires_grad=False), ndl.Tensor(y, requires_grad=False)
        loss = loss_of(model(images), labels)
        opt.reset_grad()
        loss.backward()
        opt.step()
        return float(loss.numpy())

    return step


def train(network: Network, weights: Arrays, drop: float) -> Step:
    size = (problem.FEATURES, network.hidden, problem.BLOCKS, problem.CLASSES)
    model = models.MLPResNet(*size, NORMS[network.norm], drop)
    return trainer(model, nn.SoftmaxLoss(), weights, optim.Adam)


def call(
    evaluate: Callable[..., ndl.Tensor], function: Function, constant: int | None = None
) -> Callable[[], list[np.ndarray]]:
    """The value of `evaluate` and its gradients; input number `constant` needs none."""
    inputs = [ndl.Tensor(a, requires_grad=i != constant) for i, a in enumerate(function.arrays)]
    out_grad = ndl.Tensor(function.out_grad)

    def once() -> list[np.ndarray]:
        for x in inputs:
            x.grad = None
        value = evaluate(*inputs)
        value.backward(out_grad)
        return [value.numpy(), *(x.grad.numpy() for x in inputs if x.grad is not None)]

    return once


def chain(function: Function, constant: int | None) -> Callable[[], list[np.ndarray]]:
    def evaluate(a: ndl.Tensor, b: ndl.Tensor) -> ndl.Tensor:
        for _ in range(function.count):
            a = a + b
        return a

    return call(evaluate, function, constant)


def norm(function: Function, layer: Callable[[int], Any]) -> Callable[[], list[np.ndarray]]:
    module = layer(len(function.arrays[1]))

    def evaluate(x: ndl.Tensor, weight: ndl.Tensor, bias: ndl.Tensor) -> ndl.Tensor:
        module.weight, module.bias = weight, bias
        return module(x)

    return call(evaluate, function)


def load(
    images: np.ndarray, labels: np.ndarray, augment: bool, space: Any = ndl.data
) -> Callable[[], Batches]:
    if augment:
        dataset = mnist(images, labels, space)
    else:
        rows = (images / np.float32(255)).reshape(len(images), -1)
        dataset = space.NDArrayDataset(rows, labels)
    loader = ndl.data.DataLoader(dataset, problem.BATCH, shuffle=True)
    return lambda: ((x.numpy(), y.numpy()) for x, y in loader)


def mnist(images: np.ndarray, labels: np.ndarray, space: Any) -> ndl.data.Dataset:
    """The images as a dataset of `space` from two files, with a flip and a crop."""
    transforms = [space.RandomFlipHorizontal(problem.FLIP), space.RandomCrop(problem.PADDING)]
    with tempfile.TemporaryDirectory() as folder:
        paths = [f"{folder}/{name}.gz" for name in ("images", "labels")]
        for path, array in zip(paths, (images, labels), strict=True):
            header = struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
            with gzip.open(path, "wb", compresslevel=0) as file:
                file.write(header + array.tobytes())
        dataset: ndl.data.Dataset = space.MNISTDataset(paths[0], paths[1], transforms)
        return dataset


SYSTEM = System(
    train,
    {
        "chain": lambda function: chain(function, constant=1),
        "chain, both": lambda function: chain(function, constant=None),
        "logsumexp": lambda function: call(lambda x: ndl.logsumexp(x, axes=1), function),
        "logsoftmax": lambda function: call(ndl.logsoftmax, function),
        "layernorm": lambda function: norm(function, nn.LayerNorm1d),
        "batchnorm": lambda function: norm(function, nn.BatchNorm1d),
    },
    load,
)
