"""Optimizers: what needle promises, against the recurrences in NumPy."""

import gc
from collections.abc import Callable
from typing import Any

import needle as ndl
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from needle import optim
from needle.autograd import Tensor

from tests.test_needle import live_nodes

quick = settings(max_examples=30)
seeds = st.integers(0, 2**32 - 1)
rates = st.floats(0.01, 0.5)
betas = st.floats(0, 0.95)
decays = st.sampled_from([0.0, 0.1])
OPTIMIZERS: list[Callable[..., optim.Optimizer]] = [
    optim.SGD,
    lambda params, **kw: optim.SGD(params, momentum=0.9, **kw),
    lambda params, **kw: optim.SGD(params, momentum=0.9, nesterov=True, **kw),
    lambda params, **kw: optim.SGD(params, momentum=0.9, unbiased=True, **kw),
    optim.Adam,
    lambda params, **kw: optim.Adam(params, bias_correction=False, **kw),
]
every = pytest.mark.parametrize("make", OPTIMIZERS)


def walk(make: Callable[..., optim.Optimizer], theta: np.ndarray, grads: np.ndarray) -> np.ndarray:
    """Where the optimizer takes theta along the given gradients."""
    param = Tensor(theta)
    opt = make([param])
    for grad in grads:
        param.grad = Tensor(grad)
        opt.step()
    return param.numpy()


def draw(seed: int, steps: int = 6) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(2, 3)), rng.normal(size=(steps, 2, 3))


@quick
@given(seeds, rates, betas, decays, st.booleans())
def test_sgd_is_its_recurrence(
    seed: int, lr: float, beta: float, decay: float, unbiased: bool
) -> None:
    theta, grads = draw(seed)
    found = walk(lambda p: optim.SGD(p, lr, beta, decay, unbiased=unbiased), theta, grads)
    u = np.zeros_like(theta)
    for t, grad in enumerate(grads):
        u = beta * u + (1 - beta) * (grad + decay * theta)
        theta = theta - lr * u / (1 - beta ** (t + 1) if unbiased else 1)
    np.testing.assert_allclose(found, theta, rtol=1e-9)


@quick
@given(seeds, rates, betas)
def test_nesterov_takes_the_gradient_ahead(seed: int, lr: float, beta: float) -> None:
    theta, (slopes, *_) = draw(seed)
    param = Tensor(theta)
    opt = optim.SGD([param], lr, beta, nesterov=True)
    u = np.zeros_like(theta)
    for _ in range(5):
        (param * param * Tensor(slopes)).sum().backward()
        opt.step()
        u = beta * u + (1 - beta) * 2 * slopes * (theta - lr * u)
        theta = theta - lr * u
        np.testing.assert_allclose(param.numpy() + lr * u, theta, rtol=1e-7, atol=1e-9)


@quick
@given(seeds, rates, betas, st.floats(0, 0.999), decays, st.booleans())
def test_adam_is_its_recurrence(
    seed: int, lr: float, beta1: float, beta2: float, decay: float, correct: bool
) -> None:
    theta, grads = draw(seed)
    found = walk(
        lambda p: optim.Adam(p, lr, beta1, beta2, 1e-6, decay, bias_correction=correct),
        theta,
        grads,
    )
    u, v = np.zeros_like(theta), np.zeros_like(theta)
    for t, raw in enumerate(grads, 1):
        grad = raw + decay * theta
        u, v = beta1 * u + (1 - beta1) * grad, beta2 * v + (1 - beta2) * grad**2
        u_hat, v_hat = (u / (1 - beta1**t), v / (1 - beta2**t)) if correct else (u, v)
        theta = theta - lr * u_hat / (np.sqrt(v_hat) + 1e-6)
    np.testing.assert_allclose(found, theta, rtol=1e-9)


@every
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_step_is_in_place_and_keeps_the_dtype(make: Callable[..., Any], dtype: str) -> None:
    param, unused = Tensor(np.ones(3), dtype=dtype), Tensor([7.0])
    opt = make(iter([param, unused]), lr=0.1, weight_decay=0.1)
    for _ in range(3):
        opt.reset_grad()
        assert param.grad is None
        (param * param).sum().backward()
        grad = param.grad.numpy().copy()
        opt.step()
        np.testing.assert_array_equal(param.grad.numpy(), grad)
    assert param.dtype == dtype and param.is_leaf() and param.requires_grad
    assert (param.numpy() < 1).all() and unused.numpy() == 7


@every
def test_two_parameters_that_share_a_gradient(make: Callable[..., Any]) -> None:
    a, b = Tensor([1.0, 2.0]), Tensor([3.0, 4.0])
    opt = make([a, b], lr=0.1)
    for _ in range(3):
        (a + b).backward(Tensor([1.0, -1.0]))
        opt.step()
    np.testing.assert_allclose(a.numpy() - [1, 2], b.numpy() - [3, 4], rtol=1e-4)


@every
def test_steps_leave_nothing_behind(make: Callable[..., Any]) -> None:
    w, x = Tensor(np.ones((3, 2), "float32")), Tensor(np.ones((4, 3), "float32"))
    opt = make([w], lr=0.001, weight_decay=0.1)
    counts = []
    for _ in range(5):
        opt.reset_grad()
        ((x @ w) ** 2).sum().backward()
        opt.step()
        gc.collect()
        counts.append(live_nodes())
    assert len(set(counts[1:])) == 1


@given(seeds, st.floats(0.01, 100))
@quick
def test_clipping_bounds_one_norm_over_all(seed: int, max_norm: float) -> None:
    params = [Tensor(grad) for grad in draw(seed)[1]]
    for param in params:
        param.grad = Tensor(param.numpy())
    optim.SGD(params).clip_grad_norm(max_norm)
    before = np.stack([param.numpy() for param in params])
    after = np.stack([param.grad.numpy() for param in params])
    np.testing.assert_allclose(after, before * min(1, max_norm / np.linalg.norm(before)), rtol=1e-6)


def test_newton_needs_one_step_on_a_quadratic() -> None:
    rng = np.random.default_rng(0)
    root = Tensor(rng.normal(size=(5, 4)))
    goal = rng.normal(size=(4, 1))

    def f(theta: Tensor) -> Tensor:
        return ((root @ (theta - Tensor(goal))) ** 2).sum()

    theta = Tensor(rng.normal(size=(4, 1)))
    np.testing.assert_allclose(
        optim.hessian(f, theta), 2 * root.numpy().T @ root.numpy(), rtol=1e-9
    )
    optim.newton_step(f, theta)
    np.testing.assert_allclose(theta.numpy(), goal, rtol=1e-7)


def test_a_singular_hessian_is_an_error() -> None:
    with pytest.raises(np.linalg.LinAlgError):
        optim.newton_step(lambda t: (t * ndl.ones(2)).sum() ** 2, Tensor(np.ones(2)))
