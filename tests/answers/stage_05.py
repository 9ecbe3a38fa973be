"""Answers to stage 05 that must lose points (WRONG) and that must not (RIGHT)."""

ONES = "self.weight = Parameter(init.ones(dim, device=device, dtype=dtype))"
ZEROS = "self.bias = Parameter(init.zeros(dim, device=device, dtype=dtype))"
RUNNING_MEAN = "self.running_mean = init.zeros(dim, device=device, dtype=dtype)"
RUNNING_VAR = "self.running_var = init.ones(dim, device=device, dtype=dtype)"
UPDATE_MEAN = "self.running_mean.data = old * self.running_mean.data + new * mean.data"
UPDATE_VAR = "self.running_var.data = old * self.running_var.data + new * var.data"
UPDATES = f"            {UPDATE_MEAN}\n            {UPDATE_VAR}\n"
ROW_MEAN = "x.sum(1).reshape(column) / self.dim"
ROW_VAR = "(deviation * deviation).sum(1).reshape(column) / self.dim"
COLUMN_VAR = "(deviation * deviation).sum(0) / n"
ROOT = "(var + self.eps) ** 0.5"
NORMALIZED = "deviation / std.broadcast_to(x.shape)"
SCALED = "scale.broadcast_to(x.shape) * deviation"
AFFINE = "self.weight.broadcast_to(x.shape) * normalized + self.bias.broadcast_to(x.shape)"
IN_PLACE = "x.cached_data -= x.cached_data.mean(axis={}, keepdims=True)\n        "


def for_both_modes(condition: str) -> list[tuple[str, str]]:
    """BatchNorm1d asks twice whether it is training."""
    return [
        (f"if self.training:\n            {name} =", f"if {condition}:\n            {name} =")
        for name in ("n", "var")
    ]


WRONG = {
    "layernorm": {
        "the columns are averaged": [
            ("(x.shape[0], 1)", "(1, x.shape[1])"),
            (ROW_MEAN, "x.sum(0).reshape(column) / x.shape[0]"),
            (ROW_VAR, "(deviation**2).sum(0).reshape(column) / x.shape[0]"),
        ],
        "the whole batch is averaged": [
            ("(x.shape[0], 1)", "(1, 1)"),
            (ROW_MEAN, "x.sum().reshape(column) / (x.shape[0] * self.dim)"),
            (ROW_VAR, "(deviation**2).sum().reshape(column) / (x.shape[0] * self.dim)"),
        ],
        "the means of the rows align right": [("(x.shape[0], 1)", "(x.shape[0],)")],
        "the sums are divided by the number of rows": [
            (ROW_MEAN, ROW_MEAN.replace("self.dim", "x.shape[0]")),
            (ROW_VAR, ROW_VAR.replace("self.dim", "x.shape[0]")),
        ],
        "the variance with n - 1": [
            (ROW_VAR, ROW_VAR.replace("self.dim", "max(self.dim - 1, 1)")),
        ],
        "the variance is the sum of the squares": [
            (ROW_VAR, "(deviation**2).sum(1).reshape(column)"),
        ],
        "the mean of the squares, the mean not subtracted": [("(deviation * deviation)", "(x**2)")],
        "eps outside the root": [(ROOT, "var**0.5 + self.eps")],
        "eps squared": [(ROOT, "(var + self.eps**2) ** 0.5")],
        "eps forgotten": [(ROOT, "var**0.5")],
        "eps of its own": [(ROOT, "(var + 1e-5) ** 0.5")],
        "divided by the variance": [(ROOT, "var + self.eps")],
        "the mean is not subtracted": [("normalized = deviation /", "normalized = x /")],
        "the weight is missing": [("self.weight.broadcast_to(x.shape) * normalized", "normalized")],
        "the bias is missing": [(" + self.bias.broadcast_to(x.shape)", "")],
        "the bias is scaled by the weight": [
            (AFFINE, AFFINE.replace("normalized + self", "(normalized + self") + ")"),
        ],
        "the weight has one entry a row": [
            (
                "self.weight.broadcast_to(x.shape) *",
                "self.weight.reshape((x.shape[1], 1)).broadcast_to((x.shape[1], x.shape[0]))"
                ".transpose().reshape(x.shape[::-1]).transpose() *",
            ),
        ],
        "the weight starts at zero": [(ONES, ONES.replace("ones", "zeros"))],
        "the weight starts at random": [(ONES, ONES.replace("ones", "randn"))],
        "the bias starts at one": [(ZEROS, ZEROS.replace("zeros", "ones"))],
        "weight and bias are numbers": [
            (ONES, ONES.replace("dim, ", "1, ")),
            (ZEROS, ZEROS.replace("dim, ", "1, ")),
        ],
        "weight and bias are rows of a matrix": [
            (ONES, ONES.replace("dim, ", "1, dim, ")),
            (ZEROS, ZEROS.replace("dim, ", "1, dim, ")),
        ],
        "the weight is no Parameter": [
            (ONES, "self.weight = init.ones(dim, dtype=dtype, requires_grad=True)"),
        ],
        "the bias is no Parameter": [
            (ZEROS, "self.bias = init.zeros(dim, dtype=dtype, requires_grad=True)"),
        ],
        "dtype is ignored": [(ONES, ONES.replace(", dtype=dtype", ""))],
        "float64 out of float32": [
            (ONES, ONES.replace("dtype=dtype", 'dtype="float64"')),
        ],
        "the mean is detached": [(ROW_MEAN, f"({ROW_MEAN}).detach()")],
        "the variance is detached": [(ROW_VAR, f"({ROW_VAR}).detach()")],
        "mean and variance are detached": [
            (ROW_MEAN, f"({ROW_MEAN}).detach()"),
            (ROW_VAR, f"({ROW_VAR}).detach()"),
        ],
        "computed on arrays": [
            ("column = (x", "x = Tensor(x.numpy())\n        column = (x"),
        ],
        "the input is changed in place": [
            ("column = (x", IN_PLACE.format(1) + "column = (x"),
        ],
        "nothing is done in eval mode": [
            ("column = (x", "if not self.training:\n            return x\n        column = (x"),
        ],
    },
    "batchnorm": {
        "the rows are averaged": [
            (
                "mean = x.sum(0) / n",
                "rows = (n, 1)\n            mean = (x.sum(1) / self.dim).reshape(rows)",
            ),
            (COLUMN_VAR, COLUMN_VAR.replace("sum(0) / n", "sum(1).reshape(rows) / self.dim")),
            (
                "self.weight / std",
                "self.weight.broadcast_to(x.shape) / std.broadcast_to(x.shape)",
            ),
            (UPDATES, ""),
        ],
        "the whole batch is averaged": [
            ("x.sum(0) / n", "(x.sum() / (n * self.dim)).broadcast_to((self.dim,))"),
            (
                COLUMN_VAR,
                "((deviation * deviation).sum() / (n * self.dim)).broadcast_to((self.dim,))",
            ),
        ],
        "the sums are divided by the number of features": [("n = x.shape[0]", "n = x.shape[1]")],
        "the variance with n - 1": [(COLUMN_VAR, COLUMN_VAR.replace("/ n", "/ max(n - 1, 1)"))],
        "the running variance with n - 1": [
            ("new * var.data", "(new * n / max(n - 1, 1)) * var.data")
        ],
        "the running variance is a deviation": [("new * var.data", "new * var.data**0.5")],
        "eps is added to the running variance": [
            ("new * var.data", "new * (var.data + self.eps)"),
        ],
        "eps outside the root": [(ROOT, "var**0.5 + self.eps")],
        "eps forgotten": [(ROOT, "var**0.5")],
        "eps of its own": [(ROOT, "(var + 1e-5) ** 0.5")],
        "divided by the variance": [(ROOT, "var + self.eps")],
        "the batch's statistics in eval mode": [
            *for_both_modes("True"),
            (
                UPDATES,
                "            if self.training:\n"
                f"                {UPDATE_MEAN}\n                {UPDATE_VAR}\n",
            ),
        ],
        "eval mode is unknown": for_both_modes("True"),
        "the modes swapped": for_both_modes("not self.training"),
        "the running values while training": [
            (
                UPDATES,
                UPDATES + "            mean, var = self.running_mean, self.running_var\n"
                "            deviation = x - mean.broadcast_to(x.shape)\n",
            ),
        ],
        "nothing is done in eval mode": [
            (
                "mean, var = self.running_mean, self.running_var",
                "if not self.training:\n            return x\n"
                "        mean, var = self.running_mean, self.running_var",
            ),
        ],
        "no weight and bias in eval mode": [
            (
                "return scale",
                f"if not self.training:\n            return {NORMALIZED}\n        return scale",
            )
        ],
        "the running values are updated in eval mode": [
            (
                "        std = ",
                "        else:\n"
                "            m, v = x.data.sum(0) / x.shape[0], self.running_var.data\n"
                "            self.running_mean.data = 0.9 * self.running_mean.data + 0.1 * m\n"
                "        std = ",
            ),
        ],
        "the momentum on the wrong side": [
            (
                "old, new = 1 - self.momentum, self.momentum",
                "old, new = self.momentum, 1 - self.momentum",
            ),
        ],
        "the momentum of its own": [
            ("old, new = 1 - self.momentum, self.momentum", "old, new = 0.9, 0.1")
        ],
        "the old value is not scaled down": [
            ("old, new = 1 - self.momentum, self.momentum", "old, new = 1, self.momentum"),
        ],
        "the last batch only": [("old, new = 1 - self.momentum, self.momentum", "old, new = 0, 1")],
        "the first batch replaces the start": [
            (
                "old, new = 1 - self.momentum, self.momentum",
                "old, new = 1 - self.momentum, self.momentum\n"
                "            if not self.running_mean.numpy().any():\n"
                "                old, new = 0, 1",
            ),
        ],
        "the running values are never updated": [(UPDATES, "")],
        "the running mean is never updated": [(f"            {UPDATE_MEAN}\n", "")],
        "the running variance is never updated": [(f"            {UPDATE_VAR}\n", "")],
        "the running variance starts at zero": [
            (RUNNING_VAR, RUNNING_VAR.replace("ones", "zeros")),
        ],
        "the running mean starts at one": [(RUNNING_MEAN, RUNNING_MEAN.replace("zeros", "ones"))],
        "the running values are parameters": [
            (RUNNING_MEAN, RUNNING_MEAN.replace("init.", "Parameter(init.") + ")"),
            (RUNNING_VAR, RUNNING_VAR.replace("init.", "Parameter(init.") + ")"),
        ],
        "the running variance is a parameter": [
            (RUNNING_VAR, RUNNING_VAR.replace("init.", "Parameter(init.") + ")"),
        ],
        "the running mean is a parameter": [
            (RUNNING_MEAN, RUNNING_MEAN.replace("init.", "Parameter(init.") + ")"),
        ],
        "both running values carry a graph": [
            (UPDATE_MEAN, "self.running_mean = self.running_mean * old + mean * new"),
            (UPDATE_VAR, "self.running_var = self.running_var * old + var * new"),
        ],
        "the running mean carries a graph": [
            (UPDATE_MEAN, "self.running_mean = old * self.running_mean + new * mean"),
        ],
        "the running variance carries a graph": [
            (UPDATE_VAR, "self.running_var = old * self.running_var + new * var"),
        ],
        "the running values grow a graph of constants": [
            (RUNNING_MEAN, RUNNING_MEAN.replace("dtype=dtype", "dtype=dtype, requires_grad=True")),
            (UPDATE_MEAN, "self.running_mean = old * self.running_mean + new * mean.data"),
        ],
        "weight and bias are missing": [
            (f"{SCALED} + self.bias.broadcast_to(x.shape)", NORMALIZED),
        ],
        "the weight is missing": [(SCALED, NORMALIZED)],
        "the bias is missing": [(" + self.bias.broadcast_to(x.shape)", "")],
        "the weight is no Parameter": [
            (ONES, "self.weight = init.ones(dim, dtype=dtype, requires_grad=True)"),
        ],
        "the weight starts at zero": [(ONES, ONES.replace("ones", "zeros"))],
        "the mean is detached": [("x.sum(0) / n", "(x.sum(0) / n).detach()")],
        "the variance is detached": [(COLUMN_VAR, f"({COLUMN_VAR}).detach()")],
        "mean and variance are detached": [
            (
                "        std = ",
                "        mean, var = mean.detach(), var.detach()\n"
                "        deviation = x - mean.broadcast_to(x.shape)\n        std = ",
            ),
        ],
        "computed on arrays": [
            ("n = x.shape[0]", "x = Tensor(x.numpy())\n            n = x.shape[0]"),
        ],
        "dtype is ignored": [
            (ONES, ONES.replace(", dtype=dtype", "")),
            (ZEROS, ZEROS.replace(", dtype=dtype", "")),
        ],
        "float64 out of float32": [
            (
                "scale = ",
                'deviation = deviation * init.ones(*x.shape, dtype="float64")\n        scale = ',
            )
        ],
        "float64 running values": [
            (RUNNING_MEAN, RUNNING_MEAN.replace("dtype=dtype", 'dtype="float64"')),
            (RUNNING_VAR, RUNNING_VAR.replace("dtype=dtype", 'dtype="float64"')),
            (
                UPDATE_MEAN,
                UPDATE_MEAN.replace("new * mean.data", 'new * Tensor(mean, dtype="float64")'),
            ),
            (
                UPDATE_VAR,
                UPDATE_VAR.replace("new * var.data", 'new * Tensor(var, dtype="float64")'),
            ),
        ],
        "the input is changed in place": [
            ("n = x.shape[0]", IN_PLACE.format(0) + "    n = x.shape[0]"),
        ],
        "the running values belong to the class": [
            (
                RUNNING_MEAN,
                "cls = type(self)\n"
                '        cls.shared = getattr(cls, "shared", {})\n'
                "        start = init.zeros(dim, device=device, dtype=dtype)\n"
                "        self.running_mean = cls.shared.setdefault((dim, dtype), start)",
            ),
        ],
    },
    "dropout": {
        "the survivors are not rescaled": [(" / (1 - self.p)", "")],
        "divided by p": [(" / (1 - self.p)", " / max(self.p, 1e-3)")],
        "multiplied by 1 - p": [("mask / (1 - self.p)", "mask * (1 - self.p)")],
        "p is the probability of staying": [
            ("p=1 - self.p", "p=self.p"),
            (" / (1 - self.p)", " / max(self.p, 1e-3)"),
        ],
        "the draw is inverted, the factor is not": [("p=1 - self.p", "p=self.p")],
        "always a half": [("p=1 - self.p", "p=0.5")],
        "dropout in eval mode": [("if not self.training:", "if False:")],
        "the modes swapped": [("if not self.training:", "if self.training:")],
        "scaled in eval mode": [
            ("            return x\n", "            return x * (1 - self.p)\n")
        ],
        "scaled in eval mode instead": [
            ("            return x\n", "            return x * (1 - self.p)\n"),
            (" / (1 - self.p)", ""),
        ],
        "never anything": [("if not self.training:", "if True:")],
        "one draw a row": [
            (
                "init.randb(*x.shape, p=1 - self.p, dtype=x.dtype)",
                "init.randb(x.shape[0], *(1,) * (len(x.shape) - 1), p=1 - self.p, dtype=x.dtype)"
                ".broadcast_to(x.shape)",
            ),
        ],
        "one draw a column": [
            (
                "init.randb(*x.shape, p=1 - self.p, dtype=x.dtype)",
                "init.randb(x.shape[-1], p=1 - self.p, dtype=x.dtype).broadcast_to(x.shape)",
            ),
        ],
        "the first mask for ever": [
            (
                "mask = init.randb(*x.shape, p=1 - self.p, dtype=x.dtype)",
                'mask = getattr(self, "mask", None)\n'
                "        if mask is None or mask.shape != x.shape:\n"
                "            mask = self.mask = init.randb(*x.shape, p=1 - self.p, dtype=x.dtype)",
            ),
        ],
        "another draw than randb": [
            (
                "init.randb(*x.shape, p=1 - self.p, dtype=x.dtype)",
                "Tensor((init.rand(*x.shape).numpy() > self.p).astype(x.dtype))",
            ),
        ],
        "binomial numbers for the draw": [
            (
                "init.randb(*x.shape, p=1 - self.p, dtype=x.dtype)",
                "Tensor(np.random.binomial(1, 1 - self.p, size=x.shape).astype(x.dtype))",
            ),
        ],
        "a generator of its own": [
            (
                "init.randb(*x.shape, p=1 - self.p, dtype=x.dtype)",
                "Tensor(np.random.default_rng().random(x.shape) < 1 - self.p, dtype=x.dtype)",
            ),
        ],
        "normal numbers for the draw": [
            (
                "init.randb(*x.shape, p=1 - self.p, dtype=x.dtype)",
                "Tensor((init.randn(*x.shape).numpy() <= 1 - self.p).astype(x.dtype))",
            ),
        ],
        "rescaled by the number of survivors": [
            ("/ (1 - self.p)", "/ max(float(mask.numpy().mean()), 1e-3)"),
        ],
        "a float64 mask": [("dtype=x.dtype", 'dtype="float64"')],
        "float32 out of float64": [
            ("return x * (mask", 'return Tensor(x, dtype="float32") * (mask'),
            ("dtype=x.dtype", 'dtype="float32"'),
        ],
        "no gradient": [("return x * (mask", "return x.detach() * (mask")],
        "the gradient of the survivors is not scaled": [
            (
                "return x * (mask / (1 - self.p))",
                "y = x * mask\n        return y + (y * self.p / (1 - self.p)).detach()",
            ),
        ],
        "the gradient reaches what was dropped": [
            (
                "return x * (mask / (1 - self.p))",
                "return x + (x * mask / (1 - self.p) - x).detach()",
            ),
        ],
        "drawn before the mode is looked at": [
            (
                "        if not self.training:\n            return x\n",
                "        np.random.rand(*x.shape)\n"
                "        if not self.training:\n            return x\n",
            ),
        ],
        "the input is changed in place": [
            ("return x * (mask", "x.cached_data *= mask.numpy()\n        return x * (mask"),
        ],
    },
}

RIGHT = {
    "layernorm": {
        "by helper functions, with a power of -1/2": '''
def mean_of_rows(x):
    """The mean of each row, copied along it."""
    n, dim = x.shape
    return (x.sum((1,)) / dim).reshape((n, 1)).broadcast_to(x.shape)


class LayerNorm1d(Module):
    def __init__(self, dim, eps=1e-5, device=None, dtype="float32"):
        super().__init__()
        self.eps = eps
        self.weight = Parameter(init.ones(dim, dtype=dtype, requires_grad=True))
        self.bias = Parameter(init.zeros(dim, dtype=dtype, requires_grad=True))

    def forward(self, x):
        centred = x - mean_of_rows(x)
        scale = (mean_of_rows(centred * centred) + self.eps) ** (-0.5)
        return self.bias.broadcast_to(x.shape) + centred * scale * self.weight.broadcast_to(x.shape)
''',
        "by matrix products": """
class LayerNorm1d(Module):
    def __init__(self, dim, eps=1e-5, device=None, dtype="float32"):
        super().__init__()
        self.eps = eps
        self.weight = Parameter(init.constant(dim, c=1, dtype=dtype))
        self.bias = Parameter(init.constant(dim, c=0, dtype=dtype))

    def forward(self, x):
        n, dim = x.shape
        average = init.constant(dim, dim, c=1 / dim, dtype=x.dtype)
        copies = init.ones(n, 1, dtype=x.dtype)
        centred = x - x @ average
        std = ((centred * centred) @ average + self.eps) ** 0.5
        weight = copies @ self.weight.reshape((1, dim))
        return centred / std * weight + copies @ self.bias.reshape((1, dim))
""",
        "the mean of the squares minus the square of the mean, transposed": """
class LayerNorm1d(Module):
    def __init__(self, dim, eps=1e-5, device=None, dtype="float32"):
        super().__init__()
        self.dim, self.eps = dim, eps
        self.bias = Parameter(init.zeros(dim, dtype=dtype))
        self.weight = Parameter(init.ones(dim, dtype=dtype))

    def forward(self, x):
        columns = x.transpose()
        mean = columns.sum(0) / self.dim
        var = (columns * columns).sum(0) / self.dim - mean * mean
        std = (var + self.eps) ** 0.5
        shape = columns.shape
        normalized = (columns - mean.broadcast_to(shape)) / std.broadcast_to(shape)
        y = normalized.transpose()
        return y * self.weight.broadcast_to(y.shape) + self.bias.broadcast_to(y.shape)
""",
        "the root by exp and log": """
from needle.ops import exp, log


class LayerNorm1d(Module):
    def __init__(self, dim, eps=1e-5, device=None, dtype="float32"):
        super().__init__()
        self.eps = eps
        self.weight = Parameter(Tensor([1.0] * dim, dtype=dtype))
        self.bias = Parameter(Tensor([0.0] * dim, dtype=dtype))

    def forward(self, x):
        total = init.ones(x.shape[1], 1, dtype=x.dtype)
        mean = (x @ total) / x.shape[1]
        d = x + (-mean).broadcast_to(x.shape)
        var = (d * d) @ total / x.shape[1]
        y = d * exp(log(var + self.eps) * -0.5).broadcast_to(x.shape)
        return y * self.weight.broadcast_to(x.shape) + self.bias.broadcast_to(x.shape)
""",
    },
    "batchnorm": {
        "two methods, the running values replaced": """
class BatchNorm1d(Module):
    def __init__(self, dim, eps=1e-5, momentum=0.1, device=None, dtype="float32"):
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.weight = Parameter(init.ones(dim, dtype=dtype))
        self.bias = Parameter(init.zeros(dim, dtype=dtype))
        self.running_mean = init.zeros(dim, dtype=dtype)
        self.running_var = init.ones(dim, dtype=dtype)

    def forward(self, x):
        return self.by_batch(x) if self.training else self.by_memory(x)

    def by_batch(self, x):
        n = x.shape[0]
        mean = (x.sum(0) / n).reshape((1, x.shape[1]))
        centred = x - mean.broadcast_to(x.shape)
        var = ((centred * centred).sum(0) / n).reshape((1, x.shape[1]))
        self.running_mean = self.blend(self.running_mean, mean)
        self.running_var = self.blend(self.running_var, var)
        return self.affine(centred * ((var + self.eps) ** -0.5).broadcast_to(x.shape))

    def blend(self, old, new):
        return (old + (new.reshape(old.shape) - old) * self.momentum).detach()

    def by_memory(self, x):
        std = ((self.running_var + self.eps) ** 0.5).broadcast_to(x.shape)
        return self.affine((x - self.running_mean.broadcast_to(x.shape)) / std)

    def affine(self, y):
        return self.weight.broadcast_to(y.shape) * y + self.bias.broadcast_to(y.shape)
""",
        "one scale and one shift, the running values by NumPy": """
import numpy as np


class BatchNorm1d(Module):
    def __init__(self, dim, eps=1e-5, momentum=0.1, device=None, dtype="float32"):
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.weight = Parameter(Tensor(np.ones(dim, dtype)))
        self.bias = Parameter(Tensor(np.zeros(dim, dtype)))
        self.running_mean = Tensor(np.zeros(dim, dtype), requires_grad=False)
        self.running_var = Tensor(np.ones(dim, dtype), requires_grad=False)

    def forward(self, x):
        if self.training:
            mean = x.sum(0) / x.shape[0]
            centred = x - mean.broadcast_to(x.shape)
            var = (centred**2).sum(0) / x.shape[0]
            for old, new in (
                (self.running_mean, x.numpy().mean(axis=0)),
                (self.running_var, x.numpy().var(axis=0)),
            ):
                blend = (1 - self.momentum) * old.numpy() + self.momentum * new
                old.data = Tensor(blend.astype(old.dtype), requires_grad=False)
        else:
            mean, var = self.running_mean, self.running_var
        scale = self.weight / (var + self.eps) ** 0.5
        shift = self.bias - scale * mean
        return x * scale.broadcast_to(x.shape) + shift.broadcast_to(x.shape)
""",
        "the mean of the squares minus the square of the mean": """
class BatchNorm1d(Module):
    def __init__(self, dim, eps=1e-5, momentum=0.1, device=None, dtype="float32"):
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.running_var = init.ones(dim, dtype=dtype)
        self.running_mean = init.zeros(dim, dtype=dtype)
        self.bias = Parameter(init.zeros(dim, dtype=dtype))
        self.weight = Parameter(init.ones(dim, dtype=dtype))

    def forward(self, x):
        n = x.shape[0]
        mean, var = self.running_mean, self.running_var
        if self.training:
            mean = x.sum(0) / n
            var = (x * x).sum(0) / n - mean * mean
            momentum = self.momentum
            self.running_mean = (1 - momentum) * self.running_mean + momentum * mean.detach()
            self.running_var = (1 - momentum) * self.running_var + momentum * var.detach()
        y = (x - mean.broadcast_to(x.shape)) * ((var + self.eps) ** (-0.5)).broadcast_to(x.shape)
        return y * self.weight.broadcast_to(x.shape) + self.bias.broadcast_to(x.shape)
""",
        "by matrix products, under no_grad for the memory": """
from needle.autograd import no_grad


class BatchNorm1d(Module):
    def __init__(self, dim, eps=1e-5, momentum=0.1, device=None, dtype="float32"):
        super().__init__()
        self.dim, self.eps, self.momentum = dim, eps, momentum
        self.weight = Parameter(init.ones(dim, dtype=dtype))
        self.bias = Parameter(init.zeros(dim, dtype=dtype))
        self.running_mean = init.zeros(dim, dtype=dtype)
        self.running_var = init.ones(dim, dtype=dtype)

    def spread(self, row, n):
        return init.ones(n, 1, dtype=row.dtype) @ row.reshape((1, self.dim))

    def forward(self, x):
        n = x.shape[0]
        if self.training:
            average = init.constant(1, n, c=1 / n, dtype=x.dtype)
            mean = average @ x
            d = x - self.spread(mean, n)
            var = average @ (d * d)
            with no_grad():
                keep = 1 - self.momentum
                memory = keep * self.running_mean + self.momentum * mean.reshape((self.dim,))
                self.running_mean = memory
                memory = keep * self.running_var + self.momentum * var.reshape((self.dim,))
                self.running_var = memory
        else:
            d, var = x - self.spread(self.running_mean, n), self.running_var
        return self.spread(self.bias, n) + d / self.spread(var + self.eps, n) ** 0.5 * self.spread(
            self.weight, n
        )
""",
        "weights made by a loop, the update in place": """
class BatchNorm1d(Module):
    def __init__(self, dim, eps=1e-5, momentum=0.1, device=None, dtype="float32"):
        super().__init__()
        self.eps, self.momentum = eps, momentum
        for name, start in (("weight", 1.0), ("bias", 0.0)):
            setattr(self, name, Parameter(Tensor([start] * dim, dtype=dtype)))
        self.running_mean = Tensor([0.0] * dim, dtype=dtype)
        self.running_var = Tensor([1.0] * dim, dtype=dtype)

    def remember(self, running, batch):
        array = running.numpy()
        array *= 1 - self.momentum
        array += self.momentum * batch.numpy()

    def forward(self, x):
        def spread(row):
            return row.broadcast_to(x.shape)

        mean, var = self.running_mean.detach(), self.running_var.detach()
        if self.training:
            mean = x.sum((0,)) / x.shape[0]
            var = ((spread(mean) - x) ** 2).sum((0,)) / x.shape[0]
            self.remember(self.running_mean, mean)
            self.remember(self.running_var, var)
        scale = self.weight / (var + self.eps) ** 0.5
        return (x - spread(mean)) * spread(scale) + spread(self.bias)
""",
    },
    "dropout": {
        "the mask scaled first": """
class Dropout(Module):
    def __init__(self, p=0.5):
        super().__init__()
        self.p = p

    def forward(self, x):
        if self.training:
            keep = 1 - self.p
            return x * (init.randb(*x.shape, p=keep, dtype=x.dtype) / keep)
        return x
""",
        "by NumPy": """
import numpy as np


class Dropout(Module):
    def __init__(self, p=0.5):
        super().__init__()
        self.p = p

    def forward(self, x):
        if not self.training:
            return x
        kept = np.random.rand(*x.shape) <= 1 - self.p
        factor = np.where(kept, 1 / (1 - self.p), 0).astype(x.dtype)
        return x * Tensor(factor, requires_grad=False)
""",
        "with an op of its own": """
from needle.autograd import TensorOp


class Mask(TensorOp):
    def __init__(self, mask, scale):
        self.mask, self.scale = mask, scale

    def compute(self, a):
        return a * self.mask * self.scale

    def gradient(self, out_grad, node):
        return Mask(self.mask, self.scale)(out_grad)


class Dropout(Module):
    def __init__(self, p=0.5):
        super().__init__()
        self.p = p

    def forward(self, x):
        if self.training:
            x = Mask(init.randb(*x.shape, p=1 - self.p).numpy(), 1 / (1 - self.p))(x)
        return x
""",
        "the dropped part subtracted": """
class Dropout(Module):
    def __init__(self, p=0.5):
        super().__init__()
        self.p = p

    def forward(self, x):
        if not self.training:
            return x * 1.0
        dropped = 1 - init.randb(*x.shape, p=1 - self.p, dtype="float32").numpy()
        scaled = x / (1 - self.p)
        return scaled - scaled * Tensor(dropped, dtype=x.dtype, requires_grad=False)
""",
    },
}
