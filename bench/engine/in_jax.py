"""JAX on the processor: the whole step, and each function with its gradients, under `jit`."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bench.engine import problem
from bench.engine.problem import Arrays, Function, Network, Step, System


def layernorm(x: Any, weight: Any, bias: Any) -> Any:
    var = x.var(axis=1, keepdims=True) + problem.NORM_EPS
    return weight * (x - x.mean(axis=1, keepdims=True)) * jax.lax.rsqrt(var) + bias


def batchnorm(x: Any, weight: Any, bias: Any) -> Any:
    return weight * (x - x.mean(0)) * jax.lax.rsqrt(x.var(0) + problem.NORM_EPS) + bias


def normalize(x: Any, params: Any, norm: str, running: list[Any]) -> Any:
    """The norm of x; a batch norm adds its new running values to the list."""
    if norm == "layer":
        return layernorm(x, *params)
    running.append((x.mean(0), x.var(0)))
    return batchnorm(x, *params)


def loss_of(params: Any, x: Any, y: Any, key: Any, norm: str, drop: float) -> tuple[Any, list[Any]]:
    running: list[Any] = []
    h = jax.nn.relu(x @ params[0] + params[1])
    for i in range(2, len(params) - 2, 8):
        w1, b1, scale1, shift1, w2, b2, scale2, shift2 = params[i : i + 8]
        z = jax.nn.relu(normalize(h @ w1 + b1, (scale1, shift1), norm, running))
        if drop:
            key, used = jax.random.split(key)
            z = jnp.where(jax.random.bernoulli(used, 1 - drop, z.shape), z / (1 - drop), 0)
        h = jax.nn.relu(h + normalize(z @ w2 + b2, (scale2, shift2), norm, running))
    logits = jax.nn.log_softmax(h @ params[-2] + params[-1])
    return -jnp.take_along_axis(logits, y[:, None], axis=1).mean(), running


def adam(params: Any, grads: Any, u: Any, v: Any, t: Any) -> tuple[Any, Any, Any]:
    beta1, beta2 = problem.BETAS

    def each(param: Any, grad: Any, u: Any, v: Any) -> tuple[Any, Any, Any]:
        grad = grad + problem.WEIGHT_DECAY * param
        u, v = beta1 * u + (1 - beta1) * grad, beta2 * v + (1 - beta2) * grad**2
        root = jnp.sqrt(v / (1 - beta2**t)) + problem.EPS
        return param - problem.LR * u / (1 - beta1**t) / root, u, v

    new = [each(*parts) for parts in zip(params, grads, u, v, strict=True)]
    return tuple(list(parts) for parts in zip(*new, strict=True))  # type: ignore[return-value]


def train(network: Network, weights: Arrays, drop: float) -> Step:
    def update(state: Any, x: Any, y: Any) -> tuple[Any, Any]:
        params, u, v, running, t, key = state
        key, used = jax.random.split(key)
        evaluate = jax.value_and_grad(loss_of, has_aux=True)
        (loss, new), grads = evaluate(params, x, y, used, network.norm, drop)
        keep, share = 1 - problem.MOMENTUM, problem.MOMENTUM
        running = jax.tree.map(lambda a, b: keep * a + share * b, running, new)
        params, u, v = adam(params, grads, u, v, t + 1)
        return (params, u, v, running, t + 1, key), loss

    params = [jnp.array(weight) for weight in weights]
    shapes = [p.shape for p in params[4:-2:4]] if network.norm == "batch" else []
    running = [(jnp.zeros(shape), jnp.ones(shape)) for shape in shapes]
    u, v = ([jnp.zeros_like(param) for param in params] for _ in range(2))
    state = (params, u, v, running, jnp.float32(0), jax.random.key(5))
    jitted = jax.jit(update, donate_argnums=0)

    def step(x: np.ndarray, y: np.ndarray) -> float:
        nonlocal state
        state, loss = jitted(state, x, y)
        jax.block_until_ready(state)
        return float(loss)

    return step


def call(evaluate: Callable[..., Any], function: Function) -> Callable[[], list[Any]]:
    arrays = [jnp.array(array) for array in function.arrays]
    out_grad = jnp.array(function.out_grad)

    @jax.jit
    def both(*inputs: Any) -> list[Any]:
        value, backward = jax.vjp(evaluate, *inputs)
        return [value, *backward(out_grad)]

    return lambda: jax.block_until_ready(both(*arrays))


SYSTEM = System(
    train,
    {
        "logsumexp": lambda f: call(lambda x: jax.nn.logsumexp(x, axis=1), f),
        "logsoftmax": lambda f: call(lambda x: jax.nn.log_softmax(x, axis=1), f),
        "layernorm": lambda f: call(layernorm, f),
        "batchnorm": lambda f: call(batchnorm, f),
    },
)
