"""HIPS autograd, with Adam written on NumPy arrays, in place."""

from collections.abc import Callable
from typing import Any

import autograd.numpy as anp
import numpy as np
from autograd import make_vjp, value_and_grad
from autograd.scipy.special import logsumexp

from bench.engine import problem
from bench.engine.problem import Arrays, Function, Network, Step, System


def normalize(x: Any, weight: Any, bias: Any, axis: int, told: Any = None) -> Any:
    n = x.shape[axis]  # the gradient of its mean is float64
    mean = anp.sum(x, axis=axis, keepdims=True) / n
    deviation = x - mean
    var = anp.sum(deviation**2, axis=axis, keepdims=True) / n
    if told is not None:
        told(mean, var)
    return weight * deviation / anp.sqrt(var + np.float32(problem.NORM_EPS)) + bias


class Model:
    def __init__(self, network: Network, drop: float) -> None:
        self.axis = 0 if network.norm == "batch" else 1
        self.drop = drop
        scales = network.shapes[4:-2:4]
        self.running = [(np.zeros(s, "float32"), np.ones(s, "float32")) for s in scales]

    def norm(self, x: Any, weight: Any, bias: Any, number: int) -> Any:
        def remember(*statistics: Any) -> None:
            for running, new in zip(self.running[number], statistics, strict=True):
                running *= 1 - problem.MOMENTUM
                running += problem.MOMENTUM * new._value[0]

        return normalize(x, weight, bias, self.axis, remember if self.axis == 0 else None)

    def loss(self, params: Any, x: Any, y: Any) -> Any:
        h = anp.maximum(anp.dot(x, params[0]) + params[1], 0)
        for i in range(2, len(params) - 2, 8):
            w1, b1, scale1, shift1, w2, b2, scale2, shift2 = params[i : i + 8]
            number = (i - 2) // 4
            z = anp.maximum(self.norm(anp.dot(h, w1) + b1, scale1, shift1, number), 0)
            if self.drop:
                kept = np.random.rand(*z.shape) >= self.drop
                z = z * (kept.astype("float32") / np.float32(1 - self.drop))
            inner = self.norm(anp.dot(z, w2) + b2, scale2, shift2, number + 1)
            h = anp.maximum(h + inner, 0)
        logits = anp.dot(h, params[-2]) + params[-1]
        right = logits[np.arange(len(y)), y]
        return anp.sum(logsumexp(logits, axis=1) - right) / len(y)


def train(network: Network, weights: Arrays, drop: float) -> Step:
    evaluate = value_and_grad(Model(network, drop).loss)
    params = [weight.copy() for weight in weights]
    u, v = ([np.zeros_like(param) for param in params] for _ in range(2))
    (beta1, beta2), t = problem.BETAS, 0

    def step(x: np.ndarray, y: np.ndarray) -> float:
        nonlocal t
        loss, grads = evaluate(params, x, y)
        t += 1
        for i, grad in enumerate(grads):
            grad = grad + problem.WEIGHT_DECAY * params[i]
            u[i] *= beta1
            u[i] += (1 - beta1) * grad
            v[i] *= beta2
            v[i] += (1 - beta2) * grad**2
            root = np.sqrt(v[i] / (1 - beta2**t)) + problem.EPS
            params[i] -= problem.LR / (1 - beta1**t) * u[i] / root
        return float(loss)

    return step


def call(
    evaluate: Callable[..., Any], function: Function, constant: int | None = None
) -> Callable[[], list[np.ndarray]]:
    wanted = [i for i in range(len(function.arrays)) if i != constant]

    def of(inputs: Any) -> Any:
        given = list(function.arrays)
        for i, x in zip(wanted, inputs, strict=True):
            given[i] = x
        return evaluate(*given)

    inputs = tuple(function.arrays[i] for i in wanted)

    def once() -> list[np.ndarray]:
        backward, value = make_vjp(of)(inputs)
        return [value, *backward(function.out_grad)]

    return once


def chain(function: Function, constant: int | None) -> Callable[[], list[np.ndarray]]:
    def evaluate(a: Any, b: Any) -> Any:
        for _ in range(function.count):
            a = a + b
        return a

    return call(evaluate, function, constant)


def logsoftmax(x: Any) -> Any:
    return x - logsumexp(x, axis=1, keepdims=True)


SYSTEM = System(
    train,
    {
        "chain": lambda function: chain(function, constant=1),
        "chain, both": lambda function: chain(function, constant=None),
        "logsumexp": lambda f: call(lambda x: logsumexp(x, axis=1), f),
        "logsoftmax": lambda f: call(logsoftmax, f),
        "layernorm": lambda f: call(lambda x, w, b: normalize(x, w, b, 1), f),
        "batchnorm": lambda f: call(lambda x, w, b: normalize(x, w, b, 0), f),
    },
)
