"""The limit: the same mathematics written out by hand in NumPy, in buffers made once.

No graph, no temporary arrays, nothing computed twice: what is left is what NumPy needs for the
arithmetic. Adam goes over one flat buffer in pieces that stay in the processor's cache.
"""

import itertools
import math
from collections.abc import Callable

import numpy as np

from bench.engine import problem
from bench.engine.problem import Arrays, Function, Network, Step, System

PIECE = 32768  # floats: the pieces of five buffers are 640 KB


class Linear:
    """y = x W + b."""

    def __init__(self, params: Arrays, grads: Arrays, rows: int) -> None:
        (self.weight, self.bias), (self.weight_grad, self.bias_grad) = params, grads
        self.y = np.empty((rows, self.weight.shape[1]), "float32")
        self.x_grad = np.empty((rows, len(self.weight)), "float32")
        self.ones = np.ones(rows, "float32")

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.x = x
        np.matmul(x, self.weight, out=self.y)
        self.y += self.bias
        return self.y

    def backward(self, grad: np.ndarray, for_x: bool = True) -> np.ndarray:
        np.matmul(self.x.T, grad, out=self.weight_grad)
        np.matmul(self.ones, grad, out=self.bias_grad)
        if for_x:
            np.matmul(grad, self.weight.T, out=self.x_grad)
        return self.x_grad


class Norm:
    """y = weight (x - mean) / std + bias; the averages are products with a vector of 1 / n."""

    def __init__(self, params: Arrays, grads: Arrays, rows: int) -> None:
        (self.weight, self.bias), (self.weight_grad, self.bias_grad) = params, grads
        self.y, self.z, self.product = np.empty((3, rows, len(self.weight)), "float32")
        self.ones = np.ones(rows, "float32")

    def standardize(self, x: np.ndarray, mean: np.ndarray) -> np.ndarray:
        """z and its square."""
        np.subtract(x, mean, out=self.z)
        return np.multiply(self.z, self.z, out=self.product)

    def scale(self, inverse: np.ndarray) -> np.ndarray:
        self.z *= inverse
        np.multiply(self.z, self.weight, out=self.y)
        self.y += self.bias
        return self.y

    def backward_params(self, grad: np.ndarray) -> None:
        np.multiply(grad, self.z, out=self.product)
        np.matmul(self.ones, self.product, out=self.weight_grad)
        np.matmul(self.ones, grad, out=self.bias_grad)


def invert(var: np.ndarray) -> None:
    """1 / sqrt(var + eps), in place."""
    var += problem.NORM_EPS
    np.sqrt(var, out=var)
    np.reciprocal(var, out=var)


class BatchNorm(Norm):
    """Averages over the rows."""

    def __init__(self, params: Arrays, grads: Arrays, rows: int) -> None:
        super().__init__(params, grads, rows)
        self.share = self.ones / rows
        self.mean, self.inverse, self.room = np.empty((3, len(self.weight)), "float32")
        self.running_mean, self.running_var = np.zeros_like(self.mean), np.ones_like(self.mean)

    def forward(self, x: np.ndarray) -> np.ndarray:
        np.matmul(self.share, x, out=self.mean)
        np.matmul(self.share, self.standardize(x, self.mean), out=self.inverse)
        for running, new in ((self.running_mean, self.mean), (self.running_var, self.inverse)):
            running *= 1 - problem.MOMENTUM
            running += np.multiply(new, problem.MOMENTUM, out=self.room)
        invert(self.inverse)
        return self.scale(self.inverse)

    def backward(self, grad: np.ndarray) -> np.ndarray:
        """weight / std * (grad - mean(grad) - z mean(grad z)), in place of `grad`."""
        self.backward_params(grad)
        self.z *= np.multiply(self.weight_grad, self.share[0], out=self.room)
        grad -= self.z
        grad -= np.multiply(self.bias_grad, self.share[0], out=self.room)
        grad *= np.multiply(self.weight, self.inverse, out=self.room)
        return grad


class LayerNorm(Norm):
    """Averages over the features."""

    def __init__(self, params: Arrays, grads: Arrays, rows: int) -> None:
        super().__init__(params, grads, rows)
        self.share = np.full((len(self.weight), 1), 1 / len(self.weight), "float32")
        self.mean, self.inverse = np.empty((2, rows, 1), "float32")

    def forward(self, x: np.ndarray) -> np.ndarray:
        np.matmul(x, self.share, out=self.mean)
        np.matmul(self.standardize(x, self.mean), self.share, out=self.inverse)
        invert(self.inverse)
        return self.scale(self.inverse)

    def backward(self, grad: np.ndarray) -> np.ndarray:
        """With h = weight grad: (h - mean(h) - z mean(h z)) / std, in place of `grad`."""
        self.backward_params(grad)
        self.product *= self.weight
        self.z *= np.matmul(self.product, self.share, out=self.mean)
        grad *= self.weight
        grad -= np.matmul(grad, self.share, out=self.mean)
        grad -= self.z
        grad *= self.inverse
        return grad


NORMS: dict[str, type[BatchNorm | LayerNorm]] = {"batch": BatchNorm, "layer": LayerNorm}


class Relu:
    """y = x where it is positive and 16 random bits are below 1 - drop, divided by 1 - drop."""

    def __init__(self, rows: int, columns: int, drop: float = 0) -> None:
        self.below = round((1 - drop) * 2**16)
        self.scale = np.float32(1 / (1 - drop))
        self.bits = np.random.SFC64(5)
        self.positive, self.kept = np.empty((2, rows, columns), bool)
        self.mask = np.empty((rows, columns), "float32")

    def forward(self, x: np.ndarray) -> np.ndarray:
        np.greater(x, 0, out=self.positive)
        if self.below < 2**16:
            bits = self.bits.random_raw(-(-x.size // 4)).view(np.uint16)[: x.size]
            self.positive &= np.less(bits.reshape(x.shape), self.below, out=self.kept)
        np.multiply(self.positive, self.scale, out=self.mask)
        x *= self.mask
        return x

    def backward(self, grad: np.ndarray) -> np.ndarray:
        grad *= self.mask
        return grad


class Block:
    """y = relu(x + f(x)), f a linear layer, norm, ReLU, dropout, linear layer, norm."""

    def __init__(self, params: Arrays, grads: Arrays, network: Network, drop: float) -> None:
        norm, rows, wide = NORMS[network.norm], network.rows, network.hidden
        narrow = wide // 2
        self.down = Linear(params[:2], grads[:2], rows)
        self.inner_norm = norm(params[2:4], grads[2:4], rows)
        self.inner_relu, self.relu = Relu(rows, narrow, drop), Relu(rows, wide)
        self.up = Linear(params[4:6], grads[4:6], rows)
        self.outer_norm = norm(params[6:8], grads[6:8], rows)
        self.around = np.empty((rows, wide), "float32")
        self.chain = (self.down, self.inner_norm, self.inner_relu, self.up)

    def forward(self, x: np.ndarray) -> np.ndarray:
        y = x
        for part in self.chain:
            y = part.forward(y)
        y = self.outer_norm.forward(y)
        y += x
        return self.relu.forward(y)

    def backward(self, grad: np.ndarray) -> np.ndarray:
        self.relu.backward(grad)
        np.copyto(self.around, grad)
        grad = self.outer_norm.backward(grad)
        for part in reversed(self.chain):
            grad = part.backward(grad)
        grad += self.around
        return grad


class Adam:
    """Over flat buffers, piece by piece."""

    def __init__(self, params: np.ndarray, grads: np.ndarray) -> None:
        self.u, self.v = np.zeros_like(params), np.zeros_like(params)
        self.t = 0
        pieces = [slice(i, i + PIECE) for i in range(0, len(params), PIECE)]
        room = np.empty(PIECE, "float32")
        self.pieces = [
            (params[s], grads[s], self.u[s], self.v[s], room[: len(params[s])]) for s in pieces
        ]

    def step(self) -> None:
        """With the averages u / (1 - beta1) and v / (1 - beta2), which saves two products."""
        self.t += 1
        beta1, beta2 = problem.BETAS
        root = math.sqrt((1 - beta2**self.t) / (1 - beta2))
        rate = problem.LR * (1 - beta1) / (1 - beta1**self.t) * root
        for param, grad, u, v, room in self.pieces:
            grad += np.multiply(param, problem.WEIGHT_DECAY, out=room)
            u *= beta1
            u += grad
            grad *= grad
            v *= beta2
            v += grad
            np.sqrt(v, out=room)
            room += problem.EPS * root
            np.divide(u, room, out=room)
            room *= rate
            param -= room


def train(network: Network, weights: Arrays, drop: float) -> Step:
    sizes = np.cumsum([0, *(array.size for array in weights)])
    flat = np.concatenate([array.ravel() for array in weights])
    flat_grad = np.empty_like(flat)
    places = [slice(a, b) for a, b in itertools.pairwise(sizes)]
    params = [flat[s].reshape(w.shape) for s, w in zip(places, weights, strict=True)]
    grads = [flat_grad[s].reshape(w.shape) for s, w in zip(places, weights, strict=True)]
    first, relu = Linear(params[:2], grads[:2], network.rows), Relu(network.rows, network.hidden)
    blocks = [
        Block(params[i : i + 8], grads[i : i + 8], network, drop)
        for i in range(2, len(params) - 2, 8)
    ]
    last = Linear(params[-2:], grads[-2:], network.rows)
    adam, every = Adam(flat, flat_grad), np.arange(network.rows)

    def step(x: np.ndarray, y: np.ndarray) -> float:
        h = relu.forward(first.forward(x))
        for block in blocks:
            h = block.forward(h)
        z = last.forward(h)
        z -= z.max(axis=1, keepdims=True)
        right = z[every, y]
        np.exp(z, out=z)
        total = z.sum(axis=1, keepdims=True)
        loss = float((np.log(total[:, 0]) - right).mean())
        z /= total
        z[every, y] -= 1
        z /= np.float32(network.rows)
        grad = last.backward(z)
        for block in reversed(blocks):
            grad = block.backward(grad)
        first.backward(relu.backward(grad), for_x=False)
        adam.step()
        return loss

    return step


def chain(function: Function, both: bool) -> Callable[[], Arrays]:
    a, b = function.arrays
    values, grads = np.empty((2, function.count + 1, a.size), "float32")
    links = list(itertools.pairwise(values))
    adjoints = [(after, before) for before, after in reversed(list(itertools.pairwise(grads)))]
    b_grad = np.empty_like(b)

    def call() -> Arrays:
        values[0] = a
        for before, after in links:
            np.add(before, b, out=after)
        grads[-1] = function.out_grad
        b_grad[:] = 0
        for after, before in adjoints:
            before[:] = after
            if both:
                np.add(b_grad, after, out=b_grad)
        return [values[-1], grads[0], *([b_grad] if both else [])]

    return call


def logsumexp(function: Function) -> Callable[[], Arrays]:
    (x,), out_grad = function.arrays, function.out_grad[:, None]
    z = np.empty_like(x)

    def call() -> Arrays:
        top = x.max(axis=1, keepdims=True)
        np.exp(np.subtract(x, top, out=z), out=z)
        total = z.sum(axis=1, keepdims=True)
        value = np.log(total) + top
        np.multiply(z, out_grad / total, out=z)
        return [value[:, 0], z]

    return call


def logsoftmax(function: Function) -> Callable[[], Arrays]:
    (x,), out_grad = function.arrays, function.out_grad
    y, z = np.empty_like(x), np.empty_like(x)

    def call() -> Arrays:
        np.subtract(x, x.max(axis=1, keepdims=True), out=y)
        np.exp(y, out=z)
        total = z.sum(axis=1, keepdims=True)
        np.subtract(y, np.log(total), out=y)
        np.multiply(z, out_grad.sum(axis=1, keepdims=True) / total, out=z)
        np.subtract(out_grad, z, out=z)
        return [y, z]

    return call


def norm(function: Function, kind: type[BatchNorm | LayerNorm]) -> Callable[[], Arrays]:
    x, *params = function.arrays
    grads = [np.empty_like(param) for param in params]
    layer = kind(params, grads, len(x))
    grad = np.empty_like(x)

    def call() -> Arrays:
        value = layer.forward(x)
        np.copyto(grad, function.out_grad)
        return [value, layer.backward(grad), *grads]

    return call


class Loader:
    """Shuffled batches, gathered by NumPy; each image is cut from a batch with a black margin."""

    def __init__(self, images: np.ndarray, labels: np.ndarray, augment: bool) -> None:
        self.labels, self.augment = labels, augment
        scaled = images / np.float32(255)
        self.images = scaled if augment else scaled.reshape(len(images), -1)

    def epoch(self) -> problem.Batches:
        order = np.random.permutation(len(self.labels))
        for start in range(0, len(order), problem.BATCH):
            chosen = order[start : start + problem.BATCH]
            images = self.images[chosen]
            yield self.changed(images) if self.augment else images, self.labels[chosen]

    def changed(self, images: np.ndarray) -> np.ndarray:
        """Each image mirrored or not, then moved by its own offset, in two copies of the batch."""
        n, pad, side = len(images), problem.PADDING, problem.SIDE
        flip = np.random.rand(n) < problem.FLIP
        shift = np.random.randint(-pad, pad + 1, size=(n, 2)) + pad
        margin = np.zeros((n, side + 2 * pad, side + 2 * pad), "float32")
        inside = margin[:, pad : pad + side, pad : pad + side]
        inside[...] = images
        inside[flip] = images[flip, :, ::-1]
        windows = np.lib.stride_tricks.sliding_window_view(margin, (side, side), axis=(1, 2))
        return windows[np.arange(n), shift[:, 0], shift[:, 1]]


SYSTEM = System(
    train,
    {
        "chain": lambda f: chain(f, both=False),
        "chain, both": lambda f: chain(f, both=True),
        "logsumexp": logsumexp,
        "logsoftmax": logsoftmax,
        "layernorm": lambda f: norm(f, LayerNorm),
        "batchnorm": lambda f: norm(f, BatchNorm),
    },
    lambda *data: Loader(*data).epoch,
)
