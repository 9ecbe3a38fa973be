"""needle against PyTorch: the same numbers, and at the edges the same numbers or an error.

What PyTorch 2.13 gives is written down here, so that needle is held to it without PyTorch as well.
Where it is installed (`make peers`), what is written down is compared with it, and needle too.
An error is of PyTorch's kind, and of NumPy's where PyTorch raises RuntimeError for an argument:
ValueError for shapes, TypeError for dtypes and None, IndexError for labels (`translated`).
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import needle as ndl
import numpy as np
import pytest
from needle import data, fast, init, nn, optim
from needle.autograd import Tensor

try:
    import torch
    from torch.nn import functional
except ImportError:  # then what is written down has to do
    torch = functional = None  # type: ignore[assignment]

needs_torch = pytest.mark.skipif(torch is None, reason="PyTorch is not installed")
INF = float("inf")
# what an error says that was left to NumPy or Python, or that advises what makes it worse
BARE = ("ufunc", "operand", "range()", "unpack", "iterable", "NoneType'", ".broadcast_to(")


@dataclass
class Edge:
    """An input at an edge: the outputs, one flat list of numbers each, or the error."""

    name: str
    ours: Callable[[], Any]
    theirs: Callable[[], Any] | None  # None: PyTorch has nothing of the kind
    expected: list[Any] | type[Exception]
    translated: type[Exception] | None = None  # PyTorch's error, where it is another one

    def __str__(self) -> str:
        return self.name


def flat(outputs: Any) -> list[Any]:
    """Arrays, tensors of both libraries and numbers as lists of numbers."""
    found = outputs if isinstance(outputs, tuple | list) else [outputs]
    return [np.ravel(x.detach().numpy() if hasattr(x, "detach") else x).tolist() for x in found]


def agree(found: list[Any], expected: list[Any], rtol: float = 1e-5) -> None:
    assert len(found) == len(expected)
    for x, y in zip(found, expected, strict=True):
        np.testing.assert_allclose(np.float64(x), np.float64(y), rtol=rtol, atol=1e-6)


# the two sides of an edge


def our_loss(logits: Any, labels: Any, dtype: str = "float32", module: Any = nn) -> list[Tensor]:
    z = Tensor(np.array(logits, dtype))
    loss = module.SoftmaxLoss()(z, Tensor(np.array(labels), requires_grad=False))
    loss.backward()
    assert loss.dtype == z.grad.dtype == z.dtype
    return [loss, z.grad]


def their_loss(logits: Any, labels: Any, dtype: str = "float32") -> list[Any]:
    z = torch.tensor(np.array(logits, dtype), requires_grad=True)
    loss = functional.cross_entropy(z, torch.tensor(labels))
    loss.backward()
    return [loss, z.grad]


def losses(
    name: str, logits: Any, labels: Any, expected: Any, dtype: str = "float32"
) -> list[Edge]:
    theirs = lambda: their_loss(logits, labels, dtype)  # noqa: E731
    return [
        Edge(f"{kind} loss: {name}", ours, theirs, expected)
        for kind, ours in (
            ("plain", lambda: our_loss(logits, labels, dtype)),
            ("fast", lambda: our_loss(logits, labels, dtype, fast.nn)),
        )
    ]


def our_dropout(module: Any, p: float) -> list[Tensor]:
    x = Tensor([1.0, 2.0])
    y = module.Dropout(p)(x)
    y.backward()
    return [y, x.grad]


def their_dropout(p: float) -> list[Any]:
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = torch.nn.Dropout(p)(x)
    y.sum().backward()
    return [y, x.grad]


def our_norm_of_no_rows(module: Any) -> list[Any]:
    layer = module.BatchNorm1d(3)
    with np.errstate(all="raise"):
        y = layer(Tensor(np.ones((0, 3), "float32")))
    return [y, layer.running_mean, layer.running_var]


def their_norm_of_no_rows() -> list[Any]:
    layer = torch.nn.BatchNorm1d(3)
    return [layer(torch.ones(0, 3)), layer.running_mean, layer.running_var]


def our_step(optimizer: Any) -> None:
    param = Tensor([1.0])
    param.grad = Tensor([1.0, 2.0])
    optimizer([param]).step()


def their_step() -> None:
    torch.nn.Parameter(torch.ones(1)).grad = torch.ones(2)


def our_power(a: float, b: float) -> list[Any]:
    base, exponent = Tensor([a]), Tensor([b])
    y = base**exponent
    y.backward()
    return [y, base.grad, exponent.grad]


def their_power(a: float, b: float) -> list[Any]:
    base, exponent = (torch.tensor([x], requires_grad=True) for x in (a, b))
    y = base**exponent
    y.backward()
    return [y, base.grad, exponent.grad]


def our_derivatives_of_a_square() -> list[Any]:
    x = Tensor([0.0])
    y, found = x ** Tensor([2.0], requires_grad=False), []
    for _ in range(3):
        y.backward(create_graph=True)
        y = x.grad
        found.append(y)
    return found


def their_derivatives_of_a_square() -> list[Any]:
    x = torch.tensor([0.0], requires_grad=True)
    y, found = x ** torch.tensor([2.0]), []
    for _ in range(3):
        (y,) = torch.autograd.grad(y, x, create_graph=True)
        found.append(y)
    return found


def our_mixed_gradients(op: str) -> list[int]:
    a, b = Tensor(np.ones((2, 2), "float32")), Tensor(np.ones((2, 2)))
    y = getattr(ndl, op)(a, b)
    y.backward()
    return [x.dtype.itemsize for x in (y, a.grad, b.grad)]


def their_mixed_gradients() -> list[int]:
    a, b = (torch.ones(2, 2, dtype=t, requires_grad=True) for t in (torch.float32, torch.float64))
    y = a * b
    y.backward(torch.ones_like(y))
    return [x.itemsize for x in (y, a.grad, b.grad)]


def batches(batch_size: int) -> list[Any]:
    return list(data.DataLoader(data.NDArrayDataset(np.ones(4)), batch_size))


def their_batches(batch_size: int) -> list[Any]:
    dataset = torch.utils.data.TensorDataset(torch.ones(4))
    return list(torch.utils.data.DataLoader(dataset, batch_size))


def layer_of(module: Any, fan_in: int, fan_out: int, *shape: int) -> tuple[int, ...]:
    return module.Linear(fan_in, fan_out)(Tensor(np.ones(shape, "float32"))).shape


def their_layer_of(fan_in: int, fan_out: int, *shape: int) -> tuple[int, ...]:
    return tuple(torch.nn.Linear(fan_in, fan_out)(torch.ones(*shape)).shape)


def our_parameter() -> list[Tensor]:
    return [Tensor([1.0])]


def their_parameter() -> list[Any]:
    return [torch.nn.Parameter(torch.ones(1))]


def ones(*shape: int) -> Tensor:
    return Tensor(np.ones(shape, "float32"))


def of_bytes(*values: int) -> Tensor:
    return Tensor(np.array(values, "uint8"), requires_grad=False)


def their_bytes(*values: int) -> Any:
    return torch.tensor(values, dtype=torch.uint8)


THIRDS = [2.4076059, 0.2447285, 0.6652409, -0.9099694]  # logsumexp(0, 1, 2) and its softmax
CLOSE = [[1.3132617], [-0.7310586, 0.7310586]]

EDGES = [
    # the loss does not lose its digits
    *losses("two of 1e8", [[1e8, 1e8]], [0], [[0.6931472], [-0.5, 0.5]]),
    *losses("two of 1e7", [[1e7, 1e7]], [0], [[0.6931472], [-0.5, 0.5]]),
    *losses("1 apart at 1e4", [[1e4, 1e4 + 1]], [0], CLOSE),
    *losses(
        "1 apart at 1e6",
        [[1e6, 1e6 + 1, 1e6 + 2]],
        [0],
        [[THIRDS[0]], [THIRDS[3], THIRDS[1], THIRDS[2]]],
    ),
    *losses("a class that cannot be", [[-INF, 1, 2]], [1], [CLOSE[0], [0, *CLOSE[1]]]),
    *losses("the right class cannot be", [[-INF, 1, 2]], [0], [[INF], [-1, 0.2689414, 0.7310586]]),
    *losses("label -1", [[0, 1, 2]], [-1], IndexError),
    *losses("label 3 of 3", [[0, 1, 2]], [3], IndexError),
    *losses("more labels than rows", [[0, 1, 2]], [0, 1], ValueError),
    *losses("fewer labels than rows", [[0, 1], [2, 3]], [0], ValueError),
    Edge(
        "one_hot of -1",
        lambda: init.one_hot(3, Tensor([-1])),
        lambda: functional.one_hot(torch.tensor([-1]), 3),
        IndexError,
        RuntimeError,
    ),
    Edge(
        "one_hot of 3",
        lambda: init.one_hot(3, Tensor([3])),
        lambda: functional.one_hot(torch.tensor([3]), 3),
        IndexError,
        RuntimeError,
    ),
    Edge(
        "one_hot of 0.5",
        lambda: init.one_hot(3, Tensor([0.5])),
        lambda: functional.one_hot(torch.tensor([0.5]), 3),
        TypeError,
        RuntimeError,
    ),
    # layers
    *(
        Edge(f"{module.__name__}: {name}", ours, theirs, expected, translated)
        for module in (nn, fast.nn)
        for name, ours, theirs, expected, translated in (
            (
                "Dropout(1)",
                lambda m=module: our_dropout(m, 1.0),
                lambda: their_dropout(1.0),
                [[0, 0], [0, 0]],
                None,
            ),
            (
                "Dropout(-0.1)",
                lambda m=module: m.Dropout(-0.1),
                lambda: torch.nn.Dropout(-0.1),
                ValueError,
                None,
            ),
            (
                "Dropout(1.1)",
                lambda m=module: m.Dropout(1.1),
                lambda: torch.nn.Dropout(1.1),
                ValueError,
                None,
            ),
            (
                "BatchNorm1d of no rows",
                lambda m=module: our_norm_of_no_rows(m),
                their_norm_of_no_rows,
                [[], [0, 0, 0], [1, 1, 1]],
                None,
            ),
            (
                "BatchNorm1d of 4 axes",
                lambda m=module: m.BatchNorm1d(3)(ones(2, 3, 2, 2)),
                lambda: torch.nn.BatchNorm1d(3)(torch.ones(2, 3, 2, 2)),
                ValueError,
                None,
            ),
            (
                "BatchNorm1d(1) of 3",
                lambda m=module: m.BatchNorm1d(1)(ones(2, 3)),
                lambda: torch.nn.BatchNorm1d(1)(torch.ones(2, 3)),
                ValueError,
                RuntimeError,
            ),
            (
                "LayerNorm1d(1) of 3",
                lambda m=module: m.LayerNorm1d(1)(ones(2, 3)),
                lambda: torch.nn.LayerNorm(1)(torch.ones(2, 3)),
                ValueError,
                RuntimeError,
            ),
            (
                "LayerNorm1d of 3 axes",
                lambda m=module: m.LayerNorm1d(3)(ones(2, 3, 3)),
                None,
                ValueError,
                None,
            ),
            (
                "BatchNorm1d of 3 axes",
                lambda m=module: m.BatchNorm1d(3)(ones(2, 3, 3)),
                None,
                ValueError,
                None,
            ),
            (
                "Linear(3, 0)",
                lambda m=module: layer_of(m, 3, 0, 2, 3),
                lambda: their_layer_of(3, 0, 2, 3),
                [[2], [0]],
                None,
            ),
            (
                "Linear(0, 3)",
                lambda m=module: layer_of(m, 0, 3, 2, 0),
                lambda: their_layer_of(0, 3, 2, 0),
                [[2], [3]],
                None,
            ),
            (
                "Linear of 4 columns",
                lambda m=module: layer_of(m, 3, 2, 2, 4),
                lambda: their_layer_of(3, 2, 2, 4),
                ValueError,
                RuntimeError,
            ),
            ("Linear of one axis", lambda m=module: layer_of(m, 3, 2, 3), None, ValueError, None),
        )
    ),
    Edge(
        "fast Dropout of ints",
        lambda: fast.nn.Dropout(0.5)(Tensor([1, 2])),
        lambda: torch.nn.Dropout(0.5)(torch.tensor([1, 2])),
        TypeError,
        RuntimeError,
    ),
    # powers at 0, and two dtypes
    Edge("0 ** 0", lambda: our_power(0.0, 0.0), lambda: their_power(0.0, 0.0), [[1], [0], [0]]),
    Edge("0 ** 2", lambda: our_power(0.0, 2.0), lambda: their_power(0.0, 2.0), [[0], [0], [0]]),
    Edge(
        "2 ** 0",
        lambda: our_power(2.0, 0.0),
        lambda: their_power(2.0, 0.0),
        [[1], [0], [0.6931472]],
    ),
    Edge(
        "the derivatives of x ** 2 at 0",
        our_derivatives_of_a_square,
        their_derivatives_of_a_square,
        [[0], [2], [0]],
    ),
    *(
        Edge(
            f"{op} of two dtypes",
            lambda op=op: our_mixed_gradients(op),
            their_mixed_gradients,
            [[8], [4], [8]],
        )
        for op in ("add", "multiply", "divide", "power", "matmul")
    ),
    # what a tensor is made of, and what it is not
    Edge('Tensor("a")', lambda: Tensor("a"), lambda: torch.tensor("a"), TypeError),
    Edge(
        'Tensor("1", float32)',
        lambda: Tensor("1", dtype="float32"),
        lambda: torch.tensor("1", dtype=torch.float32),
        TypeError,
    ),
    Edge("Tensor(None)", lambda: Tensor(None), lambda: torch.tensor(None), TypeError, RuntimeError),
    Edge(
        "Tensor(None, float32)",
        lambda: Tensor(None, dtype="float32"),
        lambda: torch.tensor(None, dtype=torch.float32),
        TypeError,
    ),
    Edge(
        "Tensor of a date",
        lambda: Tensor(np.datetime64("2020-01-01")),
        lambda: torch.tensor(np.datetime64("2020-01-01")),
        TypeError,
    ),
    Edge(
        "an array in a list",
        lambda: Tensor([np.ones(2)]).dtype.itemsize,
        lambda: torch.tensor([np.ones(2)]).itemsize,
        [[8]],
    ),
    Edge(
        "float64 in a list",
        lambda: Tensor([1.0, np.float64(2)]).dtype.itemsize,
        lambda: torch.tensor([1.0, np.float64(2)]).itemsize,
        [[8]],
    ),
    Edge(
        "float32 in a list",
        lambda: Tensor([1.0, np.float32(2)]).dtype.itemsize,
        lambda: torch.tensor([1.0, np.float32(2)]).itemsize,
        [[4]],
    ),
    Edge(
        'device="gpu"',
        lambda: Tensor(1.0, device="gpu"),
        lambda: torch.tensor(1.0, device="gpu"),
        RuntimeError,
    ),
    Edge("bool of 0", lambda: bool(Tensor([0.0])), lambda: bool(torch.tensor([0.0])), [[False]]),
    Edge("bool of 3", lambda: bool(Tensor(3)), lambda: bool(torch.tensor(3)), [[True]]),
    Edge(
        "bool of two",
        lambda: bool(Tensor([0.0, 1.0])),
        lambda: bool(torch.tensor([0.0, 1.0])),
        RuntimeError,
    ),
    Edge("bool of none", lambda: bool(Tensor([])), lambda: bool(torch.tensor([])), RuntimeError),
    Edge(
        "== of tensors",
        lambda: Tensor([1.0, 2.0]) == Tensor([1.0, 3.0]),
        lambda: torch.tensor([1.0, 2.0]) == torch.tensor([1.0, 3.0]),
        [[True, False]],
    ),
    Edge(
        "!= of tensors",
        lambda: Tensor([1.0, 2.0]) != Tensor([1.0, 3.0]),
        lambda: torch.tensor([1.0, 2.0]) != torch.tensor([1.0, 3.0]),
        [[False, True]],
    ),
    Edge(
        "== of two lengths",
        lambda: (Tensor([1.0, 2.0]) == Tensor([1.0, 2.0, 3.0])).numpy(),
        lambda: torch.tensor([1.0, 2.0]) == torch.tensor([1.0, 2.0, 3.0]),
        ValueError,
        RuntimeError,
    ),
    Edge(
        "== of a number",
        lambda: Tensor([0.1, 2.0]) == 0.1,
        lambda: torch.tensor([0.1, 2.0]) == 0.1,
        [[True, False]],
    ),
    Edge(
        "== of None",
        lambda: Tensor([1.0]) == None,  # noqa: E711
        None,
        [[False]],
    ),
    Edge(
        "np.array where a gradient is required",
        lambda: np.array(Tensor([1.0])),
        lambda: np.array(torch.tensor([1.0], requires_grad=True)),
        RuntimeError,
    ),
    Edge(
        "np.array",
        lambda: np.array(Tensor([1.0], requires_grad=False)),
        lambda: np.array(torch.tensor([1.0])),
        [[1]],
    ),
    # ops
    Edge("bytes - 4", lambda: of_bytes(1, 5) - 4, lambda: their_bytes(1, 5) - 4, [[253, 1]]),
    Edge("4 - bytes", lambda: 4 - of_bytes(1, 5), lambda: 4 - their_bytes(1, 5), [[3, 255]]),
    Edge(
        "reshape(3, 2)",
        lambda: ones(2, 3).reshape(3, 2).shape,
        lambda: tuple(torch.ones(2, 3).reshape(3, 2).shape),
        [[3], [2]],
    ),
    Edge(
        "reshape(6)",
        lambda: ones(2, 3).reshape(6).shape,
        lambda: tuple(torch.ones(2, 3).reshape(6).shape),
        [[6]],
    ),
    Edge(
        "matmul",
        lambda: ones(2, 3) @ ones(2, 3),
        lambda: torch.ones(2, 3) @ torch.ones(2, 3),
        ValueError,
        RuntimeError,
    ),
    Edge(
        "transpose of one axis",
        lambda: ones(3).transpose((0, 1)),
        lambda: torch.ones(3).transpose(0, 1),
        IndexError,
    ),
    Edge("transpose of one axis by default", lambda: ones(3).transpose(), None, IndexError),
    Edge("transpose of three axes", lambda: ones(2, 3, 4).transpose((0, 1, 2)), None, ValueError),
    Edge(
        "broadcast_to",
        lambda: ones(2, 3).broadcast_to((3, 2)),
        lambda: torch.ones(2, 3).broadcast_to((3, 2)),
        ValueError,
        RuntimeError,
    ),
    Edge("logsoftmax of 3 axes", lambda: ndl.logsoftmax(ones(2, 3, 4)), None, ValueError),
    Edge(
        "three tensors for two scalars",
        lambda: ndl.fused_add_scalars(ndl.make_tuple(ones(1), ones(1), ones(1)), 1, 2),
        None,
        ValueError,
    ),
    Edge(
        "backward of an array",
        lambda: Tensor([1.0]).backward(np.ones(1)),
        lambda: torch.ones(1, requires_grad=True).backward(np.ones(1)),
        TypeError,
    ),
    # optimizers and batches
    *(
        Edge(f"{kind.__module__}.{kind.__name__}: {name}", ours, theirs, expected, translated)
        for kind in (optim.SGD, optim.Adam, fast.optim.Adam)
        for name, ours, theirs, expected, translated in (
            (
                "a gradient of two for one",
                lambda k=kind: our_step(k),
                their_step,
                ValueError,
                RuntimeError,
            ),
            (
                "lr -1",
                lambda k=kind: k(our_parameter(), lr=-1),
                lambda: torch.optim.SGD(their_parameter(), lr=-1),
                ValueError,
                None,
            ),
            (
                "a tensor",
                lambda k=kind: k(Tensor([1.0])),
                lambda: torch.optim.SGD(torch.ones(1)),
                TypeError,
                None,
            ),
            (
                "a module",
                lambda k=kind: k(nn.Linear(2, 2)),
                lambda: torch.optim.SGD(torch.nn.Linear(2, 2)),
                TypeError,
                None,
            ),
            (
                "a list of a module",
                lambda k=kind: k([nn.Linear(2, 2)]),
                lambda: torch.optim.SGD([torch.nn.Linear(2, 2)]),
                TypeError,
                None,
            ),
        )
    ),
    *(
        Edge(
            f"{kind.__module__}.Adam: betas {betas}",
            lambda k=kind, b=betas: k(our_parameter(), beta1=b[0], beta2=b[1]),
            lambda b=betas: torch.optim.Adam(their_parameter(), betas=b),
            ValueError,
        )
        for kind in (optim.Adam, fast.optim.Adam)
        for betas in ((1.0, 0.9), (0.9, 1.0), (0.9, 1.5), (-0.1, 0.9))
    ),
    Edge(
        "momentum -0.1",
        lambda: optim.SGD(our_parameter(), momentum=-0.1),
        lambda: torch.optim.SGD(their_parameter(), momentum=-0.1),
        ValueError,
    ),
    # our momentum is a mean, PyTorch's is a sum
    Edge("momentum 1.5", lambda: optim.SGD(our_parameter(), momentum=1.5), None, ValueError),
    Edge("batches of 0", lambda: batches(0), lambda: their_batches(0), ValueError),
    Edge("batches of -1", lambda: batches(-1), lambda: their_batches(-1), ValueError),
]


@pytest.mark.parametrize("edge", EDGES, ids=str)
@pytest.mark.filterwarnings("error")
def test_needle_at_an_edge(edge: Edge) -> None:
    if isinstance(edge.expected, list):
        return agree(flat(edge.ours()), edge.expected)
    with pytest.raises(edge.expected) as caught:
        edge.ours()
    assert type(caught.value) is edge.expected
    text = str(caught.value)
    assert len(text) < 200 and "\n" not in text
    assert not any(word in text for word in BARE)
    return None


@needs_torch
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("edge", [edge for edge in EDGES if edge.theirs], ids=str)
def test_what_is_written_down_of_an_edge(edge: Edge) -> None:
    assert edge.theirs is not None
    if isinstance(edge.expected, list):
        return agree(flat(edge.theirs()), edge.expected)
    with pytest.raises(edge.translated or edge.expected):
        edge.theirs()
    return None


@pytest.mark.parametrize("module", [nn, fast.nn])
def test_a_loss_of_half_precision_stays_that(module: Any) -> None:
    loss, grad = our_loss([[0, 1, 2]], [1], "float16", module)
    agree(flat([loss, grad]), [[1.4076059], [0.0900306, -0.7552715, 0.6652409]], rtol=2e-3)


def test_a_gradient_in_its_dtype_can_be_differentiated_again() -> None:
    a, b = Tensor([2.0]), Tensor(np.array([3.0]))
    (a * a * b).backward(create_graph=True)
    assert a.grad.dtype == np.float32
    a.grad.backward()
    assert (a.grad.numpy(), a.grad.dtype, b.grad.numpy()) == (6, np.float32, 4)


def test_a_node_is_found_among_nodes_that_have_its_value() -> None:
    x, y = Tensor([1.0]), Tensor([1.0])
    assert x in [y, x] and x not in [y] and [y, x].index(x) == 1 and len({x, y}) == 2
    assert (x == y).numpy() and not bool(x == y) and bool(x == 1.0)


def test_a_parameter_is_there() -> None:
    assert nn.Parameter([[0.0, 0.0]])


def test_an_epoch_of_nothing_has_no_mean() -> None:
    with pytest.raises(ValueError, match="no batch"):
        ndl.models.epoch([], nn.Linear(2, 2))


def test_training_has_an_epoch() -> None:
    with pytest.raises(ValueError, match="0 epochs"):
        ndl.models.train_mnist(epochs=0)


# the audit: random cases of one dtype


Arrays = list[np.ndarray]


@dataclass
class Audited:
    """A function of both libraries, and a draw of its arguments."""

    ours: Callable[..., Any]
    theirs: Callable[..., Any]
    draw: Callable[[np.random.RandomState], Arrays]


def normal(*shapes: tuple[int, ...]) -> Callable[[np.random.RandomState], Arrays]:
    return lambda rs: [rs.standard_normal(shape) for shape in shapes]


def positive(*shapes: tuple[int, ...]) -> Callable[[np.random.RandomState], Arrays]:
    return lambda rs: [rs.uniform(0.5, 2, shape) for shape in shapes]


def labelled(rs: np.random.RandomState) -> Arrays:
    return [3 * rs.standard_normal((6, 4)), rs.randint(0, 4, 6)]


def our_cross_entropy(module: Any) -> Callable[..., Tensor]:
    return lambda z, y: module.SoftmaxLoss()(z, Tensor(y, requires_grad=False))


def our_layer(module: Any, name: str) -> Callable[..., Tensor]:
    def f(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        sizes = (5, 3) if name == "Linear" else (5,)
        layer = getattr(module, name)(*sizes, dtype=str(weight.dtype))
        layer.weight, layer.bias = weight, bias
        return layer(x)

    return f


def our_training(optimizer: Any, **options: Any) -> Callable[..., Tensor]:
    def f(theta: Tensor, target: Tensor) -> Tensor:
        x = Tensor(theta)
        opt = optimizer([x], lr=0.1, weight_decay=0.01, **options)
        for _ in range(5):
            ((x - target) ** 4).backward()
            opt.step()
        return x.detach()

    return f


def their_training(optimizer: Any) -> Callable[..., Any]:
    def f(theta: Any, target: Any) -> Any:
        x = theta.detach().clone().requires_grad_()
        opt = getattr(torch.optim, optimizer)([x], lr=0.1, weight_decay=0.01)
        for _ in range(5):
            opt.zero_grad()
            ((x - target.detach()) ** 4).sum().backward()
            opt.step()
        return x.detach()

    return f


def their_batch_norm(x: Any, weight: Any, bias: Any) -> Any:
    return functional.batch_norm(x, None, None, weight, bias, training=True)


def one_way(f: Callable[..., Any], draw: Any) -> Audited:
    """What is written alike in both libraries."""
    return Audited(f, f, draw)


ROWS, VECTORS = ((6, 5), (5,), (5,)), ((3, 4), (3, 4))
AUDITED = {
    "add": one_way(lambda a, b: a + b, normal(*VECTORS)),
    "subtract": one_way(lambda a, b: 2 - (a - b), normal(*VECTORS)),
    "multiply": one_way(lambda a, b: a * b * a, normal(*VECTORS)),
    "divide": one_way(lambda a, b: a / b, positive(*VECTORS)),
    "power": one_way(lambda a, b: a**b, positive(*VECTORS)),
    "numbers": one_way(lambda a: -(1 / a + a * 3 - 2) / 4, positive((2, 3, 2))),
    "powers": one_way(lambda a: a**3 + a**0 + a**1 + a**-2, positive((5,))),
    "roots": one_way(lambda a: a**0.5 + a**-1.5, positive((5,))),
    "log": Audited(ndl.log, lambda a: a.log(), positive((3, 4))),
    "exp": Audited(ndl.exp, lambda a: a.exp(), normal((3, 4))),
    "relu": Audited(ndl.relu, lambda a: a.relu(), normal((3, 4))),
    "transpose": Audited(
        lambda a: a.transpose() + a.transpose((0, 2)).transpose((1, 0)).transpose((0, -1)),
        lambda a: a.transpose(1, 2) + a.transpose(0, 2).transpose(1, 0).transpose(0, -1),
        normal((3, 3, 3)),
    ),
    "reshape": one_way(lambda a: a.reshape((4, -1)) * a.reshape((4, 3)), normal((2, 6))),
    "broadcast_to": one_way(lambda a: a.broadcast_to((2, 3, 4)), normal((3, 1))),
    "summation": one_way(
        lambda a: a.sum((0, -1)).sum() * a.sum(-2).sum(1).sum(), normal((2, 3, 4))
    ),
    "matmul": one_way(lambda a, b: a @ b, normal((3, 4), (4, 2))),
    "matmul of stacks": one_way(lambda a, b: a @ b, normal((2, 1, 3, 4), (5, 4, 2))),
    "logsumexp": Audited(
        lambda a: ndl.logsumexp(a, (0, 2)), lambda a: a.logsumexp((0, 2)), normal((3, 4, 2))
    ),
    "logsoftmax": Audited(ndl.logsoftmax, lambda a: a.log_softmax(1), normal((6, 4))),
    **{
        f"{kind} {name}": Audited(ours, theirs, draw)
        for kind, module in (("plain", nn), ("fast", fast.nn))
        for name, ours, theirs, draw in (
            (
                "loss",
                our_cross_entropy(module),
                lambda z, y: functional.cross_entropy(z, torch.tensor(y)),
                labelled,
            ),
            (
                "Linear",
                our_layer(module, "Linear"),
                lambda x, w, b: x @ w + b,
                normal((6, 5), (5, 3), (1, 3)),
            ),
            (
                "LayerNorm1d",
                our_layer(module, "LayerNorm1d"),
                lambda x, w, b: functional.layer_norm(x, (5,), w, b),
                normal(*ROWS),
            ),
            ("BatchNorm1d", our_layer(module, "BatchNorm1d"), their_batch_norm, normal(*ROWS)),
        )
    },
    "SGD": Audited(our_training(optim.SGD), their_training("SGD"), positive(*VECTORS)),
    "Adam": Audited(our_training(optim.Adam), their_training("Adam"), normal(*VECTORS)),
    "fast Adam": Audited(our_training(fast.optim.Adam), their_training("Adam"), normal(*VECTORS)),
}


def weights_of(array: np.ndarray) -> np.ndarray:
    """A weight for each entry that no other entry has."""
    return np.cos(1 + np.arange(array.size)).reshape(array.shape).astype(array.dtype)


def their_leaf(array: np.ndarray) -> Any:
    return torch.tensor(array, requires_grad=True)


def results(f: Callable[..., Any], leaf: Callable[[np.ndarray], Any], arrays: Arrays) -> Arrays:
    """The output and, if it has a graph, the gradients of its entries' weighted sum."""
    inputs = [leaf(array) if array.dtype.kind == "f" else array for array in arrays]
    out = f(*inputs)
    found = [out]
    if out.requires_grad:
        out.backward(leaf(weights_of(out.detach().numpy())))
        found += [x.grad for x in inputs if not isinstance(x, np.ndarray)]
    return [x.detach().numpy() for x in found]


def cases(name: str, dtype: str, count: int) -> list[Arrays]:
    """Arguments from NumPy's oldest generator, whose stream does not change with versions."""
    rs = np.random.RandomState(zlib.crc32(name.encode()))
    draws = [AUDITED[name].draw(rs) for _ in range(count)]
    return [[a.astype(dtype) if a.dtype.kind == "f" else a for a in arrays] for arrays in draws]


WRITTEN_DOWN: dict[str, list[float]] = {
    "add": [10.5195401878, 45.6854276559, 45.6854276559],
    "subtract": [-3.23123113376, -45.6854276559, 45.6854276559],
    "multiply": [0.177324808162, 6.53634853593, 31.3992557849],
    "divide": [-4.71345843862, 40.7532262885, -54.3560134867],
    "power": [-3.2815498445, 65.8901399531, 21.5901413105],
    "numbers": [5.57590057538, -23.3198122476],
    "powers": [-59.9362559309, 63.7694604076],
    "roots": [-18.7790340396, -13.2299708216],
    "log": [-2.6836690622, 41.268379493],
    "exp": [12.1069473164, 90.2883104737],
    "relu": [-4.28705346265, 23.7764031041],
    "transpose": [-14.6200131528, -1.01245245675],
    "reshape": [16.1209545964, 5.81482624859],
    "broadcast_to": [-17.5756333551, -1.31501262824],
    "summation": [81.9490574773, 24.9763783129],
    "matmul": [1.83682751311, -5.89988141822, 10.8368203348],
    "matmul of stacks": [-22.4130491372, -9.50960353845, -5.32979803122],
    "logsumexp": [-28.2644384984, -0.314655693856],
    "logsoftmax": [33.272522785, 70.1558145041],
    "plain loss": [14.1559085238, 0.637876518236],
    "plain Linear": [-41.8223713213, 1.00249793936, 11.9033040087, 1.85251263098],
    "plain LayerNorm1d": [1.26388780684, -12.4991474457, 1.31093018249, 17.0303013738],
    "plain BatchNorm1d": [-4.67276492009, -34.9542606724, -0.932260822631, 17.0303013738],
    "fast loss": [12.599544686, 0.126987629658],
    "fast Linear": [-34.5925190657, 2.53372766292, -16.8058894554, 1.85251263098],
    "fast LayerNorm1d": [-13.2699155135, 5.98036962329, -11.3739499888, 17.0303013738],
    "fast BatchNorm1d": [-37.6160564367, -2.5262787011, -21.645686871, 17.0303013738],
    "SGD": [-8.42549522438],
    "Adam": [-0.40737936539],
    "fast Adam": [5.03300017437],
}


def digest(found: list[Arrays]) -> list[float]:
    """One number for the outputs of all cases, and one for the gradients of each argument."""
    return [
        sum(float((x * weights_of(x)).sum()) for x in kind) for kind in zip(*found, strict=True)
    ]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", AUDITED)
def test_random_cases_give_what_is_written_down(name: str, dtype: str) -> None:
    found = [results(AUDITED[name].ours, Tensor, arrays) for arrays in cases(name, dtype, 8)]
    assert {x.dtype for case in found for x in case} == {np.dtype(dtype)}
    rtol, atol = (1e-9, 1e-9) if dtype == "float64" else (1e-3, 1e-3)
    np.testing.assert_allclose(digest(found), WRITTEN_DOWN[name], rtol=rtol, atol=atol)


@needs_torch
@pytest.mark.parametrize("name", AUDITED)
def test_what_is_written_down_of_random_cases(name: str) -> None:
    found = [results(AUDITED[name].theirs, their_leaf, a) for a in cases(name, "float64", 8)]
    np.testing.assert_allclose(digest(found), WRITTEN_DOWN[name], rtol=1e-9, atol=1e-9)


@needs_torch
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", AUDITED)
def test_random_cases_are_those_of_torch(name: str, dtype: str) -> None:
    rtol, atol = (1e-9, 1e-10) if dtype == "float64" else (1e-3, 1e-4)
    for arrays in cases(name, dtype, 50):
        ours = results(AUDITED[name].ours, Tensor, arrays)
        theirs = results(AUDITED[name].theirs, their_leaf, arrays)
        for x, y in zip(ours, theirs, strict=True):
            assert (x.shape, x.dtype) == (y.shape, y.dtype)
            np.testing.assert_allclose(x, y, rtol=rtol, atol=atol)
