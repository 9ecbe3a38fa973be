"""Initializers, modules, layers and the softmax loss: what needle promises."""

from collections.abc import Callable
from typing import Any

import needle as ndl
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from needle import init, nn
from needle.autograd import Tensor, no_grad

from tests.test_needle import axes_of, check_gradients

quick = settings(max_examples=25)
shapes = hnp.array_shapes(min_dims=0, max_dims=3, min_side=1, max_side=3)
sizes = st.integers(1, 5)
seeds = st.integers(0, 2**32 - 1)
dtypes = st.sampled_from(["float32", "float64"])


def numbers(*shape: int) -> np.ndarray:
    """The inputs of the course's own tests: multiples of 1/20 that depend on the shape."""
    np.random.seed(int(np.prod(shape)) * len(shape))
    return np.random.randint(0, 100, size=shape) / 20


# initializers

RANDOM: list[tuple[Callable[..., Tensor], Callable[..., np.ndarray]]] = [
    (init.rand, np.random.rand),
    (init.randn, np.random.randn),
    (lambda *s, **kw: init.rand(*s, low=-2, high=3, **kw), lambda *s: np.random.rand(*s) * 5 - 2),
    (lambda *s, **kw: init.randn(*s, mean=3, std=2, **kw), lambda *s: np.random.randn(*s) * 2 + 3),
]


@pytest.mark.parametrize(("ours", "numpys"), RANDOM)
@quick
@given(shapes, seeds, dtypes)
def test_draws_are_numpys_scaled(
    ours: Callable[..., Tensor],
    numpys: Callable[..., np.ndarray],
    shape: tuple[int, ...],
    seed: int,
    dtype: str,
) -> None:
    np.random.seed(seed)
    x, after = ours(*shape, dtype=dtype), np.random.rand()
    np.random.seed(seed)
    expected, expected_after = numpys(*shape), np.random.rand()
    assert (x.shape, x.dtype, x.requires_grad) == (shape, np.dtype(dtype), False)
    np.testing.assert_allclose(x.numpy(), expected, rtol=1e-5, atol=1e-6)
    assert after == expected_after


@given(shapes, seeds, st.floats(0, 1))
def test_randb_is_true_with_probability_p(shape: tuple[int, ...], seed: int, p: float) -> None:
    np.random.seed(seed)
    x = init.randb(*shape, p=p)
    np.random.seed(seed)
    np.testing.assert_array_equal(x.numpy(), np.random.rand(*shape) <= p)
    assert (x.dtype, x.requires_grad) == (np.bool_, False)


@quick
@given(shapes, dtypes, st.booleans())
def test_constants(shape: tuple[int, ...], dtype: str, requires_grad: bool) -> None:
    keywords = {"device": ndl.cpu(), "dtype": dtype, "requires_grad": requires_grad}
    like = Tensor(np.full(shape, 7), dtype=dtype)
    found = [
        (init.constant(*shape, c=2.5, **keywords), 2.5),
        (init.ones(*shape, **keywords), 1),
        (init.zeros(*shape, **keywords), 0),
        (init.ones_like(like, requires_grad=requires_grad), 1),
        (init.zeros_like(like, requires_grad=requires_grad), 0),
    ]
    for x, c in found:
        np.testing.assert_array_equal(x.numpy(), np.full(shape, c))
        assert (x.dtype, x.requires_grad) == (np.dtype(dtype), requires_grad)


def test_the_defaults_of_constants() -> None:
    for x in (ndl.ones(2), ndl.zeros(2), init.constant(2), init.one_hot(2, Tensor([0]))):
        assert (x.dtype, x.requires_grad) == (np.float32, False)


@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64"])
@given(st.data())
def test_one_hot(dtype: str, data: st.DataObject) -> None:
    n = data.draw(sizes)
    labels = data.draw(hnp.arrays(dtype, shapes, elements=st.integers(0, n - 1)))
    rows = init.one_hot(n, Tensor(labels), dtype="float64")
    assert (rows.shape, rows.dtype) == ((*labels.shape, n), np.float64)
    np.testing.assert_array_equal(rows.numpy(), labels[..., None] == np.arange(n))


SCALES = {
    "xavier_uniform": lambda fan_in, fan_out: (6 / (fan_in + fan_out)) ** 0.5,
    "xavier_normal": lambda fan_in, fan_out: (2 / (fan_in + fan_out)) ** 0.5,
    "kaiming_uniform": lambda fan_in, fan_out: (6 / fan_in) ** 0.5,
    "kaiming_normal": lambda fan_in, fan_out: (2 / fan_in) ** 0.5,
}


@pytest.mark.parametrize("name", SCALES)
@quick
@given(sizes, sizes, seeds, dtypes)
def test_weights_are_scaled_draws(
    name: str, fan_in: int, fan_out: int, seed: int, dtype: str
) -> None:
    np.random.seed(seed)
    weight = getattr(init, name)(fan_in, fan_out, dtype=dtype, requires_grad=True)
    np.random.seed(seed)
    uniform = name.endswith("uniform")
    draws = 2 * np.random.rand(fan_in, fan_out) - 1 if uniform else np.random.randn(fan_in, fan_out)
    expected = SCALES[name](fan_in, fan_out) * draws
    np.testing.assert_allclose(weight.numpy(), expected, rtol=1e-5, atol=1e-6)
    assert (weight.dtype, weight.requires_grad) == (np.dtype(dtype), True)


@pytest.mark.parametrize("name", ["xavier_uniform", "xavier_normal"])
def test_a_gain_multiplies(name: str) -> None:
    np.random.seed(0)
    plain = getattr(init, name)(3, 5).numpy()
    np.random.seed(0)
    np.testing.assert_allclose(getattr(init, name)(3, 5, gain=1.5).numpy(), 1.5 * plain, rtol=1e-6)


def test_kaiming_is_for_relu() -> None:
    for f in (init.kaiming_uniform, init.kaiming_normal):
        f(2, 2, nonlinearity="relu")
        with pytest.raises(ValueError, match="tanh"):
            f(2, 2, nonlinearity="tanh")


def test_kaiming_uniform_after_seed_42() -> None:
    np.random.seed(42)
    expected = [
        [-0.35485414, 1.2748126, 0.65617794, 0.27904832, -0.9729262],
        [-0.97299445, -1.2499284, 1.0357026, 0.28599644, 0.58851814],
        [-1.3559918, 1.3291057, 0.9402898, -0.81362784, -0.8999349],
    ]
    np.testing.assert_allclose(init.kaiming_uniform(3, 5).numpy(), expected, rtol=1e-4)


# modules


def parameter(*shape: int) -> nn.Parameter:
    return nn.Parameter(init.ones(*shape))


class Holder(nn.Module):
    """A module with the given attributes."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__()
        vars(self).update(attributes)

    def forward(self, x: Any, scale: float = 1.0) -> Any:
        return x, scale


def test_a_parameter_is_a_leaf_that_requires_a_gradient() -> None:
    weight = nn.Parameter(Tensor([1.0], requires_grad=False) * 2)
    assert isinstance(weight, Tensor)
    assert (weight.requires_grad, weight.is_leaf()) == (True, True)
    assert not isinstance(weight * 2, nn.Parameter)


def test_parameters_are_found_wherever_they_are() -> None:
    p = [parameter() for _ in range(7)]
    module = Holder(
        own=p[0],
        child=Holder(deep=Holder(own=p[1])),
        several=[p[2], Holder(own=p[3])],
        pair=(p[4], [{"name": p[5]}]),
        named={"a": Holder(own=p[6])},
        running=init.zeros(3),
        nothing=None,
        text="text",
        numbers=[1, 2.0],
    )
    assert set(map(id, module.parameters())) == set(map(id, p))
    assert isinstance(module.parameters(), list)


def test_a_shared_parameter_is_found_once() -> None:
    p = parameter()
    child = Holder(own=p)
    module = Holder(p=p, again=p, child=child, children=[child, child])
    assert list(map(id, module.parameters())) == [id(p)]


def test_modules_may_hold_each_other() -> None:
    first, second = Holder(own=parameter()), Holder(own=parameter())
    first.other, second.other, first.itself = second, first, [first]
    assert len(first.parameters()) == 2
    first.eval()
    assert (first.training, second.training) == (False, False)


def test_modules_may_be_deep() -> None:
    module = Holder(own=parameter())
    for _ in range(5000):
        module = Holder(child=module)
    assert len(module.parameters()) == 1


def test_train_and_eval_reach_every_module() -> None:
    inner = [Holder() for _ in range(4)]
    module = Holder(a=inner[0], b=[inner[1]], c={"c": (inner[2],)}, d=nn.Sequential(inner[3]))
    modules = [module, module.d, *inner]
    assert all(m.training for m in modules)
    module.eval()
    assert not any(m.training for m in modules)
    assert Holder().training
    module.train()
    assert all(m.training for m in modules)


def test_calling_a_module_runs_forward() -> None:
    assert Holder()(1, scale=2.0) == (1, 2.0)


# layers


@quick
@given(sizes, sizes, seeds, dtypes)
def test_linear_draws_its_weight_before_its_bias(k: int, m: int, seed: int, dtype: str) -> None:
    np.random.seed(seed)
    layer, after = nn.Linear(k, m, dtype=dtype), np.random.rand()
    np.random.seed(seed)
    weight = init.kaiming_uniform(k, m, dtype=dtype)
    bias = init.kaiming_uniform(m, 1, dtype=dtype).transpose()
    for ours, expected in [(layer.weight, weight), (layer.bias, bias)]:
        assert isinstance(ours, nn.Parameter)
        assert (ours.shape, ours.dtype) == (expected.shape, np.dtype(dtype))
        np.testing.assert_array_equal(ours.numpy(), expected.numpy())
    assert after == np.random.rand()
    assert set(map(id, layer.parameters())) == {id(layer.weight), id(layer.bias)}


def test_linear_without_bias_draws_its_weight_only() -> None:
    np.random.seed(1)
    layer, after = nn.Linear(2, 3, bias=False, device=ndl.cpu()), np.random.rand()
    np.random.seed(1)
    np.random.rand(2, 3)
    assert after == np.random.rand()
    assert len(layer.parameters()) == 1
    x = Tensor(numbers(4, 2), dtype="float32")
    np.testing.assert_array_equal(layer(x).numpy(), x.numpy() @ layer.weight.numpy())


@pytest.mark.parametrize("batch", [(1,), (4,), (2, 3)])
def test_linear_is_an_affine_map_of_the_last_axis(batch: tuple[int, ...]) -> None:
    layer = nn.Linear(3, 2, dtype="float64")

    def f(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        layer.weight, layer.bias = weight, bias
        return layer(x) ** 2

    x, weight, bias = numbers(*batch, 3), numbers(3, 2) - 2, numbers(1, 2)
    expected = (x @ weight + bias) ** 2
    np.testing.assert_allclose(f(*map(Tensor, (x, weight, bias))).numpy(), expected, rtol=1e-12)
    check_gradients(f, x, weight, bias, atol=1e-4)


def test_a_bias_without_its_leading_axis_will_do() -> None:
    layer = nn.Linear(3, 2)
    layer.bias.data = Tensor([1.0, 2.0])
    y = layer(Tensor(numbers(4, 3), dtype="float32"))
    y.backward()
    assert y.shape == (4, 2)
    np.testing.assert_array_equal(layer.bias.grad.numpy(), [4, 4])


@given(hnp.array_shapes(min_dims=1, max_dims=4, max_side=3))
def test_flatten_keeps_the_batch(shape: tuple[int, ...]) -> None:
    x = Tensor(numbers(*shape))
    y = nn.Flatten()(x)
    np.testing.assert_array_equal(y.numpy(), x.numpy().reshape(shape[0], -1))
    (y * y).backward()
    np.testing.assert_array_equal(x.grad.numpy(), 2 * x.numpy())


def test_layers_without_parameters() -> None:
    x = Tensor([[-1.0, 0.0, 2.0]])
    assert nn.Identity()(x) is x
    np.testing.assert_array_equal(nn.ReLU()(x).numpy(), [[0, 0, 2]])
    assert nn.Identity().parameters() == nn.ReLU().parameters() == nn.Flatten().parameters() == []


def test_sequential_applies_its_modules_in_order() -> None:
    layers = [nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)]
    model = nn.Sequential(*layers)
    assert list(model.modules) == layers
    x = Tensor(numbers(5, 3), dtype="float32")
    expected = layers[2](layers[1](layers[0](x)))
    np.testing.assert_array_equal(model(x).numpy(), expected.numpy())
    assert len(model.parameters()) == 4
    assert nn.Sequential()(x) is x


def test_a_residual_adds_its_input() -> None:
    fn = nn.Linear(3, 3, dtype="float64")
    block = nn.Residual(fn)
    x = Tensor(numbers(2, 3))
    np.testing.assert_array_equal(block(x).numpy(), fn(x).numpy() + x.numpy())
    assert list(map(id, block.parameters())) == list(map(id, fn.parameters()))
    check_gradients(block, x.numpy())


@quick
@given(dtypes)
def test_a_network_keeps_its_dtype(dtype: str) -> None:
    linear = [nn.Linear(4, 3, dtype=dtype), nn.Linear(3, 3, dtype=dtype)]
    model = nn.Sequential(nn.Flatten(), linear[0], nn.ReLU(), nn.Residual(linear[1]))
    loss = nn.SoftmaxLoss()(model(Tensor(numbers(5, 2, 2), dtype=dtype)), Tensor([0, 1, 2, 1, 0]))
    loss.backward()
    assert {loss.dtype, *(p.grad.dtype for p in model.parameters())} == {np.dtype(dtype)}
    assert all(p.grad.shape == p.shape for p in model.parameters())


# logarithms of sums of exponentials


@quick
@given(st.data(), shapes, seeds, st.sampled_from([1e2, 1e4, -1e4]))
def test_logsumexp_of_shifted_numbers_is_shifted(
    data: st.DataObject, shape: tuple[int, ...], seed: int, shift: float
) -> None:
    a = np.random.default_rng(seed).integers(-4, 4, shape).astype("float32")
    axes = data.draw(axes_of(len(shape)))
    plain = ndl.logsumexp(Tensor(a), axes=axes)
    x = Tensor(a + np.float32(shift))
    shifted = ndl.logsumexp(x, axes=axes)
    np.testing.assert_allclose(shifted.numpy(), plain.numpy() + shift, rtol=1e-6)
    shifted.sum().backward()
    assert np.isfinite(x.grad.numpy()).all()
    np.testing.assert_allclose(x.grad.numpy().sum(), plain.numpy().size, rtol=1e-2)


def test_logsumexp_far_apart() -> None:
    x = Tensor(np.array([[1e10, 1e9, 1e8, -10], [1e-10, 1e9, 1e8, -10]]))
    out = ndl.logsumexp(x, (0,))
    np.testing.assert_allclose(out.numpy(), [1e10, 1e9 + np.log(2), 1e8 + np.log(2), -9.30685282])
    out.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), [[1, 0.5, 0.5, 0.5], [0, 0.5, 0.5, 0.5]])


def test_infinities_in_logsumexp() -> None:
    rows = Tensor([[-np.inf, 0.0], [-np.inf, -np.inf], [np.inf, 0.0]])
    np.testing.assert_array_equal(ndl.logsumexp(rows, 1).numpy(), [0, -np.inf, np.inf])


@quick
@given(sizes, sizes, seeds, st.sampled_from([1.0, 1e3, 1e10]))
def test_logsoftmax_is_stable(n: int, k: int, seed: int, scale: float) -> None:
    a = scale * np.random.default_rng(seed).standard_normal((n, k))
    for dtype in ("float32", "float64"):
        x = Tensor(a, dtype=dtype)
        out = ndl.logsoftmax(x)
        assert np.isfinite(out.numpy()).all()
        np.testing.assert_allclose(np.exp(out.numpy()).sum(1), np.ones(n), rtol=1e-5)
        np.testing.assert_allclose(
            out.numpy(), x.numpy() - ndl.logsumexp(x, 1).numpy()[:, None], atol=2e-6 * scale
        )
        (out * out).sum().backward()
        assert np.isfinite(x.grad.numpy()).all()


# the loss


@quick
@given(sizes, sizes, seeds, dtypes, st.sampled_from(["uint8", "int64"]))
def test_the_softmax_loss_is_the_mean_cross_entropy(
    n: int, k: int, seed: int, dtype: str, label_dtype: str
) -> None:
    rng = np.random.default_rng(seed)
    logits = Tensor(rng.uniform(-3, 3, (n, k)), dtype=dtype)
    labels = Tensor(rng.integers(0, k, n).astype(label_dtype))
    loss = nn.SoftmaxLoss()(logits, labels)
    loss.backward()
    p = np.exp(logits.numpy()) / np.exp(logits.numpy()).sum(1, keepdims=True)
    right = np.arange(n), labels.numpy()
    assert (loss.shape, loss.dtype) == ((), np.dtype(dtype))
    np.testing.assert_allclose(loss.numpy(), -np.log(p[right]).mean(), rtol=1e-4, atol=1e-5)
    p[right] -= 1
    np.testing.assert_allclose(logits.grad.numpy(), p / n, rtol=1e-4, atol=1e-6)
    assert labels.grad is None


@given(seeds)
@quick
def test_the_softmax_loss_has_two_derivatives(seed: int) -> None:
    a = np.random.default_rng(seed).uniform(-3, 3, (3, 4))
    labels = Tensor([0, 3, 1])

    def slope(logits: Tensor) -> Tensor:
        nn.SoftmaxLoss()(logits, labels).backward(create_graph=True)
        return (logits.grad * logits).sum()

    check_gradients(lambda logits: nn.SoftmaxLoss()(logits, labels), a)
    check_gradients(slope, a, atol=1e-5)


def test_the_softmax_loss_of_huge_logits_is_finite() -> None:
    logits = Tensor([[1e4, -1e4], [-1e4, 1e4]])
    loss = nn.SoftmaxLoss()(logits, Tensor([0, 0]))
    loss.backward()
    assert loss.numpy() == 1e4
    np.testing.assert_array_equal(logits.grad.numpy(), [[0, 0], [-0.5, 0.5]])


def test_the_loss_of_a_uniform_guess() -> None:
    loss = nn.SoftmaxLoss()(init.zeros(7, 10), Tensor(np.arange(7)))
    np.testing.assert_allclose(loss.numpy(), np.log(10), rtol=1e-6)


def test_training_on_gradients_lowers_the_loss() -> None:
    np.random.seed(0)
    model = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 2))
    x = Tensor(np.random.randn(64, 2), dtype="float32", requires_grad=False)
    y = Tensor((x.numpy()[:, 0] * x.numpy()[:, 1] > 0).astype("int64"))
    for _ in range(300):
        nn.SoftmaxLoss()(model(x), y).backward()
        for p in model.parameters():
            p.data = p.data - 0.5 * p.grad.data
    with no_grad():
        assert (model(x).numpy().argmax(1) == y.numpy()).mean() > 0.95
