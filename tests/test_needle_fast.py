"""needle.fast: the same as the plain library, in values, gradients and steps."""

import gc
from collections.abc import Callable
from typing import Any

import needle as ndl
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from needle import models, nn, optim
from needle.autograd import Tensor, find_topo_sort, lazy, no_grad
from needle.fast import models as fast_models
from needle.fast import nn as fast
from needle.fast import ops
from needle.fast import optim as fast_optim
from needle.fast.profile import profile
from needle.gradcheck import gradient_check
from needle.optim import hessian

from tests.conftest import ROOT
from tests.test_needle import live_nodes

quick = settings(max_examples=25)
seeds = st.integers(0, 2**32 - 1)
sizes = st.integers(1, 7)
dtypes = st.sampled_from(["float32", "float64"])
TOLERANCE: dict[str, dict[str, float]] = {
    "float32": {"rtol": 2e-3, "atol": 2e-4},
    "float64": {"rtol": 1e-7, "atol": 1e-9},
}
Layers = tuple[nn.Module, nn.Module]


def pair(name: str, dim: int, dtype: str, rng: np.random.Generator) -> Layers:
    """A plain layer and a fast one with the same random parameters."""
    if name == "Linear":
        layers: Any = nn.Linear(dim, 3, dtype=dtype), fast.Linear(dim, 3, dtype=dtype)
    elif name == "ReLU":
        layers = nn.ReLU(), fast.ReLU()
    else:
        layers = (getattr(space, name)(dim, eps=0.1, dtype=dtype) for space in (nn, fast))
    plain, quicker = layers
    for a, b in zip(plain.parameters(), quicker.parameters(), strict=True):
        a.data = b.data = Tensor(rng.normal(size=a.shape), dtype=dtype)
    return plain, quicker


def outcome(layer: nn.Module, x: np.ndarray, out_grads: list[np.ndarray]) -> list[np.ndarray]:
    """The value, and the gradients of input and parameters for each of the out_grads."""
    input = Tensor(x)
    y = layer(input)
    found = [y.numpy().copy()]
    for g in out_grads:
        y.backward(Tensor(g, dtype=y.dtype))
        found += [t.grad.numpy().copy() for t in (input, *layer.parameters())]
    return found


def assert_same(one: list[np.ndarray], other: list[np.ndarray], dtype: str) -> None:
    for a, b in zip(one, other, strict=True):
        assert a.dtype == b.dtype == dtype and a.shape == b.shape
        np.testing.assert_allclose(a, b, **TOLERANCE[dtype])


every_layer = pytest.mark.parametrize("name", ["Linear", "ReLU", "LayerNorm1d", "BatchNorm1d"])


@every_layer
@quick
@given(sizes, sizes, dtypes, seeds, st.booleans())
def test_a_fast_layer_is_the_plain_one(
    name: str, n: int, dim: int, dtype: str, seed: int, training: bool
) -> None:
    rng = np.random.default_rng(seed)
    plain, quicker = pair(name, dim, dtype, rng)
    plain._set_training(training)
    quicker._set_training(training)
    for _ in range(2):
        x = rng.normal(2, 3, (n, dim)).astype(dtype)
        out_grads = list(rng.normal(size=(2, n, 3 if name == "Linear" else dim)))
        assert_same(outcome(quicker, x, out_grads), outcome(plain, x, out_grads), dtype)
    if name == "BatchNorm1d":
        for part in ("running_mean", "running_var"):
            a, b = getattr(quicker, part), getattr(plain, part)
            assert a.is_leaf() and not a.requires_grad and a.dtype == dtype
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-4, atol=1e-5)


@quick
@given(st.floats(0, 0.95), dtypes, seeds)
def test_fast_dropout_keeps_the_law_of_the_plain_one(p: float, dtype: str, seed: int) -> None:
    np.random.seed(seed)
    layer, x = fast.Dropout(p), Tensor(np.full((80, 90), 3.0), dtype=dtype)
    y = layer(x)
    y.backward(Tensor(np.full((80, 90), 2.0), dtype=dtype))
    kept = y.numpy() != 0
    deviation = np.sqrt(p * (1 - p) / kept.size)
    assert abs(kept.mean() - (1 - p)) <= 6 * deviation + 2**-16
    np.testing.assert_allclose(y.numpy(), 3 * kept / (1 - p), rtol=1e-6)
    np.testing.assert_allclose(x.grad.numpy(), 2 * kept / (1 - p), rtol=1e-6)
    assert y.dtype == x.grad.dtype == dtype
    assert p < 0.1 or (layer(x).numpy() != y.numpy()).any()
    layer.eval()
    assert layer(x) is x


@quick
@given(sizes, st.integers(2, 6), dtypes, seeds, st.floats(0.01, 1000))
def test_the_fast_loss_is_the_plain_one(
    n: int, k: int, dtype: str, seed: int, scale: float
) -> None:
    rng = np.random.default_rng(seed)
    x, labels = (scale * rng.normal(size=(n, k))).astype(dtype), Tensor(rng.integers(0, k, n))
    found = []
    for loss in (fast.SoftmaxLoss(), nn.SoftmaxLoss()):
        logits = Tensor(x)
        value = loss(logits, labels)
        (value * 3.0).backward()
        found.append([value.numpy(), logits.grad.numpy()])
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-4, atol=1e-5 * scale)
    assert found[0][0].shape == () and found[0][0].dtype == dtype
    assert_same(found[0][1:], found[1][1:], dtype)


def fused(rng: np.random.Generator) -> dict[str, tuple[Callable[..., Tensor], list[Tensor]]]:
    """Every fused op as a function of tensors, and tensors to call it with."""
    x, weight, bias = Tensor(rng.normal(size=(4, 3))), *map(Tensor, rng.normal(size=(2, 3)))
    matrix, row = Tensor(rng.normal(size=(3, 2))), Tensor(rng.normal(size=(1, 2)))
    keep, labels = rng.random((4, 3)) < 0.6, rng.integers(0, 3, 4)
    return {
        "linear": (ops.linear, [x, matrix, row]),
        "relu": (ops.relu, [x]),
        "dropout": (lambda x: ops.FusedDropout(keep, 0.4)(x), [x]),
        "softmax_loss": (lambda x: ops.softmax_loss(x, labels), [x]),
        "layernorm": (lambda *inputs: ops.layernorm(*inputs, 0.1), [x, weight, bias]),
        "batchnorm": (lambda *inputs: ops.FusedBatchNorm(0.1)(*inputs), [x, weight, bias]),
    }


every_op = pytest.mark.parametrize("name", list(fused(np.random.default_rng(0))))


@every_op
def test_gradients_agree_with_central_differences(name: str) -> None:
    f, inputs = fused(np.random.default_rng(1))[name]
    gradient_check(f, *inputs)


@every_op
def test_second_derivatives_are_those_of_the_plain_ops(name: str) -> None:
    f, inputs = fused(np.random.default_rng(2))[name]
    for number in range(len(inputs)):

        def scalar(moved: Tensor, use: Callable[..., Tensor], number: int = number) -> Tensor:
            y = use(*inputs[:number], moved * moved, *inputs[number + 1 :])
            return (y**3).sum()

        op = find_topo_sort([f(*inputs)])[-1].op
        ours = hessian(lambda t: scalar(t, f), inputs[number])
        plain = hessian(lambda t, op=op: scalar(t, op.plain), inputs[number])
        np.testing.assert_allclose(ours, plain, rtol=1e-7, atol=1e-9)
        assert np.abs(ours).max() > 0.01


def test_a_gradient_of_a_whole_network_can_be_differentiated_again() -> None:
    labels, x = Tensor([0, 2, 1, 1]), np.random.default_rng(3).normal(size=(4, 5))
    found = []
    for make, loss in ((models, nn.SoftmaxLoss()), (fast_models, fast.SoftmaxLoss())):
        np.random.seed(0)
        model = make.MLPResNet(5, 4, 1, 3, norm=nn.LayerNorm1d, drop_prob=0.0)
        first = model.parameters()[0]
        loss(model(Tensor(x, dtype="float32")), labels).backward(create_graph=True)
        grad = first.grad
        for parameter in model.parameters():
            parameter.grad = None
        (grad * grad).sum().backward()
        found.append([p.grad.numpy() for p in model.parameters() if p.grad is not None])
    assert_same(*found, "float32")


@every_op
def test_nothing_is_computed_for_what_needs_no_gradient(name: str) -> None:
    f, inputs = fused(np.random.default_rng(4))[name]
    fixed = Tensor(inputs[0], requires_grad=False)
    y = f(fixed, *inputs[1:])
    if len(inputs) == 1:
        assert y.is_leaf() and not y.requires_grad
    else:
        assert y.op.derivatives(np.ones(y.shape), y)[0] is None
    with no_grad():
        assert f(*inputs).is_leaf()


@every_op
def test_values_can_wait(name: str) -> None:
    f, inputs = fused(np.random.default_rng(5))[name]
    with lazy():
        y = f(*inputs)
    np.testing.assert_array_equal(y.numpy(), f(*inputs).numpy())


def test_an_op_that_remembers_refuses_a_second_call() -> None:
    op, x = ops.FusedReLU(), Tensor([[1.0, -1.0]])
    op(x)
    with pytest.raises(RuntimeError, match="make a new object"):
        op(x)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (fast.LayerNorm1d(3), (4, 1)),
        (fast.LayerNorm1d(1), (4, 3)),
        (fast.BatchNorm1d(3), (4, 1)),
        (fast.BatchNorm1d(3), (3,)),
        (fast.Linear(3, 2), (4, 1)),
        (fast.Linear(3, 2), (3, 4)),
    ],
)
def test_wrong_shapes_are_errors_and_do_not_broadcast(layer: nn.Module, shape: Any) -> None:
    with pytest.raises(ValueError):
        layer(Tensor(np.ones(shape, "float32")))


def test_labels_of_another_length_are_an_error() -> None:
    logits = Tensor(np.ones((4, 3), "float32"))
    for labels in ([0, 1], [[0], [1], [2], [0]]):
        with pytest.raises(ValueError, match="labels"):
            fast.SoftmaxLoss()(logits, Tensor(labels))


def test_a_step_leaves_nothing_behind() -> None:
    model, x = fast_models.MLPResNet(6, 8, 2, 3), Tensor(np.ones((5, 6), "float32"))
    opt, loss = fast_optim.Adam(model.parameters()), fast.SoftmaxLoss()
    labels = Tensor([0, 1, 2, 0, 1])

    def step() -> None:
        opt.reset_grad()
        loss(model(x), labels).backward()
        opt.step()

    step()
    gc.collect()
    gc.disable()
    before = live_nodes()
    for _ in range(20):
        step()
    assert live_nodes() <= before
    gc.enable()


def test_faster_keeps_parameters_running_values_and_foreign_layers() -> None:
    class Own(nn.Linear):
        pass

    np.random.seed(0)
    model = nn.Sequential(Own(4, 4), nn.BatchNorm1d(4), nn.Residual(nn.Linear(4, 4)))
    model(Tensor(np.random.randn(5, 4).astype("float32")))
    model.eval()
    x = Tensor(np.random.randn(3, 4).astype("float32"))
    parameters, before = model.parameters(), model(x).numpy()
    assert fast_models.faster(model) is model
    assert all(a is b for a, b in zip(model.parameters(), parameters, strict=True))
    assert [type(part) for part in model.modules] == [Own, fast.BatchNorm1d, nn.Residual]
    assert type(model.modules[2].fn) is fast.Linear
    np.testing.assert_allclose(model(x).numpy(), before, rtol=1e-4, atol=1e-6)


def test_networks_from_one_seed_train_alike() -> None:
    x, labels = np.random.default_rng(6).random((20, 12), "float32"), Tensor(np.arange(20) % 5)
    losses: list[list[float]] = []
    for make, layers, optimizer in ((models, nn, optim), (fast_models, fast, fast_optim)):
        np.random.seed(1)
        model, loss_of = make.MLPResNet(12, 10, 2, 5, drop_prob=0.0), layers.SoftmaxLoss()
        opt = optimizer.Adam(model.parameters(), lr=0.01, weight_decay=0.01)
        losses.append([])
        for _ in range(8):
            opt.reset_grad()
            loss = loss_of(model(Tensor(x)), labels)
            loss.backward()
            opt.step()
            losses[-1].append(float(loss.numpy()))
    np.testing.assert_allclose(*losses, rtol=1e-3)
    assert losses[0][-1] < 0.7 * losses[0][0]


@quick
@given(
    seeds,
    dtypes,
    st.floats(0.01, 0.5),
    st.floats(0, 0.95),
    st.floats(0, 0.999),
    st.sampled_from([0.0, 0.1]),
    st.booleans(),
    st.lists(st.sets(st.integers(0, 3)), min_size=1, max_size=6),
)
def test_adam_takes_the_steps_of_the_plain_one(
    seed: int,
    dtype: str,
    lr: float,
    beta1: float,
    beta2: float,
    decay: float,
    correct: bool,
    missing: list[set[int]],
) -> None:
    rng = np.random.default_rng(seed)
    arrays = [rng.normal(size=shape).astype(dtype) for shape in ((3, 4), (5,), (1, 2), (2, 2, 2))]
    both = [[Tensor(array) for array in arrays] for _ in range(2)]
    settings = (lr, beta1, beta2, 1e-4, decay)
    opts = [
        adam(params, *settings, bias_correction=correct)
        for adam, params in zip((fast_optim.Adam, optim.Adam), both, strict=True)
    ]
    for left_out in missing:
        grads = [Tensor(rng.normal(size=array.shape), dtype=dtype) for array in arrays]
        for opt, params in zip(opts, both, strict=True):
            opt.reset_grad()
            for i, param in enumerate(params):
                param.grad = None if i in left_out else grads[i]
            before = [grad.numpy().copy() for grad in grads]
            opt.step()
            for grad, values in zip(grads, before, strict=True):
                np.testing.assert_array_equal(grad.numpy(), values)
        assert_same(*([p.numpy() for p in params] for params in both), dtype)


def test_adam_respects_what_happens_between_its_steps() -> None:
    found = []
    for adam in (fast_optim.Adam, optim.Adam):
        rng = np.random.default_rng(7)
        params = [Tensor(rng.normal(size=(3, 2))), Tensor(rng.normal(size=4), dtype="float32")]
        opt = adam(iter(params), lr=0.1)
        other = adam(params, lr=0.01)
        for number in range(6):
            for param in params:
                param.grad = Tensor(rng.normal(size=param.shape), dtype=param.dtype)
            (other if number == 3 else opt).step()
            if number == 2:
                params[0].data = Tensor(np.ones((3, 2)))
        found.append([param.numpy() for param in params])
        assert [param.dtype for param in params] == ["float64", "float32"]
    for one, two in zip(*found, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-6)


def test_adam_goes_through_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(8)
    arrays = [rng.normal(size=shape) for shape in ((7, 3), (2,), (11,))]
    found = []
    for block in (1, 4, 1000):
        monkeypatch.setattr(fast_optim, "BLOCK", block)
        params = [Tensor(array) for array in arrays]
        opt = fast_optim.Adam(params, weight_decay=0.1)
        for _ in range(3):
            for param in params:
                param.grad = Tensor(param)
            opt.step()
        found.append(np.concatenate([param.numpy().ravel() for param in params]))
    np.testing.assert_allclose(found[0], found[2], rtol=1e-12)
    np.testing.assert_allclose(found[1], found[2], rtol=1e-12)


def test_adam_says_what_it_does_not_take() -> None:
    param = Tensor([1.0, 2.0])
    with pytest.raises(ValueError, match="twice"):
        fast_optim.Adam([param, param])
    opt = fast_optim.Adam([param])
    param.data = Tensor([[1.0, 2.0]])
    with pytest.raises(ValueError, match=r"\(2,\) has become one of \(1, 2\)"):
        opt.step()


def test_a_profile_counts_the_ops_of_a_step() -> None:
    x = Tensor(np.ones((4, 6), "float32"), requires_grad=False)
    loss = fast.SoftmaxLoss()(fast_models.MLPResNet(6, 8, 2, 3)(x), Tensor([0, 1, 2, 0]))
    with pytest.raises(ValueError, match="backward"):
        profile(loss)
    loss.backward()
    before = [node.cached_data.copy() for node in find_topo_sort([loss])]
    ticks = iter(range(10**6))
    costs = profile(loss, 2, lambda: float(next(ticks)))
    calls = {name: cost.calls for name, cost in costs.items()}
    assert calls == {
        "FusedLinear": 6,
        "FusedBatchNorm": 4,
        "FusedReLU": 5,
        "FusedDropout": 2,
        "EWiseAdd": 2,
        "FusedSoftmaxLoss": 1,
    }
    assert all(cost.forward == cost.backward == cost.calls for cost in costs.values())
    assert costs["EWiseAdd"].moved == 2 * 3 * 4 * 8 * 4
    for node, array in zip(find_topo_sort([loss]), before, strict=True):
        np.testing.assert_array_equal(node.cached_data, array)


def test_the_package_is_reached_from_the_top() -> None:
    assert ndl.fast.nn is fast and ndl.fast.ops is ops and ndl.fast.optim is fast_optim


transforms = st.sampled_from(["RandomFlipHorizontal", "RandomCrop"])


@quick
@given(transforms, seeds, st.integers(0, 5), sizes, sizes, st.integers(1, 3), dtypes)
def test_a_batch_is_changed_as_its_images_are_one_by_one(
    name: str, seed: int, n: int, height: int, width: int, channels: int, dtype: str
) -> None:
    images = np.random.default_rng(seed).random((n, height, width, channels)).astype(dtype)
    before = images.copy()
    np.random.seed(seed)
    one_by_one = [getattr(ndl.data, name)()(image) for image in images]
    np.random.seed(seed)
    batch = getattr(ndl.fast.data, name)()(images)
    assert (batch.shape, batch.dtype) == (images.shape, images.dtype)
    assert all((a == b).all() for a, b in zip(batch, one_by_one, strict=True))
    assert (images == before).all()


@quick
@given(seeds)
def test_one_image_is_changed_as_by_the_plain_transforms(seed: int) -> None:
    image = np.random.default_rng(seed).random((5, 4, 1))
    found = []
    for space in (ndl.data, ndl.fast.data):
        np.random.seed(seed)
        found.append(space.RandomCrop(2)(space.RandomFlipHorizontal()(image)))
    assert (found[0] == found[1]).all()


@pytest.mark.parametrize(
    "index",
    [2, -1, slice(1, 4), np.array([3, 0, 3, -2]), np.array([], int), np.array([1, 0, 0, 1, 0]) > 0],
)
def test_a_fast_dataset_of_arrays_is_the_plain_one(index: object) -> None:
    arrays = np.arange(30, dtype="float32").reshape(5, 2, 3), np.arange(5, dtype="uint8")
    both = [space.NDArrayDataset(*arrays)[index] for space in (ndl.data, ndl.fast.data)]
    for one, other in zip(*both, strict=True):
        np.testing.assert_array_equal(one, other, strict=True)
    with pytest.raises(IndexError):
        ndl.fast.data.NDArrayDataset(*arrays)[np.array([5])]


def test_a_fast_dataset_without_transforms_is_the_plain_one() -> None:
    files = [
        str(ROOT / "notebooks" / "data" / "digits" / f"train-{part}-ubyte.gz")
        for part in ("images-idx3", "labels-idx1")
    ]
    plain, fast_one = (space.MNISTDataset(*files) for space in (ndl.data, ndl.fast.data))
    for index in (3, slice(2, 9), np.array([5, 1]), slice(0, 0)):
        for a, b in zip(plain[index], fast_one[index], strict=True):
            assert a.shape == b.shape and a.dtype == b.dtype and (a == b).all()


def test_each_image_of_a_batch_has_its_own_draw() -> None:
    np.random.seed(0)
    images = np.tile(np.arange(8.0).reshape(1, 1, 8, 1), (400, 1, 1, 1))
    mirrored = ndl.fast.data.RandomFlipHorizontal(0.25)(images)[:, 0, 0, 0] == 7
    assert 60 < mirrored.sum() < 140
    shifted = ndl.fast.data.RandomCrop(2)(images + 1)[:, 0, 2, 0]
    assert set(shifted) == {0.0, 1.0, 2.0, 3.0, 4.0, 5.0}
