"""Tensors, ops and the graph: what needle promises, checked without needle's own gradient check."""

import gc
import operator
import threading
import tracemalloc
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from math import prod
from typing import Any

import needle as ndl
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from needle.autograd import (
    Tensor,
    TensorOp,
    TensorTuple,
    TensorTupleOp,
    Value,
    compute_gradient_of_variables,
    find_topo_sort,
    lazy,
    no_grad,
)

Array = np.ndarray
Draw = Callable[..., Any]
Case = tuple[Callable[..., Tensor], Callable[..., Any], list[Array]]  # ours, NumPy's, arguments

quick = settings(max_examples=25)
shapes = hnp.array_shapes(min_dims=0, max_dims=3, min_side=1, max_side=3)
seeds = st.integers(0, 2**32 - 1)
scalars = st.sampled_from([2, -3, 0.5, -1.5, np.float64(1.25), np.float32(0.75), np.int64(3)])


def check_gradients(f: Callable[..., Tensor], *arrays: Array, atol: float = 1e-6) -> None:
    """Compare `backward` with central differences, entry by entry, in float64."""
    tensors = [Tensor(array, dtype="float64") for array in arrays]
    out = f(*tensors)
    weights = np.random.default_rng(0).standard_normal(out.shape)
    out.backward(Tensor(weights))
    for i, x in enumerate(tensors):
        expected = np.empty(x.shape)
        for entry in np.ndindex(x.shape):
            values = []
            for step in (1e-5, -1e-5):
                moved = [np.array(array, dtype="float64") for array in arrays]
                moved[i][entry] += step
                values.append((f(*map(Tensor, moved)).numpy() * weights).sum())
            expected[entry] = (values[0] - values[1]) / 2e-5
        assert x.grad.shape == x.shape
        assert x.grad.dtype == np.float64
        np.testing.assert_allclose(x.grad.numpy(), expected, rtol=1e-5, atol=atol)


@contextmanager
def counted_references() -> Iterator[None]:
    """Without the cycle collector: what dies here dies because nobody refers to it."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def live_nodes() -> int:
    return sum(isinstance(thing, Value) for thing in gc.get_objects())


# one case of each op


def array(draw: Draw, shape: tuple[int, ...], low: float = -2.0, high: float = 2.0) -> Array:
    return np.random.default_rng(draw(seeds)).uniform(low, high, shape)


def same_shape(f: Any, reference: Any, count: int = 1, low: float = -2.0) -> Callable[[Draw], Case]:
    def case(draw: Draw) -> Case:
        shape = draw(shapes)
        return f, reference, [array(draw, shape, low) for _ in range(count)]

    return case


def with_scalar(f: Any, reference: Any, low: float = -2.0) -> Callable[[Draw], Case]:
    def case(draw: Draw) -> Case:
        c = draw(scalars)
        return lambda a: f(a, c), lambda a: reference(a, float(c)), [array(draw, draw(shapes), low)]

    return case


def relu(draw: Draw) -> Case:
    a = array(draw, draw(shapes))
    return ndl.relu, lambda a: np.where(a > 0, a, 0), [a + 0.1 * np.sign(a)]  # away from the kink


def transpose(draw: Draw) -> Case:
    a = array(draw, draw(hnp.array_shapes(min_dims=2, max_dims=4, max_side=3)))
    axis = st.integers(-a.ndim, a.ndim - 1)
    axes = draw(st.none() | st.tuples(axis, axis))
    first, second = axes or (-2, -1)
    return lambda a: ndl.transpose(a, axes), lambda a: np.swapaxes(a, first, second), [a]


def reshape(draw: Draw) -> Case:
    a = array(draw, draw(shapes))
    shape = draw(st.permutations((*a.shape, 1)).map(tuple) | st.just((a.size,)))
    return lambda a: ndl.reshape(a, shape), lambda a: a.reshape(shape), [a]


def broadcast(draw: Draw) -> Case:
    shape = draw(shapes)
    kept = draw(st.lists(st.booleans(), min_size=len(shape), max_size=len(shape)))
    small = tuple(n if keep else 1 for n, keep in zip(shape, kept, strict=True))
    small = small[draw(st.integers(0, len(shape))) :]
    a = array(draw, small)
    return lambda a: ndl.broadcast_to(a, shape), lambda a: np.broadcast_to(a, shape), [a]


def axes_of(ndim: int) -> st.SearchStrategy[int | tuple[int, ...] | None]:
    """None, an int or a tuple of ints without repetition, counted from either end."""
    axis = st.integers(-ndim, ndim - 1) if ndim else st.nothing()
    several = st.lists(axis, unique_by=lambda i: i % ndim).map(tuple) if ndim else st.just(())
    return st.none() | several | axis


def reduction(f: Any, reference: Any) -> Callable[[Draw], Case]:
    def case(draw: Draw) -> Case:
        a = array(draw, draw(shapes))
        axes = draw(axes_of(a.ndim))
        return lambda a: f(a, axes), lambda a: reference(a, axes), [a]

    return case


def matmul(draw: Draw) -> Case:
    signature = hnp.mutually_broadcastable_shapes(
        signature="(n,k),(k,m)->(n,m)", max_dims=2, max_side=3
    )
    a, b = (array(draw, shape) for shape in draw(signature).input_shapes)
    return ndl.matmul, np.matmul, [a, b]


def logsoftmax(draw: Draw) -> Case:
    a = array(draw, draw(hnp.array_shapes(min_dims=2, max_dims=2, max_side=4)))
    return ndl.logsoftmax, lambda a: a - np.log(np.exp(a).sum(1, keepdims=True)), [a]


CASES: dict[str, Callable[[Draw], Case]] = {
    "add": same_shape(ndl.add, np.add, 2),
    "add_scalar": with_scalar(ndl.add_scalar, np.add),
    "multiply": same_shape(ndl.multiply, np.multiply, 2),
    "mul_scalar": with_scalar(ndl.mul_scalar, np.multiply),
    "power": same_shape(ndl.power, np.power, 2, low=0.5),
    "power_scalar": with_scalar(ndl.power_scalar, np.power, low=0.5),
    "divide": same_shape(ndl.divide, np.divide, 2, low=0.5),
    "divide_scalar": with_scalar(ndl.divide_scalar, np.divide),
    "negate": same_shape(ndl.negate, np.negative),
    "log": same_shape(ndl.log, np.log, low=0.5),
    "exp": same_shape(ndl.exp, np.exp),
    "relu": relu,
    "transpose": transpose,
    "reshape": reshape,
    "broadcast_to": broadcast,
    "summation": reduction(ndl.summation, np.sum),
    "matmul": matmul,
    "logsumexp": reduction(ndl.logsumexp, lambda a, axes: np.log(np.sum(np.exp(a), axes))),
    "logsoftmax": logsoftmax,
}
every_op = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


@every_op
@quick
@given(data=st.data())
def test_values_are_those_of_numpy(case: Callable[[Draw], Case], data: st.DataObject) -> None:
    f, reference, arrays = case(data.draw)
    copies = [a.copy() for a in arrays]
    out = f(*map(Tensor, arrays))
    expected = np.asarray(reference(*arrays))
    assert out.shape == expected.shape
    np.testing.assert_allclose(out.numpy(), expected, rtol=1e-12, atol=1e-12)
    for a, copy in zip(arrays, copies, strict=True):
        np.testing.assert_array_equal(a, copy)


@every_op
@quick
@given(data=st.data())
def test_gradients_are_central_differences(
    case: Callable[[Draw], Case], data: st.DataObject
) -> None:
    f, _, arrays = case(data.draw)
    check_gradients(f, *arrays)


@every_op
@quick
@given(data=st.data())
def test_gradients_can_be_differentiated(case: Callable[[Draw], Case], data: st.DataObject) -> None:
    f, _, arrays = case(data.draw)
    rng = np.random.default_rng(1)
    directions = [Tensor(rng.standard_normal(a.shape), requires_grad=False) for a in arrays]

    def slope(*tensors: Tensor) -> Tensor:
        out = f(*tensors)
        (out * out).backward(create_graph=True)
        pairs = zip([x.grad for x in tensors], directions, strict=True)
        return sum(((grad * u).sum() for grad, u in pairs), start=Tensor(0.0, dtype="float64"))

    check_gradients(slope, *arrays, atol=1e-4)


@every_op
@quick
@given(data=st.data())
def test_float32_stays_float32(case: Callable[[Draw], Case], data: st.DataObject) -> None:
    f, _, arrays = case(data.draw)
    for create_graph in (False, True):
        tensors = [Tensor(a, dtype="float32") for a in arrays]
        out = f(*tensors)
        out.backward(create_graph=create_graph)
        assert {out.dtype, *(x.grad.dtype for x in tensors)} == {np.dtype("float32")}


@every_op
@quick
@given(data=st.data())
def test_gradient_as_tuple_is_what_backward_leaves(
    case: Callable[[Draw], Case], data: st.DataObject
) -> None:
    f, _, arrays = case(data.draw)
    tensors = [Tensor(a) for a in arrays]
    out = f(*tensors)
    c = np.random.default_rng(2).standard_normal(out.shape)
    grads = out.op.gradient_as_tuple(ndl.Tensor(c), out)
    out.backward(Tensor(c))
    assert len(grads) == len(tensors)
    for grad, x in zip(grads, tensors, strict=True):
        np.testing.assert_array_equal(grad.numpy(), x.grad.numpy())


@every_op
@quick
@given(data=st.data())
def test_lazy_results_are_the_same_and_come_later(
    case: Callable[[Draw], Case], data: st.DataObject
) -> None:
    f, _, arrays = case(data.draw)
    with lazy():
        out = f(*map(Tensor, arrays))
        assert out.cached_data is None
    np.testing.assert_array_equal(out.numpy(), f(*map(Tensor, arrays)).numpy())


# making tensors


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (2.5, "float32"),
        ([1.0, 2.0], "float32"),
        ([[1, 2.5], [3, 4]], "float32"),
        (3, "int64"),
        ([1, 2], "int64"),
        ([True, False], "bool"),
        *((np.ones(2, dtype), dtype) for dtype in ("float64", "float32", "uint8", "bool")),
        (np.array(1.5), "float64"),
    ],
)
def test_the_dtype_of_a_tensor(data: Any, dtype: str) -> None:
    assert Tensor(data).dtype == np.dtype(dtype)
    assert Tensor(Tensor(data)).dtype == np.dtype(dtype)
    assert Tensor(data, dtype="float64").dtype == np.float64


def test_a_tensor_owns_its_values() -> None:
    array = np.ones(3)
    first = Tensor(array)
    second = Tensor(first)
    array[:] = 2
    first.numpy()[:] = 3
    np.testing.assert_array_equal(second.numpy(), [1, 1, 1])


def test_a_tensor_is_made_of_numbers() -> None:
    with pytest.raises(TypeError, match="numbers"):
        Tensor([None])


def test_a_new_tensor_is_a_leaf_that_requires_a_gradient() -> None:
    x = Tensor([1.0, 2.0], device=ndl.cpu())
    assert (x.requires_grad, x.op, x.grad, x.is_leaf()) == (True, None, None, True)
    assert not Tensor(1.0, requires_grad=False).requires_grad
    assert x.device == ndl.cpu()
    assert x.device in ndl.all_devices()
    assert x.shape == (2,)
    assert x.cached_data is x.realize_cached_data()


def test_a_result_knows_its_op_and_inputs() -> None:
    x, y = Tensor([1.0]), Tensor([2.0])
    out = x * y
    assert isinstance(out.op, ndl.ops.EWiseMul)
    assert tuple(map(id, out.inputs)) == (id(x), id(y))
    assert out.requires_grad
    assert not out.is_leaf()


def test_a_result_that_needs_no_gradient_forgets_its_history() -> None:
    constant = Tensor([1.0], requires_grad=False)
    with no_grad():
        unrecorded = Tensor([1.0]) + 1
    for out in (constant * 2 + constant, unrecorded):
        assert (out.requires_grad, out.op, tuple(out.inputs)) == (False, None, ())


@pytest.mark.parametrize("name", ["detach", "data"])
def test_detaching_shares_the_array_and_leaves_the_graph(name: str) -> None:
    x = Tensor([1.0, 2.0]) * 2
    detached = x.detach() if name == "detach" else x.data
    assert np.shares_memory(detached.numpy(), x.numpy())
    assert (detached.requires_grad, detached.op) == (False, None)
    assert not (detached * 3).requires_grad


def test_assigning_data_swaps_the_array_and_keeps_the_tensor() -> None:
    x = Tensor([1.0, 2.0])
    y = x * x
    before = x.numpy()
    x.data = Tensor([5.0, 6.0])
    np.testing.assert_array_equal(x.numpy(), [5, 6])
    np.testing.assert_array_equal(before, [1, 2])
    np.testing.assert_array_equal(y.numpy(), [1, 4])
    assert (x.requires_grad, x.op) == (True, None)


def test_an_update_through_data_leaves_no_graph() -> None:
    x = Tensor([1.0, 2.0])
    (x * x).sum().backward()
    x.data = x.data - 0.5 * x.grad.data
    assert (x.requires_grad, x.op, x.dtype) == (True, None, np.float32)
    np.testing.assert_array_equal(x.numpy(), [0, 0])


def test_assigned_data_has_the_same_dtype() -> None:
    x = Tensor([1.0])
    with pytest.raises(TypeError, match=r"float64.*float32"):
        x.data = Tensor(np.ones(1))
    with pytest.raises(TypeError, match="ndarray"):
        x.data = np.ones(1, dtype="float32")


# operators

SYMBOLS = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow]
each_symbol = pytest.mark.parametrize("symbol", SYMBOLS)


@each_symbol
@quick
@given(shapes, seeds, scalars)
def test_operators_take_a_number_on_either_side(
    symbol: Callable[..., Any], shape: tuple[int, ...], seed: int, c: Any
) -> None:
    a = np.random.default_rng(seed).uniform(0.5, 2, shape)
    for f in (lambda x: symbol(x, c), lambda x: symbol(abs(c), x)):
        out = f(Tensor(a, dtype="float32"))
        assert out.dtype == np.float32
        np.testing.assert_allclose(out.numpy(), f(a), rtol=1e-5, atol=1e-6)
        check_gradients(f, a)


@each_symbol
@quick
@given(shapes, seeds)
def test_operators_take_two_tensors(
    symbol: Callable[..., Any], shape: tuple[int, ...], seed: int
) -> None:
    a, b = np.random.default_rng(seed).uniform(0.5, 2, (2, *shape))
    np.testing.assert_allclose(symbol(Tensor(a), Tensor(b)).numpy(), symbol(a, b), rtol=1e-12)
    check_gradients(symbol, a, b)


def test_methods_are_the_ops() -> None:
    a = np.arange(6.0).reshape(2, 3)
    x = Tensor(a)
    pairs = [
        (-x, -a),
        (x @ x.transpose(), a @ a.T),
        (x.matmul(x.transpose((0, 1))), a @ a.T),
        (x.sum(), a.sum()),
        (x.sum(axes=1), a.sum(1)),
        (x.sum((0, 1)), a.sum()),
        (x.reshape((3, 2)), a.reshape(3, 2)),
        (x.broadcast_to((2, 2, 3)), np.broadcast_to(a, (2, 2, 3))),
    ]
    for ours, expected in pairs:
        np.testing.assert_array_equal(ours.numpy(), expected)
        assert ours.shape == np.shape(expected)


@each_symbol
@quick
@given(hnp.mutually_broadcastable_shapes(num_shapes=2, min_dims=0, max_dims=3, max_side=3))
def test_unequal_shapes_are_an_error_that_says_how_to_broadcast(
    symbol: Callable[..., Any], found: hnp.BroadcastableShapes
) -> None:
    a, b = (Tensor(np.ones(shape)) for shape in found.input_shapes)
    if a.shape == b.shape:
        return
    with pytest.raises(ValueError, match="broadcast_to") as caught:
        symbol(a, b)
    for shape in (a.shape, b.shape, found.result_shape):
        assert str(shape) in str(caught.value)
    symbol(a.broadcast_to(found.result_shape), b.broadcast_to(found.result_shape))


@each_symbol
def test_shapes_that_cannot_be_broadcast_are_an_error(symbol: Callable[..., Any]) -> None:
    with pytest.raises(ValueError, match=r"\(2,\) and \(3,\)"):
        symbol(Tensor(np.ones(2)), Tensor(np.ones(3)))


def test_ops_take_tensors() -> None:
    x = Tensor([1.0])
    for wrong in (np.ones(1), 1.0, None):
        with pytest.raises(TypeError, match=type(wrong).__name__):
            ndl.add(x, wrong)


def test_powers_at_zero() -> None:
    for n, expected in [(0, 0), (1, 1), (2, 0), (3, 0)]:
        x = Tensor([0.0])
        (x**n).backward()
        assert x.grad.numpy() == expected
    x = Tensor([-2.0])
    (x ** Tensor([3.0], requires_grad=False)).backward()
    assert x.grad.numpy() == 12


def test_the_gradient_of_relu_at_zero_is_zero() -> None:
    x = Tensor([-1.0, 0.0, 1.0])
    ndl.relu(x).backward()
    np.testing.assert_array_equal(x.grad.numpy(), [0, 0, 1])


# the graph


programs = st.lists(st.tuples(st.booleans(), st.integers(0, 99), st.integers(0, 99)), max_size=12)


def graph(program: list[tuple[bool, int, int]], *leaves: Tensor) -> list[Tensor]:
    """The leaves, then the sum or the product of two earlier nodes, again and again."""
    nodes = list(leaves)
    for product, i, j in program:
        a, b = nodes[i % len(nodes)], nodes[j % len(nodes)]
        nodes.append(a * b if product else a + b)
    return nodes


def reachable(nodes: Sequence[Value]) -> set[Value]:
    return set(nodes).union(*(reachable(node.inputs) for node in nodes))


@quick
@given(programs, st.lists(st.integers(0, 99), min_size=1, max_size=3))
def test_a_topological_order(program: list[tuple[bool, int, int]], outputs: list[int]) -> None:
    nodes = graph(program, Tensor(0.5), Tensor(-0.25))
    wanted = [nodes[i % len(nodes)] for i in outputs]
    order = find_topo_sort(wanted)
    assert set(order) == reachable(wanted)
    assert len(order) == len(set(order))
    place = {node: i for i, node in enumerate(order)}
    assert all(place[x] < place[node] for node in order for x in node.inputs)


def test_the_order_is_that_of_a_depth_first_search() -> None:
    a, b = Tensor([[0.88282157]]), Tensor([[0.90170084]])
    order = find_topo_sort([3 * a * a + 4 * b * a - a])
    x, y = 0.88282157, 0.90170084
    expected = [x, 3 * x, 3 * x * x, y, 4 * y, 4 * y * x, 3 * x * x + 4 * y * x, -x]
    expected.append(3 * x * x + 4 * y * x - x)
    np.testing.assert_allclose([node.numpy().item() for node in order], expected, rtol=1e-5)


@quick
@given(programs)
def test_adjoints_are_summed_over_all_paths(program: list[tuple[bool, int, int]]) -> None:
    def total(*leaves: Tensor) -> Tensor:
        return sum(graph(program, *leaves), start=Tensor(0.0))

    check_gradients(total, np.array(0.5), np.array(-0.25))


def test_every_node_that_requires_it_gets_a_gradient() -> None:
    x, c = Tensor([2.0, 3.0]), Tensor([5.0, 7.0], requires_grad=False)
    y = x * c
    z = y.sum()
    unused = x + 1
    z.backward()
    for node, expected in [(z, 1), (y, [1, 1]), (x, [5, 7])]:
        assert isinstance(node.grad, Tensor)
        np.testing.assert_array_equal(node.grad.numpy(), expected)
    assert (c.grad, unused.grad) == (None, None)


def test_backward_replaces_the_gradient_of_an_earlier_call() -> None:
    x = Tensor([2.0])
    for _ in range(2):
        (x * x).backward()
        np.testing.assert_array_equal(x.grad.numpy(), [4])


def test_backward_weighs_with_out_grad() -> None:
    x = Tensor([2.0, 3.0])
    (x * x).backward(Tensor([10.0, 100.0]))
    np.testing.assert_array_equal(x.grad.numpy(), [40, 600])
    with pytest.raises(ValueError, match=r"\(1,\).*\(2,\)"):
        (x * x).backward(Tensor([1.0]))


@quick
@given(shapes, shapes)
def test_a_gradient_has_the_shape_of_its_tensor(
    own: tuple[int, ...], other: tuple[int, ...]
) -> None:
    x, former = Tensor(np.ones(own)), Tensor(np.zeros(own, "float32"))
    x.grad = former
    if own != other:
        with pytest.raises(ValueError, match="op's gradient has the shape") as caught:
            x.grad = Tensor(np.ones(other))
        assert x.grad is former
        assert f"shape {other} for a leaf of shape {own}" in str(caught.value)
    x.grad = None
    assert x.grad is None


class Transposed(TensorOp):
    """Twice its input, with a gradient of the wrong shape."""

    def compute(self, a: Array) -> Array:
        return a * 2

    def gradient(self, out_grad: Tensor, node: Tensor) -> Tensor:
        return (out_grad * 2).transpose()


@pytest.mark.parametrize("create_graph", [True, False])
def test_an_op_with_a_gradient_of_another_shape_stops_backward(create_graph: bool) -> None:
    x = Tensor(np.ones((2, 3)))
    for node, where in ((x, "a leaf"), (ndl.exp(x), "the output of Exp")):
        with pytest.raises(ValueError, match="gradient") as caught:
            Transposed()(node).sum().backward(create_graph=create_graph)
        assert f"shape (3, 2) for {where} of shape (2, 3)" in str(caught.value)
        assert x.grad is None


def test_a_gradient_is_not_computed_to_see_its_shape() -> None:
    op, x = Counted(), Tensor([1.0, 2.0])
    with lazy():
        y, grad = op(x), op(Tensor([1.0]))
    x.grad, y.grad = grad, grad
    assert (op.count, x.grad, y.grad) == (0, grad, grad)


def test_out_grad_takes_the_dtype_of_the_output() -> None:
    x = Tensor([2.0, 3.0])
    (x + 1).backward(Tensor(np.ones(2)))
    assert x.grad.dtype == np.float32


def test_backward_of_a_leaf() -> None:
    x = Tensor([2.0, 3.0])
    x.backward()
    np.testing.assert_array_equal(x.grad.numpy(), [1, 1])


def test_a_diamond_of_sixty_levels_is_walked_once_per_node() -> None:
    x = y = Tensor(1.0, dtype="float64")
    for _ in range(60):
        y = y + y
    assert len(find_topo_sort([y])) == 61
    y.backward()
    assert x.grad.numpy() == 2.0**60


def test_compute_gradient_of_variables_fills_gradients() -> None:
    x = Tensor([3.0])
    compute_gradient_of_variables(x * x * x, Tensor([1.0]))
    first = x.grad
    compute_gradient_of_variables(first, Tensor([1.0]))
    assert (first.numpy(), x.grad.numpy()) == (27, 18)


def test_no_grad_ends_with_its_block_and_stays_in_its_thread() -> None:
    x = Tensor([1.0])
    recorded = []
    with pytest.raises(ZeroDivisionError), no_grad(), no_grad():
        thread = threading.Thread(target=lambda: recorded.append((x + 1).requires_grad))
        thread.start()
        thread.join()
        assert not (x + 1).requires_grad
        raise ZeroDivisionError
    assert recorded == [True]
    assert (x + 1).requires_grad


# gradients of gradients


def test_the_gradient_of_a_gradient() -> None:
    x, y = Tensor([6]), Tensor([0])
    (x * x + x * y).backward(create_graph=True)
    x_grad, y_grad = x.grad, y.grad
    assert (x_grad.numpy(), y_grad.numpy()) == (12, 6)
    x_grad.backward()
    assert (x.grad.numpy(), y.grad.numpy()) == (2, 1)


def test_derivatives_of_every_order() -> None:
    x = Tensor(2.0)
    y = x**4
    for expected in (32, 48, 48, 24, 0):
        y.backward(create_graph=True)
        y = x.grad
        assert y.numpy() == expected


def test_a_gradient_holds_no_graph_by_default() -> None:
    x, w = Tensor([1.0, 2.0]), Tensor([3.0, 4.0])
    outputs = [lambda: ndl.exp(x * x).sum(), lambda: (x + 1) * 2, lambda: x + 1]
    for output in outputs:
        for weighted in (False, True):
            y = output()
            y.backward((w * x).reshape(y.shape) if weighted and y.shape else None)
            assert (x.grad.requires_grad, x.grad.op, tuple(x.grad.inputs)) == (False, None, ())
    with pytest.raises(RuntimeError, match="create_graph"):
        x.grad.backward()


def test_an_out_grad_can_be_differentiated() -> None:
    x, w = Tensor([2.0]), Tensor([5.0])
    (x * x).backward(w * w, create_graph=True)
    x.grad.backward()
    assert (x.grad.numpy(), w.grad.numpy()) == (50, 40)


# laziness


class Counted(TensorOp):
    """Doubles, and counts how often it does."""

    def __init__(self) -> None:
        self.count = 0

    def compute(self, a: Array) -> Array:
        self.count += 1
        return a * 2

    def gradient(self, out_grad: Tensor, node: Tensor) -> Tensor:
        return out_grad * 2


@pytest.mark.parametrize("requires_grad", [True, False])
def test_a_lazy_graph_computes_once_and_only_what_is_needed(requires_grad: bool) -> None:
    used, unused = Counted(), Counted()
    x = Tensor([1.0], requires_grad=requires_grad)
    with lazy():
        y = used(x)
        z = y * y + y
        unused(y)
        assert (used.count, unused.count) == (0, 0)
        assert (z.op is None, len(z.inputs)) == (False, 2)
    for _ in range(2):
        assert z.numpy() == 6
        assert y.realize_cached_data() == 2
    assert (used.count, unused.count) == (1, 0)


def test_a_lazy_graph_has_a_gradient() -> None:
    op = Counted()
    x = Tensor([3.0])
    with lazy():
        y = op(x * x)
    y.backward()
    assert x.grad.numpy() == 12
    assert op.count == 1


def test_a_lazy_value_that_needs_no_gradient_forgets_its_history() -> None:
    with lazy():
        y = Tensor([1.0], requires_grad=False) + 1
    assert y.numpy() == 2
    assert (y.op, tuple(y.inputs)) == (None, ())


def test_a_lazy_error_comes_with_the_value() -> None:
    with lazy():
        y = Tensor([1.0, 2.0]) + Tensor([1.0])
    with pytest.raises(ValueError, match="broadcast_to"):
        y.numpy()


# deep graphs and memory

DEEP = 50_000


@pytest.mark.parametrize("mode", ["eager", "lazy", "create_graph"])
def test_a_graph_may_be_very_deep(mode: str) -> None:
    x = y = Tensor(np.ones(1))
    with lazy() if mode == "lazy" else nullcontext():
        for _ in range(DEEP):
            y = y + 1
    assert y.numpy() == DEEP + 1
    assert len(find_topo_sort([y])) == DEEP + 1
    z = y * y
    z.backward(create_graph=mode == "create_graph")
    assert x.grad.numpy() == 2 * (DEEP + 1)
    if mode == "create_graph":
        x.grad.backward()
        assert x.grad.numpy() == 2
        gc.collect()


def test_a_deep_graph_of_tuples() -> None:
    x = Tensor(np.ones(1))
    pair = ndl.make_tuple(x, x)
    for _ in range(DEEP):
        pair = ndl.fused_add_scalars(pair, 1.0, 2.0)
    (pair[0] * pair[1]).backward()
    assert x.grad.numpy() == (DEEP + 1) + (2 * DEEP + 1)


def test_a_graph_dies_with_its_last_reference() -> None:
    with counted_references():
        x = Tensor(np.ones((2, 3)))
        before = live_nodes()
        for f in (
            lambda: ndl.exp(x).sum(),
            lambda: ndl.logsumexp(ndl.logsoftmax(x @ x.transpose()) ** 2, 0) / 3,
            lambda: 1 - ndl.relu(x) * x,
            lambda: ndl.make_tuple(x, x + 1)[1],
        ):
            y = f()
            node = weakref.ref(y)
            y.backward(y)
            del y
            assert node() is None
            x.grad = None
            assert live_nodes() == before


def test_a_long_graph_dies_with_its_last_reference() -> None:
    with counted_references():
        before = live_nodes()
        y = Tensor(np.ones(1))
        for _ in range(DEEP):
            y = y * 1.0
        y.backward()
        del y
        assert live_nodes() == before


def test_memory_stays_flat_over_thousands_of_steps() -> None:
    rng = np.random.default_rng(0)
    w, v = Tensor(rng.standard_normal((4, 8))), Tensor(rng.standard_normal((8, 3)))
    x = Tensor(rng.standard_normal((5, 4)), requires_grad=False)

    def train(steps: int) -> None:
        for _ in range(steps):
            (ndl.logsumexp(ndl.relu(x @ w) @ v, 1) ** 2).sum().backward()
            for p in (w, v):
                p.data = p.data - 1e-3 * p.grad.data

    with counted_references():
        train(10)
        nodes = live_nodes()
        train(2000)
        tracemalloc.start()
        train(50)
        bytes_before, _ = tracemalloc.get_traced_memory()
        train(500)
        bytes_after, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert live_nodes() == nodes
    assert bytes_after - bytes_before < 10_000


def test_evaluation_keeps_no_node_alive() -> None:
    w = Tensor(np.ones(3))
    with counted_references(), no_grad():
        before = live_nodes()
        total = Tensor(np.zeros(3))
        for _ in range(1000):
            total = total + w * w
        assert live_nodes() == before + 1
    assert (total.numpy() == 1000).all()


# tuples


class Split(TensorTupleOp):
    """A vector into its entries."""

    def compute(self, a: Array) -> tuple[Array, ...]:
        return tuple(a)

    def gradient(self, out_grad: TensorTuple, node: TensorTuple) -> Tensor:
        n = len(out_grad)
        rows = (Tensor(np.eye(n)[i], requires_grad=False) for i in range(n))
        parts = zip(out_grad, rows, strict=True)
        return sum(
            (grad.broadcast_to((n,)) * row for grad, row in parts), start=Tensor(np.zeros(n))
        )


def test_a_tuple_holds_tensors() -> None:
    x, y = Tensor([1.0, 2.0]), Tensor([[3.0]])
    pair = ndl.make_tuple(x, y)
    assert isinstance(pair, TensorTuple)
    assert len(pair) == len(pair.tuple()) == 2
    for ours, theirs in zip(pair, (x, y), strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
    assert pair[-1].shape == ndl.tuple_get_item(pair, 1).shape == (1, 1)
    assert not pair.detach().requires_grad
    with pytest.raises(IndexError):
        pair[2]


def test_an_entry_of_a_tuple_passes_its_gradient_on() -> None:
    x, y, z = (Tensor(np.full(2, c)) for c in (2.0, 3.0, 5.0))
    pair = ndl.make_tuple(x, y, z)
    (pair[0] * pair[0] * pair[2]).backward()
    for node, expected in [(x, 20), (y, 0), (z, 4)]:
        np.testing.assert_array_equal(node.grad.numpy(), np.full(2, expected))


@quick
@given(shapes, shapes, seeds)
def test_gradients_through_tuples(first: tuple, second: tuple, seed: int) -> None:
    rng = np.random.default_rng(seed)

    def f(a: Tensor, b: Tensor) -> Tensor:
        c, d = ndl.fused_add_scalars(ndl.make_tuple(a, b), 0.5, np.float64(-1.5))
        return (c * c * c).sum() * (d * d).sum()

    check_gradients(f, rng.uniform(-1, 1, first), rng.uniform(-1, 1, second), atol=1e-5)


def test_fused_add_scalars_keeps_float32() -> None:
    pair = ndl.make_tuple(Tensor([1.0]), Tensor([2.0]))
    c, d = ndl.fused_add_scalars(pair, np.float64(10), 20)
    assert (c.numpy(), d.numpy()) == (11, 22)
    assert c.dtype == d.dtype == np.float32


@given(st.lists(st.floats(-2, 2), min_size=1, max_size=4))
def test_an_op_with_several_outputs_has_a_second_derivative(values: list[float]) -> None:
    x = Tensor(np.array(values))
    parts = Split()(x)
    y = sum((part**3 for part in parts), start=Tensor(np.zeros(())))
    y.backward(create_graph=True)
    np.testing.assert_allclose(x.grad.numpy(), 3 * np.array(values) ** 2)
    x.grad.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), 6 * np.array(values))


# larger pieces


def test_gradients_of_composed_functions() -> None:
    rng = np.random.default_rng(3)

    def randoms(*shapes: tuple[int, ...]) -> list[Array]:
        return [rng.standard_normal(shape) for shape in shapes]

    check_gradients(lambda a, b, c: (a @ b + c) * (a @ b), *randoms((3, 2), (2, 4), (3, 4)))
    check_gradients(lambda a, b: a.broadcast_to((4, 3)) * b, *randoms((4, 1), (4, 3)))
    check_gradients(
        lambda a, b, c: ndl.reshape(a, shape=(2, 3)) @ b / 5 + c, *randoms((6,), (3, 2), (2, 2))
    )
    check_gradients(lambda a, b: (a - b) / (b * b + 1) ** 0.5, *randoms((2, 2), (2, 2)))


@pytest.mark.parametrize(
    ("name", "keywords"),
    [
        ("add_scalar", {"scalar": 2}),
        ("mul_scalar", {"scalar": 2}),
        ("power_scalar", {"scalar": 2}),
        ("divide_scalar", {"scalar": 2}),
        ("transpose", {"axes": (0, 1)}),
        ("reshape", {"shape": (3, 2)}),
        ("broadcast_to", {"shape": (2, 2, 3)}),
        ("summation", {"axes": 1}),
        ("logsumexp", {"axes": (1,)}),
    ],
)
def test_parameters_have_their_names(name: str, keywords: dict[str, Any]) -> None:
    out = getattr(ndl, name)(Tensor(np.ones((2, 3))), **keywords)
    assert out.requires_grad
    assert prod(out.shape) == out.numpy().size


def test_every_op_has_a_class_and_a_function() -> None:
    pairs = """EWiseAdd add, AddScalar add_scalar, EWiseMul multiply, MulScalar mul_scalar,
    EWisePow power, PowerScalar power_scalar, EWiseDiv divide, DivScalar divide_scalar,
    Transpose transpose, Reshape reshape, BroadcastTo broadcast_to, Summation summation,
    MatMul matmul, Negate negate, Log log, Exp exp, ReLU relu, LogSoftmax logsoftmax,
    LogSumExp logsumexp, MakeTensorTuple make_tuple, TupleGetItem tuple_get_item,
    FusedAddScalars fused_add_scalars"""
    for pair in pairs.split(","):
        class_name, function = pair.split()
        assert issubclass(getattr(ndl.ops, class_name), ndl.autograd.Op)
        assert getattr(ndl.ops, function) is getattr(ndl, function)
