"""Answers to stage 03 that must lose points (WRONG) and that must not (RIGHT)."""

WRONG = {
    "stable-logsumexp": {
        "the maximum is not subtracted": [
            ("np.where(np.isfinite(top), top, 0)", "np.zeros_like(top)"),
        ],
        "the maximum is not added back": [("np.log(total) + shift", "np.log(total)")],
        "the maximum is subtracted again": [("np.log(total) + shift", "np.log(total) - shift")],
        "the maximum itself": [("np.log(total) + shift", "top")],
        "one maximum for the whole array": [
            ("np.max(array, axis=axes, keepdims=True)", "np.max(array, keepdims=True)"),
        ],
        "shifted by the mean": [("np.max(", "np.mean(")],
        "shifted by the largest absolute value": [("np.max(array,", "np.max(np.abs(array),")],
        "clipped instead of shifted": [
            ("np.where(np.isfinite(top), top, 0)", "np.zeros_like(top)"),
            ("np.exp(array - shift)", "np.exp(np.clip(array, -88, 88))"),
        ],
        "inf minus inf": [("np.where(np.isfinite(top), top, 0)", "top")],
        "an epsilon in the logarithm": [("np.log(total)", "np.log(total + 1e-8)")],
        "the axes are ignored": [("    top = np.max(", "    axes = None\n    top = np.max(")],
        "always the last axis": [("    top = np.max(", "    axes = -1\n    top = np.max(")],
        "only the first of several axes": [
            (
                "    top = np.max(",
                "    axes = axes[0] if isinstance(axes, tuple) else axes\n    top = np.max(",
            ),
        ],
        "an int is not understood": [
            (
                "    top = np.max(",
                "    axes = None if axes is None else tuple(axes)\n    top = np.max(",
            ),
        ],
        "the reduced axes are kept": [("np.squeeze(result, axis=axes)", "result")],
        "every axis of size one is dropped": [
            ("np.squeeze(result, axis=axes)", "np.squeeze(result)"),
        ],
        "the mean of the exponentials": [("np.sum(", "np.mean(")],
        "the logarithm to base 2": [("np.log(total)", "np.log2(total)")],
        "log1p": [("np.log(total)", "np.log1p(total)")],
        "no logarithm": [("np.log(total) + shift", "total")],
        "float64 out of float32": [
            ("np.squeeze(result, axis=axes)", "np.squeeze(result, axis=axes).astype(float)"),
        ],
        "float32 out of float64": [
            ("    top = np.max(", '    array = array.astype("float32")\n    top = np.max('),
        ],
        "the input is changed in place": [
            ("np.exp(array - shift)", "np.exp(np.subtract(array, shift, out=array))"),
        ],
        "the first public example by heart": [
            (
                "    top = np.max(",
                "    if array.ndim == 1 and array[0] == 1000:\n"
                '        return np.array(1000.6931, dtype="float32")\n'
                "    return np.log(np.exp(array).sum(axis=axes))\n"
                "    top = np.max(",
            ),
        ],
    },
    "logsumexp": {
        "out_grad is ignored": [("grad * exp(z - log_sum)", "exp(z - log_sum)")],
        "the softmax is forgotten": [("grad * exp(z - log_sum)", "grad")],
        "out_grad is broadcast as it is": [
            (
                "out_grad.reshape(tuple(kept)).broadcast_to(z.shape)",
                "out_grad.broadcast_to(z.shape)",
            ),
        ],
        "the node is broadcast as it is": [
            ("node.reshape(tuple(kept)).broadcast_to(z.shape)", "node.broadcast_to(z.shape)"),
        ],
        "out_grad is summed": [
            (
                "out_grad.reshape(tuple(kept)).broadcast_to(z.shape)",
                "out_grad.sum().broadcast_to(z.shape)",
            ),
        ],
        "the exponentials are not normalized": [("exp(z - log_sum)", "exp(z)")],
        "exp(z) / exp(node) overflows": [("exp(z - log_sum)", "(exp(z) / exp(log_sum))")],
        "shifted by one maximum for all slices": [
            (
                "return grad * exp(z - log_sum)",
                "shifted = exp(z - float(z.numpy().max()))\n"
                "        total = shifted.sum(tuple(axes)).reshape(tuple(kept))\n"
                "        return grad * (shifted / total.broadcast_to(z.shape))",
            ),
        ],
        "the softmax over all axes": [
            (
                "return grad * exp(z - log_sum)",
                "shifted = exp(z - float(z.numpy().max()))\n"
                "        return grad * (shifted / shifted.sum().broadcast_to(z.shape))",
            ),
        ],
        "always over the last axis": [
            (
                "range(len(z.shape)) if self.axes is None else np.atleast_1d(self.axes)",
                "[len(z.shape) - 1]",
            ),
        ],
        "negative axes are not understood": [
            ("list(z.shape)", "[1 if i in axes else n for i, n in enumerate(z.shape)]"),
            ("for axis in axes:", "for axis in ():"),
        ],
        "no axes is not understood": [
            (
                "range(len(z.shape)) if self.axes is None else np.atleast_1d(self.axes)",
                "self.axes if isinstance(self.axes, tuple) else (self.axes,)",
            ),
        ],
        "an int axis is not understood": [("np.atleast_1d(self.axes)", "self.axes")],
        "the logarithm of the softmax": [("exp(z - log_sum)", "(z - log_sum)")],
        "the derivative of the softmax": [
            ("grad * exp(z - log_sum)", "grad * exp(z - log_sum) * (1 - exp(z - log_sum))"),
        ],
        "the gradient of the maximum": [
            ("exp(z - log_sum)", "Tensor((z.numpy() > log_sum.numpy() - 0.7).astype(z.dtype))"),
        ],
        "divided by the number of entries": [
            ("grad * exp(z - log_sum)", "grad * exp(z - log_sum) / z.numpy().size"),
        ],
        "the wrong sign": [("exp(z - log_sum)", "-exp(z - log_sum)")],
        "the signs in the exponent swapped": [("exp(z - log_sum)", "exp(log_sum - z)")],
        "the softmax is a constant": [("exp(z - log_sum)", "exp(z - log_sum).detach()")],
        "the node is detached": [("node.reshape(", "node.detach().reshape(")],
        "computed on arrays": [
            (
                "return grad * exp(z - log_sum)",
                "return Tensor(grad.numpy() * np.exp(z.numpy() - log_sum.numpy()))",
            ),
        ],
        "float32 gradients out of float64": [
            (
                "return grad * exp(z - log_sum)",
                'share = exp(Tensor(z, dtype="float32") - Tensor(log_sum, dtype="float32"))\n'
                "        return Tensor(grad * share, dtype='float32')",
            ),
        ],
        "float64 gradients": [
            ("grad * exp(z - log_sum)", "grad * exp(z - log_sum) * Tensor(np.ones(z.shape))"),
        ],
    },
}

RIGHT = {
    "stable-logsumexp": {
        "by NumPy's logaddexp, one axis at a time": '''
def stable_logsumexp(array, axes=None):
    """Reduce with log(exp(a) + exp(b)), which NumPy has as a ufunc."""
    if axes is None:
        axes = range(array.ndim)
    elif isinstance(axes, int):
        axes = (axes,)
    for axis in sorted({axis % array.ndim for axis in axes}, reverse=True):
        array = np.logaddexp.reduce(array, axis=axis)
    return np.asarray(array)
''',
        "by loops over slices": '''
def log_of_sum(values):
    """The logsumexp of a plain list of numbers, largest first."""
    largest, *rest = sorted((float(v) for v in values), reverse=True)
    if np.isinf(largest):
        return largest
    return largest + np.log1p(sum(np.exp(v - largest) for v in rest))


def stable_logsumexp(array, axes=None):
    """Bring the reduced axes to the end, then go through the slices one by one."""
    ndim = array.ndim
    axes = tuple(range(ndim)) if axes is None else tuple(np.atleast_1d(axes) % ndim)
    kept = [axis for axis in range(ndim) if axis not in axes]
    shape = tuple(array.shape[axis] for axis in kept)
    slices = array.transpose(*kept, *axes).reshape(int(np.prod(shape)), -1)
    return np.array([log_of_sum(s) for s in slices], dtype=array.dtype).reshape(shape)
''',
        "in float64, with nan_to_num for the shift": '''
def stable_logsumexp(array, axes=None):
    """Work in float64 and go back at the end."""
    wide = np.array(array, dtype=np.float64)
    shift = np.nan_to_num(wide.max(axis=axes, keepdims=True), posinf=0.0, neginf=0.0)
    with np.errstate(all="ignore"):
        wide -= shift
        result = np.log(np.exp(wide).sum(axis=axes)) + shift.reshape(wide.max(axis=axes).shape)
    return result.astype(array.dtype)
''',
        "the maximum twice, without keepdims at the end": '''
def stable_logsumexp(array, axes=None):
    """One maximum that broadcasts, one that has the shape of the result."""
    largest = np.amax(array, axis=axes)
    wide = np.amax(array, axis=axes, keepdims=True)
    difference = np.zeros_like(array)
    np.subtract(array, wide, out=difference, where=np.isfinite(wide))
    total = np.exp(difference).sum(axis=axes)
    return np.where(np.isfinite(largest), largest + np.log(total), largest)
''',
    },
    "logsumexp": {
        "with the maximum, as in the lecture notes": """
class LogSumExp(TensorOp):
    def __init__(self, axes=None):
        self.axes = axes

    def compute(self, array):
        return stable_logsumexp(array, self.axes)

    def gradient(self, out_grad, node):
        z = node.inputs[0]
        axes = self.axes
        if axes is None:
            axes = tuple(range(len(z.shape)))
        elif isinstance(axes, int):
            axes = (axes,)
        largest = z.numpy().max(axis=axes, keepdims=True)
        exp_z = exp(z - Tensor(np.broadcast_to(largest, z.shape), requires_grad=False))
        grad_of_sum = out_grad / exp_z.sum(axes)
        return grad_of_sum.reshape(largest.shape).broadcast_to(z.shape) * exp_z


def logsumexp(a, axes=None):
    return LogSumExp(axes)(a)
""",
        "the axes put back by a helper, forward by NumPy in the class": '''
def put_back(a, shape, axes):
    """Broadcast `a`, which lost `axes`, to `shape` again."""
    ndim = len(shape)
    gone = set(range(ndim)) if axes is None else {int(i) % ndim for i in np.ravel(axes)}
    return a.reshape(tuple(1 if i in gone else n for i, n in enumerate(shape))).broadcast_to(shape)


class LogSumExp(TensorOp):
    def __init__(self, axes=None):
        self.axes = axes

    def compute(self, array):
        top = array.max(axis=self.axes, keepdims=True)
        total = np.exp(array - top).sum(axis=self.axes)
        return np.log(total) + top.reshape(total.shape)

    def gradient(self, out_grad, node):
        z = node.inputs[0]
        log_softmax = z - put_back(node, z.shape, self.axes)
        return exp(log_softmax) * put_back(out_grad, z.shape, self.axes)


def logsumexp(a, axes=None):
    return LogSumExp(axes)(a)
''',
        "the shape from keepdims, in functions instead of methods": """
from needle.ops.basic import broadcast_to, multiply, negate, reshape


class LogSumExp(TensorOp):
    def __init__(self, axes=None):
        if isinstance(axes, int):
            axes = (axes,)
        self.axes = axes

    def compute(self, array):
        return stable_logsumexp(array, self.axes)

    def gradient(self, out_grad, node):
        (z,) = node.inputs
        kept = np.sum(np.empty(z.shape), axis=self.axes, keepdims=True).shape
        shares = exp(z + negate(broadcast_to(reshape(node, kept), z.shape)))
        return multiply(shares, broadcast_to(reshape(out_grad, kept), z.shape))


def logsumexp(a, axes=None):
    return LogSumExp(axes)(a)
""",
        "dividing by the exponential of the gap": """
class LogSumExp(TensorOp):
    def __init__(self, axes=None):
        self.axes = axes

    def compute(self, array):
        return stable_logsumexp(array, self.axes)

    def gradient(self, out_grad, node):
        z = node.inputs[0]
        if self.axes is None:
            kept = (1,) * len(z.shape)
        else:
            kept = np.expand_dims(node.numpy(), self.axes).shape
        spread = [t.reshape(kept).broadcast_to(z.shape) for t in (node, out_grad)]
        return spread[1] / exp(spread[0] - z)


def logsumexp(a, axes=None):
    return LogSumExp(axes)(a)
""",
    },
}
