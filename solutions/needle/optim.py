# %% optim-module
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


# %% decayed-gradient
def decayed_gradient(param: Tensor, weight_decay: float = 0.0) -> Tensor:
    r"""The gradient of the loss plus $\lambda/2$ times the square of the parameter's norm.

    $g + \lambda \theta$ with g = `param.grad`, which is not None, theta = `param` and
    $\lambda$ = `weight_decay`. It has the shape and the dtype of `param` and is part of no graph;
    `param` and `param.grad` are left as they were.
    """
    demand_gradient(param)
    grad = param.grad.numpy() + weight_decay * param.numpy()
    return Tensor.make_const(np.asarray(grad, dtype=param.dtype))


# %% clip-grad-norm
def clip_grad_norm(params: Iterable[Tensor], max_norm: float = 0.25) -> None:
    r"""Scale all gradients by one factor, so that their common norm is at most `max_norm`.

    $g \leftarrow g \min(1, m / \|g\|)$, where $\|g\|$ is the root of the sum of the squares of
    all entries of all gradients, summed in float64. Each clipped gradient is a new tensor of the
    old one's dtype, because two parameters may share one; parameters without a gradient are
    skipped and stay without one, and if none has a gradient, nothing happens. `params` may be an
    iterator, which can be walked only once.

    Source: Pascanu, Mikolov and Bengio (2013), algorithm 1.
    """
    found = [param for param in params if param.grad is not None]
    squares = [np.sum(param.grad.numpy().astype("float64") ** 2) for param in found]
    norm = np.sqrt(np.sum(squares))
    if norm > max_norm:
        for param in found:
            param.grad = param.grad.data * (max_norm / norm)


# %% sgd
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


# %% adam
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


# %% hessian
def hessian(f: Callable[[Tensor], Tensor], theta: Tensor) -> np.ndarray:
    r"""The matrix of second derivatives of f at theta.

    $H_{ij} = \partial^2 f / \partial \theta_i \partial \theta_j$, with the n entries of theta
    counted in row-major order; theta may have any shape, () too. f maps a tensor of theta's shape
    to a tensor with one entry; the result is an array, not a tensor, of shape (n, n) and theta's
    dtype. `theta` and `theta.grad` are left as they were.
    """
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


# %% newton-step
def newton_step(f: Callable[[Tensor], Tensor], theta: Tensor, lr: float = 1.0) -> None:
    r"""Move theta in place by Newton's step for f.

    $\theta \leftarrow \theta - \mu H^{-1} g$, where g and H are the gradient and the Hessian of f
    at theta and $\mu$ = `lr`. theta may have any shape and keeps its dtype; `theta.grad` is left
    as it was. Raises np.linalg.LinAlgError if H is singular.
    Source: Nocedal and Wright (2006), section 3.3.
    """
    x = Tensor(theta)
    f(x).backward()
    step = np.linalg.solve(hessian(f, theta), x.grad.numpy().reshape(-1))
    theta.data = theta.data - lr * Tensor(step.reshape(theta.shape))
