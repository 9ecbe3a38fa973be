"""Answers to stage 01 that must lose points (WRONG) and that must not (RIGHT)."""

XAVIER_UNIFORM = "    bound = gain * math.sqrt(6 / (fan_in + fan_out))\n"
XAVIER_NORMAL = "    std = gain * math.sqrt(2 / (fan_in + fan_out))\n"
KAIMING_UNIFORM = "    bound = math.sqrt(2) * math.sqrt(3 / fan_in)\n"
KAIMING_NORMAL = "    std = math.sqrt(2) / math.sqrt(fan_in)\n"
DRAW_UNIFORM = "return rand(fan_in, fan_out, low=-bound, high=bound, **kwargs)"
DRAW_NORMAL = "return randn(fan_in, fan_out, mean=0, std=std, **kwargs)"

UNIFORM_SLIPS = {
    "the interval starts at zero": [("low=-bound", "low=0")],
    "the bound is the width of the interval": [
        ("low=-bound, high=bound", "low=-bound / 2, high=bound / 2")
    ],
    "shape (fan_out, fan_in)": [("rand(fan_in, fan_out,", "rand(fan_out, fan_in,")],
    "a normal distribution of the right variance": [
        (DRAW_UNIFORM, "return randn(fan_in, fan_out, std=bound / math.sqrt(3), **kwargs)")
    ],
    "the keywords are dropped": [(", **kwargs)\n    ### END", ")\n    ### END")],
    "only the dtype is handed on": [
        ("high=bound, **kwargs", "high=bound, dtype=kwargs.get('dtype', 'float32')")
    ],
    "NumPy's float64 is returned": [
        (
            DRAW_UNIFORM,
            "return Tensor(np.random.uniform(-bound, bound, (fan_in, fan_out)), **kwargs)",
        )
    ],
    "it requires a gradient unasked": [
        (
            "low=-bound, high=bound, **kwargs",
            "low=-bound, high=bound, **{'requires_grad': True, **kwargs}",
        )
    ],
    "a generator of its own": [
        (
            DRAW_UNIFORM,
            "own = globals().setdefault('own', np.random.default_rng(5))\n"
            "    array = own.uniform(-bound, bound, (fan_in, fan_out))\n"
            "    return Tensor(array, **{'dtype': 'float32', 'requires_grad': False, **kwargs})",
        )
    ],
    "a fixed seed inside": [(DRAW_UNIFORM, f"np.random.seed(0)\n    {DRAW_UNIFORM}")],
    "one row, repeated": [
        (
            DRAW_UNIFORM,
            "row = np.random.uniform(-bound, bound, (1, fan_out)).repeat(fan_in, 0)\n"
            "    return Tensor(row, **{'dtype': 'float32', 'requires_grad': False, **kwargs})",
        )
    ],
    "an array, not a Tensor": [
        (
            DRAW_UNIFORM,
            "return np.random.uniform(-bound, bound, (fan_in, fan_out)).astype('float32')",
        )
    ],
    "nothing is returned": [(DRAW_UNIFORM, "rand(fan_in, fan_out, low=-bound, high=bound)")],
}

NORMAL_SLIPS = {
    "the mean is not zero": [("mean=0", "mean=std")],
    "the default deviation of randn": [("mean=0, std=std, ", "")],
    "the variance in place of the deviation": [("std=std", "std=std**2")],
    "shape (fan_out, fan_in)": [("randn(fan_in, fan_out,", "randn(fan_out, fan_in,")],
    "a uniform distribution of the right variance": [
        (
            DRAW_NORMAL,
            "a = math.sqrt(3) * std\n    return rand(fan_in, fan_out, low=-a, high=a, **kwargs)",
        )
    ],
    "a normal distribution cut off at two deviations": [
        (
            DRAW_NORMAL,
            "array = std * np.clip(np.random.randn(fan_in, fan_out), -2, 2)\n"
            "    return Tensor(array, **{'dtype': 'float32', 'requires_grad': False, **kwargs})",
        )
    ],
    "the keywords are dropped": [(", **kwargs)\n    ### END", ")\n    ### END")],
    "only the dtype is handed on": [
        ("std=std, **kwargs", "std=std, dtype=kwargs.get('dtype', 'float32')")
    ],
    "NumPy's float64 is returned": [
        (DRAW_NORMAL, "return Tensor(np.random.normal(0, std, (fan_in, fan_out)), **kwargs)")
    ],
    "it requires a gradient unasked": [
        ("std=std, **kwargs", "std=std, **{'requires_grad': True, **kwargs}")
    ],
    "a generator of its own": [
        (
            DRAW_NORMAL,
            "own = globals().setdefault('own', np.random.default_rng(5))\n"
            "    array = own.normal(0, std, (fan_in, fan_out))\n"
            "    return Tensor(array, **{'dtype': 'float32', 'requires_grad': False, **kwargs})",
        )
    ],
    "a fixed seed inside": [(DRAW_NORMAL, f"np.random.seed(0)\n    {DRAW_NORMAL}")],
    "one column, repeated": [
        (
            DRAW_NORMAL,
            "column = std * np.random.randn(fan_in, 1).repeat(fan_out, 1)\n"
            "    return Tensor(column, **{'dtype': 'float32', 'requires_grad': False, **kwargs})",
        )
    ],
}

WRONG = {
    "xavier-uniform": {
        **UNIFORM_SLIPS,
        "the deviation is taken for the bound": [("math.sqrt(6 /", "math.sqrt(2 /")],
        "the 3 of Kaiming in place of the 6": [("math.sqrt(6 /", "math.sqrt(3 /")],
        "the gain is ignored": [("gain * math", "math")],
        "the gain stands under the root": [
            (XAVIER_UNIFORM, "    bound = math.sqrt(6 * gain / (fan_in + fan_out))\n")
        ],
        "the square root is forgotten": [
            (XAVIER_UNIFORM, "    bound = gain * 6 / (fan_in + fan_out)\n")
        ],
        "the root does not cover the sizes": [
            (XAVIER_UNIFORM, "    bound = gain * math.sqrt(6) / (fan_in + fan_out)\n")
        ],
        "only fan_in counts": [
            ("math.sqrt(6 / (fan_in + fan_out))", "math.sqrt(6 / (2 * fan_in))")
        ],
        "only fan_out counts": [
            ("math.sqrt(6 / (fan_in + fan_out))", "math.sqrt(6 / (2 * fan_out))")
        ],
        "the sizes are multiplied": [
            ("math.sqrt(6 / (fan_in + fan_out))", "math.sqrt(6 / (fan_in * fan_out))")
        ],
        "precedence: 6 / fan_in + fan_out": [
            ("math.sqrt(6 / (fan_in + fan_out))", "math.sqrt(6 / fan_in + fan_out)")
        ],
    },
    "xavier-normal": {
        **NORMAL_SLIPS,
        "the bound is taken for the deviation": [("math.sqrt(2 /", "math.sqrt(6 /")],
        "variance 1 / (fan_in + fan_out)": [("math.sqrt(2 /", "math.sqrt(1 /")],
        "the gain is ignored": [("gain * math", "math")],
        "the gain stands under the root": [
            (XAVIER_NORMAL, "    std = math.sqrt(2 * gain / (fan_in + fan_out))\n")
        ],
        "the square root is forgotten": [
            (XAVIER_NORMAL, "    std = gain * 2 / (fan_in + fan_out)\n")
        ],
        "only fan_in counts": [
            ("math.sqrt(2 / (fan_in + fan_out))", "math.sqrt(2 / (2 * fan_in))")
        ],
        "only fan_out counts": [
            ("math.sqrt(2 / (fan_in + fan_out))", "math.sqrt(2 / (2 * fan_out))")
        ],
        "the geometric mean of the sizes": [
            ("math.sqrt(2 / (fan_in + fan_out))", "(fan_in * fan_out) ** -0.25")
        ],
    },
    "kaiming-uniform": {
        "any nonlinearity is taken": [("    _demand_relu(nonlinearity)\n", "")],
        **UNIFORM_SLIPS,
        "the gain is forgotten": [("math.sqrt(2) * math", "math")],
        "the gain is 2": [("math.sqrt(2) * math", "2 * math")],
        "fan_out in place of fan_in": [("math.sqrt(3 / fan_in)", "math.sqrt(3 / fan_out)")],
        "the mean of the sizes, as with Xavier": [
            ("math.sqrt(3 / fan_in)", "math.sqrt(6 / (fan_in + fan_out))")
        ],
        "the deviation is taken for the bound": [("math.sqrt(3 /", "math.sqrt(1 /")],
        "the root does not cover fan_in": [
            (KAIMING_UNIFORM, "    bound = math.sqrt(2) * math.sqrt(3) / fan_in\n")
        ],
        "the square root is forgotten": [
            (KAIMING_UNIFORM, "    bound = math.sqrt(2) * 3 / fan_in\n")
        ],
        "the gain of a leaky ReLU with slope sqrt(5)": [
            ("math.sqrt(2) * math", "math.sqrt(2 / (1 + 5)) * math")
        ],
    },
    "kaiming-normal": {
        "any nonlinearity is taken": [("    _demand_relu(nonlinearity)\n", "")],
        **NORMAL_SLIPS,
        "the gain is forgotten": [("math.sqrt(2) /", "1 /")],
        "the gain is 2": [("math.sqrt(2) /", "2 /")],
        "fan_out in place of fan_in": [("math.sqrt(fan_in)", "math.sqrt(fan_out)")],
        "the mean of the sizes, as with Xavier": [
            ("math.sqrt(fan_in)", "math.sqrt((fan_in + fan_out) / 2)")
        ],
        "the bound is taken for the deviation": [("math.sqrt(2) /", "math.sqrt(6) /")],
        "the root does not cover fan_in": [("math.sqrt(fan_in)", "fan_in")],
        "the root covers only fan_in": [(KAIMING_NORMAL, "    std = 2 / math.sqrt(fan_in)\n")],
        "the nonlinearity is handed to randn": [
            ("std=std, **kwargs", "std=std, nonlinearity=nonlinearity, **kwargs")
        ],
    },
}

RIGHT = {
    "xavier-uniform": {
        "with NumPy's uniform": """
def xavier_uniform(fan_in, fan_out, gain=1.0, **kwargs):
    a = gain * np.sqrt(6.0 / (fan_in + fan_out))
    kwargs = {"dtype": "float32", "requires_grad": False, **kwargs}
    return Tensor(np.random.uniform(-a, a, size=(fan_in, fan_out)), **kwargs)
""",
        "by way of the variance": """
def xavier_uniform(fan_in, fan_out, gain=1.0, **kwargs):
    variance = gain**2 * 2 / (fan_in + fan_out)
    return rand(fan_in, fan_out, low=-((3 * variance) ** 0.5), high=(3 * variance) ** 0.5, **kwargs)
""",
        "column by column": """
def xavier_uniform(fan_in, fan_out, gain=1.0, dtype="float32", requires_grad=False, device=None):
    a = gain * math.sqrt(6 / (fan_in + fan_out))
    columns = [a * (2 * np.random.rand(fan_in) - 1) for _ in range(fan_out)]
    return Tensor(np.stack(columns, axis=1).astype(dtype), requires_grad=requires_grad)
""",
        "rand on [0, 1) moved and stretched afterwards": """
def xavier_uniform(fan_in, fan_out, gain=1.0, requires_grad=False, **kwargs):
    a = gain * math.sqrt(6 / (fan_in + fan_out))
    weights = rand(fan_in, fan_out, **kwargs) * (2 * a) - a
    return Tensor(weights, requires_grad=requires_grad)
""",
    },
    "xavier-normal": {
        "with NumPy's normal": """
def xavier_normal(fan_in, fan_out, gain=1.0, **kwargs):
    kwargs.setdefault("dtype", "float32")
    kwargs.setdefault("requires_grad", False)
    array = np.random.normal(0, gain * np.sqrt(2 / (fan_in + fan_out)), (fan_in, fan_out))
    return Tensor(array, **kwargs)
""",
        "after Box and Muller": """
def xavier_normal(fan_in, fan_out, gain=1.0, dtype="float32", requires_grad=False, device=None):
    radius = np.sqrt(-2 * np.log(1 - np.random.rand(fan_in, fan_out)))
    normal = radius * np.cos(2 * np.pi * np.random.rand(fan_in, fan_out))
    std = gain * (2 / (fan_in + fan_out)) ** 0.5
    return Tensor(std * normal, dtype=dtype, requires_grad=requires_grad)
""",
        "drawn transposed": """
def xavier_normal(fan_in, fan_out, gain=1.0, **kwargs):
    std = gain / math.sqrt((fan_in + fan_out) / 2)
    drawn = randn(fan_out, fan_in, std=std, dtype=kwargs.pop("dtype", "float32"))
    return Tensor(drawn.numpy().T, **{"requires_grad": False, **kwargs})
""",
        "a helper shared with the others": """
def _scaled(draw, std, fan_in, fan_out, options):
    return draw(fan_in, fan_out, std=std, **options)


def xavier_normal(fan_in, fan_out, gain=1.0, **kwargs):
    return _scaled(randn, gain * (2 / (fan_in + fan_out)) ** 0.5, fan_in, fan_out, kwargs)
""",
    },
    "kaiming-uniform": {
        "with NumPy's random_sample": """
def kaiming_uniform(fan_in, fan_out, nonlinearity="relu", **kwargs):
    if nonlinearity != "relu":
        raise ValueError("only relu")
    a = np.sqrt(6 / fan_in)
    array = a * (2 * np.random.random_sample((fan_in, fan_out)) - 1)
    return Tensor(array, **{"dtype": "float32", "requires_grad": False, **kwargs})
""",
        "as Xavier with another gain": """
def kaiming_uniform(fan_in, fan_out, nonlinearity="relu", **kwargs):
    _demand_relu(nonlinearity)
    gain = math.sqrt((fan_in + fan_out) / fan_in)
    return xavier_uniform(fan_in, fan_out, gain=gain, **kwargs)
""",
        "with a table of gains": """
def kaiming_uniform(fan_in, fan_out, nonlinearity="relu", **kwargs):
    gains = {"relu": 2**0.5}
    if nonlinearity not in gains:
        raise ValueError(f"no gain for {nonlinearity}")
    bound = gains[nonlinearity] * (3 / fan_in) ** 0.5
    return rand(fan_in, fan_out, high=-bound, low=bound, **kwargs)
""",
        "row by row": """
def kaiming_uniform(fan_in, fan_out, nonlinearity="relu", **kwargs):
    _demand_relu(nonlinearity)
    array = np.empty((fan_in, fan_out))
    for row in array:
        row[:] = np.random.uniform(-1, 1, fan_out) * math.sqrt(6 / fan_in)
    return Tensor(array, **{"dtype": "float32", "requires_grad": False, **kwargs})
""",
    },
    "kaiming-normal": {
        "with NumPy's standard_normal": """
def kaiming_normal(fan_in, fan_out, nonlinearity="relu", **kwargs):
    if nonlinearity != "relu":
        raise ValueError("only relu")
    array = np.random.standard_normal((fan_in, fan_out)) * np.sqrt(2.0 / fan_in)
    return Tensor(array, **{"dtype": "float32", "requires_grad": False, **kwargs})
""",
        "as Xavier with another gain": """
def kaiming_normal(fan_in, fan_out, nonlinearity="relu", **kwargs):
    _demand_relu(nonlinearity)
    return xavier_normal(fan_in, fan_out, math.sqrt(1 + fan_out / fan_in), **kwargs)
""",
        "as a sum of two normal samples": """
def kaiming_normal(fan_in, fan_out, nonlinearity="relu", requires_grad=False, **kwargs):
    _demand_relu(nonlinearity)
    std = fan_in**-0.5
    both = [randn(fan_in, fan_out, std=std, **kwargs).numpy() for _ in range(2)]
    return Tensor(both[0] + both[1], requires_grad=requires_grad)
""",
        "scaled after the draw": """
def kaiming_normal(fan_in, fan_out, nonlinearity="relu", **kwargs):
    _demand_relu(nonlinearity)
    weights = randn(fan_in, fan_out, **kwargs)
    weights.data = weights.data * math.sqrt(2 / fan_in)
    return weights
""",
    },
}
