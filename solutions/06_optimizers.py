# %% [markdown] id="title-06"
# # 06 · Optimizers
#
# You will build `needle.optim`: stochastic gradient descent with momentum in three variants,
# weight decay, gradient clipping, Adam, and Newton's method, which is the one that all the others
# imitate and that nobody can afford.
#
# - **Time**: about 40 minutes, six exercises. The third is the largest.
# - **You need**: stage 00 (`grad`, `.data`, second derivatives).
# - **It grows**: `needle/optim.py`.

# %% id="setup-06" role="given"
# %load_ext mugrade
import gc

import numpy as np

import needle as ndl
from mugrade import check, close, rng, show


def count_tensors():
    """How many tensors are alive."""
    gc.collect()
    return sum(type(thing) is ndl.Tensor for thing in gc.get_objects())


# %% [markdown] id="why-optimizers"
# ## What an optimizer is
#
# `loss.backward()` says for each parameter which way is uphill. An optimizer decides how far to
# go, and remembers what it needs for that decision. All training loops look alike:
#
#     opt.reset_grad()
#     loss_of(model(x), y).backward()
#     opt.step()
#
# The loss over *all* examples would cost a pass over the whole data set for each step. A loop takes
# a batch of them at random instead. Its gradient is right on average, and noisy; a hundred noisy
# steps get further than one exact step in the same time. That is the S in SGD, *stochastic*
# gradient descent.
#
# Four rules hold for every `step` that you write here.
#
# - **In place.** The model holds the parameter *objects*. A step gives them new values through
#   `param.data`; it does not make new parameters.
# - **No graph.** `param.data` and `param.grad.data` are outside the graph, so arithmetic with
#   them records nothing. Arithmetic with the arrays behind them, `param.numpy()` and
#   `param.grad.numpy()`, makes no tensors at all, and is faster for that.
# - **Gradients are read only.** After $a + b$ both operands have *the same* tensor as gradient.
#   Whoever changes one in place changes both.
# - **None is skipped.** A parameter that the loss did not depend on has `grad` None. It stays as
#   it is.

# %% id="optim-module" role="given" export="needle/optim.py"
"""Optimizers: from gradients to steps."""

from collections.abc import Callable, Iterable

import numpy as np

from needle.autograd import Tensor


class Optimizer:
    """What improves parameters; subclasses define `step`."""

    def __init__(self, params: Iterable[Tensor]) -> None:
        if not isinstance(params, Iterable):
            name = type(params).__name__
            raise TypeError(f"params is a list of tensors, not a {name}: use model.parameters()")
        self.params = list(params)
        for param in self.params:
            if not isinstance(param, Tensor):
                name = type(param).__name__
                raise TypeError(f"params holds tensors, not a {name}: use model.parameters()")

    def step(self) -> None:
        """Give each parameter that has a gradient a new value."""
        raise NotImplementedError(f"{type(self).__name__} has no step method")

    def reset_grad(self) -> None:
        """Forget the gradients."""
        for param in self.params:
            param.grad = None


def demand_rates(lr: float, *betas: float) -> None:
    """Raise ValueError unless lr >= 0 and each beta is at least 0 and less than 1."""
    if not lr >= 0:
        raise ValueError(f"the learning rate is {lr}: it has to be 0 or larger")
    for beta in betas:
        if not 0 <= beta < 1:
            raise ValueError(f"the share of the past is {beta}: it has to be from 0 to below 1")


def demand_gradient(param: Tensor) -> None:
    """Raise ValueError for a gradient of another shape than the parameter's."""
    if param.grad.shape != param.shape:
        raise ValueError(
            f"a gradient of shape {param.grad.shape} for a parameter of shape {param.shape}: "
            "give it the shape of the parameter"
        )


# %% id="needle-index-optim" role="index" export="needle/__init__.py"
from needle import optim

# %% [markdown] id="training-parts-prose"
# ### What training is made of
#
# Whatever the network and whatever the data: a loss, an optimizer, and some way to keep the weights
# from learning too much, the regularization. The picture shows one step. Look for the two places
# where regularization can enter: as a penalty in the loss, and inside the optimizer as *weight
# decay*. And see what each part has to remember: the model its weights, the optimizer a state of
# its own, such as an average of past gradients, and the loss nothing at all.

# %% id="training-parts-demo" role="demo"
import matplotlib.pyplot as plt

PARTS = {
    "batch\n(data)": (0, 0, "0.4"),
    "model\nkeeps: weights": (2.6, 0, "#0072B2"),
    "loss\n(+ penalty)": (5.2, 0, "#D55E00"),
    "gradients": (5.2, -1.6, "0.4"),
    "optimizer (+ weight decay)\nkeeps: its state": (2.6, -1.6, "#009E73"),
}
ARROWS = ((0, 1, ""), (1, 2, "logits"), (2, 3, "backward"), (3, 4, ""), (4, 1, "step"))
fig, ax = plt.subplots(figsize=(8, 3.2), layout="constrained")
for name, (x, y, color) in PARTS.items():
    box = {"boxstyle": "round,pad=0.5", "facecolor": "white", "edgecolor": color, "linewidth": 2}
    ax.text(x, y, name, ha="center", va="center", bbox=box, zorder=3)
places = [place[:2] for place in PARTS.values()]
for start, end, name in ARROWS:
    (x0, y0), (x1, y1) = places[start], places[end]
    away = 80 if end == 4 else 50 if y0 == y1 else 28
    style = {"arrowstyle": "->", "shrinkA": 0, "shrinkB": away}
    ax.annotate("", (x1, y1), (x0, y0), arrowprops=style, zorder=1)
    ax.text((x0 + x1) / 2 + 0.1, (y0 + y1) / 2 + 0.1, name, fontsize=9)
ax.set(xlim=(-1, 6.4), ylim=(-2.3, 0.7), title="One step of training")
ax.set_axis_off()
show(
    "A cycle of boxes: a batch goes into the model, its logits into the loss, perhaps with a "
    "penalty; backward gives gradients; the optimizer, perhaps with weight decay, takes a step and "
    "changes the model's weights."
)

# %% [markdown] id="live-tensors-prose"
# ## Why `.data`
#
# The next cell fits one weight twice and counts the tensors that it keeps alive: itself and all
# that it was computed from. In the first run the update is written with tensors,
# `w = w - lr * w.grad`. The new weight is a node above the old one, so every weight there ever
# was stays, two tensors more at each step, and each backward pass walks through all of them. In
# the second run the update goes through `.data`, and the line stays at 1.

# %% id="live-tensors-demo" role="demo"
import matplotlib.pyplot as plt


def count(update, steps=20):
    """Tensors that w keeps alive after each step of fitting it to 3."""
    w, counts = ndl.Tensor([0.0]), []
    for _ in range(steps):
        ((w - 3.0) ** 2).sum().backward()
        w = update(w)
        counts.append(len(ndl.autograd.find_topo_sort([w])))
    return counts


def through_data(w):
    w.data = w.data - 0.1 * w.grad.data
    return w


in_graph, flat = count(lambda w: w - 0.1 * w.grad), count(through_data)
print(f"in the graph: {in_graph[0]} after 1 step, {in_graph[-1]} after 20; .data: {flat[-1]}")

fig, ax = plt.subplots(figsize=(7, 4))
ax.plot(range(1, 21), in_graph, "s--", color="#D55E00", label="w = w - lr * w.grad")
ax.plot(range(1, 21), flat, "o-", color="#0072B2", label="w.data = w.data - lr * w.grad.data")
ax.set(xlabel="step", ylabel="tensors that the weight keeps alive", xticks=range(0, 21, 5))
ax.set_title("An update inside the graph keeps every weight there ever was")
ax.legend()
show(
    "Tensors kept alive against steps: a straight climb to 41 for the update in the graph, a flat "
    "line at 1 for the update through data."
)

# %% [markdown] id="why-weight-decay"
# ## Exercise 1: the gradient with weight decay
#
# Small weights make smooth functions. To prefer them, one can add a penalty to the loss,
#
# $$f(\theta) + \frac{\lambda}{2} \|\theta\|^2, \qquad \text{whose gradient is} \qquad
# \nabla f(\theta) + \lambda \theta.$$
#
# The second form is **weight decay**: the loss is left alone, and the optimizer adds
# $\lambda \theta$ to each gradient before it does anything else with it. The name comes from what
# this does in plain gradient descent: $\theta - \alpha (g + \lambda \theta)$ is
# $(1 - \alpha \lambda)\, \theta - \alpha g$, so each step first shrinks the weight by a factor.
#
# Every optimizer below begins with this line, so it is a function of its own. It is also the
# place to settle the dtype: whatever dtype somebody has given the gradient, the weight should stay
# what it is.


# %% id="decayed-gradient" role="solution" export="needle/optim.py"
def decayed_gradient(param: Tensor, weight_decay: float = 0.0) -> Tensor:
    r"""The gradient of the loss plus $\lambda/2$ times the square of the parameter's norm.

    $g + \lambda \theta$ with g = `param.grad`, which is not None, theta = `param` and
    $\lambda$ = `weight_decay`. It has the shape and the dtype of `param` and is part of no graph;
    `param` and `param.grad` are left as they were.
    """
    demand_gradient(param)
    ### BEGIN SOLUTION
    grad = param.grad.numpy() + weight_decay * param.numpy()
    return Tensor.make_const(np.asarray(grad, dtype=param.dtype))
    ### END SOLUTION


# %% [markdown] id="decayed-gradient-hints" role="hints" of="decayed-gradient"
# 1. Which two arrays are added, and which method gives the array of a tensor, outside any graph?
# 2. `Tensor(values, dtype=..., requires_grad=False)` makes a tensor with the dtype you want. The
#    dtype you want is `param.dtype`.
# 3. Return such a tensor of `param.grad.numpy()` plus `weight_decay` times `param.numpy()`. No `+=`
#    anywhere.


# %% id="decayed-gradient-adds" role="check" points=4 of="decayed-gradient"
@check
def decayed_gradient_adds():
    """The penalty grows with the square of a weight, so its gradient is the weight itself."""
    param = ndl.Tensor([1.0, -2.0, 4.0])
    param.grad = ndl.Tensor([0.5, 0.25, -1.0])
    yield decayed_gradient(param, 0.25)
    yield decayed_gradient(param)
    ### BEGIN HIDDEN TESTS
    #: several shapes, also a scalar, float32 and float64
    for shape, dtype in (((), "float32"), ((3, 4), "float32"), ((2, 3, 2), "float64")):
        param = ndl.Tensor(rng.standard_normal(shape), dtype=dtype)
        param.grad = ndl.Tensor(rng.standard_normal(shape), dtype=dtype)
        for weight_decay in (0.0, 0.01, 2.0):
            yield decayed_gradient(param, weight_decay)
    #: float64 numbers beyond the range of float32
    param = ndl.Tensor(1e50 * rng.standard_normal(3))
    param.grad = ndl.Tensor(1e50 * rng.standard_normal(3))
    yield decayed_gradient(param, 0.5)
    ### END HIDDEN TESTS


# %% id="decayed-gradient-is-clean" role="check" points=4 of="decayed-gradient"
@check
def decayed_gradient_is_clean():
    """Another parameter may own the same gradient, and a float32 model has to stay one."""
    a, b = ndl.Tensor([1.0, 2.0]), ndl.Tensor([3.0, 5.0])
    (a + b).backward(ndl.Tensor([1.0, -1.0]))
    yield decayed_gradient(a, 0.5)
    yield decayed_gradient(b, 0.5)
    yield b.grad
    a.grad = ndl.Tensor(np.array([1.0, -1.0], "float64"))
    yield decayed_gradient(a, 0.5)
    a = ndl.Tensor(np.array([1.0, 2.0], "float64"))
    (a * a).sum().backward(create_graph=True)
    grad = decayed_gradient(a, 0.5)
    yield grad.numpy() * (2.0 if grad.requires_grad else 1.0)
    ### BEGIN HIDDEN TESTS
    #: a float32 parameter, a float64 gradient with a graph
    w = ndl.Tensor(rng.standard_normal((3, 2)), dtype="float32")
    x = ndl.Tensor(rng.standard_normal((5, 3)))
    for weight_decay in (0.0, 0.3):
        ((x @ w) ** 2).sum().backward(create_graph=True)
        grad = decayed_gradient(w, weight_decay)
        yield grad
        yield grad.numpy() * (2.0 if grad.requires_grad else 1.0)
        #: gradient and parameter after the call
        yield w.grad
        yield w
    ### END HIDDEN TESTS


# %% [markdown] id="why-clip"
# ## Exercise 2: clipping
#
# A single bad batch can have a gradient a thousand times longer than usual, and one step along it
# undoes an hour of training. Clipping bounds the length and keeps the direction. Put all the
# gradients of a model into one long vector $g$; if its norm exceeds $m$, replace it by
#
# $$g \, \frac{m}{\|g\|}.$$
#
# It is *one* norm over all parameters. With a norm for each parameter, each would be scaled by
# another factor, and the direction would be lost.
#
# Exploding gradients are what this is for, so it has to survive them. You know from stage 03
# where `float32` ends; the *square* of $10^{20}$ is beyond it.


# %% id="clip-grad-norm" role="solution" export="needle/optim.py"
def clip_grad_norm(params: Iterable[Tensor], max_norm: float = 0.25) -> None:
    r"""Scale all gradients by one factor, so that their common norm is at most `max_norm`.

    $g \leftarrow g \min(1, m / \|g\|)$, where $\|g\|$ is the root of the sum of the squares of
    all entries of all gradients, summed in float64. Each clipped gradient is a new tensor of the
    old one's dtype, because two parameters may share one; parameters without a gradient are
    skipped and stay without one, and if none has a gradient, nothing happens. `params` may be an
    iterator, which can be walked only once.

    Source: Pascanu, Mikolov and Bengio (2013), algorithm 1.
    """
    ### BEGIN SOLUTION
    found = [param for param in params if param.grad is not None]
    squares = [np.sum(param.grad.numpy().astype("float64") ** 2) for param in found]
    norm = np.sqrt(np.sum(squares))
    if norm > max_norm:
        for param in found:
            param.grad = param.grad.data * (max_norm / norm)
    ### END SOLUTION


# %% [markdown] id="clip-grad-norm-hints" role="hints" of="clip-grad-norm"
# 1. How does the norm of a long vector follow from the norms of its pieces? What must happen to
#    gradients that are short already?
# 2. Sum the squares of all entries over all parameters, as `float64`, and take one root. Only if
#    it exceeds `max_norm`, scale. Collect the parameters that have a gradient in a list first,
#    because an iterator can be walked only once.
# 3. For each parameter found, assign `param.grad.data` times the quotient of `max_norm` and the
#    norm to `param.grad`. Assigning makes a new tensor; `*=` on the array would hit a shared
#    gradient twice.


# %% id="clip-keeps-direction" role="check" points=5 of="clip-grad-norm"
@check
def clip_keeps_direction():
    """One factor for all parameters shortens the step; a factor for each would turn it."""
    a, b = ndl.Tensor([0.0, 0.0, 0.0]), ndl.Tensor([[0.0], [0.0]])
    a.grad, b.grad = ndl.Tensor([1.0, -3.0, 4.0]), ndl.Tensor([[-5.0], [7.0]])
    clip_grad_norm([a, b], max_norm=1.5)
    yield a.grad
    yield b.grad
    ### BEGIN HIDDEN TESTS
    #: norms above and below max_norm, also a scalar
    for scale, max_norm in ((1.0, 2.0), (50.0, 0.7), (0.01, 5.0), (0.4, 1000.0)):
        params = [ndl.Tensor(rng.standard_normal(shape)) for shape in ((4, 3), (7,), ())]
        for param in params:
            grad = scale * rng.standard_normal(param.shape)
            param.grad = ndl.Tensor(grad, dtype="float32")
        clip_grad_norm(params, max_norm)
        for param in params:
            yield param.grad
        #: a second call, with the default max_norm
        clip_grad_norm(params)
        for param in params:
            yield param.grad
    ### END HIDDEN TESTS


# %% id="clip-is-careful" role="check" points=5 of="clip-grad-norm"
@check
def clip_is_careful():
    """Shared, missing and exploding gradients are all met in practice, the last ones here first."""
    a, b, unused = ndl.Tensor([1.0, 2.0]), ndl.Tensor([3.0, 5.0]), ndl.Tensor([1.0])
    (a + b).backward(ndl.Tensor([2.0, -4.0]))
    clip_grad_norm([a, unused, b], max_norm=0.5)
    yield a.grad
    yield b.grad * (1.0 if unused.grad is None else 2.0)
    c = ndl.Tensor([1.0, 2.0, 3.0])
    for grad in ([0.03, -0.04, 0.01], [3e20, -4e20, 1e20], np.array([3.0, -4.0, 1.0], "float64")):
        c.grad = ndl.Tensor(grad)
        clip_grad_norm([c], max_norm=0.5)
        yield close(c.grad, rtol=1e-5)
    ### BEGIN HIDDEN TESTS
    #: a sum that one of the parameters enters twice
    out_grad = ndl.Tensor(rng.standard_normal((3, 2)), dtype="float32")
    a, b = (ndl.Tensor(rng.standard_normal((3, 2)), dtype="float32") for _ in range(2))
    (a + b + a).backward(out_grad)
    clip_grad_norm([b, a], max_norm=0.3)
    yield a.grad
    yield b.grad
    #: out_grad itself after the clipping
    yield out_grad
    #: huge, tiny and zero gradients
    a, b = ndl.Tensor([0.0] * 4), ndl.Tensor([0.0] * 4)
    for scale in (1e25, 1e-25, 0.0):
        grads = [scale * rng.standard_normal(4, dtype="float32") for _ in range(2)]
        for param, grad in zip((a, b), grads, strict=True):
            param.grad = ndl.Tensor(grad)
        clip_grad_norm([a, b], max_norm=2.0)
        yield close(a.grad, atol=0.0)
        yield close(b.grad, atol=0.0)
    #: no parameter with a gradient, then no parameter
    for params in ([unused], []):
        clip_grad_norm(params)
        yield np.array([param.grad is None for param in params])
    ### END HIDDEN TESTS


# %% id="clip-walks-once" role="check" points=2 of="clip-grad-norm"
@check
def clip_walks_once():
    """What an iterator has handed out does not come again: a second loop over it sees nothing."""
    a, b = ndl.Tensor([0.0, 0.0]), ndl.Tensor([0.0])
    for params in ([a, b], iter([a, b])):
        a.grad, b.grad = ndl.Tensor([2.0, -3.0]), ndl.Tensor([6.0])
        clip_grad_norm(params, max_norm=3.0)
        yield a.grad
        yield b.grad
    ### BEGIN HIDDEN TESTS
    #: a generator of parameters, also of a scalar
    params = [ndl.Tensor(rng.standard_normal(shape)) for shape in ((4, 3), (7,), ())]
    for scale in (1.0, 20.0):
        for param in params:
            param.grad = ndl.Tensor(scale * rng.standard_normal(param.shape), dtype="float32")
        clip_grad_norm((param for param in params), 0.7)
        for param in params:
            yield param.grad
    ### END HIDDEN TESTS


# %% [markdown] id="why-sgd"
# ## Exercise 3: SGD
#
# Write $g$ for the gradient with weight decay, $\alpha$ for the learning rate. **Plain** gradient
# descent is $\theta_{t+1} = \theta_t - \alpha g$. In a narrow valley it bounces from wall to wall
# and hardly moves along the floor.
#
# **Momentum** goes along a moving average of the gradients. What points to and fro averages out;
# what points along the valley stays:
#
# $$u_{t+1} = \beta u_t + (1 - \beta)\, g, \qquad
# \theta_{t+1} = \theta_t - \alpha u_{t+1}, \qquad u_0 = 0.$$
#
# It is a *leaky* average: a gradient that is $k$ steps old counts $(1 - \beta)\, \beta^k$, so about
# the last $1 / (1 - \beta)$ of them matter, ten for the usual $\beta = 0.9$. With $\beta = 0$ this
# is the plain step. Many libraries leave out the factor $1 - \beta$, so that those ten add up. That
# is the same method with another learning rate: our $\alpha$ is theirs divided by $1 - \beta$.
#
# **Unbiased**: $u_0 = 0$ pulls the first averages towards zero. For a constant gradient,
# $u_{t+1} = (1 - \beta^{t+1})\, g$: a tenth of $g$ after the first step at $\beta = 0.9$, and
# 65% of it after ten. The cure is to step along $u_{t+1} / (1 - \beta^{t+1})$. The average itself
# is kept as it is.

# %% [markdown] id="why-nesterov"
# ### Nesterov
#
# Momentum will carry us to about $\theta_t - \alpha u_t$ in any case, so Nesterov asks for the
# gradient *there*:
#
# $$u_{t+1} = \beta u_t + (1 - \beta)\, \nabla f(\theta_t - \alpha u_t), \qquad
# \theta_{t+1} = \theta_t - \alpha u_{t+1}.$$
#
# But `step` comes after `backward`, and the gradient has been taken where the parameters were. So
# between steps **the parameters hold the point ahead**, $\varphi_t = \theta_t - \alpha u_t$.
# The first is $\varphi_0 = \theta_0$, because $u_0 = 0$. Each step goes from $\varphi_t$ to
# $\varphi_{t+1} = \theta_{t+1} - \alpha u_{t+1}$, and both $u_t$ and $u_{t+1}$ are at hand to work
# out how far that is. Weight decay uses the value that the parameter holds.
#
# Begin with the plain step: run the cell and the first check, then come back and add the rest.
# The checks stand in this order.


# %% id="sgd" role="solution" export="needle/optim.py"
class SGD(Optimizer):
    r"""Stochastic gradient descent with momentum.

    u = beta u + (1 - beta) g, then theta = theta - lr u, where beta = `momentum` and g is the
    gradient with weight decay (`decayed_gradient`).

    `unbiased`: theta = theta - lr u / (1 - beta^(t+1)) at the steps t = 0, 1, ...
    `nesterov`: g is the gradient at theta - lr u. Between steps the parameters hold this point,
    not theta itself; theta is the parameter plus lr u.

    The step is in place, keeps each parameter's dtype, leaves gradients alone and no graph
    behind; parameters without a gradient keep their value and their u. `lr` may change from one
    step to the next, and counts from then on: the averages are of the gradients alone.
    Source: Sutskever, Martens, Dahl and Hinton (2013).
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 0.01,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        *,
        nesterov: bool = False,
        unbiased: bool = False,
    ) -> None:
        super().__init__(params)
        demand_rates(lr, momentum)
        self.lr, self.momentum, self.weight_decay = lr, momentum, weight_decay
        self.nesterov, self.unbiased = nesterov, unbiased
        self.t = 0
        self.u: dict[int, np.ndarray] = {}  # from the number of a parameter to its average

    def clip_grad_norm(self, max_norm: float = 0.25) -> None:
        """Scale all gradients by one factor, so that their common norm is at most `max_norm`."""
        clip_grad_norm(self.params, max_norm)

    def step(self) -> None:
        """One step for each parameter that has a gradient."""
        ### BEGIN SOLUTION
        self.t += 1
        beta = self.momentum
        for i, param in enumerate(self.params):
            if param.grad is None:
                continue
            grad = decayed_gradient(param, self.weight_decay).numpy()
            before = self.u.get(i, 0)
            u = self.u[i] = beta * before + (1 - beta) * grad
            step = u / (1 - beta**self.t) if self.unbiased else u
            if self.nesterov:
                step = step + u - before
            param.data = Tensor(param.numpy() - self.lr * step)
        ### END SOLUTION


# %% [markdown] id="sgd-hints" role="hints" of="sgd"
# 1. What do you have to remember for each parameter from one step to the next, and for the
#    optimizer as a whole? What is it before the first step?
# 2. Loop over `enumerate(self.params)`, skip those whose `grad` is None, and keep
#    `self.u.get(i, 0)` before you overwrite it. Count `self.t` up first: then it is t + 1 in the
#    formula. For Nesterov, write down the point ahead before and after the step, and subtract:
#    the parameter moves by lr times the old average, less 2 lr times the new one.
# 3. With `before` and `u` for the old and the new average, the step is `u`, divided by
#    `1 - beta ** self.t` if unbiased, plus `u - before` if Nesterov; the new value of
#    `param.data` is the old one less `self.lr` times the step.


# %% id="sgd-descends" role="check" points=5
@check
def sgd_descends():
    """The model keeps its parameter objects; only their values may change."""
    theta, other = ndl.Tensor([1.0, -2.0, 4.0]), ndl.Tensor([[7.0], [-5.0]])
    theta.grad, other.grad = ndl.Tensor([0.5, 1.0, -3.0]), ndl.Tensor([[-4.0], [3.0]])
    opt = ndl.optim.SGD([other, theta], lr=0.1)
    opt.step()
    yield theta
    yield other
    ### BEGIN HIDDEN TESTS
    #: an iterator of parameters, several steps down a loss
    params = [ndl.Tensor(rng.standard_normal((3, 2)), dtype="float32") for _ in range(2)]
    targets = [ndl.Tensor(rng.standard_normal((3, 2)), dtype="float32") for _ in range(2)]
    opt = ndl.optim.SGD(iter(params), lr=0.1)
    for _ in range(4):
        opt.reset_grad()
        error = params[0] * params[1] - targets[0]
        ((error * error).sum() + (params[0] * targets[1]).sum()).backward()
        opt.step()
        for param in params:
            yield close(param, rtol=1e-4, atol=1e-6)
    #: the default learning rate
    w = ndl.Tensor(rng.standard_normal((3, 2)), dtype="float32")
    w.grad = ndl.Tensor(rng.standard_normal((3, 2)), dtype="float32")
    ndl.optim.SGD([w]).step()
    yield w
    ### END HIDDEN TESTS


# %% id="sgd-momentum" role="check" points=6
@check
def sgd_momentum():
    """The average weighs the newest gradient with 1 - beta, and each parameter has its own."""
    a, b = ndl.Tensor([1.0, -1.0]), ndl.Tensor([2.0, -5.0])
    opt = ndl.optim.SGD([a, b], lr=0.5, momentum=0.75)
    for grad in ([1.0, -3.0], [0.5, 4.0], [-2.0, 0.0]):
        a.grad, b.grad = ndl.Tensor(grad), ndl.Tensor([-0.5, 2.0])
        opt.step()
        yield a
        yield b
    opt.lr, a.grad = 0.125, ndl.Tensor([4.0, -0.5])  # the rate counts at once
    opt.step()
    yield a
    ### BEGIN HIDDEN TESTS
    #: other values of momentum, several shapes, also a scalar
    for beta in (0.9, 0.6, 0.0):
        shapes = ((3, 2), (3, 2), (), (4,))
        params = [ndl.Tensor(rng.standard_normal(shape), dtype="float32") for shape in shapes]
        opt = ndl.optim.SGD(params, 0.5, beta)
        for _ in range(5):
            for param in params:
                param.grad = ndl.Tensor(rng.standard_normal(param.shape), dtype="float32")
            opt.step()
            for param in params:
                yield param
    ### END HIDDEN TESTS


# %% id="sgd-skips" role="check" points=3
@check
def sgd_skips():
    """Without a gradient a parameter keeps its value and its average, and the others move."""
    theta, unused = ndl.Tensor([1.0, -2.0, 4.0]), ndl.Tensor([7.0, -3.0])
    theta.grad = ndl.Tensor([0.5, 1.0, -3.0])
    ndl.optim.SGD([unused, theta], lr=0.1).step()
    yield theta
    yield unused
    # b has no gradient at every second step; its twin takes no step then: they stay equal
    a, b, twin = ndl.Tensor([1.0, 4.0]), ndl.Tensor([2.0, -3.0]), ndl.Tensor([2.0, -3.0])
    both, alone = (ndl.optim.SGD(params, lr=0.5, momentum=0.75) for params in ([b, a], [twin]))
    for grad in ([4.0, -8.0], None, [-1.0, 2.0]):
        a.grad = ndl.Tensor([3.0, 5.0])
        b.grad = twin.grad = None if grad is None else ndl.Tensor(grad)
        both.step()
        if grad is not None:
            alone.step()
        yield b.numpy() - twin.numpy() + np.array([5.0, 3.0], dtype="float32")
    ### BEGIN HIDDEN TESTS
    #: float64, a gradient at every second step only
    start = rng.standard_normal((3, 2))
    a, b, twin = (ndl.Tensor(start) for _ in range(3))
    both, alone = (ndl.optim.SGD(params, lr=0.5, momentum=0.9) for params in ([a, b], [twin]))
    for t in range(6):
        grad = rng.standard_normal((3, 2))
        a.grad = ndl.Tensor(grad)
        b.grad = twin.grad = ndl.Tensor(grad) if t % 2 else None
        both.step()
        if t % 2:
            alone.step()
        yield b.numpy() - twin.numpy() + start
    ### END HIDDEN TESTS


# %% id="sgd-weight-decay" role="check" points=5
@check
def sgd_weight_decay():
    """The decay belongs to the gradient, so it is averaged along with it."""
    theta = ndl.Tensor([1.0, -2.0])
    opt = ndl.optim.SGD([theta], lr=0.5, weight_decay=0.2)
    for grad in ([1.0, 0.5], [0.0, -3.0]):
        theta.grad = ndl.Tensor(grad)
        opt.step()
        yield theta
    # with momentum: as far as a twin that gets the penalty in its gradient
    theta, twin = ndl.Tensor([1.0, -2.0]), ndl.Tensor([1.0, -2.0])
    opt = ndl.optim.SGD([theta], lr=0.5, momentum=0.75, weight_decay=0.2)
    by_penalty = ndl.optim.SGD([twin], lr=0.5, momentum=0.75)
    for grad in ([1.0, 0.5], [0.0, -3.0], [2.0, 1.0]):
        theta.grad = ndl.Tensor(grad)
        twin.grad = ndl.Tensor(np.float32(grad) + np.float32(0.2) * twin.numpy())
        opt.step()
        by_penalty.step()
        yield theta.numpy() - twin.numpy() + np.array([5.0, 3.0], dtype="float32")
    ### BEGIN HIDDEN TESTS
    #: other values of weight_decay, no momentum
    for weight_decay in (0.3, 0.01):
        theta = ndl.Tensor(3 + rng.standard_normal((4, 2)), dtype="float32")
        opt = ndl.optim.SGD([theta], lr=0.7, weight_decay=weight_decay)
        for _ in range(4):
            theta.grad = ndl.Tensor(rng.standard_normal((4, 2)), dtype="float32")
            opt.step()
            yield theta
    #: weight_decay and momentum, beside a twin with a penalty
    for beta, weight_decay in ((0.9, 0.3), (0.6, 0.05)):
        start = 3 + rng.standard_normal((4, 2))
        theta, twin = ndl.Tensor(start), ndl.Tensor(start)
        opt = ndl.optim.SGD([theta], lr=0.7, momentum=beta, weight_decay=weight_decay)
        by_penalty = ndl.optim.SGD([twin], lr=0.7, momentum=beta)
        for _ in range(6):
            grad = rng.standard_normal((4, 2))
            theta.grad, twin.grad = ndl.Tensor(grad), ndl.Tensor(grad + weight_decay * twin.numpy())
            opt.step()
            by_penalty.step()
            yield theta.numpy() - twin.numpy() + start
    #: weight_decay and nesterov, beside a twin with a penalty
    start = 3 + rng.standard_normal((4, 2))
    theta, twin = ndl.Tensor(start), ndl.Tensor(start)
    opt = ndl.optim.SGD([theta], 0.7, 0.8, weight_decay=0.2, nesterov=True)
    by_penalty = ndl.optim.SGD([twin], 0.7, 0.8, nesterov=True)
    for _ in range(4):
        grad = rng.standard_normal((4, 2))
        theta.grad, twin.grad = ndl.Tensor(grad), ndl.Tensor(grad + 0.2 * twin.numpy())
        opt.step()
        by_penalty.step()
        yield theta.numpy() - twin.numpy() + start
    ### END HIDDEN TESTS


# %% id="sgd-unbiased" role="check" points=5
@check
def sgd_unbiased():
    """With a constant gradient every corrected step is as long as the first."""
    a, b = ndl.Tensor([1.0, -2.0]), ndl.Tensor([4.0, 6.0])
    opt = ndl.optim.SGD([a, b], lr=0.25, momentum=0.75, unbiased=True)
    for _ in range(3):
        a.grad, b.grad = ndl.Tensor([2.0, 1.0]), ndl.Tensor([-3.0, 0.5])
        opt.step()
        yield a
        yield b
    ### BEGIN HIDDEN TESTS
    #: other values of momentum, gradients that change
    for beta in (0.9, 0.99, 0.0):
        drawn = (9 + rng.standard_normal((2, 3)) for _ in range(2))
        params = [ndl.Tensor(values, dtype="float32") for values in drawn]
        opt = ndl.optim.SGD(params, 0.3, beta, unbiased=True)
        for _ in range(6):
            for param in params:
                param.grad = ndl.Tensor(rng.standard_normal((2, 3)), dtype="float32")
            opt.step()
            for param in params:
                yield param
    ### END HIDDEN TESTS


# %% id="sgd-nesterov" role="check" points=5
@check
def sgd_nesterov():
    """Between steps a parameter holds the point ahead, where the next gradient is taken."""
    theta, scales = ndl.Tensor([1.0, -2.0, 0.5]), ndl.Tensor([1.0, 0.5, 3.0])
    opt = ndl.optim.SGD([theta], lr=0.25, momentum=0.75, nesterov=True)
    for _ in range(3):
        opt.reset_grad()
        (theta * theta * scales).sum().backward()
        opt.step()
        yield theta
    ### BEGIN HIDDEN TESTS
    #: other values of momentum, a loss of two parameters
    for beta in (0.9, 0.7, 0.0):
        a, b = (ndl.Tensor(rng.standard_normal((2, 3))) for _ in range(2))
        scales = ndl.Tensor(rng.uniform(0.5, 2.0, (2, 3)))
        opt = ndl.optim.SGD([a, b], 0.05, beta, nesterov=True)
        for _ in range(6):
            ((a * b - scales) ** 2).sum().backward()
            opt.step()
            yield a
            yield b
    ### END HIDDEN TESTS


# %% id="sgd-keeps-dtype" role="check" points=2
@check
def sgd_keeps_dtype():
    """Data in float64 give a float32 weight a float64 gradient; the weight stays what it is."""
    theta = ndl.Tensor([1.0, -2.0, 4.0])
    theta.grad = ndl.Tensor(np.array([0.5, 1.0, -3.0]))
    ndl.optim.SGD([theta], lr=0.1).step()
    yield theta
    ### BEGIN HIDDEN TESTS
    #: other pairs of dtypes, also float64 beyond float32
    for dtype, of_grad, scale in (
        ("float32", "float64", 1.0),
        ("float64", "float32", 1.0),
        ("float64", "float64", 1e50),  # beyond float32
    ):
        theta = ndl.Tensor(2 + rng.random((3, 2)), dtype=dtype)
        opt = ndl.optim.SGD([theta], lr=0.1)
        for _ in range(2):
            theta.grad = ndl.Tensor(scale * rng.standard_normal((3, 2)), dtype=of_grad)
            opt.step()
            yield theta
    ### END HIDDEN TESTS


# %% id="sgd-leaves-no-trace" role="check" points=4
@check
def sgd_leaves_no_trace():
    """A state that remembers how it was computed keeps every batch of the training alive."""
    import weakref

    a, b = ndl.Tensor([1.0, 2.0]), ndl.Tensor([3.0, 5.0])
    opt = ndl.optim.SGD([a, b], lr=0.1, momentum=0.5, weight_decay=0.1)
    for _ in range(2):
        (a + b).backward(ndl.Tensor([2.0, -0.5]))
        opt.step()
        yield b.grad
    x, counts = ndl.Tensor([3.0, 4.0]), []
    for _ in range(2):
        (a * a * x + b).sum().backward(create_graph=True)
        seen = weakref.ref(a.grad)
        opt.step()
        a.grad = b.grad = None
        counts.append(count_tensors())
    grows = seen() is not None or counts[0] != counts[1]
    yield x.numpy() * (2 if grows else 1)
    yield x.numpy() * (1 if len(ndl.autograd.find_topo_sort([a])) == 1 else 3)
    ### BEGIN HIDDEN TESTS
    #: the gradient after a step, with each of the options
    w = ndl.Tensor(1 + rng.random((3, 2)), dtype="float32")
    for keywords in ({}, {"weight_decay": 0.1}, {"nesterov": True}, {"unbiased": True}):
        x = ndl.Tensor(rng.standard_normal((5, 3)), dtype="float32")
        opt = ndl.optim.SGD([w], lr=0.01, momentum=0.9, **keywords)
        seen, counts = [], []
        for create_graph in (False, True) * 3:
            w.grad = None
            ((x @ w) ** 2).sum().backward(create_graph=create_graph)
            seen.append(weakref.ref(w.grad))
            grad = w.grad.numpy().copy()
            opt.step()
            changed = not np.array_equal(w.grad.numpy(), grad, equal_nan=True)
            yield x.numpy() + (1 if changed else 0)
            w.grad = None
            counts.append(count_tensors())
        #: what is alive after steps with each of the options
        grows = any(ref() is not None for ref in seen) or counts[2] != counts[-1]
        yield x.numpy() * (2 if grows else 1)
    ### END HIDDEN TESTS


# %% [markdown] id="rates-prose"
# ### Too small, too large
#
# Plain gradient descent in a bowl that curves 25 times as much one way as the other, with four
# learning rates. At 0.004 (dotted) each step helps, and far too little. Ten times that (dashed) is
# good. Near 2 divided by the larger curvature, here $2/25 = 0.08$, the steps fly from wall to wall:
# at 0.079 (dash-dotted) the loss still falls, slowly, at 0.081 (solid) it grows for ever.
#
# So: try rates by factors of three or ten, and take the largest that does not break. A rate may
# also change while one trains, by a **schedule**: smaller by a factor every so many epochs (*step
# decay*), along half a cosine (*cosine*), or rising first for a few hundred steps (*warm-up*),
# while the averages of the optimizer are still young.


# %% id="rates-demo" role="demo"
def losses_at(rate, steps=60):
    """The loss of a narrow bowl at each step of your SGD."""
    theta, losses = ndl.Tensor(np.array([-2.0, 1.0])), []
    opt = ndl.optim.SGD([theta], rate)
    for _ in range(steps):
        loss = (theta * theta * np.array([1.0, 25.0])).sum() / 2
        losses.append(loss.numpy().item())
        opt.reset_grad()
        loss.backward()
        opt.step()
    return losses


fig, ax = plt.subplots(figsize=(7, 4), layout="constrained")
for rate, line, color in (
    (0.004, ":", "0.4"),
    (0.04, "--", "#009E73"),
    (0.079, "-.", "#0072B2"),
    (0.081, "-", "#D55E00"),
):
    ax.semilogy(losses_at(rate), line, color=color, label=f"rate {rate}")
ax.set(
    xlabel="step",
    ylabel="loss",
    title="Between too slow and for ever worse lies a factor of twenty",
)
ax.legend()
show(
    "Four losses against the step on a logarithmic scale: rate 0.004 falls slowly, 0.04 fastest, "
    "0.079 slowly with large steps, 0.081 rises."
)

# %% [markdown] id="warm-up-prose"
# ### What the correction does
#
# Feed the optimizers a gradient that is always 1, with $\alpha = 1$, and plot the length of each
# step. Momentum starts at 0.1 and climbs: 0.65 at the tenth step, 0.995 at the
# fiftieth. The unbiased one is at 1 from the start. The heavy ball of other libraries, without
# the factor $1 - \beta$, would end at 10; with a tenth of the learning rate it is our momentum
# again, and its crosses lie on the dashed line.

# %% id="warm-up-demo" role="demo"
steps = np.arange(1, 101)


def step_lengths(make):
    """Length of each step along a constant gradient of 1."""
    theta, lengths = ndl.Tensor([0.0], dtype="float64"), []
    opt = make([theta])
    for _ in steps:
        theta.grad, before = ndl.Tensor([1.0], dtype="float64"), theta.numpy().copy()
        opt.step()
        lengths.append(abs(theta.numpy() - before).item())
    return np.array(lengths)


class HeavyBall(ndl.optim.Optimizer):
    """u = beta u + g, as most libraries have it, for one parameter."""

    lr, beta, u = 0.1, 0.9, 0.0

    def step(self):
        (param,) = self.params
        self.u = self.beta * self.u + param.grad.data
        param.data = param.data - self.lr * self.u


averaged = step_lengths(lambda params: ndl.optim.SGD(params, 1.0, 0.9))
corrected = step_lengths(lambda params: ndl.optim.SGD(params, 1.0, 0.9, unbiased=True))
heavy = step_lengths(HeavyBall)
print("momentum, steps 1, 10 and 50:", averaged[[0, 9, 49]].round(3))

fig, ax = plt.subplots(figsize=(7, 4))
ax.plot(steps, corrected, "-", color="#009E73", label="unbiased momentum")
ax.plot(steps, averaged, "--", color="#0072B2", linewidth=3, label="momentum")
ax.plot(steps[::5], heavy[::5], "x", color="black", label="heavy ball at a tenth of the rate")
ax.set(xlabel="step", ylabel="length of the step / lr", ylim=(0, 1.1))
ax.set_title("Without the correction momentum needs some 30 steps to get going")
ax.legend()
show(
    "Length of the step against its number: unbiased momentum constant at 1, momentum climbing "
    "from 0.1 to 1, the heavy ball on the same curve."
)

# %% [markdown] id="why-adam"
# ## Exercise 4: Adam
#
# One learning rate has to fit all parameters, though their gradients may differ a
# thousandfold. Adam divides each entry by its own typical size. It keeps two averages, of the
# gradient and of its square,
#
# $$u_{t+1} = \beta_1 u_t + (1 - \beta_1)\, g, \qquad
# v_{t+1} = \beta_2 v_t + (1 - \beta_2)\, g^2,$$
#
# corrects both for their start at zero,
#
# $$\hat u = \frac{u_{t+1}}{1 - \beta_1^{t+1}}, \qquad \hat v = \frac{v_{t+1}}{1 - \beta_2^{t+1}},
# \qquad \theta_{t+1} = \theta_t - \alpha \frac{\hat u}{\sqrt{\hat v} + \epsilon},$$
#
# and works entry by entry. The exponents are 1 at the first step. There, $\hat u = g$ and
# $\hat v = g^2$, so whatever the gradient, the first step is $\alpha \operatorname{sign}(g)$.
#
# Here the correction is no detail: $v$ starts much further from its goal than $u$ does, because
# $\beta_2$ is nearer to 1. The usual values are $\beta_1 = 0.9$ and $\beta_2 = 0.999$.
#
# And $\epsilon$, usually $10^{-8}$? Where gradients are zero it turns 0/0 into 0. Where they are
# not zero but much smaller than $\epsilon$, the root hardly counts, and the step is that of
# momentum with the rate $\alpha / \epsilon$. So a large $\epsilon$ makes Adam more like SGD; in
# `float16`, where $10^{-8}$ is 0, it has to be larger.


# %% id="adam" role="solution" export="needle/optim.py"
class Adam(Optimizer):
    r"""Momentum, each entry divided by the root of its average square.

    u = beta1 u + (1 - beta1) g and v = beta2 v + (1 - beta2) g^2, where g is the gradient with
    weight decay (`decayed_gradient`); with `bias_correction` u / (1 - beta1^(t+1)) and
    v / (1 - beta2^(t+1)) stand for them at the steps t = 0, 1, ..., without it they do
    themselves; theta = theta - lr u / (sqrt(v) + eps).

    The step is in place, keeps each parameter's dtype, leaves gradients alone and no graph
    behind; parameters without a gradient keep their value and their averages. `lr` may change
    from one step to the next, and counts from then on: the averages are of the gradients alone.
    Source: Kingma and Ba (2015), algorithm 1.
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 0.01,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        *,
        bias_correction: bool = True,
    ) -> None:
        super().__init__(params)
        demand_rates(lr, beta1, beta2)
        self.lr, self.beta1, self.beta2, self.eps = lr, beta1, beta2, eps
        self.weight_decay, self.bias_correction = weight_decay, bias_correction
        self.t = 0
        self.u = [np.zeros_like(param.numpy()) for param in self.params]  # the averages
        self.v = [np.zeros_like(param.numpy()) for param in self.params]

    def step(self) -> None:
        """One step for each parameter that has a gradient."""
        ### BEGIN SOLUTION
        self.t += 1
        for i, param in enumerate(self.params):
            if param.grad is None:
                continue
            grad = decayed_gradient(param, self.weight_decay).numpy()
            u, v = self.u[i], self.v[i]
            u *= self.beta1
            u += (1 - self.beta1) * grad
            v *= self.beta2
            v += (1 - self.beta2) * grad**2
            c1 = c2 = 1.0
            if self.bias_correction:
                c1 = 1 - self.beta1**self.t
                c2 = 1 - self.beta2**self.t
            param.data = Tensor(param.numpy() - self.lr / c1 * u / ((v / c2) ** 0.5 + self.eps))
        ### END SOLUTION


# %% [markdown] id="adam-hints" role="hints" of="adam"
# 1. Which two averages are kept for each parameter, and how often has each been updated when it
#    is first divided by 1 - beta^(t+1)?
# 2. Count `self.t` up once a step, before the loop. `self.u[i]` and `self.v[i]` are arrays of
#    zeros at first: `*=` and `+=` update them where they are. Correct what you take from them, not
#    the averages themselves. The root is `** 0.5`, and `eps` is added after it.
# 3. `u *= self.beta1`, then `u += (1 - self.beta1) * grad`, and likewise `v` with the square. If
#    `self.bias_correction`, the divisors are `1 - self.beta1 ** self.t` and
#    `1 - self.beta2 ** self.t`, otherwise 1. `param.data` becomes a `Tensor` of `param.numpy()`
#    less `self.lr` times the one quotient over the root of the other plus `self.eps`.


# %% id="adam-corrected" role="check" points=5
@check
def adam_corrected():
    """The first step has the length lr whatever the gradient; a wrong exponent shows there."""
    theta, other = ndl.Tensor([1.0, -2.0, 0.5]), ndl.Tensor([4.0, -3.0, 6.0])
    opt = ndl.optim.Adam([theta, other], lr=0.1)
    for grad in ([0.5, -100.0, 0.001], [0.25, 300.0, 0.004]):
        theta.grad, other.grad = ndl.Tensor(grad), ndl.Tensor([-2.0, grad[0], 0.1])
        opt.step()
        yield theta
        yield other
    opt.lr, theta.grad = 0.025, ndl.Tensor([-1.0, 50.0, 0.002])  # the rate counts at once
    opt.step()
    yield theta
    ### BEGIN HIDDEN TESTS
    #: other betas, gradients of different sizes, also a scalar
    for betas in ((0.9, 0.999), (0.5, 0.9), (0.0, 0.8)):
        params = [ndl.Tensor(rng.standard_normal(shape)) for shape in ((3, 2), (3, 2), ())]
        opt = ndl.optim.Adam(iter(params), 0.2, *betas)
        for _ in range(6):
            for scale, param in zip((1.0, 30.0, 0.5), params, strict=True):
                grad = rng.choice([-scale, scale], param.shape) * (1 + rng.random(param.shape))
                param.grad = ndl.Tensor(grad)
            opt.step()
            for param in params:
                yield close(param, rtol=1e-4, atol=1e-6)
    #: the default settings
    w = ndl.Tensor(rng.standard_normal(4), dtype="float32")
    opt = ndl.optim.Adam([w])
    for grad in ([1.0, -0.5, 2e-2, -1e-2], [3.0, 0.2, -5e-2, -4e-2]):
        w.grad = ndl.Tensor(grad)
        opt.step()
        yield w
    ### END HIDDEN TESTS


# %% id="adam-uncorrected" role="check" points=4
@check
def adam_uncorrected():
    """With bias_correction=False the averages are used as they are, from the first step on."""
    theta = ndl.Tensor([1.0, -2.0, 3.0])
    opt = ndl.optim.Adam([theta], lr=0.1, beta2=0.99, bias_correction=False)
    for grad in ([0.5, -100.0, 2.0], [0.25, 300.0, -1.0]):
        theta.grad = ndl.Tensor(grad)
        opt.step()
        yield theta
    ### BEGIN HIDDEN TESTS
    #: the default betas, gradients that eps is nothing beside
    for scale in (5.0, 100.0):
        params = [ndl.Tensor(rng.standard_normal((2, 3)), dtype="float32") for _ in range(2)]
        opt = ndl.optim.Adam(params, 0.3, bias_correction=False)
        for _ in range(5):
            for param in params:
                grad = rng.choice([-scale, scale], (2, 3)) * (1 + rng.random((2, 3)))
                param.grad = ndl.Tensor(grad, dtype="float32")
            opt.step()
            for param in params:
                yield close(param, rtol=1e-4, atol=1e-5)
    ### END HIDDEN TESTS


# %% id="adam-eps" role="check" points=4
@check
def adam_eps():
    """eps is added to the root: 0/0 becomes 0, and small gradients give small steps."""
    theta = ndl.Tensor([1.0, -2.0, 3.0, 5.0])
    opt = ndl.optim.Adam([theta], lr=0.1, beta1=0.0, beta2=0.0, eps=0.5)
    for grad in ([0.25, -100.0, 0.0, 2.0], [-0.1, 0.7, 0.0, 3.0]):
        theta.grad = ndl.Tensor(grad)
        opt.step()
        yield theta
    ### BEGIN HIDDEN TESTS
    #: other values of eps, gradients that are partly zero
    for eps, scale in ((1e-8, 1e-7), (0.1, 0.3), (3.0, 2.0)):
        theta = ndl.Tensor(rng.standard_normal((2, 3)), dtype="float32")
        opt = ndl.optim.Adam([theta], 0.3, 0.0, 0.0, eps)
        for _ in range(3):
            grad = scale * rng.standard_normal((2, 3)) * np.array([0.0, 1.0, 1.0])
            theta.grad = ndl.Tensor(grad, dtype="float32")
            opt.step()
            yield theta
    #: one step with each of two values of eps
    grad, steps = ndl.Tensor(1 + rng.random(3), dtype="float32"), []
    for eps in (0.5, 3.5):
        theta = ndl.Tensor([0.0, 0.0, 0.0])
        opt = ndl.optim.Adam([theta], 0.1, beta1=0.0, beta2=0.9, eps=eps)
        theta.grad = grad
        opt.step()
        steps.append(theta.numpy().copy())
    yield 1 / steps[0] - 1 / steps[1]
    ### END HIDDEN TESTS


# %% id="adam-weight-decay" role="check" points=4
@check
def adam_weight_decay():
    """The decay goes through both averages, as if the gradient had held it from the start."""
    start = np.array([1.0, -2.0, 0.5])
    theta, twin = ndl.Tensor(start), ndl.Tensor(start)
    opt = ndl.optim.Adam([theta], lr=0.1, weight_decay=0.5)
    by_penalty = ndl.optim.Adam([twin], lr=0.1)
    for grad in ([1.0, 0.5, -2.0], [0.3, -1.0, 4.0], [-2.0, 0.1, 0.7]):
        theta.grad = ndl.Tensor(np.array(grad))
        twin.grad = ndl.Tensor(np.array(grad) + 0.5 * twin.numpy())
        opt.step()
        by_penalty.step()
        yield theta.numpy() - twin.numpy() + start
    ### BEGIN HIDDEN TESTS
    #: other values of weight_decay, small gradients
    for weight_decay in (0.05, 0.4):
        start = 3 + rng.standard_normal((4, 2))
        theta, twin = ndl.Tensor(start), ndl.Tensor(start)
        opt = ndl.optim.Adam([theta], lr=0.1, weight_decay=weight_decay)
        by_penalty = ndl.optim.Adam([twin], lr=0.1)
        for _ in range(6):
            grad = 0.2 * rng.standard_normal((4, 2))
            theta.grad, twin.grad = ndl.Tensor(grad), ndl.Tensor(grad + weight_decay * twin.numpy())
            opt.step()
            by_penalty.step()
            yield theta.numpy() - twin.numpy() + start
    ### END HIDDEN TESTS


# %% id="adam-skips" role="check" points=2
@check
def adam_skips():
    """Without a gradient a parameter keeps its value and its averages, and the others move."""
    start = np.array([1.0, -2.0, 0.5])
    theta, twin = ndl.Tensor(start), ndl.Tensor(start)
    unused = ndl.Tensor([7.0, -3.0, 5.0])
    both, alone = (ndl.optim.Adam(params, lr=0.1) for params in ([unused, theta], [twin]))
    for grad in ([0.5, -100.0, 0.001], [0.25, 300.0, 0.004]):
        theta.grad, twin.grad = ndl.Tensor(np.array(grad)), ndl.Tensor(np.array(grad))
        both.step()
        alone.step()
        yield unused
        yield theta.numpy() - twin.numpy() + start
        yield np.sign(theta.numpy() - start) * start
    ### BEGIN HIDDEN TESTS
    #: other betas, no gradient for a few of the late steps
    start = rng.standard_normal((3, 2))
    a, b, twin = (ndl.Tensor(start) for _ in range(3))
    both, alone = (ndl.optim.Adam(params, 0.1, 0.5, 0.5) for params in ([b, a], [twin]))
    for t in range(46):  # after 40 steps the corrections are 1, whatever t is
        grad = rng.standard_normal((3, 2))
        a.grad = ndl.Tensor(3 - grad)
        skipped = 40 <= t < 43
        b.grad = twin.grad = None if skipped else ndl.Tensor(grad)
        both.step()
        if not skipped:
            alone.step()
        if t >= 40:
            yield b.numpy() - twin.numpy() + start
    ### END HIDDEN TESTS


# %% id="adam-keeps-dtype" role="check" points=2
@check
def adam_keeps_dtype():
    """Data in float64 give a float32 weight a float64 gradient; the weight stays what it is."""
    start = np.array([1.0, -2.0, 4.0], dtype="float32")
    theta = ndl.Tensor(start.copy())
    theta.grad = ndl.Tensor(np.array([0.5, 1.0, -3.0]))
    ndl.optim.Adam([theta], lr=0.1).step()
    yield np.sign(theta.numpy() - start) * np.array([5.0, 3.0, 2.0], dtype="float32")
    ### BEGIN HIDDEN TESTS
    #: other pairs of dtypes, also a very small lr
    for dtype, of_grad, lr in (("float32", "float64", 0.1), ("float64", "float32", 1e-9)):
        start = 1 + rng.random((3, 2)).astype(dtype)
        theta = ndl.Tensor(start.copy())
        theta.grad = ndl.Tensor(rng.standard_normal((3, 2)), dtype=of_grad)
        ndl.optim.Adam([theta], lr=lr).step()
        yield np.sign(theta.numpy() - start) * start  # float32 has no 1 + 1e-9
    ### END HIDDEN TESTS


# %% id="adam-leaves-no-trace" role="check" points=3
@check
def adam_leaves_no_trace():
    """Two averages for each parameter are all that may remain of a step."""
    import weakref

    a, b = ndl.Tensor([1.0, 2.0]), ndl.Tensor([3.0, 5.0])
    opt = ndl.optim.Adam([a, b], lr=0.1, weight_decay=0.1)
    for _ in range(2):
        (a + b).backward(ndl.Tensor([2.0, -0.5]))
        opt.step()
        yield b.grad
    x, counts = ndl.Tensor([3.0, 4.0]), []
    for _ in range(2):
        (a * a * x + b).sum().backward(create_graph=True)
        seen = weakref.ref(a.grad)
        opt.step()
        a.grad = b.grad = None
        counts.append(count_tensors())
    grows = seen() is not None or counts[0] != counts[1]
    yield x.numpy() * (2 if grows else 1)
    yield x.numpy() * (1 if len(ndl.autograd.find_topo_sort([a])) == 1 else 3)
    ### BEGIN HIDDEN TESTS
    #: the gradient after a step, with each of the options
    w = ndl.Tensor(1 + rng.random((3, 2)), dtype="float32")
    for keywords in ({}, {"weight_decay": 0.1}, {"bias_correction": False}):
        x = ndl.Tensor(rng.standard_normal((5, 3)), dtype="float32")
        opt = ndl.optim.Adam([w], 0.01, **keywords)
        seen, counts = [], []
        for create_graph in (False, True) * 3:
            w.grad = None
            ((x @ w) ** 2).sum().backward(create_graph=create_graph)
            seen.append(weakref.ref(w.grad))
            grad = w.grad.numpy().copy()
            opt.step()
            changed = not np.array_equal(w.grad.numpy(), grad, equal_nan=True)
            yield x.numpy() + (1 if changed else 0)
            w.grad = None
            counts.append(count_tensors())
        #: what is alive after steps with each of the options
        grows = any(ref() is not None for ref in seen) or counts[2] != counts[-1]
        yield x.numpy() * (2 if grows else 1)
    ### END HIDDEN TESTS


# %% [markdown] id="adam-warm-up-prose"
# ### What the correction is for
#
# The same experiment with Adam. With the correction each step has length $\alpha$. Without it the
# first is $0.1 / \sqrt{0.001} = 3.16$ times as long, because $v$ lags further behind than $u$.
# The steps grow to 6.57 at step 12, and at step 100 they are still 3.24. This is why a run without
# the correction often blows up at once.

# %% id="adam-warm-up-demo" role="demo"
with_it = step_lengths(lambda params: ndl.optim.Adam(params, 1.0))
without = step_lengths(lambda params: ndl.optim.Adam(params, 1.0, bias_correction=False))
peak = int(without.argmax())
print(f"without: {without[0]:.2f} at step 1, {without[peak]:.2f} at step {peak + 1},", end=" ")
print(f"{without[-1]:.2f} at step 100; with: {with_it.min():.2f} to {with_it.max():.2f}")

fig, ax = plt.subplots(figsize=(7, 4))
ax.plot(steps, without, "--", color="#D55E00", label="without bias correction")
ax.plot(steps, with_it, "-", color="#009E73", label="with bias correction")
ax.plot(peak + 1, without[peak], "v", color="#D55E00")
ax.set(xlabel="step", ylabel="length of the step / lr", ylim=(0, 7))
ax.set_title("Without the correction Adam's first steps are three to seven times too long")
ax.legend()
show(
    "Length of Adam's step against its number: constant at 1 with bias correction; without it "
    "from 3.2 up to 6.6 at step 12 and slowly down to 3.2 at step 100."
)

# %% [markdown] id="decay-or-penalty-prose"
# ## Penalty, decay, and shrinking the weights
#
# There are three ways to write the same wish: a penalty in the loss (and no decay in the
# optimizer); `weight_decay`; and to multiply the weights by $1 - \alpha \lambda$ before a step
# that knows of no decay. The table shows how far the second and the third end from the first
# after 100 steps.
#
# The first two agree for every optimizer, up to rounding: both add $\lambda \theta$ before
# anything else happens. The third agrees for plain SGD only. With momentum the penalty is
# averaged and arrives late, while the shrinking acts at once. In Adam the penalty is divided by
# $\sqrt{\hat v}$ with the rest of the gradient, so weights with large gradients hardly decay.
# Shrinking beside Adam is a method of its own, AdamW.

# %% id="decay-or-penalty-demo" role="demo"
np.random.seed(0)
inputs = ndl.init.randn(50, 5, dtype="float64") * np.array([0.1, 0.5, 1.0, 2.0, 4.0])
wanted = ndl.init.randn(50, 1, dtype="float64")
lr, decay = 0.02, 0.5


def fit(make, penalty=0.0, shrink=1.0):
    """Least squares by 100 steps from ones."""
    w = ndl.init.ones(5, 1, dtype="float64", requires_grad=True)
    opt = make([w])
    for _ in range(100):
        error = inputs @ w - wanted
        ((error * error).sum() / 100 + penalty / 2 * (w * w).sum()).backward()
        w.data = shrink * w.data
        opt.step()
    return w.numpy()


makers = {
    "SGD": lambda params, **more: ndl.optim.SGD(params, lr, **more),
    "momentum": lambda params, **more: ndl.optim.SGD(params, lr, 0.9, **more),
    "Adam": lambda params, **more: ndl.optim.Adam(params, lr, **more),
}
print("largest distance from the penalty's weights")
print("            weight_decay    shrinking")
for name, make in makers.items():
    by_penalty = fit(make, penalty=decay)
    by_decay = fit(lambda params, make=make: make(params, weight_decay=decay))
    by_shrinking = fit(make, shrink=1 - lr * decay)
    distances = [abs(w - by_penalty).max() for w in (by_decay, by_shrinking)]
    print(f"{name:10s} {distances[0]:13.1e} {distances[1]:12.1e}")

# %% [markdown] id="race-prose"
# ## A narrow bowl
#
# $f(\theta) = \frac{1}{2}(\theta_1^2 + 25\, \theta_2^2)$ curves 25 times as much one way as the
# other; this ratio is its *condition number*. Each optimizer starts at $(-2, 1)$ with a learning
# rate that suits it. On the left, the paths over the contours of $f$, from the dot to the star:
# gradient descent zigzags from wall to wall, momentum overshoots and comes back, Nesterov less so,
# Adam cuts across. On the right, the loss. Gradient descent is a straight line on the logarithmic
# scale. The printed numbers are the steps after which each stays within 0.001 of the minimum: 97,
# 70, 58 and 145.

# %% id="race-demo" role="demo"
COLORS = ("#000000", "#0072B2", "#009E73", "#D55E00")
LINES = ("-", "--", "-.", ":")


def path(f, start, make, steps):
    """Where an optimizer walks, one row a step, and the loss there."""
    theta = ndl.Tensor(np.array(start))
    opt, points, losses = make([theta]), [], []
    for _ in range(steps + 1):
        loss = f(theta)
        points.append(theta.numpy().copy())
        losses.append(loss.numpy().item())
        opt.reset_grad()
        loss.backward()
        opt.step()
    return np.array(points), np.array(losses)


def race(f, start, goal, makers, steps, title):
    """Paths over the contours of f, and the loss against the step."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(12, 4.5), layout="constrained")
    for (name, make), color, line in zip(makers.items(), COLORS, LINES, strict=True):
        points, losses = path(f, start, make, steps)
        outside = np.flatnonzero(np.linalg.norm(points - goal, axis=1) >= 1e-3)
        arrived = f"{outside[-1] + 1} steps" if outside[-1] < steps else f"not in {steps} steps"
        print(f"{name:17s} {arrived}")
        left.plot(*points.T, line, color=color, label=name, linewidth=1.5)
        left.plot(*points[-1], "s", color=color, markersize=5)
        losses[losses < 1e-16] = np.nan  # rounding errors
        right.semilogy(losses, line, color=color, label=f"{name}: {arrived}")
    left.plot(*start, "o", color="black")
    left.plot(*goal, "*", color="black", markersize=12)
    left.set(xlabel="first parameter", ylabel="second parameter", title="paths")
    right.set(xlabel="step", ylabel="loss", title="loss against step")
    right.legend()
    fig.suptitle(title)
    return left


def bowl(theta):
    return (theta * theta * np.array([1.0, 25.0])).sum() / 2


ax = race(
    bowl,
    (-2.0, 1.0),
    (0.0, 0.0),
    {
        "gradient descent": lambda params: ndl.optim.SGD(params, 2 / 26),
        "momentum": lambda params: ndl.optim.SGD(params, 0.3, 0.8),
        "Nesterov": lambda params: ndl.optim.SGD(params, 0.15, 0.8, nesterov=True),
        "Adam": lambda params: ndl.optim.Adam(params, 0.1),
    },
    160,
    "In a narrow bowl momentum and Nesterov arrive before gradient descent",
)
x, y = np.meshgrid(np.linspace(-2.3, 1, 100), np.linspace(-1.2, 1.2, 100))
ax.contour(x, y, (x**2 + 25 * y**2) / 2, levels=np.geomspace(0.05, 20, 8), colors="0.8")
show(
    "Left, four paths into an elongated bowl: a zigzag, two swings and a curve. Right, four "
    "falling losses, gradient descent a straight line on the logarithmic scale."
)

# %% [markdown] id="two-nesterovs-prose"
# ### Two Nesterovs
#
# Many books look ahead by $\alpha \beta u_t$ instead of $\alpha u_t$, since momentum itself will
# carry the point that far. The next cell runs both on the bowl, with $\beta = 0.9$, from cautious
# to bold learning rates, and counts the steps as above (NumPy only; `none` means that 400 steps
# were not enough). Nothing much separates them until both break at the same learning rate, at
# which momentum without a look ahead still works.

# %% id="two-nesterovs-demo" role="demo"
rates = (0.08, 0.15, 0.2, 0.3, 0.4, 0.6)


def steps_to_goal(lr, beta, ahead):
    """Steps until momentum with a gradient `ahead` times lr u further on stays near 0."""
    theta, u, scales, last = np.array([-2.0, 1.0]), np.zeros(2), np.array([1.0, 25.0]), 0
    for t in range(1, 401):
        u = beta * u + (1 - beta) * scales * (theta - ahead * lr * u)
        theta = theta - lr * u
        last = t if np.linalg.norm(theta) >= 1e-3 else last
    return last + 1 if last < 400 else "none"


print("   lr    ahead: lr u    lr beta u    nothing")
for lr in rates:
    print(f"{lr:5.2f} " + " ".join(f"{steps_to_goal(lr, 0.9, a):>12}" for a in (1, 0.9, 0)))

# %% [markdown] id="why-hessian"
# ## Exercise 5: the Hessian
#
# All of the above know only the slope. The **Hessian** knows how the slope changes:
#
# $$H_{ij} = \frac{\partial^2 f}{\partial \theta_i \, \partial \theta_j},
# \qquad \text{row } i \text{ is the gradient of } \frac{\partial f}{\partial \theta_i}.$$
#
# You built every gradient from ops, and here is the reward. After
# `backward(create_graph=True)` the gradient is a tensor with a graph, so it has a gradient too:
# `grad.backward(e)` with $e$ the $i$-th unit vector differentiates its $i$-th entry.
#
# Two things to mind. `backward` replaces the `grad` of everything it reaches, and leaves alone
# what it does not reach: what lies in `x.grad` may be older than you think. And a linear function
# has a gradient that depends on nothing, whose derivative is 0.


# %% id="hessian" role="solution" export="needle/optim.py"
def hessian(f: Callable[[Tensor], Tensor], theta: Tensor) -> np.ndarray:
    r"""The matrix of second derivatives of f at theta.

    $H_{ij} = \partial^2 f / \partial \theta_i \partial \theta_j$, with the n entries of theta
    counted in row-major order; theta may have any shape, () too. f maps a tensor of theta's shape
    to a tensor with one entry; the result is an array, not a tensor, of shape (n, n) and theta's
    dtype. `theta` and `theta.grad` are left as they were.
    """
    ### BEGIN SOLUTION
    x = Tensor(theta)
    f(x).backward(create_graph=True)
    grad = x.grad
    units = np.eye(theta.numpy().size, dtype=theta.dtype)
    rows = np.zeros_like(units)
    for row, unit in zip(rows, units, strict=True):
        x.grad = None
        if grad is not None and grad.requires_grad:
            grad.backward(Tensor(unit.reshape(theta.shape)))
        if x.grad is not None:
            row[:] = x.grad.numpy().reshape(-1)
    return rows
    ### END SOLUTION


# %% [markdown] id="hessian-hints" role="hints" of="hessian"
# 1. Why copy theta into a fresh tensor first, and why keep the first gradient in a variable of
#    its own before the second `backward`?
# 2. `x = Tensor(theta)`, `f(x).backward(create_graph=True)`, `grad = x.grad`. Then, for each row
#    of the identity, reshaped to theta's shape: set `x.grad` to None, call `grad.backward` with
#    it, and read `x.grad`.
# 3. Start from an (n, n) array of zeros in theta's dtype. Skip the second `backward` if
#    `grad.requires_grad` is false, and leave the row at zero if `x.grad` is still None after it;
#    otherwise the row is `x.grad.numpy().reshape(-1)`.


# %% id="hessian-values" role="check" points=7 of="hessian"
@check
def hessian_values():
    """How the slope along one axis changes along another is in the entries off the diagonal."""

    def product(theta):
        x, y, z = ((theta * ndl.Tensor(unit)).sum() for unit in np.eye(3, dtype="float32"))
        return x * x * x * y + 2 * y * y + x * y * z

    yield hessian(product, ndl.Tensor([2.0, 3.0, -1.0]))
    ### BEGIN HIDDEN TESTS
    #: a quadratic form of a column, float32 and float64
    for dtype in ("float32", "float64"):
        matrix = ndl.Tensor(rng.standard_normal((4, 4)), dtype=dtype)
        for _ in range(2):
            theta = ndl.Tensor(rng.standard_normal((4, 1)), dtype=dtype)
            yield hessian(lambda t, a=matrix: (t.transpose() @ a @ t).sum(), theta)
            #: a logsumexp of a column, float32 and float64
            yield hessian(lambda t, a=matrix: ndl.logsumexp(a @ t), theta)
        #: a square matrix that is multiplied by itself
        square = ndl.Tensor(0.5 * rng.standard_normal((2, 2)), dtype=dtype)
        yield hessian(lambda t: ndl.exp(t @ t).sum() + (t**4).sum(), square)
    #: a float64 scalar
    yield hessian(lambda t: t**3, ndl.Tensor(np.array(1.7)))
    ### END HIDDEN TESTS


# %% id="hessian-is-careful" role="check" points=5 of="hessian"
@check
def hessian_is_careful():
    """Where a slope does not depend on theta its change is zero, not what was left in grad."""
    theta = ndl.Tensor([1.0, 2.0])
    w = ndl.Tensor([3.0, -5.0], requires_grad=False)
    theta.grad = ndl.Tensor([0.5, 0.25])
    yield hessian(lambda t: (t * w).sum(), theta)
    yield hessian(lambda t: (t * w * t).sum(), theta)
    yield theta.grad
    yield np.asarray(hessian(lambda t: (t * t * w).sum() + t.sum(), theta))
    ### BEGIN HIDDEN TESTS
    #: a linear function, at a theta that holds a gradient
    theta = ndl.Tensor(rng.standard_normal(3))
    theta.grad = ndl.Tensor(rng.standard_normal(3))
    w = ndl.Tensor(rng.standard_normal(3))
    mask = ndl.Tensor(np.array([1.0, 0.0, 2.0]))
    yield hessian(lambda t: t.sum(), theta)
    #: a linear function with a term without theta
    yield hessian(lambda t: (t * mask * mask).sum() + w.sum(), theta)
    #: a function that is linear in one of the entries
    yield hessian(lambda t: (t * w).sum() + ((t * mask) ** 3).sum(), theta)
    #: a sum of exponentials
    yield hessian(lambda t: (ndl.exp(t * w)).sum(), theta)
    #: theta and its gradient after all calls
    yield theta
    yield theta.grad
    ### END HIDDEN TESTS


# %% [markdown] id="why-newton"
# ## Exercise 6: Newton's step
#
# Near $\theta$ a function is almost a parabola, $f(\theta + d) \approx f(\theta) + g^\top d +
# \frac{1}{2} d^\top H d$. The parabola is flat where $g + H d = 0$. Newton's method goes there:
#
# $$\theta_{t+1} = \theta_t - \mu H^{-1} g.$$
#
# Nobody computes the inverse. Solving $H d = g$ takes a third of the work and loses fewer digits.


# %% id="newton-step" role="solution" export="needle/optim.py"
def newton_step(f: Callable[[Tensor], Tensor], theta: Tensor, lr: float = 1.0) -> None:
    r"""Move theta in place by Newton's step for f.

    $\theta \leftarrow \theta - \mu H^{-1} g$, where g and H are the gradient and the Hessian of f
    at theta and $\mu$ = `lr`. theta may have any shape and keeps its dtype; `theta.grad` is left
    as it was. Raises np.linalg.LinAlgError if H is singular.
    Source: Nocedal and Wright (2006), section 3.3.
    """
    ### BEGIN SOLUTION
    x = Tensor(theta)
    f(x).backward()
    step = np.linalg.solve(hessian(f, theta), x.grad.numpy().reshape(-1))
    theta.data = theta.data - lr * Tensor(step.reshape(theta.shape))
    ### END SOLUTION


# %% [markdown] id="newton-step-hints" role="hints" of="newton-step"
# 1. Which system of linear equations has to be solved, and what are its matrix and its right-hand
#    side as arrays?
# 2. Take the gradient on a copy of theta, as in `hessian`, and flatten it. `np.linalg.solve(H, g)`
#    is the inverse of H times g, without the inverse.
# 3. Reshape the solution to theta's shape, put it into a `Tensor`, and set `theta.data` to
#    `theta.data` less `lr` times that.


# %% id="newton-step-lands" role="check" points=5
@check
def newton_step_lands():
    """A parabola is flat in one place, and one step leads there from anywhere."""

    def parabola(theta):
        x, y = (theta * ndl.Tensor([1.0, 0.0])).sum(), (theta * ndl.Tensor([0.0, 1.0])).sum()
        return x * x + x * y + 10 * y * y - 3 * x + y

    theta = ndl.Tensor([-2.0, 7.0])
    newton_step(parabola, theta)
    yield close(theta, atol=1e-4)
    newton_step(parabola, theta)
    yield close(theta, atol=1e-4)
    theta = ndl.Tensor([-2.0, 7.0])
    newton_step(parabola, theta, lr=0.25)
    yield close(theta, atol=1e-4)
    ### BEGIN HIDDEN TESTS
    #: no parabola, theta of several shapes, other values of lr
    for shape in ((3,), (2, 2), (4, 1)):
        theta = ndl.Tensor(rng.standard_normal(shape))
        w, v = (ndl.Tensor(rng.standard_normal(shape)) for _ in range(2))

        def valley(t, w=w, v=v):
            return ndl.exp((t * w).sum() * 0.3) + (t**4).sum() + ((t - v) ** 2).sum()

        for lr in (1.0, 0.7):
            newton_step(valley, theta, lr=lr)
            yield close(theta, rtol=1e-6, atol=1e-6)

    def saddle(t):
        return (t * t * np.array([1.0, -2.0])).sum() + (t**4).sum() / 10

    #: a start near a saddle
    theta = ndl.Tensor(rng.uniform(0.2, 0.6, 2))
    for _ in range(2):
        newton_step(saddle, theta)
        yield close(theta, rtol=1e-6, atol=1e-9)
    ### END HIDDEN TESTS


# %% id="newton-step-refuses" role="check" points=2
@check
def newton_step_refuses():
    """Where no curvature says how far to go, a step of any length would be made up."""

    def bent_one_way(theta, weights=(2.0, 0.0)):
        return (theta * theta * ndl.Tensor(weights, dtype="float32")).sum() + theta.sum()

    theta = ndl.Tensor([1.0, -3.0])
    newton_step(lambda t: bent_one_way(t, (2.0, 5.0)), theta)
    yield close(theta, atol=1e-4)
    theta = ndl.Tensor([2.0, -0.5])
    found = theta.numpy().copy()
    try:
        newton_step(bent_one_way, theta)
    except np.linalg.LinAlgError:
        found = 7 * theta.numpy()  # refused
    yield close(found, atol=1e-4)
    ### BEGIN HIDDEN TESTS
    #: other singular Hessians, also one without curvature
    for weights in ((0.0, 4.0), (0.0, 0.0)):
        theta = ndl.Tensor(rng.standard_normal(2), dtype="float32")
        found = theta.numpy().copy()
        try:
            newton_step(lambda t, w=weights: bent_one_way(t, w), theta)
        except np.linalg.LinAlgError:
            found = 7 * theta.numpy()
        yield found
    ### END HIDDEN TESTS


# %% id="newton-step-is-careful" role="check" points=2
@check
def newton_step_is_careful():
    """theta's dtype and the gradient that it holds are not the step's to change."""
    theta = ndl.Tensor([1.0, -2.0, 0.5])
    theta.grad = ndl.Tensor([0.5, 0.25, -3.0])
    newton_step(lambda t: (t**4).sum() + (t * t).sum(), theta)
    yield theta.grad
    yield close(theta, rtol=1e-3)
    ### BEGIN HIDDEN TESTS
    #: theta.grad after a step, float32 and float64
    for dtype in ("float32", "float64"):
        theta = ndl.Tensor(1 + rng.random((2, 3)), dtype=dtype)
        theta.grad = ndl.Tensor(rng.standard_normal((2, 3)), dtype=dtype)
        newton_step(lambda t: (t**4).sum() + (t * t).sum(), theta, lr=0.6)
        yield theta.grad
        #: a matrix of float32 and of float64
        yield close(theta, rtol=1e-3)
    ### END HIDDEN TESTS


# %% [markdown] id="newton-demo-prose"
# ## Newton against the rest
#
# The bowl first, at condition numbers 25, 100 and 10,000: one step, whatever the number. Then
# Rosenbrock's function, $(1 - x)^2 + 100\,(y - x^2)^2$, whose valley is narrow *and* bent. On the
# left, everybody falls into the valley at once and then has to follow it round the bend to
# $(1, 1)$. On the right, the losses, this time with the steps on a logarithmic scale: momentum,
# Nesterov and Adam need 1485, 1530 and 1803 steps to come within 0.001, and gradient descent is
# still on its way after 2000, at the black square. Newton, the crosses, takes five, of which the
# second and the fourth raise the loss.

# %% id="newton-demo" role="demo"
for condition in (25.0, 100.0, 1e4):
    theta = ndl.Tensor(np.array([-2.0, 1.0]))
    newton_step(lambda t, c=condition: (t * t * np.array([1.0, c])).sum() / 2, theta)
    print(f"bowl of condition {condition:6.0f}: one step of Newton leads to {theta}")


def rosenbrock(theta):
    x, y = (theta * np.array([1.0, 0.0])).sum(), (theta * np.array([0.0, 1.0])).sum()
    return (1 - x) ** 2 + 100 * (y - x * x) ** 2


ax = race(
    rosenbrock,
    (-1.2, 1.0),
    (1.0, 1.0),
    {
        "gradient descent": lambda params: ndl.optim.SGD(params, 0.002),
        "momentum": lambda params: ndl.optim.SGD(params, 0.01, 0.95),
        "Nesterov": lambda params: ndl.optim.SGD(params, 0.01, 0.95, nesterov=True),
        "Adam": lambda params: ndl.optim.Adam(params, 0.05),
    },
    2000,
    "In a bent valley first derivatives take over a thousand steps, second derivatives five",
)
theta, losses = ndl.Tensor(np.array([-1.2, 1.0])), []
for _ in range(6):
    losses.append(rosenbrock(theta).numpy().item())
    newton_step(rosenbrock, theta)
print("Newton's losses:", " ".join(f"{loss:.2g}" for loss in losses))
right = ax.figure.axes[1]
right.semilogy(losses, "x", color="#CC79A7", label="Newton: 5 steps")
right.set_xscale("symlog", linthresh=5)
right.legend(loc="upper left", bbox_to_anchor=(0.04, 0.57), fontsize=9)
x, y = np.meshgrid(np.linspace(-1.6, 1.6, 200), np.linspace(-0.8, 1.6, 200))
height = (1 - x) ** 2 + 100 * (y - x**2) ** 2
ax.contour(x, y, height, levels=np.geomspace(0.1, 1000, 9), colors="0.8", zorder=0)
show(
    "Left, four paths that follow a bent valley to the point (1, 1), gradient descent stopping "
    "short. Right, their losses over 2000 steps, and Newton's six crosses, which end at once."
)

# %% [markdown] id="newton-limits-prose"
# ## Why nobody trains networks with it
#
# First, the size. A Hessian has an entry for each *pair* of parameters; the next cell prints what
# that means for one layer. Then there is the solving, whose time grows with the cube.
#
# Second, Newton looks for a place where the gradient vanishes, and any will do. For
# $x^2 - y^2 + y^4 / 2$ the origin is a saddle: a minimum along $x$, a maximum along $y$. Started
# near it, gradient descent slides off, to the minimum at $y = 1$ with the loss -0.5. Newton walks
# into the saddle and stays. In high dimensions saddles are far more common than minima.
#
# So momentum and Adam stand in between: they cost a vector or two, and learn from the gradients
# they have seen a little of what the Hessian knows.

# %% id="newton-limits-demo" role="demo"
for name, n in (("Linear(10, 10)", 100), ("Linear(784, 100)", 78_400)):
    print(f"{name:17s} weights {n:6d}   Hessian in float32 {n * n * 4 / 1e9:10.5f} GB")


def saddle(theta):
    squares = (theta * theta * np.array([1.0, -1.0])).sum()
    return squares + (theta**4 * np.array([0.0, 0.5])).sum()


theta = ndl.Tensor(np.array([1.0, 0.1]))
for _ in range(6):
    newton_step(saddle, theta)
points, losses = path(saddle, (1.0, 0.1), lambda params: ndl.optim.SGD(params, 0.1), 100)
print(f"Newton ends at {theta.numpy().round(4)}, loss {saddle(theta).numpy():.4f}")
print(f"gradient descent ends at {points[-1].round(4)}, loss {losses[-1]:.4f}")

# %% [markdown] id="end-06"
# ## What you built
#
# - `SGD` with momentum, its correction, Nesterov's look ahead, weight decay and clipping.
# - `Adam`, which divides each entry by its typical size.
# - `hessian` and `newton_step`, from second derivatives that your ops have had since stage 00.
#
# **The same in PyTorch.** `torch.optim.SGD(params, lr, momentum=0.9)` leaves out the factor $1 -
# \beta$; with `dampening=0.9` its average is ours, but for its first step. Its `nesterov` is the
# textbook's. `Adam` is ours with the correction, `AdamW` shrinks the weights as above, and
# `zero_grad` is `reset_grad`.
#
# ## What comes next
#
# An optimizer wants a gradient, and a gradient wants a batch. Stage 07 reads the data and cuts it
# into batches; stage 08 trains with all of it, with your `Adam`.
#
# ## Questions to think about
#
# Double-click a question, write below it, and run the cell. None of this is graded. Once you have
# answered and saved, `%mugrade hint` with the question's name, in a new cell, shows our answer.

# %% [markdown] id="loss-times-1000" role="answer"
# 1. **loss-times-1000**: Multiply the loss by 1000. Which of the optimizers of this stage take the
#    same steps as before, and which of their settings would you have to change for the others?
#
# ### BEGIN SOLUTION
# Adam (but for $\epsilon$) and Newton take the same steps. For the others divide the learning rate
# by 1000 and multiply the weight decay and the bound of the clipping by 1000. Adam's weight decay
# wants the factor as well, for it is added to the gradient.
# ### END SOLUTION

# %% [markdown] id="theta-behind-nesterov" role="answer"
# 2. **theta-behind-nesterov**: With Nesterov the parameters hold the point ahead when training
#    ends. How would you recover $\theta$ itself, and why does it hardly matter?
#
# ### BEGIN SOLUTION
# $\theta = \varphi + \alpha u$, and the optimizer has $u$. At the end the gradients are small, so
# $u$ is, and the two are nearly the same point.
# ### END SOLUTION

# %% [markdown] id="hessian-times-vector" role="answer"
# 3. **hessian-times-vector**: A Hessian times a vector costs about two backward passes and no
#    matrix. How would you compute one with `needle`, and what could you do about $H d = g$ with
#    nothing else?
#
# ### BEGIN SOLUTION
# `(grad * v).sum().backward()`, after `backward(create_graph=True)`, leaves $H v$ in `grad`.
# Conjugate gradients solve $H d = g$ with such products alone.
# ### END SOLUTION

# %% [markdown] id="references-06"
# ## References
#
# - Boris Polyak, *Some methods of speeding up the convergence of iteration methods*, USSR
#   Computational Mathematics and Mathematical Physics 4, 1964.
# - Yurii Nesterov, *A method of solving a convex programming problem with convergence rate
#   O(1/k²)*, Soviet Mathematics Doklady 27, 1983.
# - Ilya Sutskever, James Martens, George Dahl and Geoffrey Hinton, *On the importance of
#   initialization and momentum in deep learning*, ICML 2013.
# - Razvan Pascanu, Tomas Mikolov and Yoshua Bengio, *On the difficulty of training recurrent
#   neural networks*, ICML 2013. arXiv:1211.5063.
# - Diederik Kingma and Jimmy Ba, *Adam: a method for stochastic optimization*, ICLR 2015.
#   arXiv:1412.6980.
# - Ilya Loshchilov and Frank Hutter, *Decoupled weight decay regularization*, ICLR 2019.
#   arXiv:1711.05101.
# - Yann Dauphin and others, *Identifying and attacking the saddle point problem in
#   high-dimensional non-convex optimization*, NeurIPS 2014. arXiv:1406.2572.
# - Jorge Nocedal and Stephen Wright, *Numerical Optimization*, second edition, Springer, 2006.
