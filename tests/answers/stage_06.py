"""Answers to stage 06 that must lose points (WRONG) and that must not (RIGHT)."""

SGD_INIT = """class SGD(Optimizer):
    def __init__(self, params, lr=0.01, momentum=0.0, weight_decay=0.0, *, nesterov=False,
                 unbiased=False):
        super().__init__(params)
        self.lr, self.momentum, self.weight_decay = lr, momentum, weight_decay
        self.nesterov, self.unbiased = nesterov, unbiased
        self.t = 0
        self.u = {}

    def clip_grad_norm(self, max_norm=0.25):
        clip_grad_norm(self.params, max_norm)

"""

ADAM_INIT = """class Adam(Optimizer):
    def __init__(self, params, lr=0.01, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.0, *,
                 bias_correction=True):
        super().__init__(params)
        self.lr, self.beta1, self.beta2, self.eps = lr, beta1, beta2, eps
        self.weight_decay, self.bias_correction = weight_decay, bias_correction
        self.t = 0
        self.u, self.v = {}, {}

"""

OWN_GRADIENT = ("decayed_gradient(param, self.weight_decay)", "param.grad.data")
GRAPH_GRADIENT = (
    "decayed_gradient(param, self.weight_decay).numpy()",
    "param.grad + self.weight_decay * param",
)
IN_PLACE = (
    "            grad = decayed_gradient(param, self.weight_decay).numpy()\n",
    "            grad = param.grad.numpy()\n"
    "            grad += (self.weight_decay * param.numpy()).astype(grad.dtype)\n"
    "            grad = grad.astype(param.dtype)\n",
)

WRONG = {
    "decayed-gradient": {
        "no decay": [("weight_decay * param.numpy()", "0 * param.numpy()")],
        "the decay is subtracted": [
            ("+ weight_decay * param.numpy()", "- weight_decay * param.numpy()"),
        ],
        "the decay shrinks the gradient": [
            ("+ weight_decay * param.numpy()", "* (1 - weight_decay)"),
        ],
        "twice the decay": [
            ("weight_decay * param.numpy()", "2 * weight_decay * param.numpy()"),
        ],
        "the penalty instead of its gradient": [
            ("weight_decay * param.numpy()", "weight_decay / 2 * param.numpy() * param.numpy()"),
        ],
        "the sign of the weight": [
            ("weight_decay * param.numpy()", "weight_decay * np.sign(param.numpy())"),
        ],
        "the weight without its factor": [("weight_decay * param.numpy()", "param.numpy()")],
        "the gradient is changed in place": [
            ("grad = param.grad.numpy() + weight", "grad = param.grad.numpy()\n    grad += weight"),
        ],
        "the sum is written back to the gradient": [
            (
                "    return Tensor",
                "    param.grad = Tensor(grad, dtype=param.dtype, requires_grad=False)\n"
                "    return Tensor",
            ),
        ],
        "float64 out of float32": [("np.asarray(grad, dtype=param.dtype)", "np.asarray(grad)")],
        "always float32": [("dtype=param.dtype", 'dtype="float32"')],
        "a graph on the parameter": [
            (
                "    grad = ",
                "    return Tensor(param.grad, dtype=param.dtype) + weight_decay * param\n"
                "    grad = ",
            ),
        ],
        "a graph on the gradient": [
            ("    grad = ", "    return param.grad + weight_decay * param.data\n    grad = "),
        ],
    },
    "clip-grad-norm": {
        "a norm for each parameter": [
            (
                "            param.grad = param.grad.data * (max_norm / norm)",
                "            norm = np.linalg.norm(param.grad.numpy())\n"
                "            param.grad = param.grad.data * min(1.0, max_norm / norm)",
            ),
        ],
        "short gradients are stretched": [("if norm > max_norm:", "if norm > 0:")],
        "entries are clipped": [
            (
                "param.grad.data * (max_norm / norm)",
                "Tensor(np.clip(param.grad.numpy(), -max_norm, max_norm))",
            ),
        ],
        "divided by the norm only": [("(max_norm / norm)", "(1 / norm)")],
        "the square is not undone": [("norm = np.sqrt(np.sum(squares))", "norm = np.sum(squares)")],
        "the sum of the norms": [
            ("np.sqrt(np.sum(squares))", "np.sum(np.sqrt(squares))"),
        ],
        "the sum of absolute values": [
            ('.astype("float64") ** 2)', '.astype("float64").__abs__())'),
            ("np.sqrt(np.sum(squares))", "np.sum(squares)"),
        ],
        "the largest entry": [
            (
                'np.sum(param.grad.numpy().astype("float64") ** 2)',
                'np.max(param.grad.numpy().astype("float64") ** 2)',
            ),
            ("np.sqrt(np.sum(squares))", "np.sqrt(np.max(squares, initial=0))"),
        ],
        "the mean of the squares": [
            (
                'np.sum(param.grad.numpy().astype("float64") ** 2)',
                'np.mean(param.grad.numpy().astype("float64") ** 2)',
            ),
        ],
        "in place, so shared gradients shrink twice": [
            (
                "param.grad = param.grad.data * (max_norm / norm)",
                "param.grad.numpy()[...] *= max_norm / norm",
            ),
        ],
        "data assigned, so shared gradients shrink twice": [
            ("param.grad = param.grad.data", "param.grad.data = param.grad.data"),
        ],
        "parameters without a gradient crash": [
            ("[param for param in params if param.grad is not None]", "list(params)"),
        ],
        "squares overflow": [('.astype("float64")', "")],
        "float64 out of float32": [
            (
                "param.grad.data * (max_norm / norm)",
                'Tensor(param.grad.numpy().astype("float64") * (max_norm / norm))',
            ),
        ],
        "a missing gradient becomes zeros": [
            (
                "    found = [param for param in params if param.grad is not None]",
                "    found = list(params)\n"
                "    for param in found:\n"
                "        if param.grad is None:\n"
                "            param.grad = Tensor(np.zeros(param.shape), dtype=param.dtype)",
            ),
        ],
        "each parameter by its own norm, one after the other": [
            ("    if norm > max_norm:\n        for param in found:", "    for param in found:"),
            (
                "            param.grad = param.grad.data * (max_norm / norm)",
                "        norm = np.sqrt((param.grad.numpy().astype(float) ** 2).sum())\n"
                "        if norm > max_norm:\n"
                "            param.grad = param.grad.data * (max_norm / norm)",
            ),
        ],
        "the parameters walk out of an iterator": [
            (
                "    norm = np.sqrt(",
                "    found = [p for p in params if p.grad is not None]\n    norm = np.sqrt(",
            ),
        ],
        "the limit is ignored": [
            ("    found = [", "    max_norm = 0.25\n    found = ["),
        ],
    },
    "sgd": {
        "uphill": [("param.numpy() - self.lr", "param.numpy() + self.lr")],
        "no learning rate": [("self.lr * step", "step")],
        "momentum without 1 - beta": [("(1 - beta) * grad", "grad")],
        "beta and 1 - beta exchanged": [
            ("beta * before + (1 - beta) * grad", "(1 - beta) * before + beta * grad"),
        ],
        "no momentum": [("beta * before + (1 - beta) * grad", "grad + 0.0")],
        "the learning rate inside the average, twice": [
            ("(1 - beta) * grad", "(1 - beta) * self.lr * grad"),
        ],
        "the average starts at the gradient": [("self.u.get(i, 0)", "self.u.get(i, grad)")],
        "one average for all parameters": [
            ("self.u.get(i, 0)", "self.u.get(0, 0)"),
            ("self.u[i] =", "self.u[0] ="),
        ],
        "no weight decay": [OWN_GRADIENT],
        "weight decay twice": [
            (
                "Tensor(param.numpy() - self.lr * step)",
                "param.data - self.lr * (step + self.weight_decay * param.data)",
            ),
        ],
        "weight decay after the average": [
            OWN_GRADIENT,
            (
                "Tensor(param.numpy() - self.lr * step)",
                "param.data - self.lr * (step + self.weight_decay * param.data)",
            ),
        ],
        "weight decay without the learning rate": [
            OWN_GRADIENT,
            (
                "Tensor(param.numpy() - self.lr * step)",
                "param.data * (1 - self.weight_decay) - self.lr * step",
            ),
        ],
        "t is counted afterwards": [
            ("        self.t += 1\n", ""),
            (
                "            param.data = Tensor(param.numpy() - self.lr * step)",
                "            param.data = Tensor(param.numpy() - self.lr * step)\n"
                "        self.t += 1",
            ),
        ],
        "t is one too large": [("beta**self.t", "beta ** (self.t + 1)")],
        "t is counted for each parameter": [
            ("        self.t += 1\n", ""),
            ("            grad = decayed", "            self.t += 1\n            grad = decayed"),
        ],
        "t stays at 1": [("self.t += 1", "self.t = 1")],
        "always unbiased": [(" if self.unbiased else u", "")],
        "never unbiased": [("u / (1 - beta**self.t) if self.unbiased else u", "u")],
        "the corrected average is kept": [
            (
                "if self.unbiased else u\n",
                "if self.unbiased else u\n            self.u[i] = step\n",
            ),
        ],
        "the correction multiplies": [("u / (1 - beta**self.t)", "u * (1 - beta**self.t)")],
        "beta times t": [("beta**self.t", "beta * self.t")],
        "nesterov is ignored": [("step + u - before", "step")],
        "nesterov looks ahead by lr beta u": [
            ("step + u - before", "step + beta * (u - before)"),
        ],
        "nesterov forgets where the last look ahead was": [("step + u - before", "step + u")],
        "nesterov as other libraries have it": [
            ("step + u - before", "beta * u + (1 - beta) * grad"),
        ],
        "nesterov looks back": [("step + u - before", "step - u + before")],
        "a missing gradient crashes": [
            ("            if param.grad is None:\n                continue\n", ""),
        ],
        "a missing gradient ends the step": [("continue", "break")],
        "a missing gradient counts as zero": [
            ("                continue\n", "                param.grad = param.data * 0.0\n"),
        ],
        "the average forgets at a missing gradient": [
            (
                "                continue\n",
                "                self.u.pop(i, None)\n                continue\n",
            ),
        ],
        "a new parameter object": [
            (
                "param.data = Tensor(param.numpy() - self.lr * step)",
                "self.params[i] = param.data - self.lr * step",
            ),
        ],
        "the loop variable is rebound": [("param.data = Tensor(", "param = Tensor(")],
        "the state keeps the graph": [GRAPH_GRADIENT],
        "the state keeps a graph over copies of the gradient": [
            (
                "decayed_gradient(param, self.weight_decay).numpy()",
                "Tensor(param.grad, dtype=param.dtype) + self.weight_decay * param",
            ),
            ("param.numpy() - self.lr * step", "param.data - self.lr * step"),
        ],
        "the gradient is changed in place": [IN_PLACE],
        "the average is the gradient's array": [
            (
                "u = self.u[i] = beta * before + (1 - beta) * grad",
                "grad = param.grad\n"
                "            grad.numpy()[...] = ((1 - beta) * (grad.numpy() +\n"
                "                param.numpy()) + beta * before)\n"
                "            u = self.u[i] = grad.numpy().astype(param.dtype, copy=False)",
            ),
        ],
        "the learning rate inside the average": [
            ("(1 - beta) * grad", "(1 - beta) * (self.lr * grad)"),
            ("param.numpy() - self.lr * step", "param.numpy() - step"),
        ],
        "gradients are reset": [
            (
                "            param.data = Tensor(param.numpy() - self.lr * step)",
                "            param.data = Tensor(param.numpy() - self.lr * step)\n"
                "            param.grad = None",
            ),
        ],
        "float64 crashes a float32 model": [
            (
                "decayed_gradient(param, self.weight_decay)",
                "param.grad.data + self.weight_decay * param.data",
            ),
        ],
        "a float32 model becomes float64": [
            (
                "param.data = Tensor(param.numpy() - self.lr * step)",
                'param.cached_data = param.numpy().astype("float64") - self.lr * step',
            ),
        ],
        "nesterov by default": [("nesterov: bool = False", "nesterov: bool = True")],
        "another default learning rate": [("lr: float = 0.01", "lr: float = 0.1")],
        "only the first parameter": [
            ("enumerate(self.params)", "enumerate(self.params[:1])"),
        ],
    },
    "adam": {
        "uphill": [("param.numpy() - self.lr", "param.numpy() + self.lr")],
        "t is counted afterwards": [
            ("        self.t += 1\n", ""),
            ("self.lr / c1 * u", "self.lr * (u / c1)"),
            ("** 0.5 + self.eps))", "** 0.5 + self.eps))\n        self.t += 1"),
        ],
        "t starts at 2": [
            ("self.beta1**self.t", "self.beta1 ** (self.t + 1)"),
            ("self.beta2**self.t", "self.beta2 ** (self.t + 1)"),
        ],
        "t is counted for each parameter": [
            ("        self.t += 1\n", ""),
            ("            grad = decayed", "            self.t += 1\n            grad = decayed"),
        ],
        "t stays at 1": [("self.t += 1", "self.t = 1")],
        "no bias correction": [("if self.bias_correction:", "if False:")],
        "always corrected": [("if self.bias_correction:", "if True:")],
        "only the gradient's average is corrected": [
            ("                c2 = 1 - self.beta2**self.t\n", ""),
        ],
        "only the squares' average is corrected": [
            ("                c1 = 1 - self.beta1**self.t\n", ""),
        ],
        "both corrected with beta1": [("self.beta2**self.t", "self.beta1**self.t")],
        "the corrected averages are kept": [
            ("c1 = 1 - self.beta1**self.t", "u = self.u[i] = u / (1 - self.beta1**self.t)"),
            ("c2 = 1 - self.beta2**self.t", "v = self.v[i] = v / (1 - self.beta2**self.t)"),
        ],
        "eps inside the root": [("(v / c2) ** 0.5 + self.eps", "(v / c2 + self.eps) ** 0.5")],
        "eps is not used": [("** 0.5 + self.eps", "** 0.5 + 1e-8")],
        "eps before the correction": [
            ("((v / c2) ** 0.5 + self.eps)", "((v**0.5 + self.eps) / c2**0.5)"),
        ],
        "the larger of root and eps": [
            ("((v / c2) ** 0.5 + self.eps)", "np.maximum((v / c2) ** 0.5, self.eps)"),
        ],
        "no root": [("(v / c2) ** 0.5", "v / c2")],
        "no square": [("grad**2", "grad")],
        "the square of the weighted gradient": [
            ("(1 - self.beta2) * grad**2", "((1 - self.beta2) * grad) ** 2"),
        ],
        "the square of the average": [("grad**2", "u**2")],
        "momentum without 1 - beta": [("(1 - self.beta1) * grad", "grad")],
        "squares without 1 - beta": [("(1 - self.beta2) * grad**2", "grad**2")],
        "the betas exchanged": [
            (
                "self.lr, self.beta1, self.beta2, self.eps = lr, beta1, beta2, eps",
                "self.lr, self.beta2, self.beta1, self.eps = lr, beta1, beta2, eps",
            ),
        ],
        "no averages at all": [
            ("u, v = self.u[i], self.v[i]", "u, v = np.zeros_like(grad), self.v[i]"),
            ("(1 - self.beta1) * grad", "grad"),
        ],
        "one square for the whole parameter": [
            (
                "            param.data = ",
                "            v = np.full(v.shape, v.mean(), dtype=v.dtype)\n"
                "            param.data = ",
            ),
        ],
        "eps is left out": [("(v / c2) ** 0.5 + self.eps", "(v / c2) ** 0.5")],
        "the averages forget at a missing gradient": [
            (
                "                continue\n",
                "                self.u[i], self.v[i] = 0 * self.u[i], 0 * self.v[i]\n"
                "                continue\n",
            ),
        ],
        "a missing gradient counts as zero": [
            ("                continue\n", "                param.grad = param.data * 0.0\n"),
        ],
        "averages shared between parameters": [
            ("u, v = self.u[i], self.v[i]", "u, v = self.u[0], self.v[0]"),
        ],
        "no weight decay": [OWN_GRADIENT],
        "weight decay beside the averages": [
            OWN_GRADIENT,
            (
                "param.numpy() - self.lr",
                "(1 - self.lr * self.weight_decay) * param.numpy() - self.lr",
            ),
        ],
        "weight decay twice": [
            (
                "param.numpy() - self.lr",
                "(1 - self.lr * self.weight_decay) * param.numpy() - self.lr",
            ),
        ],
        "the decay misses the squares": [("grad**2", "param.grad.numpy() ** 2")],
        "a missing gradient crashes": [
            ("            if param.grad is None:\n                continue\n", ""),
        ],
        "a missing gradient ends the step": [("continue", "break")],
        "a new parameter object": [
            ("param.data = Tensor(", "self.params[i] = Tensor("),
        ],
        "the loop variable is rebound": [("param.data = Tensor(", "param = Tensor(")],
        "the state keeps the graph": [
            GRAPH_GRADIENT,
            ("u, v = self.u[i], self.v[i]", "u, v = Tensor(self.u[i]), Tensor(self.v[i])"),
            ("u *= ", "u = u * "),
            ("u += ", "u = self.u[i] = u + "),
            ("v *= ", "v = v * "),
            ("v += ", "v = self.v[i] = v + "),
        ],
        "the gradient is changed in place": [IN_PLACE],
        "gradients are reset": [
            ("** 0.5 + self.eps))", "** 0.5 + self.eps))\n            param.grad = None"),
        ],
        "float64 crashes a float32 model": [
            (
                "decayed_gradient(param, self.weight_decay)",
                "(param.grad.data + self.weight_decay * param.data)",
            ),
            ("            u *= self.beta1\n            u += ", "            u = u * self.beta1 + "),
            ("            v *= self.beta2\n            v += ", "            v = v * self.beta2 + "),
            (
                "            c1 = c2 = 1.0\n",
                "            self.u[i], self.v[i] = u, v\n            c1 = c2 = 1.0\n",
            ),
        ],
        "another default": [("beta2: float = 0.999", "beta2: float = 0.99")],
        "numbered among those that have a gradient": [
            (
                "        for i, param in enumerate(self.params):\n"
                "            if param.grad is None:\n                continue\n",
                "        there = [param for param in self.params if param.grad is not None]\n"
                "        for i, param in enumerate(there):\n",
            ),
        ],
        "the learning rate inside the average": [
            ("u += (1 - self.beta1) * grad", "u += (1 - self.beta1) * (self.lr * grad)"),
            ("self.lr / c1 * u", "u / c1"),
        ],
        "no correction by default": [
            ("bias_correction: bool = True", "bias_correction: bool = False"),
        ],
    },
    "hessian": {
        "only the diagonal": [("    return rows", "    return np.diag(np.diag(rows))")],
        "sums of the rows": [
            ("    return rows", "    return np.diag(rows.sum(axis=1))"),
        ],
        "the outer product of the gradient": [
            (
                "    return rows",
                "    return np.outer(grad.numpy(), grad.numpy()).astype(theta.dtype)",
            ),
        ],
        "what was left in grad": [("        x.grad = None\n", "")],
        "a linear function crashes": [
            ("if grad is not None and grad.requires_grad:", "if True:"),
        ],
        "no graph on the gradient": [("create_graph=True", "create_graph=False")],
        "the gradient is overwritten": [
            (
                "            grad.backward(",
                "            grad = grad if x.grad is None else x.grad\n            grad.backward(",
            ),
            ("        x.grad = None\n", ""),
        ],
        "the parameter's gradient is lost": [("x = Tensor(theta)", "x = theta")],
        "half of it": [("    return rows", "    return rows / 2")],
        "negated": [("    return rows", "    return -rows")],
        "the identity": [("    return rows", "    return units")],
        "always float64": [("dtype=theta.dtype", 'dtype="float64"')],
        "rows are numbered by the first axis": [
            ("theta.numpy().size", "theta.shape[0]"),
        ],
        "unit vectors in column-major order": [
            ("unit.reshape(theta.shape)", 'unit.reshape(theta.shape, order="F").copy()'),
        ],
        "a tensor instead of an array": [("    return rows", "    return Tensor(rows)")],
        "kept in the shape of theta": [
            ("    return rows", "    return rows.reshape(theta.shape * 2)"),
        ],
    },
    "newton-step": {
        "a gradient step": [
            ("np.linalg.solve(hessian(f, theta), x.grad.numpy().reshape(-1))", "x.grad.numpy()"),
        ],
        "the Hessian is not inverted": [
            ("np.linalg.solve(hessian(f, theta),", "np.dot(hessian(f, theta),")
        ],
        "uphill": [("theta.data - lr", "theta.data + lr")],
        "no learning rate": [("lr * Tensor", "Tensor")],
        "only the diagonal": [
            (
                "np.linalg.solve(hessian(f, theta),",
                "np.linalg.solve(np.diag(np.diag(hessian(f, theta))),",
            ),
        ],
        "curvatures made positive": [
            (
                "    step = ",
                "    values, vectors = np.linalg.eigh(hessian(f, theta))\n"
                "    matrix = (vectors * abs(values)) @ vectors.T\n"
                "    step = ",
            ),
            ("np.linalg.solve(hessian(f, theta),", "np.linalg.solve(matrix,"),
        ],
        "damped": [
            (
                "np.linalg.solve(hessian(f, theta),",
                "np.linalg.solve(\n"
                "        hessian(f, theta) + np.eye(theta.numpy().size, dtype=theta.dtype),",
            ),
        ],
        "the gradient is negated as well": [
            ("x.grad.numpy().reshape(-1)", "-x.grad.numpy().reshape(-1)")
        ],
        "least squares for a singular Hessian": [
            (
                "np.linalg.solve(hessian(f, theta), x.grad.numpy().reshape(-1))",
                "np.linalg.lstsq(\n"
                "        hessian(f, theta), x.grad.numpy().ravel(), rcond=None\n"
                "    )[0]",
            ),
        ],
        "the pseudo-inverse for a singular Hessian": [
            (
                "np.linalg.solve(hessian(f, theta), x.grad.numpy().reshape(-1))",
                "np.linalg.pinv(hessian(f, theta)) @ x.grad.numpy().reshape(-1)",
            ),
        ],
        "no step where the Hessian is singular": [
            (
                "    step = np.linalg.solve(hessian(f, theta), x.grad.numpy().reshape(-1))",
                "    H, g = hessian(f, theta), x.grad.numpy().reshape(-1)\n"
                "    if np.linalg.det(H) == 0:\n"
                "        return\n"
                "    step = np.linalg.solve(H, g)",
            ),
        ],
        "theta is rebound": [("theta.data = theta.data", "theta = theta.data")],
        "an old gradient of theta": [
            (
                "x.grad.numpy().reshape(-1)",
                "(theta if theta.grad is not None else x).grad.numpy().reshape(-1)",
            ),
        ],
        "theta's gradient is replaced": [("x = Tensor(theta)", "x = theta")],
        "two steps": [
            (
                "    theta.data = theta.data - lr",
                "    theta.data = theta.data - lr * Tensor(step.reshape(theta.shape))\n"
                "    theta.data = theta.data - lr",
            ),
        ],
        "transposed in between": [
            ("step.reshape(theta.shape)", 'step.reshape(theta.shape, order="F").copy()'),
        ],
        "float64 out of float32": [
            (
                "theta.data = theta.data - lr * Tensor(step.reshape(theta.shape))",
                "theta.cached_data = theta.numpy() - lr * step.reshape(theta.shape).astype(float)",
            ),
        ],
    },
}

RIGHT = {
    "decayed-gradient": {
        "in NumPy": """def decayed_gradient(param, weight_decay=0.0):
    g = param.grad.numpy().astype(param.dtype)
    return Tensor(g + weight_decay * param.numpy(), dtype=param.dtype, requires_grad=False)
""",
        "the gradient itself where there is no decay": """
def decayed_gradient(param, weight_decay=0.0):
    grad = param.grad.detach()
    if grad.dtype != param.dtype:
        grad = Tensor(grad, dtype=param.dtype, requires_grad=False)
    if weight_decay == 0:
        return grad
    return grad + param.detach() * weight_decay
""",
        "summed first, converted afterwards": """def decayed_gradient(param, weight_decay=0.0):
    total = param.grad.numpy() + param.numpy() * weight_decay
    return Tensor(np.asarray(total), dtype=param.dtype).detach()
""",
        "in place on a copy": """def decayed_gradient(param, weight_decay=0.0):
    array = np.array(param.grad.numpy(), dtype=param.dtype)
    array += np.multiply(weight_decay, param.numpy(), dtype=param.dtype)
    return Tensor(array, requires_grad=False)
""",
    },
    "clip-grad-norm": {
        "the norm of the norms": """def clip_grad_norm(params, max_norm=0.25):
    params = [p for p in params if p.grad is not None]
    norms = [np.linalg.norm(p.grad.numpy().astype(float).ravel()) for p in params]
    total = np.linalg.norm(np.array(norms))
    factor = min(1.0, max_norm / (total + 1e-6))
    for p in params:
        p.grad = p.grad.detach() * factor
""",
        "one long vector": """def clip_grad_norm(params, max_norm=0.25):
    params = list(params)
    grads = [p.grad.numpy().reshape(-1) for p in params if p.grad is not None]
    if not grads:
        return
    norm = float(np.linalg.norm(np.concatenate(grads).astype(np.float64)))
    if norm <= max_norm:
        return
    for p in params:
        if p.grad is not None:
            scaled = (p.grad.numpy() * (max_norm / norm)).astype(p.grad.dtype)
            p.grad = Tensor(scaled, requires_grad=False)
""",
        "loops and math": """def clip_grad_norm(params, max_norm=0.25):
    import math
    params, total = list(params), 0.0
    for p in params:
        if p.grad is not None:
            for entry in p.grad.numpy().flat:
                total += float(entry) ** 2
    norm = math.sqrt(total)
    if norm > max_norm:
        for p in params:
            if p.grad is not None:
                p.grad = p.grad.data / (norm / max_norm)
""",
        "the norm is returned too": """def clip_grad_norm(params, max_norm=0.25):
    grads = {p: p.grad for p in params if p.grad is not None}
    arrays = [g.numpy().astype("f8") for g in grads.values()]
    norm = sum(float(np.vdot(array, array)) for array in arrays) ** 0.5
    for p, g in grads.items():
        p.grad = g.data * float(max_norm / max(norm, max_norm))
    return norm
""",
    },
    "sgd": {
        "NumPy arrays in a list": SGD_INIT.replace(
            "self.u = {}", "self.u = [np.zeros(p.shape, p.dtype) for p in self.params]"
        )
        + """    def step(self):
        self.t += 1
        for i, p in enumerate(self.params):
            if p.grad is not None:
                g = p.grad.numpy().astype(p.dtype) + self.weight_decay * p.numpy()
                old, self.u[i] = self.u[i], self.momentum * self.u[i] + (1 - self.momentum) * g
                new = self.u[i]
                theta = p.numpy() + (self.lr * old if self.nesterov else 0)
                scale = 1 - self.momentum ** self.t if self.unbiased else 1
                theta = theta - self.lr * new / scale
                p.data = Tensor(theta - (self.lr * new if self.nesterov else 0), dtype=p.dtype)
""",
        "in the parameter's own array": SGD_INIT
        + """    def step(self):
        for param in self.params:
            if param.grad is None:
                continue
            array = param.numpy()
            g = param.grad.numpy().astype(array.dtype) + self.weight_decay * array
            u = self.u.setdefault(param, np.zeros_like(array))
            if self.nesterov:
                array += self.lr * u
            u *= self.momentum
            u += (1 - self.momentum) * g
            array -= self.lr * u / (1 - self.momentum ** (self.t + 1) if self.unbiased else 1)
            if self.nesterov:
                array -= self.lr * u
        self.t = self.t + 1
""",
        "theta kept beside the parameter": SGD_INIT.replace(
            "self.u = {}", "self.u, self.theta = {}, {}"
        )
        + """    def step(self):
        beta = self.momentum
        self.t += 1
        for param in filter(lambda p: p.grad is not None, self.params):
            grad = decayed_gradient(param, self.weight_decay)
            if id(param) not in self.u:
                self.u[id(param)] = param.data * 0
                self.theta[id(param)] = param.data
            u = self.u[id(param)] * beta + grad - beta * grad
            theta = self.theta[id(param)] if self.nesterov else param.data
            if self.unbiased:
                theta = theta - u * (self.lr / (1 - beta ** self.t))
            else:
                theta = theta - u * self.lr
            self.u[id(param)], self.theta[id(param)] = u, theta
            param.data = theta - self.lr * u if self.nesterov else theta
""",
        "small methods": SGD_INIT
        + """    def step(self):
        self.t += 1
        for i, param in enumerate(self.params):
            if param.grad is not None:
                before = self.u.get(i, Tensor(np.zeros(param.shape, param.dtype)).data)
                self.u[i] = self.average(before, decayed_gradient(param, self.weight_decay))
                param.data = param.data - self.change(before, self.u[i])

    def average(self, u, grad):
        return grad + self.momentum * (u - grad)

    def change(self, before, u):
        ahead = self.lr * (u - before) if self.nesterov else 0
        return self.lr * u / (1 - self.momentum ** self.t if self.unbiased else 1.0) + ahead
""",
    },
    "adam": {
        "NumPy arrays in lists": ADAM_INIT.replace(
            "self.u, self.v = {}, {}",
            "self.u, self.v = ([np.zeros(p.shape, p.dtype) for p in self.params] for _ in 'uv')",
        )
        + """    def step(self):
        self.t += 1
        c1 = 1 - self.beta1 ** self.t if self.bias_correction else 1
        c2 = 1 - self.beta2 ** self.t if self.bias_correction else 1
        for i, p in enumerate(self.params):
            if p.grad is not None:
                g = (p.grad.numpy() + self.weight_decay * p.numpy()).astype(p.dtype)
                self.u[i] = self.beta1 * self.u[i] + (1 - self.beta1) * g
                self.v[i] = self.beta2 * self.v[i] + (1 - self.beta2) * np.square(g)
                change = self.u[i] / c1 / (np.sqrt(self.v[i] / c2) + self.eps)
                p.data = Tensor(p.numpy() - self.lr * change, dtype=p.dtype)
""",
        "in the parameter's own array": ADAM_INIT
        + """    def step(self):
        self.t += 1
        for p in self.params:
            if p.grad is None:
                continue
            w = p.numpy()
            g = p.grad.numpy().astype(w.dtype) + self.weight_decay * w
            u = self.u.setdefault(p, np.zeros_like(w))
            v = self.v.setdefault(p, np.zeros_like(w))
            u += (1 - self.beta1) * (g - u)
            v += (1 - self.beta2) * (g * g - v)
            hat_u = u / (1 - self.beta1 ** self.t) if self.bias_correction else u
            hat_v = v / (1 - self.beta2 ** self.t) if self.bias_correction else v
            w -= self.lr * hat_u / (np.sqrt(hat_v) + self.eps)
""",
        "the corrections moved into lr and eps": ADAM_INIT
        + """    def step(self):
        self.t += 1
        lr, eps = self.lr, self.eps
        if self.bias_correction:
            root = (1 - self.beta2 ** self.t) ** 0.5
            lr, eps = lr * root / (1 - self.beta1 ** self.t), eps * root
        for i, param in enumerate(self.params):
            if param.grad is None:
                continue
            grad = decayed_gradient(param, self.weight_decay)
            zero = param.data * 0.0
            self.u[i] = self.u.get(i, zero) * self.beta1 + grad * (1 - self.beta1)
            self.v[i] = self.v.get(i, zero) * self.beta2 + grad * grad * (1 - self.beta2)
            param.data = param.data - lr * (self.u[i] / (self.v[i] ** 0.5 + eps))
""",
        "small methods": ADAM_INIT
        + """    def average(self, state, key, value, beta):
        state[key] = beta * state[key] + (1 - beta) * value if key in state else (1 - beta) * value
        return state[key] / (1 - beta ** self.t) if self.bias_correction else state[key]

    def step(self):
        self.t += 1
        for param in self.params:
            if param.grad is not None:
                g = decayed_gradient(param, self.weight_decay)
                u = self.average(self.u, id(param), g, self.beta1)
                v = self.average(self.v, id(param), g * g, self.beta2)
                param.data = param.data - u / (v ** 0.5 + self.eps) * self.lr
""",
    },
    "hessian": {
        "each row from a fresh graph": """def hessian(f, theta):
    n = theta.numpy().size
    result = np.zeros((n, n), theta.dtype)
    for i in range(n):
        x = Tensor(theta.numpy().copy())
        f(x).backward(create_graph=True)
        grad, x.grad = x.grad, None
        if not grad.requires_grad:
            continue
        direction = np.zeros(n, theta.dtype)
        direction[i] = 1
        (grad * Tensor(direction.reshape(x.shape), requires_grad=False)).sum().backward()
        if x.grad is not None:
            result[i] = x.grad.numpy().ravel()
    return result
""",
        "a tensor, by columns": """def hessian(f, theta):
    x = Tensor(theta.numpy())
    f(x).backward(create_graph=True)
    grad, columns = x.grad, []
    for i in range(theta.numpy().size):
        out = np.zeros_like(theta.numpy())
        out.reshape(-1)[i] = 1
        x.grad = Tensor(np.zeros_like(out))
        if grad.requires_grad:
            grad.backward(Tensor(out))
        columns.append(x.grad.numpy().reshape(-1).copy())
    return Tensor(np.stack(columns, axis=1)).numpy()
""",
        "a term that always depends on x": """def hessian(f, theta):
    x = Tensor(theta)
    f(x).sum().backward(create_graph=True)
    grad = x.grad + 0 * x
    rows = []
    for unit in np.identity(x.numpy().size, dtype=x.dtype):
        grad.backward(Tensor(unit.reshape(x.shape), requires_grad=False))
        rows.append(x.grad.numpy().flatten())
    return np.array(rows, dtype=theta.dtype)
""",
    },
    "newton-step": {
        "by elimination, with a look at the rank": """def newton_step(f, theta, lr=1.0):
    x = Tensor(theta.numpy().copy())
    f(x).backward()
    H, g = hessian(f, theta), x.grad.numpy().ravel()
    if np.linalg.matrix_rank(H) < len(H):
        raise np.linalg.LinAlgError("the Hessian is singular")
    d = np.linalg.lstsq(H, g, rcond=None)[0]
    theta.data = Tensor(theta.numpy() - lr * d.reshape(theta.shape), dtype=theta.dtype)
""",
        "with the inverse": """def newton_step(f, theta, lr=1.0):
    x = Tensor(theta)
    f(x).backward()
    inverse = Tensor(np.linalg.inv(hessian(f, theta)), requires_grad=False)
    step = (inverse @ x.grad.reshape((x.numpy().size, 1))).reshape(theta.shape)
    theta.data = theta.data - step * lr
""",
        "in theta's own array": """def newton_step(f, theta, lr=1.0):
    kept = theta.grad
    f(theta).backward()
    grad, theta.grad = theta.grad.numpy().astype("float64"), kept
    array = theta.numpy()
    array -= (lr * np.linalg.solve(hessian(f, theta), grad.reshape(-1)).reshape(array.shape))
""",
    },
}
