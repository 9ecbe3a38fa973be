"""Answers to stage 02 that must lose points (WRONG) and that must not (RIGHT)."""

WEIGHT = "init.kaiming_uniform(in_features, out_features, device=device, dtype=dtype)"
COLUMN = "init.kaiming_uniform(out_features, 1, device=device, dtype=dtype)"
DRAW_WEIGHT = f"        weight = {WEIGHT}\n        self.weight = Parameter(weight)\n"
DRAW_BIAS = (
    "        self.bias: Parameter | None = None\n"
    f"        if bias:\n            column = {COLUMN}\n"
    "            self.bias = Parameter(column.transpose())\n"
)
LOOP = "        for module in self.modules:\n            x = module(x)\n        return x\n"
LAST_LINE = "return y + self.bias.broadcast_to(y.shape)"

WRONG = {
    "linear": {
        "always float64": [
            (
                "    ) -> None:\n        super",
                '    ) -> None:\n        dtype = "float64"\n        super',
            )
        ],
        "the bias is drawn before the weight": [
            (DRAW_WEIGHT + DRAW_BIAS, DRAW_BIAS + DRAW_WEIGHT),
        ],
        "the bias stays a column": [("column.transpose()", "column")],
        "the bias is drawn with the sizes swapped": [
            (
                COLUMN,
                "init.kaiming_uniform(1, out_features, device=device, dtype=dtype).transpose()",
            ),
        ],
        "the bias is drawn with the layer's fan_in": [
            (
                COLUMN,
                "init.kaiming_uniform(in_features, out_features, device=device, dtype=dtype)\n"
                "            column = Tensor(column.numpy()[:1].T, requires_grad=False)",
            ),
        ],
        "the bias starts at zero": [
            (COLUMN, "init.zeros(out_features, 1, device=device, dtype=dtype)")
        ],
        "the bias is a vector": [("column.transpose()", "column.reshape((out_features,))")],
        "the bias is normal": [(COLUMN, COLUMN.replace("uniform", "normal"))],
        "there is always a bias": [("        if bias:\n", "        if True:\n")],
        "the weight is (out, in) and transposed in forward": [
            (WEIGHT, "init.kaiming_uniform(out_features, in_features, device=device, dtype=dtype)"),
            ("x @ self.weight", "x @ self.weight.transpose()"),
        ],
        "the weight is drawn as (out, in) and turned": [
            (
                WEIGHT,
                "init.kaiming_uniform(out_features, in_features, dtype=dtype).transpose()",
            ),
        ],
        "the weight is drawn by Xavier": [
            ("init.kaiming_uniform(in_features", "init.xavier_uniform(in_features")
        ],
        "the weight is normal": [
            ("init.kaiming_uniform(in_features", "init.kaiming_normal(in_features")
        ],
        "the weight starts at zero": [
            (WEIGHT, "init.zeros(in_features, out_features, dtype=dtype)"),
        ],
        "the weight is no Parameter": [("Parameter(weight)", "weight")],
        "the weight is a tensor that requires grad, and no Parameter": [
            ("Parameter(weight)", "Tensor(weight, requires_grad=True)")
        ],
        "the bias is no Parameter": [("Parameter(column.transpose())", "column.transpose()")],
        "the parameter is transposed after it was wrapped": [
            ("Parameter(column.transpose())", "Parameter(column).transpose()")
        ],
        "the dtype is ignored": [(WEIGHT, "init.kaiming_uniform(in_features, out_features)")],
        "the dtype of the bias is ignored": [(COLUMN, "init.kaiming_uniform(out_features, 1)")],
        "the bias is forgotten in forward": [(LAST_LINE, "return y")],
        "the bias is added without broadcasting": [(LAST_LINE, "return y + self.bias")],
        "the bias is broadcast to the input's shape": [
            ("broadcast_to(y.shape)", "broadcast_to(x.shape)")
        ],
        "the bias is broadcast to two axes only": [
            ("broadcast_to(y.shape)", "broadcast_to((x.shape[0], self.out_features))")
        ],
        "the bias is added detached": [
            ("self.bias.broadcast_to", "self.bias.detach().broadcast_to")
        ],
        "the bias is copied by NumPy": [
            (LAST_LINE, "return y + Tensor(self.bias.numpy() + 0 * y.numpy())")
        ],
        "the bias is subtracted": [("y + self", "y - self")],
        "the product is detached": [("x @ self.weight", "x @ self.weight.detach()")],
        "the product is NumPy's": [("x @ self.weight", "Tensor(x.numpy() @ self.weight.numpy())")],
        "the factors are swapped": [("x @ self.weight", "self.weight @ x")],
        "a ReLU comes with it": [(LAST_LINE, f"return relu({LAST_LINE.removeprefix('return ')})")],
        "leading axes are flattened and stay so": [
            ("x @ self.weight", "x.reshape((-1, self.in_features)) @ self.weight")
        ],
        "bias=False crashes": [("        if self.bias is None:\n            return y\n", "")],
    },
    "flatten": {
        "a vector stays a vector": [
            ("return x.reshape", "return x if len(x.shape) == 1 else x.reshape"),
        ],
        "everything becomes one row": [
            ("(x.shape[0], math.prod(x.shape[1:]))", "(math.prod(x.shape),)")
        ],
        "one row, batch axis of one": [
            ("x.shape[0], math.prod(x.shape[1:])", "1, math.prod(x.shape)")
        ],
        "only three axes": [("math.prod(x.shape[1:])", "x.shape[1] * x.shape[2]")],
        "only the last two axes": [("math.prod(x.shape[1:])", "math.prod(x.shape[-2:])")],
        "the last axis is kept instead of the first": [
            ("x.shape[0], math.prod(x.shape[1:])", "math.prod(x.shape[:-1]), x.shape[-1]")
        ],
        "the sizes in the other order": [
            ("x.shape[0], math.prod(x.shape[1:])", "math.prod(x.shape[1:]), x.shape[0]")
        ],
        "column-major order": [
            (
                "x.reshape((x.shape[0], math.prod(x.shape[1:])))",
                "Tensor(x.numpy().reshape(x.shape[0], -1, order='F'))",
            )
        ],
        "transposed": [("math.prod(x.shape[1:])))", "math.prod(x.shape[1:]))).transpose()")],
        "NumPy's reshape leaves the graph": [
            (
                "x.reshape((x.shape[0], math.prod(x.shape[1:])))",
                "Tensor(x.numpy().reshape(len(x.numpy()), -1))",
            )
        ],
        "the last two axes are swapped first": [
            (
                "return x.reshape",
                "x = x.transpose() if len(x.shape) > 2 else x\n        return x.reshape",
            )
        ],
        "an array is returned": [
            ("x.reshape((x.shape[0], math.prod(x.shape[1:])))", "x.numpy().reshape(x.shape[0], -1)")
        ],
        "the input is returned": [
            ("return x.reshape((x.shape[0], math.prod(x.shape[1:])))", "return x")
        ],
    },
    "relu-layer": {
        "the identity": [("relu(x)", "x")],
        "the absolute value": [("relu(x)", "relu(x) + relu(-x)")],
        "the negative part": [("relu(x)", "relu(-x)")],
        "min(x, 0)": [("relu(x)", "-relu(-x)")],
        "leaky": [("relu(x)", "relu(x) - 0.01 * relu(-x)")],
        "capped at six": [("relu(x)", "relu(x) - relu(x - 6.0)")],
        "NumPy's maximum leaves the graph": [("relu(x)", "Tensor(x.numpy().clip(0))")],
        "the input is detached": [("relu(x)", "relu(x.detach())")],
        "softplus": [
            (
                "return relu(x)",
                "from needle.ops import exp, log\n\n        return log(1.0 + exp(x))",
            )
        ],
        "the mask instead of the product": [
            ("relu(x)", "x * 0.0 + Tensor((x.numpy() > 0).astype(x.dtype))")
        ],
        "the gradient of the identity": [("relu(x)", "x + Tensor((-x.numpy()).clip(0))")],
        "a list is returned": [("relu(x)", "[relu(x)]")],
        "nothing is returned": [("return relu(x)", "relu(x)")],
    },
    "sequential": {
        "the wrong way round": [("in self.modules:", "in reversed(self.modules):")],
        "only the first": [("            x = module(x)\n", "            return module(x)\n")],
        "only the last": [
            (
                LOOP,
                "        return self.modules[-1](x)\n",
            )
        ],
        "return inside the loop": [
            ("        return x\n        ### END", "            return x\n        ### END")
        ],
        "each gets the original input": [
            (
                "            x = module(x)\n        return x\n",
                "            y = module(x)\n        return y\n",
            )
        ],
        "the first is left out": [("in self.modules:", "in self.modules[1:]:")],
        "the last is left out": [("in self.modules:", "in self.modules[:-1]:")],
        "the outputs are added up": [
            (
                "            x = module(x)\n        return x\n",
                "            y = module(x) + (0.0 if module is self.modules[0] else y)\n"
                "        return y\n",
            )
        ],
        "residual at every link": [("x = module(x)", "x = x + module(x)")],
        "the graph is cut between the modules": [("x = module(x)", "x = module(x.detach())")],
        "an iterator that is empty the second time": [
            ("self.modules = modules", "self.modules = iter(modules)")
        ],
        "an empty chain fails": [
            (
                LOOP,
                "        y = self.modules[0](x)\n        for module in self.modules[1:]:\n"
                "            y = module(y)\n        return y\n",
            )
        ],
        "a nested chain is skipped": [
            ("x = module(x)", "x = x if isinstance(module, Sequential) else module(x)")
        ],
        "a module that occurs twice is run once": [
            ("in self.modules:", "in dict.fromkeys(self.modules):")
        ],
        "nothing is returned": [("        return x\n        ### END", "        ### END")],
    },
    "residual": {
        "the short cut is missing": [("x + self.fn(x)", "self.fn(x)")],
        "the module is missing": [("x + self.fn(x)", "x")],
        "the input twice": [("x + self.fn(x)", "x + x")],
        "the module's output twice": [("x + self.fn(x)", "self.fn(x) + self.fn(x)")],
        "the module on its own output": [("x + self.fn(x)", "x + self.fn(self.fn(x))")],
        "the module on the sum": [("x + self.fn(x)", "self.fn(x + x)")],
        "a difference": [("x + self.fn(x)", "self.fn(x) - x")],
        "a difference, the other way": [("x + self.fn(x)", "x - self.fn(x)")],
        "a product": [("x + self.fn(x)", "x * self.fn(x)")],
        "the mean of both": [("x + self.fn(x)", "(x + self.fn(x)) / 2")],
        "a ReLU after the sum": [("x + self.fn(x)", "relu(x + self.fn(x))")],
        "the short cut is detached": [("x + self.fn(x)", "x.detach() + self.fn(x)")],
        "the module's input is detached": [("x + self.fn(x)", "x + self.fn(x.detach())")],
        "the module's output is detached": [("x + self.fn(x)", "x + self.fn(x).detach()")],
        "NumPy's sum": [("x + self.fn(x)", "Tensor(x.numpy() + self.fn(x).numpy())")],
        "the module is called twice": [
            (
                "return x + self.fn(x)",
                "assert self.fn(x).shape == x.shape\n        return x + self.fn(x)",
            )
        ],
        "the module is hidden from parameters()": [
            ("self.fn = fn", "self.fn = lambda x: fn(x)"),
        ],
        "nothing is returned": [("return x + self.fn(x)", "x + self.fn(x)")],
    },
}

RIGHT = {
    "linear": {
        "with the functions of needle.ops": """
class Linear(Module):
    def __init__(self, in_features, out_features, bias=True, device=None, dtype="float32"):
        from needle import ops

        self.ops = ops
        self.in_features, self.out_features = in_features, out_features
        options = {"device": device, "dtype": dtype, "requires_grad": True}
        self.weight = Parameter(init.kaiming_uniform(in_features, out_features, **options))
        self.bias = None
        if bias:
            column = init.kaiming_uniform(out_features, 1, **options)
            self.bias = Parameter(self.ops.reshape(column, (1, out_features)))

    def forward(self, x):
        y = self.ops.matmul(x, self.weight)
        if self.bias is not None:
            y = self.ops.add(y, self.ops.broadcast_to(self.bias, y.shape))
        return y
""",
        "the bias is copied by a product with ones": """
class Linear(Module):
    def __init__(self, in_features, out_features, bias=True, device=None, dtype="float32"):
        super().__init__()

        def draw(fan_in, fan_out):
            return init.kaiming_uniform(fan_in, fan_out, device=device, dtype=dtype)

        self.weight = Parameter(draw(in_features, out_features), dtype=dtype, device=device)
        self.bias = Parameter(draw(out_features, 1).numpy().T) if bias else None

    def forward(self, x):
        y = x @ self.weight
        if self.bias is None:
            return y
        return y + init.ones(*x.shape[:-1], 1, dtype=x.dtype) @ self.bias
""",
        "drawn by NumPy, the bias first in the attributes": """
class Linear(Module):
    def __init__(self, in_features, out_features, bias=True, device=None, dtype="float32"):
        super().__init__()

        def uniform(shape, fan_in):
            a = math.sqrt(6 / fan_in)
            return Parameter(init.rand(*shape, low=-a, high=a, dtype=dtype))

        weight = uniform((in_features, out_features), in_features)
        if bias:
            self.bias = uniform((1, out_features), out_features)
        self.weight = weight

    def forward(self, x):
        product = x.matmul(self.weight)
        if not hasattr(self, "bias"):
            return product
        return self.bias.broadcast_to(product.shape) + product
""",
        "leading axes folded into one and unfolded": """
class Linear(Module):
    def __init__(self, in_features, out_features, bias=True, device=None, dtype="float32"):
        super().__init__()
        self.weight = Parameter(
            init.kaiming_uniform(in_features, out_features), device=device, dtype=dtype
        )
        self.bias = None
        if bias:
            self.bias = Parameter(
                init.kaiming_uniform(out_features, 1).transpose((0, 1)), device=device, dtype=dtype
            )

    def forward(self, x):
        rows = x.reshape((math.prod(x.shape[:-1]), x.shape[-1]))
        y = rows @ self.weight
        if self.bias is not None:
            vector = self.bias.reshape((1, y.shape[1]))
            y = y + vector.broadcast_to((y.shape[0], y.shape[1]))
        return y.reshape((*x.shape[:-1], y.shape[1]))
""",
    },
    "flatten": {
        "with minus one": """
class Flatten(Module):
    def forward(self, x):
        return x.reshape((x.shape[0], -1))
""",
        "with the op and a loop for the product": """
class Flatten(Module):
    def forward(self, x):
        from needle.ops import reshape

        columns = 1
        for size in x.shape[1:]:
            columns *= size
        return reshape(x, (x.shape[0], columns))
""",
        "from NumPy's size": """
class Flatten(Module):
    def forward(self, x):
        n, *_ = x.shape
        return x.reshape((n, x.numpy().size // n))
""",
        "axis by axis": """
class Flatten(Module):
    def forward(self, x):
        if len(x.shape) == 1:
            return x.reshape((x.shape[0], 1))
        while len(x.shape) > 2:
            x = x.reshape((*x.shape[:-2], x.shape[-2] * x.shape[-1]))
        return x
""",
    },
    "relu-layer": {
        "by the class of the op": """
class ReLU(Module):
    def forward(self, x):
        from needle import ops

        return ops.ReLU()(x)
""",
        "as a product with a mask": """
class ReLU(Module):
    def forward(self, x):
        mask = (x.numpy() > 0).astype(x.numpy().dtype)
        return x * Tensor(mask, requires_grad=False)
""",
        "half the sum of x and its absolute value": """
class ReLU(Module):
    def forward(self, x):
        sign = Tensor(np.sign(x.numpy()), requires_grad=False)
        return 0.5 * (x + x * sign)


import numpy as np
""",
    },
    "sequential": {
        "with reduce": """
class Sequential(Module):
    def __init__(self, *modules):
        super().__init__()
        self.modules = list(modules)

    def forward(self, x):
        from functools import reduce

        return reduce(lambda y, module: module(y), self.modules, x)
""",
        "by index": """
class Sequential(Module):
    def __init__(self, *modules):
        super().__init__()
        self.modules = modules

    def forward(self, x):
        y = x
        for i in range(len(self.modules)):
            y = self.modules[i].forward(y)
        return y
""",
        "recursively": """
class Sequential(Module):
    def __init__(self, *modules):
        self.modules = modules

    def forward(self, x):
        return self._run(self.modules, x)

    def _run(self, modules, x):
        return self._run(modules[1:], modules[0](x)) if modules else x
""",
    },
    "residual": {
        "the other order": """
class Residual(Module):
    def __init__(self, fn):
        super().__init__()
        self.fn = fn

    def forward(self, x):
        return self.fn(x) + x
""",
        "with the op": """
class Residual(Module):
    def __init__(self, fn):
        self.function = fn

    def forward(self, x):
        from needle.ops import add

        added = self.function(x)
        return add(added, x)
""",
        "as a chain with a way round, subtracting the negative": """
class Residual(Module):
    def __init__(self, fn):
        super().__init__()
        self.inside = Sequential(Identity(), fn)

    def forward(self, x):
        change = self.inside.forward(x)
        return change - (-x)
""",
    },
}
