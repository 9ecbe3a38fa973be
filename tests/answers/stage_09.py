"""Answers to stage 09 that must lose points (WRONG) and that must not (RIGHT)."""

Edits = list[tuple[str, str]]

FORWARD = "shortest(clock, repeats, copy(node.op).compute, *arrays)"
BACKWARD = "shortest(clock, repeats, node.op.gradient, node.grad, node)"
LINEAR = "return x_grad, rows.T @ g_rows, sum_rows(g_rows)[None]"
X_GRAD = "g @ weight.T if x.requires_grad else None"
FACTOR = "np.multiply(self.keep, 1 / (1 - self.p), dtype=x.dtype)"
MAXIMUM = " - logits.max(axis=1, keepdims=True)"
LOSS = "(np.log(sums) - right_logits).sum() / len(logits)"
RIGHT_CLASS = "        logits_grad[np.arange(n), self.labels] -= g / n\n"
ROW_MEAN = " - (sum_columns(x) / dim)[:, None]"
ROW_VAR = "np.vecdot(deviation, deviation) / dim"
ROW_STD = "np.sqrt(var + self.eps)"
THROUGH_VAR = "        x_grad -= np.multiply(self.normalized, through_var, out=products)\n"
THROUGH_MEAN = "        x_grad -= through_mean\n"
COLUMN_VAR = "sum_rows(self.deviation * self.deviation) / n"
COLUMN_STD = "np.sqrt(self.var + self.eps)"
SHIFTED = "        x_grad -= bias_grad / n\n"
DECAYED = "grad += np.multiply(theta, self.weight_decay, out=scratch)"
U = "u += np.multiply(grad, 1 - self.beta1, out=scratch)"
V = "v += np.multiply(grad, 1 - self.beta2, out=grad)"
EPS = "        scratch += self.eps\n"
ROOT_CORRECTED = "        scratch *= correct2**-0.5\n"

WRONG: dict[str, dict[str, Edits]] = {
    "profile": {
        "the backward pass is not counted": [
            (f"            cost.backward += {BACKWARD}", "            pass")
        ],
        "the forward pass is not counted": [(f"        cost.forward += {FORWARD}\n", "")],
        "the last call of each kind only": [
            ("cost.forward += shortest", "cost.forward = shortest"),
            ("cost.backward += shortest", "cost.backward = shortest"),
        ],
        "the bytes of the last call only": [("cost.moved += ", "cost.moved = ")],
        "the bytes of the output only": [
            ("bytes_moved(node)", "nbytes(node.realize_cached_data())")
        ],
        "views move bytes too": [
            (
                "bytes_moved(node)",
                "sum(nbytes(x.cached_data) for x in (node, *node.inputs))",
            )
        ],
        "the gradient builds a graph": [("with no_grad():", "if True:")],
        "compute runs under no_grad only, gradient outside": [
            (f"        cost.forward += {FORWARD}\n        with no_grad():\n", ""),
            (
                f"            cost.backward += {BACKWARD}",
                f"        with no_grad():\n            cost.forward += {FORWARD}\n"
                f"        cost.backward += {BACKWARD}",
            ),
        ],
        "one call instead of the shortest": [
            ("shortest(clock, repeats, copy", "shortest(clock, 1, copy")
        ],
        "repeats is ignored": [("shortest(clock, repeats, copy", "shortest(clock, 5, copy")],
        "a clock of its own": [
            ("shortest(clock, repeats, copy", "shortest(time.perf_counter, repeats, copy")
        ],
        "the op itself computes again": [("copy(node.op).compute", "node.op.compute")],
        "the last op only": [("find_topo_sort([loss])", "[loss]")],
        "the leaves are counted": [
            (
                "        if node.op is None:\n            continue\n",
                "        costs.setdefault(type(node.op).__name__, Cost())\n"
                "        if node.op is None:\n            continue\n",
            )
        ],
        "each call an entry of its own": [
            ("type(node.op).__name__, Cost())", "f'{type(node.op).__name__}{len(costs)}', Cost())")
        ],
        "calls are not counted": [("        cost.calls += 1\n", "")],
    },
    "fast-linear": {
        "the bias is missing": [("        y += bias\n", "")],
        "the bias is subtracted": [("y += bias", "y -= bias")],
        "the weight is transposed": [("g @ weight.T if", "g @ weight.reshape(weight.T.shape) if")],
        "the weight's gradient is transposed": [("rows.T @ g_rows", "(g_rows.T @ rows)")],
        "the weight's gradient is a mean": [("rows.T @ g_rows", "rows.T @ g_rows / len(g_rows)")],
        "the bias's gradient is a mean": [
            ("sum_rows(g_rows)[None]", "sum_rows(g_rows)[None] / len(g_rows)")
        ],
        "the bias's gradient has no axis in front": [
            ("sum_rows(g_rows)[None]", "sum_rows(g_rows)")
        ],
        "the bias's gradient is a column": [
            ("sum_rows(g_rows)[None]", "sum_rows(g_rows)[:, None]")
        ],
        "the bias's gradient is out_grad": [("sum_rows(g_rows)[None]", "g")],
        "the bias's gradient sums the wrong axis": [
            ("sum_rows(g_rows)[None]", "np.resize(g_rows.sum(1), (1, g_rows.shape[1]))")
        ],
        "matrices only": [
            ("x.numpy().reshape(-1, len(weight)), g.reshape(-1, g.shape[-1])", "x.numpy(), g")
        ],
        "out_grad is ignored": [
            ("g.reshape(-1, g.shape[-1])", "np.ones_like(g).reshape(-1, g.shape[-1])")
        ],
        "the gradient of the data is computed too": [(X_GRAD, "g @ weight.T")],
        "the input has never a gradient": [(X_GRAD, "None")],
        "out_grad is overwritten": [
            (
                LINEAR,
                "grads = x_grad, rows.T @ g_rows, sum_rows(g_rows)[None]\n        g *= 0\n"
                "        return grads",
            )
        ],
        "the bias is changed in place": [
            ("        y += bias\n", "        bias += y.sum() * 0 + 1\n        y += bias - 1\n")
        ],
        "float64 out of float32": [("y += bias", 'y = (y + bias).astype("float64")')],
    },
    "fast-dropout": {
        "the survivors are not rescaled": [(FACTOR, "np.multiply(self.keep, 1, dtype=x.dtype)")],
        "divided by p": [("1 / (1 - self.p)", "1 / max(self.p, 1e-3)")],
        "multiplied by 1 - p": [("1 / (1 - self.p)", "(1 - self.p)")],
        "the dropped survive": [("np.multiply(self.keep,", "np.multiply(~self.keep,")],
        "the gradient is not rescaled": [("(g * self.factor,)", "(g * self.keep,)")],
        "the gradient reaches what was dropped": [
            ("(g * self.factor,)", "(g / np.asarray(1 - self.p, g.dtype),)")
        ],
        "the factor enters the gradient twice": [
            ("(g * self.factor,)", "(g * self.factor * self.factor,)")
        ],
        "the mask from the output": [
            ("(g * self.factor,)", "(g * (node.numpy() != 0) * self.factor.max(),)")
        ],
        "the gradient by the input": [
            ("(g * self.factor,)", "(g * self.factor * node.inputs[0].numpy(),)")
        ],
        "out_grad is ignored": [("(g * self.factor,)", "(self.factor,)")],
        "out_grad is changed in place": [
            ("return (g * self.factor,)", "g *= self.factor\n        return (g,)")
        ],
        "the input is changed in place": [
            ("return x * self.factor", "x *= self.factor\n        return x")
        ],
        "the factors belong to the class": [
            ("self.factor = np", "type(self).factor = np"),
        ],
        "float64 out of float32": [("dtype=x.dtype", 'dtype="float64"')],
    },
    "fast-softmax-loss": {
        "the maximum is not subtracted": [(MAXIMUM, " * 1")],
        "the maximum of the whole batch": [(MAXIMUM, " - logits.max()")],
        "the maximum of the columns": [(MAXIMUM, " - logits.max(axis=0)")],
        "the logit before the shift": [
            ("right_logits = shifted[rows", "right_logits = logits[rows")
        ],
        "the sum for the mean": [(LOSS, "(np.log(sums) - right_logits).sum()")],
        "the sign of the loss": [(LOSS, "(right_logits - np.log(sums)).sum() / len(logits)")],
        "the logarithm is forgotten": [(LOSS, "(sums - right_logits).sum() / len(logits)")],
        "the exponentials are not divided": [("np.divide(exps, sums[:, None], out=exps)", "exps")],
        "the exponentials are divided by the columns": [
            ("np.divide(exps, sums[:, None], out=exps)", "exps / exps.sum(axis=0)")
        ],
        "the right class is not subtracted": [(RIGHT_CLASS, "")],
        "the gradient is not divided by n": [
            ("self.softmax * (g / n)", "self.softmax * g"),
            ("-= g / n", "-= g"),
        ],
        "the softmax alone is divided by n": [("-= g / n", "-= g")],
        "divided by the number of classes": [
            ("n = len(self.labels)", "n = self.softmax.shape[1]"),
            ("np.arange(n)", "np.arange(len(self.labels))"),
        ],
        "out_grad is ignored": [
            ("self.softmax * (g / n)", "self.softmax / n"),
            ("-= g / n", "-= 1 / n"),
        ],
        "out_grad is ignored in the right class": [("-= g / n", "-= 1 / n")],
        "the kept softmax is overwritten": [
            (
                "logits_grad = self.softmax * (g / n)",
                "logits_grad = self.softmax\n        logits_grad *= g / n",
            )
        ],
        "the logits are changed in place": [
            (
                "shifted = logits -",
                "logits -= logits.max(axis=1, keepdims=True)\n        shifted = logits -",
            ),
        ],
        "float64 out of float32": [(LOSS, f'({LOSS}).astype("float64")')],
    },
    "fast-layernorm": {
        "the mean is not subtracted": [(ROW_MEAN, " * 1")],
        "the variance with n - 1": [(ROW_VAR, ROW_VAR.replace("/ dim", "/ max(dim - 1, 1)"))],
        "the variance is the sum of the squares": [(ROW_VAR, ROW_VAR.replace(" / dim", ""))],
        "eps outside the root": [(ROW_STD, "(np.sqrt(var) + self.eps)")],
        "eps forgotten": [(ROW_STD, "np.sqrt(var)")],
        "eps of its own": [(ROW_STD, "np.sqrt(var + 1e-5)")],
        "divided by the variance": [(ROW_STD, "(var + self.eps)")],
        "the weight is missing": [("self.normalized * weight\n", "self.normalized * 1\n")],
        "the bias is missing": [("        y += bias\n", "")],
        "the mean is a constant to the gradient": [(THROUGH_MEAN, "")],
        "the variance is a constant to the gradient": [(THROUGH_VAR, "")],
        "mean and variance are constants to the gradient": [
            (THROUGH_VAR, ""),
            (THROUGH_MEAN, ""),
        ],
        "the gradient is not divided by the deviation": [("        x_grad /= self.std\n", "")],
        "the gradient is divided by the variance": [
            ("x_grad /= self.std", "x_grad /= self.std**2")
        ],
        "the weight is missing in the gradient of x": [
            ("x_grad = g * weight.numpy()", "x_grad = g * 1")
        ],
        "the weight is missing in the means": [
            ("products @ weight.numpy()", "products.sum(1)"),
            ("g @ weight.numpy()", "g.sum(1)"),
        ],
        "sums instead of means": [
            ("(products @ weight.numpy() / dim)", "(products @ weight.numpy())"),
            ("(g @ weight.numpy() / dim)", "(g @ weight.numpy())"),
        ],
        "the sign of the mean's part": [("x_grad -= through_mean", "x_grad += through_mean")],
        "the weight's gradient without the normalized row": [
            ("weight_grad, bias_grad = sum_rows(products)", "weight_grad, bias_grad = sum_rows(g)")
        ],
        "the weight's gradient by the input": [
            (
                "weight_grad, bias_grad = sum_rows(products)",
                "weight_grad, bias_grad = sum_rows(g * x.numpy())",
            )
        ],
        "the bias's gradient is a mean": [("sum_rows(g)", "sum_rows(g) / len(g)")],
        "what was kept is overwritten": [
            (
                "self.normalized, through_var, out=products",
                "self.normalized, through_var, out=self.normalized",
            )
        ],
        "out_grad is overwritten": [
            ("x_grad = g * weight.numpy()", "x_grad = np.multiply(g, weight.numpy(), out=g)")
        ],
        "the input is changed in place": [
            (
                f"deviation = x{ROW_MEAN}",
                "x -= (sum_columns(x) / dim)[:, None]\n        deviation = x * 1",
            ),
        ],
        "out_grad is ignored": [
            ("        products = g *", "        g = np.ones_like(g)\n        products = g *")
        ],
    },
    "fast-batchnorm": {
        "the rows are averaged": [
            ("sum_rows(x) / n", "np.resize(x.mean(1), x.shape[1]).astype(x.dtype)")
        ],
        "the mean is not subtracted": [("x - self.mean", "x * 1")],
        "the variance with n - 1": [(COLUMN_VAR, COLUMN_VAR.replace("/ n", "/ max(n - 1, 1)"))],
        "the variance is left with eps in it": [
            (COLUMN_VAR, f"{COLUMN_VAR} + self.eps"),
            (COLUMN_STD, "np.sqrt(self.var)"),
        ],
        "the deviation is left for the variance": [
            ("        y = self", "        self.var = self.std\n        y = self")
        ],
        "eps outside the root": [(COLUMN_STD, "np.sqrt(self.var) + self.eps")],
        "eps forgotten": [(COLUMN_STD, "np.sqrt(self.var)")],
        "eps of its own": [(COLUMN_STD, "np.sqrt(self.var + 1e-5)")],
        "the weight is missing": [("(weight / self.std)\n", "(1 / self.std)\n")],
        "the bias is missing": [("        y += bias\n", "")],
        "the mean is a constant to the gradient": [(SHIFTED, "")],
        "the variance is a constant to the gradient": [
            ("np.subtract(g, x_grad, out=x_grad)", "x_grad = g * 1")
        ],
        "mean and variance are constants to the gradient": [
            ("np.subtract(g, x_grad, out=x_grad)", "x_grad = g * 1"),
            (SHIFTED, ""),
        ],
        "sums instead of means": [
            ("(n * self.std)", "self.std"),
            ("bias_grad / n", "bias_grad"),
        ],
        "divided by the number of features": [("n = len(g)", "n = g.shape[1]")],
        "the weight is missing in the gradient of x": [
            ("weight.numpy() / self.std", "1 / self.std")
        ],
        "the gradient is not divided by the deviation": [
            ("weight.numpy() / self.std", "weight.numpy()")
        ],
        "a division by the deviation is missing inside": [("(n * self.std)", "n")],
        "the weight's gradient is not divided by the deviation": [
            ("sum_rows(products) / self.std, sum", "sum_rows(products), sum"),
            ("(n * self.std)", "(n * self.std**2)"),
        ],
        "the bias's gradient is a mean": [
            ("sum_rows(g)\n", "sum_rows(g) / n\n"),
            ("bias_grad / n", "bias_grad"),
        ],
        "what was kept is overwritten": [
            ("(n * self.std), out=products", "(n * self.std), out=self.deviation")
        ],
        "out_grad is overwritten": [
            ("np.subtract(g, x_grad, out=x_grad)", "x_grad = np.subtract(g, x_grad, out=g)")
        ],
        "the input is changed in place": [
            ("self.deviation = x - self.mean", "x -= self.mean\n        self.deviation = x")
        ],
    },
    "fast-adam": {
        "weight decay is ignored": [(f"        {DECAYED}\n", "")],
        "weight decay past the averages": [
            (f"        {DECAYED}\n", ""),
            (
                "        theta -= scratch\n",
                "        scratch += self.lr * self.weight_decay * theta\n"
                "        theta -= scratch\n",
            ),
        ],
        "the correction of the first average is missing": [("self.lr / correct1", "self.lr")],
        "the correction of the second average is missing": [(ROOT_CORRECTED, "")],
        "the corrections are exchanged": [
            ("correct2**-0.5", "correct1**-0.5"),
            ("self.lr / correct1", "self.lr / correct2"),
        ],
        "the second correction without the root": [("correct2**-0.5", "1 / correct2")],
        "the correction is one step late": [
            ("self.beta1**self.t", "self.beta1**max(self.t - 1, 1)"),
            ("self.beta2**self.t", "self.beta2**max(self.t - 1, 1)"),
        ],
        "bias_correction is ignored": [
            ("self.beta1**self.t if self.bias_correction else 1.0", "self.beta1**self.t"),
            ("self.beta2**self.t if self.bias_correction else 1.0", "self.beta2**self.t"),
        ],
        "eps before the correction": [
            (ROOT_CORRECTED + EPS, EPS + ROOT_CORRECTED),
        ],
        "eps inside the root": [
            ("np.sqrt(v, out=scratch)", "np.sqrt(v + self.eps, out=scratch)"),
            (EPS, ""),
        ],
        "eps of its own": [("scratch += self.eps", "scratch += 1e-8")],
        "the root is forgotten": [("np.sqrt(v, out=scratch)", "scratch[...] = v")],
        "the gradient is not squared": [("        grad *= grad\n", "")],
        "the gradient is squared too early": [
            ("        grad *= grad\n", ""),
            ("        u *= self.beta1\n", "        grad *= grad\n        u *= self.beta1\n"),
        ],
        "the share of the new is missing": [
            (U, "u += grad"),
            (V, "v += grad"),
        ],
        "the old average is not scaled down": [
            ("        u *= self.beta1\n", ""),
            ("        v *= self.beta2\n", ""),
        ],
        "the averages are forgotten": [
            ("u *= self.beta1", "u *= 0"),
            ("v *= self.beta2", "v *= 0"),
        ],
        "the two betas exchanged": [
            ("u *= self.beta1", "u *= self.beta2"),
            ("v *= self.beta2", "v *= self.beta1"),
        ],
        "theta is a new array": [("theta -= scratch", "theta = theta - scratch")],
        "u is a new array": [
            ("u *= self.beta1", "u = u * self.beta1"),
        ],
        "uphill": [("theta -= scratch", "theta += scratch")],
        "the step without the first average": [
            ("np.divide(u, scratch, out=scratch)", "np.divide(np.sqrt(grad), scratch, out=scratch)")
        ],
        "counted twice": [
            ("        u *= self.beta1\n", "        self.t += 1\n        u *= self.beta1\n")
        ],
    },
}

RIGHT: dict[str, dict[str, str]] = {
    "profile": {
        "two walks": """
def profile(loss, repeats=5, clock=time.perf_counter):
    nodes = [node for node in find_topo_sort([loss]) if not node.is_leaf()]
    costs = {type(node.op).__name__: Cost() for node in nodes}
    for node in nodes:
        cost = costs[type(node.op).__name__]
        cost.calls, cost.moved = cost.calls + 1, cost.moved + bytes_moved(node)
        op = copy(node.op)
        inputs = tuple(x.cached_data for x in node.inputs)
        cost.forward += shortest(clock, repeats, lambda op=op, inputs=inputs: op.compute(*inputs))
    with no_grad():
        for node in nodes:
            seconds = shortest(clock, repeats, node.op.gradient_as_tuple, node.grad, node)
            costs[type(node.op).__name__].backward += seconds
    names = sorted(costs, key=lambda name: costs[name].forward + costs[name].backward)
    return {name: costs[name] for name in reversed(names)}
""",
        "a clock by hand": """
def profile(loss, repeats=5, clock=time.perf_counter):
    def took(f, *args):
        best = float("inf")
        for _ in range(repeats):
            start = clock()
            f(*args)
            best = min(best, clock() - start)
        return best

    costs = {}
    with no_grad():
        for node in reversed(find_topo_sort([loss])):
            if node.op is not None:
                name = type(node.op).__name__
                cost = costs[name] = costs.get(name) or Cost()
                cost.calls += 1
                cost.backward += took(node.op.gradient, node.grad, node)
                cost.forward += took(copy(node.op).compute, *[x.numpy() for x in node.inputs])
                cost.moved += bytes_moved(node)
    order = sorted(costs.items(), key=lambda item: item[1].forward + item[1].backward, reverse=True)
    return dict(order)
""",
        "rows first, then added up": """
from collections import defaultdict


def profile(loss, repeats=5, clock=time.perf_counter):
    rows = defaultdict(list)
    for node in find_topo_sort([loss]):
        if node.inputs:
            forward = shortest(
                clock, repeats, copy(node.op).compute, *(x.cached_data for x in node.inputs)
            )
            with no_grad():
                backward = shortest(clock, repeats, node.op.gradient, node.grad, node)
            rows[type(node.op).__name__].append((forward, backward, bytes_moved(node)))
    costs = {name: Cost(len(found), *map(sum, zip(*found))) for name, found in rows.items()}
    return dict(sorted(costs.items(), key=lambda item: (-item[1].forward - item[1].backward)))
""",
    },
    "fast-linear": {
        "einsum": """
class FusedLinear(FusedOp):
    def plain(self, x, weight, bias):
        y = x @ weight
        return y + bias.broadcast_to(y.shape)

    def compute(self, x, weight, bias):
        return np.einsum("...i,ij->...j", x, weight) + bias

    def derivatives(self, g, node):
        x, weight, _ = node.inputs
        return (
            np.einsum("...j,ij->...i", g, weight.numpy()) if x.requires_grad else None,
            np.einsum("ni,nj->ij", x.numpy().reshape(-1, x.shape[-1]), g.reshape(-1, g.shape[-1])),
            g.sum(tuple(range(g.ndim - 1)))[None, :],
        )


def linear(x, weight, bias):
    return FusedLinear()(x, weight, bias)
""",
        "sums over all axes but the last": """
class FusedLinear(FusedOp):
    def plain(self, x, weight, bias):
        y = x @ weight
        return y + bias.broadcast_to(y.shape)

    def compute(self, x, weight, bias):
        y = np.matmul(x, weight)
        return np.add(y, bias, out=y)

    def derivatives(self, g, node):
        x, weight, _ = (a.numpy() for a in node.inputs)
        axes = tuple(range(g.ndim - 1))
        x_grad = None
        if node.inputs[0].requires_grad:
            x_grad = np.matmul(g, weight.transpose())
        return x_grad, np.tensordot(x, g, (axes, axes)), g.sum(axis=axes)[np.newaxis, :]


def linear(x, weight, bias):
    return FusedLinear()(x, weight, bias)
""",
        "the rows are kept": """
class FusedLinear(FusedOp):
    def plain(self, x, weight, bias):
        y = x @ weight
        return y + bias.broadcast_to(y.shape)

    def compute(self, x, weight, bias):
        self.rows, self.weight = x.reshape(-1, x.shape[-1]), weight
        return (self.rows @ weight + bias).reshape(*x.shape[:-1], weight.shape[1])

    def derivatives(self, g, node):
        grads = g.reshape(-1, g.shape[-1])
        weight_grad, bias_grad = self.rows.T @ grads, grads.sum(axis=0, keepdims=True)
        if not node.inputs[0].requires_grad:
            return None, weight_grad, bias_grad
        return (grads @ self.weight.T).reshape(node.inputs[0].shape), weight_grad, bias_grad


def linear(x, weight, bias):
    return FusedLinear()(x, weight, bias)
""",
    },
    "fast-dropout": {
        "nothing is kept": """
class FusedDropout(FusedOp):
    def __init__(self, keep, p):
        self.keep, self.p = keep, p

    def plain(self, x):
        return x * self.keep / (1 - self.p)

    def compute(self, x):
        return x * self.keep * x.dtype.type(1 / (1 - self.p))

    def derivatives(self, g, node):
        return (g * self.keep * g.dtype.type(1 / (1 - self.p)),)


def dropout(x, p):
    return FusedDropout(draw_keep(x.shape, p), p)(x)
""",
        "by where": """
class FusedDropout(FusedOp):
    def __init__(self, keep, p):
        self.keep, self.p = keep, p

    def plain(self, x):
        return x * self.keep / (1 - self.p)

    def compute(self, x):
        return np.where(self.keep, x / (1 - self.p), np.zeros((), x.dtype))

    def derivatives(self, g, node):
        return [np.where(self.keep, g / (1 - self.p), np.zeros((), g.dtype))]


def dropout(x, p):
    return FusedDropout(draw_keep(x.shape, p), p)(x)
""",
        "in place on arrays of its own": """
class FusedDropout(FusedOp):
    def __init__(self, keep, p):
        self.keep, self.p = keep, p

    def plain(self, x):
        return x * self.keep / (1 - self.p)

    def compute(self, x):
        self.factor = self.keep.astype(x.dtype)
        self.factor /= 1 - self.p
        return np.multiply(x, self.factor)

    def derivatives(self, g, node):
        grad = g.copy()
        grad *= self.factor
        return (grad,)


def dropout(x, p):
    bits = np.random.randint(0, 65536, x.shape, np.uint16)
    return FusedDropout(bits / 65536 >= round(65536 * p) / 65536, p)(x)
""",
    },
    "fast-softmax-loss": {
        "one-hot": """
class FusedSoftmaxLoss(FusedOp):
    def __init__(self, labels):
        self.labels = labels

    def plain(self, logits):
        return nn.SoftmaxLoss()(logits, Tensor(self.labels, requires_grad=False))

    def compute(self, logits):
        self.truth = np.eye(logits.shape[1], dtype=logits.dtype)[self.labels]
        top = logits.max(axis=1, keepdims=True)
        self.log_p = logits - top - np.log(np.exp(logits - top).sum(axis=1, keepdims=True))
        return -(self.log_p * self.truth).sum() / len(logits)

    def derivatives(self, g, node):
        return ((np.exp(self.log_p) - self.truth) / len(self.labels) * g,)


def softmax_loss(logits, labels):
    return FusedSoftmaxLoss(labels)(logits)
""",
        "logaddexp": """
class FusedSoftmaxLoss(FusedOp):
    def __init__(self, labels):
        self.labels = labels

    def plain(self, logits):
        return nn.SoftmaxLoss()(logits, Tensor(self.labels, requires_grad=False))

    def compute(self, logits):
        self.log_sum = np.logaddexp.reduce(logits, axis=1)
        chosen = np.take_along_axis(logits, self.labels.astype(int)[:, None], axis=1)[:, 0]
        return (self.log_sum - chosen).mean()

    def derivatives(self, g, node):
        logits = node.inputs[0].numpy()
        grad = np.exp(logits - self.log_sum[:, None])
        for row, label in zip(grad, self.labels):
            row[label] -= 1
        return (grad * (g / len(grad)),)


def softmax_loss(logits, labels):
    return FusedSoftmaxLoss(labels)(logits)
""",
        "the gradient is made with the loss": """
class FusedSoftmaxLoss(FusedOp):
    def __init__(self, labels):
        self.labels = labels

    def plain(self, logits):
        return nn.SoftmaxLoss()(logits, Tensor(self.labels, requires_grad=False))

    def compute(self, logits):
        n = logits.shape[0]
        index = range(n), self.labels
        z = logits - np.max(logits, 1)[:, None]
        e = np.exp(z)
        s = e.sum(1)
        loss = np.log(s).sum() - z[index].sum()
        self.slope = e / s[:, None] / n
        self.slope[index] -= 1 / n
        return np.array(loss / n, logits.dtype)

    def derivatives(self, g, node):
        return (self.slope * g,)


def softmax_loss(logits, labels):
    return FusedSoftmaxLoss(labels)(logits)
""",
    },
    "fast-layernorm": {
        "step by step": """
class FusedLayerNorm(FusedOp):
    def __init__(self, eps):
        self.eps = eps

    def plain(self, x, weight, bias):
        layer = nn.LayerNorm1d(x.shape[1], self.eps, dtype=str(weight.dtype))
        return with_parameters(layer, weight, bias)(x)

    def compute(self, x, weight, bias):
        self.d = x - x.mean(axis=1, keepdims=True)
        self.s = np.sqrt((self.d**2).mean(axis=1, keepdims=True) + self.eps)
        return weight * self.d / self.s + bias

    def derivatives(self, g, node):
        d, s, k = self.d, self.s, g.shape[1]
        h_grad = g * node.inputs[1].numpy()
        s_grad = -(h_grad * d).sum(axis=1, keepdims=True) / s**2
        d_grad = h_grad / s + s_grad * d / (k * s)
        x_grad = d_grad - d_grad.mean(axis=1, keepdims=True)
        return x_grad, (g * d / s).sum(axis=0), g.sum(axis=0)


def layernorm(x, weight, bias, eps):
    return FusedLayerNorm(eps)(x, weight, bias)
""",
        "from the inputs again": """
class FusedLayerNorm(FusedOp):
    def __init__(self, eps):
        self.eps = eps

    def plain(self, x, weight, bias):
        layer = nn.LayerNorm1d(x.shape[1], self.eps, dtype=str(weight.dtype))
        return with_parameters(layer, weight, bias)(x)

    def parts(self, x):
        std = np.sqrt(x.var(axis=1, keepdims=True) + self.eps)
        return (x - x.mean(axis=1, keepdims=True)) / std, std

    def compute(self, x, weight, bias):
        demand_features(x, len(weight))
        return self.parts(x)[0] * weight + bias

    def derivatives(self, g, node):
        x, weight, _ = (tensor.numpy() for tensor in node.inputs)
        h, std = self.parts(x)
        grad = g * weight
        along = (grad * h).mean(axis=1, keepdims=True)
        x_grad = (grad - grad.mean(axis=1, keepdims=True) - h * along) / std
        return x_grad, np.einsum("ij,ij->j", g, h), np.add.reduce(g)


def layernorm(x, weight, bias, eps):
    return FusedLayerNorm(eps)(x, weight, bias)
""",
        "by the inverse": """
class FusedLayerNorm(FusedOp):
    def __init__(self, eps):
        self.eps = eps

    def plain(self, x, weight, bias):
        layer = nn.LayerNorm1d(x.shape[1], self.eps, dtype=str(weight.dtype))
        return with_parameters(layer, weight, bias)(x)

    def compute(self, x, weight, bias):
        demand_features(x, len(weight))
        self.inverse = 1 / np.sqrt(np.var(x, axis=1) + self.eps)
        self.h = (x.T - x.mean(axis=1)) * self.inverse
        return self.h.T * weight + bias

    def derivatives(self, g, node):
        h_grad = (g * node.inputs[1].numpy()).T
        x_grad = h_grad - h_grad.mean(0) - self.h * (h_grad * self.h).mean(0)
        return (x_grad * self.inverse).T, (g.T * self.h).sum(1), sum_rows(g)


def layernorm(x, weight, bias, eps):
    return FusedLayerNorm(eps)(x, weight, bias)
""",
    },
    "fast-batchnorm": {
        "the normalized batch is kept": """
class FusedBatchNorm(FusedOp):
    def __init__(self, eps):
        self.eps = eps

    def plain(self, x, weight, bias):
        layer = nn.BatchNorm1d(x.shape[1], self.eps, dtype=str(weight.dtype))
        return with_parameters(layer, weight, bias)(x)

    def compute(self, x, weight, bias):
        demand_features(x, len(weight))
        self.mean, self.var = x.mean(axis=0), x.var(axis=0)
        self.std = np.sqrt(self.var + self.eps)
        self.h = (x - self.mean) / self.std
        return self.h * weight + bias

    def derivatives(self, g, node):
        h_grad = g * node.inputs[1].numpy()
        x_grad = (h_grad - h_grad.mean(0) - self.h * (h_grad * self.h).mean(0)) / self.std
        return x_grad, (g * self.h).sum(0), g.sum(0)
""",
        "step by step": """
class FusedBatchNorm(FusedOp):
    def __init__(self, eps):
        self.eps = eps

    def plain(self, x, weight, bias):
        layer = nn.BatchNorm1d(x.shape[1], self.eps, dtype=str(weight.dtype))
        return with_parameters(layer, weight, bias)(x)

    def compute(self, x, weight, bias):
        n = x.shape[0]
        self.mean = np.sum(x, axis=0) / n
        d = x - self.mean
        self.var = np.einsum("ij,ij->j", d, d) / n
        self.s = (self.var + self.eps) ** 0.5
        return weight * (d / self.s) + bias

    def derivatives(self, g, node):
        x, weight, _ = (tensor.numpy() for tensor in node.inputs)
        n, d = len(x), x - self.mean
        h_grad = g * weight
        s_grad = -(h_grad * d).sum(axis=0) / self.s**2
        d_grad = h_grad / self.s + s_grad * d / (n * self.s)
        return d_grad - d_grad.mean(axis=0), (g * d).sum(axis=0) / self.s, g.sum(axis=0)
""",
        "in place on one array": """
class FusedBatchNorm(FusedOp):
    def __init__(self, eps):
        self.eps = eps

    def plain(self, x, weight, bias):
        layer = nn.BatchNorm1d(x.shape[1], self.eps, dtype=str(weight.dtype))
        return with_parameters(layer, weight, bias)(x)

    def compute(self, x, weight, bias):
        self.mean = x.mean(axis=0)
        self.h = x - self.mean
        self.var = (self.h * self.h).mean(axis=0)
        self.scale = 1 / np.sqrt(self.var + self.eps)
        self.h *= self.scale
        y = self.h * weight
        y += bias
        return y

    def derivatives(self, g, node):
        n, weight = len(g), node.inputs[1].numpy()
        bias_grad, weight_grad = sum_rows(g), sum_rows(g * self.h)
        x_grad = self.h * (-weight_grad / n)
        x_grad += g
        x_grad -= bias_grad / n
        x_grad *= weight
        x_grad *= self.scale
        return x_grad, weight_grad, bias_grad
""",
    },
    "fast-adam": {
        "as it stands in the book": """
class Adam(optim.Adam):
    def __init__(self, params, lr=0.01, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.0,
                 *, bias_correction=True):
        super().__init__(params, lr, beta1, beta2, eps, weight_decay,
                         bias_correction=bias_correction)
        self.flats = flats_of(self.params)

    def step(self):
        self.t += 1
        for flat in self.flats:
            for theta, grad, u, v in flat.blocks():
                self.update(theta, grad, u, v, np.empty_like(theta))

    def update(self, theta, grad, u, v, scratch):
        g = grad + self.weight_decay * theta
        u[:] = self.beta1 * u + (1 - self.beta1) * g
        v[:] = self.beta2 * v + (1 - self.beta2) * g**2
        u_hat, v_hat = u, v
        if self.bias_correction:
            u_hat, v_hat = u / (1 - self.beta1**self.t), v / (1 - self.beta2**self.t)
        theta[:] = theta - self.lr * u_hat / (np.sqrt(v_hat) + self.eps)
""",
        "no blocks, no decay if there is none": """
class Adam(optim.Adam):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.flats = flats_of(self.params)

    def step(self):
        self.t += 1
        for flat in self.flats:
            for part in flat.gather():
                arrays = flat.theta[part], flat.grad[part], flat.u[part], flat.v[part]
                self.update(*arrays, np.empty_like(arrays[0]))

    def update(self, theta, grad, u, v, scratch):
        if self.weight_decay:
            grad += theta * self.weight_decay
        u += (1 - self.beta1) * (grad - u)
        np.square(grad, out=grad)
        v += (1 - self.beta2) * (grad - v)
        power = self.t if self.bias_correction else np.inf
        np.sqrt(v / (1 - self.beta2**power), out=scratch)
        scratch += self.eps
        theta -= self.lr / (1 - self.beta1**power) * u / scratch
""",
        "the correction in the rate": """
class Adam(optim.Adam):
    def __init__(self, params, *args, **kwargs):
        super().__init__(list(params), *args, **kwargs)
        self.flats = flats_of(self.params)

    def step(self):
        self.t += 1
        for flat in self.flats:
            scratch = np.empty_like(flat.theta)
            for block in flat.blocks():
                self.update(*block, scratch[: len(block[0])])

    def update(self, theta, grad, u, v, scratch):
        c1 = c2 = 1.0
        if self.bias_correction:
            c1, c2 = 1 - self.beta1**self.t, (1 - self.beta2**self.t) ** 0.5
        np.multiply(theta, self.weight_decay, out=scratch)
        np.add(grad, scratch, out=grad)
        for average, beta in ((u, self.beta1), (v, self.beta2)):
            np.multiply(average, beta, out=average)
            average += np.multiply(grad, 1 - beta, out=scratch)
            np.multiply(grad, grad, out=grad)
        np.sqrt(v, out=scratch)
        np.add(scratch, self.eps * c2, out=scratch)
        np.divide(u, scratch, out=scratch)
        np.multiply(scratch, self.lr * c2 / c1, out=scratch)
        np.subtract(theta, scratch, out=theta)
""",
    },
}
