"""LayerNorm1d, BatchNorm1d and Dropout: what needle promises."""

import gc
from collections.abc import Callable

import needle as ndl
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from needle import nn
from needle.autograd import Tensor

from tests.test_needle import check_gradients, live_nodes

quick = settings(max_examples=25)
seeds = st.integers(0, 2**32 - 1)
rows = st.integers(2, 6)
columns = st.integers(2, 6)
norms = pytest.mark.parametrize("norm", [nn.LayerNorm1d, nn.BatchNorm1d])


def sample(n: int, dim: int, seed: int, dtype: str = "float64") -> np.ndarray:
    return np.random.default_rng(seed).normal(2, 3, (n, dim)).astype(dtype)


@quick
@given(rows, columns, seeds)
def test_layernorm_is_the_formula(n: int, dim: int, seed: int) -> None:
    x = sample(n, dim, seed)
    layer = nn.LayerNorm1d(dim, eps=0.1, dtype="float64")
    layer.weight.data, layer.bias.data = Tensor(x[0]), Tensor(x[1])
    mean, var = x.mean(1, keepdims=True), x.var(1, keepdims=True)
    np.testing.assert_allclose(
        layer(Tensor(x)).numpy(), x[0] * (x - mean) / np.sqrt(var + 0.1) + x[1], rtol=1e-9
    )


@quick
@given(rows, columns, seeds, st.floats(0, 1))
def test_batchnorm_is_the_formula(n: int, dim: int, seed: int, momentum: float) -> None:
    x = sample(n, dim, seed)
    layer = nn.BatchNorm1d(dim, eps=0.1, momentum=momentum, dtype="float64")
    y = layer(Tensor(x)).numpy()
    np.testing.assert_allclose(y, (x - x.mean(0)) / np.sqrt(x.var(0) + 0.1), atol=1e-9)
    mean, var = momentum * x.mean(0), (1 - momentum) + momentum * x.var(0)
    np.testing.assert_allclose(layer.running_mean.numpy(), mean, atol=1e-9)
    np.testing.assert_allclose(layer.running_var.numpy(), var, atol=1e-9)
    layer.eval()
    np.testing.assert_allclose(layer(Tensor(x)).numpy(), (x - mean) / np.sqrt(var + 0.1), rtol=1e-7)
    np.testing.assert_allclose(layer.running_mean.numpy(), mean, atol=1e-9)


@norms
@quick
@given(rows, columns, seeds)
def test_gradients_of_the_norms(
    norm: Callable[..., nn.Module], n: int, dim: int, seed: int
) -> None:
    layer = norm(dim, eps=0.1, dtype="float64")
    check_gradients(layer, sample(n, dim, seed))


@norms
def test_parameters_of_the_norms(norm: Callable[..., nn.Module]) -> None:
    layer = norm(4)
    assert [p.shape for p in layer.parameters()] == [(4,), (4,)]
    assert {p.dtype for p in layer.parameters()} == {np.dtype("float32")}
    assert layer(Tensor(sample(3, 4, 0, "float32"))).dtype == np.float32


def test_running_values_carry_no_graph() -> None:
    layer, x = nn.BatchNorm1d(3), Tensor(sample(5, 3, 0, "float32"))
    layer(x)
    gc.collect()
    before = live_nodes()
    for _ in range(50):
        layer(x).sum().backward()
    assert layer.running_mean.is_leaf() and not layer.running_mean.requires_grad
    gc.collect()
    assert live_nodes() - before < 10


def test_a_row_alone_and_in_a_batch() -> None:
    x = sample(8, 5, 1, "float32")
    layer, batch = nn.LayerNorm1d(5), nn.BatchNorm1d(5)
    np.testing.assert_allclose(
        layer(Tensor(x[:1])).numpy(), layer(Tensor(x)).numpy()[:1], rtol=1e-5, atol=1e-6
    )
    assert abs(batch(Tensor(x[:2])).numpy() - batch(Tensor(x)).numpy()[:2]).max() > 0.1


@quick
@given(st.lists(st.integers(1, 5), min_size=1, max_size=3), seeds, st.floats(0, 0.9))
def test_dropout_keeps_where_randb_says(shape: list[int], seed: int, p: float) -> None:
    x, layer = ndl.init.randn(*shape), nn.Dropout(p)
    np.random.seed(seed)
    y = layer(x).numpy()
    np.random.seed(seed)
    keep = np.random.rand(*shape) <= 1 - p
    np.testing.assert_allclose(y, np.where(keep, x.numpy() / (1 - p), 0), rtol=1e-5)
    assert y.dtype == np.float32
    layer.eval()
    np.testing.assert_array_equal(layer(x).numpy(), x.numpy())


def test_dropped_entries_pass_no_gradient() -> None:
    x = Tensor(np.ones((50, 4), "float32"))
    y = nn.Dropout(0.3)(x)
    y.backward(Tensor(np.full((50, 4), 2.0, "float32")))
    np.testing.assert_allclose(x.grad.numpy(), 2 * y.numpy(), rtol=1e-6)
